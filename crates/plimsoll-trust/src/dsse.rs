//! Envelopes (DSSE v1). In: JSON. Out: a payload with its one signature, and the bytes that were signed. What it does not do: it
//! does not read the payload, and asks no key.

use serde_json::{Value, json};

use crate::json;
use crate::keys;
use crate::refusal::{Reason, Refusal, malformed};

/// The type of every payload here.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// A payload and who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The type of the payload.
    pub payload_type: String,
    /// The payload's bytes.
    pub payload: Vec<u8>,
    /// The bytes of its one signature.
    pub signature: Vec<u8>,
    /// What the signer calls the key; nothing rests on it.
    pub key_hint: String,
}

impl Envelope {
    /// The envelope in `bytes`.
    ///
    /// # Errors
    /// `malformed`, `too-large`, `envelope-signatures` unless there is exactly one: what holds one good signature and one of somebody
    /// else would be signed for one reader and not for another.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Refusal> {
        Self::from_value(&json::parse_holder(bytes, "an envelope")?)
    }

    pub(crate) fn from_value(value: &Value) -> Result<Self, Refusal> {
        let what = "an envelope";
        let signatures = value.get("signatures").and_then(Value::as_array);
        let signatures = signatures.ok_or_else(|| malformed("an envelope has no list \"signatures\""))?;
        let [signature] = signatures.as_slice() else {
            let why = format!("an envelope has {} signatures where one is expected", signatures.len());
            return Err(Refusal::new(Reason::EnvelopeSignatures, why));
        };
        let key_hint = match json::member(signature, "keyid") {
            None => String::new(),
            Some(_) => json::text(signature, "keyid", "a signature of an envelope")?.to_owned(),
        };
        let signature = json::bytes(signature, "sig", "a signature of an envelope")?;
        if signature.is_empty() {
            return Err(Refusal::new(Reason::EnvelopeSignatures, "an envelope has a signature of no bytes"));
        }
        Ok(Self {
            payload_type: json::text(value, "payloadType", what)?.to_owned(),
            payload: json::bytes(value, "payload", what)?,
            signature,
            key_hint,
        })
    }

    /// A statement with the signature of `key`.
    ///
    /// # Errors
    /// The key's keeper does not sign.
    pub fn sign(key: &dyn keys::Signer, statement: Vec<u8>) -> Result<Self, Refusal> {
        let signature = key.sign(&pre_authentication_encoding(IN_TOTO, &statement))?;
        Ok(Self { payload_type: IN_TOTO.to_owned(), payload: statement, signature, key_hint: String::new() })
    }

    /// The JSON of it, as others read it: an empty hint is left out.
    pub fn to_json(&self) -> Value {
        let mut signature = json!({"sig": encode(&self.signature)});
        if !self.key_hint.is_empty() {
            signature["keyid"] = self.key_hint.clone().into();
        }
        json!({"payload": encode(&self.payload), "payloadType": self.payload_type, "signatures": [signature]})
    }

    /// What the signature is over.
    pub fn signed_bytes(&self) -> Vec<u8> {
        pre_authentication_encoding(&self.payload_type, &self.payload)
    }

    /// The payload, which must be said to be an in-toto statement.
    ///
    /// # Errors
    /// `payload-type`.
    pub fn statement_bytes(&self) -> Result<&[u8], Refusal> {
        if self.payload_type == IN_TOTO {
            return Ok(&self.payload);
        }
        Err(Refusal::new(Reason::PayloadType, format!("the envelope holds {:?}, not {IN_TOTO:?}", self.payload_type)))
    }
}

/// `DSSEv1 <length of type> <type> <length of payload> <payload>`: both lengths stand before what they measure, so that no two
/// pairs give the same bytes.
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    out.extend(payload);
    out
}

/// Base64 of the usual alphabet, padded.
pub(crate) fn encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(signatures: Value) -> Vec<u8> {
        json!({"payloadType": IN_TOTO, "payload": "e30=", "signatures": signatures}).to_string().into_bytes()
    }

    #[test]
    fn the_signed_bytes_are_those_of_the_specification() {
        assert_eq!(
            pre_authentication_encoding("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
        // Lengths keep apart what would otherwise be the same.
        assert_ne!(pre_authentication_encoding("a 1", b"b"), pre_authentication_encoding("a", b"1 b"));
    }

    #[test]
    fn there_is_exactly_one_signature() {
        let one = json!({"sig": "YQ==", "keyid": null});
        let read = Envelope::from_json(&envelope(json!([one]))).unwrap();
        assert_eq!((read.signature.as_slice(), read.key_hint.as_str()), (&b"a"[..], ""));
        for none_or_many in [json!([]), json!([one, one]), json!([{"sig": ""}])] {
            let refusal = Envelope::from_json(&envelope(none_or_many.clone())).unwrap_err();
            assert_eq!(refusal.reason, Reason::EnvelopeSignatures, "{none_or_many}");
        }
        for bad in [
            json!(null),
            json!({}),
            json!([null]),
            json!([{"sig": 1}]),
            json!([{"sig": "*"}]),
            json!([{"sig": "YQ==", "keyid": 1}]),
        ] {
            assert_eq!(Envelope::from_json(&envelope(bad.clone())).unwrap_err().reason, Reason::Malformed, "{bad}");
        }
    }

    #[test]
    fn another_type_of_payload_is_no_statement() {
        let mut read = Envelope::from_json(&envelope(json!([{"sig": "YQ=="}]))).unwrap();
        assert_eq!(read.statement_bytes(), Ok(&b"{}"[..]));
        read.payload_type = "application/vnd.in-toto+json; x=1".into();
        assert_eq!(read.statement_bytes().unwrap_err().reason, Reason::PayloadType);
    }

    #[test]
    fn what_is_written_is_read() {
        for hint in ["", "a key"] {
            let it = Envelope {
                payload_type: IN_TOTO.into(),
                payload: b"{}".to_vec(),
                signature: vec![1],
                key_hint: hint.into(),
            };
            assert_eq!(Envelope::from_json(it.to_json().to_string().as_bytes()), Ok(it));
        }
    }
}
