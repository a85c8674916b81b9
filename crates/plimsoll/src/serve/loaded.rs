//! What the gate judges by: policy, databases and VEX documents, opened together. In: options and files. Out: one value
//! that requests share, followed by the next one when a file changes; the last good one stays when the new one is not.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use plimsoll_checks::lint::Linter;
use plimsoll_model::DatabaseKind;

use super::stamp::Stamp;
use crate::policies::surroundings::Followers;
use crate::session::{Session, SessionOptions};
use crate::workload;

/// Policy and data in force. A copy shares what is large.
#[derive(Clone)]
pub struct Loaded {
    pub session: Session,
    /// Rises whenever policy and data are opened: verdicts of another generation do not count, and what is still being
    /// judged by the last one is kept under its own.
    pub generation: u64,
    /// Names and digests of the databases, for audit annotations.
    pub databases: String,
    /// Whether who asks, or an annotation, can change a verdict.
    pub asks_who: bool,
    /// What objects are held to; none where the policy itself says nothing of them.
    pub workloads: Option<Arc<Linter>>,
    since: Timestamp,
}

impl Loaded {
    /// Policy and data of a session.
    ///
    /// # Errors
    /// When the policy names what this program does not have.
    pub fn new(session: Session, generation: u64) -> anyhow::Result<Loaded> {
        let policy = &session.policy;
        let asks_who =
            policy.break_glass.is_some() || policy.exempt.iter().any(|exemption| !exemption.users.is_empty());
        let databases: Vec<String> = session
            .database_infos
            .iter()
            .map(
                |info| {
                    if info.digest.is_empty() { info.name.clone() } else { format!("{}@{}", info.name, info.digest) }
                },
            )
            .collect();
        let workloads = if workload::weighs(policy) { workload::linter_of(policy)?.map(Arc::new) } else { None };
        Ok(Loaded { databases: databases.join(", "), asks_who, workloads, generation, since: session.at, session })
    }

    /// True when nothing but the list inside the program is there.
    pub fn baseline_only(&self) -> bool {
        self.session.database_infos.iter().all(|info| info.kind == DatabaseKind::Baseline)
    }

    /// Since when this policy and data are in force.
    pub fn since(&self) -> Timestamp {
        self.since
    }
}

/// The policy and data in force, and how they are followed.
pub struct Current {
    options: SessionOptions,
    registries: Vec<String>,
    followers: Option<Arc<Followers>>,
    loaded: RwLock<Arc<Loaded>>,
    watched: Mutex<HashMap<PathBuf, Option<Stamp>>>,
    fault: Mutex<Option<String>>,
    /// What the last look saw that is not in force.
    settling: Mutex<Option<HashMap<PathBuf, Option<Stamp>>>>,
}

/// What following the files brought.
pub enum Refreshed {
    Unchanged,
    /// New ones are in force.
    Taken(Arc<Loaded>),
    /// The files changed and cannot be used.
    Kept {
        why: String,
    },
}

impl Current {
    /// Opens what the options name.
    ///
    /// # Errors
    /// When the policy has faults, or a database or document cannot be used.
    pub fn open(
        options: SessionOptions,
        registries: Vec<String>,
        followers: Option<Arc<Followers>>,
    ) -> anyhow::Result<Current> {
        // Dates of files are some milliseconds behind the clock.
        let began = Timestamp::now().saturating_sub(SignedDuration::from_millis(20)).unwrap_or(Timestamp::MIN);
        let loaded = Arc::new(Loaded::new(session(&options, &registries, followers.as_deref())?, 1)?);
        let mut watched = watched(&options, &loaded.session);
        // What changed while it was read may not be what was read: the first look reads it once more.
        for stamp in watched.values_mut().filter(|stamp| stamp.as_ref().is_some_and(|stamp| stamp.is_late(began))) {
            *stamp = None;
        }
        Ok(Current {
            options,
            registries,
            followers,
            watched: Mutex::new(watched),
            loaded: RwLock::new(loaded),
            fault: Mutex::new(None),
            settling: Mutex::new(None),
        })
    }

    pub fn get(&self) -> Arc<Loaded> {
        Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Who follows the cluster, where that is asked for.
    pub fn followers(&self) -> Option<Arc<Followers>> {
        self.followers.clone()
    }

    /// Why the files as they are now are not in force.
    pub fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at the files and takes over what changed, or all when `anew`: not every fault is in the files, and not every
    /// change shows. Reads and opens files: not for the threads that answer.
    pub fn refresh(&self, anew: bool) -> Refreshed {
        let now = self.get();
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let seen: HashMap<PathBuf, Option<Stamp>> =
            watched.keys().map(|path| (path.clone(), Stamp::of(path))).collect();
        let faulty = self.fault();
        let mut settling = self.settling.lock().unwrap_or_else(PoisonError::into_inner);
        if !anew {
            // Files that a fault is in may be none that are watched: they are looked at again each time.
            if seen == *watched && faulty.is_none() {
                *settling = None;
                return Refreshed::Unchanged;
            }
            // Whoever writes several files, or a large one, is let finish: two looks have to see the same.
            if seen != *watched && settling.as_ref() != Some(&seen) {
                *settling = Some(seen);
                return Refreshed::Unchanged;
            }
        }
        *settling = None;
        let began = Timestamp::now().saturating_sub(SignedDuration::from_millis(20)).unwrap_or(Timestamp::MIN);
        let set_fault = |why: Option<String>| *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = why;
        let opened = session(&self.options, &self.registries, self.followers.as_deref());
        match opened.and_then(|session| Loaded::new(session, now.generation + 1)) {
            Ok(next) => {
                super::surroundings::wait_for(&next);
                // A file that changed while it was read, or that is new and younger than the reading, shows as a change the next time.
                *watched = self::watched(&self.options, &next.session)
                    .into_iter()
                    .map(|(path, now)| {
                        let new = || now.filter(|stamp| !stamp.is_late(began));
                        let stamp = seen.get(&path).copied().unwrap_or_else(new);
                        (path, stamp)
                    })
                    .collect();
                set_fault(None);
                let next = Arc::new(next);
                *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&next);
                Refreshed::Taken(next)
            }
            Err(error) => {
                *watched = seen;
                let why = crate::message::chain(&error);
                // What was told is not told at every look.
                let told = !anew && faulty.as_ref() == Some(&why);
                set_fault(Some(why.clone()));
                if told { Refreshed::Unchanged } else { Refreshed::Kept { why } }
            }
        }
    }
}

fn session(options: &SessionOptions, registries: &[String], followers: Option<&Followers>) -> anyhow::Result<Session> {
    let mut session = Session::open(options)?;
    if let Some(followers) = followers {
        Arc::get_mut(&mut session.policies).context("give the policies the cluster to look at")?.look_around(followers);
    }
    if !registries.is_empty() {
        plimsoll_policy::restrict_registries(Arc::make_mut(&mut session.policy), registries.to_vec())
            .context("use --registry-whitelist")?;
    }
    Ok(session)
}

/// The files whose change is looked for.
fn watched(options: &SessionOptions, session: &Session) -> HashMap<PathBuf, Option<Stamp>> {
    let policy = &session.policy;
    let named = policy.files.iter().chain(&policy.data.advisories).chain(&policy.data.vex).map(PathBuf::from);
    let mut paths: Vec<PathBuf> = named.chain(options.vex.iter().cloned()).chain(options.policy.clone()).collect();
    paths.extend(
        session.database_paths.iter().chain(&session.policies.files).chain(&session.authorities.files).cloned(),
    );
    // A database that comes later counts from then on.
    paths.push(crate::dirs::index(&session.cache_dir));
    paths.push(crate::dirs::trivy(&session.cache_dir).join("trivy.db"));
    paths
        .into_iter()
        .map(|path| {
            let stamp = Stamp::of(&path);
            (path, stamp)
        })
        .collect()
}
