//! TLS towards an API server. In: its authorities, the name it goes by, our certificate. Out: a rustls configuration.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::cluster::access::Access;
use crate::cluster::error::ClusterError;
use crate::registry::tls;

/// The configuration for `access`.
///
/// # Errors
/// When a certificate or key cannot be read, or they do not belong together.
pub(crate) fn config(access: &Access) -> Result<ClientConfig, ClusterError> {
    let failed = |why: String| ClusterError::Tls { why };
    let roots = match &access.ca_pem {
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            let found = certificates(pem).map_err(|why| failed(format!("the authority's certificates: {why}")))?;
            roots.add_parsable_certificates(found);
            if roots.is_empty() {
                return Err(failed("there is no certificate among the authority's".into()));
            }
            roots
        }
        None => tls::system_roots(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = tls::builder().map_err(|error| failed(error.to_string()))?;
    let builder = match &access.tls_server_name {
        None => builder.with_root_certificates(roots),
        Some(name) => {
            let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| failed(error.to_string()))?;
            let name = ServerName::try_from(name.clone())
                .map_err(|_| failed(format!("the tls-server-name {name:?} is no host's name")))?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(OtherName { inner, name }))
        }
    };
    match &access.identity {
        None => Ok(builder.with_no_client_auth()),
        Some(identity) => {
            let chain = certificates(&identity.certificate_pem)
                .map_err(|why| failed(format!("the client certificate: {why}")))?;
            // The words of the error are kept apart: they could quote the key.
            let key = PrivateKeyDer::from_pem_slice(&identity.key_pem)
                .map_err(|_| failed("the client key is no private key in PEM".into()))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| failed(format!("the client certificate and its key: {error}")))
        }
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(|_| "they are not PEM".to_owned())
}

/// Checks a certificate like any other, but under the name that the kubeconfig gives.
#[derive(Debug)]
struct OtherName {
    inner: Arc<WebPkiServerVerifier>,
    name: ServerName<'static>,
}

impl ServerCertVerifier for OtherName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.inner.verify_server_cert(end_entity, intermediates, &self.name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
