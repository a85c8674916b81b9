//! What rules ask of RUN instructions. In: the tree. Out: each RUN with the commands that it calls, whatever form it is written
//! in. What it does not do: look into the strings that another shell is given.

use super::ast::{Body, Command, Dockerfile, Instruction, Shell};
use crate::shell::{Arg, Script};
use crate::source::{Span, insert};
use plimsoll_model::TextEdit;

/// A RUN, or what ONBUILD will run.
pub struct Run<'a> {
    /// Index into the file's instructions.
    pub at: usize,
    /// The RUN itself, without an ONBUILD around it.
    pub instruction: &'a Instruction,
    pub onbuild: bool,
    /// None for the exec form and for shells that are left alone.
    pub script: Option<&'a Script>,
    /// None for the exec form.
    pub shell: Option<Shell>,
    /// In the order of the text.
    pub calls: Vec<Call>,
}

/// A command with its arguments.
pub struct Call {
    /// As written, without quotes; empty where a variable says it, or where there are only assignments.
    pub name: String,
    pub name_span: Span,
    pub args: Vec<Arg>,
    pub span: Span,
    /// `A=b` before the command.
    pub assignments: Vec<String>,
}

impl Call {
    /// The first argument that is this word.
    pub fn word(&self, word: &str) -> Option<&Arg> {
        self.args.iter().find(|arg| arg.text == word)
    }

    /// The first argument that is one of these words.
    pub fn one_of(&self, words: &[&str]) -> Option<&Arg> {
        self.args.iter().find(|arg| words.contains(&arg.text.as_str()))
    }

    pub fn has_flag(&self, short: &str, long: &str) -> bool {
        crate::shell::commands::has_flag(&self.args, short, long)
    }

    pub fn operands(&self) -> Vec<&Arg> {
        crate::shell::commands::operands(&self.args)
    }
}

impl Run<'_> {
    /// The value of an option of each `--mount`, in their order, with the mount's kind.
    pub fn mounts(&self) -> Vec<(String, String)> {
        let flags = self.instruction.flags.iter().filter(|flag| flag.name == "mount");
        let values = flags.filter_map(|flag| flag.value.as_ref());
        let of = |text: &str, keys: &[&str]| {
            let mut options = text.split(',').filter_map(|option| option.split_once('='));
            options.find(|(key, _)| keys.contains(key)).map(|(_, value)| value.trim_matches('"').to_owned())
        };
        values
            .map(|value| {
                let kind = of(&value.text, &["type"]).unwrap_or_else(|| "bind".into());
                (kind, of(&value.text, &["target", "dst", "destination"]).unwrap_or_default())
            })
            .collect()
    }

    /// What is written below one of these folders, or a folder of such an end, does not stay in the layer.
    pub fn keeps_out(&self, is_cache: impl Fn(&str) -> bool) -> bool {
        let mounts = self.mounts();
        mounts
            .iter()
            .any(|(kind, target)| matches!(kind.as_str(), "cache" | "tmpfs") && is_cache(target.trim_end_matches('/')))
    }

    /// The edit that runs `command` when this one succeeded; none where it stands in something that is more than a list of
    /// commands, such as a pipe, a branch or the exec form.
    pub fn then(&self, call: &Call, command: &str) -> Option<Vec<TextEdit>> {
        use crate::shell::{Command as Node, Separator};
        let items = &self.script?.items;
        let item = items
            .iter()
            .find(|item| item.pipeline.span.start <= call.span.start && call.span.end <= item.pipeline.span.end)?;
        let simple =
            matches!(item.pipeline.commands.as_slice(), [Node::Simple(simple)] if simple.span.start == call.span.start);
        let plain = matches!(item.separator, Separator::Sequence | Separator::And | Separator::End);
        (simple && plain && !item.pipeline.negated && self.instruction.heredocs.is_empty())
            .then(|| vec![insert(item.pipeline.span.end, format!(" && {command}"))])
    }
}

/// Every RUN, in the order of the file.
pub fn runs<'a>(file: &'a Dockerfile<'_>) -> Vec<Run<'a>> {
    let all = file.instructions.iter().enumerate();
    all.filter_map(|(at, outer)| {
        let (instruction, onbuild) = match &outer.body {
            Body::OnBuild(inner) => (&**inner, true),
            _ => (outer, false),
        };
        let Body::Run(command) = &instruction.body else { return None };
        let run = match command {
            Command::Exec(words) => {
                let mut words = words.iter();
                let name = words.next()?;
                let args: Vec<Arg> = words
                    .map(|word| Arg { text: word.text.clone(), span: word.span, quoted: true, variable: false })
                    .collect();
                let end = args.last().map_or(name.span, |last| last.span);
                let call = Call {
                    name: name.text.clone(),
                    name_span: name.span,
                    args,
                    span: name.span.to(end),
                    assignments: Vec::new(),
                };
                Run { at, instruction, onbuild, script: None, shell: None, calls: vec![call] }
            }
            Command::Shell(text) => {
                let commands = text.script.commands();
                let calls = commands.into_iter().map(|simple| Call {
                    name: simple.name().unwrap_or_default(),
                    name_span: simple.name_span(),
                    args: simple.args(),
                    span: simple.span,
                    assignments: simple
                        .assignments
                        .iter()
                        .map(|it| {
                            format!("{}={}", it.name, it.value.as_ref().map(|value| value.text()).unwrap_or_default())
                        })
                        .collect(),
                });
                let calls = calls.collect();
                Run { at, instruction, onbuild, script: Some(&text.script), shell: Some(text.shell), calls }
            }
        };
        Some(run)
    })
    .collect()
}
