//! Go's way to quote: messages of its libraries carry it.

use std::fmt::Write as _;

/// `strconv.Quote` (`%q`).
pub(super) fn quote(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            push_quoted(&mut out, character, '"');
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push('"');
    out
}

pub(super) fn quote_text(text: &str) -> String {
    quote(&super::bytes::bytes(text))
}

/// How JSON's decoder names a character: `'x'`.
pub(super) fn quote_byte(byte: u8) -> String {
    let mut out = String::from("'");
    match byte {
        b'"' => out.push('"'),
        _ => push_quoted(&mut out, char::from(byte), '\''),
    }
    out.push('\'');
    out
}

fn push_quoted(out: &mut String, character: char, mark: char) {
    match character {
        '\\' => out.push_str("\\\\"),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        _ if character == mark => {
            out.push('\\');
            out.push(character);
        }
        ' '..='~' => out.push(character),
        _ if crate::value::is_printable(character) => out.push(character),
        _ => {
            let code = u32::from(character);
            let _ = match code {
                0..=0x1F | 0x7F => write!(out, "\\x{code:02x}"),
                0..=0xFFFF => write!(out, "\\u{code:04x}"),
                _ => write!(out, "\\U{code:08x}"),
            };
        }
    }
}
