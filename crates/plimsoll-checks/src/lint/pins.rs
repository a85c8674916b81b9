//! Names of images that a digest may go behind. In: a file's text. Out: the names with their bytes. Left out is what no digest
//! fits or needs: variables, stages, `scratch`, names that have one, and those that no registry could be asked for.

use std::collections::{BTreeSet, HashSet};

use plimsoll_model::{FileKind, ImageReference};

use crate::dockerfile::ast::{Body, Text};
use crate::dockerfile::{self, Dockerfile};
use crate::manifest::object::{Object, read};
use crate::source::{Source, Span};

/// A name and where it stands: its end is where a digest goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedAt {
    /// The name's bytes, without quotes.
    pub span: Span,
    pub name: String,
}

/// The images of FROM and `COPY --from` of a Dockerfile, or of the containers of a manifest, in the order of the file.
pub fn named_at(kind: FileKind, text: &str) -> Vec<NamedAt> {
    let source = Source::new("", text);
    let found: BTreeSet<NamedAt> = match kind {
        FileKind::Dockerfile => {
            of_dockerfile(&dockerfile::parse(&source)).filter_map(|name| at(&source, name)).collect()
        }
        FileKind::Manifest => {
            let manifest = read(&source);
            let workloads = manifest.objects.iter().filter_map(Object::workload);
            let images = workloads.flat_map(|workload| workload.containers()).filter_map(|c| c.at(&["image"]));
            let texts = images.filter_map(|image| {
                Some(Text { text: image.string()?.to_owned(), span: Span::new(image.start, image.end) })
            });
            // An alias stands for the same bytes as its anchor: once is enough.
            texts.filter_map(|text| at(&source, &text)).collect()
        }
    };
    found.into_iter().collect()
}

fn of_dockerfile<'a>(file: &'a Dockerfile<'_>) -> impl Iterator<Item = &'a Text> {
    let from = file.stages.iter().filter(|stage| stage.base.is_none()).map(|stage| &stage.image);
    let copies = file.instructions.iter().filter(|instruction| matches!(instruction.body, Body::Copy { .. }));
    let flags = copies.flat_map(|copy| copy.flags.iter().filter(|flag| flag.name == "from"));
    let names = file.stages.iter().filter_map(|stage| stage.name.as_ref());
    let names: HashSet<String> = names.map(|name| name.text.to_ascii_lowercase()).collect();
    // A number is a stage's, and names of stages know no case.
    let is_stage =
        move |name: &str| name.bytes().all(|byte| byte.is_ascii_digit()) || names.contains(&name.to_ascii_lowercase());
    let foreign = flags.filter_map(|flag| flag.value.as_ref()).filter(move |value| !is_stage(&value.text));
    from.chain(foreign)
}

/// The name's own bytes, where it is written in one piece and can be pinned.
fn at(source: &Source<'_>, text: &Text) -> Option<NamedAt> {
    let written = source.slice(text.span);
    let name = written.trim_matches(['"', '\'']);
    let start = text.span.start + written.find(name)?;
    let plain = !name.is_empty() && name == text.text.trim_matches(['"', '\'']);
    let fits = plain && name != "scratch" && !name.contains(['@', '$', '{', '%']);
    let readable = fits && name.parse::<ImageReference>().is_ok_and(|name| name.digest().is_none());
    readable.then(|| NamedAt { span: Span::new(start, start + name.len()), name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(kind: FileKind, text: &str) -> Vec<String> {
        let found = named_at(kind, text);
        found.iter().for_each(|found| assert_eq!(&text[found.span.start..found.span.end], found.name));
        found.into_iter().map(|found| found.name).collect()
    }

    #[test]
    fn images_of_a_dockerfile_are_found_and_stages_are_none() {
        let text = "ARG B=x\nFROM --platform=$BUILDPLATFORM \"golang:1.23\" AS Build\nFROM scratch AS empty\nFROM $B\n\
                    FROM a:${T}\nFROM build AS next\nFROM debian@sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b\n\
                    FROM alpine\nCOPY --from=0 a b\nCOPY --from=BUILD a b\nCOPY --from=busybox:1.36 a b\nCOPY --from=$B a b\n\
                    FROM not//a:name\nFROM de\\\nbian:12\n";
        assert_eq!(names(FileKind::Dockerfile, text), ["golang:1.23", "alpine", "busybox:1.36"]);
    }

    #[test]
    fn images_of_a_manifest_are_found_once_by_their_bytes() {
        let text = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - &c {name: a, image: \"nginx:1\"}\n  - *c\n  - image: 'b:2' # why\n  \
                    - image: {{x}}\n  - image: $(IMAGE)\n  - image: >\n      folded\n  initContainers:\n  - image: plain:3\n";
        assert_eq!(names(FileKind::Manifest, text), ["nginx:1", "b:2", "plain:3"]);
    }
}
