//! Keys in tokens of hardware, by PKCS#11. In: the URI that `--key` has, the environment, or somebody at a terminal who types the PIN.
//! Out: a signer, a public half, lists of what is there. A binary without the feature says so.

use clap::{Args, Subcommand};

use super::Failure;

/// What a URI of PKCS#11 begins with.
pub const SCHEME: &str = "pkcs11:";

#[cfg_attr(not(feature = "pkcs11"), allow(dead_code, reason = "what is asked is read where it is spoken"))]
#[derive(Debug, Subcommand)]
pub enum Tool {
    /// List the tokens that a module knows
    #[command(
        after_help = "Examples:\n  plimsoll cosign pkcs11-tool list-tokens --module-path /usr/lib/softhsm/libsofthsm2.so"
    )]
    ListTokens(Module),
    /// List the keys in a token, by the URIs that --key takes
    #[command(
        after_help = "Examples:\n  COSIGN_PKCS11_PIN=… plimsoll cosign pkcs11-tool list-keys-uris --module-path /usr/lib/softhsm/libsofthsm2.so --slot-id 7"
    )]
    ListKeysUris(Keys),
}

#[cfg_attr(not(feature = "pkcs11"), allow(dead_code, reason = "what is asked is read where it is spoken"))]
#[derive(Debug, Args)]
pub struct Module {
    /// The library of the token, by its absolute path
    #[arg(long, value_name = "FILE", env = "COSIGN_PKCS11_MODULE_PATH")]
    pub module_path: Option<String>,
}

#[cfg_attr(not(feature = "pkcs11"), allow(dead_code, reason = "what is asked is read where it is spoken"))]
#[derive(Debug, Args)]
pub struct Keys {
    #[command(flatten)]
    pub module: Module,
    /// The slot of the token
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub slot_id: u64,
    /// The PIN, which others on the machine can read here; COSIGN_PKCS11_PIN holds it otherwise
    #[arg(long, value_name = "PIN")]
    pub pin: Option<String>,
}

#[cfg(not(feature = "pkcs11"))]
mod spoken {
    use plimsoll_trust::PublicKey;
    use plimsoll_trust::keys::KeptKey;

    use super::{Failure, Tool};

    fn not_built<T>() -> Result<T, Failure> {
        Err("this binary was built without PKCS#11: the library of a token is loaded at run time, and a static binary loads none\nhint: \
             cargo build --release -p plimsoll --features pkcs11 builds one that does"
            .into())
    }

    pub fn open(_: &str) -> Result<KeptKey, Failure> {
        not_built()
    }

    pub fn public(_: &str) -> Result<PublicKey, Failure> {
        not_built()
    }

    pub fn tool(_: &Tool) -> Result<(), Failure> {
        not_built()
    }
}

#[cfg(feature = "pkcs11")]
mod spoken {
    use std::path::{Path, PathBuf};

    use plimsoll_pkcs11::{Hash as TokenHash, Key, Pin, TokenError, Uri};
    use plimsoll_trust::keys::{Handed, Keeper, KeptKey};
    use plimsoll_trust::{Hash, PublicKey, Reason, Refusal};

    use super::{Failure, Module, Tool};
    use crate::compat::cosign::{key, print};

    /// Where the library of a token is, and its PIN, as Sigstore's programs are told.
    const MODULE: &str = "COSIGN_PKCS11_MODULE_PATH";
    const PIN: &str = "COSIGN_PKCS11_PIN";

    impl From<TokenError> for Failure {
        fn from(error: TokenError) -> Failure {
            let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
            format!("could not {}{hint}", crate::message::chain(&anyhow::Error::new(error))).into()
        }
    }

    struct InToken(Key);

    impl Keeper for InToken {
        fn signature(&self, of: Handed<'_>) -> Result<Vec<u8>, Refusal> {
            let failed = |why: String| Refusal::new(Reason::SignerFailed, why);
            let (hash, digest) = match of {
                Handed::Digest(Hash::Sha256, digest) => (TokenHash::Sha256, digest),
                Handed::Digest(Hash::Sha384, digest) => (TokenHash::Sha384, digest),
                Handed::Digest(Hash::Sha512, digest) => (TokenHash::Sha512, digest),
                Handed::Message(_) => return Err(failed("keys on Ed25519 in tokens do not sign here".into())),
            };
            self.0.sign(hash, digest).map_err(|error| failed(Failure::from(error).why))
        }
    }

    pub fn open(named: &str) -> Result<KeptKey, Failure> {
        let uri = uri(named)?;
        let key = Key::open(&uri, &pin)?;
        let public = PublicKey::from_spki(key.spki())?;
        Ok(KeptKey::new(&uri.to_string(), public, Box::new(InToken(key))))
    }

    pub fn public(named: &str) -> Result<PublicKey, Failure> {
        Ok(PublicKey::from_spki(&plimsoll_pkcs11::public(&uri(named)?)?)?)
    }

    pub fn tool(tool: &Tool) -> Result<(), Failure> {
        match tool {
            Tool::ListTokens(asked) => tokens(&module(asked)?),
            Tool::ListKeysUris(asked) => {
                let given = |token: &str| {
                    asked.pin.as_deref().filter(|pin| !pin.is_empty()).map(Pin::from).or_else(|| pin(token))
                };
                keys(&module(&asked.module)?, asked.slot_id, &given)
            }
        }
    }

    fn uri(named: &str) -> Result<Uri, Failure> {
        let mut uri = Uri::of_key(named)?;
        uri.module = uri.module.or_else(|| std::env::var_os(MODULE).filter(|path| !path.is_empty()).map(PathBuf::from));
        Ok(uri)
    }

    fn module(asked: &Module) -> Result<PathBuf, Failure> {
        let path = asked.module_path.as_deref().filter(|path| !path.is_empty());
        Ok(path.ok_or("please specify --module-path or set COSIGN_PKCS11_MODULE_PATH")?.into())
    }

    /// The PIN of a token: of the environment, or typed.
    fn pin(token: &str) -> Option<Pin> {
        if let Some(pin) = std::env::var(PIN).ok().filter(|pin| !pin.is_empty()) {
            return Some(Pin::from(pin));
        }
        let typed = key::typed(&format!("Enter PIN for PKCS11 token '{}': ", plimsoll_report::safe(token))).ok()?;
        // Where nobody types it is empty, and a wrong one counts: three of them lock a token.
        (!typed.is_empty()).then(|| Pin::from(typed.as_str()))
    }

    fn tokens(module: &Path) -> Result<(), Failure> {
        let mut text = format!("\nListing tokens of PKCS11 module '{}'\n", module.display());
        for token in plimsoll_pkcs11::tokens(module)? {
            text += &format!("Token in slot {}\n", token.slot);
            text += &format!("\tLabel: {}\n", plimsoll_report::safe(&token.label));
            text += &format!("\tManufacturer: {}\n", plimsoll_report::safe(&token.manufacturer));
            text += &format!("\tModel: {}\n", plimsoll_report::safe(&token.model));
            text += &format!("\tS/N: {}\n\n", plimsoll_report::safe(&token.serial));
        }
        print(text)
    }

    fn keys(module: &Path, slot: u64, pin: &dyn Fn(&str) -> Option<Pin>) -> Result<(), Failure> {
        let mut text = format!("\nListing URIs of keys in slot '{slot}' of PKCS11 module '{}'\n", module.display());
        for (number, key) in plimsoll_pkcs11::keys(module, slot, pin)?.iter().enumerate() {
            text += &format!("Object {number}\n");
            if !key.label.is_empty() {
                text += &format!("\tLabel: {}\n", plimsoll_report::safe(&String::from_utf8_lossy(&key.label)));
            }
            if !key.id.is_empty() {
                let id: String = key.id.iter().map(|byte| format!("{byte:02x}")).collect();
                text += &format!("\tID: {id}\n");
            }
            text += &format!("\tURI: {}\n", key.uri);
        }
        print(text)
    }
}

pub use spoken::{open, public, tool};
