//! The image rules that the entry weighs. In: findings and their settings by rule id. Out: one reason per rule and
//! strength. A rule that the entry does not name is shown in the report and weighs nothing.

use plimsoll_model::loadline::RuleAction;
use plimsoll_model::{Effect, Finding, Reason, ReasonCode};

use super::hide::Hiding;
use super::{Case, Found, reason};
use crate::units::size_words;

pub(super) fn judge(case: &Case<'_>, hiding: &Hiding, found: &mut Found) {
    for (id, setting) in &case.entry.footprint {
        let effect = match setting.action {
            RuleAction::Off => continue,
            RuleAction::Warn => Effect::Warn,
            RuleAction::Deny => Effect::Deny,
        };
        let mut strong = Vec::new();
        let mut weak = Vec::new();
        for (i, finding) in case.assessment.findings.iter().enumerate() {
            if finding.rule != *id || hiding.findings.contains(&i) {
                continue;
            }
            if finding.holds(setting.threshold) {
                strong.push(i);
            } else if setting.warn_from.is_some() && finding.holds(setting.warn_from) {
                weak.push(i);
            }
        }
        found.reasons.extend(of(case, id, effect, setting.threshold, strong));
        found.reasons.extend(of(case, id, Effect::Warn, setting.warn_from, weak));
    }
}

/// The reason for the findings of one rule; none without findings.
fn of(case: &Case<'_>, id: &str, effect: Effect, from: Option<u64>, indexes: Vec<usize>) -> Option<Reason> {
    let first: &Finding = case.assessment.findings.get(*indexes.first()?)?;
    let mut message = format!("{id}: {}", first.message);
    if indexes.len() > 1 {
        message += &format!(" (and {} more)", indexes.len() - 1);
    }
    if let Some(from) = from {
        let word = if effect == Effect::Deny { "deny" } else { "warn" };
        message += &format!("; entry `{}` says {word} from {} on", case.entry.name, size_words(from));
    }
    if let Some(remedy) = first.remedy.as_deref().filter(|r| !r.is_empty()) {
        message += &format!("; {remedy}");
    }
    let mut one = reason(effect, ReasonCode::Footprint, message);
    one.clause = case.clause(&format!("footprint.{id}"));
    one.findings = indexes;
    Some(one)
}
