//! Kubeconfig files. In: bytes and the name of a context. Out: where its server is and how to sign in there. What it does
//! not do: run programs for credentials, skip the check of certificates, merge several files.
//! <https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/>

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_yaml::{Fault, FaultKind, Node};

use crate::cluster::access::{Access, Identity, Token};
use crate::cluster::error::ClusterError;

/// A kubeconfig. One of hundreds of clusters with their certificates has a megabyte.
pub const MAX_FILE: u64 = 4 << 20;

/// What one context says, before the files that it names were read.
#[derive(Clone)]
pub struct Kubeconfig {
    server: String,
    tls_server_name: Option<String>,
    ca: Option<Pem>,
    user: User,
}

/// Nobody, where the context names no user.
#[derive(Clone, Default)]
struct User {
    certificate: Option<Pem>,
    key: Option<Pem>,
    token: Option<Token>,
}

impl fmt::Debug for Kubeconfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kubeconfig({})", self.server)
    }
}

#[derive(Clone)]
enum Pem {
    Here(Vec<u8>),
    File(PathBuf),
}

/// What we would have to do otherwise, and what to do instead.
const REFUSED_USER: [(&str, &str); 5] = [
    ("exec", "it wants a program run for credentials: give a token, a token file or a client certificate"),
    (
        "auth-provider",
        "it wants an auth-provider, which Kubernetes itself gave up: give a token or a client certificate",
    ),
    ("username", "it signs in with a password, which API servers no longer take: give a token or a client certificate"),
    ("as", "it acts as somebody else (`as`): give that user's own credentials"),
    ("as-uid", "it acts as somebody else (`as-uid`): give that user's own credentials"),
];

/// What a context says: `context`, or the file's current one.
///
/// # Errors
/// In words, when there is no such context, it leads nowhere, or wants what we do not do.
pub fn kubeconfig(bytes: &[u8], context: Option<&str>) -> Result<Kubeconfig, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text".to_owned())?;
    let root = plimsoll_yaml::plain_document(text).map_err(|fault| unread(&fault))?.ok_or("it is empty")?;
    let context = context
        .or_else(|| string(&root, "current-context"))
        .ok_or("it has no current-context: name one with `kubectl config use-context NAME`")?;
    let entry = named(&root, "contexts", "context", context)?;
    let cluster = string(entry, "cluster").ok_or_else(|| format!("the context {context:?} names no cluster"))?;
    let cluster = named(&root, "clusters", "cluster", cluster)?;
    let server = string(cluster, "server").ok_or("the cluster has no server")?.to_owned();
    if string(cluster, "insecure-skip-tls-verify").is_some_and(|value| !matches!(value, "false" | "False" | "FALSE")) {
        return Err("it skips the check of the server's certificate: give certificate-authority instead".into());
    }
    if string(cluster, "proxy-url").is_some() {
        return Err("it names a proxy-url, which is not read: set HTTPS_PROXY instead".into());
    }
    Ok(Kubeconfig {
        server,
        tls_server_name: string(cluster, "tls-server-name").map(str::to_owned),
        ca: pem(cluster, "certificate-authority")?,
        user: match string(entry, "user") {
            Some(name) => user(named(&root, "users", "user", name)?)?,
            None => User::default(),
        },
    })
}

/// In words that quote nothing of the file, which has secrets in it: a fault's line is enough.
fn unread(fault: &Fault) -> String {
    let what = match fault.kind {
        FaultKind::Syntax => "it is not YAML",
        FaultKind::DuplicateKey => "a key stands twice in one mapping",
        FaultKind::Bound | FaultKind::Unread => &fault.message,
    };
    format!("{what} (line {})", fault.line)
}

fn user(node: &Node) -> Result<User, String> {
    for (key, why) in REFUSED_USER {
        if node.get(key).is_some_and(|value| value.text().is_none() || value.string().is_some()) {
            return Err(why.into());
        }
    }
    let (certificate, key) = (pem(node, "client-certificate")?, pem(node, "client-key")?);
    if certificate.is_some() != key.is_some() {
        return Err("a client certificate and its key go together: one of them is missing".into());
    }
    // As kubectl has it, the file counts when there are both.
    let token = match (string(node, "tokenFile"), string(node, "token")) {
        (Some(file), _) => Some(Token::File(file.into())),
        (None, token) => token.map(|token| Token::Literal(token.to_owned())),
    };
    Ok(User { certificate, key, token })
}

/// The text under `key` that is set.
fn string<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.get(key)?.string()
}

/// The entry of that name in one of the lists `clusters`, `users`, `contexts`.
fn named<'a>(root: &'a Node, list: &str, kind: &str, name: &str) -> Result<&'a Node, String> {
    let mut entries = root.get(list).into_iter().flat_map(|list| list.items());
    let entry = entries.find(|entry| string(entry, "name") == Some(name)).and_then(|entry| entry.get(kind));
    entry.map(|entry| &**entry).ok_or_else(|| format!("there is no {kind} named {name:?} in it"))
}

/// `KEY-data`, or the file that `KEY` names.
fn pem(node: &Node, key: &str) -> Result<Option<Pem>, String> {
    match (string(node, &format!("{key}-data")), string(node, key)) {
        (Some(data), _) => {
            let data: String = data.split_whitespace().collect();
            STANDARD.decode(data).map(|bytes| Some(Pem::Here(bytes))).map_err(|_| format!("{key}-data is not base64"))
        }
        (None, file) => Ok(file.map(|file| Pem::File(file.into()))),
    }
}

impl Kubeconfig {
    /// Reads the files that it names. Relative paths begin at the kubeconfig's own `folder`.
    pub(crate) fn load(
        self,
        read: impl Fn(&Path) -> Result<Vec<u8>, ClusterError>,
        folder: &Path,
    ) -> Result<Access, ClusterError> {
        let bytes = |pem: Option<Pem>| {
            let read = |pem| match pem {
                Pem::Here(bytes) => Ok(bytes),
                Pem::File(path) => read(&path),
            };
            pem.map(read).transpose()
        };
        let identity = match (bytes(self.user.certificate)?, bytes(self.user.key)?) {
            (Some(certificate_pem), Some(key_pem)) => Some(Identity { certificate_pem, key_pem }),
            _ => None,
        };
        let token = self.user.token.map(|token| match token {
            Token::File(path) => Token::File(folder.join(path)),
            literal => literal,
        });
        let ca_pem = bytes(self.ca)?;
        Ok(Access { server: self.server, ca_pem, tls_server_name: self.tls_server_name, token, identity })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(cluster: &str, user: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: \"here\"\npreferences: {{}}\n\
             contexts:\n- context: {{cluster: c, user: u, namespace: n}}\n  name: here\n- name: nowhere\n  context: {{cluster: x}}\n\
             clusters:\n- cluster:\n    server: https://10.0.0.1:6443\n{cluster}  name: c\n\
             users:\n- name: u\n  user:\n{user}    x: y\n"
        )
    }

    fn access(cluster: &str, user: &str) -> Result<Access, String> {
        let read = |path: &Path| Ok(path.display().to_string().into_bytes());
        kubeconfig(config(cluster, user).as_bytes(), None)?
            .load(read, Path::new("/home/me/.kube"))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn files_and_data_are_read() {
        let read = access(
            "    certificate-authority: ca.pem\n    tls-server-name: kubernetes\n",
            "    client-certificate-data: Y2VydA==\n    client-key: /k\n    tokenFile: t\n    token: x\n",
        )
        .unwrap();
        assert_eq!(read.server, "https://10.0.0.1:6443");
        assert_eq!(read.ca_pem.unwrap(), b"ca.pem");
        assert_eq!(read.tls_server_name.unwrap(), "kubernetes");
        let identity = read.identity.unwrap();
        assert_eq!((identity.certificate_pem, identity.key_pem), (b"cert".to_vec(), b"/k".to_vec()));
        assert!(matches!(read.token, Some(Token::File(path)) if path == Path::new("/home/me/.kube/t")));
        assert!(matches!(access("", "    token: t\n").unwrap().token, Some(Token::Literal(token)) if token == "t"));
        let json = r#"{"current-context":"a","contexts":[{"name":"a","context":{"cluster":"c"}}],"clusters":[{"name":"c","cluster":{"server":"https://x"}}]}"#;
        assert!(kubeconfig(json.as_bytes(), None).is_ok(), "JSON is YAML, and a context needs no user");
    }

    #[test]
    fn what_is_not_done_is_said() {
        for (cluster, user, words) in [
            ("    insecure-skip-tls-verify: true\n", "", "skips the check"),
            ("    insecure-skip-tls-verify: \"yes\"\n", "", "skips the check"),
            ("    proxy-url: http://p\n", "", "HTTPS_PROXY"),
            ("", "    exec: {command: aws}\n", "program"),
            ("", "    auth-provider: {name: gcp}\n", "auth-provider"),
            ("", "    username: u\n    password: hunter2\n", "password"),
            ("", "    as: root\n", "somebody else"),
            ("", "    client-key: k\n", "go together"),
            ("", "    client-key-data: '!'\n", "client-key-data is not base64"),
            ("", "    token: &a hunter2\n    tokenFile: *a\n", "aliases"),
            ("", "    token: !!str hunter2\n", "tags"),
            ("", "    <<: {token: hunter2}\n", "merge keys"),
            ("", "    hunter2: a\n    hunter2: b\n", "twice"),
            ("", "    token: a\n    token: hunter2\n", "twice"),
            ("", "    token: [\n", "not YAML"),
        ] {
            let error = access(cluster, user).unwrap_err();
            assert!(error.contains(words) && !error.contains("hunter2"), "{cluster}{user}: {error}");
        }
        assert!(access("    insecure-skip-tls-verify: false\n", "    exec: null\n").is_ok());
        for (text, context, words) in [
            ("", None, "empty"),
            ("a: 1", None, "no current-context"),
            ("current-context: a", None, "no context named \"a\""),
            (&*config("", ""), Some("nowhere"), "no cluster named \"x\""),
            ("a: 1\n---\nb: 1", None, "second document"),
            ("? [a]\n: b", None, "no current-context"),
            (&*format!("{}{}", "[".repeat(140), "]".repeat(140)), None, "deeper"),
        ] {
            let error = kubeconfig(text.as_bytes(), context).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert!(kubeconfig(b"\xff", None).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[ -~\\n\\t]{0,200}") {
            let _ = kubeconfig(text.as_bytes(), None);
        }
    }
}
