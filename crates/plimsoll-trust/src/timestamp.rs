//! Timestamps of a third party (RFC 3161, in CMS signed data, RFC 5652). In: the authority's answer, what it is over, the trusted
//! authorities. Out: when. What it does not do: it asks no authority, and knows no policy of theirs.
//!
//! The signer is always the certificate that the trusted root names; what a token brings along is never taken for it, and a
//! certificate that claims its name and number without being it makes the token a forgery.

use jiff::{SignedDuration, Timestamp};

use crate::certificate::{self, Algorithm, Certificate, TIME_STAMPING};
use crate::chain::{self, Purpose};
use crate::der::{self, Element, Reader};
use crate::public_key::Hash;
use crate::refusal::{Reason, Refusal};
use crate::trusted_root::{Authority, Window};

/// An answer with its certificates has a few kilobytes.
const MOST_BYTES: usize = 64 << 10;
/// Certificates that a token may bring.
const MOST_CERTIFICATES: usize = 16;

const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
/// The baseline policy of time stamping authorities (ETSI TS 102 023): 0.4.0.2023.1.1.
const BASELINE: &[u8] = &[0x04, 0x00, 0x8f, 0x67, 0x01, 0x01];
const SIGNING_CERTIFICATE_V2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x2f];

/// What a token holds, none of it believed yet.
struct Token<'a> {
    info: &'a [u8],
    time: Timestamp,
    /// How far from it the true time may be.
    accuracy: SignedDuration,
    imprint: (Hash, &'a [u8]),
    certificates: Vec<Element<'a>>,
    /// Name and number of the signer's certificate, both as they are encoded.
    signer: (&'a [u8], &'a [u8]),
    digest: Hash,
    attributes: Element<'a>,
    algorithm: Algorithm,
    signature: &'a [u8],
}

/// When `response` says that `message` was there.
///
/// # Errors
/// `timestamp-untrusted` where no trusted authority's certificate is named as the signer's: nothing is known of such a token. All else
/// is wrong with a token of a trusted one: `timestamp-forged-certificate`, `timestamp-invalid` (also what cannot be read),
/// `timestamp-other-signature`, `timestamp-purpose`, `timestamp-not-valid`.
pub(crate) fn check(response: &[u8], message: &[u8], authorities: &[Authority]) -> Result<Timestamp, Refusal> {
    let token = read(response).map_err(|why| match why.reason {
        Reason::Malformed => invalid(why.message),
        _ => why,
    })?;
    let mut refusal = Refusal::new(Reason::TimestampUntrusted, "a timestamp by an authority that is not trusted");
    for authority in authorities {
        let Some(signer) = authority.chain.first() else { continue };
        if (signer.issuer.as_slice(), signer.serial.as_slice()) != token.signer {
            continue;
        }
        match judge(&token, signer, authority, message, false) {
            Ok(()) => return Ok(token.time),
            Err(why) => refusal = why,
        }
    }
    Err(refusal)
}

/// What a bare token says whose signer the token brings along.
pub(crate) struct Stamped {
    /// Between these the message was there.
    pub within: (Timestamp, Timestamp),
    /// The signer's certificate and those above it, the anchor last.
    pub chain: Vec<Certificate>,
}

/// When `token`, which is no answer but what stands in one, says that `message` was there. Its signer's certificate is the one that it
/// brings along and names, which must lead to one of `anchors`, at that time.
///
/// # Errors
/// As [`check`].
pub(crate) fn check_token(token: &[u8], message: &[u8], anchors: &[Certificate]) -> Result<Stamped, Refusal> {
    let token = bare(token).map_err(|why| match why.reason {
        Reason::Malformed => invalid(why.message),
        _ => why,
    })?;
    let untrusted = |why: &str| Refusal::new(Reason::TimestampUntrusted, why);
    let named = |brought: &&Element<'_>| names(brought) == Some(token.signer);
    let signer = token.certificates.iter().find(named);
    let signer = signer.ok_or_else(|| untrusted("a timestamp that brings no certificate of its signer"))?;
    let signer = Certificate::from_der(signer.raw).map_err(|why| match why.reason {
        Reason::Malformed => invalid(why.message),
        _ => why,
    })?;
    // Others are of use only where they can be read.
    let brought: Vec<Certificate> =
        token.certificates.iter().filter_map(|one| Certificate::from_der(one.raw).ok()).collect();
    let mut refusal = untrusted("a timestamp by an authority that no trusted certificate vouches for");
    for anchor in anchors {
        // Strangers bring what they like: only an anchor that something is issued by is looked into.
        let leads = |one: &Certificate| one.issuer == anchor.subject;
        if *anchor != signer && !leads(&signer) && !brought.iter().any(leads) {
            continue;
        }
        // One in the anchor's name may be a copy that another issued, and lead elsewhere.
        let above = brought.iter().filter(|one| **one != signer && one.subject != anchor.subject).cloned();
        let mut chain: Vec<Certificate> = std::iter::once(signer.clone()).chain(above).collect();
        if *anchor != signer {
            chain.push(anchor.clone());
        } else {
            chain.truncate(1);
        }
        let authority = Authority { chain, valid_for: Window { start: Timestamp::MIN, end: None } };
        let path = match chain::issuers(&signer, std::slice::from_ref(&authority), Purpose::TimeStamping, &[token.time])
        {
            Ok(path) => path,
            Err(_) if *anchor == signer => Vec::new(),
            Err(why) if why.reason == Reason::ChainUntrusted => continue,
            Err(_) => Vec::new(),
        };
        match judge(&token, &signer, &authority, message, true) {
            Ok(()) => {
                let edge =
                    |time: Result<Timestamp, _>| time.map_err(|_: jiff::Error| invalid("a timestamp beyond time"));
                let within =
                    (edge(token.time.checked_sub(token.accuracy))?, edge(token.time.checked_add(token.accuracy))?);
                let chain = std::iter::once(signer.clone()).chain(path.into_iter().cloned()).collect();
                return Ok(Stamped { within, chain });
            }
            Err(why) => refusal = why,
        }
    }
    Err(refusal)
}

/// `brought`: the signer's certificate is the token's own, and nothing but what was signed can say that it is the one.
fn judge(
    token: &Token<'_>,
    signer: &Certificate,
    authority: &Authority,
    message: &[u8],
    brought: bool,
) -> Result<(), Refusal> {
    for brought in &token.certificates {
        if names(brought) == Some(token.signer) && brought.raw != signer.der() {
            let why = "a timestamp that brings a certificate in the name of its authority which is not the authority's";
            return Err(Refusal::new(Reason::TimestampForged, why));
        }
    }
    signed(token, signer, brought)?;
    let (hash, imprint) = token.imprint;
    if hash.of(message) != imprint {
        return Err(Refusal::new(Reason::TimestampOther, "a timestamp of something else than this signature"));
    }
    let only_timestamps = signer.purposes()?.is_some_and(|all| all.critical && all.ids == [TIME_STAMPING]);
    if !only_timestamps || signer.claims_authority()? || !signer.may(0)? {
        return Err(Refusal::new(
            Reason::TimestampPurpose,
            "a timestamp by a certificate that is not for timestamps alone",
        ));
    }
    signer.understood()?;
    if !signer.valid_at(token.time) || !authority.valid_for.contains(token.time) {
        let why = format!("a timestamp of {}, when its authority is not trusted", token.time);
        return Err(Refusal::new(Reason::TimestampNotValid, why));
    }
    // A signer that the trusted root names alone is its own anchor.
    if authority.chain.len() > 1 {
        let above = chain::issuers(signer, std::slice::from_ref(authority), Purpose::TimeStamping, &[token.time]);
        above.map_err(|why| match why.reason {
            Reason::IssuerPurpose => Refusal { reason: Reason::TimestampPurpose, ..why },
            _ => Refusal { reason: Reason::TimestampNotValid, ..why },
        })?;
    }
    Ok(())
}

/// Whether the signed attributes are the signer's, and are of this content.
fn signed(token: &Token<'_>, signer: &Certificate, brought: bool) -> Result<(), Refusal> {
    let (mut kind, mut digest, mut certificate) = (None, None, None);
    let mut attributes = Reader::new(token.attributes.content);
    while attributes.peek().is_some() {
        let mut attribute = attributes.inside(der::SEQUENCE).map_err(unreadable)?;
        let id = attribute.expect(der::OID).map_err(unreadable)?.content;
        let values = attribute.expect(der::SET).map_err(unreadable)?.content;
        let slot = match id {
            CONTENT_TYPE => &mut kind,
            MESSAGE_DIGEST => &mut digest,
            SIGNING_CERTIFICATE_V2 => &mut certificate,
            _ => continue,
        };
        if slot.replace(values).is_some() {
            return Err(invalid("a timestamp with two signed attributes of one kind"));
        }
    }
    let kind = kind.and_then(|v| der::whole(v, der::OID).ok()).map(|e| e.content);
    let digest = digest.and_then(|v| der::whole(v, der::OCTET_STRING).ok()).map(|e| e.content);
    if kind != Some(TST_INFO) || digest != Some(&token.digest.of(token.info)) {
        return Err(invalid("a timestamp whose signed attributes are of other content"));
    }
    match certificate {
        Some(values) if !binds(values, signer).map_err(unreadable)? => {
            return Err(invalid("a timestamp that was signed with another certificate in mind"));
        }
        None if brought => {
            return Err(invalid("a timestamp that does not say which certificate it was signed with"));
        }
        _ => {}
    }
    // RFC 5652 §5.4: what is signed is the set, and not the tag that stands for it.
    let signed = der::write(der::SET, token.attributes.content);
    let good = token.algorithm.verify(signer.key(), &signed, token.signature);
    good.map_err(|_| invalid("the signature of a timestamp is not that of its authority"))
}

/// Whether the first certificate that ESSCertIDv2 (RFC 5035) names is the signer's.
fn binds(values: &[u8], signer: &Certificate) -> Result<bool, Refusal> {
    let mut certificates = Reader::new(der::whole(values, der::SEQUENCE)?.content).inside(der::SEQUENCE)?;
    let mut first = certificates.inside(der::SEQUENCE)?;
    let hash = first.optional(der::SEQUENCE)?.map_or(Ok(Hash::Sha256), |id| certificate::hash(&id))?;
    Ok(first.expect(der::OCTET_STRING)?.content == hash.of(signer.der()))
}

fn invalid(why: impl Into<String>) -> Refusal {
    Refusal::new(Reason::TimestampInvalid, why)
}

fn unreadable(why: Refusal) -> Refusal {
    invalid(why.message)
}

/// Name of the issuer and number of a certificate, of which nothing else is read.
fn names<'a>(certificate: &Element<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let mut fields = Reader::new(certificate.content).inside(der::SEQUENCE).ok()?;
    fields.optional(0xa0).ok()?;
    let serial = fields.expect(der::INTEGER).ok()?.content;
    fields.expect(der::SEQUENCE).ok()?;
    Some((fields.expect(der::SEQUENCE).ok()?.raw, serial))
}

fn bounded(bytes: &[u8]) -> Result<(), Refusal> {
    if bytes.len() > MOST_BYTES {
        return Err(Refusal::new(Reason::TooLarge, format!("a timestamp of more than {MOST_BYTES} bytes")));
    }
    Ok(())
}

/// A token alone.
fn bare(token: &[u8]) -> Result<Token<'_>, Refusal> {
    bounded(token)?;
    content(Reader::new(der::whole(token, der::SEQUENCE)?.content))
}

/// An authority's answer.
fn read(response: &[u8]) -> Result<Token<'_>, Refusal> {
    bounded(response)?;
    let mut outer = Reader::new(der::whole(response, der::SEQUENCE)?.content);
    let status = outer.inside(der::SEQUENCE)?.expect(der::INTEGER)?.content;
    // Granted, or granted with changes.
    if status != [0] && status != [1] {
        return Err(invalid("a timestamp that was not granted"));
    }
    let token = outer.inside(der::SEQUENCE)?;
    outer.end()?;
    content(token)
}

fn content(mut content: Reader<'_>) -> Result<Token<'_>, Refusal> {
    if content.expect(der::OID)?.content != SIGNED_DATA {
        return Err(invalid("a timestamp that is not signed"));
    }
    let wrapped = content.expect(0xa0)?;
    content.end()?;

    let mut data = Reader::new(der::whole(wrapped.content, der::SEQUENCE)?.content);
    data.expect(der::INTEGER)?;
    data.expect(der::SET)?;
    let mut inner = data.inside(der::SEQUENCE)?;
    if inner.expect(der::OID)?.content != TST_INFO {
        return Err(invalid("signed data that are no timestamp"));
    }
    let info = der::whole(inner.expect(0xa0)?.content, der::OCTET_STRING)?.content;
    inner.end()?;
    let mut certificates = Vec::new();
    if let Some(bag) = data.optional(0xa0)? {
        let mut bag = Reader::new(bag.content);
        while bag.peek().is_some() {
            if certificates.len() == MOST_CERTIFICATES {
                return Err(Refusal::new(
                    Reason::TooLarge,
                    format!("a timestamp with more than {MOST_CERTIFICATES} certificates"),
                ));
            }
            certificates.push(bag.any()?);
        }
    }
    data.optional(0xa1)?;
    let mut signers = data.inside(der::SET)?;
    data.end()?;
    let mut signer = signers.inside(der::SEQUENCE)?;
    // Two signers would be one for each reader.
    signers.end()?;

    signer.expect(der::INTEGER)?;
    let mut name = signer.inside(der::SEQUENCE)?;
    let named = (name.expect(der::SEQUENCE)?.raw, name.expect(der::INTEGER)?.content);
    name.end()?;
    let digest = certificate::hash(&signer.expect(der::SEQUENCE)?)?;
    let attributes = signer.expect(0xa0)?;
    let algorithm = Algorithm::read(&signer.expect(der::SEQUENCE)?, Some(digest))?;
    let signature = signer.expect(der::OCTET_STRING)?.content;
    signer.optional(0xa1)?;
    signer.end()?;

    let mut fields = Reader::new(der::whole(info, der::SEQUENCE)?.content);
    fields.expect(der::INTEGER)?;
    let policy = fields.expect(der::OID)?.content;
    let mut imprint = fields.inside(der::SEQUENCE)?;
    let imprint = (certificate::hash(&imprint.expect(der::SEQUENCE)?)?, imprint.expect(der::OCTET_STRING)?.content);
    fields.expect(der::INTEGER)?;
    let time = der::time(&fields.expect(der::GENERALIZED_TIME)?, true)?;
    let accuracy = fields.optional(der::SEQUENCE)?.map_or(Ok(SignedDuration::ZERO), |parts| accuracy(parts.content))?;
    // The baseline policy promises a second where nothing is said.
    let accuracy = if accuracy.is_zero() && policy == BASELINE { SignedDuration::from_secs(1) } else { accuracy };
    Ok(Token { info, time, accuracy, imprint, certificates, signer: named, digest, attributes, algorithm, signature })
}

/// Seconds, thousandths and millionths of one, each of which may be missing (RFC 3161 §2.4.2).
fn accuracy(parts: &[u8]) -> Result<SignedDuration, Refusal> {
    let mut parts = Reader::new(parts);
    let number = |element: Option<Element<'_>>, most: u32| -> Result<u32, Refusal> {
        let Some(element) = element else { return Ok(0) };
        let bytes = der::unsigned(&element)?;
        let value = bytes.iter().fold(0u32, |sum, &b| sum.saturating_mul(256).saturating_add(b.into()));
        if value <= most { Ok(value) } else { Err(invalid("a timestamp whose accuracy is none")) }
    };
    // A day is no accuracy of anybody's.
    let seconds = number(parts.optional(der::INTEGER)?, 86_400)?;
    let thousandths = number(parts.optional(0x80)?, 999)?;
    let millionths = number(parts.optional(0x81)?, 999)?;
    parts.end()?;
    let whole = SignedDuration::from_secs(seconds.into());
    Ok(whole + SignedDuration::from_millis(thousandths.into()) + SignedDuration::from_micros(millionths.into()))
}
