//! Shell scripts as trees. In: the text that a RUN gives to a shell, with a map to the file's bytes. Out: lists, pipelines and
//! simple commands with words, every node with its span in the file. It reads POSIX and the common parts of bash, recovers
//! from what it does not understand, and bounds depth. What it does not do: run or expand anything.
//!
//! It is our own because brush-parser 0.4 gives no tree at all after a syntax error, overflows the stack on 200 kB of nested
//! `$(` or `if`, and brings some sixty crates.

pub mod commands;
mod parse;

use crate::source::Span;

pub use commands::Arg;
pub use parse::{MAX_DEPTH, parse};

/// A script, or what stands in `( )`, `{ }`, `$( )`, a branch or a loop.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// In order; what stands between tells how they hang together.
    pub items: Vec<Item>,
    /// Places that could not be understood; the outermost script has those of all in it.
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
    /// The name and the words of `for x in …`, the subject and the patterns of `case … in`, the name of a function, the
    /// inside of `[[ ]]` and `(( ))`. The body of a function is one script with one command.
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
    /// `>`, `>>`, `<`, `2>&`, `{fd}>` …: the operator with its file descriptor.
    pub operator: String,
    /// The file, the descriptor after `>&`, or the name that closes a here-document.
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
    /// `$x`, `${x:-y}`, `$1`, `$@`: the name, and the whole text. What is nested in the braces is no part of the tree.
    Variable { name: String, text: String, span: Span },
    /// `$( )`, a backquoted command, `<( )` and `>( )`.
    Substitution(Script, Span),
    /// `$(( ))`
    Arithmetic(String, Span),
}
