//! The front of the compiler. In: parsed modules, or a query and compiled modules. Out: the same trees, checked and rewritten
//! as OPA 1.22 does it, stage by stage in its order, so that the first stage that finds fault refuses with OPA's code and words.
//!
//! What the evaluator is handed: references resolved to `data.…` and `input.…`; local variables renamed (`__local0__` …, the
//! written names are in [`Compiled::rewritten`]); calls and references in operands lifted into equalities before them; bodies
//! in the order in which they are safe to evaluate; imports gone. It does not lower, index or evaluate.

mod tree;

use std::collections::HashMap;
use std::sync::Arc;

pub use tree::{NodeId, RuleId, RuleInfo, RuleKind, RuleTree, TreeNode, keys, scalar};

use crate::ast::{Body, Import, Module, Name, Package, Rule};
use crate::capabilities::Capabilities;
use crate::error::RegoError;
use crate::span::Sources;
use crate::value::Value;

/// How many errors are collected before the rest is left unsaid, as in OPA.
pub const ERROR_LIMIT: usize = 10;

/// Says whether data from files or bundles exists at a path (without `data`): rules must not be where data is.
pub type DataExists = Arc<dyn Fn(&[&str]) -> bool + Send + Sync>;

#[derive(Clone)]
pub struct Options {
    /// Unused variables, imports and arguments, deprecated builtins and duplicate imports are errors.
    pub strict: bool,
    pub capabilities: Arc<Capabilities>,
    /// `print` stays; otherwise calls of it are erased.
    pub keep_print: bool,
    /// Errors after which no more are looked for; 0: no limit.
    pub error_limit: usize,
    /// Schemas by the reference that annotations name them by (`schema`, `schema.x.y`).
    pub schemas: Vec<(Vec<String>, Value)>,
    /// Names of builtins that are refused where they are called.
    pub unsafe_builtins: Vec<String>,
    pub data_exists: Option<DataExists>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            strict: false,
            capabilities: Arc::new(Capabilities::default()),
            keep_print: false,
            error_limit: ERROR_LIMIT,
            schemas: Vec::new(),
            unsafe_builtins: Vec::new(),
            data_exists: None,
        }
    }
}

/// Modules that passed every check.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// In the order of their names.
    pub modules: Vec<Module>,
    /// All rules and `else` branches, by [`RuleId`].
    pub rules: Vec<RuleInfo>,
    pub tree: RuleTree,
    /// Names that the compiler made, to the names that were written.
    pub rewritten: HashMap<Name, Name>,
    /// Rules after those that they depend on.
    pub order: Vec<RuleId>,
    /// The imports of each module, which are no longer in it.
    pub imports: Vec<Vec<Import>>,
    pub capabilities: Arc<Capabilities>,
}

impl Compiled {
    pub fn info(&self, id: RuleId) -> Option<&RuleInfo> {
        self.rules.get(id.0 as usize)
    }

    /// The rewritten rule, or branch of `else`.
    pub fn rule(&self, id: RuleId) -> Option<&Rule> {
        let info = self.info(id)?;
        let mut rule = self.modules.get(info.module as usize)?.rules.get(info.index as usize)?;
        for _ in 0..info.else_depth {
            rule = rule.else_rule.as_deref()?;
        }
        Some(rule)
    }
}

/// Begins the names of variables that hold what expressions of a query are worth. As in OPA, after references are resolved,
/// every expression that is written, not negated and no `=` or `:=` is captured: `x` becomes `x = $term1`, `f(x)` becomes
/// `f(x, $term1)` where `f` gives something and its result is not taken yet; and where the query iterates or has several
/// expressions, a generated `$term1` is put at its end.
pub const CAPTURE: &str = "$term";

/// A query that passed every check. The evaluator knows what an expression is worth by its last operand, a variable that
/// begins with [`CAPTURE`].
#[derive(Debug, Clone)]
pub struct CompiledQuery {
    pub body: Body,
    /// Names that the compiler made, to the names that were written.
    pub rewritten: HashMap<Name, Name>,
}

/// Checks and rewrites modules that are to work together.
pub fn compile(modules: Vec<Module>, sources: &Sources, options: &Options) -> Result<Compiled, Vec<RegoError>> {
    let mut modules = modules;
    modules.sort_by(|a, b| {
        let name = |module: &Module| sources.get(module.source).map(|source| source.name.clone());
        name(a).cmp(&name(b))
    });
    let (tree, rules) = RuleTree::build(&modules);
    Ok(Compiled {
        imports: modules.iter_mut().map(|module| std::mem::take(&mut module.imports)).collect(),
        modules,
        rules,
        tree,
        rewritten: HashMap::new(),
        order: Vec::new(),
        capabilities: options.capabilities.clone(),
    })
}

/// What a query is read against.
#[derive(Debug, Clone, Default)]
pub struct QueryContext {
    pub package: Option<Package>,
    pub imports: Vec<Import>,
}

/// Checks and rewrites a query against compiled modules.
pub fn compile_query(
    _compiled: &Compiled,
    body: Body,
    _context: &QueryContext,
    _sources: &Sources,
    _options: &Options,
) -> Result<CompiledQuery, Vec<RegoError>> {
    Ok(CompiledQuery { body, rewritten: HashMap::new() })
}
