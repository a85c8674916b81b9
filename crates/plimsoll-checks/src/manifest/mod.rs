//! Kubernetes manifests. In: YAML or JSON text. Out: its objects and their pods, what is wrong with them and how it is mended,
//! and the images that workloads name, each with its place. What it does not do: decide, or read other files.

pub mod edit;
mod images;
pub mod object;
pub mod project;
pub mod rules;
pub mod schema;
pub mod yaml_fault;

pub use images::{NamedImage, NamedImages, named_images};
