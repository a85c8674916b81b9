//! Offline knowledge of the built-in kinds. In: an object. Out: what the API server would refuse or drop: fields that its kind
//! does not have, values of the wrong type, fields that are missing, versions that nobody serves, each with its place.
//!
//! The knowledge is Kubernetes' own OpenAPI document, in a compact table that `scripts/schema-table.py` writes; crates such
//! as `k8s-openapi` are made from the same document, which is nearer to the source and costs no compile time. What it does
//! not do: the API server's validation beyond shapes, and the fields of custom resources.

pub mod api;
mod near;
pub mod rules;
pub mod scalar;
pub mod table;
mod walk;

use plimsoll_model::TextEdit;

use self::api::Api;
use self::walk::{Want, rename, walk};
use super::object::{Object, entry, span};
use crate::source::Span;

/// What an object has that its kind does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaFault {
    pub kind: SchemaFaultKind,
    pub span: Span,
    /// `spec.containers[0].image`, empty for the object as a whole.
    pub path: String,
    /// One sentence without a full stop, naming the field.
    pub message: String,
    /// The word that was probably meant.
    pub meant: Option<&'static str>,
    pub fix: Option<SchemaFix>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SchemaFaultKind {
    /// No built-in kind under this `apiVersion`, though the name says that it should be one.
    UnknownApi,
    UnknownField,
    WrongType,
    /// Of the right type, but no value that is allowed.
    InvalidValue,
    MissingField,
    /// A stored object without `metadata.name` or `generateName`: a schema allows it, the API server does not.
    NameMissing,
    /// Allowed, and on its way out; not a fault to the API server.
    Deprecated,
}

/// How a fault may be mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaFix {
    pub title: String,
    pub safe: bool,
    pub edits: Vec<TextEdit>,
}

impl SchemaFix {
    fn new(title: impl Into<String>, safe: bool, edit: Option<TextEdit>) -> Option<SchemaFix> {
        Some(SchemaFix { title: title.into(), safe, edits: vec![edit?] })
    }
}

/// Everything that an object of a built-in kind has wrong; nothing for any other kind, and for those that went, the fields
/// alone, where they are those of today's version.
pub fn validate(object: &Object) -> Vec<SchemaFault> {
    let (api_version, kind) = (object.api_version.as_str(), object.kind.as_str());
    match api::look(api_version, kind) {
        Api::Known(root) => {
            let mut faults = walk(&object.node, root, Want { required: true });
            faults.extend(nameless(object));
            faults
        }
        Api::Gone(life) => {
            let root = api::same_fields(api_version, kind, &life).and_then(|version| table::kind(version, kind));
            root.map(|root| walk(&object.node, root, Want { required: false })).unwrap_or_default()
        }
        Api::Unknown(unknown) => vec![unknown_api(object, unknown)],
        Api::Foreign => Vec::new(),
    }
}

fn unknown_api(object: &Object, unknown: api::Unknown) -> SchemaFault {
    let (key, meant) = match (unknown.api_version, unknown.kind) {
        (None, Some(kind)) => ("kind", Some(kind)),
        (meant, _) => ("apiVersion", meant),
    };
    let value = object.at(&[key]);
    let at = value.map_or_else(|| entry(&object.node, key), |value| span(value));
    let edit = value.zip(meant).and_then(|(value, meant)| rename(value, value.text().unwrap_or_default(), meant));
    let fix = meant.and_then(|meant| SchemaFix::new(format!("write `{meant}`"), false, edit));
    SchemaFault { kind: SchemaFaultKind::UnknownApi, span: at, path: key.into(), message: unknown.message, meant, fix }
}

/// What is stored has a name; reviews, scales and the like are answered and forgotten.
fn nameless(object: &Object) -> Option<SchemaFault> {
    const ASKED: &[&str] =
        &["TokenRequest", "Scale", "Eviction", "Binding", "Status", "WatchEvent", "APIGroup", "APIVersions"];
    let stored =
        !(object.kind.ends_with("List") || object.kind.ends_with("Review") || ASKED.contains(&object.kind.as_str()));
    let named = !object.name.is_empty() || object.at(&["metadata", "name"]).is_some_and(|name| name.text().is_none());
    if !stored || named {
        return None;
    }
    let written = object.at(&["metadata"]).is_some();
    let key = if written { "metadata" } else { "kind" };
    let pair = super::object::key(&object.node, key);
    Some(SchemaFault {
        kind: SchemaFaultKind::NameMissing,
        span: pair.map_or_else(|| entry(&object.node, key), |key| span(key)),
        path: "metadata".into(),
        message: format!("the {} has no `metadata.name`", object.kind),
        meant: None,
        fix: None,
    })
}

#[cfg(test)]
mod tests;
