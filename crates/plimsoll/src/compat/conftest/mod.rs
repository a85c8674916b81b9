//! Conftest's command line. In: its arguments, configuration files, policies. Out: its formats and exit codes. The formats of
//! files are `plimsoll-config`'s, the language `plimsoll-rego`'s, registries `plimsoll-sources`'.
//!
//! What is another way here: files come in the order of their names; a file that does not parse is named with its line and
//! column; `http.send` is an error whatever hosts a capabilities file allows, and an evaluation that passes a budget ends with an
//! error instead of taking the machine; plugins, templates of Go and Git are refused by name.

mod builtins;
mod bundles;
mod configs;
mod documentation;
mod engine;
mod external;
mod flags;
mod format;
mod output;
mod parse;
mod protos;
mod result;
mod settings;
mod test;
mod verify;
mod words;

use std::ffi::OsString;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::exit::Exit;
use flags::Sub;
use settings::Settings;

/// The version of conftest whose words and formats these are.
pub const SPOKEN: &str = "0.71.1";

/// Whatever went wrong.
const FAILURE: Exit = Exit::Other(1);

/// Runs the personality.
pub fn run(args: &[OsString]) -> Exit {
    let line = match flags::parse(args) {
        Ok(line) => line,
        Err(error) => {
            let failed = error.use_stderr();
            // Nothing can be done when the stream is closed.
            let _ = error.print();
            return if failed { FAILURE } else { Exit::Allowed };
        }
    };
    if line.version {
        return print(&format!("Conftest: {SPOKEN}\nOPA: {}\n", crate::rego::SPOKEN));
    }
    let Some(command) = line.command else { return run(&["--help".into()]) };
    let outcome = Settings::read(line.config_file.as_deref()).and_then(|settings| match command {
        Sub::Test(asked) => test::run(&asked, &settings),
        Sub::Verify(asked) => verify::run(&asked, &settings),
        Sub::Parse(asked) => parse::run(&asked, &settings),
        Sub::Fmt(asked) => format::run(&asked, &settings),
        Sub::Doc(asked) => documentation::run(&asked),
        Sub::Reformat(asked) => test::reformat(&asked, &settings),
        Sub::Pull(asked) => bundles::pull(&asked, &settings),
        Sub::Push(asked) => bundles::push(&asked, &settings),
    });
    outcome.unwrap_or_else(|why| complain(&why))
}

/// Writes to standard output; a closed pipe is no success.
fn print(text: &str) -> Exit {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Exit::Allowed,
        Err(_) => FAILURE,
    }
}

/// Says why on standard error.
fn complain(why: &str) -> Exit {
    // The words are lost only where there is nobody to read them.
    let _ = writeln!(std::io::stderr().lock(), "Error: {}", super::safe_lines(why));
    FAILURE
}

/// Bytes of stack of a thread that parses.
const STACK: usize = 16 << 20;

/// Does the same to each, by as many threads as the machine has, in order.
fn parallel<T: Sync, R: Send>(items: &[T], each: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len());
    if threads < 2 {
        return items.iter().map(each).collect();
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let work = || {
                while let Some((at, item)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, items.get(at)?)))
                {
                    let made = each(item);
                    if let Ok(mut done) = done.lock() {
                        done.push((at, made));
                    }
                }
            };
            // The formats' parsers recurse within their bounds. Where no thread can be had, this one works.
            let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
            if thread.is_err() {
                work();
            }
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, made)| made).collect()
}
