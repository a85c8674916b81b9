//! An offline keyless world: an authority with an intermediate, a log of certificates, transparency logs of both versions, an authority of
//! timestamps, and a signer. In: a setup, each of whose fields can be made wrong. Out: a bundle, the trusted root, the artifact and whom
//! it is of. Everything is made with keys that are thrown away.

#![allow(dead_code, reason = "each that includes it uses a part")]

use base64::Engine as _;
use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::der;
pub use super::setup::{Brings, Kind, Log, Sct, Setup};

/// When things are signed: 2026-01-01T00:01:00Z. Certificates of signers begin a minute before and last ten.
pub const SIGNED: i64 = 1_767_225_660;
pub const DAY: i64 = 86_400;
/// Authorities are good from a year before to ten years after.
pub const SINCE: i64 = SIGNED - 365 * DAY;
pub const UNTIL: i64 = SIGNED + 3650 * DAY;

pub const IDENTITY: &str = "https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1";
pub const ISSUER: &str = "https://token.actions.githubusercontent.com";
pub const ARTIFACT: &[u8] = b"an artifact of the offline world\n";
pub const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

pub const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
pub const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
const SERVER: &str = "1.3.6.1.5.5.7.3.1";
pub const FULCIO: &str = "1.3.6.1.4.1.57264.1";

pub fn b64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
pub fn unb64(text: &Value) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap()
}
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
pub fn pem(label: &str, der: &[u8]) -> String {
    let body = b64(der);
    let lines: Vec<_> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
pub fn rfc3339(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap().to_string()
}

/// A key on P-256.
pub struct Key(EcdsaKeyPair);

impl Key {
    pub fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).unwrap())
    }
    pub fn spki(&self) -> Vec<u8> {
        let algorithm = der::sequence(&[der::oid("1.2.840.10045.2.1"), der::oid("1.2.840.10045.3.1.7")]);
        der::sequence(&[algorithm, der::bits(self.0.public_key().as_ref())])
    }
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }
    pub fn id(&self) -> Vec<u8> {
        sha256(&self.spki())
    }
}

pub fn ecdsa() -> Vec<u8> {
    der::sequence(&[der::oid("1.2.840.10045.4.3.2")])
}

/// A certificate to be.
pub struct Draft<'a> {
    pub serial: u64,
    pub issuer: &'a str,
    pub subject: &'a str,
    pub valid: (i64, i64),
    pub spki: Vec<u8>,
    pub extensions: Vec<Vec<u8>>,
}

impl Draft<'_> {
    pub fn tbs(&self) -> Vec<u8> {
        der::sequence(&[
            der::explicit(0, &der::integer(2)),
            der::integer(self.serial),
            ecdsa(),
            der::name(self.issuer),
            der::sequence(&[der::time(self.valid.0), der::time(self.valid.1)]),
            der::name(self.subject),
            self.spki.clone(),
            der::explicit(3, &der::sequence(&self.extensions)),
        ])
    }
    pub fn signed(&self, by: &Key) -> Vec<u8> {
        let tbs = self.tbs();
        let signature = by.sign(&tbs);
        der::sequence(&[tbs, ecdsa(), der::bits(&signature)])
    }
}

pub fn usage(bits: u8) -> Vec<u8> {
    let unused = bits.trailing_zeros() as u8;
    der::extension("2.5.29.15", true, &der::element(0x03, &[unused, bits]))
}
pub fn authority(depth: Option<u64>) -> Vec<u8> {
    let depth = depth.map_or(Vec::new(), der::integer);
    der::extension("2.5.29.19", true, &der::sequence(&[der::element(0x01, &[0xff]), depth]))
}
pub fn purposes(ids: &[&str], critical: bool) -> Vec<u8> {
    let ids: Vec<_> = ids.iter().map(|id| der::oid(id)).collect();
    der::extension("2.5.29.37", critical, &der::sequence(&ids))
}
pub fn key_ids(own: &Key, issuer: &Key) -> Vec<Vec<u8>> {
    let id = |key: &Key| sha256(&key.spki())[..20].to_vec();
    vec![
        der::extension("2.5.29.14", false, &der::octets(&id(own))),
        der::extension("2.5.29.35", false, &der::sequence(&[der::element(0x80, &id(issuer))])),
    ]
}

/// What was made.
#[derive(Clone)]
pub struct Made {
    pub bundle: Value,
    pub trusted_root: Value,
    pub artifact: Vec<u8>,
    /// The signer's key in PEM, where it is managed.
    pub key: Option<String>,
    pub certificate: Vec<u8>,
    /// The proof that it was logged, where that lies beside it.
    #[allow(dead_code, reason = "bundles have no place for it, and the cases are bundles")]
    pub sct: Option<String>,
}

/// A proof of the certificate's logging by `key` a minute before `signed`, of a certificate that `issuer` issued.
pub fn sct(key: &Key, tbs: &[u8], issuer: &Key, form: Sct, signed: i64) -> Vec<u8> {
    let seconds = if form == Sct::TooEarly { SINCE - DAY } else { signed - 60 };
    let milliseconds = (seconds as u64 * 1000).to_be_bytes();
    let extensions: &[u8] = if form == Sct::WithExtensions { &[0, 5, 1, 2, 3, 4, 5] } else { &[0, 0] };
    let length = &(tbs.len() as u32).to_be_bytes()[1..];
    let signed = [&[0, 0][..], &milliseconds, &[0, 1], &issuer.id(), length, tbs, extensions].concat();
    let mut signature = key.sign(&signed);
    if form == Sct::BadSignature {
        signature = key.sign(b"something else");
    }
    let version = u8::from(form == Sct::OtherVersion);
    let one = [
        &[version][..],
        &key.id(),
        &milliseconds,
        extensions,
        &[4, 3],
        &(signature.len() as u16).to_be_bytes(),
        &signature,
    ]
    .concat();
    [&(one.len() as u16).to_be_bytes()[..], &one].concat()
}

/// The same of a whole certificate, as a log answers it (RFC 6962 §4.1).
pub fn sct_beside(key: &Key, certificate: &[u8], signed: i64) -> String {
    let milliseconds = (signed - 60) as u64 * 1000;
    let length = &(certificate.len() as u32).to_be_bytes()[1..];
    let signed = [&[0, 0][..], &milliseconds.to_be_bytes(), &[0, 0], length, certificate, &[0, 0]].concat();
    let signature = key.sign(&signed);
    let signature = [&[4, 3][..], &(signature.len() as u16).to_be_bytes(), &signature].concat();
    json!({"sct_version": 0, "id": b64(&key.id()), "timestamp": milliseconds, "extensions": "", "signature": b64(&signature)}).to_string()
}

pub fn sct_extension(proofs: &[u8]) -> Vec<u8> {
    let list = [&(proofs.len() as u16).to_be_bytes()[..], proofs].concat();
    der::extension("1.3.6.1.4.1.11129.2.4.2", false, &der::octets(&list))
}

pub fn trusted_log(url: &str, details: &str, spki: &[u8], id: &[u8]) -> Value {
    json!({"baseUrl": url, "hashAlgorithm": "SHA2_256", "logId": {"keyId": b64(id)},
        "publicKey": {"rawBytes": b64(spki), "keyDetails": details, "validFor": {"start": rfc3339(SINCE)}}})
}

pub fn trusted_authority(chain: &[&[u8]]) -> Value {
    let chain: Vec<_> = chain.iter().map(|der| json!({"rawBytes": b64(der)})).collect();
    json!({"subject": {"organization": "world", "commonName": "world"}, "uri": "https://world.example",
        "certChain": {"certificates": chain}, "validFor": {"start": rfc3339(SINCE)}})
}

/// Makes what `setup` says.
pub fn make(setup: &Setup) -> Made {
    let [root, middle, signer, ct, rekor, tsa_root, tsa] = std::array::from_fn(|_| Key::new());
    let stranger = Key::new();

    // Authorities.
    let root_der = Draft {
        serial: 1,
        issuer: "world root",
        subject: "world root",
        valid: (SINCE, UNTIL),
        spki: root.spki(),
        extensions: [vec![authority(None), usage(0x06)], key_ids(&root, &root)].concat(),
    }
    .signed(&root);
    let mut extensions = vec![usage(0x06)];
    if setup.middle_is_authority {
        extensions.push(authority(Some(setup.middle_depth)));
    }
    if !setup.middle_purposes.is_empty() {
        extensions.push(purposes(&setup.middle_purposes, false));
    }
    extensions.extend(key_ids(&middle, &root));
    let middle_draft = Draft {
        serial: 2,
        issuer: "world root",
        subject: "world intermediate",
        valid: setup.middle_valid,
        spki: middle.spki(),
        extensions,
    };
    let middle_der = middle_draft.signed(&root);

    // The signer.
    let (issuer_key, own_root) = match setup.brings {
        Brings::OwnAuthority => (&stranger, Some(&stranger)),
        _ => (&middle, None),
    };
    let mut extensions = vec![usage(setup.leaf_usage)];
    if setup.leaf_is_authority {
        extensions.push(authority(None));
    }
    if !setup.leaf_purposes.is_empty() {
        extensions.push(purposes(&setup.leaf_purposes, false));
    }
    extensions.extend(key_ids(&signer, issuer_key));
    if !setup.leaf_names.is_empty() {
        extensions.push(der::extension("2.5.29.17", true, &der::sequence(&setup.leaf_names)));
    }
    if let Some(old) = setup.leaf_issuers.0 {
        extensions.push(der::extension(&format!("{FULCIO}.1"), false, old.as_bytes()));
    }
    if let Some(new) = setup.leaf_issuers.1 {
        extensions.push(der::extension(&format!("{FULCIO}.8"), false, &der::utf8(new)));
    }
    extensions.extend(setup.leaf_extra.clone());
    let mut leaf = Draft {
        serial: 3,
        issuer: "world intermediate",
        subject: "",
        valid: setup.leaf_valid,
        spki: signer.spki(),
        extensions,
    };
    let tbs = leaf.tbs();
    let good = || sct(&ct, &tbs, issuer_key, setup.sct, SIGNED);
    match setup.sct {
        Sct::Missing | Sct::Beside => {}
        Sct::Empty => leaf.extensions.push(sct_extension(&[])),
        Sct::Truncated => leaf.extensions.push(sct_extension(&good()[..60])),
        Sct::UnknownLog => leaf.extensions.push(sct_extension(&sct(&stranger, &tbs, issuer_key, setup.sct, SIGNED))),
        Sct::UnknownAndGood => {
            let unknown = sct(&stranger, &tbs, issuer_key, setup.sct, SIGNED);
            leaf.extensions.push(sct_extension(&[unknown, good()].concat()));
        }
        Sct::OtherIssuer => leaf.extensions.push(sct_extension(&sct(&ct, &tbs, &root, setup.sct, SIGNED))),
        _ => leaf.extensions.push(sct_extension(&good())),
    }
    let leaf_der = leaf.signed(issuer_key);
    let sct = (setup.sct == Sct::Beside).then(|| sct_beside(&ct, &leaf_der, SIGNED));

    // The signature.
    let pae = |kind: &str, payload: &[u8]| {
        [format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).as_bytes(), payload].concat()
    };
    let message = setup.envelope.as_ref().map_or_else(|| setup.artifact.clone(), |(kind, payload)| pae(kind, payload));
    let signature = signer.sign(&message);

    // What the log has.
    let logged_message = if setup.logged_artifact { b"something else".to_vec() } else { message.clone() };
    let logged_signature = if setup.logged_signature { signer.sign(&message) } else { signature.clone() };
    let logged_leaf = if setup.logged_key { leaf.signed(issuer_key) } else { leaf_der.clone() };
    let logged_spki = if setup.logged_key { stranger.spki() } else { signer.spki() };
    let verifier_pem = match setup.managed {
        true => pem("PUBLIC KEY", &logged_spki),
        false => pem("CERTIFICATE", &logged_leaf),
    };
    let payload = setup.envelope.as_ref().map_or(&[][..], |(_, payload)| payload);
    let payload_hash = if setup.logged_artifact { sha256(b"something else") } else { sha256(payload) };
    let body = match (setup.log, setup.kind) {
        (Log::V2, _) => {
            let verifier = match setup.managed {
                true => json!({"keyDetails": "PKIX_ECDSA_P256_SHA_256", "publicKey": {"rawBytes": b64(&logged_spki)}}),
                false => {
                    json!({"keyDetails": "PKIX_ECDSA_P256_SHA_256", "x509Certificate": {"rawBytes": b64(&logged_leaf)}})
                }
            };
            json!({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": {
                "data": {"algorithm": "SHA2_256", "digest": b64(&sha256(&logged_message))},
                "signature": {"content": b64(&logged_signature), "verifier": verifier}}}})
        }
        (_, Kind::HashedRekord) => json!({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": hex(&sha256(&logged_message))}},
            "signature": {"content": b64(&logged_signature), "publicKey": {"content": b64(verifier_pem.as_bytes())}}}}),
        (_, Kind::Dsse) => json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
            "envelopeHash": {"algorithm": "sha256", "value": hex(&sha256(&message))},
            "payloadHash": {"algorithm": "sha256", "value": hex(&payload_hash)},
            "signatures": [{"signature": b64(&logged_signature), "verifier": b64(verifier_pem.as_bytes())}]}}),
        (_, Kind::Intoto) => json!({"apiVersion": "0.0.2", "kind": "intoto", "spec": {"content": {
            "envelope": {"payloadType": setup.envelope.as_ref().unwrap().0, "signatures": [
                {"publicKey": b64(verifier_pem.as_bytes()), "sig": b64(b64(&logged_signature).as_bytes())}]},
            "hash": {"algorithm": "sha256", "value": hex(&sha256(&message))},
            "payloadHash": {"algorithm": "sha256", "value": hex(&payload_hash)}}}}),
    };
    let (kind, version) = (body["kind"].clone(), body["apiVersion"].clone());
    let body = body.to_string().into_bytes();

    // The log: two entries, of which ours is the second.
    let ed25519 = Ed25519KeyPair::from_seed_unchecked(&sha256(&rekor.spki())).unwrap();
    let v2_host = "log.world.example";
    let v2_id = sha256(&[v2_host.as_bytes(), b"\n\x01", ed25519.public_key().as_ref()].concat());
    let v2_spki =
        [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00], ed25519.public_key().as_ref()]
            .concat();
    let other_leaf = sha256(b"\0another entry");
    let root_hash = sha256(&[&[1][..], &other_leaf, &sha256(&[&[0][..], &body].concat())].concat());
    let (log_id, host) = match setup.log {
        Log::V2 => (v2_id.clone(), v2_host),
        _ => (rekor.id(), "rekor.world.example"),
    };
    let origin = setup.origin.clone().unwrap_or_else(|| match setup.log {
        Log::V2 => host.to_owned(),
        _ => format!("{host} - 1193050959916656506"),
    });
    let signer_name = if setup.origin.is_some() { origin.split(" - ").next().unwrap() } else { host };
    let (size, head) = if setup.checkpoint_older { (1, &other_leaf) } else { (2, &root_hash) };
    let text = format!("{origin}\n{size}\n{}\n", b64(head));
    let by_log = match setup.log {
        Log::V2 => ed25519.sign(text.as_bytes()).as_ref().to_vec(),
        _ => rekor.sign(text.as_bytes()),
    };
    let by_log = if setup.checkpoint_by_other { stranger.sign(text.as_bytes()) } else { by_log };
    let mut note = format!("{text}\n");
    for witness in 0..setup.witnesses {
        note.push_str(&format!("\u{2014} witness{witness}.example {}\n", b64(&[witness as u8; 76])));
    }
    note.push_str(&format!("\u{2014} {signer_name} {}\n", b64(&[&log_id[..4], &by_log].concat())));
    let index = 4_000_000_001u64;
    let promised = format!(
        r#"{{"body":"{}","integratedTime":{},"logID":"{}","logIndex":{index}}}"#,
        b64(&body),
        setup.integrated,
        hex(&log_id)
    );
    let mut entry = json!({"logIndex": index.to_string(), "logId": {"keyId": b64(&log_id)},
        "kindVersion": {"kind": kind, "version": version}, "canonicalizedBody": b64(&body)});
    if setup.log == Log::V1 {
        entry["integratedTime"] = setup.integrated.to_string().into();
        if setup.promise {
            entry["inclusionPromise"] = json!({"signedEntryTimestamp": b64(&rekor.sign(promised.as_bytes()))});
        }
    }
    if setup.proof {
        entry["inclusionProof"] = json!({"logIndex": "1", "treeSize": "2", "rootHash": b64(&root_hash),
            "hashes": [b64(&other_leaf)], "checkpoint": {"envelope": note}});
    }

    // The bundle.
    let raw = |der: &[u8]| json!({"rawBytes": b64(der)});
    let mut proofs = json!({});
    let chain = |more: &[&[u8]]| {
        let all: Vec<_> = std::iter::once(leaf_der.as_slice()).chain(more.iter().copied()).map(raw).collect();
        json!({"certificates": all})
    };
    match (setup.managed, setup.brings, setup.version) {
        (true, ..) => proofs["publicKey"] = json!({"hint": b64(&sha256(&signer.spki()))}),
        (_, Brings::Leaf, "0.3") => proofs["certificate"] = raw(&leaf_der),
        (_, Brings::Leaf, _) => proofs["x509CertificateChain"] = chain(&[]),
        (_, Brings::Middle, _) => proofs["x509CertificateChain"] = chain(&[&middle_der]),
        (_, Brings::Root, _) => proofs["x509CertificateChain"] = chain(&[&middle_der, &root_der]),
        (_, Brings::OwnAuthority, _) => {
            let own = Draft { spki: own_root.unwrap().spki(), ..middle_draft };
            proofs["x509CertificateChain"] = chain(&[&own.signed(&stranger)]);
        }
    }
    if setup.log != Log::Missing {
        proofs["tlogEntries"] = json!([entry]);
    }
    let envelope = setup.envelope.as_ref().map(|(kind, payload)| {
        json!({"payload": b64(payload), "payloadType": kind, "signatures": [{"sig": b64(&signature)}]})
    });
    let tsa_ders = tsa_certificates(setup, &tsa_root, &tsa, 7);
    if setup.stamp {
        let by = if setup.stamp_unknown { tsa_certificates(setup, &stranger, &stranger, 70) } else { tsa_ders.clone() };
        let key = if setup.stamp_unknown { &stranger } else { &tsa };
        let whole =
            envelope.as_ref().filter(|_| setup.stamped_envelope).map(|envelope| envelope.to_string().into_bytes());
        let message = setup.stamped.as_deref().or(whole.as_deref()).unwrap_or(&signature);
        let token = stamp(setup, &sha256(message), key, &by, &stranger);
        proofs["timestampVerificationData"] = json!({"rfc3161Timestamps": [{"signedTimestamp": b64(&token)}]});
    }
    let media_type = match setup.version {
        "0.3" => "application/vnd.dev.sigstore.bundle.v0.3+json".to_owned(),
        version => format!("application/vnd.dev.sigstore.bundle+json;version={version}"),
    };
    let mut bundle = json!({"mediaType": media_type, "verificationMaterial": proofs});
    match envelope {
        None => {
            bundle["messageSignature"] = json!({"signature": b64(&signature),
                "messageDigest": {"algorithm": "SHA2_256", "digest": b64(&sha256(&setup.artifact))}});
        }
        Some(envelope) => bundle["dsseEnvelope"] = envelope,
    }
    let trusted_root = json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [
            trusted_log("https://rekor.world.example", "PKIX_ECDSA_P256_SHA_256", &rekor.spki(), &rekor.id()),
            trusted_log(&format!("https://{v2_host}"), "PKIX_ED25519", &v2_spki, &v2_id),
        ],
        "ctlogs": [trusted_log("https://ct.world.example", "PKIX_ECDSA_P256_SHA_256", &ct.spki(), &ct.id())],
        "certificateAuthorities": [trusted_authority(&[&middle_der, &root_der])],
        "timestampAuthorities": [trusted_authority(&[&tsa_ders.0, &tsa_ders.1])],
    });
    let key = setup.managed.then(|| pem("PUBLIC KEY", &signer.spki()));
    Made { bundle, trusted_root, artifact: setup.artifact.clone(), key, certificate: leaf_der, sct }
}

/// The certificate of the authority of timestamps, and that above it.
pub fn tsa_certificates(setup: &Setup, above: &Key, key: &Key, serial: u64) -> (Vec<u8>, Vec<u8>) {
    let root = Draft {
        serial: 6,
        issuer: "world timestamps root",
        subject: "world timestamps root",
        valid: setup.tsa_above_valid,
        spki: above.spki(),
        extensions: [vec![authority(Some(0)), setup.tsa_above_usage.clone()], key_ids(above, above)].concat(),
    };
    let leaf = Draft {
        serial,
        issuer: "world timestamps root",
        subject: "world timestamps",
        valid: setup.tsa_valid,
        spki: key.spki(),
        extensions: [
            vec![setup.tsa_usage.clone(), purposes(&setup.tsa_purposes, setup.tsa_purposes_critical)],
            key_ids(key, above),
        ]
        .concat(),
    };
    (leaf.signed(above), root.signed(above))
}

/// An answer by RFC 3161 of what has this digest.
pub fn stamp(setup: &Setup, imprint: &[u8], key: &Key, certificates: &(Vec<u8>, Vec<u8>), stranger: &Key) -> Vec<u8> {
    let sha_256 = || der::sequence(&[der::oid("2.16.840.1.101.3.4.2.1")]);
    let kind = "1.2.840.113549.1.9.16.1.4";
    let info = der::sequence(&[
        der::integer(1),
        der::oid(setup.stamp_policy),
        der::sequence(&[sha_256(), der::octets(imprint)]),
        der::integer(4711),
        der::general_time(setup.stamp_time),
        if setup.stamp_accuracy { der::sequence(&[der::integer(1)]) } else { Vec::new() },
        der::integer(42),
    ]);
    let attribute = |id: &str, value: Vec<u8>| der::sequence(&[der::oid(id), der::set(&[value])]);
    let digest = if setup.stamp_other_content { sha256(b"other content") } else { sha256(&info) };
    let certificate_id = der::sequence(&[der::sequence(&[der::sequence(&[der::octets(&sha256(&certificates.0))])])]);
    let attributes = der::set(&[
        attribute("1.2.840.113549.1.9.3", der::oid(kind)),
        attribute("1.2.840.113549.1.9.5", der::time(setup.stamp_time)),
        attribute("1.2.840.113549.1.9.4", der::octets(&digest)),
        if setup.stamp_names_signer { attribute("1.2.840.113549.1.9.16.2.47", certificate_id) } else { Vec::new() },
    ]);
    let signature = if setup.stamp_bad_signature { stranger.sign(&attributes) } else { key.sign(&attributes) };
    let serial = if setup.stamp_unknown { 70 } else { 7 };
    let signer = der::sequence(&[
        der::integer(1),
        der::sequence(&[der::name("world timestamps root"), der::integer(serial)]),
        sha_256(),
        // The same bytes as were signed, under a tag of their own.
        [&[0xa0], &attributes[1..]].concat(),
        ecdsa(),
        der::octets(&signature),
    ]);
    let mut bag = Vec::new();
    if setup.stamp_forged {
        // The name and number of the authority's certificate, and somebody else's key.
        bag.push(tsa_certificates(setup, stranger, stranger, 7).0);
    }
    if setup.stamp_embeds {
        bag.push(certificates.0.clone());
    }
    let bag = if bag.is_empty() { Vec::new() } else { der::explicit(0, &bag.concat()) };
    let data = der::sequence(&[
        der::integer(3),
        der::set(&[sha_256()]),
        der::sequence(&[der::oid(kind), der::explicit(0, &der::octets(&info))]),
        bag,
        der::set(&[signer]),
    ]);
    let content = der::sequence(&[der::oid("1.2.840.113549.1.7.2"), der::explicit(0, &data)]);
    der::sequence(&[der::sequence(&[der::integer(0)]), content])
}

/// A purpose that is neither signing of code nor of timestamps.
pub const OTHER_PURPOSE: &str = SERVER;

/// An extension that nobody knows.
pub fn unknown_extension(critical: bool) -> Vec<u8> {
    der::extension("1.3.6.1.4.1.99999.1", critical, &der::utf8("?"))
}

/// A claim of Fulcio's.
pub fn claim(number: u8, value: &str) -> Vec<u8> {
    let content = if number < 8 { value.as_bytes().to_vec() } else { der::utf8(value) };
    der::extension(&format!("{FULCIO}.{number}"), false, &content)
}

/// The annotation `dev.sigstore.cosign/bundle` of a layer, of the entry that a bundle has.
pub fn annotation(entry: &Value) -> Value {
    let number = |name: &str| entry[name].as_str().unwrap().parse::<u64>().unwrap();
    json!({
        "SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
        "Payload": {"body": entry["canonicalizedBody"], "integratedTime": number("integratedTime"), "logIndex": number("logIndex"),
            "logID": hex(&unb64(&entry["logId"]["keyId"]))},
    })
}
