//! Kubernetes manifests. In: YAML or JSON text. Out: the images that its workloads name, each with its place, and the
//! problems of what could not be read. What it does not do: judge the manifests themselves.

pub mod edit;
mod images;
pub mod object;
pub mod project;
pub mod rules;
pub mod schema;
pub mod yaml_fault;

pub use images::{NamedImage, NamedImages, named_images};
