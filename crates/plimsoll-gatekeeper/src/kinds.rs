//! The kinds of Gatekeeper's own groups. In: a document of a set of policies. Out: why it is refused where nobody reads it, for a
//! misspelt kind or version would be a policy that is never asked.

use crate::document::Document;
use crate::fault::{Fault, FaultKind};
use crate::{config, constraint, expansion, mutation, template};

/// A kind that may lie among policies.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    pub group: &'static str,
    pub kind: &'static str,
    /// Empty where any will do.
    pub versions: &'static [&'static str],
}

const fn kind(group: &'static str, kind: &'static str, versions: &'static [&'static str]) -> Kind {
    Kind { group, kind, versions }
}

/// Written by Gatekeeper itself.
const STATUS: &str = "status.gatekeeper.sh";

/// All but the constraints, whose kinds are those of the templates.
pub const KINDS: &[Kind] = &[
    kind(template::GROUP, "ConstraintTemplate", &["v1", "v1beta1", "v1alpha1"]),
    kind(config::GROUP, "Config", &["v1alpha1"]),
    kind(expansion::GROUP, "ExpansionTemplate", &["v1alpha1", "v1beta1"]),
    kind(mutation::GROUP, "Assign", &["v1", "v1beta1", "v1alpha1"]),
    kind(mutation::GROUP, "AssignMetadata", &["v1", "v1beta1", "v1alpha1"]),
    kind(mutation::GROUP, "ModifySet", &["v1", "v1beta1", "v1alpha1"]),
    kind(mutation::GROUP, "AssignImage", &["v1alpha1"]),
    kind("syncset.gatekeeper.sh", "SyncSet", &["v1alpha1"]),
    kind("gvkmanifest.gatekeeper.sh", "GVKManifest", &["v1alpha1"]),
    kind("externaldata.gatekeeper.sh", "Provider", &["v1beta1", "v1alpha1"]),
    kind("connection.gatekeeper.sh", "Connection", &["v1alpha1"]),
    kind("test.gatekeeper.sh", "Suite", &[]),
    kind(STATUS, "ConfigPodStatus", &[]),
    kind(STATUS, "ConnectionPodStatus", &[]),
    kind(STATUS, "ConstraintPodStatus", &[]),
    kind(STATUS, "ConstraintTemplatePodStatus", &[]),
    kind(STATUS, "ExpansionTemplatePodStatus", &[]),
    kind(STATUS, "MutatorPodStatus", &[]),
    kind(STATUS, "ProviderPodStatus", &[]),
];

/// Whether a group is Gatekeeper's.
pub fn is_gatekeepers(group: &str) -> bool {
    group == "gatekeeper.sh" || group.ends_with(".gatekeeper.sh")
}

/// Why a document that says it is Gatekeeper's is nothing that anybody reads. Templates and constraints are read, and refused in
/// Gatekeeper's words.
pub fn unread(document: &Document) -> Option<Fault> {
    let (group, kind, version) = (document.group(), document.kind(), document.version());
    let meant = |kind: &str| kind.eq_ignore_ascii_case("ConstraintTemplate");
    if template::is_template(document) || constraint::is_constraint(document) || !is_gatekeepers(group) && !meant(kind)
    {
        return None;
    }
    let listed = |names: Vec<&str>| names.join(", ");
    let known = KINDS.iter().find(|known| known.group == group && known.kind == kind);
    let (path, message, hint) = match known {
        Some(known) if known.versions.is_empty() || known.versions.contains(&version) => return None,
        Some(known) => {
            let message = format!("{kind} of {group} has no version {version:?}");
            ("apiVersion", message, format!("its versions are {}", listed(known.versions.to_vec())))
        }
        None => {
            let kinds: Vec<&str> = KINDS.iter().filter(|known| known.group == group).map(|known| known.kind).collect();
            let mut groups: Vec<&str> = KINDS.iter().map(|known| known.group).chain([constraint::GROUP]).collect();
            groups.sort_unstable();
            groups.dedup();
            match kinds.is_empty() {
                true => (
                    "apiVersion",
                    format!("Gatekeeper has no group {group:?}: nobody would read this {kind}"),
                    format!("its groups are {}", listed(groups)),
                ),
                false => (
                    "kind",
                    format!("{group} has no kind {kind:?}: nobody would read it"),
                    format!("its kinds are {}", listed(kinds)),
                ),
            }
        }
    };
    Some(fault(document, path, message).hint(hint))
}

/// Why an object is refused whose kind is that of a template, but whose group is not that of constraints.
pub fn stray_constraint(document: &Document) -> Fault {
    let message = format!(
        "{} is the kind of a ConstraintTemplate, but {:?} is not the group of constraints",
        document.kind(),
        document.group()
    );
    fault(document, "apiVersion", message).hint(format!("write `apiVersion: {}/v1beta1`", constraint::GROUP))
}

fn fault(document: &Document, path: &str, message: String) -> Fault {
    let fault = Fault::new(FaultKind::Malformed, message).of(document.subject());
    match document.place(&[path]) {
        Some(place) => fault.at(place),
        None => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Words;

    fn read(api_version: &str, kind: &str) -> Option<Fault> {
        let text = format!("kind: {kind}\napiVersion: {api_version}\nmetadata: {{name: a}}\n");
        unread(&Document::read("a.yaml", &text, Words::Kubernetes).unwrap()[0])
    }

    #[test]
    fn what_is_nearly_gatekeepers_is_refused_with_its_place() {
        for (api_version, kind, line, words) in [
            ("templates.gatekeeper.sh/v1", "ConstraintTemplat", 1, "no kind \"ConstraintTemplat\""),
            ("templates.gatekeeper.sh/v1", "constrainttemplate", 1, "its kinds are ConstraintTemplate"),
            ("template.gatekeeper.sh/v1", "ConstraintTemplate", 2, "no group \"template.gatekeeper.sh\""),
            ("templates.gatekeper.sh/v1", "ConstraintTemplate", 2, "no group \"templates.gatekeper.sh\""),
            ("constraint.gatekeeper.sh/v1beta1", "NeedsLabel", 2, "nobody would read this NeedsLabel"),
            ("gatekeeper.sh/v1", "Thing", 2, "constraints.gatekeeper.sh"),
            ("config.gatekeeper.sh/v1", "Config", 2, "its versions are v1alpha1"),
            ("config.gatekeeper.sh/v1alpha1", "Configs", 1, "its kinds are Config"),
            ("mutations.gatekeeper.sh/v1", "AssignImage", 2, "no version \"v1\""),
        ] {
            let fault = read(api_version, kind).unwrap().to_string();
            assert!(fault.starts_with(&format!("a.yaml:{line}:1: {kind} a: ")) && fault.contains(words), "{fault}");
        }
    }

    #[test]
    fn what_somebody_reads_is_not() {
        for known in KINDS {
            let version = known.versions.last().unwrap_or(&"v1beta1");
            assert!(read(&format!("{}/{version}", known.group), known.kind).is_none(), "{known:?}");
        }
        assert!(read("constraints.gatekeeper.sh/v7", "Anything").is_none(), "the constraint's own words say it");
        assert!(read("v1", "ConfigMap").is_none());
        assert!(read("pkg.crossplane.io/v1", "Provider").is_none());
    }

    #[test]
    fn documentation_names_every_kind() {
        let docs = include_str!("../../../docs/gatekeeper.md");
        for known in KINDS.iter().filter(|known| known.group != STATUS) {
            assert!(docs.contains(known.kind), "{} is not in docs/gatekeeper.md", known.kind);
        }
    }
}
