//! `.gitignore` and `.dockerignore`. In: lines. Out: `[[{Kind, Value, Original}, …]]`, every line an entry, the empty ones too.
//!
//! As in conftest, the unescaping of a path takes bytes for characters: a path that is not ASCII has its UTF-8 read as Latin 1
//! in `Value`, and `Original` as it is.

use crate::{Fault, Made, Value};

pub fn read(text: &str) -> Result<Value, Fault> {
    let mut made = Made::default();
    let mut entries = Vec::new();
    for (at, line) in text.split('\n').enumerate() {
        // A map of three texts.
        made.some(4).map_err(|message| Fault::in_line(at + 1, message))?;
        entries.push(entry(line));
    }
    Ok(Value::List(vec![Value::List(entries)]))
}

fn entry(line: &str) -> Value {
    let stripped = stripped(line);
    let (kind, value) = match line.chars().next() {
        _ if stripped.is_empty() => ("Empty", line.to_owned()),
        Some('#') => ("Comment", stripped.get(1..).unwrap_or_default().trim().to_owned()),
        Some('!') => ("NegatedPath", unescaped(stripped.get(1..).unwrap_or_default())),
        _ => ("Path", unescaped(stripped)),
    };
    Value::map([("Kind", Value::text(kind)), ("Value", Value::text(value)), ("Original", Value::text(line))])
}

/// Without the spaces at its end; one behind a backslash stays.
fn stripped(line: &str) -> &str {
    let short = line.trim_end_matches(' ');
    match short.ends_with('\\') && short.len() < line.len() {
        true => &line[..=short.len()],
        false => short,
    }
}

/// Without backslashes, of which two stand for one.
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(char::from(byte));
        } else if bytes.next_if_eq(&b'\\').is_some() {
            out.push('\\');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_their_kinds() {
        let kinds = |text: &str| match read(text).unwrap() {
            Value::List(outer) => match outer.into_iter().next() {
                Some(Value::List(lines)) => lines
                    .into_iter()
                    .map(|line| match line {
                        Value::Map(map) => match (&map["Kind"], &map["Value"]) {
                            (Value::Text(kind), Value::Text(value)) => format!("{kind}:{value}"),
                            _ => String::new(),
                        },
                        _ => String::new(),
                    })
                    .collect::<Vec<_>>(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        assert_eq!(
            kinds("# a \n!b\\#c\n\nx\\ y  \nz\\ \nend\\"),
            ["Comment:a", "NegatedPath:b#c", "Empty:", "Path:x y", "Path:z ", "Path:end"]
        );
    }
}
