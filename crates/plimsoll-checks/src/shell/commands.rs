//! What rules ask of a script. In: the tree. Out: every simple command and pipeline of it, however deep it stands, their names,
//! arguments and flags.

use super::{Command, Compound, Part, Pipeline, Script, Simple, Word};
use crate::source::Span;

/// A word after a command's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arg {
    /// Quotes gone, variables as written, `$(…)` where a substitution stands.
    pub text: String,
    pub span: Span,
    /// Some of it stands in quotes.
    pub quoted: bool,
    /// It holds a variable, a substitution or arithmetic.
    pub variable: bool,
}

impl Arg {
    /// It begins with a dash and is more than that.
    pub fn is_flag(&self) -> bool {
        self.text.len() > 1 && self.text.starts_with('-')
    }
}

/// A command without what runs it: `sudo -E env A=b apt-get update` is `apt-get update`.
#[derive(Debug, Clone, Copy)]
pub struct Effective<'s> {
    words: &'s [Word],
}

impl Script {
    /// Every simple command in the order of the text, those in compound commands and in substitutions too.
    pub fn commands(&self) -> Vec<&Simple> {
        let mut all = Vec::new();
        walk_script(self, &mut |node| {
            if let Node::Simple(simple) = node {
                all.push(simple);
            }
        });
        all.sort_by_key(|simple| simple.span.start);
        all
    }

    /// Every pipeline in the order of the text, those of a single command too.
    pub fn pipelines(&self) -> Vec<&Pipeline> {
        let mut all = Vec::new();
        walk_script(self, &mut |node| {
            if let Node::Pipeline(pipeline) = node {
                all.push(pipeline);
            }
        });
        all.sort_by_key(|pipeline| pipeline.span.start);
        all
    }

    /// Every compound command in the order of the text.
    pub fn compounds(&self) -> Vec<&Compound> {
        let mut all = Vec::new();
        walk_script(self, &mut |node| {
            if let Node::Compound(compound) = node {
                all.push(compound);
            }
        });
        all.sort_by_key(|compound| compound.span.start);
        all
    }

    /// Nothing is run.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

enum Node<'s> {
    Pipeline(&'s Pipeline),
    Simple(&'s Simple),
    Compound(&'s Compound),
}

fn walk_script<'s>(script: &'s Script, see: &mut impl FnMut(Node<'s>)) {
    for item in &script.items {
        see(Node::Pipeline(&item.pipeline));
        for command in &item.pipeline.commands {
            match command {
                Command::Simple(simple) => {
                    see(Node::Simple(simple));
                    let values = simple.assignments.iter().filter_map(|assignment| assignment.value.as_ref());
                    let targets = simple.redirects.iter().filter_map(|redirect| redirect.target.as_ref());
                    for word in values.chain(&simple.words).chain(targets) {
                        walk_parts(&word.parts, see);
                    }
                }
                Command::Compound(compound) => {
                    see(Node::Compound(compound));
                    let targets = compound.redirects.iter().filter_map(|redirect| redirect.target.as_ref());
                    for word in compound.words.iter().chain(targets) {
                        walk_parts(&word.parts, see);
                    }
                    for script in &compound.scripts {
                        walk_script(script, see);
                    }
                }
            }
        }
    }
}

fn walk_parts<'s>(parts: &'s [Part], see: &mut impl FnMut(Node<'s>)) {
    for part in parts {
        match part {
            Part::Double(parts, _) => walk_parts(parts, see),
            Part::Substitution(script, _) => walk_script(script, see),
            Part::Bare(..) | Part::Single(..) | Part::Variable { .. } | Part::Arithmetic(..) => {}
        }
    }
}

impl Part {
    /// Quotes gone, variables as written, `$(…)` for a substitution.
    pub fn text(&self) -> String {
        match self {
            Part::Bare(text, _) | Part::Single(text, _) => text.clone(),
            Part::Double(parts, _) => parts.iter().map(Part::text).collect(),
            Part::Variable { text, .. } => text.clone(),
            Part::Substitution(..) => "$(…)".to_owned(),
            Part::Arithmetic(text, _) => format!("$(({text}))"),
        }
    }

    /// It is or holds a variable, a substitution or arithmetic.
    pub fn is_variable(&self) -> bool {
        match self {
            Part::Bare(..) | Part::Single(..) => false,
            Part::Double(parts, _) => parts.iter().any(Part::is_variable),
            Part::Variable { .. } | Part::Substitution(..) | Part::Arithmetic(..) => true,
        }
    }

    pub fn span(&self) -> Span {
        match self {
            Part::Bare(_, span)
            | Part::Single(_, span)
            | Part::Double(_, span)
            | Part::Variable { span, .. }
            | Part::Substitution(_, span)
            | Part::Arithmetic(_, span) => *span,
        }
    }
}

impl Word {
    /// Quotes gone, variables as written, `$(…)` for a substitution.
    pub fn text(&self) -> String {
        self.parts.iter().map(Part::text).collect()
    }

    /// What it says, where that stands in the file: none where it holds a variable or a substitution.
    pub fn literal(&self) -> Option<String> {
        (!self.has_variable()).then(|| self.text())
    }

    /// It holds a variable, a substitution or arithmetic.
    pub fn has_variable(&self) -> bool {
        self.parts.iter().any(Part::is_variable)
    }

    /// Some of it stands in quotes.
    pub fn is_quoted(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Single(..) | Part::Double(..)))
    }

    fn arg(&self) -> Arg {
        Arg { text: self.text(), span: self.span, quoted: self.is_quoted(), variable: self.has_variable() }
    }
}

/// The last component of a path.
fn base(name: &str) -> String {
    name.rsplit('/').next().unwrap_or_default().to_owned()
}

/// Whether arguments have a flag: `-y`, `-qy`, `--yes`, `--yes=…`, but none after `--`. An empty `short` or `long` is none.
pub fn has_flag(args: &[Arg], short: &str, long: &str) -> bool {
    args.iter().take_while(|arg| arg.text != "--").any(|arg| {
        if let Some(name) = arg.text.strip_prefix("--") {
            return !long.is_empty() && name.split('=').next() == Some(long);
        }
        let Some(letters) = arg.text.strip_prefix('-') else { return false };
        let end = letters.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(letters.len());
        !short.is_empty() && letters[..end].contains(short)
    })
}

/// The value of a flag: `-o x`, `-ox`, `--output x`, `--output=x`, but none after `--`.
pub fn flag_value(args: &[Arg], short: &str, long: &str) -> Option<String> {
    let mut args = args.iter().take_while(|arg| arg.text != "--");
    while let Some(arg) = args.next() {
        let long_one =
            arg.text.strip_prefix("--").and_then(|text| text.strip_prefix(long).filter(|_| !long.is_empty()));
        let short_one =
            arg.text.strip_prefix('-').and_then(|text| text.strip_prefix(short).filter(|_| !short.is_empty()));
        match (long_one, short_one) {
            (Some(""), _) | (None, Some("")) => return args.next().map(|value| value.text.clone()),
            (Some(value), _) if value.starts_with('=') => return Some(value[1..].to_owned()),
            (None, Some(value)) if !arg.text.starts_with("--") => return Some(value.to_owned()),
            _ => {}
        }
    }
    None
}

/// Arguments that are no flags; all after `--`.
pub fn operands(args: &[Arg]) -> Vec<&Arg> {
    let mut over = false;
    let operand = |arg: &&Arg| {
        if !over && arg.text == "--" {
            over = true;
            return false;
        }
        over || !arg.is_flag()
    };
    args.iter().filter(operand).collect()
}

impl Simple {
    /// The command's name as written; none where there is only an assignment, or the name is a variable's value.
    pub fn name(&self) -> Option<String> {
        self.words.first().and_then(Word::literal)
    }

    /// The name without its path: `/usr/bin/apt-get` is `apt-get`.
    pub fn base_name(&self) -> Option<String> {
        self.name().map(|name| base(&name))
    }

    /// The place of the name.
    pub fn name_span(&self) -> Span {
        self.words.first().map_or(self.span.before(), |word| word.span)
    }

    /// All after the name.
    pub fn args(&self) -> Vec<Arg> {
        self.words.iter().skip(1).map(Word::arg).collect()
    }

    /// Arguments that are no flags; all after `--`.
    pub fn operands(&self) -> Vec<Arg> {
        operands(&self.args()).into_iter().cloned().collect()
    }

    /// See [`has_flag`].
    pub fn has_flag(&self, short: &str, long: &str) -> bool {
        has_flag(&self.args(), short, long)
    }

    /// See [`flag_value`].
    pub fn flag_value(&self, short: &str, long: &str) -> Option<String> {
        flag_value(&self.args(), short, long)
    }

    /// The command that is run in the end, where `sudo`, `env`, `exec`, `time`, `command`, `nohup`, `nice` or `builtin` run it.
    pub fn effective(&self) -> Option<Effective<'_>> {
        let mut words = self.words.as_slice();
        loop {
            let (first, rest) = words.split_first()?;
            let name = first.literal().map(|name| base(&name)).unwrap_or_default();
            // The flags that take the next word.
            let with_value: &[&str] = match name.as_str() {
                "sudo" => &["-u", "-g", "-h", "-p", "-C", "-r", "-t", "-T", "-U", "-D", "-R"],
                "env" => &["-u", "-C"],
                "nice" => &["-n"],
                "exec" => &["-a"],
                "time" => &["-f", "-o"],
                "command" | "nohup" | "builtin" => &[],
                _ => return Some(Effective { words }),
            };
            let assigns = matches!(name.as_str(), "sudo" | "env");
            words = rest;
            while let Some((next, rest)) = words.split_first() {
                let text = next.text();
                let assignment = assigns && text.find('=').is_some_and(|at| at > 0) && !text.starts_with('-');
                if text == "--" {
                    words = rest;
                    break;
                } else if with_value.contains(&text.as_str()) {
                    words = rest.get(1..).unwrap_or_default();
                } else if assignment || (text.len() > 1 && text.starts_with('-')) {
                    words = rest;
                } else {
                    break;
                }
            }
        }
    }
}

impl Effective<'_> {
    /// As [`Simple::name`].
    pub fn name(&self) -> Option<String> {
        self.words.first().and_then(Word::literal)
    }

    /// As [`Simple::base_name`].
    pub fn base_name(&self) -> Option<String> {
        self.name().map(|name| base(&name))
    }

    /// As [`Simple::args`].
    pub fn args(&self) -> Vec<Arg> {
        self.words.iter().skip(1).map(Word::arg).collect()
    }

    /// From the name to the last argument.
    pub fn span(&self) -> Span {
        match (self.words.first(), self.words.last()) {
            (Some(first), Some(last)) => first.span.to(last.span),
            _ => Span::default(),
        }
    }
}
