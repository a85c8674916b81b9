//! What the checker finds fault with, kept as types until it is known which faults are told: rendering is dear.

use std::sync::Arc;

use crate::ast::{Ref, Term, text};
use crate::error::{Code, RegoError};
use crate::span::Span;
use crate::types::{Signature, Type};

#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub span: Span,
    pub message: String,
    pub detail: Detail,
}

#[derive(Debug, Clone)]
pub(super) enum Detail {
    None,
    Unified {
        left: Type,
        right: Type,
    },
    Args {
        have: Vec<Type>,
        want: Arc<Signature>,
        /// The result has a place after the arguments.
        result: bool,
    },
    /// What is referred to has no members.
    Unsupported {
        reference: Ref,
        position: usize,
        have: Type,
    },
    /// What is referred to has no such member.
    Invalid {
        reference: Ref,
        position: usize,
        have: Type,
        want: Type,
        /// The type whose keys may be written instead.
        one_of: Type,
    },
}

impl Fault {
    pub fn new(span: Span, message: impl Into<String>) -> Fault {
        Fault { span, message: message.into(), detail: Detail::None }
    }

    pub fn unified(span: Span, left: Type, right: Type) -> Fault {
        Fault { span, message: "match error".into(), detail: Detail::Unified { left, right } }
    }

    pub fn args(span: Span, function: &Term, what: &str, have: Vec<Type>, want: Arc<Signature>, result: bool) -> Fault {
        Fault { span, message: format!("{function}: {what}"), detail: Detail::Args { have, want, result } }
    }

    pub fn invalid(span: Span, reference: Ref, position: usize, have: Type, want: Type, one_of: Type) -> Fault {
        Fault {
            span,
            message: format!("undefined ref: {}", text::reference(&reference)),
            detail: Detail::Invalid { reference, position, have, want, one_of },
        }
    }

    pub fn unsupported(span: Span, reference: Ref, position: usize, have: Type) -> Fault {
        let message = match (&have, reference.split_last()) {
            (Type::Function(_), Some((last, before))) => {
                // A parameter that has no written name says nothing.
                let last = last.to_string();
                let function = if has_local(&last) { before } else { &reference };
                format!("function {} used as reference, not called", text::reference(function))
            }
            _ => format!("undefined ref: {}", text::reference(&reference)),
        };
        Fault { span, message, detail: Detail::Unsupported { reference, position, have } }
    }

    /// It may only be there because a type is not known after another fault.
    pub fn by_unknown(&self) -> bool {
        match &self.detail {
            Detail::Unified { left, right } => left.is_unknown() || right.is_unknown(),
            Detail::Args { have, .. } => have.iter().any(Type::is_unknown),
            Detail::None | Detail::Unsupported { .. } | Detail::Invalid { .. } => false,
        }
    }

    pub fn error(&self, details: Vec<String>) -> RegoError {
        let mut error = RegoError::new(Code::Type, self.span, self.message.clone());
        error.details = details;
        error
    }
}

/// `__local12__` occurs in it.
fn has_local(text: &str) -> bool {
    text.match_indices("__local").any(|(at, found)| {
        let rest = text.get(at + found.len()..).unwrap_or("");
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        digits > 0 && rest.get(digits..).is_some_and(|rest| rest.starts_with("__"))
    })
}
