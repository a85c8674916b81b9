//! Keys in the transit engine of HashiCorp Vault (or OpenBao), which never leave it. In: where that is, who asks, the name of a key.
//! Out: its public half, and signatures. What it does not do: believe them; whoever asks holds a signature to the public half.
//! <https://developer.hashicorp.com/vault/api-docs/secret/transit>

pub mod answer;
mod error;
mod settings;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub use answer::TransitKey;
pub use error::VaultError;
pub use settings::Settings;

use crate::error::SourceError;
use crate::service::{ServiceAnswer, ServiceRequest};
use crate::sources::{SourceOptions, Sources};

/// What stands before a key's name.
pub const SCHEME: &str = "hashivault://";
/// The kind of key that is made, as Cosign's is.
pub const DEFAULT_KIND: &str = "ecdsa-p256";

/// Bytes of an answer: a key of a thousand versions has half a megabyte.
const MAX_ANSWER: u64 = 4 << 20;
/// Bytes of a message that is signed whole: Vault takes requests of 32 MiB, and base64 makes four bytes of three.
const MAX_MESSAGE: usize = 20 << 20;

/// The name of a key, which stands in an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyName(String);

impl KeyName {
    /// The name in `hashivault://NAME`: letters, digits, `_`, and between them `-` and `.`.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(named: &str) -> Result<KeyName, SourceError> {
        let name = named.strip_prefix(SCHEME).unwrap_or_default();
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let bytes = name.as_bytes();
        let ends = [bytes.first(), bytes.last()].into_iter().all(|end| end.is_some_and(|end| word(*end)));
        if ends && bytes.iter().all(|byte| word(*byte) || b"-.".contains(byte)) {
            return Ok(KeyName(name.to_owned()));
        }
        Err(VaultError::Name { named: named.to_owned() }.into())
    }

    /// It, without what stands before.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is to be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input<'a> {
    /// A digest by a hash as Vault calls it: `sha2-256`.
    Digest(&'static str, &'a [u8]),
    /// All of it.
    Message(&'a [u8]),
}

/// A Vault.
pub struct Vault {
    settings: Settings,
    sources: Sources,
}

impl Vault {
    /// The Vault that these settings lead to. Nobody is asked yet.
    ///
    /// # Errors
    /// The network cannot be set up.
    pub fn new(settings: Settings) -> Result<Vault, SourceError> {
        let mut options = SourceOptions::default();
        if let Some(ca) = &settings.ca {
            // Instead of the system's authorities, as Vault's own programs mean it: nobody else may be handed the token.
            options.environment.ssl_cert_file = Some(ca.clone());
        }
        Ok(Vault { sources: Sources::new(&options)?, settings })
    }

    /// The public half of a key: of this version, or of its newest.
    ///
    /// # Errors
    /// Vault does not answer, or has no such key.
    pub fn key(&self, name: &KeyName, version: Option<u64>) -> Result<TransitKey, SourceError> {
        let path = format!("keys/{}", name.0);
        let asked = self.ask(&format!("the public half of the key {}", name.0), &path, None, &[200])?;
        answer::key(&asked.bytes, version).map_err(|why| self.unbelieved(&path, why))
    }

    /// A signature by a version of a key: ECDSA in ASN.1, PKCS#1 v1.5, or Ed25519.
    ///
    /// # Errors
    /// Vault does not sign it.
    pub fn sign(&self, name: &KeyName, version: u64, input: Input<'_>) -> Result<Vec<u8>, SourceError> {
        let (path, body) = match input {
            Input::Digest(hash, digest) => {
                let body = json!({
                    "input": STANDARD.encode(digest),
                    "prehashed": true,
                    "key_version": version,
                    "marshaling_algorithm": "asn1",
                    "signature_algorithm": "pkcs1v15",
                });
                (format!("sign/{}/{hash}", name.0), body)
            }
            Input::Message(message) if message.len() > MAX_MESSAGE => {
                return Err(VaultError::Message { bytes: message.len(), most: MAX_MESSAGE }.into());
            }
            Input::Message(message) => {
                let body = json!({"input": STANDARD.encode(message), "key_version": version});
                (format!("sign/{}", name.0), body)
            }
        };
        let asked = self.ask(&format!("a signature by the key {}", name.0), &path, Some(&body), &[200])?;
        answer::signature(&asked.bytes, version).map_err(|why| self.unbelieved(&path, why))
    }

    /// Makes a key of this kind; one that is there stays as it is.
    ///
    /// # Errors
    /// Vault does not make it.
    pub fn create(&self, name: &KeyName, kind: &str) -> Result<(), SourceError> {
        let body = json!({"type": kind});
        self.ask(&format!("a new key {}", name.0), &format!("keys/{}", name.0), Some(&body), &[200, 204])?;
        Ok(())
    }

    fn address(&self, path: &str) -> String {
        format!("{}/v1/{}/{path}", self.settings.address, self.settings.engine)
    }

    fn ask(
        &self,
        what: &str,
        path: &str,
        body: Option<&Value>,
        statuses: &[u16],
    ) -> Result<ServiceAnswer, SourceError> {
        let body = body.map(Value::to_string);
        let request = ServiceRequest {
            what,
            address: &self.address(path),
            accept: "application/json",
            bearer: None,
            body: body.as_ref().map(|body| ("application/json", body.as_bytes())),
            is_secret: true,
            once: false,
            statuses,
            limit: MAX_ANSWER,
        };
        // The second says that a program means it: Vault can be told to answer none without.
        let mut headers = vec![("x-vault-token", self.settings.token.as_str()), ("x-vault-request", "true")];
        headers.extend(self.settings.namespace.as_deref().map(|namespace| ("x-vault-namespace", namespace)));
        self.sources
            .ask_with(&request, &headers)
            .map_err(|source| VaultError::Asked { source: Box::new(source) }.into())
    }

    fn unbelieved(&self, path: &str, why: String) -> SourceError {
        VaultError::Answer { address: crate::registry::answer::address(&self.address(path)), why }.into()
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_name_leads_to_no_other_place() {
        for name in ["a", "release", "a-b.c_D9", "_", "a..b"] {
            assert_eq!(KeyName::parse(&format!("{SCHEME}{name}")).unwrap().as_str(), name);
        }
        for name in ["", "-a", "a-", ".", "..", "a/b", "../sys", "a/../b", "a?b", "a#b", "a%2fb", "a b", "é", "a\n"] {
            assert!(KeyName::parse(&format!("{SCHEME}{name}")).is_err(), "{name:?}");
        }
        assert!(KeyName::parse("release").is_err());
    }

    /// The certificate that is named stands instead of all others, and nobody else is handed the token.
    #[test]
    fn a_vault_is_believed_by_the_certificate_that_is_named_and_by_no_other() {
        use std::io::{Read as _, Write as _};
        use std::sync::Arc;

        use rustls::pki_types::pem::PemObject as _;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};

        let tls = |name: &str| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/tls").join(name);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let certificate = CertificateDer::from_pem_file(tls("server.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(tls("server.key")).unwrap();
        let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        let (sender, asked) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = rustls::StreamOwned::new(session, stream);
                let mut head = vec![];
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0) {
                    head.push(byte[0]);
                }
                let _ = sender.send(String::from_utf8_lossy(&head).into_owned());
                let _ = stream.write_all(b"HTTP/1.1 404 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        });
        let kind = |ca: Option<PathBuf>| {
            let (token, engine) = ("hvs.secret".to_owned(), "transit".to_owned());
            let settings = Settings { address: address.clone(), token, namespace: None, engine, ca };
            Vault::new(settings).unwrap().key(&KeyName("a".into()), None).err().map(|error| error.kind())
        };
        // It answers, if only that there is no such key.
        assert_eq!(kind(Some(tls("ca.pem"))), Some(ErrorKind::Other));
        assert!(asked.recv().unwrap().contains("hvs.secret"));
        for other in [None, Some(tls("client.pem"))] {
            assert_eq!(kind(other), Some(ErrorKind::Unreachable));
            assert!(!asked.recv().unwrap_or_default().contains("hvs.secret"));
        }
    }
}
