//! Layers to files to packages: reads what is in an image, a folder or an SBOM.
//!
//! In: layers as they are stored, or a folder. Out: an [`plimsoll_model::Inventory`]. The flow inside: `archive` (bytes to
//! entries) → `layer` (one streaming pass, `sieve` keeps what is wanted) → `tree` (layers put on one another) →
//! `assemble` (`distro`, `os`, readers, `facts`, `ownership`). What it does not do: touch a disk or network, match, judge.

pub mod archive;
mod assemble;
pub mod binaries;
pub mod catalogue;
mod depends;
pub mod distro;
mod efficiency;
pub mod facts;
#[cfg(test)]
mod hostile;
pub mod languages;
pub mod layer;
pub mod limits;
pub mod lockfiles;
pub mod options;
pub mod os;
mod ownership;
pub mod reader;
pub mod readers;
pub mod sboms;
pub mod sieve;
#[doc(hidden)]
pub mod text;
pub mod tree;

pub use catalogue::{TreeKind, catalogue_image, catalogue_tree};
pub use efficiency::{Blame, Efficiency, ListedEntry, ListedKind, MeasuredLayer, RepeatedPath, efficiency};
pub use limits::Limits;
pub use options::{Inspector, Options, Progress};
pub use reader::{Candidate, ReadInput, ReadOutput, Reader, Scope, SeenKind};
pub use readers::{READERS, SEEN_KINDS};
pub use sboms::{SbomError, SbomInventory, SbomKind, read_sbom};
