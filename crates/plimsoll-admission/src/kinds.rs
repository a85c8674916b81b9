//! The kinds that hold pods, and where they hold them. To add one: a line in [`KINDS`]; its pointers, tests and documentation
//! derive from it.

/// A kind that holds a pod spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// API group; empty for the core.
    pub group: &'static str,
    pub kind: &'static str,
    /// Keys from the object to its pod spec.
    pub path: &'static [&'static str],
    /// Whether it may do without a template: then there is nothing to judge.
    pub(crate) bare: bool,
}

const POD: &[&str] = &["spec"];
const TEMPLATE: &[&str] = &["spec", "template", "spec"];
const BARE_TEMPLATE: &[&str] = &["template", "spec"];
const CRON: &[&str] = &["spec", "jobTemplate", "spec", "template", "spec"];

/// The four places where objects hold pod specs, known kind or not.
pub(crate) const PLACES: &[&[&str]] = &[POD, TEMPLATE, BARE_TEMPLATE, CRON];

const fn kind(group: &'static str, kind: &'static str, path: &'static [&'static str]) -> Kind {
    Kind { group, kind, path, bare: false }
}

/// Every kind of Kubernetes itself that holds pods.
pub const KINDS: &[Kind] = &[
    kind("", "Pod", POD),
    kind("apps", "Deployment", TEMPLATE),
    kind("apps", "ReplicaSet", TEMPLATE),
    kind("apps", "StatefulSet", TEMPLATE),
    kind("apps", "DaemonSet", TEMPLATE),
    kind("batch", "Job", TEMPLATE),
    kind("batch", "CronJob", CRON),
    Kind { group: "", kind: "ReplicationController", path: TEMPLATE, bare: true },
    kind("", "PodTemplate", BARE_TEMPLATE),
    // Until Kubernetes 1.22 ephemeral containers came in an object of their own, the list at its root.
    kind("", "EphemeralContainers", &[]),
    // Until Kubernetes 1.16.
    kind("extensions", "Deployment", TEMPLATE),
    kind("extensions", "ReplicaSet", TEMPLATE),
    kind("extensions", "DaemonSet", TEMPLATE),
];

/// The known kind of that name.
pub(crate) fn known(group: &str, kind: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|k| k.group == group && k.kind == kind)
}

/// `Deployment.apps`, `Pod`.
pub(crate) fn full(group: &str, kind: &str) -> String {
    if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_place_where_strangers_are_looked_for_too() {
        for kind in KINDS.iter().filter(|k| !k.path.is_empty()) {
            assert!(PLACES.contains(&kind.path), "{}", kind.kind);
        }
    }
}
