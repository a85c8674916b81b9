//! Trivy's command line. In: its flags. Out: its JSON or table, and its exit codes: 0, what `--exit-code` says for
//! findings, 1 for errors. Where Trivy would exit 0 although something could not be told, we exit 1 and say why;
//! `PLIMSOLL_UNDECIDED=allow` restores the old behaviour.

mod flags;
mod json;
mod rows;
mod table;

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use plimsoll_model::{Assessment, CoverageState, MatchState, ProblemEffect, Severity};

use crate::assess::{self, Gathered};
use crate::exit::Exit;
use crate::session::{DataChoice, Session, SessionOptions};

use flags::{Command, Flags};

/// Trivy's status for anything that went wrong.
const FAILURE: Exit = Exit::Other(1);

/// Runs the personality over our own cache folder.
pub fn run(args: &[OsString]) -> Exit {
    run_in(args, None)
}

/// The same, with `cache_dir` for what is ours.
pub fn run_in(args: &[OsString], cache_dir: Option<&Path>) -> Exit {
    let (command, flags) = match flags::parse(args) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version are no errors; everything else is Trivy's 1.
            let failed = error.use_stderr();
            let _ = error.print();
            return if failed { FAILURE } else { Exit::Allowed };
        }
    };
    match scan(&command, &flags, cache_dir) {
        Ok(exit) => exit,
        Err(error) => {
            eprintln!("FATAL\tcould not {}", crate::message::chain(&error));
            if let Some(hint) = crate::message::hint(&error) {
                eprintln!("FATAL\thint: {}", plimsoll_report::safe(&hint));
            }
            FAILURE
        }
    }
}

fn scan(command: &Command, flags: &Flags, cache_dir: Option<&Path>) -> anyhow::Result<Exit> {
    let options = SessionOptions {
        at: flags.at,
        databases: databases(flags)?,
        cache_dir: cache_dir.map(Path::to_owned),
        quiet: flags.quiet || flags.no_progress,
        ..SessionOptions::default()
    };
    let session = Session::unjudged(&options)?;
    if flags.download_db_only {
        return crate::commands::db::update(&flags.db_repository, &flags.reach(), &options).map(|()| Exit::Allowed);
    }
    let (gathered, name, artifact_type) = gather(&session, command, flags)?;
    let assessment = &gathered.assessment;
    let filter = rows::Filter {
        severities: flags.severities(),
        ignore_unfixed: flags.ignore_unfixed,
        ignored: ignored(flags)?,
        os: flags.wants_os(),
        library: flags.wants_library(),
        vulnerabilities: flags.scans("vuln"),
        all_packages: flags.list_all_packages(),
        dev_dependencies: flags.include_dev_deps,
    };
    let groups = rows::groups(assessment, &name, &filter);
    let bytes = match flags.format() {
        flags::Format::Json => {
            let facts = json::DocumentFacts {
                artifact_name: &name,
                artifact_type,
                at: session.at,
                repo_tags: &gathered.repo_tags,
                repo_digests: &gathered.repo_digests,
            };
            json::bytes(&json::document(assessment, &groups, &facts)).context("write the report")?
        }
        flags::Format::Table => table::text(&groups, &filter.severities, filter.vulnerabilities).into_bytes(),
    };
    match &flags.output {
        Some(path) => std::fs::write(path, &bytes).with_context(|| format!("write {}", path.display()))?,
        None => std::io::stdout().write_all(&bytes).context("write the report")?,
    }
    if groups.iter().any(|group| !group.rows.is_empty()) && flags.exit_code != 0 {
        return Ok(Exit::Other(flags.exit_code));
    }
    // What was not looked for is not "none found".
    let mut doubts: Vec<String> = flags.not_looked_for().map(not_looked_for).collect();
    if flags.scans("vuln") {
        doubts.extend(self::doubts(assessment));
    }
    if doubts.is_empty() || super::undecided_is_allowed() {
        return Ok(Exit::Allowed);
    }
    for doubt in doubts.iter().take(MAX_DOUBTS) {
        eprintln!("ERROR\tcould not tell: {doubt}");
    }
    if doubts.len() > MAX_DOUBTS {
        eprintln!("ERROR\tcould not tell: {} more", doubts.len() - MAX_DOUBTS);
    }
    eprintln!("ERROR\tthe report may be incomplete, so this is no success (PLIMSOLL_UNDECIDED=allow to accept that)");
    Ok(FAILURE)
}

fn not_looked_for(scanner: &str) -> String {
    let instead = match scanner {
        "secret" => "; `plimsoll image` looks for secrets",
        _ => "",
    };
    format!("--scanners {scanner}: this version of the trivy command looks for vulnerabilities only{instead}")
}

/// Lines of doubt that are worth reading on a terminal.
const MAX_DOUBTS: usize = 10;

/// Everything that could not be told, one line each.
fn doubts(assessment: &Assessment) -> Vec<String> {
    let problems = assessment.problems.iter().filter(|p| p.effect == ProblemEffect::Undecided).map(ToString::to_string);
    let matches = assessment.matches.iter().filter_map(|found| match &found.state {
        MatchState::Undecided { reason } => Some(format!("{} in {}: {reason}", found.id, found.name)),
        _ => None,
    });
    let coverage = assessment.coverage.iter().filter_map(|coverage| match &coverage.state {
        CoverageState::Covered => None,
        CoverageState::BaselineOnly => Some(format!(
            "{} packages of {}: only the embedded baseline was asked (plimsoll db update)",
            coverage.packages, coverage.what
        )),
        CoverageState::NoData { reason } => {
            Some(format!("{} packages of {}: {reason}", coverage.packages, coverage.what))
        }
    });
    let mut lines: Vec<String> = problems.chain(matches).chain(coverage).map(|line| table::clean(&line)).collect();
    lines.dedup();
    lines
}

fn gather(session: &Session, command: &Command, flags: &Flags) -> anyhow::Result<(Gathered, String, &'static str)> {
    let target = |what: &str| {
        flags.targets.first().cloned().with_context(|| format!("{what} takes a target; see `plimsoll trivy --help`"))
    };
    let gathered = match command {
        Command::Image => match &flags.input {
            Some(input) => {
                let name = input.display().to_string();
                (assess::input(session, &name, None, &flags.reach())?, name, "container_image")
            }
            None => {
                let name = target("image")?;
                (
                    assess::image(session, &name, None, crate::cli::Origin::Registry, &flags.reach())?,
                    name,
                    "container_image",
                )
            }
        },
        Command::Filesystem => {
            let name = target("fs")?;
            (assess::project(session, Path::new(&name))?, name, "filesystem")
        }
        Command::Repository => {
            let name = target("repo")?;
            if name.contains("://") {
                bail!("clone {name} first: `git clone` it and scan the folder with `fs`; this version clones nothing");
            }
            (assess::project(session, Path::new(&name))?, name, "repository")
        }
        Command::Rootfs => {
            let name = target("rootfs")?;
            (assess::rootfs(session, Path::new(&name))?, name, "filesystem")
        }
        Command::Sbom => {
            let name = target("sbom")?;
            let (gathered, kind) = assess::sbom(session, Path::new(&name))?;
            (gathered, name, kind.trivy_name())
        }
    };
    Ok(gathered)
}

/// The database that Trivy's own cache holds, where it holds one; else the machine's.
fn databases(flags: &Flags) -> anyhow::Result<DataChoice> {
    let cache = match &flags.cache_dir {
        Some(dir) => Some(dir.clone()),
        None => crate::dirs::user_cache().map(|dir| dir.join("trivy")),
    };
    let path = cache.map(|dir| dir.join("db").join("trivy.db"));
    Ok(match path {
        Some(path) if path.exists() => DataChoice::Only(vec![path]),
        Some(path) if flags.cache_dir.is_some() => {
            bail!("find the database {}; fetch it with `plimsoll db update`, or leave --cache-dir away", path.display())
        }
        _ => DataChoice::Machine,
    })
}

/// Ids of the ignore file: one a line, `#` starts a comment; a date after `exp:` ends an entry.
fn ignored(flags: &Flags) -> anyhow::Result<Vec<String>> {
    let (path, asked) = match &flags.ignorefile {
        Some(path) => (path.clone(), true),
        None => (PathBuf::from(".trivyignore"), false),
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !asked => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
    };
    let today = flags.at.unwrap_or_else(jiff::Timestamp::now).to_zoned(jiff::tz::TimeZone::UTC).date();
    let mut ids = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(id) = words.next() else { continue };
        let expiry = words.find_map(|word| word.strip_prefix("exp:"));
        let over = match expiry {
            None => false,
            Some(date) => {
                date.parse::<jiff::civil::Date>().map_err(|_| {
                    anyhow::anyhow!("read {}:{}: {date:?} is no date (exp:2026-01-31)", path.display(), number + 1)
                })? < today
            }
        };
        if !over {
            ids.push(id.to_owned());
        }
    }
    Ok(ids)
}

/// Trivy's severities, all of them, highest last.
fn all_severities() -> Vec<Severity> {
    Severity::ALL.to_vec()
}
