//! What Kubernetes no longer reads: grants of PodSecurityPolicies and the annotations of seccomp and AppArmor. The policies
//! themselves are a removed API like any other.

use plimsoll_model::{RuleInfo, Severity};

use super::pod::short;
use super::roles::{lists, rules};
use super::{Check, Context, Rule};
use crate::manifest::object::{Object, Workload, span};
use crate::source::{Found, Span};

pub const POLICY_GRANT: Rule = Rule {
    info: RuleInfo {
        id: "pod-security-policy-grant",
        severity: Severity::Low,
        aliases: &[],
        opt_in: false,
        title: "A role grants the use of PodSecurityPolicies",
        why: "There are none since Kubernetes 1.25: the rule does nothing and misleads who reads it.",
        remedy: "take the rule out",
        bad: "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: psp\nrules:\n- apiGroups: [policy]\n  resources: [podsecuritypolicies]\n  verbs: [use]\n",
        good: "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: psp\nrules:\n- apiGroups: [policy]\n  resources: [poddisruptionbudgets]\n  verbs: [get]\n",
    },
    check: Check::Object(policy_grant),
};

pub const SECCOMP_ANNOTATION: Rule = Rule {
    info: RuleInfo {
        id: "seccomp-annotation",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "Seccomp is set by an annotation, which nothing reads since 1.27",
        why: "The pod runs without the profile that its author believes it has.",
        remedy: "set `seccompProfile` in the securityContext",
        bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations:\n    seccomp.security.alpha.kubernetes.io/pod: runtime/default\nspec:\n  containers: []\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  securityContext:\n    seccompProfile:\n      type: RuntimeDefault\n  containers: []\n",
    },
    check: Check::Workload(seccomp_annotation),
};

pub const APPARMOR_ANNOTATION: Rule = Rule {
    info: RuleInfo {
        id: "apparmor-annotation",
        severity: Severity::Low,
        aliases: &[],
        opt_in: false,
        title: "AppArmor is set by an annotation, which is deprecated since 1.30",
        why: "The field says the same, is checked by the API server, and is what later releases read.",
        remedy: "set `appArmorProfile` in the container's securityContext",
        bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations:\n    container.apparmor.security.beta.kubernetes.io/web: runtime/default\nspec:\n  containers: []\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  securityContext:\n    appArmorProfile:\n      type: RuntimeDefault\n  containers: []\n",
    },
    check: Check::Workload(apparmor_annotation),
};

fn policy_grant(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    for rule in rules(object) {
        let uses = lists(rule, "verbs", &["use"]).is_some();
        if let Some(item) = lists(rule, "resources", &["podsecuritypolicies"]).filter(|_| uses) {
            let message = format!("{} grants the use of PodSecurityPolicies, which are gone", short(&object.label()));
            out.push(Found::new(&POLICY_GRANT.info, span(item), message));
        }
    }
}

fn seccomp_annotation(workload: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    let starts = ["seccomp.security.alpha.kubernetes.io/", "container.seccomp.security.alpha.kubernetes.io/"];
    annotations(&SECCOMP_ANNOTATION.info, &starts, "is read by nothing since Kubernetes 1.27", workload, out);
}

fn apparmor_annotation(workload: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    let starts = ["container.apparmor.security.beta.kubernetes.io/"];
    annotations(&APPARMOR_ANNOTATION.info, &starts, "is deprecated since Kubernetes 1.30", workload, out);
}

fn annotations(rule: &'static RuleInfo, starts: &[&str], what: &str, workload: &Workload<'_>, out: &mut Vec<Found>) {
    let Some(annotations) = workload.metadata.and_then(|metadata| metadata.get("annotations")) else { return };
    for (key, value) in annotations.all_pairs() {
        let Some(name) = key.text().filter(|name| starts.iter().any(|start| name.starts_with(start))) else { continue };
        let place = Span::new(key.start, value.end.max(key.end));
        out.push(Found::new(rule, place, format!("the annotation `{}` {what}", short(name))));
    }
}
