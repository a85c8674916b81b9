//! Where an image is asked for. In: nothing; the mirrors' rules make these. Out: addresses.

use std::net::IpAddr;
use std::path::PathBuf;

/// How to speak to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Https,
    /// Asked for by the user.
    Http,
    /// A loopback host: HTTPS first, HTTP when it does not speak it.
    Either,
}

/// One place that may have an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Host and port that are spoken to.
    pub host: String,
    pub scheme: Scheme,
    /// What stands before the repository in the path, `/v2` for registries.
    pub base: String,
    /// The repository as this place calls it.
    pub repository: String,
    /// Believe any certificate.
    pub skip_verify: bool,
    /// Authorities trusted for this host besides the usual ones.
    pub ca: Vec<PathBuf>,
    /// May turn a tag into a digest.
    pub resolves_tags: bool,
    /// May be asked by digest.
    pub serves_digests: bool,
    /// May be written to.
    pub takes_pushes: bool,
    /// Whose credentials are sent.
    pub credentials_of: String,
    /// `ns` query for containerd-style mirrors that serve several registries.
    pub namespace: Option<String>,
}

impl Endpoint {
    /// The registry itself, without any rule.
    pub fn registry(registry: &str, repository: &str) -> Endpoint {
        let host = if registry == "docker.io" { "registry-1.docker.io" } else { registry };
        Endpoint {
            host: host.to_owned(),
            scheme: usual_scheme(host),
            base: "/v2".into(),
            repository: repository.to_owned(),
            skip_verify: false,
            ca: vec![],
            resolves_tags: true,
            serves_digests: true,
            takes_pushes: true,
            credentials_of: registry.to_owned(),
            namespace: None,
        }
    }
}

/// HTTPS, and on loopback HTTP as well.
pub fn usual_scheme(host: &str) -> Scheme {
    if is_loopback(host) { Scheme::Either } else { Scheme::Https }
}

/// True for this machine: `localhost`, 127.0.0.0/8 and `::1`, with or without a port.
pub fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_this_machine_only() {
        for host in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example.com", "127.0.0.1.nip.io:80", "10.0.0.1", "[::2]:5000", "notlocalhost"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
