//! What an evaluation did, line by line. In: its events. Out: OPA's trace, whole or only the ways to notes or failures.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use plimsoll_rego::ast::{Rule, TermKind, text};
use plimsoll_rego::compile::Compiled;
use plimsoll_rego::eval::{Event, Node, Tracer};
use plimsoll_rego::span::Sources;
use serde::Serialize;

use super::flags::Explain;
use crate::rego::fault::Place;

/// Lines of one trace: an evaluation that runs on ends at its budget, its trace ends here.
const MAX_LINES: usize = 1_000_000;
/// Columns of a value that is shown beside an expression.
const MAX_VALUE: usize = 32;

/// One event, ready to be shown.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    #[serde(rename = "Op")]
    pub op: &'static str,
    #[serde(rename = "Node")]
    pub node: String,
    #[serde(rename = "Location", skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    #[serde(rename = "QueryID")]
    pub query: u64,
    #[serde(rename = "ParentID")]
    pub parent: u64,
    #[serde(rename = "Message")]
    pub message: String,
    #[serde(rename = "Locals", skip_serializing_if = "BTreeMap::is_empty")]
    pub locals: BTreeMap<String, String>,
    /// Rules and bodies lead to what is in them.
    #[serde(skip)]
    leads: bool,
    #[serde(skip)]
    of_expression: bool,
}

/// Collects events.
pub struct Trace<'a> {
    sources: &'a Sources,
    names: &'a BTreeMap<String, String>,
    compiled: &'a Compiled,
    values: bool,
    lines: Vec<Line>,
}

impl<'a> Trace<'a> {
    pub fn new(
        sources: &'a Sources,
        compiled: &'a Compiled,
        names: &'a BTreeMap<String, String>,
        values: bool,
    ) -> Trace<'a> {
        Trace { sources, names, compiled, values, lines: Vec::new() }
    }

    /// `data.p.allow`: the package, and the head as far as it is constant.
    fn path_of(&self, rule: &Rule) -> String {
        let module = self.compiled.modules.iter().find(|module| module.source == rule.span.source);
        let mut path = module.map(|module| module.package.path.clone()).unwrap_or_default();
        for (at, term) in rule.head.reference.iter().enumerate() {
            match &term.kind {
                TermKind::Var(name) if at == 0 => path.push(plimsoll_rego::ast::Term::string(term.span, name)),
                TermKind::Var(_) | TermKind::Ref(_) | TermKind::Call(_) => break,
                _ => path.push(term.clone()),
            }
        }
        text::reference(&path)
    }

    pub fn wants_locals(&self) -> bool {
        self.values
    }

    /// The lines that a mode shows.
    pub fn lines(self, mode: Explain) -> Vec<Line> {
        match mode {
            Explain::Off => Vec::new(),
            Explain::Full | Explain::Debug => self.lines,
            Explain::Notes => ways(self.lines, |line| line.op == "Note"),
            Explain::Fails => ways(self.lines, |line| line.op == "Fail"),
        }
    }

    /// Where an expression failed last, and its line.
    pub fn failed_at(&self) -> Option<(Place, String)> {
        let failed = |line: &&Line| line.op == "Fail" && line.of_expression;
        let place = self.lines.iter().rev().filter(failed).find_map(|line| line.place.clone())?;
        let text = self.sources.iter().find(|source| *source.name == *place.file)?.line(place.row).to_owned();
        Some((place, text))
    }

    /// Notes and failures: what a verbose test shows.
    pub fn notes_and_fails(self) -> Vec<Line> {
        ways(self.lines, |line| line.op == "Note" || line.op == "Fail")
    }
}

/// The wanted lines, each behind the rules and bodies that lead to it.
fn ways(lines: Vec<Line>, wanted: impl Fn(&Line) -> bool) -> Vec<Line> {
    let mut leading: BTreeMap<u64, Line> = BTreeMap::new();
    let mut kept = Vec::new();
    for line in lines {
        if wanted(&line) {
            let mut way = Vec::new();
            let mut here = leading.get(&line.query);
            let mut last = None;
            while let Some(step) = here {
                if last == Some(step.query) {
                    break;
                }
                last = Some(step.query);
                way.push(step.clone());
                here = leading.get(&step.parent);
            }
            kept.extend(way.into_iter().rev());
            kept.push(line);
            leading.clear();
        } else if line.leads && (line.op == "Enter" || line.op == "Redo") {
            leading.insert(line.query, line);
        }
    }
    kept
}

impl Tracer for Trace<'_> {
    fn event(&mut self, event: &Event<'_>) {
        if self.lines.len() >= MAX_LINES {
            return;
        }
        let node = match (event.node, event.target) {
            (Node::Rule(rule), _) => self.path_of(rule),
            (_, Some(path)) => path_text(path),
            (Node::Expr(expr), _) => expr.to_string(),
            (Node::Body(body), _) => text::body(body),
        };
        let shown = |name: &str| match self.names.get(name) {
            Some(written) => Some(written.clone()),
            None if name.starts_with("__local") || name.starts_with('$') => None,
            None => Some(name.to_owned()),
        };
        let locals = event.locals.iter().filter_map(|(name, value)| Some((shown(name)?, value.to_string())));
        self.lines.push(Line {
            op: event.op.as_str(),
            node: written(&node, self.names),
            place: Place::of(event.span, self.sources),
            query: event.query_id,
            parent: event.parent_id,
            message: event.message.to_owned(),
            locals: if self.values { locals.collect() } else { BTreeMap::new() },
            leads: matches!(event.node, Node::Rule(_) | Node::Body(_)),
            of_expression: matches!(event.node, Node::Expr(_)),
        });
    }

    fn wants_locals(&self) -> bool {
        self.values
    }
}

fn path_text(path: &[plimsoll_rego::value::Value]) -> String {
    let mut out = String::new();
    for (at, part) in path.iter().enumerate() {
        match part.as_str() {
            Some(name) if at == 0 => out.push_str(name),
            Some(name) if text::is_name(name) => {
                out.push('.');
                out.push_str(name);
            }
            // Writing to a String cannot fail.
            _ => {
                let _ = write!(out, "[{part}]");
            }
        }
    }
    out
}

/// The compiler's names of variables back to the written ones.
fn written(node: &str, names: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(node.len());
    let mut rest = node;
    while let Some(at) = rest.find("__local") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let digits = rest["__local".len()..].bytes().take_while(u8::is_ascii_digit).count();
        let end = "__local".len() + digits;
        if digits > 0 && rest[end..].starts_with("__") {
            let name = &rest[..end + 2];
            out.push_str(names.get(name).map_or(name, String::as_str));
            rest = &rest[end + 2..];
        } else {
            out.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    out.push_str(rest);
    out
}

/// The events under the bars of what they are in, without places.
pub fn events(lines: &[Line]) -> Vec<String> {
    let mut depths: BTreeMap<u64, usize> = BTreeMap::new();
    let mut events = Vec::with_capacity(lines.len());
    for line in lines {
        let above = depths.get(&line.parent).copied().unwrap_or(0);
        let depth = *depths.entry(line.query).or_insert(above + 1);
        let bars = match line.op {
            "Enter" => depth,
            "Redo" if !line.of_expression => depth,
            _ => depth + 1,
        };
        let mut event = "| ".repeat(bars - 1);
        // Writing to a String cannot fail.
        match line.op {
            "Note" => {
                let _ = write!(event, "Note \"{}\"", line.message);
            }
            _ => {
                let _ = write!(event, "{} {}", line.op, line.node);
                if !line.message.is_empty() {
                    let _ = write!(event, " {}", line.message);
                }
            }
        }
        events.push(event);
    }
    events
}

/// The trace as OPA prints it: place, and the event under the bars of what it is in.
pub fn table(lines: &[Line], values: bool) -> String {
    let mut rows: Vec<(String, String, String)> = Vec::with_capacity(lines.len());
    for (line, event) in lines.iter().zip(events(lines)) {
        let place = line.place.as_ref().map_or(String::new(), |place| match place.file.is_empty() {
            true => format!("query:{}", place.row),
            false => format!("{}:{}", place.file, place.row),
        });
        let locals: Vec<String> = line.locals.iter().map(|(name, value)| format!("{name}: {}", cut(value))).collect();
        rows.push((place, event, format!("{{{}}}", locals.join(", "))));
    }
    let width =
        |of: fn(&(String, String, String)) -> &String| rows.iter().map(|row| of(row).len()).max().unwrap_or(0) + 4;
    let (places, events) = (width(|row| &row.0), width(|row| &row.1));
    let mut text = String::new();
    for (place, event, locals) in &rows {
        let _ = match values {
            true => writeln!(text, "{place:places$} {event:events$} {locals}"),
            false => writeln!(text, "{place:places$} {event}"),
        };
    }
    text
}

fn cut(value: &str) -> String {
    match value.char_indices().nth(MAX_VALUE) {
        Some((end, _)) => format!("{}...", &value[..end]),
        None => value.to_owned(),
    }
}
