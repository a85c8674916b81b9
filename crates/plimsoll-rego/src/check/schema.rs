//! JSON schemas by name, and the types that they describe.

use crate::value::Value;

/// Schemas by the reference that annotations name them by: `schema` (for `input`, where it is given alone), `schema.x.y`.
#[derive(Debug, Clone, Default)]
pub struct SchemaSet {
    schemas: std::collections::BTreeMap<Vec<String>, Value>,
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
}
