//! What each expression costs. In: an evaluation's events. Out: rows by line of source, sorted as asked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use plimsoll_rego::eval::{Event, EventOp, Node, Tracer};
use plimsoll_rego::span::{Sources, Span};
use serde::Serialize;

use super::eval::Timers;
use crate::duration;
use crate::rego::fault::Place;

/// The time between two events belongs to the first one's expression.
pub struct Profile {
    sources: Sources,
    last: Option<(Instant, Span, EventOp)>,
    rows: BTreeMap<(u32, usize), Cost>,
}

#[derive(Default)]
struct Cost {
    nanoseconds: u64,
    evaluated: u64,
    redone: u64,
    spans: BTreeSet<Span>,
    first: Span,
}

/// One line of source.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub total_time_ns: u64,
    pub num_eval: u64,
    pub num_redo: u64,
    pub num_gen_expr: usize,
    pub location: Place,
    /// What a query, which has no file, is shown by.
    #[serde(skip)]
    text: String,
}

impl Row {
    pub fn cells(&self) -> Vec<String> {
        let place = if self.location.file.is_empty() { self.text.clone() } else { self.location.short() };
        vec![
            duration::written(Duration::from_nanos(self.total_time_ns)),
            self.num_eval.to_string(),
            self.num_redo.to_string(),
            self.num_gen_expr.to_string(),
            place,
        ]
    }
}

impl Profile {
    pub fn new(sources: &Sources) -> Profile {
        Profile { sources: sources.clone(), last: None, rows: BTreeMap::new() }
    }

    fn close(&mut self) {
        let Some((began, span, op)) = self.last.take() else { return };
        let row = self.sources.get(span.source).map_or(0, |source| source.row_column(span.start).0);
        let cost = self.rows.entry((span.source, row)).or_insert_with(|| Cost { first: span, ..Cost::default() });
        cost.nanoseconds += u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        match op {
            EventOp::Redo => cost.redone += 1,
            _ => cost.evaluated += 1,
        }
        cost.spans.insert(span);
    }

    /// The rows, by the criteria and then OPA's own.
    pub fn rows(mut self, criteria: &[String], limit: i32) -> Vec<Row> {
        self.close();
        let sources = &self.sources;
        let row = |cost: &Cost| {
            Some(Row {
                total_time_ns: cost.nanoseconds,
                num_eval: cost.evaluated,
                num_redo: cost.redone,
                num_gen_expr: cost.spans.len(),
                location: Place::of(cost.first, sources)?,
                text: sources.get(cost.first.source)?.slice(cost.first).to_owned(),
            })
        };
        let mut rows: Vec<Row> = self.rows.values().filter_map(row).collect();
        let own = ["total_time_ns", "num_eval", "num_redo", "file", "line"];
        let criteria: Vec<&str> = criteria.iter().map(String::as_str).chain(own).collect();
        rows.sort_by(|a, b| {
            let by = |criterion: &&str| match *criterion {
                "total_time_ns" => b.total_time_ns.cmp(&a.total_time_ns),
                "num_eval" => b.num_eval.cmp(&a.num_eval),
                "num_redo" => b.num_redo.cmp(&a.num_redo),
                "num_gen_expr" => b.num_gen_expr.cmp(&a.num_gen_expr),
                "file" => b.location.file.cmp(&a.location.file),
                "line" => b.location.row.cmp(&a.location.row),
                _ => std::cmp::Ordering::Equal,
            };
            criteria.iter().map(by).find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
        });
        if let Ok(limit @ 1..) = usize::try_from(limit) {
            rows.truncate(limit);
        }
        rows
    }
}

impl Tracer for Profile {
    fn event(&mut self, event: &Event<'_>) {
        if let (EventOp::Eval | EventOp::Redo, Node::Expr(expr)) = (event.op, event.node) {
            self.close();
            self.last = Some((Instant::now(), expr.span, event.op));
        }
    }
}

/// Least, greatest, mean and the high percentiles of each timer over several rounds.
pub fn statistics(rounds: &[Timers]) -> BTreeMap<&'static str, BTreeMap<&'static str, f64>> {
    let mut all: BTreeMap<&'static str, Vec<u64>> = BTreeMap::new();
    for (name, value) in rounds.iter().flatten() {
        all.entry(name).or_default().push(*value);
    }
    let of = |mut values: Vec<u64>| {
        values.sort_unstable();
        let rank = |share: f64| {
            let at = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len()) - 1;
            values[at] as f64
        };
        let sum: u64 = values.iter().sum();
        let mean = sum as f64 / values.len() as f64;
        BTreeMap::from([
            ("min", values[0] as f64),
            ("max", values[values.len() - 1] as f64),
            ("mean", mean),
            ("90%", rank(0.9)),
            ("99%", rank(0.99)),
        ])
    };
    all.into_iter().map(|(name, values)| (name, of(values))).collect()
}
