//! Go's syntax of regular expressions. In: a pattern as Go's `regexp` reads it. Out: the same for the `regex` crate, with the
//! names of its groups and an estimate of its size, or compiled by it; or Go's words for what is wrong. One pass, no recursion.
//!
//! The crate's language is near to Go's but not the same: `\d`, `\w`, `\s` and `\b` are ASCII in Go, braces that are no count
//! are text, octal escapes and `\Q…\E` exist, `\<`, `--` and `&&` mean nothing, and nested counts are bounded by 1,000.

use std::fmt::Write;

use regex::{Regex, RegexBuilder};

/// Groups in one another beyond which a pattern is not compiled, for that recurses.
const MAX_GROUPS: usize = 100;

/// A translated pattern.
pub struct Translated {
    pub pattern: String,
    /// The name of each group from 1 on, empty where it has none.
    pub names: Vec<String>,
    /// About how many states it compiles to.
    pub size: u64,
    /// How deep its groups are.
    pub depth: usize,
}

/// Go's message.
pub fn translated(pattern: &str) -> Result<Translated, String> {
    let mut translator = Translator {
        pattern,
        rest: pattern,
        out: String::with_capacity(pattern.len()),
        names: Vec::new(),
        groups: vec![Group::default()],
        flags_at: None,
        last_repeat: None,
        depth: 1,
    };
    translator.all().map_err(|error| format!("error parsing regexp: {}: `{}`", error.0, error.1))?;
    let size = translator.groups.last().map_or(1, |group| group.size + group.atom_size);
    Ok(Translated { pattern: translator.out, names: translator.names, size, depth: translator.depth })
}

/// A pattern of Go's, ready to match, in at most so many bytes.
///
/// # Errors
/// Go's message, also for what is larger or deeper than we compile.
pub fn compiled(pattern: &str, bytes: usize) -> Result<Regex, String> {
    translated(pattern)?.compiled(bytes)
}

impl Translated {
    /// Ready to match, in at most so many bytes.
    ///
    /// # Errors
    /// It is larger or deeper than we compile, in Go's words for that.
    pub fn compiled(&self, bytes: usize) -> Result<Regex, String> {
        if self.depth > MAX_GROUPS {
            return Err(format!("error parsing regexp: {TOO_DEEP}"));
        }
        let built = RegexBuilder::new(&self.pattern).size_limit(bytes).dfa_size_limit(bytes).build();
        built.map_err(|_| format!("error parsing regexp: {TOO_LARGE}"))
    }
}

/// What is wrong and the text that it is wrong with.
struct Wrong<'a>(&'static str, &'a str);

const BAD_RANGE: &str = "invalid character class range";
const BAD_ESCAPE: &str = "invalid escape sequence";
const BAD_NAME: &str = "invalid named capture";
const BAD_PERL: &str = "invalid or unsupported Perl syntax";
const BAD_REPEAT: &str = "invalid nested repetition operator";
const BAD_COUNT: &str = "invalid repeat count";
const NO_BRACKET: &str = "missing closing ]";
const NO_PAREN: &str = "missing closing )";
const NO_ARGUMENT: &str = "missing argument to repetition operator";
const TRAILING: &str = "trailing backslash at end of expression";
const STRAY_PAREN: &str = "unexpected )";
const TOO_LARGE: &str = "expression too large";
const TOO_DEEP: &str = "expression nests too deeply";

/// The most instructions that Go compiles a pattern to.
const MOST_INSTRUCTIONS: u64 = (128 << 20) / 40;

/// An open group, or the whole.
#[derive(Default)]
struct Group {
    /// Size of all but the last atom.
    size: u64,
    /// The last atom, which a repetition applies to.
    atom: bool,
    atom_size: u64,
    /// The largest product of counts in one another, in all and in the last atom.
    product: u64,
    atom_product: u64,
}

impl Group {
    fn push(&mut self, size: u64, product: u64) {
        self.size = self.size.saturating_add(self.atom_size);
        self.product = self.product.max(self.atom_product);
        self.atom = true;
        self.atom_size = size;
        self.atom_product = product;
    }
}

struct Translator<'a> {
    pattern: &'a str,
    rest: &'a str,
    out: String,
    names: Vec<String>,
    groups: Vec<Group>,
    /// Where flags stand behind the last atom, to which a repetition behind them applies.
    flags_at: Option<usize>,
    /// The text from the repetition on that was read just now.
    last_repeat: Option<&'a str>,
    depth: usize,
}

/// The part of a text before one of its ends.
fn before<'a>(text: &'a str, end: &str) -> &'a str {
    text.get(..text.len().saturating_sub(end.len())).unwrap_or(text)
}

/// The first character and the text behind it.
fn next(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    Some((chars.next()?, chars.as_str()))
}

impl<'a> Translator<'a> {
    fn all(&mut self) -> Result<(), Wrong<'a>> {
        while let Some((c, behind)) = next(self.rest) {
            let here = self.rest;
            let mut repeat = None;
            match c {
                '(' if behind.starts_with('?') => self.question()?,
                '(' => {
                    self.rest = behind;
                    self.names.push(String::new());
                    self.open("(");
                }
                '|' => {
                    self.rest = behind;
                    self.flags_at = None;
                    if let Some(group) = self.groups.last_mut() {
                        group.push(1, 0);
                        group.atom = false;
                    }
                    self.out.push('|');
                }
                ')' => {
                    self.rest = behind;
                    self.close()?;
                }
                '^' | '$' | '.' => {
                    self.rest = behind;
                    self.out.push(c);
                    self.atom(1);
                }
                '[' => self.class()?,
                '*' | '+' | '?' => {
                    self.rest = behind;
                    self.repetition(here, &c.to_string(), None)?;
                    repeat = Some(here);
                }
                '{' => match counts(here) {
                    None => {
                        self.rest = behind;
                        self.literal('{');
                    }
                    Some((least, most, behind)) => {
                        self.rest = behind;
                        let wrong = |count: Option<u64>| count.is_none_or(|count| count > 1000);
                        if wrong(least) || most.is_some_and(|most| wrong(most) || most < least) {
                            return Err(Wrong(BAD_COUNT, before(here, behind)));
                        }
                        let least = least.unwrap_or(0);
                        let text = match most {
                            None => format!("{{{least},}}"),
                            Some(most) => format!("{{{least},{}}}", most.unwrap_or(0)),
                        };
                        self.repetition(here, &text, Some((least, most.flatten())))?;
                        repeat = Some(here);
                    }
                },
                '\\' => self.backslash()?,
                c => {
                    self.rest = behind;
                    self.literal(c);
                }
            }
            self.last_repeat = repeat;
        }
        if self.groups.len() > 1 {
            return Err(Wrong(NO_PAREN, self.pattern));
        }
        Ok(())
    }

    fn atom(&mut self, size: u64) {
        self.flags_at = None;
        if let Some(group) = self.groups.last_mut() {
            group.push(size, 0);
        }
    }

    fn literal(&mut self, c: char) {
        push_char(&mut self.out, c);
        self.atom(1);
    }

    fn open(&mut self, text: &str) {
        self.flags_at = None;
        self.out.push_str(text);
        self.groups.push(Group::default());
        self.depth = self.depth.max(self.groups.len());
    }

    fn close(&mut self) -> Result<(), Wrong<'a>> {
        if self.groups.len() < 2 {
            return Err(Wrong(STRAY_PAREN, self.pattern));
        }
        if self.groups.len() > 1000 {
            return Err(Wrong(TOO_DEEP, self.pattern));
        }
        self.flags_at = None;
        if let (Some(inner), Some(outer)) = (self.groups.pop(), self.groups.last_mut()) {
            let size = inner.size.saturating_add(inner.atom_size).saturating_add(2);
            outer.push(size, inner.product.max(inner.atom_product));
        }
        self.out.push(')');
        Ok(())
    }

    /// Applies a repetition to the last atom; what stands behind it has been taken from `rest` already.
    fn repetition(&mut self, here: &'a str, text: &str, counts: Option<(u64, Option<u64>)>) -> Result<(), Wrong<'a>> {
        let lazy = self.rest.starts_with('?');
        if let Some(behind) = self.rest.strip_prefix('?') {
            self.rest = behind;
        }
        if let Some(last) = self.last_repeat {
            return Err(Wrong(BAD_REPEAT, before(last, self.rest)));
        }
        let Some(group) = self.groups.last_mut().filter(|group| group.atom) else {
            return Err(Wrong(NO_ARGUMENT, before(here, self.rest)));
        };
        if let Some((least, most)) = counts {
            let unbounded = text.ends_with(",}");
            let count = if unbounded { least } else { most.unwrap_or(0) };
            match count {
                0 if !unbounded => group.atom_product = 0,
                0 => {}
                count => group.atom_product = group.atom_product.max(1).saturating_mul(count),
            }
            if (least >= 2 || most.is_some_and(|most| most >= 2)) && group.atom_product > 1000 {
                return Err(Wrong(BAD_COUNT, before(here, self.rest)));
            }
            group.atom_size = group.atom_size.saturating_add(1).saturating_mul(count.max(1));
        } else {
            group.atom_size = group.atom_size.saturating_add(2);
        }
        if group.size.saturating_add(group.atom_size) > MOST_INSTRUCTIONS {
            return Err(Wrong(TOO_LARGE, self.pattern));
        }
        let at = self.flags_at.unwrap_or(self.out.len());
        self.out.insert_str(at, if lazy { "?" } else { "" });
        self.out.insert_str(at, text);
        self.flags_at = self.flags_at.map(|at| at + text.len() + usize::from(lazy));
        Ok(())
    }

    /// What begins with `(?`.
    fn question(&mut self) -> Result<(), Wrong<'a>> {
        let here = self.rest;
        let named = here.strip_prefix("(?P<").or_else(|| here.strip_prefix("(?<")).filter(|name| !name.is_empty());
        if let Some(name) = named {
            let Some(end) = name.find('>') else { return Err(Wrong(BAD_NAME, here)) };
            let (name, behind) = name.split_at(end);
            let behind = behind.get(1..).unwrap_or_default();
            if name.is_empty() || !name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) {
                return Err(Wrong(BAD_NAME, before(here, behind)));
            }
            self.rest = behind;
            self.names.push(name.to_owned());
            self.open("(");
            return Ok(());
        }
        let mut rest = here.get(2..).unwrap_or_default();
        let (mut on, mut off) = (String::new(), String::new());
        let (mut negative, mut saw) = (false, false);
        while let Some((c, behind)) = next(rest) {
            rest = behind;
            match c {
                'i' | 'm' | 's' | 'U' => {
                    on.retain(|have| have != c);
                    off.retain(|have| have != c);
                    if negative {
                        off.push(c)
                    } else {
                        on.push(c)
                    }
                    saw = true;
                }
                '-' if !negative => {
                    negative = true;
                    saw = false;
                }
                ':' | ')' if !negative || saw => {
                    self.rest = rest;
                    let minus = if off.is_empty() { "" } else { "-" };
                    if c == ':' {
                        self.open(&format!("(?{on}{minus}{off}:"));
                    } else if !on.is_empty() || !off.is_empty() {
                        self.flags_at = self.flags_at.or(Some(self.out.len()));
                        let _ = write!(self.out, "(?{on}{minus}{off})");
                    }
                    return Ok(());
                }
                _ => break,
            }
        }
        Err(Wrong(BAD_PERL, before(here, rest)))
    }

    fn backslash(&mut self) -> Result<(), Wrong<'a>> {
        let here = self.rest;
        let Some((c, behind)) = here.get(1..).and_then(next) else { return Err(Wrong(TRAILING, "")) };
        let known = match c {
            'A' => "\\A",
            'z' => "\\z",
            'b' => "(?-u:\\b)",
            'B' => "(?-u:\\B)",
            _ => "",
        };
        if !known.is_empty() {
            self.rest = behind;
            self.out.push_str(known);
            self.atom(1);
            return Ok(());
        }
        match c {
            'C' => return Err(Wrong(BAD_ESCAPE, before(here, behind))),
            'Q' => {
                let (text, behind) = behind.split_once("\\E").unwrap_or((behind, ""));
                self.rest = behind;
                for c in text.chars() {
                    self.literal(c);
                }
            }
            'p' | 'P' => {
                let (class, behind) = unicode_class(here)?;
                self.rest = behind;
                self.out.push_str(&class);
                self.atom(8);
            }
            c if perl_class(c).is_some() => {
                self.rest = behind;
                let (negated, ranges) = perl_class(c).unwrap_or_default();
                let _ = write!(self.out, "[{}{ranges}]", if negated { "^" } else { "" });
                self.atom(1);
            }
            _ => {
                let (point, behind) = escape(here)?;
                self.rest = behind;
                match char::from_u32(point) {
                    Some(c) => self.literal(c),
                    None => {
                        // Half a surrogate pair is in no text.
                        self.out.push_str(NOTHING);
                        self.atom(1);
                    }
                }
            }
        }
        Ok(())
    }

    fn class(&mut self) -> Result<(), Wrong<'a>> {
        let here = self.rest;
        let mut rest = here.get(1..).unwrap_or_default();
        let mut items = String::new();
        let mut size = 1;
        let negated = rest.starts_with('^');
        if let Some(behind) = rest.strip_prefix('^') {
            rest = behind;
        }
        let mut first = true;
        while first || !rest.starts_with(']') {
            first = false;
            if rest.starts_with("[:")
                && let Some(end) = rest.get(2..).and_then(|rest| rest.find(":]"))
            {
                let (name, behind) = rest.split_at(end + 4);
                if !is_posix(name) {
                    return Err(Wrong(BAD_RANGE, name));
                }
                items.push_str(name);
                rest = behind;
                continue;
            }
            if rest.starts_with("\\p") || rest.starts_with("\\P") {
                let (class, behind) = unicode_class(rest)?;
                items.push_str(&class);
                size += 8;
                rest = behind;
                continue;
            }
            let mut ahead = rest.chars();
            if ahead.next() == Some('\\')
                && let Some((negated, ranges)) = ahead.next().and_then(perl_class)
            {
                let _ = if negated { write!(items, "[^{ranges}]") } else { write!(items, "{ranges}") };
                rest = ahead.as_str();
                continue;
            }
            let range = rest;
            let (low, behind) = class_char(rest, here)?;
            let (mut high, mut behind) = (low, behind);
            if behind.starts_with('-') && behind.len() >= 2 && !behind.starts_with("-]") {
                (high, behind) = class_char(behind.get(1..).unwrap_or_default(), here)?;
                if high < low {
                    return Err(Wrong(BAD_RANGE, before(range, behind)));
                }
            }
            rest = behind;
            // Surrogates are in no text.
            let low = if (0xd800..0xe000).contains(&low) { 0xe000 } else { low };
            let high = if (0xd800..0xe000).contains(&high) { 0xd7ff } else { high };
            if low <= high {
                let _ = write!(items, "\\x{{{low:x}}}-\\x{{{high:x}}}");
            }
        }
        self.rest = rest.get(1..).unwrap_or_default();
        match (items.is_empty(), negated) {
            (true, false) => self.out.push_str(NOTHING),
            (true, true) => self.out.push_str("(?s:.)"),
            _ => {
                let _ = write!(self.out, "[{}{items}]", if negated { "^" } else { "" });
            }
        }
        self.atom(size);
        Ok(())
    }
}

const NOTHING: &str = r"[^\x{0}-\x{10ffff}]";

/// A character as itself, or by its number where it might mean something.
fn push_char(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || !c.is_ascii() {
        out.push(c);
    } else {
        let _ = write!(out, "\\x{{{:x}}}", u32::from(c));
    }
}

/// `\d` and its kin: whether it is negated, and the ranges.
fn perl_class(letter: char) -> Option<(bool, &'static str)> {
    let ranges = match letter.to_ascii_lowercase() {
        'd' => "0-9",
        's' => r"\t\n\x0C\r\x20",
        'w' => "0-9A-Za-z_",
        _ => return None,
    };
    Some((letter.is_ascii_uppercase(), ranges))
}

fn is_posix(name: &str) -> bool {
    let name = name.trim_start_matches("[:").trim_end_matches(":]");
    let name = name.strip_prefix('^').unwrap_or(name);
    matches!(
        name,
        "alnum"
            | "alpha"
            | "ascii"
            | "blank"
            | "cntrl"
            | "digit"
            | "graph"
            | "lower"
            | "print"
            | "punct"
            | "space"
            | "upper"
            | "word"
            | "xdigit"
    )
}

/// A number, or nothing where it is too large.
type Count = Option<u64>;

/// `{2,5}`: the least, the most (nothing where it is open, `Some(None)` where it is too large) and what stands behind.
fn counts(text: &str) -> Option<(Count, Option<Count>, &str)> {
    let (least, rest) = count(text.strip_prefix('{')?)?;
    if let Some(rest) = rest.strip_prefix('}') {
        return Some((least, Some(least), rest));
    }
    let rest = rest.strip_prefix(',')?;
    if let Some(rest) = rest.strip_prefix('}') {
        return Some((least, None, rest));
    }
    let (most, rest) = count(rest)?;
    Some((least, Some(most), rest.strip_prefix('}')?))
}

/// Digits without a zero before them; nothing inside where the number is too large.
fn count(text: &str) -> Option<(Count, &str)> {
    let (digits, rest) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some((digits.parse().ok().filter(|number| *number < 1_000_000_000), rest))
}

/// `\pL`, `\p{Greek}`, `\P{^Lu}`.
fn unicode_class(here: &str) -> Result<(String, &str), Wrong<'_>> {
    let mut negated = here.starts_with("\\P");
    let Some((c, behind)) = here.get(2..).and_then(next) else { return Err(Wrong(BAD_RANGE, here)) };
    let (name, behind) = if c == '{' {
        let (name, behind) = behind.split_once('}').ok_or(Wrong(BAD_RANGE, here))?;
        (name, behind)
    } else {
        (before(here.get(2..).unwrap_or_default(), behind), behind)
    };
    let whole = before(here, behind);
    let name = match name.strip_prefix('^') {
        Some(name) => {
            negated = !negated;
            name
        }
        None => name,
    };
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' ')) {
        return Err(Wrong(BAD_RANGE, whole));
    }
    let letter = if negated { 'P' } else { 'p' };
    let simple: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    if matches!(simple.as_str(), "any" | "assigned" | "ascii") {
        return Ok((format!("\\{letter}{{{simple}}}"), behind));
    }
    for kind in ["gc", "sc"] {
        let class = format!("\\{letter}{{{kind}={name}}}");
        if Regex::new(&class).is_ok() {
            return Ok((class, behind));
        }
    }
    Err(Wrong(BAD_RANGE, whole))
}

fn class_char<'a>(text: &'a str, class: &'a str) -> Result<(u32, &'a str), Wrong<'a>> {
    match next(text) {
        None => Err(Wrong(NO_BRACKET, class)),
        Some(('\\', _)) => escape(text),
        Some((c, behind)) => Ok((u32::from(c), behind)),
    }
}

/// A backslash and what it makes a character of.
fn escape(here: &str) -> Result<(u32, &str), Wrong<'_>> {
    let Some((c, mut rest)) = here.get(1..).and_then(next) else { return Err(Wrong(TRAILING, "")) };
    let point = match c {
        'a' => Some(7),
        'f' => Some(12),
        'n' => Some(10),
        'r' => Some(13),
        't' => Some(9),
        'v' => Some(11),
        // One digit but zero would be a back reference.
        '0'..='7' if c == '0' || octal(rest).is_some() => {
            let mut number = c.to_digit(8).unwrap_or(0);
            for _ in 0..2 {
                let Some((digit, behind)) = octal(rest) else { break };
                number = number * 8 + digit;
                rest = behind;
            }
            Some(number)
        }
        'x' => {
            let (number, behind) = hexadecimal(rest);
            rest = behind;
            number
        }
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => Some(u32::from(c)),
        _ => None,
    };
    point.map(|point| (point, rest)).ok_or(Wrong(BAD_ESCAPE, before(here, rest)))
}

/// `41` or `{1F600}` behind `\x`, and how far was read.
fn hexadecimal(text: &str) -> (Option<u32>, &str) {
    let Some((first, mut rest)) = next(text) else { return (None, text) };
    if first != '{' {
        let Some((second, behind)) = next(rest) else { return (None, rest) };
        let number = first.to_digit(16).zip(second.to_digit(16)).map(|(high, low)| high * 16 + low);
        return (number, behind);
    }
    let mut number = None;
    while let Some((c, behind)) = next(rest) {
        rest = behind;
        if c == '}' {
            return (number, rest);
        }
        let Some(digit) = c.to_digit(16) else { return (None, rest) };
        let larger = number.unwrap_or(0) * 16 + digit;
        if larger > 0x10_ffff {
            return (None, rest);
        }
        number = Some(larger);
    }
    (None, rest)
}

fn octal(text: &str) -> Option<(u32, &str)> {
    let (c, rest) = next(text)?;
    Some((c.to_digit(8)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compiled_means_what_go_means() {
        let matches = |pattern: &str, text: &str| compiled(pattern, 1 << 20).map(|regex| regex.is_match(text));
        assert_eq!(matches(r"^\d$", "٣"), Ok(false));
        assert_eq!(matches(r"^a{,2}$", "a{,2}"), Ok(true));
        assert_eq!(matches("[", ""), Err("error parsing regexp: missing closing ]: `[`".into()));
        let too_large = "error parsing regexp: expression too large";
        assert_eq!(matches(r"(\pL{100}){10}", ""), Err(too_large.into()));
        let deep = format!("{}a{}", "(".repeat(500), ")".repeat(500));
        assert_eq!(matches(&deep, "a"), Err("error parsing regexp: expression nests too deeply".into()));
    }
}
