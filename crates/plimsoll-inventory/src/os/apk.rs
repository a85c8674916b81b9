//! Alpine's and Wolfi's package database, `lib/apk/db/installed`. In: its bytes. Out: packages with their files.
//! Follows apk-tools' database format ("apk v2 installed database"): one `X:value` a line, an empty line after each package.

use plimsoll_model::{Ecosystem, Package, Problem, ProblemKind, SourcePackage};

use super::{Database, DatabaseOutput, skips_nothing};

pub const DATABASE: Database = Database {
    id: "apk",
    ecosystem: Ecosystem::Apk,
    files: &["lib/apk/db/installed", "usr/lib/apk/db/installed"],
    folders: &[],
    skips: skips_nothing,
    read: parse_installed,
};

/// Reads the installed database. Cut or foreign content gives an undecided problem beside what was understood.
pub fn parse_installed(path: &str, bytes: &[u8]) -> DatabaseOutput {
    let mut output = DatabaseOutput::default();
    let mut package: Option<Package> = None;
    let mut origin: Option<String> = None;
    let mut folder = String::new();
    let mut bad_lines = 0u32;
    let mut not_utf8 = false;
    // apk ends every package with an empty line, the last one too.
    let cut = !bytes.is_empty() && bytes != b"\n" && !bytes.ends_with(b"\n\n");
    for line in bytes.split(|b| *b == b'\n').chain([&b""[..]]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            folder.clear();
            let origin = origin.take();
            if let Some(mut package) = package.take() {
                if package.name.is_empty() || package.version.is_empty() {
                    bad_lines += 1;
                    continue;
                }
                // The origin is the source package; it shares the version. Subpackages without one are their own.
                package.source = Some(SourcePackage {
                    name: origin.filter(|o| !o.is_empty()).unwrap_or_else(|| package.name.clone()),
                    version: package.version.clone(),
                });
                output.packages.push(package);
            }
            continue;
        }
        let [key, b':', value @ ..] = line else {
            bad_lines += 1;
            continue;
        };
        let package = package.get_or_insert_with(|| Package::new(Ecosystem::Apk, "apk", "", ""));
        let text = || String::from_utf8_lossy(value);
        match key {
            b'P' => package.name = text().into_owned(),
            b'V' => package.version = text().into_owned(),
            b'A' => package.arch = Some(text().into_owned()),
            b'L' => package.licenses = text().split_ascii_whitespace().collect::<Vec<_>>().join(" ").into_list(),
            b'm' => package.vendor = Some(text().into_owned()),
            b'o' => origin = Some(text().into_owned()),
            b'F' => folder = text().into_owned(),
            b'R' => {
                let name = text();
                package.files.push(if folder.is_empty() { name.into_owned() } else { format!("{folder}/{name}") });
            }
            _ => {}
        }
        if matches!(key, b'P' | b'V' | b'o') {
            not_utf8 |= std::str::from_utf8(value).is_err();
        }
    }
    let mut problem = |what: String| {
        output.problems.push(
            Problem::undecided(ProblemKind::UnreadableMetadata, format!("read the package database {path}: {what}"))
                .with_hint("the file looks cut or overwritten; build or pull the image again"),
        );
    };
    if bad_lines > 0 {
        problem(format!("{bad_lines} lines or entries are not of its format"));
    }
    if not_utf8 {
        problem("a name or version is not UTF-8".into());
    }
    if cut {
        problem("it does not end with an empty line, so it was cut".into());
    }
    output
}

/// A licence expression stands whole: splitting it would change its meaning.
trait IntoList {
    fn into_list(self) -> Vec<String>;
}

impl IntoList for String {
    fn into_list(self) -> Vec<String> {
        if self.is_empty() { Vec::new() } else { vec![self] }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "C:Q1abc=\nP:libcrypto3\nV:3.1.4-r5\nA:x86_64\nL:Apache-2.0\no:openssl\nm:A <a@b>\nF:lib\nR:libcrypto.so.3\na:0:0:755\n\
                        Z:Q1x=\nF:usr\nF:usr/lib\nR:libcrypto.so\n\nP:musl\nV:1.2.4_git20230717-r4\nA:x86_64\n\n";

    #[test]
    fn the_origin_is_the_source_package() {
        let output = parse_installed("lib/apk/db/installed", TEXT.as_bytes());
        assert_eq!(output.problems, []);
        let first = &output.packages[0];
        assert_eq!((first.id(), first.source_name()), ("libcrypto3@3.1.4-r5".to_owned(), "openssl"));
        assert_eq!(first.files, ["lib/libcrypto.so.3", "usr/lib/libcrypto.so"]);
        assert_eq!(output.packages[1].source_name(), "musl");
    }

    #[test]
    fn a_cut_database_is_never_clean() {
        let second = TEXT.find("P:musl").unwrap();
        for end in second + 1..TEXT.len() {
            assert!(!parse_installed("installed", &TEXT.as_bytes()[..end]).problems.is_empty(), "cut at {end}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse_installed("installed", &bytes);
        }
    }
}
