//! Roles and who has them. In: the run. Out: bindings of roles and accounts that are not there, and workloads whose account may
//! do too much. What it does not do: judge roles for themselves; the rules of single objects do.

use std::collections::HashMap;
use std::sync::Arc;

use plimsoll_model::{RuleInfo, Severity};
use plimsoll_yaml::Node;

use super::references::account;
use super::{All, Entry, Pod, Project, in_space, shown_at, space, text_at};
use crate::manifest::object::boolean;
use crate::manifest::rules::roles::{in_groups, is_named, lists, with_any_verb};
use crate::manifest::rules::{Check, Rule};
use crate::source::Found;

/// A binding of a role that is not there.
pub const ROLE_MISSING: Rule = Rule {
    info: RuleInfo {
        id: "role-missing",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "A binding to a role that the run does not define",
        why: "The binding grants nothing until somebody creates a role of that name, with whatever rights that one has. Only \
              looked for where the run defines other roles of the kind.",
        remedy: "write the kind and the name of the role into `roleRef`",
        bad: "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: reader\nrules: []\n---\n\
              apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata:\n  name: reader\nroleRef:\n  \
              apiGroup: rbac.authorization.k8s.io\n  kind: Role\n  name: raeder\n",
        good: "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: reader\nrules: []\n---\n\
               apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata:\n  name: reader\nroleRef:\n  \
               apiGroup: rbac.authorization.k8s.io\n  kind: Role\n  name: reader\n",
    },
    check: Check::Project(roles),
};

/// A binding of an account that is not there.
pub const SUBJECT_MISSING: Rule = Rule {
    info: RuleInfo {
        id: "subject-missing",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "A binding for a ServiceAccount that the run does not define",
        why: "Whoever may create an account of that name in that namespace gets the rights. Only looked for where the run defines \
              other accounts of the namespace.",
        remedy: "write the name and the namespace of the ServiceAccount, or take the subject away",
        bad: "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: web\n  namespace: shop\n---\n\
              apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata:\n  name: web\n  namespace: shop\nroleRef:\n  \
              apiGroup: rbac.authorization.k8s.io\n  kind: ClusterRole\n  name: view\nsubjects:\n- kind: ServiceAccount\n  name: wbe\n  \
              namespace: shop\n",
        good: "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: web\n  namespace: shop\n---\n\
               apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata:\n  name: web\n  namespace: shop\nroleRef:\n  \
               apiGroup: rbac.authorization.k8s.io\n  kind: ClusterRole\n  name: view\nsubjects:\n- kind: ServiceAccount\n  name: web\n  \
               namespace: shop\n",
    },
    check: Check::Project(subjects),
};

/// A pod that may do too much.
pub const SERVICE_ACCOUNT_WITH_STRONG_BINDING: Rule = Rule {
    info: RuleInfo {
        id: "service-account-with-strong-binding",
        severity: Severity::High,
        aliases: &[],
        opt_in: false,
        title: "A workload whose ServiceAccount may read Secrets, do everything, or raise its own rights",
        why: "Whoever breaks into the pod finds the account's token there and has its rights: reading the Secrets of a namespace, \
              or the whole cluster.",
        remedy: "bind the account to a role with the few rights that the workload needs, or set `automountServiceAccountToken: false`",
        bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  serviceAccountName: web\n  containers:\n  \
              - name: web\n    image: nginx:1.29\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata:\n  \
              name: web\nroleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: ClusterRole\n  name: cluster-admin\nsubjects:\n\
              - kind: ServiceAccount\n  name: web\n  namespace: shop\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  serviceAccountName: web\n  containers:\n  \
               - name: web\n    image: nginx:1.29\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata:\n  \
               name: web\n  namespace: shop\nroleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: ClusterRole\n  name: view\n\
               subjects:\n- kind: ServiceAccount\n  name: web\n  namespace: shop\n",
    },
    check: Check::Project(strong),
};

/// Roles that every cluster has.
fn is_built_in(name: &str) -> bool {
    matches!(name, "cluster-admin" | "admin" | "edit" | "view") || name.starts_with("system:")
}

fn all_bindings<'m>(project: &Project<'m>) -> Vec<Entry<'m>> {
    [project.all("RoleBinding"), project.all("ClusterRoleBinding")].concat()
}

/// The kind and name of a binding's role.
fn role_of<'m>(binding: &Entry<'m>) -> Option<(&'static str, &'m str, crate::source::Span)> {
    let node = &binding.object.node;
    let (name, place) = text_at(node, &["roleRef", "name"])?;
    match text_at(node, &["roleRef", "kind"])?.0 {
        "Role" => Some(("Role", name, place)),
        "ClusterRole" => Some(("ClusterRole", name, place)),
        _ => None,
    }
}

fn roles(project: &Project<'_>, found: All<'_>) {
    for binding in all_bindings(project) {
        let Some((kind, name, place)) = role_of(&binding) else { continue };
        let namespace = if kind == "Role" { space(binding.object) } else { None };
        let built_in = kind == "ClusterRole" && is_built_in(name);
        if !built_in && project.defines(kind, namespace) && project.named(kind, namespace, name).is_none() {
            let message = format!("no {kind} `{name}`{} is in the run", in_space(namespace));
            found.push((binding.file, Found::new(&ROLE_MISSING.info, place, message)));
        }
    }
}

fn subjects_of<'m>(binding: &Entry<'m>) -> &'m [Arc<Node>] {
    binding.object.at(&["subjects"]).map(|subjects| subjects.items()).unwrap_or_default()
}

fn subjects(project: &Project<'_>, found: All<'_>) {
    for binding in all_bindings(project) {
        for subject in subjects_of(&binding) {
            let kind = text_at(subject, &["kind"]).map(|(kind, _)| kind);
            let (Some("ServiceAccount"), Some((name, place))) = (kind, text_at(subject, &["name"])) else { continue };
            let namespace = text_at(subject, &["namespace"]).map(|(name, _)| name).or(space(binding.object));
            let missing = project.named("ServiceAccount", namespace, name).is_none();
            if name != "default" && missing && project.defines("ServiceAccount", namespace) {
                let message = format!("no ServiceAccount `{name}`{} is in the run", in_space(namespace));
                found.push((binding.file, Found::new(&SUBJECT_MISSING.info, place, message)));
            }
        }
    }
}

/// What a strong role allows, for messages.
fn strength(project: &Project<'_>, binding: &Entry<'_>) -> Option<String> {
    let (kind, name, _) = role_of(binding)?;
    if kind == "ClusterRole" && name == "cluster-admin" {
        return Some("may do everything".into());
    }
    let namespace = if kind == "Role" { space(binding.object) } else { None };
    let role = project.named(kind, namespace, name)?;
    let rules = role.object.at(&["rules"]).map(|rules| rules.items()).unwrap_or_default();
    rules.iter().find_map(strong_rule).map(str::to_owned)
}

fn strong_rule(rule: &Arc<Node>) -> Option<&'static str> {
    if lists(rule, "resources", &["*"]).is_some() && lists(rule, "verbs", &["*"]).is_some() {
        return Some("may do everything with whole API groups");
    }
    let secrets = in_groups(rule, &[""]) && lists(rule, "resources", &["secrets", "*"]).is_some();
    if secrets && !is_named(rule) && with_any_verb(rule, &["get", "list", "watch"]) {
        return Some("may read Secrets");
    }
    lists(rule, "verbs", &["escalate", "impersonate", "bind"]).map(|_| "may raise its own rights")
}

/// What gives an account its rights.
struct Grant<'m> {
    binding: Entry<'m>,
    words: String,
}

fn strong(project: &Project<'_>, found: All<'_>) {
    // By the account's name and namespace; groups of accounts stand under the empty name, the group of all in no namespace.
    let mut grants: HashMap<(&str, Option<&str>), Grant<'_>> = HashMap::new();
    for binding in all_bindings(project) {
        let Some(words) = strength(project, &binding) else { continue };
        for subject in subjects_of(&binding) {
            let (Some((kind, _)), Some((name, _))) = (text_at(subject, &["kind"]), text_at(subject, &["name"])) else {
                continue;
            };
            let own = text_at(subject, &["namespace"]).map(|(name, _)| name).or(space(binding.object));
            let (account, namespace) = match (kind, name.strip_prefix("system:serviceaccounts")) {
                ("ServiceAccount", _) => (name, own),
                ("Group", Some("")) => ("", None),
                ("Group", Some(rest)) if rest.starts_with(':') => ("", Some(&rest[1..])),
                _ => continue,
            };
            grants.entry((account, namespace)).or_insert_with(|| Grant { binding, words: words.clone() });
        }
    }
    for pod in &project.pods {
        let (name, place) = account(pod).map_or(("default", None), |(name, place)| (name, Some(place)));
        if !has_token(project, pod, name) {
            continue;
        }
        // An accusation: the namespaces must be the same, or both be left to whoever applies the files.
        let space = pod.namespace();
        let grant = [(name, space), ("", space), ("", None)].iter().find_map(|key| grants.get(key));
        let Some(grant) = grant else { continue };
        let object = pod.workload.object;
        let binding = grant.binding.object.label();
        let at = project.place(grant.binding.file, shown_at(grant.binding.object));
        let message = format!("the ServiceAccount `{name}` of {} {}, by {binding} ({at})", object.label(), grant.words);
        let place = place.unwrap_or_else(|| shown_at(object));
        found.push((pod.file, Found::new(&SERVICE_ACCOUNT_WITH_STRONG_BINDING.info, place, message)));
    }
}

/// Whether the account's token is mounted: the pod's word counts, then the account's.
fn has_token(project: &Project<'_>, pod: &Pod<'_>, name: &str) -> bool {
    let of = |node: &Arc<Node>| node.get("automountServiceAccountToken").and_then(|node| boolean(node));
    let account = || project.named("ServiceAccount", pod.namespace(), name).and_then(|entry| of(&entry.object.node));
    of(pod.workload.spec).or_else(account).unwrap_or(true)
}
