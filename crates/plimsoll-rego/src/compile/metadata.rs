//! `rego.metadata.rule()` and `rego.metadata.chain()` become values. In: rules that call them, annotations of all modules. Out:
//! the same rules, where the annotations are bound first and the calls are those variables.

use std::collections::BTreeMap;

use super::env::{Names, place};
use super::terms::{self, append};
use super::walk::{self, Node, NodeMut};
use crate::ast::{Annotations, Expr, ExprKind, Module, Name, Rule, Term, TermKind};
use crate::error::{Code, RegoError};
use crate::span::{Sources, Span};
use crate::value::Value;

const CHAIN: &str = "rego.metadata.chain";
const RULE: &str = "rego.metadata.rule";

type Path = Vec<String>;

/// Annotations of documents, packages and trees of packages, by path.
#[derive(Default)]
pub(super) struct Scopes<'a> {
    documents: BTreeMap<Path, &'a Annotations>,
    packages: BTreeMap<Path, &'a Annotations>,
}

fn path_of(reference: &[Term]) -> Path {
    let ground = reference.iter().enumerate().take_while(|(at, term)| *at == 0 || terms::is_ground(term));
    ground.map(|(_, term)| term.to_string()).collect()
}

fn whole_path(module: &Module, rule: &Rule) -> Vec<Term> {
    let mut path = module.package.path.clone();
    for (at, term) in rule.head.reference.iter().enumerate() {
        match &term.kind {
            TermKind::Var(name) if at == 0 => path.push(Term::new(term.span, TermKind::String(name.clone()))),
            _ if !terms::is_ground(term) => break,
            _ => path.push(term.clone()),
        }
    }
    path
}

/// All annotations by what they are of; twice for one document or package is an error.
pub(super) fn scopes<'a>(modules: &'a [Module], sources: &Sources) -> (Scopes<'a>, Vec<RegoError>) {
    let mut scopes = Scopes::default();
    let mut errors = Vec::new();
    for module in modules {
        if module.annotations.is_empty() {
            continue;
        }
        let mut owners: BTreeMap<usize, &Rule> = BTreeMap::new();
        for rule in &module.rules {
            for at in &rule.annotations {
                owners.entry(*at).or_insert(rule);
            }
        }
        for (at, annotations) in module.annotations.iter().enumerate() {
            let (map, path) = match &*annotations.scope {
                "package" => (&mut scopes.packages, path_of(&module.package.path)),
                "subpackages" => (&mut scopes.documents, path_of(&module.package.path)),
                "document" => match owners.get(&at) {
                    Some(rule) => (&mut scopes.documents, path_of(&whole_path(module, rule))),
                    None => continue,
                },
                _ => continue,
            };
            match map.get(&path) {
                Some(first) => {
                    let at = super::env::place_text(sources, first.span);
                    let message = format!("{} annotation redeclared: {at}", annotations.scope);
                    errors.push(RegoError::new(Code::Type, annotations.span, message));
                }
                None => {
                    map.insert(path, annotations);
                }
            }
        }
    }
    (scopes, errors)
}

/// A value as a term.
fn term_of(span: Span, value: &Value) -> Term {
    let kind = match value {
        Value::Null => TermKind::Null,
        Value::Bool(value) => TermKind::Bool(*value),
        Value::Number(number) => TermKind::Number(number.clone()),
        Value::String(text) => TermKind::String(text.clone().into()),
        Value::Array(array) => TermKind::Array(array.items().iter().map(|item| term_of(span, item)).collect()),
        Value::Set(set) => TermKind::Set(set.members().iter().map(|item| term_of(span, item)).collect()),
        Value::Object(object) => {
            let entries = object.entries().iter().map(|(key, value)| (term_of(span, key), term_of(span, value)));
            TermKind::Object(entries.collect())
        }
    };
    Term::new(span, kind)
}

fn object_of(span: Span, annotations: &Annotations) -> Term {
    let mut entries: Vec<(Value, Value)> =
        annotations.content.iter().map(|(key, value)| (Value::string(key.as_str()), value.clone())).collect();
    if !annotations.scope.is_empty() {
        entries.push((Value::string("scope"), Value::string(&*annotations.scope)));
    }
    if annotations.entrypoint {
        entries.push((Value::string("entrypoint"), Value::Bool(true)));
    }
    term_of(span, &Value::object(entries))
}

fn is_call_of(expr: &Expr, name: &str) -> bool {
    match &expr.kind {
        ExprKind::Call { operator, .. } => terms::operator_name(operator).is_some_and(|other| other == name),
        _ => false,
    }
}

/// The places of the first calls of `chain` and `rule` in a rule and its `else` branches.
pub(super) fn calls(rule: &Rule) -> (Option<Span>, Option<Span>) {
    let (mut chain, mut own) = (None, None);
    walk::rule(rule, &mut |node| {
        if let Node::Expr(expr) = node {
            if chain.is_none() && is_call_of(expr, CHAIN) {
                chain = Some(expr.span);
            } else if own.is_none() && is_call_of(expr, RULE) {
                own = Some(expr.span);
            }
        }
        false
    });
    (chain, own)
}

/// What the calls in a rule of a module give, as terms: `chain`, then `rule`.
pub(super) fn values(
    scopes: &Scopes<'_>,
    module: &Module,
    rule: &Rule,
    (chain, own): (Option<Span>, Option<Span>),
    sources: &Sources,
) -> (Option<Term>, Option<Term>) {
    let mut of_rule: Vec<&Annotations> = rule
        .annotations
        .iter()
        .filter_map(|at| module.annotations.get(*at))
        .filter(|annotations| &*annotations.scope == "rule")
        .collect();
    let own = own.map(|span| {
        let first = of_rule.iter().min_by_key(|annotations| place(sources, annotations.span));
        first.map_or_else(|| Term::new(span, TermKind::Object(Vec::new())), |first| object_of(span, first))
    });
    let chain = chain.map(|span| {
        let link = |path: &[Term], annotations: Option<&Annotations>| {
            let path = path.iter().skip(1).cloned().collect();
            let mut entries = vec![(Term::string(span, "path"), Term::new(span, TermKind::Array(path)))];
            if let Some(annotations) = annotations {
                entries.insert(0, (Term::string(span, "annotations"), object_of(span, annotations)));
            }
            Term::new(span, TermKind::Object(entries))
        };
        let path = whole_path(module, rule);
        let mut links = Vec::new();
        of_rule.sort_by_key(|annotations| std::cmp::Reverse(place(sources, annotations.span)));
        for annotations in &of_rule {
            links.push(link(&path, Some(annotations)));
        }
        if of_rule.is_empty() {
            links.push(link(&path, None));
        }
        if let Some(annotations) = scopes.documents.get(&path_of(&path)) {
            links.push(link(&path, Some(annotations)));
        }
        let package = &module.package.path;
        if let Some(annotations) = scopes.packages.get(&path_of(package)) {
            links.push(link(package, Some(annotations)));
        }
        for count in (1..=package.len()).rev() {
            let prefix = package.get(..count).unwrap_or(&[]);
            if let Some(annotations) = scopes.documents.get(&path_of(prefix)) {
                links.push(link(prefix, Some(annotations)));
            }
        }
        Term::new(span, TermKind::Array(links))
    });
    (chain, own)
}

/// Binds the values first and puts the variables where the calls are.
pub(super) fn rewrite(names: &mut Names, rule: &mut Rule, (chain, own): (Option<Term>, Option<Term>)) {
    let mut body = Vec::new();
    let mut bound: [Option<Name>; 2] = [None, None];
    for (slot, term) in bound.iter_mut().zip([chain, own]) {
        if let Some(term) = term {
            let (var, equality) = names.bind(term);
            if let TermKind::Var(name) = var.kind {
                *slot = Some(name);
            }
            append(&mut body, vec![equality]);
        }
    }
    append(&mut body, std::mem::take(&mut rule.body));
    rule.body = body;
    let [chain, own] = bound;
    let mut see = |node: NodeMut<'_>| {
        let NodeMut::Expr(expr) = node else { return false };
        let name = match (&chain, &own) {
            (Some(name), _) if is_call_of(expr, CHAIN) => name,
            (_, Some(name)) if is_call_of(expr, RULE) => name,
            _ => return false,
        };
        let var = Term::new(Span::NONE, TermKind::Var(name.clone()));
        let first = match &mut expr.kind {
            ExprKind::Call { args, .. } if !args.is_empty() => Some(args.swap_remove(0)),
            _ => None,
        };
        *expr = match first {
            Some(output) => terms::equality(expr.span, output, var),
            None => {
                Expr { span: expr.span, kind: ExprKind::Term(var), negated: false, with: Vec::new(), generated: true }
            }
        };
        false
    };
    walk::head_mut(&mut rule.head, &mut see);
    walk::body_mut(&mut rule.body, &mut see);
}
