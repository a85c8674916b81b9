//! Gator's command line, of Gatekeeper 3.23. In: its arguments, manifests, policies, suites. Out: its formats and exit codes.
//! What is judged, and how, is `plimsoll-gatekeeper`'s.
//!
//! What is another way here: errors say the place in the file and the way out, below gator's own line; nothing is pulled from
//! registries; a policy that errs speaks for its own constraint alone.

mod bench;
mod expand;
mod flags;
mod output;
mod read;
mod sync;
mod test;
mod verify;

use std::ffi::OsString;
use std::io::Write as _;
use std::sync::Arc;

use plimsoll_gatekeeper::{CodeOptions, Fault, Native, Options};

use crate::exit::Exit;
use crate::native::Cel;
use flags::Sub;

/// Bytes that a compiled regular expression may take.
const MAX_REGEX: usize = 16 << 20;
/// Whatever is no success.
const FAILURE: Exit = Exit::Other(1);

/// Runs the personality.
pub fn run(args: &[OsString]) -> Exit {
    if args.is_empty() {
        return run(&["--help".into()]);
    }
    let line = match flags::parse(args) {
        Ok(line) => line,
        Err(error) => {
            let failed = error.use_stderr();
            // Nothing can be done when the stream is closed.
            let _ = error.print();
            return if failed { FAILURE } else { Exit::Allowed };
        }
    };
    let done = match line.command {
        Sub::Test(asked) => test::run(&asked),
        Sub::Verify(asked) => verify::run(&asked),
        Sub::Version => print(&format!("plimsoll {} speaks gator (Gatekeeper 3.23)\n", env!("CARGO_PKG_VERSION"))),
        Sub::Expand(asked) => expand::run(&asked),
        Sub::Sync(asked) => match asked.command {
            flags::SyncSub::Test(asked) => sync::run(&asked),
        },
        Sub::Bench(asked) => bench::run(&asked),
        Sub::Policy { .. } => Err("policy is not spoken here: get policies by their files, and name those".into()),
    };
    done.unwrap_or_else(|why| {
        say(why.trim_end());
        FAILURE
    })
}

/// How sets are loaded.
fn options(native: &flags::Native, print: bool, trace: bool) -> Result<Options, String> {
    let policy = native.default_k8s_native_validation_failure_policy.as_str();
    if !matches!(policy, "Fail" | "Ignore") {
        return Err(format!(
            "invalid default K8sNativeValidation failure policy: invalid failure policy: unrecognized failure policy: {policy}"
        ));
    }
    let cel = || Arc::new(Cel { failure_policy: policy.to_owned() }) as Arc<dyn Native>;
    let native = native.enable_k8s_native_validation.then(cel);
    Ok(Options { strict: false, native, code: CodeOptions { print, instrument: trace } })
}

/// A regular expression as Go reads it.
fn regex(pattern: &str) -> Result<regex::Regex, String> {
    plimsoll_re2::compiled(pattern, MAX_REGEX)
}

/// A fault below gator's own words: its place, and the way out.
fn below(fault: &Fault) -> String {
    let place = fault.place.as_ref().map(|place| format!("\n  at {place}")).unwrap_or_default();
    let hint = fault.hint.as_ref().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
    format!("{place}{hint}")
}

/// Writes to standard output; a closed pipe is no success.
fn print(text: &str) -> Result<Exit, String> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Exit::Allowed),
        Err(error) => Err(format!("writing output: {error}")),
    }
}

/// Says something on standard error.
fn say(text: &str) {
    // The words are lost only where there is nobody to read them.
    let _ = writeln!(std::io::stderr().lock(), "{}", super::safe_lines(text));
}
