//! hadolint's comments that leave findings out. In: the comments of a file. Out: whether a finding of a line is wanted.
//!
//! `# hadolint ignore=CODES` counts for the instruction that begins on the next line; `# hadolint global ignore=CODES` for the
//! file; `# hadolint stage ignore=CODES` for the stage of the FROM that comes next, or, further down, for the rest of the stage
//! it stands in. Behind another `#` may stand a reason.

use std::collections::{BTreeSet, HashMap};

use plimsoll_checks::dockerfile::Dockerfile;
use plimsoll_checks::dockerfile::ast::Body;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Next,
    Stage,
    File,
}

/// What the comments of a file leave out.
#[derive(Debug, Default)]
pub struct Pragmas {
    /// By the line that a finding has.
    lines: HashMap<u32, BTreeSet<String>>,
    /// By the code.
    stages: HashMap<String, Lines>,
    file: BTreeSet<String>,
}

/// Runs of lines, in the order in which comments stand: each from a line up to, and without, another.
#[derive(Debug, Default)]
struct Lines(Vec<(u32, u32)>);

impl Lines {
    /// Later comments begin later and reach as far or further, so that runs which touch become one.
    fn add(&mut self, start: u32, end: u32) {
        match self.0.last_mut().filter(|(_, last)| start <= *last) {
            Some((_, last)) => *last = end.max(*last),
            None => self.0.push((start, end)),
        }
    }

    fn has(&self, line: u32) -> bool {
        let before = self.0.partition_point(|(start, _)| *start <= line);
        before.checked_sub(1).is_some_and(|at| line < self.0[at].1)
    }
}

impl Pragmas {
    pub fn of(dockerfile: &Dockerfile<'_>) -> Pragmas {
        let source = dockerfile.source;
        let starts: Vec<(u32, bool)> = dockerfile
            .instructions
            .iter()
            .map(|instruction| (source.line(instruction.span.start), matches!(instruction.body, Body::From { .. })))
            .collect();
        let mut pragmas = Pragmas::default();
        for comment in &dockerfile.comments {
            let Some((reach, codes)) = parse(&comment.text) else { continue };
            let at =
                dockerfile.instructions.partition_point(|instruction| instruction.span.start <= comment.span.start);
            // Inside an instruction it belongs to the shell's text.
            if at > 0 && dockerfile.instructions[at - 1].span.end > comment.span.start {
                continue;
            }
            let line = source.line(comment.span.start);
            match reach {
                Reach::Next => pragmas.lines.entry(line.saturating_add(1)).or_default().extend(codes),
                Reach::File => pragmas.file.extend(codes),
                Reach::Stage => {
                    let rest = &starts[at..];
                    let ahead = usize::from(rest.first().is_some_and(|(_, from)| *from));
                    let end = rest.iter().skip(ahead).find(|(_, from)| *from).map_or(u32::MAX, |(line, _)| *line);
                    for code in codes {
                        pragmas.stages.entry(code).or_default().add(line, end);
                    }
                }
            }
        }
        pragmas
    }

    pub fn leave_out(&self, code: &str, line: u32) -> bool {
        self.file.contains(code)
            || self.lines.get(&line).is_some_and(|codes| codes.contains(code))
            || self.stages.get(code).is_some_and(|lines| lines.has(line))
    }
}

/// Reads one comment without its `#`; none where it is anything else.
fn parse(comment: &str) -> Option<(Reach, Vec<String>)> {
    let rest = comment.trim_start_matches(BLANK).strip_prefix("hadolint")?;
    let (word, rest) = next_word(rest)?;
    let (reach, rest) = match word {
        "global" => (Reach::File, next_word(rest)?),
        "stage" => (Reach::Stage, next_word(rest)?),
        _ => (Reach::Next, (word, rest)),
    };
    let (word, rest) = rest;
    if word != "ignore" {
        return None;
    }
    let list = rest.trim_start_matches(BLANK).strip_prefix('=')?;
    let list = list.split('#').next().unwrap_or_default();
    let codes: Option<Vec<String>> = list.split(',').map(|code| code_of(code.trim_matches(BLANK))).collect();
    Some((reach, codes?))
}

const BLANK: [char; 3] = [' ', '\t', '\r'];

/// A word with white space before it, and what follows it.
fn next_word(text: &str) -> Option<(&str, &str)> {
    let trimmed = text.trim_start_matches(BLANK);
    let end = trimmed.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(trimmed.len());
    (trimmed.len() < text.len() && end > 0).then(|| trimmed.split_at(end))
}

fn code_of(text: &str) -> Option<String> {
    let digits = text.strip_prefix("DL").or_else(|| text.strip_prefix("SC"))?;
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_read_as_hadolint_reads_them() {
        for comment in [
            " hadolint ignore=DL3004",
            "hadolint ignore=DL3004",
            "   hadolint   ignore = DL3004 # reason, with words",
            " hadolint ignore=DL3004# reason",
            " hadolint ignore=DL3004\t# reason\r",
        ] {
            assert_eq!(parse(comment), Some((Reach::Next, vec!["DL3004".to_owned()])), "{comment:?}");
        }
        assert_eq!(parse(" hadolint ignore=SC1 ,DL3004").unwrap().1, ["SC1", "DL3004"]);
        assert_eq!(parse(" hadolint global  ignore=DL3004").unwrap().0, Reach::File);
        assert_eq!(parse(" hadolint stage ignore=DL3004").unwrap().0, Reach::Stage);
        for comment in [
            " hadolint ignore=DL3004 reason",
            " hadolint ignore=DL3004 DL3006",
            " hadolint ignore=DL3004,",
            " hadolint ignore=DL3004;",
            " hadolint ignore=",
            " hadolint ignore=dl3004",
            " hadolint ignore=FOO,DL3004",
            " hadolint ignore=DL3004 -- reason",
            " hadolintignore=DL3004",
            " hadolint stage-ignore=DL3004",
            " hadolint stage ignore DL3004",
            " hadolint ignore stage=DL3004",
            " hadolint shell=bash",
            " Hadolint ignore=DL3004",
            " see hadolint ignore=DL3004",
            "",
        ] {
            assert_eq!(parse(comment), None, "{comment:?}");
        }
    }

    #[test]
    fn runs_of_lines_are_found_whether_they_touch_or_not() {
        let mut lines = Lines::default();
        for (start, end) in [(2, 9), (4, 9), (12, 20), (18, u32::MAX)] {
            lines.add(start, end);
        }
        let inside: Vec<u32> = (0..30).filter(|line| lines.has(*line)).collect();
        assert_eq!(inside, (2..9).chain(12..30).collect::<Vec<u32>>());
        assert!(!Lines::default().has(1));
    }
}
