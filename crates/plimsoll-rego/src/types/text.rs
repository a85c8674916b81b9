//! Types as text. Out: OPA's words as its messages have them (`(number, any...) => string`), and the notation of the
//! registry of builtins ([`Signature::notation`]).

use std::fmt::{self, Write};

use super::{Param, Signature, Type};
use crate::value::Value;

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Unknown => f.write_str("???"),
            Type::Null => f.write_str("null"),
            Type::Boolean => f.write_str("boolean"),
            Type::Number => f.write_str("number"),
            Type::String => f.write_str("string"),
            Type::Any => f.write_str("any"),
            Type::OneOf(union) => {
                f.write_str("any<")?;
                list(f, union.members())?;
                f.write_str(">")
            }
            Type::Array(array) => {
                f.write_str("array")?;
                if !array.fixed.is_empty() {
                    f.write_str("<")?;
                    list(f, &array.fixed)?;
                    f.write_str(">")?;
                }
                match &array.rest {
                    Some(rest) => write!(f, "[{rest}]"),
                    None => Ok(()),
                }
            }
            Type::Object(object) => {
                f.write_str("object")?;
                for (at, (key, value)) in object.fixed.iter().enumerate() {
                    f.write_str(if at == 0 { "<" } else { ", " })?;
                    write!(f, "{}: {value}", KeyText(key))?;
                }
                if !object.fixed.is_empty() {
                    f.write_str(">")?;
                }
                match &object.rest {
                    Some((key, value)) => write!(f, "[{key}: {value}]"),
                    None => Ok(()),
                }
            }
            Type::Set(set) => match &set.of {
                Type::Unknown => f.write_str("set"),
                of => write!(f, "set[{of}]"),
            },
            Type::Function(signature) => {
                f.write_str("(")?;
                for (at, param) in signature.args.iter().enumerate() {
                    write!(f, "{}{}", if at == 0 { "" } else { ", " }, param.of)?;
                }
                if let Some(rest) = &signature.variadic {
                    write!(f, "{}{}...", if signature.args.is_empty() { "" } else { ", " }, rest.of)?;
                }
                write!(f, ") => {}", signature.result())
            }
            Type::Recursive(recursive) => write!(f, "recursive({})", recursive.name),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, types: &[Type]) -> fmt::Result {
    for (at, one) in types.iter().enumerate() {
        write!(f, "{}{one}", if at == 0 { "" } else { ", " })?;
    }
    Ok(())
}

/// A key as Go prints it: strings bare, `[a b]`, `map[a:b]`.
pub(crate) struct KeyText<'a>(pub &'a Value);

impl fmt::Display for KeyText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, items: &[Value]| {
            f.write_str("[")?;
            for (at, item) in items.iter().enumerate() {
                write!(f, "{}{}", if at == 0 { "" } else { " " }, KeyText(item))?;
            }
            f.write_str("]")
        };
        match self.0 {
            Value::Null => f.write_str("<nil>"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Number(number) => write!(f, "{number}"),
            Value::String(text) => f.write_str(text),
            Value::Array(array) => joined(f, array.items()),
            Value::Set(set) => joined(f, set.members()),
            Value::Object(object) => {
                f.write_str("map[")?;
                for (at, (key, value)) in object.entries().iter().enumerate() {
                    write!(f, "{}{}:{}", if at == 0 { "" } else { " " }, KeyText(key), KeyText(value))?;
                }
                f.write_str("]")
            }
        }
    }
}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name}: {}", self.of),
            None => write!(f, "{}", self.of),
        }
    }
}

impl Signature {
    /// As the registry of builtins has it: `(x: number, y: number) => z: number`.
    pub fn notation(&self) -> String {
        let mut text = String::from("(");
        for (at, param) in self.args.iter().enumerate() {
            let _ = write!(text, "{}{param}", if at == 0 { "" } else { ", " });
        }
        if let Some(rest) = &self.variadic {
            let _ = write!(text, "{}...{rest}", if self.args.is_empty() { "" } else { ", " });
        }
        text.push(')');
        if let Some(result) = &self.result {
            let _ = write!(text, " => {result}");
        }
        text
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.notation())
    }
}
