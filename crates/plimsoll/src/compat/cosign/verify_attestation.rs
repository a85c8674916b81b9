//! `verify-attestation` and `verify-blob-attestation`. In: images or a file, what is demanded of the signer, of the predicate's type, and
//! policies. Out: the attestations that fulfil it, on standard output; or why none does. What is true is `plimsoll-trust`'s to say, as for
//! the LoadLine.

use clap::Args;
use plimsoll_model::{Digest, ImageReference};
use plimsoll_sources::attached::Kind;
use plimsoll_trust::classic::Attestation;
use plimsoll_trust::{
    Artifact, Bundle, Content, Demand, Envelope, Hash, Reason, Refusal, Statement, Subject, TrustMaterial, Verified,
    predicate_type, verify_bundle,
};

use super::attest::ENVELOPE;
use super::beside::{self, Beside as Files};
use super::fetch::{Beside, Image};
use super::flags::{Demand as Flags, Registry};
use super::verdict::Verdict;
use super::verify::{Found, each_bundle, tell};
use super::{Failure, blob, demand, fetch, print, read, say};
use crate::compat::truth;

/// Bytes of a bundle or an envelope: beyond that none is read.
const MAX_ENVELOPE: u64 = 64 << 20;

#[derive(Debug, Args)]
pub struct VerifyAttestation {
    /// Images
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,
    #[command(flatten)]
    pub demand: Flags,
    /// Hold what was signed to the image
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_parser = truth)]
    pub check_claims: bool,
    /// The type of the predicate: a short name as for attest, or a URI
    #[arg(long, value_name = "TYPE", default_value = "custom")]
    pub r#type: String,
    /// Rego that has to allow each statement of that type: `data.signature.allow` (repeatable)
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    pub policy: Vec<String>,
    /// json or text: attestations are JSON either way
    #[arg(short, long, value_name = "FORMAT", default_value = "json")]
    pub output: String,
    /// The images are folders that `save` wrote
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub local_image: bool,
    #[command(flatten)]
    pub registry: Registry,
}

#[derive(Debug, Args)]
pub struct VerifyBlobAttestation {
    /// The file; `-` is standard input
    #[arg(value_name = "FILE")]
    pub blob: Option<String>,
    /// The bundle
    #[arg(long, value_name = "FILE")]
    pub bundle: Option<String>,
    /// The envelope
    #[arg(long, value_name = "FILE")]
    pub signature: Option<String>,
    /// The type of the predicate: a short name as for attest-blob, or a URI
    #[arg(long, value_name = "TYPE", default_value = "custom")]
    pub r#type: String,
    /// The file's digest, instead of the file
    #[arg(long, value_name = "HEX")]
    pub digest: Option<String>,
    /// The hash of that digest: sha256, sha384 or sha512
    #[arg(long = "digestAlg", value_name = "HASH")]
    pub digest_alg: Option<String>,
    /// Taken and without meaning: no registry is asked
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub experimental_oci11: bool,
    #[command(flatten)]
    pub beside: Files,
    #[command(flatten)]
    pub demand: Flags,
    /// Hold what was signed to the file
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_parser = truth)]
    pub check_claims: bool,
}

/// An attestation that fulfils a demand.
struct Attested {
    statement: Statement,
    /// What was signed.
    payload: Vec<u8>,
    /// As it is printed.
    envelope: String,
}

impl Attested {
    fn of(envelope: &Envelope, shown: String, verified: Verified) -> Result<Attested, Refusal> {
        let statement = verified.statement;
        let statement =
            statement.ok_or_else(|| Refusal::new(Reason::StatementMalformed, "bytes are signed, and no statement"))?;
        Ok(Attested { statement, payload: envelope.payload.clone(), envelope: shown })
    }
}

pub fn run(asked: &VerifyAttestation) -> Result<(), Failure> {
    if !matches!(asked.output.as_str(), "json" | "text" | "") {
        return Err(format!("--output {}: json and text are spoken", asked.output).into());
    }
    let uri = predicate_type(&asked.r#type)?;
    let demand = demand::of(&asked.demand, Subject::Any)?;
    let trust = demand::trust(&asked.demand, &demand)?;
    let verdict = Verdict::of(&asked.policy)?;
    let images = fetch::Found::of(&asked.registry, &asked.images, asked.local_image)?;
    for name in &asked.images {
        // Here Cosign has no status of its own for an image that is not there.
        let (image, place) = images.image(name).map_err(|failure| Failure::from(failure.why))?;
        let verified = attestations(place.as_ref(), &image, asked, &demand, &trust)?;
        let found: Vec<String> = verified.iter().map(|one| one.statement.predicate_type.clone()).collect();
        let of_type: Vec<Attested> = verified.into_iter().filter(|one| one.statement.predicate_type == uri).collect();
        if of_type.is_empty() {
            let found = found.join(",");
            return Err(format!("none of the attestations matched the predicate type: {uri}, found: {found}").into());
        }
        verdict.on(of_type.iter().map(|one| one.payload.as_slice()))?;
        tell(name, &demand, asked.check_claims, false);
        of_type.iter().try_for_each(|one| print(format!("{}\n", one.envelope)))?;
    }
    Ok(())
}

/// The image's attestations that fulfil a demand, at least one, of whatever type.
fn attestations(
    sources: &dyn Beside,
    image: &Image,
    asked: &VerifyAttestation,
    demand: &Demand,
    trust: &TrustMaterial,
) -> Result<Vec<Attested>, Failure> {
    let (store, digest) = (fetch::store(&image.reference)?, &image.holding.digest);
    let (of_image, now) = (Artifact::Digest(Hash::Sha256, fetch::sha256(digest)?.to_vec()), jiff::Timestamp::now());
    let mut found = Found::default();
    if asked.demand.new_bundle_format != Some(false) {
        each_bundle(sources, &store, digest, &mut found, |bytes| {
            let bundle = Bundle::from_json(bytes)?;
            let verified = verify_bundle(&bundle, &of_image, trust, demand, now)?;
            match &bundle.content {
                Content::Envelope(envelope) => Attested::of(envelope, envelope.to_json().to_string(), verified),
                Content::Message { .. } => Err(Refusal::new(Reason::PayloadType, "bytes are signed, and no statement")),
            }
        });
    }
    if asked.demand.new_bundle_format != Some(true) {
        each_envelope(sources, &store, digest, &mut found, |bytes, annotations| {
            let attestation = Attestation::read(bytes, annotations)?;
            let artifact = match asked.check_claims {
                true => of_image.clone(),
                false => its_own(&attestation.envelope().payload)?,
            };
            let verified = attestation.verify(&artifact, trust, demand, now)?;
            // As it lies there, which is what was looked at.
            Attested::of(attestation.envelope(), String::from_utf8_lossy(bytes).into_owned(), verified)
        });
    }
    let unasked: Vec<&str> = found.unread.iter().chain(&found.beyond).map(String::as_str).collect();
    let none = found.none();
    match (found.verified.as_slice(), found.unread.as_slice()) {
        // A policy has to hold for all of them: one that was not read may be the one that it does not hold for.
        ([_, ..], _) if !asked.policy.is_empty() && !unasked.is_empty() => {
            Err(format!("could not tell whether the policy holds for every attestation: {}", unasked.join("\n")).into())
        }
        ([_, ..], _) => Ok(found.verified),
        ([], []) if none.is_empty() => Err("no attestations found".into()),
        ([], []) => Err(format!("no matching attestations: {}", none.join("\n")).into()),
        ([], unread) => {
            let all: Vec<&str> = unread.iter().map(String::as_str).chain(none).collect();
            Err(format!("could not tell whether an attestation matches: {}", all.join("\n")).into())
        }
    }
}

/// Holds each attestation of the classic form.
fn each_envelope(
    sources: &dyn Beside,
    store: &ImageReference,
    digest: &Digest,
    found: &mut Found<Attested>,
    hold: impl Fn(&[u8], &std::collections::BTreeMap<String, String>) -> Result<Attested, Refusal>,
) {
    let attached = match sources.attached(store, digest, Kind::Attestations) {
        Ok(Some(attached)) => attached,
        Ok(None) => return,
        Err(error) => return found.unlisted(error),
    };
    for layer in &attached.found.layers {
        if layer.media_type != ENVELOPE {
            let kind = &layer.media_type;
            found.refused.push(format!("the layer {} is no attestation: it is {kind:?}", layer.digest));
            continue;
        }
        if layer.size > MAX_ENVELOPE {
            found.beyond.push(format!("the layer {} has more than {MAX_ENVELOPE} bytes", layer.digest));
            continue;
        }
        match attached.bytes(layer) {
            Ok(bytes) => found.held(hold(&bytes, &layer.annotations)),
            Err(error) => found.failed(error),
        }
    }
}

/// The artifact that a statement says it is of: where nobody wants it held to another.
fn its_own(payload: &[u8]) -> Result<Artifact<'static>, Refusal> {
    let statement = Statement::from_json(payload)?;
    let mut known = statement.subjects.iter().flat_map(|subject| {
        Hash::ALL
            .into_iter()
            .filter_map(|hash| Some(Artifact::Digest(hash, hash.from_hex(subject.digests.get(hash.name())?)?)))
    });
    known.next().ok_or_else(|| Refusal::new(Reason::StatementMalformed, "no subject of the statement has a digest"))
}

pub fn of_blob(asked: &VerifyBlobAttestation) -> Result<(), Failure> {
    let uri = predicate_type(&asked.r#type)?;
    let (files, demand) = asked.beside.read(demand::of(&asked.demand, Subject::Predicate(uri.to_owned()))?)?;
    let trust = demand::trust(&asked.demand, &demand)?;
    if asked.blob.is_some() && (asked.digest.is_some() || asked.digest_alg.is_some()) {
        return Err("the file, and --digest with --digestAlg, both say what is attested: name one".into());
    }
    blob::form(asked.demand.new_bundle_format, asked.bundle.is_some())?;
    let (given, is_bundle) = match (&asked.bundle, &asked.signature) {
        (Some(path), None) => (read(path, MAX_ENVELOPE)?, true),
        (None, Some(path)) => (read(path, MAX_ENVELOPE)?, false),
        (Some(_), Some(_)) => return Err("--bundle and --signature are two attestations: name one".into()),
        (None, None) => return Err("--bundle FILE or --signature FILE names the attestation".into()),
    };
    let now = jiff::Timestamp::now();
    let content;
    let artifact = match (&asked.blob, asked.check_claims) {
        (Some(path), true) => {
            content = read(path, blob::MAX_BLOB)?;
            Some(Artifact::Bytes(&content))
        }
        (None, true) => Some(by_digest(asked)?),
        (_, false) => None,
    };
    match is_bundle {
        true => {
            let bundle = Bundle::from_json(&given)?;
            let artifact = match (artifact, &bundle.content) {
                (Some(artifact), _) => artifact,
                (None, Content::Envelope(envelope)) => its_own(&envelope.payload)?,
                (None, Content::Message { .. }) => return Err("the bundle holds no attestation".into()),
            };
            verify_bundle(&bundle, &artifact, &trust, &demand, now)?;
        }
        false => {
            let attestation = Attestation::with(&given, files.clone())?;
            let artifact = artifact.map_or_else(|| its_own(&attestation.envelope().payload), Ok)?;
            let verified = attestation.verify(&artifact, &trust, &demand, now);
            verified.map_err(|refusal| beside::mended(refusal, &files))?;
        }
    }
    say("Verified OK");
    Ok(())
}

/// The artifact that a digest on the command line means.
fn by_digest(asked: &VerifyBlobAttestation) -> Result<Artifact<'static>, Failure> {
    let (Some(digest), Some(name)) = (&asked.digest, &asked.digest_alg) else {
        return Err("name the file, or its digest with --digest HEX and --digestAlg HASH".into());
    };
    let hash = Hash::called(name);
    let hash = hash.ok_or_else(|| format!("--digestAlg {name}: sha256, sha384 and sha512 are spoken"))?;
    let digest = hash.from_hex(digest).ok_or_else(|| format!("--digest is no {name} in hexadecimal digits"))?;
    Ok(Artifact::Digest(hash, digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_held_to_what_it_names_first_and_can_be_known_by() {
        let stated = |subjects: &str| {
            its_own(format!(r#"{{"_type":"https://in-toto.io/Statement/v1","subject":{subjects},"predicateType":"a:b","predicate":{{}}}}"#).as_bytes())
        };
        let two = format!(r#"[{{"digest":{{"gitCommit":"aa"}}}},{{"digest":{{"sha512":"{}"}}}}]"#, "07".repeat(64));
        assert_eq!(stated(&two), Ok(Artifact::Digest(Hash::Sha512, vec![7; 64])));
        assert!(stated(r#"[{"digest":{"gitCommit":"aa"}}]"#).is_err());
        for bad in ["xx", "00"] {
            assert!(stated(&format!(r#"[{{"digest":{{"sha256":"{bad}"}}}}]"#)).is_err(), "{bad}");
        }
    }
}
