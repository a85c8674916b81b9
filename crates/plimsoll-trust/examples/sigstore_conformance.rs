//! Judges every case of a folder of Sigstore's conformance set, by the artifact's bytes and by its digest, in one process and without a
//! network: a folder whose name ends in `_fail` must be refused, every other accepted. Prints what differs, each refusal's code where
//! `-v` is given, and how long it took. `sigstore_conformance FOLDER [-v]`

#![allow(clippy::unwrap_used, clippy::panic, reason = "a program for checks stops at once")]

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use plimsoll_trust::{
    Artifact, Bundle, Demand, Hash, Identity, Pattern, PublicKey, Refusal, Signer, Subject, TrustMaterial, Verified,
    verify_bundle,
};

/// Whom the set's own workflow signs as, where a case says nothing else.
const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

fn judge(case: &Path, artifact: &Artifact<'_>) -> Result<Verified, Refusal> {
    let text = |name: &str, otherwise: &str| {
        fs::read_to_string(case.join(name)).map_or_else(|_| otherwise.to_owned(), |text| text.trim().to_owned())
    };
    let trust = match fs::read(case.join("trusted_root.json")) {
        Ok(bytes) => TrustMaterial::from_json(&bytes)?,
        Err(_) => TrustMaterial::production()?,
    };
    let signer = match fs::read(case.join("key.pub")) {
        Ok(key) => Signer::Key(PublicKey::from_pem(&key)?),
        Err(_) => {
            let name = Pattern::exact(&text("identity", IDENTITY));
            Signer::Keyless(vec![Identity::new(name, Pattern::exact(&text("issuer", ISSUER)))])
        }
    };
    let bundle = Bundle::from_json(&fs::read(case.join("bundle.sigstore.json")).unwrap())?;
    let demand = Demand::new(signer, Subject::Any);
    verify_bundle(&bundle, artifact, &trust, &demand, jiff::Timestamp::now())
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("the folder of the cases");
    let verbose = arguments.next().as_deref() == Some("-v");
    let mut cases: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|p| p.is_dir()).collect();
    cases.sort();
    let (mut passed, mut failed) = (0, 0);
    let began = Instant::now();
    for case in &cases {
        let name = case.file_name().unwrap().to_string_lossy();
        let bytes = fs::read(case.join("artifact")).or_else(|_| fs::read(Path::new(&folder).join("a.txt"))).unwrap();
        let digest = Artifact::Digest(Hash::Sha256, Hash::Sha256.of(&bytes));
        for (how, artifact) in [("path", Artifact::Bytes(&bytes)), ("digest", digest)] {
            let outcome = judge(case, &artifact);
            let said = outcome.as_ref().map_or_else(ToString::to_string, |_| "accepted".to_owned());
            if outcome.is_err() == name.ends_with("_fail") {
                passed += 1;
                if verbose {
                    println!("{name} by {how}: {said}");
                }
            } else {
                failed += 1;
                println!("WRONG {name} by {how}: {said}");
            }
        }
    }
    println!("say: {} cases by path and digest in {} ms", cases.len(), began.elapsed().as_millis());
    println!("{passed} passed, {failed} failed");
    if failed > 0 || cases.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
