//! Quantities as the API server writes them (`resource.Quantity` of apimachinery). In: `0.5`, `"1000m"`, `"1024Mi"`. Out:
//! `"500m"`, `"1"`, `"1Gi"`. A text that is no quantity stays: the server refuses the object, and so may whoever reads on.

use num_bigint::BigInt;
use serde_json::Value;

/// Longer texts are no quantities of anything.
const LONGEST: usize = 64;

/// No exponent that the server reads is larger.
const LARGEST_EXPONENT: u32 = 40;

/// What is below a thousandth is rounded up to it, in the server's own words for quantities of resources.
const SMALLEST_EXPONENT: i32 = -3;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Binary,
    Decimal,
    Exponent,
}

/// Writes a quantity as the server does, where it is one.
pub(crate) fn rewrite(value: &mut Value) {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return,
    };
    if let Some(canonical) = canonical(&text) {
        *value = canonical.into();
    }
}

/// A quantity's canonical text; `None` where it is none.
pub fn canonical(text: &str) -> Option<String> {
    if text.len() > LONGEST {
        return None;
    }
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let (form, base, exponent) = suffix_of(suffix)?;
    // The worth is `digits * 10^scale`, `digits` a whole number.
    let mut digits: BigInt = format!("0{whole}{fraction}").parse().ok()?;
    let mut scale = -i32::try_from(fraction.len()).ok()?;
    if base == 2 {
        digits *= BigInt::from(2).pow(u32::try_from(exponent).ok()?);
    } else {
        scale += exponent;
    }
    if scale < SMALLEST_EXPONENT {
        // Away from zero.
        let by = BigInt::from(10).pow(u32::try_from(SMALLEST_EXPONENT - scale).ok()?);
        digits = (digits + &by - 1) / by;
        scale = SMALLEST_EXPONENT;
    }
    if digits == BigInt::ZERO {
        return Some("0".to_owned());
    }
    let written = match form {
        Form::Binary => binary(&digits, scale)?,
        form => decimal(digits, scale, form)?,
    };
    Some(if negative { format!("-{written}") } else { written })
}

/// Form, base and exponent of a suffix.
fn suffix_of(suffix: &str) -> Option<(Form, u32, i32)> {
    const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    if let Some(at) = BINARY.iter().position(|known| *known == suffix) {
        return Some((Form::Binary, 2, 10 * (i32::try_from(at).ok()? + 1)));
    }
    let exponent = match suffix {
        "n" => -9,
        "u" => -6,
        "m" => -3,
        "" => 0,
        "k" => 3,
        "M" => 6,
        "G" => 9,
        "T" => 12,
        "P" => 15,
        "E" => 18,
        other => {
            let digits = other.strip_prefix('e').or_else(|| other.strip_prefix('E'))?;
            let exponent: i32 = digits.parse().ok()?;
            return (exponent.unsigned_abs() <= LARGEST_EXPONENT).then_some((Form::Exponent, 10, exponent));
        }
    };
    Some((Form::Decimal, 10, exponent))
}

/// The largest suffix that leaves a whole number; below 1024 a plain one.
fn binary(digits: &BigInt, scale: i32) -> Option<String> {
    let thousand = BigInt::from(1024);
    if scale < 0 {
        let by = BigInt::from(10).pow(u32::try_from(-scale).ok()?);
        if digits % &by != BigInt::ZERO {
            return decimal(digits.clone(), scale, Form::Decimal);
        }
        return binary(&(digits / by), 0);
    }
    let mut number = digits * BigInt::from(10).pow(u32::try_from(scale).ok()?);
    if number < thousand {
        return decimal(number, 0, Form::Decimal);
    }
    let mut suffix = "";
    for larger in ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"] {
        if &number % &thousand != BigInt::ZERO {
            break;
        }
        number /= &thousand;
        suffix = larger;
    }
    Some(format!("{number}{suffix}"))
}

/// The largest suffix, or exponent by threes, that leaves a whole number.
fn decimal(digits: BigInt, scale: i32, form: Form) -> Option<String> {
    let (mut number, mut scale, ten) = (digits, scale, BigInt::from(10));
    while &number % &ten == BigInt::ZERO {
        number /= &ten;
        scale += 1;
    }
    while scale.rem_euclid(3) != 0 {
        number *= &ten;
        scale -= 1;
    }
    if form == Form::Exponent {
        return Some(if scale == 0 { number.to_string() } else { format!("{number}e{scale}") });
    }
    const SUFFIXES: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
    // Beyond the largest suffix zeros are written.
    while scale > 18 {
        number *= 1000;
        scale -= 3;
    }
    let at = usize::try_from(scale / 3 + 3).ok()?;
    Some(format!("{number}{}", SUFFIXES.get(at)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::canonical;

    #[test]
    fn quantities_are_written_as_the_server_writes_them() {
        for (text, want) in [
            ("1", "1"),
            ("0.5", "500m"),
            ("1000m", "1"),
            ("1500m", "1500m"),
            ("1.5", "1500m"),
            ("100k", "100k"),
            ("1000k", "1M"),
            ("1024Mi", "1Gi"),
            ("1536Mi", "1536Mi"),
            ("0.5Gi", "512Mi"),
            ("1.5Gi", "1536Mi"),
            ("512", "512"),
            ("1e3", "1e3"),
            ("1000", "1k"),
            ("128974848", "128974848"),
            ("129e6", "129e6"),
            ("129M", "129M"),
            ("123Mi", "123Mi"),
            ("0", "0"),
            ("0Mi", "0"),
            ("0.0001", "1m"),
            ("1023Ki", "1023Ki"),
            ("-500m", "-500m"),
            (".5", "500m"),
            ("5.", "5"),
            ("+2", "2"),
            ("1E", "1E"),
            ("0.3Ki", "307200m"),
            ("12E3", "12e3"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(want), "{text}");
        }
        for text in ["", ".", "-", "Mi", "1 Gi", "1gi", "0x1", "1e99", "1.2.3", "eight", "1m5", "1e-2147483648"] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_canonical_stays(number in "[0-9]{1,12}(\\.[0-9]{0,6})?", suffix in "(m|k|M|G|Ki|Mi|Gi|Ti|e3|E6)?") {
            let once = canonical(&format!("{number}{suffix}")).unwrap();
            prop_assert_eq!(canonical(&once), Some(once.clone()));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,70}") {
            let _ = canonical(&text);
        }
    }
}
