//! The front of the compiler. In: parsed modules, or a query and compiled modules. Out: the same trees, checked and rewritten
//! as OPA 1.22 does it, stage by stage in its order, so that the first stage that finds fault refuses with OPA's code and words.
//!
//! What the evaluator is handed: references resolved to `data.…` and `input.…`; local variables renamed (`__local0__` …, the
//! written names are in [`Compiled::rewritten`]); calls and references in operands lifted into equalities before them; bodies
//! in the order in which they are safe to evaluate; imports gone. It does not lower, index or evaluate.
//!
//! Differences from OPA, all on purpose: an error has a place where OPA lost it on the way (calls in template strings, doubles
//! in `every`), and that of the reference at fault where OPA gives its last occurrence; of several cycles through a rule the
//! path said is always the same one, OPA's is any; a head that begins with a call is refused, OPA panics; an expression that
//! OPA loses while it orders a body (a reference into a set by a comprehension over a variable of the same name as one outside)
//! is kept; programs whose own names begin with `__local` keep them apart from generated ones.

mod conflicts;
pub mod deps;
mod env;
mod graph;
mod locals;
mod metadata;
mod query;
mod resolve;
mod rewrite;
mod safety;
mod stages;
mod terms;
#[cfg(test)]
mod tests;
mod tree;
mod vars;
mod walk;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

pub use query::compile_query;
pub use stages::compile;
pub use tree::{NodeId, RuleId, RuleInfo, RuleKind, RuleTree, TreeNode, keys, scalar};

use crate::ast::{Body, Import, Module, Name, Package, Rule};
use crate::capabilities::Capabilities;
use crate::check::{SchemaSet, TypeEnv};

/// A package's path and a rule's reference in it have no more parts than this together: every rule has its own path.
pub const MAX_PATH: usize = 128;

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
    pub schemas: Arc<SchemaSet>,
    /// Names of builtins that are refused where they are called.
    pub unsafe_builtins: Vec<String>,
    pub data_exists: Option<DataExists>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("strict", &self.strict)
            .field("keep_print", &self.keep_print)
            .field("error_limit", &self.error_limit)
            .field("unsafe_builtins", &self.unsafe_builtins)
            .finish_non_exhaustive()
    }
}

/// Read once: it has the signatures of all builtins.
static ALL: LazyLock<Arc<Capabilities>> = LazyLock::new(Arc::default);

impl Default for Options {
    fn default() -> Options {
        Options {
            strict: false,
            capabilities: ALL.clone(),
            keep_print: false,
            error_limit: ERROR_LIMIT,
            schemas: Arc::new(SchemaSet::default()),
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
    /// By [`RuleId`]: the rules that its references may give, and those that may refer to it.
    pub edges: Vec<Vec<RuleId>>,
    pub dependents: Vec<Vec<RuleId>>,
    /// The imports of each module, which are no longer in it.
    pub imports: Vec<Vec<Import>>,
    pub types: TypeEnv,
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

/// What a query is read against.
#[derive(Debug, Clone, Default)]
pub struct QueryContext {
    pub package: Option<Package>,
    pub imports: Vec<Import>,
}
