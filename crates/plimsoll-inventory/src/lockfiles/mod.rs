//! Lockfiles of projects: which packages a build will take, and how they hang together. One file each; the registry is
//! `readers::READERS`.

pub mod cargo;
pub mod cargo_manifest;
pub mod gomod;
pub mod npm;
pub mod poetry;
pub mod requirements;
