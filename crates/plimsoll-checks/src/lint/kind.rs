//! Which files are linted, and as what. In: a file's name, and its text. Out: its kind. What it does not do: read.

use plimsoll_model::FileKind;

/// What a file's name says of it, before anybody reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    Dockerfile,
    /// YAML or JSON: a manifest if it speaks of an API version and a kind.
    MaybeManifest,
    Other,
}

/// Ends of names that begin like a Dockerfile's and are none.
const NO_DOCKERFILE: &[&str] = &[".dockerignore", ".md", ".bak", ".orig", ".rej", ".swp", "~"];

/// By the last part of a path: `Dockerfile`, `Containerfile`, `Dockerfile.prod`, `web.Dockerfile`, `*.yaml`, `*.yml`,
/// `*.json`. Case does not matter.
pub fn named(path: &str) -> Named {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path).to_ascii_lowercase();
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| name.ends_with(suffix));
    let begins = ["dockerfile", "containerfile"].iter().any(|word| {
        let rest = name.strip_prefix(word);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    });
    if (begins || ends(&[".dockerfile", ".containerfile"])) && !ends(NO_DOCKERFILE) {
        Named::Dockerfile
    } else if ends(&[".yaml", ".yml", ".json"]) {
        Named::MaybeManifest
    } else {
        Named::Other
    }
}

/// The kind of a file found by its name; none for what is no business of the rules, such as the YAML of a CI service.
pub fn kind_of(path: &str, text: &str) -> Option<FileKind> {
    match named(path) {
        Named::Dockerfile => Some(FileKind::Dockerfile),
        Named::MaybeManifest => speaks_of_objects(text).then_some(FileKind::Manifest),
        Named::Other => None,
    }
}

/// The kind of a file that somebody named: by its name, else by how it begins.
pub fn guess(path: &str, text: &str) -> FileKind {
    match named(path) {
        Named::Dockerfile => FileKind::Dockerfile,
        Named::MaybeManifest => FileKind::Manifest,
        Named::Other if begins_like_a_dockerfile(text) => FileKind::Dockerfile,
        Named::Other => FileKind::Manifest,
    }
}

/// The two fields that every object has stand in it somewhere.
fn speaks_of_objects(text: &str) -> bool {
    text.contains("apiVersion") && text.contains("kind")
}

/// The first line that is neither empty nor a comment begins with FROM or ARG, or the file with a parser directive.
fn begins_like_a_dockerfile(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let directive = |line: &str| {
        let name = line.trim_start_matches('#').split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
        line.starts_with('#') && line.contains('=') && matches!(name.as_str(), "syntax" | "escape" | "check")
    };
    let mut comments = true;
    lines.any(|line| {
        if comments && directive(line) {
            return true;
        }
        if line.starts_with('#') {
            return false;
        }
        let first = std::mem::replace(&mut comments, false);
        let word = line.split_whitespace().next().unwrap_or_default();
        first && (word.eq_ignore_ascii_case("FROM") || word.eq_ignore_ascii_case("ARG"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_linted() {
        for name in
            ["Dockerfile", "a/b/Dockerfile.prod", "web.Dockerfile", "x.dockerfile", "Containerfile", "c\\DOCKERFILE"]
        {
            assert_eq!(named(name), Named::Dockerfile, "{name}");
        }
        for name in ["Dockerfile.dockerignore", "Dockerfile.md", "dockerfiles", "README", "Dockerfile~"] {
            assert_eq!(named(name), Named::Other, "{name}");
        }
        assert_eq!(kind_of("a.yaml", "kind: Pod\napiVersion: v1\n"), Some(FileKind::Manifest));
        assert_eq!(kind_of("a.json", "{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}"), Some(FileKind::Manifest));
        assert_eq!(kind_of(".github/workflows/ci.yml", "on: push\njobs: {}\n"), None);
    }

    #[test]
    fn files_that_somebody_names_are_told_by_how_they_begin() {
        for text in ["# a\n\nfrom x\n", "ARG A=1\nFROM x\n", "# syntax=docker/dockerfile:1\n# b\nFROM x"] {
            assert_eq!(guess("build.txt", text), FileKind::Dockerfile, "{text}");
        }
        for text in ["", "a: b\nfrom: x\n", "# escape this\nkind: Pod\n", "x: 1\nFROM y\n"] {
            assert_eq!(guess("build.txt", text), FileKind::Manifest, "{text}");
        }
    }
}
