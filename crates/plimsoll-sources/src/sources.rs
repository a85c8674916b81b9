//! The way in. In: the user's settings, then names and paths. Out: images. Blocking functions are for commands; their
//! `_async` twins for servers. The network runs on threads of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_model::{Digest, ImageReference, Platform};
use tokio::runtime::{Handle, Runtime};

use crate::cache::{BlobCache, DEFAULT_SIZE};
use crate::engine::{Engine, containerd, docker};
use crate::environment::Environment;
use crate::error::SourceError;
use crate::image::ResolvedImage;
use crate::mirrors::{MirrorRule, Mirrors};
use crate::progress::{Progress, Quiet};
use crate::registry::error::RegistryError;
use crate::registry::pull;
use crate::registry::pull_secret::PullSecret;
use crate::registry::transport::Transport;

/// A pull of the largest images over a slow link; a CI job that hangs longer is broken.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(30 * 60);
/// Threads of the network: it waits most of the time, and writing to disk takes one.
const THREADS: usize = 2;

/// The user's settings.
#[derive(Clone)]
pub struct SourceOptions {
    /// `--ca`: authorities trusted besides the system's.
    pub ca: Vec<PathBuf>,
    /// `--plain-http HOST`: hosts spoken to without TLS.
    pub plain_http: Vec<String>,
    /// `--insecure HOST`: hosts whose certificate is not checked.
    pub skip_verify: Vec<String>,
    /// `--mirror docker.io=HOST[/PREFIX]`, asked before everything else, in their order.
    pub mirrors: Vec<MirrorRule>,
    /// `--registries-conf FILE`; `CONTAINERS_REGISTRIES_CONF` says the same. The system's own is not read unasked.
    pub registries_conf: Option<PathBuf>,
    /// `--hosts-dir DIR`: containerd's `certs.d`.
    pub hosts_dir: Option<PathBuf>,
    /// `--cache-dir DIR`, with `blobs` below it; otherwise `$XDG_CACHE_HOME/plimsoll`.
    pub cache_dir: Option<PathBuf>,
    /// Bytes that the cache may hold.
    pub cache_size: u64,
    /// For all of one image.
    pub deadline: Duration,
    /// Bytes that the layers of one image may have, as stored. A server that strangers send to has a disk to lose.
    pub image_limit: u64,
    pub progress: Arc<dyn Progress>,
    pub environment: Environment,
}

impl Default for SourceOptions {
    /// The defaults for this process's environment.
    fn default() -> SourceOptions {
        SourceOptions {
            ca: vec![],
            plain_http: vec![],
            skip_verify: vec![],
            mirrors: vec![],
            registries_conf: None,
            hosts_dir: None,
            cache_dir: None,
            cache_size: DEFAULT_SIZE,
            deadline: DEFAULT_DEADLINE,
            image_limit: u64::MAX,
            progress: Arc::new(Quiet),
            environment: Environment::of_process(),
        }
    }
}

/// What all fetches share. Cheap to copy, for a caller with a deadline of its own.
#[derive(Clone)]
pub(crate) struct Shared {
    pub transport: Arc<Transport>,
    pub environment: Arc<Environment>,
    pub mirrors: Arc<Mirrors>,
    /// A request's own credentials, asked before the environment's.
    pub given: Arc<[PullSecret]>,
    pub cache: BlobCache,
    pub progress: Arc<dyn Progress>,
    pub deadline: Duration,
    pub image_limit: u64,
    pub runtime: Arc<Network>,
}

impl Shared {
    /// When a fetch that begins now has to end.
    pub fn until(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.deadline).unwrap_or(now + DEFAULT_DEADLINE)
    }
}

/// The network's threads. Let go without waiting, so that the last user may be one of them, or a server's task.
pub(crate) struct Network(Option<Runtime>);

impl Network {
    pub fn handle(&self) -> &Handle {
        self.0.as_ref().expect("the runtime is taken out only when this is dropped").handle()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// What a tag means now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolved {
    /// Of the manifest, or of the index where there is one.
    pub digest: Digest,
}

/// Images and artifacts from registries and engines.
#[derive(Clone)]
pub struct Sources {
    pub(crate) shared: Arc<Shared>,
}

impl Sources {
    /// Reads the user's mirrors and makes the cache.
    ///
    /// # Errors
    /// When one of the named files cannot be read, or there is no place for the cache.
    pub fn new(options: &SourceOptions) -> Result<Sources, SourceError> {
        let environment = options.environment.clone();
        let mirrors = Mirrors::read(options)?;
        let io = |what: &str| {
            let what = what.to_owned();
            move |source| SourceError::Io { what, source }
        };
        let folder = options.cache_dir.clone().or_else(|| environment.cache_home());
        let cache = match folder.map(|folder| folder.join("blobs")) {
            Some(folder) => match BlobCache::open(&folder, options.cache_size) {
                Ok(cache) => cache,
                // A folder that was asked for must serve; the usual one may be read-only, as in a container.
                Err(source) if options.cache_dir.is_some() => {
                    return Err(SourceError::Io { what: format!("make the cache {}", folder.display()), source });
                }
                Err(_) => BlobCache::temporary().map_err(io("make a temporary cache"))?,
            },
            None => BlobCache::temporary().map_err(io("make a temporary cache"))?,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("plimsoll-network")
            .enable_all()
            .build()
            .map_err(io("start the network's threads"))?;
        let transport = Transport::new(environment.ssl_cert_file.clone(), options.ca.clone());
        Ok(Sources {
            shared: Arc::new(Shared {
                transport: Arc::new(transport),
                environment: Arc::new(environment),
                mirrors: Arc::new(mirrors),
                given: Arc::default(),
                cache,
                progress: Arc::clone(&options.progress),
                deadline: options.deadline,
                image_limit: options.image_limit,
                runtime: Arc::new(Network(Some(runtime))),
            }),
        })
    }

    /// The same sources with another deadline, which holds for each call and for the layers of the images that it gives:
    /// for servers, whose callers have one each.
    pub fn with_deadline(&self, deadline: Duration) -> Sources {
        Sources { shared: Arc::new(Shared { deadline, ..(*self.shared).clone() }) }
    }

    /// The same sources, and credentials that came with a request: these are tried first, then the server's own, then none.
    /// Strangers may have written them: they are only ever sent to the registries that they name.
    pub fn with_credentials(&self, given: &[PullSecret]) -> Sources {
        Sources { shared: Arc::new(Shared { given: given.into(), ..(*self.shared).clone() }) }
    }

    /// The image that `name` means, from its registry or a mirror of it. Must not be called from a task of a server.
    ///
    /// # Errors
    /// When no place has it, it cannot be believed, or the deadline passes.
    pub fn open_image(&self, name: &str, platform: Option<&Platform>) -> Result<ResolvedImage, SourceError> {
        let reference = parsed(name)?;
        self.blocking(name, |shared| async move { pull::image(&shared, &reference, platform).await })
    }

    /// [`Sources::open_image`] for servers. Whoever drops the future before its end leaves the fetch running until its
    /// deadline: what it reads is in the cache for the next call.
    ///
    /// # Errors
    /// As [`Sources::open_image`].
    pub async fn open_image_async(
        &self,
        name: &str,
        platform: Option<&Platform>,
    ) -> Result<ResolvedImage, SourceError> {
        let (reference, platform) = (parsed(name)?, platform.cloned());
        let work = |shared| async move { pull::image(&shared, &reference, platform.as_ref()).await };
        self.spawned(name, work).await
    }

    /// The digest that the tag of `reference` means now, by the word of its registry or a mirror; a digest in it means
    /// itself, and nobody is asked. Much cheaper than [`Sources::open_image_async`], which takes the result
    /// (`reference.with_digest(…)`) and finds in the cache what was read before. Dropping it is as there.
    ///
    /// # Errors
    /// When no place knows it, or the deadline passes.
    pub async fn resolve_async(&self, reference: &ImageReference) -> Result<Resolved, SourceError> {
        let named = reference.clone();
        let work = |shared| async move { pull::resolve(&shared, &named).await };
        Ok(Resolved { digest: self.spawned(&reference.to_string(), work).await? })
    }

    /// [`Sources::resolve_async`] for callers that wait. Must not be called from a task of a server.
    ///
    /// # Errors
    /// As [`Sources::resolve_async`].
    pub fn resolve(&self, reference: &ImageReference) -> Result<Resolved, SourceError> {
        let work = |shared| async move { pull::resolve(&shared, reference).await };
        Ok(Resolved { digest: self.blocking(&reference.to_string(), work)? })
    }

    /// Runs `work` on the network's threads, at most until the deadline.
    async fn spawned<T, F>(&self, what: &str, work: impl FnOnce(Arc<Shared>) -> F) -> Result<T, SourceError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, SourceError>> + Send + 'static,
    {
        let (deadline, what) = (self.shared.deadline, what.to_owned());
        let work = work(Arc::clone(&self.shared));
        let task = self.shared.runtime.handle().spawn(async move {
            tokio::time::timeout(deadline, work).await.unwrap_or_else(|_| Err(too_late(&what, deadline)))
        });
        task.await.unwrap_or_else(|error| {
            Err(SourceError::Io { what: "finish a task of the network".into(), source: std::io::Error::other(error) })
        })
    }

    /// The image that an engine on this machine calls `name`. Must not be called from a task of a server.
    ///
    /// # Errors
    /// When the engine is not there, has no such image, or gives one that cannot be believed.
    pub fn open_engine(
        &self,
        engine: &Engine,
        name: &str,
        platform: Option<&Platform>,
    ) -> Result<ResolvedImage, SourceError> {
        match engine {
            Engine::Docker { socket } => docker::image(self, socket.as_ref(), name, platform),
            Engine::Containerd { socket, namespace } => {
                containerd::image(self, socket.as_ref(), namespace.as_deref(), name, platform)
            }
        }
    }

    /// Runs `work` on the network's threads and waits for it, at most until the deadline.
    pub(crate) fn blocking<T, F>(&self, what: &str, work: impl FnOnce(Arc<Shared>) -> F) -> Result<T, SourceError>
    where
        F: Future<Output = Result<T, SourceError>>,
    {
        let deadline = self.shared.deadline;
        let work = work(Arc::clone(&self.shared));
        self.shared.runtime.handle().block_on(async move {
            tokio::time::timeout(deadline, work).await.unwrap_or_else(|_| Err(too_late(what, deadline)))
        })
    }

    /// Where blobs are kept.
    pub fn cache(&self) -> &BlobCache {
        &self.shared.cache
    }
}

fn too_late(what: &str, after: Duration) -> SourceError {
    SourceError::Registry { what: what.to_owned(), tried: vec![], source: Box::new(RegistryError::Deadline { after }) }
}

pub(crate) fn parsed(name: &str) -> Result<ImageReference, SourceError> {
    name.parse().map_err(|source| SourceError::Reference { name: name.to_owned(), source })
}
