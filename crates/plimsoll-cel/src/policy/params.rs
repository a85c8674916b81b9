//! Parameters: the objects that bindings refer to, as far as the caller knows them.

use serde_json::Value as Json;

use super::review::{Review, ReviewError};
use super::spec::{ParamKind, ParamRef};
use crate::value::Value;

/// Objects that may serve as parameters.
#[derive(Debug, Clone, Default)]
pub struct Params {
    objects: Vec<Value>,
    complete: bool,
}

/// What a binding's reference leads to.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// `params` is null: the policy or the binding asks for none.
    Nothing,
    These(Vec<&'a Value>),
    /// As the API server words it.
    Error(String),
    Unknown(String),
}

impl Params {
    /// Of objects with apiVersion, kind and metadata. Others may exist that are not among them, unless [`Params::complete`].
    pub fn new<'a>(objects: impl IntoIterator<Item = &'a Json>) -> Result<Params, ReviewError> {
        let objects = objects.into_iter().map(super::review::document).collect::<Result<_, _>>()?;
        Ok(Params { objects, complete: false })
    }

    /// There are no others: what is not among them is not found, rather than unknown.
    #[must_use]
    pub fn complete(mut self) -> Params {
        self.complete = true;
        self
    }

    pub(super) fn find(&self, kind: Option<&ParamKind>, wanted: Option<&ParamRef>, review: &Review) -> Found<'_> {
        let (Some(kind), Some(wanted)) = (kind, wanted) else { return Found::Nothing };
        let of_kind = |object: &&Value| {
            let says = |name: &str, wanted: &str| object.field(name).and_then(Value::as_str) == Some(wanted);
            says("apiVersion", &kind.api_version) && says("kind", &kind.kind)
        };
        let named = |object: &Value, name: &str| {
            let text = object.field("metadata").and_then(|metadata| metadata.field(name)).and_then(Value::as_str);
            text.unwrap_or("").to_owned()
        };
        let all: Vec<&Value> = self.objects.iter().filter(of_kind).collect();
        // Without the cluster only the objects tell whether their kind has namespaces; those of the core are known.
        let namespaced =
            matches!(&*kind.kind, "ConfigMap" | "Secret" | "Pod" | "Service" | "ServiceAccount" | "Deployment")
                || all.iter().any(|object| !named(object, "namespace").is_empty());
        let namespace =
            if wanted.namespace.is_empty() { review.namespace_name.as_str() } else { wanted.namespace.as_str() };
        if namespaced && namespace.is_empty() {
            return Found::Error(
                "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources".to_owned(),
            );
        }
        if !namespaced && !wanted.namespace.is_empty() && !all.is_empty() {
            return Found::Error("paramRef.namespace must not be provided for a cluster-scoped `paramKind`".to_owned());
        }
        let near = all.into_iter().filter(|object| !namespaced || named(object, "namespace") == namespace);
        let found: Vec<&Value> = match &wanted.selector {
            None => near.filter(|object| named(object, "name") == wanted.name).collect(),
            Some(selector) => {
                let told: Vec<(&Value, Option<bool>)> = near.map(|object| (object, selector.selects(object))).collect();
                if told.iter().any(|(_, selected)| selected.is_none()) {
                    return Found::Unknown(format!("the labels of a {} cannot be read", kind.kind));
                }
                told.into_iter().filter_map(|(object, selected)| (selected == Some(true)).then_some(object)).collect()
            }
        };
        let sure = self.complete || (wanted.selector.is_none() && !found.is_empty());
        if !sure {
            let which = match (&*wanted.name, namespace) {
                ("", _) => format!("which {} the selector finds", kind.kind),
                (name, "") => format!("{} {name:?}", kind.kind),
                (name, namespace) => format!("{} {name:?} in namespace {namespace:?}", kind.kind),
            };
            return Found::Unknown(format!("the parameters are not known: {which}"));
        }
        if found.is_empty() && wanted.deny_when_missing {
            return Found::Error("no params found for policy binding with `Deny` parameterNotFoundAction".to_owned());
        }
        Found::These(found)
    }
}
