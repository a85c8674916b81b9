//! Rego text to trees, as OPA 1.22 reads it. In: text that nobody vouches for. Out: a module, body, term or reference, or
//! errors with OPA's words and places. What it does not do: resolve names, check safety or types; that is the compiler's.
//!
//! Three bounds keep hostile text cheap: [`MAX_SOURCE`], [`MAX_NESTING`] and [`MAX_RESCANS`]. Time is linear in the text.

mod annotations;
mod bodies;
mod lexer;
mod logical;
mod module;
mod number;
mod parser;
mod rules;
mod statements;
mod terms;
#[cfg(test)]
mod tests;
mod token;
mod yaml;

use crate::ast::{Annotations, Body, Comment, ExprKind, Import, Language, Module, Ref, Term, TermKind};
use crate::capabilities::Capabilities;
use crate::error::{Code, RegoError};
use crate::span::{Source, Sources, Span};
use parser::Parser;
use statements::{Statement, Vocabulary};
use token::Keywords;

/// Bytes of one text. Policies are written by people or generated from templates; data does not belong in them.
pub const MAX_SOURCE: usize = 16 * 1024 * 1024;
/// Levels of one tree: brackets in brackets, bodies in bodies, operators in a chain. Whoever walks a tree recurses no deeper.
pub const MAX_NESTING: u32 = 250;
/// Links of one chain of `else`, each a rule inside of the one before.
pub const MAX_ELSES: usize = 500;
/// How often, on average, a byte of the text is read again: OPA's grammar must try some texts in several ways.
pub const MAX_RESCANS: u64 = 8;
/// Errors of reading one text that are told; what v1 asks of rules is told of each rule.
pub const MAX_ERRORS: usize = 20;

/// How a text is read.
#[derive(Debug, Clone)]
pub struct Options {
    pub language: Language,
    /// As if `future.keywords` were imported.
    pub all_future_keywords: bool,
    /// As if `future.keywords.x` were imported for each.
    pub future_keywords: Vec<String>,
    /// `# METADATA` blocks are read and checked.
    pub annotations: bool,
    /// After an error that OPA would stop at, reading goes on at the next statement, so that more errors are found. The
    /// first one is OPA's either way.
    pub recover: bool,
    /// What a capabilities file allows; `None` is what the language has without one.
    pub features: Option<Features>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            language: Language::V1,
            all_future_keywords: false,
            future_keywords: Vec::new(),
            annotations: true,
            recover: false,
            features: None,
        }
    }
}

impl Options {
    pub fn of(language: Language) -> Options {
        Options { language, ..Options::default() }
    }

    /// What the language has for this reading.
    pub fn features(&self) -> Features {
        self.features.clone().unwrap_or_else(|| Features::of(self.language))
    }
}

/// What a capabilities file allows of the language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features {
    pub keywords_in_refs: bool,
    pub template_strings: bool,
    pub rego_v1: bool,
    pub rego_v2: bool,
    pub rego_v1_import: bool,
    pub rego_v2_import: bool,
    /// `future_keywords` of the file; `None` are all that the language has.
    pub future_keywords: Option<Vec<String>>,
}

impl Features {
    /// What OPA allows where no capabilities file says otherwise: template strings are v1's.
    pub fn of(language: Language) -> Features {
        Features {
            keywords_in_refs: true,
            template_strings: matches!(language, Language::V1),
            rego_v1: true,
            rego_v2: true,
            rego_v1_import: true,
            rego_v2_import: true,
            future_keywords: None,
        }
    }
}

impl From<&Capabilities> for Features {
    fn from(capabilities: &Capabilities) -> Features {
        let has = |feature: &str| capabilities.has_feature(feature);
        Features {
            keywords_in_refs: has("keywords_in_refs"),
            template_strings: has("template_strings"),
            rego_v1: has("rego_v1"),
            rego_v2: has("rego_v2"),
            rego_v1_import: has("rego_v1_import"),
            rego_v2_import: has("rego_v2_import"),
            future_keywords: Some(capabilities.future_keywords.iter().cloned().collect()),
        }
    }
}

/// What became of a text: a module, or errors.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The text's number in [`Sources`].
    pub source: u32,
    pub module: Option<Module>,
    pub errors: Vec<RegoError>,
    /// Read as v0 only after it could not be read as v1.
    pub read_as_v0: bool,
}

/// Reads one module.
pub fn parse_module(sources: &mut Sources, name: &str, text: &[u8], options: &Options) -> Parsed {
    let source = add(sources, name, text);
    let outcome = match sources.get(source) {
        Some(kept) => module_of(source, kept, text, options),
        None => Err(Vec::new()),
    };
    let (module, errors) = match outcome {
        Ok(module) => (Some(module), Vec::new()),
        Err(errors) => (None, errors),
    };
    Parsed { source, module, errors, read_as_v0: false }
}

/// Reads a module as v1 and, where that fails and v0 does not, as v0. The errors are v1's.
pub fn read_module(sources: &mut Sources, name: &str, text: &[u8], options: &Options) -> Parsed {
    let v1 = Options { language: Language::V1, ..options.clone() };
    let parsed = parse_module(sources, name, text, &v1);
    if parsed.module.is_some() {
        return parsed;
    }
    let v0 = Options { language: Language::V0, ..options.clone() };
    match sources.get(parsed.source).map(|kept| module_of(parsed.source, kept, text, &v0)) {
        Some(Ok(module)) => Parsed { module: Some(module), errors: Vec::new(), read_as_v0: true, ..parsed },
        _ => parsed,
    }
}

/// Reads a query: one or several expressions.
pub fn parse_query(sources: &mut Sources, name: &str, text: &str, options: &Options) -> Result<Body, Vec<RegoError>> {
    let source = add(sources, name, text.as_bytes());
    let statements = read(source, None, text.as_bytes(), options, true)?.statements;
    let mut query = Vec::new();
    for statement in statements {
        match statement {
            Statement::Body(body) => query.extend(body),
            other => return Err(vec![refusal(&format!("expected body but got {}", go_type(&other)))]),
        }
    }
    Ok(query)
}

/// Reads exactly one term.
pub fn parse_term(sources: &mut Sources, name: &str, text: &str, options: &Options) -> Result<Term, Vec<RegoError>> {
    let mut body = parse_query(sources, name, text, options)?;
    let refuse = |message: String| Err(vec![refusal(&message)]);
    let (Some(expr), true) = (body.pop(), body.is_empty()) else {
        return refuse("expected exactly one term".to_owned());
    };
    match expr.kind {
        ExprKind::Term(term) => Ok(term),
        ExprKind::Call { operator, args } => {
            let written = std::iter::once(operator).chain(args).map(|term| term.to_string()).collect::<Vec<_>>();
            refuse(format!("expected term but got [{}]", written.join(" ")))
        }
        _ => refuse(format!("expected term but got {expr}")),
    }
}

/// Reads exactly one reference.
pub fn parse_ref(sources: &mut Sources, name: &str, text: &str, options: &Options) -> Result<Ref, Vec<RegoError>> {
    match parse_term(sources, name, text, options)? {
        Term { kind: TermKind::Ref(parts), .. } => Ok(parts),
        other => {
            let message = format!("expected ref but got {other}");
            Err(vec![RegoError::new(Code::Parse, other.span, message)])
        }
    }
}

/// Reads import statements and nothing else.
pub fn parse_imports(
    sources: &mut Sources,
    name: &str,
    text: &str,
    options: &Options,
) -> Result<Vec<Import>, Vec<RegoError>> {
    let source = add(sources, name, text.as_bytes());
    let statements = read(source, None, text.as_bytes(), options, false)?.statements;
    let import = |statement| match statement {
        Statement::Import(import) => Ok(import),
        other => Err(vec![refusal(&format!("expected import but got {}", go_type(&other)))]),
    };
    statements.into_iter().map(import).collect()
}

/// A refusal of the text as a whole, which has no place.
fn refusal(message: &str) -> RegoError {
    RegoError::new(Code::Parse, Span::NONE, message)
}

/// What OPA calls a statement that it did not want.
fn go_type(statement: &Statement) -> &'static str {
    match statement {
        Statement::Package(_) => "*ast.Package",
        Statement::Import(_) => "*ast.Import",
        Statement::Rule(_) => "*ast.Rule",
        Statement::Body(_) => "ast.Body",
    }
}

fn add(sources: &mut Sources, name: &str, text: &[u8]) -> u32 {
    // What is too large is refused unread, and not kept either.
    let kept = if text.len() > MAX_SOURCE { String::new().into() } else { String::from_utf8_lossy(text) };
    sources.add(Source::new(name, &kept))
}

/// What was read of a text.
struct Reading {
    statements: Vec<Statement>,
    comments: Vec<Comment>,
    annotations: Vec<Annotations>,
}

/// A reading of a text that `kept` holds; blocks of metadata only where that is there.
fn read(
    source: u32,
    kept: Option<&Source>,
    text: &[u8],
    options: &Options,
    skip_rules: bool,
) -> Result<Reading, Vec<RegoError>> {
    if text.len() > MAX_SOURCE {
        let message = format!("a text of {} bytes is more than the {MAX_SOURCE} that are read", text.len());
        return Err(vec![RegoError::new(Code::Limit, Span::new(source, 0, 0), message)]);
    }
    let words = Vocabulary::of(options).map_err(|message| vec![refusal(&message)])?;
    let always = Keywords::named("not").unwrap_or_default();
    let mut parser = Parser::new(source, text, options, words.selected.with(always));
    parser.not_bodies = words.selected.has("not");
    parser.scan();
    let statements = parser.statements(skip_rules, words.allowed);
    let (comments, mut annotations) = (parser.comments(), Vec::new());
    let mut errors = parser.errors();
    if let Some(kept) = kept.filter(|_| options.annotations && !parser.is_stopped()) {
        let (read, mut wrong) = annotations::read(&comments, kept);
        for error in &mut wrong {
            error.details = parser.excerpt(error.span);
        }
        annotations = read;
        errors.extend(wrong);
    }
    if !errors.is_empty() {
        errors.truncate(MAX_ERRORS);
        return Err(errors);
    }
    Ok(Reading { statements, comments, annotations })
}

/// The one term of a text that is no source of its own.
fn one_term(text: &str, options: &Options) -> Option<Term> {
    let reading = read(u32::MAX, None, text.as_bytes(), options, true).ok()?;
    let mut statements = reading.statements.into_iter();
    let (Some(Statement::Body(mut body)), None) = (statements.next(), statements.next()) else { return None };
    match (body.pop()?.kind, body.is_empty()) {
        (ExprKind::Term(term), true) => Some(term),
        _ => None,
    }
}

fn module_of(source: u32, kept: &Source, text: &[u8], options: &Options) -> Result<Module, Vec<RegoError>> {
    let reading = read(source, Some(kept), text, options, false)?;
    module::assemble(reading, source, kept, options.language)
}
