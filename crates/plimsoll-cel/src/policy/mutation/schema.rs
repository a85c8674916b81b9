//! How the objects of Kubernetes' own kinds are put together: which fields there are, and what tells the items of a list apart.
//! The facts stand in `schema.txt`, which `e2e/cel/cmd/schema` prints out of the API server's own modules.
//!
//! ```text
//! = apps/v1 Deployment apps.v1.Deployment      a kind and its struct
//! core.v1.Container                            a struct, and below it its fields
//!  name s ""                                   a text, and what it is as a key where it is not there
//!  ports [containerPort,protocol]core.v1.ContainerPort
//! !meta.v1.LabelSelector                       a struct that is one whole
//! ```
//!
//! `s` `n` `b` `u` are texts, numbers, booleans and any of those; `*` a list that is one whole, `#` a set, `[key]` a list whose
//! items are known by their keys; `{}` a map; `!` before a map or a struct makes one whole of it, `~` parts of a whole; `?` is
//! anything.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde_json::Value as Json;

const FACTS: &str = include_str!("schema.txt");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    Text,
    Number,
    Bool,
    Any,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Items {
    Whole,
    Set,
    Keyed(Vec<String>),
}

/// What may stand at a place of an object.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    Anything,
    Scalar(Scalar),
    List { items: Items, of: Box<Shape> },
    Map { whole: bool, of: Box<Shape> },
    Struct { whole: bool, number: usize },
}

#[derive(Debug)]
pub(super) struct Field {
    pub shape: Shape,
    pub key: Option<Json>,
}

pub(super) type Struct = HashMap<String, Field>;

#[derive(Debug, Default)]
pub(super) struct Schema {
    kinds: HashMap<(String, String), usize>,
    structs: Vec<Struct>,
}

impl Schema {
    pub fn get() -> &'static Schema {
        static SCHEMA: OnceLock<Schema> = OnceLock::new();
        SCHEMA.get_or_init(|| Schema::read(FACTS))
    }

    /// What an object of a kind is; none where the kind is not known.
    pub fn kind(&self, api_version: &str, kind: &str) -> Option<Shape> {
        let number = *self.kinds.get(&(api_version.to_owned(), kind.to_owned()))?;
        Some(Shape::Struct { whole: false, number })
    }

    pub fn field(&self, number: usize, name: &str) -> Option<&Field> {
        self.structs.get(number)?.get(name)
    }

    fn read(text: &str) -> Schema {
        let heads = text.lines().filter(|line| !line.starts_with([' ', '=']));
        let names: HashMap<&str, (usize, bool)> = heads
            .enumerate()
            .map(|(number, line)| (line.trim_start_matches('!'), (number, line.starts_with('!'))))
            .collect();
        let mut schema = Schema::default();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("= ") {
                let mut words = rest.split(' ');
                if let (Some(version), Some(kind), Some((number, _))) =
                    (words.next(), words.next(), words.next().and_then(|name| names.get(name)))
                {
                    schema.kinds.insert((version.to_owned(), kind.to_owned()), *number);
                }
            } else if let Some(field) = line.strip_prefix(' ') {
                let mut words = field.splitn(3, ' ');
                if let (Some(name), Some(shape), Some(fields)) = (words.next(), words.next(), schema.structs.last_mut())
                {
                    let key = words.next().and_then(|text| serde_json::from_str(text).ok());
                    fields.insert(name.to_owned(), Field { shape: shape_of(shape, &names), key });
                }
            } else {
                schema.structs.push(Struct::new());
            }
        }
        schema
    }
}

fn shape_of(text: &str, names: &HashMap<&str, (usize, bool)>) -> Shape {
    let of = |rest: &str| Box::new(shape_of(rest, names));
    match text {
        "s" => return Shape::Scalar(Scalar::Text),
        "n" => return Shape::Scalar(Scalar::Number),
        "b" => return Shape::Scalar(Scalar::Bool),
        "u" => return Shape::Scalar(Scalar::Any),
        _ => {}
    }
    if let Some(rest) = text.strip_prefix('*') {
        return Shape::List { items: Items::Whole, of: of(rest) };
    }
    if let Some(rest) = text.strip_prefix('#') {
        return Shape::List { items: Items::Set, of: of(rest) };
    }
    if let Some((keys, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let keys = keys.split(',').map(str::to_owned).collect();
        return Shape::List { items: Items::Keyed(keys), of: of(rest) };
    }
    if let Some(rest) = text.strip_prefix("{}") {
        return Shape::Map { whole: false, of: of(rest) };
    }
    if let Some(rest) = text.strip_prefix("!{}") {
        return Shape::Map { whole: true, of: of(rest) };
    }
    let name = text.trim_start_matches(['!', '~']);
    match names.get(name) {
        Some((number, whole)) => {
            let whole = if name == text { *whole } else { text.starts_with('!') };
            Shape::Struct { whole, number: *number }
        }
        None => Shape::Anything,
    }
}

#[cfg(test)]
mod tests {
    use super::{Items, Scalar, Schema, Shape};

    #[test]
    fn facts_are_read_to_the_last_line() {
        let schema = Schema::get();
        let Some(Shape::Struct { number, whole: false }) = schema.kind("v1", "Pod") else { panic!("a kind") };
        let spec = &schema.field(number, "spec").expect("a field").shape;
        let Shape::Struct { number, .. } = spec else { panic!("a struct") };
        let Shape::List { items: Items::Keyed(keys), of } =
            &schema.field(*number, "containers").expect("a field").shape
        else {
            panic!("a list")
        };
        assert_eq!(keys, &["name"]);
        let Shape::Struct { number, .. } = **of else { panic!("a struct") };
        assert!(matches!(schema.field(number, "image").expect("a field").shape, Shape::Scalar(Scalar::Text)));
        assert!(schema.kind("v1", "Nothing").is_none());
        // Nothing but the encoded fields of those that set them is anything.
        let anything = |shape: &Shape| match shape {
            Shape::List { of, .. } | Shape::Map { of, .. } => matches!(**of, Shape::Anything),
            other => matches!(other, Shape::Anything),
        };
        let all = schema.structs.iter().flatten().filter(|(_, field)| anything(&field.shape));
        assert_eq!(all.map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["fieldsV1"]);
    }
}
