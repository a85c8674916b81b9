//! `data.inventory` of the cluster. In: the objects that are followed, what the files hold, the Config's word. Out: the document
//! that templates see, made anew beside the reviews whenever something changes; of a namespace in which nothing did, its part is
//! used again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_gatekeeper::config::Process;
use plimsoll_gatekeeper::{Set, Several};
use plimsoll_rego::value::Value;
use plimsoll_sources::cluster::Objects;
use plimsoll_sources::cluster::follow::Names;

use super::surroundings::{Object, Surroundings};

type Kind = (String, String);
type Part = (Arc<Names<Object>>, Value);
/// A kind's objects, or why they were not known.
type Known = Result<Arc<Objects<Object>>, String>;

/// A set of policies with a document, and what that was made of.
#[derive(Clone)]
pub struct Composed {
    pub set: Set,
    of: Vec<(Kind, Known)>,
    parts: HashMap<(usize, Arc<str>), Part>,
    /// An object that cannot be shown.
    unread: Option<String>,
}

impl Composed {
    /// Before anything is known.
    pub fn of_nothing(set: &Set) -> Composed {
        let unknown = || Err("they were not listed yet".to_owned());
        let of = set.synced().map(|kind| ((kind.api_version.clone(), kind.kind.clone()), unknown())).collect();
        Composed { set: set.clone(), of, parts: HashMap::new(), unread: None }
    }

    /// Of policies that look at no other objects: none are asked for.
    #[must_use]
    pub fn unasked(mut self) -> Composed {
        self.of.clear();
        self
    }

    /// The document of what is known now; none where that is what this was made of.
    pub fn next(&self, around: &Surroundings) -> Option<Composed> {
        let now: Vec<_> =
            self.of.iter().map(|(kind, _)| (kind.clone(), around.objects((&kind.0, &kind.1), ""))).collect();
        let same = self.of.iter().zip(&now).all(|((_, before), (_, now))| match (before, now) {
            (Ok(before), Ok(now)) => Arc::ptr_eq(before, now),
            (Err(before), Err(now)) => before == now,
            _ => false,
        });
        if same {
            return None;
        }
        let mut next = Composed { set: self.set.clone(), of: now, parts: HashMap::new(), unread: None };
        let mut all = Vec::new();
        for (number, ((api_version, kind), objects)) in next.of.iter().enumerate() {
            let Ok(objects) = objects else { continue };
            let is_namespace = kind == "Namespace" && api_version == "v1";
            for (namespace, names) in &objects.namespaces {
                if self.set.excludes(Process::Sync, namespace) {
                    continue;
                }
                let key = (number, Arc::clone(namespace));
                let part = match self.parts.get(&key) {
                    Some((of, value)) if Arc::ptr_eq(of, names) => value.clone(),
                    _ => {
                        let shown =
                            names.iter().filter(|(name, _)| !(is_namespace && self.set.excludes(Process::Sync, name)));
                        let mut entries = Vec::with_capacity(names.len());
                        for (name, object) in shown {
                            match &object.rego {
                                Some(object) => entries.push((Value::string(&**name), object.clone())),
                                None => {
                                    let words = format!(
                                        "the {kind} {name:?} in the cluster cannot be read: it is nested too deeply"
                                    );
                                    next.unread.get_or_insert(words);
                                }
                            }
                        }
                        Value::object(entries)
                    }
                };
                // One that holds what cannot be read is looked at each time.
                if next.unread.is_none() {
                    next.parts.insert(key, (Arc::clone(names), part.clone()));
                }
                let (namespace, api_version, kind) = (namespace.to_string(), api_version.clone(), kind.clone());
                all.push(Several { namespace, api_version, kind, names: part });
            }
        }
        next.set = self.set.with_document(self.set.inventory().document_with(all));
        Some(next)
    }

    /// Whether other objects are asked for.
    pub fn follows(&self) -> bool {
        !self.of.is_empty()
    }

    /// Whether all that is known by now is in the document, of then or of now.
    pub fn caught_up(&self, around: &Surroundings) -> bool {
        self.of.iter().all(|(kind, before)| before.is_ok() || around.objects((&kind.0, &kind.1), "").is_err())
    }

    /// Why the document is not what the cluster has now, where that was last looked at so long ago.
    pub fn unknown(&self, around: &Surroundings, age: Duration) -> Option<String> {
        for (kind, before) in &self.of {
            let now = match around.objects((&kind.0, &kind.1), "") {
                Ok(now) => now,
                Err(why) => return Some(why),
            };
            let why = match standing(before, &now, age > around.may_lag()) {
                Standing::There => continue,
                Standing::New => "were only just listed".to_owned(),
                Standing::Behind => format!("changed, and were last taken in {} s ago", age.as_secs()),
            };
            return Some(format!("the objects of kind {} in the cluster {why}", kind.1));
        }
        self.unread.clone()
    }
}

/// How what a document was made of stands to what there is now.
#[derive(Debug, PartialEq)]
enum Standing {
    There,
    New,
    Behind,
}

fn standing(before: &Known, now: &Arc<Objects<Object>>, late: bool) -> Standing {
    match before {
        Ok(before) if before.epoch == now.epoch && (Arc::ptr_eq(before, now) || !late) => Standing::There,
        Ok(before) if before.epoch == now.epoch => Standing::Behind,
        _ => Standing::New,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_document_is_of_what_there_is_or_not_far_behind_it() {
        let objects = |epoch| Arc::new(Objects { namespaced: true, epoch, namespaces: BTreeMap::new() });
        let (now, other) = (objects(1), objects(1));
        for (before, late, expected) in [
            (Ok(Arc::clone(&now)), true, Standing::There),
            (Ok(Arc::clone(&other)), false, Standing::There),
            // However new what came last is: nobody took in what came before it either.
            (Ok(other), true, Standing::Behind),
            (Ok(objects(0)), false, Standing::New),
            (Err("they were not listed yet".to_owned()), false, Standing::New),
        ] {
            assert_eq!(standing(&before, &now, late), expected, "{before:?} {late}");
        }
    }
}
