//! `sign`. In: images and a key. Out: a signature on each, by digest, beside those that are there.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_model::{Digest, ImageReference};
use plimsoll_sources::attached::Kind;
use plimsoll_sources::{NewLayer, Sources};
use plimsoll_trust::keys::Signer as _;
use plimsoll_trust::{PrivateKey, PublicKey, SimpleSigning, image_bundle, simple_signing};
use serde_json::Value;

use super::flags::Sign;
use super::{Failure, attest, fetch, key, say, write};

/// Images of one index that are signed with it.
const MAX_IMAGES: usize = 1_000;
/// Bytes of a signing configuration. Sigstore's own has some two kilobytes.
const MAX_CONFIG: u64 = 1 << 20;

pub fn run(asked: &Sign) -> Result<(), Failure> {
    let Some(named) = &asked.key else {
        return Err("keyless signing is not built yet: name a key with --key".into());
    };
    without_services(asked.tlog_upload, asked.signing_config.as_deref(), asked.use_signing_config)?;
    let classic = asked.new_bundle_format == Some(false);
    let outputs = [
        ("--output-signature", &asked.output_signature, true),
        ("--output-payload", &asked.output_payload, true),
        ("--sign-container-identity", &asked.sign_container_identity, true),
        ("--bundle", &asked.bundle, false),
    ];
    if let Some((flag, ..)) = outputs.iter().find(|(_, given, of)| given.is_some() && *of != classic) {
        let form = if classic { "bundles" } else { "the classic form (--new-bundle-format=false)" };
        return Err(format!("{flag} is for {form}").into());
    }
    let annotations = annotations(&asked.annotations)?;
    let key = key::private(named)?;
    let sources = fetch::sources(&asked.registry, &asked.images)?;
    for name in &asked.images {
        let image = fetch::image(&sources, name)?;
        if image.reference.digest().is_none() {
            say(&format!(
                "WARNING: {name} is named by a tag, which may mean another image tomorrow: what is signed is {}",
                image.holding.digest
            ));
        }
        let mut digests = vec![image.holding.digest.clone()];
        if asked.recursive {
            below(&sources, &image.reference, &image.holding.entries, &mut digests)?;
        }
        for digest in &digests {
            match classic {
                true => in_layers(asked, &sources, &image.reference, digest, &key, &annotations)?,
                false => as_bundle(asked, &sources, &image.reference, digest, &key, &annotations)?,
            }
        }
    }
    Ok(())
}

/// Refuses what would have to go to a log or a timestamp authority.
pub fn without_services(tlog_upload: Option<bool>, signing_config: Option<&str>, fetched: bool) -> Result<(), Failure> {
    if fetched {
        return Err("no signing configuration is fetched: name a file with --signing-config".into());
    }
    let Some(path) = signing_config else {
        return match tlog_upload {
            Some(false) => Ok(()),
            _ => Err("transparency logs are not written to yet: --tlog-upload=false signs without".into()),
        };
    };
    let text = super::read(path, MAX_CONFIG)?;
    let config: Value = serde_json::from_slice(&text).map_err(|error| format!("read {path}: {error}"))?;
    let kind = config["mediaType"].as_str().unwrap_or_default();
    if !kind.starts_with("application/vnd.dev.sigstore.signingconfig.") {
        return Err(format!("{path} is no signing configuration: it is {kind:?}").into());
    }
    let none = |name: &str| config.get(name).is_none_or(|services| services.as_array().is_some_and(Vec::is_empty));
    match none("rekorTlogUrls") && none("tsaUrls") {
        true => Ok(()),
        false => Err(format!("{path} names logs or timestamp authorities, which are not spoken to yet").into()),
    }
}

/// The manifests of an index, and of the indexes in it.
pub fn below(
    sources: &Sources,
    reference: &ImageReference,
    entries: &[plimsoll_sources::oci::manifest::Descriptor],
    digests: &mut Vec<Digest>,
) -> Result<(), Failure> {
    for entry in entries {
        if digests.contains(&entry.digest) {
            continue;
        }
        if digests.len() >= MAX_IMAGES {
            return Err(format!("{} has more than {MAX_IMAGES} images", reference.name()).into());
        }
        digests.push(entry.digest.clone());
        if plimsoll_sources::oci::media::is_index(&entry.media_type) {
            let inner = sources.holding(&reference.with_digest(entry.digest.clone()))?;
            below(sources, reference, &inner.entries, digests)?;
        }
    }
    Ok(())
}

fn in_layers(
    asked: &Sign,
    sources: &Sources,
    reference: &ImageReference,
    digest: &Digest,
    key: &PrivateKey,
    annotations: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    let identity = asked.sign_container_identity.clone().unwrap_or_else(|| fetch::repository(reference));
    let values = annotations.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
    let payload = SimpleSigning::new(&identity, &digest.to_string(), values).render();
    let signature = STANDARD.encode(key.sign(&payload)?);
    if let Some(path) = &asked.output_payload {
        write(path, &payload)?;
    }
    if let Some(path) = &asked.output_signature {
        write(path, signature.as_bytes())?;
    }
    if !asked.upload {
        return Ok(());
    }
    let store = fetch::store(reference)?;
    if is_there(sources, &store, digest, &payload, &PublicKey::from_spki(key.spki())?)? {
        return Ok(());
    }
    let layer = NewLayer {
        media_type: simple_signing::MEDIA_TYPE.into(),
        annotations: BTreeMap::from([(simple_signing::SIGNATURE.to_owned(), signature)]),
        bytes: payload,
    };
    say(&format!("Pushing signature to: {}", fetch::repository(&store)));
    sources.attach(&store, digest, Kind::Signatures, &layer, &|_| false)?;
    Ok(())
}

fn as_bundle(
    asked: &Sign,
    sources: &Sources,
    reference: &ImageReference,
    digest: &Digest,
    key: &PrivateKey,
    annotations: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    let bytes = image_bundle::sign(key, &fetch::sha256(digest)?, annotations)?;
    if let Some(path) = &asked.bundle {
        write(path, &bytes)?;
        say(&format!("Wrote bundle to file {path}"));
    }
    if !asked.upload {
        return Ok(());
    }
    let store = fetch::store(reference)?;
    let new = attest::referrer(bytes, plimsoll_trust::SIGNATURE);
    say(&format!("Pushing signature to: {}", fetch::repository(&store)));
    let subject = sources.holding(&reference.with_digest(digest.clone()))?;
    sources.refer(&store, &subject, &new)?;
    Ok(())
}

/// True when this key has signed the same words before: a second copy would say nothing.
fn is_there(
    sources: &Sources,
    store: &ImageReference,
    digest: &Digest,
    payload: &[u8],
    key: &PublicKey,
) -> Result<bool, Failure> {
    let Some(attached) = sources.attached(store, digest, Kind::Signatures)? else { return Ok(false) };
    let own = plimsoll_sources::hash::digest(plimsoll_model::Algorithm::Sha256, payload);
    let mut same = attached.found.layers.iter().filter(|layer| layer.digest == own);
    Ok(same.any(|layer| {
        let signature = layer.annotations.get(simple_signing::SIGNATURE);
        let signature = signature.and_then(|signature| STANDARD.decode(signature).ok());
        signature.is_some_and(|signature| key.verify(payload, &signature).is_ok())
    }))
}

/// `KEY=VALUE`, each key once.
pub fn annotations(given: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut all = BTreeMap::new();
    for text in given {
        let (key, value) =
            text.split_once('=').ok_or_else(|| format!("the annotation {text:?} is not of the form KEY=VALUE"))?;
        if all.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(format!("the annotation {key:?} is given twice").into());
        }
    }
    Ok(all)
}
