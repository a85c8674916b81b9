//! The Update Framework (specification 1.0, https://theupdateframework.github.io/specification/latest/): how what is trusted is renewed by
//! a mirror that nobody has to trust. In: a first root, the files of a repository and what is held of it, and the time. Out: files
//! that the repository's keys vouch for, not older than those before; or a refusal. What it does not do: fetch or keep any of it. Files
//! that other roles are delegated are refused by name: what Sigstore's clients need is said by the first.

mod canonical;
mod metadata;
mod refresh;

pub use refresh::{Failed, Fetched, Held, Limit, MOST_FILE, current, refresh};

/// The first root of a repository, as it is built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct First {
    /// Where the repository is.
    pub mirror: &'static str,
    /// Its root.
    pub root: &'static str,
}

/// Sigstore's public production root of version 15, as sigstore 4.5.1 (PyPI) ships it, byte for byte. It is data, under Apache-2.0.
pub const PRODUCTION: First =
    First { mirror: "https://tuf-repo-cdn.sigstore.dev", root: include_str!("../../data/sigstore-tuf-root.json") };
/// Sigstore's staging root of version 14, from there as well.
pub const STAGING: First =
    First { mirror: "https://tuf-repo-cdn.sigstage.dev", root: include_str!("../../data/sigstage-tuf-root.json") };
