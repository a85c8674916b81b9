//! Versions of the standard. In: `latest`, `v1.25`, `1.25`. Out: which revision of each check holds.

use std::fmt;
use std::str::FromStr;

/// The newest minor version whose checks are known here.
pub const LATEST: u32 = 37;

/// A version of the standard. One that is newer than any known here holds what the newest known one asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    Latest,
    /// `v1.N`.
    Minor(u32),
}

impl Version {
    /// The minor version whose checks are applied.
    pub fn minor(self) -> u32 {
        match self {
            Version::Latest => LATEST,
            Version::Minor(minor) => minor.min(LATEST),
        }
    }

    /// What a user should know of this version: that it is newer than what is known here, and what is applied in its place.
    pub fn note(self) -> Option<String> {
        match self {
            Version::Minor(minor) if minor > LATEST => {
                Some(format!("v1.{minor} is newer than the Pod Security Standards known here: v1.{LATEST} is applied"))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Version::Latest => f.write_str("latest"),
            Version::Minor(minor) => write!(f, "v1.{minor}"),
        }
    }
}

/// A word that is no version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionError(String);

impl fmt::Display for VersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no version of the Pod Security Standards: `latest` is, and `v1.0` to `v1.{LATEST}`", self.0)
    }
}

impl std::error::Error for VersionError {}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Version, VersionError> {
        if text == "latest" {
            return Ok(Version::Latest);
        }
        let minor = text.strip_prefix('v').unwrap_or(text).strip_prefix("1.");
        let digits = minor.filter(|minor| {
            !minor.is_empty()
                && minor.bytes().all(|byte| byte.is_ascii_digit())
                && (*minor == "0" || !minor.starts_with('0'))
        });
        digits.and_then(|digits| digits.parse().ok()).map(Version::Minor).ok_or_else(|| VersionError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_what_is_newer_is_the_latest() {
        for (text, minor) in [("latest", LATEST), ("v1.25", 25), ("1.25", 25), ("v1.0", 0), ("v1.99", LATEST)] {
            assert_eq!(text.parse::<Version>().unwrap().minor(), minor, "{text}");
        }
        for text in ["", "v", "1", "v2.0", "v1.", "v1.07", "v1.+7", "Latest", "v1.25.3", "v1.99999999999"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
        assert!(Version::Minor(99).note().unwrap().contains("v1.37"));
        assert_eq!((Version::Minor(37).note(), Version::Latest.note()), (None, None));
        assert_eq!((Version::Minor(8).to_string(), Version::Latest.to_string()), ("v1.8".into(), "latest".into()));
    }
}
