//! What the policy does not judge at all. In: exemptions, and who asks for what where. Out: the one that holds, or those
//! that would hold had they not run out.

use jiff::civil::Date;
use plimsoll_model::LoadLine;
use plimsoll_model::loadline::Exemption;

use crate::entry::place_words;
use crate::glob;
use crate::judge::{Context, day};

/// True when all that the exemption names fits; what is not known does not fit.
pub(crate) fn fits(exemption: &Exemption, name: Option<&str>, namespace: Option<&str>, user: Option<&str>) -> bool {
    let fits = |globs: &[String], value: Option<&str>| {
        globs.is_empty() || value.is_some_and(|value| globs.iter().any(|pattern| glob::matches(pattern, value)))
    };
    let names_nothing = exemption.namespaces.is_empty() && exemption.images.is_empty() && exemption.users.is_empty();
    !names_nothing
        && fits(&exemption.images, name)
        && fits(&exemption.namespaces, namespace)
        && fits(&exemption.users, user)
}

/// True when `until` is past: the named day is the last one that counts, in UTC.
pub(crate) fn ran_out(until: Option<Date>, today: Date) -> bool {
    until.is_some_and(|until| until < today)
}

/// The first exemption that holds.
pub(crate) fn held<'p>(
    policy: &'p LoadLine,
    name: Option<&str>,
    namespace: Option<&str>,
    context: &Context<'_>,
) -> Option<&'p Exemption> {
    let today = day(context.at);
    policy.exempt.iter().find(|e| fits(e, name, namespace, context.user()) && !ran_out(e.until, today))
}

/// The first exemption that holds for an object whose pods have these images: one that names images must fit every one.
pub(crate) fn held_for_object<'p>(
    policy: &'p LoadLine,
    names: &[String],
    namespace: Option<&str>,
    context: &Context<'_>,
) -> Option<&'p Exemption> {
    let today = day(context.at);
    policy.exempt.iter().find(|e| fits_object(e, names, namespace, context.user()) && !ran_out(e.until, today))
}

/// As [`fits`], for an object: an exemption that names images fits where all of the object's do.
pub(crate) fn fits_object(
    exemption: &Exemption,
    names: &[String],
    namespace: Option<&str>,
    user: Option<&str>,
) -> bool {
    match names {
        [] => fits(exemption, None, namespace, user),
        names => names.iter().all(|name| fits(exemption, Some(name), namespace, user)),
    }
}

/// `static pods (SEC-1), until 2027-06-30; policy.yaml:40`.
pub(crate) fn words(exemption: &Exemption) -> String {
    let Exemption { reason, ticket, until, place, .. } = exemption;
    format!("{}; {}", reason_words(reason, ticket.as_deref(), *until), place_words(place))
}

/// A reason with its ticket and last day.
pub(crate) fn reason_words(reason: &str, ticket: Option<&str>, until: Option<Date>) -> String {
    let mut words = reason.to_owned();
    if let Some(ticket) = ticket {
        words += &format!(" ({ticket})");
    }
    if let Some(until) = until {
        words += &format!(", until {until}");
    }
    words
}
