//! Our own JSON.

use plimsoll_model::Report;
use plimsoll_report::{RenderOptions, canonical, format};
use serde_json::Value;

use crate::fixture;

fn rendered(report: &Report) -> Value {
    let bytes = (format("json").unwrap().render)(report, &RenderOptions::default()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn json_reads_back_as_the_report() {
    for (name, report) in fixture::all() {
        let bytes = (format("json").unwrap().render)(&report, &RenderOptions::default()).unwrap();
        let read: Report = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(read, canonical(&report), "{name}");
    }
}

#[test]
fn summary_counts_what_is_affected_and_not_hidden() {
    let json = rendered(&fixture::refused());
    let summary = &json["assessments"][0]["summary"];
    assert_eq!(json["schemaVersion"], 1);
    assert_eq!(summary["outcome"], "denied");
    assert_eq!(
        summary["vulnerabilities"],
        serde_json::json!({
            "critical": 2, "high": 3, "medium": 0, "low": 1, "unknown": 1, "total": 7, "fixable": 5, "knownExploited": 1
        })
    );
    assert_eq!(summary["undecided"], 1);
    assert_eq!(summary["hidden"], 2);
    assert_eq!(summary["incomplete"], true);
    // Two denials at once come before one.
    assert_eq!(summary["actions"][0]["upgrade"], "openssl");
    assert_eq!(summary["actions"][0]["to"], "1.1.1n-0+deb10u3");
    assert_eq!(summary["actions"][0]["clears"], serde_json::json!(["CVE-2026-1001", "CVE-2026-1002"]));
}
