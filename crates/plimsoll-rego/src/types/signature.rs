//! Signatures of functions, with the names that builtins give their parameters.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{Facts, Type, compare_lists};

/// What a function takes and gives.
#[derive(Debug, Clone, Default)]
pub struct Signature {
    pub args: Vec<Param>,
    /// The type of any number of further arguments.
    pub variadic: Option<Param>,
    /// `None`: nothing is given back (`print`).
    pub result: Option<Param>,
}

#[derive(Debug, Clone)]
pub struct Param {
    pub name: Option<Arc<str>>,
    pub of: Type,
}

impl From<Type> for Param {
    fn from(of: Type) -> Param {
        Param { name: None, of }
    }
}

impl Signature {
    /// Of a function whose parameters have no names; a result of `Type::Unknown` is none.
    pub fn new(args: Vec<Type>, result: Type) -> Signature {
        let result = if matches!(result, Type::Unknown) { None } else { Some(result.into()) };
        Signature { args: args.into_iter().map(Param::from).collect(), variadic: None, result }
    }

    pub fn arity(&self) -> usize {
        self.args.len()
    }

    pub fn result(&self) -> Type {
        self.result.as_ref().map_or(Type::Unknown, |param| param.of.clone())
    }

    /// What may stand in place `index` of a call, where a place for the result comes after the arguments.
    pub fn place(&self, index: usize) -> Type {
        let result = self.result.as_ref().filter(|_| index == self.args.len());
        self.args.get(index).or(result).or(self.variadic.as_ref()).map_or(Type::Unknown, |param| param.of.clone())
    }

    pub(super) fn facts(&self) -> Facts {
        let known = |param: &Param| !param.of.is_unknown();
        let unknown = !(self.args.iter().all(known) && self.result.as_ref().is_some_and(known));
        let size = self.args.iter().chain(&self.result).fold(1u32, |sum, param| sum.saturating_add(param.of.size()));
        // Functions are members of nothing: their depth is not asked for.
        Facts { depth: 1, size, unknown, empty: false }
    }

    pub(super) fn compare(&self, other: &Signature) -> Ordering {
        let of = |param: &Option<Param>| param.as_ref().map_or(Type::Unknown, |param| param.of.clone());
        self.args
            .len()
            .cmp(&other.args.len())
            .then_with(|| compare_lists(&self.args, &other.args, |a, b| a.of.compare(&b.of)))
            .then_with(|| of(&self.result).compare(&of(&other.result)))
            .then_with(|| of(&self.variadic).compare(&of(&other.variadic)))
    }

    /// Takes and gives what either does; `None` where they differ in arity.
    pub(super) fn union(&self, other: &Signature) -> Option<Signature> {
        if self.args.len() != other.args.len() || self.variadic.is_some() != other.variadic.is_some() {
            return None;
        }
        let args = self.args.iter().zip(&other.args).map(|(a, b)| a.of.or(&b.of)).collect();
        let mut union = Signature::new(args, self.result().or(&other.result()));
        union.variadic = match (&self.variadic, &other.variadic) {
            (Some(a), Some(b)) => Some(a.of.or(&b.of).into()),
            _ => None,
        };
        Some(union)
    }
}

impl PartialEq for Signature {
    fn eq(&self, other: &Signature) -> bool {
        self.compare(other) == Ordering::Equal
    }
}

impl Eq for Signature {}
