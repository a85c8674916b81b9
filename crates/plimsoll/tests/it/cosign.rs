//! Cosign's personality, without a registry: keys, their files and passwords, and what is refused. That it signs and verifies what
//! the real one does is for scripts/peers/cosign.py to hold.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

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
        (&["clean", "registry.invalid/a"], "clean"),
    ] {
        let said = cosign(&project(), "", args);
        assert_eq!((said.status, said.out.as_str()), (1, ""), "{args:?}");
        assert!(said.err.contains(named), "{args:?}: {}", said.err);
    }
    assert_ne!(cosign(&project(), "", &["verify", "--nosuch", "a"]).status, 0);
}
