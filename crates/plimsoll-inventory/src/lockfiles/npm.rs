//! `package-lock.json` and `npm-shrinkwrap.json`, versions 1 to 3. In: the lockfile. Out: one package per name and
//! version with every line range that names it, direct or indirect (versions 2 and 3), for development or not.
//! Format: <https://docs.npmjs.com/cli/configuring-npm/package-lock-json>.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::{Ecosystem, Package, Problem, ProblemKind, Relationship};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::depends::Depends;
use crate::reader::{Candidate, ReadInput, ReadOutput, Reader, Scope};
use crate::text::{Lines, text, unreadable};

pub const READER: Reader = Reader {
    id: "npm-lock",
    what: "npm lockfile",
    ecosystem: Ecosystem::Npm,
    scope: Scope::Project,
    // Packages ship lockfiles of their own under node_modules; they say nothing of what is installed here.
    wants: |file: &Candidate<'_>| {
        matches!(file.name(), "package-lock.json" | "npm-shrinkwrap.json")
            && !file.path.split('/').any(|part| part == NODE_MODULES)
    },
    markers: &[],
    companion: None,
    max_size: 32 << 20,
    read: |input: &ReadInput<'_>| parse(input.bytes),
};

const NODE_MODULES: &str = "node_modules";
/// Longer paths of packages are not read: file systems end at the same length.
const MAX_PATH: usize = 4096;
/// How deep version 1 may nest: npm itself stays below a dozen, and each level reads its text again.
const MAX_DEPTH: usize = 64;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lockfile<'a> {
    #[serde(default)]
    lockfile_version: u64,
    #[serde(borrow)]
    packages: Option<Entries<'a>>,
    #[serde(borrow)]
    dependencies: Option<Entries<'a>>,
}

/// Entries by key, each as its own stretch of the text: where it stands gives its lines.
type Entries<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;
type Wanted = BTreeMap<String, serde::de::IgnoredAny>;

/// An entry of `packages` (versions 2 and 3). npm leaves out what is empty, people's merges leave `null`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Entry {
    name: Option<String>,
    version: Option<String>,
    resolved: Option<String>,
    dependencies: Option<Wanted>,
    optional_dependencies: Option<Wanted>,
    dev_dependencies: Option<Wanted>,
    peer_dependencies: Option<Wanted>,
    dev: bool,
    link: bool,
    #[serde(skip)]
    lines: (u32, u32),
}

/// An entry of `dependencies` (version 1).
#[derive(Deserialize)]
struct OldEntry<'a> {
    #[serde(default)]
    version: String,
    #[serde(default)]
    dev: bool,
    requires: Option<serde_json::Value>,
    #[serde(borrow)]
    dependencies: Option<Entries<'a>>,
}

/// Packages of an npm lockfile.
pub fn parse(bytes: &[u8]) -> ReadOutput {
    let text = text(bytes);
    let lockfile: Lockfile<'_> = match serde_json::from_str(&text) {
        Ok(lockfile) => lockfile,
        Err(error) => return ReadOutput::problem(unreadable("npm lockfile", error)),
    };
    let mut gathered = Gathered { start: text.as_ptr() as usize, lines: Lines::of(&text), ..Gathered::default() };
    match (lockfile.packages, lockfile.dependencies) {
        (Some(packages), _) if lockfile.lockfile_version != 1 => gathered.packages(packages),
        (_, Some(dependencies)) => gathered.old(&dependencies, &mut Vec::new()),
        _ => {}
    }
    if lockfile.lockfile_version > 3 {
        gathered
            .problems
            .push(unreadable("npm lockfile", format!("version {} is not known", lockfile.lockfile_version)));
    }
    gathered.problems.extend(gathered.depends.problem());
    ReadOutput { packages: gathered.found.into_values().collect(), problems: gathered.problems }
}

#[derive(Default)]
struct Gathered {
    /// Address of the text's first byte.
    start: usize,
    lines: Lines,
    found: BTreeMap<String, Package>,
    depends: Depends,
    problems: Vec<Problem>,
}

impl Gathered {
    fn lines_of(&self, value: &RawValue) -> (u32, u32) {
        // The value is a part of the text, so the difference of the addresses is its offset.
        let offset = (value.get().as_ptr() as usize).wrapping_sub(self.start);
        let end = offset.saturating_add(value.get().len().saturating_sub(1));
        (self.lines.line(offset), self.lines.line(end))
    }

    fn bad_entry(&mut self, path: &str, error: &serde_json::Error) {
        self.problems.push(unreadable(&format!("npm lockfile's entry {path:?}"), error));
    }

    fn add(&mut self, package: Package) {
        match self.found.get_mut(&package.id()) {
            None => {
                self.found.insert(package.id(), package);
            }
            Some(known) => {
                // Installed in several folders: needed to run if one of them is, direct if one of them is.
                known.dev &= package.dev;
                if package.relationship == Relationship::Direct {
                    known.relationship = Relationship::Direct;
                }
                known.lines.extend(package.lines);
                known.lines.sort_unstable();
                known.depends_on.extend(package.depends_on);
                known.depends_on.sort();
                known.depends_on.dedup();
            }
        }
    }

    /// Versions 2 and 3: a flat map from folder to package.
    fn packages(&mut self, raw: Entries<'_>) {
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        for (path, value) in raw {
            if path.len() > MAX_PATH {
                self.problems.push(Problem::undecided(
                    ProblemKind::LimitReached,
                    format!("npm lockfile has an entry whose path is longer than {MAX_PATH} bytes; it was not read"),
                ));
                continue;
            }
            match serde_json::from_str::<Entry>(value.get()) {
                Ok(mut entry) => {
                    entry.lines = self.lines_of(value);
                    entries.insert(path.into_owned(), entry);
                }
                Err(error) => self.bad_entry(&path, &error),
            }
        }
        let workspaces = resolve_links(&mut entries);
        let mut direct: BTreeSet<String> = BTreeSet::new();
        if let Some(root) = entries.get("") {
            let wanted =
                [&root.dependencies, &root.optional_dependencies, &root.dev_dependencies, &root.peer_dependencies];
            direct.extend(
                wanted.into_iter().flatten().flat_map(Wanted::keys).map(|name| format!("{NODE_MODULES}/{name}")),
            );
        }
        direct.extend(workspaces);
        for (path, entry) in &entries {
            let Some(at) = path.rfind("node_modules/").filter(|_| path.starts_with(NODE_MODULES)) else { continue };
            let name = entry.name.as_deref().unwrap_or(&path[at + "node_modules/".len()..]);
            let mut package = Package::new(Ecosystem::Npm, READER.id, name, entry.version.clone().unwrap_or_default());
            package.dev = entry.dev;
            package.relationship = if direct.contains(path) { Relationship::Direct } else { Relationship::Indirect };
            package.lines = vec![entry.lines];
            let wanted = [&entry.dependencies, &entry.optional_dependencies, &entry.peer_dependencies];
            let names = wanted.into_iter().flatten().flat_map(Wanted::keys);
            package.depends_on =
                self.depends.list(names.filter_map(|name| Some((name.as_str(), installed(&entries, path, name)?))));
            self.add(package);
        }
    }

    /// Version 1: packages nest as their folders do. `above` has the versions that each level sees, outermost first.
    fn old(&mut self, raw: &Entries<'_>, above: &mut Vec<BTreeMap<String, String>>) {
        if above.len() >= MAX_DEPTH {
            self.problems.push(Problem::undecided(
                ProblemKind::LimitReached,
                format!("npm lockfile nests deeper than {MAX_DEPTH} levels; what is below was not read"),
            ));
            return;
        }
        let mut entries = Vec::with_capacity(raw.len());
        for (name, value) in raw {
            match serde_json::from_str::<OldEntry<'_>>(value.get()) {
                Ok(entry) => entries.push((name, self.lines_of(value), entry)),
                Err(error) => self.bad_entry(name, &error),
            }
        }
        above.push(entries.iter().map(|(name, _, entry)| (name.to_string(), entry.version.clone())).collect());
        for (name, lines, entry) in &entries {
            let own: BTreeMap<String, String> = entry
                .dependencies
                .iter()
                .flatten()
                .filter_map(|(name, value)| {
                    let entry = serde_json::from_str::<OldEntry<'_>>(value.get()).ok()?;
                    Some((name.to_string(), entry.version))
                })
                .collect();
            let mut package = Package::new(Ecosystem::Npm, READER.id, name.as_ref(), &entry.version);
            package.dev = entry.dev;
            package.lines = vec![*lines];
            let requires = entry.requires.as_ref().and_then(serde_json::Value::as_object);
            let names = requires.into_iter().flat_map(|names| names.keys());
            package.depends_on = self.depends.list(names.filter_map(|name| {
                let version = own.get(name).or_else(|| above.iter().rev().find_map(|level| level.get(name)))?;
                Some((name.as_str(), version.as_str()))
            }));
            self.add(package);
            if let Some(inner) = &entry.dependencies {
                self.old(inner, above);
            }
        }
        above.pop();
    }
}

/// Puts the targets of links (workspaces, local folders) where the links are, so that everything is below node_modules.
/// Gives the paths of the links: a workspace is there because the root asks for it.
fn resolve_links(entries: &mut BTreeMap<String, Entry>) -> Vec<String> {
    let links: BTreeMap<String, String> = entries
        .iter()
        .filter(|(_, entry)| entry.link)
        .map(|(path, entry)| (entry.resolved.clone().unwrap_or_default(), path.clone()))
        .collect();
    entries.retain(|_, entry| !entry.link);
    let targets: Vec<String> =
        entries.keys().filter(|p| !p.is_empty() && !p.starts_with(NODE_MODULES)).cloned().collect();
    for path in targets {
        // The nearest folder above (or the path itself) that a link leads to.
        let mut folder = path.as_str();
        let link = loop {
            match (links.get(folder), folder.rfind('/')) {
                (Some(link), _) => break Some((link, &path[folder.len()..])),
                (None, Some(cut)) => folder = &folder[..cut],
                (None, None) => break None,
            }
        };
        if let Some((link, rest)) = link
            && let Some(entry) = entries.remove(&path)
        {
            entries.insert(format!("{link}{rest}"), entry);
        }
    }
    links.into_values().collect()
}

/// The package that `name` means to a package in `folder`: the nearest node_modules upwards that holds it.
fn installed<'a>(entries: &'a BTreeMap<String, Entry>, folder: &str, name: &str) -> Option<&'a str> {
    let mut folder = folder;
    for _ in 0..MAX_DEPTH {
        let found = if folder.is_empty() {
            entries.get(&format!("{NODE_MODULES}/{name}"))
        } else {
            entries.get(&format!("{folder}/{NODE_MODULES}/{name}"))
        };
        if let Some(entry) = found {
            return Some(entry.version.as_deref().unwrap_or_default());
        }
        if folder.is_empty() {
            return None;
        }
        folder = folder.rfind("/node_modules/").map_or("", |at| &folder[..at]);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const V3: &str = r#"{
  "name": "shop",
  "lockfileVersion": 3,
  "packages": {
    "": { "name": "shop", "dependencies": { "a": "^1" }, "devDependencies": { "t": "*" } },
    "node_modules/a": {
      "version": "1.0.0",
      "dependencies": { "@s/b": "^2", "c": "1" }
    },
    "node_modules/@s/b": { "version": "2.0.0" },
    "node_modules/a/node_modules/c": { "version": "1.5.0" },
    "node_modules/c": { "version": "3.0.0", "dev": true },
    "node_modules/t": { "version": "9.0.0", "dev": true },
    "node_modules/t/node_modules/c": {
      "version": "1.5.0", "dev": true
    },
    "node_modules/tool": { "resolved": "packages/tool", "link": true },
    "packages/tool": { "version": "0.1.0", "dependencies": { "c": "1" } },
    "packages/tool/node_modules/c": { "version": "1.5.0" }
  }
}"#;

    #[test]
    fn version_3_gives_relationship_development_lines_and_dependencies() {
        let out = parse(V3.as_bytes());
        assert!(out.problems.is_empty(), "{:?}", out.problems);
        let find = |id: &str| out.packages.iter().find(|p| p.id() == id).unwrap();
        let a = find("a@1.0.0");
        assert_eq!(a.relationship, Relationship::Direct);
        assert_eq!(a.depends_on, ["@s/b@2.0.0", "c@1.5.0"]);
        assert_eq!(a.lines, [(6, 9)]);
        assert_eq!(find("@s/b@2.0.0").relationship, Relationship::Indirect);
        let c = find("c@1.5.0");
        assert!(!c.dev && find("c@3.0.0").dev);
        assert_eq!(c.lines, [(11, 11), (14, 16), (19, 19)]);
        assert!(find("t@9.0.0").dev);
        let tool = find("tool@0.1.0");
        assert_eq!(tool.relationship, Relationship::Direct);
        assert_eq!(tool.depends_on, ["c@1.5.0"]);
        assert_eq!(out.packages.len(), 6);
    }

    #[test]
    fn version_1_nests() {
        let text = r#"{ "lockfileVersion": 1, "dependencies": {
            "a": { "version": "1.0.0", "requires": { "b": "1", "c": "1" },
                   "dependencies": { "b": { "version": "1.1.0" } } },
            "b": { "version": "2.0.0", "dev": true },
            "c": { "version": "3.0.0", "requires": true }
        } }"#;
        let out = parse(text.as_bytes());
        let ids: Vec<_> = out.packages.iter().map(|p| (p.id(), p.dev)).collect();
        assert_eq!(
            ids,
            [("a@1.0.0".into(), false), ("b@1.1.0".into(), false), ("b@2.0.0".into(), true), ("c@3.0.0".into(), false)]
        );
        assert_eq!(out.packages[0].depends_on, ["b@1.1.0", "c@3.0.0"]);
        assert_eq!(out.packages[0].lines, [(2, 3)]);
    }

    #[test]
    fn broken_entries_are_undecided_and_the_rest_is_read() {
        let text =
            r#"{ "lockfileVersion": 2, "packages": { "node_modules/a": 7, "node_modules/b": {"version": "1.0.0"} } }"#;
        let out = parse(text.as_bytes());
        assert_eq!(out.packages.len(), 1);
        assert_eq!(out.problems.len(), 1);
        assert_eq!(parse(b"{").problems.len(), 1);
        let mut deep = String::from(r#"{"lockfileVersion":1,"dependencies":"#);
        deep.push_str(&r#"{"a":{"version":"1","dependencies":"#.repeat(100));
        deep.push_str("{}");
        deep.push_str(&"}}".repeat(100));
        deep.push('}');
        assert!(!parse(deep.as_bytes()).problems.is_empty());
    }
}
