//! Which entry of an index is meant. In: the entries and the platform asked for. Out: one descriptor.

use plimsoll_model::Platform;

use crate::error::SourceError;
use crate::oci::manifest::{Descriptor, Index};

/// Picks the entry for `wanted`; without one, for the machine we run on, and failing that the only image there is.
///
/// # Errors
/// When no entry fits: the error lists the platforms that are there.
pub fn pick<'a>(what: &str, index: &'a Index, wanted: Option<&Platform>) -> Result<&'a Descriptor, SourceError> {
    let images: Vec<&Descriptor> = index.manifests.iter().filter(|d| !d.is_attestation()).collect();
    let native = Platform::native();
    let target = wanted.unwrap_or(&native);
    let best = images
        .iter()
        .filter_map(|d| d.platform.as_ref().and_then(|p| fit(p, target)).map(|rank| (rank, *d)))
        .min_by_key(|(rank, _)| *rank);
    if let Some((_, descriptor)) = best {
        return Ok(descriptor);
    }
    // Entries that say no platform are settled by their configuration, which is read next; one of them is no guess.
    let silent: Vec<&&Descriptor> = images.iter().filter(|d| d.platform.is_none()).collect();
    match (silent.as_slice(), images.as_slice(), wanted) {
        ([only], _, _) => Ok(only),
        ([], [only], None) => Ok(only),
        _ => Err(SourceError::NoPlatform {
            what: what.to_owned(),
            wanted: target.to_string(),
            available: images.iter().filter_map(|d| d.platform.as_ref().map(ToString::to_string)).collect(),
        }),
    }
}

/// How well `has` serves `wanted`, 0 best; `None` when it does not.
pub fn fit(has: &Platform, wanted: &Platform) -> Option<u8> {
    if has.os != wanted.os || has.architecture != wanted.architecture {
        return None;
    }
    match (has.variant.as_deref(), wanted.variant.as_deref()) {
        (a, b) if a == b => Some(0),
        // arm64 has had one variant, and tools write it or not.
        (None | Some("v8"), None | Some("v8")) if has.architecture == "arm64" => Some(1),
        (Some("v7"), None) => Some(2),
        (Some("v6"), None) => Some(3),
        (Some(_), None) => Some(4),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(platforms: &[Option<&str>]) -> Index {
        let manifests = platforms
            .iter()
            .enumerate()
            .map(|(at, platform)| Descriptor {
                media_type: String::new(),
                digest: crate::hash::digest(plimsoll_model::Algorithm::Sha256, &[at as u8]),
                size: at as u64,
                platform: platform.and_then(Platform::parse),
                annotations: Default::default(),
                urls: vec![],
                artifact_type: None,
            })
            .collect();
        Index { manifests, annotations: Default::default() }
    }

    fn picked(platforms: &[Option<&str>], wanted: &str) -> Option<u64> {
        let index = index(platforms);
        pick("x", &index, Platform::parse(wanted).as_ref()).ok().map(|d| d.size)
    }

    #[test]
    fn the_platform_asked_for_is_picked() {
        let all = [Some("unknown/unknown"), Some("linux/arm/v6"), Some("linux/arm/v7"), Some("linux/arm64/v8")];
        assert_eq!(picked(&all, "linux/arm"), Some(2));
        assert_eq!(picked(&all, "linux/arm/v6"), Some(1));
        assert_eq!(picked(&all, "linux/arm64"), Some(3));
        assert_eq!(picked(&all, "linux/amd64"), None);
        assert_eq!(picked(&[Some("linux/arm64"), None], "linux/amd64"), Some(1));
    }

    #[test]
    fn the_only_image_needs_no_platform_unless_one_was_asked_for() {
        let one = index(&[Some("windows/amd64"), Some("unknown/unknown")]);
        assert_eq!(pick("x", &one, None).unwrap().size, 0);
        assert!(pick("x", &one, Platform::parse("linux/s390x").as_ref()).is_err());
    }
}
