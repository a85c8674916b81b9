//! The image rules that the entry weighs. In: findings and their settings by rule id. Out: one reason per rule. A rule
//! that the entry does not name is shown in the report and weighs nothing.

use plimsoll_model::loadline::RuleAction;
use plimsoll_model::{Effect, ReasonCode};

use super::hide::Hiding;
use super::{Case, Found, reason};
use crate::units::size_words;

pub(super) fn judge(case: &Case<'_>, hiding: &Hiding, found: &mut Found) {
    for (id, setting) in &case.entry.footprint {
        let (effect, word) = match setting.action {
            RuleAction::Off => continue,
            RuleAction::Warn => (Effect::Warn, "warn"),
            RuleAction::Deny => (Effect::Deny, "deny"),
        };
        let all = case.assessment.findings.iter().enumerate();
        let holds: Vec<usize> = all
            .filter(|(i, f)| f.rule == *id && f.holds(setting.threshold) && !hiding.findings.contains(i))
            .map(|(i, _)| i)
            .collect();
        let findings = &case.assessment.findings;
        if let Some(first) = holds.first().and_then(|i| findings.get(*i)) {
            let mut message = format!("{id}: {}", first.message);
            if holds.len() > 1 {
                message += &format!(" (and {} more)", holds.len() - 1);
            }
            if let Some(least) = setting.threshold {
                message += &format!("; entry `{}` says {word} from {} on", case.entry.name, size_words(least));
            }
            if let Some(remedy) = first.remedy.as_deref().filter(|r| !r.is_empty()) {
                message += &format!("; {remedy}");
            }
            let mut one = reason(effect, ReasonCode::Footprint, message);
            one.clause = case.clause(&format!("footprint.{id}"));
            one.findings = holds;
            found.reasons.push(one);
        }
    }
}
