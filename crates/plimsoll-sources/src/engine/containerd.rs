//! containerd's API over its socket. In: a name. Out: the image, its blobs fetched from containerd's content store into the
//! cache and checked there. gRPC by hand over HTTP/2: three calls do not need a generator.
//! <https://github.com/containerd/containerd/tree/main/api/services>, <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use plimsoll_model::{Digest, ImageReference, LayerReader, Platform};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, redirect};

use crate::cache::PartError;
use crate::engine::protobuf::{self, Value};
use crate::engine::{EngineError, containerd_sockets, socket};
use crate::error::SourceError;
use crate::file_part::FilePart;
use crate::image::ResolvedImage;
use crate::local::blobs::{self, Blobs};
use crate::oci::manifest::Descriptor;
use crate::registry::answer::shown;
use crate::sources::{Shared, Sources};

const ENGINE: &str = "containerd";
/// Where Kubernetes keeps its images, and where `ctr` and nerdctl do.
const NAMESPACES: [&str; 2] = ["k8s.io", "default"];
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// containerd sends content in pieces of a megabyte; gRPC's own bound for a message is four.
const MAX_MESSAGE: usize = 16 << 20;
/// gRPC's status for "not found".
const NOT_FOUND: &str = "5";

/// A connection to containerd in one namespace.
struct Store {
    shared: Arc<Shared>,
    client: Client,
    socket: String,
    namespace: String,
    name: String,
}

/// The image that containerd calls `name`.
pub(crate) fn image(
    sources: &Sources,
    given: Option<&PathBuf>,
    namespace: Option<&str>,
    name: &str,
    platform: Option<&Platform>,
) -> Result<ResolvedImage, SourceError> {
    let engine = |error| SourceError::Engine(Box::new(error));
    let environment = &sources.shared.environment;
    let path = socket(ENGINE, given, environment.containerd_address.as_ref(), containerd_sockets()).map_err(engine)?;
    let client = client(&path).map_err(|source| {
        engine(EngineError::Transport { engine: ENGINE, socket: path.display().to_string(), source })
    })?;
    let namespaces = namespace.map_or(NAMESPACES.to_vec(), |namespace| vec![namespace]);
    let full: ImageReference = crate::sources::parsed(name)?;
    for namespace in namespaces {
        let store = Store {
            shared: Arc::clone(&sources.shared),
            client: client.clone(),
            socket: path.display().to_string(),
            namespace: namespace.to_owned(),
            name: format!("{name} of containerd ({namespace})"),
        };
        // containerd names images in full, but takes what it is given.
        for candidate in [full.to_string(), name.to_owned()] {
            let found = sources.blocking(name, |_| async { store.target(&candidate).await.map_err(engine) })?;
            let Some(target) = found else { continue };
            let store: Arc<dyn Blobs> = Arc::new(store);
            let mut image = blobs::image(&store, &target, platform)?;
            image.reference = Some(full.clone());
            image.repo_tags = vec![candidate];
            image.repo_digests = vec![format!("{}@{}", full.name(), target.digest)];
            return Ok(image);
        }
    }
    Err(engine(EngineError::NoImage { engine: ENGINE, name: name.to_owned() }))
}

impl Store {
    fn answer(&self, what: &str, why: impl Into<String>) -> EngineError {
        EngineError::Answer { engine: ENGINE, what: what.to_owned(), why: why.into() }
    }

    fn transport(&self, source: reqwest::Error) -> EngineError {
        EngineError::Transport { engine: ENGINE, socket: self.socket.clone(), source }
    }

    /// Calls a method and hands over each message of the answer. `false` when there is no such thing.
    async fn call(
        &self,
        method: &str,
        request: &[u8],
        each: &mut (dyn FnMut(&[u8]) -> Result<(), EngineError> + Send),
    ) -> Result<bool, EngineError> {
        let mut body = vec![0u8];
        body.extend_from_slice(&u32::try_from(request.len()).unwrap_or(u32::MAX).to_be_bytes());
        body.extend_from_slice(request);
        let response = self
            .client
            .post(format!("http://containerd/{method}"))
            .header(CONTENT_TYPE, "application/grpc")
            .header("te", "trailers")
            .header("containerd-namespace", &self.namespace)
            .body(body)
            .send()
            .await
            .map_err(|error| self.transport(error))?;
        if !response.status().is_success() {
            return Err(self.answer(method, format!("it answers {}", response.status().as_u16())));
        }
        let mut status = status(response.headers());
        let mut body = reqwest::Body::from(response);
        let mut buffer: Vec<u8> = vec![];
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.transport(error))?;
            match frame.into_data() {
                Ok(data) => {
                    buffer.extend_from_slice(&data);
                    while let Some(length) = self.message_length(method, &buffer)? {
                        each(&buffer[5..5 + length])?;
                        buffer.drain(..5 + length);
                    }
                }
                Err(frame) => status = status.or(frame.trailers_ref().and_then(self::status)),
            }
        }
        match status {
            Some((code, _)) if code == "0" && buffer.is_empty() => Ok(true),
            Some((code, _)) if code == NOT_FOUND => Ok(false),
            Some((code, words)) if code != "0" => Err(self.answer(method, format!("status {code}, {}", shown(&words)))),
            _ => Err(self.answer(method, "the answer breaks off")),
        }
    }

    /// The length of the first whole message in the buffer.
    fn message_length(&self, method: &str, buffer: &[u8]) -> Result<Option<usize>, EngineError> {
        let Some([compressed, a, b, c, d]) = buffer.first_chunk::<5>() else { return Ok(None) };
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        if *compressed != 0 || length > MAX_MESSAGE {
            return Err(self.answer(method, "it is compressed or larger than allowed"));
        }
        Ok((buffer.len() >= 5 + length).then_some(length))
    }

    /// What an image's name leads to.
    async fn target(&self, name: &str) -> Result<Option<Descriptor>, EngineError> {
        let mut target = None;
        let method = "containerd.services.images.v1.Images/Get";
        let found = self
            .call(method, &protobuf::text(1, name), &mut |message| {
                target = image_target(message);
                Ok(())
            })
            .await?;
        match (found, target) {
            (false, _) => Ok(None),
            (true, Some(target)) => Ok(Some(target)),
            (true, None) => Err(self.answer(method, "it names no manifest")),
        }
    }

    /// A blob's size in the content store.
    async fn size(&self, digest: &Digest) -> Result<Option<u64>, EngineError> {
        let mut size = None;
        let request = protobuf::text(1, &digest.to_string());
        let found = self
            .call("containerd.services.content.v1.Content/Info", &request, &mut |message| {
                size = sub(message, 1).and_then(|info| match field(info, 2)? {
                    Value::Number(size) => Some(size),
                    Value::Bytes(_) => None,
                });
                Ok(())
            })
            .await?;
        Ok(size.filter(|_| found))
    }

    async fn fetched(&self, digest: &Digest, size: u64) -> Result<std::fs::File, EngineError> {
        let cache = &self.shared.cache;
        if let Some(file) = cache.get(digest, Some(size)) {
            return Ok(file);
        }
        let disk = |source| EngineError::Disk { engine: ENGINE, source };
        let method = "containerd.services.content.v1.Content/Read";
        let mut part = cache.part(digest).map_err(disk)?;
        if part.length() > size {
            part.restart().map_err(disk)?;
        }
        let offset = part.length();
        let request = [protobuf::text(1, &digest.to_string()), protobuf::number(2, offset)].concat();
        let found = self
            .call(method, &request, &mut |message| {
                let piece = sub(message, 2).unwrap_or_default();
                if part.length().saturating_add(piece.len() as u64) > size {
                    return Err(self.answer(method, "there is more of it than containerd says"));
                }
                part.write(piece).map_err(disk)
            })
            .await?;
        if !found {
            return Err(self.answer(method, format!("there is no content {digest}")));
        }
        let file = part.finish().map_err(|error| match error {
            PartError::Io(source) => disk(source),
            PartError::Digest(found) => self.answer(method, format!("its digest is {found}, not {digest}")),
        })?;
        cache.evict();
        Ok(file)
    }
}

impl Blobs for Store {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self, digest: &Digest) -> io::Result<(u64, LayerReader)> {
        let work = async {
            let size = self.size(digest).await?;
            let size = size.ok_or_else(|| {
                self.answer(
                    "the image's content",
                    format!("{digest} is not there; containerd may have discarded it after unpacking"),
                )
            })?;
            Ok::<_, EngineError>((size, self.fetched(digest, size).await?))
        };
        // Made inside, for a time-out needs its runtime.
        let bounded = async { tokio::time::timeout(self.shared.deadline, work).await };
        let done = self.shared.runtime.handle().block_on(bounded);
        let done = done.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "containerd did not answer in time"))?;
        let (size, file) = done.map_err(|error| io::Error::other(crate::error::chain(&error)))?;
        Ok((size, Box::new(FilePart::new(&Arc::new(file), 0, size))))
    }
}

/// `GetImageResponse.image.target`, a `containerd.types.Descriptor`. Public for the fuzz targets alone.
#[doc(hidden)]
pub fn image_target(message: &[u8]) -> Option<Descriptor> {
    let target = sub(sub(message, 1)?, 3)?;
    let text = |number| sub(target, number).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let size = match field(target, 3)? {
        Value::Number(size) => size,
        Value::Bytes(_) => return None,
    };
    Some(Descriptor {
        media_type: text(1).unwrap_or_default().to_owned(),
        digest: text(2)?.parse().ok()?,
        size,
        platform: None,
        annotations: Default::default(),
        urls: vec![],
        artifact_type: None,
    })
}

fn field(message: &[u8], number: u64) -> Option<Value<'_>> {
    protobuf::fields(message)?.into_iter().find(|(field, _)| *field == number).map(|(_, value)| value)
}

fn sub(message: &[u8], number: u64) -> Option<&[u8]> {
    match field(message, number)? {
        Value::Bytes(bytes) => Some(bytes),
        Value::Number(_) => None,
    }
}

/// `grpc-status` and `grpc-message`.
fn status(headers: &HeaderMap) -> Option<(String, String)> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    text("grpc-status").map(|code| (code, text("grpc-message").unwrap_or_default()))
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

fn plain() -> reqwest::ClientBuilder {
    crate::engine::docker::plain().http2_prior_knowledge().redirect(redirect::Policy::none()).read_timeout(IDLE_TIMEOUT)
}
