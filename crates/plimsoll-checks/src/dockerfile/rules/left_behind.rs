//! Tools that the final image does not need.

use std::collections::BTreeSet;

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::walk::{Ran, installed};
use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::{Found, Span};

pub const BUILD_TOOL_LEFT_BEHIND: Rule = Rule {
    info: RuleInfo {
        id: "build-tool-left-behind",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "Compilers or build tools stay in the final stage",
        why: "They make the image large, bring vulnerabilities of their own, and turn uploaded source into a running program.",
        remedy: "install them in a build stage, or take them away in the same RUN (`apt-get purge`, `apk del`)",
        bad: "FROM debian:13-slim\nRUN apt-get update && apt-get install -y --no-install-recommends gcc=4:14 && rm -rf /var/lib/apt/lists/*\nUSER 10001\n",
        good: "FROM debian:13-slim AS build\nRUN apt-get update && apt-get install -y --no-install-recommends gcc=4:14 && rm -rf /var/lib/apt/lists/*\nFROM debian:13-slim\nCOPY --from=build /web /web\nUSER 10001\n",
    },
    check: build_tool_left_behind,
};

pub const DEBUG_TOOL_LEFT_BEHIND: Rule = Rule {
    info: RuleInfo {
        id: "debug-tool-left-behind",
        severity: Severity::Low,
        aliases: &[],
        opt_in: false,
        title: "Tools for looking around stay in the final stage",
        why: "What helps a person at the console helps whoever broke in: to look around the network, to trace, to fetch more.",
        remedy: "leave them out; `kubectl debug` brings its own tools to a running pod",
        bad: "FROM debian:13-slim\nRUN apt-get update && apt-get install -y --no-install-recommends nmap=7.95 && rm -rf /var/lib/apt/lists/*\nUSER 10001\n",
        good: "FROM debian:13-slim\nRUN apt-get update && apt-get install -y --no-install-recommends tzdata=2026a && rm -rf /var/lib/apt/lists/*\nUSER 10001\n",
    },
    check: debug_tool_left_behind,
};

const BUILD_TOOLS: &[&str] = &[
    "gcc",
    "g++",
    "gcc-c++",
    "clang",
    "llvm",
    "make",
    "cmake",
    "ninja-build",
    "autoconf",
    "automake",
    "libtool",
    "build-essential",
    "build-base",
    "base-devel",
    "alpine-sdk",
    "musl-dev",
    "libc6-dev",
    "linux-headers",
    "golang",
    "golang-go",
    "go",
    "rustc",
    "cargo",
    "rust",
    "maven",
    "gradle",
    "ant",
    "default-jdk",
    "default-jdk-headless",
    "git",
    "subversion",
    "mercurial",
    "bison",
    "flex",
    "pkg-config",
    "pkgconf",
    "python3-dev",
    "python-dev",
    "python3-devel",
    "nasm",
    "patch",
    "dpkg-dev",
    "rpm-build",
    "ghc",
    "cabal-install",
];

const DEBUG_TOOLS: &[&str] = &[
    "vim",
    "vim-tiny",
    "nano",
    "emacs",
    "netcat",
    "netcat-openbsd",
    "netcat-traditional",
    "nc",
    "ncat",
    "nmap",
    "nmap-ncat",
    "telnet",
    "tcpdump",
    "strace",
    "ltrace",
    "gdb",
    "iputils-ping",
    "net-tools",
    "dnsutils",
    "bind-utils",
    "bind-tools",
    "traceroute",
    "socat",
    "openssh-server",
    "openssh-client",
    "openssh-clients",
    "openssh",
    "sudo",
    "man-db",
    "screen",
    "tmux",
    "htop",
    "wireshark",
];

fn is_build_tool(name: &str) -> bool {
    // `openjdk-21-jdk` and Alpine's `openjdk21` bring the compiler; of `java-21-openjdk` that is `-devel`.
    BUILD_TOOLS.contains(&name)
        || (name.starts_with("openjdk") && !name.contains("jre"))
        || (name.starts_with("java-") && name.contains("-devel"))
}

fn is_debug_tool(name: &str) -> bool {
    DEBUG_TOOLS.contains(&name)
}

fn build_tool_left_behind(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    kept(file, &BUILD_TOOL_LEFT_BEHIND, is_build_tool, found);
}

fn debug_tool_left_behind(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    kept(file, &DEBUG_TOOL_LEFT_BEHIND, is_debug_tool, found);
}

/// Packages of a kind that a RUN of the final stage installs and does not take away again.
fn kept(file: &Dockerfile<'_>, rule: &'static Rule, is: fn(&str) -> bool, found: &mut Vec<Found>) {
    for run in file.final_runs() {
        let runs: Vec<Ran<'_>> = run.ran().collect();
        let gone = removed(&runs);
        if gone.contains(SOME) {
            continue;
        }
        let kept: Vec<(&str, Span)> = runs
            .iter()
            .filter(|run| virtual_name(run).is_none_or(|name| !gone.contains(name)))
            .flat_map(installed)
            .filter(|(name, _)| is(name) && !gone.contains(name))
            .collect();
        let Some((_, first)) = kept.first() else { continue };
        let names: Vec<&str> = kept.iter().map(|(name, _)| *name).collect();
        let mut one = Found::new(&rule.info, *first, format!("the final stage keeps {}", names.join(", ")));
        one.related = kept.iter().skip(1).map(|(_, span)| *span).collect();
        found.push(one);
    }
}

/// Stands for packages that a variable names: what takes them away is taken to mean what was installed.
const SOME: &str = "$";

/// Names that the package managers of one RUN take away again.
fn removed<'f>(runs: &[Ran<'f>]) -> BTreeSet<&'f str> {
    let mut names = BTreeSet::new();
    for run in runs {
        let verbs: &[&str] = match run.name {
            "apt-get" | "apt" | "aptitude" | "yum" | "dnf" | "microdnf" | "zypper" => {
                &["purge", "remove", "erase", "rm"]
            }
            "apk" => &["del"],
            _ => continue,
        };
        let Some(at) = run.args.iter().position(|arg| verbs.contains(&arg.text.as_str())) else { continue };
        for arg in run.args[at + 1..].iter().filter(|arg| !arg.is_flag()) {
            names.insert(if arg.open { SOME } else { arg.text.as_str() });
        }
    }
    names
}

/// `.build` of `apk add --virtual .build gcc`.
fn virtual_name<'f>(run: &Ran<'f>) -> Option<&'f str> {
    if run.name != "apk" {
        return None;
    }
    let at = run.args.iter().position(|arg| matches!(arg.text.as_str(), "--virtual" | "-t"));
    let next = at.and_then(|at| run.args.get(at + 1)).map(|arg| arg.text.as_str());
    next.or_else(|| run.args.iter().find_map(|arg| arg.text.strip_prefix("--virtual=")))
}
