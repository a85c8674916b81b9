//! Types by reference: builtins, rules, documents with schemas.

use std::sync::Arc;

use super::tree::{NodeId, Tree, key};
use super::unify::select_constant;
use super::{About, Checker, Program, Settings, fault::Fault, json_schema, schema};
use crate::ast::{Name, Term, TermKind};
use crate::compile::RuleTree;
use crate::error::{Code, RegoError};
use crate::span::{Sources, Span};
use crate::types::{Signature, Type};
use crate::value::Value;

/// What is known of references.
#[derive(Debug, Clone, Default)]
pub struct TypeEnv {
    pub(super) builtins: Arc<Tree>,
    pub(super) rules: Arc<Tree>,
    /// Owns what recursive types refer to.
    pub(super) definitions: Vec<schema::Definitions>,
}

impl TypeEnv {
    /// Builtins and, where a schema for `input` was given, that. Errors: of that schema.
    pub fn new(settings: &Settings<'_>) -> (TypeEnv, Vec<RegoError>) {
        let mut tree = Tree::default();
        let mut definitions = Vec::new();
        let mut errors = Vec::new();
        if let Some(schema) = settings.schemas.input() {
            match json_schema::type_of(schema) {
                Ok((of, owned)) => {
                    tree.put(&"input".into(), &[], of);
                    definitions.push(owned);
                }
                Err(message) => errors.push(RegoError::new(Code::Type, Span::default(), message)),
            }
        }
        for function in settings.capabilities.functions() {
            let mut parts = function.name.split('.');
            let root: Name = parts.next().unwrap_or("").into();
            let path: Vec<Value> = parts.map(Value::string).collect();
            tree.put(&root, &super::tree::keys(&path), function.decl.clone());
        }
        (TypeEnv { builtins: Arc::new(tree), rules: Arc::default(), definitions }, errors)
    }

    /// The type of what a reference gives (of builtins, too: `io`, `jwt`, `decode`).
    pub fn get(&self, reference: &[Term]) -> Type {
        type_of_reference([&*self.rules, &*self.builtins].into_iter(), reference)
    }

    /// The signature of a builtin.
    pub fn signature(&self, reference: &[Term]) -> Option<Arc<Signature>> {
        match self.get(reference) {
            Type::Function(signature) => Some(signature),
            _ => None,
        }
    }

    /// OPA's error for a call with a wrong number of arguments: with types where the function is known, as builtins are before
    /// rules are checked. `arity` and `got` are without the place for the result.
    pub fn arity_mismatch(&self, function: &Term, args: &[Term], span: Span, arity: usize, got: usize) -> RegoError {
        let reference = match &function.kind {
            TermKind::Ref(terms) => terms.as_slice(),
            _ => std::slice::from_ref(function),
        };
        if let Some(want) = self.signature(reference) {
            let (tree, sources, schemas) = (RuleTree::empty(), Sources::default(), schema::SchemaSet::default());
            let program = Program { modules: &[], rules: &[], tree: &tree, order: &[], dependents: &[] };
            let about = About { sources: &sources, schemas: &schemas, written: &|_| None };
            let mut checker = Checker::new(self, &program, &about);
            let have = args.iter().map(|arg| checker.type_of(arg)).collect();
            let fault = Fault::args(span, function, "arity mismatch", have, want, false);
            return fault.error(fault.lines());
        }
        let plural = if got == 1 { "" } else { "s" };
        let message = format!("function {function} has arity {arity}, got {got} argument{plural}");
        RegoError::new(Code::Type, span, message)
    }
}

/// Constant keys are kept apart; of others the last one, in the order of terms, tells.
pub(super) fn object_type(entries: &[(Term, Term)], mut type_of: impl FnMut(&Term) -> Type) -> Type {
    let mut fixed = Vec::new();
    let mut last: Option<(&Term, &Term)> = None;
    for (key, value) in entries {
        match super::terms::constant(key) {
            Some(key) => fixed.push((super::terms::json_key(key), type_of(value))),
            None => {
                if last.is_none_or(|(have, _)| have.order(key).is_le()) {
                    last = Some((key, value));
                }
            }
        }
    }
    let rest = last.map(|(key, value)| (type_of(key), type_of(value)));
    Type::object(fixed, rest)
}

/// What a reference gives, looked for in one tree after another.
pub(super) fn type_of_reference<'t>(trees: impl Iterator<Item = &'t Tree>, reference: &[Term]) -> Type {
    let Some((Term { kind: TermKind::Var(root), .. }, tail)) = reference.split_first() else {
        return Type::Unknown;
    };
    for tree in trees {
        if let Some(node) = tree.root(root)
            && let Some(of) = below(tree, node, tail)
        {
            return of;
        }
    }
    if is_root_document(root) { Type::Any } else { Type::Unknown }
}

pub(super) fn is_root_document(name: &str) -> bool {
    name == "data" || name == "input"
}

/// `None` where this tree does not know.
fn below(tree: &Tree, mut node: NodeId, mut tail: &[Term]) -> Option<Type> {
    while let Some((first, rest)) = tail.split_first() {
        let child = key(first).and_then(|key| tree.child(node, &key));
        match (tree.value(node), child) {
            (None, _) if super::terms::constant(first).is_none() => return Some(selected(&tree.extent(node), tail)),
            (_, Some(child)) => {
                node = child;
                tail = rest;
            }
            (Some(of), None) => return Some(selected(of, tail)),
            (None, None) => return None,
        }
    }
    Some(tree.extent(node))
}

/// What is below a type: of a variable or composite any member's.
pub(super) fn selected(of: &Type, tail: &[Term]) -> Type {
    let mut of = of.clone();
    for term in tail {
        of = match &term.kind {
            _ if matches!(of, Type::Unknown) => return of,
            TermKind::Var(_) | TermKind::Ref(_) | TermKind::Array(_) | TermKind::Object(_) | TermKind::Set(_) => {
                // Iterating what holds nothing gives nothing: whatever is said of it is right.
                if of.is_empty_collection() {
                    return Type::Any;
                }
                of.values()
            }
            _ => select_constant(&of, term),
        };
    }
    of
}

impl Checker<'_> {
    pub(super) fn type_of_reference(&mut self, reference: &[Term]) -> Type {
        self.pay(reference.len());
        type_of_reference(self.layers.iter().rev().map(|layer| &*layer.tree), reference)
    }

    /// The type of a term as far as it is known here.
    pub(super) fn type_of(&mut self, term: &Term) -> Type {
        if !self.pay(1) {
            return Type::Any;
        }
        match &term.kind {
            TermKind::Null => Type::Null,
            TermKind::Bool(_) => Type::Boolean,
            TermKind::Number(_) => Type::Number,
            TermKind::String(_) | TermKind::Template { .. } => Type::String,
            TermKind::Array(items) => Type::array(items.iter().map(|item| self.type_of(item)).collect(), None),
            TermKind::Object(entries) => object_type(entries, |term| self.type_of(term)),
            TermKind::Set(items) => {
                let types: Vec<Type> = items.iter().map(|item| self.type_of(item)).collect();
                Type::set(Type::any_of(&types))
            }
            TermKind::ArrayCompr { .. } | TermKind::SetCompr { .. } | TermKind::ObjectCompr { .. } => {
                self.closure(term).of.clone()
            }
            TermKind::Ref(terms) => self.type_of_reference(terms),
            TermKind::Var(name) => self.variable(name),
            TermKind::Call(_) => Type::Unknown,
        }
    }
}

/// The reference that a term is: a variable is one of one part.
pub(super) fn as_reference(term: &Term) -> Option<&[Term]> {
    match &term.kind {
        TermKind::Ref(terms) => Some(terms),
        TermKind::Var(name) if is_root_document(name) => Some(std::slice::from_ref(term)),
        _ => None,
    }
}

/// How many parts come before the first that is no constant; the head is a variable.
pub(super) fn ground_prefix(reference: &[Term]) -> usize {
    let rest = reference.iter().skip(1);
    1 + rest.take_while(|term| super::terms::constant(term).is_some()).count()
}
