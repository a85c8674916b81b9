//! Signatures of container images and of blobs: whether one is true, and making one. In: bytes (keys, envelopes, bundles,
//! certificates, entries of logs, timestamps), what is trusted, what is demanded, and the time. Out: who signed and when that was,
//! or a [`Refusal`] with a reason code of its own.
//!
//! What it does not do: it fetches and stores nothing, knows no registry, and reads no clock and no environment: whoever calls
//! hands these over.

mod refusal;

pub use refusal::{Reason, Refusal};
