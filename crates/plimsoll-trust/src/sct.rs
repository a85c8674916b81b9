//! Proofs that a certificate was logged: signed certificate timestamps inside it, or beside it (RFC 6962 §3). In: the certificate, its
//! issuer as the chain verified it, the logs. Out: yes, or a refusal. It asks no log.

use jiff::Timestamp;

use crate::certificate::Certificate;
use crate::der;
use crate::json;
use crate::public_key::{Hash, Scheme};
use crate::refusal::{Reason, Refusal, malformed};
use crate::trusted_root::Log;

/// Certificates hold one or two.
const MOST_PROOFS: usize = 16;
/// Bytes of one beside a certificate, which has some hundred.
const MOST_ANSWER: usize = 64 << 10;

struct Proof<'a> {
    log: &'a [u8],
    milliseconds: u64,
    extensions: &'a [u8],
    algorithm: (u8, u8),
    signature: &'a [u8],
}

/// Whether a trusted log promised to hold `leaf`, which `issuer` issued; one such proof is enough, and those of unknown logs are
/// passed over. A proof inside is over the issuer's key, too: without an issuer there is none. One that lies beside, as a log answers it,
/// counts where none is inside.
///
/// # Errors
/// `sct-missing`, `sct-untrusted`, `sct-invalid`, `chain-untrusted`; `malformed` for what lies beside and is none.
pub(crate) fn check(
    leaf: &Certificate,
    issuer: Option<&Certificate>,
    beside: Option<&[u8]>,
    logs: &[Log],
) -> Result<(), Refusal> {
    let nobody = || Refusal::new(Reason::ChainUntrusted, "nobody issued the certificate whose logging is to be proven");
    let issuer = issuer.ok_or_else(nobody)?;
    let missing = || Refusal::new(Reason::SctMissing, "the certificate holds no proof that it was logged");
    let Some(value) = leaf.sct_list() else {
        let answer = Answer::read(beside.ok_or_else(missing)?)?;
        return one(&answer.proof()?, &|| Ok(entry(&[0, 0], leaf.der())), logs);
    };
    let invalid = |_| Refusal::new(Reason::SctInvalid, "the certificate's list of proofs cannot be read");
    let list = der::whole(value, der::OCTET_STRING).map_err(invalid)?.content;
    let proofs = proofs(list).ok_or_else(|| invalid(missing()))?;
    let precertificate = || Ok(entry(&[&[0, 1][..], &issuer.key().key_id()].concat(), &leaf.tbs_without_sct()?));
    let mut refusal = missing();
    for proof in &proofs {
        match one(proof, &precertificate, logs) {
            Ok(()) => return Ok(()),
            // A wrong one says more than an unknown one.
            Err(why) if refusal.reason != Reason::SctInvalid => refusal = why,
            Err(_) => {}
        }
    }
    Err(refusal)
}

/// What a log signs of a certificate, behind its kind (RFC 6962 §3.2).
fn entry(kind: &[u8], bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    [kind, &length[1..], bytes].concat()
}

/// Whether a proof is a trusted log's over that entry.
fn one(proof: &Proof<'_>, entry: &dyn Fn() -> Result<Vec<u8>, Refusal>, logs: &[Log]) -> Result<(), Refusal> {
    let invalid = |why: &str| Refusal::new(Reason::SctInvalid, why);
    let time = i64::try_from(proof.milliseconds).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let time = time.ok_or_else(|| invalid("a proof of logging that is of no time"))?;
    let log = logs.iter().find(|log| log.id == proof.log && log.valid_for.contains(time));
    let Some(key) = log.and_then(|log| log.key.as_ref()) else {
        let why = format!("a proof of logging at {time} by a log that is not trusted for that time");
        return Err(Refusal::new(Reason::SctUntrusted, why));
    };
    // RFC 5246's numbers: SHA-256 with ECDSA or RSA.
    let fits = match key.scheme() {
        Scheme::EcdsaP256 | Scheme::EcdsaP384 => proof.algorithm == (4, 3),
        Scheme::Rsa => proof.algorithm == (4, 1),
        Scheme::Ed25519 => false,
    };
    if !fits {
        return Err(invalid("a proof of logging that is signed in another way than its log signs"));
    }
    let mut signed = vec![0, 0];
    signed.extend(proof.milliseconds.to_be_bytes());
    signed.extend(entry()?);
    signed.extend(u16::try_from(proof.extensions.len()).unwrap_or(u16::MAX).to_be_bytes());
    signed.extend(proof.extensions);
    key.verify_with(Hash::Sha256, &signed, proof.signature)
        .map_err(|_| invalid("a proof of logging that is not the log's over this certificate and issuer"))
}

/// The proofs in a list, all of whose bytes must be read.
fn proofs(list: &[u8]) -> Option<Vec<Proof<'_>>> {
    let (mut rest, nothing) = prefixed(list)?;
    if !nothing.is_empty() {
        return None;
    }
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (proof, more) = prefixed(rest)?;
        rest = more;
        if all.len() == MOST_PROOFS {
            return None;
        }
        let (&version, proof) = proof.split_first()?;
        // The one version there is.
        if version != 0 {
            return None;
        }
        let (log, proof) = proof.split_at_checked(32)?;
        let (time, proof) = proof.split_first_chunk::<8>()?;
        let (extensions, proof) = prefixed(proof)?;
        let ([hash, scheme], proof) = proof.split_first_chunk::<2>()?;
        let (signature, nothing) = prefixed(proof)?;
        if !nothing.is_empty() {
            return None;
        }
        let milliseconds = u64::from_be_bytes(*time);
        all.push(Proof { log, milliseconds, extensions, algorithm: (*hash, *scheme), signature });
    }
    Some(all)
}

/// A proof as a log answers it (RFC 6962 §4.1), and as Cosign keeps it beside a certificate.
struct Answer {
    log: Vec<u8>,
    milliseconds: u64,
    extensions: Vec<u8>,
    signature: Vec<u8>,
}

impl Answer {
    fn read(text: &[u8]) -> Result<Self, Refusal> {
        let what = "the proof of logging beside the certificate";
        if text.len() > MOST_ANSWER {
            return Err(Refusal::new(Reason::TooLarge, format!("{what} has more than {MOST_ANSWER} bytes")));
        }
        let value = json::parse(text, what)?;
        // The one version there is.
        if json::integer(&value, "sct_version", what)? != 0 {
            return Err(Refusal::new(Reason::Unsupported, format!("{what} is of another version")));
        }
        let milliseconds = u64::try_from(json::integer(&value, "timestamp", what)?);
        Ok(Self {
            log: json::bytes(&value, "id", what)?,
            milliseconds: milliseconds.map_err(|_| malformed(format!("{what} is of no time")))?,
            extensions: match json::member(&value, "extensions") {
                Some(_) => json::bytes(&value, "extensions", what)?,
                None => Vec::new(),
            },
            signature: json::bytes(&value, "signature", what)?,
        })
    }

    fn proof(&self) -> Result<Proof<'_>, Refusal> {
        let broken = || malformed("the proof of logging beside the certificate has no signature that can be read");
        let ([hash, scheme], signature) = self.signature.split_first_chunk::<2>().ok_or_else(broken)?;
        let (signature, nothing) = prefixed(signature).ok_or_else(broken)?;
        if !nothing.is_empty() || u16::try_from(self.extensions.len()).is_err() {
            return Err(broken());
        }
        Ok(Proof {
            log: &self.log,
            milliseconds: self.milliseconds,
            extensions: &self.extensions,
            algorithm: (*hash, *scheme),
            signature,
        })
    }
}

/// What two bytes of length measure, and what follows.
fn prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trusted_root::TrustMaterial;

    #[test]
    fn what_nobody_issued_is_not_proven_to_be_logged() {
        let trust = TrustMaterial::production().unwrap();
        let alone = trust.authorities[0].chain.last().unwrap();
        let refusal = check(alone, None, None, &trust.certificate_logs).unwrap_err();
        assert_eq!(refusal.reason, Reason::ChainUntrusted);
    }
}
