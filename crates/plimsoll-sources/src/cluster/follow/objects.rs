//! The objects of one kind as they are now. In: objects that came, and those that went. Out: a value that many may hold while
//! the next one is made: what did not change is shared. Bounded by number and by the bytes of all that is followed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::Wanted;
use crate::cluster::client::is_name;

/// Objects of one kind. Kubernetes supports 150,000 pods; policies look at what is fewer.
pub(super) const MAX_OBJECTS: usize = 200_000;
/// Bytes that an object costs beside its text: names, and its place.
const OVERHEAD: usize = 256;
/// The longest name of an object: of a role, which may have more signs in it than a host's name.
const MAX_NAME: usize = 1_024;

/// By name.
pub type Names<T> = BTreeMap<Arc<str>, Arc<T>>;

/// The objects of one kind, by namespace and name; those of no namespace under the empty one.
#[derive(Debug)]
pub struct Objects<T> {
    /// Whether objects of the kind are in namespaces.
    pub namespaced: bool,
    /// Rises where the list was made anew after a while in which nobody knew: what rests on an earlier one is too old.
    pub epoch: u64,
    /// What did not change since an earlier value is the same `Arc` there.
    pub namespaces: BTreeMap<Arc<str>, Arc<Names<T>>>,
}

impl<T> Clone for Objects<T> {
    fn clone(&self) -> Objects<T> {
        let Objects { namespaced, epoch, ref namespaces } = *self;
        Objects { namespaced, epoch, namespaces: namespaces.clone() }
    }
}

impl<T> Objects<T> {
    pub fn get(&self, namespace: &str, name: &str) -> Option<&Arc<T>> {
        self.namespaces.get(namespace)?.get(name)
    }

    pub fn count(&self) -> usize {
        self.namespaces.values().map(|names| names.len()).sum()
    }
}

/// Bytes for all that is followed.
#[derive(Debug)]
pub(super) struct Room {
    limit: usize,
    used: AtomicUsize,
}

impl Room {
    pub fn new(limit: usize) -> Room {
        Room { limit, used: AtomicUsize::new(0) }
    }

    fn take(&self, bytes: usize) -> bool {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if used > self.limit {
            self.give(bytes);
        }
        used <= self.limit
    }

    fn give(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// There are more than the bounds allow.
#[derive(Debug)]
pub(super) struct Beyond(pub String);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outline<'a> {
    api_version: Option<String>,
    kind: Option<String>,
    #[serde(borrow)]
    metadata: Option<Metadata<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    name: Option<String>,
    namespace: Option<String>,
    #[serde(borrow)]
    managed_fields: Option<&'a RawValue>,
}

/// Objects with what they weigh.
pub(super) struct Kept<T> {
    pub objects: Objects<T>,
    /// Changes that nobody else was shown yet.
    pub unseen: usize,
    weights: BTreeMap<Arc<str>, BTreeMap<Arc<str>, usize>>,
    count: usize,
    weight: usize,
    room: Arc<Room>,
}

/// An object's own words about itself.
pub(super) struct Read {
    /// None where it is nested more deeply than is read: that is the object's fault, and not the list's.
    json: Option<Json>,
    namespace: String,
    name: String,
    /// The bytes of its text.
    weight: usize,
}

/// Reads an object of a kind; lists of built-in kinds leave the kind out.
///
/// # Errors
/// In words, when it is none, or another's.
pub(super) fn read(raw: &RawValue, wanted: &Wanted, namespaced: bool) -> Result<Read, String> {
    // The parser's own words could quote a secret.
    let outline: Outline<'_> =
        serde_json::from_str(raw.get()).map_err(|_| "there is something in it that is no object".to_owned())?;
    for (what, own, found) in
        [("apiVersion", &wanted.api_version, outline.api_version), ("kind", &wanted.kind, outline.kind)]
    {
        if found.is_some_and(|found| found != *own) {
            return Err(format!("an object in it is of another {what}"));
        }
    }
    let Some(Metadata { name, namespace, managed_fields }) = outline.metadata else {
        return Err("an object in it has no metadata".into());
    };
    let (name, namespace) = (name.unwrap_or_default(), namespace.unwrap_or_default());
    if name.is_empty() || name.len() > MAX_NAME {
        return Err("an object in it has no name".into());
    }
    let elsewhere = wanted.namespace.as_ref().is_some_and(|own| *own != namespace);
    if namespaced != is_name(&namespace) || (!namespaced && !namespace.is_empty()) || elsewhere {
        return Err("an object in it is in another namespace than was asked for".into());
    }
    let mut json: Option<Json> = serde_json::from_str(raw.get()).ok();
    if let Some(Json::Object(fields)) = &mut json {
        fields.insert("apiVersion".to_owned(), wanted.api_version.as_str().into());
        fields.insert("kind".to_owned(), wanted.kind.as_str().into());
        // Who wrote which field: as large as the object, and nothing that policies ask for.
        if let Some(metadata) = fields.get_mut("metadata").and_then(Json::as_object_mut) {
            metadata.remove("managedFields");
        }
    }
    let managed = managed_fields.map_or(0, |fields| fields.get().len());
    let weight = raw.get().len().saturating_sub(managed) + OVERHEAD;
    Ok(Read { json, namespace, name, weight })
}

impl<T> Kept<T> {
    pub fn new(namespaced: bool, room: Arc<Room>) -> Kept<T> {
        let objects = Objects { namespaced, epoch: 0, namespaces: BTreeMap::new() };
        Kept { objects, unseen: 0, weights: BTreeMap::new(), count: 0, weight: 0, room }
    }

    /// Bytes of the objects' texts.
    pub fn weight(&self) -> usize {
        self.weight
    }

    pub fn count(&self) -> usize {
        self.count
    }

    pub fn clear(&mut self) {
        self.room.give(self.weight);
        (self.count, self.weight) = (0, 0);
        self.weights.clear();
        self.objects.namespaces.clear();
    }

    /// Puts an object there, in place of one of its name.
    pub fn put(&mut self, read: Read, make: impl FnOnce(Option<Json>) -> T) -> Result<(), Beyond> {
        let Read { json, namespace, name, weight } = read;
        self.unseen += 1;
        self.remove(&namespace, &name);
        if self.count >= MAX_OBJECTS {
            return Err(Beyond(format!("there are more than {MAX_OBJECTS} of them")));
        }
        if !self.room.take(weight) {
            let limit = self.room.limit >> 20;
            return Err(Beyond(format!("what is followed has more than {limit} MiB")));
        }
        (self.count, self.weight) = (self.count + 1, self.weight + weight);
        let (namespace, name): (Arc<str>, Arc<str>) = (namespace.into(), name.into());
        self.weights.entry(Arc::clone(&namespace)).or_default().insert(Arc::clone(&name), weight);
        Arc::make_mut(self.objects.namespaces.entry(namespace).or_default()).insert(name, Arc::new(make(json)));
        Ok(())
    }

    /// Takes away the object of these names.
    pub fn gone(&mut self, read: &Read) {
        self.unseen += 1;
        self.remove(&read.namespace, &read.name);
    }

    fn remove(&mut self, namespace: &str, name: &str) {
        let Some(weights) = self.weights.get_mut(namespace) else { return };
        let Some(weight) = weights.remove(name) else { return };
        if weights.is_empty() {
            self.weights.remove(namespace);
        }
        (self.count, self.weight) = (self.count - 1, self.weight - weight);
        self.room.give(weight);
        let Some(names) = self.objects.namespaces.get_mut(namespace) else { return };
        let names_now = Arc::make_mut(names);
        names_now.remove(name);
        if names_now.is_empty() {
            self.objects.namespaces.remove(namespace);
        }
    }
}

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        self.room.give(self.weight);
    }
}
