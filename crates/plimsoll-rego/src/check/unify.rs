//! Whether types and terms can be equal. In: two types, or a term and the type that it is to have. Out: yes or no, and types
//! of variables that had none.

use std::cmp::Ordering;
use std::sync::Arc;

use super::Checker;
use super::terms::{constant, entries, json_key, members};
use crate::ast::{Term, TermKind};
use crate::types::{ArrayType, ObjectType, Type};

/// Recursive types are compared no deeper; those that agree so far are held to agree.
const MAX_UNROLLED: u16 = crate::types::MAX_TYPE_DEPTH + 16;

/// For two types that are at least so large it is remembered whether they unify: rules compare the same documents.
const REMEMBERED_SIZE: u32 = 64;
const MAX_REMEMBERED: usize = 10_000;

/// Whether a value may be of both types.
pub(super) fn unifies(a: &Type, b: &Type) -> bool {
    Unifier { left: u64::MAX }.types(a, b, 0)
}

/// Compares types and counts what that costs.
pub(super) struct Unifier {
    pub left: u64,
}

impl Unifier {
    pub fn types(&mut self, a: &Type, b: &Type, depth: u16) -> bool {
        if self.left == 0 || depth > MAX_UNROLLED {
            return true;
        }
        self.left -= 1;
        match (a, b) {
            (Type::Unknown, _) | (_, Type::Unknown) => false,
            (Type::Recursive(a), b) => self.types(&a.target(), b, depth + 1),
            (a, Type::Recursive(b)) => self.types(a, &b.target(), depth + 1),
            (Type::Any, other) | (other, Type::Any) => !matches!(other, Type::Function(_)),
            (Type::OneOf(x), Type::OneOf(y)) if Arc::ptr_eq(x, y) => true,
            (Type::OneOf(union), other) | (other, Type::OneOf(union)) => {
                !matches!(other, Type::Function(_))
                    && union.members().iter().any(|member| self.types(member, other, depth + 1))
            }
            (Type::Null, Type::Null)
            | (Type::Boolean, Type::Boolean)
            | (Type::Number, Type::Number)
            | (Type::String, Type::String) => true,
            (Type::Array(x), Type::Array(y)) => Arc::ptr_eq(x, y) && !a.is_unknown() || self.arrays(x, y, depth + 1),
            (Type::Object(x), Type::Object(y)) => Arc::ptr_eq(x, y) && !a.is_unknown() || self.objects(x, y, depth + 1),
            (Type::Set(x), Type::Set(y)) => {
                // The empty set is a member of every type of sets.
                matches!(x.of(), Type::Unknown)
                    || matches!(y.of(), Type::Unknown)
                    || self.types(x.of(), y.of(), depth + 1)
            }
            (Type::Function(x), Type::Function(y)) => {
                x.arity() == y.arity() && x.args.iter().zip(&y.args).all(|(a, b)| self.types(&a.of, &b.of, depth + 1))
            }
            _ => false,
        }
    }

    fn arrays(&mut self, a: &ArrayType, b: &ArrayType, depth: u16) -> bool {
        let mut each = |at: usize| self.types(&a.at(at), &b.at(at), depth);
        if !(0..a.fixed().len().max(b.fixed().len())).all(&mut each) {
            return false;
        }
        match (a.rest(), b.rest()) {
            (Some(a), Some(b)) => self.types(a, b, depth),
            _ => true,
        }
    }

    fn objects(&mut self, a: &ObjectType, b: &ObjectType, depth: u16) -> bool {
        let open = a.rest().is_some() || b.rest().is_some();
        let (mut xs, mut ys) = (a.fixed().iter().peekable(), b.fixed().iter().peekable());
        loop {
            self.left = self.left.saturating_sub(1);
            let order = match (xs.peek(), ys.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((x, _)), Some((y, _))) => x.cmp(y),
            };
            let x = if order.is_le() { xs.next() } else { None };
            let y = if order.is_ge() { ys.next() } else { None };
            let unify = match (x, y) {
                (Some((_, x)), Some((_, y))) => self.types(x, y, depth),
                // What is not known by its key may be among the other's further members.
                (Some((key, of)), None) => self.member(of, &b.at(key), open, depth),
                (None, Some((key, of))) => self.member(of, &a.at(key), open, depth),
                (None, None) => true,
            };
            if !unify {
                return false;
            }
        }
        match (a.rest(), b.rest()) {
            (Some((_, a)), Some((_, b))) => self.types(a, b, depth),
            _ => true,
        }
    }

    fn member(&mut self, of: &Type, found: &Type, open: bool, depth: u16) -> bool {
        match found {
            Type::Unknown => open,
            found => self.types(of, found, depth),
        }
    }
}

/// The type of an object's constant key.
pub(super) fn select_constant(of: &Type, term: &Term) -> Type {
    constant(term).map_or(Type::Unknown, |key| of.select(&json_key(key)))
}

impl Checker<'_> {
    pub(super) fn unifies(&mut self, a: &Type, b: &Type) -> bool {
        let known = if a.size().min(b.size()) < REMEMBERED_SIZE { None } else { a.address().zip(b.address()) };
        if let Some(pair) = known
            && let Some((unify, ..)) = self.unified.get(&pair)
        {
            self.work = self.work.saturating_sub(1);
            return *unify;
        }
        let mut unifier = Unifier { left: self.work };
        let result = unifier.types(a, b, 0);
        self.work = unifier.left;
        if let Some(pair) = known
            && self.unified.len() < MAX_REMEMBERED
        {
            // The types are kept so that nothing else comes to be at their addresses.
            self.unified.insert(pair, (result, a.clone(), b.clone()));
        }
        result
    }

    /// Whether both terms may be equal.
    pub(super) fn unify_terms(&mut self, a: &Term, of_a: &Type, b: &Term, of_b: &Type) -> bool {
        match (of_a.is_unknown(), of_b.is_unknown()) {
            (true, false) => return self.unify(a, of_b, false),
            (false, true) => return self.unify(b, of_a, false),
            (false, false) => return self.unifies(of_a, of_b),
            (true, true) => {}
        }
        match (&a.kind, &b.kind) {
            (TermKind::Array(x), TermKind::Array(y)) => return self.unify_arrays(x, y),
            (TermKind::Object(x), TermKind::Object(y)) => return self.unify_objects(x, y),
            (TermKind::Array(_) | TermKind::Object(_), TermKind::Var(_)) => return self.unify_free(a, b),
            (TermKind::Array(_) | TermKind::Object(_), _) => return false,
            (TermKind::Var(_), TermKind::Var(_)) => return self.unify_free(a, b),
            (TermKind::Var(_), TermKind::Array(_) | TermKind::Object(_)) => return self.unify_free(b, a),
            (TermKind::Var(_), TermKind::Ref(_)) => return self.unify(a, &Type::Any, false),
            (TermKind::Ref(_), TermKind::Var(_)) => return self.unify(b, &Type::Any, false),
            _ => {}
        }
        // A variable beside something of which a part is known takes that.
        if matches!(a.kind, TermKind::Var(_)) && matches!(of_a, Type::Unknown) && !matches!(of_b, Type::Unknown) {
            return self.unify(a, of_b, false);
        }
        if matches!(b.kind, TermKind::Var(_)) && matches!(of_b, Type::Unknown) && !matches!(of_a, Type::Unknown) {
            return self.unify(b, of_a, false);
        }
        false
    }

    /// Nothing is known of either: the first may be anything, the second is like it.
    fn unify_free(&mut self, a: &Term, b: &Term) -> bool {
        if !self.unify(a, &Type::Any, false) {
            return false;
        }
        let of = self.type_of(a);
        self.unify(b, &of, false)
    }

    fn unify_pair(&mut self, a: &Term, b: &Term) -> bool {
        let (of_a, of_b) = (self.type_of(a), self.type_of(b));
        self.unify_terms(a, &of_a, b, &of_b)
    }

    fn unify_arrays(&mut self, a: &[Term], b: &[Term]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.unify_pair(a, b))
    }

    fn unify_objects(&mut self, a: &[(Term, Term)], b: &[(Term, Term)]) -> bool {
        let (a, b) = (entries(a), entries(b));
        a.len() == b.len()
            && a.iter().zip(&b).all(|((a, _), (b, _))| a.same(b))
            && a.iter().zip(&b).all(|((_, a), (_, b))| self.unify_pair(a, b))
    }

    /// Whether a term may be of a type; variables in it that had none take theirs from it. Within a union (`union`) types of
    /// variables are joined.
    pub(super) fn unify(&mut self, term: &Term, of: &Type, union: bool) -> bool {
        if !self.pay(1) {
            return true;
        }
        match &term.kind {
            TermKind::Array(_) | TermKind::Object(_) | TermKind::Set(_) => self.unify_composite(term, of, union),
            TermKind::Var(name) => {
                let have = self.variable(name);
                if union {
                    self.put_variable(name, have.or(of));
                } else if matches!(have, Type::Unknown) {
                    self.put_variable(name, of.clone());
                } else {
                    return self.unifies(&have, of);
                }
                true
            }
            _ => {
                let have = self.type_of(term);
                self.unifies(&have, of)
            }
        }
    }

    fn unify_composite(&mut self, term: &Term, of: &Type, union: bool) -> bool {
        let of = match of {
            Type::Any => {
                match &term.kind {
                    TermKind::Array(items) => items.iter().for_each(|item| {
                        self.unify(item, &Type::Any, true);
                    }),
                    TermKind::Object(written) => entries(written).into_iter().for_each(|(key, value)| {
                        self.unify(key, &Type::Any, true);
                        self.unify(value, &Type::Any, true);
                    }),
                    TermKind::Set(written) => members(written).into_iter().for_each(|member| {
                        self.unify(member, &Type::Any, true);
                    }),
                    _ => {}
                }
                return true;
            }
            Type::OneOf(one_of) => {
                // All of them: each gives variables its types.
                return one_of.members().iter().filter(|member| self.unify(term, member, true)).count() > 0;
            }
            Type::Recursive(recursive) => &recursive.target(),
            other => other,
        };
        match (&term.kind, of) {
            (TermKind::Array(items), Type::Array(array)) => {
                (items.len() == array.fixed().len() || array.rest().is_some())
                    && items.iter().enumerate().all(|(at, item)| self.unify(item, &array.at(at), union))
            }
            (TermKind::Object(written), Type::Object(object)) => {
                let entries = entries(written);
                if entries.len() != object.fixed().len() && object.rest().is_none() {
                    return false;
                }
                entries.into_iter().all(|(key, value)| match constant(key) {
                    Some(key) => match object.at(&json_key(key)) {
                        Type::Unknown => false,
                        of => self.unify(value, &of, union),
                    },
                    None => {
                        self.unify(value, &Type::Any, union);
                        true
                    }
                })
            }
            (TermKind::Set(written), Type::Set(set)) => {
                members(written).into_iter().all(|member| self.unify(member, set.of(), union))
            }
            _ => false,
        }
    }
}
