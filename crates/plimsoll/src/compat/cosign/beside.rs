//! What lies beside a bare signature, in files of its own. In: flags. Out: what of it can be read; and of a refusal, the flag that mends it.

use clap::Args;
use plimsoll_trust::{Certificate, Demand, Reason, Refusal, blob};

use super::{Failure, read, say};

/// Bytes of each of these files: they have some kilobytes.
const MAX_FILE: u64 = 256 << 10;

#[derive(Debug, Args, Default)]
pub struct Beside {
    /// The signer's certificate beside --signature: PEM, or that in base64
    #[arg(long, value_name = "FILE", requires = "signature", conflicts_with_all = ["key", "bundle"])]
    pub certificate: Option<String>,
    /// The log's answer that it took the certificate, where no proof of that is in it
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub sct: Option<String>,
    /// A timestamp of the signature, which is demanded then: an authority's answer (RFC 3161), or Cosign's JSON with it
    #[arg(long, value_name = "FILE", requires = "signature", conflicts_with = "bundle")]
    pub rfc3161_timestamp: Option<String>,
}

impl Beside {
    /// What the files hold, and what is demanded with them: who names a timestamp demands it.
    ///
    /// # Errors
    /// One of them cannot be read, or is something else.
    pub fn read(&self, demand: Demand) -> Result<(blob::Beside, Demand), Failure> {
        let beside = blob::Beside {
            certificate: held(&self.certificate, blob::certificate)?,
            sct: held(&self.sct, |text| Ok(text.to_vec()))?,
            timestamp: held(&self.rfc3161_timestamp, blob::timestamp)?,
        };
        if beside.sct.is_some() && beside.certificate.as_ref().is_some_and(Certificate::holds_sct) {
            say("WARNING: --sct is not used: the certificate holds a proof that it was logged");
        }
        let timestamp = demand.timestamp || beside.timestamp.is_some();
        Ok((beside, Demand { timestamp, ..demand }))
    }
}

/// What a file holds, where one is named.
fn held<T>(path: &Option<String>, of: impl Fn(&[u8]) -> Result<T, Refusal>) -> Result<Option<T>, Failure> {
    let Some(path) = path else { return Ok(None) };
    of(&read(path, MAX_FILE)?).map(Some).map_err(|refusal| format!("read {path}: {refusal}").into())
}

/// The refusal of a bare signature, with what is missing beside it and the flag that names it.
pub fn mended(refusal: Refusal, beside: &blob::Beside) -> Failure {
    let hint = match refusal.reason {
        Reason::LogEntryMissing => {
            "no log is asked here: a bundle (--bundle) holds the log's entry, and --insecure-ignore-tlog demands none"
        }
        Reason::TimeMissing if beside.timestamp.is_none() => {
            "--rfc3161-timestamp FILE is what an authority says of when it was signed"
        }
        Reason::CertificateNotValid if beside.timestamp.is_none() => {
            "it is held to today, for nothing says when it was signed: --rfc3161-timestamp FILE does, or a bundle (--bundle)"
        }
        Reason::SctMissing if beside.sct.is_none() => {
            "--sct FILE is the log's answer beside the certificate, and --insecure-ignore-sct demands none"
        }
        Reason::KeyMismatch if beside.certificate.is_none() => "--certificate FILE is the signer's certificate",
        _ => return refusal.into(),
    };
    format!("{refusal}\nhint: {hint}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_already_is_not_advised() {
        let advice = |reason, beside: &blob::Beside| mended(Refusal::new(reason, "no"), beside).why;
        let none = blob::Beside::default();
        let given = blob::Beside { sct: Some(vec![]), timestamp: Some(vec![]), ..blob::Beside::default() };
        for (reason, flag) in [
            (Reason::SctMissing, "--sct FILE"),
            (Reason::TimeMissing, "--rfc3161-timestamp FILE"),
            (Reason::CertificateNotValid, "--rfc3161-timestamp FILE"),
        ] {
            assert!(advice(reason, &none).contains(flag) && !advice(reason, &given).contains(flag), "{flag}");
        }
    }
}
