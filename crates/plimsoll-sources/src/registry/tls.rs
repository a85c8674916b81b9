//! TLS for registries. In: the user's authorities. Out: a rustls configuration on ring. Certificates are checked unless
//! the user's own files say, for one host, that they are not to be.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::registry::error::RegistryError;

/// A TLS configuration that trusts the system's authorities (or `instead`, as `SSL_CERT_FILE` means it) and `also`.
///
/// # Errors
/// When a named file cannot be read or holds no certificate.
pub fn config(instead: Option<&Path>, also: &[PathBuf]) -> Result<ClientConfig, RegistryError> {
    let mut roots = RootCertStore::empty();
    match instead {
        Some(file) => add(&mut roots, file)?,
        None => roots = system_roots(),
    }
    for file in also {
        add(&mut roots, file)?;
    }
    Ok(builder()?.with_root_certificates(roots).with_no_client_auth())
}

/// A TLS configuration that believes any certificate: only for hosts that the user named.
///
/// # Errors
/// When the provider lacks what TLS needs.
pub fn unverified() -> Result<ClientConfig, RegistryError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(builder()?.dangerous().with_custom_certificate_verifier(Arc::new(BelieveAny { provider })).with_no_client_auth())
}

/// The system's authorities; Mozilla's where it has none.
pub(crate) fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

pub(crate) fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, RegistryError> {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| RegistryError::Tls { why: error.to_string() })
}

fn add(roots: &mut RootCertStore, file: &Path) -> Result<(), RegistryError> {
    let failed = |why: String| RegistryError::Tls { why: format!("the certificates in {}: {why}", file.display()) };
    let mut count = 0;
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| failed(error.to_string()))? {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        // A bundle may hold one that we cannot read; the others still count.
        count += usize::from(roots.add(certificate).is_ok());
    }
    if count == 0 { Err(failed("there is no certificate in it".into())) } else { Ok(()) }
}

#[derive(Debug)]
struct BelieveAny {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for BelieveAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
