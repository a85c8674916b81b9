//! What reaches the node itself: its namespaces, its ports, hosts that the node calls, its processes on Windows.

use plimsoll_model::{RuleInfo, Severity};

use super::fields::{Flag, Holder, Pod, Read, quoted, read};
use super::{Check, Level, Revision};

pub(super) const NAMESPACES: Check = Check {
    id: "hostNamespaces",
    level: Level::Baseline,
    revisions: &[Revision { from: 0, run: namespaces }],
    info: RuleInfo {
        id: "pod-security-host-namespaces",
        severity: Severity::High,
        aliases: &["hostNamespaces"],
        opt_in: true,
        title: "the pod shares a namespace of its node",
        why: "In the node's network, process or IPC namespace a pod sees and reaches what runs beside it on the node: \
              loopback services, other processes and their environment, shared memory.",
        remedy: "Remove `hostNetwork`, `hostPID` and `hostIPC`, or set them to false.",
        bad: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  hostNetwork: true\n  containers:\n  - {name: a, image: i}\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  hostNetwork: false\n  containers:\n  - {name: a, image: i}\n",
    },
};

fn namespaces(pod: &Pod<'_>) {
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        if let Flag::Is(true, field) = pod.flag(&pod.holder(), &[key]) {
            pod.say(field.span(), format!("`{key}` puts the pod into a namespace of its node"));
        }
    }
}

pub(super) const PORTS: Check = Check {
    id: "hostPorts",
    level: Level::Baseline,
    revisions: &[Revision { from: 0, run: ports }],
    info: RuleInfo {
        id: "pod-security-host-ports",
        severity: Severity::High,
        aliases: &["hostPorts"],
        opt_in: true,
        title: "a container takes a port of its node",
        why: "A host port opens the container on every address of the node, past network policies of some plug-ins, and lets \
              it pose as a service of the node.",
        remedy: "Remove `hostPort`; reach the pod through a Service.",
        bad: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    image: i\n    ports:\n    - containerPort: 80\n      hostPort: 80\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    image: i\n    ports:\n    - containerPort: 80\n",
    },
};

fn ports(pod: &Pod<'_>) {
    for container in pod.containers() {
        for port in pod.objects(container.read(&["ports"]), &container) {
            let Some(field) = pod.set(read(port, &["hostPort"]), &container) else { continue };
            match crate::manifest::object::integer(field.node) {
                Some(0) => {}
                Some(number) => pod.say(field.span(), format!("{container} takes port {number} of its node")),
                None => pod.say(field.span(), format!("`hostPort` of {container} is no whole number")),
            }
        }
    }
}

pub(super) const PROBES: Check = Check {
    id: "hostProbesAndHostLifecycle",
    level: Level::Baseline,
    revisions: &[Revision { from: 34, run: probes }],
    info: RuleInfo {
        id: "pod-security-host-probes-and-host-lifecycle",
        severity: Severity::High,
        aliases: &["hostProbesAndHostLifecycle"],
        opt_in: true,
        title: "a probe or lifecycle hook names a host",
        why: "The node's kubelet makes the request, not the pod: a host of the author's choosing turns it into a way to reach \
              what only the node can reach.",
        remedy: "Remove `host` from the probe or hook; the pod's own address is used then.",
        bad: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    image: i\n    livenessProbe:\n      httpGet: {port: 80, host: 127.0.0.1}\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    image: i\n    livenessProbe:\n      httpGet: {port: 80}\n",
    },
};

fn probes(pod: &Pod<'_>) {
    for container in pod.containers() {
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
            for action in ["httpGet", "tcpSocket"] {
                named_host(pod, &container, container.read(&[probe, action, "host"]), probe);
            }
        }
        for hook in ["postStart", "preStop"] {
            for action in ["httpGet", "tcpSocket"] {
                named_host(pod, &container, container.read(&["lifecycle", hook, action, "host"]), hook);
            }
        }
    }
}

fn named_host<'o>(pod: &Pod<'o>, container: &Holder<'o>, host: Read<'o>, of: &str) {
    let Some(field) = pod.set(host, container) else { return };
    match field.node.text() {
        Some("") => {}
        Some(host) => pod.say(field.span(), format!("`{of}` of {container} makes the node call {}", quoted(host))),
        None => pod.say(field.span(), format!("the host in `{of}` of {container} is no string")),
    }
}

pub(super) const WINDOWS_PROCESS: Check = Check {
    id: "windowsHostProcess",
    level: Level::Baseline,
    revisions: &[Revision { from: 0, run: windows_process }],
    info: RuleInfo {
        id: "pod-security-windows-host-process",
        severity: Severity::High,
        aliases: &["windowsHostProcess"],
        opt_in: true,
        title: "a Windows container runs as a process of its node",
        why: "A host process container is no container: it has the node's files, network and the rights of the account it runs as.",
        remedy: "Remove `windowsOptions.hostProcess`, or set it to false.",
        bad: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  securityContext:\n    windowsOptions:\n      hostProcess: true\n  containers:\n  - {name: a, image: i}\n",
        good: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  securityContext:\n    windowsOptions:\n      hostProcess: false\n  containers:\n  - {name: a, image: i}\n",
    },
};

fn windows_process(pod: &Pod<'_>) {
    for holder in pod.holders() {
        if let Flag::Is(true, field) = pod.flag(&holder, &["securityContext", "windowsOptions", "hostProcess"]) {
            pod.say(field.span(), format!("{holder} runs as a process of its Windows node"));
        }
    }
}
