//! `why`: which entry rules an image, and why the others do not. And what a whole run did not need.

use plimsoll_policy::{Context, default_policy, read_vex, remarks, unused, why};

use crate::cases::*;

const POLICY: &str = r#"images:
  - {name: shop, match: ["registry.example.com/shop/**"], namespaces: ["shop-*"]}
  - {name: flat, match: ["registry.example.com/tools/*"]}
  - {name: hub, match: ["docker.io/library/*"]}
  - {name: rest, match: ["**"], refuse: no}
"#;

fn asked(reference: &str, namespace: Option<&str>) -> (Option<String>, Vec<String>) {
    let policy = policy(POLICY);
    let reference = reference.parse().unwrap();
    let answer = why(Some(&reference), &policy, &Context { namespace, ..Context::at(at("2026-11-21")) });
    let near = answer.near.iter().map(|miss| format!("{}: {}", miss.entry.entry, miss.reason)).collect();
    (answer.ruled_by.map(|c| c.entry), near)
}

#[test]
fn ruling_entry_is_named_and_near_misses_say_why() {
    let (ruled, near) = asked("registry.example.com/shop/web:1", None);
    assert_eq!(ruled.as_deref(), Some("rest"));
    assert_eq!(
        near,
        [
            "shop: its name fits, but it is for the namespaces `shop-*` and no namespace is known: say it with --namespace",
            "flat: `registry.example.com/tools/*` differs from registry.example.com/shop/web at `shop/web`",
            "hub: `docker.io/library/*` names another registry than registry.example.com/shop/web",
        ]
    );
    let (ruled, near) = asked("registry.example.com/shop/web:1", Some("shop-prod"));
    assert_eq!(ruled.as_deref(), Some("shop"));
    assert_eq!(near[0], "rest: it would match too, but an entry above it does so first");
    let (_, near) = asked("registry.example.com/shop/web:1", Some("other"));
    assert_eq!(near[0], "shop: its name fits, but it is for the namespaces `shop-*` and not for `other`");
    let (_, near) = asked("registry.example.com/tools/a/b:1", None);
    assert_eq!(
        near[0],
        "flat: `registry.example.com/tools/*` stays within a path part; `**` would cross the `/` in registry.example.com/tools/a/b"
    );
}

#[test]
fn subject_without_a_name_is_told_to_give_one() {
    let answer = why(None, &policy(POLICY), &Context::at(at("2026-11-21")));
    assert_eq!(answer.ruled_by, None);
    assert!(answer.near[0].reason.contains("--as"), "{:?}", answer.near);
}

#[test]
fn exemption_is_named() {
    let policy =
        policy("images: [{name: all, match: [\"**\"]}]\nexempt: [{images: [\"docker.io/**\"], reason: mirror}]\n");
    let answer = why(Some(&"nginx".parse().unwrap()), &policy, &Context::at(at("2026-11-21")));
    assert_eq!(answer.exempt.as_deref(), Some("mirror; policy.yaml:5"));
}

#[test]
fn run_says_what_it_did_not_need() {
    let policy = policy(
        "images: [{name: all, match: [\"**\"], vulnerabilities: {deny: [{severity: high}]}}]\nexempt:\n  - {images: [\"gcr.io/**\"], reason: mirror}\n  - {images: [\"docker.io/library/nginx\"], reason: used}\nwaivers:\n  - {id: CVE-2023-0001, reason: used}\n  - {id: CVE-2023-0002, package: zlib, reason: idle}\n",
    );
    let (vex, _) = read_vex(
        "v.json",
        br#"{"@context":"https://openvex.dev/ns","statements":[
            {"vulnerability":"CVE-2023-0001","products":["pkg:deb/debian/openssl"],"status":"not_affected"},
            {"vulnerability":"CVE-2023-0009","products":["pkg:npm/left-pad"],"status":"not_affected"}]}"#,
    );
    let run = [debian(vec![fault("CVE-2023-0001")]), image("nginx:1")];
    assert_eq!(
        unused(&policy, &Context { vex: &vex, ..Context::at(at("2026-11-21")) }, &run),
        [
            "an exemption was not needed: mirror; policy.yaml:6",
            "the waiver of CVE-2023-0002 in zlib (policy.yaml:10) was not needed: remove it, or mend its words",
            "the VEX statement on CVE-2023-0009 in v.json answers nothing in this run",
        ]
    );
}

#[test]
fn ways_around_the_policy_are_remarked_on() {
    let with = |doors: &str| {
        let body = format!(
            "images: [{{name: all, match: [\"**\"], refuse: no}}, {{name: any, match: [\"**\"], tags: {{forbid: [latest]}}}}]\n{doors}\n"
        );
        remarks(&policy(&body), at("2026-11-21"))
    };
    assert_eq!(
        with(
            "exempt: [{users: [flux], reason: bootstrap}, {images: [\"a.io/**\"], reason: mirror, until: 2027-01-01}]"
        ),
        [
            "an exemption names `users`, and applies to AdmissionReview only: an ImageReview names nobody: bootstrap; policy.yaml:5",
            "an exemption has no `until`, so it never expires: bootstrap; policy.yaml:5",
        ]
    );
    assert_eq!(
        with("workloads: {podSecurity: {level: baseline}}"),
        ["`workloads` (policy.yaml:5) applies to AdmissionReview only: an ImageReview names images and nothing else"]
    );
    let glass = "breakGlass: {annotation: \"*.image-policy.k8s.io/t-*\", value: x, namespaces: [\"*\"], groups: any}";
    assert_eq!(
        with(glass),
        ["`breakGlass` (policy.yaml:5) has `groups: any`: everybody who may create a pod can use it"]
    );
    assert_eq!(
        with(&glass.replace("any", "[oncall]")),
        [
            "`breakGlass` (policy.yaml:5) names `groups`, and applies to AdmissionReview only: an ImageReview names nobody"
        ]
    );
    assert_eq!(
        with(&glass.replace("*.image-policy.k8s.io", "acme.example").replace("[\"*\"]", "[shop]")),
        [
            "`breakGlass` (policy.yaml:5) has `groups: any`: everybody who may create a pod in its namespaces can use it",
            "`breakGlass` (policy.yaml:5) never holds for an ImageReview: the API server hands it only annotations with `.image-policy.k8s.io/` in their key, and `acme.example/t-*` is none",
        ]
    );
}

#[test]
fn sound_policy_may_still_be_worth_a_remark() {
    let policy = policy(
        r#"mode: audit
undecided: allow
images:
  - {name: hub, match: ["docker.io/**"], namespaces: ["shop-*"]}
  - {name: official, match: ["docker.io/library/*"], vulnerabilities: {deny: [{severity: high}]}}
  - {name: refused, match: ["**"], refuse: no}
  - {name: gone, match: ["gcr.io/**"], tags: {forbid: [latest]}}
  - {name: folders, match: ["**"], tags: {forbid: [latest]}}
waivers: [{id: CVE-2023-0001, reason: x, until: 2026-11-20}, {id: CVE-2023-0002, reason: x, until: 2026-11-21}]
exempt: [{images: ["docker.io/**"], reason: mirror, until: 2020-01-01}]
"#,
    );
    assert_eq!(
        remarks(&policy, at("2026-11-21")),
        [
            "`mode: audit`: what is denied runs all the same",
            "`undecided: allow`: what could not be read or known runs without a word",
            "entry `hub` (policy.yaml:7) asks for nothing: all that it matches runs",
            "entry `gone` (policy.yaml:10) can never rule: `refused` (policy.yaml:9) stands above it and matches all that it matches",
            "an exemption has run out: mirror, until 2020-01-01; policy.yaml:13",
            "the waiver of CVE-2023-0001 (policy.yaml:12) ran out on 2026-11-20",
        ]
    );
    assert_eq!(remarks(&default_policy(), at("2026-11-21")), [""; 0]);
}
