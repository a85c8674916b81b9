//! Why a token gave nothing. Each message finishes "could not …"; `hint` is the way out. No PIN is in any.

use std::path::PathBuf;

/// Why a token gave nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    #[error("read a URI of PKCS#11: {why}")]
    Uri { why: String },
    #[error("load a module of PKCS#11: none is named")]
    NoModule,
    #[error("load the PKCS#11 module {}: {why}", .path.display())]
    Module { path: PathBuf, why: &'static str },
    #[error("{what}")]
    Call {
        what: String,
        #[source]
        source: cryptoki::error::Error,
    },
    #[error("find the token {wanted}: there are {}", listed(.there))]
    NoToken { wanted: String, there: Vec<String> },
    #[error("choose a token: {wanted} are {count}")]
    ManyTokens { wanted: String, count: usize },
    #[error("find the {half} key {wanted}")]
    NoKey { half: &'static str, wanted: String },
    #[error("choose a key: {wanted} are {count} {half} keys")]
    ManyKeys { half: &'static str, wanted: String, count: usize },
    #[error("sign in to the token {token}: there is no PIN")]
    NoPin { token: String },
    #[error("take the key {wanted}: {why}")]
    Kind { wanted: String, why: String },
}

impl TokenError {
    /// The way out, when we know one.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            TokenError::Uri { .. } => "pkcs11:token=NAME;object=NAME?module-path=/usr/lib/…/module.so",
            TokenError::NoModule => {
                "`?module-path=…` in the URI, or COSIGN_PKCS11_MODULE_PATH, is the absolute path of the token's library"
            }
            TokenError::NoToken { .. } => "`plimsoll cosign pkcs11-tool list-tokens` shows those that are there",
            TokenError::ManyTokens { .. } => "add `;serial=…` or `;slot-id=…` to the URI",
            TokenError::NoKey { half: "private", .. } => {
                "is it another PIN's? A key without its private half only verifies"
            }
            TokenError::NoKey { .. } => {
                "`plimsoll cosign pkcs11-tool list-keys-uris` shows those that are there; the public half has to be in the token, too"
            }
            TokenError::ManyKeys { .. } => "name it by `id=%…`, which is one key's alone",
            TokenError::NoPin { .. } => "COSIGN_PKCS11_PIN holds it, or it is typed at a terminal",
            TokenError::Module { .. } | TokenError::Call { .. } | TokenError::Kind { .. } => return None,
        })
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
