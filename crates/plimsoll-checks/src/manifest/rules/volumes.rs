//! Volumes that lead out of the container, and mounts that hide its system folders.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use plimsoll_model::{RuleInfo, Severity};
use plimsoll_yaml::Node;

use super::pod::{called, in_container, safe, set_in_container, short};
use super::{Check, Context, Rule};
use crate::manifest::edit::{self, Value};
use crate::manifest::object::{Container, Workload, entry, is_true, span};
use crate::source::{Found, Span};

pub const HOST_PATH: Rule = Rule {
    info: RuleInfo {
        id: "host-path-volume",
        severity: Severity::Medium,
        aliases: &["hostPathSet", "KSV-0023"],
        opt_in: false,
        title: "A folder of the node is a volume",
        why: "What the pod may read and write there is not its own: it outlives the pod, and other pods and the node trust it.",
        remedy: "use a PersistentVolumeClaim, an emptyDir, or a `local` volume that an administrator makes",
        bad: pod!(
            "  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n  volumes:\n  - name: data\n    hostPath:\n      path: /srv/data\n"
        ),
        good: pod!(
            "  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n  volumes:\n  - name: data\n    emptyDir: {}\n"
        ),
    },
    check: Check::Workload(host_path),
};

pub const SENSITIVE_HOST_PATH: Rule = Rule {
    info: RuleInfo {
        id: "sensitive-host-path",
        severity: Severity::High,
        aliases: &["sensitive-host-mounts"],
        opt_in: false,
        title: "A system folder of the node is a volume",
        why: "Keys, other pods' volumes, devices and the node's own programs are there: who reads them has the node's \
              credentials, who writes them has the node.",
        remedy: "mount the one file that is needed, read-only, or take the volume out",
        bad: pod!(
            "  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n  volumes:\n  - name: etc\n    hostPath:\n      path: /etc\n"
        ),
        good: pod!(
            "  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n  volumes:\n  - name: zone\n    hostPath:\n      path: /usr/share/zoneinfo\n"
        ),
    },
    check: Check::Workload(sensitive_host_path),
};

pub const RUNTIME_SOCKET: Rule = Rule {
    info: RuleInfo {
        id: "runtime-socket-mounted",
        severity: Severity::Critical,
        aliases: &["DockerSock", "docker-sock", "CKV_K8S_27", "KSV-0006"],
        opt_in: false,
        title: "The container runtime's socket is a volume",
        why: "Whoever may speak to the runtime starts a privileged container: it is root on the node, read-only mount or not.",
        remedy: "take the volume out; build images with a daemonless builder, read logs and metrics from the kubelet",
        bad: pod!(
            "  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n  volumes:\n  - name: docker\n    hostPath:\n      path: /var/run/docker.sock\n"
        ),
        good: pod!(
            "  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n  volumes:\n  - name: docker\n    emptyDir: {}\n"
        ),
    },
    check: Check::Workload(runtime_socket),
};

pub const HOST_PROC: Rule = Rule {
    info: RuleInfo {
        id: "host-proc-mounted",
        severity: Severity::High,
        aliases: &["ProcMount", "KSV-0121"],
        opt_in: false,
        title: "The node's /proc is a volume",
        why: "It shows every process of the node with its environment, and through /proc/PID/root all their files; written, it \
              changes the kernel's settings.",
        remedy: "take the volume out; agents that need it get it read-only in a namespace of their own",
        bad: pod!(
            "  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n  volumes:\n  - name: proc\n    hostPath:\n      path: /proc\n"
        ),
        good: pod!(
            "  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n  volumes:\n  - name: data\n    hostPath:\n      path: /data/processed\n"
        ),
    },
    check: Check::Workload(host_proc),
};

pub const WRITABLE_HOST_PATH: Rule = Rule {
    info: RuleInfo {
        id: "writable-host-path",
        severity: Severity::Medium,
        aliases: &["writable-host-mount"],
        opt_in: false,
        title: "A folder of the node is mounted writable",
        why: "What the container writes there, the node and other pods read: a way out, and a disk that fills for all.",
        remedy: "set `readOnly: true` on the mount, or use a volume of the pod's own",
        bad: container!(
            "    volumeMounts:\n    - name: data\n      mountPath: /data\n  volumes:\n  - name: data\n    hostPath:\n      path: /srv/data\n"
        ),
        good: container!(
            "    volumeMounts:\n    - name: data\n      mountPath: /data\n      readOnly: true\n  volumes:\n  - name: data\n    hostPath:\n      path: /srv/data\n"
        ),
    },
    check: Check::Workload(writable_host_path),
};

pub const VOLUME_TYPE: Rule = Rule {
    info: RuleInfo {
        id: "uncommon-volume-type",
        severity: Severity::Low,
        aliases: &["KSV-0028"],
        opt_in: true,
        title: "A volume is of a type that the restricted standard leaves out",
        why: "Types such as nfs or iscsi name servers and credentials in the pod itself, past the administrator who makes \
              PersistentVolumes.",
        remedy: "claim the storage by a PersistentVolumeClaim",
        bad: pod!(
            "  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n  volumes:\n  - name: data\n    nfs:\n      server: nfs.example.com\n      path: /\n"
        ),
        good: pod!(
            "  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n  volumes:\n  - name: data\n    persistentVolumeClaim:\n      claimName: data\n"
        ),
    },
    check: Check::Workload(volume_type),
};

pub const GIT_REPO: Rule = Rule {
    info: RuleInfo {
        id: "git-repo-volume",
        severity: Severity::High,
        aliases: &[],
        opt_in: false,
        title: "A volume is cloned from git by the kubelet",
        why: "The clone runs as root on the node: a repository with hooks runs commands there (CVE-2024-10220). The type is \
              deprecated and off since 1.33.",
        remedy: "clone in an init container into an emptyDir",
        bad: pod!(
            "  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n  volumes:\n  - name: site\n    gitRepo:\n      repository: https://git.example.com/site.git\n"
        ),
        good: pod!(
            "  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n  volumes:\n  - name: site\n    emptyDir: {}\n"
        ),
    },
    check: Check::Workload(git_repo),
};

pub const PROC_MOUNT: Rule = Rule {
    info: RuleInfo {
        id: "unmasked-proc",
        severity: Severity::High,
        aliases: &["unsafe-proc-mount", "KSV-0027"],
        opt_in: false,
        title: "The masks over /proc are taken off",
        why: "The runtime hides and write-protects the parts of /proc that reach the node's kernel; `Unmasked` shows them.",
        remedy: "take `procMount` out, or set it to `Default`",
        bad: container!("    securityContext:\n      procMount: Unmasked\n"),
        good: container!("    securityContext:\n      procMount: Default\n"),
    },
    check: Check::Container(proc_mount),
};

pub const SYSTEM_MOUNT: Rule = Rule {
    info: RuleInfo {
        id: "writable-system-folder",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "A writable volume lies over a system folder of the container",
        why: "A read-only root does not help where programs and settings themselves are writable: whoever gets in replaces them.",
        remedy: "mount the volume at a folder of the application's own, or set `readOnly: true` on the mount",
        bad: container!(
            "    volumeMounts:\n    - name: bin\n      mountPath: /usr/bin\n  volumes:\n  - name: bin\n    emptyDir: {}\n"
        ),
        good: container!(
            "    volumeMounts:\n    - name: bin\n      mountPath: /opt/tools\n  volumes:\n  - name: bin\n    emptyDir: {}\n"
        ),
    },
    check: Check::Workload(system_mount),
};

/// Where container runtimes listen.
const SOCKETS: [&str; 14] = [
    "/run/docker.sock",
    "/run/docker/containerd/containerd.sock",
    "/run/docker/containerd/docker-containerd.sock",
    "/run/containerd/containerd.sock",
    "/run/containerd/containerd.sock.ttrpc",
    "/run/k3s/containerd/containerd.sock",
    "/run/k0s/containerd.sock",
    "/run/dockershim.sock",
    "/run/cri-dockerd.sock",
    "/run/crio/crio.sock",
    "/run/podman/podman.sock",
    "/run/rkt/api-service.sock",
    "/run/frakti.sock",
    "/run/buildkit/buildkitd.sock",
];

/// Folders that are the node itself: they and what is below them.
const SENSITIVE: [&str; 17] = [
    "/etc",
    "/sys",
    "/dev",
    "/boot",
    "/root",
    "/run/secrets",
    "/var/lib/kubelet",
    "/var/lib/etcd",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/rancher",
    "/usr/bin",
    "/usr/sbin",
    "/bin",
    "/sbin",
    "/opt/cni/bin",
];
/// Folders that hold so many of those that the whole is as good: they alone, not what is below them.
const WIDE: [&str; 10] = ["/", "/usr", "/var", "/var/lib", "/lib", "/lib64", "/usr/lib", "/home", "/run", "/opt"];
/// Files and folders below the sensitive ones that tell nothing.
const HARMLESS: [&str; 7] = [
    "/etc/localtime",
    "/etc/timezone",
    "/etc/os-release",
    "/etc/machine-id",
    "/etc/hosts",
    "/etc/ssl/certs",
    "/etc/pki/ca-trust",
];
/// Folders of a container that hold its programs and settings.
const SYSTEM: [&str; 18] = [
    "/",
    "/etc",
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/boot",
    "/proc",
    "/sys",
    "/dev",
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local",
    "/usr/local/bin",
    "/usr/local/sbin",
];
/// The types that the restricted Pod Security Standard lets pass, and hostPath, which has rules of its own.
const COMMON: [&str; 10] = [
    "configMap",
    "downwardAPI",
    "emptyDir",
    "projected",
    "secret",
    "csi",
    "persistentVolumeClaim",
    "ephemeral",
    "image",
    "hostPath",
];

/// A path as the node resolves it: no `.`, `..`, doubled or trailing slashes, `/var/run` being `/run`.
fn resolved(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
        if parts == ["var", "run"] {
            parts = vec!["run"];
        }
    }
    format!("/{}", parts.join("/"))
}

/// True for the folder itself and what is below it.
fn is_in(path: &str, folder: &str) -> bool {
    folder == "/" || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Each hostPath volume: its mapping and its path.
fn host_paths<'o>(workload: &Workload<'o>) -> impl Iterator<Item = (&'o Arc<Node>, &'o Arc<Node>, String)> + use<'o> {
    let volumes = workload.at(&["volumes"]).map(|volumes| volumes.items()).unwrap_or_default();
    volumes.iter().filter_map(|volume| {
        let host = volume.get("hostPath").filter(|host| !host.is_null())?;
        let path = host.get("path").and_then(|path| path.text()).unwrap_or_default();
        Some((volume, host, resolved(path)))
    })
}

/// The path's own entry, else the volume's.
fn path_place(volume: &Arc<Node>, host: &Arc<Node>) -> Span {
    if edit::own(host, "path").is_some() { entry(host, "path") } else { entry(volume, "hostPath") }
}

fn host_path(workload: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    for (volume, host, path) in host_paths(workload) {
        let message = format!("volume `{}` is the node's folder `{}`", volume_name(volume), short(&path));
        out.push(Found::new(&HOST_PATH.info, path_place(volume, host), message));
    }
}

fn volume_name(volume: &Arc<Node>) -> String {
    short(volume.get("name").and_then(|name| name.text()).unwrap_or_default())
}

fn is_socket(path: &str) -> bool {
    SOCKETS.contains(&path)
}

fn sensitive_host_path(workload: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    for (volume, host, path) in host_paths(workload) {
        let listed = WIDE.contains(&path.as_str()) || SENSITIVE.iter().any(|folder| is_in(&path, folder));
        if listed && !is_socket(&path) && !HARMLESS.iter().any(|folder| is_in(&path, folder)) {
            let message = format!("volume `{}` is the node's `{}`", volume_name(volume), short(&path));
            out.push(Found::new(&SENSITIVE_HOST_PATH.info, path_place(volume, host), message));
        }
    }
}

fn runtime_socket(workload: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    for (volume, host, path) in host_paths(workload) {
        let name = volume_name(volume);
        let user = path.strip_prefix("/run/user/").and_then(|rest| rest.split_once('/')).map(|(_, rest)| rest);
        let message = if is_socket(&path) || matches!(user, Some("podman/podman.sock" | "docker.sock")) {
            format!("volume `{name}` is the container runtime's socket `{}`", short(&path))
        } else if SOCKETS.iter().any(|socket| is_in(socket, &path)) {
            format!("volume `{name}` is `{}`, where the container runtime's socket is", short(&path))
        } else {
            continue;
        };
        out.push(Found::new(&RUNTIME_SOCKET.info, path_place(volume, host), message));
    }
}

fn host_proc(workload: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    for (volume, host, path) in host_paths(workload) {
        if is_in(&path, "/proc") {
            let message = format!("volume `{}` is the node's `{}`", volume_name(volume), short(&path));
            out.push(Found::new(&HOST_PROC.info, path_place(volume, host), message));
        }
    }
}

fn mounts<'o>(container: &Container<'o>) -> &'o [Arc<Node>] {
    container.at(&["volumeMounts"]).map(|mounts| mounts.items()).unwrap_or_default()
}

fn is_read_only(mount: &Node) -> bool {
    mount.get("readOnly").is_some_and(|value| is_true(value))
}

fn writable_host_path(workload: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    let named = |volume: &'_ Arc<Node>| volume.get("name").and_then(|name| name.string()).map(str::to_owned);
    let paths: HashMap<String, _> =
        host_paths(workload).filter_map(|(volume, host, path)| Some((named(volume)?, (host, path)))).collect();
    if paths.is_empty() {
        return;
    }
    for container in workload.containers() {
        for mount in mounts(&container).iter().filter(|mount| !is_read_only(mount)) {
            let Some((host, path)) = named(mount).and_then(|name| paths.get(&name)) else { continue };
            let place = ["readOnly", "mountPath", "name"].into_iter().find(|key| edit::own(mount, key).is_some());
            let place = entry(mount, place.unwrap_or("mountPath"));
            let message = format!("{} may write to the node's `{}`", called(&container), short(path));
            out.push(Found::new(&WRITABLE_HOST_PATH.info, place, message).related(span(host)));
        }
    }
}

fn volume_type(workload: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    for volume in workload.at(&["volumes"]).map(|volumes| volumes.items()).unwrap_or_default() {
        for (key, value) in volume.all_pairs() {
            let kind = key.text().filter(|kind| *kind != "name" && !COMMON.contains(kind));
            let Some(kind) = kind else {
                continue;
            };
            if !value.is_null() {
                let message = format!("volume `{}` is of the type `{}`", volume_name(volume), short(kind));
                out.push(Found::new(&VOLUME_TYPE.info, span(key), message));
            }
        }
    }
}

fn git_repo(workload: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    for volume in workload.at(&["volumes"]).map(|volumes| volumes.items()).unwrap_or_default() {
        if volume.get("gitRepo").is_some_and(|repository| !repository.is_null()) {
            let message = format!("volume `{}` is cloned from git by the kubelet", volume_name(volume));
            out.push(Found::new(&GIT_REPO.info, entry(volume, "gitRepo"), message));
        }
    }
}

fn proc_mount(container: &Container<'_>, workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    let Some((holder, value)) = in_container(container, "procMount") else { return };
    if value.is_null() || value.text() == Some("Default") {
        return;
    }
    let message = format!("{} sees an unmasked /proc", called(container));
    let found = Found::new(&PROC_MOUNT.info, entry(holder, "procMount"), message);
    let (mend, path) = (safe("set `procMount: Default`"), ["securityContext", "procMount"]);
    out.push(set_in_container(found, (container, workload), context.source, mend, &path, Value::Text("Default")));
}

fn system_mount(workload: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    // The kubelet mounts these read-only whatever the mount says.
    let fixed = ["configMap", "secret", "downwardAPI", "projected", "image"];
    let volumes = workload.at(&["volumes"]).map(|volumes| volumes.items()).unwrap_or_default();
    let read_only: HashSet<&str> = volumes
        .iter()
        .filter(|volume| fixed.iter().any(|kind| volume.get(kind).is_some_and(|value| !value.is_null())))
        .filter_map(|volume| volume.get("name")?.string())
        .collect();
    for container in workload.containers() {
        for mount in mounts(&container).iter().filter(|mount| !is_read_only(mount)) {
            let path = mount.get("mountPath").and_then(|path| path.string()).filter(|path| path.starts_with('/'));
            let Some(path) = path.map(lexical).filter(|path| SYSTEM.contains(&path.as_str())) else { continue };
            let volume = mount.get("name").and_then(|name| name.string()).unwrap_or_default();
            if !read_only.contains(volume) {
                let message = format!("{} has a writable volume over `{path}`", called(&container));
                out.push(Found::new(&SYSTEM_MOUNT.info, entry(mount, "mountPath"), message));
            }
        }
    }
}

/// A container's path without doubled or trailing slashes.
fn lexical(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    format!("/{}", parts.join("/"))
}
