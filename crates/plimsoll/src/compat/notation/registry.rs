//! The way to registries: artifacts and their signatures. In: references and flags. Out: digests, and envelopes' bytes, none of which is
//! believed here.

use std::collections::BTreeSet;

use plimsoll_model::{Digest, ImageReference};
use plimsoll_sources::attached::{Attached, Holding, Referrer};
use plimsoll_sources::{SourceError, SourceOptions, Sources};
use plimsoll_trust::notation::{ARTIFACT_TYPE, MOST_BYTES};

use super::{Failure, flags, print, say};

/// An artifact that was found.
pub struct Artifact {
    pub sources: Sources,
    pub reference: ImageReference,
    pub holding: Holding,
}

impl Artifact {
    /// It by its digest.
    pub fn resolved(&self) -> String {
        format!("{}@{}", self.reference.name(), self.holding.digest)
    }
}

/// One signature's manifest.
pub struct Signature {
    pub digest: Digest,
    /// Media type and bytes of its envelope, or why they cannot be had.
    pub envelope: Result<(String, Vec<u8>), Failure>,
}

/// The artifact that a reference means now. A tag is warned of.
pub fn artifact(flags: &flags::Registry, named: &str, operation: &str) -> Result<Artifact, Failure> {
    let wrong = |why: &str| {
        Failure(format!(
            "{named:?}: {why}. Expecting <registry>/<repository>:<tag> or <registry>/<repository>@<digest>"
        ))
    };
    let reference = crate::assess::reference(named).map_err(|error| wrong(&crate::message::chain(&error)))?;
    if reference.tag_was_implied() {
        return Err(wrong("invalid reference: no tag or digest"));
    }
    let host = reference.registry();
    let local = host.rsplit_once(':').is_some_and(|(name, _)| name == "localhost");
    let plain = flags.insecure_registry || local;
    let options =
        SourceOptions { plain_http: if plain { vec![host.to_owned()] } else { vec![] }, ..SourceOptions::default() };
    let sources = Sources::new(&options)?;
    let holding = sources
        .holding(&reference)
        .map_err(|error| Failure(format!("failed to get manifest descriptor: {}", Failure::from(error).0)))?;
    if let (None, Some(tag)) = (reference.digest(), reference.tag()) {
        say(&format!(
            "Warning: Always {operation} the artifact using digest(@sha256:...) rather than a tag(:{tag}) because resolved digest may not point to the same signed artifact, as tags are mutable."
        ));
    }
    Ok(Artifact { sources, reference, holding })
}

/// The manifests of an artifact's signatures, at most so many, and whether there are more; those that could not be read stand there as
/// the reason.
type Listed = (Attached<Vec<Result<Referrer, SourceError>>>, bool);

fn listed(artifact: &Artifact, most: u32) -> Result<Listed, Failure> {
    let mut attached = artifact.sources.referrers(&artifact.reference, &artifact.holding.digest)?;
    let is_signature = |one: &Result<Referrer, SourceError>| match one {
        Ok(referrer) => referrer.artifact_type.as_deref() == Some(ARTIFACT_TYPE),
        // It may be one.
        Err(_) => true,
    };
    attached.found.retain(is_signature);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let more = attached.found.len() > most;
    attached.found.truncate(most);
    Ok((attached, more))
}

/// What else is known of an artifact's signatures.
#[derive(Default)]
pub struct Found {
    /// Why of others nothing is known.
    pub unread: Vec<String>,
    /// There are more than were asked for.
    pub more: bool,
}

/// Looks at one signature after another until `done` says that it is enough.
pub fn each(artifact: &Artifact, most: u32, mut done: impl FnMut(Signature) -> bool) -> Result<Found, Failure> {
    let (mut attached, more) = listed(artifact, most)?;
    let mut found = Found { more, ..Found::default() };
    let mut seen = BTreeSet::new();
    for referrer in std::mem::take(&mut attached.found) {
        let referrer = match referrer {
            Ok(referrer) => referrer,
            Err(error) => {
                found.unread.push(Failure::from(error).0);
                continue;
            }
        };
        let envelope = match referrer.layers.as_slice() {
            [layer] if layer.size > MOST_BYTES as u64 => {
                Err(Failure(format!("signature blob too large: {} bytes", layer.size)))
            }
            // The same envelope a hundred times says no more than once.
            [layer] if !seen.insert((layer.digest.clone(), layer.media_type.clone(), layer.size)) => continue,
            [layer] => attached.bytes(layer).map(|bytes| (layer.media_type.clone(), bytes)).map_err(Failure::from),
            layers => Err(Failure(format!(
                "signature manifest requires exactly one signature envelope blob, got {}",
                layers.len()
            ))),
        };
        if done(Signature { digest: referrer.digest, envelope }) {
            break;
        }
    }
    Ok(found)
}

/// `list`.
pub fn list(asked: &flags::List) -> Result<(), Failure> {
    let artifact = artifact(&asked.registry, &asked.reference, "list")?;
    let (attached, more) = listed(&artifact, asked.registry.max_signatures)?;
    let (mut digests, mut unread) = (Vec::new(), Vec::new());
    for referrer in &attached.found {
        match referrer {
            Ok(referrer) => digests.push(&referrer.digest),
            Err(error) => unread.push(plimsoll_sources::error::chain(error)),
        }
    }
    let mut lines = Vec::new();
    for (at, digest) in digests.iter().enumerate() {
        let branch = if at + 1 == digests.len() { "└──" } else { "├──" };
        lines.push(format!("    {branch} {digest}\n"));
    }
    let name = artifact.resolved();
    match digests.as_slice() {
        [] if unread.is_empty() => print(&format!("{name} has no associated signature\n"))?,
        [] => {}
        _ => print(&format!("{name}\n└── {ARTIFACT_TYPE}\n{}", lines.concat()))?,
    }
    if more {
        print(&format!("Warning: {}\n", exceeded(asked.registry.max_signatures)))?;
    }
    match unread.is_empty() {
        true => Ok(()),
        false => Err(Failure(format!("could not tell whether there are more: {}", unread.join("\n")))),
    }
}

/// Notation's words for more signatures than are looked at.
pub fn exceeded(most: u32) -> String {
    format!("exceeded configured limit of max signatures {most} to examine")
}
