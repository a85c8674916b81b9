//! The other engine of templates, `K8sNativeValidation`, as its owner gives it. In: a template's source. Out: what can judge
//! reviews. This crate speaks no CEL.

use std::sync::Arc;

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
    /// The messages of what it denies.
    ///
    /// # Errors
    /// It could not tell.
    fn review(&self, review: &Review, constraint: &Value) -> Result<Vec<String>, String>;
}

/// Why a source is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NativeFault {
    pub message: String,
    /// Field names and list numbers from the source on.
    pub path: Vec<String>,
    pub hint: Option<String>,
}
