//! `conftest pull`, `test --update` and `push`. In: addresses. Out: policies in a folder, or a folder's in a registry. Registries,
//! web servers and files are spoken; Git and buckets are not: a policy is then fetched with that tool's own program.
//!
//! A title of a layer names a file below the folder; one that leads out of it is refused, and nothing is written or sent.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use plimsoll_model::{Digest, ImageReference};
use plimsoll_rego::bundle::Limits;
use plimsoll_sources::{ArtifactFile, SourceOptions, Sources, shown_address};
use regex::Regex;

use super::engine::{self, Dialect, Wanted, absolute};
use super::flags::{Pull, Push};
use super::print;
use super::settings::Settings;
use crate::exit::Exit;
use crate::rego::load;

/// Bytes of one bundle.
const MAX_BUNDLE: u64 = 256 << 20;
/// Files of one archive.
const MAX_FILES: usize = 10_000;
/// What layers of bundles are.
const POLICY_LAYER: &str = "application/vnd.cncf.openpolicyagent.policy.layer.v1+rego";
const DATA_LAYER: &str = "application/vnd.cncf.openpolicyagent.data.layer.v1+json";
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What addresses of registries look like where nothing says so.
const REGISTRIES: &str = r"azurecr\.io|gcr\.io|registry\.gitlab\.com|pkg\.dev|[0-9]{12}\.dkr\.ecr\.[a-z0-9-]*\.amazonaws\.com|^quay\.io|(?:::1|127\.0\.0\.1|(?i:localhost)):[0-9]{1,5}";

/// Where policies are.
enum Place {
    /// A repository and tag or digest.
    Registry(String),
    Web(Page),
    File(PathBuf),
    Folder(PathBuf),
}

/// A file of a web server.
struct Page {
    address: String,
    /// What it is called here.
    name: String,
    checksum: Option<Digest>,
    /// An archive gives its files.
    unpack: bool,
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

/// Puts policies that compile, and data, into a registry: each file a layer, whose title is its path.
pub fn push(asked: &Push, settings: &Settings) -> Result<Exit, String> {
    let to = match asked.to.as_slice() {
        [] => {
            eprintln!("Usage:\n  plimsoll conftest push <repository> [flags]");
            return Err("missing required arguments".into());
        }
        [to] => to,
        // Conftest passes by what follows, and pushes another folder than the one that was meant.
        [_, folder, ..] => return Err(format!("{folder} is named beside the repository: name a folder with --policy")),
    };
    if !to.contains('/') {
        return Err("destination url missing repository".into());
    }
    let mut name = to.replace("oci://", "");
    if !name.rsplit('/').next().unwrap_or_default().contains(':') {
        name.push_str(":latest");
    }
    let policy = settings.text(asked.policy.as_ref(), "policy").unwrap_or_else(|| "policy".into());
    let data =
        settings.text(asked.data.as_ref(), "data").filter(|path| !path.is_empty()).unwrap_or_else(|| policy.clone());
    if data.is_empty() {
        return Err("either policy or data must be set".into());
    }
    let version = settings.text(asked.rego_version.as_ref(), "rego-version").unwrap_or_else(|| "v1".into());
    let tls = settings.said(asked.tls, "tls")?;
    let digest = pushed(&name, &policy, &data, version, tls).map_err(|why| format!("push bundle: {why}"))?;
    Ok(print(&format!("pushing bundle to: {name}\npushed bundle with digest: {digest}\n")))
}

fn pushed(name: &str, policy: &str, data: &str, version: String, tls: Option<bool>) -> Result<Digest, String> {
    let wrong = |why: String| format!("constructing repository: {}: {why}", shown_address(name));
    let reference = reference(name).map_err(wrong)?;
    if reference.digest().is_some() {
        return Err(wrong("a digest is of what is there already: name a tag".into()));
    }
    // A name without a registry would be one of Docker Hub's.
    if name.split('/').next() != Some(reference.registry()) {
        return Err(wrong("it names no registry".into()));
    }
    let paths = |path: &str| if path.is_empty() { Vec::new() } else { vec![path.to_owned()] };
    let dialect = Dialect { version, ..Dialect::default() };
    let layers = |why: String| format!("pushing layers: {why}");
    let policies = engine::load(&paths(policy), &paths(data), &dialect).map_err(layers)?;
    let mut files = Vec::new();
    for source in policies.loaded.sources.iter() {
        files.push(file(Path::new(&*source.name), POLICY_LAYER, source.text.as_bytes().to_vec())?);
    }
    files.sort_by(|a, b| a.title.cmp(&b.title));
    for path in &policies.loaded.documents {
        let content = load::bytes(path).map_err(|fault| layers(format!("load: {}", fault.text())))?;
        files.push(file(path, DATA_LAYER, content)?);
    }
    policies.engine(Wanted::default()).map_err(|why| layers(format!("load: {why}")))?;
    let (sources, _cache) = sources(name, tls)?;
    sources.push_artifact(&reference, &files).map_err(said)
}

/// A file as a layer, under its path as Go cleans it.
fn file(path: &Path, media_type: &str, bytes: Vec<u8>) -> Result<ArtifactFile, String> {
    let plain: PathBuf = path.components().filter(|part| !matches!(part, Component::CurDir)).collect();
    let title = plain.to_str().ok_or_else(|| format!("pushing layers: {}: its name is no UTF-8", path.display()))?;
    if inside(title).is_none() {
        return Err(format!(
            "pushing layers: {title:?} leads out of the folder of whoever pulls it: push from a folder above it"
        ));
    }
    Ok(ArtifactFile { title: title.to_owned(), media_type: media_type.to_owned(), bytes })
}

/// Fetches policies into a folder. What is there stays unless `overwrite` says otherwise, but for files of a registry's bundle,
/// which take the place of earlier ones.
pub fn fetch(folder: &Path, urls: &[String], tls: Option<bool>, overwrite: bool) -> Result<(), String> {
    for url in urls {
        match place(url)? {
            Place::File(path) => {
                let content = load::bytes(&path).map_err(|fault| format!("client get: {}", fault.text()))?;
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                write(folder, &taken(url, name, content, true)?, overwrite)?;
            }
            Place::Folder(path) => linked(folder, &path, overwrite).map_err(|why| format!("client get: {why}"))?,
            Place::Web(page) => {
                // What is there is not fetched again to be refused.
                let target = folder.join(&page.name);
                if !overwrite && target.exists() {
                    return Err(exists(&target));
                }
                let (sources, _cache) = sources("", tls)?;
                let content = sources.web_file(&page.address, MAX_BUNDLE);
                let content = content.map_err(|error| format!("client get: {}", said(error)))?;
                if let Some(wanted) = &page.checksum {
                    let found = plimsoll_sources::hash::digest(wanted.algorithm(), &content);
                    if found != *wanted {
                        let url = shown_address(url);
                        return Err(format!("client get: {url}: its digest is {found}, not {wanted}"));
                    }
                }
                write(folder, &taken(url, &page.name, content, page.unpack)?, overwrite)?;
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

/// The files that a file stands for: an archive's, or itself.
fn taken(url: &str, name: &str, content: Vec<u8>, unpack: bool) -> Result<Vec<(PathBuf, Vec<u8>)>, String> {
    let failed = |why: String| format!("client get: {}: {why}", shown_address(url));
    if name.is_empty() {
        return Err(failed("it names no file".into()));
    }
    let ends = |endings: &[&str]| unpack && endings.iter().any(|ending| name.ends_with(ending));
    if ends(&[".tar.gz", ".tgz"]) {
        // A policy that is left out refuses nothing.
        let limits = Limits { file: MAX_BUNDLE, total: MAX_BUNDLE, entries: MAX_FILES, plain: true };
        let files = plimsoll_rego::bundle::unpack(&content, &limits).map_err(|error| failed(error.to_string()))?;
        if files.is_empty() {
            return Err(failed("there is no file in it".into()));
        }
        return Ok(files.into_iter().map(|file| (file.path.trim_start_matches('/').into(), file.bytes)).collect());
    }
    if ends(&[".zip", ".tar", ".gz", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".tzst"]) {
        return Err(failed(
            "of archives only .tar.gz is spoken here: unpack it and name its folder with --policy".into(),
        ));
    }
    Ok(vec![(name.into(), content)])
}

/// A folder of this machine is not copied: the policies' folder is a link to it, in the place of an earlier link if `overwrite`.
fn linked(folder: &Path, to: &Path, overwrite: bool) -> Result<(), String> {
    let folder = &itself(folder);
    let failed = |error: std::io::Error| format!("link {}: {error}", folder.display());
    let target = to.canonicalize().map_err(failed)?;
    // A link through itself leads nowhere, and one to a folder around it has no end.
    let circle =
        |here: PathBuf| here.starts_with(&target) || to.ancestors().any(|part| entry(part).as_ref() == Some(&here));
    if entry(folder).is_some_and(circle) {
        return Err(format!("{} is the policies' own folder, or around or below it", to.display()));
    }
    match std::fs::symlink_metadata(folder) {
        Ok(found) if found.is_symlink() => {
            if folder.canonicalize().is_ok_and(|found| found == target) {
                return Ok(());
            }
            if !overwrite {
                return Err(exists(folder));
            }
            std::fs::remove_file(folder).map_err(failed)?;
        }
        Ok(_) => return Err("destination exists and is not a symlink".into()),
        Err(_) => {}
    }
    if let Some(above) = folder.parent().filter(|above| !above.as_os_str().is_empty()) {
        std::fs::create_dir_all(above).map_err(failed)?;
    }
    std::os::unix::fs::symlink(to, folder).map_err(failed)
}

/// A path that names a link, and not what it leads to, as one with a slash at its end does.
fn itself(path: &Path) -> PathBuf {
    path.components().collect()
}

/// Where a path's last part lies or would, whatever it leads to.
fn entry(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?;
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some(above.canonicalize().ok().or_else(|| entry(above))?.join(name))
}

/// A file of a web server: what is asked for, and what go-getter's words behind the `?` say of it.
fn page(url: &str) -> Result<Page, String> {
    let failed = |why: &str| format!("detecting url: {}: {why}", shown_address(url));
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if path.contains("//") {
        return Err(failed("a part of an archive (//) is not spoken here"));
    }
    let name = path.split_once('/').and_then(|(_, path)| path.rsplit('/').next()).unwrap_or_default();
    let mut page = Page { address: String::new(), name: name.into(), checksum: None, unpack: true };
    let mut asked = Vec::new();
    for word in query.split('&').filter(|word| !word.is_empty()) {
        match word.split_once('=').unwrap_or((word, "")) {
            // Another reader would take it for one of the words below.
            (key, _) if key.contains('%') => return Err(failed("a % in a key of the query is not spoken here")),
            ("archive", "false" | "0") => page.unpack = false,
            ("archive", _) => return Err(failed("archive= is not spoken here, but for archive=false")),
            ("filename", name) => page.name = name.into(),
            ("checksum", digest) => {
                let digest = if digest.contains(':') { digest.to_owned() } else { format!("sha256:{digest}") };
                let read = digest.parse().map_err(|_| failed("of checksums sha256 and sha512 are spoken here"))?;
                page.checksum = Some(read);
            }
            _ => asked.push(word),
        }
    }
    let plain = |name: &str| !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', '%']);
    if !plain(&page.name) {
        return Err(failed("it names no file: folders of web servers are not spoken here"));
    }
    let query = if asked.is_empty() { String::new() } else { format!("?{}", asked.join("&")) };
    page.address = format!("{scheme}://{path}{query}");
    Ok(page)
}

fn place(url: &str) -> Result<Place, String> {
    let shown = shown_address(url);
    let not_spoken = |what: &str, way: &str| Err(format!("detecting url: {shown}: {what} is not spoken here: {way}"));
    if let Some(name) = url.strip_prefix("oci://") {
        return Ok(Place::Registry(name.to_owned()));
    }
    let clone = "clone the repository and name its folder with --policy";
    if url.starts_with("git::") || url.starts_with("git@") || url.contains(".git//") || url.ends_with(".git") {
        return not_spoken("Git", clone);
    }
    for (prefix, what, way) in [
        ("github.com/", "Git", clone),
        ("bitbucket.org/", "Git", clone),
        ("hg::", "Mercurial", clone),
        ("s3::", "S3", "fetch it with aws s3 cp"),
        ("gcs::", "Google's storage", "fetch it with gcloud storage cp"),
    ] {
        if url.starts_with(prefix) {
            return not_spoken(what, way);
        }
    }
    if url.starts_with("http://") || url.starts_with("https://") {
        return page(url).map(Place::Web);
    }
    let registry = Regex::new(REGISTRIES).is_ok_and(|pattern| pattern.is_match(url));
    if registry && url.contains('/') {
        return Ok(Place::Registry(url.to_owned()));
    }
    let path = url.strip_prefix("file://").unwrap_or(url);
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(Place::Folder(absolute(path))),
        Ok(_) => Ok(Place::File(absolute(path))),
        Err(error) => Err(format!("detecting url: {}", load::failed("stat", Path::new(&shown), &error).text())),
    }
}

/// The network, with a cache that goes with the call.
fn sources(name: &str, tls: Option<bool>) -> Result<(Sources, tempfile::TempDir), String> {
    let cache = tempfile::tempdir().map_err(|error| format!("make a folder: {error}"))?;
    let host = name.split('/').next().unwrap_or_default().to_owned();
    let options = SourceOptions {
        plain_http: if tls == Some(false) { vec![host] } else { Vec::new() },
        cache_dir: Some(cache.path().to_owned()),
        deadline: PATIENCE,
        progress: Arc::new(plimsoll_sources::Quiet),
        ..SourceOptions::default()
    };
    Ok((Sources::new(&options).map_err(said)?, cache))
}

fn said(error: plimsoll_sources::SourceError) -> String {
    crate::message::chain(&anyhow::Error::new(error))
}

/// The files of a bundle, by their titles.
fn bundle(name: &str, tls: Option<bool>) -> Result<Vec<(PathBuf, Vec<u8>)>, String> {
    let reference = reference(name)?;
    let (sources, _cache) = sources(name, tls)?;
    let files = sources.artifact_files(&reference, MAX_BUNDLE).map_err(said)?;
    if files.is_empty() {
        return Err(format!("{name} has no layer with a title: it is no bundle of policies"));
    }
    let path = |title: &str| {
        inside(title).ok_or_else(|| format!("{name}: a layer's title leads out of the folder: {title:?}"))
    };
    files.into_iter().map(|file| Ok((path(&file.title)?, file.bytes))).collect()
}

/// The path of a title below the folder; `None` for one that leads out of it.
fn inside(title: &str) -> Option<PathBuf> {
    let path = Path::new(title);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    (plain && path.file_name().is_some()).then(|| path.to_owned())
}

/// A name in a registry. A user or a query is no part of one, and would be shown wherever it is.
fn reference(name: &str) -> Result<ImageReference, String> {
    let bare = match name.rsplit_once('@') {
        Some((bare, digest)) if digest.parse::<Digest>().is_ok() => bare,
        _ => name,
    };
    if bare.contains(['@', '?', '#']) {
        return Err("a user or a query in a registry's name is not spoken here: sign in with docker login".into());
    }
    crate::assess::reference(name).map_err(|error| crate::message::chain(&error))
}

fn exists(path: &Path) -> String {
    format!("policy file already exists at {}, refusing to overwrite", path.display())
}

fn write(folder: &Path, files: &[(PathBuf, Vec<u8>)], overwrite: bool) -> Result<(), String> {
    let folder = &itself(folder);
    // What it leads to is the original of somebody's policies.
    unlinked(folder)?;
    for (name, _) in files {
        let path = folder.join(name);
        if !overwrite && path.exists() {
            return Err(exists(&path));
        }
        // A link below the folder could lead anywhere.
        let mut here = folder.to_path_buf();
        for part in name.components() {
            here.push(part);
            unlinked(&here)?;
        }
    }
    for (name, content) in files {
        let path = folder.join(name);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, content));
        made.map_err(|error| format!("write {}: {error}", path.display()))?;
    }
    Ok(())
}

fn unlinked(path: &Path) -> Result<(), String> {
    match std::fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
        true => Err(format!("{} is a link: remove it first", path.display())),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_to_registries_and_files() {
        let registry = |url: &str| matches!(place(url), Ok(Place::Registry(_)));
        assert!(registry("oci://ghcr.io/a/b:v1") && registry("quay.io/a/b") && registry("localhost:5000/a"));
        for url in ["git::https://example.org/a", "github.com/a/b", "s3::https://x/y", "https://x/", "https://x/a//b"] {
            assert!(place(url).is_err(), "{url}");
        }
        assert!(place("nowhere.rego").is_err());
        let sum = format!("sha256:{}", "a".repeat(64));
        let page = page(&format!("https://x/y/a.tgz?archive=false&checksum={sum}&filename=b.rego&c=d")).unwrap();
        assert_eq!((&*page.address, &*page.name, page.unpack), ("https://x/y/a.tgz?c=d", "b.rego", false));
        assert_eq!(page.checksum.unwrap().to_string(), sum);
        for url in [
            "https://x/a?checksum=md5:00",
            "https://x/a?filename=..",
            "https://x/a?archive=zip",
            "https://x/%2e%2e",
            "https://x/a?check%73um=x",
        ] {
            assert!(place(url).is_err(), "{url}");
        }
    }

    #[test]
    fn no_message_has_secrets_of_an_address() {
        for url in [
            "https://u:secret@x//a?b=secret",
            "https://u:secret@x/a?checksum=secret",
            "https:/u:secret@x/a",
            "git::https://secret@x/a",
            "s3::https://x/a?key=secret",
            "ftp://u:secret@x/a?b=secret",
        ] {
            let why = place(url).err().unwrap();
            assert!(!why.contains("secret") && why.contains('x'), "{url}: {why}");
        }
        for url in ["oci://u:secret@quay.io/a", "oci://quay.io/a?b=secret", "u:secret@quay.io/a@sha256:0"] {
            let why = fetch(Path::new("nowhere"), &[url.into()], None, false).unwrap_err();
            assert!(!why.contains("secret"), "{url}: {why}");
            let why = pushed(url.trim_start_matches("oci://"), "", "", "v1".into(), None).unwrap_err();
            assert!(!why.contains("secret") && why.contains("quay.io"), "{url}: {why}");
        }
    }

    #[test]
    fn a_link_is_not_written_through_and_leads_to_another_folder() {
        let at = tempfile::tempdir().unwrap();
        let (from, other, link) = (at.path().join("from"), at.path().join("other"), at.path().join("policy"));
        for folder in [&from, &other, &from.join("in")] {
            std::fs::create_dir(folder).unwrap();
        }
        let file = [("a.rego".into(), b"package main".to_vec())];
        let target = || std::fs::read_link(&link).unwrap();
        linked(&link, &from, false).unwrap();
        for folder in [link.clone(), link.join("")] {
            assert!(write(&folder, &file, true).unwrap_err().contains("is a link"));
            assert!(linked(&folder, &link, true).is_err() && linked(&folder, &link.join("in"), true).is_err());
            assert!(linked(&folder, at.path(), true).is_err());
            assert!(linked(&folder, &other, false).unwrap_err().contains("refusing to overwrite"));
            linked(&folder, &from, false).unwrap();
            assert_eq!(target(), from);
        }
        assert!(!from.join("a.rego").exists());
        assert!(linked(&from.join("new/policy"), &from, true).is_err());
        linked(&link.join(""), &other, true).unwrap();
        assert_eq!(target(), other);
    }
}
