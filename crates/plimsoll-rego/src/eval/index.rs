//! Which rules of one name can hold at all. In: the rules' conditions of the form `input.x == "a"`, or an argument's. Out: the
//! rules that are worth running. Leaving a rule out never changes a result: its condition would have failed first.

use std::collections::{BTreeMap, HashMap};

use super::code::NOWHERE;
use crate::ast::{ExprKind, Name, Rule, Term, TermKind};
use crate::compile::scalar;
use crate::value::Value;

/// What a condition looks at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Input(Box<[Value]>),
    Argument(usize, Box<[Value]>),
}

#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub subject: Subject,
    pub value: Value,
}

/// Conditions of many rules.
#[derive(Debug, Default)]
pub(super) struct RuleIndex {
    subjects: Vec<Subject>,
    /// By rule: subject and the value that it must have.
    conditions: Vec<Vec<(usize, Value)>>,
    /// Where there are many rules: one subject, the rules by its value, and the rules that do not look at it.
    by_value: Option<(usize, BTreeMap<Value, Vec<u32>>, Vec<u32>)>,
}

/// Fewer rules are gone through one by one.
const MANY: usize = 8;

/// Values so long are not worth comparing twice.
const LONGEST_PATH: usize = 16;

impl RuleIndex {
    pub fn new(rules: Vec<Vec<Condition>>) -> RuleIndex {
        let mut subjects: Vec<Subject> = Vec::new();
        let mut numbers: BTreeMap<Subject, usize> = BTreeMap::new();
        let mut conditions = Vec::with_capacity(rules.len());
        for rule in rules {
            let mut list = Vec::with_capacity(rule.len());
            for condition in rule {
                let number = *numbers.entry(condition.subject.clone()).or_insert_with(|| {
                    subjects.push(condition.subject);
                    subjects.len() - 1
                });
                list.push((number, condition.value));
            }
            conditions.push(list);
        }
        let by_value = (conditions.len() >= MANY).then(|| widest(subjects.len(), &conditions)).flatten();
        RuleIndex { subjects, conditions, by_value }
    }

    /// Appends the numbers of the rules that can hold, in order.
    pub fn find(&self, input: Option<&Value>, arguments: &[Option<Value>], found: &mut Vec<u32>) {
        if self.subjects.is_empty() {
            found.extend(0..u32::try_from(self.conditions.len()).unwrap_or(NOWHERE));
            return;
        }
        let look = |subject: &Subject| match subject {
            Subject::Input(path) => input.and_then(|input| follow(input, path)).cloned(),
            Subject::Argument(at, path) => {
                arguments.get(*at).and_then(Option::as_ref).and_then(|value| follow(value, path)).cloned()
            }
        };
        // Few subjects are the rule; each is looked at once.
        let mut seen: [Option<Option<Value>>; 4] = Default::default();
        let mut holds = |rule: u32| {
            let Some(list) = self.conditions.get(rule as usize) else { return false };
            list.iter().all(|(subject, value)| {
                let Some(known) = seen.get_mut(*subject) else {
                    return self.subjects.get(*subject).and_then(look).as_ref() == Some(value);
                };
                let known = known.get_or_insert_with(|| self.subjects.get(*subject).and_then(look));
                known.as_ref() == Some(value)
            })
        };
        match &self.by_value {
            Some((subject, by_value, others)) => {
                let value = self.subjects.get(*subject).and_then(look);
                let matching = value.and_then(|value| by_value.get(&value)).map_or(&[][..], Vec::as_slice);
                merge(matching, others, |rule| {
                    if holds(rule) {
                        found.push(rule);
                    }
                });
            }
            None => {
                let count = u32::try_from(self.conditions.len()).unwrap_or(NOWHERE);
                found.extend((0..count).filter(|rule| holds(*rule)));
            }
        }
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

type ByValue = (usize, BTreeMap<Value, Vec<u32>>, Vec<u32>);

fn widest(subjects: usize, conditions: &[Vec<(usize, Value)>]) -> Option<ByValue> {
    let mut counts = vec![0_usize; subjects];
    for list in conditions {
        for (subject, _) in list {
            if let Some(count) = counts.get_mut(*subject) {
                *count += 1;
            }
        }
    }
    let (subject, count) = counts.iter().enumerate().max_by_key(|(_, count)| **count)?;
    if *count < MANY {
        return None;
    }
    let mut by_value: BTreeMap<Value, Vec<u32>> = BTreeMap::new();
    let mut others = Vec::new();
    for (rule, list) in conditions.iter().enumerate() {
        let rule = u32::try_from(rule).unwrap_or(NOWHERE);
        match list.iter().find(|(of, _)| *of == subject) {
            Some((_, value)) => by_value.entry(value.clone()).or_default().push(rule),
            None => others.push(rule),
        }
    }
    Some((subject, by_value, others))
}

pub(super) fn follow<'v>(value: &'v Value, path: &[Value]) -> Option<&'v Value> {
    path.iter().try_fold(value, |at, key| at.get(key))
}

/// The conditions of one rule.
pub(super) fn conditions(rule: &Rule) -> Vec<Condition> {
    let arguments: HashMap<&Name, usize> = rule
        .head
        .args
        .iter()
        .enumerate()
        .filter_map(|(at, term)| match &term.kind {
            TermKind::Var(name) => Some((name, at)),
            _ => None,
        })
        .collect();
    let mut known: HashMap<&Name, Subject> = HashMap::new();
    let mut found: Vec<Condition> = Vec::new();
    for (at, term) in rule.head.args.iter().enumerate() {
        if let Some(value) = scalar(term) {
            found.push(Condition { subject: Subject::Argument(at, Box::default()), value });
        }
    }
    for expr in &rule.body {
        if expr.negated || !expr.with.is_empty() {
            continue;
        }
        let ExprKind::Call { operator, args } = &expr.kind else { continue };
        let (true, [a, b, ..]) = (is_equality(operator) && args.len() == 2, args.as_slice()) else { continue };
        for (one, other) in [(a, b), (b, a)] {
            let Some(subject) = subject(one, &arguments, &known) else { continue };
            if let Some(value) = scalar(other) {
                if !found.iter().any(|have| have.subject == subject) {
                    found.push(Condition { subject, value });
                }
                break;
            }
            if let TermKind::Var(name) = &other.kind
                && !arguments.contains_key(name)
            {
                known.entry(name).or_insert(subject);
            }
        }
    }
    found
}

fn is_equality(operator: &Term) -> bool {
    let name = match &operator.kind {
        TermKind::Var(name) => name,
        TermKind::Ref(terms) => match terms.as_slice() {
            [Term { kind: TermKind::Var(name), .. }] => name,
            _ => return false,
        },
        _ => return false,
    };
    matches!(&**name, "eq" | "equal" | "assign")
}

fn subject(term: &Term, arguments: &HashMap<&Name, usize>, known: &HashMap<&Name, Subject>) -> Option<Subject> {
    let (head, rest) = match &term.kind {
        TermKind::Var(name) => (name, &[][..]),
        TermKind::Ref(terms) => match terms.split_first() {
            Some((Term { kind: TermKind::Var(name), .. }, rest)) => (name, rest),
            _ => return None,
        },
        _ => return None,
    };
    if rest.len() > LONGEST_PATH {
        return None;
    }
    let rest: Vec<Value> = rest.iter().map(scalar).collect::<Option<_>>()?;
    if &**head == "input" {
        return Some(Subject::Input(rest.into()));
    }
    if let Some(at) = arguments.get(head) {
        return Some(Subject::Argument(*at, rest.into()));
    }
    let joined = |path: &[Value]| {
        let path: Box<[Value]> = path.iter().chain(&rest).cloned().collect();
        (path.len() <= LONGEST_PATH).then_some(path)
    };
    Some(match known.get(head)? {
        Subject::Input(path) => Subject::Input(joined(path)?),
        Subject::Argument(at, path) => Subject::Argument(*at, joined(path)?),
    })
}
