//! `attest` and `attest-blob`. In: images or a file, a predicate, and who signs. Out: a signed statement of it: beside each image, in its
//! registry; of a file in a bundle, or as an envelope.

use std::collections::{BTreeMap, HashSet};

use clap::Args;
use plimsoll_model::{Digest, ImageReference};
use plimsoll_sources::attached::Kind;
use plimsoll_sources::{NewLayer, NewReferrer, Sources};
use plimsoll_trust::classic::{self, Attestation};
use plimsoll_trust::signing::Unsigned;
use plimsoll_trust::{Artifact, Bundle, Content, Envelope, Hash, Statement, image_bundle, predicate, predicate_type};

use super::flags::{Registry, Services};
use super::services::Prepared;
use super::sign::meant;
use super::{Failure, blob, fetch, print, read, say, write};
use crate::compat::truth;

/// The media type of an envelope in a layer.
pub const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";
/// The annotation of such a layer with the type of its predicate. Nothing rests on it.
const PREDICATE_TYPE: &str = "predicateType";

/// What is attested, and how it is signed.
#[derive(Debug, Args)]
pub struct Attesting {
    /// The private key: a file, env://NAME, hashivault://NAME, or pkcs11:URI
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// The predicate; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub predicate: Option<String>,
    /// The type of the predicate: slsaprovenance, slsaprovenance02, slsaprovenance1, link, spdx, spdxjson, cyclonedx, vuln, openvex, custom, or a URI
    #[arg(long, value_name = "TYPE", default_value = "custom")]
    pub r#type: String,
    #[command(flatten)]
    pub services: Services,
    /// Write a bundle (true, the default), or the classic form
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub new_bundle_format: Option<bool>,
    /// Write the bundle to a file
    #[arg(long, value_name = "FILE")]
    pub bundle: Option<String>,
    /// The kind of the log's entry: dsse alone
    #[arg(long, hide = true, value_name = "KIND", value_parser = dsse)]
    pub rekor_entry_type: Option<String>,
}

/// The one kind of entry that is made of attestations.
fn dsse(kind: &str) -> Result<String, String> {
    match kind {
        "dsse" => Ok(kind.to_owned()),
        _ => Err("entries of the kind dsse are made alone, which verifies as well".into()),
    }
}

#[derive(Debug, Args)]
pub struct Attest {
    /// Images
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,
    #[command(flatten)]
    pub attesting: Attesting,
    /// Taken by attest-blob alone, as in Cosign
    #[arg(long, hide = true, value_name = "FILE")]
    pub statement: Option<String>,
    /// In the classic form: instead of those of the same type that are there, whoever signed them
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub replace: bool,
    /// Attest the images of an index, too
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub recursive: bool,
    /// Print it instead of putting it into the registry
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub no_upload: bool,
    #[command(flatten)]
    pub registry: Registry,
}

#[derive(Debug, Args)]
pub struct AttestBlob {
    /// The file; `-` is standard input
    #[arg(value_name = "FILE")]
    pub blob: Option<String>,
    #[command(flatten)]
    pub attesting: Attesting,
    /// A whole statement that is signed as it is, instead of a predicate
    #[arg(long, value_name = "FILE")]
    pub statement: Option<String>,
    /// The file's SHA-256, instead of the file
    #[arg(long, value_name = "HEX")]
    pub hash: Option<String>,
    /// Where the envelope goes, instead of standard output (--new-bundle-format=false)
    #[arg(long, value_name = "FILE")]
    pub output_signature: Option<String>,
    /// Write the statement to a file, too (--new-bundle-format=false)
    #[arg(long, value_name = "FILE")]
    pub output_attestation: Option<String>,
}

impl Attesting {
    fn classic(&self) -> bool {
        self.new_bundle_format == Some(false)
    }

    /// Who signs.
    fn prepared(&self) -> Result<Prepared<'_>, Failure> {
        if self.classic() && self.bundle.is_some() {
            return Err("--bundle is written in its new form alone: leave --new-bundle-format=false away".into());
        }
        let prepared = Prepared::new(&self.services, self.key.as_deref())?;
        // What is written into a log cannot be taken out of it again.
        if self.classic() && prepared.has_log_without_promises() {
            return Err(
                "the classic form holds no entry of a log that gives no promises (Rekor 2): write a bundle".into()
            );
        }
        // Cosign 2 has it over the whole envelope, Cosign 3 over the signature in it: each takes its own alone.
        if self.classic() && prepared.has_timestamps() {
            return Err("versions of Cosign disagree what a timestamp in the classic form of an attestation is of: write a bundle".into());
        }
        Ok(prepared)
    }

    fn predicate(&self) -> Result<Vec<u8>, Failure> {
        let path = self.predicate.as_ref().filter(|path| !path.is_empty());
        let path = path.ok_or("--predicate FILE names what is attested")?;
        read(path, predicate::MAX_PREDICATE as u64)
    }
}

pub fn run(asked: &Attest) -> Result<(), Failure> {
    let attesting = &asked.attesting;
    let uri = predicate_type(&attesting.r#type)?;
    if asked.statement.is_some() {
        return Err("a whole statement is signed by attest-blob alone: --predicate FILE names what is attested".into());
    }
    if attesting.bundle.is_some() && (asked.images.len() > 1 || asked.recursive) {
        return Err("--bundle FILE holds one attestation: attest one image at a time".into());
    }
    if asked.replace && !attesting.classic() {
        say(
            "WARNING: --replace is for the classic form (--new-bundle-format=false): a bundle is added to those that are there",
        );
    }
    let predicate = attesting.predicate()?;
    let prepared = attesting.prepared()?;
    let sources = fetch::sources(&asked.registry, &asked.images)?;
    // All that is signed is found before anything is written into a log.
    let found = meant(&sources, &asked.images, asked.recursive, "attested")?;
    let signing = prepared.ready()?;
    for (reference, digests) in &found {
        for digest in digests {
            let (named, now) = (fetch::repository(reference), jiff::Timestamp::now());
            let sha256 = fetch::sha256(digest)?;
            let stated = predicate::statement(&attesting.r#type, &predicate, &named, &sha256, now)?;
            let artifact = Artifact::Digest(Hash::Sha256, sha256.to_vec());
            let bundle = signing.sign(Unsigned::Statement(&stated), &artifact)?;
            match attesting.classic() {
                true => {
                    let (bytes, annotations) =
                        (envelope(&bundle)?.to_json().to_string(), classic::annotations(&bundle)?);
                    if !signing.is_alone() {
                        // In this form not all of what was verified is kept: what is kept has to be enough.
                        let kept = Attestation::read(bytes.as_bytes(), &annotations)?;
                        kept.verify(&artifact, signing.trust(), &signing.demand()?, jiff::Timestamp::now())?;
                    }
                    in_layers(asked, &sources, reference, digest, bytes, annotations, uri)?;
                }
                false => as_bundle(asked, &sources, reference, digest, bundle.to_json().to_string().into_bytes(), uri)?,
            }
        }
    }
    Ok(())
}

pub fn of_blob(asked: &AttestBlob) -> Result<(), Failure> {
    let attesting = &asked.attesting;
    let classic = attesting.classic();
    let outputs =
        [("--output-signature", &asked.output_signature), ("--output-attestation", &asked.output_attestation)];
    if let Some((flag, _)) = outputs.iter().find(|(_, given)| given.is_some() && !classic) {
        return Err(format!("{flag} is for envelopes (--new-bundle-format=false)").into());
    }
    let (stated, artifact) = match (&asked.statement, &attesting.predicate) {
        (Some(path), None) => {
            let bytes = read(path, predicate::MAX_PREDICATE as u64)?;
            let statement = Statement::from_json(&bytes)?;
            let artifact = match named(asked)? {
                Some(named) if statement.subject(Hash::Sha256, &named).is_none() => {
                    return Err(format!("{path}: the statement is not about the file that is named").into());
                }
                Some(named) => Some(named),
                None => stated_of(&statement),
            };
            (bytes, artifact)
        }
        (None, Some(_)) => {
            let (stated, digest) = of_predicate(asked)?;
            (stated, Some(digest))
        }
        _ => return Err("one of --predicate FILE and --statement FILE says what is attested".into()),
    };
    let path = match &attesting.bundle {
        None if !classic => return Err("--bundle FILE names where the bundle goes".into()),
        path => path,
    };
    let prepared = attesting.prepared()?;
    if classic && !prepared.is_alone() {
        return Err("a bare envelope has no place for what logs and authorities vouch for: sign with a key alone \
                    (--tlog-upload=false), or leave --new-bundle-format=false away"
            .into());
    }
    // What services answer is held to the artifact; a key alone signs whatever it is given.
    let artifact = match artifact {
        None if !prepared.is_alone() => return Err("the statement is about nothing that has a SHA-256".into()),
        artifact => Artifact::Digest(Hash::Sha256, artifact.map_or_else(Vec::new, Vec::from)),
    };
    let bundle = prepared.ready()?.sign(Unsigned::Statement(&stated), &artifact)?;
    if let Some(path) = path {
        write(path, bundle.to_json().to_string().as_bytes())?;
        say(&format!("Wrote bundle to file {path}"));
        return Ok(());
    }
    let envelope = envelope(&bundle)?;
    let text = envelope.to_json().to_string();
    match &asked.output_signature {
        Some(path) => {
            write(path, text.as_bytes())?;
            say(&format!("Signature written in {path}"));
        }
        None => print(format!("{text}\n"))?,
    }
    if let Some(path) = &asked.output_attestation {
        write(path, &envelope.payload)?;
        say(&format!("Attestation written in {path}"));
    }
    Ok(())
}

/// The SHA-256 of what a statement is about, first of all.
pub fn stated_of(statement: &Statement) -> Option<[u8; 32]> {
    statement.subjects.iter().find_map(|subject| {
        let digest: [u8; 32] = Hash::Sha256.from_hex(subject.digests.get("sha256")?)?.try_into().ok()?;
        // One in capitals is found by no verification: nothing of it goes into a log.
        statement.subject(Hash::Sha256, &digest).map(|_| digest)
    })
}

/// The SHA-256 of the file that is named, by itself or by its digits.
fn named(asked: &AttestBlob) -> Result<Option<[u8; 32]>, Failure> {
    let digest = match (&asked.hash, asked.blob.as_deref().filter(|path| !path.is_empty())) {
        (Some(hex), _) => {
            Hash::Sha256.from_hex(hex).ok_or_else(|| format!("--hash {hex:?} is no SHA-256 in hexadecimal digits"))?
        }
        (None, None) => return Ok(None),
        (None, Some("-"))
            if [&asked.attesting.predicate, &asked.statement].into_iter().flatten().any(|one| one == "-") =>
        {
            return Err("the file and what is said of it cannot both be standard input".into());
        }
        (None, Some(path)) => Hash::Sha256.of(&read(path, blob::MAX_BLOB)?),
    };
    Ok(Some(digest.try_into().map_err(|_| Failure::from("a SHA-256 has 32 bytes"))?))
}

/// The statement about a file, which is called by the last part of its path, as in Cosign; and its SHA-256.
fn of_predicate(asked: &AttestBlob) -> Result<(Vec<u8>, [u8; 32]), Failure> {
    let path = asked.blob.as_deref().unwrap_or_default();
    let digest = named(asked)?.ok_or("name the file, or its SHA-256 with --hash")?;
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    // What Go's path.Base has of nothing.
    let name = if name.is_empty() { "." } else { name };
    let predicate = asked.attesting.predicate()?;
    let stated = predicate::statement(&asked.attesting.r#type, &predicate, name, &digest, jiff::Timestamp::now())?;
    Ok((stated, digest))
}

/// The envelope in a bundle.
fn envelope(bundle: &Bundle) -> Result<&Envelope, Failure> {
    match &bundle.content {
        Content::Envelope(envelope) => Ok(envelope),
        Content::Message { .. } => Err("the bundle holds no statement".into()),
    }
}

fn in_layers(
    asked: &Attest,
    sources: &Sources,
    reference: &ImageReference,
    digest: &Digest,
    bytes: String,
    mut annotations: BTreeMap<String, String>,
    uri: &str,
) -> Result<(), Failure> {
    if asked.no_upload {
        return print(format!("{bytes}\n"));
    }
    let store = fetch::store(reference)?;
    let replaced = if asked.replace { of_type(sources, &store, digest, uri)? } else { HashSet::new() };
    annotations.insert(PREDICATE_TYPE.to_owned(), uri.to_owned());
    let layer = NewLayer { media_type: ENVELOPE.into(), annotations, bytes: bytes.into_bytes() };
    say(&format!("Pushing attestation to: {}", fetch::repository(&store)));
    sources.attach(&store, digest, Kind::Attestations, &layer, &|layer| replaced.contains(&layer.digest))?;
    Ok(())
}

/// The layers whose statements have a predicate of this type. One that cannot be read may have, and is not replaced unread.
fn of_type(sources: &Sources, store: &ImageReference, digest: &Digest, uri: &str) -> Result<HashSet<Digest>, Failure> {
    let mut found = HashSet::new();
    let Some(attached) = sources.attached(store, digest, Kind::Attestations)? else { return Ok(found) };
    for layer in &attached.found.layers {
        let read = Envelope::from_json(&attached.bytes(layer)?).and_then(|one| Statement::from_json(&one.payload));
        let statement =
            read.map_err(|refusal| format!("could not tell what the layer {} attests: {refusal}", layer.digest))?;
        if statement.predicate_type == uri {
            say(&format!("Replacing attestation predicate: {uri}"));
            found.insert(layer.digest.clone());
        }
    }
    Ok(found)
}

fn as_bundle(
    asked: &Attest,
    sources: &Sources,
    reference: &ImageReference,
    digest: &Digest,
    bytes: Vec<u8>,
    uri: &str,
) -> Result<(), Failure> {
    if let Some(path) = &asked.attesting.bundle {
        write(path, &bytes)?;
        say(&format!("Wrote bundle to file {path}"));
    }
    if asked.no_upload {
        let text = String::from_utf8_lossy(&bytes);
        return if asked.attesting.bundle.is_some() { Ok(()) } else { print(format!("{text}\n")) };
    }
    say(&format!("Pushing attestation to: {}", fetch::repository(&fetch::store(reference)?)));
    refer(sources, reference, digest, bytes, uri)
}

/// Puts a bundle beside an image, as what refers to it; its predicate is of that type.
pub fn refer(
    sources: &Sources,
    image: &ImageReference,
    digest: &Digest,
    bundle: Vec<u8>,
    uri: &str,
) -> Result<(), Failure> {
    let subject = sources.holding(&image.with_digest(digest.clone()))?;
    sources.refer(&fetch::store(image)?, &subject, &referrer(bundle, uri))?;
    Ok(())
}

/// What refers to an image with this bundle, whose predicate is of that type.
fn referrer(bundle: Vec<u8>, uri: &str) -> NewReferrer {
    let now = jiff::Timestamp::now();
    let created = jiff::Timestamp::from_second(now.as_second()).unwrap_or(now).to_string();
    let (content, envelope) = image_bundle::CONTENT;
    NewReferrer {
        artifact_type: image_bundle::media_type().into(),
        annotations: BTreeMap::from([
            (content.to_owned(), envelope.to_owned()),
            (image_bundle::PREDICATE_TYPE.to_owned(), uri.to_owned()),
            ("org.opencontainers.image.created".to_owned(), created),
        ]),
        layer: NewLayer { media_type: image_bundle::media_type().into(), annotations: BTreeMap::new(), bytes: bundle },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_in_capitals_is_nobodys() {
        for (digits, found) in [("ab", Some([0xab; 32])), ("AB", None)] {
            let text = format!(
                r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{}"}}}}],"predicateType":"a:b","predicate":{{}}}}"#,
                digits.repeat(32)
            );
            assert_eq!(stated_of(&Statement::from_json(text.as_bytes()).unwrap()), found);
        }
    }
}
