//! JSON Web Keys: one or a set of them, as OPA's library takes them.

use num_bigint::BigUint;

use super::base64::{self, Kind};
use super::crypto::keys::{Curve, PrivateKey, PublicKey, RsaPrivate, ec_point, padded};
use super::{Context, Failure, json_text};
use crate::value::{Object, Value};

/// What a key is.
#[derive(Debug, Clone)]
pub(super) enum Key {
    Public(PublicKey),
    Private(PrivateKey),
    Secret(Vec<u8>),
}

#[derive(Debug, Clone)]
pub(super) struct Jwk {
    pub alg: String,
    pub kid: String,
    pub key: Key,
}

/// The algorithms that a key may be for: others make it none.
const ALGORITHMS: &[&str] = &[
    "none",
    "HS256",
    "HS384",
    "HS512",
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "ES256K",
    "EdDSA",
    "Ed25519",
    "RSA1_5",
    "RSA-OAEP",
    "RSA-OAEP-256",
    "RSA-OAEP-384",
    "RSA-OAEP-512",
    "A128KW",
    "A192KW",
    "A256KW",
    "dir",
    "ECDH-ES",
    "ECDH-ES+A128KW",
    "ECDH-ES+A192KW",
    "ECDH-ES+A256KW",
    "A128GCMKW",
    "A192GCMKW",
    "A256GCMKW",
    "PBES2-HS256+A128KW",
    "PBES2-HS384+A192KW",
    "PBES2-HS512+A256KW",
];

/// More keys than any set has.
const MAX_KEYS: usize = 1_000;

/// The keys of a text, and whether it was a set.
pub(super) fn read(context: &mut Context<'_>, text: &str) -> Result<Vec<Jwk>, Failure> {
    let value = match json_text::read(context.meter, text) {
        Err(Failure::Error { message, .. }) => return Err(wrong(&message)),
        other => other?,
    };
    let Value::Object(object) = &value else { return Err(wrong("it is no object")) };
    match object.get_str("keys") {
        Some(Value::Array(keys)) => {
            if keys.items().len() > MAX_KEYS {
                return Err(wrong("it has too many keys"));
            }
            keys.items()
                .iter()
                .map(|key| match key {
                    Value::Object(key) => one(context, key),
                    _ => Err(wrong("a key is no object")),
                })
                .collect()
        }
        _ => Ok(vec![one(context, object)?]),
    }
}

fn wrong(why: &str) -> Failure {
    Failure::builtin(format!("jwk.Parse: failed to parse key: {why}"))
}

fn field<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    object.get_str(name).and_then(Value::as_str)
}

fn bytes(object: &Object, name: &str) -> Result<Vec<u8>, Failure> {
    let text = field(object, name).ok_or_else(|| wrong(&format!("required field {name} is missing")))?;
    decoded(text).ok_or_else(|| wrong(&format!("failed to get value for field {name}")))
}

/// Base64 of either alphabet, padded or not, as the library guesses.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let bare = text.trim_end_matches('=');
    let url: String = bare
        .chars()
        .map(|c| match c {
            '+' => '-',
            '/' => '_',
            other => other,
        })
        .collect();
    base64::decode(Kind::UrlUnpadded, url.as_bytes()).ok()
}

fn one(context: &mut Context<'_>, object: &Object) -> Result<Jwk, Failure> {
    context.meter.steps(2_000)?;
    let number = |name: &str| bytes(object, name).map(|bytes| BigUint::from_bytes_be(&bytes));
    let has = |name: &str| object.get_str(name).is_some();
    let key = match field(object, "kty") {
        Some("RSA") => {
            let (n, e) = (number("n")?, number("e")?);
            if has("d") {
                let (d, p, q) = (number("d")?, number("p")?, number("q")?);
                Key::Private(PrivateKey::Rsa(RsaPrivate { n, e, d, primes: vec![p, q] }))
            } else {
                Key::Public(PublicKey::Rsa { n, e })
            }
        }
        Some("EC") => {
            let name = field(object, "crv").unwrap_or_default();
            let curve = Curve::named(name).ok_or_else(|| wrong(&format!("invalid curve algorithm {name}")))?;
            let size = curve.size();
            let coordinate = |name| bytes(object, name).map(|bytes| padded(&bytes, size));
            let (x, y) = (coordinate("x")?, coordinate("y")?);
            let point = x.zip(y).and_then(|(x, y)| ec_point(curve, &[&[4], &*x, &*y].concat()));
            let point = point.ok_or_else(|| wrong("invalid point"))?;
            if has("d") {
                let key = PrivateKey::ec(curve, &bytes(object, "d")?).ok_or_else(|| wrong("invalid private key"))?;
                Key::Private(key)
            } else {
                Key::Public(PublicKey::Ec { curve, point })
            }
        }
        Some("OKP") => {
            if field(object, "crv") != Some("Ed25519") {
                return Err(wrong("invalid curve algorithm"));
            }
            if has("d") {
                let key = PrivateKey::ed25519(&bytes(object, "d")?).ok_or_else(|| wrong("invalid private key"))?;
                Key::Private(key)
            } else {
                let x = bytes(object, "x")?;
                if x.len() != 32 {
                    return Err(wrong("invalid public key size"));
                }
                Key::Public(PublicKey::Ed25519(x))
            }
        }
        Some("oct") => Key::Secret(bytes(object, "k")?),
        Some(other) => return Err(wrong(&format!("unknown key type {other}"))),
        None => return Err(wrong("key type is missing")),
    };
    let text = |name: &str| field(object, name).unwrap_or_default().to_owned();
    let alg = text("alg");
    if !alg.is_empty() && !ALGORITHMS.contains(&&*alg) {
        return Err(wrong(&format!("invalid algorithm {alg}")));
    }
    Ok(Jwk { alg, kid: text("kid"), key })
}
