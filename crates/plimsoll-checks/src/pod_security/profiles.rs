//! Confinement by the kernel: AppArmor, SELinux, seccomp, and the kernel's own parameters.

use std::collections::HashSet;

use plimsoll_model::{RuleInfo, Severity};

use super::fields::{Pod, quoted, read};
use super::{Check, Level, Revision};
use crate::manifest::object;

const APP_ARMOR_PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";
const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_PREFIX: &str = "container.seccomp.security.alpha.kubernetes.io/";

/// The profiles that both AppArmor and seccomp allow by name.
fn is_confined(profile: &str) -> bool {
    matches!(profile, "RuntimeDefault" | "Localhost")
}

pub(super) const APP_ARMOR: Check = Check {
    id: "appArmorProfile",
    level: Level::Baseline,
    revisions: &[Revision { from: 0, run: app_armor }],
    info: RuleInfo {
        id: "pod-security-app-armor-profile",
        severity: Severity::High,
        aliases: &["appArmorProfile"],
        opt_in: true,
        title: "AppArmor is turned off, or its profile is unknown",
        why: "The runtime's AppArmor profile keeps even root in a container from the node's sensitive files and mounts.",
        remedy: "Remove the profile, or set it to `RuntimeDefault` or `Localhost`.",
        bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  annotations:\n    container.apparmor.security.beta.kubernetes.io/a: unconfined\nspec:\n  containers:\n  - {name: a, image: i}\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  securityContext:\n    appArmorProfile: {type: RuntimeDefault}\n  containers:\n  - {name: a, image: i}\n",
    },
};

fn app_armor(pod: &Pod<'_>) {
    profile_types(pod, "appArmorProfile", "AppArmor");
    for (key, value, span) in pod.annotations() {
        let allowed = value.is_empty() || value == "runtime/default" || value.starts_with("localhost/");
        if let (Some(container), false) = (key.strip_prefix(APP_ARMOR_PREFIX), allowed) {
            let message = format!(
                "an annotation sets the AppArmor profile of container {} to {}",
                quoted(container),
                quoted(value)
            );
            pod.say(span, message);
        }
    }
}

/// Says each profile, of the pod or a container, that is set and confines nothing.
fn profile_types(pod: &Pod<'_>, key: &'static str, system: &str) {
    for holder in pod.holders() {
        let Some(profile) = pod.set(holder.read(&["securityContext", key]), &holder) else { continue };
        let kind = pod.set(profile.read(&["type"]), &holder);
        if !kind.as_ref().is_some_and(|kind| is_confined(kind.text())) {
            let span = kind.as_ref().map_or_else(|| profile.span(), |kind| kind.span());
            let name = kind.as_ref().map_or("", |kind| kind.text());
            pod.say(span, format!("{holder} sets the {system} profile {}", quoted(name)));
        }
    }
}

pub(super) const SE_LINUX: Check = Check {
    id: "seLinuxOptions",
    level: Level::Baseline,
    revisions: &[Revision { from: 0, run: se_linux }, Revision { from: 31, run: se_linux_with_engine }],
    info: RuleInfo {
        id: "pod-security-se-linux-options",
        severity: Severity::High,
        aliases: &["seLinuxOptions"],
        opt_in: true,
        title: "an SELinux type, user or role of one's own is set",
        why: "SELinux keeps containers apart by the type they run as; a type, user or role of the author's choosing may be that of \
              no container at all.",
        remedy: "Remove `user` and `role`; use one of the types container_t, container_init_t, container_kvm_t (from v1.31 on \
                 container_engine_t too).",
        bad: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  securityContext:\n    seLinuxOptions: {type: spc_t}\n  containers:\n  - {name: a, image: i}\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  securityContext:\n    seLinuxOptions: {type: container_t, level: \"s0:c1\"}\n  containers:\n  - {name: a, image: i}\n",
    },
};

fn se_linux(pod: &Pod<'_>) {
    se_linux_types(pod, &["container_t", "container_init_t", "container_kvm_t"]);
}

fn se_linux_with_engine(pod: &Pod<'_>) {
    se_linux_types(pod, &["container_t", "container_init_t", "container_kvm_t", "container_engine_t"]);
}

fn se_linux_types(pod: &Pod<'_>, types: &[&str]) {
    for holder in pod.holders() {
        for key in ["type", "user", "role"] {
            let Some(field) = pod.set(holder.read(&["securityContext", "seLinuxOptions", key]), &holder) else {
                continue;
            };
            match field.node.text() {
                Some("") => {}
                Some(text) if key == "type" && types.contains(&text) => {}
                Some(text) => pod.say(field.span(), format!("{holder} sets the SELinux {key} {}", quoted(text))),
                None => pod.say(field.span(), format!("the SELinux {key} of {holder} is no string")),
            }
        }
    }
}

pub(super) const SECCOMP_BASELINE: Check = Check {
    id: "seccompProfile_baseline",
    level: Level::Baseline,
    revisions: &[Revision { from: 0, run: seccomp_annotations }, Revision { from: 19, run: seccomp_fields }],
    info: RuleInfo {
        id: "pod-security-seccomp-profile-baseline",
        severity: Severity::High,
        aliases: &["seccompProfile_baseline"],
        opt_in: true,
        title: "seccomp is turned off, or its profile is unknown",
        why: "A seccomp profile keeps rarely used system calls, where most kernel faults are, from a container.",
        remedy: "Remove the profile, or set its type to `RuntimeDefault` or `Localhost`.",
        bad: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  securityContext:\n    seccompProfile: {type: Unconfined}\n  containers:\n  - {name: a, image: i}\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  securityContext:\n    seccompProfile: {type: RuntimeDefault}\n  containers:\n  - {name: a, image: i}\n",
    },
};

/// Before v1.19 profiles were annotations: of the pod, and of each container that it has.
fn seccomp_annotations(pod: &Pod<'_>) {
    let containers = pod.containers();
    let names: HashSet<&str> = containers.iter().map(|container| container.name()).collect();
    for (key, value, span) in pod.annotations() {
        let counts = key == SECCOMP_POD || key.strip_prefix(SECCOMP_PREFIX).is_some_and(|name| names.contains(name));
        let allowed = matches!(value, "runtime/default" | "docker/default") || value.starts_with("localhost/");
        if counts && !allowed {
            pod.say(span, format!("an annotation sets the seccomp profile {}", quoted(value)));
        }
    }
}

fn seccomp_fields(pod: &Pod<'_>) {
    profile_types(pod, "seccompProfile", "seccomp");
}

pub(super) const SECCOMP_RESTRICTED: Check = Check {
    id: "seccompProfile_restricted",
    level: Level::Restricted,
    revisions: &[
        Revision { from: 19, run: seccomp_required },
        Revision { from: 25, run: seccomp_required_but_windows },
    ],
    info: RuleInfo {
        id: "pod-security-seccomp-profile-restricted",
        severity: Severity::Medium,
        aliases: &["seccompProfile_restricted"],
        opt_in: true,
        title: "a container has no seccomp profile",
        why: "Without a profile most nodes run a container unconfined: every system call of the kernel is open to it.",
        remedy: "Set `securityContext.seccompProfile.type: RuntimeDefault` for the pod, or for every container.",
        bad: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - {name: a, image: i}\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  securityContext:\n    seccompProfile: {type: RuntimeDefault}\n  containers:\n  - {name: a, image: i}\n",
    },
};

fn seccomp_required(pod: &Pod<'_>) {
    seccomp_fields(pod);
    let path = &["securityContext", "seccompProfile", "type"];
    let whole = pod.set(pod.holder().read(path), &pod.holder());
    if whole.is_some_and(|kind| is_confined(kind.text())) {
        return;
    }
    for container in pod.containers() {
        if pod.set(container.read(&["securityContext", "seccompProfile"]), &container).is_none() {
            pod.say(container.lacking(), format!("neither {container} nor its pod has a seccomp profile"));
        }
    }
}

fn seccomp_required_but_windows(pod: &Pod<'_>) {
    if !pod.is_windows() {
        seccomp_required(pod);
    }
}

pub(super) const SYSCTLS: Check = Check {
    id: "sysctls",
    level: Level::Baseline,
    revisions: &[
        Revision { from: 0, run: |pod| sysctls(pod, 0) },
        Revision { from: 27, run: |pod| sysctls(pod, 27) },
        Revision { from: 29, run: |pod| sysctls(pod, 29) },
        Revision { from: 32, run: |pod| sysctls(pod, 32) },
        Revision { from: 37, run: |pod| sysctls(pod, 37) },
    ],
    info: RuleInfo {
        id: "pod-security-sysctls",
        severity: Severity::High,
        aliases: &["sysctls"],
        opt_in: true,
        title: "a kernel parameter outside the safe set is set",
        why: "Parameters that are not kept apart by namespace change the kernel for every pod of the node, or weaken it.",
        remedy: "Remove the sysctl, or keep to those that are safe at this version.",
        bad: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  securityContext:\n    sysctls:\n    - {name: kernel.msgmax, value: \"65536\"}\n  containers:\n  - {name: a, image: i}\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  securityContext:\n    sysctls:\n    - {name: net.ipv4.tcp_syncookies, value: \"1\"}\n  containers:\n  - {name: a, image: i}\n",
    },
};

/// The safe sysctls and the minor version from which each is one.
const SAFE_SYSCTLS: &[(u32, &str)] = &[
    (0, "kernel.shm_rmid_forced"),
    (0, "net.ipv4.ip_local_port_range"),
    (0, "net.ipv4.ip_unprivileged_port_start"),
    (0, "net.ipv4.ping_group_range"),
    (0, "net.ipv4.tcp_syncookies"),
    (27, "net.ipv4.ip_local_reserved_ports"),
    (29, "net.ipv4.tcp_fin_timeout"),
    (29, "net.ipv4.tcp_keepalive_intvl"),
    (29, "net.ipv4.tcp_keepalive_probes"),
    (29, "net.ipv4.tcp_keepalive_time"),
    (32, "net.ipv4.tcp_rmem"),
    (32, "net.ipv4.tcp_wmem"),
    (37, "net.ipv4.tcp_notsent_lowat"),
    (37, "net.ipv4.tcp_slow_start_after_idle"),
];

fn sysctls(pod: &Pod<'_>, minor: u32) {
    let holder = pod.holder();
    for item in pod.objects(holder.read(&["securityContext", "sysctls"]), &holder) {
        let field = pod.set(read(item, &["name"]), &holder);
        let name = field.as_ref().map_or("", |field| field.text());
        if !SAFE_SYSCTLS.iter().any(|(from, safe)| *from <= minor && *safe == name) {
            let span = field.as_ref().map_or_else(|| object::span(item), |field| field.span());
            pod.say(span, format!("the sysctl {} is none of the safe ones", quoted(name)));
        }
    }
}
