//! Objects of manifests under `workloads`.

use plimsoll_model::loadline::{PodSecurityLevel, RuleAction};
use plimsoll_model::*;
use plimsoll_policy::{Context, effective, judge, unused};

use crate::cases::*;

const IMAGES: &str =
    "images:\n  - {name: shop, match: [\"registry.example.com/shop/**\"]}\n  - {name: all, match: [\"**\"]}\n";

fn object(images: &[&str], rules: &[&str]) -> Assessment {
    let mut assessment = image("x");
    assessment.subject.kind = SubjectKind::Manifest;
    assessment.subject.reference = None;
    assessment.subject.name = "Deployment/web".into();
    assessment.subject.namespace = Some("shop".into());
    let images = images.iter().map(|name| name.parse().unwrap()).collect();
    assessment.workload = Some(WorkloadFacts { images, ..WorkloadFacts::default() });
    assessment.findings = rules
        .iter()
        .map(|rule| Finding {
            rule: (*rule).to_owned(),
            severity: Severity::High,
            message: "container web runs with every right of the node".into(),
            remedy: Some("take `privileged: true` away".into()),
            locations: vec![Location { column: Some(7), ..Location::line("web.yaml", 12) }],
            measure: None,
            fix: None,
        })
        .collect();
    assessment
}

fn judged(assessment: &Assessment, body: &str) -> Verdict {
    judge(assessment, &policy(&format!("{IMAGES}{body}")), &Context::at(at("2026-11-21")))
}

#[test]
fn nothing_is_asked_of_objects_without_the_section() {
    let verdict = judged(&object(&["nginx:1"], &["privileged"]), "");
    assert_eq!((verdict.outcome, verdict.reasons.len()), (Outcome::Allowed, 0));
}

#[test]
fn rules_that_are_named_weigh_and_others_do_not() {
    let assessment = object(&["nginx:1"], &["privileged", "secret-in-env", "cpu-limit-missing"]);
    let verdict =
        judged(&assessment, "workloads: {rules: {privileged: deny, secret-in-env: warn, cpu-limit-missing: off}}\n");
    assert_eq!(verdict.outcome, Outcome::Denied);
    let effects: Vec<_> = verdict.reasons.iter().map(|r| (r.effect, r.clause.as_deref().unwrap_or(""))).collect();
    assert_eq!(
        effects,
        [(Effect::Deny, "workloads.rules.privileged"), (Effect::Warn, "workloads.rules.secret-in-env")]
    );
    let words = &verdict.reasons[0].message;
    assert!(words.contains("web.yaml:12:7") && words.contains("take `privileged: true` away"), "{words}");
}

#[test]
fn what_could_not_be_read_is_undecided_even_without_rules() {
    let mut assessment = object(&[], &[]);
    assessment.problems.push(Problem::undecided(ProblemKind::BadInput, "read the manifest: tab"));
    assert_eq!(judged(&assessment, "").outcome, Outcome::Undecided);
}

#[test]
fn breach_of_pod_security_denies_unless_its_own_rule_says_otherwise() {
    let assessment = object(&["nginx:1"], &["pod-security-host-ports"]);
    let asked = "workloads: {podSecurity: {level: baseline, version: v1.31}}\n";
    let verdict = judged(&assessment, asked);
    assert_eq!(
        (verdict.outcome, verdict.reasons[0].clause.as_deref()),
        (Outcome::Denied, Some("workloads.podSecurity"))
    );
    let mut soft = policy(&format!("{IMAGES}{asked}"));
    let rules = soft.workloads.as_mut().unwrap();
    assert_eq!(rules.pod_security.as_ref().map(|p| (p.level, p.minor)), Some((PodSecurityLevel::Baseline, Some(31))));
    rules.rules.insert("pod-security-host-ports".into(), RuleAction::Warn);
    assert_eq!(judge(&assessment, &soft, &Context::at(at("2026-11-21"))).outcome, Outcome::Allowed);
}

#[test]
fn runtime_class_is_asked_of_images_that_no_spared_entry_rules() {
    let asked = "workloads: {runtimeClass: [{for: [\"**\"], unless: [shop], require: gvisor}]}\n";
    let mut other = object(&["registry.example.com/shop/web:1", "nginx:1"], &[]);
    let verdict = judged(&other, asked);
    assert_eq!(verdict.outcome, Outcome::Denied);
    assert!(verdict.reasons[0].message.contains("docker.io/library/nginx"), "{}", verdict.reasons[0].message);
    for (class, outcome) in [("gvisor", Outcome::Allowed), ("runc", Outcome::Denied)] {
        other.workload.as_mut().unwrap().runtime_class = Some(class.into());
        assert_eq!(judged(&other, asked).outcome, outcome, "{class}");
    }
    assert_eq!(judged(&object(&["registry.example.com/shop/web:1"], &[]), asked).outcome, Outcome::Allowed);
    other.workload.as_mut().unwrap().unchanged = true;
    assert_eq!(judged(&other, asked).outcome, Outcome::Allowed);
}

#[test]
fn exemptions_and_waivers_that_name_images_must_fit_every_image() {
    let rules = "workloads: {rules: {privileged: deny}}\n";
    let exempt = "exempt: [{namespaces: [shop], images: [\"registry.example.com/shop/**\"], reason: system}]\n";
    let waived = "waivers: [{id: privileged, images: [\"registry.example.com/shop/**\"], reason: known}]\n";
    let (own, mixed) = (&["registry.example.com/shop/a:1"][..], &["registry.example.com/shop/a:1", "nginx:1"][..]);
    for more in [exempt, waived] {
        let body = format!("{rules}{more}");
        assert_eq!(judged(&object(own, &["privileged"]), &body).outcome, Outcome::Allowed, "{more}");
        assert_eq!(judged(&object(mixed, &["privileged"]), &body).outcome, Outcome::Denied, "{more}");
        assert_eq!(judged(&object(&[], &["privileged"]), &body).outcome, Outcome::Denied, "{more}");
        let mut unreadable = object(own, &["privileged"]);
        unreadable.workload.as_mut().unwrap().unreadable_images = true;
        assert_eq!(judged(&unreadable, &body).outcome, Outcome::Denied, "{more}");
        let policy = policy(&format!("{IMAGES}{body}"));
        let idle = |images| unused(&policy, &Context::at(at("2026-11-21")), &[object(images, &["privileged"])]).len();
        assert_eq!((idle(own), idle(mixed)), (0, 1), "{more}");
    }
    let past = format!("{rules}waivers: [{{id: privileged, reason: known, until: 2026-01-01}}]\n");
    let verdict = judged(&object(own, &["privileged"]), &past);
    assert_eq!(verdict.outcome, Outcome::Denied);
    assert!(verdict.reasons.iter().any(|r| r.code == ReasonCode::Expired), "{:?}", verdict.reasons);
}

#[test]
fn section_is_shown_as_it_is_read() {
    let body = "workloads:\n  podSecurity: {level: restricted, version: v1.31}\n  rules: {privileged: deny}\n  runtimeClass: [{for: [\"**\"], unless: [shop], require: gvisor}]\n";
    let first = policy(&format!("{IMAGES}{body}"));
    let shown = effective(&first);
    let mut again = plimsoll_policy::parse("policy.yaml", shown.as_bytes(), &KNOWN).unwrap();
    again.workloads.as_mut().unwrap().place = first.workloads.as_ref().unwrap().place.clone();
    assert_eq!(first.workloads, again.workloads);
}
