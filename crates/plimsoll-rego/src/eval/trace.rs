//! What an evaluation tells while it runs. In: events of the machine. Out: whatever a [`Tracer`] makes of them. Only programs
//! that were made with [`super::ProgramOptions::instrument`] tell anything; others pay nothing for it.

use std::collections::BTreeSet;

use crate::ast::{Body, Expr, Name, Rule};
use crate::span::Span;
use crate::value::Value;

/// What happened, in OPA's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventOp {
    Enter,
    Exit,
    Eval,
    Redo,
    Fail,
    Note,
    Index,
    Duplicate,
}

impl EventOp {
    pub fn as_str(self) -> &'static str {
        match self {
            EventOp::Enter => "Enter",
            EventOp::Exit => "Exit",
            EventOp::Eval => "Eval",
            EventOp::Redo => "Redo",
            EventOp::Fail => "Fail",
            EventOp::Note => "Note",
            EventOp::Index => "Index",
            EventOp::Duplicate => "Duplicate",
        }
    }
}

/// What it happened to.
#[derive(Debug, Clone, Copy)]
pub enum Node<'a> {
    Rule(&'a Rule),
    Expr(&'a Expr),
    Body(&'a Body),
}

/// One event.
#[derive(Debug)]
pub struct Event<'a> {
    pub op: EventOp,
    /// Of the body that is being evaluated; the query has 0.
    pub query_id: u64,
    pub parent_id: u64,
    /// Of `Note` the query.
    pub node: Node<'a>,
    pub span: Span,
    /// `(matched 1 rule)` of `Index`, what `trace` said of `Note`, `early` of `Exit`.
    pub message: &'a str,
    /// Path of the rules that `Index` speaks of.
    pub target: Option<&'a [Value]>,
    /// Variables with values, by the compiler's names; empty unless [`Tracer::wants_locals`].
    pub locals: &'a [(Name, Value)],
}

/// An event that is told later: what a call does after it gave its value is in OPA's order told when it is gone back to.
#[derive(Debug, Clone)]
pub(super) struct Later {
    pub op: EventOp,
    pub query_id: u64,
    pub parent_id: u64,
    pub node: LaterNode,
    pub span: Span,
    pub message: String,
    pub target: Option<Box<[Value]>>,
    pub locals: Vec<(Name, Value)>,
}

#[derive(Debug, Clone)]
pub(super) enum LaterNode {
    Rule(Box<Rule>),
    Expr(Box<Expr>),
    Body(Box<Body>),
}

impl Later {
    pub fn of(event: &Event<'_>) -> Later {
        Later {
            op: event.op,
            query_id: event.query_id,
            parent_id: event.parent_id,
            node: match event.node {
                Node::Rule(rule) => LaterNode::Rule(Box::new(rule.clone())),
                Node::Expr(expr) => LaterNode::Expr(Box::new(expr.clone())),
                Node::Body(body) => LaterNode::Body(Box::new(body.clone())),
            },
            span: event.span,
            message: event.message.to_owned(),
            target: event.target.map(Into::into),
            locals: event.locals.to_vec(),
        }
    }

    pub fn event(&self) -> Event<'_> {
        Event {
            op: self.op,
            query_id: self.query_id,
            parent_id: self.parent_id,
            node: match &self.node {
                LaterNode::Rule(rule) => Node::Rule(rule),
                LaterNode::Expr(expr) => Node::Expr(expr),
                LaterNode::Body(body) => Node::Body(body),
            },
            span: self.span,
            message: &self.message,
            target: self.target.as_deref(),
            locals: &self.locals,
        }
    }
}

/// Listens to an evaluation.
pub trait Tracer {
    fn event(&mut self, event: &Event<'_>);

    /// Whether the values of variables are to be collected for each event.
    fn wants_locals(&self) -> bool {
        false
    }
}

/// Which expressions were evaluated and which rules held.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    pub expressions: BTreeSet<Span>,
    pub rules: BTreeSet<Span>,
}

impl Tracer for Coverage {
    fn event(&mut self, event: &Event<'_>) {
        match (event.op, event.node) {
            (EventOp::Eval, Node::Expr(expr)) => {
                self.expressions.insert(expr.span);
            }
            (EventOp::Exit, Node::Rule(rule)) => {
                self.rules.insert(rule.head.span);
            }
            _ => {}
        }
    }
}
