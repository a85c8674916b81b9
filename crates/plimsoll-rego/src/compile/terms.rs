//! What stages ask of terms and expressions: OPA's order of terms, objects and sets in that order without doubles, what is
//! constant, what needs evaluation, which builtin is called.

use std::cmp::Ordering;

use super::walk::{self, Node, NodeMut};
use crate::ast::{Body, Expr, ExprKind, Module, Name, TemplatePart, Term, TermKind, With};
use crate::span::Span;

/// Brings an object's entries or a set's members into OPA's order; of equal ones the last stays.
pub(super) fn sort(term: &mut Term) {
    match &mut term.kind {
        TermKind::Object(entries) => {
            let sorted = entries.is_sorted_by(|a, b| a.0.order(&b.0) == Ordering::Less);
            if !sorted {
                entries.sort_by(|a, b| a.0.order(&b.0));
                entries.dedup_by(|later, earlier| {
                    let same = later.0.same(&earlier.0);
                    if same {
                        std::mem::swap(&mut later.1, &mut earlier.1);
                    }
                    same
                });
            }
        }
        TermKind::Set(members) => {
            let sorted = members.is_sorted_by(|a, b| a.order(b) == Ordering::Less);
            if !sorted {
                members.sort_by(|a, b| a.order(b));
                members.dedup_by(|later, earlier| later.same(earlier));
            }
        }
        _ => {}
    }
}

/// Sorts all objects and sets below, innermost first.
pub(super) fn sort_below(term: &mut Term) {
    match &mut term.kind {
        TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => {
            terms.iter_mut().for_each(sort_below);
        }
        TermKind::Object(entries) => {
            for (key, value) in entries {
                sort_below(key);
                sort_below(value);
            }
        }
        TermKind::ArrayCompr { term: inner, body } | TermKind::SetCompr { term: inner, body } => {
            sort_below(inner);
            sort_body(body);
        }
        TermKind::ObjectCompr { key, value, body } => {
            sort_below(key);
            sort_below(value);
            sort_body(body);
        }
        TermKind::Template { parts, .. } => {
            for part in parts {
                if let TemplatePart::Expr(inner) = part {
                    sort_expr(inner);
                }
            }
        }
        TermKind::Null | TermKind::Bool(_) | TermKind::Number(_) | TermKind::String(_) | TermKind::Var(_) => {}
    }
    sort(term);
}

fn sort_expr(expr: &mut Expr) {
    let see: &mut dyn FnMut(NodeMut<'_>) -> bool = &mut |node| match node {
        NodeMut::Term(term) => {
            sort_below(term);
            true
        }
        _ => false,
    };
    walk::expr_mut(expr, see);
}

pub(super) fn sort_body(body: &mut Body) {
    body.iter_mut().for_each(sort_expr);
}

/// As OPA's constructors leave objects and sets.
pub(super) fn sort_module(module: &mut Module) {
    for rule in &mut module.rules {
        let mut branch = Some(rule);
        while let Some(rule) = branch {
            let head = &mut rule.head;
            head.reference.iter_mut().for_each(sort_below);
            head.args.iter_mut().chain(&mut head.key).chain(&mut head.value).for_each(sort_below);
            sort_body(&mut rule.body);
            branch = rule.else_rule.as_deref_mut();
        }
    }
}

pub(super) fn is_scalar(term: &Term) -> bool {
    matches!(&term.kind, TermKind::Null | TermKind::Bool(_) | TermKind::Number(_) | TermKind::String(_))
}

pub(super) fn is_comprehension(term: &Term) -> bool {
    matches!(&term.kind, TermKind::ArrayCompr { .. } | TermKind::SetCompr { .. } | TermKind::ObjectCompr { .. })
}

/// No variable, reference, comprehension or call in it.
pub(super) fn is_constant(term: &Term) -> bool {
    !any(term, |term| {
        matches!(&term.kind, TermKind::Var(_) | TermKind::Ref(_) | TermKind::Call(_) | TermKind::Template { .. })
            || is_comprehension(term)
    })
}

/// No variable in it; a reference's head is none.
pub(super) fn is_ground(term: &Term) -> bool {
    match &term.kind {
        TermKind::Null | TermKind::Bool(_) | TermKind::Number(_) | TermKind::String(_) => true,
        TermKind::Var(_) => false,
        TermKind::Ref(terms) => terms.iter().skip(1).all(is_ground),
        TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => terms.iter().all(is_ground),
        TermKind::Object(entries) => entries.iter().all(|(key, value)| is_ground(key) && is_ground(value)),
        TermKind::ArrayCompr { .. } | TermKind::SetCompr { .. } | TermKind::ObjectCompr { .. } => false,
        TermKind::Template { .. } => false,
    }
}

/// Whether the term or one below it is such.
pub(super) fn any(term: &Term, mut is: impl FnMut(&Term) -> bool) -> bool {
    let mut found = false;
    walk::term(term, &mut |node| {
        if let Node::Term(term) = node {
            found = found || is(term);
        }
        found
    });
    found
}

/// OPA's `requiresEval`: a reference or comprehension is in it.
pub(super) fn needs_evaluation(term: &Term) -> bool {
    any(term, |term| matches!(&term.kind, TermKind::Ref(_)) || is_comprehension(term))
}

pub(super) fn is_wildcard(name: &str) -> bool {
    name.starts_with('$')
}

/// The compiler made it.
pub(super) fn is_generated(name: &str) -> bool {
    name.starts_with("__local")
}

/// `_` of a wildcard.
pub(super) fn shown(name: &str) -> &str {
    if is_wildcard(name) { "_" } else { name }
}

pub(super) fn root_name(term: &Term) -> Option<&Name> {
    match &term.kind {
        TermKind::Ref(terms) => match terms.as_slice() {
            [Term { kind: TermKind::Var(name), .. }] if &**name == "data" || &**name == "input" => Some(name),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn ref_head(terms: &[Term]) -> Option<&Name> {
    match terms.first().map(|term| &term.kind) {
        Some(TermKind::Var(name)) => Some(name),
        _ => None,
    }
}

/// The name of a call's operator as builtins are named: `io.jwt.decode`.
pub(super) fn operator_name(operator: &Term) -> Option<std::borrow::Cow<'_, str>> {
    match &operator.kind {
        TermKind::Var(name) => Some((&**name).into()),
        TermKind::Ref(terms) => {
            let head = ref_head(terms)?;
            if terms.len() == 1 {
                return Some((&**head).into());
            }
            let mut name = head.to_string();
            for term in terms.iter().skip(1) {
                let TermKind::String(part) = &term.kind else { return None };
                name.push('.');
                name.push_str(part);
            }
            Some(name.into())
        }
        _ => None,
    }
}

fn is_operator(expr: &Expr, name: &str) -> bool {
    let ExprKind::Call { operator, .. } = &expr.kind else { return false };
    matches!(&operator.kind, TermKind::Ref(terms) if terms.len() == 1 && ref_head(terms).is_some_and(|head| &**head == name))
}

pub(super) fn is_equality(expr: &Expr) -> bool {
    is_operator(expr, "eq")
}

pub(super) fn is_assignment(expr: &Expr) -> bool {
    is_operator(expr, "assign")
}

pub(super) fn is_print(expr: &Expr) -> bool {
    is_operator(expr, "print")
}

/// The operands of a call with exactly two.
pub(super) fn two(expr: &Expr) -> Option<(&Term, &Term)> {
    match &expr.kind {
        ExprKind::Call { args, .. } => match args.as_slice() {
            [a, b] => Some((a, b)),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn is_negated(expr: &Expr) -> bool {
    expr.negated || matches!(&expr.kind, ExprKind::Not { .. })
}

pub(super) fn reference(span: Span, name: &str) -> Term {
    Term::new(span, TermKind::Ref(vec![Term::var(span, name)]))
}

/// `a = b`, made by the compiler.
pub(super) fn equality(span: Span, a: Term, b: Term) -> Expr {
    call(span, reference(span, "eq"), vec![a, b])
}

pub(super) fn call(span: Span, operator: Term, args: Vec<Term>) -> Expr {
    Expr { span, kind: ExprKind::Call { operator, args }, negated: false, with: Vec::new(), generated: true }
}

pub(super) fn truth(span: Span) -> Expr {
    let kind = ExprKind::Term(Term::new(span, TermKind::Bool(true)));
    Expr { span, kind, negated: false, with: Vec::new(), generated: false }
}

/// The body of a rule that has none: `true`.
pub(super) fn is_empty_body(body: &[Expr]) -> bool {
    match body {
        [Expr { kind: ExprKind::Term(term), .. }] => matches!(term.kind, TermKind::Bool(true)),
        _ => false,
    }
}

/// OPA's `appendToBody`: the first expression takes the place of a lone `true`.
pub(super) fn append(body: &mut Body, exprs: Vec<Expr>) {
    if !exprs.is_empty() && is_empty_body(body) {
        body.clear();
    }
    body.extend(exprs);
}

/// Places of modifiers tell them apart, as OPA's shared pointers do.
pub(super) fn same_with(a: &With, b: &With) -> bool {
    a.span == b.span && a.span != Span::NONE
}
