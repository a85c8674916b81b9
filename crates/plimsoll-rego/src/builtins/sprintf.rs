//! Go's `fmt.Sprintf` over Rego's values. In: a format and values. Out: the text that Go makes of it, mistakes included
//! (`%!d(string=x)`). Integers are Go's `int64` or `*big.Int`, other numbers `float64`, all else is a string.

use std::fmt::Write;

use num_bigint::{BigInt, Sign};

use super::{Context, Failure};
use crate::value::go_float::{exponent_form, point_form, shortest_digits};
use crate::value::text::is_printable;
use crate::value::{Value, cost, quote};

/// What a value is to Go.
pub(super) enum Arg {
    Int(i64),
    Big(BigInt),
    Float(f64),
    Text(String),
}

impl Arg {
    fn of(value: &Value) -> Arg {
        match value {
            Value::Number(number) if number.is_integer_text() => match number.as_i64() {
                Some(number) => Arg::Int(number),
                None => number.as_big().map_or_else(|| Arg::Text(number.to_string()), Arg::Big),
            },
            Value::Number(number) => {
                let float = number.as_f64();
                if float.is_finite() { Arg::Float(float) } else { Arg::Text(number.to_string()) }
            }
            Value::String(text) => Arg::Text(text.to_string()),
            other => Arg::Text(other.to_string()),
        }
    }

    fn type_name(&self) -> &'static str {
        match self {
            Arg::Int(_) => "int64",
            Arg::Big(_) => "*big.Int",
            Arg::Float(_) => "float64",
            Arg::Text(_) => "string",
        }
    }
}

#[derive(Default, Clone, Copy)]
struct Flags {
    sharp: bool,
    sharp_v: bool,
    zero: bool,
    plus: bool,
    plus_v: bool,
    minus: bool,
    space: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// Go takes no larger widths, precisions or indices.
const LARGEST: i64 = 1_000_000;

struct Printer<'c, 'm> {
    context: &'c mut Context<'m>,
    out: String,
    flags: Flags,
    /// An integer is written in base 8.
    octal: bool,
}

/// The text that the format and the values make.
pub(super) fn formatted(context: &mut Context<'_>, format: &str, values: &[Value]) -> Result<String, Failure> {
    context.pay_new_text(format.len())?;
    context.pay_values(values.len())?;
    let mut args = Vec::with_capacity(values.len());
    for value in values {
        if let Value::Number(number) = value {
            context.meter.steps(cost(&[number]))?;
        }
        context.pay_written(value)?;
        let arg = Arg::of(value);
        if let Arg::Text(text) = &arg {
            context.pay_new_text(text.len())?;
        }
        args.push(arg);
    }
    printed(context, format, &args)
}

/// The same, of arguments that are Go's already.
pub(super) fn printed(context: &mut Context<'_>, format: &str, args: &[Arg]) -> Result<String, Failure> {
    let mut printer =
        Printer { context, out: String::with_capacity(format.len()), flags: Flags::default(), octal: false };
    printer.print(format, args)?;
    Ok(printer.out)
}

/// Where the reader of a format stands.
struct Place<'f> {
    format: &'f str,
    at: usize,
    arg: usize,
    reordered: bool,
    good: bool,
}

impl Place<'_> {
    fn byte(&self) -> Option<u8> {
        self.format.as_bytes().get(self.at).copied()
    }

    /// A number; one beyond all bounds ends the format.
    fn number(&mut self) -> Option<usize> {
        let (number, end) = digits(self.format.as_bytes(), self.at, self.format.len());
        self.at = end;
        number
    }

    /// `[3]`; whether there was one.
    fn index(&mut self, count: usize) -> bool {
        if self.byte() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let rest = self.format.as_bytes().get(self.at..).unwrap_or_default();
        let (index, width, found) = match rest.iter().position(|byte| *byte == b']') {
            Some(close) if rest.len() >= 3 => match digits(rest, 1, close) {
                (Some(index), end) if end == close => (index.checked_sub(1), close + 1, true),
                _ => (None, close + 1, false),
            },
            _ => (None, 1, false),
        };
        self.at += width;
        match index.filter(|index| *index < count) {
            Some(index) => self.arg = index,
            None => self.good = false,
        }
        found
    }

    /// The argument that stands for `*`.
    fn star(&mut self, args: &[Arg]) -> Option<i64> {
        let arg = args.get(self.arg)?;
        self.arg += 1;
        match arg {
            Arg::Int(number) if number.unsigned_abs() <= LARGEST.unsigned_abs() => Some(*number),
            _ => None,
        }
    }
}

/// Digits between two places: their number and the place behind them, the end where it is too large.
fn digits(bytes: &[u8], start: usize, end: usize) -> (Option<usize>, usize) {
    let mut number = None;
    for at in start..end {
        let Some(digit @ b'0'..=b'9') = bytes.get(at) else { return (number, at) };
        let so_far = number.unwrap_or(0);
        if so_far > LARGEST as usize {
            return (None, end);
        }
        number = Some(so_far * 10 + usize::from(digit - b'0'));
    }
    (number, end.max(start))
}

impl Printer<'_, '_> {
    fn print(&mut self, format: &str, args: &[Arg]) -> Result<(), Failure> {
        let mut place = Place { format, at: 0, arg: 0, reordered: false, good: true };
        while place.at < format.len() {
            place.good = true;
            let rest = format.get(place.at..).unwrap_or_default();
            let plain = rest.find('%').unwrap_or(rest.len());
            self.out.push_str(rest.get(..plain).unwrap_or_default());
            place.at += plain;
            if place.at >= format.len() {
                break;
            }
            place.at += 1;
            self.flags = Flags::default();
            self.read_flags(&mut place);
            // The short way, on which no index is looked for.
            let simple = place.byte().is_some_and(|byte| byte.is_ascii_lowercase()) && place.arg < args.len();
            if !simple {
                self.read_sizes(&mut place, args);
            }
            let Some(verb) = format.get(place.at..).and_then(|rest| rest.chars().next()) else {
                self.out.push_str("%!(NOVERB)");
                break;
            };
            place.at += verb.len_utf8();
            match args.get(place.arg) {
                _ if verb == '%' => self.out.push('%'),
                _ if !place.good => self.push(format_args!("%!{verb}(BADINDEX)")),
                None => self.push(format_args!("%!{verb}(MISSING)")),
                Some(arg) => {
                    if matches!(verb, 'v' | 'w') {
                        self.flags.sharp_v = std::mem::take(&mut self.flags.sharp);
                        self.flags.plus_v = std::mem::take(&mut self.flags.plus);
                    }
                    self.argument(arg, verb)?;
                    place.arg += 1;
                }
            }
        }
        if !place.reordered
            && let Some(extra) = args.get(place.arg..).filter(|extra| !extra.is_empty())
        {
            self.flags = Flags::default();
            self.out.push_str("%!(EXTRA ");
            for (at, arg) in extra.iter().enumerate() {
                if at > 0 {
                    self.out.push_str(", ");
                }
                self.push(format_args!("{}=", arg.type_name()));
                self.argument(arg, 'v')?;
            }
            self.out.push(')');
        }
        Ok(())
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        // A String takes everything.
        let _ = self.out.write_fmt(text);
    }

    fn read_flags(&mut self, place: &mut Place<'_>) {
        while let Some(byte) = place.byte() {
            match byte {
                b'#' => self.flags.sharp = true,
                b'0' => self.flags.zero = true,
                b'+' => self.flags.plus = true,
                b'-' => self.flags.minus = true,
                b' ' => self.flags.space = true,
                _ => return,
            }
            place.at += 1;
        }
    }

    fn read_sizes(&mut self, place: &mut Place<'_>, args: &[Arg]) {
        let mut after_index = place.index(args.len());
        if place.byte() == Some(b'*') {
            place.at += 1;
            match place.star(args) {
                None => self.out.push_str("%!(BADWIDTH)"),
                Some(width) => {
                    if width < 0 {
                        self.flags.minus = true;
                        self.flags.zero = false;
                    }
                    self.flags.width = usize::try_from(width.unsigned_abs()).ok();
                }
            }
            after_index = false;
        } else {
            self.flags.width = place.number();
            if after_index && self.flags.width.is_some() {
                place.good = false;
            }
        }
        if place.byte() == Some(b'.') && place.at + 1 < place.format.len() {
            place.at += 1;
            if after_index {
                place.good = false;
            }
            after_index = place.index(args.len());
            if place.byte() == Some(b'*') {
                place.at += 1;
                self.flags.precision = place.star(args).and_then(|precision| usize::try_from(precision).ok());
                if self.flags.precision.is_none() {
                    self.out.push_str("%!(BADPREC)");
                }
                after_index = false;
            } else {
                self.flags.precision = Some(place.number().unwrap_or(0));
            }
        }
        if !after_index {
            place.index(args.len());
        }
    }

    fn argument(&mut self, arg: &Arg, verb: char) -> Result<(), Failure> {
        let flags = self.flags;
        let room = flags.width.unwrap_or(0).saturating_add(flags.precision.unwrap_or(0));
        let size = match arg {
            Arg::Int(_) => 64,
            // A float has a thousand digits at most before the zeros.
            Arg::Float(_) => 1100,
            Arg::Big(number) => usize::try_from(number.bits()).unwrap_or(usize::MAX),
            Arg::Text(text) => text.len().saturating_mul(6),
        };
        self.context.pay_new_text(room.saturating_add(size))?;
        match (arg, verb) {
            (_, 'T') => self.string(arg.type_name()),
            (Arg::Int(number), _) => return self.integer(*number, verb, arg),
            (Arg::Big(number), _) => self.big(number, verb),
            (Arg::Float(number), 'v') => self.float(*number, 'g', None),
            (Arg::Float(number), 'g' | 'G' | 'b' | 'x' | 'X') => self.float(*number, verb, None),
            (Arg::Float(number), 'f' | 'e' | 'E') => self.float(*number, verb, Some(6)),
            (Arg::Float(number), 'F') => self.float(*number, 'f', Some(6)),
            (Arg::Text(text), 'v') if flags.sharp_v => self.quoted(text),
            (Arg::Text(text), 'v' | 's') => self.string(text),
            (Arg::Text(text), 'x' | 'X') => self.hexadecimal(text, verb == 'X'),
            (Arg::Text(text), 'q') => self.quoted(text),
            _ => return self.bad_verb(arg, verb),
        }
        Ok(())
    }

    fn bad_verb(&mut self, arg: &Arg, verb: char) -> Result<(), Failure> {
        self.push(format_args!("%!{verb}({}=", arg.type_name()));
        self.argument(arg, 'v')?;
        self.out.push(')');
        Ok(())
    }

    /// Fills up to the width.
    fn padded(&mut self, text: &str, zeros: bool) {
        let missing = self.flags.width.unwrap_or(0).saturating_sub(text.chars().count());
        if self.flags.minus {
            self.out.push_str(text);
            self.fill(' ', missing);
        } else {
            self.fill(if zeros { '0' } else { ' ' }, missing);
            self.out.push_str(text);
        }
    }

    fn fill(&mut self, with: char, count: usize) {
        self.out.extend(std::iter::repeat_n(with, count));
    }

    fn cut<'t>(&self, text: &'t str) -> &'t str {
        match self.flags.precision.and_then(|most| text.char_indices().nth(most)) {
            Some((at, _)) => text.get(..at).unwrap_or(text),
            None => text,
        }
    }

    fn string(&mut self, text: &str) {
        self.padded(self.cut(text), self.flags.zero);
    }

    fn quoted(&mut self, text: &str) {
        let text = self.cut(text);
        let mut out = String::new();
        let raw = |c: char| (c >= ' ' || c == '\t') && c != '`' && c != '\u{7f}' && c != '\u{feff}';
        if self.flags.sharp && text.chars().all(raw) {
            self.push_padded(format!("`{text}`"));
            return;
        }
        if self.flags.plus {
            quote_ascii(&mut out, text, '"');
        } else {
            quote(&mut out, text);
        }
        self.push_padded(out);
    }

    fn push_padded(&mut self, text: String) {
        self.padded(&text, self.flags.zero);
    }

    /// The bytes of a text.
    fn hexadecimal(&mut self, text: &str, upper: bool) {
        let bytes = text.as_bytes();
        let length = self.flags.precision.map_or(bytes.len(), |most| most.min(bytes.len()));
        let mut out = String::new();
        for (at, byte) in bytes.iter().take(length).enumerate() {
            if at > 0 && self.flags.space {
                out.push(' ');
            }
            if self.flags.sharp && (at == 0 || self.flags.space) {
                out.push_str(if upper { "0X" } else { "0x" });
            }
            let _ = if upper { write!(out, "{byte:02X}") } else { write!(out, "{byte:02x}") };
        }
        self.push_padded(out);
    }

    fn integer(&mut self, number: i64, verb: char, arg: &Arg) -> Result<(), Failure> {
        let size = number.unsigned_abs();
        self.octal = matches!(verb, 'o' | 'O');
        match verb {
            'v' | 'd' => self.digits(&size.to_string(), number < 0, ""),
            'b' => self.digits(&format!("{size:b}"), number < 0, if self.flags.sharp { "0b" } else { "" }),
            'o' | 'O' => {
                let digits = format!("{size:o}");
                self.digits(&digits, number < 0, if verb == 'O' { "0o" } else { "" });
            }
            'x' => self.digits(&format!("{size:x}"), number < 0, if self.flags.sharp { "0x" } else { "" }),
            'X' => self.digits(&format!("{size:X}"), number < 0, if self.flags.sharp { "0X" } else { "" }),
            'c' => {
                let c = character(number);
                self.padded(c.encode_utf8(&mut [0; 4]), self.flags.zero);
            }
            'q' => {
                let c = character(number);
                let mut out = String::new();
                quote_rune(&mut out, c, self.flags.plus);
                self.push_padded(out);
            }
            'U' => {
                let mut out =
                    format!("U+{:0width$X}", number as u64, width = self.flags.precision.unwrap_or(4).clamp(4, 64));
                if let Some(more) = self.flags.precision.filter(|precision| *precision > 64) {
                    let zeros = (more + 2).saturating_sub(out.len());
                    out.insert_str(2, &"0".repeat(zeros));
                }
                if self.flags.sharp
                    && let Some(c) = u32::try_from(number).ok().and_then(char::from_u32).filter(|c| is_printable(*c))
                {
                    let _ = write!(out, " '{c}'");
                }
                self.padded(&out, false);
            }
            _ => return self.bad_verb(arg, verb),
        }
        Ok(())
    }

    /// Sign, prefix and zeros before digits.
    fn digits(&mut self, digits: &str, negative: bool, prefix: &str) {
        let flags = self.flags;
        if flags.precision == Some(0) && digits == "0" {
            self.fill(' ', flags.width.unwrap_or(0));
            return;
        }
        let sign = if negative {
            "-"
        } else if flags.plus {
            "+"
        } else if flags.space {
            " "
        } else {
            ""
        };
        let least = match (flags.precision, flags.width) {
            (Some(precision), _) => precision,
            (None, Some(width)) if flags.zero && !flags.minus => width.saturating_sub(sign.len()),
            _ => 0,
        };
        let zeros = "0".repeat(least.saturating_sub(digits.len()));
        // Go's `%#o` puts a zero before what has none.
        let octal = if flags.sharp && self.octal && zeros.is_empty() && digits != "0" { "0" } else { "" };
        self.padded(&format!("{sign}{prefix}{octal}{zeros}{digits}"), false);
    }

    /// `math/big`'s own `Format`.
    fn big(&mut self, number: &BigInt, verb: char) {
        let flags = self.flags;
        let (radix, prefix) = match verb {
            'b' => (2, "0b"),
            'o' => (8, "0"),
            'O' => (8, "0o"),
            'd' | 's' | 'v' => (10, ""),
            'x' => (16, "0x"),
            'X' => (16, "0X"),
            _ => {
                self.push(format_args!("%!{verb}(big.Int={number})"));
                return;
            }
        };
        let prefix = if flags.sharp || flags.sharp_v || verb == 'O' { prefix } else { "" };
        let negative = number.sign() == Sign::Minus;
        let sign = if negative {
            "-"
        } else if flags.plus || flags.plus_v {
            "+"
        } else if flags.space {
            " "
        } else {
            ""
        };
        let mut digits = number.magnitude().to_str_radix(radix);
        if verb == 'X' {
            digits.make_ascii_uppercase();
        }
        let mut zeros = flags.precision.unwrap_or(0).saturating_sub(digits.len());
        let length = sign.len() + prefix.len() + zeros + digits.len();
        let missing = flags.width.unwrap_or(0).saturating_sub(length);
        let (mut left, mut right) = (0, 0);
        if flags.minus {
            right = missing;
        } else if flags.zero && flags.precision.is_none() {
            zeros += missing;
        } else {
            left = missing;
        }
        self.fill(' ', left);
        self.out.push_str(sign);
        self.out.push_str(prefix);
        self.fill('0', zeros);
        self.out.push_str(&digits);
        self.fill(' ', right);
    }

    fn float(&mut self, number: f64, verb: char, precision: Option<usize>) {
        let flags = self.flags;
        let precision = flags.precision.or(precision);
        let mut text = float_text(number.abs(), verb, precision);
        if flags.sharp && verb != 'b' {
            text = with_point(&text, verb, precision);
        }
        let sign = match (number.is_sign_negative(), flags.plus, flags.space) {
            (true, _, _) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            _ => "",
        };
        let missing = flags.width.unwrap_or(0).saturating_sub(sign.len() + text.len());
        if flags.zero && !flags.minus {
            self.out.push_str(sign);
            self.fill('0', missing);
            self.out.push_str(&text);
        } else {
            text.insert_str(0, sign);
            self.padded(&text, false);
        }
    }
}

fn character(number: i64) -> char {
    u32::try_from(number).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// `strconv.QuoteToASCII`'s escapes.
fn quote_ascii(out: &mut String, text: &str, delimiter: char) {
    out.push(delimiter);
    for c in text.chars() {
        if c.is_ascii() {
            let mut one = String::new();
            quote(&mut one, c.encode_utf8(&mut [0; 4]));
            out.push_str(one.get(1..one.len() - 1).unwrap_or_default());
        } else if u32::from(c) < 0x10000 {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            let _ = write!(out, "\\U{:08x}", u32::from(c));
        }
    }
    out.push(delimiter);
}

/// `strconv.QuoteRune`.
fn quote_rune(out: &mut String, c: char, ascii: bool) {
    match c {
        '\'' => out.push_str(r"'\''"),
        '"' => out.push_str("'\"'"),
        c if ascii => quote_ascii(out, c.encode_utf8(&mut [0; 4]), '\''),
        c => {
            let mut one = String::new();
            quote(&mut one, c.encode_utf8(&mut [0; 4]));
            let _ = write!(out, "'{}'", one.get(1..one.len() - 1).unwrap_or_default());
        }
    }
}

/// Digits behind the point beyond these are zeros in every 64-bit float.
const MOST_DIGITS: usize = 1100;

/// `strconv.FormatFloat` of what is not negative.
fn float_text(number: f64, verb: char, precision: Option<usize>) -> String {
    match (verb, precision) {
        ('f', Some(precision)) => {
            let text = format!("{number:.*}", precision.min(MOST_DIGITS));
            let zeros = precision.saturating_sub(MOST_DIGITS);
            format!("{text}{}", "0".repeat(zeros))
        }
        ('f', None) => {
            let (digits, point) = shortest_digits(number);
            point_form(&digits, point)
        }
        ('e' | 'E', Some(precision)) => {
            let (mut digits, point) = exact_digits(number, precision + 1);
            digits.extend(std::iter::repeat_n('0', (precision + 1).saturating_sub(digits.len())));
            exponent_form(&digits, point, verb)
        }
        ('e' | 'E', None) => {
            let (digits, point) = shortest_digits(number);
            exponent_form(&digits, point, verb)
        }
        ('b', _) => {
            let (mantissa, exponent) = bits(number);
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}p{sign}{}", exponent.abs())
        }
        ('x' | 'X', _) => hexadecimal_float(number, verb == 'X', precision),
        _ => general(number, if verb == 'G' { 'E' } else { 'e' }, precision),
    }
}

/// So many significant digits, rounded from the exact worth, without trailing zeros, and where the point stands.
fn exact_digits(number: f64, count: usize) -> (String, i64) {
    let text = format!("{number:.*e}", count.saturating_sub(1).min(MOST_DIGITS));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let point = if number == 0.0 { 1 } else { exponent.parse::<i64>().unwrap_or(0) + 1 };
    let trimmed = digits.trim_end_matches('0');
    (if trimmed.is_empty() { "0".into() } else { trimmed.into() }, point)
}

/// `%g`.
fn general(number: f64, letter: char, precision: Option<usize>) -> String {
    let (digits, point) = match precision {
        None => shortest_digits(number),
        Some(precision) => exact_digits(number, precision.max(1)),
    };
    if number == 0.0 {
        return "0".into();
    }
    let count = digits.len() as i64;
    let most = match precision {
        None => 6,
        Some(precision) => {
            let precision = precision.max(1) as i64;
            if precision > count && count >= point { count } else { precision }
        }
    };
    let exponent = point - 1;
    if exponent < -4 || exponent >= most { exponent_form(&digits, point, letter) } else { point_form(&digits, point) }
}

fn bits(number: f64) -> (u64, i64) {
    let bits = number.to_bits();
    let raw = ((bits >> 52) & 0x7ff) as i64;
    let fraction = bits & ((1 << 52) - 1);
    if raw == 0 { (fraction, -1074) } else { (fraction | 1 << 52, raw - 1075) }
}

/// `0x1.8p+01`.
fn hexadecimal_float(number: f64, upper: bool, precision: Option<usize>) -> String {
    let (mut mantissa, mut exponent) = bits(number);
    if mantissa == 0 {
        exponent = 0;
    } else {
        // The leading one at bit 60, so that fifteen digits follow it.
        let shift = mantissa.leading_zeros() as i64 - 3;
        mantissa <<= shift;
        exponent += 60 - shift;
    }
    if let Some(precision) = precision.filter(|precision| *precision < 15) {
        let cut = (15 - precision) * 4;
        let below = mantissa & ((1 << cut) - 1);
        mantissa >>= cut;
        let half = 1 << (cut - 1);
        if below > half || (below == half && mantissa & 1 == 1) {
            mantissa += 1;
        }
        mantissa <<= cut;
        if mantissa >> 61 != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let mut digits = format!("{:015x}", mantissa & ((1 << 60) - 1));
    match precision {
        None => digits.truncate(digits.trim_end_matches('0').len()),
        Some(precision) if precision < 15 => digits.truncate(precision),
        Some(precision) => digits.extend(std::iter::repeat_n('0', precision - 15)),
    }
    let dot = if digits.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    let text = format!("0x{}{dot}{digits}p{sign}{:02}", mantissa >> 60, exponent.abs());
    if upper { text.to_ascii_uppercase() } else { text }
}

/// Go's `#`: always a point, and for `%g` the trailing zeros too.
fn with_point(text: &str, verb: char, precision: Option<usize>) -> String {
    let mut wanted = match verb {
        'g' | 'G' | 'x' => precision.map_or(6, |precision| precision as i64),
        _ => 0,
    };
    let exponents: &[char] = if matches!(verb, 'x' | 'X') { &['p', 'P'] } else { &['e', 'E'] };
    let (body, tail) = text.split_at(text.find(exponents).unwrap_or(text.len()));
    let mut nonzero = false;
    for c in body.chars().filter(|c| *c != '.') {
        nonzero |= c != '0';
        wanted -= i64::from(nonzero);
    }
    let mut out = body.to_owned();
    if !body.contains('.') {
        if body == "0" {
            wanted -= 1;
        }
        out.push('.');
    }
    out.extend(std::iter::repeat_n('0', usize::try_from(wanted).unwrap_or(0)));
    out + tail
}
