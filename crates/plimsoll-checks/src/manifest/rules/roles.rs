//! What roles grant that leads further than it looks. A wildcard among the verbs counts as every verb here; one among the
//! resources is what `wildcard-in-role` says, and is not said again for each thing that it holds.

use std::sync::Arc;

use plimsoll_model::{RuleInfo, Severity};
use plimsoll_yaml::Node;

use super::pod::short;
use super::{Check, Context, Rule};
use crate::manifest::object::{Object, span};
use crate::source::Found;

/// A Role with these rules.
macro_rules! role {
    ($rules:literal) => {
        concat!("apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: web\nrules:\n", $rules)
    };
}

const HARMLESS: &str = role!("- apiGroups: [\"\"]\n  resources: [configmaps]\n  verbs: [get, list]\n");

pub const WILDCARD: Rule = Rule {
    info: RuleInfo {
        id: "wildcard-in-role",
        severity: Severity::Medium,
        aliases: &["wildcard-in-rules", "CKV_K8S_49", "KSV-0044", "KSV-0045", "KSV-0046", "KSV-0112"],
        opt_in: false,
        title: "A role grants everything of a kind",
        why: "It grows with the cluster: what is installed tomorrow is granted too, secrets and roles among it.",
        remedy: "list the verbs and resources that are used",
        bad: role!("- apiGroups: [\"\"]\n  resources: [configmaps]\n  verbs: [\"*\"]\n"),
        good: HARMLESS,
    },
    check: Check::Object(wildcard),
};

pub const SECRETS: Rule = Rule {
    info: RuleInfo {
        id: "secrets-readable",
        severity: Severity::Medium,
        aliases: &["access-to-secrets", "CKV2_K8S_5", "KSV-0041", "KSV-0113"],
        opt_in: false,
        title: "A role grants reading every Secret",
        why: "Whoever has it has the credentials of all that runs there; `list` and `watch` hand over the contents too.",
        remedy: "name the Secrets in `resourceNames`, or mount them instead",
        bad: role!("- apiGroups: [\"\"]\n  resources: [secrets]\n  verbs: [get, list]\n"),
        good: role!("- apiGroups: [\"\"]\n  resources: [secrets]\n  resourceNames: [web-tls]\n  verbs: [get]\n"),
    },
    check: Check::Object(secrets),
};

pub const PODS: Rule = Rule {
    info: RuleInfo {
        id: "pods-creatable",
        severity: Severity::Medium,
        aliases: &["access-to-create-pods", "KSV-0048"],
        opt_in: false,
        title: "A role grants making pods",
        why: "A pod may mount any Secret of its namespace and run under any service account there: who makes pods has all of \
              them.",
        remedy: "leave it to the controllers and the deployment pipeline, and hold the namespace to a Pod Security level",
        bad: role!("- apiGroups: [apps]\n  resources: [deployments]\n  verbs: [create, update]\n"),
        good: role!("- apiGroups: [apps]\n  resources: [deployments]\n  verbs: [get, list]\n"),
    },
    check: Check::Object(pods),
};

pub const EXEC: Rule = Rule {
    info: RuleInfo {
        id: "pod-exec-granted",
        severity: Severity::High,
        aliases: &["clusterrolePodExecAttach", "rolePodExecAttach", "KSV-0053", "KSV-0054"],
        opt_in: false,
        title: "A role grants commands in running pods",
        why: "Whoever has it is every pod of the namespace: their files, tokens and network.",
        remedy: "take it out of standing roles and grant it for the time of need",
        bad: role!("- apiGroups: [\"\"]\n  resources: [pods/exec]\n  verbs: [create]\n"),
        good: role!("- apiGroups: [\"\"]\n  resources: [pods/log]\n  verbs: [get]\n"),
    },
    check: Check::Object(exec),
};

pub const ESCALATION: Rule = Rule {
    info: RuleInfo {
        id: "role-escalation",
        severity: Severity::High,
        aliases: &["CKV_K8S_157", "CKV_K8S_158", "CKV2_K8S_1", "CKV2_K8S_3", "KSV-0043", "KSV-0050"],
        opt_in: false,
        title: "A role grants taking more rights",
        why: "`escalate` and `bind` lift the check that nobody grants more than he has; `impersonate` makes anybody anybody.",
        remedy: "take the verb out, or name in `resourceNames` the one role or user that is meant",
        bad: role!("- apiGroups: [rbac.authorization.k8s.io]\n  resources: [roles]\n  verbs: [escalate]\n"),
        good: role!("- apiGroups: [rbac.authorization.k8s.io]\n  resources: [roles]\n  verbs: [get]\n"),
    },
    check: Check::Object(escalation),
};

pub const BINDINGS_WRITABLE: Rule = Rule {
    info: RuleInfo {
        id: "roles-writable",
        severity: Severity::Medium,
        aliases: &["KSV-0051", "KSV-0052", "KSV-0055"],
        opt_in: false,
        title: "A role grants changing roles or bindings",
        why: "It hands its own rights on to anybody, and takes rules that others rely on away.",
        remedy: "keep it to administrators",
        bad: role!("- apiGroups: [rbac.authorization.k8s.io]\n  resources: [rolebindings]\n  verbs: [create]\n"),
        good: role!("- apiGroups: [rbac.authorization.k8s.io]\n  resources: [rolebindings]\n  verbs: [get]\n"),
    },
    check: Check::Object(bindings_writable),
};

pub const NODE_PROXY: Rule = Rule {
    info: RuleInfo {
        id: "node-proxy-granted",
        severity: Severity::High,
        aliases: &["CKV2_K8S_2", "KSV-0047"],
        opt_in: false,
        title: "A role grants the nodes' own API",
        why: "The kubelet runs commands in every pod of its node for who comes that way, past admission and audit; `get` is \
              enough.",
        remedy: "grant `nodes/metrics` and `nodes/stats` instead",
        bad: role!("- apiGroups: [\"\"]\n  resources: [nodes/proxy]\n  verbs: [get]\n"),
        good: role!("- apiGroups: [\"\"]\n  resources: [nodes/metrics]\n  verbs: [get]\n"),
    },
    check: Check::Object(node_proxy),
};

pub const APPROVAL: Rule = Rule {
    info: RuleInfo {
        id: "certificate-approval-granted",
        severity: Severity::High,
        aliases: &["CKV_K8S_156"],
        opt_in: false,
        title: "A role grants approving certificates",
        why: "A client certificate is a user with groups: who approves his own is who he likes.",
        remedy: "keep it to the controller that approves the kubelets' requests",
        bad: role!(
            "- apiGroups: [certificates.k8s.io]\n  resources: [certificatesigningrequests/approval]\n  verbs: [update]\n"
        ),
        good: role!("- apiGroups: [certificates.k8s.io]\n  resources: [certificatesigningrequests]\n  verbs: [get]\n"),
    },
    check: Check::Object(approval),
};

pub const TOKEN: Rule = Rule {
    info: RuleInfo {
        id: "token-creation-granted",
        severity: Severity::High,
        aliases: &[],
        opt_in: false,
        title: "A role grants making tokens of service accounts",
        why: "Whoever has it is every service account of the namespace, for as long as he asks.",
        remedy: "name the one service account in `resourceNames`",
        bad: role!("- apiGroups: [\"\"]\n  resources: [serviceaccounts/token]\n  verbs: [create]\n"),
        good: role!(
            "- apiGroups: [\"\"]\n  resources: [serviceaccounts/token]\n  resourceNames: [web]\n  verbs: [create]\n"
        ),
    },
    check: Check::Object(token),
};

pub const WEBHOOKS: Rule = Rule {
    info: RuleInfo {
        id: "webhooks-writable",
        severity: Severity::High,
        aliases: &["CKV_K8S_155", "KSV-0114"],
        opt_in: false,
        title: "A role grants changing admission webhooks",
        why: "A webhook sees every object that passes, Secrets among them, and may change it; without one, policy ends.",
        remedy: "name the one configuration in `resourceNames`",
        bad: role!(
            "- apiGroups: [admissionregistration.k8s.io]\n  resources: [validatingwebhookconfigurations]\n  verbs: [patch]\n"
        ),
        good: role!(
            "- apiGroups: [admissionregistration.k8s.io]\n  resources: [validatingwebhookconfigurations]\n  verbs: [get]\n"
        ),
    },
    check: Check::Object(webhooks),
};

/// The rules of a Role or ClusterRole.
pub fn rules(object: &Object) -> &[Arc<Node>] {
    let role = matches!(object.kind.as_str(), "Role" | "ClusterRole") && object.group() == "rbac.authorization.k8s.io";
    if role { object.at(&["rules"]).map(|rules| rules.items()).unwrap_or_default() } else { &[] }
}

/// The first item of a rule's list that is one of these.
pub fn lists<'n>(rule: &'n Arc<Node>, list: &str, wanted: &[&str]) -> Option<&'n Arc<Node>> {
    let items = rule.get(list).map(|list| list.items()).unwrap_or_default();
    items.iter().find(|item| item.text().is_some_and(|text| wanted.contains(&text)))
}

/// The resource of a rule that is one of these, by wildcards too.
fn resource<'n>(rule: &'n Arc<Node>, wanted: &[&str]) -> Option<&'n Arc<Node>> {
    let matches = |text: &str| {
        text == "*"
            || wanted.contains(&text)
            || wanted.iter().filter_map(|name| name.split_once('/')).any(|(of, sub)| match text.split_once('/') {
                Some((a, b)) => (a == of || a == "*") && (b == sub || b == "*"),
                None => false,
            })
    };
    let items = rule.get("resources").map(|list| list.items()).unwrap_or_default();
    items.iter().find(|item| item.text().is_some_and(matches))
}

/// Whether a rule is about these API groups. One that does not say is not let off.
pub fn in_groups(rule: &Arc<Node>, groups: &[&str]) -> bool {
    let items = rule.get("apiGroups").map(|list| list.items()).unwrap_or_default();
    items.is_empty() || items.iter().any(|item| item.text().is_some_and(|text| text == "*" || groups.contains(&text)))
}

pub fn with_any_verb(rule: &Arc<Node>, verbs: &[&str]) -> bool {
    lists(rule, "verbs", verbs).is_some() || lists(rule, "verbs", &["*"]).is_some()
}

/// Only objects that are named one by one.
pub fn is_named(rule: &Arc<Node>) -> bool {
    rule.get("resourceNames").is_some_and(|names| names.items().iter().any(|name| name.string().is_some()))
}

/// A right: whose, what and how.
struct Right<'a> {
    groups: &'a [&'a str],
    resources: &'a [&'a str],
    verbs: &'a [&'a str],
}

/// What grants a right, whatever the names; `named_too` says whether rules for single objects count.
fn granted(
    info: &'static RuleInfo,
    right: &Right<'_>,
    named_too: bool,
    what: &str,
    object: &Object,
    out: &mut Vec<Found>,
) {
    for rule in rules(object) {
        if (is_named(rule) && !named_too) || !in_groups(rule, right.groups) || !with_any_verb(rule, right.verbs) {
            continue;
        }
        if let Some(item) = resource(rule, right.resources) {
            let message = format!("{} may {what}", short(&object.label()));
            out.push(Found::new(info, span(item), message));
        }
    }
}

fn wildcard(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    for rule in rules(object) {
        let star = |list: &str| lists(rule, list, &["*"]);
        let (verbs, resources, urls) = (star("verbs"), star("resources"), star("nonResourceURLs"));
        let all = verbs.is_some() && resources.is_some();
        let first = resources.or(verbs).or(urls);
        let Some(item) = first else { continue };
        let what = match (verbs, resources, urls) {
            (Some(_), Some(_), _) => "everything with every resource",
            (None, Some(_), _) => "act on every resource",
            (Some(_), None, Some(_)) => "everything at every address of the API server",
            (Some(_), None, None) => "do everything with its resources",
            (None, None, _) => "reach every address of the API server",
        };
        let may = if what.starts_with("everything") { "may do" } else { "may" };
        let severity = if all { Severity::High } else { Severity::Medium };
        let mut found = Found::new(&WILDCARD.info, span(item), format!("{} {may} {what}", short(&object.label())));
        if all && let Some(verbs) = verbs {
            found = found.related(span(verbs));
        }
        out.push(found.severity(severity));
    }
}

fn secrets(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    let right = Right { groups: &[""], resources: &["secrets"], verbs: &["get", "list", "watch"] };
    granted(&SECRETS.info, &right, false, "read every Secret", object, out);
}

fn pods(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    let right = Right {
        groups: &["", "apps", "batch", "extensions"],
        resources: &[
            "pods",
            "deployments",
            "daemonsets",
            "statefulsets",
            "replicasets",
            "replicationcontrollers",
            "jobs",
            "cronjobs",
        ],
        verbs: &["create", "update", "patch"],
    };
    granted(&PODS.info, &right, false, "make pods", object, out);
}

fn exec(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    let right = Right {
        groups: &[""],
        resources: &["pods/exec", "pods/attach", "pods/ephemeralcontainers"],
        verbs: &["create", "get", "update", "patch"],
    };
    granted(&EXEC.info, &right, true, "run commands in pods", object, out);
}

fn escalation(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    for rule in rules(object).iter().filter(|rule| !is_named(rule)) {
        if let Some(verb) = lists(rule, "verbs", &["escalate", "bind", "impersonate"]) {
            let name = verb.text().unwrap_or_default();
            let message = format!("{} may {name}, and so take more rights", short(&object.label()));
            out.push(Found::new(&ESCALATION.info, span(verb), message));
        }
    }
}

fn bindings_writable(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    let right = Right {
        groups: &["rbac.authorization.k8s.io"],
        resources: &["roles", "clusterroles", "rolebindings", "clusterrolebindings"],
        verbs: &["create", "update", "patch", "delete", "deletecollection"],
    };
    granted(&BINDINGS_WRITABLE.info, &right, false, "change roles or bindings", object, out);
}

fn node_proxy(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    let right =
        Right { groups: &[""], resources: &["nodes/proxy"], verbs: &["get", "create", "update", "patch", "delete"] };
    granted(&NODE_PROXY.info, &right, true, "reach the nodes' own API", object, out);
}

fn approval(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    let groups = &["certificates.k8s.io"];
    let right =
        Right { groups, resources: &["certificatesigningrequests/approval"], verbs: &["update", "patch", "create"] };
    granted(&APPROVAL.info, &right, true, "approve certificates", object, out);
}

fn token(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    let right = Right { groups: &[""], resources: &["serviceaccounts/token"], verbs: &["create"] };
    granted(&TOKEN.info, &right, false, "make tokens of every service account", object, out);
}

fn webhooks(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    let right = Right {
        groups: &["admissionregistration.k8s.io"],
        resources: &["validatingwebhookconfigurations", "mutatingwebhookconfigurations"],
        verbs: &["create", "update", "patch", "delete", "deletecollection"],
    };
    granted(&WEBHOOKS.info, &right, false, "change admission webhooks", object, out);
}
