//! Dockle's command line. In: its flags and `.dockleignore`. Out: its list, JSON or SARIF, and its exit codes: 0, what
//! `--exit-code` says for alerts, 1 for errors. Where a layer could not be read we exit 1 and say why;
//! `PLIMSOLL_UNDECIDED=allow` restores the old behaviour.

mod checkpoints;
mod flags;
mod formats;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::Path;

use anyhow::{Context as _, bail};
use plimsoll_checks::image::Facts;

use crate::assess::{self, Looked};
use crate::commands::write_out;
use crate::exit::Exit;
use crate::progress::Meter;
use crate::session::{DataChoice, Session, SessionOptions};

use checkpoints::{ACCOUNTS, Choices, Detail, details};
use flags::{Flags, Format};

/// Dockle's status for anything that went wrong.
const FAILURE: Exit = Exit::Other(1);
/// What dockle takes for no secret without being told.
const KNOWN_VARIABLES: &[&str] = &["GPG_KEY", "GPG_KEYS"];
/// Codes to ignore, one a line, in the folder of the run.
const IGNORE_FILE: &str = ".dockleignore";

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
    match scan(&flags) {
        Ok(exit) => exit,
        Err(error) => {
            super::tell_failure(&error);
            FAILURE
        }
    }
}

fn scan(flags: &Flags) -> anyhow::Result<Exit> {
    if let Some(refused) = flags.refused() {
        bail!("{refused}");
    }
    let sensitive_files = flags.sensitive_files();
    let accounts = ACCOUNTS.iter().flat_map(|(_, files)| files.iter().map(|file| (*file).to_owned()));
    let options = SessionOptions {
        databases: DataChoice::Only(Vec::new()),
        quiet: flags.quiet,
        no_executables: true,
        named_files: sensitive_files.iter().cloned().chain(accounts).collect(),
        ..SessionOptions::default()
    };
    let session = Session::unjudged(&options)?;
    let (looked, image) = look(&session, flags)?;
    let known = KNOWN_VARIABLES.iter().map(|name| (*name).to_owned());
    let known_variables: Vec<String> = flags.accept_key.iter().cloned().chain(known).collect();
    let facts = Facts {
        inventory: &looked.inventory,
        subject: &looked.subject,
        problems: &looked.problems,
        at: None,
        known_variables: &known_variables,
    };
    let findings = plimsoll_checks::image::findings_of(&facts, &checkpoints::is_wanted);
    let choices = Choices {
        ignored: ignored(flags)?,
        accepted_files: flags.accepted_files(),
        sensitive_files,
        sensitive_words: flags.sensitive_word.iter().filter(|word| !word.is_empty()).cloned().collect(),
        named: flags.input.is_none(),
        content_trust: std::env::var_os("DOCKER_CONTENT_TRUST").is_some_and(|value| value == "1"),
        debug: flags.debug,
    };
    let details = details(&image, &findings, &looked.inventory, &choices);
    let text = match flags.format {
        Format::List => formats::list(&details, colour(flags)),
        Format::Json => formats::json(flags.input.is_none().then_some(&image), &details).context("write the report")?,
        Format::Sarif => formats::sarif(&details).context("write the report")?,
    };
    write_out(flags.output.as_deref(), text.as_bytes())?;
    if flags.exit_code != 0 && alarms(&details, flags) {
        return Ok(Exit::Other(flags.exit_code));
    }
    let doubts = super::unread(&[looked.problems, looked.inventory.problems].concat());
    if doubts.is_empty() || super::undecided_is_allowed() {
        return Ok(Exit::Allowed);
    }
    super::tell_doubts(&doubts);
    Ok(FAILURE)
}

fn alarms(details: &[Detail], flags: &Flags) -> bool {
    details.iter().any(|detail| detail.level >= flags.exit_level)
}

fn look(session: &Session, flags: &Flags) -> anyhow::Result<(Looked, String)> {
    let reach = flags.reach();
    let name = match (&flags.input, flags.targets.first()) {
        (Some(path), _) => path.display().to_string(),
        (None, Some(name)) => name.clone(),
        (None, None) => bail!("tell what to look at: name an image or --input FILE; see `plimsoll dockle --help`"),
    };
    let meter = Meter::new(session.quiet, &name);
    let resolved = match &flags.input {
        Some(_) => crate::reach::open_input(&name, &reach, &session.cache_dir)?,
        None => {
            let socket = flags.host.as_deref().filter(|host| !host.is_empty()).map(socket).transpose()?;
            crate::reach::open_nearest(&name, socket, &reach, &session.cache_dir, &meter)?
        }
    };
    Ok((assess::look(session, resolved, &name, &meter), name))
}

fn socket(host: &str) -> anyhow::Result<&Path> {
    let path = host.strip_prefix("unix://").or_else(|| host.starts_with('/').then_some(host));
    path.map(Path::new)
        .with_context(|| format!("speak to the engine at {host:?}: only unix:// addresses are spoken to"))
}

/// The codes of the flags and of the ignore file.
fn ignored(flags: &Flags) -> anyhow::Result<Vec<String>> {
    let mut codes = flags.ignore.clone();
    match std::fs::read_to_string(IGNORE_FILE) {
        Ok(text) => {
            let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
            codes.extend(lines.filter(|line| !line.is_empty()).map(str::to_owned));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("read {IGNORE_FILE}")),
    }
    Ok(codes)
}

/// Colours are for people: not for files, pipes, or those who said so (<https://no-color.org>).
fn colour(flags: &Flags) -> bool {
    let refused = flags.no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !refused && flags.output.is_none() && std::io::stdout().is_terminal()
}
