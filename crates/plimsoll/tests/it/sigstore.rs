//! The command line of Sigstore's conformance protocol, over the bundles of the offline world that are seeds of the fuzzing.

use crate::{Run, plimsoll};

const IDENTITY: &str = "https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1";
const ISSUER: &str = "https://token.actions.githubusercontent.com";
/// The artifact that they sign.
const ARTIFACT: &[u8] = b"an artifact of the offline world\n";

fn verify(bundle: &str, who: &[&str], artifact: &str) -> Run {
    let start = ["sigstore", "verify-bundle", "--bundle", bundle];
    let end = ["--trusted-root", "fuzz/src/offline-world.json", artifact];
    plimsoll(&[&start[..], who, &end].concat())
}

fn digest() -> String {
    let digest = plimsoll_trust::Hash::Sha256.of(ARTIFACT);
    format!("sha256:{}", digest.iter().map(|b| format!("{b:02x}")).collect::<String>())
}

#[test]
fn bundles_are_judged_by_path_and_by_digest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("artifact");
    std::fs::write(&path, ARTIFACT).unwrap();
    let who = ["--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER];
    for bundle in ["v1", "v1-dsse", "v2-cosigned"] {
        let bundle = format!("fuzz/seeds/bundle/{bundle}.json");
        for artifact in [path.to_str().unwrap(), &digest()] {
            let run = verify(&bundle, &who, artifact);
            assert_eq!(run.status, 0, "{bundle} {artifact}: {}", run.err);
            assert!(run.err.contains(IDENTITY), "{}", run.err);
        }
    }
}

#[test]
fn refusals_say_their_code() {
    let bundle = "fuzz/seeds/bundle/v1.json";
    let who = ["--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER];
    let other = ["--certificate-identity", "https://github.com/acme", "--certificate-oidc-issuer", ISSUER];
    let zeros = format!("sha256:{}", "0".repeat(64));
    for (bundle, who, artifact, code) in [
        (bundle, &who[..], zeros.as_str(), "artifact-mismatch"),
        (bundle, &other[..], &digest(), "identity-mismatch"),
        (bundle, &[][..], &digest(), "demand-incomplete"),
        (bundle, &who[..2], &digest(), "demand-incomplete"),
        ("fuzz/seeds/bundle/key-v1.json", &who[..], &digest(), "key-mismatch"),
        ("fuzz/src/offline-world.json", &who[..], &digest(), "unsupported"),
        ("README.md", &who[..], &digest(), "malformed"),
    ] {
        let run = verify(bundle, who, artifact);
        // What is beyond us, and what nobody was asked for, are neither a yes nor a no.
        let untold = ["unsupported", "demand-incomplete"].contains(&code);
        assert_eq!(run.status, if untold { 2 } else { 1 }, "{}", run.err);
        assert!(run.err.contains(code), "{code}: {}", run.err);
    }
    // The built-in root trusts nobody of that world.
    let production = plimsoll(&[&["sigstore", "verify-bundle", "--bundle", bundle][..], &who, &[&digest()]].concat());
    assert_eq!((production.status, production.err.contains("log-unknown")), (1, true), "{}", production.err);
}

#[test]
fn what_is_not_there_could_not_be_told() {
    let run = verify("no-such-bundle", &[], &digest());
    assert_eq!(run.status, 2, "{}", run.err);
    assert!(run.err.contains("no-such-bundle"));
    // Nor could it with a key or a trusted root that is none: that is no fault of the bundle.
    let bundle = "fuzz/seeds/bundle/key-v1.json";
    let run = verify(bundle, &["--key", "README.md"], &digest());
    assert_eq!((run.status, run.err.contains("read the key README.md")), (2, true), "{}", run.err);
    let start = ["sigstore", "verify-bundle", "--bundle", bundle, "--key", "crates/plimsoll-trust/tests/keys/p256.pub"];
    let run = plimsoll(&[&start[..], &["--trusted-root", "README.md", &digest()]].concat());
    assert_eq!((run.status, run.err.contains("read the trusted root README.md")), (2, true), "{}", run.err);
    // Fewer digits name a file.
    let who = ["--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER];
    let run = verify("fuzz/seeds/bundle/v1.json", &who, "sha256:00");
    assert_eq!((run.status, run.err.contains("read sha256:00")), (2, true), "{}", run.err);
}
