//! What an authority of timestamps is asked (RFC 3161 §2.4.1). In: a bundle. Out: DER. Its answer is judged with the bundle.

use super::signature;
use crate::bundle::Bundle;
use crate::der;
use crate::public_key::sha256;

/// SHA-256 as an AlgorithmIdentifier names it.
const ID_SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];

/// A request for a timestamp of the bundle's signature, with the certificate of whoever stamps. It has no number of its own against old
/// answers: a stamp says that the signature was there by then, which an old one of the same signature says as truly.
pub fn timestamp_request(bundle: &Bundle) -> Vec<u8> {
    let algorithm = der::write(der::SEQUENCE, &[der::write(der::OID, ID_SHA256), der::write(der::NULL, &[])].concat());
    let imprint = [algorithm, der::write(der::OCTET_STRING, &sha256(signature(bundle)))].concat();
    let parts =
        [der::write(der::INTEGER, &[1]), der::write(der::SEQUENCE, &imprint), der::write(der::BOOLEAN, &[0xff])];
    der::write(der::SEQUENCE, &parts.concat())
}
