//! Dockerfiles and objects of manifests as subjects of a verdict. In: texts and the policy's `workloads`. Out: assessments, one
//! an object or Dockerfile, for the desk and the gate alike. What it does not do: judge; and it follows no comment or
//! annotation that silences rules, for whoever writes a manifest does not write the policy.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use plimsoll_checks::lint::names::Family;
use plimsoll_checks::lint::{Linter, Options, Selection, UnknownRule, all_rules};
use plimsoll_checks::manifest::object::{Manifest, Object, read};
use plimsoll_checks::pod_security::{CHECKS, Check, Level, Version};
use plimsoll_checks::source::{Source, Span};
use plimsoll_model::loadline::{LoadLine, PodSecurityLevel, PolicyOver, RuleAction, WorkloadRules};
use plimsoll_model::{
    Assessment, FileKind, Finding, ImageReference, Inventory, LintedFile, Location, Problem, ProblemKind, Ruling,
    Severity, Subject, SubjectKind, WorkloadFacts,
};

/// What the linter calls a line of a Dockerfile that it does not understand.
const NOT_UNDERSTOOD: &str = "not-understood";

/// A linter with the rules that a policy weighs; none where it asks nothing of objects.
///
/// # Errors
/// A rule that this program does not have.
pub fn linter_of(policy: &LoadLine) -> Result<Option<Linter>, UnknownRule> {
    let nothing = WorkloadRules::default();
    // Policies in other languages ask for objects too, of which the linter then says nothing.
    let asks = || policy.policies.iter().any(|set| set.over == PolicyOver::Objects).then_some(&nothing);
    let Some(workloads) = policy.workloads.as_ref().or_else(asks) else { return Ok(None) };
    let named = workloads.rules.iter().filter(|(_, action)| **action != RuleAction::Off).map(|(id, _)| id.clone());
    // What the linter says of itself is no rule of the policy; but without any name it would take the default ones.
    let select = named.chain(["lint".to_owned()]).collect();
    let (level, version) = pod_security(workloads).unwrap_or((Level::Privileged, Version::Latest));
    // A check that `rules` names is asked for by itself, whatever the level.
    let is_named = |check: &&Check| workloads.rules.get(check.info.id).is_some_and(|action| *action != RuleAction::Off);
    let highest = CHECKS.iter().filter(is_named).map(|check| check.level).fold(level, Level::max);
    let beyond = CHECKS.iter().filter(|check| check.level > level && !is_named(check));
    let ignore = beyond.map(|check| check.info.id.to_owned()).collect();
    let pod_security = (highest > Level::Privileged).then_some((highest, version));
    let selection = Selection { select, ignore, ..Selection::default() };
    let options = Options { selection, pod_security, inline_ignores: false, overlaps: true, ..Options::default() };
    Linter::new(options).map(Some)
}

/// Whether the policy itself says something of what is in objects: rules for them, or exemptions that may be for their images.
pub fn weighs(policy: &LoadLine) -> bool {
    policy.workloads.is_some() || !policy.exempt.is_empty()
}

/// Rules that look at values which a record leaves out.
const OF_VALUES: [&str; 3] = ["literal-secret-in-env", "secret-in-command", "secret-in-config-map"];

/// A linter with those rules alone.
///
/// # Errors
/// A rule that this program does not have.
pub fn linter_of_values() -> Result<Linter, UnknownRule> {
    let select = OF_VALUES.iter().chain(&["lint"]).map(|id| (*id).to_owned()).collect();
    let selection = Selection { select, ..Selection::default() };
    Linter::new(Options { selection, inline_ignores: false, overlaps: true, ..Options::default() })
}

/// The ids of the rules among those that find something which an object brings; none where it could not be looked into.
pub fn rules_of_values(linter: &Linter, object: &str, old: Option<&str>) -> Option<Vec<String>> {
    let Assessment { findings, problems, .. } = of_object(linter, object, old, "", None);
    let found = findings.into_iter().map(|finding| finding.rule);
    let mut rules: Vec<String> = found.filter(|rule| OF_VALUES.contains(&rule.as_str())).collect();
    rules.sort_unstable();
    rules.dedup();
    problems.is_empty().then_some(rules)
}

/// Adds what rules found in values that are no longer there, as far as the policy weighs them and does not find them still;
/// without rules, that this could not be told.
pub fn with_values(mut assessment: Assessment, policy: &LoadLine, rules: Option<&[String]>) -> Assessment {
    let Some(workloads) = &policy.workloads else { return assessment };
    let Some(rules) = rules else {
        let what = "look into the object as it was: values were taken out of it that nobody had looked into";
        assessment.problems.push(Problem::undecided(ProblemKind::NotExamined, what));
        return assessment;
    };
    for rule in rules.iter().filter(|rule| OF_VALUES.contains(&rule.as_str())) {
        let weighed = workloads.rules.get(rule).is_some_and(|action| *action != RuleAction::Off);
        if weighed && !assessment.findings.iter().any(|finding| finding.rule == *rule) {
            assessment.findings.push(Finding {
                rule: rule.clone(),
                severity: Severity::High,
                message: "a secret was found, and is not in the record".into(),
                locations: Vec::new(),
                remedy: None,
                measure: None,
                fix: None,
            });
        }
    }
    assessment
}

/// The level that pods are held to.
pub fn pod_security(workloads: &WorkloadRules) -> Option<(Level, Version)> {
    let asked = workloads.pod_security.as_ref()?;
    let level = match asked.level {
        PodSecurityLevel::Privileged => Level::Privileged,
        PodSecurityLevel::Baseline => Level::Baseline,
        PodSecurityLevel::Restricted => Level::Restricted,
    };
    Some((level, asked.minor.map_or(Version::Latest, Version::Minor)))
}

/// An object that an API server asks about. Of an update only what it brings counts: findings that the old object has too, at
/// the same words of it, are left out, and so is a runtime class that nobody changed.
pub fn of_object(linter: &Linter, object: &str, old: Option<&str>, name: &str, namespace: Option<&str>) -> Assessment {
    let new = Examined::of(linter, object);
    let Examined { mut findings, problems, mut facts, .. } = new;
    if let Some(before) = old.map(|old| Examined::of(linter, old)) {
        // A right is what a role and those who have it make together: another verb or subject is a new one.
        if !new.is_whole || new.body == before.body {
            let mut known: BTreeMap<Said, usize> = BTreeMap::new();
            for (_, said) in before.findings {
                *known.entry(said).or_default() += 1;
            }
            findings.retain(|(_, said)| match known.get_mut(said) {
                Some(left) if *left > 0 => {
                    *left -= 1;
                    false
                }
                _ => true,
            });
        }
        let unchanged = facts == before.facts;
        facts = facts.map(|facts| WorkloadFacts { unchanged, ..facts });
    }
    let findings = findings.into_iter().map(|(finding, _)| finding).collect();
    // What the gate cannot look into it never lets off.
    let problems = problems.into_iter().map(|problem| Problem { kind: ProblemKind::NotExamined, ..problem }).collect();
    let subject = subject(SubjectKind::Manifest, name.to_owned(), Vec::new(), namespace.map(str::to_owned));
    assessment(subject, findings, problems, facts)
}

/// What an object is called that says nothing of itself.
pub const UNNAMED: &str = "object";

/// An object of which nothing is said.
pub fn object(name: &str, namespace: Option<&str>) -> Assessment {
    let subject = subject(SubjectKind::Manifest, name.to_owned(), Vec::new(), namespace.map(str::to_owned));
    assessment(subject, Vec::new(), Vec::new(), None)
}

/// An object that nobody could look into.
pub fn unread(namespace: Option<&str>) -> Assessment {
    let what = "look into the object: the look ended before its time, or there was nothing to look at";
    Assessment { problems: vec![Problem::undecided(ProblemKind::NotExamined, what)], ..object(UNNAMED, namespace) }
}

/// The problem of an object that is of no kind: no rule can tell whether it is for that.
pub fn of_no_kind() -> Problem {
    Problem::undecided(ProblemKind::NotExamined, "read the object: it does not say its apiVersion and kind")
}

/// What makes a finding of an update one that was there before: its rule, its message, and the words at fault.
type Said = (String, String, String);

/// Groups whose objects are judged as a whole: what one of their fields lets through hangs on the others.
const WHOLE: [&str; 2] = ["rbac.authorization.k8s.io", "networking.k8s.io"];

struct Examined {
    findings: Vec<(Finding, Said)>,
    problems: Vec<Problem>,
    facts: Option<WorkloadFacts>,
    /// Of a group of [`WHOLE`].
    is_whole: bool,
    /// What the object says besides its metadata and status; of such a group alone.
    body: Vec<String>,
}

impl Examined {
    fn of(linter: &Linter, json: &str) -> Examined {
        let text = &*as_yaml(json);
        let source = Source::new("", text);
        let manifest = read(&source);
        let linted = linter.lint_manifest(&manifest);
        let object = manifest.objects.first();
        let mut problems = linted.problems;
        if object.is_none() && problems.is_empty() {
            problems.push(of_no_kind());
        }
        let whole = object.filter(|object| WHOLE.contains(&object.group()));
        let own = whole.map(|object| object.node.pairs()).unwrap_or_default().iter();
        let own = own.filter(|(key, _)| !matches!(key.text(), Some("metadata" | "status")));
        let body = own.map(|(key, value)| source.slice(Span::new(key.start, value.end.max(key.end))).to_owned());
        let said = |finding: Finding| {
            let said = (finding.rule.clone(), finding.message.clone(), words(&source, &finding));
            (finding, said)
        };
        Examined {
            facts: object.and_then(facts),
            is_whole: whole.is_some(),
            body: body.collect(),
            findings: linted.findings.into_iter().map(|found| said(found.finding)).collect(),
            problems,
        }
    }
}

/// JSON as text that is YAML too: what JSON may hold and YAML may not, characters that nobody sees, becomes question marks.
/// Places stay what they are.
fn as_yaml(json: &str) -> Cow<'_, str> {
    let seen = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..);
    // Most is ASCII, of which bytes tell enough.
    let plain = |byte: u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~');
    if json.bytes().all(plain) || json.chars().all(seen) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if seen(c) { text.push(c) } else { text.extend(std::iter::repeat_n('?', c.len_utf8())) }
    }
    Cow::Owned(text)
}

/// The words at fault; none where a whole mapping or list is, of which the message tells enough: an image that changes
/// makes no new fault of a missing limit.
fn words(source: &Source<'_>, finding: &Finding) -> String {
    let place = finding.locations.first();
    let span = place.and_then(|place| {
        let start = source.offset(place.line?, place.column?)?;
        let end = source.offset(place.end_line?, place.end_column?)?;
        Some(Span::new(start, end))
    });
    let text = span.map(|span| source.slice(span)).unwrap_or_default();
    if text.ends_with(['}', ']']) { String::new() } else { text.to_owned() }
}

/// The subjects of a linted file (what is not understood of a Dockerfile is undecided where the policy denies something of
/// it): the Dockerfile, or every object of a manifest that makes pods or has findings.
/// `rulings` is what policies in other languages say of one.
pub fn of_file(
    linted: LintedFile,
    text: &str,
    denies_dockerfiles: bool,
    rulings: &dyn Fn(&Object) -> Vec<Ruling>,
) -> Vec<Assessment> {
    let LintedFile { path, kind, findings, mut problems, .. } = linted;
    let mut findings: Vec<Finding> = findings.into_iter().map(|found| found.finding).collect();
    if kind != Some(FileKind::Manifest) {
        for fault in findings.extract_if(.., |finding| finding.rule == NOT_UNDERSTOOD) {
            let what = format!("read the Dockerfile: {}", fault.message);
            let problem = match denies_dockerfiles {
                true => Problem::undecided(ProblemKind::BadInput, what),
                false => Problem::note(ProblemKind::SeenNotRead, what),
            };
            problems.push(Problem { location: fault.locations.into_iter().next(), ..problem });
        }
        let subject = subject(SubjectKind::Dockerfile, path.clone(), vec![Location::path(path)], None);
        return vec![assessment(subject, findings, problems, None)];
    }
    let source = Source::new(&path, text);
    let manifest = read(&source);
    let owners = Owners::of(&manifest);
    let mut by_object: BTreeMap<usize, Vec<Finding>> = BTreeMap::new();
    let mut rest = Vec::new();
    for finding in findings {
        match owners.owner(&source, &finding) {
            Some(object) => by_object.entry(object).or_default().push(finding),
            None => rest.push(finding),
        }
    }
    let mut all = Vec::new();
    for (index, object) in manifest.objects.iter().enumerate() {
        let facts = facts(object);
        let findings = by_object.remove(&index).unwrap_or_default();
        let rulings = rulings(object);
        if facts.is_some() || !findings.is_empty() || !rulings.is_empty() {
            let place = source.location(plimsoll_checks::manifest::object::span(&object.node).before());
            let place = Location { end_line: None, end_column: None, ..place };
            let subject = subject(SubjectKind::Manifest, object.label(), vec![place], object.namespace.clone());
            all.push(Assessment { rulings, ..assessment(subject, findings, Vec::new(), facts) });
        }
    }
    // What belongs to no object: text that could not be read.
    if !rest.is_empty() || !problems.is_empty() {
        let subject = subject(SubjectKind::Manifest, path.clone(), vec![Location::path(path.clone())], None);
        all.push(assessment(subject, rest, problems, None));
    }
    all
}

/// Whether a rule for Dockerfiles denies: then a line that nobody understands may hide what it forbids.
pub fn denies_dockerfiles(policy: &LoadLine) -> bool {
    let Some(workloads) = &policy.workloads else { return false };
    let denied = |id: &str| workloads.rules.get(id) == Some(&RuleAction::Deny);
    all_rules().iter().any(|rule| rule.family == Family::Dockerfile && denied(rule.info.id))
}

/// The objects of a file by their places; the items of a list are objects within another.
struct Owners {
    /// First and last byte and number of each, the outer before the inner.
    objects: Vec<(usize, Reverse<usize>, usize)>,
    /// Which one is right around each.
    around: Vec<Option<usize>>,
}

impl Owners {
    fn of(manifest: &Manifest<'_>) -> Owners {
        let place = |(number, object): (usize, &Object)| (object.node.start, Reverse(object.node.end), number);
        let mut objects: Vec<_> = manifest.objects.iter().enumerate().map(place).collect();
        objects.sort_unstable();
        // An alias stands where its anchor does: the first counts.
        objects.dedup_by_key(|(start, end, _)| (*start, *end));
        let (mut around, mut open): (Vec<_>, Vec<usize>) = (Vec::new(), Vec::new());
        for (at, (_, Reverse(end), _)) in objects.iter().enumerate() {
            while open.last().is_some_and(|last| objects[*last].1.0 < *end) {
                open.pop();
            }
            around.push(open.last().copied());
            open.push(at);
        }
        Owners { objects, around }
    }

    /// The object that a finding stands in: the smallest.
    fn owner(&self, source: &Source<'_>, finding: &Finding) -> Option<usize> {
        let place = finding.locations.first()?;
        let at = source.offset(place.line?, place.column.unwrap_or(1))?;
        let mut next = self.objects.partition_point(|(start, ..)| *start <= at).checked_sub(1);
        while let Some((_, Reverse(end), number)) = next.and_then(|next| self.objects.get(next)) {
            if *end >= at {
                return Some(*number);
            }
            next = next.and_then(|next| self.around[next]);
        }
        None
    }
}

/// What an object asks for; none for what makes no pods.
fn facts(object: &Object) -> Option<WorkloadFacts> {
    let workload = object.workload()?;
    let names = workload.containers().filter_map(|container| container.at(&["image"])?.string());
    let read: Vec<Option<ImageReference>> = names.map(|name| name.parse().ok()).collect();
    let unreadable_images = read.iter().any(Option::is_none);
    let images = read.into_iter().flatten().collect();
    let runtime_class = workload.at(&["runtimeClassName"]).and_then(|class| class.string()).map(str::to_owned);
    Some(WorkloadFacts { images, unreadable_images, runtime_class, unchanged: false })
}

fn subject(kind: SubjectKind, name: String, named_at: Vec<Location>, namespace: Option<String>) -> Subject {
    Subject { kind, name, reference: None, digest: None, index_digest: None, image_id: None, named_at, namespace }
}

fn assessment(
    subject: Subject,
    findings: Vec<Finding>,
    problems: Vec<Problem>,
    workload: Option<WorkloadFacts>,
) -> Assessment {
    Assessment {
        subject,
        inventory: Inventory::default(),
        matches: Vec::new(),
        findings,
        coverage: Vec::new(),
        workload,
        signatures: None,
        rulings: Vec::new(),
        problems,
        verdict: None,
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_checks::lint::Input;
    use plimsoll_model::ProblemEffect;

    use super::*;

    fn policy(workloads: &str) -> LoadLine {
        let text = format!(
            "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {{name: x}}\nimages: [{{name: all, match: [\"**\"]}}]\n{workloads}"
        );
        plimsoll_policy::parse("x.yaml", text.as_bytes(), &crate::session::known()).unwrap()
    }

    const POD: &str = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers":
        [{"name": "a", "image": "acme/a:1", "securityContext": {"privileged": true}}]}}"#;

    #[test]
    fn what_nobody_could_look_into_has_no_known_rules() {
        let linter = linter_of_values().unwrap();
        assert_eq!(rules_of_values(&linter, POD, None), Some(Vec::new()));
        assert_eq!(rules_of_values(&linter, "{", None), None);
        let policy = policy("workloads: {rules: {literal-secret-in-env: deny}}\n");
        let told = |rules| with_values(unread(None), &policy, rules).problems.len();
        assert_eq!((told(Some(&[])), told(None)), (1, 2));
    }

    #[test]
    fn update_is_held_to_what_it_brings() {
        let linter = linter_of(&policy("workloads: {podSecurity: {level: baseline}}\n")).unwrap().unwrap();
        let rules = |new: &str, old: Option<&str>| -> Vec<String> {
            of_object(&linter, new, old, "a", None).findings.into_iter().map(|finding| finding.rule).collect()
        };
        assert_eq!(rules(POD, None), ["pod-security-privileged"]);
        assert_eq!(rules(POD, Some(POD)), [""; 0]);
        let twice =
            POD.replace("]}}", ", {\"name\": \"b\", \"image\": \"b\", \"securityContext\": {\"privileged\": true}}]}}");
        assert_eq!(rules(&twice, Some(POD)), ["pod-security-privileged"]);
        assert_eq!(rules(POD, Some("{")), ["pod-security-privileged"]);
        // Another image is no new fault, another container is.
        assert_eq!(rules(&POD.replace("acme/a:1", "acme/a:2"), Some(POD)), [""; 0]);
        assert_eq!(rules(&POD.replace("\"a\", \"image", "\"b\", \"image"), Some(POD)), ["pod-security-privileged"]);
    }

    #[test]
    fn update_that_moves_a_fault_brings_it() {
        let linter = linter_of(&policy(
            "workloads: {rules: {wildcard-in-role: deny, cluster-admin-binding: deny, host-path-volume: deny}}\n",
        ));
        let linter = linter.unwrap().unwrap();
        let brings = |old: &str, from: &str, to: &str| -> usize {
            assert!(old.contains(from));
            assert_eq!(of_object(&linter, old, Some(old), "a", None).findings.len(), 0, "{old}");
            of_object(&linter, &old.replace(from, to), Some(old), "a", None).findings.len()
        };
        let role = r#"{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "a", "labels": {}},
            "rules": [{"apiGroups": [""], "resources": ["*"], "verbs": ["get"]}]}"#;
        assert_eq!(brings(role, "\"get\"", "\"delete\""), 1);
        assert_eq!(brings(role, "\"labels\": {}", "\"labels\": {\"a\": \"b\"}"), 0);
        let binding = r#"{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "a"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "User", "name": "ann"}]}"#;
        assert_eq!(brings(binding, "ann", "eve"), 1);
        let long = "/data/".repeat(30);
        let pod = format!(
            r#"{{"apiVersion": "v1", "kind": "Pod", "metadata": {{"name": "a"}}, "spec": {{"volumes":
            [{{"name": "v", "hostPath": {{"path": "{long}a"}}}}], "containers": []}}}}"#
        );
        assert_eq!(brings(&pod, "/a\"", "/b\""), 1);
    }

    #[test]
    fn object_that_does_not_say_what_it_is_is_undecided() {
        let linter = linter_of(&policy("workloads: {podSecurity: {level: baseline}}\n")).unwrap().unwrap();
        for text in ["{}", "null", "", "{\"apiVersion\": \"v1\"}", &POD.replace("\"kind\": \"Pod\", ", "")] {
            let looked = of_object(&linter, text, None, "a", None);
            assert_eq!(looked.problems.len(), 1, "{text}");
        }
        let bomb: String = (1..20).map(|i| format!("a{i}: &a{i} [*a{0}, *a{0}, *a{0}, *a{0}]\n", i - 1)).collect();
        let cut = format!("apiVersion: v1\nkind: Pod\na0: &a0 [1]\n{bomb}");
        assert_eq!(of_object(&linter, &cut, None, "a", None).problems.len(), 1);
    }

    #[test]
    fn check_that_rules_name_is_asked_whatever_the_level() {
        let restricted = "pod-security-run-as-non-root";
        for (workloads, expected) in [
            ("workloads: {rules: {pod-security-privileged: deny}}\n", vec!["pod-security-privileged"]),
            ("workloads: {podSecurity: {level: baseline}}\n", vec!["pod-security-privileged"]),
            (
                "workloads: {podSecurity: {level: baseline}, rules: {pod-security-run-as-non-root: warn}}\n",
                vec![restricted, "pod-security-privileged"],
            ),
            (
                "workloads: {podSecurity: {level: privileged}, rules: {pod-security-run-as-non-root: warn}}\n",
                vec![restricted],
            ),
            ("workloads: {podSecurity: {level: privileged}}\n", vec![]),
        ] {
            let linter = linter_of(&policy(workloads)).unwrap().unwrap();
            let found = of_object(&linter, POD, None, "a", None).findings;
            let mut rules: Vec<&str> = found.iter().map(|finding| finding.rule.as_str()).collect();
            rules.sort_unstable_by(|a, b| b.cmp(a));
            assert_eq!(rules, expected, "{workloads}");
        }
    }

    #[test]
    fn annotation_that_silences_the_linter_silences_nothing_here() {
        let linter = linter_of(&policy("workloads: {podSecurity: {level: baseline}}\n")).unwrap().unwrap();
        let pod = POD.replace(
            "\"name\": \"a\"},",
            "\"name\": \"a\", \"annotations\": {\"plimsoll.dev/allow\": \"pod-security-privileged I say so\"}},",
        );
        assert_eq!(of_object(&linter, &pod, None, "a", None).findings.len(), 1);
    }

    #[test]
    fn dockerfile_that_nobody_understands_is_undecided_where_something_is_denied() {
        let text = "FROM debian:13\nRUM make\n";
        for (workloads, expected) in [
            ("workloads: {rules: {shell-form-command: deny}}\n", ProblemEffect::Undecided),
            ("workloads: {rules: {shell-form-command: warn}}\n", ProblemEffect::Note),
            ("workloads: {podSecurity: {level: baseline}}\n", ProblemEffect::Note),
        ] {
            let policy = policy(workloads);
            let linter = linter_of(&policy).unwrap().unwrap();
            let linted = linter.lint_alone(&Input { path: "Dockerfile", text, kind: FileKind::Dockerfile });
            let subjects = of_file(linted, text, denies_dockerfiles(&policy), &|_| Vec::new());
            let effects: Vec<_> = subjects[0].problems.iter().map(|problem| problem.effect).collect();
            assert_eq!(effects, [expected], "{workloads}");
            assert_eq!(subjects[0].problems[0].location.as_ref().unwrap().line, Some(2));
        }
    }

    #[test]
    fn image_names_that_nobody_can_read_are_known_to_be_there() {
        let pod = POD.replace("acme/a:1", "Acme//a:1");
        let linter = linter_of(&policy("workloads: {podSecurity: {level: baseline}}\n")).unwrap().unwrap();
        let with_acme = pod.replace("]}}", ", {\"name\": \"b\", \"image\": \"acme/b:1\"}]}}");
        for (text, unreadable) in [(&with_acme, true), (&with_acme.replace("Acme//a", "acme/a"), false)] {
            let assessment = of_object(&linter, text, None, "a", None);
            assert_eq!(assessment.workload.as_ref().unwrap().unreadable_images, unreadable);
        }
    }

    #[test]
    fn objects_of_a_file_are_subjects_with_their_own_findings() {
        let linter = linter_of(&policy("workloads: {podSecurity: {level: baseline}}\n")).unwrap().unwrap();
        let text = format!(
            "apiVersion: v1\nkind: List\nitems: [{POD}]\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\n"
        );
        let linted = linter.lint_alone(&Input { path: "m.yaml", text: &text, kind: FileKind::Manifest });
        let subjects = of_file(linted, &text, false, &|_| Vec::new());
        let pod = subjects.iter().find(|one| one.subject.name == "Pod/a").unwrap();
        assert!(pod.findings.iter().any(|finding| finding.rule == "pod-security-privileged"), "{:?}", pod.findings);
        assert_eq!(pod.workload.as_ref().unwrap().images.len(), 1);
        assert_eq!(pod.subject.named_at[0].line, Some(3));
    }
}
