//! Installed language packages: what an interpreter or virtual machine finds on its path. One file each; the registry is
//! `readers::READERS`.

pub mod bitnami;
pub mod gemspec;
pub mod jar;
pub mod jar_names;
pub mod node;
pub mod python;
pub mod zip;
