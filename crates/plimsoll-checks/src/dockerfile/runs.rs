//! What RUN runs, as rules ask for it. In: the tree. Out: for every RUN, those that ONBUILD holds too, its commands with words
//! whose quotes are gone, its pipelines, and the places that its mounts keep out of the image. The exec form is read as the
//! shell would read its words, so that `["sh", "-c", "a && b"]` runs `b`. What it does not do: expand anything.

use super::ast::{Body, Command, Dockerfile, Instruction, Text};
use crate::joined::Joined;
use crate::shell::{self, Part, Script, Simple, Word};
use crate::source::{Source, Span};

/// How deep commands in the defaults of variables (`${a:-$(b)}`) are looked for: people write one level.
const MAX_DEFAULTS: usize = 4;

/// A RUN instruction.
#[derive(Debug)]
pub struct Run {
    /// Index into the file's instructions: of the RUN, or of the ONBUILD that holds it.
    pub instruction: usize,
    pub stage: Option<usize>,
    pub onbuild: bool,
    /// In the order of the text.
    pub calls: Vec<Call>,
    /// The tree of an exec form; a shell form has its own.
    exec: Option<Script>,
}

/// A command that is run.
#[derive(Debug, Clone)]
pub struct Call {
    /// From the first word to the last.
    pub span: Span,
    /// The command's name: of `exec apt-get update` that is `apt-get`. Paths stay: `/bin/rm` is not `rm`.
    pub name: String,
    pub name_span: Span,
    /// What follows the name.
    pub args: Vec<Argument>,
    /// Names of the variables that are set for this command alone.
    pub assigns: Vec<String>,
}

/// A word of a command.
#[derive(Debug, Clone)]
pub struct Argument {
    /// Quotes gone; variables stand in braces, `$(a b)` gives the words of its commands, brace expansions nothing.
    pub text: String,
    pub span: Span,
    /// Names of plain variables in it: `$x` and `${x}`.
    pub variables: Vec<String>,
    /// It holds a variable, a substitution or arithmetic.
    pub open: bool,
}

impl Argument {
    /// It begins with a dash and is more than one or two of them.
    pub fn is_flag(&self) -> bool {
        self.text.starts_with('-') && self.text != "-" && self.text != "--"
    }

    /// Whether it is or holds this flag: one letter in a group of them, or a long name.
    pub fn has_flag(&self, flag: &str) -> bool {
        self.flag_count(flag) > 0
    }

    /// How often it is or holds a flag: `-qq` is `q` twice.
    pub fn flag_count(&self, flag: &str) -> usize {
        if let Some(long) = self.text.strip_prefix("--") {
            return usize::from(long.split('=').next() == Some(flag) && !flag.is_empty());
        }
        let Some(letters) = self.text.strip_prefix('-') else { return 0 };
        let mut chars = flag.chars();
        match (chars.next(), chars.next()) {
            (Some(letter), None) => letters.chars().filter(|c| *c == letter).count(),
            _ => 0,
        }
    }
}

impl Call {
    /// Whether an argument is exactly this.
    pub fn has_arg(&self, text: &str) -> bool {
        self.args.iter().any(|arg| arg.text == text)
    }

    pub fn has_flag(&self, flag: &str) -> bool {
        self.args.iter().any(|arg| arg.has_flag(flag))
    }

    /// How often a flag is given.
    pub fn flag_count(&self, flag: &str) -> usize {
        self.args.iter().map(|arg| arg.flag_count(flag)).sum()
    }

    /// Arguments that are no flags.
    pub fn operands(&self) -> impl Iterator<Item = &Argument> {
        self.args.iter().filter(|arg| !arg.is_flag())
    }

    /// Arguments that are no flags, nor the value after one of these flags.
    pub fn operands_without(&self, flags_with_value: &[&str]) -> Vec<&Argument> {
        let mut operands = Vec::new();
        let mut value = false;
        for arg in &self.args {
            if !std::mem::take(&mut value) && !arg.is_flag() {
                operands.push(arg);
            }
            value = arg.is_flag() && !arg.text.contains('=') && flags_with_value.iter().any(|flag| arg.has_flag(flag));
        }
        operands
    }

    /// The first argument that is exactly this.
    pub fn arg(&self, text: &str) -> Option<&Argument> {
        self.args.iter().find(|arg| arg.text == text)
    }
}

impl Run {
    /// The RUN itself, out of its ONBUILD.
    pub fn instruction<'d>(&self, file: &'d Dockerfile<'_>) -> &'d Instruction {
        let outer = &file.instructions[self.instruction];
        match &outer.body {
            Body::OnBuild(inner) => inner,
            _ => outer,
        }
    }

    /// It is written as a JSON list, so that no edit of a shell's text fits.
    pub fn is_exec(&self) -> bool {
        self.exec.is_some()
    }

    /// What its shell is given, or the words of its exec form read so.
    pub fn script<'d>(&'d self, file: &'d Dockerfile<'_>) -> Option<&'d Script> {
        match &self.instruction(file).body {
            Body::Run(Command::Shell(text)) => Some(&text.script),
            _ => self.exec.as_ref(),
        }
    }

    /// A place that a cache or a tmpfs is mounted at, without slashes at its end.
    pub fn caches<'d>(&self, file: &'d Dockerfile<'_>) -> Vec<&'d str> {
        let mounts = self.instruction(file).flags.iter().filter(|flag| flag.name == "mount");
        let mut places = Vec::new();
        for value in mounts.filter_map(|mount| mount.value.as_ref()) {
            let fields = || value.text.split(',').filter_map(|field| field.split_once('='));
            let of = |names: &[&str]| fields().find(|(name, _)| names.contains(name)).map(|(_, value)| value);
            if matches!(of(&["type"]), Some("cache" | "tmpfs"))
                && let Some(target) = of(&["target", "dst", "destination"])
            {
                places.push(target.trim_end_matches('/'));
            }
        }
        places
    }

    /// Whether a cache or a tmpfs is mounted at exactly one of these places.
    pub fn has_cache(&self, file: &Dockerfile<'_>, places: &[&str]) -> bool {
        self.caches(file).iter().any(|cache| places.contains(cache))
    }

    /// How to run one more command at the end; none where that would not always be run, or the text is no plain chain.
    pub fn append(&self, file: &Dockerfile<'_>, command: &str) -> Option<(usize, String)> {
        let instruction = self.instruction(file);
        let Body::Run(Command::Shell(text)) = &instruction.body else { return None };
        let (last, before) = text.script.items.split_last()?;
        let chain =
            before.iter().all(|item| matches!(item.separator, shell::Separator::And | shell::Separator::Sequence));
        let plain = matches!(last.separator, shell::Separator::End | shell::Separator::Sequence);
        if !chain || !plain || !text.script.faults.is_empty() {
            return None;
        }
        let source = file.source;
        // A comment after the last command stays behind what is added.
        let at = end(last.pipeline.commands.last()?);
        if !instruction.heredocs.is_empty() {
            let alone = instruction.heredocs.iter().any(|heredoc| heredoc.content == text.span);
            return alone.then(|| (at, format!("\n{command}")));
        }
        // As the lines before are indented.
        let start = source.line(instruction.span.start);
        let until = source.line(at);
        if start == until || file.escape != '\\' {
            return Some((at, format!(" && {command}")));
        }
        let line = source.line_span(until).map(|span| source.slice(span)).unwrap_or_default();
        let chained = (start + 1..=until)
            .filter_map(|line| source.line_span(line).map(|span| source.slice(span)))
            .find(|line| line.trim_start().starts_with("&&"));
        let line = chained.unwrap_or(line);
        let indent = &line[..line.len() - line.trim_start().len()];
        Some((at, format!(" \\\n{indent}&& {command}")))
    }
}

/// Where a command ends.
fn end(command: &shell::Command) -> usize {
    let (span, redirects) = match command {
        shell::Command::Simple(simple) => {
            let assigned = simple.assignments.last().map(|assignment| assignment.span);
            (simple.words.last().map(|word| word.span).or(assigned).unwrap_or(simple.span), &simple.redirects)
        }
        shell::Command::Compound(compound) => (compound.span, &compound.redirects),
    };
    redirects.last().map_or(span.end, |redirect| redirect.span.end.max(span.end))
}

/// Every RUN of a file, in its order.
pub(super) fn runs(file: &Dockerfile<'_>) -> Vec<Run> {
    let mut runs = Vec::new();
    for (index, outer) in file.instructions.iter().enumerate() {
        let (instruction, onbuild) = match &outer.body {
            Body::OnBuild(inner) => (&**inner, true),
            _ => (outer, false),
        };
        let Body::Run(command) = &instruction.body else { continue };
        let exec = match command {
            Command::Exec(words) => Some(shell::parse(&joined(file.source, words))),
            Command::Shell(_) => None,
        };
        let script = match command {
            Command::Shell(text) => Some(&text.script),
            Command::Exec(_) => exec.as_ref(),
        };
        let calls = script.map(|script| calls(file.source, script)).unwrap_or_default();
        runs.push(Run { instruction: index, stage: outer.stage, onbuild, calls, exec });
    }
    runs
}

/// The words of an exec form with spaces between.
fn joined(source: &Source<'_>, words: &[Text]) -> Joined {
    let mut joined = Joined::new(words.first().map_or(0, |word| word.span.start));
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            joined.push(" ", word.span.start);
        }
        // Where escapes make it shorter than it stands, its later bytes are told a little early.
        let inside = source.slice(word.span).strip_prefix('"').map_or(0, |_| 1);
        joined.push(&word.text, word.span.start + inside);
    }
    joined
}

fn calls(source: &Source<'_>, script: &Script) -> Vec<Call> {
    let mut calls = Vec::new();
    gather(source, script, 0, &mut calls);
    calls.sort_by_key(|call| call.span.start);
    calls
}

fn gather(source: &Source<'_>, script: &Script, depth: usize, calls: &mut Vec<Call>) {
    for simple in script.commands() {
        calls.extend(call(source, simple));
        let values = simple.assignments.iter().filter_map(|assignment| assignment.value.as_ref());
        let targets = simple.redirects.iter().filter_map(|redirect| redirect.target.as_ref());
        for word in values.chain(&simple.words).chain(targets) {
            defaults(source, &word.parts, depth, calls);
        }
    }
    for word in script.compounds().into_iter().flat_map(|compound| &compound.words) {
        defaults(source, &word.parts, depth, calls);
    }
}

/// Commands in `${a:-$(b)}`, which are no part of the tree.
fn defaults(source: &Source<'_>, parts: &[Part], depth: usize, calls: &mut Vec<Call>) {
    for part in parts {
        match part {
            Part::Double(parts, _) => defaults(source, parts, depth, calls),
            Part::Variable { text, span, .. } | Part::Arithmetic(text, span)
                if depth < MAX_DEFAULTS && (text.contains("$(") || text.contains('`')) =>
            {
                // In quotes, so that all of it but its substitutions is a word.
                let opening = source.slice(*span).find(text.as_str()).unwrap_or(0);
                let text = text.trim_start_matches("${");
                let mut quoted = Joined::new(span.start + opening);
                quoted.push("\"", span.start + opening);
                quoted.push(text, span.start + opening + 2);
                let inner = shell::parse(&quoted);
                for simple in inner.commands().into_iter().filter(|simple| simple.span.start > span.start + opening) {
                    calls.extend(call(source, simple));
                    simple.words.iter().for_each(|word| defaults(source, &word.parts, depth + 1, calls));
                }
            }
            _ => {}
        }
    }
}

fn call(source: &Source<'_>, simple: &Simple) -> Option<Call> {
    let mut args: Vec<Argument> = simple.words.iter().map(|word| argument(source, word)).collect();
    if args.is_empty() {
        return None;
    }
    // Words of the shell and its own commands that run what follows them.
    let mut at = 0;
    loop {
        match args[at].text.as_str() {
            "time" | "coproc" if at == 0 => {
                let next = args.iter().skip(1).position(|arg| !arg.is_flag()).map(|next| next + 1);
                let Some(next) = next else { break };
                at = next;
            }
            "command" | "builtin" | "busybox" | "run"
                if args.get(at + 1).is_some_and(|arg| !arg.text.starts_with('-')) =>
            {
                at += 1;
                break;
            }
            "exec" => {
                let mut next = at + 1;
                while args.get(next).is_some_and(Argument::is_flag) {
                    next += 1 + usize::from(args[next].has_flag("a"));
                }
                if next < args.len() {
                    at = next;
                }
                break;
            }
            _ => break,
        }
    }
    let rest = args.split_off(at + 1);
    let name = args.pop()?;
    Some(Call {
        span: simple.words.first()?.span.to(simple.words.last()?.span),
        // A name that is not known is none.
        name: if simple.words[at].has_variable() { String::new() } else { name.text },
        name_span: name.span,
        args: rest,
        assigns: simple.assignments.iter().map(|assignment| assignment.name.clone()).collect(),
    })
}

fn argument(source: &Source<'_>, word: &Word) -> Argument {
    let mut argument = Argument { text: String::new(), span: word.span, variables: Vec::new(), open: false };
    render(source, &word.parts, &mut argument);
    argument
}

fn render(source: &Source<'_>, parts: &[Part], into: &mut Argument) {
    for part in parts {
        match part {
            Part::Bare(text, _) => without_braces(text, &mut into.text),
            Part::Single(text, _) => into.text.push_str(text),
            // `$"…"` is translated: nobody knows into what.
            Part::Double(_, span) if source.text.get(..span.start).is_some_and(|before| before.ends_with('$')) => {}
            Part::Double(parts, _) => render(source, parts, into),
            Part::Variable { name, text, .. } => {
                into.open = true;
                if text.strip_prefix('$') == Some(name) {
                    into.text.extend(["${", name, "}"]);
                } else {
                    into.text.push_str(text);
                }
                let plain = text.trim_start_matches(['$', '{']).trim_end_matches('}') == name;
                if plain {
                    into.variables.push(name.clone());
                }
            }
            Part::Substitution(script, span) if source.slice(*span).starts_with("$(") => {
                into.open = true;
                for item in &script.items {
                    if let [shell::Command::Simple(simple)] = item.pipeline.commands.as_slice() {
                        simple.words.iter().for_each(|word| render(source, &word.parts, into));
                    }
                }
            }
            Part::Substitution(..) | Part::Arithmetic(..) => into.open = true,
        }
    }
}

/// Unquoted text without `{a,b}` and `{1..3}`, which stand for several words.
fn without_braces(text: &str, into: &mut String) {
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let Some(length) = rest[start..].find('}') else { break };
        let end = start + length + 1;
        let inside = &rest[start + 1..end - 1];
        if inside.contains(',') || inside.contains("..") {
            into.push_str(&rest[..start]);
        } else {
            into.push_str(&rest[..end]);
        }
        rest = &rest[end..];
    }
    into.push_str(rest);
}
