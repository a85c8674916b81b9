//! The documents of an image: manifests, indexes, configurations. Bytes in, values out; nothing is fetched here.

pub mod config;
pub mod manifest;
pub mod media;
pub mod platform;
pub mod spelling;
