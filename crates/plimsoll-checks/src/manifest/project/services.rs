//! Services and what they lead to. In: the run, or one object. Out: selectors that select nothing, ports and Services that are
//! not there. What it does not do: look at Services without a selector; somebody else fills in their endpoints.

use std::sync::Arc;

use plimsoll_model::{RuleInfo, Severity};
use plimsoll_yaml::Node;

use super::selector::{Labels, Selector};
use super::{All, Entry, Pod, Project, in_space, space, text_at};
use crate::manifest::object::{Object, at, integer, span};
use crate::manifest::rules::{Check, Rule};
use crate::source::Found;

/// A Service that leads nowhere.
pub const SERVICE_WITHOUT_PODS: Rule = Rule {
    info: RuleInfo {
        id: "service-without-pods",
        severity: Severity::Medium,
        aliases: &["dangling-service", "Service Targets Pod"],
        opt_in: false,
        title: "A Service whose selector selects no pod of the run",
        why: "The Service has no endpoints, so that connections to it are refused. Most often one label differs from the pod's \
              template.",
        remedy: "write the labels of the pod's template into the selector",
        bad: "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  selector:\n    app: wbe\n  ports:\n  - port: 80\n---\n\
              apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels:\n    app: web\nspec:\n  containers:\n  - name: web\n    \
              image: nginx:1.29\n",
        good: "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  selector:\n    app: web\n  ports:\n  - port: 80\n---\n\
               apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels:\n    app: web\nspec:\n  containers:\n  - name: web\n    \
               image: nginx:1.29\n",
    },
    check: Check::Project(services),
};

/// A Service to a port that its pods do not name.
pub const SERVICE_PORT_UNKNOWN: Rule = Rule {
    info: RuleInfo {
        id: "service-port-unknown",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "A Service whose `targetPort` names a port that its pods do not have",
        why: "A port by name is looked up in the pod's containers. Where none has it, the Service has no endpoint for the port.",
        remedy: "name the port in the container, or write its number as `targetPort`",
        bad: "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  selector:\n    app: web\n  ports:\n  - port: 80\n    \
              targetPort: http\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels:\n    app: web\nspec:\n  containers:\n  \
              - name: web\n    image: nginx:1.29\n    ports:\n    - name: web\n      containerPort: 8080\n",
        good: "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  selector:\n    app: web\n  ports:\n  - port: 80\n    \
               targetPort: http\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels:\n    app: web\nspec:\n  containers:\n  \
               - name: web\n    image: nginx:1.29\n    ports:\n    - name: http\n      containerPort: 8080\n",
    },
    check: Check::Project(ports),
};

/// An Ingress to a Service, or a port of it, that is not there.
pub const INGRESS_BACKEND_MISSING: Rule = Rule {
    info: RuleInfo {
        id: "ingress-backend-missing",
        severity: Severity::Medium,
        aliases: &["dangling-ingress", "Ingress targets Service"],
        opt_in: false,
        title: "An Ingress to a Service or a port that the run does not define",
        why: "The Ingress answers with an error for the path. Only looked for where the run defines other Services of the namespace.",
        remedy: "write the name and the port of a Service of the same namespace",
        bad: "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: web\nspec:\n  defaultBackend:\n    service:\n      \
              name: wbe\n      port:\n        number: 80\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  \
              selector:\n    app: web\n  ports:\n  - port: 80\n",
        good: "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: web\nspec:\n  defaultBackend:\n    service:\n      \
               name: web\n      port:\n        number: 80\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  \
               selector:\n    app: web\n  ports:\n  - port: 80\n",
    },
    check: Check::Project(ingresses),
};

/// A workload that does not select its own pods.
pub const SELECTOR_MISMATCH: Rule = Rule {
    info: RuleInfo {
        id: "selector-mismatch",
        severity: Severity::High,
        aliases: &["mismatching-selector", "Deployment Pod Selector labels match template metadata labels"],
        opt_in: false,
        title: "A workload whose selector does not select the pods of its template",
        why: "The API server refuses the workload: it would make pods without end and find none of them.",
        remedy: "write the same labels into `spec.selector` and `spec.template.metadata.labels`",
        bad: "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  selector:\n    matchLabels:\n      app: wbe\n  \
              template:\n    metadata:\n      labels:\n        app: web\n    spec:\n      containers:\n      - name: web\n        \
              image: nginx:1.29\n",
        good: "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  selector:\n    matchLabels:\n      app: web\n  \
               template:\n    metadata:\n      labels:\n        app: web\n    spec:\n      containers:\n      - name: web\n        \
               image: nginx:1.29\n",
    },
    check: Check::Workload(|workload, _, found| found.extend(mismatch(workload.object, workload.metadata))),
};

fn mismatch(object: &Object, metadata: Option<&Arc<Node>>) -> Option<Found> {
    let node = object.at(&["spec", "selector"])?;
    let selector = match object.kind.as_str() {
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => Selector::of(node)?,
        "ReplicationController" => Selector::of_pairs(node)?,
        // A Job makes its own selector; those of others are theirs.
        _ => return None,
    };
    let labels = Labels::of(metadata);
    if labels.unsure || selector.selects(&labels) {
        return None;
    }
    let failing = selector.requirements.iter().find(|one| !one.holds(labels.pairs.get(one.key).copied()))?;
    let alone = Selector { requirements: vec![failing.clone()] }.words();
    let has = match labels.pairs.get(failing.key) {
        Some(value) => format!("the template has `{}={value}`", failing.key),
        None => format!("the template has no label `{}`", failing.key),
    };
    let message = format!("{} selects pods with `{alone}`, and {has}", object.label());
    let one = Found::new(&SELECTOR_MISMATCH.info, span(node), message);
    let labels = metadata.and_then(|metadata| metadata.get("labels"));
    Some(labels.map_or(one.clone(), |labels| one.related(span(labels))))
}

/// The selector of a Service, where it has one that can be read.
fn selector<'m>(service: &Entry<'m>) -> Option<(Selector<'m>, &'m Arc<Node>)> {
    let object = service.object;
    if text_at(&object.node, &["spec", "type"]).is_some_and(|(kind, _)| kind == "ExternalName") {
        return None;
    }
    let node = object.at(&["spec", "selector"])?;
    let selector = Selector::of_pairs(node)?;
    (!selector.is_empty()).then_some((selector, node))
}

fn services(project: &Project<'_>, found: All<'_>) {
    for service in project.all("Service") {
        let Some((selector, node)) = selector(&service) else { continue };
        let namespace = space(service.object);
        if project.selects_none(namespace, &selector) {
            let message = format!("no pod of the run has the labels `{}`{}", selector.words(), in_space(namespace));
            found.push((service.file, Found::new(&SERVICE_WITHOUT_PODS.info, span(node), message)));
        }
    }
}

fn ports(project: &Project<'_>, found: All<'_>) {
    for service in project.all("Service") {
        let Some((selector, _)) = selector(&service) else { continue };
        let mut pods = None;
        for port in service.object.at(&["spec", "ports"]).map(|ports| ports.items()).unwrap_or_default() {
            let Some((name, place)) = text_at(port, &["targetPort"]) else { continue };
            if name.bytes().all(|byte| byte.is_ascii_digit()) {
                continue;
            }
            let pods =
                pods.get_or_insert_with(|| project.selected(space(service.object), &selector).collect::<Vec<_>>());
            if pods.is_empty() || pods.iter().any(|pod| has_port(pod, name)) {
                continue;
            }
            let pod = pods[0].workload.object;
            let message = format!("no container of {} has a port that is named `{name}`", pod.label());
            found.push((service.file, Found::new(&SERVICE_PORT_UNKNOWN.info, place, message)));
        }
    }
}

fn has_port(pod: &Pod<'_>, name: &str) -> bool {
    pod.workload.containers().any(|container| {
        let ports = container.at(&["ports"]).map(|ports| ports.items()).unwrap_or_default();
        ports.iter().any(|port| {
            let named = port.get("name").and_then(|name| name.text());
            named == Some(name) || named.is_some_and(|named| named.contains("{{"))
        })
    })
}

fn ingresses(project: &Project<'_>, found: All<'_>) {
    for ingress in project.all("Ingress") {
        let object = ingress.object;
        let namespace = space(object);
        if !project.defines("Service", namespace) {
            continue;
        }
        let rules = object.at(&["spec", "rules"]).map(|rules| rules.items()).unwrap_or_default();
        let paths = rules.iter().filter_map(|rule| at(rule, &["http", "paths"])).flat_map(|paths| paths.items());
        let backends = paths.filter_map(|path| path.get("backend"));
        let defaults = ["defaultBackend", "backend"].into_iter().filter_map(|key| object.at(&["spec", key]));
        for backend in backends.chain(defaults) {
            found.extend(missing(project, namespace, backend).map(|one| (ingress.file, one)));
        }
    }
}

/// What is missing of an Ingress's backend, in the words of v1 or of its betas.
fn missing<'m>(project: &Project<'m>, namespace: Option<&'m str>, backend: &Arc<Node>) -> Option<Found> {
    let (name, place) = text_at(backend, &["service", "name"]).or_else(|| text_at(backend, &["serviceName"]))?;
    let Some(service) = project.named("Service", namespace, name) else {
        let message = format!("no Service `{name}`{} is in the run", in_space(namespace));
        return Some(Found::new(&INGRESS_BACKEND_MISSING.info, place, message));
    };
    let ports = service.object.at(&["spec", "ports"])?.items();
    let by_name = text_at(backend, &["service", "port", "name"]).map(|(name, _)| name);
    let number = at(backend, &["service", "port", "number"]);
    let old = backend.get("servicePort");
    let node = at(backend, &["service", "port", "name"]).or(number).or(old)?;
    let number = number.or(old).and_then(|node| integer(node));
    let named = by_name.or_else(|| old.filter(|_| number.is_none()).and_then(|node| node.string()));
    let has = ports.iter().any(|port| {
        let unsure = !port.pairs().is_empty() && port.get("port").is_some_and(|port| integer(port).is_none());
        let same_number = number.is_some() && port.get("port").and_then(|port| integer(port)) == number;
        let same_name = named.is_some() && port.get("name").and_then(|name| name.text()) == named;
        unsure || same_number || same_name
    });
    if has || ports.is_empty() || (number.is_none() && named.is_none()) {
        return None;
    }
    let wanted = named.map(str::to_owned).or_else(|| number.map(|number| number.to_string()))?;
    let at = project.place(service.file, super::shown_at(service.object));
    let message = format!("the Service `{name}` ({at}) has no port `{wanted}`");
    Some(Found::new(&INGRESS_BACKEND_MISSING.info, span(node), message))
}
