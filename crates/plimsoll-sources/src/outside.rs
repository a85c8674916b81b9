//! Requests that a policy's author asks for. In: a request and the hosts that may be asked. Out: the answer, bounded in bytes and
//! time, or why there is none: because it may not be asked for, or because it failed. The hosts are held against the URL as the
//! client itself reads it, first and with each redirect: another reader of URLs may see another host in the same text.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::{Client, Method, Url, redirect};
use tokio::runtime::{Builder, Runtime};

use crate::error::chain;
use crate::registry::tls;

/// Bytes of an answer.
pub const MAX_ANSWER: usize = 16 << 20;
/// Redirects of one request, as Go follows them.
const MAX_REDIRECTS: usize = 10;
/// How long a name's addresses are waited for.
const MAX_LOOKUP: Duration = Duration::from_secs(5);
/// What is said when time is over, in Go's words.
const LATE: &str = "context deadline exceeded";

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub timeout: Duration,
    /// Follow redirects.
    pub redirect: bool,
    /// Believe any certificate.
    pub insecure: bool,
    /// Hosts that may be asked, without ports.
    pub allowed: Vec<String>,
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub reason: String,
    /// In the order in which they came; names are of small letters.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfetched {
    /// It leads, by itself or by a redirect, where nobody allowed it to go.
    #[error("{0}")]
    Denied(String),
    /// It was asked for, or is no request at all.
    #[error("{0}")]
    Failed(String),
}

/// What waits for answers: one for the process, because each has threads of its own.
fn runtime() -> Result<&'static Runtime, Unfetched> {
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    let made = RUNTIME.get_or_init(|| Builder::new_multi_thread().worker_threads(1).enable_all().build());
    made.as_ref().map_err(failed)
}

/// The answer to a request, for a thread that may wait.
///
/// # Errors
/// Why there is no answer.
pub fn send(request: Request) -> Result<Response, Unfetched> {
    let sent = async { tokio::time::timeout(request.timeout, answer(request)).await };
    runtime()?.block_on(sent).unwrap_or_else(|_| Err(Unfetched::Failed(LATE.to_owned())))
}

/// The addresses of a host, for a thread that may wait. Whether they may be asked for is the caller's to know.
///
/// # Errors
/// Nobody knows any, or not in time.
pub fn lookup(host: &str) -> Result<Vec<String>, Unfetched> {
    let looked = async { tokio::time::timeout(MAX_LOOKUP, tokio::net::lookup_host((host, 0))).await };
    let found = runtime()?.block_on(looked).map_err(|_| Unfetched::Failed(LATE.to_owned()))?;
    let mut all: Vec<String> = found.map_err(|error| failed(&error))?.map(|at| at.ip().to_string()).collect();
    all.sort();
    all.dedup();
    Ok(all)
}

fn failed(error: &(impl std::error::Error + 'static)) -> Unfetched {
    // A redirect's denial comes back inside of the client's own error.
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if let Some(denied @ Unfetched::Denied(_)) = one.downcast_ref() {
            return denied.clone();
        }
        cause = one.source();
    }
    Unfetched::Failed(chain(error))
}

/// A name of a list as the client reads a URL's host: small letters, IPv4 as four numbers, IPv6 in brackets. None where it is
/// more than a host.
fn host(name: &str) -> Option<String> {
    let name = if name.contains(':') { format!("[{name}]") } else { name.to_owned() };
    let url = Url::parse(&format!("http://{name}/")).ok()?;
    let host = url.host_str()?;
    (url.as_str() == format!("http://{host}/")).then(|| host.to_owned())
}

/// Refuses a URL that leads elsewhere than to the allowed hosts.
fn within(url: &Url, allowed: &[String]) -> Result<(), Unfetched> {
    let denied = |what: &str, name: &str| Err(Unfetched::Denied(format!("no capability allows {what} {name}")));
    if !matches!(url.scheme(), "http" | "https") {
        return denied("scheme", url.scheme());
    }
    let host = url.host_str().unwrap_or_default();
    if !allowed.iter().any(|one| one == host) {
        return denied("host", host.trim_matches(['[', ']']));
    }
    Ok(())
}

/// Refuses to be sent on elsewhere than to the allowed hosts, or out of TLS: what a policy sends along would be read on the way.
fn sent_on(from: Option<&Url>, to: &Url, allowed: &[String]) -> Result<(), Unfetched> {
    within(to, allowed)?;
    match from.is_some_and(|from| from.scheme() == "https") && to.scheme() != "https" {
        true => Err(Unfetched::Denied("no capability allows a redirect from https to http".to_owned())),
        false => Ok(()),
    }
}

async fn answer(request: Request) -> Result<Response, Unfetched> {
    let Request { method, url, headers, body, redirect, insecure, allowed, .. } = request;
    let url = Url::parse(&url).map_err(|error| failed(&error))?;
    let allowed: Vec<String> = allowed.iter().filter_map(|name| host(name)).collect();
    within(&url, &allowed)?;
    let config = if insecure { tls::unverified() } else { tls::config(None, &[]) };
    let config = config.map_err(|error| failed(&error))?;
    let followed = move |attempt: redirect::Attempt<'_>| {
        if let Err(denied) = sent_on(attempt.previous().last(), attempt.url(), &allowed) {
            attempt.error(denied)
        } else if attempt.previous().len() > MAX_REDIRECTS {
            attempt.error(format!("stopped after {MAX_REDIRECTS} redirects"))
        } else {
            attempt.follow()
        }
    };
    let policy = if redirect { redirect::Policy::custom(followed) } else { redirect::Policy::none() };
    let client = Client::builder()
        .tls_backend_preconfigured(config)
        .user_agent(concat!("plimsoll/", env!("CARGO_PKG_VERSION")))
        .redirect(policy)
        // A proxy would ask other hosts than those that are allowed.
        .no_proxy()
        .referer(false)
        .build()
        .map_err(|error| failed(&error))?;
    let method = Method::from_bytes(method.to_uppercase().as_bytes()).map_err(|error| failed(&error))?;
    let mut asked = client.request(method, url).body(body);
    for (name, value) in headers {
        asked = asked.header(name, value);
    }
    let mut answer = asked.send().await.map_err(|error| failed(&error))?;
    let status = answer.status();
    let headers = answer
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let (headers, mut body) = (headers.collect(), Vec::new());
    while let Some(part) = answer.chunk().await.map_err(|error| failed(&error))? {
        if body.len() + part.len() > MAX_ANSWER {
            return Err(Unfetched::Failed(format!("the answer has more than {} MiB", MAX_ANSWER >> 20)));
        }
        body.extend_from_slice(&part);
    }
    let reason = status.canonical_reason().unwrap_or_default().to_owned();
    Ok(Response { status: status.as_u16(), reason, headers, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_held_to_the_host_that_would_be_asked() {
        let names = ["allowed.example", "UPPER.example", "127.0.0.1", "::1", "bücher.example", "a.example:80", "b@c"];
        let allowed: Vec<String> = names.iter().filter_map(|name| host(name)).collect();
        let table: &[(&str, Result<(), &str>)] = &[
            ("http://allowed.example/x", Ok(())),
            ("HTTPS://Allowed.Example:8443/", Ok(())),
            ("http://user:word@allowed.example/", Ok(())),
            ("http://upper.example/", Ok(())),
            ("http://[::1]:80/", Ok(())),
            ("http://[0:0:0:0:0:0:0:1]/", Ok(())),
            // Written otherwise, these are the hosts of the list.
            ("http://0x7f.1/", Ok(())),
            ("http://017700000001/", Ok(())),
            ("http://%61llowed.example/", Ok(())),
            ("http://xn--bcher-kva.example/", Ok(())),
            ("http://allowed\t.example/", Ok(())),
            // And these look like them.
            ("http://allowed.example\\@evil.example/", Ok(())),
            ("http://evil.example\\@allowed.example/", Err("host evil.example")),
            ("http://evil.example#@allowed.example/", Err("host evil.example")),
            ("http://evil.example?@allowed.example/", Err("host evil.example")),
            ("http://allowed.example@evil.example/", Err("host evil.example")),
            ("http://allowed.example:80@evil.example/", Err("host evil.example")),
            ("http:\\\\evil.example/allowed.example", Err("host evil.example")),
            ("http:evil.example", Err("host evil.example")),
            ("http:////evil.example", Err("host evil.example")),
            ("http://allowed.example./", Err("host allowed.example.")),
            ("http://allowed.example.evil.example/", Err("host allowed.example.evil.example")),
            ("http://[::ffff:127.0.0.1]/", Err("host ::ffff:7f00:1")),
            ("http://2130706434/", Err("host 127.0.0.2")),
            ("http://a.example/", Err("host a.example")),
            ("http://c/", Err("host c")),
            ("ftp://allowed.example/", Err("scheme ftp")),
            ("file:///etc/passwd", Err("scheme file")),
            ("data:,allowed.example", Err("scheme data")),
        ];
        for (url, wanted) in table {
            let held = within(&Url::parse(url).expect(url), &allowed);
            let wanted = wanted.map_err(|what| Unfetched::Denied(format!("no capability allows {what}")));
            assert_eq!(held, wanted, "{url}");
        }
    }

    #[test]
    fn no_redirect_leads_out_of_tls_or_to_another_host() {
        let allowed = ["a.example".to_owned(), "b.example".to_owned()];
        for (from, to, wanted) in [
            ("https://a.example/", "https://b.example/", Ok(())),
            ("http://a.example/", "https://b.example/", Ok(())),
            ("http://a.example/", "http://b.example/", Ok(())),
            ("https://a.example/", "http://a.example/", Err("a redirect from https to http")),
            ("https://a.example/", "http://c.example/", Err("host c.example")),
            ("https://a.example/", "ftp://a.example/", Err("scheme ftp")),
        ] {
            let held = sent_on(Some(&Url::parse(from).unwrap()), &Url::parse(to).unwrap(), &allowed);
            let wanted = wanted.map_err(|what| Unfetched::Denied(format!("no capability allows {what}")));
            assert_eq!(held, wanted, "{from} {to}");
        }
    }

    #[test]
    fn what_is_no_url_fails_and_what_leads_elsewhere_is_denied() {
        let ask = |url: &str| {
            let timeout = Duration::from_secs(5);
            let allowed = vec!["127.0.0.1".to_owned()];
            send(Request { method: "get".into(), url: url.into(), timeout, allowed, ..Request::default() })
        };
        assert!(matches!(ask("127.0.0.1"), Err(Unfetched::Failed(_))));
        assert!(matches!(ask("http://127.0.0.1:99999/"), Err(Unfetched::Failed(_))));
        assert!(matches!(ask("http://localhost:1/"), Err(Unfetched::Denied(_))));
    }
}
