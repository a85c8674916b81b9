//! URIs of keys in tokens (RFC 7512), with the two attributes that Sigstore's programs add to them: `slot-id` and a PIN in the query. In:
//! a text. Out: what it names. An attribute that is not known is refused: it would have told keys apart.

use std::fmt;
use std::path::PathBuf;

use crate::{Pin, TokenError};

/// A key in a token, or a token.
#[derive(Default)]
pub struct Uri {
    /// The library of the token.
    pub module: Option<PathBuf>,
    pub slot: Option<u64>,
    pub token: Option<String>,
    pub manufacturer: Option<String>,
    pub model: Option<String>,
    pub serial: Option<String>,
    /// The label of the key.
    pub object: Option<Vec<u8>>,
    pub id: Option<Vec<u8>>,
    pub pin: Option<Pin>,
    /// All before the query.
    pub(crate) path: String,
}

/// What every URI begins with.
pub const SCHEME: &str = "pkcs11:";

impl Uri {
    /// What a text names.
    ///
    /// # Errors
    /// It is no URI of a token, or has an attribute twice, or one that is not known.
    pub fn parse(text: &str) -> Result<Uri, TokenError> {
        let text = text.strip_prefix(SCHEME).ok_or_else(|| wrong("it does not begin with pkcs11:"))?;
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let mut uri = Uri { path: path.to_owned(), ..Uri::default() };
        let mut seen = vec![];
        for pair in path.split(';').filter(|pair| !pair.is_empty()) {
            let (name, bytes) = pair_of(pair, &mut seen)?;
            match name {
                "object" => uri.object = Some(bytes),
                "id" => uri.id = Some(bytes),
                "token" => uri.token = Some(words(name, bytes)?),
                "manufacturer" => uri.manufacturer = Some(words(name, bytes)?),
                "model" => uri.model = Some(words(name, bytes)?),
                "serial" => uri.serial = Some(words(name, bytes)?),
                "slot-id" => {
                    let slot = words(name, bytes)?.parse().map_err(|_| wrong("its slot-id is no number"))?;
                    uri.slot = Some(slot);
                }
                "type" if ["private", "public"].map(str::as_bytes).contains(&bytes.as_slice()) => {}
                name => return Err(wrong(&format!("its attribute {name:?} is not known here"))),
            }
        }
        // Sigstore's programs take both signs.
        for pair in query.split(['&', ';']).filter(|pair| !pair.is_empty()) {
            match pair_of(pair, &mut seen)? {
                ("module-path", bytes) => uri.module = Some(words("module-path", bytes)?.into()),
                // Of a variable that is not set; an empty PIN counts as a wrong one, and three of them lock a token.
                ("pin-value", bytes) if bytes.is_empty() => {}
                ("pin-value", bytes) => uri.pin = Some(Pin::from(words("pin-value", bytes)?)),
                (name, _) => return Err(wrong(&format!("its attribute {name:?} is not known here"))),
            }
        }
        Ok(uri)
    }

    /// The same, where it names a token and a key.
    ///
    /// # Errors
    /// As [`Uri::parse`], or it names none.
    pub fn of_key(text: &str) -> Result<Uri, TokenError> {
        let uri = Uri::parse(text)?;
        if uri.token.is_none() && uri.slot.is_none() && uri.serial.is_none() {
            return Err(wrong("it names no token: token, serial or slot-id"));
        }
        if uri.object.as_ref().or(uri.id.as_ref()).is_none_or(Vec::is_empty) {
            return Err(wrong("it names no key: object or id"));
        }
        Ok(uri)
    }
}

impl fmt::Display for Uri {
    /// Without its query, where a PIN may be.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{SCHEME}{}", self.path)
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Uri({self})")
    }
}

/// A part of a URI, with whatever has another meaning there written in hexadecimal digits.
pub fn encoded(bytes: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    bytes.iter().map(|byte| if plain(byte) { char::from(*byte).to_string() } else { format!("%{byte:02x}") }).collect()
}

/// All of it in hexadecimal digits.
pub fn encoded_whole(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02x}")).collect()
}

fn pair_of<'a>(pair: &'a str, seen: &mut Vec<&'a str>) -> Result<(&'a str, Vec<u8>), TokenError> {
    // The value is not shown: it may be a PIN.
    let (name, value) = pair.split_once('=').ok_or_else(|| wrong("one of its attributes has no `=`"))?;
    if seen.contains(&name) {
        return Err(wrong(&format!("its attribute {name:?} stands twice")));
    }
    seen.push(name);
    let bytes = decoded(value).ok_or_else(|| wrong(&format!("the hexadecimal digits of {name:?} are none")))?;
    Ok((name, bytes))
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = vec![];
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                bytes.push(digit(high)? << 4 | digit(low)?);
                after
            }
            (b'%', _) => return None,
            _ => {
                bytes.push(*first);
                after
            }
        };
    }
    Some(bytes)
}

fn words(name: &str, bytes: Vec<u8>) -> Result<String, TokenError> {
    String::from_utf8(bytes).map_err(|_| wrong(&format!("its attribute {name:?} is no text")))
}

fn wrong(why: &str) -> TokenError {
    TokenError::Uri { why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_of_sigstores_programs_are_read_and_no_pin_is_shown() {
        let text =
            "pkcs11:token=My%20Token;slot-id=7;id=%01%aB;object=re+lease?module-path=/usr/lib/m.so&pin-value=s%3bcret";
        let uri = Uri::of_key(text).unwrap();
        assert_eq!((uri.token.as_deref(), uri.slot), (Some("My Token"), Some(7)));
        assert_eq!((uri.id.as_deref(), uri.object.as_deref()), (Some(&[1, 0xab][..]), Some(&b"re+lease"[..])));
        assert_eq!(uri.module, Some("/usr/lib/m.so".into()));
        assert!(uri.pin.is_some());
        assert_eq!(uri.to_string(), "pkcs11:token=My%20Token;slot-id=7;id=%01%aB;object=re+lease");
        assert!(!format!("{uri:?}").contains("cret"));
        assert!(Uri::of_key("pkcs11:serial=ab;object=a&b?pin-value=1;module-path=/m").is_ok());
        assert!(Uri::of_key("pkcs11:token=a;object=b?pin-value=").unwrap().pin.is_none());
    }

    #[test]
    fn what_names_no_key_or_something_unknown_is_refused() {
        for (text, why) in [
            ("hashivault://a", "pkcs11:"),
            ("PKCS11:token=a;object=b", "pkcs11:"),
            ("pkcs11:", "names no token"),
            ("pkcs11:token=a", "names no key"),
            ("pkcs11:token=a;object=", "names no key"),
            ("pkcs11:object=a", "names no token"),
            ("pkcs11:token=a;object=b;object=c", "twice"),
            ("pkcs11:token=a;object=b;colour=c", "colour"),
            ("pkcs11:token=a;object=b;type=cert", "type"),
            ("pkcs11:token=a;object=b?pin-source=file:/p", "pin-source"),
            ("pkcs11:token=a;object=b?pin-value", "has no `=`"),
            ("pkcs11:token=a;slot-id=x;object=b", "no number"),
            ("pkcs11:token=a;object=%4", "hexadecimal"),
            ("pkcs11:token=a;object=%+1", "hexadecimal"),
            ("pkcs11:token=%ff;object=b", "no text"),
        ] {
            let refused = Uri::of_key(text).unwrap_err().to_string();
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let bytes: Vec<u8> = (0..=255).collect();
        for written in [encoded(&bytes), encoded_whole(&bytes)] {
            assert_eq!(Uri::of_key(&format!("pkcs11:token=a;id={written}")).unwrap().id, Some(bytes.clone()));
        }
    }
}
