//! `doctor`: what is missing on this machine, and how to get it. Looks at files and sockets; asks no network.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::cli::Global;
use crate::dirs;
use crate::exit::Exit;
use crate::session::{find_policy, machine_databases};

/// One line of the examination.
struct Sign {
    state: State,
    what: String,
    hint: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    /// Works, with less.
    Missing,
    /// Works, and nobody should rely on it.
    Old,
    /// Does not work.
    Broken,
}

pub fn run(global: &Global) -> anyhow::Result<Exit> {
    let cache = dirs::cache(global.cache_dir.as_deref());
    let mut signs = Vec::new();
    database(&cache, &mut signs);
    writable(&cache, &mut signs);
    policy(&mut signs);
    credentials(&mut signs);
    engines(&mut signs);
    let mut broken = false;
    for sign in &signs {
        let mark = match sign.state {
            State::Good => "ok     ",
            State::Missing => "missing",
            State::Old => "old    ",
            State::Broken => "broken ",
        };
        broken |= sign.state == State::Broken;
        println!("{mark}  {}", plimsoll_report::safe(&sign.what));
        if let Some(hint) = &sign.hint {
            println!("         → {hint}");
        }
    }
    Ok(if broken { Exit::Undecided } else { Exit::Allowed })
}

fn sign(signs: &mut Vec<Sign>, state: State, what: impl Into<String>, hint: Option<&str>) {
    signs.push(Sign { state, what: what.into(), hint: hint.map(str::to_owned) });
}

fn database(cache: &Path, signs: &mut Vec<Sign>) {
    let found = machine_databases(cache);
    if found.is_empty() {
        sign(
            signs,
            State::Missing,
            "vulnerability database: only the embedded baseline, which can never say \"allowed\"",
            Some("plimsoll db update, or on a machine without a network: plimsoll db import FILE"),
        );
    }
    for path in found {
        match plimsoll_advisories::database::open(&path) {
            Ok(database) => {
                let info = database.info();
                let age = info.built.map(|built| age_in_days(built, Timestamp::now()));
                let age_words = age.map_or_else(|| "age unknown".to_owned(), |days| format!("{days} days old"));
                let text = format!("vulnerability database {}: {}, {age_words}", info.name, super::db::words(&info));
                let stale = age.is_none_or(|days| days > 3);
                sign(signs, if stale { State::Old } else { State::Good }, text, stale.then_some("plimsoll db update"));
            }
            Err(error) => sign(
                signs,
                State::Broken,
                format!("vulnerability database: could not {error}"),
                Some("plimsoll db update fetches a whole one"),
            ),
        }
    }
}

fn age_in_days(built: Timestamp, now: Timestamp) -> i64 {
    (now.as_second() - built.as_second()).max(0) / 86_400
}

fn writable(cache: &Path, signs: &mut Vec<Sign>) {
    let tried = std::fs::create_dir_all(cache).and_then(|()| tempfile::NamedTempFile::new_in(cache).map(|_| ()));
    match tried {
        Ok(()) => sign(signs, State::Good, format!("cache folder {}", cache.display()), None),
        Err(error) => sign(
            signs,
            State::Broken,
            format!("cache folder {}: {error}", cache.display()),
            Some("--cache-dir DIR or PLIMSOLL_CACHE_DIR names another"),
        ),
    }
}

fn policy(signs: &mut Vec<Sign>) {
    match find_policy(None, &[PathBuf::from(".")]) {
        Ok(policy) if policy.files.is_empty() => sign(
            signs,
            State::Missing,
            "policy: none here, the embedded default rules",
            Some("plimsoll init writes a first one"),
        ),
        Ok(policy) => sign(signs, State::Good, format!("policy {} ({})", policy.name, policy.files.join(", ")), None),
        Err(error) => sign(
            signs,
            State::Broken,
            format!("policy: {}", crate::message::chain(&error)),
            Some("plimsoll policy check loadline.yaml shows every fault with its line"),
        ),
    }
}

fn credentials(signs: &mut Vec<Sign>) {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from).or_else(|| home.map(|h| h.join(".docker")));
    let file = folder.map(|folder| folder.join("config.json"));
    match file.filter(|file| file.exists()) {
        Some(file) => sign(signs, State::Good, format!("registry credentials {}", file.display()), None),
        None => sign(
            signs,
            State::Missing,
            "registry credentials: none, so only public images can be pulled",
            Some("docker login REGISTRY (or podman, skopeo, crane) writes ~/.docker/config.json"),
        ),
    }
}

fn engines(signs: &mut Vec<Sign>) {
    const SOCKETS: [(&str, &str, &str); 3] = [
        ("Docker", "docker", "/var/run/docker.sock"),
        ("Podman", "docker", "/run/podman/podman.sock"),
        ("containerd", "containerd", "/run/containerd/containerd.sock"),
    ];
    for (name, from, path) in SOCKETS {
        if Path::new(path).exists() {
            sign(signs, State::Good, format!("{name} socket {path}"), None);
        } else {
            sign(signs, State::Missing, format!("{name} socket {path}: only `image --from {from}` needs it"), None);
        }
    }
}
