//! What people want to see of a report, computed once for table, Markdown, HTML and JSON. In: a canonical report. Out:
//! counts, groups and actions as indexes into the assessment. What it does not do: judge or render; what counts and what
//! is hidden is read from the verdict.

pub mod actions;
pub mod coverage;
pub mod facts;
pub mod groups;
mod phrases;
pub mod words;

use std::collections::BTreeMap;

use plimsoll_model::{
    Assessment, CoverageState, DatabaseInfo, DatabaseKind, Effect, Finding, HiddenBy, Match, MatchState, Outcome,
    Package, Problem, ProblemEffect, Reason, Report, SeenFile, Severity,
};
use serde::Serialize;

use crate::options::RenderOptions;
use crate::text::size::plural;
use actions::{Action, BaseHint};
use groups::LayerGroup;

/// How many matches of each severity, and what can be said of them together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    pub critical: usize,
    pub high: usize,
    pub medium: usize,
    pub low: usize,
    pub unknown: usize,
    pub total: usize,
    /// Those that have a fix.
    pub fixable: usize,
    /// Those that are in CISA's catalogue of known exploited vulnerabilities.
    pub known_exploited: usize,
}

impl Counts {
    pub fn of<'m>(matches: impl IntoIterator<Item = &'m Match>) -> Counts {
        let mut counts = Counts::default();
        for m in matches {
            match m.severity {
                Severity::Critical => counts.critical += 1,
                Severity::High => counts.high += 1,
                Severity::Medium => counts.medium += 1,
                Severity::Low => counts.low += 1,
                Severity::Unknown => counts.unknown += 1,
            }
            counts.total += 1;
            counts.fixable += usize::from(m.fix.is_available());
            counts.known_exploited += usize::from(m.known_exploited.is_some());
        }
        counts
    }

    pub fn get(&self, severity: Severity) -> usize {
        match severity {
            Severity::Critical => self.critical,
            Severity::High => self.high,
            Severity::Medium => self.medium,
            Severity::Low => self.low,
            Severity::Unknown => self.unknown,
        }
    }

    /// Worst first, without the empty ones.
    pub fn present(&self) -> impl Iterator<Item = (Severity, usize)> {
        let counts = *self;
        Severity::ALL.into_iter().rev().map(move |s| (s, counts.get(s))).filter(|(_, n)| *n > 0)
    }

    /// `2 critical, 5 high`; `none` when there are none.
    pub fn words(&self) -> String {
        let parts: Vec<String> = self.present().map(|(severity, count)| format!("{count} {severity}")).collect();
        if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
    }
}

/// Everything of one kind that the verdict did not count.
#[derive(Debug, Clone, PartialEq)]
pub struct HiddenGroup<'a> {
    pub by: HiddenBy,
    pub reason: &'a str,
    /// Ids of vulnerabilities and rules, sorted, once each.
    pub ids: Vec<&'a str>,
    pub count: usize,
}

/// One subject, seen.
#[derive(Debug)]
pub struct SubjectView<'a> {
    pub assessment: &'a Assessment,
    /// Of the matches that are affected and not hidden.
    pub counts: Counts,
    /// Matches that are affected and not hidden: known exploited first, then worst first.
    pub affected: Vec<usize>,
    /// Matches whose state could not be told, and not hidden.
    pub undecided: Vec<usize>,
    /// Findings that are not hidden, strongest first.
    pub findings: Vec<usize>,
    /// Upgrades, the one that clears the most first.
    pub actions: Vec<Action<'a>>,
    pub base: Option<BaseHint<'a>>,
    pub layers: Vec<LayerGroup<'a>>,
    pub hidden: Vec<HiddenGroup<'a>>,
    /// What the policy does with each match and finding.
    pub effects: Effects,
}

impl<'a> SubjectView<'a> {
    pub fn new(assessment: &'a Assessment, options: &RenderOptions<'_>) -> SubjectView<'a> {
        let verdict = assessment.verdict.as_ref();
        let hidden = verdict.map_or(&[][..], |v| v.hidden.as_slice());
        let match_hidden = flags(assessment.matches.len(), hidden.iter().filter_map(|h| h.r#match));
        let finding_hidden = flags(assessment.findings.len(), hidden.iter().filter_map(|h| h.finding));
        let visible = |wanted: fn(&MatchState) -> bool| {
            let mut list: Vec<usize> = (0..assessment.matches.len())
                .filter(|i| !match_hidden[*i] && wanted(&assessment.matches[*i].state))
                .collect();
            list.sort_by_key(|i| rank(&assessment.matches[*i]));
            list
        };
        let affected = visible(|s| matches!(s, MatchState::Affected));
        let undecided = visible(|s| matches!(s, MatchState::Undecided { .. }));
        let mut findings: Vec<usize> = (0..assessment.findings.len()).filter(|i| !finding_hidden[*i]).collect();
        let effects = effects(assessment);
        // A mere measurement is no fault unless the policy's own threshold made it one.
        findings.retain(|i| assessment.findings[*i].holds(None) || effects.findings[*i].is_some());
        findings.sort_by_key(|i| {
            (std::cmp::Reverse(effects.findings[*i]), std::cmp::Reverse(assessment.findings[*i].severity), *i)
        });
        let layers = groups::layers(assessment, &affected, options);
        let actions = actions::actions(assessment, &affected, options);
        SubjectView {
            counts: Counts::of(affected.iter().map(|i| &assessment.matches[*i])),
            base: actions::base_hint(assessment, &affected, &actions),
            hidden: hidden_groups(assessment),
            effects,
            assessment,
            affected,
            undecided,
            findings,
            actions,
            layers,
        }
    }

    /// Whether it may run, as the verdict says; an assessment that was not judged is undecided.
    pub fn outcome(&self) -> Outcome {
        self.assessment.verdict.as_ref().map_or(Outcome::Undecided, |v| v.outcome)
    }

    pub fn reasons(&self) -> &'a [Reason] {
        self.assessment.verdict.as_ref().map_or(&[], |v| v.reasons.as_slice())
    }

    pub fn matched(&self, index: usize) -> &'a Match {
        &self.assessment.matches[index]
    }

    pub fn finding(&self, index: usize) -> &'a Finding {
        &self.assessment.findings[index]
    }

    /// Problems that keep the answer from being "allowed", then the notes.
    pub fn problems(&self) -> Vec<&'a Problem> {
        let mut list: Vec<&Problem> = self.assessment.problems.iter().collect();
        list.sort_by_key(|p| std::cmp::Reverse(p.effect));
        list
    }

    /// Files that no reader reads, without those that a problem speaks of already.
    pub fn seen_not_read(&self) -> impl Iterator<Item = &'a SeenFile> {
        let assessment = self.assessment;
        let told = move |seen: &SeenFile| {
            assessment.problems.iter().any(|p| p.location.as_ref().is_some_and(|l| l.path == seen.location.path))
        };
        assessment.inventory.seen_not_read.iter().filter(move |seen| !told(seen))
    }

    /// What to do about a finding: its own word, else the rule's.
    pub fn remedy<'r>(&self, index: usize, options: &RenderOptions<'r>) -> Option<&'r str>
    where
        'a: 'r,
    {
        let finding = self.finding(index);
        finding.remedy.as_deref().or_else(|| options.rule(&finding.rule).map(|r| r.remedy))
    }

    /// True when nothing but the embedded baseline spoke of at least one group of packages.
    pub fn baseline_only(&self) -> bool {
        self.assessment.coverage.iter().any(|c| c.state == CoverageState::BaselineOnly)
    }

    /// True when something was not read or has no data.
    pub fn incomplete(&self) -> bool {
        let a = self.assessment;
        // Packages that nobody asked about are as unknown as files that nobody read.
        let unasked = a.coverage.is_empty() && !a.inventory.packages.is_empty();
        !self.was_read()
            || unasked
            || !a.inventory.seen_not_read.is_empty()
            || a.problems.iter().any(|p| p.effect == ProblemEffect::Undecided)
            || a.coverage.iter().any(|c| c.state != CoverageState::Covered)
    }
}

/// The whole run, seen.
#[derive(Debug)]
pub struct View<'a> {
    pub report: &'a Report,
    pub subjects: Vec<SubjectView<'a>>,
}

impl<'a> View<'a> {
    /// The report should be [`canonical`](crate::canonical()), so that equal reports give equal views.
    pub fn new(report: &'a Report, options: &RenderOptions<'_>) -> View<'a> {
        View { report, subjects: report.assessments.iter().map(|a| SubjectView::new(a, options)).collect() }
    }

    /// What must be said before all else when the data was thin; none when it was not.
    pub fn baseline_warning(&self) -> Option<String> {
        let baseline = |d: &&DatabaseInfo| d.kind == DatabaseKind::Baseline;
        let known: u64 = self.report.databases.iter().filter(baseline).map(|d| d.advisories).sum();
        self.baseline_only().then(|| {
            format!(
                "It knows {known} notorious advisories and nothing else: what it does not name may still be \
                 vulnerable. For a full database run: plimsoll db update"
            )
        })
    }

    /// Each database in words, and its digest.
    pub fn databases(&self) -> Vec<(String, &'a str)> {
        let list = self.report.databases.iter().map(|d| {
            let built = d.built.map_or_else(|| "date unknown".to_owned(), |t| format!("of {t}"));
            let advisories = match d.kind {
                // Nobody counts them: that would read the whole file.
                DatabaseKind::Trivy if d.advisories == 0 => String::new(),
                _ => format!(", {}", plural(usize::try_from(d.advisories).unwrap_or(usize::MAX), "advisory")),
            };
            (format!("{} ({}), {built}{advisories}", d.name, words::database_kind(d.kind)), d.digest.as_str())
        });
        list.collect()
    }

    /// The policy's name and files.
    pub fn policy(&self) -> String {
        let policy = &self.report.policy;
        let files = if policy.files.is_empty() { "embedded".into() } else { policy.files.join(", ") };
        format!("{} ({files})", policy.name)
    }

    /// True when no database but the embedded baseline was there.
    pub fn baseline_only(&self) -> bool {
        !self.report.databases.is_empty() && self.report.databases.iter().all(|d| d.kind == DatabaseKind::Baseline)
            || self.subjects.iter().any(SubjectView::baseline_only)
    }
}

/// The packages that a match names.
pub fn packages_of<'a>(assessment: &'a Assessment, m: &'a Match) -> impl Iterator<Item = &'a Package> {
    m.packages.iter().filter_map(|i| assessment.inventory.packages.get(*i))
}

/// Known exploited first, then worst, then likeliest, then by id.
fn rank(m: &Match) -> (bool, u8, u32, &str, &str) {
    // EPSS in millionths, so that it can be ordered.
    let epss = m.epss.as_ref().map_or(0, |e| (e.score.clamp(0.0, 1.0) * 1e6) as u32);
    (m.known_exploited.is_none(), 4 - m.severity.rank(), u32::MAX - epss, &m.id, &m.name)
}

fn flags(count: usize, set: impl Iterator<Item = usize>) -> Vec<bool> {
    let mut flags = vec![false; count];
    for index in set {
        if let Some(flag) = flags.get_mut(index) {
            *flag = true;
        }
    }
    flags
}

/// The strongest effect of the reasons that name each match and finding.
#[derive(Debug)]
pub struct Effects {
    pub matches: Vec<Option<Effect>>,
    pub findings: Vec<Option<Effect>>,
}

pub fn effects(assessment: &Assessment) -> Effects {
    let mut effects =
        Effects { matches: vec![None; assessment.matches.len()], findings: vec![None; assessment.findings.len()] };
    for reason in assessment.verdict.iter().flat_map(|v| &v.reasons) {
        for index in &reason.matches {
            if let Some(effect) = effects.matches.get_mut(*index) {
                *effect = (*effect).max(Some(reason.effect));
            }
        }
        for index in &reason.findings {
            if let Some(effect) = effects.findings.get_mut(*index) {
                *effect = (*effect).max(Some(reason.effect));
            }
        }
    }
    effects
}

fn hidden_groups(assessment: &Assessment) -> Vec<HiddenGroup<'_>> {
    let mut groups: BTreeMap<(HiddenBy, &str), HiddenGroup<'_>> = BTreeMap::new();
    for hidden in assessment.verdict.iter().flat_map(|v| &v.hidden) {
        let group = groups.entry((hidden.by, &hidden.reason)).or_insert_with(|| HiddenGroup {
            by: hidden.by,
            reason: &hidden.reason,
            ids: Vec::new(),
            count: 0,
        });
        let of_match = hidden.r#match.and_then(|i| assessment.matches.get(i)).map(|m| m.id.as_str());
        let of_finding = hidden.finding.and_then(|i| assessment.findings.get(i)).map(|f| f.rule.as_str());
        group.ids.extend(of_match.or(of_finding));
        group.count += 1;
    }
    let mut groups: Vec<HiddenGroup<'_>> = groups.into_values().collect();
    for group in &mut groups {
        group.ids.sort_unstable();
        group.ids.dedup();
    }
    groups
}
