//! The stages of modules, in OPA's order. Each looks at all modules before the next one starts; one that finds fatal errors is
//! the last.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap, HashSet};

use super::conflicts::{self, Rules};
use super::env::{Env, Errors, Names, Renames};
use super::graph::Graph;
use super::locals::{self, Locals};
use super::metadata;
use super::resolve::{self, Globals};
use super::rewrite::{self, Prints, Templates, Withs, each_rule, walk_module};
use super::tree::{RuleInfo, RuleKind, RuleTree, keys};
use super::vars::{self, Skip, Vars};
use super::walk::{self, Node, NodeMut, Walk};
use super::{Compiled, MAX_PATH, Options, safety, terms};
use crate::ast::{ExprKind, Language, Module, Name, Rule, Term, TermKind};
use crate::check::{self, Program, Settings, TypeEnv};
use crate::error::{Code, RegoError};
use crate::span::{Sources, Span};

fn is_v1(module: &Module) -> bool {
    matches!(module.language, Language::V1 | Language::V0CompatV1)
}

/// What a generated variable was made for: the other side of its equality, looked up when the first error asks.
pub(super) struct Subjects<'a> {
    walk: &'a Walk<'a>,
    renames: Renames<'a>,
    recorded: &'a HashMap<Name, TermKind>,
    found: OnceCell<HashMap<Name, TermKind>>,
}

impl<'a> Subjects<'a> {
    pub(super) fn new(walk: &'a Walk<'a>, renames: Renames<'a>, recorded: &'a HashMap<Name, TermKind>) -> Subjects<'a> {
        Subjects { walk, renames, recorded, found: OnceCell::new() }
    }

    pub(super) fn written(&self, name: &Name) -> Option<TermKind> {
        if let Some(subject) = self.recorded.get(name) {
            return Some(subject.clone());
        }
        if let Some(written) = self.renames.get(name) {
            return Some(TermKind::Var(written.clone()));
        }
        if !terms::is_generated(name) {
            return None;
        }
        let found = self.found.get_or_init(|| {
            let mut found = HashMap::new();
            (self.walk)(&mut |node| {
                if let Node::Expr(expr) = node
                    && expr.generated
                    && let ExprKind::Call { operator, args } = &expr.kind
                {
                    if terms::is_equality(expr) {
                        if let [Term { kind: TermKind::Var(name), .. }, other] = args.as_slice() {
                            found.entry(name.clone()).or_insert_with(|| other.kind.clone());
                        }
                    } else if let Some((Term { kind: TermKind::Var(name), .. }, args)) = args.split_last() {
                        let mut call = vec![operator.clone()];
                        call.extend(args.iter().cloned());
                        found.entry(name.clone()).or_insert(TermKind::Call(call));
                    }
                }
                false
            });
            found
        });
        found.get(name).cloned()
    }
}

/// Where a module has a path that is too long.
fn too_long(module: &Module) -> Option<Span> {
    let package = module.package.path.len();
    if package > MAX_PATH {
        return Some(module.package.span);
    }
    module.rules.iter().find(|rule| package + rule.head.reference.len() > MAX_PATH).map(|rule| rule.span)
}

/// Checks and rewrites modules that are to work together.
pub fn compile(modules: Vec<Module>, sources: &Sources, options: &Options) -> Result<Compiled, Vec<RegoError>> {
    let mut modules = modules;
    modules.sort_by(|a, b| {
        let name = |module: &Module| sources.get(module.source).map(|source| source.name.clone());
        name(a).cmp(&name(b))
    });
    let long = modules.iter().find_map(too_long);
    if let Some(span) = long {
        let message = format!("a rule's path may have {MAX_PATH} parts");
        return Err(vec![RegoError::new(Code::Limit, span, message)]);
    }
    modules.iter_mut().for_each(terms::sort_module);
    let mut run = Run {
        sources,
        options,
        modules,
        tree: RuleTree::empty(),
        infos: Vec::new(),
        rewritten: HashMap::new(),
        assigned: HashSet::new(),
        imports: Vec::new(),
        unused_imports: Vec::new(),
        errors: Errors::new(options.error_limit),
    };
    match run.all() {
        Some((graph, types)) if run.errors.is_empty() => Ok(Compiled {
            modules: run.modules,
            rules: run.infos,
            tree: run.tree,
            rewritten: run.rewritten,
            order: graph.order,
            edges: graph.edges,
            dependents: graph.dependents,
            imports: run.imports,
            types,
            capabilities: options.capabilities.clone(),
        }),
        _ => Err(run.errors.finish(sources)),
    }
}

struct Run<'a> {
    sources: &'a Sources,
    options: &'a Options,
    modules: Vec<Module>,
    tree: RuleTree,
    infos: Vec<RuleInfo>,
    rewritten: HashMap<Name, Name>,
    assigned: HashSet<Span>,
    imports: Vec<Vec<crate::ast::Import>>,
    unused_imports: Vec<RegoError>,
    errors: Errors,
}

macro_rules! stage {
    ($run:ident, $stage:expr) => {
        $stage;
        if $run.errors.stopped {
            return None;
        }
    };
}

impl Run<'_> {
    fn all(&mut self) -> Option<(Graph, TypeEnv)> {
        let options = self.options;
        let settings = Settings {
            sources: self.sources,
            capabilities: &options.capabilities,
            schemas: &options.schemas,
            written: &|_| None,
        };
        let (builtin_types, schema_errors) = TypeEnv::new(&settings);
        stage!(self, self.errors.fatal(schema_errors));
        stage!(self, self.resolve());
        let unused = std::mem::take(&mut self.unused_imports);
        stage!(self, self.errors.recoverable(unused));
        let mut names = Names::for_modules(&self.modules);
        stage!(self, self.head_refs(&mut names));
        stage!(self, self.overrides());
        stage!(self, self.duplicate_imports());
        self.imports = self.modules.iter_mut().map(|module| std::mem::take(&mut module.imports)).collect();
        (self.tree, self.infos) = RuleTree::build(&self.modules);
        stage!(self, self.locals(&mut names));
        stage!(self, self.templates(&mut names));
        stage!(self, self.void_calls());
        stage!(self, self.prints(&mut names));
        each_rule(&mut self.modules, |rule| rewrite::expr_terms_of_rule(&mut names, rule));
        stage!(self, self.metadata(&mut names));
        let graph = self.graph();
        if graph.too_large {
            let message = "the rules depend on each other in too many ways";
            self.errors.fatal([RegoError::new(Code::Limit, Span::NONE, message)]);
            return None;
        }
        each_rule(&mut self.modules, |rule| rewrite::comprehension_terms_of_rule(&mut names, rule));
        each_rule(&mut self.modules, |rule| rewrite::refs_in_head(&mut names, rule));
        stage!(self, self.withs(&mut names));
        stage!(self, self.conflicts());
        stage!(self, self.undefined_functions(&builtin_types));
        stage!(self, self.head_safety());
        stage!(self, self.body_safety());
        each_rule(&mut self.modules, |rule| {
            let mut see = |node: NodeMut<'_>| rewrite::equals(node);
            walk::head_mut(&mut rule.head, &mut see);
            walk::body_mut(&mut rule.body, &mut see);
        });
        each_rule(&mut self.modules, |rule| rewrite::dynamics(&mut names, &mut rule.body));
        stage!(self, self.errors.fatal(graph.recursion.iter().cloned()));
        let types = self.types(&graph, &builtin_types, &names);
        if self.errors.stopped {
            return None;
        }
        stage!(self, self.builtin_calls());
        Some((graph, types))
    }

    fn resolve(&mut self) {
        for rule in self.modules.iter().flat_map(|module| &module.rules) {
            // `f(x).q contains 1` parses; OPA's compiler panics at it.
            if terms::ref_head(&rule.head.reference).is_none() {
                let message = "rule heads must begin with a name";
                self.errors.fatal([RegoError::new(Code::Compile, rule.span, message)]);
            }
        }
        if self.errors.stopped {
            return;
        }
        let exports = resolve::exports(&self.modules);
        for module in &mut self.modules {
            let package = module.package.path.clone();
            let exported = exports.get(&resolve::package_key(&package));
            let globals = Globals::new(&package, exported, &module.imports);
            for rule in &mut module.rules {
                if let Err(error) = resolve::rule(&globals, rule) {
                    self.errors.fatal([error]);
                }
            }
            if self.options.strict {
                for import in globals.unused(&module.imports) {
                    let message = format!("{import} unused");
                    self.unused_imports.push(RegoError::new(Code::Compile, import.span, message));
                }
            }
        }
    }

    fn head_refs(&mut self, names: &mut Names) {
        let env = Env {
            capabilities: &self.options.capabilities,
            sources: self.sources,
            tree: &self.tree,
            rules: &self.infos,
            assigned: &self.assigned,
        };
        rewrite::head_refs(&mut self.modules, names, &env, &mut self.errors);
    }

    fn overrides(&mut self) {
        for module in self.modules.iter().filter(|module| self.options.strict || is_v1(module)) {
            self.errors.recoverable(resolve::root_overrides_of_module(module));
        }
    }

    fn duplicate_imports(&mut self) {
        let has = |feature: &str| self.options.capabilities.has_feature(feature);
        let v2 = has("rego_v2");
        let (first, second) = (v2 || has("rego_v1") || has("rego_v1_import"), v2 || has("rego_v2_import"));
        for module in &self.modules {
            for import in &module.imports {
                let path = crate::ast::text::reference(&resolve::import_path(import));
                let supported = match path.as_str() {
                    "rego.v1" => first,
                    "rego.v2" => second,
                    _ => true,
                };
                if !supported {
                    let message = format!("{path} import is not supported");
                    self.errors.recoverable([RegoError::new(Code::Compile, import.span, message)]);
                }
            }
        }
        for module in self.modules.iter().filter(|module| self.options.strict || is_v1(module)) {
            self.errors.recoverable(resolve::duplicate_imports(module));
        }
    }

    fn locals(&mut self, names: &mut Names) {
        // Which expressions were assignments is not known before.
        let none = HashSet::new();
        let env = Env {
            capabilities: &self.options.capabilities,
            sources: self.sources,
            tree: &self.tree,
            rules: &self.infos,
            assigned: &none,
        };
        let mut locals = Locals {
            env: &env,
            names,
            strict: self.options.strict,
            rewritten: &mut self.rewritten,
            assigned: &mut self.assigned,
        };
        for rule in self.modules.iter_mut().flat_map(|module| &mut module.rules) {
            locals::rule(&mut locals, rule, &mut self.errors);
        }
    }

    fn templates(&mut self, names: &mut Names) {
        // Whether rules are known to be defined is asked of the rules as they are before this stage.
        let defined: BTreeSet<u32> = self.defined_nodes();
        let env = Env {
            capabilities: &self.options.capabilities,
            sources: self.sources,
            tree: &self.tree,
            rules: &self.infos,
            assigned: &self.assigned,
        };
        let capabilities = &self.options.capabilities;
        let supported =
            capabilities.has_feature("template_strings") && capabilities.function("internal.template_string").is_some();
        let tree = &self.tree;
        let mut templates = Templates {
            env: &env,
            names,
            renames: &self.rewritten,
            supported,
            defined: &|term| match &term.kind {
                TermKind::Ref(reference) if terms::ref_head(reference).is_some_and(|head| &**head == "data") => {
                    tree.find(&keys(reference)).is_some_and(|node| defined.contains(&node.0))
                }
                _ => false,
            },
            errors: Vec::new(),
        };
        each_rule(&mut self.modules, |rule| templates.rule(rule));
        self.errors.fatal(templates.errors);
    }

    /// Nodes whose rules always give something.
    fn defined_nodes(&self) -> BTreeSet<u32> {
        let uses = self.modules.iter().any(|module| rewrite::has_template(&|see| walk_module(module, see)));
        let mut defined = BTreeSet::new();
        if !uses {
            return defined;
        }
        self.tree.depth_first(RuleTree::ROOT, |id, node| {
            let infos: Vec<&RuleInfo> = node.rules.iter().filter_map(|id| self.infos.get(id.0 as usize)).collect();
            let Some(first) = infos.first() else { return true };
            let constant = || {
                let rule =
                    self.modules.get(first.module as usize).and_then(|module| module.rules.get(first.index as usize));
                infos.len() == 1 && rule.is_some_and(rewrite::is_constant_rule)
            };
            let always = first.arity == 0
                && (first.kind == RuleKind::MultiValue || infos.iter().any(|info| info.default) || constant());
            if always {
                defined.insert(id.0);
            }
            true
        });
        defined
    }

    fn void_calls(&mut self) {
        let env = Env {
            capabilities: &self.options.capabilities,
            sources: self.sources,
            tree: &self.tree,
            rules: &self.infos,
            assigned: &self.assigned,
        };
        for module in &self.modules {
            self.errors.fatal(rewrite::void_calls(&env, &|see| walk_module(module, see)));
        }
    }

    fn prints(&mut self, names: &mut Names) {
        if !self.options.keep_print {
            each_rule(&mut self.modules, rewrite::erase_prints_of_rule);
            return;
        }
        let env = Env {
            capabilities: &self.options.capabilities,
            sources: self.sources,
            tree: &self.tree,
            rules: &self.infos,
            assigned: &self.assigned,
        };
        let mut errors = Vec::new();
        each_rule(&mut self.modules, |rule| {
            let mut prints = Prints { env: &env, names, renames: &self.rewritten, errors: Vec::new() };
            prints.rule(rule);
            errors.append(&mut prints.errors);
        });
        self.errors.fatal(errors);
    }

    fn metadata(&mut self, names: &mut Names) {
        let has = |name: &str| self.options.capabilities.function(name).is_some();
        let (chain_known, rule_known) = (has("rego.metadata.chain"), has("rego.metadata.rule"));
        let (scopes, errors) = metadata::scopes(&self.modules, self.sources);
        if !errors.is_empty() {
            self.errors.fatal(errors);
            return;
        }
        type Found = (usize, usize, usize, (Option<Term>, Option<Term>));
        let mut found: Vec<Found> = Vec::new();
        for (at, module) in self.modules.iter().enumerate() {
            for (index, rule) in module.rules.iter().enumerate() {
                let mut branch = Some(rule);
                let mut depth = 0;
                while let Some(rule) = branch {
                    let (chain, own) = metadata::calls(rule);
                    let calls = (chain.filter(|_| chain_known), own.filter(|_| rule_known));
                    if calls.0.is_some() || calls.1.is_some() {
                        let values = metadata::values(&scopes, module, rule, calls, self.sources);
                        found.push((at, index, depth, values));
                    }
                    depth += 1;
                    branch = rule.else_rule.as_deref();
                }
            }
        }
        for (at, index, depth, values) in found {
            let mut rule = self.modules.get_mut(at).and_then(|module| module.rules.get_mut(index));
            for _ in 0..depth {
                rule = rule.and_then(|rule| rule.else_rule.as_deref_mut());
            }
            if let Some(rule) = rule {
                metadata::rewrite(names, rule, values);
            }
        }
    }

    fn graph(&self) -> Graph {
        let env = Env {
            capabilities: &self.options.capabilities,
            sources: self.sources,
            tree: &self.tree,
            rules: &self.infos,
            assigned: &self.assigned,
        };
        let rules = Rules {
            modules: &self.modules,
            infos: &self.infos,
            tree: &self.tree,
            renames: &self.rewritten,
            sources: self.sources,
        };
        Graph::build(&rules, &env)
    }

    fn withs(&mut self, names: &mut Names) {
        let env = Env {
            capabilities: &self.options.capabilities,
            sources: self.sources,
            tree: &self.tree,
            rules: &self.infos,
            assigned: &self.assigned,
        };
        let unsafe_builtins = &self.options.unsafe_builtins;
        let mut withs = Withs { env: &env, names, unsafe_builtins, errors: Vec::new() };
        each_rule(&mut self.modules, |rule| withs.rule(rule));
        self.errors.fatal(withs.errors);
    }

    fn conflicts(&mut self) {
        let rules = Rules {
            modules: &self.modules,
            infos: &self.infos,
            tree: &self.tree,
            renames: &self.rewritten,
            sources: self.sources,
        };
        conflicts::check(&rules, self.options.data_exists.as_ref(), &mut self.errors);
    }

    fn undefined_functions(&mut self, types: &TypeEnv) {
        let env = Env {
            capabilities: &self.options.capabilities,
            sources: self.sources,
            tree: &self.tree,
            rules: &self.infos,
            assigned: &self.assigned,
        };
        let renames = Renames::of(&self.rewritten);
        for module in &self.modules {
            let mismatch = |function: &Term, args: &[Term], span: Span, arity: usize, got: usize| {
                types.arity_mismatch(function, args, span, arity, got)
            };
            let walk = |see: &mut dyn FnMut(Node<'_>) -> bool| walk_module(module, see);
            self.errors.fatal(rewrite::undefined_functions(&env, &renames, &mismatch, &walk));
        }
    }

    fn head_safety(&mut self) {
        let renames = Renames::of(&self.rewritten);
        for module in &self.modules {
            let rows = OnceCell::new();
            for rule in &module.rules {
                let mut branch = Some(rule);
                while let Some(rule) = branch {
                    if locals::head_may_have_vars(&rule.head) {
                        let scope = || scope_of(&rows, module, rule, self.sources);
                        self.errors.fatal(safety::head_errors(rule, &renames, &scope));
                    }
                    branch = rule.else_rule.as_deref();
                }
            }
        }
    }

    fn body_safety(&mut self) {
        let env = Env {
            capabilities: &self.options.capabilities,
            sources: self.sources,
            tree: &self.tree,
            rules: &self.infos,
            assigned: &self.assigned,
        };
        let renames = Renames::of(&self.rewritten);
        for module in &mut self.modules {
            let mut faults: Vec<(usize, usize, Vec<safety::Unsafe>)> = Vec::new();
            for (index, rule) in module.rules.iter_mut().enumerate() {
                let mut branch = Some(rule);
                let mut depth = 0;
                while let Some(rule) = branch {
                    let mut bound: Vars = vars::of_terms(&rule.head.args, Skip::default());
                    bound.extend(["data", "input"].map(Name::from));
                    let (body, unsafes) = safety::order(&env, bound, std::mem::take(&mut rule.body));
                    rule.body = body;
                    if !unsafes.is_empty() {
                        faults.push((index, depth, unsafes));
                    }
                    depth += 1;
                    branch = rule.else_rule.as_deref_mut();
                }
            }
            let rows = OnceCell::new();
            for (index, depth, unsafes) in faults {
                let mut rule = module.rules.get(index);
                for _ in 0..depth {
                    rule = rule.and_then(|rule| rule.else_rule.as_deref());
                }
                let scope = rule.map_or_else(String::new, |rule| scope_of(&rows, module, rule, self.sources));
                self.errors.fatal(safety::errors(&unsafes, &renames, &env, &scope));
            }
        }
    }

    fn types(&mut self, graph: &Graph, builtins: &TypeEnv, names: &Names) -> TypeEnv {
        let modules = &self.modules;
        let walk = |see: &mut dyn FnMut(Node<'_>) -> bool| modules.iter().for_each(|module| walk_module(module, see));
        let subjects = Subjects::new(&walk, Renames::of(&self.rewritten), &names.subjects);
        let settings = Settings {
            sources: self.sources,
            capabilities: &self.options.capabilities,
            schemas: &self.options.schemas,
            written: &|name| subjects.written(name),
        };
        let program = Program {
            modules: &self.modules,
            rules: &self.infos,
            tree: &self.tree,
            order: &graph.order,
            dependents: &graph.dependents,
        };
        let (types, errors) = check::check(builtins, &program, &settings);
        self.errors.recoverable(errors);
        types
    }

    fn builtin_calls(&mut self) {
        let env = Env {
            capabilities: &self.options.capabilities,
            sources: self.sources,
            tree: &self.tree,
            rules: &self.infos,
            assigned: &self.assigned,
        };
        for module in &self.modules {
            let walk = |see: &mut dyn FnMut(Node<'_>) -> bool| walk_module(module, see);
            self.errors.recoverable(rewrite::unsafe_calls(&self.options.unsafe_builtins, &walk));
        }
        for module in self.modules.iter().filter(|module| self.options.strict || is_v1(module)) {
            let walk = |see: &mut dyn FnMut(Node<'_>) -> bool| walk_module(module, see);
            self.errors.recoverable(rewrite::deprecated_calls(&env, &walk));
        }
    }
}

/// ` in rule p`, where another rule is on the same line.
fn scope_of(rows: &OnceCell<BTreeSet<usize>>, module: &Module, rule: &Rule, sources: &Sources) -> String {
    let rows = rows.get_or_init(|| conflicts::shared_rows(module, sources));
    let row = sources.get(rule.span.source).map_or(0, |source| source.row_column(rule.span.start).0);
    if rows.contains(&row) {
        format!(" in rule {}", crate::ast::text::reference(conflicts::ground_prefix(&rule.head.reference)))
    } else {
        String::new()
    }
}
