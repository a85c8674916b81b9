//! Registries. In: a reference. Out: manifests and blobs whose digests were checked; or, pushed, there.
//! <https://github.com/opencontainers/distribution-spec/blob/main/spec.md>

pub mod answer;
pub mod challenge;
pub mod credentials;
pub mod endpoint;
pub mod error;
pub mod fetch;
pub(crate) mod place;
pub(crate) mod pull;
pub mod pull_secret;
pub mod push;
pub mod retry;
pub mod session;
pub mod tls;
pub mod transport;
