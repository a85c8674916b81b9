//! Why Vault gave nothing. Each message finishes "could not …" and names the thing; `hint` is the way out. No token is in any.

use std::io;
use std::path::PathBuf;

use crate::error::SourceError;
use crate::registry::error::RegistryError;

/// Why Vault gave nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    #[error("take {named:?} for a key in Vault")]
    Name { named: String },
    #[error("ask Vault: VAULT_ADDR does not say where it is")]
    NoAddress,
    #[error("ask Vault at {address}: {why}")]
    Address { address: String, why: &'static str },
    #[error("ask the engine {engine:?} of Vault (TRANSIT_SECRET_ENGINE_PATH): it is no path")]
    Engine { engine: String },
    #[error("ask Vault as {variable} says: that is not spoken here")]
    Setting { variable: &'static str },
    #[error("ask Vault: VAULT_TOKEN is not set, and {} holds no token", .path.display())]
    Token {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("sign {bytes} bytes with Ed25519 in Vault: they are sent whole, and it takes {most}")]
    Message { bytes: usize, most: usize },
    #[error("believe what is answered at {address}: {why}")]
    Answer { address: String, why: String },
    #[error(transparent)]
    Asked { source: Box<SourceError> },
}

impl VaultError {
    /// The way out, when we know one.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            VaultError::Name { .. } => {
                "hashivault://NAME; a name has letters, digits, `_`, and between them `-` and `.`"
            }
            VaultError::NoAddress => "VAULT_ADDR=https://vault.example.com:8200",
            VaultError::Engine { .. } => "it is where the transit engine is mounted: transit, or team/transit",
            VaultError::Setting { .. } => {
                "unset it; Vault is asked at VAULT_ADDR itself, and VAULT_CACERT names its authority's certificate, which is always checked"
            }
            VaultError::Token { .. } => "`vault login` writes it, or set VAULT_TOKEN",
            VaultError::Message { .. } => "sign it with ECDSA or RSA, which sign digests",
            VaultError::Asked { source } => return of_answer(source),
            VaultError::Address { .. } | VaultError::Answer { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

fn of_answer(source: &SourceError) -> Option<String> {
    let SourceError::Service { source, .. } = source else { return source.hint() };
    let hint = match source.as_ref() {
        RegistryError::Status { status: 403, .. } => {
            "the token (VAULT_TOKEN, or ~/.vault-token) is over, or its policy does not allow it: `read` on <engine>/keys/NAME and \
             `update` on <engine>/sign/NAME"
        }
        RegistryError::Status { status: 404, .. } => {
            "check the key's name and where the engine is mounted (TRANSIT_SECRET_ENGINE_PATH), and VAULT_NAMESPACE; `plimsoll cosign \
             generate-key-pair --kms hashivault://NAME` makes a key"
        }
        RegistryError::Status { status: 503, .. } => {
            "it is sealed or in maintenance: `vault status` tells, and whoever holds its keys unseals it"
        }
        RegistryError::Status { status: 300..400 | 472 | 473, .. } | RegistryError::TooManyRequests { .. } => {
            "it is a standby or wants patience: name the active one in VAULT_ADDR"
        }
        RegistryError::Transport { source, .. } if crate::error::chain(source).contains("UnknownIssuer") => {
            "its certificate is signed by nobody we know: name its authority's with VAULT_CACERT"
        }
        RegistryError::Transport { .. } => "is VAULT_ADDR right, and reachable from here?",
        RegistryError::Deadline { .. } => "is it in trouble? Try again later",
        _ => return None,
    };
    Some(hint.to_owned())
}

impl From<VaultError> for SourceError {
    fn from(error: VaultError) -> SourceError {
        SourceError::Vault(Box::new(error))
    }
}
