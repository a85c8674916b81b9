//! What keeps a workload running: probes, replicas, spreading, storage. All are looked for only where somebody asks: they are
//! advice, and no one answer is right for all.

use plimsoll_model::{RuleInfo, Severity};

use super::pod::{called, container_place, pod_place, short};
use super::{Check, Context, Rule};
use crate::manifest::object::{Container, ContainerKind, Object, Workload, entry, integer, key, span};
use crate::source::{Found, Span};

pub const LIVENESS: Rule = Rule {
    info: RuleInfo {
        id: "liveness-probe-missing",
        severity: Severity::Low,
        aliases: &["no-liveness-probe", "livenessProbeMissing", "Pod Probes", "CKV_K8S_8"],
        opt_in: true,
        title: "A container has no liveness probe",
        why: "A process that hangs without ending is never started anew.",
        remedy: "add a `livenessProbe` that fails only when a new start helps",
        bad: container!("    readinessProbe:\n      httpGet:\n        path: /ready\n        port: 8080\n"),
        good: container!("    livenessProbe:\n      httpGet:\n        path: /live\n        port: 8080\n"),
    },
    check: Check::Container(liveness),
};

pub const READINESS: Rule = Rule {
    info: RuleInfo {
        id: "readiness-probe-missing",
        severity: Severity::Low,
        aliases: &["no-readiness-probe", "readinessProbeMissing", "CKV_K8S_9"],
        opt_in: true,
        title: "A container has no readiness probe",
        why: "Services send it requests as soon as its process is there, whether it can answer or not.",
        remedy: "add a `readinessProbe`",
        bad: container!("    livenessProbe:\n      httpGet:\n        path: /live\n        port: 8080\n"),
        good: container!("    readinessProbe:\n      httpGet:\n        path: /ready\n        port: 8080\n"),
    },
    check: Check::Container(readiness),
};

pub const SINGLE_REPLICA: Rule = Rule {
    info: RuleInfo {
        id: "single-replica",
        severity: Severity::Low,
        aliases: &["minimum-three-replicas", "deploymentMissingReplicas"],
        opt_in: true,
        title: "A Deployment or StatefulSet has one replica",
        why: "While its pod moves to another node nobody answers.",
        remedy: "set `replicas` to two or more, or leave it to an autoscaler",
        bad: "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 1\n",
        good: "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 3\n",
    },
    check: Check::Object(single_replica),
};

pub const SPREAD_MISSING: Rule = Rule {
    info: RuleInfo {
        id: "spread-missing",
        severity: Severity::Low,
        aliases: &["no-anti-affinity", "topologySpreadConstraint"],
        opt_in: true,
        title: "Replicas may all be on one node",
        why: "When that node goes, all of them go.",
        remedy: "add `topologySpreadConstraints` or a `podAntiAffinity`",
        bad: "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 3\n  template:\n    spec:\n      containers:\n      - name: web\n        image: registry.example.com/web:1.2\n",
        good: "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 3\n  template:\n    spec:\n      topologySpreadConstraints:\n      - topologyKey: kubernetes.io/hostname\n        maxSkew: 1\n        whenUnsatisfiable: ScheduleAnyway\n      containers:\n      - name: web\n        image: registry.example.com/web:1.2\n",
    },
    check: Check::Workload(spread_missing),
};

pub const CLAIM_ACCESS: Rule = Rule {
    info: RuleInfo {
        id: "claim-not-read-write-once",
        severity: Severity::Low,
        aliases: &["VolumeClaimAccessModeReadWriteOnce"],
        opt_in: true,
        title: "A StatefulSet's claim is not ReadWriteOnce",
        why: "Each replica has a volume of its own; another mode lets others mount it too, which few kinds of storage can do.",
        remedy: "set `accessModes: [ReadWriteOnce]`, or `ReadWriteOncePod`",
        bad: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: db\nspec:\n  volumeClaimTemplates:\n  - metadata:\n      name: data\n    spec:\n      accessModes: [ReadWriteMany]\n",
        good: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: db\nspec:\n  volumeClaimTemplates:\n  - metadata:\n      name: data\n    spec:\n      accessModes: [ReadWriteOnce]\n",
    },
    check: Check::Object(claim_access),
};

pub const CLAIM_STORAGE: Rule = Rule {
    info: RuleInfo {
        id: "claim-storage-missing",
        severity: Severity::Low,
        aliases: &["VolumeClaimRequestsStorage"],
        opt_in: true,
        title: "A StatefulSet's claim asks for no storage",
        why: "The API server refuses a claim that does not say how large it is.",
        remedy: "set `resources.requests.storage`",
        bad: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: db\nspec:\n  volumeClaimTemplates:\n  - metadata:\n      name: data\n    spec:\n      accessModes: [ReadWriteOnce]\n",
        good: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: db\nspec:\n  volumeClaimTemplates:\n  - metadata:\n      name: data\n    spec:\n      resources:\n        requests:\n          storage: 1Gi\n",
    },
    check: Check::Object(claim_storage),
};

pub const SERVICE_NAME: Rule = Rule {
    info: RuleInfo {
        id: "service-name-missing",
        severity: Severity::Low,
        aliases: &["StatefulSet has ServiceName"],
        opt_in: true,
        title: "A StatefulSet names no Service",
        why: "Its pods have no names in DNS of their own, which is what a StatefulSet is mostly for.",
        remedy: "make a headless Service and name it in `serviceName`",
        bad: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: db\nspec:\n  replicas: 3\n",
        good: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: db\nspec:\n  serviceName: db\n  replicas: 3\n",
    },
    check: Check::Object(service_name),
};

fn liveness(container: &Container<'_>, workload: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    probe(&LIVENESS.info, "livenessProbe", "liveness", container, workload, out);
}

fn readiness(container: &Container<'_>, workload: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    probe(&READINESS.info, "readinessProbe", "readiness", container, workload, out);
}

/// Main containers of what goes on running: a job ends by itself.
fn probe(
    rule: &'static RuleInfo,
    field: &str,
    what: &str,
    container: &Container<'_>,
    workload: &Workload<'_>,
    out: &mut Vec<Found>,
) {
    let job = matches!(workload.object.kind.as_str(), "Job" | "CronJob");
    let once =
        workload.at(&["restartPolicy"]).and_then(|policy| policy.text()).is_some_and(|policy| policy != "Always");
    let there = container.at(&[field]).is_some_and(|probe| !probe.pairs().is_empty());
    if container.kind == ContainerKind::Main && !job && !once && !there {
        out.push(Found::new(
            rule,
            container_place(container, &[field]),
            format!("{} has no {what} probe", called(container)),
        ));
    }
}

fn is_replicated(object: &Object) -> bool {
    matches!(object.kind.as_str(), "Deployment" | "StatefulSet" | "ReplicaSet" | "ReplicationController")
}

fn single_replica(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    // Nought is switched off; left out is one, or the autoscaler's.
    let spec = object.at(&["spec"]).filter(|_| is_replicated(object));
    if let Some(spec) = spec
        && spec.get("replicas").is_some_and(|replicas| integer(replicas) == Some(1))
    {
        let message = format!("{} has one replica", short(&object.label()));
        out.push(Found::new(&SINGLE_REPLICA.info, entry(spec, "replicas"), message));
    }
}

fn spread_missing(workload: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    let object = workload.object;
    let replicas = object.at(&["spec", "replicas"]).and_then(|replicas| integer(replicas)).unwrap_or(1);
    let spread = workload.at(&["topologySpreadConstraints"]).is_some_and(|list| !list.items().is_empty())
        || workload.at(&["affinity", "podAntiAffinity"]).is_some_and(|rules| !rules.pairs().is_empty());
    if is_replicated(object) && replicas > 1 && !spread {
        let message = format!("the {replicas} replicas of {} may all be on one node", short(&object.label()));
        out.push(Found::new(&SPREAD_MISSING.info, pod_place(workload, &["topologySpreadConstraints"]), message));
    }
}

/// The claim templates of a StatefulSet.
fn claims(object: &Object) -> &[std::sync::Arc<plimsoll_yaml::Node>] {
    let list = object.at(&["spec", "volumeClaimTemplates"]).filter(|_| object.kind == "StatefulSet");
    list.map(|list| list.items()).unwrap_or_default()
}

/// The key nearest to what a claim lacks.
fn claim_place(claim: &std::sync::Arc<plimsoll_yaml::Node>) -> Span {
    key(claim, "spec").or_else(|| key(claim, "metadata")).map_or_else(|| span(claim), |key| span(key))
}

fn claim_access(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    for claim in claims(object) {
        let modes = crate::manifest::object::at(claim, &["spec", "accessModes"]);
        let single = |mode: &std::sync::Arc<plimsoll_yaml::Node>| {
            matches!(mode.text(), Some("ReadWriteOnce" | "ReadWriteOncePod"))
        };
        if modes.is_some_and(|modes| modes.items().iter().any(single)) {
            continue;
        }
        let place = match claim.get("spec") {
            Some(spec) if modes.is_some() => entry(spec, "accessModes"),
            _ => claim_place(claim),
        };
        let message = format!("a claim of {} is not ReadWriteOnce", short(&object.label()));
        out.push(Found::new(&CLAIM_ACCESS.info, place, message));
    }
}

fn claim_storage(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    for claim in claims(object) {
        let storage = crate::manifest::object::at(claim, &["spec", "resources", "requests", "storage"]);
        if storage.is_none_or(|storage| storage.string().is_none()) {
            let message = format!("a claim of {} asks for no storage", short(&object.label()));
            out.push(Found::new(&CLAIM_STORAGE.info, claim_place(claim), message));
        }
    }
}

fn service_name(object: &Object, _: &Context<'_>, out: &mut Vec<Found>) {
    let name = object.at(&["spec", "serviceName"]);
    if object.kind == "StatefulSet" && name.is_none_or(|name| name.is_null() || name.text() == Some("")) {
        let place = key(&object.node, "spec").map_or_else(|| span(&object.node), |key| span(key));
        out.push(Found::new(&SERVICE_NAME.info, place, format!("{} names no Service", short(&object.label()))));
    }
}
