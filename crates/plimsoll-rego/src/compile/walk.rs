//! Walks over trees in OPA's order. In: a node and a function that is shown every node below it and answers whether to stay
//! out of a node. Recursion is as deep as the tree is, which the parser bounds. A head's reference is not walked, as in OPA:
//! what there is of it for the stages is in its key.

use crate::ast::{Body, Expr, ExprKind, Head, Rule, TemplatePart, Term, TermKind, With};

#[derive(Clone, Copy)]
pub(super) enum Node<'a> {
    Rule,
    Body,
    Expr(&'a Expr),
    With(&'a With),
    Term(&'a Term),
}

type See<'f> = &'f mut dyn FnMut(Node<'_>) -> bool;

/// Something that can be walked: it shows its nodes to who asks.
pub(super) type Walk<'a> = dyn Fn(&mut dyn FnMut(Node<'_>) -> bool) + 'a;

/// A rule and its `else` branches.
pub(super) fn rule(rule: &Rule, see: See<'_>) {
    let mut branch = Some(rule);
    while let Some(rule) = branch {
        if see(Node::Rule) {
            return;
        }
        head(&rule.head, see);
        body(&rule.body, see);
        branch = rule.else_rule.as_deref();
    }
}

pub(super) fn head(head: &Head, see: See<'_>) {
    for arg in head.args.iter().chain(&head.key).chain(&head.value) {
        term(arg, see);
    }
}

pub(super) fn body(body: &[Expr], see: See<'_>) {
    if !see(Node::Body) {
        for inner in body {
            expr(inner, see);
        }
    }
}

pub(super) fn expr(expr: &Expr, see: See<'_>) {
    if see(Node::Expr(expr)) {
        return;
    }
    match &expr.kind {
        ExprKind::Term(inner) => term(inner, see),
        ExprKind::Call { operator, args } => {
            term(operator, see);
            for arg in args {
                term(arg, see);
            }
        }
        ExprKind::Some { symbols, .. } => {
            for symbol in symbols {
                term(symbol, see);
            }
        }
        ExprKind::Every(every) => {
            for inner in every.key.iter().chain([&every.value, &every.domain]) {
                term(inner, see);
            }
            body(&every.body, see);
        }
        ExprKind::Not { body: inner, .. } => body(inner, see),
        ExprKind::And(logical) | ExprKind::Or(logical) => {
            body(&logical.lhs, see);
            body(&logical.rhs, see);
        }
    }
    for inner in &expr.with {
        with(inner, see);
    }
}

pub(super) fn with(with: &With, see: See<'_>) {
    if !see(Node::With(with)) {
        term(&with.target, see);
        term(&with.value, see);
    }
}

pub(super) fn term(term: &Term, see: See<'_>) {
    if see(Node::Term(term)) {
        return;
    }
    match &term.kind {
        TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => {
            for inner in terms {
                self::term(inner, see);
            }
        }
        TermKind::Object(entries) => {
            for (key, value) in entries {
                self::term(key, see);
                self::term(value, see);
            }
        }
        TermKind::ArrayCompr { term: inner, body: inside } | TermKind::SetCompr { term: inner, body: inside } => {
            self::term(inner, see);
            body(inside, see);
        }
        TermKind::ObjectCompr { key, value, body: inside } => {
            self::term(key, see);
            self::term(value, see);
            body(inside, see);
        }
        TermKind::Template { parts, .. } => {
            for part in parts {
                match part {
                    TemplatePart::Text(text) => self::term(text, see),
                    TemplatePart::Expr(inner) => expr(inner, see),
                }
            }
        }
        TermKind::Null | TermKind::Bool(_) | TermKind::Number(_) | TermKind::String(_) | TermKind::Var(_) => {}
    }
}

pub(super) enum NodeMut<'a> {
    Body(&'a mut Body),
    Expr(&'a mut Expr),
    With,
    Term(&'a mut Term),
}

type SeeMut<'f> = &'f mut dyn FnMut(NodeMut<'_>) -> bool;

pub(super) fn head_mut(head: &mut Head, see: SeeMut<'_>) {
    for arg in head.args.iter_mut().chain(&mut head.key).chain(&mut head.value) {
        term_mut(arg, see);
    }
}

pub(super) fn body_mut(body: &mut Body, see: SeeMut<'_>) {
    if !see(NodeMut::Body(body)) {
        for inner in body {
            expr_mut(inner, see);
        }
    }
}

pub(super) fn expr_mut(expr: &mut Expr, see: SeeMut<'_>) {
    if see(NodeMut::Expr(expr)) {
        return;
    }
    match &mut expr.kind {
        ExprKind::Term(inner) => term_mut(inner, see),
        ExprKind::Call { operator, args } => {
            term_mut(operator, see);
            for arg in args {
                term_mut(arg, see);
            }
        }
        ExprKind::Some { symbols, .. } => {
            for symbol in symbols {
                term_mut(symbol, see);
            }
        }
        ExprKind::Every(every) => {
            for inner in every.key.iter_mut().chain([&mut every.value, &mut every.domain]) {
                term_mut(inner, see);
            }
            body_mut(&mut every.body, see);
        }
        ExprKind::Not { body: inner, .. } => body_mut(inner, see),
        ExprKind::And(logical) | ExprKind::Or(logical) => {
            body_mut(&mut logical.lhs, see);
            body_mut(&mut logical.rhs, see);
        }
    }
    for inner in &mut expr.with {
        if !see(NodeMut::With) {
            term_mut(&mut inner.target, see);
            term_mut(&mut inner.value, see);
        }
    }
}

pub(super) fn term_mut(term: &mut Term, see: SeeMut<'_>) {
    if see(NodeMut::Term(term)) {
        return;
    }
    match &mut term.kind {
        TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => {
            for inner in terms {
                term_mut(inner, see);
            }
        }
        TermKind::Object(entries) => {
            for (key, value) in entries {
                term_mut(key, see);
                term_mut(value, see);
            }
        }
        TermKind::ArrayCompr { term: inner, body: inside } | TermKind::SetCompr { term: inner, body: inside } => {
            term_mut(inner, see);
            body_mut(inside, see);
        }
        TermKind::ObjectCompr { key, value, body: inside } => {
            term_mut(key, see);
            term_mut(value, see);
            body_mut(inside, see);
        }
        TermKind::Template { parts, .. } => {
            for part in parts {
                match part {
                    TemplatePart::Text(text) => term_mut(text, see),
                    TemplatePart::Expr(inner) => expr_mut(inner, see),
                }
            }
        }
        TermKind::Null | TermKind::Bool(_) | TermKind::Number(_) | TermKind::String(_) | TermKind::Var(_) => {}
    }
}
