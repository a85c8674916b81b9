//! References: whether there can be what they refer to.

use super::Checker;
use super::env::is_root_document;
use super::fault::Fault;
use super::terms::{entries, members};
use super::tree::key;
use super::unify::select_constant;
use crate::ast::{Body, Expr, ExprKind, TemplatePart, Term, TermKind};
use crate::types::Type;

impl Checker<'_> {
    /// The faults of references in an expression, not of those in comprehensions.
    pub(super) fn check_references(&mut self, expr: &Expr) -> Vec<Fault> {
        let mut faults = Vec::new();
        self.references_in_expr(expr, &mut faults);
        faults
    }

    fn references_in_expr(&mut self, expr: &Expr, faults: &mut Vec<Fault>) {
        match &expr.kind {
            // Replacements of calls and terms are not looked at, as in OPA.
            ExprKind::Term(term) => return self.references_in_term(term, faults),
            ExprKind::Call { args, .. } => return self.references_in_terms(args, faults),
            ExprKind::Not { body, .. } => return self.references_in_body(body, faults),
            ExprKind::Some { symbols, .. } => self.references_in_terms(symbols, faults),
            ExprKind::Every(every) => {
                self.references_in_terms(every.key.as_slice(), faults);
                self.references_in_term(&every.value, faults);
                self.references_in_term(&every.domain, faults);
                self.references_in_body(&every.body, faults);
            }
            ExprKind::And(logical) | ExprKind::Or(logical) => {
                self.references_in_body(&logical.lhs, faults);
                self.references_in_body(&logical.rhs, faults);
            }
        }
        for with in &expr.with {
            self.references_in_term(&with.target, faults);
            self.references_in_term(&with.value, faults);
        }
    }

    fn references_in_body(&mut self, body: &Body, faults: &mut Vec<Fault>) {
        body.iter().for_each(|expr| self.references_in_expr(expr, faults));
    }

    fn references_in_terms(&mut self, terms: &[Term], faults: &mut Vec<Fault>) {
        terms.iter().for_each(|term| self.references_in_term(term, faults));
    }

    fn references_in_term(&mut self, term: &Term, faults: &mut Vec<Fault>) {
        if !self.pay(1) {
            return;
        }
        match &term.kind {
            TermKind::Ref(terms) => {
                if let Some(fault) = self.check_not_function(terms) {
                    faults.push(fault);
                    return;
                }
                faults.extend(self.check_reference(terms));
                self.references_in_terms(terms, faults);
            }
            TermKind::Array(terms) | TermKind::Call(terms) => self.references_in_terms(terms, faults),
            TermKind::Set(terms) => {
                members(terms).into_iter().for_each(|term| self.references_in_term(term, faults));
            }
            TermKind::Object(written) => entries(written).into_iter().for_each(|(key, value)| {
                self.references_in_term(key, faults);
                self.references_in_term(value, faults);
            }),
            TermKind::Template { parts, .. } => parts.iter().for_each(|part| match part {
                TemplatePart::Text(_) => {}
                TemplatePart::Expr(expr) => self.references_in_expr(expr, faults),
            }),
            TermKind::ArrayCompr { .. } | TermKind::SetCompr { .. } | TermKind::ObjectCompr { .. } => {}
            TermKind::Null | TermKind::Bool(_) | TermKind::Number(_) | TermKind::String(_) | TermKind::Var(_) => {}
        }
    }

    /// Functions are called, and no values.
    fn check_not_function(&mut self, reference: &[Term]) -> Option<Fault> {
        match self.type_of_reference(reference) {
            have @ Type::Function(_) => {
                let place = reference.first()?.span;
                Some(Fault::unsupported(place, self.written(reference), reference.len() - 1, have))
            }
            _ => None,
        }
    }

    fn invalid(&self, reference: &[Term], at: usize, have: Type, want: Type, one_of: Type) -> Option<Fault> {
        Some(Fault::invalid(reference.first()?.span, self.written(reference), at, have, want, one_of))
    }

    /// Follows a reference through the types of layers, from the top one down.
    fn check_reference(&mut self, reference: &[Term]) -> Option<Fault> {
        let first = reference.first()?;
        let TermKind::Var(root) = &first.kind else { return self.check_members(Type::Any, reference, 0) };
        for layer in (0..self.layers.len()).rev() {
            let tree = self.layers.get(layer)?.tree.clone();
            let Some(mut node) = tree.root(root) else { continue };
            let mut at = 1;
            loop {
                if let Some(of) = tree.value(node) {
                    return self.check_members(of.clone(), reference, at);
                }
                let head = reference.get(at)?;
                self.pay(1);
                // Rules are at least two steps below `data`: what comes before is a package's name.
                if at <= 2 && !matches!(head.kind, TermKind::Var(_) | TermKind::String(_)) {
                    let have = self.type_of(head);
                    return self.invalid(reference, at, have, Type::String, tree.extent(node));
                }
                if let TermKind::Var(name) = &head.kind {
                    let extent = tree.extent(node);
                    let have = self.variable(name);
                    if matches!(have, Type::Unknown) {
                        self.put_variable(name, extent.keys());
                    } else if !self.unifies(&extent.keys(), &have) {
                        return self.invalid(reference, at, have, extent.keys(), extent);
                    }
                }
                match key(head).and_then(|key| tree.child(node, &key)) {
                    Some(child) => {
                        node = child;
                        at += 1;
                    }
                    None => break,
                }
            }
        }
        self.check_members(Type::Any, reference, usize::from(is_root_document(root)))
    }

    /// Follows a reference through a type.
    fn check_members(&mut self, of: Type, reference: &[Term], from: usize) -> Option<Fault> {
        let mut of = of;
        for (at, head) in reference.iter().enumerate().skip(from) {
            if !self.pay(1) {
                return None;
            }
            if of.is_empty_collection() {
                return self.check_empty(&of, reference, at, head);
            }
            let keys = of.keys();
            if matches!(keys, Type::Unknown) {
                let place = reference.first()?.span;
                return Some(Fault::unsupported(place, self.written(reference), at.saturating_sub(1), of));
            }
            match &head.kind {
                TermKind::Var(name) => {
                    let have = self.variable(name);
                    if matches!(have, Type::Unknown) {
                        self.put_variable(name, keys);
                    } else if !self.unifies(&have, &keys) {
                        return self.invalid(reference, at, have, keys, of);
                    }
                }
                TermKind::Ref(terms) => {
                    let have = self.type_of_reference(terms);
                    if !matches!(have, Type::Unknown) && !self.unifies(&have, &keys) {
                        return self.invalid(reference, at, have, keys, of);
                    }
                }
                TermKind::Array(_) | TermKind::Object(_) | TermKind::Set(_) => {
                    if !self.unify(head, &keys, false) {
                        let have = self.type_of(head);
                        return self.invalid(reference, at, have, keys, Type::Unknown);
                    }
                }
                _ => {
                    self.pay(of_cost(&of));
                    match select_constant(&of, head) {
                        Type::Unknown => return self.invalid(reference, at, Type::Unknown, keys, of),
                        member => of = member,
                    }
                    continue;
                }
            }
            self.pay(of_cost(&of));
            of = of.values();
        }
        None
    }

    /// A collection that can hold nothing has no member of a constant key. Iterating it is no fault.
    fn check_empty(&mut self, of: &Type, reference: &[Term], at: usize, head: &Term) -> Option<Fault> {
        match &head.kind {
            TermKind::Null | TermKind::Bool(_) | TermKind::Number(_) | TermKind::String(_) => {
                self.invalid(reference, at, Type::Unknown, Type::Unknown, Type::Unknown)
            }
            TermKind::Var(name) => {
                let have = self.variable(name);
                let keys = of.keys();
                if matches!(have, Type::Unknown) {
                    self.put_variable(name, Type::Any);
                } else if !matches!(keys, Type::Unknown) && !self.unifies(&have, &keys) {
                    return self.invalid(reference, at, have, keys, Type::Unknown);
                }
                None
            }
            _ => None,
        }
    }
}

/// What selecting from a union costs; other types keep their answers.
fn of_cost(of: &Type) -> usize {
    match of {
        Type::OneOf(union) => union.members().len(),
        _ => 0,
    }
}
