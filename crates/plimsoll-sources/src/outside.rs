//! Requests that a policy's author asks for. In: a request and the hosts that may be asked. Out: the answer, bounded in bytes and
//! time, or why there is none. Redirects are followed where that is asked for, and never to another host than those.

use std::time::Duration;

use reqwest::{Client, Method, redirect};
use tokio::runtime::{Builder, Runtime};

use crate::registry::tls;

/// Bytes of an answer.
pub const MAX_ANSWER: usize = 16 << 20;
/// Redirects of one request, as Go follows them.
const MAX_REDIRECTS: usize = 10;

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

/// Asks, from threads that may wait.
#[derive(Debug)]
pub struct Outside {
    runtime: Runtime,
}

impl Outside {
    /// # Errors
    /// The system gives no thread.
    pub fn new() -> std::io::Result<Outside> {
        Ok(Outside { runtime: Builder::new_multi_thread().worker_threads(1).enable_all().build()? })
    }

    /// # Errors
    /// Why there is no answer.
    pub fn send(&self, request: Request) -> Result<Response, String> {
        let timeout = request.timeout;
        let sent = async { tokio::time::timeout(timeout, send(request)).await };
        self.runtime.block_on(sent).unwrap_or_else(|_| Err("context deadline exceeded".to_owned()))
    }

    /// The addresses of a host.
    ///
    /// # Errors
    /// Nobody knows any.
    pub fn lookup(&self, host: &str) -> Result<Vec<String>, String> {
        let found = self.runtime.block_on(tokio::net::lookup_host((host, 0)));
        let mut all: Vec<String> = found.map_err(|error| error.to_string())?.map(|at| at.ip().to_string()).collect();
        all.sort();
        all.dedup();
        Ok(all)
    }
}

async fn send(request: Request) -> Result<Response, String> {
    let Request { method, url, headers, body, redirect, insecure, allowed, .. } = request;
    let config = if insecure { tls::unverified() } else { tls::config(None, &[]) };
    let config = config.map_err(|error| error.to_string())?;
    let within = move |attempt: redirect::Attempt<'_>| {
        let host = attempt.url().host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        if !allowed.contains(&host) {
            attempt.error(format!("no capability allows host {host}"))
        } else if attempt.previous().len() > MAX_REDIRECTS {
            attempt.error(format!("stopped after {MAX_REDIRECTS} redirects"))
        } else {
            attempt.follow()
        }
    };
    let policy = if redirect { redirect::Policy::custom(within) } else { redirect::Policy::none() };
    let client = Client::builder()
        .tls_backend_preconfigured(config)
        .user_agent(concat!("plimsoll/", env!("CARGO_PKG_VERSION")))
        .redirect(policy)
        // A proxy would ask other hosts than those that are allowed.
        .no_proxy()
        .referer(false)
        .build()
        .map_err(|error| crate::error::chain(&error))?;
    let method = Method::from_bytes(method.to_uppercase().as_bytes()).map_err(|error| error.to_string())?;
    let mut asked = client.request(method, url).body(body);
    for (name, value) in headers {
        asked = asked.header(name, value);
    }
    let mut answer = asked.send().await.map_err(|error| crate::error::chain(&error))?;
    let status = answer.status();
    let headers = answer
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let (headers, mut body) = (headers.collect(), Vec::new());
    while let Some(part) = answer.chunk().await.map_err(|error| crate::error::chain(&error))? {
        if body.len() + part.len() > MAX_ANSWER {
            return Err(format!("the answer has more than {} MiB", MAX_ANSWER >> 20));
        }
        body.extend_from_slice(&part);
    }
    let reason = status.canonical_reason().unwrap_or_default().to_owned();
    Ok(Response { status: status.as_u16(), reason, headers, body })
}
