//! Which namespace objects go to, where they say it.

use plimsoll_model::{RuleInfo, Severity};

use super::pod::short;
use super::{Check, Context, Rule};
use crate::manifest::object::{Object, entry};
use crate::source::Found;

pub const DEFAULT_NAMESPACE: Rule = Rule {
    info: RuleInfo {
        id: "default-namespace",
        severity: Severity::Low,
        aliases: &["use-namespace", "CKV_K8S_21", "KSV-0110"],
        opt_in: false,
        title: "An object is put into the namespace default",
        why: "What is nobody's in particular meets there: quotas, policies and rights cannot be cut to fit.",
        remedy: "make a namespace for the application",
        bad: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n  namespace: default\n",
        good: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n  namespace: shop\n",
    },
    check: Check::Object(default_namespace),
};

pub const SYSTEM_NAMESPACE: Rule = Rule {
    info: RuleInfo {
        id: "system-namespace",
        severity: Severity::Low,
        aliases: &["KSV-0037"],
        opt_in: true,
        title: "A workload is put into a namespace of the system",
        why: "Policies mostly leave those namespaces out, and their secrets are the cluster's.",
        remedy: "make a namespace for the workload",
        bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: kube-system\nspec:\n  containers: []\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers: []\n",
    },
    check: Check::Object(system_namespace),
};

fn default_namespace(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    // This one is the cluster's own.
    let own = object.kind == "Service" && object.name == "kubernetes";
    if object.namespace.as_deref() == Some("default") && !own {
        report(&DEFAULT_NAMESPACE.info, object, out);
    }
}

fn system_namespace(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    let system = matches!(object.namespace.as_deref(), Some("kube-system" | "kube-public" | "kube-node-lease"));
    if system && object.workload().is_some() {
        report(&SYSTEM_NAMESPACE.info, object, out);
    }
}

fn report(rule: &'static RuleInfo, object: &Object, out: &mut Vec<Found>) {
    let Some(metadata) = object.at(&["metadata"]) else { return };
    let namespace = object.namespace.as_deref().unwrap_or_default();
    let message = format!("{} goes to the namespace {}", short(&object.label()), short(namespace));
    out.push(Found::new(rule, entry(metadata, "namespace"), message));
}
