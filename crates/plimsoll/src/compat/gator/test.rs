//! `gator test`. In: manifests with templates and constraints among them. Out: what each object violates.

use std::time::Instant;

use plimsoll_gatekeeper::{
    Constraint, Document, Expander, Fault, FaultKind, Inventory, Review, ReviewOptions, Set, Source, Template, Watch,
    constraint, json,
};
use plimsoll_rego::value::Value;

use super::output::{self, Found, Stat, Timed};
use super::{below, flags, options, print, read};
use crate::compat::safe_lines;
use crate::exit::Exit;

/// Where gator enforces.
pub const POINT: &str = "gator.gatekeeper.sh";
/// What policies print is kept so far.
const MAX_PRINTED: usize = 1 << 20;

/// Keeps what policies print and how long templates take.
#[derive(Default)]
pub struct Looker {
    pub printed: String,
    pub truncated: bool,
    pub stats: Vec<Stat>,
    pub print: bool,
    pub began: Option<(Instant, usize)>,
    /// The constraint in the API server's own language that is asked, each of which the real one times by itself.
    pub asked: Option<(Instant, String)>,
}

impl Watch for Looker {
    fn begin(&mut self, _template: &Template, constraints: usize) {
        self.began = Some((Instant::now(), constraints));
    }

    fn asks(&mut self, template: &Template, constraint: &Constraint) {
        if template.is_native() {
            self.answered();
            self.asked = Some((Instant::now(), format!("{}/{}", constraint.kind, constraint.name)));
        }
    }

    fn end(&mut self, template: &Template) {
        self.answered();
        if let Some((began, constraints)) = self.began.take().filter(|_| !template.is_native()) {
            self.stats.push(Stat {
                of: template.kind.to_string(),
                nanoseconds: began.elapsed().as_nanos(),
                timed: Timed::Template { constraints, print: self.print },
                implied_by: None,
            });
        }
    }

    fn printed(&mut self, line: &str) {
        let left = MAX_PRINTED.saturating_sub(self.printed.len());
        if line.len() < left {
            self.printed.push_str(line);
            self.printed.push('\n');
        } else {
            self.truncated = true;
        }
    }
}

impl Looker {
    /// The constraint that was asked has said what it says.
    fn answered(&mut self) {
        if let Some((began, of)) = self.asked.take() {
            let nanoseconds = began.elapsed().as_nanos();
            self.stats.push(Stat { of, nanoseconds, timed: Timed::Constraint, implied_by: None });
        }
    }

    /// All that was printed, as gator shows it.
    pub fn shown(&self) -> String {
        let end = if self.truncated { "\n... additional print output truncated ...\n" } else { "" };
        format!("{}{end}", self.printed)
    }
}

/// Gator's words for what a set is refused for.
pub fn refused(fault: &Fault) -> String {
    let name = fault.subject.split_once(' ').map_or("", |(_, name)| name);
    let words = match fault.kind {
        FaultKind::Template if fault.message.starts_with("adding template: ") => {
            format!("converting unstructured {name:?} to template: {}", fault.message)
        }
        FaultKind::Template => format!("adding template {name:?}: {}", fault.message),
        FaultKind::Inventory => format!("adding data of GVK {:?}: {}", "/, Kind=", fault.message),
        _ => format!("adding constraint {name:?}: {}", fault.message),
    };
    format!("{}{}", words.trim_end(), below(fault))
}

pub fn run(asked: &flags::Test) -> Result<Exit, String> {
    let options = options(&asked.native, asked.verbose, asked.trace)?;
    let documents =
        read::sources(&asked.filename, &asked.image).map_err(|unread| format!("reading: {}", unread.all()))?;
    if documents.is_empty() {
        return Err("no input data identified".into());
    }
    let auditing = |why: String| format!("auditing objects: {why}");
    let set =
        Set::load(&documents, &options).map_err(|faults| auditing(faults.first().map(refused).unwrap_or_default()))?;
    // Gator fills the defaults of parameters into the very objects that it then judges.
    let documents: Vec<Document> = documents.into_iter().map(|document| with_defaults(&set, document)).collect();
    let mut inventory = Inventory::default();
    for document in &documents {
        inventory.add(document).map_err(|fault| {
            let gvk = json::gvk_text(document.value());
            auditing(format!("adding data of GVK {gvk:?}: {}{}", fault.message.trim_end(), below(&fault)))
        })?;
    }
    let set = set.with_inventory(inventory);
    let expander = Expander::load(&documents)
        .map_err(|fault| auditing(format!("error creating expander: {}{}", fault.message, below(&fault))))?;
    let mut looker = Looker { print: asked.verbose, ..Looker::default() };
    let mut found = Vec::new();
    for document in &documents {
        found.extend(judge(&set, &expander, document, &mut looker).map_err(auditing)?);
    }
    found.sort_by(|a: &Found, b: &Found| (&a.action, &a.message).cmp(&(&b.action, &b.message)));
    let shown: Vec<&Found> = found.iter().filter(|one| !asked.deny_only || one.denies()).collect();
    let stats = asked.stats.then_some(looker.stats.as_slice());
    let mut text = match asked.output.to_lowercase().as_str() {
        "json" => output::json(&shown, stats),
        "yaml" => output::yaml(&shown, stats),
        "default" => String::new(),
        _ => output::text(&shown),
    };
    if !looker.printed.is_empty() {
        text.push_str(&format!("\n{}\n", safe_lines(&looker.shown())));
    }
    print(&text)?;
    Ok(if found.iter().any(Found::denies) { Exit::Other(1) } else { Exit::Allowed })
}

fn with_defaults(set: &Set, document: Document) -> Document {
    if !constraint::is_constraint(&document) {
        return document;
    }
    let status = json::field(document.value(), "status").cloned();
    match set.defaults(&document) {
        Some(value) => Document::of(json::with_field(&value, "status", status)),
        None => document,
    }
}

/// What an object violates, and what those that it makes do.
fn judge(set: &Set, expander: &Expander, document: &Document, looker: &mut Looker) -> Result<Vec<Found>, String> {
    let namespace = expander.namespace_of(document.value());
    let options = ReviewOptions { point: Some(POINT), world: crate::rego::world(), ..ReviewOptions::default() };
    let review = |object: &Value, source, looker: &mut Looker| {
        let mut review = Review::of_object(object, source);
        if let Some(namespace) = &namespace {
            review = review.in_namespace(namespace.clone());
        }
        set.review_with(&review, &options, Some(looker))
    };
    let responses = review(document.value(), Source::Original, looker);
    let expanded = expander.expand(document.value());
    let (object, made) = expanded.map_err(|why| format!("expanding resource {}: {why}", document.name()))?;
    let mut found: Vec<Found> =
        responses.into_iter().map(|response| Found::new(response, object.clone(), None)).collect();
    for one in made {
        let before = looker.stats.len();
        for response in review(&one.object, Source::Generated, looker) {
            found.push(Found::new(response, object.clone(), None).implied_by(&one.template, &one.action));
        }
        for stat in looker.stats.iter_mut().skip(before) {
            stat.implied_by = Some(one.template.to_string());
        }
    }
    Ok(found)
}
