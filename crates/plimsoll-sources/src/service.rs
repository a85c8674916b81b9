//! Services that answer one request each: authorities of certificates and of timestamps, transparency logs, issuers of tokens. In: an
//! address and what is sent. Out: the answer, bounded in size and time. What it does not do: follow an answer elsewhere, send a secret
//! without TLS to another machine, or believe what is said; that is whoever's who asks.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Method, Response, Url};
use serde_json::Value;

use crate::error::SourceError;
use crate::registry::answer;
use crate::registry::endpoint::{Endpoint, is_loopback};
use crate::registry::error::RegistryError;
use crate::registry::place::{next_place, same_origin};
use crate::registry::retry;
use crate::sources::{Shared, Sources};

/// For one service with all tries: logs take some seconds to hold an entry.
const DEADLINE: Duration = Duration::from_secs(90);
/// Tries of one request that is not asked once: what is asked is the same each time, and costs the service work.
const TRIES: u32 = 2;

/// What a service is asked.
#[derive(Clone, Copy)]
pub struct ServiceRequest<'a> {
    /// What is wanted, in messages: "a certificate".
    pub what: &'a str,
    pub address: &'a str,
    /// The media type that is asked for; an answer of another is not refused.
    pub accept: &'a str,
    /// Goes along as a bearer token.
    pub bearer: Option<&'a str>,
    /// Media type and bytes that are sent; nothing asks with GET.
    pub body: Option<(&'a str, &'a [u8])>,
    /// The bytes that are sent, or the answer, are nobody else's to see.
    pub is_secret: bool,
    /// It is asked once, for what is sent is worth nothing the second time.
    pub once: bool,
    /// The statuses that are answers; others are errors.
    pub statuses: &'a [u16],
    /// Bytes of the answer.
    pub limit: u64,
}

/// What a service answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAnswer {
    pub status: u16,
    /// Where it says that something is, at the same service.
    pub place: Option<String>,
    pub bytes: Vec<u8>,
}

impl Sources {
    /// Asks a service. Must not be called from a task of a server.
    ///
    /// # Errors
    /// It cannot be reached safely or in time, or answers otherwise than it was asked to.
    pub fn ask(&self, request: &ServiceRequest<'_>) -> Result<ServiceAnswer, SourceError> {
        self.ask_with(request, &[])
    }

    /// The same with headers of the service's own (names in lower case): who asks is in them, and they are not shown.
    ///
    /// # Errors
    /// As [`Sources::ask`].
    pub fn ask_with(
        &self,
        request: &ServiceRequest<'_>,
        headers: &[(&'static str, &str)],
    ) -> Result<ServiceAnswer, SourceError> {
        let failed = |source| SourceError::Service {
            what: request.what.to_owned(),
            address: answer::address(request.address),
            source: Box::new(source),
        };
        self.blocking(request.what, |shared| async move {
            let deadline = DEADLINE.min(shared.deadline);
            let answered = tokio::time::timeout(deadline, answered(&shared, request, headers)).await;
            answered.unwrap_or(Err(RegistryError::Deadline { after: deadline })).map_err(failed)
        })
    }
}

/// Names and values as an HTML form sends them.
pub fn form(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut url = Url::parse("http://form/").expect("it is an address");
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().as_bytes().to_vec()
}

/// The names and values of a query, or of an HTML form, in their order.
pub fn pairs(text: &str) -> Vec<(String, String)> {
    let mut url = Url::parse("http://form/").expect("it is an address");
    url.set_query(Some(text));
    url.query_pairs().into_owned().collect()
}

/// An address with more of a query.
///
/// # Errors
/// It is no address.
pub fn with_query(address: &str, pairs: &[(&str, &str)]) -> Result<String, SourceError> {
    let mut url = parsed(address, address).map_err(|source| SourceError::Service {
        what: "an answer".into(),
        address: answer::address(address),
        source: Box::new(source),
    })?;
    url.query_pairs_mut().extend_pairs(pairs);
    Ok(url.into())
}

fn parsed(address: &str, what: &str) -> Result<Url, RegistryError> {
    Url::parse(address).map_err(|error| RegistryError::BadAnswer {
        host: answer::address(address),
        what: answer::address(what),
        why: format!("it is no address: {error}"),
    })
}

async fn answered(
    shared: &Shared,
    request: &ServiceRequest<'_>,
    headers: &[(&'static str, &str)],
) -> Result<ServiceAnswer, RegistryError> {
    let url = parsed(request.address, request.what)?;
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    let bad = |why: &str| {
        let (host, what) = (host.clone(), request.what.to_owned());
        Err(RegistryError::BadAnswer { host, what, why: why.into() })
    };
    let is_secret = request.is_secret || request.bearer.is_some() || !headers.is_empty();
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&host) || !is_secret => {}
        "http" => return bad("it is asked with a secret, which goes over HTTPS alone"),
        _ => return bad("it is spoken to over HTTPS or HTTP"),
    }
    let tries = if request.once { 1 } else { TRIES };
    let mut failed = 0;
    loop {
        failed += 1;
        let tried = once(shared, request, headers, &url, &host).await;
        let pause = match &tried {
            Err(error) if failed < tries && error.passes() => match error {
                RegistryError::Status { retry_after, .. } | RegistryError::TooManyRequests { retry_after, .. } => {
                    *retry_after
                }
                _ => None,
            },
            _ => return tried,
        };
        let Some(wait) = retry::wait(failed, pause, retry::spread()) else { return tried };
        tokio::time::sleep(wait).await;
    }
}

async fn once(
    shared: &Shared,
    request: &ServiceRequest<'_>,
    headers: &[(&'static str, &str)],
    url: &Url,
    host: &str,
) -> Result<ServiceAnswer, RegistryError> {
    let (host, what) = (host.to_owned(), request.what.to_owned());
    let failed = |error: reqwest::Error| RegistryError::Transport { host: host.clone(), source: error.without_url() };
    let client = shared.transport.client(Some(&Endpoint::registry(&host, "")))?;
    let method = if request.body.is_some() { Method::POST } else { Method::GET };
    let mut asked = client.request(method, url.clone()).header(ACCEPT, request.accept);
    let bearer = request.bearer.map(|token| (AUTHORIZATION, format!("Bearer {token}")));
    let own = headers.iter().map(|(name, value)| (HeaderName::from_static(name), (*value).to_owned()));
    for (name, text) in bearer.into_iter().chain(own) {
        let mut value = HeaderValue::from_str(&text).map_err(|_| RegistryError::BadAnswer {
            host: host.clone(),
            what: what.clone(),
            why: format!("what goes into the header {name} has letters that cannot be sent"),
        })?;
        value.set_sensitive(true);
        asked = asked.header(name, value);
    }
    if let Some((kind, bytes)) = request.body {
        asked = asked.header(CONTENT_TYPE, kind).body(bytes.to_vec());
    }
    let response = asked.send().await.map_err(failed)?;
    let status = response.status().as_u16();
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let place = header(LOCATION).and_then(|to| next_place(&host, url, &to).ok()).filter(|to| same_origin(url, to));
    if request.statuses.contains(&status) {
        let bytes = bounded(response, request.limit).await.map_err(failed)?;
        let bytes = bytes.ok_or_else(|| RegistryError::BadAnswer {
            host: host.clone(),
            what: what.clone(),
            why: format!("the answer has more than {} bytes", request.limit),
        })?;
        return Ok(ServiceAnswer { status, place: place.map(String::from), bytes });
    }
    let retry_after = retry::retry_after(header(RETRY_AFTER).as_deref());
    // What it says is told as far as it can be had.
    let words =
        bounded(response, answer::MAX_ERROR_BODY).await.ok().flatten().map(|body| words(&body)).unwrap_or_default();
    Err(match status {
        429 => RegistryError::TooManyRequests { host, what, words, retry_after },
        _ => RegistryError::Status { host, what, status, words, retry_after },
    })
}

/// The body; none where it has more bytes.
async fn bounded(mut response: Response, limit: u64) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if (bytes.len() + chunk.len()) as u64 > limit {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}

/// What a service says of a refusal, for people.
fn words(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let said = ["message", "error_description", "error"].iter().find_map(|name| value.get(name)?.as_str());
    // A list of them is Vault's way.
    let said = said.or_else(|| value.get("errors")?.get(0)?.as_str());
    answer::shown(said.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_and_queries_hold_what_they_are_given() {
        assert_eq!(form(&[("a b", "c&d=é"), ("e", "")]), b"a+b=c%26d%3D%C3%A9&e=");
        assert_eq!(
            with_query("https://x/y?z=1", &[("audience", "sigstore")]).unwrap(),
            "https://x/y?z=1&audience=sigstore"
        );
        assert!(with_query("nowhere", &[]).is_err());
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(pairs("a+b=c%26d%3D%C3%A9&e=&e#f"), [pair("a b", "c&d=é"), pair("e", ""), pair("e#f", "")]);
        assert!(pairs("").is_empty());
    }

    #[test]
    fn refusals_are_told_in_the_services_words_and_cleaned() {
        assert_eq!(words(br#"{"code":3,"message":"no\u001b[2J token"}"#), "no [2J token");
        assert_eq!(words(br#"{"error":"invalid_grant","error_description":"over"}"#), "over");
        assert_eq!(
            words(br#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#),
            "1 error occurred:  * permission denied"
        );
        assert_eq!(words(br#"{"errors":[]}"#), "");
        assert_eq!(words(b"<html>"), "");
    }
}
