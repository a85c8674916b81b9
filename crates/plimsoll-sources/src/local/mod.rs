//! Images and files on this machine's disk: OCI layouts, image archives, folders. No network, no async.

pub mod blobs;
pub mod docker;
pub mod folder;
pub mod input;
pub mod layout;
pub mod search;
pub mod tar;
