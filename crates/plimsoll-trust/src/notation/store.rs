//! Files of a trust store. In: the bytes of one. Out: the certificates in it. What it does not do: look for them.

use crate::certificate::Certificate;
use crate::der::Reader;
use crate::notation::StoreKind;
use crate::refusal::{Reason, Refusal};

/// Certificates that one file may hold: as many as a PEM text.
const MOST: usize = 16;

/// The certificates in a file of a store of that kind: PEM blocks, or DER one after another.
///
/// # Errors
/// `malformed`, `too-large`, `unsupported`; `chain-untrusted` for what can be no anchor: neither an authority's nor issued by itself, and
/// in a store of `tsa` whatever did not issue itself.
pub fn anchors(kind: StoreKind, bytes: &[u8]) -> Result<Vec<Certificate>, Refusal> {
    let all =
        if bytes.first() == Some(&crate::der::SEQUENCE) { from_der(bytes)? } else { Certificate::all_from_pem(bytes)? };
    for one in &all {
        let own = one.is_self_issued() && one.issued_by(one);
        if !own && (kind == StoreKind::Tsa || !one.claims_authority()?) {
            let why = "a certificate that is neither a root nor an authority's";
            return Err(Refusal::new(Reason::ChainUntrusted, why));
        }
    }
    Ok(all)
}

fn from_der(bytes: &[u8]) -> Result<Vec<Certificate>, Refusal> {
    let (mut reader, mut all) = (Reader::new(bytes), Vec::new());
    while reader.peek().is_some() {
        if all.len() == MOST {
            return Err(Refusal::new(Reason::TooLarge, format!("a file with more than {MOST} certificates")));
        }
        all.push(Certificate::from_der(reader.any()?.raw)?);
    }
    Ok(all)
}
