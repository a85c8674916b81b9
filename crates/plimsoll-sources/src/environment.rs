//! The parts of the process environment that sources look at, as one value, so that tests and servers can say otherwise.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// What the user's environment says.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    pub home: Option<PathBuf>,
    /// `PATH`, where credential helpers are looked for.
    pub path: Option<OsString>,
    /// `DOCKER_CONFIG`: the folder of `config.json`.
    pub docker_config: Option<PathBuf>,
    /// `REGISTRY_AUTH_FILE`: podman's and skopeo's credentials.
    pub registry_auth_file: Option<PathBuf>,
    pub xdg_runtime_dir: Option<PathBuf>,
    pub xdg_config_home: Option<PathBuf>,
    pub xdg_cache_home: Option<PathBuf>,
    /// `SSL_CERT_FILE`: certificates trusted instead of the system's.
    pub ssl_cert_file: Option<PathBuf>,
    /// `DOCKER_HOST`: where the engine listens.
    pub docker_host: Option<String>,
    /// `CONTAINERD_ADDRESS`: where containerd listens.
    pub containerd_address: Option<String>,
    /// `CONTAINERS_REGISTRIES_CONF`: mirrors and rewrites.
    pub registries_conf: Option<PathBuf>,
    /// `KUBERNETES_SERVICE_HOST`: the API server, in a pod.
    pub kubernetes_service_host: Option<String>,
    /// `KUBERNETES_SERVICE_PORT`.
    pub kubernetes_service_port: Option<String>,
}

impl Environment {
    /// This process's environment.
    pub fn of_process() -> Environment {
        let path = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let text = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        Environment {
            home: path("HOME").or_else(|| path("USERPROFILE")),
            path: env::var_os("PATH"),
            docker_config: path("DOCKER_CONFIG"),
            registry_auth_file: path("REGISTRY_AUTH_FILE"),
            xdg_runtime_dir: path("XDG_RUNTIME_DIR"),
            xdg_config_home: path("XDG_CONFIG_HOME"),
            xdg_cache_home: path("XDG_CACHE_HOME"),
            ssl_cert_file: path("SSL_CERT_FILE"),
            docker_host: text("DOCKER_HOST"),
            containerd_address: text("CONTAINERD_ADDRESS"),
            registries_conf: path("CONTAINERS_REGISTRIES_CONF"),
            kubernetes_service_host: text("KUBERNETES_SERVICE_HOST"),
            kubernetes_service_port: text("KUBERNETES_SERVICE_PORT"),
        }
    }

    /// `$XDG_CONFIG_HOME`, or `~/.config`.
    pub fn config_home(&self) -> Option<PathBuf> {
        self.xdg_config_home.clone().or_else(|| self.home.as_ref().map(|home| home.join(".config")))
    }

    /// `$XDG_CACHE_HOME/plimsoll`, or `~/.cache/plimsoll`.
    pub fn cache_home(&self) -> Option<PathBuf> {
        let base = self.xdg_cache_home.clone().or_else(|| self.home.as_ref().map(|home| home.join(".cache")));
        base.map(|folder| folder.join("plimsoll"))
    }
}
