//! All objects of a kind, followed as they change: listed once, then watched, and listed anew where the server no longer knows
//! the changes. In: a kind, bounds. Out: at any time the objects as they are, or why nobody knows: an empty answer is never given
//! in place of a missing one. What it does not do: ask about single objects, or decide what not knowing means.
//! <https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes>

mod ask;
mod objects;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::cluster::client::Cluster;
use crate::cluster::error::ClusterError;
use ask::{Broken, Change, Found};
use objects::{Kept, Room};
pub use objects::{Names, Objects};

/// How long to wait after a first failure; each one in a row doubles it, up to the last.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LAST_WAIT: Duration = Duration::from_secs(30);
/// What is beyond the bounds is not asked for again and again: a list may be large.
const WAIT_BEYOND: Duration = Duration::from_secs(60);
/// Watches in which the objects are confirmed while they are believed: two may fail.
const WATCHES: u32 = 4;
/// The longest watch. API servers end them after five minutes and more by themselves.
const LONGEST_WATCH: Duration = Duration::from_secs(60);
/// A watch that ended sooner confirms nothing: changes may have been on their way.
const SHORTEST_LIFE: Duration = Duration::from_secs(1);
/// What goes wrong where it does so in a row.
const EXPIRED: &str = "the server no longer knows (410) what it was just asked to go on with, again and again";
/// Changes that are taken in before others see them, where more are there already.
const AT_ONCE: usize = 1_000;

/// What is followed: all objects of a kind, or those in one namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wanted {
    /// `v1`, `networking.k8s.io/v1`
    pub api_version: String,
    pub kind: String,
    pub namespace: Option<String>,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.kind, self.api_version)?;
        self.namespace.iter().try_for_each(|namespace| write!(f, " in namespace {namespace:?}"))
    }
}

/// How kinds are followed.
#[derive(Clone)]
pub struct Following {
    cluster: Arc<Cluster>,
    runtime: Handle,
    /// How long what was last confirmed is believed.
    limit: Duration,
    room: Arc<Room>,
    changed: watch::Sender<u64>,
}

/// Why nobody knows the objects of a kind now. Each reads on from "… are not known: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    #[error("they were not listed yet{}", because(why.as_deref()))]
    NotYet { why: Option<String> },
    #[error("the cluster was last heard of {seconds} s ago{}", because(why.as_deref()))]
    Stale { seconds: u64, why: Option<String> },
    #[error("{0}")]
    Beyond(String),
}

fn because(why: Option<&str>) -> String {
    why.map_or_else(String::new, |why| format!(": {why}"))
}

/// How a kind stands, for who looks on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub objects: usize,
    /// Bytes of their texts.
    pub bytes: usize,
    /// Since it was last confirmed; none where it never was.
    pub age: Option<Duration>,
    /// Lists since the start.
    pub lists: u64,
    /// What went wrong last, while it is.
    pub problem: Option<String>,
    pub unknown: Option<Unknown>,
}

/// The objects of one kind, followed for as long as this lives.
pub struct Followed<T> {
    shared: Arc<Shared<T>>,
    task: JoinHandle<()>,
}

impl<T> Drop for Followed<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<T> fmt::Debug for Followed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Followed({})", self.shared.wanted)
    }
}

struct Shared<T> {
    wanted: Wanted,
    limit: Duration,
    /// Held for as long as it takes to copy a pointer.
    objects: RwLock<Option<Arc<Objects<T>>>>,
    /// Milliseconds after `born` at which all was as `objects` says, and one more; 0 for never.
    confirmed: AtomicU64,
    born: Instant,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    problem: Option<String>,
    beyond: Option<String>,
    objects: usize,
    bytes: usize,
    lists: u64,
    epoch: u64,
}

impl Following {
    /// Nothing is asked yet. What is followed together has at most `bytes` of text.
    pub fn new(cluster: Arc<Cluster>, runtime: Handle, limit: Duration, bytes: usize) -> Following {
        let room = Arc::new(Room::new(bytes));
        Following { cluster, runtime, limit, room, changed: watch::Sender::new(0) }
    }

    /// Rises whenever something that is followed changes, or is known or unknown from then on.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Begins to follow. `make` makes of an object, with its apiVersion and kind, what is kept of it; of one that is nested too
    /// deeply to be read it is told that alone.
    pub fn follow<T: Send + Sync + 'static>(
        &self,
        wanted: Wanted,
        make: impl Fn(Option<Json>) -> T + Send + Sync + 'static,
    ) -> Followed<T> {
        let shared = Arc::new(Shared {
            wanted,
            limit: self.limit,
            objects: RwLock::new(None),
            confirmed: AtomicU64::new(0),
            born: Instant::now(),
            told: Mutex::new(Told::default()),
        });
        let follower = Follower { following: self.clone(), shared: Arc::clone(&shared), make };
        Followed { shared, task: self.runtime.spawn(follower.run()) }
    }
}

impl<T> Followed<T> {
    pub fn wanted(&self) -> &Wanted {
        &self.shared.wanted
    }

    /// The objects as they are.
    ///
    /// # Errors
    /// Why nobody knows.
    pub fn now(&self) -> Result<Arc<Objects<T>>, Unknown> {
        let shared = &*self.shared;
        // What is shown is never older than what was confirmed before it was looked at.
        let age = shared.age();
        let objects = shared.objects.read().unwrap_or_else(PoisonError::into_inner).clone();
        match (objects, age) {
            (Some(objects), Some(age)) if age <= shared.limit => Ok(objects),
            (objects, age) => Err(shared.unknown(objects.is_some(), age)),
        }
    }

    /// Whether the first list is there, or will not be soon: it was tried, and something is in the way.
    pub fn settled(&self) -> bool {
        self.now().is_ok() || self.shared.told().problem.is_some()
    }

    pub fn state(&self) -> State {
        let unknown = self.now().err();
        let told = self.shared.told();
        State {
            objects: told.objects,
            bytes: told.bytes,
            age: self.shared.age(),
            lists: told.lists,
            problem: told.problem.clone(),
            unknown,
        }
    }
}

impl<T> Shared<T> {
    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn age(&self) -> Option<Duration> {
        let at = self.confirmed.load(Ordering::Acquire).checked_sub(1)?;
        Some(self.born.elapsed().saturating_sub(Duration::from_millis(at)))
    }

    fn confirm(&self, at: Instant) {
        let at = u64::try_from(at.saturating_duration_since(self.born).as_millis()).unwrap_or(u64::MAX - 1);
        self.confirmed.store(at + 1, Ordering::Release);
    }

    fn unknown(&self, listed: bool, age: Option<Duration>) -> Unknown {
        let told = self.told();
        match (&told.beyond, age.filter(|_| listed)) {
            (Some(why), _) => Unknown::Beyond(why.clone()),
            (None, None) => Unknown::NotYet { why: told.problem.clone() },
            (None, Some(age)) => Unknown::Stale { seconds: age.as_secs(), why: told.problem.clone() },
        }
    }
}

struct Follower<T, M> {
    following: Following,
    shared: Arc<Shared<T>>,
    make: M,
}

impl<T: Send + Sync + 'static, M: Fn(Option<Json>) -> T + Send + Sync + 'static> Follower<T, M> {
    async fn run(self) {
        let mut wait = FIRST_WAIT;
        let mut found: Option<Found> = None;
        loop {
            let began = Instant::now();
            let broken = match self.listed_and_watched(&mut found).await {
                Ok(never) => match never {},
                Err(broken) => broken,
            };
            // What was well for a while begins anew.
            if began.elapsed() > LAST_WAIT {
                wait = FIRST_WAIT;
            }
            let pause = match broken {
                Broken::Expired => {
                    // Once is as it should be; again at once is a server that keeps no changes, or that ends no list.
                    if wait > FIRST_WAIT {
                        self.shared.told().problem = Some(EXPIRED.to_owned());
                    }
                    wait
                }
                Broken::Beyond(why) => {
                    self.publish(None);
                    let mut told = self.shared.told();
                    (told.objects, told.bytes) = (0, 0);
                    told.problem = Some(why.clone());
                    told.beyond = Some(why);
                    WAIT_BEYOND
                }
                Broken::Error(error) => {
                    // Its place may have changed with its CustomResourceDefinition.
                    found = None;
                    self.problem(&error);
                    wait
                }
            };
            self.changed();
            tokio::time::sleep(pause).await;
            wait = (wait * 2).min(LAST_WAIT);
        }
    }

    /// Lists and watches until something breaks.
    async fn listed_and_watched(&self, found: &mut Option<Found>) -> Result<std::convert::Infallible, Broken> {
        let (cluster, wanted) = (&*self.following.cluster, &self.shared.wanted);
        let found = match found {
            Some(found) => found,
            None => found.insert(ask::found(cluster, wanted).await?),
        };
        let mut kept = Kept::new(found.namespaced, Arc::clone(&self.following.room));
        let (mut since, asked) = ask::list(cluster, wanted, found, &mut kept, &self.make).await?;
        let lost = self.shared.age().is_none_or(|age| age > self.shared.limit);
        {
            let mut told = self.shared.told();
            told.lists += 1;
            told.epoch += u64::from(lost);
            kept.objects.epoch = told.epoch;
        }
        self.show(&mut kept);
        self.well(asked);
        let time = (self.shared.limit / WATCHES).min(LONGEST_WATCH);
        let mut wait = FIRST_WAIT;
        loop {
            match self.watched(found, &mut kept, &mut since, time).await {
                Ok(()) => wait = FIRST_WAIT,
                // What is shown stays, and is believed for its time: changes go on from where they ended.
                Err(Broken::Error(error)) if self.shared.age().is_some_and(|age| age <= self.shared.limit) => {
                    self.problem(&error);
                    if matches!(error, ClusterError::BadAnswer { .. }) {
                        // What came before it may be as wrong.
                        return Err(Broken::Error(error));
                    }
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(time);
                }
                Err(broken) => return Err(broken),
            }
        }
    }

    /// One watch, to its end. What it told is shown by then, unless all is listed anew anyway: the next watch goes on behind it, and
    /// what confirms that one confirms this.
    async fn watched(
        &self,
        found: &Found,
        kept: &mut Kept<T>,
        since: &mut String,
        time: Duration,
    ) -> Result<(), Broken> {
        let ended = self.watched_on(found, kept, since, time).await;
        let whole = !matches!(ended, Err(Broken::Beyond(_) | Broken::Error(ClusterError::BadAnswer { .. })));
        if whole && kept.unseen > 0 {
            self.show(kept);
        }
        if ended? >= SHORTEST_LIFE {
            self.well(Instant::now());
        } else {
            // Whoever ends it at once is asked again, but not without a pause.
            tokio::time::sleep(FIRST_WAIT).await;
        }
        Ok(())
    }

    /// How long the changes came, until they ended as they should.
    async fn watched_on(
        &self,
        found: &Found,
        kept: &mut Kept<T>,
        since: &mut String,
        time: Duration,
    ) -> Result<Duration, Broken> {
        let (cluster, wanted) = (&*self.following.cluster, &self.shared.wanted);
        let mut changes = ask::watch(cluster, wanted, found, since, time).await?;
        // Before that the server heard nothing that it would tell.
        let began = Instant::now();
        while let Some(change) = changes.next().await? {
            let to = match change {
                Change::There(read, to) => {
                    kept.put(read, &self.make)?;
                    to
                }
                Change::Gone(read, to) => {
                    kept.gone(&read);
                    to
                }
                Change::UpTo(to) => {
                    if kept.unseen > 0 {
                        self.show(kept);
                    }
                    self.well(Instant::now());
                    Some(to)
                }
            };
            if let Some(to) = to {
                *since = to;
            }
            if kept.unseen > AT_ONCE || (kept.unseen > 0 && !changes.waits()) {
                self.show(kept);
            }
        }
        Ok(began.elapsed())
    }

    fn show(&self, kept: &mut Kept<T>) {
        kept.unseen = 0;
        {
            let mut told = self.shared.told();
            (told.objects, told.bytes) = (kept.count(), kept.weight());
        }
        self.publish(Some(Arc::new(kept.objects.clone())));
        self.changed();
    }

    fn publish(&self, objects: Option<Arc<Objects<T>>>) {
        *self.shared.objects.write().unwrap_or_else(PoisonError::into_inner) = objects;
    }

    fn changed(&self) {
        self.following.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// All is as it is shown.
    fn well(&self, at: Instant) {
        let before = self.shared.age();
        self.shared.confirm(at);
        let mut told = self.shared.told();
        let news = told.problem.take().is_some() | told.beyond.take().is_some();
        drop(told);
        if news || before.is_none_or(|age| age > self.shared.limit) {
            self.changed();
        }
    }

    fn problem(&self, error: &ClusterError) {
        self.shared.told().problem = Some(format!("could not {}", crate::error::chain(error)));
        self.changed();
    }
}

/// What one line of a watch on a kind says, taken in by what is kept of it. For the fuzz targets alone.
#[doc(hidden)]
pub fn line_of_watch(wanted: &Wanted, namespaced: bool, line: &[u8]) -> usize {
    let mut kept: Kept<Option<Json>> = Kept::new(namespaced, Arc::new(Room::new(1 << 20)));
    match ask::change(wanted, namespaced, line) {
        Ok(Change::There(read, _)) => drop(kept.put(read, |json| json)),
        Ok(Change::Gone(read, _)) => kept.gone(&read),
        Ok(Change::UpTo(_)) | Err(_) => {}
    }
    kept.objects.count()
}
