//! What Vault's transit engine answers. In: JSON. Out: a public half, or a signature; of the version that was asked for, or none.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use crate::registry::answer::shown;

/// The public half of a version of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitKey {
    /// `ecdsa-p256`, `ed25519`, `rsa-2048` …
    pub kind: String,
    pub version: u64,
    /// PEM; of Ed25519 its 32 bytes in base64.
    pub public: String,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct Key {
    r#type: String,
    latest_version: u64,
    keys: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Signature {
    signature: String,
}

/// The public half in an answer: of this version, or of the newest.
///
/// # Errors
/// Why there is none.
pub fn key(answer: &[u8], version: Option<u64>) -> Result<TransitKey, String> {
    let Key { r#type, latest_version, keys } = data(answer, "a key")?;
    let kind = shown(&r#type);
    let version = version.unwrap_or(latest_version);
    let there = keys.get(&version.to_string()).ok_or_else(|| {
        format!("the key has no version {version}: the newest is {latest_version}, and {} are kept", keys.len())
    })?;
    // Of a key that only encrypts, each version is a time.
    let public = there.get("public_key").and_then(Value::as_str).filter(|public| !public.is_empty());
    let public = public.ok_or_else(|| {
        format!("it has no public half, being of the kind {kind:?}: keys of ECDSA, Ed25519 and RSA sign")
    })?;
    Ok(TransitKey { public: public.to_owned(), kind, version })
}

/// The signature in an answer, which says by which version of the key it is.
///
/// # Errors
/// Why there is none.
pub fn signature(answer: &[u8], version: u64) -> Result<Vec<u8>, String> {
    let Signature { signature } = data(answer, "a signature")?;
    let text = signature.strip_prefix(&format!("vault:v{version}:"));
    let text = text.ok_or_else(|| format!("it is no signature by version {version} of the key"))?;
    STANDARD.decode(text).map_err(|_| "the signature is no base64".to_owned())
}

fn data<T: serde::de::DeserializeOwned>(answer: &[u8], what: &str) -> Result<T, String> {
    let read: Result<Answer<T>, _> = serde_json::from_slice(answer);
    // What a parser says of it repeats what is in it.
    read.map(|answer| answer.data).map_err(|error| {
        format!("it is not what Vault answers with {what} (line {}, column {})", error.line(), error.column())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_taken_or_the_one_that_is_asked_for() {
        let answer = br#"{"request_id":"x","data":{"type":"ecdsa-p256","latest_version":2,"min_decryption_version":1,
            "keys":{"1":{"name":"P-256","public_key":"first"},"2":{"name":"P-256","public_key":"second"}}}}"#;
        let of = |version| key(answer, version).map(|key| (key.version, key.public));
        assert_eq!(of(None), Ok((2, "second".to_owned())));
        assert_eq!(of(Some(1)), Ok((1, "first".to_owned())));
        assert!(of(Some(3)).unwrap_err().contains("no version 3"));
    }

    #[test]
    fn keys_that_sign_nothing_and_other_answers_are_none() {
        let symmetric = br#"{"data":{"type":"aes256-gcm96\u001b","latest_version":1,"keys":{"1":1442851412}}}"#;
        let refused = key(symmetric, None).unwrap_err();
        assert!(refused.contains("aes256-gcm96") && !refused.contains('\u{1b}'), "{refused}");
        for answer in [&b""[..], b"null", b"<html>", b"{}", br#"{"data":{}}"#, br#"{"data":{"type":1}}"#] {
            assert!(key(answer, None).unwrap_err().contains("not what Vault answers"));
            assert!(signature(answer, 1).unwrap_err().contains("not what Vault answers"));
        }
    }

    #[test]
    fn a_signature_is_of_the_version_that_was_asked() {
        let answer = br#"{"data":{"signature":"vault:v12:AQID"}}"#;
        assert_eq!(signature(answer, 12), Ok(vec![1, 2, 3]));
        assert!(signature(answer, 1).unwrap_err().contains("version 1"));
        assert!(signature(br#"{"data":{"signature":"vault:v1:AQI_"}}"#, 1).unwrap_err().contains("base64"));
    }
}
