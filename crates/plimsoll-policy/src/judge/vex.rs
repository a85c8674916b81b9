//! What trusted VEX documents answer. In: statements and matches. Out: matches that are hidden because every package they
//! are in is answered for, and the statements that answered nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use plimsoll_model::{HiddenBy, VexStatement, VexStatus};

use super::hide::{Hiding, counted, hide_match};
use super::{Case, Found, attestations};
use crate::vex::product::Products;

/// Unused statements of one document that are named one by one.
const MAX_NAMED: usize = 5;

pub(super) fn hide(case: &Case<'_>, hiding: &mut Hiding, found: &mut Found) {
    // Those of the policy's own documents come first, so that their indexes are the context's.
    let attested = attestations::vex(case);
    let statements: Vec<&VexStatement> = case.context.vex.iter().chain(attested).collect();
    let statements = statements.as_slice();
    if statements.is_empty() {
        return;
    }
    let products = Products::new(case.assessment);
    let mut by_id: HashMap<String, Vec<usize>> = HashMap::new();
    for (i, statement) in statements.iter().enumerate() {
        for id in &statement.ids {
            by_id.entry(id.to_lowercase()).or_default().push(i);
        }
    }
    for (i, m) in counted(case) {
        let meant: BTreeSet<usize> =
            m.ids().filter_map(|id| by_id.get(&id.to_lowercase())).flatten().copied().collect();
        if meant.is_empty() {
            continue;
        }
        // A match without packages is only answered by a word on the whole subject.
        let words: Vec<Option<Answer>> = if m.packages.is_empty() {
            vec![answer(statements, &meant, &mut hiding.statements, |s| products.covers_all(s))]
        } else {
            let of = |p: &usize| answer(statements, &meant, &mut hiding.statements, |s| products.covers(s, *p));
            m.packages.iter().map(of).collect()
        };
        // Every package that the fault is in must be answered for, and nobody may say that one is affected.
        let answers: Option<Vec<usize>> =
            words.into_iter().map(|word| word.filter(|w| !w.affected).and_then(|w| w.cleared)).collect();
        if let Some(by) = answers.and_then(|all| all.first().copied()).and_then(|i| statements.get(i)) {
            let status = if by.status == VexStatus::Fixed { "fixed" } else { "not affected" };
            let words = one_line(&by.justification);
            let why = if words.is_empty() { String::new() } else { format!(": {words}") };
            hide_match(i, HiddenBy::Vex, format!("{} says {status}{why}", by.document), hiding, found);
        }
    }
    unused_statements(statements, &hiding.statements, &products, &mut found.unused);
}

/// The longest justification that a report shows.
const MAX_JUSTIFICATION: usize = 300;

/// A document's words on one line, without what moves a reader's cursor.
fn one_line(text: &str) -> String {
    let line = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|w| !w.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    match line.char_indices().nth(MAX_JUSTIFICATION) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or("")),
        None => line,
    }
}

/// What trusted documents say of one package.
struct Answer {
    /// Some document's last word is that it is affected.
    affected: bool,
    /// A statement that clears it.
    cleared: Option<usize>,
}

/// The documents' last words among the statements that are meant and that `covers` accepts; notes them as used.
fn answer(
    statements: &[&VexStatement],
    meant: &BTreeSet<usize>,
    used: &mut BTreeSet<usize>,
    covers: impl Fn(&VexStatement) -> bool,
) -> Option<Answer> {
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    for (i, statement) in meant.iter().filter_map(|i| Some((*i, statements.get(*i)?))).filter(|(_, s)| covers(s)) {
        used.insert(i);
        last.insert(&statement.document, i);
    }
    let with = |wanted: &[VexStatus]| {
        last.values().copied().find(|i| statements.get(*i).is_some_and(|s| wanted.contains(&s.status)))
    };
    (!last.is_empty()).then(|| Answer {
        affected: with(&[VexStatus::Affected]).is_some(),
        cleared: with(&[VexStatus::NotAffected, VexStatus::Fixed]),
    })
}

/// Statements on this subject that answered nothing. Large documents say much; they are summed up.
fn unused_statements(
    statements: &[&VexStatement],
    used: &BTreeSet<usize>,
    products: &Products<'_>,
    unused: &mut Vec<String>,
) {
    let idle: Vec<&VexStatement> = statements
        .iter()
        .enumerate()
        .filter(|(i, statement)| !used.contains(i) && products.concern(statement))
        .map(|(_, statement)| *statement)
        .collect();
    idle_words(&idle, "nothing here", unused);
}

/// Says which statements answered `what`, by document.
pub(super) fn idle_words(statements: &[&VexStatement], what: &str, unused: &mut Vec<String>) {
    let mut by_document: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for statement in statements {
        let id = statement.ids.first().map_or("", String::as_str);
        by_document.entry(&statement.document).or_default().push(id);
    }
    for (document, ids) in by_document {
        if ids.len() <= MAX_NAMED {
            unused.extend(ids.iter().map(|id| format!("the VEX statement on {id} in {document} answers {what}")));
        } else {
            let first: Vec<&str> = ids.iter().take(MAX_NAMED).copied().collect();
            unused.push(format!("{} VEX statements in {document} answer {what}: {}, …", ids.len(), first.join(", ")));
        }
    }
}
