//! The terms of a module, as Gatekeeper looks for references. In: rules as they were parsed. Out: every term that stands in
//! them, those in the brackets of references too, which Gatekeeper leaves out; and rules whose references to libraries lead to
//! where Gatekeeper puts libraries.

use std::mem;

use plimsoll_rego::ast::{Body, Expr, ExprKind, Head, Module, Ref, Rule, TemplatePart, Term, TermKind};

/// Calls with every term of a module's rules.
pub fn terms<'m>(module: &'m Module, see: &mut dyn FnMut(&'m Term)) {
    module.rules.iter().for_each(|one| rule(one, see));
}

fn rule<'m>(rule: &'m Rule, see: &mut dyn FnMut(&'m Term)) {
    let mut next = Some(rule);
    while let Some(rule) = next {
        head(&rule.head, see);
        body(&rule.body, see);
        next = rule.else_rule.as_deref();
    }
}

fn head<'m>(head: &'m Head, see: &mut dyn FnMut(&'m Term)) {
    head.reference.iter().skip(1).chain(&head.args).chain(&head.key).chain(&head.value).for_each(|one| term(one, see));
}

fn body<'m>(body: &'m Body, see: &mut dyn FnMut(&'m Term)) {
    body.iter().for_each(|one| expr(one, see));
}

fn expr<'m>(expr: &'m Expr, see: &mut dyn FnMut(&'m Term)) {
    match &expr.kind {
        ExprKind::Term(one) => term(one, see),
        ExprKind::Call { operator, args } => std::iter::once(operator).chain(args).for_each(|one| term(one, see)),
        ExprKind::Some { symbols, .. } => symbols.iter().for_each(|one| term(one, see)),
        ExprKind::Every(every) => {
            every.key.iter().chain([&every.value, &every.domain]).for_each(|one| term(one, see));
            body(&every.body, see);
        }
        ExprKind::Not { body: inner, .. } => body(inner, see),
        ExprKind::And(both) | ExprKind::Or(both) => {
            body(&both.lhs, see);
            body(&both.rhs, see);
        }
    }
    for with in &expr.with {
        term(&with.target, see);
        term(&with.value, see);
    }
}

fn term<'m>(whole: &'m Term, see: &mut dyn FnMut(&'m Term)) {
    see(whole);
    match &whole.kind {
        TermKind::Null | TermKind::Bool(_) | TermKind::Number(_) | TermKind::String(_) | TermKind::Var(_) => {}
        TermKind::Ref(items) | TermKind::Array(items) | TermKind::Set(items) | TermKind::Call(items) => {
            items.iter().for_each(|one| term(one, see));
        }
        TermKind::Object(entries) => entries.iter().for_each(|(key, value)| {
            term(key, see);
            term(value, see);
        }),
        TermKind::ArrayCompr { term: one, body: inner } | TermKind::SetCompr { term: one, body: inner } => {
            term(one, see);
            body(inner, see);
        }
        TermKind::ObjectCompr { key, value, body: inner } => {
            term(key, see);
            term(value, see);
            body(inner, see);
        }
        TermKind::Template { parts, .. } => parts.iter().for_each(|part| match part {
            TemplatePart::Text(one) => term(one, see),
            TemplatePart::Expr(one) => expr(one, see),
        }),
    }
}

/// Where Gatekeeper puts libraries: `data.lib.x` is `data.libs.lib.x`.
pub const LIBS: &str = "libs";

/// Leads imports and references to libraries to where they are. As in Gatekeeper only a reference that is itself an operand, an
/// operator or a value is led there: one inside a call, a list or a comprehension leads nowhere.
pub fn rewrite(module: &mut Module) {
    for import in &mut module.imports {
        lead(&mut import.path);
    }
    for rule in &mut module.rules {
        let mut next = Some(rule);
        while let Some(rule) = next {
            let head = &mut rule.head;
            head.args.iter_mut().chain(&mut head.key).chain(&mut head.value).for_each(lead);
            lead_body(&mut rule.body);
            next = rule.else_rule.as_deref_mut();
        }
    }
}

/// Leads a reference to a library to where it is.
pub fn lead(term: &mut Term) {
    if let TermKind::Ref(path) = &mut term.kind {
        lead_path(path);
    }
}

pub fn lead_path(path: &mut Ref) {
    let data = matches!(path.first().map(|term| &term.kind), Some(TermKind::Var(name)) if &**name == "data");
    let inventory =
        matches!(path.get(1).map(|term| &term.kind), Some(TermKind::String(name)) if &**name == "inventory");
    if data && !inventory {
        let mut rest = mem::take(path).into_iter();
        path.extend(rest.next());
        let span = path.first().map(|term| term.span).unwrap_or_default();
        path.push(Term::string(span, LIBS));
        path.extend(rest);
    }
}

fn lead_body(body: &mut Body) {
    for expr in body {
        match &mut expr.kind {
            ExprKind::Term(term) => lead(term),
            ExprKind::Call { operator, args } => std::iter::once(operator).chain(args).for_each(lead),
            ExprKind::Some { symbols, .. } => symbols.iter_mut().for_each(lead),
            ExprKind::Every(every) => {
                every.key.iter_mut().chain([&mut every.value, &mut every.domain]).for_each(lead);
                lead_body(&mut every.body);
            }
            ExprKind::Not { body, .. } => lead_body(body),
            ExprKind::And(both) | ExprKind::Or(both) => {
                lead_body(&mut both.lhs);
                lead_body(&mut both.rhs);
            }
        }
        for with in &mut expr.with {
            lead(&mut with.target);
            lead(&mut with.value);
        }
    }
}
