//! Images that must be signed, at the gate: what is looked for, how often, and what a record keeps of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_trust::keys::Signer as _;
use plimsoll_trust::{IN_TOTO, PrivateKey, SimpleSigning, Statement, pre_authentication_encoding, simple_signing};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::peer::{Gate, Registry};
use super::{pod, registry_digest, review_of};
use crate::keyless::notary::{Notarised, Notary, notarise, revocation_list};
use crate::keyless::world::{SINCE, UNTIL, pem};
use crate::{plimsoll, project};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A thing in a layout's store; its descriptor.
fn put(layout: &Path, media_type: &str, bytes: &[u8]) -> Value {
    let hex = format!("{:x}", Sha256::digest(bytes));
    std::fs::write(layout.join("blobs/sha256").join(&hex), bytes).unwrap();
    json!({"mediaType": media_type, "digest": format!("sha256:{hex}"), "size": bytes.len()})
}

/// The mended shop's image with something at this tag.
fn with(layout: &Path, tag: &str, make: impl FnOnce() -> Value) {
    with_of("shop-fixed", layout, tag, make);
}

/// The image of one of the shops with something at this tag, beside what is there.
fn with_of(shop: &str, layout: &Path, tag: &str, make: impl FnOnce() -> Value) {
    let (from, blobs) = (project().join("examples").join(shop).join("image"), layout.join("blobs/sha256"));
    std::fs::create_dir_all(&blobs).unwrap();
    for blob in std::fs::read_dir(from.join("blobs/sha256")).unwrap() {
        let blob = blob.unwrap();
        std::fs::copy(blob.path(), blobs.join(blob.file_name())).unwrap();
    }
    let thing = make();
    let mut entry = put(layout, thing["mediaType"].as_str().unwrap(), thing.to_string().as_bytes());
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
    let there = Some(layout.join("index.json")).filter(|index| index.exists()).unwrap_or(from.join("index.json"));
    let mut index: Value = serde_json::from_slice(&std::fs::read(there).unwrap()).unwrap();
    index["manifests"].as_array_mut().unwrap().push(entry);
    std::fs::write(layout.join("index.json"), index.to_string()).unwrap();
}

/// The mended shop's image with a signature of the classic form by `key`.
fn signed(layout: &Path, key: &PrivateKey) {
    let digest = registry_digest();
    with(layout, &format!("{}.sig", digest.replace(':', "-")), || {
        let payload = SimpleSigning::new("registry.example.com/shop/web", &digest, BTreeMap::new()).render();
        let mut layer = put(layout, simple_signing::MEDIA_TYPE, &payload);
        layer["annotations"] = json!({simple_signing::SIGNATURE: STANDARD.encode(key.sign(&payload).unwrap())});
        let config = put(layout, "application/vnd.oci.image.config.v1+json", b"{}");
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [layer], "config": config})
    });
}

/// The same image with an envelope of the Notary Project, which refers to it.
fn notarised(layout: &Path, made: &Notarised) {
    referred(
        layout,
        "application/vnd.cncf.notary.signature",
        "application/jose+json",
        made.envelope.to_string().as_bytes(),
    );
}

/// The same image with something of that type which refers to it, with a layer of these bytes.
fn referred(layout: &Path, kind: &str, media_type: &str, bytes: &[u8]) {
    let digest = registry_digest();
    with(layout, &digest.replace(':', "-"), || {
        let layer = put(layout, media_type, bytes);
        let config = put(layout, kind, b"{}");
        let size =
            std::fs::metadata(layout.join("blobs/sha256").join(digest.trim_start_matches("sha256:"))).unwrap().len();
        let subject = json!({"mediaType": MANIFEST, "digest": digest, "size": size});
        let refers =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [layer], "config": config, "subject": subject});
        let entry = put(layout, MANIFEST, refers.to_string().as_bytes());
        json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry]})
    });
}

/// A policy that asks for signatures of the key in `release.pub`.
fn policy(folder: &Path, key: &PrivateKey) {
    std::fs::write(folder.join("release.pub"), key.public_pem()).unwrap();
    let text = "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {name: test}\ndata: {baselineOnly: allow}\n\
                keys: {release: {publicKey: release.pub}}\nimages:\n  - {name: all, match: ['**'], signatures: {all: [release]}}\n";
    std::fs::write(folder.join("loadline.yaml"), text).unwrap();
}

fn review(image: &str, namespace: &str) -> String {
    review_of(&pod(&[image]), &json!({"namespace": namespace})).to_string()
}

#[test]
fn what_is_signed_is_looked_for_once_whatever_namespace_asks_and_stands_in_the_record() {
    let (layout, key) = (tempfile::tempdir().unwrap(), PrivateKey::generate().unwrap());
    signed(layout.path(), &key);
    let registry = Registry::start(layout.path());
    let args = ["--policy", "{dir}/loadline.yaml", "--record", "{dir}/record"];
    let gate = Gate::start(&args, |folder, _| policy(folder, &key));
    let (mut client, image) = (gate.client(), registry.image("1.0"));
    let first = client.post("/validate", &review(&image, "shop")).json();
    assert_eq!(first["response"]["allowed"], true, "{first} {}", gate.log());
    let asked = registry.asked.load(Ordering::SeqCst);
    let other = client.post("/validate", &review(&image, "other")).json();
    assert_eq!(other["response"]["allowed"], true, "{other}");
    assert_eq!(registry.asked.load(Ordering::SeqCst), asked, "the other namespace's pod had the registry asked");
    let metrics = client.get("/metrics").body;
    assert!(metrics.contains("plimsoll_cache_entries{cache=\"signatures\"} 1\n"), "{metrics}");

    gate.wait("two reviews in the record", |gate| {
        gate.client().get("/metrics").body.contains("plimsoll_recorded_total 2\n")
    });
    drop(registry);
    let (record, same) = (gate.path("record"), gate.path("loadline.yaml"));
    let replayed = |policy: &Path| {
        let run = plimsoll(&[
            "policy",
            "replay",
            record.to_str().unwrap(),
            "--against",
            policy.to_str().unwrap(),
            "--format",
            "json",
        ]);
        serde_json::from_str::<Value>(&run.out).unwrap_or_else(|error| panic!("{error}: {}{}", run.out, run.err))
    };
    assert_eq!(replayed(&same)["unchanged"], 2, "{}", replayed(&same));
    // Whose authorities these were is known of that policy alone.
    let elsewhere = tempfile::tempdir().unwrap();
    policy(elsewhere.path(), &PrivateKey::generate().unwrap());
    let other = elsewhere.path().join("loadline.yaml");
    let text = std::fs::read_to_string(&other).unwrap().replace("name: test", "name: other");
    std::fs::write(&other, text).unwrap();
    assert_eq!(replayed(&other)["unchanged"], 0, "{}", replayed(&other));
    assert_eq!(replayed(&other)["changes"]["not-judged"], 2, "{}", replayed(&other));
}

#[test]
fn a_record_has_what_each_entry_found_of_one_image() {
    let (layout, key) = (tempfile::tempdir().unwrap(), PrivateKey::generate().unwrap());
    signed(layout.path(), &key);
    let registry = Registry::start(layout.path());
    let gate = Gate::start(&["--policy", "{dir}/loadline.yaml", "--record", "{dir}/record"], |folder, _| {
        policy(folder, &key);
        std::fs::write(folder.join("audit.pub"), PrivateKey::generate().unwrap().public_pem()).unwrap();
        let path = folder.join("loadline.yaml");
        let strict = "images:\n  - {name: strict, match: ['**'], namespaces: [strict], signatures: {all: [audit]}}\n";
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replace("keys: {", "keys: {audit: {publicKey: audit.pub}, ").replace("images:\n", strict);
        std::fs::write(path, text).unwrap();
    });
    let (mut client, image) = (gate.client(), registry.image("1.0"));
    for (namespace, allowed) in [("strict", false), ("shop", true)] {
        let answer = client.post("/validate", &review(&image, namespace)).json();
        assert_eq!(answer["response"]["allowed"], allowed, "{answer}");
    }
    gate.wait("two reviews in the record", |gate| {
        gate.client().get("/metrics").body.contains("plimsoll_recorded_total 2\n")
    });
    let (record, same) = (gate.path("record"), gate.path("loadline.yaml"));
    let (record, same) = (record.to_str().unwrap(), same.to_str().unwrap());
    let run = plimsoll(&["policy", "replay", record, "--against", same, "--format", "json"]);
    let said: Value = serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {}", run.err));
    assert_eq!(said["unchanged"], 2, "{said}");
}

#[test]
fn what_is_not_signed_by_the_authority_does_not_run() {
    let (layout, stranger) = (tempfile::tempdir().unwrap(), PrivateKey::generate().unwrap());
    signed(layout.path(), &stranger);
    let registry = Registry::start(layout.path());
    let key = PrivateKey::generate().unwrap();
    let gate = Gate::start(&["--policy", "{dir}/loadline.yaml"], |folder, _| policy(folder, &key));
    let answer = gate.client().post("/validate", &review(&registry.image("1.0"), "shop")).json();
    let message = answer["response"]["status"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("is not signed by `release`") && message.contains("(signature-invalid)"), "{answer}");
}

#[test]
fn what_notation_signed_runs_where_its_authority_is_asked_for() {
    let made = |change: fn(&mut Notary)| {
        let mut notary = Notary { digest: registry_digest(), leaf_valid: (SINCE, UNTIL), ..Notary::default() };
        change(&mut notary);
        notarise(&notary)
    };
    let answer = |made: &Notarised, root: &[u8], more: &str| {
        let layout = tempfile::tempdir().unwrap();
        notarised(layout.path(), made);
        let registry = Registry::start(layout.path());
        let gate = Gate::start(&["--policy", "{dir}/loadline.yaml"], |folder, _| {
            std::fs::write(folder.join("root.pem"), pem("CERTIFICATE", root)).unwrap();
            let known = format!("roots: [root.pem], identities: ['x509.subject: C=US, ST=WA, O=acme\\, inc']{more}");
            let text = format!(
                "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {{name: test}}\ndata: {{baselineOnly: allow}}\n\
                 keys: {{vendor: {{notation: {{{known}}}}}}}\nimages:\n  - {{name: all, match: ['**'], signatures: {{all: [vendor], annotations: {{build: '7'}}}}}}\n"
            );
            std::fs::write(folder.join("loadline.yaml"), text).unwrap();
        });
        let answer = gate.client().post("/validate", &review(&registry.image("1.0"), "shop")).json();
        (answer["response"]["allowed"] == true, answer.to_string())
    };
    let good = made(|_| {});
    let (allowed, said) = answer(&good, &good.root, "");
    assert!(allowed, "{said}");
    let (allowed, said) = answer(&good, &made(|_| {}).root, "");
    assert!(!allowed && said.contains("is not signed by `vendor`") && said.contains("(chain-untrusted)"), "{said}");
    let other = made(|one| one.digest = format!("sha256:{}", "00".repeat(32)));
    let (allowed, said) = answer(&other, &other.root, "");
    // The digest of an answer is whole; what comes after the bound of an answer's length is cut.
    assert!(!allowed && said.contains(&format!("what is signed is sha256:{}", "00".repeat(32))), "{said}");
    // Nobody asks whether it was revoked: it cannot be told, unless that is not wanted.
    let revocable = made(|one| one.leaf_extra = vec![revocation_list()]);
    let (allowed, said) = answer(&revocable, &revocable.root, "");
    assert!(!allowed && said.contains("could not tell whether") && said.contains("revocation-unknown"), "{said}");
    let (allowed, said) = answer(&revocable, &revocable.root, ", revocation: unneeded");
    assert!(allowed, "{said}");
}

/// The answer of a gate with this policy, whose keys are `release` and, as Notation signs, `vendor`; to a pod of that image.
fn asked(registry: &Registry, key: &PrivateKey, policy: &str) -> (bool, String) {
    let gate = Gate::start(&["--policy", "{dir}/loadline.yaml"], |folder, _| {
        std::fs::write(folder.join("release.pub"), key.public_pem()).unwrap();
        std::fs::write(folder.join("root.pem"), pem("CERTIFICATE", &notarise(&Notary::default()).root)).unwrap();
        let keys =
            "keys: {release: {publicKey: release.pub}, vendor: {notation: {roots: [root.pem], identities: ['*']}}}";
        let text =
            format!("apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {{name: test}}\n{keys}\n{policy}\n");
        std::fs::write(folder.join("loadline.yaml"), text).unwrap();
    });
    let answer = gate.client().post("/validate", &review(&registry.image("1.0"), "shop")).json();
    (answer["response"]["allowed"] == true, answer.to_string())
}

/// A policy that lets run what could not be told, and asks for that.
fn lenient(asks: &str) -> String {
    format!("data: {{baselineOnly: allow}}\nundecided: warn\nimages:\n  - {{name: all, match: ['**'], {asks}}}")
}

/// Whoever may push beside an image puts what they like there: none of it makes a doubt of a plain no.
#[test]
fn what_anybody_may_put_beside_an_unsigned_image_does_not_let_it_run() {
    let key = PrivateKey::generate().unwrap();
    let notation = "application/vnd.cncf.notary.signature";
    let bundle = "application/vnd.dev.sigstore.bundle.v0.3+json";
    let junk: [(&str, &str, &[u8], &str); 4] = [
        (notation, "application/cose", b"\xd2\x84", "a signature in COSE, which is not read"),
        (notation, "application/jose+json", b"{}", "(malformed)"),
        (bundle, bundle, br#"{"mediaType":"application/vnd.dev.sigstore.bundle.v9+json"}"#, "(unsupported)"),
        (bundle, bundle, b"[]", "(malformed)"),
    ];
    let (signed, attested) = ("signatures: {all: [release, vendor]}", "attestations: [{type: spdx, by: [release]}]");
    for (kind, media_type, bytes, words) in junk {
        let layout = tempfile::tempdir().unwrap();
        referred(layout.path(), kind, media_type, bytes);
        let registry = Registry::start(layout.path());
        let (allowed, said) = asked(&registry, &key, &lenient(signed));
        assert!(!allowed && said.contains("is not signed by `release`") && said.contains(words), "{said}");
        if kind == bundle {
            for (asks, told) in [("signatures: {any: [release]}", "is not signed"), (attested, "has no attestation")] {
                let (allowed, said) = asked(&registry, &key, &lenient(asks));
                assert!(!allowed && said.contains(told) && said.contains(words), "{said}");
            }
        }
    }
    // More signatures than are read, and a list that is none.
    let many = tempfile::tempdir().unwrap();
    let tag = registry_digest().replace(':', "-");
    with(many.path(), &format!("{tag}.sig"), || {
        let layer = put(many.path(), simple_signing::MEDIA_TYPE, b"{}");
        let config = put(many.path(), "application/vnd.oci.image.config.v1+json", b"{}");
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": vec![layer; 1_001], "config": config})
    });
    let none = tempfile::tempdir().unwrap();
    with(none.path(), &tag, || {
        let config = put(none.path(), "application/vnd.oci.image.config.v1+json", b"{}");
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [], "config": config})
    });
    for (layout, words) in
        [(&many, "could not read the tag with the signatures"), (&none, "could not read the referrers")]
    {
        let (allowed, said) = asked(&Registry::start(layout.path()), &key, &lenient("signatures: {all: [release]}"));
        assert!(!allowed && said.contains("is not signed by `release`") && said.contains(words), "{said}");
    }
}

/// One that is good is enough, whatever lies beside it.
#[test]
fn what_is_signed_runs_whatever_lies_beside_it() {
    let (layout, key) = (tempfile::tempdir().unwrap(), PrivateKey::generate().unwrap());
    signed(layout.path(), &key);
    referred(layout.path(), "application/vnd.cncf.notary.signature", "application/cose", b"\xd2\x84");
    let strict = lenient("signatures: {any: [release, vendor]}").replace("undecided: warn\n", "");
    let (allowed, said) = asked(&Registry::start(layout.path()), &key, &strict);
    assert!(allowed, "{said}");
}

#[test]
fn what_notation_signed_as_no_image_or_until_now_does_not_run() {
    let answers = |change: &dyn Fn(&mut Notary)| {
        let mut notary = Notary { digest: registry_digest(), leaf_valid: (SINCE, UNTIL), ..Notary::default() };
        change(&mut notary);
        let made = notarise(&notary);
        let layout = tempfile::tempdir().unwrap();
        notarised(layout.path(), &made);
        let registry = Registry::start(layout.path());
        let gate = Gate::start(&["--policy", "{dir}/loadline.yaml"], |folder, _| {
            std::fs::write(folder.join("root.pem"), pem("CERTIFICATE", &made.root)).unwrap();
            let keys = "keys: {vendor: {notation: {roots: [root.pem], identities: ['*']}}}";
            let text = format!(
                "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {{name: test}}\n{keys}\n\
                 data: {{baselineOnly: allow}}\nimages:\n  - {{name: all, match: ['**'], signatures: {{all: [vendor]}}}}\n"
            );
            std::fs::write(folder.join("loadline.yaml"), text).unwrap();
        });
        (layout, registry, gate)
    };
    let ask = |(_, registry, gate): &(tempfile::TempDir, Registry, Gate)| {
        let answer = gate.client().post("/validate", &review(&registry.image("1.0"), "shop")).json();
        (answer["response"]["allowed"] == true, answer.to_string())
    };
    let other = answers(&|one| one.media_type = "application/vnd.cncf.helm.chart".into());
    let (allowed, said) = ask(&other);
    assert!(!allowed && said.contains("which is no image"), "{said}");
    // From the moment that the signer names on it does not hold, though a verdict is kept for longer.
    let end = jiff::Timestamp::now().as_second() + 8;
    let passing = answers(&|one| one.expiry = Some(end));
    let (allowed, said) = ask(&passing);
    assert!(allowed || jiff::Timestamp::now().as_second() >= end, "{said}");
    while jiff::Timestamp::now().as_second() < end {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let (allowed, said) = ask(&passing);
    assert!(!allowed && said.contains("signature-expired"), "{said}");
}

/// An attestation of the classic form by `key` of what has this digest, beside the image of one of the shops.
fn attested(shop: &str, layout: &Path, digest: &str, key: &PrivateKey, kind: &str, predicate: Value) {
    with_of(shop, layout, &format!("{}.att", digest.replace(':', "-")), || {
        let bytes = digest.trim_start_matches("sha256:").as_bytes();
        let bytes = bytes.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap());
        let digest: [u8; 32] = bytes.collect::<Vec<u8>>().try_into().unwrap();
        let payload = Statement::of(&digest, kind, predicate).to_json();
        let signature = key.sign(&pre_authentication_encoding(IN_TOTO, &payload)).unwrap();
        let envelope = json!({
            "payloadType": IN_TOTO, "payload": STANDARD.encode(&payload),
            "signatures": [{"keyid": "", "sig": STANDARD.encode(signature)}],
        });
        let layer = put(layout, "application/vnd.dsse.envelope.v1+json", envelope.to_string().as_bytes());
        let config = put(layout, "application/vnd.oci.image.config.v1+json", b"{}");
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [layer], "config": config})
    });
}

fn shop_digest() -> String {
    let index = std::fs::read(project().join("examples/shop/image/index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    index["manifests"][0]["digest"].as_str().unwrap().to_owned()
}

#[test]
fn a_signed_vex_attestation_lowers_a_finding_and_a_strangers_does_not() {
    let (key, stranger) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let digest = shop_digest();
    let vex = json!({
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.com/1", "author": "a",
        "timestamp": "2026-01-02T03:04:05Z", "version": 1,
        "statements": [{"vulnerability": {"name": "CVE-2020-14343"}, "status": "not_affected",
            "justification": "vulnerable_code_not_in_execute_path", "products": [{"@id": digest}]}],
    });
    let advisories = project().join("examples/shop/advisories").canonicalize().unwrap();
    let policy = |believed: &str| {
        let denied = "vulnerabilities: {deny: [{ids: [CVE-2020-14343]}]}";
        let data = format!("data: {{advisories: [{}], baselineOnly: allow}}", advisories.display());
        format!("{data}\nimages:\n  - {{name: all, match: ['**'], {denied}{believed}}}")
    };
    let believed = policy(", attestations: [{type: openvex, by: [release], use: vex}]");
    for (signer, policy, runs) in [(&key, &believed, true), (&stranger, &believed, false), (&key, &policy(""), false)] {
        let layout = tempfile::tempdir().unwrap();
        attested("shop", layout.path(), &digest, signer, "https://openvex.dev/ns", vex.clone());
        let (allowed, said) = asked(&Registry::start(layout.path()), &key, policy);
        assert_eq!(allowed, runs, "{said}");
        assert!(runs || said.contains("CVE-2020-14343"), "{said}");
    }
}

#[test]
fn an_attestation_that_is_too_old_or_says_no_age_does_not_count() {
    let key = PrivateKey::generate().unwrap();
    let days_ago = |days: i64| (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * days)).to_string();
    let policy = "data: {baselineOnly: allow}\nimages:\n  - {name: all, match: ['**'], attestations: [{type: vuln, by: [release], maxAge: 30d}]}";
    for (predicate, runs, words) in [
        (json!({"metadata": {"scanFinishedOn": days_ago(1)}}), true, ""),
        (json!({"metadata": {"scanFinishedOn": days_ago(31)}}), false, "and `maxAge` is 30 days"),
        (json!({"metadata": {"scanFinishedOn": days_ago(-2)}}), false, "which is not yet"),
        (json!({}), false, "nothing shows when"),
    ] {
        let layout = tempfile::tempdir().unwrap();
        let kind = "https://cosign.sigstore.dev/attestation/vuln/v1";
        attested("shop-fixed", layout.path(), &registry_digest(), &key, kind, predicate);
        let (allowed, said) = asked(&Registry::start(layout.path()), &key, policy);
        assert!(allowed == runs && said.contains(words), "{said}");
    }
}

/// Two images under one name: the signed one, and the other shop's, which nobody signed.
fn two(layout: &Path, key: &PrivateKey) -> (String, String) {
    signed(layout, key);
    let blobs = project().join("examples/shop/image/blobs/sha256");
    for blob in std::fs::read_dir(blobs).unwrap() {
        let blob = blob.unwrap();
        std::fs::copy(blob.path(), layout.join("blobs/sha256").join(blob.file_name())).unwrap();
    }
    (registry_digest(), shop_digest())
}

/// A tag that means the signed image first and another then: what runs is what was verified, by its digest.
#[test]
fn case_16_a_tag_that_moves_within_a_review_leads_to_what_was_verified_or_nowhere() {
    let key = PrivateKey::generate().unwrap();
    let layout = tempfile::tempdir().unwrap();
    let (good, bad) = two(layout.path(), &key);
    let pinning = |folder: &Path| {
        policy(folder, &key);
        let path = folder.join("loadline.yaml");
        let text = std::fs::read_to_string(&path).unwrap().replace("signatures:", "tags: {pin: true}, signatures:");
        std::fs::write(path, text).unwrap();
    };
    for (first, runs) in [(&good, true), (&bad, false)] {
        let then = if runs { &bad } else { &good };
        let registry = Registry::start(layout.path());
        // The last comes first.
        let mut moves = vec![then.clone(); 64];
        moves.push(first.clone());
        *registry.moves.lock().unwrap() = moves;
        let gate = Gate::start(&["--policy", "{dir}/loadline.yaml"], |folder, _| pinning(folder));
        let (mut client, image) = (gate.client(), registry.image("1.0"));
        let twice = review_of(&pod(&[&image, &image]), &json!({"namespace": "shop"}));
        let answer = client.post("/mutate", &twice.to_string()).json();
        let patch = answer["response"]["patch"].as_str().map(|patch| STANDARD.decode(patch).unwrap());
        let patch = patch.map(|patch| serde_json::from_slice::<Value>(&patch).unwrap());
        let pinned: Vec<&str> =
            patch.iter().flat_map(|p| p.as_array().unwrap()).filter_map(|p| p["value"].as_str()).collect();
        if runs {
            assert_eq!(pinned, [format!("{image}@{good}"), format!("{image}@{good}")], "{answer}");
        }
        // Nothing is pinned to what the tag came to mean, and what nobody signed runs under no name.
        assert!(pinned.iter().all(|name| name.ends_with(first.as_str())), "{answer}");
        for name in pinned {
            let answer = client.post("/validate", &review(name, "shop")).json();
            assert_eq!(answer["response"]["allowed"], runs, "{answer}");
        }
        let answer = client.post("/validate", &review(&format!("{image}@{bad}"), "shop")).json();
        assert_eq!(answer["response"]["allowed"], false, "{answer}");
    }
}

/// Wherever an image stands in a review, and however it is named.
#[test]
fn case_26_an_unsigned_image_runs_nowhere_in_a_pod_or_a_template() {
    let (layout, key) = (tempfile::tempdir().unwrap(), PrivateKey::generate().unwrap());
    let (good, bad) = two(layout.path(), &key);
    let registry = Registry::start(layout.path());
    let gate = Gate::start(&["--policy", "{dir}/loadline.yaml"], |folder, _| policy(folder, &key));
    let mut client = gate.client();
    let (signed, unsigned) = (registry.image("1.0"), format!("{}@{bad}", registry.image("1.0")));
    let mut allowed = |object: &Value, more: Value| {
        let answer = client.post("/validate", &review_of(object, &more).to_string()).json();
        let message = answer["response"]["status"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(answer["response"]["allowed"] == true || message.contains("is not signed by `release`"), "{answer}");
        answer["response"]["allowed"] == true
    };
    let own = pod(&[&signed]);
    for (image, runs) in [(&signed, true), (&unsigned, false), (&format!("{}@{good}", registry.image("other")), true)] {
        assert_eq!(allowed(&pod(&[image]), json!({})), runs, "{image}");
        let mut init = own.clone();
        init["spec"]["initContainers"] = json!([{"name": "i", "image": image}]);
        assert_eq!(allowed(&init, json!({})), runs, "{image}");
        let mut debugged = own.clone();
        debugged["spec"]["ephemeralContainers"] = json!([{"name": "e", "image": image}]);
        let more = json!({"operation": "UPDATE", "subResource": "ephemeralcontainers", "oldObject": own});
        assert_eq!(allowed(&debugged, more), runs, "{image}");
        let mut changed = own.clone();
        changed["spec"]["containers"][0]["image"] = json!(image);
        assert_eq!(allowed(&changed, json!({"operation": "UPDATE", "oldObject": own})), runs, "{image}");
        let template = json!({"spec": {"containers": [{"name": "c", "image": image}], "restartPolicy": "Never"}});
        let job = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c"},
            "spec": {"schedule": "0 0 * * *", "jobTemplate": {"spec": {"template": template}}}});
        assert_eq!(allowed(&job, json!({})), runs, "{image}");
    }
}

/// What no entry rules, and what cannot be looked at, does not run unless the policy says so.
#[test]
fn case_27_what_no_entry_rules_or_nobody_can_verify_runs_only_where_the_policy_says_so() {
    let (layout, key) = (tempfile::tempdir().unwrap(), PrivateKey::generate().unwrap());
    signed(layout.path(), &key);
    let registry = Registry::start(layout.path());
    let elsewhere = "images:\n  - {name: other, match: ['registry.example.com/**'], signatures: {all: [release]}}";
    for undecided in ["", "undecided: warn\n", "undecided: allow\n"] {
        let (allowed, said) = asked(&registry, &key, &format!("{undecided}{elsewhere}"));
        assert!(!allowed && said.contains("no entry of policy `test` rules"), "{undecided}: {said}");
    }
    // The image can be had, and what lies beside it is not given out.
    let unsigned = super::good();
    unsigned.unsearchable.store(true, Ordering::SeqCst);
    let asks = "data: {baselineOnly: allow}\nimages:\n  - {name: all, match: ['**'], signatures: {all: [release]}}";
    for (undecided, runs) in [("", false), ("undecided: deny\n", false), ("undecided: warn\n", true)] {
        let (allowed, said) = asked(&unsigned, &key, &format!("{undecided}{asks}"));
        assert!(allowed == runs && (runs || said.contains("could not tell")), "{undecided}: {said}");
    }
}
