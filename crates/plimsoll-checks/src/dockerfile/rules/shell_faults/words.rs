//! Faults of words: what is not quoted, or quoted the wrong way.

use super::values::{assigned_name, declares, splits};
use super::{ARGUMENTS, BACKQUOTES, BRACES, GLOB_AS_FLAG, RANGE, SINGLE_QUOTES, SUBSTITUTION, VARIABLE};
use super::{Look, bare, is_heredoc, plain_name};
use crate::shell::{Compound, Part, Redirect, Script, Simple, Word};
use crate::source::{Span, insert, replace};

/// Commands that print their arguments: a file's name is no flag to them.
const PRINTERS: [&str; 2] = ["echo", "printf"];
/// Commands whose first argument is a command's name, which nobody quotes.
const RUNNERS: [&str; 3] = ["exec", "command", "builtin"];
/// Commands that take words as one each: nobody wants an argument of theirs split.
const TAKE_ONE: [&str; 3] = ["[", "test", "cd"];
/// Commands whose output is meant to be split.
const LISTS: [&str; 2] = ["seq", "pgrep"];

impl Look<'_> {
    /// The arguments of a command, word by word.
    pub(super) fn arguments(&mut self, simple: &Simple) {
        let name = plain_name(simple).unwrap_or_default();
        let one = TAKE_ONE.contains(&name.as_str());
        let mut over = false;
        for (index, word) in simple.words.iter().enumerate().skip(1) {
            if index == 1 && RUNNERS.contains(&name.as_str()) {
                continue;
            }
            // In bash and dash, `export a=$b` splits nothing.
            if self.told.interpreter == "sh" || !declares(&name) || assigned_name(word).is_none() {
                self.split(word, one);
            }
            over |= bare(word) == Some("--");
            if !over && !PRINTERS.contains(&name.as_str()) && name != "[" && name != "test" {
                self.glob_as_flag(word);
            }
            self.braces(word);
            if name != "tr" {
                self.range(word);
            }
            if PRINTERS.contains(&name.as_str()) {
                self.single_quotes(word);
            }
        }
    }

    /// The list of `for x in …`.
    pub(super) fn each(&mut self, compound: &Compound) {
        for word in compound.words.iter().skip(1) {
            for part in &word.parts {
                if let Part::Variable { name, text, span } = part {
                    self.unquoted_arguments(name, text, *span);
                }
            }
        }
    }

    /// Parts of a word that a shell splits; `one`: nobody can have meant that here.
    pub(super) fn split(&mut self, word: &Word, one: bool) {
        for part in &word.parts {
            match part {
                Part::Variable { name, text, span } => {
                    if self.unquoted_arguments(name, text, *span) {
                        continue;
                    }
                    let default = text.strip_prefix("${").and_then(|rest| rest.strip_prefix(name.as_str()));
                    let default = default.is_some_and(|rest| rest.starts_with([':', '-', '?', '/']));
                    let default = default && !text.starts_with(&format!("${{{name}:+")) && !text.contains('=');
                    if (splits(text, name) || (default && !name.is_empty()))
                        && !matches!(name.as_str(), "@" | "*")
                        && self.values.may_split(name, self.told)
                    {
                        let message =
                            format!("`{}` is split at blanks, and `*` in it becomes names of files", cut(text));
                        let edits = vec![insert(span.start, "\""), insert(span.end, "\"")];
                        let whole = self.source.slice(*span).starts_with('$');
                        if let Some(found) = self.say(&VARIABLE.info, *span, message).filter(|_| whole) {
                            let fault = found.clone();
                            *found =
                                if one { fault.fix("quote it", edits) } else { fault.unsafe_fix("quote it", edits) };
                        }
                    }
                }
                Part::Substitution(script, span) if !script.items.is_empty() => {
                    let raw = self.source.slice(*span);
                    let lists = script.commands().first().and_then(|simple| simple.base_name());
                    let list = lists.is_some_and(|name| LISTS.contains(&name.as_str()));
                    if list || !raw.starts_with(['$', '`']) {
                        continue;
                    }
                    let edits = vec![insert(span.start, "\""), insert(span.end, "\"")];
                    let found = self.say(&SUBSTITUTION.info, *span, "what the command prints is split at blanks");
                    if let Some(found) = found {
                        let fault = found.clone();
                        *found = if one { fault.fix("quote it", edits) } else { fault.unsafe_fix("quote it", edits) };
                    }
                }
                _ => {}
            }
        }
    }

    /// `$@` and `${a[@]}` without quotes.
    fn unquoted_arguments(&mut self, name: &str, text: &str, span: Span) -> bool {
        let array = text.starts_with("${") && text.ends_with("[@]}") && !text.starts_with("${#");
        if !(array || (name == "@" && matches!(text, "$@" | "${@}"))) {
            return false;
        }
        let message = format!("`{}` without quotes splits every element again", cut(text));
        let edits = vec![insert(span.start, "\""), insert(span.end, "\"")];
        if let Some(found) = self.say(&ARGUMENTS.info, span, message) {
            *found = found.clone().unsafe_fix("quote it", edits);
        }
        true
    }

    fn glob_as_flag(&mut self, word: &Word) {
        let raw = self.source.slice(word.span);
        let is_bare = matches!(word.parts.first(), Some(Part::Bare(..)));
        if is_bare && raw.starts_with(['*', '?']) {
            let span = Span::new(word.span.start, word.span.start + 1);
            let message = format!("a file whose name begins with a dash makes `{}` a flag", cut(raw));
            if let Some(found) = self.say(&GLOB_AS_FLAG.info, span, message) {
                *found = found.clone().unsafe_fix("write ./", vec![insert(span.start, "./")]);
            }
        }
    }

    /// `a[extra]`: a set of characters that names one twice is none.
    fn range(&mut self, word: &Word) {
        for part in &word.parts {
            let Part::Bare(text, span) = part else { continue };
            let raw = self.source.slice(*span);
            // A backslash or a continued line: the places are not the text's.
            if raw != text {
                continue;
            }
            let mut from = 0;
            while let Some((start, end)) = set_of_characters(raw, from) {
                from = end;
                let inside = raw[start + 1..end - 1].trim_start_matches(['!', '^']);
                if inside.contains(['[', ':', '.', '=']) || !repeats(inside) {
                    continue;
                }
                let message = format!("`{}` stands for one of its characters", cut(&raw[start..end]));
                let place = Span::new(span.start + start, span.start + end);
                let lone = word.parts.len() == 1 && !raw.contains(['*', '?', '\'', '~']);
                let whole = word.span;
                if let Some(found) = self.say(&RANGE.info, place, message).filter(|_| lone) {
                    let edits = vec![insert(whole.start, "'"), insert(whole.end, "'")];
                    *found = found.clone().fix("quote it", edits);
                }
            }
        }
    }

    /// `{a,b}` and `{1..3}` where the shell has no such thing.
    fn braces(&mut self, word: &Word) {
        if !self.posix {
            return;
        }
        for part in &word.parts {
            let Part::Bare(text, span) = part else { continue };
            let raw = self.source.slice(*span);
            if raw != text {
                continue;
            }
            for (start, end) in brace_lists(raw) {
                let message = format!("`sh` does not expand `{}`", cut(&raw[start..end]));
                self.say(&BRACES.info, Span::new(span.start + start, span.start + end), message);
            }
        }
    }

    fn single_quotes(&mut self, word: &Word) {
        for part in &word.parts {
            if let Part::Single(text, span) = part
                && self.source.slice(*span).starts_with('\'')
                && looks_expanded(text)
            {
                self.say(&SINGLE_QUOTES.info, *span, "nothing is expanded in single quotes");
            }
        }
    }

    /// A substitution, wherever it stands.
    pub(super) fn substitution(&mut self, script: &Script, span: Span) {
        let raw = self.source.slice(span);
        if raw.starts_with(['<', '>']) {
            self.process_substitution(span);
            return;
        }
        let Some(inside) = raw.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) else { return };
        if script.items.is_empty() {
            return;
        }
        let found = self.say(&BACKQUOTES.info, span, "a command in backquotes is hard to read and to nest");
        if let Some(found) = found.filter(|_| !inside.contains(['\\', '`', '#', '\n'])) {
            let space = if inside.starts_with('(') { " " } else { "" };
            *found = found.clone().fix("write $(…)", vec![replace(span, format!("$({space}{inside})"))]);
        }
    }

    pub(super) fn redirect(&mut self, redirect: &Redirect) {
        if redirect.operator == "&>" && !is_heredoc(redirect) {
            self.ampersand_redirect(redirect);
        }
    }
}

/// What messages show of a text that anybody may have written, in characters.
const SHOWN: usize = 60;

/// The beginning of a text on one line.
pub(super) fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// The next `[…]` from a byte on.
fn set_of_characters(text: &str, from: usize) -> Option<(usize, usize)> {
    let start = from + text.get(from..)?.find('[')?;
    let length = text[start..].find(']')?;
    (length > 1).then_some((start, start + length + 1))
}

fn repeats(characters: &str) -> bool {
    let mut seen = std::collections::HashSet::new();
    characters.chars().filter(|c| *c != '-').any(|c| !seen.insert(c))
}

/// Brace expansions that are not inside another.
fn brace_lists(text: &str) -> Vec<(usize, usize)> {
    let mut lists = Vec::new();
    // Of each `{` that is open: its place, and whether it is a list by now.
    let mut open: Vec<(usize, bool)> = Vec::new();
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' => open.push((at, false)),
            b',' => {
                if let Some((_, list)) = open.last_mut() {
                    *list = true;
                }
            }
            b'.' if bytes.get(at + 1) == Some(&b'.') => {
                if let Some((_, list)) = open.last_mut() {
                    *list = true;
                }
            }
            b'}' => {
                if let Some((start, true)) = open.pop() {
                    // Those inside it were told first.
                    while lists.last().is_some_and(|(inner, _)| *inner > start) {
                        lists.pop();
                    }
                    lists.push((start, at + 1));
                }
            }
            _ => {}
        }
    }
    lists
}

/// `$x`, `${x}`, `$(x)`, `$1` or a command in backquotes.
fn looks_expanded(text: &str) -> bool {
    let dollar = text
        .match_indices('$')
        .any(|(at, _)| text[at + 1..].starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '{' | '(')));
    let quoted = text.split_once('`').and_then(|(_, rest)| rest.split_once('`'));
    dollar || quoted.is_some_and(|(inside, _)| !inside.is_empty())
}
