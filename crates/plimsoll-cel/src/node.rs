//! A checked expression in the form that is evaluated: names are numbers, functions are found, macros are loops.

use std::sync::Arc;

use crate::ast::Gives;
use crate::types::Type;
use crate::value::Value;

/// A compiled expression. It keeps nothing between evaluations and may be shared by threads.
#[derive(Debug)]
pub struct Program {
    pub(crate) root: Node,
    pub(crate) slots: usize,
    pub(crate) output: Type,
    pub(crate) text: Arc<str>,
    /// The variables' names, by their numbers.
    pub(crate) names: Arc<[Arc<str>]>,
}

impl Program {
    /// The type of its values, as far as it is known.
    pub fn output(&self) -> &Type {
        &self.output
    }

    pub fn text(&self) -> &str {
        &self.text
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug)]
pub(crate) enum Node {
    Const(Value),
    Local(usize),
    Variable(usize),
    Lazy {
        variable: usize,
        field: Arc<str>,
    },
    Select {
        operand: Box<Node>,
        field: Arc<str>,
    },
    OptionalSelect {
        operand: Box<Node>,
        field: Arc<str>,
    },
    Has {
        operand: Box<Node>,
        field: Arc<str>,
    },
    Index(Box<[Node; 2]>),
    OptionalIndex(Box<[Node; 2]>),
    Call {
        function: usize,
        overloads: Box<[u16]>,
        args: Box<[Node]>,
    },
    /// Whether the types are known, for then texts cost by their length.
    Arithmetic {
        operator: char,
        sides: Box<[Node; 2]>,
        known: bool,
    },
    Equal {
        sides: Box<[Node; 2]>,
        negated: bool,
    },
    Order {
        order: Order,
        sides: Box<[Node; 2]>,
        known: bool,
    },
    In {
        sides: Box<[Node; 2]>,
        known: bool,
    },
    And(Box<[Node]>),
    Or(Box<[Node]>),
    Conditional(Box<[Node; 3]>),
    List(Box<[(Node, bool)]>),
    Map(Box<[(Node, Node, bool)]>),
    Struct {
        name: Arc<str>,
        fields: Box<[(Arc<str>, Node, bool)]>,
    },
    Fold(Box<FoldNode>),
    Bind {
        slot: usize,
        value: Box<Node>,
        body: Box<Node>,
    },
    /// Whether the body uses the name matters for what it costs alone.
    OptionalMap {
        slot: usize,
        target: Box<Node>,
        body: Box<Node>,
        flat: bool,
        used: bool,
    },
    /// `or`, and `orValue` where `plain`: the second only where the first has no value.
    OrElse {
        sides: Box<[Node; 2]>,
        plain: bool,
    },
    Extreme {
        greatest: bool,
        args: Box<[Node]>,
    },
}

impl Node {
    /// A name, with fields and indexes below it.
    pub fn is_path(&self) -> bool {
        matches!(
            self,
            Node::Local(_)
                | Node::Variable(_)
                | Node::Lazy { .. }
                | Node::Select { .. }
                | Node::OptionalSelect { .. }
                | Node::Index(_)
                | Node::OptionalIndex(_)
        )
    }
}

#[derive(Debug)]
pub(crate) struct FoldNode {
    pub gives: Gives,
    pub range: Node,
    pub first: usize,
    /// The second variable's slot.
    pub second: Option<usize>,
    pub filter: Option<Node>,
    pub step: Option<Node>,
    /// Whether the type of what `step` gives is known, for then sorting costs by the number of items.
    pub known: bool,
}
