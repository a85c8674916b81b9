//! Whether two values are equal, with a price. In: two values, a meter. Out: the answer, or that the budget does not allow it:
//! values that share nothing and are equal far down are compared as far as what is paid for.

use crate::budget::{Exhausted, Meter};
pub(super) use crate::price::{search_price, sort_price};
use crate::value::Value;

/// Bytes of text that are compared for one step.
const TEXT: u64 = 1024;

/// Members of two composites of one kind and length, and how many were compared.
enum Members<'v> {
    List(&'v [Value], &'v [Value], usize),
    /// Key and value in turn.
    Entries(&'v [(Value, Value)], &'v [(Value, Value)], usize),
}

impl<'v> Iterator for Members<'v> {
    type Item = (&'v Value, &'v Value);

    fn next(&mut self) -> Option<(&'v Value, &'v Value)> {
        match self {
            Members::List(a, b, at) => {
                let pair = (a.get(*at)?, b.get(*at)?);
                *at += 1;
                Some(pair)
            }
            Members::Entries(a, b, at) => {
                let (a, b) = (a.get(*at / 2)?, b.get(*at / 2)?);
                *at += 1;
                Some(if *at % 2 == 1 { (&a.0, &b.0) } else { (&a.1, &b.1) })
            }
        }
    }
}

/// What two values are to each other at first sight.
enum Sight<'v> {
    Known(bool),
    Members(Members<'v>),
}

fn seen<'v>(a: &'v Value, b: &'v Value, meter: &mut Meter) -> Result<Sight<'v>, Exhausted> {
    let lists = |one: bool, a: &'v [Value], b: &'v [Value]| match (one, a.len() == b.len()) {
        (true, _) => Sight::Known(true),
        (_, false) => Sight::Known(false),
        _ => Sight::Members(Members::List(a, b, 0)),
    };
    Ok(match (a, b) {
        (Value::String(x), Value::String(y)) => {
            if x.len() == y.len() && x.len() as u64 >= TEXT {
                meter.steps(x.len() as u64 / TEXT)?;
            }
            Sight::Known(x == y)
        }
        (Value::Number(x), Value::Number(y)) if x.plain().is_none() && y.plain().is_none() => {
            // Digit by digit.
            meter.steps(x.text_len().min(y.text_len()) as u64 / 64)?;
            Sight::Known(x == y)
        }
        (Value::Array(x), Value::Array(y)) => lists(x.is(y), x.items(), y.items()),
        (Value::Set(x), Value::Set(y)) => lists(x.is(y), x.members(), y.members()),
        (Value::Object(x), Value::Object(y)) => {
            let (same, x, y) = (x.is(y), x.entries(), y.entries());
            match (same, x.len() == y.len()) {
                (true, _) => Sight::Known(true),
                (_, false) => Sight::Known(false),
                _ => Sight::Members(Members::Entries(x, y, 0)),
            }
        }
        _ => Sight::Known(a == b),
    })
}

/// A step for each composite's member that is looked at; what is one and the same costs nothing.
#[inline]
pub(super) fn same(a: &Value, b: &Value, meter: &mut Meter) -> Result<bool, Exhausted> {
    match seen(a, b, meter)? {
        Sight::Known(same) => Ok(same),
        Sight::Members(members) => all_same(members, meter),
    }
}

fn all_same(mut at: Members<'_>, meter: &mut Meter) -> Result<bool, Exhausted> {
    let mut around = Vec::new();
    loop {
        match at.next() {
            Some((a, b)) => {
                meter.steps(1)?;
                match seen(a, b, meter)? {
                    Sight::Known(true) => {}
                    Sight::Known(false) => return Ok(false),
                    Sight::Members(below) => around.push(std::mem::replace(&mut at, below)),
                }
            }
            None => match around.pop() {
                Some(outer) => at = outer,
                None => return Ok(true),
            },
        }
    }
}
