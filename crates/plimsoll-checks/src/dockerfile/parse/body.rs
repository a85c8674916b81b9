//! What an instruction says. In: its text after keyword and flags. Out: its [`Body`], the here-documents it opens, and faults.

use std::ops::Range;

use super::super::ast::{Body, Command, Heredoc, Instruction, Pair, Shell, ShellText, Text};
use super::exec::{NotExec, strings};
use super::{Parser, shells, words};
use crate::joined::Joined;
use crate::shell::{self, Script};
use crate::source::Span;

impl Parser<'_> {
    /// Fills an instruction's body, and its here-documents where it may have any.
    pub(super) fn body(
        &mut self,
        kind: &str,
        line: &Joined,
        rest: Range<usize>,
        instruction: &mut Instruction,
        inner: bool,
    ) {
        let at = instruction.keyword.span;
        if rest.is_empty()
            && !matches!(kind, "FROM" | "" | "CMD" | "ENTRYPOINT")
            && super::lines::KEYWORDS.contains(&kind)
        {
            return self.fault(at, format!("{kind} has no argument"));
        }
        let escape = self.lines.escape;
        instruction.body = match kind {
            "FROM" => self.from(line, rest, at),
            "RUN" => self.run(line, rest, instruction),
            "CMD" => self.command(kind, line, rest).map_or(Body::Unknown, Body::Cmd),
            "ENTRYPOINT" => self.command(kind, line, rest).map_or(Body::Unknown, Body::Entrypoint),
            "HEALTHCHECK" => self.healthcheck(line, rest),
            "COPY" | "ADD" => self.copy(kind, line, rest, instruction),
            "ENV" => self.pairs(kind, line, rest).map_or(Body::Unknown, Body::Env),
            "LABEL" => self.pairs(kind, line, rest).map_or(Body::Unknown, Body::Label),
            "ARG" => {
                let names = words::quoted_words(line.as_str(), rest, escape);
                Body::Arg(names.into_iter().map(|word| words::pair(line, word, escape)).collect())
            }
            "USER" => Body::User(line.text(rest)),
            "WORKDIR" => Body::Workdir(line.text(rest)),
            "STOPSIGNAL" => Body::StopSignal(line.text(rest)),
            "MAINTAINER" => Body::Maintainer(line.text(rest)),
            "EXPOSE" => Body::Expose(fields(line, rest)),
            "VOLUME" => match self.list(kind, line, rest) {
                Some((paths, json)) => Body::Volume { paths, json },
                None => Body::Unknown,
            },
            "SHELL" => match strings(line, rest.clone()) {
                Ok(words) if !words.is_empty() => Body::Shell(words),
                _ => {
                    self.fault(line.span(rest), "SHELL takes a JSON list of strings");
                    Body::Unknown
                }
            },
            "ONBUILD" if !inner => self.onbuild(line, rest, instruction),
            "ONBUILD" => {
                self.fault(at, "ONBUILD cannot hold ONBUILD");
                Body::Unknown
            }
            _ => {
                self.fault(at, format!("there is no instruction `{}`", shown(&instruction.keyword.text)));
                Body::Unknown
            }
        };
    }

    fn from(&mut self, line: &Joined, rest: Range<usize>, at: Span) -> Body {
        let words = fields(line, rest.clone());
        let is_as = |word: &Text| word.text.eq_ignore_ascii_case("as");
        let name = match words.as_slice() {
            [_] => None,
            [_, between, name, more @ ..] if is_as(between) => {
                if let Some(more) = more.first() {
                    self.fault(more.span, "FROM takes nothing after the name of its stage");
                }
                if !is_stage_name(&name.text) {
                    self.fault(name.span, format!("`{}` cannot be the name of a stage", shown(&name.text)));
                }
                Some(name.clone())
            }
            [] => {
                self.fault(at, "FROM names no image");
                None
            }
            [_, more, ..] => {
                let message = match more.text.starts_with('#') {
                    true => {
                        "what stands behind FROM's image is no comment to a builder: comments have lines of their own"
                    }
                    false => "FROM takes an image, and `AS` with a name",
                };
                self.fault(more.span.to(line.span(rest.clone())), message);
                None
            }
        };
        let image = words.into_iter().next().unwrap_or_else(|| line.text(rest.start..rest.start));
        Body::From { image, name }
    }

    /// The exec form or the shell form; none where the build would refuse it.
    fn command(&mut self, kind: &str, line: &Joined, rest: Range<usize>) -> Option<Command> {
        match strings(line, rest.clone()) {
            Ok(words) => Some(Command::Exec(words)),
            Err(NotExec::NotStrings) => {
                self.fault(line.span(rest), format!("{kind} takes a list of strings only"));
                None
            }
            Err(NotExec::NotJson) => {
                let span = line.span(rest.clone());
                let shell = self.shell;
                let script = self.script(&line.part(rest), shell);
                Some(Command::Shell(ShellText { span, shell, script }))
            }
        }
    }

    fn run(&mut self, line: &Joined, rest: Range<usize>, instruction: &mut Instruction) -> Body {
        if let Ok(words) = strings(line, rest.clone()) {
            return Body::Run(Command::Exec(words));
        }
        let text = line.as_str();
        let marks = words::heredoc_marks(text);
        if marks.is_empty() {
            return self.command("RUN", line, rest).map_or(Body::Unknown, Body::Run);
        }
        let alone = marks.len() == 1 && marks[0].range == rest;
        let line_end = self.lines.position();
        instruction.heredocs = self.lines.heredocs(line, marks);
        let shell = self.shell;
        if let ([heredoc], true) = (instruction.heredocs.as_slice(), alone) {
            let script = self.content(heredoc);
            let shell = shells::shebang(script.as_str()).unwrap_or(shell);
            let script = self.script(&script, shell);
            return Body::Run(Command::Shell(ShellText { span: heredoc.content, shell, script }));
        }
        // The shell is given the line and what follows it as it stands.
        let mut script = line.part(rest);
        let end = self.heredocs_end();
        let from = if self.text[..line_end].ends_with('\n') { line_end - 1 } else { line_end };
        script.push(self.text.get(from..end).unwrap_or_default(), from);
        let span = script.span(0..script.as_str().len());
        let script = self.script(&script, shell);
        Body::Run(Command::Shell(ShellText { span, shell, script }))
    }

    /// What a here-document holds, without the tabs that `<<-` takes away.
    fn content(&self, heredoc: &Heredoc) -> Joined {
        let mut content = Joined::new(heredoc.content.start);
        let text = self.text.get(heredoc.content.start..heredoc.content.end).unwrap_or_default();
        if !heredoc.strip {
            content.push(text, heredoc.content.start);
            return content;
        }
        let mut at = heredoc.content.start;
        for line in text.split_inclusive('\n') {
            let kept = line.trim_start_matches('\t');
            content.push(kept, at + line.len() - kept.len());
            at += line.len();
        }
        content
    }

    fn script(&mut self, text: &Joined, shell: Shell) -> Script {
        let length = text.as_str().len();
        if shell == Shell::Other {
            return Script::default();
        }
        if length > self.shell_left {
            let message = format!("there are more than {} bytes of shell; this one is not read", super::MAX_SHELL);
            self.fault(text.span(0..length), message);
            return Script::default();
        }
        self.shell_left -= length;
        shell::parse(text)
    }

    fn healthcheck(&mut self, line: &Joined, rest: Range<usize>) -> Body {
        let text = line.as_str();
        let length = text[rest.clone()].find(char::is_whitespace).unwrap_or(rest.len());
        let kind = rest.start..rest.start + length;
        let after = words::trimmed(text, kind.end..rest.end);
        match text[kind.clone()].to_ascii_uppercase().as_str() {
            "NONE" => {
                if !after.is_empty() {
                    self.fault(line.span(after), "HEALTHCHECK NONE takes nothing more");
                }
                Body::Healthcheck(None)
            }
            "CMD" if after.is_empty() => {
                self.fault(line.span(kind), "HEALTHCHECK CMD has no command");
                Body::Unknown
            }
            "CMD" => match self.command("HEALTHCHECK", line, after) {
                Some(command) => Body::Healthcheck(Some(command)),
                None => Body::Unknown,
            },
            _ => {
                self.fault(line.span(kind), "HEALTHCHECK takes CMD or NONE");
                Body::Unknown
            }
        }
    }

    /// A JSON list, or words.
    fn list(&mut self, kind: &str, line: &Joined, rest: Range<usize>) -> Option<(Vec<Text>, bool)> {
        match strings(line, rest.clone()) {
            Ok(words) => Some((words, true)),
            Err(NotExec::NotJson) => Some((fields(line, rest), false)),
            Err(NotExec::NotStrings) => {
                self.fault(line.span(rest), format!("{kind} takes a list of strings only"));
                None
            }
        }
    }

    fn copy(&mut self, kind: &str, line: &Joined, rest: Range<usize>, instruction: &mut Instruction) -> Body {
        let Some((mut sources, json)) = self.list(kind, line, rest.clone()) else { return Body::Unknown };
        if !json {
            instruction.heredocs = self.lines.heredocs(line, words::heredoc_marks(line.as_str()));
        }
        let dest = if sources.len() > 1 { sources.pop() } else { None };
        match &dest {
            None => self.fault(line.span(rest), format!("{kind} takes a source and a destination")),
            Some(dest) if !json && words::heredoc_mark(&dest.text, 0..dest.text.len()).is_some() => {
                self.fault(dest.span, format!("the destination of {kind} cannot be a here-document"));
            }
            Some(_) => {}
        }
        Body::Copy { add: kind == "ADD", sources, dest, json }
    }

    fn pairs(&mut self, kind: &str, line: &Joined, rest: Range<usize>) -> Option<Vec<Pair>> {
        let (text, escape) = (line.as_str(), self.lines.escape);
        let found = words::quoted_words(text, rest.clone(), escape);
        if !found.first().is_some_and(|word| text[word.clone()].contains('=')) {
            let pair = words::legacy_pair(line, rest.clone(), escape);
            if pair.is_none() {
                self.fault(line.span(rest), format!("{kind} takes a name and a value"));
            }
            return pair.map(|pair| vec![pair]);
        }
        let mut pairs = Vec::with_capacity(found.len());
        for word in found {
            if text[word.clone()].starts_with('=') {
                self.fault(line.span(word), format!("a pair of {kind} has no name"));
            } else if text[word.clone()].contains('=') {
                pairs.push(words::pair(line, word, escape));
            } else {
                let message = format!("`{}` has no `=`, as every pair of {kind} must", shown(&text[word.clone()]));
                self.fault(line.span(word), message);
            }
        }
        Some(pairs)
    }

    fn onbuild(&mut self, line: &Joined, rest: Range<usize>, instruction: &mut Instruction) -> Body {
        let mut held = self.instruction(line, rest, true);
        let kind = held.keyword.text.to_ascii_uppercase();
        if matches!(kind.as_str(), "FROM" | "MAINTAINER") {
            self.fault(held.keyword.span, format!("ONBUILD cannot hold {kind}"));
        }
        instruction.heredocs = held.heredocs.clone();
        held.stage = instruction.stage;
        Body::OnBuild(Box::new(held))
    }
}

fn fields(line: &Joined, range: Range<usize>) -> Vec<Text> {
    words::fields(line.as_str(), range).into_iter().map(|word| line.text(word)).collect()
}

/// A stage's name begins with a letter and has letters, digits, `-`, `_` and `.`.
fn is_stage_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// As much of a foreign text as a message bears.
fn shown(text: &str) -> String {
    const MOST: usize = 40;
    let mut shown: String = text.chars().take(MOST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
