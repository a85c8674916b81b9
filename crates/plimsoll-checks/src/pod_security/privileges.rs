//! What a container may do beyond an ordinary process: privileged mode, gained privileges, capabilities, an open /proc.

use plimsoll_model::{RuleInfo, Severity};

use super::fields::{Flag, Pod, quoted};
use super::{Check, Level, Revision};
use crate::manifest::object;

/// What a container runtime grants anyway, but for `NET_RAW`.
pub(crate) const DEFAULT_CAPABILITIES: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

pub(super) const PRIVILEGED: Check = Check {
    id: "privileged",
    level: Level::Baseline,
    revisions: &[Revision { from: 0, run: privileged }],
    info: RuleInfo {
        id: "pod-security-privileged",
        severity: Severity::High,
        aliases: &["privileged"],
        opt_in: true,
        title: "a container is privileged",
        why: "A privileged container has every capability and every device of its node, and most confinement is off: its root is \
              the node's root.",
        remedy: "Remove `privileged`; add the one capability or device plug-in that is needed.",
        bad: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    image: i\n    securityContext:\n      privileged: true\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    image: i\n    securityContext:\n      privileged: false\n",
    },
};

fn privileged(pod: &Pod<'_>) {
    for container in pod.containers() {
        if let Flag::Is(true, field) = pod.flag(&container, &["securityContext", "privileged"]) {
            pod.say(field.span(), format!("{container} is privileged"));
        }
    }
}

pub(super) const ESCALATION: Check = Check {
    id: "allowPrivilegeEscalation",
    level: Level::Restricted,
    revisions: &[Revision { from: 8, run: escalation }, Revision { from: 25, run: escalation_but_windows }],
    info: RuleInfo {
        id: "pod-security-allow-privilege-escalation",
        severity: Severity::Medium,
        aliases: &["allowPrivilegeEscalation"],
        opt_in: true,
        title: "a container's processes may gain privileges",
        why: "Unless it is forbidden, a setuid program or file capabilities in the image give a process more rights than it \
              started with. What is not set is allowed.",
        remedy: "Set `securityContext.allowPrivilegeEscalation: false` in every container.",
        bad: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - {name: a, image: i}\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    image: i\n    securityContext:\n      allowPrivilegeEscalation: false\n",
    },
};

fn escalation(pod: &Pod<'_>) {
    for container in pod.containers() {
        match pod.flag(&container, &["securityContext", "allowPrivilegeEscalation"]) {
            Flag::Is(false, _) | Flag::Wrong => {}
            Flag::Is(true, field) => pod.say(field.span(), format!("{container} lets its processes gain privileges")),
            Flag::Unset => {
                pod.say(container.lacking(), format!("{container} does not set `allowPrivilegeEscalation: false`"));
            }
        }
    }
}

fn escalation_but_windows(pod: &Pod<'_>) {
    if !pod.is_windows() {
        escalation(pod);
    }
}

pub(super) const CAPABILITIES_BASELINE: Check = Check {
    id: "capabilities_baseline",
    level: Level::Baseline,
    revisions: &[Revision { from: 0, run: added_beyond_default }],
    info: RuleInfo {
        id: "pod-security-capabilities-baseline",
        severity: Severity::High,
        aliases: &["capabilities_baseline"],
        opt_in: true,
        title: "a container adds a capability beyond the default ones",
        why: "Capabilities are root's rights, one by one: SYS_ADMIN, NET_ADMIN or NET_RAW each open ways to other containers or \
              the node.",
        remedy: "Remove what is added beyond the runtime's default set.",
        bad: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    image: i\n    securityContext:\n      capabilities:\n        add: [NET_RAW]\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    image: i\n    securityContext:\n      capabilities:\n        add: [NET_BIND_SERVICE]\n",
    },
};

fn added_beyond_default(pod: &Pod<'_>) {
    added_beyond(pod, DEFAULT_CAPABILITIES);
}

/// Says every capability that is added and not among `allowed`. A null item is an empty name, as the API server reads it.
fn added_beyond(pod: &Pod<'_>, allowed: &[&str]) {
    for container in pod.containers() {
        for item in pod.items(container.read(&["securityContext", "capabilities", "add"]), &container) {
            let name = if item.is_null() { "" } else { item.text().unwrap_or_default() };
            if !allowed.contains(&name) {
                pod.say(object::span(item), format!("{container} adds the capability {}", quoted(name)));
            }
        }
    }
}

pub(super) const CAPABILITIES_RESTRICTED: Check = Check {
    id: "capabilities_restricted",
    level: Level::Restricted,
    revisions: &[
        Revision { from: 22, run: capabilities_restricted },
        Revision { from: 25, run: capabilities_restricted_but_windows },
    ],
    info: RuleInfo {
        id: "pod-security-capabilities-restricted",
        severity: Severity::Medium,
        aliases: &["capabilities_restricted"],
        opt_in: true,
        title: "a container keeps capabilities that it could drop",
        why: "Most programs need none of the rights that a runtime grants by default; what is dropped cannot be abused.",
        remedy: "Set `securityContext.capabilities.drop: [ALL]` in every container; add NET_BIND_SERVICE at most.",
        bad: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    image: i\n    securityContext:\n      capabilities:\n        drop: [NET_RAW]\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    image: i\n    securityContext:\n      capabilities:\n        drop: [ALL]\n        add: [NET_BIND_SERVICE]\n",
    },
};

fn capabilities_restricted(pod: &Pod<'_>) {
    added_beyond(pod, &["NET_BIND_SERVICE"]);
    for container in pod.containers() {
        let dropped = pod.items(container.read(&["securityContext", "capabilities", "drop"]), &container);
        if !dropped.iter().any(|item| item.text() == Some("ALL")) {
            pod.say(container.lacking(), format!("{container} does not drop ALL capabilities"));
        }
    }
}

fn capabilities_restricted_but_windows(pod: &Pod<'_>) {
    if !pod.is_windows() {
        capabilities_restricted(pod);
    }
}

pub(super) const PROC_MOUNT: Check = Check {
    id: "procMount",
    level: Level::Baseline,
    revisions: &[Revision { from: 0, run: proc_mount }, Revision { from: 35, run: proc_mount_but_own_users }],
    info: RuleInfo {
        id: "pod-security-proc-mount",
        severity: Severity::High,
        aliases: &["procMount"],
        opt_in: true,
        title: "a container sees /proc without its masks",
        why: "The runtime hides parts of /proc through which a root process could change the kernel it shares with the node.",
        remedy: "Remove `procMount`, or set it to `Default`; from v1.35 on `hostUsers: false` allows others at this level.",
        bad: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    image: i\n    securityContext:\n      procMount: Unmasked\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  hostUsers: false\n  containers:\n  - name: a\n    image: i\n    securityContext:\n      procMount: Unmasked\n",
    },
};

fn proc_mount(pod: &Pod<'_>) {
    for container in pod.containers() {
        let Some(field) = pod.set(container.read(&["securityContext", "procMount"]), &container) else { continue };
        if field.text() != "Default" {
            pod.say(field.span(), format!("{container} mounts /proc as {}", quoted(field.text())));
        }
    }
}

fn proc_mount_but_own_users(pod: &Pod<'_>) {
    if !pod.has_own_users() {
        proc_mount(pod);
    }
}

pub(super) const PROC_MOUNT_RESTRICTED: Check = Check {
    id: "procMount_restricted",
    level: Level::Restricted,
    revisions: &[Revision { from: 35, run: proc_mount }],
    info: RuleInfo {
        id: "pod-security-proc-mount-restricted",
        severity: Severity::Medium,
        aliases: &["procMount_restricted"],
        opt_in: true,
        title: "a container sees /proc without its masks, also with users of its own",
        why: "The masks of /proc keep processes from the kernel's inner state; a user namespace makes them less needed, not \
              needless.",
        remedy: "Remove `procMount`, or set it to `Default`.",
        bad: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  hostUsers: false\n  containers:\n  - name: a\n    image: i\n    securityContext:\n      procMount: Unmasked\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  hostUsers: false\n  containers:\n  - name: a\n    image: i\n    securityContext:\n      procMount: Default\n",
    },
};
