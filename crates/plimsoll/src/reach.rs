//! How images are reached. In: flags. Out: the sources, and a resolved image or a fetched artifact. What it does not do: read layers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use plimsoll_model::{Digest, ImageReference};
use plimsoll_sources::artifact::{Artifact, ArtifactRequest};
use plimsoll_sources::{Engine, ErrorKind, InputOptions, ResolvedImage, SourceOptions, Sources};

use crate::cli::{Origin, ReachArgs};
use crate::progress::{Fetching, Meter};

/// An image by its name.
pub fn open(name: &str, from: Origin, reach: &ReachArgs, cache: &Path, meter: &Meter) -> anyhow::Result<ResolvedImage> {
    if reach.offline && from == Origin::Registry {
        bail!("reach {name}: --offline forbids the network, and it is in no layout below the path");
    }
    let sources = sources(reach, cache, meter)?;
    let platform = reach.platform.as_ref();
    Ok(match from {
        Origin::Registry => sources.open_image(name, platform)?,
        Origin::Docker => sources.open_engine(&Engine::Docker { socket: None }, name, platform)?,
        Origin::Containerd => {
            sources.open_engine(&Engine::Containerd { socket: None, namespace: None }, name, platform)?
        }
    })
}

/// An image by its name as the tools of one machine look for it: the engine's own first, the registry's where the engine
/// is not there or has no such image.
pub fn open_nearest(
    name: &str,
    socket: Option<&Path>,
    reach: &ReachArgs,
    cache: &Path,
    meter: &Meter,
) -> anyhow::Result<ResolvedImage> {
    let sources = sources(reach, cache, meter)?;
    let engine = Engine::Docker { socket: socket.map(Path::to_owned) };
    match sources.open_engine(&engine, name, reach.platform.as_ref()) {
        Ok(image) => Ok(image),
        Err(error) if reach.offline => Err(error.into()),
        Err(error) if matches!(error.kind(), ErrorKind::Absent | ErrorKind::Unreachable) => {
            Ok(sources.open_image(name, reach.platform.as_ref())?)
        }
        Err(error) => Err(error.into()),
    }
}

/// Opens an archive or layout; `PATH:NAME` picks one image among several.
pub fn open_input(path: &str, reach: &ReachArgs, cache: &Path) -> anyhow::Result<ResolvedImage> {
    // Compressed archives are unpacked beside the blobs, where the user has room, rather than in memory-backed /tmp.
    let spool = cache.join("spool");
    let spool = std::fs::create_dir_all(&spool).is_ok().then_some(spool);
    let options = InputOptions { platform: reach.platform.clone(), spool, ..InputOptions::default() };
    Ok(plimsoll_sources::open_input(Path::new(path), &options)?)
}

/// Fetches the database that one of `names` has into `dest`, unless it is the one that is `known` already. `check` looks
/// at the file before it is believed.
pub fn database(
    names: &[String],
    dest: &Path,
    known: Option<&Digest>,
    check: &dyn Fn(&Path) -> Result<(), String>,
    reach: &ReachArgs,
    (cache, meter): (&Path, &Meter),
) -> anyhow::Result<Artifact> {
    if reach.offline {
        bail!("fetch the database: --offline forbids the network; `plimsoll db import FILE` takes one over");
    }
    let candidates: Vec<ImageReference> =
        names.iter().map(|name| crate::assess::reference(name)).collect::<anyhow::Result<_>>()?;
    let request = ArtifactRequest { candidates: &candidates, media_types: &DATABASE_LAYERS, dest, known, check };
    Ok(sources(reach, cache, meter)?.pull_artifact(&request)?)
}

/// Trivy's database, and our own index where somebody pushed one.
const DATABASE_LAYERS: [&str; 2] =
    ["application/vnd.aquasec.trivy.db.layer.v1.tar+gzip", "application/vnd.plimsoll.index.v1"];

/// The sources of a server: nobody watches their progress.
pub fn server_sources(reach: &ReachArgs, cache: &Path, image_limit: u64) -> anyhow::Result<Sources> {
    if reach.offline {
        bail!("serve with --offline: tags and images could not be looked up");
    }
    sources_with(reach, cache, image_limit, Arc::new(plimsoll_sources::Quiet))
}

/// The sources of a command, whose progress is watched.
pub fn sources(reach: &ReachArgs, cache: &Path, meter: &Meter) -> anyhow::Result<Sources> {
    sources_with(reach, cache, u64::MAX, Arc::new(Fetching::new(meter)))
}

/// The sources, with a limit on the bytes of one image.
pub fn sources_with(
    reach: &ReachArgs,
    cache: &Path,
    image_limit: u64,
    progress: Arc<dyn plimsoll_sources::Progress>,
) -> anyhow::Result<Sources> {
    let mut mirrors = Vec::new();
    for text in &reach.mirror {
        mirrors.push(text.parse().map_err(anyhow::Error::msg).with_context(|| format!("read the mirror {text:?}"))?);
    }
    Ok(Sources::new(&SourceOptions {
        ca: reach.ca.clone(),
        plain_http: reach.plain_http.clone(),
        mirrors,
        registries_conf: reach.registries_conf.clone(),
        hosts_dir: reach.hosts_dir.clone(),
        cache_dir: Some(cache.to_owned()),
        deadline: Duration::from_secs(reach.timeout),
        image_limit,
        progress,
        ..SourceOptions::default()
    })?)
}
