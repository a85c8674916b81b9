//! Kubernetes' quantities: `1.5Gi`, `250m`, `1e3`. Exact, and with its two ways of holding a number, for `isInteger` tells them
//! apart.

use std::cmp::Ordering;
use std::fmt;

use num_bigint::{BigInt, Sign};

use super::{Row, cost, opaque::Opaque, priced, row};
use crate::budget::{Meter, Out, error};
use crate::value::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Decimal,
    Binary,
    Exponent,
}

/// The number is `value × 10^scale`.
#[derive(Debug, Clone)]
enum Amount {
    Small { value: i64, scale: i32 },
    Big { value: BigInt, scale: i32 },
}

#[derive(Debug, Clone)]
pub struct Quantity {
    amount: Amount,
    form: Form,
    /// Of `add` or `sub`: by a slip of the API server nothing can be held against such a one from the left.
    made: bool,
}

/// Digits of a quantity; longer ones are refused.
const MAX_TEXT: usize = 512;
/// Powers of ten: beyond them a number is refused rather than written out.
const MAX_EXPONENT: u32 = 1_000;

const FORMAT: &str = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const NUMERIC: &str = "unable to parse numeric part of quantity";
const SUFFIX: &str = "unable to parse quantity's suffix";

const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
const BINARY: [(&str, u32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];

enum Unit {
    Ten(i32),
    Two(u32),
}

fn unit(suffix: &str) -> Option<(Unit, Form)> {
    if let Some((_, exponent)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Some((Unit::Ten(*exponent), Form::Decimal));
    }
    if let Some((_, bits)) = BINARY.iter().find(|(name, _)| *name == suffix) {
        return Some((Unit::Two(*bits), Form::Binary));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?;
    let exponent: i32 = exponent.parse().ok()?;
    (exponent.unsigned_abs() <= MAX_EXPONENT).then_some((Unit::Ten(exponent), Form::Exponent))
}

fn ten(power: u32) -> BigInt {
    BigInt::from(10).pow(power)
}

impl Quantity {
    pub fn parse(text: &str) -> Result<Quantity, &'static str> {
        if text.is_empty() || text.len() > MAX_TEXT {
            return Err(FORMAT);
        }
        let negative = text.starts_with('-');
        let rest = text.strip_prefix(['+', '-']).unwrap_or(text).trim_start_matches('0');
        let count = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, mut suffix) = rest.split_at(count(rest));
        let mut decimals = "";
        if let Some(after) = suffix.strip_prefix('.') {
            (decimals, suffix) = after.split_at(count(after));
        }
        let letters = suffix.bytes().take_while(|letter| b"eEinumkKMGTP".contains(letter)).count();
        let exponent = suffix.get(letters..).unwrap_or("");
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(FORMAT);
        }
        let (unit, form) = unit(suffix).ok_or(SUFFIX)?;
        let decimals_count = i32::try_from(decimals.len()).map_err(|_| NUMERIC)?;
        let places = i32::try_from(whole.len().max(1)).map_err(|_| NUMERIC)? + decimals_count;
        let (factor, scale, precision) = match &unit {
            Unit::Ten(exponent) => (1_i64, *exponent, 18 - places),
            Unit::Two(bits) if decimals.is_empty() => {
                let length = i32::try_from(whole.len().max(1)).map_err(|_| NUMERIC)?;
                #[expect(clippy::integer_division, reason = "cut off as there")]
                let used = i32::try_from(bits * 3 / 10).unwrap_or(0);
                (1_i64 << bits, 0, 15 - length - used - 1)
            }
            Unit::Two(_) => (1, 0, -1),
        };
        let shown = format!("{}{decimals}", if whole.is_empty() { "0" } else { whole });
        if precision >= 0 && scale - decimals_count >= -9 {
            let number: i64 = shown.parse().map_err(|_| NUMERIC)?;
            if let Some(value) = number.checked_mul(factor) {
                let value = if negative { -value } else { value };
                return Ok(Quantity {
                    amount: Amount::Small { value, scale: scale - decimals_count },
                    form,
                    made: false,
                });
            }
        }
        let mut value: BigInt = shown.parse().map_err(|_| NUMERIC)?;
        let mut scale = -decimals_count;
        match unit {
            Unit::Ten(exponent) => scale += exponent,
            Unit::Two(bits) => value <<= bits,
        }
        // Counted in billionths; what is finer is rounded away from nothing.
        if value.sign() != Sign::NoSign {
            let (up, down) = (ten((scale + 9).max(0).unsigned_abs()), ten((-9 - scale).max(0).unsigned_abs()));
            let (quotient, rest) = (&value * &up / &down, &value * &up % &down);
            value = if rest.sign() == Sign::NoSign { quotient } else { quotient + 1 };
            scale = -9;
        }
        let mut form = form;
        if form == Form::Binary {
            let one = ten(scale.unsigned_abs());
            if value > BigInt::from(i64::MAX) * &one {
                value = BigInt::from(i64::MAX) * &one;
            }
            if value.sign() == Sign::Plus && value < one {
                form = Form::Decimal;
            }
        }
        if negative {
            value = -value;
        }
        Ok(Quantity { amount: Amount::Big { value, scale }, form, made: false })
    }

    pub(super) fn is_made(&self) -> bool {
        self.made
    }

    fn whole(number: i64) -> Quantity {
        Quantity { amount: Amount::Small { value: number, scale: 0 }, form: Form::Exponent, made: false }
    }

    fn parts(&self) -> (BigInt, i32) {
        match &self.amount {
            Amount::Small { value, scale } => (BigInt::from(*value), *scale),
            Amount::Big { value, scale } => (value.clone(), *scale),
        }
    }

    /// Both numbers in the finer of their scales.
    fn aligned(&self, other: &Quantity) -> (BigInt, BigInt, i32) {
        let ((a, a_scale), (b, b_scale)) = (self.parts(), other.parts());
        let scale = a_scale.min(b_scale);
        (a * ten((a_scale - scale).unsigned_abs()), b * ten((b_scale - scale).unsigned_abs()), scale)
    }

    fn compare(&self, other: &Quantity) -> Ordering {
        let (a, b, _) = self.aligned(other);
        a.cmp(&b)
    }

    fn sign(&self) -> i64 {
        match self.parts().0.sign() {
            Sign::Minus => -1,
            Sign::NoSign => 0,
            Sign::Plus => 1,
        }
    }

    fn integer(&self) -> Option<i64> {
        match &self.amount {
            Amount::Small { value, scale } => {
                let power = u32::try_from(*scale).ok()?;
                value.checked_mul(10_i64.checked_pow(power)?)
            }
            Amount::Big { .. } => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "that is what the function is for")]
    fn float(&self) -> f64 {
        let (base, scale) = match &self.amount {
            Amount::Small { value, scale } => (*value as f64, *scale),
            Amount::Big { value, scale } => (value.to_string().parse().unwrap_or(f64::NAN), *scale),
        };
        if scale == 0 { base } else { base * 10_f64.powi(scale) }
    }

    fn plus(&self, other: &Quantity, negated: bool) -> Quantity {
        let form = if self.sign() == 0 { other.form } else { self.form };
        if let (Amount::Small { value: a, scale: a_scale }, Amount::Small { value: b, scale: b_scale }) =
            (&self.amount, &other.amount)
        {
            let b = if negated { b.checked_neg() } else { Some(*b) };
            let small = match (*a, b) {
                (value, Some(0)) => Some((value, *a_scale)),
                (0, Some(b)) => Some((b, *b_scale)),
                (a, Some(b)) => {
                    let scale = (*a_scale).min(*b_scale);
                    let up = |value: i64, by: i32| value.checked_mul(10_i64.checked_pow(by.unsigned_abs())?);
                    let sum = up(a, a_scale - scale).zip(up(b, b_scale - scale)).and_then(|(a, b)| a.checked_add(b));
                    sum.map(|sum| (sum, scale))
                }
                (_, None) => None,
            };
            if let Some((value, scale)) = small {
                return Quantity { amount: Amount::Small { value, scale }, form, made: true };
            }
        }
        let (a, b, scale) = self.aligned(other);
        Quantity { amount: Amount::Big { value: if negated { a - b } else { a + b }, scale }, form, made: true }
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Quantity) -> bool {
        self.compare(other) == Ordering::Equal
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut value, mut exponent) = self.parts();
        if value.sign() == Sign::NoSign {
            return f.write_str("0");
        }
        let whole = {
            let rest = &value % ten((-exponent).max(0).unsigned_abs());
            rest.sign() == Sign::NoSign
        };
        let exact =
            if exponent >= 0 { &value * ten(exponent.unsigned_abs()) } else { &value / ten(exponent.unsigned_abs()) };
        let large = exact.magnitude() >= BigInt::from(1024).magnitude();
        if self.form == Form::Binary && large && whole {
            let (mut value, mut times) = (exact, 0_usize);
            let unit = BigInt::from(1024);
            while times < BINARY.len() && (&value % &unit).sign() == Sign::NoSign {
                value /= &unit;
                times += 1;
            }
            let suffix = times.checked_sub(1).and_then(|at| BINARY.get(at)).map_or("", |(name, _)| name);
            return write!(f, "{value}{suffix}");
        }
        while (&value % 10_u32).sign() == Sign::NoSign {
            value /= 10;
            exponent += 1;
        }
        while exponent % 3 != 0 {
            value *= 10;
            exponent -= 1;
        }
        let form = if self.form == Form::Binary { Form::Decimal } else { self.form };
        match DECIMAL.iter().find(|(_, known)| *known == exponent) {
            Some((suffix, _)) if form == Form::Decimal => write!(f, "{value}{suffix}"),
            _ if exponent == 0 => write!(f, "{value}"),
            _ => write!(f, "{value}e{exponent}"),
        }
    }
}

fn two(args: &[Value]) -> Out<(&Quantity, &Quantity)> {
    if let [Value::Opaque(a), Value::Opaque(b)] = args
        && let (Opaque::Quantity(a), Opaque::Quantity(b)) = (&**a, &**b)
    {
        return Ok((a, b));
    }
    Err(super::no_such_overload())
}

fn of(args: &[Value]) -> Out<&Quantity> {
    match args.first() {
        Some(Value::Opaque(opaque)) => match &**opaque {
            Opaque::Quantity(quantity) => Ok(quantity),
            _ => Err(super::no_such_overload()),
        },
        _ => Err(super::no_such_overload()),
    }
}

fn text(args: &[Value]) -> Out<&str> {
    args.first().and_then(Value::as_str).ok_or_else(super::no_such_overload)
}

fn moved(_: &mut Meter<'_>, args: &[Value], negated: bool) -> Out {
    let first = of(args)?;
    let sum = match args {
        [_, Value::Int(number)] => first.plus(&Quantity::whole(*number), negated),
        _ => first.plus(two(args)?.1, negated),
    };
    if sum.parts().0.bits() > 4_096 {
        return error("quantity overflow");
    }
    Ok(Value::opaque(Opaque::Quantity(sum)))
}

fn ordering(order: Ordering) -> Value {
    Value::Int(match order {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    })
}

pub(super) const ROWS: &[Row] = &[
    priced("quantity(string) -> quantity", cost::pass, |_, args| match Quantity::parse(text(args)?) {
        Ok(quantity) => Ok(Value::opaque(Opaque::Quantity(quantity))),
        Err(message) => error(message),
    }),
    priced("isQuantity(string) -> bool", cost::pass, |_, args| Ok(Value::Bool(Quantity::parse(text(args)?).is_ok()))),
    row("sign(quantity) -> int", |_, args| Ok(Value::Int(of(args)?.sign()))),
    row("quantity.isGreaterThan(quantity) -> bool", |_, args| {
        two(args).map(|(a, b)| Value::Bool(a.compare(b).is_gt()))
    }),
    row("quantity.isLessThan(quantity) -> bool", |_, args| two(args).map(|(a, b)| Value::Bool(a.compare(b).is_lt()))),
    row("quantity.compareTo(quantity) -> int", |_, args| two(args).map(|(a, b)| ordering(a.compare(b)))),
    row("quantity.asApproximateFloat() -> double", |_, args| Ok(Value::Double(of(args)?.float()))),
    row("quantity.asInteger() -> int", |_, args| match of(args)?.integer() {
        Some(number) => Ok(Value::Int(number)),
        None => error("cannot convert value to integer"),
    }),
    row("quantity.isInteger() -> bool", |_, args| Ok(Value::Bool(of(args)?.integer().is_some()))),
    row("quantity.add(quantity) -> quantity", |meter, args| moved(meter, args, false)),
    row("quantity.add(int) -> quantity", |meter, args| moved(meter, args, false)),
    row("quantity.sub(quantity) -> quantity", |meter, args| moved(meter, args, true)),
    row("quantity.sub(int) -> quantity", |meter, args| moved(meter, args, true)),
];
