//! Where an image may be had. In: its full name and the user's rules. Out: places to ask, in order. The name that is
//! judged never changes: rules say where bytes come from, not what an image is called.
//!
//! Order: `--mirror` rules; then the matching entry of `registries.conf`, or else `hosts.toml`; then the registry itself.

pub mod hosts_toml;
pub mod registries_conf;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use plimsoll_model::ImageReference;

use crate::error::SourceError;
use crate::local::blobs::bounded;
use crate::registry::endpoint::{Endpoint, Scheme, usual_scheme};
use crate::registry::error::RegistryError;
use crate::sources::SourceOptions;
use hosts_toml::HostsFile;
use registries_conf::RegistriesConf;

/// A configuration file. The largest have some hundred registries.
const MAX_FILE: u64 = 1 << 20;

/// `--mirror docker.io=HOST[/PREFIX]`, `--mirror docker.io/library=http://HOST:5000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorRule {
    /// Registry, or registry and the start of the repository.
    pub prefix: String,
    pub scheme: Option<Scheme>,
    pub host: String,
    /// What stands before the rest of the repository; empty for nothing.
    pub path: String,
}

impl FromStr for MirrorRule {
    type Err = String;

    fn from_str(text: &str) -> Result<MirrorRule, String> {
        let (prefix, target) =
            text.split_once('=').ok_or_else(|| format!("{text:?} is not of the form docker.io=HOST[/PREFIX]"))?;
        let (scheme, target) = match target.split_once("://") {
            Some(("http", rest)) => (Some(Scheme::Http), rest),
            Some(("https", rest)) => (Some(Scheme::Https), rest),
            Some((other, _)) => return Err(format!("{other}:// is neither https:// nor http://")),
            None => (None, target),
        };
        let (host, path) = target.split_once('/').unwrap_or((target, ""));
        let path = path.trim_matches('/');
        let prefix = prefix.trim_end_matches('/');
        // Any repository will do for the check of host and path.
        let sample: ImageReference = "docker.io/library/x".parse().map_err(|error| format!("{error}"))?;
        sample.at(host, &joined(path, "x")).map_err(|error| format!("{target:?}: {error}"))?;
        if prefix.is_empty() {
            return Err(format!("{text:?} names no registry before the '='"));
        }
        Ok(MirrorRule { prefix: prefix.to_owned(), scheme, host: host.to_owned(), path: path.to_owned() })
    }
}

/// The user's rules.
#[derive(Debug, Clone, Default)]
pub struct Mirrors {
    rules: Vec<MirrorRule>,
    registries: Option<(PathBuf, RegistriesConf)>,
    hosts_dir: Option<PathBuf>,
    plain_http: Vec<String>,
    skip_verify: Vec<String>,
}

impl Mirrors {
    /// Reads the files that the options name.
    ///
    /// # Errors
    /// When one is missing or malformed: a mirror that is silently left out is a pull from the wrong place.
    pub fn read(options: &SourceOptions) -> Result<Mirrors, SourceError> {
        let path = options.registries_conf.as_ref().or(options.environment.registries_conf.as_ref());
        let registries = path.map(|path| read_registries(path).map(|conf| (path.clone(), conf))).transpose()?;
        if let Some(folder) = options.hosts_dir.as_ref().filter(|folder| !folder.is_dir()) {
            let why = "it is not a folder".into();
            return Err(SourceError::Malformed { what: format!("hosts folder {}", folder.display()), why });
        }
        Ok(Mirrors {
            rules: options.mirrors.clone(),
            registries,
            hosts_dir: options.hosts_dir.clone(),
            plain_http: options.plain_http.clone(),
            skip_verify: options.skip_verify.clone(),
        })
    }

    /// The places that may have `reference`, the first to be asked first.
    ///
    /// # Errors
    /// When the registry is blocked, or a rule for it cannot be read.
    pub fn endpoints(&self, reference: &ImageReference) -> Result<Vec<Endpoint>, RegistryError> {
        let name = reference.name();
        let mut places = vec![];
        for rule in &self.rules {
            let Some(rest) = below(&name, &rule.prefix) else { continue };
            // A mirror of a whole registry keeps the repository; one of a namespace, what comes below it.
            let mut place = endpoint(reference, &rule.host, &joined(&rule.path, rest))?;
            if let Some(scheme) = rule.scheme {
                place.scheme = scheme;
            }
            place.takes_pushes = false;
            places.push(place);
        }
        let by_conf = match &self.registries {
            Some((path, conf)) => conf.endpoints(reference, &path.display().to_string())?,
            None => None,
        };
        let by_hosts = match (&by_conf, &self.hosts_dir) {
            (None, Some(folder)) => self.hosts_file(folder, reference)?,
            _ => None,
        };
        match (by_conf, by_hosts) {
            (Some(listed), _) => places.extend(listed),
            (None, Some((file, folder))) => places.extend(file.endpoints(reference, &folder)?),
            (None, None) => places.push(Endpoint::registry(reference.registry(), reference.repository())),
        }
        for place in &mut places {
            self.trust(place);
        }
        let mut unique: Vec<Endpoint> = vec![];
        for place in places {
            // One place by two rules is asked once; it takes pushes where one of them says so.
            let same =
                |known: &&mut Endpoint| Endpoint { takes_pushes: place.takes_pushes, ..(**known).clone() } == place;
            match unique.iter_mut().find(same) {
                Some(known) => known.takes_pushes |= place.takes_pushes,
                None => unique.push(place),
            }
        }
        Ok(unique)
    }

    /// The registry itself, which is the one that is written to, as the rules say to speak to it.
    ///
    /// # Errors
    /// As [`Mirrors::endpoints`]: what is blocked is not written to either. Nor is what the rules lead elsewhere: neither place
    /// would be the one that somebody meant.
    pub fn registry(&self, reference: &ImageReference) -> Result<Endpoint, RegistryError> {
        let named = Endpoint::registry(reference.registry(), reference.repository());
        let at = |place: &Endpoint| format!("{}{}/{}", place.host, place.base, place.repository);
        let elsewhere = |to: String| Err(RegistryError::Elsewhere { host: reference.registry().to_owned(), to });
        let mut places = self.endpoints(reference)?;
        places.retain(|place| place.takes_pushes);
        if let Some(other) = places.iter().find(|place| at(place) != at(&named)) {
            return elsewhere(at(other));
        }
        places.into_iter().next().map_or_else(|| elsewhere("nowhere: no host of it takes pushes".into()), Ok)
    }

    /// What the user allowed for a host.
    fn trust(&self, place: &mut Endpoint) {
        let named = |hosts: &[String]| hosts.contains(&place.host) || hosts.contains(&place.credentials_of);
        let (plain, skip) = (named(&self.plain_http), named(&self.skip_verify));
        if plain {
            place.scheme = Scheme::Http;
        }
        place.skip_verify |= skip;
    }

    /// `HOST/hosts.toml`, or `_default/hosts.toml`.
    fn hosts_file(
        &self,
        folder: &Path,
        reference: &ImageReference,
    ) -> Result<Option<(HostsFile, PathBuf)>, RegistryError> {
        let registry = reference.registry();
        // containerd also looks for names that a file system without colons can hold.
        let names = [registry.to_owned(), format!("{}_", registry.replace(':', "_")), "_default".to_owned()];
        for name in names {
            let folder = folder.join(name);
            let path = folder.join("hosts.toml");
            let failed = |why: String| RegistryError::BadAnswer {
                host: registry.to_owned(),
                what: path.display().to_string(),
                why,
            };
            let file = match std::fs::File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error.to_string())),
            };
            let bytes = bounded(file, "hosts.toml", MAX_FILE).map_err(|error| failed(crate::error::chain(&error)))?;
            return Ok(Some((hosts_toml::hosts_file(&bytes).map_err(failed)?, folder)));
        }
        Ok(None)
    }
}

/// The conf and what lies in the folder `registries.conf.d` beside it, later files adding to earlier ones.
fn read_registries(path: &Path) -> Result<RegistriesConf, SourceError> {
    let mut paths = vec![path.to_owned()];
    let mut folder = path.as_os_str().to_owned();
    folder.push(".d");
    if let Ok(entries) = std::fs::read_dir(Path::new(&folder)) {
        let mut more: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "conf"))
            .collect();
        more.sort();
        paths.extend(more);
    }
    let mut conf = RegistriesConf::default();
    for path in paths {
        let what = path.display().to_string();
        let file =
            std::fs::File::open(&path).map_err(|source| SourceError::Io { what: format!("open {what}"), source })?;
        let bytes = bounded(file, &what, MAX_FILE)?;
        conf.add(registries_conf::registries_conf(&bytes).map_err(|why| SourceError::Malformed { what, why })?);
    }
    Ok(conf)
}

/// What of `name` comes below `prefix`, without the slash; `None` when it is not below it.
pub(crate) fn below<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = name.strip_prefix(prefix)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

/// Two parts of a repository with a slash between, either of which may be empty.
pub(crate) fn joined(front: &str, back: &str) -> String {
    match (front.is_empty(), back.is_empty()) {
        (true, _) => back.to_owned(),
        (_, true) => front.to_owned(),
        _ => format!("{front}/{back}"),
    }
}

/// A place after its name was checked, so that no rule can write anything into an address.
pub(crate) fn endpoint(reference: &ImageReference, host: &str, repository: &str) -> Result<Endpoint, RegistryError> {
    reference.at(host, repository).map_err(|error| RegistryError::BadAnswer {
        host: reference.registry().to_owned(),
        what: format!("the mirror {host}/{repository}"),
        why: error.to_string(),
    })?;
    Ok(Endpoint { scheme: usual_scheme(host), ..Endpoint::registry(host, repository) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(mirrors: &Mirrors, name: &str) -> Vec<String> {
        let reference = name.parse().unwrap();
        let places = mirrors.endpoints(&reference).unwrap();
        places.iter().map(|p| format!("{:?} {}{}/{}", p.scheme, p.host, p.base, p.repository)).collect()
    }

    #[test]
    fn mirror_rules_come_first_and_the_registry_last() {
        let mirrors = Mirrors {
            rules: vec![
                "docker.io=localhost:5000/hub".parse().unwrap(),
                "docker.io/library=http://mirror.example".parse().unwrap(),
                "quay.io=other.example".parse().unwrap(),
            ],
            ..Mirrors::default()
        };
        assert_eq!(
            places(&mirrors, "nginx:1.21"),
            [
                "Either localhost:5000/v2/hub/library/nginx",
                "Http mirror.example/v2/nginx",
                "Https registry-1.docker.io/v2/library/nginx",
            ]
        );
        assert_eq!(places(&mirrors, "quay.io/a/b"), ["Https other.example/v2/a/b", "Https quay.io/v2/a/b"]);
        assert_eq!(places(&mirrors, "quay.io.example/a"), ["Https quay.io.example/v2/a"]);
    }

    #[test]
    fn what_rules_lead_elsewhere_is_not_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let conf = r#"
            [[registry]]
            prefix = "moved.example"
            location = "new.example/a"
            [[registry]]
            location = "lan.example"
            insecure = true
            [[registry.mirror]]
            location = "copy.example"
        "#;
        for (host, text) in [
            ("server.example", "server = \"https://other.example\""),
            ("hosts.example", "[host.\"https://copy.example\"]"),
            ("closed.example", "capabilities = [\"pull\"]\nserver = \"https://closed.example\""),
            (
                "pulls.example",
                "ca = \"a.pem\"\n[host.\"https://copy.example\"]\ncapabilities = [\"pull\", \"resolve\"]",
            ),
        ] {
            std::fs::create_dir(folder.path().join(host)).unwrap();
            std::fs::write(folder.path().join(host).join("hosts.toml"), text).unwrap();
        }
        let mirrors = Mirrors {
            rules: vec!["plain.example=copy.example".parse().unwrap()],
            registries: Some(("x.conf".into(), registries_conf::registries_conf(conf.as_bytes()).unwrap())),
            hosts_dir: Some(folder.path().to_owned()),
            ..Mirrors::default()
        };
        let place = |name: &str| mirrors.registry(&name.parse().unwrap());
        for (host, to) in [
            ("moved.example", "new.example/v2/a/p"),
            ("server.example", "other.example/v2/p"),
            ("hosts.example", "copy.example/v2/p"),
            ("closed.example", "nowhere"),
        ] {
            let error = place(&format!("{host}/p:v1")).unwrap_err().to_string();
            assert!(error.contains(host) && error.contains(to), "{error}");
        }
        for host in ["lan.example", "pulls.example", "plain.example"] {
            assert_eq!(place(&format!("{host}/p:v1")).unwrap().host, host);
        }
        assert!(place("lan.example/p").unwrap().skip_verify && !place("pulls.example/p").unwrap().ca.is_empty());
    }

    #[test]
    fn bad_rules_say_what_is_wrong() {
        for text in
            ["docker.io", "=x", "docker.io=ftp://x", "docker.io=", "docker.io=a b", "docker.io=x/../y", "docker.io=x?y"]
        {
            assert!(text.parse::<MirrorRule>().is_err(), "{text}");
        }
    }

    #[test]
    fn plain_http_is_for_the_named_host_only() {
        let mirrors = Mirrors { plain_http: vec!["lan.example:5000".into()], ..Mirrors::default() };
        assert_eq!(places(&mirrors, "lan.example:5000/a"), ["Http lan.example:5000/v2/a"]);
        assert_eq!(places(&mirrors, "lan.example/a"), ["Https lan.example/v2/a"]);
    }
}
