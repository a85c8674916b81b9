//! Safety of variables. In: heads and bodies whose locals are renamed. Out: bodies in an order in which, from left to right,
//! everything that must be bound is bound; or which variables no order can bind. The order is OPA's: as written, as far as it
//! goes, an expression being taken as soon as it is safe. It is found in the time of the occurrences of variables: an
//! expression is looked at again only when one of its variables became safe.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::env::{Env, Renames};
use super::terms::{self, is_generated, shown};
use super::vars::{self, Collector, SAFETY, Skip, Vars};
use super::walk::{self, Node, NodeMut};
use crate::ast::{Body, Expr, ExprKind, Name, Rule, Term, TermKind};
use crate::error::{Code, RegoError};
use crate::span::Span;

/// An expression with what is unbound in it.
#[derive(Debug)]
pub(super) struct Unsafe {
    span: Span,
    vars: Vars,
    /// Variables of the left side, where it was written `:=`.
    assigned: Vars,
    /// Negated, or inside of something that is.
    negated: bool,
    iterates: bool,
}

/// Names that are bound around a body: one layer for each body, so that nested bodies copy nothing.
struct Scope<'a> {
    outer: Option<&'a Scope<'a>>,
    names: Vars,
}

impl Scope<'_> {
    fn has(&self, name: &Name) -> bool {
        let mut at = Some(self);
        while let Some(scope) = at {
            if scope.names.contains(name) {
                return true;
            }
            at = scope.outer;
        }
        false
    }
}

/// Orders a body given what is bound around it; the second value is empty where all of it is safe.
pub(super) fn order(env: &Env<'_>, bound: Vars, body: Body) -> (Body, Vec<Unsafe>) {
    let scope = Scope { outer: None, names: bound };
    let mut unsafes = Vec::new();
    let body = order_in(env, &scope, body, false, &mut unsafes);
    (body, unsafes)
}

/// What is known of one expression of a body.
struct Item {
    expr: Option<Expr>,
    unsafe_vars: Vars,
    /// Variables of the body that closures in it use.
    closed_over: Vars,
    assigned: bool,
}

/// Bodies with `every` up to here are gone through again and again as a whole, as in OPA, where what an `every` binds depends
/// on the expression that was looked at before it ([`vars::outputs_with`]). It costs the square of the length.
const LONGEST_WITH_EVERY: usize = 256;

fn is_every(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Every(_))
}

fn order_in(env: &Env<'_>, globals: &Scope<'_>, body: Body, negated: bool, unsafes: &mut Vec<Unsafe>) -> Body {
    let arity = |operator: &Term| env.arity(operator);
    let count = body.len();
    let mut of_exprs: Vec<Vars> = Vec::with_capacity(count);
    let mut body_vars = Vars::new();
    for expr in &body {
        let mut collector = Collector::safety(&arity);
        collector.expr(expr);
        body_vars.extend(collector.vars.iter().cloned());
        of_exprs.push(collector.vars);
    }
    let mut safe: Vars = body_vars.iter().filter(|name| globals.has(name)).cloned().collect();
    let mut mentions: HashMap<Name, Vec<usize>> = HashMap::new();
    let mut items: Vec<Item> = Vec::with_capacity(count);
    for (at, (expr, mut vars)) in body.into_iter().zip(of_exprs).enumerate() {
        for name in vars::of_expr(&expr, Skip::default()) {
            mentions.entry(name).or_default().push(at);
        }
        let mut closed_over = of_closures(&expr);
        closed_over.retain(|name| body_vars.contains(name) && !globals.has(name));
        vars.retain(|name| !safe.contains(name));
        let assigned = env.is_assigned(&expr);
        items.push(Item { expr: Some(expr), unsafe_vars: vars, closed_over, assigned });
    }

    let mut ordered: Body = Vec::with_capacity(count);
    let mut now: BTreeSet<usize> = (0..count).collect();
    let mut later: BTreeSet<usize> = BTreeSet::new();
    let waits = |items: &[Item]| -> BTreeSet<usize> {
        items.iter().enumerate().filter(|(_, item)| item.expr.is_some()).map(|(at, _)| at).collect()
    };
    let all = count <= LONGEST_WITH_EVERY && items.iter().any(|item| item.expr.as_ref().is_some_and(is_every));
    let mut left = Vars::new();
    let mut before = 0;
    loop {
        let Some(at) = now.pop_first() else {
            if all && ordered.len() > before {
                before = ordered.len();
                later = waits(&items);
            }
            if later.is_empty() {
                break;
            }
            std::mem::swap(&mut now, &mut later);
            continue;
        };
        let Some(item) = items.get_mut(at) else { continue };
        let Some(expr) = &item.expr else { continue };
        let known = |name: &Name| safe.contains(name);
        let outputs = match all {
            true => vars::outputs_with(&mut left, expr, item.assigned, &arity, &known),
            false => vars::outputs_of(expr, item.assigned, &arity, &known),
        };
        if !item.closed_over.is_empty() {
            if item.closed_over == outputs {
                continue;
            }
            item.unsafe_vars.clone_from(&item.closed_over);
        }
        item.unsafe_vars.retain(|name| !outputs.contains(name) && !safe.contains(name));
        if !item.unsafe_vars.is_empty() {
            continue;
        }
        ordered.extend(item.expr.take());
        for name in outputs {
            if all {
                safe.insert(name);
                continue;
            }
            for other in mentions.get(&name).into_iter().flatten() {
                let waits = items.get(*other).is_some_and(|item| item.expr.is_some());
                if waits && *other > at {
                    now.insert(*other);
                } else if waits {
                    later.insert(*other);
                }
            }
            safe.insert(name);
        }
    }

    // What waits for a closure's variable that only it binds itself is never taken, although nothing in it is unsafe: OPA loses
    // such an expression without a word. Here it stays, at the end.
    let mut unordered = Vec::new();
    for mut item in items {
        let Some(expr) = item.expr.take() else { continue };
        if item.unsafe_vars.is_empty() {
            ordered.push(expr);
        } else {
            unordered.push((expr, item));
        }
    }

    let mut inside = Closures { env, scope: Scope { outer: Some(globals), names: Vars::new() }, negated, unsafes };
    let mut previous: Option<Vars> = None;
    for expr in &mut ordered {
        inside.scope.names.extend(previous.take().into_iter().flatten());
        let mut collector = Collector::safety(&arity);
        collector.expr(expr);
        previous = Some(collector.vars);
        inside.expr(expr);
    }
    let unsafes = inside.unsafes;
    for (expr, item) in unordered {
        unsafes.push(Unsafe::new(&expr, item.unsafe_vars, item.assigned, negated));
        ordered.push(expr);
    }
    ordered
}

impl Unsafe {
    fn new(expr: &Expr, vars: Vars, assigned: bool, negated: bool) -> Unsafe {
        let left = terms::two(expr).filter(|_| assigned).map(|(left, _)| vars::of_term(left, Skip::default()));
        let mut iterates = false;
        walk::expr(expr, &mut |node| {
            if let Node::Term(Term { kind: TermKind::Ref(reference), .. }) = node {
                iterates |= reference.iter().skip(1).any(|term| matches!(term.kind, TermKind::Var(_)));
            }
            iterates
        });
        let negated = negated || terms::is_negated(expr);
        Unsafe { span: expr.span, vars, assigned: left.unwrap_or_default(), negated, iterates }
    }
}

/// Variables in the closures of an expression.
fn of_closures(expr: &Expr) -> Vars {
    let mut collector = Collector::new(Skip::default());
    walk::expr(expr, &mut |node| match node {
        Node::Term(term) if terms::is_comprehension(term) => {
            collector.term(term);
            true
        }
        Node::Expr(expr) => match &expr.kind {
            ExprKind::Every(every) => {
                collector.body(&every.body);
                true
            }
            ExprKind::Not { body, .. } => {
                collector.body(body);
                true
            }
            ExprKind::And(logical) | ExprKind::Or(logical) => {
                collector.body(&logical.lhs);
                collector.body(&logical.rhs);
                true
            }
            _ => false,
        },
        _ => false,
    });
    collector.vars
}

/// Orders the bodies inside of expressions, which may close over what came before.
struct Closures<'a, 'b> {
    env: &'a Env<'b>,
    scope: Scope<'a>,
    negated: bool,
    unsafes: &'a mut Vec<Unsafe>,
}

impl Closures<'_, '_> {
    fn expr(&mut self, expr: &mut Expr) {
        let span = expr.span;
        let mut current = None;
        let negated = self.negated || terms::is_negated(expr);
        walk::expr_mut(expr, &mut |node| match node {
            NodeMut::Expr(expr) => match &mut expr.kind {
                ExprKind::Every(every) => {
                    for term in every.key.iter().chain([&every.value]) {
                        self.scope.names.extend(vars::of_term(term, Skip::default()));
                    }
                    self.body(&[], &mut every.body, negated, &mut current);
                    true
                }
                ExprKind::Not { body, .. } => {
                    self.body(&[], body, true, &mut current);
                    true
                }
                ExprKind::And(logical) | ExprKind::Or(logical) => {
                    self.body(&[], &mut logical.lhs, negated, &mut current);
                    self.body(&[], &mut logical.rhs, negated, &mut current);
                    true
                }
                _ => false,
            },
            NodeMut::Term(term) => match &mut term.kind {
                TermKind::ArrayCompr { term, body } | TermKind::SetCompr { term, body } => {
                    self.body(&[term], body, negated, &mut current);
                    true
                }
                TermKind::ObjectCompr { key, value, body } => {
                    self.body(&[key, value], body, negated, &mut current);
                    true
                }
                _ => false,
            },
            NodeMut::With | NodeMut::Body(_) => false,
        });
        if let Some(vars) = current {
            let mut found = Unsafe::new(expr, vars, self.env.is_assigned(expr), negated);
            found.span = span;
            self.unsafes.push(found);
        }
    }

    /// `heads`: what a comprehension gives, whose variables the body must bind or close over.
    fn body(&mut self, heads: &[&Term], body: &mut Body, negated: bool, current: &mut Option<Vars>) {
        let arity = |operator: &Term| self.env.arity(operator);
        if !heads.is_empty() {
            let mut collector = Collector::safety(&arity);
            collector.body(body);
            let mut needed = Vars::new();
            for head in heads {
                needed.extend(vars::of_term(head, Skip::default()));
            }
            needed.retain(|name| !collector.vars.contains(name) && !self.scope.has(name));
            if !needed.is_empty() {
                current.get_or_insert_default().extend(needed);
            }
        }
        *body = order_in(self.env, &self.scope, std::mem::take(body), negated, self.unsafes);
    }
}

/// What to say of unsafe variables: OPA's `safetyErrorSlice`. `scope` is the ` in rule …` that tells rules of one line apart.
pub(super) fn errors(unsafes: &[Unsafe], renames: &Renames<'_>, env: &Env<'_>, scope: &str) -> Vec<RegoError> {
    let place = |span: Span| env.place(span);
    let mut first: BTreeMap<&Name, (Span, &Unsafe)> = BTreeMap::new();
    let mut assigned = Vars::new();
    for found in unsafes {
        for name in &found.vars {
            let entry = first.entry(name).or_insert((found.span, found));
            if place(found.span) < place(entry.0) {
                *entry = (found.span, found);
            }
        }
        for name in &found.assigned {
            assigned.insert(name.clone());
            assigned.extend(renames.get(name).cloned());
        }
    }
    let mut pairs: Vec<_> = first.into_iter().collect();
    pairs.sort_by_key(|(_, (span, _))| place(*span));
    let written = |name: &Name| renames.get(name).unwrap_or(name).clone();
    let is_target = |name: &Name| assigned.contains(name) || assigned.contains(&written(name));
    let others = pairs.iter().any(|(name, _)| !is_generated(&written(name)) && !is_target(name));
    let mut result = Vec::new();
    for (name, (span, found)) in pairs {
        let name_written = written(name);
        if is_generated(&name_written) || (others && is_target(name)) {
            continue;
        }
        let shown = shown(&name_written);
        let message = if matches!(shown, "in" | "every" | "contains" | "if" | "not" | "and" | "or") {
            format!("var {shown} is unsafe{scope} (hint: `import future.keywords.{shown}` to import a future keyword)")
        } else {
            format!("var {shown} is unsafe{scope}")
        };
        let error = RegoError::new(Code::UnsafeVar, span, message);
        result.push(match hint(shown, found) {
            Some(hint) => error.with_hint(hint),
            None => error,
        });
    }
    if !result.is_empty() {
        return result;
    }
    let mut by_place: Vec<&Unsafe> = unsafes.iter().collect();
    by_place.sort_by_key(|found| place(found.span));
    let mut seen = Vars::new();
    for found in by_place {
        let before = seen.len();
        seen.extend(found.vars.iter().filter(|name| is_generated(name)).cloned());
        if seen.len() > before {
            let message = format!("expression is unsafe{scope}");
            result.push(RegoError::new(Code::UnsafeVar, found.span, message));
        }
    }
    result
}

/// What lost newcomers do next.
fn hint(shown: &str, found: &Unsafe) -> Option<String> {
    match (shown, found.negated, found.iterates) {
        ("_", true, _) => Some(
            "`not` cannot iterate: move the iteration into a helper rule and negate that, or bind the element first \
             (`some x in xs`) if one is meant, or compare with a comprehension"
                .to_owned(),
        ),
        ("_", false, _) => Some(
            "`_` gives no value here: a builtin or comparison needs all its operands bound; iterate with \
             `some x in xs` before it"
                .to_owned(),
        ),
        ("if" | "contains" | "in" | "every", _, _) => {
            Some(format!("`{shown}` is a keyword in v1; in v0 write `import rego.v1` at the top"))
        }
        (name, true, true) => Some(format!(
            "`{name}` is only used under `not`, which cannot bind it: declare it outside, as in `some {name} in …`, or \
             move the negated lines into a helper rule"
        )),
        _ => None,
    }
}

/// Variables of heads that no body binds.
pub(super) fn head_errors(rule: &Rule, renames: &Renames<'_>, scope: &dyn Fn() -> String) -> Vec<RegoError> {
    let needed = vars::of_head(&rule.head);
    if needed.is_empty() {
        return Vec::new();
    }
    let mut bound = vars::of_body(&rule.body, SAFETY);
    bound.extend(vars::of_terms(&rule.head.args, Skip::default()));
    let missing = needed.into_iter().filter(|(name, _)| !bound.contains(name));
    let errors = missing.filter_map(|(name, span)| {
        let written = renames.get(&name).unwrap_or(&name);
        if is_generated(written) {
            return None;
        }
        let message = format!("var {} is unsafe{}", shown(written), scope());
        Some(RegoError::new(Code::UnsafeVar, span, message))
    });
    errors.collect()
}
