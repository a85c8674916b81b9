//! rpm's package databases, read without librpm: SQLite (rpm ≥ 4.16), ndb (SUSE) and Berkeley DB hash files (older). In:
//! the database file. Out: packages with their files. Each backend gives header blobs; `header` reads those.

mod bdb;
mod bytes;
pub mod header;
mod ndb;
mod sqlite;

use plimsoll_model::{Ecosystem, Package, Problem, ProblemKind};

pub use bdb::blobs as bdb_blobs;
pub use ndb::blobs as ndb_blobs;
pub use sqlite::blobs as sqlite_blobs;

use super::{Database, DatabaseOutput, skips_nothing};

/// Packages of one database: the largest distributions have 60,000 in all.
pub const MAX_PACKAGES: usize = 200_000;

pub const SQLITE: Database = Database {
    id: "rpm",
    ecosystem: Ecosystem::Rpm,
    files: &["var/lib/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/rpmdb.sqlite", "usr/share/rpm/rpmdb.sqlite"],
    folders: &[],
    skips: skips_nothing,
    read: |path, bytes| read(path, bytes, sqlite_blobs),
};

pub const NDB: Database = Database {
    id: "rpm",
    ecosystem: Ecosystem::Rpm,
    files: &["var/lib/rpm/Packages.db", "usr/lib/sysimage/rpm/Packages.db", "usr/share/rpm/Packages.db"],
    folders: &[],
    skips: skips_nothing,
    read: |path, bytes| read(path, bytes, ndb_blobs),
};

pub const BDB: Database = Database {
    id: "rpm",
    ecosystem: Ecosystem::Rpm,
    files: &["var/lib/rpm/Packages", "usr/lib/sysimage/rpm/Packages", "usr/share/rpm/Packages"],
    folders: &[],
    skips: skips_nothing,
    read: |path, bytes| read(path, bytes, bdb_blobs),
};

/// What SQLite had not yet written into the database itself. rpm leaves none behind when it ends well.
pub const SQLITE_LOG: Database = Database {
    id: "rpm",
    ecosystem: Ecosystem::Rpm,
    files: &["var/lib/rpm/rpmdb.sqlite-wal", "usr/lib/sysimage/rpm/rpmdb.sqlite-wal", "usr/share/rpm/rpmdb.sqlite-wal"],
    folders: &[],
    skips: skips_nothing,
    read: |path, bytes| {
        let mut output = DatabaseOutput::default();
        if !bytes.is_empty() {
            output.problems.push(
                Problem::undecided(
                    ProblemKind::UnreadableMetadata,
                    format!(
                        "read the package database beside {path}: its write-ahead log holds changes that are not in it"
                    ),
                )
                .with_hint("run `rpm -qa >/dev/null` as the last step of the build, which folds the log in"),
            );
        }
        output
    },
};

/// What distroless images of Azure Linux and CBL-Mariner have instead of a database: a line a package.
pub const MANIFEST: Database = Database {
    id: "rpm",
    ecosystem: Ecosystem::Rpm,
    files: &["var/lib/rpmmanifest/container-manifest-2"],
    folders: &[],
    skips: skips_nothing,
    read: parse_manifest,
};

/// A database file to its header blobs.
pub type Blobs = fn(&[u8]) -> Result<(Vec<Vec<u8>>, Vec<String>), String>;

fn unreadable(path: &str, what: &str) -> Problem {
    Problem::undecided(ProblemKind::UnreadableMetadata, format!("read the package database {path}: {what}"))
        .with_hint("the file looks cut or overwritten; build or pull the image again")
}

fn read(path: &str, bytes: &[u8], blobs: Blobs) -> DatabaseOutput {
    let mut output = DatabaseOutput::default();
    if bytes.is_empty() {
        // rpm makes an empty file before it writes the first page.
        output.problems.push(unreadable(path, "it is empty"));
        return output;
    }
    match blobs(bytes) {
        Ok((blobs, faults)) => {
            output.problems.extend(faults.iter().map(|fault| unreadable(path, fault)));
            let mut bad = 0usize;
            for blob in blobs {
                match header::package(&blob) {
                    Ok(package) => output.packages.extend(package),
                    Err(error) => {
                        bad += 1;
                        if bad == 1 {
                            output.problems.push(unreadable(path, &error));
                        }
                    }
                }
            }
            if bad > 1 {
                output.problems.push(unreadable(path, &format!("{bad} package headers in all could not be read")));
            }
        }
        Err(error) => output.problems.push(unreadable(path, &error)),
    }
    output
}

/// `name version-release install-time build-time vendor epoch size arch epoch-number source`, separated by tabs
/// (rpm --qf in the image's build).
fn parse_manifest(path: &str, bytes: &[u8]) -> DatabaseOutput {
    let mut output = DatabaseOutput::default();
    let text = String::from_utf8_lossy(bytes);
    for line in text.lines().filter(|line| !line.is_empty()) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, version, _, _, vendor, _, _, arch, epoch, source, ..] = fields.as_slice() else {
            output.problems.push(unreadable(path, "a line has fewer than ten fields"));
            break;
        };
        let version = match epoch.trim() {
            "0" | "" | "(none)" => (*version).to_owned(),
            epoch => format!("{epoch}:{version}"),
        };
        let mut package = Package::new(Ecosystem::Rpm, "rpm", *name, version);
        let known = |text: &str| (!text.is_empty() && text != "(none)").then(|| text.to_owned());
        package.arch = known(arch);
        package.vendor = known(vendor);
        package.source = header::source_package(source, epoch.trim().parse().ok());
        output.packages.push(package);
    }
    output
}
