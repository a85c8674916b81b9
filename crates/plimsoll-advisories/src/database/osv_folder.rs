//! A folder (or archive) of feed documents, read as it is. In: a path. Out: an advisory source, with a problem for each
//! document that could not be read. It is meant for some thousand records; beyond that, build an index.

use std::path::Path;

use plimsoll_model::{DatabaseInfo, DatabaseKind, Problem, ProblemKind};
use sha2::{Digest, Sha256};

use super::input;
use super::memory::Memory;
use crate::feeds::{self, Records};
use crate::{DatabaseError, broken, file_name};

/// Reads every document that a feed wants.
///
/// # Errors
/// When the path cannot be read, or nothing in it is of a feed that we know.
pub fn open(path: &Path) -> Result<Memory, DatabaseError> {
    let mut all = Records::default();
    let mut read = 0u64;
    let mut names = Vec::new();
    let problems = input::documents(path, &mut |name, bytes| {
        let Some(feed) = feeds::feed_of(name, bytes) else { return };
        read += 1;
        names.push((name.to_owned(), Sha256::digest(bytes)));
        all.extend((feed.read)(name, bytes));
    })?;
    if read == 0 && problems.is_empty() {
        return Err(broken(path, "no advisory record of a known format in it (OSV JSON or YAML, RustSec, secdb, …)"));
    }
    all.problems.extend(problems);
    if all.advisories.is_empty() && all.problems.is_empty() {
        all.problems.push(Problem::undecided(
            ProblemKind::NoData,
            format!("read {}: {read} documents and not one advisory in force", file_name(path)),
        ));
    }
    // Over sorted (name, bytes), so that a folder and its archive have one digest.
    names.sort();
    let mut digest = Sha256::new();
    for (name, bytes) in names {
        digest.update((name.len() as u64).to_le_bytes());
        digest.update(name.as_bytes());
        digest.update(bytes);
    }
    let info = DatabaseInfo {
        kind: DatabaseKind::Osv,
        name: file_name(path),
        digest: format!("sha256:{}", crate::hex(&digest.finalize())),
        built: None,
        advisories: 0,
    };
    Ok(Memory::new(all, info))
}
