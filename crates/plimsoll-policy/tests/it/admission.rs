//! What only admission knows: who asks, with which annotations, and for what nobody could look into.

use std::collections::BTreeMap;

use plimsoll_model::*;
use plimsoll_policy::{
    Context, Request, Standing, default_policy, effective, judge, parse, relevant_annotations, restrict_registries,
    standing,
};

use crate::cases::*;

const REFUSING: &str = "images: [{name: all, match: [\"**\"], refuse: not today.}]\n";

fn glass(body: &str) -> String {
    format!("{REFUSING}breakGlass: {{{body}}}\n")
}

const OPEN: &str =
    "annotation: \"*.image-policy.k8s.io/ticket-*\", value: break-glass, namespaces: [\"shop-*\"], groups: any";

fn annotations(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    all.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

const TICKET: (&str, &str) = ("mycluster.image-policy.k8s.io/ticket-1234", "break-glass");

fn asked(policy: &LoadLine, namespace: Option<&str>, who: Option<(&str, &[&str])>, marks: &[(&str, &str)]) -> Verdict {
    let groups: Vec<String> = who.iter().flat_map(|(_, groups)| groups.iter().map(|g| (*g).to_owned())).collect();
    let annotations = annotations(marks);
    let request = Request { user: who.map(|(user, _)| user), groups: &groups, annotations: &annotations };
    judge(&image("nginx:1"), policy, &Context { namespace, request: Some(&request), ..Context::at(at("2026-11-21")) })
}

#[test]
fn broken_glass_lets_run_and_says_so_loudly() {
    let policy = policy(&glass(OPEN));
    let found = asked(&policy, Some("shop-prod"), Some(("jane", &["system:authenticated"])), &[TICKET]);
    assert_eq!((found.outcome, found.effective), (Outcome::Denied, Outcome::Allowed));
    assert_eq!(
        lines(&found),
        [
            "deny refused refused by entry `all`: not today.",
            "warn breakglass BREAK GLASS, `ticket-1234`: denied and runs all the same, for user `jane` in namespace \
             `shop-prod`, by the annotation `mycluster.image-policy.k8s.io/ticket-1234: break-glass` (policy.yaml:5); \
             overruled: refused by entry `all`: not today",
        ]
    );
    assert_eq!(found.reasons[1].clause.as_deref(), Some("breakGlass"));
    let unnamed = asked(&policy, Some("shop-prod"), None, &[TICKET]);
    assert_eq!(unnamed.effective, Outcome::Allowed);
    assert!(lines(&unnamed)[1].contains("for somebody (the request names nobody) in"), "{:?}", lines(&unnamed));
}

#[test]
fn glass_holds_as_written() {
    let named = OPEN.replace("groups: any", "groups: [oncall, \"sre-*\"]");
    let everywhere = OPEN.replace("\"shop-*\"", "\"*\", \"**\"");
    let jane = Some(("jane", &["system:authenticated"][..]));
    let long_key = format!("{}.image-policy.k8s.io/ticket-1", "a".repeat(300));
    let long_ticket = format!("a.image-policy.k8s.io/ticket-{}", "1".repeat(2000));
    type Case<'a> = (&'a str, &'a str, Option<&'a str>, Option<(&'a str, &'a [&'a str])>, (&'a str, &'a str), bool);
    let cases: &[Case<'_>] = &[
        ("as written", OPEN, Some("shop-a"), jane, TICKET, true),
        ("other namespace", OPEN, Some("other"), jane, TICKET, false),
        ("unknown namespace", OPEN, None, jane, TICKET, false),
        ("unknown namespace fits no star", &everywhere, None, jane, TICKET, false),
        ("any namespace", &everywhere, Some("x"), jane, TICKET, true),
        ("other value", OPEN, Some("shop-a"), jane, (TICKET.0, "break-glass!"), false),
        ("no value", OPEN, Some("shop-a"), jane, (TICKET.0, ""), false),
        ("other key", OPEN, Some("shop-a"), jane, ("image-policy.k8s.io/ticket-1", "break-glass"), false),
        ("key with more parts", OPEN, Some("shop-a"), jane, ("a/b.image-policy.k8s.io/ticket-1", "break-glass"), false),
        ("ticket without number", OPEN, Some("shop-a"), jane, ("a.image-policy.k8s.io/ticket-", "break-glass"), true),
        ("other letter case", OPEN, Some("shop-a"), jane, ("a.image-policy.k8s.io/TICKET-1", "break-glass"), false),
        ("longer than a key can be", OPEN, Some("shop-a"), jane, (&long_key, "break-glass"), false),
        ("ticket longer than a key can be", OPEN, Some("shop-a"), jane, (&long_ticket, "break-glass"), false),
        ("not in the group", &named, Some("shop-a"), jane, TICKET, false),
        ("in the group", &named, Some("shop-a"), Some(("joe", &["a", "oncall"])), TICKET, true),
        ("in a group of the kind", &named, Some("shop-a"), Some(("joe", &["sre-eu"])), TICKET, true),
        ("in no group", &named, Some("shop-a"), Some(("oncall", &[])), TICKET, false),
        ("named groups and nobody named", &named, Some("shop-a"), None, TICKET, false),
    ];
    for (name, body, namespace, who, mark, holds) in cases {
        let found = asked(&policy(&glass(body)), *namespace, *who, &[*mark]);
        assert_eq!(found.outcome, Outcome::Denied, "{name}");
        assert_eq!(found.effective == Outcome::Allowed, *holds, "{name}");
        assert_eq!(found.reasons.iter().any(|r| r.code == ReasonCode::BreakGlass), *holds, "{name}");
    }
    let nobody_asks = Context { namespace: Some("shop-a"), ..Context::at(at("2026-11-21")) };
    assert_eq!(judge(&image("nginx:1"), &policy(&glass(OPEN)), &nobody_asks).effective, Outcome::Denied);
    let without = asked(&policy(REFUSING), Some("shop-a"), jane, &[TICKET]);
    assert_eq!(without.effective, Outcome::Denied, "off where the section is missing");
}

#[test]
fn glass_stays_whole_where_something_else_lets_run() {
    for body in [
        format!("mode: warn\n{}", glass(OPEN)),
        format!("images: [{{name: all, match: [\"**\"]}}]\nbreakGlass: {{{OPEN}}}\n"),
        format!("{}exempt: [{{images: [\"docker.io/**\"], reason: mirror}}]\n", glass(OPEN)),
    ] {
        let found = asked(&policy(&body), Some("shop-a"), None, &[TICKET]);
        assert_eq!(found.effective, Outcome::Allowed, "{body}");
        assert!(found.reasons.iter().all(|r| r.code != ReasonCode::BreakGlass), "{body}");
    }
}

#[test]
fn glass_overrules_what_could_not_be_told() {
    let policy = policy(&format!("images: [{{name: all, match: [\"**\"]}}]\nbreakGlass: {{{OPEN}}}\n"));
    let mut broken = image("nginx:1");
    broken.problems = vec![Problem::undecided(ProblemKind::BrokenArchive, "read layer 1: unexpected end")];
    let annotations = annotations(&[TICKET]);
    let request = Request { user: None, groups: &[], annotations: &annotations };
    let context = Context { namespace: Some("shop-a"), request: Some(&request), ..Context::at(at("2026-11-21")) };
    let found = judge(&broken, &policy, &context);
    assert_eq!((found.outcome, found.effective), (Outcome::Undecided, Outcome::Allowed));
    assert!(lines(&found)[1].contains("could not tell and runs all the same"), "{:?}", lines(&found));
    assert!(lines(&found)[1].ends_with("overruled: could not read layer 1: unexpected end"), "{:?}", lines(&found));
}

#[test]
fn ticket_is_what_the_policy_leaves_open() {
    let body = "annotation: acme.example/break-glass, value: \"SEC-*\", namespaces: [\"*\"], groups: any";
    let found = asked(&policy(&glass(body)), Some("x"), None, &[("acme.example/break-glass", "SEC-7")]);
    assert!(found.reasons[1].message.starts_with("BREAK GLASS, `SEC-7`: "), "{:?}", lines(&found));
}

#[test]
fn words_of_a_request_are_cut_in_messages() {
    let body = "annotation: \"**.image-policy.k8s.io/ticket-*\", value: \"**\", namespaces: [\"*\"], groups: any";
    let long = "\u{e4}".repeat(500);
    let key = format!("{}.image-policy.k8s.io/ticket-{}", "\u{e4}".repeat(60), "\u{e4}".repeat(60));
    let found = asked(&policy(&glass(body)), Some(&long), Some((&long, &[])), &[(&key, &long)]);
    let message = &found.reasons[1].message;
    assert!(message.starts_with("BREAK GLASS"), "{message}");
    assert!(message.chars().count() < 1200, "{message}");
}

#[test]
fn only_the_annotation_that_breaks_the_glass_is_relevant() {
    let many = |count: usize| {
        let mut many: BTreeMap<String, String> = (0..count).map(|i| (format!("a{i}"), "b".repeat(100))).collect();
        many.insert(TICKET.0.to_owned(), TICKET.1.to_owned());
        many
    };
    let started = std::time::Instant::now();
    assert_eq!(
        relevant_annotations(&policy(&glass(OPEN)), &many(50_000)),
        BTreeMap::new(),
        "more than an object can have"
    );
    let many = many(2000);
    assert_eq!(relevant_annotations(&policy(&glass(OPEN)), &many), annotations(&[TICKET]));
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    assert_eq!(relevant_annotations(&policy(REFUSING), &many), BTreeMap::new());
}

/// What admission makes of a text that names no image.
fn unreadable(name: &str) -> Assessment {
    let mut subject = image("x");
    let error = name.parse::<ImageReference>().unwrap_err();
    subject.subject.name = name.to_owned();
    subject.subject.reference = None;
    subject.problems = vec![Problem::unreadable_name(name, &error)];
    subject
}

const SHORT_DIGEST: &str = "myrepo/myimage@sha256:beb6bd6a68f114c1dc2ea4b28db81bdf91de202a9014972bec5e4d9171d90ed";

#[test]
fn name_that_cannot_be_read_is_denied_whatever_may_be_undecided() {
    for word in ["deny", "warn", "allow"] {
        let policy = policy(&format!("undecided: {word}\nimages: [{{name: all, match: [\"**\"]}}]\n"));
        let found = judge(&unreadable(SHORT_DIGEST), &policy, &Context::at(at("2026-11-21")));
        assert_eq!((found.outcome, found.effective), (Outcome::Denied, Outcome::Denied), "{word}");
        assert_eq!(
            lines(&found),
            [format!(
                "deny unreadablename could not read the image name {SHORT_DIGEST:?}: digest has 63 hexadecimal digits, \
                 not 64"
            )]
        );
        assert_eq!(found.reasons[0].problems, [0]);
        assert_eq!(found.ruled_by, None);
        // An archive without a name is no image of nobody knows where.
        let mut archive = image("x");
        archive.subject.reference = None;
        assert_eq!(judge(&archive, &policy, &Context::at(at("2026-11-21"))).outcome, Outcome::Allowed);
    }
}

#[test]
fn what_is_not_judged_and_what_is_overruled_may_have_any_name() {
    let body = "images: [{name: all, match: [\"**\"]}]\nexempt: [{namespaces: [kube-system], reason: static pods}]\n";
    let context = Context { namespace: Some("kube-system"), ..Context::at(at("2026-11-21")) };
    assert_eq!(judge(&unreadable(SHORT_DIGEST), &policy(body), &context).effective, Outcome::Allowed);
    let annotations = annotations(&[TICKET]);
    let request = Request { user: None, groups: &[], annotations: &annotations };
    let context = Context { namespace: Some("shop-a"), request: Some(&request), ..Context::at(at("2026-11-21")) };
    let found = judge(&unreadable(SHORT_DIGEST), &policy(&glass(OPEN)), &context);
    assert_eq!((found.outcome, found.effective), (Outcome::Denied, Outcome::Allowed));
    assert!(lines(&found)[1].ends_with("digest has 63 hexadecimal digits, not 64"), "{:?}", lines(&found));
}

#[test]
fn what_nobody_looked_into_is_let_run_by_no_word_on_what_could_not_be_told() {
    let mut unseen = image("nginx:1");
    let problem = Problem::undecided(ProblemKind::NotExamined, "look into nginx:1: nobody asked for it");
    unseen.problems = vec![problem];
    for word in ["deny", "warn", "allow"] {
        let body = format!("undecided: {word}\nimages: [{{name: all, match: [\"**\"]}}]\nbreakGlass: {{{OPEN}}}\n");
        let policy = policy(&body);
        let found = judge(&unseen, &policy, &Context::at(at("2026-11-21")));
        assert_eq!((found.outcome, found.effective), (Outcome::Undecided, Outcome::Undecided), "{word}");
        let annotations = annotations(&[TICKET]);
        let request = Request { user: None, groups: &[], annotations: &annotations };
        let context = Context { namespace: Some("shop-a"), request: Some(&request), ..Context::at(at("2026-11-21")) };
        let found = judge(&unseen, &policy, &context);
        assert_eq!(found.effective, Outcome::Allowed, "{word}");
        assert_eq!(found.reasons[1].code, ReasonCode::BreakGlass, "its use is said under `undecided: {word}` too");
    }
}

const ALL: &str = "images: [{name: all, match: [\"**\"]}]\n";

fn restricted(body: &str, hosts: &[&str]) -> LoadLine {
    let mut policy = policy(body);
    restrict_registries(&mut policy, hosts.iter().map(|h| (*h).to_owned()).collect()).unwrap();
    policy
}

#[test]
fn only_listed_registries_may_be_images_homes() {
    let policy = restricted(ALL, &["quay.io", "index.docker.io", "localhost:5000"]);
    for (name, allowed) in [
        ("nginx:1", true),
        ("index.docker.io/acme/shop:1", true),
        ("quay.io/acme/shop:1", true),
        ("localhost:5000/shop:1", true),
        ("localhost:5001/shop:1", false),
        ("localhost/shop:1", false),
        ("quay.io.evil.example/acme/shop:1", false),
        ("evil.example/quay.io/shop:1", false),
        ("quay.io:443/acme/shop:1", false),
    ] {
        assert_eq!(verdict(&image(name), &policy).effective == Outcome::Allowed, allowed, "{name}");
    }
    let found = verdict(&image("gcr.io/acme/shop:1"), &policy);
    assert_eq!(
        lines(&found),
        ["deny refused the registry gcr.io of gcr.io/acme/shop is not one of those that --registry-whitelist allows: \
             docker.io, localhost:5000, quay.io"]
    );
    assert_eq!(verdict(&folder(), &policy).effective, Outcome::Denied, "what has no name comes from nowhere");
    assert_eq!(verdict(&unreadable(SHORT_DIGEST), &policy).reasons[0].code, ReasonCode::UnreadableName);
    let many: Vec<String> = (0..20).map(|i| format!("r{i}.example.com")).collect();
    let policy = restricted(ALL, &many.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(verdict(&image("nginx:1"), &policy).reasons[0].message.ends_with(" and 12 more"));
}

#[test]
fn exemptions_come_before_the_list_of_registries() {
    let policy = restricted(&format!("{ALL}exempt: [{{images: [\"gcr.io/**\"], reason: mirror}}]\n"), &["quay.io"]);
    assert_eq!(verdict(&image("gcr.io/a/b:1"), &policy).effective, Outcome::Allowed);
    assert_eq!(verdict(&image("ghcr.io/a/b:1"), &policy).effective, Outcome::Denied);
}

#[test]
fn list_of_registries_is_part_of_the_policys_digest_and_is_shown() {
    let plain = policy(ALL);
    let one = restricted(ALL, &["quay.io"]);
    assert_ne!(plain.digest, one.digest);
    assert_eq!(one.digest.len(), plain.digest.len());
    assert_ne!(one.digest, restricted(ALL, &["quay.io", "gcr.io"]).digest);
    assert_eq!(
        restricted(ALL, &["quay.io", "docker.io"]).digest,
        restricted(ALL, &["index.docker.io", "quay.io", "docker.io"]).digest
    );
    assert_eq!(restricted(ALL, &[]), plain);
    let shown = effective(&one);
    assert!(shown.starts_with("# --registry-whitelist: only images from [quay.io]\n"), "{shown}");
    assert!(parse("p.yaml", shown.as_bytes(), &KNOWN).is_ok());
}

#[test]
fn list_of_registries_takes_hosts_only() {
    for text in [
        "",
        "acme",
        "library",
        "https://quay.io",
        "quay.io/acme",
        "quay.io/",
        "quay.io@sha256",
        "*.quay.io",
        "quay .io",
        ":5000",
    ] {
        let error = restrict_registries(&mut policy(ALL), vec![text.to_owned()]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{text:?} is not a registry")), "{error}");
    }
    for text in ["quay.io", "docker.io", "localhost", "localhost:5000", "[::1]:5000", "10.0.0.1:5000", " quay.io "] {
        restrict_registries(&mut policy(ALL), vec![text.to_owned()]).unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn standing_is_told_without_the_image() {
    let body = "  - {name: pinned, match: [\"quay.io/**\"], tags: {pin: true}}\n  - {name: soft, match: [\"ghcr.io/**\"], mode: warn, soften: true, refuse: no}\n  - {name: bad, match: [\"docker.io/**\"], refuse: no}\nexempt: [{users: [flux], reason: bootstrap}]\n";
    let policy =
        restricted(&format!("images:\n{body}breakGlass: {{{OPEN}}}\n"), &["quay.io", "ghcr.io", "docker.io", "gcr.io"]);
    let none = BTreeMap::new();
    let ticket = annotations(&[TICKET]);
    let of = |name: &str, user, annotations| {
        let request = Request { user, groups: &[], annotations };
        let context = Context { namespace: Some("shop-a"), request: Some(&request), ..Context::at(at("2026-11-21")) };
        standing(Some(&name.parse().unwrap()), &policy, &context)
    };
    assert_eq!(of("quay.io/a/b:1", None, &none), Standing::Judged { pin: true });
    assert_eq!(of("ghcr.io/a/b:1", None, &none), Standing::Refused);
    assert_eq!(of("nginx:1", None, &none), Standing::Refused);
    assert_eq!(of("evil.example/a:1", None, &none), Standing::Refused);
    assert_eq!(of("gcr.io/a/b:1", None, &none), Standing::NoEntry);
    assert_eq!(of("evil.example/a:1", Some("flux"), &ticket), Standing::Exempt);
    for name in ["quay.io/a/b:1", "nginx:1", "evil.example/a:1", "gcr.io/a/b:1"] {
        assert_eq!(of(name, None, &ticket), Standing::BreakGlass, "{name}");
    }
    assert_eq!(of("ghcr.io/a/b:1", None, &ticket), Standing::Refused, "where it runs anyway no glass is broken");
}

/// The review that the notes on image policies send with curl: two images, one of them with a digest that is a digit short.
#[test]
fn review_of_the_notes_is_allowed_by_the_bouncers_policy_and_denied_by_the_default() {
    let bouncer = include_bytes!("../../../../examples/bouncer.yaml");
    let bouncer = parse("bouncer.yaml", bouncer, &KNOWN).unwrap_or_else(|e| panic!("{e}"));
    let annotations = annotations(&[TICKET]);
    let request = Request { user: None, groups: &[], annotations: &annotations };
    let context = Context { namespace: Some("mynamespace"), request: Some(&request), ..Context::at(at("2026-11-21")) };
    let name = "myrepo/myimage:v1";
    let mut unseen = image(name);
    unseen.problems = vec![Problem::undecided(ProblemKind::NotExamined, format!("look into {name}: nobody asked"))];
    let mut unreachable = image(name);
    unreachable.problems = vec![Problem::undecided(ProblemKind::Unreachable, format!("reach {name}: no such host"))];
    for subject in [unseen, unreachable, unreadable(SHORT_DIGEST)] {
        let reference = subject.subject.reference.as_ref();
        assert_eq!(standing(reference, &bouncer, &context), Standing::BreakGlass);
        let found = judge(&subject, &bouncer, &context);
        assert_eq!(found.effective, Outcome::Allowed, "{:?}", lines(&found));
        assert!(lines(&found)[1].contains("BREAK GLASS, `ticket-1234`"), "{:?}", lines(&found));
        assert!(judge(&subject, &default_policy(), &context).effective > Outcome::Allowed);
        let without = Context { request: None, ..context };
        assert!(judge(&subject, &bouncer, &without).effective > Outcome::Allowed);
    }
    let denied = judge(&unreadable(SHORT_DIGEST), &default_policy(), &context);
    assert_eq!(denied.effective, Outcome::Denied);
    assert!(lines(&denied)[0].ends_with("digest has 63 hexadecimal digits, not 64"), "{:?}", lines(&denied));
}

#[test]
fn bouncers_policy_asks_for_a_tag_that_is_not_latest_and_for_no_database() {
    let bouncer = include_bytes!("../../../../examples/bouncer.yaml");
    let bouncer = parse("bouncer.yaml", bouncer, &KNOWN).unwrap_or_else(|e| panic!("{e}"));
    let databases = [database(DatabaseKind::Baseline, None)];
    let context = Context { namespace: Some("shop"), databases: &databases, ..Context::at(at("2026-11-21")) };
    for (name, outcome) in [
        ("nginx:1.21", Outcome::Allowed),
        ("nginx", Outcome::Denied),
        ("nginx:latest", Outcome::Denied),
        ("nginx@sha256:1111111111111111111111111111111111111111111111111111111111111111", Outcome::Allowed),
    ] {
        let mut subject = debian(vec![fault("CVE-2023-0001")]);
        subject.subject.reference = Some(name.parse().unwrap());
        subject.coverage[0].state = CoverageState::BaselineOnly;
        assert_eq!(judge(&subject, &bouncer, &context).effective, outcome, "{name}");
    }
}
