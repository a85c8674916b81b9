//! What values of SPDX's tags are made of: identifiers, agents, checksums. In: a value. Out: it as JSON has it, or why not.

use crate::Value;

const CHECKSUMS: &[&str] = &["SHA1", "SHA224", "SHA256", "SHA384", "SHA512", "MD2", "MD4", "MD5", "MD6"];
const CHECKSUMS_2_3: &[&str] =
    &["SHA3-256", "SHA3-384", "SHA3-512", "BLAKE2b-256", "BLAKE2b-384", "BLAKE2b-512", "BLAKE3", "ADLER32"];

/// An identifier of this document.
pub(super) fn element(value: &str) -> Result<String, String> {
    let id = value.strip_prefix("SPDXRef-").ok_or("missing SPDXRef- prefix for element identifier")?;
    match id {
        "" => Err("element identifier has nothing after prefix".into()),
        id if id.contains(':') => Err("invalid colon in element identifier".into()),
        // Conftest's library puts the prefix in front of what lacks one.
        id if id.starts_with("SPDXRef-") => Ok(id.to_owned()),
        _ => Ok(value.to_owned()),
    }
}

/// An identifier of this document or another.
pub(super) fn any_element(value: &str) -> Result<String, String> {
    let Some(rest) = value.strip_prefix("DocumentRef-") else { return element(value) };
    match rest.split_once(':') {
        None => Err("no colon found although DocumentRef- prefix present".into()),
        Some(("", _)) => Err("document identifier has nothing after prefix".into()),
        Some((document, id)) => Ok(format!("DocumentRef-{document}:{}", element(id)?)),
    }
}

pub(super) fn halves(value: &str) -> Result<(&str, &str), String> {
    let (key, value) =
        value.split_once(':').ok_or_else(|| format!("invalid subvalue format for {value} (no colon found)"))?;
    Ok((key.trim(), value.trim()))
}

/// `Person: NAME`, of one of these kinds.
pub(super) fn agent(value: &str, kinds: &[&str]) -> Result<Value, String> {
    let (kind, name) = halves(value)?;
    match kinds.contains(&kind) && !name.is_empty() {
        true => Ok(Value::text(format!("{kind}: {name}"))),
        false => Err(format!("{value}: none of {} and a name", kinds.join(", "))),
    }
}

pub(super) fn known_checksum(value: &str, newest: bool) -> Result<Value, String> {
    let (algorithm, sum) = halves(value)?;
    match CHECKSUMS.contains(&algorithm) || newest && CHECKSUMS_2_3.contains(&algorithm) {
        true => Ok(checksum(algorithm, sum)),
        false => Err(format!("got unknown checksum type {algorithm}")),
    }
}

pub(super) fn checksum(algorithm: &str, sum: &str) -> Value {
    Value::map([("algorithm", Value::text(algorithm)), ("checksumValue", Value::text(sum))])
}
