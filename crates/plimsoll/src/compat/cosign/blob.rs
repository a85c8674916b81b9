//! `sign-blob` and `verify-blob`, with keys. In: a file, or standard input. Out: a signature, bare or as a bundle; or whether it is true.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_trust::keys::Signer as _;
use plimsoll_trust::{Artifact, Bundle, Subject, blob, verify_bundle};

use super::flags::{SignBlob, VerifyBlob};
use super::sign::without_services;
use super::{Failure, demand, key, print, say, write};

/// Bytes of a blob: it is signed and verified as a whole.
pub const MAX_BLOB: u64 = 1 << 30;
/// Bytes of a bundle, or of a bare signature.
const MAX_SIGNATURE: u64 = 16 << 20;

pub fn sign(asked: &SignBlob) -> Result<(), Failure> {
    let Some(named) = &asked.key else {
        return Err("keyless signing is not built yet: name a key with --key".into());
    };
    without_services(asked.tlog_upload, asked.signing_config.as_deref(), asked.use_signing_config)?;
    let key = key::private(named)?;
    let bytes = read(&asked.blob, MAX_BLOB)?;
    if asked.new_bundle_format != Some(false) {
        let path = asked.bundle.as_ref().ok_or("--bundle FILE names where the bundle goes")?;
        if asked.output_signature.is_some() {
            return Err("--output-signature is for bare signatures (--new-bundle-format=false)".into());
        }
        write(path, &blob::sign(&key, &bytes)?)?;
        say(&format!("Wrote bundle to file {path}"));
        return Ok(());
    }
    if asked.bundle.is_some() {
        return Err("--bundle is written in its new form alone: leave --new-bundle-format=false away".into());
    }
    let signature = key.sign(&bytes)?;
    let text = if asked.b64 { STANDARD.encode(signature).into_bytes() } else { signature };
    match &asked.output_signature {
        Some(path) => {
            write(path, &text)?;
            say(&format!("Wrote signature to file {path}"));
            Ok(())
        }
        None => {
            print(&format!("{}\n", String::from_utf8(text).map_err(|_| "--b64=false wants --output-signature FILE")?))
        }
    }
}

pub fn verify(asked: &VerifyBlob) -> Result<(), Failure> {
    let demand = demand::of(&asked.demand, Subject::Any)?;
    let trust = demand::trust(&asked.demand)?;
    let now = jiff::Timestamp::now();
    let bytes = read(&asked.blob, MAX_BLOB)?;
    match (&asked.bundle, &asked.signature) {
        (Some(path), None) => {
            let bundle = Bundle::from_json(&read(path, MAX_SIGNATURE)?)?;
            verify_bundle(&bundle, &Artifact::Bytes(&bytes), &trust, &demand, now)?;
        }
        (None, Some(given)) => {
            // A file's name, or the signature itself.
            let text = match std::path::Path::new(given).exists() {
                true => read(given, MAX_SIGNATURE)?,
                false => given.clone().into_bytes(),
            };
            let signature = STANDARD.decode(text.trim_ascii()).unwrap_or(text);
            blob::verify(&bytes, &signature, &trust, &demand, now)?;
        }
        (Some(_), Some(_)) => return Err("--bundle and --signature are two signatures: name one".into()),
        (None, None) => return Err("--bundle FILE or --signature FILE names the signature".into()),
    }
    say("Verified OK");
    Ok(())
}

/// A file, or standard input for `-`, of at most so many bytes.
pub fn read(path: &str, limit: u64) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| Failure::from(format!("read {path}: {error}"));
    let mut bytes = Vec::new();
    match path {
        "-" => std::io::stdin().lock().take(limit + 1).read_to_end(&mut bytes),
        _ => std::fs::File::open(path).map_err(failed)?.take(limit + 1).read_to_end(&mut bytes),
    }
    .map_err(failed)?;
    match bytes.len() as u64 > limit {
        true => Err(format!("{path} has more than {limit} bytes").into()),
        false => Ok(bytes),
    }
}
