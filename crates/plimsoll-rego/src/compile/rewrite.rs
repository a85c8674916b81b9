//! Rewrites between renaming and the checks. In: bodies with calls, references and comprehensions wherever they may be
//! written. Out: calls with their results in variables, comprehensions that give variables, heads that need no evaluation,
//! modifiers whose values are plain, `print` erased or made safe. Each function is a stage of OPA's.

use std::collections::HashMap;

use super::env::{Env, Errors, Names, Renames};
use super::terms::{self, append};
use super::tree::RuleKind;
use super::vars::{self, SAFETY, Skip, Vars};
use super::walk::{self, Node, NodeMut, Walk};
use crate::ast::{Body, Expr, ExprKind, Head, Module, Name, Rule, TemplatePart, Term, TermKind, With};
use crate::error::{Code, RegoError};
use crate::span::Span;

/// Every rule and `else` branch.
pub(super) fn each_rule(modules: &mut [Module], mut of: impl FnMut(&mut Rule)) {
    for rule in modules.iter_mut().flat_map(|module| &mut module.rules) {
        let mut branch = Some(rule);
        while let Some(rule) = branch {
            of(rule);
            branch = rule.else_rule.as_deref_mut();
        }
    }
}

/// `p.q[y.z]` is `p.q[__local0__] { __local0__ = y.z }`: the rule tree knows constants and variables.
pub(super) fn head_refs(modules: &mut [Module], names: &mut Names, env: &Env<'_>, errors: &mut Errors) {
    let has = |feature: &str| env.capabilities.has_feature(feature);
    let v1 = has("rego_v1") || has("rego_v2");
    let prefixes = v1 || has("rule_head_ref_string_prefixes");
    let general = v1 || has("rule_head_refs");
    for rule in modules.iter_mut().flat_map(|module| &mut module.rules) {
        let count = rule.head.reference.len();
        if !prefixes && !general && count > 2 {
            let reference = crate::ast::text::reference(&rule.head.reference);
            let message = format!("rule heads with refs are not supported: {reference}");
            errors.fatal([RegoError::new(Code::Compile, rule.span, message)]);
            continue;
        }
        for at in 1..count {
            let Some(term) = rule.head.reference.get(at) else { break };
            let last = at + 1 == count;
            if !general
                && (super::tree::kind(&rule.head) == RuleKind::MultiValue || !last)
                && !matches!(term.kind, TermKind::String(_))
            {
                let reference = crate::ast::text::reference(&rule.head.reference);
                let message =
                    format!("rule heads with general refs (containing variables) are not supported: {reference}");
                if !errors.fatal([RegoError::new(Code::Type, rule.span, message)]) {
                    break;
                }
                continue;
            }
            if matches!(term.kind, TermKind::Var(_)) || terms::is_scalar(term) {
                continue;
            }
            let (var, equality) = names.bind(term.clone());
            if last && rule.head.key.as_ref().is_some_and(|key| key.same(term)) {
                rule.head.key = Some(var.clone());
            }
            if let Some(term) = rule.head.reference.get_mut(at) {
                *term = var;
            }
            append(&mut rule.body, vec![equality]);
        }
    }
}

/// Names bound around a body, innermost last.
struct Bound<'a> {
    outer: Option<&'a Bound<'a>>,
    names: &'a Vars,
}

impl Bound<'_> {
    fn has(&self, name: &Name) -> bool {
        let mut at = Some(self);
        while let Some(bound) = at {
            if bound.names.contains(name) {
                return true;
            }
            at = bound.outer;
        }
        false
    }
}

/// Template strings are calls of `internal.template_string`, each expression in a comprehension so that undefined ones show.
pub(super) struct Templates<'a, 'b> {
    pub env: &'a Env<'b>,
    pub names: &'a mut Names,
    pub renames: &'a HashMap<Name, Name>,
    pub supported: bool,
    /// A reference to a rule that is known to be defined.
    pub defined: &'a dyn Fn(&Term) -> bool,
    pub errors: Vec<RegoError>,
}

pub(super) fn has_template(node: &Walk<'_>) -> bool {
    let mut found = false;
    node(&mut |node| {
        found |= matches!(node, Node::Term(Term { kind: TermKind::Template { .. }, .. }));
        found
    });
    found
}

fn reserved() -> Vars {
    ["data", "input"].into_iter().map(Name::from).collect()
}

impl Templates<'_, '_> {
    pub(super) fn rule(&mut self, rule: &mut Rule) {
        let has = has_template(&|see| {
            walk::head(&rule.head, see);
            walk::body(&rule.body, see);
        });
        if !has {
            return;
        }
        let mut around = vars::of_terms(&rule.head.args, Skip::default());
        around.extend(reserved());
        let bound = Bound { outer: None, names: &around };
        let inner = self.outputs(&rule.body, &bound);
        let safe = Bound { outer: Some(&bound), names: &inner };
        rule.body.iter_mut().for_each(|expr| self.expr(expr, &safe));
        let head = &mut rule.head;
        head.args.iter_mut().chain(&mut head.key).chain(&mut head.value).for_each(|term| self.term(term, &safe));
    }

    pub(super) fn query(&mut self, body: &mut Body) {
        let around = reserved();
        self.body(body, &Bound { outer: None, names: &around });
    }

    fn outputs(&self, body: &[Expr], bound: &Bound<'_>) -> Vars {
        let arity = |operator: &Term| self.env.arity(operator);
        let mut found = Vars::new();
        for expr in body {
            let more = vars::outputs_of(expr, self.env.is_assigned(expr), &arity, &|name| {
                found.contains(name) || bound.has(name)
            });
            found.extend(more);
        }
        found
    }

    fn body(&mut self, body: &mut Body, bound: &Bound<'_>) {
        let inner = self.outputs(body, bound);
        let safe = Bound { outer: Some(bound), names: &inner };
        body.iter_mut().for_each(|expr| self.expr(expr, &safe));
    }

    fn expr(&mut self, expr: &mut Expr, safe: &Bound<'_>) {
        walk::expr_mut(expr, &mut |node| match node {
            NodeMut::Expr(Expr { kind: ExprKind::Every(every), .. }) => {
                self.term(&mut every.domain, safe);
                let mut declared = vars::of_term(&every.value, Skip::default());
                declared.extend(every.key.iter().flat_map(|key| vars::of_term(key, Skip::default())));
                self.body(&mut every.body, &Bound { outer: Some(safe), names: &declared });
                true
            }
            NodeMut::Term(term) => {
                self.term(term, safe);
                true
            }
            _ => false,
        });
    }

    fn term(&mut self, term: &mut Term, safe: &Bound<'_>) {
        let span = term.span;
        match &mut term.kind {
            TermKind::Template { parts, .. } => {
                let parts = std::mem::take(parts);
                term.kind = self.template(parts, span, safe);
                if let TermKind::Call(items) = &mut term.kind {
                    items.iter_mut().for_each(|item| self.term(item, safe));
                }
            }
            TermKind::ArrayCompr { term, body } | TermKind::SetCompr { term, body } => {
                let inner = self.outputs(body, safe);
                let safe = Bound { outer: Some(safe), names: &inner };
                body.iter_mut().for_each(|expr| self.expr(expr, &safe));
                self.term(term, &safe);
            }
            TermKind::ObjectCompr { key, value, body } => {
                let inner = self.outputs(body, safe);
                let safe = Bound { outer: Some(safe), names: &inner };
                body.iter_mut().for_each(|expr| self.expr(expr, &safe));
                self.term(key, &safe);
                self.term(value, &safe);
            }
            TermKind::Ref(items) | TermKind::Array(items) | TermKind::Set(items) | TermKind::Call(items) => {
                items.iter_mut().for_each(|item| self.term(item, safe));
            }
            TermKind::Object(entries) => {
                for (key, value) in entries {
                    self.term(key, safe);
                    self.term(value, safe);
                }
            }
            TermKind::Null | TermKind::Bool(_) | TermKind::Number(_) | TermKind::String(_) | TermKind::Var(_) => {}
        }
    }

    fn fault(&mut self, span: Span, message: String) {
        self.errors.push(RegoError::new(Code::Compile, span, message));
    }

    fn template(&mut self, parts: Vec<TemplatePart>, span: Span, safe: &Bound<'_>) -> TermKind {
        if !self.supported {
            self.fault(span, "template-strings are not supported".to_owned());
            return TermKind::Null;
        }
        let mut items = Vec::with_capacity(parts.len());
        if parts.is_empty() {
            items.push(Term::string(span, ""));
        }
        for part in parts {
            let expr = match part {
                TemplatePart::Text(term) => {
                    items.push(term);
                    continue;
                }
                TemplatePart::Expr(expr) => *expr,
            };
            let place = expr.span;
            let (term, at) = match expr.kind {
                ExprKind::Call { operator, args } => {
                    if let Some(function) = self.env.function(&operator).filter(|function| function.relation) {
                        let message = format!(
                            "illegal call to relation built-in '{}' that may cause multiple outputs",
                            function.name
                        );
                        self.fault(Span::NONE, message);
                        continue;
                    }
                    let mut call = vec![operator];
                    call.extend(args);
                    (Term::new(place, TermKind::Call(call)), Span::NONE)
                }
                ExprKind::Term(term) => {
                    let at = term.span;
                    (term, at)
                }
                other => {
                    let name = match other {
                        ExprKind::Some { .. } => "*ast.SomeDecl",
                        ExprKind::Every(_) => "*ast.Every",
                        ExprKind::Not { .. } => "*ast.Not",
                        ExprKind::And(_) => "*ast.LogicalAnd",
                        _ => "*ast.LogicalOr",
                    };
                    self.fault(place, format!("unexpected template-string expression type: {name}"));
                    continue;
                }
            };
            let known = matches!(term.kind, TermKind::Ref(_)) && (self.defined)(&term);
            if known || matches!(term.kind, TermKind::Var(_)) {
                items.push(Term::new(term.span, TermKind::Set(vec![term])));
                continue;
            }
            for name in vars::of_term(&term, SAFETY).iter().filter(|name| !safe.has(name)) {
                let written = self.renames.get(name).unwrap_or(name);
                let message = format!("var {} is undeclared", terms::shown(written));
                self.fault(at, message);
            }
            let var = self.names.fresh_var(term.span);
            let inner = term.span;
            let mut capture = terms::equality(inner, var.clone(), term);
            capture.with = expr.with;
            capture.generated = false;
            items.push(Term::new(inner, TermKind::SetCompr { term: Box::new(var), body: vec![capture] }));
        }
        let operator = internal(span, "template_string");
        TermKind::Call(vec![operator, Term::new(span, TermKind::Array(items))])
    }
}

/// A constant rule's value: OPA's `isConstantRule`.
pub(super) fn is_constant_rule(rule: &Rule) -> bool {
    let constant = rule.head.value.as_ref().is_some_and(|value| match &value.kind {
        TermKind::Var(_) => true,
        TermKind::Array(_) | TermKind::Object(_) | TermKind::Set(_) => terms::is_ground(value),
        _ => terms::is_scalar(value),
    });
    constant && terms::is_empty_body(&rule.body)
}

fn internal(span: Span, name: &str) -> Term {
    Term::new(span, TermKind::Ref(vec![Term::var(span, "internal"), Term::string(span, name)]))
}

/// Calls of functions that give nothing, where a value is wanted.
pub(super) fn void_calls(env: &Env<'_>, walk: &Walk<'_>) -> Vec<RegoError> {
    let mut errors = Vec::new();
    walk(&mut |node| {
        if let Node::Term(term @ Term { kind: TermKind::Call(items), span }) = node
            && let Some(function) = items.first().and_then(|operator| env.function(operator))
            && function.is_void()
        {
            errors.push(RegoError::new(Code::Type, *span, format!("{term} used as value")));
        }
        false
    });
    errors
}

/// Calls of `print` go; a body of nothing else is `true`.
pub(super) fn erase_prints(body: &mut Body) {
    walk::body_mut(body, &mut erase_prints_in);
}

pub(super) fn erase_prints_in(node: NodeMut<'_>) -> bool {
    if let NodeMut::Body(body) = node {
        let first = body.first().map_or(Span::NONE, |expr| expr.span);
        body.retain(|expr| !terms::is_print(expr));
        if body.is_empty() {
            body.push(terms::truth(first));
        }
    }
    false
}

pub(super) fn erase_prints_of_rule(rule: &mut Rule) {
    walk::head_mut(&mut rule.head, &mut erase_prints_in);
    erase_prints(&mut rule.body);
}

/// `print(x)` is `internal.print([{__local0__ | __local0__ = x}])`: undefined operands stop nothing.
pub(super) struct Prints<'a, 'b> {
    pub env: &'a Env<'b>,
    pub names: &'a mut Names,
    pub renames: &'a HashMap<Name, Name>,
    pub errors: Vec<RegoError>,
}

impl Prints<'_, '_> {
    pub(super) fn rule(&mut self, rule: &mut Rule) {
        let mut around = reserved();
        around.extend(vars::of_terms(&rule.head.args, Skip::default()));
        let bound = Bound { outer: None, names: &around };
        walk::head_mut(&mut rule.head, &mut |node| match node {
            NodeMut::Body(body) => {
                self.body(body, &bound);
                true
            }
            _ => false,
        });
        self.body(&mut rule.body, &bound);
    }

    pub(super) fn query(&mut self, body: &mut Body) {
        let around = reserved();
        self.body(body, &Bound { outer: None, names: &around });
    }

    fn body(&mut self, body: &mut Body, globals: &Bound<'_>) {
        let env = self.env;
        let arity = |operator: &Term| env.arity(operator);
        let mut found = Vars::new();
        for expr in body.iter_mut() {
            let safe = Bound { outer: Some(globals), names: &found };
            self.closures(expr, &safe);
            let more = vars::outputs_of(expr, env.is_assigned(expr), &arity, &|name| {
                found.contains(name) || globals.has(name)
            });
            found.extend(more);
        }
        if !self.errors.is_empty() || !body.iter().any(terms::is_print) {
            return;
        }
        let mut found = Vars::new();
        for expr in body.iter_mut() {
            if terms::is_print(expr) {
                let safe = |name: &Name| found.contains(name) || globals.has(name);
                if !self.print(expr, &safe) {
                    return;
                }
                continue;
            }
            let more = vars::outputs_of(expr, env.is_assigned(expr), &arity, &|name| {
                found.contains(name) || globals.has(name)
            });
            found.extend(more);
            let generated = vars::of_expr(expr, Skip::default());
            found.extend(generated.into_iter().filter(|name| terms::is_generated(name)));
        }
    }

    fn closures(&mut self, expr: &mut Expr, safe: &Bound<'_>) {
        walk::expr_mut(expr, &mut |node| match node {
            NodeMut::Expr(Expr { kind: ExprKind::Every(every), .. }) => {
                let mut declared = vars::of_term(&every.value, Skip::default());
                declared.extend(every.key.iter().flat_map(|key| vars::of_term(key, Skip::default())));
                self.body(&mut every.body, &Bound { outer: Some(safe), names: &declared });
                true
            }
            NodeMut::Body(body) => {
                self.body(body, safe);
                true
            }
            _ => false,
        });
    }

    fn print(&mut self, expr: &mut Expr, safe: &dyn Fn(&Name) -> bool) -> bool {
        let span = expr.span;
        let ExprKind::Call { operator, args } = &mut expr.kind else { return true };
        let before = self.errors.len();
        for arg in args.iter() {
            for name in vars::of_term(arg, SAFETY).iter().filter(|name| !safe(name)) {
                let written = self.renames.get(name).unwrap_or(name);
                let message = format!("var {} is undeclared", terms::shown(written));
                self.errors.push(RegoError::new(Code::Compile, arg.span, message));
            }
        }
        if self.errors.len() > before {
            return false;
        }
        let captured = std::mem::take(args).into_iter().map(|arg| {
            let at = arg.span;
            let var = self.names.fresh_var(at);
            let mut capture = terms::equality(at, var.clone(), arg);
            capture.generated = false;
            Term::new(at, TermKind::SetCompr { term: Box::new(var), body: vec![capture] })
        });
        let captured = captured.collect();
        *operator = internal(span, "print");
        *args = vec![Term::new(span, TermKind::Array(captured))];
        // As in OPA, where the new expression has no modifiers and is not negated.
        expr.with.clear();
        expr.negated = false;
        true
    }
}

/// Calls inside of terms go before the expression, their results into variables.
pub(super) fn expr_terms_of_rule(names: &mut Names, rule: &mut Rule) {
    let head = &mut rule.head;
    for term in head.args.iter_mut().chain(&mut head.key).chain(&mut head.value) {
        let mut support = Vec::new();
        expand_term(names, term, &mut support);
        append(&mut rule.body, support);
    }
    expand_body(names, &mut rule.body);
}

pub(super) fn expand_body(names: &mut Names, body: &mut Body) {
    let mut result = Vec::with_capacity(body.len());
    for expr in std::mem::take(body) {
        expand_expr(names, expr, &mut result);
    }
    *body = result;
}

fn expand_expr(names: &mut Names, mut expr: Expr, result: &mut Body) {
    for with in &mut expr.with {
        expand_term(names, &mut with.value, result);
    }
    match &mut expr.kind {
        ExprKind::Term(term) => {
            let from = result.len();
            expand_term(names, term, result);
            share_with(&expr.with, result, from);
        }
        ExprKind::Call { args, .. } => {
            for arg in args {
                let from = result.len();
                expand_term(names, arg, result);
                share_with(&expr.with, result, from);
            }
        }
        ExprKind::Every(every) => {
            let at = every.domain.span;
            let var = names.fresh_var(at);
            let domain = std::mem::replace(&mut every.domain, var.clone());
            let mut equality = terms::equality(at, var, domain);
            equality.with.clone_from(&expr.with);
            expand_expr(names, equality, result);
            expand_body(names, &mut every.body);
        }
        ExprKind::Not { body, .. } => expand_body(names, body),
        ExprKind::And(logical) | ExprKind::Or(logical) => {
            expand_body(names, &mut logical.lhs);
            expand_body(names, &mut logical.rhs);
        }
        ExprKind::Some { .. } => {}
    }
    result.push(expr);
}

fn share_with(with: &[With], exprs: &mut [Expr], from: usize) {
    if !with.is_empty() {
        exprs.iter_mut().skip(from).for_each(|expr| expr.with = with.to_vec());
    }
}

fn expand_term(names: &mut Names, term: &mut Term, support: &mut Body) {
    let span = term.span;
    match &mut term.kind {
        TermKind::Call(items) => {
            items.iter_mut().skip(1).for_each(|item| expand_term(names, item, support));
            let var = names.fresh_var(span);
            let mut items = std::mem::take(items).into_iter();
            let Some(operator) = items.next() else { return };
            let mut args: Vec<Term> = items.collect();
            args.push(var.clone());
            support.push(terms::call(span, operator, args));
            *term = var;
        }
        TermKind::Ref(items) => {
            for item in items.iter_mut() {
                let call = matches!(item.kind, TermKind::Call(_)).then(|| item.kind.clone());
                expand_term(names, item, support);
                if let (Some(call), TermKind::Var(name)) = (call, &item.kind) {
                    names.subjects.insert(name.clone(), call);
                }
            }
            let Some(subject) = items.first_mut() else { return };
            let composite = matches!(subject.kind, TermKind::Array(_) | TermKind::Object(_) | TermKind::Set(_))
                || terms::is_comprehension(subject);
            if composite {
                let old = std::mem::replace(subject, Term::new(span, TermKind::Null));
                let kind = old.kind.clone();
                let (var, equality) = names.bind(old);
                if let TermKind::Var(name) = &var.kind {
                    names.subjects.insert(name.clone(), kind);
                }
                *subject = var;
                support.push(equality);
            }
        }
        TermKind::Array(items) => items.iter_mut().for_each(|item| expand_term(names, item, support)),
        TermKind::Set(items) => {
            items.iter_mut().for_each(|item| expand_term(names, item, support));
            terms::sort(term);
        }
        TermKind::Object(entries) => {
            for (key, value) in entries {
                expand_term(names, key, support);
                expand_term(names, value, support);
            }
            terms::sort(term);
        }
        TermKind::ArrayCompr { term, body } | TermKind::SetCompr { term, body } => {
            let mut inner = Vec::new();
            expand_term(names, term, &mut inner);
            append(body, inner);
            expand_body(names, body);
        }
        TermKind::ObjectCompr { key, value, body } => {
            for term in [key, value] {
                let mut inner = Vec::new();
                expand_term(names, term, &mut inner);
                append(body, inner);
            }
            expand_body(names, body);
        }
        TermKind::Null
        | TermKind::Bool(_)
        | TermKind::Number(_)
        | TermKind::String(_)
        | TermKind::Var(_)
        | TermKind::Template { .. } => {}
    }
}

/// What a comprehension gives is bound in its body where it needs evaluation.
pub(super) fn comprehension_terms(names: &mut Names, node: NodeMut<'_>) -> bool {
    let NodeMut::Term(term) = node else { return false };
    let mut bind = |term: &mut Box<Term>, body: &mut Body| {
        if terms::needs_evaluation(term) {
            let span = term.span;
            let old = std::mem::replace(&mut **term, Term::new(span, TermKind::Null));
            let (var, equality) = names.bind(old);
            **term = var;
            append(body, vec![equality]);
        }
    };
    match &mut term.kind {
        TermKind::ArrayCompr { term, body } | TermKind::SetCompr { term, body } => bind(term, body),
        TermKind::ObjectCompr { key, value, body } => {
            bind(key, body);
            bind(value, body);
        }
        _ => {}
    }
    false
}

pub(super) fn comprehension_terms_of_rule(names: &mut Names, rule: &mut Rule) {
    let mut see = |node: NodeMut<'_>| comprehension_terms(names, node);
    walk::head_mut(&mut rule.head, &mut see);
    walk::body_mut(&mut rule.body, &mut see);
}

/// Heads hold nothing that needs evaluation.
pub(super) fn refs_in_head(names: &mut Names, rule: &mut Rule) {
    let Head { key, value, args, .. } = &mut rule.head;
    for term in key.iter_mut().chain(value).chain(args) {
        if terms::needs_evaluation(term) {
            let old = std::mem::replace(term, Term::new(term.span, TermKind::Null));
            let (var, equality) = names.bind(old);
            *term = var;
            append(&mut rule.body, vec![equality]);
        }
    }
}

/// Values of modifiers are bound before their expressions; targets must be such that can be replaced.
pub(super) struct Withs<'a, 'b> {
    pub env: &'a Env<'b>,
    pub names: &'a mut Names,
    pub unsafe_builtins: &'a [String],
    pub errors: Vec<RegoError>,
}

impl Withs<'_, '_> {
    pub(super) fn rule(&mut self, rule: &mut Rule) {
        walk::head_mut(&mut rule.head, &mut |node| self.see(node));
        walk::body_mut(&mut rule.body, &mut |node| self.see(node));
    }

    pub(super) fn query(&mut self, body: &mut Body) {
        self.one_body(body);
    }

    fn see(&mut self, node: NodeMut<'_>) -> bool {
        let NodeMut::Body(body) = node else { return false };
        !self.one_body(body)
    }

    fn one_body(&mut self, body: &mut Body) -> bool {
        if body.iter().all(|expr| expr.with.is_empty()) {
            return true;
        }
        let mut result = Vec::with_capacity(body.len());
        // An expression and what was lifted out of it have the same modifiers: their values are bound once.
        let mut done: HashMap<Span, With> = HashMap::new();
        for mut expr in std::mem::take(body) {
            for with in &mut expr.with {
                if let Some(known) = done.get(&with.span).filter(|known| terms::same_with(known, with)) {
                    with.clone_from(known);
                    continue;
                }
                match self.must_evaluate(with) {
                    Ok(true) => {
                        let old = std::mem::replace(&mut with.value, Term::new(with.span, TermKind::Null));
                        let (var, equality) = self.names.bind(old);
                        with.value = var;
                        result.push(equality);
                    }
                    Ok(false) => {}
                    Err(error) => {
                        self.errors.push(error);
                        return false;
                    }
                }
                done.insert(with.span, with.clone());
            }
            result.push(expr);
        }
        *body = result;
        true
    }

    fn is_builtin(&self, term: &Term) -> Result<bool, RegoError> {
        let Some(name) = terms::operator_name(term) else { return Ok(false) };
        if self.unsafe_builtins.iter().any(|other| **other == *name) {
            let shown = crate::ast::text::quote(&name);
            let message = format!("with keyword replacing built-in function: target must not be unsafe: {shown}");
            return Err(RegoError::new(Code::Compile, term.span, message));
        }
        Ok(self.env.capabilities.function(&name).is_some())
    }

    /// Whether a value names a function, which is then not called but put in the target's place.
    fn is_function_value(&self, value: &Term) -> Result<bool, RegoError> {
        if let TermKind::Ref(reference) = &value.kind
            && self.env.tree.find(&super::tree::keys(reference)).is_some()
        {
            return Ok(true);
        }
        self.is_builtin(value)
    }

    fn has_args(&self, rules: &[super::tree::RuleId]) -> bool {
        rules.iter().any(|id| self.env.rules.get(id.0 as usize).is_some_and(|info| info.arity > 0))
    }

    fn must_evaluate(&mut self, with: &mut With) -> Result<bool, RegoError> {
        if let TermKind::Var(name) = &with.value.kind
            && self.env.capabilities.function(name).is_some()
        {
            with.value = terms::reference(with.value.span, &name.clone());
        }
        let builtin = self.is_builtin(&with.target)?;
        let target_span = with.target.span;
        let fault = |message: &str| Err(RegoError::new(Code::Compile, target_span, message));
        let tree = self.env.tree;
        match &with.target.kind {
            TermKind::Ref(reference) if terms::ref_head(reference).is_some_and(|head| &**head == "data") => {
                let keys = super::tree::keys(reference);
                let (last, path) = match keys.split_last() {
                    Some((last, path)) => (last.as_ref(), path),
                    None => (None, &[][..]),
                };
                let mut at = super::tree::RuleTree::ROOT;
                for key in path {
                    let Some(child) = key.as_ref().and_then(|key| tree.child(at, key)) else { break };
                    if tree.node(child).is_some_and(|node| !node.rules.is_empty()) {
                        return fault("with keyword cannot partially replace virtual document(s)");
                    }
                    at = child;
                }
                if let Some(node) = last.and_then(|key| tree.child(at, key)).and_then(|child| tree.node(child))
                    && self.has_args(&node.rules)
                    && self.is_function_value(&with.value)?
                {
                    return Ok(false);
                }
                if let TermKind::Ref(value) = &with.value.kind
                    && self.has_args(tree.rules_exact(value))
                {
                    return Ok(false);
                }
            }
            TermKind::Ref(reference) if terms::ref_head(reference).is_some_and(|head| &**head == "input") => {}
            _ if builtin => {
                if let TermKind::Var(name) = &with.target.kind {
                    with.target = terms::reference(target_span, &name.clone());
                }
                if let Some(function) = self.env.function(&with.target) {
                    let prefix = "with keyword replacing built-in function: ";
                    let name = &*function.name;
                    if matches!(name, "eq" | "rego.metadata.chain" | "rego.metadata.rule") {
                        return fault(&format!("{prefix}replacement of {name:?} invalid"));
                    }
                    if name.starts_with("internal.") {
                        return fault(&format!("{prefix}replacement of internal function {name:?} invalid"));
                    }
                    if function.relation {
                        return fault(&format!("{prefix}target must not be a relation"));
                    }
                    if function.is_void() {
                        return fault(&format!("{prefix}target must not be a void function"));
                    }
                }
                if self.is_function_value(&with.value)? {
                    return Ok(false);
                }
            }
            _ => {
                let message = "with keyword target must reference existing input, data, or a function";
                return Err(RegoError::new(Code::Type, target_span, message));
            }
        }
        Ok(terms::needs_evaluation(&with.value))
    }
}

/// `==` is `=`, once what must be bound is known to be.
pub(super) fn equals(node: NodeMut<'_>) -> bool {
    if let NodeMut::Expr(Expr { kind: ExprKind::Call { operator, args }, .. }) = node
        && args.len() == 2
        && matches!(&operator.kind, TermKind::Ref(terms) if terms.len() == 1 && terms::ref_head(terms).is_some_and(|head| &**head == "equal"))
    {
        *operator = terms::reference(operator.span, "eq");
    }
    false
}

/// References and comprehensions are bound before the expression that they are operands of.
pub(super) fn dynamics(names: &mut Names, body: &mut Body) {
    let mut result = Vec::with_capacity(body.len());
    for mut expr in std::mem::take(body) {
        let equality = terms::is_equality(&expr);
        let with = std::mem::take(&mut expr.with);
        match &mut expr.kind {
            ExprKind::Call { args, .. } if equality => {
                if let [left, right] = args.as_mut_slice() {
                    dynamics_kept(names, &with, left, &mut result);
                    dynamics_kept(names, &with, right, &mut result);
                }
            }
            ExprKind::Call { args, .. } => {
                args.iter_mut().for_each(|arg| dynamics_lifted(names, &with, arg, &mut result));
            }
            ExprKind::Term(term) => dynamics_kept(names, &with, term, &mut result),
            ExprKind::Every(every) => {
                dynamics_lifted(names, &with, &mut every.domain, &mut result);
                dynamics(names, &mut every.body);
            }
            ExprKind::Not { body, .. } => dynamics(names, body),
            ExprKind::And(logical) | ExprKind::Or(logical) => {
                dynamics(names, &mut logical.lhs);
                dynamics(names, &mut logical.rhs);
            }
            ExprKind::Some { .. } => {}
        }
        expr.with = with;
        result.push(expr);
    }
    *body = result;
}

/// The term stays what it is; what is inside of it is lifted.
fn dynamics_kept(names: &mut Names, with: &[With], term: &mut Term, result: &mut Body) {
    match &mut term.kind {
        TermKind::Ref(items) => {
            items.iter_mut().skip(1).for_each(|item| dynamics_lifted(names, with, item, result));
        }
        TermKind::ArrayCompr { body, .. } | TermKind::SetCompr { body, .. } | TermKind::ObjectCompr { body, .. } => {
            dynamics(names, body);
        }
        _ => dynamics_lifted(names, with, term, result),
    }
}

fn dynamics_lifted(names: &mut Names, with: &[With], term: &mut Term, result: &mut Body) {
    match &mut term.kind {
        TermKind::Ref(items) => {
            items.iter_mut().skip(1).for_each(|item| dynamics_lifted(names, with, item, result));
            lift(names, with, term, result);
        }
        TermKind::ArrayCompr { body, .. } | TermKind::SetCompr { body, .. } | TermKind::ObjectCompr { body, .. } => {
            dynamics(names, body);
            lift(names, with, term, result);
        }
        TermKind::Array(items) => items.iter_mut().for_each(|item| dynamics_lifted(names, with, item, result)),
        TermKind::Set(items) => {
            items.iter_mut().for_each(|item| dynamics_lifted(names, with, item, result));
            terms::sort(term);
        }
        TermKind::Object(entries) => {
            for (key, value) in entries {
                dynamics_lifted(names, with, key, result);
                dynamics_lifted(names, with, value, result);
            }
            terms::sort(term);
        }
        _ => {}
    }
}

fn lift(names: &mut Names, with: &[With], term: &mut Term, result: &mut Body) {
    let old = std::mem::replace(term, Term::new(term.span, TermKind::Null));
    let (var, mut equality) = names.bind(old);
    *term = var;
    equality.with = with.to_vec();
    result.push(equality);
}

/// Makes the error for a call with a wrong number of arguments: of a function, its arguments, the place, its arity, their number.
type Mismatch<'a> = dyn Fn(&Term, &[Term], Span, usize, usize) -> RegoError + 'a;

/// Calls of functions that are not there, or with other numbers of arguments.
pub(super) fn undefined_functions(
    env: &Env<'_>,
    renames: &Renames<'_>,
    mismatch: &Mismatch<'_>,
    walk: &Walk<'_>,
) -> Vec<RegoError> {
    let mut errors = Vec::new();
    walk(&mut |node| {
        let Node::Expr(expr) = node else { return false };
        let ExprKind::Call { operator, args } = &expr.kind else { return false };
        let written = || {
            let mut operator = operator.clone();
            walk::term_mut(&mut operator, &mut |node| {
                if let NodeMut::Term(Term { kind: TermKind::Var(name), .. }) = node
                    && let Some(old) = renames.get(name)
                {
                    *name = old.clone();
                }
                false
            });
            operator
        };
        let Some(arity) = env.arity(operator) else {
            let operator = written();
            let hint = undefined_hint(env, &operator);
            let message = format!("undefined function {operator}");
            let error = RegoError::new(Code::Type, expr.span, message);
            errors.push(match hint {
                Some(hint) => error.with_hint(hint),
                None => error,
            });
            return true;
        };
        let count = args.len();
        let got = if expr.generated {
            if terms::is_equality(expr) || count == arity + 1 {
                return false;
            }
            count.saturating_sub(1)
        } else if count == arity || count == arity + 1 {
            return false;
        } else {
            count
        };
        let operator = written();
        let error = mismatch(&operator, args, expr.span, arity, got);
        errors.push(error);
        true
    });
    errors
}

/// A name that is nearly a builtin's, or one of the package's functions called without its import.
fn undefined_hint(env: &Env<'_>, operator: &Term) -> Option<String> {
    let name = terms::operator_name(operator)?;
    let last = name.rsplit('.').next()?;
    let known = env.capabilities.functions().find(|function| {
        let known = &*function.name;
        known.rsplit('.').next() == Some(last) || known.eq_ignore_ascii_case(&name)
    });
    known.map(|function| format!("there is a builtin `{}`", function.name))
}

pub(super) fn deprecated_calls(env: &Env<'_>, walk: &Walk<'_>) -> Vec<RegoError> {
    let mut errors = Vec::new();
    walk(&mut |node| {
        let (operator, span) = match node {
            Node::Expr(Expr { kind: ExprKind::Call { operator, .. }, span, .. }) => (operator, *span),
            Node::Term(Term { kind: TermKind::Call(items), .. }) => match items.first() {
                Some(operator) => (operator, operator.span),
                None => return false,
            },
            _ => return false,
        };
        if let Some(function) = env.function(operator).filter(|function| function.deprecated) {
            let message = format!("deprecated built-in function calls in expression: {}", function.name);
            errors.push(RegoError::new(Code::Type, span, message));
        }
        false
    });
    errors
}

pub(super) fn unsafe_calls(names: &[String], walk: &Walk<'_>) -> Vec<RegoError> {
    let mut errors = Vec::new();
    if names.is_empty() {
        return errors;
    }
    walk(&mut |node| {
        if let Node::Expr(Expr { kind: ExprKind::Call { operator, .. }, span, .. }) = node
            && let Some(name) = terms::operator_name(operator)
            && names.iter().any(|other| **other == *name)
        {
            let message = format!("unsafe built-in function calls in expression: {name}");
            errors.push(RegoError::new(Code::Type, *span, message));
        }
        false
    });
    errors
}

/// Whether a collector of a whole rule would find it: used by checks that look at modules.
pub(super) fn walk_module(module: &Module, see: &mut dyn FnMut(Node<'_>) -> bool) {
    module.rules.iter().for_each(|rule| walk::rule(rule, see));
}
