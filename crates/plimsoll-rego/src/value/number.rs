//! Numbers as OPA has them: the text of a literal is kept, and two numbers of one worth are equal whatever their texts.
//! In: JSON number text or integers. Out: comparisons by exact worth, and the text again. Arithmetic is in `arithmetic`.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use num_bigint::BigInt;

/// The longest number text that is taken: what comes near OPA's own bound on exponents, written out.
pub const MAX_NUMBER_TEXT: usize = 32_768;

/// The most bits that a number may have on either side of the point (OPA's `maxNumberExp`).
pub const MAX_NUMBER_BITS: i64 = 100_000;

/// A JSON number. Two numbers of one worth are equal whatever their texts.
#[derive(Clone)]
pub struct Number(Repr);

#[derive(Clone)]
enum Repr {
    Int(i64),
    /// Valid JSON number text that is not what an `i64` would be written as.
    Text(Arc<str>),
}

/// Why a text is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    #[error("invalid float")]
    Syntax,
    /// Its exponent or its text is beyond [`MAX_NUMBER_BITS`] or [`MAX_NUMBER_TEXT`].
    #[error("number too big")]
    TooBig,
}

impl From<i64> for Number {
    fn from(number: i64) -> Number {
        Number(Repr::Int(number))
    }
}

impl From<usize> for Number {
    fn from(number: usize) -> Number {
        match i64::try_from(number) {
            Ok(number) => Number(Repr::Int(number)),
            Err(_) => Number(Repr::Text(number.to_string().into())),
        }
    }
}

/// The parts of JSON number text: `-12.5e3` is sign, `12`, `5`, 3.
#[derive(Clone, Copy)]
pub(super) struct Decimal<'a> {
    pub negative: bool,
    /// Digits before the point.
    pub whole: &'a [u8],
    /// Digits behind it.
    pub fraction: &'a [u8],
    pub exponent: i64,
}

impl<'a> Decimal<'a> {
    /// Splits text that JSON's grammar allows; `None` otherwise. Exponents beyond all bounds saturate.
    pub fn split(text: &'a [u8]) -> Option<Decimal<'a>> {
        let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let negative = text.first() == Some(&b'-');
        let rest = text.get(usize::from(negative)..)?;
        let (whole, mut rest) = rest.split_at(digits(rest));
        if whole.is_empty() || (whole.len() > 1 && whole.first() == Some(&b'0')) {
            return None;
        }
        let mut fraction: &[u8] = &[];
        if let Some(behind) = rest.strip_prefix(b".") {
            (fraction, rest) = behind.split_at(digits(behind));
            if fraction.is_empty() {
                return None;
            }
        }
        let mut exponent = 0_i64;
        if let Some(mut behind) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
            let below = behind.first() == Some(&b'-');
            if below || behind.first() == Some(&b'+') {
                behind = behind.get(1..)?;
            }
            let (power, end) = behind.split_at(digits(behind));
            if power.is_empty() {
                return None;
            }
            for digit in power {
                exponent = exponent.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
            }
            // Half of the range, so that digits may be added and subtracted.
            exponent = exponent.min(i64::MAX / 4);
            if below {
                exponent = -exponent;
            }
            rest = end;
        }
        rest.is_empty().then_some(Decimal { negative, whole, fraction, exponent })
    }

    /// The digits without leading zeros.
    fn significant(&self) -> impl Iterator<Item = u8> + 'a {
        self.whole.iter().chain(self.fraction).copied().skip_while(|digit| *digit == b'0')
    }

    pub fn is_zero(&self) -> bool {
        self.significant().next().is_none()
    }

    /// Where the leading digit stands: 1 for 1 to 9, 2 for 10 to 99, 0 for 0.1; of no meaning for zero.
    fn position(&self) -> i64 {
        let zeros = |bytes: &[u8]| bytes.iter().take_while(|digit| **digit == b'0').count();
        let leading = zeros(self.whole);
        let before = if leading < self.whole.len() {
            (self.whole.len() - leading) as i64
        } else {
            -(zeros(self.fraction) as i64)
        };
        before + self.exponent
    }

    fn compare(&self, other: &Decimal<'_>) -> Ordering {
        let sign = |number: &Decimal<'_>| match (number.is_zero(), number.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let (mine, theirs) = (sign(self), sign(other));
        if mine != theirs || mine == 0 {
            return mine.cmp(&theirs);
        }
        let size = self.position().cmp(&other.position()).then_with(|| {
            let (mut a, mut b) = (self.significant(), other.significant());
            loop {
                match (a.next(), b.next()) {
                    (None, None) => break Ordering::Equal,
                    // The shorter one goes on with zeros.
                    (x, y) => match x.unwrap_or(b'0').cmp(&y.unwrap_or(b'0')) {
                        Ordering::Equal => {}
                        unequal => break unequal,
                    },
                }
            }
        });
        if self.negative { size.reverse() } else { size }
    }
}

impl Number {
    /// Reads a JSON number; `None` where the text is none or is too long to be worked with.
    pub fn parse(text: &str) -> Option<Number> {
        Number::read(text.as_bytes()).ok()
    }

    /// Reads a JSON number and says why it is none.
    pub fn read(text: &[u8]) -> Result<Number, NumberError> {
        if let Some(number) = small(text) {
            return Ok(Number(Repr::Int(number)));
        }
        let parts = Decimal::split(text).ok_or(NumberError::Syntax)?;
        // 10 to the 30,103 is 2 to the 100,000.
        let position = if parts.is_zero() { parts.exponent } else { parts.position() };
        if text.len() > MAX_NUMBER_TEXT || position.abs() > MAX_NUMBER_BITS * 30_103 / 100_000 {
            return Err(NumberError::TooBig);
        }
        let text = std::str::from_utf8(text).map_err(|_| NumberError::Syntax)?;
        Ok(match text.parse::<i64>() {
            Ok(number) if text != "-0" => Number(Repr::Int(number)),
            _ => Number(Repr::Text(text.into())),
        })
    }

    /// Text that our own arithmetic wrote.
    pub(super) fn written(text: String) -> Number {
        match text.parse::<i64>() {
            Ok(number) if text != "-0" => Number(Repr::Int(number)),
            _ => Number(Repr::Text(text.into())),
        }
    }

    /// The number as Go's shortest text of a 64-bit float (`strconv.FormatFloat(f, 'g', -1, 64)`).
    pub fn from_f64(number: f64) -> Number {
        Number::written(crate::value::go_float::shortest(number))
    }

    /// An `i64`, where it is kept as one: the short way of arithmetic.
    pub(crate) fn plain(&self) -> Option<i64> {
        match &self.0 {
            Repr::Int(number) => Some(*number),
            Repr::Text(_) => None,
        }
    }

    /// What indices and counts are: digits that may be followed by `.000`, as OPA reads them (not `1e2`), within an `i64`.
    pub fn as_i64(&self) -> Option<i64> {
        let text = match &self.0 {
            Repr::Int(number) => return Some(*number),
            Repr::Text(text) => text,
        };
        let (sign, digits) = text.strip_prefix('-').map_or(("", &**text), |digits| ("-", digits));
        if digits.len() > 19 {
            return None;
        }
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if !fraction.bytes().all(|digit| digit == b'0') || !whole.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        format!("{sign}{whole}").parse().ok()
    }

    /// The nearest 64-bit float; infinite beyond its range.
    pub fn as_f64(&self) -> f64 {
        match &self.0 {
            Repr::Int(number) => *number as f64,
            Repr::Text(text) => text.parse().unwrap_or(f64::NAN),
        }
    }

    /// Whether its text is a plain integer's: no point and no exponent.
    pub fn is_integer_text(&self) -> bool {
        match &self.0 {
            Repr::Int(_) => true,
            Repr::Text(text) => !text.contains(['.', 'e', 'E']),
        }
    }

    /// The exact integer, where it is one by worth (`1e3` and `2.0` too).
    pub fn as_big(&self) -> Option<BigInt> {
        let text = match &self.0 {
            Repr::Int(number) => return Some(BigInt::from(*number)),
            Repr::Text(text) => text,
        };
        let parts = Decimal::split(text.as_bytes())?;
        if parts.is_zero() {
            return Some(BigInt::ZERO);
        }
        let fraction = parts.fraction.len() as i64;
        let mut digits: Vec<u8> = parts.whole.iter().chain(parts.fraction).copied().collect();
        let power = parts.exponent - fraction;
        if power >= 0 {
            // Within MAX_NUMBER_BITS, because nothing larger becomes a number.
            digits.resize(digits.len() + usize::try_from(power).ok()?, b'0');
        } else {
            let cut = digits.len().checked_sub(usize::try_from(-power).ok()?)?;
            if digits.get(cut..)?.iter().any(|digit| *digit != b'0') {
                return None;
            }
            digits.truncate(cut);
        }
        let size = BigInt::parse_bytes(&digits, 10)?;
        Some(if parts.negative { -size } else { size })
    }

    /// Its worth as an integer times a power of ten.
    pub(crate) fn scaled(&self) -> (BigInt, i64) {
        self.with_parts(|parts| {
            let digits: Vec<u8> = parts.whole.iter().chain(parts.fraction).copied().collect();
            let size = BigInt::parse_bytes(&digits, 10).unwrap_or_default();
            let power = parts.exponent - parts.fraction.len() as i64;
            (if parts.negative { -size } else { size }, power)
        })
    }

    /// A whole number of 64 bits, written as such.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.0, Repr::Int(_))
    }

    /// How long its text is at most.
    pub fn text_len(&self) -> usize {
        match &self.0 {
            Repr::Int(_) => 20,
            Repr::Text(text) => text.len(),
        }
    }

    /// How many digits it has when it is written out: `1e9000` is short and is worked with as nine thousand.
    pub(super) fn digits(&self) -> u64 {
        match &self.0 {
            Repr::Int(_) => 20,
            Repr::Text(text) if !text.contains(['e', 'E']) => text.len() as u64,
            Repr::Text(text) => self.with_parts(|parts| text.len() as u64 + parts.exponent.unsigned_abs()),
        }
    }

    pub(super) fn with_parts<R>(&self, use_parts: impl FnOnce(Decimal<'_>) -> R) -> R {
        let zero = Decimal { negative: false, whole: b"0", fraction: &[], exponent: 0 };
        match &self.0 {
            Repr::Int(number) => {
                let text = number.to_string();
                use_parts(Decimal::split(text.as_bytes()).unwrap_or(zero))
            }
            // A text is only kept where it can be split.
            Repr::Text(text) => use_parts(Decimal::split(text.as_bytes()).unwrap_or(zero)),
        }
    }
}

/// The short way for the integers that most numbers are: up to 18 digits, no leading zero.
fn small(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 18 => {}
        _ => return None,
    }
    let mut number = 0_i64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number * 10 + i64::from(digit - b'0');
    }
    Some(if negative { -number } else { number })
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        match (&self.0, &other.0) {
            (Repr::Int(a), Repr::Int(b)) => a.cmp(b),
            (Repr::Text(a), Repr::Text(b)) if a == b => Ordering::Equal,
            _ => self.with_parts(|mine| other.with_parts(|theirs| mine.compare(&theirs))),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Int(number) => write!(f, "{number}"),
            Repr::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
