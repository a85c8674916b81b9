//! What the predicate of a statement says by itself. In: a statement that is true. Out: it as modules of Rego see it, when it says that
//! it was made, the VEX in it. What it does not do: decide whether that is enough.

use jiff::Timestamp;
use plimsoll_model::VexStatement;
use plimsoll_trust::Statement;
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

/// The predicate, opened where it is JSON in a text, as cosign's own and old ones are.
pub fn opened(predicate: &Value) -> Value {
    let text = |value: &Value| value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    if let Some(inner) = text(predicate) {
        return inner;
    }
    match predicate.get("Data").and_then(text) {
        Some(data) => {
            let mut predicate = predicate.clone();
            predicate["Data"] = data;
            predicate
        }
        None => predicate.clone(),
    }
}

/// The statement as modules of Rego see it.
pub fn document(statement: &Statement) -> Vec<u8> {
    Statement { predicate: opened(&statement.predicate), ..statement.clone() }.to_json()
}

/// When the predicate says that it was made.
pub fn made_at(statement: &Statement) -> Option<Timestamp> {
    let predicate = opened(&statement.predicate);
    TIMES.iter().find_map(|place| predicate.pointer(place)?.as_str()?.parse().ok())
}

/// The VEX that it holds; nothing where it holds none that can be read.
pub fn vex(statement: &Statement, name: &str) -> Vec<VexStatement> {
    let predicate = opened(&statement.predicate);
    let document = predicate.get("Data").filter(|data| data.is_object()).unwrap_or(&predicate);
    plimsoll_policy::read_vex(name, document.to_string().as_bytes()).0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stated(predicate: Value) -> Statement {
        Statement::of(&[7; 32], "https://example.com/a", predicate)
    }

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
            assert_eq!(made_at(&stated(predicate.clone())), time.map(|time| time.parse().unwrap()), "{predicate}");
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
            let statement = stated(predicate);
            let read = vex(&statement, "the VEX attestation of `a`");
            assert_eq!(read.len(), 1, "{statement:?}");
            assert_eq!(read[0].document, "the VEX attestation of `a`");
            let document = String::from_utf8(document(&statement)).unwrap();
            assert!(document.contains(r#""status":"not_affected""#), "{document}");
        }
        assert!(vex(&stated(json!({"a": 1})), "x").is_empty());
    }
}
