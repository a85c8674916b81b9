//! Binary floats of a chosen precision, as Go's `math/big.Float` rounds and writes them (64 bits of mantissa, to nearest even):
//! what Rego's arithmetic on non-integers is done with. In: numbers. Out: numbers. Sizes are checked by the callers.

use std::cmp::Ordering;

use num_bigint::{BigInt, BigUint, Sign};

use super::go_float::{exponent_form, point_form};
use super::number::{Decimal, MAX_NUMBER_BITS, Number};

/// The precision that Rego's numbers have.
pub(crate) const PRECISION: u64 = 64;

/// `mantissa × 2^exponent`; zero has an empty mantissa and keeps its sign.
#[derive(Debug, Clone)]
pub(crate) struct Float {
    negative: bool,
    mantissa: BigUint,
    exponent: i64,
    precision: u64,
}

impl Float {
    /// Rounded to nearest, ties to even; `sticky` says that something below the last bit was cut off.
    fn rounded(negative: bool, mut mantissa: BigUint, mut exponent: i64, precision: u64, sticky: bool) -> Float {
        let bits = mantissa.bits();
        if bits > precision {
            let cut = bits - precision;
            let half = mantissa.bit(cut - 1);
            let below = sticky || mantissa.trailing_zeros().is_some_and(|zeros| zeros < cut - 1);
            mantissa >>= cut;
            exponent += cut as i64;
            if half && (below || mantissa.bit(0)) {
                mantissa += 1_u8;
            }
        }
        let zeros = mantissa.trailing_zeros().unwrap_or(0);
        if zeros > 0 {
            mantissa >>= zeros;
            exponent += zeros as i64;
        }
        Float { negative, mantissa, exponent, precision }
    }

    /// Exact where the precision allows; Go's `SetInt` takes as many bits as are needed, at least 64.
    pub fn from_integer(number: &BigInt) -> Float {
        let size = number.magnitude().clone();
        let precision = size.bits().max(PRECISION);
        Float::rounded(number.sign() == Sign::Minus, size, 0, precision, false)
    }

    pub fn from_f64(number: f64) -> Float {
        let bits = number.to_bits();
        let raw = ((bits >> 52) & 0x7ff) as i64;
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, exponent) = if raw == 0 { (fraction, -1074) } else { (fraction | 1 << 52, raw - 1075) };
        Float::rounded(number.is_sign_negative(), mantissa.into(), exponent, 53, false)
    }

    pub fn small(number: u64, precision: u64) -> Float {
        Float::rounded(false, number.into(), 0, precision, false)
    }

    /// The nearest float, found as Go's `SetString` does: by powers of five of a few bits more.
    pub fn from_number(number: &Number) -> Float {
        number.with_parts(|parts| Float::from_decimal(&parts))
    }

    pub(super) fn from_decimal(parts: &Decimal<'_>) -> Float {
        let digits: Vec<u8> = parts.whole.iter().chain(parts.fraction).copied().collect();
        let mantissa = BigUint::parse_bytes(&digits, 10).unwrap_or_default();
        if mantissa == BigUint::ZERO {
            return Float { negative: parts.negative, mantissa, exponent: 0, precision: PRECISION };
        }
        let power = parts.exponent - parts.fraction.len() as i64;
        let exact = Float { negative: parts.negative, mantissa, exponent: power, precision: PRECISION };
        match power.cmp(&0) {
            Ordering::Equal => Float::rounded(exact.negative, exact.mantissa, 0, PRECISION, false),
            Ordering::Less => exact.divided(&power_of_five(power.unsigned_abs()), PRECISION),
            Ordering::Greater => exact.times(&power_of_five(power.unsigned_abs()), PRECISION),
        }
    }

    pub fn is_zero(&self) -> bool {
        self.mantissa == BigUint::ZERO
    }

    pub fn is_negative(&self) -> bool {
        self.negative
    }

    pub fn absolute(mut self) -> Float {
        self.negative = false;
        self
    }

    /// The precision of a result of two: the larger one.
    fn wider(&self, other: &Float) -> u64 {
        self.precision.max(other.precision)
    }

    pub fn plus(&self, other: &Float) -> Float {
        self.sum(other, other.negative)
    }

    pub fn minus(&self, other: &Float) -> Float {
        self.sum(other, !other.negative)
    }

    fn sum(&self, other: &Float, other_negative: bool) -> Float {
        let precision = self.wider(other);
        if self.is_zero() && other.is_zero() {
            let negative = self.negative && other_negative;
            return Float { negative, mantissa: BigUint::ZERO, exponent: 0, precision };
        }
        if self.is_zero() {
            return Float::rounded(other_negative, other.mantissa.clone(), other.exponent, precision, false);
        }
        if other.is_zero() {
            return Float::rounded(self.negative, self.mantissa.clone(), self.exponent, precision, false);
        }
        let low = self.exponent.min(other.exponent);
        let aligned = |float: &Float, negative: bool| {
            let size = &float.mantissa << ((float.exponent - low) as u64);
            BigInt::from_biguint(if negative { Sign::Minus } else { Sign::Plus }, size)
        };
        let total = aligned(self, self.negative) + aligned(other, other_negative);
        // An exact zero of unlike signs is positive, which NoSign gives here.
        let negative = total.sign() == Sign::Minus;
        Float::rounded(negative, total.into_parts().1, low, precision, false)
    }

    pub fn times(&self, other: &Float, precision: u64) -> Float {
        let negative = self.negative != other.negative;
        let mantissa = &self.mantissa * &other.mantissa;
        Float::rounded(negative, mantissa, self.exponent + other.exponent, precision, false)
    }

    /// The divisor is not zero.
    pub fn divided(&self, other: &Float, precision: u64) -> Float {
        let negative = self.negative != other.negative;
        if self.is_zero() || other.is_zero() {
            return Float { negative, mantissa: BigUint::ZERO, exponent: 0, precision };
        }
        // Enough bits that the quotient has two more than are kept.
        let wanted = precision + 2 + other.mantissa.bits();
        let shift = wanted.saturating_sub(self.mantissa.bits());
        let dividend = &self.mantissa << shift;
        let quotient = &dividend / &other.mantissa;
        let sticky = &quotient * &other.mantissa != dividend;
        let exponent = self.exponent - shift as i64 - other.exponent;
        Float::rounded(negative, quotient, exponent, precision, sticky)
    }

    /// Cut off towards zero.
    pub fn truncated(&self) -> BigInt {
        let size = if self.exponent >= 0 {
            &self.mantissa << (self.exponent as u64)
        } else {
            &self.mantissa >> self.exponent.unsigned_abs()
        };
        BigInt::from_biguint(if self.negative { Sign::Minus } else { Sign::Plus }, size)
    }

    fn is_integer(&self) -> bool {
        // The mantissa is odd or nothing.
        self.is_zero() || self.exponent >= 0
    }

    pub fn equals(&self, other: &Float) -> bool {
        self.mantissa == other.mantissa
            && (self.is_zero() || (self.exponent == other.exponent && self.negative == other.negative))
    }

    /// Bits before the point, or as many zeros behind it where negative: what writing it costs.
    pub fn reach(&self) -> i64 {
        self.exponent + self.mantissa.bits() as i64
    }

    /// Whether it may become a number again.
    pub fn fits(&self) -> bool {
        self.is_zero() || self.reach().abs() <= MAX_NUMBER_BITS
    }

    /// The shortest text that is this float and no other of its precision; integers without exponent.
    pub fn text(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        if self.is_zero() {
            return format!("{sign}0");
        }
        let (digits, point) = self.shortest();
        let exponent = point - 1;
        if !self.is_integer() && !(-4..6).contains(&exponent) {
            format!("{sign}{}", exponent_form(&digits, point, 'e'))
        } else {
            format!("{sign}{}", point_form(&digits, point))
        }
    }

    pub fn number(&self) -> Number {
        Number::written(self.text())
    }

    /// Go's walk along the digits of the float and its two neighbours' bounds until they differ.
    fn shortest(&self) -> (String, i64) {
        let mut exact = Digits::of(&self.mantissa, self.exponent);
        let bits = self.mantissa.bits() as i64;
        let shift = bits - (self.precision as i64 + 1);
        let doubled = if shift < 0 { &self.mantissa << shift.unsigned_abs() } else { &self.mantissa >> shift as u64 };
        let exponent = self.exponent + shift;
        let lower = Digits::of(&(&doubled - 1_u8), exponent);
        let upper = Digits::of(&(&doubled + 1_u8), exponent);
        let inclusive = !doubled.bit(1);
        for at in 0..exact.digits.len() {
            let (low, here, high) = (lower.at(at), exact.at(at), upper.at(at));
            let down = low != here || (inclusive && at + 1 == lower.digits.len());
            let up = here != high && (inclusive || here + 1 < high || at + 1 < upper.digits.len());
            match (down, up) {
                (true, true) => exact.round(at + 1),
                (true, false) => exact.round_down(at + 1),
                (false, true) => exact.round_up(at + 1),
                (false, false) => continue,
            }
            break;
        }
        (String::from_utf8_lossy(&exact.digits).into_owned(), exact.point)
    }
}

fn power_of_five(power: u64) -> Float {
    /// The largest power of five that fits 64 bits.
    const TABLE: u64 = 27;
    if power <= TABLE {
        return Float::small(5_u64.pow(power as u32), PRECISION + 64);
    }
    let mut result = Float::small(5_u64.pow(TABLE as u32), PRECISION + 64);
    let mut factor = Float::small(5, PRECISION + 128);
    let mut left = power - TABLE;
    while left > 0 {
        if left & 1 == 1 {
            result = result.times(&factor, PRECISION + 64);
        }
        factor = factor.times(&factor, PRECISION + 128);
        left >>= 1;
    }
    result
}

/// Decimal digits without trailing zeros, and where the point stands.
struct Digits {
    digits: Vec<u8>,
    point: i64,
}

impl Digits {
    fn of(mantissa: &BigUint, exponent: i64) -> Digits {
        // m / 2^n is m × 5^n / 10^n.
        let (integer, behind) = if exponent >= 0 {
            (mantissa << (exponent as u64), 0)
        } else {
            let power = exponent.unsigned_abs();
            (mantissa * BigUint::from(5_u8).pow(u32::try_from(power).unwrap_or(u32::MAX)), power as i64)
        };
        let digits = integer.to_string().into_bytes();
        let point = digits.len() as i64 - behind;
        let mut digits = Digits { digits, point };
        digits.trim();
        digits
    }

    fn trim(&mut self) {
        while self.digits.last() == Some(&b'0') {
            self.digits.pop();
        }
        if self.digits.is_empty() {
            self.point = 0;
        }
    }

    fn at(&self, index: usize) -> u8 {
        self.digits.get(index).copied().unwrap_or(b'0')
    }

    fn round(&mut self, count: usize) {
        if count >= self.digits.len() {
            return;
        }
        let up = if self.at(count) == b'5' && count + 1 == self.digits.len() {
            // Exactly half: to even.
            count > 0 && (self.at(count - 1) - b'0') & 1 != 0
        } else {
            self.at(count) >= b'5'
        };
        if up { self.round_up(count) } else { self.round_down(count) }
    }

    fn round_up(&mut self, mut count: usize) {
        if count >= self.digits.len() {
            return;
        }
        while count > 0 && self.at(count - 1) == b'9' {
            count -= 1;
        }
        if count == 0 {
            self.digits = vec![b'1'];
            self.point += 1;
            return;
        }
        self.digits.truncate(count);
        if let Some(last) = self.digits.last_mut() {
            *last += 1;
        }
    }

    fn round_down(&mut self, count: usize) {
        if count < self.digits.len() {
            self.digits.truncate(count);
            self.trim();
        }
    }
}
