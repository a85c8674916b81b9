//! Keys that command lines name, and their passwords. In: a file, a variable of the environment, or a key that is elsewhere. Out: who
//! signs, or a public half. Places of keys that are not spoken are refused by name.

use std::fs::File;
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::os::fd::AsFd as _;

use plimsoll_trust::PublicKey;
use plimsoll_trust::keys::{self, Signer};
use zeroize::Zeroizing;

use super::{Failure, elsewhere};

/// Bytes of a key's file. An RSA key of 4,096 bits, encrypted, has some five kilobytes.
const MAX_KEY: u64 = 1 << 20;
/// Bytes of a password.
const MAX_PASSWORD: u64 = 64 << 10;

/// Bytes of memory behind what is read, so that a full vector does not grow to see that nothing follows.
const SPARE: usize = 64;

/// The text of a key that `--key` leads to.
pub fn read(named: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if let Some(variable) = named.strip_prefix("env://") {
        let value =
            std::env::var(variable).map_err(|_| Failure::from(format!("the variable {variable} holds no key")))?;
        return Ok(Zeroizing::new(value.into_bytes()));
    }
    if let Some(scheme) = elsewhere::scheme(named) {
        // No more of it is shown: a PIN may stand anywhere behind.
        return Err(format!("a key at {scheme} does not leave where it is").into());
    }
    if let Some((scheme, _)) = named.split_once("://") {
        return Err(not_spoken(scheme).into());
    }
    let file = File::open(named).map_err(|error| Failure::from(format!("open {named}: {error}")))?;
    let text = all(file, MAX_KEY + 1).map_err(|error| Failure::from(format!("read {named}: {error}")))?;
    if text.len() as u64 > MAX_KEY {
        return Err(format!("{named} has more than {MAX_KEY} bytes: it is no key").into());
    }
    Ok(text)
}

/// Why a key is not looked for in such a place.
pub fn not_spoken(scheme: &str) -> String {
    format!("keys at {scheme}:// are not spoken: name a file, env://NAME, hashivault://NAME, or pkcs11:URI")
}

/// Whoever signs with the key that `--key` leads to: one in a file has to be encrypted, as Cosign's are.
pub fn private(named: &str) -> Result<Box<dyn Signer>, Failure> {
    if elsewhere::is_elsewhere(named) {
        return Ok(Box::new(elsewhere::open(named)?));
    }
    let text = read(named)?;
    if !keys::is_encrypted(&text) {
        return Err(format!(
            "{named} is no encrypted key: plimsoll cosign import-key-pair --key {named} makes one of it"
        )
        .into());
    }
    Ok(Box::new(keys::open(&text, &password(false)?)?))
}

/// The public key that `--key` leads to, or the public half of a private one.
pub fn public(named: &str) -> Result<PublicKey, Failure> {
    if elsewhere::is_elsewhere(named) {
        return elsewhere::public(named);
    }
    let text = read(named)?;
    if keys::is_encrypted(&text) {
        let key = keys::open(&text, &password(false)?)?;
        return Ok(PublicKey::from_spki(key.spki())?);
    }
    PublicKey::from_pem(&text).map_err(|refusal| format!("read {named}: {refusal}").into())
}

/// The public key that signatures are demanded of.
pub fn demanded(named: &str) -> Result<PublicKey, Failure> {
    if elsewhere::is_elsewhere(named) { elsewhere::demanded(named) } else { public(named) }
}

/// A password: `COSIGN_PASSWORD`, even an empty one; or what is typed, twice for a new one; or all of standard input.
pub fn password(new: bool) -> Result<Zeroizing<Vec<u8>>, Failure> {
    use std::os::unix::ffi::OsStringExt as _;
    if let Some(password) = std::env::var_os("COSIGN_PASSWORD") {
        return Ok(Zeroizing::new(password.into_vec()));
    }
    if !std::io::stdin().is_terminal() {
        let read = input().and_then(|input| all(input, MAX_PASSWORD));
        return read.map_err(|error| Failure::from(format!("read the password: {error}")));
    }
    let typed = typed("Enter password for private key: ")?;
    if new && typed != self::typed("Enter password for private key again: ")? {
        return Err("the two passwords are not the same".into());
    }
    Ok(Zeroizing::new(typed.as_bytes().to_vec()))
}

/// Standard input without the buffer that the standard library keeps behind it, unwiped.
pub fn input() -> std::io::Result<File> {
    std::io::stdin().as_fd().try_clone_to_owned().map(File::from)
}

/// At most so many bytes. Memory for all of them is taken before: a vector that grows leaves copies behind.
fn all(from: impl std::io::Read, most: u64) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(most as usize + SPARE));
    from.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

pub fn typed(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    let terminal = console::Term::stderr();
    let _ = write!(&terminal, "{prompt}");
    let line = terminal.read_secure_line().map_err(|error| Failure::from(format!("read the password: {error}")))?;
    Ok(Zeroizing::new(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_stays_where_it_was_first_put() {
        for length in [0, 1, 31, 32, 4095, 4096, 5000] {
            let read = all(vec![7; length].as_slice(), 4096).unwrap();
            assert_eq!(read.len(), length.min(4096));
            // As it was taken: it never grew.
            assert_eq!(read.capacity(), Vec::<u8>::with_capacity(4096 + SPARE).capacity(), "{length}");
        }
    }
}
