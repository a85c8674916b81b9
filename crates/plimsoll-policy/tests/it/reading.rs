//! Documents in, values or faults out.

use std::io;

use plimsoll_model::LoadLine;
use plimsoll_model::Severity;
use plimsoll_model::loadline::{
    BreakGlassGroups, Mode, Place, RuleAction, SeverityTest, TagRequirement, WhenBaselineOnly, WhenUndecided,
};
use plimsoll_policy::{default_policy, effective, parse, read};

use crate::cases::{KNOWN, RULES};

/// The design's example, as far as this version honours it.
const DESIGN: &str = include_str!("../fixtures/loadline.yaml");

/// The policy without what only says where it was read from.
pub fn bare(mut policy: LoadLine) -> LoadLine {
    policy.files.clear();
    policy.digest.clear();
    for place in policy
        .images
        .iter_mut()
        .map(|e| &mut e.place)
        .chain(policy.exempt.iter_mut().map(|e| &mut e.place))
        .chain(policy.waivers.iter_mut().map(|w| &mut w.place))
        .chain(policy.break_glass.iter_mut().map(|b| &mut b.place))
        .chain(policy.workloads.iter_mut().map(|w| &mut w.place))
        .chain(policy.keys.iter_mut().map(|k| &mut k.place))
    {
        *place = Place::default();
    }
    for rule in policy.images.iter_mut().flat_map(|e| &mut e.attestations) {
        rule.place = Place::default();
    }
    policy
}

#[test]
fn whole_document_reads_as_written() {
    let policy = parse("loadline.yaml", DESIGN.as_bytes(), &KNOWN).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(policy.name, "production");
    assert_eq!(policy.mode, Mode::Enforce);
    assert_eq!(policy.undecided, WhenUndecided::Deny);
    assert_eq!(policy.data.max_age_seconds, Some(48 * 3600));
    assert_eq!(policy.data.baseline_only, WhenBaselineOnly::Undecided);
    assert_eq!(policy.images.len(), 3);
    let shop = &policy.images[0];
    assert_eq!(shop.namespaces, ["shop-*"]);
    assert_eq!(shop.tags.require, Some(TagRequirement::DigestOrVersion));
    assert!(shop.tags.pin);
    assert_eq!(shop.vulnerabilities.deny.len(), 3);
    assert_eq!(shop.vulnerabilities.deny[0].severity, Some(SeverityTest::AtLeast(Severity::High)));
    assert_eq!(shop.vulnerabilities.deny[0].grace_seconds, Some(14 * 86_400));
    assert_eq!(shop.vulnerabilities.deny[2].epss, Some(0.5));
    assert_eq!(shop.footprint["image-too-large"].threshold, Some(500_000_000));
    assert_eq!(shop.footprint["runs-as-root"].action, RuleAction::Deny);
    assert_eq!(shop.place, Place { file: "loadline.yaml".into(), line: 12 });
    assert_eq!(policy.images[2].refuse.as_deref(), Some("not from an allowed registry"));
    assert_eq!(policy.exempt.len(), 2);
    assert_eq!(policy.waivers[0].until.unwrap().to_string(), "2027-01-31");
    let glass = policy.break_glass.unwrap();
    assert_eq!(glass.annotation, "*.image-policy.k8s.io/ticket-*");
    assert_eq!(glass.groups, BreakGlassGroups::Named(vec!["oncall".into()]));
    assert_eq!(glass.place, Place { file: "loadline.yaml".into(), line: 36 });
}

#[test]
fn effective_policy_reads_back_to_the_same_value() {
    for text in [DESIGN, plimsoll_policy::DEFAULT_POLICY, AWKWARD] {
        let policy = parse("a.yaml", text.as_bytes(), &KNOWN).unwrap_or_else(|e| panic!("{e}"));
        let shown = effective(&policy);
        let again = parse("b.yaml", shown.as_bytes(), &KNOWN).unwrap_or_else(|e| panic!("{e}\n{shown}"));
        assert_eq!(bare(again), bare(policy), "{shown}");
    }
    assert!(effective(&default_policy()).starts_with("apiVersion: plimsoll.dev/v1alpha1\n"));
}

const AWKWARD: &str = include_str!("../fixtures/everything.yaml");

#[test]
fn byte_order_mark_and_carriage_returns_are_no_faults() {
    let text = format!("\u{feff}{}", DESIGN.replace('\n', "\r\n"));
    let policy = parse("p.yaml", text.as_bytes(), &KNOWN).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(bare(policy), bare(parse("p.yaml", DESIGN.as_bytes(), &KNOWN).unwrap()));
}

pub fn faults(text: &str) -> String {
    parse("policy.yaml", text.as_bytes(), &KNOWN).unwrap_err().to_string()
}

#[test]
fn every_fault_is_said_at_once_with_excerpt_and_suggestion() {
    let text = r#"apiVersion: plimsoll.dev/v1alpha1
kind: LoadLine
metadata: {name: p}
mode: enforced
images:
  - name: shop
    match: [nginx]
    vulnerabilites:
      deny: [{sevrity: ">=high", fix: avail, grace: 14}]
    footprint: {run-as-root: deny, image-too-large: 500MB}
    signatures: {all: [release]}
"#;
    let expected = r#"policy.yaml:4:7: `mode`: "enforced" is not one of `enforce`, `warn`, `audit`
  |
4 | mode: enforced
  |       ^^^^^^^^ did you mean `enforce`?

policy.yaml:7:13: `match`: names are matched in full, and this has no registry: it would match nothing
  |
7 |     match: [nginx]
  |             ^^^^^ did you mean `docker.io/library/nginx`?

policy.yaml:8:5: unknown key `vulnerabilites` of an entry of `images`
  |
8 |     vulnerabilites:
  |     ^^^^^^^^^^^^^^ did you mean `vulnerabilities`?

policy.yaml:10:17: no footprint rule is called `run-as-root`
   |
10 |     footprint: {run-as-root: deny, image-too-large: 500MB}
   |                 ^^^^^^^^^^^ did you mean `runs-as-root`?

policy.yaml:10:53: `image-too-large`: "500MB" is not one of `off`, `warn`, `deny`
   |
10 |     footprint: {run-as-root: deny, image-too-large: 500MB}
   |                                                     ^^^^^ did you mean `{deny: 500MB}`?

policy.yaml:11:24: no authority is called `release`
   |
11 |     signatures: {all: [release]}
   |                        ^^^^^^^ name it under `keys`"#;
    let found = faults(text);
    assert_eq!(found, expected, "\n{found}");
}

#[test]
fn faults_of_single_values_are_named() {
    let head = "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {name: p}\n";
    let glass = |body: &str| format!("{head}images: [{{name: a, match: [\"**\"]}}]\nbreakGlass: {{{body}}}\n");
    let one = |entry: &str| format!("{head}images:\n  - {{name: a, match: [\"**\"], {entry}}}\n");
    for (text, words) in [
        (one("vulnerabilities: {deny: [{sevrity: high}]}"), "did you mean `severity`?"),
        (one("vulnerabilities: {deny: [{severity: hihg}]}"), "did you mean `high`?"),
        (one("vulnerabilities: {deny: [{severity: high, grace: 14d}]}"), "add `fix: available`"),
        (one("vulnerabilities: {deny: [{fix: none, grace: 14d}]}"), "add `fix: available`"),
        (one("vulnerabilities: {deny: [{}]}"), "a clause without a test"),
        (one("vulnerabilities: {deny: {severity: high}}"), "`deny` is a list, and this is a group of keys"),
        (one("vulnerabilities: {deny: [{epss: 0.5}]}"), "did you mean `\">=0.5\"`?"),
        (one("vulnerabilities: {deny: [{knownExploited: yes}]}"), "write `true`"),
        (one("tags: {require: digest-or-versoin}"), "did you mean `digest-or-version`?"),
        (one("tags: {forbid: latest}"), "write `[latest]`"),
        (one("mode: warn"), "add `soften: true`"),
        (one("soften: true"), "no `mode`"),
        (one("refuse: no, tags: {pin: true}"), "no effect beside `refuse`"),
        (one("refuse:"), "`refuse` has no value"),
        (one("namespaces: []"), "empty list"),
        (one("footprint: {image-too-large: {deny: 500mb}}"), "did you mean `500MB`?"),
        (one("footprint: {image-too-large: {warn: 5, deny: 5}}"), "would never warn"),
        (one("footprint: {image-too-large: {}}"), "takes an action with its measure"),
        (one("footprint: {image-too-large: {forbid: 5}}"), "is not `warn` or `deny`"),
        (
            format!("{head}images:\n  - {{name: a, match: [\"**\"]}}\n  - {{name: a, match: [\"**\"]}}\n"),
            "a second entry is called `a`; the first is policy.yaml:5",
        ),
        (format!("{head}images:\n  - {{match: [\"**\"]}}\n"), "has no `name`"),
        (format!("{head}images: []\n"), "every image would be denied"),
        (head.to_owned(), "every image would be denied"),
        (format!("{head}exempt: [{{reason: x}}]\n"), "would exempt everything"),
        (format!("{head}waivers: [{{id: x, reason: y, until: 2027-02-30}}]\n"), "no day of the calendar"),
        (format!("{head}waivers: [{{id: X-1}}]\n"), "has no `reason`"),
        (format!("{head}waivers: [{{id: run-as-root, reason: y}}]\n"), "did you mean `runs-as-root`?"),
        (format!("{head}breakGlass: {{}}\n"), "`breakGlass` has no `annotation`"),
        (glass("annotation: a/b, value: c, namespaces: [d]"), "`breakGlass` has no `groups`"),
        (glass("annotation: a/b, value: c, groups: any"), "`breakGlass` has no `namespaces`"),
        (glass("annotation: \"**\", value: c, namespaces: [d], groups: any"), "any annotation at all would fit"),
        (glass("annotation: \"*\", value: c, namespaces: [d], groups: any"), "any annotation at all would fit"),
        (glass("annotation: \"*/*\", value: c, namespaces: [d], groups: any"), "any annotation at all would fit"),
        (glass("annotation: \"a/b: c\", value: c, namespaces: [d], groups: any"), "a key of its own: `value`"),
        (glass("annotation: a/b, value: c, namespaces: [], groups: any"), "empty list"),
        (glass("annotation: a/b, value: c, namespaces: [d], groups: all"), "\"all\" is not `any`, and no list"),
        (glass("annotation: a/b, value: c, namespaces: [d], groups: []"), "empty list"),
        (glass("annotation: a/b, value: c, namespaces: [d], groups: {}"), "`groups` is a list"),
        (glass("annotation: a/b, vlaue: c, namespaces: [d], groups: any"), "did you mean `value`?"),
        (format!("{head}workloads: {{rules: {{secret-as-enf: deny}}}}\n"), "did you mean `secret-in-env`"),
        (format!("{head}workloads: {{rules: {{shell-present: deny}}}}\n"), "it looks into images"),
        (format!("{head}workloads: {{rules: {{privileged: forbid}}}}\n"), "is not one of `off`, `warn`, `deny`"),
        (format!("{head}workloads: {{podSecurity: {{}}}}\n"), "has no `level`"),
        (format!("{head}workloads: {{podSecurity: {{level: strict}}}}\n"), "is not one of `privileged`"),
        (
            format!("{head}workloads: {{podSecurity: {{level: baseline, version: v2.1}}}}\n"),
            "write `latest`, or `v1.31`",
        ),
        (
            format!("{head}workloads: {{runtimeClass: [{{for: [\"**\"], unless: [shop], require: gvisor}}]}}\n"),
            "spares entry `shop`, and there is none",
        ),
        (
            format!("{head}policies: [{{mode: warn}}]\n"),
            "an entry of `policies` names one of `rego`, `gatekeeper` and `cel`",
        ),
        (format!("{head}policies: [{{rego: a, mode: warn}}]\n"), "is softer than the policy's mode without saying so"),
        (format!("{head}include: [other.yaml]\n"), "this policy was not read from a file"),
        ("kind: LoadLine\n".to_owned(), "a LoadLine has no `apiVersion`"),
        ("apiVersion: v1\nkind: Pod\n".to_owned(), "is not `LoadLine`"),
        ("just words".to_owned(), "a LoadLine is a group of keys, and this is a single value"),
        ("a: [".to_owned(), "this is not YAML"),
        ("match: [**]\n".to_owned(), "in quotes: `\"**\"`"),
        ("match: [*]\n".to_owned(), "in quotes: `\"**\"`"),
        ("deny:\n  - severity: >=high\n".to_owned(), "in quotes: `\">=high\"`"),
        ("images:\n\t- name: a\n".to_owned(), "indent with spaces"),
        ("refuse: no: never\n".to_owned(), "has `: ` in it in quotes"),
        ("refuse: @me\n".to_owned(), "starts with this sign in quotes"),
        (format!("{head}images:\n  - {{name: a, match: \"**\"}}\n"), "write `[\"**\"]`"),
        (String::new(), "the file is empty"),
    ] {
        let found = faults(&text);
        assert!(found.contains(words), "{words}:\n{found}");
    }
}

#[test]
fn bytes_that_are_no_text_are_placed() {
    let error = parse("p.yaml", b"a: 1\nb: \xff\n", &KNOWN).unwrap_err();
    assert!(error.to_string().starts_with("p.yaml:2:4: this byte is not UTF-8"), "{error}");
}

/// Reads from a little world of files.
pub fn world(files: &[(&str, &str)], path: &str) -> Result<LoadLine, plimsoll_policy::PolicyError> {
    let load = |path: &str| {
        files
            .iter()
            .find(|(name, _)| *name == path)
            .map(|(_, body)| format!("apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\n{body}").into_bytes())
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file"))
    };
    read(path, &load, &KNOWN)
}

#[test]
fn included_entries_come_after_and_paths_are_relative_to_their_file() {
    let policy = world(
        &[
            (
                "team/policy.yaml",
                "metadata: {name: team}\ninclude: [../base/base.yaml]\ndata: {advisories: [osv]}\nimages: [{name: a, match: [\"**\"]}]\n",
            ),
            (
                "base/base.yaml",
                "mode: warn\nmetadata: {name: base}\ndata: {advisories: [./x/../osv, /srv/osv], vex: [vex.json]}\nimages: [{name: b, match: [\"**\"]}]\n",
            ),
        ],
        "team/policy.yaml",
    )
    .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(policy.images.iter().map(|e| e.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(policy.name, "team");
    assert_eq!(policy.mode, Mode::Warn);
    assert_eq!(policy.data.advisories, ["team/osv", "base/osv", "/srv/osv"]);
    assert_eq!(policy.data.vex, ["base/vex.json"]);
    assert_eq!(policy.files, ["team/policy.yaml", "base/base.yaml"]);
    assert_eq!(policy.images[1].place, Place { file: "base/base.yaml".into(), line: 6 });
    assert_eq!(policy.digest.len(), "sha256:".len() + 64);
}

#[test]
fn includes_that_loop_contradict_or_repeat_are_faults() {
    let own = "metadata: {name: a}\nimages: [{name: x, match: [\"**\"]}]\n";
    let files: &[(&str, &str)] = &[
        ("loop.yaml", "metadata: {name: a}\ninclude: [other.yaml]\n"),
        ("other.yaml", "include: [loop.yaml]\nimages: [{name: y, match: [\"**\"]}]\n"),
        ("two.yaml", "metadata: {name: a}\ninclude: [warn.yaml, audit.yaml]\n"),
        ("warn.yaml", "mode: warn\nimages: [{name: y, match: [\"**\"]}]\n"),
        ("audit.yaml", "mode: audit\nimages: [{name: z, match: [\"**\"]}]\n"),
        ("missing.yaml", "metadata: {name: a}\ninclude: [nowhere.yaml]\n"),
        ("twice.yaml", "metadata: {name: a}\ninclude: [warn.yaml]\nimages: [{name: y, match: [\"**\"]}]\n"),
        ("diamond.yaml", "metadata: {name: a}\ninclude: [warn.yaml, ./warn.yaml]\n"),
        ("fine.yaml", own),
    ];
    for (path, words) in [
        ("loop.yaml", "other.yaml:3:11: these files include one another: loop.yaml → other.yaml → loop.yaml"),
        ("two.yaml", "contradict one another on `mode`"),
        ("missing.yaml", "missing.yaml:4:11: could not read nowhere.yaml: no such file"),
        ("twice.yaml", "a second entry is called `y`; the first is twice.yaml:5"),
        ("absent.yaml", "absent.yaml: could not read this file: no such file"),
    ] {
        let error = world(files, path).unwrap_err().to_string();
        assert!(error.contains(words), "{path}: {error}");
    }
    assert!(world(files, "diamond.yaml").is_ok());
    assert!(world(files, "./fine.yaml").is_ok());
}

#[test]
fn nearest_break_glass_counts_and_included_ones_must_agree() {
    let glass =
        |value: &str| format!("breakGlass: {{annotation: a/b, value: {value}, namespaces: [\"*\"], groups: any}}\n");
    let one = glass("one");
    let two = format!("\n{}", glass("two"));
    let same = format!("\n\n{}", glass("one"));
    let own = "images: [{name: x, match: [\"**\"]}]\nmetadata: {name: a}\n";
    let near = format!("{own}include: [one.yaml, two.yaml]\n{}", glass("near"));
    let torn = format!("{own}include: [one.yaml, two.yaml]\n");
    let agreed = format!("{own}include: [one.yaml, same.yaml]\n");
    let files = [
        ("one.yaml", one.as_str()),
        ("two.yaml", &two),
        ("same.yaml", &same),
        ("near.yaml", &near),
        ("torn.yaml", &torn),
        ("agreed.yaml", &agreed),
    ];
    let value = |path| world(&files, path).unwrap_or_else(|e| panic!("{e}")).break_glass.unwrap().value;
    assert_eq!(value("near.yaml"), "near");
    assert_eq!(value("agreed.yaml"), "one");
    let error = world(&files, "torn.yaml").unwrap_err().to_string();
    assert!(error.contains("contradict one another on `breakGlass`"), "{error}");
}

#[test]
fn known_rules_are_a_matter_of_the_caller() {
    assert!(RULES.contains(&"runs-as-root"));
    let known = plimsoll_policy::Known { footprint_rules: &[], workload_rules: &[] };
    assert!(parse("p.yaml", DESIGN.as_bytes(), &known).unwrap_err().to_string().contains("no footprint rule"));
}
