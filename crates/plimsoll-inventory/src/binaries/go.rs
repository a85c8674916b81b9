//! Go programs. In: a program. Out: its modules with replacements in place, the main module with the best version there
//! is, and the standard library it was built with. What it does not do: look at symbols.

use plimsoll_model::{Ecosystem, Package, Problem, ProblemKind, Relationship};

use super::go_build_info::{BuildInfo, MAGIC, build_info};
use crate::reader::{ReadInput, ReadOutput, Reader, Scope};

pub const READER: Reader = Reader {
    id: "go-binary",
    what: "Go program",
    ecosystem: Ecosystem::Go,
    scope: Scope::Image,
    wants: super::is_program,
    markers: &[MAGIC],
    companion: None,
    max_size: super::MAX_PROGRAM,
    read: |input: &ReadInput<'_>| parse(input.bytes),
};

/// Modules of a Go program; nothing for other programs, even such as carry Go's magic as data.
pub fn parse(bytes: &[u8]) -> ReadOutput {
    let Some(info) = build_info(bytes) else { return ReadOutput::default() };
    let mut out = ReadOutput::default();
    let mut stdlib = Package::new(Ecosystem::Go, READER.id, "stdlib", stdlib_version(&info.go_version));
    stdlib.relationship = Relationship::Direct;
    out.packages.push(stdlib);
    for module in info.deps.iter().filter(|module| !module.path.is_empty()) {
        out.packages.push(Package::new(Ecosystem::Go, READER.id, &module.path, known(&module.version)));
    }
    match &info.main {
        Some(main) if !main.path.is_empty() => {
            let mut root =
                Package::new(Ecosystem::Go, READER.id, &main.path, main_version(&info, &main.path, &main.version));
            root.relationship = Relationship::Root;
            root.depends_on = out.packages.iter().map(Package::id).collect();
            root.depends_on.sort();
            out.packages.push(root);
        }
        // Go's own tools are built from the standard library and what is vendored in it.
        _ if info.path.starts_with("cmd/") || !info.deps.is_empty() => {}
        // Distributions build so, and their package answers for it.
        _ => out.problems.push(Problem::note(
            ProblemKind::UnreadableMetadata,
            format!(
                "Go program ({}) was built without module information: which modules are in it is not known",
                info.go_version
            ),
        )),
    }
    out
}

/// `(devel)` is what Go writes when it does not know.
fn known(version: &str) -> &str {
    if version == "(devel)" { "" } else { version }
}

/// `go1.21.0 X:boringcrypto`, `go1.24-X:…` → `v1.21.0`; empty for a development build, which no advisory speaks of.
fn stdlib_version(go: &str) -> String {
    let version = go.split(' ').next().unwrap_or_default();
    let version = version.split("-X:").next().unwrap_or_default();
    version.strip_prefix("go").map_or_else(String::new, |version| format!("v{version}"))
}

/// The main module's own version if it is a real one, else the one that the build stamped with `-ldflags -X`.
fn main_version(info: &BuildInfo, path: &str, version: &str) -> String {
    let version = known(version);
    if !version.is_empty() && !version.starts_with("v0.0.0") {
        return version.to_owned();
    }
    let flags = info.settings.iter().find(|(key, _)| key == "-ldflags").map_or("", |(_, value)| value.as_str());
    stamped_version(path, flags).unwrap_or_else(|| version.to_owned())
}

/// The version among `-X importpath.name=value`: one of the module's commands, else of a package named for it, else any;
/// several of the same rank are no answer.
fn stamped_version(module: &str, flags: &str) -> Option<String> {
    let mut ranks: [Vec<&str>; 3] = Default::default();
    let words = words(flags);
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("-X") {
            Some("") => words.next().unwrap_or_default(),
            Some(rest) => rest.strip_prefix('=').unwrap_or(rest),
            None => continue,
        };
        let Some((key, value)) = setting.split_once('=') else { continue };
        let lower = key.to_ascii_lowercase();
        if !(lower.ends_with(".version") || lower.ends_with(".ver")) || !is_semver(value) {
            continue;
        }
        let package = lower.rsplit('/').next().and_then(|last| last.split('.').next()).unwrap_or_default();
        let rank = if key.strip_prefix(module).is_some_and(|rest| rest.starts_with("/cmd/")) {
            0
        } else if matches!(package, "main" | "common" | "version" | "cmd") {
            1
        } else {
            2
        };
        ranks[rank].push(value);
    }
    match ranks.iter().find(|found| !found.is_empty())?.as_slice() {
        [only] => Some((*only).to_owned()),
        _ => None,
    }
}

/// Words as a shell splits them, single and double quotes obeyed.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut open) = (Vec::new(), String::new(), None, false);
    for c in text.chars() {
        match (quote, c) {
            (Some(mark), c) if c == mark => quote = None,
            (None, '\'' | '"') => (quote, open) = (Some(c), true),
            (None, c) if c.is_whitespace() => {
                if open || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            (_, c) => word.push(c),
        }
    }
    if open || !word.is_empty() {
        words.push(word);
    }
    words
}

/// `[v]MAJOR[.MINOR[.PATCH[-pre][+build]]]`, as Go's semver package has it.
fn is_semver(text: &str) -> bool {
    let text = text.strip_prefix('v').unwrap_or(text);
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    let numbers: Vec<&str> = numbers.split('.').collect();
    let number = |part: &&str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) && (part.len() == 1 || !part.starts_with('0'))
    };
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.');
    numbers.len() <= 3
        && numbers.iter().all(number)
        && rest.chars().all(word)
        && (rest.is_empty() || numbers.len() == 3)
}

#[cfg(test)]
mod tests {
    use super::super::go_build_info::tests::inline;
    use super::*;

    #[test]
    fn modules_main_and_standard_library_are_listed() {
        let text = "path\texample.com/shop\nmod\texample.com/shop\t(devel)\t\ndep\tgolang.org/x/net\tv0.0.0-20220127200216-cd36cc0744dd\th1:x=\nbuild\t-ldflags=\"-X main.version=1.4.0\"\n";
        let out = parse(&inline("go1.21.0 X:boringcrypto", text));
        let found: Vec<_> = out.packages.iter().map(|p| (p.id(), p.relationship)).collect();
        assert_eq!(
            found,
            [
                ("stdlib@v1.21.0".into(), Relationship::Direct),
                ("golang.org/x/net@v0.0.0-20220127200216-cd36cc0744dd".into(), Relationship::Unknown),
                ("example.com/shop@1.4.0".into(), Relationship::Root),
            ]
        );
        assert!(out.problems.is_empty());
    }

    #[test]
    fn stamped_versions_are_ranked() {
        for (flags, version) in [
            ("-s -w -X main.version=v1.0.0", Some("v1.0.0")),
            ("-X=main.version=1.0.0", Some("1.0.0")),
            ("-X 'main.Version=1.0.0-rc.1' -X \"example.com/shop/pkg/app.version=2.0.0\"", Some("1.0.0-rc.1")),
            ("-X example.com/shop/cmd/shop/x.version=3.0.0 -X main.version=1.0.0", Some("3.0.0")),
            ("-X example.com/other/lib.ver=2.0.0", Some("2.0.0")),
            ("-X main.version=1.0.0 -X version.version=2.0.0", None),
            ("-X main.version=dev -X main.commit=1.0.0", None),
            ("-X", None),
            ("", None),
        ] {
            assert_eq!(stamped_version("example.com/shop", flags).as_deref(), version, "{flags}");
        }
    }

    #[test]
    fn unknown_versions_stay_unknown() {
        assert_eq!(stdlib_version("devel go1.23-abcdef Mon"), "");
        assert_eq!(stdlib_version("go1.24.1-X:nocoverageredesign"), "v1.24.1");
        let out = parse(&inline("go1.20", "path\tx\nmod\tx\t(devel)\t\n"));
        assert_eq!(out.packages[1].version, "");
        let kept = parse(&inline("go1.20", "path\tx\nmod\tx\tv0.0.0-20240101000000-aaaaaaaaaaaa\t\n"));
        assert_eq!(kept.packages[1].version, "v0.0.0-20240101000000-aaaaaaaaaaaa");
    }

    #[test]
    fn program_without_modules_is_noted() {
        assert_eq!(parse(&inline("go1.20", "path\tgithub.com/x/y\n")).problems.len(), 1);
        assert!(parse(&inline("go1.20", "path\tcmd/gofmt\n")).problems.is_empty());
    }
}
