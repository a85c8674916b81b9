//! Semantic versions 2.0.0.

use std::cmp::Ordering;
use std::fmt;

use super::{Row, cost, go_text::quoted, opaque::Opaque, priced, row};
use crate::budget::{Out, error};
use crate::value::Value;

#[derive(Debug, Clone)]
pub struct Semver {
    numbers: [u64; 3],
    before: Vec<String>,
    build: Vec<String>,
}

fn number(text: &str) -> Result<u64, String> {
    if text.is_empty() || !text.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(format!("Invalid character(s) found in {{}} number {}", quoted(text)));
    }
    if text.len() > 1 && text.starts_with('0') {
        return Err(format!("{{Part}} number must not contain leading zeroes {}", quoted(text)));
    }
    text.parse().map_err(|_| format!("strconv.ParseUint: parsing {}: value out of range", quoted(text)))
}

fn identifiers(text: &str, numeric: bool) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for part in text.split('.') {
        if part.is_empty() {
            return Err(if numeric { "Prerelease is empty" } else { "Build meta data is empty" }.to_owned());
        }
        let digits = part.bytes().all(|digit| digit.is_ascii_digit());
        if numeric && digits && part.len() > 1 && part.starts_with('0') {
            return Err(format!("Numeric PreRelease version must not contain leading zeroes {}", quoted(part)));
        }
        if !part.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'-') {
            let what = if numeric { "prerelease" } else { "build meta data" };
            return Err(format!("Invalid character(s) found in {what} {}", quoted(part)));
        }
        all.push(part.to_owned());
    }
    Ok(all)
}

impl Semver {
    fn parse(text: &str) -> Result<Semver, String> {
        if text.is_empty() {
            return Err("Version string empty".to_owned());
        }
        let parts: Vec<&str> = text.splitn(3, '.').collect();
        let [major, minor, rest] =
            <[&str; 3]>::try_from(parts).map_err(|_| "No Major.Minor.Patch elements found".to_owned())?;
        let of = |name: &str, text: &str| {
            let capital: String =
                name.chars().take(1).flat_map(char::to_uppercase).chain(name.chars().skip(1)).collect();
            number(text).map_err(|message| message.replace("{Part}", &capital).replace("{}", name))
        };
        let (rest, build) = match rest.split_once('+') {
            Some((rest, build)) => (rest, Some(build)),
            None => (rest, None),
        };
        let (patch, before) = match rest.split_once('-') {
            Some((patch, before)) => (patch, Some(before)),
            None => (rest, None),
        };
        Ok(Semver {
            numbers: [of("major", major)?, of("minor", minor)?, of("patch", patch)?],
            before: before.map_or(Ok(Vec::new()), |before| identifiers(before, true))?,
            build: build.map_or(Ok(Vec::new()), |build| identifiers(build, false))?,
        })
    }

    /// Without a `v`, without leading zeroes, and with as many numbers as there must be.
    fn tolerant(text: &str) -> Result<Semver, String> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let mut parts: Vec<String> = text
            .splitn(3, '.')
            .map(|part| {
                let bare = part.trim_start_matches('0');
                match bare.starts_with(|first: char| first.is_ascii_digit()) {
                    _ if part.len() <= 1 => part.to_owned(),
                    true => bare.to_owned(),
                    false => format!("0{bare}"),
                }
            })
            .collect();
        if parts.len() < 3 {
            if parts.last().is_some_and(|last| last.contains(['+', '-'])) {
                return Err("short version cannot contain PreRelease/Build meta data".to_owned());
            }
            parts.resize(3, "0".to_owned());
        }
        Semver::parse(&parts.join("."))
    }

    pub(super) fn text_len(&self) -> usize {
        self.before.iter().chain(&self.build).map(|part| part.len() + 1).sum()
    }

    fn compare(&self, other: &Semver) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (self.before.is_empty(), other.before.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let parts = self.before.iter().zip(&other.before).map(|(a, b)| identifier(a, b));
                parts.fold(Ordering::Equal, Ordering::then).then(self.before.len().cmp(&other.before.len()))
            }
        })
    }
}

fn identifier(a: &str, b: &str) -> Ordering {
    let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    match (digits(a), digits(b)) {
        (true, true) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.cmp(b),
    }
}

impl PartialEq for Semver {
    fn eq(&self, other: &Semver) -> bool {
        self.compare(other) == Ordering::Equal
    }
}

impl fmt::Display for Semver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{major}.{minor}.{patch}")?;
        if !self.before.is_empty() {
            write!(f, "-{}", self.before.join("."))?;
        }
        if !self.build.is_empty() {
            write!(f, "+{}", self.build.join("."))?;
        }
        Ok(())
    }
}

fn two(args: &[Value]) -> Out<Ordering> {
    if let [Value::Opaque(a), Value::Opaque(b)] = args
        && let (Opaque::Semver(a), Opaque::Semver(b)) = (&**a, &**b)
    {
        return Ok(a.compare(b));
    }
    Err(super::no_such_overload())
}

fn part(args: &[Value], at: usize) -> Out {
    if let Some(Value::Opaque(opaque)) = args.first()
        && let Opaque::Semver(version) = &**opaque
    {
        let number = version.numbers.get(at).copied().unwrap_or(0);
        #[expect(clippy::cast_possible_wrap, reason = "as Go converts them")]
        return Ok(Value::Int(number as i64));
    }
    Err(super::no_such_overload())
}

fn read(args: &[Value]) -> Out<Result<Semver, String>> {
    match args {
        [Value::String(text)] | [Value::String(text), Value::Bool(false)] => Ok(Semver::parse(text)),
        [Value::String(text), Value::Bool(true)] => Ok(Semver::tolerant(text)),
        _ => Err(super::no_such_overload()),
    }
}

fn semver(args: &[Value]) -> Out {
    match read(args)? {
        Ok(version) => Ok(Value::opaque(Opaque::Semver(version))),
        Err(message) => error(message),
    }
}

pub(super) const ROWS: &[Row] = &[
    priced("semver(string) -> semver", cost::pass, |_, args| semver(args)),
    priced("semver(string, bool) -> semver", cost::pass, |_, args| semver(args)),
    priced("isSemver(string) -> bool", cost::pass, |_, args| Ok(Value::Bool(read(args)?.is_ok()))),
    priced("isSemver(string, bool) -> bool", cost::pass, |_, args| Ok(Value::Bool(read(args)?.is_ok()))),
    row("semver.isGreaterThan(semver) -> bool", |_, args| two(args).map(|order| Value::Bool(order.is_gt()))),
    row("semver.isLessThan(semver) -> bool", |_, args| two(args).map(|order| Value::Bool(order.is_lt()))),
    row("semver.compareTo(semver) -> int", |_, args| {
        two(args).map(|order| {
            Value::Int(match order {
                Ordering::Less => -1,
                Ordering::Equal => 0,
                Ordering::Greater => 1,
            })
        })
    }),
    row("semver.major() -> int", |_, args| part(args, 0)),
    row("semver.minor() -> int", |_, args| part(args, 1)),
    row("semver.patch() -> int", |_, args| part(args, 2)),
];
