//! Feeds to an index file. In: folders and archives of feed documents, and the index that stands so far. Out: a new
//! index in its place, and an account of what went in. The old file stays as it is unless the new one is whole.

use std::io::Write;
use std::path::Path;

use jiff::Timestamp;
use plimsoll_model::{DatabaseInfo, Problem, ProblemKind};

use super::index::{self, FeedCount, Index};
use super::{index_writer, input};
use crate::feeds::{self, Records};
use crate::record::AdvisorySource;
use crate::{DatabaseError, broken};

/// What a build did.
#[derive(Debug, Clone, PartialEq)]
pub struct BuildReport {
    /// By feed, in the order of `feeds::FEEDS`; only those that had documents.
    pub feeds: Vec<FeedCount>,
    /// Documents that no feed wanted.
    pub unknown_documents: u64,
    pub vulnerabilities: u64,
    pub known_exploited: u64,
    pub epss: u64,
    /// Lists: releases of distributions, and languages.
    pub spaces: u64,
    pub bytes: u64,
    pub problems: Vec<Problem>,
    pub info: DatabaseInfo,
}

/// Builds an index from `inputs` (each a folder, an archive or one document) and puts it at `out`. `at` is the time that
/// the index says it was built at; `previous` gives the dates at which fixes were first seen.
///
/// # Errors
/// When an input cannot be read whole, nothing was in them, or the file cannot be written. `out` is then untouched.
pub fn build(
    inputs: &[&Path],
    previous: Option<&dyn AdvisorySource>,
    at: Timestamp,
    out: &Path,
) -> Result<BuildReport, DatabaseError> {
    let mut all = Records::default();
    let mut counts: Vec<FeedCount> =
        feeds::FEEDS.iter().map(|feed| FeedCount { id: feed.id.to_owned(), ..FeedCount::default() }).collect();
    let mut unknown = 0;
    for path in inputs {
        let mut wanted = 0;
        let problems = input::documents(path, &mut |name, bytes| {
            let Some(feed) = feeds::feed_of(name, bytes) else {
                unknown += 1;
                return;
            };
            wanted += 1;
            let records = (feed.read)(name, bytes);
            if let Some(count) = counts.iter_mut().find(|count| count.id == feed.id) {
                count.documents += 1;
                count.advisories += records.advisories.len() as u64;
                count.withdrawn += records.withdrawn;
                count.skipped += records.skipped;
                count.dated = count.dated.max(records.dated);
            }
            all.extend(records);
        })?;
        if wanted == 0 && problems.is_empty() {
            return Err(broken(path, "no document of a known feed in it"));
        }
        // A record that cannot be read is told and carried along; an archive that ends early would make a smaller
        // database look like a newer one.
        if let Some(problem) = problems.first() {
            return Err(broken(path, format!("the feed is not whole, the database was not replaced: {problem}")));
        }
    }
    if all.advisories.is_empty() && all.known_exploited.is_empty() && all.epss.is_empty() {
        let first = all.problems.first().map_or(String::new(), |problem| format!("; first problem: {problem}"));
        return Err(broken(out, format!("the inputs hold no advisory: the database was not replaced{first}")));
    }
    if all.advisories.is_empty() {
        all.problems.push(Problem::undecided(
            ProblemKind::NoData,
            "build the database: the inputs hold no advisory, only what is said of vulnerabilities",
        ));
    }
    counts.retain(|count| count.documents > 0);
    let ids = |ids: &mut dyn Iterator<Item = &String>| ids.collect::<std::collections::HashSet<_>>().len() as u64;
    let mut report = BuildReport {
        feeds: counts.clone(),
        unknown_documents: unknown,
        vulnerabilities: ids(&mut all.vulnerabilities.iter().map(|(id, _)| id)),
        known_exploited: ids(&mut all.known_exploited.iter().map(|(id, _)| id)),
        epss: ids(&mut all.epss.iter().map(|(id, _)| id)),
        spaces: all.spaces.len() as u64,
        bytes: 0,
        problems: all.problems.clone(),
        info: DatabaseInfo {
            kind: plimsoll_model::DatabaseKind::Index,
            name: String::new(),
            digest: String::new(),
            built: None,
            advisories: 0,
        },
    };
    let bytes = index_writer::bytes(all, counts, previous, at);
    report.bytes = bytes.len() as u64;
    report.info = replace(out, &bytes)?;
    Ok(report)
}

/// Checks the bytes of an index whole and puts them at `out` in one step.
pub(crate) fn replace(out: &Path, bytes: &[u8]) -> Result<DatabaseInfo, DatabaseError> {
    let index = Index::new(bytes, out)?;
    index.verify()?;
    let info = index.info();
    write_atomically(out, bytes)?;
    Ok(info)
}

/// Writes beside `out` and renames over it: who has the old file open keeps the old one.
pub(crate) fn write_atomically(out: &Path, bytes: &[u8]) -> Result<(), DatabaseError> {
    let failed = |source| DatabaseError::Write { path: out.display().to_string(), source };
    let folder = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut file = tempfile::Builder::new().prefix(".plimsoll-db-").tempfile_in(folder).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    let file = file.into_temp_path();
    readable_by_all(&file).map_err(failed)?;
    file.persist(out).map_err(|e| failed(e.error))
}

/// Temporary files are for their owner alone; a database is for every process of the machine.
fn readable_by_all(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// The index at `path` if there is one: what a build takes its dates from.
///
/// # Errors
/// When there is a file and it is no whole index.
pub fn previous(path: &Path) -> Result<Option<Box<dyn AdvisorySource>>, DatabaseError> {
    if !path.exists() {
        return Ok(None);
    }
    Ok(Some(Box::new(index::open(path)?)))
}
