//! A Dockerfile as a tree whose every node knows its bytes. It follows BuildKit's reference for Dockerfiles (instructions,
//! parser directives, here-documents); what is not understood stays in it as [`Body::Unknown`] with a [`Fault`].

use std::cell::OnceCell;
use std::collections::HashSet;

use super::runs::Run;
use crate::shell::Script;
use crate::source::{Found, Source, Span};

/// A piece of text and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    /// As meant: line continuations are joined, comment lines between them are gone; quotes and variables stand as written.
    pub text: String,
    pub span: Span,
}

/// A whole file.
#[derive(Debug)]
pub struct Dockerfile<'a> {
    pub source: &'a Source<'a>,
    /// `\` or `` ` ``: what continues a line.
    pub escape: char,
    /// `# syntax=…`, `# escape=…`, `# check=…` at the very top.
    pub directives: Vec<Directive>,
    /// In the order of the file; what ONBUILD holds is inside its [`Body::OnBuild`].
    pub instructions: Vec<Instruction>,
    /// Every comment line that is no directive, those between continuation lines too. The text has no first `#` and no
    /// white space around it; the span begins at the `#`.
    pub comments: Vec<Text>,
    pub stages: Vec<Stage>,
    pub faults: Vec<Fault>,
    /// What RUN runs; gathered when it is first asked for.
    pub(super) runs: OnceCell<Vec<Run>>,
    /// What FROM stands on; gathered when it is first asked for.
    pub(super) bases: OnceCell<HashSet<String>>,
    /// What is wrong with the scripts of RUN; gathered when it is first asked for.
    pub(super) shell_faults: OnceCell<Vec<Found>>,
}

impl Dockerfile<'_> {
    /// Every RUN with its commands, those that ONBUILD holds too.
    pub fn runs(&self) -> &[Run] {
        self.runs.get_or_init(|| super::runs::runs(self))
    }

    /// Whether what a stage holds is in an image that is built or stood upon: the last stage, those that are a base, and those
    /// that are written just like the last. What is before any stage counts as kept.
    pub fn is_kept(&self, stage: Option<usize>) -> bool {
        let Some((index, of)) = stage.and_then(|index| Some((index, self.stages.get(index)?))) else { return true };
        fn name(stage: &Stage) -> Option<&str> {
            stage.name.as_ref().map(|name| name.text.as_str())
        }
        fn platform(stage: &Stage) -> Option<&str> {
            stage.platform.as_ref().map(|platform| platform.text.as_str())
        }
        let last = self.stages.last();
        let as_last = last.is_some_and(|last| {
            (last.image.text.as_str(), name(last), platform(last)) == (of.image.text.as_str(), name(of), platform(of))
        });
        as_last || name(of).is_some_and(|name| self.bases().contains(name)) || index + 1 == self.stages.len()
    }

    /// The names of ENV and ARG, once for each stage and RUN, are more than any build needs: what follows from them is not looked at,
    /// and a fault says so.
    pub fn repeats_too_many_variables(&self) -> bool {
        let names = |body: &Body| match body {
            Body::Env(pairs) | Body::Arg(pairs) => pairs.iter().map(|pair| pair.key.text.len() + 1).sum(),
            _ => 0,
        };
        let (mut bytes, mut times) = (0usize, 0usize);
        for instruction in &self.instructions {
            let body = match &instruction.body {
                Body::OnBuild(inner) => &inner.body,
                body => body,
            };
            bytes += names(body);
            times += usize::from(matches!(body, Body::From { .. } | Body::Run(_)));
        }
        bytes.saturating_mul(times) > MAX_REPEATED
    }

    /// The images of all stages without tag and digest.
    fn bases(&self) -> &HashSet<String> {
        self.bases.get_or_init(|| {
            self.stages
                .iter()
                .map(|stage| {
                    let name = stage.image.text.split('@').next().unwrap_or_default();
                    let last = name.rfind('/').map_or(0, |slash| slash + 1);
                    let end = name[last..].find(':').map_or(name.len(), |colon| last + colon);
                    name[..end].to_owned()
                })
                .collect()
        })
    }

    /// The instruction that a byte of the file stands in; of what ONBUILD holds, the ONBUILD.
    pub fn instruction_at(&self, offset: usize) -> Option<&Instruction> {
        let next = self.instructions.partition_point(|instruction| instruction.span.start <= offset);
        let around = self.instructions.get(next.checked_sub(1)?)?;
        (offset <= around.span.end).then_some(around)
    }
}

#[derive(Debug, Clone)]
pub struct Directive {
    pub name: Text,
    pub value: Text,
}

/// Bytes that the names of variables may come to, once for each stage and RUN: a hundred names in a thousand RUNs are a fiftieth.
const MAX_REPEATED: usize = 64 << 20;

/// What could not be understood; the rest of the file is in the tree all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub span: Span,
    /// One sentence without a full stop.
    pub message: String,
}

/// From one FROM to the next.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Indexes into the instructions, FROM included.
    pub first: usize,
    pub end: usize,
    pub image: Text,
    /// `AS name`, as written.
    pub name: Option<Text>,
    pub platform: Option<Text>,
    /// The earlier stage that the image's name means.
    pub base: Option<usize>,
}

#[derive(Debug, Clone)]
pub struct Instruction {
    /// From the keyword to the last byte that belongs to it, here-documents included, the line break not.
    pub span: Span,
    /// As written: `RUN`, `run`.
    pub keyword: Text,
    /// Index into the stages; none before the first FROM.
    pub stage: Option<usize>,
    /// `--name` and `--name=value`, as far as the instruction takes any.
    pub flags: Vec<Flag>,
    /// All that follows the keyword and the flags.
    pub rest: Text,
    pub heredocs: Vec<Heredoc>,
    pub body: Body,
}

#[derive(Debug, Clone)]
pub struct Flag {
    pub span: Span,
    /// Without the dashes.
    pub name: String,
    pub value: Option<Text>,
}

#[derive(Debug, Clone)]
pub struct Heredoc {
    /// `<<EOT`, `<<-"EOT"`.
    pub mark: Span,
    pub name: String,
    /// `<<-`: leading tabs go.
    pub strip: bool,
    /// The name is quoted: nothing in the content is expanded.
    pub quoted: bool,
    /// The content's bytes, the last line break included, the closing name not.
    pub content: Span,
    /// False where the file ends first.
    pub closed: bool,
}

#[derive(Debug, Clone)]
pub enum Body {
    From {
        image: Text,
        name: Option<Text>,
    },
    Run(Command),
    Cmd(Command),
    Entrypoint(Command),
    /// NONE where there is no command.
    Healthcheck(Option<Command>),
    /// COPY or ADD; a here-document is a source by its mark.
    Copy {
        add: bool,
        sources: Vec<Text>,
        dest: Option<Text>,
        json: bool,
    },
    Env(Vec<Pair>),
    Arg(Vec<Pair>),
    Label(Vec<Pair>),
    User(Text),
    Workdir(Text),
    Expose(Vec<Text>),
    Volume {
        paths: Vec<Text>,
        json: bool,
    },
    Shell(Vec<Text>),
    StopSignal(Text),
    Maintainer(Text),
    OnBuild(Box<Instruction>),
    /// No instruction that we know, or one whose arguments are broken.
    Unknown,
}

#[derive(Debug, Clone)]
pub enum Command {
    /// `["a", "b"]`: the strings, unescaped, each with the span of its quotes.
    Exec(Vec<Text>),
    /// What a shell is given.
    Shell(ShellText),
}

/// What a shell is given, and what it says where the shell is one that we read.
#[derive(Debug, Clone)]
pub struct ShellText {
    /// Of the whole text in the file.
    pub span: Span,
    /// Which shell runs it: the SHELL in force, or the here-document's `#!` line.
    pub shell: Shell,
    /// The tree; spans are those of the file. Empty for [`Shell::Other`].
    pub script: Script,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    /// `sh`, `ash`, `dash`, with `-o pipefail` in its arguments or not: BusyBox's `ash` knows it.
    Posix { pipefail: bool },
    /// `bash`, `ksh`, `zsh`, likewise.
    Bash { pipefail: bool },
    /// PowerShell, cmd, python …: left alone.
    Other,
}

/// `key=value`; for ARG the value may be missing.
#[derive(Debug, Clone)]
pub struct Pair {
    pub span: Span,
    /// Quotes removed.
    pub key: Text,
    /// Quotes removed; its span has them.
    pub value: Option<Text>,
    /// The old form `ENV key value with spaces`.
    pub legacy: bool,
}
