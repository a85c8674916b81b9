//! Compiled modules made ready to run, and queries of them. In: the compiler's trees. Out: groups of rules, one for each name,
//! that are lowered when they are first reached.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use super::code::{Block, Callee};
use super::index::{self, RuleIndex};
use super::lower;
use super::machine::Machine;
use super::{EvalCode, EvalError, Outcome, RunOptions, Tracer};
use crate::ast::{Body, Name, Rule, Term, TermKind, text};
use crate::budget::Exhausted;
use crate::builtins::{self, Context, Failure};
use crate::compile::{Compiled, CompiledQuery, NodeId, RuleId, RuleKind, RuleTree, TreeNode};
use crate::span::{Sources, Span};
use crate::value::{MAX_DEPTH, Text, Value};

/// A builtin of the embedding program's own.
pub type Custom = Arc<dyn Fn(&mut Context<'_>, &[Value]) -> Result<Option<Value>, Failure> + Send + Sync>;

/// How a program is made.
#[derive(Clone, Default)]
pub struct ProgramOptions {
    /// The program tells a [`Tracer`] what it does: for traces, coverage and profiles. It runs slower.
    pub instrument: bool,
    /// Builtins by name; their signatures are in the capabilities that the modules were compiled with.
    pub custom: BTreeMap<String, Custom>,
    /// The modules' texts, for places in messages.
    pub sources: Arc<Sources>,
    /// A field of the input of which every evaluation tells whether it looked at it ([`Outcome::looked`]).
    pub watched: Option<Text>,
}

/// Compiled modules, ready to run; shared by threads.
pub struct Program {
    pub(super) compiled: Arc<Compiled>,
    pub(super) options: ProgramOptions,
    pub(super) groups: Vec<Group>,
    groups_by_node: HashMap<NodeId, u32>,
    /// The node above, and the key that leads from it.
    parents: HashMap<NodeId, (NodeId, Value)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupKind {
    Complete,
    Function,
    Set,
    /// With keys that are found out, of values or of sets.
    Object,
}

/// All rules of one name.
pub(super) struct Group {
    pub number: u32,
    /// With `data`.
    pub path: Box<[Value]>,
    pub kind: GroupKind,
    pub arity: usize,
    /// Without `else` branches and without the default.
    rules: Vec<RuleId>,
    default: Option<RuleId>,
    /// By how many leading keys are given; the first of them without any.
    lowered: Vec<OnceLock<Result<Lowered, EvalError>>>,
}

/// The rules of a group as code.
pub(super) struct Lowered {
    /// A rule's branches follow it.
    pub rules: Vec<LoweredRule>,
    pub default: Option<LoweredRule>,
    pub index: RuleIndex,
    /// All rules have one constant for a value.
    pub uniform: bool,
}

pub(super) struct LoweredRule {
    pub block: Block,
    pub id: RuleId,
    pub span: Span,
    pub head_span: Span,
    /// Number of the rule that it is or is a branch of.
    pub chain: u32,
    pub constant: Option<Value>,
    /// Adds members to sets.
    pub member: bool,
}

/// A query of a program.
pub struct Prepared {
    program: Arc<Program>,
    pub(super) block: Block,
    pub(super) output: Output,
}

/// What a query's solutions are made of.
pub(super) struct Output {
    pub body: Arc<Body>,
    pub bindings: Vec<(Name, super::code::Src)>,
    pub expressions: Vec<(Option<super::code::Src>, Text, Span)>,
}

impl Program {
    pub fn new(compiled: Arc<Compiled>, options: ProgramOptions) -> Program {
        let mut program = Program {
            compiled: compiled.clone(),
            options,
            groups: Vec::new(),
            groups_by_node: HashMap::new(),
            parents: HashMap::new(),
        };
        let mut stack = vec![RuleTree::ROOT];
        while let Some(id) = stack.pop() {
            let Some(node) = compiled.tree.node(id) else { continue };
            if !node.rules.is_empty() {
                // Below a rule with keys that are found out, all rules are parts of its document.
                let mut rules = node.rules.clone();
                if rules.iter().filter_map(|id| compiled.info(*id)).any(|info| !info.is_ground()) {
                    compiled.tree.depth_first(id, |below, node| {
                        if below != id {
                            rules.extend(&node.rules);
                        }
                        true
                    });
                }
                let path = program.node_path(id);
                program.add_group(id, &path, &rules);
                continue;
            }
            for (key, child) in &node.children {
                program.parents.insert(*child, (id, key.clone()));
                stack.push(*child);
            }
        }
        program
    }

    fn add_group(&mut self, node: NodeId, path: &[Value], ids: &[RuleId]) {
        let number = u32::try_from(self.groups.len()).unwrap_or(u32::MAX);
        let infos: Vec<_> = ids.iter().filter_map(|id| Some((*id, self.compiled.info(*id)?))).collect();
        let default = infos.iter().find(|(_, info)| info.default).map(|(id, _)| *id);
        let rules = infos.iter().filter(|(_, info)| !info.default).map(|(id, _)| *id).collect();
        let arity = infos.iter().map(|(_, info)| info.arity).max().unwrap_or(0);
        let ground = infos.iter().all(|(_, info)| info.path.len() == path.len());
        let multi = infos.iter().any(|(_, info)| info.kind == RuleKind::MultiValue);
        let kind = match (arity > 0, ground, multi) {
            (true, ..) => GroupKind::Function,
            (_, true, false) => GroupKind::Complete,
            (_, true, true) => GroupKind::Set,
            (_, false, _) => GroupKind::Object,
        };
        let keys = match kind {
            GroupKind::Complete | GroupKind::Function => 0,
            _ => infos
                .iter()
                .map(|(_, info)| {
                    info.path.len().saturating_sub(path.len()) + usize::from(info.kind == RuleKind::MultiValue)
                })
                .max()
                .unwrap_or(0),
        };
        self.groups.push(Group {
            number,
            path: path.into(),
            kind,
            arity,
            rules,
            default,
            lowered: (0..=keys).map(|_| OnceLock::new()).collect(),
        });
        self.groups_by_node.insert(node, number);
    }

    /// Whether a path of the input leads to, or is above, what is watched.
    pub(super) fn is_watched(&self, path: &[Value]) -> bool {
        let Some(watched) = &self.options.watched else { return false };
        path.first().is_none_or(|key| !matches!(key, Value::String(key) if key != watched))
    }

    pub fn compiled(&self) -> &Arc<Compiled> {
        &self.compiled
    }

    /// Makes a query ready; `sources` has the texts of its expressions.
    pub fn prepare(self: &Arc<Program>, query: CompiledQuery, sources: &Sources) -> Result<Prepared, EvalError> {
        let (block, output) = lower::query(self, &query, sources)?;
        Ok(Prepared { program: self.clone(), block, output })
    }

    pub(super) fn group_at(&self, node: NodeId) -> Option<&Group> {
        self.groups.get(*self.groups_by_node.get(&node)? as usize)
    }

    pub(super) fn group(&self, number: u32) -> Result<&Group, EvalError> {
        self.groups.get(number as usize).ok_or_else(|| EvalError::new(EvalCode::Internal, None, "rule is not there"))
    }

    /// Whether no rule is on the path (without `data`) or below it.
    fn is_base(&self, path: &[Value]) -> bool {
        let tree = &self.compiled.tree;
        let mut node = tree.child(RuleTree::ROOT, &Value::string("data"));
        for key in path {
            let Some(at) = node else { return true };
            if self.group_at(at).is_some() {
                return false;
            }
            node = tree.child(at, key);
        }
        node.is_none()
    }

    pub(super) fn node_path(&self, node: NodeId) -> Vec<Value> {
        let mut path = Vec::new();
        let mut at = node;
        while let Some((parent, key)) = self.parents.get(&at) {
            path.push(key.clone());
            at = *parent;
        }
        path.reverse();
        path
    }

    /// The rules below a node, in order.
    pub(super) fn leaves(&self, node: NodeId) -> Result<Vec<u32>, Exhausted> {
        let mut leaves = Vec::new();
        let mut stack = vec![(node, 0)];
        while let Some((id, depth)) = stack.pop() {
            if depth > MAX_DEPTH {
                return Err(Exhausted::Depth);
            }
            if let Some(group) = self.group_at(id) {
                leaves.push(group.number);
                continue;
            }
            let Some(node) = self.compiled.tree.node(id) else { continue };
            stack.extend(self.shown(node).rev().map(|(_, child)| (child, depth + 1)));
        }
        Ok(leaves)
    }

    fn shown<'n>(&self, node: &'n TreeNode) -> impl DoubleEndedIterator<Item = (&'n Value, NodeId)> {
        node.children
            .iter()
            .map(|(key, child)| (key, *child))
            .filter(|(_, child)| self.compiled.tree.node(*child).is_some_and(|child| !child.hidden))
    }

    /// The document of a node of which the rules' values, in order, are known. No deeper than [`Program::leaves`] allowed.
    pub(super) fn assemble(&self, node: NodeId, found: &mut impl Iterator<Item = Option<Value>>) -> Value {
        let mut entries = Vec::new();
        if let Some(node) = self.compiled.tree.node(node) {
            for (key, child) in self.shown(node) {
                let value = match self.group_at(child) {
                    Some(_) => found.next().flatten(),
                    None => Some(self.assemble(child, found)),
                };
                entries.extend(value.map(|value| (key.clone(), value)));
            }
        }
        Value::object(entries)
    }

    pub(super) fn callee(&self, name: &str) -> Callee {
        if let Some(custom) = self.options.custom.get(name) {
            return Callee::Custom(name.into(), custom.clone());
        }
        builtins::named(name).map_or_else(|| Callee::Missing(name.into()), Callee::Builtin)
    }
}

impl Group {
    /// As it is written.
    pub fn name(&self) -> String {
        let term = |(at, key): (usize, &Value)| {
            let kind = match key {
                Value::String(name) if at == 0 => TermKind::Var(name.clone().into()),
                Value::String(name) => TermKind::String(name.clone().into()),
                Value::Number(number) => TermKind::Number(number.clone()),
                Value::Bool(value) => TermKind::Bool(*value),
                _ => TermKind::Null,
            };
            Term::new(Span::default(), kind)
        };
        text::reference(&self.path.iter().enumerate().map(term).collect::<Vec<_>>())
    }

    /// How many leading keys it can be asked for.
    pub fn keys(&self) -> usize {
        self.lowered.len() - 1
    }

    /// The code for when so many leading keys are given.
    pub fn lowered(&self, program: &Program, keys: usize) -> Result<&Lowered, EvalError> {
        let place =
            self.lowered.get(keys).ok_or_else(|| EvalError::new(EvalCode::Internal, None, "rule has fewer keys"))?;
        place.get_or_init(|| self.lower(program, keys)).as_ref().map_err(EvalError::clone)
    }

    fn lower(&self, program: &Program, keys: usize) -> Result<Lowered, EvalError> {
        let mut rules = Vec::new();
        let is_base = |path: &[Value]| program.is_base(path);
        let mut conditions = index::Reader::new(&is_base);
        for (chain, id) in self.rules.iter().enumerate() {
            let mut next = Some(*id);
            while let Some(id) = next {
                let (lowered, rule) = self.lower_rule(program, id, keys, u32::try_from(chain).unwrap_or(u32::MAX))?;
                conditions.rule(rule);
                rules.push(lowered);
                next = program.compiled.info(id).and_then(|info| info.next_else);
            }
        }
        let default = match self.default {
            Some(id) => Some(self.lower_rule(program, id, keys, u32::MAX)?.0),
            None => None,
        };
        let first = rules.first().and_then(|rule: &LoweredRule| rule.constant.clone());
        let uniform = first.is_some() && rules.iter().all(|rule| rule.constant == first);
        let one_value = uniform && matches!(self.kind, GroupKind::Complete | GroupKind::Function);
        let file = |source: u32| program.options.sources.get(source).map(|source| source.name.clone());
        let is_watched = |path: &[Value]| program.is_watched(path);
        let place = |span: Span| (file(span.source), span.source, span.start);
        let index = RuleIndex::new(conditions, one_value, place, is_watched);
        Ok(Lowered { rules, default, index, uniform })
    }

    fn lower_rule<'p>(
        &self,
        program: &'p Program,
        id: RuleId,
        keys: usize,
        chain: u32,
    ) -> Result<(LoweredRule, &'p Rule), EvalError> {
        let missing = || EvalError::new(EvalCode::Internal, None, "rule is not there");
        let rule = program.compiled.rule(id).ok_or_else(missing)?;
        let info = program.compiled.info(id).ok_or_else(missing)?;
        let (block, constant) = lower::rule(program, self, rule, info, keys)?;
        let lowered = LoweredRule {
            block,
            id,
            span: rule.span,
            head_span: rule.head.span,
            chain,
            constant,
            member: info.kind == RuleKind::MultiValue,
        };
        Ok((lowered, rule))
    }
}

impl Prepared {
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// All solutions.
    pub fn run(&self, input: Option<&Value>, data: &Value, options: &RunOptions) -> Result<Outcome, EvalError> {
        self.run_traced(input, data, options, None)
    }

    /// All solutions, and an account of the way to them where the program is instrumented.
    pub fn run_traced(
        &self,
        input: Option<&Value>,
        data: &Value,
        options: &RunOptions,
        tracer: Option<&mut dyn Tracer>,
    ) -> Result<Outcome, EvalError> {
        let mut machine = Machine::new(&self.program, self, input, data, options, tracer);
        let result = machine.run();
        let outcome = machine.end();
        match result {
            Ok(()) => Ok(outcome),
            Err(error) => Err(EvalError { printed: outcome.printed, ..error }),
        }
    }
}
