//! Certificates of the gate. In: names, a time and lifetimes, and the authority that exists. Out: PEM texts. Keys are
//! ECDSA P-256. What it does not do: decide when to renew (`rotate`), or write.

use base64::Engine as _;
use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::options::San;

/// The name in the certificate that the API server shows.
pub const CLIENT_NAME: &str = "plimsoll-apiserver-client";
/// Clocks of two machines differ; a certificate holds from this long before it was made.
const BACKDATE_SECONDS: i64 = 300;
const DAY: i64 = 86_400;
/// Certificates of one PEM file that are looked at. System bundles hold about 150.
pub(crate) const MAX_CERTIFICATES: usize = 1000;

/// Why certificates could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("make a certificate")]
    Make(#[from] rcgen::Error),
    #[error("use the authority: {0}")]
    Authority(String),
    #[error("use the time {0}: no certificate can hold it")]
    Time(Timestamp),
}

/// An authority that signs, and whatever else is trusted beside it.
#[derive(Clone)]
pub struct Authority {
    /// The certificate whose key signs.
    pub certificate: String,
    pub key: String,
}

/// A certificate with its key, both PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Leaf {
    pub certificate: String,
    pub key: String,
}

/// All that the files are filled with.
#[derive(Clone)]
pub struct Pki {
    /// Every authority that is trusted, PEM after PEM.
    pub bundle: String,
    pub server: Leaf,
    pub client: Leaf,
}

/// What a leaf is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    Server(Vec<San>),
    Client,
}

fn instant(at: Timestamp) -> Result<time::OffsetDateTime, CertificateError> {
    time::OffsetDateTime::from_unix_timestamp(at.as_second()).map_err(|_| CertificateError::Time(at))
}

fn after(at: Timestamp, seconds: i64) -> Result<Timestamp, CertificateError> {
    Timestamp::from_second(at.as_second().saturating_add(seconds)).map_err(|_| CertificateError::Time(at))
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// A new authority. Its name carries the day, so that two of them in one bundle are told apart by their names too.
pub fn new_authority(now: Timestamp, days: u16) -> Result<Authority, CertificateError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name = named(&format!("plimsoll authority {}", now.strftime("%Y-%m-%d %H:%M:%S")));
    params.not_before = instant(after(now, -BACKDATE_SECONDS)?)?;
    params.not_after = instant(after(now, i64::from(days) * DAY)?)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key)?;
    Ok(Authority { certificate: certificate.pem(), key: key.serialize_pem() })
}

/// A certificate of the authority. It ends with the authority at the latest: nobody believes it any longer after that.
pub fn sign(authority: &Authority, purpose: &Purpose, now: Timestamp, days: u16) -> Result<Leaf, CertificateError> {
    let signing = KeyPair::from_pem(&authority.key)
        .map_err(|error| CertificateError::Authority(format!("its key cannot be read ({error})")))?;
    let read = read_pem(authority.certificate.as_bytes());
    let [issuing] = read.certificates.as_slice() else {
        return Err(CertificateError::Authority("one certificate was wanted".to_owned()));
    };
    if issuing.public_key != public_key(&signing) {
        return Err(CertificateError::Authority("its key is of another certificate".to_owned()));
    }
    if !issuing.is_authority {
        return Err(CertificateError::Authority("it may not sign certificates (no CA:TRUE)".to_owned()));
    }
    let issuer = Issuer::from_ca_cert_der(&issuing.der.as_slice().into(), signing)?;
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.not_before = instant(after(now, -BACKDATE_SECONDS)?)?;
    params.not_after = instant(after(now, i64::from(days) * DAY)?.min(issuing.not_after))?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    match purpose {
        Purpose::Server(sans) => {
            let first = sans.iter().find_map(|san| match san {
                // A common name holds 64 characters; nobody reads it where there are SANs.
                San::Name(name) if name.len() <= 64 => Some(name.as_str()),
                _ => None,
            });
            params.distinguished_name = named(first.unwrap_or("plimsoll"));
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            for san in sans {
                params.subject_alt_names.push(match san {
                    San::Name(name) => SanType::DnsName(name.as_str().try_into()?),
                    San::Address(address) => SanType::IpAddress(*address),
                });
            }
        }
        Purpose::Client => {
            params.distinguished_name = named(CLIENT_NAME);
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        }
    }
    let certificate = params.signed_by(&key, &issuer)?;
    Ok(Leaf { certificate: certificate.pem(), key: key.serialize_pem() })
}

/// The SubjectPublicKeyInfo of a key.
fn public_key(key: &KeyPair) -> Vec<u8> {
    rcgen::PublicKeyData::subject_public_key_info(key)
}

/// What a certificate says.
#[derive(Debug, Clone)]
pub struct Read {
    pub der: Vec<u8>,
    pub subject: String,
    pub names: Vec<String>,
    pub addresses: Vec<std::net::IpAddr>,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    pub is_authority: bool,
    /// None where the certificate does not limit its use.
    pub for_clients: Option<bool>,
    pub for_servers: Option<bool>,
    pub public_key: Vec<u8>,
    /// The line of the file on which its text starts.
    pub line: u32,
}

impl Read {
    fn of(der: Vec<u8>, line: u32) -> Option<Read> {
        let (_, certificate) = X509Certificate::from_der(&der).ok()?;
        let (mut names, mut addresses) = (Vec::new(), Vec::new());
        if let Ok(Some(san)) = certificate.subject_alternative_name() {
            for name in &san.value.general_names {
                match name {
                    GeneralName::DNSName(name) => names.push((*name).to_owned()),
                    GeneralName::IPAddress(bytes) => {
                        if let Ok(four) = <[u8; 4]>::try_from(*bytes) {
                            addresses.push(four.into());
                        } else if let Ok(sixteen) = <[u8; 16]>::try_from(*bytes) {
                            addresses.push(sixteen.into());
                        }
                    }
                    _ => {}
                }
            }
        }
        let usage = certificate.extended_key_usage().ok().flatten();
        let read = Read {
            subject: certificate.subject().to_string(),
            names,
            addresses,
            not_before: Timestamp::from_second(certificate.validity().not_before.timestamp()).ok()?,
            not_after: Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()?,
            is_authority: certificate.is_ca(),
            for_clients: usage.as_ref().map(|usage| usage.value.client_auth || usage.value.any),
            for_servers: usage.as_ref().map(|usage| usage.value.server_auth || usage.value.any),
            public_key: certificate.public_key().raw.to_vec(),
            line,
            der: Vec::new(),
        };
        Some(Read { der, ..read })
    }

    pub fn has_san(&self) -> bool {
        !self.names.is_empty() || !self.addresses.is_empty()
    }

    /// Whether a Go client would take this certificate for `host`.
    pub fn speaks_for(&self, host: &str) -> bool {
        if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>() {
            return self.addresses.contains(&address);
        }
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.names.iter().any(|name| {
            let name = name.to_ascii_lowercase();
            match name.strip_prefix("*.") {
                Some(rest) => host.split_once('.').is_some_and(|(first, tail)| !first.is_empty() && tail == rest),
                None => name == host,
            }
        })
    }

    /// Whether the other's key signed this one. None: in a way that we cannot check.
    pub fn signed_by(&self, authority: &Read) -> Option<bool> {
        let (_, own) = X509Certificate::from_der(&self.der).ok()?;
        let (_, other) = X509Certificate::from_der(&authority.der).ok()?;
        if own.issuer().as_raw() != other.subject().as_raw() {
            return Some(false);
        }
        match own.verify_signature(Some(other.public_key())) {
            Ok(()) => Some(true),
            Err(x509_parser::error::X509Error::SignatureUnsupportedAlgorithm) => None,
            Err(_) => Some(false),
        }
    }

    /// The first half of nothing but the key: enough to tell authorities apart in a file's name.
    pub fn short_name(&self) -> String {
        self.der.iter().rev().take(4).map(|byte| format!("{byte:02x}")).collect()
    }

    pub fn sans(&self) -> Vec<San> {
        let names = self.names.iter().cloned().map(San::Name);
        names.chain(self.addresses.iter().copied().map(San::Address)).collect()
    }

    pub fn pem(&self) -> String {
        let body = base64::engine::general_purpose::STANDARD.encode(&self.der);
        let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
        for piece in body.as_bytes().chunks(64) {
            text.extend(piece.iter().map(|byte| char::from(*byte)));
            text.push('\n');
        }
        text + "-----END CERTIFICATE-----\n"
    }
}

/// What a PEM file holds.
#[derive(Debug, Default)]
pub struct PemFile {
    pub certificates: Vec<Read>,
    /// Public keys of the private keys in it, with the line of each; none where we do not know the kind of key.
    pub keys: Vec<(u32, Option<Vec<u8>>)>,
    /// Blocks that could not be read, with the line of each.
    pub broken: Vec<(u32, &'static str)>,
}

/// Reads a PEM file: its blocks in order, whatever stands between them.
pub fn read_pem(bytes: &[u8]) -> PemFile {
    let mut file = PemFile::default();
    let text = String::from_utf8_lossy(bytes);
    let mut open: Option<(u32, String, String)> = None;
    for (number, line) in text.lines().enumerate() {
        let number = u32::try_from(number + 1).unwrap_or(u32::MAX);
        let line = line.trim();
        if let Some(label) = line.strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----")) {
            if let Some((start, ..)) = open.replace((number, label.to_owned(), String::new())) {
                file.broken.push((start, "the block does not end"));
            }
        } else if line.starts_with("-----END ") {
            if let Some((start, label, body)) = open.take() {
                block(&mut file, start, &label, &body);
            }
        } else if let Some((_, _, body)) = &mut open {
            // `Proc-Type: …` and its like are headers of old encrypted keys.
            if !line.contains(':') {
                body.push_str(line);
            }
        }
        if file.certificates.len() + file.keys.len() + file.broken.len() >= MAX_CERTIFICATES {
            return file;
        }
    }
    if let Some((start, ..)) = open {
        file.broken.push((start, "the block does not end"));
    }
    file
}

fn block(file: &mut PemFile, line: u32, label: &str, body: &str) {
    let Ok(der) = base64::engine::general_purpose::STANDARD.decode(body) else {
        file.broken.push((line, "the block is not base64"));
        return;
    };
    match label {
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => match Read::of(der, line) {
            Some(read) => file.certificates.push(read),
            None => file.broken.push((line, "the block is no certificate")),
        },
        label if label.ends_with("PRIVATE KEY") => {
            let pem = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
            file.keys.push((line, KeyPair::from_pem(&pem).ok().as_ref().map(public_key)));
        }
        // Parameters, requests, lists: none of our business.
        _ => {}
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub fn now() -> Timestamp {
        "2027-01-01T00:00:00Z".parse().unwrap()
    }

    /// rustls' own judgement: does `bundle` vouch for `leaf` at `at`, for this host (or, without one, as a client)?
    pub fn rustls_believes(bundle: &str, leaf: &str, host: Option<&str>, at: Timestamp) -> Result<(), webpki::Error> {
        let anchors_der: Vec<_> = read_pem(bundle.as_bytes()).certificates.into_iter().map(|c| c.der).collect();
        let anchors_der: Vec<rustls_pki_types::CertificateDer<'_>> =
            anchors_der.iter().map(|d| d.as_slice().into()).collect();
        let anchors: Vec<_> = anchors_der.iter().map(|der| webpki::anchor_from_trusted_cert(der).unwrap()).collect();
        let der = read_pem(leaf.as_bytes()).certificates.remove(0).der;
        let der = rustls_pki_types::CertificateDer::from(der.as_slice());
        let end = webpki::EndEntityCert::try_from(&der).unwrap();
        let time = rustls_pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(
            at.as_second().try_into().unwrap(),
        ));
        let usage = if host.is_some() { webpki::KeyUsage::server_auth() } else { webpki::KeyUsage::client_auth() };
        end.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &anchors, &[], time, usage, None, None)?;
        if let Some(host) = host {
            end.verify_is_valid_for_subject_name(&rustls_pki_types::ServerName::try_from(host).unwrap())?;
        }
        // Webpki does not look at the anchors' own dates; Go does.
        assert!(read_pem(bundle.as_bytes()).certificates.iter().any(|a| a.not_after >= at));
        Ok(())
    }

    #[test]
    fn rustls_believes_the_server_by_all_its_names_and_the_client() {
        let authority = new_authority(now(), 3650).unwrap();
        let sans = crate::Options::default().all_sans();
        let server = sign(&authority, &Purpose::Server(sans), now(), 365).unwrap();
        for host in [
            "plimsoll.plimsoll-system.svc",
            "plimsoll.plimsoll-system.svc.cluster.local",
            "localhost",
            "127.0.0.1",
            "::1",
        ] {
            rustls_believes(&authority.certificate, &server.certificate, Some(host), now()).unwrap();
            assert!(read_pem(server.certificate.as_bytes()).certificates[0].speaks_for(host));
        }
        assert!(rustls_believes(&authority.certificate, &server.certificate, Some("example.com"), now()).is_err());
        let client = sign(&authority, &Purpose::Client, now(), 365).unwrap();
        rustls_believes(&authority.certificate, &client.certificate, None, now()).unwrap();
        // Neither can stand in for the other.
        assert!(rustls_believes(&authority.certificate, &server.certificate, None, now()).is_err());
        assert!(rustls_believes(&authority.certificate, &client.certificate, Some("localhost"), now()).is_err());
    }

    #[test]
    fn a_leaf_does_not_outlive_its_authority() {
        let authority = new_authority(now(), 30).unwrap();
        let leaf = sign(&authority, &Purpose::Client, now(), 365).unwrap();
        let (authority, leaf) = (read_pem(authority.certificate.as_bytes()), read_pem(leaf.certificate.as_bytes()));
        assert_eq!(leaf.certificates[0].not_after, authority.certificates[0].not_after);
        assert_eq!(leaf.certificates[0].signed_by(&authority.certificates[0]), Some(true));
    }

    #[test]
    fn a_key_of_another_authority_signs_nothing() {
        let one = new_authority(now(), 30).unwrap();
        let other = new_authority(now(), 30).unwrap();
        let mixed = Authority { certificate: one.certificate, key: other.key };
        assert!(matches!(sign(&mixed, &Purpose::Client, now(), 1), Err(CertificateError::Authority(_))));
    }

    #[test]
    fn broken_pem_blocks_are_named_with_their_lines() {
        let file = read_pem(b"junk\n-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----\nAA");
        assert_eq!(file.broken.iter().map(|b| b.0).collect::<Vec<_>>(), [2, 5, 8]);
    }
}
