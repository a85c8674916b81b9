//! `manifest verify` and `dockerfile verify`. In: a file. Out: the images that it names, held to what `verify` demands. What stands in
//! the file and cannot be read as a name fails: an image that is passed over is one that nobody verified.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use plimsoll_checks::dockerfile::ast::{Body, Instruction};
use plimsoll_checks::dockerfile::{Dockerfile as Parsed, parse};
use plimsoll_checks::source::{Source, Span};

use super::flags::Verify;
use super::{Failure, read, say, verify};
use crate::compat::truth;

/// Bytes of a manifest or a Dockerfile.
const MAX_FILE: u64 = 16 << 20;
/// Images of one file.
const MAX_IMAGES: usize = 1_000;

#[derive(Debug, Subcommand)]
pub enum Manifest {
    /// Verify the images of a Kubernetes manifest
    #[command(
        after_help = "Examples:\n  plimsoll cosign manifest verify --key cosign.pub --insecure-ignore-tlog deployment.yaml"
    )]
    Verify(Box<Verify>),
}

#[derive(Debug, Subcommand)]
pub enum Dockerfile {
    /// Verify the images of a Dockerfile
    #[command(
        after_help = "Examples:\n  plimsoll cosign dockerfile verify --key cosign.pub --insecure-ignore-tlog Dockerfile\n  plimsoll cosign dockerfile verify --base-image-only --key cosign.pub --insecure-ignore-tlog Dockerfile"
    )]
    Verify(Box<OfDockerfile>),
}

#[derive(Debug, Args)]
pub struct OfDockerfile {
    /// Only the image that the last stage rests upon
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub base_image_only: bool,
    #[command(flatten)]
    pub verify: Verify,
}

pub fn manifest(asked: Manifest) -> Result<(), Failure> {
    let Manifest::Verify(asked) = asked;
    let path = one(&asked)?;
    let is_yaml = [".yaml", ".yml"].iter().any(|end| path.to_lowercase().ends_with(end));
    if !is_yaml {
        return Err("only [.yaml .yml] manifests are supported at this time".into());
    }
    let found = plimsoll_checks::manifest::named_images(&path, &text(&path)?);
    if let Some(problem) = found.problems.first() {
        return Err(format!("could not {}", problem.message).into());
    }
    let images = found.images.into_iter().map(|named| named.image).collect();
    verified(*asked, images, "manifest")
}

pub fn dockerfile(asked: Dockerfile) -> Result<(), Failure> {
    let Dockerfile::Verify(asked) = asked;
    let path = one(&asked.verify)?;
    let read = Images::of(&text(&path)?, &|name| std::env::var(name).ok())?;
    let images = if asked.base_image_only { read.base.into_iter().collect() } else { read.all };
    verified(asked.verify, images, "Dockerfile")
}

/// The one file that is named.
fn one(asked: &Verify) -> Result<String, Failure> {
    match asked.images.as_slice() {
        [path] => Ok(path.clone()),
        _ => Err("name one file".into()),
    }
}

fn text(path: &str) -> Result<String, Failure> {
    String::from_utf8(read(path, MAX_FILE)?).map_err(|_| format!("{path} is no text in UTF-8").into())
}

fn verified(asked: Verify, mut images: Vec<String>, what: &str) -> Result<(), Failure> {
    let mut seen = std::collections::BTreeSet::new();
    images.retain(|image| seen.insert(image.clone()));
    if images.is_empty() {
        return Err(format!("no images found in {what}").into());
    }
    if images.len() > MAX_IMAGES {
        return Err(format!("the {what} names more than {MAX_IMAGES} images").into());
    }
    if asked.local_image {
        return Err(format!("--local-image is for folders, and a {what} names images of registries").into());
    }
    say(&format!("Extracted image(s): {}", images.join(", ")));
    verify::run(&Verify { images, ..asked })
}

/// The images that a Dockerfile names.
#[derive(Debug, Default, PartialEq)]
struct Images {
    all: Vec<String>,
    /// What the last stage rests upon; none where that is nothing at all.
    base: Option<String>,
}

impl Images {
    /// Reads a Dockerfile as a builder does; variables are its own or else the environment's, as in Cosign.
    fn of(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<Images, Failure> {
        let source = Source::new("Dockerfile", text.strip_prefix('\u{feff}').unwrap_or(text));
        let file = parse(&source);
        if let Some(fault) = file.faults.first() {
            return Err(at(&file, fault.span, &fault.message));
        }
        told_escape(&file)?;
        let (mut found, mut variables) = (Images::default(), Variables::new());
        // Each stage's name, and what it rests upon in the end.
        let mut stages: Vec<(String, Option<String>)> = vec![];
        for instruction in &file.instructions {
            let instruction = match &instruction.body {
                // A later stage that rests upon this one runs it.
                Body::OnBuild(held) if !stages.is_empty() => held,
                _ => instruction,
            };
            match &instruction.body {
                Body::From { image, name } => {
                    let of_flags = flags(&file, instruction)?;
                    for (text, span) in of_flags.iter().map(|(_, value, span)| (*value, *span)) {
                        expanded(text, &variables, environment).map_err(|failure| at(&file, span, failure.why))?;
                    }
                    let named = plain(&image.text, file.escape)
                        .and_then(|text| expanded(text, &variables, environment))
                        .map_err(|failure| at(&file, image.span, failure.why))?;
                    if named.is_empty() || named.contains(char::is_whitespace) {
                        return Err(at(&file, image.span, format!("no image found in {:?}", image.text)));
                    }
                    let name = name.as_ref().map(|name| name.text.to_lowercase()).unwrap_or_default();
                    let rests_on = match stages.iter().rev().find(|(name, _)| *name == named.to_lowercase()) {
                        Some((_, base)) => base.clone(),
                        None if named == "scratch" => None,
                        None => {
                            found.all.push(named.clone());
                            Some(named)
                        }
                    };
                    found.base.clone_from(&rests_on);
                    stages.push((name, rests_on));
                }
                // These alone count for FROM: those of a stage are the stage's own.
                Body::Arg(pairs) if stages.is_empty() => {
                    for pair in pairs {
                        let name = file.source.slice(pair.key.span);
                        if !is_name(name) {
                            return Err(at(&file, pair.span, format!("{name:?} is no name of a variable")));
                        }
                        if let Some(value) = &pair.value {
                            // One that cannot be told matters only where it is used.
                            let value = default(file.source.slice(value.span), file.escape, &variables, environment);
                            variables.insert(name.to_owned(), value.ok());
                        }
                    }
                }
                _ if stages.is_empty() => {
                    let word = &instruction.keyword;
                    return Err(at(&file, word.span, format!("{} stands before the first FROM", word.text)));
                }
                Body::Copy { .. } | Body::Run(_) => {
                    for (from, span) in sources(&file, instruction)? {
                        if from.contains('$') {
                            return Err(at(&file, span, format!("no builder expands a variable in {from:?}")));
                        }
                        let is_stage = stages.iter().any(|(name, _)| *name == from.to_lowercase())
                            || from.parse::<usize>().is_ok_and(|at| at < stages.len());
                        if !is_stage && !from.is_empty() {
                            found.all.push(from.to_owned());
                        }
                    }
                }
                Body::Unknown => return Err(at(&file, instruction.span, "this is no instruction that is known")),
                _ => {}
            }
        }
        Ok(found)
    }
}

/// The ARGs before the first FROM; none where a value cannot be told.
type Variables = BTreeMap<String, Option<String>>;

/// What a builder gives a value of its own, whatever default a file has for it.
const BUILDERS: &[&str] = &[
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDOSVERSION",
    "BUILDARCH",
    "BUILDVARIANT",
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETOSVERSION",
    "TARGETARCH",
    "TARGETVARIANT",
    "TARGETSTAGE",
];

/// Flags that need no value.
const BARE_FLAGS: &[&str] = &["link", "parents", "keep-git-dir", "unpack"];
/// Words of a mount that need no value.
const BARE_WORDS: &[&str] = &["readonly", "ro", "readwrite", "rw", "required"];

fn at(file: &Parsed<'_>, span: Span, why: impl std::fmt::Display) -> Failure {
    format!("line {} of the Dockerfile: {why}", file.source.line(span.start)).into()
}

/// A comment at the top that another reader may take for the escape character leaves open what the lines are.
fn told_escape(file: &Parsed<'_>) -> Result<(), Failure> {
    let first = file.instructions.first().map_or(0, |first| first.span.start);
    for comment in file.comments.iter().filter(|comment| comment.span.start < first) {
        let Some((name, value)) = comment.text.split_once('=') else { continue };
        if name.trim().eq_ignore_ascii_case("escape") && value.trim() != file.escape.to_string() {
            return Err(at(file, comment.span, "whether this sets the escape character could not be told"));
        }
    }
    Ok(())
}

/// A text that means what it says: builders do not agree on quotes and escapes in it.
fn plain(text: &str, escape: char) -> Result<&str, Failure> {
    match text.contains(['"', '\'', '\\', escape]) {
        true => Err(format!("{text:?} holds a quote or an escape: write it without").into()),
        false => Ok(text),
    }
}

/// An instruction's flags that have a value: name, value, place.
fn flags<'f>(file: &'f Parsed<'_>, instruction: &'f Instruction) -> Result<Vec<(&'f str, &'f str, Span)>, Failure> {
    let mut found = vec![];
    for flag in &instruction.flags {
        plain(file.source.slice(flag.span), file.escape).map_err(|failure| at(file, flag.span, failure.why))?;
        match &flag.value {
            Some(value) => found.push((flag.name.as_str(), value.text.as_str(), flag.span)),
            None if BARE_FLAGS.contains(&flag.name.as_str()) => {}
            None => return Err(at(file, flag.span, format!("the flag `--{}` has no `=` with a value", flag.name))),
        }
    }
    Ok(found)
}

/// Where an instruction's flags take files from: `--from=X`, and `from=X` of `--mount=`.
fn sources<'f>(file: &'f Parsed<'_>, instruction: &'f Instruction) -> Result<Vec<(&'f str, Span)>, Failure> {
    let mut found = vec![];
    for (name, value, span) in flags(file, instruction)? {
        match name {
            "from" => found.push((value, span)),
            "mount" => {
                for part in value.split(',') {
                    let (key, value) = part.split_once('=').map_or((part, None), |(key, value)| (key, Some(value)));
                    match (key.to_lowercase().as_str(), value) {
                        ("from", Some(value)) => found.push((value, span)),
                        (key, None) if !BARE_WORDS.contains(&key) => {
                            return Err(at(file, span, format!("{key:?} of the mount has no `=` with a value")));
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The value that an ARG gives, written with one pair of quotes around it or none.
fn default(
    written: &str,
    escape: char,
    variables: &Variables,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<String, Failure> {
    let within = |quote: char| written.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    match (within('\''), within('"')) {
        (Some(inner), _) if inner.contains('$') => plain(inner, '$').map(str::to_owned),
        (Some(inner), _) => plain(inner, escape).map(str::to_owned),
        (None, inner) => expanded(plain(inner.unwrap_or(written), escape)?, variables, environment),
    }
}

/// A text with its variables: `$NAME`, `${NAME}`, `${NAME:-default}`. One without a value is an error: what stood there is not known.
fn expanded(
    text: &str,
    variables: &Variables,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<String, Failure> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let (name, default, after) = match after.strip_prefix('{') {
            Some(inner) => {
                let (inner, after) =
                    inner.split_once('}').ok_or_else(|| format!("{text:?} has a variable that does not end"))?;
                let (name, default) = inner.split_once(":-").map_or((inner, None), |(name, value)| (name, Some(value)));
                (name, default, after)
            }
            None => {
                let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                (&after[..end], None, &after[end..])
            }
        };
        if !is_name(name) || default.is_some_and(|default| default.contains('$')) {
            return Err(format!("{text:?} has a variable of a form that is not read").into());
        }
        let value = match variables.get(name) {
            Some(None) => return Err(format!("the value of the variable {name:?} could not be told").into()),
            Some(value) => value.clone(),
            None => environment(name),
        };
        let default = default.filter(|_| !BUILDERS.contains(&name)).map(str::to_owned);
        out.push_str(
            &value
                .filter(|value| !value.is_empty())
                .or(default)
                .ok_or_else(|| format!("the variable {name:?} in {text:?} has no value: give it in the environment"))?,
        );
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(text: &str) -> Result<(String, String), String> {
        let environment = |name: &str| (name == "FROM_OUTSIDE").then(|| "e.example/x:1".to_owned());
        let found = Images::of(text, &environment).map_err(|failure| failure.why)?;
        Ok((found.all.join(" "), found.base.unwrap_or_default()))
    }

    #[test]
    fn images_of_stages_and_of_copies_are_found_and_stages_are_none() {
        for (text, all, base) in [
            ("FROM a:1", "a:1", "a:1"),
            ("from --platform=$BUILD a:1 as x\nFROM x", "", ""),
            ("FROM a:1 AS Build\nFROM b\nCOPY --from=build /x /x\nCOPY --chown=1 --from=c@d /x /x", "a:1 b c@d", "b"),
            ("FROM a AS x\nFROM x AS y\nFROM y", "a", "a"),
            ("FROM a\nFROM scratch\nCOPY --from=0 /x /x\nCOPY --from=7 /x /x", "a 7", ""),
            (
                "ARG V=1.2\nARG I=a:${V}\nFROM $I\nFROM b:${W:-3}\nFROM ${FROM_OUTSIDE}",
                "a:1.2 b:3 e.example/x:1",
                "e.example/x:1",
            ),
            ("FROM \\\n  # a comment\n  a:1\nRUN --mount=type=bind,from=tools,target=/t true", "a:1 tools", "a:1"),
            ("# FROM no\nFROM scratch\nLABEL a=FROM", "", ""),
            ("# escape=`\nFROM a:1 `\n  AS x\nFROM x", "a:1", "a:1"),
            (
                "FROM a:1\nRUN \\\n  --mount=type=cache,target=/c \\\n  --mount=type=bind,from=b,ro \\\n  true",
                "a:1 b",
                "a:1",
            ),
            ("ARG V=\"1\" W='2'\nFROM a:$V\nCOPY --link --from=b:2 /x /x\nFROM a:${W}", "a:1 b:2 a:2", "a:2"),
        ] {
            let found = images(text);
            match text.contains("$BUILD") {
                true => assert!(found.unwrap_err().contains("\"BUILD\""), "{text}"),
                false => assert_eq!(found, Ok((all.to_owned(), base.to_owned())), "{text}"),
            }
        }
    }

    #[test]
    fn what_cannot_be_told_fails() {
        for text in ["FROM", "FROM a b", "FROM a AS", "FROM $NOTHING", "FROM ${A", "FROM a\nCOPY --from=$NO /x /x"] {
            assert!(images(text).is_err(), "{text}");
        }
        for (text, line) in [
            ("LABEL a=FROM", 1),
            ("ENV I=a\nFROM $I", 1),
            ("ONBUILD ARG I=a\nFROM $I", 1),
            ("FROM a\nFRON evil", 2),
            ("FROM a\nRUN <<E\ntrue", 2),
            // BuildKit gives each of these another image than the text shows.
            ("FROM \"evil\"", 1),
            ("FROM a\nARG I=b\nFROM $I", 3),
            ("FROM a\nENV I=b\nFROM $I", 3),
            ("ARG I=a\nARG I=${I#x}\nFROM $I", 3),
            ("ARG I='$FROM_OUTSIDE'\nFROM $I", 2),
            ("ARG I=evil\nFROM ${I#x:-a}", 2),
            ("FROM ${TARGETARCH:-a}", 1),
            ("ARG I=a\nFROM ${J:-${I}}", 2),
            ("# a=b\n# escape=`\nFROM a\nRUN echo `\nFROM evil", 2),
            // Flags that builders read in other ways.
            ("FROM a\nCOPY --chown=\"a b\" --from=evil /x /x", 2),
            ("FROM a\nCOPY --\"from\"=evil /x /x", 2),
            ("FROM a\nCOPY --fr\\om=evil /x /x", 2),
            ("FROM a\nCOPY --from evil /x /x", 2),
            ("FROM a\nADD --from=evil /x /x", 2),
            ("FROM a\nRUN --mount=type=bind,\"from=evil\" true", 2),
            ("FROM a\nRUN --mount=type=bind,from true", 2),
            ("FROM a\nRUN --mount true", 2),
        ] {
            let why = images(text).expect_err(text);
            assert!(why.contains(&format!("line {line} ")), "{text}: {why}");
        }
    }

    #[test]
    fn lines_are_those_of_a_builder() {
        for (text, all) in [
            ("FROM a\nRUN echo \\\\\nFROM evil", "a evil"),
            ("# escape=`\nFROM a\nRUN dir C:\\\nFROM evil", "a evil"),
            ("# escape=`\nFROM a\nFR`\nOM evil", "a evil"),
            ("FROM a\nFR\\\nOM evil", "a evil"),
            ("FROM a\nCOPY <<E /x\nFROM scratch AS evil\nE\nFROM evil", "a evil"),
            ("FROM a\nRUN <<E\nARG I=a\nE\nFROM evil", "a evil"),
            ("ARG I=evil\nFROM a\nARG I=a\nENV I=a\nFROM $I", "a evil"),
            ("FROM a\nRUN --mount=type=bind,From=evil true", "a evil"),
            ("FROM a\nRUN --mount=type=bind,FROM=evil,rw true", "a evil"),
            ("FROM a AS x\nONBUILD COPY --from=evil /x /x\nFROM x", "a evil"),
        ] {
            assert_eq!(images(text).map(|(all, _)| all), Ok(all.to_owned()), "{text}");
        }
    }
}
