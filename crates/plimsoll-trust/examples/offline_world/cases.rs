//! The cases of the offline world: what is set wrong, and the code with which it must be refused. Their numbers, where they have one,
//! are those of the attacks that were once good for others.

use plimsoll_trust::{
    Artifact, Bundle, CLAIMS, Demand, Hash, Identity, Pattern, PublicKey, Reason, Refusal, Signer, Subject,
    TrustMaterial, Verified, verify_bundle,
};
use serde_json::{Value, json};

use super::der;
use super::world::*;

/// Whom a case demands.
#[derive(Clone)]
pub enum Who {
    /// Name and issuer, exactly.
    Exact(&'static str, &'static str),
    /// A glob for the name.
    Glob(&'static str),
    /// A regular expression for the name.
    Regexp(&'static str),
    /// A claim, exactly.
    Claim(&'static str, &'static str),
    /// The key that signed.
    Key,
    /// Another key.
    OtherKey,
    /// Nobody.
    Nobody,
}

/// What a peer can be asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// It must say the same.
    Agrees,
    /// It cannot judge: keys, other demands than name and issuer, kinds of entries that it does not know.
    Unable,
    /// It says the opposite, and we know why; the word says it.
    Differs(&'static str),
}

pub struct Case {
    pub name: &'static str,
    pub made: Made,
    pub who: Who,
    pub subject: Subject,
    pub expected: Result<(), Reason>,
    pub peer: Peer,
}

impl Case {
    fn new(name: &'static str, setup: Setup, expected: Result<(), Reason>) -> Self {
        let peer = if setup.managed || setup.kind == Kind::Intoto { Peer::Unable } else { Peer::Agrees };
        let who = if setup.managed { Who::Key } else { Who::Exact(IDENTITY, ISSUER) };
        Self { name, made: make(&setup), who, subject: Subject::Any, expected, peer }
    }
    fn change(mut self, change: impl FnOnce(&mut Made)) -> Self {
        change(&mut self.made);
        self
    }
    /// Sets a member of the bundle, which must be there.
    fn set(self, place: &str, value: Value) -> Self {
        self.change(|made| *made.bundle.pointer_mut(place).expect(place) = value)
    }
    fn who(mut self, who: Who) -> Self {
        if !matches!(who, Who::Exact(..)) {
            self.peer = Peer::Unable;
        }
        self.who = who;
        self
    }
    fn subject(mut self, subject: Subject) -> Self {
        self.subject = subject;
        self.peer = Peer::Unable;
        self
    }
    fn peer(mut self, peer: Peer) -> Self {
        self.peer = peer;
        self
    }

    /// What we say, of the artifact's bytes or of its digest.
    pub fn judge(&self, by_digest: bool) -> Result<Verified, Refusal> {
        let trust = TrustMaterial::from_json(self.made.trusted_root.to_string().as_bytes())?;
        let bundle = Bundle::from_json(self.made.bundle.to_string().as_bytes())?;
        let identity = |name: Pattern| vec![Identity::new(name, Pattern::exact(ISSUER))];
        let signer = match &self.who {
            Who::Exact(name, issuer) => {
                Signer::Keyless(vec![Identity::new(Pattern::exact(name), Pattern::exact(issuer))])
            }
            Who::Glob(glob) => Signer::Keyless(identity(Pattern::glob(glob)?)),
            Who::Regexp(expression) => Signer::Keyless(identity(Pattern::regexp_anywhere(expression)?)),
            Who::Claim(name, value) => {
                let claim = *CLAIMS.iter().find(|claim| claim.name == *name).expect("a claim");
                let mut identity = Identity::new(Pattern::exact(IDENTITY), Pattern::exact(ISSUER));
                identity.claims.push((claim, (*value).to_owned()));
                Signer::Keyless(vec![identity])
            }
            Who::Key => Signer::Key(PublicKey::from_pem(self.made.key.as_ref().expect("a key").as_bytes())?),
            Who::OtherKey => Signer::Key(PublicKey::from_spki(&Key::new().spki())?),
            Who::Nobody => Signer::Keyless(Vec::new()),
        };
        let artifact = match by_digest {
            true => Artifact::Digest(Hash::Sha256, sha256(&self.made.artifact)),
            false => Artifact::Bytes(&self.made.artifact),
        };
        let demand = Demand::new(signer, self.subject.clone());
        verify_bundle(&bundle, &artifact, &trust, &demand, jiff::Timestamp::from_second(SIGNED + 300 * DAY).unwrap())
    }
}

const ENTRY: &str = "/verificationMaterial/tlogEntries/0";

fn flip(value: &mut Value) {
    let mut bytes = unb64(value);
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    *value = b64(&bytes).into();
}

fn note(made: &mut Made, change: impl FnOnce(String) -> String) {
    let note = made.bundle.pointer_mut(&format!("{ENTRY}/inclusionProof/checkpoint/envelope")).unwrap();
    *note = change(note.as_str().unwrap().to_owned()).into();
}

/// All cases.
pub fn all() -> Vec<Case> {
    [good(), logs(), times(), certificates(), identities(), contents(), roots()].into_iter().flatten().collect()
}

fn good() -> Vec<Case> {
    let s = Setup::default;
    let ok = |name, setup| Case::new(name, setup, Ok(()));
    vec![
        ok("v1", s()),
        ok("v1-bundle-0.2", Setup { version: "0.2", ..s() }),
        ok("v1-bundle-0.1-promise-alone", Setup { version: "0.1", proof: false, ..s() })
            .peer(Peer::Differs("it reads no bundle without a proof")),
        ok("v1-bundle-0.1-with-intermediate", Setup { version: "0.1", brings: Brings::Middle, ..s() }),
        ok("v1-with-timestamp", Setup { stamp: true, ..s() }),
        ok("v1-timestamp-and-no-promise", Setup { stamp: true, promise: false, ..s() }),
        ok("v1-dsse", Setup::statement(SIGN)).subject(Subject::Signature).peer(Peer::Agrees),
        ok("v1-intoto", Setup { kind: Kind::Intoto, ..Setup::statement(SIGN) }).subject(Subject::Signature),
        ok("v2", Setup::v2()),
        ok("v2-timestamp-without-certificates", Setup { stamp_embeds: false, ..Setup::v2() }),
        ok("v2-cosigned", Setup { witnesses: 3, ..Setup::v2() }),
        ok("v2-dsse", Setup { log: Log::V2, stamp: true, ..Setup::statement("https://slsa.dev/provenance/v1") })
            .subject(Subject::Predicate("https://slsa.dev/provenance/v1".into()))
            .peer(Peer::Agrees),
        ok("key-v1", Setup { managed: true, ..s() }),
        ok("key-v1-dsse", Setup { managed: true, ..Setup::statement(SIGN) }),
        ok("key-v2", Setup { managed: true, log: Log::V2, ..s() }),
        ok("sct-with-extensions", Setup { sct: Sct::WithExtensions, ..s() }),
        ok("sct-of-an-unknown-log-beside-a-good-one", Setup { sct: Sct::UnknownAndGood, ..s() })
            .peer(Peer::Differs("it takes one proof of logging and no more")),
        ok("email", Setup { leaf_names: vec![der::element(0x81, b"someone@example.com")], ..s() })
            .who(Who::Exact("someone@example.com", ISSUER)),
        ok("issuer-in-its-new-form-alone", Setup { leaf_issuers: (None, Some(ISSUER)), ..s() })
            .peer(Peer::Differs("its demand of an issuer reads the old form alone")),
        ok("issuer-in-its-old-form-alone", Setup { leaf_issuers: (Some(ISSUER), None), ..s() }),
        ok("unknown-extension", Setup { leaf_extra: vec![unknown_extension(false)], ..s() }),
        ok("glob", s()).who(Who::Glob("https://github.com/acme/*/.github/workflows/release.yml@refs/tags/*")),
        ok("regexp", s()).who(Who::Regexp("https://github.com/acme/.+@refs/tags/v[0-9]+")),
        ok("claim", Setup { leaf_extra: vec![claim(5, "acme/shop")], ..s() })
            .who(Who::Claim("github-workflow-repository", "acme/shop")),
        ok("claim-in-its-new-form", Setup { leaf_extra: vec![claim(22, "public")], ..s() })
            .who(Who::Claim("source-repository-visibility", "public")),
    ]
}

fn logs() -> Vec<Case> {
    let s = Setup::default;
    let no = |name, setup, reason| Case::new(name, setup, Err(reason));
    let mut cases = Vec::new();
    // 2: genuine entries of something else, by each kind.
    for (suffix, setup) in [
        ("hashedrekord", s()),
        ("v2", Setup::v2()),
        ("v2-dsse", Setup { log: Log::V2, stamp: true, ..Setup::statement(SIGN) }),
        ("dsse", Setup::statement(SIGN)),
        ("intoto", Setup { kind: Kind::Intoto, ..Setup::statement(SIGN) }),
        ("key", Setup { managed: true, ..s() }),
        ("key-v2", Setup { managed: true, ..Setup::v2() }),
    ] {
        let name = |what: &str| &*String::leak(format!("2-entry-of-another-{what}-{suffix}"));
        cases.push(no(name("artifact"), Setup { logged_artifact: true, ..setup.clone() }, Reason::LogEntryArtifact));
        cases.push(no(name("signature"), Setup { logged_signature: true, ..setup.clone() }, Reason::LogEntrySignature));
        cases.push(no(name("key"), Setup { logged_key: true, ..setup }, Reason::LogEntryKey));
    }
    cases.extend([
        no(
            "2-entry-of-a-signature-for-an-envelope",
            Setup { kind: Kind::Dsse, ..Setup::statement(SIGN) },
            Reason::Malformed,
        )
        .set(&format!("{ENTRY}/kindVersion/kind"), json!("hashedrekord")),
        no("no-entry", Setup { log: Log::Missing, stamp: true, ..s() }, Reason::LogEntryMissing),
        no("entry-of-an-unknown-log", s(), Reason::LogUnknown)
            .set(&format!("{ENTRY}/logId/keyId"), json!(b64(&[7; 32]))),
        no("unknown-version-of-bundle", s(), Reason::Unsupported)
            .set("/mediaType", json!("application/vnd.dev.sigstore.bundle.v9+json")),
        no("8-promise-flipped", s(), Reason::PromiseInvalid).change(|made| {
            flip(&mut made.bundle["verificationMaterial"]["tlogEntries"][0]["inclusionPromise"]["signedEntryTimestamp"])
        }),
        no("8-integrated-time-changed", s(), Reason::PromiseInvalid)
            .set(&format!("{ENTRY}/integratedTime"), json!((SIGNED + 1).to_string())),
        no("8-index-changed", s(), Reason::PromiseInvalid).set(&format!("{ENTRY}/logIndex"), json!("17")),
        no("8-no-promise-no-timestamp", Setup { promise: false, ..s() }, Reason::TimeNotAuthenticated),
        no("8-no-promise-in-0.1", Setup { version: "0.1", promise: false, ..s() }, Reason::PromiseMissing),
        no("no-proof", Setup { proof: false, ..s() }, Reason::InclusionMissing),
        no("v2-no-proof", Setup { proof: false, ..Setup::v2() }, Reason::InclusionMissing),
        // An early bundle is content with a promise, and such an entry has none: its word would be nobody's.
        no(
            "8-v2-in-0.1-without-proof",
            Setup { version: "0.1", proof: false, ..Setup::v2() },
            Reason::InclusionMissing,
        ),
        no("23-v2-in-0.1-without-checkpoint", Setup { version: "0.1", ..Setup::v2() }, Reason::CheckpointUnsigned)
            .set(&format!("{ENTRY}/inclusionProof/checkpoint"), json!(null)),
        no("proof-of-another-place", s(), Reason::InclusionInvalid)
            .set(&format!("{ENTRY}/inclusionProof/logIndex"), json!("0")),
        no("proof-with-another-hash", s(), Reason::InclusionInvalid)
            .set(&format!("{ENTRY}/inclusionProof/hashes/0"), json!(b64(&[1; 32]))),
        no("proof-with-no-hash", s(), Reason::InclusionInvalid)
            .set(&format!("{ENTRY}/inclusionProof/hashes"), json!([])),
        no("proof-beyond-the-tree", s(), Reason::InclusionInvalid)
            .set(&format!("{ENTRY}/inclusionProof/logIndex"), json!("2")),
        no("proof-with-another-size", s(), Reason::InclusionInvalid)
            .set(&format!("{ENTRY}/inclusionProof/treeSize"), json!("3")),
        no("23-no-checkpoint", s(), Reason::CheckpointUnsigned)
            .set(&format!("{ENTRY}/inclusionProof/checkpoint"), json!(null)),
        no(
            "23-v2-checkpoint-of-another-origin",
            Setup { origin: Some("other.example".into()), ..Setup::v2() },
            Reason::CheckpointOrigin,
        )
        .peer(Peer::Differs("it does not hold the origin against the log's address")),
        no("23-checkpoint-by-somebody-else", Setup { checkpoint_by_other: true, ..s() }, Reason::CheckpointInvalid),
        no(
            "23-v2-checkpoint-by-somebody-else",
            Setup { checkpoint_by_other: true, ..Setup::v2() },
            Reason::CheckpointInvalid,
        ),
        no("23-checkpoint-of-another-root", s(), Reason::CheckpointInvalid).change(|made| {
            note(made, |note| {
                let mut lines: Vec<_> = note.split('\n').map(str::to_owned).collect();
                lines[2] = b64(&[3; 32]);
                lines.join("\n")
            });
        }),
        no("23-checkpoint-of-an-older-tree", Setup { checkpoint_older: true, ..s() }, Reason::CheckpointMismatch),
        no(
            "23-v2-checkpoint-of-an-older-tree",
            Setup { checkpoint_older: true, ..Setup::v2() },
            Reason::CheckpointMismatch,
        ),
        no("23-checkpoint-without-origin", s(), Reason::CheckpointMalformed)
            .change(|made| note(made, |note| note.split_once('\n').unwrap().1.to_owned())),
        no("23-checkpoint-without-signatures", s(), Reason::CheckpointUnsigned)
            .change(|made| note(made, |note| note.split("\u{2014}").next().unwrap().to_owned())),
        no("23-key-hint-of-another-log", s(), Reason::CheckpointUnsigned).change(|made| {
            note(made, |note| {
                let (before, signature) = note.trim_end().rsplit_once(' ').unwrap();
                let mut bytes = unb64(&json!(signature));
                bytes[0] ^= 1;
                format!("{before} {}\n", b64(&bytes))
            });
        }),
    ]);
    cases
}

fn times() -> Vec<Case> {
    let s = Setup::default;
    let no = |name, setup, reason| Case::new(name, setup, Err(reason));
    vec![
        no("7-expired-at-integrated-time", Setup { integrated: SIGNED + 3600, ..s() }, Reason::CertificateNotValid),
        no("7-not-yet-valid-at-integrated-time", Setup { integrated: SIGNED - 3600, ..s() }, Reason::CertificateNotValid),
        no("7-expired-at-timestamp", Setup { stamp_time: SIGNED + 3600, ..Setup::v2() }, Reason::CertificateNotValid),
        no("7-one-of-two-times-outside", Setup { stamp: true, stamp_time: SIGNED + 3600, ..s() }, Reason::CertificateNotValid),
        no("7-v2-no-time", Setup { stamp: false, ..Setup::v2() }, Reason::TimeMissing),
        no("7-v2-claims-an-integrated-time", Setup { stamp: false, ..Setup::v2() }, Reason::TimeNotAuthenticated)
            .change(|made| made.bundle["verificationMaterial"]["tlogEntries"][0]["integratedTime"] = json!(SIGNED.to_string())),
        no("9-forged-certificate-in-the-bag", Setup { stamp_forged: true, ..Setup::v2() }, Reason::TimestampForged)
            // Which of the two the peer looks at hangs on their bytes, which are random.
            .peer(Peer::Unable),
        no("9-forged-certificate-and-not-the-true-one", Setup { stamp_forged: true, stamp_embeds: false, ..Setup::v2() }, Reason::TimestampForged),
        no("10-timestamp-of-another-signature", Setup { stamped: Some(b"another".to_vec()), ..Setup::v2() }, Reason::TimestampOther),
        no("10-timestamp-of-the-artifact", Setup { stamped: Some(ARTIFACT.to_vec()), ..Setup::v2() }, Reason::TimestampOther),
        no("10-timestamp-authority-unknown", Setup { stamp_unknown: true, ..Setup::v2() }, Reason::TimestampUntrusted),
        no("10-timestamp-before-its-authority-is-trusted", Setup::v2(), Reason::TimestampNotValid).change(|made| {
            made.trusted_root["timestampAuthorities"][0]["validFor"]["start"] = json!("2026-01-01T00:01:01Z");
        }),
        no("10-timestamp-after-its-authority-was-trusted", Setup::v2(), Reason::TimestampNotValid).change(|made| {
            made.trusted_root["timestampAuthorities"][0]["validFor"]["end"] = json!("2026-01-01T00:00:59Z");
        }),
        no("10-timestamp-without-its-purpose", Setup { tsa_purposes: vec![OTHER_PURPOSE], ..Setup::v2() }, Reason::TimestampPurpose),
        no("10-timestamp-with-two-purposes", Setup { tsa_purposes: vec![TIME_STAMPING, CODE_SIGNING], ..Setup::v2() }, Reason::TimestampPurpose),
        no("10-timestamp-purpose-not-critical", Setup { tsa_purposes_critical: false, ..Setup::v2() }, Reason::TimestampPurpose),
        no("10-timestamp-certificate-expired", Setup { tsa_valid: (SINCE, SIGNED - 1), ..Setup::v2() }, Reason::TimestampNotValid),
        no("10-timestamp-root-expired", Setup { tsa_above_valid: (SINCE, SIGNED - 1), ..Setup::v2() }, Reason::TimestampNotValid),
        no("10-timestamp-signature-wrong", Setup { stamp_bad_signature: true, ..Setup::v2() }, Reason::TimestampInvalid),
        no("10-timestamp-of-other-content", Setup { stamp_other_content: true, ..Setup::v2() }, Reason::TimestampInvalid),
        no("10-timestamp-cut-off", Setup::v2(), Reason::TimestampInvalid).change(|made| {
            let token = &mut made.bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"];
            let mut bytes = unb64(token);
            bytes.truncate(200);
            *token = json!(b64(&bytes));
        }),
        no("10-wrong-timestamp-beside-a-good-time", Setup { stamp: true, stamp_bad_signature: true, ..s() }, Reason::TimestampInvalid).peer(Peer::Differs("it passes over a wrong timestamp where another time is good")),
    ]
}

fn certificates() -> Vec<Case> {
    let s = Setup::default;
    let no = |name, setup, reason| Case::new(name, setup, Err(reason));
    vec![
        no(
            "6-issuer-expired-before-signing",
            Setup { middle_valid: (SINCE, SIGNED - 30), ..s() },
            Reason::IssuerNotValid,
        ),
        no("6-issuer-not-yet-valid", Setup { middle_valid: (SIGNED + 30, UNTIL), ..s() }, Reason::IssuerNotValid),
        no(
            "6-issuer-expired-before-timestamp",
            Setup { middle_valid: (SINCE, SIGNED - 30), ..Setup::v2() },
            Reason::IssuerNotValid,
        ),
        no("6-authority-no-longer-trusted", s(), Reason::AuthorityNotValid)
            .change(|made| {
                made.trusted_root["certificateAuthorities"][0]["validFor"]["end"] = json!("2026-01-01T00:00:30Z");
            })
            .peer(Peer::Differs("it takes every authority that is trusted today, or was")),
        no("11-no-sct", Setup { sct: Sct::Missing, ..s() }, Reason::SctMissing),
        no("11-empty-list-of-scts", Setup { sct: Sct::Empty, ..s() }, Reason::SctMissing),
        no("11-sct-cut-off", Setup { sct: Sct::Truncated, ..s() }, Reason::SctInvalid),
        no("11-sct-of-an-unknown-log", Setup { sct: Sct::UnknownLog, ..s() }, Reason::SctUntrusted),
        no("11-sct-with-a-wrong-signature", Setup { sct: Sct::BadSignature, ..s() }, Reason::SctInvalid),
        no("11-sct-of-another-issuer", Setup { sct: Sct::OtherIssuer, ..s() }, Reason::SctInvalid),
        no("11-sct-of-another-version", Setup { sct: Sct::OtherVersion, ..s() }, Reason::SctInvalid),
        no("11-sct-before-its-log-is-trusted", Setup { sct: Sct::TooEarly, ..s() }, Reason::SctUntrusted)
            .peer(Peer::Differs("it does not hold the proof's time against the log's")),
        no("12-not-for-code", Setup { leaf_purposes: vec![OTHER_PURPOSE], ..s() }, Reason::NotCodeSigning),
        no("12-for-nothing", Setup { leaf_purposes: vec![], ..s() }, Reason::NotCodeSigning),
        no("12-for-no-signatures", Setup { leaf_usage: 0x08, ..s() }, Reason::NotCodeSigning),
        no(
            "12-an-authority-as-signer",
            Setup { leaf_is_authority: true, leaf_usage: 0x84, ..s() },
            Reason::CertificateIsAuthority,
        ),
        no("12-may-sign-certificates-alone", Setup { leaf_usage: 0x04, ..s() }, Reason::CertificateIsAuthority),
        no("12-issuer-not-for-code", Setup { middle_purposes: vec![OTHER_PURPOSE], ..s() }, Reason::IssuerPurpose)
            .peer(Peer::Differs("it asks no purpose of issuers")),
        no("12-issuer-for-nothing", Setup { middle_purposes: vec![], ..s() }, Reason::IssuerPurpose)
            .peer(Peer::Differs("it asks no purpose of issuers")),
        no("12-issuer-is-no-authority", Setup { middle_is_authority: false, ..s() }, Reason::IssuerPurpose),
        no("12-root-in-the-chain", Setup { version: "0.2", brings: Brings::Root, ..s() }, Reason::RootInChain)
            .peer(Peer::Differs("it warns of a root that is brought, and goes on")),
        no(
            "12-own-authority-in-the-chain",
            Setup { version: "0.2", brings: Brings::OwnAuthority, ..s() },
            Reason::ChainUntrusted,
        ),
        no("chain-in-0.3", Setup { brings: Brings::Middle, ..s() }, Reason::Malformed),
        no(
            "unknown-critical-extension",
            Setup { leaf_extra: vec![unknown_extension(true)], ..s() },
            Reason::CriticalExtension,
        ),
        no("21-certificate-cut-off", s(), Reason::Malformed).change(|made| {
            let raw = &mut made.bundle["verificationMaterial"]["certificate"]["rawBytes"];
            let mut bytes = unb64(raw);
            bytes.truncate(bytes.len() - 3);
            *raw = json!(b64(&bytes));
        }),
        no("21-length-in-more-bytes-than-it-needs", s(), Reason::Malformed).change(|made| {
            let raw = &mut made.bundle["verificationMaterial"]["certificate"]["rawBytes"];
            let bytes = unb64(raw);
            assert_eq!(bytes[1], 0x82);
            *raw = json!(b64(&[&[0x30, 0x83, 0x00], &bytes[2..]].concat()));
        }),
        no("certificate-of-another-signer", s(), Reason::SignatureInvalid).change(|made| {
            // All of another signer's proofs, and this one's signature.
            let other = make(&Setup::default());
            made.bundle["verificationMaterial"] = other.bundle["verificationMaterial"].clone();
            made.trusted_root = other.trusted_root;
        }),
    ]
}

fn identities() -> Vec<Case> {
    let s = Setup::default;
    let no = |name, setup, reason| Case::new(name, setup, Err(reason));
    let uri = |text: &str| der::element(0x86, text.as_bytes());
    let named = |text: &str| Setup { leaf_names: vec![uri(text)], ..Setup::default() };
    vec![
        no("13-another-identity", s(), Reason::IdentityMismatch)
            .who(Who::Exact("https://github.com/acme/other", ISSUER)),
        no("13-a-prefix", s(), Reason::IdentityMismatch).who(Who::Exact("https://github.com/acme", ISSUER)),
        no("13-a-longer-one", named(&format!("{IDENTITY}.evil")), Reason::IdentityMismatch),
        no("13-glob-look-alike", named("https://github.com/acme-evil/x@refs/tags/v1"), Reason::IdentityMismatch)
            .who(Who::Glob("https://github.com/acme/**")),
        no("13-glob-star-crosses-nothing", named("https://github.com/acme/a/b@v1"), Reason::IdentityMismatch)
            .who(Who::Glob("https://github.com/acme/*@v1")),
        no("13-regexp-look-alike", named("https://github.com/acme-evil"), Reason::IdentityMismatch)
            .who(Who::Regexp("^https://github\\.com/acme$")),
        no("13-regexp-in-the-middle", named("https://evil.com/?https://github.com/acme"), Reason::IdentityMismatch)
            .who(Who::Regexp("^https://github.com/acme")),
        no("13-glob-dot-is-a-dot", named("https://githubXcom/acme/x"), Reason::IdentityMismatch)
            .who(Who::Glob("https://github.com/acme/*")),
        no(
            "13-two-names",
            Setup { leaf_names: vec![uri(IDENTITY), uri("https://evil.com")], ..s() },
            Reason::IdentityAmbiguous,
        )
        .peer(Peer::Differs("one name of several is enough for it")),
        no("13-no-name", Setup { leaf_names: vec![], ..s() }, Reason::IdentityAmbiguous),
        no("13-another-issuer", s(), Reason::IssuerMismatch).who(Who::Exact(IDENTITY, "https://accounts.google.com")),
        no("13-no-issuer", Setup { leaf_issuers: (None, None), ..s() }, Reason::IssuerMissing),
        no(
            "14-issuers-disagree",
            Setup { leaf_issuers: (Some(ISSUER), Some("https://evil.com")), ..s() },
            Reason::IssuerDisagrees,
        )
        .peer(Peer::Differs("it reads one form of the issuer alone")),
        no(
            "14-issuers-disagree-the-other-way",
            Setup { leaf_issuers: (Some("https://evil.com"), Some(ISSUER)), ..s() },
            Reason::IssuerDisagrees,
        ),
        no(
            "claim-of-another-value",
            Setup { leaf_extra: vec![claim(5, "acme/shop-evil")], ..s() },
            Reason::ClaimMismatch,
        )
        .who(Who::Claim("github-workflow-repository", "acme/shop")),
        no("claim-missing", s(), Reason::ClaimMismatch).who(Who::Claim("github-workflow-repository", "acme/shop")),
        no("nobody-demanded", s(), Reason::DemandIncomplete).who(Who::Nobody),
        no("another-key", Setup { managed: true, ..s() }, Reason::SignatureInvalid).who(Who::OtherKey),
        no("20-key-demanded-certificate-brought", s(), Reason::KeyMismatch).who(Who::OtherKey),
        no("identity-demanded-key-brought", Setup { managed: true, ..s() }, Reason::KeyMismatch)
            .who(Who::Exact(IDENTITY, ISSUER)),
    ]
}

fn contents() -> Vec<Case> {
    let s = Setup::default;
    let no = |name, setup, reason| Case::new(name, setup, Err(reason));
    let slsa = "https://slsa.dev/provenance/v1";
    let statement = |change: &str, value: Value| {
        let mut statement = json!({"_type": "https://in-toto.io/Statement/v1", "predicateType": SIGN, "predicate": {},
            "subject": [{"digest": {"sha256": hex(&sha256(ARTIFACT))}}]});
        *statement.pointer_mut(change).unwrap() = value;
        Setup::payload(statement.to_string().as_bytes())
    };
    vec![
        no("1-another-artifact", s(), Reason::ArtifactMismatch).change(|made| made.artifact = b"another".to_vec()),
        no("1-another-artifact-and-no-word-of-its-digest", s(), Reason::SignatureInvalid)
            .change(|made| {
                made.artifact = b"another".to_vec();
                made.bundle["messageSignature"].as_object_mut().unwrap().remove("messageDigest");
            })
            .peer(Peer::Agrees),
        no("1-statement-of-another-artifact", Setup::statement(SIGN), Reason::ArtifactMismatch)
            .change(|made| made.artifact = b"another".to_vec())
            .peer(Peer::Unable),
        no("signature-flipped", s(), Reason::SignatureInvalid)
            .change(|made| flip(&mut made.bundle["messageSignature"]["signature"])),
        no("3-another-predicate-type", Setup::statement("https://spdx.dev/Document"), Reason::PredicateType)
            .subject(Subject::Predicate(slsa.into())),
        no("3-a-signature-where-a-statement-is-demanded", s(), Reason::PredicateType)
            .subject(Subject::Predicate(slsa.into())),
        no("4-payload-is-no-statement", Setup::payload(b"{}"), Reason::StatementMalformed).peer(Peer::Unable),
        no("4-payload-is-no-json", Setup::payload(b"not json"), Reason::StatementMalformed).peer(Peer::Unable),
        no("4-predicate-type-is-no-text", statement("/predicateType", json!({"x": SIGN})), Reason::StatementMalformed)
            .peer(Peer::Unable),
        no(
            "5-attestation-where-a-signature-is-demanded",
            Setup::statement("https://spdx.dev/Document"),
            Reason::NotASignature,
        )
        .subject(Subject::Signature),
        no("5-blob-where-a-signature-is-demanded", s(), Reason::NotASignature).subject(Subject::Signature),
        no("21-null-subject", statement("/subject/0", json!(null)), Reason::StatementMalformed).peer(Peer::Unable),
        no("21-no-subject", statement("/subject", json!([])), Reason::StatementMalformed).peer(Peer::Unable),
        no("21-payload-as-a-text", Setup::payload(b"\"a text\""), Reason::StatementMalformed).peer(Peer::Unable),
        no(
            "21-members-that-stand-twice",
            Setup::payload(br#"{"_type":"https://in-toto.io/Statement/v1","_type":"https://in-toto.io/Statement/v1"}"#),
            Reason::StatementMalformed,
        )
        .peer(Peer::Unable),
        no("21-body-is-no-text", s(), Reason::Malformed).set(&format!("{ENTRY}/canonicalizedBody"), json!({})),
        no("21-no-signatures", Setup::statement(SIGN), Reason::EnvelopeSignatures)
            .set("/dsseEnvelope/signatures", json!([])),
        no("22-two-signatures", Setup::statement(SIGN), Reason::EnvelopeSignatures).change(|made| {
            let signatures = made.bundle["dsseEnvelope"]["signatures"].as_array_mut().unwrap();
            signatures.push(json!({"sig": b64(b"another's")}));
        }),
        no("22-two-signatures-the-other-way-round", Setup::statement(SIGN), Reason::EnvelopeSignatures).change(
            |made| {
                let signatures = made.bundle["dsseEnvelope"]["signatures"].as_array_mut().unwrap();
                signatures.insert(0, json!({"sig": b64(b"another's")}));
            },
        ),
        no(
            "22-another-type-of-payload",
            Setup {
                envelope: Some(("text/plain".into(), Setup::statement(SIGN).envelope.unwrap().1)),
                kind: Kind::Dsse,
                ..s()
            },
            Reason::PayloadType,
        )
        .peer(Peer::Unable),
        no("22-type-changed-after-signing", Setup::statement(SIGN), Reason::SignatureInvalid)
            .set("/dsseEnvelope/payloadType", json!("application/vnd.in-toto+json ")),
        no(
            "22-lengths-that-move",
            Setup {
                envelope: Some(("application/vnd.in-toto+json 2".into(), b"{}".to_vec())),
                kind: Kind::Dsse,
                ..s()
            },
            Reason::SignatureInvalid,
        )
        .change(|made| {
            made.bundle["dsseEnvelope"]["payloadType"] = json!("application/vnd.in-toto+json");
            made.bundle["dsseEnvelope"]["payload"] = json!(b64(b"2 {}"));
        }),
        no("both-signature-and-envelope", s(), Reason::Malformed).change(|made| {
            made.bundle["dsseEnvelope"] = json!({"payload": "", "payloadType": "", "signatures": [{"sig": "YQ=="}]})
        }),
        no("neither-signature-nor-envelope", s(), Reason::Malformed)
            .change(|made| drop(made.bundle.as_object_mut().unwrap().remove("messageSignature"))),
        no("21-signature-of-no-bytes", s(), Reason::Malformed).set("/messageSignature/signature", json!("")),
    ]
}

fn roots() -> Vec<Case> {
    let s = Setup::default;
    let no = |name, setup, reason| Case::new(name, setup, Err(reason));
    let mut cases = vec![
        Case::new("24-ends-are-included", Setup::v2(), Ok(()))
            .change(|made| {
                let window = json!({"start": "2026-01-01T00:01:00Z", "end": "2026-01-01T00:01:00Z"});
                made.trusted_root["timestampAuthorities"][0]["validFor"] = window.clone();
                made.trusted_root["tlogs"][1]["publicKey"]["validFor"] = window.clone();
                made.trusted_root["certificateAuthorities"][0]["validFor"] = window;
            })
            .peer(Peer::Differs("its windows of authorities of timestamps have no last instant")),
        no("24-log-no-longer-trusted", s(), Reason::LogNotValid)
            .change(|made| {
                made.trusted_root["tlogs"][0]["publicKey"]["validFor"]["end"] = json!("2026-01-01T00:00:59Z")
            })
            .peer(Peer::Differs("it takes every log that is trusted today, or was")),
        no("24-v2-log-not-yet-trusted", Setup::v2(), Reason::LogNotValid)
            .change(|made| {
                made.trusted_root["tlogs"][1]["publicKey"]["validFor"]["start"] = json!("2026-01-01T00:01:01Z")
            })
            .peer(Peer::Differs("it takes every log that is trusted today, or was")),
        no("24-log-for-certificates-alone", s(), Reason::LogUnknown).change(|made| {
            let logs = made.trusted_root["tlogs"].take();
            made.trusted_root["ctlogs"].as_array_mut().unwrap().extend(logs.as_array().unwrap().iter().cloned());
            made.trusted_root["tlogs"] = json!([]);
        }),
    ];
    for (name, place) in [
        ("24-log-without-a-start", "/tlogs/0/publicKey/validFor"),
        ("24-log-of-certificates-without-a-start", "/ctlogs/0/publicKey/validFor"),
        ("24-authority-without-a-start", "/certificateAuthorities/0/validFor"),
        ("24-authority-of-timestamps-without-a-start", "/timestampAuthorities/0/validFor"),
    ] {
        let case = no(name, Setup::v2(), Reason::TrustWindowMissing)
            .change(|made| *made.trusted_root.pointer_mut(place).unwrap() = json!({"end": "2030-01-01T00:00:00Z"}));
        cases.push(case);
    }
    cases
}
