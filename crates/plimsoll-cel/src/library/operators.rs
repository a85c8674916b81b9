//! What operators take and give, for the checker. Most are evaluated by nodes of their own.

use super::{Row, arithmetic::arithmetic, cost, priced, row};
use crate::budget::{Meter, Out, error};
use crate::value::Value;

fn sum(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    pair(meter, '+', args)
}

fn pair(meter: &mut Meter<'_>, operator: char, args: &[Value]) -> Out {
    match args {
        [a, b] => arithmetic(meter, operator, a, b),
        _ => Err(super::no_such_overload()),
    }
}

fn unused(_: &mut Meter<'_>, _: &[Value]) -> Out {
    error("an operator is no call")
}

fn negated(_: &mut Meter<'_>, args: &[Value]) -> Out {
    match args {
        [Value::Int(number)] => {
            number.checked_neg().map_or_else(|| error("integer overflow"), |number| Ok(Value::Int(number)))
        }
        [Value::Double(number)] => Ok(Value::Double(-number)),
        _ => Err(super::no_such_overload()),
    }
}

pub(super) const ROWS: &[Row] = &[
    priced("_+_(bytes, bytes) -> bytes", cost::both, sum),
    row("_+_(double, double) -> double", sum),
    row("_+_(duration, duration) -> duration", sum),
    row("_+_(duration, timestamp) -> timestamp", sum),
    row("_+_(timestamp, duration) -> timestamp", sum),
    row("_+_(int, int) -> int", sum),
    row("_+_(list(A), list(A)) -> list(A)", sum),
    priced("_+_(string, string) -> string", cost::both, sum),
    row("_+_(uint, uint) -> uint", sum),
    row("_-_(double, double) -> double", |meter, args| pair(meter, '-', args)),
    row("_-_(duration, duration) -> duration", |meter, args| pair(meter, '-', args)),
    row("_-_(int, int) -> int", |meter, args| pair(meter, '-', args)),
    row("_-_(timestamp, duration) -> timestamp", |meter, args| pair(meter, '-', args)),
    row("_-_(timestamp, timestamp) -> duration", |meter, args| pair(meter, '-', args)),
    row("_-_(uint, uint) -> uint", |meter, args| pair(meter, '-', args)),
    row("_*_(double, double) -> double", |meter, args| pair(meter, '*', args)),
    row("_*_(int, int) -> int", |meter, args| pair(meter, '*', args)),
    row("_*_(uint, uint) -> uint", |meter, args| pair(meter, '*', args)),
    row("_/_(double, double) -> double", |meter, args| pair(meter, '/', args)),
    row("_/_(int, int) -> int", |meter, args| pair(meter, '/', args)),
    row("_/_(uint, uint) -> uint", |meter, args| pair(meter, '/', args)),
    row("_%_(int, int) -> int", |meter, args| pair(meter, '%', args)),
    row("_%_(uint, uint) -> uint", |meter, args| pair(meter, '%', args)),
    row("-_(double) -> double", negated),
    row("-_(int) -> int", negated),
    row("!_(bool) -> bool", |_, args| match args {
        [Value::Bool(value)] => Ok(Value::Bool(!value)),
        _ => Err(super::no_such_overload()),
    }),
    row("_==_(A, A) -> bool", unused),
    row("_!=_(A, A) -> bool", unused),
    row("_<_(@O, @O) -> bool", unused),
    row("_<=_(@O, @O) -> bool", unused),
    row("_>_(@O, @O) -> bool", unused),
    row("_>=_(@O, @O) -> bool", unused),
    row("@in(A, list(A)) -> bool", unused),
    row("@in(A, map(A, B)) -> bool", unused),
    row("_&&_(bool, bool) -> bool", unused),
    row("_||_(bool, bool) -> bool", unused),
    row("_?_:_(bool, A, A) -> A", unused),
    row("_[_](list(A), int) -> A", unused),
    row("_[_](map(A, B), A) -> B", unused),
    row("_[_](optional(list(V)), int) -> optional(V)", unused),
    row("_[_](optional(map(K, V)), K) -> optional(V)", unused),
    row("_[?_](list(V), int) -> optional(V)", unused),
    row("_[?_](map(K, V), K) -> optional(V)", unused),
    row("_[?_](optional(list(V)), int) -> optional(V)", unused),
    row("_[?_](optional(map(K, V)), K) -> optional(V)", unused),
    row("_<_(int, uint) -> bool", unused),
    row("_<_(int, double) -> bool", unused),
    row("_<_(uint, int) -> bool", unused),
    row("_<_(uint, double) -> bool", unused),
    row("_<_(double, int) -> bool", unused),
    row("_<_(double, uint) -> bool", unused),
    row("_<=_(int, uint) -> bool", unused),
    row("_<=_(int, double) -> bool", unused),
    row("_<=_(uint, int) -> bool", unused),
    row("_<=_(uint, double) -> bool", unused),
    row("_<=_(double, int) -> bool", unused),
    row("_<=_(double, uint) -> bool", unused),
    row("_>_(int, uint) -> bool", unused),
    row("_>_(int, double) -> bool", unused),
    row("_>_(uint, int) -> bool", unused),
    row("_>_(uint, double) -> bool", unused),
    row("_>_(double, int) -> bool", unused),
    row("_>_(double, uint) -> bool", unused),
    row("_>=_(int, uint) -> bool", unused),
    row("_>=_(int, double) -> bool", unused),
    row("_>=_(uint, int) -> bool", unused),
    row("_>=_(uint, double) -> bool", unused),
    row("_>=_(double, int) -> bool", unused),
    row("_>=_(double, uint) -> bool", unused),
];
