//! Values: what documents become, and what expressions give. Cloning one is cheap, whatever its size.

mod compare;
mod json;
mod key;
mod text;

use std::sync::Arc;

pub(crate) use json::Room;
pub use json::{MAX_DOCUMENT_BYTES, MAX_DOCUMENT_DEPTH, MAX_DOCUMENT_VALUES};
pub use key::Key;
pub use text::double_text;
pub(crate) use text::quoted;

use crate::library::opaque::Opaque;
use crate::types::Type;

#[derive(Debug, Clone)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Arc<str>),
    Bytes(Arc<[u8]>),
    List(Arc<List>),
    Map(Arc<Map>),
    Timestamp(Timestamp),
    /// Nanoseconds.
    Duration(i64),
    Type(Arc<Type>),
    Optional(Option<Arc<Value>>),
    Opaque(Arc<Opaque>),
}

/// Seconds since 1970 and nanoseconds below 1,000,000,000: from the year 1 to 9999. The offset, in seconds, is the one it was
/// written with: `string()` shows it, nothing else does.
#[derive(Debug, Clone, Copy)]
pub struct Timestamp {
    pub seconds: i64,
    pub nanos: u32,
    pub offset: i32,
}

impl PartialEq for Timestamp {
    fn eq(&self, other: &Timestamp) -> bool {
        self.cmp(other) == std::cmp::Ordering::Equal
    }
}

impl Eq for Timestamp {}

impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Timestamp) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timestamp {
    fn cmp(&self, other: &Timestamp) -> std::cmp::Ordering {
        (self.seconds, self.nanos).cmp(&(other.seconds, other.nanos))
    }
}

/// Values within one another, at most: whatever walks a value may recurse.
pub const MAX_VALUE_DEPTH: u32 = 1_000;

#[derive(Debug)]
pub struct List {
    items: Vec<Value>,
    depth: u32,
    /// What [`Value::traversal`] tells, kept because a value may hold another twice, and that a third: walking it would not end.
    traversal: u64,
}

#[derive(Debug)]
pub struct Map {
    /// In the order of the keys, each once.
    entries: Vec<(Key, Value)>,
    depth: u32,
    traversal: u64,
    /// Of a struct that an expression wrote out, its type.
    name: Option<Arc<str>>,
}

impl List {
    pub fn items(&self) -> &[Value] {
        &self.items
    }
}

impl Map {
    pub fn entries(&self) -> &[(Key, Value)] {
        &self.entries
    }

    /// The type of a struct that an expression wrote out: `Object.spec`.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub fn get(&self, key: &Key) -> Option<&Value> {
        let at = self.entries.binary_search_by(|(other, _)| other.cmp(key)).ok()?;
        self.entries.get(at).map(|(_, value)| value)
    }

    pub fn get_text(&self, key: &str) -> Option<&Value> {
        let at = self.entries.binary_search_by(|(other, _)| other.cmp_text(key)).ok()?;
        self.entries.get(at).map(|(_, value)| value)
    }
}

impl Value {
    pub fn string(text: impl Into<Arc<str>>) -> Value {
        Value::String(text.into())
    }

    pub fn list(items: Vec<Value>) -> Value {
        let depth = 1 + items.iter().map(Value::depth).max().unwrap_or(0);
        let traversal = items.iter().fold(0, |sum: u64, item| sum.saturating_add(item.traversal()));
        Value::List(Arc::new(List { items, depth, traversal }))
    }

    /// Of entries in any order; the last of equal keys stays.
    pub fn map(entries: Vec<(Key, Value)>) -> Value {
        Value::map_of(entries, None)
    }

    /// A map that is of a type with that name.
    pub(crate) fn structure(name: Arc<str>, entries: Vec<(Key, Value)>) -> Value {
        Value::map_of(entries, Some(name))
    }

    fn map_of(mut entries: Vec<(Key, Value)>, name: Option<Arc<str>>) -> Value {
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        entries.reverse();
        entries.dedup_by(|a, b| a.0 == b.0);
        entries.reverse();
        let depth = 1 + entries.iter().map(|(_, value)| value.depth()).max().unwrap_or(0);
        let traversal = entries.iter().fold(0, |sum: u64, (key, value)| {
            sum.saturating_add(key.value().traversal()).saturating_add(value.traversal())
        });
        Value::Map(Arc::new(Map { entries, depth, traversal, name }))
    }

    pub fn type_of(of: Type) -> Value {
        Value::Type(Arc::new(of))
    }

    pub fn none() -> Value {
        Value::Optional(None)
    }

    pub fn some(value: Value) -> Value {
        Value::Optional(Some(Arc::new(value)))
    }

    pub(crate) fn opaque(of: Opaque) -> Value {
        Value::Opaque(Arc::new(of))
    }

    /// How many values are within one another here.
    pub fn depth(&self) -> u32 {
        match self {
            Value::List(list) => list.depth,
            Value::Map(map) => map.depth,
            Value::Optional(Some(inner)) => 1 + inner.depth(),
            _ => 0,
        }
    }

    /// What the API server counts for walking the whole of it, where shared parts count each time.
    #[expect(clippy::integer_division, reason = "the API server rounds down here")]
    pub(crate) fn traversal(&self) -> u64 {
        match self {
            Value::String(text) => text.len() as u64 / 10,
            Value::Bytes(bytes) => bytes.len() as u64 / 10,
            Value::List(list) => list.traversal,
            Value::Map(map) => map.traversal,
            _ => 1,
        }
    }

    /// Bytes of a text, which whatever looks at the whole of it goes through.
    pub(crate) fn text_len(&self) -> usize {
        match self {
            Value::String(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::Optional(Some(inner)) => inner.text_len(),
            Value::Opaque(opaque) => opaque.text_len(),
            _ => 0,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value's type as a value, as `type()` gives it.
    pub fn type_value(&self) -> Type {
        match self {
            Value::Null => Type::Null,
            Value::Bool(_) => Type::Bool,
            Value::Int(_) => Type::Int,
            Value::Uint(_) => Type::Uint,
            Value::Double(_) => Type::Double,
            Value::String(_) => Type::String,
            Value::Bytes(_) => Type::Bytes,
            Value::List(_) => Type::list(Type::Dyn),
            Value::Map(map) => match &map.name {
                // By a slip of the API server its type is that of types.
                Some(_) => Type::Type(None),
                None => Type::map(Type::Dyn, Type::Dyn),
            },
            Value::Timestamp(_) => Type::Timestamp,
            Value::Duration(_) => Type::Duration,
            Value::Type(_) => Type::Type(None),
            Value::Optional(_) => Type::optional(Type::Dyn),
            Value::Opaque(opaque) => opaque.type_value(),
        }
    }

    /// The name of its type at run time.
    pub fn type_name(&self) -> &str {
        match self {
            Value::Opaque(opaque) => opaque.type_name(),
            Value::Timestamp(_) => "google.protobuf.Timestamp",
            Value::Duration(_) => "google.protobuf.Duration",
            Value::Null => "null_type",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Uint(_) => "uint",
            Value::Double(_) => "double",
            Value::String(_) => "string",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "list",
            Value::Map(map) => map.name().unwrap_or("map"),
            Value::Type(_) => "type",
            Value::Optional(_) => "optional_type",
        }
    }
}

impl Value {
    /// What a map has under a text.
    pub fn field(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Map(map) => map.get_text(name),
            _ => None,
        }
    }
}
