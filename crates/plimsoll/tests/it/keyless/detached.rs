//! Signatures with a certificate beside them, each in a file of its own: what is missing or another is refused, and never a yes.

use std::path::Path;

use super::setup::{Log, Sct, Setup};
use super::world::{ARTIFACT, IDENTITY, ISSUER, Made, make, pem, unb64};
use super::{cosign, der};
use crate::Run;

/// A folder with what release pages have: the blob, its signature, the certificate, and a timestamp of an hour that is long over.
fn folder(setup: &Setup) -> (tempfile::TempDir, Made) {
    let made = make(setup);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let proofs = &made.bundle["verificationMaterial"];
    let stamp = &proofs["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"];
    let certificate = pem("CERTIFICATE", &made.certificate);
    write("blob", ARTIFACT);
    write("other", b"other");
    write("root.json", made.trusted_root.to_string().as_bytes());
    write("cert.pem", certificate.as_bytes());
    write("cert.b64", super::world::b64(certificate.as_bytes()).as_bytes());
    write("stamp.tsr", &unb64(stamp));
    write("stamp.json", serde_json::json!({"SignedRFC3161Timestamp": stamp}).to_string().as_bytes());
    write("sct.json", made.sct.as_deref().unwrap_or("{}").as_bytes());
    write("bundle.json", made.bundle.to_string().as_bytes());
    match &made.bundle["dsseEnvelope"] {
        serde_json::Value::Null => {
            let signature = made.bundle["messageSignature"]["signature"].as_str().unwrap();
            write("sig", signature.as_bytes());
            write("sig.der", &unb64(&made.bundle["messageSignature"]["signature"]));
        }
        envelope => write("sig", envelope.to_string().as_bytes()),
    }
    (folder, made)
}

const WHO: [&str; 4] = ["--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER];
const STAMPED: [&str; 3] = ["--insecure-ignore-tlog", "--rfc3161-timestamp", "stamp.tsr"];

fn verify(folder: &Path, more: &[&str]) -> Run {
    let start = ["verify-blob", "--trusted-root", "root.json"];
    cosign(folder, &[], &[&start[..], more].concat())
}

fn refused(folder: &Path, more: &[&str], why: &[&str]) {
    let run = verify(folder, more);
    assert_eq!((run.status, run.out.as_str()), (1, ""), "{more:?}: {}", run.err);
    assert!(!run.err.contains("Verified OK"), "{more:?}: {}", run.err);
    for why in why {
        assert!(run.err.contains(why), "{more:?}, {why}: {}", run.err);
    }
}

fn stamped() -> Setup {
    Setup { log: Log::Missing, stamp: true, ..Setup::default() }
}

#[test]
fn a_certificate_and_a_timestamp_beside_a_signature_are_judged_as_in_a_bundle() {
    let (folder, _) = folder(&stamped());
    let path = folder.path();
    for certificate in ["cert.pem", "cert.b64"] {
        for signature in ["sig", "sig.der"] {
            for stamp in ["stamp.tsr", "stamp.json"] {
                let words = ["--certificate", certificate, "--signature", signature, "--rfc3161-timestamp", stamp];
                let run = verify(path, &[&WHO[..], &words, &["--insecure-ignore-tlog", "blob"]].concat());
                assert!(run.status == 0 && run.err.ends_with("Verified OK\n"), "{words:?}: {}", run.err);
            }
        }
    }
    let beside = ["--certificate", "cert.pem", "--signature", "sig"];
    let all = [&WHO[..], &beside, &STAMPED].concat();
    refused(path, &[&all[..], &["other"]].concat(), &["signature-invalid"]);
    // Nobody vouches for the time, or no log holds it: told with what mends it.
    refused(
        path,
        &[&WHO[..], &beside, &["--insecure-ignore-tlog", "blob"]].concat(),
        &["certificate-not-valid", "--rfc3161-timestamp"],
    );
    refused(
        path,
        &[&WHO[..], &beside, &["blob"]].concat(),
        &["log-entry-missing", "--bundle", "--insecure-ignore-tlog"],
    );
    refused(path, &[&WHO[..], &beside, &STAMPED[1..], &["blob"]].concat(), &["log-entry-missing"]);
    refused(
        path,
        &[&WHO[..], &beside, &["--insecure-ignore-tlog", "--use-signed-timestamps", "blob"]].concat(),
        &["time-missing", "--rfc3161-timestamp"],
    );
    refused(
        path,
        &[&WHO[..], &["--signature", "sig", "--insecure-ignore-tlog", "blob"]].concat(),
        &["key-mismatch", "--certificate FILE"],
    );
    // Somebody else's name, or issuer, or workflow.
    let name = ["--certificate-identity", "else@example.com", "--certificate-oidc-issuer", ISSUER];
    refused(path, &[&name[..], &beside, &STAMPED, &["blob"]].concat(), &["identity-mismatch"]);
    let issuer = ["--certificate-identity", IDENTITY, "--certificate-oidc-issuer", "https://else.example.com"];
    refused(path, &[&issuer[..], &beside, &STAMPED, &["blob"]].concat(), &["issuer-mismatch"]);
    refused(path, &[&beside[..], &STAMPED, &["blob"]].concat(), &["--certificate-identity"]);
    refused(path, &[&all[..], &["--certificate-github-workflow-name", "else", "blob"]].concat(), &["claim-mismatch"]);
    // What cannot stand together.
    for more in [
        &["--key", "cert.pem"][..],
        &["--bundle", "bundle.json"],
        &["--new-bundle-format"],
        &["--rekor-url", "https://rekor.example.com"],
    ] {
        refused(path, &[&all[..], more, &["blob"]].concat(), &[more[0]]);
    }
    refused(path, &[&WHO[..], &["--certificate", "cert.pem", "blob"]].concat(), &["--signature"]);
    refused(
        path,
        &[&WHO[..], &["--rfc3161-timestamp", "stamp.tsr", "--bundle", "bundle.json", "blob"]].concat(),
        &["cannot be used with"],
    );
}

#[test]
fn what_lies_beside_a_signature_and_is_of_another_is_refused() {
    let (folder, _) = folder(&stamped());
    let (other, _) = self::folder(&stamped());
    let path = folder.path();
    for name in ["cert.pem", "sig", "stamp.tsr", "root.json"] {
        std::fs::copy(other.path().join(name), path.join(format!("other.{name}"))).unwrap();
    }
    let pem = std::fs::read_to_string(path.join("cert.pem")).unwrap();
    for (name, text) in [
        ("junk", "junk".to_owned()),
        ("empty", String::new()),
        ("half.pem", pem[..pem.len() / 2].to_owned()),
        ("two.pem", format!("{pem}{pem}")),
        ("key.pem", pem.replace("CERTIFICATE", "PUBLIC KEY")),
        ("named.pem", format!("subject=CN\n{pem}")),
        ("der", String::from_utf8_lossy(&der::element(0x30, b"junk")).into_owned()),
    ] {
        std::fs::write(path.join(name), text).unwrap();
    }
    let judged = |certificate: &str, signature: &str, stamp: &str, why: &str| {
        let words = ["--certificate", certificate, "--signature", signature, "--rfc3161-timestamp", stamp];
        refused(path, &[&WHO[..], &words, &["--insecure-ignore-tlog", "blob"]].concat(), &[why]);
    };
    judged("other.cert.pem", "sig", "stamp.tsr", "chain-untrusted");
    judged("cert.pem", "other.sig", "stamp.tsr", "timestamp-other-signature");
    judged("cert.pem", "other.sig", "other.stamp.tsr", "timestamp-");
    judged("cert.pem", "sig", "other.stamp.tsr", "timestamp-");
    judged("cert.pem", "junk", "stamp.tsr", "timestamp-other-signature");
    for junk in ["junk", "empty", "half.pem", "two.pem", "key.pem", "named.pem", "der", "stamp.tsr", "no-such-file"] {
        judged(junk, "sig", "stamp.tsr", junk);
    }
    for junk in ["junk", "empty", "cert.pem", "no-such-file"] {
        judged("cert.pem", "sig", junk, junk);
    }
    judged("cert.pem", "sig", "der", "timestamp-invalid");
    // A stranger's root, and the stranger's certificate without its signature.
    let words = ["--certificate", "other.cert.pem", "--signature", "sig", "--insecure-ignore-tlog"];
    let run = cosign(
        path,
        &[],
        &[&["verify-blob", "--trusted-root", "other.root.json"][..], &WHO, &words, &["blob"]].concat(),
    );
    assert!(run.status == 1 && !run.err.contains("Verified OK"), "{}", run.err);
}

#[test]
fn a_timestamp_outside_the_certificates_time_is_none_and_a_chain_may_be_named() {
    let (late, _) = folder(&Setup { stamp_time: super::world::SIGNED + 86_400, ..stamped() });
    let words = [&WHO[..], &["--certificate", "cert.pem", "--signature", "sig"], &STAMPED, &["blob"]].concat();
    refused(late.path(), &words, &["certificate-not-valid"]);
    let (good, made) = folder(&stamped());
    let path = good.path();
    let chain = made.trusted_root["certificateAuthorities"][0]["certChain"]["certificates"].as_array().unwrap().clone();
    let pems: Vec<String> = chain.iter().map(|one| pem("CERTIFICATE", &unb64(&one["rawBytes"]))).collect();
    std::fs::write(path.join("chain.pem"), pems.concat()).unwrap();
    let mut root = made.trusted_root.clone();
    root["certificateAuthorities"] = serde_json::json!([]);
    std::fs::write(path.join("root.json"), root.to_string()).unwrap();
    refused(path, &words, &["chain-untrusted"]);
    let named = verify(path, &[&words[..], &["--certificate-chain", "chain.pem"]].concat());
    assert!(named.status == 0 && named.err.ends_with("Verified OK\n"), "{}", named.err);
}

#[test]
fn a_proof_of_logging_lies_in_the_certificate_or_beside_it() {
    let (folder, made) = folder(&Setup { sct: Sct::Beside, ..stamped() });
    let path = folder.path();
    let (other, _) = self::folder(&Setup { sct: Sct::Beside, ..stamped() });
    std::fs::copy(other.path().join("sct.json"), path.join("other.json")).unwrap();
    let good: serde_json::Value = serde_json::from_str(made.sct.as_deref().unwrap()).unwrap();
    let with = |name: &str, member: &str, value: serde_json::Value| {
        let mut changed = good.clone();
        changed[member] = value;
        std::fs::write(path.join(name), changed.to_string()).unwrap();
    };
    with("version.json", "sct_version", 1.into());
    with("time.json", "timestamp", (good["timestamp"].as_u64().unwrap() + 1).into());
    with("never.json", "timestamp", (-1).into());
    with("early.json", "timestamp", 1.into());
    with("extensions.json", "extensions", "AAAA".into());
    with("unsigned.json", "signature", "".into());
    with("cut.json", "signature", "BAMA".into());
    std::fs::write(path.join("junk"), "junk").unwrap();
    let words = [&WHO[..], &["--certificate", "cert.pem", "--signature", "sig"], &STAMPED, &["blob"]].concat();
    refused(path, &words, &["sct-missing", "--sct"]);
    let ignored = verify(path, &[&words[..], &["--insecure-ignore-sct"]].concat());
    assert!(ignored.status == 0, "{}", ignored.err);
    let verified = verify(path, &[&words[..], &["--sct", "sct.json"]].concat());
    assert!(verified.status == 0 && verified.err.ends_with("Verified OK\n"), "{}", verified.err);
    for (name, why) in [
        ("other.json", "sct-untrusted"),
        ("version.json", "unsupported"),
        ("time.json", "sct-invalid"),
        ("never.json", "malformed"),
        ("early.json", "sct-untrusted"),
        ("extensions.json", "sct-invalid"),
        ("unsigned.json", "malformed"),
        ("cut.json", "malformed"),
        ("junk", "malformed"),
        ("cert.pem", "malformed"),
        ("no-such-file", "no-such-file"),
    ] {
        refused(path, &[&words[..], &["--sct", name]].concat(), &[why]);
    }
}

#[test]
fn a_proof_in_the_certificate_goes_before_one_that_lies_beside() {
    let (folder, _) = folder(&stamped());
    let path = folder.path();
    std::fs::write(path.join("junk"), "junk").unwrap();
    let words = [&WHO[..], &["--certificate", "cert.pem", "--signature", "sig"], &STAMPED, &["blob"]].concat();
    let verified = verify(path, &[&words[..], &["--sct", "junk"]].concat());
    assert!(verified.status == 0 && verified.err.contains("WARNING: --sct is not used"), "{}", verified.err);
    assert!(!verify(path, &words).err.contains("--sct"));
}

#[test]
fn an_attestation_of_a_file_has_its_certificate_beside_it_too() {
    let setup = Setup {
        stamped_envelope: true,
        log: Log::Missing,
        stamp: true,
        ..Setup::statement("https://spdx.dev/Document")
    };
    let (folder, _) = folder(&setup);
    let path = folder.path();
    let judged = |more: &[&str]| {
        let start = ["verify-blob-attestation", "--trusted-root", "root.json", "--type", "spdx"];
        let run = cosign(path, &[], &[&start[..], &WHO, &["--signature", "sig"], more].concat());
        assert_eq!(run.status == 0, run.err.ends_with("Verified OK\n"), "{}", run.err);
        run.err
    };
    let all = [&["--certificate", "cert.pem"][..], &STAMPED].concat();
    assert!(
        judged(&[&all[..], &["blob"]].concat()).ends_with("Verified OK\n"),
        "{}",
        judged(&[&all[..], &["blob"]].concat())
    );
    assert!(judged(&[&all[..], &["other"]].concat()).contains("artifact-mismatch"));
    assert!(judged(&["--certificate", "cert.pem", "--insecure-ignore-tlog", "blob"]).contains("certificate-not-valid"));
    assert!(judged(&["--certificate", "cert.pem", "blob"]).contains("log-entry-missing"));
    assert!(judged(&["--insecure-ignore-tlog", "blob"]).contains("key-mismatch"));
    assert!(judged(&[&all[..], &["--type", "cyclonedx", "blob"]].concat()).contains("cannot be used multiple times"));
}
