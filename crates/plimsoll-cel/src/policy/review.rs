//! The `request` of an AdmissionReview → what expressions may ask about it.

use std::fmt;

use serde_json::Value as Json;

use crate::value::{Key, Value};

/// What is known of the request's namespace.
#[derive(Debug, Clone)]
pub(super) enum Namespace {
    /// The request is about something of the cluster, or about a namespace itself.
    Nothing,
    Known(Value),
    Unknown,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Resource {
    pub group: String,
    pub version: String,
    pub resource: String,
}

/// A request, converted once and asked about by as many policies as there are.
#[derive(Debug, Clone)]
pub struct Review {
    pub(super) object: Value,
    pub(super) old_object: Value,
    pub(super) request: Value,
    pub(super) namespace: Namespace,
    pub(super) resource: Resource,
    pub(super) subresource: String,
    pub(super) name: String,
    pub(super) namespace_name: String,
    pub(super) operation: String,
}

/// Why a request cannot be judged at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewError(String);

impl fmt::Display for ReviewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not read the request: {}", self.0)
    }
}

impl std::error::Error for ReviewError {}

fn text<'a>(json: &'a Json, path: &[&str]) -> &'a str {
    path.iter().try_fold(json, |json, name| json.get(name)).and_then(Json::as_str).unwrap_or("")
}

fn value(json: Option<&Json>, name: &str) -> Result<Value, ReviewError> {
    json.map_or(Some(Value::Null), Value::from_json).ok_or_else(|| ReviewError(format!("{name} is nested too deeply")))
}

/// Fields of `request` that expressions see, and whether an empty one is there.
const FIELDS: [(&str, bool); 12] = [
    ("kind", true),
    ("resource", true),
    ("subResource", false),
    ("requestKind", true),
    ("requestResource", true),
    ("requestSubResource", false),
    ("name", false),
    ("namespace", false),
    ("operation", true),
    ("userInfo", true),
    ("dryRun", true),
    ("options", true),
];

impl Review {
    /// Of the `request` of an AdmissionReview (v1 or v1beta1). Its namespace is unknown until [`Review::with_namespace`].
    pub fn from_request(request: &Json) -> Result<Review, ReviewError> {
        let review = Review::of_unsent(request)?;
        match review.resource.resource.is_empty() || review.operation.is_empty() {
            true => Err(ReviewError("it has no resource or no operation".to_owned())),
            false => Ok(review),
        }
    }

    /// Of a request that nobody sent to a cluster, and that may be without resource and operation: an object at the desk.
    pub fn of_unsent(request: &Json) -> Result<Review, ReviewError> {
        if !request.is_object() {
            return Err(ReviewError("it is not an object".to_owned()));
        }
        let object = value(request.get("object"), "object")?;
        let old_object = value(request.get("oldObject"), "oldObject")?;
        let resource = Resource {
            group: text(request, &["resource", "group"]).to_owned(),
            version: text(request, &["resource", "version"]).to_owned(),
            resource: text(request, &["resource", "resource"]).to_owned(),
        };
        let operation = text(request, &["operation"]).to_owned();
        let kind_group = text(request, &["kind", "group"]).to_owned();
        let kind = text(request, &["kind", "kind"]).to_owned();
        let namespace_name = text(request, &["namespace"]).to_owned();
        let namespace = if namespace_name.is_empty() || (kind == "Namespace" && kind_group.is_empty()) {
            Namespace::Nothing
        } else {
            Namespace::Unknown
        };
        let mut entries = Vec::new();
        for (name, empty) in FIELDS {
            let field = value(
                request.get(name).or(match name {
                    "requestKind" => request.get("kind"),
                    "requestResource" => request.get("resource"),
                    _ => None,
                }),
                name,
            )?;
            let field = match (name, field) {
                ("dryRun", Value::Null) => Value::Bool(false),
                ("userInfo", Value::Null) => Value::map(Vec::new()),
                (_, field) => field,
            };
            if empty || !matches!(&field, Value::Null) && field.as_str() != Some("") {
                entries.push((Key::String(name.into()), field));
            }
        }
        Ok(Review {
            name: text(request, &["name"]).to_owned(),
            subresource: text(request, &["subResource"]).to_owned(),
            object,
            old_object,
            request: Value::map(entries),
            namespace,
            resource,
            namespace_name,
            operation,
        })
    }

    /// Says what the request's namespace is: the Namespace object of that name. Changes nothing where the request has none.
    pub fn with_namespace(mut self, namespace: &Json) -> Result<Review, ReviewError> {
        if matches!(self.namespace, Namespace::Nothing) {
            return Ok(self);
        }
        if text(namespace, &["metadata", "name"]) != self.namespace_name {
            return Err(ReviewError(format!("the namespace given is not {:?}", self.namespace_name)));
        }
        self.namespace = Namespace::Known(Review::namespace(namespace)?);
        Ok(self)
    }

    /// A Namespace object as expressions see it.
    pub fn namespace(namespace: &Json) -> Result<Value, ReviewError> {
        let mut shown = namespace.clone();
        if let Some(metadata) = shown.get_mut("metadata").and_then(Json::as_object_mut) {
            metadata.remove("managedFields");
            metadata.remove("ownerReferences");
        }
        value(Some(&shown), "the namespace")
    }

    /// As [`Review::with_namespace`], of what [`Review::namespace`] made.
    #[must_use]
    pub fn in_namespace(mut self, namespace: Value) -> Review {
        let named = namespace.field("metadata").and_then(|metadata| metadata.field("name")).and_then(Value::as_str);
        if matches!(self.namespace, Namespace::Unknown) && named == Some(&*self.namespace_name) {
            self.namespace = Namespace::Known(namespace);
        }
        self
    }

    /// The name of the Namespace that the request is in and that nobody told; none where there is none, or it was told.
    pub fn wanted_namespace(&self) -> Option<&str> {
        matches!(self.namespace, Namespace::Unknown).then_some(&*self.namespace_name)
    }

    /// The same about another object: what mutations made of it.
    pub fn with_object(mut self, object: &Json) -> Result<Review, ReviewError> {
        self.object = value(Some(object), "object")?;
        Ok(self)
    }

    /// The name of the request's namespace; nothing where it has none.
    pub fn namespace_name(&self) -> Option<&str> {
        (!self.namespace_name.is_empty()).then_some(self.namespace_name.as_str())
    }

    /// No policy is asked about policies and their bindings, nor about the reviews that authentication and authorization make:
    /// a cluster that refused those could not be mended.
    pub(super) fn is_passed_over(&self) -> bool {
        match &*self.resource.group {
            "admissionregistration.k8s.io" => matches!(
                &*self.resource.resource,
                "validatingadmissionpolicies"
                    | "validatingadmissionpolicybindings"
                    | "mutatingadmissionpolicies"
                    | "mutatingadmissionpolicybindings"
            ),
            "authentication.k8s.io" => matches!(&*self.resource.resource, "selfsubjectreviews" | "tokenreviews"),
            "authorization.k8s.io" => matches!(
                &*self.resource.resource,
                "localsubjectaccessreviews"
                    | "selfsubjectaccessreviews"
                    | "selfsubjectrulesreviews"
                    | "subjectaccessreviews"
            ),
            _ => false,
        }
    }

    /// As the API server begins its refusals: `deployments.apps "web" is forbidden`.
    pub fn forbidden(&self) -> String {
        let resource = match &*self.resource.group {
            "" => self.resource.resource.clone(),
            group => format!("{}.{group}", self.resource.resource),
        };
        let metadata = self.object.field("metadata");
        let of = |name: &str| {
            metadata.and_then(|metadata| metadata.field(name)).and_then(Value::as_str).filter(|text| !text.is_empty())
        };
        let name = match &*self.name {
            "" => of("name").or_else(|| of("generateName")).unwrap_or("Unknown"),
            name => name,
        };
        format!("{resource} \"{name}\" is forbidden")
    }
}

/// An object of the cluster as a value.
pub(super) fn document(json: &Json) -> Result<Value, ReviewError> {
    value(Some(json), "an object")
}
