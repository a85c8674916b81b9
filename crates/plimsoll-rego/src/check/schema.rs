//! JSON schemas by name.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::ast::{Term, TermKind};
use crate::types::Type;
use crate::value::Value;

/// What recursive types of a schema stand for; they do not own it.
pub(super) type Definitions = Vec<Arc<OnceLock<Type>>>;

/// Schemas by the reference that annotations name them by: `schema` (for `input`, where it is given alone), `schema.x.y`.
#[derive(Debug, Clone, Default)]
pub struct SchemaSet {
    schemas: BTreeMap<Vec<String>, Value>,
}

impl SchemaSet {
    pub fn is_empty(&self) -> bool {
        self.schemas.is_empty()
    }

    /// `["schema", "x", "y"]` for `schema.x.y`.
    pub fn insert(&mut self, path: Vec<String>, schema: Value) {
        self.schemas.insert(path, schema);
    }

    pub fn get(&self, path: &[String]) -> Option<&Value> {
        self.schemas.get(path)
    }

    /// The schema that is given for `input`.
    pub(super) fn input(&self) -> Option<&Value> {
        self.get(&["schema".to_owned()])
    }

    pub(super) fn at(&self, reference: &[Term]) -> Option<&Value> {
        let part = |term: &Term| match &term.kind {
            TermKind::Var(name) | TermKind::String(name) => Some((**name).to_owned()),
            _ => None,
        };
        self.get(&reference.iter().map(part).collect::<Option<Vec<_>>>()?)
    }
}

impl FromIterator<(Vec<String>, Value)> for SchemaSet {
    fn from_iter<I: IntoIterator<Item = (Vec<String>, Value)>>(schemas: I) -> SchemaSet {
        SchemaSet { schemas: schemas.into_iter().collect() }
    }
}
