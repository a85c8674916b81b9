//! `containers-registries.conf`, version 2. In: TOML bytes. Out: rewrites and mirrors per prefix.
//! <https://github.com/containers/image/blob/main/docs/containers-registries.conf.5.md>
//! Search lists for short names are not followed: a short name means `docker.io` here, so that one name is one image.

use plimsoll_model::ImageReference;
use serde::Deserialize;

use crate::mirrors::{below, endpoint, joined};
use crate::registry::endpoint::{Endpoint, Scheme};
use crate::registry::error::RegistryError;

#[derive(Debug, Clone, Default, Deserialize)]
pub struct RegistriesConf {
    #[serde(default)]
    registry: Vec<Registry>,
    /// The first version's table, which this is not.
    registries: Option<toml::Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Registry {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    blocked: bool,
    #[serde(default)]
    mirror_by_digest_only: bool,
    #[serde(default)]
    mirror: Vec<Mirror>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Mirror {
    location: String,
    #[serde(default)]
    insecure: bool,
    pull_from_mirror: Option<String>,
}

/// Reads a configuration.
///
/// # Errors
/// With line and column, when it is no TOML, or of the first version, or an entry says nothing.
pub fn registries_conf(bytes: &[u8]) -> Result<RegistriesConf, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut conf: RegistriesConf = toml::from_str(text).map_err(|error| error.to_string())?;
    if conf.registries.is_some() {
        return Err("it is of version 1 ([registries.…]): write it with [[registry]] entries".into());
    }
    for registry in &mut conf.registry {
        if registry.prefix.is_empty() {
            registry.prefix.clone_from(&registry.location);
        }
        if registry.prefix.is_empty() {
            return Err("a [[registry]] has neither prefix nor location".into());
        }
        if registry.location.is_empty() && !registry.prefix.starts_with("*.") {
            registry.location.clone_from(&registry.prefix);
        }
        registry.prefix = registry.prefix.trim_end_matches('/').to_owned();
        for mirror in &registry.mirror {
            if let Some(other) =
                mirror.pull_from_mirror.as_deref().filter(|p| !matches!(*p, "all" | "digest-only" | "tag-only"))
            {
                return Err(format!("pull-from-mirror = {other:?} is none of all, digest-only, tag-only"));
            }
        }
    }
    Ok(conf)
}

impl RegistriesConf {
    /// Adds a later file, whose entries stand for earlier ones of the same prefix.
    pub fn add(&mut self, later: RegistriesConf) {
        for registry in later.registry {
            self.registry.retain(|earlier| earlier.prefix != registry.prefix);
            self.registry.push(registry);
        }
    }

    /// The places for `reference` by the entry of the longest matching prefix; `None` when there is none. `file` names the
    /// configuration in errors.
    ///
    /// # Errors
    /// When the entry blocks the registry or names no host.
    pub fn endpoints(&self, reference: &ImageReference, file: &str) -> Result<Option<Vec<Endpoint>>, RegistryError> {
        let name = reference.name();
        let matching =
            self.registry.iter().filter_map(|registry| matched(&registry.prefix, &name).map(|rest| (registry, rest)));
        let Some((registry, rest)) = matching.max_by_key(|(registry, _)| registry.prefix.len()) else {
            return Ok(None);
        };
        if registry.blocked {
            return Err(RegistryError::Blocked { prefix: registry.prefix.clone(), file: file.to_owned() });
        }
        let mut places = vec![];
        for mirror in &registry.mirror {
            let mut place = located(reference, &mirror.location, rest, mirror.insecure)?;
            let from = mirror.pull_from_mirror.as_deref().unwrap_or("all");
            place.resolves_tags = from != "digest-only" && !registry.mirror_by_digest_only;
            place.serves_digests = from != "tag-only";
            place.takes_pushes = false;
            places.push(place);
        }
        // A wildcard without a location leaves the name as it is.
        let (location, rest) =
            if registry.location.is_empty() { (name.as_str(), "") } else { (registry.location.as_str(), rest) };
        places.push(located(reference, location, rest, registry.insecure)?);
        Ok(Some(places))
    }
}

/// What of `name` comes below `prefix`, which may begin with `*.` for all subdomains.
fn matched<'a>(prefix: &str, name: &'a str) -> Option<&'a str> {
    let Some(domain) = prefix.strip_prefix("*.") else { return below(name, prefix) };
    let (domain, path) = domain.split_once('/').unwrap_or((domain, ""));
    let (host, repository) = name.split_once('/')?;
    let sub = host.strip_suffix(domain)?.strip_suffix('.')?;
    if sub.is_empty() {
        return None;
    }
    if path.is_empty() { Some(repository) } else { below(repository, path) }
}

fn located(reference: &ImageReference, location: &str, rest: &str, insecure: bool) -> Result<Endpoint, RegistryError> {
    let (host, path) = location.split_once('/').unwrap_or((location, ""));
    let mut place = endpoint(reference, host, &joined(path.trim_end_matches('/'), rest))?;
    if insecure {
        place.skip_verify = true;
        place.scheme = Scheme::Either;
    }
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONF: &str = r#"
        unqualified-search-registries = ["registry.example"]
        [[registry]]
        prefix = "docker.io"
        location = "hub.lan"
        [[registry.mirror]]
        location = "a.lan:5000/cache"
        insecure = true
        [[registry.mirror]]
        location = "b.lan"
        pull-from-mirror = "digest-only"
        [[registry]]
        prefix = "docker.io/library/redis"
        location = "redis.lan/x/redis"
        [[registry]]
        location = "evil.example"
        blocked = true
        [[registry]]
        prefix = "*.corp.example"
    "#;

    fn places(name: &str) -> Result<Vec<String>, String> {
        let conf = registries_conf(CONF.as_bytes()).unwrap();
        let found = conf.endpoints(&name.parse().unwrap(), "x.conf").map_err(|error| error.to_string())?;
        Ok(found
            .unwrap_or_default()
            .iter()
            .map(|p| format!("{:?} {}/{} {}", p.scheme, p.host, p.repository, p.resolves_tags))
            .collect())
    }

    #[test]
    fn longest_prefix_rules_and_mirrors_come_before_the_location() {
        assert_eq!(
            places("nginx").unwrap(),
            [
                "Either a.lan:5000/cache/library/nginx true",
                "Https b.lan/library/nginx false",
                "Https hub.lan/library/nginx true",
            ]
        );
        assert_eq!(places("redis:7").unwrap(), ["Https redis.lan/x/redis true"]);
        assert!(places("quay.io/a/b").unwrap().is_empty());
        assert_eq!(places("a.corp.example/b/c").unwrap(), ["Https a.corp.example/b/c true"]);
        assert!(places("corp.example/b/c").unwrap().is_empty());
        assert!(places("evil.example/x").unwrap_err().contains("blocked"));
    }

    #[test]
    fn faults_are_told() {
        for (text, words) in [
            ("[registries.search]\nregistries = []", "version 1"),
            ("[[registry]]\nblocked = true", "neither prefix nor location"),
            ("[[registry]]\nlocation = 1", "line 2"),
            (
                "[[registry]]\nlocation='a.b'\n[[registry.mirror]]\nlocation='c.d'\npull-from-mirror='x'",
                "pull-from-mirror",
            ),
        ] {
            let error = registries_conf(text.as_bytes()).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[\\[\\]a-z=\" \n.*/]{0,120}") {
            let _ = registries_conf(text.as_bytes());
        }
    }
}
