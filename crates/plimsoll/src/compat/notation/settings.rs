//! Notation's folder: the trust policy, and stores of certificates. In: the environment. Out: a policy, and the certificates that a
//! statement of it names. Symbolic links are not followed there, as Notation does not.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use plimsoll_trust::notation::{Document, Statement, StoreKind, StoreName, Stores, anchors};
use plimsoll_trust::{Certificate, Reason, Refusal};

use super::{Failure, print, say};

/// Bytes of a policy, and of a file with certificates.
const MAX_FILE: u64 = 1 << 20;
/// Files of one store.
const MAX_FILES: usize = 1_000;
/// The policies' names; the first is that of versions to come, which read the second one, too.
const POLICIES: [&str; 2] = ["trustpolicy.oci.json", "trustpolicy.json"];
const LINK: &str = "https://notaryproject.dev/docs/quickstart/#create-a-trust-policy";

/// Where Notation keeps what is the user's.
fn folder() -> PathBuf {
    let named = |key: &str| std::env::var_os(key).filter(|value| !value.is_empty()).map(PathBuf::from);
    named("NOTATION_CONFIG")
        .or_else(|| named("XDG_CONFIG_HOME").map(|config| config.join("notation")))
        .or_else(|| named("HOME").map(|home| home.join(".config/notation")))
        .unwrap_or_else(|| PathBuf::from(".notation"))
}

/// The trust policy's bytes.
fn policy_bytes(folder: &Path) -> Result<Vec<u8>, Failure> {
    for name in POLICIES {
        let path = folder.join(name);
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(format!("could not read {}: {error}", path.display()).into()),
            Ok(found) if !found.is_file() => {
                let why =
                    "trust policy is not a regular file (symlinks are not supported). To create a trust policy, see:";
                return Err(format!("{why} {LINK}").into());
            }
            Ok(_) => {
                let read = crate::assess::read_bounded(&path, MAX_FILE);
                return read.map_err(|error| format!("could not {}", crate::message::chain(&error)).into());
            }
        }
    }
    Err(format!("trust policy is not present. To create a trust policy, see: {LINK}").into())
}

/// The trust policy.
pub fn policy() -> Result<Document, Failure> {
    let bytes = policy_bytes(&folder())?;
    Document::from_json(&bytes).map_err(|why| format!("malformed trust policy: {why}").into())
}

/// `policy show`.
pub fn show() -> Result<(), Failure> {
    let bytes = policy_bytes(&folder())?;
    if let Err(why) = Document::from_json(&bytes) {
        say(&format!("Error: {why}\nExisting trust policy configuration is invalid"));
    }
    print(&String::from_utf8_lossy(&bytes))
}

/// The stores that a statement names.
pub fn stores(statement: &Statement) -> Stores {
    let folder = folder();
    let of = |kind: StoreKind| {
        let mut names: Vec<&StoreName> = statement.stores.iter().filter(|store| store.kind == kind).collect();
        names.dedup();
        let mut all = Vec::new();
        for name in names {
            all.extend(store(&folder, name)?);
        }
        Ok(all)
    };
    let has_tsa = statement.stores.iter().any(|store| store.kind == StoreKind::Tsa);
    Stores {
        ca: of(StoreKind::Ca),
        signing_authority: of(StoreKind::SigningAuthority),
        tsa: has_tsa.then(|| of(StoreKind::Tsa)),
    }
}

fn store(folder: &Path, store: &StoreName) -> Result<Vec<Certificate>, Refusal> {
    let (kind, name) = (store.kind.name(), &store.name);
    let unusable = |why: String| Refusal::new(Reason::TrustStoreUnusable, why);
    let path = folder.join("truststore/x509").join(kind).join(name);
    let found = fs::symlink_metadata(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => unusable(format!("the trust store {name:?} of type {kind:?} does not exist")),
        _ => unusable(format!("the trust store {name:?} of type {kind:?} cannot be read: {error}")),
    })?;
    if !found.is_dir() {
        let why = format!(
            "the trust store {name:?} of type {kind:?} is not a regular directory (symlinks are not supported)"
        );
        return Err(unusable(why));
    }
    let unread =
        |error: std::io::Error| unusable(format!("the trust store {name:?} of type {kind:?} cannot be read: {error}"));
    let mut files = Vec::new();
    for entry in fs::read_dir(&path).map_err(unread)? {
        files.push(entry.map_err(unread)?);
        if files.len() > MAX_FILES {
            return Err(unusable(format!("the trust store {name:?} of type {kind:?} has more than {MAX_FILES} files")));
        }
    }
    files.sort_by_key(fs::DirEntry::file_name);
    let mut all = Vec::new();
    for file in files {
        let what = format!("the trusted certificate {:?} in trust store {name} of type {kind}", file.file_name());
        if !file.file_type().map_err(unread)?.is_file() {
            return Err(unusable(format!("{what} is not a regular file (directories or symlinks are not supported)")));
        }
        let bytes = crate::assess::read_bounded(&file.path(), MAX_FILE);
        let bytes = bytes.map_err(|error| unusable(format!("{what}: {}", crate::message::chain(&error))))?;
        all.extend(anchors(store.kind, &bytes).map_err(|why| unusable(format!("{what}: {}", why.message)))?);
    }
    if all.is_empty() {
        return Err(unusable(format!("no x509 certificates were found in trust store {name:?} of type {kind:?}")));
    }
    Ok(all)
}
