//! Text and facts to findings: the image's footprint, and what manifests name.
//!
//! In: an inventory (and, while layers stream, the bytes of single files), or a manifest's text. Out: findings and names
//! with exact places. What this crate does not do: read layers, decide or print. It touches neither disk, network nor
//! clock.

pub mod dockerfile;
pub mod docs;
pub mod image;
pub mod joined;
pub mod lint;
pub mod manifest;
pub mod pod_security;
pub mod secrets;
pub mod shell;
pub mod source;

pub use docs::rules_markdown;
pub use image::{Facts, RULES, Rule};
