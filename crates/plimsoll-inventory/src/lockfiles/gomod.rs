//! `go.mod` with the `go.sum` beside it. In: both files. Out: the main module and its requirements as replaced. What it does
//! not do: resolve module graphs, or take the standard library from the `go` and `toolchain` lines: they are lower bounds, and
//! which toolchain builds the program is not in the folder.
//! Format: <https://go.dev/ref/mod#go-mod-file>, <https://go.dev/ref/mod#go-sum-files>.

use std::collections::BTreeMap;

use plimsoll_model::{Ecosystem, Package, Problem, ProblemKind, Relationship};

use crate::reader::{Candidate, ReadInput, ReadOutput, Reader, Scope};
use crate::text::text;

pub const READER: Reader = Reader {
    id: "go-mod",
    what: "Go module file",
    ecosystem: Ecosystem::Go,
    scope: Scope::Project,
    wants: |file: &Candidate<'_>| file.name() == "go.mod",
    markers: &[],
    companion: Some(|path| path == "go.sum" || path.ends_with("/go.sum")),
    max_size: 16 << 20,
    read: |input: &ReadInput<'_>| parse(input.bytes, input.beside("go.sum")),
};

/// Modules of a `go.mod`. Since Go 1.17 it lists every module that takes part in the build; before that (told by there
/// being none marked indirect) the rest is taken from `go.sum`, the last version of each module there.
pub fn parse(go_mod: &[u8], go_sum: Option<&[u8]>) -> ReadOutput {
    let text = text(go_mod);
    let file = directives(&text);
    let lists_all = file.go.as_deref().is_some_and(|version| minor(version).is_none_or(|minor| minor >= 17));
    let mut modules: BTreeMap<&str, (&str, Relationship)> = BTreeMap::new();
    if let Some(path) = file.module {
        modules.insert(path, ("", Relationship::Root));
    }
    for require in &file.require {
        // Before 1.17 the marks are incomplete, and go.sum is asked instead.
        if require.indirect && !lists_all {
            continue;
        }
        let relationship = if require.indirect { Relationship::Indirect } else { Relationship::Direct };
        modules.insert(require.path, (require.version, relationship));
    }
    for replace in &file.replace {
        let Some((version, relationship)) = modules.get(replace.old.0).copied() else { continue };
        if replace.old.1.is_some_and(|only| only != version) {
            continue;
        }
        modules.remove(replace.old.0);
        // Without a version it is a folder of this project, whose own go.mod speaks for it.
        if let Some(version) = replace.new.1 {
            modules.insert(replace.new.0, (version, relationship));
        }
    }
    let marked = modules.values().any(|(_, relationship)| *relationship == Relationship::Indirect);
    let sum = if marked { None } else { go_sum.map(crate::text::text) };
    for line in sum.iter().flat_map(|sum| sum.lines()) {
        let mut words = line.split_whitespace();
        let (Some(path), Some(version)) = (words.next(), words.next()) else { continue };
        let known = modules.get(path).is_some_and(|(_, relationship)| *relationship != Relationship::Indirect);
        // A line with `/go.mod` alone means that the module's code was not needed; old projects keep it, to be careful.
        let version = match version.strip_suffix("/go.mod") {
            Some(_) if lists_all => continue,
            Some(version) => version,
            None => version,
        };
        // go.sum is sorted by version: the last line of a module wins.
        if !known {
            modules.insert(path, (version, Relationship::Indirect));
        }
    }
    let packages: Vec<Package> = modules
        .into_iter()
        .map(|(path, (version, relationship))| {
            let mut package = Package::new(Ecosystem::Go, READER.id, path, version);
            package.relationship = relationship;
            package
        })
        .collect();
    ReadOutput { packages, problems: file.problems }
}

/// The 21 of `1.21`, `1.21.3`, `1.21rc1`; `None` for what is no Go 1 version.
fn minor(version: &str) -> Option<u32> {
    let rest = version.strip_prefix("1.")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest[..digits].parse().ok()
}

#[derive(Default)]
struct Directives<'a> {
    module: Option<&'a str>,
    go: Option<String>,
    require: Vec<Require<'a>>,
    replace: Vec<Replace<'a>>,
    problems: Vec<Problem>,
}

struct Require<'a> {
    path: &'a str,
    version: &'a str,
    indirect: bool,
}

/// (path, version) on both sides of the arrow.
struct Replace<'a> {
    old: (&'a str, Option<&'a str>),
    new: (&'a str, Option<&'a str>),
}

/// Line by line: `verb words…`, or `verb (`, lines of words, `)`.
fn directives(text: &str) -> Directives<'_> {
    let mut out = Directives::default();
    let mut block: Option<&str> = None;
    let mut unread = Vec::new();
    for (number, line) in (1u32..).zip(text.lines()) {
        let (code, comment) = line.split_once("//").unwrap_or((line, ""));
        let mut words: Vec<&str> = code.split_whitespace().map(|word| word.trim_matches(['"', '`'])).collect();
        let verb = match block {
            Some(_) if words.first() == Some(&")") => {
                block = None;
                continue;
            }
            Some(verb) => verb,
            None if words.is_empty() => continue,
            None => words.remove(0),
        };
        if block.is_none() && words == ["("] {
            block = Some(verb);
            continue;
        }
        if block.is_some() && words.is_empty() {
            continue;
        }
        match (verb, words.as_slice()) {
            ("module", [path]) => out.module = Some(path),
            ("go", [version]) => out.go = Some((*version).to_owned()),
            ("require", [path, version]) => {
                // `// indirect`, alone or before `;`.
                let indirect = comment.split(';').next().is_some_and(|word| word.trim() == "indirect");
                out.require.push(Require { path, version, indirect });
            }
            ("replace", words) if words.iter().filter(|word| **word == "=>").count() == 1 => {
                let at = words.iter().position(|word| *word == "=>").unwrap_or_default();
                let (old, new) = (&words[..at], &words[at + 1..]);
                match (old, new) {
                    ([old, rest @ ..], [new, more @ ..]) if rest.len() <= 1 && more.len() <= 1 => {
                        out.replace
                            .push(Replace { old: (old, rest.first().copied()), new: (new, more.first().copied()) });
                    }
                    _ => unread.push(number),
                }
            }
            ("toolchain" | "exclude" | "retract" | "tool" | "ignore" | "godebug", _) => {}
            _ => unread.push(number),
        }
    }
    if let Some(first) = unread.first() {
        out.problems.push(
            Problem::undecided(
                ProblemKind::UnreadableMetadata,
                format!("read go.mod: {} of its lines make no sense, the first is line {first}", unread.len()),
            )
            .with_hint("`go mod verify` says what is wrong"),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(out: &ReadOutput) -> Vec<(String, Relationship)> {
        out.packages.iter().map(|p| (p.id(), p.relationship)).collect()
    }

    #[test]
    fn requirements_are_read_with_their_replacements() {
        let text = b"module example.com/shop // the shop\n\ngo 1.22\ntoolchain go1.22.5\n\nrequire (\n\tgithub.com/a/b v1.2.3\n\tgithub.com/c/d v2.0.0+incompatible // indirect\n\tgithub.com/local v0.1.0\n\tgithub.com/old v1.0.0\n)\nrequire golang.org/x/net v0.1.0 // indirect; why\n\nreplace github.com/local => ./local\nreplace (\n\tgithub.com/old v1.0.0 => github.com/new v1.9.0\n\tgithub.com/a/b v9.9.9 => github.com/z/z v1.0.0\n)\n";
        let out = parse(text, Some(b"github.com/never v1.0.0 h1:x\n"));
        assert!(out.problems.is_empty(), "{:?}", out.problems);
        assert_eq!(
            ids(&out),
            [
                ("example.com/shop@".into(), Relationship::Root),
                ("github.com/a/b@v1.2.3".into(), Relationship::Direct),
                ("github.com/c/d@v2.0.0+incompatible".into(), Relationship::Indirect),
                ("github.com/new@v1.9.0".into(), Relationship::Direct),
                ("golang.org/x/net@v0.1.0".into(), Relationship::Indirect),
            ]
        );
    }

    #[test]
    fn old_modules_take_the_rest_from_go_sum() {
        let text = b"module m\ngo 1.16\nrequire github.com/a v1.0.0\nrequire github.com/b v1.0.0 // indirect\n";
        let sum = b"github.com/a v0.9.0/go.mod h1:x\ngithub.com/a v1.0.0 h1:x\ngithub.com/b v1.0.0 h1:x\ngithub.com/b v1.1.0/go.mod h1:x\n\nbroken\n";
        assert_eq!(
            ids(&parse(text, Some(sum))),
            [
                ("github.com/a@v1.0.0".into(), Relationship::Direct),
                ("github.com/b@v1.1.0".into(), Relationship::Indirect),
                ("m@".into(), Relationship::Root),
            ]
        );
    }

    #[test]
    fn nonsense_is_undecided() {
        assert_eq!(parse(b"<html>\n", None).problems.len(), 1);
    }
}
