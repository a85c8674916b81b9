//! An expression as a tree. Macros are nodes of their own ([`Fold`], [`Kind::Bind`]) rather than general folds: they are
//! checked and evaluated as what they are.

use std::sync::Arc;

/// A node, and the byte of the text that messages about it point at.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    pub kind: Kind,
    pub at: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Arc<str>),
    Bytes(Arc<[u8]>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Literal(Literal),
    /// With a leading dot: looked for outside of all local names.
    Ident {
        name: Arc<str>,
        absolute: bool,
    },
    Select {
        operand: Box<Expr>,
        field: Arc<str>,
        how: Access,
    },
    Index {
        operand: Box<Expr>,
        index: Box<Expr>,
        optional: bool,
    },
    /// Operators that are not nodes of their own are calls of functions like `_+_`.
    Call {
        target: Option<Box<Expr>>,
        function: Arc<str>,
        args: Vec<Expr>,
    },
    /// The places are the operators', one fewer than terms.
    And {
        terms: Vec<Expr>,
        places: Vec<usize>,
    },
    Or {
        terms: Vec<Expr>,
        places: Vec<usize>,
    },
    Conditional(Box<[Expr; 3]>),
    List(Vec<Item>),
    Map(Vec<Entry>),
    Struct {
        name: Arc<str>,
        fields: Vec<Field>,
    },
    Fold(Box<Fold>),
    Bind {
        name: Arc<str>,
        value: Box<Expr>,
        body: Box<Expr>,
    },
    /// `optMap`, and `optFlatMap` where `flat`.
    OptionalMap {
        target: Box<Expr>,
        name: Arc<str>,
        body: Box<Expr>,
        flat: bool,
    },
    /// `math.least` and `math.greatest`.
    Extreme {
        greatest: bool,
        args: Vec<Expr>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Plain,
    /// `.?field`
    Optional,
    /// `has(x.field)`
    Has,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub value: Expr,
    pub optional: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: Expr,
    pub value: Expr,
    pub optional: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub name: Arc<str>,
    pub value: Expr,
    pub optional: bool,
    pub at: usize,
}

/// What a macro over a list or a map gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    All,
    Exists,
    ExistsOne,
    /// `map`, `transformList`
    List,
    Filter,
    /// `transformMap`
    Map,
    /// `transformMapEntry`
    MapEntry,
    SortBy,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Fold {
    pub gives: Gives,
    /// The macro's name, for printing.
    pub name: &'static str,
    pub range: Expr,
    pub first: Arc<str>,
    /// The value, where the first is the index or key.
    pub second: Option<Arc<str>>,
    /// Which elements count: the predicate of `map`, `transformList`, `transformMap`, and of all the others the question.
    pub filter: Option<Expr>,
    /// What becomes of an element.
    pub step: Option<Expr>,
}

impl Expr {
    /// Whether a name stands anywhere in it.
    pub(crate) fn mentions(&self, wanted: &str) -> bool {
        let within = |expr: &Expr| expr.mentions(wanted);
        match &self.kind {
            Kind::Literal(_) => false,
            Kind::Ident { name, .. } => &**name == wanted,
            Kind::Select { operand, .. } => within(operand),
            Kind::Index { operand, index, .. } => within(operand) || within(index),
            Kind::Call { target, args, .. } => target.as_deref().is_some_and(within) || args.iter().any(within),
            Kind::And { terms, .. } | Kind::Or { terms, .. } => terms.iter().any(within),
            Kind::Conditional(parts) => parts.iter().any(within),
            Kind::List(items) => items.iter().any(|item| within(&item.value)),
            Kind::Map(entries) => entries.iter().any(|entry| within(&entry.key) || within(&entry.value)),
            Kind::Struct { fields, .. } => fields.iter().any(|field| within(&field.value)),
            Kind::Fold(fold) => within(&fold.range) || fold.filter.iter().chain(&fold.step).any(within),
            Kind::Bind { value, body, .. } => within(value) || within(body),
            Kind::OptionalMap { target, body, .. } => within(target) || within(body),
            Kind::Extreme { args, .. } => args.iter().any(within),
        }
    }
}
