//! Two answers to what changed, and many of them to a sum. In: a recorded review, and one or two policies. Out: the change, by
//! workload and rule.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use plimsoll_admission::{Decided, Given, Line, Review, Why, read_line};
use plimsoll_model::{Effect, Outcome, ReasonCode};
use plimsoll_report::{Change, Changed, Workload};
use serde::Deserialize;

use super::judge::{Judge, Said, Unknown};
use super::lines::Faults;

/// Images that a row names.
const MAX_IMAGES: usize = 3;

/// One review compared.
pub struct Compared {
    at: Timestamp,
    redacted: bool,
    workload: Workload,
    change: Option<Change>,
    /// Rule, image and message of each reason for the change.
    reasons: Vec<(String, Option<String>, String)>,
}

/// What an answer comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Allowed,
    Warned,
    Undecided,
    Denied,
}

/// Reads a review and compares what is said of it.
///
/// # Errors
/// Why the line cannot be used.
pub fn compare(
    line: &[u8],
    against: &Judge,
    in_force: Option<&Judge>,
    at: Option<Timestamp>,
) -> Result<Compared, String> {
    let recorded = match read_line(line).map_err(|error| error.to_string())? {
        Line::Review(recorded) => recorded,
        Line::Head(_) | Line::Image(_) => return Err("it is no review".into()),
    };
    let body = recorded.review.get();
    let review = plimsoll_admission::read(recorded.road.into(), body.as_bytes())
        .map_err(|error| format!("its review could not be read: {}", error.why))?;
    let time: Timestamp = recorded.at.parse().map_err(|_| "its time is none".to_owned())?;
    let at = at.unwrap_or(time);
    let after = against.said(&recorded, &review, at);
    let before = match in_force {
        Some(judge) => judge.said(&recorded, &review, at),
        None => Said { given: recorded.answer.clone(), unknown: Vec::new() },
    };
    let (change, reasons) = changed(&before, &after);
    Ok(Compared { at: time, redacted: recorded.redacted > 0, workload: workload(&review, body), change, reasons })
}

type Reasons = Vec<(String, Option<String>, String)>;

fn changed(before: &Said, after: &Said) -> (Option<Change>, Reasons) {
    let (was, is) = (state(&before.given), state(&after.given));
    // What is denied for another reason is denied whatever is not known.
    let open = |said: &Said| !said.unknown.is_empty() && !surely_denied(said);
    // A denial is told also where it may hang on a value that was taken out.
    let ran = matches!(was, State::Allowed | State::Warned) && !open(before);
    let newly_denied = ran && is == State::Denied;
    if (open(after) || open(before)) && !newly_denied {
        let unknown: BTreeSet<&Unknown> = after.unknown.iter().chain(&before.unknown).collect();
        let reasons = unknown.into_iter().map(|one| {
            let what = if one.image.is_some() { "(image)" } else { "(object)" };
            (what.to_owned(), one.image.clone(), one.why.to_owned())
        });
        return (Some(Change::NotJudged), reasons.collect());
    }
    let change = match (was, is) {
        (State::Allowed | State::Warned, State::Denied) => Change::NewlyDenied,
        (State::Allowed | State::Warned, State::Undecided) => Change::NewlyUndecided,
        (State::Denied | State::Undecided, State::Allowed | State::Warned) => Change::NewlyAllowed,
        (State::Allowed, State::Warned) => Change::NewlyWarned,
        (State::Warned, State::Allowed) => Change::NoLongerWarned,
        (State::Denied, State::Undecided) | (State::Undecided, State::Denied) => Change::RefusedOtherwise,
        _ => return (None, Vec::new()),
    };
    let reasons = match change {
        Change::NewlyAllowed => refusals(&before.given),
        Change::NoLongerWarned => warnings(&before.given),
        Change::NewlyWarned => warnings(&after.given),
        _ => refusals(&after.given),
    };
    let shown = match reasons.is_empty() {
        true => vec![("-".to_owned(), None, after.given.message.clone())],
        false => reasons,
    };
    (Some(change), shown)
}

/// Denied by something that is known.
fn surely_denied(said: &Said) -> bool {
    let denies = |why: &Why| why.effect == Effect::Deny && why.code != ReasonCode::Ruling;
    let surely = |one: &Decided| match (&one.image, said.unknown.iter().any(|unknown| unknown.image == one.image)) {
        (_, false) => true,
        (Some(_), true) => false,
        // What the LoadLine's own clauses say of an object does not hang on what other policies ask for.
        (None, true) => one.reasons.iter().any(denies),
    };
    said.given.decided.iter().any(|one| one.effective == Outcome::Denied && surely(one))
}

/// What it comes to.
pub fn state(given: &Given) -> State {
    if given.allowed {
        return if given.warnings.is_empty() { State::Allowed } else { State::Warned };
    }
    let denied = given.decided.iter().any(|one| one.effective == Outcome::Denied);
    // A refusal without verdicts is none that a policy made.
    if denied { State::Denied } else { State::Undecided }
}

fn refusals(given: &Given) -> Reasons {
    let refused = given.decided.iter().filter(|one| one.effective != Outcome::Allowed);
    let strongest = refused.clone().map(|one| one.effective).max();
    let of = refused.filter(|one| Some(one.effective) == strongest);
    let against = |one: &Decided, why: &Why| match one.effective {
        Outcome::Denied => why.effect == Effect::Deny,
        _ => matches!(why.effect, Effect::Deny | Effect::Undecided),
    };
    reasons(of, against)
}

fn warnings(given: &Given) -> Reasons {
    reasons(given.decided.iter(), |one, why| {
        let softened = one.effective == Outcome::Allowed && one.outcome != Outcome::Allowed;
        why.effect == Effect::Warn || softened && matches!(why.effect, Effect::Deny | Effect::Undecided)
    })
}

fn reasons<'a>(decided: impl Iterator<Item = &'a Decided>, counts: impl Fn(&Decided, &Why) -> bool) -> Reasons {
    let mut all = Vec::new();
    for one in decided {
        for why in one.reasons.iter().filter(|why| counts(one, why)) {
            all.push((rule(why), one.image.clone(), why.message.clone()));
        }
    }
    all
}

/// The policy's clause, or the reason's code where none decided.
fn rule(why: &Why) -> String {
    if let Some(clause) = &why.clause {
        return clause.clone();
    }
    match serde_json::to_value(why.code) {
        Ok(serde_json::Value::String(code)) => format!("({code})"),
        _ => "-".to_owned(),
    }
}

/// As much of an object as says whose it is.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Object {
    kind: String,
    metadata: Metadata,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    name: String,
    generate_name: String,
    labels: HashMap<String, serde_json::Value>,
    owner_references: Vec<Owner>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Owner {
    kind: String,
    name: String,
    controller: bool,
}

/// Whose review it is: the controller of the object, and of a ReplicaSet or Job its own by the way these are named.
fn workload(review: &Review, body: &str) -> Workload {
    let namespace = review.namespace.clone();
    let text = review.object.clone().or_else(|| review.old_object.clone()).and_then(|place| body.get(place));
    let Some(object) = text.and_then(|text| serde_json::from_str::<Object>(text).ok()) else {
        let kind = review.resource.split('.').next().unwrap_or_default().to_owned();
        // An ImageReview names nobody: there the images stand for who asks.
        let first = review.images.first().map(|image| image.image.clone());
        return Workload { namespace, name: review.name.clone().or(first).unwrap_or_default(), kind };
    };
    let Object { kind, metadata } = object;
    let owner = metadata.owner_references.into_iter().find(|owner| owner.controller);
    let (kind, name) = match owner {
        Some(Owner { kind, name, .. }) => match (kind.as_str(), metadata.labels.get("pod-template-hash")) {
            ("ReplicaSet", Some(serde_json::Value::String(hash))) => {
                match name.strip_suffix(hash.as_str()).and_then(|stem| stem.strip_suffix('-')) {
                    Some(stem) if !hash.is_empty() => ("Deployment".to_owned(), stem.to_owned()),
                    _ => (kind, name),
                }
            }
            ("Job", _) => match name.rsplit_once('-') {
                // A CronJob's jobs end in the minute for which they were made.
                Some((stem, end)) if end.len() >= 8 && end.bytes().all(|byte| byte.is_ascii_digit()) => {
                    ("CronJob".to_owned(), stem.to_owned())
                }
                _ => (kind, name),
            },
            _ => (kind, name),
        },
        None if metadata.name.is_empty() => (kind, metadata.generate_name.trim_end_matches('-').to_owned()),
        None => (kind, metadata.name),
    };
    Workload { namespace, kind, name }
}

/// A row that is being summed.
struct Row {
    reviews: usize,
    images: BTreeSet<String>,
    message: String,
    first: Timestamp,
    last: Timestamp,
}

/// Many reviews.
#[derive(Default)]
pub struct Tally {
    pub reviews: usize,
    pub unchanged: usize,
    pub redacted: usize,
    /// Lines that could not be used.
    pub broken: usize,
    pub faults: Faults,
    /// When the first and the last review came.
    pub span: Option<(Timestamp, Timestamp)>,
    changes: BTreeMap<Change, usize>,
    rows: BTreeMap<(Change, Workload, String), Row>,
}

impl Tally {
    pub fn count(&self, change: Change) -> usize {
        self.changes.get(&change).copied().unwrap_or(0)
    }

    pub fn take(&mut self, compared: Compared) {
        let Compared { at, redacted, workload, change, reasons } = compared;
        self.reviews += 1;
        self.redacted += usize::from(redacted);
        self.span(at, at);
        let Some(change) = change else {
            self.unchanged += 1;
            return;
        };
        *self.changes.entry(change).or_default() += 1;
        let mut counted: BTreeSet<String> = BTreeSet::new();
        for (rule, image, message) in reasons {
            let row = Row {
                reviews: usize::from(counted.insert(rule.clone())),
                images: image.into_iter().collect(),
                message,
                first: at,
                last: at,
            };
            self.row((change, workload.clone(), rule), row);
        }
    }

    fn row(&mut self, key: (Change, Workload, String), row: Row) {
        match self.rows.entry(key) {
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(row);
            }
            std::collections::btree_map::Entry::Occupied(mut place) => {
                let sum = place.get_mut();
                sum.reviews += row.reviews;
                // The least of all, so that threads make no difference.
                sum.images.extend(row.images);
                while sum.images.len() > MAX_IMAGES {
                    sum.images.pop_last();
                }
                if (&row.first, &row.message) < (&sum.first, &sum.message) {
                    sum.message = row.message;
                }
                sum.first = sum.first.min(row.first);
                sum.last = sum.last.max(row.last);
            }
        }
    }

    fn span(&mut self, first: Timestamp, last: Timestamp) {
        let (least, most) = self.span.unwrap_or((first, last));
        self.span = Some((least.min(first), most.max(last)));
    }

    /// Counts lines that could not be used.
    pub fn unread(&mut self, faults: Faults) {
        for (why, (count, place)) in faults {
            self.broken += count;
            let (sum, first) = self.faults.entry(why).or_insert_with(|| (0, place.clone()));
            *sum += count;
            if place < *first {
                *first = place;
            }
        }
    }

    pub fn add(&mut self, other: Tally) {
        self.reviews += other.reviews;
        self.unchanged += other.unchanged;
        self.redacted += other.redacted;
        self.unread(other.faults);
        if let Some((first, last)) = other.span {
            self.span(first, last);
        }
        for (change, count) in other.changes {
            *self.changes.entry(change).or_default() += count;
        }
        for (key, row) in other.rows {
            self.row(key, row);
        }
    }

    /// All rows: the weightiest change first, and of one change what most reviews have.
    pub fn rows(self) -> Vec<Changed> {
        let rows = self.rows.into_iter().map(|((change, workload, rule), row)| Changed {
            change,
            workload,
            rule,
            reviews: row.reviews,
            images: row.images.into_iter().collect(),
            message: row.message,
            first: row.first.to_string(),
            last: row.last.to_string(),
        });
        let mut rows: Vec<Changed> = rows.collect();
        // Those of as many reviews stay in the order of their names.
        rows.sort_by_key(|row| (row.change, Reverse(row.reviews)));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(at: &str, name: &str, change: Change) -> Compared {
        let workload = Workload { namespace: None, kind: "Pod".into(), name: name.into() };
        let reasons = vec![("r".to_owned(), None, format!("said at {at}"))];
        Compared { at: at.parse().unwrap(), redacted: false, workload, change: Some(change), reasons }
    }

    #[test]
    fn rows_are_by_weight_and_times_by_the_clock() {
        let [early, late] = ["2026-11-02T00:00:00Z", "2026-11-02T00:00:00.5Z"];
        let mut sums = [Tally::default(), Tally::default()];
        let reviews = [
            compared(late, "a", Change::NewlyDenied),
            compared(late, "z", Change::NewlyDenied),
            compared(early, "z", Change::NewlyDenied),
            compared(early, "b", Change::NewlyWarned),
        ];
        for (number, review) in reviews.into_iter().enumerate() {
            sums[number % 2].take(review);
        }
        let [mut sum, other] = sums;
        sum.add(other);
        assert_eq!(sum.span, Some((early.parse().unwrap(), late.parse().unwrap())));
        let rows = sum.rows();
        let told: Vec<(&str, usize, &str)> =
            rows.iter().map(|row| (row.workload.name.as_str(), row.reviews, row.message.as_str())).collect();
        let [first, second] = [format!("said at {early}"), format!("said at {late}")];
        assert_eq!(told, [("z", 2, first.as_str()), ("a", 1, &second), ("b", 1, &first)]);
        assert_eq!((rows[0].first.as_str(), rows[0].last.as_str()), (early, late));
    }
}
