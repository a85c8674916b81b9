//! What keeps a workload up while nodes go. In: the run. Out: disruption budgets that guard nothing or block everything, and, for
//! who asks, workloads without one. What it does not do: know the load.

use std::collections::HashSet;

use plimsoll_model::{RuleInfo, Severity};

use super::selector::Selector;
use super::{All, Pod, Project, in_space, shown_at, space};
use crate::manifest::object::{Object, integer, span};
use crate::manifest::rules::{Check, Rule};
use crate::manifest::schema::scalar::Is;
use crate::source::Found;

/// A budget for pods that are not there.
pub const BUDGET_WITHOUT_PODS: Rule = Rule {
    info: RuleInfo {
        id: "budget-without-pods",
        severity: Severity::Medium,
        aliases: &["PodDisruptionBudget has Pods"],
        opt_in: false,
        title: "A PodDisruptionBudget that selects no pod of the run",
        why: "The budget guards nothing: the pods that it was written for have other labels, and a drained node takes all of them.",
        remedy: "write the labels of the pod's template into the selector",
        bad: "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata:\n  name: web\nspec:\n  maxUnavailable: 1\n  selector:\n    \
              matchLabels:\n      app: wbe\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels:\n    app: web\nspec:\n  \
              containers:\n  - name: web\n    image: nginx:1.29\n",
        good: "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata:\n  name: web\nspec:\n  maxUnavailable: 1\n  selector:\n    \
               matchLabels:\n      app: web\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels:\n    app: web\nspec:\n  \
               containers:\n  - name: web\n    image: nginx:1.29\n",
    },
    check: Check::Project(budgets),
};

/// A budget that lets no pod go.
pub const BUDGET_BLOCKS_EVICTION: Rule = Rule {
    info: RuleInfo {
        id: "eviction-blocked-by-budget",
        severity: Severity::Medium,
        aliases: &["pdb-max-unavailable", "pdb-min-available"],
        opt_in: false,
        title: "A PodDisruptionBudget that allows no disruption at all",
        why: "No pod may be evicted, so that a node with one of them cannot be drained: upgrades of the cluster stop there.",
        remedy: "allow one pod to go: `maxUnavailable: 1`",
        bad: "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata:\n  name: web\nspec:\n  maxUnavailable: 0\n  selector:\n    \
              matchLabels:\n      app: web\n",
        good: "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata:\n  name: web\nspec:\n  maxUnavailable: 1\n  selector:\n    \
               matchLabels:\n      app: web\n",
    },
    check: Check::Project(blocking),
};

/// A workload without a budget.
pub const BUDGET_MISSING: Rule = Rule {
    info: RuleInfo {
        id: "budget-missing",
        severity: Severity::Low,
        aliases: &[
            "Deployment has PodDisruptionBudget",
            "StatefulSet has PodDisruptionBudget",
            "missingPodDisruptionBudget",
        ],
        opt_in: true,
        title: "A workload with several replicas that no PodDisruptionBudget guards",
        why: "Whoever drains nodes may take all replicas away at once.",
        remedy: "add a PodDisruptionBudget with `maxUnavailable: 1` for the pod's labels",
        bad: "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 3\n  selector:\n    matchLabels:\n      \
              app: web\n  template:\n    metadata:\n      labels:\n        app: web\n    spec:\n      containers:\n      - name: web\n        \
              image: nginx:1.29\n",
        good: "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 3\n  selector:\n    matchLabels:\n      \
               app: web\n  template:\n    metadata:\n      labels:\n        app: web\n    spec:\n      containers:\n      - name: web\n        \
               image: nginx:1.29\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata:\n  name: web\nspec:\n  \
               maxUnavailable: 1\n  selector:\n    matchLabels:\n      app: web\n",
    },
    check: Check::Project(unguarded),
};

fn budgets(project: &Project<'_>, found: All<'_>) {
    for budget in project.all("PodDisruptionBudget") {
        let Some(node) = budget.object.at(&["spec", "selector"]) else { continue };
        let Some(selector) = Selector::of(node) else { continue };
        let namespace = space(budget.object);
        if !selector.is_empty() && project.selects_none(namespace, &selector) {
            let message = format!("no pod of the run has the labels `{}`{}", selector.words(), in_space(namespace));
            found.push((budget.file, Found::new(&BUDGET_WITHOUT_PODS.info, span(node), message)));
        }
    }
}

fn blocking(project: &Project<'_>, found: All<'_>) {
    let scaled = scaled(project);
    for budget in project.all("PodDisruptionBudget") {
        let object = budget.object;
        let mut tell = |node, message: String| {
            found.push((budget.file, Found::new(&BUDGET_BLOCKS_EVICTION.info, span(node), message)));
        };
        if let Some(node) = object.at(&["spec", "maxUnavailable"])
            && (integer(node) == Some(0) || node.text() == Some("0%"))
        {
            tell(node, "no pod may ever be unavailable".into());
        }
        let Some(node) = object.at(&["spec", "minAvailable"]) else { continue };
        if node.text() == Some("100%") {
            tell(node, "all pods must always be available".into());
        }
        let selector = object.at(&["spec", "selector"]).and_then(Selector::of);
        let (Some(least), Some(selector)) = (integer(node), selector) else { continue };
        let mut selected = project.selected(space(object), &selector);
        // Who scales the workload, or how many it has, is only known of one that says so.
        let (Some(pod), None) = (selected.next(), selected.next()) else { continue };
        if let Some(replicas) = replicas(pod)
            && least >= replicas
            && least > 0
            && !scaled.contains(&(pod.workload.object.kind.as_str(), pod.workload.object.name.as_str()))
        {
            let label = pod.workload.object.label();
            tell(node, format!("{least} pods must always be available, and {label} has {replicas}"));
        }
    }
}

/// The replicas of a workload that has replicas; one where it does not say.
fn replicas(pod: &Pod<'_>) -> Option<i64> {
    let object = pod.workload.object;
    if !matches!(object.kind.as_str(), "Deployment" | "StatefulSet" | "ReplicaSet") {
        return None;
    }
    match object.at(&["spec", "replicas"]).filter(|node| Is::of(node) != Is::Null) {
        Some(node) => integer(node),
        None => Some(1),
    }
}

/// Kinds and names of what an autoscaler scales.
fn scaled<'m>(project: &Project<'m>) -> HashSet<(&'m str, &'m str)> {
    let targets = project.all("HorizontalPodAutoscaler").into_iter().filter_map(|scaler| {
        let target = scaler.object.at(&["spec", "scaleTargetRef"])?;
        Some((target.get("kind")?.text()?, target.get("name")?.text()?))
    });
    targets.collect()
}

fn unguarded(project: &Project<'_>, found: All<'_>) {
    let mut guarded: HashSet<*const Object> = HashSet::new();
    let mut unsure = false;
    for budget in project.all("PodDisruptionBudget") {
        let selector = budget.object.at(&["spec", "selector"]).and_then(Selector::of);
        let Some(selector) = selector else {
            unsure = true;
            continue;
        };
        let selected = project.selected(space(budget.object), &selector);
        guarded.extend(selected.map(|pod| std::ptr::from_ref(pod.workload.object)));
    }
    for pod in project.pods.iter().filter(|pod| replicas(pod).is_some_and(|replicas| replicas > 1)) {
        let object = pod.workload.object;
        if !unsure && !pod.labels.unsure && !guarded.contains(&std::ptr::from_ref(object)) {
            let message = format!("no PodDisruptionBudget guards {}", object.label());
            found.push((pod.file, Found::new(&BUDGET_MISSING.info, shown_at(object), message)));
        }
    }
}
