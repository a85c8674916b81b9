//! Work that several requests wait for and that is done once. In: a key and the work. Out: a receiver of its result. The
//! work goes on when everybody who waited has left: the next one who asks finds it done. What it does not do: remember.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// The work that is under way, by key.
pub struct Flights<K, V> {
    running: Mutex<HashMap<K, watch::Receiver<Option<V>>>>,
    /// More than this and the caller must say "could not tell" instead of queueing without end.
    most: usize,
}

impl<K, V> Flights<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub fn new(most: usize) -> Flights<K, V> {
        Flights { running: Mutex::new(HashMap::new()), most }
    }

    /// The result of `work` for `key`, which starts unless it is under way. None when too much is under way already, or
    /// when the work ended without a result (it panicked): both are "could not tell".
    pub async fn join<F>(self: &Arc<Self>, key: K, work: impl FnOnce() -> F) -> Option<V>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut receiver = {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            match running.get(&key) {
                Some(receiver) => receiver.clone(),
                None if running.len() >= self.most => return None,
                None => {
                    let (sender, receiver) = watch::channel(None);
                    running.insert(key.clone(), receiver.clone());
                    let landing = Landing { flights: Arc::clone(self), key };
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
        self.running.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Takes the work out of the table, also when it panicked.
struct Landing<K: Hash + Eq, V> {
    flights: Arc<Flights<K, V>>,
    key: K,
}

impl<K: Hash + Eq, V> Drop for Landing<K, V> {
    fn drop(&mut self) {
        self.flights.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
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
                    .join("a", move || async move {
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
        let wait = flights.join(1, move || async move {
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
        let slow = flights.join(1, || async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            1
        });
        let (slow, refused) = tokio::join!(slow, async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            flights.join(2, || async { 2 }).await
        });
        assert_eq!((slow, refused), (Some(1), None));
        let fault = flights.join(3, || async { std::hint::black_box(None::<u8>).expect("a fault for the test") });
        assert_eq!(fault.await, None);
        assert_eq!(flights.len(), 0);
    }
}
