//! Certificates (RFC 5280) as far as signers, their authorities and the authorities of timestamps have them. In: DER. Out: their
//! parts, whether one issued another, and what they say they are for. What it does not do: it chooses no chain and knows no time;
//! that is `chain`'s. Read by our own strict reader, for the bytes that are signed matter here more than the words in them.

use std::fmt;

use jiff::Timestamp;

use crate::der::{self, Element, Reader};
use crate::pem;
use crate::public_key::{Hash, ID_EC, ID_ED25519, ID_RSA, PublicKey, Scheme};
use crate::refusal::{Reason, Refusal, malformed};

/// The label of a certificate in PEM.
pub(crate) const LABEL: &str = "CERTIFICATE";
/// Certificates of signers have about two kilobytes; those of any authority less.
const MOST_BYTES: usize = 64 << 10;
/// Fulcio writes two dozen extensions.
const MOST_EXTENSIONS: usize = 64;

pub(crate) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
pub(crate) const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// Where lists of what was revoked stand, and where an issuer's services do.
const CRL_PLACES: &[u8] = &[0x55, 0x1d, 0x1f];
const SERVICES: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01];
/// The service that says of one certificate whether it was revoked (OCSP).
const OCSP: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01];
/// Where the proofs of certificate transparency stand.
pub(crate) const SCT_LIST: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xd6, 0x79, 0x02, 0x04, 0x02];
/// The arc below which Fulcio's extensions are numbered.
const FULCIO: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xbf, 0x30, 0x01];
/// Purposes of keys.
pub(crate) const CODE_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03];
pub(crate) const TIME_STAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];

/// What was signed with, as a certificate or timestamp names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Algorithm {
    hash: Option<Hash>,
    schemes: &'static [Scheme],
}

const EC: &[Scheme] = &[Scheme::EcdsaP256, Scheme::EcdsaP384];

impl Algorithm {
    /// The algorithm in an AlgorithmIdentifier. `digest` is what stands apart from it, for those that name none (CMS).
    pub(crate) fn read(identifier: &Element<'_>, digest: Option<Hash>) -> Result<Self, Refusal> {
        let mut reader = Reader::new(identifier.content);
        let id = reader.expect(der::OID)?.content;
        let null = reader.optional(der::NULL)?.is_some();
        reader.end()?;
        let (hash, schemes): (_, &[Scheme]) = match id {
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02] => (Some(Hash::Sha256), EC),
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03] => (Some(Hash::Sha384), EC),
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04] => (Some(Hash::Sha512), EC),
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b] => (Some(Hash::Sha256), &[Scheme::Rsa]),
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c] => (Some(Hash::Sha384), &[Scheme::Rsa]),
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d] => (Some(Hash::Sha512), &[Scheme::Rsa]),
            ID_RSA if digest.is_some() => (digest, &[Scheme::Rsa]),
            ID_EC if digest.is_some() => (digest, EC),
            ID_ED25519 => (None, &[Scheme::Ed25519]),
            _ => return Err(Refusal::new(Reason::Unsupported, "an algorithm of signing that is not supported")),
        };
        // Curves take no parameters; RSA takes a null.
        if null && schemes != [Scheme::Rsa] {
            return Err(malformed("an algorithm of signing with parameters that it does not take"));
        }
        Ok(Self { hash, schemes })
    }

    /// Whether `signature` is that of `key` over `message`.
    pub(crate) fn verify(self, key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        if !self.schemes.contains(&key.scheme()) {
            return Err(Refusal::new(
                Reason::SignatureInvalid,
                "a signature by another kind of key than its signer has",
            ));
        }
        key.verify_with(self.hash.unwrap_or(Hash::Sha256), message, signature)
    }
}

/// The hash that an AlgorithmIdentifier names.
pub(crate) fn hash(identifier: &Element<'_>) -> Result<Hash, Refusal> {
    let mut reader = Reader::new(identifier.content);
    let id = reader.expect(der::OID)?.content;
    reader.optional(der::NULL)?;
    reader.end()?;
    match id {
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01] => Ok(Hash::Sha256),
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02] => Ok(Hash::Sha384),
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03] => Ok(Hash::Sha512),
        _ => Err(Refusal::new(Reason::Unsupported, "a hash that is none of SHA-256, SHA-384 and SHA-512")),
    }
}

/// What a key is for.
pub(crate) struct Purposes<'a> {
    pub ids: Vec<&'a [u8]>,
    pub critical: bool,
}

/// What a certificate names as its holder, of the kinds that Fulcio writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// An address of mail.
    Email(String),
    /// A URI: a workflow, or a SPIFFE id.
    Uri(String),
    /// The name of a host.
    Dns(String),
    /// The name of a user as Fulcio writes it (`57264.1.7`).
    Other(String),
}

impl Name {
    /// The name itself.
    pub fn text(&self) -> &str {
        match self {
            Self::Email(text) | Self::Uri(text) | Self::Dns(text) | Self::Other(text) => text,
        }
    }
}

#[derive(Clone, Debug)]
struct Extension {
    id: Vec<u8>,
    critical: bool,
    value: Vec<u8>,
}

/// A certificate of version 3.
#[derive(Clone)]
pub struct Certificate {
    der: Vec<u8>,
    tbs: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    /// Names as they are encoded, for that is how they are compared.
    pub(crate) issuer: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    not_before: Timestamp,
    not_after: Timestamp,
    key: PublicKey,
    algorithm: Algorithm,
    signature: Vec<u8>,
    extensions: Vec<Extension>,
}

impl Certificate {
    /// The certificate that `bytes` are.
    ///
    /// # Errors
    /// `malformed`, `too-large`, `unsupported` (keys and algorithms).
    pub fn from_der(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > MOST_BYTES {
            return Err(Refusal::new(Reason::TooLarge, format!("a certificate of more than {MOST_BYTES} bytes")));
        }
        let mut outer = Reader::new(der::whole(bytes, der::SEQUENCE)?.content);
        let tbs = outer.expect(der::SEQUENCE)?;
        let outer_algorithm = outer.expect(der::SEQUENCE)?;
        let signature = outer.expect(der::BIT_STRING)?;
        outer.end()?;

        let mut fields = Reader::new(tbs.content);
        let version = der::whole(fields.expect(0xa0)?.content, der::INTEGER)?;
        if version.content != [2] {
            return Err(Refusal::new(Reason::Unsupported, "a certificate that is not of version 3"));
        }
        let serial = fields.expect(der::INTEGER)?.content.to_vec();
        let algorithm = fields.expect(der::SEQUENCE)?;
        if algorithm.raw != outer_algorithm.raw {
            return Err(malformed("a certificate with two algorithms of signing"));
        }
        let issuer = fields.expect(der::SEQUENCE)?.raw.to_vec();
        let mut validity = fields.inside(der::SEQUENCE)?;
        let (not_before, not_after) = (der::time(&validity.any()?, false)?, der::time(&validity.any()?, false)?);
        validity.end()?;
        let subject = fields.expect(der::SEQUENCE)?.raw.to_vec();
        let key = PublicKey::from_spki(fields.expect(der::SEQUENCE)?.raw)?;
        let extensions = match fields.optional(0xa3)? {
            Some(wrapped) => extensions(&wrapped)?,
            None => Vec::new(),
        };
        fields.end()?;
        Ok(Self {
            der: bytes.to_vec(),
            tbs: tbs.raw.to_vec(),
            serial,
            issuer,
            subject,
            not_before,
            not_after,
            key,
            algorithm: Algorithm::read(&algorithm, None)?,
            signature: der::bits(&signature)?.to_vec(),
            extensions,
        })
    }

    /// The certificates in `text`: PEM blocks with only white space around them, at least one.
    ///
    /// # Errors
    /// As [`Certificate::from_der`].
    pub fn all_from_pem(text: &[u8]) -> Result<Vec<Self>, Refusal> {
        pem::all(text, LABEL)?.iter().map(|der| Self::from_der(der)).collect()
    }

    /// Its bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// It as PEM.
    pub fn to_pem(&self) -> String {
        pem::text(LABEL, &self.der).to_string()
    }

    /// The key of its holder.
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// From and until when it is valid, both included.
    pub const fn validity(&self) -> (Timestamp, Timestamp) {
        (self.not_before, self.not_after)
    }

    /// Whether it is valid at that time.
    pub fn valid_at(&self, time: Timestamp) -> bool {
        // RFC 5280 counts whole seconds: all of the last one is included.
        self.not_before <= time && time.as_second() <= self.not_after.as_second()
    }

    /// Whether `issuer` issued it: the names are the same, and the signature is that of the issuer's key.
    pub fn issued_by(&self, issuer: &Self) -> bool {
        self.issuer == issuer.subject && self.algorithm.verify(&issuer.key, &self.tbs, &self.signature).is_ok()
    }

    /// Whether it says that it issued itself.
    pub(crate) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }

    /// For an authority, how many authorities may stand between it and a holder, if it says so; `Err` where it is none.
    pub(crate) fn authority(&self) -> Result<Option<u64>, Refusal> {
        let none = || Refusal::new(Reason::IssuerPurpose, "a certificate that is no authority's issued another");
        let value = &self.extension(BASIC_CONSTRAINTS).ok_or_else(none)?.value;
        let mut inside = Reader::new(der::whole(value, der::SEQUENCE)?.content);
        if !inside.optional(der::BOOLEAN)?.map(|b| boolean(&b)).transpose()?.unwrap_or(false) {
            return Err(none());
        }
        let depth = inside.optional(der::INTEGER)?;
        inside.end()?;
        if !self.may(5)? {
            return Err(Refusal::new(Reason::IssuerPurpose, "an authority that may not sign certificates issued one"));
        }
        let number = |n: &[u8]| n.iter().fold(0u64, |sum, &b| sum.saturating_mul(256).saturating_add(b.into()));
        depth.map(|n| der::unsigned(&n).map(number)).transpose()
    }

    /// Whether it calls itself an authority, whatever else it says.
    pub fn claims_authority(&self) -> Result<bool, Refusal> {
        let Some(extension) = self.extension(BASIC_CONSTRAINTS) else { return Ok(false) };
        let mut inside = Reader::new(der::whole(&extension.value, der::SEQUENCE)?.content);
        Ok(inside.optional(der::BOOLEAN)?.map(|b| boolean(&b)).transpose()?.unwrap_or(false))
    }

    /// Whether the key may be used for that bit of KeyUsage (0 signing of data, 5 of certificates); yes where it does not say.
    pub(crate) fn may(&self, bit: u8) -> Result<bool, Refusal> {
        let Some(extension) = self.extension(KEY_USAGE) else { return Ok(true) };
        let bits = der::whole(&extension.value, der::BIT_STRING)?.content;
        let [0..=7, bytes @ ..] = bits else { return Err(malformed("a usage of keys that is no bit string")) };
        Ok(bytes.get(usize::from(bit / 8)).is_some_and(|byte| byte & (0x80 >> (bit % 8)) != 0))
    }

    /// Whether it has that extension, marked critical.
    pub(crate) fn is_critical(&self, id: &[u8]) -> bool {
        self.extension(id).is_some_and(|extension| extension.critical)
    }

    /// Whether it names a place that says whether it was revoked: a list, or a service. Whatever of that cannot be read counts as one.
    pub(crate) fn names_revocation(&self) -> bool {
        let services = |value: &[u8]| -> Result<bool, Refusal> {
            let mut list = Reader::new(der::whole(value, der::SEQUENCE)?.content);
            while list.peek().is_some() {
                if list.inside(der::SEQUENCE)?.expect(der::OID)?.content == OCSP {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        self.extension(CRL_PLACES).is_some()
            || self.extension(SERVICES).is_some_and(|extension| services(&extension.value).unwrap_or(true))
    }

    /// The purposes that it names, and whether critically; none where it names none.
    pub(crate) fn purposes(&self) -> Result<Option<Purposes<'_>>, Refusal> {
        let Some(extension) = self.extension(EXTENDED_KEY_USAGE) else { return Ok(None) };
        let mut inside = Reader::new(der::whole(&extension.value, der::SEQUENCE)?.content);
        let mut ids = Vec::new();
        while inside.peek().is_some() {
            ids.push(inside.expect(der::OID)?.content);
        }
        Ok(Some(Purposes { ids, critical: extension.critical }))
    }

    /// Refuses critical extensions that nothing here understands.
    pub(crate) fn understood(&self) -> Result<(), Refusal> {
        let known = [BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE, ALTERNATIVE_NAME];
        match self.extensions.iter().find(|e| e.critical && !known.contains(&e.id.as_slice())) {
            None => Ok(()),
            Some(_) => Err(Refusal::new(
                Reason::CriticalExtension,
                "a certificate with a critical extension that is not understood",
            )),
        }
    }

    /// Its holder: the one alternative name.
    ///
    /// # Errors
    /// `identity-ambiguous` for none or several; `malformed`.
    pub fn name(&self) -> Result<Name, Refusal> {
        let ambiguous = |why: &str| Refusal::new(Reason::IdentityAmbiguous, why);
        let extension = self.extension(ALTERNATIVE_NAME).ok_or_else(|| ambiguous("a certificate that names nobody"))?;
        let mut names = Reader::new(der::whole(&extension.value, der::SEQUENCE)?.content);
        let name = if names.peek().is_some() {
            names.any()?
        } else {
            return Err(ambiguous("a certificate that names nobody"));
        };
        if names.peek().is_some() {
            return Err(ambiguous("a certificate that names more than one"));
        }
        let text = |bytes: &[u8]| {
            let text =
                std::str::from_utf8(bytes).ok().filter(|t| t.is_ascii() && !t.chars().any(|c| c.is_ascii_control()));
            text.map(str::to_owned).ok_or_else(|| malformed("a name in a certificate that is no plain text"))
        };
        match name.tag {
            0x81 => Ok(Name::Email(text(name.content)?)),
            0x82 => Ok(Name::Dns(text(name.content)?)),
            0x86 => Ok(Name::Uri(text(name.content)?)),
            0xa0 => {
                let mut other = Reader::new(name.content);
                if other.expect(der::OID)?.content != [FULCIO, &[7]].concat() {
                    return Err(Refusal::new(Reason::Unsupported, "a name of an unknown kind in a certificate"));
                }
                let value = other.expect(0xa0)?.content;
                other.end()?;
                utf8(der::whole(value, der::UTF8_STRING)?.content).map(Name::Other)
            }
            _ => Err(Refusal::new(Reason::Unsupported, "a name of an unknown kind in a certificate")),
        }
    }

    /// The text of Fulcio's extension `57264.1.number`: bare bytes up to 6, a DER UTF8String from 8 on.
    ///
    /// # Errors
    /// `malformed`.
    pub fn claim(&self, number: u8) -> Result<Option<String>, Refusal> {
        let Some(extension) = self.extension(&[FULCIO, &[number]].concat()) else { return Ok(None) };
        match number {
            0..=7 => utf8(&extension.value).map(Some),
            _ => utf8(der::whole(&extension.value, der::UTF8_STRING)?.content).map(Some),
        }
    }

    /// Who vouched for the name: extension 8, and extension 1 where there is no 8.
    ///
    /// # Errors
    /// `issuer-missing`; `issuer-disagrees` where both are there and differ, for others read only one of them.
    pub fn issuer_of_identity(&self) -> Result<String, Refusal> {
        match (self.claim(8)?, self.claim(1)?) {
            (Some(new), Some(old)) if new != old => {
                let why = format!("the certificate names two issuers of its identity, {new:?} and {old:?}");
                Err(Refusal::new(Reason::IssuerDisagrees, why))
            }
            (Some(issuer), _) | (None, Some(issuer)) => Ok(issuer),
            (None, None) => Err(Refusal::new(Reason::IssuerMissing, "the certificate names no issuer of its identity")),
        }
    }

    /// Whether it holds proofs that it was logged, which nobody looked at yet.
    pub fn holds_sct(&self) -> bool {
        self.sct_list().is_some()
    }

    /// The value of the extension that proves that it was logged.
    pub(crate) fn sct_list(&self) -> Option<&[u8]> {
        self.extension(SCT_LIST).map(|e| e.value.as_slice())
    }

    /// What the log signed: all but the signature, without the proof itself (RFC 6962 §3.2).
    pub(crate) fn tbs_without_sct(&self) -> Result<Vec<u8>, Refusal> {
        let mut fields = Reader::new(der::whole(&self.tbs, der::SEQUENCE)?.content);
        let mut out = Vec::with_capacity(self.tbs.len());
        while fields.peek().is_some() {
            let field = fields.any()?;
            if field.tag != 0xa3 {
                out.extend(field.raw);
                continue;
            }
            let mut list = Reader::new(der::whole(field.content, der::SEQUENCE)?.content);
            let mut kept = Vec::new();
            while list.peek().is_some() {
                let extension = list.expect(der::SEQUENCE)?;
                if Reader::new(extension.content).expect(der::OID)?.content != SCT_LIST {
                    kept.extend(extension.raw);
                }
            }
            out.extend(der::write(0xa3, &der::write(der::SEQUENCE, &kept)));
        }
        Ok(der::write(der::SEQUENCE, &out))
    }

    fn extension(&self, id: &[u8]) -> Option<&Extension> {
        self.extensions.iter().find(|e| e.id == id)
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}
impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Certificate({:?}, {} to {})", self.key, self.not_before, self.not_after)
    }
}

/// Texts in certificates are shown to people and compared with policies: no control characters.
fn utf8(bytes: &[u8]) -> Result<String, Refusal> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.chars().any(char::is_control));
    text.map(str::to_owned).ok_or_else(|| malformed("a text in a certificate that is none"))
}

fn boolean(element: &Element<'_>) -> Result<bool, Refusal> {
    match element.content {
        [0xff] => Ok(true),
        [0x00] => Ok(false),
        _ => Err(malformed("a DER boolean that is neither true nor false")),
    }
}

fn extensions(wrapped: &Element<'_>) -> Result<Vec<Extension>, Refusal> {
    let mut list = Reader::new(der::whole(wrapped.content, der::SEQUENCE)?.content);
    let mut all: Vec<Extension> = Vec::new();
    while list.peek().is_some() {
        let mut fields = list.inside(der::SEQUENCE)?;
        let id = fields.expect(der::OID)?.content.to_vec();
        let critical = fields.optional(der::BOOLEAN)?.map(|b| boolean(&b)).transpose()?.unwrap_or(false);
        let value = fields.expect(der::OCTET_STRING)?.content.to_vec();
        fields.end()?;
        if all.iter().any(|e| e.id == id) {
            return Err(malformed("a certificate with two extensions of one kind"));
        }
        if all.len() == MOST_EXTENSIONS {
            return Err(Refusal::new(
                Reason::TooLarge,
                format!("a certificate with more than {MOST_EXTENSIONS} extensions"),
            ));
        }
        all.push(Extension { id, critical, value });
    }
    Ok(all)
}
