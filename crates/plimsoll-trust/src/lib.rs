//! Signatures of container images and of blobs: whether one is true, and making one. In: bytes (keys, envelopes, bundles,
//! certificates, entries of logs, timestamps), what is trusted, what is demanded, and the time. Out: who signed and when that was,
//! or a [`Refusal`] with a reason code of its own.
//!
//! What it does not do: it fetches and stores nothing, knows no registry, and reads no clock and no environment: whoever calls
//! hands these over.

mod artifact;
pub mod blob;
mod bundle;
mod certificate;
mod chain;
mod checkpoint;
pub mod classic;
mod der;
mod dsse;
mod identity;
pub mod image_bundle;
mod json;
pub mod keys;
mod merkle;
pub mod notation;
mod pem;
pub mod predicate;
mod public_key;
mod refusal;
mod rekor;
mod rekor_body;
mod sct;
pub mod signing;
pub mod simple_signing;
mod statement;
mod timestamp;
mod trusted_root;
pub mod tuf;
mod verify;

pub use artifact::Artifact;
pub use bundle::{Bundle, Content, MEDIA_TYPES as BUNDLE_MEDIA_TYPES, Material, Version};
pub use certificate::{Certificate, Name};
pub use dsse::{Envelope, IN_TOTO, pre_authentication_encoding};
pub use identity::{CLAIMS, Claim, Identity, Pattern};
pub use keys::PrivateKey;
pub use public_key::{Hash, PublicKey, Scheme};
pub use refusal::{Reason, Refusal};
pub use rekor::{Entry, Proof};
pub use simple_signing::SimpleSigning;
pub use statement::{PREDICATE_TYPES, SIGNATURE, STATEMENT_V1, Statement, predicate_type};
pub use trusted_root::{Authority, Log, TrustMaterial, Window};
pub use verify::{Demand, Parts, SignedContent, Signer, Subject, TimeSource, Verified, verify_bundle, verify_parts};
