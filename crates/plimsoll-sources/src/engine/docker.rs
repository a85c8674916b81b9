//! Docker's API over its socket, which podman speaks too. In: a name. Out: the image, saved by the engine into a temporary
//! archive and opened like one that somebody brought.
//! <https://docs.docker.com/reference/api/engine/version/v1.48/#tag/Image/operation/ImageGet>

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use plimsoll_model::{ImageReference, Platform};
use reqwest::{Client, Response, StatusCode, redirect};
use serde::Deserialize;

use crate::engine::{EngineError, docker_sockets, socket};
use crate::error::SourceError;
use crate::image::ResolvedImage;
use crate::limits::MAX_ARCHIVE_UNPACKED;
use crate::local::input::{InputOptions, open_archive};
use crate::oci::manifest::same_name;
use crate::registry::answer::shown;
use crate::sources::{Shared, Sources};

const ENGINE: &str = "the Docker-compatible engine";
/// The engine writes an image's first byte only when it has gathered it; large ones take a while.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// What an engine says of one image, or of its error.
const MAX_ANSWER: usize = 4 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    repo_tags: Option<Vec<String>>,
    repo_digests: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Refused {
    message: Option<String>,
}

struct Saved {
    inspected: Inspected,
    file: File,
}

/// The image that the engine calls `name`.
pub(crate) fn image(
    sources: &Sources,
    given: Option<&PathBuf>,
    name: &str,
    platform: Option<&Platform>,
) -> Result<ResolvedImage, SourceError> {
    let environment = &sources.shared.environment;
    let path = socket(ENGINE, given, environment.docker_host.as_ref(), docker_sockets(environment)).map_err(engine)?;
    let saved = sources.blocking(name, |shared| {
        let path = path.clone();
        async move { save(&shared, &path, name, platform).await.map_err(engine) }
    })?;
    let what = format!("{name} of {}", path.display());
    let options =
        InputOptions { platform: platform.cloned(), name: None, spool: Some(sources.shared.cache.folder().to_owned()) };
    let mut image = open_archive(&what, saved.file, None, &options)?;
    image.repo_tags = saved.inspected.repo_tags.unwrap_or_default();
    image.repo_digests = saved.inspected.repo_digests.unwrap_or_default();
    image.reference = named(name, &image.repo_tags);
    Ok(image)
}

fn engine(error: EngineError) -> SourceError {
    SourceError::Engine(Box::new(error))
}

/// The name that was asked for, unless it was an image's id: then the first that the engine has for it.
fn named(asked: &str, tags: &[String]) -> Option<ImageReference> {
    if is_id(asked) {
        return tags.iter().find_map(|tag| tag.parse().ok());
    }
    // podman keeps what was built here under `localhost/`, which is then its name.
    let has = |reference: &ImageReference| tags.iter().any(|tag| same_name(tag, reference));
    let local = format!("localhost/{asked}").parse().ok().filter(has);
    let asked: ImageReference = asked.parse().ok()?;
    Some(if has(&asked) { asked } else { local.unwrap_or(asked) })
}

fn is_id(name: &str) -> bool {
    let hex = name.strip_prefix("sha256:").unwrap_or(name);
    (12..=64).contains(&hex.len()) && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

/// How the engine may know the image: by its full name, as it was typed, or as podman names what was built here.
fn candidates(name: &str) -> Vec<String> {
    let mut all = vec![];
    if !is_id(name)
        && let Ok(reference) = name.parse::<ImageReference>()
    {
        // The API takes either a tag or a digest.
        all.push(match (reference.digest(), reference.tag()) {
            (Some(digest), _) => format!("{}@{digest}", reference.name()),
            (None, Some(tag)) => format!("{}:{tag}", reference.name()),
            (None, None) => reference.name(),
        });
        all.push(format!("localhost/{name}"));
    }
    all.push(name.to_owned());
    all
}

async fn save(
    shared: &Arc<Shared>,
    path: &Path,
    name: &str,
    platform: Option<&Platform>,
) -> Result<Saved, EngineError> {
    let transport =
        |source: reqwest::Error| EngineError::Transport { engine: ENGINE, socket: path.display().to_string(), source };
    let disk = |source| EngineError::Disk { engine: ENGINE, source };
    let client = client(path).map_err(transport)?;
    let no_image = || EngineError::NoImage { engine: ENGINE, name: name.to_owned() };
    if name.is_empty() || name.contains(['?', '#', '%', ' ', '\\']) || name.split('/').any(|part| part == "..") {
        return Err(no_image());
    }
    for candidate in candidates(name) {
        let response = client.get(format!("http://engine/images/{candidate}/json")).send().await.map_err(transport)?;
        if response.status() == StatusCode::NOT_FOUND || response.status() == StatusCode::BAD_REQUEST {
            continue;
        }
        let bytes = answer(response, "the image's description", &transport).await?;
        let inspected: Inspected = serde_json::from_slice(&bytes).map_err(|error| EngineError::Answer {
            engine: ENGINE,
            what: "the image's description".into(),
            why: error.to_string(),
        })?;
        let mut url = format!("http://engine/images/{candidate}/get");
        if let Some(platform) = platform {
            // Engines that do not know the parameter leave it alone; what comes is checked.
            let json = serde_json::json!({"os": platform.os, "architecture": platform.architecture});
            if let Ok(encoded) = reqwest::Url::parse_with_params("q:", [("platform", json.to_string())]) {
                url.push_str(&format!("?{}", encoded.query().unwrap_or_default()));
            }
        }
        let mut response = client.get(url).send().await.map_err(transport)?;
        if !response.status().is_success() {
            answer(response, "the saved image", &transport).await?;
            return Err(no_image());
        }
        let mut file = tempfile::tempfile_in(shared.cache.folder()).map_err(disk)?;
        let mut total = 0u64;
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            total += chunk.len() as u64;
            if total > MAX_ARCHIVE_UNPACKED {
                let why = format!("it is larger than the {MAX_ARCHIVE_UNPACKED} bytes that are allowed");
                return Err(EngineError::Answer { engine: ENGINE, what: "the saved image".into(), why });
            }
            file.write_all(&chunk).map_err(disk)?;
        }
        file.seek(SeekFrom::Start(0)).map_err(disk)?;
        return Ok(Saved { inspected, file });
    }
    Err(no_image())
}

async fn answer(
    mut response: Response,
    what: &str,
    transport: &(dyn Fn(reqwest::Error) -> EngineError + Sync),
) -> Result<Vec<u8>, EngineError> {
    let status = response.status();
    let failed = |why| EngineError::Answer { engine: ENGINE, what: what.to_owned(), why };
    let mut bytes = vec![];
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_ANSWER {
            return Err(failed(format!("it is larger than the {MAX_ANSWER} bytes that are allowed")));
        }
    }
    if status.is_success() {
        return Ok(bytes);
    }
    let words = serde_json::from_slice::<Refused>(&bytes).ok().and_then(|refused| refused.message);
    Err(failed(format!("it answers {} {}", status.as_u16(), shown(&words.unwrap_or_default()))))
}

#[cfg(unix)]
fn client(path: &Path) -> Result<Client, reqwest::Error> {
    plain().unix_socket(path).build()
}

/// Where there are no unix sockets, nothing listens at the path either.
#[cfg(not(unix))]
fn client(_: &Path) -> Result<Client, reqwest::Error> {
    plain().build()
}

/// A client for a socket.
pub(super) fn plain() -> reqwest::ClientBuilder {
    let roots = rustls::RootCertStore::empty();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_root_certificates(roots).with_no_client_auth());
    let builder = Client::builder().no_proxy().redirect(redirect::Policy::none()).read_timeout(IDLE_TIMEOUT);
    // No TLS is spoken over a socket, but a client is not made without any.
    match config {
        Ok(config) => builder.tls_backend_preconfigured(config),
        Err(_) => builder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tried_in_full_first() {
        assert_eq!(candidates("shop"), ["docker.io/library/shop:latest", "localhost/shop", "shop"]);
        assert_eq!(candidates("3faed50b9d38"), ["3faed50b9d38"]);
        let tags = ["localhost/shop:latest".to_owned()];
        assert_eq!(named("shop", &tags).unwrap().to_string(), "localhost/shop:latest");
        assert_eq!(named("nginx", &tags).unwrap().to_string(), "docker.io/library/nginx:latest");
        assert_eq!(named("3faed50b9d38", &tags).unwrap().to_string(), "localhost/shop:latest");
    }
}
