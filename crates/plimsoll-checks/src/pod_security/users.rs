//! Which user a container runs as.

use plimsoll_model::{RuleInfo, Severity};

use super::fields::{Flag, Pod};
use super::{Check, Level, Revision};

pub(super) const NON_ROOT: Check = Check {
    id: "runAsNonRoot",
    level: Level::Restricted,
    revisions: &[Revision { from: 0, run: non_root }, Revision { from: 35, run: non_root_but_own_users }],
    info: RuleInfo {
        id: "pod-security-run-as-non-root",
        severity: Severity::Medium,
        aliases: &["runAsNonRoot"],
        opt_in: true,
        title: "a container may run as root",
        why: "Root in a container is root on the node wherever something gives way. With `runAsNonRoot` the node refuses to start \
              an image whose user is root.",
        remedy: "Set `securityContext.runAsNonRoot: true` for the pod, or for every container.",
        bad: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - {name: a, image: i}\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  securityContext:\n    runAsNonRoot: true\n  containers:\n  - {name: a, image: i}\n",
    },
};

fn non_root(pod: &Pod<'_>) {
    let path = &["securityContext", "runAsNonRoot"];
    let whole = pod.flag(&pod.holder(), path);
    if let Flag::Is(false, field) = &whole {
        pod.say(field.span(), "the pod lets its containers run as root");
    }
    let inherited = matches!(whole, Flag::Is(true, _));
    for container in pod.containers() {
        match pod.flag(&container, path) {
            Flag::Is(false, field) => pod.say(field.span(), format!("{container} may run as root")),
            Flag::Unset if !inherited => {
                pod.say(container.lacking(), format!("neither {container} nor its pod sets `runAsNonRoot: true`"));
            }
            _ => {}
        }
    }
}

fn non_root_but_own_users(pod: &Pod<'_>) {
    if !pod.has_own_users() {
        non_root(pod);
    }
}

pub(super) const USER: Check = Check {
    id: "runAsUser",
    level: Level::Restricted,
    revisions: &[Revision { from: 23, run: user }, Revision { from: 35, run: user_but_own_users }],
    info: RuleInfo {
        id: "pod-security-run-as-user",
        severity: Severity::Medium,
        aliases: &["runAsUser"],
        opt_in: true,
        title: "a container is made to run as user 0",
        why: "User 0 is root, whatever the image says. It owns what it mounts and is one escape from owning the node.",
        remedy: "Remove `runAsUser: 0`, or name another user.",
        bad: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    image: i\n    securityContext:\n      runAsUser: 0\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    image: i\n    securityContext:\n      runAsUser: 1000\n",
    },
};

fn user(pod: &Pod<'_>) {
    for holder in pod.holders() {
        let Some(field) = pod.set(holder.read(&["securityContext", "runAsUser"]), &holder) else { continue };
        match crate::manifest::object::integer(field.node) {
            Some(0) => pod.say(field.span(), format!("{holder} runs as user 0")),
            Some(_) => {}
            None => pod.say(field.span(), format!("`runAsUser` of {holder} is no whole number")),
        }
    }
}

fn user_but_own_users(pod: &Pod<'_>) {
    if !pod.has_own_users() {
        user(pod);
    }
}
