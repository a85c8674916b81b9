//! Ways through a Dockerfile that many rules take. In: the tree. Out: what the final image is made of, and what is run.

use std::collections::BTreeSet;

use plimsoll_model::ImageReference;

use super::ast::{Dockerfile, Instruction, Stage};
use super::{Argument, Call, Run};
use crate::source::Span;

/// A command that a RUN runs, seen through `sudo`, `env` and their like.
#[derive(Debug, Clone, Copy)]
pub struct Ran<'f> {
    /// Without its path: `apt-get`.
    pub name: &'f str,
    pub args: &'f [Argument],
    pub span: Span,
}

impl<'f> Ran<'f> {
    /// The first argument that is no flag: `install` of `apt-get -y install curl`.
    pub fn verb(&self) -> Option<&'f str> {
        self.args.iter().find(|arg| !arg.is_flag()).map(|arg| arg.text.as_str())
    }

    pub fn has(&self, word: &str) -> bool {
        self.args.iter().any(|arg| arg.text == word)
    }
}

impl Run {
    /// Its commands, seen through what runs them.
    pub(super) fn ran(&self) -> impl Iterator<Item = Ran<'_>> {
        self.calls.iter().map(seen_through)
    }
}

/// `sudo -u app env A=b apt-get update` is `apt-get update`.
fn seen_through(call: &Call) -> Ran<'_> {
    let end = call.span.end;
    let (mut name, mut place, mut args) = (last_part(&call.name), call.name_span, call.args.as_slice());
    loop {
        let with_value: &[&str] = match name {
            "sudo" => &["-u", "-g", "-h", "-p", "-C", "-r", "-t", "-T", "-U", "-D", "-R"],
            "env" => &["-u", "-C"],
            "nice" => &["-n"],
            "time" => &["-f", "-o"],
            "command" | "nohup" | "builtin" => &[],
            _ => break,
        };
        let mut rest = args;
        while let Some((next, after)) = rest.split_first() {
            let assignment = matches!(name, "sudo" | "env") && next.text.find('=').is_some_and(|at| at > 0);
            if with_value.contains(&next.text.as_str()) {
                rest = after.get(1..).unwrap_or_default();
            } else if next.is_flag() || next.text == "--" || assignment {
                rest = after;
            } else {
                break;
            }
        }
        let Some((first, after)) = rest.split_first() else { break };
        (name, place, args) = (last_part(&first.text), first.span, after);
    }
    Ran { name, args, span: Span::new(place.start, end) }
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// An image outside the file, by the parts of its name.
#[derive(Debug, Clone)]
pub struct Base {
    /// `docker.io/library/python`, `gcr.io/distroless/static`.
    pub name: String,
    /// The last part: `python`.
    pub short: String,
    /// Empty where there is none.
    pub tag: String,
}

impl Dockerfile<'_> {
    /// The stage that becomes the image.
    pub fn final_stage(&self) -> Option<&Stage> {
        self.stages.last()
    }

    /// The final stage and those that it is built upon, the lowest first.
    pub fn final_chain(&self) -> Vec<&Stage> {
        let mut chain = Vec::new();
        let mut next = self.stages.len().checked_sub(1);
        while let Some(index) = next {
            let Some(stage) = self.stages.get(index) else { break };
            chain.push(stage);
            // A base stands earlier in the file, so this ends.
            next = stage.base.filter(|base| *base < index);
        }
        chain.reverse();
        chain
    }

    /// The instructions that make the final image.
    pub fn final_instructions(&self) -> impl Iterator<Item = &Instruction> {
        self.final_chain().into_iter().flat_map(|stage| self.of(stage))
    }

    /// The instructions of a stage, its FROM among them.
    pub fn of(&self, stage: &Stage) -> &[Instruction] {
        self.instructions.get(stage.first..stage.end).unwrap_or_default()
    }

    /// What the RUNs of the final image run.
    pub fn final_runs(&self) -> impl Iterator<Item = &Run> {
        let starts: BTreeSet<usize> = self.final_chain().iter().map(|stage| stage.first).collect();
        let start = |stage: usize| self.stages.get(stage).map(|stage| stage.first);
        let of_chain =
            move |run: &&Run| !run.onbuild && run.stage.and_then(start).is_some_and(|first| starts.contains(&first));
        self.runs().iter().filter(of_chain)
    }

    /// The image that the final stage rests on in the end, and its place; none for `scratch` and names with variables.
    pub fn final_base(&self) -> Option<(Base, Span)> {
        let lowest = *self.final_chain().first()?;
        Some((base(&lowest.image.text)?, lowest.image.span))
    }
}

/// What an image's name says; none for `scratch`, a variable, or what is no name.
pub fn base(image: &str) -> Option<Base> {
    if image == "scratch" || image.contains('$') {
        return None;
    }
    let reference: ImageReference = image.parse().ok()?;
    let name = reference.name();
    let short = name.rsplit('/').next().unwrap_or_default().to_owned();
    let tag = if reference.tag_was_implied() { "" } else { reference.tag().unwrap_or_default() };
    Some(Base { short, tag: tag.to_owned(), name })
}

impl Base {
    /// Images that hold a program's run time and no shell.
    pub fn is_distroless(&self) -> bool {
        let debug = self.tag.split('-').any(|part| matches!(part, "debug" | "dev"));
        let known = ["gcr.io/distroless/", "cgr.dev/chainguard/", "docker.io/chainguard/"];
        !debug && (known.iter().any(|prefix| self.name.starts_with(prefix)) || self.tag.contains("chiseled"))
    }

    /// Images whose own user is not root.
    pub fn has_user(&self) -> bool {
        let known = ["cgr.dev/chainguard/", "docker.io/chainguard/", "docker.io/bitnami/"];
        self.tag.contains("nonroot")
            || self.tag.contains("rootless")
            || self.tag.contains("chiseled")
            || self.short.contains("unprivileged")
            || known.iter().any(|prefix| self.name.starts_with(prefix))
    }
}

/// The packages that a system's package manager is told to install, with their places; versions are cut off.
pub fn installed<'f>(run: &Ran<'f>) -> Vec<(&'f str, Span)> {
    let verbs: &[&str] = match run.name {
        "apt-get" | "apt" | "aptitude" | "yum" | "dnf" | "microdnf" | "tdnf" => &["install", "groupinstall"],
        "zypper" => &["install", "in"],
        "apk" => &["add"],
        _ => return Vec::new(),
    };
    let Some(at) = run.args.iter().position(|arg| verbs.contains(&arg.text.as_str())) else { return Vec::new() };
    let mut value = false;
    let mut packages = Vec::new();
    for arg in &run.args[at + 1..] {
        if std::mem::take(&mut value) {
            continue;
        }
        if arg.is_flag() {
            // These take the next word.
            value = matches!(
                arg.text.as_str(),
                "-t" | "--virtual" | "-o" | "-c" | "--repository" | "-X" | "--target-release"
            );
            continue;
        }
        let name = arg.text.split(['=', '~', '<', '>', '@']).next().unwrap_or_default();
        packages.push((name, arg.span));
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::parse;
    use crate::source::Source;

    #[test]
    fn final_image_is_the_last_stage_and_what_it_rests_on() {
        let text = "FROM debian:13 AS base\nRUN a\nFROM golang AS build\nRUN b\nFROM base\nRUN sudo -E /usr/bin/c x\nRUN [\"/bin/d\", \"-y\"]\n";
        let source = Source::new("Dockerfile", text);
        let file = parse(&source);
        let names: Vec<&str> = file.final_runs().flat_map(Run::ran).map(|run| run.name).collect();
        assert_eq!(names, ["a", "c", "d"]);
        assert_eq!(file.final_base().unwrap().0.short, "debian");
    }

    #[test]
    fn packages_are_read_without_flags_and_versions() {
        let text = "FROM a\nRUN apt-get -y install -t bookworm gcc=4:12 git && apk add --virtual .build make\n";
        let source = Source::new("Dockerfile", text);
        let file = parse(&source);
        let runs = file.final_runs().flat_map(Run::ran);
        let all: Vec<&str> = runs.flat_map(|run| installed(&run)).map(|(name, _)| name).collect();
        assert_eq!(all, ["gcc", "git", "make"]);
    }
}
