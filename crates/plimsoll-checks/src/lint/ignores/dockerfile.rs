//! Ignores of a Dockerfile. In: its tree. Out: each comment that keeps rules quiet, with what it covers: the next
//! instruction, the stage or the file. A comment between the lines of an instruction is that instruction's.

use super::words::{Reach, hadolint, ours};
use super::{EVERYTHING, Ignore};
use crate::dockerfile::Dockerfile;
use crate::source::{Source, Span};

pub(in crate::lint) fn ignores(file: &Dockerfile<'_>) -> Vec<Ignore> {
    let mut ignores = Vec::new();
    for comment in &file.comments {
        let span = comment.span;
        let whole = Some(whole_line(file.source, span));
        let instruction = || next(file, span);
        if let Some(wording) = ours(&comment.text) {
            let covers = instruction().map(|index| file.instructions[index].span);
            ignores.push(Ignore::new(span, whole, covers, wording));
        } else if let Some((wording, reach)) = hadolint(&comment.text) {
            let covers = match reach {
                Reach::Next => instruction().map(|index| file.instructions[index].span),
                Reach::Stage => instruction().and_then(|index| stage(file, index)),
                Reach::File => Some(EVERYTHING),
            };
            ignores.push(Ignore::new(span, whole, covers, wording));
        }
    }
    ignores
}

/// The instruction that a comment stands in or before.
fn next(file: &Dockerfile<'_>, comment: Span) -> Option<usize> {
    let index = file.instructions.partition_point(|instruction| instruction.span.end <= comment.start);
    (index < file.instructions.len()).then_some(index)
}

/// From an instruction to the end of its stage; before the first FROM, that instruction alone.
fn stage(file: &Dockerfile<'_>, instruction: usize) -> Option<Span> {
    let span = file.instructions.get(instruction)?.span;
    let stage = file.instructions[instruction].stage.and_then(|stage| file.stages.get(stage));
    let Some(stage) = stage else { return Some(span) };
    let last = file.instructions.get(stage.end.checked_sub(1)?)?;
    Some(span.to(last.span))
}

/// A line that holds nothing but a comment, with its line break.
pub(super) fn whole_line(source: &Source<'_>, comment: Span) -> Span {
    let line = source.line(comment.start);
    let start = source.line_span(line).map_or(comment.start, |span| span.start);
    let end = source.line_span(line + 1).map_or(source.text.len(), |next| next.start);
    Span::new(start, end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::parse;

    #[test]
    fn comments_cover_the_next_instruction_their_own_the_stage_or_the_file() {
        let text = "# plimsoll: allow-file f r\n# plimsoll: allow a r\n\nFROM x AS one\n# hadolint stage ignore=DL1\n\
                    RUN a && \\\n  # plimsoll: allow b r\n  c\n# hadolint ignore=DL2\nRUN d\nFROM y\n# plimsoll: allow e r\n";
        let source = Source::new("Dockerfile", text);
        let ignores = ignores(&parse(&source));
        let covered: Vec<&str> = ignores
            .iter()
            .map(|ignore| match ignore.covers {
                Some(EVERYTHING) => "everything",
                Some(span) => source.slice(span),
                None => "nothing",
            })
            .collect();
        assert_eq!(covered[0], "everything");
        assert_eq!(covered[1], "FROM x AS one");
        assert!(covered[2].starts_with("RUN a") && covered[2].ends_with("RUN d"), "{}", covered[2]);
        assert!(covered[3].starts_with("RUN a") && covered[3].ends_with("  c"), "{}", covered[3]);
        assert_eq!(covered[4..], ["RUN d", "nothing"]);
        assert_eq!(source.slice(ignores[3].whole.unwrap()), "  # plimsoll: allow b r\n");
    }
}
