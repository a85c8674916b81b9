//! What a caller may choose about a catalogue run.

use std::fmt;

use plimsoll_model::Finding;

use crate::limits::Limits;
use crate::reader::{Reader, SeenKind};

/// Looks into the content of files for something that is no package (secrets). The caller brings it; results go to
/// `Inventory::content_findings` with the layer filled in.
#[derive(Clone, Copy)]
pub struct Inspector<'a> {
    /// Path and size: is the content wanted? Files above `Limits::inspected` are never shown.
    pub wants: &'a (dyn Fn(&str, u64) -> bool + Sync),
    /// Path and content to findings; their locations need only lines.
    pub inspect: &'a (dyn Fn(&str, &[u8]) -> Vec<Finding> + Sync),
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Stored bytes of the layers read whole so far, and of all layers.
    pub done: u64,
    pub total: u64,
}

/// Everything that can be chosen. The default reads all there is to read.
#[derive(Clone)]
pub struct Options<'a> {
    /// List every executable with its digest: costs one more hash of their bytes.
    pub executables: bool,
    /// Fill `Package::files` of operating-system packages: needed only by who shows them.
    pub package_files: bool,
    pub inspectors: &'a [Inspector<'a>],
    pub readers: &'a [&'a Reader],
    pub seen_kinds: &'a [SeenKind],
    pub limits: Limits,
    /// Files that become facts of the kind `Named`, by their path.
    pub named: Option<&'a (dyn Fn(&str) -> bool + Sync)>,
    /// Layers that are read at a time; each takes two threads. 0: as many as there are cores, at most four.
    pub threads: usize,
    /// Called after each layer, from any thread.
    pub progress: Option<&'a (dyn Fn(Progress) + Sync)>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Options {
            executables: true,
            package_files: false,
            inspectors: &[],
            readers: crate::readers::READERS,
            seen_kinds: crate::readers::SEEN_KINDS,
            limits: Limits::default(),
            named: None,
            threads: 0,
            progress: None,
        }
    }
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("executables", &self.executables)
            .field("inspectors", &self.inspectors.len())
            .field("readers", &self.readers.len())
            .field("limits", &self.limits)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}
