//! PEM, strictly (RFC 7468): labelled base64 and nothing around it but white space. In: text. Out: DER. It knows no key.

use crate::json;
use crate::refusal::{Reason, Refusal, malformed};

/// A chain of certificates is a few kilobytes; a key is less.
const MOST_BYTES: usize = 256 << 10;
/// No chain is longer than this.
const MOST_BLOCKS: usize = 16;

/// All blocks of `text`, each of which must be labelled `label`; at least one.
pub(crate) fn all(text: &[u8], label: &str) -> Result<Vec<Vec<u8>>, Refusal> {
    if text.len() > MOST_BYTES {
        return Err(Refusal::new(Reason::TooLarge, format!("PEM of more than {MOST_BYTES} bytes")));
    }
    let text = std::str::from_utf8(text).map_err(|_| malformed("PEM is not text"))?;
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let mut blocks = Vec::new();
    let mut lines = text.lines().map(|line| line.trim_end_matches([' ', '\t', '\r']));
    while let Some(line) = lines.by_ref().find(|line| !line.is_empty()) {
        if line != begin {
            return Err(malformed(format!("PEM where {begin:?} is expected and something else stands")));
        }
        let mut body = String::new();
        loop {
            match lines.next() {
                Some(line) if line == end => break,
                Some(line) => body.push_str(line),
                None => return Err(malformed(format!("PEM without {end:?}"))),
            }
        }
        if blocks.len() == MOST_BLOCKS {
            return Err(Refusal::new(Reason::TooLarge, format!("PEM of more than {MOST_BLOCKS} blocks")));
        }
        blocks.push(json::base64(&body, "the body of PEM")?);
    }
    if blocks.is_empty() {
        return Err(malformed(format!("no PEM of a {label}")));
    }
    Ok(blocks)
}

/// The one block of `text`, labelled `label`.
pub(crate) fn one(text: &[u8], label: &str) -> Result<Vec<u8>, Refusal> {
    let mut blocks = all(text, label)?;
    match (blocks.pop(), blocks.is_empty()) {
        (Some(block), true) => Ok(block),
        _ => Err(malformed(format!("more than one PEM of a {label}"))),
    }
}

/// `der` as one block labelled `label`, with lines of 64 characters.
pub(crate) fn write(der: &[u8], label: &str) -> String {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(64) {
        text.extend(line.iter().map(|&b| char::from(b)));
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 47, 48, 49, 500] {
            let der = vec![7; length];
            assert_eq!(one(write(&der, "X").as_bytes(), "X"), Ok(der));
        }
    }

    #[test]
    fn nothing_stands_around_it() {
        let good = write(b"abc", "X");
        assert!(one(format!("\n{}\n\n", good.replace('\n', "\r\n")).as_bytes(), "X").is_ok());
        for bad in [
            format!("{good}trailing"),
            format!("leading\n{good}"),
            format!("{good}{good}"),
            good.replace("END X", "END Y"),
            good.replace("YWJj", "YWJ*"),
            good.replace("YWJj", "Proc-Type: 4\n\nYWJj"),
            String::new(),
        ] {
            assert!(one(bad.as_bytes(), "X").is_err(), "{bad}");
        }
        assert_eq!(all(format!("{good}{good}").as_bytes(), "X").unwrap().len(), 2);
    }
}
