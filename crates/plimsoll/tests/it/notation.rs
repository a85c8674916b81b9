//! Notation's personality, with a small registry: what counts under a trust policy, what does not, what cannot be told, and the real
//! one's words for each. That it says what the real one says of what that signed is for scripts/peers/notation.py to hold.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::cosign::registry;
use crate::keyless::notary::{MANIFEST, Notarised, Notary, notarise};
use crate::keyless::world::{SINCE, UNTIL, pem};
use crate::{Run, run};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const SIGNATURE: &str = "application/vnd.cncf.notary.signature";
const WHO: &str = "x509.subject: C=US, ST=WA, O=acme\\, inc";

fn digest(text: &str) -> String {
    let bytes = plimsoll_trust::Hash::Sha256.of(text.as_bytes());
    format!("sha256:{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn of(kind: &str, text: &str) -> Value {
    json!({"mediaType": kind, "digest": digest(text), "size": text.len()})
}

fn manifest(config: &str, layers: &[Value]) -> Value {
    json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": of(config, "{}"), "layers": layers})
}

fn image() -> String {
    manifest("application/vnd.oci.image.config.v1+json", &[]).to_string()
}

/// A signature of the image, for now.
fn signed(change: impl FnOnce(&mut Notary)) -> Notarised {
    let image = image();
    let mut notary =
        Notary { digest: digest(&image), size: image.len() as u64, leaf_valid: (SINCE, UNTIL), ..Notary::default() };
    change(&mut notary);
    notarise(&notary)
}

/// A registry with the image at `a/b:v1` and these envelopes, and a folder of trust.
struct World {
    host: String,
    folder: tempfile::TempDir,
}

impl World {
    fn new(envelopes: &[(&str, String)]) -> World {
        let image = image();
        let mut answers = BTreeMap::from([
            ("manifests/v1".to_owned(), (200, MANIFEST, image.clone())),
            (format!("manifests/{}", digest(&image)), (200, MANIFEST, image.clone())),
        ]);
        let mut entries = vec![];
        for (kind, envelope) in envelopes {
            let mut refers = manifest(SIGNATURE, &[of(kind, envelope)]);
            refers["subject"] = of(MANIFEST, &image);
            let refers = refers.to_string();
            entries.push(of(MANIFEST, &refers));
            answers.insert(format!("manifests/{}", digest(&refers)), (200, MANIFEST, refers));
            answers.insert(format!("blobs/{}", digest(envelope)), (200, "application/octet-stream", envelope.clone()));
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).to_string();
        answers.insert(format!("referrers/{}", digest(&image)), (200, INDEX, index));
        World { host: registry(answers), folder: tempfile::tempdir().unwrap() }
    }

    fn of(made: &Notarised) -> World {
        let world = World::new(&[("application/jose+json", made.envelope.to_string())]);
        world.trust(&made.root);
        world
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Trusts that root, and asks for the signer strictly.
    fn trust(&self, root: &[u8]) {
        self.write("truststore/x509/ca/acme/root.pem", &pem("CERTIFICATE", root));
        self.policy(&json!({"level": "strict"}), &["ca:acme"], &[WHO]);
    }

    fn policy(&self, verification: &Value, stores: &[&str], identities: &[&str]) {
        let policy = json!({"version": "1.0", "trustPolicies": [{
            "name": "all", "registryScopes": [format!("{}/a/b", self.host)], "signatureVerification": verification,
            "trustStores": stores, "trustedIdentities": identities,
        }]});
        self.write("trustpolicy.json", &policy.to_string());
    }

    fn tag(&self) -> String {
        format!("{}/a/b:v1", self.host)
    }

    fn name(&self) -> String {
        format!("{}/a/b@{}", self.host, digest(&image()))
    }

    fn run(&self, args: &[&str]) -> Run {
        notation(self.folder.path(), &[&args[..1], &["--insecure-registry"], &args[1..]].concat())
    }

    fn verify(&self) -> Run {
        self.run(&["verify", &self.name()])
    }
}

fn notation(folder: &Path, args: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.arg("notation").args(args).current_dir(folder).env_clear().env("HOME", folder).stdin(Stdio::null());
    run(command.env("NOTATION_CONFIG", folder))
}

#[test]
fn a_signature_that_counts_is_told_with_what_was_signed_along() {
    let world = World::of(&signed(|_| {}));
    let done = world.verify();
    assert_eq!((done.status, done.err.as_str()), (0, ""), "{}", done.out);
    let metadata = "The artifact was signed with the following user metadata.\n\nKEY     VALUE   \nbuild   7       \n";
    assert_eq!(done.out, format!("Successfully verified signature for {}\n\n{metadata}", world.name()));
    let by_tag = world.run(&["verify", "-m", "build=7", &world.tag()]);
    assert_eq!((by_tag.status, by_tag.out), (0, done.out));
    assert!(by_tag.err.starts_with("Warning: Always verify the artifact using digest"), "{}", by_tag.err);
    let other = world.run(&["verify", "-m", "build=8", &world.name()]);
    assert_eq!(other.status, 1, "{}", other.out);
    assert!(other.err.contains("annotation-mismatch"), "{}", other.err);
    // The name of the folder of newer versions comes first.
    world.write("trustpolicy.oci.json", "{}");
    assert!(world.verify().err.contains("malformed trust policy"));
}

#[test]
fn what_does_not_count_is_told_with_its_reason() {
    let failed = |world: &World, code: &str| {
        let done = world.verify();
        assert_eq!((done.status, done.out.as_str()), (1, ""), "{code}: {}", done.err);
        let words = format!("signature verification failed for all the signatures associated with {}", world.name());
        assert!(done.err.contains(code) && done.err.contains(&words), "{code}: {}", done.err);
    };
    failed(&World::of(&signed(|one| one.digest = digest("other"))), "artifact-mismatch");
    failed(&World::of(&signed(|one| one.size += 1)), "artifact-mismatch");
    failed(&World::of(&signed(|one| one.leaf_valid = (SINCE, SINCE + 1))), "certificate-not-valid");
    failed(&World::of(&signed(|one| one.expiry = Some(SINCE + 400 * 86_400))), "signature-expired");
    let good = signed(|_| {});
    let mut tampered = good.clone();
    let signature = tampered.envelope["signature"].as_str().unwrap().to_owned();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    tampered.envelope["signature"] = format!("{other}{}", &signature[1..]).into();
    failed(&World::of(&tampered), "signature-invalid");
    let world = World::of(&good);
    world.trust(&signed(|_| {}).root);
    failed(&world, "chain-untrusted");
    let world = World::of(&good);
    world.policy(&json!({"level": "strict"}), &["ca:acme"], &["x509.subject: C=US, ST=WA, O=other"]);
    failed(&world, "identity-mismatch");
    // The same at a level that only tells it.
    world.policy(&json!({"level": "audit"}), &["ca:acme"], &["x509.subject: C=US, ST=WA, O=other"]);
    let told = world.verify();
    assert_eq!(told.status, 0, "{}", told.err);
    assert!(
        told.err.contains("authenticity was set to \"log\" and failed with error: identity-mismatch"),
        "{}",
        told.err
    );
}

#[test]
fn what_cannot_be_told_is_neither_good_nor_bad() {
    let revocable = |one: &mut Notary| one.leaf_extra = vec![crate::keyless::notary::revocation_list()];
    let world = World::of(&signed(revocable));
    let untold = |world: &World, code: &str| {
        let done = world.verify();
        assert_eq!((done.status, done.out.as_str()), (1, ""), "{code}: {}", done.err);
        assert!(done.err.contains(code) && done.err.contains("could not tell whether"), "{code}: {}", done.err);
    };
    untold(&world, "revocation-unknown");
    world.policy(&json!({"level": "strict", "override": {"revocation": "skip"}}), &["ca:acme"], &[WHO]);
    assert_eq!(world.verify().status, 0);
    world.policy(&json!({"level": "permissive"}), &["ca:acme"], &[WHO]);
    let told = world.verify();
    assert!(told.status == 0 && told.err.contains("revocation was set to \"log\""), "{}", told.err);
    world.policy(&json!({"level": "strict"}), &["ca:gone"], &[WHO]);
    untold(&world, "the trust store \"gone\" of type \"ca\" does not exist");
    let cose = World::new(&[("application/cose", "\u{12}".to_owned())]);
    cose.trust(&signed(|_| {}).root);
    // What is not read here anybody may have put there.
    let none = cose.verify();
    assert!(none.status == 1 && none.err.contains("COSE, which is not read"), "{}", none.err);
    assert!(
        none.err.contains("signature verification failed for all") && !none.err.contains("could not tell"),
        "{}",
        none.err
    );
    // One that is good beside it is enough.
    let good = signed(|_| {});
    let both =
        World::new(&[("application/cose", "\u{12}".to_owned()), ("application/jose+json", good.envelope.to_string())]);
    both.trust(&good.root);
    assert_eq!(both.verify().status, 0, "{}", both.verify().err);
}

#[test]
fn whatever_has_no_signature_or_no_policy_is_not_verified() {
    let world = World::new(&[]);
    let no_policy = world.verify();
    assert!(no_policy.status == 1 && no_policy.err.contains("trust policy is not present"), "{}", no_policy.err);
    world.trust(&signed(|_| {}).root);
    let unsigned = world.verify();
    assert_eq!((unsigned.status, unsigned.out.as_str()), (1, ""));
    assert!(unsigned.err.contains("no signature is associated with"), "{}", unsigned.err);
    let listed = world.run(&["ls", &world.name()]);
    assert_eq!((listed.status, listed.out), (0, format!("{} has no associated signature\n", world.name())));
    world.policy(&json!({"level": "skip"}), &[], &[]);
    let skipped = world.verify();
    let words = format!("Trust policy is configured to skip signature verification for {}\n", world.name());
    assert_eq!((skipped.status, skipped.out), (0, words));
    let other = json!({"version": "1.0", "trustPolicies": [{"name": "a", "registryScopes": ["example.com/a"],
        "signatureVerification": {"level": "skip"}}]});
    world.write("trustpolicy.json", &other.to_string());
    let nobody = world.verify();
    assert!(nobody.status == 1 && nobody.err.contains("has no applicable trust policy statement"), "{}", nobody.err);
    assert_eq!(world.run(&["policy", "show"]).status, 1);
    assert_eq!(notation(world.folder.path(), &["policy", "show"]).out, other.to_string());
    for args in [&["sign", "a/b:c"][..], &["verify", "--oci-layout", "a:b"], &["verify", "a/b"], &["verify"]] {
        assert_eq!(notation(world.folder.path(), args).status, 1, "{args:?}");
    }
}

#[test]
fn signatures_are_listed_and_shown() {
    let made = signed(|_| {});
    let world = World::of(&made);
    let listed = world.run(&["list", &world.name()]);
    let lines: Vec<&str> = listed.out.lines().collect();
    assert_eq!((listed.status, lines.len(), lines[0]), (0, 3, world.name().as_str()), "{}", listed.err);
    assert_eq!(lines[1], "└── application/vnd.cncf.notary.signature");
    let signature = lines[2].strip_prefix("    └── ").unwrap();
    let shown = world.run(&["inspect", "-o", "json", &world.name()]);
    assert_eq!(shown.status, 0, "{}", shown.err);
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    let one = &shown["Signatures"][0];
    assert_eq!((&shown["mediaType"], &one["digest"]), (&json!(MANIFEST), &json!(signature)));
    assert_eq!(one["signatureAlgorithm"], "ECDSA-SHA-256");
    assert_eq!(one["signedAttributes"], json!({"signingScheme": "notary.x509", "signingTime": "2026-01-01T00:01:00Z"}));
    assert_eq!(one["unsignedAttributes"], json!({"signingAgent": "offline world/1"}));
    assert_eq!(one["certificates"][0]["issuedTo"], "CN=notary signer,O=acme\\, inc,L=Seattle,ST=WA,C=US");
    assert_eq!(one["certificates"].as_array().unwrap().len(), 3);
    assert_eq!(one["signedArtifact"]["digest"], digest(&image()));
    let tree = world.run(&["inspect", &world.tag()]);
    assert_eq!(tree.status, 0, "{}", tree.err);
    for line in [
        "    └── sha256:",
        "        ├── signed attributes\n",
        "        │   ├── signingScheme: notary.x509\n",
        "issued to: CN=notary signer",
    ] {
        assert!(tree.out.contains(line), "{line}: {}", tree.out);
    }
    // What is no signature is passed over aloud.
    let broken = World::new(&[("application/jose+json", "{}".to_owned())]);
    let shown = broken.run(&["inspect", &broken.name()]);
    assert!(shown.status == 1 && shown.err.contains("at least one signature was skipped"), "{}", shown.err);
}
