//! Layers to files to packages: reads what is in an image, a folder or an SBOM.

pub mod archive;
pub mod binaries;
mod depends;
pub mod languages;
pub mod limits;
pub mod lockfiles;
pub mod options;
pub mod os;
pub mod reader;
pub mod readers;
pub mod sboms;
#[doc(hidden)]
pub mod text;

pub use limits::Limits;
pub use options::{Inspector, Options, Progress};
pub use reader::{Candidate, ReadInput, ReadOutput, Reader, Scope, SeenKind};
pub use readers::{READERS, SEEN_KINDS};
pub use sboms::{SbomError, SbomInventory, SbomKind, read_sbom};
