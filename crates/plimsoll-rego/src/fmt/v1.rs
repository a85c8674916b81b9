//! What v1 refuses and a module read as v0 may hold. What the formatter mends itself (`if`, `contains`, bodies that are not
//! there) is not asked for.

use std::collections::BTreeMap;

use super::walk::{self, Visitor};
use crate::ast::text::is_keyword;
use crate::ast::{Expr, ExprKind, Import, Language, Module, Term, TermKind};
use crate::builtins;
use crate::error::{Code, RegoError};
use crate::span::Span;

pub(super) fn refusals(module: &Module) -> Vec<RegoError> {
    let mut errors = Vec::new();
    let mut imports: BTreeMap<&str, &Import> = BTreeMap::new();
    for import in &module.imports {
        let Some(name) = import.name() else { continue };
        match imports.get(name) {
            Some(first) => {
                errors.push(RegoError::new(Code::Compile, import.span, format!("import must not shadow {first}")));
            }
            None => {
                imports.insert(name, import);
            }
        }
    }
    for rule in &module.rules {
        if let Some(name) = rule.head.reference.first().and_then(root_document) {
            errors.push(shadows(rule.span, "rules", name, "rule"));
        }
        for arg in &rule.head.args {
            if let Some(name) = root_document(arg).filter(|_| matches!(arg.kind, TermKind::Ref(_))) {
                errors.push(shadows(arg.span, "args", name, "variable"));
            }
        }
    }
    let mut roots = Roots(Vec::new());
    let mut deprecated = Deprecated(Vec::new());
    for rule in &module.rules {
        walk::rules(rule, |rule| {
            walk::rule(rule, &mut roots);
            for term in &rule.head.reference {
                walk::term(term, &mut deprecated);
            }
            walk::rule(rule, &mut deprecated);
        });
    }
    errors.append(&mut roots.0);
    errors.append(&mut deprecated.0);
    for rule in &module.rules {
        if let [Term { kind: TermKind::Var(name), .. }] = rule.head.reference.as_slice()
            && is_keyword(name, Language::V1)
        {
            let message = format!("{name} keyword cannot be used for rule name");
            errors.push(RegoError::new(Code::Parse, rule.span, message));
        }
    }
    errors
}

/// `data` or `input`, alone.
fn root_document(term: &Term) -> Option<&'static str> {
    let name = match &term.kind {
        TermKind::Var(name) => name,
        TermKind::Ref(terms) => match terms.as_slice() {
            [Term { kind: TermKind::Var(name), .. }] => name,
            _ => return None,
        },
        _ => return None,
    };
    ["data", "input"].into_iter().find(|root| **name == **root)
}

fn shadows(span: Span, what: &str, name: &str, use_another: &str) -> RegoError {
    let message = format!("{what} must not shadow {name} (use a different {use_another} name)");
    RegoError::new(Code::Compile, span, message)
}

struct Roots(Vec<RegoError>);

impl Visitor for Roots {
    fn expr(&mut self, expr: &Expr) {
        if let ExprKind::Call { operator, args } = &expr.kind
            && super::term::is_operator(operator, "assign")
            && let Some(name) = args.first().and_then(root_document)
        {
            self.0.push(shadows(expr.span, "variables", name, "variable"));
        }
    }
}

struct Deprecated(Vec<RegoError>);

impl Deprecated {
    fn call(&mut self, operator: &Term, span: Span) {
        let name = operator.to_string();
        if builtins::named(&name).is_some_and(|builtin| builtin.deprecated) {
            let message = format!("deprecated built-in function calls in expression: {name}");
            self.0.push(RegoError::new(Code::Type, span, message));
        }
    }
}

impl Visitor for Deprecated {
    fn expr(&mut self, expr: &Expr) {
        if let ExprKind::Call { operator, .. } = &expr.kind {
            self.call(operator, expr.span);
        }
    }

    fn term(&mut self, term: &Term) {
        if let TermKind::Call(call) = &term.kind
            && let Some(operator) = call.first()
        {
            self.call(operator, operator.span);
        }
    }
}
