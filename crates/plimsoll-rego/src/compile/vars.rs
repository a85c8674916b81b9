//! Variables of trees. In: nodes. Out: the names in them, as OPA's visitor collects them with its switches; which variables an
//! expression gives values to; what an equality binds.

use std::collections::{BTreeMap, BTreeSet};

use super::terms;
use super::walk::{self, Node};
use crate::ast::{Every, Expr, ExprKind, Head, Name, TemplatePart, Term, TermKind, With};
use crate::span::Span;

pub(super) type Vars = BTreeSet<Name>;

/// What stays out.
#[derive(Clone, Copy, Default)]
pub(super) struct Skip {
    pub ref_head: bool,
    /// The operator of calls, and the heads of a modifier's references.
    pub call_head: bool,
    pub object_keys: bool,
    pub closures: bool,
    pub sets: bool,
    pub templates: bool,
}

/// What a safety check looks at.
pub(super) const SAFETY: Skip =
    Skip { call_head: true, closures: true, ref_head: false, object_keys: false, sets: false, templates: false };

/// What an assignment target or a builtin's output binds.
pub(super) const TARGETS: Skip =
    Skip { ref_head: true, object_keys: true, closures: true, call_head: false, sets: false, templates: false };

const OUTPUTS: Skip =
    Skip { ref_head: true, object_keys: true, closures: true, sets: true, call_head: false, templates: false };

pub(super) type Arity<'a> = &'a dyn Fn(&Term) -> Option<usize>;

/// Is a name bound already?
pub(super) type Bound<'a> = &'a dyn Fn(&Name) -> bool;

/// OPA's `VarVisitor`.
pub(super) struct Collector<'a> {
    pub skip: Skip,
    /// Promotes what operands of `not`, `and` and `or` without braces need from outside.
    pub arity: Option<Arity<'a>>,
    pub vars: Vars,
}

impl<'a> Collector<'a> {
    pub(super) fn new(skip: Skip) -> Collector<'a> {
        Collector { skip, arity: None, vars: Vars::new() }
    }

    pub(super) fn safety(arity: Arity<'a>) -> Collector<'a> {
        Collector { skip: SAFETY, arity: Some(arity), vars: Vars::new() }
    }

    pub(super) fn body(&mut self, body: &[Expr]) {
        body.iter().for_each(|expr| self.expr(expr));
    }

    pub(super) fn terms(&mut self, terms: &[Term]) {
        terms.iter().for_each(|term| self.term(term));
    }

    fn closure(&mut self, bodies: &[(&[Expr], bool)]) {
        if let Some(arity) = self.arity {
            for (body, explicit) in bodies {
                if !explicit {
                    self.vars.extend(needed_by_operand(body, arity));
                }
            }
        } else if !self.skip.closures {
            bodies.iter().for_each(|(body, _)| self.body(body));
        }
    }

    pub(super) fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Every(every) if self.skip.closures => {
                // As in OPA: neither the body nor modifiers.
                self.term(&every.domain);
                return;
            }
            ExprKind::Every(every) => self.every(every),
            ExprKind::Term(term) => self.term(term),
            ExprKind::Call { operator, args } => {
                if self.skip.call_head {
                    if let TermKind::Ref(terms) = &operator.kind {
                        self.terms(terms.get(1..).unwrap_or(&[]));
                    }
                } else {
                    self.term(operator);
                }
                self.terms(args);
            }
            ExprKind::Some { symbols, .. } => self.terms(symbols),
            ExprKind::Not { body, explicit, .. } => self.closure(&[(body, *explicit)]),
            ExprKind::And(logical) | ExprKind::Or(logical) => {
                self.closure(&[(&logical.lhs, logical.explicit_lhs), (&logical.rhs, logical.explicit_rhs)]);
            }
        }
        expr.with.iter().for_each(|with| self.with(with));
    }

    fn every(&mut self, every: &Every) {
        every.key.iter().for_each(|key| self.term(key));
        self.term(&every.value);
        self.term(&every.domain);
        self.body(&every.body);
    }

    pub(super) fn with(&mut self, with: &With) {
        if !self.skip.call_head {
            self.term(&with.target);
            self.term(&with.value);
            return;
        }
        if let TermKind::Ref(terms) = &with.target.kind {
            self.terms(terms.get(1..).unwrap_or(&[]));
        }
        match &with.value.kind {
            TermKind::Ref(terms) => self.terms(terms.get(1..).unwrap_or(&[])),
            _ => self.term(&with.value),
        }
    }

    pub(super) fn term(&mut self, term: &Term) {
        match &term.kind {
            TermKind::Null | TermKind::Bool(_) | TermKind::Number(_) | TermKind::String(_) => {}
            TermKind::Var(name) => {
                if !self.vars.contains(name) {
                    self.vars.insert(name.clone());
                }
            }
            TermKind::Ref(terms) => {
                let from = usize::from(self.skip.ref_head);
                self.terms(terms.get(from..).unwrap_or(&[]));
            }
            TermKind::Array(terms) => self.terms(terms),
            TermKind::Set(terms) => {
                if !self.skip.sets {
                    self.terms(terms);
                }
            }
            TermKind::Object(entries) => {
                for (key, value) in entries {
                    if !self.skip.object_keys {
                        self.term(key);
                    }
                    self.term(value);
                }
            }
            TermKind::ArrayCompr { term, body } | TermKind::SetCompr { term, body } => {
                if !self.skip.closures {
                    self.term(term);
                    self.body(body);
                }
            }
            TermKind::ObjectCompr { key, value, body } => {
                if !self.skip.closures {
                    self.term(key);
                    self.term(value);
                    self.body(body);
                }
            }
            TermKind::Call(terms) => {
                if self.skip.call_head {
                    if let Some(TermKind::Ref(operator)) = terms.first().map(|term| &term.kind) {
                        self.terms(operator.get(1..).unwrap_or(&[]));
                    }
                    self.terms(terms.get(1..).unwrap_or(&[]));
                } else {
                    self.terms(terms);
                }
            }
            TermKind::Template { parts, .. } => {
                if self.skip.closures || self.skip.templates {
                    return;
                }
                for part in parts {
                    if let TemplatePart::Expr(expr) = part {
                        self.expr(expr);
                    }
                }
            }
        }
    }
}

pub(super) fn of_term(term: &Term, skip: Skip) -> Vars {
    let mut collector = Collector::new(skip);
    collector.term(term);
    collector.vars
}

pub(super) fn of_terms(terms: &[Term], skip: Skip) -> Vars {
    let mut collector = Collector::new(skip);
    collector.terms(terms);
    collector.vars
}

pub(super) fn of_body(body: &[Expr], skip: Skip) -> Vars {
    let mut collector = Collector::new(skip);
    collector.body(body);
    collector.vars
}

pub(super) fn of_expr(expr: &Expr, skip: Skip) -> Vars {
    let mut collector = Collector::new(skip);
    collector.expr(expr);
    collector.vars
}

/// All variables of a head with the place where each is last.
pub(super) fn of_head(head: &Head) -> BTreeMap<Name, Span> {
    let mut found = BTreeMap::new();
    let reference = head.reference.get(1..).unwrap_or(&[]);
    for term in head.args.iter().chain(&head.key).chain(&head.value).chain(reference) {
        walk::term(term, &mut |node| {
            if let Node::Term(Term { kind: TermKind::Var(name), span }) = node {
                found.insert(name.clone(), *span);
            }
            false
        });
    }
    found
}

/// What a body of `not`, `and` or `or` without braces needs to be bound outside: OPA's `unsafeImplicitBodyVars`.
fn needed_by_operand(body: &[Expr], arity: Arity<'_>) -> Vars {
    let mut occurrences: BTreeMap<Name, usize> = BTreeMap::new();
    for expr in body {
        for name in of_expr(expr, SAFETY) {
            *occurrences.entry(name).or_default() += 1;
        }
    }
    if body.len() <= 1 {
        return occurrences.into_keys().collect();
    }
    // Whatever is no side of an equality may come from outside.
    let mut safe: Vars = occurrences.keys().cloned().collect();
    safe.extend(["data", "input"].map(Name::from));
    for expr in body.iter().filter(|expr| terms::is_equality(expr)) {
        if let ExprKind::Call { args, .. } = &expr.kind {
            for arg in args.iter().take(2) {
                if let TermKind::Var(name) = &arg.kind {
                    safe.remove(name);
                }
            }
        }
    }
    let mut bindings = Vars::new();
    loop {
        let mut changed = false;
        for expr in body.iter().filter(|expr| terms::is_equality(expr)) {
            for name in outputs_of_equality(expr, false, &|name| safe.contains(name)) {
                if bindings.insert(name.clone()) {
                    safe.insert(name);
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
    for expr in body.iter().filter(|expr| !terms::is_equality(expr)) {
        let ExprKind::Call { operator, args } = &expr.kind else { continue };
        if let Some(outputs) = arity(operator).and_then(|arity| args.get(arity..)) {
            bindings.extend(of_terms(outputs, OUTPUTS));
        }
    }
    let needs = |(name, count): (Name, usize)| (!bindings.contains(&name) || count == 1).then_some(name);
    occurrences.into_iter().filter_map(needs).collect()
}

fn ref_is_safe(reference: &[Term], safe: Bound<'_>) -> bool {
    match reference.first() {
        Some(Term { kind: TermKind::Var(head), .. }) => safe(head),
        Some(head) => of_term(head, SAFETY).iter().all(safe),
        None => false,
    }
}

/// Variables that references in the expression iterate over, where their heads are bound.
fn outputs_of_terms(expr: &Expr, safe: Bound<'_>) -> Vars {
    let mut found = Collector::new(Skip { ref_head: true, ..Skip::default() });
    walk::expr(expr, &mut |node| see_outputs(node, safe, &mut found));
    found.vars
}

fn see_outputs(node: Node<'_>, safe: Bound<'_>, found: &mut Collector<'_>) -> bool {
    let Node::Term(term) = node else { return false };
    match &term.kind {
        TermKind::Template { .. } => true,
        _ if terms::is_comprehension(term) => true,
        TermKind::Ref(reference) => {
            if !ref_is_safe(reference, safe) {
                return true;
            }
            if !reference.iter().skip(1).all(terms::is_ground) {
                found.term(term);
            }
            false
        }
        _ => false,
    }
}

/// `assigned`: it was written `:=`, so that nothing is bound backwards through its left side.
fn outputs_of_equality(expr: &Expr, assigned: bool, safe: Bound<'_>) -> Vars {
    let Some((lhs, rhs)) = terms::two(expr) else { return Vars::new() };
    let mut outputs = outputs_of_terms(expr, safe);
    let hidden = if assigned { of_term(lhs, Skip::default()) } else { Vars::new() };
    let unified = {
        let known = |name: &Name| (safe(name) || outputs.contains(name)) && !hidden.contains(name);
        unify(&known, lhs, rhs)
    };
    outputs.retain(|name| !hidden.contains(name));
    outputs.extend(unified);
    outputs.retain(|name| !safe(name));
    outputs
}

/// What an expression binds, given what is bound: OPA's `outputVarsForExpr`. Not what is bound already.
pub(super) fn outputs_of(expr: &Expr, assigned: bool, arity: Arity<'_>, safe: Bound<'_>) -> Vars {
    if terms::is_negated(expr) {
        return Vars::new();
    }
    for with in &expr.with {
        let mut collector = Collector::new(SAFETY);
        collector.with(with);
        if !collector.vars.iter().all(safe) {
            return Vars::new();
        }
    }
    match &expr.kind {
        ExprKind::Term(_) => outputs_of_terms(expr, safe),
        ExprKind::Call { .. } if terms::is_equality(expr) => outputs_of_equality(expr, assigned, safe),
        ExprKind::Call { operator, args } => {
            let Some(arity) = arity(operator) else { return Vars::new() };
            let mut outputs = outputs_of_terms(expr, safe);
            let Some(after) = args.get(arity..).filter(|after| !after.is_empty()) else { return outputs };
            let mut needed = of_term(operator, OUTPUTS);
            needed.extend(of_terms(args.get(..arity).unwrap_or(&[]), OUTPUTS));
            if needed.iter().any(|name| !outputs.contains(name) && !safe(name)) {
                return Vars::new();
            }
            outputs.extend(of_terms(after, OUTPUTS));
            outputs
        }
        ExprKind::Every(every) => {
            let mut found = Collector::new(Skip { ref_head: true, ..Skip::default() });
            walk::term(&every.domain, &mut |node| see_outputs(node, safe, &mut found));
            found.vars
        }
        ExprKind::Some { .. } | ExprKind::Not { .. } | ExprKind::And(_) | ExprKind::Or(_) => Vars::new(),
    }
}

/// [`outputs_of`] as OPA asks it again and again while it orders a body: `left` is what the expression asked of before left
/// behind, which an `every` is then said to bind, too.
pub(super) fn outputs_with(left: &mut Vars, expr: &Expr, assigned: bool, arity: Arity<'_>, safe: Bound<'_>) -> Vars {
    let outputs = outputs_of(expr, assigned, arity, safe);
    let modified = |with: &With| {
        let mut collector = Collector::new(SAFETY);
        collector.with(with);
        !collector.vars.iter().all(safe)
    };
    if terms::is_negated(expr) || expr.with.iter().any(modified) {
        return outputs;
    }
    match &expr.kind {
        ExprKind::Call { .. } if terms::is_equality(expr) => left.clear(),
        ExprKind::Call { operator, .. } if arity(operator).is_some() => {
            *left = if outputs.is_empty() { outputs_of_terms(expr, safe) } else { outputs.clone() };
        }
        ExprKind::Every(_) => {
            left.extend(outputs);
            return left.clone();
        }
        _ => {}
    }
    outputs
}

/// What an expression `rhs = lhs` of a `some … in` would declare.
pub(super) fn outputs_of_some(expr: &Expr, safe: Bound<'_>) -> Vars {
    outputs_of_equality(expr, false, safe)
}

/// OPA's unifier.
struct Unifier<'a> {
    safe: Bound<'a>,
    unified: Vars,
    /// A variable, and those that it is bound by once they all are.
    unknown: BTreeMap<Name, Vars>,
    /// A variable, and those that wait for it.
    waiting: BTreeMap<Name, Vec<Name>>,
}

fn unify(safe: Bound<'_>, a: &Term, b: &Term) -> Vars {
    let mut unifier = Unifier { safe, unified: Vars::new(), unknown: BTreeMap::new(), waiting: BTreeMap::new() };
    unifier.unify(a, b);
    unifier.unified
}

impl Unifier<'_> {
    fn is_safe(&self, name: &Name) -> bool {
        (self.safe)(name) || self.unified.contains(name)
    }

    fn call_is_safe(&self, call: &Term) -> bool {
        of_term(call, SAFETY).iter().all(self.safe)
    }

    fn unify(&mut self, a: &Term, b: &Term) {
        use TermKind as K;
        match (&a.kind, &b.kind) {
            (K::Var(a), K::Var(b)) => {
                if self.is_safe(b) {
                    self.mark(a);
                } else if self.is_safe(a) {
                    self.mark(b);
                } else {
                    self.wait(a, b);
                    self.wait(b, a);
                }
            }
            (K::Var(name), K::Array(_) | K::Object(_)) => self.unify_all(name, b),
            (K::Array(_) | K::Object(_), K::Var(name)) => self.unify_all(name, a),
            (K::Var(name), K::Ref(reference)) | (K::Ref(reference), K::Var(name))
                if ref_is_safe(reference, self.safe) =>
            {
                self.mark(name);
            }
            (K::Ref(reference), K::Array(_) | K::Object(_)) if ref_is_safe(reference, self.safe) => {
                self.mark_all(b);
            }
            (K::Array(_) | K::Object(_), K::Ref(reference)) if ref_is_safe(reference, self.safe) => {
                self.mark_all(a);
            }
            (K::Var(name), K::Call(_)) if self.call_is_safe(b) => {
                self.mark(name);
            }
            (K::Call(_), K::Var(name)) if self.call_is_safe(a) => {
                self.mark(name);
            }
            (K::Call(_), K::Array(_) | K::Object(_)) if self.call_is_safe(a) => {
                self.mark_all(b);
            }
            (K::Array(_) | K::Object(_), K::Call(_)) if self.call_is_safe(b) => {
                self.mark_all(a);
            }
            // What is looked up or called is not known yet, and so nothing is bound to it.
            (K::Var(_), K::Ref(_) | K::Call(_)) | (K::Ref(_) | K::Call(_), K::Var(_)) => {}
            (K::Var(name), _) | (_, K::Var(name)) => self.mark(name),
            (K::ArrayCompr { .. }, K::Array(_)) | (K::ObjectCompr { .. }, K::Object(_)) => self.mark_all(b),
            (K::Array(_), K::ArrayCompr { .. } | K::ObjectCompr { .. } | K::SetCompr { .. }) => self.mark_all(a),
            (K::Array(xs), K::Array(ys)) if xs.len() == ys.len() => {
                for (x, y) in xs.iter().zip(ys) {
                    self.unify(x, y);
                }
            }
            (K::Object(xs), K::Object(ys)) if xs.len() == ys.len() => {
                for (key, x) in xs {
                    let found = ys.binary_search_by(|(other, _)| other.order(key)).ok();
                    if let Some((_, y)) = found.and_then(|at| ys.get(at)) {
                        self.unify(x, y);
                    }
                }
            }
            _ => {}
        }
    }

    fn mark_all(&mut self, term: &Term) {
        for name in of_term(term, TARGETS) {
            self.mark(&name);
        }
    }

    fn mark(&mut self, name: &Name) {
        let mut stack = vec![name.clone()];
        while let Some(name) = stack.pop() {
            self.unified.insert(name.clone());
            stack.extend(self.unknown.remove(&name).into_iter().flatten());
            for other in self.waiting.remove(&name).into_iter().flatten() {
                let Some(needs) = self.unknown.get_mut(&other) else { continue };
                needs.remove(&name);
                if needs.is_empty() {
                    self.unknown.remove(&other);
                    stack.push(other);
                }
            }
        }
    }

    fn unify_all(&mut self, name: &Name, term: &Term) {
        if self.is_safe(name) {
            self.mark_all(term);
            return;
        }
        let mut needed = of_term(term, TARGETS);
        needed.retain(|needed| !self.is_safe(needed));
        if needed.is_empty() {
            self.mark(name);
        } else {
            for other in needed {
                self.wait(name, &other);
            }
        }
    }

    fn wait(&mut self, name: &Name, other: &Name) {
        if self.unknown.entry(name.clone()).or_default().insert(other.clone()) {
            self.waiting.entry(other.clone()).or_default().push(name.clone());
        }
    }
}
