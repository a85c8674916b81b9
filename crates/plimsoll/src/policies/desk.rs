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

/// The server writes the namespace of its request into an object that names none, before anybody is asked.
fn in_namespace(object: &mut Value, namespace: Option<&str>) {
    let review = of_creation(object.clone(), namespace);
    let named = review["request"]["namespace"].as_str().filter(|_| review["request"]["kind"]["kind"] != "Namespace");
    if let (Some(namespace), Some(Value::Object(metadata))) = (named, object.get_mut("metadata"))
        && metadata.get("namespace").is_none_or(|own| own.as_str().is_none_or(str::is_empty))
    {
        metadata.insert("namespace".to_owned(), namespace.into());
    }
}

/// The review of an object that is to be created, as it is.
pub fn of_creation(object: Value, namespace: Option<&str>) -> Value {
    let text = |path: [&str; 2]| object.get(path[0]).and_then(|below| below.get(path[1])).and_then(Value::as_str);
    let own = text(["metadata", "namespace"]).or(namespace).map(str::to_owned);
    let name = text(["metadata", "name"]).unwrap_or_default().to_owned();
    let version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    let kinds = json!({"group": group, "version": version, "kind": kind});
    let resource = json!({"group": group, "version": version, "resource": resource(kind)});
    let mut request = json!({
        "uid": "", "kind": kinds, "resource": resource, "requestKind": kinds, "requestResource": resource,
        "name": name, "operation": "CREATE", "userInfo": {}, "oldObject": null, "dryRun": false,
        "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
    });
    match kind {
        // Of a namespace's own making the server says its name.
        "Namespace" => request["namespace"] = request["name"].clone(),
        kind if is_of_the_cluster(kind) => {}
        _ => request["namespace"] = own.unwrap_or_else(|| "default".to_owned()).into(),
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
    )
}

/// The resource of a kind, as Kubernetes guesses it.
fn resource(kind: &str) -> String {
    let lower = kind.to_lowercase();
    match lower.chars().last() {
        _ if lower.ends_with("endpoints") => lower,
        Some('s') => lower + "es",
        Some('y') => lower.strip_suffix('y').unwrap_or_default().to_owned() + "ies",
        None => lower,
        Some(_) => lower + "s",
    }
}
