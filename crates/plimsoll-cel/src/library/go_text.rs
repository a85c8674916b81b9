//! Texts as Go writes and reads them.

/// `strconv.Quote`, as far as error messages need it.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            letter if (letter as u32) < 0x20 || letter as u32 == 0x7f => {
                out.push_str(&format!("\\x{:02x}", letter as u32))
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// `strconv.ParseFloat`, with its hexadecimal forms and its underscores between digits.
pub(crate) fn double(text: &str) -> Option<f64> {
    let between = |pair: &[u8]| matches!(pair, [a, b] if (*a == b'_' && !b.is_ascii_hexdigit()) || (*b == b'_' && !a.is_ascii_hexdigit()));
    if text.contains('_') {
        let edge = text.starts_with('_') || text.ends_with('_') || text.as_bytes().windows(2).any(between);
        return if edge { None } else { double(&text.replace('_', "")) };
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if let Some(hex) = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")) {
        return hexadecimal(hex).map(|number| sign * number);
    }
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text).to_ascii_lowercase();
    let words = matches!(&*bare, "inf" | "infinity" | "nan");
    if !words && !bare.bytes().next().is_some_and(|first| first.is_ascii_digit() || first == b'.') {
        return None;
    }
    if bare == "nan" && text.len() != 3 {
        return None;
    }
    text.parse().ok()
}

/// `1.8p3`, whose exponent must be there.
fn hexadecimal(text: &str) -> Option<f64> {
    let (digits, exponent) = text.split_once(['p', 'P'])?;
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    let mut number = 0.0_f64;
    for digit in whole.chars().chain(part.chars()) {
        number = number * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let exponent: i32 = exponent.parse().ok()?;
    let shift = exponent.checked_sub(i32::try_from(part.len()).ok()?.checked_mul(4)?)?;
    Some(number * 2.0_f64.powi(shift))
}
