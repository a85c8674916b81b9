//! Why a registry gave nothing. Each message finishes "could not …" and names host and thing; `hint` is the way out.

use std::io;
use std::time::Duration;

use plimsoll_model::Digest;

use crate::error::ErrorKind;
use crate::registry::credentials::CredentialsError;

/// Why a registry gave nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    #[error("reach {host}")]
    Transport {
        host: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("sign in to {host}: it answers 401 (unauthorized){}", said(.words))]
    Unauthorized { host: String, signed_in: bool, words: String },
    #[error("read {what} from {host}: it answers 403 (forbidden){}", said(.words))]
    Forbidden { host: String, what: String, words: String },
    #[error("put {what} into {host}: it answers {status}{}", said(.words))]
    NotTaken { host: String, what: String, status: u16, words: String },
    #[error("find {what} at {host}: it answers 404 (not found){}", said(.words))]
    NotFound { host: String, what: String, words: String },
    #[error("read {what} from {host}: it answers 429 (too many requests){}", said(.words))]
    TooManyRequests {
        host: String,
        what: String,
        words: String,
        /// How long the registry wants to be left alone, when it says so.
        retry_after: Option<Duration>,
    },
    #[error("read {what} from {host}: it answers {status}{}", said(.words))]
    Status { host: String, what: String, status: u16, words: String, retry_after: Option<Duration> },
    #[error("read {what} from {host}: it answers with a web page where data belongs")]
    Html { host: String, what: String },
    #[error("read {what} from {host}: {why}")]
    BadAnswer { host: String, what: String, why: String },
    /// What somebody put there is more than is read, or no such thing.
    #[error("read {what} from {host}: {why}")]
    Unreadable { host: String, what: String, why: String },
    #[error("follow {host}: it sends us to {to}, {why}")]
    Redirect { host: String, to: String, why: &'static str },
    #[error("follow {host}: it sends us from place to place without end")]
    RedirectLoop { host: String },
    #[error("sign in to {host}: its token service {realm:?} is not safe to send credentials to")]
    Realm { host: String, realm: String },
    #[error("sign in to {host}")]
    Credentials {
        host: String,
        #[source]
        source: CredentialsError,
    },
    #[error("finish within {} seconds", .after.as_secs())]
    Deadline { after: Duration },
    #[error("believe {what} from {host}: its digest is {found}, not {wanted}")]
    DigestMismatch { host: String, what: String, wanted: Digest, found: Digest },
    #[error("believe {what} from {host}: it has {found} bytes or more, not the {wanted} that its descriptor promises")]
    SizeMismatch { host: String, what: String, wanted: u64, found: u64 },
    #[error("set up TLS: {why}")]
    Tls { why: String },
    #[error("write to the cache {folder}")]
    Cache {
        folder: String,
        #[source]
        source: io::Error,
    },
    #[error("write to {host}: what is configured for it leads to {to}")]
    Elsewhere { host: String, to: String },
    #[error("pull from {prefix}: it is blocked in {file}")]
    Blocked { prefix: String, file: String },
}

fn said(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(" and says {words:?}") }
}

impl RegistryError {
    /// The way out, when we know one.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            RegistryError::Transport { source, .. } if crate::error::chain(source).contains("UnknownIssuer") => {
                "its certificate is signed by nobody we know: give your own authority's with --ca FILE".into()
            }
            RegistryError::Transport { host, source, .. } if crate::error::chain(source).contains("InvalidContentType") => {
                format!("it seems to speak plain HTTP; if that is meant, allow it with --plain-http {host}")
            }
            RegistryError::Transport { host, .. } => {
                format!("is {host} right and reachable from here? For an air gap, name a mirror with --mirror")
            }
            RegistryError::Unauthorized { signed_in: false, host, .. } => format!(
                "no credentials for {host} were found: run `docker login {host}`, or check the name (registries answer \
                 401 for repositories that do not exist, too)"
            ),
            RegistryError::Unauthorized { host, .. } => {
                format!("the credentials for {host} were refused: run `docker login {host}` again")
            }
            RegistryError::Forbidden { .. } => {
                "these credentials may not read it: ask the repository's owner for the right to pull".into()
            }
            RegistryError::NotTaken { status: 403, .. } => {
                "these credentials may not write to it: ask the repository's owner for the right to push".into()
            }
            RegistryError::NotFound { .. } => "check the repository's name and the tag for typing errors".into(),
            RegistryError::TooManyRequests { host, .. } => {
                format!("wait, sign in to {host} for a higher limit, or use a mirror with --mirror")
            }
            RegistryError::Status { status, .. } if *status >= 500 => "the registry is in trouble: try again later".into(),
            RegistryError::Html { .. } => {
                "a proxy or sign-in page stands in between, or the address is a web site: check the registry's name and \
                 HTTPS_PROXY"
                    .into()
            }
            RegistryError::Realm { .. } => "tell the registry's operator: a token service belongs on HTTPS".into(),
            RegistryError::Deadline { .. } => "give it more time with --timeout, or try again: what was read is kept".into(),
            RegistryError::DigestMismatch { .. } | RegistryError::SizeMismatch { .. } => {
                "the registry or something before it gives out changed bytes: do not use them".into()
            }
            RegistryError::Cache { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "the disk is full: make room or choose another place with --cache-dir".into()
            }
            RegistryError::Elsewhere { .. } => "push to the name of the registry that is meant".into(),
            RegistryError::Cache { .. } => "choose another place with --cache-dir".into(),
            _ => return None,
        })
    }

    /// What a caller may make of it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            RegistryError::TooManyRequests { retry_after, .. } => ErrorKind::Busy { retry_after: *retry_after },
            RegistryError::Status { status, retry_after, .. } if crate::registry::retry::passes(*status) => {
                ErrorKind::Busy { retry_after: *retry_after }
            }
            RegistryError::Deadline { .. } => ErrorKind::Late,
            RegistryError::Transport { .. } => ErrorKind::Unreachable,
            RegistryError::Unauthorized { .. }
            | RegistryError::Forbidden { .. }
            | RegistryError::NotTaken { status: 403, .. } => ErrorKind::Refused,
            RegistryError::NotFound { .. } => ErrorKind::Absent,
            _ => ErrorKind::Other,
        }
    }

    /// True when another registry might do better: this one is absent, busy or broken, rather than lying to us.
    pub fn passes(&self) -> bool {
        match self {
            RegistryError::TooManyRequests { .. } | RegistryError::Transport { .. } | RegistryError::Html { .. } => {
                true
            }
            RegistryError::Status { status, .. } => crate::registry::retry::passes(*status),
            _ => false,
        }
    }
}
