//! Whether an object can be what it says. In: an object. Out: what is wrong, as kubesec's message begins it. The schema of
//! the built-in kinds is the checks'; the types of the fields that kubesec's rules read stand here too, because objects of
//! versions that nobody serves any more are scored, and because the walk bounds what the rules look at.

use std::sync::Arc;

use plimsoll_checks::manifest::object::Object as Manifest;
use plimsoll_checks::manifest::schema::{SchemaFaultKind, validate};
use plimsoll_yaml::{Node, Value};

use super::evaluate::{boolean, number};

/// Faults of one object that are told.
const MAX_FAULTS: usize = 5;
/// Nodes of one object that are looked at.
const MAX_STEPS: usize = 1_000_000;

enum Type {
    Boolean,
    Integer,
    Text,
    /// Text or a number.
    Quantity,
    List(&'static Type),
    /// Known fields; others are of any type.
    Object(&'static [(&'static str, Type)]),
}

use Type::{Boolean, Integer, List, Object, Quantity, Text};

const PROFILE: Type = Object(&[("type", Text), ("localhostProfile", Text)]);
const CONTEXT: Type = Object(&[
    ("privileged", Boolean),
    ("allowPrivilegeEscalation", Boolean),
    ("readOnlyRootFilesystem", Boolean),
    ("runAsNonRoot", Boolean),
    ("runAsUser", Integer),
    ("runAsGroup", Integer),
    ("capabilities", Object(&[("add", List(&Text)), ("drop", List(&Text))])),
    ("seccompProfile", PROFILE),
    ("appArmorProfile", PROFILE),
]);
const AMOUNTS: Type = Object(&[("cpu", Quantity), ("memory", Quantity), ("storage", Quantity)]);
const RESOURCES: Type = Object(&[("requests", AMOUNTS), ("limits", AMOUNTS)]);
const REFERENCE: Type = Object(&[("name", Text), ("key", Text)]);
const CONTAINER: Type = Object(&[
    ("name", Text),
    ("image", Text),
    ("securityContext", CONTEXT),
    ("resources", RESOURCES),
    ("env", List(&Object(&[("name", Text), ("valueFrom", Object(&[("secretKeyRef", REFERENCE)]))]))),
    ("envFrom", List(&Object(&[("secretRef", REFERENCE)]))),
]);
const SPEC: Type = Object(&[
    ("hostNetwork", Boolean),
    ("hostPID", Boolean),
    ("hostIPC", Boolean),
    ("hostUsers", Boolean),
    ("automountServiceAccountToken", Boolean),
    ("serviceAccountName", Text),
    ("hostAliases", List(&Object(&[("ip", Text), ("hostnames", List(&Text))]))),
    ("securityContext", CONTEXT),
    ("containers", List(&CONTAINER)),
    ("initContainers", List(&CONTAINER)),
    ("ephemeralContainers", List(&CONTAINER)),
    ("volumes", List(&Object(&[("name", Text), ("hostPath", Object(&[("path", Text)]))]))),
]);
const TEMPLATE: Type = Object(&[("spec", SPEC)]);
const METADATA: Type = Object(&[("name", Text), ("namespace", Text)]);
const POD: Type = Object(&[("metadata", METADATA), ("spec", SPEC)]);
const WORKLOAD: Type = Object(&[
    ("metadata", METADATA),
    (
        "spec",
        Object(&[
            ("template", TEMPLATE),
            ("jobTemplate", Object(&[("spec", Object(&[("template", TEMPLATE)]))])),
            (
                "volumeClaimTemplates",
                List(&Object(&[("spec", Object(&[("accessModes", List(&Text)), ("resources", RESOURCES)]))])),
            ),
        ]),
    ),
]);
const BINDING: Type = Object(&[("metadata", METADATA), ("subjects", List(&Object(&[("name", Text)])))]);
const ANY: Type = Object(&[("metadata", METADATA)]);

/// What is wrong with an object; `None` where it may be scored.
pub fn fault(object: &Arc<Node>) -> Option<String> {
    let Value::Map(_) = &object.value else {
        return Some(format!("error unmarshalling resource: expected object, but got {}", found(object)));
    };
    let word = |key: &str| object.get(key).filter(|value| !value.is_null());
    let missing = |key: &str| Some(format!("error while parsing: missing '{key}' key"));
    let Some(kind) = word("kind") else { return missing("kind") };
    if word("apiVersion").is_none() {
        return missing("apiVersion");
    }
    let Some(kind) = kind.text() else {
        return Some(format!("error while parsing: 'kind': expected string, but got {}", found(kind)));
    };
    let expected = match kind {
        "Pod" => &POD,
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job" | "CronJob" => &WORKLOAD,
        "RoleBinding" | "ClusterRoleBinding" => &BINDING,
        _ => &ANY,
    };
    let mut walk = Walk { faults: Vec::new(), steps: 0, path: String::new() };
    walk.object(object, expected);
    if walk.steps > MAX_STEPS {
        walk.faults.push(format!("too large to look at: more than {MAX_STEPS} steps"));
    }
    if walk.faults.is_empty() {
        match of_schema(object) {
            Ok(faults) => walk.faults = faults,
            Err(unknown) => return Some(unknown),
        }
    }
    let faults = walk.faults.join("; ");
    (!faults.is_empty()).then(|| format!("problem validating schema: {faults}"))
}

/// What the schema of a built-in kind says; an error where its `apiVersion` has no such kind.
fn of_schema(object: &Arc<Node>) -> Result<Vec<String>, String> {
    let Some(manifest) = Manifest::of(object, 0) else { return Ok(Vec::new()) };
    let mut faults = Vec::new();
    for fault in validate(&manifest) {
        match fault.kind {
            SchemaFaultKind::UnknownApi => return Err(format!("could not find schema for {}", manifest.kind)),
            SchemaFaultKind::UnknownField | SchemaFaultKind::WrongType => {
                if faults.len() < MAX_FAULTS {
                    faults.push(format!(
                        "'/{}': {}",
                        fault.path.replace(['.', '['], "/").replace(']', ""),
                        fault.message
                    ));
                }
            }
            // What is missing keeps nothing from being scored, and values are the API server's affair.
            SchemaFaultKind::MissingField
            | SchemaFaultKind::InvalidValue
            | SchemaFaultKind::NameMissing
            | SchemaFaultKind::Deprecated => {}
        }
    }
    Ok(faults)
}

struct Walk {
    faults: Vec<String>,
    steps: usize,
    path: String,
}

impl Walk {
    fn node(&mut self, node: &Arc<Node>, expected: &Type) {
        // Aliases repeat a long text as cheaply as a short one.
        self.steps += 1 + node.text().map_or(0, |text| text.len() / 16);
        if self.steps > MAX_STEPS || self.faults.len() >= MAX_FAULTS || node.is_null() {
            return;
        }
        let is = match expected {
            Boolean => boolean(node).is_some(),
            Integer => number(node).is_some_and(|number| number.fract() == 0.0),
            Text => node.text().is_some() && boolean(node).is_none() && number(node).is_none(),
            Quantity => node.text().is_some() && boolean(node).is_none(),
            List(_) => matches!(node.value, Value::List(_)),
            Object(_) => matches!(node.value, Value::Map(_)),
        };
        if !is {
            let fault = format!("'{}': expected {}, but got {}", self.path, expected.name(), found(node));
            self.faults.push(fault);
            return;
        }
        match expected {
            List(of) => {
                for (index, item) in node.items().iter().enumerate() {
                    if self.steps > MAX_STEPS {
                        return;
                    }
                    self.below(&index.to_string(), item, of);
                }
            }
            Object(_) => self.object(node, expected),
            _ => {}
        }
    }

    fn object(&mut self, node: &Node, expected: &Type) {
        let Object(fields) = expected else { return };
        for (key, of) in *fields {
            if let Some(value) = node.get(key) {
                self.below(key, value, of);
            }
        }
    }

    fn below(&mut self, name: &str, node: &Arc<Node>, expected: &Type) {
        let length = self.path.len();
        self.path.push('/');
        self.path.push_str(name);
        self.node(node, expected);
        self.path.truncate(length);
    }
}

impl Type {
    fn name(&self) -> &'static str {
        match self {
            Boolean => "boolean",
            Integer => "integer",
            Text => "string",
            Quantity => "string or number",
            List(_) => "array",
            Object(_) => "object",
        }
    }
}

/// The type that a node has, in JSON's words.
fn found(node: &Node) -> &'static str {
    match &node.value {
        Value::Map(_) => "object",
        Value::List(_) => "array",
        Value::Scalar { .. } if node.is_null() => "null",
        Value::Scalar { .. } if boolean(node).is_some() => "boolean",
        Value::Scalar { .. } if number(node).is_some() => "number",
        Value::Scalar { .. } => "string",
    }
}
