//! Fixes. In: a file's text, and a linter. Out: the text with the fixes applied that keep it readable and bring no new
//! finding, and what was done. What it does not do: write files.
//!
//! Rounds until nothing changes: edits that touch one another wait for the next round. After each round the file is linted
//! again; a fix that makes anything worse, or leaves its own fault there, is dropped, and tried once more where the others have
//! changed the text.

use std::collections::{BTreeMap, HashSet};

use plimsoll_model::{FileKind, LintFinding, LintedFile, Problem, ProblemEffect, TextEdit, TextFix};

use super::{Input, Linter};

/// Rounds over one file: fixes that uncover others end sooner, and two that undo each other must end too.
const MAX_ROUNDS: usize = 20;
/// How often one file is linted for its fixes: finding a bad one among many takes several tries.
const MAX_LINTS: usize = 200;

/// Rules whose fixes make text readable that no other rule could look at: what is found there then was there before.
/// They are mended first, by themselves.
pub const REVEALING: &[&str] = &["broken-yaml", "manifest-without-kind", "not-understood"];

/// Which fixes are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fixes {
    Safe,
    /// Those too that may change what a build or a workload does.
    All,
}

/// A file after its fixes.
#[derive(Debug, Clone, PartialEq)]
pub struct Fixed {
    pub text: String,
    /// Rule and what was done, in the order in which it was.
    pub done: Vec<(String, String)>,
    /// Rule and title of fixes that were not applied, for they would have made things worse.
    pub dropped: Vec<(String, String)>,
    /// What of the text could not be read, after the fixes.
    pub problems: Vec<Problem>,
}

/// Applies the fixes of one file's findings.
pub fn fix(linter: &Linter, path: &str, text: &str, kind: FileKind, fixes: Fixes) -> Fixed {
    let crlf = text.find('\n').is_some_and(|end| text[..end].ends_with('\r'));
    let mut mending = Mending { linter, path, kind, crlf, lints: 0, dropped: HashSet::new() };
    let mut fixed = Fixed { text: text.to_owned(), done: Vec::new(), dropped: Vec::new(), problems: Vec::new() };
    let mut linted = mending.lint(text);
    // Whether the text changed after a fix was dropped: what was bad then may be good now.
    let mut again = false;
    for _ in 0..MAX_ROUNDS {
        let chosen = mending.chosen(&linted, fixes);
        let before = State::of(&linted);
        match mending.best(&fixed.text, &before, chosen) {
            Some((good, better)) => {
                again |= !mending.dropped.is_empty();
                fixed.done.extend(good.iter().map(|fix| (fix.rule.clone(), fix.fix.title.clone())));
                (fixed.text, linted) = better;
            }
            None if again => {
                mending.dropped.clear();
                again = false;
            }
            None => break,
        }
    }
    let mut dropped: Vec<(String, String)> =
        mending.dropped.into_iter().map(|(rule, title, _)| (rule, title)).collect();
    dropped.sort();
    fixed.dropped = dropped;
    fixed.problems = linted.problems;
    fixed
}

/// One finding's fix.
#[derive(Debug, Clone)]
struct Chosen {
    rule: String,
    message: String,
    fix: TextFix,
}

impl Chosen {
    fn reveals(&self) -> bool {
        REVEALING.contains(&self.rule.as_str())
    }
}

struct Mending<'a> {
    linter: &'a Linter,
    path: &'a str,
    kind: FileKind,
    crlf: bool,
    lints: usize,
    /// Rule, title and message of fixes that are not tried again: places move, words stay.
    dropped: HashSet<(String, String, String)>,
}

/// What must not get worse.
#[derive(Debug, PartialEq, Eq)]
struct State {
    /// Findings by rule, those that ignores keep quiet too: a fix must not hide behind an ignore.
    rules: BTreeMap<String, usize>,
    undecided: usize,
}

impl State {
    fn of(linted: &LintedFile) -> State {
        let mut rules = BTreeMap::new();
        let ignored = linted.ignored.iter().map(|ignored| &ignored.finding);
        for LintFinding { finding, .. } in linted.findings.iter().chain(ignored) {
            *rules.entry(finding.rule.clone()).or_default() += 1;
        }
        let undecided = linted.problems.iter().filter(|p| p.effect == ProblemEffect::Undecided).count();
        State { rules, undecided }
    }

    fn count(&self, rule: &str) -> usize {
        self.rules.get(rule).copied().unwrap_or_default()
    }

    /// No rule finds more than before, and each whose fixes were applied finds less.
    fn is_better_than(&self, before: &State, fixes: &[Chosen]) -> bool {
        let reveal = fixes.iter().all(Chosen::reveals);
        self.undecided <= before.undecided
            && (reveal || self.rules.iter().all(|(rule, count)| *count <= before.count(rule)))
            && fixes.iter().all(|fix| self.count(&fix.rule) < before.count(&fix.rule))
    }
}

impl Mending<'_> {
    fn lint(&mut self, text: &str) -> LintedFile {
        self.lints += 1;
        // Rules over several files see this one alone: some of them speak of a file by itself, and have fixes.
        self.linter.lint(&[Input { path: self.path, text, kind: self.kind }]).pop().unwrap_or_else(|| LintedFile {
            path: self.path.to_owned(),
            kind: Some(self.kind),
            findings: Vec::new(),
            problems: Vec::new(),
            ignored: Vec::new(),
            text: String::new(),
        })
    }

    /// The fixes of this round, in the order of the file, none touching another.
    fn chosen(&self, linted: &LintedFile, fixes: Fixes) -> Vec<Chosen> {
        let wanted = linted.findings.iter().filter_map(|LintFinding { finding, .. }| {
            let fix = finding.fix.clone().filter(|fix| fix.safe || fixes == Fixes::All)?;
            Some(Chosen { rule: finding.rule.clone(), message: finding.message.clone(), fix })
        });
        let mut wanted: Vec<Chosen> = wanted.filter(|fix| !self.dropped.contains(&key(fix))).collect();
        if wanted.iter().any(Chosen::reveals) {
            wanted.retain(Chosen::reveals);
        }
        wanted.sort_by_key(|chosen| chosen.fix.edits.first().map_or(usize::MAX, |edit| edit.start));
        let mut taken = Taken::default();
        wanted.into_iter().filter(|chosen| !chosen.fix.edits.is_empty() && taken.take(&chosen.fix.edits)).collect()
    }

    /// The fixes that together make the file better, and the better file.
    fn best(&mut self, text: &str, before: &State, fixes: Vec<Chosen>) -> Option<(Vec<Chosen>, (String, LintedFile))> {
        if let Some(better) = self.tried(text, before, &fixes) {
            return Some((fixes, better));
        }
        // At least one of them is bad. Halves are tried on top of what is known to be good.
        let mut good: Vec<Chosen> = Vec::new();
        let mut better = None;
        let mut left: Vec<Vec<Chosen>> = vec![fixes];
        while let Some(mut several) = left.pop() {
            if several.is_empty() {
                continue;
            }
            let both: Vec<Chosen> = good.iter().chain(&several).cloned().collect();
            if let Some(found) = self.tried(text, before, &both) {
                (good, better) = (both, Some(found));
            } else if several.len() == 1 || self.lints >= MAX_LINTS {
                self.dropped.extend(several.iter().map(key));
            } else {
                let second = several.split_off(several.len() / 2);
                left.extend([second, several]);
            }
        }
        better.map(|better| (good, better))
    }

    fn tried(&mut self, text: &str, before: &State, fixes: &[Chosen]) -> Option<(String, LintedFile)> {
        if fixes.is_empty() || self.lints >= MAX_LINTS {
            return None;
        }
        let edits = fixes.iter().flat_map(|fix| &fix.fix.edits).cloned().collect();
        let text = applied(text, edits, self.crlf)?;
        let linted = self.lint(&text);
        State::of(&linted).is_better_than(before, fixes).then_some((text, linted))
    }
}

fn key(fix: &Chosen) -> (String, String, String) {
    (fix.rule.clone(), fix.fix.title.clone(), fix.message.clone())
}

/// Bytes that edits have taken.
#[derive(Default)]
struct Taken {
    ranges: BTreeMap<usize, usize>,
}

impl Taken {
    /// Takes all of the edits, or none where one touches what is taken.
    fn take(&mut self, edits: &[TextEdit]) -> bool {
        let touches = |edit: &TextEdit| {
            let before = self.ranges.range(..=edit.end).next_back();
            before.is_some_and(|(_, end)| *end >= edit.start)
        };
        if edits.iter().any(touches) || edits.windows(2).any(|pair| pair[0].end > pair[1].start) {
            return false;
        }
        self.ranges.extend(edits.iter().map(|edit| (edit.start, edit.end)));
        true
    }
}

/// The text with edits applied, none of which overlaps another; none where one does not fit the text.
pub fn applied(text: &str, mut edits: Vec<TextEdit>, crlf: bool) -> Option<String> {
    edits.sort();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for edit in &edits {
        // An edit that starts before the last one ended, or inside a character, gives no slice.
        out.push_str(text.get(at..edit.start)?);
        text.get(edit.start..edit.end)?;
        if crlf {
            out.push_str(&edit.text.replace("\r\n", "\n").replace('\n', "\r\n"));
        } else {
            out.push_str(&edit.text);
        }
        at = edit.end;
    }
    out.push_str(text.get(at..)?);
    Some(out)
}

/// Lines around a change that a diff shows.
const CONTEXT: usize = 3;

/// A unified diff that `patch -p1` and `git apply` take; empty where both are the same.
pub fn diff(path: &str, old: &str, new: &str) -> String {
    if old == new {
        return String::new();
    }
    let path = path.strip_prefix("./").unwrap_or(path).trim_start_matches('/');
    let diff = similar::TextDiff::configure().algorithm(similar::Algorithm::Patience).diff_lines(old, new);
    let (old, new) = (quoted(format!("a/{path}")), quoted(format!("b/{path}")));
    diff.unified_diff().context_radius(CONTEXT).header(&old, &new).to_string()
}

/// A name as git writes it in a patch: one with bytes that would end its line stands in quotes.
fn quoted(name: String) -> String {
    if !name.chars().any(|c| c.is_ascii_control() || matches!(c, '"' | '\\')) {
        return name;
    }
    let mut out = String::from("\"");
    for c in name.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_ascii_control() => out.push_str(&format!("\\{:03o}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_names_one_file_whatever_its_name() {
        let patch = diff("a\n+++ b/\"x\\", "1\n", "2\n");
        let header: Vec<&str> = patch.lines().take(3).collect();
        let name = r#"a\012+++ b/\"x\\"#;
        assert_eq!(header, [format!("--- \"a/{name}\""), format!("+++ \"b/{name}\""), "@@ -1 +1 @@".to_owned()]);
        assert!(diff("./a b", "1\n", "2\n").starts_with("--- a/a b\n+++ b/a b\n"));
    }
}
