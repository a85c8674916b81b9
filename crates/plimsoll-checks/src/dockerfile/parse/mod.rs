//! The parser. In: a file's text. Out: the tree and what was not understood. It never fails: an instruction that makes no sense
//! is a fault, and the next one is read. It reads as BuildKit does: <https://docs.docker.com/reference/dockerfile/>. What it
//! does not do: expand variables, or judge.

mod body;
mod exec;
mod lines;
pub(super) mod raw;
mod shells;
mod words;

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::Range;

use super::ast::{Body, Dockerfile, Fault, Instruction, Shell, Stage, Text};
use crate::joined::Joined;
use crate::source::{Source, Span};
use lines::Lines;

/// No more of a file is read: the largest that people write are some hundred kilobytes, and a tree needs many times its text.
pub const MAX_FILE: usize = 8 << 20;

/// No more instructions are read: an image may have 127 layers, and generated files have some thousand stages.
pub const MAX_INSTRUCTIONS: usize = 100_000;

/// No more faults are told: who has a thousand has no Dockerfile.
pub const MAX_FAULTS: usize = 1_000;

/// No more text is read as shell scripts: their trees need fifty times their text.
pub const MAX_SHELL: usize = 4 << 20;

/// Reads a whole file.
pub fn parse<'a>(source: &'a Source<'a>) -> Dockerfile<'a> {
    let text = head(source.text);
    let mut parser = Parser {
        source,
        text,
        lines: Lines::new(text),
        instructions: Vec::new(),
        stages: Vec::new(),
        names: HashMap::new(),
        shells: Vec::new(),
        shell: Shell::Posix { pipefail: false },
        shell_left: MAX_SHELL,
    };
    while let Some(line) = parser.lines.logical() {
        if parser.instructions.len() == MAX_INSTRUCTIONS {
            let span = Span::new(line.at(0), text.len());
            parser.fault(span, format!("there are more than {MAX_INSTRUCTIONS} instructions; the rest is not read"));
            break;
        }
        parser.line(&line);
    }
    if parser.instructions.is_empty() {
        parser.fault(Span::default(), "the file holds no instruction");
    }
    parser.finish()
}

/// As much of a text as is read, up to a line's end where there is one.
fn head(text: &str) -> &str {
    if text.len() <= MAX_FILE {
        return text;
    }
    let end = (0..=MAX_FILE).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let head = &text[..end];
    head.rfind('\n').map_or(head, |end| &head[..=end])
}

struct Parser<'a> {
    source: &'a Source<'a>,
    text: &'a str,
    lines: Lines<'a>,
    instructions: Vec<Instruction>,
    stages: Vec<Stage>,
    /// Lower-case names of stages to the last that has them.
    names: HashMap<String, usize>,
    /// The SHELL in force at the end of each stage, so far.
    shells: Vec<Shell>,
    /// The one in force where the parser is.
    shell: Shell,
    /// How much more text may be read as shell scripts.
    shell_left: usize,
}

impl<'a> Parser<'a> {
    fn fault(&mut self, span: Span, message: impl Into<String>) {
        self.lines.fault(span, message.into());
    }

    fn line(&mut self, line: &Joined) {
        let index = self.instructions.len();
        let instruction = self.instruction(line, 0..line.as_str().len(), false);
        match &instruction.body {
            Body::From { image, name } => self.stage(index, &instruction, image.clone(), name.clone()),
            Body::Shell(words) => {
                self.shell = shells::shell(words.iter().map(|word| word.text.as_str()));
                if let Some(last) = self.shells.last_mut() {
                    *last = self.shell;
                }
            }
            _ => {}
        }
        if let Some(stage) = self.stages.last_mut() {
            stage.end = index + 1;
        }
        let stage = self.stages.len().checked_sub(1);
        self.instructions.push(Instruction { stage, ..instruction });
    }

    fn stage(&mut self, first: usize, from: &Instruction, image: Text, name: Option<Text>) {
        let base = self.names.get(&image.text.to_ascii_lowercase()).copied();
        if let Some(name) = &name {
            self.names.insert(name.text.to_ascii_lowercase(), self.stages.len());
        }
        let inherited = base.and_then(|base| self.shells.get(base)).copied();
        self.shell = inherited.unwrap_or(Shell::Posix { pipefail: false });
        self.shells.push(self.shell);
        let platform = from.flags.iter().find(|flag| flag.name == "platform").and_then(|flag| flag.value.clone());
        self.stages.push(Stage { first, end: first + 1, image, name, platform, base });
    }

    /// An instruction, with the here-documents that it opens; `inner` where ONBUILD holds it.
    fn instruction(&mut self, line: &Joined, range: Range<usize>, inner: bool) -> Instruction {
        let text = line.as_str();
        let (word, after) = words::keyword(text, range.clone());
        let kind = text[word.clone()].to_ascii_uppercase();
        let known = lines::KEYWORDS.contains(&kind.as_str());
        let (flags, rest) = if known { words::flags(line, after, self.lines.escape) } else { (Vec::new(), after) };
        let mut instruction = Instruction {
            span: line.span(words::trimmed(text, range)),
            keyword: line.text(word),
            stage: self.stages.len().checked_sub(1),
            flags,
            rest: line.text(rest.clone()),
            heredocs: Vec::new(),
            body: Body::Unknown,
        };
        self.check_flags(&kind, &instruction);
        self.body(&kind, line, rest, &mut instruction, inner);
        if let Some(end) = instruction.heredocs.last().map(|_| self.heredocs_end()) {
            instruction.span.end = instruction.span.end.max(end);
        }
        instruction
    }

    /// The last byte of the here-documents that were just read, their closing name included.
    fn heredocs_end(&self) -> usize {
        self.text[..self.lines.position()].trim_end_matches(['\r', '\n']).len()
    }

    fn check_flags(&mut self, kind: &str, instruction: &Instruction) {
        let known: &[&str] = match kind {
            "FROM" => &["platform"],
            "RUN" => &["mount", "network", "security", "device"],
            "COPY" => &["from", "chown", "chmod", "link", "parents", "exclude"],
            "ADD" => &["chown", "chmod", "link", "keep-git-dir", "checksum", "exclude", "unpack"],
            "HEALTHCHECK" => &["interval", "timeout", "start-period", "start-interval", "retries"],
            _ => &[],
        };
        for flag in &instruction.flags {
            if !known.contains(&flag.name.as_str()) {
                self.fault(flag.span, format!("{kind} has no flag `--{}`", flag.name));
            }
        }
    }

    fn finish(self) -> Dockerfile<'a> {
        let mut faults = self.lines.faults;
        if self.lines.faults_left_out {
            let span = Span::new(self.text.len(), self.text.len());
            faults.push(Fault {
                span,
                message: format!("there are more than {MAX_FAULTS} faults; the rest is not told"),
            });
        }
        if self.text.len() < self.source.text.len() {
            let span = Span::new(self.text.len(), self.source.text.len());
            faults.push(Fault {
                span,
                message: format!("the file is larger than {MAX_FILE} bytes; the rest is not read"),
            });
        }
        let mut file = Dockerfile {
            source: self.source,
            escape: self.lines.escape,
            directives: self.lines.directives,
            instructions: self.instructions,
            comments: self.lines.comments,
            stages: self.stages,
            faults: Vec::new(),
            runs: OnceCell::new(),
            bases: OnceCell::new(),
            shell_faults: OnceCell::new(),
        };
        if file.repeats_too_many_variables() {
            let span = Span::new(self.text.len(), self.text.len());
            let message =
                "there are too many variables for so many stages and RUNs: ShellCheck's rules are not asked of them";
            faults.push(Fault { span, message: message.into() });
        }
        faults.sort_by_key(|fault| fault.span);
        file.faults = faults;
        file
    }
}
