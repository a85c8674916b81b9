//! Where things are kept on this machine. In: the environment. Out: paths. Nothing is made here.

use std::path::{Path, PathBuf};

/// The user's cache folder (XDG Base Directory Specification); none when the environment names no home.
pub fn user_cache() -> Option<PathBuf> {
    let named = |key: &str| std::env::var_os(key).filter(|value| !value.is_empty()).map(PathBuf::from);
    named("XDG_CACHE_HOME").filter(|path| path.is_absolute()).or_else(|| named("HOME").map(|home| home.join(".cache")))
}

/// Our folder: the one asked for, else that of `PLIMSOLL_CACHE_DIR`, else below the user's cache, else below the system's temporary folder.
pub fn cache(asked: Option<&Path>) -> PathBuf {
    match asked {
        Some(dir) => dir.to_owned(),
        None => match std::env::var_os("PLIMSOLL_CACHE_DIR").filter(|value| !value.is_empty()) {
            Some(dir) => PathBuf::from(dir),
            None => user_cache().unwrap_or_else(std::env::temp_dir).join("plimsoll"),
        },
    }
}

/// The folder of the machine's databases.
pub fn databases(cache: &Path) -> PathBuf {
    cache.join("db")
}

/// Our compiled index.
pub fn index(cache: &Path) -> PathBuf {
    databases(cache).join("plimsoll.index")
}

/// The folder that holds Trivy's `trivy.db` and `metadata.json`.
pub fn trivy(cache: &Path) -> PathBuf {
    databases(cache).join("trivy")
}
