//! The four kinds of metadata. In: bytes. Out: what they say, and who signed it. What it does not do: believe any of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp as Time;
use serde_json::{Map, Value};

use super::canonical::canonical;
use crate::json;
use crate::public_key::{Hash, PublicKey, Scheme, hex, sha256, unhex};
use crate::refusal::{Reason, Refusal, malformed};

/// Keys that a root may name, and signatures that metadata may have: each costs a computation. Sigstore's has six.
const MOST_KEYS: usize = 64;
/// Files that one metadata may list. Sigstore's has a dozen.
const MOST_FILES: usize = 10_000;
/// All of a SubjectPublicKeyInfo on P-256 before its point of 65 bytes.
const P256_SPKI: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Whose metadata it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Root,
    Timestamp,
    Snapshot,
    Targets,
}

impl Role {
    const ALL: [Self; 4] = [Self::Root, Self::Timestamp, Self::Snapshot, Self::Targets];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Timestamp => "timestamp",
            Self::Snapshot => "snapshot",
            Self::Targets => "targets",
        }
    }

    /// Bytes of it: as Cosign's client bounds them.
    pub(super) const fn most(self) -> usize {
        match self {
            Self::Root => 512_000,
            Self::Timestamp => 16_384,
            Self::Snapshot => 2_000_000,
            Self::Targets => 5_000_000,
        }
    }
}

/// Metadata with its signatures, which nobody has looked at yet.
#[derive(Clone, Debug)]
pub(super) struct Metadata<T> {
    pub role: Role,
    pub version: u64,
    pub expires: Time,
    pub says: T,
    /// What the signatures are over.
    signed: Vec<u8>,
    /// Ids of keys, and their signatures: each key's once.
    signatures: BTreeMap<String, Vec<u8>>,
}

impl<T> Metadata<T> {
    /// Whether it says the same, whoever signed it.
    pub(super) fn says_as(&self, other: &Self) -> bool {
        self.signed == other.signed
    }

    /// Whether its time is over at `now`.
    pub(super) fn fresh(&self, now: Time) -> Result<(), Refusal> {
        if now < self.expires {
            return Ok(());
        }
        let (name, version, expires) = (self.role.name(), self.version, self.expires);
        Err(Refusal::new(
            Reason::MetadataExpired,
            format!("{name} metadata of version {version} was good until {expires}"),
        ))
    }
}

/// A key of a root: none where it is of a kind that is not supported: no signature of it is counted.
type Key = Option<PublicKey>;

/// Keys that sign for a role, and how many have to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signers {
    ids: BTreeSet<String>,
    threshold: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Root {
    /// Whether files are fetched by names with their version or digest.
    pub consistent: bool,
    keys: BTreeMap<String, Key>,
    signers: BTreeMap<Role, Signers>,
}

impl Root {
    /// Whether as many of the role's keys as have to signed it. Two ids of one key are one key.
    pub(super) fn signed<T>(&self, metadata: &Metadata<T>) -> Result<(), Refusal> {
        let name = metadata.role.name();
        let signers =
            self.signers.get(&metadata.role).ok_or_else(|| malformed(format!("a root without the role {name}")))?;
        let mut good = BTreeSet::new();
        let mut unsupported = 0;
        for id in &signers.ids {
            let Some(signature) = metadata.signatures.get(id) else { continue };
            match self.keys.get(id) {
                Some(Some(key)) => {
                    let hash = if key.scheme() == Scheme::EcdsaP384 { Hash::Sha384 } else { Hash::Sha256 };
                    if key.verify_with(hash, &metadata.signed, signature).is_ok() {
                        good.insert(key.key_id());
                    }
                }
                Some(None) => unsupported += 1,
                None => {}
            }
        }
        if u64::try_from(good.len()).is_ok_and(|good| good >= signers.threshold) {
            return Ok(());
        }
        let more = match unsupported {
            0 => String::new(),
            count => format!("; {count} more by keys of kinds that are not supported"),
        };
        let (version, count, threshold) = (metadata.version, good.len(), signers.threshold);
        let why =
            format!("{name} metadata of version {version} is signed by {count} keys of {threshold} that have to{more}");
        Err(Refusal::new(Reason::MetadataUnsigned, why))
    }

    pub(super) fn signers(&self, role: Role) -> Option<&Signers> {
        self.signers.get(&role)
    }
}

/// What is said of metadata: its version, and where it is said, its length and digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MetaFile {
    pub version: u64,
    pub length: Option<usize>,
    hashes: Vec<(Hash, Vec<u8>)>,
}

impl MetaFile {
    /// Whether these bytes are what is meant.
    pub(super) fn is(&self, name: &str, bytes: &[u8]) -> Result<(), Refusal> {
        if self.length.is_some_and(|length| length != bytes.len()) || !fit(&self.hashes, bytes) {
            let why = format!("{name} is not of the length and digest that are signed");
            return Err(Refusal::new(Reason::MetadataMismatch, why));
        }
        Ok(())
    }
}

/// A timestamp's, and a snapshot's: what is said of other metadata, by their files' names.
pub(super) type Files = BTreeMap<String, MetaFile>;

/// A file that is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub length: usize,
    hashes: Vec<(Hash, Vec<u8>)>,
}

impl Target {
    /// Whether these bytes are it.
    pub(super) fn is(&self, bytes: &[u8]) -> bool {
        self.length == bytes.len() && fit(&self.hashes, bytes)
    }

    /// The digest that its name has before it.
    pub(super) fn digest(&self) -> String {
        self.hashes.first().map(|(_, digest)| hex(digest)).unwrap_or_default()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Targets {
    pub files: BTreeMap<String, Target>,
    /// Whether others may say more of files.
    pub delegates: bool,
}

fn fit(hashes: &[(Hash, Vec<u8>)], bytes: &[u8]) -> bool {
    hashes.iter().all(|(hash, digest)| hash.of(bytes) == *digest)
}

/// Metadata of a role, by a reader of what it says.
fn metadata<T>(
    role: Role,
    bytes: &[u8],
    read: impl FnOnce(&Map<String, Value>) -> Result<T, Refusal>,
) -> Result<Metadata<T>, Refusal> {
    let what = format!("{} metadata", role.name());
    if bytes.len() > role.most() {
        return Err(Refusal::new(Reason::TooLarge, format!("{what} has more than {} bytes", role.most())));
    }
    let value = json::parse(bytes, &what)?;
    let signed = value.get("signed").ok_or_else(|| malformed(format!("{what} says nothing that is signed")))?;
    let says = signed.as_object().ok_or_else(|| malformed(format!("what {what} says is no object")))?;
    let kind = json::text(signed, "_type", &what)?;
    if kind != role.name() {
        return Err(Refusal::new(Reason::MetadataMismatch, format!("{what} says that it is {kind:?}")));
    }
    let spoken = json::text(signed, "spec_version", &what)?;
    if spoken != "1" && !spoken.starts_with("1.") {
        return Err(Refusal::new(Reason::Unsupported, format!("{what} of version {spoken:?} of the specification")));
    }
    let expires = json::text(signed, "expires", &what)?;
    let expires = expires.parse().map_err(|e| malformed(format!("the time until which {what} is good: {e}")))?;
    let listed = value.get("signatures").and_then(Value::as_array);
    let listed = listed.ok_or_else(|| malformed(format!("{what} has no list of signatures")))?;
    if listed.len() > MOST_KEYS {
        return Err(Refusal::new(Reason::TooLarge, format!("{what} has more than {MOST_KEYS} signatures")));
    }
    let mut signatures = BTreeMap::new();
    for one in listed {
        let id = json::text(one, "keyid", &what)?;
        // Somebody who is yet to sign has an empty one.
        let bytes = unhex(json::text(one, "sig", &what)?);
        let bytes = bytes.ok_or_else(|| malformed(format!("a signature of {what} is not hexadecimal")))?;
        if signatures.insert(id.to_owned(), bytes).is_some() {
            return Err(malformed(format!("{what} has two signatures of one key")));
        }
    }
    Ok(Metadata {
        role,
        version: positive(signed, "version", &what)?,
        expires,
        says: read(says)?,
        signed: canonical(signed)?,
        signatures,
    })
}

fn positive(value: &Value, name: &str, what: &str) -> Result<u64, Refusal> {
    let number = value.get(name).and_then(Value::as_u64).filter(|number| *number > 0);
    number.ok_or_else(|| malformed(format!("{what} has no number {name:?} above zero")))
}

fn object<'a>(value: Option<&'a Value>, what: &str) -> Result<&'a Map<String, Value>, Refusal> {
    let members = value.and_then(Value::as_object).ok_or_else(|| malformed(format!("{what} is no object")))?;
    if members.len() > MOST_FILES {
        return Err(Refusal::new(Reason::TooLarge, format!("{what} has more than {MOST_FILES} members")));
    }
    Ok(members)
}

pub(super) fn root(bytes: &[u8]) -> Result<Metadata<Root>, Refusal> {
    metadata(Role::Root, bytes, |says| {
        let named = object(says.get("keys"), "the keys of a root")?;
        if named.len() > MOST_KEYS {
            return Err(Refusal::new(Reason::TooLarge, format!("a root with more than {MOST_KEYS} keys")));
        }
        let mut keys = BTreeMap::new();
        for (id, value) in named {
            keys.insert(id.clone(), key(id, value)?);
        }
        let roles = object(says.get("roles"), "the roles of a root")?;
        let mut signers = BTreeMap::new();
        for role in Role::ALL {
            let what = format!("the role {} of a root", role.name());
            let value = roles.get(role.name()).ok_or_else(|| malformed(format!("{what} is missing")))?;
            let listed = value.get("keyids").and_then(Value::as_array);
            let listed = listed.ok_or_else(|| malformed(format!("{what} has no list of keys")))?;
            let mut ids = BTreeSet::new();
            for id in listed {
                let id = id.as_str().filter(|id| keys.contains_key(*id));
                let id = id.ok_or_else(|| malformed(format!("{what} names a key that is not there")))?;
                if !ids.insert(id.to_owned()) {
                    return Err(malformed(format!("{what} names a key twice")));
                }
            }
            signers.insert(role, Signers { ids, threshold: positive(value, "threshold", &what)? });
        }
        let consistent = match says.get("consistent_snapshot") {
            None => false,
            Some(value) => {
                value.as_bool().ok_or_else(|| malformed("consistent_snapshot of a root is neither true nor false"))?
            }
        };
        Ok(Root { consistent, keys, signers })
    })
}

/// The key that `value` has, which has to be named by its own digest: of all its members, or of those alone that the specification has.
fn key(id: &str, value: &Value) -> Result<Key, Refusal> {
    let what = "a key of a root";
    let members = object(Some(value), what)?;
    let own: Map<String, Value> = members
        .iter()
        .filter(|(name, _)| matches!(name.as_str(), "keytype" | "scheme" | "keyval"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let names = |value: &Value| Ok::<_, Refusal>(hex(&sha256(&canonical(value)?)) == id);
    if !names(value)? && !names(&Value::Object(own))? {
        let why = format!("{what} is named {id:?}, which is not its digest");
        return Err(Refusal::new(Reason::KeyIdMismatch, why));
    }
    let (kind, scheme) = (json::text(value, "keytype", what)?, json::text(value, "scheme", what)?);
    let wanted = match (kind, scheme) {
        ("ecdsa" | "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256") => Scheme::EcdsaP256,
        ("ecdsa" | "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384") => Scheme::EcdsaP384,
        ("ed25519", "ed25519") => Scheme::Ed25519,
        _ => return Ok(None),
    };
    let public = value.get("keyval").and_then(|value| value.get("public")).and_then(Value::as_str);
    let public = public.ok_or_else(|| malformed(format!("{what} has no public half")))?;
    let raw = || unhex(public).ok_or_else(|| malformed(format!("{what} is not hexadecimal")));
    let key = match wanted {
        Scheme::Ed25519 => PublicKey::from_ed25519(&raw()?)?,
        // The first roots of Sigstore had points of the curve as digits.
        Scheme::EcdsaP256 if !public.starts_with('-') => PublicKey::from_spki(&[P256_SPKI, &raw()?].concat())?,
        _ => PublicKey::from_pem(public.as_bytes())?,
    };
    if key.scheme() == wanted {
        Ok(Some(key))
    } else {
        Err(malformed(format!("{what} is not on the curve that it names")))
    }
}

pub(super) fn timestamp(bytes: &[u8]) -> Result<Metadata<Files>, Refusal> {
    metadata(Role::Timestamp, bytes, files)
}

pub(super) fn snapshot(bytes: &[u8]) -> Result<Metadata<Files>, Refusal> {
    metadata(Role::Snapshot, bytes, files)
}

fn files(says: &Map<String, Value>) -> Result<Files, Refusal> {
    let meta = object(says.get("meta"), "what metadata says of other metadata")?;
    meta.iter()
        .map(|(name, value)| {
            let what = format!("what is said of {name:?}");
            let length = length(value, &what)?;
            let hashes = hashes(value, &what)?;
            Ok((name.clone(), MetaFile { version: positive(value, "version", &what)?, length, hashes }))
        })
        .collect()
}

pub(super) fn targets(bytes: &[u8]) -> Result<Metadata<Targets>, Refusal> {
    metadata(Role::Targets, bytes, |says| {
        let listed = object(says.get("targets"), "the files of targets metadata")?;
        let mut files = BTreeMap::new();
        for (name, value) in listed {
            let what = format!("the target {name:?}");
            let length = length(value, &what)?.ok_or_else(|| malformed(format!("{what} has no length")))?;
            let hashes = hashes(value, &what)?;
            if hashes.is_empty() {
                return Err(malformed(format!("{what} has no digest")));
            }
            files.insert(name.clone(), Target { length, hashes });
        }
        Ok(Targets { files, delegates: says.get("delegations").is_some_and(|value| !value.is_null()) })
    })
}

fn length(value: &Value, what: &str) -> Result<Option<usize>, Refusal> {
    let Some(length) = value.get("length") else { return Ok(None) };
    let length = length.as_u64().and_then(|length| usize::try_from(length).ok());
    length.map(Some).ok_or_else(|| malformed(format!("{what} has a length that is none")))
}

/// The digests of what `value` says, SHA-256 first; none where it says none.
fn hashes(value: &Value, what: &str) -> Result<Vec<(Hash, Vec<u8>)>, Refusal> {
    let Some(listed) = value.get("hashes") else { return Ok(Vec::new()) };
    let listed = object(Some(listed), &format!("the digests of {what}"))?;
    let mut hashes = Vec::new();
    for (name, hash) in [("sha256", Hash::Sha256), ("sha512", Hash::Sha512)] {
        if let Some(digits) = listed.get(name) {
            let digest = digits.as_str().and_then(|digits| hash.from_hex(digits));
            hashes.push((hash, digest.ok_or_else(|| malformed(format!("a digest of {what} is none")))?));
        }
    }
    if hashes.is_empty() && !listed.is_empty() {
        return Err(Refusal::new(
            Reason::Unsupported,
            format!("{what} has digests that are neither SHA-256 nor SHA-512"),
        ));
    }
    Ok(hashes)
}
