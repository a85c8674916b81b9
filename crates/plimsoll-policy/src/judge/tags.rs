//! What the reference must look like. In: the reference as written. Out: denials. What it does not do: look anything up;
//! a digest that was found on the way pins nothing for the next pull.

use plimsoll_model::loadline::TagRequirement;
use plimsoll_model::{Effect, ReasonCode};

use super::{Case, Found, reason};
use crate::glob;

pub(super) fn judge(case: &Case<'_>, found: &mut Found) {
    let Some(reference) = &case.assessment.subject.reference else { return };
    let rules = &case.entry.tags;
    let mut deny = |path: &str, message: String| {
        let mut denial = reason(Effect::Deny, ReasonCode::Tag, message);
        denial.clause = case.clause(path);
        found.reasons.push(denial);
    };
    let name = reference.name();
    let pinned = reference.digest().is_some();
    let implied = reference.tag_was_implied();
    let written = reference.tag().filter(|_| !implied);
    // The index's digest is good for every platform.
    let subject = &case.assessment.subject;
    let way_out = match subject.index_digest.as_ref().or(subject.digest.as_ref()) {
        Some(digest) => format!("write {name}@{digest}"),
        None => "write its digest".to_owned(),
    };
    let shown = match written {
        Some(tag) => format!("the tag `{tag}`"),
        None => "no tag".to_owned(),
    };
    match rules.require {
        Some(TagRequirement::Digest) if !pinned => {
            deny(
                "tags.require",
                format!(
                    "{name} has {shown} and no digest, and entry `{}` asks for a digest: {way_out}",
                    case.entry.name
                ),
            );
        }
        Some(TagRequirement::DigestOrVersion) if !pinned && !written.is_some_and(is_version) => deny(
            "tags.require",
            format!(
                "{name} has {shown}, and entry `{}` asks for a digest or a version: {way_out}, or a tag that starts with a number",
                case.entry.name
            ),
        ),
        Some(TagRequirement::Any) if implied => {
            deny(
                "tags.require",
                format!(
                    "{name} has no tag, which means `latest`, and entry `{}` asks for one: write the tag or digest that is meant",
                    case.entry.name
                ),
            );
        }
        _ => {}
    }
    // With a digest the tag is only for people: it does not choose what runs.
    if !pinned
        && let Some(tag) = reference.tag()
        && let Some(pattern) = rules.forbid.iter().find(|pattern| glob::matches(pattern, tag))
    {
        let what = if implied {
            format!("{name} has no tag, which means `{tag}`")
        } else {
            format!("{name} has the tag `{tag}`")
        };
        deny(
            "tags.forbid",
            format!("{what}, and entry `{}` forbids `{pattern}`: name a version, or {way_out}", case.entry.name),
        );
    }
}

/// `1.21`, `v2`, `3-alpine`: a number first, after at most a `v`.
fn is_version(tag: &str) -> bool {
    tag.strip_prefix(['v', 'V']).unwrap_or(tag).starts_with(|c: char| c.is_ascii_digit())
}
