//! Whom roles are given to: everybody, nobody in particular, or the cluster's master.

use std::rc::Rc;

use plimsoll_model::{RuleInfo, Severity};
use plimsoll_yaml::Node;

use super::pod::short;
use super::{Check, Context, Rule};
use crate::manifest::object::{Object, at, entry};
use crate::source::Found;

/// A ClusterRoleBinding of a role to a subject.
macro_rules! binding {
    ($role:literal, $kind:literal, $name:literal) => {
        concat!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata:\n  name: web\nroleRef:\n  apiGroup: \
             rbac.authorization.k8s.io\n  kind: ClusterRole\n  name: ",
            $role,
            "\nsubjects:\n- kind: ",
            $kind,
            "\n  name: ",
            $name,
            "\n  apiGroup: rbac.authorization.k8s.io\n"
        )
    };
}

pub const CLUSTER_ADMIN: Rule = Rule {
    info: RuleInfo {
        id: "cluster-admin-binding",
        severity: Severity::High,
        aliases: &["cluster-admin-role-binding", "clusterrolebindingClusterAdmin", "KSV-0111"],
        opt_in: false,
        title: "Somebody is given cluster-admin",
        why: "It grants everything, on every node and in every namespace, now and in future.",
        remedy: "bind a role that lists what is used",
        bad: binding!("cluster-admin", "User", "deployer"),
        good: binding!("view", "User", "deployer"),
    },
    check: Check::Object(cluster_admin),
};

pub const ANONYMOUS: Rule = Rule {
    info: RuleInfo {
        id: "anonymous-binding",
        severity: Severity::High,
        aliases: &["BindingsToSystemAnonymous", "KSV-0122", "KSV-01011"],
        opt_in: false,
        title: "A role is given to who has not logged in",
        why: "Everybody who reaches the API server has it: the kubelet, the pods, and often the internet.",
        remedy: "take the subject out and bind users or service accounts by name",
        bad: binding!("view", "User", "system:anonymous"),
        good: binding!("view", "User", "monitoring"),
    },
    check: Check::Object(anonymous),
};

pub const AUTHENTICATED: Rule = Rule {
    info: RuleInfo {
        id: "everybody-binding",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "A role is given to everybody who has logged in",
        why: "That is every user and every pod with a token; where the provider's accounts count, everybody who has one.",
        remedy: "bind the group or the service accounts that are meant",
        bad: binding!("view", "Group", "system:authenticated"),
        good: binding!("view", "Group", "developers"),
    },
    check: Check::Object(authenticated),
};

pub const MASTERS: Rule = Rule {
    info: RuleInfo {
        id: "system-masters-binding",
        severity: Severity::High,
        aliases: &["KSV-0123"],
        opt_in: false,
        title: "A role is given to system:masters",
        why: "The group may do everything whatever roles say: the binding adds nothing, and shows that somebody relies on the \
              group, whose certificates cannot be revoked.",
        remedy: "bind a group of your own",
        bad: binding!("view", "Group", "system:masters"),
        good: binding!("view", "Group", "administrators"),
    },
    check: Check::Object(masters),
};

pub const DEFAULT_ACCOUNT: Rule = Rule {
    info: RuleInfo {
        id: "default-account-binding",
        severity: Severity::Medium,
        aliases: &["CKV_K8S_42"],
        opt_in: false,
        title: "A role is given to a default service account",
        why: "Every pod of the namespace that names no other account has it too, tomorrow's among them.",
        remedy: "make a ServiceAccount for the workload and bind that one",
        bad: "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata:\n  name: web\nroleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: Role\n  name: web\nsubjects:\n- kind: ServiceAccount\n  name: default\n  namespace: shop\n",
        good: "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata:\n  name: web\nroleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: Role\n  name: web\nsubjects:\n- kind: ServiceAccount\n  name: web\n  namespace: shop\n",
    },
    check: Check::Object(default_account),
};

/// Cluster roles that Kubernetes itself gives to everybody: they tell the version and where the API is.
const PUBLIC: [&str; 3] = ["system:public-info-viewer", "system:discovery", "system:basic-user"];

/// Whether the role is one of those; a Role of one's own may have any name.
fn is_public(object: &Object) -> bool {
    let kind = at(&object.node, &["roleRef", "kind"]).and_then(|kind| kind.text());
    match kind {
        Some("ClusterRole") => PUBLIC.contains(&role(object)),
        // What kubeadm makes for machines that join.
        _ => {
            role(object) == "kubeadm:bootstrap-signer-clusterinfo" && object.namespace.as_deref() == Some("kube-public")
        }
    }
}

fn is_binding(object: &Object) -> bool {
    matches!(object.kind.as_str(), "RoleBinding" | "ClusterRoleBinding")
        && object.group() == "rbac.authorization.k8s.io"
}

/// The role of a binding; empty where it names none.
fn role(object: &Object) -> &str {
    at(&object.node, &["roleRef", "name"]).and_then(|name| name.text()).unwrap_or_default()
}

/// The subjects of a binding with these names.
fn subjects<'o>(object: &'o Object, names: &[&str]) -> impl Iterator<Item = (&'o Rc<Node>, &'o str)> {
    let list = if is_binding(object) { object.at(&["subjects"]) } else { None };
    let items = list.map(|list| list.items()).unwrap_or_default();
    items.iter().filter_map(move |subject| {
        let name = subject.get("name").and_then(|name| name.text())?;
        names.contains(&name).then_some((subject, name))
    })
}

fn cluster_admin(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    let Some(reference) = object.at(&["roleRef"]).filter(|_| is_binding(object) && role(object) == "cluster-admin")
    else {
        return;
    };
    let everywhere = object.kind == "ClusterRoleBinding";
    let reach = if everywhere { "the whole cluster" } else { "its namespace" };
    let message = format!("{} gives every right over {reach}", short(&object.label()));
    let severity = if everywhere { Severity::High } else { Severity::Medium };
    out.push(Found::new(&CLUSTER_ADMIN.info, entry(reference, "name"), message).severity(severity));
}

fn anonymous(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    let who = "who has not logged in";
    given(&ANONYMOUS.info, &["system:anonymous", "system:unauthenticated"], who, object, out);
}

fn authenticated(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    given(&AUTHENTICATED.info, &["system:authenticated"], "everybody who has logged in", object, out);
}

fn given(rule: &'static RuleInfo, names: &[&str], who: &str, object: &Object, out: &mut Vec<Found>) {
    if is_public(object) {
        return;
    }
    for (subject, _) in subjects(object, names) {
        let message = format!("{} gives the role `{}` to {who}", short(&object.label()), short(role(object)));
        let severity = if role(object) == "cluster-admin" { Severity::Critical } else { rule.severity };
        out.push(Found::new(rule, entry(subject, "name"), message).severity(severity));
    }
}

fn masters(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    for (subject, name) in subjects(object, &["system:masters"]) {
        let message = format!("{} gives a role to the group {name}", short(&object.label()));
        out.push(Found::new(&MASTERS.info, entry(subject, "name"), message));
    }
}

fn default_account(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    for (subject, _) in subjects(object, &["default"]) {
        if subject.get("kind").and_then(|kind| kind.text()) == Some("ServiceAccount") {
            let message = format!(
                "{} gives the role `{}` to a default service account",
                short(&object.label()),
                short(role(object))
            );
            out.push(Found::new(&DEFAULT_ACCOUNT.info, entry(subject, "name"), message));
        }
    }
}
