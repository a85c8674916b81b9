//! The policy: what may run. In: the LoadLine document, and what was found in an image. Out: a checked [`LoadLine`], and
//! a [`Verdict`] with its reasons. What it does not do: open files, read the clock, or look into images.
//!
//! [`LoadLine`]: plimsoll_model::LoadLine
//! [`Verdict`]: plimsoll_model::Verdict

mod check;
mod clause;
mod decode;
mod default;
mod entry;
mod exempt;
mod fault;
mod glass;
pub mod glob;
mod judge;
mod keys;
mod read;
mod registries;
mod remarks;
mod schema;
mod settings;
mod show;
mod signing;
mod standing;
mod units;
mod vex;
mod yaml;

pub use default::{DEFAULT_POLICY, DEFAULT_POLICY_RULES, DEFAULT_POLICY_WORKLOAD_RULES, default_policy};
pub use entry::{NearMiss, Why, why};
pub use fault::{Fault, PolicyError, Span};
pub use glass::relevant_annotations;
pub use judge::{Context, Request, exit_code, holds_until, judge, looked_into, overall, unused};
pub use read::{Known, Loader, parse, read};
pub use registries::{RegistryError, restrict_registries};
pub use remarks::remarks;
pub use schema::schema;
pub use settings::{Setting, settings};
pub use show::effective;
pub use signing::{PREDICATE_TYPES, predicate_type};
pub use standing::{Standing, ruled_by, standing};
pub use vex::read_vex;
