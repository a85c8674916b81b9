//! The tree of a module, in the shapes of OPA's own `ast` package, so that every stage after the parser can be held against
//! it. Every node has its place. The compiler rewrites this same tree: what it adds is marked `generated`.

pub mod json;
pub mod order;
pub mod pretty;
pub mod start;
pub mod text;

use std::sync::Arc;

use crate::span::Span;
use crate::value::{Number, Value};

/// Which language a module is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    V0,
    /// v0 with `import rego.v1` or, for one module, all of `future.keywords`: v0's default with v1's strictness.
    V0CompatV1,
    #[default]
    V1,
}

pub type Name = Arc<str>;

#[derive(Debug, Clone)]
pub struct Module {
    /// The index of its text in `Sources`.
    pub source: u32,
    pub language: Language,
    pub package: Package,
    pub imports: Vec<Import>,
    pub rules: Vec<Rule>,
    pub comments: Vec<Comment>,
    /// In the order of the text.
    pub annotations: Vec<Annotations>,
}

/// `package a.b`: the path is `data.a.b` (a variable, then strings).
#[derive(Debug, Clone)]
pub struct Package {
    pub span: Span,
    pub path: Ref,
}

#[derive(Debug, Clone)]
pub struct Import {
    pub span: Span,
    /// A `Ref`, or a `Var` where only `data` or `input` is imported.
    pub path: Term,
    pub alias: Option<Name>,
    pub alias_span: Option<Span>,
}

impl Import {
    /// What the import is called in its module: the alias, else the last part of the path.
    pub fn name(&self) -> Option<&str> {
        if let Some(alias) = &self.alias {
            return Some(alias);
        }
        match &self.path.kind {
            TermKind::Var(name) => Some(name),
            TermKind::Ref(terms) => match &terms.last()?.kind {
                TermKind::Var(name) | TermKind::String(name) => Some(name),
                _ => None,
            },
            _ => None,
        }
    }
}

#[derive(Debug, Clone)]
pub struct Comment {
    pub span: Span,
    /// Without the leading `#`.
    pub text: Arc<str>,
}

/// A `# METADATA` block.
#[derive(Debug, Clone, Default)]
pub struct Annotations {
    pub span: Span,
    /// `rule`, `document`, `package` or `subpackages`, given or inferred.
    pub scope: Name,
    /// The block as OPA renders it where it is there and not empty: title, description, organizations, authors (name and
    /// email), related_resources (ref and description), custom, labels. What has a field of its own here is not in it.
    pub content: std::collections::BTreeMap<String, Value>,
    pub entrypoint: bool,
    /// (path, schema reference or inline definition), as in `schemas: [{input: schema.a}]`.
    pub schemas: Vec<(Ref, SchemaAnnotation)>,
    pub compile: Option<CompileAnnotation>,
    /// The statement that the block stands above.
    pub target: AnnotationTarget,
}

/// `compile: {unknowns: [input.x], mask_rule: mask}`
#[derive(Debug, Clone, Default)]
pub struct CompileAnnotation {
    pub unknowns: Vec<Ref>,
    pub mask_rule: Option<Ref>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AnnotationTarget {
    #[default]
    Nothing,
    Package,
    /// Index of an import.
    Import(usize),
    /// Index of a rule.
    Rule(usize),
}

#[derive(Debug, Clone)]
pub enum SchemaAnnotation {
    Reference(Ref),
    Definition(Value),
}

#[derive(Debug, Clone)]
pub struct Rule {
    pub span: Span,
    /// `default p := …`
    pub default: bool,
    pub head: Head,
    /// Never empty: a rule without one has the generated body `true`.
    pub body: Body,
    pub else_rule: Option<Box<Rule>>,
    /// The body was not in the text.
    pub generated_body: bool,
    /// Indices into the module's annotations (rule and document scope).
    pub annotations: Vec<usize>,
}

#[derive(Debug, Clone, Default)]
pub struct Head {
    pub span: Span,
    /// What OPA's own head has as its name: of references of one part, and of `p[x]` where that is for OPA a partial rule.
    pub name: Option<Name>,
    /// The whole reference: `a.b[x].c`. Its first term is a `Var`, the rest are as in [`Ref`]. Before the compiler it is
    /// relative to the package, as written.
    pub reference: Ref,
    /// Of functions.
    pub args: Vec<Term>,
    /// The key of a partial set (`p contains x`, v0's `p[x]`) or of a partial object of one level, as OPA's head has it.
    pub key: Option<Term>,
    pub value: Option<Term>,
    /// `:=` was written.
    pub assign: bool,
    /// The value `true` was not in the text.
    pub generated_value: bool,
    /// `contains` was written, or v0's `p[x]` without a value.
    pub multi_value: bool,
    /// The keyword `if` stands before the body.
    pub if_written: bool,
    /// The keyword `contains` stands before the key.
    pub contains_written: bool,
}

pub type Body = Vec<Expr>;

#[derive(Debug, Clone)]
pub struct Expr {
    pub span: Span,
    pub kind: ExprKind,
    pub negated: bool,
    pub with: Vec<With>,
    /// Made by the compiler (or the parser, for a body that was not there).
    pub generated: bool,
}

#[derive(Debug, Clone)]
pub enum ExprKind {
    Term(Term),
    /// The operator is the reference of a builtin or function: `eq` for `=`, `assign` for `:=`, `equal` for `==`, `plus` …,
    /// `internal.member_2` for `x in xs`, `internal.member_3` for `k, v in xs`.
    Call {
        operator: Term,
        args: Vec<Term>,
    },
    /// `some x, y` (each symbol a `Var`) or `some k, v in xs` (one symbol, a `Call` of `internal.member_2` or `_3`).
    Some {
        span: Span,
        symbols: Vec<Term>,
    },
    Every(Box<Every>),
    /// `not x` and `not { … }` where `future.keywords.not` is imported; elsewhere `not x` is [`Expr::negated`].
    Not {
        span: Span,
        body: Body,
        /// Braces were written.
        explicit: bool,
    },
    /// `x and y` where `future.keywords.and` is imported.
    And(Box<Logical>),
    /// `x or y` where `future.keywords.or` is imported.
    Or(Box<Logical>),
}

/// The operands of `and` and `or`: bodies of their own, `explicit` where braces were written.
#[derive(Debug, Clone)]
pub struct Logical {
    pub span: Span,
    pub lhs: Body,
    pub rhs: Body,
    pub explicit_lhs: bool,
    pub explicit_rhs: bool,
}

#[derive(Debug, Clone)]
pub struct Every {
    pub span: Span,
    pub key: Option<Term>,
    pub value: Term,
    pub domain: Term,
    pub body: Body,
}

#[derive(Debug, Clone)]
pub struct With {
    pub span: Span,
    /// A `Ref` or `Var`: `input.x`, `data.y`, or a function.
    pub target: Term,
    pub value: Term,
}

/// First a `Var` (or, after a call or composite, any term), then strings and terms.
pub type Ref = Vec<Term>;

#[derive(Debug, Clone)]
pub struct Term {
    pub span: Span,
    pub kind: TermKind,
}

#[derive(Debug, Clone)]
pub enum TermKind {
    Null,
    Bool(bool),
    Number(Number),
    String(Arc<str>),
    /// `_` is given names of its own by the parser, `$0`, `$1` …, as OPA does.
    Var(Name),
    Ref(Ref),
    Array(Vec<Term>),
    /// In the order of the text.
    Object(Vec<(Term, Term)>),
    Set(Vec<Term>),
    ArrayCompr {
        term: Box<Term>,
        body: Body,
    },
    SetCompr {
        term: Box<Term>,
        body: Body,
    },
    ObjectCompr {
        key: Box<Term>,
        value: Box<Term>,
        body: Body,
    },
    /// The operator's reference, then the arguments.
    Call(Vec<Term>),
    /// `$"… {x} …"`: literal strings and the expressions between them, in order.
    Template {
        parts: Vec<TemplatePart>,
        multi_line: bool,
    },
}

#[derive(Debug, Clone)]
pub enum TemplatePart {
    Text(Term),
    Expr(Box<Expr>),
}

impl Term {
    pub fn new(span: Span, kind: TermKind) -> Term {
        Term { span, kind }
    }

    pub fn var(span: Span, name: &str) -> Term {
        Term { span, kind: TermKind::Var(name.into()) }
    }

    pub fn string(span: Span, text: &str) -> Term {
        Term { span, kind: TermKind::String(text.into()) }
    }
}
