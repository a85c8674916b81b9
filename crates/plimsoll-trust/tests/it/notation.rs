//! Signatures of the Notary Project: what is true is held to be, and each way of being wrong has its code.

use std::collections::BTreeMap;

use jiff::Timestamp;
use plimsoll_trust::notation::{
    Action, COSE, Check, Identities, JWS, Level, Statement, Store, StoreKind, Stores, Target, Verified,
    VerifyTimestamp, anchors, verify,
};
use plimsoll_trust::{Reason, Refusal};
use serde_json::{Value, json};

use crate::der;
use crate::mutations::{places, wrong};
use crate::notary::{Kind, MANIFEST, Notarised, Notary, SUBJECT, notarise};
use crate::setup::Setup;
use crate::world::{
    CODE_SIGNING, DAY, OTHER_PURPOSE, SIGNED, SINCE, TIME_STAMPING, UNTIL, authority, pem, unknown_extension, usage,
};

const WHO: &str = "x509.subject: C=US, ST=WA, O=acme\\, inc";

/// Whom a signature is held against, and when.
struct Asked {
    level: Level,
    identity: &'static str,
    digest: String,
    size: Option<u64>,
    ca: Option<Store>,
    tsa: bool,
    verify_timestamp: VerifyTimestamp,
    metadata: BTreeMap<String, String>,
    at: i64,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            level: Level::STRICT,
            identity: WHO,
            digest: Notary::default().digest,
            size: Some(1234),
            ca: None,
            tsa: false,
            verify_timestamp: VerifyTimestamp::Always,
            metadata: BTreeMap::new(),
            at: SIGNED,
        }
    }
}

impl Asked {
    fn held(&self, made: &Notarised, envelope: &[u8]) -> Result<Verified, Refusal> {
        let root = anchors(StoreKind::Ca, &made.root).unwrap();
        let stores = Stores {
            ca: self.ca.clone().unwrap_or_else(|| Ok(root.clone())),
            signing_authority: Ok(root),
            tsa: self.tsa.then(|| anchors(StoreKind::Tsa, &made.tsa_root)),
        };
        let statement = Statement {
            name: "a".into(),
            scopes: vec!["*".into()],
            level: Some(self.level),
            verify_timestamp: self.verify_timestamp,
            stores: vec![],
            identities: Identities::parse([self.identity]).unwrap(),
        };
        let target = Target { digest: &self.digest, media_type: Some(MANIFEST), size: self.size };
        let now = Timestamp::from_second(self.at).unwrap();
        verify(JWS, envelope, &target, &statement, &stores, &self.metadata, now)
    }

    fn of(&self, made: &Notarised) -> Result<Verified, Refusal> {
        self.held(made, made.envelope.to_string().as_bytes())
    }

    fn refusal(&self, notary: Notary) -> Option<Reason> {
        self.of(&notarise(&notary)).err().map(|refusal| refusal.reason)
    }
}

#[test]
fn signatures_by_each_kind_of_key_are_true() {
    for (kind, words) in
        [(Kind::P256, "ECDSA-SHA-256"), (Kind::P384, "ECDSA-SHA-384"), (Kind::Rsa, "RSASSA-PSS-SHA-256")]
    {
        let made = notarise(&Notary { kind, ..Notary::default() });
        let verified = Asked::default().of(&made).unwrap_or_else(|why| panic!("{kind:?}: {why}"));
        assert_eq!(verified.envelope.algorithm(), words);
        assert!(verified.told.is_empty() && verified.signed_at.is_none());
        assert_eq!(verified.envelope.annotations()["build"], "7");
        assert_eq!(verified.envelope.chain()[0].subject_words(), SUBJECT);
        assert_eq!(verified.envelope.chain()[0].issuer_words(), "CN=notary authority,C=US");
        assert_eq!(verified.envelope.agent(), Some("offline world/1"));
    }
    let alone = Notary { alone: true, ..Notary::default() };
    assert_eq!(Asked::default().refusal(alone), None);
    let by_authority = Notary { signing_authority: true, ..Notary::default() };
    let verified = Asked::default().of(&notarise(&by_authority)).unwrap();
    assert_eq!(verified.signed_at, Some(Timestamp::from_second(SIGNED).unwrap()));
}

#[test]
fn each_way_of_being_wrong_has_its_code() {
    let scheme = "io.cncf.notary.signingScheme";
    let set = |name: &'static str, value: Value| Notary { protected: vec![(name, value)], ..Notary::default() };
    let middle = |middle: Vec<Vec<u8>>| Notary { middle, ..Notary::default() };
    let extra = |extension: Vec<u8>| Notary { leaf_extra: vec![extension], ..Notary::default() };
    let default = Notary::default;
    let cases: Vec<(&str, Notary, Option<Reason>)> = vec![
        ("another artifact", Notary { digest: "sha256:00".into(), ..default() }, Some(Reason::ArtifactMismatch)),
        ("another size", Notary { size: 1, ..default() }, Some(Reason::ArtifactMismatch)),
        ("another type", Notary { media_type: "a/b".into(), ..default() }, Some(Reason::ArtifactMismatch)),
        ("no algorithm", set("alg", json!("none")), Some(Reason::Malformed)),
        ("a symmetric one", set("alg", json!("HS256")), Some(Reason::Malformed)),
        ("PKCS #1 v1.5", Notary { kind: Kind::Rsa, ..set("alg", json!("RS256")) }, Some(Reason::Malformed)),
        ("that of another key", set("alg", json!("ES384")), Some(Reason::KeyMismatch)),
        ("that of a longer key", Notary { kind: Kind::Rsa, ..set("alg", json!("PS384")) }, Some(Reason::KeyMismatch)),
        ("P-521", set("alg", json!("ES512")), Some(Reason::Unsupported)),
        ("another payload", set("cty", json!("application/json")), Some(Reason::PayloadType)),
        ("no scheme", set(scheme, Value::Null), Some(Reason::Malformed)),
        ("an unknown scheme", set(scheme, json!("notary.other")), Some(Reason::Unsupported)),
        ("no time", set("io.cncf.notary.signingTime", Value::Null), Some(Reason::Malformed)),
        ("a bad time", set("io.cncf.notary.signingTime", json!("yesterday")), Some(Reason::Malformed)),
        (
            "both times",
            set("io.cncf.notary.authenticSigningTime", json!("2026-01-01T00:00:00Z")),
            Some(Reason::Malformed),
        ),
        ("nothing critical", set("crit", Value::Null), Some(Reason::Malformed)),
        ("the scheme is not critical", set("crit", json!([])), Some(Reason::Malformed)),
        ("critical twice", set("crit", json!([scheme, scheme])), Some(Reason::Malformed)),
        ("critical and not there", set("crit", json!([scheme, "a"])), Some(Reason::Malformed)),
        ("critical and registered", set("crit", json!([scheme, "alg"])), Some(Reason::Malformed)),
        (
            "an expiry that is not critical",
            set("io.cncf.notary.expiry", json!("2099-01-01T00:00:00Z")),
            Some(Reason::Malformed),
        ),
        ("an expiry before signing", Notary { expiry: Some(SIGNED - 1), ..default() }, Some(Reason::Malformed)),
        ("expired", Notary { expiry: Some(SIGNED + 1), ..default() }, None),
        (
            "an attribute that must be understood",
            Notary { protected: vec![("crit", json!([scheme, "a"])), ("a", json!(1))], ..default() },
            Some(Reason::Unsupported),
        ),
        ("one that need not", set("a", json!(1)), None),
        (
            "a plugin",
            Notary {
                protected: vec![
                    ("crit", json!([scheme, "io.cncf.notary.verificationPlugin"])),
                    ("io.cncf.notary.verificationPlugin", json!("com.example")),
                ],
                ..default()
            },
            Some(Reason::PluginNeeded),
        ),
        (
            "a plugin that is not critical",
            set("io.cncf.notary.verificationPlugin", json!("p")),
            Some(Reason::Malformed),
        ),
        (
            "a plugin's version alone",
            Notary {
                protected: vec![
                    ("crit", json!([scheme, "io.cncf.notary.verificationPluginMinVersion"])),
                    ("io.cncf.notary.verificationPluginMinVersion", json!("1.0.0")),
                ],
                ..default()
            },
            Some(Reason::Malformed),
        ),
        (
            "a digest of two lines",
            Notary { digest: "sha256:00\nVerified".into(), ..default() },
            Some(Reason::Malformed),
        ),
        ("no uses", Notary { leaf_usage: (0x80, false), ..default() }, Some(Reason::NotCodeSigning)),
        ("more uses", Notary { leaf_usage: (0xa0, true), ..default() }, Some(Reason::NotCodeSigning)),
        ("commitments, too", Notary { leaf_usage: (0xc0, true), ..default() }, None),
        (
            "for servers",
            Notary { leaf_purposes: vec![CODE_SIGNING, OTHER_PURPOSE], ..default() },
            Some(Reason::NotCodeSigning),
        ),
        ("for time stamps", Notary { leaf_purposes: vec![TIME_STAMPING], ..default() }, Some(Reason::NotCodeSigning)),
        ("for anything", Notary { leaf_purposes: vec!["2.5.29.37.0"], ..default() }, Some(Reason::NotCodeSigning)),
        ("for nothing that it says", Notary { leaf_purposes: vec![], ..default() }, None),
        ("an authority's", extra(authority(None)), Some(Reason::CertificateIsAuthority)),
        ("an extension that nobody knows", extra(unknown_extension(true)), None),
        (
            "a list of what is revoked",
            extra(der::extension("2.5.29.31", false, &der::sequence(&[]))),
            Some(Reason::RevocationUnknown),
        ),
        ("no authority above", middle(vec![usage(0x06)]), Some(Reason::IssuerPurpose)),
        ("one that signs no certificates", middle(vec![authority(None), usage(0x02)]), Some(Reason::IssuerPurpose)),
        ("one that does not say", middle(vec![authority(None)]), Some(Reason::IssuerPurpose)),
        ("authorities too deep", Notary { root_depth: Some(0), ..default() }, Some(Reason::IssuerPurpose)),
        ("authorities deep enough", Notary { root_depth: Some(1), ..default() }, None),
        (
            "a certificate that is over",
            Notary { leaf_valid: (SINCE, SIGNED - 1), ..default() },
            Some(Reason::CertificateNotValid),
        ),
        (
            "one that is to come",
            Notary { leaf_valid: (SIGNED + 1, UNTIL), ..default() },
            Some(Reason::CertificateNotValid),
        ),
        (
            "an issuer that is over",
            Notary { middle_valid: (SINCE, SIGNED - 1), ..default() },
            Some(Reason::IssuerNotValid),
        ),
        (
            "an authority's word for a time when it was not valid",
            Notary { signing_authority: true, leaf_valid: (SIGNED + 1, UNTIL), ..default() },
            Some(Reason::CertificateNotValid),
        ),
        (
            "somebody else",
            Notary { subject: vec![("2.5.4.6", "US"), ("2.5.4.8", "WA"), ("2.5.4.10", "acme")], ..default() },
            Some(Reason::IdentityMismatch),
        ),
        (
            "two of a kind",
            Notary {
                subject: vec![("2.5.4.6", "US"), ("2.5.4.8", "WA"), ("2.5.4.10", "acme, inc"), ("2.5.4.10", "other")],
                ..default()
            },
            Some(Reason::IdentityAmbiguous),
        ),
    ];
    for (name, notary, expected) in cases {
        assert_eq!(Asked::default().refusal(notary), expected, "{name}");
    }
    let late = Asked { at: SIGNED + 1, ..Asked::default() };
    assert_eq!(late.refusal(Notary { expiry: Some(SIGNED + 1), ..default() }), Some(Reason::SignatureExpired));
}

#[test]
fn what_is_trusted_is_in_the_store_of_the_scheme() {
    let made = notarise(&Notary::default());
    let other = notarise(&Notary::default());
    let with = |ca: Store| Asked { ca: Some(ca), ..Asked::default() }.of(&made).err().map(|why| why.reason);
    let store = |der: &[u8]| anchors(StoreKind::Ca, der);
    assert_eq!(with(store(&other.root)), Some(Reason::ChainUntrusted));
    assert_eq!(with(Ok(vec![])), Some(Reason::ChainUntrusted));
    let gone = Refusal::new(Reason::TrustStoreUnusable, "it is not there");
    assert_eq!(with(Err(gone)), Some(Reason::TrustStoreUnusable));
    // An authority between will do, in PEM and beside others.
    let both = format!("{}\n{}", pem("CERTIFICATE", &other.root), pem("CERTIFICATE", &made.chain[1]));
    assert_eq!(with(store(both.as_bytes())), None);
    assert_eq!(with(store(&[other.root, made.chain[1].clone()].concat())), None);
    // A signer's own is no anchor, nor is what is no root one of time stamps.
    assert_eq!(store(&made.chain[0]).unwrap_err().reason, Reason::ChainUntrusted);
    assert_eq!(anchors(StoreKind::Tsa, &made.chain[1]).unwrap_err().reason, Reason::ChainUntrusted);
    assert!(store(b"").is_err() && store(b"no certificate").is_err() && store(&made.root[1..]).is_err());
}

#[test]
fn levels_tell_what_they_do_not_enforce() {
    let notary = Notary {
        expiry: Some(SIGNED + 1),
        leaf_extra: vec![der::extension("2.5.29.31", false, &der::sequence(&[]))],
        leaf_valid: (SINCE, SIGNED),
        ..Notary::default()
    };
    let made = notarise(&notary);
    let told = |level, identity| {
        let verified = Asked { level, identity, at: SIGNED + DAY, ..Asked::default() }.of(&made)?;
        Ok::<_, Refusal>(verified.told.iter().map(|(check, why)| (*check, why.reason)).collect::<Vec<_>>())
    };
    let times = [
        (Check::Expiry, Reason::SignatureExpired),
        (Check::AuthenticTimestamp, Reason::CertificateNotValid),
        (Check::Revocation, Reason::RevocationUnknown),
    ];
    assert_eq!(told(Level::STRICT, WHO).unwrap_err().reason, Reason::SignatureExpired);
    assert_eq!(told(Level::PERMISSIVE, WHO).unwrap(), times);
    assert_eq!(told(Level::PERMISSIVE.with_revocation(Action::Skip), WHO).unwrap(), times[..2]);
    let stranger = "x509.subject: C=US, ST=WA, O=other";
    assert_eq!(told(Level::PERMISSIVE, stranger).unwrap_err().reason, Reason::IdentityMismatch);
    let authenticity = (Check::Authenticity, Reason::IdentityMismatch);
    assert_eq!(told(Level::AUDIT, stranger).unwrap(), [&[authenticity], &times[..]].concat());
    // What is not of this artifact counts at no level.
    let other = Asked { level: Level::AUDIT, digest: "sha256:00".into(), ..Asked::default() };
    assert_eq!(other.of(&made).unwrap_err().reason, Reason::ArtifactMismatch);
}

#[test]
fn what_a_stranger_signs_for_a_plugin_is_a_strangers() {
    let name = "io.cncf.notary.verificationPlugin";
    let protected = vec![("crit", json!(["io.cncf.notary.signingScheme", name])), (name, json!("com.example"))];
    let notary = Notary { protected, ..Notary::default() };
    let other = anchors(StoreKind::Ca, &notarise(&Notary::default()).root);
    let asked = |level| Asked { ca: Some(other.clone()), level, ..Asked::default() };
    assert_eq!(asked(Level::STRICT).refusal(notary.clone()), Some(Reason::ChainUntrusted));
    // Where nobody has to be trusted, nobody can tell.
    assert_eq!(asked(Level::AUDIT).refusal(notary), Some(Reason::PluginNeeded));
}

/// What a key is for, not critically.
fn uncritical(bits: u8) -> Vec<u8> {
    der::extension("2.5.29.15", false, &der::element(0x03, &[bits.trailing_zeros() as u8, bits]))
}

#[test]
fn a_clock_is_told_from_a_signer_in_words() {
    let stamp_setup = Setup { tsa_usage: uncritical(0x80), ..Setup::default() };
    let made = notarise(&Notary { stamp: Some(SIGNED), stamp_setup, ..Notary::default() });
    let why = Asked { tsa: true, ..Asked::default() }.of(&made).unwrap_err();
    assert!(why.message.contains("the clock's certificate"), "{why}");
}

#[test]
fn a_time_stamp_outlasts_the_certificate() {
    let notary = Notary { stamp: Some(SIGNED), ..Notary::default() };
    let late = || Asked { tsa: true, at: SIGNED + 30 * DAY, ..Asked::default() };
    let verified = late().of(&notarise(&notary)).unwrap();
    // The authority's clock is right to a second.
    assert_eq!(verified.signed_at, Some(Timestamp::from_second(SIGNED + 1).unwrap()));
    assert_eq!(Asked { tsa: false, ..late() }.refusal(notary.clone()), Some(Reason::CertificateNotValid));
    let setup = |stamp_setup: Setup| Notary { stamp_setup, ..notary.clone() };
    for (name, notary, expected) in [
        ("none", Notary::default(), Reason::TimeMissing),
        ("too late", Notary { stamp: Some(SIGNED + 2 * DAY), ..Notary::default() }, Reason::CertificateNotValid),
        ("at the edge", Notary { stamp: Some(SIGNED + DAY), ..Notary::default() }, Reason::CertificateNotValid),
        ("of something else", setup(Setup { stamped: Some(vec![7; 32]), ..Setup::default() }), Reason::TimestampOther),
        ("forged", setup(Setup { stamp_bad_signature: true, ..Setup::default() }), Reason::TimestampInvalid),
        ("in another's name", setup(Setup { stamp_forged: true, ..Setup::default() }), Reason::TimestampUntrusted),
        (
            "without its certificate",
            setup(Setup { stamp_embeds: false, ..Setup::default() }),
            Reason::TimestampUntrusted,
        ),
        (
            "by a signer of code",
            setup(Setup { tsa_purposes: vec![CODE_SIGNING], ..Setup::default() }),
            Reason::TimestampPurpose,
        ),
        (
            "by one not yet valid",
            setup(Setup { tsa_valid: (SIGNED + 1, UNTIL), ..Setup::default() }),
            Reason::TimestampNotValid,
        ),
        (
            "that does not say which certificate it was signed with",
            setup(Setup { stamp_names_signer: false, ..Setup::default() }),
            Reason::TimestampInvalid,
        ),
        (
            "by a clock whose key is for more than data",
            setup(Setup { tsa_usage: usage(0xc0 | 0x20), ..Setup::default() }),
            Reason::TimestampPurpose,
        ),
        (
            "by a clock that does not say critically what its key is for",
            setup(Setup { tsa_usage: uncritical(0x80), ..Setup::default() }),
            Reason::TimestampPurpose,
        ),
        (
            "by a clock below one that does not say critically that it issues",
            setup(Setup { tsa_above_usage: uncritical(0x06), ..Setup::default() }),
            Reason::TimestampPurpose,
        ),
    ] {
        assert_eq!(late().refusal(notary), Some(expected), "{name}");
    }
    // How right a clock is: by its own word, else a second where it follows the baseline policy, else wholly.
    for (stamp_policy, stamp_accuracy, seconds) in
        [("0.4.0.2023.1.1", false, 1), ("0.4.0.2023.1.1", true, 1), ("1.3.6.1.4.1.57264.2", false, 0)]
    {
        let made = notarise(&setup(Setup { stamp_policy, stamp_accuracy, ..Setup::default() }));
        let verified = late().of(&made).unwrap();
        assert_eq!(verified.signed_at, Some(Timestamp::from_second(SIGNED + seconds).unwrap()), "{stamp_policy}");
    }
    // Where a stamp is wanted once it is needed, none is while the certificates last.
    let when_needed =
        |at| Asked { tsa: true, verify_timestamp: VerifyTimestamp::AfterCertExpiry, at, ..Asked::default() };
    assert_eq!(when_needed(SIGNED).refusal(Notary::default()), None);
    assert_eq!(when_needed(SIGNED + 30 * DAY).refusal(Notary::default()), Some(Reason::TimeMissing));
}

#[test]
fn metadata_that_is_demanded_is_signed() {
    let made = notarise(&Notary::default());
    let with = |pairs: &[(&str, &str)]| {
        let metadata = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Asked { metadata, ..Asked::default() }.of(&made).err().map(|why| why.reason)
    };
    assert_eq!(with(&[("build", "7")]), None);
    assert_eq!(with(&[("build", "8")]), Some(Reason::AnnotationMismatch));
    assert_eq!(with(&[("build", "7"), ("other", "")]), Some(Reason::AnnotationMismatch));
}

#[test]
fn other_envelopes_are_told_from_none() {
    let statement = Statement {
        name: "a".into(),
        scopes: vec![],
        level: Some(Level::AUDIT),
        verify_timestamp: VerifyTimestamp::Always,
        stores: vec![],
        identities: Identities::Any,
    };
    let stores = Stores { ca: Ok(vec![]), signing_authority: Ok(vec![]), tsa: None };
    let target = Target { digest: "sha256:00", media_type: None, size: None };
    let held = |media_type, bytes: &[u8]| {
        let now = Timestamp::from_second(SIGNED).unwrap();
        verify(media_type, bytes, &target, &statement, &stores, &BTreeMap::new(), now).unwrap_err().reason
    };
    assert_eq!(held(COSE, b"\xd2\x84"), Reason::Unsupported);
    assert_eq!(held("text/plain", b"{}"), Reason::Malformed);
    assert_eq!(held(JWS, b"{}"), Reason::Malformed);
    assert_eq!(held(JWS, &vec![b' '; 5 << 20]), Reason::TooLarge);
    assert!(
        Reason::Unsupported.is_untold() && Reason::RevocationUnknown.is_untold() && Reason::PluginNeeded.is_untold()
    );
    // What a stranger's bytes can bring about leaves no doubt.
    for reason in [Reason::Unsupported, Reason::TooLarge, Reason::ArtifactNeeded, Reason::Malformed] {
        assert!(!reason.is_doubt(), "{}", reason.code());
    }
    assert!(Reason::RevocationUnknown.is_doubt() && Reason::PluginNeeded.is_doubt());
}

#[test]
fn the_form_of_an_envelope_is_one() {
    let made = notarise(&Notary::default());
    type Change = fn(&mut Value);
    let ways: [(&str, Change); 9] = [
        ("a member that it does not have", |e| e["other"] = json!(1)),
        ("the general form", |e| e["signatures"] = json!([])),
        ("padding", |e| e["payload"] = format!("{}=", e["payload"].as_str().unwrap()).into()),
        ("a line's end", |e| e["payload"] = format!("{}\n", e["payload"].as_str().unwrap()).into()),
        ("attributes that nobody signed", |e| e["header"]["io.cncf.notary.expiry"] = json!("2099-01-01T00:00:00Z")),
        ("no chain", |e| e["header"]["x5c"] = json!([])),
        ("a chain without its end", |e| drop(e["header"]["x5c"].as_array_mut().unwrap().pop())),
        ("a chain in another order", |e| e["header"]["x5c"].as_array_mut().unwrap().swap(1, 2)),
        ("a certificate too many", |e| {
            let root = e["header"]["x5c"][2].clone();
            e["header"]["x5c"].as_array_mut().unwrap().push(root);
        }),
    ];
    for (name, change) in ways {
        let mut envelope = made.envelope.clone();
        change(&mut envelope);
        let refused = Asked::default().held(&made, envelope.to_string().as_bytes()).unwrap_err();
        assert!(matches!(refused.reason, Reason::Malformed | Reason::ChainBroken), "{name}: {refused}");
    }
    let text = made.envelope.to_string();
    let twice = text.replacen('{', &format!("{{\"payload\":{},", made.envelope["payload"]), 1);
    assert_eq!(Asked::default().held(&made, twice.as_bytes()).unwrap_err().reason, Reason::Malformed);
}

#[test]
fn whatever_is_changed_of_a_notary_signature_is_refused_or_still_true() {
    let notaries = [
        Notary { expiry: Some(SIGNED + DAY), ..Notary::default() },
        Notary { stamp: Some(SIGNED), kind: Kind::Rsa, ..Notary::default() },
        Notary { signing_authority: true, kind: Kind::P384, ..Notary::default() },
    ];
    let mut tried = 0;
    for notary in notaries {
        let made = notarise(&notary);
        let asked = Asked { tsa: notary.stamp.is_some(), ..Asked::default() };
        let truth = asked.of(&made).unwrap();
        let said = |one: &Verified| {
            let one = &one.envelope;
            let (kind, digest, size) = one.target();
            let chain: Vec<_> = one.chain().iter().map(|c| c.der().to_vec()).collect();
            (
                kind.to_owned(),
                digest.to_owned(),
                size,
                one.annotations().clone(),
                one.expiry(),
                one.signing_time(),
                chain,
            )
        };
        let mut all = Vec::new();
        places(&made.envelope, "", &mut all);
        // What was signed, as text: every byte of it counts.
        for place in &all {
            for value in wrong(made.envelope.pointer(place).unwrap()) {
                let mut envelope = made.envelope.clone();
                *envelope.pointer_mut(place).unwrap() = value.clone();
                tried += 1;
                if let Ok(verified) = asked.held(&made, envelope.to_string().as_bytes()) {
                    assert_eq!(said(&verified), said(&truth), "{place} is {value}");
                    let free = place == "/header/io.cncf.notary.signingAgent"
                        || (place == "/header/io.cncf.notary.timestampSignature"
                            && verified.signed_at == truth.signed_at);
                    assert!(free, "{place} is {value}, and was accepted");
                }
            }
        }
        let text = made.envelope["protected"].as_str().unwrap();
        for at in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let mut envelope = made.envelope.clone();
            envelope["protected"] = String::from_utf8(changed).unwrap().into();
            tried += 1;
            assert!(asked.held(&made, envelope.to_string().as_bytes()).is_err(), "byte {at} of the protected header");
        }
    }
    assert!(tried > 1000, "{tried}");
}
