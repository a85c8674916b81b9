//! Keys in Vault, whose transit engine a stand-in on loopback plays with real keys: what it signs is verified, and what it answers is
//! believed no further. That the real Cosign gets the same of the same is for scripts/peers/cosign-kms.py to hold.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_trust::keys::Signer as _;
use plimsoll_trust::{Hash, IN_TOTO, PrivateKey, PublicKey, pre_authentication_encoding};
use serde_json::{Value, json};

use crate::{Run, project, run};

const TOKEN: &str = "hvs.CAESIJ-a-secret";
const STATEMENT: &str = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"blob","digest":{"sha256":"fa2c8cc4f28176bbeed4b736df569a34c79cd3723e9ec42f9674b4d46ac6b8b8"}}],"predicateType":"https://example.com/p","predicate":{}}"#;

/// A Vault, and what it was asked: method, path, and the headers that are its own.
struct Vault {
    address: String,
    keys: BTreeMap<String, (&'static str, PrivateKey)>,
    seen: Mutex<Vec<String>>,
}

fn key(name: &str) -> PrivateKey {
    let path = project().join("crates/plimsoll-trust/tests/keys").join(format!("{name}.pem"));
    PrivateKey::from_pem(&std::fs::read(path).unwrap()).unwrap()
}

fn vault() -> Arc<Vault> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let kinds = [
        ("p256", "ecdsa-p256", "p256"),
        ("p384", "ecdsa-p384", "p384-sec1-parameters"),
        ("ed25519", "ed25519", "ed25519"),
        ("rsa", "rsa-2048", "rsa2048"),
    ];
    let vault = Arc::new(Vault {
        address: format!("http://{}", listener.local_addr().unwrap()),
        keys: kinds.into_iter().map(|(name, kind, file)| (name.to_owned(), (kind, key(file)))).collect(),
        seen: Mutex::default(),
    });
    let served = Arc::clone(&vault);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // A client that has enough of it goes away.
            let _ = served.serve(stream.unwrap());
        }
    });
    vault
}

impl Vault {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut lines = vec![];
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let header = |name: &str| {
            let found = lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            found.unwrap_or_default().to_owned()
        };
        let mut body = vec![0; header("content-length").parse().unwrap_or_default()];
        reader.read_exact(&mut body)?;
        let first = lines.first().cloned().unwrap_or_default();
        let (method, path) = first.trim_end_matches(" HTTP/1.1").split_once(' ').unwrap_or_default();
        self.seen.lock().unwrap().push(format!("{method} {path} {}", header("x-vault-namespace")).trim().to_owned());
        let (status, answer) = match (header("x-vault-token") == TOKEN, header("x-vault-request").as_str()) {
            (true, "true") => self.answer(method, path, &body),
            _ => (403, r#"{"errors":["permission denied"]}"#.to_owned()),
        };
        let mut stream = stream;
        if answer == "endless" {
            write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            loop {
                stream.write_all(&[b' '; 64 << 10])?;
            }
        }
        let length = answer.len();
        write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{answer}")
    }

    fn answer(&self, method: &str, path: &str, body: &[u8]) -> (u16, String) {
        let path = path.strip_prefix("/v1/transit/").or_else(|| path.strip_prefix("/v1/team/transit/"));
        let parts: Vec<&str> = path.unwrap_or_default().split('/').collect();
        let own = |name: &str| &self.keys[if self.keys.contains_key(name) { name } else { "p256" }];
        let (kind, key) = own(parts.get(1).copied().unwrap_or_default());
        match (method, parts.as_slice()) {
            (_, ["keys", "forbidden"]) | ("POST", ["sign", "readable", _]) => {
                (403, r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#.into())
            }
            (_, ["keys", "absent"]) => (404, r#"{"errors":[]}"#.into()),
            (_, ["keys", "sealed"]) => (503, r#"{"errors":["Vault is sealed"]}"#.into()),
            (_, ["keys", "standby"]) => (307, String::new()),
            (_, ["keys", "page"]) => (200, "<html>".into()),
            (_, ["keys", "endless"]) | ("POST", ["sign", "chatty", _]) => (200, "endless".into()),
            ("GET", ["keys", "symmetric"]) => {
                let data = json!({"type": "aes256-gcm96", "latest_version": 1, "keys": {"1": 1_442_851_412}});
                (200, json!({"data": data}).to_string())
            }
            ("GET", ["keys", "derived"]) => (200, shown("ecdsa-p521", &key.public_pem(), 1)),
            ("GET", ["keys", "mixed"]) => (200, shown("ecdsa-p384", &key.public_pem(), 1)),
            ("GET", ["keys", "broken"]) => (200, shown("rsa-2048", "-----BEGIN PUBLIC KEY-----\n", 1)),
            // As Vault shows keys of Ed25519: the bare 32 bytes.
            ("GET", ["keys", "ed25519"]) => (200, shown(kind, &STANDARD.encode(&key.spki()[12..]), 1)),
            ("GET", ["keys", "rotated"]) => {
                let public = key.public_pem();
                let older = crate::kms::key("p384-sec1-parameters").public_pem();
                let keys =
                    json!({"1": {"public_key": public}, "2": {"public_key": older}, "3": {"public_key": public}});
                (200, json!({"data": {"type": "ecdsa-p256", "latest_version": 3, "keys": keys}}).to_string())
            }
            ("GET", ["keys", _]) => (200, shown(kind, &key.public_pem(), 1)),
            ("POST", ["keys", _]) => {
                assert_eq!(serde_json::from_slice::<Value>(body).unwrap(), json!({"type": "ecdsa-p256"}));
                (204, String::new())
            }
            ("POST", ["sign", name, hash @ ..]) => self.signed(name, hash, key, body),
            _ => (404, r#"{"errors":["no handler for route"]}"#.into()),
        }
    }

    /// Of what these tests sign, by what is asked: the digest, or for Ed25519 the whole.
    fn signed(&self, name: &str, hash: &[&str], key: &PrivateKey, body: &[u8]) -> (u16, String) {
        let body: Value = serde_json::from_slice(body).unwrap();
        let input = STANDARD.decode(body["input"].as_str().unwrap()).unwrap();
        let messages = [b"blob".to_vec(), pre_authentication_encoding(IN_TOTO, STATEMENT.as_bytes())];
        let asked = match hash {
            ["sha2-256"] => messages.iter().find(|message| Hash::Sha256.of(message) == input),
            ["sha2-384"] => messages.iter().find(|message| Hash::Sha384.of(message) == input),
            [] => messages.iter().find(|message| **message == input),
            _ => None,
        };
        let asked = asked.unwrap();
        assert_eq!(body["prehashed"].as_bool(), (!hash.is_empty()).then_some(true));
        let signature = match name {
            "liar" => crate::kms::key("p256-sec1").sign(b"something else").unwrap(),
            "stranger" => PrivateKey::generate().unwrap().sign(asked).unwrap(),
            _ => key.sign(asked).unwrap(),
        };
        let version = if name == "newer" { 2 } else { body["key_version"].as_u64().unwrap() };
        let text = format!("vault:v{version}:{}", STANDARD.encode(signature));
        let text = if name == "raw" { "vault:v1:****".to_owned() } else { text };
        (200, json!({"data": {"signature": text}}).to_string())
    }
}

fn shown(kind: &str, public: &str, version: u64) -> String {
    let keys =
        json!({version.to_string(): {"name": kind, "public_key": public, "creation_time": "2026-01-01T00:00:00Z"}});
    json!({"request_id": "x", "data": {"type": kind, "latest_version": version, "keys": keys}}).to_string()
}

/// With these variables alone.
fn cosign(folder: &Path, variables: &[(&str, &str)], args: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.arg("cosign").args(args).current_dir(folder).env_clear().env("HOME", folder).stdin(Stdio::null());
    let done = run(command.envs(variables.iter().copied()));
    assert!(!done.err.contains("hvs.") && !done.out.contains("hvs."), "a token is shown: {}", done.err);
    done
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("blob"), "blob").unwrap();
    std::fs::write(folder.path().join("other"), "other").unwrap();
    std::fs::write(folder.path().join("statement"), STATEMENT).unwrap();
    folder
}

const SIGN: &[&str] = &["sign-blob", "--tlog-upload=false", "--bundle", "b.json"];
const VERIFY: &[&str] = &["verify-blob", "--insecure-ignore-tlog", "--bundle", "b.json"];

#[test]
fn keys_of_every_kind_in_vault_sign_and_verify() {
    let (vault, folder) = (vault(), folder());
    let (path, variables) = (folder.path(), [("VAULT_ADDR", vault.address.as_str()), ("VAULT_TOKEN", TOKEN)]);
    for (name, (_, own)) in &vault.keys {
        let key = format!("hashivault://{name}");
        let shown = cosign(path, &variables, &["public-key", "--key", &key]);
        assert_eq!((shown.status, shown.out), (0, own.public_pem()), "{name}: {}", shown.err);
        std::fs::write(path.join("k.pub"), own.public_pem()).unwrap();
        let signed = cosign(path, &variables, &[SIGN, &["--key", &key, "blob"]].concat());
        assert_eq!(signed.status, 0, "{name}: {}", signed.err);
        // By its public half in a file, too, and without a Vault.
        for (variables, key) in [(&variables[..], key.as_str()), (&[], "k.pub")] {
            let verified = cosign(path, variables, &[VERIFY, &["--key", key, "blob"]].concat());
            assert!(verified.status == 0 && verified.err.ends_with("Verified OK\n"), "{name}: {}", verified.err);
            let other = cosign(path, variables, &[VERIFY, &["--key", key, "other"]].concat());
            assert!(other.status == 1 && other.err.contains("artifact-mismatch"), "{name}: {}", other.err);
        }
        let words =
            ["attest-blob", "--tlog-upload=false", "--statement", "statement", "--bundle", "a.json", "--key", &key];
        let attested = cosign(path, &variables, &words);
        assert_eq!(attested.status, 0, "{name}: {}", attested.err);
        let words = [
            "verify-blob-attestation",
            "--insecure-ignore-tlog",
            "--type",
            "https://example.com/p",
            "--bundle",
            "a.json",
        ];
        let verified = cosign(path, &variables, &[&words[..], &["--key", &key, "blob"]].concat());
        assert_eq!(verified.status, 0, "{name}: {}", verified.err);
        let bare = ["sign-blob", "--tlog-upload=false", "--new-bundle-format=false", "--key", &key, "blob"];
        let bare = cosign(path, &variables, &bare);
        let signature = STANDARD.decode(bare.out.trim_end()).unwrap();
        PublicKey::from_spki(own.spki()).unwrap().verify(b"blob", &signature).unwrap();
    }
}

#[test]
fn a_key_is_made_in_vault_and_its_public_half_is_written() {
    let (vault, folder) = (vault(), folder());
    let (path, variables) = (folder.path(), [("VAULT_ADDR", vault.address.as_str()), ("VAULT_TOKEN", TOKEN)]);
    let words = ["generate-key-pair", "--kms", "hashivault://new", "--output-key-prefix", "new"];
    let made = cosign(path, &variables, &words);
    assert_eq!((made.status, made.out.as_str(), made.err.as_str()), (0, "", "Public key written to new.pub\n"));
    assert_eq!(std::fs::read_to_string(path.join("new.pub")).unwrap(), vault.keys["p256"].1.public_pem());
    assert!(!path.join("new.key").exists());
    assert_eq!(*vault.seen.lock().unwrap(), ["POST /v1/transit/keys/new", "GET /v1/transit/keys/new"]);
    // A file that is there is overwritten by somebody who says so alone, and nothing is asked before.
    let again = cosign(path, &variables, &words);
    assert!(again.status == 1 && again.err.contains("already exists"), "{}", again.err);
    assert_eq!(vault.seen.lock().unwrap().len(), 2);
}

#[test]
fn engine_namespace_token_and_version_are_those_of_the_environment() {
    let (vault, folder) = (vault(), folder());
    let path = folder.path();
    std::fs::write(path.join(".vault-token"), format!("{TOKEN}\n")).unwrap();
    let there = [("VAULT_ADDR", vault.address.as_str())];
    let more = [("TRANSIT_SECRET_ENGINE_PATH", "team/transit"), ("VAULT_NAMESPACE", "shop/eu")];
    let signed = cosign(path, &[&there[..], &more].concat(), &[SIGN, &["--key", "hashivault://p256", "blob"]].concat());
    assert_eq!(signed.status, 0, "{}", signed.err);
    let asked = ["GET /v1/team/transit/keys/p256 shop/eu", "POST /v1/team/transit/sign/p256/sha2-256 shop/eu"];
    assert_eq!(*vault.seen.lock().unwrap(), asked);
    // The newest version signs; an older one is demanded where that is said.
    assert_eq!(cosign(path, &there, &[SIGN, &["--key", "hashivault://rotated", "blob"]].concat()).status, 0);
    let verify = |prefix: &str| {
        let variables = [there[0], ("VAULT_KEY_PREFIX", prefix)];
        cosign(path, &variables, &[VERIFY, &["--key", "hashivault://rotated", "blob"]].concat())
    };
    assert_eq!((verify("").status, verify("vault:v1:").status), (0, 0));
    assert!(verify("vault:v2:").err.contains("its public half is not"));
    assert!(verify("vault:v9:").err.contains("no version 9"));
    assert!(verify("v1").err.contains("vault:v1:"));
}

#[test]
fn what_a_hostile_vault_answers_is_refused_and_nothing_is_written() {
    let (vault, folder) = (vault(), folder());
    let path = folder.path();
    let variables = [("VAULT_ADDR", vault.address.as_str()), ("VAULT_TOKEN", TOKEN)];
    for (name, why) in [
        ("forbidden", "permission denied"),
        ("forbidden", "hint: the token"),
        ("forbidden", "/v1/transit/keys/forbidden"),
        ("readable", "signer-failed: could not get a signature by the key readable"),
        ("readable", "`update` on"),
        ("absent", "generate-key-pair --kms"),
        ("sealed", "Vault is sealed"),
        ("sealed", "unseals it"),
        ("standby", "307"),
        ("page", "not what Vault answers"),
        ("endless", "more than"),
        ("chatty", "more than"),
        ("symmetric", "aes256-gcm96"),
        ("derived", "ecdsa-p521"),
        ("mixed", "its public half is not"),
        ("broken", "malformed"),
        ("stranger", "signature-invalid"),
        ("liar", "signature-invalid"),
        ("newer", "no signature by version 1"),
        ("raw", "no base64"),
    ] {
        let key = format!("hashivault://{name}");
        let run = cosign(path, &variables, &[SIGN, &["--key", &key, "blob"]].concat());
        assert_eq!((run.status, run.out.as_str()), (1, ""), "{name}: {}", run.err);
        assert!(run.err.contains(why) && run.err.contains(name), "{name}: {}", run.err);
        assert!(!path.join("b.json").exists(), "{name}");
    }
    let wrong = [variables[0], ("VAULT_TOKEN", "hvs.another")];
    assert!(cosign(path, &wrong, &["public-key", "--key", "hashivault://p256"]).err.contains("permission denied"));
}

#[test]
fn names_and_addresses_that_lead_elsewhere_are_asked_nothing() {
    let (vault, folder) = (vault(), folder());
    let path = folder.path();
    let (there, token) = (("VAULT_ADDR", vault.address.as_str()), ("VAULT_TOKEN", TOKEN));
    for (variables, key, why) in [
        (&[there, token][..], "hashivault://../../sys/seal", "could not take"),
        (&[there, token], "hashivault://a/../b", "a name has letters"),
        (&[there, token], "hashivault://", "could not take"),
        (&[there, token], "awskms:///alias/x", "awskms://"),
        (&[there, token], "gcpkms://projects/x", "hashivault://NAME"),
        (&[there, token], "azurekms://x/y", "azurekms://"),
        (&[there, token], "k8s://a/b", "k8s://"),
        (&[there, token, ("TRANSIT_SECRET_ENGINE_PATH", "../sys")], "hashivault://a", "it is no path"),
        (&[there, token, ("VAULT_SKIP_VERIFY", "true")], "hashivault://a", "VAULT_CACERT"),
        (&[there], "hashivault://a", "vault login"),
        (&[token], "hashivault://a", "VAULT_ADDR"),
        // The token goes to no other machine in the open.
        (&[("VAULT_ADDR", "http://192.0.2.1:8200"), token], "hashivault://a", "HTTPS alone"),
    ] {
        for words in [&["public-key"][..], SIGN, VERIFY] {
            let blob = if words.len() > 1 { &["blob"][..] } else { &[] };
            let run = cosign(path, variables, &[words, &["--key", key], blob].concat());
            assert!(run.status == 1 && run.err.contains(why), "{key}: {}", run.err);
        }
        let made = cosign(path, variables, &["generate-key-pair", "--kms", key]);
        assert!(made.status == 1 && made.err.contains(why), "{key}: {}", made.err);
    }
    let kept = cosign(path, &[there, token], &["import-key-pair", "--key", "hashivault://p256"]);
    assert!(kept.status == 1 && kept.err.contains("does not leave"), "{}", kept.err);
    assert!(vault.seen.lock().unwrap().is_empty());
    assert!(!path.join("b.json").exists() && !path.join("cosign.pub").exists(), "something is written");
}

#[test]
fn a_binary_without_pkcs11_says_so_and_one_with_it_wants_a_library() {
    let folder = folder();
    let key = ["--key", "pkcs11:token=a;object=b?pin-value=90417355"];
    let why = if cfg!(feature = "pkcs11") { "COSIGN_PKCS11_MODULE_PATH" } else { "--features pkcs11" };
    for words in [&["public-key"][..], SIGN, VERIFY, &["pkcs11-tool", "list-tokens"]] {
        let more = match words {
            ["public-key"] => key.to_vec(),
            ["pkcs11-tool", _] => vec![],
            _ => [&key[..], &["blob"]].concat(),
        };
        let run = cosign(folder.path(), &[], &[words, &more].concat());
        assert!(run.status == 1 && run.err.contains(why) && !run.err.contains("9041"), "{words:?}: {}", run.err);
    }
    let kept = cosign(folder.path(), &[], &[&["import-key-pair"][..], &key].concat());
    assert!(kept.status == 1 && kept.err.contains("does not leave") && !kept.err.contains("9041"), "{}", kept.err);
}
