//! A subject in phrases that several formats share. In: a subject's view. Out: words, as they came: each format makes them
//! safe.

use plimsoll_model::loadline::Mode;
use plimsoll_model::{Outcome, SubjectKind};

use super::{SubjectView, words};
use crate::text::size::{bytes, plural};

impl SubjectView<'_> {
    /// What the subject is, in short phrases: full name, digest, distribution, platform, layers, packages, size.
    pub fn facts(&self) -> Vec<String> {
        let s = &self.assessment.subject;
        let full = s.reference.as_ref().map(ToString::to_string).filter(|full| *full != s.name);
        let mut facts: Vec<String> = full.into_iter().collect();
        facts.extend(s.digest.as_ref().map(|d| format!("{}:{}", d.algorithm().name(), d.short())));
        let inventory = &self.assessment.inventory;
        if !self.was_read() {
            facts.push("nothing was read".into());
            return facts;
        }
        facts.push(match &inventory.distro {
            Some(distro) => distro.to_string(),
            None if s.kind == SubjectKind::Filesystem => "folder".into(),
            None => "no distribution found".into(),
        });
        facts.extend(inventory.config.as_ref().and_then(|c| c.platform.as_ref()).map(ToString::to_string));
        if !inventory.layers.is_empty() {
            facts.push(plural(inventory.layers.len(), "layer"));
        }
        facts.push(plural(inventory.packages.len(), "package"));
        let unpacked: u64 = inventory.layers.iter().map(|l| l.unpacked_size).fold(0, u64::saturating_add);
        let stored: u64 = inventory.layers.iter().map(|l| l.size).fold(0, u64::saturating_add);
        if unpacked > 0 {
            facts.push(format!("{} ({} packed)", bytes(unpacked), bytes(stored)));
        } else if stored > 0 {
            facts.push(format!("{} packed", bytes(stored)));
        }
        facts.extend(s.namespace.as_ref().map(|n| format!("namespace {n}")));
        facts
    }

    /// False when there is no sign that the subject was opened: it could not be reached, or the policy refused it unseen.
    pub fn was_read(&self) -> bool {
        let inventory = &self.assessment.inventory;
        !inventory.packages.is_empty()
            || !inventory.layers.is_empty()
            || inventory.config.is_some()
            || inventory.distro.is_some()
            || self.assessment.subject.kind == SubjectKind::Filesystem
    }

    /// How many vulnerabilities, of which severities; when there are none, how much that says.
    pub fn vulnerabilities(&self) -> String {
        let counts = &self.counts;
        if counts.total == 0 {
            return match (self.was_read(), self.baseline_only(), self.incomplete()) {
                (false, _, _) => "not known, nothing was read".into(),
                (_, true, _) => "none that the embedded baseline knows".into(),
                (_, _, true) => "none known in what was matched".into(),
                _ => "none known".into(),
            };
        }
        let mut text = format!("{} ({})", counts.total, counts.words());
        if counts.known_exploited > 0 {
            text.push_str(&format!(", {} known to be exploited", counts.known_exploited));
        }
        text
    }

    /// The verdict in words: the outcome, and what the policy's mode makes of it where that differs.
    pub fn headline(&self) -> String {
        let Some(verdict) = &self.assessment.verdict else { return "NOT JUDGED".into() };
        let line = words::headline(verdict.outcome);
        match self.softened() {
            Some(how) => format!("{line}, {how}"),
            None => line.to_owned(),
        }
    }

    /// What the policy's mode makes of the outcome, where what happens differs from what was found.
    pub fn softened(&self) -> Option<&'static str> {
        let verdict = self.assessment.verdict.as_ref().filter(|v| v.effective != v.outcome)?;
        let words = match (verdict.effective, verdict.mode) {
            (Outcome::Denied, _) => "so it may not run: the policy refuses what could not be told",
            (Outcome::Undecided, _) => "so the policy does not say whether it may run",
            (Outcome::Allowed, Mode::Enforce) => "but it may run: the policy lets pass what could not be told",
            (Outcome::Allowed, Mode::Warn) => "but it may run: the policy only warns",
            (Outcome::Allowed, Mode::Audit) => "but it may run: the policy only records",
        };
        Some(words)
    }

    /// True when it may run although the outcome is another: what denies only warns.
    pub fn may_run_anyway(&self) -> bool {
        let verdict = self.assessment.verdict.as_ref();
        verdict.is_some_and(|v| v.effective == Outcome::Allowed && v.outcome != Outcome::Allowed)
    }

    /// Which entry of the policy ruled, and where it stands; nothing for subjects that entries do not rule.
    pub fn ruled_by(&self) -> Option<String> {
        let verdict = self.assessment.verdict.as_ref()?;
        match &verdict.ruled_by {
            None if self.assessment.subject.reference.is_none() => None,
            None => Some("no entry of the policy rules it".to_owned()),
            Some(c) if c.place.line > 0 => {
                Some(format!("ruled by the entry {} ({}:{})", c.entry, c.place.file, c.place.line))
            }
            Some(c) => Some(format!("ruled by the entry {}", c.entry)),
        }
    }

    /// `What to do: 4 upgrades clear 5 of 7 vulnerabilities; 2 without a fix`.
    pub fn plan(&self) -> String {
        let unfixed = self.counts.total - self.counts.fixable;
        let mut text = format!(
            "{} {} {} of {}",
            plural(self.actions.len(), "upgrade"),
            if self.actions.len() == 1 { "clears" } else { "clear" },
            self.counts.fixable,
            plural(self.counts.total, "vulnerability"),
        );
        if unfixed > 0 {
            text.push_str(&format!("; {unfixed} without a fix"));
        }
        text
    }
}
