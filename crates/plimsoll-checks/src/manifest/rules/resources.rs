//! What containers ask for and may use. Main containers and sidecars have requests; limits are of init containers too, for
//! one without may take the node's memory while it runs. Ephemeral containers cannot have either. What a
//! LimitRange of the run fills in is not missing.

use plimsoll_model::{RuleInfo, Severity};

use super::pod::{called, container_place};
use super::{Check, Context, Rule};
use crate::manifest::object::{Container, ContainerKind, Workload, entry};
use crate::manifest::project::defaults::Amount;
use crate::source::Found;

pub const CPU_REQUEST: Rule = Rule {
    info: RuleInfo {
        id: "cpu-request-missing",
        severity: Severity::Low,
        aliases: &["RequestsCPU", "unset-cpu-requirements", "cpuRequestsMissing", "CKV_K8S_10", "KSV-0015"],
        opt_in: false,
        title: "A container asks for no CPU",
        why: "The scheduler counts it as nothing, and where the node is busy it gets what is left.",
        remedy: "set `resources.requests.cpu` to what it needs on an ordinary day",
        bad: container!("    resources:\n      requests:\n        memory: 64Mi\n"),
        good: container!("    resources:\n      requests:\n        cpu: 100m\n        memory: 64Mi\n"),
    },
    check: Check::Container(cpu_request),
};

pub const CPU_LIMIT: Rule = Rule {
    info: RuleInfo {
        id: "cpu-limit-missing",
        severity: Severity::Low,
        aliases: &["LimitsCPU", "cpuLimitsMissing", "CKV_K8S_11", "KSV-0011"],
        opt_in: true,
        title: "A container may use all the CPU there is",
        why: "It takes what others of the node do not use. With requests everywhere that is mostly wished for, so this is only \
              looked for where somebody asks.",
        remedy: "set `resources.limits.cpu`",
        bad: container!("    resources:\n      requests:\n        cpu: 100m\n"),
        good: container!("    resources:\n      limits:\n        cpu: 200m\n"),
    },
    check: Check::Container(cpu_limit),
};

pub const MEMORY_REQUEST: Rule = Rule {
    info: RuleInfo {
        id: "memory-request-missing",
        severity: Severity::Low,
        aliases: &["RequestsMemory", "unset-memory-requirements", "memoryRequestsMissing", "CKV_K8S_12", "KSV-0016"],
        opt_in: false,
        title: "A container asks for no memory",
        why: "The scheduler counts it as nothing, and it is the first to be killed when the node runs out.",
        remedy: "set `resources.requests.memory` to what it needs on an ordinary day",
        bad: container!("    resources:\n      requests:\n        cpu: 100m\n"),
        good: container!("    resources:\n      requests:\n        cpu: 100m\n        memory: 64Mi\n"),
    },
    check: Check::Container(memory_request),
};

pub const MEMORY_LIMIT: Rule = Rule {
    info: RuleInfo {
        id: "memory-limit-missing",
        severity: Severity::Medium,
        aliases: &["LimitsMemory", "memoryLimitsMissing", "CKV_K8S_13", "KSV-0018"],
        opt_in: false,
        title: "A container may use all the memory of its node",
        why: "A leak or an attack on one pod then ends others, for the kernel kills whom it likes when memory runs out.",
        remedy: "set `resources.limits.memory`",
        bad: container!("    resources:\n      requests:\n        memory: 64Mi\n"),
        good: container!("    resources:\n      limits:\n        memory: 128Mi\n"),
    },
    check: Check::Container(memory_limit),
};

pub const EPHEMERAL_STORAGE: Rule = Rule {
    info: RuleInfo {
        id: "ephemeral-storage-limit-missing",
        severity: Severity::Low,
        aliases: &["Container Ephemeral Storage Request and Limit"],
        opt_in: true,
        title: "A container may fill its node's disk",
        why: "Logs, emptyDirs and the writable layer are on the node's own disk; when it is full, pods are evicted.",
        remedy: "set `resources.limits.ephemeral-storage`",
        bad: container!("    resources:\n      limits:\n        memory: 128Mi\n"),
        good: container!("    resources:\n      limits:\n        ephemeral-storage: 1Gi\n"),
    },
    check: Check::Container(ephemeral_storage),
};

/// Whether a container is there as long as the pod is, so that its requests add up.
fn stays(container: &Container<'_>) -> bool {
    let sidecar = container.at(&["restartPolicy"]).and_then(|policy| policy.text()) == Some("Always");
    container.kind == ContainerKind::Main || (container.kind == ContainerKind::Init && sidecar)
}

/// Whether the path holds a quantity that is not nothing.
fn quantity(container: &Container<'_>, workload: &Workload<'_>, list: &str, name: &str) -> bool {
    let own = container.at(&["resources", list, name]);
    let pod = workload.at(&["resources", list, name]);
    [own, pod].into_iter().flatten().any(|value| {
        let text = value.string().unwrap_or_default().trim();
        text.starts_with(|c: char| c.is_ascii_digit() || c == '.' || c == '+')
            && text.bytes().any(|b| (b'1'..=b'9').contains(&b))
    })
}

/// Whether a LimitRange of the run says the amount where the container does not.
fn filled_in(workload: &Workload<'_>, context: &Context<'_>, amount: Amount, name: &str) -> bool {
    context.defaults.is_some_and(|limits| limits.fill_in(workload.object.namespace.as_deref(), amount, name))
}

fn lacks(
    rule: &'static RuleInfo,
    (list, name): (&str, &str),
    message: &str,
    container: &Container<'_>,
    out: &mut Vec<Found>,
) {
    let path = ["resources", list, name];
    let place = match container.at(&path[..2]) {
        // It is there and says nothing.
        Some(holder) if holder.get(name).is_some_and(|value| !value.is_null()) => entry(holder, name),
        _ => container_place(container, &path),
    };
    out.push(Found::new(rule, place, format!("{} {message}", called(container))));
}

fn cpu_request(container: &Container<'_>, workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    request(&CPU_REQUEST.info, "cpu", "asks for no CPU", container, workload, context, out);
}

fn memory_request(container: &Container<'_>, workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    request(&MEMORY_REQUEST.info, "memory", "asks for no memory", container, workload, context, out);
}

/// A request that is not set is as large as the limit.
fn request(
    rule: &'static RuleInfo,
    name: &str,
    message: &str,
    container: &Container<'_>,
    workload: &Workload<'_>,
    context: &Context<'_>,
    out: &mut Vec<Found>,
) {
    let set = ["requests", "limits"].into_iter().any(|list| quantity(container, workload, list, name));
    if stays(container) && !set && !filled_in(workload, context, Amount::Request, name) {
        lacks(rule, ("requests", name), message, container, out);
    }
}

fn cpu_limit(container: &Container<'_>, workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    limit(&CPU_LIMIT.info, "cpu", "has no CPU limit", container, workload, context, out);
}

fn memory_limit(container: &Container<'_>, workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    limit(&MEMORY_LIMIT.info, "memory", "has no memory limit", container, workload, context, out);
}

fn ephemeral_storage(container: &Container<'_>, workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    limit(
        &EPHEMERAL_STORAGE.info,
        "ephemeral-storage",
        "has no limit of local storage",
        container,
        workload,
        context,
        out,
    );
}

fn limit(
    rule: &'static RuleInfo,
    name: &str,
    message: &str,
    container: &Container<'_>,
    workload: &Workload<'_>,
    context: &Context<'_>,
    out: &mut Vec<Found>,
) {
    let set = container.kind == ContainerKind::Ephemeral || quantity(container, workload, "limits", name);
    if !set && !filled_in(workload, context, Amount::Limit, name) {
        lacks(rule, ("limits", name), message, container, out);
    }
}
