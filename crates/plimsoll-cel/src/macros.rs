//! Calls that are macros → their nodes; all other calls as they are.

use std::sync::Arc;

use crate::ast::{Access, Expr, Fold, Gives, Kind};

/// Which macros there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Macros {
    /// `cel.bind`, `math.least`, `math.greatest`, which Kubernetes does not have.
    pub more: bool,
}

type Fault = (usize, String);

fn variable(expr: &Expr) -> Option<Arc<str>> {
    match &expr.kind {
        Kind::Ident { name, absolute: false } => Some(name.clone()),
        _ => None,
    }
}

fn named(expr: &Expr, name: &str) -> bool {
    variable(expr).is_some_and(|found| &*found == name)
}

pub(crate) fn expand(
    macros: Macros,
    at: usize,
    target: Option<Expr>,
    function: Arc<str>,
    args: Vec<Expr>,
) -> Result<Expr, Fault> {
    let plain = |target: Option<Expr>, args| {
        Ok(Expr { kind: Kind::Call { target: target.map(Box::new), function: function.clone(), args }, at })
    };
    let Some(target) = target else {
        if &*function == "has" {
            return has(at, args);
        }
        return plain(None, args);
    };
    if macros.more && named(&target, "cel") && &*function == "bind" {
        return bind(at, args);
    }
    if macros.more && named(&target, "math") && matches!(&*function, "least" | "greatest") {
        if args.is_empty() {
            return Err((target.at, format!("math.{function}() requires at least one argument")));
        }
        return Ok(Expr { kind: Kind::Extreme { greatest: &*function == "greatest", args }, at });
    }
    let found = match (&*function, args.len()) {
        ("all", 2) => ("all", Gives::All, 1, false),
        ("exists", 2) => ("exists", Gives::Exists, 1, false),
        ("exists_one", 2) => ("exists_one", Gives::ExistsOne, 1, false),
        ("filter", 2) => ("filter", Gives::Filter, 1, false),
        ("map", 2) => ("map", Gives::List, 1, false),
        ("map", 3) => ("map", Gives::List, 1, true),
        ("sortBy", 2) => ("sortBy", Gives::SortBy, 1, false),
        ("all", 3) => ("all", Gives::All, 2, false),
        ("exists", 3) => ("exists", Gives::Exists, 2, false),
        ("existsOne", 3) => ("existsOne", Gives::ExistsOne, 2, false),
        ("exists_one", 3) => ("exists_one", Gives::ExistsOne, 2, false),
        ("transformList", 3) => ("transformList", Gives::List, 2, false),
        ("transformList", 4) => ("transformList", Gives::List, 2, true),
        ("transformMap", 3) => ("transformMap", Gives::Map, 2, false),
        ("transformMap", 4) => ("transformMap", Gives::Map, 2, true),
        ("transformMapEntry", 3) => ("transformMapEntry", Gives::MapEntry, 2, false),
        ("transformMapEntry", 4) => ("transformMapEntry", Gives::MapEntry, 2, true),
        ("optMap" | "optFlatMap", 2) => return optional_map(at, target, &function, args),
        _ => return plain(Some(target), args),
    };
    let (name, gives, variables, filtered) = found;
    if gives == Gives::SortBy && matches!(target.kind, Kind::Literal(_) | Kind::Map(_) | Kind::Struct { .. }) {
        let message = "sortBy can only be applied to a list, identifier, comprehension, call or select expression";
        return Err((target.at, message.to_owned()));
    }
    let mut args = args.into_iter();
    let mut next = || args.next().ok_or((at, format!("invalid arguments of {function}")));
    let place = next()?;
    let first = variable(&place).ok_or((place.at, "argument must be a simple name".to_owned()))?;
    let second = match variables {
        2 => {
            let second = next()?;
            let place = second.at;
            let second = variable(&second).ok_or((place, "argument must be a simple name".to_owned()))?;
            if second == first {
                return Err((place, "duplicate variable name: ".to_owned() + &first));
            }
            Some(second)
        }
        _ => None,
    };
    for name in [Some(&first), second.as_ref()].into_iter().flatten() {
        if &**name == "__result__" {
            return Err((place.at, "iteration variable overwrites accumulator variable".to_owned()));
        }
    }
    let body = next()?;
    let (filter, step) = match gives {
        Gives::All | Gives::Exists | Gives::ExistsOne | Gives::Filter => (Some(body), None),
        _ if filtered => (Some(body), Some(next()?)),
        _ => (None, Some(body)),
    };
    Ok(Expr { kind: Kind::Fold(Box::new(Fold { gives, name, range: target, first, second, filter, step })), at })
}

fn has(at: usize, args: Vec<Expr>) -> Result<Expr, Fault> {
    let count = args.len();
    let mut args = args.into_iter();
    match (args.next(), count) {
        (Some(Expr { kind: Kind::Select { operand, field, how: Access::Plain }, .. }), 1) => {
            Ok(Expr { kind: Kind::Select { operand, field, how: Access::Has }, at })
        }
        (Some(other), 1) => Err((other.at, "invalid argument to has() macro".to_owned())),
        (_, _) => Ok(Expr { kind: Kind::Call { target: None, function: "has".into(), args: Vec::new() }, at }),
    }
}

fn bind(at: usize, args: Vec<Expr>) -> Result<Expr, Fault> {
    let Ok([name, value, body]) = <[Expr; 3]>::try_from(args) else {
        return Err((at, "cel.bind() takes a name, a value and an expression".to_owned()));
    };
    let name = variable(&name).ok_or((name.at, "cel.bind() variable names must be simple identifiers".to_owned()))?;
    Ok(Expr { kind: Kind::Bind { name, value: Box::new(value), body: Box::new(body) }, at })
}

fn optional_map(at: usize, target: Expr, function: &str, args: Vec<Expr>) -> Result<Expr, Fault> {
    let Ok([name, body]) = <[Expr; 2]>::try_from(args) else {
        return Err((at, format!("invalid arguments of {function}")));
    };
    let name = variable(&name).ok_or((name.at, format!("{function}() variable name must be a simple identifier")))?;
    Ok(Expr {
        kind: Kind::OptionalMap {
            target: Box::new(target),
            name,
            body: Box::new(body),
            flat: function == "optFlatMap",
        },
        at,
    })
}
