//! dpkg's status file, Debian's and Ubuntu's package database. In: `status`, or one file of `status.d` as distroless
//! images have them. Out: installed packages. File lists (`info/*.list`, `*.md5sums`) are read by [`listed_files`].
//!
//! Follows deb822(5), dpkg-query(1) and Debian Policy §5.

use std::collections::HashSet;

use plimsoll_model::{Ecosystem, Package, Problem, ProblemKind, SourcePackage};

use super::{Database, DatabaseOutput, skips_nothing};

pub const STATUS: Database = Database {
    id: "dpkg",
    ecosystem: Ecosystem::Dpkg,
    files: &["var/lib/dpkg/status"],
    folders: &[],
    skips: skips_nothing,
    read: |path, bytes| parse_status(path, bytes, false),
};

pub const STATUS_FOLDER: Database = Database {
    id: "dpkg",
    ecosystem: Ecosystem::Dpkg,
    files: &[],
    folders: &["var/lib/dpkg/status.d"],
    skips: |name| name.ends_with(".md5sums") || name.ends_with(".preinst") || name.ends_with(".list"),
    // Distroless images write the control file without a Status field: being there is being installed.
    read: |path, bytes| parse_status(path, bytes, true),
};

/// The folders whose `*.list` and `*.md5sums` say which files a package brought.
pub const LIST_FOLDERS: &[&str] = &["var/lib/dpkg/info", "var/lib/dpkg/status.d"];

/// True for a file that lists the files of a package. `info` holds both kinds: the list is whole, the sums leave out
/// configuration; `status.d` has sums only.
pub fn is_list(path: &str) -> bool {
    path.rsplit_once('/').is_some_and(|(folder, name)| {
        (folder == LIST_FOLDERS[0] && name.ends_with(".list"))
            || (folder == LIST_FOLDERS[1] && name.ends_with(".md5sums"))
    })
}

/// A package's name from the name of its list: `libc6:amd64.list` is of `libc6`.
pub fn package_of_list(file_name: &str) -> &str {
    let stem = file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem);
    stem.split(':').next().unwrap_or(stem)
}

/// The paths in a `.list` (one a line, absolute) or `.md5sums` (`sum  relative path`), without leading slash.
pub fn listed_files(is_sums: bool, bytes: &[u8]) -> impl Iterator<Item = &str> {
    bytes.split(|b| *b == b'\n').filter_map(move |line| {
        let line = std::str::from_utf8(line).ok()?;
        let path = if is_sums { line.split_once("  ")?.1 } else { line };
        let path = path.strip_prefix("./").or_else(|| path.strip_prefix('/')).unwrap_or(path);
        (!path.is_empty() && path != ".").then_some(path)
    })
}

/// The fields of one paragraph that we use.
#[derive(Debug, Default)]
struct Paragraph {
    package: Option<String>,
    version: Option<String>,
    status: Option<String>,
    architecture: Option<String>,
    source: Option<String>,
    maintainer: Option<String>,
    /// Any line at all.
    any: bool,
    /// First line, from 1.
    line: u32,
}

/// Reads a status file. `always_installed`: a paragraph without Status is installed. A file that is not UTF-8, is cut in
/// the middle of a paragraph or has lines that are no field gives an undecided problem beside what was understood.
pub fn parse_status(path: &str, bytes: &[u8], always_installed: bool) -> DatabaseOutput {
    let mut output = DatabaseOutput::default();
    let mut seen: HashSet<(String, String)> = HashSet::new();
    let mut paragraph = Paragraph::default();
    let mut bad_lines = 0u32;
    let mut not_utf8 = false;
    // dpkg ends every entry with an empty line, the last one too: without it the file was cut, and nothing tells how much
    // is missing. Control files of distroless images are not written by dpkg.
    let cut = !always_installed && !bytes.is_empty() && bytes != b"\n" && !bytes.ends_with(b"\n\n");
    let mut line_number = 0u32;
    for line in bytes.split(|b| *b == b'\n') {
        line_number = line_number.saturating_add(1);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.iter().all(u8::is_ascii_whitespace) {
            let whole = std::mem::take(&mut paragraph);
            finish(path, whole, always_installed, &mut seen, &mut output);
            continue;
        }
        if !paragraph.any {
            (paragraph.any, paragraph.line) = (true, line_number);
        }
        if matches!(line.first(), Some(b' ' | b'\t' | b'#')) {
            continue;
        }
        let Some(colon) = line.iter().position(|b| *b == b':') else {
            bad_lines += 1;
            continue;
        };
        let slot = match line[..colon].to_ascii_lowercase().as_slice() {
            b"package" => &mut paragraph.package,
            b"version" => &mut paragraph.version,
            b"status" => &mut paragraph.status,
            b"architecture" => &mut paragraph.architecture,
            b"source" => &mut paragraph.source,
            b"maintainer" => &mut paragraph.maintainer,
            _ => continue,
        };
        let value = String::from_utf8_lossy(line[colon + 1..].trim_ascii());
        not_utf8 |= value.contains(char::REPLACEMENT_CHARACTER);
        *slot = Some(value.into_owned());
    }
    finish(path, paragraph, always_installed, &mut seen, &mut output);
    let mut problem = |what: String| {
        output.problems.push(unreadable(format!("read the package database {path}: {what}")));
    };
    if bad_lines > 0 {
        problem(format!("{bad_lines} lines are no `Field: value`"));
    }
    if not_utf8 {
        problem("a field is not UTF-8".into());
    }
    if cut {
        problem("it does not end with an empty line, so it was cut".into());
    }
    output
}

fn unreadable(message: String) -> Problem {
    Problem::undecided(ProblemKind::UnreadableMetadata, message)
        .with_hint("the file looks cut or overwritten; build or pull the image again")
}

fn finish(
    path: &str,
    paragraph: Paragraph,
    always_installed: bool,
    seen: &mut HashSet<(String, String)>,
    output: &mut DatabaseOutput,
) {
    if !paragraph.any {
        return;
    }
    let line = paragraph.line;
    let complain = |output: &mut DatabaseOutput, what: &str| {
        output
            .problems
            .push(unreadable(format!("read the package database {path}: the entry at line {line} has no {what}")));
    };
    let Some(name) = paragraph.package.filter(|n| !n.is_empty()) else {
        return complain(output, "Package");
    };
    match &paragraph.status {
        // `want flag status`: only the last word says what is there. Half-installed and unpacked files are there too.
        Some(status) => match status.split_ascii_whitespace().nth(2) {
            Some("not-installed" | "config-files") => return output.not_installed.push(name),
            Some(_) => {}
            None => complain(output, "complete Status"),
        },
        None if always_installed => {}
        None => return complain(output, "Status"),
    }
    let Some(version) = paragraph.version.filter(|v| !v.is_empty()) else {
        return complain(output, "Version");
    };
    // The same package of two architectures is one thing to advisories.
    if !seen.insert((name.clone(), version.clone())) {
        return;
    }
    let mut package = Package::new(Ecosystem::Dpkg, "dpkg", name, version);
    // `Source: name` or `Source: name (version)`; without it the package is its own source.
    let (source, source_version) = match paragraph.source.as_deref().filter(|s| !s.is_empty()) {
        Some(text) => match text.split_once('(') {
            Some((source, rest)) => (source.trim(), rest.trim_end_matches(')').trim()),
            None => (text.trim(), package.version.as_str()),
        },
        None => (package.name.as_str(), package.version.as_str()),
    };
    package.source = Some(SourcePackage { name: source.to_owned(), version: source_version.to_owned() });
    package.arch = paragraph.architecture.filter(|a| !a.is_empty());
    package.vendor = paragraph.maintainer.filter(|m| !m.is_empty());
    output.packages.push(package);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(text: &str) -> Vec<String> {
        parse_status("status", text.as_bytes(), false).packages.iter().map(Package::id).collect()
    }

    #[test]
    fn source_version_in_brackets_is_the_source_s_own() {
        let text = "Package: libssl3\nStatus: install ok installed\nArchitecture: amd64\nSource: openssl (3.0.11-1)\n\
                    Version: 3.0.11-1+b4\nMaintainer: Debian OpenSSL Team <x@y>\nDescription: a\n long one\n .\n more: text\n\n";
        let output = parse_status("status", text.as_bytes(), false);
        assert_eq!(output.problems, []);
        let package = &output.packages[0];
        assert_eq!(package.id(), "libssl3@3.0.11-1+b4");
        assert_eq!((package.source_name(), package.source_version()), ("openssl", "3.0.11-1"));
        assert_eq!(package.vendor.as_deref(), Some("Debian OpenSSL Team <x@y>"));
    }

    #[test]
    fn removed_packages_are_not_installed_and_held_ones_are() {
        let text = "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n\
                    Package: held\nStatus: hold ok installed\nVersion: 2\n\n\
                    Package: half\nStatus: install reinstreq half-installed\nVersion: 3\n\n\
                    Package: wished\nStatus: install ok not-installed\n\n";
        assert_eq!(names(text), ["held@2", "half@3"]);
    }

    #[test]
    fn two_architectures_of_a_package_are_one() {
        let text = "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.2\n\n\
                    Package: zlib1g\nStatus: install ok installed\nArchitecture: i386\nVersion: 1.2\n\n";
        assert_eq!(names(text), ["zlib1g@1.2"]);
    }

    #[test]
    fn distroless_control_files_have_no_status_and_are_installed() {
        let text = b"Package: tzdata\nVersion: 2024a-0+deb12u1\nArchitecture: all\n";
        let output = parse_status("var/lib/dpkg/status.d/tzdata", text, true);
        assert_eq!(output.packages.len(), 1);
        assert_eq!(output.problems, []);
        assert!(!STATUS_FOLDER.is("var/lib/dpkg/status.d/tzdata.md5sums"));
        assert!(STATUS_FOLDER.is("var/lib/dpkg/status.d/tzdata"));
    }

    #[test]
    fn a_database_cut_anywhere_in_a_paragraph_is_never_clean() {
        let text = "Package: a\nStatus: install ok installed\nVersion: 1\n\nPackage: b\nStatus: install ok installed\nVersion: 2\n\n";
        let second = text.find("Package: b").unwrap();
        for end in second + 1..text.len() {
            let output = parse_status("status", &text.as_bytes()[..end], false);
            assert!(!output.problems.is_empty(), "cut at {end}: {:?}", &text[..end]);
        }
    }

    #[test]
    fn lists_give_paths_without_the_leading_slash() {
        let list: Vec<_> = listed_files(false, b"/.\n/usr\n/usr/bin/x\n").collect();
        assert_eq!(list, ["usr", "usr/bin/x"]);
        let sums: Vec<_> = listed_files(true, b"d41d8cd98f00b204e9800998ecf8427e  usr/bin/x\n").collect();
        assert_eq!(sums, ["usr/bin/x"]);
        assert_eq!(package_of_list("libc6:amd64.list"), "libc6");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse_status("status", &bytes, false);
        }
    }
}
