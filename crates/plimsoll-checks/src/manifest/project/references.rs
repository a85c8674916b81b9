//! Names of what is not there. In: the run. Out: ServiceAccounts, ConfigMaps, Secrets, claims, classes and targets that an
//! object names and the run does not define, though it defines others of their kind in the namespace. What it does not do:
//! know what the cluster has already.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use plimsoll_model::{RuleInfo, Severity};
use plimsoll_yaml::Node;

use super::{All, Entry, Pod, Project, in_space, shown_at, space, text_at};
use crate::manifest::object::{at, is_true};
use crate::manifest::rules::{Check, Rule};
use crate::source::{Found, Span};

/// A pod of an account that is not there.
pub const SERVICE_ACCOUNT_MISSING: Rule = Rule {
    info: RuleInfo {
        id: "service-account-missing",
        severity: Severity::Medium,
        aliases: &["non-existent-service-account"],
        opt_in: false,
        title: "A workload of a ServiceAccount that the run does not define",
        why: "The API server refuses the pods until the account is there. Only looked for where the run defines other accounts of \
              the namespace.",
        remedy: "define the ServiceAccount in the same namespace, or name one that is there",
        bad: "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: web\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  \
              serviceAccountName: wbe\n  containers:\n  - name: web\n    image: nginx:1.29\n",
        good: "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: web\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  \
               serviceAccountName: web\n  containers:\n  - name: web\n    image: nginx:1.29\n",
    },
    check: Check::Project(accounts),
};

/// A pod of a ConfigMap or Secret that is not there.
pub const CONFIG_MISSING: Rule = Rule {
    info: RuleInfo {
        id: "config-missing",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "A workload of a ConfigMap or Secret, or of a key in it, that the run does not define",
        why: "The containers do not start until it is there. Only looked for where the run defines others of its kind in the \
              namespace, and not where the reference is `optional`.",
        remedy: "define it in the same namespace, write the name and the key as they are there, or mark the reference `optional: true`",
        bad: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n  port: \"80\"\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  \
              name: web\nspec:\n  containers:\n  - name: web\n    image: nginx:1.29\n    envFrom:\n    - configMapRef:\n        name: wbe\n",
        good: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n  port: \"80\"\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  \
               name: web\nspec:\n  containers:\n  - name: web\n    image: nginx:1.29\n    envFrom:\n    - configMapRef:\n        name: web\n",
    },
    check: Check::Project(configs),
};

/// A pod of a claim that is not there.
pub const CLAIM_MISSING: Rule = Rule {
    info: RuleInfo {
        id: "claim-missing",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "A workload of a PersistentVolumeClaim that the run does not define",
        why: "The pods stay pending until the claim is there. Only looked for where the run defines other claims of the namespace.",
        remedy: "define the claim in the same namespace, or name one that is there",
        bad: "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: data\nspec:\n  accessModes: [ReadWriteOnce]\n  resources:\n    \
              requests:\n      storage: 1Gi\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    \
              image: nginx:1.29\n  volumes:\n  - name: data\n    persistentVolumeClaim:\n      claimName: date\n",
        good: "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: data\nspec:\n  accessModes: [ReadWriteOnce]\n  resources:\n    \
               requests:\n      storage: 1Gi\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    \
               image: nginx:1.29\n  volumes:\n  - name: data\n    persistentVolumeClaim:\n      claimName: data\n",
    },
    check: Check::Project(claims),
};

/// A pod of a RuntimeClass that is not there.
pub const RUNTIME_CLASS_MISSING: Rule = Rule {
    info: RuleInfo {
        id: "runtime-class-missing",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "A workload of a RuntimeClass that the run does not define",
        why: "The API server refuses the pods, so that a sandbox that was asked for is not there. Only looked for where the run \
              defines other classes.",
        remedy: "define the RuntimeClass, or name one that is there",
        bad: "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata:\n  name: gvisor\nhandler: runsc\n---\napiVersion: v1\nkind: Pod\n\
              metadata:\n  name: web\nspec:\n  runtimeClassName: gviser\n  containers:\n  - name: web\n    image: nginx:1.29\n",
        good: "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata:\n  name: gvisor\nhandler: runsc\n---\napiVersion: v1\nkind: Pod\n\
               metadata:\n  name: web\nspec:\n  runtimeClassName: gvisor\n  containers:\n  - name: web\n    image: nginx:1.29\n",
    },
    check: Check::Project(classes),
};

/// An autoscaler of what is not there.
pub const AUTOSCALER_TARGET_MISSING: Rule = Rule {
    info: RuleInfo {
        id: "autoscaler-target-missing",
        severity: Severity::Medium,
        aliases: &["dangling-horizontalpodautoscaler", "HorizontalPodAutoscaler has target"],
        opt_in: false,
        title: "A HorizontalPodAutoscaler of a workload that the run does not define",
        why: "The autoscaler scales nothing. Only looked for where the run defines other workloads of that kind in the namespace.",
        remedy: "write the kind and the name of the workload into `scaleTargetRef`",
        bad: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata:\n  name: web\nspec:\n  maxReplicas: 3\n  \
              scaleTargetRef:\n    apiVersion: apps/v1\n    kind: Deployment\n    name: wbe\n---\napiVersion: apps/v1\nkind: Deployment\n\
              metadata:\n  name: web\nspec:\n  selector:\n    matchLabels:\n      app: web\n  template:\n    metadata:\n      labels:\n        \
              app: web\n    spec:\n      containers:\n      - name: web\n        image: nginx:1.29\n",
        good: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata:\n  name: web\nspec:\n  maxReplicas: 3\n  \
               scaleTargetRef:\n    apiVersion: apps/v1\n    kind: Deployment\n    name: web\n---\napiVersion: apps/v1\nkind: Deployment\n\
               metadata:\n  name: web\nspec:\n  selector:\n    matchLabels:\n      app: web\n  template:\n    metadata:\n      labels:\n        \
               app: web\n    spec:\n      containers:\n      - name: web\n        image: nginx:1.29\n",
    },
    check: Check::Project(targets),
};

/// The ServiceAccount that a pod names, by its newer or its older field.
pub(super) fn account<'m>(pod: &Pod<'m>) -> Option<(&'m str, Span)> {
    let spec = pod.workload.spec;
    text_at(spec, &["serviceAccountName"]).or_else(|| text_at(spec, &["serviceAccount"]))
}

fn accounts(project: &Project<'_>, found: All<'_>) {
    for pod in &project.pods {
        let Some((name, place)) = account(pod) else { continue };
        // Every namespace has the account `default`.
        if name != "default" && is_missing(project, "ServiceAccount", pod.namespace(), name) {
            let message = format!("no ServiceAccount `{name}`{} is in the run", in_space(pod.namespace()));
            found.push((pod.file, Found::new(&SERVICE_ACCOUNT_MISSING.info, place, message)));
        }
    }
}

fn is_missing<'m>(project: &Project<'m>, kind: &'static str, namespace: Option<&'m str>, name: &str) -> bool {
    project.defines(kind, namespace) && project.named(kind, namespace, name).is_none()
}

fn claims(project: &Project<'_>, found: All<'_>) {
    for pod in &project.pods {
        for volume in items(pod.workload.spec, "volumes") {
            let Some((name, place)) = text_at(volume, &["persistentVolumeClaim", "claimName"]) else { continue };
            // A StatefulSet's claims are `template-name-0` and so on, and some name them.
            if is_missing(project, "PersistentVolumeClaim", pod.namespace(), name) {
                let message = format!("no PersistentVolumeClaim `{name}`{} is in the run", in_space(pod.namespace()));
                found.push((pod.file, Found::new(&CLAIM_MISSING.info, place, message)));
            }
        }
    }
}

fn classes(project: &Project<'_>, found: All<'_>) {
    for pod in &project.pods {
        let Some((name, place)) = text_at(pod.workload.spec, &["runtimeClassName"]) else { continue };
        if is_missing(project, "RuntimeClass", None, name) {
            let message = format!("no RuntimeClass `{name}` is in the run");
            found.push((pod.file, Found::new(&RUNTIME_CLASS_MISSING.info, place, message)));
        }
    }
}

fn targets(project: &Project<'_>, found: All<'_>) {
    let workloads = project.pods.iter().map(|pod| pod.workload.object);
    let names: HashSet<(&str, &str)> = workloads.map(|object| (object.kind.as_str(), object.name.as_str())).collect();
    let kinds: HashSet<(&str, Option<&str>)> =
        project.pods.iter().map(|pod| (pod.workload.object.kind.as_str(), pod.namespace())).collect();
    for scaler in project.all("HorizontalPodAutoscaler") {
        let Some(target) = scaler.object.at(&["spec", "scaleTargetRef"]) else { continue };
        let (Some((kind, _)), Some((name, place))) = (text_at(target, &["kind"]), text_at(target, &["name"])) else {
            continue;
        };
        let namespace = space(scaler.object);
        let defines = kinds.contains(&(kind, namespace)) || kinds.contains(&(kind, None));
        if defines && !names.contains(&(kind, name)) {
            let message = format!("no {kind} `{name}`{} is in the run", in_space(namespace));
            found.push((scaler.file, Found::new(&AUTOSCALER_TARGET_MISSING.info, place, message)));
        }
    }
}

/// A reference to a ConfigMap or Secret.
struct Reference<'m> {
    kind: &'static str,
    name: &'m str,
    place: Span,
    key: Option<(&'m str, Span)>,
}

fn configs(project: &Project<'_>, found: All<'_>) {
    for pod in &project.pods {
        let mut told: HashMap<(&str, &str, Option<&str>), Found> = HashMap::new();
        for reference in references(pod) {
            let (kind, name) = (reference.kind, reference.name);
            let namespace = pod.namespace();
            if !project.defines(kind, namespace) || project.is_made(name) || name == "kube-root-ca.crt" {
                continue;
            }
            let (key, place, message) = match (project.named(kind, namespace, name), reference.key) {
                (None, _) => {
                    (None, reference.place, format!("no {kind} `{name}`{} is in the run", in_space(namespace)))
                }
                (Some(entry), Some((key, place))) if !has_key(&entry, key) => {
                    let at = project.place(entry.file, shown_at(entry.object));
                    (Some(key), place, format!("the {kind} `{name}` ({at}) has no key `{key}`"))
                }
                _ => continue,
            };
            match told.entry((kind, name, key)) {
                std::collections::hash_map::Entry::Occupied(mut one) => one.get_mut().related.push(place),
                std::collections::hash_map::Entry::Vacant(none) => {
                    none.insert(Found::new(&CONFIG_MISSING.info, place, message));
                }
            }
        }
        let mut told: Vec<Found> = told.into_values().collect();
        told.sort_by_key(|one| one.span);
        found.extend(told.into_iter().map(|one| (pod.file, one)));
    }
}

/// True where the key is there, or where nobody can tell.
fn has_key(entry: &Entry<'_>, key: &str) -> bool {
    let object = entry.object;
    let fields = ["data", "binaryData", "stringData"].map(|field| object.at(&[field]));
    let readable = fields.iter().flatten().all(|node| node.pairs().iter().all(|(key, _)| key.text().is_some()));
    !readable || fields.iter().flatten().any(|node| node.get(key).is_some())
}

fn items<'m>(node: &'m Arc<Node>, key: &str) -> &'m [Arc<Node>] {
    node.get(key).map(|list| list.items()).unwrap_or_default()
}

fn references<'m>(pod: &Pod<'m>) -> Vec<Reference<'m>> {
    let spec = pod.workload.spec;
    let mut all = Vec::new();
    let mut add = |kind, node: Option<&'m Arc<Node>>, name: &str, with_key: bool| {
        let Some(node) = node.filter(|node| !node.get("optional").is_some_and(|optional| is_true(optional))) else {
            return;
        };
        let Some((name, place)) = text_at(node, &[name]) else { return };
        let key = if with_key { text_at(node, &["key"]) } else { None };
        all.push(Reference { kind, name, place, key });
    };
    for volume in items(spec, "volumes") {
        add("ConfigMap", volume.get("configMap"), "name", false);
        add("Secret", volume.get("secret"), "secretName", false);
        for source in at(volume, &["projected", "sources"]).map(|list| list.items()).unwrap_or_default() {
            add("ConfigMap", source.get("configMap"), "name", false);
            add("Secret", source.get("secret"), "name", false);
        }
    }
    for container in pod.workload.containers() {
        for variable in items(container.node, "env") {
            add("ConfigMap", at(variable, &["valueFrom", "configMapKeyRef"]), "name", true);
            add("Secret", at(variable, &["valueFrom", "secretKeyRef"]), "name", true);
        }
        for source in items(container.node, "envFrom") {
            add("ConfigMap", source.get("configMapRef"), "name", false);
            add("Secret", source.get("secretRef"), "name", false);
        }
    }
    all
}
