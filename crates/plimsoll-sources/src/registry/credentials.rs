//! Credentials. In: a registry's host and the user's files. Out: what to sign in with, or nothing.
//! Docker's `config.json` (auths, credHelpers, credsStore), podman's `auth.json`, credential helper programs.
//! <https://docs.docker.com/reference/cli/docker/login/>, <https://github.com/docker/docker-credential-helpers>

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::environment::Environment;
use crate::local::blobs::bounded;

/// A credentials file. They grow with the number of registries; a megabyte holds thousands.
const MAX_FILE: u64 = 1 << 20;
/// What a helper may answer.
const MAX_ANSWER: u64 = 64 << 10;
/// Helpers ask cloud services or the keyring; a keyring that waits for its user must not stop a CI run for ever.
const HELPER_TIMEOUT: Duration = Duration::from_secs(20);

/// What to sign in with.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    Password {
        user: String,
        password: String,
    },
    /// A refresh token, exchanged at the registry's token service.
    Identity(String),
    /// A bearer token to be used as it is.
    Bearer(String),
}

impl Credentials {
    /// Bytes of its secrets.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Credentials::Password { user, password } => user.len() + password.len(),
            Credentials::Identity(token) | Credentials::Bearer(token) => token.len(),
        }
    }
}

/// Secrets never reach a log.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Credentials::Password { .. } => "Password(…)",
            Credentials::Identity(_) => "Identity(…)",
            Credentials::Bearer(_) => "Bearer(…)",
        })
    }
}

/// A credentials file, as far as it says how to read from a registry.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialsFile {
    #[serde(default)]
    auths: Option<BTreeMap<String, Auth>>,
    #[serde(default)]
    cred_helpers: Option<BTreeMap<String, String>>,
    #[serde(default)]
    creds_store: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Auth(…)")
    }
}

/// Why credentials could not be had. The words finish "could not …".
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    #[error("read the credentials file {path}")]
    File {
        path: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("use the credentials for {host} in {path}: the auth entry is not base64 of USER:PASSWORD")]
    BadAuth { host: String, path: String },
    #[error("run the credential helper {program}")]
    Helper {
        program: String,
        #[source]
        source: std::io::Error,
    },
    #[error("use the credential helper {program}: {why}")]
    HelperAnswer { program: String, why: String },
}

/// Reads a credentials file.
///
/// # Errors
/// When it is not the JSON that belongs there.
pub fn credentials_file(bytes: &[u8]) -> Result<CredentialsFile, serde_json::Error> {
    serde_json::from_slice(bytes)
}

/// The credentials for `host` and `repository` from the user's files: the first file that knows the registry.
///
/// # Errors
/// When a file is there and cannot be read, or a helper fails: going on without would end in a misleading refusal.
pub async fn credentials_for(
    host: &str,
    repository: &str,
    environment: &Environment,
) -> Result<Option<Credentials>, CredentialsError> {
    for path in files(environment) {
        let file_error = |source: Box<dyn std::error::Error + Send + Sync>| CredentialsError::File {
            path: path.display().to_string(),
            source,
        };
        let file = match std::fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(file_error(error.into())),
        };
        let bytes = bounded(file, &path.display().to_string(), MAX_FILE).map_err(|error| file_error(error.into()))?;
        let file = credentials_file(&bytes).map_err(|error| file_error(error.into()))?;
        if let Some(found) = lookup(&file, host, repository, &path, environment).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The files that are looked into, in their order. `DOCKER_CONFIG` and `REGISTRY_AUTH_FILE` stand for their tools' own.
fn files(environment: &Environment) -> Vec<PathBuf> {
    let mut files = vec![];
    match (&environment.docker_config, &environment.home) {
        (Some(folder), _) => files.push(folder.join("config.json")),
        (None, Some(home)) => files.push(home.join(".docker/config.json")),
        (None, None) => {}
    }
    match &environment.registry_auth_file {
        Some(file) => files.push(file.clone()),
        None => {
            files.extend(environment.xdg_runtime_dir.iter().map(|folder| folder.join("containers/auth.json")));
            files.extend(environment.config_home().map(|folder| folder.join("containers/auth.json")));
        }
    }
    files
}

/// The keys under which files know a registry, the narrowest first: podman also knows namespaces (`quay.io/team`).
fn keys(host: &str, repository: &str) -> Vec<String> {
    let mut keys = vec![];
    let full = format!("{host}/{repository}");
    let mut end = full.len();
    while let Some(at) = full[..end].rfind('/') {
        keys.push(full[..end].to_owned());
        end = at;
    }
    keys.push(host.to_owned());
    if host == "docker.io" || host == "registry-1.docker.io" || host == "index.docker.io" {
        keys.extend(["https://index.docker.io/v1/", "index.docker.io", "docker.io"].map(str::to_owned));
    }
    keys
}

/// A key as it is written in a file, without scheme, path of the old API and trailing slash.
fn plain(key: &str) -> &str {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let key = key.strip_suffix('/').unwrap_or(key);
    key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key)
}

async fn lookup(
    file: &CredentialsFile,
    host: &str,
    repository: &str,
    path: &Path,
    environment: &Environment,
) -> Result<Option<Credentials>, CredentialsError> {
    let keys = keys(host, repository);
    for key in &keys {
        let helper = file.cred_helpers.iter().flatten().find(|(name, _)| plain(name) == plain(key));
        if let Some((name, helper)) = helper {
            return ask_helper(helper, name, environment).await;
        }
    }
    for key in &keys {
        let entry = file.auths.iter().flatten().find(|(name, _)| plain(name) == plain(key));
        let Some((name, auth)) = entry else { continue };
        let found = from_auth(auth)
            .map_err(|()| CredentialsError::BadAuth { host: host.to_owned(), path: path.display().to_string() })?;
        match (found, &file.creds_store) {
            (Some(found), _) => return Ok(Some(found)),
            // An empty entry says that the secret is in the store.
            (None, Some(store)) => return ask_helper(store, name, environment).await,
            (None, None) => {}
        }
    }
    match &file.creds_store {
        Some(store) => {
            let name =
                if keys.iter().any(|key| key.starts_with("https://")) { "https://index.docker.io/v1/" } else { host };
            ask_helper(store, name, environment).await
        }
        None => Ok(None),
    }
}

/// Decodes every entry of a file and says how many could be. For the fuzz targets alone.
#[doc(hidden)]
pub fn embedded_credentials(file: &CredentialsFile) -> usize {
    file.auths.iter().flatten().map(|(_, auth)| auth).filter(|auth| from_auth(auth).is_ok()).count()
}

pub(crate) fn from_auth(auth: &Auth) -> Result<Option<Credentials>, ()> {
    let given = |value: &Option<String>| value.clone().filter(|v| !v.is_empty());
    if let Some(token) = given(&auth.registrytoken) {
        return Ok(Some(Credentials::Bearer(token)));
    }
    if let Some(token) = given(&auth.identitytoken) {
        return Ok(Some(Credentials::Identity(token)));
    }
    if let Some(encoded) = given(&auth.auth) {
        let encoded = encoded.trim();
        let decoded = STANDARD.decode(encoded).or_else(|_| STANDARD_NO_PAD.decode(encoded)).map_err(|_| ())?;
        let text = String::from_utf8(decoded).map_err(|_| ())?;
        let (user, password) = text.split_once(':').ok_or(())?;
        // Docker pads the password with NUL bytes in old files.
        let password = password.trim_end_matches('\0').to_owned();
        return Ok(Some(Credentials::Password { user: user.to_owned(), password }));
    }
    match (given(&auth.username), given(&auth.password)) {
        (Some(user), Some(password)) => Ok(Some(Credentials::Password { user, password })),
        _ => Ok(None),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

/// Runs `docker-credential-NAME get`.
async fn ask_helper(
    name: &str,
    server: &str,
    environment: &Environment,
) -> Result<Option<Credentials>, CredentialsError> {
    let program = format!("docker-credential-{name}");
    let answer_error = |why: &str| CredentialsError::HelperAnswer { program: program.clone(), why: why.to_owned() };
    // The name comes from the user's own file, but a path in it would run something else than a helper.
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
        return Err(answer_error("its name is none"));
    }
    let run_error = |source| CredentialsError::Helper { program: program.clone(), source };
    let mut command = tokio::process::Command::new(&program);
    if let Some(path) = &environment.path {
        command.env("PATH", path);
    }
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(run_error)?;
    let run = async {
        if let Some(mut stdin) = child.stdin.take() {
            // A helper that does not read its question says so by its status.
            let _ = stdin.write_all(server.as_bytes()).await;
        }
        let mut answer = vec![];
        if let Some(stdout) = child.stdout.take() {
            stdout.take(MAX_ANSWER).read_to_end(&mut answer).await?;
        }
        Ok::<_, std::io::Error>((child.wait().await?, answer))
    };
    let (status, answer) = tokio::time::timeout(HELPER_TIMEOUT, run)
        .await
        .map_err(|_| answer_error("it did not answer within 20 seconds"))?
        .map_err(run_error)?;
    if !status.success() {
        let words = String::from_utf8_lossy(&answer);
        if words.contains("credentials not found") || words.contains("no credentials") {
            return Ok(None);
        }
        return Err(answer_error(&format!("it failed ({status}): {}", crate::registry::answer::shown(&words))));
    }
    let answer: HelperAnswer =
        serde_json::from_slice(&answer).map_err(|_| answer_error("its answer has no Username and Secret"))?;
    Ok(match (answer.username.as_str(), answer.secret.is_empty()) {
        (_, true) => None,
        ("<token>", false) => Some(Credentials::Identity(answer.secret)),
        (_, false) => Some(Credentials::Password { user: answer.username, password: answer.secret }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(config: &str, host: &str, repository: &str) -> Result<Option<Credentials>, CredentialsError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        let environment = Environment { docker_config: Some(folder.path().to_owned()), ..Environment::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(credentials_for(host, repository, &environment))
    }

    fn password(user: &str, password: &str) -> Option<Credentials> {
        Some(Credentials::Password { user: user.into(), password: password.into() })
    }

    #[test]
    fn auths_are_found_by_host_in_all_its_spellings() {
        let config = format!(
            r#"{{"auths":{{"https://index.docker.io/v1/":{{"auth":"{}"}},"localhost:5000":{{"username":"u","password":"p"}},
            "quay.io/team":{{"identitytoken":"t"}},"http://old.example/v2/":{{"auth":"{}"}}}}}}"#,
            STANDARD.encode("hub:se:cret"),
            STANDARD.encode("old:x\0\0"),
        );
        assert_eq!(found(&config, "docker.io", "library/nginx").unwrap(), password("hub", "se:cret"));
        assert_eq!(found(&config, "localhost:5000", "shop").unwrap(), password("u", "p"));
        assert_eq!(found(&config, "old.example", "shop").unwrap(), password("old", "x"));
        assert_eq!(found(&config, "quay.io", "team/shop").unwrap(), Some(Credentials::Identity("t".into())));
        assert_eq!(found(&config, "quay.io", "other/shop").unwrap(), None);
        assert_eq!(found(&config, "example.com", "shop").unwrap(), None);
    }

    #[test]
    fn broken_files_are_errors_and_missing_ones_are_not() {
        assert!(found("{", "a.io", "x").is_err());
        assert!(found(r#"{"auths":{"a.io":{"auth":"!"}}}"#, "a.io", "x").is_err());
        assert_eq!(found(r#"{"auths":null}"#, "a.io", "x").unwrap(), None);
    }

    #[test]
    fn secrets_are_not_printed() {
        assert_eq!(format!("{:?}", password("u", "hunter2")), "Some(Password(…))");
    }

    #[cfg(unix)]
    #[test]
    fn helpers_are_asked_and_their_faults_told() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let helper = |name: &str, text: &str| {
            let path = folder.path().join(format!("docker-credential-{name}"));
            std::fs::write(&path, format!("#!/bin/sh\nread server\n{text}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        helper("good", r#"echo "{\"ServerURL\":\"$server\",\"Username\":\"u-$server\",\"Secret\":\"s\"}""#);
        helper("none", "echo 'credentials not found in native keychain'; exit 1");
        helper("bad", "echo oops; exit 3");
        let config =
            r#"{"credHelpers":{"a.io":"good","b.io":"bad","c.io":"../x","d.io":"missing"},"credsStore":"none"}"#;
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        let environment = Environment {
            docker_config: Some(folder.path().to_owned()),
            path: Some(format!("{}:/usr/bin:/bin", folder.path().display()).into()),
            ..Environment::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ask = |host: &str| runtime.block_on(credentials_for(host, "x", &environment));
        assert_eq!(ask("a.io").unwrap(), password("u-a.io", "s"));
        assert!(ask("b.io").unwrap_err().to_string().contains("oops"));
        assert!(ask("c.io").is_err());
        assert!(ask("d.io").is_err());
        assert_eq!(ask("e.io").unwrap(), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = credentials_file(&bytes);
        }
    }
}
