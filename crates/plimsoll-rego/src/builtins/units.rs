//! Amounts with units, of Kubernetes resources and of bytes. In: `500m`, `1.5Gi`, `10KB`. Out: numbers. Exponents have six
//! digits at most, as in OPA.

use num_bigint::{BigInt, BigUint};

use super::operand::string;
use super::{Builtin, Context, Failure, Outcome, types};
use crate::value::{ArithmeticError, Float, MAX_NUMBER_BITS, Number, NumberError, Value, cost};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("units.parse", "(x: string) => y: number", parse),
    Builtin::new("units.parse_bytes", "(x: string) => y: number", parse_bytes),
];

/// The number and the unit behind it.
fn amount(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    // OPA asks Unicode of single bytes, of which none beyond ASCII is a digit.
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let sign = |at: usize| matches!(bytes.get(at), Some(b'+' | b'-'));
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'0'..=b'9' | b'.' | b'+' | b'-' => {}
            b'e' | b'E' => {
                if !digit(at + 1) && !sign(at + 1) {
                    return Some(split(text, at));
                }
                if sign(at + 1) {
                    at += 1;
                }
                let digits = bytes.iter().skip(at + 1).take_while(|byte| byte.is_ascii_digit()).count();
                if digits > 6 {
                    return None;
                }
            }
            _ => return Some(split(text, at)),
        }
        at += 1;
    }
    Some((text, ""))
}

/// At a byte that is no part of a character, because all before it are ASCII.
fn split(text: &str, at: usize) -> (&str, &str) {
    text.split_at_checked(at).unwrap_or((text, ""))
}

/// Go's decimal numbers: a sign, digits with a point somewhere, an exponent.
fn decimal(text: &str) -> Option<Result<Number, NumberError>> {
    let plain = types::plain_json(text)?;
    match Number::read(plain.as_bytes()) {
        Err(NumberError::Syntax) => None,
        read => Some(read),
    }
}

fn read(context: &mut Context<'_>, text: &str, failed: &str) -> Result<Number, Failure> {
    context.pay_new_text(text.len())?;
    match decimal(text) {
        None => Err(Failure::builtin(failed)),
        Some(Err(_)) => Err(ArithmeticError::TooBig.into()),
        Some(Ok(number)) => {
            context.meter.steps(cost(&[&number]))?;
            Ok(number)
        }
    }
}

const KILO: u64 = 1000;
const KIBI: u64 = 1024;

/// The size of a prefix: `m` is taken for mega here.
fn prefix(letter: char, base: u64) -> Option<u64> {
    let power = match letter {
        'k' => 1,
        'm' => 2,
        'g' => 3,
        't' => 4,
        'p' => 5,
        'e' => 6,
        _ => return None,
    };
    Some(base.pow(power))
}

/// 0.001 as the float that OPA multiplies with, as a fraction of a power of two.
const MILLI: (u64, u64) = (1_152_921_504_606_847, 60);

fn parse(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let failed = |message: &str| Failure::builtin(format!("units.parse: {message}"));
    let text = string(args, 0)?;
    context.pay_new_text(text.len())?;
    let text = text.replace('"', "");
    if text.contains(' ') {
        return Err(failed("spaces not allowed in resource strings"));
    }
    let (digits, unit) = amount(&text).ok_or_else(|| failed("exponent too large"))?;
    if digits.is_empty() {
        return Err(failed("no amount provided"));
    }
    // The first letter's case tells milli from mega.
    let unit: String = match unit.chars().next() {
        Some(first) if unit.len() > 1 => {
            let (head, tail) = unit.split_at_checked(first.len_utf8()).unwrap_or((unit, ""));
            let tail: String = tail.chars().map(super::strings::lower).collect();
            format!("{head}{tail}")
        }
        _ => unit.to_owned(),
    };
    let milli = unit == "m";
    let known = |unit: &str| {
        let mut letters = unit.chars();
        let first = letters.next()?;
        match letters.as_str() {
            "" => prefix(first.to_ascii_lowercase(), KILO),
            "i" => prefix(first.to_ascii_lowercase(), KIBI),
            _ => None,
        }
    };
    let factor = if unit.is_empty() {
        Some(1)
    } else if milli {
        Some(MILLI.0)
    } else {
        known(&unit)
    };
    let Some(factor) = factor else {
        return Err(failed(&format!("unit {unit} not recognized")));
    };
    let number = read(context, digits, "units.parse: could not parse amount to a number")?;
    // Exactly: mantissa × 10^power × factor / 2^shift.
    let (mantissa, power) = number.scaled();
    let mut numerator = mantissa * factor;
    let mut denominator = BigUint::from(1_u8) << if milli { MILLI.1 } else { 0 };
    let size = u32::try_from(power.unsigned_abs()).unwrap_or(u32::MAX);
    if u64::from(size) * 4 > MAX_NUMBER_BITS as u64 * 2 {
        return Err(ArithmeticError::TooBig.into());
    }
    context.meter.steps(u64::from(size))?;
    let scale = BigUint::from(10_u8).pow(size);
    if power < 0 {
        denominator *= scale;
    } else {
        numerator *= BigInt::from(scale);
    }
    let denominator = BigInt::from(denominator);
    let (quotient, rest) = (&numerator / &denominator, &numerator % &denominator);
    if rest == BigInt::ZERO {
        return Ok(Some(Value::Number(Number::from_big(&quotient)?)));
    }
    // Ten digits behind the point, half away from zero.
    let negative = numerator < BigInt::ZERO;
    let shifted: BigInt = if negative { -numerator } else { numerator } * 10_000_000_000_u64;
    let (mut digits, rest) = (&shifted / &denominator, &shifted % &denominator);
    if rest * 2_u8 >= denominator {
        digits += 1_u8;
    }
    let text = format!("{:0>11}", digits.to_string());
    let (whole, fraction) = text.split_at(text.len() - 10);
    let sign = if negative { "-" } else { "" };
    let text = format!("{sign}{whole}.{fraction}");
    let number = Number::parse(&text).ok_or(ArithmeticError::TooBig)?;
    Ok(Some(Value::Number(number)))
}

fn parse_bytes(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let failed = |message: &str| Failure::builtin(format!("units.parse_bytes: {message}"));
    let text = string(args, 0)?;
    context.pay_new_text(text.len())?;
    let text: String = text.chars().map(super::strings::lower).filter(|c| *c != '"').collect();
    if text.contains(' ') {
        return Err(failed("spaces not allowed in resource strings"));
    }
    let (digits, unit) = amount(&text).ok_or_else(|| failed("exponent too large"))?;
    if digits.is_empty() {
        return Err(failed("no byte amount provided"));
    }
    let mut letters = unit.chars();
    let factor = match (letters.next(), letters.as_str()) {
        (None, _) => Some(1),
        (Some(first), "" | "b") => prefix(first, KILO),
        (Some(first), "i" | "ib") => prefix(first, KIBI),
        _ => None,
    };
    let Some(factor) = factor else {
        return Err(failed(&format!("byte unit {unit} not recognized")));
    };
    let number = read(context, digits, "units.parse_bytes: could not parse byte amount to a number")?;
    let total = Float::from_number(&number).times(&Float::small(factor, 64), 64);
    if !total.fits() {
        return Err(ArithmeticError::TooBig.into());
    }
    Ok(Some(Value::Number(Number::from_big(&total.truncated())?)))
}
