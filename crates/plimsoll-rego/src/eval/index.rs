//! Which rules of one name can hold at all. In: the rules' conditions of the form `input.x == "a"`, or that `input.x` is there.
//! Out: the rules that are worth running. Leaving a rule out never changes a value: its condition would have failed. It does
//! decide which builtins are reached, and so which errors strict evaluation ends with: conditions are those that OPA has.

use std::collections::{BTreeMap, HashMap};

use super::code::NOWHERE;
use super::view::View;
use crate::ast::{Expr, ExprKind, Name, Rule, Term, TermKind};
use crate::compile::scalar;
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
pub(super) struct Condition {
    pub subject: Subject,
    /// Without one, anything will do that is there.
    pub value: Option<Value>,
}

/// Conditions of many rules.
#[derive(Debug, Default)]
pub(super) struct RuleIndex {
    subjects: Vec<Subject>,
    /// By rule: subject and the value that it must have.
    conditions: Vec<Vec<(usize, Option<Value>)>>,
    /// Where there are many rules: one subject, the rules by its value, and the rules that do not look at it.
    by_value: Option<ByValue>,
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

    /// What asking costs, before any rule is run.
    pub fn cost(&self, view: &View, data: &Value) -> u64 {
        let documents = self.subjects.iter().map(|subject| match subject {
            Subject::Data(path) if view.looking_up() > 0 => view.cost(data, path),
            _ => 0,
        });
        let asked = self.by_value.as_ref().map_or(self.conditions.len(), |(_, _, others)| others.len());
        documents.fold(asked as u64 / 16, u64::saturating_add)
    }

    /// Appends the numbers of the rules that can hold, in order.
    pub fn find(&self, view: &View, data: &Value, arguments: &[Option<Value>], found: &mut Vec<u32>) {
        if self.subjects.is_empty() {
            found.extend(0..u32::try_from(self.conditions.len()).unwrap_or(NOWHERE));
            return;
        }
        let look = |subject: &Subject| match subject {
            Subject::Input(path) => view.input.as_ref().and_then(|input| follow(input, path)).cloned(),
            Subject::Data(path) => view.document(data, path),
            Subject::Argument(at) => arguments.get(*at).cloned().flatten(),
        };
        // Few subjects are the rule; each is looked at once.
        let mut seen: [Option<Option<Value>>; 4] = Default::default();
        let fits = |value: &Option<Value>, have: Option<&Value>| match value {
            Some(value) => have == Some(value),
            None => have.is_some(),
        };
        let mut holds = |rule: u32| {
            let Some(list) = self.conditions.get(rule as usize) else { return false };
            list.iter().all(|(subject, value)| {
                let Some(known) = seen.get_mut(*subject) else {
                    return fits(value, self.subjects.get(*subject).and_then(look).as_ref());
                };
                let known = known.get_or_insert_with(|| self.subjects.get(*subject).and_then(look));
                fits(value, known.as_ref())
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

fn widest(subjects: usize, conditions: &[Vec<(usize, Option<Value>)>]) -> Option<ByValue> {
    let mut counts = vec![0_usize; subjects];
    for list in conditions {
        for (subject, value) in list {
            if let Some(count) = counts.get_mut(*subject) {
                *count += usize::from(value.is_some());
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
            Some((_, Some(value))) => by_value.entry(value.clone()).or_default().push(rule),
            _ => others.push(rule),
        }
    }
    Some((subject, by_value, others))
}

pub(super) fn follow<'v>(value: &'v Value, path: &[Value]) -> Option<&'v Value> {
    path.iter().try_fold(value, |at, key| at.get(key))
}

/// The conditions of one rule; `is_base` says of a path below `data` whether no rule is on it or below.
pub(super) fn conditions(rule: &Rule, is_base: &dyn Fn(&[Value]) -> bool) -> Vec<Condition> {
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
    let mut seen = Seen { arguments, known: HashMap::new(), constants: HashMap::new(), is_base };
    let mut found = Found::default();
    if speaks(&rule.body) {
        return found.conditions;
    }
    for expr in &rule.body {
        if expr.negated || !expr.with.is_empty() {
            continue;
        }
        match &expr.kind {
            ExprKind::Term(term) => {
                if matches!(&term.kind, TermKind::Ref(_))
                    && let Some(subject) = seen.subject(term)
                {
                    found.add(subject, None);
                }
            }
            ExprKind::Call { operator, args } => {
                if let (true, [a, b]) = (is_equality(operator), args.as_slice()) {
                    seen.equality(a, b, &mut found);
                }
            }
            _ => {}
        }
    }
    found.conditions
}

/// The conditions of a rule in the order in which they stand, each subject once.
#[derive(Default)]
struct Found {
    conditions: Vec<Condition>,
    places: BTreeMap<Subject, usize>,
}

impl Found {
    fn add(&mut self, subject: Subject, value: Option<Value>) {
        match self.places.get(&subject).and_then(|at| self.conditions.get_mut(*at)) {
            Some(have) => {
                if have.value.is_none() {
                    have.value = value;
                }
            }
            None => {
                self.places.insert(subject.clone(), self.conditions.len());
                self.conditions.push(Condition { subject, value });
            }
        }
    }
}

/// What of a body was gone through.
struct Seen<'r> {
    arguments: HashMap<&'r Name, usize>,
    known: HashMap<&'r Name, Subject>,
    constants: HashMap<&'r Name, Value>,
    is_base: &'r dyn Fn(&[Value]) -> bool,
}

impl<'r> Seen<'r> {
    fn equality(&mut self, a: &'r Term, b: &'r Term, found: &mut Found) {
        for (one, other) in [(a, b), (b, a)] {
            if let (TermKind::Var(name), Some(value)) = (&one.kind, scalar(other))
                && !self.arguments.contains_key(name)
                && !self.known.contains_key(name)
            {
                self.constants.insert(name, value);
                return;
            }
        }
        for (one, other) in [(a, b), (b, a)] {
            let Some(subject) = self.subject(one) else { continue };
            let value = match &other.kind {
                TermKind::Var(name) => self.constants.get(name).cloned(),
                _ => scalar(other),
            };
            match (value, &other.kind) {
                (Some(value), _) => found.add(subject, Some(value)),
                (None, TermKind::Var(name)) => {
                    if matches!(subject, Subject::Input(_) | Subject::Data(_)) {
                        found.add(subject.clone(), None);
                    }
                    if !self.arguments.contains_key(name) {
                        self.known.entry(name).or_insert(subject);
                    }
                }
                _ => continue,
            }
            return;
        }
    }

    fn subject(&self, term: &Term) -> Option<Subject> {
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
        let key = |term: &Term| match &term.kind {
            TermKind::Var(name) => self.constants.get(name).cloned(),
            _ => scalar(term),
        };
        let rest: Vec<Value> = rest.iter().map(key).collect::<Option<_>>()?;
        match &**head {
            "input" => return Some(Subject::Input(rest.into())),
            "data" => return (!rest.is_empty() && (self.is_base)(&rest)).then(|| Subject::Data(rest.into())),
            _ => {}
        }
        if let Some(at) = self.arguments.get(head) {
            return rest.is_empty().then_some(Subject::Argument(*at));
        }
        let joined = |path: &[Value]| {
            let path: Box<[Value]> = path.iter().chain(&rest).cloned().collect();
            (path.len() <= LONGEST_PATH).then_some(path)
        };
        Some(match self.known.get(head)? {
            Subject::Input(path) => Subject::Input(joined(path)?),
            Subject::Data(path) => Subject::Data(joined(path)?),
            Subject::Argument(at) => return rest.is_empty().then_some(Subject::Argument(*at)),
        })
    }
}

/// Whether something in a body is to be told wherever the rule is reached.
fn speaks(body: &[Expr]) -> bool {
    body.iter().any(|expr| match &expr.kind {
        ExprKind::Call { operator, .. } => {
            let TermKind::Ref(terms) = &operator.kind else { return false };
            matches!(terms.as_slice(), [head, Term { kind: TermKind::String(name), .. }]
                if matches!(&head.kind, TermKind::Var(head) if &**head == "internal")
                    && matches!(&**name, "print" | "test_case"))
        }
        ExprKind::Every(every) => speaks(&every.body),
        ExprKind::Not { body, .. } => speaks(body),
        ExprKind::And(logical) | ExprKind::Or(logical) => speaks(&logical.lhs) || speaks(&logical.rhs),
        _ => false,
    })
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
