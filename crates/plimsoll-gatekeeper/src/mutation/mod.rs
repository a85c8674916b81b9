//! Mutators: objects are changed before they are judged. In: documents of Assign, AssignMetadata, ModifySet and AssignImage.
//! Out: [`Mutators`], which make of an object what it would be in the cluster, until nothing changes any more. Mutators that
//! want one place to be of two kinds are in conflict: neither is applied.

mod apply_to;
mod mutator;
mod path;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use plimsoll_rego::value::Value;

pub use apply_to::{ApplyTo, Gvk};
pub use mutator::{GROUP, KINDS, Mutator, Target, is_mutator};
pub use path::{Node, Path};

use crate::document::Document;
use crate::fault::{Fault, FaultKind};
use crate::json;
use crate::matching::{Matchable, Source};
use mutator::EndType;

/// Rounds after which an object is said not to come to rest.
const MAX_ROUNDS: usize = 100;
/// Parts of paths of all mutators together, once for each kind and operation that they are for: in use are some thousands.
const MAX_PLACES: usize = 2_000_000;

/// Mutators in force, in their order.
#[derive(Debug, Clone, Default)]
pub struct Mutators {
    list: Vec<Arc<Mutator>>,
    /// Those in conflict, by their numbers.
    conflicts: BTreeSet<usize>,
}

/// What a place is: a list, an object's field, or what ends there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Object,
    List,
    End(EndType),
}

/// What mutators say of a place.
#[derive(Debug, Default)]
struct Place {
    referenced: BTreeSet<usize>,
    ends: BTreeSet<usize>,
    below: BTreeMap<Arc<str>, BTreeMap<Kind, Place>>,
}

impl Place {
    fn add(&mut self, id: usize, path: &[Node], mutator: &Mutator, found: &mut BTreeSet<usize>) {
        self.referenced.insert(id);
        let Some((first, rest)) = path.split_first() else {
            if mutator.must_end() {
                self.ends.insert(id);
            }
            return;
        };
        let key = match first {
            Node::Field(name) => name,
            Node::Element { key, .. } => key,
        };
        let kind = match rest.first() {
            None => Kind::End(mutator.end_type()),
            Some(Node::Field(_)) => Kind::Object,
            Some(Node::Element { .. }) => Kind::List,
        };
        self.below.entry(key.clone()).or_default().entry(kind).or_default().add(id, rest, mutator, found);
        found.extend(self.conflicts(key));
    }

    fn conflicts(&self, key: &str) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let Some(kinds) = self.below.get(key) else { return found };
        let unknown = Kind::End(EndType::Unknown);
        let known = kinds.keys().filter(|kind| **kind != unknown).count();
        let mut must_end = false;
        let mut deeper = false;
        for (kind, place) in kinds {
            must_end |= !place.ends.is_empty();
            deeper |= !place.below.is_empty();
            if *kind != unknown && (known > 1 || *kind == Kind::List && place.below.len() > 1) {
                found.extend(&place.referenced);
            }
        }
        if must_end && deeper {
            for place in kinds.values() {
                found.extend(&place.ends);
                found.extend(place.below.values().flat_map(BTreeMap::values).flat_map(|place| &place.referenced));
            }
        }
        found
    }
}

impl Mutators {
    /// Reads the mutators among documents; of two of one name the later one counts.
    ///
    /// # Errors
    /// The first that Gatekeeper refuses.
    pub fn load(documents: &[Document]) -> Result<Mutators, Fault> {
        let mut list: Vec<Arc<Mutator>> = Vec::new();
        for document in documents.iter().filter(|document| is_mutator(document)) {
            let mutator = Arc::new(Mutator::read(document)?);
            list.retain(|have| have.order() != mutator.order());
            list.push(mutator);
        }
        // Conflicts are found in the order of the documents, which their message shows.
        let mut places: HashMap<(Gvk, &'static str), Place> = HashMap::new();
        let mut conflicts = BTreeSet::new();
        let mut left = MAX_PLACES;
        for (id, mutator) in list.iter().enumerate() {
            let bindings = mutator.bindings();
            let wanted = bindings.len().saturating_mul(mutator.path.0.len());
            left = left.checked_sub(wanted).ok_or_else(|| {
                let message = "the mutators name too many kinds to tell which are in conflict";
                let hint = "name fewer groups, versions and kinds in applyTo, or load fewer mutators at once";
                Fault::new(FaultKind::Mutator, message).of(format!("{} {}", mutator.kind, mutator.name)).hint(hint)
            })?;
            for binding in bindings {
                places.entry(binding).or_default().add(id, &mutator.path.0, mutator, &mut conflicts);
            }
        }
        let in_conflict: BTreeSet<String> = conflicts.iter().filter_map(|id| list.get(*id)).map(|m| m.id()).collect();
        list.sort_by(|a, b| a.order().cmp(&b.order()));
        let conflicts =
            list.iter().enumerate().filter(|(_, m)| in_conflict.contains(&m.id())).map(|(at, _)| at).collect();
        Ok(Mutators { list, conflicts })
    }

    /// Which mutators are in conflict, if any, in Gatekeeper's words.
    pub fn conflict(&self) -> Option<Fault> {
        let mut names: Vec<String> =
            self.conflicts.iter().filter_map(|at| self.list.get(*at)).map(|m| m.id()).collect();
        names.sort();
        let first = names.first()?;
        let hint = "let them agree on what is a list and what an object, or take one out: neither is applied";
        let message = format!("the following mutators have conflicting schemas: [{}]", names.join(","));
        Some(Fault::new(FaultKind::Mutator, message).of(first.clone()).hint(hint))
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The object after all mutators, as often as anything changes; those in conflict left out.
    ///
    /// # Errors
    /// A mutator cannot be applied, or the object does not come to rest.
    pub fn mutate(
        &self,
        object: &Value,
        namespace: Option<&Value>,
        source: Source,
        operation: &str,
    ) -> Result<Value, String> {
        self.mutate_until(object, namespace, (source, operation), None)
    }

    /// The same with an end: what has not come to rest then cannot be told.
    ///
    /// # Errors
    /// As [`Mutators::mutate`], and the time is over.
    pub fn mutate_until(
        &self,
        object: &Value,
        namespace: Option<&Value>,
        (source, operation): (Source, &str),
        until: Option<Instant>,
    ) -> Result<Value, String> {
        let mut current = object.clone();
        let about = |object: &Value| {
            let text = |path: &[&str]| json::text(object, path).to_owned();
            let name = Some(text(&["metadata", "name"])).filter(|name| !name.is_empty());
            let name = name.unwrap_or_else(|| text(&["metadata", "generateName"]));
            let group = json::group_and_version(object).0;
            format!("{group} {} {} {name}", text(&["kind"]), text(&["metadata", "namespace"]))
        };
        for _ in 0..(self.list.len() + 1).min(MAX_ROUNDS) {
            let before = current.clone();
            for (at, mutator) in self.list.iter().enumerate() {
                if self.conflicts.contains(&at) {
                    continue;
                }
                if until.is_some_and(|until| Instant::now() >= until) {
                    return Err(format!("there is no time left to mutate {}", about(&current)));
                }
                let target = Target { matchable: Matchable::new(&current, namespace, source), operation };
                let matches = mutator.matches(&target).map_err(|why| {
                    format!("matching for mutator {} failed for {}: {why}", mutator.id(), about(&current))
                })?;
                if matches
                    && let Some(new) = mutator.mutate(&current).map_err(|why| {
                        format!("mutation for mutator {} failed for {}: {why}", mutator.id(), about(&current))
                    })?
                {
                    current = new;
                }
            }
            if before == current {
                return Ok(current);
            }
        }
        Err(format!("mutation not converging for {}", about(&current)))
    }
}
