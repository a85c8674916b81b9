//! The words that stand for values in a policy: durations, sizes, dates, severities, scores. In: text. Out: a value, or
//! what is wrong with it and what was probably meant; and back, for `policy show`.

use jiff::civil::Date;
use plimsoll_model::Severity;
use plimsoll_model::loadline::SeverityTest;

use crate::fault::did_you_mean;

/// What is wrong with a text, and what to write instead.
pub(crate) type Wrong = (String, Option<String>);

/// Longest duration: a hundred years, so that no sum of a date and a duration leaves the calendar.
const MAX_SECONDS: u64 = 100 * 366 * DAY;
const DAY: u64 = 86_400;
const DURATIONS: [(&str, u64); 5] = [("w", 7 * DAY), ("d", DAY), ("h", 3600), ("m", 60), ("s", 1)];
const SIZES: [(&str, u64); 10] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1000),
    ("KB", 1000),
    ("B", 1),
];

/// `14d`, `48h`, `2w`, `90m`, `30s` in seconds.
pub(crate) fn duration(text: &str) -> Result<u64, Wrong> {
    let wrong = |hint: Option<String>| (format!("{text:?} is no duration (14d, 48h, 2w)"), hint);
    let (digits, unit) = split_number(text);
    let Some((_, factor)) = DURATIONS.iter().find(|(name, _)| *name == unit) else {
        let hint = match (digits.is_empty(), unit.trim().to_lowercase().as_str()) {
            (false, "") => Some(format!("did you mean `{digits}d`?")),
            (false, "day" | "days") => Some(format!("write `{digits}d`")),
            (false, "week" | "weeks") => Some(format!("write `{digits}w`")),
            (false, "hour" | "hours") => Some(format!("write `{digits}h`")),
            (false, "month" | "months" | "mo" | "y" | "year" | "years") => {
                Some("months and years have no fixed length; write days".into())
            }
            _ => None,
        };
        return Err(wrong(hint));
    };
    match digits.parse::<u64>().ok().and_then(|n| n.checked_mul(*factor)) {
        Some(seconds) if seconds <= MAX_SECONDS => Ok(seconds),
        Some(_) => Err((format!("{text:?} is longer than a hundred years"), None)),
        None => Err(wrong(None)),
    }
}

/// How many of something: 1 or more.
pub(crate) fn count(text: &str) -> Result<u32, Wrong> {
    match text.parse::<u32>() {
        Ok(0) => Err(("at least one is counted".into(), Some("leave it out where none is asked for".into()))),
        Ok(count) if text.bytes().all(|b| b.is_ascii_digit()) => Ok(count),
        _ => Err((format!("{text:?} is no number of them"), None)),
    }
}

/// Seconds in the largest unit that divides them.
pub(crate) fn duration_text(seconds: u64) -> String {
    let unit = DURATIONS.iter().skip(1).find(|(_, factor)| seconds > 0 && seconds.is_multiple_of(*factor));
    let (name, factor) = unit.copied().unwrap_or(("s", 1));
    format!("{}{name}", seconds / factor)
}

/// The same for sentences: `14 days`.
pub(crate) fn duration_words(seconds: u64) -> String {
    let (name, factor) = match seconds {
        s if s >= DAY && s.is_multiple_of(DAY) => ("day", DAY),
        s if s >= 3600 && s.is_multiple_of(3600) => ("hour", 3600),
        s if s >= 2 * DAY => ("day", DAY),
        s if s >= 2 * 3600 => ("hour", 3600),
        s if s >= 60 => ("minute", 60),
        _ => ("second", 1),
    };
    plural((seconds / factor) as usize, name)
}

/// `500MB`, `1GiB`, `1.5GB`, or a plain number.
pub(crate) fn size(text: &str) -> Result<u64, Wrong> {
    let wrong = |hint: Option<String>| (format!("{text:?} is no size or number (500MB, 1GiB, 3)"), hint);
    let (digits, unit) = split_number(text);
    if unit.is_empty() {
        return digits.parse().map_err(|_| wrong(None));
    }
    let Some((_, factor)) = SIZES.iter().find(|(name, _)| *name == unit) else {
        let meant =
            SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit) || name.strip_suffix('B') == Some(unit));
        return Err(wrong(
            meant.filter(|_| !digits.is_empty()).map(|(name, _)| format!("did you mean `{digits}{name}`?")),
        ));
    };
    // At most three decimals, so that the sum is exact.
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(part) || part.len() > 3 || digits.ends_with('.') {
        return Err(wrong(None));
    }
    let thousandths: u64 = format!("{part:0<3}").parse().map_err(|_| wrong(None))?;
    whole
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(*factor))
        .and_then(|n| n.checked_add((u128::from(*factor) * u128::from(thousandths) / 1000) as u64))
        .ok_or_else(|| wrong(None))
}

/// A number of bytes in the largest unit that divides it; decimal units first.
pub(crate) fn size_text(bytes: u64) -> String {
    let order = ["TB", "GB", "MB", "TiB", "GiB", "MiB", "KiB", "kB"];
    let fits =
        |name: &&str| SIZES.iter().find(|(n, _)| n == name).filter(|(_, f)| bytes > 0 && bytes.is_multiple_of(*f));
    match order.iter().find_map(fits) {
        Some((name, factor)) => format!("{}{name}", bytes / factor),
        None => bytes.to_string(),
    }
}

/// A number of bytes for sentences: `512.3 MB`.
pub(crate) fn size_words(bytes: u64) -> String {
    let (name, factor) = match bytes {
        b if b >= 1_000_000_000 => ("GB", 1_000_000_000),
        b if b >= 1_000_000 => ("MB", 1_000_000),
        b if b >= 10_000 => ("kB", 1000),
        _ => return bytes.to_string(),
    };
    let tenths = bytes / (factor / 10);
    if tenths.is_multiple_of(10) {
        format!("{} {name}", tenths / 10)
    } else {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    }
}

fn split_number(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text.split_at(end)
}

/// `2027-06-30`.
pub(crate) fn date(text: &str) -> Result<Date, Wrong> {
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
    if !shape {
        return Err((format!("{text:?} is no date"), Some("write year-month-day: 2027-06-30".into())));
    }
    text.parse().map_err(|_| (format!("{text:?} is no day of the calendar"), None))
}

/// `">=high"` or `critical`.
pub(crate) fn severity_test(text: &str) -> Result<SeverityTest, Wrong> {
    let (at_least, word) = match text.strip_prefix(">=") {
        Some(word) => (true, word.trim()),
        None => (false, text.trim()),
    };
    match Severity::ALL.iter().find(|s| s.name() == word) {
        Some(severity) if at_least => Ok(SeverityTest::AtLeast(*severity)),
        Some(severity) => Ok(SeverityTest::Exactly(*severity)),
        None => {
            let bare = word.trim_start_matches(['>', '<', '=', ' ']);
            let hint = if let Some(severity) = Severity::ALL.iter().find(|s| s.name() == bare.to_lowercase()) {
                let sign = if at_least || text.starts_with('>') { ">=" } else { "" };
                Some(format!("did you mean `\"{sign}{}\"`?", severity.name()))
            } else {
                did_you_mean(bare, Severity::ALL.iter().map(|s| s.name()))
            };
            Err((format!("{text:?} is no severity (unknown, low, medium, high, critical, or \">=high\")"), hint))
        }
    }
}

pub(crate) fn severity_text(test: SeverityTest) -> String {
    match test {
        SeverityTest::AtLeast(s) => format!(">={}", s.name()),
        SeverityTest::Exactly(s) => s.name().to_owned(),
    }
}

/// `">=0.5"`: a probability.
pub(crate) fn score(text: &str) -> Result<f64, Wrong> {
    let bare = text.trim_start_matches(['>', '=', ' ']);
    let value = bare.parse::<f64>().ok().filter(|v| (0.0..=1.0).contains(v));
    match (text.strip_prefix(">="), value) {
        (Some(_), Some(value)) => Ok(value),
        (None, Some(_)) => Err((
            format!("{text:?} does not say which scores are meant"),
            Some(format!("did you mean `\">={bare}\"`?")),
        )),
        (_, None) => Err((format!("{text:?} is no score"), Some("EPSS scores go from 0 to 1: `\">=0.5\"`".into()))),
    }
}

/// `latest`, `v1.31` or `1.31`: the minor version of Kubernetes 1; none for the latest.
pub(crate) fn minor(text: &str) -> Result<Option<u32>, Wrong> {
    if text == "latest" {
        return Ok(None);
    }
    let minor = text.strip_prefix('v').unwrap_or(text).strip_prefix("1.").filter(|minor| minor.len() <= 3);
    match minor.and_then(|minor| minor.parse().ok()) {
        Some(minor) => Ok(Some(minor)),
        None => Err((format!("{text:?} is no version"), Some("write `latest`, or `v1.31`".into()))),
    }
}

/// `1 package`, `2 packages`.
pub(crate) fn plural(n: usize, word: &str) -> String {
    match (n, word.strip_suffix('y')) {
        (1, _) => format!("1 {word}"),
        (n, Some(stem)) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{n} {stem}ies"),
        (n, _) if word.ends_with("ch") => format!("{n} {word}es"),
        (n, _) => format!("{n} {word}s"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_read_and_their_mistakes_are_named() {
        assert_eq!(duration("14d"), Ok(14 * DAY));
        assert_eq!(duration("48h"), Ok(2 * DAY));
        assert_eq!(duration("2w"), Ok(14 * DAY));
        assert_eq!(duration("14").unwrap_err().1.unwrap(), "did you mean `14d`?");
        assert_eq!(duration("14 days").unwrap_err().1.unwrap(), "write `14d`");
        assert!(duration("1.5d").is_err() && duration("d").is_err() && duration("99999999999999999999d").is_err());
        assert!(duration("9999999w").unwrap_err().0.contains("hundred years"));
        assert_eq!(size("500MB"), Ok(500_000_000));
        assert_eq!(size("1GiB"), Ok(1 << 30));
        assert_eq!(size("1.5GB"), Ok(1_500_000_000));
        assert_eq!(size("3"), Ok(3));
        assert_eq!(size("500mb").unwrap_err().1.unwrap(), "did you mean `500MB`?");
        assert_eq!(size("500M").unwrap_err().1.unwrap(), "did you mean `500MB`?");
        assert!(size("1..5GB").is_err() && size("").is_err() && size("99999999999TiB").is_err());
        assert!(date("2027-02-30").unwrap_err().0.contains("no day"));
        assert!(date("30.6.2027").is_err());
        assert_eq!(severity_test(">=high"), Ok(SeverityTest::AtLeast(Severity::High)));
        assert_eq!(severity_test("critical"), Ok(SeverityTest::Exactly(Severity::Critical)));
        assert_eq!(severity_test("CRITICAL").unwrap_err().1.unwrap(), "did you mean `\"critical\"`?");
        assert_eq!(severity_test(">high").unwrap_err().1.unwrap(), "did you mean `\">=high\"`?");
        assert_eq!(severity_test("hihg").unwrap_err().1.unwrap(), "did you mean `high`?");
        assert_eq!(score(">=0.5"), Ok(0.5));
        assert_eq!(score("0.5").unwrap_err().1.unwrap(), "did you mean `\">=0.5\"`?");
        assert!(score(">=50").is_err() && score(">=NaN").is_err());
    }

    proptest! {
        #[test]
        fn durations_and_sizes_round_trip(n in 0u64..3_000_000_000) {
            prop_assert_eq!(duration(&duration_text(n)), Ok(n));
            prop_assert_eq!(size(&size_text(n)), Ok(n));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,20}") {
            let _ = (duration(&text), size(&text), date(&text), severity_test(&text), score(&text));
        }
    }
}
