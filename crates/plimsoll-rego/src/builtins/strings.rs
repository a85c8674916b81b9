//! Strings. In: texts. Out: texts, positions and answers about them; positions count characters. Linear in the texts, paid
//! before the work.

use std::collections::BTreeSet;

use num_bigint::BigInt;

use super::operand::{
    any, array, integer, members, number, object, string, strings, wrong_element, wrong_type, wrong_value,
};
use super::{Builtin, Context, Failure, Outcome};
use crate::value::{Float, Number, Value, cost};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new(
        "concat",
        "(delimiter: string, collection: any<array[string], set[string]>) => output: string",
        concat,
    ),
    Builtin::new("contains", "(haystack: string, needle: string) => result: boolean", |context, args| {
        asked(context, args, |text, part| text.contains(part))
    }),
    Builtin::new("startswith", "(search: string, base: string) => result: boolean", |context, args| {
        asked(context, args, |text, part| text.starts_with(part))
    }),
    Builtin::new("endswith", "(search: string, base: string) => result: boolean", |context, args| {
        asked(context, args, |text, part| text.ends_with(part))
    }),
    Builtin::new("format_int", "(number: number, base: number) => output: string", format_int),
    Builtin::new("indexof", "(haystack: string, needle: string) => output: number", index_of),
    Builtin::new("indexof_n", "(haystack: string, needle: string) => output: array[number]", index_of_n),
    Builtin::new("substring", "(value: string, offset: number, length: number) => output: string", substring),
    Builtin::new("lower", "(x: string) => y: string", |context, args| mapped(context, args, lower)),
    Builtin::new("upper", "(x: string) => y: string", |context, args| mapped(context, args, upper)),
    Builtin::new("split", "(x: string, delimiter: string) => ys: array[string]", split),
    Builtin::new("strings.split_n", "(x: string, delimiter: string, n: number) => ys: array[string]", split_n),
    Builtin::new("replace", "(x: string, old: string, new: string) => y: string", replace),
    Builtin::new("strings.replace_n", "(patterns: object[string: string], value: string) => output: string", replace_n),
    Builtin::new("strings.count", "(search: string, substring: string) => output: number", count),
    Builtin::new("strings.reverse", "(x: string) => y: string", reverse),
    Builtin::new(
        "strings.any_prefix_match",
        "(search: any<string, array[string], set[string]>, base: any<string, array[string], set[string]>) => result: boolean",
        |context, args| any_affix(context, args, false),
    ),
    Builtin::new(
        "strings.any_suffix_match",
        "(search: any<string, array[string], set[string]>, base: any<string, array[string], set[string]>) => result: boolean",
        |context, args| any_affix(context, args, true),
    ),
    Builtin::new("trim", "(value: string, cutset: string) => output: string", |context, args| {
        trimmed(context, args, true, true)
    }),
    Builtin::new("trim_left", "(value: string, cutset: string) => output: string", |context, args| {
        trimmed(context, args, true, false)
    }),
    Builtin::new("trim_right", "(value: string, cutset: string) => output: string", |context, args| {
        trimmed(context, args, false, true)
    }),
    Builtin::new("trim_prefix", "(value: string, prefix: string) => output: string", |context, args| {
        cut(context, args, |text, part| text.strip_prefix(part))
    }),
    Builtin::new("trim_suffix", "(value: string, suffix: string) => output: string", |context, args| {
        cut(context, args, |text, part| text.strip_suffix(part))
    }),
    Builtin::new("trim_space", "(value: string) => output: string", trim_space),
    Builtin::new("sprintf", "(format: string, values: array[any]) => output: string", sprintf),
];

/// The new text, or the old value where they are the same.
fn text(old: &Value, new: &str) -> Outcome {
    Ok(Some(if old.as_str() == Some(new) { old.clone() } else { Value::string(new) }))
}

fn asked(context: &mut Context<'_>, args: &[Value], holds: fn(&str, &str) -> bool) -> Outcome {
    let (text, part) = (string(args, 0)?, string(args, 1)?);
    context.pay_text(text.len())?;
    Ok(Some(Value::Bool(holds(text, part))))
}

fn concat(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let separator = string(args, 0)?;
    let items = members(args, 1, &["set", "array"])?;
    let mut length = separator.len().saturating_mul(items.len().saturating_sub(1));
    for item in items {
        let Some(text) = item.as_str() else { return Err(wrong_element(1, any(args, 1)?, item, &["string"])) };
        length = length.saturating_add(text.len());
    }
    context.pay_values(items.len())?;
    if let [one] = items {
        return Ok(Some(one.clone()));
    }
    context.pay_new_text(length)?;
    let mut joined = String::with_capacity(length);
    for (at, text) in items.iter().filter_map(Value::as_str).enumerate() {
        if at > 0 {
            joined.push_str(separator);
        }
        joined.push_str(text);
    }
    Ok(Some(Value::string(joined)))
}

fn format_int(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (input, base) = (number(args, 0)?, number(args, 1)?);
    context.meter.steps(cost(&[input]))?;
    let radix = match base.to_string().as_str() {
        "2" => 2,
        "8" => 8,
        "10" => 10,
        "16" => 16,
        _ => return Err(wrong_value(1, &["2", "8", "10", "16"])),
    };
    let whole = match input.plain() {
        Some(number) => BigInt::from(number),
        None if input.is_integer_text() => input.as_big().unwrap_or_default(),
        // Cut off towards zero.
        None => Float::from_number(input).truncated(),
    };
    context.pay_new_text(usize::try_from(whole.bits()).unwrap_or(usize::MAX))?;
    Ok(Some(Value::string(whole.to_str_radix(radix))))
}

fn searched<'a>(context: &mut Context<'_>, args: &'a [Value]) -> Result<(&'a str, &'a str), Failure> {
    let (text, part) = (string(args, 0)?, string(args, 1)?);
    if part.is_empty() {
        return Err(Failure::builtin("empty search character"));
    }
    context.pay_text(text.len())?;
    Ok((text, part))
}

fn index_of(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (text, part) = searched(context, args)?;
    Ok(Some(match text.find(part) {
        Some(at) => Value::Number(Number::from(text.get(..at).unwrap_or_default().chars().count())),
        None => Value::int(-1),
    }))
}

/// All positions, of overlapping ones too.
fn index_of_n(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (text, part) = searched(context, args)?;
    let mut found = Vec::new();
    let (mut start, mut position) = (0, 0);
    while let Some(rest) = text.get(start..) {
        let Some(at) = rest.find(part) else { break };
        context.pay_new_values(1)?;
        context.pay_text(at.saturating_add(part.len()))?;
        position += rest.get(..at).unwrap_or_default().chars().count();
        found.push(Value::Number(Number::from(position)));
        position += 1;
        start += at + rest.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
    }
    Ok(Some(Value::array(found)))
}

fn substring(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let base = string(args, 0)?;
    let (start, length) = (integer(args, 1)?, integer(args, 2)?);
    let Ok(start) = usize::try_from(start) else { return Err(Failure::builtin("negative offset")) };
    context.pay_new_text(base.len())?;
    // The byte where a character starts, or the end.
    let byte = |text: &str, index: usize| text.char_indices().nth(index).map_or(text.len(), |(at, _)| at);
    let rest = base.get(byte(base, start)..).unwrap_or_default();
    let part = match usize::try_from(length) {
        Ok(length) => rest.get(..byte(rest, length)).unwrap_or_default(),
        Err(_) => rest,
    };
    text(any(args, 0)?, part)
}

fn mapped(context: &mut Context<'_>, args: &[Value], map: fn(char) -> char) -> Outcome {
    let base = string(args, 0)?;
    context.pay_new_text(base.len())?;
    text(any(args, 0)?, &base.chars().map(map).collect::<String>())
}

/// One character for one, as Go maps them, where Rust may give several.
pub(super) fn lower(c: char) -> char {
    let mut mapped = c.to_lowercase();
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        // İ is the only one.
        (Some(first), _) => first,
        (None, _) => c,
    }
}

pub(super) fn upper(c: char) -> char {
    let mut mapped = c.to_uppercase();
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => match c {
            '\u{1f80}'..='\u{1faf}' => char::from_u32(u32::from(c) | 8).unwrap_or(c),
            '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => char::from_u32(u32::from(c) + 9).unwrap_or(c),
            _ => c,
        },
    }
}

/// Go's `strings.Split`, where an empty separator stands between all characters.
fn parts<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    if separator.is_empty() {
        let ends = text.char_indices().map(|(at, c)| text.get(at..at + c.len_utf8()).unwrap_or_default());
        return ends.collect();
    }
    text.split(separator).collect()
}

fn pay_parts(context: &mut Context<'_>, text: &str, separator: &str) -> Result<(), Failure> {
    context.pay_text(text.len())?;
    let most = if separator.is_empty() { text.len() } else { text.matches(separator).count() + 1 };
    context.pay_new_values(most)?;
    context.pay_new_text(text.len().saturating_add(most.saturating_mul(16)))
}

fn split(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (text, separator) = (string(args, 0)?, string(args, 1)?);
    pay_parts(context, text, separator)?;
    Ok(Some(Value::array(parts(text, separator).into_iter().map(Value::string).collect())))
}

/// The first parts, or with a negative count the last ones.
fn split_n(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (text, separator) = (string(args, 0)?, string(args, 1)?);
    let count = integer(args, 2)?;
    pay_parts(context, text, separator)?;
    let all = parts(text, separator);
    let size = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX).min(all.len());
    let wanted = if count < 0 { all.get(all.len() - size..) } else { all.get(..size) };
    Ok(Some(Value::array(wanted.unwrap_or_default().iter().map(|part| Value::string(*part)).collect())))
}

fn replace(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (base, old, new) = (string(args, 0)?, string(args, 1)?, string(args, 2)?);
    text(any(args, 0)?, &replaced(context, base, &[(&**old, &**new)])?)
}

fn replace_n(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let patterns = object(args, 0)?;
    let base = string(args, 1)?;
    let mut pairs = Vec::with_capacity(patterns.entries().len());
    for (key, value) in patterns.entries() {
        let Some(key) = key.as_str() else {
            return Err(Failure::operand("operand 1 non-string key found in pattern object"));
        };
        let Some(value) = value.as_str() else {
            return Err(Failure::operand("operand 1 non-string value found in pattern object"));
        };
        pairs.push((key, value));
    }
    Ok(Some(Value::string(replaced(context, base, &pairs)?)))
}

/// Go's `strings.Replacer`: at each byte the first of the pairs that fits; an empty one fits everywhere, but not twice at
/// one place, and may so cut a character apart.
fn replaced(context: &mut Context<'_>, text: &str, pairs: &[(&str, &str)]) -> Result<String, Failure> {
    let mut by_first: Vec<Vec<(&str, &str)>> = vec![Vec::new(); 256];
    let mut empty = None;
    context.pay_values(pairs.len())?;
    for (old, new) in pairs {
        match old.as_bytes().first() {
            Some(byte) => {
                if let Some(list) = by_first.get_mut(usize::from(*byte)) {
                    list.push((old, new));
                }
            }
            // Sorted, it comes first.
            None => empty = empty.or(Some(*new)),
        }
    }
    context.pay_new_text(text.len())?;
    let bytes = text.as_bytes();
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    let (mut at, mut last, mut was_empty) = (0, 0, false);
    while at <= bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let fitting = if let Some(new) = empty.filter(|_| !was_empty) {
            Some((0, new))
        } else {
            let list = rest.first().and_then(|byte| by_first.get(usize::from(*byte)));
            let list = list.map_or(&[] as &[_], Vec::as_slice);
            context.meter.steps(list.len() as u64)?;
            list.iter().find(|(old, _)| rest.starts_with(old.as_bytes())).map(|(old, new)| (old.len(), *new))
        };
        was_empty = matches!(fitting, Some((0, _)));
        match fitting {
            Some((length, new)) => {
                context.pay_new_text(new.len().saturating_add(at - last))?;
                out.extend_from_slice(bytes.get(last..at).unwrap_or_default());
                out.extend_from_slice(new.as_bytes());
                at += length;
                last = at;
            }
            None => at += 1,
        }
    }
    out.extend_from_slice(bytes.get(last..).unwrap_or_default());
    Ok(String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

fn count(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (text, part) = (string(args, 0)?, string(args, 1)?);
    context.pay_text(text.len())?;
    let count = if part.is_empty() { text.chars().count() + 1 } else { text.matches(&**part).count() };
    Ok(Some(Value::Number(Number::from(count))))
}

fn reverse(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let base = string(args, 0)?;
    context.pay_new_text(base.len())?;
    Ok(Some(Value::string(base.chars().rev().collect::<String>())))
}

/// A string, or all of an array or set of strings.
fn one_or_more(args: &[Value], at: usize) -> Result<Vec<&str>, Failure> {
    match any(args, at)? {
        Value::String(text) => Ok(vec![text]),
        Value::Array(_) | Value::Set(_) => strings(args, at),
        other => Err(wrong_type(at, other, &["string", "set", "array"])),
    }
}

fn any_affix(context: &mut Context<'_>, args: &[Value], suffix: bool) -> Outcome {
    let (texts, affixes) = (one_or_more(args, 0)?, one_or_more(args, 1)?);
    let bytes = |list: &[&str]| list.iter().fold(list.len() * 16, |sum, text| sum.saturating_add(text.len()));
    context.pay_text(bytes(&texts).saturating_add(bytes(&affixes)).saturating_mul(4))?;
    let turned =
        |text: &str| -> Vec<u8> { if suffix { text.bytes().rev().collect() } else { text.as_bytes().to_vec() } };
    let mut sorted: Vec<Vec<u8>> = texts.into_iter().map(turned).collect();
    sorted.sort();
    // Texts that begin with an affix follow it at once in this order.
    let found = affixes.into_iter().map(turned).any(|affix| {
        let at = sorted.partition_point(|text| *text < affix);
        sorted.get(at).is_some_and(|text| text.starts_with(&affix))
    });
    Ok(Some(Value::Bool(found)))
}

fn trimmed(context: &mut Context<'_>, args: &[Value], left: bool, right: bool) -> Outcome {
    let (base, cut) = (string(args, 0)?, string(args, 1)?);
    context.pay_text(base.len().saturating_add(cut.len()))?;
    context.pay_new_text(base.len())?;
    let cut: BTreeSet<char> = cut.chars().collect();
    let mut rest = &**base;
    if left {
        rest = rest.trim_start_matches(|c| cut.contains(&c));
    }
    if right {
        rest = rest.trim_end_matches(|c| cut.contains(&c));
    }
    text(any(args, 0)?, rest)
}

fn cut(context: &mut Context<'_>, args: &[Value], strip: for<'a> fn(&'a str, &str) -> Option<&'a str>) -> Outcome {
    let (base, part) = (string(args, 0)?, string(args, 1)?);
    context.pay_new_text(base.len())?;
    text(any(args, 0)?, strip(base, part).unwrap_or(base))
}

fn trim_space(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let base = string(args, 0)?;
    context.pay_new_text(base.len())?;
    text(any(args, 0)?, base.trim())
}

fn sprintf(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let format = string(args, 0)?;
    let items = array(args, 1)?.items();
    Ok(Some(Value::string(super::sprintf::formatted(context, format, items)?)))
}
