//! `judge` case by case.

use std::collections::BTreeMap;

use plimsoll_model::loadline::Mode;
use plimsoll_model::*;
use plimsoll_policy::{Context, Request, default_policy, exit_code, judge, overall};

use crate::cases::*;

const HIGH_FIXED: &str = "vulnerabilities: {deny: [{severity: \">=high\", fix: available}]}";

#[test]
fn clean_image_is_allowed_by_the_entry_that_matches() {
    let verdict = verdict(&debian(vec![]), &entry(HIGH_FIXED));
    assert_eq!(verdict.outcome, Outcome::Allowed);
    assert_eq!(verdict.effective, Outcome::Allowed);
    assert_eq!(verdict.ruled_by.unwrap().entry, "all");
    assert_eq!(verdict.reasons, []);
}

#[test]
fn clause_names_count_worst_and_the_upgrade_that_clears_most() {
    let matches = vec![
        with(fault("CVE-2023-0003"), |m| m.fix = fixed("3.0.11-1", None)),
        with(fault("CVE-2023-0001"), |m| {
            m.fix = fixed("3.0.11-1", None);
            m.severity = Severity::Critical;
        }),
        with(fault("CVE-2023-0002"), |m| {
            m.fix = fixed("1.3", None);
            m.name = "zlib".into();
        }),
        fault("CVE-2023-0004"),
    ];
    let verdict = verdict(&debian(matches), &entry(HIGH_FIXED));
    assert_eq!(verdict.outcome, Outcome::Denied);
    assert_eq!(
        lines(&verdict),
        [
            "deny vulnerability 3 vulnerabilities of severity high or above, with a fix, the worst CVE-2023-0001 (critical) \
          in openssl 3.0.9-1; upgrade openssl to 3.0.11-1 to clear 2 of them"
        ]
    );
    assert_eq!(verdict.reasons[0].matches, [0, 1, 2]);
    assert_eq!(verdict.reasons[0].clause.as_deref(), Some("images[all].vulnerabilities.deny[0]"));
}

/// (name, clause, change to a high openssl fault, outcome)
#[test]
fn clauses_hold_as_written() {
    type Change = fn(&mut Match);
    let cases: &[(&str, &str, Change, Outcome)] = &[
        ("severity below", "severity: \">=high\"", |m| m.severity = Severity::Medium, Outcome::Allowed),
        ("severity at", "severity: \">=high\"", |_| {}, Outcome::Denied),
        ("severity above", "severity: \">=high\"", |m| m.severity = Severity::Critical, Outcome::Denied),
        ("exact severity above", "severity: high", |m| m.severity = Severity::Critical, Outcome::Allowed),
        ("unknown severity", "severity: \">=low\"", |m| m.severity = Severity::Unknown, Outcome::Allowed),
        ("any severity", "severity: \">=unknown\"", |m| m.severity = Severity::Unknown, Outcome::Denied),
        ("fix wanted, none", "fix: available", |_| {}, Outcome::Allowed),
        ("fix wanted, won't fix", "fix: available", |m| m.fix = Fix::WontFix, Outcome::Allowed),
        ("fix wanted, there", "fix: available", |m| m.fix = fixed("2", None), Outcome::Denied),
        ("no fix wanted, none", "fix: none", |_| {}, Outcome::Denied),
        ("no fix wanted, there", "fix: none", |m| m.fix = fixed("2", None), Outcome::Allowed),
        ("grace over", "fix: available, grace: 14d", |m| m.fix = fixed("2", Some("2026-11-07")), Outcome::Denied),
        ("grace running", "fix: available, grace: 14d", |m| m.fix = fixed("2", Some("2026-11-08")), Outcome::Allowed),
        ("fix of tomorrow", "fix: available, grace: 14d", |m| m.fix = fixed("2", Some("2026-11-22")), Outcome::Allowed),
        ("grace without date", "fix: available, grace: 14d", |m| m.fix = fixed("2", None), Outcome::Undecided),
        (
            "grace by publication",
            "fix: available, grace: 14d",
            |m| {
                m.fix = fixed("2", None);
                m.vulnerability.published = Some(at("2026-01-01"));
            },
            Outcome::Denied,
        ),
        ("exploited", "knownExploited: true", |m| m.known_exploited = Some(exploited()), Outcome::Denied),
        ("not exploited", "knownExploited: true", |_| {}, Outcome::Allowed),
        ("asks for not exploited", "knownExploited: false", |_| {}, Outcome::Denied),
        ("score above", "epss: \">=0.5\"", |m| m.epss = Some(score(0.6)), Outcome::Denied),
        ("score at", "epss: \">=0.5\"", |m| m.epss = Some(score(0.5)), Outcome::Denied),
        ("score below", "epss: \">=0.5\"", |m| m.epss = Some(score(0.4)), Outcome::Allowed),
        ("no scores at all", "epss: \">=0.5\"", |_| {}, Outcome::Undecided),
        ("no CVE, no score", "epss: \">=0.5\"", |m| m.id = "GHSA-1".into(), Outcome::Allowed),
        ("named", "ids: [cve-2023-0001]", |_| {}, Outcome::Denied),
        ("named by alias", "ids: [GHSA-x]", |m| m.aliases = vec!["GHSA-x".into()], Outcome::Denied),
        ("other named", "ids: [CVE-2023-9]", |_| {}, Outcome::Allowed),
        (
            "not affected",
            "severity: \">=low\"",
            |m| m.state = MatchState::NotAffected { reason: "x".into() },
            Outcome::Allowed,
        ),
        ("untold", "severity: \">=low\"", |m| m.state = untold(), Outcome::Undecided),
        ("untold and too low", "severity: critical", |m| m.state = untold(), Outcome::Allowed),
        ("unimportant", "severity: \">=low\"", |m| m.unimportant = true, Outcome::Allowed),
        ("unimportant but named", "ids: [CVE-2023-0001]", |m| m.unimportant = true, Outcome::Denied),
        ("all tests must hold", "severity: \">=high\", knownExploited: true", |_| {}, Outcome::Allowed),
    ];
    for (name, clause, change, outcome) in cases {
        let found = verdict(
            &debian(vec![with(fault("CVE-2023-0001"), change)]),
            &entry(&format!("vulnerabilities: {{deny: [{{{clause}}}]}}")),
        );
        assert_eq!(found.outcome, *outcome, "{name}: {:?}", lines(&found));
        let softer = verdict(
            &debian(vec![with(fault("CVE-2023-0001"), change)]),
            &entry(&format!("vulnerabilities: {{warn: [{{{clause}}}]}}")),
        );
        assert_eq!(softer.outcome, Outcome::Allowed, "{name} as a warning: {:?}", lines(&softer));
    }
}

fn exploited() -> KnownExploited {
    KnownExploited { added: None, due: None, ransomware: false }
}

fn score(score: f64) -> Epss {
    Epss { score, percentile: score }
}

fn untold() -> MatchState {
    MatchState::Undecided { reason: "version \"x\" has no place in the order".into() }
}

#[test]
fn match_that_could_not_be_told_is_named_with_its_reason() {
    let found = verdict(
        &debian(vec![with(fault("CVE-2023-0001"), |m| m.state = untold())]),
        &entry("vulnerabilities: {deny: [{severity: high}]}"),
    );
    assert_eq!(
        lines(&found),
        ["undecided undecidedmatch could not tell whether openssl 3.0.9-1 is affected by CVE-2023-0001 (high): \
          version \"x\" has no place in the order; would be denied if it holds"]
    );
}

#[test]
fn grace_hides_what_no_other_clause_counts() {
    let policy = entry("vulnerabilities: {deny: [{severity: \">=high\", fix: available, grace: 14d}]}");
    let young = with(fault("CVE-2023-0001"), |m| m.fix = fixed("3.0.11-1", Some("2026-11-16")));
    let found = verdict(&debian(vec![young.clone()]), &policy);
    assert_eq!(
        lines(&found),
        [
            "info vulnerability 1 vulnerability is within the 14 days that the policy gives a fix; it ends on 2026-11-30: upgrade openssl"
        ]
    );
    assert_eq!(found.hidden[0].by, HiddenBy::Grace);
    assert_eq!(
        found.hidden[0].reason,
        "within the grace of 14 days until 2026-11-30, fix from 2026-11-16 (the advisory's date)"
    );
    let policy = entry(
        "vulnerabilities: {deny: [{severity: \">=high\", fix: available, grace: 14d}], warn: [{severity: \">=low\"}]}",
    );
    let found = verdict(&debian(vec![young]), &policy);
    assert_eq!(found.hidden, []);
    assert_eq!(found.reasons[0].effect, Effect::Warn);
}

#[test]
fn report_says_which_date_the_grace_was_counted_from() {
    let policy = entry("vulnerabilities: {deny: [{fix: available, grace: 14d}]}");
    let old = with(fault("CVE-2023-0001"), |m| m.fix = fixed("3.0.11-1", Some("2026-10-01")));
    let found = verdict(&debian(vec![old]), &policy);
    assert!(
        lines(&found)[0].ends_with("upgrade openssl to 3.0.11-1; its fix is from 2026-10-01 (the advisory's date)"),
        "{:?}",
        lines(&found)
    );
}

#[test]
fn what_a_clause_cannot_weigh_is_said_in_words() {
    let policy = entry("vulnerabilities: {deny: [{fix: available, grace: 14d}, {epss: \">=0.5\"}]}");
    let found = verdict(&debian(vec![with(fault("CVE-2023-0001"), |m| m.fix = fixed("3.0.11-1", None))]), &policy);
    assert_eq!(
        lines(&found),
        [
            "undecided vulnerability could not tell whether the grace of 14 days is over for 1 vulnerability, for the data does \
             not say since when there is a fix; upgrade openssl to be sure",
            "undecided vulnerability could not weigh 1 vulnerability by EPSS score as the policy asks, for no database has any; \
             build one with scores by `plimsoll db build`",
        ]
    );
}

#[test]
fn denied_matches_are_not_warned_of_again() {
    let found = verdict(
        &debian(vec![fault("CVE-2023-0001"), with(fault("CVE-2023-0002"), |m| m.severity = Severity::Low)]),
        &entry("vulnerabilities: {deny: [{severity: high}], warn: [{severity: \">=low\"}]}"),
    );
    assert_eq!(found.reasons.len(), 2);
    assert_eq!(found.reasons[1].matches, [1]);
}

#[test]
fn image_that_no_entry_matches_is_denied_and_the_nearest_entry_is_named() {
    let policy = policy(
        "images:\n  - name: shop\n    match: [\"registry.example.com/shop/*\"]\n  - name: base\n    match: [\"docker.io/library/debian\"]\n",
    );
    let found = verdict(&image("registry.example.com/shop/a/b:1"), &policy);
    assert_eq!(found.outcome, Outcome::Denied);
    assert_eq!(
        lines(&found),
        [
            "deny noentry no entry of policy `test` rules registry.example.com/shop/a/b; the nearest is `shop` (policy.yaml:5): \
          `registry.example.com/shop/*` stays within a path part; `**` would cross the `/` in registry.example.com/shop/a/b"
        ]
    );
}

#[test]
fn first_matching_entry_rules_and_refusal_has_the_policys_words() {
    let policy = policy(
        "images:\n  - {name: shop, match: [\"registry.example.com/**\"]}\n  - {name: rest, match: [\"**\"], refuse: not from an allowed registry}\n",
    );
    assert_eq!(verdict(&image("registry.example.com/a:1"), &policy).outcome, Outcome::Allowed);
    let found = verdict(&image("nginx"), &policy);
    assert_eq!(lines(&found), ["deny refused refused by entry `rest`: not from an allowed registry"]);
    assert_eq!(found.ruled_by.unwrap().place.line, 6);
}

#[test]
fn entry_for_a_namespace_needs_one_and_says_so() {
    let policy = policy(
        "images:\n  - {name: shop, match: [\"**\"], namespaces: [\"shop-*\"]}\n  - {name: rest, match: [\"**\"], refuse: go away}\n",
    );
    let subject = image("nginx:1");
    let found = verdict(&subject, &policy);
    assert_eq!(found.outcome, Outcome::Denied);
    assert_eq!(
        lines(&found)[1],
        "info policy entry `shop` (policy.yaml:5) is for certain namespaces and is passed over, for no namespace is known: say it with --namespace"
    );
    for (namespace, entry) in [("shop-prod", "shop"), ("other", "rest")] {
        let found = judge(&subject, &policy, &Context { namespace: Some(namespace), ..Context::at(at("2026-11-21")) });
        assert_eq!(found.ruled_by.unwrap().entry, entry);
    }
    let mut named = subject;
    named.subject.namespace = Some("shop-prod".into());
    assert_eq!(verdict(&named, &policy).outcome, Outcome::Allowed);
}

#[test]
fn tag_rules_read_the_reference_as_written() {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let pinned = format!("nginx@{digest}");
    let both = format!("nginx:latest@{digest}");
    for (tags, reference, denied) in [
        ("require: digest", "nginx:1.21", true),
        ("require: digest", &pinned, false),
        ("require: digest-or-version", "nginx:1.21", false),
        ("require: digest-or-version", "nginx:v2", false),
        ("require: digest-or-version", "nginx:stable", true),
        ("require: digest-or-version", "nginx:version", true),
        ("require: digest-or-version", "nginx", true),
        ("require: digest-or-version", &pinned, false),
        ("require: any", "nginx", true),
        ("require: any", "nginx:stable", false),
        ("require: any", &pinned, false),
        ("forbid: [latest]", "nginx", true),
        ("forbid: [latest]", "nginx:latest", true),
        ("forbid: [latest]", "nginx:1", false),
        ("forbid: [\"*-dev\"]", "nginx:1-dev", true),
        ("forbid: [latest]", &both, false),
        ("pin: true", "nginx", false),
    ] {
        let found = verdict(&image(reference), &entry(&format!("tags: {{{tags}}}")));
        assert_eq!(found.outcome == Outcome::Denied, denied, "{tags} {reference}: {:?}", lines(&found));
    }
    let found = verdict(&image("nginx"), &entry("tags: {forbid: [latest]}"));
    assert_eq!(
        lines(&found),
        [
            "deny tag docker.io/library/nginx has no tag, which means `latest`, and entry `all` forbids `latest`: name a version, or write its digest"
        ]
    );
}

#[test]
fn footprint_rules_weigh_as_the_entry_says_and_others_weigh_nothing() {
    let finding = |rule: &str, measure| Finding {
        rule: rule.into(),
        severity: Severity::Medium,
        message: "the image runs as root".into(),
        remedy: Some("add USER".into()),
        locations: Vec::new(),
        measure,
        fix: None,
    };
    for (setting, rule, measure, effect) in [
        ("runs-as-root: deny", "runs-as-root", None, Some(Effect::Deny)),
        ("runs-as-root: warn", "runs-as-root", None, Some(Effect::Warn)),
        ("runs-as-root: off", "runs-as-root", None, None),
        ("runs-as-root: deny", "shell-present", None, None),
        ("image-too-large: {deny: 500MB}", "image-too-large", Some(500_000_000), Some(Effect::Deny)),
        ("image-too-large: {deny: 500MB}", "image-too-large", Some(499_999_999), None),
        ("image-too-large: {warn: 300MB, deny: 500MB}", "image-too-large", Some(500_000_000), Some(Effect::Deny)),
        ("image-too-large: {warn: 300MB, deny: 500MB}", "image-too-large", Some(499_999_999), Some(Effect::Warn)),
        ("image-too-large: {deny: 500MB, warn: 300MB}", "image-too-large", Some(299_999_999), None),
        ("image-too-large: {warn: 1GiB}", "image-too-large", Some(2 << 30), Some(Effect::Warn)),
        ("image-too-large: {deny: 500MB}", "image-too-large", None, Some(Effect::Deny)),
    ] {
        let mut subject = image("nginx:1");
        subject.findings.push(finding(rule, measure));
        let found = verdict(&subject, &entry(&format!("footprint: {{{setting}}}")));
        assert_eq!(found.reasons.first().map(|r| r.effect), effect, "{setting} {rule} {measure:?}");
    }
    let mut subject = image("nginx:1");
    subject.findings.push(finding("runs-as-root", None));
    let found = verdict(&subject, &entry("footprint: {runs-as-root: deny}"));
    assert_eq!(lines(&found), ["deny footprint runs-as-root: the image runs as root; add USER"]);
    assert_eq!(found.reasons[0].clause.as_deref(), Some("images[all].footprint.runs-as-root"));
}

#[test]
fn problems_make_the_verdict_undecided_by_kind() {
    let mut subject = image("nginx:1");
    subject.problems = vec![
        Problem::undecided(ProblemKind::BrokenArchive, "read layer 1: unexpected end").with_hint("pull again"),
        Problem::undecided(ProblemKind::BrokenArchive, "read layer 2: unexpected end"),
        Problem::note(ProblemKind::BadInput, "a remark"),
        Problem::undecided(ProblemKind::SeenNotRead, "yarn.lock is a yarn lockfile, which is not read yet"),
    ];
    let found = verdict(&subject, &entry(""));
    assert_eq!(found.outcome, Outcome::Undecided);
    assert_eq!(found.effective, Outcome::Undecided);
    assert_eq!(
        lines(&found),
        [
            "undecided problem could not read layer 1: unexpected end, and 1 more of the kind; pull again",
            "undecided problem yarn.lock is a yarn lockfile, which is not read yet",
        ]
    );
    assert_eq!(found.reasons[0].problems, [0, 1]);
}

#[test]
fn denial_is_stronger_than_what_could_not_be_told() {
    let mut subject = debian(vec![with(fault("CVE-2023-0001"), |m| m.fix = fixed("2", None))]);
    subject.problems = vec![Problem::undecided(ProblemKind::BrokenArchive, "read layer 1: unexpected end")];
    let found = verdict(&subject, &entry(HIGH_FIXED));
    assert_eq!(found.outcome, Outcome::Denied);
    assert_eq!(found.reasons.iter().map(|r| r.effect).collect::<Vec<_>>(), [Effect::Deny, Effect::Undecided]);
}

#[test]
fn undecided_word_and_mode_soften_what_happens_and_not_the_outcome() {
    let body = "images: [{name: all, match: [\"**\"], vulnerabilities: {deny: [{severity: high}]}}]\n";
    let mut broken = image("nginx:1");
    broken.problems = vec![Problem::undecided(ProblemKind::BrokenArchive, "read layer 1: unexpected end")];
    let bad = debian(vec![fault("CVE-2023-0001")]);
    for (head, subject, outcome, effective) in [
        ("", &broken, Outcome::Undecided, Outcome::Undecided),
        ("undecided: deny\n", &broken, Outcome::Undecided, Outcome::Undecided),
        ("undecided: warn\n", &broken, Outcome::Undecided, Outcome::Allowed),
        ("undecided: allow\n", &broken, Outcome::Undecided, Outcome::Allowed),
        ("undecided: allow\n", &bad, Outcome::Denied, Outcome::Denied),
        ("mode: warn\n", &bad, Outcome::Denied, Outcome::Allowed),
        ("mode: audit\n", &bad, Outcome::Denied, Outcome::Allowed),
        ("mode: warn\n", &broken, Outcome::Undecided, Outcome::Allowed),
    ] {
        let found = verdict(subject, &policy(&format!("{head}{body}")));
        assert_eq!((found.outcome, found.effective), (outcome, effective), "{head}");
    }
    let softened = verdict(&bad, &policy(&format!("mode: warn\n{body}")));
    assert_eq!(softened.mode, Mode::Warn);
    assert!(
        lines(&softened)
            .contains(&"warn policy denied and runs all the same: policy `test` has `mode: warn`".to_owned())
    );
}

#[test]
fn entrys_own_mode_rules_over_the_policys() {
    let policy = policy(
        "images:\n  - {name: new, match: [\"docker.io/**\"], mode: audit, soften: true, refuse: no}\n  - {name: all, match: [\"**\"], refuse: no}\n",
    );
    assert_eq!(verdict(&image("nginx:1"), &policy).effective, Outcome::Allowed);
    assert_eq!(verdict(&image("gcr.io/a/b:1"), &policy).effective, Outcome::Denied);
}

#[test]
fn missing_old_and_baseline_data_are_reasons_of_their_own() {
    let policy_text = |baseline: &str| {
        policy(&format!(
            "data: {{maxAge: 48h, baselineOnly: {baseline}}}\nimages: [{{name: all, match: [\"**\"], vulnerabilities: {{deny: [{{severity: high}}]}}}}]\n"
        ))
    };
    let judged = |databases: &[DatabaseInfo], subject: &Assessment, baseline: &str| {
        judge(subject, &policy_text(baseline), &Context { databases, ..Context::at(at("2026-11-21")) })
    };
    let subject = debian(vec![]);
    let none = judged(&[], &subject, "undecided");
    assert_eq!(none.outcome, Outcome::Undecided);
    assert_eq!(
        lines(&none),
        ["undecided nodata no advisory database was there for 3 packages; get one with `plimsoll db update`"]
    );
    for (built, outcome) in [
        (Some("2026-11-20"), Outcome::Allowed),
        (Some("2026-11-19"), Outcome::Allowed),
        (Some("2026-11-18"), Outcome::Undecided),
        (None, Outcome::Undecided),
    ] {
        let found = judged(&[database(DatabaseKind::Trivy, built)], &subject, "undecided");
        assert_eq!(found.outcome, outcome, "{built:?}");
    }
    let old = judged(&[database(DatabaseKind::Trivy, Some("2026-11-11"))], &subject, "undecided");
    assert_eq!(
        lines(&old),
        [
            "undecided staledata the advisories of database test.db are 10 days old, and policy `test` allows 2 days; run `plimsoll db update`"
        ]
    );
    for (word, outcome) in [
        ("undecided", Outcome::Undecided),
        ("deny", Outcome::Denied),
        ("warn", Outcome::Allowed),
        ("allow", Outcome::Allowed),
    ] {
        let found = judged(&[database(DatabaseKind::Baseline, None)], &subject, word);
        assert_eq!(found.outcome, outcome, "{word}");
        assert_eq!(found.reasons[0].code, ReasonCode::BaselineOnly);
    }
    let mut gap = debian(vec![]);
    gap.coverage[0].state = CoverageState::NoData { reason: "release 99 is not known".into() };
    let found = judged(&[database(DatabaseKind::Trivy, Some("2026-11-20"))], &gap, "undecided");
    assert_eq!(
        lines(&found),
        [
            "undecided nodata no advisories for debian 12 (3 packages: release 99 is not known), so nothing can be said of them; see `plimsoll db status`"
        ]
    );
    // Without packages there is nothing that the data could speak of.
    assert_eq!(judged(&[], &image("nginx:1"), "undecided").outcome, Outcome::Allowed);
}

#[test]
fn exemption_takes_out_of_judgement_until_its_last_day() {
    let text = "images: [{name: all, match: [\"**\"], refuse: no}]\nexempt: [{images: [\"docker.io/**\"], namespaces: [kube-system], reason: static pods, ticket: SEC-1, until: 2026-11-21}]\n";
    let judged =
        |day: &str, namespace| judge(&image("nginx:1"), &policy(text), &Context { namespace, ..Context::at(at(day)) });
    let held = judged("2026-11-21", Some("kube-system"));
    assert_eq!(
        lines(&held),
        ["info exempt exempt from judgement: static pods (SEC-1), until 2026-11-21; policy.yaml:5"]
    );
    assert_eq!(held.outcome, Outcome::Allowed);
    assert_eq!(judged("2026-11-21", Some("shop")).outcome, Outcome::Denied);
    assert_eq!(judged("2026-11-21", None).outcome, Outcome::Denied);
    let over = judged("2026-11-22", Some("kube-system"));
    assert_eq!(over.outcome, Outcome::Denied);
    assert!(lines(&over)[1].starts_with("warn expired an exemption for this has run out"));
}

#[test]
fn exemption_by_user_needs_one() {
    let policy = policy(
        "images: [{name: all, match: [\"**\"], refuse: no}]\nexempt: [{users: [\"system:serviceaccount:flux:*\"], reason: bootstrap}]\n",
    );
    for (user, outcome) in [
        (None, Outcome::Denied),
        (Some("system:serviceaccount:flux:kustomize"), Outcome::Allowed),
        (Some("jane"), Outcome::Denied),
    ] {
        let request = Request { user, groups: &[], annotations: &BTreeMap::new() };
        let found =
            judge(&image("nginx:1"), &policy, &Context { request: Some(&request), ..Context::at(at("2026-11-21")) });
        assert_eq!(found.outcome, outcome, "{user:?}");
    }
}

#[test]
fn waivers_hide_what_they_name_and_say_when_they_hide_nothing() {
    let deny = "images: [{name: all, match: [\"**\"], vulnerabilities: {deny: [{severity: \">=low\"}]}, footprint: {runs-as-root: deny}}]\n";
    let hit = with(fault("CVE-2023-0001"), |m| m.aliases = vec!["GHSA-aa".into()]);
    for (waiver, outcome, unused) in [
        ("id: CVE-2023-0001", Outcome::Allowed, 0),
        ("id: ghsa-aa", Outcome::Allowed, 0),
        ("id: CVE-2023-9999", Outcome::Denied, 1),
        ("id: CVE-2023-0001, package: openssl", Outcome::Allowed, 0),
        ("id: CVE-2023-0001, package: libssl3", Outcome::Denied, 1),
        ("id: CVE-2023-0001, package: zlib", Outcome::Denied, 1),
        ("id: CVE-2023-0001, images: [\"docker.io/library/*\"]", Outcome::Allowed, 0),
        ("id: CVE-2023-0001, images: [\"docker.io/other/*\"]", Outcome::Denied, 0),
        ("id: CVE-2023-0001, until: 2026-11-21", Outcome::Allowed, 0),
        ("id: CVE-2023-0001, until: 2026-11-20", Outcome::Denied, 0),
    ] {
        let policy = policy(&format!("{deny}waivers: [{{{waiver}, reason: not reachable, ticket: SEC-12}}]\n"));
        let found = verdict(&debian(vec![hit.clone()]), &policy);
        assert_eq!(found.outcome, outcome, "{waiver}");
        assert_eq!(found.unused.len(), unused, "{waiver}: {:?}", found.unused);
        if outcome == Outcome::Allowed {
            assert_eq!(found.hidden[0].by, HiddenBy::Waiver);
            assert!(found.hidden[0].reason.starts_with("not reachable (SEC-12)"));
        }
    }
    let text = format!("{deny}waivers: [{{id: CVE-2023-0001, package: libssl3, reason: x}}]\n");
    let found = verdict(&debian(vec![hit.clone()]), &policy(&text));
    assert_eq!(
        found.unused,
        [
            "the waiver of CVE-2023-0001 in libssl3 (policy.yaml:5) hides nothing: here the fault is in openssl, libssl3, so name that package"
        ]
    );
    let text = format!("{deny}waivers: [{{id: CVE-2023-0001, reason: x, until: 2026-01-31}}]\n");
    assert!(lines(&verdict(&debian(vec![hit]), &policy(&text))).contains(
        &"warn expired the waiver of CVE-2023-0001 (policy.yaml:5) ran out on 2026-01-31 and does not hold: mend the fault or renew the waiver".to_owned()
    ));
}

#[test]
fn footprint_findings_can_be_waived_by_rule() {
    let policy = policy(
        "images: [{name: all, match: [\"**\"], footprint: {runs-as-root: deny}}]\nwaivers: [{id: runs-as-root, reason: legacy}]\n",
    );
    let mut subject = image("nginx:1");
    subject.findings.push(Finding {
        rule: "runs-as-root".into(),
        severity: Severity::Medium,
        message: "runs as root".into(),
        remedy: None,
        locations: Vec::new(),
        measure: None,
        fix: None,
    });
    let found = verdict(&subject, &policy);
    assert_eq!(found.outcome, Outcome::Allowed);
    assert_eq!(found.hidden[0].finding, Some(0));
}

#[test]
fn folder_is_ruled_by_the_first_entry_for_everything_that_does_not_refuse() {
    let refusing =
        "  - {name: shop, match: [\"registry.example.com/**\"]}\n  - {name: rest, match: [\"**\"], refuse: no}\n";
    let found = verdict(&folder(), &policy(&format!("images:\n{refusing}")));
    assert_eq!(found.outcome, Outcome::Denied);
    assert!(lines(&found)[0].contains("--as"), "{:?}", lines(&found));
    let found = verdict(
        &folder(),
        &policy(&format!("images:\n{refusing}  - {{name: code, match: [\"**\"], tags: {{forbid: [latest]}}}}\n")),
    );
    assert_eq!(found.ruled_by.unwrap().entry, "code");
    // With a name it is judged as the image that it will be; tags say nothing of a folder.
    let mut named = folder();
    named.subject.reference = Some("registry.example.com/shop".parse().unwrap());
    let policy = policy("images: [{name: shop, match: [\"registry.example.com/**\"], tags: {require: digest}}]\n");
    assert_eq!(verdict(&named, &policy).outcome, Outcome::Allowed);
}

#[test]
fn default_policy_denies_what_can_be_mended_and_what_is_exploited() {
    let policy = default_policy();
    for (change, outcome) in [
        ((|m| m.fix = fixed("2", None)) as fn(&mut Match), Outcome::Denied),
        (|m| m.known_exploited = Some(exploited()), Outcome::Denied),
        (|_| {}, Outcome::Allowed),
    ] {
        assert_eq!(verdict(&debian(vec![with(fault("CVE-2023-0001"), change)]), &policy).outcome, outcome);
    }
    assert_eq!(judge(&debian(vec![]), &policy, &Context::at(at("2026-11-21"))).outcome, Outcome::Undecided);
}

#[test]
fn strongest_verdict_of_a_run_is_its_exit_code() {
    let allowed = verdict(&image("nginx:1"), &entry(""));
    let denied = verdict(&image("nginx:1"), &entry("refuse: no"));
    let mut broken = image("nginx:1");
    broken.problems = vec![Problem::undecided(ProblemKind::Unreachable, "reach it")];
    let undecided = verdict(&broken, &entry(""));
    assert_eq!(exit_code(overall([&allowed])), 0);
    assert_eq!(exit_code(overall([&allowed, &undecided])), 2);
    assert_eq!(exit_code(overall([&undecided, &denied, &allowed])), 1);
    assert_eq!(exit_code(overall([])), 2);
}

#[test]
fn same_inputs_give_the_same_verdict() {
    let subject = debian(vec![fault("CVE-2023-0002"), fault("CVE-2023-0001")]);
    let policy = default_policy();
    assert_eq!(verdict(&subject, &policy), verdict(&subject, &policy));
}

#[test]
fn large_image_with_many_waivers_is_judged_soon() {
    let mut subject = debian((0..4000).map(|i| fault(&format!("CVE-2020-{i}"))).collect());
    subject.inventory.packages = (0..2000).map(|i| binary(&format!("p{i}"), &format!("p{i}"))).collect();
    for (i, m) in subject.matches.iter_mut().enumerate() {
        m.packages = vec![i % 2000];
        m.name = format!("p{}", i % 2000);
        m.aliases = vec![format!("GHSA-{i}")];
        m.fix = fixed("2", None);
    }
    let mut policy = entry("vulnerabilities: {deny: [{severity: high}]}");
    let waiver = |i: usize| loadline::Waiver {
        id: format!("GHSA-{i}"),
        images: Vec::new(),
        package: None,
        reason: "x".into(),
        ticket: None,
        until: None,
        place: loadline::Place::default(),
    };
    policy.waivers = (0..1000).map(waiver).collect();
    let vex: Vec<VexStatement> = (1000..3000)
        .map(|i| VexStatement {
            ids: vec![format!("CVE-2020-{i}")],
            products: vec![format!("pkg:deb/debian/p{}", i % 2000)],
            subcomponents: Vec::new(),
            status: VexStatus::NotAffected,
            justification: String::new(),
            document: "v.json".into(),
        })
        .collect();
    let started = std::time::Instant::now();
    let found = judge(&subject, &policy, &Context { vex: &vex, ..Context::at(at("2026-11-21")) });
    assert_eq!(found.hidden.len(), 3000);
    assert_eq!(found.reasons.iter().find(|r| r.effect == Effect::Deny).unwrap().matches.len(), 1000);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}
