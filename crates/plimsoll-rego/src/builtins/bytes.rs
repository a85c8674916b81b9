//! Strings that hold bytes. OPA's strings are Go's: `base64.decode` may give bytes that are no UTF-8, and `hex.encode`,
//! `crypto.*` or `base64.encode` of them see those bytes again. Ours are UTF-8, so a byte that belongs to no character is
//! kept as one of 128 code points at the end of the last private plane. Whoever writes a string for the outside turns them into
//! U+FFFD each ([`shown`]), which is what Go's JSON writes for such bytes.

use std::borrow::Cow;

/// `FIRST + (byte - 0x80)` stands for a byte from 0x80 on.
const FIRST: u32 = 0x0010_FF80;

fn escaped(byte: u8) -> char {
    char::from_u32(FIRST + u32::from(byte & 0x7F)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn stands_for(character: char) -> Option<u8> {
    u32::from(character).checked_sub(FIRST).map(|low| (low as u8 & 0x7F) | 0x80)
}

/// The lead bytes of all that may be an escape; most texts have none.
fn may_be_escaped(text: &str) -> bool {
    text.as_bytes().contains(&0xF4)
}

/// The string that stands for bytes.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !may_be_escaped(text) => return Cow::Borrowed(text),
        _ => {}
    }
    let mut out = String::with_capacity(bytes.len() * 2);
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            // A real character of the escapes' range is kept byte by byte, so that every byte comes back.
            if stands_for(character).is_some() {
                let mut buffer = [0; 4];
                out.extend(character.encode_utf8(&mut buffer).bytes().map(escaped));
            } else {
                out.push(character);
            }
        }
        out.extend(chunk.invalid().iter().map(|byte| escaped(*byte)));
    }
    Cow::Owned(out)
}

/// The bytes that a string stands for.
pub fn bytes(text: &str) -> Cow<'_, [u8]> {
    if !may_be_escaped(text) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut buffer = [0; 4];
    for character in text.chars() {
        match stands_for(character) {
            Some(byte) => out.push(byte),
            None => out.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes()),
        }
    }
    Cow::Owned(out)
}

/// The string as the outside sees it: U+FFFD for each byte that belongs to no character.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !may_be_escaped(text) {
        return Cow::Borrowed(text);
    }
    let bytes = bytes(text);
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_come_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(bytes(&text(&all)).as_ref(), &all[..]);
        let nested = text("\u{10FF80}".as_bytes()).into_owned();
        assert_eq!(bytes(&nested).as_ref(), "\u{10FF80}".as_bytes());
        assert_eq!(shown(&text(b"a\xff\xfeb")), "a\u{FFFD}\u{FFFD}b");
        assert_eq!(text(b"plain"), "plain");
    }
}
