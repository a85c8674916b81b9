//! Civil days and Go's layouts of times. In: instants and texts. Out: texts and instants, and Go's words for what does not fit.

/// A date and time of day, with where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Civil {
    pub year: i64,
    pub month: i64,
    pub day: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
    pub nanosecond: i64,
}

/// Days since 1970 of a date; months and days beyond their range run over.
pub(super) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year + (month - 1).div_euclid(12);
    let month = (month - 1).rem_euclid(12) + 1;
    // Years from March, in eras of 400: the leap day is a year's last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468 + day - 1
}

fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

const SECOND: i128 = 1_000_000_000;

impl Civil {
    /// What clocks show that are `offset` seconds ahead.
    pub(super) fn of(nanoseconds: i128, offset: i64) -> Civil {
        let local = nanoseconds + i128::from(offset) * SECOND;
        let seconds = local.div_euclid(SECOND) as i64;
        let (year, month, day) = date(seconds.div_euclid(86_400));
        let of_day = seconds.rem_euclid(86_400);
        Civil {
            year,
            month,
            day,
            hour: of_day / 3_600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
            nanosecond: local.rem_euclid(SECOND) as i64,
        }
    }

    /// Nanoseconds since 1970, were it in UTC.
    pub(super) fn nanoseconds(&self) -> i128 {
        let days = i128::from(days(self.year, self.month, self.day));
        let of_day = i128::from(self.hour * 3_600 + self.minute * 60 + self.second);
        (days * 86_400 + of_day) * SECOND + i128::from(self.nanosecond)
    }

    /// 0 for Sunday.
    pub(super) fn weekday(&self) -> usize {
        (days(self.year, self.month, self.day) + 4).rem_euclid(7) as usize
    }

    fn year_day(&self) -> i64 {
        days(self.year, self.month, self.day) - days(self.year, 1, 1) + 1
    }
}

pub(super) const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// An element of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    Half,
    LowerHalf,
    ZoneName,
    Zone(ZoneForm),
    /// Digits, separator, and whether zeros at the end go.
    Fraction {
        digits: usize,
        comma: bool,
        trimmed: bool,
    },
}

/// How an offset is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ZoneForm {
    /// `Z` stands for UTC.
    zulu: bool,
    colon: bool,
    minutes: bool,
    seconds: bool,
}

const ZONES: [(&str, ZoneForm); 5] = [
    ("070000", ZoneForm { zulu: false, colon: false, minutes: true, seconds: true }),
    ("07:00:00", ZoneForm { zulu: false, colon: true, minutes: true, seconds: true }),
    ("0700", ZoneForm { zulu: false, colon: false, minutes: true, seconds: false }),
    ("07:00", ZoneForm { zulu: false, colon: true, minutes: true, seconds: false }),
    ("07", ZoneForm { zulu: false, colon: false, minutes: false, seconds: false }),
];

/// The text before the first element of a layout, the element, its text and the rest. Layouts are cut at ASCII only.
fn next_element(layout: &str) -> (&str, Option<(Element, &str)>, &str) {
    use Element::*;
    for (at, byte) in layout.bytes().enumerate() {
        if !layout.is_char_boundary(at) {
            continue;
        }
        let rest = layout.get(at..).unwrap_or_default();
        let word = |text: &str| {
            !rest.get(text.len()..).is_some_and(|after| after.starts_with(|c: char| c.is_ascii_lowercase()))
        };
        let plain = |choices: &[(&'static str, Element)]| {
            choices.iter().find(|(text, _)| rest.starts_with(text)).map(|(text, element)| (*element, text.len()))
        };
        let found = match byte {
            b'J' if rest.starts_with("January") => Some((LongMonth, 7)),
            b'J' if rest.starts_with("Jan") && word("Jan") => Some((Month, 3)),
            b'M' if rest.starts_with("Monday") => Some((LongWeekday, 6)),
            b'M' if rest.starts_with("Mon") && word("Mon") => Some((Weekday, 3)),
            b'M' => plain(&[("MST", ZoneName)]),
            b'0' => plain(&[
                ("01", ZeroMonth),
                ("02", ZeroDay),
                ("03", ZeroHour12),
                ("04", ZeroMinute),
                ("05", ZeroSecond),
                ("06", Year),
                ("002", ZeroYearDay),
            ]),
            b'1' => plain(&[("15", Hour), ("1", NumMonth)]),
            b'2' => plain(&[("2006", LongYear), ("2", Day)]),
            b'_' if rest.starts_with("_2006") => {
                let (before, after) = (layout.get(..=at).unwrap_or_default(), layout.get(at + 5..).unwrap_or_default());
                return (before, Some((LongYear, layout.get(at + 1..at + 5).unwrap_or_default())), after);
            }
            b'_' => plain(&[("_2", UnderDay), ("__2", UnderYearDay)]),
            b'3' => Some((Hour12, 1)),
            b'4' => Some((Minute, 1)),
            b'5' => Some((Second, 1)),
            b'P' => plain(&[("PM", Half)]),
            b'p' => plain(&[("pm", LowerHalf)]),
            b'-' | b'Z' => {
                let digits = rest.get(1..).unwrap_or_default();
                ZONES
                    .iter()
                    .find(|(text, _)| digits.starts_with(text))
                    .map(|(text, form)| (Zone(ZoneForm { zulu: byte == b'Z', ..*form }), text.len() + 1))
            }
            b'.' | b',' => {
                let digit = rest.as_bytes().get(1).copied().filter(|digit| matches!(digit, b'0' | b'9'));
                digit.and_then(|digit| {
                    let count = rest.bytes().skip(1).take_while(|byte| *byte == digit).count();
                    let ends = !rest.as_bytes().get(count + 1).is_some_and(u8::is_ascii_digit);
                    let element = Fraction { digits: count, comma: byte == b',', trimmed: digit == b'9' };
                    ends.then_some((element, count + 1))
                })
            }
            _ => None,
        };
        if let Some((element, length)) = found {
            let text = rest.get(..length).unwrap_or_default();
            return (
                layout.get(..at).unwrap_or_default(),
                Some((element, text)),
                rest.get(length..).unwrap_or_default(),
            );
        }
    }
    (layout, None, "")
}

fn push_number(out: &mut String, number: i64, width: usize) {
    if number < 0 {
        out.push('-');
    }
    out.push_str(&format!("{:0width$}", number.unsigned_abs()));
}

/// A time by a layout of Go's; `zone` is the name of its zone then, the empty one for none.
pub(super) fn format(civil: &Civil, offset: i64, zone: &str, layout: &str) -> String {
    use Element::*;
    let mut out = String::with_capacity(layout.len() + 16);
    let mut layout = layout;
    loop {
        let (before, element, after) = next_element(layout);
        out.push_str(before);
        let Some((element, _)) = element else { return out };
        layout = after;
        let month = MONTHS[(civil.month - 1).rem_euclid(12) as usize];
        let day = DAYS[civil.weekday()];
        let hour12 = if civil.hour % 12 == 0 { 12 } else { civil.hour % 12 };
        match element {
            LongMonth => out.push_str(month),
            Month => out.push_str(&month[..3]),
            NumMonth => push_number(&mut out, civil.month, 0),
            ZeroMonth => push_number(&mut out, civil.month, 2),
            LongWeekday => out.push_str(day),
            Weekday => out.push_str(&day[..3]),
            Day => push_number(&mut out, civil.day, 0),
            UnderDay => out.push_str(&format!("{:2}", civil.day)),
            ZeroDay => push_number(&mut out, civil.day, 2),
            UnderYearDay => out.push_str(&format!("{:3}", civil.year_day())),
            ZeroYearDay => push_number(&mut out, civil.year_day(), 3),
            Hour => push_number(&mut out, civil.hour, 2),
            Hour12 => push_number(&mut out, hour12, 0),
            ZeroHour12 => push_number(&mut out, hour12, 2),
            Minute => push_number(&mut out, civil.minute, 0),
            ZeroMinute => push_number(&mut out, civil.minute, 2),
            Second => push_number(&mut out, civil.second, 0),
            ZeroSecond => push_number(&mut out, civil.second, 2),
            LongYear => push_number(&mut out, civil.year, 4),
            Year => push_number(&mut out, civil.year.abs() % 100, 2),
            Half => out.push_str(if civil.hour >= 12 { "PM" } else { "AM" }),
            LowerHalf => out.push_str(if civil.hour >= 12 { "pm" } else { "am" }),
            ZoneName if !zone.is_empty() => out.push_str(zone),
            ZoneName => {
                push_offset(&mut out, offset, ZoneForm { zulu: false, colon: false, minutes: true, seconds: false })
            }
            Zone(form) => push_offset(&mut out, offset, form),
            Fraction { digits, comma, trimmed } => {
                let mut text = format!("{:09}", civil.nanosecond);
                text.truncate(digits);
                if trimmed {
                    text.truncate(text.trim_end_matches('0').len());
                }
                if !trimmed || !text.is_empty() {
                    out.push(if comma { ',' } else { '.' });
                    out.push_str(&text);
                }
            }
        }
    }
}

fn push_offset(out: &mut String, offset: i64, form: ZoneForm) {
    if form.zulu && offset == 0 {
        out.push('Z');
        return;
    }
    // Go takes the sign of the whole minutes.
    out.push(if offset / 60 < 0 { '-' } else { '+' });
    let minutes = (offset / 60).abs();
    push_number(out, minutes / 60, 2);
    if form.minutes {
        if form.colon {
            out.push(':');
        }
        push_number(out, minutes % 60, 2);
    }
    if form.seconds {
        if form.colon {
            out.push(':');
        }
        push_number(out, offset.abs() % 60, 2);
    }
}

/// What does not fit, before it is put into words.
enum Wrong {
    Bad,
    Range(&'static str),
}

/// The text of a time that is read, from where it is.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn digit(&self, at: usize) -> Option<i64> {
        self.0.get(at).filter(|byte| byte.is_ascii_digit()).map(|byte| i64::from(byte - b'0'))
    }

    fn skip(&mut self, count: usize) {
        self.0 = self.0.get(count..).unwrap_or_default();
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Wrong> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Wrong::Bad)?;
        self.0 = rest;
        Ok(taken)
    }

    /// One or two digits; `fixed` wants two.
    fn two(&mut self, fixed: bool) -> Result<i64, Wrong> {
        let first = self.digit(0).ok_or(Wrong::Bad)?;
        match self.digit(1) {
            Some(second) => {
                self.skip(2);
                Ok(first * 10 + second)
            }
            None if fixed => Err(Wrong::Bad),
            None => {
                self.skip(1);
                Ok(first)
            }
        }
    }

    fn three(&mut self, fixed: bool) -> Result<i64, Wrong> {
        let mut number = 0;
        let mut count = 0;
        while count < 3
            && let Some(digit) = self.digit(count)
        {
            number = number * 10 + digit;
            count += 1;
        }
        if count == 0 || fixed && count != 3 {
            return Err(Wrong::Bad);
        }
        self.skip(count);
        Ok(number)
    }

    fn name(&mut self, names: &[&str], length: Option<usize>) -> Result<i64, Wrong> {
        for (index, name) in names.iter().enumerate() {
            let name = length.map_or(*name, |length| &name[..length]);
            if self.0.get(..name.len()).is_some_and(|text| text.eq_ignore_ascii_case(name.as_bytes())) {
                self.skip(name.len());
                return Ok(index as i64 + 1);
            }
        }
        Err(Wrong::Bad)
    }

    /// `.123`, of this many bytes.
    fn fraction(&mut self, bytes: usize) -> Result<i64, Wrong> {
        let text = self.take(bytes)?;
        if !matches!(text.first(), Some(b'.' | b',')) {
            return Err(Wrong::Bad);
        }
        let mut number = 0;
        for at in 1..10 {
            let digit = match text.get(at) {
                None => 0,
                Some(byte) if byte.is_ascii_digit() => i64::from(byte - b'0'),
                // A sign after the point: Go reads the number with it.
                Some(_) => return Err(Wrong::Bad),
            };
            number = number * 10 + digit;
        }
        Ok(number)
    }

    /// A literal of the layout; runs of blanks are one.
    fn literal(&mut self, literal: &str) -> bool {
        let mut literal = literal.as_bytes();
        while let Some((&wanted, rest)) = literal.split_first() {
            if wanted == b' ' {
                if !self.0.is_empty() && self.0.first() != Some(&b' ') {
                    return false;
                }
                literal = literal.trim_ascii_start_of(b' ');
                self.0 = self.0.trim_ascii_start_of(b' ');
                continue;
            }
            if self.0.first() != Some(&wanted) {
                return false;
            }
            literal = rest;
            self.skip(1);
        }
        true
    }

    fn signed_offset(text: &[u8]) -> usize {
        if !matches!(text.first(), Some(b'+' | b'-')) {
            return 0;
        }
        let digits = text.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
        let number = text
            .iter()
            .skip(1)
            .take(digits)
            .fold(0u64, |number, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
        if digits == 0 || number > 23 { 0 } else { digits + 1 }
    }

    /// What looks like the name of a zone.
    fn zone_name(&mut self) -> Result<&'a [u8], Wrong> {
        let text = self.0;
        if text.len() < 3 {
            return Err(Wrong::Bad);
        }
        let length = if text.starts_with(b"ChST") || text.starts_with(b"MeST") {
            4
        } else if let Some(after) = text.strip_prefix(b"GMT") {
            3 + Cursor::signed_offset(after)
        } else if matches!(text.first(), Some(b'+' | b'-')) {
            Cursor::signed_offset(text)
        } else {
            match text.iter().take(6).take_while(|byte| byte.is_ascii_uppercase()).count() {
                5 if text.get(4) == Some(&b'T') => 5,
                4 if text.get(3) == Some(&b'T') || text.starts_with(b"WITA") => 4,
                3 => 3,
                _ => 0,
            }
        };
        if length == 0 { Err(Wrong::Bad) } else { self.take(length) }
    }
}

trait TrimByte {
    fn trim_ascii_start_of(&self, byte: u8) -> &Self;
}

impl TrimByte for [u8] {
    fn trim_ascii_start_of(&self, byte: u8) -> &[u8] {
        let blanks = self.iter().take_while(|have| **have == byte).count();
        self.get(blanks..).unwrap_or_default()
    }
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(month: i64, year: i64) -> i64 {
    match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn in_range(number: i64, below: i64, what: &'static str) -> Result<i64, Wrong> {
    if number >= below { Err(Wrong::Range(what)) } else { Ok(number) }
}

/// What a text says so far.
#[derive(Default)]
struct Read {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanosecond: i64,
    afternoon: Option<bool>,
    utc: bool,
    offset: Option<i64>,
    zone: Option<Vec<u8>>,
}

fn text_of(bytes: &[u8]) -> String {
    quoted(&String::from_utf8_lossy(bytes))
}

/// Nanoseconds since 1970 of a text by a layout of Go's, or its words. No zone is local: names of zones give an offset of 0.
pub(super) fn parse(layout: &str, value: &str) -> Result<i128, String> {
    let told = |element: &str, rest: &[u8]| {
        format!(
            "parsing time {} as {}: cannot parse {} as {}",
            quoted(value),
            quoted(layout),
            text_of(rest),
            quoted(element)
        )
    };
    let plainly = |message: &str| format!("parsing time {}{message}", quoted(value));
    let mut read = Read::default();
    let mut cursor = Cursor(value.as_bytes());
    let mut rest_of_layout = layout;
    loop {
        let (before, element, after) = next_element(rest_of_layout);
        if !cursor.literal(before) {
            return Err(told(before, cursor.0));
        }
        let Some((element, text)) = element else {
            if !cursor.0.is_empty() {
                return Err(plainly(&format!(": extra text: {}", text_of(cursor.0))));
            }
            break;
        };
        rest_of_layout = after;
        let held = cursor.0;
        match read.element(element, &mut cursor, after) {
            Ok(()) => {}
            Err(Wrong::Bad) => return Err(told(text, held)),
            Err(Wrong::Range(what)) => return Err(plainly(&format!(": {what} out of range"))),
        }
    }
    read.finish().map_err(plainly)
}

impl Read {
    fn element(&mut self, element: Element, cursor: &mut Cursor<'_>, layout: &str) -> Result<(), Wrong> {
        use Element::*;
        match element {
            Year => {
                let text = cursor.take(2)?;
                let year = number(text).ok_or(Wrong::Bad)?;
                self.year = if year >= 69 { year + 1900 } else { year + 2000 };
            }
            LongYear => {
                if cursor.digit(0).is_none() {
                    return Err(Wrong::Bad);
                }
                self.year = number(cursor.take(4)?).ok_or(Wrong::Bad)?;
            }
            Month => self.month = Some(cursor.name(&MONTHS, Some(3))?),
            LongMonth => self.month = Some(cursor.name(&MONTHS, None)?),
            NumMonth | ZeroMonth => {
                let month = cursor.two(element == ZeroMonth)?;
                if !(1..=12).contains(&month) {
                    return Err(Wrong::Range("month"));
                }
                self.month = Some(month);
            }
            Weekday => {
                cursor.name(&DAYS, Some(3))?;
            }
            LongWeekday => {
                cursor.name(&DAYS, None)?;
            }
            Day | UnderDay | ZeroDay => {
                if element == UnderDay && cursor.0.first() == Some(&b' ') {
                    cursor.skip(1);
                }
                self.day = Some(cursor.two(element == ZeroDay)?);
            }
            UnderYearDay | ZeroYearDay => {
                for _ in 0..2 {
                    if element == UnderYearDay && cursor.0.first() == Some(&b' ') {
                        cursor.skip(1);
                    }
                }
                self.year_day = Some(cursor.three(element == ZeroYearDay)?);
            }
            Hour => self.hour = in_range(cursor.two(false)?, 24, "hour")?,
            Hour12 | ZeroHour12 => self.hour = in_range(cursor.two(element == ZeroHour12)?, 13, "hour")?,
            Minute | ZeroMinute => self.minute = in_range(cursor.two(element == ZeroMinute)?, 60, "minute")?,
            Second | ZeroSecond => {
                self.second = in_range(cursor.two(element == ZeroSecond)?, 60, "second")?;
                // A fraction may follow though the layout has none.
                if matches!(cursor.0.first(), Some(b'.' | b',')) && cursor.digit(1).is_some() {
                    let next = next_element(layout).1;
                    if !matches!(next, Some((Fraction { .. }, _))) {
                        let digits = cursor.0.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
                        self.nanosecond = cursor.fraction(digits + 1)?;
                    }
                }
            }
            Half | LowerHalf => {
                let (morning, afternoon): (&[u8], &[u8]) =
                    if element == Half { (b"AM", b"PM") } else { (b"am", b"pm") };
                match cursor.take(2)? {
                    text if text == afternoon => self.afternoon = Some(true),
                    text if text == morning => self.afternoon = Some(false),
                    _ => return Err(Wrong::Bad),
                }
            }
            Zone(form) => {
                if form.zulu && cursor.0.first() == Some(&b'Z') {
                    cursor.skip(1);
                    self.utc = true;
                } else {
                    self.offset = Some(read_offset(cursor, form)?);
                }
            }
            ZoneName => {
                if cursor.0.starts_with(b"UTC") {
                    cursor.skip(3);
                    self.utc = true;
                } else {
                    self.zone = Some(cursor.zone_name()?.to_vec());
                }
            }
            Fraction { digits, trimmed: false, .. } => {
                if cursor.0.len() <= digits {
                    return Err(Wrong::Bad);
                }
                self.nanosecond = cursor.fraction(digits + 1)?;
            }
            Fraction { .. } => {
                if matches!(cursor.0.first(), Some(b'.' | b',')) && cursor.digit(1).is_some() {
                    let digits = cursor.0.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
                    self.nanosecond = cursor.fraction(digits + 1)?;
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<i128, &'static str> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let (mut month, mut day) = (self.month, self.day);
        if let Some(year_day) = self.year_day {
            if year_day < 1 || year_day > 365 + i64::from(leap(self.year)) {
                return Err(": day-of-year out of range");
            }
            let (_, its_month, its_day) = date(days(self.year, 1, year_day));
            if month.is_some_and(|month| month != its_month) {
                return Err(": day-of-year does not match month");
            }
            if day.is_some_and(|day| day != its_day) {
                return Err(": day-of-year does not match day");
            }
            (month, day) = (Some(its_month), Some(its_day));
        }
        let (month, day) = (month.unwrap_or(1), day.unwrap_or(1));
        if day < 1 || day > days_in(month, self.year) {
            return Err(": day out of range");
        }
        let civil = Civil {
            year: self.year,
            month,
            day,
            hour,
            minute: self.minute,
            second: self.second,
            nanosecond: self.nanosecond,
        };
        // -1 is Go's word for none, so that an offset of one second west is none as well.
        let offset = match (self.utc, self.offset) {
            (true, _) => 0,
            (false, Some(offset)) if offset != -1 => offset,
            _ => 0,
        };
        // A name alone gives no offset to the instant: Go makes up a zone whose offset shows only in its text... but for GMT+n,
        // whose instant is as written too.
        let _ = self.zone;
        Ok(civil.nanoseconds() - i128::from(offset) * SECOND)
    }
}

fn number(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let number = digits
        .iter()
        .try_fold(0i64, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))?;
    Some(if negative { -number } else { number })
}

fn read_offset(cursor: &mut Cursor<'_>, form: ZoneForm) -> Result<i64, Wrong> {
    let mut length = 3;
    if form.minutes {
        length += 2 + usize::from(form.colon);
    }
    if form.seconds {
        length += 2 + usize::from(form.colon);
    }
    let text = cursor.take(length)?;
    let mut parts = Cursor(text.get(1..).unwrap_or_default());
    let mut fields = [0; 3];
    let count = 1 + usize::from(form.minutes) + usize::from(form.seconds);
    for (index, field) in fields.iter_mut().take(count).enumerate() {
        if index > 0 && form.colon && parts.take(1)? != b":" {
            return Err(Wrong::Bad);
        }
        *field = parts.two(true)?;
    }
    let [hours, minutes, seconds] = fields;
    for (number, most, what) in [
        (hours, 24, "time zone offset hour"),
        (minutes, 60, "time zone offset minute"),
        (seconds, 60, "time zone offset second"),
    ] {
        if number > most {
            return Err(Wrong::Range(what));
        }
    }
    let offset = (hours * 60 + minutes) * 60 + seconds;
    match text.first() {
        Some(b'+') => Ok(offset),
        Some(b'-') => Ok(-offset),
        _ => Err(Wrong::Bad),
    }
}

/// How Go's `time` quotes: bytes beyond ASCII as `\xNN`.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            ' '..='\u{7F}' => out.push(character),
            _ => {
                let mut buffer = [0; 4];
                for byte in character.encode_utf8(&mut buffer).bytes() {
                    out.push_str(&format!("\\x{byte:02x}"));
                }
            }
        }
    }
    out.push('"');
    out
}
