//! Cosign's personality, with a small registry at most: keys, their files and passwords, and what is refused. That it signs and
//! verifies what the real one does is for scripts/peers/cosign.py to hold.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::{Run, project, run};

/// With a password in the environment.
fn cosign(folder: &Path, password: &str, args: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.arg("cosign").args(args).current_dir(folder).env_clear().env("HOME", folder).stdin(Stdio::null());
    run(command.env("COSIGN_PASSWORD", password))
}

/// With this on standard input, and no password in the environment.
fn typed(folder: &Path, input: &str, args: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.arg("cosign").args(args).current_dir(folder).env_clear().stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { status: done.status.code().unwrap(), out: text(done.stdout), err: text(done.stderr) }
}

#[test]
fn a_key_pair_is_made_for_its_owner_alone_and_no_password_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let made = cosign(folder.path(), "open sesame", &["generate-key-pair"]);
    assert_eq!((made.status, made.out.as_str()), (0, ""), "{}", made.err);
    assert_eq!(made.err, "Private key written to cosign.key\nPublic key written to cosign.pub\n");
    let private = folder.path().join("cosign.key");
    assert_eq!(std::fs::metadata(&private).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&private).unwrap();
    assert!(text.starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\neyJrZGYiOnsi"), "{text}");
    let shown = cosign(folder.path(), "open sesame", &["public-key", "--key", "cosign.key"]);
    assert_eq!(shown.out, std::fs::read_to_string(folder.path().join("cosign.pub")).unwrap());
    let wrong = cosign(folder.path(), "close sesame", &["public-key", "--key", "cosign.key"]);
    assert_eq!((wrong.status, wrong.out.as_str()), (1, ""));
    assert!(wrong.err.contains("not of this password") && !wrong.err.contains("sesame"), "{}", wrong.err);
    // What is there is overwritten by somebody who says so alone.
    let again = cosign(folder.path(), "open sesame", &["generate-key-pair"]);
    assert_eq!(again.status, 1);
    assert!(again.err.contains("already exists") && again.err.contains("declined"), "{}", again.err);
    assert_eq!(std::fs::read_to_string(&private).unwrap(), text);
    // So is a public half alone, before anything is written.
    let (public, other) = (folder.path().join("cosign.pub"), folder.path().join("other.pub"));
    std::fs::copy(&public, &other).unwrap();
    let prefix = ["generate-key-pair", "--output-key-prefix", "other"];
    let alone = cosign(folder.path(), "open sesame", &prefix);
    assert_eq!(alone.status, 1, "{}", alone.err);
    assert!(alone.err.contains("other.pub already exists") && alone.err.contains("declined"), "{}", alone.err);
    assert!(!folder.path().join("other.key").exists());
    assert_eq!(std::fs::read(&other).unwrap(), std::fs::read(&public).unwrap());
    let alone = typed(folder.path(), "y\nnew", &prefix);
    assert_eq!(alone.status, 0, "{}", alone.err);
    assert_ne!(std::fs::read(&other).unwrap(), std::fs::read(&public).unwrap());
    let again = typed(folder.path(), "y\nnew", &["generate-key-pair"]);
    assert_eq!(again.status, 0, "{}", again.err);
    assert_ne!(std::fs::read_to_string(&private).unwrap(), text);
    assert_eq!(cosign(folder.path(), "new", &["public-key", "--key", "cosign.key"]).status, 0);
}

#[test]
fn keys_of_other_programs_are_imported() {
    let folder = tempfile::tempdir().unwrap();
    let keys = project().join("crates/plimsoll-trust/tests/keys");
    for (name, public) in
        [("p256", "p256"), ("p384-sec1-parameters", "p384"), ("ed25519", "ed25519"), ("rsa2048", "rsa2048")]
    {
        let key = keys.join(format!("{name}.pem"));
        let prefix = format!("i-{public}");
        let done = cosign(
            folder.path(),
            "",
            &["import-key-pair", "--key", key.to_str().unwrap(), "--output-key-prefix", &prefix],
        );
        assert_eq!(done.status, 0, "{name}: {}", done.err);
        let written = std::fs::read_to_string(folder.path().join(format!("{prefix}.pub"))).unwrap();
        assert_eq!(written, std::fs::read_to_string(keys.join(format!("{public}.pub"))).unwrap());
    }
    let weak = keys.join("rsa1024.pem");
    let done = cosign(folder.path(), "", &["import-key-pair", "--key", weak.to_str().unwrap()]);
    assert_eq!(done.status, 1);
    assert!(done.err.contains("less than 2,048 bits"), "{}", done.err);
}

#[test]
fn a_verification_without_a_signer_names_both_flags() {
    let said = cosign(&project(), "", &["verify", "registry.invalid/a:v1"]);
    assert_eq!((said.status, said.out.as_str()), (1, ""));
    for flag in ["--certificate-identity", "--certificate-oidc-issuer", "--key"] {
        assert!(said.err.contains(flag), "{}", said.err);
    }
    let said = cosign(&project(), "", &["verify", "--certificate-identity", "x", "registry.invalid/a:v1"]);
    assert!(said.status == 1 && said.err.contains("--certificate-oidc-issuer"), "{}", said.err);
}

#[test]
fn what_is_not_built_is_refused_by_name_and_nothing_is_asked() {
    for (args, named) in [
        (
            &[
                "sign",
                "--key",
                "awskms:///alias/x",
                "--tlog-upload=false",
                "--new-bundle-format=false",
                "registry.invalid/a",
            ][..],
            "awskms://",
        ),
        (&["sign", "--sk", "registry.invalid/a"], "--sk"),
        (&["verify", "--rekor-url=https://example.org", "registry.invalid/a"], "--rekor-url"),
        (&["sign", "--key", "cosign.key", "registry.invalid/a"], "--tlog-upload=false"),
        (&["generate-key-pair", "k8s://default/key"], "k8s://"),
        (&["login", "registry.invalid"], "docker login"),
        (&["upload", "blob", "-f", "x", "registry.invalid/a"], "upload"),
        (&["bundle", "create", "--artifact", "x"], "bundle"),
        (&["verify", "--attachment", "sbom", "registry.invalid/a"], "verify-attestation"),
        (
            &[
                "sign",
                "--key",
                "k",
                "--registry-referrers-mode",
                "oci-1-1",
                "--new-bundle-format=false",
                "registry.invalid/a",
            ],
            "legacy",
        ),
        (&["attest", "--rekor-entry-type", "intoto", "registry.invalid/a"], "dsse"),
    ] {
        let said = cosign(&project(), "", args);
        assert_eq!((said.status, said.out.as_str()), (1, ""), "{args:?}");
        assert!(said.err.contains(named), "{args:?}: {}", said.err);
        assert!(!said.err.contains("unexpected argument"), "{args:?}: {}", said.err);
    }
    assert_ne!(cosign(&project(), "", &["verify", "--nosuch", "a"]).status, 0);
}

#[test]
fn the_environment_is_shown_without_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let shown = cosign(folder.path(), "open sesame", &["env"]);
    assert_eq!((shown.status, shown.err.as_str()), (0, ""));
    assert!(shown.out.contains("COSIGN_PASSWORD=******\n") && !shown.out.contains("sesame"), "{}", shown.out);
    let whole = cosign(folder.path(), "open sesame", &["env", "--show-descriptions=false", "--show-sensitive-values"]);
    assert!(whole.out.contains("\nCOSIGN_PASSWORD=open sesame\n") && !whole.out.contains('#'), "{}", whole.out);
}

/// A registry of fixed answers by what their paths end in: status, media type, body.
pub fn registry(answers: BTreeMap<String, (u16, &'static str, String)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines: Vec<String> =
                BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let path = lines.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
            let found = answers.iter().find(|(end, _)| path.ends_with(end.as_str()));
            let (status, kind, body) = found.map_or((404, "text/plain", ""), |(_, (s, k, b))| (*s, *k, b.as_str()));
            let head = format!("HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\nContent-Length: {}", body.len());
            let _ = write!(stream, "{head}\r\nConnection: close\r\n\r\n{body}");
        }
    });
    host
}

/// A verification with a key of an image that has a bundle and a classic signature with these contents; one of the answers of its
/// registry has another status.
fn verified(bundle: &str, payload: &str, unread: &str, status: u16) -> Run {
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    let digest = |text: &str| {
        let bytes = plimsoll_trust::Hash::Sha256.of(text.as_bytes());
        format!("sha256:{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    };
    let of = |kind: &str, text: &str| json!({"mediaType": kind, "digest": digest(text), "size": text.len()});
    let manifest = |layers: &[serde_json::Value]| {
        let config = of("application/vnd.oci.empty.v1+json", "{}");
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers})
    };
    let image = manifest(&[]).to_string();
    let mut refers = manifest(&[of("application/vnd.dev.sigstore.bundle.v0.3+json", bundle)]);
    refers["subject"] = of(MANIFEST, &image);
    let refers = refers.to_string();
    let classic = manifest(&[of("application/vnd.dev.cosign.simplesigning.v1+json", payload)]).to_string();
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [of(MANIFEST, &refers)]}).to_string();
    let tag = digest(&image).replace(':', "-");
    let names = ["/v1", "/index", "/referrer", "/bundle", "/payload"];
    let places = [
        ("manifests/v1".to_owned(), MANIFEST, image.as_str()),
        (format!("referrers/{}", digest(&image)), INDEX, &index),
        (format!("manifests/{}", digest(&refers)), MANIFEST, &refers),
        (format!("blobs/{}", digest(bundle)), "application/octet-stream", bundle),
        (format!("blobs/{}", digest(payload)), "application/octet-stream", payload),
    ];
    let mut answers: BTreeMap<_, _> = names
        .iter()
        .zip(places)
        .map(|(name, (end, kind, body))| match *name == unread {
            true => (end, (status, "text/plain", String::new())),
            false => (end, (200, kind, body.to_owned())),
        })
        .collect();
    answers.insert(format!("manifests/{tag}.sig"), (200, MANIFEST, classic));
    let folder = tempfile::tempdir().unwrap();
    let key = project().join("crates/plimsoll-trust/tests/keys/p256.pub");
    let name = format!("{}/a/b:v1", registry(answers));
    let args = ["verify", "--insecure-ignore-tlog", "--key", key.to_str().unwrap(), "--allow-http-registry", &name];
    cosign(folder.path(), "", &args)
}

#[test]
fn a_signature_that_cannot_be_had_is_not_told_as_one_that_does_not_match() {
    // Neither is a signature, and both can be read.
    let run = |unread: &str, status: u16| verified("[]", "{}", unread, status);
    let read = run("", 200);
    assert_eq!((read.status, read.err.contains("no matching signatures")), (12, true), "{}", read.err);
    for (unread, status) in [("/referrer", 401), ("/referrer", 501), ("/bundle", 403), ("/payload", 401)] {
        let said = run(unread, status);
        assert_eq!((said.status, said.out.as_str()), (1, ""), "{unread} {status}: {}", said.err);
        assert!(said.err.contains("could not tell whether a signature matches"), "{unread}: {}", said.err);
        assert!(!said.err.contains("no matching"), "{unread}: {}", said.err);
    }
}

/// Anybody may have put it there: it is no doubt, and it is told.
#[test]
fn what_is_beyond_what_is_read_is_no_signature_and_is_told() {
    let large = " ".repeat((1 << 20) + 1);
    for (bundle, payload, code) in [
        (r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v9+json"}"#, "{}", "unsupported"),
        ("[]", large.as_str(), "too-large"),
    ] {
        let said = verified(bundle, payload, "", 200);
        assert_eq!((said.status, said.out.as_str()), (12, ""), "{}", said.err);
        assert!(said.err.contains("no matching signatures") && said.err.contains(code), "{}", said.err);
    }
}

#[test]
fn what_demands_nothing_of_a_key_is_said_and_what_demands_another_signer_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("blob"), "blob").unwrap();
    assert_eq!(cosign(folder.path(), "", &["generate-key-pair"]).status, 0);
    let sign = ["sign-blob", "--key", "cosign.key", "--tlog-upload=false", "--bundle", "b.json", "blob"];
    assert_eq!(cosign(folder.path(), "", &sign).status, 0);
    let verify = |more: &[&str]| {
        let start = ["verify-blob", "--key", "cosign.pub", "--insecure-ignore-tlog", "--bundle", "b.json"];
        cosign(folder.path(), "", &[&start[..], more, &["blob"]].concat())
    };
    let said = verify(&[]).err;
    assert!(said.ends_with("\nVerified OK\n") && !said.contains("demands nothing"), "{said}");
    for flag in ["--certificate-oidc-issuer", "--certificate-oidc-issuer-regexp", "--certificate-github-workflow-ref"] {
        let said = verify(&[flag, "x"]);
        assert_eq!(said.status, 0, "{}", said.err);
        assert!(said.err.contains(&format!("WARNING: {flag} demands nothing of a key")), "{}", said.err);
    }
    for flag in ["--certificate-identity", "--certificate-identity-regexp"] {
        let said = verify(&[flag, "x"]);
        assert!(said.status == 1 && said.err.contains(flag), "{}", said.err);
    }
    // The form that is named is the form that is given.
    let said = verify(&["--new-bundle-format=false"]);
    assert!(said.status == 1 && said.err.contains("not read here"), "{}", said.err);
    let said = verify(&["--check-claims=false"]);
    assert!(said.status != 0 && said.err.contains("--check-claims"), "files have no claims: {}", said.err);
    let bare = ["verify-blob", "--key", "cosign.pub", "--new-bundle-format", "--signature", "AAAA", "blob"];
    let said = cosign(folder.path(), "", &bare);
    assert!(said.status == 1 && said.err.contains("--bundle"), "{}", said.err);
}

#[test]
fn a_file_takes_the_signature_of_one_image_and_nothing_is_signed_where_there_are_more() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(cosign(folder.path(), "", &["generate-key-pair"]).status, 0);
    for (form, flag) in [("true", "--bundle"), ("false", "--output-signature"), ("false", "--output-payload")] {
        let form = format!("--new-bundle-format={form}");
        let start = ["sign", "--key", "cosign.key", "--tlog-upload=false", &form, flag, "out"];
        let said =
            cosign(folder.path(), "", &[&start[..], &["registry.invalid/a:v1", "registry.invalid/b:v1"]].concat());
        assert_eq!(said.status, 1);
        assert!(said.err.contains(flag) && said.err.contains("one image"), "{}", said.err);
        assert!(!folder.path().join("out").exists());
    }
}
