//! Local variables get names of their own. In: bodies with `:=`, `some` and `every`. Out: equalities, with `__local0__` … for
//! everything that was declared or is an argument; `some` is gone. Found on the way: what is declared twice, used before it is
//! declared, or never used.

use std::collections::{BTreeMap, HashMap};

use super::env::{Env, Errors, Names};
use super::resolve::declared_in;
use super::terms::{self, is_generated, is_wildcard, shown};
use super::vars::{self, SAFETY, Skip, TARGETS, Vars};
use super::walk::{self, Node, NodeMut};
use crate::ast::json::type_name;
use crate::ast::{Body, Every, Expr, ExprKind, Head, Name, Rule, TemplatePart, Term, TermKind, With};
use crate::error::{Code, RegoError};
use crate::span::Span;

const IN_NEGATED: &str = "cannot assign vars inside negated expression";
const IN_AND: &str = "cannot assign vars inside implicit and operand";
const IN_OR: &str = "cannot assign vars inside implicit or operand";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occurrence {
    Argument,
    Seen,
    Assigned,
    Declared,
}

#[derive(Debug, Clone, Default)]
struct Declarations {
    names: BTreeMap<Name, Name>,
    occurrence: BTreeMap<Name, Occurrence>,
    count: HashMap<Name, usize>,
}

/// Declarations, innermost body last.
#[derive(Debug, Clone)]
struct Stack {
    scopes: Vec<Declarations>,
    rewritten: HashMap<Name, Name>,
    unused: Vec<RegoError>,
}

impl Stack {
    fn new() -> Stack {
        Stack { scopes: vec![Declarations::default()], rewritten: HashMap::new(), unused: Vec::new() }
    }

    fn push(&mut self) {
        self.scopes.push(Declarations::default());
    }

    fn pop(&mut self) -> Declarations {
        self.scopes.pop().unwrap_or_default()
    }

    fn insert(&mut self, name: &Name, new: Name, occurrence: Occurrence) {
        if *name != new {
            self.rewritten.insert(new.clone(), name.clone());
        }
        if let Some(scope) = self.scopes.last_mut() {
            scope.names.insert(name.clone(), new);
            scope.occurrence.insert(name.clone(), occurrence);
            scope.count.insert(name.clone(), 1);
        }
    }

    fn declared(&self, name: &Name) -> Option<&Name> {
        self.scopes.iter().rev().find_map(|scope| scope.names.get(name))
    }

    /// What the innermost scope declares.
    fn newest(&self) -> impl Iterator<Item = (&Name, &Name)> {
        self.scopes.last().into_iter().flat_map(|scope| &scope.names)
    }

    fn occurrence(&self, name: &Name) -> Option<Occurrence> {
        self.scopes.last()?.occurrence.get(name).copied()
    }

    fn occurrence_anywhere(&self, name: &Name) -> Option<Occurrence> {
        self.scopes.iter().rev().find_map(|scope| scope.occurrence.get(name).copied())
    }

    fn see(&mut self, name: &Name) {
        for scope in self.scopes.iter_mut().rev() {
            if let Some(count) = scope.count.get_mut(name) {
                *count += 1;
                return;
            }
        }
        if let Some(scope) = self.scopes.last_mut() {
            scope.count.insert(name.clone(), 1);
        }
    }

    fn count(&self, name: &Name) -> usize {
        self.scopes.iter().rev().find_map(|scope| scope.count.get(name).copied()).unwrap_or(0)
    }
}

/// What renaming needs and gives.
pub(super) struct Locals<'a, 'b> {
    pub env: &'a Env<'b>,
    pub names: &'a mut Names,
    pub strict: bool,
    /// Generated names to written ones.
    pub rewritten: &'a mut HashMap<Name, Name>,
    /// Places of equalities that were written `:=`.
    pub assigned: &'a mut std::collections::HashSet<Span>,
}

/// Renames in a rule and its `else` branches. False: enough errors.
pub(super) fn rule(locals: &mut Locals<'_, '_>, rule: &mut Rule, errors: &mut Errors) -> bool {
    let mut unused_args = if locals.strict { vars::of_terms(&rule.head.args, Skip::default()) } else { Vars::new() };
    let head_span = rule.head.span;
    let mut args = Stack::new();
    let mut faults = Vec::new();
    for arg in &mut rule.head.args {
        argument(locals.names, &mut args, arg, &mut faults);
    }
    errors.fatal(faults);
    let withs = with_names(rule);
    let mut branch = Some(rule);
    while let Some(rule) = branch {
        let stack = one_rule(locals, rule, &mut unused_args, &args, &withs, errors);
        let Some(stack) = stack else { return false };
        unused_args.retain(|arg| stack.count(arg) <= 1);
        branch = rule.else_rule.as_deref_mut();
    }
    for arg in unused_args.iter().filter(|arg| !is_wildcard(arg)) {
        let message = format!("unused argument {arg}. (hint: use _ (wildcard variable) instead)");
        if !errors.recoverable([RegoError::new(Code::Compile, head_span, message)]) {
            return false;
        }
    }
    true
}

/// Names in modifiers anywhere in a rule: they may be functions.
fn with_names(rule: &Rule) -> Vars {
    let mut collector = vars::Collector::new(Skip { call_head: true, ..Skip::default() });
    walk::rule(rule, &mut |node| {
        if let Node::With(With { target, value, .. }) = node {
            collector.term(target);
            collector.term(value);
        }
        false
    });
    collector.vars
}

fn argument(names: &mut Names, stack: &mut Stack, term: &mut Term, faults: &mut Vec<RegoError>) {
    match &mut term.kind {
        TermKind::Var(name) => {
            let new = match stack.declared(name).cloned() {
                Some(new) => {
                    stack.see(name);
                    new
                }
                None => {
                    let new = names.fresh();
                    stack.insert(name, new.clone(), Occurrence::Argument);
                    new
                }
            };
            *name = new;
        }
        TermKind::Object(entries) => {
            entries.iter_mut().for_each(|(_, value)| argument(names, stack, value, faults));
        }
        TermKind::Call(_) => {
            faults.push(RegoError::new(Code::Compile, term.span, "rule arguments cannot contain calls"));
        }
        TermKind::Array(items) | TermKind::Ref(items) => {
            items.iter_mut().for_each(|item| argument(names, stack, item, faults));
        }
        _ => {}
    }
}

pub(super) fn head_may_have_vars(head: &Head) -> bool {
    let reference = head.reference.get(1..).unwrap_or(&[]);
    let mut all = head.args.iter().chain(&head.key).chain(&head.value).chain(reference);
    all.any(|term| !terms::is_scalar(term))
}

fn one_rule(
    locals: &mut Locals<'_, '_>,
    rule: &mut Rule,
    unused_args: &mut Vars,
    args: &Stack,
    withs: &Vars,
    errors: &mut Errors,
) -> Option<Stack> {
    let mut used = Vars::new();
    let with_vars = head_may_have_vars(&rule.head);
    if with_vars {
        // Comprehensions of the head first: `p = [x | x := 1] { x := 2 }` has two different `x`.
        let mut nested = Stack::new();
        let mut faults = Vec::new();
        {
            let mut renamer = Renamer { locals, stack: &mut nested, faults: &mut faults };
            let head = &mut rule.head;
            for term in head.args.iter_mut().chain(&mut head.key).chain(&mut head.value) {
                renamer.head_term(term);
            }
        }
        errors.fatal(faults);
        errors.recoverable(nested.unused);
        locals.rewritten.extend(nested.rewritten);

        for term in rule.head.reference.iter().skip(1).chain(&rule.head.key) {
            used.extend(vars::of_term(term, Skip::default()));
        }
        if let Some(value) = &rule.head.value {
            let value = vars::of_term(value, Skip::default());
            unused_args.retain(|arg| !value.contains(arg));
            used.extend(value);
        }
    }

    let mut stack = args.clone();
    // A variable that is called as a builtin is (`count`) must not be taken for it later.
    let candidates = vars::of_body(&rule.body, SAFETY);
    let mut declared = None;
    for name in candidates.iter().filter(|name| locals.env.capabilities.function(name).is_some()) {
        let declared = declared.get_or_insert_with(|| super::resolve::declared_in_body(&rule.body));
        if declared.contains(name) || withs.contains(name) || stack.declared(name).is_some() {
            continue;
        }
        let new = locals.names.fresh();
        stack.insert(name, new, Occurrence::Seen);
    }

    let mut faults = Vec::new();
    let body = std::mem::take(&mut rule.body);
    rule.body = Renamer { locals, stack: &mut stack, faults: &mut faults }.body(body, &used);
    locals.rewritten.extend(stack.rewritten.iter().map(|(new, old)| (new.clone(), old.clone())));
    if with_vars {
        let names = stack.scopes.last().map(|scope| &scope.names);
        let head = &mut rule.head;
        let after_name = head.reference.iter_mut().skip(1);
        for term in head.args.iter_mut().chain(after_name).chain(&mut head.key).chain(&mut head.value) {
            walk::term_mut(term, &mut |node| {
                if let NodeMut::Term(Term { kind: TermKind::Var(name), .. }) = node
                    && let Some(new) = names.and_then(|names| names.get(name))
                {
                    *name = new.clone();
                }
                false
            });
            terms::sort_below(term);
        }
    }
    if !errors.fatal(faults) {
        return None;
    }
    errors.recoverable(std::mem::take(&mut stack.unused)).then_some(stack)
}

/// Renames in a query. The second value: generated names to written ones.
pub(super) fn query(locals: &mut Locals<'_, '_>, body: Body) -> (Body, Vec<RegoError>) {
    let mut stack = Stack::new();
    let mut faults = Vec::new();
    let body = Renamer { locals, stack: &mut stack, faults: &mut faults }.body(body, &Vars::new());
    faults.append(&mut stack.unused);
    locals.rewritten.extend(stack.rewritten);
    (body, faults)
}

struct Renamer<'r, 'a, 'b> {
    locals: &'r mut Locals<'a, 'b>,
    stack: &'r mut Stack,
    faults: &'r mut Vec<RegoError>,
}

impl Renamer<'_, '_, '_> {
    fn fault(&mut self, span: Span, message: impl Into<String>) {
        self.faults.push(RegoError::new(Code::Compile, span, message));
    }

    fn body(&mut self, body: Body, used: &Vars) -> Body {
        let first = body.first().map_or(Span::NONE, |expr| expr.span);
        let mut declarations: Vec<(Vars, Span)> = Vec::new();
        let mut result: Body = Vec::with_capacity(body.len());
        for expr in body {
            if !terms::is_assignment(&expr) {
                let mut declared = Vars::new();
                declared_in(&expr, &mut declared);
                if !declared.is_empty() {
                    declarations.push((declared, expr.span));
                }
            }
            result.extend(self.statement(expr));
        }
        if result.is_empty() {
            result.push(terms::truth(Span::NONE));
        }
        self.check_assigned(&result, used, first);
        self.check_declared(&declarations, used, &result, first);
        result
    }

    fn statement(&mut self, expr: Expr) -> Option<Expr> {
        match &expr.kind {
            ExprKind::Call { .. } if terms::is_assignment(&expr) => Some(self.assignment(expr)),
            ExprKind::Some { .. } => self.some(expr),
            ExprKind::Every(_) => self.every(expr),
            ExprKind::Not { .. } | ExprKind::And(_) | ExprKind::Or(_) => Some(self.operand(expr)),
            ExprKind::Term(_) | ExprKind::Call { .. } => {
                let mut expr = expr;
                self.expr(&mut expr);
                Some(expr)
            }
        }
    }

    fn check_assigned(&mut self, body: &[Expr], used: &Vars, first: Span) {
        if !self.locals.strict || !self.faults.is_empty() || !self.stack.unused.is_empty() {
            return;
        }
        let Some(scope) = self.stack.scopes.last() else { return };
        let mut unused: BTreeMap<Name, Name> = BTreeMap::new();
        for (name, occurrence) in &scope.occurrence {
            let Some(new) = scope.names.get(name) else { continue };
            let is_unused = *occurrence == Occurrence::Assigned
                && !is_wildcard(name)
                && self.stack.count(name) <= 1
                && !used.contains(new);
            if is_unused {
                unused.insert(new.clone(), name.clone());
            }
        }
        for name in used {
            if let Some(new) = self.stack.declared(name) {
                unused.remove(new);
            }
        }
        for (new, written) in unused {
            let found = body.iter().find(|expr| vars::of_expr(expr, Skip::default()).contains(&new));
            let span = found.map_or(first, |expr| expr.span);
            let message = format!("assigned var {written} unused");
            self.stack.unused.push(RegoError::new(Code::Compile, span, message));
        }
    }

    fn check_declared(&mut self, declarations: &[(Vars, Span)], used: &Vars, body: &[Expr], first: Span) {
        if !self.faults.is_empty() || !self.stack.unused.is_empty() {
            return;
        }
        let Some(scope) = self.stack.scopes.last() else { return };
        let mut declared: BTreeMap<Name, Name> = BTreeMap::new();
        for (name, occurrence) in &scope.occurrence {
            if *occurrence == Occurrence::Declared
                && let Some(new) = scope.names.get(name)
            {
                declared.insert(new.clone(), name.clone());
            }
        }
        if declared.is_empty() {
            return;
        }
        let in_body = vars::of_body(body, Skip::default());
        let used_new: Vars = used.iter().map(|name| self.stack.declared(name).unwrap_or(name).clone()).collect();
        for (new, written) in declared {
            let is_used = in_body.contains(&new) || used_new.contains(&new) || used.contains(&new);
            if is_used || is_generated(&written) {
                continue;
            }
            let found = declarations.iter().find(|(names, _)| names.contains(&written));
            let span = found.map_or(first, |(_, span)| *span);
            let message = format!("declared var {} unused", shown(&written));
            self.stack.unused.push(RegoError::new(Code::Compile, span, message));
        }
    }

    /// A new name for a declared one; none (and the error at `span`) where it is taken in this body.
    fn declare(&mut self, name: &Name, occurrence: Occurrence, span: Span) -> Option<Name> {
        let shown = shown(name);
        let message = match self.stack.occurrence(name) {
            None => {
                let new = self.locals.names.fresh();
                self.stack.insert(name, new.clone(), occurrence);
                return Some(new);
            }
            Some(Occurrence::Seen) => format!("var {shown} referenced above"),
            Some(Occurrence::Assigned) => format!("var {shown} assigned above"),
            Some(Occurrence::Declared) => format!("var {shown} declared above"),
            Some(Occurrence::Argument) => format!("arg {shown} redeclared"),
        };
        self.fault(span, message);
        None
    }

    fn assignment(&mut self, mut expr: Expr) -> Expr {
        if expr.negated {
            self.fault(expr.span, IN_NEGATED);
            return expr;
        }
        let before = self.faults.len();
        let ExprKind::Call { operator, args } = &mut expr.kind else { return expr };
        let [left, right] = args.as_mut_slice() else { return expr };
        self.term(right);
        for with in &mut expr.with {
            self.term(&mut with.value);
        }
        self.target(left);
        if self.faults.len() == before {
            *operator = terms::reference(operator.span, "eq");
            self.locals.assigned.insert(expr.span);
        }
        expr
    }

    /// The left side of `:=`.
    fn target(&mut self, term: &mut Term) {
        let span = term.span;
        let root = terms::root_name(term).cloned();
        match &mut term.kind {
            TermKind::Var(name) => {
                let name = name.clone();
                if let Some(new) = self.declare(&name, Occurrence::Assigned, span) {
                    term.kind = TermKind::Var(new);
                }
            }
            TermKind::Array(items) => items.iter_mut().for_each(|item| self.target(item)),
            TermKind::Object(entries) => entries.iter_mut().for_each(|(_, value)| self.target(value)),
            TermKind::Ref(_) if root.is_some() => {
                if let Some(new) = root.and_then(|root| self.declare(&root, Occurrence::Assigned, span)) {
                    term.kind = TermKind::Var(new);
                }
            }
            _ => {
                let message = format!("cannot assign to {}", type_name(term));
                self.fault(span, message);
            }
        }
    }

    fn some(&mut self, mut expr: Expr) -> Option<Expr> {
        let ExprKind::Some { span, symbols } = &mut expr.kind else { return Some(expr) };
        let span = *span;
        for symbol in std::mem::take(symbols) {
            match symbol.kind {
                TermKind::Var(name) => {
                    self.declare(&name, Occurrence::Declared, span)?;
                }
                TermKind::Call(call) => return self.some_in(expr, call, span),
                _ => {}
            }
        }
        None
    }

    /// `some k, v in xs` is `v = xs[k]`.
    fn some_in(&mut self, mut expr: Expr, call: Vec<Term>, span: Span) -> Option<Expr> {
        let mut parts = call.into_iter().skip(1);
        let (key, value, container) = match (parts.next(), parts.next(), parts.next()) {
            (Some(key), Some(value), Some(container)) => (key, value, container),
            (Some(value), Some(container), None) => (self.locals.names.fresh_var(Span::NONE), value, container),
            _ => return None,
        };
        let mut bound = vars::of_term(&key, TARGETS);
        bound.extend(vars::of_term(&value, TARGETS));
        let domain = vars::of_term(&container, Skip { closures: true, ..Skip::default() });
        let before = self.faults.len();
        for name in bound.intersection(&domain).filter(|name| !is_wildcard(name)) {
            self.fault(span, format!("var {name} assigned before"));
        }
        if self.faults.len() > before {
            return None;
        }
        let all = vars::of_term(&container, Skip::default());
        let place = container.span;
        let path = match container.kind {
            TermKind::Ref(mut path) => {
                path.push(key);
                path
            }
            _ => vec![container, key],
        };
        let right = Term::new(place, TermKind::Ref(path));
        expr.kind = ExprKind::Call { operator: terms::reference(span, "eq"), args: vec![value, right] };
        for name in vars::outputs_of_some(&expr, &|name| all.contains(name)) {
            self.declare(&name, Occurrence::Declared, span)?;
        }
        self.expr(&mut expr);
        Some(expr)
    }

    fn every(&mut self, mut expr: Expr) -> Option<Expr> {
        let ExprKind::Every(every) = &mut expr.kind else { return Some(expr) };
        self.term(&mut every.domain);
        self.stack.push();
        let span = every.span;
        let mut fine = true;
        let key = every.key.get_or_insert_with(|| self.locals.names.fresh_var(Span::NONE));
        for term in [key, &mut every.value] {
            let TermKind::Var(name) = &term.kind else { continue };
            // A key that was not written has a generated name already.
            if is_wildcard(name) || (is_generated(name) && term.span == Span::NONE) || !fine {
                continue;
            }
            let name = name.clone();
            match self.declare(&name, Occurrence::Declared, span) {
                Some(new) => term.kind = TermKind::Var(new),
                None => fine = false,
            }
        }
        if fine {
            let body = std::mem::take(&mut every.body);
            every.body = self.body(body, &Vars::new());
            // As in OPA: what `every` declares may not be a function that its domain calls.
            self.shadowed_calls(&every.domain);
            self.once_more(every);
            expr.with.iter_mut().for_each(|with| self.with(with));
        }
        self.stack.pop();
        fine.then_some(expr)
    }

    /// OPA goes through the domain and the body once more, when all that the body declares is known: the same names in closures
    /// before a declaration, and in the domain, are then meant by it, too.
    fn once_more(&self, every: &mut Every) {
        let rename = |node: NodeMut<'_>| {
            if let NodeMut::Term(Term { kind: TermKind::Var(name), .. }) = node
                && !matches!(&**name, "input" | "data")
                && let Some(new) = self.stack.declared(name)
            {
                *name = new.clone();
            }
            false
        };
        walk::term_mut(&mut every.domain, &mut { rename });
        let given = |name: &Name| {
            every
                .key
                .iter()
                .chain([&every.value])
                .any(|term| matches!(&term.kind, TermKind::Var(new) if **new == **name))
        };
        if self.stack.newest().any(|(name, new)| name != new && !given(new)) {
            every.body.iter_mut().for_each(|expr| walk::expr_mut(expr, &mut { rename }));
        }
    }

    fn shadowed_calls(&mut self, term: &Term) {
        let mut found = Vec::new();
        walk::term(term, &mut |node| {
            if let Node::Term(Term { kind: TermKind::Call(items), span }) = node
                && let Some(operator) = items.first()
                && self.is_shadowed(operator)
            {
                found.push((*span, format!("called function {operator} shadowed")));
            }
            false
        });
        for (span, message) in found {
            self.fault(span, message);
        }
    }

    fn is_shadowed(&self, operator: &Term) -> bool {
        let names = vars::of_term(operator, Skip::default());
        names.iter().any(|name| self.stack.declared(name).is_some_and(|new| new != name))
    }

    /// `not`, `and` and `or` with bodies.
    fn operand(&mut self, mut expr: Expr) -> Expr {
        match &mut expr.kind {
            ExprKind::Not { body, explicit: true, .. } => {
                self.stack.push();
                let inner = std::mem::take(body);
                *body = self.body(inner, &Vars::new());
                expr.with.iter_mut().for_each(|with| self.with(with));
                self.stack.pop();
                return expr;
            }
            ExprKind::Not { body, explicit: false, .. } => self.bare_body(body, IN_NEGATED),
            ExprKind::And(logical) => {
                self.logical_body(&mut logical.lhs, logical.explicit_lhs, IN_AND);
                self.logical_body(&mut logical.rhs, logical.explicit_rhs, IN_AND);
            }
            ExprKind::Or(logical) => {
                self.logical_body(&mut logical.lhs, logical.explicit_lhs, IN_OR);
                self.logical_body(&mut logical.rhs, logical.explicit_rhs, IN_OR);
            }
            ExprKind::Term(_) | ExprKind::Call { .. } | ExprKind::Some { .. } | ExprKind::Every(_) => {}
        }
        expr.with.iter_mut().for_each(|with| self.with(with));
        expr
    }

    fn logical_body(&mut self, body: &mut Body, explicit: bool, message: &str) {
        if !explicit {
            self.bare_body(body, message);
            return;
        }
        self.stack.push();
        let inner = std::mem::take(body);
        *body = self.body(inner, &Vars::new());
        // What is only seen in there counts as seen outside, too.
        let inside = self.stack.pop();
        for (name, occurrence) in inside.occurrence {
            if occurrence == Occurrence::Seen && self.stack.declared(&name).is_none() {
                self.stack.insert(&name, name.clone(), Occurrence::Seen);
            }
        }
    }

    fn bare_body(&mut self, body: &mut Body, message: &str) {
        for expr in body {
            match &expr.kind {
                ExprKind::Call { .. } if terms::is_assignment(expr) => self.fault(expr.span, message),
                ExprKind::Not { .. } | ExprKind::And(_) | ExprKind::Or(_) => {
                    let inner = std::mem::replace(expr, terms::truth(Span::NONE));
                    *expr = self.operand(inner);
                }
                _ => self.expr(expr),
            }
        }
    }

    fn expr(&mut self, expr: &mut Expr) {
        match &mut expr.kind {
            ExprKind::Term(term) => self.term(term),
            ExprKind::Call { operator, args } => {
                self.term(operator);
                args.iter_mut().for_each(|arg| self.term(arg));
            }
            ExprKind::Some { symbols, .. } => symbols.iter_mut().for_each(|symbol| self.term(symbol)),
            ExprKind::Every(every) => {
                every.key.iter_mut().for_each(|key| self.term(key));
                self.term(&mut every.value);
                self.term(&mut every.domain);
                every.body.iter_mut().for_each(|expr| self.expr(expr));
            }
            ExprKind::Not { body, .. } => body.iter_mut().for_each(|expr| self.expr(expr)),
            ExprKind::And(logical) | ExprKind::Or(logical) => {
                logical.lhs.iter_mut().chain(&mut logical.rhs).for_each(|expr| self.expr(expr));
            }
        }
        expr.with.iter_mut().for_each(|with| self.with(with));
    }

    /// `with input as …` means the document, whatever is called `input` here.
    fn with(&mut self, with: &mut With) {
        self.term(&mut with.target);
        let input: Name = "input".into();
        if let Some(local) = self.stack.declared(&input).cloned() {
            match &mut with.target.kind {
                TermKind::Var(name) if *name == local => with.target = terms::reference(with.target.span, "input"),
                TermKind::Ref(reference) => {
                    if let Some(Term { kind: TermKind::Var(name), .. }) = reference.first_mut()
                        && *name == local
                    {
                        *name = input;
                    }
                }
                _ => {}
            }
        }
        self.term(&mut with.value);
    }

    fn seen(&mut self, name: &mut Name) {
        if let Some(new) = self.stack.declared(name).cloned() {
            self.stack.see(name);
            *name = new;
        } else if self.stack.occurrence(name).is_none() {
            let same = name.clone();
            self.stack.insert(&same, same.clone(), Occurrence::Seen);
        }
    }

    fn term(&mut self, term: &mut Term) {
        let span = term.span;
        if let Some(root) = terms::root_name(term) {
            if matches!(self.stack.occurrence_anywhere(root), Some(occurrence) if occurrence != Occurrence::Seen)
                && let Some(new) = self.stack.declared(root)
            {
                term.kind = TermKind::Var(new.clone());
            }
            return;
        }
        match &mut term.kind {
            TermKind::Null | TermKind::Bool(_) | TermKind::Number(_) | TermKind::String(_) => {}
            TermKind::Var(name) => self.seen(name),
            TermKind::Ref(items) | TermKind::Array(items) => items.iter_mut().for_each(|item| self.term(item)),
            TermKind::Call(items) => {
                if let Some(operator) = items.first()
                    && self.is_shadowed(operator)
                {
                    let message = format!("called function {operator} shadowed");
                    self.fault(span, message);
                }
                items.iter_mut().for_each(|item| self.term(item));
            }
            TermKind::Object(entries) => {
                for (key, value) in entries {
                    self.term(key);
                    self.term(value);
                }
                terms::sort(term);
            }
            TermKind::Set(items) => {
                items.iter_mut().for_each(|item| self.term(item));
                terms::sort(term);
            }
            TermKind::ArrayCompr { term, body } | TermKind::SetCompr { term, body } => {
                self.comprehension(&mut [term], body);
            }
            TermKind::ObjectCompr { key, value, body } => self.comprehension(&mut [key, value], body),
            TermKind::Template { parts, .. } => {
                for part in parts {
                    if let TemplatePart::Expr(expr) = part {
                        self.expr(expr);
                    }
                }
            }
        }
    }

    fn comprehension(&mut self, heads: &mut [&mut Box<Term>], body: &mut Body) {
        let mut used = Vars::new();
        for head in heads.iter() {
            used.extend(vars::of_term(head, Skip::default()));
        }
        self.stack.push();
        let inner = std::mem::take(body);
        *body = self.body(inner, &used);
        for head in heads {
            self.term(head);
        }
        self.stack.pop();
    }

    /// In a head only closures are renamed before the body is.
    fn head_term(&mut self, term: &mut Term) {
        match &mut term.kind {
            TermKind::Null | TermKind::Bool(_) | TermKind::Number(_) | TermKind::String(_) | TermKind::Var(_) => {}
            TermKind::Ref(items) | TermKind::Array(items) | TermKind::Call(items) => {
                items.iter_mut().for_each(|item| self.head_term(item));
            }
            TermKind::Set(items) => {
                items.iter_mut().for_each(|item| self.head_term(item));
                terms::sort(term);
            }
            TermKind::Object(entries) => {
                for (key, value) in entries {
                    self.head_term(key);
                    self.head_term(value);
                }
                terms::sort(term);
            }
            TermKind::ArrayCompr { .. } | TermKind::SetCompr { .. } | TermKind::ObjectCompr { .. } => self.alone(term),
            TermKind::Template { parts, .. } => {
                for part in parts {
                    if let TemplatePart::Expr(expr) = part {
                        let scopes = std::mem::replace(
                            &mut self.stack.scopes,
                            vec![Declarations::default(), Declarations::default()],
                        );
                        self.expr(expr);
                        self.stack.scopes = scopes;
                    }
                }
            }
        }
    }

    /// With a stack of its own, as each closure of a head has in OPA.
    fn alone(&mut self, term: &mut Term) {
        let scopes = std::mem::replace(&mut self.stack.scopes, vec![Declarations::default()]);
        self.term(term);
        self.stack.scopes = scopes;
    }
}
