//! Texts that Go's `strconv` takes for numbers and booleans. In: a text. Out: what it stands for, or nothing.

/// `strconv.ParseFloat`: decimal or hexadecimal, with `_` between digits, or a name of infinity or NaN. What is too large for
/// 64 bits is no number.
pub fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let negative = text.starts_with('-');
    let signed = |number: f64| if negative { -number } else { number };
    match unsigned.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => return Some(signed(f64::INFINITY)),
        "nan" => return Some(f64::NAN),
        _ => {}
    }
    let plain = without_underscores(unsigned)?;
    let lower = plain.to_ascii_lowercase();
    if let Some(digits) = lower.strip_prefix("0x") {
        return hexadecimal(digits).map(signed).filter(|number| number.is_finite());
    }
    let starts = plain.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let made_of = plain.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    if !starts || !made_of {
        return None;
    }
    plain.parse::<f64>().ok().map(signed).filter(|number| number.is_finite())
}

/// The text without its underscores, each of which stands between digits or behind the `0x`.
fn without_underscores(text: &str) -> Option<String> {
    if !text.contains('_') {
        return Some(text.to_owned());
    }
    let bytes = text.as_bytes();
    let hexadecimal = text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x"));
    let digit = |at: Option<&u8>| {
        at.is_some_and(|byte| if hexadecimal { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() })
    };
    for (at, _) in text.match_indices('_') {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        let base = hexadecimal && at == 2;
        if !(base || digit(before)) || !digit(bytes.get(at + 1)) {
            return None;
        }
    }
    Some(text.replace('_', ""))
}

/// Digits, a point, and the exponent of two that such numbers must have.
fn hexadecimal(text: &str) -> Option<f64> {
    let (digits, exponent) = text.split_once('p')?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && part.is_empty() || whole.len() + part.len() > 256 {
        return None;
    }
    let mut number = 0.0f64;
    for digit in whole.chars().chain(part.chars()) {
        number = number * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let shift = exponent.saturating_sub(i32::try_from(4 * part.len()).ok()?);
    Some(number * 2f64.powi(shift))
}

/// `strconv.ParseBool`.
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// A float as `%v` prints it: with an exponent below 10⁻⁴ and from 10²¹ on.
pub fn shown(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-4..1e21).contains(&size) {
        return format!("{number}");
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_go() {
        for (text, number) in [
            ("1", 1.0),
            ("-1.5e3", -1500.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("+7", 7.0),
            ("1_000", 1000.0),
            ("0x1p-2", 0.25),
        ] {
            assert_eq!(float(text), Some(number), "{text}");
        }
        for text in ["", "e5", "1e", "0x10", "1__0", "_1", "1_", "1e999", "one", "1 ", "--1", "."] {
            assert_eq!(float(text), None, "{text}");
        }
        assert_eq!(float("-Inf"), Some(f64::NEG_INFINITY));
        assert_eq!((boolean("T"), boolean("yes")), (Some(true), None));
    }
}
