//! How to reach an API server and as whom. In: a pod's own files, or a kubeconfig. Out: [`Access`].

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::cluster::error::ClusterError;
use crate::environment::Environment;
use crate::local::blobs::bounded;

/// Where a pod finds its service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// A certificate, key or token. Bundles of authorities reach some hundred kilobytes.
const MAX_FILE: u64 = 1 << 20;
/// Tokens have one or two kilobytes; headers end at some dozen.
const MAX_TOKEN: u64 = 16 << 10;

/// An API server, and who we are to it.
#[derive(Clone)]
pub struct Access {
    /// `https://HOST[:PORT][/PATH]`; plain HTTP on loopback only.
    pub server: String,
    /// Authorities that its certificate may come from; the system's when there are none.
    pub ca_pem: Option<Vec<u8>>,
    /// The name its certificate has, where that is not the host's.
    pub tls_server_name: Option<String>,
    pub token: Option<Token>,
    pub identity: Option<Identity>,
}

/// A bearer token.
#[derive(Clone)]
pub enum Token {
    Literal(String),
    /// Read for each request: projected tokens are replaced while we run.
    File(PathBuf),
}

/// A client certificate, its chain and its key.
#[derive(Clone)]
pub struct Identity {
    pub certificate_pem: Vec<u8>,
    pub key_pem: Vec<u8>,
}

/// Neither tokens nor keys reach a log.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with = match (&self.token, &self.identity) {
            (Some(Token::File(path)), _) => format!("the token in {}", path.display()),
            (Some(Token::Literal(_)), _) => "a token".into(),
            (None, Some(_)) => "a client certificate".into(),
            (None, None) => "nothing".into(),
        };
        write!(f, "Access({} with {with})", self.server)
    }
}

impl Access {
    /// What a pod's service account gives; `None` outside a cluster.
    ///
    /// # Errors
    /// When this is a pod and its files are not there.
    pub fn in_cluster(environment: &Environment) -> Result<Option<Access>, ClusterError> {
        Access::in_cluster_at(environment, Path::new(SERVICE_ACCOUNT))
    }

    fn in_cluster_at(environment: &Environment, folder: &Path) -> Result<Option<Access>, ClusterError> {
        let Some(host) = &environment.kubernetes_service_host else { return Ok(None) };
        let port = environment.kubernetes_service_port.as_deref().unwrap_or("443");
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let token = folder.join("token");
        // Read once now, so that what is missing is said at the start.
        token_in(&token)?;
        Ok(Some(Access {
            server: format!("https://{host}:{port}"),
            ca_pem: Some(contents(&folder.join("ca.crt"), MAX_FILE)?),
            tls_server_name: None,
            token: Some(Token::File(token)),
            identity: None,
        }))
    }

    /// What the context of a kubeconfig says, the current one unless another is named.
    ///
    /// # Errors
    /// When it or a file that it names cannot be read, it leads to no server, or wants what we do not do.
    pub fn from_kubeconfig(path: &Path, context: Option<&str>) -> Result<Access, ClusterError> {
        let bytes = contents(path, super::kubeconfig::MAX_FILE)?;
        let named = |why| ClusterError::Malformed { what: format!("the kubeconfig {}", path.display()), why };
        let found = super::kubeconfig::kubeconfig(&bytes, context).map_err(named)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        found.load(|file| contents(&folder.join(file), MAX_FILE), folder)
    }
}

impl Token {
    /// The token now.
    pub(crate) fn now(&self) -> Result<String, ClusterError> {
        match self {
            Token::Literal(text) => Ok(text.clone()),
            Token::File(path) => token_in(path),
        }
    }
}

fn token_in(path: &Path) -> Result<String, ClusterError> {
    let malformed =
        |why: &str| ClusterError::Malformed { what: format!("the token in {}", path.display()), why: why.into() };
    let text = String::from_utf8(contents(path, MAX_TOKEN)?).map_err(|_| malformed("it is not text"))?;
    let text = text.trim();
    if text.is_empty() { Err(malformed("the file is empty")) } else { Ok(text.to_owned()) }
}

fn contents(path: &Path, limit: u64) -> Result<Vec<u8>, ClusterError> {
    let what = path.display().to_string();
    let file = File::open(path).map_err(|source| ClusterError::File { what: what.clone(), source })?;
    bounded(file, &what, limit).map_err(|error| ClusterError::Malformed { what, why: crate::error::chain(&error) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pod_finds_its_api_server_and_others_find_none() {
        let folder = tempfile::tempdir().unwrap();
        let mut environment = Environment::default();
        assert!(Access::in_cluster_at(&environment, folder.path()).unwrap().is_none());
        environment.kubernetes_service_host = Some("fd00::1".into());
        environment.kubernetes_service_port = Some("6443".into());
        let error = Access::in_cluster_at(&environment, folder.path()).unwrap_err();
        assert!(error.to_string().contains("token"), "{error}");
        std::fs::write(folder.path().join("token"), "t0\n").unwrap();
        std::fs::write(folder.path().join("ca.crt"), "pem").unwrap();
        let access = Access::in_cluster_at(&environment, folder.path()).unwrap().unwrap();
        assert_eq!(access.server, "https://[fd00::1]:6443");
        assert_eq!(access.token.as_ref().unwrap().now().unwrap(), "t0");
        std::fs::write(folder.path().join("token"), "t1").unwrap();
        assert_eq!(access.token.as_ref().unwrap().now().unwrap(), "t1");
        assert!(!format!("{access:?}").contains("t1"));
    }
}
