//! The baseline: faults that an old project has and may keep for now. In: linted files; a baseline's JSON. Out: the JSON of
//! a new one; files whose known faults no longer count; how many entries nobody needs. What it does not do: touch files.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::{IgnoredBy, IgnoredFinding, LintedFile, ProblemEffect};
use serde::{Deserialize, Serialize};

use super::fingerprint::normal_path;

/// Rises when a field changes its meaning.
const VERSION: u32 = 1;

/// A baseline file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Baseline {
    schema_version: u32,
    /// By path, then rule: what people read when they review a change of it.
    files: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

/// Why a text is no baseline.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    #[error("read the baseline as JSON")]
    Json(#[source] serde_json::Error),
    #[error("read the baseline: its schemaVersion is {0}, this program knows 1")]
    Version(u32),
}

impl Baseline {
    /// All findings that count in these files.
    pub fn of(files: &[LintedFile]) -> Baseline {
        let mut baseline = Baseline { schema_version: VERSION, files: BTreeMap::new() };
        for file in files {
            let kept = file.ignored.iter().filter(|ignored| ignored.by == IgnoredBy::Baseline).map(|i| &i.finding);
            for found in file.findings.iter().chain(kept) {
                let rules = baseline.files.entry(normal_path(&file.path)).or_default();
                rules.entry(found.finding.rule.clone()).or_default().insert(found.fingerprint.clone());
            }
        }
        baseline
    }

    /// # Errors
    /// A text that is none.
    pub fn parse(text: &str) -> Result<Baseline, BaselineError> {
        let baseline: Baseline = serde_json::from_str(text).map_err(BaselineError::Json)?;
        if baseline.schema_version != VERSION {
            return Err(BaselineError::Version(baseline.schema_version));
        }
        Ok(baseline)
    }

    /// The file's text.
    pub fn render(&self) -> String {
        // Maps of texts always render.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    pub fn len(&self) -> usize {
        self.files.values().flat_map(BTreeMap::values).map(BTreeSet::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Moves the findings that it knows out of the way, and gives how many entries of these files match nothing any more.
    /// Entries of other files are left alone: this run did not look at them.
    pub fn apply(&self, files: &mut [LintedFile]) -> usize {
        let mut stale = 0;
        for file in files {
            let Some(rules) = self.files.get(&normal_path(&file.path)) else { continue };
            let mut unseen: BTreeSet<&str> = rules.values().flatten().map(String::as_str).collect();
            let knows =
                |rule: &str, fingerprint: &str| rules.get(rule).is_some_and(|known| known.contains(fingerprint));
            let mut kept = Vec::new();
            for found in std::mem::take(&mut file.findings) {
                if knows(&found.finding.rule, &found.fingerprint) {
                    unseen.remove(found.fingerprint.as_str());
                    let by = IgnoredBy::Baseline;
                    file.ignored.push(IgnoredFinding { finding: found, by, reason: String::new() });
                } else {
                    kept.push(found);
                }
            }
            file.findings = kept;
            // What could not be read may still have them.
            if !file.problems.iter().any(|problem| problem.effect == ProblemEffect::Undecided) {
                stale += unseen.len();
            }
        }
        stale
    }
}
