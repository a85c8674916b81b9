//! What a program depends on (`opa deps`). In: compiled modules and a query or rule. Out: base documents (data that no rule
//! makes) and virtual ones (paths of rules), each up to where a variable is.

use std::collections::BTreeSet;

use super::Compiled;
use super::tree::{RuleId, RuleTree, keys};
use super::walk::{self, Node};
use crate::ast::{Expr, Ref, Rule, Term, TermKind, order, text};

/// Documents in the order of their references.
#[derive(Debug, Clone, Default)]
pub struct Dependencies {
    pub base: Vec<Ref>,
    pub virtual_: Vec<Ref>,
}

impl Dependencies {
    /// As OPA prints them.
    pub fn texts(list: &[Ref]) -> Vec<String> {
        list.iter().map(|reference| text::reference(reference)).collect()
    }
}

/// Of a query as it is written, and all that its rules depend on: OPA does not check it either.
pub fn of_query(compiled: &Compiled, query: &[Expr]) -> Dependencies {
    let mut found = Vec::new();
    walk::body(query, &mut |node| collect(node, &mut found));
    follow(compiled, found)
}

/// Of one rule with its `else` branches.
pub fn of_rule(compiled: &Compiled, rule: &Rule) -> Dependencies {
    let mut found = Vec::new();
    walk::rule(rule, &mut |node| collect(node, &mut found));
    follow(compiled, found)
}

fn collect(node: Node<'_>, found: &mut Vec<Ref>) -> bool {
    if let Node::Term(Term { kind: TermKind::Ref(reference), .. }) = node
        && super::terms::ref_head(reference).is_some_and(|head| matches!(&**head, "data" | "input"))
    {
        found.push(reference.clone());
    }
    false
}

fn constant_prefix(reference: &[Term]) -> Ref {
    let end = reference.iter().enumerate().position(|(at, term)| at > 0 && !super::terms::is_constant(term));
    reference.get(..end.unwrap_or(reference.len())).unwrap_or(reference).to_vec()
}

/// Sorted, without those that another is a prefix of.
fn minimal(mut list: Vec<Ref>) -> Vec<Ref> {
    list.sort_by(|a, b| order::terms(a, b));
    let mut kept: Vec<Ref> = Vec::new();
    for reference in list {
        let inside = kept.last().is_some_and(|prefix| {
            prefix.len() <= reference.len() && prefix.iter().zip(&reference).all(|(a, b)| a.same(b))
        });
        if !inside {
            kept.push(reference);
        }
    }
    kept
}

fn rules_of(compiled: &Compiled, reference: &[Term]) -> Vec<RuleId> {
    let mut found = Vec::new();
    let mut at = RuleTree::ROOT;
    for key in keys(reference) {
        let Some(next) = key.and_then(|key| compiled.tree.child(at, &key)) else { return found };
        at = next;
        if let Some(node) = compiled.tree.node(at)
            && !node.rules.is_empty()
        {
            found.extend(&node.rules);
            break;
        }
    }
    compiled.tree.depth_first(at, |_, node| {
        found.extend(&node.rules);
        !node.hidden
    });
    found.sort();
    found.dedup();
    found
}

fn follow(compiled: &Compiled, references: Vec<Ref>) -> Dependencies {
    let mut base = Vec::new();
    let mut virtual_ = Vec::new();
    let mut seen: BTreeSet<RuleId> = BTreeSet::new();
    let mut work = vec![references];
    while let Some(references) = work.pop() {
        for reference in minimal(references) {
            let prefix = constant_prefix(&reference);
            let rules = rules_of(compiled, &prefix);
            if rules.is_empty() {
                base.push(prefix);
                continue;
            }
            for id in rules {
                if !seen.insert(id) {
                    continue;
                }
                let Some((rule, info)) = compiled.rule(id).zip(compiled.info(id)) else { continue };
                let mut inside = Vec::new();
                walk::rule(rule, &mut |node| collect(node, &mut inside));
                work.push(inside);
                if let Some(module) = compiled.modules.get(info.module as usize) {
                    let mut path = module.package.path.clone();
                    let own = super::conflicts::ground_prefix(&rule.head.reference);
                    path.extend(own.iter().enumerate().map(|(at, term)| match &term.kind {
                        TermKind::Var(name) if at == 0 => Term::new(term.span, TermKind::String(name.clone())),
                        _ => term.clone(),
                    }));
                    virtual_.push(path);
                }
            }
        }
    }
    for list in [&mut base, &mut virtual_] {
        list.sort_by(|a, b| order::terms(a, b));
        list.dedup_by(|a, b| order::terms(a, b).is_eq());
    }
    Dependencies { base, virtual_ }
}
