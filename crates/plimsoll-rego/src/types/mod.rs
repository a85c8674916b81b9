//! Types of values as OPA's checker has them: what builtins declare, what references and rules may give. In: types. Out: their
//! unions, keys, values and members, in OPA's order; `Display` gives OPA's words (`array<number>[any]`, `set[string]` …). The
//! notation of [`Signature`]s in the registry of builtins is read in `notation`, JSON as capability files have it in `json`.
//!
//! A type is shared and knows its own size: what a hostile program makes beyond [`MAX_TYPE_DEPTH`] or [`MAX_TYPE_SIZE`] keeps
//! its outer shape, and what is inside becomes `any`. Functions here recurse no deeper than that.

mod json;
mod notation;
mod signature;
#[cfg(test)]
mod tests;
mod text;

pub use json::TypeJsonError;
pub use notation::NotationError;
pub use signature::{Param, Signature};
pub(crate) use text::KeyText;

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

use crate::value::{Number, Value};

/// Types nest no deeper: a composite that would be deeper has members of type `any`.
pub const MAX_TYPE_DEPTH: u16 = 256;
/// Nodes of one type, shared ones counted as often as they occur; above it the members of a composite become `any`.
pub const MAX_TYPE_SIZE: u32 = 1 << 20;
/// Members of one union; above it the union is `any`.
pub const MAX_UNION: usize = 4096;

/// What is known of a value before evaluation.
#[derive(Debug, Clone)]
pub enum Type {
    /// Nothing is known yet (of a variable that no expression has bound), or there is no such value.
    Unknown,
    Null,
    Boolean,
    Number,
    String,
    /// Any value at all.
    Any,
    /// A value of one of several types.
    OneOf(Arc<Union>),
    Array(Arc<ArrayType>),
    Object(Arc<ObjectType>),
    Set(Arc<SetType>),
    Function(Arc<Signature>),
    /// The place of a JSON schema that refers to itself.
    Recursive(Arc<Recursive>),
}

/// Sorted, without doubles, unions among its members laid flat.
#[derive(Debug)]
pub struct Union {
    members: Vec<Type>,
    facts: Facts,
}

/// Items of known position, then those of any further position.
#[derive(Debug)]
pub struct ArrayType {
    fixed: Vec<Type>,
    rest: Option<Type>,
    facts: Facts,
    values: OnceLock<Type>,
}

/// Members of known key, sorted by it, and those of other keys.
#[derive(Debug)]
pub struct ObjectType {
    fixed: Vec<(Value, Type)>,
    rest: Option<(Type, Type)>,
    facts: Facts,
    keys: OnceLock<Type>,
    values: OnceLock<Type>,
}

#[derive(Debug)]
pub struct SetType {
    /// `Unknown` of a set without members.
    of: Type,
    facts: Facts,
}

/// A definition that refers to itself. It does not own what it stands for, or it would own itself: who made the types of a
/// schema keeps its definitions.
#[derive(Clone)]
pub struct Recursive {
    /// The reference as the schema has it, `#/definitions/tree`.
    pub name: Arc<str>,
    pub(crate) target: Weak<OnceLock<Type>>,
}

impl fmt::Debug for Recursive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "recursive({})", self.name)
    }
}

impl Recursive {
    /// The type that the name stands for; anything where that is gone.
    pub fn target(&self) -> Type {
        self.target.upgrade().and_then(|target| target.get().cloned()).unwrap_or(Type::Any)
    }
}

/// What is asked of whole types over and over.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts {
    depth: u16,
    size: u32,
    /// Something in it is unknown (OPA's `Nil`).
    unknown: bool,
    /// It is or has a collection that can hold nothing.
    empty: bool,
}

impl Facts {
    fn with(self, member: &Type) -> Facts {
        let facts = member.facts();
        Facts {
            depth: self.depth.max(facts.depth.saturating_add(1)),
            size: self.size.saturating_add(facts.size),
            unknown: self.unknown || facts.unknown,
            empty: self.empty || facts.empty,
        }
    }

    fn too_big(self) -> bool {
        self.depth > MAX_TYPE_DEPTH || self.size > MAX_TYPE_SIZE
    }

    const LEAF: Facts = Facts { depth: 0, size: 1, unknown: false, empty: false };
}

impl Union {
    pub fn members(&self) -> &[Type] {
        &self.members
    }
}

impl ArrayType {
    pub fn fixed(&self) -> &[Type] {
        &self.fixed
    }

    pub fn rest(&self) -> Option<&Type> {
        self.rest.as_ref()
    }

    /// The type at a position.
    pub fn at(&self, position: usize) -> Type {
        self.fixed.get(position).or(self.rest.as_ref()).cloned().unwrap_or(Type::Unknown)
    }
}

impl ObjectType {
    pub fn fixed(&self) -> &[(Value, Type)] {
        &self.fixed
    }

    /// The types of key and value of members that are not known by their key.
    pub fn rest(&self) -> Option<(&Type, &Type)> {
        self.rest.as_ref().map(|(key, value)| (key, value))
    }

    fn rest_value(&self) -> Option<&Type> {
        self.rest.as_ref().map(|(_, value)| value)
    }

    /// The type of a key's value.
    pub fn at(&self, key: &Value) -> Type {
        if let Ok(at) = self.fixed.binary_search_by(|(have, _)| have.cmp(key)) {
            return self.fixed.get(at).map_or(Type::Unknown, |(_, value)| value.clone());
        }
        match &self.rest {
            Some((keys, value)) if keys.contains(&Type::of(key)) => value.clone(),
            _ => Type::Unknown,
        }
    }
}

impl SetType {
    pub fn of(&self) -> &Type {
        &self.of
    }
}

/// `any` in place of a composite.
fn leaf(member: &Type) -> Type {
    if member.facts().depth > 0 { Type::Any } else { member.clone() }
}

impl Type {
    pub fn array(mut fixed: Vec<Type>, mut rest: Option<Type>) -> Type {
        let facts_of = |fixed: &[Type], rest: &Option<Type>| {
            let mut facts = fixed.iter().chain(rest).fold(Facts { size: 1, ..Facts::default() }, Facts::with);
            facts.empty |= fixed.is_empty() && rest.is_none();
            facts
        };
        let mut facts = facts_of(&fixed, &rest);
        if facts.too_big() {
            fixed = fixed.iter().map(leaf).collect();
            rest = rest.as_ref().map(leaf);
            facts = facts_of(&fixed, &rest);
        }
        // A composite without members has a depth too, so that `leaf` knows it.
        facts.depth = facts.depth.max(1);
        Type::Array(Arc::new(ArrayType { fixed, rest, facts, values: OnceLock::new() }))
    }

    /// Sorts; of equal keys the last one stays.
    pub fn object(mut fixed: Vec<(Value, Type)>, mut rest: Option<(Type, Type)>) -> Type {
        if !fixed.is_sorted_by(|a, b| a.0 < b.0) {
            fixed.sort_by(|a, b| a.0.cmp(&b.0));
            fixed.dedup_by(|later, earlier| {
                let same = later.0 == earlier.0;
                if same {
                    std::mem::swap(&mut later.1, &mut earlier.1);
                }
                same
            });
        }
        let facts_of = |fixed: &[(Value, Type)], rest: &Option<(Type, Type)>| {
            let mut facts =
                fixed.iter().map(|(_, value)| value).fold(Facts { size: 1, ..Facts::default() }, Facts::with);
            if let Some((key, value)) = rest {
                let empty = facts.empty || value.facts().empty;
                facts = Facts { empty, ..facts.with(key).with(value) };
            }
            facts.empty |= fixed.is_empty() && rest.is_none();
            facts
        };
        let mut facts = facts_of(&fixed, &rest);
        if facts.too_big() {
            fixed = fixed.into_iter().map(|(key, value)| (key, leaf(&value))).collect();
            rest = rest.as_ref().map(|(key, value)| (leaf(key), leaf(value)));
            facts = facts_of(&fixed, &rest);
        }
        facts.depth = facts.depth.max(1);
        Type::Object(Arc::new(ObjectType { fixed, rest, facts, keys: OnceLock::new(), values: OnceLock::new() }))
    }

    /// `Type::Unknown` for the set without members.
    pub fn set(of: Type) -> Type {
        let mut of = of;
        let mut facts = Facts { size: 1, ..Facts::default() }.with(&of);
        if facts.too_big() {
            of = Type::Any;
            facts = Facts { size: 1, ..Facts::default() }.with(&of);
        }
        facts.empty |= matches!(of, Type::Unknown);
        Type::Set(Arc::new(SetType { of, facts }))
    }

    pub fn function(signature: Signature) -> Type {
        Type::Function(Arc::new(signature))
    }

    /// A union of exactly these (of one, too); `any` of none.
    pub fn one_of(members: Vec<Type>) -> Type {
        let mut members = members;
        if !members.is_sorted_by(|a, b| a.compare(b) == Ordering::Less) {
            members.sort_by(Type::compare);
            members.dedup_by(|later, earlier| later.compare(earlier) == Ordering::Equal);
        }
        let mut facts = members.iter().fold(Facts { size: 1, ..Facts::default() }, Facts::with);
        facts.unknown = false;
        if members.is_empty() || members.len() > MAX_UNION || facts.too_big() {
            return Type::Any;
        }
        Type::OneOf(Arc::new(Union { members, facts }))
    }

    /// The union of all: OPA's `Or` over them one after another. Functions join functions of their arity only.
    pub fn any_of<'a>(types: impl IntoIterator<Item = &'a Type>) -> Type {
        let mut members: Vec<Type> = Vec::new();
        let mut was_union = false;
        for one in types {
            match one {
                Type::Unknown => {}
                Type::Any => return Type::Any,
                Type::OneOf(union) => {
                    was_union = true;
                    members.extend(union.members.iter().cloned());
                }
                other => members.push(other.clone()),
            }
            // Many equal ones are the common case: they are not gathered first.
            if members.len() > 64 && members.len().is_power_of_two() {
                members.sort_by(Type::compare);
                members.dedup_by(|later, earlier| later.compare(earlier) == Ordering::Equal);
            }
        }
        members.sort_by(Type::compare);
        members.dedup_by(|later, earlier| later.compare(earlier) == Ordering::Equal);
        match members.len() {
            0 => Type::Unknown,
            1 if !was_union => members.pop().unwrap_or(Type::Unknown),
            _ => Type::one_of(members),
        }
    }

    /// Either of two: OPA's `Or`.
    pub fn or(&self, other: &Type) -> Type {
        match (self, other) {
            (Type::Unknown, known) | (known, Type::Unknown) => known.clone(),
            (Type::Function(a), Type::Function(b)) => a.union(b).map_or(Type::Unknown, Type::function),
            (Type::Function(_), _) | (_, Type::Function(_)) => Type::Unknown,
            (Type::Any, _) | (_, Type::Any) => Type::Any,
            (Type::OneOf(union), one) | (one, Type::OneOf(union)) if !matches!(one, Type::OneOf(_)) => {
                match union.members.binary_search_by(|have| have.compare(one)) {
                    Ok(_) => Type::OneOf(union.clone()),
                    Err(at) => {
                        let mut members = Vec::with_capacity(union.members.len() + 1);
                        members.extend_from_slice(union.members.get(..at).unwrap_or_default());
                        members.push(one.clone());
                        members.extend_from_slice(union.members.get(at..).unwrap_or_default());
                        Type::one_of(members)
                    }
                }
            }
            (Type::OneOf(a), Type::OneOf(b)) if Arc::ptr_eq(a, b) => self.clone(),
            _ => Type::any_of([self, other]),
        }
    }

    pub(crate) fn facts(&self) -> Facts {
        match self {
            Type::Unknown => Facts { unknown: true, ..Facts::LEAF },
            Type::OneOf(union) => union.facts,
            Type::Array(array) => array.facts,
            Type::Object(object) => object.facts,
            Type::Set(set) => set.facts,
            Type::Function(signature) => signature.facts(),
            Type::Null | Type::Boolean | Type::Number | Type::String | Type::Any | Type::Recursive(_) => Facts::LEAF,
        }
    }

    /// It, or something in it, is not known: OPA's `Nil`.
    pub fn is_unknown(&self) -> bool {
        self.facts().unknown
    }

    /// It is, or has in it, a collection that can hold nothing.
    pub fn has_empty_collection(&self) -> bool {
        self.facts().empty
    }

    /// Nodes in it: what it costs at most to look through it.
    pub fn size(&self) -> u32 {
        self.facts().size
    }

    /// Where a composite is in memory.
    pub(crate) fn address(&self) -> Option<usize> {
        Some(match self {
            Type::OneOf(union) => Arc::as_ptr(union) as usize,
            Type::Array(array) => Arc::as_ptr(array) as usize,
            Type::Object(object) => Arc::as_ptr(object) as usize,
            Type::Set(set) => Arc::as_ptr(set) as usize,
            _ => return None,
        })
    }

    /// The type that a recursive one stands for, else itself.
    pub fn unrolled(&self) -> Type {
        match self {
            Type::Recursive(recursive) => recursive.target(),
            other => other.clone(),
        }
    }

    /// A collection that can hold nothing: `{}`, `[]`, `set()`.
    pub fn is_empty_collection(&self) -> bool {
        match self {
            Type::Recursive(recursive) => {
                !matches!(recursive.target(), Type::Recursive(_)) && recursive.target().is_empty_collection()
            }
            Type::Object(object) => object.fixed.is_empty() && object.rest.is_none(),
            Type::Array(array) => array.fixed.is_empty() && array.rest.is_none(),
            Type::Set(set) => matches!(set.of, Type::Unknown),
            _ => false,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Type::Unknown => 0,
            Type::Null => 1,
            Type::Boolean => 2,
            Type::Number => 3,
            Type::String => 4,
            Type::Array(_) => 5,
            Type::Object(_) => 6,
            Type::Set(_) => 7,
            Type::Any | Type::OneOf(_) => 8,
            Type::Function(_) => 9,
            Type::Recursive(_) => 10,
        }
    }

    /// OPA's order of types. Equal are types of one shape; the names of parameters do not count.
    pub fn compare(&self, other: &Type) -> Ordering {
        self.compare_within(other, MAX_TYPE_DEPTH)
    }

    fn compare_within(&self, other: &Type, depth: u16) -> Ordering {
        if let (Type::Recursive(a), Type::Recursive(b)) = (self, other)
            && a.target.ptr_eq(&b.target)
        {
            return Ordering::Equal;
        }
        // Only recursive types can be deeper than the bound; those that agree so far are held to be one.
        let Some(below) = depth.checked_sub(1) else {
            return Ordering::Equal;
        };
        let lists = |a: &[Type], b: &[Type]| compare_lists(a, b, |a, b| a.compare_within(b, below));
        match (self, other) {
            (Type::Recursive(a), b) => a.target().compare_within(b, below),
            (a, Type::Recursive(b)) => a.compare_within(&b.target(), below),
            (Type::Array(a), Type::Array(b)) => {
                if Arc::ptr_eq(a, b) {
                    return Ordering::Equal;
                }
                compare_options(&a.rest, &b.rest, |a, b| a.compare_within(b, below))
                    .then_with(|| lists(&a.fixed, &b.fixed))
            }
            (Type::Object(a), Type::Object(b)) => {
                if Arc::ptr_eq(a, b) {
                    return Ordering::Equal;
                }
                compare_options(&a.rest, &b.rest, |a, b| {
                    a.0.compare_within(&b.0, below).then_with(|| a.1.compare_within(&b.1, below))
                })
                .then_with(|| {
                    compare_lists(&a.fixed, &b.fixed, |a, b| {
                        a.0.cmp(&b.0).then_with(|| a.1.compare_within(&b.1, below))
                    })
                })
            }
            (Type::Set(a), Type::Set(b)) => a.of.compare_within(&b.of, below),
            (Type::Any, Type::Any) => Ordering::Equal,
            (Type::Any, Type::OneOf(_)) => Ordering::Less,
            (Type::OneOf(_), Type::Any) => Ordering::Greater,
            (Type::OneOf(a), Type::OneOf(b)) => {
                if Arc::ptr_eq(a, b) {
                    return Ordering::Equal;
                }
                lists(&a.members, &b.members)
            }
            (Type::Function(a), Type::Function(b)) => a.compare(b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }

    /// It is a union that has `other` as a member, `any`, or the same as `other`: OPA's `Contains`.
    pub fn contains(&self, other: &Type) -> bool {
        match self {
            Type::Any => !matches!(other, Type::Function(_)),
            Type::OneOf(union) => {
                !matches!(other, Type::Function(_))
                    && union.members.binary_search_by(|have| have.compare(other)).is_ok()
            }
            _ => self.compare(other) == Ordering::Equal,
        }
    }

    /// The type of a member by its key; `Unknown` where there is none.
    pub fn select(&self, key: &Value) -> Type {
        match &self.unrolled() {
            Type::Array(array) => match key {
                Value::Number(number) => plain_integer(number)
                    .and_then(|at| usize::try_from(at).ok())
                    .map_or(Type::Unknown, |at| array.at(at)),
                _ => Type::Unknown,
            },
            Type::Object(object) => object.at(key),
            Type::Set(set) => {
                let of_key = Type::of(key);
                match &set.of {
                    of if of.compare(&of_key) == Ordering::Equal => of.clone(),
                    of @ (Type::Any | Type::OneOf(_)) if of.contains(&of_key) => of_key,
                    _ => Type::Unknown,
                }
            }
            Type::Any => Type::Any,
            Type::OneOf(union) => Type::any_of(&union.members.iter().map(|one| one.select(key)).collect::<Vec<_>>()),
            _ => Type::Unknown,
        }
    }

    /// The type of the keys that iterating gives: numbers of an array, members of a set; `Unknown` where nothing iterates.
    pub fn keys(&self) -> Type {
        match &self.unrolled() {
            Type::Array(_) => Type::Number,
            Type::Object(object) => object
                .keys
                .get_or_init(|| {
                    let fixed: Vec<Type> = object.fixed.iter().map(|(key, _)| Type::of(key)).collect();
                    Type::any_of(fixed.iter().chain(object.rest.as_ref().map(|(key, _)| key)))
                })
                .clone(),
            Type::Set(set) => set.of.clone(),
            Type::Any => Type::Any,
            Type::OneOf(union) => Type::any_of(&union.members.iter().map(Type::keys).collect::<Vec<_>>()),
            _ => Type::Unknown,
        }
    }

    /// The type of the values that iterating gives.
    pub fn values(&self) -> Type {
        match &self.unrolled() {
            Type::Array(array) => {
                array.values.get_or_init(|| Type::any_of(array.fixed.iter().chain(&array.rest))).clone()
            }
            Type::Object(object) => object
                .values
                .get_or_init(|| Type::any_of(object.fixed.iter().map(|(_, value)| value).chain(object.rest_value())))
                .clone(),
            Type::Set(set) => set.of.clone(),
            Type::Any => Type::Any,
            Type::OneOf(union) => Type::any_of(&union.members.iter().map(Type::values).collect::<Vec<_>>()),
            _ => Type::Unknown,
        }
    }

    /// The type of a value as a key of an object or set has it. Sets count as arrays, as in JSON.
    pub fn of(value: &Value) -> Type {
        match value {
            Value::Null => Type::Null,
            Value::Bool(_) => Type::Boolean,
            Value::Number(_) => Type::Number,
            Value::String(_) => Type::String,
            Value::Array(array) => Type::array(array.items().iter().map(Type::of).collect(), None),
            Value::Set(set) => Type::array(set.members().iter().map(Type::of).collect(), None),
            Value::Object(object) => {
                Type::object(object.entries().iter().map(|(key, value)| (key.clone(), Type::of(value))).collect(), None)
            }
        }
    }

    /// How many arguments a function takes; 0 of what is no function.
    pub fn arity(&self) -> usize {
        match self {
            Type::Function(signature) => signature.args.len(),
            _ => 0,
        }
    }

    /// Every collection in it that can hold nothing becomes `any`.
    pub fn without_empty_collections(&self) -> Type {
        if !self.has_empty_collection() {
            return self.clone();
        }
        if self.is_empty_collection() {
            return Type::Any;
        }
        match self {
            Type::Object(object) => Type::object(
                object.fixed.iter().map(|(key, value)| (key.clone(), value.without_empty_collections())).collect(),
                object.rest.as_ref().map(|(key, value)| (key.clone(), value.without_empty_collections())),
            ),
            Type::Array(array) => Type::array(
                array.fixed.iter().map(Type::without_empty_collections).collect(),
                array.rest.as_ref().map(Type::without_empty_collections),
            ),
            Type::Set(set) => Type::set(set.of.without_empty_collections()),
            Type::OneOf(union) => Type::one_of(union.members.iter().map(Type::without_empty_collections).collect()),
            _ => self.clone(),
        }
    }
}

/// A number that is written as a whole one, as Go's `json.Number` reads it: `1.0` and `1e2` are none.
fn plain_integer(number: &Number) -> Option<i64> {
    number.to_string().parse().ok()
}

fn compare_options<T>(a: &Option<T>, b: &Option<T>, compare: impl Fn(&T, &T) -> Ordering) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (Some(_), None) => Ordering::Greater,
        (None, Some(_)) => Ordering::Less,
        (Some(a), Some(b)) => compare(a, b),
    }
}

fn compare_lists<T>(a: &[T], b: &[T], compare: impl Fn(&T, &T) -> Ordering) -> Ordering {
    a.iter().zip(b).map(|(a, b)| compare(a, b)).find(|order| order.is_ne()).unwrap_or_else(|| a.len().cmp(&b.len()))
}

impl PartialEq for Type {
    fn eq(&self, other: &Type) -> bool {
        self.compare(other) == Ordering::Equal
    }
}

impl Eq for Type {}
