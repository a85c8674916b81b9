//! Go's own releases: `go1.20rc1`, `1.22.5`, as build information and go.mod write them. In: such a text. Out: the same
//! as a semantic version, by which the Go vulnerability database orders the standard library.
//! See <https://go.dev/doc/toolchain#version>.

use super::{VersionError, admit, number};

/// `go1.20rc1` → `1.20.0-rc.1`; `1.22.5` stays. A vendor's mark (`1.22.5-1`, `1.22.5 X:boringcrypto`) is cut off.
///
/// # Errors
/// For development builds (`devel go1.21-abc`) and whatever is no release.
pub fn release_to_semver(version: &str) -> Result<String, VersionError> {
    let fault = |what| VersionError::new("go", version, what);
    let first = version.split_whitespace().next().unwrap_or_default();
    let text = admit("go", first)?;
    let text = text.strip_prefix("go").or_else(|| text.strip_prefix('v')).unwrap_or(text);
    let text = text.split_once('+').map_or(text, |(release, _)| release);
    let end = text.bytes().position(|b| !(b.is_ascii_digit() || b == b'.')).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    let parts: Vec<&str> = numbers.split('.').collect();
    if parts.len() > 3 || !parts.iter().all(|part| number::is(part)) {
        return Err(fault("it is no release of Go"));
    }
    let part = |i: usize| parts.get(i).copied().unwrap_or("0");
    let core = format!("{}.{}.{}", part(0), part(1), part(2));
    for word in ["rc", "beta"] {
        if let Some(tail) = rest.strip_prefix(word) {
            let digits = number::split(tail).0;
            return if digits.is_empty() {
                Err(fault("its pre-release has no number"))
            } else {
                Ok(format!("{core}-{word}.{digits}"))
            };
        }
    }
    // A semantic version already: `1.20.0-rc.1`.
    if let Some(pre) = rest.strip_prefix("-rc.").filter(|n| number::is(n)) {
        return Ok(format!("{core}-rc.{pre}"));
    }
    if let Some(pre) = rest.strip_prefix("-beta.").filter(|n| number::is(n)) {
        return Ok(format!("{core}-beta.{pre}"));
    }
    if rest.is_empty() || rest.starts_with('-') { Ok(core) } else { Err(fault("it is no release of Go")) }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;

    #[test]
    fn releases_become_semantic_versions() {
        for (release, semver) in [
            ("go1.20rc1", "1.20.0-rc.1"),
            ("1.20", "1.20.0"),
            ("1.22.5", "1.22.5"),
            ("go1.22.5 X:boringcrypto", "1.22.5"),
            ("1.22.5-1", "1.22.5"),
            ("1.21beta2", "1.21.0-beta.2"),
            ("v1.20.0-rc.3", "1.20.0-rc.3"),
        ] {
            assert_eq!(release_to_semver(release).unwrap(), semver);
        }
        for bad in ["devel go1.21-abcdef", "(devel)", "", "1.20rc", "1.2.3.4", "gotip"] {
            assert!(release_to_semver(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_release_candidate_goes_before_its_release() {
        let candidate = release_to_semver("go1.20rc1").unwrap();
        assert_eq!(super::super::semver::compare(&candidate, "1.20").unwrap(), Ordering::Less);
        assert_eq!(super::super::semver::compare(&candidate, "1.20.0-0").unwrap(), Ordering::Greater);
    }
}
