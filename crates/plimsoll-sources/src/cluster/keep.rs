//! What was read a moment ago. In: answers with their weight. Out: the same until they are too old. Bounded by number and
//! by bytes: names and sizes are chosen by whoever may make pods.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Answers that are kept: the namespaces of a large cluster with two secrets each.
const MAX_ENTRIES: usize = 4_096;
/// Their bytes together. A pull secret has some hundred.
const MAX_WEIGHT: usize = 16 << 20;

pub(crate) struct Keep<K, V> {
    inner: Mutex<Inner<K, V>>,
}

struct Inner<K, V> {
    /// Until when, its weight, and the answer.
    entries: HashMap<K, (Instant, usize, V)>,
    weight: usize,
}

impl<K: Eq + Hash + Clone, V: Clone> Keep<K, V> {
    pub fn new() -> Keep<K, V> {
        Keep { inner: Mutex::new(Inner { entries: HashMap::new(), weight: 0 }) }
    }

    pub fn get(&self, key: &K, now: Instant) -> Option<V> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, _, value) = inner.entries.get(key)?;
        (now < *until).then(|| value.clone())
    }

    pub fn put(&self, key: K, value: V, weight: usize, now: Instant, ttl: Duration) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.remove(&key);
        if weight > MAX_WEIGHT {
            return;
        }
        if inner.entries.len() >= MAX_ENTRIES || inner.weight + weight > MAX_WEIGHT {
            let old = |(key, (until, ..)): (&K, &(Instant, usize, V))| (now >= *until).then(|| key.clone());
            let old: Vec<K> = inner.entries.iter().filter_map(old).collect();
            old.iter().for_each(|key| inner.remove(key));
        }
        while inner.entries.len() >= MAX_ENTRIES || inner.weight + weight > MAX_WEIGHT {
            let oldest = inner.entries.iter().min_by_key(|(_, (until, ..))| *until).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { break };
            inner.remove(&oldest);
        }
        inner.weight += weight;
        inner.entries.insert(key, (now + ttl, weight, value));
    }
}

impl<K: Eq + Hash, V> Inner<K, V> {
    fn remove(&mut self, key: &K) {
        if let Some((_, weight, _)) = self.entries.remove(key) {
            self.weight -= weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_kept_for_a_while_and_the_oldest_leave_first() {
        let keep = Keep::new();
        let (start, ttl) = (Instant::now(), Duration::from_secs(60));
        let at = |seconds| start + Duration::from_secs(seconds);
        keep.put(1, 'a', 10 << 20, at(0), ttl);
        assert_eq!(keep.get(&1, at(59)), Some('a'));
        assert_eq!(keep.get(&1, at(60)), None);
        keep.put(1, 'b', 10 << 20, at(61), ttl);
        keep.put(2, 'c', 6 << 20, at(62), ttl);
        assert_eq!((keep.get(&1, at(62)), keep.get(&2, at(62))), (Some('b'), Some('c')));
        keep.put(3, 'd', 1, at(63), ttl);
        assert_eq!((keep.get(&1, at(63)), keep.get(&3, at(63))), (None, Some('d')));
        keep.put(4, 'e', MAX_WEIGHT + 1, at(64), ttl);
        assert_eq!(keep.get(&4, at(64)), None);
        for key in 0..=MAX_ENTRIES {
            keep.put(key + 10, 'f', 0, at(65), ttl);
        }
        assert!(keep.inner.lock().unwrap().entries.len() <= MAX_ENTRIES);
    }
}
