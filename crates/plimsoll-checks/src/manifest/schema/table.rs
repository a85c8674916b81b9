//! The table of built-in kinds. In: `table.txt`, which `scripts/schema-table.py` writes. Out: types with their fields, each
//! parsed when it is first asked for: one pod touches some thirty of 758. What it does not do: look at objects.

use std::sync::OnceLock;

static TEXT: &str = include_str!("table.txt");

/// A type of the API: its fields, sorted by name.
#[derive(Debug)]
pub struct Type {
    pub name: &'static str,
    pub fields: Vec<Field>,
}

/// A field of a type.
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub shape: Shape,
    pub required: bool,
    pub deprecated: bool,
}

/// What a value has to be. The text behind a list or a mapping is the shape of its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    Text,
    Integer,
    Number,
    Boolean,
    Quantity,
    IntegerOrText,
    Base64,
    Time,
    Anything,
    /// A type by its number.
    Type(usize),
    /// One of these, with commas between.
    OneOf(&'static str),
    ListOf(&'static str),
    MapOf(&'static str),
}

/// When a version of a kind came, was deprecated and went, in minor versions of Kubernetes 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifecycle {
    pub introduced: Option<u32>,
    pub deprecated: Option<u32>,
    pub removed: Option<u32>,
    /// The `apiVersion` that serves the kind now.
    pub replacement: Option<&'static str>,
}

struct Table {
    /// `apiVersion kind type`, sorted.
    kinds: Vec<&'static str>,
    enumerations: Vec<&'static str>,
    types: Vec<(&'static str, OnceLock<Type>)>,
    lifecycles: Vec<&'static str>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut parts = TEXT.split("\n\n").skip(1);
        let mut lines = || parts.next().unwrap_or_default().lines();
        Table {
            kinds: lines().collect(),
            enumerations: lines().collect(),
            types: lines().map(|line| (line, OnceLock::new())).collect(),
            lifecycles: lines().collect(),
        }
    })
}

/// The minor version of Kubernetes 1 that the table speaks of.
pub fn newest() -> u32 {
    static NEWEST: OnceLock<u32> = OnceLock::new();
    *NEWEST.get_or_init(|| {
        let version = TEXT.split_once("Kubernetes 1.").map_or("", |(_, rest)| rest);
        version.split('.').next().and_then(|minor| minor.parse().ok()).unwrap_or_default()
    })
}

/// The number of the type of a kind.
pub fn kind(api_version: &str, kind: &str) -> Option<usize> {
    find(&table().kinds, api_version, kind)?.parse().ok()
}

/// Every kind: its `apiVersion` and name.
pub fn kinds() -> impl Iterator<Item = (&'static str, &'static str)> + Clone {
    table().kinds.iter().filter_map(|line| named(line))
}

/// The lifecycle of a kind that was ever deprecated.
pub fn lifecycle(api_version: &str, kind: &str) -> Option<Lifecycle> {
    let mut rest = find(&table().lifecycles, api_version, kind)?.split(' ');
    let mut minor = || rest.next().and_then(|word| word.parse().ok());
    let (introduced, deprecated, removed) = (minor(), minor(), minor());
    let replacement = rest.next().filter(|word| *word != "-");
    Some(Lifecycle { introduced, deprecated, removed, replacement })
}

/// Every kind that has a lifecycle: its `apiVersion` and name.
pub fn lifecycles() -> impl Iterator<Item = (&'static str, &'static str)> {
    table().lifecycles.iter().filter_map(|line| named(line))
}

fn named(line: &'static str) -> Option<(&'static str, &'static str)> {
    let mut words = line.split(' ');
    Some((words.next()?, words.next()?))
}

/// What stands behind two words in sorted lines.
fn find(lines: &[&'static str], api_version: &str, kind: &str) -> Option<&'static str> {
    let wanted = (api_version, kind);
    let at = lines.binary_search_by(|line| named(line).unwrap_or_default().cmp(&wanted)).ok()?;
    lines[at].splitn(3, ' ').nth(2)
}

/// A type by its number.
pub fn of(number: usize) -> Option<&'static Type> {
    let (line, parsed) = table().types.get(number)?;
    Some(parsed.get_or_init(|| {
        let mut parts = line.split('|');
        let name = parts.next().unwrap_or_default();
        Type { name, fields: parts.filter_map(field).collect() }
    }))
}

fn field(text: &'static str) -> Option<Field> {
    let (name, shape) = text.split_once('=')?;
    let (required, shape) = shape.strip_prefix('!').map_or((false, shape), |rest| (true, rest));
    let (deprecated, shape) = shape.strip_prefix('~').map_or((false, shape), |rest| (true, rest));
    Some(Field { name, shape: Shape::of(shape)?, required, deprecated })
}

impl Type {
    pub fn field(&self, name: &str) -> Option<&Field> {
        let at = self.fields.binary_search_by(|field| field.name.cmp(name)).ok()?;
        self.fields.get(at)
    }
}

impl Shape {
    /// The shape that a text of the table says.
    pub fn of(text: &'static str) -> Option<Shape> {
        let (letter, rest) = text.split_at_checked(1)?;
        Some(match letter {
            "s" => Shape::Text,
            "i" => Shape::Integer,
            "n" => Shape::Number,
            "b" => Shape::Boolean,
            "q" => Shape::Quantity,
            "x" => Shape::IntegerOrText,
            "y" => Shape::Base64,
            "t" => Shape::Time,
            "a" => Shape::Anything,
            "#" => Shape::Type(rest.parse().ok()?),
            "e" => Shape::OneOf(table().enumerations.get(rest.parse::<usize>().ok()?)?),
            "[" => Shape::ListOf(rest),
            "{" => Shape::MapOf(rest),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let table = table();
        assert!((table.kinds.len(), table.types.len()) > (150, 600));
        assert!(
            table.kinds.is_sorted_by_key(|line| named(line)) && table.lifecycles.is_sorted_by_key(|line| named(line))
        );
        for (api_version, name) in kinds() {
            let of_kind = of(kind(api_version, name).unwrap()).unwrap();
            assert_eq!(of_kind.name, name);
            assert!(of_kind.field("apiVersion").is_some(), "{api_version} {name}");
        }
        for number in 0..table.types.len() {
            let (line, _) = &table.types[number];
            let parsed = of(number).unwrap();
            assert_eq!(parsed.fields.len(), line.matches('|').count(), "{line}");
            assert!(parsed.fields.is_sorted_by_key(|field| field.name), "{line}");
            for field in &parsed.fields {
                let mut shape = field.shape;
                while let Shape::ListOf(inner) | Shape::MapOf(inner) = shape {
                    shape = Shape::of(inner).unwrap();
                }
                let Shape::Type(inner) = shape else { continue };
                assert!(of(inner).is_some(), "{line}");
            }
        }
        for (api_version, name) in lifecycles() {
            let life = lifecycle(api_version, name).unwrap();
            assert!(life.introduced.is_some() && life.deprecated >= life.introduced, "{api_version} {name}");
            assert!(life.replacement.is_none_or(|api| kind(api, name).is_some()), "{api_version} {name}");
        }
    }

    #[test]
    fn table_knows_what_everybody_writes() {
        let pod = of(kind("v1", "Pod").unwrap()).unwrap();
        let Some(Shape::Type(spec)) = pod.field("spec").map(|field| field.shape) else { panic!("{pod:?}") };
        let spec = of(spec).unwrap();
        assert!(spec.field("containers").is_some_and(|field| field.required));
        assert!(spec.field("serviceAccount").is_some_and(|field| field.deprecated));
        assert_eq!(spec.field("restartPolicy").map(|f| f.shape), Some(Shape::OneOf("Always,Never,OnFailure")));
        assert_eq!(spec.field("nodeSelector").map(|f| f.shape), Some(Shape::MapOf("s")));
        assert_eq!(kind("extensions/v1beta1", "Deployment"), None);
        assert_eq!(
            lifecycle("flowcontrol.apiserver.k8s.io/v1beta1", "FlowSchema"),
            Some(Lifecycle {
                introduced: Some(20),
                deprecated: Some(23),
                removed: Some(26),
                replacement: Some("flowcontrol.apiserver.k8s.io/v1")
            })
        );
        assert!(newest() >= 36);
    }
}
