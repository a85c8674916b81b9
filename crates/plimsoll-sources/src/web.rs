//! One file of a web server. In: its address. Out: its bytes, bounded. What it does not do: sign in otherwise than by a name and
//! password in the address, which no other host is sent; or follow anybody from HTTPS to HTTP.

use reqwest::header::LOCATION;
use reqwest::{StatusCode, Url};

use crate::error::SourceError;
use crate::registry::answer;
use crate::registry::endpoint::Endpoint;
use crate::registry::error::RegistryError;
use crate::registry::place::{MAX_REDIRECTS, next_place};
use crate::sources::{Shared, Sources};

impl Sources {
    /// Fetches a file by HTTP or HTTPS that has at most `limit` bytes.
    ///
    /// # Errors
    /// It is not there, cannot be reached, or is larger.
    pub fn web_file(&self, address: &str, limit: u64) -> Result<Vec<u8>, SourceError> {
        let shown = answer::address(address);
        let what = shown.clone();
        self.blocking(&shown, |shared| async move {
            fetched(&shared, address, limit).await.map_err(|source| SourceError::Registry {
                what,
                tried: vec![],
                source: Box::new(source),
            })
        })
    }
}

async fn fetched(shared: &Shared, address: &str, limit: u64) -> Result<Vec<u8>, RegistryError> {
    let bad =
        |host: &str, why: String| RegistryError::BadAnswer { host: host.to_owned(), what: "the file".into(), why };
    let mut url = Url::parse(address).map_err(|error| bad("the address", format!("it is no address: {error}")))?;
    for _ in 0..=MAX_REDIRECTS {
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        };
        let client = shared.transport.client(Some(&Endpoint::registry(&host, "")))?;
        let failed =
            |error: reqwest::Error| RegistryError::Transport { host: host.clone(), source: error.without_url() };
        let mut response = client.get(url.clone()).send().await.map_err(failed)?;
        let status = response.status();
        if status.is_redirection()
            && let Some(location) = response.headers().get(LOCATION).and_then(|value| value.to_str().ok())
        {
            url = next_place(&host, &url, location)?;
            continue;
        }
        // Other answers of success have no file, or a part of one.
        if status != StatusCode::OK {
            let (what, words) = ("the file".to_owned(), String::new());
            return Err(RegistryError::Status { host, what, status: status.as_u16(), words, retry_after: None });
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(bad(&host, format!("it has more than {limit} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        return Ok(bytes);
    }
    Err(RegistryError::RedirectLoop { host: url.host_str().unwrap_or_default().to_owned() })
}
