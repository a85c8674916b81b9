//! `poetry.lock` and the `pyproject.toml` beside it. In: both files. Out: packages with what they depend on; with the
//! project file also direct, indirect and needed for development only. What it does not do: evaluate markers or extras.
//! Format: <https://python-poetry.org/docs/pyproject/>, <https://peps.python.org/pep-0621/>.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::{Ecosystem, Package, Problem, ProblemKind, Relationship};
use serde::Deserialize;

use crate::depends::Depends;
use crate::reader::{Candidate, ReadInput, ReadOutput, Reader, Scope};
use crate::text::{text, unreadable};

pub const READER: Reader = Reader {
    id: "poetry-lock",
    what: "Poetry lockfile",
    ecosystem: Ecosystem::Pypi,
    scope: Scope::Project,
    wants: |file: &Candidate<'_>| file.name() == "poetry.lock",
    markers: &[],
    companion: Some(|path| path == "pyproject.toml" || path.ends_with("/pyproject.toml")),
    max_size: 16 << 20,
    read: |input: &ReadInput<'_>| parse(input.bytes, input.beside("pyproject.toml")),
};

#[derive(Deserialize)]
struct Lockfile {
    #[serde(default)]
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    /// `main` or `dev`, before Poetry 1.5.
    #[serde(default)]
    category: String,
    #[serde(default)]
    dependencies: BTreeMap<String, toml::Value>,
}

#[derive(Deserialize, Default)]
struct Project {
    project: Option<Standard>,
    #[serde(default)]
    tool: Tool,
    #[serde(default, rename = "dependency-groups")]
    groups: BTreeMap<String, Vec<toml::Value>>,
}

#[derive(Deserialize)]
struct Standard {
    #[serde(default)]
    dependencies: Vec<String>,
}

#[derive(Deserialize, Default)]
struct Tool {
    poetry: Option<Poetry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Poetry {
    #[serde(default)]
    dependencies: BTreeMap<String, toml::Value>,
    /// Before groups came.
    #[serde(default)]
    dev_dependencies: BTreeMap<String, toml::Value>,
    #[serde(default)]
    group: BTreeMap<String, Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    dependencies: BTreeMap<String, toml::Value>,
}

/// Packages of a `poetry.lock`. Without a project file their relationship is unknown.
pub fn parse(lock: &[u8], project: Option<&[u8]>) -> ReadOutput {
    let lockfile: Lockfile = match toml::from_str(&text(lock)) {
        Ok(lockfile) => lockfile,
        Err(error) => return ReadOutput::problem(unreadable("Poetry lockfile", error)),
    };
    let mut versions: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for package in &lockfile.package {
        versions.entry(normalised(&package.name)).or_default().push(&package.version);
    }
    let mut depends = Depends::default();
    let mut packages: Vec<Package> = lockfile
        .package
        .iter()
        .map(|locked| {
            let mut package = Package::new(Ecosystem::Pypi, READER.id, &locked.name, &locked.version);
            package.dev = locked.category == "dev";
            let wanted: Vec<(String, &str)> = locked
                .dependencies
                .iter()
                .filter_map(|(name, wanted)| {
                    let name = normalised(name);
                    let version = chosen(versions.get(&name)?, wanted)?;
                    Some((name, version))
                })
                .collect();
            package.depends_on = depends.list(wanted.iter().map(|(name, version)| (name.as_str(), *version)));
            package
        })
        .collect();
    let mut problems: Vec<Problem> = depends.problem().into_iter().collect();
    match project.map(|bytes| toml::from_str::<Project>(&text(bytes))) {
        Some(Ok(project)) => relate(&mut packages, &project),
        Some(Err(error)) => problems.push(Problem::note(
            ProblemKind::UnreadableMetadata,
            format!("tell direct from indirect packages by pyproject.toml: {}", error.message()),
        )),
        None => {}
    }
    ReadOutput { packages, problems }
}

/// How many locked versions of one package are tried: more than two are rare.
const MAX_VERSIONS: usize = 64;

/// PEP 503, as the lockfile writes names.
fn normalised(name: &str) -> String {
    name.to_lowercase().replace(['_', '.'], "-")
}

/// The locked version that a dependency means. Seldom are there several; then the first that the bounds allow.
fn chosen<'a>(versions: &[&'a str], wanted: &toml::Value) -> Option<&'a str> {
    if let [only] = versions {
        return Some(only);
    }
    let bounds = match wanted {
        toml::Value::String(text) => text.as_str(),
        toml::Value::Table(table) => table.get("version").and_then(toml::Value::as_str).unwrap_or("*"),
        // One entry per marker: which one holds depends on the machine.
        toml::Value::Array(entries) => entries.first()?.get("version").and_then(toml::Value::as_str).unwrap_or("*"),
        _ => "*",
    };
    versions.iter().take(MAX_VERSIONS).find(|version| within(version, bounds)).or(versions.first()).copied()
}

/// Whether a release version is within `>=1.2,<2.0`, `==1.2`, `!=1.3`, `*`: what Poetry writes into lockfiles. Compares
/// the numbers only.
fn within(version: &str, bounds: &str) -> bool {
    let numbers = |text: &str| -> Vec<u64> {
        let mut numbers: Vec<u64> = text
            .split('.')
            .map_while(|part| {
                let digits = part.bytes().take_while(u8::is_ascii_digit).count();
                part[..digits].parse().ok()
            })
            .collect();
        while numbers.last() == Some(&0) {
            numbers.pop();
        }
        numbers
    };
    let version = numbers(version);
    bounds.split(',').map(str::trim).all(|bound| {
        let at = bound.find(|c: char| c.is_ascii_digit()).unwrap_or(bound.len());
        let (operator, limit) = bound.split_at(at);
        let limit = numbers(limit);
        match operator.trim() {
            ">=" => version >= limit,
            ">" => version > limit,
            "<=" => version <= limit,
            "<" => version < limit,
            "==" => version == limit,
            "!=" => version != limit,
            _ => true,
        }
    })
}

fn relate(packages: &mut [Package], project: &Project) {
    let mut main: BTreeSet<String> = BTreeSet::new();
    let mut direct: BTreeSet<String> = BTreeSet::new();
    let requirement = |text: &str| {
        let end = text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '-'))).unwrap_or(text.len());
        normalised(&text[..end])
    };
    main.extend(project.project.iter().flat_map(|p| &p.dependencies).map(|text| requirement(text.trim())));
    if let Some(poetry) = &project.tool.poetry {
        main.extend(poetry.dependencies.keys().map(|name| normalised(name)));
        direct.extend(poetry.dev_dependencies.keys().map(|name| normalised(name)));
        direct.extend(poetry.group.values().flat_map(|g| g.dependencies.keys()).map(|name| normalised(name)));
    }
    let grouped = project.groups.values().flatten().filter_map(toml::Value::as_str);
    direct.extend(grouped.map(|text| requirement(text.trim())));
    direct.extend(main.iter().cloned());

    let index: BTreeMap<String, usize> =
        packages.iter().enumerate().map(|(i, p)| (format!("{}@{}", normalised(&p.name), p.version), i)).collect();
    let mut to_run = vec![false; packages.len()];
    let mut queue: Vec<usize> =
        (0..packages.len()).filter(|i| main.contains(&normalised(&packages[*i].name))).collect();
    while let Some(i) = queue.pop() {
        if !std::mem::replace(&mut to_run[i], true) {
            queue.extend(packages[i].depends_on.iter().filter_map(|id| index.get(id)));
        }
    }
    for (package, to_run) in packages.iter_mut().zip(to_run) {
        package.dev |= !to_run;
        package.relationship =
            if direct.contains(&normalised(&package.name)) { Relationship::Direct } else { Relationship::Indirect };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &[u8] = br#"
[[package]]
name = "click"
version = "8.1.3"
[package.dependencies]
Colorama = {version = "*", markers = "platform_system == \"Windows\""}

[[package]]
name = "colorama"
version = "0.4.6"

[[package]]
name = "pytest"
version = "7.0.0"
dependencies = { typing_extensions = ">=4.0,<5" }

[[package]]
name = "typing-extensions"
version = "3.9"

[[package]]
name = "typing-extensions"
version = "4.1"

[metadata]
lock-version = "2.0"
"#;

    #[test]
    fn lockfile_alone_gives_packages_and_dependencies() {
        let out = parse(LOCK, None);
        assert!(out.problems.is_empty());
        let found: Vec<_> = out.packages.iter().map(|p| (p.id(), p.depends_on.clone())).collect();
        assert_eq!(found[0], ("click@8.1.3".into(), vec!["colorama@0.4.6".into()]));
        assert_eq!(found[2].1, ["typing-extensions@4.1"]);
        assert_eq!(out.packages[0].relationship, Relationship::Unknown);
    }

    #[test]
    fn project_file_tells_direct_and_development() {
        let project = b"[tool.poetry.dependencies]\npython = \"^3.9\"\nclick = \"*\"\n[tool.poetry.group.test.dependencies]\npytest = \"*\"\n";
        let out = parse(LOCK, Some(project));
        let found: Vec<_> = out.packages.iter().map(|p| (p.name.as_str(), p.relationship, p.dev)).collect();
        assert_eq!(found[0], ("click", Relationship::Direct, false));
        assert_eq!(found[1], ("colorama", Relationship::Indirect, false));
        assert_eq!(found[2], ("pytest", Relationship::Direct, true));
        assert_eq!(found[4], ("typing-extensions", Relationship::Indirect, true));
        let standard = parse(LOCK, Some(b"[project]\ndependencies = [\"Click (>=8)\"]\n"));
        assert_eq!(standard.packages[0].relationship, Relationship::Direct);
    }

    #[test]
    fn broken_files_are_told() {
        assert_eq!(parse(b"[[package]]\nname=1", None).problems.len(), 1);
        let out = parse(LOCK, Some(b"nonsense"));
        assert_eq!((out.packages.len(), out.problems.len()), (5, 1));
    }
}
