//! Which files are worth reading, and what kind of text they hold. In: a path without leading slash, a size.

use super::Context;

/// Larger files are data: credentials are small, and reading every large text would double the cost of an image.
pub const MAX_SIZE: u64 = 1 << 20;

/// Folders that hold what packages brought: their keys are samples, and their authors published them.
const PACKAGED: &[&str] = &[
    "bin/",
    "sbin/",
    "lib/",
    "lib32/",
    "lib64/",
    "proc/",
    "sys/",
    "dev/",
    "boot/",
    "usr/bin/",
    "usr/sbin/",
    "usr/lib/",
    "usr/lib32/",
    "usr/lib64/",
    "usr/libexec/",
    "usr/include/",
    "usr/share/bash-completion/",
    "usr/share/ca-certificates/",
    "usr/share/doc/",
    "usr/share/fonts/",
    "usr/share/i18n/",
    "usr/share/icons/",
    "usr/share/info/",
    "usr/share/javascript/",
    "usr/share/licenses/",
    "usr/share/locale/",
    "usr/share/man/",
    "usr/share/mime/",
    "usr/share/perl",
    "usr/share/python",
    "usr/share/terminfo/",
    "usr/share/vim/",
    "usr/share/zoneinfo/",
    "usr/share/zsh/",
    "usr/local/go/",
    "usr/local/include/",
    "usr/local/lib/ruby/",
    "usr/local/lib/python",
    "usr/local/share/man/",
    "usr/src/linux",
    "var/cache/",
    "var/lib/apt/",
    "var/lib/dpkg/",
    "var/lib/rpm/",
    "etc/ssl/certs/",
    "etc/ca-certificates/",
    "etc/pki/ca-trust/",
    "etc/apk/keys/",
];

/// Folders of other people's code and of samples, wherever they stand.
const VENDORED: &[&str] = &[
    "node_modules",
    "site-packages",
    "dist-packages",
    "gems",
    "testdata",
    "tests",
    "test",
    "__tests__",
    "fixtures",
    "spec",
    "docs",
    "examples",
    "third_party",
    ".m2",
    ".rustup",
    "registry/src",
    "pkg/mod",
    "vendor/bundle",
    ".git/objects",
];

/// Ends of names that hold no text of interest.
const BINARY: &[&str] = &[
    "a", "apk", "avif", "bin", "bmp", "br", "bz2", "class", "crl", "crt", "css", "deb", "db", "dll", "dylib", "ear",
    "eot", "exe", "gif", "gz", "ico", "jar", "jpeg", "jpg", "ko", "la", "lock", "map", "mo", "mp3", "mp4", "node", "o",
    "otf", "pack", "pdf", "png", "po", "pot", "pub", "pyc", "pyo", "rlib", "rpm", "so", "sum", "svg", "tar", "tgz",
    "ttf", "war", "wasm", "wav", "webp", "woff", "woff2", "xz", "zip", "zst",
];

const CODE: &[&str] = &[
    "bat", "c", "cc", "clj", "cpp", "cs", "css", "erl", "ex", "exs", "go", "groovy", "h", "hpp", "java", "js", "jsx",
    "kt", "lua", "m", "mjs", "cjs", "php", "pl", "pm", "ps1", "py", "r", "rb", "rs", "scala", "swift", "tcl", "ts",
    "tsx", "vue", "html", "htm",
];

const PROSE: &[&str] = &["md", "rst", "adoc", "txt", "1", "5", "8", "log", "tex", "csv", "tsv", "pem", "asc"];

/// Names that are read wherever they stand, whatever their folder.
const ALWAYS: &[&str] = &[
    ".npmrc",
    ".pypirc",
    ".netrc",
    ".pgpass",
    ".git-credentials",
    ".env",
    "id_rsa",
    "id_ed25519",
    "id_ecdsa",
    "id_dsa",
    ".dockercfg",
    ".dockerconfigjson",
    "credentials",
    "shadow",
];

/// Whether a file is worth reading, by path (no leading slash) and size in bytes.
pub fn wants(path: &str, size: u64) -> bool {
    if size == 0 || size > MAX_SIZE {
        return false;
    }
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    if ALWAYS.contains(&name) {
        return !folder.split('/').any(|part| part == "node_modules");
    }
    !PACKAGED.iter().any(|start| path.starts_with(start))
        && !VENDORED.iter().any(|part| holds(folder, part))
        && !is_one_of(name, BINARY)
        && name != "package-lock.json"
}

/// Whether `part`, one or more whole folder names, is within `folder`.
fn holds(folder: &str, part: &str) -> bool {
    let mut rest = folder;
    while let Some(at) = rest.find(part) {
        let before = rest[..at].is_empty() || rest[..at].ends_with('/');
        let after = &rest[at + part.len()..];
        if before && (after.is_empty() || after.starts_with('/')) {
            return true;
        }
        rest = after;
    }
    false
}

fn is_one_of(name: &str, ends: &[&str]) -> bool {
    // `libssl.so.3` is a library too.
    let end = name.rsplit('.').find(|part| !part.bytes().all(|b| b.is_ascii_digit())).unwrap_or(name);
    end.len() < name.len() && ends.iter().any(|known| known.eq_ignore_ascii_case(end))
}

/// What kind of text a file holds.
pub fn context(path: &str) -> Context {
    let name = path.rsplit('/').next().unwrap_or(path);
    if is_one_of(name, CODE) {
        Context::Code
    } else if is_one_of(name, PROSE) || name.starts_with("README") || name.starts_with("LICENSE") {
        Context::Prose
    } else {
        Context::Config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_files_are_read_and_packaged_ones_are_not() {
        for path in [
            "app/config.yaml",
            "root/.netrc",
            ".env",
            "srv/usr/lib/x.conf",
            "etc/shadow",
            "usr/local/bin/start.sh",
            "app/latest/x",
        ] {
            assert!(wants(path, 10), "{path}");
        }
        for path in [
            "usr/lib/x.conf",
            "app/node_modules/a/.npmrc",
            "a/tests/key.pem",
            "x/libssl.so.3",
            "etc/ssl/certs/a.pem",
            "app/logo.PNG",
        ] {
            assert!(!wants(path, 10), "{path}");
        }
        assert!(!wants("app/config.yaml", MAX_SIZE + 1));
        assert!(!wants("app/config.yaml", 0));
    }
}
