//! What rules' bodies ask of documents before anything else, as OPA's index reads it. In: the rules of one name. Out: for
//! each the ways to it, a way being what has to be at places in input, data and arguments. It knows `x == "a"`, arrays of
//! scalars and variables, `xs[_] == "a"`, `in`, `glob.match`, `startswith` and `endswith` and their kin, `and` and `or`, names
//! for any of it, and that something is there at all. What it cannot read it leaves out, and so lets more rules run.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Subject;
use super::own::{Entry, Own};
use super::terms::{
    edge_of, flat, glob_elements, ground, is_ground, is_root, is_scalar, member_edge, name_of, speaks, variable,
};
use crate::ast::{Expr, ExprKind, Logical, Name, Rule, Term, TermKind};
use crate::compile::scalar;
use crate::span::Span;
use crate::value::{Text, Value};

/// Longer paths are not looked at.
const LONGEST_PATH: usize = 16;

/// One element of an array.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Element {
    Any,
    Is(Value),
}

/// What a document has to be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Edge {
    /// This scalar.
    Is(Value),
    /// An array of these; with delimiters also a text that they part into these.
    Array(Vec<Element>, Option<Arc<str>>),
    /// This object or set, of which only is looked at whether anything is there.
    Loose(Value),
    Prefix(Text),
    Suffix(Text),
    /// A collection that has this scalar in it.
    Member(Value),
}

impl Edge {
    pub fn is_affix(&self) -> bool {
        matches!(self, Edge::Prefix(_) | Edge::Suffix(_))
    }

    /// Of what is looked for.
    pub fn weight(&self) -> u64 {
        let of_text = |text: &str| 1 + text.len() as u64 / 64;
        match self {
            Edge::Is(value) | Edge::Loose(value) | Edge::Member(value) => value.weight(),
            Edge::Array(elements, delimiters) => {
                let each = elements.iter().map(|element| match element {
                    Element::Any => 1,
                    Element::Is(value) => value.weight(),
                });
                each.fold(delimiters.as_deref().map_or(1, of_text), u64::saturating_add)
            }
            Edge::Prefix(text) | Edge::Suffix(text) => of_text(text),
        }
    }

    pub fn is_composite(&self) -> bool {
        matches!(self, Edge::Array(..) | Edge::Loose(_))
    }
}

/// Number of a subject.
pub(super) type SubjectId = usize;

/// A subject, and what it has to be; without an edge it has to be there.
pub(super) type Wanted = (SubjectId, Option<Edge>);

/// What is known of one rule.
#[derive(Default)]
pub(super) struct RuleConditions {
    /// One of them has to hold.
    pub ways: Vec<Vec<Wanted>>,
    /// A key, and the collection that has to have it.
    pub keys: Vec<(SubjectId, SubjectId)>,
}

/// What a rule costs that reaches a subject by several values: OPA looks at such subjects last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alternation {
    #[default]
    None,
    /// The way goes on behind them.
    Converging,
    /// The way ends there: what else a rule asks of later subjects is not looked at.
    Terminal,
}

pub(super) struct SubjectInfo {
    pub subject: Subject,
    /// Of the reference that first led to it; arguments have none.
    pub place: Option<Span>,
    pub count: usize,
    pub alternated: Alternation,
}

/// Reads rule after rule.
pub(in crate::eval) struct Reader<'r> {
    /// Says of a path below `data` whether no rule is on it or below.
    is_base: &'r dyn Fn(&[Value]) -> bool,
    pub(super) subjects: Vec<SubjectInfo>,
    numbers: BTreeMap<Subject, SubjectId>,
    pub(super) rules: Vec<RuleConditions>,
}

impl<'r> Reader<'r> {
    pub fn new(is_base: &'r dyn Fn(&[Value]) -> bool) -> Reader<'r> {
        Reader { is_base, subjects: Vec::new(), numbers: BTreeMap::new(), rules: Vec::new() }
    }

    pub fn rule(&mut self, rule: &Rule) {
        let mut arguments = HashMap::new();
        for (at, term) in rule.head.args.iter().enumerate() {
            if let TermKind::Var(name) = &term.kind {
                arguments.entry(name).or_insert(at);
            }
        }
        let mut scope = Scope { arguments: &arguments, outer: None, own: Own::default() };
        if !speaks(&rule.body) {
            rule.body.iter().for_each(|expr| scope.expr(self, expr));
        }
        let ways = scope.own.ways();
        self.rules.push(RuleConditions { ways, keys: scope.own.keys });
    }

    fn number(&mut self, subject: Subject, place: Option<Span>) -> SubjectId {
        if let Some(number) = self.numbers.get(&subject) {
            return *number;
        }
        let number = self.subjects.len();
        self.numbers.insert(subject.clone(), number);
        self.subjects.push(SubjectInfo { subject, place, count: 0, alternated: Alternation::None });
        number
    }

    fn subject(&self, number: SubjectId) -> Option<&Subject> {
        Some(&self.subjects.get(number)?.subject)
    }

    fn count(&mut self, subject: SubjectId, more: usize) {
        if let Some(info) = self.subjects.get_mut(subject) {
            info.count += more;
        }
    }

    fn alternate(&mut self, subject: SubjectId, how: Alternation) {
        if let Some(info) = self.subjects.get_mut(subject) {
            info.alternated = info.alternated.max(how);
        }
    }
}

/// A body, and the bodies that it is an operand in.
struct Scope<'s> {
    arguments: &'s HashMap<&'s Name, usize>,
    outer: Option<&'s Scope<'s>>,
    own: Own,
}

impl Scope<'_> {
    fn insert(&mut self, reader: &mut Reader<'_>, subject: SubjectId, entry: Entry) {
        let of = self.own.by_subject.entry(subject).or_default();
        let seen = !of.by_time.is_empty() || !of.edges.is_empty();
        match entry {
            Entry::Any(name) => {
                if of.names.contains_key(&name) {
                    return;
                }
                self.own.push(subject, Entry::Any(name));
            }
            Entry::Edge(edge) => {
                let equal = of.edges.get(&edge).copied();
                // A name gives its place to the first edge; affixes leave it.
                let name = of.by_time.first().copied().filter(|_| !edge.is_affix());
                let before = |time: Option<usize>| {
                    time.is_some_and(|time| [equal, name].into_iter().flatten().all(|stop| time < stop))
                };
                if before(of.first_edge) && !self.own.apart {
                    let ends = edge.is_affix() || before(of.first_affix);
                    reader.alternate(subject, if ends { Alternation::Terminal } else { Alternation::Converging });
                }
                match (equal, name) {
                    (Some(equal), name) if name.is_none_or(|name| equal < name) => return,
                    (_, Some(name)) => return self.own.replace(name, subject, edge),
                    _ => self.own.push(subject, Entry::Edge(edge)),
                }
            }
        }
        if !seen && !self.own.apart {
            reader.count(subject, 1);
        }
    }

    /// Edges of which one has to hold.
    fn insert_all(&mut self, reader: &mut Reader<'_>, subject: SubjectId, edges: Vec<Edge>) {
        let of = self.own.by_subject.entry(subject).or_default();
        let known = usize::from(!of.by_time.is_empty() || !of.edges.is_empty());
        let before = of.edges.len();
        let affix = edges.iter().any(Edge::is_affix);
        if !self.own.apart {
            reader.count(subject, edges.len().saturating_sub(known));
        }
        let mut concrete = before;
        for edge in edges {
            if self.own.by_subject.get(&subject).is_some_and(|of| of.edges.contains_key(&edge)) {
                continue;
            }
            concrete += 1;
            self.own.push(subject, Entry::Edge(edge));
        }
        if concrete > 1 && !self.own.apart {
            reader.alternate(subject, if affix { Alternation::Terminal } else { Alternation::Converging });
        }
    }

    fn members(&mut self, reader: &mut Reader<'_>, subject: SubjectId, mut edges: Vec<Edge>) {
        if edges.is_empty() {
            return;
        }
        // The first of them takes the place of a name.
        let rest = edges.split_off(1);
        edges.into_iter().for_each(|edge| self.insert(reader, subject, Entry::Edge(edge)));
        if !rest.is_empty() {
            // All of the rest are counted, for the subject is known by now.
            if !self.own.apart {
                reader.count(subject, 1);
            }
            self.insert_all(reader, subject, rest);
        }
    }

    fn constant(&self, name: &Name) -> Option<&Value> {
        let mut scope = Some(self);
        while let Some(at) = scope {
            if let Some(value) = at.own.constants.get(name) {
                return Some(value);
            }
            scope = at.outer;
        }
        None
    }

    /// What a variable stands for.
    fn resolve(&self, reader: &mut Reader<'_>, name: &Name) -> Option<SubjectId> {
        let mut scope = Some(self);
        while let Some(at) = scope {
            if let Some((_, subject)) = at.own.by_name.get(name).and_then(BTreeMap::first_key_value) {
                return Some(*subject);
            }
            scope = at.outer;
        }
        let argument = *self.arguments.get(name)?;
        Some(reader.number(Subject::Argument(argument), None))
    }

    fn expr(&mut self, reader: &mut Reader<'_>, expr: &Expr) {
        if expr.negated || !expr.with.is_empty() {
            return;
        }
        match &expr.kind {
            ExprKind::Term(term) => {
                if let Some(reference) = self.reference(term)
                    && !self.collection_key(reader, &reference)
                    && let Some(subject) = self.document(reader, &reference)
                {
                    self.insert(reader, subject, Entry::Any(None));
                }
            }
            ExprKind::Call { operator, args } => self.call(reader, operator, args),
            ExprKind::And(logical) => {
                let (lhs, rhs) = self.operands(reader, logical);
                self.require(reader, lhs);
                self.require(reader, rhs);
            }
            ExprKind::Or(logical) => {
                let (mut lhs, rhs) = self.operands(reader, logical);
                // An operand that asks for nothing holds for everything.
                if !lhs.is_empty() && !rhs.is_empty() {
                    lhs.extend(rhs);
                    self.require(reader, lhs);
                }
            }
            ExprKind::Some { .. } | ExprKind::Every(_) | ExprKind::Not { .. } => {}
        }
    }

    fn operands(&self, reader: &mut Reader<'_>, logical: &Logical) -> (Vec<Vec<Wanted>>, Vec<Vec<Wanted>>) {
        let mut ways = |body: &[Expr]| {
            let own = Own::of_operand();
            let mut scope = Scope { arguments: self.arguments, outer: Some(self), own };
            body.iter().for_each(|expr| scope.expr(reader, expr));
            let ways = scope.own.ways();
            if matches!(ways.as_slice(), [way] if way.is_empty()) { Vec::new() } else { ways }
        };
        (ways(&logical.lhs), ways(&logical.rhs))
    }

    fn require(&mut self, reader: &mut Reader<'_>, ways: Vec<Vec<Wanted>>) {
        if let [way] = ways.as_slice() {
            for (subject, edge) in way {
                let entry = edge.clone().map_or(Entry::Any(None), Entry::Edge);
                self.insert(reader, *subject, entry);
            }
        } else if !ways.is_empty() {
            if !self.own.apart {
                ways.iter().flatten().for_each(|(subject, _)| reader.count(*subject, 1));
            }
            self.own.choices.push(ways);
        }
    }

    fn call(&mut self, reader: &mut Reader<'_>, operator: &Term, args: &[Term]) {
        let name = name_of(operator);
        match (name, args) {
            (("eq" | "equal" | "assign", ""), [a, b]) => {
                let indexed = self.wildcard(reader, a, b) || self.wildcard(reader, b, a) || self.equality(reader, a, b);
                let _ = indexed || self.equality(reader, b, a);
            }
            (("glob", "match"), [pattern, delimiters, of]) => self.glob(reader, pattern, delimiters, of),
            (("internal", "member_2"), [member, of]) => self.member(reader, member, of),
            (("startswith", "") | ("strings", "any_prefix_match"), [of, base]) => {
                self.affix(reader, of, base, name.1.is_empty(), Edge::Prefix);
            }
            (("endswith", "") | ("strings", "any_suffix_match"), [of, base]) => {
                self.affix(reader, of, base, name.1.is_empty(), Edge::Suffix);
            }
            _ => {}
        }
    }

    /// `document = value`, or a name for either.
    fn equality(&mut self, reader: &mut Reader<'_>, a: &Term, b: &Term) -> bool {
        if let Some(name) = variable(a) {
            if let Some(value) = ground(b) {
                self.own.constants.insert(name.clone(), value);
            } else if let Some(value) = variable(b).and_then(|other| self.constant(other)).cloned() {
                self.own.constants.insert(name.clone(), value);
            }
            let Some(entry) = flat(b) else { return false };
            let Some(subject) = self.resolve(reader, name) else { return false };
            self.insert(reader, subject, entry);
            return true;
        }
        let Some(reference) = self.reference(a) else { return false };
        let Some(subject) = self.document(reader, &reference) else { return false };
        let entry = match variable(b).and_then(|name| self.constant(name)) {
            Some(value) => Some(Entry::Edge(edge_of(value))),
            None => flat(b),
        };
        let Some(entry) = entry else { return false };
        self.insert(reader, subject, entry);
        true
    }

    /// `collection[_] = value`
    fn wildcard(&mut self, reader: &mut Reader<'_>, a: &Term, b: &Term) -> bool {
        let Some(reference) = self.reference(a) else { return false };
        let Some((last, before)) = reference.keys.split_last() else { return false };
        if last.value.is_some() || is_ground(last.term) {
            return false;
        }
        let value = match variable(b) {
            Some(name) => self.constant(name).filter(|value| is_scalar(value)).cloned(),
            None => scalar(b),
        };
        let Some(value) = value else { return false };
        let before = Reference { head: reference.head, place: reference.place, keys: before.to_vec() };
        let Some(subject) = self.document(reader, &before) else { return false };
        self.insert(reader, subject, Entry::Edge(Edge::Member(value)));
        true
    }

    fn glob(&mut self, reader: &mut Reader<'_>, pattern: &Term, delimiters: &Term, of: &Term) {
        let (TermKind::String(pattern), TermKind::Array(list)) = (&pattern.kind, &delimiters.kind) else { return };
        let mut delimiters = String::new();
        for term in list {
            let TermKind::String(text) = &term.kind else { return };
            delimiters.push_str(text);
        }
        if list.is_empty() {
            delimiters.push('.');
        }
        let Some(elements) = glob_elements(pattern, &delimiters) else { return };
        if let Some(subject) = variable(of).and_then(|name| self.resolve(reader, name)) {
            self.insert(reader, subject, Entry::Edge(Edge::Array(elements, Some(delimiters.into()))));
        }
    }

    fn member(&mut self, reader: &mut Reader<'_>, member: &Term, of: &Term) {
        let name = variable(member);
        if let Some(subject) = name.and_then(|name| self.resolve(reader, name)) {
            let edges: Option<Vec<Edge>> = match variable(of) {
                Some(of) => match self.constant(of) {
                    Some(Value::Array(items)) => Some(items.items().iter().map(edge_of).collect()),
                    Some(Value::Set(items)) => Some(items.members().iter().map(edge_of).collect()),
                    Some(Value::Object(items)) => {
                        Some(items.entries().iter().map(|(_, value)| edge_of(value)).collect())
                    }
                    _ => None,
                },
                None => match &of.kind {
                    TermKind::Array(items) | TermKind::Set(items) => items.iter().map(member_edge).collect(),
                    TermKind::Object(items) => items.iter().map(|(_, value)| member_edge(value)).collect(),
                    _ => None,
                },
            };
            if let Some(edges) = edges {
                self.members(reader, subject, edges);
            }
            return;
        }
        let entry = match name {
            Some(name) => match self.constant(name) {
                Some(value) if is_scalar(value) => Entry::Edge(Edge::Member(value.clone())),
                Some(_) => return,
                None => Entry::Any(Some(name.clone())),
            },
            None => match scalar(member) {
                Some(value) => Entry::Edge(Edge::Member(value)),
                None => return,
            },
        };
        if let Some(subject) = self.named_document(reader, of) {
            self.insert(reader, subject, entry);
        }
    }

    /// `one`: of one text only.
    fn affix(&mut self, reader: &mut Reader<'_>, of: &Term, base: &Term, one: bool, edge: fn(Text) -> Edge) {
        let Some(subject) = self.named_document(reader, of) else { return };
        let base = match variable(base) {
            Some(name) => self.constant(name).cloned(),
            None => ground(base),
        };
        let text = |value: &Value| match value {
            Value::String(text) => Some(edge(text.clone())),
            _ => None,
        };
        let bases: Option<Vec<Edge>> = match &base {
            Some(Value::String(base)) => return self.insert(reader, subject, Entry::Edge(edge(base.clone()))),
            Some(Value::Array(items)) if !one => items.items().iter().map(text).collect(),
            Some(Value::Set(items)) if !one => items.members().iter().map(text).collect(),
            _ => None,
        };
        if let Some(bases) = bases.filter(|bases| !bases.is_empty()) {
            self.insert_all(reader, subject, bases);
        }
    }

    /// `data.collection[key]`
    fn collection_key(&mut self, reader: &mut Reader<'_>, reference: &Reference<'_>) -> bool {
        if &**reference.head != "data" {
            return false;
        }
        let Some((last, before)) = reference.keys.split_last() else { return false };
        if last.value.is_some() {
            return false;
        }
        let last = last.term;
        let before = Reference { head: reference.head, place: reference.place, keys: before.to_vec() };
        let Some(collection) = self.document(reader, &before) else { return false };
        let key = match variable(last) {
            Some(name) => self.resolve(reader, name),
            None => self.reference(last).and_then(|key| self.document(reader, &key)),
        };
        let Some(key) = key else { return false };
        if !self.own.keys.contains(&(key, collection)) {
            self.own.keys.push((key, collection));
            if !self.own.apart {
                reader.count(key, 1);
            }
        }
        true
    }

    /// A document, or a variable that is one; arguments are none.
    fn named_document(&self, reader: &mut Reader<'_>, term: &Term) -> Option<SubjectId> {
        if let Some(name) = variable(term) {
            let subject = self.resolve(reader, name)?;
            return (!matches!(reader.subject(subject)?, Subject::Argument(_))).then_some(subject);
        }
        let reference = self.reference(term)?;
        // The head is no local variable here.
        matches!(&**reference.head, "input" | "data").then(|| self.document(reader, &reference))?
    }
}

/// A reference with the names of scalars replaced by them.
struct Reference<'t> {
    head: &'t Name,
    place: Span,
    keys: Vec<Key<'t>>,
}

#[derive(Clone)]
struct Key<'t> {
    term: &'t Term,
    /// None where it is not known, or is a document itself.
    value: Option<Value>,
}

impl Scope<'_> {
    fn reference<'t>(&self, term: &'t Term) -> Option<Reference<'t>> {
        let (head, rest) = match &term.kind {
            TermKind::Var(name) if is_root(name) => {
                return Some(Reference { head: name, place: term.span, keys: Vec::new() });
            }
            TermKind::Ref(terms) => terms.split_first()?,
            _ => return None,
        };
        let TermKind::Var(name) = &head.kind else { return None };
        let key = |term: &'t Term| {
            let value = match variable(term) {
                Some(name) => self.constant(name).filter(|value| is_scalar(value)).cloned(),
                None => ground(term),
            };
            Key { term, value }
        };
        Some(Reference { head: name, place: head.span, keys: rest.iter().map(key).collect() })
    }

    /// The document that a reference gives, where no rule has a part in it.
    fn document(&self, reader: &mut Reader<'_>, reference: &Reference<'_>) -> Option<SubjectId> {
        if reference.keys.len() > LONGEST_PATH {
            return None;
        }
        let (is_data, mut path, place) = match &**reference.head {
            "input" => (false, Vec::new(), Some(reference.place)),
            "data" => (true, Vec::new(), Some(reference.place)),
            _ => {
                let of = self.resolve(reader, reference.head)?;
                let place = reader.subjects.get(of)?.place;
                match reader.subject(of)? {
                    Subject::Input(path) => (false, path.to_vec(), place),
                    Subject::Data(path) => (true, path.to_vec(), place),
                    Subject::Argument(_) => return None,
                }
            }
        };
        for key in &reference.keys {
            path.push(key.value.clone()?);
        }
        if path.len() > LONGEST_PATH {
            return None;
        }
        let subject = match is_data {
            true if path.is_empty() || !(reader.is_base)(&path) => return None,
            true => Subject::Data(path.into()),
            false => Subject::Input(path.into()),
        };
        Some(reader.number(subject, place))
    }
}
