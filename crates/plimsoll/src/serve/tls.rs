//! The server's certificates and whom it lets speak. In: PEM files. Out: a rustls configuration that follows the files
//! while connections go on, and the identity of a client. What it does not do: accept connections.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use anyhow::{Context as _, bail};
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::cli::ClientAuth;

/// The largest PEM file: a chain and a bundle of authorities have some tens of kilobytes.
const MAX_PEM: u64 = 1 << 20;

/// Where the certificates are and what is asked of clients.
#[derive(Debug, Clone)]
pub struct TlsOptions {
    pub cert: PathBuf,
    pub key: PathBuf,
    /// Authorities whose clients are believed; none = no certificate is asked for.
    pub client_ca: Option<PathBuf>,
    pub client_auth: ClientAuth,
    /// Globs over the client certificate's common name and alternative names; empty = any of that authority.
    pub client_names: Vec<String>,
}

/// The TLS configuration in force.
pub struct Tls {
    options: TlsOptions,
    current: RwLock<Current>,
    /// Of the files in force.
    seen: Mutex<[u8; 32]>,
    fault: Mutex<Option<String>>,
}

#[derive(Clone)]
struct Current {
    config: Arc<ServerConfig>,
    until: i64,
}

/// Who speaks on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// May ask.
    Welcome,
    /// May not, and why.
    Stranger { why: String },
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When one cannot be read, or the key does not fit the certificate.
    pub fn open(options: TlsOptions) -> anyhow::Result<Tls> {
        let files = Files::read(&options)?;
        let current = files.config(&options)?;
        Ok(Tls {
            seen: Mutex::new(files.fingerprint()),
            fault: Mutex::default(),
            current: RwLock::new(current),
            options,
        })
    }

    /// The configuration for the next connection.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).config)
    }

    /// Seconds since 1970 at which the certificate in force ends.
    pub fn until(&self) -> i64 {
        self.current.read().unwrap_or_else(PoisonError::into_inner).until
    }

    /// Why the files as they are now are not in force.
    pub fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes over files that are not those in force. True when that was done, false when they are.
    ///
    /// # Errors
    /// When they cannot be used, at every look; the last good ones stay in force.
    pub fn refresh(&self) -> anyhow::Result<bool> {
        let taken = self.take_over();
        let why = taken.as_ref().err().map(crate::message::chain);
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = why;
        taken
    }

    fn take_over(&self) -> anyhow::Result<bool> {
        let files = Files::read(&self.options)?;
        let fingerprint = files.fingerprint();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == fingerprint {
            return Ok(false);
        }
        let current = files.config(&self.options)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
        *seen = fingerprint;
        Ok(true)
    }

    /// Who presented these certificates in the handshake. Those that come here were verified against the client
    /// authorities already.
    pub fn peer(&self, certificates: Option<&[CertificateDer<'_>]>) -> Peer {
        let asked = self.options.client_ca.is_some();
        let Some(certificate) = certificates.and_then(<[_]>::first) else {
            return match self.options.client_auth {
                ClientAuth::Required if asked => {
                    Peer::Stranger { why: "this server asks for a client certificate".into() }
                }
                _ => Peer::Welcome,
            };
        };
        let names = client_names(certificate);
        let globs = &self.options.client_names;
        let fits = |name: &String| globs.iter().any(|glob| plimsoll_policy::glob::matches(glob, name));
        if globs.is_empty() || names.iter().any(fits) {
            return Peer::Welcome;
        }
        let why = format!("the client certificate's name ({}) is not among those that may ask", names.join(", "));
        Peer::Stranger { why }
    }
}

/// The bytes of the files.
struct Files {
    cert: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Files {
    fn read(options: &TlsOptions) -> anyhow::Result<Files> {
        Ok(Files {
            cert: read(&options.cert)?,
            key: read(&options.key)?,
            client_ca: options.client_ca.as_deref().map(read).transpose()?,
        })
    }

    fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()].into_iter().flatten() {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    fn config(&self, options: &TlsOptions) -> anyhow::Result<Current> {
        let shown = options.cert.display();
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&self.cert)
            .collect::<Result<_, _>>()
            .map_err(|error| anyhow::anyhow!("{error}"))
            .with_context(|| format!("read the certificate {shown}"))?;
        let Some(first) = chain.first() else { bail!("read the certificate {shown}: there is none in it") };
        let until = validity(first).with_context(|| format!("use the certificate {shown}"))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|error| anyhow::anyhow!("{error}"))
            .with_context(|| format!("read the key {}", options.key.display()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
        let builder = match (&options.client_ca, &self.client_ca) {
            (Some(path), Some(bytes)) => {
                let roots =
                    authorities(bytes).with_context(|| format!("read the client authorities {}", path.display()))?;
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                // Whoever has no certificate gets an answer of the protocol, and probes can ask for the health.
                let verifier = verifier.allow_unauthenticated().build().context("use the client authorities")?;
                builder.with_client_cert_verifier(verifier)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .with_context(|| format!("use the key {} with the certificate {shown}", options.key.display()))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // A returning API server is spared the signature.
        config.ticketer = rustls::crypto::ring::Ticketer::new()?;
        Ok(Current { config: Arc::new(config), until })
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    crate::assess::read_bounded(path, MAX_PEM)
}

fn authorities(pem: &[u8]) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.map_err(|error| anyhow::anyhow!("{error}"))?)?;
    }
    if roots.is_empty() {
        bail!("there is no certificate in it");
    }
    Ok(roots)
}

/// When the certificate ends, in seconds since 1970. A certificate that ended still serves: an API server that refuses
/// it says so itself, and one that does not is not locked out by us.
fn validity(certificate: &CertificateDer<'_>) -> anyhow::Result<i64> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(parsed.validity().not_after.timestamp())
}

/// The common name, then DNS names, e-mail addresses and URIs.
fn client_names(certificate: &CertificateDer<'_>) -> Vec<String> {
    use x509_parser::extensions::GeneralName;
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let mut names: Vec<String> =
        parsed.subject().iter_common_name().filter_map(|name| name.as_str().ok()).map(str::to_owned).collect();
    if let Ok(Some(alternative)) = parsed.subject_alternative_name() {
        names.extend(alternative.value.general_names.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
                Some((*name).to_owned())
            }
            _ => None,
        }));
    }
    names
}
