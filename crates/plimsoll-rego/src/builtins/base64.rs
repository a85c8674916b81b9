//! Base64 as Go's `encoding/base64` reads it: line ends are skipped, stray bits at the end are let pass, and an error names the
//! byte.

/// Which alphabet and whether `=` fills up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Standard,
    Url,
    UrlUnpadded,
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(super) fn encode(kind: Kind, bytes: &[u8]) -> String {
    let alphabet = if kind == Kind::Standard { STANDARD } else { URL };
    let symbol = |bits: u32| char::from(alphabet[(bits & 63) as usize]);
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            if at <= chunk.len() {
                out.push(symbol(bits >> (18 - 6 * at)));
            } else if kind != Kind::UrlUnpadded {
                out.push('=');
            }
        }
    }
    out
}

fn bits(kind: Kind, byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' if kind == Kind::Standard => 62,
        b'/' if kind == Kind::Standard => 63,
        b'-' if kind != Kind::Standard => 62,
        b'_' if kind != Kind::Standard => 63,
        _ => return None,
    })
}

/// The bytes, or where the text is wrong.
pub(super) fn decode(kind: Kind, text: &[u8]) -> Result<Vec<u8>, usize> {
    let padded = kind != Kind::UrlUnpadded;
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let mut at = 0;
    let skip_line_ends = |mut at: usize| {
        while matches!(text.get(at), Some(b'\n' | b'\r')) {
            at += 1;
        }
        at
    };
    loop {
        let mut group = [0u8; 4];
        let mut have = 0;
        let mut last = false;
        while have < 4 {
            let Some(&byte) = text.get(at) else {
                if have == 0 {
                    return Ok(out);
                }
                if have == 1 || padded {
                    return Err(at.saturating_sub(have));
                }
                last = true;
                break;
            };
            at += 1;
            if let Some(value) = bits(kind, byte) {
                group[have] = value;
                have += 1;
                continue;
            }
            if byte == b'\n' || byte == b'\r' {
                continue;
            }
            if !padded || byte != b'=' || have < 2 {
                return Err(at - 1);
            }
            if have == 2 {
                at = skip_line_ends(at);
                match text.get(at) {
                    None => return Err(text.len()),
                    Some(b'=') => at += 1,
                    Some(_) => return Err(at - 1),
                }
            }
            at = skip_line_ends(at);
            if at < text.len() {
                return Err(at);
            }
            last = true;
            break;
        }
        let word =
            u32::from(group[0]) << 18 | u32::from(group[1]) << 12 | u32::from(group[2]) << 6 | u32::from(group[3]);
        let made = word.to_be_bytes();
        out.extend_from_slice(made.get(1..have).unwrap_or_default());
        if last {
            return Ok(out);
        }
    }
}
