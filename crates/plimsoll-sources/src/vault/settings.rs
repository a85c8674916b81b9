//! Where Vault is and who asks, from the variables that its own programs and Sigstore's read. What would change whom is believed and
//! is not spoken here is refused by name, not passed over.

use std::env;
use std::io::{self, Read as _};
use std::path::PathBuf;

use super::error::VaultError;
use crate::error::SourceError;
use crate::registry::answer;

/// Bytes of a token's file. Tokens have some hundred, those of a batch some thousand.
const MAX_TOKEN: u64 = 64 << 10;
/// Settings of Vault's programs that would be passed over otherwise.
const NOT_SPOKEN: &[&str] = &[
    "VAULT_AGENT_ADDR",
    "VAULT_CACERT_BYTES",
    "VAULT_CAPATH",
    "VAULT_CLIENT_CERT",
    "VAULT_CLIENT_KEY",
    "VAULT_HTTP_PROXY",
    "VAULT_PROXY_ADDR",
    "VAULT_SKIP_VERIFY",
    "VAULT_SRV_LOOKUP",
    "VAULT_TLS_SERVER_NAME",
];

/// What is read of the environment.
const READ: &[&str] = &["VAULT_ADDR", "VAULT_TOKEN", "VAULT_NAMESPACE", "VAULT_CACERT", "TRANSIT_SECRET_ENGINE_PATH"];

/// Where Vault is, and who asks. It is not shown: the token is in it.
pub struct Settings {
    pub(super) address: String,
    pub(super) token: String,
    pub(super) namespace: Option<String>,
    pub(super) engine: String,
    pub(super) ca: Option<PathBuf>,
}

impl Settings {
    /// Of this process's environment: `VAULT_ADDR`; `VAULT_TOKEN`, or `~/.vault-token`; `VAULT_NAMESPACE`;
    /// `TRANSIT_SECRET_ENGINE_PATH`; `VAULT_CACERT`.
    ///
    /// # Errors
    /// It names no Vault or no token, or asks for what is not spoken here.
    pub fn of_process() -> Result<Settings, SourceError> {
        // What is no text is not as if it were not there.
        let odd = |name: &&&str| matches!(env::var(name), Err(env::VarError::NotUnicode(_)));
        if let Some(variable) = READ.iter().chain(NOT_SPOKEN).find(odd) {
            return Err(VaultError::Setting { variable }.into());
        }
        Settings::of(&|name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn of(variable: &dyn Fn(&str) -> Option<String>) -> Result<Settings, SourceError> {
        let address = variable("VAULT_ADDR").ok_or(VaultError::NoAddress)?;
        let is_off = |value: &str| matches!(value, "0" | "f" | "F" | "false" | "False" | "FALSE");
        let unspoken = NOT_SPOKEN.iter().find(|name| variable(name).is_some_and(|value| !is_off(&value)));
        if let Some(variable) = unspoken {
            return Err(VaultError::Setting { variable }.into());
        }
        Ok(Settings {
            address: checked(address.trim_end_matches('/'))?,
            engine: engine(&variable("TRANSIT_SECRET_ENGINE_PATH").unwrap_or_else(|| "transit".to_owned()))?,
            token: token(variable("VAULT_TOKEN"), variable("HOME"))?,
            namespace: variable("VAULT_NAMESPACE").map(|name| name.trim().to_owned()),
            ca: variable("VAULT_CACERT").map(PathBuf::from),
        })
    }
}

/// An address that paths can be put behind.
fn checked(address: &str) -> Result<String, SourceError> {
    let why = match address.split_once("://") {
        Some(("https" | "http", _)) if !address.contains(['?', '#', '\\']) => return Ok(address.to_owned()),
        Some(("https" | "http", _)) => "VAULT_ADDR ends with a host, a port, or a path",
        _ => "VAULT_ADDR begins with https://",
    };
    Err(VaultError::Address { address: answer::address(address), why }.into())
}

/// A path of names, so that it leads nowhere else.
fn engine(path: &str) -> Result<String, SourceError> {
    let path = path.trim_matches('/');
    let is_name = |name: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !name.is_empty() && name.bytes().all(letter) && !name.bytes().all(|byte| byte == b'.')
    };
    match path.split('/').all(is_name) {
        true => Ok(path.to_owned()),
        false => Err(VaultError::Engine { engine: path.to_owned() }.into()),
    }
}

fn token(given: Option<String>, home: Option<String>) -> Result<String, SourceError> {
    if let Some(token) = given.as_deref().map(str::trim).filter(|token| !token.is_empty()) {
        return Ok(token.to_owned());
    }
    // Never a file of the folder that one happens to be in: it may be a stranger's.
    let Some(path) = home.map(|home| PathBuf::from(home).join(".vault-token")) else {
        let source = io::Error::new(io::ErrorKind::NotFound, "HOME is not set");
        return Err(VaultError::Token { path: "~/.vault-token".into(), source }.into());
    };
    let mut token = String::new();
    let read = std::fs::File::open(&path).and_then(|file| file.take(MAX_TOKEN).read_to_string(&mut token));
    let read = read.and_then(|_| match token.trim() {
        "" => Err(io::Error::new(io::ErrorKind::InvalidData, "it is empty")),
        token => Ok(token.to_owned()),
    });
    read.map_err(|source| VaultError::Token { path, source }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Settings, String> {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Settings::of(&variable).map_err(|error| crate::error::chain(&error))
    }

    #[test]
    fn the_variables_of_vaults_own_programs_are_read() {
        let address = ("VAULT_ADDR", "https://vault.example.com:8200/");
        let token = ("VAULT_TOKEN", "hvs.secret\n");
        let settings = of(&[address, token]).unwrap();
        assert_eq!(
            (settings.address.as_str(), settings.engine.as_str()),
            ("https://vault.example.com:8200", "transit")
        );
        assert_eq!((settings.token.as_str(), settings.namespace, settings.ca), ("hvs.secret", None, None));
        let more =
            [("TRANSIT_SECRET_ENGINE_PATH", "/team/keys/"), ("VAULT_NAMESPACE", "a/b"), ("VAULT_CACERT", "ca.pem")];
        let settings = of(&[&[address, token][..], &more].concat()).unwrap();
        assert_eq!((settings.engine.as_str(), settings.namespace.as_deref()), ("team/keys", Some("a/b")));
        assert_eq!(settings.ca, Some("ca.pem".into()));
        assert!(of(&[address, token, ("VAULT_SKIP_VERIFY", "false")]).is_ok());
    }

    #[test]
    fn a_token_is_read_of_the_file_that_vault_login_writes() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        let there = [("VAULT_ADDR", "https://v"), ("HOME", home)];
        assert!(of(&there).err().unwrap_or_default().contains(".vault-token holds no token"));
        assert!(of(&there[..1]).err().unwrap_or_default().contains("HOME is not set"));
        assert!(of(&[there[0], there[1], ("VAULT_TOKEN", " ")]).is_err());
        std::fs::write(folder.path().join(".vault-token"), "\n").unwrap();
        assert!(of(&there).err().unwrap_or_default().contains("it is empty"));
        std::fs::write(folder.path().join(".vault-token"), "hvs.secret\n").unwrap();
        assert_eq!(of(&there).unwrap().token, "hvs.secret");
    }

    #[test]
    fn what_is_not_spoken_or_leads_elsewhere_is_refused() {
        let token = ("VAULT_TOKEN", "hvs.secret");
        let https = ("VAULT_ADDR", "https://v");
        for (variables, why) in [
            (&[token][..], "VAULT_ADDR"),
            (&[token, ("VAULT_ADDR", "vault.example.com")], "begins with https://"),
            (&[token, ("VAULT_ADDR", "unix:///run/vault.sock")], "begins with https://"),
            (&[token, ("VAULT_ADDR", "https://v/?a=b")], "ends with"),
            (&[token, https, ("TRANSIT_SECRET_ENGINE_PATH", "../sys")], "no path"),
            (&[token, https, ("TRANSIT_SECRET_ENGINE_PATH", "a//b")], "no path"),
            (&[token, https, ("TRANSIT_SECRET_ENGINE_PATH", "a?b")], "no path"),
            (&[token, https, ("VAULT_SKIP_VERIFY", "1")], "VAULT_SKIP_VERIFY"),
            (&[token, https, ("VAULT_CLIENT_CERT", "c.pem")], "VAULT_CLIENT_CERT"),
        ] {
            let refused = of(variables).err().unwrap_or_default();
            assert!(refused.contains(why) && !refused.contains("hvs."), "{variables:?}: {refused}");
        }
    }
}
