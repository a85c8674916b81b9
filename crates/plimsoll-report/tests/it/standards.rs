//! Formats that others specified, read back. Their own validators run in `scripts/validate-reports.sh`.

use plimsoll_model::Report;
use plimsoll_report::{Bill, FORMATS, RenderOptions, format};
use serde_json::{Value, json};
use std::collections::BTreeSet;

use crate::fixture;

fn rendered(name: &str, report: &Report) -> Value {
    let options = RenderOptions { rules: fixture::RULES, ..RenderOptions::default() };
    serde_json::from_slice(&(format(name).unwrap().render)(report, &options).unwrap()).unwrap()
}

fn list<'a>(value: &'a Value, field: &str) -> &'a Vec<Value> {
    value[field].as_array().unwrap_or_else(|| panic!("{field} in {value}"))
}

#[test]
fn cyclonedx_references_are_unique_and_none_dangles() {
    for (name, report) in fixture::all() {
        let bom = rendered("cyclonedx", &report);
        let mut known = BTreeSet::new();
        let main = [bom["metadata"]["component"].clone()];
        for component in list(&bom, "components").iter().chain(&main) {
            let reference = component["bom-ref"].as_str().unwrap().to_owned();
            assert!(known.insert(reference.clone()), "{name}: {reference} twice");
        }
        for dependency in list(&bom, "dependencies") {
            assert!(known.contains(dependency["ref"].as_str().unwrap()));
            for target in dependency["dependsOn"].as_array().into_iter().flatten() {
                assert!(known.contains(target.as_str().unwrap()), "{name}: {target}");
            }
        }
        for vulnerability in bom["vulnerabilities"].as_array().into_iter().flatten() {
            for affects in list(vulnerability, "affects") {
                assert!(known.contains(affects["ref"].as_str().unwrap()));
            }
        }
    }
}

#[test]
fn cyclonedx_says_what_is_known_and_how_it_was_judged() {
    let bom = rendered("cyclonedx", &fixture::refused());
    assert_eq!(bom["metadata"]["component"]["type"], "container");
    let log4j = list(&bom, "vulnerabilities").iter().find(|v| v["id"] == "CVE-2021-44228").unwrap();
    assert_eq!(log4j["recommendation"], "upgrade org.apache.logging.log4j:log4j-core to 2.17.1");
    assert_eq!(log4j["affects"][0]["versions"][0], json!({"version": "2.14.1", "status": "affected"}));
    assert_eq!(log4j["ratings"][0]["severity"], "critical");
    let states: BTreeSet<&str> =
        list(&bom, "vulnerabilities").iter().filter_map(|v| v["analysis"]["state"].as_str()).collect();
    assert_eq!(states, BTreeSet::from(["in_triage"]));
    let waived = list(&bom, "vulnerabilities").iter().find(|v| v["id"] == "CVE-2026-1003").unwrap();
    assert_eq!(waived["analysis"]["detail"], "waived: not reachable, SEC-12, until 2027-01-31");
    assert_eq!(bom["compositions"][0]["aggregate"], "incomplete");
    let express = list(&bom, "dependencies").iter().find(|d| d["ref"] == "pkg:npm/express@4.18.2").unwrap();
    assert_eq!(express["dependsOn"], json!(["pkg:npm/lodash@4.17.15"]));
}

#[test]
fn serial_number_changes_with_the_content_only() {
    let first = rendered("cyclonedx", &fixture::refused());
    let again = rendered("cyclonedx", &fixture::turned_round(&fixture::refused()));
    assert_eq!(first["serialNumber"], again["serialNumber"]);
    let other = rendered("cyclonedx", &fixture::baseline_only());
    assert_ne!(first["serialNumber"], other["serialNumber"]);
    assert!(first["serialNumber"].as_str().unwrap().starts_with("urn:uuid:"));
}

#[test]
fn spdx_relations_name_packages_that_are_there() {
    for (name, report) in fixture::all() {
        let document = rendered("spdx", &report);
        let mut known = BTreeSet::from(["SPDXRef-DOCUMENT"]);
        for package in list(&document, "packages") {
            assert!(known.insert(package["SPDXID"].as_str().unwrap()), "{name}");
        }
        for relation in list(&document, "relationships") {
            assert!(known.contains(relation["spdxElementId"].as_str().unwrap()));
            assert!(known.contains(relation["relatedSpdxElement"].as_str().unwrap()));
        }
    }
}

#[test]
fn spdx_declares_licences_that_are_not_on_the_list() {
    let document = rendered("spdx", &fixture::refused());
    let bash = list(&document, "packages").iter().find(|p| p["name"] == "bash").unwrap();
    let declared = bash["licenseDeclared"].as_str().unwrap();
    let extracted = &document["hasExtractedLicensingInfos"][0];
    assert_eq!(extracted["extractedText"], "see /usr/share/doc");
    assert_eq!(declared, format!("OpenSSL AND GPL-2.0-or-later AND {}", extracted["licenseId"].as_str().unwrap()));
}

#[test]
fn sarif_results_name_rules_and_places() {
    let log = rendered("sarif", &fixture::refused());
    let run = &log["runs"][0];
    let rules: BTreeSet<&str> =
        list(&run["tool"]["driver"], "rules").iter().map(|r| r["id"].as_str().unwrap()).collect();
    let mut prints = BTreeSet::new();
    for result in list(run, "results") {
        assert!(rules.contains(result["ruleId"].as_str().unwrap()));
        assert!(prints.insert(result["partialFingerprints"]["plimsoll/v1"].as_str().unwrap()));
        assert!(!list(result, "locations").is_empty());
        if result["kind"] != "fail" {
            assert_eq!(result["level"], "none");
        }
    }
    let root = list(run, "results").iter().find(|r| r["ruleId"] == "runs-as-root").unwrap();
    assert_eq!(root["level"], "error");
    let place = &root["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "deploy/api.yaml");
    assert_eq!(place["region"]["startLine"], 23);
    let rule = list(&run["tool"]["driver"], "rules").iter().find(|r| r["id"] == "runs-as-root").unwrap();
    assert_eq!(rule["shortDescription"]["text"], "the image runs as root");
    let waived = list(run, "results").iter().find(|r| r["ruleId"] == "CVE-2026-1003").unwrap();
    assert_eq!(waived["suppressions"][0]["status"], "accepted");
    let open = list(run, "results").iter().find(|r| r["ruleId"] == "CVE-2026-1007").unwrap();
    assert_eq!(open["kind"], "open");
    assert_eq!(run["invocations"][0]["toolExecutionNotifications"][0]["level"], "error");
}

#[test]
fn fingerprints_outlive_an_upgrade() {
    let prints = |report: &Report| -> Vec<String> {
        let log = rendered("sarif", report);
        list(&log["runs"][0], "results").iter().map(|r| r["partialFingerprints"].to_string()).collect()
    };
    let mut upgraded = fixture::refused();
    for m in &mut upgraded.assessments[0].matches {
        m.version.push_str("-2");
    }
    upgraded.assessments[0].subject.named_at[0].line = Some(40);
    assert_eq!(prints(&fixture::refused()), prints(&upgraded));
}

#[test]
fn bills_need_no_verdict() {
    let report = fixture::refused();
    let assessment = &report.assessments[0];
    let bill =
        Bill { subject: &assessment.subject, inventory: &assessment.inventory, tool: &report.tool, at: report.at };
    let names: Vec<&str> = FORMATS.iter().filter(|f| f.bill.is_some()).map(|f| f.name).collect();
    assert_eq!(names, ["cyclonedx", "spdx"]);
    let turned = fixture::turned_round(&report);
    let turned = Bill { inventory: &turned.assessments[0].inventory, ..bill };
    let folder = std::env::var_os("PLIMSOLL_RENDER_TO").map(std::path::PathBuf::from);
    for format in FORMATS {
        if let Some(render) = format.bill {
            let bytes = render(&bill, &RenderOptions::default()).unwrap();
            assert_eq!(bytes, render(&turned, &RenderOptions::default()).unwrap());
            if let Some(folder) = &folder {
                std::fs::create_dir_all(folder).unwrap();
                std::fs::write(folder.join(format!("bill.{}", format.extension)), &bytes).unwrap();
            }
            let document: Value = serde_json::from_slice(&bytes).unwrap();
            assert!(document.get("vulnerabilities").is_none());
            assert!(bytes.windows(4).any(|w| w == b"bash"));
        }
    }
}

#[test]
fn junit_fails_what_denies_and_skips_what_is_not_counted() {
    let options = RenderOptions { rules: fixture::RULES, ..RenderOptions::default() };
    let bytes = (format("junit").unwrap().render)(&fixture::refused(), &options).unwrap();
    insta::assert_snapshot!(String::from_utf8(bytes).unwrap());
}

#[test]
fn what_the_policy_only_warns_of_fails_no_build() {
    let mut report = fixture::refused();
    let verdict = report.assessments[0].verdict.as_mut().unwrap();
    verdict.mode = plimsoll_model::loadline::Mode::Warn;
    verdict.effective = plimsoll_model::Outcome::Allowed;
    let bytes = (format("junit").unwrap().render)(&report, &RenderOptions::default()).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains("failures=\"0\" errors=\"0\""), "{text}");
    let log = rendered("sarif", &report);
    assert!(list(&log["runs"][0], "results").iter().all(|r| r["level"] != "error" || r["kind"] != "fail"));
    let bytes = (format("table").unwrap().render)(&report, &RenderOptions::default()).unwrap();
    assert!(String::from_utf8(bytes).unwrap().contains("DENIED, but it may run: the policy only warns"));
}
