//! Globs: `*` within the delimiters and `**` across them, `?`, `[abc]`, `[!a-z]`, `{one,two}`. In: patterns and texts. Out:
//! whether they match. A glob is translated to a regular expression, so that no glob takes more than linear time.

use std::fmt::Write;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use super::operand::{any, string, wrong_element, wrong_type};
use super::{Builtin, Context, Failure, Outcome};
use crate::value::Value;

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new(
        "glob.match",
        "(pattern: string, delimiters: any<null, array[string]>, match: string) => result: boolean",
        matches,
    ),
    Builtin::new("glob.quote_meta", "(pattern: string) => output: string", quote_meta),
];

/// Globs that an evaluation keeps.
const KEPT: usize = 256;

fn delimiters(args: &[Value]) -> Result<Vec<char>, Failure> {
    let given = any(args, 1)?;
    let Value::Array(array) = given else {
        return if matches!(given, Value::Null) {
            Ok(Vec::new())
        } else {
            Err(wrong_type(1, given, &["array", "null"]))
        };
    };
    let mut found = Vec::new();
    for item in array.items() {
        let Some(text) = item.as_str() else { return Err(wrong_element(1, given, item, &["string"])) };
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) => found.push(c),
            _ => return Err(wrong_element(1, given, item, &["rune"])),
        }
    }
    if found.is_empty() {
        found.push('.');
    }
    Ok(found)
}

fn matches(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let pattern = string(args, 0)?;
    let delimiters = delimiters(args)?;
    let text = string(args, 2)?;
    context.pay_values(delimiters.len())?;
    context.pay_text(pattern.len())?;
    // Of the texts of a key none is another's: the delimiters have one length.
    let mut key = delimiters.iter().collect::<String>();
    let _ = write!(key, "\0{}\0{pattern}", delimiters.len());
    let (regex, size) = match context.scratch.globs.get(&key) {
        Some((regex, size)) => (Arc::clone(regex), *size),
        None => {
            // Compiling takes long beside most of what is paid for.
            context.meter.steps(1000 + pattern.len() as u64 * 16)?;
            context.pay_new_text(pattern.len().saturating_mul(16 + delimiters.len() * 8))?;
            let translated = translated(pattern, &delimiters).map_err(Failure::builtin)?;
            let regex = RegexBuilder::new(&translated.pattern)
                .dot_matches_new_line(true)
                .size_limit(16 << 20)
                .build()
                .map_err(|_| Failure::fatal("glob is too large to be compiled"))?;
            let regex = Arc::new(regex);
            if context.scratch.globs.len() >= KEPT {
                context.scratch.globs.clear();
            }
            context.scratch.globs.insert(key, (Arc::clone(&regex), translated.size));
            (regex, translated.size)
        }
    };
    context.meter.steps(1 + size.saturating_mul(text.len() as u64 + 1) / 64)?;
    Ok(Some(Value::Bool(regex.is_match(text))))
}

fn quote_meta(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let text = string(args, 0)?;
    context.pay_new_text(text.len().saturating_mul(2))?;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r"*?\[]{}".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    Ok(Some(Value::string(out)))
}

struct Translated {
    pattern: String,
    size: u64,
}

/// How deep braces may be in one another.
const DEEPEST: usize = 100;

/// The regular expression of a glob, or the words of OPA's library.
fn translated(glob: &str, delimiters: &[char]) -> Result<Translated, String> {
    let mut reader = Reader { chars: glob.char_indices().collect(), at: 0, length: glob.len() };
    let one = if delimiters.is_empty() {
        ".".to_owned()
    } else {
        let mut class = String::from("[^");
        for c in delimiters {
            push_char(&mut class, *c);
        }
        class + "]"
    };
    let mut out = String::from("^");
    let mut open = 0_usize;
    let mut size = 0;
    while let Some(c) = reader.next() {
        size += 1;
        match c {
            '{' => {
                open += 1;
                if open > DEEPEST {
                    return Err(reader.wrong("braces nest too deeply"));
                }
                out.push_str("(?:");
            }
            ',' if open > 0 => out.push('|'),
            '}' if open > 0 => {
                open -= 1;
                out.push(')');
            }
            '?' => out.push_str(&one),
            '*' if reader.peek() == Some('*') => {
                reader.next();
                out.push_str(".*");
            }
            '*' => {
                out.push_str(&one);
                out.push('*');
            }
            '[' => reader.class(&mut out)?,
            '\\' => match reader.next() {
                Some(c) => push_char(&mut out, c),
                None => return Err(reader.wrong("trailing backslash")),
            },
            c => push_char(&mut out, c),
        }
    }
    if open > 0 {
        return Err(reader.wrong("unclosed `{`"));
    }
    out.push('$');
    Ok(Translated { pattern: out, size })
}

fn push_char(out: &mut String, c: char) {
    let _ = write!(out, "\\x{{{:x}}}", u32::from(c));
}

struct Reader {
    chars: Vec<(usize, char)>,
    at: usize,
    length: usize,
}

impl Reader {
    fn next(&mut self) -> Option<char> {
        let (_, c) = self.chars.get(self.at)?;
        self.at += 1;
        Some(*c)
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).map(|(_, c)| *c)
    }

    fn wrong(&self, reason: &str) -> String {
        let offset = self.chars.get(self.at).map_or(self.length, |(offset, _)| *offset);
        format!("glob: syntax error at {offset}: {reason}")
    }

    /// `[a-c]` or `[abc]`, either with `!` before; the bracket was read.
    fn class(&mut self, out: &mut String) -> Result<(), String> {
        let end = "unexpected end of input";
        let mut first = self.next().ok_or_else(|| self.wrong(end))?;
        let mut class = String::from("[");
        if first == '!' {
            class.push('^');
            first = self.next().ok_or_else(|| self.wrong(end))?;
        }
        if self.peek() == Some('-') {
            self.next();
            let last = self.next().ok_or_else(|| self.wrong(end))?;
            push_char(&mut class, first);
            class.push('-');
            push_char(&mut class, last);
            match self.next() {
                None => return Err(self.wrong(end)),
                Some(']') => {}
                Some(_) => return Err(self.wrong("expected close range character")),
            }
            if last < first {
                return Err(self.wrong("range hi character is less than lo"));
            }
        } else {
            self.at -= 1;
            let mut any = false;
            loop {
                match self.next() {
                    None => return Err(self.wrong(end)),
                    Some(']') => break,
                    Some('\\') => push_char(&mut class, self.next().ok_or_else(|| self.wrong(end))?),
                    Some(c) => push_char(&mut class, c),
                }
                any = true;
            }
            if !any {
                return Err(self.wrong("could not parse range"));
            }
        }
        class.push(']');
        out.push_str(&class);
        Ok(())
    }
}

/// What an evaluation keeps of a glob: its expression and about its size.
pub type Kept = (Arc<Regex>, u64);
