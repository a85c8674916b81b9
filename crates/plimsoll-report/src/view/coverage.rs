//! What was matched, what has no data, what could not be read. In: an assessment. Out: one line each, for every format.
//! The text is as it came; each format makes it safe.

use plimsoll_model::{CoverageState, MatchState, Problem, ProblemEffect};

use super::{SubjectView, words};
use crate::text::size::plural;

/// What a line says of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Matched against full data.
    Fully,
    /// Only the embedded baseline spoke.
    Baseline,
    /// Not known: no data, not read, not ordered.
    Not,
    /// Worth knowing, of no weight.
    Note,
}

impl Told {
    pub fn sign(self) -> &'static str {
        match self {
            Told::Fully => "✓",
            Told::Baseline => "!",
            Told::Not => "?",
            Told::Note => "·",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct CoverageLine {
    pub told: Told,
    pub text: String,
    /// The way out, when one is known.
    pub hint: Option<String>,
}

impl CoverageLine {
    fn new(told: Told, text: String) -> CoverageLine {
        CoverageLine { told, text, hint: None }
    }
}

pub fn of_problem(problem: &Problem) -> CoverageLine {
    let told = match problem.effect {
        ProblemEffect::Undecided => Told::Not,
        ProblemEffect::Note => Told::Note,
    };
    let text = match problem.location.as_ref().filter(|l| !l.path.is_empty()) {
        Some(place) => format!("{place}: {}", problem.message),
        None => problem.message.clone(),
    };
    CoverageLine { told, text, hint: problem.hint.clone() }
}

pub fn lines(subject: &SubjectView<'_>) -> Vec<CoverageLine> {
    let assessment = subject.assessment;
    let mut lines = Vec::new();
    if assessment.coverage.is_empty() {
        lines.push(CoverageLine::new(Told::Note, "nothing was matched".into()));
    }
    for c in &assessment.coverage {
        let told = match c.state {
            CoverageState::Covered => Told::Fully,
            CoverageState::BaselineOnly => Told::Baseline,
            CoverageState::NoData { .. } => Told::Not,
        };
        let mut text = format!("{}: {}, {}", c.what, plural(c.packages, "package"), words::coverage(&c.state));
        if !c.sources.is_empty() {
            text.push_str(&format!(" ({})", c.sources.join(", ")));
        }
        lines.push(CoverageLine::new(told, text));
    }
    for &index in &subject.undecided {
        let m = subject.matched(index);
        if let MatchState::Undecided { reason } = &m.state {
            lines.push(CoverageLine::new(Told::Not, format!("{} in {} {}: {reason}", m.id, m.name, m.version)));
        }
    }
    let overruled: Vec<&str> = assessment
        .matches
        .iter()
        .filter(|m| matches!(m.state, MatchState::NotAffected { .. }))
        .map(|m| m.id.as_str())
        .collect();
    if !overruled.is_empty() {
        const NAMED: usize = 6;
        let mut text = format!(
            "{} overruled by a source that knows better: {}",
            plural(overruled.len(), "advisory"),
            overruled.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ")
        );
        if overruled.len() > NAMED {
            text.push_str(&format!(" and {} more", overruled.len() - NAMED));
        }
        lines.push(CoverageLine::new(Told::Note, text));
    }
    for seen in subject.seen_not_read() {
        lines.push(CoverageLine::new(Told::Not, format!("{}: {}, seen and not read", seen.location, seen.what)));
    }
    lines.extend(subject.problems().into_iter().map(of_problem));
    lines
}
