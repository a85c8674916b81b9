//! Signatures of container images and of blobs: whether one is true, and making one. In: bytes (keys, envelopes, bundles,
//! certificates, entries of logs, timestamps), what is trusted, what is demanded, and the time. Out: who signed and when that was,
//! or a [`Refusal`] with a reason code of its own.
//!
//! What it does not do: it fetches and stores nothing, knows no registry, and reads no clock and no environment: whoever calls
//! hands these over.

mod der;
mod dsse;
mod json;
mod pem;
mod public_key;
mod refusal;
mod statement;

pub use dsse::{Envelope, IN_TOTO, pre_authentication_encoding};
pub use public_key::{Hash, PublicKey, Scheme};
pub use refusal::{Reason, Refusal};
pub use statement::{PREDICATE_TYPES, SIGNATURE, STATEMENT_V1, Statement, Subject, predicate_type};
