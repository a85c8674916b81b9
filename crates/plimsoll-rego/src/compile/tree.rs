//! Rules by path. In: compiled modules. Out: a tree of the ground parts of rules' paths, from `data` down, as OPA's rule tree,
//! and what of each rule does not change while it is rewritten. Every walk has its own stack: paths are as long as users like.

use std::collections::BTreeMap;

use crate::ast::{Head, Module, Rule, Term, TermKind};
use crate::span::Span;
use crate::value::Value;

/// A rule or one of its `else` branches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuleKind {
    SingleValue,
    /// `contains`
    MultiValue,
}

/// What does not change of a rule while it is rewritten.
#[derive(Debug, Clone)]
pub struct RuleInfo {
    /// Index in [`super::Compiled::modules`].
    pub module: u32,
    /// Index in the module's rules.
    pub index: u32,
    /// 0 for the rule, 1 for its first `else` …
    pub else_depth: u32,
    pub next_else: Option<RuleId>,
    /// Its path from `data` down; none where it has a variable.
    pub path: Vec<Option<Value>>,
    /// How many elements of `path` come before the first variable.
    pub ground: usize,
    /// How many elements of `path` are the package's.
    pub package: usize,
    pub arity: usize,
    pub kind: RuleKind,
    pub default: bool,
    pub span: Span,
}

impl RuleInfo {
    pub fn is_ground(&self) -> bool {
        self.ground == self.path.len()
    }
}

#[derive(Debug, Clone)]
pub struct TreeNode {
    pub key: Value,
    /// In OPA's order of values.
    pub children: BTreeMap<Value, NodeId>,
    /// Without `else` branches.
    pub rules: Vec<RuleId>,
    /// `data.system`: not seen by references that iterate.
    pub hidden: bool,
}

/// The rule tree; its root has the one child `"data"`.
#[derive(Debug, Clone)]
pub struct RuleTree {
    nodes: Vec<TreeNode>,
}

/// The value of a constant term that may be a key of the tree.
pub fn scalar(term: &Term) -> Option<Value> {
    Some(match &term.kind {
        TermKind::Null => Value::Null,
        TermKind::Bool(value) => Value::Bool(*value),
        TermKind::Number(number) => Value::Number(number.clone()),
        TermKind::String(text) => Value::string(&**text),
        _ => return None,
    })
}

/// The keys of a reference: its head's name, then constants; none where a term is no scalar.
pub fn keys(reference: &[Term]) -> Vec<Option<Value>> {
    let key = |(at, term): (usize, &Term)| match &term.kind {
        TermKind::Var(name) if at == 0 => Some(Value::string(&**name)),
        _ => scalar(term),
    };
    reference.iter().enumerate().map(key).collect()
}

pub(super) fn kind(head: &Head) -> RuleKind {
    if head.value.is_some() { RuleKind::SingleValue } else { RuleKind::MultiValue }
}

impl RuleTree {
    pub const ROOT: NodeId = NodeId(0);

    pub(crate) fn empty() -> RuleTree {
        RuleTree { nodes: vec![TreeNode::new(Value::string(""))] }
    }

    /// The tree of modules whose heads hold only constants and variables.
    pub(super) fn build(modules: &[Module]) -> (RuleTree, Vec<RuleInfo>) {
        let mut tree = RuleTree::empty();
        let mut rules: Vec<RuleInfo> = Vec::new();
        let mut order: Vec<usize> = (0..modules.len()).collect();
        let packages: Vec<Vec<Option<Value>>> = modules.iter().map(|module| keys(&module.package.path)).collect();
        order.sort_by(|a, b| packages.get(*a).cmp(&packages.get(*b)));
        for at in order {
            let (Some(module), Some(package)) = (modules.get(at), packages.get(at)) else { continue };
            if module.rules.is_empty() {
                tree.insert(package);
            }
            for (index, rule) in module.rules.iter().enumerate() {
                let id = tree.add(&mut rules, package, rule, (at, index));
                let mut depth = 0_u32;
                let mut last = id;
                let mut branch = rule.else_rule.as_deref();
                while let Some(other) = branch {
                    depth += 1;
                    let mut info = info(package, other, (at, index));
                    info.else_depth = depth;
                    let next = RuleId(narrow(rules.len()));
                    rules.push(info);
                    if let Some(previous) = rules.get_mut(last.0 as usize) {
                        previous.next_else = Some(next);
                    }
                    last = next;
                    branch = other.else_rule.as_deref();
                }
            }
        }
        let system = [Some(Value::string("data")), Some(Value::string("system"))];
        if let Some(id) = tree.find(&system)
            && let Some(node) = tree.nodes.get_mut(id.0 as usize)
        {
            node.hidden = true;
        }
        (tree, rules)
    }

    fn add(&mut self, rules: &mut Vec<RuleInfo>, package: &[Option<Value>], rule: &Rule, at: (usize, usize)) -> RuleId {
        let id = RuleId(narrow(rules.len()));
        let info = info(package, rule, at);
        let node = self.insert(info.path.get(..info.ground).unwrap_or(&[]));
        rules.push(info);
        if let Some(node) = self.nodes.get_mut(node.0 as usize) {
            node.rules.push(id);
        }
        id
    }

    fn insert(&mut self, path: &[Option<Value>]) -> NodeId {
        let mut at = RuleTree::ROOT;
        for key in path.iter().flatten() {
            at = match self.child(at, key) {
                Some(next) => next,
                None => {
                    let next = NodeId(narrow(self.nodes.len()));
                    self.nodes.push(TreeNode::new(key.clone()));
                    if let Some(node) = self.nodes.get_mut(at.0 as usize) {
                        node.children.insert(key.clone(), next);
                    }
                    next
                }
            };
        }
        at
    }

    pub fn node(&self, id: NodeId) -> Option<&TreeNode> {
        self.nodes.get(id.0 as usize)
    }

    pub fn child(&self, id: NodeId, key: &Value) -> Option<NodeId> {
        self.node(id)?.children.get(key).copied()
    }

    /// The node at exactly this path; none for a path with a variable.
    pub fn find(&self, path: &[Option<Value>]) -> Option<NodeId> {
        path.iter().try_fold(RuleTree::ROOT, |at, key| self.child(at, key.as_ref()?))
    }

    /// The rules at exactly this reference.
    pub fn rules_exact(&self, reference: &[Term]) -> &[RuleId] {
        let mut at = RuleTree::ROOT;
        for (index, term) in reference.iter().enumerate() {
            let next = match &term.kind {
                TermKind::Var(name) if index == 0 => self.child(at, &Value::string(&**name)),
                _ => scalar(term).and_then(|key| self.child(at, &key)),
            };
            match next {
                Some(next) => at = next,
                None => return &[],
            }
        }
        self.node(at).map_or(&[], |node| &node.rules)
    }

    /// The node, then everything below it, children in order; `enter` says whether to go below a node.
    pub fn depth_first(&self, from: NodeId, mut enter: impl FnMut(NodeId, &TreeNode) -> bool) {
        let mut stack = vec![from];
        while let Some(id) = stack.pop() {
            let Some(node) = self.node(id) else { continue };
            if enter(id, node) {
                stack.extend(node.children.values().rev());
            }
        }
    }

    /// Rules that a reference may give, as far as its constants tell: OPA's `GetRulesDynamicWithOpts`, hidden ones included
    /// where `hidden`. In the order of the tree, each once.
    pub fn rules_of(&self, rules: &[RuleInfo], reference: &[Option<Value>], hidden: bool) -> Vec<RuleId> {
        let mut found = Vec::new();
        let mut stack = vec![(RuleTree::ROOT, 0_usize)];
        let meets = |id: &RuleId, from: usize| {
            let path = rules.get(id.0 as usize).map_or(&[][..], |info| &info.path);
            let pairs = path.iter().zip(reference).skip(from);
            pairs.into_iter().all(|(a, b)| match (a, b) {
                (Some(a), Some(b)) => a == b,
                _ => true,
            })
        };
        while let Some((id, at)) = stack.pop() {
            let Some(node) = self.node(id) else { continue };
            match reference.get(at) {
                None => self.depth_first(id, |_, below| {
                    found.extend(&below.rules);
                    hidden || !below.hidden
                }),
                Some(Some(key)) => {
                    if let Some(child) = node.children.get(key) {
                        let rules = self.node(*child).map_or(&[][..], |child| &child.rules);
                        found.extend(rules.iter().filter(|id| meets(id, at + 1)));
                        stack.push((*child, at + 1));
                    }
                }
                Some(None) if at > 0 => {
                    for child in node.children.values().rev() {
                        let Some(below) = self.node(*child) else { continue };
                        if below.hidden && !hidden {
                            continue;
                        }
                        found.extend(below.rules.iter().filter(|id| meets(id, at + 1)));
                        stack.push((*child, at + 1));
                    }
                }
                Some(None) => {}
            }
        }
        found.sort();
        found.dedup();
        found
    }
}

impl TreeNode {
    fn new(key: Value) -> TreeNode {
        TreeNode { key, children: BTreeMap::new(), rules: Vec::new(), hidden: false }
    }
}

fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn info(package: &[Option<Value>], rule: &Rule, (module, index): (usize, usize)) -> RuleInfo {
    let mut path = package.to_vec();
    path.extend(keys(&rule.head.reference));
    let ground = path.iter().position(Option::is_none).unwrap_or(path.len());
    RuleInfo {
        module: narrow(module),
        index: narrow(index),
        else_depth: 0,
        next_else: None,
        ground,
        package: package.len(),
        path,
        arity: rule.head.args.len(),
        kind: kind(&rule.head),
        default: rule.default,
        span: rule.span,
    }
}
