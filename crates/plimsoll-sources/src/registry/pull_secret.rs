//! Pull secrets of a cluster. In: a Secret's bytes, written by anybody who may make a Secret. Out: what to sign in with,
//! matched as the kubelet matches it. What it does not do: run credential helpers, whatever the bytes say.
//! <https://kubernetes.io/docs/concepts/containers/images/#config-json>; `pkg/credentialprovider/keyring.go` of Kubernetes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;

use crate::registry::answer::shown;
use crate::registry::credentials::{Auth, Credentials, from_auth};

/// A secret's data. Kubernetes takes a megabyte for the whole object.
pub const MAX_SECRET: usize = 1 << 20;
/// Registries of one secret. Real ones have a handful; generated ones some dozen.
const MAX_ENTRIES: usize = 1_000;
/// Secrets of one request. Pods name one or two.
const MAX_SECRETS: usize = 32;
/// Credentials tried for one place. Each costs one or two requests; past a few the registry sees somebody who guesses.
pub const MAX_TRIED: usize = 4;
/// What the host Docker Hub was called when its credentials got their key.
const OLD_HUB: &str = "index.docker.io";

/// The credentials of one secret. Cheap to copy; never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PullSecret {
    entries: Arc<[Entry]>,
    /// Entries that could not be read, in words without a secret.
    pub problems: Arc<[String]>,
}

#[derive(Clone, PartialEq, Eq)]
struct Entry {
    key: Key,
    credentials: Credentials,
}

/// Where credentials are for: `*.example.com:5000/team`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    /// Host, port and path as the kubelet sorts them.
    text: String,
    labels: Vec<String>,
    port: String,
    /// Empty, or begins with a slash.
    path: String,
}

impl fmt::Debug for PullSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PullSecret({} registries)", self.entries.len())
    }
}

/// Why a secret gives no credentials. Without the parser's own words, for those quote what they stumbled over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PullSecretError {
    #[error("read the pull secret: it is not the JSON that belongs there (line {line}, column {column})")]
    Json { line: usize, column: usize },
    #[error("read the pull secret: it is larger than the {MAX_SECRET} bytes that are allowed")]
    TooLarge,
    #[error("read the pull secret: it names more than {MAX_ENTRIES} registries")]
    TooMany,
}

impl PullSecret {
    /// `.dockerconfigjson` of a `kubernetes.io/dockerconfigjson`: of the file, its `auths` alone.
    ///
    /// # Errors
    /// When it is not such a file.
    pub fn from_docker_config_json(bytes: &[u8]) -> Result<PullSecret, PullSecretError> {
        #[derive(Deserialize)]
        struct File {
            #[serde(default)]
            auths: Option<BTreeMap<String, Auth>>,
        }
        of_auths(parsed::<File>(bytes)?.auths.unwrap_or_default())
    }

    /// `.dockercfg` of a `kubernetes.io/dockercfg`: the older file, which is the map itself.
    ///
    /// # Errors
    /// When it is not such a file.
    pub fn from_docker_cfg(bytes: &[u8]) -> Result<PullSecret, PullSecretError> {
        of_auths(parsed(bytes)?)
    }

    /// True when there is nothing to sign in with.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many credentials fit this place. For the fuzz targets alone.
    #[doc(hidden)]
    pub fn matches(&self, host: &str, repository: &str) -> usize {
        matching(std::slice::from_ref(self), host, repository).len()
    }

    /// About how many bytes it takes.
    pub(crate) fn weight(&self) -> usize {
        let entry = |entry: &Entry| 128 + 2 * entry.key.text.len() + entry.credentials.weight();
        self.entries.iter().map(entry).sum::<usize>() + self.problems.iter().map(String::len).sum::<usize>()
    }
}

fn parsed<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, PullSecretError> {
    if bytes.len() > MAX_SECRET {
        return Err(PullSecretError::TooLarge);
    }
    serde_json::from_slice(bytes).map_err(|error| PullSecretError::Json { line: error.line(), column: error.column() })
}

fn of_auths(auths: BTreeMap<String, Auth>) -> Result<PullSecret, PullSecretError> {
    if auths.len() > MAX_ENTRIES {
        return Err(PullSecretError::TooMany);
    }
    let (mut entries, mut problems) = (vec![], vec![]);
    for (name, auth) in auths {
        match (key(&name), from_auth(&auth)) {
            (Some(key), Ok(Some(credentials))) => entries.push(Entry { key, credentials }),
            (_, Ok(None)) => problems.push(format!("the entry {:?} has no credentials", shown(&name))),
            (None, _) => problems.push(format!("the entry {:?} names no registry", shown(&name))),
            (_, Err(())) => {
                problems.push(format!("the entry {:?} has an auth that is not base64 of USER:PASSWORD", shown(&name)));
            }
        }
    }
    Ok(PullSecret { entries: entries.into(), problems: problems.into() })
}

/// A registry's key without scheme and the paths of Docker's own interfaces.
fn key(text: &str) -> Option<Key> {
    let text = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
    if text.contains(['@', '?', '#', '\\']) || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let (host, path) = text.find('/').map_or((text, ""), |at| text.split_at(at));
    if host.is_empty() {
        return None;
    }
    let path = match path {
        "/v1" | "/v2" => "",
        _ => {
            path.strip_prefix("/v1").or_else(|| path.strip_prefix("/v2")).filter(|p| p.starts_with('/')).unwrap_or(path)
        }
    };
    let path = if path == "/" { "" } else { path };
    let (labels, port) = labels_and_port(host);
    Some(Key { text: format!("{host}{path}"), labels, port, path: path.to_owned() })
}

fn labels_and_port(host: &str) -> (Vec<String>, String) {
    let is_port = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) && (!name.contains(':') || name.ends_with(']')) => (name, port),
        _ => (host, ""),
    };
    (name.split('.').map(str::to_owned).collect(), port.to_owned())
}

impl Key {
    fn fits(&self, labels: &[String], port: &str, path: &str) -> bool {
        self.port == port
            && self.labels.len() == labels.len()
            // As the kubelet has it: a prefix of the text, not of whole parts.
            && path.starts_with(&self.path)
            && self.labels.iter().zip(labels).all(|(glob, label)| glob_fits(glob.as_bytes(), label.as_bytes()))
    }
}

/// Whether a label fits a glob that knows `*` alone: the other signs of globs cannot stand in a host's name. Goes back to
/// the last star only, so it takes no longer than the product of both lengths.
fn glob_fits(glob: &[u8], text: &[u8]) -> bool {
    let (mut g, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match glob.get(g) {
            Some(b'*') => {
                star = Some((g, t));
                g += 1;
            }
            Some(sign) if *sign == text[t] => (g, t) = (g + 1, t + 1),
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (g, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|sign| *sign == b'*')
}

/// The credentials for `repository` at `host` from all of these, in the kubelet's order: the longest key of a kind first,
/// secrets with the same key in theirs. At most [`MAX_TRIED`].
pub(crate) fn matching(secrets: &[PullSecret], host: &str, repository: &str) -> Vec<Credentials> {
    let found = fitting(secrets, host, repository);
    let hub = ["docker.io", "registry-1.docker.io"].contains(&host);
    let found = if found.is_empty() && hub { fitting(secrets, OLD_HUB, repository) } else { found };
    let mut unique: Vec<Credentials> = vec![];
    for entry in found {
        if unique.len() < MAX_TRIED && !unique.contains(&entry.credentials) {
            unique.push(entry.credentials.clone());
        }
    }
    unique
}

fn fitting<'a>(secrets: &'a [PullSecret], host: &str, repository: &str) -> Vec<&'a Entry> {
    let ((labels, port), path) = (labels_and_port(host), format!("/{repository}"));
    let entries = secrets.iter().take(MAX_SECRETS).flat_map(|secret| secret.entries.iter());
    let mut found: Vec<&Entry> = entries.filter(|entry| entry.key.fits(&labels, &port, &path)).collect();
    found.sort_by(|a, b| b.key.text.cmp(&a.key.text));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(auths: &[(&str, &str)]) -> PullSecret {
        let entry =
            |(key, user): &(&str, &str)| ((*key).to_owned(), serde_json::json!({"username": user, "password": "p"}));
        let auths: serde_json::Map<String, serde_json::Value> = auths.iter().map(entry).collect();
        PullSecret::from_docker_cfg(serde_json::Value::Object(auths).to_string().as_bytes()).unwrap()
    }

    fn users(secrets: &[PullSecret], host: &str, repository: &str) -> Vec<String> {
        let user = |credentials: Credentials| match credentials {
            Credentials::Password { user, .. } => user,
            other => format!("{other:?}"),
        };
        matching(secrets, host, repository).into_iter().map(user).collect()
    }

    #[test]
    fn both_kinds_of_secret_are_read_and_helpers_are_not() {
        let json = br#"{"auths":{"a.io":{"auth":"dTpw"},"b.io":{"auth":"dTpwdw"}},"credsStore":"evil","credHelpers":{"c.io":"evil"}}"#;
        let read = PullSecret::from_docker_config_json(json).unwrap();
        assert_eq!(users(std::slice::from_ref(&read), "a.io", "x"), ["u"]);
        assert_eq!(
            users(std::slice::from_ref(&read), "b.io", "x"),
            ["u"],
            "base64 without its padding, as kubectl took it"
        );
        assert!(users(&[read], "c.io", "x").is_empty());
        let cfg = PullSecret::from_docker_cfg(br#"{"a.io":{"username":"u","password":"p","email":"e"}}"#).unwrap();
        assert_eq!(users(&[cfg], "a.io", "x"), ["u"]);
        assert!(PullSecret::from_docker_config_json(b"{}").unwrap().is_empty());
        assert!(PullSecret::from_docker_config_json(br#"{"auths":null}"#).unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_told_without_the_secret() {
        let error = PullSecret::from_docker_config_json(br#"{"auths":"hunter2"}"#).unwrap_err();
        assert_eq!(error, PullSecretError::Json { line: 1, column: 18 });
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        let read = PullSecret::from_docker_cfg(
            br#"{"a.io":{"auth":"hunter2!"},"b.io":{},"u@c":{"auth":"dTpw"},"d.io":{"auth":"dTpw"}}"#,
        )
        .unwrap();
        assert_eq!(read.problems.len(), 3, "{:?}", read.problems);
        assert!(!format!("{:?} {read:?}", read.problems).contains("hunter2"));
        assert_eq!(users(&[read], "d.io", "x"), ["u"], "the others still count");
        assert_eq!(PullSecret::from_docker_cfg(&vec![b' '; MAX_SECRET + 1]), Err(PullSecretError::TooLarge));
        let many: BTreeMap<String, serde_json::Value> =
            (0..=MAX_ENTRIES).map(|n| (n.to_string(), serde_json::json!({}))).collect();
        let many = serde_json::to_vec(&many).unwrap();
        assert_eq!(PullSecret::from_docker_cfg(&many), Err(PullSecretError::TooMany));
    }

    #[test]
    fn registries_are_matched_as_the_kubelet_does() {
        // From the kubelet's own table of tests (keyring_test.go), and its documentation.
        for (key, host, repository, fits) in [
            ("123456789.dkr.ecr.*.amazonaws.com", "123456789.dkr.ecr.us-east-1.amazonaws.com", "foo", true),
            ("*.gcr.io", "us.gcr.io", "a/b", true),
            ("*.gcr.io", "gcr.io", "a/b", false),
            ("*.kubernetes.io", "not.right.kubernetes.io", "x", false),
            ("*.*.kubernetes.io", "good.good.kubernetes.io", "x", true),
            ("prefix*.kubernetes.io", "prefix-1.kubernetes.io", "x", true),
            ("p*x*.io", "pabxc.io", "x", true),
            ("p*x*.io", "pabc.io", "x", false),
            ("*", "io", "x", true),
            ("*", "a.io", "x", false),
            ("kubernetes.io:8080", "kubernetes.io:8080", "x", true),
            ("kubernetes.io:8080", "kubernetes.io", "x", false),
            ("*.io:8080", "a.io:8081", "x", false),
            ("kubernetes.io", "kubernetes.io:8080", "x", false),
            ("[::1]:5000", "[::1]:5000", "x", true),
            ("quay.io/team", "quay.io", "team/x", true),
            ("quay.io/team", "quay.io", "teammate/x", true),
            ("quay.io/team", "quay.io", "other/x", false),
            ("https://quay.io/v2/", "quay.io", "other/x", true),
            ("http://quay.io/v1", "quay.io", "other/x", true),
            ("https://quay.io/v2/team", "quay.io", "team/x", true),
            ("quay.io/v22", "quay.io", "team/x", false),
            ("https://index.docker.io/v1/", "docker.io", "library/nginx", true),
            ("docker.io", "docker.io", "library/nginx", true),
            ("index.docker.io", "docker.io", "acme/x", true),
            ("index.docker.io", "quay.io", "acme/x", false),
        ] {
            assert_eq!(
                !users(&[secret(&[(key, "u")])], host, repository).is_empty(),
                fits,
                "{key} {host}/{repository}"
            );
        }
    }

    #[test]
    fn narrow_keys_come_first_and_secrets_in_their_order() {
        let one = secret(&[("quay.io", "wide"), ("*.io", "glob"), ("quay.io/team", "narrow")]);
        let two = secret(&[("quay.io", "second"), ("quay.io/team/shop", "narrowest")]);
        assert_eq!(users(&[one, two], "quay.io", "team/shop"), ["narrowest", "narrow", "wide", "second"]);
        let same = secret(&[("quay.io", "u")]);
        assert_eq!(users(&[same.clone(), same], "quay.io", "x"), ["u"]);
    }

    proptest::proptest! {
        #[test]
        fn any_key_fits_or_does_not(name in "\\PC{0,40}", host in "[a-z0-9.:\\[\\]]{0,20}") {
            if let Some(key) = key(&name) {
                let (labels, port) = labels_and_port(&host);
                let _ = key.fits(&labels, &port, "/x");
            }
        }

        #[test]
        fn globs_fit_what_they_were_made_from(text in "[ab]{0,8}", from in 0usize..9, to in 0usize..9) {
            let (from, to) = (from.min(text.len()), to.min(text.len()));
            let (from, to) = (from.min(to), from.max(to));
            let glob = format!("{}*{}", &text[..from], &text[to..]);
            proptest::prop_assert!(glob_fits(glob.as_bytes(), text.as_bytes()));
        }
    }
}
