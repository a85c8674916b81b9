//! Rego's arithmetic. In: two numbers. Out: a number, exact on integers and with 64 bits of mantissa otherwise, or why there is
//! none. Whoever calls pays for [`cost`] first.

use num_bigint::BigInt;

use super::float::{Float, PRECISION};
use super::number::{MAX_NUMBER_BITS, Number};

/// Why two numbers have no result; the words are OPA's but for the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ArithmeticError {
    #[error("divide by zero")]
    DivideByZero,
    #[error("modulo by zero")]
    ModuloByZero,
    #[error("modulo on floating-point number")]
    ModuloOnFloat,
    /// OPA has no such bound and may work for minutes.
    #[error("number too big")]
    TooBig,
}

type Result = std::result::Result<Number, ArithmeticError>;

/// Steps that arithmetic on numbers of so many digits is worth: quadratic, for they are read and written in tens.
pub fn cost(numbers: &[&Number]) -> u64 {
    let digits: u64 = numbers.iter().map(|number| number.digits() / 16).sum();
    1 + digits * digits / 8
}

impl Number {
    pub fn from_big(number: &BigInt) -> std::result::Result<Number, ArithmeticError> {
        if let Ok(small) = i64::try_from(number) {
            return Ok(Number::from(small));
        }
        if number.bits() > MAX_NUMBER_BITS as u64 {
            return Err(ArithmeticError::TooBig);
        }
        Ok(Number::written(number.to_string()))
    }

    pub fn plus(&self, other: &Number) -> Result {
        if let (Some(a), Some(b)) = (self.plain(), other.plain())
            && let Some(sum) = a.checked_add(b)
        {
            return Ok(Number::from(sum));
        }
        exact_or(self, other, |a, b| Some(a + b), |a, b| a.plus(b))
    }

    pub fn minus(&self, other: &Number) -> Result {
        if let (Some(a), Some(b)) = (self.plain(), other.plain())
            && let Some(difference) = a.checked_sub(b)
        {
            return Ok(Number::from(difference));
        }
        exact_or(self, other, |a, b| Some(a - b), |a, b| a.minus(b))
    }

    pub fn times(&self, other: &Number) -> Result {
        if let (Some(a), Some(b)) = (self.plain(), other.plain())
            && let Some(product) = a.checked_mul(b)
        {
            return Ok(Number::from(product));
        }
        // Before the work: a product has about as many bits as its factors together.
        let product = |a: &BigInt, b: &BigInt| (a.bits() + b.bits() <= MAX_NUMBER_BITS as u64 + 1).then(|| a * b);
        exact_or(self, other, product, |a, b| a.times(b, PRECISION))
    }

    pub fn divided(&self, other: &Number) -> Result {
        if let (Some(a), Some(b)) = (self.plain(), other.plain()) {
            if b == 0 {
                return Err(ArithmeticError::DivideByZero);
            }
            // 0 / -1 is -0, which the floats below give.
            if a != 0
                && a.checked_rem(b) == Some(0)
                && let Some(quotient) = a.checked_div(b)
            {
                return Ok(Number::from(quotient));
            }
        }
        let (a, b) = (Float::from_number(self), Float::from_number(other));
        if b.is_zero() {
            return Err(ArithmeticError::DivideByZero);
        }
        finished(&a.divided(&b, PRECISION))
    }

    pub fn remainder(&self, other: &Number) -> Result {
        if let (Some(a), Some(b)) = (self.plain(), other.plain()) {
            // What overflows is i64::MIN % -1.
            return match b {
                0 => Err(ArithmeticError::ModuloByZero),
                _ => Ok(Number::from(a.checked_rem(b).unwrap_or(0))),
            };
        }
        let (Some(a), Some(b)) = (self.as_big(), other.as_big()) else {
            return Err(ArithmeticError::ModuloOnFloat);
        };
        if b == BigInt::ZERO {
            return Err(ArithmeticError::ModuloByZero);
        }
        Number::from_big(&(a % b))
    }

    pub fn absolute(&self) -> Result {
        match self.plain().and_then(i64::checked_abs) {
            Some(size) => Ok(Number::from(size)),
            None => finished(&Float::from_number(self).absolute()),
        }
    }

    /// Half away from zero.
    pub fn rounded(&self) -> Result {
        if self.plain().is_some() {
            return Ok(self.clone());
        }
        let half = Float::from_f64(0.5);
        let float = Float::from_number(self);
        let moved = if float.is_negative() { float.minus(&half) } else { float.plus(&half) };
        finished(&Float::from_integer(&moved.truncated()))
    }

    /// As OPA has it, where `ceil(-0.5)` is 1.
    pub fn ceiling(&self) -> Result {
        if self.plain().is_some() {
            return Ok(self.clone());
        }
        let float = Float::from_number(self);
        let whole = Float::from_integer(&float.truncated());
        if whole.is_negative() || float.equals(&whole) {
            return finished(&whole);
        }
        finished(&whole.plus(&Float::small(1, 53)))
    }

    /// As OPA has it, where `floor(-0.5)` is 0.
    pub fn floored(&self) -> Result {
        if self.plain().is_some() {
            return Ok(self.clone());
        }
        let float = Float::from_number(self);
        let whole = Float::from_integer(&float.truncated());
        if !whole.is_negative() || float.equals(&whole) {
            return finished(&whole);
        }
        finished(&whole.minus(&Float::small(1, 53)))
    }
}

fn finished(float: &Float) -> Result {
    if float.fits() { Ok(float.number()) } else { Err(ArithmeticError::TooBig) }
}

fn exact_or(
    a: &Number,
    b: &Number,
    exact: impl FnOnce(&BigInt, &BigInt) -> Option<BigInt>,
    float: impl FnOnce(&Float, &Float) -> Float,
) -> Result {
    if let (Some(a), Some(b)) = (a.as_big(), b.as_big()) {
        let result = exact(&a, &b).ok_or(ArithmeticError::TooBig)?;
        return Number::from_big(&result);
    }
    finished(&float(&Float::from_number(a), &Float::from_number(b)))
}

/// The sum of numbers that are not all integers, as OPA adds them up.
pub(crate) fn float_sum(numbers: impl Iterator<Item = Number>) -> Result {
    let mut total = Float::small(0, PRECISION);
    for number in numbers {
        total = total.plus(&Float::from_number(&number));
        if !total.fits() {
            return Err(ArithmeticError::TooBig);
        }
    }
    finished(&total)
}

/// The product of numbers that are not all integers: OPA keeps 53 bits here.
pub(crate) fn float_product(numbers: impl Iterator<Item = Number>) -> Result {
    let mut total = Float::small(1, 53);
    for number in numbers {
        total = total.times(&Float::from_number(&number), 53);
        if !total.fits() {
            return Err(ArithmeticError::TooBig);
        }
    }
    finished(&total)
}
