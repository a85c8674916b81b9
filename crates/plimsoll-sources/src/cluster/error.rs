//! Why a cluster told nothing. Each message finishes "could not …"; "may not" and "could not be reached" are told apart.

use std::io;

use crate::registry::pull_secret::PullSecretError;

/// Why a cluster told nothing. What it says does not exist is no error but `None`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    #[error("read {what}")]
    File {
        what: String,
        #[source]
        source: io::Error,
    },
    #[error("use {what}: {why}")]
    Malformed { what: String, why: String },
    #[error("set up TLS for the cluster: {why}")]
    Tls { why: String },
    #[error("reach the cluster at {server}")]
    Unreachable {
        server: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("sign in to the cluster at {server}: it answers 401 (unauthorized)")]
    Unauthorized { server: String },
    #[error("read {what} from the cluster: it answers 403 (forbidden) and says {words:?}")]
    Forbidden { what: String, words: String },
    #[error("read {what} from the cluster: it answers {status} and says {words:?}")]
    Status { what: String, status: u16, words: String },
    #[error("read {what} from the cluster: {why}")]
    BadAnswer { what: String, why: String },
    #[error("use {what}")]
    PullSecret {
        what: String,
        #[source]
        source: PullSecretError,
    },
}

impl ClusterError {
    /// The way out, when we know one.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            ClusterError::Unreachable { .. } => "is the API server's address right and reachable from here?".into(),
            ClusterError::Unauthorized { .. } => {
                "its token or client certificate has expired or is another cluster's".into()
            }
            ClusterError::Forbidden { .. } => "grant the service account that right, or do without".into(),
            _ => return None,
        })
    }
}
