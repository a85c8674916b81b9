//! Configuration files of many formats as plain values, in the forms that conftest 0.71 gives to policies. In: the text of a
//! file, hostile. Out: a [`Value`], or a [`Fault`] with its place. What it does not do: read files or the environment, know
//! YAML, JSON and Dockerfiles (which are read elsewhere in Plimsoll), or evaluate programs (Jsonnet, CUE).
//!
//! How to add a format: write `NAME.rs` with a `read`, and add its line to [`FORMATS`].
//!
//! Each format is bounded: [`MAX_BYTES`] of text, [`MAX_DEPTH`] of nesting, [`MAX_VALUES`] values, and what expands
//! ([`MAX_EXPANDED`]). Conftest's own parsers are followed to their odd details, for policies have come to rely on them, also
//! where they leave something out. Where they take a broken file for a whole one, the file is refused. Each module says where.

mod codeowners;
mod cursor;
mod cyclonedx;
mod dotenv;
mod edn;
mod go;
mod hcl1;
mod hcl2;
mod ignore;
mod ini;
pub mod jsonc;
mod properties;
mod proto;
mod spdx;
mod tables;
mod textproto;
mod vcl;
mod xml;

use std::collections::BTreeMap;

pub use proto::{BadDefinition, Definition, Messages};

/// Bytes of one file.
pub const MAX_BYTES: usize = 64 << 20;
/// Lists and maps in one another: whoever walks a value may recurse.
pub const MAX_DEPTH: usize = 200;
/// Values of one file, all told.
pub const MAX_VALUES: usize = 4_000_000;
/// Bytes that references to variables may make of one file.
pub const MAX_EXPANDED: usize = 16 << 20;

/// Letters of a fault's text; what a longer one quotes of the file loses its middle.
const MAX_FAULT: usize = 300;
/// Letters that such a text keeps of its end, which may say what to do.
const FAULT_END: usize = 100;

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
    /// The messages that files in Protocol Buffers' text form may be of.
    pub messages: &'a Messages,
    /// The variables that `.env` and properties files may refer to.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
}

/// One format.
pub struct Format {
    /// Conftest's name of it.
    pub name: &'static str,
    /// What conftest says in front of a fault.
    pub says: &'static str,
    read: fn(&[u8], &Around<'_>) -> Result<Value, Fault>,
}

pub const FORMATS: &[Format] = &[
    Format { name: "codeowners", says: "failed to parse CODEOWNERS", read: |bytes, _| codeowners::read(utf8(bytes)?) },
    Format { name: "cyclonedx", says: "decode CycloneDX BOM", read: |bytes, _| cyclonedx::read(bytes) },
    Format { name: "dotenv", says: "read .env file", read: |bytes, around| dotenv::read(utf8(bytes)?, around) },
    Format { name: "edn", says: "unmarshal EDN", read: |bytes, _| edn::read(utf8(bytes)?) },
    Format { name: "hcl1", says: "unmarshal hcl", read: |bytes, _| hcl1::read(utf8(bytes)?) },
    Format { name: "hcl2", says: "convert to bytes: parse config", read: |bytes, _| hcl2::read(utf8(bytes)?) },
    Format { name: "ignore", says: "parse ignore bytes", read: |bytes, _| ignore::read(utf8(bytes)?) },
    Format { name: "ini", says: "read ini file", read: |bytes, _| ini::read(utf8(bytes)?) },
    Format {
        name: "properties",
        says: "parse properties file",
        read: |bytes, around| properties::read(utf8(bytes)?, around),
    },
    Format { name: "spdx", says: "error while parsing", read: |bytes, _| spdx::read(utf8(bytes)?) },
    Format {
        name: "textproto",
        says: "unmarshal textproto",
        read: |bytes, around| textproto::read(utf8(bytes)?, around.messages),
    },
    Format { name: "toml", says: "unmarshal toml", read: |bytes, _| tables::read(utf8(bytes)?) },
    Format { name: "vcl", says: "decode vcl", read: |bytes, _| vcl::read(utf8(bytes)?) },
    Format { name: "xml", says: "unmarshal xml", read: |bytes, _| xml::read(&xml::decoded(bytes)?) },
];

/// The format of a name.
pub fn named(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

impl Format {
    /// Reads a file's bytes. What is no UTF-8 is refused with its place; XML may declare its encoding.
    pub fn bytes(&self, bytes: &[u8], around: &Around<'_>) -> Result<Value, Fault> {
        if bytes.len() > MAX_BYTES {
            return Err(Fault::new(format!("more than {} MiB", MAX_BYTES >> 20)));
        }
        (self.read)(bytes, around)
    }
}

/// The text of bytes, or the place of what is no UTF-8.
pub fn utf8(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|error| Fault::at(bytes, error.valid_up_to(), "not UTF-8"))
}

impl Fault {
    /// A fault of a file as a whole.
    pub fn new(message: impl Into<String>) -> Fault {
        Fault { message: short(message.into()), line: 0, column: 0 }
    }

    /// A fault at a byte of the text.
    pub fn at(text: impl AsRef<[u8]>, offset: usize, message: impl Into<String>) -> Fault {
        let text = text.as_ref();
        let before = text.get(..offset).unwrap_or(text);
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
        Fault { line, column, ..Fault::new(message) }
    }

    /// A fault somewhere in a line.
    pub fn in_line(line: usize, message: impl Into<String>) -> Fault {
        Fault { line, column: 1, ..Fault::new(message) }
    }

    /// The same fault with words in front.
    pub fn under(self, words: &str) -> Fault {
        Fault { message: format!("{words}: {}", self.message), ..self }
    }

    /// `file:3:7`, as far as it is known.
    pub fn place(&self, path: &str) -> String {
        match (self.line, self.column) {
            (0, _) => path.to_owned(),
            (line, 0) => format!("{path}:{line}"),
            (line, column) => format!("{path}:{line}:{column}"),
        }
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

/// A text of at most [`MAX_FAULT`] letters and a few: its start and its end.
fn short(text: String) -> String {
    let letters = text.chars().count();
    if letters <= MAX_FAULT {
        return text;
    }
    let start: String = text.chars().take(MAX_FAULT - FAULT_END).collect();
    let end: String = text.chars().skip(letters - FAULT_END).collect();
    format!("{start} … {end}")
}

/// Counts what a reader makes and how deep it is, so that no file makes more than it may.
#[derive(Debug, Default)]
pub(crate) struct Made {
    values: usize,
}

impl Made {
    pub(crate) fn one(&mut self) -> Result<(), String> {
        self.some(1)
    }

    pub(crate) fn some(&mut self, count: usize) -> Result<(), String> {
        self.values = self.values.saturating_add(count);
        match self.values > MAX_VALUES {
            true => Err(Made::too_many()),
            false => Ok(()),
        }
    }

    pub(crate) fn too_many() -> String {
        format!("more than {MAX_VALUES} values")
    }
}

/// Refuses what nests too deep.
pub(crate) fn deep(depth: usize) -> Result<(), String> {
    match depth > MAX_DEPTH {
        true => Err(format!("nests deeper than {MAX_DEPTH}")),
        false => Ok(()),
    }
}
