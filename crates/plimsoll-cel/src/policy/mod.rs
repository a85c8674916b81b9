//! ValidatingAdmissionPolicies.

mod environment;

pub use environment::admission_environment;
