//! A bounded cache whose values have a last moment. In: values with a weight and a time to live. Out: those that still
//! count. What it does not do: make values.

use std::hash::Hash;
use std::time::Instant;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};

/// Values by key, bounded by weight; the least useful leave first.
pub struct Expiring<K, V> {
    cache: Cache<K, Kept<V>, ByWeight>,
}

#[derive(Clone)]
struct Kept<V> {
    value: V,
    until: Option<Instant>,
    weight: u64,
}

#[derive(Clone)]
struct ByWeight;

impl<K, V> Weighter<K, Kept<V>> for ByWeight {
    fn weight(&self, _: &K, kept: &Kept<V>) -> u64 {
        kept.weight
    }
}

impl<K: Hash + Eq, V: Clone> Expiring<K, V> {
    /// `items` is the number that is expected, `capacity` the sum of weights that is never passed. The cache has so many
    /// `parts` with a lock each; a value must fit one of them. Left to itself it would have the more the more cores there
    /// are, and keep nothing that is large.
    pub fn new(items: usize, capacity: u64, parts: usize) -> Expiring<K, V> {
        let (hasher, lifecycle) = (quick_cache::DefaultHashBuilder::default(), DefaultLifecycle::default());
        let mut options = OptionsBuilder::new();
        let options = options.estimated_items_capacity(items).weight_capacity(capacity).shards(parts).build();
        let options = options.expect("both capacities are given, and nothing else is asked for");
        Expiring { cache: Cache::with_options(options, ByWeight, hasher, lifecycle) }
    }

    /// The value, unless its time is over at `now`.
    pub fn get<Q>(&self, key: &Q, now: Instant) -> Option<V>
    where
        Q: Hash + quick_cache::Equivalent<K> + ?Sized,
    {
        self.get_until(key, now).map(|(value, _)| value)
    }

    /// The value with its last moment, for what is made of it and must not count longer.
    pub fn get_until<Q>(&self, key: &Q, now: Instant) -> Option<(V, Option<Instant>)>
    where
        Q: Hash + quick_cache::Equivalent<K> + ?Sized,
    {
        let kept = self.cache.get(key)?;
        kept.until.is_none_or(|until| now < until).then_some((kept.value, kept.until))
    }

    /// Keeps a value until a moment, or until it must make room. Weight nought would never make room.
    pub fn put(&self, key: K, value: V, weight: u64, until: Option<Instant>) {
        self.cache.insert(key, Kept { value, until, weight: weight.max(1) });
    }

    /// How many are kept, those whose time is over included.
    pub fn len(&self) -> usize {
        self.cache.len()
    }

    /// The sum of weights.
    pub fn weight(&self) -> u64 {
        self.cache.weight()
    }

    pub fn clear(&self) {
        self.cache.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn values_count_until_their_time_is_over() {
        let cache: Expiring<String, u8> = Expiring::new(10, 10, 4);
        let now = Instant::now();
        cache.put("a".into(), 1, 1, Some(now + Duration::from_secs(5)));
        cache.put("b".into(), 2, 1, None);
        assert_eq!(cache.get("a", now), Some(1));
        assert_eq!(cache.get("a", now + Duration::from_secs(5)), None);
        assert_eq!(cache.get("b", now + Duration::from_secs(5)), Some(2));
    }

    #[test]
    fn one_value_may_take_half_of_the_weight() {
        let cache: Expiring<u32, u32> = Expiring::new(4096, 64 << 20, 1);
        let now = Instant::now();
        for at in 0..8 {
            cache.put(at, at, 32 << 20, None);
            assert_eq!(cache.get(&at, now), Some(at));
        }
    }

    #[test]
    fn weight_is_never_passed() {
        let cache: Expiring<u32, u32> = Expiring::new(10, 100, 4);
        for at in 0..1000 {
            cache.put(at, at, 7, None);
            assert!(cache.weight() <= 100);
        }
        assert!(cache.len() <= 14);
        cache.clear();
        assert_eq!(cache.len(), 0);
    }
}
