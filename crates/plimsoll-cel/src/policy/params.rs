//! Parameters: the objects that bindings refer to, as far as the caller knows them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value as Json;

use super::review::{Review, ReviewError};
use super::spec::{ParamKind, ParamRef};
use crate::value::Value;

/// Objects that may serve as parameters.
#[derive(Debug, Clone, Default)]
pub struct Params {
    /// By apiVersion and kind.
    objects: HashMap<(String, String), Vec<Named>>,
    complete: bool,
    elsewhere: Option<Arc<dyn Elsewhere>>,
}

/// An object and what it is called.
#[derive(Debug, Clone)]
pub struct Named {
    /// Empty where it is in none.
    pub namespace: String,
    pub name: String,
    pub object: Value,
}

/// Who knows objects that a caller does not have at hand. An answer that is not known is an error, in words that end a sentence;
/// nothing is ever found missing for want of knowing.
pub trait Elsewhere: fmt::Debug + Send + Sync {
    /// Whether objects of a kind are in namespaces.
    fn namespaced(&self, kind: (&str, &str), namespace: &str) -> Result<bool, String>;
    /// The object of that name; the namespace is empty for a kind that has none.
    fn named(&self, kind: (&str, &str), namespace: &str, name: &str) -> Result<Option<Value>, String>;
    /// All objects of a kind in a namespace, or of a kind that has none.
    fn all(&self, kind: (&str, &str), namespace: &str) -> Result<Vec<Named>, String>;
}

/// Some of Kubernetes' own kinds whose objects are in namespaces: those that likely serve as parameters.
const KNOWN_IN_NAMESPACES: [(&str, &str); 6] = [
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "Pod"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("apps/v1", "Deployment"),
];

/// What a binding's reference leads to.
#[derive(Debug)]
pub(super) enum Found {
    /// `params` is null: the policy or the binding asks for none.
    Nothing,
    These(Vec<Value>),
    /// As the API server words it.
    Error(String),
    Unknown(String),
}

impl Params {
    /// Of objects with apiVersion, kind and metadata. Others may exist that are not among them, unless [`Params::complete`].
    pub fn new<'a>(objects: impl IntoIterator<Item = &'a Json>) -> Result<Params, ReviewError> {
        let mut params = Params::default();
        for json in objects {
            let object = super::review::document(json)?;
            let text = |of: &Value, name: &str| of.field(name).and_then(Value::as_str).unwrap_or("").to_owned();
            let kind = (text(&object, "apiVersion"), text(&object, "kind"));
            let metadata = object.field("metadata").unwrap_or(&Value::Null);
            let (namespace, name) = (text(metadata, "namespace"), text(metadata, "name"));
            params.objects.entry(kind).or_default().push(Named { namespace, name, object });
        }
        Ok(params)
    }

    /// There are no others: what is not among them is not found, rather than unknown.
    #[must_use]
    pub fn complete(mut self) -> Params {
        self.complete = true;
        self
    }

    /// With somebody who knows others. Of two objects of one name the own one counts.
    pub fn look_elsewhere(&mut self, elsewhere: Arc<dyn Elsewhere>) {
        self.elsewhere = Some(elsewhere);
    }

    pub(super) fn find(&self, kind: Option<&ParamKind>, wanted: Option<&ParamRef>, review: &Review) -> Found {
        let (Some(kind), Some(wanted)) = (kind, wanted) else { return Found::Nothing };
        let own = self.objects.get(&(kind.api_version.clone(), kind.kind.clone())).map_or(&[][..], Vec::as_slice);
        let known = (&*kind.api_version, &*kind.kind);
        let asked_in =
            if wanted.namespace.is_empty() { review.namespace_name.as_str() } else { wanted.namespace.as_str() };
        // Whether the kind has namespaces: as the cluster has it, as is known of these, as the objects themselves show.
        let in_namespaces = KNOWN_IN_NAMESPACES.contains(&known) || own.iter().any(|one| !one.namespace.is_empty());
        let namespaced = match &self.elsewhere {
            Some(elsewhere) => match elsewhere.namespaced(known, &wanted.namespace) {
                Ok(told) => Some(told),
                Err(_) if in_namespaces => Some(true),
                // An error would be for the failure policy, which may let it pass: this is not known.
                Err(why) => {
                    return Found::Unknown(format!("whether a {} is in a namespace is not known: {why}", kind.kind));
                }
            },
            None if in_namespaces => Some(true),
            None => (!own.is_empty()).then_some(false),
        };
        if namespaced == Some(true) && asked_in.is_empty() {
            return Found::Error(
                "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources".to_owned(),
            );
        }
        if namespaced == Some(false) && !wanted.namespace.is_empty() {
            return Found::Error("paramRef.namespace must not be provided for a cluster-scoped `paramKind`".to_owned());
        }
        let namespaced = namespaced == Some(true);
        let namespace = if namespaced { asked_in } else { "" };
        let near = own.iter().filter(|one| !namespaced || one.namespace == namespace);
        let which = || match (&*wanted.name, namespace) {
            ("", _) => format!("which {} the selector finds", kind.kind),
            (name, "") => format!("{} {name:?}", kind.kind),
            (name, namespace) => format!("{} {name:?} in namespace {namespace:?}", kind.kind),
        };
        let unknown = |why: &str| Found::Unknown(format!("the parameters are not known: {}{why}", which()));
        let found = match (&wanted.selector, &self.elsewhere) {
            (None, elsewhere) => {
                let mut found: Vec<Value> =
                    near.filter(|one| one.name == wanted.name).map(|one| one.object.clone()).collect();
                match elsewhere {
                    _ if !found.is_empty() => {}
                    Some(elsewhere) => match elsewhere.named(known, namespace, &wanted.name) {
                        Ok(object) => found.extend(object),
                        Err(why) => return unknown(&format!(": {why}")),
                    },
                    None if self.complete => {}
                    None => return unknown(""),
                }
                found
            }
            (Some(selector), elsewhere) => {
                let mut all: Vec<Named> = near.cloned().collect();
                match elsewhere {
                    Some(elsewhere) => match elsewhere.all(known, namespace) {
                        Ok(others) => {
                            let mine: Vec<String> = all.iter().map(|one| one.name.clone()).collect();
                            all.extend(others.into_iter().filter(|other| !mine.contains(&other.name)));
                        }
                        Err(why) => return unknown(&format!(": {why}")),
                    },
                    None if self.complete => {}
                    None => return unknown(""),
                }
                let mut found = Vec::new();
                for one in all {
                    match selector.selects(&one.object) {
                        Some(true) => found.push(one.object),
                        Some(false) => {}
                        None => return Found::Unknown(format!("the labels of a {} cannot be read", kind.kind)),
                    }
                }
                found
            }
        };
        if found.is_empty() && wanted.deny_when_missing {
            return Found::Error("no params found for policy binding with `Deny` parameterNotFoundAction".to_owned());
        }
        Found::These(found)
    }
}
