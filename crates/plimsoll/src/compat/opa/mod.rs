//! OPA's command line. In: its arguments, policies, data. Out: its formats and exit codes: 0 when it worked, 1 and 2 as each
//! command of OPA's has it. The language is `plimsoll-rego`'s; what is not spoken (partial evaluation, WebAssembly, a server
//! of its own) is refused by name.
//!
//! What is another way here: `http.send` asks no host that a capabilities file does not name, and an evaluation that passes a
//! budget ends with an error instead of taking the machine.

mod bench;
mod check;
mod coverage;
mod deps;
mod eval;
pub(super) mod explain;
pub(super) mod flags;
mod format;
mod inspect;
mod parse;
mod profile;
pub(super) mod table;
pub(super) mod test;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use plimsoll_rego::ast::Language;
use plimsoll_rego::capabilities::Capabilities;
use plimsoll_rego::check::SchemaSet;
use plimsoll_rego::parse::Options as ParseOptions;
use plimsoll_rego::value::Value;

use crate::compat::safe_lines;
use crate::exit::Exit;
use crate::rego::fault::Fault;
use crate::rego::{SPOKEN, load};
use flags::{Dialect, Sub};

/// Errors of the command line and files.
const FAILURE: Exit = Exit::Other(1);
/// Errors of evaluation, failed tests.
const ERRORS: Exit = Exit::Other(2);

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
    match line.command {
        Sub::Eval(asked) => eval::run(&asked),
        Sub::Test(asked) => test::run(&asked),
        Sub::Check(asked) => check::run(&asked),
        Sub::Fmt(asked) => format::run(&asked),
        Sub::Parse(asked) => parse::run(&asked),
        Sub::Deps(asked) => deps::run(&asked),
        Sub::Inspect(asked) => inspect::run(&asked),
        Sub::Bench(asked) => bench::run(&asked),
        Sub::Capabilities(asked) => capabilities(&asked),
        Sub::Version(_) => print(&format!(
            "Version: {SPOKEN}\nBuild Commit: plimsoll {} speaks opa\nBuild Timestamp: \nBuild Hostname: \nGo Version: \nPlatform: {}/{}\nRego Version: v1\nWebAssembly: unavailable\n",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::OS,
            std::env::consts::ARCH,
        )),
    }
}

fn capabilities(asked: &flags::Capabilities) -> Exit {
    let capabilities = match &asked.file {
        None => Ok(Capabilities::default()),
        Some(path) => crate::rego::read_capabilities(path),
    };
    match capabilities {
        Ok(capabilities) => print(&capabilities.to_json()),
        Err(fault) => complain(&fault.text(), FAILURE),
    }
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
fn complain(text: &str, exit: Exit) -> Exit {
    // The words are lost only where there is nobody to read them.
    let _ = writeln!(std::io::stderr().lock(), "{}", safe_lines(text));
    exit
}

impl Dialect {
    fn language(&self) -> Language {
        if self.v0_compatible { Language::V0 } else { Language::V1 }
    }

    /// The capabilities file, or all that the engine has.
    fn capabilities(&self) -> Result<Arc<Capabilities>, Fault> {
        match &self.capabilities {
            Some(path) => crate::rego::read_capabilities(path).map(Arc::new),
            None => Ok(Arc::new(Capabilities::for_language(self.language()))),
        }
    }

    fn parse_options(&self, capabilities: &Capabilities) -> ParseOptions {
        let features = self.capabilities.is_some().then(|| capabilities.parse_features());
        ParseOptions { features, ..ParseOptions::of(self.language()) }
    }
}

/// Schemas of `-s`: a file is that of the input (`schema`), a folder has one a file (`schema.a.b`).
fn schemas(path: Option<&Path>) -> Result<Arc<SchemaSet>, Vec<Fault>> {
    let mut schemas = SchemaSet::default();
    let Some(path) = path else { return Ok(Arc::new(schemas)) };
    let one = |path: &Path| -> Result<Value, Vec<Fault>> {
        let content = load::bytes(path).map_err(|fault| vec![fault])?;
        load::document(&content).map_err(|why| vec![Fault::plain(format!("{}: {why}", path.display()))])
    };
    let found = std::fs::metadata(path).map_err(|error| vec![load::failed("stat", path, &error)])?;
    if !found.is_dir() {
        schemas.insert(vec!["schema".into()], one(path)?);
        return Ok(Arc::new(schemas));
    }
    for entry in ignore::WalkBuilder::new(path).standard_filters(false).max_depth(Some(32)).build() {
        let entry = entry.map_err(|error| vec![Fault::plain(error.to_string())])?;
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        let inner = entry.path().strip_prefix(path).unwrap_or(entry.path()).with_extension("");
        let parts = inner.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
        let name: Vec<String> = std::iter::once("schema".to_owned()).chain(parts).collect();
        schemas.insert(name, one(entry.path())?);
    }
    Ok(Arc::new(schemas))
}
