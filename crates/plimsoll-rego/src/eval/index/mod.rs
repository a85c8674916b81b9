//! Which rules of one name can hold at all. In: what the rules ask of documents ([`conditions`]). Out: the rules that are
//! worth running. Leaving a rule out hardly ever changes a value: its condition would have failed. It does decide which
//! builtins are reached, and so which errors strict evaluation ends with, and what a trace tells: conditions are those that
//! OPA has, and where OPA forgets one (it tests no more behind a set of prefixes) it is forgotten here.
//!
//! Two of OPA's conditions ask for more than the body does, and are followed, for a policy has to give here what its tests
//! under OPA gave: `y in input.xs; y == "a"`, with `y` a computed value, wants `input.xs` to be `"a"`; and a glob's delimiter
//! behind a `\` parts the text none the less.
//!
//! One difference is known: where rules ask for an array and for a glob at one place, OPA also parts a text by the other
//! rules' delimiters, and so lets a rule more run now and then.

mod conditions;
mod own;
mod terms;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use conditions::Reader;
use conditions::{Edge, Element, RuleConditions, Wanted};
use terms::parts;

use super::code::NOWHERE;
use super::view::View;
use crate::budget::{Exhausted, Meter};
use crate::span::Span;
use crate::value::Value;

/// What a condition looks at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Input(Box<[Value]>),
    /// Base documents only; without `data`.
    Data(Box<[Value]>),
    /// All of it: OPA looks at no part of one.
    Argument(usize),
}

#[derive(Debug, Clone)]
enum Test {
    /// Anything will do that is there.
    There,
    Is(Value),
    Among(Box<Among>),
}

/// One of these.
#[derive(Debug, Clone, Default)]
struct Among {
    values: BTreeSet<Value>,
    others: Vec<Edge>,
}

type Tests = Vec<(usize, Test)>;

#[derive(Debug, Default)]
struct Indexed {
    all: Tests,
    /// If there are any, one has to hold.
    ways: Vec<Tests>,
    keys: Vec<(usize, usize)>,
}

/// Conditions of many rules.
#[derive(Debug, Default)]
pub(super) struct RuleIndex {
    subjects: Vec<Subject>,
    rules: Vec<Indexed>,
    /// What all rules ask for.
    work: u64,
    /// Subjects of which the cost is not known before they are.
    walked: Vec<(usize, Walk)>,
    /// Where there are many rules.
    by_value: Option<ByValue>,
    /// Subjects that lead to the field of the input that is watched.
    watched: Vec<usize>,
}

/// Tests of one subject that go through it or compare all of it.
#[derive(Debug, Default)]
struct Walk {
    tests: u64,
    /// Of all that they look for.
    weight: u64,
    /// Collections that it is looked up in.
    keyed: u64,
}

impl Walk {
    fn cost(&self, have: &Value) -> u64 {
        let through = match have {
            Value::String(text) => self.weight.saturating_add(self.tests.saturating_mul(text.len() as u64 / 8)),
            _ => {
                let each = self.weight.saturating_mul(1 + members(have) / 8);
                each.min(self.weight.saturating_add(self.tests.saturating_mul(have.weight())))
            }
        };
        through.saturating_add(self.keyed.saturating_mul(have.weight()))
    }
}

/// One subject, the rules by its value, and the rules that do not look at it.
#[derive(Debug)]
struct ByValue {
    subject: usize,
    values: BTreeMap<Value, Group>,
    others: Group,
    /// What finding a value takes.
    work: u64,
}

/// Rules that are gone through together.
#[derive(Debug, Default)]
struct Group {
    rules: Vec<u32>,
    work: u64,
}

impl Group {
    fn push(&mut self, number: u32, rule: &Indexed) {
        self.rules.push(number);
        self.work = self.work.saturating_add(rule.work());
    }
}

/// How much of the work of tests is one step.
const WORK_OF_A_STEP: u64 = 16;

/// Fewer rules are gone through one by one.
const MANY: usize = 8;

impl RuleIndex {
    /// `one_value`: whoever asks stops at the first rule that holds. `place` orders places as their texts are. `is_watched`: whether
    /// a path of the input leads to what is watched.
    pub fn new<P: Ord>(
        reader: Reader<'_>,
        one_value: bool,
        place: impl Fn(Span) -> P,
        is_watched: impl Fn(&[Value]) -> bool,
    ) -> RuleIndex {
        let Reader { subjects: infos, rules: conditions, .. } = reader;
        let mut valued = vec![false; infos.len()];
        for (subject, edge) in conditions.iter().flat_map(|rule| &rule.ways).flatten() {
            if let Some(valued) = valued.get_mut(*subject) {
                *valued |= edge.is_some();
            }
        }
        let mut order: Vec<usize> = (0..infos.len()).collect();
        order.sort_by_cached_key(|number| {
            let info = infos.get(*number);
            let placed = info.and_then(|info| info.place).map(&place);
            let (alternated, count) = info.map_or_else(Default::default, |info| (info.alternated, info.count));
            (alternated, std::cmp::Reverse(count), placed.is_none(), placed, *number)
        });
        let mut ranks = vec![0; infos.len()];
        for (rank, number) in order.iter().enumerate() {
            if let Some(place) = ranks.get_mut(*number) {
                *place = rank;
            }
        }
        let levels = Levels { valued, ranks };
        let mut rules: Vec<Indexed> = conditions.into_iter().map(|rule| levels.indexed(rule, one_value)).collect();
        // Only what is looked at stays.
        let mut used: BTreeMap<usize, usize> = BTreeMap::new();
        let mut subjects = Vec::new();
        let mut walked: BTreeMap<usize, Walk> = BTreeMap::new();
        let mut number = |old: &mut usize| {
            let next = used.len();
            let new = *used.entry(*old).or_insert(next);
            if new == next {
                subjects.extend(infos.get(*old).map(|info| info.subject.clone()));
            }
            *old = new;
        };
        for rule in &mut rules {
            let Indexed { all, ways, keys } = rule;
            for (subject, test) in all.iter_mut().chain(ways.iter_mut().flatten()) {
                number(subject);
                if let Test::Among(among) = test
                    && !among.others.is_empty()
                {
                    let walk = walked.entry(*subject).or_default();
                    walk.tests += among.others.len() as u64;
                    walk.weight += among.others.iter().map(Edge::weight).sum::<u64>();
                }
            }
            for (key, collection) in keys {
                number(key);
                number(collection);
                walked.entry(*key).or_default().keyed += 1;
            }
        }
        let leads = |subject: &Subject| matches!(subject, Subject::Input(path) if is_watched(path));
        let watched: Vec<usize> = (0..subjects.len()).filter(|at| subjects.get(*at).is_some_and(leads)).collect();
        // What is watched is looked at last: where a rule cannot hold anyway, it has no part in that.
        for rule in &mut rules {
            for tests in rule.ways.iter_mut().chain([&mut rule.all]) {
                tests.sort_by_key(|(subject, _)| watched.binary_search(subject).is_ok());
            }
        }
        let by_value = (rules.len() >= MANY).then(|| widest(subjects.len(), &rules)).flatten();
        let work = rules.iter().map(Indexed::work).fold(0, u64::saturating_add);
        RuleIndex { subjects, rules, work, walked: walked.into_iter().collect(), by_value, watched }
    }

    /// Every rule is worth running.
    #[inline]
    pub fn asks_nothing(&self) -> bool {
        self.subjects.is_empty()
    }

    /// What the documents cost that may have to be made anew before they are looked at.
    pub fn cost_of_documents(&self, view: &View, data: &Value) -> u64 {
        let documents = self.subjects.iter().map(|subject| match subject {
            Subject::Data(path) if view.looking_up() > 0 => view.cost(data, path),
            _ => 0,
        });
        documents.fold(0, u64::saturating_add)
    }

    /// Appends the numbers of the rules that can hold, in order, and tells whether it looked at what is watched. The meter is paid
    /// for all that is gone through.
    pub fn find(
        &self,
        view: &View,
        data: &Value,
        arguments: &[Option<Value>],
        meter: &mut Meter,
        found: &mut Vec<u32>,
    ) -> Result<bool, Exhausted> {
        if self.subjects.is_empty() {
            found.extend(0..u32::try_from(self.rules.len()).unwrap_or(NOWHERE));
            return Ok(false);
        }
        // Each is looked at once, and only if a rule asks for it; few are the rule.
        let mut few: [Option<Option<Value>>; 4] = Default::default();
        let mut many = Vec::new();
        let seen = match few.get_mut(..self.subjects.len()) {
            Some(few) => few,
            None => {
                many.resize(self.subjects.len(), None);
                &mut many[..]
            }
        };
        let look = |seen: &mut [Option<Option<Value>>], subject: usize| {
            if let (Some(place @ None), Some(subject)) = (seen.get_mut(subject), self.subjects.get(subject)) {
                *place = Some(look(subject, view, data, arguments));
            }
        };
        let known = |seen: &'_ [Option<Option<Value>>], subject: usize| seen.get(subject).cloned().flatten().flatten();
        let holds = |seen: &mut [Option<Option<Value>>], (subject, test): &(usize, Test)| {
            look(seen, *subject);
            test.holds(seen.get(*subject).and_then(Option::as_ref).and_then(Option::as_ref))
        };
        let has_key = |seen: &mut [Option<Option<Value>>], (key, collection): &(usize, usize)| {
            look(seen, *key);
            look(seen, *collection);
            match (known(seen, *key), known(seen, *collection)) {
                (Some(_), Some(Value::Array(_))) => true,
                (Some(key), Some(collection)) => collection.get(&key).is_some(),
                _ => false,
            }
        };
        let can = |seen: &mut [Option<Option<Value>>], rule: u32| {
            self.rules.get(rule as usize).is_some_and(|rule| {
                rule.all.iter().all(|one| holds(seen, one))
                    && (rule.ways.is_empty() || rule.ways.iter().any(|way| way.iter().all(|one| holds(seen, one))))
                    && rule.keys.iter().all(|one| has_key(seen, one))
            })
        };
        for (subject, walk) in &self.walked {
            look(seen, *subject);
            if let Some(have) = known(seen, *subject) {
                meter.steps(walk.cost(&have))?;
            }
        }
        match &self.by_value {
            Some(by_value) => {
                look(seen, by_value.subject);
                meter.steps(by_value.work / WORK_OF_A_STEP)?;
                let matching = known(seen, by_value.subject).and_then(|value| by_value.values.get(&value));
                let matched = matching.map_or(0, |group| group.work);
                meter.steps(by_value.others.work.saturating_add(matched) / WORK_OF_A_STEP)?;
                let matching = matching.map_or(&[][..], |group| &group.rules);
                merge(matching, &by_value.others.rules, |rule| {
                    if can(seen, rule) {
                        found.push(rule);
                    }
                });
            }
            None => {
                meter.steps(self.work / WORK_OF_A_STEP)?;
                let count = u32::try_from(self.rules.len()).unwrap_or(NOWHERE);
                found.extend((0..count).filter(|rule| can(seen, *rule)));
            }
        }
        Ok(self.watched.iter().any(|subject| seen.get(*subject).is_some_and(Option::is_some)))
    }
}

fn look(subject: &Subject, view: &View, data: &Value, arguments: &[Option<Value>]) -> Option<Value> {
    match subject {
        Subject::Input(path) => view.input.as_ref().and_then(|input| follow(input, path)).cloned(),
        Subject::Data(path) => view.document(data, path),
        Subject::Argument(at) => arguments.get(*at).cloned().flatten(),
    }
}

fn members(value: &Value) -> u64 {
    (match value {
        Value::Array(array) => array.items().len(),
        Value::Object(object) => object.entries().len(),
        Value::Set(set) => set.members().len(),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }) as u64
}

pub(super) fn follow<'v>(value: &'v Value, path: &[Value]) -> Option<&'v Value> {
    path.iter().try_fold(value, |at, key| at.get(key))
}

/// The order in which OPA looks at subjects, which decides what it looks at no more.
struct Levels {
    /// Of some rule a value is asked for there.
    valued: Vec<bool>,
    ranks: Vec<usize>,
}

impl Levels {
    fn indexed(&self, rule: RuleConditions, one_value: bool) -> Indexed {
        let RuleConditions { mut ways, keys } = rule;
        let keys = if one_value { Vec::new() } else { keys };
        if let [way] = ways.as_mut_slice() {
            let way = std::mem::take(way);
            let mut all = self.required(std::slice::from_ref(&way));
            all.extend(self.tests(way));
            return Indexed { all, ways: Vec::new(), keys };
        }
        let all = self.required(&ways);
        Indexed { all, ways: ways.into_iter().map(|way| self.tests(way)).collect(), keys }
    }

    /// What has to be there on every way, of subjects of which no rule asks for a value.
    fn required(&self, ways: &[Vec<Wanted>]) -> Tests {
        let unvalued = |way: &Vec<Wanted>| -> BTreeSet<usize> {
            let is_unvalued = |subject: &usize| self.valued.get(*subject) == Some(&false);
            way.iter().map(|(subject, _)| *subject).filter(is_unvalued).collect()
        };
        let mut common: Option<BTreeSet<usize>> = None;
        for way in ways {
            let of = unvalued(way);
            match &mut common {
                Some(common) => common.retain(|subject| of.contains(subject)),
                None => common = Some(of),
            }
        }
        common.into_iter().flatten().map(|subject| (subject, Test::There)).collect()
    }

    fn tests(&self, way: Vec<Wanted>) -> Tests {
        let mut by_rank: BTreeMap<usize, (usize, Vec<Edge>)> = BTreeMap::new();
        for (subject, edge) in way {
            if self.valued.get(subject) == Some(&true) {
                let rank = self.ranks.get(subject).copied().unwrap_or(usize::MAX);
                by_rank.entry(rank).or_insert_with(|| (subject, Vec::new())).1.extend(edge);
            }
        }
        let mut tests = Tests::new();
        for (subject, mut edges) in by_rank.into_values() {
            edges.sort();
            edges.dedup();
            let several = edges.len() > 1;
            let last = several && edges.iter().any(|edge| edge.is_affix() || edge.is_composite());
            if several {
                one_end(&mut edges);
            }
            tests.push((subject, Test::among(edges)));
            if last {
                break;
            }
        }
        tests
    }
}

/// Of prefixes and suffixes OPA keeps those of which the shortest is longer.
fn one_end(edges: &mut Vec<Edge>) {
    let shortest = |of: fn(&Edge) -> Option<usize>| edges.iter().filter_map(of).min();
    let prefix = shortest(|edge| if let Edge::Prefix(text) = edge { Some(text.len()) } else { None });
    let suffix = shortest(|edge| if let Edge::Suffix(text) = edge { Some(text.len()) } else { None });
    if let (Some(prefix), Some(suffix)) = (prefix, suffix) {
        edges.retain(|edge| match edge {
            Edge::Prefix(_) => suffix <= prefix,
            Edge::Suffix(_) => suffix > prefix,
            _ => true,
        });
    }
}

impl Indexed {
    /// What its tests take, in parts of a step; what depends on the documents is a [`Walk`]'s.
    fn work(&self) -> u64 {
        let tests = self.all.iter().chain(self.ways.iter().flatten()).map(|(_, test)| test.work());
        tests.fold(1 + self.keys.len() as u64, u64::saturating_add)
    }
}

impl Test {
    /// A document is compared no further than what it has to be.
    fn work(&self) -> u64 {
        match self {
            Test::There => 1,
            Test::Is(value) => 1 + value.weight(),
            Test::Among(among) => {
                let looks = 1 + u64::from(among.values.len().checked_ilog2().unwrap_or(0));
                looks.saturating_mul(1 + heaviest(&among.values)) + among.others.len() as u64
            }
        }
    }

    fn among(mut edges: Vec<Edge>) -> Test {
        if edges.len() == 1
            && let Some(Edge::Is(value)) = edges.first()
        {
            return Test::Is(value.clone());
        }
        if edges.is_empty() || edges.iter().any(|edge| matches!(edge, Edge::Loose(_))) {
            return Test::There;
        }
        let mut among = Among::default();
        for edge in edges.drain(..) {
            match edge {
                Edge::Is(value) => {
                    among.values.insert(value);
                }
                other => among.others.push(other),
            }
        }
        Test::Among(Box::new(among))
    }

    fn holds(&self, have: Option<&Value>) -> bool {
        match (self, have) {
            (_, None) => false,
            (Test::There, Some(_)) => true,
            (Test::Is(value), Some(have)) => value == have,
            (Test::Among(among), Some(have)) => {
                among.values.contains(have) || among.others.iter().any(|edge| fits(edge, have))
            }
        }
    }
}

/// Whether a document is what it has to be.
fn fits(edge: &Edge, have: &Value) -> bool {
    match (edge, have) {
        (Edge::Is(value), have) => value == have,
        (Edge::Loose(_), _) => true,
        (Edge::Array(elements, _), Value::Array(items)) => {
            let fits = |(element, item): (&Element, &Value)| match element {
                Element::Any => true,
                Element::Is(value) => value == item,
            };
            elements.len() == items.items().len() && elements.iter().zip(items.items()).all(fits)
        }
        (Edge::Array(elements, Some(delimiters)), Value::String(text)) => {
            let parts = parts(text.as_bytes(), delimiters);
            let fits = |(element, part): (&Element, &&[u8])| match element {
                Element::Any => true,
                Element::Is(value) => value.as_str().is_some_and(|text| text.as_bytes() == *part),
            };
            elements.len() == parts.len() && elements.iter().zip(&parts).all(fits)
        }
        (Edge::Array(..), _) => false,
        (Edge::Prefix(affix), have) => it_or_a_member(have, |text| text.starts_with(&**affix)),
        (Edge::Suffix(affix), have) => it_or_a_member(have, |text| text.ends_with(&**affix)),
        (Edge::Member(value), Value::Set(set)) => set.members().binary_search(value).is_ok(),
        (Edge::Member(value), have) => some_member(have, |have| have == value),
    }
}

fn it_or_a_member(have: &Value, affixed: impl Fn(&str) -> bool) -> bool {
    have.as_str().is_some_and(&affixed) || some_member(have, |member| member.as_str().is_some_and(&affixed))
}

fn some_member(of: &Value, fits: impl Fn(&Value) -> bool) -> bool {
    match of {
        Value::Array(array) => array.items().iter().any(fits),
        Value::Object(object) => object.entries().iter().any(|(_, value)| fits(value)),
        Value::Set(set) => set.members().iter().any(fits),
        _ => false,
    }
}

fn merge(a: &[u32], b: &[u32], mut take: impl FnMut(u32)) {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    loop {
        let next = match (a.peek(), b.peek()) {
            (Some(x), Some(y)) if x <= y => a.next(),
            (Some(_), None) => a.next(),
            (_, Some(_)) => b.next(),
            (None, None) => return,
        };
        if let Some(rule) = next {
            take(*rule);
        }
    }
}

/// The values that a test on a subject lets through, if it tells them.
fn values_of(test: &Test) -> Vec<&Value> {
    match test {
        Test::Is(value) => vec![value],
        Test::Among(among) if among.others.is_empty() => among.values.iter().collect(),
        Test::There | Test::Among(_) => Vec::new(),
    }
}

fn heaviest<'v>(values: impl IntoIterator<Item = &'v Value>) -> u64 {
    values.into_iter().map(Value::weight).max().unwrap_or(0)
}

/// By the subject whose value leaves the fewest rules to go through: the more values there are, the fewer rules has each.
fn widest(subjects: usize, rules: &[Indexed]) -> Option<ByValue> {
    #[derive(Clone, Default)]
    struct Spread<'v> {
        rules: usize,
        places: usize,
        values: BTreeSet<&'v Value>,
    }
    let mut spreads = vec![Spread::default(); subjects];
    for rule in rules {
        for (subject, test) in &rule.all {
            let values = values_of(test);
            if let Some(spread) = spreads.get_mut(*subject)
                && !values.is_empty()
            {
                spread.rules += 1;
                spread.places += values.len();
                spread.values.extend(values);
            }
        }
    }
    let left = |(_, of): &(usize, &Spread<'_>)| rules.len() - of.rules.min(rules.len()) + of.places / of.values.len();
    let (subject, _) = spreads.iter().enumerate().filter(|(_, of)| of.rules >= MANY).min_by_key(left)?;
    let (mut values, mut others): (BTreeMap<Value, Group>, _) = (BTreeMap::new(), Group::default());
    for (number, rule) in rules.iter().enumerate() {
        let number = u32::try_from(number).unwrap_or(NOWHERE);
        let wanted = rule.all.iter().find(|(of, _)| *of == subject).map_or_else(Vec::new, |(_, test)| values_of(test));
        if wanted.is_empty() {
            others.push(number, rule);
        }
        for value in wanted {
            values.entry(value.clone()).or_default().push(number, rule);
        }
    }
    let looks = 1 + u64::from(values.len().checked_ilog2().unwrap_or(0));
    let work = looks.saturating_mul(1 + heaviest(values.keys()));
    Some(ByValue { subject, values, others, work })
}
