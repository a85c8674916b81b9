//! What one body was found to ask, in the order in which it was found. In: edges and names of subjects. Out: the ways to
//! the rule. Each step takes the time of a look-up, however much was found before.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::conditions::{Edge, SubjectId, Wanted};
use crate::ast::Name;
use crate::value::Value;

/// `or` multiplies the ways to a rule; beyond this they are not looked at, as in OPA.
const MOST_WAYS: usize = 32;

/// All ways together have no more conditions; OPA has no such bound.
const MOST_CONDITIONS: usize = 65_536;

/// An entry: what a subject has to be, or the name that it goes by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Entry {
    Any(Option<Name>),
    Edge(Edge),
}

/// The entries of one subject, by when they were made.
#[derive(Default)]
pub(super) struct OfSubject {
    pub names: BTreeMap<Option<Name>, usize>,
    pub by_time: BTreeSet<usize>,
    pub edges: BTreeMap<Edge, usize>,
    pub first_edge: Option<usize>,
    pub first_affix: Option<usize>,
}

/// What a body was found to ask.
#[derive(Default)]
pub(super) struct Own {
    entries: BTreeMap<usize, (SubjectId, Entry)>,
    pub by_subject: HashMap<SubjectId, OfSubject>,
    pub by_name: HashMap<Name, BTreeMap<usize, SubjectId>>,
    pub constants: HashMap<Name, Value>,
    /// Of each `or`, the ways of which one holds.
    pub choices: Vec<Vec<Vec<Wanted>>>,
    pub keys: Vec<(SubjectId, SubjectId)>,
    now: usize,
    /// Operands of `and` and `or` count for the rule only once they are taken over.
    pub apart: bool,
}

impl Own {
    pub fn of_operand() -> Own {
        Own { apart: true, ..Own::default() }
    }

    pub fn push(&mut self, subject: SubjectId, entry: Entry) {
        self.now += 1;
        self.put(self.now, subject, entry);
    }

    fn put(&mut self, time: usize, subject: SubjectId, entry: Entry) {
        let of = self.by_subject.entry(subject).or_default();
        match &entry {
            Entry::Any(name) => {
                of.names.insert(name.clone(), time);
                of.by_time.insert(time);
                if let Some(name) = name {
                    self.by_name.entry(name.clone()).or_default().insert(time, subject);
                }
            }
            Entry::Edge(edge) => {
                let known = of.edges.entry(edge.clone()).or_insert(time);
                *known = time.min(*known);
                let earlier = |first: Option<usize>| Some(first.map_or(time, |first| first.min(time)));
                of.first_edge = earlier(of.first_edge);
                if edge.is_affix() {
                    of.first_affix = earlier(of.first_affix);
                }
            }
        }
        self.entries.insert(time, (subject, entry));
    }

    /// Puts an edge where a name was, which is forgotten.
    pub fn replace(&mut self, time: usize, subject: SubjectId, edge: Edge) {
        if let Some((_, Entry::Any(name))) = self.entries.remove(&time) {
            if let Some(of) = self.by_subject.get_mut(&subject) {
                of.names.remove(&name);
                of.by_time.remove(&time);
            }
            if let Some(times) = name.and_then(|name| self.by_name.get_mut(&name)) {
                times.remove(&time);
            }
        }
        self.put(time, subject, Entry::Edge(edge));
    }

    /// All entries, with one way of each choice.
    pub fn ways(&self) -> Vec<Vec<Wanted>> {
        let wanted = |(subject, entry): &(SubjectId, Entry)| match entry {
            Entry::Any(_) => (*subject, None),
            Entry::Edge(edge) => (*subject, Some(edge.clone())),
        };
        let always: Vec<Wanted> = self.entries.values().map(wanted).collect();
        let mut ways = vec![always.clone()];
        for choice in &self.choices {
            let longest = |ways: &[Vec<Wanted>]| ways.iter().map(Vec::len).max().unwrap_or(0);
            let count = ways.len() * choice.len();
            if count > MOST_WAYS || count * (longest(&ways) + longest(choice)) > MOST_CONDITIONS {
                return vec![always];
            }
            ways = ways
                .iter()
                .flat_map(|way| choice.iter().map(|more| way.iter().chain(more).cloned().collect()))
                .collect();
        }
        ways
    }
}
