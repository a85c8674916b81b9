//! OSV's ranges and lists of versions, after the evaluation algorithm of the OSV schema
//! (<https://ossf.github.io/osv-schema/#evaluation>). In: one `affected` entry and a version. Out: a ruling.
//!
//! Where list and ranges disagree the list wins: a listed version is affected whatever the ranges say, and one that is
//! not listed is not affected, unless it is later than every listed one and the range is still open there: then the
//! list cannot know of it, and the range stands.

use std::cmp::Ordering;

use plimsoll_model::Ecosystem;

use super::ruling::{Ruling, Scheme, undecided};
use crate::record::{Event, Range, RangeKind};
use crate::versions::pep440::Pep440;
use crate::versions::{Order, VersionError, number, order};

/// What a range says of a version.
struct Place {
    inside: bool,
    /// The lowest fix above the version.
    fix: Option<String>,
    /// True when the range ends somewhere above the version.
    closed: bool,
}

pub fn ruling(ranges: &[Range], versions: &[String], version: &str, scheme: Scheme) -> Ruling {
    let listed = is_listed(versions, version, scheme);
    let mut fixes: Vec<String> = Vec::new();
    let (mut inside, mut closed) = (false, true);
    let mut trouble = None;
    for range in ranges {
        let kind = match range.kind {
            RangeKind::Semver => order("semver").unwrap_or(scheme.order),
            RangeKind::Ecosystem => scheme.order,
        };
        match place(&range.events, version, kind) {
            Ok(place) => {
                inside |= place.inside;
                closed &= place.closed || !place.inside;
                let wanted = place.inside || listed;
                fixes.extend(place.fix.filter(|fix| wanted && !fixes.contains(fix)));
            }
            Err(error) => trouble = trouble.or(Some(error)),
        }
    }
    if listed {
        return Ruling::Affected { fixes };
    }
    if inside {
        let unknown_to_list = !closed && later_than_all(versions, version, scheme.order);
        return if versions.is_empty() || unknown_to_list { Ruling::Affected { fixes } } else { Ruling::Past };
    }
    match trouble {
        Some(error) => undecided(&error),
        // A list without ranges compares texts; a version that has no place may be one of its under another spelling.
        None if ranges.is_empty() => match scheme.order.check(version) {
            Ok(()) => Ruling::Past,
            Err(error) => undecided(&error),
        },
        None => Ruling::Past,
    }
}

fn is_listed(versions: &[String], version: &str, scheme: Scheme) -> bool {
    if versions.is_empty() {
        return false;
    }
    // A local build of a listed Python version is that version.
    let public = match (scheme.ecosystem, version.split_once('+')) {
        (Ecosystem::Pypi, Some((public, _))) if Pep440::parse(version).is_ok() => public,
        _ => version,
    };
    // Lists have hundreds of entries and most are far off: only those that start with the same numbers are taken apart.
    let start = start_of(public);
    versions.iter().any(|v| v == version)
        || (scheme.order.check(public).is_ok()
            && versions
                .iter()
                .filter(|v| start_of(v) == start)
                .any(|v| scheme.order.compare(v, public) == Ok(Ordering::Equal)))
}

/// The first two numbers without leading zeros, which equal versions share in every language's order; none where an
/// epoch or a word stands first.
fn start_of(version: &str) -> Option<(&str, &str)> {
    let text = version.strip_prefix(['v', 'V']).unwrap_or(version);
    let (first, rest) = number::split(text);
    if first.is_empty() || version.contains('!') {
        return None;
    }
    let (second, _) = rest.strip_prefix('.').map_or(("", rest), number::split);
    Some((first.trim_start_matches('0'), second.trim_start_matches('0')))
}

fn later_than_all(versions: &[String], version: &str, order: &Order) -> bool {
    // Lists mostly ascend: the last entries tell at once.
    versions.iter().rev().all(|v| order.compare(v, version).is_ok_and(Ordering::is_lt))
}

/// An introduction at `0` is before every version; nothing else is.
fn place(events: &[Event], version: &str, order: &Order) -> Result<Place, VersionError> {
    let everything = events.iter().all(|event| matches!(event, Event::Introduced(v) if v == "0"));
    if everything && !events.is_empty() {
        // No version is outside, not even one that has no place in the order.
        return Ok(Place { inside: true, fix: None, closed: false });
    }
    order.check(version)?;
    let (mut changes, mut limits) = (Vec::new(), Vec::new());
    for event in events {
        match event {
            Event::Limit(at) if at == "*" => limits.push(true),
            Event::Limit(at) => limits.push(order.compare(version, at)?.is_lt()),
            Event::Introduced(at) | Event::Fixed(at) | Event::LastAffected(at) => {
                order.check(at)?;
                changes.push((event, at.as_str()));
            }
        }
    }
    let lowest = |event: &Event, at: &str| matches!(event, Event::Introduced(_)) && at == "0";
    changes.sort_by(|(x, a), (y, b)| match (lowest(x, a), lowest(y, b)) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        // At the same version an introduction counts last: it is affected.
        (false, false) => order
            .compare(a, b)
            .unwrap_or(Ordering::Equal)
            .then_with(|| matches!(x, Event::Introduced(_)).cmp(&matches!(y, Event::Introduced(_)))),
    });
    let (mut inside, mut fix, mut ends_above) = (false, None, false);
    for (event, at) in changes {
        let reached = lowest(event, at) || order.compare(version, at)?.is_ge();
        match event {
            Event::Introduced(_) if reached => inside = true,
            Event::Fixed(_) if reached => inside = false,
            Event::Fixed(_) => {
                fix = fix.or_else(|| Some(at.to_owned()));
                ends_above = true;
            }
            Event::LastAffected(_) if order.compare(version, at)?.is_gt() => inside = false,
            Event::LastAffected(_) => ends_above = true,
            Event::Introduced(_) | Event::Limit(_) => {}
        }
    }
    let inside = inside && (limits.is_empty() || limits.contains(&true));
    Ok(Place { inside, fix, closed: ends_above || !limits.is_empty() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(kind: RangeKind, events: &[(&str, &str)]) -> Range {
        let event = |(word, at): &(&str, &str)| match *word {
            "introduced" => Event::Introduced((*at).to_owned()),
            "fixed" => Event::Fixed((*at).to_owned()),
            "last" => Event::LastAffected((*at).to_owned()),
            _ => Event::Limit((*at).to_owned()),
        };
        Range { kind, events: events.iter().map(event).collect() }
    }

    fn rule(ranges: &[Range], versions: &[&str], version: &str) -> Ruling {
        let versions: Vec<String> = versions.iter().map(|v| (*v).to_owned()).collect();
        ruling(ranges, &versions, version, Scheme::of(Ecosystem::Npm))
    }

    fn affected(fixes: &[&str]) -> Ruling {
        Ruling::Affected { fixes: fixes.iter().map(|f| (*f).to_owned()).collect() }
    }

    #[test]
    fn events_are_read_in_the_order_of_versions() {
        let shuffled = [range(
            RangeKind::Semver,
            &[("fixed", "2.0.5"), ("introduced", "2.0.0"), ("fixed", "1.2.3"), ("introduced", "0")],
        )];
        assert_eq!(rule(&shuffled, &[], "1.0.0"), affected(&["1.2.3"]));
        assert_eq!(rule(&shuffled, &[], "1.2.3"), Ruling::Past);
        assert_eq!(rule(&shuffled, &[], "2.0.0-rc.1"), Ruling::Past);
        assert_eq!(rule(&shuffled, &[], "2.0.1"), affected(&["2.0.5"]));
        assert_eq!(rule(&shuffled, &[], "2.0.5"), Ruling::Past);
    }

    #[test]
    fn last_affected_is_affected_and_limits_end_a_range() {
        let last = [range(RangeKind::Semver, &[("introduced", "1.0.0"), ("last", "1.5.0")])];
        assert_eq!(rule(&last, &[], "1.5.0"), affected(&[]));
        assert_eq!(rule(&last, &[], "1.5.1"), Ruling::Past);
        let limit = [range(RangeKind::Semver, &[("introduced", "1.0.0"), ("limit", "2.0.0")])];
        assert_eq!(rule(&limit, &[], "1.9.9"), affected(&[]));
        assert_eq!(rule(&limit, &[], "2.0.0"), Ruling::Past);
    }

    #[test]
    fn list_of_versions_wins_over_ranges() {
        let fixed = [range(RangeKind::Semver, &[("introduced", "0"), ("fixed", "2.0.0")])];
        assert_eq!(rule(&fixed, &["1.0.0", "2.1.0"], "2.1.0"), affected(&[]));
        assert_eq!(rule(&fixed, &["1.0.0", "1.2.0"], "1.1.0"), Ruling::Past);
        assert_eq!(rule(&fixed, &["1.0.0", "1.2.0"], "1.9.0"), Ruling::Past);
        let open = [range(RangeKind::Semver, &[("introduced", "0")])];
        assert_eq!(rule(&open, &["1.0.0", "1.2.0"], "1.1.0"), Ruling::Past);
        assert_eq!(rule(&open, &["1.0.0", "1.2.0"], "1.3.0"), affected(&[]), "released after the list was made");
    }

    #[test]
    fn versions_without_a_place_are_undecided_but_where_every_version_is_affected() {
        let fixed = [range(RangeKind::Semver, &[("introduced", "0"), ("fixed", "2.0.0")])];
        assert!(matches!(rule(&fixed, &[], "(devel)"), Ruling::Undecided { .. }));
        assert!(matches!(rule(&fixed, &[], ""), Ruling::Undecided { .. }));
        let broken = [range(RangeKind::Semver, &[("introduced", "0"), ("fixed", "soon")])];
        assert!(matches!(rule(&broken, &[], "1.0.0"), Ruling::Undecided { .. }));
        let open = [range(RangeKind::Semver, &[("introduced", "0")])];
        assert_eq!(rule(&open, &[], "(devel)"), affected(&[]));
    }
}
