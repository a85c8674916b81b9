//! X.509 certificates as Go's `crypto/x509` reads them: which extensions it knows, and which critical ones it leaves unhandled.

use std::net::IpAddr;

use super::constraints::{is_domain, mailbox};
use super::der::{self, Reader};
use super::keys::{self, Curve, Hash, PublicKey, Scheme};
use crate::builtins::base64;
use crate::builtins::civil::Civil;
use crate::builtins::go_text::quote_text;
use crate::builtins::url::{self, Url};
use crate::value::Value;

/// Go's numbers of signature algorithms; 0 is an unknown one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct SignatureAlgorithm(pub i64);

impl SignatureAlgorithm {
    /// How it is checked; none for broken and unknown ones.
    pub(super) fn scheme(self) -> Option<Scheme> {
        Some(match self.0 {
            4 => Scheme::Pkcs1(Hash::Sha256),
            5 => Scheme::Pkcs1(Hash::Sha384),
            6 => Scheme::Pkcs1(Hash::Sha512),
            10 => Scheme::Ecdsa(Hash::Sha256),
            11 => Scheme::Ecdsa(Hash::Sha384),
            12 => Scheme::Ecdsa(Hash::Sha512),
            13 => Scheme::Pss(Hash::Sha256),
            14 => Scheme::Pss(Hash::Sha384),
            15 => Scheme::Pss(Hash::Sha512),
            16 => Scheme::Ed25519,
            _ => return None,
        })
    }

    fn of(identifier: &[u8]) -> Option<SignatureAlgorithm> {
        let mut fields = Reader(identifier);
        let arcs = der::oid(fields.next(der::OID)?)?;
        Some(SignatureAlgorithm(match &*arcs {
            [1, 2, 840, 113549, 1, 1, 4] => 2,
            [1, 2, 840, 113549, 1, 1, 5] | [1, 3, 14, 3, 2, 29] => 3,
            [1, 2, 840, 113549, 1, 1, 11] => 4,
            [1, 2, 840, 113549, 1, 1, 12] => 5,
            [1, 2, 840, 113549, 1, 1, 13] => 6,
            [1, 2, 840, 10040, 4, 3] => 7,
            [2, 16, 840, 1, 101, 3, 4, 3, 2] => 8,
            [1, 2, 840, 10045, 4, 1] => 9,
            [1, 2, 840, 10045, 4, 3, 2] => 10,
            [1, 2, 840, 10045, 4, 3, 3] => 11,
            [1, 2, 840, 10045, 4, 3, 4] => 12,
            [1, 3, 101, 112] => 16,
            [1, 2, 840, 113549, 1, 1, 10] => pss(&mut fields).unwrap_or(0),
            _ => 0,
        }))
    }
}

/// PSS with one hash for both parts and a salt as long as it.
fn pss(fields: &mut Reader<'_>) -> Option<i64> {
    let mut parameters = fields.inside(der::SEQUENCE)?;
    let algorithm = |reader: &mut Reader<'_>| der::oid(reader.inside(der::SEQUENCE)?.next(der::OID)?);
    let hash = algorithm(&mut parameters.inside(der::context(0, true))?)?;
    let mut generator = parameters.inside(der::context(1, true))?.inside(der::SEQUENCE)?;
    if der::oid(generator.next(der::OID)?)? != [1, 2, 840, 113549, 1, 1, 8] || algorithm(&mut generator)? != hash {
        return None;
    }
    let salt = parameters.inside(der::context(2, true))?.small()?;
    match (&*hash, salt) {
        ([2, 16, 840, 1, 101, 3, 4, 2, 1], 32) => Some(13),
        ([2, 16, 840, 1, 101, 3, 4, 2, 2], 48) => Some(14),
        ([2, 16, 840, 1, 101, 3, 4, 2, 3], 64) => Some(15),
        _ => None,
    }
}

/// Bytes of a serial number; the standard has 20.
const MAX_SERIAL: usize = 4_096;

/// Attributes in the order of their writing.
pub(super) type Name = Vec<(Vec<u64>, String)>;

#[derive(Debug, Clone)]
pub(super) struct Extension {
    pub id: Vec<u64>,
    pub critical: bool,
    pub value: Vec<u8>,
}

/// Names of a subject beside its own.
#[derive(Debug, Clone, Default)]
pub(super) struct AltNames {
    pub dns: Vec<String>,
    pub email: Vec<String>,
    pub ip: Vec<IpAddr>,
    pub uri: Vec<Url>,
}

/// Ranges of names that an authority may or may not speak for.
#[derive(Debug, Clone, Default)]
pub(super) struct Subtrees {
    pub dns: Vec<String>,
    pub email: Vec<String>,
    /// Address and mask.
    pub ip: Vec<(Vec<u8>, Vec<u8>)>,
    pub uri: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Certificate {
    pub raw: Vec<u8>,
    pub raw_tbs: Vec<u8>,
    pub raw_key: Vec<u8>,
    pub raw_subject: Vec<u8>,
    pub raw_issuer: Vec<u8>,
    pub signature: Vec<u8>,
    pub algorithm: SignatureAlgorithm,
    pub key: PublicKey,
    pub version: i64,
    /// Big-endian.
    pub serial: Vec<u8>,
    pub issuer: Name,
    pub subject: Name,
    /// Seconds since 1970.
    pub not_before: i64,
    pub not_after: i64,
    pub key_usage: i64,
    pub extensions: Vec<Extension>,
    pub unhandled: Vec<Vec<u64>>,
    pub usages: Vec<i64>,
    pub unknown_usages: Vec<Vec<u64>>,
    pub basic_constraints: bool,
    pub is_ca: bool,
    pub max_path: i64,
    pub subject_key_id: Option<Vec<u8>>,
    pub authority_key_id: Option<Vec<u8>>,
    pub ocsp: Vec<String>,
    pub issuer_urls: Vec<String>,
    pub names: AltNames,
    pub constraints_critical: bool,
    pub permitted: Subtrees,
    pub excluded: Subtrees,
    pub crl: Vec<String>,
    pub policies: Vec<Vec<u64>>,
    pub mappings: Vec<(Vec<u64>, Vec<u64>)>,
    pub inhibit_any: Option<i64>,
    pub inhibit_mapping: Option<i64>,
    pub explicit: Option<i64>,
}

/// Why bytes are no certificate, in Go's words where they are known.
type Parsed<T> = Result<T, String>;

trait OrX509<T> {
    /// What is missing, as Go says it.
    fn or_x509(self, what: &str) -> Parsed<T>;
}

impl<T> OrX509<T> for Option<T> {
    fn or_x509(self, what: &str) -> Parsed<T> {
        self.ok_or_else(|| format!("x509: {what}"))
    }
}

/// All certificates of bytes in a row.
pub(super) fn certificates(bytes: &[u8]) -> Parsed<Vec<Certificate>> {
    let mut reader = Reader(bytes);
    let mut out = Vec::new();
    while !reader.is_empty() {
        let element = reader.any().filter(|element| element.tag == der::SEQUENCE).or_x509("malformed certificate")?;
        out.push(certificate(element.whole, element.content)?);
    }
    Ok(out)
}

fn certificate(whole: &[u8], content: &[u8]) -> Parsed<Certificate> {
    let mut outer = Reader(content);
    let tbs = outer.any().filter(|element| element.tag == der::SEQUENCE).or_x509("malformed tbs certificate")?;
    let mut fields = Reader(tbs.content);
    let version = match fields.maybe(der::context(0, true)).or_x509("malformed version")? {
        Some(version) => Reader(version).small().or_x509("malformed version")?,
        None => 0,
    };
    if version < 0 {
        return Err("x509: malformed version".into());
    }
    if version > 2 {
        return Err("x509: invalid version".into());
    }
    let serial = fields.next(der::INTEGER).or_x509("malformed serial number")?;
    // Longer ones are of nobody's making but an attacker's: written as a decimal they cost the square.
    if !der::shortest(serial) || serial.len() > MAX_SERIAL {
        return Err("x509: malformed serial number".into());
    }
    let serial = der::unsigned(serial).or_x509("negative serial number")?.to_vec();
    let inner = fields.next(der::SEQUENCE).or_x509("malformed signature algorithm identifier")?;
    let outer_algorithm = outer.next(der::SEQUENCE).or_x509("malformed algorithm identifier")?;
    if inner != outer_algorithm {
        return Err("x509: inner and outer signature algorithm identifiers don't match".into());
    }
    let algorithm = SignatureAlgorithm::of(inner).or_x509("malformed algorithm identifier")?;
    let issuer = fields.any().filter(|element| element.tag == der::SEQUENCE).or_x509("malformed issuer")?;
    let mut validity = fields.inside(der::SEQUENCE).or_x509("malformed validity")?;
    let not_before = time(&mut validity)?;
    let not_after = time(&mut validity)?;
    let subject = fields.any().filter(|element| element.tag == der::SEQUENCE).or_x509("malformed subject")?;
    let key = fields.any().filter(|element| element.tag == der::SEQUENCE).or_x509("malformed spki")?;
    let mut out = Certificate {
        raw: whole.to_vec(),
        raw_tbs: tbs.whole.to_vec(),
        raw_key: key.whole.to_vec(),
        raw_subject: subject.whole.to_vec(),
        raw_issuer: issuer.whole.to_vec(),
        signature: Vec::new(),
        algorithm,
        key: known_key(key.whole)?,
        version: version + 1,
        serial,
        issuer: name(issuer.content)?,
        subject: name(subject.content)?,
        not_before,
        not_after,
        key_usage: 0,
        extensions: Vec::new(),
        unhandled: Vec::new(),
        usages: Vec::new(),
        unknown_usages: Vec::new(),
        basic_constraints: false,
        is_ca: false,
        max_path: 0,
        subject_key_id: None,
        authority_key_id: None,
        ocsp: Vec::new(),
        issuer_urls: Vec::new(),
        names: AltNames::default(),
        constraints_critical: false,
        permitted: Subtrees::default(),
        excluded: Subtrees::default(),
        crl: Vec::new(),
        policies: Vec::new(),
        mappings: Vec::new(),
        inhibit_any: None,
        inhibit_mapping: None,
        explicit: None,
    };
    if version > 0 {
        fields.maybe(der::context(1, false)).or_x509("malformed issuerUniqueID")?;
        fields.maybe(der::context(2, false)).or_x509("malformed subjectUniqueID")?;
        if version == 2
            && let Some(list) = fields.maybe(der::context(3, true)).or_x509("malformed extensions")?
        {
            let list = Reader(list).next(der::SEQUENCE).or_x509("malformed extensions")?;
            for extension in extensions(list)? {
                if out.extensions.iter().any(|have| have.id == extension.id) {
                    return Err("x509: certificate contains duplicate extensions".into());
                }
                out.extensions.push(extension);
            }
            out.read_extensions()?;
        }
    }
    let signature = outer.next(der::BIT_STRING).or_x509("malformed signature")?;
    out.signature = der::whole_bytes(signature).or_x509("malformed signature")?.to_vec();
    Ok(out)
}

/// The key, or that it is malformed; one of an unknown kind is none.
fn known_key(info: &[u8]) -> Parsed<PublicKey> {
    if let Some(key) = keys::public_key(info) {
        return Ok(key);
    }
    let mut fields = Reader(info).inside(der::SEQUENCE).or_x509("malformed spki")?;
    let mut algorithm = fields.inside(der::SEQUENCE).or_x509("malformed public key algorithm identifier")?;
    let arcs =
        der::oid(algorithm.next(der::OID).or_x509("malformed public key algorithm identifier")?).unwrap_or_default();
    match &*arcs {
        [1, 2, 840, 113549, 1, 1, 1] => Err("x509: invalid RSA public key".into()),
        [1, 3, 101, 112] => Err("x509: wrong Ed25519 public key size".into()),
        _ => {
            let curve = algorithm.next(der::OID).and_then(der::oid).and_then(|arcs| Curve::of_oid(&arcs));
            Err(match curve {
                Some(_) => "x509: failed to unmarshal elliptic curve point".into(),
                None => "x509: unsupported elliptic curve".into(),
            })
        }
    }
}

pub(super) fn extensions(list: &[u8]) -> Parsed<Vec<Extension>> {
    let mut reader = Reader(list);
    let mut out = Vec::new();
    while !reader.is_empty() {
        let mut fields = reader.inside(der::SEQUENCE).or_x509("malformed extension")?;
        let id = fields.next(der::OID).and_then(der::oid).or_x509("malformed extension OID field")?;
        let critical = match fields.maybe(der::BOOLEAN).or_x509("malformed extension critical field")? {
            Some([0xFF]) => true,
            Some([0]) | None => false,
            Some(_) => return Err("x509: malformed extension critical field".into()),
        };
        let value = fields.next(der::OCTET_STRING).or_x509("malformed extension value field")?.to_vec();
        out.push(Extension { id, critical, value });
    }
    Ok(out)
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0i64, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

/// Seconds since 1970 of a time in UTC.
fn time(reader: &mut Reader<'_>) -> Parsed<i64> {
    let element = reader.any().or_x509("malformed validity")?;
    let wrong = "malformed time";
    let text = element.content.strip_suffix(b"Z").or_x509(wrong)?;
    let (year, rest) = match element.tag {
        0x17 => {
            let (year, rest) = text.split_at_checked(2).or_x509("malformed UTCTime")?;
            let year = digits(year).or_x509("malformed UTCTime")?;
            (if year >= 50 { year + 1900 } else { year + 2000 }, rest)
        }
        0x18 => {
            let (year, rest) = text.split_at_checked(4).or_x509("malformed GeneralizedTime")?;
            (digits(year).or_x509("malformed GeneralizedTime")?, rest)
        }
        _ => return Err("x509: unsupported time format".into()),
    };
    let field = |at: usize| rest.get(at * 2..at * 2 + 2).and_then(digits);
    let seconds = if rest.len() == 8 && element.tag == 0x17 { Some(0) } else { field(4) };
    let (Some(month), Some(day), Some(hour), Some(minute), Some(second)) =
        (field(0), field(1), field(2), field(3), seconds)
    else {
        return Err(format!("x509: {wrong}"));
    };
    let fine = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 60;
    if !fine || rest.len() > 10 {
        return Err(format!("x509: {wrong}"));
    }
    let civil = Civil { year, month, day, hour, minute, second, nanosecond: 0 };
    Ok((civil.nanoseconds() / 1_000_000_000) as i64)
}

/// A text of one of X.509's many kinds.
fn text(tag: u8, content: &[u8]) -> Option<String> {
    match tag {
        12 | 19 | 22 | 18 => String::from_utf8(content.to_vec()).ok(),
        20 => Some(content.iter().map(|byte| char::from(*byte)).collect()),
        30 => {
            let units: Vec<u16> = content.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            let units = units.strip_suffix(&[0]).unwrap_or(&units);
            content.len().is_multiple_of(2).then(|| String::from_utf16_lossy(units))
        }
        _ => None,
    }
}

pub(super) fn name(content: &[u8]) -> Parsed<Name> {
    let mut sets = Reader(content);
    let mut out = Vec::new();
    while !sets.is_empty() {
        let mut set = sets.inside(der::SET).or_x509("invalid RDNSequence")?;
        while !set.is_empty() {
            let mut pair = set.inside(der::SEQUENCE).or_x509("invalid RDNSequence: invalid attribute")?;
            let kind = pair.next(der::OID).and_then(der::oid).or_x509("invalid RDNSequence: invalid attribute type")?;
            let value = pair.any().or_x509("invalid RDNSequence: invalid attribute value")?;
            let value = text(value.tag, value.content)
                .or_x509("invalid RDNSequence: invalid attribute value: unsupported string type")?;
            out.push((kind, value));
        }
    }
    Ok(out)
}

/// The names of a subject; whether one of a known kind is there.
pub(super) fn alt_names(value: &[u8]) -> Parsed<AltNames> {
    let wrong = "invalid subject alternative names";
    let mut names = Reader(value).inside(der::SEQUENCE).or_x509(wrong)?;
    let mut out = AltNames::default();
    while !names.is_empty() {
        let name = names.any().or_x509(wrong)?;
        let ascii = || {
            name.content
                .is_ascii()
                .then(|| String::from_utf8_lossy(name.content).into_owned())
                .or_x509("SAN name is malformed")
        };
        match name.tag & 0x1F {
            1 => out.email.push(ascii()?),
            2 => out.dns.push(ascii()?),
            6 => {
                let text = ascii()?;
                let uri = url::parse(text.as_bytes())
                    .map_err(|error| format!("x509: cannot parse URI {}: {error}", quote_text(&text)))?;
                if !is_domain(&String::from_utf8_lossy(&uri.host), false) {
                    return Err(format!("x509: cannot parse URI {}: invalid domain", quote_text(&text)));
                }
                out.uri.push(uri);
            }
            7 => out.ip.push(match *name.content {
                [a, b, c, d] => IpAddr::from([a, b, c, d]),
                _ => {
                    let bytes: [u8; 16] = name
                        .content
                        .try_into()
                        .map_err(|_| format!("x509: cannot parse IP address of length {}", name.content.len()))?;
                    IpAddr::from(bytes)
                }
            }),
            _ => {}
        }
    }
    Ok(out)
}

impl AltNames {
    pub(super) fn is_empty(&self) -> bool {
        self.dns.is_empty() && self.email.is_empty() && self.ip.is_empty() && self.uri.is_empty()
    }
}

/// Go's number of a use of a key.
fn usage(arcs: &[u64]) -> Option<i64> {
    Some(match arcs {
        [2, 5, 29, 37, 0] => 0,
        [1, 3, 6, 1, 5, 5, 7, 3, number @ 1..=9] => *number as i64,
        [1, 3, 6, 1, 4, 1, 311, 10, 3, 3] => 10,
        [2, 16, 840, 1, 113730, 4, 1] => 11,
        [1, 3, 6, 1, 4, 1, 311, 2, 1, 22] => 12,
        [1, 3, 6, 1, 4, 1, 311, 61, 1, 1] => 13,
        _ => return None,
    })
}

fn subtrees(list: &[u8], unhandled: &mut bool) -> Parsed<Subtrees> {
    let wrong = "invalid NameConstraints extension";
    let mut reader = Reader(list);
    let mut out = Subtrees::default();
    while !reader.is_empty() {
        let mut subtree = reader.inside(der::SEQUENCE).or_x509(wrong)?;
        let base = subtree.any().or_x509(wrong)?;
        let ascii =
            || base.content.is_ascii().then(|| String::from_utf8_lossy(base.content).into_owned()).or_x509(wrong);
        let fine = |text: String, is: bool, kind: &str| {
            if is { Ok(text) } else { Err(format!("x509: failed to parse {kind} constraint {}", quote_text(&text))) }
        };
        match base.tag {
            0x81 => {
                let text = ascii()?;
                let is = if text.contains('@') { mailbox(&text).is_some() } else { is_domain(&text, true) };
                out.email.push(fine(text, is, "rfc822Name")?);
            }
            0x82 => {
                let text = ascii()?;
                let is = is_domain(&text, true);
                out.dns.push(fine(text, is, "dnsName")?);
            }
            0x86 => {
                let text = ascii()?;
                if crate::builtins::ip::parse_ip(&text).is_some() {
                    let text = quote_text(&text);
                    return Err(format!("x509: failed to parse URI constraint {text}: cannot be IP address"));
                }
                let is = is_domain(&text, true);
                out.uri.push(fine(text, is, "URI")?);
            }
            0x87 => {
                if !matches!(base.content.len(), 8 | 32) {
                    return Err(format!("x509: IP constraint contained value of length {}", base.content.len()));
                }
                let (address, mask) = base.content.split_at(base.content.len() / 2);
                let mut rest = mask.iter().skip_while(|byte| **byte == 0xFF);
                let cut = rest.next().is_none_or(|byte| byte.leading_ones() == byte.count_ones());
                if !cut || rest.any(|byte| *byte != 0) {
                    let mask = crate::builtins::encoding::hex(mask);
                    return Err(format!("x509: IP constraint contained invalid mask {mask}"));
                }
                out.ip.push((address.to_vec(), mask.to_vec()));
            }
            _ => *unhandled = true,
        }
    }
    Ok(out)
}

impl Certificate {
    fn read_extensions(&mut self) -> Parsed<()> {
        let extensions = std::mem::take(&mut self.extensions);
        for extension in &extensions {
            let handled = self.read_extension(extension)?;
            if extension.critical && !handled {
                self.unhandled.push(extension.id.clone());
            }
        }
        self.extensions = extensions;
        Ok(())
    }

    fn read_extension(&mut self, extension: &Extension) -> Parsed<bool> {
        let value = &*extension.value;
        match &*extension.id {
            [2, 5, 29, 15] => {
                let bits = Reader(value).next(der::BIT_STRING).or_x509("invalid key usage")?;
                let bits = bits.get(1..).unwrap_or_default();
                for at in 0..9usize {
                    let byte = bits.get(at / 8).copied().unwrap_or(0);
                    self.key_usage |= i64::from(byte >> (7 - at % 8) & 1) << at;
                }
            }
            [2, 5, 29, 19] => {
                let mut fields = Reader(value).inside(der::SEQUENCE).or_x509("invalid basic constraints")?;
                self.is_ca = match fields.maybe(der::BOOLEAN).or_x509("invalid basic constraints")? {
                    Some([byte]) => *byte != 0,
                    Some(_) => return Err("x509: invalid basic constraints".into()),
                    None => false,
                };
                self.max_path = match fields.maybe(der::INTEGER).or_x509("invalid basic constraints")? {
                    Some(content) => der::small(content).or_x509("invalid basic constraints")?,
                    None => -1,
                };
                self.basic_constraints = true;
            }
            [2, 5, 29, 17] => {
                self.names = alt_names(value)?;
                return Ok(!self.names.is_empty());
            }
            [2, 5, 29, 30] => {
                let wrong = "invalid NameConstraints extension";
                let mut fields = Reader(value).inside(der::SEQUENCE).or_x509(wrong)?;
                let mut unhandled = false;
                if fields.is_empty() {
                    return Err("x509: empty name constraints extension".into());
                }
                if let Some(list) = fields.maybe(der::context(0, true)).or_x509(wrong)? {
                    self.permitted = subtrees(list, &mut unhandled)?;
                }
                if let Some(list) = fields.maybe(der::context(1, true)).or_x509(wrong)? {
                    self.excluded = subtrees(list, &mut unhandled)?;
                }
                self.constraints_critical = extension.critical;
                return Ok(!unhandled);
            }
            [2, 5, 29, 31] => {
                let wrong = "invalid CRL distribution points";
                let mut points = Reader(value).inside(der::SEQUENCE).or_x509(wrong)?;
                while !points.is_empty() {
                    let mut point = points.inside(der::SEQUENCE).or_x509(wrong)?;
                    let Some(place) = point.maybe(der::context(0, true)).or_x509(wrong)? else { continue };
                    let Some(names) = Reader(place).maybe(der::context(0, true)).or_x509(wrong)? else { continue };
                    let mut names = Reader(names);
                    while !names.is_empty() {
                        let name = names.any().or_x509(wrong)?;
                        if name.tag == der::context(6, false) {
                            self.crl.push(String::from_utf8_lossy(name.content).into_owned());
                        }
                    }
                }
            }
            [2, 5, 29, 35] => {
                let mut fields = Reader(value).inside(der::SEQUENCE).or_x509("invalid authority key identifier")?;
                let id = fields.maybe(der::context(0, false)).or_x509("invalid authority key identifier")?;
                self.authority_key_id = id.map(<[u8]>::to_vec);
            }
            [2, 5, 29, 36] => {
                let wrong = "invalid policy constraints extension";
                let mut fields = Reader(value).inside(der::SEQUENCE).or_x509(wrong)?;
                if let Some(content) = fields.maybe(der::context(0, false)).or_x509(wrong)? {
                    self.explicit = Some(der::small(content).or_x509(wrong)?);
                }
                if let Some(content) = fields.maybe(der::context(1, false)).or_x509(wrong)? {
                    self.inhibit_mapping = Some(der::small(content).or_x509(wrong)?);
                }
            }
            [2, 5, 29, 37] => {
                let mut usages = Reader(value).inside(der::SEQUENCE).or_x509("invalid extended key usages")?;
                while !usages.is_empty() {
                    let arcs = usages.next(der::OID).and_then(der::oid).or_x509("invalid extended key usages")?;
                    match usage(&arcs) {
                        Some(usage) => self.usages.push(usage),
                        None => self.unknown_usages.push(arcs),
                    }
                }
            }
            [2, 5, 29, 14] => {
                let id = Reader(value).next(der::OCTET_STRING).or_x509("invalid subject key identifier")?;
                self.subject_key_id = Some(id.to_vec());
            }
            [2, 5, 29, 32] => {
                let wrong = "invalid certificate policies";
                let mut policies = Reader(value).inside(der::SEQUENCE).or_x509(wrong)?;
                while !policies.is_empty() {
                    let mut policy = policies.inside(der::SEQUENCE).or_x509(wrong)?;
                    self.policies.push(policy.next(der::OID).and_then(der::oid).or_x509(wrong)?);
                }
            }
            [2, 5, 29, 33] => {
                let wrong = "invalid policy mappings extension";
                let mut pairs = Reader(value).inside(der::SEQUENCE).or_x509(wrong)?;
                while !pairs.is_empty() {
                    let mut pair = pairs.inside(der::SEQUENCE).or_x509(wrong)?;
                    let mut id = || pair.next(der::OID).and_then(der::oid).or_x509(wrong);
                    let (issuer, subject) = (id()?, id()?);
                    self.mappings.push((issuer, subject));
                }
            }
            [2, 5, 29, 54] => {
                let number = Reader(value).small().or_x509("invalid inhibit any policy extension")?;
                self.inhibit_any = Some(number);
            }
            [1, 3, 6, 1, 5, 5, 7, 1, 1] => {
                let wrong = "invalid authority info access";
                let mut places = Reader(value).inside(der::SEQUENCE).or_x509(wrong)?;
                while !places.is_empty() {
                    let mut place = places.inside(der::SEQUENCE).or_x509(wrong)?;
                    let method = place.next(der::OID).and_then(der::oid).or_x509(wrong)?;
                    let location = place.any().or_x509(wrong)?;
                    if location.tag != der::context(6, false) {
                        continue;
                    }
                    let uri = String::from_utf8_lossy(location.content).into_owned();
                    match &*method {
                        [1, 3, 6, 1, 5, 5, 7, 48, 1] => self.ocsp.push(uri),
                        [1, 3, 6, 1, 5, 5, 7, 48, 2] => self.issuer_urls.push(uri),
                        _ => {}
                    }
                }
                return Ok(false);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Object identifiers with values.
type Pairs = Vec<(Vec<u64>, Value)>;

/// A request for a certificate.
pub(super) struct Request {
    pub raw: Vec<u8>,
    pub raw_tbs: Vec<u8>,
    pub raw_key: Vec<u8>,
    pub raw_subject: Vec<u8>,
    pub version: i64,
    pub signature: Vec<u8>,
    pub algorithm: SignatureAlgorithm,
    pub key: PublicKey,
    pub subject: Name,
    /// Attributes whose values are sets of sequences of pairs: the type and the pairs.
    pub attributes: Vec<(Vec<u64>, Vec<Pairs>)>,
    pub extensions: Vec<Extension>,
    pub names: AltNames,
}

pub(super) fn request(bytes: &[u8]) -> Parsed<Request> {
    let wrong = "malformed certificate request";
    match bytes.first() {
        None => return Err("asn1: syntax error: sequence truncated".into()),
        Some(&der::SEQUENCE) => {}
        Some(_) => return Err("asn1: structure error: tags don't match".into()),
    }
    let mut all = Reader(bytes);
    let outer = all.any().filter(|element| element.tag == der::SEQUENCE).or_x509(wrong)?;
    if !all.is_empty() {
        return Err("asn1: syntax error: trailing data".into());
    }
    let mut parts = Reader(outer.content);
    let tbs = parts.any().filter(|element| element.tag == der::SEQUENCE).or_x509(wrong)?;
    let algorithm = parts.next(der::SEQUENCE).or_x509(wrong)?;
    let signature = der::whole_bytes(parts.next(der::BIT_STRING).or_x509(wrong)?).or_x509(wrong)?.to_vec();
    let mut fields = Reader(tbs.content);
    let version = fields.small().or_x509(wrong)?;
    let subject = fields.any().filter(|element| element.tag == der::SEQUENCE).or_x509(wrong)?;
    let key = fields.any().filter(|element| element.tag == der::SEQUENCE).or_x509(wrong)?;
    let mut out = Request {
        raw: outer.whole.to_vec(),
        raw_tbs: tbs.whole.to_vec(),
        raw_key: key.whole.to_vec(),
        raw_subject: subject.whole.to_vec(),
        version,
        signature,
        algorithm: SignatureAlgorithm::of(algorithm).or_x509(wrong)?,
        key: known_key(key.whole)?,
        subject: name(subject.content)?,
        attributes: Vec::new(),
        extensions: Vec::new(),
        names: AltNames::default(),
    };
    let mut attributes = Reader(fields.maybe(der::context(0, true)).or_x509(wrong)?.unwrap_or_default());
    while !attributes.is_empty() {
        let mut attribute = attributes.inside(der::SEQUENCE).or_x509(wrong)?;
        let kind = attribute.next(der::OID).and_then(der::oid).or_x509(wrong)?;
        let mut values = attribute.inside(der::SET).or_x509(wrong)?;
        if kind == [1, 2, 840, 113549, 1, 9, 14] && out.extensions.is_empty() {
            let list = values.next(der::SEQUENCE).or_x509(wrong)?;
            out.extensions = extensions(list)?;
            for extension in &out.extensions {
                if extension.id == [2, 5, 29, 17] {
                    out.names = alt_names(&extension.value)?;
                }
            }
            out.attributes.extend(pairs(list).map(|pairs| (kind, vec![pairs])));
        }
    }
    Ok(out)
}

/// Pairs of types and values, where all of them are such: how an older structure of Go's shows attributes.
fn pairs(list: &[u8]) -> Option<Pairs> {
    let mut reader = Reader(list);
    let mut out = Vec::new();
    while !reader.is_empty() {
        let mut pair = reader.inside(der::SEQUENCE)?;
        let kind = der::oid(pair.next(der::OID)?)?;
        let value = pair.any()?;
        let value = match value.tag {
            der::OCTET_STRING => Value::string(base64::encode(base64::Kind::Standard, value.content)),
            der::BOOLEAN => Value::Bool(value.content != [0]),
            der::INTEGER => Value::int(der::small(value.content)?),
            tag => Value::string(text(tag, value.content)?),
        };
        out.push((kind, value));
    }
    Some(out)
}
