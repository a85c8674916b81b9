//! Lists: Kubernetes' own functions, and cel-go's list library (version 3).

use std::cmp::Ordering;

use super::{Row, arithmetic, cost, priced};
use crate::budget::{Meter, Out, error};
use crate::value::Value;

fn items(args: &[Value]) -> Out<&[Value]> {
    match args.first() {
        Some(Value::List(list)) => Ok(list.items()),
        _ => Err(super::no_such_overload()),
    }
}

fn made(meter: &mut Meter<'_>, items: Vec<Value>) -> Out {
    meter.memory(items.len().saturating_mul(size_of::<Value>()))?;
    Ok(Value::list(items))
}

/// The order of two values, paid for; an error where they have none.
fn order(meter: &mut Meter<'_>, a: &Value, b: &Value) -> Out<Option<Ordering>> {
    meter.work(1 + (a.text_len().min(b.text_len()) >> 6))?;
    a.order(b).ok_or_else(super::no_such_overload)
}

fn is_sorted(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    for pair in items(args)?.windows(2) {
        let [a, b] = pair else { continue };
        if order(meter, a, b)? == Some(Ordering::Greater) {
            return Ok(Value::Bool(false));
        }
    }
    Ok(Value::Bool(true))
}

fn sum(meter: &mut Meter<'_>, args: &[Value], nothing: Value) -> Out {
    let mut items = items(args)?.iter();
    let Some(first) = items.next() else { return Ok(nothing) };
    let mut total = first.clone();
    for item in items {
        meter.work(1)?;
        total = arithmetic(meter, '+', &total, item)?;
    }
    Ok(total)
}

fn extreme(meter: &mut Meter<'_>, args: &[Value], name: &str, wanted: Ordering) -> Out {
    let mut items = items(args)?.iter();
    let Some(mut best) = items.next() else { return error(format!("{name} called on empty list")) };
    for item in items {
        if order(meter, item, best)? == Some(wanted) {
            best = item;
        }
    }
    Ok(best.clone())
}

fn place(meter: &mut Meter<'_>, args: &[Value], last: bool) -> Out {
    let [Value::List(list), wanted] = args else { return Err(super::no_such_overload()) };
    let mut found = -1_i64;
    for (number, item) in list.items().iter().enumerate() {
        if item.equals(wanted, meter)? {
            found = i64::try_from(number).unwrap_or(i64::MAX);
            if !last {
                break;
            }
        }
    }
    Ok(Value::Int(found))
}

fn slice(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    let [Value::List(list), Value::Int(start), Value::Int(end)] = args else { return Err(super::no_such_overload()) };
    if *start < 0 || *end < 0 {
        return error(format!("cannot slice({start}, {end}), negative indexes not supported"));
    }
    if start > end {
        return error(format!("cannot slice({start}, {end}), start index must be less than or equal to end index"));
    }
    let range = |at: i64| usize::try_from(at).unwrap_or(usize::MAX);
    match list.items().get(range(*start)..range(*end)) {
        Some(part) => made(meter, part.to_vec()),
        None => error(format!("cannot slice({start}, {end}), list is length {}", list.items().len())),
    }
}

fn flatten(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    let depth = match args {
        [_] => 1,
        [_, Value::Int(depth)] if *depth < 0 => return error("level must be non-negative"),
        [_, Value::Int(depth)] => *depth,
        _ => return Err(super::no_such_overload()),
    };
    let mut out = Vec::new();
    flat(meter, items(args)?, depth, &mut out)?;
    Ok(Value::list(out))
}

fn flat(meter: &mut Meter<'_>, items: &[Value], depth: i64, out: &mut Vec<Value>) -> Out<()> {
    for item in items {
        meter.memory(size_of::<Value>())?;
        match item {
            Value::List(inner) if depth > 0 => flat(meter, inner.items(), depth - 1, out)?,
            other => out.push(other.clone()),
        }
    }
    Ok(())
}

fn distinct(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    let mut kept: Vec<Value> = Vec::new();
    'next: for item in items(args)? {
        for other in &kept {
            if item.equals(other, meter)? {
                continue 'next;
            }
        }
        kept.push(item.clone());
    }
    made(meter, kept)
}

fn range(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    let [Value::Int(end)] = args else { return Err(super::no_such_overload()) };
    let count = usize::try_from(*end).unwrap_or(0);
    meter.memory(count.saturating_mul(size_of::<Value>()))?;
    Ok(Value::list((0..*end).map(Value::Int).collect()))
}

fn reverse(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    let reversed = items(args)?.iter().rev().cloned().collect();
    made(meter, reversed)
}

fn sort(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    let items = items(args)?;
    sorted_by(meter, items.to_vec(), items.to_vec())
}

/// Values in the order of their keys, those with the same key as they were.
pub(crate) fn sorted_by(meter: &mut Meter<'_>, values: Vec<Value>, keys: Vec<Value>) -> Out {
    let count = keys.len().max(1);
    let bytes = keys.iter().fold(0, |sum: usize, key| sum.saturating_add(key.text_len()));
    meter.work(count.saturating_add(bytes >> 6).saturating_mul(count.ilog2() as usize + 1))?;
    let Some(first) = keys.first() else { return made(meter, values) };
    if keys.iter().any(|key| key.type_name() != first.type_name()) {
        return error("list elements must have the same type");
    }
    if first.order(first).is_none() {
        return error("list elements must be comparable");
    }
    let mut pairs: Vec<(Value, Value)> = keys.into_iter().zip(values).collect();
    pairs.sort_by(|a, b| a.0.order(&b.0).flatten().unwrap_or(Ordering::Equal));
    made(meter, pairs.into_iter().map(|(_, value)| value).collect())
}

fn end(args: &[Value], last: bool) -> Out {
    let items = items(args)?;
    let item = if last { items.last() } else { items.first() };
    Ok(item.map_or_else(Value::none, |item| Value::some(item.clone())))
}

pub(super) const ROWS: &[Row] = &[
    priced("list(@C).isSorted() -> bool", cost::tree, is_sorted),
    priced("list(int).sum() -> int", cost::tree, |meter, args| sum(meter, args, Value::Int(0))),
    priced("list(uint).sum() -> uint", cost::tree, |meter, args| sum(meter, args, Value::Uint(0))),
    priced("list(double).sum() -> double", cost::tree, |meter, args| sum(meter, args, Value::Double(0.0))),
    priced("list(duration).sum() -> duration", cost::tree, |meter, args| sum(meter, args, Value::Duration(0))),
    priced("list(@C).max() -> @C", cost::tree, |meter, args| extreme(meter, args, "max", Ordering::Greater)),
    priced("list(@C).min() -> @C", cost::tree, |meter, args| extreme(meter, args, "min", Ordering::Less)),
    priced("list(A).indexOf(A) -> int", cost::tree, |meter, args| place(meter, args, false)),
    priced("list(A).lastIndexOf(A) -> int", cost::tree, |meter, args| place(meter, args, true)),
    priced("list(T).slice(int, int) -> list(T)", cost::length, slice),
    priced("list(list(T)).flatten() -> list(T)", cost::flattened, flatten),
    priced("list(dyn).flatten(int) -> list(dyn)", cost::flattened, flatten),
    priced("list(T).distinct() -> list(T)", cost::squared, distinct),
    priced("lists.range(int) -> list(int)", cost::length, range),
    priced("list(T).reverse() -> list(T)", cost::length, reverse),
    priced("list(@C).sort() -> list(@C)", cost::squared, sort),
    priced("list(V).first() -> optional(V)", cost::one, |_, args| end(args, false)),
    priced("list(V).last() -> optional(V)", cost::one, |_, args| end(args, true)),
];
