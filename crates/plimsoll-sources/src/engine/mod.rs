//! Images that an engine on this machine has. In: a name and an engine's socket. Out: a `ResolvedImage`, checked like any
//! other: an engine is asked, not believed.

pub mod containerd;
pub mod docker;
pub mod protobuf;

use std::path::PathBuf;

use crate::environment::Environment;
use crate::error::ErrorKind;

/// Which engine to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engine {
    /// Docker's API, which podman speaks too. Without a socket: `DOCKER_HOST`, then the usual places of both.
    Docker { socket: Option<PathBuf> },
    /// containerd's API. Without a socket: `CONTAINERD_ADDRESS`, then the usual places. Without a namespace: `k8s.io`,
    /// where Kubernetes keeps its images, then `default`.
    Containerd { socket: Option<PathBuf>, namespace: Option<String> },
}

/// Why an engine gave no image. Each message finishes "could not …".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    #[error("find the socket of {engine}: none of {} is there", .tried.join(", "))]
    NoSocket { engine: &'static str, tried: Vec<String> },
    #[error("speak to {engine} at {address}: only unix:// addresses are spoken to")]
    Address { engine: &'static str, address: String },
    #[error("speak to {engine} at {socket}")]
    Transport {
        engine: &'static str,
        socket: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("find the image {name:?} in {engine}")]
    NoImage { engine: &'static str, name: String },
    #[error("read {what} from {engine}: {why}")]
    Answer { engine: &'static str, what: String, why: String },
    #[error("keep what {engine} sends")]
    Disk {
        engine: &'static str,
        #[source]
        source: std::io::Error,
    },
}

impl EngineError {
    /// What a caller may make of it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            EngineError::NoSocket { .. } | EngineError::Transport { .. } => ErrorKind::Unreachable,
            EngineError::NoImage { .. } => ErrorKind::Absent,
            _ => ErrorKind::Other,
        }
    }

    /// The way out, when we know one.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            EngineError::NoSocket { engine: "containerd", .. } => {
                "is containerd running? CONTAINERD_ADDRESS names another socket".into()
            }
            EngineError::NoSocket { .. } => {
                "is the engine running? For podman: `systemctl start podman.socket` (or `--user`); DOCKER_HOST names another \
                 socket"
                    .into()
            }
            EngineError::Address { .. } => "DOCKER_HOST=unix:///run/docker.sock, or save the image and use --input".into(),
            EngineError::Transport { source, .. } if crate::error::chain(source).contains("Permission denied") => {
                "this user may not use the socket: run as one who may, or save the image and use --input".into()
            }
            EngineError::NoImage { .. } => "pull it first, or leave the engine out to ask the registry".into(),
            EngineError::Disk { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                "the disk is full: make room or choose another place with --cache-dir".into()
            }
            _ => return None,
        })
    }
}

/// The socket that the user or the environment names, or the first usual one that is there.
fn socket(
    engine: &'static str,
    given: Option<&PathBuf>,
    address: Option<&String>,
    usual: Vec<PathBuf>,
) -> Result<PathBuf, EngineError> {
    let named = match (given, address) {
        (Some(path), _) => Some(path.clone()),
        (None, Some(address)) => match address.strip_prefix("unix://") {
            Some(path) => Some(PathBuf::from(path)),
            None if address.starts_with('/') => Some(PathBuf::from(address)),
            None => return Err(EngineError::Address { engine, address: address.clone() }),
        },
        (None, None) => None,
    };
    let places = named.map_or(usual, |path| vec![path]);
    match places.iter().find(|path| path.exists()) {
        Some(path) => Ok(path.clone()),
        None => {
            Err(EngineError::NoSocket { engine, tried: places.iter().map(|path| path.display().to_string()).collect() })
        }
    }
}

/// Docker's and podman's usual sockets: the system's before the user's own, Docker's before podman's.
fn docker_sockets(environment: &Environment) -> Vec<PathBuf> {
    let mut places = vec![PathBuf::from("/var/run/docker.sock")];
    places.extend(environment.xdg_runtime_dir.iter().map(|folder| folder.join("docker.sock")));
    places.extend(environment.home.iter().map(|folder| folder.join(".docker/run/docker.sock")));
    places.push(PathBuf::from("/run/podman/podman.sock"));
    places.extend(environment.xdg_runtime_dir.iter().map(|folder| folder.join("podman/podman.sock")));
    places
}

/// containerd's usual sockets, alone and in k3s.
fn containerd_sockets() -> Vec<PathBuf> {
    vec![PathBuf::from("/run/containerd/containerd.sock"), PathBuf::from("/run/k3s/containerd/containerd.sock")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_sockets_are_all_named() {
        let error = socket("Docker", None, None, vec!["/nowhere/a".into(), "/nowhere/b".into()]).unwrap_err();
        assert!(error.to_string().contains("/nowhere/a, /nowhere/b"), "{error}");
        assert!(error.hint().unwrap().contains("DOCKER_HOST"));
        let error = socket("Docker", None, Some(&"tcp://10.0.0.1:2375".into()), vec![]).unwrap_err();
        assert!(matches!(error, EngineError::Address { .. }));
    }
}
