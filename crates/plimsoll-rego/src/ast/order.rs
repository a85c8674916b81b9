//! The order of nodes as OPA has it: null, booleans, numbers, strings, template strings, variables, references, arrays,
//! objects, sets, comprehensions (array, object, set), calls. Places are not looked at. Objects and sets are compared as what
//! they mean: sorted, each key or member once.

use std::cmp::Ordering;

use super::{Body, Every, Expr, ExprKind, TemplatePart, Term, TermKind, With};

impl Term {
    /// Orders by meaning, without places.
    pub fn order(&self, other: &Term) -> Ordering {
        use TermKind as K;
        match (&self.kind, &other.kind) {
            (K::Bool(a), K::Bool(b)) => a.cmp(b),
            (K::Number(a), K::Number(b)) => a.cmp(b),
            (K::String(a), K::String(b)) => a.cmp(b),
            (K::Var(a), K::Var(b)) => a.cmp(b),
            (K::Ref(a), K::Ref(b)) | (K::Array(a), K::Array(b)) | (K::Call(a), K::Call(b)) => terms(a, b),
            (K::Object(a), K::Object(b)) => {
                let (a, b) = (entries(a), entries(b));
                lexical(&a, &b, |a, b| a.0.order(b.0).then_with(|| a.1.order(b.1)))
            }
            (K::Set(a), K::Set(b)) => lexical(&members(a), &members(b), |a, b| a.order(b)),
            (K::ArrayCompr { term: a, body: x }, K::ArrayCompr { term: b, body: y })
            | (K::SetCompr { term: a, body: x }, K::SetCompr { term: b, body: y }) => {
                a.order(b).then_with(|| bodies(x, y))
            }
            (K::ObjectCompr { key: k, value: v, body: x }, K::ObjectCompr { key: l, value: w, body: y }) => {
                k.order(l).then_with(|| v.order(w)).then_with(|| bodies(x, y))
            }
            (K::Template { parts: a, multi_line: m }, K::Template { parts: b, multi_line: n }) => {
                m.cmp(n).then_with(|| a.len().cmp(&b.len())).then_with(|| lexical(a, b, part))
            }
            _ => self.rank().cmp(&other.rank()),
        }
    }

    /// Whether both mean the same, wherever they stand.
    pub fn same(&self, other: &Term) -> bool {
        self.order(other) == Ordering::Equal
    }

    fn rank(&self) -> u8 {
        match self.kind {
            TermKind::Null => 0,
            TermKind::Bool(_) => 1,
            TermKind::Number(_) => 2,
            TermKind::String(_) => 3,
            TermKind::Template { .. } => 4,
            TermKind::Var(_) => 5,
            TermKind::Ref(_) => 6,
            TermKind::Array(_) => 7,
            TermKind::Object(_) => 8,
            TermKind::Set(_) => 9,
            TermKind::ArrayCompr { .. } => 10,
            TermKind::ObjectCompr { .. } => 11,
            TermKind::SetCompr { .. } => 12,
            TermKind::Call(_) => 13,
        }
    }
}

/// The entries of an object term as the object has them: sorted, of equal keys the first's key with the last's value.
pub fn entries(written: &[(Term, Term)]) -> Vec<(&Term, &Term)> {
    let mut entries: Vec<(&Term, &Term)> = written.iter().map(|(key, value)| (key, value)).collect();
    entries.sort_by(|a, b| a.0.order(b.0));
    entries.dedup_by(|later, earlier| {
        let same = later.0.same(earlier.0);
        if same {
            earlier.1 = later.1;
        }
        same
    });
    entries
}

/// The members of a set term as the set has them: sorted, of equal ones the first.
pub fn members(written: &[Term]) -> Vec<&Term> {
    let mut members: Vec<&Term> = written.iter().collect();
    members.sort_by(|a, b| a.order(b));
    members.dedup_by(|later, earlier| later.same(earlier));
    members
}

fn lexical<T>(a: &[T], b: &[T], order: impl Fn(&T, &T) -> Ordering) -> Ordering {
    for (a, b) in a.iter().zip(b) {
        let order = order(a, b);
        if order != Ordering::Equal {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

/// One after the other, then the lengths.
pub fn terms(a: &[Term], b: &[Term]) -> Ordering {
    lexical(a, b, Term::order)
}

pub fn bodies(a: &Body, b: &Body) -> Ordering {
    lexical(a, b, |a, b| a.order(b))
}

fn part(a: &TemplatePart, b: &TemplatePart) -> Ordering {
    match (a, b) {
        (TemplatePart::Text(a), TemplatePart::Text(b)) => a.order(b),
        (TemplatePart::Text(_), TemplatePart::Expr(_)) => Ordering::Less,
        (TemplatePart::Expr(_), TemplatePart::Text(_)) => Ordering::Greater,
        (TemplatePart::Expr(a), TemplatePart::Expr(b)) => a.order(b),
    }
}

impl Expr {
    /// Orders by meaning, without places.
    pub fn order(&self, other: &Expr) -> Ordering {
        use ExprKind as K;
        let kinds = match (&self.kind, &other.kind) {
            (K::Some { symbols: a, .. }, K::Some { symbols: b, .. }) => terms(a, b),
            (K::Term(a), K::Term(b)) => a.order(b),
            (K::Call { operator: f, args: a }, K::Call { operator: g, args: b }) => {
                f.order(g).then_with(|| terms(a, b))
            }
            (K::Every(a), K::Every(b)) => a.order(b),
            // Whether braces were written makes no difference in meaning.
            (K::Not { body: a, .. }, K::Not { body: b, .. }) => bodies(a, b),
            (K::And(a), K::And(b)) | (K::Or(a), K::Or(b)) => {
                bodies(&a.lhs, &b.lhs).then_with(|| bodies(&a.rhs, &b.rhs))
            }
            _ => self.rank().cmp(&other.rank()),
        };
        self.rank()
            .cmp(&other.rank())
            .then_with(|| self.negated.cmp(&other.negated))
            .then(kinds)
            .then_with(|| lexical(&self.with, &other.with, With::order))
    }

    fn rank(&self) -> u8 {
        match self.kind {
            ExprKind::Some { .. } => 0,
            ExprKind::Term(_) => 1,
            ExprKind::Call { .. } => 2,
            ExprKind::Every(_) => 3,
            ExprKind::Not { .. } => 4,
            ExprKind::And(_) => 5,
            ExprKind::Or(_) => 6,
        }
    }
}

impl With {
    fn order(&self, other: &With) -> Ordering {
        self.target.order(&other.target).then_with(|| self.value.order(&other.value))
    }
}

impl Every {
    fn order(&self, other: &Every) -> Ordering {
        let key = match (&self.key, &other.key) {
            (Some(a), Some(b)) => a.order(b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        };
        key.then_with(|| self.value.order(&other.value))
            .then_with(|| self.domain.order(&other.domain))
            .then_with(|| bodies(&self.body, &other.body))
    }
}
