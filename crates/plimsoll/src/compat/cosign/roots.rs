//! What `initialize` keeps, where Cosign keeps it: in `$TUF_ROOT`, or `~/.sigstore/root`, `remote.json` names the mirror, and a folder by
//! its name holds the repository's metadata and, in `targets`, its files. In: that. Out: a file of it, verified again each time.
//! Nothing is fetched here: what is over or rotten could not be told, and is never passed by for what is built in.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use plimsoll_trust::tuf::{self, Held};
use plimsoll_trust::{Reason, TrustMaterial};
use serde_json::Value;

use super::Failure;

/// The files that are kept.
pub const TRUSTED_ROOT: &str = "trusted_root.json";
pub const SIGNING_CONFIG: &str = "signing_config.v0.2.json";
/// The variable of the environment that names the mirror before all else.
const MIRROR: &str = "TUF_MIRROR";
/// What names the mirror.
pub const REMOTE: &str = "remote.json";
/// The metadata, by the names of its files.
pub const METADATA: [&str; 4] = ["root.json", "timestamp.json", "snapshot.json", "targets.json"];

/// Bytes of any metadata: no kind has more.
const MOST_METADATA: u64 = 5_000_000;

/// What is kept of a repository's metadata, by [`METADATA`].
#[derive(Default, PartialEq, Eq)]
pub struct Kept([Option<Vec<u8>>; 4]);

impl Kept {
    /// What is in the folder.
    pub fn of(folder: &Path) -> Result<Kept, Failure> {
        let mut kept = Kept::default();
        for (place, name) in kept.0.iter_mut().zip(METADATA) {
            *place = there(&folder.join(name), MOST_METADATA)?;
        }
        Ok(kept)
    }

    pub fn held(&self) -> Held<'_> {
        let [root, timestamp, snapshot, targets] = self.0.each_ref().map(Option::as_deref);
        Held { root, timestamp, snapshot, targets }
    }
}

/// Where it is kept; nowhere without a home.
pub fn place() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    named("TUF_ROOT").or_else(|| named("HOME").map(|home| home.join(".sigstore").join("root")))
}

/// The folder of a mirror, as Cosign calls it.
pub fn folder(place: &Path, mirror: &str) -> Result<PathBuf, Failure> {
    let name = mirror.strip_prefix("https://").unwrap_or(mirror);
    let name = name.strip_prefix("http://").unwrap_or(name).replace(['/', ':'], "-").to_lowercase();
    if matches!(name.as_str(), "" | "." | "..") {
        return Err(format!("{mirror:?} is no address of a repository").into());
    }
    Ok(place.join(name))
}

/// What is trusted where no flag names a file: what `initialize` fetched last, else Sigstore's public authorities and logs, as they are
/// built in.
pub fn trusted() -> Result<TrustMaterial, Failure> {
    match file(TRUSTED_ROOT)? {
        Some(text) => {
            TrustMaterial::from_json(&text).map_err(|refusal| format!("read {TRUSTED_ROOT}: {refusal}").into())
        }
        None => Ok(TrustMaterial::production()?),
    }
}

/// A file that `initialize` fetched; none where it never did.
pub fn file(name: &str) -> Result<Option<Vec<u8>>, Failure> {
    let Some(place) = place() else {
        return match std::env::var_os(MIRROR).filter(|mirror| !mirror.is_empty()) {
            Some(_) => Err(format!(
                "{MIRROR} names a mirror, and there is no home where anything of it is kept: TUF_ROOT names a folder"
            )
            .into()),
            None => Ok(None),
        };
    };
    let Some(mirror) = mirror(&place)? else { return Ok(None) };
    let folder = folder(&place, &mirror)?;
    let renew = format!(
        "renew it with `plimsoll cosign initialize --mirror {mirror}` (and --root, if it is not Sigstore's), or name a file of your own"
    );
    let Some(text) = there(&folder.join("targets").join(name), tuf::MOST_FILE as u64)? else {
        return Err(format!("could not find {name} of {mirror} in {}: {renew}", folder.display()).into());
    };
    let kept = Kept::of(&folder)?;
    tuf::current(kept.held(), name, &text, jiff::Timestamp::now()).map_err(|refusal| {
        let what = if refusal.reason == Reason::MetadataExpired { "is over" } else { "is not to be believed" };
        format!("what was fetched of {mirror} into {} {what}: {refusal}; {renew}", folder.display())
    })?;
    Ok(Some(text))
}

/// The mirror that the environment names, or that `initialize` asked last.
fn mirror(place: &Path) -> Result<Option<String>, Failure> {
    if let Some(mirror) = std::env::var_os(MIRROR).filter(|mirror| !mirror.is_empty()) {
        return mirror.into_string().map(Some).map_err(|_| format!("{MIRROR} is no text").into());
    }
    let path = place.join(REMOTE);
    let Some(text) = there(&path, 64 << 10)? else { return Ok(None) };
    let value: Option<Value> = serde_json::from_slice(&text).ok();
    let mirror = value.as_ref().and_then(|value| value.get("mirror")?.as_str());
    let mirror = mirror.ok_or_else(|| {
        format!(
            "{} names no mirror: renew it with `plimsoll cosign initialize`, or name a file of your own",
            path.display()
        )
    })?;
    Ok(Some(mirror.to_owned()))
}

/// The bytes of a file; none where there is none.
pub fn there(path: &Path, most: u64) -> Result<Option<Vec<u8>>, Failure> {
    match std::fs::symlink_metadata(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        _ => Ok(Some(super::read(&path.display().to_string(), most)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirrors_folder_is_called_as_cosign_calls_it() {
        let of = |mirror: &str| folder(Path::new("/r"), mirror).map(|path| path.display().to_string());
        for (mirror, name) in [
            ("https://tuf-repo-cdn.sigstore.dev", "tuf-repo-cdn.sigstore.dev"),
            ("http://127.0.0.1:8080/TUF/x/", "127.0.0.1-8080-tuf-x-"),
            ("https://../..", "..-.."),
            ("file:///srv/tuf", "file----srv-tuf"),
        ] {
            assert_eq!(of(mirror).unwrap(), format!("/r/{name}"));
        }
        for mirror in ["", "https://", "https://..", "http://."] {
            assert!(of(mirror).is_err(), "{mirror}");
        }
    }
}
