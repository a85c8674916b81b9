//! Metadata of The Update Framework: what the input says is signed, so that what comes behind the signatures is reached. What is fetched
//! is current as it is held, is fetched again as the same, and is over when its time is; nothing is asked for outside.
#![no_main]

use std::sync::OnceLock;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::parts;
use plimsoll_trust::keys::Signer as _;
use plimsoll_trust::tuf::{Held, current, refresh};
use plimsoll_trust::{Hash, PrivateKey, Reason};
use serde_json::{Value, json};

const FILE: &[u8] = b"file";

/// The form that is signed; none where there is none.
fn canonical(value: &Value) -> Option<String> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    Some(match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            let members: Option<Vec<_>> =
                members.iter().map(|(name, value)| Some(format!("{}:{}", quoted(name), canonical(value)?))).collect();
            format!("{{{}}}", members?.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Option<Vec<_>>>()?.join(",")),
        Value::String(text) => quoted(text),
        Value::Number(number) if number.is_f64() => return None,
        other => other.to_string(),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Who signs everything, and the key as roots name it.
fn signer() -> &'static (PrivateKey, Value, String) {
    static SIGNER: OnceLock<(PrivateKey, Value, String)> = OnceLock::new();
    SIGNER.get_or_init(|| {
        let text = include_bytes!("../../crates/plimsoll-trust/tests/keys/ed25519.pem");
        let key = PrivateKey::from_pem(text).expect("a key");
        let spki = key.spki();
        let public =
            json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": hex(&spki[spki.len() - 32..])}});
        let id = hex(&Hash::Sha256.of(canonical(&public).expect("a form").as_bytes()));
        (key, public, id)
    })
}

/// What is said, signed; what is no JSON, as it is.
fn signed(says: &[u8]) -> Vec<u8> {
    let (key, _, id) = signer();
    let value: Option<Value> = serde_json::from_slice(says).ok();
    let text = value.as_ref().and_then(canonical);
    let (Some(value), Some(text)) = (value, text) else { return says.to_vec() };
    let signature = key.sign(text.as_bytes()).expect("a signature");
    json!({"signatures": [{"keyid": id, "sig": hex(&signature)}], "signed": value}).to_string().into_bytes()
}

fuzz_target!(|data: &[u8]| {
    let (_, public, id) = signer();
    let role = json!({"keyids": [id], "threshold": 1});
    let root = json!({"_type": "root", "spec_version": "1.0", "version": 1, "expires": "2030-01-01T00:00:00Z",
        "keys": {id.as_str(): public}, "roles": {"root": role, "timestamp": role, "snapshot": role, "targets": role}});
    let first = signed(root.to_string().as_bytes());
    let [timestamp, snapshot, targets, next] = parts::<4>(data);
    let files = [timestamp, snapshot, targets].map(signed);
    let next = (!next.is_empty()).then(|| signed(next));
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("an instant");
    let go = |held: Held<'_>| {
        refresh(&first, held, &["file"], now, |path, _| {
            assert!(!path.contains("..") && !path.starts_with('/'), "{path}");
            Ok::<_, ()>(match path.rsplit('.').nth(1).unwrap_or(path) {
                "timestamp" => Some(files[0].clone()),
                "snapshot" => Some(files[1].clone()),
                "targets" => Some(files[2].clone()),
                "root" => next.clone().filter(|_| path == "2.root.json"),
                _ => Some(FILE.to_vec()),
            })
        })
    };
    let Ok(fetched) = go(Held::default()) else { return };
    let held = Held {
        root: Some(&fetched.root),
        timestamp: Some(&fetched.timestamp),
        snapshot: Some(&fetched.snapshot),
        targets: Some(&fetched.targets),
    };
    assert_eq!(go(held).as_ref(), Ok(&fetched), "again");
    if let Some(Some(file)) = fetched.files.first() {
        assert_eq!(file, FILE);
        assert_eq!(current(held, "file", file, now), Ok(()));
        let over = current(held, "file", file, fetched.until).expect_err("it is over");
        assert_eq!(over.reason, Reason::MetadataExpired);
    }
});
