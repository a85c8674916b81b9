//! DER, strictly (X.690): one byte of tag, definite lengths of the fewest bytes. In: bytes. Out: elements that borrow from them,
//! with the bytes they were read from, for that is what signatures are over. It knows no schema, and nothing recurses here.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::refusal::{Refusal, malformed};

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OID: u8 = 0x06;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    pub tag: u8,
    /// What stands between its length and its end.
    pub content: &'a [u8],
    /// All of it, tag and length included.
    pub raw: &'a [u8],
}

/// Reads one element after another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The tag of the next element, if there is one.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub(crate) fn any(&mut self) -> Result<Element<'a>, Refusal> {
        let (tag, header, length) = header(self.rest)?;
        let end = header.checked_add(length).filter(|&end| end <= self.rest.len());
        let end = end.ok_or_else(|| malformed("DER that ends inside an element"))?;
        let (raw, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(Element { tag, content: &raw[header..], raw })
    }

    /// The next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<Element<'a>, Refusal> {
        let element = self.any()?;
        if element.tag == tag {
            return Ok(element);
        }
        Err(malformed(format!("DER with tag {:#04x} where {tag:#04x} is expected", element.tag)))
    }

    /// The next element if it has this tag; nothing is taken if not.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, Refusal> {
        if self.peek() == Some(tag) { self.any().map(Some) } else { Ok(None) }
    }

    /// Nothing may follow.
    pub(crate) fn end(&self) -> Result<(), Refusal> {
        if self.rest.is_empty() { Ok(()) } else { Err(malformed("DER with bytes after its end")) }
    }

    /// What is inside the next element of this tag.
    pub(crate) fn inside(&mut self, tag: u8) -> Result<Reader<'a>, Refusal> {
        Ok(Reader::new(self.expect(tag)?.content))
    }
}

/// The one element that `bytes` are.
pub(crate) fn whole(bytes: &[u8], tag: u8) -> Result<Element<'_>, Refusal> {
    let mut reader = Reader::new(bytes);
    let element = reader.expect(tag)?;
    reader.end()?;
    Ok(element)
}

/// The content of a BIT STRING of whole bytes.
pub(crate) fn bits<'a>(element: &Element<'a>) -> Result<&'a [u8], Refusal> {
    match element.content.split_first() {
        Some((0, bytes)) => Ok(bytes),
        _ => Err(malformed("a DER bit string that is not whole bytes")),
    }
}

/// The big-endian bytes of an INTEGER that is not negative, without the sign's zero.
pub(crate) fn unsigned<'a>(element: &Element<'a>) -> Result<&'a [u8], Refusal> {
    match element.content {
        [] => Err(malformed("a DER integer of no bytes")),
        [0] => Ok(&[]),
        [0, next, ..] if next & 0x80 == 0 => Err(malformed("a DER integer with more bytes than it needs")),
        [0, rest @ ..] => Ok(rest),
        [first, ..] if first & 0x80 != 0 => Err(malformed("a negative DER integer where none can be")),
        all => Ok(all),
    }
}

/// The element of this tag and content.
pub(crate) fn write(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = Vec::with_capacity(length + 6);
    out.push(tag);
    if let Ok(short) = u8::try_from(length)
        && short < 0x80
    {
        out.push(short);
    } else {
        let bytes = length.to_be_bytes();
        let bytes = &bytes[bytes.iter().position(|&b| b != 0).unwrap_or(bytes.len() - 1)..];
        // A length has at most the eight bytes of a machine's word.
        out.push(0x80 | u8::try_from(bytes.len()).unwrap_or(8));
        out.extend(bytes);
    }
    out.extend(content);
    out
}

/// The instant of a UTCTime or GeneralizedTime (RFC 5280 §4.1.2.5), which ends in `Z`; fractions of a second where `fractions`.
pub(crate) fn time(element: &Element<'_>, fractions: bool) -> Result<Timestamp, Refusal> {
    let wrong = || malformed("a DER time that is none");
    let text = std::str::from_utf8(element.content).map_err(|_| wrong())?.strip_suffix('Z').ok_or_else(wrong)?;
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let century = match element.tag {
        UTC_TIME if whole.len() == 12 => {
            if whole.starts_with(|c| c < '5') {
                "20"
            } else {
                "19"
            }
        }
        GENERALIZED_TIME if whole.len() == 14 => "",
        _ => return Err(wrong()),
    };
    let digits = format!("{century}{whole}");
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let nanoseconds = match fraction {
        None => 0,
        // DER: no zero at the end, and no point before nothing.
        Some(f) if fractions && (1..=9).contains(&f.len()) && is_digits(f) && !f.ends_with('0') => {
            format!("{f:0<9}").parse().map_err(|_| wrong())?
        }
        Some(_) => return Err(wrong()),
    };
    if !is_digits(&digits) {
        return Err(wrong());
    }
    let part = |from: usize, to: usize| digits[from..to].parse::<i16>().map_err(|_| wrong());
    let small = |from: usize| part(from, from + 2).and_then(|n| i8::try_from(n).map_err(|_| wrong()));
    let civil = DateTime::new(part(0, 4)?, small(4)?, small(6)?, small(8)?, small(10)?, small(12)?, nanoseconds);
    let zoned = civil.and_then(|civil| civil.to_zoned(TimeZone::UTC)).map_err(|_| wrong())?;
    Ok(zoned.timestamp())
}

/// The tag, the length of the header and that of the content.
fn header(bytes: &[u8]) -> Result<(u8, usize, usize), Refusal> {
    let [tag, first, more @ ..] = bytes else { return Err(malformed("DER that ends before an element")) };
    if tag & 0x1f == 0x1f {
        return Err(malformed("DER with a tag of several bytes"));
    }
    if *first < 0x80 {
        return Ok((*tag, 2, usize::from(*first)));
    }
    let count = usize::from(first & 0x7f);
    // Four bytes say 4 GiB, which is more than anything here may have.
    if count == 0 || count > 4 {
        return Err(malformed("DER with a length that is indefinite or too large"));
    }
    let length = more.get(..count).ok_or_else(|| malformed("DER that ends inside a length"))?;
    let value = length.iter().fold(0usize, |sum, &b| sum << 8 | usize::from(b));
    if length[0] == 0 || value < 0x80 {
        return Err(malformed("DER with a length of more bytes than it needs"));
    }
    Ok((*tag, 2 + count, value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(content in prop::collection::vec(any::<u8>(), 0..700), tag in 0u8..0x1f) {
            let bytes = write(tag, &content);
            let element = whole(&bytes, tag).unwrap();
            prop_assert_eq!(element.content, &content[..]);
            prop_assert_eq!(element.raw, &bytes[..]);
        }

        #[test]
        fn whatever_is_read_is_what_would_be_written(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut reader = Reader::new(&bytes);
            while let Ok(element) = reader.any() {
                prop_assert_eq!(write(element.tag, element.content), element.raw);
            }
        }
    }

    #[test]
    fn lengths_have_one_form() {
        for bad in [
            &[0x30, 0x81, 0x01, 0x00][..],         // a long form for what is short
            &[0x30, 0x82, 0x00, 0x80],             // a leading zero
            &[0x30, 0x80, 0x00, 0x00],             // indefinite
            &[0x30, 0x85, 1, 0, 0, 0, 0],          // more than four bytes
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], // beyond the end
            &[0x3f, 0x81, 0x01, 0x00],             // a tag of several bytes
            &[0x30],
            &[],
        ] {
            assert!(Reader::new(bad).any().is_err(), "{bad:?}");
        }
        assert!(whole(&[0x30, 0x00, 0x00], SEQUENCE).is_err());
    }

    #[test]
    fn times_have_one_form() {
        let read = |tag, text: &'static str, fractions| {
            time(&Element { tag, content: text.as_bytes(), raw: &[] }, fractions).map(|t| t.to_string())
        };
        assert_eq!(read(UTC_TIME, "250328091406Z", false).unwrap(), "2025-03-28T09:14:06Z");
        assert_eq!(read(UTC_TIME, "500328091406Z", false).unwrap(), "1950-03-28T09:14:06Z");
        assert_eq!(read(GENERALIZED_TIME, "20250328091406Z", false).unwrap(), "2025-03-28T09:14:06Z");
        assert_eq!(read(GENERALIZED_TIME, "20250328091406.25Z", true).unwrap(), "2025-03-28T09:14:06.25Z");
        for (tag, bad, fractions) in [
            (UTC_TIME, "250328091406", false),
            (UTC_TIME, "2503280914Z", false),
            (UTC_TIME, "250328091406+0100", false),
            (UTC_TIME, "251328091406Z", false),
            (GENERALIZED_TIME, "20250328091406.25Z", false),
            (GENERALIZED_TIME, "20250328091406.20Z", true),
            (GENERALIZED_TIME, "20250328091406.Z", true),
            (GENERALIZED_TIME, "2025032809140+Z", true),
            (INTEGER, "20250328091406Z", true),
        ] {
            assert!(read(tag, bad, fractions).is_err(), "{bad}");
        }
    }

    #[test]
    fn integers_have_one_form() {
        let read = |content: &'static [u8]| unsigned(&Element { tag: INTEGER, content, raw: content });
        assert_eq!(read(&[0]), Ok(&[][..]));
        assert_eq!(read(&[0, 0x80]), Ok(&[0x80][..]));
        assert_eq!(read(&[0x7f]), Ok(&[0x7f][..]));
        for bad in [&[][..], &[0, 0x7f], &[0, 0], &[0x80]] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
