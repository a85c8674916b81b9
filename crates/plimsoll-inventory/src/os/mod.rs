//! Package databases of operating systems. In: the bytes of one database file. Out: its packages and problems.
//!
//! How to add one: a file beside this one with a `pub const DATABASE: Database`, its `mod` line and its line in
//! [`DATABASES`]. What it does not do: decide which layer brought a package; `catalogue` does.

pub mod apk;
pub mod dpkg;
pub mod rpm;

use plimsoll_model::{Ecosystem, Package, Problem};

/// One kind of database.
#[derive(Debug)]
pub struct Database {
    pub id: &'static str,
    pub ecosystem: Ecosystem,
    /// Files that are such a database, relative to the root.
    pub files: &'static [&'static str],
    /// Folders of which every file (but those that `skips` names) is one.
    pub folders: &'static [&'static str],
    /// File names in `folders` that are no database.
    pub skips: fn(&str) -> bool,
    /// Never panics, whatever the bytes.
    pub read: fn(&str, &[u8]) -> DatabaseOutput,
}

impl Database {
    /// Whether the path is one of this database's files.
    pub fn is(&self, path: &str) -> bool {
        self.files.contains(&path)
            || path.rsplit_once('/').is_some_and(|(folder, name)| self.folders.contains(&folder) && !(self.skips)(name))
    }
}

/// What a database holds. `Package::files` is filled where the database itself lists files.
#[derive(Debug, Default)]
pub struct DatabaseOutput {
    pub packages: Vec<Package>,
    /// Names of packages that it knows and that are not installed (dpkg's `config-files`).
    pub not_installed: Vec<String>,
    pub problems: Vec<Problem>,
}

/// Every kind of package database.
pub const DATABASES: &[&Database] = &[
    &dpkg::STATUS,
    &dpkg::STATUS_FOLDER,
    &apk::DATABASE,
    &rpm::SQLITE,
    &rpm::NDB,
    &rpm::BDB,
    &rpm::SQLITE_LOG,
    &rpm::MANIFEST,
];

/// The database that a path belongs to.
pub fn database_of(path: &str) -> Option<&'static Database> {
    DATABASES.iter().copied().find(|database| database.is(path))
}

/// `None` names in `skips`.
fn skips_nothing(_: &str) -> bool {
    false
}
