//! What a YAML value is to the API server. In: a node. Out: its JSON type, by the rules of the YAML 1.1 reader that kubectl and
//! the API server share; whether a text is a quantity or base64. What it does not do: say what it should have been.

use plimsoll_yaml::{Node, Value};

/// The JSON type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Is {
    Null,
    Boolean,
    /// A whole number, `1.0` and `0x10` too.
    Integer,
    /// A number with a fraction, or one that JSON cannot say.
    Float,
    Text,
    List,
    Map,
}

impl Is {
    pub fn of(node: &Node) -> Is {
        match &node.value {
            Value::List(_) => Is::List,
            Value::Map(_) => Is::Map,
            Value::Scalar { plain: false, .. } => Is::Text,
            Value::Scalar { text, plain: true } => plain(text),
        }
    }

    /// With its article, for messages.
    pub fn words(self) -> &'static str {
        match self {
            Is::Null => "nothing",
            Is::Boolean => "a boolean",
            Is::Integer => "a whole number",
            Is::Float => "a number with a fraction",
            Is::Text => "a text",
            Is::List => "a list",
            Is::Map => "a mapping",
        }
    }
}

/// The type of an unquoted text.
pub fn plain(text: &str) -> Is {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Is::Null,
        "true" | "True" | "TRUE" | "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Is::Boolean,
        "false" | "False" | "FALSE" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Is::Boolean,
        ".nan" | ".NaN" | ".NAN" => return Is::Float,
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Is::Float;
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Is::Text;
    }
    let digits: String = unsigned.chars().filter(|c| *c != '_').collect();
    if is_integer(&digits) {
        // JSON's numbers go on where those of the API server end.
        let beyond = digits.parse::<u64>().is_ok_and(|value| i64::try_from(value).is_err());
        return if beyond { Is::Float } else { Is::Integer };
    }
    if !is_float(&digits) {
        return Is::Text;
    }
    match digits.parse::<f64>() {
        Ok(value) if value.fract() == 0.0 && value.abs() < 1e18 => Is::Integer,
        _ => Is::Float,
    }
}

/// As Go reads a literal of any base.
fn is_integer(digits: &str) -> bool {
    let base = |base: u32, rest: &str| u64::from_str_radix(rest, base).is_ok() && !rest.starts_with('+');
    let lower = digits.to_ascii_lowercase();
    match lower.split_at_checked(2) {
        Some(("0x", rest)) => base(16, rest),
        Some(("0b", rest)) => base(2, rest),
        Some(("0o", rest)) => base(8, rest),
        _ if lower.len() > 1 && lower.starts_with('0') => base(8, &lower),
        _ => base(10, &lower),
    }
}

/// `[0-9]*.?[0-9]*` with a digit in it, and an exponent.
fn is_float(digits: &str) -> bool {
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (digits, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    all(whole)
        && all(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && all(exponent))
}

/// A Kubernetes quantity: `100m`, `1.5Gi`, `2e3`.
pub fn is_quantity(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let digits = number.bytes().any(|byte| byte.is_ascii_digit()) && number.matches('.').count() <= 1;
    digits
        && match suffix {
            "" | "n" | "u" | "m" | "k" | "M" | "G" | "T" | "P" | "E" => true,
            "Ki" | "Mi" | "Gi" | "Ti" | "Pi" | "Ei" => true,
            _ => suffix.strip_prefix(['e', 'E']).is_some_and(|exponent| {
                let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                !exponent.is_empty() && exponent.bytes().all(|byte| byte.is_ascii_digit())
            }),
        }
}

/// The quantity that somebody meant: `512MB` is `512Mi`, `1 GiB` is `1Gi`.
pub fn meant_quantity(text: &str) -> Option<String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, suffix) = text.split_at(end);
    let suffix = match suffix.trim().to_ascii_lowercase().as_str() {
        "kb" | "kib" | "ki" => "Ki",
        "mb" | "mib" | "mi" => "Mi",
        "g" | "gb" | "gib" | "gi" => "Gi",
        "t" | "tb" | "tib" | "ti" => "Ti",
        "millicores" | "mcpu" => "m",
        "cpu" | "cores" | "core" => "",
        _ => return None,
    };
    let meant = format!("{number}{suffix}");
    is_quantity(&meant).then_some(meant)
}

/// Base64 as the API server takes it: with padding, line breaks anywhere.
pub fn is_base64(text: &str) -> bool {
    let mut count = 0usize;
    let mut padding = 0usize;
    for byte in text.bytes() {
        match byte {
            b'\n' | b'\r' => continue,
            b'=' => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {}
            _ => return false,
        }
        count += 1;
    }
    count.is_multiple_of(4) && padding <= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_texts_are_what_the_api_server_takes_them_for() {
        for (is, texts) in [
            (Is::Null, "~ null NULL"),
            (Is::Boolean, "true False yes NO on Off y N"),
            (Is::Integer, "0 1 -5 +5 0x1F 0644 0o17 0b101 1_000 1.0 1e3 9223372036854775807"),
            (Is::Float, "1.5 -0.5 .5 1e-3 .inf -.Inf .nan 1e300 18446744073709551615"),
            (Is::Text, "a 1a 089a 1.2.3 2001-01-01 tRue nil 0x 1e - + 1:30 100m 10.0.0.1 ½ e3 _1 ..."),
        ] {
            for text in texts.split(' ') {
                assert_eq!(plain(text), is, "{text}");
            }
        }
        assert_eq!(plain(""), Is::Null);
        // No octal number, so a number with a fraction to the reader, and a whole one to JSON.
        assert_eq!(plain("089"), Is::Integer);
    }

    #[test]
    fn quantities_and_base64_are_known() {
        for text in ["1", "100m", "0.5", ".5", "1.", "1Gi", "-1", "1e3", "1E-3", "5E", "2Ki", "+5"] {
            assert!(is_quantity(text), "{text}");
        }
        for text in ["", "m", "1GB", "1gi", "1 Gi", "1.1.1", "1K", "e3", "1e", "one", ".", "1Mib"] {
            assert!(!is_quantity(text), "{text}");
        }
        for (text, meant) in [("512MB", Some("512Mi")), ("1 GiB", Some("1Gi")), ("2g", Some("2Gi")), ("much", None)] {
            assert_eq!(meant_quantity(text).as_deref(), meant, "{text}");
        }
        for (text, yes) in [
            ("", true),
            ("YQ==", true),
            ("YWI=\n", true),
            ("YW\nJj", true),
            ("YQ", false),
            ("Y Q=", false),
            ("=YQ=", false),
        ] {
            assert_eq!(is_base64(text), yes, "{text}");
        }
    }
}
