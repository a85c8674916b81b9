//! XML. In: text. Out: elements as maps: attributes with `-` in front, several children of one name as a list, text beside
//! others as `#content`, an element of text alone as that text. Prefixes of names are dropped.
//!
//! As in conftest, of an element's several runs of text the last one stays. Otherwise than there, a document that does not parse
//! is refused: conftest gives policies what came before the fault, of which no element is whole. Entities are the five of XML;
//! those that a document type declares are unknown, so that nothing expands.

pub(crate) mod tree;

use std::borrow::Cow;

use crate::cursor::Cursor;
use crate::{Fault, Made, Map, Value, deep};

/// The text of bytes that may declare their encoding.
pub fn decoded(bytes: &[u8]) -> Result<Cow<'_, str>, Fault> {
    let start = bytes.get(..256.min(bytes.len())).unwrap_or_default();
    let head: String = start.iter().map(|byte| char::from(*byte)).collect();
    let declared = head.trim_start_matches("\u{ef}\u{bb}\u{bf}").strip_prefix("<?xml").and_then(|rest| {
        let instruction = rest.split("?>").next()?;
        let value = instruction.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        value[1..].split(quote).next().map(str::to_ascii_lowercase)
    });
    match declared.as_deref() {
        None | Some("utf-8" | "utf8") => crate::utf8(bytes).map(Cow::Borrowed),
        // What browsers, and so conftest, take for Latin 1 and ASCII.
        Some("iso-8859-1" | "latin1" | "us-ascii" | "ascii" | "windows-1252" | "cp1252") => {
            Ok(bytes.iter().map(|byte| windows_1252(*byte)).collect())
        }
        Some(other) => Err(Fault::in_line(1, format!("encoding {other:?} is not spoken here: write it as UTF-8"))),
    }
}

fn windows_1252(byte: u8) -> char {
    const UPPER: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";
    match byte {
        0x80..=0x9f => UPPER.chars().nth(usize::from(byte - 0x80)).unwrap_or('\u{fffd}'),
        byte => char::from(byte),
    }
}

/// An element that is open.
#[derive(Default)]
struct Open<'a> {
    /// As written, with its prefix.
    name: &'a str,
    data: String,
    children: std::collections::BTreeMap<String, Vec<Value>>,
}

impl Open<'_> {
    fn put(&mut self, name: String, value: Value) {
        self.children.entry(name).or_default().push(value);
    }

    fn value(self) -> Value {
        if self.children.is_empty() {
            return Value::Text(self.data);
        }
        let mut map: Map = Map::new();
        if !self.data.is_empty() {
            map.insert("#content".into(), Value::Text(self.data));
        }
        for (name, mut values) in self.children {
            let value = match values.len() {
                1 => values.remove(0),
                _ => Value::List(values),
            };
            map.insert(name, value);
        }
        Value::Map(map)
    }
}

pub fn read(text: &str) -> Result<Value, Fault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut cursor = Cursor::new(text);
    let mut open = vec![Open::default()];
    let mut made = Made::default();
    while !cursor.ended() {
        let start = cursor.at;
        let wrong = |message: &str| Fault::at(text, start, message);
        if cursor.peek() != Some('<') {
            let data = characters(&mut cursor)?;
            set(&mut open, &data);
        } else if let Some(data) = section(&mut cursor)? {
            set(&mut open, &data);
        } else if skipped(&mut cursor)? {
            continue;
        } else if cursor.take("</") {
            let name = closing(&mut cursor)?;
            let (Some(element), Some(above)) = (open.pop(), open.last_mut()) else {
                return Err(wrong(&format!("unexpected end element </{name}>")));
            };
            if element.name != name {
                return Err(wrong(&format!("element <{}> closed by </{name}>", element.name)));
            }
            above.put(local(name).to_owned(), element.value());
        } else {
            cursor.next();
            made.one().map_err(|message| wrong(&message))?;
            deep(open.len()).map_err(|message| wrong(&message))?;
            let name = name(&mut cursor)?;
            let mut element = Open { name, ..Open::default() };
            let closed = attributes(&mut cursor, &mut made, &mut |name, value| {
                element.put(format!("-{name}"), Value::Text(value));
            })?;
            match (closed, open.last_mut()) {
                (true, Some(above)) => above.put(local(name).to_owned(), element.value()),
                _ => open.push(element),
            }
        }
    }
    if open.len() > 1 {
        let name = open.last().map_or("", |element| element.name);
        return Err(cursor.fault(format!("unexpected EOF: element <{name}> is not closed")));
    }
    Ok(open.pop().unwrap_or_default().value())
}

/// The text of a CDATA section, if one follows.
fn section(cursor: &mut Cursor<'_>) -> Result<Option<String>, Fault> {
    let start = cursor.at;
    if !cursor.take("<![CDATA[") {
        return Ok(None);
    }
    let end = cursor.rest().find("]]>").ok_or_else(|| cursor.fault_at(start, "unexpected EOF in CDATA section"))?;
    let data = cursor.rest()[..end].replace("\r\n", "\n").replace('\r', "\n");
    cursor.at += end + 3;
    Ok(Some(data))
}

/// Goes past a comment, a declaration or an instruction; whether there was one.
fn skipped(cursor: &mut Cursor<'_>) -> Result<bool, Fault> {
    let start = cursor.at;
    let text = cursor.text;
    let wrong = |message: &str| Fault::at(text, start, message);
    if cursor.take("<!--") {
        let rest = cursor.rest();
        let end = rest.find("--").ok_or_else(|| wrong("unexpected EOF in a comment"))?;
        if !rest[end..].starts_with("-->") {
            return Err(wrong("invalid sequence \"--\" not allowed in comments"));
        }
        cursor.at += end + 3;
    } else if cursor.take("<!") {
        directive(cursor).ok_or_else(|| wrong("unexpected EOF in a declaration"))?;
    } else if cursor.take("<?") {
        let end = cursor.rest().find("?>").ok_or_else(|| wrong("unexpected EOF in a processing instruction"))?;
        cursor.at += end + 2;
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// The name of an end tag, behind its `</`.
fn closing<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, Fault> {
    let name = name(cursor)?;
    cursor.take_while(space);
    match cursor.take(">") {
        true => Ok(name),
        false => Err(cursor.fault(format!("invalid characters between </{name} and >"))),
    }
}

fn set(open: &mut [Open<'_>], data: &str) {
    if let Some(element) = open.last_mut() {
        let ends = |c: char| c.is_whitespace() || c.is_control();
        element.data = data.trim_matches(ends).to_owned();
    }
}

fn space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// A name behind its prefix.
fn local(name: &str) -> &str {
    match name.split_once(':') {
        Some((prefix, local)) if !prefix.is_empty() && !local.is_empty() => local,
        _ => name,
    }
}

fn name<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, Fault> {
    let starts = |c: char| c.is_alphabetic() || matches!(c, '_' | ':');
    if !cursor.peek().is_some_and(starts) {
        return Err(cursor.fault("expected a name"));
    }
    let name = cursor.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '-' | '.' | '·'));
    match name.matches(':').count() > 1 {
        true => Err(cursor.fault(format!("the name {name} has two prefixes"))),
        false => Ok(name),
    }
}

/// Attributes, by their names behind prefixes, and the end of a tag; whether it closes itself.
fn attributes<'a>(
    cursor: &mut Cursor<'a>,
    made: &mut Made,
    put: &mut dyn FnMut(&'a str, String),
) -> Result<bool, Fault> {
    loop {
        cursor.take_while(space);
        if cursor.take("/>") {
            return Ok(true);
        }
        if cursor.take(">") {
            return Ok(false);
        }
        let name = name(cursor)?;
        cursor.take_while(space);
        if !cursor.take("=") {
            return Err(cursor.fault("attribute name without = in element"));
        }
        cursor.take_while(space);
        let quote = cursor.peek().filter(|c| matches!(c, '"' | '\''));
        let Some(quote) = quote else { return Err(cursor.fault("unquoted or missing attribute value in element")) };
        cursor.next();
        let start = cursor.at;
        let raw = cursor.take_while(|c| c != quote && c != '<');
        if cursor.next() != Some(quote) {
            return Err(cursor.fault_at(start, "unescaped < or end of file inside quoted string"));
        }
        let value = unescaped(cursor.text, start, raw)?;
        made.one().map_err(|message| cursor.fault(message))?;
        put(local(name), value);
    }
}

/// Text up to the next tag.
fn characters(cursor: &mut Cursor<'_>) -> Result<String, Fault> {
    let start = cursor.at;
    let raw = cursor.take_while(|c| c != '<');
    if let Some(at) = raw.find("]]>") {
        return Err(cursor.fault_at(start + at, "unescaped ]]> not in CDATA section"));
    }
    unescaped(cursor.text, start, raw)
}

/// Characters and entities of XML; line ends as one.
fn unescaped(text: &str, start: usize, raw: &str) -> Result<String, Fault> {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r') || c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}');
    if let Some((at, c)) = raw.char_indices().find(|(_, c)| !allowed(*c)) {
        return Err(Fault::at(text, start + at, format!("illegal character code U+{:04X}", u32::from(c))));
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '\r']) {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if rest.as_bytes().get(at) == Some(&b'\r') {
            out.push('\n');
            rest = after.strip_prefix('\n').unwrap_or(after);
            continue;
        }
        let entity = after.split_once(';').and_then(|(name, after)| Some((entity(name)?, after)));
        let Some((c, after)) = entity else {
            let shown: String = rest[at..].chars().take_while(|c| !c.is_whitespace()).take(20).collect();
            let place = start + (raw.len() - rest.len()) + at;
            return Err(Fault::at(text, place, format!("invalid character entity {shown}")));
        };
        out.push(c);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn entity(name: &str) -> Option<char> {
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "apos" => '\'',
        "quot" => '"',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    })
}

/// `<!DOCTYPE … >` with what it nests, which is not read.
fn directive(cursor: &mut Cursor<'_>) -> Option<()> {
    let mut depth = 1usize;
    let mut quote = None;
    while depth > 0 {
        if quote.is_none() && cursor.take("<!--") {
            cursor.at += cursor.rest().find("-->")? + 3;
            continue;
        }
        let c = cursor.next()?;
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '<') => depth += 1,
            (None, '>') => depth -= 1,
            _ => {}
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_whole_is_refused_with_its_place() {
        for (text, line, column) in
            [("<a><b></a>", 1, 7), ("<a>\n <b x=1/></a>", 2, 7), ("<a>&lol;</a>", 1, 4), ("<a>", 1, 4), ("</a>", 1, 1)]
        {
            let fault = read(text).unwrap_err();
            assert_eq!((fault.line, fault.column), (line, column), "{text}: {fault}");
        }
    }

    #[test]
    fn nesting_has_an_end() {
        assert!(read(&"<a>".repeat(100_000)).is_err());
    }

    #[test]
    fn entities_of_a_document_type_are_unknown() {
        let bomb = "<!DOCTYPE a [<!ENTITY x \"yyyy\"><!ENTITY z \"&x;&x;\">]><a>&z;</a>";
        assert!(read(bomb).unwrap_err().message.contains("&z;"));
    }
}
