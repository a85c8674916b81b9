//! `sign`. In: images, and who signs. Out: a signature on each, by digest, beside those that are there.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_model::{Digest, ImageReference};
use plimsoll_sources::attached::Kind;
use plimsoll_sources::{NewLayer, Sources};
use plimsoll_trust::classic::{self, Claims, Signature};
use plimsoll_trust::signing::Unsigned;
use plimsoll_trust::{Artifact, Hash, PublicKey, SimpleSigning, image_bundle, simple_signing};
use serde_json::Value;

use super::flags::{Form, Generate, ReferrersMode, Sign};
use super::services::{Prepared, Signing};
use super::{Failure, attest, fetch, installation, print, say, write};

/// Images of one index that are signed with it.
const MAX_IMAGES: usize = 1_000;

pub fn run(asked: &Sign) -> Result<(), Failure> {
    let form = match (asked.format, asked.new_bundle_format) {
        (Some(form), _) => form,
        (None, Some(false)) => Form::Classic,
        (None, _) => Form::Bundle,
    };
    if form != Form::Bundle && asked.registry_referrers_mode == Some(ReferrersMode::Oci11) {
        return Err(
            "the classic form is at a tag alone (--registry-referrers-mode=legacy): bundles are referrers".into()
        );
    }
    let outputs = [
        ("--output-signature", &asked.output_signature, Form::Bundle),
        ("--output-payload", &asked.output_payload, Form::Bundle),
        ("--sign-container-identity", &asked.sign_container_identity, Form::Bundle),
        ("--certificate", &asked.certificate, Form::Bundle),
        ("--bundle", &asked.bundle, Form::Classic),
    ];
    if let Some((flag, ..)) = outputs.iter().find(|(_, given, not)| given.is_some() && *not == form) {
        let other = if form == Form::Classic { "bundles" } else { "the classic form (--new-bundle-format=false)" };
        return Err(format!("{flag} is for {other}").into());
    }
    let mut to_files =
        outputs.iter().filter(|(flag, ..)| !matches!(*flag, "--sign-container-identity" | "--certificate"));
    let to_file = to_files.find(|(_, given, _)| given.is_some());
    // A file holds one signature, and the next one would take its place.
    let one_to_a_file = |images: usize| match to_file {
        Some((flag, ..)) if images > 1 => {
            Err(Failure::from(format!("{flag} takes the signature of one image, and there are {images}")))
        }
        _ => Ok(()),
    };
    one_to_a_file(asked.images.len())?;
    let annotations = annotations(&asked.annotations)?;
    let prepared = Prepared::new(&asked.services, asked.key.as_deref())?;
    // What is written into a log cannot be taken out of it again.
    if form != Form::Bundle && prepared.has_log_without_promises() {
        return Err("the classic form holds no entry of a log that gives no promises (Rekor 2): write a bundle".into());
    }
    if asked.certificate.is_some() && prepared.has_logs() {
        return Err(
            "a log holds who signed by the key alone, which says nothing of --certificate: add --tlog-upload=false"
                .into(),
        );
    }
    let sources = fetch::sources(&asked.registry, &asked.images)?;
    // All that is signed is found before anything is written into a log.
    let found = meant(&sources, &asked.images, asked.recursive, "signed")?;
    found.iter().try_for_each(|(_, digests)| one_to_a_file(digests.len()))?;
    let signing = prepared.ready()?;
    let own = own_certificate(asked, signing.public())?;
    for (reference, digests) in &found {
        for digest in digests {
            if form != Form::Classic {
                as_bundle(asked, &sources, reference, digest, &signing, &annotations)?;
            }
            if form != Form::Bundle {
                in_layers(asked, &sources, reference, digest, &signing, &annotations, &own)?;
            }
        }
    }
    Ok(())
}

/// The annotations of a layer with the certificate that is the user's own.
fn own_certificate(asked: &Sign, key: &PublicKey) -> Result<BTreeMap<String, String>, Failure> {
    let Some(path) = &asked.certificate else { return Ok(BTreeMap::new()) };
    let certificates = installation::certificates(path)?;
    let [holder] = certificates.as_slice() else {
        return Err(format!(
            "{path} holds {} certificates: those above one are named with --certificate-chain",
            certificates.len()
        )
        .into());
    };
    if holder.key().spki() != key.spki() {
        return Err(format!("{path} is of another key than --key").into());
    }
    let mut annotations = BTreeMap::from([(simple_signing::CERTIFICATE.to_owned(), holder.to_pem())]);
    if let Some(above) = &asked.certificate_chain {
        let chain = installation::chain(above, installation::Holder::Signers)?;
        if !chain.first().is_some_and(|first| holder.issued_by(first)) {
            return Err(format!("{path} is not issued by the first certificate of {above}").into());
        }
        let pem: String = chain.iter().map(plimsoll_trust::Certificate::to_pem).collect();
        annotations.insert(simple_signing::CHAIN.to_owned(), pem);
    }
    Ok(annotations)
}

/// Prints what is signed of an image in the classic form.
pub fn generate(asked: &Generate) -> Result<(), Failure> {
    let annotations = annotations(&asked.annotations)?;
    let (reference, digest) = fetch::digest(&asked.image, &asked.registry)?;
    print(payload(&fetch::repository(&reference), &digest, &annotations))
}

/// What is signed of an image in the classic form.
fn payload(identity: &str, digest: &Digest, annotations: &BTreeMap<String, String>) -> Vec<u8> {
    let values = annotations.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
    SimpleSigning::new(identity, &digest.to_string(), values).render()
}

/// The manifests that images' names mean now, and where it is asked those of indexes' images; `done` is what is done to them.
pub fn meant(
    sources: &Sources,
    images: &[String],
    recursive: bool,
    done: &str,
) -> Result<Vec<(ImageReference, Vec<Digest>)>, Failure> {
    let one = |name: &String| {
        let image = fetch::image(sources, name)?;
        if image.reference.digest().is_none() {
            say(&format!(
                "WARNING: {name} is named by a tag, which may mean another image tomorrow: what is {done} is {}",
                image.holding.digest
            ));
        }
        let mut digests = vec![image.holding.digest.clone()];
        if recursive {
            below(sources, &image.reference, &image.holding.entries, &mut digests)?;
        }
        Ok((image.reference, digests))
    };
    images.iter().map(one).collect()
}

/// The manifests of an index, and of the indexes in it.
fn below(
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
    signing: &Signing,
    annotations: &BTreeMap<String, String>,
    own: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    let identity = asked.sign_container_identity.clone().unwrap_or_else(|| fetch::repository(reference));
    let payload = payload(&identity, digest, annotations);
    let bundle = signing.sign(Unsigned::Message(&payload), &Artifact::Bytes(&payload))?;
    let mut layer = classic::annotations(&bundle)?;
    layer.extend(own.clone());
    if !signing.is_alone() {
        // In this form not all of what was verified is kept: what is kept has to be enough.
        let claims = Claims { digest: Some(digest.to_string()), annotations: annotations.clone() };
        let kept = Signature::read(&payload, &layer)?;
        kept.verify(signing.trust(), &signing.demand()?, &claims, jiff::Timestamp::now())?;
    }
    let signature = layer.get(simple_signing::SIGNATURE).cloned().unwrap_or_default();
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
    if signing.is_alone() && own.is_empty() && is_there(sources, &store, digest, &payload, signing.public())? {
        return Ok(());
    }
    let layer = NewLayer { media_type: simple_signing::MEDIA_TYPE.into(), annotations: layer, bytes: payload };
    say(&format!("Pushing signature to: {}", fetch::repository(&store)));
    sources.attach(&store, digest, Kind::Signatures, &layer, &|_| false)?;
    Ok(())
}

fn as_bundle(
    asked: &Sign,
    sources: &Sources,
    reference: &ImageReference,
    digest: &Digest,
    signing: &Signing,
    annotations: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    let sha256 = fetch::sha256(digest)?;
    let statement = image_bundle::statement(&sha256, annotations);
    let artifact = Artifact::Digest(Hash::Sha256, sha256.to_vec());
    let bundle = signing.sign(Unsigned::Statement(&statement), &artifact)?;
    let bytes = bundle.to_json().to_string().into_bytes();
    if let Some(path) = &asked.bundle {
        write(path, &bytes)?;
        say(&format!("Wrote bundle to file {path}"));
    }
    if !asked.upload {
        return Ok(());
    }
    say(&format!("Pushing signature to: {}", fetch::repository(&fetch::store(reference)?)));
    attest::refer(sources, reference, digest, bytes, plimsoll_trust::SIGNATURE)
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
