//! From a certificate to an authority of the trusted root. In: a certificate, the authorities, what it must be for, times. Out: the
//! certificates above it. Every one of them must be valid at every time: an authority that had expired when a signature was made
//! vouches for nothing, however long its holder's certificate lasts.

use jiff::Timestamp;

use crate::certificate::{CODE_SIGNING, Certificate, TIME_STAMPING};
use crate::refusal::{Reason, Refusal};
use crate::trusted_root::Authority;

/// What certificates are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    CodeSigning,
    TimeStamping,
}

impl Purpose {
    const fn id(self) -> &'static [u8] {
        match self {
            Self::CodeSigning => CODE_SIGNING,
            Self::TimeStamping => TIME_STAMPING,
        }
    }
}

/// The issuers of `leaf` within `authority`, nearest first, the last of which is an end of its chain; none where it issued none such.
fn path<'a>(leaf: &Certificate, authority: &'a Authority) -> Option<Vec<&'a Certificate>> {
    let mut path: Vec<&Certificate> = Vec::new();
    let mut child = leaf;
    // Each step takes one that is not yet on the path, so this ends.
    while let Some(issuer) = authority.chain.iter().find(|c| *c != leaf && !path.contains(c) && child.issued_by(c)) {
        path.push(issuer);
        child = issuer;
    }
    // The anchor is the last of the chain, as the trusted root says it.
    (path.last().copied() == authority.chain.last() && !path.is_empty()).then_some(path)
}

/// The issuers of a holder's certificate, nearest first, which all are authorities for this purpose and valid at all of `times`.
///
/// # Errors
/// `chain-untrusted`, `issuer-purpose`, `issuer-not-valid`, `authority-not-valid`, `critical-extension`.
pub(crate) fn issuers<'a>(
    leaf: &Certificate,
    authorities: &'a [Authority],
    purpose: Purpose,
    times: &[Timestamp],
) -> Result<Vec<&'a Certificate>, Refusal> {
    let why = "no authority of the trusted root issued the certificate";
    let mut refusal = Refusal::new(Reason::ChainUntrusted, why);
    for authority in authorities {
        let Some(path) = path(leaf, authority) else { continue };
        match judge(&path, authority, purpose, times) {
            Ok(()) => return Ok(path),
            Err(why) => refusal = why,
        }
    }
    Err(refusal)
}

fn judge(path: &[&Certificate], authority: &Authority, purpose: Purpose, times: &[Timestamp]) -> Result<(), Refusal> {
    for (below, issuer) in path.iter().enumerate() {
        issuer.understood()?;
        let depth = issuer.authority()?;
        if depth.is_some_and(|most| (below as u64) > most) {
            return Err(Refusal::new(Reason::IssuerPurpose, "more authorities stand below one than it allows"));
        }
        let fit = match issuer.purposes()? {
            Some(purposes) => purposes.ids.contains(&purpose.id()),
            // Whoever issues to signers says so, unless it is the root itself.
            None => below > 0 || issuer.is_self_issued() || purpose == Purpose::TimeStamping,
        };
        if !fit {
            return Err(Refusal::new(Reason::IssuerPurpose, "an issuer of the certificate is not for that purpose"));
        }
    }
    for &time in times {
        if let Some(issuer) = path.iter().find(|issuer| !issuer.valid_at(time)) {
            let (from, until) = issuer.validity();
            let why = format!("an issuer of the certificate is valid from {from} to {until}, and not at {time}");
            return Err(Refusal::new(Reason::IssuerNotValid, why));
        }
        if !authority.valid_for.contains(time) {
            let why = format!("the trusted root does not trust the authority at {time}");
            return Err(Refusal::new(Reason::AuthorityNotValid, why));
        }
    }
    Ok(())
}

/// Whether a signer's certificate is one: for signing code, no authority's, and valid at all of `times`.
///
/// # Errors
/// `certificate-is-authority`, `not-code-signing`, `certificate-not-valid`, `critical-extension`.
pub(crate) fn signer(leaf: &Certificate, times: &[Timestamp]) -> Result<(), Refusal> {
    leaf.understood()?;
    if leaf.claims_authority()? || (leaf.may(5)? && !leaf.may(0)?) {
        return Err(Refusal::new(Reason::CertificateIsAuthority, "the signer's certificate is that of an authority"));
    }
    let for_code = leaf.purposes()?.is_some_and(|purposes| purposes.ids.contains(&CODE_SIGNING));
    if !for_code || !leaf.may(0)? {
        return Err(Refusal::new(Reason::NotCodeSigning, "the signer's certificate is not for signing code"));
    }
    if let Some(time) = times.iter().find(|&&time| !leaf.valid_at(time)) {
        let (from, until) = leaf.validity();
        let why = format!("the signer's certificate is valid from {from} to {until}, and not at {time}");
        return Err(Refusal::new(Reason::CertificateNotValid, why));
    }
    Ok(())
}
