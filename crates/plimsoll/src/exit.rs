//! The exit codes, all of them. In: an outcome or a failure. Out: the status that the shell sees.

use std::process::ExitCode;

use plimsoll_model::Outcome;

/// What the process tells its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Allowed, or the command did what it was asked.
    Allowed,
    /// Denied.
    Denied,
    /// Could not tell, or could not run.
    Undecided,
    /// The command line was wrong (`EX_USAGE` of sysexits.h).
    Usage,
    /// A status that the user or a personality asked for.
    Other(u8),
}

/// Each code with its meaning: the documentation is made from this table.
pub const MEANINGS: &[(Exit, &str)] = &[
    (Exit::Allowed, "allowed; or the command did what it was asked to do"),
    (Exit::Denied, "denied: at least one subject breaks the policy"),
    (Exit::Undecided, "could not tell (and the policy does not allow that), or could not run at all"),
    (Exit::Usage, "wrong usage: the command line could not be read"),
];

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Exit::Allowed => 0,
            Exit::Denied => 1,
            Exit::Undecided => 2,
            Exit::Usage => 64,
            Exit::Other(code) => code,
        }
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Exit {
        match outcome {
            Outcome::Allowed => Exit::Allowed,
            Outcome::Denied => Exit::Denied,
            Outcome::Undecided => Exit::Undecided,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_have_the_documented_codes() {
        assert_eq!(Exit::from(Outcome::Allowed).code(), 0);
        assert_eq!(Exit::from(Outcome::Denied).code(), 1);
        assert_eq!(Exit::from(Outcome::Undecided).code(), 2);
        assert_eq!(Exit::Usage.code(), 64);
        assert_eq!(MEANINGS.len(), 4);
    }
}
