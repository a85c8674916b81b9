//! Rules that cannot stand together: different kinds or arities at one path, rules inside of others' extent, several
//! defaults, packages where rules are, rules where data is.

use std::collections::{BTreeMap, BTreeSet};

use super::DataExists;
use super::env::{Errors, place_text};
use super::terms;
use super::tree::{NodeId, RuleId, RuleInfo, RuleKind, RuleTree, keys};
use super::walk::{self, NodeMut};
use crate::ast::{Module, Name, Term, TermKind, order, text};
use crate::error::{Code, RegoError};
use crate::span::Sources;
use crate::value::Value;

/// What rules are looked up by while they are checked.
pub(super) struct Rules<'a> {
    pub modules: &'a [Module],
    pub infos: &'a [RuleInfo],
    pub tree: &'a RuleTree,
    pub renames: &'a std::collections::HashMap<Name, Name>,
    pub sources: &'a Sources,
}

impl Rules<'_> {
    pub(super) fn info(&self, id: RuleId) -> Option<&RuleInfo> {
        self.infos.get(id.0 as usize)
    }

    /// OPA's `Rule.Ref()`: the package's path, then the head's.
    pub(super) fn reference(&self, id: RuleId) -> Vec<Term> {
        let Some(info) = self.info(id) else { return Vec::new() };
        let Some(module) = self.modules.get(info.module as usize) else { return Vec::new() };
        let mut rule = module.rules.get(info.index as usize);
        for _ in 0..info.else_depth {
            rule = rule.and_then(|rule| rule.else_rule.as_deref());
        }
        let mut path = module.package.path.clone();
        for (at, term) in rule.into_iter().flat_map(|rule| rule.head.reference.iter()).enumerate() {
            path.push(match &term.kind {
                TermKind::Var(name) if at == 0 => Term::new(term.span, TermKind::String(name.clone())),
                _ => term.clone(),
            });
        }
        path
    }

    /// The same with written names.
    pub(super) fn written(&self, id: RuleId) -> String {
        let mut path = self.reference(id);
        self.rename(&mut path);
        text::reference(&path)
    }

    pub(super) fn rename(&self, terms: &mut [Term]) {
        for term in terms {
            walk::term_mut(term, &mut |node| {
                if let NodeMut::Term(Term { kind: TermKind::Var(name), .. }) = node
                    && let Some(old) = self.renames.get(name)
                {
                    *name = old.clone();
                }
                false
            });
        }
    }
}

/// Rules strictly below a node, without those below others of them, in order.
fn below(rules: &Rules<'_>, node: NodeId, wanted: &dyn Fn(&RuleInfo) -> bool) -> Vec<(Vec<Term>, RuleId)> {
    let mut found: Vec<(Vec<Term>, RuleId)> = Vec::new();
    rules.tree.depth_first(node, |id, inner| {
        if id != node {
            let wanted = inner.rules.iter().filter(|id| rules.info(**id).is_some_and(wanted));
            found.extend(wanted.map(|id| (rules.reference(*id), *id)));
        }
        true
    });
    found.sort_by(|a, b| order::terms(&a.0, &b.0));
    // A prefix comes right before what it is a prefix of.
    let mut kept: Vec<(Vec<Term>, RuleId)> = Vec::new();
    for (path, id) in found {
        let inside = kept
            .last()
            .is_some_and(|(prefix, _)| prefix.len() <= path.len() && prefix.iter().zip(&path).all(|(a, b)| a.same(b)));
        if !inside {
            kept.push((path, id));
        }
    }
    kept
}

pub(super) fn check(rules: &Rules<'_>, data_exists: Option<&DataExists>, errors: &mut Errors) {
    let mut full = false;
    rules.tree.depth_first(RuleTree::ROOT, |id, node| {
        if full {
            return false;
        }
        if node.rules.is_empty() {
            return true;
        }
        match conflict_at(rules, id) {
            Some(error) => {
                full = !errors.fatal([error]);
                !full
            }
            None => true,
        }
    });
    if let Some(exists) = data_exists {
        errors.fatal(data_conflicts(rules, exists));
    }
    errors.fatal(package_conflicts(rules));
}

fn conflict_at(rules: &Rules<'_>, id: NodeId) -> Option<RegoError> {
    let node = rules.tree.node(id)?;
    let infos: Vec<(RuleId, &RuleInfo)> = node.rules.iter().filter_map(|id| Some((*id, rules.info(*id)?))).collect();
    let (first_id, first) = *infos.first()?;
    let last_id = infos.last()?.0;
    let inside = if node.children.is_empty() {
        Vec::new()
    } else if infos.iter().any(|(_, info)| info.is_ground()) {
        below(rules, id, &|_| true)
    } else {
        // Functions cannot be within what a rule gives.
        below(rules, id, &|info| info.arity > 0)
    };
    if !inside.is_empty() {
        let mut message = format!("rule {} conflicts with:", rules.written(last_id));
        for (mut path, other) in inside {
            rules.rename(&mut path);
            let place = rules.info(other).map_or_else(String::new, |info| place_text(rules.sources, info.span));
            message.push_str(&format!("\n  rule {} at {place}", text::reference(&path)));
        }
        return Some(RegoError::new(Code::Type, first.span, message));
    }
    let has = |is: &dyn Fn(&RuleInfo) -> bool| infos.iter().any(|(_, info)| is(info));
    let complete = |info: &RuleInfo| info.kind == RuleKind::SingleValue && info.is_ground();
    let multi = |info: &RuleInfo| info.kind == RuleKind::MultiValue;
    let mixed = has(&|info| info.kind != first.kind)
        || has(&|info| info.arity != first.arity)
        || (has(&complete) && has(&|info| !complete(info)))
        || (has(&|info| multi(info) && info.is_ground()) && has(&|info| multi(info) && !info.is_ground()));
    if mixed {
        let message = format!("conflicting rules {} found", rules.written(last_id));
        return Some(RegoError::new(Code::Type, first.span, message));
    }
    let defaults: Vec<&RuleInfo> = infos.iter().filter(|(_, info)| info.default).map(|(_, info)| *info).collect();
    if let [one, _, ..] = defaults.as_slice() {
        let places: Vec<String> = defaults.iter().map(|info| place_text(rules.sources, info.span)).collect();
        let message =
            format!("multiple default rules {} found at {}", rules.written(first_id.max(last_id)), places.join(", "));
        let package = rules.modules.get(one.module as usize).map_or(one.span, |module| module.package.span);
        return Some(RegoError::new(Code::Type, package, message));
    }
    None
}

fn data_conflicts(rules: &Rules<'_>, exists: &DataExists) -> Vec<RegoError> {
    let mut errors = Vec::new();
    let Some(data) = rules.tree.find(&[Some(Value::string("data"))]) else { return errors };
    // Each node with how long the path to its parent is.
    let mut path: Vec<String> = Vec::new();
    let mut stack: Vec<(NodeId, usize)> =
        rules.tree.node(data).into_iter().flat_map(|node| node.children.values()).map(|id| (*id, 0)).collect();
    stack.reverse();
    while let Some((id, depth)) = stack.pop() {
        path.truncate(depth);
        let Some(node) = rules.tree.node(id) else { continue };
        let Value::String(key) = &node.key else { continue };
        path.push(key.to_string());
        if let Some(info) = node.rules.first().and_then(|id| rules.info(*id)) {
            let parts: Vec<&str> = path.iter().map(String::as_str).collect();
            if exists(&parts) {
                let message = format!("conflicting rule for data path {} found", path.join("/"));
                errors.push(RegoError::new(Code::Compile, info.span, message));
                continue;
            }
        }
        stack.extend(node.children.values().rev().map(|child| (*child, depth + 1)));
    }
    errors
}

/// A package whose path is a rule's.
fn package_conflicts(rules: &Rules<'_>) -> Vec<RegoError> {
    let mut packages: BTreeMap<Vec<Value>, Vec<&Module>> = BTreeMap::new();
    for module in rules.modules {
        let path: Vec<Value> = keys(&module.package.path).into_iter().flatten().collect();
        packages.entry(path).or_default().push(module);
    }
    let mut errors = Vec::new();
    for info in rules.infos.iter().filter(|info| info.is_ground() && info.else_depth == 0) {
        let path: Vec<Value> = info.path.iter().flatten().cloned().collect();
        for other in packages.get(&path).into_iter().flatten() {
            let Some(module) = rules.modules.get(info.module as usize) else { continue };
            let Some(rule) = module.rules.get(info.index as usize) else { continue };
            let message = format!(
                "{} conflicts with rule {} defined at {}",
                other.package,
                text::reference(&rule.head.reference),
                place_text(rules.sources, rule.span)
            );
            errors.push(RegoError::new(Code::Type, module.package.span, message));
        }
    }
    errors
}

/// Where rules of more than one name share a line, errors of safety say which rule they are in.
pub(super) fn shared_rows(module: &Module, sources: &Sources) -> BTreeSet<usize> {
    let mut first: BTreeMap<usize, &[Term]> = BTreeMap::new();
    let mut shared = BTreeSet::new();
    let Some(source) = sources.get(module.source) else { return shared };
    for rule in &module.rules {
        let mut branch = Some(rule);
        while let Some(rule) = branch {
            let (row, _) = source.row_column(rule.span.start);
            let name = ground_prefix(&rule.head.reference);
            match first.get(&row) {
                None => {
                    first.insert(row, name);
                }
                Some(other) => {
                    if order::terms(other, name).is_ne() {
                        shared.insert(row);
                    }
                }
            }
            branch = rule.else_rule.as_deref();
        }
    }
    shared
}

pub(super) fn ground_prefix(reference: &[Term]) -> &[Term] {
    let end = reference.iter().enumerate().position(|(at, term)| at > 0 && !terms::is_ground(term));
    reference.get(..end.unwrap_or(reference.len())).unwrap_or(reference)
}
