//! Which rules are tests. In: parsed modules. Out: their names; tests of one name are numbered, and table tests
//! (`test_x[name] if …`) say which case they are at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plimsoll_rego::ast::{Expr, ExprKind, Module, Rule, Term, TermKind, text};
use plimsoll_rego::span::Span;

/// The builtin that a table test names its case with.
pub const TEST_CASE: &str = "internal.test_case";

/// One test.
#[derive(Debug, Clone)]
pub struct Named {
    pub package: String,
    pub name: String,
    /// The query that asks it.
    pub path: String,
    pub span: Span,
    pub skip: bool,
    /// Each key of its value is a case.
    pub table: bool,
}

fn word(term: &Term) -> &str {
    match &term.kind {
        TermKind::Var(name) | TermKind::String(name) => name,
        _ => "",
    }
}

/// How many terms of the head's reference make the test's name; `None` where it is no test.
fn length(rule: &Rule) -> Option<usize> {
    let named = |term: &Term| word(term).starts_with("test_") || word(term).starts_with("todo_test_");
    let ground = |term: &&Term| matches!(term.kind, TermKind::String(_));
    let reference = &rule.head.reference;
    let constant = 1 + reference.iter().skip(1).take_while(ground).count();
    reference.iter().take(constant).position(named).map(|at| at + 1)
}

/// All tests, in the order of the text. Tests of one name in two bodies were numbered before.
pub fn tests(modules: &[Module]) -> Vec<Named> {
    let mut named = Vec::new();
    for module in modules {
        let package = text::reference(&module.package.path);
        for rule in &module.rules {
            let Some(length) = length(rule).filter(|_| rule.head.args.is_empty()) else { continue };
            let Some(last) = rule.head.reference.get(length - 1) else { continue };
            let name = text::reference(&rule.head.reference[..length]);
            // As part of a longer reference the first variable is a string.
            let mut path = module.package.path.clone();
            path.extend(rule.head.reference[..length].iter().map(|term| Term::string(term.span, word(term))));
            named.push(Named {
                package: package.clone(),
                name,
                path: text::reference(&path),
                span: rule.span,
                skip: word(last).starts_with("todo_test_"),
                table: rule.head.reference.len() > length && !rule.head.multi_value,
            });
        }
    }
    named
}

/// `test_x`, `test_x#01`, `test_x#02` …
pub fn number_duplicates(modules: &mut [Module]) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for module in modules {
        let package = text::reference(&module.package.path);
        for rule in &mut module.rules {
            let Some(length) = length(rule) else { continue };
            let last = &rule.head.reference[length - 1];
            if !word(last).starts_with("test_") {
                continue;
            }
            let key = format!("{package}.{}", text::reference(&rule.head.reference[..length]));
            let count = counts.entry(key).or_default();
            if *count > 0 {
                let new: Arc<str> = format!("{}#{count:02}", word(last)).into();
                let kind = match &last.kind {
                    TermKind::Var(_) => TermKind::Var(new),
                    _ => TermKind::String(new),
                };
                rule.head.reference[length - 1] = Term::new(last.span, kind);
            }
            *count += 1;
        }
    }
}

/// Puts a call of [`TEST_CASE`] into each table test, as early as the case's name is known.
pub fn name_cases(modules: &mut [Module]) {
    for module in modules {
        for rule in &mut module.rules {
            let Some(length) = length(rule) else { continue };
            if rule.head.multi_value || !rule.head.args.is_empty() || rule.head.reference.len() <= length {
                continue;
            }
            let tail: Vec<Term> = rule.head.reference[length..].to_vec();
            let mut wanted = BTreeSet::new();
            tail.iter().for_each(|term| variables(term, &mut wanted));
            let mut have = BTreeSet::new();
            let known = rule.body.iter().position(|expr| {
                of_expr(expr, &mut have);
                wanted.is_subset(&have)
            });
            let Some(at) = known else { continue };
            let span = rule.head.span;
            let operator =
                Term::new(span, TermKind::Ref(vec![Term::var(span, "internal"), Term::string(span, "test_case")]));
            let call = Expr {
                kind: ExprKind::Call { operator, args: vec![Term::new(span, TermKind::Array(tail))] },
                span,
                negated: false,
                with: Vec::new(),
                // The compiler's own calls have a place for their result.
                generated: false,
            };
            rule.body.insert(at + 1, call);
        }
    }
}

/// Names of variables outside of closures.
fn variables(term: &Term, names: &mut BTreeSet<Arc<str>>) {
    match &term.kind {
        TermKind::Var(name) => drop(names.insert(name.clone())),
        TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) => {
            terms.iter().for_each(|term| variables(term, names));
        }
        TermKind::Call(terms) => terms.iter().skip(1).for_each(|term| variables(term, names)),
        TermKind::Object(entries) => entries.iter().for_each(|(key, value)| {
            variables(key, names);
            variables(value, names);
        }),
        _ => {}
    }
}

fn of_expr(expr: &Expr, names: &mut BTreeSet<Arc<str>>) {
    match &expr.kind {
        ExprKind::Term(term) => variables(term, names),
        ExprKind::Call { args, .. } => args.iter().for_each(|term| variables(term, names)),
        // A bare declaration gives no value yet.
        ExprKind::Some { symbols, .. } => {
            symbols
                .iter()
                .filter(|symbol| matches!(symbol.kind, TermKind::Call(_)))
                .for_each(|term| variables(term, names));
        }
        _ => {}
    }
}

/// The regular expression of `--run`.
pub fn filter(pattern: &str) -> Result<impl Fn(&str) -> bool, String> {
    let regex = plimsoll_re2::compiled(pattern, 10 << 20)?;
    Ok(move |name: &str| regex.is_match(name))
}
