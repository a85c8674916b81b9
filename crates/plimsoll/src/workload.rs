//! Dockerfiles and objects of manifests as subjects of a verdict. In: texts and the policy's `workloads`. Out: assessments, one
//! an object or Dockerfile, for the desk and the gate alike. What it does not do: judge; and it follows no comment or
//! annotation that silences rules, for whoever writes a manifest does not write the policy.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use plimsoll_checks::lint::{Linter, Options, Selection, UnknownRule};
use plimsoll_checks::manifest::object::{Manifest, Object, read};
use plimsoll_checks::pod_security::{Level, Version};
use plimsoll_checks::source::Source;
use plimsoll_model::loadline::{LoadLine, PodSecurityLevel, RuleAction, WorkloadRules};
use plimsoll_model::{
    Assessment, FileKind, Finding, ImageReference, Inventory, LintedFile, Location, Problem, ProblemKind, Subject,
    SubjectKind, WorkloadFacts,
};

/// A linter with the rules that a policy weighs; none where it asks nothing of objects.
///
/// # Errors
/// A rule that this program does not have.
pub fn linter_of(policy: &LoadLine) -> Result<Option<Linter>, UnknownRule> {
    let Some(workloads) = &policy.workloads else { return Ok(None) };
    let named = workloads.rules.iter().filter(|(_, action)| **action != RuleAction::Off).map(|(id, _)| id.clone());
    // What the linter says of itself is no rule of the policy; but without any name it would take the default ones.
    let select = named.chain(["lint".to_owned()]).collect();
    let pod_security = pod_security(workloads);
    let selection = Selection { select, ..Selection::default() };
    let options = Options { selection, pod_security, inline_ignores: false, ..Options::default() };
    Linter::new(options).map(Some)
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

/// An object that an API server asks about. Of an update only what it brings counts: findings that the old object has too are
/// left out, and so is a runtime class that nobody changed.
pub fn of_object(linter: &Linter, object: &str, old: Option<&str>, name: &str, namespace: Option<&str>) -> Assessment {
    let (mut findings, problems, mut facts) = examined(linter, object);
    if let Some(old) = old {
        let (before, _, facts_before) = examined(linter, old);
        let mut known: BTreeMap<(String, String), usize> = BTreeMap::new();
        for finding in before {
            *known.entry((finding.rule, finding.message)).or_default() += 1;
        }
        findings.retain(|finding| match known.get_mut(&(finding.rule.clone(), finding.message.clone())) {
            Some(left) if *left > 0 => {
                *left -= 1;
                false
            }
            _ => true,
        });
        let unchanged = facts == facts_before;
        facts = facts.map(|facts| WorkloadFacts { unchanged, ..facts });
    }
    let subject = subject(SubjectKind::Manifest, name.to_owned(), Vec::new(), namespace.map(str::to_owned));
    assessment(subject, findings, problems, facts)
}

/// An object that nobody could look into.
pub fn unread(namespace: Option<&str>) -> Assessment {
    let subject = subject(SubjectKind::Manifest, "object".into(), Vec::new(), namespace.map(str::to_owned));
    let problem = Problem::undecided(ProblemKind::NotExamined, "look into the object: the look ended before its time");
    assessment(subject, Vec::new(), vec![problem], None)
}

fn examined(linter: &Linter, text: &str) -> (Vec<Finding>, Vec<Problem>, Option<WorkloadFacts>) {
    let source = Source::new("", text);
    let manifest = read(&source);
    let linted = linter.lint_manifest(&manifest);
    let facts = manifest.objects.first().and_then(facts);
    (linted.findings.into_iter().map(|found| found.finding).collect(), linted.problems, facts)
}

/// The subjects of a linted file: the Dockerfile, or every object of a manifest that makes pods or has findings.
pub fn of_file(linted: LintedFile, text: &str) -> Vec<Assessment> {
    let LintedFile { path, kind, findings, problems, .. } = linted;
    let findings: Vec<Finding> = findings.into_iter().map(|found| found.finding).collect();
    if kind != Some(FileKind::Manifest) {
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
        if facts.is_some() || !findings.is_empty() {
            let place = source.location(plimsoll_checks::manifest::object::span(&object.node).before());
            let place = Location { end_line: None, end_column: None, ..place };
            let subject = subject(SubjectKind::Manifest, object.label(), vec![place], object.namespace.clone());
            all.push(assessment(subject, findings, Vec::new(), facts));
        }
    }
    // What belongs to no object: text that could not be read.
    if !rest.is_empty() || !problems.is_empty() {
        let subject = subject(SubjectKind::Manifest, path.clone(), vec![Location::path(path.clone())], None);
        all.push(assessment(subject, rest, problems, None));
    }
    all
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
    let images = names.filter_map(|name| name.parse::<ImageReference>().ok()).collect();
    let runtime_class = workload.at(&["runtimeClassName"]).and_then(|class| class.string()).map(str::to_owned);
    Some(WorkloadFacts { images, runtime_class, unchanged: false })
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
        problems,
        verdict: None,
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_checks::lint::Input;

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
    fn objects_of_a_file_are_subjects_with_their_own_findings() {
        let linter = linter_of(&policy("workloads: {podSecurity: {level: baseline}}\n")).unwrap().unwrap();
        let text = format!(
            "apiVersion: v1\nkind: List\nitems: [{POD}]\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\n"
        );
        let linted = linter.lint_alone(&Input { path: "m.yaml", text: &text, kind: FileKind::Manifest });
        let subjects = of_file(linted, &text);
        let pod = subjects.iter().find(|one| one.subject.name == "Pod/a").unwrap();
        assert!(pod.findings.iter().any(|finding| finding.rule == "pod-security-privileged"), "{:?}", pod.findings);
        assert_eq!(pod.workload.as_ref().unwrap().images.len(), 1);
        assert_eq!(pod.subject.named_at[0].line, Some(3));
    }
}
