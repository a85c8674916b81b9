//! Objects. In: objects and keys or paths. Out: parts and unions of them. Nested unions recurse no deeper than values are.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::operand::{any, array, object, wrong_element, wrong_type};
use super::{Builtin, Context, Failure, Outcome};
use crate::price::{look_price, row_price, search_price, sort_price};
use crate::value::{Object, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("object.get", "(object: object[any: any], key: any, default: any) => value: any", get),
    Builtin::new("object.keys", "(object: object[any: any]) => value: set[any]", keys),
    Builtin::new(
        "object.remove",
        "(object: object[any: any], keys: any<array[any], object[any: any], set[any]>) => output: object[any: any]",
        remove,
    ),
    Builtin::new(
        "object.filter",
        "(object: object[any: any], keys: any<array[any], object[any: any], set[any]>) => filtered: object[any: any]",
        filter,
    ),
    Builtin::new("object.union", "(a: object[any: any], b: object[any: any]) => output: object[any: any]", union),
    Builtin::new("object.union_n", "(objects: array[object[any: any]]) => output: object[any: any]", union_n),
    Builtin::new(
        "object.subset",
        "(super: any<array[any], object[any: any], set[any]>, sub: any<array[any], object[any: any], set[any]>) => result: boolean",
        subset,
    ),
];

type Entry = (Value, Value);

/// A key, or an array of keys to go along.
fn get(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let object = object(args, 0)?;
    let found = match any(args, 1)? {
        Value::Array(path) => {
            context.pay_values(path.items().len())?;
            let mut at = Some(any(args, 0)?);
            for key in path.items() {
                let Some(value) = at else { break };
                context.meter.steps(search_price(width(value), key))?;
                at = value.get(key);
            }
            at
        }
        key => {
            context.meter.steps(search_price(object.entries().len(), key))?;
            object.get(key)
        }
    };
    Ok(Some(found.unwrap_or(any(args, 2)?).clone()))
}

fn keys(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let entries = object(args, 0)?.entries();
    context.pay_new_values(entries.len())?;
    context.meter.steps(row_price(entries.iter().map(|(key, _)| key)))?;
    Ok(Some(Value::set(entries.iter().map(|(key, _)| key.clone()).collect())))
}

/// How many members a key is looked up among.
fn width(value: &Value) -> usize {
    match value {
        Value::Object(object) => object.entries().len(),
        Value::Set(set) => set.members().len(),
        _ => 1,
    }
}

/// Pays for looking up each entry's key among so many, and for seeing that those that stay are in order.
fn pay_keys(context: &mut Context<'_>, entries: &[Entry], count: usize) -> Result<(), Failure> {
    let price = |key| search_price(count, key).saturating_add(look_price(key));
    Ok(context.meter.steps(entries.iter().fold(0, |sum, (key, _)| sum.saturating_add(price(key))))?)
}

/// Keys given as an array, a set or an object, sorted.
fn wanted_keys<'a>(context: &mut Context<'_>, args: &'a [Value]) -> Result<Cow<'a, [Value]>, Failure> {
    let keys = match any(args, 1)? {
        Value::Set(set) => return Ok(Cow::Borrowed(set.members())),
        Value::Array(array) => array.items().to_vec(),
        Value::Object(object) => object.entries().iter().map(|(key, _)| key.clone()).collect(),
        other => return Err(wrong_type(1, other, &["object", "set", "array"])),
    };
    context.pay_new_values(keys.len().saturating_mul(2))?;
    context.meter.steps(sort_price(keys.iter()))?;
    let mut keys = keys;
    keys.sort();
    keys.dedup();
    Ok(Cow::Owned(keys))
}

fn remove(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let entries = object(args, 0)?.entries();
    let keys = wanted_keys(context, args)?;
    context.pay_new_values(entries.len().saturating_mul(2))?;
    pay_keys(context, entries, keys.len())?;
    let kept = entries.iter().filter(|(key, _)| keys.binary_search(key).is_err()).cloned();
    Ok(Some(Value::object(kept.collect())))
}

fn filter(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let object = object(args, 0)?;
    let keys = wanted_keys(context, args)?;
    context.pay_values(object.entries().len())?;
    context.pay_new_values(keys.len().min(object.entries().len()).saturating_mul(2))?;
    pay_keys(context, object.entries(), keys.len())?;
    let kept = object.entries().iter().filter(|(key, _)| keys.binary_search(key).is_ok()).cloned();
    Ok(Some(Value::object(kept.collect())))
}

fn union(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (a, b) = (object(args, 0)?, object(args, 1)?);
    if a.entries().is_empty() {
        return Ok(Some(any(args, 1)?.clone()));
    }
    if b.entries().is_empty() {
        return Ok(Some(any(args, 0)?.clone()));
    }
    Ok(Some(merged(context, a, b)?))
}

/// Where both have an object they are merged, otherwise the second one's value stays.
fn merged(context: &mut Context<'_>, a: &Object, b: &Object) -> Result<Value, Failure> {
    let (a, b) = (a.entries(), b.entries());
    context.pay_new_values(a.len().saturating_add(b.len()).saturating_mul(2))?;
    context.meter.steps(row_price(a.iter().chain(b).map(|(key, _)| key)).saturating_mul(2))?;
    let mut entries: Vec<Entry> = Vec::with_capacity(a.len().max(b.len()));
    let (mut left, mut right) = (a.iter().peekable(), b.iter().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((x, _)), Some((y, _))) => x.cmp(y),
        };
        match order {
            Ordering::Less => entries.extend(left.next().cloned()),
            Ordering::Greater => entries.extend(right.next().cloned()),
            Ordering::Equal => {
                if let (Some((key, old)), Some((_, new))) = (left.next(), right.next()) {
                    let value = match (old, new) {
                        (Value::Object(old), Value::Object(new)) => merged(context, old, new)?,
                        _ => new.clone(),
                    };
                    entries.push((key.clone(), value));
                }
            }
        }
    }
    Ok(Value::object(entries))
}

fn union_n(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let objects: Vec<&Object> = array(args, 0)?
        .items()
        .iter()
        .map(|item| match item {
            Value::Object(object) => Ok(object),
            other => Err(wrong_element(0, any(args, 0)?, other, &["object"])),
        })
        .collect::<Result<_, _>>()?;
    Ok(Some(union_of(context, &objects)?))
}

/// Pairwise in a tree, so that many small objects cost no square; merging is associative only while nothing but objects meets
/// objects, so each key's values are folded in order instead where they are not all objects.
fn union_of(context: &mut Context<'_>, objects: &[&Object]) -> Result<Value, Failure> {
    let total = objects.iter().fold(0_usize, |sum, object| sum.saturating_add(object.entries().len()));
    let rounds = total.checked_ilog2().unwrap_or(0) as usize + 1;
    context.pay_new_values(total.saturating_mul(2))?;
    context.pay_values(total.saturating_mul(rounds))?;
    let mut all: Vec<&Entry> = objects.iter().flat_map(|object| object.entries()).collect();
    let keys: Vec<&Value> = all.iter().map(|(key, _)| key).collect();
    context.meter.steps(sort_price(keys.into_iter()))?;
    // Stable: of one key the values stay in order.
    all.sort_by(|a, b| a.0.cmp(&b.0));
    let mut entries: Vec<Entry> = Vec::new();
    for group in all.chunk_by(|a, b| a.0 == b.0) {
        let Some((key, last)) = group.last() else { continue };
        // What is merged is the run of objects at the end; an earlier scalar cuts it off.
        let run = group.iter().rev().take_while(|(_, value)| matches!(value, Value::Object(_))).count();
        let value = if run < 2 {
            last.clone()
        } else {
            let inner: Vec<&Object> = group
                .iter()
                .skip(group.len() - run)
                .filter_map(|(_, value)| match value {
                    Value::Object(object) => Some(object),
                    _ => None,
                })
                .collect();
            union_of(context, &inner)?
        };
        entries.push((key.clone(), value));
    }
    Ok(Value::object(entries))
}

fn subset(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (whole, part) = (any(args, 0)?, any(args, 1)?);
    let holds = match (whole, part) {
        (Value::Array(whole), Value::Set(part)) => {
            context.pay_values(whole.items().len())?;
            let price = |sum: u64, item| sum.saturating_add(search_price(part.members().len(), item));
            context.meter.steps(whole.items().iter().fold(0, price))?;
            // OPA counts members of the set as they are met, equal ones again, until none is missing.
            let mut missing = part.members().len() as i64;
            whole.items().iter().any(|item| {
                missing -= i64::from(part.contains(item));
                missing == 0
            })
        }
        _ => match covers(context, whole, part)? {
            Some(holds) => holds,
            None => {
                return Err(Failure::operand("both arguments object.subset must be of the same type or array and set"));
            }
        },
    };
    Ok(Some(Value::Bool(holds)))
}

/// Whether one is within the other; `None` where they are not of one kind.
fn covers(context: &mut Context<'_>, whole: &Value, part: &Value) -> Result<Option<bool>, Failure> {
    Ok(Some(match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            context.pay_values(part.entries().len())?;
            for (key, wanted) in part.entries() {
                context.meter.steps(search_price(whole.entries().len(), key))?;
                let Some(have) = whole.get(key) else { return Ok(Some(false)) };
                context.pay_compared(have, wanted)?;
                if have != wanted && covers(context, have, wanted)? != Some(true) {
                    return Ok(Some(false));
                }
            }
            true
        }
        (Value::Set(whole), Value::Set(part)) => {
            context.pay_values(part.members().len())?;
            let price = |sum: u64, member| sum.saturating_add(search_price(whole.members().len(), member));
            context.meter.steps(part.members().iter().fold(0, price))?;
            part.members().iter().all(|member| whole.contains(member))
        }
        (Value::Array(whole), Value::Array(part)) => contiguous(context, whole.items(), part.items())?,
        _ => return Ok(None),
    }))
}

/// Whether the items stand in a row somewhere, found in linear time (Knuth, Morris and Pratt).
fn contiguous(context: &mut Context<'_>, whole: &[Value], part: &[Value]) -> Result<bool, Failure> {
    if part.is_empty() || part.len() > whole.len() {
        return Ok(part.is_empty());
    }
    context.pay_values(whole.len().saturating_add(part.len()).saturating_mul(2))?;
    let mut borders = vec![0_usize; part.len()];
    let mut step = |borders: &[usize], mut matched: usize, item: &Value| -> Result<usize, Failure> {
        // Each of the looks below is at the whole of the item, at worst.
        let price = look_price(item);
        while matched > 0 && part.get(matched) != Some(item) {
            context.meter.steps(price)?;
            matched = borders.get(matched - 1).copied().unwrap_or(0);
        }
        context.meter.steps(price.saturating_mul(2))?;
        Ok(matched + usize::from(part.get(matched) == Some(item)))
    };
    let mut matched = 0;
    for (at, item) in part.iter().enumerate().skip(1) {
        matched = step(&borders, matched, item)?;
        if let Some(border) = borders.get_mut(at) {
            *border = matched;
        }
    }
    matched = 0;
    for item in whole {
        matched = step(&borders, matched, item)?;
        if matched == part.len() {
            return Ok(true);
        }
    }
    Ok(false)
}
