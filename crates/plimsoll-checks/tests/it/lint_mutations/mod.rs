//! Valid files with something wrong in them, some hundreds: whatever a person's hand or a broken editor does to a file, the
//! linter reads the rest, and its fixes come to an end that is no worse than the beginning.

mod seeds;

use std::collections::BTreeSet;

use plimsoll_checks::dockerfile;
use plimsoll_checks::lint::fix::{Fixes, REVEALING, fix};
use plimsoll_checks::lint::{Input, Linter, Options, Selection};
use plimsoll_checks::source::Source;
use plimsoll_model::{FileKind, LintedFile};

/// Of each way to change a file, for each file; a longer search sets the variable.
fn rounds() -> u64 {
    std::env::var("PLIMSOLL_MUTATIONS").ok().and_then(|number| number.parse().ok()).unwrap_or(1)
}

/// Numbers that are the same in every run (Knuth's MMIX generator).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides.max(1)
    }

    /// A character's start.
    fn place(&mut self, text: &str) -> usize {
        let mut at = self.roll(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// A way to change a text, and the lines of the original that it touches.
type Mutation = fn(&str, &mut Dice) -> (String, std::ops::Range<usize>);

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn at_line(text: &str, dice: &mut Dice, change: impl FnOnce(&str) -> String) -> (String, std::ops::Range<usize>) {
    let mut all: Vec<String> = lines(text).into_iter().map(str::to_owned).collect();
    let at = dice.roll(all.len());
    all[at] = change(&all[at]);
    (all.concat(), at..at + 1)
}

fn inserted(text: &str, dice: &mut Dice, what: &str) -> (String, std::ops::Range<usize>) {
    let at = dice.place(text);
    let line = text[..at].matches('\n').count();
    (format!("{}{what}{}", &text[..at], &text[at..]), line..line + 1)
}

const MUTATIONS: &[(&str, Mutation)] = &[
    ("delete a line", |text, dice| at_line(text, dice, |_| String::new())),
    ("double a line", |text, dice| at_line(text, dice, |line| format!("{line}{line}"))),
    ("insert an empty line", |text, dice| at_line(text, dice, |line| format!("\n{line}"))),
    ("insert a comment", |text, dice| at_line(text, dice, |line| format!("# a comment: \"{line}"))),
    ("insert a strange line", |text, dice| at_line(text, dice, |line| format!("[ ]: {{ %\n{line}"))),
    ("flip quotes", |text, dice| {
        at_line(text, dice, |line| line.replace('"', "\u{1}").replace('\'', "\"").replace('\u{1}', "'"))
    }),
    ("drop a quote", |text, dice| at_line(text, dice, |line| line.replacen(['"', '\''], "", 1))),
    ("insert a quote", |text, dice| inserted(text, dice, "\"")),
    ("insert a tab", |text, dice| inserted(text, dice, "\t")),
    ("tabs for indentation", |text, dice| at_line(text, dice, |line| line.replacen("  ", "\t", 1))),
    ("insert a control character", |text, dice| inserted(text, dice, "\u{7}")),
    ("insert a carriage return", |text, dice| inserted(text, dice, "\r\n")),
    ("insert what is wide", |text, dice| inserted(text, dice, "é\u{2028}\u{1F600}")),
    ("end all lines with CRLF", |text, _| (text.replace('\n', "\r\n"), 0..0)),
    ("indent a line more", |text, dice| at_line(text, dice, |line| format!(" {line}"))),
    ("indent a line less", |text, dice| at_line(text, dice, |line| line.strip_prefix(' ').unwrap_or(line).to_owned())),
    ("join two lines", |text, dice| at_line(text, dice, |line| line.trim_end_matches('\n').to_owned())),
    ("continue a line", |text, dice| at_line(text, dice, |line| line.replace('\n', " \\\n"))),
    ("drop the last character of a line", |text, dice| {
        at_line(text, dice, |line| {
            let mut kept = line.trim_end_matches('\n').to_owned();
            kept.pop();
            kept + "\n"
        })
    }),
    ("cut the rest off", |text, dice| {
        let at = dice.place(text);
        (text[..at].to_owned(), text[..at].matches('\n').count()..usize::MAX)
    }),
    ("swap two lines", |text, dice| {
        let mut all = lines(text);
        let at = dice.roll(all.len().saturating_sub(1));
        let next = (at + 1).min(all.len() - 1);
        all.swap(at, next);
        (all.concat(), at..next + 1)
    }),
    ("swap two blocks", |text, dice| {
        let mut all = lines(text);
        let (a, b) = (dice.roll(all.len()), dice.roll(all.len()));
        let (from, to) = (a.min(b), a.max(b) + 1);
        let half = (to - from) / 2;
        all[from..to].rotate_left(half);
        (all.concat(), from..to)
    }),
    ("take a block away", |text, dice| {
        let all = lines(text);
        let (a, b) = (dice.roll(all.len()), dice.roll(all.len()));
        let (from, to) = (a.min(b), a.max(b));
        ([&all[..from], &all[to..]].concat().concat(), from..to)
    }),
    ("write a colon or a brace twice", |text, dice| {
        at_line(text, dice, |line| line.replacen(':', "::", 1).replacen('{', "{{", 1))
    }),
];

/// Every mutation of every seed, with a number to find it again.
fn mutated(seeds: &[&'static str]) -> Vec<(String, &'static str, String, std::ops::Range<usize>)> {
    let mut all = Vec::new();
    for (index, seed) in seeds.iter().enumerate() {
        for (number, (name, mutation)) in MUTATIONS.iter().enumerate() {
            for round in 0..rounds() {
                let mut dice = Dice((index as u64) << 40 | (number as u64) << 20 | round);
                dice.roll(2);
                let (text, touched) = mutation(seed, &mut dice);
                all.push((format!("{name} in {index}, round {round}"), *seed, text, touched));
            }
        }
    }
    all
}

fn linter(select: &str) -> Linter {
    let selection = Selection { select: vec![select.to_owned()], ..Selection::default() };
    Linter::new(Options { selection, inline_ignores: true, ..Options::default() }).unwrap()
}

fn lint(linter: &Linter, text: &str, kind: FileKind) -> LintedFile {
    linter.lint(&[Input { path: "f", text, kind }]).pop().unwrap()
}

/// In several threads: each mutation is independent of the others.
fn each<T: Sync>(all: &[T], check: impl Fn(&T) + Sync) {
    std::thread::scope(|scope| {
        for part in all.chunks(all.len().div_ceil(4)) {
            scope.spawn(|| part.iter().for_each(&check));
        }
    });
}

fn rules(linted: &LintedFile) -> BTreeSet<String> {
    linted.findings.iter().map(|found| found.finding.rule.clone()).collect()
}

fn fixes_converge(seeds: &[&'static str], kind: FileKind) {
    let all = mutated(seeds);
    assert!(all.len() >= 200, "{} mutations", all.len());
    let (usual, every) = (linter("default"), linter("all"));
    each(&all, |(name, _, text, _)| {
        for (linter, fixes) in [(&usual, Fixes::Safe), (&every, Fixes::All)] {
            let before = lint(linter, text, kind);
            let once = fix(linter, "f", text, kind, fixes);
            let twice = fix(linter, "f", &once.text, kind, fixes);
            assert_eq!(
                once.text, twice.text,
                "{name}, {fixes:?}: a second time changes more ({:?}) in\n{text}",
                twice.done
            );
            let after = lint(linter, &once.text, kind);
            let problems = (before.problems.len(), after.problems.len());
            assert!(problems.1 <= problems.0, "{name}, {fixes:?}: {:?}\n{text}\nbecame\n{}", after.problems, once.text);
            // What could not be read may hold anything.
            if !once.done.iter().any(|(rule, _)| REVEALING.contains(&rule.as_str())) {
                let (before, after) = (rules(&before), rules(&after));
                let new: Vec<_> = after.difference(&before).collect();
                assert!(new.is_empty(), "{name}, {fixes:?}: {new:?} in\n{text}\nbecame\n{}", once.text);
            }
        }
    });
}

#[test]
fn fixes_of_mutated_dockerfiles_converge() {
    fixes_converge(&seeds::DOCKERFILES, FileKind::Dockerfile);
}

#[test]
fn fixes_of_mutated_manifests_converge() {
    fixes_converge(&seeds::MANIFESTS, FileKind::Manifest);
}

/// Findings of documents by their first line's text: rule and message.
fn by_document(linted: &LintedFile, text: &str) -> BTreeSet<(String, String, String)> {
    let all: Vec<&str> = text.lines().collect();
    let title = |line: u32| {
        let above = all.iter().take(usize::try_from(line).unwrap());
        // The document that the line stands in, by all of its lines.
        let start = above.clone().rposition(|line| line.starts_with("---")).map_or(0, |at| at + 1);
        let end = all[start..].iter().position(|line| line.starts_with("---")).map_or(all.len(), |at| start + at);
        all[start..end].join("\n")
    };
    let found = linted.findings.iter().map(|found| &found.finding);
    found.map(|f| (title(f.locations[0].line.unwrap()), f.rule.clone(), f.message.clone())).collect()
}

#[test]
fn documents_that_a_mutation_does_not_touch_keep_their_findings() {
    let linter = linter("all");
    let all = mutated(&seeds::MANIFESTS);
    let alone = |text: &str| linter.lint_alone(&Input { path: "f", text, kind: FileKind::Manifest });
    let kept = std::sync::atomic::AtomicUsize::new(0);
    each(&all, |(name, seed, text, touched)| {
        // The separators stay where they are, so that documents are what they were.
        let separators = |text: &str| text.lines().filter(|line| *line == "---").count();
        if separators(seed) != separators(text) || touched.is_empty() {
            return;
        }
        let documents: Vec<&str> = seed.trim_end().split("\n---\n").collect();
        let mut line = 0;
        let (before, after) = (by_document(&alone(seed), seed), by_document(&alone(text), text));
        for document in documents {
            let end = line + document.lines().count() + 1;
            let hit = touched.start < end && touched.end > line;
            line = end;
            if hit || !text.trim_end().split("\n---\n").any(|whole| whole == document) {
                continue;
            }
            for found in before.iter().filter(|(title, ..)| title.trim() == document) {
                kept.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                assert!(after.contains(found), "{name}: {found:?} is gone from\n{text}");
            }
        }
    });
    let kept = kept.into_inner();
    assert!(kept > 100, "{kept}");
}

/// Rules that need no more than an instruction by itself, and its stage.
const LOCAL: [&str; 12] = [
    "apt-asks",
    "unpinned-apk-package",
    "unpinned-apt-package",
    "unpinned-pip-package",
    "pip-cache-kept",
    "apt-in-script",
    "sudo-used",
    "add-instead-of-copy",
    "copy-target-without-slash",
    "latest-base-tag",
    "untagged-base",
    "maintainer-instruction",
];

#[test]
fn instructions_that_a_mutation_does_not_touch_keep_their_findings() {
    let linter = linter("all");
    let all = mutated(&seeds::DOCKERFILES);
    let kept = std::sync::atomic::AtomicUsize::new(0);
    // Each finding with the whole text of its instruction.
    let found = |text: &str| -> BTreeSet<(String, String, String)> {
        let source = Source::new("f", text);
        let file = dockerfile::parse(&source);
        let linted = lint(&linter, text, FileKind::Dockerfile);
        let local = linted.findings.iter().map(|f| &f.finding).filter(|f| LOCAL.contains(&f.rule.as_str()));
        let with = local.filter_map(|f| {
            let (line, column) = (f.locations[0].line?, f.locations[0].column?);
            let instruction = file.instruction_at(source.offset(line, column)?)?;
            Some((source.slice(instruction.span).to_owned(), f.rule.clone(), f.message.clone()))
        });
        with.collect()
    };
    let instructions = |text: &str| -> BTreeSet<String> {
        let source = Source::new("f", text);
        dockerfile::parse(&source).instructions.iter().map(|i| source.slice(i.span).to_owned()).collect()
    };
    each(&all, |(name, seed, text, touched)| {
        let (before, after, left) = (found(seed), found(text), instructions(text));
        let source = Source::new("f", seed);
        let file = dockerfile::parse(&source);
        // What an instruction stands on says what it means.
        if seed.lines().enumerate().any(|(at, line)| touched.contains(&at) && line.starts_with("FROM")) {
            return;
        }
        let mut gone = 0;
        for instruction in &file.instructions {
            let lines =
                (source.line(instruction.span.start) as usize - 1)..(source.line(instruction.span.end) as usize);
            let hit = touched.start < lines.end && touched.end > lines.start || touched.is_empty();
            let whole = source.slice(instruction.span);
            if hit || !left.contains(whole) {
                // One that a line's end was taken from, or that a here-document swallowed.
                gone += usize::from(!hit);
                continue;
            }
            for found in before.iter().filter(|(text, ..)| text == whole) {
                kept.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                assert!(after.contains(found), "{name}: {found:?} is gone from\n{text}");
            }
        }
        let swallows = text.contains("<<") || text.starts_with("# escape") || touched.end == usize::MAX;
        assert!(gone <= 2 || swallows, "{name}: {gone} instructions are not read any more in\n{text}");
    });
    let kept = kept.into_inner();
    assert!(kept > 100, "{kept}");
}
