//! What the final image rests on, and whether it carries along what only the build needs.

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::ast::Body;
use crate::dockerfile::walk::{Ran, base};
use crate::dockerfile::{Dockerfile, Options, Rule, Run};
use crate::source::Found;

pub const FULL_OS_BASE: Rule = Rule {
    info: RuleInfo {
        id: "full-os-base",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "The final stage rests on a whole operating system",
        why: "A whole distribution brings hundreds of packages that the program never calls; each is patched, scanned and \
              shipped for nothing, and each is a tool for whoever gets in.",
        remedy: "rest the final stage on a slim, distroless or empty image",
        bad: "FROM ubuntu:24.04\nCOPY web /usr/bin/web\nUSER 10001\nCMD [\"/usr/bin/web\"]\n",
        good: "FROM gcr.io/distroless/static:nonroot\nCOPY web /usr/bin/web\nUSER 10001\nCMD [\"/usr/bin/web\"]\n",
    },
    check: full_os_base,
};

/// Whole systems: name, and what would do instead.
const SYSTEMS: &[(&str, &str)] = &[
    ("ubuntu", "`debian:13-slim`, or `gcr.io/distroless/base` for a program that needs no shell,"),
    ("debian", "its `-slim` tag, or `gcr.io/distroless/base` for a program that needs no shell,"),
    ("centos", "`registry.access.redhat.com/ubi9/ubi-micro` (CentOS Linux gets no more updates)"),
    ("fedora", "`registry.fedoraproject.org/fedora-minimal`"),
    ("rockylinux", "its `-minimal` tag"),
    ("almalinux", "its `-minimal` tag"),
    ("amazonlinux", "its `-minimal` tag"),
    ("oraclelinux", "its `-slim` tag"),
    ("archlinux", "`debian:13-slim`"),
    ("leap", "`opensuse/bci-micro`"),
    ("tumbleweed", "`opensuse/bci-micro`"),
    ("kali-rolling", "`debian:13-slim`"),
    ("ubi", "`ubi-minimal` or `ubi-micro`"),
    ("buildpack-deps", "`debian:13-slim`"),
    ("python", "its `-slim` tag, or `gcr.io/distroless/python3`,"),
    ("node", "its `-slim` tag, or `gcr.io/distroless/nodejs22`,"),
    ("ruby", "its `-slim` tag"),
    ("perl", "its `-slim` tag"),
    ("php", "its `-alpine` tag"),
    ("openjdk", "`eclipse-temurin:21-jre`, or `gcr.io/distroless/java21`,"),
    ("eclipse-temurin", "its `-jre` tag, or `gcr.io/distroless/java21`,"),
    ("amazoncorretto", "its `-headless` tag, or `gcr.io/distroless/java21`,"),
    ("maven", "`gcr.io/distroless/java21`, with the jar from a build stage,"),
    ("gradle", "`gcr.io/distroless/java21`, with the jar from a build stage,"),
    ("golang", "`gcr.io/distroless/static` or `scratch`, with the program from a build stage,"),
    ("rust", "`gcr.io/distroless/cc`, with the program from a build stage,"),
    ("gcc", "`gcr.io/distroless/cc`, with the program from a build stage,"),
    ("haskell", "`debian:13-slim`, with the program from a build stage,"),
    ("swift", "its `-slim` tag"),
    ("sdk", "`mcr.microsoft.com/dotnet/aspnet` or `runtime`, with the program from a build stage,"),
];

/// Words in a tag that say that it is a small one.
const SMALL: &[&str] = &["slim", "alpine", "minimal", "micro", "-jre", "headless", "nonroot", "chiseled", "busybox"];

fn full_os_base(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    let Some((base, span)) = file.final_base() else { return };
    if base.is_distroless() || SMALL.iter().any(|word| base.tag.contains(word)) {
        return;
    }
    let Some((name, instead)) = SYSTEMS.iter().find(|(name, _)| base.short == *name) else { return };
    // Microsoft's alone: other images are called `sdk` too.
    if *name == "sdk" && !base.name.starts_with("mcr.microsoft.com/dotnet/") {
        return;
    }
    let one = match static_program(file) {
        Some(words) => {
            let message = format!("the final stage rests on {}, and {words} needs no system at all", base.short);
            let remedy = "`FROM scratch`, or `gcr.io/distroless/static` for certificates and a user, will do";
            Found::new(&FULL_OS_BASE.info, span, message).remedy(remedy)
        }
        None => {
            let message = format!("the final stage rests on {}, a whole system with a package manager", base.short);
            Found::new(&FULL_OS_BASE.info, span, message).remedy(format!("{instead} will do for most programs"))
        }
    };
    found.push(one);
}

/// What makes the program that the image runs a static one, in words.
fn static_program(file: &Dockerfile<'_>) -> Option<&'static str> {
    file.runs().iter().find_map(|run| {
        let text = &run.instruction(file).rest.text;
        let builds = || run.ran().any(|ran| ran.name == "go" && ran.verb() == Some("build"));
        if text.contains("CGO_ENABLED=0") && builds() {
            Some("a Go program built with CGO_ENABLED=0")
        } else if text.contains("-unknown-linux-musl") {
            Some("a program linked against musl")
        } else {
            None
        }
    })
}

pub const SINGLE_STAGE_BUILD: Rule = Rule {
    info: RuleInfo {
        id: "single-stage-build",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "The image that is shipped is the one that compiles",
        why: "Compilers, sources and build caches stay in the image: it is many times larger than the program, brings their \
              vulnerabilities along, and gives whoever gets in a workshop.",
        remedy: "compile in a stage of its own (`FROM … AS build`) and take the result over with `COPY --from=build`",
        bad: "FROM golang:1.23-alpine\nWORKDIR /src\nCOPY . .\nRUN go build -o /web .\nUSER 10001\nCMD [\"/web\"]\n",
        good: "FROM golang:1.23-alpine AS build\nWORKDIR /src\nCOPY . .\nRUN go build -o /web .\n\nFROM gcr.io/distroless/static:nonroot\nCOPY --from=build /web /web\nUSER 10001\nCMD [\"/web\"]\n",
    },
    check: single_stage_build,
};

fn single_stage_build(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    // A file that names no program to run makes a base or a builder for others.
    let program = |body: &Body| matches!(body, Body::Cmd(_) | Body::Entrypoint(_));
    if !file.final_instructions().any(|instruction| program(&instruction.body)) {
        return;
    }
    // What takes packages away after it compiled has left no compiler behind.
    let cleans = |run: &Run| {
        run.ran().any(|ran| match ran.name {
            "apk" => ran.has("del"),
            "apt-get" | "apt" | "yum" | "dnf" | "microdnf" | "zypper" => {
                ["purge", "remove", "autoremove", "erase"].iter().any(|verb| ran.has(verb))
            }
            _ => false,
        })
    };
    let compiled =
        file.final_runs().filter(|run| !cleans(run)).flat_map(Run::ran).find_map(|run| Some((compiles(&run)?, run)));
    if let Some((words, run)) = compiled {
        let message = format!("the final stage compiles (`{words}`), so compiler and sources are shipped");
        found.push(Found::new(&SINGLE_STAGE_BUILD.info, run.span, message));
    }
}

/// The command that compiles, in two words.
fn compiles(run: &Ran<'_>) -> Option<String> {
    let mut operands = run.args.iter().filter(|arg| !arg.is_flag()).map(|arg| arg.text.as_str());
    let verb = operands.next().unwrap_or_default();
    let second = operands.next().unwrap_or_default();
    let does = match run.name {
        "go" => matches!(verb, "build" | "install"),
        "cargo" | "swift" | "stack" | "cabal" | "bazel" => matches!(verb, "build" | "install"),
        "rustc" | "gcc" | "g++" | "cc" | "c++" | "clang" | "clang++" | "javac" | "ghc" | "ninja" | "make" | "tsc" => {
            true
        }
        "cmake" => run.has("--build"),
        "mvn" | "mvnw" => ["package", "install", "verify", "compile"].iter().any(|goal| run.has(goal)),
        "gradle" | "gradlew" => ["build", "assemble", "bootJar", "jar"].iter().any(|task| run.has(task)),
        "dotnet" => matches!(verb, "publish" | "build"),
        "npm" | "yarn" | "pnpm" | "bun" => verb == "build" || (verb == "run" && second.starts_with("build")),
        "mix" => verb == "release",
        _ => false,
    };
    let words = if verb.is_empty() || verb.len() > 20 { run.name.to_owned() } else { format!("{} {verb}", run.name) };
    does.then_some(words)
}

pub const SHELL_LEFT_BEHIND: Rule = Rule {
    info: RuleInfo {
        id: "shell-left-behind",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: true,
        title: "The final stage has a shell",
        why: "A shell turns one bug into any command. A program that starts by itself needs none.",
        remedy: "rest the final stage on a distroless or empty image, or take the shell away at the end: `RUN rm -rf /bin/*`",
        bad: "FROM alpine:3.20\nCOPY web /web\nUSER 10001\nCMD [\"/web\"]\n",
        good: "FROM scratch\nCOPY web /web\nUSER 10001\nCMD [\"/web\"]\n",
    },
    check: shell_left_behind,
};

/// What `rm` takes where it takes the shell.
const SHELLS: [&str; 7] = ["/bin", "/bin/*", "/bin/", "/bin/sh", "/bin/bash", "/bin/ash", "/usr/bin/*"];

fn shell_left_behind(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    if !has_shell(file) {
        return;
    }
    let Some(lowest) = file.final_chain().first().copied() else { return };
    let removes = |run: Ran<'_>| run.name == "rm" && run.args.iter().any(|arg| SHELLS.contains(&arg.text.as_str()));
    if file.final_runs().flat_map(Run::ran).any(removes) {
        return;
    }
    let message = format!("`{}` brings a shell, and nothing takes it away", lowest.image.text);
    found.push(Found::new(&SHELL_LEFT_BEHIND.info, lowest.image.span, message));
}

/// The final image rests on something with a shell, as far as its name says; of a name with a variable nobody knows.
pub fn has_shell(file: &Dockerfile<'_>) -> bool {
    let Some(lowest) = file.final_chain().first().copied() else { return false };
    base(&lowest.image.text).is_some_and(|base| !base.is_distroless())
}
