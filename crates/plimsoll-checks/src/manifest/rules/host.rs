//! Pods that step out of their own namespaces: the host's network, processes, ports and names.

use plimsoll_model::{RuleInfo, Severity};

use super::pod::{
    asks_for, called, edit_container, in_container, in_pod, pod_place, safe, set_in_pod, short, unsafely,
};
use super::{Check, Context, Rule};
use crate::manifest::edit::{self, Value};
use crate::manifest::object::{Container, Workload, entry, integer};
use crate::source::Found;

pub const HOST_NETWORK: Rule = Rule {
    info: RuleInfo {
        id: "host-network",
        severity: Severity::High,
        aliases: &["HostNetwork", "hostNetworkSet", "CKV_K8S_19", "KSV-0009"],
        opt_in: false,
        title: "The pod uses the node's network",
        why: "It sees the node's loopback and traffic, reaches services that listen on the node alone (the kubelet, the \
              cloud's metadata), and no NetworkPolicy holds for it.",
        remedy: "take `hostNetwork` out and expose the port by a Service",
        bad: pod!("  hostNetwork: true\n  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n"),
        good: pod!("  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n"),
    },
    check: Check::Workload(host_network),
};

pub const HOST_PID: Rule = Rule {
    info: RuleInfo {
        id: "host-pid",
        severity: Severity::High,
        aliases: &["HostPID", "hostPIDSet", "CKV_K8S_17", "KSV-0010"],
        opt_in: false,
        title: "The pod sees the node's processes",
        why: "Every process of the node is listed with its environment and arguments; with enough rights the pod may signal, \
              trace or enter them.",
        remedy: "take `hostPID` out; `shareProcessNamespace` shares processes within the pod alone",
        bad: pod!("  hostPID: true\n  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n"),
        good: pod!("  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n"),
    },
    check: Check::Workload(host_pid),
};

pub const HOST_IPC: Rule = Rule {
    info: RuleInfo {
        id: "host-ipc",
        severity: Severity::High,
        aliases: &["HostIPC", "hostIPCSet", "CKV_K8S_18", "KSV-0008"],
        opt_in: false,
        title: "The pod shares the node's memory segments and semaphores",
        why: "It may read and change the shared memory of any process of the node that uses it.",
        remedy: "take `hostIPC` out; containers of one pod share their IPC anyway",
        bad: pod!("  hostIPC: true\n  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n"),
        good: pod!("  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n"),
    },
    check: Check::Workload(host_ipc),
};

pub const HOST_PORT: Rule = Rule {
    info: RuleInfo {
        id: "host-port",
        severity: Severity::Medium,
        aliases: &["hostPortSet", "CKV_K8S_26", "KSV-0024"],
        opt_in: false,
        title: "A port of the node is bound",
        why: "The port is open on every address of the node, past Services and many network policies, and only one such pod \
              fits on a node.",
        remedy: "take `hostPort` out and expose the port by a Service",
        bad: container!("    ports:\n    - containerPort: 8080\n      hostPort: 80\n"),
        good: container!("    ports:\n    - containerPort: 8080\n"),
    },
    check: Check::Container(host_port),
};

pub const PROBE_HOST: Rule = Rule {
    info: RuleInfo {
        id: "probe-host",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "A probe or hook names a host of its own",
        why: "The kubelet sends the request from the node's network: a pod's author may so reach what only nodes reach. The \
              Pod Security Standards forbid it since 1.34.",
        remedy: "take `host` out: the pod's own address is the default; a Host header goes under `httpHeaders`",
        bad: container!(
            "    livenessProbe:\n      httpGet:\n        host: 169.254.169.254\n        path: /\n        port: 80\n"
        ),
        good: container!("    livenessProbe:\n      httpGet:\n        path: /\n        port: 80\n"),
    },
    check: Check::Container(probe_host),
};

pub const WINDOWS_HOST_PROCESS: Rule = Rule {
    info: RuleInfo {
        id: "windows-host-process",
        severity: Severity::High,
        aliases: &["hostProcess", "KSV-0103"],
        opt_in: false,
        title: "A Windows container runs as a process of the node",
        why: "It is not contained at all: it has the node's files, network and, mostly, its administrator's rights.",
        remedy: "take `hostProcess` out, or keep such pods to a namespace of trusted node agents",
        bad: container!("    securityContext:\n      windowsOptions:\n        hostProcess: true\n"),
        good: container!("    securityContext:\n      windowsOptions:\n        runAsUserName: ContainerUser\n"),
    },
    check: Check::Workload(windows_host_process),
};

pub const HOST_ALIASES: Rule = Rule {
    info: RuleInfo {
        id: "host-aliases",
        severity: Severity::Low,
        aliases: &["HostAliases", "KSV-0007"],
        opt_in: false,
        title: "The pod's hosts file is changed",
        why: "Names that resolve to something else in one pod alone hide where its traffic goes.",
        remedy: "give the name in DNS: a Service, an ExternalName or the cluster's own zone",
        bad: pod!(
            "  hostAliases:\n  - ip: 203.0.113.9\n    hostnames: [api.example.com]\n  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n"
        ),
        good: pod!("  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n"),
    },
    check: Check::Workload(host_aliases),
};

pub const HOST_USERS: Rule = Rule {
    info: RuleInfo {
        id: "user-namespace-missing",
        severity: Severity::Low,
        aliases: &["HostUsers"],
        opt_in: true,
        title: "The pod's users are the node's users",
        why: "Without a user namespace, root in the container is root on the node as soon as it finds a way out.",
        remedy: "set `hostUsers: false` where the nodes can do it (Linux 6.3, Kubernetes 1.33)",
        bad: pod!("  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n"),
        good: pod!("  hostUsers: false\n  containers:\n  - name: web\n    image: registry.example.com/web:1.2\n"),
    },
    check: Check::Workload(host_users),
};

fn host_network(workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    flag(&HOST_NETWORK.info, "hostNetwork", "shares the node's network", workload, context, out);
}

fn host_pid(workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    flag(&HOST_PID.info, "hostPID", "sees the node's processes", workload, context, out);
}

fn host_ipc(workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    flag(&HOST_IPC.info, "hostIPC", "shares the node's memory segments", workload, context, out);
}

fn flag(
    rule: &'static RuleInfo,
    field: &str,
    does: &str,
    workload: &Workload<'_>,
    context: &Context<'_>,
    out: &mut Vec<Found>,
) {
    if !workload.at(&[field]).is_some_and(|value| asks_for(value)) {
        return;
    }
    let message = format!("{} {does}", short(&workload.object.label()));
    let found = Found::new(rule, entry(workload.spec, field), message);
    let title = format!("set `{field}: false`");
    out.push(set_in_pod(found, workload, context.source, unsafely(&title), &[field], Value::Bool(false)));
}

fn host_port(container: &Container<'_>, _: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    for port in container.at(&["ports"]).map(|ports| ports.items()).unwrap_or_default() {
        // What is no number is no harmless one either.
        if let Some(number) = port.get("hostPort").filter(|port| port.string().is_some() && integer(port) != Some(0)) {
            let message =
                format!("{} binds port {} of the node", called(container), short(number.text().unwrap_or_default()));
            out.push(Found::new(&HOST_PORT.info, entry(port, "hostPort"), message));
        }
    }
}

const PROBES: [&[&str]; 5] = [
    &["livenessProbe"],
    &["readinessProbe"],
    &["startupProbe"],
    &["lifecycle", "postStart"],
    &["lifecycle", "preStop"],
];

fn probe_host(container: &Container<'_>, workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    for probe in PROBES {
        for way in ["httpGet", "tcpSocket"] {
            let path = [probe, &[way]].concat();
            let Some(action) = container.at(&path) else { continue };
            let Some(host) = action.get("host").and_then(|host| host.string()) else { continue };
            let message = format!("the {} of {} asks the host `{}`", probe.join("."), called(container), short(host));
            let found = Found::new(&PROBE_HOST.info, entry(action, "host"), message);
            let path = [&path[..], &["host"]].concat();
            out.push(edit_container(found, (container, workload), safe("remove `host`"), |node| {
                edit::remove(context.source, node, &path)
            }));
        }
    }
}

fn windows_host_process(workload: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    if let Some((_, options)) = in_pod(workload, "windowsOptions")
        && options.get("hostProcess").is_some_and(|value| asks_for(value))
    {
        let message = format!("{} runs as processes of the node", short(&workload.object.label()));
        out.push(Found::new(&WINDOWS_HOST_PROCESS.info, entry(options, "hostProcess"), message));
    }
    for container in workload.containers() {
        if let Some((_, options)) = in_container(&container, "windowsOptions")
            && options.get("hostProcess").is_some_and(|value| asks_for(value))
        {
            let message = format!("{} runs as a process of the node", called(&container));
            out.push(Found::new(&WINDOWS_HOST_PROCESS.info, entry(options, "hostProcess"), message));
        }
    }
}

fn host_aliases(workload: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    let Some(aliases) = workload.at(&["hostAliases"]) else { return };
    for alias in aliases.items() {
        let names: Vec<&str> = alias
            .get("hostnames")
            .map(|names| names.items())
            .unwrap_or_default()
            .iter()
            .filter_map(|name| name.text())
            .collect();
        let ip = alias.get("ip").and_then(|ip| ip.text()).unwrap_or_default();
        let message = format!("the pod's hosts file sends `{}` to `{}`", short(&names.join(", ")), short(ip));
        out.push(Found::new(&HOST_ALIASES.info, crate::manifest::object::span(alias), message));
    }
}

fn host_users(workload: &Workload<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    let value = workload.at(&["hostUsers"]);
    if workload.is_windows() || value.is_some_and(|value| crate::manifest::object::boolean(value) == Some(false)) {
        return;
    }
    let place = value.map_or_else(|| pod_place(workload, &[]), |_| entry(workload.spec, "hostUsers"));
    let message = format!("{} has no user namespace of its own", short(&workload.object.label()));
    let found = Found::new(&HOST_USERS.info, place, message);
    let mend = unsafely("set `hostUsers: false`");
    out.push(set_in_pod(found, workload, context.source, mend, &["hostUsers"], Value::Bool(false)));
}
