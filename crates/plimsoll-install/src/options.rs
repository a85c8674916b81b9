//! What the administrator may choose. In: words of a command line. Out: values that are checked against strict grammars,
//! so that nothing in them can end a line, a quote or a key of the files that they are written into.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use plimsoll_model::ImageReference;

/// Why a word cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is no {what}: {rule}")]
pub struct OptionError {
    pub word: String,
    pub what: &'static str,
    pub rule: &'static str,
}

fn refused(word: &str, what: &'static str, rule: &'static str) -> OptionError {
    OptionError { word: word.chars().take(80).collect(), what, rule }
}

/// How the API server asks the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Road {
    /// ImagePolicyWebhook: a plugin of the API server, set up by files on the control plane.
    ImagePolicy,
    /// Validating and mutating webhooks, set up by objects in the cluster.
    Webhook,
    /// The same webhooks, set up by files on the control plane (`staticManifestsDir`).
    Static,
    /// A folder for each.
    All,
}

impl Road {
    pub fn image_policy(self) -> bool {
        matches!(self, Road::ImagePolicy | Road::All)
    }

    pub fn webhook(self) -> bool {
        matches!(self, Road::Webhook | Road::All)
    }

    pub fn by_file(self) -> bool {
        matches!(self, Road::Static | Road::All)
    }
}

/// A DNS label: names of namespaces and Services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label(String);

fn is_label(word: &str) -> bool {
    let letters = word.as_bytes();
    (1..=63).contains(&letters.len())
        && letters.iter().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == b'-')
        && letters[0] != b'-'
        && letters[letters.len() - 1] != b'-'
}

impl FromStr for Label {
    type Err = OptionError;

    fn from_str(word: &str) -> Result<Label, OptionError> {
        // A name of digits alone would be read as a number wherever it stands without quotes, and a Service may not
        // start with one.
        if is_label(word) && word.starts_with(|c: char| c.is_ascii_lowercase()) && !is_yaml_word(word) {
            return Ok(Label(word.to_owned()));
        }
        Err(refused(
            word,
            "name for Kubernetes",
            "lower-case letters, digits and hyphens, at most 63, starting with a letter",
        ))
    }
}

/// Words that YAML readers take for something else than text.
fn is_yaml_word(word: &str) -> bool {
    matches!(word, "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n")
}

/// An absolute path on the machine of the API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodePath(String);

impl FromStr for NodePath {
    type Err = OptionError;

    fn from_str(word: &str) -> Result<NodePath, OptionError> {
        let path = word.strip_suffix('/').unwrap_or(word);
        let parts = path.strip_prefix('/').map(|rest| rest.split('/'));
        let plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-'))
        };
        // The folder is given to the server and taken back whole: it must be nobody else's.
        const SHARED: [&str; 3] = ["/etc/kubernetes", "/etc/kubernetes/manifests", "/etc/kubernetes/pki"];
        if SHARED.contains(&path) || path.matches('/').count() == 1 {
            return Err(refused(
                word,
                "folder of its own",
                "a folder that holds nothing else, as /etc/kubernetes/plimsoll",
            ));
        }
        if word.len() <= 200 && parts.is_some_and(|mut parts| parts.all(plain)) {
            return Ok(NodePath(path.to_owned()));
        }
        Err(refused(
            word,
            "folder on the control plane",
            "an absolute path of letters, digits, `.`, `_` and `-`, with no part that starts with a dot",
        ))
    }
}

/// An image's name, as it stands in a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageName {
    text: String,
    name: String,
}

impl ImageName {
    /// Registry and repository, written out in full.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for ImageName {
    type Err = OptionError;

    fn from_str(word: &str) -> Result<ImageName, OptionError> {
        let plain =
            word.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-' | b'/' | b':' | b'@'));
        match word.parse::<ImageReference>() {
            Ok(reference) if plain => Ok(ImageName { text: word.to_owned(), name: reference.name() }),
            _ => Err(refused(word, "image name", "write it as [registry/]repository[:tag][@digest]")),
        }
    }
}

/// A name or address that the server's certificate speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum San {
    Name(String),
    Address(IpAddr),
}

impl FromStr for San {
    type Err = OptionError;

    fn from_str(word: &str) -> Result<San, OptionError> {
        if let Ok(address) = word.parse() {
            return Ok(San::Address(address));
        }
        let labels = word.strip_prefix("*.").unwrap_or(word);
        if word.len() <= 253 && labels.split('.').all(is_label) {
            return Ok(San::Name(word.to_owned()));
        }
        Err(refused(word, "DNS name or IP address", "lower-case letters, digits, hyphens and dots, or an address"))
    }
}

impl fmt::Display for San {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            San::Name(name) => f.write_str(name),
            San::Address(address) => write!(f, "{address}"),
        }
    }
}

macro_rules! text_of {
    ($($name:ident . $field:tt),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.$field)
            }
        }
    )*};
}
text_of!(Label.0, NodePath.0, ImageName.text);

/// The right to list and watch one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    group: String,
    resource: String,
}

impl Right {
    /// Of a group, empty for the core's, and the plural name of a resource.
    ///
    /// # Errors
    /// One of the two is no name.
    pub fn new(group: &str, resource: &str) -> Result<Right, OptionError> {
        let is_group = group.is_empty() || (group.len() <= 253 && group.split('.').all(is_label));
        if !is_group {
            return Err(refused(group, "API group", "lower-case letters, digits, hyphens and dots"));
        }
        if !is_label(resource) {
            return Err(refused(resource, "resource", "the plural name, in lower-case letters and digits"));
        }
        Ok(Right { group: group.to_owned(), resource: resource.to_owned() })
    }

    /// As a rule of a ClusterRole.
    pub(crate) fn rule(&self) -> String {
        let Right { group, resource } = self;
        format!("- apiGroups: [{group:?}]\n  resources: [{resource:?}]\n  verbs: [list, watch]\n")
    }
}

/// Everything that `install` may be told.
#[derive(Debug, Clone)]
pub struct Options {
    pub road: Road,
    /// Where the gate lives in the cluster.
    pub namespace: Label,
    /// The name of its Service, Deployment and webhooks.
    pub name: Label,
    pub image: ImageName,
    /// Where the files of the control plane will stand.
    pub config_dir: NodePath,
    /// The port that the server listens on.
    pub port: u16,
    /// Names and addresses of the server's certificate, besides its own.
    pub sans: Vec<San>,
    /// Judge pods of kube-system too.
    pub kube_system: bool,
    /// Leave for the server to read pull secrets and service accounts in the whole cluster.
    pub pull_secrets: bool,
    /// Leave for the server to list pods, whose images it then assesses before anyone asks.
    pub prewarm: bool,
    /// Let the server follow what policies look at in the cluster. A chart's values may turn it on later.
    pub follow_cluster: bool,
    /// What they look at there, for whenever it is followed; empty where nobody knows, which leaves namespaces.
    pub follow: Vec<Right>,
    /// Ask about deletions, too.
    pub deletions: bool,
    /// The vulnerability database's repository, fetched when the server starts.
    pub database: Option<ImageName>,
    /// The LoadLine to install, already read without a fault; else a first one.
    pub policy: Option<String>,
    pub authority_days: u16,
    pub leaf_days: u16,
}

impl Options {
    /// All the names by which the API server may call the server.
    pub fn all_sans(&self) -> Vec<San> {
        let Options { namespace, name, .. } = self;
        let mut all = vec![
            San::Name(format!("{name}.{namespace}.svc")),
            San::Name(format!("{name}.{namespace}.svc.cluster.local")),
            San::Name("localhost".to_owned()),
            San::Address(IpAddr::from([127, 0, 0, 1])),
            San::Address(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])),
        ];
        for san in &self.sans {
            if !all.contains(san) {
                all.push(san.clone());
            }
        }
        all
    }
}

#[cfg(test)]
impl Default for Options {
    fn default() -> Options {
        Options {
            road: Road::All,
            namespace: "plimsoll-system".parse().unwrap(),
            name: "plimsoll".parse().unwrap(),
            image: "plimsoll:0.1.0".parse().unwrap(),
            config_dir: "/etc/kubernetes/plimsoll".parse().unwrap(),
            port: 1323,
            sans: Vec::new(),
            kube_system: false,
            pull_secrets: false,
            prewarm: false,
            follow_cluster: false,
            follow: Vec::new(),
            deletions: false,
            database: None,
            policy: None,
            authority_days: 3650,
            leaf_days: 365,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_would_leave_their_place_in_a_file_are_refused() {
        for word in
            ["x\n- evil", "x: y", "\"x\"", "a b", "{{ .Values.x }}", "$(id)", "`id`", "x#", "", "-x", "X", "true", "1"]
        {
            assert!(word.parse::<Label>().is_err(), "{word:?}");
        }
        for word in ["etc/x", "/etc/../x", "/etc/x\n- y", "/etc/x y", "/etc//x", "/etc/$HOME", "/", "/etc/:x", "/.ssh"]
        {
            assert!(word.parse::<NodePath>().is_err(), "{word:?}");
        }
        for word in ["x y", "x\ny", "x: y", "plimsoll:v1\n        - --evil", "a@b", "", "{{x}}", "x#y"] {
            assert!(word.parse::<ImageName>().is_err(), "{word:?}");
        }
        for word in ["x y", "a..b", "-a.b", "a.b\n", "*.*.a", "a:1", "*"] {
            assert!(word.parse::<San>().is_err(), "{word:?}");
        }
    }

    #[test]
    fn rights_are_to_names_alone() {
        for (group, resource) in
            [("a\"]\n- b", "x"), ("", "x, secrets"), ("", "*"), ("*", "x"), ("", ""), ("a..b", "x"), ("", "X")]
        {
            assert!(Right::new(group, resource).is_err(), "{group:?} {resource:?}");
        }
        assert!(Right::new("networking.k8s.io", "ingresses").is_ok() && Right::new("", "namespaces").is_ok());
    }

    #[test]
    fn usual_words_are_taken() {
        assert_eq!("plimsoll-system".parse::<Label>().unwrap().to_string(), "plimsoll-system");
        assert_eq!("/etc/kubernetes/plimsoll/".parse::<NodePath>().unwrap().to_string(), "/etc/kubernetes/plimsoll");
        assert_eq!("plimsoll:0.1.0".parse::<ImageName>().unwrap().name(), "docker.io/library/plimsoll");
        assert_eq!("::1".parse::<San>().unwrap(), San::Address("::1".parse().unwrap()));
        assert!("*.gate.example.com".parse::<San>().is_ok());
    }
}
