//! What policies look at in the cluster, beside the reviews. In: what is followed. Out: what policies see is made anew when it
//! changes, and whoever looks after the gate hears what is not known. What it does not do: answer; nothing here is waited for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_sources::cluster::{State, Wanted};

use super::http::Service;
use super::loaded::Loaded;
use super::log::Log;
use crate::policies::surroundings::{Followers, SHARE, Surroundings};

/// Changes of this long are taken in together.
const TOGETHER: Duration = Duration::from_millis(50);
/// How often it is looked whether something is no longer known: time passes without a change.
const LOOK: Duration = Duration::from_secs(1);
/// How long `/readyz` waits for the first lists. Then it is ready, and says what is missing: an API server that never lists
/// may not keep the gate from what needs no list.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long changed policies wait for lists of kinds that those before them did not need.
const TURN: Duration = Duration::from_secs(10);
/// How often it is looked whether the lists are there.
const GLANCE: Duration = Duration::from_millis(20);

/// Keeps what policies see of the cluster as it is there.
pub async fn follow(service: Arc<Service>, followers: Arc<Followers>) {
    let mut changes = followers.changes();
    let mut heard = Heard::default();
    let mut last: Option<u64> = None;
    let mut broke = false;
    loop {
        let began = Instant::now();
        let taking = Arc::clone(&service);
        let taken = tokio::task::spawn_blocking(move || {
            let loaded = taking.gate.current.get();
            loaded.session.policies.compose();
            loaded
        })
        .await;
        let took = began.elapsed();
        // Told once, and not each second: what looks at it could not tell by then.
        if let (Err(error), false) = (&taken, broke) {
            let why = error.to_string();
            service.log.warn("what changed in the cluster could not be taken in", &[("why", why.as_str().into())]);
        }
        broke = taken.is_err();
        if let Ok(loaded) = taken
            && let Some(around) = loaded.session.policies.around()
        {
            if last != Some(loaded.generation) {
                last = Some(loaded.generation);
                heard.forget(around);
            }
            heard.tell(around, service.log);
        }
        tokio::time::sleep(TOGETHER.max(took * SHARE)).await;
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Gives changed policies what they see of the cluster, before they are in force.
pub fn wait_for(loaded: &Loaded) {
    let policies = &loaded.session.policies;
    let Some(around) = policies.around() else { return };
    let until = Instant::now() + TURN;
    while !around.settled() && Instant::now() < until {
        std::thread::sleep(GLANCE);
    }
    policies.compose();
}

/// What was told of each kind.
#[derive(Default)]
struct Heard(BTreeMap<Wanted, Option<String>>);

impl Heard {
    fn forget(&mut self, around: &Surroundings) {
        let now: Vec<&Wanted> = around.states().map(|(wanted, _)| wanted).collect();
        self.0.retain(|wanted, _| now.contains(&wanted));
    }

    /// Tells of what became known or unknown, once.
    fn tell(&mut self, around: &Surroundings, log: Log) {
        for (wanted, State { objects, bytes, unknown, problem, .. }) in around.states() {
            // The words of one outage change with its seconds: its kind does not.
            let now = unknown.as_ref().map(|why| format!("{:?}", std::mem::discriminant(why)));
            let now = now.map(|kind| format!("{kind}{}", problem.as_deref().unwrap_or_default()));
            if self.0.get(wanted) == Some(&now) {
                continue;
            }
            let first = self.0.insert(wanted.clone(), now).is_none();
            let kind = wanted.to_string();
            match unknown {
                // The first list has its time.
                Some(_) if first && problem.is_none() => {}
                Some(why) => log.warn(
                    "what policies look at in the cluster is not known: they could not tell",
                    &[("kind", kind.as_str().into()), ("why", why.to_string().into())],
                ),
                None => log.info(
                    "what policies look at in the cluster is known",
                    &[("kind", kind.as_str().into()), ("objects", objects.into()), ("bytes", bytes.into())],
                ),
            }
        }
    }
}
