//! containerd's `hosts.toml`. In: TOML bytes. Out: the hosts to ask for one registry, in the file's order, then its server.
//! <https://github.com/containerd/containerd/blob/main/docs/hosts.md>

use std::path::{Path, PathBuf};

use plimsoll_model::ImageReference;
use serde::Deserialize;

use crate::mirrors::endpoint;
use crate::registry::endpoint::{Endpoint, Scheme, is_loopback};
use crate::registry::error::RegistryError;

/// A `hosts.toml`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct HostsFile {
    server: Option<String>,
    /// In the file's order, which is the order of asking.
    #[serde(default)]
    host: toml::Table,
    #[serde(flatten)]
    of_server: Host,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Host {
    capabilities: Option<Vec<String>>,
    ca: Option<OneOrMany>,
    #[serde(default)]
    skip_verify: bool,
    #[serde(default)]
    override_path: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(PathBuf),
    Many(Vec<PathBuf>),
}

/// Reads a `hosts.toml`.
///
/// # Errors
/// With line and column, when it is not what it should be.
pub fn hosts_file(bytes: &[u8]) -> Result<HostsFile, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let file: HostsFile = toml::from_str(text).map_err(|error| error.to_string())?;
    for (name, value) in &file.host {
        Host::deserialize(value.clone()).map_err(|error| format!("host {name:?}: {error}"))?;
    }
    Ok(file)
}

impl HostsFile {
    /// The places for `reference`; `folder` is where the file lies.
    ///
    /// # Errors
    /// When a host is no address.
    pub fn endpoints(&self, reference: &ImageReference, folder: &Path) -> Result<Vec<Endpoint>, RegistryError> {
        let mut places = vec![];
        for (name, value) in &self.host {
            // It was read once before; what cannot be read is no host with defaults.
            let host = Host::deserialize(value.clone()).map_err(|error| bad(reference, name, &error.to_string()))?;
            let mut place = host.place(reference, name, folder)?;
            place.namespace = Some(reference.registry().to_owned());
            places.push(place);
        }
        places.push(match &self.server {
            Some(server) => self.of_server.place(reference, server, folder)?,
            None => {
                let mut place = Endpoint::registry(reference.registry(), reference.repository());
                place.skip_verify = self.of_server.skip_verify;
                place.ca = self.of_server.authorities(folder);
                place
            }
        });
        Ok(places)
    }
}

fn bad(reference: &ImageReference, name: &str, why: &str) -> RegistryError {
    RegistryError::BadAnswer {
        host: reference.registry().to_owned(),
        what: format!("the host {name:?} in hosts.toml"),
        why: why.to_owned(),
    }
}

impl Host {
    fn authorities(&self, folder: &Path) -> Vec<PathBuf> {
        let files = match &self.ca {
            Some(OneOrMany::One(file)) => vec![file.clone()],
            Some(OneOrMany::Many(files)) => files.clone(),
            None => vec![],
        };
        files.into_iter().map(|file| folder.join(file)).collect()
    }

    fn place(&self, reference: &ImageReference, name: &str, folder: &Path) -> Result<Endpoint, RegistryError> {
        let (scheme, rest) = match name.split_once("://") {
            Some(("https", rest)) => (Some(Scheme::Https), rest),
            Some(("http", rest)) => (Some(Scheme::Http), rest),
            Some((other, _)) => {
                return Err(bad(reference, name, &format!("{other}:// is neither https:// nor http://")));
            }
            None => (None, name),
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_matches('/');
        if path.split('/').any(|part| part == "..") || path.contains(['?', '#', '\\', ' ']) {
            return Err(bad(reference, name, "its path is none"));
        }
        let mut place = endpoint(reference, host, reference.repository())?;
        let path = if path.is_empty() { String::new() } else { format!("/{path}") };
        place.base = if self.override_path || path.ends_with("/v2") { path } else { format!("{path}/v2") };
        place.scheme = scheme.unwrap_or(if is_loopback(host) { Scheme::Either } else { Scheme::Https });
        place.skip_verify = self.skip_verify;
        place.ca = self.authorities(folder);
        if let Some(capabilities) = &self.capabilities {
            place.resolves_tags = capabilities.iter().any(|c| c == "resolve");
            place.serves_digests = capabilities.iter().any(|c| c == "pull");
            place.takes_pushes = capabilities.iter().any(|c| c == "push");
        }
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_come_in_the_files_order_and_the_server_last() {
        let file = hosts_file(
            br#"
            server = "https://docker.io"
            [host."https://z.lan"]
              capabilities = ["pull"]
              ca = "z.pem"
            [host."http://a.lan:5000/v2/hub"]
              override_path = true
              skip_verify = true
            [host."https://m.lan/sub"]
        "#,
        )
        .unwrap();
        let places = file.endpoints(&"nginx".parse().unwrap(), Path::new("/certs.d/docker.io")).unwrap();
        let shown: Vec<String> =
            places.iter().map(|p| format!("{:?} {}{}/{}", p.scheme, p.host, p.base, p.repository)).collect();
        assert_eq!(
            shown,
            [
                "Https z.lan/v2/library/nginx",
                "Http a.lan:5000/v2/hub/library/nginx",
                "Https m.lan/sub/v2/library/nginx",
                "Https registry-1.docker.io/v2/library/nginx",
            ]
        );
        assert!(!places[0].resolves_tags && places[0].serves_digests);
        assert_eq!(places[0].ca, [Path::new("/certs.d/docker.io/z.pem")]);
        assert_eq!(places[0].namespace.as_deref(), Some("docker.io"));
        assert!(places[1].skip_verify);
    }

    #[test]
    fn faults_are_told() {
        assert!(hosts_file(b"server = 1").is_err());
        assert!(hosts_file(b"[host.\"https://a\"]\nskip_verify = 'x'").unwrap_err().contains("https://a"));
        let file = hosts_file(b"[host.\"https://a/../b\"]").unwrap();
        assert!(file.endpoints(&"nginx".parse().unwrap(), Path::new("/")).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[\\[\\]a-z=\" \n.:/]{0,120}") {
            let _ = hosts_file(text.as_bytes());
        }
    }
}
