//! The list of registries that images may come from, given beside the policy (`--registry-whitelist`). In: a policy and
//! hosts. Out: the policy with the list in it, and what the list says of an image. What it does not do: match globs; a
//! host is that host.

use plimsoll_model::{ImageReference, LoadLine};
use sha2::{Digest as _, Sha256};

use crate::read::hex;

/// Hosts that a message names before it says how many more there are.
const MAX_NAMED: usize = 8;

/// A text of the list that is no registry's host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a registry: write its host, and its port if it has one, as image names do (quay.io, localhost:5000)"
)]
pub struct RegistryError(pub String);

/// Denies all images that do not come from `registries`, before any entry is asked and whatever it says; an empty list
/// leaves the policy as it is. The policy's digest becomes another, the same for the same hosts in any order. Exemptions
/// come before the list. A second call replaces the first one's list.
///
/// # Errors
/// When a text is no host that stands in an image name: nothing would come from there.
pub fn restrict_registries(policy: &mut LoadLine, registries: Vec<String>) -> Result<(), RegistryError> {
    let mut hosts = registries.into_iter().map(host).collect::<Result<Vec<String>, _>>()?;
    hosts.sort();
    hosts.dedup();
    if hosts.is_empty() {
        return Ok(());
    }
    let mut hash = Sha256::new();
    hash.update(&policy.digest);
    for host in &hosts {
        // A host has no line break in it, so two lists never look alike.
        hash.update("\n");
        hash.update(host);
    }
    policy.digest = format!("sha256:{}", hex(&hash.finalize()));
    policy.only_registries = hosts;
    Ok(())
}

/// The host as references have it: `docker.io` for `index.docker.io`.
fn host(text: String) -> Result<String, RegistryError> {
    let written = text.trim();
    let reference: Option<ImageReference> =
        if written.contains(['/', '@']) { None } else { format!("{written}/image").parse().ok() };
    match reference.as_ref().map(ImageReference::registry) {
        // `acme/image` is an image of Docker Hub, and `acme` no registry.
        Some(host) if host == written || written == "index.docker.io" => Ok(host.to_owned()),
        _ => Err(RegistryError(text)),
    }
}

/// Why the list denies an image; none where it does not.
pub(crate) fn refusal(policy: &LoadLine, reference: Option<&ImageReference>) -> Option<String> {
    let hosts = &policy.only_registries;
    if hosts.is_empty() || reference.is_some_and(|r| hosts.iter().any(|host| host == r.registry())) {
        return None;
    }
    let what = match reference {
        Some(reference) => format!("the registry {} of {} is not one of those", reference.registry(), reference.name()),
        None => "this has no image name, and so no registry of those".to_owned(),
    };
    let mut named = hosts.iter().take(MAX_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    if let more @ 1.. = hosts.len().saturating_sub(MAX_NAMED) {
        named += &format!(" and {more} more");
    }
    Some(format!("{what} that --registry-whitelist allows: {named}"))
}
