//! What is reviewed. In: an object, or the request of an AdmissionReview. Out: a [`Review`]: the document that policies see as
//! `input.review`, and what matching needs of it. It is made once and shared by all constraints.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use plimsoll_rego::value::Value;

use crate::json;
use crate::matching::Source;

/// One object to be judged.
#[derive(Debug, Clone)]
pub struct Review {
    request: Value,
    object: Option<Value>,
    old_object: Option<Value>,
    namespace: Option<Value>,
    source: Source,
    /// The same as the other engine has it.
    native: OnceLock<Arc<dyn Any + Send + Sync>>,
}

/// Fields of a request that every policy may count on; a request without them has them empty.
const FIELDS: [(&str, &str); 8] = [
    ("uid", "\"\""),
    ("kind", r#"{"group": "", "version": "", "kind": ""}"#),
    ("resource", r#"{"group": "", "version": "", "resource": ""}"#),
    ("operation", "\"\""),
    ("userInfo", "{}"),
    ("object", "null"),
    ("oldObject", "null"),
    ("options", "null"),
];

/// The field that shows the object's Namespace; whoever sends the request does not say it.
pub const NAMESPACE: &str = "namespaceObject";

impl Review {
    /// The review of an object that nobody sent to a cluster, as `gator` makes it.
    pub fn of_object(object: &Value, source: Source) -> Review {
        let (group, version) = json::group_and_version(object);
        let text = |text: &str| Value::string(text);
        let kind = json::object([
            ("group", text(group)),
            ("version", text(version)),
            ("kind", text(json::text(object, &["kind"]))),
        ]);
        let mut request = json::object([("kind", kind), ("object", object.clone())]);
        for name in ["name", "namespace"] {
            let value = json::text(object, &["metadata", name]);
            if !value.is_empty() {
                request = json::with_field(&request, name, Some(text(value)));
            }
        }
        let (request, object) = (complete(request), Some(object.clone()));
        Review { request, object, old_object: None, namespace: None, source, native: OnceLock::new() }
    }

    /// The review of a request that an API server sends.
    ///
    /// # Errors
    /// There is nothing in it to judge.
    pub fn of_request(request: &Value, source: Source) -> Result<Review, String> {
        let there = |name| json::field(request, name).filter(|value| !matches!(value, Value::Null)).cloned();
        let (mut object, old_object) = (there("object"), there("oldObject"));
        let mut request = complete(request.clone());
        if json::text(&request, &["operation"]) == "DELETE" {
            let Some(old) = &old_object else {
                return Err("oldObject cannot be nil for DELETE operations".into());
            };
            object = Some(old.clone());
            request = json::with_field(&request, "object", Some(old.clone()));
        }
        if object.is_none() && old_object.is_none() {
            return Err("AdmissionRequest does not contain an \"object\" or \"oldObject\" to review".into());
        }
        Ok(Review { request, object, old_object, namespace: None, source, native: OnceLock::new() })
    }

    /// With the Namespace that the object is in, for matching.
    pub fn in_namespace(mut self, namespace: Value) -> Review {
        self.namespace = Some(namespace);
        self
    }

    /// With the Namespace that policies see as `input.review.namespaceObject`.
    pub fn showing_namespace(mut self, namespace: Value) -> Review {
        self.request = json::with_field(&self.request, NAMESPACE, Some(namespace));
        self.native = OnceLock::new();
        self
    }

    /// The Namespace that policies see.
    pub fn shown_namespace(&self) -> Option<&Value> {
        let shown = json::field(&self.request, NAMESPACE)?;
        matches!(shown, Value::Object(object) if !object.entries().is_empty()).then_some(shown)
    }

    /// The name of the Namespace that policies would see in a cluster; none for what is in none, and for a Namespace itself.
    pub fn wanted_namespace(&self) -> Option<&str> {
        let kind = |name| json::text(&self.request, &["kind", name]);
        let itself = kind("kind") == "Namespace" && kind("group").is_empty();
        Some(self.namespace_name()).filter(|name| !name.is_empty() && !itself)
    }

    /// What another engine makes of the review, made once and shared; `None` where something of another type is kept.
    pub fn native<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Option<Arc<T>> {
        self.native.get_or_init(|| Arc::new(make())).clone().downcast().ok()
    }

    /// As policies see it.
    pub fn request(&self) -> &Value {
        &self.request
    }

    pub fn object(&self) -> Option<&Value> {
        self.object.as_ref()
    }

    pub fn old_object(&self) -> Option<&Value> {
        self.old_object.as_ref()
    }

    pub fn namespace(&self) -> Option<&Value> {
        self.namespace.as_ref()
    }

    pub fn source(&self) -> Source {
        self.source
    }

    pub fn operation(&self) -> &str {
        json::text(&self.request, &["operation"])
    }

    /// The name of the namespace that the request says.
    pub fn namespace_name(&self) -> &str {
        json::text(&self.request, &["namespace"])
    }
}

/// The request with all fields that policies may count on.
fn complete(request: Value) -> Value {
    let Value::Object(have) = &request else { return Value::object(Vec::new()) };
    let own = have.entries().iter().filter(|(key, _)| key.as_str() != Some(NAMESPACE));
    let mut entries: Vec<_> = own.cloned().collect();
    for (name, empty) in FIELDS {
        if have.get_str(name).is_none() {
            entries.push((Value::string(name), Value::from_json(empty.as_bytes()).unwrap_or(Value::Null)));
        }
    }
    entries.push((Value::string(NAMESPACE), Value::object(Vec::new())));
    Value::object(entries)
}
