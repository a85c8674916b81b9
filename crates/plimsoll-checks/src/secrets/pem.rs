//! Private keys in PEM armour (RFC 7468, OpenSSH, OpenPGP). In: a text and where `-----BEGIN` stands. Out: the key, weaker
//! where it is encrypted. Public keys and certificates are no secrets.

use plimsoll_model::Severity;

use super::score::{base64, entropy};
use super::{Secret, window};

pub const BEGIN: &str = "-----BEGIN ";
/// The smallest private key's body in base64: Ed25519 in PKCS #8 has 64 characters.
const MIN_BODY: usize = 60;
/// Bytes of armour that are looked at: a key of 16384 bits has 13 kB.
const MAX_ARMOUR: usize = 32_768;

/// The private key whose armour begins at `at`.
pub fn read(text: &str, at: usize) -> Option<Secret> {
    let armour = window(text, at, MAX_ARMOUR)?.strip_prefix(BEGIN)?;
    let (label, rest) = armour.split_once("-----")?;
    let what = match label {
        "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" | "DSA PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" => {
            "a private key"
        }
        "OPENSSH PRIVATE KEY" => "an SSH private key",
        "PGP PRIVATE KEY BLOCK" => "an OpenPGP private key",
        _ => return None,
    };
    let body = rest.split("-----END").next()?;
    if body.contains(BEGIN) {
        return None; // a list of labels
    }
    let start = at + BEGIN.len() + label.len() + "-----".len();
    // In JSON and shell strings the line breaks are written out.
    let lines =
        body.split(['\n', '\r']).flat_map(|line| line.split("\\n")).flat_map(|line| line.split("\\r")).map(str::trim);
    let mut encrypted = label.starts_with("ENCRYPTED");
    let mut key = String::new();
    for line in lines {
        let line = line.trim_matches(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')));
        if line.contains(':') {
            encrypted |= line.contains("ENCRYPTED");
        } else if !line.starts_with('=') && line.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b)) {
            key.push_str(line);
        }
    }
    if key.len() < MIN_BODY || entropy(&key) < 3.5 {
        return None; // an example in a text, or the words of a program that writes keys
    }
    if label.starts_with("OPENSSH") {
        encrypted |= openssh_is_encrypted(&key);
    }
    let (what, severity) = if encrypted { ("an encrypted private key", Severity::Low) } else { (what, Severity::High) };
    let what = if !encrypted && text.contains("\"service_account\"") { "a Google service account's key" } else { what };
    Some(Secret { what, severity, value: key, at: start })
}

/// The first field after the magic is the cipher's name (PROTOCOL.key of OpenSSH).
fn openssh_is_encrypted(key: &str) -> bool {
    let head = key.get(..48).unwrap_or(key);
    let Some(bytes) = base64(head, 64) else { return false };
    match bytes.strip_prefix(b"openssh-key-v1\0") {
        Some(rest) => !rest.starts_with(b"\0\0\0\x04none"),
        None => false,
    }
}
