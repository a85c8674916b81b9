//! Files that exist to hold credentials, known by name. In: path and text. Out: the credentials in them.

use plimsoll_model::Severity;

use super::score::{base64, is_placeholder};
use super::{MAX_PER_FILE, Secret};

/// One kind of credential file.
pub struct KnownFile {
    pub what: &'static str,
    pub severity: Severity,
    pub is: fn(&str) -> bool,
    /// The secret parts of the text, as slices of it.
    pub read: for<'a> fn(&'a str) -> Vec<&'a str>,
}

/// Every kind.
pub const FILES: &[KnownFile] = &[
    KnownFile { what: "a registry login", severity: Severity::Critical, is: is_docker_config, read: docker_config },
    KnownFile {
        what: "an npm registry login",
        severity: Severity::High,
        is: |path| is_named(path, ".npmrc"),
        read: npmrc,
    },
    KnownFile {
        what: "a package index login",
        severity: Severity::High,
        is: |path| is_named(path, ".pypirc"),
        read: pypirc,
    },
    KnownFile {
        what: "a login",
        severity: Severity::High,
        is: |path| is_named(path, ".netrc") || is_named(path, "_netrc"),
        read: netrc,
    },
    KnownFile {
        what: "a PostgreSQL login",
        severity: Severity::High,
        is: |path| is_named(path, ".pgpass"),
        read: pgpass,
    },
    KnownFile { what: "a cluster login", severity: Severity::Critical, is: is_kubeconfig, read: kubeconfig },
    KnownFile { what: "a password hash", severity: Severity::Medium, is: |path| path == "etc/shadow", read: shadow },
];

/// The longest credential file that makes sense, in bytes.
const MAX_TEXT: usize = 1 << 20;

/// The credentials of a file that is known by name.
pub fn secrets(path: &str, text: &str) -> Vec<Secret> {
    if text.len() > MAX_TEXT {
        return Vec::new();
    }
    let known = FILES.iter().filter(|file| (file.is)(path));
    known
        .flat_map(|file| {
            (file.read)(text).into_iter().filter(|value| !value.is_empty() && !is_placeholder(value)).map(|value| {
                Secret {
                    what: file.what,
                    severity: file.severity,
                    value: value.to_owned(),
                    at: value.as_ptr() as usize - text.as_ptr() as usize,
                }
            })
        })
        .take(MAX_PER_FILE)
        .collect()
}

fn is_named(path: &str, name: &str) -> bool {
    path == name || path.strip_suffix(name).is_some_and(|folder| folder.ends_with('/'))
}

fn is_docker_config(path: &str) -> bool {
    is_named(path, ".docker/config.json")
        || is_named(path, ".dockercfg")
        || is_named(path, ".dockerconfigjson")
        || is_named(path, "containers/auth.json")
}

/// `auths.HOST.auth` is base64 of `user:password`; `identitytoken` is a token.
fn docker_config(text: &str) -> Vec<&str> {
    let Ok(document) = serde_json::from_str::<serde_json::Value>(text) else { return Vec::new() };
    let auths = document.get("auths").unwrap_or(&document);
    let Some(hosts) = auths.as_object() else { return Vec::new() };
    hosts
        .values()
        .flat_map(|host| ["auth", "identitytoken", "password", "registrytoken"].map(|field| (field, host.get(field))))
        .filter_map(|(field, value)| Some((field, value?.as_str()?)))
        .filter(|(field, value)| *field != "auth" || is_basic_auth(value))
        .take(MAX_PER_FILE)
        // The place in the text; a value with escapes in it has none, and no login has.
        .filter_map(|(_, value)| text.find(value).map(|at| &text[at..at + value.len()]))
        .collect()
}

fn is_basic_auth(value: &str) -> bool {
    base64(value, 4096).is_some_and(|bytes| match String::from_utf8(bytes) {
        Ok(login) => {
            login.split_once(':').is_some_and(|(_, password)| !password.is_empty() && !is_placeholder(password))
        }
        Err(_) => false,
    })
}

/// Values of `key = value` lines whose key ends in one of `keys`.
fn values<'a>(text: &'a str, keys: &[&str]) -> Vec<&'a str> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with(['#', ';']))
        .filter_map(|line| line.split_once('='))
        .filter(|(key, _)| keys.iter().any(|known| key.trim().ends_with(known)))
        .map(|(_, value)| value.trim().trim_matches(['"', '\'']))
        .collect()
}

fn npmrc(text: &str) -> Vec<&str> {
    values(text, &["_authToken", "_auth", "_password"])
}

fn pypirc(text: &str) -> Vec<&str> {
    values(text, &["password"])
}

fn netrc(text: &str) -> Vec<&str> {
    let mut words = text.lines().filter(|line| !line.trim_start().starts_with('#')).flat_map(str::split_whitespace);
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        if word == "password" {
            found.extend(words.next());
        }
    }
    found
}

/// `host:port:database:user:password`, colons in it escaped.
fn pgpass(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.splitn(5, ':').nth(4)).map(str::trim).collect()
}

fn is_kubeconfig(path: &str) -> bool {
    is_named(path, ".kube/config")
        || path.ends_with(".kubeconfig")
        || path.starts_with("etc/kubernetes/") && path.ends_with(".conf")
        || is_named(path, "kubeconfig")
}

fn kubeconfig(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.trim_start().trim_start_matches("- ").split_once(':'))
        .filter(|(key, _)| matches!(*key, "client-key-data" | "token" | "password"))
        .map(|(_, value)| value.trim().trim_matches(['"', '\'']))
        .collect()
}

/// Hashes of passwords that may be used: `*` and `!` lock an account.
fn shadow(text: &str) -> Vec<&str> {
    let hashes = text.lines().filter_map(|line| line.split(':').nth(1));
    // `$y$…` would read as a variable: the hash counts without its marker.
    hashes.filter_map(|hash| hash.strip_prefix('$')).filter(|hash| hash.len() > 8).collect()
}
