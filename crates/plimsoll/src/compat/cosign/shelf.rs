//! `download` and `attach`: what lies beside an image, to standard output, and put there. In: an image, files. Out: signatures,
//! attestations and SBOMs in Cosign's forms. Nothing of it is believed, either way: that is for whoever verifies.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use plimsoll_model::{Digest, ImageReference, Platform};
use plimsoll_sources::attached::Kind;
use plimsoll_sources::oci::manifest::Descriptor;
use plimsoll_sources::{NewLayer, Sources};
use plimsoll_trust::{
    Bundle, Certificate, Content, Envelope, SimpleSigning, Statement, predicate_type, simple_signing,
};
use serde_json::{Value, json};

use super::attest::{ENVELOPE, refer};
use super::flags::{ReferrersMode, Registry};
use super::verify::{Found, each_bundle};
use super::{Failure, fetch, print, read, say};

/// Bytes of a file with signatures, or of an SBOM.
const MAX_FILE: u64 = 64 << 20;

#[derive(Debug, Subcommand)]
pub enum Download {
    /// Print an image's signatures
    #[command(after_help = "Examples:\n  plimsoll cosign download signature registry.example.com/app:v1")]
    Signature(Of),
    /// Print an image's attestations
    #[command(
        after_help = "Examples:\n  plimsoll cosign download attestation --predicate-type cyclonedx registry.example.com/app:v1"
    )]
    Attestation(Attestations),
    /// Print the SBOM that is attached to an image, which nobody signed: `verify-attestation` is for those that are
    #[command(
        after_help = "Examples:\n  plimsoll cosign download sbom --platform linux/arm64 registry.example.com/app:v1"
    )]
    Sbom(OfPlatform),
}

#[derive(Debug, Args)]
pub struct Of {
    /// The image
    #[arg(value_name = "IMAGE")]
    pub image: String,
    #[command(flatten)]
    pub registry: Registry,
}

/// Of an index the image of a platform.
#[derive(Debug, Args)]
pub struct OfPlatform {
    #[command(flatten)]
    pub of: Of,
    /// Of an index the image of this platform
    #[arg(long, value_name = "OS/ARCH", value_parser = |text: &str| Platform::parse(text).ok_or("write it as os/arch"))]
    pub platform: Option<Platform>,
}

#[derive(Debug, Args)]
pub struct Attestations {
    #[command(flatten)]
    pub of: OfPlatform,
    /// Only those of this type: a short name as for attest, or a URI
    #[arg(long, value_name = "TYPE")]
    pub predicate_type: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Attach {
    /// Put a signature beside an image that was made elsewhere
    #[command(
        after_help = "Examples:\n  plimsoll cosign attach signature --payload payload.json --signature payload.sig registry.example.com/app@sha256:…"
    )]
    Signature(Box<Signature>),
    /// Put attestations beside an image that were made elsewhere
    #[command(
        after_help = "Examples:\n  plimsoll cosign attach attestation --attestation app.att.json registry.example.com/app@sha256:…"
    )]
    Attestation(AttachAttestation),
    /// Put an SBOM beside an image, which signs nothing: `attest` does
    #[command(
        after_help = "Examples:\n  plimsoll cosign attach sbom --sbom sbom.json --type cyclonedx registry.example.com/app@sha256:…"
    )]
    Sbom(Sbom),
}

#[derive(Debug, Args)]
pub struct Signature {
    #[command(flatten)]
    pub of: Of,
    /// The signature in base64; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub signature: Option<String>,
    /// What is signed, or a bundle [default: what is signed of this image]
    #[arg(long, alias = "bundle", value_name = "FILE")]
    pub payload: Option<String>,
    /// The signer's certificate
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<String>,
    /// Its issuers'
    #[arg(long, value_name = "FILE")]
    pub certificate_chain: Option<String>,
    /// A timestamp (RFC 3161)
    #[arg(long, value_name = "FILE")]
    pub tsr: Option<String>,
    /// The transparency log's answer, as sign-blob of older versions wrote it
    #[arg(long, value_name = "FILE")]
    pub rekor_response: Option<String>,
}

#[derive(Debug, Args)]
pub struct AttachAttestation {
    #[command(flatten)]
    pub of: Of,
    /// A bundle, or envelopes one after another (repeatable)
    #[arg(long, value_name = "FILE", required = true)]
    pub attestation: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Sbom {
    #[command(flatten)]
    pub of: Of,
    /// The SBOM; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub sbom: String,
    /// spdx, cyclonedx or syft
    #[arg(long, value_name = "TYPE", default_value = "spdx")]
    pub r#type: String,
    /// json, xml or text
    #[arg(long, value_name = "FORMAT")]
    pub input_format: Option<String>,
    /// It is put at a tag: legacy
    #[arg(long, value_name = "MODE")]
    pub registry_referrers_mode: Option<ReferrersMode>,
}

/// Where an image's things lie, and its digest.
struct Place {
    sources: Sources,
    reference: ImageReference,
    store: ImageReference,
    digest: Digest,
}

impl Of {
    /// The image need not be there where its digest is named.
    fn place(&self) -> Result<Place, Failure> {
        let sources = fetch::sources(&self.registry, std::slice::from_ref(&self.image))?;
        let reference = fetch::reference(&self.image)?;
        let digest = match reference.digest() {
            Some(digest) => digest.clone(),
            None => fetch::image(&sources, &self.image)?.holding.digest,
        };
        let store = fetch::store(&reference)?;
        Ok(Place { sources, reference, store, digest })
    }
}

impl OfPlatform {
    fn place(&self) -> Result<Place, Failure> {
        let mut place = self.of.place()?;
        if let Some(platform) = &self.platform {
            let root = place.reference.with_digest(place.digest);
            let digests = place.sources.entities(&root, Some(platform)).map_err(fetch::missing)?;
            place.digest = digests.into_iter().next().ok_or("the index holds nothing")?;
        }
        Ok(place)
    }
}

pub fn download(asked: &Download) -> Result<(), Failure> {
    match asked {
        Download::Signature(of) => signatures(&of.place()?),
        Download::Attestation(asked) => {
            let uri = asked.predicate_type.as_deref().filter(|name| !name.is_empty());
            attestations(&asked.of.place()?, uri.map(predicate_type).transpose()?)
        }
        Download::Sbom(of) => sbom(&of.place()?),
    }
}

/// The bundles that are there, each on one line, with what they state; what cannot be read is told after the others.
fn bundles(place: &Place) -> Found<(String, Option<Statement>)> {
    let mut found = Found::default();
    each_bundle(&place.sources, &place.store, &place.digest, &mut found, |bytes| {
        let bundle = Bundle::from_json(bytes)?;
        let statement = match &bundle.content {
            Content::Envelope(envelope) => Statement::from_json(&envelope.payload).ok(),
            Content::Message { .. } => None,
        };
        let line: Value = serde_json::from_slice(bytes).unwrap_or_else(|_| bundle.to_json());
        Ok((line.to_string(), statement))
    });
    found
}

/// Nothing that is there was passed over.
fn all_read<T>(found: &Found<T>) -> Result<(), Failure> {
    let whys: Vec<&str> = found.none().into_iter().chain(found.unread.iter().map(String::as_str)).collect();
    match whys.as_slice() {
        [] => Ok(()),
        whys => Err(format!("not all could be read: {}", whys.join("\n")).into()),
    }
}

fn signatures(place: &Place) -> Result<(), Failure> {
    let found = bundles(place);
    for (line, _) in &found.verified {
        print(format!("{line}\n"))?;
    }
    all_read(&found)?;
    if !found.verified.is_empty() {
        return Ok(());
    }
    let Some(attached) = place.sources.attached(&place.store, &place.digest, Kind::Signatures)? else {
        return Err("no signatures associated".into());
    };
    for layer in &attached.found.layers {
        let payload = attached.bytes(layer)?;
        print(format!("{}\n", signature(layer, &payload)?))?;
    }
    Ok(())
}

/// A signature as Go's tools write it; of certificates their bytes alone.
fn signature(layer: &Descriptor, payload: &[u8]) -> Result<String, Failure> {
    let at = |name: &str| layer.annotations.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let json = |name: &str| -> Result<Value, Failure> {
        let Some(text) = at(name) else { return Ok(Value::Null) };
        serde_json::from_str(text).map_err(|error| format!("read {name} of the layer {}: {error}", layer.digest).into())
    };
    let certificates = |name: &str| -> Result<Vec<Value>, Failure> {
        let Some(pem) = at(name) else { return Ok(vec![]) };
        let all = Certificate::all_from_pem(pem.as_bytes())?;
        Ok(all.iter().map(|one| json!({"Raw": STANDARD.encode(one.der())})).collect())
    };
    let certificate = certificates(simple_signing::CERTIFICATE)?.into_iter().next().unwrap_or_default();
    let chain = Some(certificates(simple_signing::CHAIN)?).filter(|all| !all.is_empty());
    Ok(format!(
        r#"{{"Base64Signature":{},"Payload":"{}","Cert":{certificate},"Chain":{},"Bundle":{},"RFC3161Timestamp":{}}}"#,
        json!(at(simple_signing::SIGNATURE).unwrap_or_default()),
        STANDARD.encode(payload),
        json!(chain),
        json(simple_signing::BUNDLE)?,
        json(simple_signing::TIMESTAMP)?
    ))
}

fn attestations(place: &Place, uri: Option<&str>) -> Result<(), Failure> {
    let found = bundles(place);
    let of_type = |statement: &Option<Statement>| {
        uri.is_none_or(|uri| statement.as_ref().is_some_and(|statement| statement.predicate_type == uri))
    };
    let mut count = 0;
    for (line, _) in found.verified.iter().filter(|(_, statement)| of_type(statement)) {
        print(format!("{line}\n"))?;
        count += 1;
    }
    if let Some(attached) = place.sources.attached(&place.store, &place.digest, Kind::Attestations)? {
        for layer in &attached.found.layers {
            let envelope = Envelope::from_json(&attached.bytes(layer)?)?;
            if of_type(&Statement::from_json(&envelope.payload).ok()) {
                print(format!("{}\n", ordered(&envelope)))?;
                count += 1;
            }
        }
    }
    all_read(&found)?;
    match uri.filter(|_| count == 0) {
        Some(uri) => Err(format!("no attestations with predicate type '{uri}' found").into()),
        None => Ok(()),
    }
}

/// An envelope in the order that Go's tools print.
fn ordered(envelope: &Envelope) -> String {
    format!(
        r#"{{"payloadType":{},"payload":"{}","signatures":[{{"keyid":{},"sig":"{}"}}]}}"#,
        json!(envelope.payload_type),
        STANDARD.encode(&envelope.payload),
        json!(envelope.key_hint),
        STANDARD.encode(&envelope.signature)
    )
}

fn sbom(place: &Place) -> Result<(), Failure> {
    say("WARNING: what is attached this way nobody signed: verify-attestation is for SBOMs that are attested");
    let attached = place.sources.attached(&place.store, &place.digest, Kind::Sbom)?;
    let attached = attached.ok_or("no sbom attached to reference")?;
    let [layer] = attached.found.layers.as_slice() else {
        return Err(format!("{} layers where one SBOM is expected", attached.found.layers.len()).into());
    };
    say(&format!("Found SBOM of media type: {}", layer.media_type));
    print(attached.bytes(layer)?)
}

pub fn attach(asked: &Attach) -> Result<(), Failure> {
    match asked {
        Attach::Signature(asked) => attach_signature(asked),
        Attach::Attestation(asked) => attach_attestations(asked),
        Attach::Sbom(asked) => attach_sbom(asked),
    }
}

/// Puts a bundle beside the image, whatever it states.
fn attach_bundle(place: &Place, bytes: Vec<u8>, bundle: &Bundle) -> Result<(), Failure> {
    let Content::Envelope(envelope) = &bundle.content else { return Err("the bundle holds no statement".into()) };
    let statement = Statement::from_json(&envelope.payload)?;
    refer(&place.sources, &place.reference, &place.digest, bytes, &statement.predicate_type)
}

fn attach_signature(asked: &Signature) -> Result<(), Failure> {
    let place = asked.of.place()?;
    let payload = match &asked.payload {
        Some(path) => {
            let bytes = read(path, MAX_FILE)?;
            if let Ok(bundle) = Bundle::from_json(&bytes) {
                let others = [
                    ("--signature", &asked.signature),
                    ("--certificate", &asked.certificate),
                    ("--certificate-chain", &asked.certificate_chain),
                    ("--tsr", &asked.tsr),
                    ("--rekor-response", &asked.rekor_response),
                ];
                if let Some((flag, _)) = others.iter().find(|(_, given)| given.is_some()) {
                    return Err(format!("{path} is a bundle, which holds all of it: leave {flag} away").into());
                }
                return attach_bundle(&place, bytes, &bundle);
            }
            bytes
        }
        None => SimpleSigning::new(&fetch::repository(&place.reference), &place.digest.to_string(), BTreeMap::new())
            .render(),
    };
    let path = asked.signature.as_ref().ok_or("--signature FILE names the signature")?;
    let text = |path: &String| -> Result<String, Failure> {
        let bytes = read(path, MAX_FILE)?;
        Ok(String::from_utf8(bytes).map_err(|_| format!("{path} is no text"))?.trim().to_owned())
    };
    let signature = text(path)?;
    if signature.is_empty() || STANDARD.decode(&signature).is_err() {
        return Err(format!("{path} is no signature in base64").into());
    }
    let mut annotations = BTreeMap::from([(simple_signing::SIGNATURE.to_owned(), signature)]);
    for (name, path) in
        [(simple_signing::CERTIFICATE, &asked.certificate), (simple_signing::CHAIN, &asked.certificate_chain)]
    {
        if let Some(path) = path {
            let pem = text(path)?;
            Certificate::all_from_pem(pem.as_bytes())?;
            annotations.insert(name.to_owned(), format!("{pem}\n"));
        }
    }
    if let Some(path) = &asked.tsr {
        let stamp = json!({"SignedRFC3161Timestamp": STANDARD.encode(read(path, MAX_FILE)?)});
        annotations.insert(simple_signing::TIMESTAMP.to_owned(), stamp.to_string());
    }
    if let Some(path) = &asked.rekor_response {
        let said: Value = serde_json::from_slice(&read(path, MAX_FILE)?)
            .map_err(|error| Failure::from(format!("read {path}: {error}")))?;
        let entry = said.get("rekorBundle").filter(|entry| entry.is_object());
        let entry = entry.ok_or_else(|| format!("{path} has no rekorBundle"))?;
        annotations.insert(simple_signing::BUNDLE.to_owned(), entry.to_string());
    }
    let layer = NewLayer { media_type: simple_signing::MEDIA_TYPE.into(), annotations, bytes: payload };
    place.sources.attach(&place.store, &place.digest, Kind::Signatures, &layer, &|_| false)?;
    Ok(())
}

fn attach_attestations(asked: &AttachAttestation) -> Result<(), Failure> {
    let place = asked.of.place()?;
    for path in &asked.attestation {
        say(&format!("Using payload from: {path}"));
        let bytes = read(path, MAX_FILE)?;
        if let Ok(bundle) = Bundle::from_json(&bytes) {
            attach_bundle(&place, bytes, &bundle)?;
            continue;
        }
        let mut envelopes = vec![];
        for value in serde_json::Deserializer::from_slice(&bytes).into_iter::<&serde_json::value::RawValue>() {
            let value = value.map_err(|error| format!("read {path}: {error}"))?;
            let envelope = Envelope::from_json(value.get().as_bytes())?;
            envelope.statement_bytes()?;
            envelopes.push(envelope);
        }
        if envelopes.is_empty() {
            return Err(format!("{path} holds neither a bundle nor an envelope").into());
        }
        for envelope in envelopes {
            let annotations = BTreeMap::from([(simple_signing::SIGNATURE.to_owned(), String::new())]);
            let bytes = ordered(&envelope).into_bytes();
            let layer = NewLayer { media_type: ENVELOPE.into(), annotations, bytes };
            place.sources.attach(&place.store, &place.digest, Kind::Attestations, &layer, &|_| false)?;
        }
    }
    Ok(())
}

fn attach_sbom(asked: &Sbom) -> Result<(), Failure> {
    let media_type = media_type(asked)?;
    if asked.registry_referrers_mode == Some(ReferrersMode::Oci11) {
        return Err(
            "an SBOM is attached at a tag alone (--registry-referrers-mode=legacy): `attest` signs one, as a referrer"
                .into(),
        );
    }
    say(&format!(
        "WARNING: Attaching SBOMs this way does not sign them. To sign them, use 'cosign attest --predicate {} --key <key path>'.",
        asked.sbom
    ));
    let bytes = read(&asked.sbom, MAX_FILE)?;
    let place = asked.of.place()?;
    let layer = NewLayer { media_type: media_type.into(), annotations: BTreeMap::new(), bytes };
    // There is one: it takes the place of another.
    place.sources.attach(&place.store, &place.digest, Kind::Sbom, &layer, &|_| true)?;
    Ok(())
}

/// The media type of an SBOM, as the flags and its name have it.
fn media_type(asked: &Sbom) -> Result<&'static str, Failure> {
    let format = asked.input_format.as_deref().filter(|format| !format.is_empty());
    let known: &[&str] = match asked.r#type.as_str() {
        "spdx" => &["json", "text"],
        "cyclonedx" => &["json", "xml"],
        "syft" => &["json"],
        other => return Err(format!("unknown SBOM type: {other:?}, expected (spdx|cyclonedx|syft)").into()),
    };
    if let Some(format) = format.filter(|format| !known.contains(format)) {
        return Err(format!("invalid SBOM input format: {format:?}, expected ({})", known.join("|")).into());
    }
    let is_json = format == Some("json") || asked.sbom.ends_with(".json");
    Ok(match (asked.r#type.as_str(), is_json) {
        ("cyclonedx", true) => "application/vnd.cyclonedx+json",
        ("cyclonedx", false) => "application/vnd.cyclonedx+xml",
        ("spdx", true) => "text/spdx+json",
        ("spdx", false) => "text/spdx",
        _ => "application/vnd.syft+json",
    })
}
