//! Keys that do not leave where they are. In: what `--key` or `--kms` names, and the environment. Out: a signer whose keeper is asked
//! for each signature, or the public half. What it answers is held to the public half.
//!
//! How to add one: a `Keeper` as below, its scheme in [`SCHEMES`], its lines in [`open`] and what follows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_sources::SourceError;
use plimsoll_sources::vault::{self, Input, KeyName, Settings, TransitKey, Vault};
use plimsoll_trust::keys::{Handed, Keeper, KeptKey};
use plimsoll_trust::{Hash, PublicKey, Reason, Refusal, Scheme};

use super::{Failure, hardware};

/// What stands before the names of keys that are elsewhere, and is spoken.
pub const SCHEMES: &[&str] = &[vault::SCHEME, hardware::SCHEME];
/// Where Sigstore's programs are told which version of a key in Vault signatures are of.
const VERSION: &str = "VAULT_KEY_PREFIX";

/// What stands before the name of a key that does not leave where it is, if `--key` names one: schemes have no case.
pub fn scheme(named: &str) -> Option<&'static str> {
    let begins = |scheme: &&&str| named.get(..scheme.len()).is_some_and(|front| front.eq_ignore_ascii_case(scheme));
    SCHEMES.iter().find(begins).copied()
}

/// Whether `--key` names a key that does not leave where it is.
pub fn is_elsewhere(named: &str) -> bool {
    scheme(named).is_some()
}

/// Its public half, and whoever signs with it.
///
/// # Errors
/// Its keeper does not answer, or has no such key, or one that does not sign here.
pub fn open(named: &str) -> Result<KeptKey, Failure> {
    if scheme(named) == Some(hardware::SCHEME) {
        return hardware::open(named);
    }
    let (public, keeper) = in_vault(named, None)?;
    Ok(KeptKey::new(named, public, Box::new(keeper)))
}

/// The public half that [`open`] signs with.
///
/// # Errors
/// As [`open`].
pub fn public(named: &str) -> Result<PublicKey, Failure> {
    if scheme(named) == Some(hardware::SCHEME) {
        return hardware::public(named);
    }
    Ok(in_vault(named, None)?.0)
}

/// The public half that signatures are demanded of: the newest, or that of the version in `VAULT_KEY_PREFIX`.
///
/// # Errors
/// As [`open`].
pub fn demanded(named: &str) -> Result<PublicKey, Failure> {
    if scheme(named) == Some(hardware::SCHEME) {
        return hardware::public(named);
    }
    // What is no text never has the form.
    let prefix = std::env::var_os(VERSION).map(|prefix| prefix.to_string_lossy().into_owned());
    let version = match prefix.filter(|prefix| !prefix.is_empty()) {
        None => None,
        Some(prefix) => {
            let number = prefix.strip_prefix("vault:v").and_then(|rest| rest.strip_suffix(':')?.parse().ok());
            Some(number.ok_or_else(|| Failure::from(format!("{VERSION}={prefix:?} is not of the form vault:v1:")))?)
        }
    };
    Ok(in_vault(named, version)?.0)
}

/// Makes a key there, unless there is one of this name, and gives its public half.
///
/// # Errors
/// It is not made.
pub fn made(named: &str) -> Result<PublicKey, Failure> {
    if scheme(named) == Some(hardware::SCHEME) {
        return Err("keys in tokens are made by the tokens' own tools".into());
    }
    let name = KeyName::parse(named)?;
    let vault = Vault::new(Settings::of_process()?)?;
    vault.create(&name, vault::DEFAULT_KIND)?;
    read(&vault.key(&name, None)?, &name)
}

/// A key in Vault.
struct InVault {
    vault: Vault,
    name: KeyName,
    /// Of the public half that was shown: the key may be rotated meanwhile.
    version: u64,
}

fn in_vault(named: &str, version: Option<u64>) -> Result<(PublicKey, InVault), Failure> {
    let name = KeyName::parse(named)?;
    let vault = Vault::new(Settings::of_process()?)?;
    let key = vault.key(&name, version)?;
    let public = read(&key, &name)?;
    Ok((public, InVault { vault, name, version: key.version }))
}

/// The public half, which has to be of the kind that Vault says.
fn read(key: &TransitKey, name: &KeyName) -> Result<PublicKey, Failure> {
    let wrong =
        |why: &str| Failure::from(format!("the key {} in Vault is no key that signs here: {why}", name.as_str()));
    let (scheme, public) = match key.kind.as_str() {
        "ed25519" => {
            let raw = STANDARD.decode(&key.public).map_err(|_| wrong("its public half is no base64"))?;
            (Scheme::Ed25519, PublicKey::from_ed25519(&raw))
        }
        "ecdsa-p256" => (Scheme::EcdsaP256, PublicKey::from_pem(key.public.as_bytes())),
        "ecdsa-p384" => (Scheme::EcdsaP384, PublicKey::from_pem(key.public.as_bytes())),
        "rsa-2048" | "rsa-3072" | "rsa-4096" => (Scheme::Rsa, PublicKey::from_pem(key.public.as_bytes())),
        kind => {
            let known = "ecdsa-p256, ecdsa-p384, ed25519, rsa-2048, rsa-3072 and rsa-4096 are";
            return Err(wrong(&format!("it is of the kind {kind:?}; {known}")));
        }
    };
    let public = public.map_err(|refusal| wrong(&refusal.to_string()))?;
    match public.scheme() == scheme {
        true => Ok(public),
        false => Err(wrong(&format!("it is of the kind {}, and its public half is not", key.kind))),
    }
}

impl Keeper for InVault {
    fn signature(&self, of: Handed<'_>) -> Result<Vec<u8>, Refusal> {
        let input = match of {
            Handed::Digest(Hash::Sha256, digest) => Input::Digest("sha2-256", digest),
            Handed::Digest(Hash::Sha384, digest) => Input::Digest("sha2-384", digest),
            Handed::Digest(Hash::Sha512, digest) => Input::Digest("sha2-512", digest),
            Handed::Message(message) => Input::Message(message),
        };
        self.vault.sign(&self.name, self.version, input).map_err(failed)
    }
}

fn failed(error: SourceError) -> Refusal {
    Refusal::new(Reason::SignerFailed, Failure::from(error).why)
}
