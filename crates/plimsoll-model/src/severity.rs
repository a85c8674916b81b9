//! How bad a fault is. In: the words that feeds and people use. Out: one ordered scale.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Five levels, ordered: `Unknown < Low < Medium < High < Critical`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    #[default]
    Unknown,
    Low,
    Medium,
    High,
    Critical,
}

/// A word that is no severity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a severity (unknown, low, medium, high, critical)")]
pub struct SeverityError(pub String);

impl Severity {
    /// All levels, lowest first.
    pub const ALL: [Severity; 5] =
        [Severity::Unknown, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    /// Lower-case name, as our own formats write it.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Unknown => "unknown",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    /// Upper-case name, as Trivy writes it.
    pub fn upper(self) -> &'static str {
        match self {
            Severity::Unknown => "UNKNOWN",
            Severity::Low => "LOW",
            Severity::Medium => "MEDIUM",
            Severity::High => "HIGH",
            Severity::Critical => "CRITICAL",
        }
    }

    /// The qualitative rating of a CVSS base score (CVSS v3.1 §5): 9.0 critical, 7.0 high, 4.0 medium, above 0 low.
    /// A score that is no number is `Unknown`.
    pub fn from_cvss(score: f64) -> Severity {
        if score >= 9.0 {
            Severity::Critical
        } else if score >= 7.0 {
            Severity::High
        } else if score >= 4.0 {
            Severity::Medium
        } else if score > 0.0 {
            Severity::Low
        } else {
            Severity::Unknown
        }
    }

    /// 0 for unknown to 4 for critical: trivy-db's integers.
    pub fn rank(self) -> u8 {
        self as u8
    }

    /// The inverse of [`Severity::rank`]; anything else is `Unknown`.
    pub fn from_rank(rank: i64) -> Severity {
        usize::try_from(rank).ok().and_then(|i| Severity::ALL.get(i).copied()).unwrap_or(Severity::Unknown)
    }
}

impl FromStr for Severity {
    type Err = SeverityError;

    /// Case does not matter; the synonyms are those of the distributions and of GitHub.
    fn from_str(text: &str) -> Result<Severity, SeverityError> {
        match text.trim().to_ascii_lowercase().as_str() {
            "critical" => Ok(Severity::Critical),
            "high" | "important" => Ok(Severity::High),
            "medium" | "moderate" => Ok(Severity::Medium),
            "low" | "negligible" | "minor" | "unimportant" => Ok(Severity::Low),
            "unknown" | "none" | "untriaged" | "" => Ok(Severity::Unknown),
            _ => Err(SeverityError(text.to_owned())),
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_ordered_and_round_trip() {
        for pair in Severity::ALL.windows(2) {
            assert!(pair[0] < pair[1]);
        }
        for level in Severity::ALL {
            assert_eq!(level.name().parse::<Severity>().unwrap(), level);
            assert_eq!(Severity::from_rank(level.rank().into()), level);
        }
    }

    #[test]
    fn cvss_borders_belong_to_the_upper_level() {
        assert_eq!(Severity::from_cvss(9.0), Severity::Critical);
        assert_eq!(Severity::from_cvss(8.9), Severity::High);
        assert_eq!(Severity::from_cvss(4.0), Severity::Medium);
        assert_eq!(Severity::from_cvss(0.0), Severity::Unknown);
        assert_eq!(Severity::from_cvss(f64::NAN), Severity::Unknown);
    }
}
