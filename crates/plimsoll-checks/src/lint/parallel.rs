//! Work on several threads. In: things and what is done with each. Out: what comes of them, in their order.

use std::num::NonZeroUsize;
use std::sync::Mutex;

/// Does `work` with each item on up to so many threads. A bug in it ends the run as it would on one thread.
pub fn in_parallel<I: Send, T: Send>(
    threads: NonZeroUsize,
    items: impl ExactSizeIterator<Item = I> + Send,
    work: impl Fn(I) -> T + Sync,
) -> Vec<T> {
    let threads = threads.get().min(items.len());
    if threads < 2 {
        return items.map(work).collect();
    }
    let count = items.len();
    let (items, work) = (&Mutex::new(items.enumerate()), &work);
    let mut all: Vec<Option<T>> = std::iter::repeat_with(|| None).take(count).collect();
    std::thread::scope(|scope| {
        let worker = move || {
            let mut done = Vec::new();
            // Poisoned only by a bug of the iterator, and then there is nothing left to take.
            while let Some((index, item)) = items.lock().ok().and_then(|mut items| items.next()) {
                done.push((index, work(item)));
            }
            done
        };
        // The thread that asks would only wait: it takes its share.
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(worker)).collect();
        let mut done = worker();
        for other in others {
            done.extend(other.join().unwrap_or_else(|bug| std::panic::resume_unwind(bug)));
        }
        for (index, value) in done {
            all[index] = Some(value);
        }
    });
    all.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_items() {
        for threads in [1, 2, 7] {
            let threads = NonZeroUsize::new(threads).unwrap();
            let doubled = in_parallel(threads, (0..1000).collect::<Vec<_>>().into_iter(), |number| number * 2);
            assert_eq!(doubled, (0..1000).map(|number| number * 2).collect::<Vec<_>>());
            assert!(in_parallel(threads, Vec::<u8>::new().into_iter(), |byte| byte).is_empty());
        }
    }
}
