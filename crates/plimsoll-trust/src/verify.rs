//! Whether a signature is true, and of whom it was demanded. In: a bundle, or the parts of a signature that are kept otherwise; the artifact;
//! what is trusted; what is demanded; the time. Out: who signed, when, and what was stated; or one refusal. It fetches nothing.
//!
//! Every time that somebody trusted vouches for must lie within the signer's certificate and within those of all of its issuers. A
//! time that only stands there counts for nothing.

use jiff::Timestamp;

use crate::artifact::Artifact;
use crate::bundle::{Bundle, Content, Material, Version};
use crate::certificate::{Certificate, Name};
use crate::chain::{self, Purpose};
use crate::dsse::Envelope;
use crate::identity::Identity;
use crate::public_key::{Hash, PublicKey, Scheme};
use crate::refusal::{Reason, Refusal};
use crate::rekor::{Entry, Logged};
use crate::rekor_body::{self, Signed, Verifier};
use crate::sct;
use crate::statement::{SIGNATURE, Statement};
use crate::timestamp;
use crate::trusted_root::TrustMaterial;

/// Who must have signed.
#[derive(Clone, Debug)]
pub enum Signer {
    /// The holder of this key.
    Key(PublicKey),
    /// One of these, by a certificate; at least one.
    Keyless(Vec<Identity>),
}

/// What must have been signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The artifact itself, or any statement about it.
    Any,
    /// The artifact, as a signature: a statement of that type alone. An attestation is none.
    Signature,
    /// A statement of this predicate type about it.
    Predicate(String),
}

/// What is demanded of a signature.
#[derive(Clone, Debug)]
pub struct Demand {
    /// Of whom.
    pub signer: Signer,
    /// Of what.
    pub subject: Subject,
    /// Whether a transparency log must hold it.
    pub log: bool,
    /// Whether the signer's certificate must be proven to be logged.
    pub sct: bool,
    /// Whether an authority of timestamps must vouch for the time.
    pub timestamp: bool,
}

impl Demand {
    /// A demand with all safeguards: log, and proof of the certificate's logging.
    pub const fn new(signer: Signer, subject: Subject) -> Self {
        Self { signer, subject, log: true, sct: true, timestamp: false }
    }
}

/// Who vouches for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeSource {
    /// A transparency log.
    Log,
    /// An authority of timestamps.
    TimestampAuthority,
    /// The clock of whoever verifies.
    Now,
}

/// A true signature.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// The certificate of the signer, its name and who vouches for it; none where a key was demanded.
    pub identity: Option<(Certificate, Name, String)>,
    /// The key that signed.
    pub key: PublicKey,
    /// The times that were vouched for.
    pub times: Vec<(TimeSource, Timestamp)>,
    /// The places in the logs.
    pub log_indexes: Vec<u64>,
    /// What was stated; none where the artifact itself was signed.
    pub statement: Option<Statement>,
}

/// What was signed, with the signature.
#[derive(Clone, Copy, Debug)]
pub enum SignedContent<'a> {
    /// The artifact itself.
    Message(&'a [u8]),
    /// A payload.
    Envelope(&'a Envelope),
}

/// A signature with what proves it, however it was kept.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The signer's certificate; none for a key.
    pub certificate: Option<&'a Certificate>,
    /// A proof that it was logged, as the log answered (RFC 6962 §4.1); it counts where none is in the certificate.
    pub sct: Option<&'a [u8]>,
    /// What was signed.
    pub content: SignedContent<'a>,
    /// Entries of transparency logs.
    pub entries: &'a [Entry],
    /// Whether entries need a proof of inclusion; without it a promise is enough.
    pub proven: bool,
    /// Answers of authorities of timestamps.
    pub timestamps: &'a [Vec<u8>],
    /// What these are over, where that is not the signature.
    pub stamped: Option<&'a [u8]>,
}

/// Whether the bundle's signature is true and as demanded, of `artifact`.
///
/// # Errors
/// One refusal, whose reason says what is wrong.
pub fn verify_bundle(
    bundle: &Bundle,
    artifact: &Artifact<'_>,
    trust: &TrustMaterial,
    demand: &Demand,
    now: Timestamp,
) -> Result<Verified, Refusal> {
    let certificate = match &bundle.material {
        Material::Certificate(der) => Some(Certificate::from_der(der)?),
        Material::Chain(chain) => {
            let mut chain = chain.iter().map(|der| Certificate::from_der(der));
            let leaf = chain.next().transpose()?;
            for above in chain {
                if above?.is_self_issued() {
                    return Err(Refusal::new(Reason::RootInChain, "a bundle that brings a root of its own"));
                }
            }
            leaf
        }
        Material::PublicKey(_) => None,
    };
    let content = match &bundle.content {
        Content::Envelope(envelope) => SignedContent::Envelope(envelope),
        Content::Message { signature, digest } => {
            if let Some((hash, digest)) = digest
                && artifact.digest(*hash).is_some_and(|found| found != *digest)
            {
                return Err(Refusal::new(Reason::ArtifactMismatch, "the bundle is of an artifact with another digest"));
            }
            SignedContent::Message(signature)
        }
    };
    let parts = Parts {
        certificate: certificate.as_ref(),
        sct: None,
        content,
        entries: &bundle.entries,
        proven: bundle.version > Version::V0_1,
        timestamps: &bundle.timestamps,
        stamped: None,
    };
    verify_parts(&parts, artifact, trust, demand, now)
}

/// The same for a signature that is kept in parts.
///
/// # Errors
/// As [`verify_bundle`].
pub fn verify_parts(
    parts: &Parts<'_>,
    artifact: &Artifact<'_>,
    trust: &TrustMaterial,
    demand: &Demand,
    now: Timestamp,
) -> Result<Verified, Refusal> {
    let verifier = verifier(parts.certificate, &demand.signer)?;
    let signed = match parts.content {
        SignedContent::Message(signature) => Signed::Message { artifact, signature },
        SignedContent::Envelope(envelope) => Signed::Envelope(envelope),
    };
    let mut times = timestamps(parts, signed, trust)?;
    if demand.timestamp && times.is_empty() {
        return Err(Refusal::new(Reason::TimeMissing, "no authority of timestamps vouches for the time"));
    }
    let logged = logged(parts, trust, demand)?;
    times.extend(logged.iter().filter_map(|l| l.time).map(|time| (TimeSource::Log, time)));
    if times.is_empty() {
        times.push(no_time(parts, verifier, demand, now)?);
    }
    let instants: Vec<Timestamp> = times.iter().map(|(_, time)| *time).collect();
    for log in &logged {
        // A log of the first version says when itself; for the second others do.
        let when = log.time.as_ref().map_or(instants.as_slice(), std::slice::from_ref);
        if !log.logs.iter().any(|log| when.iter().all(|&time| log.valid_for.contains(time))) {
            return Err(Refusal::new(
                Reason::LogNotValid,
                "the trusted root does not trust the log at the time of signing",
            ));
        }
    }
    let identity = match (verifier, &demand.signer) {
        (Verifier::Certificate(leaf), Signer::Keyless(identities)) => {
            let issuers = chained(leaf, trust, &instants)?;
            if demand.sct {
                sct::check(leaf, issuers.first().copied(), parts.sct, &trust.certificate_logs)?;
            }
            Some(identified(leaf, identities)?)
        }
        _ => None,
    };
    signature(signed, verifier.key())?;
    if demand.log {
        parts.entries.iter().try_for_each(|entry| rekor_body::check(entry, signed, verifier))?;
    }
    Ok(Verified {
        identity,
        key: verifier.key().clone(),
        times,
        log_indexes: if demand.log { parts.entries.iter().map(|entry| entry.index).collect() } else { Vec::new() },
        statement: statement(signed, artifact, &demand.subject)?,
    })
}

/// Whose signature it must be.
fn verifier<'a>(certificate: Option<&'a Certificate>, signer: &'a Signer) -> Result<Verifier<'a>, Refusal> {
    match (certificate, signer) {
        (_, Signer::Keyless(identities)) if identities.is_empty() => {
            Err(Refusal::new(Reason::DemandIncomplete, "neither a key nor an identity is demanded"))
        }
        (Some(certificate), Signer::Keyless(_)) => Ok(Verifier::Certificate(certificate)),
        (None, Signer::Key(key)) => Ok(Verifier::Key(key)),
        (None, Signer::Keyless(_)) => {
            Err(Refusal::new(Reason::KeyMismatch, "it is signed with a key, and an identity is demanded"))
        }
        (Some(_), Signer::Key(_)) => {
            Err(Refusal::new(Reason::KeyMismatch, "it is signed by the holder of a certificate, and a key is demanded"))
        }
    }
}

/// The times that authorities vouch for. A token of an unknown one is passed over, for nothing rests on it; one of a known authority
/// that is wrong is an attempt.
fn timestamps(
    parts: &Parts<'_>,
    signed: Signed<'_>,
    trust: &TrustMaterial,
) -> Result<Vec<(TimeSource, Timestamp)>, Refusal> {
    let stamped = parts.stamped.unwrap_or_else(|| signed.signature());
    let mut times = Vec::new();
    let mut unknown = None;
    for response in parts.timestamps {
        match timestamp::check(response, stamped, &trust.timestamp_authorities) {
            Ok(time) => times.push((TimeSource::TimestampAuthority, time)),
            Err(why) if why.reason == Reason::TimestampUntrusted => unknown = Some(why),
            Err(why) => return Err(why),
        }
    }
    // Without another time it would be said that there is none, and why there is none says more.
    let elsewhere = parts.entries.iter().any(|entry| entry.promise.is_some() && !entry.is_v2());
    match unknown {
        Some(why) if times.is_empty() && !elsewhere && parts.certificate.is_some() => Err(why),
        _ => Ok(times),
    }
}

fn logged<'a>(parts: &Parts<'_>, trust: &'a TrustMaterial, demand: &Demand) -> Result<Vec<Logged<'a>>, Refusal> {
    if !demand.log {
        return Ok(Vec::new());
    }
    if parts.entries.is_empty() {
        return Err(Refusal::new(Reason::LogEntryMissing, "no transparency log holds the signature"));
    }
    parts.entries.iter().map(|entry| entry.check(trust, parts.proven)).collect()
}

/// What to go by where nobody vouches for a time: for a key, and where no log is asked for, the time of verification. Everything else is
/// refused, for a certificate lasts ten minutes and nobody says which.
fn no_time(
    parts: &Parts<'_>,
    verifier: Verifier<'_>,
    demand: &Demand,
    now: Timestamp,
) -> Result<(TimeSource, Timestamp), Refusal> {
    if matches!(verifier, Verifier::Key(_)) || !demand.log {
        return Ok((TimeSource::Now, now));
    }
    if parts.entries.iter().any(|entry| entry.integrated.is_some()) {
        let why = "the log's time is not covered by a signed promise, and nobody else vouches for one";
        return Err(Refusal::new(Reason::TimeNotAuthenticated, why));
    }
    Err(Refusal::new(Reason::TimeMissing, "nobody vouches for the time of signing"))
}

/// The issuers of a signer's certificate, all valid at these times.
fn chained<'a>(
    leaf: &Certificate,
    trust: &'a TrustMaterial,
    times: &[Timestamp],
) -> Result<Vec<&'a Certificate>, Refusal> {
    chain::signer(leaf, times)?;
    chain::issuers(leaf, &trust.authorities, Purpose::CodeSigning, times)
}

/// Whom a certificate names, who has to be one of those demanded.
fn identified(leaf: &Certificate, identities: &[Identity]) -> Result<(Certificate, Name, String), Refusal> {
    let mut refusal = None;
    for identity in identities {
        match identity.check(leaf) {
            Ok(()) => return Ok((leaf.clone(), leaf.name()?, leaf.issuer_of_identity()?)),
            Err(why) => refusal = Some(why),
        }
    }
    Err(refusal.unwrap_or_else(|| Refusal::new(Reason::DemandIncomplete, "no identity is demanded")))
}

fn signature(signed: Signed<'_>, key: &PublicKey) -> Result<(), Refusal> {
    match signed {
        Signed::Envelope(envelope) => key.verify(&envelope.signed_bytes(), &envelope.signature),
        Signed::Message { artifact: Artifact::Bytes(bytes), signature } => key.verify_bytes(bytes, signature),
        Signed::Message { artifact: Artifact::Digest(hash, digest), signature } => {
            match key.verify_digest(*hash, digest, signature) {
                // The other hash of this curve might have been signed, and only the bytes would tell.
                Err(why) if key.scheme() == Scheme::EcdsaP384 && *hash != Hash::Sha384 => {
                    Err(Refusal { reason: Reason::ArtifactNeeded, ..why })
                }
                outcome => outcome,
            }
        }
    }
}

/// What was stated, which must be of the artifact and of the kind demanded.
fn statement(signed: Signed<'_>, artifact: &Artifact<'_>, subject: &Subject) -> Result<Option<Statement>, Refusal> {
    let Signed::Envelope(envelope) = signed else {
        return match subject {
            Subject::Any => Ok(None),
            Subject::Signature => {
                Err(Refusal::new(Reason::NotASignature, "bytes are signed where the signature of an image is demanded"))
            }
            Subject::Predicate(wanted) => Err(Refusal::new(
                Reason::PredicateType,
                format!("bytes are signed where a statement of type {wanted:?} is demanded"),
            )),
        };
    };
    let statement = Statement::from_json(envelope.statement_bytes()?)?;
    match subject {
        Subject::Signature if statement.predicate_type != SIGNATURE => {
            let why = format!("a statement of type {:?} where a signature is demanded", statement.predicate_type);
            return Err(Refusal::new(Reason::NotASignature, why));
        }
        Subject::Predicate(wanted) if statement.predicate_type != *wanted => {
            let why = format!("a statement of type {:?} where {wanted:?} is demanded", statement.predicate_type);
            return Err(Refusal::new(Reason::PredicateType, why));
        }
        _ => {}
    }
    let known = [Hash::Sha256, Hash::Sha384, Hash::Sha512];
    if known.iter().any(|&hash| artifact.digest(hash).is_some_and(|digest| statement.subject(hash, &digest).is_some()))
    {
        return Ok(Some(statement));
    }
    Err(Refusal::new(Reason::ArtifactMismatch, "the statement is of other artifacts"))
}
