//! Work that several requests wait for and that is done once. In: a key and the work. Out: a receiver of its result. The
//! work goes on when everybody who waited has left: the next one who asks finds it done. What it does not do: remember.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// The work that is under way, by key.
pub struct Flights<K, V> {
    table: Mutex<Table<K, V>>,
    /// More than this and the caller must say "could not tell" instead of queueing without end.
    most: usize,
}

struct Table<K, V> {
    running: HashMap<K, watch::Receiver<Option<V>>>,
    /// How much of it was begun for whom.
    shares: HashMap<String, usize>,
}

/// For whom work is done, and how much of it may be under way for them at a time: who asks for what never ends must not
/// keep the others waiting.
#[derive(Debug, Clone)]
pub struct Share {
    pub of: String,
    pub most: usize,
}

impl<K, V> Flights<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub fn new(most: usize) -> Flights<K, V> {
        Flights { table: Mutex::new(Table { running: HashMap::new(), shares: HashMap::new() }), most }
    }

    /// The result of `work` for `key`, which starts unless it is under way. None when too much is under way already, of
    /// all or of one of `shares`, or when the work ended without a result (it panicked): each is "could not tell".
    pub async fn join<F>(self: &Arc<Self>, key: K, shares: Vec<Share>, work: impl FnOnce() -> F) -> Option<V>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut receiver = {
            let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
            let full = |share: &Share| table.shares.get(&share.of).is_some_and(|begun| *begun >= share.most);
            match table.running.get(&key) {
                Some(receiver) => receiver.clone(),
                None if table.running.len() >= self.most || shares.iter().any(full) => return None,
                None => {
                    let (sender, receiver) = watch::channel(None);
                    table.running.insert(key.clone(), receiver.clone());
                    for share in &shares {
                        *table.shares.entry(share.of.clone()).or_default() += 1;
                    }
                    let landing = Landing { flights: Arc::clone(self), key, shares };
                    let work = work();
                    tokio::spawn(async move {
                        let value = work.await;
                        // Out of the table first: who asks from now on finds the value in its cache.
                        drop(landing);
                        // Nobody may be waiting any more.
                        let _ = sender.send(Some(value));
                    });
                    receiver
                }
            }
        };
        let found = receiver.wait_for(Option::is_some).await.ok()?;
        found.clone()
    }

    /// How much is under way.
    pub fn len(&self) -> usize {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).running.len()
    }
}

/// Takes the work out of the table, also when it panicked.
struct Landing<K: Hash + Eq, V> {
    flights: Arc<Flights<K, V>>,
    key: K,
    shares: Vec<Share>,
}

impl<K: Hash + Eq, V> Drop for Landing<K, V> {
    fn drop(&mut self) {
        let mut table = self.flights.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.running.remove(&self.key);
        for share in &self.shares {
            if let Some(begun) = table.shares.get_mut(&share.of) {
                *begun -= 1;
                if *begun == 0 {
                    table.shares.remove(&share.of);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn work_is_done_once_for_all_who_ask_at_the_same_time() {
        let flights = Arc::new(Flights::new(8));
        let count = Arc::new(AtomicUsize::new(0));
        let ask = || {
            let (flights, count) = (Arc::clone(&flights), Arc::clone(&count));
            async move {
                flights
                    .join("a", vec![], move || async move {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        count.fetch_add(1, Ordering::SeqCst)
                    })
                    .await
            }
        };
        assert_eq!(tokio::join!(ask(), ask(), ask()), (Some(0), Some(0), Some(0)));
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert_eq!(flights.len(), 0);
    }

    #[tokio::test]
    async fn work_goes_on_when_nobody_waits() {
        let flights = Arc::new(Flights::new(8));
        let done = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&done);
        let wait = flights.join(1, vec![], move || async move {
            tokio::time::sleep(Duration::from_millis(30)).await;
            counted.fetch_add(1, Ordering::SeqCst)
        });
        assert!(tokio::time::timeout(Duration::from_millis(5), wait).await.is_err());
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(done.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn too_much_and_panics_are_no_answer() {
        let flights: Arc<Flights<u8, u8>> = Arc::new(Flights::new(1));
        let slow = flights.join(1, vec![], || async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            1
        });
        let (slow, refused) = tokio::join!(slow, async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            flights.join(2, vec![], || async { 2 }).await
        });
        assert_eq!((slow, refused), (Some(1), None));
        let fault =
            flights.join(3, vec![], || async { std::hint::black_box(None::<u8>).expect("a fault for the test") });
        assert_eq!(fault.await, None);
        assert_eq!(flights.len(), 0);
    }

    #[tokio::test]
    async fn one_who_has_too_much_under_way_leaves_room_for_others() {
        let flights: Arc<Flights<u8, u8>> = Arc::new(Flights::new(8));
        let share = |of: &str| vec![Share { of: of.into(), most: 1 }];
        let slow = flights.join(1, share("a"), || async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            1
        });
        let (slow, refused, other) = tokio::join!(
            slow,
            async {
                tokio::time::sleep(Duration::from_millis(5)).await;
                flights.join(2, share("a"), || async { 2 }).await
            },
            async {
                tokio::time::sleep(Duration::from_millis(5)).await;
                flights.join(3, share("b"), || async { 3 }).await
            }
        );
        assert_eq!((slow, refused, other), (Some(1), None, Some(3)));
        assert_eq!(flights.join(2, share("a"), || async { 2 }).await, Some(2));
        assert!(flights.table.lock().unwrap().shares.is_empty());
    }
}
