//! An image's signatures and attestations as its registry has them. In: sources, a name, a digest. Out: what is there, in both forms
//! of cosign's and in that of Notation's, problems for what could not be had, and words for what is there and is not read. What it does
//! not do: believe any of it.
//!
//! Whoever may push chooses what is there. So what is no signature, or beyond what is read, is no problem: it would turn a plain no
//! into "could not tell".

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use plimsoll_model::{Digest, ImageReference, Problem, ProblemKind};
use plimsoll_sources::attached::{Kind, MAX_PAYLOAD};
use plimsoll_sources::error::chain;
use plimsoll_sources::oci::manifest::Descriptor;
use plimsoll_sources::{SourceError, Sources};
use plimsoll_trust::image_bundle::is_bundle;
use plimsoll_trust::notation::ARTIFACT_TYPE;
use plimsoll_trust::simple_signing;

/// The media type of layers with attestations in the classic form.
const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";
/// The annotations of a layer that prove something.
const PROOFS: [&str; 4] =
    [simple_signing::SIGNATURE, simple_signing::CERTIFICATE, simple_signing::BUNDLE, simple_signing::TIMESTAMP];
/// Bytes of all that is read for one image: SBOMs have some ten megabytes, and somebody who may push there must not fill memory.
const MAX_ALL: u64 = 256 << 20;
/// Layers that are read for one image, each with a question to its registry.
const MAX_LAYERS: usize = 1_000;

/// Something that is said to be signed.
pub struct Item {
    /// Of its bytes: who looks for it finds it by that.
    pub layer: Digest,
    pub form: Form,
}

pub enum Form {
    /// A payload, with its signature among the annotations of its layer.
    Classic {
        payload: Vec<u8>,
        annotations: BTreeMap<String, String>,
    },
    /// An envelope, with what proves it among the annotations of its layer.
    Envelope {
        bytes: Vec<u8>,
        annotations: BTreeMap<String, String>,
    },
    Bundle(Vec<u8>),
    /// An envelope of the Notary Project, as its layer calls it.
    Notation {
        media_type: String,
        bytes: Vec<u8>,
    },
}

/// What is there, and what could not be had.
#[derive(Default)]
pub struct Listed {
    pub items: Vec<Item>,
    pub problems: Vec<Problem>,
    /// What is there and is not read.
    pub unread: Vec<String>,
    bytes: u64,
    /// What was taken already. By digest, media type, size and proofs: a stranger's word for the same bytes hides nobody's. All types
    /// of bundles are one, for their bytes say which they are.
    seen: BTreeSet<(Digest, String, u64, Vec<String>)>,
}

/// What is looked for beside signatures as Cosign makes them.
#[derive(Clone, Copy)]
pub struct Looked {
    pub attestations: bool,
    /// Signatures as Notation makes them.
    pub notation: bool,
}

/// All that is there for the digest and could be had until then. Must not be called from a task of a server.
pub fn listed(
    sources: &Sources,
    reference: &ImageReference,
    digest: &Digest,
    Looked { attestations, notation }: Looked,
    until: Instant,
) -> Listed {
    let mut listed = Listed::default();
    // What is left of the time: each call has a deadline of its own, and there are as many as somebody pushes.
    let sources = || sources.with_deadline(until.saturating_duration_since(Instant::now()));
    let kinds: &[Kind] = if attestations { &[Kind::Signatures, Kind::Attestations] } else { &[Kind::Signatures] };
    for kind in kinds {
        match sources().attached(reference, digest, *kind) {
            Err(error) => listed.failed(&format!("the tag with the {}", told(*kind)), &error),
            Ok(None) => {}
            Ok(Some(attached)) => {
                for layer in &attached.found.layers {
                    let annotations = layer.annotations.clone();
                    let form: fn(Vec<u8>, BTreeMap<String, String>) -> Form = match layer.media_type.as_str() {
                        simple_signing::MEDIA_TYPE => |payload, annotations| Form::Classic { payload, annotations },
                        ENVELOPE => |bytes, annotations| Form::Envelope { bytes, annotations },
                        _ => continue,
                    };
                    let bytes = || attached.bytes(layer);
                    listed.take(layer, until, bytes, |bytes| form(bytes, annotations));
                }
            }
        }
    }
    match sources().referrers(reference, digest) {
        Err(error) => listed.failed("the referrers", &error),
        Ok(attached) => {
            for referrer in &attached.found {
                match referrer {
                    // It may be a signature, and may be anything.
                    Err(error) => listed.failed("a referrer", error),
                    Ok(referrer) => {
                        for layer in referrer.layers.iter().filter(|layer| is_bundle(&layer.media_type)) {
                            listed.take(layer, until, || attached.bytes(layer), Form::Bundle);
                        }
                        if !notation || referrer.artifact_type.as_deref() != Some(ARTIFACT_TYPE) {
                            continue;
                        }
                        for layer in &referrer.layers {
                            let form = |bytes| Form::Notation { media_type: layer.media_type.clone(), bytes };
                            listed.take(layer, until, || attached.bytes(layer), form);
                        }
                    }
                }
            }
        }
    }
    listed
}

impl Listed {
    fn take(
        &mut self,
        layer: &Descriptor,
        until: Instant,
        bytes: impl FnOnce() -> Result<Vec<u8>, SourceError>,
        form: impl FnOnce(Vec<u8>) -> Form,
    ) {
        // The same a thousand times is a thousand times the work, and says no more.
        let proofs = PROOFS.iter().map(|key| layer.annotations.get(*key).cloned().unwrap_or_default()).collect();
        let media_type = if is_bundle(&layer.media_type) { String::new() } else { layer.media_type.clone() };
        let key = (layer.digest.clone(), media_type, layer.size, proofs);
        if self.seen.contains(&key) {
            return;
        }
        // What is remembered of them is bounded, too.
        if self.seen.len() >= MAX_LAYERS {
            return self.beyond(format!("it has more than {MAX_LAYERS} layers"));
        }
        self.seen.insert(key);
        // One that is too large by itself is refused unread, and hides none.
        if layer.size <= MAX_PAYLOAD && self.bytes + layer.size > MAX_ALL {
            return self.beyond(format!("it has more than {} MiB", MAX_ALL >> 20));
        }
        if Instant::now() >= until {
            return self.late();
        }
        match bytes() {
            Ok(bytes) => {
                self.bytes += bytes.len() as u64;
                self.items.push(Item { layer: layer.digest.clone(), form: form(bytes) });
            }
            Err(error) => self.failed(&format!("the layer {}", layer.digest), &error),
        }
    }

    /// Something was not read.
    fn failed(&mut self, what: &str, error: &SourceError) {
        let message = format!("read {what}: {}", chain(error));
        match error.is_of_content() {
            true => self.unread.push(message),
            false => self.problems.push(Problem::undecided(ProblemKind::Unreachable, message)),
        }
    }

    /// Tells once that there is more than is read.
    fn beyond(&mut self, why: String) {
        let message = format!("read all that is signed of it: {why}");
        if !self.unread.contains(&message) {
            self.unread.push(message);
        }
    }

    /// Tells once that there was no time to read all.
    fn late(&mut self) {
        let message = "read all that is signed of it: it takes too long";
        if !self.problems.iter().any(|one| one.message == message) {
            self.problems.push(Problem::undecided(ProblemKind::Unreachable, message));
        }
    }
}

fn told(kind: Kind) -> &'static str {
    match kind {
        Kind::Signatures => "signatures",
        Kind::Attestations => "attestations",
        Kind::Sbom => "SBOM",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn layer(letter: char, size: u64) -> Descriptor {
        let digest = format!("sha256:{}", letter.to_string().repeat(64));
        serde_json::from_value(json!({"mediaType": ENVELOPE, "digest": digest, "size": size})).unwrap()
    }

    #[test]
    fn what_was_seen_is_taken_once_and_each_proof_of_it_is_seen() {
        let (mut listed, until) = (Listed::default(), Instant::now() + Duration::from_secs(60));
        let with = |key: &str, value: &str| {
            let mut layer = layer('a', 1);
            layer.annotations.insert(key.to_owned(), value.to_owned());
            layer
        };
        for (layer, items) in [
            (with(simple_signing::SIGNATURE, "YQ=="), 1),
            (with(simple_signing::SIGNATURE, "YQ=="), 1),
            (with(simple_signing::SIGNATURE, "Yg=="), 2),
            (with(simple_signing::BUNDLE, "{}"), 3),
            (layer('a', 1), 4),
            // What nobody reads makes nothing new.
            (with("example.com/any", "1"), 4),
            (layer('b', 1), 5),
        ] {
            listed.take(&layer, until, || Ok(vec![1]), Form::Bundle);
            assert_eq!(listed.items.len(), items, "{layer:?}");
        }
        assert!(listed.problems.is_empty() && listed.bytes == 5);
    }

    #[test]
    fn what_anybody_can_put_there_is_no_problem_and_what_could_not_be_had_is_one() {
        let until = Instant::now() + Duration::from_secs(60);
        let taken = |size: u64, error: Option<SourceError>| {
            let mut listed = Listed::default();
            listed.take(&layer('a', size), until, || error.map_or(Ok(vec![1]), Err), Form::Bundle);
            (listed.items.len(), listed.unread.len(), listed.problems.len())
        };
        let large = || SourceError::TooLarge { what: "a".into(), limit: 1 };
        let broken = || SourceError::Malformed { what: "a".into(), why: "no JSON".into() };
        let down = || SourceError::Io { what: "read a".into(), source: std::io::ErrorKind::NotConnected.into() };
        let digest = |letter: char| layer(letter, 1).digest;
        let lies = || SourceError::DigestMismatch { what: "a".into(), wanted: digest('a'), found: digest('b') };
        assert_eq!(taken(1, None), (1, 0, 0));
        assert_eq!((taken(1, Some(large())), taken(1, Some(broken()))), ((0, 1, 0), (0, 1, 0)));
        assert_eq!((taken(1, Some(down())), taken(1, Some(lies()))), ((0, 0, 1), (0, 0, 1)));
        // A size that is a lie hides nothing that is listed behind it, and neither do many.
        let mut listed = Listed::default();
        for (letter, size) in [('a', u64::MAX), ('b', MAX_PAYLOAD), ('c', MAX_PAYLOAD), ('d', MAX_PAYLOAD)] {
            listed.take(&layer(letter, size), until, || Err(large()), Form::Bundle);
        }
        listed.take(&layer('e', 1), until, || Ok(vec![1]), Form::Bundle);
        assert_eq!((listed.items.len(), listed.unread.len(), listed.bytes), (1, 4, 1));
        // What is more than is read in all is told once, and smaller ones are read still.
        listed.bytes = MAX_ALL - 1;
        for (letter, size) in [('f', 2), ('0', 2), ('1', 1)] {
            listed.take(&layer(letter, size), until, || Ok(vec![1]), Form::Bundle);
        }
        assert_eq!((listed.items.len(), listed.unread.len()), (2, 5));
        let mut listed = Listed::default();
        for at in 0..MAX_LAYERS + 2 {
            let mut layer = layer('a', 1);
            layer.annotations.insert(simple_signing::SIGNATURE.to_owned(), at.to_string());
            listed.take(&layer, until, || Ok(vec![1]), Form::Bundle);
        }
        assert_eq!((listed.items.len(), listed.unread.len()), (MAX_LAYERS, 1));
    }

    #[test]
    fn when_the_time_is_over_nothing_more_is_fetched_and_that_is_told_once() {
        let mut listed = Listed::default();
        let until = Instant::now() + Duration::from_secs(60);
        listed.take(&layer('a', 1), until, || Ok(vec![1]), Form::Bundle);
        assert!(listed.items.len() == 1 && listed.problems.is_empty());
        let over = Instant::now();
        for _ in 0..3 {
            listed.take(&layer('b', 1), over, || panic!("nobody waits for it"), Form::Bundle);
        }
        let [problem] = listed.problems.as_slice() else { panic!("{:?}", listed.problems) };
        assert!(problem.message.ends_with("it takes too long") && listed.items.len() == 1, "{problem:?}");
    }
}
