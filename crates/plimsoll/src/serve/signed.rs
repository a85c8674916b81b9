//! What is signed of an image, for the gate. In: what is known of the image, and its name. Out: what was verified, where the entry that
//! rules it asks for that. It is looked for in the name's own repository, of the digest that is judged, and kept for whoever asks the
//! same with the same right.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use plimsoll_model::{Digest, ImageReference, SignatureFacts};

use super::failure::{Failure, broken};
use super::images::{AnswerKey, Images, Scope, Whose, earlier, registry_words};
use super::judged::bytes_of;
use super::loaded::Loaded;
use crate::assess::Looked;
use crate::session;
use crate::signatures::Wanted;

/// What the facts of an image's signatures hang on.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key {
    digest: Digest,
    repository: String,
    /// What is asked for; its name is unique in a policy.
    entry: String,
    generation: u64,
    /// With whose right the registry was asked: what one may not see is no word for another.
    scope: Scope,
}

/// What was verified.
pub struct Signed {
    pub facts: Arc<SignatureFacts>,
    /// Until when it counts; none where nothing of it passes.
    pub until: Option<Instant>,
    /// By what it can be kept; none where it was.
    key: Option<Key>,
}

/// Nothing where no entry asks for it.
pub async fn signed(
    images: &Images,
    loaded: &Arc<Loaded>,
    key: &AnswerKey,
    (reference, digest): (&ImageReference, &Digest),
    looked: &Arc<Looked>,
    whose: &Whose,
) -> Result<Option<Signed>, Failure> {
    let Some(wanted) = Wanted::of(&loaded.session, Some(reference), key.namespace.as_deref(), session::now()) else {
        return Ok(None);
    };
    let known = Key {
        digest: digest.clone(),
        repository: reference.name(),
        entry: wanted.entry.name.clone(),
        generation: key.generation,
        scope: key.scope.clone(),
    };
    let kept = || images.signed.get_until(&known, Instant::now());
    let as_kept = |(facts, until)| Ok(Some(Signed { facts, until, key: None }));
    if let Some(kept) = kept() {
        return as_kept(kept);
    }
    let sources = images.sources_for(whose).await;
    // As a scan: attestations are large, and neither a registry that hangs nor a namespace with many images must keep the others
    // waiting. The semaphores are never closed.
    let namespace = images.share_of(whose.namespace_words());
    let _turn = namespace.acquire().await;
    let host = images.share_of(registry_words(reference));
    let _share = host.acquire().await;
    let _scan = images.scanning.acquire().await;
    // Whoever waited for a turn may have waited for the same.
    if let Some(kept) = kept() {
        return as_kept(kept);
    }
    let (loaded, key) = (Arc::clone(loaded), key.clone());
    let (looked, named) = (Arc::clone(looked), reference.clone());
    let task = tokio::task::spawn_blocking(move || {
        let mut subject = looked.subject.clone();
        subject.reference = Some(named.clone());
        // Turns and registries take their time, and what is found may end while it is looked for.
        let at = session::now();
        // By the clock itself, and not its last full second, which would be up to one too long.
        let (began, clock) = (Instant::now(), Timestamp::now());
        let wanted = Wanted::of(&loaded.session, Some(&named), key.namespace.as_deref(), at)?;
        let facts = wanted.facts(&sources, &named, &subject);
        let until = plimsoll_policy::holds_until(&facts, wanted.entry, at).and_then(|end| moment(end, (clock, began)));
        Some(Signed { facts: Arc::new(facts), until, key: Some(known) })
    });
    let signed = task.await.map_err(|error| broken(reference, &error))?;
    // Before the turn ends, for whoever waits for it; it is kept for longer when the verdict on it says so.
    if let Some(signed) = &signed {
        keep(images, signed, images.soon());
    }
    Ok(signed)
}

/// A time of the clock as a moment of ours, of which one is known in both; no later than that where it has passed by then.
fn moment(end: Timestamp, (at, began): (Timestamp, Instant)) -> Option<Instant> {
    began.checked_add(end.duration_since(at).try_into().unwrap_or_default())
}

/// Keeps what was found and was not kept yet, until then at the latest.
pub fn keep(images: &Images, signed: &Signed, until: Option<Instant>) {
    let Some(key) = signed.key.clone() else { return };
    let weight = 512 + bytes_of(&*signed.facts);
    images.signed.put(key, Arc::clone(&signed.facts), weight, earlier(signed.until, until));
}
