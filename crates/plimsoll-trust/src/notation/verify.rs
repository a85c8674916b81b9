//! Whether an envelope is a signature that counts under a trust policy. In: the envelope, what must be signed, the policy's statement,
//! its stores, the time. Out: what was signed by whom, with what only had to be told; or the refusal that decides.
//!
//! Revocation: nobody is asked here. Where no certificate but the root names a list or a service, there is nothing to ask, and that is
//! well, as it is for Notation. Where one does, it cannot be told: that is refused where the policy enforces revocation, told where it
//! logs it, and not looked at where it skips it. The same goes for the certificates of a time stamp.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::certificate::Certificate;
use crate::notation::{
    Action, Check, DistinguishedName, Envelope, Identities, Level, SigningScheme, Statement, VerifyTimestamp, chain,
};
use crate::refusal::{Reason, Refusal};
use crate::timestamp;

/// The certificates of all stores of a kind that a statement names, or why they cannot be had.
pub type Store = Result<Vec<Certificate>, Refusal>;

/// The stores of a statement.
#[derive(Clone, Debug)]
pub struct Stores {
    /// For signers; empty where it names none.
    pub ca: Store,
    /// For authorities that sign for others.
    pub signing_authority: Store,
    /// For time stamps; none where it names none: then none is looked at.
    pub tsa: Option<Store>,
}

/// What must be signed.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// `sha256:…`.
    pub digest: &'a str,
    /// Its media type, where that is known.
    pub media_type: Option<&'a str>,
    /// Its size, where that is known.
    pub size: Option<u64>,
}

/// A signature that counts.
#[derive(Clone, Debug)]
pub struct Verified {
    /// What was signed, and by whom.
    pub envelope: Envelope,
    /// Failures that the policy only wants told.
    pub told: Vec<(Check, Refusal)>,
    /// By when it was there, as an authority of time stamps or one that signs for others says.
    pub signed_at: Option<Timestamp>,
}

/// Holds an envelope that came as `media_type` against a statement. `metadata` must be signed along with the artifact.
///
/// # Errors
/// Those of [`Envelope::read`]; `artifact-mismatch`, `annotation-mismatch`; `plugin-needed`; where enforced, `chain-untrusted`,
/// `trust-store-unusable`, `identity-mismatch`, `signature-expired`, `certificate-not-valid`, those of time stamps, `revocation-unknown`.
pub fn verify(
    media_type: &str,
    bytes: &[u8],
    target: &Target<'_>,
    statement: &Statement,
    stores: &Stores,
    metadata: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<Verified, Refusal> {
    held(&Envelope::read(media_type, bytes)?, target, statement, stores, metadata, now)
}

/// The same of an envelope that was read.
///
/// # Errors
/// As [`verify`].
pub fn held(
    envelope: &Envelope,
    target: &Target<'_>,
    statement: &Statement,
    stores: &Stores,
    metadata: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<Verified, Refusal> {
    artifact(envelope, target)?;
    if let Some(lacks) = metadata.iter().find(|(key, value)| envelope.annotations().get(*key) != Some(value)) {
        let why = format!("the metadata {:?} is not signed as it is demanded", lacks.0);
        return Err(Refusal::new(Reason::AnnotationMismatch, why));
    }
    // A statement that skips verification has nobody ask; whoever does gets the strictest answer.
    let level = statement.level.unwrap_or(Level::STRICT);
    let mut told = Vec::new();
    let (mut signed_at, mut clocks) = (None, Vec::new());
    // One after another: what a stranger's envelope brings along is not looked at once it is a stranger's.
    for check in [Check::Authenticity, Check::Expiry, Check::AuthenticTimestamp, Check::Revocation] {
        let outcome = match check {
            // The envelope was read.
            Check::Integrity => Ok(()),
            Check::Authenticity => authentic(envelope, statement, stores),
            Check::Expiry => fresh(envelope, now),
            Check::AuthenticTimestamp => {
                stamped(envelope, statement, stores, now).map(|(time, chain)| (signed_at, clocks) = (time, chain))
            }
            Check::Revocation => unrevoked(envelope.chain()).and_then(|()| unrevoked(&clocks)),
        };
        match (outcome, level.action(check)) {
            (Err(refusal), Action::Enforce) => return Err(refusal),
            (Err(refusal), Action::Log) => told.push((check, refusal)),
            (Ok(()), _) | (Err(_), Action::Skip) => {}
        }
    }
    // Last of all: of a stranger's it would be "could not tell" what is a plain no.
    if let Some(plugin) = envelope.plugin() {
        let why = format!("only the plugin {plugin:?} could verify the signature, and no plugin is run");
        return Err(Refusal::new(Reason::PluginNeeded, why));
    }
    Ok(Verified { envelope: envelope.clone(), told, signed_at })
}

fn artifact(envelope: &Envelope, target: &Target<'_>) -> Result<(), Refusal> {
    let (media_type, digest, size) = envelope.target();
    let same = digest == target.digest
        && target.media_type.is_none_or(|wanted| wanted == media_type)
        && target.size.is_none_or(|wanted| wanted == size);
    if same {
        return Ok(());
    }
    let why = format!("what is signed is {digest}, {media_type:?} of {size} bytes, and not {}", target.digest);
    Err(Refusal::new(Reason::ArtifactMismatch, why))
}

/// Whether a trusted certificate is in the chain, and the signer's names somebody who counts.
fn authentic(envelope: &Envelope, statement: &Statement, stores: &Stores) -> Result<(), Refusal> {
    let store = match envelope.scheme() {
        SigningScheme::X509 => &stores.ca,
        SigningScheme::SigningAuthority => &stores.signing_authority,
    };
    let anchors = store.as_ref().map_err(Clone::clone)?;
    if !envelope.chain().iter().any(|one| anchors.contains(one)) {
        let why = "no certificate of the signature's chain is in a trust store of the policy";
        return Err(Refusal::new(Reason::ChainUntrusted, why));
    }
    let (Identities::Subjects(trusted), Some(leaf)) = (&statement.identities, envelope.chain().first()) else {
        return Ok(());
    };
    let name = DistinguishedName::of(leaf)?;
    if trusted.iter().any(|one| one.covers(&name)) {
        return Ok(());
    }
    let why = format!("the signer is {}, which no identity of the policy is", leaf.subject_words());
    Err(Refusal::new(Reason::IdentityMismatch, why))
}

fn fresh(envelope: &Envelope, now: Timestamp) -> Result<(), Refusal> {
    match envelope.expiry() {
        Some(expiry) if now >= expiry => Err(Refusal::new(
            Reason::SignatureExpired,
            format!("the signer calls the signature out of date since {expiry}"),
        )),
        _ => Ok(()),
    }
}

/// By when the signature was there, once that is within the time of all its certificates; and the certificates of whoever says so.
fn stamped(
    envelope: &Envelope,
    statement: &Statement,
    stores: &Stores,
    now: Timestamp,
) -> Result<(Option<Timestamp>, Vec<Certificate>), Refusal> {
    let chain = envelope.chain();
    if envelope.scheme() == SigningScheme::SigningAuthority {
        let time = envelope.signing_time();
        return valid(chain, time, time).map(|()| (Some(time), Vec::new()));
    }
    let lasts = chain.iter().all(|one| now <= one.validity().1);
    let tsa = match &stores.tsa {
        Some(tsa) if !(statement.verify_timestamp == VerifyTimestamp::AfterCertExpiry && lasts) => tsa,
        _ => return valid(chain, now, now).map(|()| (None, Vec::new())),
    };
    let token = envelope.timestamp();
    let token = token.ok_or_else(|| Refusal::new(Reason::TimeMissing, "the signature has no time stamp"))?;
    let anchors = tsa.as_ref().map_err(Clone::clone)?;
    let stamped = timestamp::check_token(token, envelope.signature(), anchors)?;
    chain::clock(&stamped.chain)?;
    let (earliest, latest) = stamped.within;
    valid(chain, earliest, latest)?;
    Ok((Some(latest), stamped.chain))
}

fn valid(chain: &[Certificate], earliest: Timestamp, latest: Timestamp) -> Result<(), Refusal> {
    let other = chain.iter().find(|one| !one.valid_at(earliest) || !one.valid_at(latest));
    let Some(one) = other else { return Ok(()) };
    let (from, until) = one.validity();
    let (reason, whose) = if chain.first() == Some(one) {
        (Reason::CertificateNotValid, "the signer's certificate")
    } else {
        (Reason::IssuerNotValid, "a certificate above the signer's")
    };
    Err(Refusal::new(reason, format!("{whose} is valid from {from} to {until}, and not at {earliest}")))
}

/// Whether no certificate but the root's names a place that says whether it was revoked: nobody asks there.
fn unrevoked(chain: &[Certificate]) -> Result<(), Refusal> {
    let below = chain.split_last().map_or(&[][..], |(_, below)| below);
    match below.iter().find(|one| one.names_revocation()) {
        None => Ok(()),
        Some(one) => {
            let why = format!(
                "whether {} was revoked is not asked: its certificate names a place for that, and there is no network here",
                one.subject_words()
            );
            Err(Refusal::new(Reason::RevocationUnknown, why))
        }
    }
}
