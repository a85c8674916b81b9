//! Rego over the AdmissionReview. In: modules of both versions and documents of data. Out: what their rules `deny`, `violation`
//! and `warn` say, in whatever package they stand.

use std::time::Instant;

use anyhow::bail;
use plimsoll_model::Effect;
use plimsoll_rego::ast::{Module, TermKind, text};
use plimsoll_rego::budget::Budget;
use plimsoll_rego::eval::{Prepared, RunOptions};
use plimsoll_rego::parse;
use plimsoll_rego::span::Sources;
use plimsoll_rego::value::Value;

use super::files::File;
use super::{DELETION, Question, Said};
use crate::rego::fault::{Fault, text as fault_text};
use crate::rego::load::{self, Loaded};
use crate::rego::policies::{Policies, Settings, is_rule};

pub struct Modules {
    data: Value,
    rules: Vec<Rule>,
    speaks_of_deletions: bool,
}

struct Rule {
    /// `data.kubernetes.admission.deny`
    name: String,
    effect: Effect,
    query: Prepared,
    sources: Sources,
}

impl Modules {
    pub fn of(files: &[File]) -> anyhow::Result<Modules> {
        let mut loaded = Loaded::default();
        let mut faults: Vec<Fault> = Vec::new();
        for File { name, content } in files {
            if !name.ends_with(".rego") {
                match load::document(content) {
                    Ok(value) => faults.extend(loaded.document(name, value).err().into_iter().flatten()),
                    Err(why) => faults.push(Fault::plain(format!("{name}: {why}"))),
                }
                continue;
            }
            let parsed = parse::read_module(&mut loaded.sources, name, content, &parse::Options::default());
            match parsed.module {
                Some(module) if parsed.errors.is_empty() => loaded.modules.push(module),
                _ => faults.extend(parsed.errors.iter().map(|error| Fault::rego(error, &loaded.sources))),
            }
        }
        faults.extend(loaded.settle());
        if !faults.is_empty() {
            bail!(fault_text(&faults));
        }
        let names = entry_points(&loaded.modules);
        if names.is_empty() {
            bail!("no module has a rule `deny`, `violation` or `warn`: nothing would be asked of it");
        }
        let policies =
            Policies::of(loaded, Settings::default()).map_err(|faults| anyhow::anyhow!(fault_text(&faults)))?;
        let mut rules = Vec::new();
        for (name, effect) in names {
            let (query, sources) = policies.query(&name).map_err(|faults| anyhow::anyhow!(fault_text(&faults)))?;
            rules.push(Rule { name, effect, query, sources });
        }
        // Whoever tells operations apart has their words in a text.
        let word = |file: &File| file.name.ends_with(".rego") && contains(&file.content, DELETION.as_bytes());
        Ok(Modules { data: policies.data, rules, speaks_of_deletions: files.iter().any(word) })
    }

    /// Whether a module names deletions.
    pub fn speaks_of_deletions(&self) -> bool {
        self.speaks_of_deletions
    }

    pub(super) fn ask(&self, asked: &Question, budget: &Budget) -> Vec<Said> {
        let options = RunOptions { budget: budget.clone(), world: asked.world(), ..RunOptions::default() };
        let mut all = Vec::new();
        for rule in &self.rules {
            // Small rules end before they look at the clock, and there may be many of them.
            if budget.deadline.is_some_and(|end| Instant::now() >= end) {
                let message = "there was no time to ask it".to_owned();
                all.push(Said { effect: Effect::Undecided, message, policy: rule.name.clone() });
                break;
            }
            let mut say = |effect, message| all.push(Said { effect, message, policy: rule.name.clone() });
            match rule.query.run(Some(&asked.document), &self.data, &options) {
                Err(error) => say(Effect::Undecided, error.line(&rule.sources)),
                Ok(outcome) => {
                    let values = outcome.solutions.iter().filter_map(|solution| solution.expressions.first());
                    for value in values {
                        messages(&value.value, &rule.name).into_iter().for_each(|message| say(rule.effect, message));
                    }
                    // To OPA what erred is as if it were not there: a rule that should have denied then allows.
                    if let Some(error) = outcome.builtin_errors.first() {
                        say(Effect::Undecided, error.line(&rule.sources));
                    }
                }
            }
        }
        all
    }
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

/// The rules that are asked, by name, each once.
fn entry_points(modules: &[Module]) -> Vec<(String, Effect)> {
    let mut all = Vec::new();
    for module in modules {
        for rule in &module.rules {
            let Some(TermKind::Var(name)) = rule.head.reference.first().map(|term| &term.kind) else { continue };
            // Functions of these names are no rules of ours.
            if !rule.head.args.is_empty() {
                continue;
            }
            let effect = match &**name {
                name if is_rule(name, &["deny", "violation"]) => Effect::Deny,
                name if is_rule(name, &["warn"]) => Effect::Warn,
                _ => continue,
            };
            all.push((format!("{}.{name}", text::reference(&module.package.path)), effect));
        }
    }
    all.sort();
    all.dedup();
    all
}

/// What a rule's value says: a text or an object with `msg` for each member, or that it holds.
fn messages(value: &Value, rule: &str) -> Vec<String> {
    match value {
        Value::Bool(false) | Value::Null => Vec::new(),
        Value::Bool(true) => vec![format!("{rule} holds")],
        Value::Set(set) => set.members().iter().map(message).collect(),
        Value::Array(array) => array.items().iter().map(message).collect(),
        Value::Object(object) => match object.get_str("msg") {
            Some(_) => vec![message(value)],
            None => object
                .entries()
                .iter()
                .flat_map(|(key, value)| match value {
                    // `deny[msg] = true`: objects by message.
                    Value::Bool(true) => vec![message(key)],
                    // `deny.images contains msg`: rules within rules.
                    value => messages(value, rule),
                })
                .collect(),
        },
        other => vec![message(other)],
    }
}

fn message(value: &Value) -> String {
    let said = match value {
        Value::Object(object) => object.get_str("msg").or_else(|| object.get_str("message")),
        _ => None,
    };
    match said.unwrap_or(value) {
        Value::String(text) => text.to_string(),
        other => other.to_string(),
    }
}
