//! Sets and arrays. In: composites. Out: new ones, by merging what is sorted already.

use std::cmp::Ordering;

use super::operand::{any, array, integer, set};
use super::{Builtin, Context, Failure, Outcome};
use crate::price::{look_price, row_price, search_price, sort_price};
use crate::value::{Set, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("and", "(x: set[any], y: set[any]) => z: set[any]", and).infix("&"),
    Builtin::new("or", "(x: set[any], y: set[any]) => z: set[any]", or).infix("|"),
    Builtin::new("set_diff", "(set[any], set[any]) => set[any]", set_diff).deprecated(),
    Builtin::new("intersection", "(xs: set[set[any]]) => y: set[any]", intersection),
    Builtin::new("union", "(xs: set[set[any]]) => y: set[any]", union),
    Builtin::new("array.concat", "(x: array[any], y: array[any]) => z: array[any]", concat),
    Builtin::new("array.flatten", "(arr: array[any]) => flattened: array[any]", flatten),
    Builtin::new("array.reverse", "(arr: array[any]) => rev: array[any]", reverse),
    Builtin::new("array.slice", "(arr: array[any], start: number, stop: number) => slice: array[any]", slice),
];

/// What to keep of a merge of two sorted sets.
#[derive(Clone, Copy)]
struct Keep {
    left: bool,
    both: bool,
    right: bool,
}

fn merged(context: &mut Context<'_>, a: &[Value], b: &[Value], keep: Keep) -> Result<Vec<Value>, Failure> {
    // A small set is looked up in a large one.
    if !keep.right && a.len().saturating_mul(16) < b.len() {
        context.pay_new_values(a.len().saturating_mul(4))?;
        // Found, and then seen to be in order.
        let price = |member| search_price(b.len(), member).saturating_add(look_price(member));
        context.meter.steps(a.iter().fold(0, |sum, member| sum.saturating_add(price(member))))?;
        return Ok(a
            .iter()
            .filter(|member| if b.binary_search(member).is_ok() { keep.both } else { keep.left })
            .cloned()
            .collect());
    }
    context.pay_new_values(a.len().saturating_add(b.len()))?;
    context.meter.steps(row_price(a.iter().chain(b)).saturating_mul(2))?;
    let mut kept = Vec::new();
    let (mut left, mut right) = (a.iter().peekable(), b.iter().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => return Ok(kept),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(x), Some(y)) => x.cmp(y),
        };
        let member = match order {
            Ordering::Less => left.next().filter(|_| keep.left),
            Ordering::Greater => right.next().filter(|_| keep.right),
            Ordering::Equal => {
                right.next();
                left.next().filter(|_| keep.both)
            }
        };
        kept.extend(member.cloned());
    }
}

pub(super) fn difference(context: &mut Context<'_>, a: &Set, b: &Set) -> Result<Value, Failure> {
    let keep = Keep { left: true, both: false, right: false };
    Ok(Value::set(merged(context, a.members(), b.members(), keep)?))
}

fn set_diff(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    difference(context, set(args, 0)?, set(args, 1)?).map(Some)
}

fn and(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (a, b) = (set(args, 0)?.members(), set(args, 1)?.members());
    // The smaller one's members stay, as in OPA; of equal sizes the first one's.
    let (a, b) = if b.len() < a.len() { (b, a) } else { (a, b) };
    let keep = Keep { left: false, both: true, right: false };
    Ok(Some(Value::set(merged(context, a, b, keep)?)))
}

fn or(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (a, b) = (set(args, 0)?.members(), set(args, 1)?.members());
    let keep = Keep { left: true, both: true, right: true };
    Ok(Some(Value::set(merged(context, a, b, keep)?)))
}

/// The sets within a set, each of which must be one.
fn sets(args: &[Value]) -> Result<Vec<&Set>, Failure> {
    set(args, 0)?.members().iter().map(|member| set(std::slice::from_ref(member), 0)).collect()
}

fn intersection(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let sets = sets(args)?;
    let Some((first, rest)) = sets.split_first() else { return Ok(Some(Value::set(Vec::new()))) };
    context.pay_new_values(first.members().len())?;
    let mut kept = first.members().to_vec();
    for other in rest {
        let keep = Keep { left: false, both: true, right: false };
        kept = merged(context, &kept, other.members(), keep)?;
    }
    Ok(Some(Value::set(kept)))
}

fn union(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let sets = sets(args)?;
    let total = sets.iter().fold(0_usize, |total, set| total.saturating_add(set.members().len()));
    let rounds = total.checked_ilog2().unwrap_or(0) as usize + 1;
    context.pay_new_values(total)?;
    context.pay_values(total.saturating_mul(rounds))?;
    let mut all = Vec::with_capacity(total);
    for set in sets {
        all.extend_from_slice(set.members());
    }
    context.meter.steps(sort_price(all.iter()))?;
    Ok(Some(Value::set(all)))
}

fn concat(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (a, b) = (array(args, 0)?.items(), array(args, 1)?.items());
    if a.is_empty() || b.is_empty() {
        return Ok(args.get(usize::from(a.is_empty())).cloned());
    }
    context.pay_new_values(a.len().saturating_add(b.len()))?;
    Ok(Some(Value::array([a, b].concat())))
}

/// One level.
fn flatten(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let items = array(args, 0)?.items();
    let total = items.iter().fold(0_usize, |total, item| match item {
        Value::Array(inner) => total.saturating_add(inner.items().len()),
        _ => total.saturating_add(1),
    });
    context.pay_values(items.len())?;
    context.pay_new_values(total)?;
    let mut flat = Vec::with_capacity(total);
    for item in items {
        match item {
            Value::Array(inner) => flat.extend_from_slice(inner.items()),
            other => flat.push(other.clone()),
        }
    }
    Ok(Some(Value::array(flat)))
}

fn reverse(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let items = array(args, 0)?.items();
    context.pay_new_values(items.len())?;
    Ok(Some(Value::array(items.iter().rev().cloned().collect())))
}

fn slice(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let items = array(args, 0)?.items();
    let (start, stop) = (integer(args, 1)?, integer(args, 2)?);
    let clamp = |index: i64, most: usize| usize::try_from(index.max(0)).unwrap_or(usize::MAX).min(most);
    let stop = clamp(stop, items.len());
    let start = clamp(start, stop);
    if start == 0 && stop == items.len() {
        return Ok(Some(any(args, 0)?.clone()));
    }
    context.pay_new_values(stop - start)?;
    Ok(Some(Value::array(items.get(start..stop).unwrap_or_default().to_vec())))
}
