//! `sigstore`: the command line of Sigstore's public conformance protocol, hidden, for its test suite and for whoever checks one bundle.
//! In: a bundle and the artifact, or the artifact's digest. Out: an exit status, and one line on standard error where it is refused.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use plimsoll_trust::{
    Artifact, Bundle, Demand, Hash, Identity, Pattern, PublicKey, Reason, Refusal, Signer, Subject, TrustMaterial,
    Verified, verify_bundle,
};

use crate::cli::{SigstoreCommand, VerifyBundleArgs};
use crate::exit::Exit;

/// Bundles hold an attestation at most; keys and roots are smaller.
const MOST_BYTES: u64 = 128 << 20;

pub fn run(command: &SigstoreCommand) -> anyhow::Result<Exit> {
    let SigstoreCommand::VerifyBundle(args) = command;
    let bundle = read(&args.bundle)?;
    let root = args.trusted_root.as_deref().map(read).transpose()?;
    let key = args.key.as_deref().map(read).transpose()?;
    let mut bytes = Vec::new();
    let digest = digest(&args.artifact);
    if digest.is_none() {
        let what = || format!("read {}", args.artifact);
        File::open(&args.artifact).and_then(|mut file| file.read_to_end(&mut bytes)).with_context(what)?;
    }
    let artifact = digest.map_or(Artifact::Bytes(&bytes), |digest| Artifact::Digest(Hash::Sha256, digest));
    match judge(args, &bundle, root.as_deref(), key.as_deref(), &artifact) {
        Ok(verified) => {
            let who = verified
                .identity
                .map_or_else(|| "the holder of the key".to_owned(), |(_, name, _)| name.text().to_owned());
            eprintln!("plimsoll: signed by {}", plimsoll_report::safe(&who));
            Ok(Exit::Allowed)
        }
        Err(refusal) => {
            eprintln!("plimsoll: refused: {}", plimsoll_report::safe(&refusal.to_string()));
            // What is beyond us is neither a yes nor a no.
            let untold = [Reason::ArtifactNeeded, Reason::Unsupported].contains(&refusal.reason);
            Ok(if untold { Exit::Undecided } else { Exit::Denied })
        }
    }
}

fn judge(
    args: &VerifyBundleArgs,
    bundle: &[u8],
    root: Option<&[u8]>,
    key: Option<&[u8]>,
    artifact: &Artifact<'_>,
) -> Result<Verified, Refusal> {
    let trust = root.map_or_else(TrustMaterial::production, TrustMaterial::from_json)?;
    let signer = match (key, &args.certificate_identity, &args.certificate_oidc_issuer) {
        (Some(key), None, None) => Signer::Key(PublicKey::from_pem(key)?),
        (None, Some(name), Some(issuer)) => {
            Signer::Keyless(vec![Identity::new(Pattern::exact(name), Pattern::exact(issuer))])
        }
        _ => {
            let why =
                "either --key, or --certificate-identity with --certificate-oidc-issuer, says who must have signed";
            return Err(Refusal::new(Reason::DemandIncomplete, why));
        }
    };
    let demand = Demand::new(signer, Subject::Any);
    verify_bundle(&Bundle::from_json(bundle)?, artifact, &trust, &demand, jiff::Timestamp::now())
}

/// The digest that the artifact is named by, where it is: `sha256:` with 64 hexadecimal digits, and no file of that name.
fn digest(artifact: &str) -> Option<Vec<u8>> {
    let digits = artifact.strip_prefix("sha256:").filter(|digits| digits.len() == 64)?;
    if Path::new(artifact).exists() {
        return None;
    }
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digits.as_bytes().chunks(2).map(|pair| Some(digit(pair.first()?)? << 4 | digit(pair.get(1)?)?)).collect()
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let what = || format!("read {}", path.display());
    File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes)).with_context(what)?;
    Ok(bytes)
}
