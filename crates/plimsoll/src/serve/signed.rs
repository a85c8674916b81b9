//! What is signed of an image, for the gate. In: what is known of the image, and its name. Out: what was verified, where the entry that
//! rules it asks for that. It is looked for in the name's own repository, of the digest that is judged, and kept with the verdict.

use std::sync::Arc;
use std::time::Instant;

use plimsoll_model::{ImageReference, SignatureFacts};

use super::decision;
use super::failure::{Failure, broken};
use super::images::{AnswerKey, Images, Whose, registry_words};
use super::loaded::Loaded;
use crate::assess::Looked;
use crate::{session, signatures};

/// Nothing where no entry asks for it.
pub async fn facts(
    images: &Images,
    loaded: &Arc<Loaded>,
    key: &AnswerKey,
    reference: &ImageReference,
    looked: &Arc<Looked>,
    whose: &Whose,
) -> Result<Option<Arc<SignatureFacts>>, Failure> {
    let session = decision::session(loaded, key.namespace.as_deref(), session::now());
    if signatures::asking(&session, Some(reference), key.namespace.as_deref()).is_none() {
        return Ok(None);
    }
    let sources = images.sources_for(whose).await;
    // As a scan: attestations are large, and neither a registry that hangs nor a namespace with many images must keep the others
    // waiting. The semaphores are never closed.
    let namespace = images.share_of(whose.namespace_words());
    let _turn = namespace.acquire().await;
    let host = images.share_of(registry_words(reference));
    let _share = host.acquire().await;
    let _scan = images.scanning.acquire().await;
    let (looked, named) = (Arc::clone(looked), reference.clone());
    let task = tokio::task::spawn_blocking(move || {
        let mut subject = looked.subject.clone();
        subject.reference = Some(named.clone());
        subject.namespace.clone_from(&session.namespace);
        let entry = signatures::asking(&session, Some(&named), session.namespace.as_deref())?;
        Some(Arc::new(signatures::facts(&session, &sources, &named, &subject, entry)))
    });
    task.await.map_err(|error| broken(reference, &error))
}

/// Until when a verdict that rests on that counts; none where nothing of it passes.
pub fn ends(loaded: &Loaded, key: &AnswerKey, reference: &ImageReference, facts: &SignatureFacts) -> Option<Instant> {
    let session = decision::session(loaded, key.namespace.as_deref(), session::now());
    let entry = signatures::asking(&session, Some(reference), session.namespace.as_deref())?;
    let end = plimsoll_policy::holds_until(facts, entry, session.at)?;
    Instant::now().checked_add(end.duration_since(session.at).try_into().ok()?)
}
