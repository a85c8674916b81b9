//! Visits all terms and expressions of a rule, in OPA's order and without the references of heads, as OPA's own visitor does.

use crate::ast::order::{entries, members};
use crate::ast::{Body, Expr, ExprKind, Rule, TemplatePart, Term, TermKind};

pub(super) trait Visitor {
    fn expr(&mut self, _: &Expr) {}
    fn term(&mut self, _: &Term) {}
}

/// The rule with its `else` branches; `each` sees every one of them.
pub(super) fn rules<'a>(rule: &'a Rule, mut each: impl FnMut(&'a Rule)) {
    let mut next = Some(rule);
    while let Some(rule) = next {
        each(rule);
        next = rule.else_rule.as_deref();
    }
}

pub(super) fn rule(rule: &Rule, visitor: &mut impl Visitor) {
    for term in rule.head.args.iter().chain(&rule.head.key).chain(&rule.head.value) {
        self::term(term, visitor);
    }
    body(&rule.body, visitor);
}

pub(super) fn body(body: &Body, visitor: &mut impl Visitor) {
    for expr in body {
        self::expr(expr, visitor);
    }
}

fn terms<'a>(terms: impl IntoIterator<Item = &'a Term>, visitor: &mut impl Visitor) {
    for term in terms {
        self::term(term, visitor);
    }
}

pub(super) fn expr(expr: &Expr, visitor: &mut impl Visitor) {
    visitor.expr(expr);
    match &expr.kind {
        ExprKind::Term(term) => self::term(term, visitor),
        ExprKind::Call { operator, args } => terms(std::iter::once(operator).chain(args), visitor),
        ExprKind::Some { symbols, .. } => terms(symbols, visitor),
        ExprKind::Every(every) => {
            terms(every.key.iter().chain([&every.value, &every.domain]), visitor);
            body(&every.body, visitor);
        }
        ExprKind::Not { body: inner, .. } => body(inner, visitor),
        ExprKind::And(both) | ExprKind::Or(both) => {
            body(&both.lhs, visitor);
            body(&both.rhs, visitor);
        }
    }
    for with in &expr.with {
        terms([&with.target, &with.value], visitor);
    }
}

pub(super) fn term(term: &Term, visitor: &mut impl Visitor) {
    visitor.term(term);
    match &term.kind {
        TermKind::Null | TermKind::Bool(_) | TermKind::Number(_) | TermKind::String(_) | TermKind::Var(_) => {}
        TermKind::Ref(inner) | TermKind::Array(inner) | TermKind::Call(inner) => terms(inner, visitor),
        TermKind::Object(written) => {
            terms(entries(written).into_iter().flat_map(|(key, value)| [key, value]), visitor);
        }
        TermKind::Set(written) => terms(members(written), visitor),
        TermKind::ArrayCompr { term, body: inner } | TermKind::SetCompr { term, body: inner } => {
            self::term(term, visitor);
            body(inner, visitor);
        }
        TermKind::ObjectCompr { key, value, body: inner } => {
            terms([&**key, &**value], visitor);
            body(inner, visitor);
        }
        TermKind::Template { parts, .. } => {
            for part in parts {
                match part {
                    TemplatePart::Text(term) => self::term(term, visitor),
                    TemplatePart::Expr(expr) => self::expr(expr, visitor),
                }
            }
        }
    }
}
