//! `semver.compare` and `semver.is_valid`, by OPA's own rules: an optional `v`, three numbers below 2⁶³, and an order of
//! pre-releases that reads numbers beyond 64 bits as the largest.

use std::cmp::Ordering;

use super::{Builtin, Context, Failure, want};
use crate::value::Value;

type Result = std::result::Result<Option<Value>, Failure>;

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("semver.compare", "(a: string, b: string) => result: number", compare),
    Builtin::new("semver.is_valid", "(vsn: any) => result: boolean", is_valid),
];

struct Version<'a> {
    numbers: [i64; 3],
    pre: &'a str,
}

fn identifiers(text: &str) -> bool {
    text.split('.').all(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
}

fn decimals(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn leading_zero(text: &str) -> bool {
    text.len() > 1 && text.starts_with('0')
}

fn number(text: &str) -> Option<i64> {
    if !decimals(text) || leading_zero(text) { None } else { text.parse().ok() }
}

fn parse(text: &str) -> Option<Version<'_>> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let text = match text.split_once('+') {
        Some((before, metadata)) => identifiers(metadata).then_some(before)?,
        None => text,
    };
    let (text, pre) = match text.split_once('-') {
        Some((before, pre)) => {
            let fine = identifiers(pre) && !pre.split('.').any(|id| leading_zero(id) && decimals(id));
            (fine.then_some(before)?, pre)
        }
        None => (text, ""),
    };
    let mut parts = text.split('.');
    let numbers = [number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?];
    if parts.next().is_some() {
        return None;
    }
    Some(Version { numbers, pre })
}

fn order(a: &Version<'_>, b: &Version<'_>) -> Ordering {
    a.numbers.cmp(&b.numbers).then_with(|| match (a.pre, b.pre) {
        (a, b) if a == b => Ordering::Equal,
        ("", _) => Ordering::Greater,
        (_, "") => Ordering::Less,
        (a, b) => pre_order(a, b),
    })
}

fn pre_order(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let (one, other) = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(one), Some(other)) => (one, other),
        };
        let order = match (decimals(one), decimals(other)) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (true, true) => one.parse().unwrap_or(i64::MAX).cmp(&other.parse().unwrap_or(i64::MAX)),
            (false, false) => one.cmp(other),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn compare(context: &mut Context<'_>, args: &[Value]) -> Result {
    let (a, b) = (want::string(args, 0, 1)?, want::string(args, 1, 2)?);
    want::pay_reading(context, a.len() + b.len())?;
    let none = |at, text| Failure::builtin(format!("operand {at}: string {text} is not a valid SemVer"));
    let a = parse(a).ok_or_else(|| none(1, want::argument(args, 0)))?;
    let b = parse(b).ok_or_else(|| none(2, want::argument(args, 1)))?;
    Ok(Some(Value::int(order(&a, &b) as i64)))
}

fn is_valid(context: &mut Context<'_>, args: &[Value]) -> Result {
    let text = want::argument(args, 0).as_str();
    want::pay_reading(context, text.map_or(0, str::len))?;
    Ok(Some(Value::Bool(text.and_then(parse).is_some())))
}
