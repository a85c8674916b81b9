//! Distinguished names. In: a policy's text (RFC 4514), or a certificate's name. Out: what each says of whom, to compare; and a
//! certificate's name as Go's tools show it. What it does not do: compare names that say two things of one kind.

use std::collections::BTreeMap;

use crate::certificate::Certificate;
use crate::der::{self, Element, Reader};
use crate::public_key::hex;
use crate::refusal::{Reason, Refusal, malformed};

/// The kinds that have a short name, in the order in which Go's tools show them (since Go 1.26).
const KINDS: [(&[u8], &str); 9] = [
    (&[0x55, 0x04, 0x05], "SERIALNUMBER"),
    (&[0x55, 0x04, 0x03], "CN"),
    (&[0x55, 0x04, 0x0b], "OU"),
    (&[0x55, 0x04, 0x0a], "O"),
    (&[0x55, 0x04, 0x11], "POSTALCODE"),
    (&[0x55, 0x04, 0x09], "STREET"),
    (&[0x55, 0x04, 0x07], "L"),
    (&[0x55, 0x04, 0x08], "ST"),
    (&[0x55, 0x04, 0x06], "C"),
];
/// Without these a name in a policy would fit too many.
const MANDATORY: [&str; 3] = ["C", "ST", "O"];
/// Bytes of a policy's name, and attributes of any.
const MOST_BYTES: usize = 8 << 10;
const MOST_ATTRIBUTES: usize = 64;

/// A name of which each part says one thing, and none twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistinguishedName(BTreeMap<String, String>);

impl DistinguishedName {
    /// The name in a policy's text: `C=US, ST=WA, O=acme`, each part once, those three at least.
    ///
    /// # Errors
    /// `malformed`, `too-large`.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.len() > MOST_BYTES {
            return Err(Refusal::new(Reason::TooLarge, format!("a name of more than {MOST_BYTES} bytes")));
        }
        let wrong = |why: &str| malformed(format!("{text:?} is no distinguished name: {why}"));
        let mut all = BTreeMap::new();
        for part in parts(text).map_err(wrong)? {
            let (kind, value) = attribute(part).map_err(wrong)?;
            let kind = if kind == "S" { "ST" } else { kind };
            if all.len() == MOST_ATTRIBUTES || all.insert(kind.to_owned(), value).is_some() {
                return Err(wrong(&format!("it has two parts {kind:?}, or too many")));
            }
        }
        match MANDATORY.iter().find(|kind| all.get(**kind).is_none_or(String::is_empty)) {
            Some(kind) => Err(wrong(&format!("it has no {kind:?}, and C, ST and O are wanted at least"))),
            None => Ok(Self(all)),
        }
    }

    /// The name of a certificate's holder.
    ///
    /// # Errors
    /// `identity-ambiguous` where it has a part twice or of a kind without a short name; `malformed`, `unsupported`.
    pub fn of(certificate: &Certificate) -> Result<Self, Refusal> {
        let ambiguous = |why: String| Refusal::new(Reason::IdentityAmbiguous, why);
        let mut all = BTreeMap::new();
        for (id, value) in attributes(&certificate.subject)? {
            let Some(kind) = short(id) else {
                return Err(ambiguous("the signer's name has a part of a kind that policies cannot name".into()));
            };
            if all.insert(kind.to_owned(), text(&value)?).is_some() {
                return Err(ambiguous(format!("the signer's name has two parts {kind:?}")));
            }
        }
        Ok(Self(all))
    }

    /// Whether everything that this name says is so in the other one.
    pub fn covers(&self, other: &Self) -> bool {
        self.0.iter().all(|(kind, value)| other.0.get(kind) == Some(value))
    }
}

impl Certificate {
    /// The name of its holder in words, as Go's tools show it.
    pub fn subject_words(&self) -> String {
        words(&self.subject)
    }

    /// The name of its issuer in words.
    pub fn issuer_words(&self) -> String {
        words(&self.issuer)
    }
}

fn short(id: &[u8]) -> Option<&'static str> {
    KINDS.iter().find(|(known, _)| *known == id).map(|(_, name)| *name)
}

/// All attributes of a DER Name, in their order.
fn attributes(name: &[u8]) -> Result<Vec<(&[u8], Element<'_>)>, Refusal> {
    let mut all = Vec::new();
    let mut parts = Reader::new(der::whole(name, der::SEQUENCE)?.content);
    while parts.peek().is_some() {
        let mut set = parts.inside(der::SET)?;
        while set.peek().is_some() {
            let mut one = set.inside(der::SEQUENCE)?;
            let (id, value) = (one.expect(der::OID)?.content, one.any()?);
            one.end()?;
            if all.len() == MOST_ATTRIBUTES {
                return Err(Refusal::new(Reason::TooLarge, format!("a name of more than {MOST_ATTRIBUTES} parts")));
            }
            all.push((id, value));
        }
    }
    Ok(all)
}

/// UTF8String, NumericString, PrintableString and IA5String, which certificates have had for decades.
fn text(value: &Element<'_>) -> Result<String, Refusal> {
    let (ascii, utf8) = match value.tag {
        der::UTF8_STRING => (false, true),
        0x12 | 0x13 | 0x16 => (true, false),
        _ => return Err(Refusal::new(Reason::Unsupported, "a name of an alphabet that is not supported")),
    };
    let text = std::str::from_utf8(value.content).ok().filter(|text| utf8 || (ascii && text.is_ascii()));
    let text = text.filter(|text| !text.chars().any(char::is_control));
    text.map(str::to_owned).ok_or_else(|| malformed("a part of a name that is no text"))
}

fn words(name: &[u8]) -> String {
    let Ok(all) = attributes(name) else { return String::new() };
    let shown =
        |value: &Element<'_>| text(value).map_or_else(|_| format!("#{}", hex(value.raw)), |text| escaped(&text));
    let mut parts = Vec::new();
    for (known, kind) in KINDS {
        let values: Vec<String> =
            all.iter().filter(|(id, _)| *id == known).map(|(_, value)| format!("{kind}={}", shown(value))).collect();
        match (kind, values.last()) {
            (_, None) => {}
            // Of these Go keeps one.
            ("CN" | "SERIALNUMBER", Some(last)) => parts.push(last.clone()),
            _ => parts.push(values.join("+")),
        }
    }
    let other = all.iter().filter(|(id, _)| short(id).is_none()).rev();
    parts.extend(other.map(|(id, value)| format!("{}=#{}", dotted(id), hex(value.raw))));
    parts.join(",")
}

fn escaped(text: &str) -> String {
    let last = text.chars().count().saturating_sub(1);
    let mut out = String::with_capacity(text.len());
    for (at, sign) in text.chars().enumerate() {
        let special = match sign {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
            ' ' => at == 0 || at == last,
            '#' => at == 0,
            _ => false,
        };
        if special {
            out.push('\\');
        }
        out.push(sign);
    }
    out
}

fn dotted(id: &[u8]) -> String {
    let mut numbers: Vec<u64> = Vec::new();
    let mut number = 0u64;
    for byte in id {
        number = number.saturating_mul(128).saturating_add(u64::from(byte & 0x7f));
        if byte & 0x80 == 0 {
            if numbers.is_empty() {
                let first = (number / 40).min(2);
                numbers.push(first);
                number -= first * 40;
            }
            numbers.push(number);
            number = 0;
        }
    }
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

/// The parts between `,` and `;` that nothing escapes.
fn parts(text: &str) -> Result<Vec<&str>, &'static str> {
    let (mut parts, mut from, mut escape) = (Vec::new(), 0, false);
    for (at, sign) in text.char_indices() {
        match sign {
            _ if escape => escape = false,
            '\\' => escape = true,
            ',' | ';' => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            '+' => return Err("parts of several attributes are not taken"),
            '"' | '<' | '>' => return Err("a quote or an angle stands in it without a backslash"),
            c if c.is_control() => return Err("a sign in it is none to be read"),
            _ => {}
        }
    }
    if escape {
        return Err("it ends in a backslash");
    }
    parts.push(&text[from..]);
    Ok(parts)
}

/// Kind and value of one part: spaces around both are no part of them unless they are escaped.
fn attribute(part: &str) -> Result<(&str, String), &'static str> {
    let (kind, value) = part.split_once('=').ok_or("a part of it has no `=`")?;
    let (kind, value) = (kind.trim_matches(' '), value.trim_start_matches(' '));
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
    if kind.is_empty() || !kind.bytes().all(plain) {
        return Err("a part of it has no kind");
    }
    if value.starts_with('#') {
        return Err("values in hexadecimal digits are not taken");
    }
    let mut out: Vec<u8> = Vec::with_capacity(value.len());
    // How much of it stays, whatever spaces follow.
    let mut kept = 0;
    let mut signs = value.bytes();
    while let Some(byte) = signs.next() {
        if byte != b'\\' {
            out.push(byte);
            kept = if byte == b' ' { kept } else { out.len() };
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let next = signs.next().ok_or("it ends in a backslash")?;
        match digit(next) {
            Some(high) => {
                let low = signs.next().and_then(digit).ok_or("a backslash stands before one hexadecimal digit")?;
                out.push(high << 4 | low);
            }
            None if matches!(next, b' ' | b'"' | b'#' | b'+' | b',' | b';' | b'<' | b'=' | b'>' | b'\\') => {
                out.push(next)
            }
            None => return Err("a backslash stands before what needs none"),
        }
        kept = out.len();
    }
    out.truncate(kept);
    String::from_utf8(out).map(|value| (kind, value)).map_err(|_| "its bytes are no text")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> BTreeMap<String, String> {
        DistinguishedName::parse(text).unwrap().0
    }

    #[test]
    fn names_are_read_as_policies_write_them() {
        let all = read(r" C=US, S=WA ; O=acme\, inc\20,CN = a\2Cb \ ,OU=x  ");
        let pairs: Vec<_> = all.iter().map(|(kind, value)| (kind.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("C", "US"), ("CN", "a,b  "), ("O", "acme, inc "), ("OU", "x"), ("ST", "WA")]);
    }

    #[test]
    fn what_could_be_read_in_two_ways_or_fits_too_many_is_refused() {
        for bad in [
            "",
            "C=US, ST=WA",
            "C=US, O=acme, ST=",
            "C=US, ST=WA, O=acme, O=other",
            "C=US, ST=WA, S=WA, O=acme",
            "C=US+ST=WA, O=acme",
            "C=US, ST=WA, O=#0c01",
            "C=US, ST=WA, O=\"acme\"",
            r"C=US, ST=WA, O=acme\",
            r"C=US, ST=WA, O=\4",
            r"C=US, ST=WA, O=\zz",
            r"C=US, ST=WA, O=\ff",
            "C=US, ST=WA, O=acme, OU",
            "C=US, ST=WA, O=acme,",
        ] {
            assert_eq!(DistinguishedName::parse(bad).unwrap_err().reason, Reason::Malformed, "{bad}");
        }
    }

    #[test]
    fn a_name_covers_those_that_say_the_same_and_more() {
        let name = |text: &str| DistinguishedName::parse(text).unwrap();
        let whole = name("C=US, ST=WA, O=acme, OU=build");
        assert!(name("O=acme, ST=WA, C=US").covers(&whole) && whole.covers(&whole));
        for other in ["C=US, ST=WA, O=Acme", "C=US, ST=WA, O=acme, CN=a", "C=US, ST=WA, O=acme, OU=other"] {
            assert!(!name(other).covers(&whole), "{other}");
        }
    }

    #[test]
    fn numbers_of_kinds_have_their_dots() {
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01]), "1.2.840.113549.1.9.1");
        assert_eq!(dotted(&[0x55, 0x04, 0x03]), "2.5.4.3");
    }
}
