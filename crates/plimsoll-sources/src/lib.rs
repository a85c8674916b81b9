//! References to manifests and layers: registries, layouts, archives, engines, folders.
//!
//! In: the name or path of an image. Out: a [`ResolvedImage`], whose manifest and configuration were checked against
//! their digests, and whose layers are opened by whoever unpacks them. What it does not do: unpack, match, judge.

pub mod artifact;
pub mod attached;
pub mod cache;
pub mod cluster;
pub mod engine;
pub mod environment;
pub mod error;
mod file_part;
pub mod hash;
pub mod image;
pub mod limits;
pub mod local;
pub mod mirrors;
pub mod oci;
pub mod outside;
pub mod progress;
pub mod registry;
pub mod service;
pub mod sources;
pub mod vault;
mod web;

pub use artifact::{Artifact, ArtifactFile, ArtifactRequest};
pub use attached::{Attached, NewLayer, NewReferrer, Referrer};
pub use cache::BlobCache;
pub use cluster::{Access, Cluster, ClusterError};
pub use engine::Engine;
pub use environment::Environment;
pub use error::{ErrorKind, SourceError};
pub use image::ResolvedImage;
pub use local::folder::{Folder, folder};
pub use local::input::{InputOptions, open_input};
pub use local::search::{LayoutEntry, layouts_below};
pub use progress::{Progress, Quiet};
pub use registry::answer::address as shown_address;
pub use registry::pull_secret::{PullSecret, PullSecretError};
pub use service::{ServiceAnswer, ServiceRequest};
pub use sources::{Resolved, SourceOptions, Sources};
