//! Which numbers a text may hold: OPA refuses those beyond 2^±100,000, because working with them would not end.

/// The largest binary exponent.
const MAX_EXPONENT: f64 = 100_000.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    TooBig,
    Invalid,
}

/// `01` and the like, which JSON knows not.
pub(super) fn has_leading_zero(text: &str) -> bool {
    match text.as_bytes() {
        [b'0', b'.', ..] | [b'0'] => false,
        [b'0', b'e' | b'E', _, ..] => false,
        [b'0', ..] => true,
        _ => false,
    }
}

/// In: sign, digits, perhaps a fraction and an exponent.
pub(super) fn check(text: &str) -> Result<(), Fault> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match digits.find(['e', 'E']) {
        Some(at) => (&digits[..at], &digits[at + 1..]),
        None => (digits, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let Ok(exponent) = exponent.strip_prefix('+').unwrap_or(exponent).parse::<i64>() else {
        return Err(Fault::Invalid);
    };
    if whole.len() + fraction.len() == 0 || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::Invalid);
    }
    let significant = whole.bytes().chain(fraction.bytes()).position(|byte| byte != b'0');
    // Zero is zero, whatever its exponent.
    let Some(first) = significant else { return Ok(()) };
    let leading: f64 = whole
        .bytes()
        .chain(fraction.bytes())
        .skip(first)
        .take(18)
        .zip(0..)
        .fold(0.0, |sum, (digit, at)| sum + f64::from(digit - b'0') * 10f64.powi(-at));
    let scale = (whole.len() as f64) - (first as f64) - 1.0 + exponent as f64;
    let binary = (leading.log2() + scale * std::f64::consts::LOG2_10).floor() + 1.0;
    if binary.abs() > MAX_EXPONENT { Err(Fault::TooBig) } else { Ok(()) }
}
