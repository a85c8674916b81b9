//! `sigstore`: the command line of Sigstore's public conformance protocol, hidden, for its test suite and for whoever checks one bundle.
//! In: a bundle and the artifact, or the artifact's digest; or a file, and a token. Out: an exit status, and one line on standard error
//! where it is refused; or a bundle. What is trusted is a file's or as built in, whatever `cosign initialize` keeps.
//! A key or a trusted root that cannot be read is no refusal of the bundle: nothing can be told then.

use std::path::Path;

use anyhow::Context as _;
use plimsoll_trust::{
    Artifact, Bundle, Demand, Hash, Identity, Pattern, PublicKey, Reason, Refusal, Signer, Subject, TrustMaterial,
    verify_bundle,
};

use crate::assess::read_bounded;
use crate::cli::{SignBundleArgs, SigstoreCommand, VerifyBundleArgs};
use crate::compat::cosign;
use crate::exit::Exit;

/// Bytes of a bundle, as many as are read of one; keys and roots are smaller.
const MOST_BYTES: u64 = 64 << 20;
/// Bytes of an artifact: it is hashed as a whole.
const MOST_ARTIFACT: u64 = 1 << 30;

pub fn run(command: &SigstoreCommand) -> anyhow::Result<Exit> {
    match command {
        SigstoreCommand::VerifyBundle(args) => verify(args),
        SigstoreCommand::SignBundle(args) => sign(args),
    }
}

/// Nothing of the staging services is built in.
fn not_staging(staging: bool, named: bool) -> anyhow::Result<()> {
    anyhow::ensure!(
        !staging || named,
        "know the staging services: name their files with --trusted-root, and --signing-config to sign (`plimsoll cosign initialize --staging` fetches both)"
    );
    Ok(())
}

fn sign(args: &SignBundleArgs) -> anyhow::Result<Exit> {
    not_staging(args.staging, args.trusted_root.is_some() && args.signing_config.is_some())?;
    let bytes = read_bounded(Path::new(&args.artifact), MOST_ARTIFACT)?;
    let keyless = cosign::Keyless {
        identity_token: &args.identity_token,
        trusted_root: args.trusted_root.as_deref(),
        signing_config: args.signing_config.as_deref(),
    };
    let bundle =
        keyless.bundle(&bytes, args.in_toto).map_err(|why| anyhow::anyhow!("sign {}: {why}", args.artifact))?;
    std::fs::write(&args.bundle, bundle).with_context(|| format!("write {}", args.bundle.display()))?;
    Ok(Exit::Allowed)
}

fn verify(args: &VerifyBundleArgs) -> anyhow::Result<Exit> {
    not_staging(args.staging, args.trusted_root.is_some())?;
    let bundle = read_bounded(&args.bundle, MOST_BYTES)?;
    let trust = match &args.trusted_root {
        Some(path) => TrustMaterial::from_json(&read_bounded(path, MOST_BYTES)?)
            .with_context(|| format!("read the trusted root {}", path.display()))?,
        None => TrustMaterial::production()?,
    };
    let demand = Demand::new(signer(args)?, Subject::Any);
    let digest = digest(&args.artifact);
    let bytes = match &digest {
        Some(_) => Vec::new(),
        None => read_bounded(Path::new(&args.artifact), MOST_ARTIFACT)?,
    };
    let artifact = digest.map_or(Artifact::Bytes(&bytes), |digest| Artifact::Digest(Hash::Sha256, digest));
    let verified = Bundle::from_json(&bundle)
        .and_then(|bundle| verify_bundle(&bundle, &artifact, &trust, &demand, jiff::Timestamp::now()));
    match verified {
        Ok(verified) => {
            let who = verified
                .identity
                .map_or_else(|| "the holder of the key".to_owned(), |(_, name, _)| name.text().to_owned());
            eprintln!("plimsoll: signed by {}", plimsoll_report::safe(&who));
            Ok(Exit::Allowed)
        }
        Err(refusal) => {
            eprintln!("plimsoll: refused: {}", plimsoll_report::safe(&refusal.to_string()));
            Ok(if refusal.reason.is_untold() { Exit::Undecided } else { Exit::Denied })
        }
    }
}

/// Who must have signed.
fn signer(args: &VerifyBundleArgs) -> anyhow::Result<Signer> {
    match (&args.key, &args.certificate_identity, &args.certificate_oidc_issuer) {
        (Some(path), None, None) => {
            let key = PublicKey::from_pem(&read_bounded(path, MOST_BYTES)?);
            Ok(Signer::Key(key.with_context(|| format!("read the key {}", path.display()))?))
        }
        (None, Some(name), Some(issuer)) => {
            Ok(Signer::Keyless(vec![Identity::new(Pattern::exact(name), Pattern::exact(issuer))]))
        }
        _ => {
            let why =
                "either --key, or --certificate-identity with --certificate-oidc-issuer, says who must have signed";
            Err(Refusal::new(Reason::DemandIncomplete, why).into())
        }
    }
}

/// The digest that the artifact is named by, where it is: `sha256:` with 64 hexadecimal digits, and no file of that name.
fn digest(artifact: &str) -> Option<Vec<u8>> {
    let digits = artifact.strip_prefix("sha256:").filter(|_| !Path::new(artifact).exists())?;
    Hash::Sha256.from_hex(digits)
}
