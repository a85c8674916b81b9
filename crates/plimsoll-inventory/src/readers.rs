//! The readers, each one file beside this one.
//!
//! How to add one: write `src/<family>/<name>.rs` with a `pub const READER: Reader = …` (see `reader.rs` for what each
//! field means) and its tests, add its `mod` line in the family's `mod.rs`, and add one line to [`READERS`]. Give
//! `hostile.rs` a small sample: it is cut and changed in every way, and a test asks for it. Remove the file's name from
//! [`SEEN_KINDS`] if it stood there. Documentation, coverage and tests derive from the slices.

use crate::reader::{Reader, Scope, SeenKind};
use crate::{binaries, languages, lockfiles};

/// Every reader of language packages, lockfiles, binaries and SBOMs. Package databases of the operating system are
/// `os::DATABASES`.
pub const READERS: &[&Reader] = &[
    // Programs.
    &binaries::cargo_auditable::READER,
    &binaries::go::READER,
    // What is installed.
    &languages::bitnami::READER,
    &languages::gemspec::READER,
    &languages::jar::READER,
    &languages::node::READER,
    &languages::python::READER,
    // Lockfiles.
    &lockfiles::cargo::READER,
    &lockfiles::gomod::READER,
    &lockfiles::npm::READER,
    &lockfiles::poetry::READER,
    &lockfiles::requirements::READER,
];

/// Files that are known by name and not read yet. In images only those stand that speak of packages which no reader of
/// installed packages sees: a yarn lockfile's are found in `node_modules`, a Composer list's nowhere else.
pub const SEEN_KINDS: &[SeenKind] = &[
    SeenKind { what: "yarn lockfile", scope: Scope::Project, is: |path| named(path, "yarn.lock") },
    SeenKind { what: "pnpm lockfile", scope: Scope::Project, is: |path| named(path, "pnpm-lock.yaml") },
    SeenKind {
        what: "Bun lockfile",
        scope: Scope::Project,
        is: |path| named(path, "bun.lock") || named(path, "bun.lockb"),
    },
    SeenKind { what: "Deno lockfile", scope: Scope::Project, is: |path| named(path, "deno.lock") },
    SeenKind { what: "Pipenv lockfile", scope: Scope::Project, is: |path| named(path, "Pipfile.lock") },
    SeenKind { what: "uv lockfile", scope: Scope::Project, is: |path| named(path, "uv.lock") },
    SeenKind { what: "PDM lockfile", scope: Scope::Project, is: |path| named(path, "pdm.lock") },
    SeenKind {
        what: "Python lockfile (PEP 751)",
        scope: Scope::Project,
        is: |path| named(path, "pylock.toml") || (name(path).starts_with("pylock.") && ends(path, ".toml")),
    },
    SeenKind {
        what: "Conda environment",
        scope: Scope::Project,
        is: |path| named(path, "environment.yml") || named(path, "environment.yaml") || named(path, "conda-lock.yml"),
    },
    SeenKind {
        what: "installed Conda package",
        scope: Scope::Both,
        is: |path| ends(path, ".json") && folder(path).ends_with("conda-meta"),
    },
    SeenKind { what: "Composer lockfile", scope: Scope::Project, is: |path| named(path, "composer.lock") },
    SeenKind {
        what: "list of installed Composer packages",
        scope: Scope::Both,
        is: |path| path.rsplit('/').next() == Some("installed.json"),
    },
    SeenKind {
        what: "Bundler lockfile",
        scope: Scope::Project,
        is: |path| named(path, "Gemfile.lock") || named(path, "gems.locked"),
    },
    SeenKind {
        what: "Gradle lockfile",
        scope: Scope::Project,
        is: |path| named(path, "gradle.lockfile") || named(path, "buildscript-gradle.lockfile"),
    },
    SeenKind { what: "Maven project", scope: Scope::Project, is: |path| named(path, "pom.xml") },
    SeenKind { what: "sbt lockfile", scope: Scope::Project, is: |path| named(path, "build.sbt.lock") },
    SeenKind { what: "NuGet lockfile", scope: Scope::Project, is: |path| named(path, "packages.lock.json") },
    SeenKind {
        what: "NuGet package list",
        scope: Scope::Project,
        is: |path| named(path, "packages.config") || (ends(path, "Packages.props")),
    },
    SeenKind { what: ".NET dependency list", scope: Scope::Both, is: |path| ends(path, ".deps.json") },
    SeenKind { what: "CocoaPods lockfile", scope: Scope::Project, is: |path| named(path, "Podfile.lock") },
    SeenKind { what: "Swift lockfile", scope: Scope::Project, is: |path| named(path, "Package.resolved") },
    SeenKind { what: "Carthage lockfile", scope: Scope::Project, is: |path| named(path, "Cartfile.resolved") },
    SeenKind { what: "Pub lockfile", scope: Scope::Project, is: |path| named(path, "pubspec.lock") },
    SeenKind { what: "Mix lockfile", scope: Scope::Project, is: |path| named(path, "mix.lock") },
    SeenKind { what: "Rebar lockfile", scope: Scope::Project, is: |path| named(path, "rebar.lock") },
    SeenKind { what: "Conan lockfile", scope: Scope::Project, is: |path| named(path, "conan.lock") },
    SeenKind { what: "vcpkg manifest", scope: Scope::Project, is: |path| named(path, "vcpkg.json") },
    SeenKind {
        what: "Julia manifest",
        scope: Scope::Both,
        is: |path| named(path, "Manifest.toml") || named(path, "JuliaManifest.toml"),
    },
    SeenKind { what: "renv lockfile", scope: Scope::Project, is: |path| named(path, "renv.lock") },
    SeenKind {
        what: "Stack lockfile",
        scope: Scope::Project,
        is: |path| named(path, "stack.yaml.lock") || named(path, "cabal.project.freeze"),
    },
    SeenKind { what: "Crystal lockfile", scope: Scope::Project, is: |path| named(path, "shard.lock") },
    SeenKind {
        what: "dep lockfile",
        scope: Scope::Project,
        is: |path| named(path, "Gopkg.lock") || named(path, "glide.lock"),
    },
];

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn ends(path: &str, with: &str) -> bool {
    name(path).ends_with(with)
}

/// The project's own file of that name: dependencies ship theirs, which say nothing of what is used here.
fn named(path: &str, wanted: &str) -> bool {
    name(path) == wanted
        && !folder(path).split('/').any(|part| matches!(part, "node_modules" | "vendor" | "site-packages"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reader_ids_are_unique_words() {
        for (i, reader) in READERS.iter().enumerate() {
            assert!(
                reader.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{}",
                reader.id
            );
            assert!(!READERS[..i].iter().any(|other| other.id == reader.id), "{} stands twice", reader.id);
        }
    }

    #[test]
    fn known_files_are_seen_once_and_never_also_read() {
        use crate::reader::Candidate;
        for path in [
            "yarn.lock",
            "web/pnpm-lock.yaml",
            "bun.lockb",
            "Pipfile.lock",
            "uv.lock",
            "pylock.dev.toml",
            "environment.yml",
            "opt/conda/conda-meta/zlib-1.2.json",
            "composer.lock",
            "vendor/composer/installed.json",
            "Gemfile.lock",
            "gradle.lockfile",
            "pom.xml",
            "packages.lock.json",
            "app.deps.json",
            "Podfile.lock",
            "Package.resolved",
            "pubspec.lock",
            "mix.lock",
            "conan.lock",
            "Manifest.toml",
            "build.sbt.lock",
            "Directory.Packages.props",
        ] {
            assert_eq!(SEEN_KINDS.iter().filter(|kind| (kind.is)(path)).count(), 1, "{path}");
            let file = Candidate { path, size: 1, mode: 0o644, head: b"" };
            assert!(!READERS.iter().any(|reader| (reader.wants)(&file)), "{path} is read");
        }
        for path in ["node_modules/x/yarn.lock", "Cargo.lock", "package.json", "vendor/bundle/gems/x/Gemfile.lock"] {
            assert!(!SEEN_KINDS.iter().any(|kind| (kind.is)(path)), "{path}");
        }
    }
}
