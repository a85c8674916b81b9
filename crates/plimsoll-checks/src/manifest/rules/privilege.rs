//! Privileges of containers: privileged mode, escalation, capabilities.

use std::sync::Arc;

use plimsoll_model::{RuleInfo, Severity};
use plimsoll_yaml::Node;

use super::pod::{
    asks_for, called, container_place, edit_container, in_container, safe, set_in_container, short, unsafely,
};
use super::{Check, Context, Rule};
use crate::manifest::edit::{self, Value};
use crate::manifest::object::{Container, Workload, boolean, entry, span};
use crate::pod_security::privileges::DEFAULT_CAPABILITIES;
use crate::source::Found;

pub const PRIVILEGED: Rule = Rule {
    info: RuleInfo {
        id: "privileged-container",
        severity: Severity::Critical,
        aliases: &["Privileged", "Container Security Context Privileged", "runAsPrivileged", "CKV_K8S_16", "KSV-0017"],
        opt_in: false,
        title: "A container runs privileged",
        why: "It has every capability, every device and no seccomp, AppArmor or SELinux: root in it is root on the node.",
        remedy: "take `privileged` out and add the one capability or device that is needed",
        bad: container!("    securityContext:\n      privileged: true\n"),
        good: container!("    securityContext:\n      privileged: false\n"),
    },
    check: Check::Container(privileged),
};

pub const ESCALATION: Rule = Rule {
    info: RuleInfo {
        id: "privilege-escalation-allowed",
        severity: Severity::Medium,
        aliases: &[
            "AllowPrivilegeEscalation",
            "privilege-escalation-container",
            "privilegeEscalationAllowed",
            "CKV_K8S_20",
            "KSV-0001",
        ],
        opt_in: false,
        title: "A process may gain more privileges than its parent",
        why: "A setuid program in the image is enough to become root in the container; unset means allowed.",
        remedy: "set `allowPrivilegeEscalation: false` in the container's securityContext",
        bad: container!("    securityContext:\n      allowPrivilegeEscalation: true\n"),
        good: container!("    securityContext:\n      allowPrivilegeEscalation: false\n"),
    },
    check: Check::Container(escalation),
};

pub const CAPABILITY_ADDED: Rule = Rule {
    info: RuleInfo {
        id: "capability-added",
        severity: Severity::Medium,
        aliases: &["dangerousCapabilities", "CKV_K8S_25", "KSV-0022"],
        opt_in: false,
        title: "A container gets a capability beyond the runtime's own set",
        why: "Each is a piece of root: with some of them the node's files, memory or network are open.",
        remedy: "take the capability out, or keep the one program that needs it in a container of its own",
        bad: container!("    securityContext:\n      capabilities:\n        add: [NET_ADMIN]\n"),
        good: container!("    securityContext:\n      capabilities:\n        add: [NET_BIND_SERVICE]\n"),
    },
    check: Check::Container(capability_added),
};

pub const SYS_ADMIN: Rule = Rule {
    info: RuleInfo {
        id: "sys-admin-capability",
        severity: Severity::High,
        aliases: &["CapSysAdmin", "CKV_K8S_39", "KSV-0005"],
        opt_in: false,
        title: "A container gets SYS_ADMIN",
        why: "It lets mount file systems, enter namespaces and more: close to privileged mode.",
        remedy: "take `SYS_ADMIN` out; most programs that ask for it need one narrower capability",
        bad: container!("    securityContext:\n      capabilities:\n        add: [SYS_ADMIN]\n"),
        good: container!("    securityContext:\n      capabilities:\n        add: [NET_BIND_SERVICE]\n"),
    },
    check: Check::Container(sys_admin),
};

pub const SYS_MODULE: Rule = Rule {
    info: RuleInfo {
        id: "sys-module-capability",
        severity: Severity::Critical,
        aliases: &["KSV-0120"],
        opt_in: false,
        title: "A container gets SYS_MODULE",
        why: "It may load modules into the node's kernel: there is nothing that it may not do then.",
        remedy: "take `SYS_MODULE` out and load the module when the node starts",
        bad: container!("    securityContext:\n      capabilities:\n        add: [SYS_MODULE]\n"),
        good: container!("    securityContext:\n      capabilities:\n        add: [NET_BIND_SERVICE]\n"),
    },
    check: Check::Container(sys_module),
};

pub const NET_RAW: Rule = Rule {
    info: RuleInfo {
        id: "net-raw-kept",
        severity: Severity::Low,
        aliases: &["drop-net-raw-capability", "CKV_K8S_28", "KSV-0119"],
        opt_in: true,
        title: "A container keeps NET_RAW",
        why: "It may forge packets and answer for other pods of the node (ARP, DNS). The runtime gives it unless it is dropped.",
        remedy: "drop `ALL` or `NET_RAW` in the container's capabilities",
        bad: container!("    securityContext:\n      capabilities:\n        drop: [MKNOD]\n"),
        good: container!("    securityContext:\n      capabilities:\n        drop: [ALL]\n"),
    },
    check: Check::Container(net_raw),
};

pub const NOT_DROPPED: Rule = Rule {
    info: RuleInfo {
        id: "capabilities-not-dropped",
        severity: Severity::Low,
        aliases: &["CapDropAny", "CapDropAll", "insecureCapabilities", "CKV_K8S_37", "KSV-0003", "KSV-0004"],
        opt_in: false,
        title: "A container keeps the capabilities that the runtime gives",
        why: "Fourteen of them, such as CHOWN, NET_RAW and SETUID, that hardly any program needs and an intruder uses.",
        remedy: "drop `ALL` and add back by name what is needed",
        bad: container!("    securityContext:\n      capabilities:\n        drop: [NET_RAW]\n"),
        good: container!("    securityContext:\n      capabilities:\n        drop: [ALL]\n"),
    },
    check: Check::Container(not_dropped),
};

pub const ADDED_BACK: Rule = Rule {
    info: RuleInfo {
        id: "capability-added-back",
        severity: Severity::Low,
        aliases: &["KSV-0106"],
        opt_in: true,
        title: "A container gets another capability than NET_BIND_SERVICE",
        why: "The restricted Pod Security Standard lets a container have that one alone.",
        remedy: "take the capability out; files may be owned and users set when the image is built",
        bad: container!("    securityContext:\n      capabilities:\n        drop: [ALL]\n        add: [CHOWN]\n"),
        good: container!(
            "    securityContext:\n      capabilities:\n        drop: [ALL]\n        add: [NET_BIND_SERVICE]\n"
        ),
    },
    check: Check::Container(added_back),
};

/// Those that reach the node's memory, files, devices or network.
const GRAVE: [&str; 12] = [
    "ALL",
    "BPF",
    "DAC_READ_SEARCH",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "NET_ADMIN",
    "PERFMON",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_TIME",
];

fn privileged(container: &Container<'_>, workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    let Some((holder, value)) = in_container(container, "privileged") else { return };
    if workload.is_windows() || !asks_for(value) {
        return;
    }
    let found =
        Found::new(&PRIVILEGED.info, entry(holder, "privileged"), format!("{} runs privileged", called(container)));
    let (mend, path) = (unsafely("set `privileged: false`"), ["securityContext", "privileged"]);
    out.push(set_in_container(found, (container, workload), context.source, mend, &path, Value::Bool(false)));
}

fn escalation(container: &Container<'_>, workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    const PATH: [&str; 2] = ["securityContext", "allowPrivilegeEscalation"];
    let value = container.at(&PATH);
    if workload.is_windows() || value.is_some_and(|value| boolean(value) == Some(false)) {
        return;
    }
    let privileged = in_container(container, "privileged").is_some_and(|(_, value)| asks_for(value));
    let adds = added(container).any(|(name, _)| name == "SYS_ADMIN");
    let place = match (in_container(container, PATH[1]), value.is_some()) {
        (Some((holder, _)), true) => entry(holder, PATH[1]),
        _ => container_place(container, &PATH),
    };
    let message = match value.is_some_and(|value| asks_for(value)) {
        true => format!("{} lets its processes gain privileges", called(container)),
        false => format!("{} does not forbid its processes to gain privileges", called(container)),
    };
    let found = Found::new(&ESCALATION.info, place, message);
    // The API server refuses `false` beside these.
    out.push(match privileged || adds {
        true => found,
        false => {
            let mend = safe("set `allowPrivilegeEscalation: false`");
            set_in_container(found, (container, workload), context.source, mend, &PATH, Value::Bool(false))
        }
    });
}

/// The capabilities in a list, in the kernel's words without `CAP_`.
fn capabilities<'o>(container: &Container<'o>, list: &str) -> impl Iterator<Item = (String, &'o Arc<Node>)> + use<'o> {
    let items = container.at(&["securityContext", "capabilities", list]).map(|list| list.items()).unwrap_or_default();
    items.iter().filter_map(|item| {
        let name = item.text()?.to_ascii_uppercase();
        Some((name.strip_prefix("CAP_").map_or_else(|| name.clone(), str::to_owned), item))
    })
}

fn added<'o>(container: &Container<'o>) -> impl Iterator<Item = (String, &'o Arc<Node>)> + use<'o> {
    capabilities(container, "add")
}

fn drops(container: &Container<'_>, wanted: &[&str]) -> bool {
    // Most runtimes do not know `CAP_ALL`: what may not work is no protection.
    capabilities(container, "drop").any(|(name, item)| {
        wanted.contains(&name.as_str()) && item.text().is_some_and(|text| text.eq_ignore_ascii_case(&name))
    })
}

fn capability_added(container: &Container<'_>, workload: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    if workload.is_windows() {
        return;
    }
    for (name, item) in added(container) {
        if DEFAULT_CAPABILITIES.contains(&name.as_str()) {
            continue;
        }
        let message = format!("{} gets the capability {}", called(container), short(&name));
        let severity = match name.as_str() {
            "ALL" | "SYS_MODULE" => Severity::Critical,
            name if GRAVE.contains(&name) => Severity::High,
            _ => Severity::Medium,
        };
        out.push(Found::new(&CAPABILITY_ADDED.info, span(item), message).severity(severity));
    }
}

fn sys_admin(container: &Container<'_>, workload: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    one(&SYS_ADMIN.info, "SYS_ADMIN", container, workload, out);
}

fn sys_module(container: &Container<'_>, workload: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    one(&SYS_MODULE.info, "SYS_MODULE", container, workload, out);
}

fn one(
    rule: &'static RuleInfo,
    wanted: &str,
    container: &Container<'_>,
    workload: &Workload<'_>,
    out: &mut Vec<Found>,
) {
    if workload.is_windows() {
        return;
    }
    for (_, item) in added(container).filter(|(name, _)| name == wanted) {
        out.push(Found::new(rule, span(item), format!("{} gets the capability {wanted}", called(container))));
    }
}

fn net_raw(container: &Container<'_>, workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    if !workload.is_windows() && !drops(container, &["ALL", "NET_RAW"]) {
        let message = format!("{} keeps the capability NET_RAW", called(container));
        out.push(drop_one(&NET_RAW.info, message, "NET_RAW", container, workload, context));
    }
}

fn not_dropped(container: &Container<'_>, workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    if !workload.is_windows() && !drops(container, &["ALL"]) {
        let message = format!("{} does not drop ALL capabilities", called(container));
        out.push(drop_one(&NOT_DROPPED.info, message, "ALL", container, workload, context));
    }
}

const DROP: [&str; 3] = ["securityContext", "capabilities", "drop"];

/// The finding of a capability that is not dropped. Its fix is not safe: the program may use what it loses.
fn drop_one(
    rule: &'static RuleInfo,
    message: String,
    name: &str,
    container: &Container<'_>,
    workload: &Workload<'_>,
    context: &Context<'_>,
) -> Found {
    let found = Found::new(rule, container_place(container, &DROP), message);
    let title = format!("drop {name}");
    edit_container(found, (container, workload), unsafely(&title), |node| match container.at(&DROP) {
        Some(list) if !list.items().is_empty() => edit::push(context.source, node, &DROP, name),
        Some(list) if list.start < list.end && !list.is_null() => edit::push(context.source, node, &DROP, name),
        _ => edit::set(context.source, node, &DROP, Value::Texts(&[name])),
    })
}

fn added_back(container: &Container<'_>, workload: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    if workload.is_windows() {
        return;
    }
    for (name, item) in added(container) {
        if name != "NET_BIND_SERVICE" && DEFAULT_CAPABILITIES.contains(&name.as_str()) {
            let message = format!("{} gets the capability {name}", called(container));
            out.push(Found::new(&ADDED_BACK.info, span(item), message));
        }
    }
}
