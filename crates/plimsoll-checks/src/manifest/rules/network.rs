//! What is open to the network: NetworkPolicies that let too much through, and Services that show too much.

use std::net::IpAddr;
use std::sync::Arc;

use plimsoll_model::{RuleInfo, Severity};
use plimsoll_yaml::Node;

use super::pod::{mended, short, unsafely};
use super::{Check, Context, Rule};
use crate::manifest::edit::{self, Value, unshared};
use crate::manifest::object::{Container, Object, Workload, entry, integer, key, span};
use crate::source::{Found, Span};

/// A NetworkPolicy with this spec.
macro_rules! policy {
    ($spec:literal) => {
        concat!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: web\nspec:\n  podSelector: {}\n",
            $spec
        )
    };
}
/// A Service with this spec.
macro_rules! service {
    ($spec:literal) => {
        concat!("apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n", $spec)
    };
}

pub const METADATA: Rule = Rule {
    info: RuleInfo {
        id: "metadata-endpoint-reachable",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "A NetworkPolicy lets pods reach the cloud's metadata",
        why: "169.254.169.254 (fd00:ec2::254) hands the node's own cloud credentials to who asks: a server-side request \
              forgery becomes an account.",
        remedy: "leave the address out with `except`, or list where the pods may go",
        bad: policy!("  egress:\n  - to:\n    - ipBlock:\n        cidr: 0.0.0.0/0\n"),
        good: policy!(
            "  egress:\n  - to:\n    - ipBlock:\n        cidr: 0.0.0.0/0\n        except: [169.254.169.254/32]\n"
        ),
    },
    check: Check::Object(metadata),
};

pub const OPEN_POLICY: Rule = Rule {
    info: RuleInfo {
        id: "open-network-policy",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "A NetworkPolicy lets everybody in on every port",
        why: "It looks like a wall and is none; beside others it undoes them, for policies add up.",
        remedy: "say in `from` who may come, and in `ports` where",
        bad: policy!("  ingress:\n  - {}\n"),
        good: policy!(
            "  ingress:\n  - from:\n    - podSelector:\n        matchLabels:\n          app: front\n    ports:\n    - port: 8080\n"
        ),
    },
    check: Check::Object(open_policy),
};

pub const EXPOSED: Rule = Rule {
    info: RuleInfo {
        id: "exposed-service",
        severity: Severity::Low,
        aliases: &["exposed-services", "Service Type"],
        opt_in: true,
        title: "A Service is open outside the cluster",
        why: "Its port is on every node or behind an address of its own, past the Ingress with its TLS and its logs.",
        remedy: "make it a ClusterIP and put an Ingress or a Gateway before it",
        bad: service!("  type: NodePort\n  ports:\n  - port: 80\n"),
        good: service!("  type: ClusterIP\n  ports:\n  - port: 80\n"),
    },
    check: Check::Object(exposed),
};

pub const EXTERNAL_IP: Rule = Rule {
    info: RuleInfo {
        id: "external-ip",
        severity: Severity::Medium,
        aliases: &["KSV-0108"],
        opt_in: false,
        title: "A Service takes addresses from outside",
        why: "Traffic of the whole cluster to that address goes to this Service, whoever owns it (CVE-2020-8554).",
        remedy: "use a Service of type LoadBalancer, whose address the provider gives",
        bad: service!("  externalIPs: [203.0.113.9]\n  ports:\n  - port: 80\n"),
        good: service!("  ports:\n  - port: 80\n"),
    },
    check: Check::Object(external_ip),
};

pub const SSH_SERVICE: Rule = Rule {
    info: RuleInfo {
        id: "ssh-service",
        severity: Severity::Low,
        aliases: &[],
        opt_in: false,
        title: "A Service sends to port 22",
        why: "A shell in a container that is reachable over the network needs keys, updates and logs of its own; `kubectl exec` \
              has them.",
        remedy: "take the port out and use `kubectl exec` or `kubectl debug`",
        bad: service!("  ports:\n  - port: 22\n"),
        good: service!("  ports:\n  - port: 80\n"),
    },
    check: Check::Object(ssh_service),
};

pub const SSH_PORT: Rule = Rule {
    info: RuleInfo {
        id: "ssh-port",
        severity: Severity::Low,
        aliases: &[],
        opt_in: false,
        title: "A container listens on port 22",
        why: "A shell that is reachable over the network needs keys, updates and logs of its own; `kubectl exec` has them.",
        remedy: "take the SSH server out and use `kubectl exec` or `kubectl debug`",
        bad: container!("    ports:\n    - containerPort: 22\n"),
        good: container!("    ports:\n    - containerPort: 8080\n"),
    },
    check: Check::Container(ssh_port),
};

/// Where clouds answer with credentials, and the block that leaves the address out.
const ENDPOINTS: [(&str, &str); 2] =
    [("169.254.169.254", "169.254.169.254/32"), ("fd00:ec2::254", "fd00:ec2::254/128")];
/// The port on which they answer.
const METADATA_PORT: i64 = 80;

fn is_policy(object: &Object) -> bool {
    object.kind == "NetworkPolicy" && matches!(object.group(), "networking.k8s.io" | "extensions")
}

/// Whether a block of addresses holds an address; false for what is no block.
fn holds(block: &str, address: IpAddr) -> bool {
    let Some((base, bits)) = block.trim().split_once('/') else { return false };
    let (Ok(base), Ok(bits)) = (base.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            base.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(base), IpAddr::V6(address)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            base.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    }
}

/// Whether a rule's ports let TCP to the metadata's port through.
fn reaches_port(rule: &Arc<Node>) -> bool {
    let ports = rule.get("ports").map(|ports| ports.items()).unwrap_or_default();
    ports.is_empty()
        || ports.iter().any(|port| {
            if port.get("protocol").and_then(|protocol| protocol.string()).is_some_and(|protocol| protocol != "TCP") {
                return false;
            }
            let number =
                |field: &str| port.get(field).filter(|value| value.string().is_some()).map(|value| integer(value));
            match (number("port"), number("endPort")) {
                (None, _) => true,
                (Some(Some(first)), Some(Some(last))) => (first..=last).contains(&METADATA_PORT),
                (Some(Some(only)), _) => only == METADATA_PORT,
                // A name is of a pod's port; no address has it.
                (Some(None), _) => false,
            }
        })
}

fn metadata(object: &Object, context: &Context<'_>, out: &mut Vec<Found>) {
    let rules = object.at(&["spec", "egress"]).filter(|_| is_policy(object));
    for rule in rules.map(|rules| rules.items()).unwrap_or_default().iter().filter(|rule| reaches_port(rule)) {
        let peers = rule.get("to").map(|to| to.items()).unwrap_or_default();
        if peers.is_empty() {
            let place = key(rule, "to").map_or_else(|| span(rule), |key| span(key));
            let message = format!("{} lets pods reach every address, the cloud's metadata too", short(&object.label()));
            out.push(Found::new(&METADATA.info, place, message));
            continue;
        }
        for peer in peers {
            let Some(block) = peer.get("ipBlock") else { continue };
            let Some(cidr) = block.get("cidr").and_then(|cidr| cidr.text()) else { continue };
            let except = block.get("except").map(|except| except.items()).unwrap_or_default();
            for (address, left_out) in ENDPOINTS {
                let Ok(parsed) = address.parse::<IpAddr>() else { continue };
                let within = |text: &Arc<Node>| text.text().is_some_and(|text| holds(text, parsed));
                if !holds(cidr, parsed) || except.iter().any(within) {
                    continue;
                }
                let message = format!("{} lets pods reach the cloud's metadata at {address}", short(&object.label()));
                let found = Found::new(&METADATA.info, entry(block, "cidr"), message);
                let alone = [rule, peer, block].into_iter().all(unshared) && is_unshared(object);
                let edits = if !alone || cidr == left_out {
                    None
                } else if except.is_empty() {
                    edit::set(context.source, block, &["except"], Value::Texts(&[left_out]))
                } else {
                    edit::push(context.source, block, &["except"], left_out)
                };
                out.push(mended(found, unsafely("leave the address out"), edits));
            }
        }
    }
}

/// Whether no alias shares the policy's egress rules.
fn is_unshared(object: &Object) -> bool {
    let spec = edit::own(&object.node, "spec").map(|(_, spec)| spec).filter(|spec| unshared(spec));
    spec.and_then(|spec| edit::own(spec, "egress")).is_some_and(|(_, egress)| unshared(egress))
}

fn open_policy(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    let rules = object.at(&["spec", "ingress"]).filter(|_| is_policy(object));
    for rule in rules.map(|rules| rules.items()).unwrap_or_default() {
        let from = rule.get("from").map(|from| from.items()).unwrap_or_default();
        let ports = rule.get("ports").map(|ports| ports.items()).unwrap_or_default();
        let everybody = from.is_empty() || from.iter().any(is_everybody);
        if everybody && ports.iter().all(|port| port.get("port").is_none()) {
            let place = match rule.get("from") {
                Some(_) => entry(rule, "from"),
                None => span(rule),
            };
            let message = format!("{} lets everybody in on every port", short(&object.label()));
            out.push(Found::new(&OPEN_POLICY.info, place, message));
        }
    }
}

/// `{}`, every address, or every pod of every namespace.
fn is_everybody(peer: &Arc<Node>) -> bool {
    let empty = |field: &str| peer.get(field).is_some_and(|selector| selector.pairs().is_empty());
    let cidr = peer.get("ipBlock").and_then(|block| block.get("cidr")).and_then(|cidr| cidr.text());
    let all = matches!(cidr, Some("0.0.0.0/0" | "::/0"));
    let kept = peer.get("ipBlock").and_then(|block| block.get("except")).is_some_and(|list| !list.items().is_empty());
    let pods = peer.get("podSelector").is_none() || empty("podSelector");
    peer.pairs().is_empty() || (all && !kept) || (empty("namespaceSelector") && pods)
}

fn service_spec(object: &Object) -> Option<&Arc<Node>> {
    let service = object.kind == "Service" && object.api_version == "v1";
    if service { object.at(&["spec"]) } else { None }
}

fn exposed(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    let Some(spec) = service_spec(object) else { return };
    if let Some(kind @ ("NodePort" | "LoadBalancer")) = spec.get("type").and_then(|kind| kind.text()) {
        let message = format!("{} is open outside the cluster as a {kind}", short(&object.label()));
        out.push(Found::new(&EXPOSED.info, entry(spec, "type"), message));
    }
}

fn external_ip(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    let Some(spec) = service_spec(object) else { return };
    if spec.get("externalIPs").is_some_and(|list| !list.items().is_empty()) {
        let message = format!("{} takes addresses from outside the cluster", short(&object.label()));
        out.push(Found::new(&EXTERNAL_IP.info, entry(spec, "externalIPs"), message));
    }
}

fn ssh_service(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    let Some(ports) = service_spec(object).and_then(|spec| spec.get("ports")) else { return };
    for port in ports.items() {
        // What it sends to counts; left out, that is the port itself.
        let target = port.get("targetPort").filter(|target| target.string().is_some());
        let name = if target.is_some() { "targetPort" } else { "port" };
        if target.or_else(|| port.get("port")).is_some_and(|port| integer(port) == Some(22)) {
            let message = format!("{} sends to port 22", short(&object.label()));
            out.push(Found::new(&SSH_SERVICE.info, entry(port, name), message));
        }
    }
}

fn ssh_port(container: &Container<'_>, _: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    for port in container.at(&["ports"]).map(|ports| ports.items()).unwrap_or_default() {
        if port.get("containerPort").is_some_and(|number| integer(number) == Some(22)) {
            let message = format!("{} listens on port 22", super::pod::called(container));
            let place: Span = entry(port, "containerPort");
            out.push(Found::new(&SSH_PORT.info, place, message));
        }
    }
}
