//! Pod Security Standards. In: a workload, a level and a version of the standard. Out: what breaks the level, each with its
//! place. What it does not do: read a namespace's labels, exempt anybody, or decide what a violation means.
//!
//! It follows <https://kubernetes.io/docs/concepts/security/pod-security-standards/> as the API server's admission applies
//! it, with three choices of its own:
//! - A level holds with all checks of the levels below. Where a stricter check covers a weaker one, both speak.
//! - A value that the API server would refuse (`privileged: "true"`, a list where a mapping stands) breaks each check that
//!   needs it: what nobody can read is not good.
//! - A volume that names no source at all is an `emptyDir`, as the API server fills it in.
//!
//! How to add a check: write its `pub const CHECK: Check` beside its kin, then its line in [`CHECKS`]. A new revision is one
//! more line in its `revisions`, from the minor version where it holds. `bad` breaks it at its level and `latest`, `good`
//! does not.

mod fields;
mod host;
pub(crate) mod privileges;
mod profiles;
mod users;
mod version;
mod volumes;

use std::fmt;
use std::str::FromStr;

use plimsoll_model::RuleInfo;

use crate::manifest::object::Workload;
use crate::source::{Found, Span};
use fields::Pod;

pub use version::{LATEST, Version, VersionError};

/// Every check, baseline ones first, in the order of their ids.
pub const CHECKS: &[Check] = &[
    profiles::APP_ARMOR,
    privileges::CAPABILITIES_BASELINE,
    host::NAMESPACES,
    volumes::HOST_PATH,
    host::PORTS,
    host::PROBES,
    privileges::PRIVILEGED,
    privileges::PROC_MOUNT,
    profiles::SE_LINUX,
    profiles::SECCOMP_BASELINE,
    profiles::SYSCTLS,
    host::WINDOWS_PROCESS,
    privileges::ESCALATION,
    privileges::CAPABILITIES_RESTRICTED,
    privileges::PROC_MOUNT_RESTRICTED,
    volumes::RESTRICTED,
    users::NON_ROOT,
    users::USER,
    profiles::SECCOMP_RESTRICTED,
];

/// How strict: each level holds with all that the levels before it ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Everything goes.
    Privileged,
    /// Known ways out of a container are closed.
    Baseline,
    /// What hardening asks for today.
    Restricted,
}

/// One check of the standard.
pub struct Check {
    /// As the standard's own implementation names it: `allowPrivilegeEscalation`.
    pub id: &'static str,
    pub level: Level,
    /// What holds from which version on, oldest first; before the first there is no such check.
    pub revisions: &'static [Revision],
    pub info: RuleInfo,
}

/// What a check asks from a version on.
pub struct Revision {
    /// The minor version, the 25 of `v1.25`.
    pub from: u32,
    run: fn(&Pod<'_>),
}

/// A place where a workload breaks a check.
#[derive(Debug, Clone)]
pub struct Violation {
    pub check: &'static Check,
    /// The smallest text at fault; where something is missing, what it is missing in.
    pub span: Span,
    pub message: String,
}

/// Where `workload` breaks `level` as `version` has it, in the order of [`CHECKS`], then of the file.
pub fn check(workload: &Workload<'_>, level: Level, version: Version) -> Vec<Violation> {
    let mut violations = Vec::new();
    for check in CHECKS.iter().filter(|check| check.level <= level) {
        let Some(revision) = check.revision(version) else { continue };
        let pod = Pod::new(workload);
        if pod.is_readable() {
            (revision.run)(&pod);
        }
        violations.extend(pod.into_faults().into_iter().map(|(span, message)| Violation { check, span, message }));
    }
    violations
}

impl Check {
    /// What of the check holds at a version; none before it was there.
    pub fn revision(&self, version: Version) -> Option<&Revision> {
        self.revisions.iter().rev().find(|revision| revision.from <= version.minor())
    }
}

impl Violation {
    /// As rules say it.
    pub fn found(self) -> Found {
        Found::new(&self.check.info, self.span, self.message)
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Check({})", self.id)
    }
}

impl PartialEq for Check {
    fn eq(&self, other: &Check) -> bool {
        self.id == other.id
    }
}

impl Level {
    /// Every level, the loosest first.
    pub const ALL: [Level; 3] = [Level::Privileged, Level::Baseline, Level::Restricted];

    pub fn name(self) -> &'static str {
        match self {
            Level::Privileged => "privileged",
            Level::Baseline => "baseline",
            Level::Restricted => "restricted",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that is no level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelError(String);

impl fmt::Display for LevelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no level: privileged, baseline and restricted are", self.0)
    }
}

impl std::error::Error for LevelError {}

impl FromStr for Level {
    type Err = LevelError;

    fn from_str(text: &str) -> Result<Level, LevelError> {
        Level::ALL.into_iter().find(|level| level.name() == text).ok_or_else(|| LevelError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_rise_and_rule_ids_are_the_ids_in_kebab_case() {
        let mut ids = std::collections::HashSet::new();
        for check in CHECKS {
            assert!(ids.insert(check.id), "{} stands twice", check.id);
            assert!(check.level > Level::Privileged, "{}", check.id);
            assert!(check.revisions.windows(2).all(|pair| pair[0].from < pair[1].from), "{}", check.id);
            assert!(check.revisions.iter().all(|revision| revision.from <= LATEST), "{}", check.id);
            let mut kebab = "pod-security-".to_owned();
            for letter in check.id.chars() {
                match letter {
                    '_' => kebab.push('-'),
                    'A'..='Z' => kebab.extend(['-', letter.to_ascii_lowercase()]),
                    _ => kebab.push(letter),
                }
            }
            assert_eq!(check.info.id, kebab);
            assert!(check.info.opt_in, "{}", check.id);
        }
        assert_eq!(CHECKS.len(), 19);
    }
}
