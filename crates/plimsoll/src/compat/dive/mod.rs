//! Dive's command line for CI. In: its flags and `.dive-ci`. Out: its figures, table and results, or its export, and its
//! exit codes: 0, and 1 when a rule failed or for errors. Where a layer could not be read we exit 1 and say why, unless
//! `--ignore-errors`. The interactive mode is not here.

mod flags;
mod report;
mod rules;

use std::ffi::OsString;

use anyhow::{Context as _, bail};
use plimsoll_inventory::Options;

use crate::commands::write_out;
use crate::exit::Exit;
use crate::progress::Meter;

use flags::{Flags, Source};
use rules::Status;

/// Dive's status for a failed rule and for anything that went wrong.
const FAILURE: Exit = Exit::Other(1);

/// Runs the personality.
pub fn run(args: &[OsString]) -> Exit {
    if args.first().is_some_and(|word| word == "build") {
        eprintln!("FATAL\tcould not build an image: build it with docker or podman, then `plimsoll dive --ci IMAGE`");
        return FAILURE;
    }
    let flags = match flags::parse(args) {
        Ok(flags) => flags,
        Err(error) => {
            let failed = error.use_stderr();
            // Nothing can be done when standard error is closed.
            let _ = error.print();
            return if failed { FAILURE } else { Exit::Allowed };
        }
    };
    match measure(&flags) {
        Ok(exit) => exit,
        Err(error) => {
            super::tell_failure(&error);
            FAILURE
        }
    }
}

/// `CI=true` as Go reads a boolean.
fn ci_is_set() -> bool {
    std::env::var("CI").is_ok_and(|value| matches!(value.as_str(), "1" | "t" | "T" | "true" | "TRUE" | "True"))
}

fn measure(flags: &Flags) -> anyhow::Result<Exit> {
    // In a CI whose environment says so, `--json` alone exports, as it does in dive.
    let judges = flags.ci || flags.json.is_none() && ci_is_set();
    if !judges && flags.json.is_none() {
        bail!("show layers interactively: this program has no such mode; `--ci` checks and `--json FILE` exports");
    }
    let thresholds = if judges { rules::thresholds(flags)? } else { rules::Thresholds::default() };
    let (source, name) = flags.place();
    let cache = crate::dirs::cache(None);
    let meter = Meter::new(false, name);
    let resolved = match source {
        Source::Archive => crate::reach::open_input(name, &flags.reach, &cache)?,
        Source::Engine => crate::reach::open_nearest(name, None, &flags.reach, &cache, &meter)?,
        Source::Registry => crate::reach::open(name, crate::cli::Origin::Registry, &flags.reach, &cache, &meter)?,
    };
    let mut files: Vec<Vec<report::File>> = Vec::new();
    let wants_files = flags.json.is_some();
    let progress = |progress: plimsoll_inventory::Progress| meter.unpacked(progress.done, progress.total);
    let options = Options { progress: Some(&progress), ..Options::default() };
    let measured =
        plimsoll_inventory::efficiency(Some(resolved.config), resolved.layers, &options, &mut |layer, entry| {
            if wants_files {
                files.resize_with(files.len().max(layer + 1), Vec::new);
                files[layer].push(report::File::of(entry));
            }
        });
    meter.finish();
    let doubts = super::unread(&[resolved.problems, measured.problems.clone()].concat());
    let undecided = !doubts.is_empty() && !flags.ignore_errors && !super::undecided_is_allowed();
    if let Some(path) = &flags.json {
        let mut text = serde_json::to_string_pretty(&report::export(&measured, files)).context("write the export")?;
        text.push('\n');
        write_out(Some(path), text.as_bytes())?;
    }
    let mut failed = false;
    if judges {
        let outcomes = rules::outcomes(&thresholds.values, &measured);
        let config = match &thresholds.file {
            Some(file) => format!("  Using CI config: {}\n", plimsoll_report::safe(file)),
            None => "  Using default CI config\n".to_owned(),
        };
        let text =
            [config, report::figures(&measured), report::files(&measured), report::results(&outcomes, undecided)]
                .concat();
        write_out(None, text.as_bytes())?;
        failed = outcomes.iter().any(|outcome| matches!(outcome.status, Status::Fail | Status::Misconfigured));
    }
    if undecided {
        super::tell_doubts(&doubts);
        return Ok(FAILURE);
    }
    Ok(if failed { FAILURE } else { Exit::Allowed })
}
