//! The faults of files that exist. In: their bytes, a way to look for the files that they name, and a time. Out: faults
//! with places, and what could not be read. What it does not do: open anything, or mend it.

mod admission;
mod apiserver;
mod kubeconfig;
mod pem;
mod webhooks;
mod world;

use jiff::Timestamp;

use crate::fault::{Fault, Severity, Unread};
use world::World;

/// The largest file that is read. An object of the API server itself ends at 1.5 MiB.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Faults of one run: more would only scroll the first ones away.
const MAX_FAULTS: usize = 500;

/// A file to look at.
#[derive(Debug, Clone)]
pub struct Given {
    pub name: String,
    pub bytes: Vec<u8>,
    /// Unix permissions, where known.
    pub mode: Option<u32>,
    /// Asked for by its own name: that nothing can be told about it must be said.
    pub named: bool,
}

/// What stands at a path that a file names.
pub enum Look {
    Found(Given),
    Folder,
    Missing,
    Unreadable(String),
}

/// What was found.
#[derive(Debug, Default)]
pub struct Checked {
    pub faults: Vec<Fault>,
    pub unread: Vec<Unread>,
    /// The files about which something could be told.
    pub known: Vec<String>,
}

impl Checked {
    pub fn errors(&self) -> usize {
        self.faults.iter().filter(|fault| fault.kind.severity == Severity::Error).count()
    }

    pub fn warnings(&self) -> usize {
        self.faults.len() - self.errors()
    }
}

/// Looks at all the files together: what one names may stand in another. `look` is asked for absolute paths, and for
/// paths beside a file that names them.
pub fn check(given: &[Given], look: &dyn Fn(&str) -> Look, now: Timestamp) -> Checked {
    let mut world = World::of(given, look, now);
    pem::check(&mut world);
    kubeconfig::check(&mut world);
    admission::check(&mut world);
    apiserver::check(&mut world);
    webhooks::check(&mut world);
    let mut checked = world.done();
    checked.faults.sort_by(|a, b| {
        (&a.file, a.line, a.column, a.kind.id, &a.message).cmp(&(&b.file, b.line, b.column, b.kind.id, &b.message))
    });
    checked.faults.dedup();
    if checked.faults.len() > MAX_FAULTS {
        // What is left out must not be what decides the status.
        checked.faults.sort_by_key(|fault| fault.kind.severity != Severity::Error);
        checked.faults.truncate(MAX_FAULTS);
    }
    checked
}

#[cfg(test)]
mod tests;
