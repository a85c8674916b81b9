//! `conftest pull` and `test --update`. In: addresses. Out: policies in a folder. Registries and files are spoken; Git, web
//! servers and buckets are not: a policy is then fetched with that tool's own program.
//!
//! A title of a layer names a file below the folder; one that leads out of it is refused, and nothing is written.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use plimsoll_sources::{SourceOptions, Sources};
use regex::Regex;

use super::engine::absolute;
use super::flags::{Pull, Push};
use super::settings::Settings;
use crate::exit::Exit;
use crate::rego::load;

/// Bytes of one bundle.
const MAX_BUNDLE: u64 = 256 << 20;
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What addresses of registries look like where nothing says so.
const REGISTRIES: &str = r"azurecr\.io|gcr\.io|registry\.gitlab\.com|pkg\.dev|[0-9]{12}\.dkr\.ecr\.[a-z0-9-]*\.amazonaws\.com|^quay\.io|(?:::1|127\.0\.0\.1|(?i:localhost)):[0-9]{1,5}";

/// Where policies are.
enum Place {
    /// A repository and tag or digest.
    Registry(String),
    File(PathBuf),
}

pub fn pull(asked: &Pull, settings: &Settings) -> Result<Exit, String> {
    if asked.urls.is_empty() {
        eprintln!("Usage:\n  plimsoll conftest pull <repository> [flags]");
        return Err("missing required arguments".into());
    }
    let given = settings.text(asked.policy.as_ref(), "policy").unwrap_or_else(|| "policy".into());
    let keep = settings.truth(asked.absolute_paths, "absolute-paths")?;
    let folder = match keep {
        true => given,
        false => given.trim_start_matches('/').to_owned(),
    };
    let tls = settings.said(asked.tls, "tls")?;
    fetch(Path::new(&folder), &asked.urls, tls, false).map_err(|why| format!("download policies: {why}"))?;
    Ok(Exit::Allowed)
}

/// Pushing needs a client that writes to registries, which this program is not.
pub fn push(asked: &Push, settings: &Settings) -> Result<Exit, String> {
    let Some(to) = asked.to.first() else {
        eprintln!("Usage:\n  plimsoll conftest push <repository> [flags]");
        return Err("missing required arguments".into());
    };
    if !to.contains('/') {
        return Err("destination url missing repository".into());
    }
    let folder = settings.text(asked.policy.as_ref(), "policy").unwrap_or_else(|| "policy".into());
    Err(format!(
        "push is not spoken here: nothing in plimsoll writes to registries\n\thint: oras push {} {folder}/FILE.rego:application/vnd.cncf.openpolicyagent.policy.layer.v1+rego … makes the same bundle",
        to.trim_start_matches("oci://")
    ))
}

/// Fetches policies into a folder. What is there stays unless `overwrite` says otherwise.
pub fn fetch(folder: &Path, urls: &[String], tls: Option<bool>, overwrite: bool) -> Result<(), String> {
    for url in urls {
        match place(url)? {
            Place::File(path) => {
                let content = load::bytes(&path).map_err(|fault| format!("client get: {}", fault.text()))?;
                let name =
                    path.file_name().map(PathBuf::from).ok_or_else(|| format!("detecting url: {url}: no file"))?;
                write(folder, &[(name, content)], overwrite)?;
            }
            Place::Registry(name) => {
                let files = bundle(&name, tls).map_err(|why| format!("client get: pulling policy: {why}"))?;
                // A bundle is made of files that belong together: those that are there are its earlier ones.
                write(folder, &files, true)?;
            }
        }
    }
    Ok(())
}

fn place(url: &str) -> Result<Place, String> {
    let not_spoken = |what: &str, way: &str| Err(format!("detecting url: {url}: {what} is not spoken here: {way}"));
    if let Some(name) = url.strip_prefix("oci://") {
        return Ok(Place::Registry(name.to_owned()));
    }
    if url.starts_with("git::") || url.starts_with("git@") || url.contains(".git//") || url.ends_with(".git") {
        return not_spoken("Git", "clone the repository and name its folder with --policy");
    }
    for (prefix, what, way) in [
        ("github.com/", "Git", "clone the repository and name its folder with --policy"),
        ("bitbucket.org/", "Git", "clone the repository and name its folder with --policy"),
        ("hg::", "Mercurial", "clone the repository and name its folder with --policy"),
        ("s3::", "S3", "fetch it with aws s3 cp"),
        ("gcs::", "Google's storage", "fetch it with gcloud storage cp"),
        ("http://", "HTTP", "fetch it with curl, or push it to a registry"),
        ("https://", "HTTP", "fetch it with curl, or push it to a registry"),
    ] {
        if url.starts_with(prefix) {
            return not_spoken(what, way);
        }
    }
    let registry = Regex::new(REGISTRIES).is_ok_and(|pattern| pattern.is_match(url));
    if registry && url.contains('/') {
        return Ok(Place::Registry(url.to_owned()));
    }
    let path = url.strip_prefix("file://").unwrap_or(url);
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(Place::File(absolute(path))),
        Ok(_) => not_spoken("a folder", "name it with --policy"),
        Err(error) => Err(format!("detecting url: {}", load::failed("stat", Path::new(path), &error).text())),
    }
}

/// The files of a bundle, by their titles.
fn bundle(name: &str, tls: Option<bool>) -> Result<Vec<(PathBuf, Vec<u8>)>, String> {
    let reference = crate::assess::reference(name).map_err(|error| crate::message::chain(&error))?;
    let cache = tempfile::tempdir().map_err(|error| format!("make a folder: {error}"))?;
    let host = name.split('/').next().unwrap_or_default().to_owned();
    let options = SourceOptions {
        plain_http: if tls == Some(false) { vec![host] } else { Vec::new() },
        cache_dir: Some(cache.path().to_owned()),
        deadline: PATIENCE,
        progress: Arc::new(plimsoll_sources::Quiet),
        ..SourceOptions::default()
    };
    let said = |error: plimsoll_sources::SourceError| crate::message::chain(&anyhow::Error::new(error));
    let files = Sources::new(&options).map_err(said)?.artifact_files(&reference, MAX_BUNDLE).map_err(said)?;
    if files.is_empty() {
        return Err(format!("{name} has no layer with a title: it is no bundle of policies"));
    }
    let inside = |title: &str| -> Result<PathBuf, String> {
        let path = Path::new(title);
        let plain = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        match plain && path.file_name().is_some() {
            true => Ok(path.to_owned()),
            false => Err(format!("{name}: a layer's title leads out of the folder: {title:?}")),
        }
    };
    files.into_iter().map(|file| Ok((inside(&file.title)?, file.bytes))).collect()
}

fn write(folder: &Path, files: &[(PathBuf, Vec<u8>)], overwrite: bool) -> Result<(), String> {
    for (name, _) in files {
        let path = folder.join(name);
        if !overwrite && path.exists() {
            return Err(format!("policy file already exists at {}, refusing to overwrite", path.display()));
        }
        // A link below the folder could lead anywhere.
        let mut here = folder.to_path_buf();
        for part in name.components() {
            here.push(part);
            if std::fs::symlink_metadata(&here).is_ok_and(|found| found.is_symlink()) {
                return Err(format!("{} is a link: remove it first", here.display()));
            }
        }
    }
    for (name, content) in files {
        let path = folder.join(name);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, content));
        made.map_err(|error| format!("write {}: {error}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_to_registries_and_files() {
        let registry = |url: &str| matches!(place(url), Ok(Place::Registry(_)));
        assert!(registry("oci://ghcr.io/a/b:v1") && registry("quay.io/a/b") && registry("localhost:5000/a"));
        for url in ["git::https://example.org/a", "https://example.org/a.rego", "github.com/a/b", "s3::https://x/y"] {
            assert!(place(url).is_err(), "{url}");
        }
        assert!(place("nowhere.rego").is_err());
    }
}
