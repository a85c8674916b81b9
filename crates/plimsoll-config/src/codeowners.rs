//! CODEOWNERS. In: lines. Out: `{rules: [{pattern, owners: [{type, value}], comment, lineNumber}]}`; a line that is no rule is a
//! fault.

use crate::{Fault, Made, Value};

pub fn read(text: &str) -> Result<Value, Fault> {
    let mut rules = Vec::new();
    let mut made = Made::default();
    for (at, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let shift = line.chars().count() - line.trim_start().chars().count();
        let fault = |(column, message): (usize, String)| Fault {
            line: at + 1,
            column: column + shift,
            ..Fault::new(format!("line {}: {message}", at + 1))
        };
        rules.push(rule(trimmed, at + 1, &mut made).map_err(fault)?);
    }
    let rules = if rules.is_empty() { Value::Null } else { Value::List(rules) };
    Ok(Value::map([("rules", rules)]))
}

fn rule(line: &str, number: usize, made: &mut Made) -> Result<Value, (usize, String)> {
    // A map of a pattern, a list of owners, a comment and a number; each owner is a map of two texts.
    made.some(5).map_err(|message| (1, message))?;
    let blank = |c: char| matches!(c, ' ' | '\t');
    let mut pattern = String::new();
    let mut in_pattern = true;
    let mut owners = Vec::new();
    let mut name = String::new();
    let mut comment = "";
    let mut escaped = false;
    let position = |at: usize| line[..at].chars().count() + 1;
    for (at, c) in line.char_indices() {
        if c == '#' {
            comment = line[at + 1..].trim();
            break;
        }
        let unexpected = || (position(at), format!("unexpected character '{c}' at position {}", at + 1));
        if in_pattern {
            let plain = c.is_ascii_alphanumeric() || "*?./@_+-\\()".contains(c);
            match c {
                '\\' => {
                    escaped = true;
                    pattern.push(c);
                    continue;
                }
                c if blank(c) && !escaped => in_pattern = false,
                c if plain || blank(c) => pattern.push(c),
                _ => return Err(unexpected()),
            }
            escaped = false;
        } else if blank(c) {
            if !name.is_empty() {
                made.some(3).map_err(|message| (position(at), message))?;
                let owner = owner(&name).ok_or_else(|| invalid(&name, position(at), at + 1 - name.len()))?;
                owners.push(owner);
                name.clear();
            }
        } else if c.is_ascii_alphanumeric() || ".@/_%+-".contains(c) {
            name.push(c);
        } else {
            return Err(unexpected());
        }
    }
    if in_pattern && pattern.is_empty() {
        return Err((1, "unexpected end of rule".into()));
    }
    if !name.is_empty() {
        let at = line.len() + 1 - name.len();
        made.some(3).map_err(|message| (at, message))?;
        owners.push(owner(&name).ok_or_else(|| invalid(&name, at, at))?);
    }
    Ok(Value::map([
        ("pattern", Value::text(pattern)),
        ("owners", Value::List(owners)),
        ("comment", Value::text(comment)),
        ("lineNumber", Value::Float(number as f64)),
    ]))
}

fn invalid(name: &str, column: usize, at: usize) -> (usize, String) {
    (column, format!("invalid owner format '{name}' at position {at}"))
}

fn owner(name: &str) -> Option<Value> {
    let all = |text: &str, more: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    let made = |kind: &str, value: &str| Some(Value::map([("type", Value::text(kind)), ("value", Value::text(value))]));
    if let Some((before, host)) = name.split_once('@')
        && let Some((domain, top)) = host.rsplit_once('.')
        && all(before, "._%+-")
        && all(domain, ".-")
        && (2..=6).contains(&top.len())
        && top.bytes().all(|byte| byte.is_ascii_alphabetic())
    {
        return made("email", name);
    }
    let name = name.strip_prefix('@')?;
    match name.split_once('/') {
        Some((group, team)) if all(group, "-") && all(team, "_-") => made("team", name),
        None if all(name, "-_") => made("username", name),
        _ => None,
    }
}
