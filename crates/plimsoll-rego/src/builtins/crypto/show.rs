//! Certificates, requests and keys as OPA shows them: Go's structures in JSON, `null` for what is not there.

use num_bigint::{BigInt, BigUint};

use super::certificate::{self, AltNames, Certificate, Extension, Name, Request};
use super::chain::{self, Wanted};
use super::der::{self, Block};
use super::keys::{self, PrivateKey, PublicKey};
use super::{Result, base64_bytes};
use crate::builtins::base64::{self, Kind};
use crate::builtins::civil::{self, Civil};
use crate::builtins::ip::ip_text;
use crate::builtins::url::Url;
use crate::builtins::{Context, Failure, want};
use crate::value::{Number, Value};

fn base64_text(bytes: &[u8]) -> Value {
    Value::string(base64::encode(Kind::Standard, bytes))
}

fn base64url_text(bytes: &[u8]) -> Value {
    Value::string(base64::encode(Kind::UrlUnpadded, bytes))
}

fn object(fields: Vec<(&str, Value)>) -> Value {
    Value::object(fields.into_iter().map(|(name, value)| (Value::string(name), value)).collect())
}

/// `null` for an empty list, as Go shows a slice that was never made.
fn list(items: Vec<Value>) -> Value {
    if items.is_empty() { Value::Null } else { Value::array(items) }
}

fn texts(texts: &[String]) -> Value {
    list(texts.iter().map(|text| Value::string(text.as_str())).collect())
}

fn arcs(arcs: &[u64]) -> Value {
    Value::array(arcs.iter().map(|arc| Value::Number(big(&BigUint::from(*arc)))).collect())
}

fn big(number: &BigUint) -> Number {
    // Numbers of keys are far below what a number may be.
    Number::from_big(&BigInt::from(number.clone())).unwrap_or_else(|_| Number::from(0i64))
}

fn number(number: &BigUint) -> Value {
    Value::Number(big(number))
}

fn number_of(bytes: &[u8]) -> Value {
    number(&BigUint::from_bytes_be(bytes))
}

fn time(seconds: i64) -> Value {
    let civil = Civil::of(i128::from(seconds) * 1_000_000_000, 0);
    Value::string(civil::format(&civil, 0, "UTC", "2006-01-02T15:04:05.999999999Z07:00"))
}

fn name(name: &Name) -> Value {
    let all = |number: u64| {
        let values = name.iter().filter(|(kind, _)| *kind == [2, 5, 4, number]);
        values.map(|(_, value)| Value::string(value.as_str())).collect::<Vec<_>>()
    };
    let last = |number: u64| all(number).pop().unwrap_or_else(|| Value::string(""));
    object(vec![
        ("CommonName", last(3)),
        ("Country", list(all(6))),
        ("ExtraNames", Value::Null),
        ("Locality", list(all(7))),
        ("Names", list(name.iter().map(|(kind, value)| pair(kind, Value::string(value.as_str()))).collect())),
        ("Organization", list(all(10))),
        ("OrganizationalUnit", list(all(11))),
        ("PostalCode", list(all(17))),
        ("Province", list(all(8))),
        ("SerialNumber", last(5)),
        ("StreetAddress", list(all(9))),
    ])
}

fn pair(kind: &[u64], value: Value) -> Value {
    object(vec![("Type", arcs(kind)), ("Value", value)])
}

fn extensions(extensions: &[Extension]) -> Value {
    list(
        extensions
            .iter()
            .map(|extension| {
                object(vec![
                    ("Id", arcs(&extension.id)),
                    ("Critical", Value::Bool(extension.critical)),
                    ("Value", base64_text(&extension.value)),
                ])
            })
            .collect(),
    )
}

fn url(url: &Url) -> Value {
    let text = |bytes: &[u8]| Value::string(String::from_utf8_lossy(bytes).into_owned());
    object(vec![
        ("Scheme", text(&url.scheme)),
        ("Opaque", text(&url.opaque)),
        ("User", if url.has_user() { object(Vec::new()) } else { Value::Null }),
        ("Host", text(&url.host)),
        ("Path", text(&url.path)),
        ("Fragment", text(&url.fragment)),
        ("RawQuery", text(&url.raw_query)),
        ("RawPath", text(&url.raw_path)),
        ("RawFragment", text(url.raw_fragment())),
        ("ForceQuery", Value::Bool(url.force_query())),
        ("OmitHost", Value::Bool(url.omit_host())),
    ])
}

fn names(names: &AltNames) -> Vec<(&'static str, Value)> {
    vec![
        ("DNSNames", texts(&names.dns)),
        ("EmailAddresses", texts(&names.email)),
        ("IPAddresses", list(names.ip.iter().map(|ip| Value::string(ip_text(*ip))).collect())),
        ("URIs", list(names.uri.iter().map(url).collect())),
    ]
}

fn coordinates(point: &[u8]) -> (Value, Value) {
    let bytes = point.get(1..).unwrap_or_default();
    let (x, y) = bytes.split_at(bytes.len() / 2);
    (number_of(x), number_of(y))
}

fn public_key(key: &PublicKey) -> (Value, Value) {
    let (kind, key) = match key {
        PublicKey::Rsa { n, e } => (1, object(vec![("N", number(n)), ("E", number(e))])),
        PublicKey::Ec { point, .. } => {
            let (x, y) = coordinates(point);
            (3, object(vec![("Curve", object(Vec::new())), ("X", x), ("Y", y)]))
        }
        PublicKey::Ed25519(key) => (4, base64_text(key)),
        PublicKey::Other(arcs) => (if arcs == &[1, 2, 840, 10040, 4, 1] { 2 } else { 0 }, Value::Null),
    };
    (Value::int(kind), key)
}

fn certificate(certificate: &Certificate, uri_texts: bool) -> Value {
    let (key_algorithm, key) = public_key(&certificate.key);
    let bytes = |bytes: &Option<Vec<u8>>| bytes.as_deref().map_or(Value::Null, base64_text);
    let oids = |ids: &[Vec<u64>]| list(ids.iter().map(|id| arcs(id)).collect());
    let oid_text = |id: &Vec<u64>| Value::string(der::oid_text(id));
    let ranges = |ranges: &[(Vec<u8>, Vec<u8>)]| {
        list(
            ranges
                .iter()
                .map(|(address, mask)| {
                    let ip = match <[u8; 4]>::try_from(address.as_slice()) {
                        Ok(v4) => ip_text(v4.into()),
                        Err(_) => ip_text(<[u8; 16]>::try_from(address.as_slice()).unwrap_or_default().into()),
                    };
                    object(vec![("IP", Value::string(ip)), ("Mask", base64_text(mask))])
                })
                .collect(),
        )
    };
    let optional = |number: Option<i64>| (Value::int(number.unwrap_or(0)), Value::Bool(number == Some(0)));
    let (inhibit_any, inhibit_any_zero) = optional(certificate.inhibit_any);
    let (inhibit_mapping, inhibit_mapping_zero) = optional(certificate.inhibit_mapping);
    let (explicit, explicit_zero) = optional(certificate.explicit);
    let zero_path = certificate.basic_constraints && certificate.max_path == 0;
    let mut fields = vec![
        ("AuthorityKeyId", bytes(&certificate.authority_key_id)),
        ("BasicConstraintsValid", Value::Bool(certificate.basic_constraints)),
        ("CRLDistributionPoints", texts(&certificate.crl)),
        ("ExcludedDNSDomains", texts(&certificate.excluded.dns)),
        ("ExcludedEmailAddresses", texts(&certificate.excluded.email)),
        ("ExcludedIPRanges", ranges(&certificate.excluded.ip)),
        ("ExcludedURIDomains", texts(&certificate.excluded.uri)),
        ("ExtKeyUsage", list(certificate.usages.iter().copied().map(Value::int).collect())),
        ("Extensions", extensions(&certificate.extensions)),
        ("ExtraExtensions", Value::Null),
        ("InhibitAnyPolicy", inhibit_any),
        ("InhibitAnyPolicyZero", inhibit_any_zero),
        ("InhibitPolicyMapping", inhibit_mapping),
        ("InhibitPolicyMappingZero", inhibit_mapping_zero),
        ("IsCA", Value::Bool(certificate.is_ca)),
        ("Issuer", name(&certificate.issuer)),
        ("IssuingCertificateURL", texts(&certificate.issuer_urls)),
        ("KeyUsage", Value::int(certificate.key_usage)),
        ("MaxPathLen", Value::int(certificate.max_path)),
        ("MaxPathLenZero", Value::Bool(zero_path)),
        ("NotAfter", time(certificate.not_after)),
        ("NotBefore", time(certificate.not_before)),
        ("OCSPServer", texts(&certificate.ocsp)),
        ("PermittedDNSDomains", texts(&certificate.permitted.dns)),
        ("PermittedDNSDomainsCritical", Value::Bool(certificate.constraints_critical)),
        ("PermittedEmailAddresses", texts(&certificate.permitted.email)),
        ("PermittedIPRanges", ranges(&certificate.permitted.ip)),
        ("PermittedURIDomains", texts(&certificate.permitted.uri)),
        ("Policies", list(certificate.policies.iter().map(oid_text).collect())),
        ("PolicyIdentifiers", oids(&certificate.policies)),
        (
            "PolicyMappings",
            list(
                certificate
                    .mappings
                    .iter()
                    .map(|(issuer, subject)| {
                        object(vec![
                            ("IssuerDomainPolicy", oid_text(issuer)),
                            ("SubjectDomainPolicy", oid_text(subject)),
                        ])
                    })
                    .collect(),
            ),
        ),
        ("PublicKey", key),
        ("PublicKeyAlgorithm", key_algorithm),
        ("Raw", base64_text(&certificate.raw)),
        ("RawIssuer", base64_text(&certificate.raw_issuer)),
        ("RawSubject", base64_text(&certificate.raw_subject)),
        ("RawSubjectPublicKeyInfo", base64_text(&certificate.raw_key)),
        ("RawTBSCertificate", base64_text(&certificate.raw_tbs)),
        ("RequireExplicitPolicy", explicit),
        ("RequireExplicitPolicyZero", explicit_zero),
        ("SerialNumber", number_of(&certificate.serial)),
        ("Signature", base64_text(&certificate.signature)),
        ("SignatureAlgorithm", Value::int(certificate.algorithm.0)),
        ("Subject", name(&certificate.subject)),
        ("SubjectKeyId", bytes(&certificate.subject_key_id)),
        ("UnhandledCriticalExtensions", oids(&certificate.unhandled)),
        ("UnknownExtKeyUsage", oids(&certificate.unknown_usages)),
        ("Version", Value::int(certificate.version)),
    ];
    fields.extend(names(&certificate.names));
    if uri_texts {
        let texts = certificate.names.uri.iter().map(|uri| Value::string(uri.text())).collect();
        fields.push(("URIStrings", list(texts)));
    }
    object(fields)
}

fn request(request: &Request) -> Value {
    let (key_algorithm, key) = public_key(&request.key);
    let attributes = request.attributes.iter().map(|(kind, sets)| {
        let sets = sets
            .iter()
            .map(|set| Value::array(set.iter().map(|(kind, value)| pair(kind, value.clone())).collect()))
            .collect();
        pair(kind, Value::array(sets))
    });
    let mut fields = vec![
        ("Attributes", list(attributes.collect())),
        ("Extensions", extensions(&request.extensions)),
        ("ExtraExtensions", Value::Null),
        ("PublicKey", key),
        ("PublicKeyAlgorithm", key_algorithm),
        ("Raw", base64_text(&request.raw)),
        ("RawSubject", base64_text(&request.raw_subject)),
        ("RawSubjectPublicKeyInfo", base64_text(&request.raw_key)),
        ("RawTBSCertificateRequest", base64_text(&request.raw_tbs)),
        ("Signature", base64_text(&request.signature)),
        ("SignatureAlgorithm", Value::int(request.algorithm.0)),
        ("Subject", name(&request.subject)),
        ("Version", Value::int(request.version)),
    ];
    fields.extend(names(&request.names));
    object(fields)
}

/// What reading a text of this length and showing it may cost: its bytes are shown some ten times.
fn pay(context: &mut Context<'_>, bytes: usize) -> std::result::Result<(), Failure> {
    context.meter.steps(bytes as u64 / 4 + 64)?;
    Ok(context.meter.memory((bytes as u64).saturating_mul(16) + 4_096)?)
}

fn pem_certificates(text: &[u8]) -> std::result::Result<Vec<Certificate>, String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((block, after)) = der::pem(rest) {
        if block.kind != "CERTIFICATE" {
            return Err(format!("PEM block type is '{}', expected CERTIFICATE", block.kind));
        }
        bytes.extend(block.bytes);
        rest = after;
    }
    certificate::certificates(&bytes)
}

fn certificates(text: &[u8]) -> std::result::Result<Vec<Certificate>, Failure> {
    if text.starts_with(b"-----BEGIN") {
        return pem_certificates(text).map_err(Failure::builtin);
    }
    let bytes = base64_bytes(text)?;
    if bytes.starts_with(b"-----BEGIN") {
        return pem_certificates(&bytes).map_err(Failure::builtin);
    }
    certificate::certificates(&bytes).map_err(Failure::builtin)
}

pub(super) fn parse_certificates(context: &mut Context<'_>, args: &[Value]) -> Result {
    let text = want::bytes(args, 0, 1)?;
    pay(context, text.len())?;
    let certificates = certificates(&text)?;
    Ok(Some(Value::array(certificates.iter().map(|one| certificate(one, true)).collect())))
}

pub(super) fn parse_and_verify(context: &mut Context<'_>, args: &[Value]) -> Result {
    verify(context, args, Wanted::default(), None, true)
}

pub(super) fn parse_and_verify_with_options(context: &mut Context<'_>, args: &[Value]) -> Result {
    want::string(args, 0, 1)?;
    let options = want::object(args, 1, 2)?;
    let mut wanted = Wanted::default();
    let mut now = None;
    let wrong = |message: &str| Failure::builtin(message.to_owned());
    let mut failure = None;
    for (key, value) in options.entries() {
        let Some(key) = key.as_str() else { continue };
        let read = match key {
            "DNSName" => value
                .as_str()
                .map(|name| name.trim_matches('"').clone_into(&mut wanted.dns_name))
                .ok_or_else(|| wrong("'DNSName' should be a string")),
            "CurrentTime" => match value {
                Value::Number(number) => number
                    .as_i64()
                    .map(|nanoseconds| now = Some(nanoseconds))
                    .ok_or_else(|| wrong("'CurrentTime' should be a valid int64 number")),
                _ => Err(wrong("'CurrentTime' should be a number")),
            },
            "MaxConstraintComparisons" => match value {
                Value::Number(number) => number
                    .as_i64()
                    .map(|most| wanted.max_comparisons = Some(most))
                    .ok_or_else(|| wrong("'MaxConstraintComparisons' should be a valid number")),
                _ => Err(wrong("'MaxConstraintComparisons' should be a number")),
            },
            "KeyUsages" => usages(value).map(|usages| wanted.usages = usages),
            _ => Err(wrong("invalid key option")),
        };
        if let Err(error) = read {
            failure = Some(error);
            break;
        }
    }
    // Certificates that cannot be read come before options that are wrong.
    if let Some(failure) = failure {
        let text = want::bytes(args, 0, 1)?;
        pay(context, text.len())?;
        return if certificates(&text).is_err() { Ok(Some(unverified())) } else { Err(failure) };
    }
    verify(context, args, wanted, now, false)
}

const USAGES: [&str; 14] = [
    "KeyUsageAny",
    "KeyUsageServerAuth",
    "KeyUsageClientAuth",
    "KeyUsageCodeSigning",
    "KeyUsageEmailProtection",
    "KeyUsageIPSECEndSystem",
    "KeyUsageIPSECTunnel",
    "KeyUsageIPSECUser",
    "KeyUsageTimeStamping",
    "KeyUsageOCSPSigning",
    "KeyUsageMicrosoftServerGatedCrypto",
    "KeyUsageNetscapeServerGatedCrypto",
    "KeyUsageMicrosoftCommercialCodeSigning",
    "KeyUsageMicrosoftKernelCodeSigning",
];

fn usages(value: &Value) -> std::result::Result<Vec<i64>, Failure> {
    let items = match value {
        Value::Array(array) => array.items(),
        Value::Set(set) => set.members(),
        _ => return Err(Failure::builtin("'KeyUsages' should be an Array or Set")),
    };
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for item in items.iter().filter_map(Value::as_str) {
        let item = item.trim_matches('"');
        match USAGES.iter().position(|usage| *usage == item) {
            Some(number) => known.push(number as i64),
            None => unknown.push(item),
        }
    }
    if unknown.is_empty() {
        return Ok(known);
    }
    Err(Failure::builtin(format!("invalid entries for 'KeyUsages' found: [{}]", unknown.join(" "))))
}

fn unverified() -> Value {
    Value::array(vec![Value::Bool(false), Value::array(Vec::new())])
}

fn verify(context: &mut Context<'_>, args: &[Value], mut wanted: Wanted, now: Option<i64>, uri_texts: bool) -> Result {
    let text = want::bytes(args, 0, 1)?;
    pay(context, text.len())?;
    let Ok(certificates) = certificates(&text) else { return Ok(Some(unverified())) };
    let now = now.map_or(context.world.now_nanoseconds, i128::from);
    // Between two seconds: past the end of one that ends with the first.
    let seconds = now.div_euclid(1_000_000_000) as i64;
    wanted.now = seconds;
    let Some(path) = chain::verified(context.meter, &certificates, &wanted)? else { return Ok(Some(unverified())) };
    let chain = path.iter().filter_map(|at| certificates.get(*at)).map(|one| certificate(one, uri_texts)).collect();
    Ok(Some(Value::array(vec![Value::Bool(true), Value::array(chain)])))
}

pub(super) fn parse_certificate_request(context: &mut Context<'_>, args: &[Value]) -> Result {
    let text = want::bytes(args, 0, 1)?;
    pay(context, text.len())?;
    let bytes =
        if text.starts_with(b"-----BEGIN CERTIFICATE REQUEST-----") { text.into_owned() } else { base64_bytes(&text)? };
    let bytes = match der::pem(&bytes) {
        Some((Block { kind, .. }, _)) if kind != "CERTIFICATE REQUEST" => {
            return Err(Failure::builtin("invalid PEM-encoded certificate signing request"));
        }
        Some((block, _)) => block.bytes,
        None => bytes,
    };
    let parsed = certificate::request(&bytes).map_err(Failure::builtin)?;
    Ok(Some(request(&parsed)))
}

/// All private keys of a text of PEM, or of base64 of it.
fn private_keys(text: &[u8]) -> std::result::Result<Vec<PrivateKey>, Failure> {
    let decoded = base64_bytes(text).ok();
    let mut rest = decoded.as_deref().unwrap_or(text);
    let mut out = Vec::new();
    while let Some((block, after)) = der::pem(rest) {
        rest = after;
        let (key, what) = match &*block.kind {
            "RSA PRIVATE KEY" => (keys::pkcs1_private(&block.bytes), "failed to parse private key"),
            "PRIVATE KEY" => (keys::pkcs8_private(&block.bytes), "failed to parse private key"),
            "EC PRIVATE KEY" => (keys::sec1_private(&block.bytes, None), "failed to parse EC private key"),
            _ => continue,
        };
        out.push(key.ok_or_else(|| Failure::builtin(format!("x509: {what}")))?);
    }
    Ok(out)
}

pub(super) fn parse_rsa_private_key(context: &mut Context<'_>, args: &[Value]) -> Result {
    let text = want::bytes(args, 0, 1)?;
    pay(context, text.len())?;
    if text.is_empty() {
        return Err(Failure::builtin("input PEM data was empty"));
    }
    let text = if text.starts_with(b"-----BEGIN") { text.into_owned() } else { base64_bytes(&text)? };
    match private_keys(&text)?.first() {
        Some(key) => Ok(Some(jwk_of(key))),
        None => Ok(Some(Value::Null)),
    }
}

/// The quotient's rest and inverses that speed RSA up: of the first prime, the second, and the second's inverse.
fn precomputed(key: &keys::RsaPrivate) -> Option<(BigUint, BigUint, BigUint)> {
    let [p, q, ..] = &*key.primes else { return None };
    let one = BigUint::from(1u8);
    Some((&key.d % (p - &one), &key.d % (q - &one), q.modinv(p)?))
}

/// A private key as a JSON Web Key.
fn jwk_of(key: &PrivateKey) -> Value {
    match key {
        PrivateKey::Rsa(rsa) => {
            let bytes = |number: &BigUint| base64url_text(&number.to_bytes_be());
            let mut fields =
                vec![("kty", Value::string("RSA")), ("n", bytes(&rsa.n)), ("e", bytes(&rsa.e)), ("d", bytes(&rsa.d))];
            if let ([p, q, ..], Some((dp, dq, qi))) = (&*rsa.primes, precomputed(rsa)) {
                fields.extend([
                    ("p", bytes(p)),
                    ("q", bytes(q)),
                    ("dp", bytes(&dp)),
                    ("dq", bytes(&dq)),
                    ("qi", bytes(&qi)),
                ]);
            }
            object(fields)
        }
        PrivateKey::Ec { curve, d, point } => {
            let bytes = point.get(1..).unwrap_or_default();
            let (x, y) = bytes.split_at(bytes.len() / 2);
            object(vec![
                ("kty", Value::string("EC")),
                ("crv", Value::string(curve.name())),
                ("d", base64url_text(d)),
                ("x", base64url_text(x)),
                ("y", base64url_text(y)),
            ])
        }
        PrivateKey::Ed25519 { seed, public } => object(vec![
            ("kty", Value::string("OKP")),
            ("crv", Value::string("Ed25519")),
            ("d", base64url_text(seed)),
            ("x", base64url_text(public)),
        ]),
    }
}

/// A private key as Go's structure.
fn go_key(key: &PrivateKey) -> Value {
    match key {
        PrivateKey::Rsa(rsa) => {
            let computed = match precomputed(rsa) {
                Some((dp, dq, qi)) => object(vec![
                    ("Dp", number(&dp)),
                    ("Dq", number(&dq)),
                    ("Qinv", number(&qi)),
                    ("CRTValues", Value::array(Vec::new())),
                ]),
                None => Value::Null,
            };
            object(vec![
                ("N", number(&rsa.n)),
                ("E", number(&rsa.e)),
                ("D", number(&rsa.d)),
                ("Primes", Value::array(rsa.primes.iter().map(number).collect())),
                ("Precomputed", computed),
            ])
        }
        PrivateKey::Ec { d, point, .. } => {
            let (x, y) = coordinates(point);
            object(vec![("Curve", object(Vec::new())), ("D", number_of(d)), ("X", x), ("Y", y)])
        }
        PrivateKey::Ed25519 { seed, public } => base64_text(&[seed.as_slice(), public].concat()),
    }
}

pub(super) fn parse_private_keys(context: &mut Context<'_>, args: &[Value]) -> Result {
    let text = want::bytes(args, 0, 1)?;
    pay(context, text.len())?;
    if text.is_empty() {
        return Ok(Some(Value::Null));
    }
    let keys = private_keys(&text)?;
    Ok(Some(Value::array(keys.iter().map(go_key).collect())))
}

pub(super) fn parse_keypair(context: &mut Context<'_>, args: &[Value]) -> Result {
    let (text, key) = (want::bytes(args, 0, 1)?, want::bytes(args, 1, 1)?);
    pay(context, text.len() + key.len())?;
    let decoded = |text: &[u8]| {
        if text.starts_with(b"-----BEGIN ") { Ok(text.to_vec()) } else { base64_bytes(text) }
    };
    let (text, key) = (decoded(&text)?, decoded(&key)?);
    let mut chain = Vec::new();
    if text.starts_with(b"-----BEGIN ") {
        let mut rest = &*text;
        while let Some((block, after)) = der::pem(rest) {
            rest = after;
            if block.kind == "CERTIFICATE" {
                chain.push(block.bytes);
            }
        }
    } else {
        chain.push(text);
    }
    let Some(first) = chain.first() else {
        return Err(Failure::builtin("tls: failed to find any PEM data in certificate input"));
    };
    let leaf = certificate::certificates(first).map_err(Failure::builtin)?;
    let leaf = leaf.into_iter().next().ok_or_else(|| Failure::builtin("x509: malformed certificate"))?;
    let bytes = if key.starts_with(b"-----BEGIN") {
        let mut rest = &*key;
        loop {
            let (block, after) =
                der::pem(rest).ok_or_else(|| Failure::builtin("tls: failed to find any PEM data in key input"))?;
            if block.kind == "PRIVATE KEY" || block.kind.ends_with(" PRIVATE KEY") {
                break block.bytes;
            }
            rest = after;
        }
    } else {
        key
    };
    let key = keys::pkcs1_private(&bytes)
        .or_else(|| keys::pkcs8_private(&bytes))
        .or_else(|| keys::sec1_private(&bytes, None))
        .ok_or_else(|| Failure::builtin("tls: failed to parse private key"))?;
    match (&leaf.key, key.public()) {
        (have, wanted) if *have == wanted => {}
        (PublicKey::Rsa { .. }, PublicKey::Rsa { .. })
        | (PublicKey::Ec { .. }, PublicKey::Ec { .. })
        | (PublicKey::Ed25519(_), PublicKey::Ed25519(_)) => {
            return Err(Failure::builtin("tls: private key does not match public key"));
        }
        (PublicKey::Other(_), _) => return Err(Failure::builtin("tls: unknown public key algorithm")),
        _ => return Err(Failure::builtin("tls: private key type does not match public key type")),
    }
    Ok(Some(object(vec![
        ("Certificate", Value::array(chain.iter().map(|bytes| base64_text(bytes)).collect())),
        ("Leaf", certificate(&leaf, false)),
        ("OCSPStaple", Value::Null),
        ("PrivateKey", go_key(&key)),
        ("SignedCertificateTimestamps", Value::Null),
        ("SupportedSignatureAlgorithms", Value::Null),
    ])))
}

/// The key of a certificate or public key in PEM: none where the text is no PEM, or why it gives none.
pub(in crate::builtins) fn public_key_of_text(text: &[u8]) -> Option<std::result::Result<PublicKey, Failure>> {
    let (block, rest) = der::pem(text)?;
    let wrong = |message: String| Some(Err(Failure::builtin(message)));
    if !rest.is_empty() {
        return wrong("extra data after a PEM certificate block".into());
    }
    match &*block.kind {
        "CERTIFICATE" => match certificate::certificates(&block.bytes) {
            Ok(list) => match <[Certificate; 1]>::try_from(list) {
                Ok([certificate]) => Some(Ok(certificate.key)),
                Err(_) => wrong("failed to parse a PEM certificate: x509: trailing data".into()),
            },
            Err(error) => wrong(format!("failed to parse a PEM certificate: {error}")),
        },
        "PUBLIC KEY" => match keys::public_key(&block.bytes) {
            Some(key) => Some(Ok(key)),
            None => wrong("failed to parse a PEM public key: asn1: structure error".into()),
        },
        _ => wrong("failed to extract a Key from the PEM certificate".into()),
    }
}
