//! Comprehensions. Each is checked many times over (for its own faults, for each question about its type, and from every
//! comprehension around it), which in OPA takes time exponential in nesting; here what was found is kept by the types that its
//! variables had.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::Checker;
use super::fault::Fault;
use crate::ast::{Body, Expr, ExprKind, Name, TemplatePart, Term, TermKind, With};
use crate::types::Type;

/// Comprehensions nested deeper are not checked, and are of any type. OPA takes years for as many.
const MAX_NESTING: usize = 32;
/// OPA also checks comprehensions as if those around them bound nothing; deeper ones here are not checked so.
const MAX_UNBOUND: usize = 12;
/// How often a comprehension is checked so, each time for other types of its variables.
const MAX_UNBOUND_TYPES: usize = 48;
/// What is kept of one comprehension.
const MAX_KEPT: usize = 256;

/// What is known of one comprehension.
pub(super) struct Closure {
    variables: Rc<[Name]>,
    found: Vec<(u32, Vec<Type>, Rc<Outcome>)>,
}

pub(super) struct Outcome {
    pub faults: Vec<Fault>,
    pub of: Type,
}

/// Which documents are replaced, as a number: 0 outside all `with`.
#[derive(Default)]
pub(super) struct Contexts {
    pub current: u32,
    count: u32,
    known: HashMap<(u32, usize), Vec<Entered>>,
}

/// The types of what is replaced, and the context's number.
type Entered = (Vec<Type>, u32);

impl Contexts {
    /// The number for an expression's replacements within the current context.
    pub fn enter(&mut self, expr: &Expr, replaced: &[Type]) -> u32 {
        let before = self.current;
        let place = std::ptr::from_ref(expr) as usize;
        let known = self.known.entry((before, place)).or_default();
        self.current = match known.iter().find(|(types, _)| types == replaced) {
            Some((_, number)) => *number,
            None => {
                self.count += 1;
                known.push((replaced.to_vec(), self.count));
                self.count
            }
        };
        before
    }

    pub fn forget(&mut self) {
        *self = Contexts::default();
    }
}

impl Checker<'_> {
    /// Forgets what belongs to one rule: places in memory mean nothing beyond it.
    pub(super) fn forget_closures(&mut self) {
        self.closures.clear();
        self.contexts.forget();
    }

    /// What checking a comprehension finds.
    pub(super) fn closure(&mut self, term: &Term) -> Rc<Outcome> {
        self.closure_within(term, 0)
    }

    /// `unbound`: how many comprehensions around it are taken to bind nothing.
    fn closure_within(&mut self, term: &Term, unbound: usize) -> Rc<Outcome> {
        let unknown = || Rc::new(Outcome { faults: Vec::new(), of: Type::Any });
        if self.nesting >= MAX_NESTING || !self.pay(1) {
            return unknown();
        }
        let place = std::ptr::from_ref(term) as usize;
        let variables = match self.closures.get(&place) {
            Some(closure) => closure.variables.clone(),
            None => {
                let mut names = Names::default();
                names.term(term);
                names.found.sort();
                names.found.dedup();
                let variables: Rc<[Name]> = names.found.into();
                self.closures.insert(place, Closure { variables: variables.clone(), found: Vec::new() });
                variables
            }
        };
        self.pay(variables.len() * self.layers.len());
        let types: Vec<Type> = variables.iter().map(|name| self.variable(name)).collect();
        let context = self.contexts.current;
        if let Some(closure) = self.closures.get(&place)
            && let Some((_, _, outcome)) = closure.found.iter().find(|(had, with, _)| *had == context && *with == types)
        {
            return outcome.clone();
        }
        if unbound > 0 && self.closures.get(&place).is_some_and(|closure| closure.found.len() >= MAX_UNBOUND_TYPES) {
            return unknown();
        }
        let outcome = Rc::new(self.fresh_closure(term));
        if let Some(closure) = self.closures.get_mut(&place)
            && closure.found.len() < MAX_KEPT
        {
            closure.found.push((context, types, outcome.clone()));
        }
        outcome
    }

    fn fresh_closure(&mut self, term: &Term) -> Outcome {
        self.push(Arc::default());
        self.nesting += 1;
        let outcome = match &term.kind {
            TermKind::ArrayCompr { term, body } => self.outcome(body, |checker| {
                let of = checker.type_of(term);
                // A comprehension whose members are of no known type is an array without type of members, as OPA has it.
                Type::array(Vec::new(), known(of))
            }),
            TermKind::SetCompr { term, body } => self.outcome(body, |checker| Type::set(checker.type_of(term))),
            TermKind::ObjectCompr { key, value, body } => self.outcome(body, |checker| {
                let (key, value) = (checker.type_of(key), checker.type_of(value));
                Type::object(Vec::new(), Some((key, value)))
            }),
            _ => Outcome { faults: Vec::new(), of: Type::Unknown },
        };
        self.nesting -= 1;
        self.pop();
        outcome
    }

    fn outcome(&mut self, body: &Body, of: impl FnOnce(&mut Self) -> Type) -> Outcome {
        let faults = self.check_body(body);
        let of = if faults.is_empty() { of(self) } else { Type::Unknown };
        Outcome { faults, of }
    }

    /// The faults of comprehensions anywhere in an expression: of several that have faults, the last one's.
    pub(super) fn check_closures(&mut self, expr: &Expr) -> Vec<Fault> {
        let mut found = Vec::new();
        self.closures_in_expr(expr, 0, &mut found);
        found
    }

    fn closures_in_expr(&mut self, expr: &Expr, depth: usize, found: &mut Vec<Fault>) {
        let mut terms = |checker: &mut Self, terms: &[Term]| {
            terms.iter().for_each(|term| checker.closures_in_term(term, depth, found));
        };
        match &expr.kind {
            ExprKind::Term(term) => terms(self, std::slice::from_ref(term)),
            ExprKind::Call { operator, args } => {
                terms(self, std::slice::from_ref(operator));
                terms(self, args);
            }
            ExprKind::Some { symbols, .. } => terms(self, symbols),
            ExprKind::Every(every) => {
                if let Some(key) = &every.key {
                    terms(self, std::slice::from_ref(key));
                }
                terms(self, std::slice::from_ref(&every.value));
                terms(self, std::slice::from_ref(&every.domain));
                self.closures_in_body(&every.body, depth, found);
            }
            ExprKind::Not { body, .. } => self.closures_in_body(body, depth, found),
            ExprKind::And(logical) | ExprKind::Or(logical) => {
                self.closures_in_body(&logical.lhs, depth, found);
                self.closures_in_body(&logical.rhs, depth, found);
            }
        }
        for With { target, value, .. } in &expr.with {
            self.closures_in_term(target, depth, found);
            self.closures_in_term(value, depth, found);
        }
    }

    fn closures_in_body(&mut self, body: &Body, depth: usize, found: &mut Vec<Fault>) {
        body.iter().for_each(|expr| self.closures_in_expr(expr, depth, found));
    }

    fn closures_in_term(&mut self, term: &Term, depth: usize, found: &mut Vec<Fault>) {
        match &term.kind {
            TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => {
                terms.iter().for_each(|term| self.closures_in_term(term, depth, found));
            }
            TermKind::Object(entries) => entries.iter().for_each(|(key, value)| {
                self.closures_in_term(key, depth, found);
                self.closures_in_term(value, depth, found);
            }),
            TermKind::Template { parts, .. } => parts.iter().for_each(|part| match part {
                TemplatePart::Text(_) => {}
                TemplatePart::Expr(expr) => self.closures_in_expr(expr, depth, found),
            }),
            TermKind::ArrayCompr { term: head, body } | TermKind::SetCompr { term: head, body } => {
                if self.closure_is_sound(term, depth, found) {
                    self.closures_in_term(head, depth + 1, found);
                    self.closures_in_body(body, depth + 1, found);
                }
            }
            TermKind::ObjectCompr { key, value, body } => {
                if self.closure_is_sound(term, depth, found) {
                    self.closures_in_term(key, depth + 1, found);
                    self.closures_in_term(value, depth + 1, found);
                    self.closures_in_body(body, depth + 1, found);
                }
            }
            TermKind::Null | TermKind::Bool(_) | TermKind::Number(_) | TermKind::String(_) | TermKind::Var(_) => {}
        }
    }

    /// Whether to look for more within it.
    fn closure_is_sound(&mut self, term: &Term, depth: usize, found: &mut Vec<Fault>) -> bool {
        let outcome = self.closure_within(term, depth);
        if !outcome.faults.is_empty() {
            found.clone_from(&outcome.faults);
            return false;
        }
        depth < MAX_UNBOUND
    }
}

fn known(of: Type) -> Option<Type> {
    if matches!(of, Type::Unknown) { None } else { Some(of) }
}

/// All names in a term, those of roots of references too.
#[derive(Default)]
struct Names {
    found: Vec<Name>,
}

impl Names {
    fn terms(&mut self, terms: &[Term]) {
        terms.iter().for_each(|term| self.term(term));
    }

    fn body(&mut self, body: &Body) {
        body.iter().for_each(|expr| self.expr(expr));
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Term(term) => self.term(term),
            ExprKind::Call { args, .. } => self.terms(args),
            ExprKind::Some { symbols, .. } => self.terms(symbols),
            ExprKind::Every(every) => {
                self.terms(every.key.as_slice());
                self.term(&every.value);
                self.term(&every.domain);
                self.body(&every.body);
            }
            ExprKind::Not { body, .. } => self.body(body),
            ExprKind::And(logical) | ExprKind::Or(logical) => {
                self.body(&logical.lhs);
                self.body(&logical.rhs);
            }
        }
        for with in &expr.with {
            self.term(&with.target);
            self.term(&with.value);
        }
    }

    fn term(&mut self, term: &Term) {
        match &term.kind {
            TermKind::Var(name) => self.found.push(name.clone()),
            TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => {
                self.terms(terms);
            }
            TermKind::Object(entries) => entries.iter().for_each(|(key, value)| {
                self.term(key);
                self.term(value);
            }),
            TermKind::Template { parts, .. } => parts.iter().for_each(|part| match part {
                TemplatePart::Text(_) => {}
                TemplatePart::Expr(expr) => self.expr(expr),
            }),
            TermKind::ArrayCompr { term, body } | TermKind::SetCompr { term, body } => {
                self.term(term);
                self.body(body);
            }
            TermKind::ObjectCompr { key, value, body } => {
                self.term(key);
                self.term(value);
                self.body(body);
            }
            TermKind::Null | TermKind::Bool(_) | TermKind::Number(_) | TermKind::String(_) => {}
        }
    }
}
