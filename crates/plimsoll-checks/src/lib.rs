//! Image facts to findings: the footprint rules, secrets included.
pub mod manifest;
