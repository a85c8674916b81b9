//! What the stages share: builtins, the rule tree, places, generated names, and the errors found so far.

use std::collections::{HashMap, HashSet};

use super::terms;
use super::tree::{RuleInfo, RuleTree};
use crate::ast::{Expr, Module, Name, Term, TermKind};
use crate::capabilities::{Capabilities, Function};
use crate::error::{Code, RegoError};
use crate::span::{Sources, Span};

/// A place that sorts as OPA sorts locations: by file name, then by position; none last.
pub(super) type Place<'a> = (bool, &'a str, u32, u32);

pub(super) struct Env<'a> {
    pub capabilities: &'a Capabilities,
    pub sources: &'a Sources,
    pub tree: &'a RuleTree,
    pub rules: &'a [RuleInfo],
    /// Places of equalities that were written `:=`.
    pub assigned: &'a HashSet<Span>,
}

impl Env<'_> {
    pub(super) fn function(&self, operator: &Term) -> Option<&Function> {
        self.capabilities.function(&terms::operator_name(operator)?)
    }

    /// How many arguments a function takes; none where it is none, or variadic.
    pub(super) fn arity(&self, operator: &Term) -> Option<usize> {
        if let Some(function) = self.function(operator) {
            return function.arity();
        }
        let TermKind::Ref(reference) = &operator.kind else { return None };
        let first = self.tree.rules_exact(reference).first()?;
        Some(self.rules.get(first.0 as usize)?.arity)
    }

    pub(super) fn is_assigned(&self, expr: &Expr) -> bool {
        !expr.generated && terms::is_equality(expr) && self.assigned.contains(&expr.span)
    }

    pub(super) fn place(&self, span: Span) -> Place<'_> {
        place(self.sources, span)
    }
}

pub(super) fn place(sources: &Sources, span: Span) -> Place<'_> {
    match sources.get(span.source) {
        Some(source) => {
            let (row, column) = source.row_column(span.start);
            let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            (false, &source.name, narrow(row), narrow(column))
        }
        None => (true, "", 0, 0),
    }
}

/// `file:row`
pub(super) fn place_text(sources: &Sources, span: Span) -> String {
    match sources.get(span.source) {
        Some(source) => {
            let (row, column) = source.row_column(span.start);
            if source.name.is_empty() { format!("{row}:{column}") } else { format!("{}:{row}", source.name) }
        }
        None => String::new(),
    }
}

/// Generated names to written ones; a query's own before its modules'.
pub(super) struct Renames<'a> {
    pub own: &'a HashMap<Name, Name>,
    pub outer: Option<&'a HashMap<Name, Name>>,
}

impl<'a> Renames<'a> {
    pub(super) fn of(own: &'a HashMap<Name, Name>) -> Renames<'a> {
        Renames { own, outer: None }
    }

    pub(super) fn get(&self, name: &Name) -> Option<&'a Name> {
        self.own.get(name).or_else(|| self.outer.and_then(|outer| outer.get(name)))
    }
}

/// Makes names that no module uses.
pub(super) struct Names {
    prefix: &'static str,
    taken: HashSet<Name>,
    next: u64,
    /// What variables at the heads of references were made for, as it was then: for messages.
    pub subjects: HashMap<Name, TermKind>,
}

impl Names {
    /// For modules: `__local0__` …
    pub(super) fn for_modules(modules: &[Module]) -> Names {
        let mut names = Names { prefix: "__local", taken: HashSet::new(), next: 0, subjects: HashMap::new() };
        for rule in modules.iter().flat_map(|module| &module.rules) {
            names.exclude_rule(rule);
        }
        names
    }

    fn exclude_rule(&mut self, rule: &crate::ast::Rule) {
        let taken = &mut self.taken;
        let mut see = |node: super::walk::Node<'_>| {
            if let super::walk::Node::Term(Term { kind: TermKind::Var(name), .. }) = node
                && terms::is_generated(name)
            {
                taken.insert(name.clone());
            }
            false
        };
        super::walk::rule(rule, &mut see);
        let mut branch = Some(rule);
        while let Some(rule) = branch {
            for term in &rule.head.reference {
                super::walk::term(term, &mut see);
            }
            branch = rule.else_rule.as_deref();
        }
    }

    /// For a query: `__localq0__` …
    pub(super) fn for_query(body: &[Expr]) -> Names {
        let mut taken = HashSet::new();
        super::walk::body(body, &mut |node| {
            if let super::walk::Node::Term(Term { kind: TermKind::Var(name), .. }) = node
                && terms::is_generated(name)
            {
                taken.insert(name.clone());
            }
            false
        });
        Names { prefix: "__localq", taken, next: 0, subjects: HashMap::new() }
    }

    pub(super) fn fresh(&mut self) -> Name {
        loop {
            let name: Name = format!("{}{}__", self.prefix, self.next).into();
            self.next += 1;
            if !self.taken.contains(&name) {
                return name;
            }
        }
    }

    pub(super) fn fresh_var(&mut self, span: Span) -> Term {
        Term::new(span, TermKind::Var(self.fresh()))
    }

    /// `fresh = term`: the variable, and the equality.
    pub(super) fn bind(&mut self, term: Term) -> (Term, Expr) {
        let span = term.span;
        let var = self.fresh_var(span);
        (var.clone(), terms::equality(span, var, term))
    }
}

/// Errors so far, at most so many: OPA's bookkeeping.
pub(super) struct Errors {
    list: Vec<RegoError>,
    limit: usize,
    /// The stage after this one must not run.
    pub stopped: bool,
    reached: bool,
}

impl Errors {
    pub(super) fn new(limit: usize) -> Errors {
        Errors { list: Vec::new(), limit, stopped: false, reached: false }
    }

    /// Errors that end compilation after the stage. Whether to go on looking.
    pub(super) fn fatal(&mut self, errors: impl IntoIterator<Item = RegoError>) -> bool {
        self.record(errors, true)
    }

    /// Errors after which other stages still run. Whether to go on looking.
    pub(super) fn recoverable(&mut self, errors: impl IntoIterator<Item = RegoError>) -> bool {
        self.record(errors, false)
    }

    fn record(&mut self, errors: impl IntoIterator<Item = RegoError>, fatal: bool) -> bool {
        for error in errors {
            if self.reached {
                return false;
            }
            self.list.push(error);
            self.stopped |= fatal;
            if self.limit > 0 && self.list.len() == self.limit {
                self.reached = true;
                self.stopped = true;
            }
        }
        !self.reached
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Sorted by place, then text, `error limit reached` last.
    pub(super) fn finish(self, sources: &Sources) -> Vec<RegoError> {
        let mut list = self.list;
        list.sort_by(|a, b| {
            let places = place(sources, a.span).cmp(&place(sources, b.span));
            places.then_with(|| (a.code.as_str(), &a.message).cmp(&(b.code.as_str(), &b.message)))
        });
        if self.reached {
            list.push(RegoError::new(Code::Compile, Span::NONE, "error limit reached"));
        }
        list
    }
}
