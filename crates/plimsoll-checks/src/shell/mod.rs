//! Shell scripts as trees. In: the text that a RUN gives to a shell, with a map to the file's bytes. Out: lists, pipelines and
//! simple commands with words, every node with its span in the file. It reads POSIX and the common parts of bash, recovers
//! from what it does not understand, and bounds depth. What it does not do: run or expand anything.

use crate::source::Span;

/// A script, or what stands in `( )`, `{ }`, `$( )`, a branch or a loop.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// In order; what stands between tells how they hang together.
    pub items: Vec<Item>,
    /// Places that could not be understood.
    pub faults: Vec<(Span, String)>,
}

/// One pipeline and what follows it.
#[derive(Debug, Clone)]
pub struct Item {
    pub pipeline: Pipeline,
    pub separator: Separator,
    /// Of the separator; empty at the end.
    pub separator_span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    /// `;` or a line break.
    Sequence,
    And,
    Or,
    Background,
    End,
}

#[derive(Debug, Clone)]
pub struct Pipeline {
    pub span: Span,
    /// `! a | b`
    pub negated: bool,
    pub commands: Vec<Command>,
    /// Of each `|` or `|&`.
    pub pipes: Vec<Span>,
}

#[derive(Debug, Clone)]
pub enum Command {
    Simple(Simple),
    /// A subshell, group, branch, loop, case or function.
    Compound(Compound),
}

#[derive(Debug, Clone)]
pub struct Simple {
    pub span: Span,
    /// `A=b` before the command.
    pub assignments: Vec<Assignment>,
    /// The command's name and its arguments.
    pub words: Vec<Word>,
    pub redirects: Vec<Redirect>,
}

#[derive(Debug, Clone)]
pub struct Compound {
    pub span: Span,
    pub kind: CompoundKind,
    /// Conditions, branches and bodies in order.
    pub scripts: Vec<Script>,
    /// The words of `for x in …`, `case … in`, the name of a function, the inside of `[[ ]]` and `(( ))`.
    pub words: Vec<Word>,
    pub redirects: Vec<Redirect>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompoundKind {
    Subshell,
    Group,
    If,
    While,
    Until,
    For,
    Select,
    Case,
    Function,
    /// `[[ … ]]`
    Test,
    /// `(( … ))`
    Arithmetic,
}

#[derive(Debug, Clone)]
pub struct Assignment {
    pub span: Span,
    pub name: String,
    pub value: Option<Word>,
    /// `+=`
    pub append: bool,
}

#[derive(Debug, Clone)]
pub struct Redirect {
    pub span: Span,
    /// `>`, `>>`, `<`, `2>&1` …: the operator with its file descriptor.
    pub operator: String,
    pub target: Option<Word>,
}

#[derive(Debug, Clone)]
pub struct Word {
    pub span: Span,
    pub parts: Vec<Part>,
}

#[derive(Debug, Clone)]
pub enum Part {
    /// Outside quotes; backslashes are resolved.
    Bare(String, Span),
    /// `'…'` or `$'…'`
    Single(String, Span),
    /// `"…"`, of parts.
    Double(Vec<Part>, Span),
    /// `$x`, `${x:-y}`, `$1`, `$@`: the name, and the whole text.
    Variable { name: String, text: String, span: Span },
    /// `$( )`, a backquoted command, `<( )` and `>( )`.
    Substitution(Script, Span),
    /// `$(( ))`
    Arithmetic(String, Span),
}
