//! 64-bit floats as Go writes them. In: a float. Out: the shortest text that reads back as it, in Go's forms.

/// The shortest decimal digits and the position of the point before them: 1234.5 is (`12345`, 4).
pub(crate) fn shortest_digits(number: f64) -> (String, i64) {
    if number == 0.0 {
        return ("0".into(), 1);
    }
    // Rust's `{:e}` has the same shortest digits as Go.
    let text = format!("{:e}", number.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    (digits, exponent.parse::<i64>().unwrap_or(0) + 1)
}

/// `d.ddde±dd`, with at least two digits of exponent.
pub(crate) fn exponent_form(digits: &str, point: i64, letter: char) -> String {
    let (first, rest) = digits.split_at(digits.len().min(1));
    let dot = if rest.is_empty() { "" } else { "." };
    let exponent = point - 1;
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{first}{dot}{rest}{letter}{sign}{:02}", exponent.abs())
}

/// `ddd.ddd` without an exponent.
pub(crate) fn point_form(digits: &str, point: i64) -> String {
    let length = digits.len() as i64;
    if point <= 0 {
        let zeros = usize::try_from(-point).unwrap_or(0);
        format!("0.{}{digits}", "0".repeat(zeros))
    } else if point >= length {
        let zeros = usize::try_from(point - length).unwrap_or(0);
        format!("{digits}{}", "0".repeat(zeros))
    } else {
        let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
        format!("{whole}.{fraction}")
    }
}

/// `strconv.FormatFloat(number, 'g', -1, 64)`: exponents from 1e+06 on and below 1e-04.
pub(crate) fn shortest(number: f64) -> String {
    let (digits, point) = shortest_digits(number);
    let sign = if number.is_sign_negative() { "-" } else { "" };
    if number == 0.0 {
        return format!("{sign}0");
    }
    let exponent = point - 1;
    if !(-4..6).contains(&exponent) {
        format!("{sign}{}", exponent_form(&digits, point, 'e'))
    } else {
        format!("{sign}{}", point_form(&digits, point))
    }
}
