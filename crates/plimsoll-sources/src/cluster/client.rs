//! Questions to an API server. In: names that strangers may have chosen. Out: credentials and the images that run, under
//! bounds of size and number. Answers about secrets and service accounts are kept for a minute.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, Url, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use crate::cluster::access::{Access, Token};
use crate::cluster::error::ClusterError;
use crate::cluster::keep::Keep;
use crate::cluster::tls;
use crate::registry::answer::{MAX_ERROR_BODY, shown};
use crate::registry::endpoint::is_loopback;
use crate::registry::pull_secret::{PullSecret, PullSecretError};

/// How long an answer about a secret or a service account is believed: a change is seen after it.
pub const TTL: Duration = Duration::from_secs(60);
/// How long it is believed that something is not there: somebody who is told so makes it, and tries again.
const TTL_OF_NOTHING: Duration = Duration::from_secs(5);
/// An API server that does not answer within this is down; callers with less time drop the question.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often a connection that is in use is asked whether it lives, and how long it has to say so.
const PING: Duration = Duration::from_secs(10);
/// Questions at the same time. The others wait, and find the answer kept when they asked the same.
const AT_ONCE: usize = 4;
/// A secret or service account. etcd takes 1.5 MiB; base64 and managed fields are on top.
const MAX_OBJECT: usize = 4 << 20;
/// A page of pods. Pods of many containers have some dozen kilobytes.
const MAX_PAGE: usize = 64 << 20;
/// Pods of one page.
const PAGE: usize = 500;
/// Pages: Kubernetes supports 150,000 pods. A server that leads on and on ends here.
const MAX_PAGES: usize = 400;
/// Distinct images that are remembered.
const MAX_IMAGES: usize = 20_000;
/// Pull secrets of one pod. Real ones have one or two.
const MAX_SECRETS: usize = 16;
/// Labels of DNS have 63 signs, names of secrets 253.
const MAX_NAME: usize = 253;

/// An API server.
pub struct Cluster {
    client: Client,
    server: Url,
    token: Option<Token>,
    room: Semaphore,
    kept: Keep<(Kind, String, String), Kept>,
    ttl: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Secret,
    ServiceAccount,
}

/// An answer that is kept. What could not be reached is not.
#[derive(Clone)]
enum Kept {
    Secret(PullSecret),
    Names(Vec<String>),
    Absent,
    Forbidden(String),
    /// A secret that is no pull secret, or a broken one.
    Bad(PullSecretError),
    Other(String),
}

/// A pod's own credentials, and what was in the way of more.
#[derive(Debug, Clone, Default)]
pub struct PodCredentials {
    pub secrets: Vec<PullSecret>,
    /// Finished words, without secrets.
    pub problems: Vec<String>,
}

/// An image that a pod of the cluster names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunningImage {
    pub namespace: String,
    pub image: String,
    /// Of the first pod that names it there.
    pub pull_secrets: Vec<String>,
}

/// The images of the pods that have not ended.
#[derive(Debug, Clone, Default)]
pub struct RunningImages {
    pub images: Vec<RunningImage>,
    /// False when there are more than we remember, or the listing broke off.
    pub complete: bool,
}

#[derive(Deserialize)]
struct Secret {
    #[serde(rename = "type")]
    kind: Option<String>,
    data: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServiceAccount {
    image_pull_secrets: Option<Vec<Named>>,
}

#[derive(Deserialize)]
struct Named {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Pods {
    metadata: Option<ListMeta>,
    items: Option<Vec<Pod>>,
}

#[derive(Deserialize)]
struct ListMeta {
    #[serde(rename = "continue")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Pod {
    metadata: Option<Meta>,
    spec: Option<Spec>,
}

#[derive(Deserialize)]
struct Meta {
    namespace: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    containers: Option<Vec<Container>>,
    init_containers: Option<Vec<Container>>,
    ephemeral_containers: Option<Vec<Container>>,
    image_pull_secrets: Option<Vec<Named>>,
}

#[derive(Deserialize)]
struct Container {
    image: Option<String>,
}

#[derive(Deserialize)]
struct Status {
    message: Option<String>,
}

impl Cluster {
    /// Makes the client; nothing is asked yet.
    ///
    /// # Errors
    /// When the address or a certificate cannot be used.
    pub fn new(access: &Access) -> Result<Cluster, ClusterError> {
        Cluster::with_ttl(access, TTL)
    }

    /// [`Cluster::new`] that believes answers for another while than [`TTL`].
    ///
    /// # Errors
    /// As there.
    pub fn with_ttl(access: &Access, ttl: Duration) -> Result<Cluster, ClusterError> {
        let malformed = |why: &str| ClusterError::Malformed {
            what: format!("the API server {:?}", shown(&access.server)),
            why: why.into(),
        };
        let mut server = Url::parse(&access.server).map_err(|_| malformed("it is no address"))?;
        let loopback = server.host_str().is_some_and(is_loopback);
        match server.scheme() {
            "https" => {}
            "http" if loopback => {}
            _ => return Err(malformed("it must be https://, for tokens are sent there")),
        }
        if !server.username().is_empty() || server.password().is_some() || server.query().is_some() {
            return Err(malformed("it has more in it than host, port and path"));
        }
        // So that what is joined to it comes below its path.
        let path = format!("{}/", server.path().trim_end_matches('/'));
        server.set_path(&path);
        let mut config = tls::config(access)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let builder = if loopback { Client::builder().no_proxy() } else { Client::builder() };
        let client = builder
            .tls_backend_preconfigured(config)
            .user_agent(concat!("plimsoll/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .timeout(TIMEOUT)
            // A connection that went dead without a word would otherwise be used again by each request, to time out on.
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(PING)
            .referer(false)
            .build()
            .map_err(|error| ClusterError::Tls { why: crate::error::chain(&error) })?;
        let (token, room, kept) = (access.token.clone(), Semaphore::new(AT_ONCE), Keep::new());
        Ok(Cluster { client, server, token, room, kept, ttl })
    }

    /// The credentials in a pull secret; `None` when there is no such secret.
    ///
    /// # Errors
    /// When we may not read it, the API server cannot be reached, or it is no pull secret.
    pub async fn pull_secret(&self, namespace: &str, name: &str) -> Result<Option<PullSecret>, ClusterError> {
        let what = || format!("the secret {}/{}", shown(namespace), shown(name));
        match self.asked(Kind::Secret, namespace, name, &what).await? {
            Kept::Secret(secret) => Ok(Some(secret)),
            Kept::Bad(source) => Err(ClusterError::PullSecret { what: what(), source }),
            _ => Ok(None),
        }
    }

    /// The names of a service account's pull secrets; `None` when there is no such account.
    ///
    /// # Errors
    /// When we may not read it, or the API server cannot be reached.
    pub async fn service_account_pull_secrets(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Vec<String>>, ClusterError> {
        let what = || format!("the service account {}/{}", shown(namespace), shown(name));
        match self.asked(Kind::ServiceAccount, namespace, name, &what).await? {
            Kept::Names(names) => Ok(Some(names)),
            _ => Ok(None),
        }
    }

    /// What the kubelet would pull a pod's images with: its own pull secrets, or else its service account's. Nothing ends
    /// it early: a secret that cannot be had is a problem, and the others count.
    pub async fn pod_credentials(
        &self,
        namespace: &str,
        service_account: Option<&str>,
        pull_secrets: &[String],
    ) -> PodCredentials {
        let mut found = PodCredentials::default();
        let told = |error: &ClusterError| format!("could not {}", crate::error::chain(error));
        let names = if pull_secrets.is_empty() {
            let account = service_account.unwrap_or("default");
            match self.service_account_pull_secrets(namespace, account).await {
                Ok(names) => names.unwrap_or_default(),
                Err(error) => {
                    found.problems.push(told(&error));
                    return found;
                }
            }
        } else {
            pull_secrets.to_vec()
        };
        if names.len() > MAX_SECRETS {
            found.problems.push(format!("could not read more than {MAX_SECRETS} pull secrets of {}", names.len()));
        }
        for name in names.iter().take(MAX_SECRETS) {
            if name.is_empty() {
                found
                    .problems
                    .push("could not use a pull secret without a name (the key is `name`, in small letters)".into());
                continue;
            }
            match self.pull_secret(namespace, name).await {
                Ok(Some(secret)) => {
                    let problem = |why: &String| format!("could not use all of the pull secret {}: {why}", shown(name));
                    found.problems.extend(secret.problems.iter().map(problem));
                    found.secrets.push(secret);
                }
                Ok(None) => {
                    found.problems.push(format!("could not find the pull secret {}/{}", shown(namespace), shown(name)))
                }
                Err(error) => found.problems.push(told(&error)),
            }
        }
        found
    }

    /// The images of all pods that have not ended, each once for a namespace.
    ///
    /// # Errors
    /// When we may not list pods, or the API server cannot be reached. A listing that breaks off later gives what came.
    pub async fn images(&self) -> Result<RunningImages, ClusterError> {
        let mut found: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        let (mut next, mut complete) = (None::<String>, false);
        for page in 0..MAX_PAGES {
            let mut url = self.url("api/v1/pods")?;
            {
                let mut query = url.query_pairs_mut();
                query.append_pair("limit", &PAGE.to_string());
                query.append_pair("fieldSelector", "status.phase!=Succeeded,status.phase!=Failed");
                if let Some(next) = &next {
                    query.append_pair("continue", next);
                }
            }
            let pods: Pods = match self
                .get(url, "the list of pods", MAX_PAGE)
                .await
                .and_then(|bytes| json("the list of pods", bytes))
            {
                Ok(Some(pods)) => pods,
                // The list was too old to go on with, or the server went away: what came is of use.
                Ok(None) | Err(_) if page > 0 => break,
                Ok(None) => {
                    return Err(ClusterError::Status {
                        what: "the list of pods".into(),
                        status: 404,
                        words: String::new(),
                    });
                }
                Err(error) => return Err(error),
            };
            for pod in pods.items.into_iter().flatten() {
                let (Some(namespace), Some(spec)) = (pod.metadata.and_then(|meta| meta.namespace), pod.spec) else {
                    continue;
                };
                let secrets = names(spec.image_pull_secrets);
                let kinds = [spec.containers, spec.init_containers, spec.ephemeral_containers];
                let images: BTreeSet<String> = kinds.into_iter().flatten().flatten().filter_map(|c| c.image).collect();
                for image in images {
                    if found.len() < MAX_IMAGES {
                        found.entry((namespace.clone(), image)).or_insert_with(|| secrets.clone());
                    }
                }
            }
            next = pods.metadata.and_then(|meta| meta.next).filter(|next| !next.is_empty());
            if next.is_none() || found.len() >= MAX_IMAGES {
                complete = next.is_none() && found.len() < MAX_IMAGES;
                break;
            }
        }
        let image = |((namespace, image), pull_secrets)| RunningImage { namespace, image, pull_secrets };
        Ok(RunningImages { images: found.into_iter().map(image).collect(), complete })
    }

    /// What is kept about an object, or what the server says now.
    async fn asked(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
        what: &(dyn Fn() -> String + Sync),
    ) -> Result<Kept, ClusterError> {
        // What no object can be called does not exist; as a path it could mean something else.
        if !is_name(namespace) || !is_name(name) {
            return Ok(Kept::Absent);
        }
        let key = (kind, namespace.to_owned(), name.to_owned());
        let kept = match self.kept.get(&key, Instant::now()) {
            Some(kept) => kept,
            None => {
                let _permit = self.room.acquire().await;
                // Somebody else may have asked meanwhile.
                match self.kept.get(&key, Instant::now()) {
                    Some(kept) => kept,
                    None => {
                        let answer = self.ask(kind, namespace, name, what).await?;
                        let weight = 256 + key.1.len() + key.2.len() + answer.weight();
                        self.kept.put(key, answer.clone(), weight, Instant::now(), answer.believed(self.ttl));
                        answer
                    }
                }
            }
        };
        match kept {
            Kept::Forbidden(words) => Err(ClusterError::Forbidden { what: what(), words }),
            Kept::Other(why) => Err(ClusterError::BadAnswer { what: what(), why }),
            kept => Ok(kept),
        }
    }

    async fn ask(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
        what: &(dyn Fn() -> String + Sync),
    ) -> Result<Kept, ClusterError> {
        let kinds = match kind {
            Kind::Secret => "secrets",
            Kind::ServiceAccount => "serviceaccounts",
        };
        let url = self.url(&format!("api/v1/namespaces/{namespace}/{kinds}/{name}"))?;
        let bytes = match self.get(url, &what(), MAX_OBJECT).await {
            Err(ClusterError::Forbidden { words, .. }) => return Ok(Kept::Forbidden(words)),
            other => other?,
        };
        Ok(match kind {
            Kind::Secret => json::<Secret>(&what(), bytes)?.map_or(Kept::Absent, Secret::kept),
            Kind::ServiceAccount => json::<ServiceAccount>(&what(), bytes)?
                .map_or(Kept::Absent, |account| Kept::Names(names(account.image_pull_secrets))),
        })
    }

    pub(super) fn url(&self, path: &str) -> Result<Url, ClusterError> {
        self.server
            .join(path)
            .map_err(|_| ClusterError::Malformed { what: path.to_owned(), why: "it is no address".into() })
    }

    pub(super) fn unreachable(&self, error: reqwest::Error) -> ClusterError {
        let server = self.server.host_str().unwrap_or_default().to_owned();
        ClusterError::Unreachable { server, source: error.without_url() }
    }

    /// A question, signed with who we are.
    pub(super) fn question(&self, url: Url) -> Result<RequestBuilder, ClusterError> {
        let mut request = self.client.get(url).header(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(token) = &self.token {
            let value = HeaderValue::from_str(&format!("Bearer {}", token.now()?));
            let mut value = value.map_err(|_| ClusterError::Malformed {
                what: "the token for the cluster".into(),
                why: "it has characters that no header may have".into(),
            })?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        Ok(request)
    }

    /// The body of an answer; `None` for 404.
    pub(super) async fn get(&self, url: Url, what: &str, limit: usize) -> Result<Option<Vec<u8>>, ClusterError> {
        let response = self.question(url)?.send().await.map_err(|error| self.unreachable(error))?;
        self.body(response, what, limit).await
    }

    /// The body of an answer that came; `None` for 404.
    pub(super) async fn body(
        &self,
        mut response: Response,
        what: &str,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, ClusterError> {
        let status = response.status().as_u16();
        let limit = if status == 200 { limit } else { MAX_ERROR_BODY as usize };
        let mut bytes = vec![];
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(error))? {
            if bytes.len() + chunk.len() > limit {
                if status != 200 {
                    break;
                }
                let why = format!("it is larger than the {limit} bytes that are allowed");
                return Err(ClusterError::BadAnswer { what: what.to_owned(), why });
            }
            bytes.extend_from_slice(&chunk);
        }
        let words = || {
            let message = serde_json::from_slice::<Status>(&bytes).ok().and_then(|status| status.message);
            shown(&message.unwrap_or_default())
        };
        match status {
            200 => Ok(Some(bytes)),
            401 => Err(ClusterError::Unauthorized { server: self.server.host_str().unwrap_or_default().to_owned() }),
            403 => Err(ClusterError::Forbidden { what: what.to_owned(), words: words() }),
            404 => Ok(None),
            _ => Err(ClusterError::Status { what: what.to_owned(), status, words: words() }),
        }
    }
}

impl Kept {
    /// How long, where `ttl` is for what is there.
    fn believed(&self, ttl: Duration) -> Duration {
        match self {
            Kept::Absent => ttl.min(TTL_OF_NOTHING),
            Kept::Names(names) if names.is_empty() => ttl.min(TTL_OF_NOTHING),
            _ => ttl,
        }
    }

    fn weight(&self) -> usize {
        match self {
            Kept::Secret(secret) => secret.weight(),
            Kept::Names(names) => names.iter().map(|name| name.len() + 24).sum(),
            Kept::Forbidden(words) | Kept::Other(words) => words.len(),
            Kept::Absent | Kept::Bad(_) => 0,
        }
    }
}

impl Secret {
    /// The credentials, by the secret's type as the kubelet has it.
    fn kept(self) -> Kept {
        type Read = fn(&[u8]) -> Result<PullSecret, PullSecretError>;
        let (key, read): (&str, Read) = match self.kind.as_deref() {
            Some("kubernetes.io/dockerconfigjson") => (".dockerconfigjson", PullSecret::from_docker_config_json),
            Some("kubernetes.io/dockercfg") => (".dockercfg", PullSecret::from_docker_cfg),
            other => {
                let kind = shown(other.unwrap_or_default());
                return Kept::Other(format!("it is of type {kind:?}, which is no pull secret's"));
            }
        };
        let Some(data) = self.data.as_ref().and_then(|data| data.get(key)) else {
            return Kept::Other(format!("it has no {key}"));
        };
        match STANDARD.decode(data) {
            Err(_) => Kept::Other(format!("its {key} is not base64")),
            Ok(bytes) => read(&bytes).map_or_else(Kept::Bad, Kept::Secret),
        }
    }
}

fn names(named: Option<Vec<Named>>) -> Vec<String> {
    let names = named.into_iter().flatten().filter_map(|named| named.name).filter(|name| is_name(name));
    names.take(MAX_SECRETS + 1).collect()
}

/// True for what an object may be called, and safe in a path.
pub(super) fn is_name(text: &str) -> bool {
    let sign = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    !text.is_empty()
        && text.len() <= MAX_NAME
        && text.bytes().all(|b| sign(b) || matches!(b, b'-' | b'.'))
        && text.bytes().next().is_some_and(sign)
}

/// The value in a body. The parser's own words are left out, for they may quote a secret.
pub(super) fn json<T: DeserializeOwned>(what: &str, bytes: Option<Vec<u8>>) -> Result<Option<T>, ClusterError> {
    let read = |bytes: Vec<u8>| serde_json::from_slice(&bytes);
    bytes.map(read).transpose().map_err(|error| ClusterError::BadAnswer {
        what: what.to_owned(),
        why: format!("it is not the JSON that belongs there (line {}, column {})", error.line(), error.column()),
    })
}

/// What a Secret object holds, as the API server gives it. For the fuzz targets alone.
#[doc(hidden)]
pub fn secret_object(bytes: &[u8]) -> Option<PullSecret> {
    match serde_json::from_slice::<Secret>(bytes).ok()?.kept() {
        Kept::Secret(secret) => Some(secret),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_asked_for_again_soon() {
        for nothing in [Kept::Absent, Kept::Names(Vec::new())] {
            assert_eq!(nothing.believed(TTL), TTL_OF_NOTHING);
        }
        assert_eq!(Kept::Names(vec!["new".into()]).believed(TTL), TTL);
        assert_eq!(Kept::Absent.believed(Duration::ZERO), Duration::ZERO);
    }
}
