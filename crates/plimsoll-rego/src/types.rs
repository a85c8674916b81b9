//! Types of values as OPA's checker has them: what builtins declare, what references and rules may give. The notation of
//! [`Signature`]s in the registry is read here, and `Display` gives OPA's words (`array<number>[any]`, `set[string]` …).

use crate::value::Value;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// One of several; of none: anything at all.
    Any(Vec<Type>),
    Null,
    Boolean,
    Number,
    String,
    Array {
        fixed: Vec<Type>,
        rest: Option<Box<Type>>,
    },
    Object {
        fixed: Vec<(Value, Type)>,
        rest: Option<Box<(Type, Type)>>,
    },
    Set(Box<Type>),
    Function {
        args: Vec<Type>,
        variadic: Option<Box<Type>>,
        result: Option<Box<Type>>,
    },
}
