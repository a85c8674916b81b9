//! The commands, one file each. In: parsed flags. Out: an exit status. What they share stands here: the session that flags
//! ask for, and the way a report leaves the program.

pub mod check;
pub mod db;
pub mod docs;
pub mod doctor;
pub mod explain;
pub mod init;
pub mod install;
pub mod judge;
pub mod lint;
pub mod policy;
pub mod rules;
pub mod sbom;
pub mod sigstore;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use plimsoll_model::{Assessment, Ecosystem, Outcome, Problem, ProblemKind, Report, ToolInfo};
use plimsoll_report::{FORMATS, Format, RenderOptions};

use crate::assess;
use crate::cli::{ColourChoice, Global, JudgeArgs};
use crate::exit::Exit;
use crate::session::{DataChoice, RULES, Session, SessionOptions};

/// The session that a judging command's flags ask for; `near` is where a policy file may lie.
pub fn session(global: &Global, judge: &JudgeArgs, mut near: Vec<PathBuf>) -> anyhow::Result<Session> {
    // Said before an image is pulled for a report that could not be written.
    for path in &judge.save {
        format_of(path)?;
    }
    // `check deploy/` from the project's folder means the project's policy.
    near.push(PathBuf::from("."));
    Session::open(&SessionOptions {
        policy: judge.policy.clone(),
        near,
        namespace: judge.namespace.clone(),
        at: judge.at,
        vex: judge.vex.clone(),
        databases: if judge.db.is_empty() { DataChoice::Machine } else { DataChoice::These(judge.db.clone()) },
        cache_dir: global.cache_dir.clone(),
        quiet: global.quiet,
        no_executables: judge.no_executables,
        no_secrets: judge.no_secrets,
        named_files: Vec::new(),
    })
}

/// The report of a run over judged assessments.
pub fn report(session: &Session, assessments: Vec<Assessment>) -> Report {
    let verdicts = assessments.iter().filter_map(|assessment| assessment.verdict.as_ref());
    let outcome = plimsoll_policy::overall(verdicts);
    let unused = plimsoll_policy::unused(&session.policy, &assess::context(session), &assessments);
    Report {
        schema_version: plimsoll_report::SCHEMA_VERSION,
        tool: tool(),
        at: session.at,
        policy: session.policy_info(),
        databases: session.database_infos.clone(),
        assessments,
        problems: unused.into_iter().map(|words| Problem::note(ProblemKind::BadInput, words)).collect(),
        outcome,
    }
}

/// Name and version, as reports carry them.
pub fn tool() -> ToolInfo {
    ToolInfo { name: "plimsoll".into(), version: env!("CARGO_PKG_VERSION").into() }
}

/// Renders the report to where the flags say, and gives the exit status.
pub fn deliver(global: &Global, judge: &JudgeArgs, report: &Report) -> anyhow::Result<Exit> {
    let format = named_format(&judge.format)?;
    let to_terminal = judge.output.is_none() && std::io::stdout().is_terminal();
    let options = render_options(global, judge, to_terminal);
    let bytes = (format.render)(report, &options)?;
    write_out(judge.output.as_deref(), &bytes)?;
    for path in &judge.save {
        let format = format_of(path)?;
        let options = RenderOptions { colour: false, width: 100, ..options };
        write_out(Some(path), &(format.render)(report, &options)?)?;
    }
    Ok(exit(report.outcome, judge.exit_code))
}

/// The verdict's status, or the one asked for when the verdict is not "allowed".
pub fn exit(outcome: Outcome, asked: Option<u8>) -> Exit {
    match (outcome, asked) {
        (Outcome::Allowed, _) | (_, None) => Exit::from(outcome),
        (_, Some(code)) => Exit::Other(code),
    }
}

/// How to render for this terminal, file or pipe.
pub fn render_options<'a>(global: &Global, judge: &JudgeArgs, to_terminal: bool) -> RenderOptions<'a> {
    let (colour, width) = (coloured(global, to_terminal), columns(judge.width, to_terminal));
    RenderOptions { colour, width, verbose: judge.verbose, rules: &RULES, version_order }
}

/// Whether the report is painted.
pub fn coloured(global: &Global, to_terminal: bool) -> bool {
    match global.color {
        ColourChoice::Always => true,
        ColourChoice::Never => false,
        // https://no-color.org: any value that is not empty.
        ColourChoice::Auto => to_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    }
}

/// The columns that a report may take.
pub fn columns(asked: Option<usize>, to_terminal: bool) -> usize {
    asked.or_else(|| to_terminal.then(terminal_width).flatten()).unwrap_or(100).clamp(40, 400)
}

/// The ecosystem's own order; versions that it cannot place are ordered as text, for display alone.
fn version_order(ecosystem: Ecosystem, a: &str, b: &str) -> std::cmp::Ordering {
    plimsoll_advisories::versions::order_of(ecosystem).compare(a, b).unwrap_or_else(|_| a.cmp(b))
}

fn terminal_width() -> Option<usize> {
    console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns))
}

fn named_format(name: &str) -> anyhow::Result<&'static Format> {
    plimsoll_report::format(name).with_context(|| format!("find the format {name:?}"))
}

/// The format that a file's name asks for: `.sarif`, `.cdx.json`, `.spdx.json`, or a format's own extension.
fn format_of(path: &Path) -> anyhow::Result<&'static Format> {
    let name = path.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let by_suffix = [
        (".sarif", "sarif"),
        (".sarif.json", "sarif"),
        (".cdx.json", "cyclonedx"),
        (".spdx.json", "spdx"),
        (".junit.xml", "junit"),
        (".xml", "junit"),
    ];
    if let Some((_, format)) = by_suffix.iter().find(|(suffix, _)| name.ends_with(suffix)) {
        return named_format(format);
    }
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match FORMATS.iter().find(|format| format.extension == extension) {
        Some(format) => Ok(format),
        None => {
            let mut known: Vec<&str> = FORMATS.iter().map(|format| format.extension).collect();
            known.dedup();
            bail!("tell the format of {}: its name ends in none of {}", path.display(), known.join(", "))
        }
    }
}

/// Writes to a file, whole or not at all, or to standard output.
pub fn write_out(path: Option<&Path>, bytes: &[u8]) -> anyhow::Result<()> {
    match path {
        None => {
            let mut out = std::io::stdout().lock();
            match out.write_all(bytes).and_then(|()| out.flush()) {
                // `plimsoll … | head` closed the pipe: the reader has what it wants.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
                other => other.context("write to standard output"),
            }
        }
        Some(path) => {
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let write = || -> std::io::Result<()> {
                // Devices and pipes cannot be replaced by a rename.
                if path.exists() && !path.is_file() {
                    return std::fs::write(path, bytes);
                }
                let mut file = tempfile::NamedTempFile::new_in(folder)?;
                file.write_all(bytes)?;
                readable_by_all(file.as_file())?;
                file.persist(path).map_err(|error| error.error)?;
                Ok(())
            };
            write().with_context(|| format!("write {}", path.display()))
        }
    }
}

/// Temporary files are private; a report is not.
fn readable_by_all(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}
