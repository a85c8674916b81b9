//! `Cargo.toml`, as far as it says which packages are asked for. In: the manifest beside a lockfile and those of its
//! members. Out: the root's name, the members' names and the dependencies needed to run. What it does not do: features.
//! Format: <https://doc.rust-lang.org/cargo/reference/manifest.html>.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::text::text;

/// What a workspace asks for.
#[derive(Debug, Default)]
pub struct Workspace {
    /// The package of the manifest beside the lockfile; none in a virtual workspace.
    pub root: Option<String>,
    pub members: BTreeSet<String>,
    /// Of the root, the workspace and its members; not those for development or build scripts.
    pub dependencies: Vec<Dependency>,
}

/// One dependency that a manifest names.
#[derive(Debug)]
pub struct Dependency {
    pub name: String,
    /// As written; empty when any version does (a path or a repository).
    pub requirement: String,
}

impl Dependency {
    /// Whether a locked version may be meant. A requirement that cannot be read leaves the name to decide.
    pub fn matches(&self, version: &str) -> bool {
        if self.requirement.is_empty() {
            return true;
        }
        match (semver::VersionReq::parse(&self.requirement), semver::Version::parse(version)) {
            (Ok(requirement), Ok(version)) => requirement.matches(&version),
            _ => true,
        }
    }
}

#[derive(Deserialize, Default)]
struct Manifest {
    package: Option<Named>,
    /// The old name of `package`.
    project: Option<Named>,
    #[serde(default)]
    dependencies: BTreeMap<String, Wanted>,
    #[serde(default)]
    target: BTreeMap<String, Target>,
    workspace: Option<WorkspaceTable>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Target {
    #[serde(default)]
    dependencies: BTreeMap<String, Wanted>,
}

#[derive(Deserialize, Default)]
struct WorkspaceTable {
    #[serde(default)]
    members: Vec<String>,
    #[serde(default)]
    dependencies: BTreeMap<String, Wanted>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Wanted {
    Version(String),
    Table {
        version: Option<String>,
        /// The package's real name where the key is another.
        package: Option<String>,
        #[serde(default)]
        workspace: bool,
    },
}

/// Reads the manifest beside a lockfile; `below` has the manifests of folders below it, by folder.
pub fn workspace(manifest: &[u8], below: &BTreeMap<&str, &[u8]>) -> Result<Workspace, toml::de::Error> {
    let root: Manifest = toml::from_str(&text(manifest))?;
    let mut out = Workspace { root: root.package.or(root.project).map(|p| p.name), ..Workspace::default() };
    let table = root.workspace.unwrap_or_default();
    let mut gather = |dependencies: BTreeMap<String, Wanted>, target: BTreeMap<String, Target>| {
        for (key, wanted) in dependencies.into_iter().chain(target.into_values().flat_map(|t| t.dependencies)) {
            let shared =
                table.dependencies.get(&key).filter(|_| matches!(wanted, Wanted::Table { workspace: true, .. }));
            out.dependencies.push(shared.unwrap_or(&wanted).named(key));
        }
    };
    gather(root.dependencies, root.target);
    for (folder, bytes) in below {
        if !table.members.iter().any(|pattern| glob(pattern.trim_start_matches("./").trim_matches('/'), folder)) {
            continue;
        }
        // A member that cannot be read takes its dependencies' relationship with it, not their presence.
        let Ok(member) = toml::from_str::<Manifest>(&text(bytes)) else { continue };
        out.members.extend(member.package.map(|p| p.name));
        gather(member.dependencies, member.target);
    }
    if out.members.is_empty() {
        // Without the members' manifests everything that they share may be asked for.
        out.dependencies.extend(table.dependencies.iter().map(|(key, wanted)| wanted.named(key.clone())));
    }
    Ok(out)
}

impl Wanted {
    fn named(&self, key: String) -> Dependency {
        match self {
            Wanted::Version(requirement) => Dependency { name: key, requirement: requirement.clone() },
            Wanted::Table { version, package, .. } => {
                Dependency { name: package.clone().unwrap_or(key), requirement: version.clone().unwrap_or_default() }
            }
        }
    }
}

/// `*` and `?` within one part of a path: what Cargo allows for members, as far as people use it.
fn glob(pattern: &str, path: &str) -> bool {
    let (mut patterns, mut parts) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), parts.next()) {
            (None, None) => return true,
            (Some(pattern), Some(part)) if glob_part(pattern, part) => {}
            _ => return false,
        }
    }
}

/// Linear in both: on a mismatch only the last `*` is tried again.
fn glob_part(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_pattern() {
        assert!(glob("crates/*", "crates/a"));
        assert!(!glob("crates/*", "crates/a/b"));
        assert!(glob("a-*-z", "a-b-c-z"));
        assert!(!glob("a?", "a"));
    }

    #[test]
    fn dependencies_to_run_are_gathered_from_members_too() {
        let root = br#"
            [workspace]
            members = ["crates/*"]
            [workspace.dependencies]
            serde = "1"
            proptest = "1"
        "#;
        let member = br#"
            [package]
            name = "shop"
            [dependencies]
            serde.workspace = true
            json = { package = "serde_json", version = "1.0.5" }
            [target.'cfg(unix)'.dependencies]
            libc = "0.2"
            [dev-dependencies]
            proptest.workspace = true
        "#;
        let below = [("crates/shop", &member[..]), ("other", &member[..])].into();
        let out = workspace(root, &below).unwrap();
        assert_eq!(out.root, None);
        assert_eq!(workspace(root, &BTreeMap::new()).unwrap().dependencies.len(), 2);
        assert_eq!(out.members.iter().collect::<Vec<_>>(), ["shop"]);
        let names: Vec<_> = out.dependencies.iter().map(|d| d.name.as_str()).collect();
        assert_eq!(names, ["serde_json", "serde", "libc"]);
        assert!(out.dependencies[0].matches("1.0.9") && !out.dependencies[0].matches("1.0.4"));
    }
}
