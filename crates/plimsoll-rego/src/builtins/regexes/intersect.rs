//! Whether two simple patterns (`.`, `[a-z]`, `+`, `*`) have a text in common, as OPA's library decides it, which is not always
//! what is true. In: two patterns. Out: a boolean. The search is exponential there; here it pays for each step.

use std::collections::BTreeSet;

use crate::builtins::operand::string;
use crate::builtins::{Context, Failure, Outcome};
use crate::value::Value;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Character(char),
    Dot,
    Set(BTreeSet<char>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flag {
    None,
    Plus,
    Star,
}

#[derive(Debug, Clone)]
struct Token {
    kind: Kind,
    flag: Flag,
}

pub(super) fn globs_match(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (a, b) = (string(args, 0)?, string(args, 1)?);
    let a = tokens(context, a)?;
    let b = tokens(context, b)?;
    let Some((a, b)) = trimmed(&a, &b) else { return Ok(Some(Value::Bool(false))) };
    Ok(Some(Value::Bool(normal(context, a, b, 0)?)))
}

struct Reader<'a> {
    text: &'a str,
    input: Vec<char>,
    at: usize,
}

impl Reader<'_> {
    fn wrong<T>(&self, at: usize, message: &str) -> Result<T, Failure> {
        Err(Failure::builtin(format!("input:{}, pos:{at}, {message}: the input provided is invalid", self.text)))
    }

    /// The next character and whether a backslash made it plain.
    fn next(&mut self) -> Result<Option<(char, bool)>, Failure> {
        match self.input.get(self.at..) {
            Some(['\\']) => self.wrong(self.at, "input ends with a \\ (escape) character"),
            Some(['\\', c, ..]) => {
                self.at += 2;
                Ok(Some((*c, true)))
            }
            Some([c, ..]) => {
                self.at += 1;
                Ok(Some((*c, false)))
            }
            _ => Ok(None),
        }
    }

    fn set(&mut self, context: &mut Context<'_>) -> Result<BTreeSet<char>, Failure> {
        let mut set = BTreeSet::new();
        let mut previous = None;
        while let Some((c, escaped)) = self.next()? {
            match c {
                ']' if !escaped => return Ok(set),
                '-' if !escaped => {
                    let Some(low) = previous.take() else {
                        return self.wrong(self.at, "range character '-' must be preceded by a Unicode character");
                    };
                    if self.at + 1 >= self.input.len() {
                        return self.wrong(self.at, "range character '-' must be followed by a Unicode character");
                    }
                    let Some((high, escaped)) = self.next()? else { break };
                    if !escaped && matches!(high, ']' | '-') {
                        return self.wrong(self.at, "range character '-' cannot be followed by a special symbol");
                    }
                    if high < low {
                        return self.wrong(
                            self.at,
                            &format!("range is out of order: '{high}' comes before '{low}' in Unicode"),
                        );
                    }
                    context.pay_new_values((u32::from(high) - u32::from(low)) as usize + 1)?;
                    set.extend(low..=high);
                }
                c => {
                    context.pay_new_values(1)?;
                    set.insert(c);
                    previous = Some(c);
                }
            }
        }
        self.wrong(self.at, "found [ without matching ]")
    }
}

fn tokens(context: &mut Context<'_>, text: &str) -> Result<Vec<Token>, Failure> {
    context.pay_new_values(text.len())?;
    let mut reader = Reader { text, input: text.chars().collect(), at: 0 };
    let mut tokens: Vec<Token> = Vec::new();
    while let Some((c, escaped)) = reader.next()? {
        let kind = match c {
            c if escaped => Kind::Character(c),
            '.' => Kind::Dot,
            '[' => Kind::Set(reader.set(context)?),
            ']' => return reader.wrong(reader.at, "set-close ']' with no preceding '['"),
            '+' | '*' => {
                return reader.wrong(reader.at, &format!("flag '{c}' must be preceded by a non-flag"));
            }
            c => Kind::Character(c),
        };
        let back = reader.at;
        let flag = match reader.next()? {
            Some(('+', false)) => Flag::Plus,
            Some(('*', false)) => Flag::Star,
            _ => {
                reader.at = back;
                Flag::None
            }
        };
        // `t*t*` is `t*`, and `t+` wins.
        match tokens.last_mut() {
            Some(last) if flag != Flag::None && last.flag != Flag::None && last.kind == kind => {
                if flag == Flag::Plus {
                    last.flag = flag;
                }
            }
            _ => tokens.push(Token { kind, flag }),
        }
    }
    Ok(tokens)
}

fn fits(a: &Token, b: &Token) -> bool {
    match (&a.kind, &b.kind) {
        (Kind::Dot, _) | (_, Kind::Dot) => true,
        (Kind::Character(a), Kind::Character(b)) => a == b,
        (Kind::Character(c), Kind::Set(set)) | (Kind::Set(set), Kind::Character(c)) => set.contains(c),
        (Kind::Set(a), Kind::Set(b)) => a.iter().any(|c| b.contains(c)),
    }
}

/// Without the plain starts and ends but one token of each; nothing where these do not fit.
fn trimmed<'a>(a: &'a [Token], b: &'a [Token]) -> Option<(&'a [Token], &'a [Token])> {
    let plain = |a: &Token, b: &Token| a.flag == Flag::None && b.flag == Flag::None;
    let mut left = 0;
    while let (Some(x), Some(y)) = (a.get(left), b.get(left)) {
        if !plain(x, y) {
            break;
        }
        if !fits(x, y) {
            return None;
        }
        left += 1;
    }
    let left = left.saturating_sub(1);
    let (mut end_a, mut end_b) = (a.len(), b.len());
    while end_a > left && end_b > left {
        let (Some(x), Some(y)) = (a.get(end_a - 1), b.get(end_b - 1)) else { break };
        if !plain(x, y) {
            break;
        }
        if !fits(x, y) {
            return None;
        }
        end_a -= 1;
        end_b -= 1;
    }
    if end_a < a.len() {
        end_a += 1;
        end_b += 1;
    }
    Some((a.get(left..end_a)?, b.get(left..end_b)?))
}

/// How deep the search may go: each level takes a flag off one of the two.
const DEEPEST: usize = 512;

fn normal(context: &mut Context<'_>, a: &[Token], b: &[Token], depth: usize) -> Result<bool, Failure> {
    if depth > DEEPEST {
        return Err(Failure::fatal("regex.globs_match: patterns are too long to be compared"));
    }
    for at in 0.. {
        context.meter.steps(1)?;
        let (Some(x), Some(y)) = (a.get(at), b.get(at)) else {
            return Ok(at == a.len() && at == b.len());
        };
        match (x.flag, y.flag) {
            (Flag::None, Flag::None) if fits(x, y) => {}
            (Flag::None, Flag::None) => return Ok(false),
            _ => {
                let (a, b) = (a.get(at..).unwrap_or_default(), b.get(at..).unwrap_or_default());
                let (flagged, other) = if x.flag == Flag::None { (b, a) } else { (a, b) };
                return match flagged.first() {
                    Some(Token { flag: Flag::Plus, .. }) => plus(context, flagged, other, depth + 1),
                    _ => star(context, flagged, other, depth + 1),
                };
            }
        }
    }
    Ok(false)
}

fn plus(context: &mut Context<'_>, flagged: &[Token], other: &[Token], depth: usize) -> Result<bool, Failure> {
    let (Some(first), Some(theirs)) = (flagged.first(), other.first()) else { return Ok(false) };
    if !fits(first, theirs) {
        return Ok(false);
    }
    if star(context, flagged, other.get(1..).unwrap_or_default(), depth + 1)? {
        return Ok(true);
    }
    Ok(theirs.flag != Flag::None && normal(context, flagged.get(1..).unwrap_or_default(), other, depth + 1)?)
}

fn star(context: &mut Context<'_>, flagged: &[Token], other: &[Token], depth: usize) -> Result<bool, Failure> {
    let Some(first) = flagged.first() else { return Ok(false) };
    let behind = flagged.get(1);
    for (at, token) in other.iter().enumerate() {
        context.meter.steps(1)?;
        if behind.is_some_and(|behind| fits(token, behind))
            && normal(context, flagged.get(1..).unwrap_or_default(), other.get(at..).unwrap_or_default(), depth + 1)?
        {
            return Ok(true);
        }
        if !fits(token, first) {
            return Ok(false);
        }
    }
    Ok(behind.is_none())
}
