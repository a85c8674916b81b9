//! What a program is refused for, with OPA's codes and words, and the place.

use crate::span::{Sources, Span};

/// OPA's codes of errors that are found before evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// `rego_parse_error`
    Parse,
    /// `rego_compile_error`
    Compile,
    /// `rego_type_error`
    Type,
    /// `rego_unsafe_var_error`
    UnsafeVar,
    /// `rego_recursion_error`
    Recursion,
    /// `rego_format_error`
    Format,
    /// A text, tree or program beyond one of our limits; OPA has none such.
    Limit,
}

impl Code {
    pub fn as_str(self) -> &'static str {
        match self {
            Code::Parse => "rego_parse_error",
            Code::Compile => "rego_compile_error",
            Code::Type => "rego_type_error",
            Code::UnsafeVar => "rego_unsafe_var_error",
            Code::Recursion => "rego_recursion_error",
            Code::Format => "rego_format_error",
            Code::Limit => "rego_limit_error",
        }
    }
}

/// One reason to refuse a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegoError {
    pub code: Code,
    /// OPA's words, without place and code.
    pub message: String,
    pub span: Span,
    /// Lines below the message (OPA's `details`): types that were had and wanted.
    pub details: Vec<String>,
    /// Our advice on how to mend it, where there is one.
    pub hint: Option<String>,
}

impl RegoError {
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> RegoError {
        RegoError { code, message: message.into(), span, details: Vec::new(), hint: None }
    }

    pub fn with_hint(mut self, hint: impl Into<String>) -> RegoError {
        self.hint = Some(hint.into());
        self
    }

    /// `file:row: code: message`, as OPA prints an error.
    pub fn line(&self, sources: &Sources) -> String {
        match sources.get(self.span.source) {
            Some(source) => {
                let (row, _) = source.row_column(self.span.start);
                format!("{}:{row}: {}: {}", source.name, self.code.as_str(), self.message)
            }
            None => format!("{}: {}", self.code.as_str(), self.message),
        }
    }
}
