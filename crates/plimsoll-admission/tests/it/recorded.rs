//! Requests that a real kube-apiserver sent, where they are at hand: each is read and answered. They lie beside the
//! project, so a run without them says so.

use std::path::PathBuf;

use plimsoll_admission::{Envelope, Road, read, render};
use serde_json::Value;

use crate::{allowed, answer, denied};

fn recordings() -> PathBuf {
    let shared = std::env::var_os("PLIMSOLL_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    shared.join("conformance/admission/recorded-requests.jsonl")
}

#[test]
fn every_recorded_request_is_read_and_answered() {
    let file = recordings();
    let Ok(lines) = std::fs::read_to_string(&file) else {
        // Past the capture of the test's output: nobody should take this for a check.
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "skipped: there are no recorded requests in {}", file.display());
        return;
    };
    let mut counts = [0; 3];
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let road = match line["path"].as_str().unwrap().split('?').next().unwrap() {
            "/image_policy" => Road::ImagePolicy,
            "/validate" => Road::Validate,
            "/mutate" => Road::Mutate,
            other => panic!("unknown path {other}"),
        };
        let body = line["body"].to_string();
        let review = read(road, body.as_bytes()).unwrap_or_else(|e| panic!("{e}\n{body}"));
        let verdicts: Vec<_> = review
            .images
            .iter()
            .map(|i| if i.image.contains("bad") { denied("its name contains `bad`") } else { allowed() })
            .collect();
        let bad = review.images.iter().any(|i| i.image.contains("bad"));
        let value: Value = serde_json::from_slice(&render(&review.envelope, &answer(&review, &verdicts))).unwrap();
        match &review.envelope {
            Envelope::ImageReview => {
                counts[0] += 1;
                assert_eq!(value["status"]["allowed"], !bad, "{body}");
                assert!(!review.images.is_empty());
            }
            Envelope::Admission { uid, .. } => {
                counts[if road == Road::Validate { 1 } else { 2 }] += 1;
                assert_eq!(value["apiVersion"], line["body"]["apiVersion"]);
                assert_eq!(
                    (value["response"]["uid"].as_str(), &value["response"]["allowed"]),
                    (Some(uid.as_str()), &Value::Bool(!bad))
                );
                let kind = line["body"]["request"]["kind"]["kind"].as_str().unwrap();
                assert_eq!(review.images.is_empty(), matches!(kind, "ConfigMap" | "Scale"), "{body}");
            }
        }
    }
    assert!(counts.iter().all(|count| *count > 0), "image reviews, validating and mutating reviews: {counts:?}");
}
