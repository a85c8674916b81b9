//! `.env` files. In: lines `KEY=value` or `KEY: value`. Out: keys and texts, with `$KEY` and `${KEY}` put in place: of the
//! environment, or else of an earlier line. A line that is none of this is a fault.

use std::sync::LazyLock;

use regex::Regex;

use crate::{Around, Fault, MAX_EXPANDED, Made, Map, Value};

/// A line: its key, and its value as written.
static LINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let space = r"[\t\n\f\r ]";
    let line = format!(
        r#"\A{space}*(?:export{space}+)?([0-9A-Za-z_.]+)(?:{space}*={space}*|:{space}+?)('(?:'|[^'])*'|"(?:"|[^"])*"|[^#\n]+)?{space}*(?:{space}*\#.*)?\z"#
    );
    Regex::new(&line).ok()
});
static ESCAPED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\\([^$])").ok());
static VARIABLE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(\\)?(\$)(\{?([A-Z0-9_]+)?\}?)").ok());

pub fn read(text: &str, around: &Around<'_>) -> Result<Value, Fault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = lines(text).into_iter().enumerate();
    let mut map: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
    let mut left = MAX_EXPANDED;
    let mut made = Made::default();
    while let Some((number, line)) = lines.next() {
        let fault = |message: String| Fault::in_line(number + 1, message);
        let mut line = line.trim().to_owned();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut quote = open_quote(&line);
        while let Some(mark) = quote {
            let Some((_, next)) = lines.next() else { return Err(fault("missing quotes".into())) };
            line.push('\n');
            line.push_str(next);
            match next.rfind(mark) {
                Some(at) if at > 0 && next.as_bytes().get(at - 1) == Some(&b'\\') => {}
                Some(_) => quote = None,
                None => {}
            }
        }
        made.one().map_err(fault)?;
        let (key, value) = one(&line, &map, around).map_err(fault)?;
        left = left
            .checked_sub(value.len())
            .ok_or_else(|| fault(format!("its references make more than {} MiB", MAX_EXPANDED >> 20)))?;
        map.insert(key, value);
    }
    Ok(Value::Map(map.into_iter().map(|(key, value)| (key, Value::Text(value))).collect::<Map>()))
}

/// Lines that end with any of the three ends.
fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.find(['\n', '\r']) {
        lines.push(&rest[..end]);
        let length = if rest[end..].starts_with("\r\n") { 2 } else { 1 };
        rest = &rest[end + length..];
    }
    lines.push(rest);
    lines
}

/// The quote that a line opens and does not close.
fn open_quote(line: &str) -> Option<char> {
    let delimiter = line.find('=').or_else(|| line.find(':'))?;
    if delimiter == 0 || delimiter + 1 >= line.len() {
        return None;
    }
    let value = line[delimiter + 1..].trim();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    match value[1..].trim().rfind(quote) {
        Some(at) if value.as_bytes().get(at) != Some(&b'\\') => None,
        _ => Some(quote),
    }
}

fn one(
    line: &str,
    earlier: &std::collections::BTreeMap<String, String>,
    around: &Around<'_>,
) -> Result<(String, String), String> {
    let no_line = || format!("line `{line}` doesn't match format");
    let found = LINE.as_ref().and_then(|pattern| pattern.captures(line)).ok_or_else(no_line)?;
    let key = found.get(1).map_or("", |key| key.as_str()).trim().to_owned();
    let mut value = found.get(2).map_or("", |value| value.as_str()).trim().to_owned();
    let quoted = |quote: char| value.len() >= 2 && value.starts_with(quote) && value.ends_with(quote);
    let (double, single) = (quoted('"'), quoted('\''));
    if double || single {
        value = value[1..value.len() - 1].to_owned();
    }
    if single {
        return Ok((key, value));
    }
    if double {
        value = value.replace("\\n", "\n").replace("\\r", "\r");
        if let Some(pattern) = ESCAPED.as_ref() {
            value = pattern.replace_all(&value, "$1").into_owned();
        }
    }
    let Some(pattern) = VARIABLE.as_ref() else { return Ok((key, value)) };
    let mut out = String::new();
    let mut last = 0;
    for found in pattern.captures_iter(&value) {
        let Some(whole) = found.get(0) else { continue };
        out.push_str(&value[last..whole.start()]);
        last = whole.end();
        match (found.get(1), found.get(4)) {
            (Some(_), _) => out.push_str(&whole.as_str()[1..]),
            (None, None) => out.push_str(whole.as_str()),
            (None, Some(name)) => {
                let name = name.as_str();
                let put = (around.environment)(name).or_else(|| earlier.get(name).cloned());
                out.push_str(&put.unwrap_or_default());
            }
        }
        if out.len() > MAX_EXPANDED {
            return Err(format!("its references make more than {} MiB", MAX_EXPANDED >> 20));
        }
    }
    out.push_str(&value[last..]);
    Ok((key, out))
}
