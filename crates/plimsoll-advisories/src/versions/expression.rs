//! Version expressions as Trivy's database and package managers write them: `>= 1.2, < 1.3 || = 2.0`, npm's `^ ~ x` and
//! hyphen ranges, Python's specifiers, `~>` of RubyGems, Maven's and NuGet's brackets. In: an ecosystem, an expression
//! and a version. Out: whether the version is within, or why that could not be told. `||` joins alternatives; commas and
//! blanks join conditions. Pre-releases count as versions like any other, as Trivy does; see [`npm_satisfies`] for npm's
//! own habit of leaving them out.

use std::cmp::Ordering;

use plimsoll_model::Ecosystem;

use super::pep440::Pep440;
use super::semver::Semver;
use super::{Order, VersionError, gem, number, order_of};

/// Longest expression that is read, in bytes: the longest in public feeds has some hundreds.
pub const MAX_EXPRESSION: usize = 16 << 10;

/// Why it could not be told whether a version is within an expression. The words finish "could not …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    #[error(transparent)]
    Version(#[from] VersionError),
    #[error("read the version expression {expression:?}: {what}")]
    Expression { expression: String, what: &'static str },
}

fn fault(expression: &str, what: &'static str) -> ExpressionError {
    ExpressionError::Expression { expression: expression.chars().take(120).collect(), what }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Equal,
    /// Python's `===`: the same text.
    Same,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Tilde,
    /// `~>`, and Python's `~=`.
    Pessimistic,
    Caret,
}

/// Longest first, so that a prefix does not hide the longer one.
const OPS: &[(&str, Op)] = &[
    ("===", Op::Same),
    ("==", Op::Equal),
    ("!=", Op::NotEqual),
    ("<=", Op::LessEqual),
    ("=<", Op::LessEqual),
    (">=", Op::GreaterEqual),
    ("=>", Op::GreaterEqual),
    ("~>", Op::Pessimistic),
    ("~=", Op::Pessimistic),
    ("=", Op::Equal),
    ("<", Op::Less),
    (">", Op::Greater),
    ("~", Op::Tilde),
    ("^", Op::Caret),
];

/// One condition, its version as written.
#[derive(Debug, Clone, Copy)]
struct Condition<'a> {
    op: Op,
    /// False when no operator was written.
    written: bool,
    version: &'a str,
}

/// Whether `version` is within `expression` by the rules of its ecosystem.
///
/// # Errors
/// When version or expression cannot be read.
pub fn satisfies(ecosystem: Ecosystem, version: &str, expression: &str) -> Result<bool, ExpressionError> {
    let order = order_of(ecosystem);
    order.check(version)?;
    let mut within = false;
    // All alternatives are read, so that a broken one does not depend on the version.
    for alternative in alternatives(expression)? {
        within |= match ecosystem {
            Ecosystem::Npm => npm_within(version, alternative, true)?,
            Ecosystem::Pypi | Ecosystem::Conda => all(alternative, |c| python_holds(version, c))?,
            Ecosystem::Gem | Ecosystem::Cocoapods => all(alternative, |c| gem_holds(version, c))?,
            Ecosystem::Maven | Ecosystem::Nuget if alternative.trim_start().starts_with(['[', '(']) => {
                brackets_hold(order, version, alternative)?
            }
            _ => all(alternative, |c| holds(order, version, c))?,
        };
    }
    Ok(within)
}

/// Whether `version` is within npm's `range` as npm itself tells: a pre-release only where a condition names a
/// pre-release of the same three numbers.
///
/// # Errors
/// When version or range cannot be read.
pub fn npm_satisfies(version: &str, range: &str) -> Result<bool, ExpressionError> {
    order_of(Ecosystem::Npm).check(version)?;
    let mut within = false;
    for alternative in alternatives(range)? {
        within |= npm_within(version, alternative, false)?;
    }
    Ok(within)
}

/// The versions that conditions of the form `< x` name: the fixes, where an advisory lists no patched versions.
pub fn upper_bounds(expressions: &[String]) -> Vec<String> {
    let mut bounds: Vec<String> = Vec::new();
    for expression in expressions {
        let Ok(parts) = alternatives(expression) else { continue };
        for condition in parts.into_iter().filter_map(|part| conditions(part).ok()).flatten() {
            if condition.op == Op::Less && !bounds.iter().any(|known| known == condition.version) {
                bounds.push(condition.version.to_owned());
            }
        }
    }
    bounds
}

fn alternatives(expression: &str) -> Result<Vec<&str>, ExpressionError> {
    if expression.len() > MAX_EXPRESSION {
        return Err(fault(expression, "it is longer than 16 KiB"));
    }
    Ok(expression.split("||").collect())
}

/// Conditions joined by commas or blanks; blanks may stand behind an operator.
fn conditions(text: &str) -> Result<Vec<Condition<'_>>, ExpressionError> {
    let separator = |c: char| c.is_whitespace() || c == ',';
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches(separator);
    while !rest.is_empty() {
        let (op, written) = match OPS.iter().find(|(sign, _)| rest.starts_with(sign)) {
            Some((sign, op)) => {
                rest = rest[sign.len()..].trim_start();
                (*op, true)
            }
            None => (Op::Equal, false),
        };
        let end = rest.find(|c: char| separator(c) || matches!(c, '<' | '>' | '=' | '^')).unwrap_or(rest.len());
        let (version, after) = rest.split_at(end);
        if version.is_empty() {
            return Err(fault(text, "an operator has no version"));
        }
        found.push(Condition { op, written, version });
        rest = after.trim_start_matches(separator);
    }
    Ok(found)
}

fn all(
    alternative: &str,
    mut holds: impl FnMut(Condition<'_>) -> Result<bool, ExpressionError>,
) -> Result<bool, ExpressionError> {
    let mut within = true;
    for condition in conditions(alternative)? {
        within &= holds(condition)?;
    }
    Ok(within)
}

fn compare_holds(op: Op, order: Ordering) -> bool {
    match op {
        Op::Equal | Op::Same => order == Ordering::Equal,
        Op::NotEqual => order != Ordering::Equal,
        Op::Less => order == Ordering::Less,
        Op::LessEqual => order != Ordering::Greater,
        Op::Greater => order == Ordering::Greater,
        Op::GreaterEqual => order != Ordering::Less,
        Op::Tilde | Op::Pessimistic | Op::Caret => false,
    }
}

/// `1.2.x` or `1.*` → the numbers before the wildcard.
fn wildcard(version: &str) -> Option<&str> {
    if matches!(version, "*" | "x" | "X") {
        return Some("");
    }
    let mut cut = version;
    let mut found = false;
    while let Some(short) = [".*", ".x", ".X"].iter().find_map(|end| cut.strip_suffix(end)) {
        (cut, found) = (short, true);
    }
    found.then_some(cut)
}

/// The general rules: those of semantic versions, and plain comparison for Maven.
fn holds(order: &Order, version: &str, condition: Condition<'_>) -> Result<bool, ExpressionError> {
    let Condition { op, version: bound, .. } = condition;
    if let Some(prefix) = wildcard(bound) {
        if prefix.is_empty() {
            return Ok(op != Op::NotEqual && op != Op::Less && op != Op::Greater);
        }
        let above = order.compare(version, prefix)? != Ordering::Less;
        let below = order.compare(version, &raised(order, prefix, usize::MAX, condition)?)? == Ordering::Less;
        return Ok(match op {
            Op::NotEqual => !(above && below),
            Op::Less => !above,
            Op::LessEqual => below,
            Op::Greater => !below,
            Op::GreaterEqual => above,
            _ => above && below,
        });
    }
    let plain = order.compare(version, bound)?;
    let level = match op {
        Op::Tilde => 1,
        Op::Pessimistic => parts_of(bound).saturating_sub(2),
        Op::Caret => numbers(bound, condition)?.iter().position(|n| *n != 0).unwrap_or(parts_of(bound) - 1),
        other => return Ok(compare_holds(other, plain)),
    };
    Ok(plain != Ordering::Less && order.compare(version, &raised(order, bound, level, condition)?)? == Ordering::Less)
}

fn parts_of(version: &str) -> usize {
    Semver::parse("semver", version).map_or(1, |v| v.numbers.split('.').count())
}

fn numbers(version: &str, condition: Condition<'_>) -> Result<Vec<u64>, ExpressionError> {
    let parsed = Semver::parse("semver", version)?;
    parsed
        .numbers
        .split('.')
        .map(|n| n.parse().map_err(|_| fault(condition.version, "a number is too large")))
        .collect()
}

/// The first version past all that share the parts of `version` up to `level` (counted from 0, the last at most); below
/// its pre-releases.
fn raised(order: &Order, version: &str, level: usize, condition: Condition<'_>) -> Result<String, ExpressionError> {
    let mut parts = numbers(version, condition)?;
    parts.truncate(level.saturating_add(1));
    if let Some(last) = parts.last_mut() {
        *last = last.saturating_add(1);
    }
    let joined: Vec<String> = parts.iter().map(u64::to_string).collect();
    Ok(joined.join(".") + if order.id == "composer" { "-dev" } else { "-0" })
}

/// Intervals of Maven and NuGet: `[1.0,2.0)`, `(,1.0]`, `[1.0]`, joined by commas.
fn brackets_hold(order: &Order, version: &str, text: &str) -> Result<bool, ExpressionError> {
    let mut within = false;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let closed_below = rest.starts_with('[');
        let inner = rest.strip_prefix(['[', '(']).ok_or_else(|| fault(text, "an interval starts with [ or ("))?;
        let end = inner.find([']', ')']).ok_or_else(|| fault(text, "an interval does not end"))?;
        let closed_above = inner[end..].starts_with(']');
        let (low, high) = match inner[..end].split_once(',') {
            Some((low, high)) => (low.trim(), high.trim()),
            None => (inner[..end].trim(), inner[..end].trim()),
        };
        let mut inside = true;
        if !low.is_empty() {
            let place = order.compare(version, low)?;
            inside &= place == Ordering::Greater || (closed_below && place == Ordering::Equal);
        }
        if !high.is_empty() {
            let place = order.compare(version, high)?;
            inside &= place == Ordering::Less || (closed_above && place == Ordering::Equal);
        }
        within |= inside;
        rest = inner[end + 1..].trim_start_matches(|c: char| c == ',' || c.is_whitespace());
    }
    Ok(within)
}

/// RubyGems: Gem::Requirement.
fn gem_holds(version: &str, condition: Condition<'_>) -> Result<bool, ExpressionError> {
    let Condition { op, version: bound, .. } = condition;
    if op != Op::Pessimistic && op != Op::Tilde {
        return holds(order_of(Ecosystem::Gem), version, condition);
    }
    let place = gem::compare(version, bound)?;
    let numeric = |text: &str| -> String {
        let text = text.split('-').next().unwrap_or_default();
        text.split('.').take_while(|part| number::is(part)).collect::<Vec<_>>().join(".")
    };
    // The segments before the first letters; the last but one is raised.
    let mut parts: Vec<String> = numeric(bound).split('.').map(str::to_owned).collect();
    if parts.len() > 1 {
        parts.pop();
    }
    if let Some(last) = parts.last_mut() {
        let n: u64 = last.parse().map_err(|_| fault(bound, "a number is too large"))?;
        *last = n.saturating_add(1).to_string();
    }
    let released = numeric(version);
    Ok(place != Ordering::Less && gem::compare(&released, &parts.join("."))? == Ordering::Less)
}

/// Python: the specifiers of PEP 440, pre-releases included.
fn python_holds(version: &str, condition: Condition<'_>) -> Result<bool, ExpressionError> {
    let Condition { op, version: bound, written } = condition;
    if matches!(op, Op::Same) {
        return Ok(version.eq_ignore_ascii_case(bound));
    }
    let installed = Pep440::parse(version)?;
    if let Some(prefix) = bound.strip_suffix(".*") {
        let inside = installed.starts_with(&Pep440::parse(prefix)?);
        return match op {
            Op::Equal => Ok(inside),
            Op::NotEqual => Ok(!inside),
            _ => Err(fault(bound, "a wildcard goes with == and != only")),
        };
    }
    if bound == "*" && !written {
        return Ok(true);
    }
    let wanted = Pep440::parse(bound)?;
    let public = if wanted.local.is_some() { installed.clone() } else { installed.public() };
    let plain = public.order(&wanted);
    Ok(match op {
        Op::Less => {
            installed.order(&wanted) == Ordering::Less
                && !(!wanted.is_pre_release()
                    && installed.is_pre_release()
                    && installed.successor().order(&wanted).is_eq())
        }
        Op::Greater => {
            installed.order(&wanted) == Ordering::Greater
                && !(!wanted.is_post_release()
                    && installed.is_post_release()
                    && installed.precursor().order(&wanted).is_eq())
                && !(installed.local.is_some() && installed.public().order(&wanted).is_eq())
        }
        Op::LessEqual | Op::GreaterEqual => compare_holds(op, installed.public().order(&wanted)),
        Op::Equal | Op::NotEqual => compare_holds(op, plain),
        Op::Pessimistic => {
            let mut prefix = wanted.base();
            if prefix.release.len() < 2 {
                return Err(fault(bound, "~= needs at least two numbers"));
            }
            prefix.release.pop();
            installed.public().order(&wanted) != Ordering::Less && installed.starts_with(&prefix)
        }
        Op::Same | Op::Tilde | Op::Caret => return Err(fault(bound, "Python has no such operator")),
    })
}

/// A version of npm's with parts left out: `1`, `1.x`, `1.2.*`.
struct Partial<'a> {
    numbers: Vec<u64>,
    pre: &'a str,
}

impl<'a> Partial<'a> {
    fn parse(text: &'a str) -> Result<Partial<'a>, ExpressionError> {
        let bare = text.trim_start_matches(['v', 'V', '=']);
        if bare.is_empty() || matches!(bare, "*" | "x" | "X") {
            return Ok(Partial { numbers: Vec::new(), pre: "" });
        }
        let without_build = bare.split_once('+').map_or(bare, |(version, _)| version);
        let mut numbers = Vec::new();
        let mut rest = without_build;
        let mut open = false;
        loop {
            let after = if let Some(after) = rest.strip_prefix(['x', 'X', '*']) {
                open = true;
                after
            } else {
                let (digits, after) = number::split(rest);
                if digits.is_empty() {
                    return Err(fault(text, "it is not a version of npm's"));
                }
                let n = digits.parse().map_err(|_| fault(text, "a number is too large"))?;
                // What follows a wildcard is one too.
                if !open {
                    numbers.push(n);
                }
                after
            };
            match after.strip_prefix('.') {
                Some(after) => rest = after,
                None => {
                    let pre = after.strip_prefix('-').unwrap_or(after);
                    if numbers.len() > 3 {
                        return Err(fault(text, "it has more than three numbers"));
                    }
                    let pre = if numbers.len() == 3 { pre } else { "" };
                    return Ok(Partial { numbers, pre });
                }
            }
        }
    }

    fn full(&self) -> bool {
        self.numbers.len() == 3
    }

    fn at(&self, i: usize) -> u64 {
        self.numbers.get(i).copied().unwrap_or(0)
    }

    /// The lowest version of these parts.
    fn low(&self, pre_releases: bool) -> String {
        let core = format!("{}.{}.{}", self.at(0), self.at(1), self.at(2));
        if !self.pre.is_empty() {
            return format!("{core}-{}", self.pre);
        }
        if pre_releases && !self.full() { core + "-0" } else { core }
    }

    /// The first version past those that share the parts up to `level`.
    fn past(&self, level: usize) -> String {
        let mut parts = [self.at(0), self.at(1), self.at(2)];
        for (i, part) in parts.iter_mut().enumerate() {
            if i == level {
                *part = part.saturating_add(1);
            } else if i > level {
                *part = 0;
            }
        }
        format!("{}.{}.{}-0", parts[0], parts[1], parts[2])
    }
}

/// npm's ranges, after the documentation of node-semver. `pre` = pre-releases count like any version.
fn npm_within(version: &str, alternative: &str, pre: bool) -> Result<bool, ExpressionError> {
    let mut bounds: Vec<(Op, String)> = Vec::new();
    let words: Vec<&str> = alternative.split_whitespace().collect();
    if let [low, "-", high] = words.as_slice() {
        let (low, high) = (Partial::parse(low)?, Partial::parse(high)?);
        if !low.numbers.is_empty() {
            let open = pre && low.full() && low.pre.is_empty();
            bounds.push((Op::GreaterEqual, low.low(pre) + if open { "-0" } else { "" }));
        }
        match high.numbers.len() {
            0 => {}
            3 => bounds.push((Op::LessEqual, high.low(pre))),
            n => bounds.push((Op::Less, high.past(n - 1))),
        }
    } else {
        for condition in conditions(alternative)? {
            npm_bounds(condition, pre, &mut bounds)?;
        }
    }
    let order = order_of(Ecosystem::Npm);
    for (op, bound) in &bounds {
        if !compare_holds(*op, order.compare(version, bound)?) {
            return Ok(false);
        }
    }
    let installed = Semver::parse("semver", version)?;
    if pre || installed.pre.is_empty() {
        return Ok(true);
    }
    // npm: a pre-release is meant only where a condition names one of the same three numbers.
    for (_, bound) in &bounds {
        let bound = Semver::parse("semver", bound)?;
        let same =
            installed.numbers.split('.').zip(bound.numbers.split('.')).all(|(a, b)| number::compare(a, b).is_eq());
        if !bound.pre.is_empty() && same {
            return Ok(true);
        }
    }
    Ok(false)
}

fn npm_bounds(condition: Condition<'_>, pre: bool, bounds: &mut Vec<(Op, String)>) -> Result<(), ExpressionError> {
    let partial = Partial::parse(condition.version)?;
    let given = partial.numbers.len();
    match condition.op {
        Op::Equal | Op::Same => match given {
            0 => {}
            3 => bounds.push((Op::Equal, partial.low(false))),
            n => {
                bounds.push((Op::GreaterEqual, partial.low(pre)));
                bounds.push((Op::Less, partial.past(n - 1)));
            }
        },
        Op::GreaterEqual if given == 0 => {}
        Op::LessEqual if given == 0 => {}
        Op::Greater | Op::Less if given == 0 => bounds.push((Op::Less, "0.0.0-0".to_owned())),
        Op::GreaterEqual => bounds.push((Op::GreaterEqual, partial.low(pre))),
        Op::Less if given == 3 => bounds.push((Op::Less, partial.low(false))),
        Op::Less => bounds.push((Op::Less, partial.low(true))),
        Op::LessEqual if given == 3 => bounds.push((Op::LessEqual, partial.low(false))),
        Op::LessEqual => bounds.push((Op::Less, partial.past(given - 1))),
        Op::Greater if given == 3 => bounds.push((Op::Greater, partial.low(false))),
        Op::Greater => {
            let past = partial.past(given - 1);
            let past = if pre { past } else { past.trim_end_matches("-0").to_owned() };
            bounds.push((Op::GreaterEqual, past));
        }
        Op::Tilde | Op::Pessimistic => {
            if given > 0 {
                bounds.push((Op::GreaterEqual, partial.low(pre)));
                bounds.push((Op::Less, partial.past(given.min(2) - 1)));
            }
        }
        Op::Caret => {
            if given > 0 {
                // The first part that is not zero must stay; zeros at the end of a partial version are open.
                let level = partial.numbers.iter().position(|n| *n != 0).unwrap_or(given - 1);
                let low = partial.low(pre);
                bounds.push((Op::GreaterEqual, low));
                bounds.push((Op::Less, partial.past(level)));
            }
        }
        Op::NotEqual => return Err(fault(condition.version, "npm has no operator !=")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ecosystem: Ecosystem, table: &[(&str, &str, bool)]) {
        for (version, expression, wanted) in table {
            assert_eq!(satisfies(ecosystem, version, expression), Ok(*wanted), "{version} in {expression:?}");
        }
    }

    #[test]
    fn trivy_s_expressions_are_read() {
        check(
            Ecosystem::Go,
            &[
                ("v0.36.0", ">= 0.33.1, < 0.37.0", true),
                ("v0.37.0", ">= 0.33.1, < 0.37.0", false),
                ("0.37.0-rc1", ">= 0.33.1, < 0.37.0", true),
                ("1.2.9", "1.2.3 || ~1.2.4", true),
                ("1.2.3", "1.2.3", true),
                ("1.3.0", "~1.2.4", false),
                ("2.3.9", "2.*", true),
                ("2.3.9", "!=2.*", false),
                ("1.9.0", "^1.2.0", true),
                ("0.3.0", "^0.2.1", false),
                ("1.5", "~> 1.2", true),
                ("2.0", "~> 1.2", false),
                ("1.2.9", "~>1.2.3", true),
                ("1.3.0", "~>1.2.3", false),
                ("1.0", "<1.0 || >1.0", false),
            ],
        );
    }

    #[test]
    fn npm_ranges_include_pre_releases_here_and_not_there() {
        check(
            Ecosystem::Npm,
            &[
                ("1.3.0-rc.1", ">=1.2.0 <1.3.0", true),
                ("4.17.11", "<4.17.12", true),
                ("1.2.3", "1.2.0 - 1.2", true),
                ("1.3.0", "1.2.0 - 1.2", false),
                ("0.2.5", "^0.2.3", true),
                ("0.3.0", "^0.2.3", false),
                ("1.4.0", "<=1.x", true),
                ("2.0.0", "<=1.x", false),
                ("3.0.0", "", true),
                ("2.1.0", ">= 1.0.0, < 3", true),
            ],
        );
        assert_eq!(npm_satisfies("1.3.0-rc.1", ">=1.2.0 <1.3.0"), Ok(false));
        assert_eq!(npm_satisfies("1.3.0-rc.1", ">=1.3.0-rc.0 <1.4.0"), Ok(true));
    }

    #[test]
    fn python_specifiers_follow_pep_440() {
        check(
            Ecosystem::Pypi,
            &[
                ("1.4.2", "~=1.4.1", true),
                ("1.5", "~=1.4.1", false),
                ("1.0.1", "==1.0.*", true),
                ("1.0rc1", "<1.0", false),
                ("1.0rc1", "<1.0rc2", true),
                ("1.0+local", "==1.0", true),
                ("1.0.post1", ">1.0", false),
                ("1.1", "!=1.1", false),
                ("2.2.3", ">=2.0,<2.2.4 || ==3.0", true),
            ],
        );
        assert!(satisfies(Ecosystem::Pypi, "2004d", "<3").is_err());
    }

    #[test]
    fn gems_and_jars_are_matched_by_their_own_rules() {
        check(
            Ecosystem::Gem,
            &[
                ("5.2.4.3", "~> 5.2.4, >= 5.2.4.3", true),
                ("6.0.3.1", ">= 6.0.3.1", true),
                ("2.0.0.pre1", "~> 1.9", false),
                ("1.9", "~> 1.9", true),
                ("1.0.a", "< 1.0", true),
            ],
        );
        check(
            Ecosystem::Maven,
            &[
                ("2.14.1", ">= 2.13.0, < 2.15.0", true),
                ("2.15.0", ">= 2.13.0, < 2.15.0", false),
                ("2.0-beta9", "[2.0-beta9,2.3.1)", true),
                ("1.5", "(,1.0],[1.2,)", true),
                ("1.1", "(,1.0],[1.2,)", false),
                ("1.0", "[1.0]", true),
            ],
        );
    }

    #[test]
    fn composer_s_stabilities_are_known_to_its_expressions() {
        check(
            Ecosystem::Composer,
            &[
                ("v5.4.0-RC1", ">=5.4.0-BETA1,<5.4.0", true),
                ("5.4.0", ">=5.4.0-BETA1,<5.4.0", false),
                ("1.9.0", "^1.2", true),
                ("2.0.0-beta1", "^1.2", false),
                ("1.2.9", "1.2.*", true),
            ],
        );
    }

    #[test]
    fn upper_bounds_are_the_fixes() {
        let expressions = [">= 1.0, < 1.2.3".to_owned(), "<2.0.1 || <= 3".to_owned(), "< 1.2.3".to_owned()];
        assert_eq!(upper_bounds(&expressions), ["1.2.3", "2.0.1"]);
    }

    #[test]
    fn broken_expressions_are_errors_whatever_the_version() {
        for broken in ["<", ">= ", "1.0 || >", "< french toast", "[1.0", "^x.y"] {
            assert!(satisfies(Ecosystem::Cargo, "1.0.0", broken).is_err(), "{broken}");
        }
        assert!(satisfies(Ecosystem::Maven, "1.0", "[1.0").is_err());
        assert!(satisfies(Ecosystem::Cargo, "1.0.0", &"<1 ".repeat(10_000)).is_err());
    }
}
