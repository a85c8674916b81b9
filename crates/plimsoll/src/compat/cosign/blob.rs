//! `sign-blob` and `verify-blob`. In: a file, or standard input. Out: a signature, bare or as a bundle; or whether it is true.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_trust::signing::Unsigned;
use plimsoll_trust::{Artifact, Bundle, Content, Subject, blob, verify_bundle};

use super::flags::{SignBlob, VerifyBlob};
use super::services::Prepared;
use super::{Failure, beside, demand, print, read, say, write};

/// Bytes of a blob: it is signed and verified as a whole.
pub const MAX_BLOB: u64 = 1 << 30;
/// Bytes of a bundle, as many as are read of one.
const MAX_BUNDLE: u64 = 64 << 20;
/// Bytes of a bare signature: one by RSA has a kilobyte in base64.
const MAX_SIGNATURE: u64 = 64 << 10;

pub fn sign(asked: &SignBlob) -> Result<(), Failure> {
    let bare = asked.new_bundle_format == Some(false);
    let path = match &asked.bundle {
        Some(_) if bare => {
            return Err("--bundle is written in its new form alone: leave --new-bundle-format=false away".into());
        }
        None if !bare => return Err("--bundle FILE names where the bundle goes".into()),
        path => path,
    };
    if !bare && asked.output_signature.is_some() {
        return Err("--output-signature is for bare signatures (--new-bundle-format=false)".into());
    }
    if bare && asked.key.is_none() {
        return Err("without a key a signature is a bundle, for its certificate is in it: name --bundle FILE".into());
    }
    let prepared = Prepared::new(&asked.services, asked.key.as_deref())?;
    if bare && !prepared.is_alone() {
        return Err("a bare signature has no place for what logs and authorities vouch for: sign with a key alone \
                    (--tlog-upload=false), or leave --new-bundle-format=false away"
            .into());
    }
    let bytes = read(&asked.blob, MAX_BLOB)?;
    let signing = prepared.ready()?;
    let bundle = signing.sign(Unsigned::Message(&bytes), &Artifact::Bytes(&bytes))?;
    if let Some(path) = path {
        write(path, bundle.to_json().to_string().as_bytes())?;
        say(&format!("Wrote bundle to file {path}"));
        return Ok(());
    }
    let signature = match bundle.content {
        Content::Message { signature, .. } => signature,
        Content::Envelope(envelope) => envelope.signature,
    };
    let text = if asked.b64 { STANDARD.encode(signature).into_bytes() } else { signature };
    match &asked.output_signature {
        Some(path) => {
            write(path, &text)?;
            say(&format!("Wrote signature to file {path}"));
            Ok(())
        }
        None => {
            print(format!("{}\n", String::from_utf8(text).map_err(|_| "--b64=false wants --output-signature FILE")?))
        }
    }
}

pub fn verify(asked: &VerifyBlob) -> Result<(), Failure> {
    let (files, demand) = asked.beside.read(demand::of(&asked.demand, Subject::Any)?)?;
    let trust = demand::trust(&asked.demand, &demand)?;
    let now = jiff::Timestamp::now();
    form(asked.demand.new_bundle_format, asked.bundle.is_some())?;
    let bytes = read(&asked.blob, MAX_BLOB)?;
    match (&asked.bundle, &asked.signature) {
        (Some(path), None) => {
            let bundle = Bundle::from_json(&read(path, MAX_BUNDLE)?)?;
            verify_bundle(&bundle, &Artifact::Bytes(&bytes), &trust, &demand, now)?;
        }
        (None, Some(given)) => {
            // A file's name, or the signature itself.
            let text = match std::path::Path::new(given).exists() {
                true => read(given, MAX_SIGNATURE)?,
                false => given.clone().into_bytes(),
            };
            let signature = STANDARD.decode(text.trim_ascii()).unwrap_or(text);
            let verified = blob::verify(&bytes, &signature, &files, &trust, &demand, now);
            verified.map_err(|refusal| beside::mended(refusal, &files))?;
        }
        (Some(_), Some(_)) => return Err("--bundle and --signature are two signatures: name one".into()),
        (None, None) => return Err("--bundle FILE or --signature FILE names the signature".into()),
    }
    say("Verified OK");
    Ok(())
}

/// Whether the form that is demanded is the form that is given.
///
/// # Errors
/// It is another one.
pub fn form(new_bundle_format: Option<bool>, bundle: bool) -> Result<(), Failure> {
    match (new_bundle_format, bundle) {
        (Some(false), true) => {
            Err("--new-bundle-format=false has bundles of a form that is not read here: Cosign 3 writes the new one"
                .into())
        }
        (Some(true), false) => {
            Err("--signature is a bare one, and --new-bundle-format=true demands a bundle: name it with --bundle"
                .into())
        }
        _ => Ok(()),
    }
}
