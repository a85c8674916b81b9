//! Types by reference: builtins, rules, documents with schemas.

use super::Settings;
use crate::ast::Term;
use crate::error::RegoError;
use crate::span::Span;
use crate::types::Type;

/// What is known of references.
#[derive(Debug, Clone, Default)]
pub struct TypeEnv {}

impl TypeEnv {
    /// Builtins and, where a schema for `input` was given, that. Errors: of that schema.
    pub fn new(_settings: &Settings<'_>) -> (TypeEnv, Vec<RegoError>) {
        (TypeEnv::default(), Vec::new())
    }

    /// The type of what a reference gives (of builtins, too: `io`, `jwt`, `decode`).
    pub fn get(&self, _reference: &[Term]) -> Type {
        Type::Any
    }

    /// OPA's error for a call with a wrong number of arguments: with types where the function is known, as builtins are before
    /// rules are checked. `arity` and `got` are without the place for the result.
    pub fn arity_mismatch(
        &self,
        _function: &[Term],
        _args: &[Term],
        _span: Span,
        _arity: usize,
        _got: usize,
    ) -> Option<RegoError> {
        None
    }
}
