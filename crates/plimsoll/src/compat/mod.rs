//! The personalities: other tools' command lines, spoken by our pipeline. In: their arguments. Out: their formats and exit
//! codes. What they do not hold: logic of their own.
//!
//! How to add one: write `compat/NAME.rs` (or a folder) with a `run`, and add its line to [`PERSONALITIES`].

pub mod hadolint;
pub mod kubesec;
pub mod trivy;

use std::ffi::OsString;

use crate::exit::Exit;

/// One tool that we speak like.
pub struct Personality {
    /// The tool's name: a subcommand, and the name of a symbolic link to the program.
    pub name: &'static str,
    /// Takes the arguments without the program's name.
    pub run: fn(&[OsString]) -> Exit,
}

pub const PERSONALITIES: &[Personality] = &[
    Personality { name: "hadolint", run: hadolint::run },
    Personality { name: "kubesec", run: kubesec::run },
    Personality { name: "trivy", run: trivy::run },
];

/// The personality that a program name asks for.
pub fn named(name: &str) -> Option<&'static Personality> {
    PERSONALITIES.iter().find(|personality| personality.name == name)
}

/// True when the user asked for the old behaviour: to exit with success where nothing could be told.
pub fn undecided_is_allowed() -> bool {
    std::env::var_os("PLIMSOLL_UNDECIDED").is_some_and(|value| value == "allow")
}
