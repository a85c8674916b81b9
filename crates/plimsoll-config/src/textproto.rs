//! The text form of Protocol Buffers. In: text that names its message (`# proto-message: acme.v1.Config`), and the messages'
//! definitions. Out: the message as Protocol Buffers' JSON has it, with the fields' own names: whole numbers of 64 bits are
//! texts, bytes are Base64, fields of proto3 that are zero are left out. Format:
//! <https://protobuf.dev/reference/protobuf/textformat-spec/>.
//!
//! Refused are extensions and `google.protobuf.Any`, reserved fields and a second value of a map's key, which conftest drops.

mod scalars;
mod well_known;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use crate::cursor::Cursor;
use crate::proto::{Entry, Field, Holds, Label, Messages};
use crate::{Fault, Made, Map, Value, deep};

static NAMED: LazyLock<Result<Regex, regex::Error>> =
    LazyLock::new(|| Regex::new(r"#[\t\n\f\r ]+proto-message:[\t\n\f\r ]+([a-zA-Z0-9_.]+)"));

pub fn read(text: &str, messages: &Messages) -> Result<Value, Fault> {
    let named = NAMED.as_ref().ok().and_then(|named| text.lines().find_map(|line| named.captures(line)?.get(1)));
    let Some(named) = named else {
        return Err(Fault::new("the file does not name its message: # proto-message: NAME"));
    };
    let index = messages.top(named.as_str()).ok_or_else(|| {
        let name = named.as_str();
        Fault::new(format!("message type {name:?}: not found; --proto-file-dirs names the folders of its definition"))
    })?;
    let mut reader = Reader { cursor: Cursor::new(text), messages, made: Made::default() };
    reader.space();
    reader.message(index, None, 1)
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    messages: &'a Messages,
    made: Made,
}

impl<'a> Reader<'a> {
    fn space(&mut self) {
        scalars::space(&mut self.cursor);
    }

    fn sign(&mut self, sign: &str) -> bool {
        let taken = self.cursor.take(sign);
        if taken {
            self.space();
        }
        taken
    }

    /// The brackets of a message; the closing one.
    fn opened(&mut self) -> Result<&'static str, Fault> {
        if self.sign("{") {
            Ok("}")
        } else if self.sign("<") {
            Ok(">")
        } else {
            Err(self.cursor.fault("expected { and a message"))
        }
    }

    /// The fields of a message up to its closing bracket, or to the end of the file.
    fn message(&mut self, index: usize, close: Option<&str>, depth: usize) -> Result<Value, Fault> {
        let start = self.cursor.at;
        deep(depth).map_err(|message| self.cursor.fault(message))?;
        let messages = self.messages;
        let Some(message) = messages.messages.get(index) else { return Err(self.cursor.fault("an unknown message")) };
        if message.name == "google.protobuf.Any" {
            return Err(self.cursor.fault("google.protobuf.Any is not spoken here"));
        }
        let mut map = Map::new();
        let mut seen = BTreeSet::new();
        let mut oneofs = BTreeSet::new();
        loop {
            match close {
                None if self.cursor.ended() => break,
                Some(close) if self.sign(close) => break,
                _ => {}
            }
            let at = self.cursor.at;
            let name = self.name()?;
            let field = message.places.get(name).and_then(|place| message.fields.get(*place));
            let field =
                field.ok_or_else(|| self.cursor.fault_at(at, format!("unknown field: {name} of {}", message.name)))?;
            let colon = self.sign(":");
            if !colon && !matches!(field.holds, Holds::Message(_) | Holds::Map(..)) {
                return Err(self.cursor.fault_at(at, format!("missing field separator : behind {name}")));
            }
            if field.oneof.is_some_and(|oneof| !oneofs.insert(oneof)) {
                return Err(self.cursor.fault_at(at, format!("{name}: another field of its oneof is set already")));
            }
            if !seen.insert(name) && field.label != Label::Repeated {
                return Err(self.cursor.fault_at(at, format!("the field {name} stands twice")));
            }
            self.field(field, &mut map, depth)?;
            // One separator, behind a value.
            if !self.sign(",") {
                self.sign(";");
            }
        }
        let mut required = message.required.iter().filter_map(|place| message.fields.get(*place));
        if let Some(field) = required.find(|field| !seen.contains(field.name.as_str())) {
            let message = format!("the required field {} of {} is not set", field.name, message.name);
            return Err(self.cursor.fault_at(start, message));
        }
        well_known::json(&message.name, map).map_err(|message| self.cursor.fault_at(start, message))
    }

    fn name(&mut self) -> Result<&'a str, Fault> {
        let at = self.cursor.at;
        match self.cursor.peek() {
            Some('[') => return Err(self.cursor.fault("extensions are not spoken here")),
            Some(c) if c.is_ascii_digit() => return Err(self.cursor.fault("a field is not named by its number")),
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {}
            _ => return Err(self.cursor.fault("expected the name of a field")),
        }
        self.cursor.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        let end = self.cursor.at;
        if self.cursor.peek().is_some_and(|c| matches!(c, '-' | '+' | '.')) {
            return Err(self.cursor.fault("expected a value behind the name of a field"));
        }
        self.space();
        Ok(self.cursor.text.get(at..end).unwrap_or_default())
    }

    fn field(&mut self, field: &Field, map: &mut Map, depth: usize) -> Result<(), Fault> {
        let entry = match field.holds {
            Holds::Map(..) => Entry::Message(usize::MAX),
            Holds::Scalar(kind) => Entry::Scalar(kind),
            Holds::Message(index) => Entry::Message(index),
            Holds::Enum(index) => Entry::Enum(index),
        };
        if field.label != Label::Repeated {
            let value = self.value(entry, depth)?;
            if field.label != Label::Implicit || !scalars::zero(&value, entry, self.messages) {
                map.insert(field.name.clone(), value);
            }
            return Ok(());
        }
        if !self.sign("[") {
            return self.item(field, entry, map, depth);
        }
        if self.sign("]") {
            return Ok(());
        }
        loop {
            self.item(field, entry, map, depth)?;
            if self.sign("]") {
                return Ok(());
            }
            if !self.sign(",") {
                return Err(self.cursor.fault("expected a comma or ]"));
            }
        }
    }

    /// One value of a list or a map.
    fn item(&mut self, field: &Field, entry: Entry, map: &mut Map, depth: usize) -> Result<(), Fault> {
        let Holds::Map(key, entry) = field.holds else {
            let value = self.value(entry, depth)?;
            if let Value::List(items) = map.entry(field.name.clone()).or_insert_with(|| Value::List(Vec::new())) {
                items.push(value);
            }
            return Ok(());
        };
        let at = self.cursor.at;
        deep(depth + 1).map_err(|message| self.cursor.fault(message))?;
        let close = self.opened()?;
        let (mut found, mut value) = (None, None);
        while !self.sign(close) {
            let at = self.cursor.at;
            let name = self.name()?.to_owned();
            let colon = self.sign(":");
            let slot = match name.as_str() {
                "key" if found.is_none() => &mut found,
                "value" if value.is_none() => &mut value,
                _ => {
                    return Err(self
                        .cursor
                        .fault_at(at, format!("{name} is no field of a map's entry, or stands twice")));
                }
            };
            let of = if name == "key" { Entry::Scalar(key) } else { entry };
            if !colon && !matches!(of, Entry::Message(_)) {
                return Err(self.cursor.fault_at(at, format!("missing field separator : behind {name}")));
            }
            *slot = Some(self.value(of, depth + 1)?);
            if !self.sign(",") {
                self.sign(";");
            }
        }
        let key = match found {
            Some(found) => found,
            None => scalars::default(Entry::Scalar(key), self.messages),
        };
        let value = match (value, entry) {
            (Some(value), _) => value,
            (None, Entry::Message(index)) => self.empty(index, at)?,
            (None, entry) => scalars::default(entry, self.messages),
        };
        let key = scalars::key(key);
        let Value::Map(entries) = map.entry(field.name.clone()).or_insert_with(|| Value::Map(Map::new())) else {
            return Ok(());
        };
        match entries.insert(key, value) {
            Some(_) => Err(self.cursor.fault_at(at, "a second value of this key")),
            None => Ok(()),
        }
    }

    /// A message of which nothing is set.
    fn empty(&self, index: usize, at: usize) -> Result<Value, Fault> {
        let mut reader = Reader { cursor: Cursor::new(""), messages: self.messages, made: Made::default() };
        reader.message(index, None, 1).map_err(|fault| self.cursor.fault_at(at, fault.message))
    }

    fn value(&mut self, entry: Entry, depth: usize) -> Result<Value, Fault> {
        self.made.one().map_err(|message| self.cursor.fault(message))?;
        if let Entry::Message(index) = entry {
            let close = self.opened()?;
            return self.message(index, Some(close), depth + 1);
        }
        let at = self.cursor.at;
        let word = scalars::read(&mut self.cursor)?;
        self.space();
        scalars::value(word, entry, self.messages).map_err(|message| self.cursor.fault_at(at, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Definition;

    const PROTO: &str = "syntax = \"proto3\"; package a; import \"google/protobuf/timestamp.proto\";
        enum E { ZERO = 0; ONE = 1; }
        message M {
          string s = 1; int32 i = 2; int64 l = 3; bool b = 4; bytes y = 5; E e = 6; repeated int32 r = 7;
          map<string, M> m = 8; M n = 9; oneof o { string p = 10; int32 q = 11; } double d = 12;
          google.protobuf.Timestamp t = 13; optional int32 z = 14;
        }";

    fn of(text: &str) -> Result<Value, Fault> {
        let definition = Definition { path: "a.proto".into(), names: vec!["a.proto".into()], text: PROTO.into() };
        read(&format!("# proto-message: a.M\n{text}"), &Messages::of(&[definition]).unwrap())
    }

    #[test]
    fn fields_have_the_forms_of_json() {
        let value =
            of("s: 'a' \"\\x62\\n\" i: -0x10; l: 9007199254740993, b: true y: \"\\377a\" e: ONE r: [1, 2] r: 3 z: 0
            m { key: \"k\" value < i: 0 > } n: {} p: \"\" d: -inf t { seconds: 1 nanos: 500000000 } # end");
        let wanted = Value::map([
            ("s", Value::text("ab\n")),
            ("i", Value::Float(-16.0)),
            ("l", Value::text("9007199254740993")),
            ("b", Value::Bool(true)),
            ("y", Value::text("/2E=")),
            ("e", Value::text("ONE")),
            ("r", Value::List([1.0, 2.0, 3.0].map(Value::Float).to_vec())),
            ("z", Value::Float(0.0)),
            ("m", Value::map([("k", Value::Map(Map::new()))])),
            ("n", Value::Map(Map::new())),
            ("p", Value::text("")),
            ("d", Value::text("-Infinity")),
            ("t", Value::text("1970-01-01T00:00:01.500Z")),
        ]);
        assert_eq!(value.unwrap(), wanted);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_place() {
        for (text, words) in [
            ("x: 1", "unknown field"),
            ("s \"a\"", "separator"),
            ("i: 3000000000", "i32"),
            ("i: 1 i: 2", "twice"),
            ("p: \"\" q: 1", "oneof"),
            ("e: TWO", "no value"),
            ("n { ", "expected"),
            ("n { >", "expected"),
            ("r: [1,]", "expected"),
            ("r: [1 2]", "comma"),
            ("s: \"a", "does not end"),
            ("s: \"\\xff\"", "UTF-8"),
            ("[a.b]: 1", "extensions"),
            ("1: 2", "number"),
            ("m { key: \"a\" } m { key: \"a\" }", "second value"),
            ("t { seconds: 999999999999 }", "range"),
        ] {
            let fault = of(text).unwrap_err();
            assert!(fault.line == 2 && fault.message.contains(words), "{text}: {fault:?}");
        }
        assert!(of(&"n {".repeat(100_000)).unwrap_err().message.contains("deeper"));
        assert!(read("s: 1", &Messages::default()).unwrap_err().message.contains("proto-message"));
        assert!(read("# proto-message: a.N", &Messages::default()).unwrap_err().message.contains("proto-file-dirs"));
    }
}
