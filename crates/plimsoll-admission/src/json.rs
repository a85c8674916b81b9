//! Reading JSON as the API server's decoders do, but for what they would pick silently: a key that is given twice is
//! refused. In: serde's events. Out: texts, objects and lists under bounds. What it does not do: keep what nobody asked
//! for; ignored parts are skipped without recursion, however deep they are.
//!
//! A reader is strict (a wrong type is an error) or lenient (a wrong type is passed over): the first for kinds that we
//! know, the second for those of others.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};

/// Members of one list that we keep. An object that the API server stores has at most 1.5 MB, and a container that it
/// accepts takes some 60 bytes; three bytes of hostile JSON must not become a hundred of memory eight million times.
pub(crate) const MAX_ITEMS: usize = 20_000;

/// Bytes of annotations that we keep: the API server's own bound for one object.
pub(crate) const MAX_ANNOTATIONS: usize = 256 * 1024;

/// Whether a wrong type is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Types {
    Strict,
    Lenient,
}

/// Any value, of which only texts are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Scalar<'a> {
    Text(Cow<'a, str>),
    /// Absent counts as null, as in the API server's decoders.
    #[default]
    Null,
    /// What it was instead, for messages.
    Other(&'static str),
}

impl<'a> Scalar<'a> {
    /// The text; null is empty.
    pub fn text<E: Error>(self) -> Result<Cow<'a, str>, E> {
        match self {
            Scalar::Text(text) => Ok(text),
            Scalar::Null => Ok(Cow::Borrowed("")),
            Scalar::Other(what) => Err(E::invalid_type(Unexpected::Other(what), &"a string")),
        }
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Borrowed(v)))
    }
    fn visit_str<E>(self, v: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Owned(v.to_owned())))
    }
    fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Null)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Other("a boolean"))
    }
    fn visit_i64<E>(self, _: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Other("a number"))
    }
    fn visit_u64<E>(self, _: u64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Other("a number"))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Other("a number"))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other("a list"))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other("an object"))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scalar<'a>, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

/// A text that borrows where it can; null is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Text<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<'a>, D::Error> {
        Scalar::deserialize(deserializer)?.text().map(Text)
    }
}

impl Text<'_> {
    /// None when empty.
    pub fn some(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.clone().into_owned())
    }
}

/// Which keys of an object were there.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Seen(u16);

impl Seen {
    /// Marks a key; a second time is an error.
    pub fn once<E: Error>(&mut self, bit: u8, key: &str) -> Result<(), E> {
        let bit = 1u16 << bit;
        if self.0 & bit != 0 {
            return Err(twice(key));
        }
        self.0 |= bit;
        Ok(())
    }
}

fn twice<E: Error>(key: &str) -> E {
    E::custom(format_args!(
        "the key \"{}\" is given twice, and readers differ on which one holds",
        crate::words::name(key)
    ))
}

/// What takes an object's members one by one.
pub(crate) trait Fields<'de> {
    /// `a pod spec`, for messages.
    const WHAT: &'static str;
    fn types(&self) -> Types;
    /// Takes the value of a key that it knows and says true, or leaves it and says false.
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error>;
}

/// Reads an object into its fields. Gives whether there was one: null, and under lenient types whatever else is no
/// object, is none.
pub(crate) struct Object<'x, F>(pub &'x mut F);

impl<'de, F: Fields<'de>> DeserializeSeed<'de> for Object<'_, F> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<F> Object<'_, F> {
    fn other<'de, E: Error>(&self, what: &'static str) -> Result<bool, E>
    where
        F: Fields<'de>,
    {
        match self.0.types() {
            Types::Strict => Err(E::invalid_type(Unexpected::Other(what), &F::WHAT)),
            Types::Lenient => Ok(false),
        }
    }
}

impl<'de, F: Fields<'de>> Visitor<'de> for Object<'_, F> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(F::WHAT)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
            if !self.0.field(&key, &mut map)? {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(true)
    }
    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<bool, E> {
        self.other("a string")
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<bool, E> {
        self.other("a boolean")
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<bool, E> {
        self.other("a number")
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<bool, E> {
        self.other("a number")
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<bool, E> {
        self.other("a number")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        let answer = self.other("a list")?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(answer)
    }
}

/// Reads a list of objects: `each` is asked for an empty one, and given it back filled with its index. Gives whether
/// there was a list.
pub(crate) struct Items<Make, Take> {
    pub what: &'static str,
    pub types: Types,
    pub make: Make,
    pub take: Take,
}

impl<'de, F, Make, Take> DeserializeSeed<'de> for Items<Make, Take>
where
    F: Fields<'de>,
    Make: Fn() -> F,
    Take: FnMut(usize, F),
{
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<Make, Take> Items<Make, Take> {
    fn other<E: Error>(&self, what: &'static str) -> Result<bool, E> {
        match self.types {
            Types::Strict => Err(E::invalid_type(Unexpected::Other(what), &self.what)),
            Types::Lenient => Ok(false),
        }
    }
}

impl<'de, F, Make, Take> Visitor<'de> for Items<Make, Take>
where
    F: Fields<'de>,
    Make: Fn() -> F,
    Take: FnMut(usize, F),
{
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<bool, A::Error> {
        for index in 0.. {
            let mut item = (self.make)();
            let Some(there) = seq.next_element_seed(Object(&mut item))? else { break };
            if index >= MAX_ITEMS {
                return Err(A::Error::custom(format_args!("{} of more than {MAX_ITEMS}", self.what)));
            }
            // A member that is null is an empty one to the API server.
            if there || self.types == Types::Strict {
                (self.take)(index, item);
            }
        }
        Ok(true)
    }
    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<bool, E> {
        self.other("a string")
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<bool, E> {
        self.other("a boolean")
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<bool, E> {
        self.other("a number")
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<bool, E> {
        self.other("a number")
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<bool, E> {
        self.other("a number")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let answer = self.other("an object")?;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(answer)
    }
}

/// Texts by key; no key twice, and bounded.
#[derive(Debug)]
pub(crate) struct Annotations {
    pub types: Types,
    pub map: BTreeMap<String, String>,
    size: usize,
}

impl Annotations {
    pub fn new(types: Types) -> Annotations {
        Annotations { types, map: BTreeMap::new(), size: 0 }
    }
}

impl<'de> Fields<'de> for Annotations {
    const WHAT: &'static str = "a map of annotations";

    fn types(&self) -> Types {
        self.types
    }

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        let value: Scalar<'de> = map.next_value()?;
        if self.types == Types::Lenient && matches!(value, Scalar::Other(_)) {
            return Ok(true);
        }
        let value = value.text()?;
        self.size += key.len() + value.len();
        if self.size > MAX_ANNOTATIONS {
            return Err(A::Error::custom(format_args!("annotations of more than {MAX_ANNOTATIONS} bytes")));
        }
        if self.map.insert(key.to_owned(), value.into_owned()).is_some() {
            return Err(twice(key));
        }
        Ok(true)
    }
}

/// Texts of a bounded list, null being none.
pub(crate) struct Texts;

impl<'de> DeserializeSeed<'de> for Texts {
    type Value = Vec<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<String>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Texts {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of strings")
    }
    fn visit_unit<E>(self) -> Result<Vec<String>, E> {
        Ok(Vec::new())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<String>, A::Error> {
        let mut out = Vec::new();
        while let Some(Text(text)) = seq.next_element::<Text<'de>>()? {
            if out.len() >= MAX_ITEMS {
                return Err(A::Error::custom(format_args!("a list of more than {MAX_ITEMS} strings")));
            }
            out.push(text.into_owned());
        }
        Ok(out)
    }
}

/// Reads a document that is one object. Gives whether it is.
pub(crate) fn object<'de>(json: &'de str, fields: &mut impl Fields<'de>) -> Result<bool, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let there = Object(fields).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(there)
}
