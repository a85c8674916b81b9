//! Whom containers run as, and as whom they speak to the API server.

use std::sync::Arc;

use plimsoll_model::{RuleInfo, Severity};
use plimsoll_yaml::Node;

use super::pod::{
    called, container_place, effective, in_container, in_pod, pod_place, set_in_container, set_in_pod, short, unsafely,
};
use super::{Check, Context, Rule};
use crate::manifest::edit::Value;
use crate::manifest::object::{Container, Workload, boolean, entry, integer};
use crate::source::Found;

pub const MAY_RUN_AS_ROOT: Rule = Rule {
    info: RuleInfo {
        id: "may-run-as-root",
        severity: Severity::Medium,
        aliases: &["RunAsNonRoot", "run-as-non-root", "runAsRootAllowed", "CKV_K8S_23", "KSV-0012"],
        opt_in: false,
        title: "Nothing keeps a container from running as root",
        why: "The image decides, and most images say root or nothing. Root in a container is root on the node as soon as it \
              gets out, and writes to every file of the image before that.",
        remedy: "set `runAsNonRoot: true` in the pod's securityContext, and a user in the image",
        bad: container!("    securityContext:\n      readOnlyRootFilesystem: true\n"),
        good: container!("    securityContext:\n      runAsNonRoot: true\n"),
    },
    check: Check::Workload(may_run_as_root),
};

pub const RUNS_AS_ROOT: Rule = Rule {
    info: RuleInfo {
        id: "runs-as-root",
        severity: Severity::High,
        aliases: &["CKV_K8S_6", "KSV-0105"],
        opt_in: false,
        title: "A container runs as root",
        why: "User 0 of the container is user 0 of the node: a way out of the container ends as root there.",
        remedy: "set `runAsUser` to the user that the image is made for",
        bad: container!("    securityContext:\n      runAsUser: 0\n"),
        good: container!("    securityContext:\n      runAsUser: 10001\n"),
    },
    check: Check::Workload(runs_as_root),
};

pub const LOW_USER_ID: Rule = Rule {
    info: RuleInfo {
        id: "low-user-id",
        severity: Severity::Low,
        aliases: &["RunAsUser", "Container Security Context User Group ID", "CKV_K8S_40", "KSV-0020"],
        opt_in: true,
        title: "A container's user id is not set above 10,000",
        why: "Low ids are those of the node's own users: outside the container the process would be one of them.",
        remedy: "set `runAsUser` to an id above 10,000",
        bad: container!("    securityContext:\n      runAsUser: 1000\n"),
        good: container!("    securityContext:\n      runAsUser: 10001\n"),
    },
    check: Check::Container(low_user_id),
};

pub const LOW_GROUP_ID: Rule = Rule {
    info: RuleInfo {
        id: "low-group-id",
        severity: Severity::Low,
        aliases: &["RunAsGroup", "KSV-0021", "KSV-0116"],
        opt_in: true,
        title: "A container's group id is not set above 10,000",
        why: "Without `runAsGroup` the group is mostly root's; low ids are groups of the node.",
        remedy: "set `runAsGroup` to an id above 10,000",
        bad: container!("    securityContext:\n      runAsGroup: 0\n"),
        good: container!("    securityContext:\n      runAsGroup: 10001\n"),
    },
    check: Check::Container(low_group_id),
};

pub const DEFAULT_ACCOUNT: Rule = Rule {
    info: RuleInfo {
        id: "default-service-account",
        severity: Severity::Low,
        aliases: &["ServiceAccountName", "CKV_K8S_41", "CKV_K8S_42"],
        opt_in: true,
        title: "The pod runs under its namespace's default service account",
        why: "Every other pod of the namespace has the same: what one of them is granted, all have.",
        remedy: "make a ServiceAccount for the workload and name it in `serviceAccountName`",
        bad: pod!("  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n"),
        good: pod!(
            "  serviceAccountName: web\n  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n"
        ),
    },
    check: Check::Workload(default_account),
};

pub const TOKEN_MOUNTED: Rule = Rule {
    info: RuleInfo {
        id: "service-account-token-mounted",
        severity: Severity::Low,
        aliases: &["AutomountServiceAccountToken", "CKV_K8S_38", "KSV-0036"],
        opt_in: false,
        title: "A token for the API server is mounted that nobody asked for",
        why: "Whoever gets into the container speaks to the API server in its name. Few programs need that.",
        remedy: "set `automountServiceAccountToken: false`; where the token is needed, set `true` and name a service account of \
                 the workload's own",
        bad: pod!("  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n"),
        good: pod!(
            "  automountServiceAccountToken: false\n  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n"
        ),
    },
    check: Check::Workload(token_mounted),
};

/// An id that no user of a node has: what fixes write.
const ORDINARY_ID: i64 = 10_001;
/// Ids up to this one may be those of a node's users.
const LAST_LOW_ID: i64 = 10_000;

/// Whether a container is held back from root: by the flag, or by a user that is not root.
fn held(container: &Container<'_>, workload: &Workload<'_>) -> bool {
    let flag = effective(container, workload, "runAsNonRoot").is_some_and(|(_, value)| boolean(value) == Some(true));
    flag || effective(container, workload, "runAsUser")
        .is_some_and(|(_, value)| integer(value).is_some_and(|id| id > 0))
}

/// Whether the user is set to root.
fn is_root(value: &Node) -> bool {
    integer(value) == Some(0) || value.text().is_some_and(|text| text.trim().parse::<i64>() == Ok(0))
}

fn may_run_as_root(workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    const PATH: [&str; 2] = ["securityContext", "runAsNonRoot"];
    if workload.is_windows() {
        return;
    }
    let (mut all, mut open) = (0_usize, Vec::new());
    for container in workload.containers() {
        all += 1;
        if held(&container, workload) {
            continue;
        }
        // Where the user is set to root, that is the place.
        match effective(&container, workload, "runAsUser").filter(|(_, value)| is_root(value)) {
            Some((holder, _)) => {
                let message = format!("nothing keeps {} from running as root", called(&container));
                out.push(Found::new(&MAY_RUN_AS_ROOT.info, entry(holder, "runAsUser"), message));
            }
            None => open.push(container),
        }
    }
    let mend = unsafely("set `runAsNonRoot: true`");
    // One finding where one line in the pod mends all; a container's own `false` has to go by itself.
    let own = |container: &Container<'_>| in_container(container, PATH[1]).is_some_and(|(_, value)| !value.is_null());
    if !open.is_empty() && open.len() == all && !open.iter().any(own) {
        let place = match in_pod(workload, PATH[1]) {
            Some((holder, _)) => entry(holder, PATH[1]),
            None => pod_place(workload, &PATH),
        };
        let message = format!("nothing keeps {} from running as root", short(&workload.object.label()));
        let found = Found::new(&MAY_RUN_AS_ROOT.info, place, message);
        out.push(set_in_pod(found, workload, context.source, mend, &PATH, Value::Bool(true)));
        return;
    }
    for container in open {
        let place = match in_container(&container, PATH[1]) {
            Some((holder, _)) => entry(holder, PATH[1]),
            None => container_place(&container, &PATH),
        };
        let message = format!("nothing keeps {} from running as root", called(&container));
        let found = Found::new(&MAY_RUN_AS_ROOT.info, place, message);
        let place = (&container, workload);
        out.push(set_in_container(found, place, context.source, mend, &PATH, Value::Bool(true)));
    }
}

fn runs_as_root(workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    const PATH: [&str; 2] = ["securityContext", "runAsUser"];
    if workload.is_windows() {
        return;
    }
    let title = format!("set `runAsUser: {ORDINARY_ID}`");
    let mend = unsafely(&title);
    if let Some((holder, _)) = in_pod(workload, PATH[1]).filter(|(_, value)| is_root(value)) {
        let message = format!("{} runs as root", short(&workload.object.label()));
        let found = Found::new(&RUNS_AS_ROOT.info, entry(holder, PATH[1]), message);
        out.push(set_in_pod(found, workload, context.source, mend, &PATH, Value::Int(ORDINARY_ID)));
    }
    for container in workload.containers() {
        if let Some((holder, _)) = in_container(&container, PATH[1]).filter(|(_, value)| is_root(value)) {
            let message = format!("{} runs as root", called(&container));
            let found = Found::new(&RUNS_AS_ROOT.info, entry(holder, PATH[1]), message);
            let place = (&container, workload);
            out.push(set_in_container(found, place, context.source, mend, &PATH, Value::Int(ORDINARY_ID)));
        }
    }
}

fn low_user_id(container: &Container<'_>, workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    low_id(&LOW_USER_ID.info, "runAsUser", "user", container, workload, context, out);
}

fn low_group_id(container: &Container<'_>, workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    low_id(&LOW_GROUP_ID.info, "runAsGroup", "group", container, workload, context, out);
}

fn low_id(
    rule: &'static RuleInfo,
    field: &str,
    what: &str,
    container: &Container<'_>,
    workload: &Workload<'_>,
    context: &Context<'_>,
    out: &mut Vec<Found>,
) {
    let value = effective(container, workload, field);
    let id = value.and_then(|(_, value): (_, &Arc<Node>)| integer(value));
    if workload.is_windows() || id.is_some_and(|id| id > LAST_LOW_ID) {
        return;
    }
    let path = ["securityContext", field];
    let place = value.map_or_else(|| container_place(container, &path), |(holder, _)| entry(holder, field));
    let message = match id {
        Some(id) => format!("{} has the {what} id {id}, which a {what} of the node may have", called(container)),
        None => format!("{} has no {what} id of its own", called(container)),
    };
    let title = format!("set `{field}: {ORDINARY_ID}`");
    let found = Found::new(rule, place, message);
    let value = Value::Int(ORDINARY_ID);
    out.push(set_in_container(found, (container, workload), context.source, unsafely(&title), &path, value));
}

/// The account's name; none where the default counts.
fn account<'o>(workload: &Workload<'o>) -> Option<&'o str> {
    let field = |name: &str| workload.at(&[name]).and_then(|value| value.string());
    field("serviceAccountName").or_else(|| field("serviceAccount")).filter(|name| *name != "default")
}

fn default_account(workload: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    if account(workload).is_some() {
        return;
    }
    let named = ["serviceAccountName", "serviceAccount"].into_iter().find(|name| workload.at(&[name]).is_some());
    let place = named.map_or_else(|| pod_place(workload, &[]), |name| entry(workload.spec, name));
    let message = format!("{} runs under the default service account", short(&workload.object.label()));
    out.push(Found::new(&DEFAULT_ACCOUNT.info, place, message));
}

fn token_mounted(workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    const FIELD: &str = "automountServiceAccountToken";
    let value = workload.at(&[FIELD]);
    match value.and_then(|value| boolean(value)) {
        Some(false) => return,
        // Said on purpose, and for an account of its own.
        Some(true) if account(workload).is_some() => return,
        None => {
            // The account may say it for all its pods.
            let name = account(workload).unwrap_or("default");
            let namespace = workload.object.namespace.as_deref();
            if context.defaults.is_some_and(|defaults| defaults.mounts_no_token(namespace, name)) {
                return;
            }
        }
        Some(true) => {}
    }
    let place = value.map_or_else(|| pod_place(workload, &[]), |_| entry(workload.spec, FIELD));
    let message = format!("{} gets a token for the API server", short(&workload.object.label()));
    let found = Found::new(&TOKEN_MOUNTED.info, place, message);
    let mend = unsafely("set `automountServiceAccountToken: false`");
    out.push(set_in_pod(found, workload, context.source, mend, &[FIELD], Value::Bool(false)));
}
