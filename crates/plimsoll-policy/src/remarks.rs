//! What is worth saying of a policy that is sound: entries that can never rule, what has run out, what refuses nothing.
//! In: the policy and the time. Out: sentences for `policy check`. What it does not do: refuse the policy.

use jiff::Timestamp;
use plimsoll_model::LoadLine;
use plimsoll_model::loadline::{BreakGlass, BreakGlassGroups, ImageEntry, Mode, WhenUndecided};

use crate::entry::{place_words, placed};
use crate::exempt::{ran_out, words};
use crate::glob;
use crate::judge::{day, waiver_words};
use crate::signing::names;

/// One sentence without a full stop per remark, in the policy's order.
pub fn remarks(policy: &LoadLine, at: Timestamp) -> Vec<String> {
    let today = day(at);
    let mut out = Vec::new();
    match policy.mode {
        Mode::Enforce => {}
        Mode::Warn => out.push("`mode: warn`: what is denied runs all the same, with a warning".to_owned()),
        Mode::Audit => out.push("`mode: audit`: what is denied runs all the same".to_owned()),
    }
    if policy.undecided == WhenUndecided::Allow {
        out.push("`undecided: allow`: what could not be read or known runs without a word".to_owned());
    }
    for (i, entry) in policy.images.iter().enumerate() {
        let above = policy.images.iter().take(i).find(|above| hides(above, entry));
        if let Some(above) = above {
            out.push(format!(
                "entry {} can never rule: {} stands above it and matches all that it matches",
                placed(&entry.name, &entry.place),
                placed(&above.name, &above.place)
            ));
        }
        let rules = &entry.vulnerabilities;
        let weighs = entry.asks_for_signatures()
            || !rules.deny.is_empty()
            || entry.tags.require.is_some()
            || !entry.tags.forbid.is_empty();
        if entry.refuse.is_none() && !weighs && rules.warn.is_empty() && entry.footprint.is_empty() {
            out.push(format!("entry {} asks for nothing: all that it matches runs", placed(&entry.name, &entry.place)));
        }
    }
    for authority in policy.keys.iter().filter(|one| !policy.images.iter().any(|entry| names(entry, &one.name))) {
        out.push(format!("no entry names the authority {}", placed(&authority.name, &authority.place)));
    }
    // Nobody wrote the embedded policy for one road or the other.
    if let Some(workloads) = policy.workloads.as_ref().filter(|_| !policy.files.is_empty()) {
        let whose = format!("`workloads` ({})", place_words(&workloads.place));
        out.push(format!("{whose} applies to AdmissionReview only: an ImageReview names images and nothing else"));
    }
    for exemption in policy.exempt.iter().filter(|e| ran_out(e.until, today)) {
        out.push(format!("an exemption has run out: {}", words(exemption)));
    }
    for exemption in &policy.exempt {
        if !exemption.users.is_empty() {
            out.push(format!("an exemption names `users`, and {ADMISSION_REVIEW_ONLY}: {}", words(exemption)));
        }
        if exemption.until.is_none() {
            out.push(format!("an exemption has no `until`, so it never expires: {}", words(exemption)));
        }
    }
    for waiver in &policy.waivers {
        if let Some(until) = waiver.until.filter(|_| ran_out(waiver.until, today)) {
            out.push(format!("{} ran out on {until}", waiver_words(waiver)));
        }
    }
    if policy.images.iter().all(|entry| entry.refuse.is_some()) && !policy.images.is_empty() {
        let first = policy.images.first().map_or_else(String::new, |e| place_words(&e.place));
        out.push(format!("every entry refuses, so nothing can run ({first})"));
    }
    if let Some(glass) = &policy.break_glass {
        break_glass(glass, &mut out);
    }
    out
}

const ADMISSION_REVIEW_ONLY: &str = "applies to AdmissionReview only: an ImageReview names nobody";

fn break_glass(glass: &BreakGlass, out: &mut Vec<String>) {
    let whose = format!("`breakGlass` ({})", place_words(&glass.place));
    match &glass.groups {
        BreakGlassGroups::Any => {
            let everywhere = glass.namespaces.iter().any(|pattern| matches!(pattern.as_str(), "*" | "**"));
            let where_ = if everywhere { "a pod" } else { "a pod in its namespaces" };
            out.push(format!("{whose} has `groups: any`: everybody who may create {where_} can use it"));
        }
        BreakGlassGroups::Named(_) => out.push(format!("{whose} names `groups`, and {ADMISSION_REVIEW_ONLY}")),
    }
    if glass.groups == BreakGlassGroups::Any && !reaches_image_review(&glass.annotation) {
        out.push(format!(
            "{whose} never holds for an ImageReview: the API server hands it only annotations with `{HANDED_OVER}` in their key, and `{}` is none",
            glass.annotation
        ));
    }
}

/// What stands in the key of every annotation that an ImageReview has.
const HANDED_OVER: &str = ".image-policy.k8s.io/";

/// Whether a glob over keys can fit one that the API server puts into an ImageReview, told by the part before the `/`.
fn reaches_image_review(pattern: &str) -> bool {
    let Some((prefix, _)) = pattern.split_once('/') else { return pattern.contains("**") };
    let ending = HANDED_OVER.trim_end_matches('/');
    match prefix.rsplit_once('*') {
        Some((_, fixed)) => fixed.ends_with(ending) || ending.ends_with(fixed),
        None => prefix.ends_with(ending),
    }
}

/// True when `above` rules all that `entry` could. A refusing entry leaves what has no name to the entries below it.
fn hides(above: &ImageEntry, entry: &ImageEntry) -> bool {
    let for_folders = entry.refuse.is_none() && entry.matches.iter().any(|pattern| glob::is_everything(pattern));
    let namespaces = above.namespaces.is_empty()
        || (!entry.namespaces.is_empty()
            && entry.namespaces.iter().all(|inner| above.namespaces.iter().any(|outer| contains(outer, inner))));
    namespaces
        && !(above.refuse.is_some() && for_folders)
        && entry.matches.iter().all(|inner| above.matches.iter().any(|outer| contains(outer, inner)))
}

/// Whether `outer` matches all that `inner` matches, by samples of what a star can stand for. The samples use a letter
/// that neither glob can name on purpose, so agreement on them is agreement in general for globs as people write them.
fn contains(outer: &str, inner: &str) -> bool {
    const MARK: &str = "\u{1}";
    ["", "~", "~~/~", "/", "~/~/~"].iter().all(|any| {
        ["", "~", "~~"].iter().all(|part| {
            let sample = inner.replace("**", MARK).replace('*', part).replace(MARK, any);
            glob::matches(outer, &sample)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_image_reviews_are_told_from_others() {
        for (pattern, reaches) in [
            ("*.image-policy.k8s.io/ticket-*", true),
            ("mycluster.image-policy.k8s.io/ticket-*", true),
            ("*/ticket-*", true),
            ("*.k8s.io/ticket", true),
            ("**", true),
            ("image-policy.k8s.io/ticket", false),
            ("acme.example/ticket", false),
            ("*.example/ticket", false),
            ("ticket-*", false),
        ] {
            assert_eq!(reaches_image_review(pattern), reaches, "{pattern}");
        }
    }

    #[test]
    fn wider_globs_contain_narrower_ones() {
        for (outer, inner, holds) in [
            ("**", "docker.io/**", true),
            ("docker.io/**", "docker.io/library/*", true),
            ("docker.io/*", "docker.io/**", false),
            ("docker.io/*/**", "docker.io/**", false),
            ("docker.io/**", "**", false),
            ("a*", "ab*", true),
            ("ab*", "a*", false),
            ("gcr.io/a", "gcr.io/a", true),
            ("**/nginx", "docker.io/library/nginx", true),
        ] {
            assert_eq!(contains(outer, inner), holds, "{outer} {inner}");
        }
    }
}
