//! Tokens, and the keys in them. In: a URI, and a PIN where the token wants one. Out: the public half of one key, signatures by it; or what
//! there is. A name that fits two keys is none: it would be chance which of them signs.

use std::path::Path;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::Error;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};

use crate::uri::{encoded, encoded_whole};
use crate::{Pin, TokenError, Uri, der};

/// A hash of the SHA-2 family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// What stands before a digest under an RSA signature (RFC 8017 §9.2, note 1).
    const fn digest_info(self) -> &'static [u8] {
        match self {
            Hash::Sha256 => b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
            Hash::Sha384 => b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30",
            Hash::Sha512 => b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
        }
    }
}

/// A token, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub slot: u64,
    pub label: String,
    pub manufacturer: String,
    pub model: String,
    pub serial: String,
}

/// A private key, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub label: Vec<u8>,
    pub id: Vec<u8>,
    /// It names this key, and no PIN.
    pub uri: String,
}

/// A key that signs.
pub struct Key {
    session: Session,
    private: ObjectHandle,
    public: Public,
    name: String,
}

struct Public {
    spki: Vec<u8>,
    /// The bytes of a coordinate; none for RSA.
    coordinate: Option<usize>,
}

impl Key {
    /// The key that a URI names, in a token that is signed in to: with the URI's PIN, or the one that `pin` gives for a token's name.
    ///
    /// # Errors
    /// There is no such token or key, or more than one, or the PIN is another one.
    pub fn open(uri: &Uri, pin: &dyn Fn(&str) -> Option<Pin>) -> Result<Key, TokenError> {
        let (session, info) = session(uri)?;
        sign_in(&session, &info, uri.pin.as_ref(), pin)?;
        let public = read(&session, uri)?;
        let private = found(&session, uri, ObjectClass::PRIVATE_KEY, "private")?;
        Ok(Key { session, private, public, name: uri.to_string() })
    }

    /// The public half, as a `SubjectPublicKeyInfo` in DER.
    pub fn spki(&self) -> &[u8] {
        &self.public.spki
    }

    /// A signature over the message of this digest: ECDSA in ASN.1, or PKCS#1 v1.5.
    ///
    /// # Errors
    /// The token does not sign.
    pub fn sign(&self, hash: Hash, digest: &[u8]) -> Result<Vec<u8>, TokenError> {
        let call = failed(format!("sign with {}", self.name));
        let Some(coordinate) = self.public.coordinate else {
            let info = [hash.digest_info(), digest].concat();
            return self.session.sign(&Mechanism::RsaPkcs, self.private, &info).map_err(call);
        };
        let pair = self.session.sign(&Mechanism::Ecdsa, self.private, digest).map_err(call)?;
        let wrong = || TokenError::Kind { wanted: self.name.clone(), why: "it gives no pair of numbers".into() };
        der::of_pair(&pair, coordinate).ok_or_else(wrong)
    }
}

/// The public half of the key that a URI names, as a `SubjectPublicKeyInfo` in DER. Nobody signs in, unless the URI has a PIN.
///
/// # Errors
/// There is no such token or key, or more than one.
pub fn public(uri: &Uri) -> Result<Vec<u8>, TokenError> {
    let (session, info) = session(uri)?;
    if uri.pin.is_some() {
        sign_in(&session, &info, uri.pin.as_ref(), &|_| None)?;
    }
    Ok(read(&session, uri)?.spki)
}

/// The tokens that a module knows.
///
/// # Errors
/// The module cannot be loaded.
pub fn tokens(module: &Path) -> Result<Vec<Token>, TokenError> {
    let there = there(&loaded(module)?, None)?;
    let token = |(slot, info): (Slot, TokenInfo)| Token {
        slot: slot.id(),
        label: info.label().to_owned(),
        manufacturer: info.manufacturer_id().to_owned(),
        model: info.model().to_owned(),
        serial: info.serial_number().to_owned(),
    };
    Ok(there.into_iter().map(token).collect())
}

/// The private keys in the token of a slot that have a name.
///
/// # Errors
/// There is no such token, or the PIN is another one.
pub fn keys(module: &Path, slot: u64, pin: &dyn Fn(&str) -> Option<Pin>) -> Result<Vec<Listed>, TokenError> {
    let path = format!("slot-id={slot}");
    let uri = Uri { module: Some(module.to_owned()), slot: Some(slot), path, ..Uri::default() };
    let (session, info) = session(&uri)?;
    sign_in(&session, &info, None, pin)?;
    let call = || failed("list the keys of the token".into());
    let mut listed = vec![];
    for object in &session.find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY)]).map_err(call())? {
        let (mut label, mut id) = (vec![], vec![]);
        for attribute in session.get_attributes(*object, &[AttributeType::Id, AttributeType::Label]).map_err(call())? {
            match attribute {
                Attribute::Id(bytes) => id = bytes,
                Attribute::Label(bytes) => label = bytes,
                _ => {}
            }
        }
        if id.is_empty() && label.is_empty() {
            continue;
        }
        let mut parts = vec![format!("token={}", encoded(info.label().as_bytes())), format!("slot-id={slot}")];
        parts.extend((!id.is_empty()).then(|| format!("id={}", encoded_whole(&id))));
        parts.extend((!label.is_empty()).then(|| format!("object={}", encoded(&label))));
        let path =
            module.to_string_lossy().split('/').map(|part| encoded(part.as_bytes())).collect::<Vec<_>>().join("/");
        listed.push(Listed { uri: format!("pkcs11:{}?module-path={path}", parts.join(";")), label, id });
    }
    Ok(listed)
}

fn loaded(module: &Path) -> Result<Pkcs11, TokenError> {
    let wrong = |why| TokenError::Module { path: module.to_owned(), why };
    // A bare name would be looked for in places that others may write to.
    if !module.is_absolute() {
        return Err(wrong("it is named by its absolute path"));
    }
    if !module.is_file() {
        return Err(wrong("it is no file"));
    }
    let call = || failed(format!("load the PKCS#11 module {}", module.display()));
    let context = Pkcs11::new(module).map_err(call())?;
    match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(cryptoki::error::RvError::CryptokiAlreadyInitialized, _)) => Ok(context),
        Err(error) => Err(call()(error)),
    }
}

/// The tokens that there are, in one slot where it is named: what is in another is not asked, and need not answer.
fn there(context: &Pkcs11, slot: Option<u64>) -> Result<Vec<(Slot, TokenInfo)>, TokenError> {
    let mut all = vec![];
    for slot in slots(context)?.into_iter().filter(|one| is_meant(slot, *one)) {
        match context.get_token_info(slot) {
            Ok(info) => all.push((slot, info)),
            // It was pulled out meanwhile.
            Err(Error::Pkcs11(cryptoki::error::RvError::TokenNotPresent, _)) => {}
            // It may be the one that is named, or another of that name.
            Err(error) => return Err(failed(format!("ask the token in slot {slot} what it is"))(error)),
        }
    }
    Ok(all)
}

fn slots(context: &Pkcs11) -> Result<Vec<Slot>, TokenError> {
    context.get_slots_with_token().map_err(failed("list the tokens".into()))
}

/// Whether a token in this slot may be the one that is named.
fn is_meant(named: Option<u64>, slot: Slot) -> bool {
    named.is_none_or(|named| named == slot.id())
}

/// Signs in to a token that asks for it, or where a PIN is given: with that one, or the one that `ask` gives for the token's name.
fn sign_in(
    session: &Session,
    info: &TokenInfo,
    given: Option<&Pin>,
    ask: &dyn Fn(&str) -> Option<Pin>,
) -> Result<(), TokenError> {
    let token = info.label();
    let asked;
    let pin = match given {
        Some(pin) => Some(pin),
        None if !info.login_required() => return Ok(()),
        // The token has its own keys to type it.
        None if info.protected_authentication_path() => None,
        None => {
            asked = ask(token).ok_or_else(|| TokenError::NoPin { token: token.to_owned() })?;
            Some(&asked)
        }
    };
    session.login(UserType::User, pin).map_err(failed(format!("sign in to the token {token:?}")))
}

/// A session with the one token that a URI names.
fn session(uri: &Uri) -> Result<(Session, TokenInfo), TokenError> {
    let context = loaded(uri.module.as_deref().ok_or(TokenError::NoModule)?)?;
    let all = there(&context, uri.slot)?;
    let mut labels: Vec<_> = all.iter().map(|(slot, info)| format!("{:?} (slot {slot})", info.label())).collect();
    let others = slots(&context)?.into_iter().filter(|slot| !is_meant(uri.slot, *slot));
    labels.extend(others.map(|slot| format!("one in slot {slot}")));
    let same = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is);
    let mut fit: Vec<_> = all
        .into_iter()
        .filter(|(_, info)| {
            same(&uri.token, info.label())
                && same(&uri.manufacturer, info.manufacturer_id())
                && same(&uri.model, info.model())
                && same(&uri.serial, info.serial_number())
        })
        .collect();
    let wanted = uri.to_string();
    match (fit.pop(), fit.len()) {
        (Some((slot, info)), 0) => {
            let opened = context.open_ro_session(slot).map_err(failed(format!("open the token {:?}", info.label())))?;
            Ok((opened, info))
        }
        (Some(_), others) => Err(TokenError::ManyTokens { wanted, count: others + 1 }),
        (None, _) => Err(TokenError::NoToken { wanted, there: labels }),
    }
}

/// The one object of this class that a URI names.
fn found(session: &Session, uri: &Uri, class: ObjectClass, half: &'static str) -> Result<ObjectHandle, TokenError> {
    let mut template = vec![Attribute::Class(class)];
    template.extend(uri.id.clone().map(Attribute::Id));
    template.extend(uri.object.clone().map(Attribute::Label));
    let wanted = uri.to_string();
    let objects = session.find_objects(&template).map_err(failed(format!("find {wanted}")))?;
    match objects.as_slice() {
        [one] => Ok(*one),
        [] => Err(TokenError::NoKey { half, wanted }),
        many => Err(TokenError::ManyKeys { half, wanted, count: many.len() }),
    }
}

/// The public half, which has to be of a kind that signs here.
fn read(session: &Session, uri: &Uri) -> Result<Public, TokenError> {
    let object = found(session, uri, ObjectClass::PUBLIC_KEY, "public")?;
    let wrong = |why: &str| TokenError::Kind { wanted: uri.to_string(), why: why.to_owned() };
    let get = |kinds: &[AttributeType]| {
        session.get_attributes(object, kinds).map_err(failed(format!("read the public half of {uri}")))
    };
    let kind = get(&[AttributeType::KeyType])?;
    match kind.as_slice() {
        [Attribute::KeyType(KeyType::EC)] => {
            let held = get(&[AttributeType::EcParams, AttributeType::EcPoint])?;
            let [Attribute::EcParams(curve), Attribute::EcPoint(point)] = held.as_slice() else {
                return Err(wrong("it shows no point"));
            };
            let coordinate = der::coordinate(curve).ok_or_else(|| wrong("its curve is neither P-256 nor P-384"))?;
            let spki = der::of_point(curve, point).ok_or_else(|| wrong("it shows no point of its curve"))?;
            Ok(Public { spki, coordinate: Some(coordinate) })
        }
        [Attribute::KeyType(KeyType::RSA)] => {
            let held = get(&[AttributeType::Modulus, AttributeType::PublicExponent])?;
            let [Attribute::Modulus(modulus), Attribute::PublicExponent(exponent)] = held.as_slice() else {
                return Err(wrong("it shows no numbers"));
            };
            let spki = der::of_modulus(modulus, exponent).ok_or_else(|| wrong("it has more than 8,192 bits"))?;
            Ok(Public { spki, coordinate: None })
        }
        _ => Err(wrong("it is neither of ECDSA nor of RSA")),
    }
}

fn failed(what: String) -> impl FnOnce(Error) -> TokenError {
    move |source| TokenError::Call { what, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_another_slot_than_the_named_one_is_not_asked() {
        let slots: Vec<Slot> = [1_u64, 2].map(|number| Slot::try_from(number).unwrap()).into();
        let meant = |named| slots.iter().filter(|slot| is_meant(named, **slot)).map(Slot::id).collect::<Vec<_>>();
        assert_eq!((meant(None), meant(Some(2)), meant(Some(3))), (vec![1, 2], vec![2], vec![]));
    }
}
