//! Imports that say which language a module is in (`rego.v1`, `future.keywords`): which ones stay, go or are missing in the
//! language that is written.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::place::Places;
use super::{Facts, Target};
use crate::ast::order::terms;
use crate::ast::text::{is_name, quote};
use crate::ast::{Import, Module, Term, TermKind};
use crate::span::Span;

/// An import that will be written, at the row that it has or is given.
pub(super) struct Directive<'a> {
    import: Cow<'a, Import>,
    pub row: i64,
    pub column: usize,
    /// It was missing.
    pub added: bool,
}

impl<'a> Directive<'a> {
    fn path(&self) -> &[Term] {
        path(&self.import)
    }

    pub fn order(&self, other: &Directive) -> Ordering {
        let alias = |import: &Directive| import.import.alias.clone().unwrap_or_default();
        terms(self.path(), other.path()).then_with(|| alias(self).cmp(&alias(other)))
    }

    pub fn text(&self, facts: &Facts) -> String {
        let mut out = String::from("import ");
        let keyword = future_keyword(&self.import).is_some();
        for (index, term) in self.path().iter().enumerate() {
            match &term.kind {
                TermKind::String(name)
                    if !is_name(name) || !keyword && facts.is_keyword(name) && !facts.keywords_in_refs =>
                {
                    out.push('[');
                    out.push_str(&quote(name));
                    out.push(']');
                }
                TermKind::String(name) => {
                    out.push('.');
                    out.push_str(name);
                }
                _ => {
                    debug_assert_eq!(index, 0, "the parser refuses other terms in paths of imports");
                    out.push_str(&term.to_string());
                }
            }
        }
        if let Some(alias) = &self.import.alias {
            out.push_str(" as ");
            out.push_str(alias);
        }
        out
    }

    fn missing(path: &[&str], known: &[Directive]) -> Directive<'static> {
        let mut path = path.iter();
        let mut reference: Vec<Term> = path.next().map(|first| Term::var(Span::default(), first)).into_iter().collect();
        reference.extend(path.map(|part| Term::string(Span::default(), part)));
        let import = Import {
            span: Span::default(),
            path: Term::new(Span::default(), TermKind::Ref(reference)),
            alias: None,
            alias_span: None,
        };
        let last = known
            .iter()
            .filter(|known| is_future(&known.import) || is_rego(&known.import, "v1"))
            .map(|known| known.row)
            .max();
        Directive { import: Cow::Owned(import), row: last.map_or(1, |last| last + 1), column: 1, added: true }
    }
}

fn path(import: &Import) -> &[Term] {
    match &import.path.kind {
        TermKind::Ref(terms) => terms,
        _ => std::slice::from_ref(&import.path),
    }
}

fn is_path(import: &Import, first: &str, rest: &[&str]) -> bool {
    let Some((Term { kind: TermKind::Var(have), .. }, path)) = path(import).split_first() else {
        return false;
    };
    **have == *first
        && path.len() == rest.len()
        && path.iter().zip(rest).all(|(have, want)| matches!(&have.kind, TermKind::String(have) if **have == **want))
}

pub(super) fn is_rego(import: &Import, version: &str) -> bool {
    is_path(import, "rego", &[version])
}

fn is_future(import: &Import) -> bool {
    matches!(path(import).first().map(|first| &first.kind), Some(TermKind::Var(name)) if **name == *"future")
}

pub(super) fn is_all_keywords(import: &Import) -> bool {
    is_path(import, "future", &["keywords"])
}

fn is_keyword(import: &Import, keyword: &str) -> bool {
    is_path(import, "future", &["keywords", keyword])
}

/// The keyword of `import future.keywords.x`.
pub(super) fn future_keyword(import: &Import) -> Option<&str> {
    match path(import).last().map(|last| &last.kind) {
        Some(TermKind::String(name)) if import.alias.is_none() && is_keyword(import, name) => Some(name),
        _ => None,
    }
}

/// The imports of a module in the language that is written. `used` are keywords that it uses beyond v0.
pub(super) fn directives<'a>(
    module: &'a Module,
    places: &Places,
    target: Target,
    drop_redundant: bool,
    facts: &Facts,
    used: &[&'static str],
) -> Vec<Directive<'a>> {
    let mut imports: Vec<Directive<'a>> = module
        .imports
        .iter()
        .map(|import| {
            let place = places.of(import.span);
            Directive { import: Cow::Borrowed(import), row: place.row, column: places.column(place), added: false }
        })
        .collect();
    let v2 = imports.iter().any(|import| is_rego(&import.import, "v2"));
    if v2 || target == Target::V1 && drop_redundant {
        imports.retain(|import| !is_rego(&import.import, "v1"));
    } else if target == Target::V0AndV1 && !imports.iter().any(|import| is_rego(&import.import, "v1")) {
        let missing = Directive::missing(&["rego", "v1"], &imports);
        imports.push(missing);
    }
    let v1 = v2 || imports.iter().any(|import| is_rego(&import.import, "v1"));
    if target != Target::V0 || v1 {
        if drop_redundant || v1 {
            imports.retain(|import| !is_future(&import.import));
        } else {
            for keyword in &facts.future_keywords {
                ensure_keyword(&mut imports, keyword);
            }
        }
        if !v2 {
            // These are still of the future in v1.
            for keyword in used.iter().filter(|keyword| ["not", "and", "or"].contains(keyword)) {
                ensure_keyword(&mut imports, keyword);
            }
        }
    } else {
        for keyword in used {
            ensure_keyword(&mut imports, keyword);
        }
    }
    imports
}

fn ensure_keyword(imports: &mut Vec<Directive>, keyword: &str) {
    let known = imports.iter().any(|import| {
        let import = &import.import;
        is_all_keywords(import)
            || is_keyword(import, keyword)
            // `every` brings `in`.
            || keyword == "in" && is_keyword(import, "every")
    });
    if !known {
        let missing = Directive::missing(&["future", "keywords", keyword], imports);
        imports.push(missing);
    }
}
