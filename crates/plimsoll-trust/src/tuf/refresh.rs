//! The client's way through a repository (specification §5.3 to §5.7): root after root, then timestamp, snapshot, targets, files. In:
//! the first root, what is held, and somebody who fetches. Out: all of it, verified; or where it ended.

use jiff::Timestamp as Time;

use super::metadata::{self, Files, MetaFile, Metadata, Role, Root, Target, Targets};
use crate::refusal::{Reason, Refusal};

/// Bytes of a published file that is asked for.
pub const MOST_FILE: usize = 4 << 20;
/// Roots that may follow the first one: as many as Cosign's client takes.
const MOST_ROTATIONS: u64 = 256;

/// What is held of a repository since the last time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Held<'a> {
    /// `root.json`.
    pub root: Option<&'a [u8]>,
    /// `timestamp.json`.
    pub timestamp: Option<&'a [u8]>,
    /// `snapshot.json`.
    pub snapshot: Option<&'a [u8]>,
    /// `targets.json`.
    pub targets: Option<&'a [u8]>,
}

/// What a repository has, verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// `root.json`, the last one.
    pub root: Vec<u8>,
    /// `timestamp.json`.
    pub timestamp: Vec<u8>,
    /// `snapshot.json`.
    pub snapshot: Vec<u8>,
    /// `targets.json`.
    pub targets: Vec<u8>,
    /// The files that were asked for; none where the repository does not publish one.
    pub files: Vec<Option<Vec<u8>>>,
    /// The version of the last root.
    pub version: u64,
    /// Until when all of it is good.
    pub until: Time,
}

/// How many bytes a file may have.
pub type Limit = usize;

/// Why there is nothing.
#[derive(Debug, PartialEq, Eq)]
pub enum Failed<E> {
    /// Whoever fetches could not.
    Fetch(E),
    /// What came is not believed.
    Refused(Refusal),
}

impl<E> From<Refusal> for Failed<E> {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Goes through the repository at `now`, from the `first` root. `fetch` has the bytes at a path below the repository's address, at most so
/// many; none where there is nothing.
///
/// # Errors
/// `metadata-unsigned`, `metadata-expired`, `metadata-rollback`, `metadata-mismatch`, `metadata-missing`, `key-id-mismatch`,
/// `target-mismatch`; `malformed`, `too-large`, `unsupported`.
pub fn refresh<E>(
    first: &[u8],
    held: Held<'_>,
    files: &[&str],
    now: Time,
    mut fetch: impl FnMut(&str, Limit) -> Result<Option<Vec<u8>>, E>,
) -> Result<Fetched, Failed<E>> {
    let known = held.root.and_then(|bytes| anchor(bytes).ok());
    let mut root_bytes = first.to_vec();
    let mut root = anchor(first)?;
    for rotations in 0.. {
        let next = root
            .version
            .checked_add(1)
            .ok_or_else(|| refused(Reason::TooLarge, "a root of the last version that there can be"))?;
        let Some(bytes) = fetch(&format!("{next}.root.json"), Role::Root.most()).map_err(Failed::Fetch)? else { break };
        if rotations == MOST_ROTATIONS {
            return Err(refused(Reason::TooLarge, format!("more than {MOST_ROTATIONS} roots follow the first")).into());
        }
        root = after(&root, &bytes)?;
        // Else keys that were given up since could lead whoever renewed in time another way.
        if known.as_ref().is_some_and(|known| known.version == root.version && !known.says_as(&root)) {
            let why = format!("the root of version {} is another than the one that was seen before", root.version);
            return Err(refused(Reason::MetadataMismatch, why).into());
        }
        root_bytes = bytes;
    }
    root.fresh(now)?;
    let seen = Seen::of(held, known.as_ref(), &root)?;
    // Bytes beyond the bound are refused by whoever reads them: they are not what is named, or too many.
    let mut wanted = |path: String, most: usize| match fetch(&path, most).map_err(Failed::Fetch)? {
        Some(bytes) => Ok(bytes),
        None => Err(Failed::from(refused(Reason::MetadataMissing, format!("the repository has no {path}")))),
    };

    let mut timestamp_bytes = wanted("timestamp.json".into(), Role::Timestamp.most())?;
    let mut timestamp = signed(&root, metadata::timestamp(&timestamp_bytes)?)?;
    if let (Some(old), Some(bytes)) = (seen.timestamp, held.timestamp) {
        not_older("timestamp metadata", timestamp.version, old.version)?;
        let versions = (of(&timestamp.says, "snapshot.json")?.version, of(&old.says, "snapshot.json")?.version);
        not_older("the snapshot that the timestamp names", versions.0, versions.1)?;
        // One of a version that is known is not taken again (§5.4.3).
        if timestamp.version == old.version {
            (timestamp, timestamp_bytes) = (old, bytes.to_vec());
        }
    }
    timestamp.fresh(now)?;

    let versioned = |version: u64, name: &str| match root.says.consistent {
        true => format!("{version}.{name}"),
        false => name.to_owned(),
    };
    let meta = of(&timestamp.says, "snapshot.json")?;
    let snapshot_bytes = wanted(versioned(meta.version, "snapshot.json"), bound(meta, Role::Snapshot))?;
    let snapshot = named(&root, meta, &snapshot_bytes, metadata::snapshot, now)?;
    for (name, old) in seen.snapshot.iter().flat_map(|old| &old.says) {
        let new = snapshot.says.get(name).ok_or_else(|| {
            refused(
                Reason::MetadataRollback,
                format!("the snapshot knows nothing of {name:?}, which an older one does"),
            )
        })?;
        not_older(&format!("{name:?} in the snapshot"), new.version, old.version)?;
    }

    let meta = of(&snapshot.says, "targets.json")?;
    let targets_bytes = wanted(versioned(meta.version, "targets.json"), bound(meta, Role::Targets))?;
    let targets = named(&root, meta, &targets_bytes, metadata::targets, now)?;
    if let Some(old) = seen.targets {
        not_older("targets metadata", targets.version, old.version)?;
    }

    let mut published = Vec::new();
    for name in files {
        let Some(target) = target(&targets.says, name)? else {
            published.push(None);
            continue;
        };
        let path = match root.says.consistent {
            true => format!("targets/{}.{name}", target.digest()),
            false => format!("targets/{name}"),
        };
        let bytes = wanted(path, target.length)?;
        if !target.is(&bytes) {
            return Err(other(name).into());
        }
        published.push(Some(bytes));
    }
    let until = [root.expires, timestamp.expires, snapshot.expires, targets.expires].into_iter().min().unwrap_or(now);
    let (timestamp, snapshot, targets) = (timestamp_bytes, snapshot_bytes, targets_bytes);
    Ok(Fetched { root: root_bytes, timestamp, snapshot, targets, files: published, version: root.version, until })
}

/// Whether a file that is held is the one that what is held says, which is not over at `now`. The root that is held is where it begins:
/// whoever held it verified it.
///
/// # Errors
/// As [`refresh`]; `target-missing` where nothing is said of it.
pub fn current(held: Held<'_>, name: &str, bytes: &[u8], now: Time) -> Result<(), Refusal> {
    let there = |held: Option<&[u8]>, name: &str| {
        held.map(<[u8]>::to_vec).ok_or_else(|| refused(Reason::MetadataMissing, format!("there is no {name}")))
    };
    let root = anchor(&there(held.root, "root.json")?)?;
    root.fresh(now)?;
    let timestamp = signed(&root, metadata::timestamp(&there(held.timestamp, "timestamp.json")?)?)?;
    timestamp.fresh(now)?;
    let meta = of(&timestamp.says, "snapshot.json")?;
    let snapshot = named(&root, meta, &there(held.snapshot, "snapshot.json")?, metadata::snapshot, now)?;
    let meta = of(&snapshot.says, "targets.json")?;
    let targets = named(&root, meta, &there(held.targets, "targets.json")?, metadata::targets, now)?;
    let target = target(&targets.says, name)?;
    let target =
        target.ok_or_else(|| refused(Reason::TargetMissing, format!("the repository does not publish {name}")))?;
    if target.is(bytes) { Ok(()) } else { Err(other(name)) }
}

/// What was seen before of a repository, as far as its root still stands for it.
#[derive(Default)]
struct Seen {
    timestamp: Option<Metadata<Files>>,
    snapshot: Option<Metadata<Files>>,
    targets: Option<Metadata<Targets>>,
}

impl Seen {
    /// What cannot be read or is not signed any more is as if it had never been seen. So is a timestamp and a snapshot whose keys were
    /// changed since (§5.3.11): whoever had them may have given a version that nobody can outrun.
    fn of(held: Held<'_>, old: Option<&Metadata<Root>>, root: &Metadata<Root>) -> Result<Self, Refusal> {
        let mut same = true;
        if let Some(old) = old {
            not_older("the root", root.version, old.version)?;
            same = [Role::Timestamp, Role::Snapshot]
                .iter()
                .all(|role| old.says.signers(*role) == root.says.signers(*role));
        }
        let kept = |bytes: Option<&[u8]>, read: fn(&[u8]) -> Result<Metadata<Files>, Refusal>| {
            bytes.filter(|_| same).and_then(|bytes| signed(root, read(bytes).ok()?).ok())
        };
        Ok(Self {
            timestamp: kept(held.timestamp, metadata::timestamp),
            snapshot: kept(held.snapshot, metadata::snapshot),
            targets: held.targets.and_then(|bytes| signed(root, metadata::targets(bytes).ok()?).ok()),
        })
    }
}

/// A root that is trusted for itself: its own keys have to have signed it, too.
fn anchor(bytes: &[u8]) -> Result<Metadata<Root>, Refusal> {
    let root = metadata::root(bytes)?;
    root.says.signed(&root)?;
    Ok(root)
}

/// The root after another: of the next version, and signed by the keys of both.
fn after(old: &Metadata<Root>, bytes: &[u8]) -> Result<Metadata<Root>, Refusal> {
    let root = metadata::root(bytes)?;
    old.says.signed(&root)?;
    root.says.signed(&root)?;
    if old.version.checked_add(1) != Some(root.version) {
        let why = format!("the root after version {} says that it is {}", old.version, root.version);
        let reason = if root.version <= old.version { Reason::MetadataRollback } else { Reason::MetadataMismatch };
        return Err(refused(reason, why));
    }
    Ok(root)
}

fn signed<T>(root: &Metadata<Root>, metadata: Metadata<T>) -> Result<Metadata<T>, Refusal> {
    root.says.signed(&metadata)?;
    Ok(metadata)
}

/// Metadata that other metadata names: by its length and digests, signed, of that version, and not over.
fn named<T>(
    root: &Metadata<Root>,
    meta: &MetaFile,
    bytes: &[u8],
    read: fn(&[u8]) -> Result<Metadata<T>, Refusal>,
    now: Time,
) -> Result<Metadata<T>, Refusal> {
    // Before anything of it is read: it may be anything.
    meta.is("metadata that is named", bytes)?;
    let found = signed(root, read(bytes)?)?;
    if found.version != meta.version {
        let (name, is, wanted) = (found.role.name(), found.version, meta.version);
        return Err(refused(
            Reason::MetadataMismatch,
            format!("{name} metadata is of version {is}, and {wanted} is named"),
        ));
    }
    found.fresh(now)?;
    Ok(found)
}

fn of<'a>(files: &'a Files, name: &str) -> Result<&'a MetaFile, Refusal> {
    files.get(name).ok_or_else(|| refused(Reason::MetadataMissing, format!("nothing is said of {name}")))
}

/// The target of a name. A name that could lead out of a folder is nobody's.
fn target<'a>(targets: &'a Targets, name: &str) -> Result<Option<&'a Target>, Refusal> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if name.is_empty() || name.starts_with('.') || !name.bytes().all(plain) {
        return Err(refused(Reason::Unsupported, format!("a target with the name {name:?}")));
    }
    match targets.files.get(name) {
        Some(target) if target.length > MOST_FILE => {
            Err(refused(Reason::TooLarge, format!("{name} has more than {MOST_FILE} bytes")))
        }
        None if targets.delegates => {
            let why = format!("{name} is not among the first targets, and what others are delegated is not looked at");
            Err(refused(Reason::Unsupported, why))
        }
        found => Ok(found),
    }
}

fn bound(meta: &MetaFile, role: Role) -> usize {
    meta.length.map_or(role.most(), |length| length.min(role.most()))
}

fn not_older(what: &str, new: u64, old: u64) -> Result<(), Refusal> {
    if new >= old {
        return Ok(());
    }
    Err(refused(Reason::MetadataRollback, format!("{what} is of version {new}, and {old} was seen before")))
}

fn other(name: &str) -> Refusal {
    refused(Reason::TargetMismatch, format!("{name} is not of the length and digest that are signed"))
}

fn refused(reason: Reason, why: impl Into<String>) -> Refusal {
    Refusal::new(reason, why)
}
