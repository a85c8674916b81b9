//! HTTP clients. In: how a host is to be trusted. Out: a client for it, made once. Redirects are not followed here: the
//! session judges each of them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Client, redirect};

use crate::registry::endpoint::{Endpoint, is_loopback};
use crate::registry::error::RegistryError;
use crate::registry::tls;

/// A registry that does not take a connection within this is absent.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection on which nothing comes for so long is dead; downloads of any length go on as long as bytes come.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How a host is trusted and reached.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Trust {
    skip_verify: bool,
    ca: Vec<PathBuf>,
    /// This machine: no proxy leads to it.
    loopback: bool,
}

/// The HTTP clients of a process.
pub struct Transport {
    /// `SSL_CERT_FILE`.
    instead: Option<PathBuf>,
    /// `--ca`.
    also: Vec<PathBuf>,
    clients: Mutex<HashMap<Trust, Client>>,
}

impl Transport {
    pub fn new(instead: Option<PathBuf>, also: Vec<PathBuf>) -> Transport {
        Transport { instead, also, clients: Mutex::default() }
    }

    /// The client for `endpoint`; without one, for a host about which nothing special was said.
    ///
    /// # Errors
    /// When the authorities cannot be read.
    pub fn client(&self, endpoint: Option<&Endpoint>) -> Result<Client, RegistryError> {
        let trust = endpoint.map_or_else(Trust::default, |endpoint| Trust {
            skip_verify: endpoint.skip_verify,
            ca: endpoint.ca.clone(),
            loopback: is_loopback(&endpoint.host),
        });
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&trust) {
            return Ok(client.clone());
        }
        let mut config = if trust.skip_verify {
            tls::unverified()?
        } else {
            let also: Vec<PathBuf> = self.also.iter().chain(&trust.ca).cloned().collect();
            tls::config(self.instead.as_deref(), &also)?
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let builder = if trust.loopback { Client::builder().no_proxy() } else { Client::builder() };
        let client = builder
            .tls_backend_preconfigured(config)
            .user_agent(concat!("plimsoll/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(IDLE_TIMEOUT)
            .referer(false)
            .build()
            .map_err(|error| RegistryError::Tls { why: crate::error::chain(&error) })?;
        clients.insert(trust, client.clone());
        Ok(client)
    }
}
