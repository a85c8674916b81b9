//! ENV that uses what it only just sets.

use std::collections::{HashMap, HashSet};

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::ast::Body;
use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::{Found, Span};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "env-of-itself",
        severity: Severity::High,
        aliases: &["DL3044"],
        opt_in: false,
        title: "ENV uses a variable that the same ENV sets",
        why: "All values of one ENV are expanded before any of them is set. The variable still has its old value there, or none at all.",
        remedy: "set the variable in an ENV of its own before",
        bad: "FROM debian:12\nENV HOME_DIR=/srv BIN_DIR=$HOME_DIR/bin\n",
        good: "FROM debian:12\nENV HOME_DIR=/srv\nENV BIN_DIR=$HOME_DIR/bin\n",
    },
    check,
};

fn check(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    // What has a value already: there the old one is most likely meant.
    let mut known: HashSet<&str> = HashSet::new();
    for instruction in &file.instructions {
        let pairs = match &instruction.body {
            Body::Env(pairs) => pairs,
            Body::Arg(pairs) => {
                known.extend(pairs.iter().map(|pair| pair.key.text.as_str()));
                continue;
            }
            _ => continue,
        };
        // How many of the pairs set each.
        let mut set: HashMap<&str, usize> = HashMap::new();
        for pair in pairs {
            *set.entry(pair.key.text.as_str()).or_default() += 1;
        }
        for pair in pairs.iter().filter(|pair| !pair.legacy) {
            let Some(value) = &pair.value else { continue };
            for (name, span) in references(file.source.slice(value.span), value.span.start) {
                let others = set.get(name).copied().unwrap_or_default()
                    - usize::from(name == pair.key.text && set.contains_key(name));
                if others > 0 && !known.contains(name) {
                    found.push(Found::new(
                        &RULE.info,
                        span,
                        format!("`${name}` is set by this same ENV and has no value yet"),
                    ));
                }
            }
        }
        known.extend(pairs.iter().map(|pair| pair.key.text.as_str()));
    }
}

/// `$NAME` and `${NAME}` of a value as written, without those in single quotes and behind backslashes.
fn references(raw: &str, at: usize) -> Vec<(&str, Span)> {
    let bytes = raw.as_bytes();
    let mut all = Vec::new();
    let (mut i, mut single, mut double) = (0, false, false);
    while i < bytes.len() {
        match bytes[i] {
            b'\\' if !single => i += 1,
            b'\'' if !double => single = !single,
            b'"' if !single => double = !double,
            b'$' if !single => {
                let braces = usize::from(bytes.get(i + 1) == Some(&b'{'));
                let start = i + 1 + braces;
                let length = bytes[start.min(bytes.len())..]
                    .iter()
                    .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
                    .count();
                let end = start + length;
                if length > 0 && (braces == 0 || bytes.get(end) == Some(&b'}')) {
                    all.push((&raw[start..end], Span::new(at + i, at + end + braces)));
                }
                // What stands in the braces may hold more.
                i = end.max(i + 1) - 1;
            }
            _ => {}
        }
        i += 1;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_those_that_are_expanded() {
        for (raw, names) in [
            ("$A", vec!["A"]),
            ("${A}x", vec!["A"]),
            ("\"x$A$B\"", vec!["A", "B"]),
            ("'$A'", vec![]),
            ("\"'$A'\"", vec!["A"]),
            ("\\$A", vec![]),
            ("${A:-2}", vec![]),
            ("${C:-$A}", vec!["A"]),
            ("$", vec![]),
            ("${", vec![]),
            ("$A_b-", vec!["A_b"]),
            ("é$é", vec![]),
        ] {
            let found: Vec<&str> = references(raw, 0).into_iter().map(|(name, _)| name).collect();
            assert_eq!(found, names, "{raw}");
        }
    }
}
