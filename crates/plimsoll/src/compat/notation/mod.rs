//! Notation's command line, of its version 1.3, as far as it reads: signatures of the Notary Project verified, listed and inspected.
//! In: its arguments, its folder of trust, registries. Out: its words and exit codes. Whether a signature counts is `plimsoll-trust`'s.
//!
//! What is another way here: why a signature does not count is told without `--verbose`; that it could not be told is said as that, and
//! has the status 1 as all that fails; nobody is asked whether a certificate was revoked, no plugin is run, and COSE is not read: each is
//! "could not tell". What writes (`sign`, `cert`, `key`, `plugin`, `login`) is refused by name.

mod flags;
mod inspect;
mod registry;
mod settings;
mod verify;

use std::ffi::OsString;
use std::io::Write as _;

use crate::exit::Exit;
use flags::{Policy, Sub};

/// The version of Notation whose words these are.
const SPOKEN: &str = "1.3";

/// Why a command ends without success, in words.
#[derive(Debug)]
struct Failure(String);

impl From<String> for Failure {
    fn from(why: String) -> Failure {
        Failure(why)
    }
}

impl From<plimsoll_sources::SourceError> for Failure {
    fn from(error: plimsoll_sources::SourceError) -> Failure {
        let error = anyhow::Error::new(error);
        let hint = crate::message::hint(&error).map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        Failure(format!("could not {}{hint}", crate::message::chain(&error)))
    }
}

/// Runs the personality.
pub fn run(args: &[OsString]) -> Exit {
    if args.is_empty() {
        return run(&["--help".into()]);
    }
    if let Some(why) = flags::not_built(args) {
        return fail(&Failure(why));
    }
    let line = match flags::parse(args) {
        Ok(line) => line,
        Err(error) => {
            let failed = error.use_stderr();
            // Nothing can be done when the stream is closed.
            let _ = error.print();
            return if failed { Exit::Other(1) } else { Exit::Allowed };
        }
    };
    let done = match line.command {
        Sub::Verify(asked) => verify::run(&asked),
        Sub::List(asked) => registry::list(&asked),
        Sub::Inspect(asked) => inspect::run(&asked),
        Sub::Policy(Policy::Show) => settings::show(),
        Sub::Version => print(&format!(
            "Notation - a tool to sign and verify artifacts.\n\nVersion:     plimsoll {}, which speaks notation {SPOKEN}\n",
            env!("CARGO_PKG_VERSION")
        )),
    };
    match done {
        Ok(()) => Exit::Allowed,
        Err(failure) => fail(&failure),
    }
}

fn fail(failure: &Failure) -> Exit {
    say(&format!("Error: {}", failure.0));
    Exit::Other(1)
}

/// Writes to standard output; a closed pipe is no success.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(super::safe_lines(text).as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| Failure(format!("could not write output: {error}")))
}

/// Says something on standard error.
fn say(text: &str) {
    // The words are lost only where there is nobody to read them.
    let _ = writeln!(std::io::stderr().lock(), "{}", super::safe_lines(text));
}
