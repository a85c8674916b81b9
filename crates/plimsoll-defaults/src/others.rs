//! Services, volumes, policies of the cluster, and the rest that has defaults.

use serde_json::{Map, Value, json};

use crate::{Object, count, each, empty, inside, is_unset, or, or_number, or_text, pod, quantities, text, within};

pub fn service(object: &mut Object) {
    within(object, "spec", |spec| {
        or_text(spec, "sessionAffinity", "None");
        match text(spec, "sessionAffinity") {
            "None" => {
                spec.remove("sessionAffinityConfig");
            }
            "ClientIP" => within(spec, "sessionAffinityConfig", |config| {
                within(config, "clientIP", |client| or(client, "timeoutSeconds", 10_800));
            }),
            _ => {}
        }
        or_text(spec, "type", "ClusterIP");
        each(spec, "ports", |port| {
            or_text(port, "protocol", "TCP");
            let zero = match port.get("targetPort") {
                None | Some(Value::Null) => true,
                Some(Value::Number(number)) => number.as_i64() == Some(0),
                Some(Value::String(name)) => name.is_empty(),
                Some(_) => false,
            };
            if let (true, Some(number)) = (zero, port.get("port").cloned()) {
                port.insert("targetPort".to_owned(), number);
            }
        });
        let kind = text(spec, "type").to_owned();
        let outside =
            matches!(&*kind, "NodePort" | "LoadBalancer") || (kind == "ClusterIP" && count(spec, "externalIPs") > 0);
        if outside {
            or_text(spec, "externalTrafficPolicy", "Cluster");
        }
        if matches!(&*kind, "NodePort" | "LoadBalancer" | "ClusterIP") {
            or(spec, "internalTrafficPolicy", "Cluster");
        }
        if kind == "LoadBalancer" {
            or(spec, "allocateLoadBalancerNodePorts", true);
        }
    });
    within(object, "status", |status| {
        within(status, "loadBalancer", |balancer| {
            each(balancer, "ingress", |ingress| {
                if !text(ingress, "ip").is_empty() {
                    or(ingress, "ipMode", "VIP");
                }
            });
        });
    });
}

pub fn namespace(object: &mut Object) {
    within(object, "metadata", |metadata| {
        let name = text(metadata, "name").to_owned();
        if !name.is_empty() {
            within(metadata, "labels", |labels| {
                labels.insert("kubernetes.io/metadata.name".to_owned(), name.into());
            });
        }
    });
    empty(object, "spec");
    within(object, "status", |status| or_text(status, "phase", "Active"));
}

pub fn persistent_volume(object: &mut Object) {
    within(object, "spec", |spec| {
        or_text(spec, "persistentVolumeReclaimPolicy", "Retain");
        or(spec, "volumeMode", "Filesystem");
        quantities(spec, "capacity");
        inside(spec, "hostPath", |path| or(path, "type", ""));
        inside(spec, "iscsi", |iscsi| or_text(iscsi, "iscsiInterface", "default"));
    });
    within(object, "status", |status| or_text(status, "phase", "Pending"));
}

pub fn claim(object: &mut Object) {
    within(object, "spec", pod::claim_spec);
    within(object, "status", |status| or_text(status, "phase", "Pending"));
}

pub fn endpoints(object: &mut Object) {
    each(object, "subsets", |subset| each(subset, "ports", |port| or_text(port, "protocol", "TCP")));
}

pub fn limit_range(object: &mut Object) {
    within(object, "spec", |spec| {
        each(spec, "limits", |item| {
            for key in ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] {
                quantities(item, key);
            }
            if text(item, "type") != "Container" {
                return;
            }
            copy_missing(item, "max", "default");
            copy_missing(item, "default", "defaultRequest");
            copy_missing(item, "min", "defaultRequest");
        });
    });
}

/// Copies members that the other map has not.
fn copy_missing(item: &mut Object, from: &str, to: &str) {
    let Some(Value::Object(members)) = item.get(from).cloned() else { return };
    if members.is_empty() && is_unset(item, to) {
        return;
    }
    within(item, to, |to| {
        for (name, quantity) in members {
            to.entry(name).or_insert(quantity);
        }
    });
}

pub fn resource_quota(object: &mut Object) {
    within(object, "spec", |spec| quantities(spec, "hard"));
    empty(object, "status");
}

pub fn network_policy(object: &mut Object) {
    within(object, "spec", |spec| {
        empty(spec, "podSelector");
        if count(spec, "policyTypes") == 0 {
            let mut types = vec![json!("Ingress")];
            if count(spec, "egress") > 0 {
                types.push(json!("Egress"));
            }
            spec.insert("policyTypes".to_owned(), types.into());
        }
        for direction in ["ingress", "egress"] {
            each(spec, direction, |rule| each(rule, "ports", |port| or(port, "protocol", "TCP")));
        }
    });
}

pub fn ingress_class(object: &mut Object) {
    within(object, "spec", |spec| inside(spec, "parameters", |parameters| or(parameters, "scope", "Cluster")));
}

const RBAC: &str = "rbac.authorization.k8s.io";

pub fn role_binding(object: &mut Object) {
    within(object, "roleRef", |role| or_text(role, "apiGroup", RBAC));
    each(object, "subjects", |subject| {
        if matches!(text(subject, "kind"), "User" | "Group") {
            or_text(subject, "apiGroup", RBAC);
        }
    });
}

pub fn autoscaler(version: &str, object: &mut Object) {
    within(object, "spec", |spec| {
        or(spec, "minReplicas", 1);
        if version == "autoscaling/v1" {
            or(spec, "targetCPUUtilizationPercentage", 80);
            return;
        }
        if count(spec, "metrics") == 0 {
            let target = json!({"type": "Utilization", "averageUtilization": 80});
            let metric = json!({"type": "Resource", "resource": {"name": "cpu", "target": target}});
            spec.insert("metrics".to_owned(), json!([metric]));
        }
        inside(spec, "behavior", |behavior| {
            within(behavior, "scaleUp", |rules| {
                or(rules, "stabilizationWindowSeconds", 0);
                or(rules, "selectPolicy", "Max");
                let pods = json!({"type": "Pods", "value": 4, "periodSeconds": 15});
                or(rules, "policies", json!([pods, {"type": "Percent", "value": 100, "periodSeconds": 15}]));
            });
            within(behavior, "scaleDown", |rules| {
                or(rules, "selectPolicy", "Max");
                or(rules, "policies", json!([{"type": "Percent", "value": 100, "periodSeconds": 15}]));
            });
        });
    });
    within(object, "status", |status| {
        or(status, "desiredReplicas", 0);
        if version == "autoscaling/v1" {
            or(status, "currentReplicas", 0);
        } else {
            or(status, "currentMetrics", Value::Null);
        }
    });
}

pub fn storage_class(object: &mut Object) {
    or(object, "reclaimPolicy", "Delete");
    or(object, "volumeBindingMode", "Immediate");
}

pub fn admission(kind: &str, object: &mut Object) {
    match kind {
        "ValidatingAdmissionPolicy" => {
            within(object, "spec", |spec| {
                or(spec, "failurePolicy", "Fail");
                inside(spec, "matchConstraints", match_resources);
            });
            empty(object, "status");
        }
        "ValidatingAdmissionPolicyBinding" => {
            within(object, "spec", |spec| inside(spec, "matchResources", match_resources))
        }
        kind => each(object, "webhooks", |webhook| {
            or(webhook, "failurePolicy", "Fail");
            or(webhook, "matchPolicy", "Equivalent");
            or(webhook, "namespaceSelector", Map::new());
            or(webhook, "objectSelector", Map::new());
            or(webhook, "timeoutSeconds", 10);
            if kind == "MutatingWebhookConfiguration" {
                or(webhook, "reinvocationPolicy", "Never");
            }
            each(webhook, "rules", |rule| or(rule, "scope", "*"));
            inside(webhook, "clientConfig", |config| {
                inside(config, "service", |service| or_number(service, "port", 443))
            });
        }),
    }
}

fn match_resources(resources: &mut Object) {
    or(resources, "matchPolicy", "Equivalent");
    or(resources, "namespaceSelector", Map::new());
    or(resources, "objectSelector", Map::new());
    for rules in ["resourceRules", "excludeResourceRules"] {
        each(resources, rules, |rule| or(rule, "scope", "*"));
    }
}
