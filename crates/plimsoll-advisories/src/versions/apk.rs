//! Alpine's order: `numbers[letter]{_suffix[number]}[~hash][-rN]`, after the APKBUILD reference (pkgver) and what apk 2
//! does with it. A pre-release suffix goes before the bare version, all else after it.

use std::cmp::Ordering;

use super::{VersionError, admit, number};

const ID: &str = "apk";

const BEFORE: [&str; 4] = ["alpha", "beta", "pre", "rc"];
const AFTER: [&str; 5] = ["cvs", "svn", "git", "hg", "p"];

/// One element. Of two versions that are alike up to here, the one that goes on with the earlier variant is the later,
/// the end included; only a pre-release suffix goes before everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Number(&'a str),
    Letter(u8),
    /// Index among all suffixes: negative before the bare version, from 0 after it.
    Suffix(i32),
    SuffixNumber(&'a str),
    Hash(&'a str),
    Revision(&'a str),
    End,
}

impl Token<'_> {
    fn rank(self) -> u8 {
        match self {
            Token::Number(_) => 0,
            Token::Letter(_) => 1,
            Token::Suffix(_) => 2,
            Token::SuffixNumber(_) => 3,
            Token::Hash(_) => 4,
            Token::Revision(_) => 5,
            Token::End => 6,
        }
    }
}

/// # Errors
/// When a version is not of Alpine's form.
pub fn compare(a: &str, b: &str) -> Result<Ordering, VersionError> {
    let mut left = Reader::new(a)?;
    let mut right = Reader::new(b)?;
    let mut result = Ordering::Equal;
    // Both are read to their end: what follows the first difference must have a place too.
    loop {
        let (x, y) = (left.next()?, right.next()?);
        if result == Ordering::Equal {
            result = compare_tokens(x, y);
        }
        if x == Token::End && y == Token::End {
            return Ok(result);
        }
    }
}

fn compare_tokens(a: Token<'_>, b: Token<'_>) -> Ordering {
    match (a, b) {
        (Token::Number(x), Token::Number(y)) => compare_numbers(x, y),
        (Token::Letter(x), Token::Letter(y)) => x.cmp(&y),
        (Token::Suffix(x), Token::Suffix(y)) => x.cmp(&y),
        (Token::Hash(x), Token::Hash(y)) => x.cmp(y),
        (Token::SuffixNumber(x), Token::SuffixNumber(y)) | (Token::Revision(x), Token::Revision(y)) => {
            number::compare(x, y)
        }
        (Token::Suffix(x), _) if x < 0 => Ordering::Less,
        (_, Token::Suffix(y)) if y < 0 => Ordering::Greater,
        _ => b.rank().cmp(&a.rank()),
    }
}

/// Behind a point, more leading zeros are the earlier (`1.001 < 1.01 < 1.1`), as in fractions. The caller marks the
/// first number by stripping its zeros.
fn compare_numbers(a: &str, b: &str) -> Ordering {
    let zeros = |text: &str| text.len() - text.trim_start_matches('0').len();
    match (zeros(a), zeros(b)) {
        (0, 0) => number::compare(a, b),
        (0, _) => Ordering::Greater,
        (_, 0) => Ordering::Less,
        (x, y) => y.cmp(&x).then_with(|| number::compare(a, b)),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Start,
    Numbers,
    Letter,
    Suffix,
    SuffixNumber,
    Hash,
    Done,
}

struct Reader<'a> {
    whole: &'a str,
    rest: &'a str,
    stage: Stage,
}

impl<'a> Reader<'a> {
    fn new(version: &'a str) -> Result<Reader<'a>, VersionError> {
        let rest = admit(ID, version)?;
        Ok(Reader { whole: rest, rest, stage: Stage::Start })
    }

    fn fault(&self, what: &'static str) -> VersionError {
        VersionError::new(ID, self.whole, what)
    }

    fn digits(&mut self) -> Result<&'a str, VersionError> {
        let (digits, rest) = number::split(self.rest);
        if digits.is_empty() {
            return Err(self.fault("a number is missing"));
        }
        self.rest = rest;
        Ok(digits)
    }

    fn next(&mut self) -> Result<Token<'a>, VersionError> {
        let Some(&first) = self.rest.as_bytes().first() else { return Ok(Token::End) };
        if self.stage == Stage::Start {
            self.stage = Stage::Numbers;
            let digits = self.digits()?;
            // `007` is 7 here: leading zeros mean something behind a point only.
            return Ok(Token::Number(digits.trim_start_matches('0')));
        }
        match (first, self.stage) {
            (b'.', Stage::Numbers) => {
                self.rest = &self.rest[1..];
                Ok(Token::Number(self.digits()?))
            }
            (b'a'..=b'z', Stage::Numbers) => {
                self.rest = &self.rest[1..];
                self.stage = Stage::Letter;
                Ok(Token::Letter(first))
            }
            (b'_', Stage::Numbers | Stage::Letter | Stage::Suffix | Stage::SuffixNumber) => {
                let word = &self.rest[1..];
                let end = word.bytes().position(|b| !b.is_ascii_lowercase()).unwrap_or(word.len());
                let name = &word[..end];
                let before = BEFORE.iter().zip(-4_i32..).find(|(known, _)| **known == name);
                let after = AFTER.iter().zip(0_i32..).find(|(known, _)| **known == name);
                let Some((_, place)) = before.or(after) else {
                    return Err(self.fault("its suffix is none of alpha, beta, pre, rc, cvs, svn, git, hg, p"));
                };
                self.rest = &word[end..];
                self.stage = Stage::Suffix;
                Ok(Token::Suffix(place))
            }
            (b'0'..=b'9', Stage::Suffix) => {
                self.stage = Stage::SuffixNumber;
                Ok(Token::SuffixNumber(self.digits()?))
            }
            (b'~', Stage::Numbers | Stage::Letter | Stage::Suffix | Stage::SuffixNumber) => {
                let word = &self.rest[1..];
                let end = word.bytes().position(|b| !b.is_ascii_hexdigit()).unwrap_or(word.len());
                if end == 0 {
                    return Err(self.fault("no hash follows '~'"));
                }
                self.rest = &word[end..];
                self.stage = Stage::Hash;
                Ok(Token::Hash(&word[..end]))
            }
            (b'-', stage) if stage != Stage::Done && self.rest.starts_with("-r") => {
                self.rest = &self.rest[2..];
                self.stage = Stage::Done;
                Ok(Token::Revision(self.digits()?))
            }
            _ => Err(self.fault("it is not of Alpine's form (1.2.3b_rc1-r0)")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_stand_in_the_order_of_apk() {
        // Facts from apk-tools' own table.
        for (less, more) in [
            ("0.1.0_alpha", "0.1.3_alpha"),
            ("0.1.0_alpha", "0.1.0_alpha2"),
            ("0.1.0_alpha_pre2", "0.1.0_alpha"),
            ("1.0.4-r4", "1.6"),
            ("1.1_alpha1", "1.1"),
            ("1.2.1", "1.3_alpha"),
            ("2.3.0b-r1", "2.3.0b-r2"),
            ("3.1_p16", "3.1_p17"),
            ("1.06-r6", "006"),
            ("2.01.01_alpha10", "3.9.8-r5"),
            ("1.00_beta2", "1.39"),
            ("1.02.07", "1.02.10-r1"),
            ("4.2.52_p2-r1", "4.2.52_p4-r2"),
            ("4.5_p1", "4.5_p1-r1"),
            ("1.7", "1.7b"),
            ("0.9.8c-r1", "0.9.8d"),
            ("2.1.9.200602141850", "2.2"),
            ("1.3-r0", "1.3.1-r0"),
            ("1.3_pre1-r1", "1.3.2"),
            ("1.0_p9-r0", "1.0_p10-r0"),
            ("1.0.0_pre20191002222144-r0", "1.0.0_pre20210530193627-r0"),
            ("1.1.1d-r0", "1.1.1d-r2"),
            ("1.001", "1.01"),
            ("1.01", "1.1"),
        ] {
            assert_eq!(compare(less, more).unwrap(), Ordering::Less, "{less} {more}");
            assert_eq!(compare(more, less).unwrap(), Ordering::Greater, "{more} {less}");
        }
    }

    #[test]
    fn what_is_not_of_the_form_has_no_place() {
        for bad in ["a", "1.", "1.0bc", "23_foo", "1-1", "1.0-r", "1.0-r1-r2", "1..2", "1_p1p", "1~", "v1"] {
            assert!(compare(bad, "1").is_err(), "{bad}");
            assert!(compare("2", bad).is_err(), "{bad}");
        }
    }
}
