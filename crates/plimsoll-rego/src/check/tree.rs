//! Types by path. In: types of rules, documents and variables, put at paths. Out: the type at a path, and what a whole
//! subtree is. Paths are as long as users like: nothing here recurses over them.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use crate::ast::{Name, Term, TermKind};
use crate::compile::scalar;
use crate::types::Type;
use crate::value::Value;

/// A step below a root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Value(Value),
    /// Only of rules that are in error: their whole heads are put as they are written.
    Var(Name),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NodeId(u32);

#[derive(Debug, Clone, Default)]
struct Node {
    value: Option<Type>,
    children: BTreeMap<Key, NodeId>,
    /// What all below it is as one object; forgotten when something below changes.
    extent: OnceLock<Type>,
}

/// Roots are `data`, `input`, the first parts of builtins' names, and variables.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    roots: HashMap<Name, NodeId>,
}

/// The step that a constant or variable in a reference takes.
pub(super) fn key(term: &Term) -> Option<Key> {
    match &term.kind {
        TermKind::Var(name) => Some(Key::Var(name.clone())),
        _ => super::terms::constant(term).map(Key::Value),
    }
}

impl Tree {
    fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }

    fn node_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(id.0 as usize)
    }

    fn add(&mut self) -> NodeId {
        self.nodes.push(Node::default());
        NodeId(u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX))
    }

    pub fn root(&self, name: &str) -> Option<NodeId> {
        self.roots.get(name).copied()
    }

    fn root_or_new(&mut self, name: &Name) -> NodeId {
        match self.roots.get(name) {
            Some(id) => *id,
            None => {
                let id = self.add();
                self.roots.insert(name.clone(), id);
                id
            }
        }
    }

    pub fn child(&self, id: NodeId, key: &Key) -> Option<NodeId> {
        self.node(id)?.children.get(key).copied()
    }

    fn child_or_new(&mut self, id: NodeId, key: &Key) -> (NodeId, bool) {
        if let Some(child) = self.child(id, key) {
            return (child, true);
        }
        let child = self.add();
        if let Some(node) = self.node_mut(id) {
            node.children.insert(key.clone(), child);
        }
        (child, false)
    }

    pub fn has_children(&self, id: NodeId) -> bool {
        self.node(id).is_some_and(|node| !node.children.is_empty())
    }

    /// The type that was put at a node itself.
    pub fn value(&self, id: NodeId) -> Option<&Type> {
        self.node(id)?.value.as_ref()
    }

    /// The type of a variable or root that was put here: `None` where nothing has that name.
    pub fn variable(&self, name: &str) -> Option<Type> {
        let root = self.root(name)?;
        Some(self.value(root).cloned().unwrap_or(Type::Unknown))
    }

    pub fn put_variable(&mut self, name: &Name, of: Type) {
        let root = self.root_or_new(name);
        self.set(root, of);
    }

    fn set(&mut self, id: NodeId, of: Type) {
        if let Some(node) = self.node_mut(id) {
            node.value = if matches!(of, Type::Unknown) { None } else { Some(of) };
            node.extent = OnceLock::new();
        }
    }

    fn forget_extent(&mut self, id: NodeId) {
        if let Some(node) = self.node_mut(id) {
            node.extent = OnceLock::new();
        }
    }

    /// Puts a type at a path in place of what was there.
    pub fn put(&mut self, root: &Name, path: &[Key], of: Type) {
        let mut at = self.root_or_new(root);
        for key in path {
            self.forget_extent(at);
            at = self.child_or_new(at, key).0;
        }
        self.set(at, of);
    }

    /// Joins a type with what is at a path and with the objects on the way.
    pub fn insert(&mut self, root: &Name, path: &[Key], of: &Type) {
        let mut at = self.root_or_new(root);
        for (index, key) in path.iter().enumerate() {
            self.forget_extent(at);
            let (child, existed) = self.child_or_new(at, key);
            at = child;
            let below = path.get(index + 1..).unwrap_or_default();
            if existed && !below.is_empty() {
                let object = self.value(at).map(Type::unrolled).filter(|have| matches!(have, Type::Object(_)));
                if let Some(object) = object {
                    self.set(at, with_member(&object, below, of));
                }
            }
        }
        let mut joined = match self.value(at) {
            Some(have) => merged(have, of),
            None => of.clone(),
        };
        if matches!(of.unrolled(), Type::Object(_)) && self.has_children(at) {
            joined = joined.unrolled();
            for (path, leaf) in self.leaves(at) {
                if matches!(joined, Type::Object(_)) {
                    joined = with_member(&joined, &path, &leaf);
                }
            }
        }
        self.set(at, joined);
    }

    /// The topmost types below a node, with the paths to them.
    fn leaves(&self, id: NodeId) -> Vec<(Vec<Key>, Type)> {
        let mut leaves = Vec::new();
        let mut path: Vec<Key> = Vec::new();
        let mut stack: Vec<(usize, &Key, NodeId)> = Vec::new();
        if let Some(node) = self.node(id) {
            stack.extend(node.children.iter().rev().map(|(key, child)| (0, key, *child)));
        }
        while let Some((depth, key, id)) = stack.pop() {
            path.truncate(depth);
            path.push(key.clone());
            let Some(node) = self.node(id) else { continue };
            match &node.value {
                Some(of) => leaves.push((path.clone(), of.clone())),
                None => stack.extend(node.children.iter().rev().map(|(key, child)| (depth + 1, key, *child))),
            }
        }
        leaves
    }

    /// What a node is as a whole: its own type, else an object of what is below it and whatever data there may be.
    pub fn extent(&self, id: NodeId) -> Type {
        let mut stack = vec![(id, false)];
        while let Some((at, below_done)) = stack.pop() {
            let Some(node) = self.node(at) else { continue };
            if node.value.is_some() || node.extent.get().is_some() {
                continue;
            }
            if !below_done {
                stack.push((at, true));
                stack.extend(node.children.values().map(|child| (*child, false)));
                continue;
            }
            let members = node.children.iter().filter_map(|(key, child)| match key {
                Key::Value(key @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) => {
                    Some((key.clone(), self.known_extent(*child)))
                }
                _ => None,
            });
            let object = Type::object(members.collect(), Some((Type::String, Type::Any)));
            let _ = node.extent.set(object);
        }
        self.known_extent(id)
    }

    fn known_extent(&self, id: NodeId) -> Type {
        let node = self.node(id);
        node.and_then(|node| node.value.as_ref().or_else(|| node.extent.get())).cloned().unwrap_or(Type::Any)
    }
}

fn key_type(key: &Key) -> Type {
    match key {
        Key::Value(value) => super::terms::type_of_constant(value),
        Key::Var(_) => Type::Any,
    }
}

/// An object with a further member at a path of keys that are not kept apart.
fn with_member(object: &Type, path: &[Key], of: &Type) -> Type {
    let (Type::Object(object), Some((first, below))) = (object, path.split_first()) else {
        return object.clone();
    };
    let member = below.iter().rev().fold(of.clone(), |of, key| Type::object(Vec::new(), Some((key_type(key), of))));
    let key = key_type(first);
    let rest = match object.rest() {
        Some((keys, values)) => (keys.or(&key), values.or(&member)),
        None => (key, member),
    };
    Type::object(object.fixed().to_vec(), Some(rest))
}

/// The type of a document that two rules give: OPA's `mergeTypes`.
pub(super) fn merged(a: &Type, b: &Type) -> Type {
    if matches!(a, Type::Unknown) || matches!(b, Type::Unknown) {
        return a.or(b);
    }
    let (a, b) = (a.unrolled(), b.unrolled());
    let (a, b) = match (&a, &b) {
        (Type::Any | Type::OneOf(_), Type::Any | Type::OneOf(_)) => (a, b),
        (Type::Any | Type::OneOf(_), _) => (b, a),
        _ => (a, b),
    };
    match (&a, &b) {
        (Type::Object(x), Type::Object(y)) if x.fixed().is_empty() && y.fixed().is_empty() => {
            match (x.rest(), y.rest()) {
                (None, _) => b,
                (_, None) => a,
                (Some((key, value)), Some((other_key, other_value))) => {
                    Type::object(Vec::new(), Some((key.or(other_key), merged(value, other_value))))
                }
            }
        }
        (Type::Object(x), Type::OneOf(union)) if x.fixed().is_empty() && x.rest().is_some() => {
            let Some((key, value)) = x.rest() else { return a.or(&b) };
            let mut members = union.members().to_vec();
            for member in &mut members {
                if let Type::Object(object) = &*member
                    && object.fixed().is_empty()
                    && let Some((keys, values)) = object.rest()
                {
                    *member = Type::object(Vec::new(), Some((keys.or(key), values.or(value))));
                    return Type::one_of(members);
                }
            }
            a.or(&b)
        }
        (Type::Set(x), Type::Set(y)) => Type::set(x.of().or(y.of())),
        _ => a.or(&b),
    }
}

/// The keys of a path of constants.
pub(super) fn keys(path: &[Value]) -> Vec<Key> {
    path.iter().cloned().map(Key::Value).collect()
}

/// The key of a head's term: a constant, or the variable that it is.
pub(super) fn head_key(term: &Term) -> Option<Key> {
    match &term.kind {
        TermKind::Var(name) => Some(Key::Var(name.clone())),
        _ => scalar(term).map(Key::Value),
    }
}
