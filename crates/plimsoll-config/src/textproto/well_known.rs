//! Messages that JSON has its own forms for. In: a message's name, its fields. Out: its value.
//! Source: <https://protobuf.dev/programming-guides/json/>.

use crate::{Map, Value};

pub fn json(name: &str, mut map: Map) -> Result<Value, String> {
    let Some(name) = name.strip_prefix("google.protobuf.") else { return Ok(Value::Map(map)) };
    let whole = |map: &Map, field: &str| match map.get(field) {
        Some(Value::Text(text)) => text.parse().unwrap_or(0),
        #[expect(clippy::cast_possible_truncation, reason = "it was read from 32 bits")]
        Some(Value::Float(number)) => *number as i64,
        _ => 0,
    };
    Ok(match name {
        "Timestamp" => Value::Text(timestamp(whole(&map, "seconds"), whole(&map, "nanos"))?),
        "Duration" => Value::Text(duration(whole(&map, "seconds"), whole(&map, "nanos"))?),
        "FieldMask" => {
            let paths = match map.remove("paths") {
                Some(Value::List(paths)) => paths,
                _ => Vec::new(),
            };
            let paths = paths.iter().map(|path| match path {
                Value::Text(path) => camel(path).ok_or_else(|| format!("the path {path:?} cannot be written in JSON")),
                _ => Err("a path is a text".into()),
            });
            Value::Text(paths.collect::<Result<Vec<String>, String>>()?.join(","))
        }
        "Struct" => map.remove("fields").unwrap_or_else(|| Value::Map(Map::new())),
        "ListValue" => map.remove("values").unwrap_or_else(|| Value::List(Vec::new())),
        "Value" => {
            let number = map.contains_key("number_value");
            let value = map.into_values().next().ok_or("google.protobuf.Value: nothing is set")?;
            if number && matches!(value, Value::Text(_)) {
                return Err("google.protobuf.Value: the number is not finite".into());
            }
            value
        }
        "BoolValue" => map.remove("value").unwrap_or(Value::Bool(false)),
        "StringValue" | "BytesValue" => map.remove("value").unwrap_or_else(|| Value::text("")),
        "Int64Value" | "UInt64Value" => map.remove("value").unwrap_or_else(|| Value::text("0")),
        "DoubleValue" | "FloatValue" | "Int32Value" | "UInt32Value" => map.remove("value").unwrap_or(Value::Float(0.0)),
        _ => Value::Map(map),
    })
}

/// Without zeros behind the second, in groups of three.
fn shortened(text: &str) -> &str {
    let text = text.strip_suffix("000").unwrap_or(text);
    let text = text.strip_suffix("000").unwrap_or(text);
    text.strip_suffix(".000").unwrap_or(text)
}

fn timestamp(seconds: i64, nanos: i64) -> Result<String, String> {
    // From the year 1 to the year 9999.
    if !(-62_135_596_800..=253_402_300_799).contains(&seconds) || !(0..=999_999_999).contains(&nanos) {
        return Err("google.protobuf.Timestamp: out of range".into());
    }
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(days);
    let text =
        format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{nanos:09}", rest / 3600, rest / 60 % 60, rest % 60);
    Ok(format!("{}Z", shortened(&text)))
}

/// The date so many days from 1970-01-01, by eras of 400 years that begin in March.
fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

fn duration(seconds: i64, nanos: i64) -> Result<String, String> {
    const MOST: i64 = 315_576_000_000; // ten thousand years
    let signs = seconds > 0 && nanos < 0 || seconds < 0 && nanos > 0;
    if signs || !(-MOST..=MOST).contains(&seconds) || !(-999_999_999..=999_999_999).contains(&nanos) {
        return Err("google.protobuf.Duration: out of range".into());
    }
    let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
    let text = format!("{sign}{}.{:09}", seconds.abs(), nanos.abs());
    Ok(format!("{}s", shortened(&text)))
}

/// `a_b.c` as `aB.c`; none where it would not come back the same.
fn camel(path: &str) -> Option<String> {
    let mut out = String::with_capacity(path.len());
    let mut under = false;
    let mut start = true;
    for c in path.chars() {
        match c {
            '_' if !under && !start => under = true,
            'a'..='z' if under => {
                out.push(c.to_ascii_uppercase());
                under = false;
            }
            'a'..='z' if !under => out.push(c),
            '0'..='9' if !under && !start => out.push(c),
            '.' if !under && !start => {
                out.push(c);
                start = true;
                continue;
            }
            _ => return None,
        }
        start = false;
    }
    (!under && !start).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_short_as_they_may_be() {
        for (seconds, nanos, text) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (951_782_400, 1, "2000-02-29T00:00:00.000000001Z"),
            (-62_135_596_800, 0, "0001-01-01T00:00:00Z"),
            (253_402_300_799, 999_000_000, "9999-12-31T23:59:59.999Z"),
            (-1, 0, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(timestamp(seconds, nanos).unwrap(), text);
        }
        assert_eq!(duration(-1, -500_000).unwrap(), "-1.000500s");
        assert_eq!(duration(3, 0).unwrap(), "3s");
        assert!(duration(1, -1).is_err() && timestamp(0, -1).is_err());
    }

    #[test]
    fn paths_are_those_that_come_back() {
        for (path, written) in
            [("a_b.c", Some("aB.c")), ("a", Some("a")), ("a__b", None), ("A", None), ("a_1", None), ("_a", None)]
        {
            assert_eq!(camel(path).as_deref(), written, "{path}");
        }
    }
}
