//! What keeps a container small: seccomp, AppArmor, SELinux, sysctls and a root file system that cannot be written.

use plimsoll_model::{RuleInfo, Severity};

use super::pod::{
    called, container_place, edit_container, effective, in_container, in_pod, pod_place, safe, set_in_container,
    set_in_pod, short, unsafely,
};
use super::{Check, Context, Rule};
use crate::manifest::edit::{self, Value};
use crate::manifest::object::{Container, ContainerKind, Workload, boolean, entry};
use crate::source::Found;

pub const SECCOMP_MISSING: Rule = Rule {
    info: RuleInfo {
        id: "seccomp-missing",
        severity: Severity::Low,
        aliases: &["SeccompAny", "Container Seccomp Profile", "CKV_K8S_31", "KSV-0030"],
        opt_in: false,
        title: "A container runs without a seccomp profile",
        why: "Unless the kubelet is told otherwise, unset means that every system call of the kernel is open, the rare and \
              broken ones too.",
        remedy: "set `seccompProfile: {type: RuntimeDefault}` in the pod's securityContext",
        bad: container!("    securityContext:\n      runAsNonRoot: true\n"),
        good: container!("    securityContext:\n      seccompProfile:\n        type: RuntimeDefault\n"),
    },
    check: Check::Workload(seccomp_missing),
};

pub const SECCOMP_UNCONFINED: Rule = Rule {
    info: RuleInfo {
        id: "seccomp-unconfined",
        severity: Severity::Medium,
        aliases: &["SeccompUnconfined", "KSV-0104"],
        opt_in: false,
        title: "Seccomp is turned off",
        why: "Every system call of the kernel is open to the container: the runtime's own profile blocks the forty or so that \
              exploits begin with.",
        remedy: "set the profile's type to `RuntimeDefault`, or to `Localhost` with a profile of its own",
        bad: container!("    securityContext:\n      seccompProfile:\n        type: Unconfined\n"),
        good: container!("    securityContext:\n      seccompProfile:\n        type: RuntimeDefault\n"),
    },
    check: Check::Workload(seccomp_unconfined),
};

pub const APPARMOR_MISSING: Rule = Rule {
    info: RuleInfo {
        id: "apparmor-missing",
        severity: Severity::Low,
        aliases: &["ApparmorAny", "KSV-0002"],
        opt_in: true,
        title: "No AppArmor profile is asked for",
        why: "Where the nodes have AppArmor the runtime's profile is used anyway; where they have not, nothing says so.",
        remedy: "set `appArmorProfile: {type: RuntimeDefault}` in the pod's securityContext",
        bad: container!("    securityContext:\n      runAsNonRoot: true\n"),
        good: container!("    securityContext:\n      appArmorProfile:\n        type: RuntimeDefault\n"),
    },
    check: Check::Workload(apparmor_missing),
};

pub const APPARMOR_UNCONFINED: Rule = Rule {
    info: RuleInfo {
        id: "apparmor-unconfined",
        severity: Severity::Medium,
        aliases: &["ApparmorUnconfined"],
        opt_in: false,
        title: "AppArmor is turned off",
        why: "The runtime's profile keeps even root in the container from writing to the kernel's files and from mounting.",
        remedy: "set the profile's type to `RuntimeDefault`, or to `Localhost` with a profile of its own",
        bad: container!("    securityContext:\n      appArmorProfile:\n        type: Unconfined\n"),
        good: container!("    securityContext:\n      appArmorProfile:\n        type: RuntimeDefault\n"),
    },
    check: Check::Workload(apparmor_unconfined),
};

pub const SELINUX: Rule = Rule {
    info: RuleInfo {
        id: "selinux-options",
        severity: Severity::Medium,
        aliases: &["KSV-0025"],
        opt_in: false,
        title: "SELinux options take the container out of its confinement",
        why: "Another type than those of containers (`spc_t`, say), or a user or role of its own, lifts the walls between the \
              container and the node.",
        remedy: "take `type`, `user` and `role` out; `level` alone is fine",
        bad: container!("    securityContext:\n      seLinuxOptions:\n        type: spc_t\n"),
        good: container!("    securityContext:\n      seLinuxOptions:\n        level: s0:c123,c456\n"),
    },
    check: Check::Workload(selinux),
};

pub const SYSCTL: Rule = Rule {
    info: RuleInfo {
        id: "unsafe-sysctl",
        severity: Severity::Medium,
        aliases: &["unsafe-sysctls", "KSV-0026"],
        opt_in: false,
        title: "A sysctl is set that is not known to stay within the pod",
        why: "It may change the kernel for every pod of the node, or use its memory past all limits.",
        remedy: "take the sysctl out, or set it on the node",
        bad: pod!(
            "  securityContext:\n    sysctls:\n    - name: kernel.msgmax\n      value: \"65536\"\n  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n"
        ),
        good: pod!(
            "  securityContext:\n    sysctls:\n    - name: net.ipv4.tcp_syncookies\n      value: \"1\"\n  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n"
        ),
    },
    check: Check::Workload(sysctl),
};

pub const WRITABLE_ROOT: Rule = Rule {
    info: RuleInfo {
        id: "writable-root-filesystem",
        severity: Severity::Low,
        aliases: &[
            "ReadOnlyRootFilesystem",
            "no-read-only-root-fs",
            "Container Security Context ReadOnlyRootFilesystem",
            "notReadOnlyRootFilesystem",
            "CKV_K8S_22",
            "KSV-0014",
        ],
        opt_in: false,
        title: "A container may change its own programs",
        why: "An intruder replaces them or brings tools along; what is written there is lost with the container anyway.",
        remedy: "set `readOnlyRootFilesystem: true` and mount an emptyDir where the program writes",
        bad: container!("    securityContext:\n      readOnlyRootFilesystem: false\n"),
        good: container!("    securityContext:\n      readOnlyRootFilesystem: true\n"),
    },
    check: Check::Container(writable_root),
};

pub const CONTEXT_MISSING: Rule = Rule {
    info: RuleInfo {
        id: "security-context-missing",
        severity: Severity::Low,
        aliases: &["CKV_K8S_29", "CKV_K8S_30", "KSV-0118"],
        opt_in: true,
        title: "A container has no securityContext at all",
        why: "Every default counts, and the defaults are open. The single defaults have rules of their own; this one is for \
              who wants to see that somebody thought of it.",
        remedy: "give the container a securityContext; `allowPrivilegeEscalation: false` is the line to begin with",
        bad: container!("    ports:\n    - containerPort: 8080\n"),
        good: container!("    securityContext:\n      allowPrivilegeEscalation: false\n"),
    },
    check: Check::Container(context_missing),
};

/// The types that the baseline Pod Security Standard lets containers have.
const SELINUX_TYPES: [&str; 5] = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];
/// Namespaced sysctls that change nothing outside the pod, as the Pod Security Standards list them.
const SAFE_SYSCTLS: [&str; 14] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
    "net.ipv4.tcp_slow_start_after_idle",
    "net.ipv4.tcp_notsent_lowat",
];

/// A profile of the container or, where it has none, the pod: its type.
fn profile<'o>(container: &Container<'o>, workload: &Workload<'o>, field: &str) -> Option<&'o str> {
    effective(container, workload, field).and_then(|(_, profile)| profile.get("type")?.string())
}

fn seccomp_missing(workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    missing(&SECCOMP_MISSING.info, "seccompProfile", "seccomp", safe, workload, context, out);
}

fn apparmor_missing(workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    let annotated = workload.metadata.and_then(|metadata| metadata.get("annotations")).is_some_and(|annotations| {
        annotations
            .all_pairs()
            .into_iter()
            .any(|(key, _)| key.text().is_some_and(|key| key.starts_with(APPARMOR_ANNOTATION)))
    });
    if !annotated {
        missing(&APPARMOR_MISSING.info, "appArmorProfile", "AppArmor", unsafely, workload, context, out);
    }
}

/// One finding where one line in the pod mends all of its containers, else one for each.
fn missing(
    rule: &'static RuleInfo,
    field: &str,
    what: &str,
    mend: fn(&'static str) -> super::pod::Mend<'static>,
    workload: &Workload<'_>,
    context: &Context<'_>,
    out: &mut Vec<Found>,
) {
    if workload.is_windows() {
        return;
    }
    let (mut all, mut open) = (0_usize, Vec::new());
    for container in workload.containers() {
        all += 1;
        // An `Unconfined` is there; another rule judges it.
        if profile(&container, workload, field).is_none() {
            open.push(container);
        }
    }
    let path = ["securityContext", field, "type"];
    let (mend, value) = (mend("use the runtime's profile"), Value::Text("RuntimeDefault"));
    let own = |container: &Container<'_>| in_container(container, field).is_some_and(|(_, value)| !value.is_null());
    if !open.is_empty() && open.len() == all && !open.iter().any(own) {
        let message = format!("{} has no {what} profile", short(&workload.object.label()));
        let found = Found::new(rule, pod_place(workload, &path), message);
        out.push(set_in_pod(found, workload, context.source, mend, &path, value));
        return;
    }
    for container in open {
        let found = Found::new(
            rule,
            container_place(&container, &path),
            format!("{} has no {what} profile", called(&container)),
        );
        out.push(set_in_container(found, (&container, workload), context.source, mend, &path, value));
    }
}

fn seccomp_unconfined(workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    unconfined(&SECCOMP_UNCONFINED.info, "seccompProfile", "seccomp", workload, context, out);
}

fn apparmor_unconfined(workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    unconfined(&APPARMOR_UNCONFINED.info, "appArmorProfile", "AppArmor", workload, context, out);
    let Some(annotations) = workload.metadata.and_then(|metadata| metadata.get("annotations")) else { return };
    for (key, value) in annotations.all_pairs() {
        let Some(container) = key.text().and_then(|key| key.strip_prefix(APPARMOR_ANNOTATION)) else { continue };
        let profile = value.text().unwrap_or_default();
        if !matches!(profile, "" | "runtime/default") && !profile.starts_with("localhost/") {
            let message = format!("container `{}` has the AppArmor profile `{}`", short(container), short(profile));
            let span = crate::source::Span::new(key.start, value.end.max(key.end));
            out.push(Found::new(&APPARMOR_UNCONFINED.info, span, message));
        }
    }
}

/// Of each container, followed by its name.
const APPARMOR_ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

fn unconfined(
    rule: &'static RuleInfo,
    field: &str,
    what: &str,
    workload: &Workload<'_>,
    context: &Context<'_>,
    out: &mut Vec<Found>,
) {
    if workload.is_windows() {
        return;
    }
    let path = ["securityContext", field, "type"];
    let value = Value::Text("RuntimeDefault");
    let mend = safe("use the runtime's profile");
    let off = |kind: Option<&str>| kind.is_some_and(|kind| !matches!(kind, "" | "RuntimeDefault" | "Localhost"));
    if let Some((_, profile)) = in_pod(workload, field)
        && off(profile.get("type").and_then(|kind| kind.text()))
    {
        let message = format!("{what} is turned off for {}", short(&workload.object.label()));
        let found = Found::new(rule, entry(profile, "type"), message);
        out.push(set_in_pod(found, workload, context.source, mend, &path, value));
    }
    for container in workload.containers() {
        if let Some((_, profile)) = in_container(&container, field)
            && off(profile.get("type").and_then(|kind| kind.text()))
        {
            let found =
                Found::new(rule, entry(profile, "type"), format!("{what} is turned off for {}", called(&container)));
            out.push(set_in_container(found, (&container, workload), context.source, mend, &path, value));
        }
    }
}

fn selinux(workload: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    if workload.is_windows() {
        return;
    }
    let pod = in_pod(workload, "seLinuxOptions").map(|(_, options)| (short(&workload.object.label()), options));
    let containers = workload.containers().filter_map(|container| {
        in_container(&container, "seLinuxOptions").map(|(_, options)| (called(&container), options))
    });
    for (who, options) in pod.into_iter().chain(containers) {
        for field in ["type", "user", "role"] {
            let Some(value) = options.get(field).and_then(|value| value.text()) else { continue };
            let good = if field == "type" { SELINUX_TYPES.contains(&value) } else { value.is_empty() };
            if !good {
                let message = format!("{who} asks for the SELinux {field} `{}`", short(value));
                out.push(Found::new(&SELINUX.info, entry(options, field), message));
            }
        }
    }
}

fn sysctl(workload: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    let Some((_, list)) = in_pod(workload, "sysctls") else { return };
    for item in list.items() {
        let name = item.get("name").and_then(|name| name.text()).unwrap_or_default().replace('/', ".");
        if !SAFE_SYSCTLS.contains(&name.as_str()) {
            let message = format!("the sysctl `{}` is not one of the safe ones", short(&name));
            out.push(Found::new(&SYSCTL.info, entry(item, "name"), message));
        }
    }
}

fn writable_root(container: &Container<'_>, workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    const PATH: [&str; 2] = ["securityContext", "readOnlyRootFilesystem"];
    let value = in_container(container, PATH[1]);
    let good = value.is_some_and(|(_, value)| boolean(value) == Some(true));
    // A debugging container is there to be written to.
    if workload.is_windows() || good || container.kind == ContainerKind::Ephemeral {
        return;
    }
    let place = value.map_or_else(|| container_place(container, &PATH), |(holder, _)| entry(holder, PATH[1]));
    let message = format!("{} may write to its root file system", called(container));
    let found = Found::new(&WRITABLE_ROOT.info, place, message);
    let mend = unsafely("set `readOnlyRootFilesystem: true`");
    out.push(set_in_container(found, (container, workload), context.source, mend, &PATH, Value::Bool(true)));
}

fn context_missing(container: &Container<'_>, workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    let own = container.at(&["securityContext"]);
    if workload.is_windows() || own.is_some_and(|own| !own.pairs().is_empty()) {
        return;
    }
    let message = format!("{} has no securityContext", called(container));
    let found = Found::new(&CONTEXT_MISSING.info, container_place(container, &["securityContext"]), message);
    let path = ["securityContext", "allowPrivilegeEscalation"];
    let mend = safe("add `allowPrivilegeEscalation: false`");
    out.push(edit_container(found, (container, workload), mend, |node| {
        edit::set(context.source, node, &path, Value::Bool(false))
    }));
}
