//! The type checker: OPA's `checkTypes`. In: rewritten modules, rules in the order of their dependencies, schemas. Out: the
//! types of rules, and what cannot be, with OPA's words (`match error`, `undefined ref: …`, `plus: invalid argument(s)` …) and
//! details. It changes no tree.
//!
//! One difference is meant: where OPA tells an undefined reference to a rule of the same package, it gives the place of the last
//! such reference in the module; here it is the reference's own.
//!
//! Hostile programs: types are bounded (see [`crate::types`]), comprehensions are not checked again for variables of the same
//! types, and all work is paid for from [`MAX_WORK`]; a program that needs more is refused with `rego_limit_error`.

mod annotations;
mod body;
mod closures;
mod detail;
mod env;
mod fault;
mod json_schema;
mod refs;
mod rules;
pub mod schema;
mod terms;
mod tree;
mod unify;

use std::collections::HashMap;
use std::sync::Arc;

use crate::ast::{Body, Module, Name, Term, TermKind};
use crate::capabilities::Capabilities;
use crate::compile::{RuleId, RuleInfo, RuleTree};
use crate::error::{Code, RegoError};
use crate::span::{Sources, Span};
use crate::types::Type;

use closures::Closure;
pub use env::TypeEnv;
use fault::Fault;
pub use schema::SchemaSet;
use tree::Tree;

/// Steps of one check: about one for each term, member of a type or rule that is looked at.
pub const MAX_WORK: u64 = 50_000_000;

/// Terms of one reference in a message, and how deep they nest: names that the compiler made are left beyond.
const MAX_WRITTEN: usize = 10_000;
const MAX_WRITTEN_DEPTH: usize = 100;

/// What is checked: the compiler's state before it checks types.
#[derive(Clone, Copy)]
pub struct Program<'a> {
    pub modules: &'a [Module],
    pub rules: &'a [RuleInfo],
    pub tree: &'a RuleTree,
    /// Rules after those that they depend on.
    pub order: &'a [RuleId],
    /// By [`RuleId`]: the rules that depend on it directly.
    pub dependents: &'a [Vec<RuleId>],
}

impl<'a> Program<'a> {
    fn info(&self, id: RuleId) -> Option<&'a RuleInfo> {
        self.rules.get(id.0 as usize)
    }

    fn rule(&self, id: RuleId) -> Option<&'a crate::ast::Rule> {
        let info = self.info(id)?;
        let mut rule = self.modules.get(info.module as usize)?.rules.get(info.index as usize)?;
        for _ in 0..info.else_depth {
            rule = rule.else_rule.as_deref()?;
        }
        Some(rule)
    }
}

/// What it is checked against.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    pub sources: &'a Sources,
    pub capabilities: &'a Capabilities,
    pub schemas: &'a SchemaSet,
    /// What a generated variable stands for in messages: the written name, or the term that it was made for.
    pub written: &'a dyn Fn(&Name) -> Option<TermKind>,
}

/// Checks all rules against builtins and the schema of `input` ([`TypeEnv::new`]). Errors come in the order of their places.
pub fn check(env: &TypeEnv, program: &Program<'_>, settings: &Settings<'_>) -> (TypeEnv, Vec<RegoError>) {
    let mut checker = Checker::new(env, program, &settings.about());
    let annotations = annotations::of(program);
    for id in program.order {
        checker.check_rule(*id, &annotations);
    }
    let errors = checker.errors();
    (checker.into_env(env), errors)
}

/// Checks a rewritten query against what [`check`] found.
pub fn check_query(env: &TypeEnv, program: &Program<'_>, settings: &Settings<'_>, body: &Body) -> Vec<RegoError> {
    let mut checker = Checker::new(env, program, &settings.about());
    checker.push(Arc::default());
    checker.faults = checker.check_body(body);
    let sorted = false;
    checker.told(sorted)
}

/// What of [`Settings`] is asked while it checks.
#[derive(Clone, Copy)]
struct About<'a> {
    sources: &'a Sources,
    schemas: &'a SchemaSet,
    written: &'a dyn Fn(&Name) -> Option<TermKind>,
}

impl<'a> Settings<'a> {
    fn about(&self) -> About<'a> {
        About { sources: self.sources, schemas: self.schemas, written: self.written }
    }
}

/// Types by path, and where the types of variables go that are found while it is on top.
#[derive(Clone)]
struct Layer {
    tree: Arc<Tree>,
    /// Itself, but for the layers of `with`: variables outlive an expression.
    variables: usize,
}

/// One run. The layers are a stack: builtins, rules, documents with schemas of the rule, variables of its body, replaced
/// documents, variables of a comprehension …; what is not in one is looked for in the one below.
struct Checker<'a> {
    program: Program<'a>,
    about: About<'a>,
    layers: Vec<Layer>,
    faults: Vec<Fault>,
    /// What is left of [`MAX_WORK`].
    work: u64,
    /// Comprehensions of the rule that is checked, by their place in memory.
    closures: HashMap<usize, Closure>,
    contexts: closures::Contexts,
    /// Comprehensions around what is checked.
    nesting: usize,
    /// Trees of `any` for the rules that a replacement influences, by its target.
    influenced: HashMap<String, Option<Arc<Tree>>>,
    /// Rules that some `with` replaces.
    replaced: Option<Vec<bool>>,
    /// Types of schemas by the reference in annotations.
    schema_types: HashMap<String, Type>,
    definitions: Vec<schema::Definitions>,
    /// Whether large types unify, by where they are in memory.
    unified: HashMap<(usize, usize), (bool, Type, Type)>,
}

impl<'a> Checker<'a> {
    fn new(env: &TypeEnv, program: &Program<'a>, about: &About<'a>) -> Checker<'a> {
        let layer = |at: usize, tree: &Arc<Tree>| Layer { tree: tree.clone(), variables: at };
        Checker {
            program: *program,
            about: *about,
            layers: vec![layer(0, &env.builtins), layer(1, &env.rules)],
            faults: Vec::new(),
            work: MAX_WORK,
            closures: HashMap::new(),
            contexts: closures::Contexts::default(),
            nesting: 0,
            influenced: HashMap::new(),
            replaced: None,
            schema_types: HashMap::new(),
            definitions: Vec::new(),
            unified: HashMap::new(),
        }
    }

    /// Whether there is still work that may be done.
    fn pay(&mut self, work: usize) -> bool {
        self.work = self.work.saturating_sub(work as u64);
        self.work > 0
    }

    fn push(&mut self, tree: Arc<Tree>) {
        self.layers.push(Layer { tree, variables: self.layers.len() });
    }

    fn pop(&mut self) {
        self.layers.pop();
    }

    /// The tree of a layer, to be changed. Layers are not shared while they are changed, but for those of whole environments.
    fn tree_mut(&mut self, layer: usize) -> Option<&mut Tree> {
        self.layers.get_mut(layer).map(|layer| Arc::make_mut(&mut layer.tree))
    }

    fn variable(&self, name: &str) -> Type {
        self.layers.iter().rev().find_map(|layer| layer.tree.variable(name)).unwrap_or(Type::Unknown)
    }

    fn put_variable(&mut self, name: &Name, of: Type) {
        let layer = self.layers.last().map_or(0, |layer| layer.variables);
        if let Some(tree) = self.tree_mut(layer) {
            tree.put_variable(name, of);
        }
    }

    /// A reference as it was written.
    fn written(&self, reference: &[Term]) -> Vec<Term> {
        let mut left = MAX_WRITTEN;
        reference.iter().map(|term| self.written_term(term, 0, &mut left)).collect()
    }

    fn written_term(&self, term: &Term, depth: usize, left: &mut usize) -> Term {
        *left = left.saturating_sub(1);
        if *left == 0 || depth > MAX_WRITTEN_DEPTH {
            return term.clone();
        }
        let mut list =
            |terms: &[Term]| terms.iter().map(|term| self.written_term(term, depth + 1, left)).collect::<Vec<_>>();
        let kind = match &term.kind {
            TermKind::Var(name) => match (self.about.written)(name) {
                Some(var @ TermKind::Var(_)) => var,
                // What a variable was made for may hold others that were made.
                Some(kind) => return self.written_term(&Term { span: term.span, kind }, depth + 1, left),
                None => term.kind.clone(),
            },
            TermKind::Ref(terms) => TermKind::Ref(list(terms)),
            TermKind::Array(terms) => TermKind::Array(list(terms)),
            TermKind::Set(terms) => TermKind::Set(list(terms)),
            TermKind::Call(terms) => TermKind::Call(list(terms)),
            TermKind::Object(entries) => TermKind::Object(
                entries
                    .iter()
                    .map(|(key, value)| {
                        (self.written_term(key, depth + 1, left), self.written_term(value, depth + 1, left))
                    })
                    .collect(),
            ),
            other => other.clone(),
        };
        Term { span: term.span, kind }
    }

    /// The errors in the order of their places.
    fn errors(&mut self) -> Vec<RegoError> {
        self.told(true)
    }

    fn told(&mut self, sorted: bool) -> Vec<RegoError> {
        let mut faults = std::mem::take(&mut self.faults);
        if sorted {
            let place = |span: Span| {
                let source = self.about.sources.get(span.source);
                let (row, column) = source.map_or((0, 0), |source| source.row_column(span.start));
                (source.map(|source| source.name.clone()), row, column)
            };
            faults.sort_by_cached_key(|fault| (place(fault.span), fault.message.clone()));
        }
        let mut left = detail::MAX_DETAILS;
        let mut errors: Vec<RegoError> = faults
            .iter()
            .map(|fault| {
                let details = if left == 0 { Vec::new() } else { fault.lines() };
                left = left.saturating_sub(details.iter().map(String::len).sum::<usize>() + 64);
                fault.error(details)
            })
            .collect();
        if self.work == 0 {
            let message = format!("checking types takes more than {MAX_WORK} steps");
            errors.insert(0, RegoError::new(Code::Limit, Span::default(), message));
        }
        errors
    }

    fn into_env(mut self, env: &TypeEnv) -> TypeEnv {
        let rules = self.layers.get(1).map_or_else(Arc::default, |layer| layer.tree.clone());
        let mut definitions = env.definitions.clone();
        definitions.append(&mut self.definitions);
        TypeEnv { builtins: env.builtins.clone(), rules, definitions }
    }
}
