//! Rust programs built with cargo-auditable. In: a program. Out: the crates in it. A Rust program without the section says
//! nothing of its crates. Format: <https://github.com/rust-secure-code/cargo-auditable/blob/master/PARSING.md>.

use std::collections::BTreeSet;
use std::io::Read;

use object::read::{Object, ObjectSection};
use plimsoll_model::{Ecosystem, Package, Problem, ProblemKind, Relationship};
use serde::Deserialize;

use crate::depends::Depends;
use crate::reader::{ReadInput, ReadOutput, Reader, Scope};
use crate::text::unreadable;

const SECTION: &str = ".dep-v0";

pub const READER: Reader = Reader {
    id: "cargo-auditable",
    what: "Rust program with cargo-auditable's list",
    ecosystem: Ecosystem::Cargo,
    scope: Scope::Image,
    wants: super::is_program,
    markers: &[SECTION.as_bytes()],
    companion: None,
    max_size: super::MAX_PROGRAM,
    read: |input: &ReadInput<'_>| parse(input.bytes),
};

/// Unpacked, a thousand crates are 100 kB.
const MAX_LIST: u64 = 8 << 20;

#[derive(Deserialize)]
struct List {
    packages: Vec<Crate>,
}

#[derive(Deserialize)]
struct Crate {
    name: String,
    version: String,
    /// `runtime` when it is not said.
    kind: Option<String>,
    #[serde(default)]
    dependencies: Vec<usize>,
    #[serde(default)]
    root: bool,
}

/// Crates of a program; nothing when it has no list.
pub fn parse(bytes: &[u8]) -> ReadOutput {
    // A program that is broken elsewhere is not this reader's to report: the marker may stand anywhere.
    let Ok(file) = object::File::parse(bytes) else { return ReadOutput::default() };
    match file.section_by_name(SECTION).map(|section| section.data()) {
        None => ReadOutput::default(),
        Some(Ok(data)) => list(data),
        Some(Err(error)) => ReadOutput::problem(unreadable("cargo-auditable's list of crates", error)),
    }
}

/// Crates of the section's bytes: zlib over JSON.
pub fn list(data: &[u8]) -> ReadOutput {
    let mut json = Vec::new();
    let unpacked = flate2::read::ZlibDecoder::new(data).take(MAX_LIST + 1).read_to_end(&mut json);
    if let Err(error) = unpacked {
        return ReadOutput::problem(unreadable("cargo-auditable's list of crates", error));
    }
    if json.len() as u64 > MAX_LIST {
        let message = format!("cargo-auditable's list of crates unpacks to more than {} MiB", MAX_LIST >> 20);
        return ReadOutput::problem(Problem::undecided(ProblemKind::LimitReached, message));
    }
    let list: List = match serde_json::from_slice(&json) {
        Ok(list) => list,
        Err(error) => return ReadOutput::problem(unreadable("cargo-auditable's list of crates", error)),
    };
    // What only build scripts need is not in the program.
    let in_program = |c: &&Crate| c.kind.as_deref().unwrap_or("runtime") == "runtime";
    let direct: BTreeSet<usize> =
        list.packages.iter().filter(|c| c.root).flat_map(|c| c.dependencies.iter().copied()).collect();
    let mut depends = Depends::default();
    let mut packages = Vec::new();
    for (index, entry) in list.packages.iter().enumerate().filter(|(_, c)| in_program(c)) {
        let mut package = Package::new(Ecosystem::Cargo, READER.id, &entry.name, &entry.version);
        package.relationship = if entry.root {
            Relationship::Root
        } else if direct.contains(&index) {
            Relationship::Direct
        } else {
            Relationship::Indirect
        };
        let needed = entry.dependencies.iter().filter_map(|at| list.packages.get(*at).filter(in_program));
        package.depends_on = depends.list(needed.map(|c| (c.name.as_str(), c.version.as_str())));
        packages.push(package);
    }
    ReadOutput { packages, problems: depends.problem().into_iter().collect() }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use super::*;

    pub fn packed(json: &str) -> Vec<u8> {
        let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(json.as_bytes()).unwrap();
        out.finish().unwrap()
    }

    #[test]
    fn crates_of_the_program_are_listed() {
        let json = r#"{"packages":[
            {"name":"cc","version":"1.0.0","source":"crates.io","kind":"build"},
            {"name":"libc","version":"0.2.0","source":"crates.io"},
            {"name":"log","version":"0.4.0","source":"crates.io","dependencies":[1]},
            {"name":"shop","version":"0.1.0","source":"local","dependencies":[0,2],"root":true}]}"#;
        let out = list(&packed(json));
        let found: Vec<_> = out.packages.iter().map(|p| (p.id(), p.relationship, p.depends_on.join(" "))).collect();
        assert_eq!(
            found,
            [
                ("libc@0.2.0".into(), Relationship::Indirect, "".into()),
                ("log@0.4.0".into(), Relationship::Direct, "libc@0.2.0".into()),
                ("shop@0.1.0".into(), Relationship::Root, "log@0.4.0".into()),
            ]
        );
    }

    #[test]
    fn broken_and_oversized_lists_are_undecided() {
        assert_eq!(list(b"no zlib").problems.len(), 1);
        assert_eq!(list(&packed("{}")).problems.len(), 1);
        let bomb = packed(&" ".repeat((MAX_LIST + 1) as usize));
        assert_eq!(list(&bomb).problems[0].kind, ProblemKind::LimitReached);
        let whole = packed(r#"{"packages":[]}"#);
        assert_eq!(list(&whole[..whole.len() - 6]).problems.len(), 1);
    }

    #[test]
    fn plain_programs_say_nothing() {
        let out = parse(b"\x7fELF .dep-v0");
        assert!(out.packages.is_empty() && out.problems.is_empty());
    }
}
