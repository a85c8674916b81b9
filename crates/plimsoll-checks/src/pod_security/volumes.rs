//! What a pod mounts.

use plimsoll_model::{RuleInfo, Severity};

use super::fields::{Pod, Read, quoted, read};
use super::{Check, Level, Revision};
use crate::manifest::object;

/// Sources that the restricted level takes.
const ALLOWED: &[&str] = &[
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

pub(super) const HOST_PATH: Check = Check {
    id: "hostPathVolumes",
    level: Level::Baseline,
    revisions: &[Revision { from: 0, run: host_path }],
    info: RuleInfo {
        id: "pod-security-host-path-volumes",
        severity: Severity::High,
        aliases: &["hostPathVolumes"],
        opt_in: true,
        title: "a volume is a path of the node",
        why: "A host path gives a container the node's own files: its credentials, its container runtime's socket, other pods' \
              volumes. Read-only mounts leak them too.",
        remedy: "Use a persistent volume claim, a config map, a secret or an `emptyDir`.",
        bad: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - {name: a, image: i}\n  volumes:\n  - name: v\n    hostPath: {path: /etc}\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - {name: a, image: i}\n  volumes:\n  - name: v\n    emptyDir: {}\n",
    },
};

fn host_path(pod: &Pod<'_>) {
    let holder = pod.holder();
    for volume in pod.objects(holder.read(&["volumes"]), &holder) {
        if let Read::Set(field) = read(volume, &["hostPath"]) {
            let path = volume.get("hostPath").and_then(|source| source.get("path")).and_then(|path| path.text());
            let path = path.map(|path| format!(" {}", quoted(path))).unwrap_or_default();
            pod.say(field.span(), format!("volume {} is the node's path{path}", name(volume)));
        }
    }
}

pub(super) const RESTRICTED: Check = Check {
    id: "restrictedVolumes",
    level: Level::Restricted,
    revisions: &[Revision { from: 0, run: restricted }],
    info: RuleInfo {
        id: "pod-security-restricted-volumes",
        severity: Severity::Medium,
        aliases: &["restrictedVolumes"],
        opt_in: true,
        title: "a volume's type is none of the restricted level's",
        why: "In-line volumes of storage systems carry the address of the storage and often its credentials past whoever rules \
              the cluster's storage. Claims name a class that an administrator has set up.",
        remedy: "Use a persistent volume claim, or one of the types that stay inside the cluster: config map, secret, downward API, \
                 `emptyDir`, projected, CSI, ephemeral, image.",
        bad: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - {name: a, image: i}\n  volumes:\n  - name: v\n    nfs: {server: s, path: /}\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - {name: a, image: i}\n  volumes:\n  - name: v\n    persistentVolumeClaim: {claimName: c}\n  - name: w\n    image: {reference: r}\n",
    },
};

fn restricted(pod: &Pod<'_>) {
    let holder = pod.holder();
    for volume in pod.objects(holder.read(&["volumes"]), &holder) {
        if ALLOWED.iter().any(|source| matches!(read(volume, &[source]), Read::Set(_))) {
            continue;
        }
        // A volume without any source is an `emptyDir`; what is only merged in is looked up above.
        for (key, value) in volume.pairs() {
            let called = key.text().unwrap_or_default();
            if called != "name" && !key.is_merge() && !value.is_null() {
                let message = format!("volume {} is of the type {}", name(volume), quoted(called));
                pod.say(object::entry(volume, called), message);
            }
        }
        if let Some((_, merged)) = volume.pairs().iter().find(|(key, _)| key.is_merge()) {
            pod.say(object::span(merged), format!("volume {} merges in a type that cannot be told", name(volume)));
        }
    }
}

fn name(volume: &plimsoll_yaml::Node) -> String {
    quoted(volume.get("name").and_then(|name| name.text()).unwrap_or("without a name"))
}
