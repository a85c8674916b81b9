//! Configuration files of many formats as plain values, in the forms that conftest 0.71 gives to policies. In: the text of a
//! file, hostile. Out: a [`Value`], or a [`Fault`] with its place. What it does not do: read files or the environment, know
//! YAML, JSON and Dockerfiles (which are read elsewhere in Plimsoll), or evaluate programs (Jsonnet, CUE).
//!
//! How to add a format: write `NAME.rs` with a `read`, and add its line to [`FORMATS`].
//!
//! Each format is bounded: [`MAX_BYTES`] of text, [`MAX_DEPTH`] of nesting, [`MAX_VALUES`] values, and what expands
//! ([`MAX_EXPANDED`]). Conftest's own parsers are followed to their odd details, for policies have come to rely on them, except
//! where they lose text without a word: there the file is refused. Each module says where.

mod codeowners;
mod cursor;
mod dotenv;
mod edn;
mod go;
mod hcl1;
mod hcl2;
mod ignore;
mod ini;
pub mod jsonc;
mod properties;
mod tables;
mod xml;

use std::collections::BTreeMap;

/// Bytes of one file.
pub const MAX_BYTES: usize = 64 << 20;
/// Lists and maps in one another: whoever walks a value may recurse.
pub const MAX_DEPTH: usize = 200;
/// Values of one file, all told.
pub const MAX_VALUES: usize = 4_000_000;
/// Bytes that references to variables may make of one file.
pub const MAX_EXPANDED: usize = 16 << 20;

/// What a file says.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    /// Where conftest keeps whole numbers apart: TOML and HCL 1.
    Int(i64),
    /// Never NaN or infinite.
    Float(f64),
    Text(String),
    List(Vec<Value>),
    Map(Map),
}

/// Keys in order, each once.
pub type Map = BTreeMap<String, Value>;

/// Why a file could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    pub message: String,
    /// From 1; 0 where the place is not known.
    pub line: usize,
    /// In characters, from 1; 0 where it is not known.
    pub column: usize,
}

/// What a reader may look at besides the text.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// The variables that `.env` and properties files may refer to.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
}

/// One format.
pub struct Format {
    /// Conftest's name of it.
    pub name: &'static str,
    /// What conftest says in front of a fault.
    pub says: &'static str,
    pub read: fn(&str, &Around<'_>) -> Result<Value, Fault>,
}

pub const FORMATS: &[Format] = &[
    Format { name: "codeowners", says: "failed to parse CODEOWNERS", read: |text, _| codeowners::read(text) },
    Format { name: "dotenv", says: "read .env file", read: dotenv::read },
    Format { name: "edn", says: "unmarshal EDN", read: |text, _| edn::read(text) },
    Format { name: "hcl1", says: "unmarshal hcl", read: |text, _| hcl1::read(text) },
    Format { name: "hcl2", says: "convert to bytes: parse config", read: |text, _| hcl2::read(text) },
    Format { name: "ignore", says: "parse ignore bytes", read: |text, _| Ok(ignore::read(text)) },
    Format { name: "ini", says: "read ini file", read: |text, _| ini::read(text) },
    Format { name: "properties", says: "parse properties file", read: properties::read },
    Format { name: "toml", says: "unmarshal toml", read: |text, _| tables::read(text) },
    Format { name: "xml", says: "unmarshal xml", read: |text, _| xml::read(text) },
];

/// The format of a name.
pub fn named(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

impl Format {
    /// Reads a file's bytes. What is no UTF-8 is refused with its place, except in XML, which may declare its encoding.
    pub fn bytes(&self, bytes: &[u8], around: &Around<'_>) -> Result<Value, Fault> {
        if bytes.len() > MAX_BYTES {
            return Err(Fault::new(format!("more than {} MiB", MAX_BYTES >> 20)));
        }
        if self.name == "xml" {
            return (self.read)(&xml::decoded(bytes)?, around);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => (self.read)(text, around),
            Err(error) => {
                let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                Err(Fault::at(&before, before.len(), "not UTF-8"))
            }
        }
    }
}

impl Fault {
    /// A fault of a file as a whole.
    pub fn new(message: impl Into<String>) -> Fault {
        Fault { message: message.into(), line: 0, column: 0 }
    }

    /// A fault at a byte of the text.
    pub fn at(text: &str, offset: usize, message: impl Into<String>) -> Fault {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Fault { message: message.into(), line, column }
    }

    /// A fault somewhere in a line.
    pub fn in_line(line: usize, message: impl Into<String>) -> Fault {
        Fault { message: message.into(), line, column: 1 }
    }
}

impl Value {
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    pub fn map<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
        Value::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }
}

/// Counts what a reader makes and how deep it is, so that no file makes more than it may.
#[derive(Debug, Default)]
pub(crate) struct Made {
    values: usize,
}

impl Made {
    pub(crate) fn one(&mut self) -> Result<(), String> {
        self.values += 1;
        match self.values > MAX_VALUES {
            true => Err(format!("more than {MAX_VALUES} values")),
            false => Ok(()),
        }
    }
}

/// Refuses what nests too deep.
pub(crate) fn deep(depth: usize) -> Result<(), String> {
    match depth > MAX_DEPTH {
        true => Err(format!("nests deeper than {MAX_DEPTH}")),
        false => Ok(()),
    }
}
