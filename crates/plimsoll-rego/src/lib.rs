//! The Rego policy language, whole: parsed, checked as OPA checks it, compiled to a compact form and evaluated under budgets.

pub mod ast;
pub mod budget;
pub mod builtins;
pub mod capabilities;
pub mod check;
pub mod compile;
pub mod engine;
pub mod error;
pub mod eval;
pub mod fmt;
pub mod parse;
pub mod span;
pub mod types;
pub mod value;
