//! What tells us where and as whom to pull: registries.conf, hosts.toml, credentials, WWW-Authenticate, error bodies.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use plimsoll_model::ImageReference;
use plimsoll_sources::mirrors::MirrorRule;
use plimsoll_sources::mirrors::hosts_toml::hosts_file;
use plimsoll_sources::mirrors::registries_conf::registries_conf;
use plimsoll_sources::registry::answer::{is_html, shown, words};
use plimsoll_sources::registry::challenge::challenges;
use plimsoll_sources::registry::credentials::{credentials_file, embedded_credentials};

fuzz_target!(|data: &[u8]| {
    let Ok(reference) = "docker.io/library/nginx:1".parse::<ImageReference>() else { return };
    if let Ok(conf) = registries_conf(data) {
        let _ = conf.endpoints(&reference, "registries.conf");
    }
    if let Ok(hosts) = hosts_file(data) {
        let _ = hosts.endpoints(&reference, Path::new("certs.d/docker.io"));
    }
    if let Ok(file) = credentials_file(data) {
        embedded_credentials(&file);
    }
    let text = plimsoll_fuzz::text(data);
    assert!(challenges(text).len() <= text.len());
    let _ = text.parse::<MirrorRule>();
    let _ = (words(data), shown(text), is_html("text/plain", data));
});
