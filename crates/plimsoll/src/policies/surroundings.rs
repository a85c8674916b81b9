//! What policies see of the cluster beside a request: objects that are followed there. In: the kinds that the policies need. Out:
//! the objects as they are now, or why nobody knows. Kinds that several sets of policies need, or the next ones after a change of
//! files, are followed once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use plimsoll_cel::policy::{Elsewhere, Named, Review};
use plimsoll_cel::value::Value as CelValue;
use plimsoll_rego::value::Value;
use plimsoll_sources::cluster::{Followed, Following, Objects, State, Wanted};
use serde_json::Value as Json;

/// How long a document may be behind what is followed: whoever makes it anew is stuck.
const MAX_LAG: Duration = Duration::from_secs(10);
/// Taking in what changed takes this part of one core at most.
pub const SHARE: u32 = 4;

/// An object, as the languages that ask for it read it.
#[derive(Debug)]
pub struct Object {
    /// None where nobody asks, or it cannot be read.
    pub rego: Option<Value>,
    pub cel: Option<CelValue>,
}

/// Which languages ask for a kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Readers {
    pub rego: bool,
    pub cel: bool,
}

/// The kinds that policies need.
pub type Needs = BTreeMap<Wanted, Readers>;

/// Namespaces, as they are followed.
pub fn namespaces() -> Wanted {
    Wanted { api_version: "v1".into(), kind: "Namespace".into(), namespace: None }
}

/// Needs without those in one namespace of a kind that is needed whole: it is followed once, for the readers of all.
pub fn fold(needs: Needs) -> Needs {
    let (mut whole, parts): (Needs, Needs) = needs.into_iter().partition(|(wanted, _)| wanted.namespace.is_none());
    for (wanted, readers) in parts {
        let all = Wanted { namespace: None, ..wanted.clone() };
        match whole.get_mut(&all) {
            Some(have) => *have = Readers { rego: have.rego || readers.rego, cel: have.cel || readers.cel },
            None => {
                whole.insert(wanted, readers);
            }
        }
    }
    whole
}

impl Object {
    fn of(json: Option<Json>, readers: Readers, is_namespace: bool) -> Object {
        let Some(json) = json else { return Object { rego: None, cel: None } };
        let cel = match (readers.cel, is_namespace) {
            (false, _) => None,
            (true, true) => Review::namespace(&json).ok(),
            (true, false) => CelValue::from_json(&json),
        };
        let rego = readers.rego.then(|| Value::from_json(json.to_string().as_bytes()).ok()).flatten();
        Object { rego, cel }
    }
}

/// Kinds that were followed for some readers, and are for as long as somebody needs them.
type Needed = BTreeMap<(Wanted, Readers), Weak<Followed<Object>>>;

/// Everything that is followed, by whom it is still needed.
pub struct Followers {
    following: Following,
    all: Mutex<Needed>,
}

impl Followers {
    pub fn new(following: Following) -> Followers {
        Followers { following, all: Mutex::new(BTreeMap::new()) }
    }

    /// Rises whenever something that is followed changes.
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.following.changes()
    }

    /// What is followed for these needs from now on, for as long as what is given back lives.
    pub fn around(&self, needs: &Needs) -> Surroundings {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, followed| followed.strong_count() > 0);
        let mut followed = BTreeMap::new();
        for (wanted, readers) in needs {
            // One that more read serves as well.
            let enough = |have: &Readers| have.rego >= readers.rego && have.cel >= readers.cel;
            let found =
                all.iter().filter(|((have, by), _)| have == wanted && enough(by)).find_map(|(_, one)| one.upgrade());
            let one = found.unwrap_or_else(|| {
                let (readers, is_namespace) = (*readers, *wanted == namespaces());
                let make = move |json| Object::of(json, readers, is_namespace);
                let one = Arc::new(self.following.follow(wanted.clone(), make));
                all.insert((wanted.clone(), readers), Arc::downgrade(&one));
                one
            });
            followed.insert(wanted.clone(), one);
        }
        Surroundings { followed, took: AtomicU64::new(0) }
    }
}

/// What one set of policies, or all of them, see of the cluster.
#[derive(Debug, Default)]
pub struct Surroundings {
    followed: BTreeMap<Wanted, Arc<Followed<Object>>>,
    /// Milliseconds that the last taking in of all that changed took.
    took: AtomicU64,
}

impl Surroundings {
    /// What changed was taken in, and that took so long.
    pub fn took(&self, time: Duration) {
        self.took.store(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How long ago what a document was made of may have been looked at: it was made, there was a pause, and the next one is being
    /// made.
    pub fn may_lag(&self) -> Duration {
        may_lag(Duration::from_millis(self.took.load(Ordering::Relaxed)))
    }

    /// Whether each kind was listed, or something is in the way.
    pub fn settled(&self) -> bool {
        self.followed.values().all(|one| one.settled())
    }

    pub fn states(&self) -> impl Iterator<Item = (&Wanted, State)> {
        self.followed.iter().map(|(wanted, one)| (wanted, one.state()))
    }

    /// The objects of a kind, those in one namespace at least.
    ///
    /// # Errors
    /// Why they are not known.
    pub fn objects(&self, (api_version, kind): (&str, &str), namespace: &str) -> Result<Arc<Objects<Object>>, String> {
        let wanted = |namespace: Option<String>| Wanted {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace,
        };
        let all = wanted(None);
        let found = self.followed.get(&all).or_else(|| self.followed.get(&wanted(Some(namespace.to_owned()))));
        let followed = found.ok_or_else(|| format!("{all} is not followed in the cluster"))?;
        followed
            .now()
            .map_err(|why| format!("the objects of kind {} in the cluster are not known: {why}", followed.wanted()))
    }

    /// The Namespace of a name; none where the cluster has none.
    ///
    /// # Errors
    /// Why it is not known.
    pub fn namespace(&self, name: &str) -> Result<Option<Arc<Object>>, String> {
        Ok(self.objects(("v1", "Namespace"), "")?.get("", name).cloned())
    }
}

fn may_lag(took: Duration) -> Duration {
    MAX_LAG.max(took.saturating_mul(SHARE + 2))
}

/// Parameters of admission policies.
impl Elsewhere for Surroundings {
    fn namespaced(&self, kind: (&str, &str), namespace: &str) -> Result<bool, String> {
        Ok(self.objects(kind, namespace)?.namespaced)
    }

    fn named(&self, kind: (&str, &str), namespace: &str, name: &str) -> Result<Option<CelValue>, String> {
        let objects = self.objects(kind, namespace)?;
        objects.get(namespace, name).map(|object| read(object, kind, name)).transpose()
    }

    fn all(&self, kind: (&str, &str), namespace: &str) -> Result<Vec<Named>, String> {
        let objects = self.objects(kind, namespace)?;
        let names = objects.namespaces.get(namespace).into_iter().flat_map(|names| names.iter());
        let named = |(name, object): (&Arc<str>, &Arc<Object>)| {
            let (namespace, name) = (namespace.to_owned(), name.to_string());
            read(object, kind, &name).map(|object| Named { namespace, name, object })
        };
        names.map(named).collect()
    }
}

fn read(object: &Object, (_, kind): (&str, &str), name: &str) -> Result<CelValue, String> {
    object
        .cel
        .clone()
        .ok_or_else(|| format!("the {kind} {name:?} in the cluster cannot be read: it is nested too deeply"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_is_needed_whole_is_not_followed_in_parts_as_well() {
        let wanted = |kind: &str, namespace: Option<&str>| Wanted {
            api_version: "v1".into(),
            kind: kind.into(),
            namespace: namespace.map(Into::into),
        };
        let (rego, cel) = (Readers { rego: true, cel: false }, Readers { rego: false, cel: true });
        let needs = Needs::from([
            (wanted("ConfigMap", None), rego),
            (wanted("ConfigMap", Some("shop")), cel),
            (wanted("Secret", Some("shop")), cel),
        ]);
        let both = Readers { rego: true, cel: true };
        let folded = Needs::from([(wanted("ConfigMap", None), both), (wanted("Secret", Some("shop")), cel)]);
        assert_eq!(fold(needs), folded);
    }

    #[test]
    fn a_document_may_lag_by_what_making_it_takes() {
        assert_eq!(may_lag(Duration::from_millis(3)), MAX_LAG);
        // Made, four times that long let be, made again.
        assert_eq!(may_lag(Duration::from_secs(5)), Duration::from_secs(30));
        assert_eq!(may_lag(Duration::MAX), Duration::MAX);
    }
}
