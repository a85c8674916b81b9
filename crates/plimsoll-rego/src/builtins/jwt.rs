//! `io.jwt.*`: tokens in their compact form. A key that is asymmetric is never taken for a secret: which of the two is tried is
//! the caller's word (`cert` or `secret`), not the token's, and `none` is no algorithm.

use super::base64::{self, Kind};
use super::crypto::keys::{self, Hash, PrivateKey, PublicKey, Scheme};
use super::crypto::public_key_of_text;
use super::encoding::{base64url_bytes, hex};
use super::jwk::{self, Jwk, Key};
use super::{Builtin, Context, Failure, bytes, json_text, random, want};
use crate::value::{Number, Object, Value};

type Result<T = Option<Value>> = std::result::Result<T, Failure>;

const VERIFY: &str = "(jwt: string, certificate: string) => result: boolean";
const VERIFY_SECRET: &str = "(jwt: string, secret: string) => result: boolean";

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("io.jwt.decode", "(jwt: string) => output: array<object[any: any], object[any: any], string>", decode),
    Builtin::new(
        "io.jwt.decode_verify",
        "(jwt: string, constraints: object[string: any]) => output: array<boolean, object[any: any], object[any: any]>",
        decode_verify,
    )
    .nondeterministic(),
    Builtin::new(
        "io.jwt.encode_sign",
        "(headers: object[string: any], payload: object[string: any], key: object[string: any]) => output: string",
        encode_sign,
    )
    .nondeterministic(),
    Builtin::new(
        "io.jwt.encode_sign_raw",
        "(headers: string, payload: string, key: string) => output: string",
        encode_sign_raw,
    )
    .nondeterministic(),
    Builtin::new("io.jwt.verify_eddsa", VERIFY, |c, a| verify(c, a, Scheme::Ed25519)),
    Builtin::new("io.jwt.verify_es256", VERIFY, |c, a| verify(c, a, Scheme::Ecdsa(Hash::Sha256))),
    Builtin::new("io.jwt.verify_es384", VERIFY, |c, a| verify(c, a, Scheme::Ecdsa(Hash::Sha384))),
    Builtin::new("io.jwt.verify_es512", VERIFY, |c, a| verify(c, a, Scheme::Ecdsa(Hash::Sha512))),
    Builtin::new("io.jwt.verify_hs256", VERIFY_SECRET, |c, a| verify_secret(c, a, Hash::Sha256)),
    Builtin::new("io.jwt.verify_hs384", VERIFY_SECRET, |c, a| verify_secret(c, a, Hash::Sha384)),
    Builtin::new("io.jwt.verify_hs512", VERIFY_SECRET, |c, a| verify_secret(c, a, Hash::Sha512)),
    Builtin::new("io.jwt.verify_ps256", VERIFY, |c, a| verify(c, a, Scheme::Pss(Hash::Sha256))),
    Builtin::new("io.jwt.verify_ps384", VERIFY, |c, a| verify(c, a, Scheme::Pss(Hash::Sha384))),
    Builtin::new("io.jwt.verify_ps512", VERIFY, |c, a| verify(c, a, Scheme::Pss(Hash::Sha512))),
    Builtin::new("io.jwt.verify_rs256", VERIFY, |c, a| verify(c, a, Scheme::Pkcs1(Hash::Sha256))),
    Builtin::new("io.jwt.verify_rs384", VERIFY, |c, a| verify(c, a, Scheme::Pkcs1(Hash::Sha384))),
    Builtin::new("io.jwt.verify_rs512", VERIFY, |c, a| verify(c, a, Scheme::Pkcs1(Hash::Sha512))),
];

/// An algorithm of JSON Web Signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Asymmetric(Scheme),
    Secret(Hash),
}

fn algorithm(name: &str) -> Option<Algorithm> {
    Some(match name {
        "RS256" => Algorithm::Asymmetric(Scheme::Pkcs1(Hash::Sha256)),
        "RS384" => Algorithm::Asymmetric(Scheme::Pkcs1(Hash::Sha384)),
        "RS512" => Algorithm::Asymmetric(Scheme::Pkcs1(Hash::Sha512)),
        "PS256" => Algorithm::Asymmetric(Scheme::Pss(Hash::Sha256)),
        "PS384" => Algorithm::Asymmetric(Scheme::Pss(Hash::Sha384)),
        "PS512" => Algorithm::Asymmetric(Scheme::Pss(Hash::Sha512)),
        "ES256" => Algorithm::Asymmetric(Scheme::Ecdsa(Hash::Sha256)),
        "ES384" => Algorithm::Asymmetric(Scheme::Ecdsa(Hash::Sha384)),
        "ES512" => Algorithm::Asymmetric(Scheme::Ecdsa(Hash::Sha512)),
        "EdDSA" => Algorithm::Asymmetric(Scheme::Ed25519),
        "HS256" => Algorithm::Secret(Hash::Sha256),
        "HS384" => Algorithm::Secret(Hash::Sha384),
        "HS512" => Algorithm::Secret(Hash::Sha512),
        _ => return None,
    })
}

/// The three parts as written.
struct Token<'a> {
    header: &'a [u8],
    payload: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Token<'a> {
    fn of(context: &mut Context<'_>, text: &'a [u8]) -> Result<Token<'a>> {
        want::pay_making(context, text.len())?;
        let parts: Vec<&[u8]> = text.split(|byte| *byte == b'.').take(64).collect();
        match *parts {
            [_] | [] => Err(Failure::builtin("encoded JWT had no period separators")),
            [header, payload, signature] => Ok(Token { header, payload, signature }),
            _ => {
                let count = text.iter().filter(|byte| **byte == b'.').count() + 1;
                Err(Failure::builtin(format!("encoded JWT must have 3 sections, found {count}")))
            }
        }
    }

    fn header(&self, context: &mut Context<'_>) -> Result<Value> {
        let text = within("JWT header had invalid encoding: ", base64url_bytes(self.header))?;
        let header = within("bad JWT header: ", object(context, &text))?;
        if fields(&header).get_str("enc").is_some() {
            return Err(Failure::builtin("JWT is a JWE object, which is not supported"));
        }
        Ok(header)
    }

    fn payload(&self) -> Result<Vec<u8>> {
        within("JWT payload had invalid encoding: ", base64url_bytes(self.payload))
    }

    fn signed(&self) -> Vec<u8> {
        [self.header, b".", self.payload].concat()
    }
}

/// Puts words before an error's.
fn within<T>(before: &str, result: Result<T>) -> Result<T> {
    result.map_err(|failure| match failure {
        Failure::Error { message, .. } => Failure::builtin(format!("{before}{message}")),
        halt => halt,
    })
}

fn object(context: &mut Context<'_>, text: &[u8]) -> Result<Value> {
    let text = bytes::text(text);
    let value = within("invalid JSON: ", json_text::read(context.meter, &text))?;
    match value {
        Value::Object(_) => Ok(value),
        _ => Err(Failure::builtin("decoded JSON type was not an Object")),
    }
}

/// The fields of what [`object`] gave.
fn fields(value: &Value) -> &Object {
    static NONE: std::sync::LazyLock<Object> = std::sync::LazyLock::new(|| Object::new(Vec::new()));
    match value {
        Value::Object(object) => object,
        _ => &NONE,
    }
}

fn decode(context: &mut Context<'_>, args: &[Value]) -> Result {
    let mut text = want::bytes(args, 0, 1)?.into_owned();
    loop {
        let token = Token::of(context, &text)?;
        let header = token.header(context)?;
        let payload = token.payload()?;
        match fields(&header).get_str("cty") {
            Some(Value::String(kind)) if &**kind == "JWT" => {
                // A token in a token, in quotes perhaps. Each is shorter than the one around it.
                let inner = payload.trim_ascii_of(b"\"'").to_vec();
                text = inner;
                continue;
            }
            Some(Value::String(_)) | None => {}
            Some(_) => return Err(Failure::builtin("cty must be a string")),
        }
        let payload = object(context, &payload)?;
        let signature = within("JWT signature had invalid encoding: ", base64url_bytes(token.signature))?;
        return Ok(Some(Value::array(vec![header, payload, Value::string(hex(&signature))])));
    }
}

trait TrimBytes {
    fn trim_ascii_of(&self, cut: &[u8]) -> &Self;
}

impl TrimBytes for [u8] {
    fn trim_ascii_of(&self, cut: &[u8]) -> &[u8] {
        let kept = |byte: &u8| !cut.contains(byte);
        match (self.iter().position(kept), self.iter().rposition(kept)) {
            (Some(from), Some(to)) => self.get(from..=to).unwrap_or_default(),
            _ => &[],
        }
    }
}

/// What a signature may be checked with.
struct Trusted {
    alg: String,
    kid: String,
    key: Key,
}

/// The keys of a certificate, a public key or JSON Web Keys.
fn trusted(context: &mut Context<'_>, text: &str) -> Result<Vec<Trusted>> {
    want::pay_making(context, text.len())?;
    if let Some(key) = public_key_of_text(&bytes::bytes(text)) {
        return Ok(vec![Trusted { alg: String::new(), kid: String::new(), key: Key::Public(key?) }]);
    }
    let keys = within("failed to parse a JWK key (set): ", jwk::read(context, text))?;
    Ok(keys
        .into_iter()
        .filter(|key| key.alg.is_empty() || algorithm(&key.alg).is_some())
        .map(|Jwk { alg, kid, key }| Trusted { alg, kid, key })
        .collect())
}

#[derive(Debug, Default)]
struct Header {
    alg: String,
    kid: String,
    cty: String,
    crit: Vec<String>,
    unknown: Vec<String>,
}

impl Header {
    fn of(header: &Value) -> Result<Header> {
        let mut out = Header::default();
        for (name, value) in fields(header).entries() {
            let Some(name) = name.as_str() else { continue };
            let text = || {
                value.as_str().map(str::to_owned).ok_or_else(|| Failure::builtin(format!("{name}: must be a string")))
            };
            match name {
                "alg" => out.alg = text()?,
                "kid" => out.kid = text()?,
                "typ" => {
                    text()?;
                }
                "cty" => out.cty = text()?,
                "crit" => {
                    let Value::Array(list) = value else { return Err(Failure::builtin("crit: must be a list")) };
                    // A list with anything else ends there, as OPA reads it.
                    out.crit = list.items().iter().map_while(|item| item.as_str().map(str::to_owned)).collect();
                    if out.crit.is_empty() {
                        return Err(Failure::builtin("crit: must be a nonempty list"));
                    }
                }
                other => out.unknown.push(other.to_owned()),
            }
        }
        Ok(out)
    }

    fn is_valid(&self) -> bool {
        !self.alg.is_empty() && !self.unknown.iter().any(|name| self.crit.contains(name))
    }
}

/// Whether one of the keys holds: the one of the token's `kid`, or else any whose `alg` is none or the token's.
fn any_holds(
    context: &mut Context<'_>,
    keys: &[Trusted],
    header: &Header,
    mut holds: impl FnMut(&mut Context<'_>, &Key) -> Result<bool>,
) -> Result<bool> {
    if !header.kid.is_empty()
        && let Some(key) = keys.iter().find(|key| key.kid == header.kid)
    {
        return holds(context, &key.key);
    }
    for key in keys {
        if (key.alg.is_empty() || key.alg == header.alg) && holds(context, &key.key)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn verify(context: &mut Context<'_>, args: &[Value], scheme: Scheme) -> Result {
    let text = want::bytes(args, 0, 1)?;
    let token = Token::of(context, &text)?;
    let keys = trusted(context, want::string(args, 1, 2)?)?;
    let signature = base64url_bytes(token.signature)?;
    let header = Header::of(&token.header(context)?)?;
    let signed = token.signed();
    let holds = any_holds(context, &keys, &header, |context, key| match key {
        Key::Public(key) => Ok(keys::holds(context.meter, key, scheme, &signed, &signature)?),
        // A key of two halves is no public one to these builtins.
        Key::Private(_) | Key::Secret(_) => Ok(false),
    })?;
    Ok(Some(Value::Bool(holds)))
}

fn verify_secret(context: &mut Context<'_>, args: &[Value], hash: Hash) -> Result {
    let text = want::bytes(args, 0, 1)?;
    let secret = want::bytes(args, 1, 2)?;
    let token = Token::of(context, &text)?;
    context.meter.steps((text.len() + secret.len()) as u64 / 8)?;
    let signature = base64url_bytes(token.signature)?;
    Ok(Some(Value::Bool(keys::same(&keys::hmac(hash, &secret, &token.signed()), &signature))))
}

/// What a token must be to be let through.
#[derive(Default)]
struct Constraints {
    keys: Option<Vec<Trusted>>,
    secret: Vec<u8>,
    alg: String,
    iss: String,
    aud: String,
    time: f64,
}

impl Constraints {
    fn of(context: &mut Context<'_>, object: &Object) -> Result<Constraints> {
        let mut out = Constraints { time: -1.0, ..Constraints::default() };
        for (name, value) in object.entries() {
            let Some(name) = name.as_str() else {
                return Err(Failure::builtin(format!("unknown token validation constraint: {name}")));
            };
            let text =
                || value.as_str().ok_or_else(|| Failure::builtin(format!("{name} constraint: must be a string")));
            match name {
                "cert" => out.keys = Some(trusted(context, text()?)?),
                "secret" => out.secret = bytes::bytes(text()?).into_owned(),
                "alg" => text()?.clone_into(&mut out.alg),
                "iss" => text()?.clone_into(&mut out.iss),
                "aud" => text()?.clone_into(&mut out.aud),
                "time" => {
                    let Value::Number(number) = value else {
                        return Err(Failure::builtin("token time constraint: must be a number"));
                    };
                    out.time = number.as_f64();
                    if !out.time.is_finite() {
                        return Err(Failure::builtin("token time constraint: unvalid float64"));
                    }
                    if out.time < 0.0 {
                        return Err(Failure::builtin("token time constraint: must not be negative"));
                    }
                }
                _ => return Err(Failure::builtin(format!("unknown token validation constraint: {name}"))),
            }
        }
        if out.time < 0.0 {
            out.time = context.world.now_nanoseconds as f64;
        }
        match (out.keys.is_some(), !out.secret.is_empty()) {
            (true, true) => Err(Failure::builtin("duplicate key constraints")),
            (false, false) => Err(Failure::builtin("no key constraint")),
            _ => Ok(out),
        }
    }

    fn verified(&self, context: &mut Context<'_>, header: &Header, signed: &[u8], signature: &[u8]) -> Result<bool> {
        let Some(algorithm) = algorithm(&header.alg) else { return Ok(false) };
        match &self.keys {
            Some(keys) => any_holds(context, keys, header, |context, key| match (key, algorithm) {
                (Key::Public(key), Algorithm::Asymmetric(scheme)) => strictly(context, key, scheme, signed, signature),
                (Key::Private(key), Algorithm::Asymmetric(scheme)) => {
                    strictly(context, &key.public(), scheme, signed, signature)
                }
                (Key::Secret(secret), Algorithm::Secret(hash)) => {
                    context.meter.steps((signed.len() + secret.len()) as u64 / 8)?;
                    Ok(keys::same(&keys::hmac(hash, secret, signed), signature))
                }
                _ => Ok(false),
            }),
            None => match algorithm {
                Algorithm::Secret(hash) => {
                    context.meter.steps((signed.len() + self.secret.len()) as u64 / 8)?;
                    Ok(keys::same(&keys::hmac(hash, &self.secret, signed), signature))
                }
                Algorithm::Asymmetric(_) => Ok(false),
            },
        }
    }

    fn hears(&self, audience: &Value) -> bool {
        match audience {
            Value::String(one) => **one == *self.aud,
            Value::Array(all) => all.items().iter().any(|one| one.as_str() == Some(&*self.aud)),
            _ => false,
        }
    }
}

/// With ECDSA's two numbers as long as the curve has them.
fn strictly(
    context: &mut Context<'_>,
    key: &PublicKey,
    scheme: Scheme,
    signed: &[u8],
    signature: &[u8],
) -> Result<bool> {
    if let PublicKey::Ec { curve, .. } = key
        && signature.len() != 2 * curve.size()
    {
        return Ok(false);
    }
    Ok(keys::holds(context.meter, key, scheme, signed, signature)?)
}

fn decode_verify(context: &mut Context<'_>, args: &[Value]) -> Result {
    let constraints = want::object(args, 1, 2)?;
    let constraints = Constraints::of(context, constraints)?;
    let nothing = || Value::object(Vec::new());
    let unverified = || Ok(Some(Value::array(vec![Value::Bool(false), nothing(), nothing()])));
    let mut text = want::bytes(args, 0, 1)?.into_owned();
    let (header, payload) = loop {
        let token = Token::of(context, &text)?;
        let header_object = token.header(context)?;
        let header = Header::of(&header_object)?;
        if !header.is_valid() || !constraints.alg.is_empty() && constraints.alg != header.alg {
            return unverified();
        }
        let signature = base64url_bytes(token.signature)?;
        if !constraints.verified(context, &header, &token.signed(), &signature)? {
            return unverified();
        }
        let payload = token.payload()?;
        if header.cty.eq_ignore_ascii_case("JWT") {
            text = payload;
            continue;
        }
        break (header_object, object(context, &payload)?);
    };
    let claims = fields(&payload);
    if !constraints.iss.is_empty() {
        match claims.get_str("iss") {
            Some(Value::String(issuer)) if **issuer == *constraints.iss => {}
            // OPA falls over an issuer that is no text.
            _ => return unverified(),
        }
    }
    match claims.get_str("aud") {
        Some(audience) if !constraints.hears(audience) => return unverified(),
        None if !constraints.aud.is_empty() => return unverified(),
        _ => {}
    }
    let now = Number::from_f64(constraints.time / 1e9);
    match claims.get_str("exp") {
        Some(Value::Number(end)) if now >= *end => return unverified(),
        Some(Value::Number(_)) | None => {}
        Some(_) => return Err(Failure::builtin("exp value must be a number")),
    }
    match claims.get_str("nbf") {
        Some(Value::Number(start)) if now < *start => return unverified(),
        Some(Value::Number(_)) | None => {}
        Some(_) => return Err(Failure::builtin("nbf value must be a number")),
    }
    Ok(Some(Value::array(vec![Value::Bool(true), header, payload])))
}

fn encode_sign(context: &mut Context<'_>, args: &[Value]) -> Result {
    let mut text = |at: usize| json_text::write(context.meter, want::argument(args, at), None);
    let (headers, payload, key) = (text(0)?, text(1)?, text(2)?);
    sign(context, headers.as_bytes(), payload.as_bytes(), &key)
}

fn encode_sign_raw(context: &mut Context<'_>, args: &[Value]) -> Result {
    let key = want::string(args, 2, 3)?;
    let headers = want::bytes(args, 0, 1)?;
    let payload = want::bytes(args, 1, 2)?;
    sign(context, &headers, &payload, key)
}

fn sign(context: &mut Context<'_>, headers: &[u8], payload: &[u8], key: &str) -> Result {
    want::pay_making(context, (headers.len() + payload.len()) * 2)?;
    let keys = jwk::read(context, key)?;
    let Some(key) = keys.first() else { return Err(Failure::builtin("no keys found in JWK set")) };
    let parsed = json_text::read(context.meter, &bytes::text(headers)).ok();
    let header = |name: &str| match &parsed {
        Some(Value::Object(object)) => object.get_str(name).and_then(Value::as_str),
        _ => None,
    };
    let Some(name) = header("alg") else {
        return Err(Failure::builtin("missing or invalid 'alg' header: jwsbb: header \"alg\" not found"));
    };
    let algorithm = algorithm(name).ok_or_else(|| Failure::builtin(format!("unknown JWS algorithm: {name}")))?;
    if header("typ").is_none_or(|kind| kind == "JWT") && !json_text::valid(context.meter, &bytes::text(payload))? {
        return Err(Failure::builtin("type is JWT but payload is not JSON"));
    }
    let encoded = |bytes: &[u8]| base64::encode(Kind::UrlUnpadded, bytes);
    let signed = format!("{}.{}", encoded(headers), encoded(payload));
    let signature = match (&key.key, algorithm) {
        (Key::Secret(secret), Algorithm::Secret(hash)) => {
            context.meter.steps((signed.len() + secret.len()) as u64 / 8)?;
            Some(keys::hmac(hash, secret, signed.as_bytes()))
        }
        (Key::Private(key), Algorithm::Asymmetric(scheme)) => signature(context, key, scheme, &signed)?,
        _ => None,
    };
    let signature = signature.ok_or_else(|| Failure::builtin(format!("jwsbb.Sign: invalid key type for {name}")))?;
    want::text(context, format!("{signed}.{}", encoded(&signature)))
}

fn signature(context: &mut Context<'_>, key: &PrivateKey, scheme: Scheme, signed: &str) -> Result<Option<Vec<u8>>> {
    let mut salt = match scheme {
        Scheme::Pss(hash) => vec![0; keys::digest(hash, b"").len()],
        _ => Vec::new(),
    };
    random::fill(context, &mut salt);
    Ok(keys::sign(context.meter, key, scheme, signed.as_bytes(), &salt)?)
}
