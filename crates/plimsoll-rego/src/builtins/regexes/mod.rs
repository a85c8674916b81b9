//! Regular expressions with RE2's semantics. In: Go's patterns and texts. Out: matches. A pattern is compiled once in an
//! evaluation; the time of a match is bounded by pattern times text and paid before.

mod intersect;

use std::fmt::Write;
use std::sync::Arc;

use plimsoll_re2::translated;
use regex::{Captures, Regex, RegexBuilder};

use super::operand::{any, integer, string};
use super::{Builtin, Context, Failure, Outcome};
use crate::value::{Value, quote};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("regex.match", "(pattern: string, value: string) => result: boolean", matches),
    Builtin::new("re_match", "(string, string) => boolean", matches).deprecated(),
    Builtin::new("regex.is_valid", "(pattern: string) => result: boolean", is_valid),
    Builtin::new("regex.split", "(pattern: string, value: string) => output: array[string]", split),
    Builtin::new("regex.find_n", "(pattern: string, value: string, number: number) => output: array[string]", find_n),
    Builtin::new(
        "regex.find_all_string_submatch_n",
        "(pattern: string, value: string, number: number) => output: array[array[string]]",
        submatches,
    ),
    Builtin::new("regex.replace", "(s: string, pattern: string, value: string) => output: string", replace),
    Builtin::new(
        "regex.template_match",
        "(template: string, value: string, delimiter_start: string, delimiter_end: string) => result: boolean",
        template_match,
    ),
    Builtin::new("regex.globs_match", "(glob1: string, glob2: string) => result: boolean", intersect::globs_match),
];

/// A pattern that is ready to match.
#[derive(Debug)]
pub struct Pattern {
    regex: Regex,
    /// The names of the groups from 1 on.
    names: Vec<String>,
    size: u64,
}

/// Bytes that a compiled pattern may take; what Go takes and we do not is an error that ends the evaluation.
const COMPILED_BYTES: usize = 16 << 20;

/// Groups in one another beyond which a pattern is not compiled, for that recurses.
const DEEPEST: usize = 200;

/// Patterns that an evaluation keeps.
const KEPT: usize = 256;

impl Pattern {
    /// The message is Go's where Go refuses it; the outer failure is a limit of ours.
    pub fn new(pattern: &str) -> Result<Pattern, Failure> {
        let translated = translated(pattern).map_err(Failure::builtin)?;
        let limit = || Failure::fatal("regular expression is too large to be compiled");
        if translated.depth > DEEPEST {
            return Err(limit());
        }
        let regex = RegexBuilder::new(&translated.pattern)
            .size_limit(COMPILED_BYTES)
            .dfa_size_limit(COMPILED_BYTES / 4)
            .build()
            .map_err(|_| limit())?;
        Ok(Pattern { regex, names: translated.names, size: translated.size })
    }

    /// Whether it matches somewhere in a text, paid for.
    pub(in crate::builtins) fn is_match(&self, context: &mut Context<'_>, text: &str) -> Result<bool, Failure> {
        self.pay(context, text)?;
        Ok(self.regex.is_match(text))
    }

    fn pay(&self, context: &mut Context<'_>, text: &str) -> Result<(), Failure> {
        let bytes = text.len() as u64 + 1;
        Ok(context.meter.steps(1 + self.size.saturating_mul(bytes) / 64)?)
    }
}

/// The compiled pattern, from this evaluation's own store where it has been met.
pub(in crate::builtins) fn compiled(context: &mut Context<'_>, pattern: &str) -> Result<Arc<Pattern>, Failure> {
    context.pay_text(pattern.len())?;
    if let Some(known) = context.scratch.regexes.get(pattern) {
        return known.clone();
    }
    // Compiling takes long beside most of what is paid for.
    context.meter.steps(500 + pattern.len() as u64 * 16)?;
    let made = Pattern::new(pattern).map(Arc::new);
    context.meter.steps(made.as_ref().map_or(0, |made| made.size))?;
    if context.scratch.regexes.len() >= KEPT {
        context.scratch.regexes.clear();
    }
    context.scratch.regexes.insert(pattern.to_owned(), made.clone());
    made
}

fn matches(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (pattern, text) = (string(args, 0)?, string(args, 1)?);
    let pattern = compiled(context, pattern)?;
    pattern.pay(context, text)?;
    Ok(Some(Value::Bool(pattern.regex.is_match(text))))
}

fn is_valid(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let valid = match any(args, 0)? {
        Value::String(pattern) => {
            context.meter.steps(1 + pattern.len() as u64)?;
            translated(pattern).is_ok()
        }
        _ => false,
    };
    Ok(Some(Value::Bool(valid)))
}

/// The searches of one text for one match after another. Each may go to the text's end and come back with a short match, so that
/// all of them take the square of the text; mostly they do not, and a full price would refuse what is fine.
#[derive(Default)]
struct Searches {
    unseen: usize,
}

impl Searches {
    /// So many bytes that may have been gone through are one step; and after so many steps the clock is looked at.
    const BYTES: usize = 4096;
    const LOOK: usize = Searches::BYTES * 256;

    /// Before the search of what is left of the text.
    fn pay(&mut self, context: &mut Context<'_>, left: usize) -> Result<(), Failure> {
        context.meter.steps((left / Searches::BYTES) as u64)?;
        self.unseen = self.unseen.saturating_add(left);
        if self.unseen >= Searches::LOOK {
            self.unseen = 0;
            context.meter.look()?;
        }
        Ok(())
    }
}

/// Pays for one more match of a text and for what is kept of it.
fn pay_match(context: &mut Context<'_>, bytes: usize) -> Result<(), Failure> {
    context.pay_new_values(2)?;
    context.pay_new_text(bytes)
}

fn split(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (pattern, text) = (string(args, 0)?, string(args, 1)?);
    let whole = pattern;
    let pattern = compiled(context, pattern)?;
    pattern.pay(context, text)?;
    if !whole.is_empty() && text.is_empty() {
        return Ok(Some(Value::array(vec![Value::string("")])));
    }
    // As Go: an empty match at the start or at the end cuts nothing off.
    let mut parts = Vec::new();
    let (mut begin, mut end) = (0, 0);
    let mut searches = Searches::default();
    for found in pattern.regex.find_iter(text) {
        searches.pay(context, text.len() - found.end())?;
        end = found.start();
        if found.end() != 0 {
            let part = text.get(begin..end).unwrap_or_default();
            pay_match(context, part.len())?;
            parts.push(Value::string(part));
        }
        begin = found.end();
    }
    if end != text.len() {
        let part = text.get(begin..).unwrap_or_default();
        pay_match(context, part.len())?;
        parts.push(Value::string(part));
    }
    Ok(Some(Value::array(parts)))
}

/// How many matches a negative count allows: all.
fn most(count: i64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn find_n(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (pattern, text, count) = (string(args, 0)?, string(args, 1)?, integer(args, 2)?);
    let pattern = compiled(context, pattern)?;
    pattern.pay(context, text)?;
    let mut found = Vec::new();
    let mut searches = Searches::default();
    for part in pattern.regex.find_iter(text).take(most(count)) {
        searches.pay(context, text.len() - part.end())?;
        pay_match(context, part.len())?;
        found.push(Value::string(part.as_str()));
    }
    Ok(Some(Value::array(found)))
}

fn submatches(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (pattern, text, count) = (string(args, 0)?, string(args, 1)?, integer(args, 2)?);
    let pattern = compiled(context, pattern)?;
    pattern.pay(context, text)?;
    let mut found = Vec::new();
    let mut searches = Searches::default();
    for captures in pattern.regex.captures_iter(text).take(most(count)) {
        searches.pay(context, text.len() - captures.get(0).map_or(0, |whole| whole.end()))?;
        let mut groups = Vec::with_capacity(captures.len());
        for group in captures.iter() {
            let part = group.map_or("", |group| group.as_str());
            pay_match(context, part.len())?;
            groups.push(Value::string(part));
        }
        found.push(Value::array(groups));
    }
    Ok(Some(Value::array(found)))
}

fn replace(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (text, pattern, template) = (string(args, 0)?, string(args, 1)?, string(args, 2)?);
    let pattern = compiled(context, pattern)?;
    pattern.pay(context, text)?;
    context.pay_new_text(text.len())?;
    let mut out = String::with_capacity(text.len());
    let mut last = 0;
    let mut searches = Searches::default();
    for captures in pattern.regex.captures_iter(text) {
        let Some(found) = captures.get(0) else { continue };
        searches.pay(context, text.len() - found.end())?;
        out.push_str(text.get(last..found.start()).unwrap_or_default());
        let length = out.len();
        expand(context, &mut out, template, &pattern.names, &captures)?;
        context.pay_new_text(out.len() - length)?;
        last = found.end();
    }
    out.push_str(text.get(last..).unwrap_or_default());
    Ok(Some(if out == **text { any(args, 0)?.clone() } else { Value::string(out) }))
}

/// Go's `Expand`: `$1`, `$name`, `${name}`, `$$`; a name goes as far as letters, digits and underscores do.
fn expand(
    context: &mut Context<'_>,
    out: &mut String,
    template: &str,
    names: &[String],
    captures: &Captures<'_>,
) -> Result<(), Failure> {
    context.pay_text(template.len())?;
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('$') {
        out.push_str(before);
        rest = behind;
        if let Some(behind) = rest.strip_prefix('$') {
            out.push('$');
            rest = behind;
            continue;
        }
        context.meter.steps(1 + names.len() as u64 / 16)?;
        let Some((name, behind)) = reference(rest) else {
            out.push('$');
            continue;
        };
        rest = behind;
        let leading = name.len() > 1 && name.starts_with('0');
        let group = match name.parse::<usize>() {
            Ok(number) if !leading && name.bytes().all(|byte| byte.is_ascii_digit()) => captures.get(number),
            _ => names.iter().enumerate().filter(|(_, have)| *have == name).find_map(|(at, _)| captures.get(at + 1)),
        };
        if let Some(group) = group {
            context.pay_new_text(group.len())?;
            out.push_str(group.as_str());
        }
    }
    out.push_str(rest);
    Ok(())
}

/// The name at the start of a text, and what stands behind it.
fn reference(text: &str) -> Option<(&str, &str)> {
    let (brace, text) = match text.strip_prefix('{') {
        Some(text) => (true, text),
        None => (false, text),
    };
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, behind) = text.split_at(end);
    if name.is_empty() {
        return None;
    }
    Some((name, if brace { behind.strip_prefix('}')? } else { behind }))
}

/// A template with patterns between delimiters, `urn:foo:{.*}`.
fn template_match(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (template, text) = (string(args, 0)?, string(args, 1)?);
    let (start, end) = (string(args, 2)?, string(args, 3)?);
    let one = |which: &str, text: &str| match text.as_bytes() {
        [byte] => Ok(*byte),
        // OPA gives the first one's length for both.
        _ => Err(Failure::builtin(format!(
            "{which} delimiter has to be exactly one character long but is {} long",
            start.len()
        ))),
    };
    let (start_byte, end_byte) = (one("start", start)?, one("end", end)?);
    context.pay_new_text(template.len().saturating_mul(2))?;
    let pattern = template_pattern(context, template, start_byte, end_byte)?;
    let pattern = compiled(context, &pattern)?;
    pattern.pay(context, text)?;
    Ok(Some(Value::Bool(pattern.regex.is_match(text))))
}

fn template_pattern(context: &mut Context<'_>, template: &str, start: u8, end: u8) -> Result<String, Failure> {
    let unbalanced = || {
        let mut quoted = String::new();
        quote(&mut quoted, template);
        Failure::builtin(format!("unbalanced braces in {quoted}"))
    };
    let (mut level, mut open, mut last) = (0_i64, 0, 0);
    let mut pattern = String::from("^");
    let mut inner = Vec::new();
    for (at, byte) in template.bytes().enumerate() {
        if byte == start {
            level += 1;
            if level == 1 {
                open = at;
            }
        } else if byte == end {
            level -= 1;
            if level < 0 {
                return Err(unbalanced());
            }
            if level == 0 {
                let part = template.get(open + 1..at).unwrap_or_default();
                quote_meta(&mut pattern, template.get(last..open).unwrap_or_default());
                let _ = write!(pattern, "({part})");
                inner.push(part);
                last = at + 1;
            }
        }
    }
    if level != 0 {
        return Err(unbalanced());
    }
    for part in inner {
        // Each must be a pattern by itself.
        compiled(context, &format!("^{part}$"))?;
    }
    quote_meta(&mut pattern, template.get(last..).unwrap_or_default());
    pattern.push('$');
    Ok(pattern)
}

fn quote_meta(out: &mut String, text: &str) {
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
}
