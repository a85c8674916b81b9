//! Texts: the standard functions, and cel-go's string library as Kubernetes has it (version 2).

use super::{Row, cost, priced, row};
use crate::budget::{Meter, Out, error};
use crate::value::{List, Value};

fn out_of_range(at: i64) -> Out {
    error(format!("index out of range: {at}"))
}

fn whole(number: usize) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn two(args: &[Value], test: fn(&str, &str) -> bool) -> Out {
    match args {
        [Value::String(text), Value::String(part)] => Ok(Value::Bool(test(text, part))),
        _ => Err(super::no_such_overload()),
    }
}

fn char_at(_: &mut Meter<'_>, args: &[Value]) -> Out {
    let [Value::String(text), Value::Int(at)] = args else { return Err(super::no_such_overload()) };
    let Ok(number) = usize::try_from(*at) else { return out_of_range(*at) };
    match text.chars().nth(number) {
        Some(letter) => Ok(Value::string(letter.to_string())),
        None if text.chars().count() == number => Ok(Value::string("")),
        None => out_of_range(*at),
    }
}

fn index_of(_: &mut Meter<'_>, args: &[Value]) -> Out {
    let (text, part, offset) = match args {
        [Value::String(text), Value::String(part)] => (text, part, 0),
        [Value::String(text), Value::String(part), Value::Int(offset)] => (text, part, *offset),
        _ => return Err(super::no_such_overload()),
    };
    if part.is_empty() {
        return Ok(Value::Int(offset));
    }
    let Ok(start) = usize::try_from(offset) else { return out_of_range(offset) };
    let Some((byte, _)) = text.char_indices().nth(start) else { return Ok(Value::Int(-1)) };
    let rest = text.get(byte..).unwrap_or("");
    Ok(match rest.find(&**part) {
        Some(found) => whole(start + rest.get(..found).unwrap_or("").chars().count()),
        None => Value::Int(-1),
    })
}

fn last_index_of(_: &mut Meter<'_>, args: &[Value]) -> Out {
    let (text, part, offset) = match args {
        [Value::String(text), Value::String(part)] => (text, part, None),
        [Value::String(text), Value::String(part), Value::Int(offset)] => (text, part, Some(*offset)),
        _ => return Err(super::no_such_overload()),
    };
    let count = text.chars().count();
    if part.is_empty() {
        return Ok(offset.map_or_else(|| whole(count), Value::Int));
    }
    let reach = match offset {
        None => text.len(),
        Some(offset) => {
            let Ok(last) = usize::try_from(offset) else { return out_of_range(offset) };
            if last >= count {
                return Ok(Value::Int(-1));
            }
            // The part may begin at the last place and reach beyond it.
            text.char_indices().nth(last).map_or(text.len(), |(byte, _)| (byte + part.len()).min(text.len()))
        }
    };
    let mut reach = reach;
    while !text.is_char_boundary(reach) {
        reach += 1;
    }
    let head = text.get(..reach).unwrap_or("");
    Ok(match head.rfind(&**part) {
        Some(found) => whole(head.get(..found).unwrap_or("").chars().count()),
        None => Value::Int(-1),
    })
}

fn joined(meter: &mut Meter<'_>, list: &List, between: &str) -> Out {
    let mut out = String::new();
    for (number, item) in list.items().iter().enumerate() {
        let Value::String(text) = item else { return Err(super::no_such_overload()) };
        if number > 0 {
            meter.memory(between.len())?;
            out.push_str(between);
        }
        meter.memory(text.len() + 1)?;
        out.push_str(text);
    }
    Ok(Value::string(out))
}

fn join(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    match args {
        [Value::List(list)] => joined(meter, list, ""),
        [Value::List(list), Value::String(between)] => joined(meter, list, between),
        _ => Err(super::no_such_overload()),
    }
}

fn replace(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    let (text, old, new, limit) = match args {
        [Value::String(text), Value::String(old), Value::String(new)] => (text, old, new, -1),
        [Value::String(text), Value::String(old), Value::String(new), Value::Int(limit)] => (text, old, new, *limit),
        _ => return Err(super::no_such_overload()),
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let found = if old.is_empty() { text.chars().count() + 1 } else { text.matches(&**old).count() };
    meter.memory(text.len().saturating_add(found.min(limit).saturating_mul(new.len())))?;
    Ok(Value::string(text.replacen(&**old, new, limit)))
}

/// As Go splits: by nothing, into letters.
fn split_text<'a>(text: &'a str, by: &str, limit: i64) -> Vec<&'a str> {
    let Ok(limit) = usize::try_from(limit) else {
        return if by.is_empty() { letters(text, usize::MAX) } else { text.split(by).collect() };
    };
    match limit {
        0 => Vec::new(),
        _ if by.is_empty() => letters(text, limit),
        _ => text.splitn(limit, by).collect(),
    }
}

fn letters(text: &str, limit: usize) -> Vec<&str> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some(letter) = rest.chars().next() {
        if parts.len() + 1 >= limit {
            parts.push(rest);
            break;
        }
        let (head, tail) = rest.split_at(letter.len_utf8());
        parts.push(head);
        rest = tail;
    }
    parts
}

fn split(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    let (text, by, limit) = match args {
        [Value::String(text), Value::String(by)] => (text, by, -1),
        [Value::String(text), Value::String(by), Value::Int(limit)] => (text, by, *limit),
        _ => return Err(super::no_such_overload()),
    };
    let parts = split_text(text, by, limit);
    meter.memory(text.len().saturating_add(parts.len().saturating_mul(size_of::<Value>() * 2)))?;
    Ok(Value::list(parts.into_iter().map(Value::string).collect()))
}

fn substring(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    let (text, start, end) = match args {
        [Value::String(text), Value::Int(start)] => (text, *start, None),
        [Value::String(text), Value::Int(start), Value::Int(end)] => (text, *start, Some(*end)),
        _ => return Err(super::no_such_overload()),
    };
    meter.memory(text.len())?;
    if let Some(end) = end.filter(|end| start > *end) {
        return error(format!("invalid substring range. start: {start}, end: {end}"));
    }
    let count = text.chars().count();
    let place = |at: i64| usize::try_from(at).ok().filter(|at| *at <= count);
    let byte = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
    let Some(from) = place(start) else { return out_of_range(start) };
    let to = match end {
        None => text.len(),
        Some(end) => match place(end) {
            Some(to) => byte(to),
            None => return out_of_range(end),
        },
    };
    Ok(Value::string(text.get(byte(from)..to).unwrap_or("")))
}

fn mapped(meter: &mut Meter<'_>, args: &[Value], by: fn(&str) -> String) -> Out {
    let [Value::String(text)] = args else { return Err(super::no_such_overload()) };
    meter.memory(text.len())?;
    Ok(Value::string(by(text)))
}

fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

pub(super) const ROWS: &[Row] = &[
    priced("string.contains(string) -> bool", cost::product, |_, args| two(args, |text, part| text.contains(part))),
    priced("string.startsWith(string) -> bool", cost::pass, |_, args| two(args, |text, part| text.starts_with(part))),
    priced("string.endsWith(string) -> bool", cost::pass, |_, args| two(args, |text, part| text.ends_with(part))),
    row("string.charAt(int) -> string", char_at),
    priced("string.indexOf(string) -> int", cost::tree, index_of),
    priced("string.indexOf(string, int) -> int", cost::tree, index_of),
    priced("string.lastIndexOf(string) -> int", cost::tree, last_index_of),
    priced("string.lastIndexOf(string, int) -> int", cost::tree, last_index_of),
    priced("list(string).join() -> string", cost::made, join),
    priced("list(string).join(string) -> string", cost::made, join),
    priced("string.lowerAscii() -> string", cost::pass, |meter, args| mapped(meter, args, str::to_ascii_lowercase)),
    priced("string.upperAscii() -> string", cost::pass, |meter, args| mapped(meter, args, str::to_ascii_uppercase)),
    priced("string.replace(string, string) -> string", cost::two_passes, replace),
    priced("string.replace(string, string, int) -> string", cost::two_passes, replace),
    priced("string.split(string) -> list(string)", cost::two_passes, split),
    priced("string.split(string, int) -> list(string)", cost::two_passes, split),
    priced("string.substring(int) -> string", cost::pass, substring),
    priced("string.substring(int, int) -> string", cost::pass, substring),
    priced("string.trim() -> string", cost::pass, |meter, args| mapped(meter, args, |text| text.trim().to_owned())),
    priced("strings.quote(string) -> string", cost::pass, |meter, args| mapped(meter, args, quote)),
];
