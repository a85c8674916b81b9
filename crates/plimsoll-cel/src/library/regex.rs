//! Regular expressions: Go's (RE2), in time linear in the text.

use std::sync::{Arc, Mutex, PoisonError};

use regex::Regex;

use super::{Row, cost, priced};
use crate::budget::{Meter, Out, error};
use crate::value::Value;

/// Bytes of a compiled expression: what needs more is refused, as bombs do.
const MAX_COMPILED: usize = 1 << 20;
/// Groups within one another: compiling recurses.
const MAX_GROUPS: usize = 100;
/// Expressions kept compiled; those of policies are few, and made texts are not kept beyond that.
const KEPT: usize = 64;

/// An expression as RE2 reads it, or why it is none.
pub(crate) fn compiled(pattern: &str) -> Result<Arc<Regex>, String> {
    static CACHE: Mutex<Vec<(String, Arc<Regex>)>> = Mutex::new(Vec::new());
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, regex)) = cache.iter().find(|(other, _)| other == pattern) {
        return Ok(regex.clone());
    }
    drop(cache);
    let translated = plimsoll_re2::translated(pattern)?;
    if translated.depth > MAX_GROUPS {
        return Err("error parsing regexp: expression nests too deeply".to_owned());
    }
    let regex = regex::RegexBuilder::new(&translated.pattern)
        .size_limit(MAX_COMPILED)
        .dfa_size_limit(MAX_COMPILED)
        .build()
        .map_err(|_| "error parsing regexp: expression too large".to_owned())?;
    let regex = Arc::new(regex);
    cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    if cache.len() >= KEPT {
        cache.remove(0);
    }
    cache.push((pattern.to_owned(), regex.clone()));
    Ok(regex)
}

fn expression(pattern: &str) -> Out<Arc<Regex>> {
    compiled(pattern).or_else(error)
}

fn matches(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    let [Value::String(text), Value::String(pattern)] = args else { return Err(super::no_such_overload()) };
    meter.work((text.len() + pattern.len()) / 8)?;
    Ok(Value::Bool(expression(pattern)?.is_match(text)))
}

fn find(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    let [Value::String(text), Value::String(pattern)] = args else { return Err(super::no_such_overload()) };
    meter.work((text.len() + pattern.len()) / 8)?;
    meter.memory(text.len())?;
    let regex = compiled(pattern).or_else(|message| error(format!("Illegal regex: {message}")))?;
    Ok(Value::string(regex.find(text).map_or("", |found| found.as_str())))
}

fn find_all(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    let (text, pattern, limit) = match args {
        [Value::String(text), Value::String(pattern)] => (text, pattern, -1),
        [Value::String(text), Value::String(pattern), Value::Int(limit)] => (text, pattern, *limit),
        _ => return Err(super::no_such_overload()),
    };
    meter.work((text.len() + pattern.len()) / 8)?;
    let regex = compiled(pattern).or_else(|message| error(format!("Illegal regex: {message}")))?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    // Go does not take an empty match right after another one.
    let mut end = None;
    for one in regex.find_iter(text) {
        if found.len() >= limit {
            break;
        }
        if one.is_empty() && end == Some(one.start()) {
            continue;
        }
        end = Some(one.end());
        meter.memory(one.len() + size_of::<Value>())?;
        found.push(Value::string(one.as_str()));
    }
    Ok(Value::list(found))
}

pub(super) const ROWS: &[Row] = &[
    priced("matches(string, string) -> bool", cost::matching, matches),
    priced("string.matches(string) -> bool", cost::matching, matches),
    priced("string.find(string) -> string", cost::matching, find),
    priced("string.findAll(string) -> list(string)", cost::matching, find_all),
    priced("string.findAll(string, int) -> list(string)", cost::matching, find_all),
];
