//! Whether a formatted text is still the program that it was made of. In: the module before, the text after. Out: why not.

use super::{Options, walk};
use crate::ast::text::{body, reference};
use crate::ast::{Module, Rule, Term};
use crate::error::{Code, RegoError};
use crate::parse;
use crate::span::{Sources, Span};

pub(super) fn check(before: &Module, name: &str, text: &str, options: &Options) -> Result<(), Vec<RegoError>> {
    let refuse = |span: Span, why: &str| Err(vec![RegoError::new(Code::Format, span, why)]);
    let mut sources = Sources::default();
    let language = options.target.language();
    let reading = parse::Options { language, annotations: false, ..options.parse.clone() };
    let parsed = parse::parse_module(&mut sources, name, text.as_bytes(), &reading);
    let Some(after) = parsed.module.filter(|_| parsed.errors.is_empty()) else {
        let first = parsed.errors.first().map(|error| error.line(&sources)).unwrap_or_default();
        let span = Span { end: before.package.span.start, ..before.package.span };
        return refuse(span, &format!("the formatted text cannot be read: {first}"));
    };
    const OTHER: &str = "formatted, it would be another program: move the comments out of it";
    if reference(&before.package.path) != reference(&after.package.path) {
        return refuse(before.package.span, OTHER);
    }
    for (index, rule) in before.rules.iter().enumerate() {
        if after.rules.get(index).is_none_or(|other| parts(rule) != parts(other)) {
            return refuse(rule.span, OTHER);
        }
    }
    match after.rules.get(before.rules.len()) {
        None => Ok(()),
        Some(_) => refuse(before.package.span, OTHER),
    }
}

/// What a rule says, however its language writes it.
fn parts(rule: &Rule) -> Vec<String> {
    let mut parts = Vec::new();
    walk::rules(rule, |rule| {
        let head = &rule.head;
        let term = |term: &Option<Term>| term.as_ref().map(Term::to_string).unwrap_or_default();
        parts.push(format!("{} {}", rule.default, reference(&head.reference)));
        parts.extend(head.args.iter().map(Term::to_string));
        parts.push(format!("{}\n{}\n{}", term(&head.key), term(&head.value), body(&rule.body)));
    });
    parts.iter_mut().for_each(anonymous);
    parts
}

/// A wildcard of several bodies gets a name when it is written, `_7`; it reads as one without a name.
fn anonymous(text: &mut String) {
    if !text.contains('_') {
        return;
    }
    let mut out = String::with_capacity(text.len());
    let mut word = false;
    let mut rest = text.as_str();
    while let Some(char) = rest.chars().next() {
        rest = rest.get(char.len_utf8()..).unwrap_or("");
        out.push(char);
        if char == '_' && !word {
            rest = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
        }
        word = char == '_' || char.is_alphanumeric();
    }
    *text = out;
}
