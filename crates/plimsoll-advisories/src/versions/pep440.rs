//! Python's order, after PEP 440 (now "Version specifiers" of the Python packaging guide): epoch, release, pre, post, dev
//! and local parts. Legacy versions, which PEP 440 leaves out, have no place: "could not tell".

use std::cmp::Ordering;

use super::{VersionError, admit, number};

const ID: &str = "pep440";

/// # Errors
/// When a version is not of PEP 440's form.
pub fn compare(a: &str, b: &str) -> Result<Ordering, VersionError> {
    Ok(Pep440::parse(a)?.order(&Pep440::parse(b)?))
}

/// A version taken apart.
#[derive(Debug, Clone)]
pub struct Pep440<'a> {
    epoch: &'a str,
    /// As written, trailing zeros included.
    pub release: Vec<&'a str>,
    /// 0 alpha, 1 beta, 2 release candidate; and its number.
    pre: Option<(u8, &'a str)>,
    post: Option<&'a str>,
    dev: Option<&'a str>,
    pub local: Option<&'a str>,
}

/// Pre-release words as PEP 440 normalises them, the longer spellings first.
const PRE: [(&str, u8); 8] =
    [("alpha", 0), ("a", 0), ("beta", 1), ("b", 1), ("preview", 2), ("pre", 2), ("rc", 2), ("c", 2)];
const POST: [&str; 3] = ["post", "rev", "r"];

impl<'a> Pep440<'a> {
    /// # Errors
    /// When a version is not of PEP 440's form.
    pub fn parse(version: &'a str) -> Result<Pep440<'a>, VersionError> {
        let fault = || VersionError::new(ID, version, "it is not of PEP 440's form");
        let text = admit(ID, version)?;
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let (public, local) = match text.split_once('+') {
            Some((public, local)) => (public, Some(local)),
            None => (text, None),
        };
        if let Some(local) = local
            && !local.split(['.', '-', '_']).all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_alphanumeric()))
        {
            return Err(fault());
        }
        let (epoch, public) = public.split_once('!').unwrap_or(("0", public));
        if !number::is(epoch) {
            return Err(fault());
        }
        let mut parsed = Pep440 { epoch, release: Vec::with_capacity(4), pre: None, post: None, dev: None, local };
        let (first, mut rest) = number::split(public);
        if first.is_empty() {
            return Err(fault());
        }
        parsed.release.push(first);
        while let Some(after) = rest.strip_prefix('.') {
            let (digits, after) = number::split(after);
            if digits.is_empty() {
                break;
            }
            parsed.release.push(digits);
            rest = after;
        }
        for (word, rank) in PRE {
            if let Some((n, after)) = labelled(rest, word) {
                parsed.pre = Some((rank, n));
                rest = after;
                break;
            }
        }
        // `1.0-1` is a post release too.
        if let Some((digits, after)) = rest.strip_prefix('-').map(number::split).filter(|(d, _)| !d.is_empty()) {
            parsed.post = Some(digits);
            rest = after;
        } else {
            for word in POST {
                if let Some((n, after)) = labelled(rest, word) {
                    parsed.post = Some(n);
                    rest = after;
                    break;
                }
            }
        }
        if let Some((n, after)) = labelled(rest, "dev") {
            parsed.dev = Some(n);
            rest = after;
        }
        if rest.is_empty() { Ok(parsed) } else { Err(fault()) }
    }

    pub fn is_pre_release(&self) -> bool {
        self.pre.is_some() || self.dev.is_some()
    }

    pub fn is_post_release(&self) -> bool {
        self.post.is_some()
    }

    /// The same without its local part.
    pub fn public(&self) -> Pep440<'a> {
        Pep440 { local: None, ..self.clone() }
    }

    /// The same without post, development and local parts: what a post release is one of.
    pub fn precursor(&self) -> Pep440<'a> {
        Pep440 { post: None, dev: None, local: None, ..self.clone() }
    }

    /// The same without pre-release, development and local parts: what a pre-release leads to.
    pub fn successor(&self) -> Pep440<'a> {
        Pep440 { pre: None, dev: None, local: None, ..self.clone() }
    }

    /// Epoch and release only.
    pub fn base(&self) -> Pep440<'a> {
        Pep440 { pre: None, post: None, dev: None, local: None, ..self.clone() }
    }

    /// True when `self` starts with epoch and release of `prefix` (and its pre or post part, where it has one).
    pub fn starts_with(&self, prefix: &Pep440<'_>) -> bool {
        if number::compare(self.epoch, prefix.epoch) != Ordering::Equal {
            return false;
        }
        let part = |i: usize| self.release.get(i).copied().unwrap_or("0");
        let release = prefix.release.iter().enumerate().all(|(i, n)| number::compare(part(i), n) == Ordering::Equal);
        let tail = |a: Option<(u8, &str)>, b: Option<(u8, &str)>| match (a, b) {
            (_, None) => true,
            (Some((x, n)), Some((y, m))) => x == y && number::compare(n, m) == Ordering::Equal,
            (None, Some(_)) => false,
        };
        let exact = prefix.pre.is_none() || self.release.len() == prefix.release.len() || {
            // `1.0rc1.*`: a pre part ends the release, so the releases must be the same but for zeros.
            self.release.iter().skip(prefix.release.len()).all(|n| number::is_zero(n))
        };
        release
            && exact
            && tail(self.pre, prefix.pre)
            && tail(self.post.map(|n| (0, n)), prefix.post.map(|n| (0, n)))
            && tail(self.dev.map(|n| (0, n)), prefix.dev.map(|n| (0, n)))
    }

    pub fn order(&self, other: &Pep440<'_>) -> Ordering {
        number::compare(self.epoch, other.epoch)
            .then_with(|| {
                let longest = self.release.len().max(other.release.len());
                (0..longest)
                    .map(|i| {
                        let x = self.release.get(i).copied().unwrap_or("0");
                        let y = other.release.get(i).copied().unwrap_or("0");
                        number::compare(x, y)
                    })
                    .find(|order| *order != Ordering::Equal)
                    .unwrap_or(Ordering::Equal)
            })
            .then_with(|| compare_slots(self.pre_slot(), other.pre_slot()))
            .then_with(|| compare_slots(below(self.post), below(other.post)))
            .then_with(|| compare_slots(above(self.dev), above(other.dev)))
            .then_with(|| compare_locals(self.local, other.local))
    }

    /// A development release of the bare version goes before its pre-releases; the bare version after them.
    fn pre_slot(&self) -> Slot<'a> {
        match (self.pre, self.post, self.dev) {
            (Some((rank, n)), _, _) => Slot::At(rank, n),
            (None, None, Some(_)) => Slot::Lowest,
            (None, _, _) => Slot::Highest,
        }
    }
}

/// Where a part stands that may be missing.
#[derive(Debug, Clone, Copy)]
enum Slot<'a> {
    Lowest,
    At(u8, &'a str),
    Highest,
}

fn below(number: Option<&str>) -> Slot<'_> {
    number.map_or(Slot::Lowest, |n| Slot::At(0, n))
}

fn above(number: Option<&str>) -> Slot<'_> {
    number.map_or(Slot::Highest, |n| Slot::At(0, n))
}

fn compare_slots(a: Slot<'_>, b: Slot<'_>) -> Ordering {
    let place = |slot: Slot<'_>| match slot {
        Slot::Lowest => 0,
        Slot::At(..) => 1,
        Slot::Highest => 2,
    };
    match (a, b) {
        (Slot::At(x, n), Slot::At(y, m)) => x.cmp(&y).then_with(|| number::compare(n, m)),
        _ => place(a).cmp(&place(b)),
    }
}

/// Local parts: none before any; numbers after words; the shorter first.
fn compare_locals(a: Option<&str>, b: Option<&str>) -> Ordering {
    let (a, b) = match (a, b) {
        (None, None) => return Ordering::Equal,
        (None, Some(_)) => return Ordering::Less,
        (Some(_), None) => return Ordering::Greater,
        (Some(a), Some(b)) => (a, b),
    };
    let (mut a, mut b) = (a.split(['.', '-', '_']), b.split(['.', '-', '_']));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(x), Some(y)) => match (number::is(x), number::is(y)) {
                (true, true) => number::compare(x, y),
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase()),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// `[-_.]WORD[-_.]N` → its number (none = 0) and what follows.
fn labelled<'a>(text: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let text = text.strip_prefix(['-', '_', '.']).unwrap_or(text);
    let head = text.get(..word.len())?;
    if !head.eq_ignore_ascii_case(word) {
        return None;
    }
    let rest = &text[word.len()..];
    let (digits, after) = number::split(rest.strip_prefix(['-', '_', '.']).unwrap_or(rest));
    if digits.is_empty() {
        // The separator goes with the word, number or none.
        return Some(("0", after));
    }
    Some((digits, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_stand_in_the_order_of_pep_440() {
        let ascending = [
            "1.dev0",
            "1.0.dev456",
            "1.0a1",
            "1.0a2.dev456",
            "1.0a12.dev456",
            "1.0a12",
            "1.0b1.dev456",
            "1.0b2",
            "1.0b2.post345.dev456",
            "1.0b2.post345",
            "1.0rc1.dev456",
            "1.0rc1",
            "1.0",
            "1.0+abc.5",
            "1.0+abc.7",
            "1.0+5",
            "1.0.post456.dev34",
            "1.0.post456",
            "1.1.dev1",
            "1.1",
            "1!0.1",
        ];
        for pair in ascending.windows(2) {
            assert_eq!(compare(pair[0], pair[1]).unwrap(), Ordering::Less, "{pair:?}");
        }
    }

    #[test]
    fn spellings_of_one_version_are_equal() {
        for (a, b) in [
            ("1.0", "1"),
            ("v1.0", "1.0.0"),
            ("1.0-1", "1.0.post1"),
            ("1.0.RC1", "1.0c1"),
            ("1.0-alpha_1", "1.0a1"),
            ("1.0.rev", "1.0post0"),
            ("1.0+Ubuntu-1", "1.0+ubuntu.1"),
            ("0!1", "1"),
            ("1.0preview3", "1.0rc3"),
        ] {
            assert_eq!(compare(a, b).unwrap(), Ordering::Equal, "{a} {b}");
        }
    }

    #[test]
    fn legacy_versions_have_no_place() {
        for bad in ["french toast", "2004d", "1.0+", "1.0+a+b", "1.0+_", "1.", "!1", "1.0a1b1", "1.0-"] {
            assert!(compare(bad, "1").is_err(), "{bad}");
        }
    }
}
