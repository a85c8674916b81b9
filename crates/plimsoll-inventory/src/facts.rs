//! What is remarkable about a file by its path and mode. In: a file of the squashed view. Out: facts that image rules
//! weigh. What it does not do: look at content or judge.

use plimsoll_model::FileFactKind;

/// Folders in which programs are looked for by name.
const PROGRAM_FOLDERS: &[&str] =
    &["bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin", "usr/local/sbin", "opt/bin", "usr/libexec"];

const SHELLS: &[&str] = &["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish", "csh", "tcsh", "busybox"];

const PACKAGE_MANAGERS: &[&str] = &[
    "apt", "apt-get", "aptitude", "dpkg", "apk", "yum", "dnf", "dnf5", "microdnf", "tdnf", "rpm", "zypper", "pacman",
    "pip", "pip3", "npm", "yarn", "pnpm", "gem", "composer", "conda", "opkg",
];

const BUILD_TOOLS: &[&str] = &[
    "gcc", "g++", "cc", "c++", "clang", "clang++", "tcc", "make", "cmake", "ninja", "ld", "as", "go", "rustc", "cargo",
    "javac", "mvn", "gradle", "git", "gdb", "strace",
];

/// Main programs of servers, each under the name that counts as one application.
const SERVICES: &[&str] = &[
    "nginx",
    "httpd",
    "apache2",
    "lighttpd",
    "caddy",
    "haproxy",
    "envoy",
    "traefik",
    "varnishd",
    "squid",
    "mysqld",
    "mariadbd",
    "postgres",
    "mongod",
    "redis-server",
    "valkey-server",
    "memcached",
    "rabbitmq-server",
    "etcd",
    "consul",
    "vault",
    "sshd",
    "named",
    "dovecot",
    "exim4",
    "postfix",
    "php-fpm",
    "vsftpd",
    "smbd",
    "slapd",
    "influxd",
    "prometheus",
    "grafana-server",
    "supervisord",
];

/// Folders that package managers leave behind and nobody needs at run time.
const CACHES: &[&str] = &[
    "var/lib/apt/lists/",
    "var/cache/apt/",
    "var/cache/apk/",
    "etc/apk/cache/",
    "var/cache/yum/",
    "var/cache/dnf/",
    "var/cache/libdnf5/",
    "var/cache/tdnf/",
    "var/cache/zypp/",
    "var/cache/pacman/pkg/",
    "root/.cache/pip/",
    "root/.npm/",
    "root/.cache/yarn/",
    "usr/local/share/.cache/yarn/",
    "root/.cache/go-build/",
    "root/go/pkg/mod/cache/",
    "go/pkg/mod/cache/",
    "root/.cargo/registry/",
    "usr/local/cargo/registry/",
    "root/.composer/cache/",
    "root/.m2/repository/",
    "root/.gradle/caches/",
    "opt/conda/pkgs/",
];

/// Files that stand in those folders in every clean image.
const NO_CACHE: &[&str] = &["lock", "partial", ".gitkeep", ".keep", "CACHEDIR.TAG"];

/// Names that hold a private key or login and nothing else. Samples of them in other people's code are left alone.
const CREDENTIALS: &[&str] = &[
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ecdsa_sk",
    "id_ed25519",
    "id_ed25519_sk",
    ".git-credentials",
    ".netrc",
    "_netrc",
    ".pgpass",
    ".pypirc",
    ".dockercfg",
    ".dockerconfigjson",
    ".env",
    "credentials.json",
    "credentials.xml",
    "password.txt",
    "secret_token.rb",
    ".htpasswd",
    ".my.cnf",
    ".s3cfg",
    ".boto",
    "master.key",
];

/// Files that hold credentials in a folder of their own.
const CREDENTIAL_PATHS: &[&str] = &[
    ".aws/credentials",
    ".aws/config",
    ".azure/accessTokens.json",
    ".azure/msal_token_cache.json",
    ".azure/azureProfile.json",
    ".config/gcloud/credentials.db",
    ".config/gcloud/application_default_credentials.json",
    ".docker/config.json",
    ".kube/config",
    ".config/gh/hosts.yml",
    ".config/hub",
    ".terraform.d/credentials.tfrc.json",
];

/// Ends of names of key stores, password stores and remote logins.
const CREDENTIAL_ENDS: &[&str] = &[
    "agilekeychain",
    "bek",
    "cscfg",
    "fve",
    "jks",
    "kdbx",
    "keychain",
    "ovpn",
    "p12",
    "pfx",
    "ppk",
    "private_key",
    "psafe3",
    "secret",
];

/// Folders of packages, of other people's code and of samples: what is named like a credential there is none.
const SAMPLES: &[&str] = &[
    "node_modules",
    "site-packages",
    "dist-packages",
    "gems",
    "vendor",
    "testdata",
    "tests",
    "test",
    "__tests__",
    "fixtures",
    "spec",
    "docs",
    "doc",
    "examples",
    "example",
    "third_party",
    ".m2",
    "skel",
];

/// Where packages put their own files.
const PACKAGED: &[&str] = &["usr/lib/", "usr/share/", "usr/include/", "usr/src/", "lib/", "proc/", "sys/", "dev/"];

/// The one file of each version control system that makes its folder a checkout.
const REPOSITORIES: &[&str] = &[".git/HEAD", ".svn/wc.db", ".hg/requires", ".bzr/branch-format", "CVS/Root"];

/// Files of the project or its author's tools, by their whole name.
const PROJECT: &[&str] = &[
    "Dockerfile",
    "Containerfile",
    ".dockerignore",
    "docker-compose.yml",
    "docker-compose.yaml",
    "compose.yaml",
    "Jenkinsfile",
    ".gitlab-ci.yml",
    ".travis.yml",
    "Vagrantfile",
    ".vimrc",
    ".DS_Store",
    "Thumbs.db",
];

/// Folders of editors: one file of each is enough to tell.
const EDITORS: &[&str] = &[".vscode/settings.json", ".idea/workspace.xml", ".idea/modules.xml"];

/// Every fact about a file. `executable`: an ELF program or script, where that is known.
pub fn of(path: &str, mode: u32, size: u64) -> Vec<FileFactKind> {
    let mut facts = Vec::new();
    if mode & 0o4000 != 0 {
        facts.push(FileFactKind::Setuid);
    }
    // Setgid without group execution only marks mandatory locking.
    if mode & 0o2010 == 0o2010 {
        facts.push(FileFactKind::Setgid);
    }
    if mode & 0o002 != 0 {
        facts.push(FileFactKind::WorldWritable);
    }
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    if mode & 0o111 != 0 {
        if PROGRAM_FOLDERS.contains(&folder) {
            let is = |names: &[&str]| names.contains(&name);
            if is(SHELLS) {
                facts.push(FileFactKind::Shell);
            }
            if is(PACKAGE_MANAGERS) {
                facts.push(FileFactKind::PackageManager);
            }
            if is(BUILD_TOOLS) || is_versioned_compiler(name) {
                facts.push(FileFactKind::BuildTool);
            }
        }
        if is_service(folder, name) {
            facts.push(FileFactKind::Service);
        }
    }
    if size > 0 {
        if ends_in(path, REPOSITORIES) {
            facts.push(FileFactKind::Repository);
        } else if !PACKAGED.iter().any(|start| path.starts_with(start)) && !is_sample(folder) {
            if is_credential(path, name) {
                facts.push(FileFactKind::CredentialFile);
            } else if PROJECT.contains(&name) || ends_in(path, EDITORS) {
                facts.push(FileFactKind::ProjectFile);
            }
        }
    }
    if size > 0 && CACHES.iter().any(|cache| path.starts_with(cache)) && !NO_CACHE.contains(&name) {
        facts.push(FileFactKind::PackageCache);
    }
    facts
}

/// Whether the path is one of `known` or ends in one after a slash.
fn ends_in(path: &str, known: &[&str]) -> bool {
    known.iter().any(|end| path.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('/')))
}

fn is_credential(path: &str, name: &str) -> bool {
    CREDENTIALS.contains(&name)
        || ends_in(path, CREDENTIAL_PATHS)
        || name.rsplit_once('.').is_some_and(|(stem, end)| !stem.is_empty() && CREDENTIAL_ENDS.contains(&end))
}

fn is_sample(folder: &str) -> bool {
    folder.split('/').any(|part| SAMPLES.contains(&part))
}

/// `x86_64-linux-gnu-gcc-12`, `gcc-12`: Debian's `gcc` is a link to one.
fn is_versioned_compiler(name: &str) -> bool {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').trim_end_matches('-');
    let last = stem.rsplit('-').next().unwrap_or(stem);
    (stem != name || stem.contains("-linux-")) && matches!(last, "gcc" | "g++" | "clang")
}

/// Servers stand in the program folders or in a `bin` of their own (`usr/lib/postgresql/15/bin/postgres`).
fn is_service(folder: &str, name: &str) -> bool {
    let last = folder.rsplit('/').next().unwrap_or(folder);
    matches!(last, "bin" | "sbin" | "libexec")
        && (SERVICES.contains(&name) || (name.starts_with("php-fpm") && folder.ends_with("sbin")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_told_by_path_and_mode() {
        use FileFactKind::*;
        for (path, mode, size, facts) in [
            ("usr/bin/passwd", 0o4755, 1, &[Setuid][..]),
            ("usr/bin/wall", 0o2755, 1, &[Setgid]),
            ("etc/x", 0o666, 1, &[WorldWritable]),
            ("usr/bin/dash", 0o755, 1, &[Shell]),
            ("usr/share/doc/bash", 0o755, 1, &[]),
            ("usr/bin/bash", 0o644, 1, &[]),
            ("usr/bin/apt-get", 0o755, 1, &[PackageManager]),
            ("usr/bin/x86_64-linux-gnu-gcc-12", 0o755, 1, &[BuildTool]),
            ("usr/bin/gcc-ranlib-12", 0o755, 1, &[]),
            ("usr/lib/postgresql/15/bin/postgres", 0o755, 1, &[Service]),
            ("var/lib/apt/lists/deb_Packages", 0o644, 9, &[PackageCache]),
            ("var/lib/apt/lists/lock", 0o640, 9, &[]),
            ("var/cache/apt/archives/x.deb", 0o644, 9, &[PackageCache]),
            ("root/.ssh/id_rsa", 0o600, 9, &[CredentialFile]),
            ("root/.ssh/id_rsa.pub", 0o644, 9, &[]),
            ("app/my_id_rsa", 0o644, 9, &[]),
            ("app/settings.py", 0o644, 9, &[]),
            ("app/credentials", 0o644, 9, &[]),
            ("root/.aws/credentials", 0o600, 9, &[CredentialFile]),
            ("app/.env", 0o600, 9, &[CredentialFile]),
            ("app/.env", 0o600, 0, &[]),
            ("app/.environment", 0o600, 9, &[]),
            ("etc/ssl/store.jks", 0o600, 9, &[CredentialFile]),
            ("etc/.secret", 0o600, 9, &[]),
            ("app/node_modules/x/test.p12", 0o644, 9, &[]),
            ("usr/share/doc/openvpn/client.ovpn", 0o644, 9, &[]),
            ("src/.git/HEAD", 0o644, 9, &[Repository]),
            ("src/.git/config", 0o644, 9, &[]),
            ("src/x.git/HEAD", 0o644, 9, &[]),
            ("src/.github/HEAD", 0o644, 9, &[]),
            ("app/Dockerfile", 0o644, 9, &[ProjectFile]),
            ("app/Dockerfile.tmpl", 0o644, 9, &[]),
            ("app/node_modules/x/Dockerfile", 0o644, 9, &[]),
            ("app/.idea/workspace.xml", 0o644, 9, &[ProjectFile]),
        ] {
            assert_eq!(of(path, mode, size), facts, "{path}");
        }
    }
}
