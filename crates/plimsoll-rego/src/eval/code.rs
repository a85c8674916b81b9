//! The form that rules run in: blocks of linear instructions over numbered slots. In: nothing; these are the words that
//! lowering writes and the machine reads.
//!
//! Every slot is written once on any way through a block, and which slots are written where is known when the block is made:
//! going back to a choice point therefore has nothing to undo.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use super::program::Custom;
use crate::ast::{Body, Expr, Name};
use crate::builtins::Builtin;
use crate::compile::NodeId;
use crate::span::Span;
use crate::value::Value;

pub(super) type Slot = u32;

/// A place that nothing is written to.
pub(super) const NOWHERE: Slot = u32::MAX;

/// Where a value comes from: a slot, or a constant of the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Src(u32);

const CONSTANT: u32 = 1 << 31;

impl Src {
    pub fn slot(slot: Slot) -> Src {
        Src(slot & !CONSTANT)
    }

    pub fn constant(index: u32) -> Src {
        Src(index | CONSTANT)
    }

    /// `Err` with the constant's index where it is one.
    #[inline(always)]
    pub fn place(self) -> Result<usize, usize> {
        if self.0 & CONSTANT == 0 { Ok(self.0 as usize) } else { Err((self.0 & !CONSTANT) as usize) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Test {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    StartsWith,
    EndsWith,
    Contains,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Plus,
    Minus,
    Times,
    Divide,
    Remainder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Collection {
    Array,
    Set,
    Object,
}

/// An index into one of the block's tables.
pub(super) type Index = u32;

#[derive(Debug, Clone, Copy)]
pub(super) enum Op {
    Fail,
    Equal {
        a: Src,
        b: Src,
    },
    /// Fails on `false`.
    Truthy {
        src: Src,
    },
    Input {
        dst: Slot,
    },
    InputPath {
        dst: Slot,
        path: Index,
        /// It leads to what is watched.
        watched: bool,
    },
    Path {
        dst: Slot,
        src: Src,
        path: Index,
    },
    Get {
        dst: Slot,
        src: Src,
        key: Src,
    },
    /// Base documents only: no rule is at, above or below the path.
    Data {
        dst: Slot,
        path: Index,
    },
    /// The whole value of a rule.
    Call {
        dst: Slot,
        group: Index,
    },
    /// Of a partial rule only what the keys can find.
    CallKeys {
        dst: Slot,
        group: Index,
        keys: Index,
    },
    Function {
        dst: Slot,
        group: Index,
        args: Index,
    },
    Builtin {
        dst: Slot,
        callee: Index,
        args: Index,
    },
    Test {
        test: Test,
        a: Src,
        b: Src,
        callee: Index,
    },
    Compare {
        test: Test,
        dst: Slot,
        a: Src,
        b: Src,
        callee: Index,
    },
    Arithmetic {
        how: Arithmetic,
        dst: Slot,
        a: Src,
        b: Src,
        callee: Index,
    },
    Make {
        what: Collection,
        dst: Slot,
        items: Index,
    },
    IsArray {
        src: Src,
        length: u32,
    },
    IsObject {
        src: Src,
        length: u32,
    },
    Scan {
        src: Src,
        key: Slot,
        value: Slot,
    },
    /// The members of which a test holds, with the instructions `Scan` and `Test` that it stands for: the latter follows it, and
    /// runs where it takes more than comparing.
    ScanTest {
        src: Src,
        value: Slot,
        test: Test,
        other: Src,
        /// The member is what the test is of, not what it is tested against.
        first: bool,
        callee: Index,
    },
    /// Keys of the members that equal `want`; a set is asked, not walked.
    ScanFor {
        src: Src,
        key: Slot,
        want: Src,
    },
    /// Only collections pass.
    IsCollection {
        src: Src,
    },
    /// A choice point that goes on elsewhere.
    Barrier {
        otherwise: Index,
    },
    Jump {
        to: Index,
    },
    /// Drops the choice points down to the newest barrier.
    Cut,
    CutFail,
    /// A barrier, and a new collection that is filled before it is reached.
    Collect {
        otherwise: Index,
    },
    Add {
        key: Src,
        value: Src,
        /// The key is kept as well.
        pair: bool,
    },
    Collected {
        what: Collection,
        dst: Slot,
    },
    With {
        with: Index,
    },
    WithEnd,
    /// A cursor (two slots) at a node of the rule tree.
    Tree {
        dst: Slot,
        node: NodeId,
    },
    Step {
        dst: Slot,
        cursor: Slot,
        key: Src,
    },
    Keys {
        dst: Slot,
        cursor: Slot,
    },
    Extent {
        dst: Slot,
        cursor: Slot,
    },
    /// The body of a complete rule or function holds.
    Done {
        value: Src,
    },
    /// The body of a partial rule holds.
    DonePartial {
        path: Index,
        value: Src,
    },
    /// The query holds.
    Solution,
    /// What follows asks for a variable that never has a value.
    Unbound,
    /// A leaf of an extent came back.
    NextLeaf,
    TraceBegin {
        expr: Index,
        mark: Slot,
    },
    TraceEnd {
        expr: Index,
        mark: Slot,
    },
    TraceEnter {
        body: Index,
        save: Slot,
    },
    TraceLeave {
        body: Index,
        save: Slot,
    },
}

/// What a builtin's call calls.
#[derive(Clone)]
pub(super) enum Callee {
    Builtin(&'static Builtin),
    Custom(Arc<str>, Custom),
    /// Known to the compiler, but not here.
    Missing(Arc<str>),
}

impl Callee {
    pub fn name(&self) -> &str {
        match self {
            Callee::Builtin(builtin) => builtin.name,
            Callee::Custom(name, _) | Callee::Missing(name) => name,
        }
    }
}

#[derive(Clone)]
pub(super) enum WithTarget {
    /// Path below `input`.
    Input(Box<[Value]>),
    /// Path with `data`.
    Data(Box<[Value]>),
    Function(Index),
    Builtin(Arc<str>),
}

#[derive(Clone)]
pub(super) enum WithValue {
    Value(Src),
    Function(Index),
    /// A rule's value instead of a function's: asked for when the function is called.
    Rule(Index),
    Builtin(Callee),
}

pub(super) struct With {
    pub targets: Vec<(WithTarget, WithValue)>,
}

/// An expression for traces, and the variables that have values before and after it.
pub(super) struct Traced {
    pub expr: Arc<Expr>,
    pub before: Vec<(Name, Src)>,
    pub after: Vec<(Name, Src)>,
}

/// Keys that are followed one after the other.
pub(super) struct Path {
    keys: Box<[Value]>,
    /// Where each key was last, by its number among an object's: documents of one kind are mostly alike, and one look tells.
    /// Where documents disagree, more is looked through, and threads wait for one another's notes.
    seen_at: Box<[AtomicU32]>,
}

impl Path {
    pub fn new(keys: Vec<Value>) -> Path {
        let seen_at = keys.iter().map(|_| AtomicU32::new(0)).collect();
        Path { keys: keys.into(), seen_at }
    }

    pub fn keys(&self) -> &[Value] {
        &self.keys
    }

    #[inline]
    pub fn follow<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        let mut at = value;
        for (key, seen_at) in self.keys.iter().zip(&self.seen_at) {
            at = match at {
                Value::Object(object) => object.get_near(key, seen_at)?,
                other => other.get(key)?,
            };
        }
        Some(at)
    }
}

/// Code with its tables.
#[derive(Default)]
pub(super) struct Block {
    pub ops: Vec<Op>,
    /// Of each instruction.
    pub spans: Vec<Span>,
    pub constants: Vec<Value>,
    pub paths: Vec<Path>,
    pub lists: Vec<Box<[Src]>>,
    pub callees: Vec<Callee>,
    pub withs: Vec<With>,
    pub slots: u32,
    pub traced: Vec<Traced>,
    pub bodies: Vec<Arc<Body>>,
}
