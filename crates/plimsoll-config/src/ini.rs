//! INI files. In: text. Out: sections of keys, whose values are numbers and booleans where Go's `strconv` reads them as such:
//! `1` is a number, `t` is true. Keys before the first section are left out, as conftest does.

use crate::{Fault, Made, Map, Value, go};

/// The section that keys before the first one are in, and one of its name.
const DEFAULT: &str = "DEFAULT";

pub fn read(text: &str) -> Result<Value, Fault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = Lines { rest: Some(text), number: 0 };
    let mut sections: Map = Map::new();
    let mut here = DEFAULT.to_owned();
    sections.insert(here.clone(), Value::Map(Map::new()));
    let mut counter = 1;
    let mut made = Made::default();
    while let Some(line) = lines.next() {
        let number = lines.number;
        let fault = |message: String| Fault::in_line(number, message);
        let line = line.trim_start();
        match line.chars().next() {
            None | Some('#' | ';') => continue,
            Some('[') => {
                let end = line.rfind(']').ok_or_else(|| fault(format!("unclosed section: {line}")))?;
                here = line[1..end].to_owned();
                if here.is_empty() {
                    return Err(fault("empty section name".into()));
                }
                made.one().map_err(fault)?;
                sections.entry(here.clone()).or_insert_with(|| Value::Map(Map::new()));
                counter = 1;
                continue;
            }
            Some(_) => {}
        }
        let (mut name, rest) = key(line).map_err(fault)?;
        if name == "-" {
            name = format!("#{counter}");
            counter += 1;
        }
        if name.is_empty() {
            return Err(fault("error creating new key: empty key name".into()));
        }
        let value = value(rest, &mut lines).map_err(fault)?;
        made.one().map_err(fault)?;
        if let Some(Value::Map(section)) = sections.get_mut(&here) {
            section.insert(name, typed(value));
        }
    }
    sections.remove(DEFAULT);
    Ok(Value::Map(sections))
}

/// Lines with their ends, which tell an end of the file from an empty line.
struct Lines<'a> {
    rest: Option<&'a str>,
    number: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        self.number += 1;
        match rest.split_once('\n') {
            Some((_, after)) => {
                self.rest = Some(after);
                Some(&rest[..rest.len() - after.len()])
            }
            None => {
                self.rest = None;
                Some(rest)
            }
        }
    }
}

/// A key's name and what stands behind the delimiter.
fn key(line: &str) -> Result<(String, &str), String> {
    let no_delimiter = || format!("key-value delimiter not found: {line}");
    let quote = match line {
        _ if line.starts_with("\"\"\"") && line.len() > 6 => "\"\"\"",
        _ if line.starts_with('"') => "\"",
        _ if line.starts_with('`') => "`",
        _ => {
            let end = line.find(['=', ':']).ok_or_else(no_delimiter)?;
            if end == 0 {
                return Err(format!("empty key name: {line}"));
            }
            return Ok((line[..end].trim().to_owned(), &line[end + 1..]));
        }
    };
    let inner = &line[quote.len()..];
    let end = inner.find(quote).ok_or_else(|| format!("missing closing key quote: {line}"))?;
    let after = inner.get(end + quote.len()..).unwrap_or_default();
    let delimiter = after.find(['=', ':']).ok_or_else(no_delimiter)?;
    Ok((inner[..end].trim().to_owned(), &after[delimiter + 1..]))
}

fn value(text: &str, lines: &mut Lines<'_>) -> Result<String, String> {
    let line = text.trim_start();
    if line.is_empty() {
        return Ok(String::new());
    }
    let quote = match line {
        _ if line.len() > 3 && line.starts_with("\"\"\"") => "\"\"\"",
        _ if line.starts_with('`') => "`",
        _ => "",
    };
    if !quote.is_empty() {
        let inner = &line[quote.len()..];
        return match inner.rfind(quote) {
            Some(end) => Ok(inner[..end].to_owned()),
            None => multiline(line, inner, quote, lines),
        };
    }
    let line = line.trim();
    if let Some(before) = line.strip_suffix('\\') {
        return Ok(continued(before, lines));
    }
    let line = match line.find(['#', ';']) {
        Some(comment) => line[..comment].trim(),
        None => line,
    };
    let surrounded =
        |quote: char| line.len() >= 2 && line.starts_with(quote) && line[1..].find(quote) == Some(line.len() - 2);
    match surrounded('\'') || surrounded('"') {
        true => Ok(line[1..line.len() - 1].to_owned()),
        false => Ok(line.to_owned()),
    }
}

fn multiline(line: &str, first: &str, quote: &str, lines: &mut Lines<'_>) -> Result<String, String> {
    let mut value = first.to_owned();
    for next in lines {
        if let Some(end) = next.rfind(quote) {
            value.push_str(&next[..end]);
            return Ok(value);
        }
        value.push_str(next);
    }
    Err(format!("missing closing quote of {}", line.trim_end()))
}

fn continued(first: &str, lines: &mut Lines<'_>) -> String {
    let mut value = first.to_owned();
    for next in lines {
        let next = next.trim();
        if next.is_empty() {
            break;
        }
        match next.strip_suffix('\\') {
            Some(more) => value.push_str(more),
            None => {
                value.push_str(next);
                break;
            }
        }
    }
    value
}

fn typed(text: String) -> Value {
    match (go::float(&text).filter(|number| number.is_finite()), go::boolean(&text)) {
        (Some(number), _) => Value::Float(number),
        (None, Some(truth)) => Value::Bool(truth),
        (None, None) => Value::Text(text),
    }
}
