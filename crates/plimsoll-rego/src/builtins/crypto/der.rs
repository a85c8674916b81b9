//! DER, element by element: definite lengths, shortest forms, no copy and no recursion. And PEM as Go's `encoding/pem` finds it.

use crate::builtins::base64::{self, Kind};

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// Context tag, primitive or constructed.
pub(super) const fn context(number: u8, constructed: bool) -> u8 {
    0x80 | number | if constructed { 0x20 } else { 0 }
}

/// One element: its tag, its content and the whole of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    pub tag: u8,
    pub content: &'a [u8],
    pub whole: &'a [u8],
}

/// Elements in a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn tag(&self) -> Option<u8> {
        self.0.first().copied()
    }

    pub(super) fn any(&mut self) -> Option<Element<'a>> {
        let bytes = self.0;
        let (&tag, rest) = bytes.split_first()?;
        if tag & 0x1F == 0x1F {
            return None;
        }
        let (&first, mut rest) = rest.split_first()?;
        let length = match first {
            0..=0x7F => usize::from(first),
            0x81..=0x84 => {
                let (digits, after) = rest.split_at_checked(usize::from(first & 0x7F))?;
                rest = after;
                let length = digits.iter().fold(0usize, |length, digit| length << 8 | usize::from(*digit));
                // The shortest form alone is DER.
                if digits.first() == Some(&0) || length < 0x80 {
                    return None;
                }
                length
            }
            _ => return None,
        };
        let (content, after) = rest.split_at_checked(length)?;
        self.0 = after;
        let whole = bytes.get(..bytes.len() - after.len())?;
        Some(Element { tag, content, whole })
    }

    pub(super) fn next(&mut self, tag: u8) -> Option<&'a [u8]> {
        if self.tag()? != tag {
            return None;
        }
        self.any().map(|element| element.content)
    }

    pub(super) fn inside(&mut self, tag: u8) -> Option<Reader<'a>> {
        self.next(tag).map(Reader)
    }

    pub(super) fn maybe(&mut self, tag: u8) -> Option<Option<&'a [u8]>> {
        if self.tag() == Some(tag) { self.next(tag).map(Some) } else { Some(None) }
    }

    /// A number that is not negative, without leading zeros.
    pub(super) fn unsigned(&mut self) -> Option<&'a [u8]> {
        unsigned(self.next(INTEGER)?)
    }

    pub(super) fn small(&mut self) -> Option<i64> {
        small(self.next(INTEGER)?)
    }
}

pub(super) fn unsigned(content: &[u8]) -> Option<&[u8]> {
    if !shortest(content) {
        return None;
    }
    match content {
        [first, ..] if first & 0x80 != 0 => None,
        [0, rest @ ..] => Some(rest),
        other => Some(other),
    }
}

pub(super) fn shortest(integer: &[u8]) -> bool {
    match integer {
        [] => false,
        [0, second, ..] => second & 0x80 != 0,
        [0xFF, second, ..] => second & 0x80 == 0,
        _ => true,
    }
}

pub(super) fn small(content: &[u8]) -> Option<i64> {
    if !shortest(content) || content.len() > 8 {
        return None;
    }
    let negative = content.first().is_some_and(|first| first & 0x80 != 0);
    Some(content.iter().fold(if negative { -1 } else { 0 }, |number, byte| number << 8 | i64::from(*byte)))
}

/// A bit string of whole bytes.
pub(super) fn whole_bytes(content: &[u8]) -> Option<&[u8]> {
    match content {
        [0, rest @ ..] => Some(rest),
        _ => None,
    }
}

/// The arcs of an object identifier.
pub(super) fn oid(content: &[u8]) -> Option<Vec<u64>> {
    let mut arcs = Vec::new();
    let mut arc: u64 = 0;
    let mut fresh = true;
    for byte in content {
        if fresh && *byte == 0x80 {
            return None;
        }
        arc = arc.checked_mul(128)? | u64::from(byte & 0x7F);
        fresh = byte & 0x80 == 0;
        if fresh {
            if arcs.is_empty() {
                let first = (arc / 40).min(2);
                arcs.push(first);
                arc -= first * 40;
            }
            arcs.push(arc);
            arc = 0;
        }
    }
    (fresh && !arcs.is_empty()).then_some(arcs)
}

pub(super) fn oid_text(arcs: &[u64]) -> String {
    arcs.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

/// A block of PEM.
pub(super) struct Block {
    pub kind: String,
    pub bytes: Vec<u8>,
}

fn line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| *byte == b'\n');
    let (line, rest) = match end {
        Some(end) => (text.get(..end).unwrap_or_default(), text.get(end + 1..).unwrap_or_default()),
        None => (text, &[][..]),
    };
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let end = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t')).map_or(0, |last| last + 1);
    (line.get(..end).unwrap_or_default(), rest)
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word)
}

/// The next block of a text and what is left of it; no block leaves all.
pub(super) fn pem(text: &[u8]) -> Option<(Block, &[u8])> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    let mut rest = text;
    loop {
        // A block begins at a line's start.
        if let Some(after) = rest.strip_prefix(BEGIN) {
            rest = after;
        } else {
            let at = find(rest, b"\n-----BEGIN ")?;
            rest = rest.get(at + 1 + BEGIN.len()..)?;
        }
        let (kind, after) = line(rest);
        let Some(kind) = kind.strip_suffix(b"-----") else { continue };
        rest = after;
        let mut body = rest;
        // Headers: lines with a colon.
        loop {
            let (header, after) = line(body);
            if body.is_empty() || !header.contains(&b':') {
                break;
            }
            body = after;
        }
        let (content, end) = if body.starts_with(b"-----END ") {
            (&[][..], body.get(9..)?)
        } else {
            match find(body, b"\n-----END ") {
                Some(at) => (body.get(..at)?, body.get(at + 10..)?),
                None => continue,
            }
        };
        let Some(after) = end.strip_prefix(kind).and_then(|end| end.strip_prefix(b"-----")) else { continue };
        let (trailer, after) = line(after);
        if !trailer.is_empty() {
            continue;
        }
        let content: Vec<u8> = content.iter().copied().filter(|byte| !matches!(byte, b' ' | b'\t')).collect();
        let Ok(bytes) = base64::decode(Kind::Standard, &content) else { continue };
        return Some((Block { kind: String::from_utf8_lossy(kind).into_owned(), bytes }, after));
    }
}
