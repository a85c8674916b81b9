//! The stages of a query, in OPA's order. In: a body as parsed, compiled modules, a package and imports to read it in. Out: the
//! body as rules' bodies are, save that `==` stays: whoever asks wants to hear `true` or `false`. The first stage that finds
//! fault is the last.

use std::collections::{HashMap, HashSet};

use super::env::{Env, Errors, Names, Renames};
use super::locals::{self, Locals};
use super::resolve::{self, Globals};
use super::rewrite::{self, Prints, Templates, Withs};
use super::stages::Subjects;
use super::tree::{RuleKind, keys};
use super::walk::{self, Node};
use super::{CAPTURE, Compiled, CompiledQuery, Options, QueryContext, safety, terms};
use crate::ast::{Body, Expr, ExprKind, Name, Term, TermKind};
use crate::check::{self, Program, Settings};
use crate::error::{Code, RegoError};
use crate::span::{Sources, Span};

/// Checks and rewrites a query against compiled modules.
pub fn compile_query(
    compiled: &Compiled,
    body: Body,
    context: &QueryContext,
    sources: &Sources,
    options: &Options,
) -> Result<CompiledQuery, Vec<RegoError>> {
    let fail = |list: Vec<RegoError>| {
        let mut errors = Errors::new(options.error_limit);
        errors.fatal(list);
        errors.finish(sources)
    };
    run(compiled, body, context, sources, options).map_err(fail)
}

fn checked(errors: Vec<RegoError>) -> Result<(), Vec<RegoError>> {
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn run(
    compiled: &Compiled,
    mut body: Body,
    context: &QueryContext,
    sources: &Sources,
    options: &Options,
) -> Result<CompiledQuery, Vec<RegoError>> {
    if body.is_empty() {
        return Err(vec![RegoError::new(Code::Compile, Span::NONE, "empty query cannot be compiled")]);
    }
    let capabilities = &options.capabilities;
    terms::sort_body(&mut body);
    if options.strict {
        checked(resolve::root_overrides_of_query(&body))?;
    }

    let package = context.package.as_ref().map_or(&[][..], |package| &package.path);
    let exported: HashSet<Name> = if package.is_empty() {
        HashSet::new()
    } else {
        let key = resolve::package_key(package);
        let same = compiled.modules.iter().filter(|module| resolve::package_key(&module.package.path) == key);
        let rules = same.flat_map(|module| &module.rules);
        rules.filter_map(|rule| terms::ref_head(&rule.head.reference)).cloned().collect()
    };
    let globals = Globals::new(package, Some(&exported), &context.imports);
    resolve::query(&globals, &mut body);

    let mut rewritten = HashMap::new();
    let mut assigned = HashSet::new();
    {
        let env = env(compiled, options, sources, &assigned);
        capture(&env, &mut body);
    }
    {
        let none = HashSet::new();
        let env = env(compiled, options, sources, &none);
        let mut names = Names::for_query(&body);
        let mut locals = Locals {
            env: &env,
            names: &mut names,
            // What a query assigns is its answer: nothing of it is unused.
            strict: false,
            rewritten: &mut rewritten,
            assigned: &mut assigned,
        };
        let errors;
        (body, errors) = locals::query(&mut locals, body);
        checked(errors)?;
    }
    let env = env(compiled, options, sources, &assigned);
    let renames = || Renames { own: &rewritten, outer: Some(&compiled.rewritten) };

    let mut names = Names::for_query(&body);
    let mut templates = Templates {
        env: &env,
        names: &mut names,
        renames: &compiled.rewritten,
        supported: capabilities.has_feature("template_strings")
            && capabilities.function("internal.template_string").is_some(),
        defined: &|term| is_defined(compiled, term),
        errors: Vec::new(),
    };
    templates.query(&mut body);
    checked(templates.errors)?;
    checked(rewrite::void_calls(&env, &|see| walk::body(&body, see)))?;
    if options.keep_print {
        let mut names = Names::for_query(&body);
        let mut prints = Prints { env: &env, names: &mut names, renames: &rewritten, errors: Vec::new() };
        prints.query(&mut body);
        checked(prints.errors)?;
    } else {
        rewrite::erase_prints(&mut body);
    }
    let mut expanding = Names::for_query(&body);
    rewrite::expand_body(&mut expanding, &mut body);
    let mut names = Names::for_query(&body);
    walk::body_mut(&mut body, &mut |node| rewrite::comprehension_terms(&mut names, node));
    let mut names = Names::for_query(&body);
    let mut withs =
        Withs { env: &env, names: &mut names, unsafe_builtins: &options.unsafe_builtins, errors: Vec::new() };
    withs.query(&mut body);
    checked(withs.errors)?;

    let mismatch = |function: &Term, args: &[Term], span: Span, arity: usize, got: usize| {
        compiled.types.arity_mismatch(function, args, span, arity, got)
    };
    checked(rewrite::undefined_functions(&env, &Renames::of(&rewritten), &mismatch, &|see| walk::body(&body, see)))?;
    let bound = ["data", "input"].into_iter().map(Name::from).collect();
    let (ordered, unsafes) = safety::order(&env, bound, body);
    checked(safety::errors(&unsafes, &Renames::of(&rewritten), &env, ""))?;
    let mut body = ordered;
    rewrite::dynamics(&mut Names::for_query(&body), &mut body);

    let walk = |see: &mut dyn FnMut(Node<'_>) -> bool| walk::body(&body, see);
    let subjects = Subjects::new(&walk, renames(), &expanding.subjects);
    let settings =
        Settings { sources, capabilities, schemas: &options.schemas, written: &|name| subjects.written(name) };
    let program = Program {
        modules: &compiled.modules,
        rules: &compiled.rules,
        tree: &compiled.tree,
        order: &compiled.order,
        dependents: &compiled.dependents,
    };
    checked(check::check_query(&compiled.types, &program, &settings, &body))?;
    checked(rewrite::unsafe_calls(&options.unsafe_builtins, &walk))?;
    Ok(CompiledQuery { body, rewritten })
}

fn env<'a>(compiled: &'a Compiled, options: &'a Options, sources: &'a Sources, assigned: &'a HashSet<Span>) -> Env<'a> {
    Env { capabilities: &options.capabilities, sources, tree: &compiled.tree, rules: &compiled.rules, assigned }
}

/// A rule that always gives something.
fn is_defined(compiled: &Compiled, term: &Term) -> bool {
    let TermKind::Ref(reference) = &term.kind else { return false };
    let Some(node) = compiled.tree.find(&keys(reference)).and_then(|id| compiled.tree.node(id)) else { return false };
    let infos: Vec<_> = node.rules.iter().filter_map(|id| compiled.info(*id)).collect();
    let Some(first) = infos.first() else { return false };
    let constant = || {
        let rule = node.rules.first().and_then(|id| compiled.rule(*id));
        infos.len() == 1 && rule.is_some_and(rewrite::is_constant_rule)
    };
    first.arity == 0 && (first.kind == RuleKind::MultiValue || infos.iter().any(|info| info.default) || constant())
}

/// Takes what expressions are worth into variables: see [`CAPTURE`].
fn capture(env: &Env<'_>, body: &mut Body) {
    let many = body.len() > 1 || iterates(env, body);
    let mut count = 0;
    let mut extra: Body = Vec::new();
    for expr in body.iter_mut() {
        if expr.negated || terms::is_assignment(expr) || terms::is_equality(expr) {
            continue;
        }
        let span = expr.span;
        let mut fresh = || {
            count += 1;
            Term::var(span, &format!("{CAPTURE}{count}"))
        };
        let var = match &mut expr.kind {
            ExprKind::Term(term) => {
                let var = fresh();
                let old = std::mem::replace(term, Term::new(span, TermKind::Null));
                expr.kind = ExprKind::Call { operator: terms::reference(span, "eq"), args: vec![old, var.clone()] };
                var
            }
            ExprKind::Call { operator, args } => {
                let void = env.function(operator).is_some_and(|function| function.is_void());
                if void || env.arity(operator) != Some(args.len()) {
                    continue;
                }
                let var = fresh();
                args.push(var.clone());
                var
            }
            _ => continue,
        };
        if many {
            extra.push(Expr { span, kind: ExprKind::Term(var), negated: false, with: Vec::new(), generated: true });
        }
    }
    body.append(&mut extra);
}

fn iterates(env: &Env<'_>, body: &[Expr]) -> bool {
    let mut found = false;
    walk::body(body, &mut |node| {
        if let Node::Term(term) = node {
            if terms::is_comprehension(term) {
                return true;
            }
            if let TermKind::Ref(reference) = &term.kind {
                found |= env.function(term).is_some_and(|function| function.relation);
                found |= reference.iter().skip(1).any(|term| matches!(term.kind, TermKind::Var(_)));
            }
        }
        found
    });
    found
}
