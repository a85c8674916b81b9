//! Signatures of the Notary Project, as Notation makes them. In: envelopes, a trust policy, the stores that it names, what must be
//! signed, the time. Out: what was signed by whom, with what the policy only wants told; or a [`Refusal`](crate::Refusal).
//! <https://github.com/notaryproject/specifications/tree/main/specs>
//!
//! What it does not do: it makes none, runs no plugin, and asks nobody whether a certificate was revoked. COSE envelopes are known and
//! not read. What of that would be needed is "could not tell".

mod chain;
mod envelope;
mod name;
mod policy;
mod store;
mod verify;

pub use envelope::{Envelope, MOST_BYTES, SigningScheme};
pub use name::DistinguishedName;
pub use policy::{Action, Check, Document, Identities, Level, Statement, StoreKind, StoreName, VerifyTimestamp};
pub use store::anchors;
pub use verify::{Store, Stores, Target, Verified, held, verify};

/// What manifests of signatures call themselves.
pub const ARTIFACT_TYPE: &str = "application/vnd.cncf.notary.signature";
/// The media type of an envelope in JWS.
pub const JWS: &str = "application/jose+json";
/// The media type of an envelope in COSE, which is not read.
pub const COSE: &str = "application/cose";
