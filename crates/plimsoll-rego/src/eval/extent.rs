//! Documents amid the rule tree: partly rules', partly base documents. In: a node, and keys to go on by. Out: keys to iterate
//! over, the rule or document below a key, or all of it as one document.
//!
//! A cursor is two slots: the state (a node's number, null where no rules are any more, true where it is at a value) and the
//! path from `data` on, or the value.

use std::sync::LazyLock;

use super::EvalError;
use super::call::{Driver, Flow};
use super::code::{Block, Op, Slot};
use super::machine::{Machine, shallow};
use super::view::{MEMBER, merged, merging};
use crate::budget::{Exhausted, Meter};
use crate::compile::NodeId;
use crate::value::Value;

/// Evaluates all rules below a node, one after the other.
pub(super) struct Extents<'p> {
    leaves: Vec<u32>,
    next: usize,
    found: Vec<Option<Value>>,
    node: NodeId,
    base: Option<Value>,
    program: &'p super::Program,
}

/// The code of frames of extents: what is done when a leaf came back.
static LEAF: LazyLock<Block> = LazyLock::new(|| Block {
    ops: vec![Op::NextLeaf],
    spans: vec![crate::span::Span::default()],
    slots: 1,
    ..Block::default()
});

impl<'p> Machine<'p, '_> {
    fn node_path(&self, node: NodeId) -> Vec<Value> {
        self.program.node_path(node)
    }

    /// Puts a cursor at a node.
    pub fn cursor_at(&mut self, base: usize, dst: Slot, node: NodeId) -> Result<(), EvalError> {
        let path = self.node_path(node);
        let hidden = self.hides(&path)?;
        let state = if hidden { Value::Null } else { Value::int(i64::from(node.0)) };
        self.set(base, dst, state);
        self.set(base, dst + 1, Value::array(path));
        Ok(())
    }

    fn cursor(&self, base: usize, cursor: Slot) -> (Option<Value>, Value) {
        let register = |slot: Slot| self.buffers.registers.get(base + slot as usize).cloned().flatten();
        (register(cursor), register(cursor + 1).unwrap_or(Value::Null))
    }

    /// Goes on by a key.
    pub fn step(&mut self, base: usize, dst: Slot, cursor: Slot, key: Value) -> Result<Flow, EvalError> {
        let (state, payload) = self.cursor(base, cursor);
        let node = match state {
            Some(Value::Bool(_)) => {
                let Some(found) = payload.get(&key).cloned() else { return Ok(Flow::Fail) };
                self.set(base, dst, Value::Bool(true));
                self.set(base, dst + 1, found);
                return Ok(Flow::On);
            }
            Some(Value::Number(number)) => number.as_i64().and_then(|node| u32::try_from(node).ok()).map(NodeId),
            _ => None,
        };
        let mut path = match &payload {
            Value::Array(path) => path.items().to_vec(),
            _ => Vec::new(),
        };
        path.push(key.clone());
        self.meter.steps(path.len() as u64).map_err(|limit| self.exhausted_limit(limit))?;
        let hidden = self.hides(&path)?;
        let child = if hidden { None } else { node.and_then(|node| self.program.compiled.tree.child(node, &key)) };
        if let Some(child) = child {
            if let Some(group) = self.program.group_at(child) {
                let number = group.number;
                self.set(base, dst, Value::Bool(true));
                return self.call_whole(number, dst + 1);
            }
            self.set(base, dst, Value::int(i64::from(child.0)));
            self.set(base, dst + 1, Value::array(path));
            return Ok(Flow::On);
        }
        // Where nothing is replaced no path is needed any more.
        if self.buffers.views.get(self.view as usize).is_some_and(|view| view.targets.is_empty()) {
            let Some(found) = self.document(path.get(1..).unwrap_or(&[]))? else { return Ok(Flow::Fail) };
            self.set(base, dst, Value::Bool(true));
            self.set(base, dst + 1, found);
            return Ok(Flow::On);
        }
        self.set(base, dst, Value::Null);
        self.set(base, dst + 1, Value::array(path));
        Ok(Flow::On)
    }

    /// The keys at a cursor: those of base documents, then those of rules.
    pub fn keys(&mut self, base: usize, cursor: Slot) -> Result<Vec<Value>, EvalError> {
        let (state, payload) = self.cursor(base, cursor);
        if let Some(Value::Bool(_)) = state {
            return Ok(keys_of(&payload));
        }
        let document = self.document_at(&payload)?;
        let mut keys = document.as_ref().map(keys_of).unwrap_or_default();
        if let Some(Value::Number(number)) = state
            && let Some(node) = number.as_i64().and_then(|node| u32::try_from(node).ok())
            && let Some(node) = self.program.compiled.tree.node(NodeId(node))
        {
            for key in node.children.keys() {
                if document.as_ref().is_none_or(|document| document.get(key).is_none()) {
                    keys.push(key.clone());
                }
            }
        }
        Ok(keys)
    }

    fn document_at(&mut self, path: &Value) -> Result<Option<Value>, EvalError> {
        match path {
            Value::Array(path) => self.document(path.items().get(1..).unwrap_or(&[])),
            _ => Ok(None),
        }
    }

    /// All that is at a cursor.
    pub fn extent(&mut self, base: usize, dst: Slot, cursor: Slot) -> Result<Flow, EvalError> {
        let (state, payload) = self.cursor(base, cursor);
        let node = match state {
            Some(Value::Bool(_)) => return Ok(self.answer(dst, payload)),
            Some(Value::Number(number)) => number.as_i64().and_then(|node| u32::try_from(node).ok()).map(NodeId),
            _ => None,
        };
        let document = self.document_at(&payload)?;
        let Some(node) = node else {
            return Ok(match document {
                Some(document) => self.answer(dst, document),
                None => Flow::Fail,
            });
        };
        let leaves = self.program.leaves(node).map_err(|limit| self.exhausted_limit(limit))?;
        self.meter.steps(leaves.len() as u64).map_err(|limit| self.exhausted_limit(limit))?;
        let top = self.buffers.registers.len();
        let candidates = self.buffers.candidates.len();
        let extents = Extents { leaves, next: 0, found: Vec::new(), node, base: document, program: self.program };
        self.push(top, candidates, dst, Driver::Extents(extents))?;
        self.grow(top, LEAF.slots)?;
        if let Some(frame) = self.frames.last_mut() {
            frame.block = &LEAF;
        }
        self.run_leaf()
    }

    /// Calls leaves until one has to run, or all are known.
    fn run_leaf(&mut self) -> Result<Flow, EvalError> {
        loop {
            let Some(frame) = self.frames.last_mut() else { return Err(self.internal("no extent")) };
            let Driver::Extents(extents) = &mut frame.driver else { return Err(self.internal("no extent")) };
            frame.pc = 0;
            let Some(group) = extents.leaves.get(extents.next) else { return self.finish_extents() };
            extents.next += 1;
            let group = *group;
            match self.call_whole(group, 0)? {
                Flow::Reload => return Ok(Flow::Reload),
                Flow::On => self.leaf_is(true),
                Flow::Fail => self.leaf_is(false),
            }
        }
    }

    fn leaf_is(&mut self, defined: bool) {
        let Some(frame) = self.frames.last_mut() else { return };
        let found = self.buffers.registers.get_mut(frame.base).and_then(Option::take);
        if let Driver::Extents(extents) = &mut frame.driver {
            extents.found.push(found.filter(|_| defined));
        }
    }

    /// A leaf came back with a value.
    pub fn next_leaf(&mut self) -> Result<Flow, EvalError> {
        self.leaf_is(true);
        self.run_leaf()
    }

    pub fn leaf_is_undefined(&mut self) -> Result<Flow, EvalError> {
        self.leaf_is(false);
        self.run_leaf()
    }
}

impl Extents<'_> {
    /// The rules' values in the tree's shape, below them the base document's.
    pub fn finish(self, meter: &mut Meter) -> Result<Value, Exhausted> {
        let mut found = self.found.into_iter();
        let rules = self.program.assemble(self.node, &mut found);
        let value = match self.base {
            Some(base) => {
                let members = merging(&base, &rules);
                meter.steps(members)?;
                meter.memory(members.saturating_mul(MEMBER))?;
                merged(&base, &rules)
            }
            None => rules,
        };
        shallow(&value)?;
        Ok(value)
    }
}

fn keys_of(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(array) => {
            (0..array.items().len()).map(|at| Value::int(i64::try_from(at).unwrap_or(i64::MAX))).collect()
        }
        Value::Object(object) => object.entries().iter().map(|(key, _)| key.clone()).collect(),
        Value::Set(set) => set.members().to_vec(),
        _ => Vec::new(),
    }
}
