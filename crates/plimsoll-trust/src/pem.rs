//! PEM (RFC 7468) in the one form that tools write, wiped from memory when it goes, for it may be a key. In: text. Out: labelled
//! bytes; or bytes as text. What it does not do: guess: text around blocks, headers inside them, a label that ends as another, and
//! lines of other signs are refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::refusal::{Reason, Refusal, malformed};

/// Bytes of a PEM text. Chains of certificates reach some ten kilobytes; keys are smaller.
const MAX_PEM: usize = 256 << 10;
/// Blocks of one text: no chain is longer than this.
const MAX_BLOCKS: usize = 16;
/// Signs of a line of base64, as everybody writes it.
const LINE: usize = 64;

/// One block.
pub(crate) struct Block {
    /// What stands after `BEGIN`.
    pub label: String,
    /// Its bytes, wiped when they go: they may be a key.
    pub bytes: Zeroizing<Vec<u8>>,
}

/// All blocks of a text, at least one. `what` names the text in a refusal.
pub(crate) fn blocks(what: &str, text: &[u8]) -> Result<Vec<Block>, Refusal> {
    let malformed = |why: &str| malformed(format!("{what} is no PEM: {why}"));
    if text.len() > MAX_PEM {
        return Err(Refusal::new(Reason::TooLarge, format!("{what} has more than {MAX_PEM} bytes")));
    }
    let text = std::str::from_utf8(text).map_err(|_| malformed("it is no text"))?;
    let mut blocks = Vec::new();
    let mut open: Option<(String, Zeroizing<String>)> = None;
    for line in text.lines().map(str::trim_end) {
        let boundary = |word: &str| line.strip_prefix("-----")?.strip_suffix("-----")?.strip_prefix(word);
        match &mut open {
            None if line.is_empty() => {}
            None => {
                let label = boundary("BEGIN ").ok_or_else(|| malformed("there is other text outside its blocks"))?;
                // What is read grows in a buffer that is wiped; grown, it would leave copies.
                open = Some((label.to_owned(), Zeroizing::new(String::with_capacity(text.len()))));
            }
            Some((label, body)) => {
                if line.starts_with('-') {
                    if boundary("END ") != Some(label.as_str()) {
                        return Err(malformed("a block ends as another"));
                    }
                    let bytes = STANDARD.decode(body.as_bytes()).map_err(|_| malformed("its base64 is broken"))?;
                    blocks.push(Block { label: std::mem::take(label), bytes: Zeroizing::new(bytes) });
                    open = None;
                    if blocks.len() > MAX_BLOCKS {
                        return Err(Refusal::new(
                            Reason::TooLarge,
                            format!("{what} has more than {MAX_BLOCKS} blocks"),
                        ));
                    }
                } else if line.contains(':') {
                    return Err(malformed("a block has headers, which old encryption writes"));
                } else {
                    body.push_str(line);
                }
            }
        }
    }
    match (open, blocks.is_empty()) {
        (Some(_), _) => Err(malformed("a block has no end")),
        (None, true) => Err(malformed("there is no block in it")),
        (None, false) => Ok(blocks),
    }
}

/// The only block of a text.
pub(crate) fn only(what: &str, text: &[u8]) -> Result<Block, Refusal> {
    let mut blocks = blocks(what, text)?;
    match (blocks.pop(), blocks.is_empty()) {
        (Some(block), true) => Ok(block),
        _ => Err(malformed(format!("{what} has more than the one PEM block that belongs there"))),
    }
}

/// The bytes of all blocks of a text, each of which must be labelled so; at least one.
pub(crate) fn all(text: &[u8], label: &str) -> Result<Vec<Zeroizing<Vec<u8>>>, Refusal> {
    let blocks = blocks(&format!("the text of a {label}"), text)?;
    match blocks.iter().find(|block| block.label != label) {
        Some(other) => Err(malformed(format!("PEM of a {:?} where a {label} is expected", other.label))),
        None => Ok(blocks.into_iter().map(|block| block.bytes).collect()),
    }
}

/// The bytes of the only block of a text, which must be labelled so.
pub(crate) fn one(text: &[u8], label: &str) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let mut blocks = all(text, label)?;
    match (blocks.pop(), blocks.is_empty()) {
        (Some(block), true) => Ok(block),
        _ => Err(malformed(format!("more than one PEM of a {label}"))),
    }
}

/// Bytes as a block, with its last line ended.
pub(crate) fn text(label: &str, bytes: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(bytes));
    // Grown, it would leave copies of what may be a key.
    let mut text = String::with_capacity(body.len() + body.len() / LINE + 2 * label.len() + 40);
    text.push_str(&format!("-----BEGIN {label}-----\n"));
    for at in (0..body.len()).step_by(LINE) {
        text.push_str(&body[at..body.len().min(at + LINE)]);
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    Zeroizing::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 47, 48, 49, 200] {
            let bytes = vec![7; length];
            let read = only("x", text("A B", &bytes).as_bytes()).unwrap();
            assert_eq!((read.label.as_str(), read.bytes.as_slice()), ("A B", bytes.as_slice()));
        }
    }

    #[test]
    fn several_blocks_are_read_in_their_order_and_only_one_is_only_one() {
        let two = format!("{}\n{}", *text("A", b"a"), *text("B", b"b"));
        let read: Vec<String> = blocks("x", two.as_bytes()).unwrap().into_iter().map(|block| block.label).collect();
        assert_eq!(read, ["A", "B"]);
        assert!(only("x", two.as_bytes()).is_err());
        assert_eq!(all(text("A", b"a").repeat(2).as_bytes(), "A").unwrap().len(), 2);
        assert!(all(two.as_bytes(), "A").is_err() && one(text("A", b"a").repeat(2).as_bytes(), "A").is_err());
        assert_eq!(one(text("A", b"a").as_bytes(), "A").unwrap().as_slice(), b"a");
    }

    #[test]
    fn whatever_is_around_or_inside_is_refused() {
        let good = text("A", b"some bytes");
        for bad in [
            String::new(),
            "nothing".into(),
            format!("{}trailing", *good),
            format!("before\n{}", *good),
            good.replace("-----END A-----", "-----END B-----"),
            good.replace("-----END A-----\n", ""),
            good.replace("-----BEGIN A-----", "-----BEGIN A----"),
            good.replace("c29t", "c2*t"),
            good.replace("c29t", "Proc-Type: 4,ENCRYPTED\n\nc29t"),
            good.replace("==", ""),
        ] {
            assert!(blocks("x", bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(blocks("x", &[0xff, 0xfe]).is_err());
        assert_eq!(blocks("x", &vec![b'\n'; MAX_PEM + 1]).err().unwrap().reason, Reason::TooLarge);
        assert!(blocks("x", good.repeat(MAX_BLOCKS).as_bytes()).is_ok());
        assert_eq!(blocks("x", good.repeat(MAX_BLOCKS + 1).as_bytes()).err().unwrap().reason, Reason::TooLarge);
        assert!(blocks("x", good.replace('\n', "\r\n").as_bytes()).is_ok(), "lines as Windows ends them");
    }
}
