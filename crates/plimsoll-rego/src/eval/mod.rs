//! Runs compiled programs. In: what the compiler gives ([`Compiled`](crate::compile::Compiled), [`CompiledQuery`](crate::compile::CompiledQuery)), an input, data, and a budget. Out:
//! the solutions of a query, or why there are none that can be trusted. It parses and checks nothing, and touches no clock.
//!
//! A [`Program`] is shared between threads and evaluations; its rules are lowered to linear code when they are first
//! reached. A [`Prepared`] is one query of it. An evaluation keeps its calls, choice points and values on stacks of its own,
//! so that no policy, input or data decides how much of the thread's stack is used.

mod builder;
mod call;
mod code;
mod extent;
mod index;
mod lower;
mod machine;
mod memo;
mod program;
mod same;
mod trace;
mod view;

use std::collections::BTreeMap;

pub use program::{Custom, Prepared, Program, ProgramOptions};
pub use trace::{Coverage, Event, EventOp, Node, Tracer};

use crate::ast::Name;
use crate::budget::{Budget, Exhausted};
use crate::builtins::World;
use crate::span::{Sources, Span};
use crate::value::{Text, Value};

/// What an evaluation is given besides input and data.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    pub budget: Budget,
    pub world: World,
    /// The first error of a builtin ends the evaluation; otherwise the call is undefined and the error is listed.
    pub strict_builtin_errors: bool,
}

/// How an evaluation went.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// In the order in which they were found, which is sorted wherever something was iterated over.
    pub solutions: Vec<Solution>,
    /// Errors of builtins that made calls undefined, in order, at most [`MAX_LISTED_ERRORS`] of them.
    pub builtin_errors: Vec<EvalError>,
    /// What `print` said, in order.
    pub printed: Vec<Printed>,
    pub metrics: Metrics,
    /// Whether it looked at the watched field of the input ([`ProgramOptions::watched`]), or may have: false says that with
    /// another value there all would have gone the same way. It means nothing where no field is watched.
    pub looked: bool,
}

/// More errors of builtins than this are counted, not listed.
pub const MAX_LISTED_ERRORS: usize = 1000;

/// A line of `print`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    pub span: Span,
    pub text: String,
}

/// What an evaluation took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Metrics {
    pub steps: u64,
    /// Bytes of values made.
    pub memory: u64,
    /// Calls of rules and functions that were evaluated, and those that were answered from what was known.
    pub calls: u64,
    pub cached: u64,
    /// All errors of builtins, listed or not.
    pub builtin_errors: u64,
}

/// One way in which the query holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Solution {
    /// By the names that were written; wildcards are not among them.
    pub bindings: BTreeMap<Name, Value>,
    pub expressions: Vec<ExpressionValue>,
}

/// One expression of the query in one solution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionValue {
    pub value: Value,
    pub text: Text,
    pub span: Span,
}

/// Why an evaluation ended without an answer, or why a builtin gave none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvalError {
    pub code: EvalCode,
    /// OPA's words, without place and code.
    pub message: String,
    pub span: Option<Span>,
    /// What `print` had said before the evaluation ended; of errors that ended none it is empty.
    pub printed: Vec<Printed>,
}

/// OPA's codes of errors of evaluation, and ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EvalCode {
    /// `eval_internal_error`
    Internal,
    /// `eval_cancel_error`: cancelled, or past the deadline.
    Cancel,
    /// `eval_conflict_error`
    Conflict,
    /// `eval_type_error`
    Type,
    /// `eval_builtin_error`
    Builtin,
    /// `eval_with_merge_error`
    WithMerge,
    /// `eval_budget_error`: too many steps, too much memory, too deep. OPA has none such.
    Budget,
    /// `eval_denied_error`: a builtin that reaches outside, and no capability that allows it. OPA has none such.
    Denied,
}

impl EvalCode {
    pub fn as_str(self) -> &'static str {
        match self {
            EvalCode::Internal => "eval_internal_error",
            EvalCode::Cancel => "eval_cancel_error",
            EvalCode::Conflict => "eval_conflict_error",
            EvalCode::Type => "eval_type_error",
            EvalCode::Builtin => "eval_builtin_error",
            EvalCode::WithMerge => "eval_with_merge_error",
            EvalCode::Budget => "eval_budget_error",
            EvalCode::Denied => "eval_denied_error",
        }
    }
}

impl EvalError {
    pub(crate) fn new(code: EvalCode, span: Option<Span>, message: impl Into<String>) -> EvalError {
        EvalError { code, message: message.into(), span, printed: Vec::new() }
    }

    pub(crate) fn exhausted(limit: Exhausted, span: Option<Span>) -> EvalError {
        match limit {
            Exhausted::Cancelled => EvalError::new(EvalCode::Cancel, span, "caller cancelled query execution"),
            Exhausted::Deadline => EvalError::new(EvalCode::Cancel, span, "context deadline exceeded"),
            limit => EvalError::new(EvalCode::Budget, span, limit.to_string()),
        }
    }

    /// `file:row: code: message`, as OPA prints an error; of a text without a name the row and column.
    pub fn line(&self, sources: &Sources) -> String {
        let place = self.span.and_then(|span| {
            let source = sources.get(span.source)?;
            let (row, column) = source.row_column(span.start);
            Some(if source.name.is_empty() { format!("{row}:{column}") } else { format!("{}:{row}", source.name) })
        });
        match place {
            Some(place) => format!("{place}: {}: {}", self.code.as_str(), self.message),
            None => format!("{}: {}", self.code.as_str(), self.message),
        }
    }
}

impl std::fmt::Display for EvalError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for EvalError {}
