//! Regular expressions: Go's (RE2). A pattern is paid for once in an evaluation, by its size; a search by pattern times text.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use regex::Regex;

use super::{Row, cost, priced};
use crate::budget::{Meter, Out, error};
use crate::value::Value;

/// Bytes of a compiled expression: what needs more is refused, as bombs do.
const MAX_COMPILED: usize = 1 << 20;
/// States that are paid for at most: with more than that compiling ends at [`MAX_COMPILED`].
const MAX_SIZE: u64 = 1 << 16;
/// Patterns that an evaluation keeps, and that are kept between evaluations.
const KEPT: usize = 256;
/// States of a pattern that is kept between evaluations: those of policies are small, and what strangers wrote should not fill
/// memory.
const MAX_KEPT_SIZE: u64 = 4_096;
/// States times bytes that a unit of work pays for in a further search of one text. Each may go to the text's end and come back
/// with a short match; mostly they do not, and a full price would refuse what is fine. There need not be a deadline beside it.
const SEARCHED: u64 = 512;

/// An expression that is ready to match.
#[derive(Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    /// About how many states it has.
    size: u64,
}

/// The expressions that an evaluation has met and paid for, and what is wrong with those that are none.
#[derive(Debug, Default)]
pub(crate) struct Patterns(HashMap<Arc<str>, Result<Arc<Pattern>, String>>);

fn kept() -> &'static Mutex<HashMap<String, Arc<Pattern>>> {
    static KEPT: OnceLock<Mutex<HashMap<String, Arc<Pattern>>>> = OnceLock::new();
    KEPT.get_or_init(Mutex::default)
}

/// An expression as RE2 reads it, or why it is none. Pays for its size before it is compiled.
fn compiled(pattern: &str, mut pay: impl FnMut(u64) -> Out<()>) -> Out<Result<Arc<Pattern>, String>> {
    let known = kept().lock().unwrap_or_else(PoisonError::into_inner).get(pattern).cloned();
    if let Some(known) = known {
        pay(known.size)?;
        return Ok(Ok(known));
    }
    let translated = match plimsoll_re2::translated(pattern) {
        Ok(translated) => translated,
        Err(message) => return Ok(Err(message)),
    };
    let size = translated.size.min(MAX_SIZE);
    pay(size)?;
    let regex = match translated.compiled(MAX_COMPILED) {
        Ok(regex) => regex,
        Err(message) => return Ok(Err(message)),
    };
    let made = Arc::new(Pattern { regex, size });
    if size <= MAX_KEPT_SIZE {
        let mut all = kept().lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT {
            all.clear();
        }
        all.insert(pattern.to_owned(), Arc::clone(&made));
    }
    Ok(Ok(made))
}

/// What is wrong with an expression that is written out.
pub(super) fn fault(pattern: &str) -> Option<String> {
    compiled(pattern, |_| Ok(())).ok()?.err()
}

/// The expression, from this evaluation's own store where it has been met.
fn met(meter: &mut Meter<'_>, pattern: &Arc<str>) -> Out<Result<Arc<Pattern>, String>> {
    if let Some(known) = meter.patterns.0.get(&**pattern) {
        return Ok(known.clone());
    }
    // Compiling takes long beside most of what is paid for.
    meter.work(500 + pattern.len().saturating_mul(16))?;
    let made = compiled(pattern, |size| meter.work(usize::try_from(size).unwrap_or(usize::MAX)))?;
    if meter.patterns.0.len() >= KEPT {
        meter.patterns.0.clear();
    }
    meter.patterns.0.insert(Arc::clone(pattern), made.clone());
    Ok(made)
}

/// The expression, and a search of the text paid for.
fn ready(meter: &mut Meter<'_>, text: &str, pattern: &Arc<str>) -> Out<Result<Arc<Pattern>, String>> {
    let made = met(meter, pattern)?;
    if let Ok(made) = &made {
        let states = made.size.saturating_mul(text.len() as u64 + 1);
        meter.work(1 + usize::try_from(states >> 6).unwrap_or(usize::MAX))?;
    }
    Ok(made)
}

fn matches(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    let [Value::String(text), Value::String(pattern)] = args else { return Err(super::no_such_overload()) };
    match ready(meter, text, pattern)? {
        Ok(pattern) => Ok(Value::Bool(pattern.regex.is_match(text))),
        Err(message) => error(message),
    }
}

fn find(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    let [Value::String(text), Value::String(pattern)] = args else { return Err(super::no_such_overload()) };
    meter.memory(text.len())?;
    match ready(meter, text, pattern)? {
        Ok(pattern) => Ok(Value::string(pattern.regex.find(text).map_or("", |found| found.as_str()))),
        Err(message) => error(format!("Illegal regex: {message}")),
    }
}

fn find_all(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    let (text, pattern, limit) = match args {
        [Value::String(text), Value::String(pattern)] => (text, pattern, -1),
        [Value::String(text), Value::String(pattern), Value::Int(limit)] => (text, pattern, *limit),
        _ => return Err(super::no_such_overload()),
    };
    let pattern = match ready(meter, text, pattern)? {
        Ok(pattern) => pattern,
        Err(message) => return error(format!("Illegal regex: {message}")),
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    // Go does not take an empty match right after another one.
    let mut end = None;
    for one in pattern.regex.find_iter(text) {
        if found.len() >= limit {
            break;
        }
        let states = pattern.size.saturating_mul((text.len() - one.end()) as u64);
        meter.work(1 + usize::try_from(states.div_euclid(SEARCHED)).unwrap_or(usize::MAX))?;
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
