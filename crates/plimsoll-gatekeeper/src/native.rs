//! The other engine of templates, `K8sNativeValidation`, as its owner gives it. In: a template's source. Out: what can judge
//! reviews. This crate speaks no CEL.

use std::sync::Arc;
use std::time::Instant;

use plimsoll_rego::value::Value;

use crate::review::Review;

/// Compiles sources of `K8sNativeValidation`.
pub trait Native: Send + Sync {
    /// Compiles a template's source.
    ///
    /// # Errors
    /// Why it cannot be, with the path in the source where that is known.
    fn compile(&self, source: &Value) -> Result<Arc<dyn NativePolicy>, NativeFault>;
}

/// A compiled source.
pub trait NativePolicy: Send + Sync {
    /// With a constraint, whose parameters it is to see: once, when the set is loaded.
    ///
    /// # Errors
    /// Why the constraint is no parameter.
    fn bind(&self, constraint: &Value) -> Result<Arc<dyn NativeBound>, String>;
}

/// A compiled source and a constraint.
pub trait NativeBound: Send + Sync {
    /// The messages of what it denies. What it makes of the review it may keep there ([`Review::native`]).
    ///
    /// # Errors
    /// It could not tell, or not before its end.
    fn review(&self, review: &Review, deadline: Option<Instant>) -> Result<Vec<String>, String>;
}

/// Why a source is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NativeFault {
    pub message: String,
    /// Field names and list numbers from the source on.
    pub path: Vec<String>,
    pub hint: Option<String>,
}
