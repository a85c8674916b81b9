//! hadolint's flags as data.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgAction, Parser};

use super::config::{LEVEL_NAMES, Part, label};
use super::formats::Format;
use super::levels::Level;
use crate::cli::parse_time;

/// Whose command line this is, as `--version` says it.
pub const SPOKEN: &str = "2.15.1";

#[derive(Debug, Parser)]
#[command(
    name = "hadolint",
    bin_name = "plimsoll hadolint",
    about = "hadolint's command line over Plimsoll's Dockerfile rules",
    disable_version_flag = true,
    after_help = "Examples:\n  plimsoll hadolint Dockerfile\n  plimsoll hadolint -f sarif -o report.sarif Dockerfile images/*/Dockerfile\n  plimsoll hadolint --ignore DL3008 -t warning - < Dockerfile\n\nExit codes: 0, or 1 where something at or above the threshold was found or could not be read"
)]
struct Line {
    /// Files to look at; - is standard input
    #[arg(value_name = "DOCKERFILE")]
    files: Vec<OsString>,
    /// Show the version
    #[arg(short = 'v', long)]
    version: bool,
    /// Configuration file; else .hadolint.yaml here, then those of the user
    #[arg(short, long, value_name = "FILENAME")]
    config: Option<PathBuf>,
    /// Name of the file in checkstyle, codeclimate, gitlab_codeclimate, sonarqube and junit reports
    #[arg(long, value_name = "FILEPATHINREPORT")]
    file_path_in_report: Option<String>,
    /// Write the report into a file
    #[arg(short, long, value_name = "OUTPUT")]
    output: Option<PathBuf>,
    /// Exit with 0 whatever was found
    #[arg(long)]
    no_fail: bool,
    /// No colours
    #[arg(long)]
    no_color: bool,
    /// Say on standard error which settings hold
    #[arg(short = 'V', long)]
    verbose: bool,
    /// tty, json, checkstyle, codeclimate, gitlab_codeclimate, gnu, codacy, sonarqube, sarif or junit
    #[arg(short, long, value_name = "FORMAT", action = ArgAction::Append, value_parser = |word: &str| Format::parse(word).ok_or_else(Format::names))]
    format: Vec<Format>,
    /// Give a rule the level error (repeatable, as those below)
    #[arg(long, value_name = "RULECODE")]
    error: Vec<String>,
    /// Give a rule the level warning
    #[arg(long, value_name = "RULECODE")]
    warning: Vec<String>,
    /// Give a rule the level info
    #[arg(long, value_name = "RULECODE")]
    info: Vec<String>,
    /// Give a rule the level style
    #[arg(long, value_name = "RULECODE")]
    style: Vec<String>,
    /// Leave a rule out
    #[arg(long, value_name = "RULECODE")]
    ignore: Vec<String>,
    /// A registry that bases may come from
    #[arg(long, value_name = "REGISTRY")]
    trusted_registry: Vec<String>,
    /// A label that must be there, and the form of its value: maintainer:text
    #[arg(long, value_name = "LABELSCHEMA")]
    require_label: Vec<String>,
    /// No other labels than those of the schema
    #[arg(long)]
    strict_labels: bool,
    /// Take no notice of ignore comments
    #[arg(long)]
    disable_ignore_pragma: bool,
    /// Fail from this level on: error, warning, info, style, ignore or none [default: info]
    #[arg(short = 't', long, value_name = "THRESHOLD", value_parser = |word: &str| Level::parse(word).ok_or(LEVEL_NAMES))]
    failure_threshold: Option<Level>,
    #[arg(long, hide = true, env = "PLIMSOLL_AT", value_parser = parse_time)]
    at: Option<jiff::Timestamp>,
}

/// The flags, read and checked.
#[derive(Debug)]
pub struct Flags {
    pub files: Vec<OsString>,
    pub config: Option<PathBuf>,
    pub file_path_in_report: Option<String>,
    pub output: Option<PathBuf>,
    /// When the report says it was made; now where nobody says.
    pub at: Option<jiff::Timestamp>,
    pub part: Part,
}

/// Reads the arguments that follow `hadolint`.
pub fn parse(args: &[OsString]) -> Result<Flags, clap::Error> {
    let line = Line::try_parse_from(std::iter::once(OsString::from("hadolint")).chain(args.iter().cloned()))?;
    if line.version {
        let words = format!("plimsoll hadolint {}, in the words of hadolint {SPOKEN}\n", env!("CARGO_PKG_VERSION"));
        return Err(clap::Error::raw(ErrorKind::DisplayVersion, words));
    }
    let mut part = Part {
        formats: line.format,
        threshold: line.failure_threshold,
        no_fail: line.no_fail,
        no_color: line.no_color,
        verbose: line.verbose,
        strict_labels: line.strict_labels,
        disable_ignore_pragma: line.disable_ignore_pragma,
        ignored: line.ignore,
        trusted_registries: line.trusted_registry,
        ..Part::default()
    };
    for (level, codes) in [
        (Level::Error, line.error),
        (Level::Warning, line.warning),
        (Level::Info, line.info),
        (Level::Style, line.style),
    ] {
        if !codes.is_empty() {
            part.overrides.insert(level, codes);
        }
    }
    for text in &line.require_label {
        let pair = label(text).map_err(|error| clap::Error::raw(ErrorKind::InvalidValue, format!("{error}\n")))?;
        part.labels.push(pair);
    }
    if line.files.is_empty() {
        return Err(clap::Error::raw(ErrorKind::MissingRequiredArgument, "Please provide a Dockerfile\n"));
    }
    Ok(Flags {
        files: line.files,
        config: line.config,
        file_path_in_report: line.file_path_in_report,
        output: line.output,
        at: line.at,
        part,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(line: &str) -> Result<Flags, clap::Error> {
        parse(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn lines_that_scripts_hold_are_read() {
        let f = flags("--ignore DL3008 --ignore=SC2086 -t warning -f json -c a.yaml --error DL3009 Dockerfile - b")
            .unwrap();
        assert_eq!((f.files.len(), f.part.ignored.len(), f.part.threshold), (3, 2, Some(Level::Warning)));
        assert_eq!((f.part.formats, f.config), (vec![Format::Json], Some(PathBuf::from("a.yaml"))));
        let f = flags("x -V --require-label a:url --require-label b --strict-labels --no-color").unwrap();
        assert!(f.part.verbose && f.part.strict_labels && f.part.no_color && f.part.labels.len() == 2);
        assert_eq!(flags("-f json -f gnu x").unwrap().part.formats, [Format::Json, Format::Gnu]);
    }

    #[test]
    fn what_hadolint_refuses_is_refused() {
        for line in ["", "-f xml x", "-t DL3006 x", "-t info -t error x", "--require-label a:b x", "--bogus x"] {
            assert!(flags(line).unwrap_err().use_stderr(), "{line}");
        }
        for line in ["--version", "-v x", "--help"] {
            assert!(!flags(line).unwrap_err().use_stderr(), "{line}");
        }
    }
}
