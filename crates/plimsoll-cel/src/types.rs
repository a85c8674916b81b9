//! Types as the checker knows them, and whether one may stand where another is wanted.

use std::fmt;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    Dyn,
    /// What already has an issue: goes with everything, so that one fault is told once.
    Error,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Timestamp,
    Duration,
    /// A type as a value; what it is the type of, where that is known.
    Type(Option<Arc<Type>>),
    List(Arc<Type>),
    Map(Arc<(Type, Type)>),
    Optional(Arc<Type>),
    /// Types of a library: `net.IP`.
    Opaque(&'static str),
    /// A type with fields: see `crate::schema`.
    Object(Arc<str>),
    /// Unknown yet: an index into a `Bindings`.
    Param(usize),
}

impl Type {
    pub fn list(of: Type) -> Type {
        Type::List(Arc::new(of))
    }

    pub fn map(key: Type, value: Type) -> Type {
        Type::Map(Arc::new((key, value)))
    }

    pub fn optional(of: Type) -> Type {
        Type::Optional(Arc::new(of))
    }

    pub(crate) fn is_dyn(&self) -> bool {
        matches!(self, Type::Dyn | Type::Error)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Dyn => "dyn",
            Type::Error => "!error!",
            Type::Null => "null",
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Uint => "uint",
            Type::Double => "double",
            Type::String => "string",
            Type::Bytes => "bytes",
            Type::Timestamp => "timestamp",
            Type::Duration => "duration",
            Type::Type(None) => "type",
            Type::Type(Some(of)) => return write!(f, "type({of})"),
            Type::List(of) => return write!(f, "list({of})"),
            Type::Map(of) => return write!(f, "map({}, {})", of.0, of.1),
            Type::Optional(of) => return write!(f, "optional_type({of})"),
            Type::Opaque(name) => name,
            Type::Object(name) => name,
            Type::Param(number) => return write!(f, "_var{number}"),
        })
    }
}

/// Types within one another; deeper ones are `dyn`. Small, for a map's type may hold the same type twice at each level.
const MAX_DEPTH: usize = 10;

/// What the unknown types of one expression turned out to be.
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    known: Vec<Option<Type>>,
}

impl Bindings {
    pub fn fresh(&mut self) -> Type {
        self.known.push(None);
        Type::Param(self.known.len() - 1)
    }

    fn bound(&self, number: usize) -> Option<&Type> {
        self.known.get(number).and_then(Option::as_ref)
    }

    fn bind(&mut self, number: usize, to: Type) {
        if let Some(slot) = self.known.get_mut(number) {
            *slot = Some(to);
        }
    }

    /// With everything known put in; what stays unknown is `dyn` where `last`.
    pub fn resolved(&self, of: &Type, last: bool) -> Type {
        self.resolved_within(of, last, MAX_DEPTH)
    }

    fn resolved_within(&self, of: &Type, last: bool, depth: usize) -> Type {
        if depth == 0 {
            return Type::Dyn;
        }
        let inner = |of: &Type| self.resolved_within(of, last, depth - 1);
        match of {
            Type::Param(number) => match self.bound(*number) {
                Some(known) => inner(known),
                None if last => Type::Dyn,
                None => of.clone(),
            },
            Type::List(item) => Type::list(inner(item)),
            Type::Map(pair) => Type::map(inner(&pair.0), inner(&pair.1)),
            Type::Optional(item) => Type::optional(inner(item)),
            Type::Type(Some(item)) => Type::Type(Some(Arc::new(inner(item)))),
            other => other.clone(),
        }
    }

    fn mentions(&self, number: usize, within: &Type, depth: usize) -> bool {
        if depth == 0 {
            return false;
        }
        match within {
            Type::Param(other) if *other == number => true,
            Type::Param(other) => self.bound(*other).is_some_and(|known| self.mentions(number, known, depth - 1)),
            Type::List(item) | Type::Optional(item) | Type::Type(Some(item)) => self.mentions(number, item, depth - 1),
            Type::Map(pair) => self.mentions(number, &pair.0, depth - 1) || self.mentions(number, &pair.1, depth - 1),
            _ => false,
        }
    }

    /// Whether a value of `from` may stand where `to` is wanted. Learns what that makes of unknown types, even from an attempt
    /// that fails: see [`Bindings::all_assignable`].
    fn assignable(&mut self, from: &Type, to: &Type, depth: usize) -> bool {
        if depth == 0 {
            return true;
        }
        match (from, to) {
            (Type::Param(a), Type::Param(b)) if a == b => true,
            (_, Type::Param(number)) => self.assignable_to(from, *number, depth),
            (Type::Param(number), _) => self.assignable_to(to, *number, depth),
            _ if from.is_dyn() || to.is_dyn() => true,
            (Type::Null, other) | (other, Type::Null) => {
                matches!(
                    other,
                    Type::Null
                        | Type::Opaque(_)
                        | Type::Optional(_)
                        | Type::Object(_)
                        | Type::Timestamp
                        | Type::Duration
                )
            }
            (Type::List(a), Type::List(b)) | (Type::Optional(a), Type::Optional(b)) => self.assignable(a, b, depth - 1),
            (Type::Map(a), Type::Map(b)) => {
                self.assignable(&a.0, &b.0, depth - 1) && self.assignable(&a.1, &b.1, depth - 1)
            }
            (Type::Type(_), Type::Type(_)) => true,
            (a, b) => a == b,
        }
    }

    fn assignable_to(&mut self, other: &Type, number: usize, depth: usize) -> bool {
        let Some(known) = self.bound(number).cloned() else {
            if self.mentions(number, other, MAX_DEPTH) {
                return matches!(other, Type::Param(_));
            }
            self.bind(number, other.clone());
            return true;
        };
        if !self.assignable(other, &known, depth - 1) {
            return false;
        }
        let general = self.most_general(other, &known);
        if !self.mentions(number, &general, MAX_DEPTH) {
            self.bind(number, general);
        }
        true
    }

    fn most_general(&self, a: &Type, b: &Type) -> Type {
        if self.equal_or_less_specific(a, b, MAX_DEPTH) { a.clone() } else { b.clone() }
    }

    fn equal_or_less_specific(&self, a: &Type, b: &Type, depth: usize) -> bool {
        if depth == 0 {
            return true;
        }
        match (a, b) {
            (Type::Dyn | Type::Error, _) => true,
            (Type::Param(_), _) => !b.is_dyn(),
            (_, Type::Dyn | Type::Error | Type::Param(_)) => false,
            (Type::List(a), Type::List(b)) | (Type::Optional(a), Type::Optional(b)) => {
                self.equal_or_less_specific(a, b, depth - 1)
            }
            (Type::Map(a), Type::Map(b)) => {
                self.equal_or_less_specific(&a.0, &b.0, depth - 1) && self.equal_or_less_specific(&a.1, &b.1, depth - 1)
            }
            (Type::Type(_), Type::Type(_)) => true,
            _ => a == b,
        }
    }

    /// Each of `from` where each of `to` is wanted; what was learnt stays only where all go.
    pub fn all_assignable(&mut self, from: &[Type], to: &[Type]) -> bool {
        if from.len() != to.len() {
            return false;
        }
        let before = self.known.clone();
        let fits = from.iter().zip(to).all(|(from, to)| self.assignable(from, to, MAX_DEPTH));
        if !fits {
            self.known = before;
        }
        fits
    }

    pub fn fits(&mut self, from: &Type, to: &Type) -> bool {
        self.all_assignable(std::slice::from_ref(from), std::slice::from_ref(to))
    }

    /// The type of both, where they have one.
    pub fn joined(&mut self, a: &Type, b: &Type) -> Option<Type> {
        let fits = self.fits(a, b);
        fits.then(|| self.most_general(a, b))
    }
}
