//! What the Kubernetes API server makes of an object before admission sees it. In: an object as a file has it. Out: the same
//! object with the server's defaults (`replicas: 1`, `imagePullPolicy`, `protocol: TCP`), with quantities as the server writes
//! them (`cpu: 0.5` is `500m`), and with the empty structs that its encoder never leaves out (`resources: {}`, `status: {}`).
//!
//! A policy that is asked offline so answers as it does at the gate. Facts are those of Kubernetes 1.36 (`SetDefaults_*`,
//! `+default=` markers), its feature gates at their defaults; `scripts/peers/defaults.py` compares with a running server.
//!
//! What it does not do: what admission plugins add (service accounts and their tokens, tolerations, priorities, limits of a
//! LimitRange), what storing adds (uid, cluster IPs, node ports), dropping fields that the server does not know, and kinds of
//! which this crate has no facts: those stay as they are, and [`apply`] says so.

mod others;
mod pod;
mod quantity;
mod workloads;

use serde_json::{Map, Value};

pub use quantity::canonical;

/// An object's fields.
type Object = Map<String, Value>;

/// Lists within lists are no deeper (`List` of `List`s, and templates): hostile depth is cut here.
const MAX_LISTS: usize = 8;

/// Sets the defaults of an object, or of the items of a `List`. False where the kind, or an item's, is not one that this crate
/// knows: it is as it was.
pub fn apply(object: &mut Value) -> bool {
    in_list(object, 0)
}

fn in_list(value: &mut Value, depth: usize) -> bool {
    let Value::Object(object) = value else { return false };
    let kind = text(object, "kind").to_owned();
    if kind.ends_with("List") && object.contains_key("items") {
        if depth == MAX_LISTS {
            return false;
        }
        let Some(Value::Array(items)) = object.get_mut("items") else { return true };
        let unknown = items.iter_mut().filter_map(|item| (!in_list(item, depth + 1)).then_some(())).count();
        return unknown == 0;
    }
    let version = text(object, "apiVersion").to_owned();
    set_defaults(&version, &kind, object)
}

fn set_defaults(version: &str, kind: &str, object: &mut Object) -> bool {
    match (version, kind) {
        ("v1", "Pod") => pod::pod(object),
        ("v1", "PodTemplate") => pod::template(object, "template"),
        ("v1", "ReplicationController") => workloads::replication_controller(object),
        ("v1", "Service") => others::service(object),
        ("v1", "Secret") => or_text(object, "type", "Opaque"),
        ("v1", "ConfigMap" | "ServiceAccount" | "Event" | "Binding") => {}
        ("v1", "Namespace") => others::namespace(object),
        ("v1", "PersistentVolume") => others::persistent_volume(object),
        ("v1", "PersistentVolumeClaim") => others::claim(object),
        ("v1", "Endpoints") => others::endpoints(object),
        ("v1", "LimitRange") => others::limit_range(object),
        ("v1", "ResourceQuota") => others::resource_quota(object),
        ("apps/v1", "Deployment") => workloads::deployment(object),
        ("apps/v1", "DaemonSet") => workloads::daemon_set(object),
        ("apps/v1", "StatefulSet") => workloads::stateful_set(object),
        ("apps/v1", "ReplicaSet") => workloads::replica_set(object),
        ("batch/v1", "Job") => workloads::job(object),
        ("batch/v1", "CronJob") => workloads::cron_job(object),
        ("networking.k8s.io/v1", "NetworkPolicy") => others::network_policy(object),
        ("networking.k8s.io/v1", "Ingress") => {
            within(object, "status", |status| empty(status, "loadBalancer"));
        }
        ("networking.k8s.io/v1", "IngressClass") => others::ingress_class(object),
        ("rbac.authorization.k8s.io/v1", "Role" | "ClusterRole") => {}
        ("rbac.authorization.k8s.io/v1", "RoleBinding" | "ClusterRoleBinding") => others::role_binding(object),
        ("autoscaling/v1" | "autoscaling/v2", "HorizontalPodAutoscaler") => others::autoscaler(version, object),
        ("policy/v1", "PodDisruptionBudget") => {
            let zeros = ["currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods"];
            workloads::status(object, &zeros);
        }
        ("storage.k8s.io/v1", "StorageClass") => others::storage_class(object),
        (
            "admissionregistration.k8s.io/v1",
            "ValidatingWebhookConfiguration"
            | "MutatingWebhookConfiguration"
            | "ValidatingAdmissionPolicy"
            | "ValidatingAdmissionPolicyBinding",
        ) => others::admission(kind, object),
        ("scheduling.k8s.io/v1", "PriorityClass") => or_text(object, "preemptionPolicy", "PreemptLowerPriority"),
        ("coordination.k8s.io/v1", "Lease") => {}
        _ => return false,
    }
    true
}

/// A field's text, or nothing.
fn text<'o>(object: &'o Object, key: &str) -> &'o str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// To Go a field that is `null` is one that is not there.
fn is_unset(object: &Object, key: &str) -> bool {
    object.get(key).is_none_or(Value::is_null)
}

/// Sets a field that is not there.
fn or(object: &mut Object, key: &str, value: impl Into<Value>) {
    if is_unset(object, key) {
        object.insert(key.to_owned(), value.into());
    }
}

/// Sets a text that is not there or empty.
fn or_text(object: &mut Object, key: &str, value: &str) {
    if is_unset(object, key) || object.get(key).and_then(Value::as_str) == Some("") {
        object.insert(key.to_owned(), value.into());
    }
}

/// Sets a number that is not there or zero.
fn or_number(object: &mut Object, key: &str, value: i64) {
    if is_unset(object, key) || object.get(key).and_then(Value::as_i64) == Some(0) {
        object.insert(key.to_owned(), value.into());
    }
}

/// A struct that the encoder writes even if nothing is in it.
fn empty(object: &mut Object, key: &str) {
    or(object, key, Map::new());
}

/// With the object at a key, made where there is none; not where something else is there.
fn within(object: &mut Object, key: &str, with: impl FnOnce(&mut Object)) {
    empty(object, key);
    inside(object, key, with);
}

/// With the object at a key, where there is one.
fn inside(object: &mut Object, key: &str, with: impl FnOnce(&mut Object)) {
    if let Some(Value::Object(below)) = object.get_mut(key) {
        with(below);
    }
}

/// With each object of the list at a key.
fn each(object: &mut Object, key: &str, mut with: impl FnMut(&mut Object)) {
    if let Some(Value::Array(items)) = object.get_mut(key) {
        items.iter_mut().filter_map(Value::as_object_mut).for_each(&mut with);
    }
}

/// How many items the list, or members the object, at a key has.
fn count(object: &Object, key: &str) -> usize {
    match object.get(key) {
        Some(Value::Array(items)) => items.len(),
        Some(Value::Object(members)) => members.len(),
        _ => 0,
    }
}

/// The quantities of a map, as the server writes them.
fn quantities(object: &mut Object, key: &str) {
    inside(object, key, |list| list.values_mut().for_each(quantity::rewrite));
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::apply;

    fn with_defaults(mut object: Value) -> Value {
        assert!(apply(&mut object), "{object}");
        object
    }

    #[test]
    fn a_deployment_has_one_replica_and_its_containers_what_a_file_leaves_out() {
        let container = json!({"name": "c", "image": "nginx", "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": 0.5}}});
        let made = with_defaults(
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": {"containers": [container]}}}}),
        );
        assert_eq!(made["spec"]["replicas"], 1);
        assert_eq!(made["spec"]["strategy"]["rollingUpdate"]["maxSurge"], "25%");
        let container = &made["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["imagePullPolicy"], "Always");
        assert_eq!(container["ports"][0]["protocol"], "TCP");
        // Only a pod's own requests are those of its limits: a template's are not.
        assert_eq!(container["resources"], json!({"limits": {"cpu": "500m"}}));
    }

    #[test]
    fn what_is_written_stays() {
        let spec = json!({"replicas": 0, "strategy": {"type": "Recreate"}, "revisionHistoryLimit": 0});
        let made = with_defaults(json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": spec}));
        assert_eq!((&made["spec"]["replicas"], &made["spec"]["revisionHistoryLimit"]), (&json!(0), &json!(0)));
        assert_eq!(made["spec"]["strategy"], json!({"type": "Recreate"}));
    }

    #[test]
    fn pods_ask_for_what_they_are_limited_to() {
        let container = json!({"name": "c", "image": "a:1", "resources": {"limits": {"cpu": 1, "memory": "1Gi"}, "requests": {"cpu": "250m"}}});
        let made = with_defaults(json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container]}}));
        let resources = &made["spec"]["containers"][0]["resources"];
        assert_eq!(resources["requests"], json!({"cpu": "250m", "memory": "1Gi"}));
        assert_eq!(resources["limits"]["cpu"], "1");
    }

    #[test]
    fn lists_have_the_defaults_of_their_items_and_tell_of_kinds_without_facts() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": []}});
        let mut list = json!({"apiVersion": "v1", "kind": "List", "items": [pod, {"apiVersion": "example.com/v1", "kind": "Widget", "spec": {}}]});
        assert!(!apply(&mut list));
        assert_eq!(list["items"][0]["spec"]["dnsPolicy"], "ClusterFirst");
        assert_eq!(list["items"][1], json!({"apiVersion": "example.com/v1", "kind": "Widget", "spec": {}}));
    }

    #[test]
    fn fields_of_wrong_types_stay_and_nothing_panics() {
        for wrong in [json!(1), json!("a"), json!([]), json!(null), json!({"a": 1}), json!([[{}]]), json!(true)] {
            for key in ["spec", "status", "metadata"] {
                for (version, kind) in [
                    ("v1", "Pod"),
                    ("v1", "Service"),
                    ("apps/v1", "StatefulSet"),
                    ("batch/v1", "Job"),
                    ("v1", "LimitRange"),
                ] {
                    let mut object = json!({"apiVersion": version, "kind": kind});
                    object[key] = wrong.clone();
                    assert!(apply(&mut object));
                }
            }
            for key in ["containers", "volumes", "initContainers", "securityContext", "serviceAccountName"] {
                let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": {key: wrong.clone()}});
                assert!(apply(&mut pod));
            }
            assert!(!apply(&mut wrong.clone()));
        }
    }

    #[test]
    fn defaults_once_set_are_set() {
        let container = json!({"name": "c", "image": "nginx", "livenessProbe": {"httpGet": {"port": 80}}, "resources": {"requests": {"cpu": "1500m"}}});
        let once = with_defaults(
            json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container], "volumes": [{"name": "v"}]}}),
        );
        assert_eq!(with_defaults(once.clone()), once);
    }
}
