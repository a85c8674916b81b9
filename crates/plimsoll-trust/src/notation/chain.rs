//! What certificates in an envelope must be, whatever is trusted (the specification's "Certificate Requirements"). In: the chain as it
//! came, the signer's first. Out: nothing, or why it is none.
//!
//! Of extensions, BasicConstraints, KeyUsage and ExtendedKeyUsage alone are honoured, as the specification demands, critical or not.

use crate::certificate::{BASIC_CONSTRAINTS, Certificate, KEY_USAGE, TIME_STAMPING};
use crate::refusal::{Reason, Refusal};

/// Purposes that a signer's certificate must not have: any, servers, clients, mail, time stamps, answers about revocation.
const FOREIGN: [&[u8]; 6] = [
    &[0x55, 0x1d, 0x25, 0x00],
    &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01],
    &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02],
    &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x04],
    TIME_STAMPING,
    &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x09],
];
/// Bits of KeyUsage that a signer's certificate must not have: all but the signing of data and of commitments.
const FOREIGN_USES: std::ops::RangeInclusive<u8> = 2..=8;

/// Whether `chain` leads from a signer's certificate to one that issued itself, each issued by the next.
///
/// # Errors
/// `chain-broken`, `certificate-is-authority`, `not-code-signing`, `issuer-purpose`, `malformed`.
pub(super) fn check(chain: &[Certificate]) -> Result<(), Refusal> {
    let broken = |why: &str| Refusal::new(Reason::ChainBroken, why);
    let (Some(leaf), Some(root)) = (chain.first(), chain.last()) else {
        return Err(broken("there is no certificate in the signature"));
    };
    for (one, next) in chain.iter().zip(chain.iter().skip(1)) {
        if one.is_self_issued() && one.issued_by(one) {
            return Err(broken("a certificate before the last of the chain issued itself"));
        }
        if !one.issued_by(next) {
            return Err(broken("a certificate of the chain was not issued by the next one"));
        }
    }
    if !root.is_self_issued() || !root.issued_by(root) {
        return Err(broken("the last certificate of the chain did not issue itself"));
    }
    signer(leaf)?;
    // The signer's own certificate counts for no depth.
    chain.iter().skip(1).enumerate().try_for_each(|(below, one)| authority(one, below))
}

/// Whether a chain that leads from a clock's certificate to a trusted one has what the specification demands of it, beside what any time
/// stamp must have.
///
/// # Errors
/// `timestamp-purpose`, `malformed`.
pub(super) fn clock(chain: &[Certificate]) -> Result<(), Refusal> {
    let Some(leaf) = chain.first() else { return Ok(()) };
    signs_data(leaf, "the clock's certificate", Reason::TimestampPurpose)?;
    let above = chain.iter().skip(1).enumerate();
    let mut above = above.map(|(below, one)| authority(one, below));
    above.find_map(Result::err).map_or(Ok(()), |why| match why.reason {
        Reason::IssuerPurpose => Err(Refusal { reason: Reason::TimestampPurpose, ..why }),
        _ => Err(why),
    })
}

fn signer(leaf: &Certificate) -> Result<(), Refusal> {
    if leaf.claims_authority()? {
        return Err(Refusal::new(Reason::CertificateIsAuthority, "the signer's certificate is that of an authority"));
    }
    signs_data(leaf, "the signer's certificate", Reason::NotCodeSigning)?;
    let purposes = leaf.purposes()?;
    if purposes.is_some_and(|purposes| purposes.ids.iter().any(|id| FOREIGN.contains(id))) {
        let why = "the signer's certificate is for something else than the signing of code";
        return Err(Refusal::new(Reason::NotCodeSigning, why));
    }
    Ok(())
}

/// Whether a certificate says critically that its key signs data, and nothing else.
fn signs_data(leaf: &Certificate, whose: &str, reason: Reason) -> Result<(), Refusal> {
    if !leaf.is_critical(KEY_USAGE) || !leaf.may(0)? {
        let why = format!("{whose} does not say critically that its key signs data");
        return Err(Refusal::new(reason, why));
    }
    for bit in FOREIGN_USES {
        if leaf.may(bit)? {
            let why = format!("the key of {whose} is for more than the signing of data");
            return Err(Refusal::new(reason, why));
        }
    }
    Ok(())
}

fn authority(one: &Certificate, below: usize) -> Result<(), Refusal> {
    let depth = one.authority()?;
    if !one.is_critical(BASIC_CONSTRAINTS) || !one.is_critical(KEY_USAGE) {
        let why = "an issuer of the chain does not say critically that it is an authority and signs certificates";
        return Err(Refusal::new(Reason::IssuerPurpose, why));
    }
    if depth.is_some_and(|most| (below as u64) > most) {
        return Err(Refusal::new(Reason::IssuerPurpose, "more authorities stand below one than it allows"));
    }
    Ok(())
}
