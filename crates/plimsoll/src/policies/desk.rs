//! The review that the API server would send of an object in a file. In: the object. Out: an AdmissionReview of its creation, with
//! the server's defaults, and to be changed by policies that change objects, unless somebody asks for the raw file. Nobody is known
//! to ask: the user is empty.

use std::sync::Arc;

use jiff::Timestamp;
use plimsoll_gatekeeper::{Words, value_of};
use plimsoll_yaml::Node;
use serde_json::{Value, json};

use super::{Policies, Question};

/// The review of an object of a manifest, for these policies; `namespace` stands for one that it does not name.
///
/// # Errors
/// The object is none that could be sent.
pub fn review(
    policies: &Policies,
    node: &Arc<Node>,
    namespace: Option<&str>,
    raw: bool,
    at: Timestamp,
) -> Result<Question, String> {
    let read = value_of(node, Words::Kubernetes).map_err(|fault| fault.to_string())?;
    let mut object: Value = serde_json::from_str(&read.to_json()).map_err(|error| error.to_string())?;
    if raw {
        return policies.question(of_creation(object, namespace).to_string().as_bytes(), at);
    }
    as_the_server_has_it(&mut object, namespace);
    question(policies, of_creation(object, namespace).to_string().as_bytes(), at)
}

/// The question of a review that was made here: its object is as the server has it, and no policy has changed it yet.
///
/// # Errors
/// It is none that could be sent.
pub fn question(policies: &Policies, review: &[u8], at: Timestamp) -> Result<Question, String> {
    Ok(policies.question(review, at)?.of_the_desk(set_defaults))
}

/// What the server writes into an object before anybody is asked: its defaults and its namespace.
pub fn as_the_server_has_it(object: &mut Value, namespace: Option<&str>) {
    set_defaults(object);
    in_namespace(object, namespace);
}

/// Of kinds that it does not know the object stays as it is.
fn set_defaults(object: &mut Value) {
    plimsoll_defaults::apply(object);
}

/// The server writes the namespace of its request into an object that names none, before anybody is asked. Of kinds that others
/// define nobody here knows whether they are in one: those stay as they are.
fn in_namespace(object: &mut Value, namespace: Option<&str>) {
    let version = text(object, &["apiVersion"]);
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let built_in = !group.contains('.') || group.ends_with(".k8s.io");
    let Some(namespace) = namespace_of(object, namespace).filter(|_| built_in) else { return };
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        metadata.insert("namespace".to_owned(), namespace.into());
    }
}

/// The namespace that an object is for; none of what is in none, and of a Namespace itself.
fn namespace_of(object: &Value, given: Option<&str>) -> Option<String> {
    let kind = text(object, &["kind"]);
    if kind == "Namespace" || is_of_the_cluster(kind) {
        return None;
    }
    let own = Some(text(object, &["metadata", "namespace"])).filter(|own| !own.is_empty());
    Some(own.or(given).unwrap_or("default").to_owned())
}

fn text<'v>(object: &'v Value, path: &[&str]) -> &'v str {
    let found = path.iter().try_fold(object, |at, key| at.get(key));
    found.and_then(Value::as_str).unwrap_or_default()
}

/// The review of an object that is to be created, as it is.
pub fn of_creation(object: Value, namespace: Option<&str>) -> Value {
    let name = text(&object, &["metadata", "name"]).to_owned();
    let version = text(&object, &["apiVersion"]);
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let kind = text(&object, &["kind"]);
    let kinds = json!({"group": group, "version": version, "kind": kind});
    let resource = json!({"group": group, "version": version, "resource": resource(kind)});
    let mut request = json!({
        "uid": "", "kind": kinds, "resource": resource, "requestKind": kinds, "requestResource": resource,
        "name": name, "operation": "CREATE", "userInfo": {}, "oldObject": null, "dryRun": false,
        "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
    });
    // Of a namespace's own making the server says its name.
    let own_name = (kind == "Namespace").then(|| name.clone());
    if let Some(namespace) = own_name.or_else(|| namespace_of(&object, namespace)) {
        request["namespace"] = namespace.into();
    }
    request["object"] = object;
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
}

/// Kinds that are in no namespace.
pub fn is_of_the_cluster(kind: &str) -> bool {
    matches!(
        kind,
        "Node"
            | "PersistentVolume"
            | "ClusterRole"
            | "ClusterRoleBinding"
            | "StorageClass"
            | "PriorityClass"
            | "IngressClass"
            | "RuntimeClass"
            | "CSIDriver"
            | "CustomResourceDefinition"
            | "APIService"
            | "ValidatingWebhookConfiguration"
            | "MutatingWebhookConfiguration"
            | "ValidatingAdmissionPolicy"
            | "ValidatingAdmissionPolicyBinding"
            | "CertificateSigningRequest"
            | "MutatingAdmissionPolicy"
            | "MutatingAdmissionPolicyBinding"
            | "VolumeAttachment"
            | "VolumeAttributesClass"
            | "CSINode"
            | "FlowSchema"
            | "PriorityLevelConfiguration"
            | "ClusterTrustBundle"
            | "DeviceClass"
            | "ResourceSlice"
            | "IPAddress"
            | "ServiceCIDR"
            | "TokenReview"
            | "SubjectAccessReview"
            | "SelfSubjectAccessReview"
            | "SelfSubjectReview"
    )
}

/// The resource of a kind, as Kubernetes guesses it.
pub fn resource(kind: &str) -> String {
    let lower = kind.to_lowercase();
    match lower.chars().last() {
        _ if lower.ends_with("endpoints") => lower,
        Some('s') => lower + "es",
        Some('y') => lower.strip_suffix('y').unwrap_or_default().to_owned() + "ies",
        None => lower,
        Some(_) => lower + "s",
    }
}
