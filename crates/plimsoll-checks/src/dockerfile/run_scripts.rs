//! The shell scripts of a Dockerfile's RUN instructions, as another program can read them. In: the tree. Out: for each RUN in
//! shell form a script with its `#!` line, whose lines are the file's own, so that places in it are places in the file. What it
//! does not do: run them, or read them itself.

use std::collections::BTreeSet;

use super::ast::{Body, Command, Dockerfile, Heredoc, Instruction, Pair, ShellText};
use crate::source::{Source, Span};

/// A script and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunScript {
    /// Index into the file's instructions.
    pub instruction: usize,
    /// The `#!` line, a line that sets what ENV and ARG set, and the script.
    pub text: String,
    /// Where in the file each line of the script begins.
    lines: Vec<usize>,
}

/// Lines before those of the file.
const LINES_BEFORE: usize = 2;

/// Variables that a build sets without being told.
const PREDEFINED: [&str; 8] =
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy"];

impl RunScript {
    /// The byte of the file at a line and column of the script, both from 1; none where the file has no such place.
    pub fn offset(&self, source: &Source<'_>, line: u32, column: u32) -> Option<usize> {
        self.columns(source, line)?.get((column as usize).checked_sub(1)?).copied()
    }

    /// The bytes of the file at the columns of a line of the script, from 1, its end among them.
    pub fn columns(&self, source: &Source<'_>, line: u32) -> Option<Vec<usize>> {
        let start = *self.lines.get((line as usize).checked_sub(1 + LINES_BEFORE)?)?;
        let rest = source.text.get(start..)?;
        let rest = rest.split('\n').next().unwrap_or_default();
        Some(rest.char_indices().map(|(at, _)| at).chain([rest.len()]).map(|at| start + at).collect())
    }
}

/// Every RUN in shell form whose shell is one that is checked: `sh`, `dash`, `ash`, `bash`, `ksh`.
pub fn run_scripts(dockerfile: &Dockerfile<'_>) -> Vec<RunScript> {
    let mut scripts = Vec::new();
    each_script(dockerfile, &mut |told| {
        let (text, lines) = script(dockerfile, &told);
        scripts.push(RunScript { instruction: told.index, text, lines });
    });
    scripts
}

/// A RUN in shell form, and what its shell knows.
pub(super) struct Told<'v, 'f> {
    /// Index into the file's instructions.
    pub index: usize,
    /// The RUN, also where ONBUILD holds it.
    instruction: &'f Instruction,
    pub text: &'f ShellText,
    /// `sh`, `dash`, `bash` or `ksh`.
    pub interpreter: &'static str,
    /// The script has a `#!` line of its own.
    own: bool,
    /// Variables of ENV and ARG.
    pub set: &'v BTreeSet<&'f str>,
    /// Those of ENV: they have a value.
    pub env: &'v BTreeSet<&'f str>,
    /// SHELL has `-e`: the first failure ends the script.
    pub errexit: bool,
}

impl Told<'_, '_> {
    /// A build or the file gives this variable a value.
    pub fn knows(&self, name: &str) -> bool {
        PREDEFINED.contains(&name) || self.set.contains(name)
    }
}

/// Shows every RUN in shell form whose shell is one that is checked.
pub(super) fn each_script<'f>(dockerfile: &'f Dockerfile<'_>, see: &mut dyn FnMut(Told<'_, 'f>)) {
    if dockerfile.repeats_too_many_variables() {
        return;
    }
    let mut pragmas = pragmas(dockerfile).into_iter().peekable();
    // What a stage starts with, where nothing else is its base.
    let mut default = State { shell: "sh", errexit: false, set: BTreeSet::new(), later: BTreeSet::new() };
    let mut of_stages: Vec<State<'_>> = Vec::new();
    let mut now = default.clone();
    for (index, instruction) in dockerfile.instructions.iter().enumerate() {
        while let Some((_, shell)) = pragmas.next_if(|(at, _)| *at < instruction.span.start) {
            now.shell = shell;
        }
        match &instruction.body {
            Body::From { .. } => {
                let stage = instruction.stage.unwrap_or_default();
                if stage == 0 {
                    default.shell = now.shell;
                } else if of_stages.len() < stage {
                    of_stages.push(now);
                }
                let base = dockerfile.stages.get(stage).and_then(|stage| stage.base);
                now = base.and_then(|base| of_stages.get(base)).unwrap_or(&default).clone();
            }
            Body::Shell(words) => {
                let through_env = words.first().is_some_and(|word| word.text.rsplit('/').next() == Some("env"));
                now.shell = words.get(usize::from(through_env)).map_or("", |word| word.text.as_str());
                let flags = words.iter().filter_map(|word| word.text.strip_prefix('-'));
                now.errexit = flags.filter(|flags| !flags.starts_with('-')).any(|flags| flags.contains('e'))
                    || words.iter().any(|word| word.text == "errexit");
            }
            // What stands before the first FROM is not known to any RUN.
            Body::Env(pairs) | Body::Arg(pairs) if instruction.stage.is_some() => {
                now.set.extend(names(pairs));
                if matches!(instruction.body, Body::Env(_)) {
                    now.later.extend(names(pairs));
                }
            }
            Body::OnBuild(inner) if matches!(inner.body, Body::Env(_) | Body::Arg(_)) => {
                if let Body::Env(pairs) | Body::Arg(pairs) = &inner.body {
                    now.later.extend(names(pairs));
                }
            }
            body => {
                let (inner, body, set) = match body {
                    Body::OnBuild(inner) => (&**inner, &inner.body, &now.later),
                    _ => (instruction, body, &now.set),
                };
                let Body::Run(Command::Shell(text)) = body else { continue };
                let own = lone_heredoc(inner, text).and_then(|_| own_interpreter(dockerfile.source.slice(text.span)));
                let Some(interpreter) = own.unwrap_or_else(|| known(now.shell)) else { continue };
                let errexit = now.errexit && own.is_none();
                let (env, own) = (&now.later, own.is_some());
                see(Told { index, instruction: inner, text, interpreter, own, set, env, errexit });
            }
        }
    }
}

/// The here-document that is the whole script.
fn lone_heredoc<'f>(instruction: &'f Instruction, text: &ShellText) -> Option<&'f Heredoc> {
    instruction.heredocs.iter().find(|heredoc| heredoc.content == text.span)
}

/// What a stage has set so far.
#[derive(Debug, Clone)]
struct State<'a> {
    /// The shell's name or path: SHELL's, or what `# hadolint shell=` says.
    shell: &'a str,
    /// SHELL has `-e`.
    errexit: bool,
    /// Variables of ENV and ARG.
    set: BTreeSet<&'a str>,
    /// Those that ONBUILD's own RUN will see: of ENV, and what other ONBUILD set.
    later: BTreeSet<&'a str>,
}

fn names(pairs: &[Pair]) -> impl Iterator<Item = &str> {
    pairs.iter().map(|pair| pair.key.text.as_str()).filter(|name| is_name(name))
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The shells that comments name, with the places of the comments. Inside an instruction they name none.
fn pragmas<'a>(dockerfile: &'a Dockerfile<'_>) -> Vec<(usize, &'a str)> {
    let inside = |at: usize| {
        let next = dockerfile.instructions.partition_point(|instruction| instruction.span.start <= at);
        next > 0 && dockerfile.instructions[next - 1].span.end > at
    };
    let named = dockerfile.comments.iter().filter_map(|comment| {
        let rest = comment.text.trim_start().strip_prefix("hadolint")?;
        let value = rest.trim_start().strip_prefix("shell").filter(|_| rest.starts_with([' ', '\t']))?;
        let value = value.trim_start().strip_prefix('=')?.split('#').next().unwrap_or_default();
        Some((comment.span.start, value.split_whitespace().next().unwrap_or_default()))
    });
    named.filter(|(at, _)| !inside(*at)).collect()
}

fn known(program: &str) -> Option<&'static str> {
    match program.rsplit('/').next().unwrap_or_default() {
        "sh" | "busybox" => Some("sh"),
        "dash" | "ash" => Some("dash"),
        "bash" => Some("bash"),
        "ksh" => Some("ksh"),
        _ => None,
    }
}

/// The program that a script's own `#!` line names.
fn own_interpreter(text: &str) -> Option<Option<&'static str>> {
    let line = text.strip_prefix("#!")?.lines().next().unwrap_or_default();
    let mut words = line.split_whitespace();
    let mut program = words.next().unwrap_or_default();
    if program.rsplit('/').next() == Some("env") {
        program = words.find(|word| !word.starts_with('-') && !word.contains('=')).unwrap_or_default();
    }
    Some(known(program))
}

fn script(dockerfile: &Dockerfile<'_>, told: &Told<'_, '_>) -> (String, Vec<usize>) {
    let Told { instruction, text, interpreter, own, set, .. } = told;
    let source = dockerfile.source;
    let mut out = Lines { text: format!("#!/bin/{interpreter}\nexport"), lines: Vec::new() };
    for name in PREDEFINED.iter().chain(*set) {
        out.text.push_str(&format!(" {name}=1"));
    }
    out.text.push('\n');
    match lone_heredoc(instruction, text) {
        Some(heredoc) => out.content(source, text.span, heredoc.strip, *own),
        None => {
            let first = instruction.heredocs.first();
            let end = first.map_or(text.span.end, |heredoc| heredoc.content.start.min(text.span.end));
            out.continued(source, Span::new(text.span.start, end), dockerfile.escape);
            out.content(source, Span::new(end, text.span.end), false, false);
        }
    }
    (out.text, out.lines)
}

struct Lines {
    text: String,
    lines: Vec<usize>,
}

impl Lines {
    /// Lines as they stand; a `#!` line of their own is a comment by now.
    fn content(&mut self, source: &Source<'_>, span: Span, strip: bool, shebang: bool) {
        let mut at = span.start;
        for (number, line) in source.slice(span).split_inclusive('\n').enumerate() {
            let kept = if strip { line.trim_start_matches('\t') } else { line };
            let kept = if number == 0 && shebang { "#\n" } else { kept };
            self.lines.push(at + line.len().saturating_sub(kept.len()));
            self.text.push_str(kept);
            at += line.len();
        }
    }

    /// Lines that a character at their end continues. Comments and empty lines between them become empty continued ones: the
    /// build takes them out before the shell sees them.
    fn continued(&mut self, source: &Source<'_>, span: Span, escape: char) {
        let mut at = span.start;
        for (number, line) in source.slice(span).split_inclusive('\n').enumerate() {
            self.lines.push(at);
            at += line.len();
            let ended = line.ends_with('\n');
            let kept = line.trim_end();
            if number > 0 && (kept.is_empty() || kept.trim_start().starts_with('#')) {
                self.text.push_str("\\\n");
            } else if let Some(kept) = kept.strip_suffix(escape).filter(|_| ended) {
                self.text.push_str(kept);
                self.text.push_str("\\\n");
            } else {
                self.text.push_str(kept);
                self.text.push('\n');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::parse;

    /// The `#!` line's program, the variables that are not the build's own, and the rest of each script.
    fn scripts(text: &str) -> Vec<String> {
        let source = Source::new("f", text);
        let file = parse(&source);
        let shown = run_scripts(&file).into_iter().map(|script| {
            let mut lines = script.text.splitn(3, '\n');
            let shell = lines.next().unwrap().trim_start_matches("#!/bin/").to_owned();
            let set: Vec<&str> = lines.next().unwrap().split(' ').skip(1 + PREDEFINED.len()).collect();
            format!("{shell}|{}|{}", set.join(" "), lines.next().unwrap())
        });
        shown.collect()
    }

    #[test]
    fn scripts_have_the_lines_of_the_file() {
        assert_eq!(
            scripts("FROM a:1\nRUN --mount=type=cache,target=/x a \\  \n  # why\n\n  && b\n"),
            ["sh||a \\\n\\\n\\\n  && b\n"]
        );
        assert_eq!(scripts("# escape=`\nFROM a:1\nRUN a `\n  b\n"), ["sh||a \\\n  b\n"]);
        assert_eq!(scripts("FROM a:1\nRUN <<-E\n\ta\n\tb\nE\nRUN c\n"), ["sh||a\nb\n", "sh||c\n"]);
        assert_eq!(scripts("FROM a:1\nRUN <<E\n#!/usr/bin/env bash\na\nE\n"), ["bash||#\na\n"]);
        assert_eq!(scripts("FROM a:1\nRUN <<E\n#!/usr/bin/python3\na\nE\nRUN [\"x\"]\nCMD y\n"), Vec::<String>::new());
        assert_eq!(
            scripts("FROM a:1\nARG A\nENV B=1\nONBUILD ARG C\nONBUILD RUN a\nRUN b\n"),
            ["sh|B=1 C=1|a\n", "sh|A=1 B=1|b\n"]
        );
        let here = scripts("FROM a:1\nRUN cat <<E > x\n $y\nE\n");
        assert!(here[0].starts_with("sh||cat <<E > x\n $y\nE"), "{here:?}");
    }

    #[test]
    fn shells_and_variables_are_those_of_the_stage_and_its_base() {
        assert_eq!(
            scripts(
                "# hadolint shell=dash\nARG G\nFROM a:1 AS a\nSHELL [\"/bin/bash\", \"-c\"]\nENV B=1\nARG A=1 \"x;y\"=2\nRUN a\n\
                 FROM a\nRUN b\nFROM c:1\nRUN c\n# hadolint shell=ksh # why\nRUN d\n# hadolint shell=pwsh\nRUN e\n"
            ),
            ["bash|A=1 B=1|a\n", "bash|A=1 B=1|b\n", "dash||c\n", "ksh||d\n"]
        );
        assert_eq!(scripts("FROM a:1\nRUN a \\\n# hadolint shell=bash\n b\nRUN c\n")[1], "sh||c\n");
        assert_eq!(scripts("FROM a:1\nSHELL [\"/usr/bin/env\", \"bash\"]\nRUN c\n"), ["bash||c\n"]);
    }

    #[test]
    fn places_in_a_script_are_places_in_the_file() {
        let text = "FROM a:1\nRUN é $x \\\n  # why\n  && b\nRUN <<-E\n\t\tc d\nE\n";
        let source = Source::new("f", text);
        let file = parse(&source);
        let scripts = run_scripts(&file);
        let at = |script: usize, line, column| scripts[script].offset(&source, line, column).map(|at| &text[at..=at]);
        assert_eq!(at(0, 3, 3), Some("$"));
        assert_eq!(at(0, 5, 6), Some("b"));
        assert_eq!(at(1, 3, 3), Some("d"));
        assert_eq!((at(0, 2, 1), at(0, 9, 1), at(0, 5, 60), at(0, 0, 0)), (None, None, None, None));
    }
}
