//! Installed Node packages. In: a `package.json`. Out: the package it names, if it names one with a version. What it does
//! not do: follow dependencies. Format: <https://docs.npmjs.com/cli/configuring-npm/package-json>.

use plimsoll_model::{Ecosystem, Package, Problem, ProblemKind};
use serde_json::Value;

use crate::reader::{Candidate, ReadInput, ReadOutput, Reader, Scope};
use crate::text::{text, unreadable};

pub const READER: Reader = Reader {
    id: "node-package-json",
    what: "installed Node package",
    ecosystem: Ecosystem::Npm,
    scope: Scope::Image,
    wants: |file: &Candidate<'_>| file.name() == "package.json",
    markers: &[],
    companion: None,
    // Values take thirty times their text at worst.
    max_size: 2 << 20,
    read: |input: &ReadInput<'_>| parse(input.bytes, input.path),
};

/// The package of a `package.json`. Those without name or version only configure a folder and are no packages.
pub fn parse(bytes: &[u8], path: &str) -> ReadOutput {
    // Of doubled keys the last one counts, as it does for Node: a typed struct would refuse them.
    let json: Value = match serde_json::from_str(&text(bytes)) {
        Ok(json) => json,
        // Packages ship broken files as their tests' fixtures: only a package's own file counts.
        Err(error) if is_inside_package(path) => {
            return ReadOutput::problem(Problem::note(
                ProblemKind::UnreadableMetadata,
                format!("read package.json inside of a package: {error}"),
            ));
        }
        Err(error) => return ReadOutput::problem(unreadable("package.json", error)),
    };
    let string = |key: &str| json.get(key).and_then(Value::as_str).unwrap_or_default().trim();
    let (name, version) = (string("name"), string("version"));
    if name.is_empty() || version.is_empty() {
        return ReadOutput::default();
    }
    let mut package = Package::new(Ecosystem::Npm, READER.id, name, version);
    package.licenses = match (json.get("license"), json.get("licenses")) {
        // `"MIT"`, and the old forms `{"type": "MIT"}` and `[{"type": "MIT"}, …]`.
        (Some(Value::Array(list)), _) | (None, Some(Value::Array(list))) => list.iter().filter_map(license).collect(),
        (Some(value), _) | (None, Some(value)) => license(value).into_iter().collect(),
        (None, None) => Vec::new(),
    };
    ReadOutput::of(vec![package])
}

fn license(value: &Value) -> Option<String> {
    value.as_str().or_else(|| value.get("type")?.as_str()).filter(|name| !name.is_empty()).map(str::to_owned)
}

/// Below `node_modules/NAME` or `node_modules/@SCOPE/NAME`, not that folder's own file.
fn is_inside_package(path: &str) -> bool {
    let Some((_, rest)) = path.rsplit_once("node_modules/") else { return false };
    let own = if rest.starts_with('@') { 3 } else { 2 };
    rest.split('/').count() > own
}

#[cfg(test)]
mod tests {
    use plimsoll_model::ProblemEffect;

    use super::*;

    #[test]
    fn name_version_and_licences_are_read() {
        let out = parse(br#"{"name":"@babel/core","version":"7.0.0","license":{"type":"MIT"}}"#, "x/package.json");
        assert_eq!(out.packages[0].id(), "@babel/core@7.0.0");
        assert_eq!(out.packages[0].licenses, ["MIT"]);
    }

    #[test]
    fn doubled_keys_are_read_as_node_reads_them() {
        let out = parse(br#"{"name":"a","version":"1.0.0","version":"2.0.0"}"#, "x/package.json");
        assert_eq!(out.packages[0].id(), "a@2.0.0");
    }

    #[test]
    fn files_that_only_configure_are_no_packages() {
        for text in [&br#"{"type":"module"}"#[..], br#"{"name":"x"}"#, br#"{"name":7,"version":"1"}"#] {
            let out = parse(text, "node_modules/x/package.json");
            assert!(out.packages.is_empty() && out.problems.is_empty());
        }
    }

    #[test]
    fn broken_file_counts_only_as_a_packages_own() {
        let effect = |path| parse(b"{", path).problems[0].effect;
        assert_eq!(effect("app/node_modules/resolve/package.json"), ProblemEffect::Undecided);
        assert_eq!(effect("app/node_modules/@a/b/package.json"), ProblemEffect::Undecided);
        assert_eq!(effect("app/node_modules/resolve/test/malformed/package.json"), ProblemEffect::Note);
        assert_eq!(effect("app/package.json"), ProblemEffect::Undecided);
    }
}
