//! Rego's values: shared, ordered, comparable across types. Sets and objects are sorted lists without doubles, so that
//! equal values have one form, iteration has OPA's order, and a look-up is a binary search.
//!
//! A composite knows how deep it is: whoever makes values from foreign bytes or in a loop asks [`Value::depth`] against
//! [`MAX_DEPTH`], so that comparing and dropping, which recurse, stay within any thread's stack. It also knows how much it is
//! with all that is shared: [`Value::weight`] against [`MAX_WEIGHT`] keeps comparing and writing within bounds.

mod arithmetic;
mod float;
pub(crate) mod go_float;
mod json;
mod number;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod yaml;

pub use arithmetic::{ArithmeticError, cost};
pub(crate) use arithmetic::{float_product, float_sum};
pub(crate) use float::Float;
pub(crate) use go_float::{exponent_form as go_exponent_form, point_form as go_point_form, shortest as go_float_text};
pub use json::{JsonError, JsonLimits};
pub use number::{MAX_NUMBER_BITS, MAX_NUMBER_TEXT, Number, NumberError};
pub(crate) use text::is_printable;
pub use text::{JsonStyle, json_string, quote};
pub(crate) use yaml::is_plain_yaml_text;
pub use yaml::{YamlError, YamlLayout};

use std::cmp::Ordering;
use std::sync::atomic::{self, AtomicU32};
use std::{fmt, ptr};

use smol_str::SmolStr;
use triomphe::ThinArc;

/// No value that an evaluation keeps is deeper.
pub const MAX_DEPTH: u32 = 1024;

/// Members that are gone through one by one rather than searched.
const FEW: usize = 12;

/// No value that an evaluation keeps is heavier.
pub const MAX_WEIGHT: u64 = 1 << 27;

/// A value. `Ord` is OPA's order: null, booleans, numbers, strings, arrays, objects, sets.
#[derive(Debug, Clone)]
pub enum Value {
    Null,
    Bool(bool),
    Number(Number),
    String(Text),
    Array(Array),
    Object(Object),
    Set(Set),
}

/// Text that is cheap to clone; up to 23 bytes lie in the value itself.
pub type Text = SmolStr;

/// A list; cloning shares it.
#[derive(Clone)]
pub struct Array(ThinArc<Size, Value>);

/// Sorted by key, each key once; cloning shares it.
#[derive(Clone)]
pub struct Object(ThinArc<Size, (Value, Value)>);

/// Sorted, each member once; cloning shares it.
#[derive(Clone)]
pub struct Set(ThinArc<Size, Value>);

/// How deep a composite is, and how much it is when written out: what is shared counts each time.
#[derive(Debug, Clone, Copy)]
struct Size {
    depth: u32,
    weight: u32,
    /// A number in it may be written in several ways: it is no plain whole one.
    spelt: bool,
}

impl Size {
    fn of<'a>(values: impl Iterator<Item = &'a Value>) -> Size {
        let (mut depth, mut weight, mut spelt) = (0, 1_u64, false);
        for value in values {
            let size = value.size();
            spelt |= size.spelt;
            depth = depth.max(size.depth);
            weight = weight.saturating_add(u64::from(size.weight));
        }
        Size { depth: depth.saturating_add(1), weight: u32::try_from(weight).unwrap_or(u32::MAX), spelt }
    }

    fn of_entries(entries: &[(Value, Value)]) -> Size {
        Size::of(entries.iter().flat_map(|(key, value)| [key, value]))
    }

    /// Of a scalar that is so many bytes long.
    fn scalar(bytes: usize) -> Size {
        Size { depth: 0, weight: u32::try_from(bytes / 64 + 1).unwrap_or(u32::MAX), spelt: false }
    }
}

impl Array {
    pub fn new(items: Vec<Value>) -> Array {
        let size = Size::of(items.iter());
        Array(ThinArc::from_header_and_iter(size, items.into_iter()))
    }

    /// Takes the items from `start` on.
    fn of_tail(items: &mut Vec<Value>, start: usize) -> Array {
        let size = Size::of(items.iter().skip(start));
        Array(ThinArc::from_header_and_iter(size, items.drain(start..)))
    }

    pub fn items(&self) -> &[Value] {
        &self.0.slice
    }

    /// Whether both are one and the same.
    pub fn is(&self, other: &Array) -> bool {
        ptr::eq(self.0.slice.as_ptr(), other.0.slice.as_ptr())
    }
}

impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.items()).finish()
    }
}

impl Object {
    /// Sorts; of equal keys the last one's value stays.
    pub fn new(mut entries: Vec<(Value, Value)>) -> Object {
        Object::of_tail(&mut entries, 0)
    }

    /// Takes the entries from `start` on.
    fn of_tail(entries: &mut Vec<(Value, Value)>, start: usize) -> Object {
        let taken = entries.get_mut(start..).unwrap_or_default();
        if !taken.is_sorted_by(|a, b| a.0 < b.0) {
            taken.sort_by(|a, b| a.0.cmp(&b.0));
            if !taken.is_sorted_by(|a, b| a.0 < b.0) {
                return Object::of_doubles(entries.drain(start..).collect());
            }
        }
        let size = Size::of_entries(taken);
        Object(ThinArc::from_header_and_iter(size, entries.drain(start..)))
    }

    /// Of sorted entries that have a key twice.
    fn of_doubles(mut entries: Vec<(Value, Value)>) -> Object {
        // `dedup_by` keeps the earlier of two: the later one's value is moved into it.
        entries.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                std::mem::swap(&mut later.1, &mut earlier.1);
            }
            same
        });
        let size = Size::of_entries(&entries);
        Object(ThinArc::from_header_and_iter(size, entries.into_iter()))
    }

    pub fn entries(&self) -> &[(Value, Value)] {
        &self.0.slice
    }

    /// Whether both are one and the same.
    pub fn is(&self, other: &Object) -> bool {
        ptr::eq(self.0.slice.as_ptr(), other.0.slice.as_ptr())
    }

    /// Of so many entries, without a list that holds them first.
    pub fn of<const N: usize>(entries: [(Value, Value); N]) -> Object {
        if !entries.is_sorted_by(|a, b| a.0 < b.0) {
            return Object::new(entries.into());
        }
        let size = Size::of_entries(&entries);
        Object(ThinArc::from_header_and_iter(size, entries.into_iter()))
    }

    /// Sets the value of a key that is there: in its place where nobody else holds the object, else in a copy. Without such a key
    /// nothing changes.
    pub fn set_value(&mut self, key: &str, value: Value) {
        let Some(at) = self.place_of(key) else { return };
        let mut value = Some(value);
        self.0.with_arc_mut(|own| {
            if let Some(own) = triomphe::Arc::get_mut(own)
                && let Some((place, value)) = own.slice_mut().get_mut(at).zip(value.take())
            {
                place.1 = value;
                *own.header_mut() = Size::of_entries(own.slice());
            }
        });
        let mut entries = match value {
            Some(_) => self.entries().to_vec(),
            None => return,
        };
        if let Some((place, value)) = entries.get_mut(at).zip(value) {
            place.1 = value;
        }
        *self = Object::new(entries);
    }

    /// As [`Object::get`], looking first where the key was last; where it is now is told there.
    #[inline]
    pub(crate) fn get_near(&self, key: &Value, seen_at: &AtomicU32) -> Option<&Value> {
        let Value::String(text) = key else { return self.get(key) };
        let entries = self.entries();
        let place = entries.get(seen_at.load(atomic::Ordering::Relaxed) as usize);
        if let Some((_, value)) = place.filter(|(have, _)| matches!(have, Value::String(have) if have == text)) {
            return Some(value);
        }
        let at = self.place_of(text)?;
        seen_at.store(u32::try_from(at).unwrap_or(u32::MAX), atomic::Ordering::Relaxed);
        entries.get(at).map(|(_, value)| value)
    }

    pub fn get(&self, key: &Value) -> Option<&Value> {
        if let Value::String(key) = key {
            return self.get_str(key);
        }
        let at = self.entries().binary_search_by(|(have, _)| have.cmp(key)).ok()?;
        self.entries().get(at).map(|(_, value)| value)
    }

    /// The value of a string key.
    pub fn get_str(&self, key: &str) -> Option<&Value> {
        self.entries().get(self.place_of(key)?).map(|(_, value)| value)
    }

    fn place_of(&self, key: &str) -> Option<usize> {
        let entries = self.entries();
        // Few keys: most differ by their lengths, which are at hand.
        if entries.len() <= FEW {
            return entries.iter().position(|(have, _)| matches!(have, Value::String(text) if **text == *key));
        }
        let order = |have: &Value| match have {
            Value::String(text) => (**text).cmp(key),
            other if other.rank() < 3 => Ordering::Less,
            _ => Ordering::Greater,
        };
        entries.binary_search_by(|(have, _)| order(have)).ok()
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries().iter().map(|(key, value)| (key, value))).finish()
    }
}

impl Set {
    /// Sorts and drops doubles.
    pub fn new(mut members: Vec<Value>) -> Set {
        if !members.is_sorted_by(|a, b| a < b) {
            members.sort();
            members.dedup();
        }
        let size = Size::of(members.iter());
        Set(ThinArc::from_header_and_iter(size, members.into_iter()))
    }

    pub fn members(&self) -> &[Value] {
        &self.0.slice
    }

    pub fn contains(&self, member: &Value) -> bool {
        self.members().binary_search(member).is_ok()
    }

    /// Whether both are one and the same.
    pub fn is(&self, other: &Set) -> bool {
        ptr::eq(self.0.slice.as_ptr(), other.0.slice.as_ptr())
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.members()).finish()
    }
}

impl Value {
    pub fn string(text: impl Into<Text>) -> Value {
        Value::String(text.into())
    }

    pub fn int(number: i64) -> Value {
        Value::Number(Number::from(number))
    }

    pub fn array(items: Vec<Value>) -> Value {
        Value::Array(Array::new(items))
    }

    /// Of equal keys the last one's value stays.
    pub fn object(entries: Vec<(Value, Value)>) -> Value {
        Value::Object(Object::new(entries))
    }

    pub fn set(members: Vec<Value>) -> Value {
        Value::Set(Set::new(members))
    }

    /// 0 for a scalar, one more than the deepest member for a composite.
    pub fn depth(&self) -> u32 {
        self.size().depth
    }

    /// About how many values, or 64 bytes of text, or 4 digits of a long number, it is when walked or written, at most `u32::MAX`: what is shared counts each
    /// time. A value of little memory may so be beyond all bounds; whoever compares, walks or writes values pays for this.
    pub fn weight(&self) -> u64 {
        u64::from(self.size().weight)
    }

    /// Whether there is an equal value that is written otherwise: it holds a number that is no plain whole one.
    pub(crate) fn has_other_spellings(&self) -> bool {
        self.size().spelt
    }

    fn size(&self) -> Size {
        match self {
            Value::Array(array) => array.0.header.header,
            Value::Object(object) => object.0.header.header,
            Value::Set(set) => set.0.header.header,
            Value::String(text) => Size::scalar(text.len()),
            // Digits are compared one by one.
            Value::Number(number) => match number.text_len() {
                0..=64 => Size { spelt: !number.is_plain(), ..Size::scalar(0) },
                long => Size { spelt: true, ..Size::scalar(long.saturating_mul(16)) },
            },
            Value::Null | Value::Bool(_) => Size::scalar(0),
        }
    }

    /// OPA's name of its type: `null`, `boolean`, `number`, `string`, `array`, `object`, `set`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
            Value::Set(_) => "set",
        }
    }

    /// What `data.x[key]` gives: a member of an object, an element at a whole index, a member of a set (itself).
    pub fn get(&self, key: &Value) -> Option<&Value> {
        match self {
            Value::Object(object) => object.get(key),
            Value::Array(array) => match key {
                Value::Number(number) => array.items().get(usize::try_from(number.as_i64()?).ok()?),
                _ => None,
            },
            Value::Set(set) => set.members().binary_search(key).ok().and_then(|at| set.members().get(at)),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// False only for `false`: what an expression asks of its value (undefined is no value).
    pub fn is_false(&self) -> bool {
        matches!(self, Value::Bool(false))
    }

    fn rank(&self) -> u8 {
        match self {
            Value::Null => 0,
            Value::Bool(_) => 1,
            Value::Number(_) => 2,
            Value::String(_) => 3,
            Value::Array(_) => 4,
            Value::Object(_) => 5,
            Value::Set(_) => 6,
        }
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::String(a), Value::String(b)) => a.cmp(b),
            (Value::Number(a), Value::Number(b)) => a.cmp(b),
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Array(a), Value::Array(b)) if a.is(b) => Ordering::Equal,
            (Value::Array(a), Value::Array(b)) => a.items().cmp(b.items()),
            (Value::Object(a), Value::Object(b)) if a.is(b) => Ordering::Equal,
            // OPA compares key with key and value with value in turn, then the lengths.
            (Value::Object(a), Value::Object(b)) => a.entries().cmp(b.entries()),
            (Value::Set(a), Value::Set(b)) if a.is(b) => Ordering::Equal,
            (Value::Set(a), Value::Set(b)) => a.members().cmp(b.members()),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Number(a), Value::Number(b)) => a == b,
            // Lengths first: most unequal texts differ there.
            (Value::String(a), Value::String(b)) => a == b,
            (Value::Array(a), Value::Array(b)) => a.is(b) || a.items() == b.items(),
            (Value::Object(a), Value::Object(b)) => a.is(b) || a.entries() == b.entries(),
            (Value::Set(a), Value::Set(b)) => a.is(b) || a.members() == b.members(),
            _ => false,
        }
    }
}

impl Eq for Value {}
