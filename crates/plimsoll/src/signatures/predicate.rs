//! What the predicate of a statement says by itself. In: a statement that is true. Out: it as modules of Rego see it, when it says that
//! it was made, the VEX in it. What it does not do: decide whether that is enough.

use std::borrow::Cow;

use jiff::Timestamp;
use plimsoll_model::{Problem, VexStatement};
use serde_json::Value;

/// Where predicates say when they were made, as their types have it. The first that is there and is a time counts.
const TIMES: [&str; 9] = [
    // SLSA provenance v1 and v0.2
    "/runDetails/metadata/finishedOn",
    "/metadata/buildFinishedOn",
    // cosign's report of vulnerabilities
    "/metadata/scanFinishedOn",
    // OpenVEX
    "/last_updated",
    "/timestamp",
    // CycloneDX
    "/metadata/timestamp",
    // SPDX
    "/creationInfo/created",
    // cosign's custom predicate
    "/Timestamp",
    // SLSA, where it says no more
    "/runDetails/metadata/startedOn",
];

/// The predicate, opened where it is JSON in a text, as cosign's own and old ones are; none where there is nothing to open.
pub fn opened(predicate: &Value) -> Option<Value> {
    let text = |value: &Value| value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    if let Some(inner) = text(predicate) {
        return Some(inner);
    }
    let data = text(predicate.get("Data")?)?;
    let mut predicate = predicate.clone();
    predicate["Data"] = data;
    Some(predicate)
}

/// The statement as modules of Rego see it: what was signed, all of it, with its predicate as it was opened.
pub fn document<'a>(payload: &'a [u8], opened: Option<&Value>) -> Cow<'a, [u8]> {
    let Some(opened) = opened else { return Cow::Borrowed(payload) };
    match serde_json::from_slice(payload) {
        Ok(Value::Object(mut members)) => {
            members.insert("predicate".to_owned(), opened.clone());
            Cow::Owned(Value::Object(members).to_string().into_bytes())
        }
        // It was read as a statement before; what it is not is told by whoever is asked.
        _ => Cow::Borrowed(payload),
    }
}

/// When a predicate that was opened says that it was made.
pub fn made_at(predicate: &Value) -> Option<Timestamp> {
    TIMES.iter().find_map(|place| predicate.pointer(place)?.as_str()?.parse().ok())
}

/// The VEX in a predicate that was opened, and what of it cannot be used.
pub fn vex(predicate: &Value, name: &str) -> (Vec<VexStatement>, Vec<Problem>) {
    let document = predicate.get("Data").filter(|data| data.is_object()).unwrap_or(predicate);
    plimsoll_policy::read_vex(name, document.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_read_where_their_types_have_them() {
        for (predicate, time) in [
            (json!({"runDetails": {"metadata": {"finishedOn": "2026-01-02T03:04:05Z"}}}), Some("2026-01-02T03:04:05Z")),
            (json!({"metadata": {"scanFinishedOn": "2026-01-02T03:04:05+01:00"}}), Some("2026-01-02T02:04:05Z")),
            (json!({"Data": "{}", "Timestamp": "2026-01-02T03:04:05Z"}), Some("2026-01-02T03:04:05Z")),
            (json!("{\"timestamp\": \"2026-01-02T03:04:05Z\"}"), Some("2026-01-02T03:04:05Z")),
            (json!({"timestamp": "yesterday"}), None),
            (json!({"timestamp": 7}), None),
            (json!("no json"), None),
            (json!(null), None),
        ] {
            assert_eq!(
                made_at(&opened(&predicate).unwrap_or_else(|| predicate.clone())),
                time.map(|time| time.parse().unwrap()),
                "{predicate}"
            );
        }
    }

    #[test]
    fn predicates_in_texts_are_opened_for_rego_and_for_vex() {
        let vex_document = json!({
            "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.com/1", "author": "a",
            "timestamp": "2026-01-02T03:04:05Z", "version": 1,
            "statements": [{"vulnerability": {"name": "CVE-2026-0001"}, "status": "not_affected",
                "justification": "component_not_present",
                "products": [{"@id": format!("sha256:{}", "07".repeat(32))}]}]
        });
        for predicate in [
            vex_document.clone(),
            json!(vex_document.to_string()),
            json!({"Data": vex_document.to_string(), "Timestamp": "2026-01-02T03:04:05Z"}),
        ] {
            let payload = json!({"_type": "https://in-toto.io/Statement/v0.1", "predicate": predicate}).to_string();
            let opened = opened(&predicate);
            let (read, problems) = vex(opened.as_ref().unwrap_or(&predicate), "the VEX attestation of `a`");
            assert!(read.len() == 1 && problems.is_empty(), "{payload}: {problems:?}");
            assert_eq!(read[0].document, "the VEX attestation of `a`");
            let document = document(payload.as_bytes(), opened.as_ref());
            let document = std::str::from_utf8(&document).unwrap();
            assert!(document.contains(r#""status":"not_affected""#), "{document}");
        }
        let (read, problems) = vex(&json!({"a": 1}), "x");
        assert!(read.is_empty() && problems.len() == 1);
    }

    #[test]
    fn rego_is_shown_all_that_was_signed() {
        let payload = |predicate: Value| {
            json!({
                "_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://example.com/a", "beside": [1],
                "subject": [{"name": "a", "digest": {"sha256": "07".repeat(32)}, "annotations": {"revoked": "yes"}}],
                "predicate": predicate,
            })
        };
        for (signed, shown) in [
            (json!({"a": 1}), json!({"a": 1})),
            (json!("{\"a\": 1}"), json!({"a": 1})),
            (json!({"Data": "{\"a\": 1}", "Timestamp": "x"}), json!({"Data": {"a": 1}, "Timestamp": "x"})),
            (json!("no JSON"), json!("no JSON")),
        ] {
            let text = payload(signed.clone()).to_string();
            let document = document(text.as_bytes(), opened(&signed).as_ref()).into_owned();
            assert_eq!(serde_json::from_slice::<Value>(&document).unwrap(), payload(shown));
        }
        // Where there is nothing to open, not a byte is written anew.
        let bytes = b"{\"predicate\": {\"n\": 123456789012345678901234567890.10}}";
        assert_eq!(document(bytes, opened(&json!({})).as_ref()).as_ref(), bytes);
    }
}
