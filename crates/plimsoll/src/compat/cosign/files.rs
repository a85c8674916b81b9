//! `manifest verify` and `dockerfile verify`. In: a file. Out: the images that it names, held to what `verify` demands. What stands in
//! the file and cannot be read as a name fails: an image that is passed over is one that nobody verified.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};

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
    /// Reads a Dockerfile; variables are its own or else the environment's, as in Cosign.
    fn of(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<Images, Failure> {
        let (mut found, mut variables) = (Images::default(), BTreeMap::new());
        // Each stage's name, and what it rests upon in the end.
        let mut stages: Vec<(String, Option<String>)> = vec![];
        for line in lines(text) {
            let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
            match word.to_ascii_uppercase().as_str() {
                "FROM" => {
                    let rest = expanded(rest, &variables, environment)?;
                    let words: Vec<&str> = rest.split_whitespace().filter(|word| !word.starts_with("--")).collect();
                    let (image, name) = match words.as_slice() {
                        [image] => (*image, String::new()),
                        [image, word, name] if word.eq_ignore_ascii_case("as") => (*image, name.to_lowercase()),
                        _ => return Err(format!("no image found in the line {line:?}").into()),
                    };
                    let rests_on = match stages.iter().rev().find(|(name, _)| *name == image.to_lowercase()) {
                        Some((_, base)) if !image.is_empty() => base.clone(),
                        _ if image == "scratch" => None,
                        _ => {
                            found.all.push(image.to_owned());
                            Some(image.to_owned())
                        }
                    };
                    found.base.clone_from(&rests_on);
                    stages.push((name, rests_on));
                }
                "COPY" | "ADD" | "RUN" => {
                    for from in sources(rest) {
                        let from = expanded(&from, &variables, environment)?;
                        let is_stage = stages.iter().any(|(name, _)| *name == from.to_lowercase())
                            || from.parse::<usize>().is_ok_and(|at| at < stages.len());
                        if !is_stage && !from.is_empty() {
                            found.all.push(from);
                        }
                    }
                }
                "ARG" | "ENV" => {
                    for (name, value) in rest.split_whitespace().filter_map(|pair| pair.split_once('=')) {
                        // One that cannot be told matters only where it is used.
                        let value = value.trim_matches(['"', '\'']);
                        if let Ok(value) = expanded(value, &variables, environment) {
                            variables.insert(name.to_owned(), value);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

/// The instructions: lines that end in a backslash go on, comments and empty lines are left out.
fn lines(text: &str) -> Vec<String> {
    let (mut all, mut open) = (vec![], String::new());
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        match line.strip_suffix('\\') {
            Some(part) => {
                open.push_str(part);
                open.push(' ');
            }
            None => {
                open.push_str(line);
                all.push(std::mem::take(&mut open));
            }
        }
    }
    all.extend(Some(open.trim().to_owned()).filter(|open| !open.is_empty()));
    all
}

/// Where an instruction's flags take files from: `--from=X`, and `from=X` of `--mount=`.
fn sources(rest: &str) -> Vec<String> {
    let mut found = vec![];
    for flag in rest.split_whitespace().take_while(|word| word.starts_with("--")) {
        if let Some(from) = flag.strip_prefix("--from=") {
            found.push(from.to_owned());
        }
        let mount = flag.strip_prefix("--mount=").unwrap_or_default();
        found.extend(mount.split(',').filter_map(|part| part.strip_prefix("from=")).map(str::to_owned));
    }
    found
}

/// A text with its variables: `$NAME`, `${NAME}`, `${NAME:-default}`. One without a value is an error: what stood there is not known.
fn expanded(
    text: &str,
    variables: &BTreeMap<String, String>,
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
        let value = variables.get(name).cloned().or_else(|| environment(name)).filter(|value| !value.is_empty());
        let value = value.or_else(|| default.map(str::to_owned));
        out.push_str(
            &value
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
            ("# FROM no\nLABEL a=FROM", "", ""),
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
    }
}
