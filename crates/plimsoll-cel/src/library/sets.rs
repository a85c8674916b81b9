//! Lists taken as sets.

use super::{Row, cost, priced};
use crate::budget::{Meter, Out};
use crate::value::{List, Value};

fn lists(args: &[Value]) -> Out<(&List, &List)> {
    match args {
        [Value::List(a), Value::List(b)] => Ok((a, b)),
        _ => Err(super::no_such_overload()),
    }
}

fn has(meter: &mut Meter<'_>, list: &List, wanted: &Value) -> Out<bool> {
    for item in list.items() {
        if item.equals(wanted, meter)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn all(meter: &mut Meter<'_>, list: &List, wanted: &List) -> Out<bool> {
    for item in wanted.items() {
        if !has(meter, list, item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn contains(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    let (a, b) = lists(args)?;
    Ok(Value::Bool(all(meter, a, b)?))
}

fn equivalent(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    let (a, b) = lists(args)?;
    Ok(Value::Bool(all(meter, a, b)? && all(meter, b, a)?))
}

fn intersects(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    let (a, b) = lists(args)?;
    for item in b.items() {
        if has(meter, a, item)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

pub(super) const ROWS: &[Row] = &[
    priced("sets.contains(list(T), list(T)) -> bool", cost::pairs, contains),
    priced("sets.equivalent(list(T), list(T)) -> bool", cost::pairs_twice, equivalent),
    priced("sets.intersects(list(T), list(T)) -> bool", cost::pairs, intersects),
];
