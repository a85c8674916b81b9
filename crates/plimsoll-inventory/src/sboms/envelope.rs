//! What a bill of materials comes wrapped in. In: JSON. Out: the JSON inside of a DSSE envelope, an in-toto statement or
//! cosign's custom predicate. What it does not do: verify the envelope.
//! Format: <https://github.com/secure-systems-lab/dsse/blob/master/envelope.md>,
//! <https://github.com/in-toto/attestation/tree/main/spec>.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// The keys by which documents are told apart.
#[derive(Deserialize)]
pub struct Probe {
    #[serde(rename = "bomFormat")]
    pub bom_format: Option<String>,
    #[serde(rename = "spdxVersion")]
    pub spdx_version: Option<String>,
    /// JSON-LD, as SPDX 3 is written.
    #[serde(rename = "@context", default, deserialize_with = "present")]
    pub context: bool,
}

fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

/// Envelope in statement in predicate in `Data` makes three; more is a game.
const MAX_DEPTH: usize = 6;

/// The first JSON value of a text and what it seems to be.
pub fn first_value(text: &str) -> Result<(Probe, &str), serde_json::Error> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Probe>();
    let probe = match stream.next() {
        Some(probe) => probe?,
        None => serde_json::from_str(text)?,
    };
    Ok((probe, &text[..stream.byte_offset()]))
}

#[derive(Deserialize)]
struct Envelope<'a> {
    payload: Option<String>,
    #[serde(borrow)]
    predicate: Option<&'a RawValue>,
    /// Cosign's own predicate has the document here, as JSON or as text.
    #[serde(borrow, rename = "Data")]
    data: Option<&'a RawValue>,
    /// Sigstore's bundle has the envelope here.
    #[serde(borrow, rename = "dsseEnvelope")]
    dsse: Option<&'a RawValue>,
}

/// The JSON inside; `Some(None)` when an envelope has none that can be read, `None` for what is no envelope.
pub fn inner(json: &str, depth: usize) -> Option<Option<String>> {
    let envelope: Envelope<'_> = serde_json::from_str(json).ok()?;
    if depth >= MAX_DEPTH {
        return Some(None);
    }
    if let Some(payload) = envelope.payload {
        return Some(base64(&payload).and_then(|bytes| String::from_utf8(bytes).ok()));
    }
    let value = envelope.dsse.or(envelope.data).or(envelope.predicate)?;
    Some(match serde_json::from_str::<String>(value.get()) {
        Ok(text) => Some(text),
        Err(_) => Some(value.get().to_owned()),
    })
}

/// Standard or URL-safe alphabet, blanks skipped, padding optional; none when anything else stands in it.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' | b'\n' | b'\r' | b' ' => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            // The low eight bits above those still waiting.
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read() {
        assert_eq!(base64("eyJhIjoxfQ==").unwrap(), b"{\"a\":1}");
        assert_eq!(base64("_-8").unwrap(), [0xff, 0xef]);
        assert_eq!(base64("a*b"), None);
    }

    #[test]
    fn wrappings_are_taken_off() {
        assert_eq!(inner(r#"{"payload":"eyJhIjoxfQ=="}"#, 0), Some(Some(r#"{"a":1}"#.into())));
        assert_eq!(inner(r#"{"predicate":{"b":2}}"#, 0), Some(Some(r#"{"b":2}"#.into())));
        assert_eq!(inner(r#"{"Data":"{\"c\":3}"}"#, 0), Some(Some(r#"{"c":3}"#.into())));
        assert_eq!(inner(r#"{"x":1}"#, 0), None);
        assert_eq!(inner(r#"{"payload":"!"}"#, 0), Some(None));
        assert_eq!(inner(r#"{"predicate":{}}"#, MAX_DEPTH), Some(None));
    }

    #[test]
    fn first_of_several_lines_is_taken() {
        let (probe, first) = first_value("{\"bomFormat\":\"CycloneDX\"}\n{\"x\":1}\n").unwrap();
        assert_eq!((probe.bom_format.as_deref(), first), (Some("CycloneDX"), "{\"bomFormat\":\"CycloneDX\"}"));
        assert!(first_value("{").is_err());
    }
}
