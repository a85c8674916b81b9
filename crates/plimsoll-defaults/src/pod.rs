//! Pods, and templates of pods.

use plimsoll_model::ImageReference;
use serde_json::{Map, Value};

use crate::{Object, each, empty, inside, is_unset, or, or_number, or_text, quantities, quantity, text, within};

const KINDS_OF_CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

pub fn pod(object: &mut Object) {
    within(object, "spec", |spec| {
        spec_of(spec);
        for kind in ["initContainers", "containers"] {
            each(spec, kind, |container| inside(container, "resources", requests_from_limits));
        }
        or(spec, "enableServiceLinks", true);
        if spec.get("hostNetwork").and_then(Value::as_bool) == Some(true) {
            for kind in ["initContainers", "containers"] {
                each(spec, kind, |container| each(container, "ports", host_port));
            }
        }
    });
    empty(object, "status");
}

/// The template of pods at a key.
pub fn template(object: &mut Object, key: &str) {
    within(object, key, |template| {
        empty(template, "metadata");
        within(template, "spec", spec_of);
    });
}

fn requests_from_limits(resources: &mut Object) {
    let Some(Value::Object(limits)) = resources.get("limits") else { return };
    let limits = limits.clone();
    within(resources, "requests", |requests| {
        for (name, quantity) in limits {
            requests.entry(name).or_insert(quantity);
        }
    });
}

fn host_port(port: &mut Object) {
    if let Some(number) = port.get("containerPort").cloned() {
        or_number(port, "hostPort", number.as_i64().unwrap_or(0));
    }
}

fn spec_of(spec: &mut Object) {
    or_text(spec, "dnsPolicy", "ClusterFirst");
    or_text(spec, "restartPolicy", "Always");
    empty(spec, "securityContext");
    or(spec, "terminationGracePeriodSeconds", 30);
    or_text(spec, "schedulerName", "default-scheduler");
    // Two names of one field: the server keeps both.
    for (one, other) in [("serviceAccountName", "serviceAccount"), ("serviceAccount", "serviceAccountName")] {
        let name = text(spec, one).to_owned();
        if !name.is_empty() {
            or_text(spec, other, &name);
        }
    }
    quantities(spec, "overhead");
    inside(spec, "resources", resources);
    for kind in KINDS_OF_CONTAINERS {
        each(spec, kind, container);
    }
    each(spec, "volumes", volume);
}

fn resources(resources: &mut Object) {
    quantities(resources, "limits");
    quantities(resources, "requests");
}

fn container(container: &mut Object) {
    let policy = pull_policy(text(container, "image"));
    or_text(container, "imagePullPolicy", policy);
    or_text(container, "terminationMessagePath", "/dev/termination-log");
    or_text(container, "terminationMessagePolicy", "File");
    within(container, "resources", resources);
    each(container, "ports", |port| or_text(port, "protocol", "TCP"));
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        inside(container, probe, |probe| {
            or_number(probe, "timeoutSeconds", 1);
            or_number(probe, "periodSeconds", 10);
            or_number(probe, "successThreshold", 1);
            or_number(probe, "failureThreshold", 3);
            handler(probe);
        });
    }
    inside(container, "lifecycle", |lifecycle| {
        inside(lifecycle, "postStart", handler);
        inside(lifecycle, "preStop", handler);
    });
    each(container, "env", |variable| inside(variable, "valueFrom", sources_of_values));
}

/// What a probe or a hook does.
fn handler(handler: &mut Object) {
    inside(handler, "httpGet", |get| {
        or_text(get, "path", "/");
        or_text(get, "scheme", "HTTP");
    });
    inside(handler, "grpc", |grpc| or(grpc, "service", ""));
}

fn sources_of_values(from: &mut Object) {
    inside(from, "fieldRef", |field| or_text(field, "apiVersion", "v1"));
    inside(from, "resourceFieldRef", divisor);
    inside(from, "fileKeyRef", |file| or(file, "optional", false));
}

/// An unset divisor is written as the quantity zero.
fn divisor(resource: &mut Object) {
    match resource.get_mut("divisor") {
        Some(value) if !value.is_null() => quantity::rewrite(value),
        _ => or(resource, "divisor", "0"),
    }
}

/// `Always` for `latest`. A name that cannot be read has no tag, and so is as good as a pinned one to the server.
fn pull_policy(image: &str) -> &'static str {
    match image.parse::<ImageReference>() {
        Ok(reference) if reference.tag() == Some("latest") => "Always",
        _ => "IfNotPresent",
    }
}

const FILE_MODE: i64 = 0o644;

fn volume(volume: &mut Object) {
    if volume.iter().all(|(key, value)| key == "name" || value.is_null()) {
        volume.insert("emptyDir".to_owned(), Map::new().into());
    }
    for source in ["secret", "configMap"] {
        inside(volume, source, |source| or(source, "defaultMode", FILE_MODE));
    }
    inside(volume, "emptyDir", |dir| {
        if let Some(limit) = dir.get_mut("sizeLimit") {
            quantity::rewrite(limit);
        }
    });
    inside(volume, "hostPath", |path| or(path, "type", ""));
    inside(volume, "downwardAPI", |api| {
        or(api, "defaultMode", FILE_MODE);
        each(api, "items", sources_of_values);
    });
    inside(volume, "projected", |projected| {
        or(projected, "defaultMode", FILE_MODE);
        each(projected, "sources", |source| {
            inside(source, "serviceAccountToken", |token| or(token, "expirationSeconds", 3600));
            inside(source, "downwardAPI", |api| each(api, "items", sources_of_values));
        });
    });
    inside(volume, "image", |image| {
        let policy = pull_policy(text(image, "reference"));
        or_text(image, "pullPolicy", policy);
    });
    inside(volume, "iscsi", |iscsi| or_text(iscsi, "iscsiInterface", "default"));
    inside(volume, "rbd", |rbd| {
        or_text(rbd, "pool", "rbd");
        or_text(rbd, "user", "admin");
        or_text(rbd, "keyring", "/etc/ceph/keyring");
    });
    inside(volume, "azureDisk", |disk| {
        or(disk, "cachingMode", "ReadWrite");
        or(disk, "fsType", "ext4");
        or(disk, "readOnly", false);
        or(disk, "kind", "Shared");
    });
    inside(volume, "scaleIO", |scale| {
        or_text(scale, "storageMode", "ThinProvisioned");
        or_text(scale, "fsType", "xfs");
    });
    inside(volume, "ephemeral", |ephemeral| {
        inside(ephemeral, "volumeClaimTemplate", |claim| {
            empty(claim, "metadata");
            within(claim, "spec", claim_spec);
        });
    });
}

pub fn claim_spec(spec: &mut Object) {
    if is_unset(spec, "volumeMode") {
        spec.insert("volumeMode".to_owned(), "Filesystem".into());
    }
    within(spec, "resources", resources);
}
