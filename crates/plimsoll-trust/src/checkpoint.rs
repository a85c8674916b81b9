//! Checkpoints of transparency logs: signed notes (C2SP `tlog-checkpoint` and `signed-note`). In: text. Out: the log's size and root,
//! and whether a log signed them. Signatures of witnesses, whose keys nobody here knows, are passed over.

use crate::json;
use crate::public_key::PublicKey;
use crate::refusal::{Reason, Refusal};

/// A note is a few lines, with a dozen witnesses.
const MOST_BYTES: usize = 64 << 10;
/// Signatures on one note.
const MOST_SIGNATURES: usize = 64;

/// A checkpoint, not believed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint<'a> {
    /// What is signed: all lines before the empty one, with their ends.
    text: &'a str,
    /// What the log calls itself.
    pub origin: &'a str,
    /// How many entries it has.
    pub size: u64,
    /// The root over these.
    pub root: [u8; 32],
    signatures: Vec<Signature<'a>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Signature<'a> {
    name: &'a str,
    hint: [u8; 4],
    bytes: Vec<u8>,
}

impl<'a> Checkpoint<'a> {
    /// The checkpoint that `note` is.
    ///
    /// # Errors
    /// `checkpoint-malformed`, `checkpoint-unsigned` where there is no line of a signature, `too-large`.
    pub(crate) fn read(note: &'a str) -> Result<Self, Refusal> {
        let wrong = |why: &str| Refusal::new(Reason::CheckpointMalformed, format!("a checkpoint {why}"));
        if note.len() > MOST_BYTES {
            return Err(Refusal::new(Reason::TooLarge, format!("a checkpoint of more than {MOST_BYTES} bytes")));
        }
        // The last empty line: what is signed might hold one itself.
        let end =
            note.rfind("\n\n\u{2014} ").or_else(|| note.find("\n\n")).ok_or_else(|| wrong("without an empty line"))?;
        let (text, signatures) = (&note[..=end], &note[end + 2..]);
        let mut lines = text.lines();
        let origin = lines.next().filter(|line| !line.trim().is_empty()).ok_or_else(|| wrong("without an origin"))?;
        let size = lines.next().filter(|line| !line.starts_with('+') && (*line == "0" || !line.starts_with('0')));
        let size = size.and_then(|line| line.parse().ok()).ok_or_else(|| wrong("whose second line is no size"))?;
        let root = lines.next().and_then(|line| json::base64(line, "a root").ok());
        let root = root.and_then(|root| root.try_into().ok()).ok_or_else(|| wrong("whose third line is no root"))?;
        let signatures = read_signatures(signatures)?;
        Ok(Self { text, origin, size, root, signatures })
    }

    /// Whether the log of this key, which notes know by `hint`, signed it under `name`.
    ///
    /// # Errors
    /// `checkpoint-unsigned` where none of the signatures says that it is the log's; `checkpoint-invalid` where none that does is.
    pub(crate) fn signed_by(
        &self,
        key: &PublicKey,
        hint: [u8; 4],
        named: impl Fn(&str) -> bool,
    ) -> Result<(), Refusal> {
        let mut ours = self.signatures.iter().filter(|s| s.hint == hint && named(s.name)).peekable();
        if ours.peek().is_none() {
            return Err(Refusal::new(Reason::CheckpointUnsigned, "no signature of its log is on the checkpoint"));
        }
        match ours.any(|s| key.verify(self.text.as_bytes(), &s.bytes).is_ok()) {
            true => Ok(()),
            false => Err(Refusal::new(Reason::CheckpointInvalid, "the log's signature on the checkpoint is wrong")),
        }
    }
}

fn read_signatures(text: &str) -> Result<Vec<Signature<'_>>, Refusal> {
    let wrong = || Refusal::new(Reason::CheckpointMalformed, "a checkpoint with a line of signature that is none");
    let mut all = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (name, signature) =
            line.strip_prefix("\u{2014} ").and_then(|line| line.split_once(' ')).ok_or_else(wrong)?;
        let bytes = json::base64(signature, "a signature").map_err(|_| wrong())?;
        let (hint, bytes) = bytes.split_first_chunk::<4>().ok_or_else(wrong)?;
        if all.len() == MOST_SIGNATURES {
            return Err(Refusal::new(
                Reason::TooLarge,
                format!("a checkpoint with more than {MOST_SIGNATURES} signatures"),
            ));
        }
        all.push(Signature { name, hint: *hint, bytes: bytes.to_vec() });
    }
    if all.is_empty() {
        return Err(Refusal::new(Reason::CheckpointUnsigned, "a checkpoint without a signature"));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use ring::signature::{Ed25519KeyPair, KeyPair as _};

    use super::*;
    use crate::dsse::encode;

    fn note(text: &str, lines: &[(&str, [u8; 4], &[u8])]) -> String {
        let line = |(name, hint, signature): &(&str, [u8; 4], &[u8])| {
            format!("\u{2014} {name} {}\n", encode(&[&hint[..], signature].concat()))
        };
        format!("{text}\n{}", lines.iter().map(line).collect::<String>())
    }

    #[test]
    fn a_log_signs_among_witnesses() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).unwrap();
        let key = PublicKey::from_ed25519(pair.public_key().as_ref()).unwrap();
        let text = format!("log.example\n7\n{}\n", encode(&[9; 32]));
        let signature = pair.sign(text.as_bytes());
        let (hint, witness) = ([1, 2, 3, 4], ("witness.example", [5; 4], &[0u8; 72][..]));
        let good = note(&text, &[witness, ("log.example", hint, &[0; 64]), ("log.example", hint, signature.as_ref())]);
        let read = Checkpoint::read(&good).unwrap();
        assert_eq!((read.origin, read.size, read.root), ("log.example", 7, [9; 32]));
        assert_eq!(read.signed_by(&key, hint, |name| name == "log.example"), Ok(()));
        let refused = |hint, name: &'static str| read.signed_by(&key, hint, |n| n == name).unwrap_err().reason;
        assert_eq!(refused([9; 4], "log.example"), Reason::CheckpointUnsigned);
        assert_eq!(refused(hint, "other.example"), Reason::CheckpointUnsigned);
        assert_eq!(refused([5; 4], "witness.example"), Reason::CheckpointInvalid);
        let changed = note(&text.replace("\n7\n", "\n8\n"), &[("log.example", hint, signature.as_ref())]);
        let changed = Checkpoint::read(&changed).unwrap();
        assert_eq!(changed.signed_by(&key, hint, |_| true).unwrap_err().reason, Reason::CheckpointInvalid);
    }

    #[test]
    fn lines_that_are_missing_or_none_are_refused() {
        let root = encode(&[9; 32]);
        let line = ("log.example", [1; 4], &[0u8; 64][..]);
        for text in [
            format!("7\n{root}\n"),
            format!("log.example\n{root}\n"),
            "log.example\n7\n".to_owned(),
            format!("\n7\n{root}\n"),
            format!("log.example\n+7\n{root}\n"),
            format!("log.example\n07\n{root}\n"),
            format!("log.example\n-7\n{root}\n"),
            format!("log.example\n18446744073709551616\n{root}\n"),
            "log.example\n7\nAAAA\n".to_owned(),
        ] {
            assert_eq!(
                Checkpoint::read(&note(&text, &[line])).unwrap_err().reason,
                Reason::CheckpointMalformed,
                "{text}"
            );
        }
        let text = format!("log.example\n7\n{root}\n");
        assert_eq!(Checkpoint::read(&note(&text, &[])).unwrap_err().reason, Reason::CheckpointUnsigned);
        for bad in [
            "- log.example AAAAAAAA\n",
            "\u{2014} log.example\n",
            "\u{2014} log.example AAA=\n",
            "\u{2014} log.example *\n",
        ] {
            assert_eq!(
                Checkpoint::read(&format!("{text}\n{bad}")).unwrap_err().reason,
                Reason::CheckpointMalformed,
                "{bad}"
            );
        }
        assert_eq!(Checkpoint::read("").unwrap_err().reason, Reason::CheckpointMalformed);
    }
}
