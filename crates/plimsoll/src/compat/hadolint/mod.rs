//! hadolint's command line over our Dockerfile rules. In: its flags, configuration, variables and comments. Out: its formats and
//! its exit codes: 0, or 1 for findings at or above the threshold and for what could not be read. Where hadolint would drop a
//! whole file, die on one of several, or go on without its configuration and succeed, we report what we understood and exit 1;
//! `PLIMSOLL_UNDECIDED=allow` restores success where only the configuration was not understood, or ShellCheck could not look at a script.

mod config;
mod flags;
mod formats;
mod levels;
mod lint;
mod pragma;
mod report;

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context as _, bail};
use plimsoll_report::safe;

use crate::exit::Exit;
use config::{File, Settings};
use flags::Flags;
use formats::Facts;
use report::FileReport;

/// hadolint's status for all that is not well.
const FAILURE: Exit = Exit::Other(1);

/// A larger file is none that somebody wrote.
const MAX_FILE: u64 = 128 * 1024 * 1024;

/// A configuration is a page.
const MAX_CONFIGURATION: u64 = 1024 * 1024;

/// Runs the personality.
pub fn run(args: &[OsString]) -> Exit {
    let flags = match flags::parse(args) {
        Ok(flags) => flags,
        Err(error) => {
            let failed = error.use_stderr();
            // Nothing can be done when standard error is closed.
            let _ = error.print();
            return if failed { FAILURE } else { Exit::Allowed };
        }
    };
    match lint(flags) {
        Ok(exit) => exit,
        Err(error) => {
            say(&format!("could not {}", crate::message::chain(&error)));
            FAILURE
        }
    }
}

fn say(words: &str) {
    eprintln!("hadolint: {}", safe(words));
}

fn lint(flags: Flags) -> anyhow::Result<Exit> {
    let variable = |name: &str| std::env::var(name).ok();
    let (environment, mut faults) = config::environment(variable);
    let (file, used) = configuration(flags.config.as_deref(), &config::search(variable))?;
    for note in &file.notes {
        say(note);
    }
    faults.extend(file.faults);
    for fault in &faults {
        say(&format!("could not {fault}"));
    }
    let settings = Settings::of(environment, file.part, flags.part);
    if settings.verbose {
        say(&format!("configuration: {}", used.as_deref().unwrap_or("none")));
        say(&format!("{settings:?}"));
    }
    let mut unread = false;
    let mut texts = Vec::new();
    for name in &flags.files {
        let shown = name.to_string_lossy().into_owned();
        match read(name) {
            Ok(text) => texts.push((shown, text)),
            Err(error) => {
                unread = true;
                say(&format!("could not {}", crate::message::chain(&error)));
            }
        }
    }
    let found = lint::lint(&texts, &settings);
    for note in &found.notes {
        say(note);
    }
    let path = flags.file_path_in_report.as_deref();
    let reports: Vec<FileReport> = texts
        .iter()
        .zip(found.files)
        .map(|((name, _), (entries, faults))| FileReport::new(name, path, entries, faults))
        .collect();
    let facts =
        Facts { reports: &reports, colour: !settings.no_color, at: flags.at.unwrap_or_else(jiff::Timestamp::now) };
    let bytes: String = settings.formats.iter().map(|format| format.render(&facts)).collect();
    match &flags.output {
        Some(path) => std::fs::write(path, &bytes).with_context(|| format!("write {}", path.display()))?,
        None => std::io::stdout().write_all(bytes.as_bytes()).context("write the report")?,
    }
    if unread {
        return Ok(FAILURE);
    }
    let succeeds = settings.no_fail || settings.formats.iter().all(|format| format.always_succeeds());
    let over = reports.iter().flat_map(FileReport::items).any(|item| item.level() >= settings.threshold);
    if over && !succeeds {
        return Ok(FAILURE);
    }
    let misled = (!faults.is_empty() || found.undecided) && !settings.no_fail && !super::undecided_is_allowed();
    if misled {
        say(
            "not all of what was asked could be understood or checked, so this is no success (PLIMSOLL_UNDECIDED=allow to accept that)",
        );
        return Ok(FAILURE);
    }
    Ok(Exit::Allowed)
}

/// The named configuration, or the first that is found, and its name.
fn configuration(named: Option<&Path>, search: &[std::path::PathBuf]) -> anyhow::Result<(File, Option<String>)> {
    let path = match named {
        Some(path) => path,
        None => match search.iter().find(|path| path.is_file()) {
            Some(path) => path,
            None => return Ok((File::default(), None)),
        },
    };
    let name = path.display().to_string();
    let file = std::fs::File::open(path).with_context(|| format!("read {name}"))?;
    let bytes = bounded(file, MAX_CONFIGURATION).with_context(|| format!("read {name}"))?;
    let text = String::from_utf8(bytes).with_context(|| format!("read {name}"))?;
    Ok((config::read(path, &text), Some(name)))
}

/// A file's text, `-` being standard input. Bytes that are no UTF-8 become replacement characters.
fn read(name: &OsStr) -> anyhow::Result<String> {
    let bytes = if name == "-" {
        bounded(std::io::stdin().lock(), MAX_FILE).context("read standard input")?
    } else {
        let shown = || format!("read {}", name.to_string_lossy());
        // A folder can be opened; reading it gives a worse message.
        if Path::new(name).is_dir() {
            bail!("{}: it is a folder; name the files in it", shown());
        }
        let file = crate::input::open(Path::new(name)).with_context(shown)?;
        bounded(file, MAX_FILE).with_context(shown)?
    };
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

fn bounded(reader: impl Read, limit: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        bail!("it is larger than {} MiB", limit / (1024 * 1024));
    }
    Ok(bytes)
}
