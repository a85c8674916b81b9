//! Which expressions were evaluated and which rules held. In: events, and the compiled modules. Out: OPA's coverage report.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_rego::ast::{Body, Expr, ExprKind, Module, Rule, Term, TermKind};
use plimsoll_rego::eval::{Event, EventOp, Node, Tracer};
use plimsoll_rego::span::{Sources, Span};
use serde::Serialize;

/// What was reached.
#[derive(Debug, Default)]
pub struct Covered {
    spans: BTreeSet<Span>,
}

impl Tracer for Covered {
    fn event(&mut self, event: &Event<'_>) {
        match (event.op, event.node) {
            (EventOp::Exit, Node::Rule(rule)) => drop(self.spans.insert(rule.head.span)),
            (EventOp::Eval, Node::Expr(expr)) => drop(self.spans.insert(expr.span)),
            _ => {}
        }
    }
}

/// OPA's report.
#[derive(Debug, Serialize)]
pub struct Report {
    pub files: BTreeMap<String, FileReport>,
    pub covered_lines: usize,
    pub not_covered_lines: usize,
    pub coverage: f64,
}

#[derive(Debug, Default, Serialize)]
pub struct FileReport {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub covered: Vec<Range>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_covered: Vec<Range>,
    #[serde(skip_serializing_if = "is_zero")]
    pub covered_lines: usize,
    #[serde(skip_serializing_if = "is_zero")]
    pub not_covered_lines: usize,
    #[serde(skip_serializing_if = "is_none_at_all")]
    pub coverage: f64,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

fn is_none_at_all(share: &f64) -> bool {
    *share == 0.0
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Range {
    pub start: Position,
    pub end: Position,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    pub row: usize,
    pub col: usize,
}

/// Holds what was reached against all that could be: `modules` are as they were read.
pub fn report(covered: &Covered, modules: &[Module], sources: &Sources) -> Report {
    let mut files: BTreeMap<String, (BTreeSet<Range>, BTreeSet<Range>)> = BTreeMap::new();
    let mut note = |span: Span, reached: bool| {
        let Some(source) = sources.get(span.source).filter(|source| !source.name.is_empty()) else { return };
        let position = |offset: u32| {
            let (row, col) = source.row_column(offset);
            Position { row, col }
        };
        let range = Range { start: position(span.start), end: position(span.end) };
        let (hit, missed) = files.entry(source.name.to_string()).or_default();
        if reached {
            hit.insert(range)
        } else {
            missed.insert(range)
        };
    };
    for module in modules {
        let mut spans = Vec::new();
        for rule in &module.rules {
            collect_rule(rule, &mut spans);
        }
        for span in spans {
            note(span, covered.spans.contains(&span));
        }
    }
    for span in &covered.spans {
        note(*span, true);
    }
    let mut report = Report { files: BTreeMap::new(), covered_lines: 0, not_covered_lines: 0, coverage: 0.0 };
    for (name, (hit, missed)) in files {
        // What lies in a place that was reached was reached.
        let within = |range: &Range| hit.iter().any(|around| around.start <= range.start && around.end >= range.end);
        let missed: BTreeSet<Range> = missed.into_iter().filter(|range| !within(range)).collect();
        let rows = |ranges: &BTreeSet<Range>| -> BTreeSet<usize> {
            ranges.iter().flat_map(|range| range.start.row..=range.end.row).collect()
        };
        let (hit_rows, missed_rows) = (rows(&hit), rows(&missed));
        let all = hit_rows.len() + missed_rows.len();
        report.covered_lines += hit_rows.len();
        report.not_covered_lines += missed_rows.len();
        report.files.insert(
            name,
            FileReport {
                covered: hit.into_iter().collect(),
                not_covered: missed.into_iter().collect(),
                covered_lines: hit_rows.len(),
                not_covered_lines: missed_rows.len(),
                coverage: if all == 0 { 0.0 } else { 100.0 * hit_rows.len() as f64 / all as f64 },
            },
        );
    }
    let all = report.covered_lines + report.not_covered_lines;
    if all > 0 {
        report.coverage = 100.0 * report.covered_lines as f64 / all as f64;
    }
    report
}

fn collect_rule(rule: &Rule, spans: &mut Vec<Span>) {
    let mut open = Some(rule);
    while let Some(rule) = open {
        spans.push(rule.head.span);
        let head = rule.head.args.iter().chain(&rule.head.reference).chain(&rule.head.key).chain(&rule.head.value);
        head.for_each(|term| collect_term(term, spans));
        collect_body(&rule.body, spans);
        open = rule.else_rule.as_deref();
    }
}

fn collect_body(body: &Body, spans: &mut Vec<Span>) {
    for expr in body {
        collect_expr(expr, spans);
    }
}

/// The trees are as deep as the parser lets them be.
fn collect_expr(expr: &Expr, spans: &mut Vec<Span>) {
    if !matches!(expr.kind, ExprKind::Some { .. }) {
        spans.push(expr.span);
    }
    match &expr.kind {
        ExprKind::Term(term) => collect_term(term, spans),
        ExprKind::Call { args, .. } => args.iter().for_each(|term| collect_term(term, spans)),
        ExprKind::Every(every) => {
            collect_term(&every.domain, spans);
            collect_body(&every.body, spans);
        }
        _ => {}
    }
    expr.with.iter().for_each(|with| collect_term(&with.value, spans));
}

fn collect_term(term: &Term, spans: &mut Vec<Span>) {
    match &term.kind {
        TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => {
            terms.iter().for_each(|term| collect_term(term, spans));
        }
        TermKind::Object(entries) => entries.iter().for_each(|(key, value)| {
            collect_term(key, spans);
            collect_term(value, spans);
        }),
        TermKind::ArrayCompr { term, body } | TermKind::SetCompr { term, body } => {
            collect_term(term, spans);
            collect_body(body, spans);
        }
        TermKind::ObjectCompr { key, value, body } => {
            collect_term(key, spans);
            collect_term(value, spans);
            collect_body(body, spans);
        }
        _ => {}
    }
}
