//! Formats modules, byte for byte as `opa fmt` of OPA 1.22 does. In: a module's text. Out: the same program laid out, with its
//! comments; or why it cannot be read. It may change the language: v0 to what v0 and v1 both read.
//!
//! The layout follows the author's: lists and bodies stay in the lines they had, blank lines between expressions stay (at most
//! one), rules are set apart. Where a comment stands that the layout has no place for, the term around it is left as it was.
//!
//! OPA has faults that change or break a program: a string behind `else := "a" if …`, a comment in the value of an `else`, an
//! index into a literal array with a comment in it. There the result is what OPA means; and unless [`Options::check_result`] is
//! off, a result that is not the same program is refused.

mod diff;
mod expr;
mod imports;
mod module;
mod place;
mod same;
mod term;
mod v1;
mod walk;
mod writer;

pub use diff::diff;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ast::text::is_keyword;
use crate::ast::{Expr, ExprKind, Language, Module, Term, TermKind};
use crate::error::RegoError;
use crate::parse;
use crate::span::{Source, Sources};
use imports::{future_keyword, is_all_keywords, is_rego};
use place::Places;
use term::infix_of;
use writer::{Note, Why, Writer};

/// The language that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Target {
    V0,
    /// What both read: v1 with `import rego.v1` (`--v0-v1`).
    V0AndV1,
    #[default]
    V1,
}

impl Target {
    /// How the result is read.
    pub fn language(self) -> Language {
        match self {
            Target::V0 => Language::V0,
            Target::V0AndV1 => Language::V0CompatV1,
            Target::V1 => Language::V1,
        }
    }
}

#[derive(Debug, Clone)]
pub struct Options {
    /// How the text is read.
    pub parse: parse::Options,
    pub target: Target,
    /// Drops `import rego.v1` and `future.keywords` where they say nothing (`--drop-v0-imports`).
    pub drop_redundant_imports: bool,
    /// Reads the result again and refuses it where it is not the same program (`--check-result`).
    pub check_result: bool,
}

impl Default for Options {
    /// v1 to v1, as `opa fmt` without flags.
    fn default() -> Options {
        Options::of(Language::V1, Target::V1)
    }
}

impl Options {
    /// `opa fmt` is (V1, V1), with `--v0-compatible` (V0, V0), with `--v0-v1` (V0, both), with `--v0-v1 --v1-compatible`
    /// (V1, both).
    pub fn of(language: Language, target: Target) -> Options {
        let mut parse = parse::Options::of(language);
        parse.annotations = false;
        // Nothing is read that the target cannot hold.
        parse.features = Some(parse::Features::of(target.language()));
        Options { parse, target, drop_redundant_imports: false, check_result: true }
    }
}

/// A module's text, formatted. Errors come with their sources for [`RegoError::line`].
pub fn format(sources: &mut Sources, name: &str, text: &[u8], options: &Options) -> Result<String, Vec<RegoError>> {
    let parsed = parse::parse_module(sources, name, text, &options.parse);
    let (module, source) = match (parsed.module, sources.get(parsed.source)) {
        (Some(module), Some(source)) if parsed.errors.is_empty() => (module, source),
        _ => return Err(parsed.errors),
    };
    let formatted = format_module(&module, source, options)?;
    if options.check_result {
        same::check(&module, name, &formatted, options)?;
    }
    Ok(formatted)
}

/// The same of a module that has been read from this source; the result is not checked.
pub fn format_module(module: &Module, source: &Source, options: &Options) -> Result<String, Vec<RegoError>> {
    if options.target != Target::V0 {
        let refusals = v1::refusals(module);
        if !refusals.is_empty() {
            return Err(refusals);
        }
    }
    let places = Places::new(source);
    let (facts, used) = Facts::of(module, source, options);
    let imports = imports::directives(module, &places, options.target, options.drop_redundant_imports, &facts, &used);
    let mut writer = Writer {
        comments: comments(module, source),
        places,
        facts,
        out: String::with_capacity(source.text.len() + source.text.len() / 8),
        level: 0,
        inline: false,
        before_end: None,
        delay: false,
        comment_on_final_line: false,
        moved: None,
        bracket_expr: None,
        bracket_term: None,
        errors: Vec::new(),
    };
    if let Err(failed) = writer.module(module, &imports) {
        writer.fault(match failed.why {
            Why::Comment => "a comment stands where it cannot be kept",
            Why::Fatal(words) => words,
        });
    }
    if !writer.errors.is_empty() {
        return Err(writer.errors);
    }
    let mut out = writer.out;
    if out.ends_with('\n') {
        out.truncate(out.trim_end_matches('\n').len());
        out.push('\n');
    }
    Ok(out)
}

fn comments<'a>(module: &Module, source: &'a Source) -> Vec<Note<'a>> {
    let mut notes: Vec<Note> = module
        .comments
        .iter()
        .map(|comment| {
            let (row, column) = source.row_column(comment.span.start);
            let raw = source.slice(comment.span);
            Note {
                row: i64::try_from(row).unwrap_or(i64::MAX),
                first: column == 1,
                text: raw.trim_end(),
                raw,
                taken: false,
            }
        })
        .collect();
    notes.sort_by_key(|note| note.row);
    notes
}

/// What of a module and the options decides how all of it is written.
pub(crate) struct Facts {
    source: u32,
    /// Partial sets are written with `contains`.
    contains: bool,
    /// Bodies are written with `if`.
    ifs: bool,
    /// Some rule's head is a reference that the old notation cannot say.
    ref_heads: bool,
    /// The result is read as v1, too.
    v1: bool,
    v2_imported: bool,
    future_keywords: Vec<String>,
    /// `data.p.not` may be written so.
    keywords_in_refs: bool,
    /// Wildcards that stand in several places (of heads that several bodies share).
    repeated_wildcards: BTreeSet<Arc<str>>,
    /// Names as the compiler gives them may be there.
    generated: bool,
}

impl Facts {
    fn of(module: &Module, source: &Source, options: &Options) -> (Facts, Vec<&'static str>) {
        let v1 = options.target != Target::V0;
        let mut facts = Facts {
            source: module.source,
            contains: v1,
            ifs: v1,
            ref_heads: module::has_reference_heads(module),
            v1,
            v2_imported: false,
            future_keywords: Vec::new(),
            keywords_in_refs: options.parse.features().keywords_in_refs,
            repeated_wildcards: BTreeSet::new(),
            generated: source.text.contains("__local"),
        };
        for import in &module.imports {
            let keyword = future_keyword(import);
            facts.future_keywords.extend(keyword.map(String::from));
            facts.v2_imported |= is_rego(import, "v2");
            let all = is_rego(import, "v1") || is_rego(import, "v2") || is_all_keywords(import);
            facts.contains |= all || keyword == Some("contains");
            facts.ifs |= all || keyword == Some("if");
        }
        let mut survey = Survey::default();
        for rule in &module.rules {
            walk::rules(rule, |rule| walk::rule(rule, &mut survey));
        }
        facts.repeated_wildcards =
            survey.wildcards.into_iter().filter(|(_, count)| *count > 1).map(|(name, _)| name).collect();
        (facts, survey.keywords.into_iter().collect())
    }

    /// Whether a word is kept by the language that is written.
    fn is_keyword(&self, word: &str) -> bool {
        if self.v2_imported {
            return is_keyword(word, Language::V1) || word == "and" || word == "or";
        }
        let language = if self.v1 { Language::V1 } else { Language::V0 };
        is_keyword(word, language) || self.future_keywords.iter().any(|keyword| keyword == word)
    }
}

#[derive(Default)]
struct Survey {
    wildcards: BTreeMap<Arc<str>, usize>,
    /// That v0 has not of itself.
    keywords: BTreeSet<&'static str>,
}

impl walk::Visitor for Survey {
    fn expr(&mut self, expr: &Expr) {
        let keyword = match &expr.kind {
            ExprKind::Call { operator, .. } if infix_of(operator).is_some_and(|(sign, _)| sign == "in") => "in",
            ExprKind::Every(_) => "every",
            ExprKind::Not { .. } => "not",
            ExprKind::And(_) => "and",
            ExprKind::Or(_) => "or",
            ExprKind::Call { .. } | ExprKind::Term(_) | ExprKind::Some { .. } => return,
        };
        self.keywords.insert(keyword);
    }

    fn term(&mut self, term: &Term) {
        if let TermKind::Var(name) = &term.kind
            && name.starts_with('$')
        {
            *self.wildcards.entry(name.clone()).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests;
