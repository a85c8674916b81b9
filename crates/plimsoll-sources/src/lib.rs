//! References to manifests and layers: registries, layouts, archives, engines, folders.
//!
//! In: the name or path of an image. Out: a [`ResolvedImage`], whose manifest and configuration were checked against
//! their digests, and whose layers are opened by whoever unpacks them. What it does not do: unpack, match, judge.

pub mod error;
pub mod hash;
pub mod image;
pub mod limits;
pub mod local;
pub mod oci;

pub use error::SourceError;
pub use image::ResolvedImage;
pub use local::folder::{Folder, folder};
pub use local::input::{InputOptions, open_input};
pub use local::search::{LayoutEntry, layouts_below};
