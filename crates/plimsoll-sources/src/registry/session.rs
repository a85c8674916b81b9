//! Talking to one registry about one repository. In: a path. Out: an answer whose status is 2xx, or why there is none.
//! Signs in when asked to, follows redirects without taking credentials along, tries again when that may help.
//! <https://github.com/opencontainers/distribution-spec/blob/main/spec.md>

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RANGE,
    RETRY_AFTER,
};
use reqwest::{Method, Response, StatusCode, Url};
use serde::Deserialize;
use tokio::sync::{Mutex, OnceCell};

use crate::environment::Environment;
use crate::registry::answer::{self, MAX_ERROR_BODY};
use crate::registry::challenge::{Challenge, challenges};
use crate::registry::credentials::{Credentials, credentials_for};
use crate::registry::endpoint::{Endpoint, Scheme, is_loopback};
use crate::registry::error::RegistryError;
use crate::registry::place::{MAX_REDIRECTS, next_place, same_origin};
use crate::registry::pull_secret::{self, PullSecret};
use crate::registry::retry;
use crate::registry::transport::Transport;
use crate::sources::Shared;

/// Sign-ins for one request: every credential there can be, and some for tokens that expire meanwhile.
const MAX_SIGN_INS: usize = 2 * pull_secret::MAX_TRIED;
/// A token service's answer. Tokens have a few kilobytes.
const MAX_TOKEN: u64 = 1 << 20;

/// One registry, one repository.
pub struct Session {
    pub endpoint: Endpoint,
    transport: Arc<Transport>,
    environment: Arc<Environment>,
    scheme: OnceCell<&'static str>,
    given: Arc<[PullSecret]>,
    authorization: Mutex<Authorization>,
    /// Tries of one request.
    tries: u32,
    /// When the caller gives up.
    until: Instant,
    /// Credentials of the user's were sent.
    signed_in: AtomicBool,
}

/// Whom to sign in as.
#[derive(Clone)]
enum Candidate {
    /// With credentials that came with the request.
    Given(Credentials),
    /// With the user's own, or without any where they know nothing of the registry. Looked up when their turn comes, for
    /// that may run a program.
    Own,
    Nobody,
}

/// How this session signs in.
#[derive(Default)]
struct Authorization {
    /// What is sent along.
    header: Option<HeaderValue>,
    /// How often that changed.
    generation: u64,
    /// The registry took it at least once.
    proven: bool,
    /// The credentials that are in use, by their number.
    candidate: usize,
    /// All that there are, once they were needed.
    candidates: Vec<Candidate>,
    /// The ways in that the registry offers.
    offered: Vec<Challenge>,
}

impl Authorization {
    /// Goes on to the next credentials, when there are more.
    fn advance(&mut self) -> bool {
        let more = self.candidate + 1 < self.candidates.len();
        self.candidate += usize::from(more);
        more
    }
}

/// What to ask for.
pub struct Ask<'a> {
    /// Below the repository: `manifests/latest`; or an address that the registry gave.
    pub path: &'a str,
    pub accept: &'a str,
    /// First byte that is wanted.
    pub from: u64,
    pub way: Way<'a>,
    /// What people call it.
    pub what: &'a str,
}

/// What is done with it.
#[derive(Clone, Copy)]
pub enum Way<'a> {
    Get,
    /// Only the answer's headers are wanted.
    Head,
    /// Opens an upload.
    Post,
    /// Puts bytes there: their media type and they.
    Put(&'a str, &'a [u8]),
    /// Adds bytes to an upload: how many went before, and they.
    Patch(u64, &'a [u8]),
    /// Takes it away.
    Delete,
}

/// What an answer is marked with that does not come from the registry itself.
#[derive(Clone)]
struct Elsewhere;

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Session {
    /// `last` says that there is no other place to ask: more patience is due then, up to `until`.
    pub(crate) fn new(endpoint: Endpoint, shared: &Shared, last: bool, until: Instant) -> Session {
        Session {
            endpoint,
            transport: Arc::clone(&shared.transport),
            environment: Arc::clone(&shared.environment),
            scheme: OnceCell::new(),
            given: Arc::clone(&shared.given),
            authorization: Mutex::default(),
            tries: if last { retry::MAX_TRIES } else { retry::TRIES_BEFORE_ANOTHER },
            until,
            signed_in: AtomicBool::new(false),
        }
    }

    pub fn host(&self) -> &str {
        &self.endpoint.host
    }

    /// Asks, and gives the answer.
    ///
    /// # Errors
    /// After the last try, or at once when trying again cannot help.
    pub async fn ask(&self, ask: &Ask<'_>) -> Result<Response, RegistryError> {
        let mut failed = 0;
        loop {
            let (error, pause) = match self.signed_in(ask).await {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => {
                    let pause = pause(&response);
                    (self.refusal(response, ask.what).await, pause)
                }
                Err(error) => (error, None),
            };
            failed += 1;
            let again = failed < self.tries && may_pass(&error, failed);
            match self.wait(failed, pause) {
                Some(wait) if again => tokio::time::sleep(wait).await,
                _ => return Err(error),
            }
        }
    }

    /// How long to wait after try number `failed`; `None` when that is not worth it, or the deadline comes first: what the
    /// registry said is a better answer than that time ran out.
    pub fn wait(&self, failed: u32, pause: Option<Duration>) -> Option<Duration> {
        let wait = retry::wait(failed, pause, retry::spread())?;
        (Instant::now() + wait < self.until).then_some(wait)
    }

    /// The answer to one try, after signing in with one credential after another until the registry takes one.
    async fn signed_in(&self, ask: &Ask<'_>) -> Result<Response, RegistryError> {
        let mut left = MAX_SIGN_INS;
        loop {
            let (generation, header) = {
                let authorization = self.authorization.lock().await;
                (authorization.generation, authorization.header.clone())
            };
            let sent = header.is_some();
            let (response, ours) = self.followed(ask, header).await?;
            // A 403 is the last word, but for credentials that the registry knows and that have no right to this.
            let refused = match response.status() {
                StatusCode::UNAUTHORIZED => true,
                StatusCode::FORBIDDEN => sent,
                _ => false,
            };
            let mut authorization = self.authorization.lock().await;
            left -= 1;
            if !ours || !refused || left == 0 {
                if sent && ours && !refused && authorization.generation == generation {
                    authorization.proven = true;
                }
                return Ok(response);
            }
            if authorization.generation != generation {
                // Another request has signed in meanwhile.
                continue;
            }
            if response.status() == StatusCode::UNAUTHORIZED {
                authorization.offered = offered(&response);
            }
            // What the registry took before has expired (or never covered this); what it never took is of no use.
            let again = if sent && !(authorization.proven && response.status() == StatusCode::UNAUTHORIZED) {
                !authorization.proven && authorization.advance()
            } else {
                true
            };
            if !again {
                return Ok(response);
            }
            self.renew(&mut authorization, response).await?;
        }
    }

    /// Signs in with the first credentials, from those in use on, that lead to something to send along.
    async fn renew(&self, authorization: &mut Authorization, response: Response) -> Result<(), RegistryError> {
        if authorization.candidates.is_empty() {
            authorization.candidates = self.candidates();
        }
        let mut response = Some(response);
        loop {
            let at = authorization.candidate;
            let credentials = match authorization.candidates.get(at) {
                Some(Candidate::Given(credentials)) => Some(credentials.clone()),
                Some(Candidate::Own) => {
                    let own = self.own().await?;
                    if own.is_none() {
                        // Nobody's turn, then; one is enough.
                        authorization.candidates.truncate(at + 1);
                    }
                    own
                }
                Some(Candidate::Nobody) | None => None,
            };
            if credentials.is_some() {
                self.signed_in.store(true, Ordering::Relaxed);
            }
            let error = match self.sign_in(&authorization.offered, credentials).await {
                Ok(Some(header)) => {
                    authorization.header = Some(header);
                    authorization.generation += 1;
                    authorization.proven = false;
                    return Ok(());
                }
                Ok(None) => {
                    let words = match response.take() {
                        Some(response) => body_words(response).await,
                        None => String::new(),
                    };
                    let signed_in = self.signed_in.load(Ordering::Relaxed);
                    RegistryError::Unauthorized { host: self.host().to_owned(), signed_in, words }
                }
                Err(error @ RegistryError::Unauthorized { .. }) => error,
                Err(error) => return Err(error),
            };
            if !authorization.advance() {
                return Err(error);
            }
        }
    }

    /// Whom to sign in as: with what came with the request, with the user's own, as nobody.
    fn candidates(&self) -> Vec<Candidate> {
        let given = pull_secret::matching(&self.given, &self.endpoint.credentials_of, &self.endpoint.repository);
        let mut all: Vec<Candidate> = given.into_iter().map(Candidate::Given).collect();
        // Without given ones the user's own are all: that they were refused is what the user has to know.
        let nobody = (!all.is_empty()).then_some(Candidate::Nobody);
        all.push(Candidate::Own);
        all.extend(nobody);
        all
    }

    async fn own(&self) -> Result<Option<Credentials>, RegistryError> {
        credentials_for(&self.endpoint.credentials_of, &self.endpoint.repository, &self.environment)
            .await
            .map_err(|source| RegistryError::Credentials { host: self.host().to_owned(), source })
    }

    /// The answer after redirects, and whether it comes from the registry itself.
    async fn followed(
        &self,
        ask: &Ask<'_>,
        authorization: Option<HeaderValue>,
    ) -> Result<(Response, bool), RegistryError> {
        let (mut url, mut ours) = self.place(ask.path).await?;
        for _ in 0..=MAX_REDIRECTS {
            let client = self.transport.client(ours.then_some(&self.endpoint))?;
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_str(ask.accept).unwrap_or(HeaderValue::from_static("*/*")));
            if ask.from > 0 {
                let range = HeaderValue::from_str(&format!("bytes={}-", ask.from));
                headers.insert(RANGE, range.unwrap_or(HeaderValue::from_static("bytes=0-")));
            }
            if let Some(value) = authorization.as_ref().filter(|_| ours) {
                headers.insert(AUTHORIZATION, value.clone());
            }
            let request = match ask.way {
                Way::Get => client.request(Method::GET, url.clone()),
                Way::Head => client.request(Method::HEAD, url.clone()),
                Way::Post => client.request(Method::POST, url.clone()).header(CONTENT_LENGTH, 0),
                Way::Put(media_type, bytes) => {
                    client.request(Method::PUT, url.clone()).header(CONTENT_TYPE, media_type).body(bytes.to_vec())
                }
                Way::Patch(before, bytes) => {
                    let range = format!("{before}-{}", (before + bytes.len() as u64).saturating_sub(1));
                    let request = client.request(Method::PATCH, url.clone()).header(CONTENT_RANGE, range);
                    request.header(CONTENT_TYPE, "application/octet-stream").body(bytes.to_vec())
                }
                Way::Delete => client.request(Method::DELETE, url.clone()),
            };
            let request = request.headers(headers);
            let mut response = request.send().await.map_err(|error| self.transport_error(error))?;
            if !ours {
                response.extensions_mut().insert(Elsewhere);
            }
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let Some(location) = location.filter(|_| response.status().is_redirection()) else {
                return Ok((response, ours));
            };
            let next = next_place(self.host(), &url, location)?;
            // Once away, credentials stay away: coming back could be a trick to have them sent elsewhere in the path.
            ours = ours && same_origin(&url, &next);
            url = next;
        }
        Err(RegistryError::RedirectLoop { host: self.host().to_owned() })
    }

    /// The address of what is asked, and whether it is the registry's own: an upload may be sent elsewhere, and credentials
    /// do not go along.
    async fn place(&self, path: &str) -> Result<(Url, bool), RegistryError> {
        if !path.contains("://") {
            return Ok((self.url(path).await?, true));
        }
        let registry = self.url("").await?;
        let given = next_place(self.host(), &registry, path)?;
        let ours = same_origin(&registry, &given);
        Ok((given, ours))
    }

    /// Where an answer says that an upload goes on.
    ///
    /// # Errors
    /// It says nothing of the kind, something that is no address to send to, or, being from elsewhere, leads back to the
    /// registry: credentials would go along.
    pub async fn upload_place(&self, response: &Response, what: &str) -> Result<Url, RegistryError> {
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let location = location.ok_or_else(|| self.bad_answer(what, "it does not say where the upload goes"))?;
        let place = next_place(self.host(), response.url(), location)?;
        if response.extensions().get::<Elsewhere>().is_some() && same_origin(&self.url("").await?, &place) {
            let (host, to) = (self.host().to_owned(), answer::place(location));
            return Err(RegistryError::Redirect { host, to, why: "which is the registry again, from elsewhere" });
        }
        Ok(place)
    }

    async fn url(&self, path: &str) -> Result<Url, RegistryError> {
        let scheme = self.scheme.get_or_try_init(|| self.find_scheme()).await?;
        let endpoint = &self.endpoint;
        let namespace = endpoint.namespace.as_ref().map(|ns| format!("?ns={ns}")).unwrap_or_default();
        let text = format!("{scheme}://{}{}/{}/{path}{namespace}", endpoint.host, endpoint.base, endpoint.repository);
        self.parsed(&text)
    }

    fn parsed(&self, text: &str) -> Result<Url, RegistryError> {
        Url::parse(text).map_err(|error| RegistryError::BadAnswer {
            host: self.host().to_owned(),
            what: text.to_owned(),
            why: format!("it is no address: {error}"),
        })
    }

    /// Loopback registries rarely have certificates: HTTP is taken where HTTPS finds no TLS.
    async fn find_scheme(&self) -> Result<&'static str, RegistryError> {
        match self.endpoint.scheme {
            Scheme::Https => Ok("https"),
            Scheme::Http => Ok("http"),
            Scheme::Either => {
                let probe = self.parsed(&format!("https://{}/v2/", self.host()))?;
                let client = self.transport.client(Some(&self.endpoint))?;
                match client.get(probe).send().await {
                    Ok(_) => Ok("https"),
                    Err(error) => {
                        // A certificate that is there but not believed is no reason to drop TLS.
                        let words = crate::error::chain(&error);
                        if words.contains("certificate") { Ok("https") } else { Ok("http") }
                    }
                }
            }
        }
    }

    /// What to send along after a refusal, when these credentials fit a way in that is offered.
    async fn sign_in(
        &self,
        offered: &[Challenge],
        credentials: Option<Credentials>,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        if let Some(Credentials::Bearer(token)) = &credentials {
            return self.header(&format!("Bearer {token}"));
        }
        let bearer = offered.iter().find_map(|challenge| match challenge {
            Challenge::Bearer { realm, service, scope } => Some((realm, service, scope)),
            _ => None,
        });
        if let Some((realm, service, scope)) = bearer {
            let token = self.token(realm, service.as_deref(), scope.as_deref(), credentials.as_ref()).await?;
            return self.header(&format!("Bearer {token}"));
        }
        match credentials {
            Some(Credentials::Password { user, password }) if offered.contains(&Challenge::Basic) => {
                self.header(&basic(&user, &password))
            }
            _ => Ok(None),
        }
    }

    fn header(&self, text: &str) -> Result<Option<HeaderValue>, RegistryError> {
        let mut value = HeaderValue::from_str(text).map_err(|_| RegistryError::BadAnswer {
            host: self.host().to_owned(),
            what: "the credentials".into(),
            why: "they have characters that no header may have".into(),
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// A token for this repository. Credentials go to HTTPS only, or to where the registry itself is plain HTTP by the
    /// user's word: the same host or loopback.
    async fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: Option<&str>,
        credentials: Option<&Credentials>,
    ) -> Result<String, RegistryError> {
        let host = self.host().to_owned();
        let unsafe_realm = || RegistryError::Realm { host: host.clone(), realm: answer::shown(realm) };
        let mut url = Url::parse(realm).map_err(|_| unsafe_realm())?;
        let own_http = self.scheme.get() == Some(&"http") && url.scheme() == "http" && {
            let named = url.host_str().unwrap_or_default();
            let own = self.parsed(&format!("http://{host}/"))?;
            own.host_str() == Some(named) || is_loopback(named)
        };
        if (url.scheme() != "https" && !own_http) || !url.username().is_empty() || url.password().is_some() {
            return Err(unsafe_realm());
        }
        let usual = format!("repository:{}:pull", self.endpoint.repository);
        let scope = scope.filter(|scope| !scope.is_empty()).unwrap_or(&usual);
        let own_host = self.parsed(&format!("https://{host}/"))?.host_str() == url.host_str();
        let client = self.transport.client(own_host.then_some(&self.endpoint))?;
        let request = match credentials {
            Some(Credentials::Identity(refresh)) => {
                let form = Url::parse_with_params(
                    "form:",
                    [
                        ("grant_type", "refresh_token"),
                        ("client_id", "plimsoll"),
                        ("service", service.unwrap_or_default()),
                        ("scope", scope),
                        ("refresh_token", refresh),
                    ],
                );
                let body = form.ok().and_then(|form| form.query().map(str::to_owned)).unwrap_or_default();
                client.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)
            }
            other => {
                {
                    let mut query = url.query_pairs_mut();
                    if let Some(service) = service {
                        query.append_pair("service", service);
                    }
                    query.append_pair("scope", scope);
                }
                let request = client.get(url);
                match other {
                    Some(Credentials::Password { user, password }) => request.header(
                        AUTHORIZATION,
                        self.header(&basic(user, password))?.unwrap_or(HeaderValue::from_static("")),
                    ),
                    _ => request,
                }
            }
        };
        let response = request.send().await.map_err(|error| self.transport_error(error))?;
        let what = "a token";
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let words = body_words(response).await;
                let signed_in = self.signed_in.load(Ordering::Relaxed);
                return Err(RegistryError::Unauthorized { host, signed_in, words });
            }
            // That the service is not there says nothing of what is asked for.
            _ => match self.refusal(response, what).await {
                RegistryError::NotFound { host, what, words } => {
                    return Err(RegistryError::Status { host, what, status: 404, words, retry_after: None });
                }
                error => return Err(error),
            },
        }
        let bytes = self.bounded(response, MAX_TOKEN, what).await.map_err(|error| match error {
            // Nobody put it there but the service.
            RegistryError::Unreadable { host, what, why } => RegistryError::BadAnswer { host, what, why },
            other => other,
        })?;
        let token: Token = serde_json::from_slice(&bytes).map_err(|_| {
            if answer::is_html("", &bytes) {
                RegistryError::Html { host: host.clone(), what: what.into() }
            } else {
                self.bad_answer(what, "it is not the JSON of a token")
            }
        })?;
        let token = token.token.or(token.access_token).filter(|token| !token.is_empty());
        token.ok_or_else(|| self.bad_answer(what, "there is no token in it"))
    }

    pub fn unreadable(&self, what: &str, why: impl Into<String>) -> RegistryError {
        RegistryError::Unreadable { host: self.host().to_owned(), what: what.to_owned(), why: why.into() }
    }

    pub fn bad_answer(&self, what: &str, why: impl Into<String>) -> RegistryError {
        RegistryError::BadAnswer { host: self.host().to_owned(), what: what.to_owned(), why: why.into() }
    }

    pub fn transport_error(&self, error: reqwest::Error) -> RegistryError {
        RegistryError::Transport { host: self.host().to_owned(), source: error.without_url() }
    }

    /// All of a small answer.
    ///
    /// # Errors
    /// When it breaks off or has more than `limit` bytes.
    pub async fn bounded(&self, mut response: Response, limit: u64, what: &str) -> Result<Vec<u8>, RegistryError> {
        let mut bytes = vec![];
        while let Some(chunk) = response.chunk().await.map_err(|error| self.transport_error(error))? {
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(self.unreadable(what, format!("it is larger than the {limit} bytes that are allowed")));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// The error that a status means which is not the one that was hoped for.
    pub(crate) async fn refusal(&self, response: Response, what: &str) -> RegistryError {
        let retry_after = pause(&response);
        let (host, what) = (self.host().to_owned(), what.to_owned());
        let status = response.status().as_u16();
        let content_type = content_type(&response);
        let body = self.bounded(response, MAX_ERROR_BODY, &what).await.unwrap_or_default();
        let words = answer::words(&body);
        match status {
            401 => RegistryError::Unauthorized { host, signed_in: self.signed_in.load(Ordering::Relaxed), words },
            403 => RegistryError::Forbidden { host, what, words },
            404 => RegistryError::NotFound { host, what, words },
            429 => RegistryError::TooManyRequests { host, what, words, retry_after },
            // A gateway's error page is still its status; any other page is no registry's.
            _ if status < 500 && answer::is_html(&content_type, &body) => RegistryError::Html { host, what },
            _ => RegistryError::Status { host, what, status, words, retry_after },
        }
    }
}

/// True when the same request may do better a little later.
fn may_pass(error: &RegistryError, failed: u32) -> bool {
    match error {
        // A page is what captive portals answer: they do not go away while we wait.
        RegistryError::Html { .. } => false,
        RegistryError::Transport { source, .. } if crate::error::chain(source).contains("certificate") => false,
        // Nobody listens, or the name is not known: a moment's fault or a lasting one.
        RegistryError::Transport { source, .. } if source.is_connect() => failed < retry::TRIES_BEFORE_ANOTHER,
        error => error.passes(),
    }
}

/// The ways in that a refusal names.
fn offered(response: &Response) -> Vec<Challenge> {
    let headers = response.headers().get_all("www-authenticate").iter();
    headers.filter_map(|value| value.to_str().ok()).flat_map(challenges).collect()
}

/// `Retry-After`, where the answer has one.
fn pause(response: &Response) -> Option<Duration> {
    retry::retry_after(response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()))
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

/// The media type of an answer, without parameters.
pub fn content_type(response: &Response) -> String {
    let header = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    header.split(';').next().unwrap_or_default().trim().to_owned()
}

async fn body_words(mut response: Response) -> String {
    let mut bytes = vec![];
    while let Ok(Some(chunk)) = response.chunk().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > MAX_ERROR_BODY {
            break;
        }
    }
    answer::words(&bytes)
}
