//! The personalities: other tools' command lines, spoken by our pipeline. In: their arguments. Out: their formats and exit
//! codes. What they do not hold: logic of their own.
//!
//! How to add one: write `compat/NAME.rs` (or a folder) with a `run`, and add its line to [`PERSONALITIES`].

pub mod conftest;
pub mod cosign;
pub mod dive;
pub mod dockle;
pub mod gator;
pub mod hadolint;
pub mod kubesec;
pub mod notation;
pub mod opa;
pub mod trivy;

use std::ffi::OsString;

use plimsoll_model::{Problem, ProblemEffect, ProblemKind};

use crate::exit::Exit;
/// JSON as Go writes it, which some of these tools' outputs are.
pub use plimsoll_trust::simple_signing::escaped as go_json;

/// One tool that we speak like.
pub struct Personality {
    /// The tool's name: a subcommand, and the name of a symbolic link to the program.
    pub name: &'static str,
    /// Takes the arguments without the program's name.
    pub run: fn(&[OsString]) -> Exit,
}

pub const PERSONALITIES: &[Personality] = &[
    Personality { name: "conftest", run: conftest::run },
    Personality { name: "cosign", run: cosign::run },
    Personality { name: "dive", run: dive::run },
    Personality { name: "dockle", run: dockle::run },
    Personality { name: "gator", run: gator::run },
    Personality { name: "hadolint", run: hadolint::run },
    Personality { name: "kubesec", run: kubesec::run },
    Personality { name: "notation", run: notation::run },
    Personality { name: "opa", run: opa::run },
    Personality { name: "trivy", run: trivy::run },
];

/// The personality that a program name asks for.
pub fn named(name: &str) -> Option<&'static Personality> {
    PERSONALITIES.iter().find(|personality| personality.name == name)
}

/// Lines and tabs stay; whatever else steers a terminal is shown by its code.
pub fn safe_lines(text: &str) -> String {
    let line = |line: &str| line.split('\t').map(plimsoll_report::safe).collect::<Vec<_>>().join("\t");
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// True when the user asked for the old behaviour: to exit with success where nothing could be told.
pub fn undecided_is_allowed() -> bool {
    std::env::var_os("PLIMSOLL_UNDECIDED").is_some_and(|value| value == "allow")
}

/// Lines of doubt that are worth reading on a terminal.
const MAX_DOUBTS: usize = 10;

/// What of an image's bytes could not be read; packages that no reader knows concern no linter of images.
pub fn unread(problems: &[Problem]) -> Vec<String> {
    use ProblemKind::{BadInput, BrokenArchive, DigestMismatch, LimitReached, Unreachable};
    let kinds = [Unreachable, DigestMismatch, BrokenArchive, LimitReached, BadInput];
    let unread = problems.iter().filter(|p| p.effect == ProblemEffect::Undecided && kinds.contains(&p.kind));
    let mut lines: Vec<String> =
        unread.map(|problem| plimsoll_report::safe(&problem.to_string()).into_owned()).collect();
    lines.dedup();
    lines
}

/// Says on standard error what could not be told.
pub fn tell_doubts(doubts: &[String]) {
    for doubt in doubts.iter().take(MAX_DOUBTS) {
        eprintln!("ERROR\tcould not tell: {doubt}");
    }
    if doubts.len() > MAX_DOUBTS {
        eprintln!("ERROR\tcould not tell: {} more", doubts.len() - MAX_DOUBTS);
    }
    eprintln!("ERROR\tthe report may be incomplete, so this is no success (PLIMSOLL_UNDECIDED=allow to accept that)");
}

/// Says why a personality could not run.
pub fn tell_failure(error: &anyhow::Error) {
    eprintln!("FATAL\tcould not {}", crate::message::chain(error));
    if let Some(hint) = crate::message::hint(error) {
        eprintln!("FATAL\thint: {}", plimsoll_report::safe(&hint));
    }
}

/// Go's durations of hours, minutes and seconds, or bare seconds; what is less than a second is one.
pub fn seconds(text: &str) -> Result<u64, String> {
    let bad = || format!("{text:?} is no duration; write 5m0s or 300");
    if let Ok(bare) = text.parse() {
        return Ok(bare);
    }
    let length = crate::duration::read(text).ok_or_else(bad)?;
    Ok(length.as_secs().saturating_add(u64::from(length.subsec_nanos() > 0)))
}

/// Go's words for true and false.
pub fn truth(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        assert_eq!(seconds("5m0s"), Ok(300));
        assert_eq!(seconds("90"), Ok(90));
        assert_eq!(seconds("1h1.5m"), Ok(3690));
        assert_eq!(seconds("200ms"), Ok(1));
        for bad in ["soon", "m", "", "5x", "1.2.3s"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
        assert!(seconds("5").is_ok());
    }
}
