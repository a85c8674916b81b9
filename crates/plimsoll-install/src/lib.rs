//! The gate in front of a cluster, as files. In: options, a time and certificates. Out: the files that an administrator
//! would otherwise copy from notes by hand; or, from files that exist, their faults.
//!
//! What this crate does not do: touch a disk, a network or a clock. Only the making of keys asks the machine for anything,
//! which is its random numbers.

pub mod certificates;
pub mod check;
mod fault;
mod files;
mod options;
mod plan;
mod remove;
mod rotate;
mod template;

pub use certificates::{CertificateError, Pki};
pub use check::{Checked, Given, Look, check};
pub use fault::{Fault, KINDS, Kind, Severity, Unread};
pub use files::{File, readable_name};
pub use options::{ImageName, Label, NodePath, OptionError, Options, Right, Road, San};
pub use plan::{Existing, PlanError, plan};
pub use remove::remove_script;
pub use rotate::{Present, RotateError, Rotated, rotate};
