//! Definitions of Protocol Buffers (proto2 and proto3). In: `.proto` files. Out: [`Messages`]: which fields a message has, by
//! which its text form is read. What it does not do: read messages; know options, services and extensions, which are gone past.
//!
//! Otherwise than in conftest, an import may be named from the folder that was given as well as from where conftest runs, and
//! files may come in any order. Editions and groups are refused.

mod tokens;
mod well_known;

use std::collections::{BTreeMap, BTreeSet};

use crate::{Fault, MAX_BYTES, Made, deep};
use tokens::{Token, Tokens};

/// Bytes of a name with those around it: each type of a field is looked for in all of them.
const MAX_NAME: usize = 1024;

/// A definition that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("load proto file {file}: {fault}", file = fault.place(.file))]
pub struct BadDefinition {
    pub file: String,
    #[source]
    pub fault: Fault,
}

/// One `.proto` file.
#[derive(Debug, Clone)]
pub struct Definition {
    /// As it is named in errors.
    pub path: String,
    /// As imports may name it.
    pub names: Vec<String>,
    pub text: String,
}

/// The messages of some definitions, and those that every program knows.
#[derive(Debug)]
pub struct Messages {
    pub(crate) messages: Vec<Message>,
    pub(crate) enums: Vec<Enum>,
    /// Those of the outermost level, which files may name.
    top: BTreeMap<String, usize>,
}

#[derive(Debug, Default)]
pub(crate) struct Message {
    pub name: String,
    pub fields: Vec<Field>,
    /// Where a field stands among them, by its name.
    pub places: BTreeMap<String, usize>,
    /// The places of those that must be set.
    pub required: Vec<usize>,
}

#[derive(Debug)]
pub(crate) struct Field {
    pub name: String,
    pub label: Label,
    pub holds: Holds,
    pub oneof: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Label {
    /// Zero is the same as nothing.
    Implicit,
    Explicit,
    Required,
    Repeated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    Scalar(Scalar),
    Message(usize),
    Enum(usize),
    /// Keys and what they lead to.
    Map(Scalar, Entry),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    Scalar(Scalar),
    Message(usize),
    Enum(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Float,
    Double,
    Text,
    Bytes,
}

#[derive(Debug, Default)]
pub(crate) struct Enum {
    pub name: String,
    pub values: Vec<(String, i32)>,
}

fn scalar(word: &str) -> Option<Scalar> {
    Some(match word {
        "bool" => Scalar::Bool,
        "int32" | "sint32" | "sfixed32" => Scalar::Int32,
        "int64" | "sint64" | "sfixed64" => Scalar::Int64,
        "uint32" | "fixed32" => Scalar::Uint32,
        "uint64" | "fixed64" => Scalar::Uint64,
        "float" => Scalar::Float,
        "double" => Scalar::Double,
        "string" => Scalar::Text,
        "bytes" => Scalar::Bytes,
        _ => return None,
    })
}

impl Default for Messages {
    fn default() -> Messages {
        // A test reads the text that every program knows.
        Messages::of(&[]).unwrap_or_else(|_| Messages { messages: vec![], enums: vec![], top: BTreeMap::new() })
    }
}

impl Messages {
    /// Reads definitions. Their texts make no more than [`MAX_BYTES`] together.
    pub fn of(files: &[Definition]) -> Result<Messages, BadDefinition> {
        let mut reader = Reader::default();
        let bad = |file: &str| {
            let file = file.to_owned();
            move |fault| BadDefinition { file, fault }
        };
        reader.file(well_known::TEXT).map_err(bad("google/protobuf"))?;
        // Files are of messages that were defined for them: conftest, too, takes none of its own.
        reader.top.clear();
        let mut bytes = 0;
        let known: BTreeSet<&str> = files.iter().flat_map(|file| file.names.iter().map(String::as_str)).collect();
        let mut read: BTreeSet<&str> = BTreeSet::new();
        for file in files.iter().filter(|file| read.insert(&file.path)) {
            bytes += file.text.len();
            if bytes > MAX_BYTES {
                let fault = Fault::new(format!("definitions make more than {} MiB", MAX_BYTES >> 20));
                return Err(bad(&file.path)(fault));
            }
            reader.sources.push((file.path.clone(), file.text.clone()));
            let imports = reader.file(&file.text).map_err(bad(&file.path))?;
            for (at, import) in imports {
                if !known.contains(import.as_str()) && !well_known::IMPORTS.contains(&import.as_str()) {
                    return Err(bad(&file.path)(Fault::at(&file.text, at, format!("import {import:?}: not found"))));
                }
            }
        }
        reader.linked()
    }

    /// The message that a file names. Those inside of others are not to be had by their names in conftest.
    pub(crate) fn top(&self, name: &str) -> Option<usize> {
        self.top.get(name).copied()
    }
}

/// A field whose type is a name yet.
struct Loose {
    message: usize,
    field: usize,
    name: String,
    file: usize,
    at: usize,
}

#[derive(Default)]
struct Reader {
    messages: Vec<Message>,
    enums: Vec<Enum>,
    top: BTreeMap<String, usize>,
    names: BTreeMap<String, Entry>,
    loose: Vec<Loose>,
    sources: Vec<(String, String)>,
    made: Made,
    proto3: bool,
}

impl Reader {
    /// Reads one file; its imports with their places.
    fn file(&mut self, text: &str) -> Result<Vec<(usize, String)>, Fault> {
        let mut tokens = Tokens::new(text);
        let mut package = String::new();
        let mut imports = Vec::new();
        self.proto3 = false;
        loop {
            let at = tokens.at();
            match tokens.next()? {
                Token::End => return Ok(imports),
                Token::Sign(';') => {}
                Token::Word("syntax") => {
                    tokens.sign('=')?;
                    match tokens.text()?.as_str() {
                        "proto2" => self.proto3 = false,
                        "proto3" => self.proto3 = true,
                        other => return Err(Fault::at(text, at, format!("syntax {other:?} is not spoken here"))),
                    }
                    tokens.sign(';')?;
                }
                Token::Word("edition") => return Err(Fault::at(text, at, "editions are not spoken here")),
                Token::Word("package") => {
                    package = tokens.name()?;
                    tokens.sign(';')?;
                }
                Token::Word("import") => {
                    if matches!(tokens.peek()?, Token::Word("public" | "weak")) {
                        tokens.next()?;
                    }
                    imports.push((at, tokens.text()?));
                    tokens.sign(';')?;
                }
                Token::Word("option") => tokens.past_statement()?,
                Token::Word("service" | "extend") => {
                    tokens.name()?;
                    tokens.sign('{')?;
                    tokens.past_block()?;
                }
                Token::Word("message") => {
                    let index = self.message(&mut tokens, &package, 1)?;
                    let name = self.messages.get(index).map(|message| message.name.clone()).unwrap_or_default();
                    self.top.insert(name, index);
                }
                Token::Word("enum") => self.enumeration(&mut tokens, &package)?,
                _ => return Err(Fault::at(text, at, "expected a definition")),
            }
        }
    }

    fn named(&mut self, tokens: &mut Tokens<'_>, scope: &str, entry: Entry) -> Result<String, Fault> {
        let at = tokens.at();
        let word = tokens.word()?;
        let name = if scope.is_empty() { word.to_owned() } else { format!("{scope}.{word}") };
        if name.len() > MAX_NAME {
            return Err(tokens.fault(at, format!("a name of more than {MAX_NAME} bytes")));
        }
        self.made.one().map_err(|message| tokens.fault(at, message))?;
        match self.names.insert(name.clone(), entry) {
            Some(_) => Err(tokens.fault(at, format!("{name} is defined twice"))),
            None => Ok(name),
        }
    }

    fn message(&mut self, tokens: &mut Tokens<'_>, scope: &str, depth: usize) -> Result<usize, Fault> {
        deep(depth).map_err(|message| tokens.fault(tokens.at(), message))?;
        let index = self.messages.len();
        let name = self.named(tokens, scope, Entry::Message(index))?;
        self.messages.push(Message { name: name.clone(), ..Message::default() });
        tokens.sign('{')?;
        let mut taken = BTreeSet::new();
        let mut oneofs = 0;
        // Inside of a oneof, its number.
        let mut oneof = None;
        loop {
            let at = tokens.at();
            match tokens.peek()? {
                Token::Sign('}') => {
                    tokens.next()?;
                    if oneof.take().is_none() {
                        return Ok(index);
                    }
                }
                Token::Sign(';') => drop(tokens.next()?),
                Token::Word("option") => tokens.past_statement()?,
                Token::Word("reserved" | "extensions") if oneof.is_none() => tokens.past_statement()?,
                Token::Word("extend") if oneof.is_none() => {
                    tokens.next()?;
                    tokens.name()?;
                    tokens.sign('{')?;
                    tokens.past_block()?;
                }
                Token::Word("message") if oneof.is_none() && tokens.opens("message")? => {
                    tokens.next()?;
                    self.message(tokens, &name, depth + 1)?;
                }
                Token::Word("enum") if oneof.is_none() && tokens.opens("enum")? => {
                    tokens.next()?;
                    self.enumeration(tokens, &name)?;
                }
                Token::Word("oneof") if oneof.is_none() && tokens.opens("oneof")? => {
                    tokens.next()?;
                    tokens.word()?;
                    tokens.sign('{')?;
                    oneof = Some(oneofs);
                    oneofs += 1;
                }
                _ => {
                    let (number, fresh) = self.field(tokens, index, oneof)?;
                    if !taken.insert(number) || !fresh {
                        return Err(tokens.fault(at, format!("{name} has this field or its number {number} twice")));
                    }
                }
            }
        }
    }

    /// Reads a field; its number, and whether its name is a new one.
    fn field(&mut self, tokens: &mut Tokens<'_>, message: usize, oneof: Option<usize>) -> Result<(u32, bool), Fault> {
        let at = tokens.at();
        let explicit = if self.proto3 && oneof.is_none() { Label::Implicit } else { Label::Explicit };
        let label = match (tokens.peek()?, oneof) {
            (Token::Word("optional"), None) => Some(Label::Explicit),
            (Token::Word("repeated"), None) => Some(Label::Repeated),
            (Token::Word("required"), None) if !self.proto3 => Some(Label::Required),
            _ => None,
        };
        if label.is_some() {
            tokens.next()?;
        }
        let mut map_key = None;
        let mut place = tokens.at();
        let mut word = tokens.name()?;
        if word == "map" && matches!(tokens.peek()?, Token::Sign('<')) {
            tokens.next()?;
            let key =
                scalar(&tokens.name()?).filter(|key| !matches!(key, Scalar::Float | Scalar::Double | Scalar::Bytes));
            map_key =
                Some(key.ok_or_else(|| tokens.fault(place, "a map's keys are whole numbers, booleans or strings"))?);
            tokens.sign(',')?;
            place = tokens.at();
            word = tokens.name()?;
            tokens.sign('>')?;
        }
        if word == "group" {
            return Err(tokens.fault(at, "groups are not spoken here"));
        }
        let label = match (label, map_key) {
            (None, Some(_)) if oneof.is_none() => Label::Repeated,
            (_, Some(_)) => return Err(tokens.fault(at, "a map has no label and is in no oneof")),
            (Some(label), None) => label,
            (None, None) if self.proto3 || oneof.is_some() => explicit,
            (None, None) => return Err(tokens.fault(at, "proto2 wants optional, required or repeated here")),
        };
        let name = tokens.word()?.to_owned();
        tokens.sign('=')?;
        let number_at = tokens.at();
        let number = u32::try_from(tokens.number()?).ok().filter(|number| {
            // The largest is what 29 bits hold; those from 19000 are the language's own.
            (1..=536_870_911).contains(number) && !(19_000..=19_999).contains(number)
        });
        let number =
            number.ok_or_else(|| tokens.fault(number_at, format!("{name} has no number that a field may have")))?;
        if matches!(tokens.peek()?, Token::Sign('[')) {
            tokens.next()?;
            tokens.past_options()?;
        }
        tokens.sign(';')?;
        self.made.one().map_err(|message| tokens.fault(at, message))?;
        let entry = match scalar(&word) {
            Some(kind) => Entry::Scalar(kind),
            // Found when all is read.
            None => Entry::Message(usize::MAX),
        };
        let holds = match (map_key, entry) {
            (Some(key), entry) => Holds::Map(key, entry),
            (None, Entry::Scalar(kind)) => Holds::Scalar(kind),
            (None, _) => Holds::Message(usize::MAX),
        };
        if name.len().max(word.len()) > MAX_NAME {
            return Err(tokens.fault(at, format!("a name of more than {MAX_NAME} bytes")));
        }
        let Some(of) = self.messages.get_mut(message) else { return Ok((number, false)) };
        let field = of.fields.len();
        if !matches!(entry, Entry::Scalar(_)) {
            self.loose.push(Loose { message, field, name: word, file: self.sources.len(), at: place });
        }
        if label == Label::Required {
            of.required.push(field);
        }
        of.fields.push(Field { name: name.clone(), label, holds, oneof });
        Ok((number, of.places.insert(name, field).is_none()))
    }

    fn enumeration(&mut self, tokens: &mut Tokens<'_>, scope: &str) -> Result<(), Fault> {
        let index = self.enums.len();
        let name = self.named(tokens, scope, Entry::Enum(index))?;
        tokens.sign('{')?;
        let mut values: Vec<(String, i32)> = Vec::new();
        loop {
            let at = tokens.at();
            match tokens.peek()? {
                Token::Sign('}') => {
                    tokens.next()?;
                    break;
                }
                Token::Sign(';') => drop(tokens.next()?),
                Token::Word("option" | "reserved") => tokens.past_statement()?,
                _ => {
                    let value = tokens.word()?.to_owned();
                    tokens.sign('=')?;
                    let number = i32::try_from(tokens.number()?);
                    let number = number.map_err(|_| tokens.fault(at, format!("{value} has no number of 32 bits")))?;
                    if matches!(tokens.peek()?, Token::Sign('[')) {
                        tokens.next()?;
                        tokens.past_options()?;
                    }
                    tokens.sign(';')?;
                    self.made.one().map_err(|message| tokens.fault(at, message))?;
                    if self.proto3 && values.is_empty() && number != 0 {
                        return Err(tokens.fault(at, "the first value of an enum of proto3 is 0"));
                    }
                    values.push((value, number));
                }
            }
        }
        if values.is_empty() {
            return Err(tokens.fault(tokens.at(), format!("{name} has no values")));
        }
        self.enums.push(Enum { name, values });
        Ok(())
    }

    /// Finds what the fields' types are.
    fn linked(mut self) -> Result<Messages, BadDefinition> {
        for loose in std::mem::take(&mut self.loose) {
            let scope = self.messages.get(loose.message).map_or("", |message| message.name.as_str());
            let Some(entry) = self.found(&loose.name, scope) else {
                let (file, text) = match loose.file.checked_sub(1).and_then(|file| self.sources.get(file)) {
                    Some((file, text)) => (file.as_str(), text.as_str()),
                    None => ("google/protobuf", well_known::TEXT),
                };
                let fault = Fault::at(text, loose.at, format!("the type {} is not defined", loose.name));
                return Err(BadDefinition { file: file.to_owned(), fault });
            };
            let field = self.messages.get_mut(loose.message).and_then(|message| message.fields.get_mut(loose.field));
            let Some(field) = field else { continue };
            field.holds = match (field.holds, entry) {
                (Holds::Map(key, _), entry) => Holds::Map(key, entry),
                (_, Entry::Enum(index)) => Holds::Enum(index),
                (_, Entry::Message(index)) => Holds::Message(index),
                (holds, Entry::Scalar(_)) => holds,
            };
            if field.label == Label::Implicit && matches!(field.holds, Holds::Message(_)) {
                field.label = Label::Explicit;
            }
        }
        Ok(Messages { messages: self.messages, enums: self.enums, top: self.top })
    }

    /// A name from a scope: the innermost that has it.
    fn found(&self, name: &str, scope: &str) -> Option<Entry> {
        if let Some(absolute) = name.strip_prefix('.') {
            return self.names.get(absolute).copied();
        }
        let mut scope = scope;
        loop {
            let full = if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") };
            match self.names.get(&full) {
                Some(entry) => return Some(*entry),
                None if scope.is_empty() => return None,
                None => scope = scope.rsplit_once('.').map_or("", |(above, _)| above),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Messages, BadDefinition> {
        Messages::of(&[Definition { path: "a.proto".into(), names: vec!["a.proto".into()], text: text.into() }])
    }

    #[test]
    fn what_every_program_knows_may_be_held_but_no_file_is_of_it() {
        let messages = of("syntax = \"proto3\"; message A { google.protobuf.Timestamp t = 1; }").unwrap();
        assert!(messages.top("google.protobuf.Timestamp").is_none());
        let a = &messages.messages[messages.top("A").unwrap()];
        let Holds::Message(held) = a.fields[0].holds else { unreachable!("it is a message") };
        assert_eq!(messages.messages[held].name, "google.protobuf.Timestamp");
        assert_eq!(Messages::default().messages.len(), Messages::of(&[]).unwrap().messages.len());
    }

    #[test]
    fn types_are_found_from_the_inside_out() {
        let text = "syntax = \"proto3\"; package p.q; message A { message B {} enum C { X = 0; } B b = 1; q.D d = 2; .p.q.D e = 3; \
                    map<string, C> f = 4; oneof g { string h = 5; int32 i = 6; } optional bool j = 7; } message D { option (x) = { a: 1; b: [2] }; }";
        let messages = of(text).unwrap();
        let a = &messages.messages[messages.top("p.q.A").unwrap()];
        let names = |index: usize| messages.messages[index].name.as_str();
        let held: Vec<&str> = a
            .fields
            .iter()
            .map(|field| match field.holds {
                Holds::Message(index) => names(index),
                Holds::Map(Scalar::Text, Entry::Enum(index)) => messages.enums[index].name.as_str(),
                _ => "",
            })
            .collect();
        assert_eq!(held, ["p.q.A.B", "p.q.D", "p.q.D", "p.q.A.C", "", "", ""]);
        assert!(messages.top("p.q.A.B").is_none());
    }

    #[test]
    fn broken_definitions_are_refused_with_their_places() {
        for (text, line, words) in [
            ("message A {\n B b = 1; }", 2, "proto2 wants"),
            ("syntax = \"proto3\";\nmessage A { B b = 1; }", 2, "not defined"),
            ("syntax = \"proto3\"; message A {\n bool b = 1;\n bool c = 1; }", 3, "twice"),
            ("message A {}\nmessage A {}", 2, "twice"),
            ("edition = \"2023\";", 1, "editions"),
            ("message A { optional group B = 1 {} }", 1, "groups"),
            ("import \"b.proto\";", 1, "not found"),
            ("syntax = \"proto3\"; enum E { A = 1; }", 1, "is 0"),
            ("message A {", 1, "expected"),
            ("message A { optional bool b = 19000; }", 1, "number"),
            ("/* a", 1, "does not end"),
            ("option a = \"b", 1, "does not end"),
        ] {
            let fault = of(text).unwrap_err().fault;
            assert!(fault.line == line && fault.message.contains(words), "{text}: {fault:?}");
        }
    }

    #[test]
    fn bombs_end_with_a_fault() {
        for text in [
            "message A {".repeat(100_000),
            "option a = ".to_owned() + &"{".repeat(100_000),
            "message A { optional bool b = 1 [".to_owned() + &"[".repeat(100_000),
            format!("message {} {{ optional A b = 1; }}", "A".repeat(100_000)),
        ] {
            assert!(of(&text).is_err());
        }
    }
}
