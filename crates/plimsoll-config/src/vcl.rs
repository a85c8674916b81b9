//! VCL, the language of Varnish and Fastly. In: text. Out: its declarations by their kinds and names:
//! `{"acl": {"office": ["10.0.0.1"]}, "backend": {"web": {"host": "a.example", ".probe": {…}}}}`.
//!
//! What is read has conftest's form: an access list is a list; a director of nothing but members is a list of them, in the words
//! of conftest's library; a text with a slash keeps the quotation mark in front of it; `15s` is 15. Of the rest of the language
//! that library loses things without a word: conditions, calls, returns, what is negated, all subroutines of a name but one. A
//! file that has such is refused: a policy would pass what it never saw.

use crate::cursor::Cursor;
use crate::{Fault, Made, Map, Value};

const KINDS: [&str; 5] = ["acl", "backend", "director", "sub", "table"];
const NOT_SEEN: &str = "no policy would see it, for conftest's form of VCL leaves it out";

pub fn read(text: &str) -> Result<Value, Fault> {
    let mut reader = Reader { cursor: Cursor::new(text), made: Made::default() };
    reader.file()
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    made: Made,
}

/// What stands between the braces of a declaration.
#[derive(Default)]
struct Body {
    attributes: Map,
    /// Blocks as values of attributes: health checks.
    blocks: Map,
    /// Entries of an access list, members of a director.
    entries: Vec<Value>,
    comments: Vec<Value>,
}

/// Where statements stand, and so which of them may.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Declaration,
    Subroutine,
    /// A block as a value.
    Inner,
    /// Of a director, whose names keep their dots.
    Member,
}

fn identifier(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.')
}

impl<'a> Reader<'a> {
    fn file(&mut self) -> Result<Value, Fault> {
        let mut kinds = Map::new();
        loop {
            self.space(&mut Vec::new())?;
            if self.cursor.ended() {
                break;
            }
            let start = self.cursor.at;
            let word = self.name()?;
            match word {
                "vcl" | "import" => self.until_semicolon(start)?,
                word if KINDS.contains(&word) => self.declaration(word, &mut kinds)?,
                word => return Err(self.cursor.fault_at(start, format!("{word}: {NOT_SEEN}"))),
            }
        }
        match kinds.is_empty() {
            true => Err(self.cursor.fault("nothing is declared here")),
            false => Ok(Value::Map(kinds)),
        }
    }

    /// `vcl 4.1;` and `import std;` make nothing.
    fn until_semicolon(&mut self, start: usize) -> Result<(), Fault> {
        self.cursor.take_while(|c| identifier(c) || matches!(c, ' ' | '\t'));
        match self.cursor.take(";") {
            true => Ok(()),
            false => Err(self.cursor.fault_at(start, "expected a semicolon behind it")),
        }
    }

    fn declaration(&mut self, kind: &str, kinds: &mut Map) -> Result<(), Fault> {
        self.blanks();
        let start = self.cursor.at;
        let name = self.name()?;
        // The words behind the name, of which conftest wraps the last one outermost.
        let mut words = Vec::new();
        loop {
            self.blanks();
            if self.cursor.take("{") {
                break;
            }
            words.push(self.name()?);
            self.one()?;
        }
        if words.len() > 1 {
            return Err(self.cursor.fault_at(start, format!("{kind} {name} has more words than it may")));
        }
        let place = if kind == "sub" { Place::Subroutine } else { Place::Declaration };
        let body = self.body(place)?;
        let named = !body.attributes.is_empty() || !body.blocks.is_empty();
        if named && !body.entries.is_empty() {
            let why = format!("{kind} {name} has entries beside its attributes: {NOT_SEEN}");
            return Err(self.cursor.fault_at(start, why));
        }
        let value = match named {
            false if !words.is_empty() && kind != "director" => {
                return Err(self.cursor.fault_at(start, format!("{kind} {name} of {} is empty", words.concat())));
            }
            false => Value::List(body.entries),
            true => {
                let value = Value::Map(self.merged(start, body)?);
                words.iter().fold(value, |value, word| Value::map([(*word, value)]))
            }
        };
        let kinds = kinds.entry(kind.to_owned()).or_insert_with(|| Value::Map(Map::new()));
        let Value::Map(names) = kinds else { return Ok(()) };
        match names.insert(name.to_owned(), value) {
            Some(_) => {
                Err(self.cursor.fault_at(start, format!("a second {kind} of the name {name}: of the first {NOT_SEEN}")))
            }
            None => Ok(()),
        }
    }

    /// Statements up to the closing brace, which is taken.
    fn body(&mut self, place: Place) -> Result<Body, Fault> {
        let mut body = Body::default();
        loop {
            self.space(&mut body.comments)?;
            let start = self.cursor.at;
            self.one()?;
            match self.cursor.peek() {
                None => return Err(self.cursor.fault("unexpected end of file: a brace is not closed")),
                Some('}') => {
                    self.cursor.next();
                    return Ok(body);
                }
                Some('"') if place == Place::Declaration => self.entry(start, &mut body)?,
                Some('{') if place == Place::Declaration => {
                    self.cursor.next();
                    let member = self.body(Place::Member)?;
                    body.entries.push(as_library(member));
                }
                Some(c) if identifier(c) && !c.is_ascii_digit() => self.assignment(start, place, &mut body)?,
                Some(_) => return Err(self.cursor.fault(format!("this statement: {NOT_SEEN}"))),
            }
        }
    }

    /// `"10.0.0.0"/8;` of an access list, `"key": "value",` of a table.
    fn entry(&mut self, start: usize, body: &mut Body) -> Result<(), Fault> {
        let text = self.text()?;
        self.blanks();
        if !self.cursor.take(":") {
            self.cursor.take(";");
            body.entries.push(Value::text(text));
            return Ok(());
        }
        self.blanks();
        if self.cursor.peek() != Some('"') {
            return Err(self.cursor.fault(format!("a value that is no text: {NOT_SEEN}")));
        }
        let value = self.text()?;
        if text.contains('/') || value.contains('/') {
            return Err(self.cursor.fault_at(start, format!("an entry of a table with a slash: {NOT_SEEN}")));
        }
        self.blanks();
        if !self.cursor.take(",") && self.cursor.peek() != Some('}') {
            return Err(self.cursor.fault("expected a comma or a closing brace"));
        }
        self.put(start, text.trim_matches('.'), Value::text(value), &mut body.attributes)
    }

    /// `.host = "a";`, `.probe = { … }`, and in subroutines `set beresp.ttl = 10s;`.
    fn assignment(&mut self, start: usize, place: Place, body: &mut Body) -> Result<(), Fault> {
        let mut name = self.name()?;
        if place == Place::Subroutine {
            if name != "set" {
                return Err(self.cursor.fault_at(start, format!("{name}: {NOT_SEEN}")));
            }
            self.blanks();
            name = self.name()?;
        }
        self.blanks();
        let operator =
            self.cursor.take_while(|c| !c.is_whitespace() && !identifier(c) && !matches!(c, '"' | '{' | ';'));
        if operator != "=" {
            return Err(self.cursor.fault_at(start, format!("expected {name} = …: of anything else {NOT_SEEN}")));
        }
        self.blanks();
        if self.cursor.peek() == Some('{') {
            if place != Place::Declaration || self.cursor.rest().starts_with("{\"") {
                return Err(self.cursor.fault(format!("such a value: {NOT_SEEN}")));
            }
            self.cursor.next();
            let inner = self.body(Place::Inner)?;
            self.cursor.take(";");
            let inner = self.merged(start, inner)?;
            return self.put(start, name, Value::Map(inner), &mut body.blocks);
        }
        let value = self.value()?;
        // Conftest's library has taken the semicolon behind a network already.
        self.blanks();
        if !self.cursor.take(";") {
            return Err(self.cursor.fault(format!("expected a semicolon: of more than one value {NOT_SEEN}")));
        }
        let name = if place == Place::Member { name } else { name.trim_matches('.') };
        self.put(start, name, value, &mut body.attributes)
    }

    fn put(&self, start: usize, name: &str, value: Value, map: &mut Map) -> Result<(), Fault> {
        match map.insert(name.to_owned(), value) {
            Some(_) => Err(self.cursor.fault_at(start, format!("{name} is set twice: of the first {NOT_SEEN}"))),
            None => Ok(()),
        }
    }

    /// Attributes and blocks of one body.
    fn merged(&self, start: usize, body: Body) -> Result<Map, Fault> {
        let mut map = body.attributes;
        body.blocks.into_iter().try_for_each(|(name, block)| self.put(start, &name, block, &mut map))?;
        Ok(map)
    }

    fn value(&mut self) -> Result<Value, Fault> {
        let start = self.cursor.at;
        match self.cursor.peek() {
            Some('"') => self.text().map(Value::Text),
            Some(c) if c.is_ascii_digit() => self.number(start),
            Some(c) if identifier(c) => match self.name()? {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                name if KINDS.contains(&name) => Err(self.cursor.fault_at(start, format!("{name} is no value"))),
                name => Ok(Value::text(name)),
            },
            None | Some('}' | ')' | ';' | ',') => Err(self.cursor.fault("a value is expected")),
            _ => Err(self.cursor.fault(format!("such a value: {NOT_SEEN}"))),
        }
    }

    /// Whole numbers, percentages, and seconds, which lose their unit.
    fn number(&mut self, start: usize) -> Result<Value, Fault> {
        let digits = self.cursor.take_while(|c| c.is_ascii_digit());
        if self.cursor.take("%") {
            return Ok(Value::text(format!("{digits}%")));
        }
        let unit = self.cursor.take_while(identifier);
        if !matches!(unit, "" | "s") {
            let why = format!("{digits}{unit}: a policy would see {digits}; write it in whole seconds");
            return Err(self.cursor.fault_at(start, why));
        }
        let number = digits.parse::<i64>().ok().filter(|_| digits == "0" || !digits.starts_with('0'));
        #[expect(clippy::cast_precision_loss, reason = "conftest's numbers are floats")]
        let number = number.map(|number| Value::Float(number as f64));
        number.ok_or_else(|| self.cursor.fault_at(start, format!("the number {digits} cannot be read")))
    }

    /// A text with what stands behind it of a network; with a slash it keeps its first quotation mark, as in conftest.
    fn text(&mut self) -> Result<String, Fault> {
        let start = self.cursor.at;
        self.cursor.next();
        let text = self.cursor.take_while(|c| !matches!(c, '"' | ';' | '\n' | '\r' | '\0'));
        if !self.cursor.take("\"") {
            return Err(self
                .cursor
                .fault_at(start, "a text that does not end, or has a semicolon, which conftest cannot read"));
        }
        if self.cursor.peek() == Some('/') {
            let rest = self.cursor.rest();
            let length = rest.find(';').unwrap_or(rest.len());
            let bits = rest.get(1..length).unwrap_or_default();
            if bits.is_empty() || length == rest.len() || !bits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(self.cursor.fault("expected the bits of a network and a semicolon"));
            }
            self.cursor.at += length;
            return Ok(format!("\"{text}\"/{bits}"));
        }
        Ok(if text.contains('/') { format!("\"{text}") } else { text.to_owned() })
    }

    fn name(&mut self) -> Result<&'a str, Fault> {
        let start = self.cursor.at;
        let name = self.cursor.take_while(identifier);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.cursor.fault_at(start, "expected a name of letters, digits, dots and underscores"));
        }
        Ok(name)
    }

    fn blanks(&mut self) {
        self.cursor.take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
    }

    /// White space and comments, whose texts are kept: without the mark and one character behind it.
    fn space(&mut self, comments: &mut Vec<Value>) -> Result<(), Fault> {
        loop {
            self.blanks();
            let start = self.cursor.at;
            if self.cursor.take("/*") {
                let end = self.cursor.rest().find("*/");
                self.cursor.at += end.ok_or_else(|| self.cursor.fault_at(start, "a comment does not end"))? + 2;
                comments.push(Value::text("/*"));
            } else if self.cursor.take("#") || self.cursor.take("//") {
                let line = self.cursor.take_while(|c| c != '\n');
                let mut rest = line.chars();
                rest.next();
                comments.push(Value::text(rest.as_str()));
            } else {
                return Ok(());
            }
            self.one()?;
        }
    }

    fn one(&mut self) -> Result<(), Fault> {
        self.made.one().map_err(|message| self.cursor.fault(message))
    }
}

/// A member of a director, as conftest's library has its blocks.
fn as_library(body: Body) -> Value {
    let attribute = |(name, value): (String, Value)| {
        let both = Value::map([("Name", Value::text(name.clone())), ("Value", value)]);
        (name, both)
    };
    let inside = Value::map([
        ("Attributes", Value::Map(body.attributes.into_iter().map(attribute).collect())),
        ("Blocks", Value::Null),
        ("Flats", Value::List(Vec::new())),
        ("Comments", Value::List(body.comments)),
    ]);
    Value::map([("Type", Value::text("{")), ("Labels", Value::Null), ("Body", inside)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen<'a>(value: &'a Value, path: &[&str]) -> &'a Value {
        path.iter().fold(value, |value, key| match value {
            Value::Map(map) => &map[*key],
            other => unreachable!("{key} of {other:?}"),
        })
    }

    #[test]
    fn declarations_are_seen_by_their_kinds_and_names() {
        let text = "vcl 4.1;\nimport std;\n# c\nacl a { \"localhost\"; \"10.0.0.0\"/8; }\nbackend b {\n .host = \"h\";\n .port = 80;\n \
                    .t = 15s;\n .ssl = true;\n .probe = { .url = \"/up\"; }\n}\nsub vcl_recv { set req.http.x = \"y\"; }";
        let value = read(text).unwrap();
        assert_eq!(
            seen(&value, &["acl", "a"]),
            &Value::List(vec![Value::text("localhost"), Value::text("\"10.0.0.0\"/8")])
        );
        assert_eq!(seen(&value, &["backend", "b", "t"]), &Value::Float(15.0));
        assert_eq!(seen(&value, &["backend", "b", "ssl"]), &Value::Bool(true));
        assert_eq!(seen(&value, &["backend", "b", ".probe", "url"]), &Value::text("\"/up"));
        assert_eq!(seen(&value, &["sub", "vcl_recv", "req.http.x"]), &Value::text("y"));
    }

    #[test]
    fn what_conftest_would_lose_is_refused_with_its_place() {
        for (text, line, words) in [
            ("sub vcl_recv {\n if (req.url) { set a.b = 1; }\n}", 2, "if"),
            ("sub a { set b.c = 1; }\nsub a { set b.c = 2; }", 2, "second sub"),
            ("acl a {\n ! \"10.0.0.1\";\n}", 2, "leaves it out"),
            ("sub a { call b; }", 1, "call"),
            ("sub a { return (pass); }", 1, "return"),
            ("sub a { set b = \"x\" req.url; }", 1, "semicolon"),
            ("sub a { set b += \"x\"; }", 1, "b = "),
            ("backend b { .t = 10ms; }", 1, "whole seconds"),
            ("backend b { .t = 1.5s; }", 1, "whole seconds"),
            ("backend b { .h = \"a\"; .h = \"b\"; }", 1, "twice"),
            ("backend b {\n .p = 1; p = { .url = \"u\"; }\n}", 1, "p is set twice"),
            ("director d random { .quorum = 5%; { .backend = b; } }", 1, "entries beside"),
            ("table t { \"a\": \"/b\" }", 1, "slash"),
            ("include \"x.vcl\";", 1, "include"),
            ("acl a { \"b\";", 1, "not closed"),
            ("acl a", 1, "expected a name"),
            ("backend b { .r = {\"x\"}; }", 1, "such a value"),
            ("# nothing", 1, "nothing is declared"),
            ("/* a", 1, "does not end"),
        ] {
            let fault = read(text).unwrap_err();
            assert!(fault.line == line && fault.message.contains(words), "{text}: {fault:?}");
        }
    }
}
