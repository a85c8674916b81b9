//! The classic payload of an image's signature, "simple signing". In: what is said of an image. Out: its bytes, in the one order that
//! is signed; and such bytes the other way, held to their types. What it does not do: believe them: who signed them is asked first.
//! <https://github.com/containers/image/blob/main/docs/containers-signature.5.md>

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json;
use crate::refusal::{Reason, Refusal, malformed};

/// `critical.type` of a signature on an image.
pub const TYPE: &str = "cosign container image signature";
/// The media type of the layer that holds a payload.
pub const MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The layer's annotation with the signature over the payload, in base64.
pub const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// The layer's annotation with the signer's certificate, as PEM.
pub const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
/// The layer's annotation with the certificate's issuers, as PEM.
pub const CHAIN: &str = "dev.sigstore.cosign/chain";
/// The layer's annotation with the entry of a transparency log and its promise.
pub const BUNDLE: &str = "dev.sigstore.cosign/bundle";
/// The layer's annotation with a timestamp of RFC 3161.
pub const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";

/// Bytes of a payload that are read. Those that are written have some hundred.
pub const MAX_PAYLOAD: usize = 1 << 20;

/// What is said of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimpleSigning {
    critical: Critical,
    #[serde(default)]
    optional: Option<BTreeMap<String, Value>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Critical {
    identity: Identity,
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Identity {
    #[serde(rename = "docker-reference")]
    reference: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

impl SimpleSigning {
    /// The statement that the image of this digest is the one of `reference`; with annotations where there are any.
    pub fn new(reference: &str, digest: &str, annotations: BTreeMap<String, Value>) -> SimpleSigning {
        SimpleSigning {
            critical: Critical {
                identity: Identity { reference: reference.to_owned() },
                image: Image { digest: digest.to_owned() },
                kind: TYPE.to_owned(),
            },
            optional: (!annotations.is_empty()).then_some(annotations),
        }
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// It is too large, no such JSON, names a member twice, or is of another type.
    pub fn parse(payload: &[u8]) -> Result<SimpleSigning, Refusal> {
        if payload.len() > MAX_PAYLOAD {
            let why = format!("the signed payload has {} bytes; at most {MAX_PAYLOAD} are read", payload.len());
            return Err(Refusal::new(Reason::TooLarge, why));
        }
        let read: SimpleSigning = serde_json::from_value(json::parse(payload, "the signed payload")?)
            .map_err(|why| malformed(format!("the signed payload is no statement on an image: {why}")))?;
        if read.critical.kind != TYPE {
            let kind: String = read.critical.kind.chars().take(80).collect();
            return Err(Refusal::new(
                Reason::PayloadType,
                format!("the signed payload is of the type {kind:?}, not {TYPE:?}"),
            ));
        }
        Ok(read)
    }

    /// The bytes that are signed: as Go's `encoding/json` writes them, in this order and without spaces.
    pub fn render(&self) -> Vec<u8> {
        // Of maps with texts for keys nothing can fail.
        let text = serde_json::to_string(self).unwrap_or_default();
        escaped(&text).into_bytes()
    }

    /// The name that the signer gave the image. Its registry decides nothing: images are copied.
    pub fn reference(&self) -> &str {
        &self.critical.identity.reference
    }

    /// The digest of the manifest or index that was signed.
    pub fn digest(&self) -> &str {
        &self.critical.image.digest
    }

    /// The annotations; empty where there are none.
    pub fn annotations(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.optional.iter().flatten().map(|(key, value)| (key.as_str(), value))
    }

    /// Holds the statement to an image and to annotations that are demanded.
    ///
    /// # Errors
    /// It is on another image, or an annotation is missing or another.
    pub fn holds(&self, digest: &str, annotations: &BTreeMap<String, String>) -> Result<(), Refusal> {
        if self.digest() != digest {
            let signed: String = self.digest().chars().take(160).collect();
            return Err(Refusal::new(
                Reason::ArtifactMismatch,
                format!("the signature is on the image {signed:?}, not on {digest}"),
            ));
        }
        for (key, wanted) in annotations {
            let found = self.optional.as_ref().and_then(|all| all.get(key));
            if found.and_then(Value::as_str) != Some(wanted) {
                return Err(Refusal::new(
                    Reason::AnnotationMismatch,
                    format!("the annotation {key:?} is not {wanted:?}"),
                ));
            }
        }
        Ok(())
    }
}

/// JSON as Go writes it: signs that browsers would take for tags, and two line ends, by their numbers. They stand in texts alone.
pub fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for sign in json.chars() {
        match sign {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => text.push_str(&format!("\\u{:04x}", u32::from(sign))),
            _ => text.push(sign),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";

    fn payload(annotations: &[(&str, &str)]) -> String {
        let annotations = annotations.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect();
        String::from_utf8(SimpleSigning::new("example.org/a/b", DIGEST, annotations).render()).unwrap()
    }

    #[test]
    fn payloads_have_the_one_order_and_no_spaces() {
        let head = format!(
            r#"{{"critical":{{"identity":{{"docker-reference":"example.org/a/b"}},"image":{{"docker-manifest-digest":"{DIGEST}"}},"type":"cosign container image signature"}},"optional":"#
        );
        assert_eq!(payload(&[]), format!("{head}null}}"));
        assert_eq!(
            payload(&[("z", "1"), ("a", "<&>")]),
            format!("{head}{{\"a\":\"\\u003c\\u0026\\u003e\",\"z\":\"1\"}}}}")
        );
    }

    #[test]
    fn what_is_written_is_read() {
        let read = SimpleSigning::parse(payload(&[("a", "b")]).as_bytes()).unwrap();
        assert_eq!((read.reference(), read.digest()), ("example.org/a/b", DIGEST));
        assert_eq!(read.annotations().collect::<Vec<_>>(), [("a", &Value::from("b"))]);
        let optional = payload(&[]).replace(r#","optional":null"#, "");
        assert_eq!(SimpleSigning::parse(optional.as_bytes()).unwrap().annotations().count(), 0);
    }

    #[test]
    fn case_1_another_images_statement_and_other_annotations_do_not_hold() {
        let read = SimpleSigning::parse(payload(&[("a", "b")]).as_bytes()).unwrap();
        let wanted = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        assert_eq!(read.holds(DIGEST, &BTreeMap::new()), Ok(()));
        assert_eq!(read.holds(DIGEST, &wanted("a", "b")), Ok(()));
        let reason = |digest: &str, key: &str, value: &str| read.holds(digest, &wanted(key, value)).unwrap_err().reason;
        assert_eq!(reason(&DIGEST.replace("0a", "0b"), "a", "b"), Reason::ArtifactMismatch);
        assert_eq!(reason(&DIGEST.replace("0a", "0A"), "a", "b"), Reason::ArtifactMismatch);
        assert_eq!(reason("", "a", "b"), Reason::ArtifactMismatch);
        assert_eq!(reason(DIGEST, "a", "c"), Reason::AnnotationMismatch);
        assert_eq!(reason(DIGEST, "b", ""), Reason::AnnotationMismatch);
        let number = SimpleSigning::parse(payload(&[("a", "b")]).replace("\"b\"", "1").as_bytes()).unwrap();
        assert!(number.holds(DIGEST, &wanted("a", "1")).is_err(), "a number is no text");
    }

    #[test]
    fn case_21_what_two_readers_could_read_apart_is_refused() {
        let good = payload(&[("a", "b")]);
        let image = format!(r#""image":{{"docker-manifest-digest":"{DIGEST}"}}"#);
        for (from, to) in [
            (image.as_str(), format!("{image},{image}")),
            (image.as_str(), "\"image\":null".into()),
            (image.as_str(), "\"image\":{}".into()),
            (image.as_str(), image.replace("\"sha", "[\"sha").replace("0\"}", "0\"]}")),
            (image.as_str(), image.replace("image", "Image")),
            ("\"critical\":", "\"critical\":null,\"critical\":".into()),
            (r#""a":"b""#, r#""a":"b","\u0061":"c""#.into()),
            (r#"{"a":"b"}"#, r#"["a"]"#.into()),
            (r#"{"a":"b"}}"#, r#"{"a":"b"}} {}"#.into()),
        ] {
            assert!(good.contains(from), "{from}");
            let bad = good.replacen(from, &to, 1);
            if bad != good {
                assert_eq!(SimpleSigning::parse(bad.as_bytes()).unwrap_err().reason, Reason::Malformed, "{bad}");
            }
        }
        let other = good.replace(TYPE, "atomic container signature");
        assert_eq!(SimpleSigning::parse(other.as_bytes()).unwrap_err().reason, Reason::PayloadType);
        let large = format!("{good}{}", " ".repeat(MAX_PAYLOAD));
        assert_eq!(SimpleSigning::parse(large.as_bytes()).unwrap_err().reason, Reason::TooLarge);
    }
}
