//! Kubesec's command line. In: its arguments. Out: its reports and exit codes: 0 where every score is above 0, else 2 or what
//! `--exit-code` says, 1 for errors. As there, the words of an error go to standard output.
//!
//! What is another way here: every document of a file counts, also behind a separator with a comment; a second file is
//! refused rather than left out; a report that could not be written is an error; schemas are never fetched.

mod evaluate;
mod flags;
mod http;
mod report;
mod rules;
mod table;
mod valid;

use std::ffi::OsString;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;

use crate::exit::Exit;

use flags::{Scan, Sub};

/// Kubesec's status for anything that went wrong.
const FAILURE: Exit = Exit::Other(1);
/// The version whose command line this is.
const SPOKEN: &str = "2.14.2";
/// Bytes of a file: with its tree it fits into the memory of a small machine, and no chart renders to as much.
const MAX_FILE: u64 = 64 << 20;

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
        Sub::Scan(scan) => self::scan(&scan),
        Sub::Http(http) => http::run(&http),
        Sub::PrintRules { format } => table::text(&format).and_then(|text| print(&text)).map(|()| Exit::Allowed),
        Sub::Version => print(&version()).map(|()| Exit::Allowed),
    };
    done.unwrap_or_else(|why| {
        let mut letters = why.chars();
        let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
        // The error's own words are lost only where there is nobody to read them.
        let _ = print(&format!("{first}{}\n", letters.as_str()));
        FAILURE
    })
}

fn scan(scan: &Scan) -> Result<Exit, String> {
    let [path] = scan.files.as_slice() else {
        return Err(match scan.files.len() {
            0 => "file path is required".into(),
            files => format!("one file at a time: {files} were named, and all but the first would not be looked at"),
        });
    };
    match scan.format.as_str() {
        "json" => {}
        "template" => {
            return Err(
                "templates are not spoken here: --format json, or `plimsoll lint` for SARIF and other forms".into()
            );
        }
        other => return Err(format!("unrecognized format specified: {}", plimsoll_report::safe(other))),
    }
    let (name, text) = input(path, scan.absolute_path)?;
    let reports = report::reports(&name, &text)?;
    let json = report::json(&reports).map_err(|error| format!("could not write the report: {error}"))?;
    if let Some(output) = &scan.output {
        std::fs::write(output, &json).map_err(|error| failed("write", output, &error))?;
    }
    print(&format!("{json}\n"))?;
    if reports.iter().all(|report| report.score > 0) {
        return Ok(Exit::Allowed);
    }
    // The lowest eight bits, as a process's status has no more.
    Ok(Exit::Other((scan.exit_code & 0xff) as u8))
}

/// The name in the reports, and the text.
fn input(path: &Path, absolute: bool) -> Result<(String, String), String> {
    let standard = path == Path::new("-") || path == Path::new("/dev/stdin");
    let mut bytes = Vec::new();
    let read = if standard {
        std::io::stdin().lock().take(MAX_FILE + 1).read_to_end(&mut bytes)
    } else {
        crate::input::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| failed("open", path, &error))?;
    let name = match (standard, absolute) {
        (true, _) => "STDIN".into(),
        (_, true) => std::path::absolute(path).map_err(|error| failed("find", path, &error))?.display().to_string(),
        (_, false) => path.display().to_string(),
    };
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("{} has more than {} MiB", plimsoll_report::safe(&name), MAX_FILE >> 20));
    }
    let text = String::from_utf8(bytes).map_err(|_| format!("{} is no UTF-8", plimsoll_report::safe(&name)))?;
    Ok((name, text))
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> String {
    let why = match error.kind() {
        ErrorKind::NotFound => "no such file or directory".into(),
        ErrorKind::IsADirectory => "is a directory".into(),
        ErrorKind::PermissionDenied => "permission denied".into(),
        _ => error.to_string(),
    };
    format!("{what} {}: {why}", plimsoll_report::safe(&path.display().to_string()))
}

fn print(text: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| format!("could not write: {error}"))
}

fn version() -> String {
    format!(
        "version {SPOKEN}\ngit commit none: plimsoll {} speaks kubesec\nbuild date unknown\n",
        env!("CARGO_PKG_VERSION")
    )
}
