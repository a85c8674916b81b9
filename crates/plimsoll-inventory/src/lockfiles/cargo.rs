//! `Cargo.lock`, versions 1 to 4. In: the lockfile and the `Cargo.toml`s of its workspace. Out: packages with their line
//! ranges, told apart into root, workspace members, direct, indirect, and needed for development only. What it does not
//! do: resolve features or targets.
//! Format: <https://doc.rust-lang.org/cargo/guide/cargo-toml-vs-cargo-lock.html>.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::{Ecosystem, Package, Relationship};
use serde::Deserialize;

use super::cargo_manifest::{self, Workspace};
use crate::depends::Depends;
use crate::reader::{Candidate, ReadInput, ReadOutput, Reader, Scope};
use crate::text::{text, unreadable};

pub const READER: Reader = Reader {
    id: "cargo-lock",
    what: "Cargo lockfile",
    ecosystem: Ecosystem::Cargo,
    scope: Scope::Both,
    wants: |file: &Candidate<'_>| file.name() == "Cargo.lock",
    markers: &[],
    companion: Some(|path| path == "Cargo.toml" || path.ends_with("/Cargo.toml")),
    // Ten thousand packages take 3 MB.
    max_size: 4 << 20,
    read,
};

/// How many locked versions of one package a requirement is tried on: five are many.
const MAX_VERSIONS: usize = 64;

fn read(input: &ReadInput<'_>) -> ReadOutput {
    let mut out = parse(input.bytes);
    if let Some(manifest) = input.beside("Cargo.toml") {
        let folder = input.folder();
        // Manifests below the lockfile's folder, by their path relative to it: the candidates for members.
        let below: BTreeMap<&str, &[u8]> = input
            .companions
            .iter()
            .filter_map(|(path, bytes)| {
                let rest = if folder.is_empty() { path } else { path.strip_prefix(folder)?.strip_prefix('/')? };
                Some((rest.strip_suffix("/Cargo.toml")?, *bytes))
            })
            .collect();
        match cargo_manifest::workspace(manifest, &below) {
            Ok(workspace) => relate(&mut out.packages, &workspace),
            Err(error) => out.problems.push(plimsoll_model::Problem::note(
                plimsoll_model::ProblemKind::UnreadableMetadata,
                format!("tell direct from indirect packages: {error}"),
            )),
        }
    }
    out
}

#[derive(Deserialize)]
struct Lockfile {
    #[serde(default)]
    package: Vec<Locked>,
    /// Version 1 wrote the root apart.
    root: Option<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// Packages of a `Cargo.lock` with what they depend on. Without a manifest their relationship is unknown.
pub fn parse(bytes: &[u8]) -> ReadOutput {
    let text = text(bytes);
    let lockfile: Lockfile = match toml::from_str(&text) {
        Ok(lockfile) => lockfile,
        Err(error) => return ReadOutput::problem(unreadable("Cargo lockfile", error)),
    };
    let lines = line_ranges(&text);
    let locked: Vec<Locked> = lockfile.root.into_iter().chain(lockfile.package).collect();
    let mut versions: BTreeMap<&str, &str> = BTreeMap::new();
    for package in &locked {
        versions.insert(&package.name, &package.version);
    }
    let mut seen = BTreeSet::new();
    let mut depends = Depends::default();
    let mut packages = Vec::with_capacity(locked.len());
    for package in &locked {
        let mut out = Package::new(Ecosystem::Cargo, READER.id, &package.name, &package.version);
        if !seen.insert(out.id()) {
            // The same name and version from two sources: one package for every advisory.
            continue;
        }
        out.depends_on = depends.list(package.dependencies.iter().filter_map(|text| {
            // `name`, `name version` where several versions are locked, `name version (source)` in old files.
            let mut words = text.split_whitespace();
            let name = words.next()?;
            Some((name, words.next().or_else(|| versions.get(name).copied())?))
        }));
        out.lines.extend(lines.get(&out.id()));
        packages.push(out);
    }
    ReadOutput { packages, problems: depends.problem().into_iter().collect() }
}

/// First and last line of each `[[package]]` table by `name@version`. Cargo writes one key per line and an empty line
/// between tables; a file that was laid out otherwise has no ranges.
fn line_ranges(text: &str) -> BTreeMap<String, (u32, u32)> {
    let mut ranges = BTreeMap::new();
    let (mut start, mut name, mut version) = (None, "", "");
    let mut last = 0;
    for (number, line) in (1u32..).zip(text.lines().chain(std::iter::once(""))) {
        let line = line.trim();
        if line == "[[package]]" || line == "[root]" {
            (start, name, version) = (Some(number), "", "");
        } else if line.is_empty() {
            if let Some(start) = start.take() {
                ranges.insert(format!("{name}@{version}"), (start, last));
            }
        } else if let Some(value) = line.strip_prefix("name = ") {
            name = value.trim_matches('"');
        } else if let Some(value) = line.strip_prefix("version = ") {
            version = value.trim_matches('"');
        }
        last = number;
    }
    ranges
}

/// Tells root, members, direct and indirect packages apart. What only development or build scripts need is marked so and
/// leaves the list of what others depend on.
fn relate(packages: &mut [Package], workspace: &Workspace) {
    let index: BTreeMap<String, usize> = packages.iter().enumerate().map(|(i, p)| (p.id(), i)).collect();
    let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, package) in packages.iter().enumerate() {
        by_name.entry(&package.name).or_default().push(i);
    }
    let mut relationship = vec![None; packages.len()];
    for wanted in &workspace.dependencies {
        let found = by_name.get(wanted.name.as_str()).into_iter().flatten().take(MAX_VERSIONS).copied();
        for i in found.filter(|i| wanted.matches(&packages[*i].version)) {
            relationship[i] = Some(Relationship::Direct);
        }
    }
    for (i, package) in packages.iter().enumerate() {
        if workspace.root.as_deref() == Some(&package.name) {
            relationship[i] = Some(Relationship::Root);
        } else if workspace.members.contains(&package.name) {
            relationship[i] = Some(Relationship::Workspace);
        }
    }
    // Walk from the direct ones, members among them asked for by others included: roots and members also depend on what only their tests need.
    let mut queue: Vec<usize> =
        (0..packages.len()).filter(|i| relationship[*i] == Some(Relationship::Direct)).collect();
    while let Some(i) = queue.pop() {
        for id in &packages[i].depends_on {
            if let Some(next) = index.get(id).copied()
                && relationship[next].is_none()
            {
                relationship[next] = Some(Relationship::Indirect);
                queue.push(next);
            }
        }
    }
    for (package, relationship) in packages.iter_mut().zip(&relationship) {
        package.dev = relationship.is_none();
        package.relationship = relationship.unwrap_or(Relationship::Indirect);
    }
    let dev: BTreeSet<String> = packages.iter().filter(|p| p.dev).map(Package::id).collect();
    for package in packages.iter_mut().filter(|p| !p.dev) {
        package.depends_on.retain(|id| !dev.contains(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"version = 4

[[package]]
name = "app"
version = "0.1.0"
dependencies = [
 "log",
 "memo 1.0.2",
 "proptest",
]

[[package]]
name = "log"
version = "0.4.1"
source = "registry+https://github.com/rust-lang/crates.io-index"

[[package]]
name = "memo"
version = "1.0.2"
dependencies = [
 "memo 2.0.0 (registry+https://github.com/rust-lang/crates.io-index)",
]

[[package]]
name = "memo"
version = "2.0.0"

[[package]]
name = "proptest"
version = "1.0.0"
"#;

    #[test]
    fn lines_and_dependencies_are_read() {
        let out = parse(LOCK.as_bytes());
        assert!(out.problems.is_empty());
        let app = &out.packages[0];
        assert_eq!((app.id(), app.lines.as_slice()), ("app@0.1.0".into(), &[(3, 10)][..]));
        assert_eq!(app.depends_on, ["log@0.4.1", "memo@1.0.2", "proptest@1.0.0"]);
        assert_eq!(out.packages[2].depends_on, ["memo@2.0.0"]);
        assert_eq!(out.packages[4].lines, [(28, 30)]);
        assert!(out.packages.iter().all(|p| p.relationship == Relationship::Unknown));
    }

    #[test]
    fn manifest_beside_tells_direct_indirect_and_development() {
        let manifest = b"[package]\nname = \"app\"\n[dependencies]\nlog = \"0.4\"\nmemo = \"1\"\n[dev-dependencies]\nproptest = \"1\"\n";
        let companions = [("a/Cargo.toml", &manifest[..])].into();
        let out = read(&ReadInput { path: "a/Cargo.lock", bytes: LOCK.as_bytes(), companions: &companions });
        let found: Vec<_> = out.packages.iter().map(|p| (p.id(), p.relationship, p.dev)).collect();
        assert_eq!(
            found,
            [
                ("app@0.1.0".into(), Relationship::Root, false),
                ("log@0.4.1".into(), Relationship::Direct, false),
                ("memo@1.0.2".into(), Relationship::Direct, false),
                ("memo@2.0.0".into(), Relationship::Indirect, false),
                ("proptest@1.0.0".into(), Relationship::Indirect, true),
            ]
        );
        assert_eq!(out.packages[0].depends_on, ["log@0.4.1", "memo@1.0.2"]);
    }

    #[test]
    fn broken_lockfile_is_undecided() {
        let out = parse(b"[[package]]\nname = ");
        assert!(out.packages.is_empty());
        assert_eq!(out.problems[0].effect, plimsoll_model::ProblemEffect::Undecided);
    }
}
