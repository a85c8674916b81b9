//! Trivy's flags as data: those that the seeds of its users' scripts hold. A flag that we do not honour yet is refused by
//! name rather than ignored, unless ignoring it changes nothing that is reported.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use plimsoll_model::{Platform, Severity};

use crate::cli::{ReachArgs, parse_time};

#[derive(Debug, Parser)]
#[command(
    name = "trivy",
    bin_name = "plimsoll trivy",
    version,
    about = "Trivy's command line over Plimsoll's pipeline",
    after_help = "Examples:\n  plimsoll trivy image nginx:1.21\n  plimsoll trivy image --exit-code 1 --severity CRITICAL nginx:1.21\n  plimsoll trivy image --input image.tar\n  plimsoll trivy fs .\n\nExit codes: 0, what --exit-code says when there are findings, 1 for errors and where nothing could be told"
)]
struct Line {
    #[command(flatten)]
    early: Early,
    #[command(subcommand)]
    command: Sub,
}

/// Flags that Trivy takes before the command too.
#[derive(Debug, Clone, Args)]
struct Early {
    #[arg(short = 'q', long, global = true, env = "TRIVY_QUIET")]
    quiet: bool,
    #[arg(long, global = true, env = "TRIVY_CACHE_DIR", value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    #[arg(short = 'd', long, global = true, env = "TRIVY_DEBUG", hide = true)]
    debug: bool,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// Scan a container image
    #[command(visible_alias = "i")]
    Image(ScanArgs),
    /// Scan a project folder
    #[command(name = "filesystem", visible_alias = "fs")]
    Filesystem(ScanArgs),
    /// Scan a checked-out repository
    #[command(name = "repository", visible_alias = "repo")]
    Repository(ScanArgs),
    /// Scan an unpacked root file system
    Rootfs(ScanArgs),
    /// Scan an SBOM
    Sbom(ScanArgs),
}

/// What is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    Image,
    Filesystem,
    Repository,
    Rootfs,
    Sbom,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Json,
}

/// On or off, as Go's flags are written: `--flag`, `--flag=false`.
const SWITCH: ArgAction = ArgAction::Set;

#[derive(Debug, Clone, Args)]
struct ScanArgs {
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Severities to show
    #[arg(short = 's', long, env = "TRIVY_SEVERITY", value_delimiter = ',', value_name = "LIST")]
    severity: Vec<String>,
    /// Exit with this status when something is found
    #[arg(long, env = "TRIVY_EXIT_CODE", default_value_t = 0, value_name = "N")]
    exit_code: u8,
    /// Show only what has a fix
    #[arg(long, env = "TRIVY_IGNORE_UNFIXED", action = SWITCH, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    ignore_unfixed: bool,
    /// Read an archive or OCI layout
    #[arg(long, env = "TRIVY_INPUT", value_name = "PATH")]
    input: Option<PathBuf>,
    #[arg(short = 'f', long, env = "TRIVY_FORMAT", value_enum, default_value = "table")]
    format: Format,
    #[arg(short = 'o', long, env = "TRIVY_OUTPUT", value_name = "FILE")]
    output: Option<PathBuf>,
    /// What to look for; this version looks for vulnerabilities
    #[arg(long, env = "TRIVY_SCANNERS", value_delimiter = ',', alias = "security-checks", value_parser = ["vuln", "misconfig", "config", "secret", "license", "none"], value_name = "LIST")]
    scanners: Vec<String>,
    #[arg(long, env = "TRIVY_PKG_TYPES", value_delimiter = ',', alias = "vuln-type", value_parser = ["os", "library"], value_name = "LIST")]
    pkg_types: Vec<String>,
    #[arg(long, env = "TRIVY_LIST_ALL_PKGS", action = SWITCH, num_args = 0..=1, require_equals = true, default_value = None, default_missing_value = "true")]
    list_all_pkgs: Option<bool>,
    #[arg(long, env = "TRIVY_INCLUDE_DEV_DEPS", action = SWITCH, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    include_dev_deps: bool,
    #[arg(long, env = "TRIVY_IGNOREFILE", value_name = "FILE")]
    ignorefile: Option<PathBuf>,
    #[arg(long, env = "TRIVY_PLATFORM", value_name = "PLATFORM", value_parser = |text: &str| Platform::parse(text).ok_or("write it as os/arch"))]
    platform: Option<Platform>,
    #[arg(long, env = "TRIVY_DB_REPOSITORY", value_delimiter = ',', value_name = "REF")]
    db_repository: Vec<String>,
    /// Fetch the database and stop
    #[arg(long)]
    download_db_only: bool,
    /// Fetch the image's registry from another: docker.io=HOST
    #[arg(long, env = "PLIMSOLL_MIRROR", value_delimiter = ',', value_name = "REGISTRY=HOST")]
    mirror: Vec<String>,
    #[arg(long, hide = true, env = "PLIMSOLL_AT", value_parser = parse_time)]
    at: Option<jiff::Timestamp>,
    /// Seconds or 5m0s until an image is given up
    #[arg(long, env = "TRIVY_TIMEOUT", default_value = "5m0s", value_parser = crate::compat::seconds, value_name = "DURATION")]
    timeout: u64,
    // Taken because scripts hold them; they change nothing here: no database is fetched while scanning, nothing is phoned home.
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    skip_db_update: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    skip_java_db_update: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", aliases = ["skip-policy-update"])]
    skip_check_update: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    skip_version_check: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    disable_telemetry: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    offline_scan: Option<String>,
    #[arg(long, env = "TRIVY_NO_PROGRESS", num_args = 0..=1, require_equals = true, action = SWITCH, default_value = "false", default_missing_value = "true")]
    no_progress: bool,
    #[arg(long, hide = true, value_name = "N")]
    parallel: Option<u32>,
}

/// The flags, read and checked.
#[derive(Debug)]
pub struct Flags {
    pub quiet: bool,
    pub no_progress: bool,
    pub cache_dir: Option<PathBuf>,
    pub targets: Vec<String>,
    pub exit_code: u8,
    pub ignore_unfixed: bool,
    pub input: Option<PathBuf>,
    pub output: Option<PathBuf>,
    pub include_dev_deps: bool,
    pub ignorefile: Option<PathBuf>,
    pub db_repository: Vec<String>,
    pub download_db_only: bool,
    pub at: Option<jiff::Timestamp>,
    format: Format,
    severities: Vec<Severity>,
    scanners: Vec<String>,
    pkg_types: Vec<String>,
    list_all_pkgs: Option<bool>,
    platform: Option<Platform>,
    mirror: Vec<String>,
    timeout: u64,
}

/// Reads the arguments that follow `trivy`.
pub fn parse(args: &[OsString]) -> Result<(Command, Flags), clap::Error> {
    let line = Line::try_parse_from(std::iter::once(OsString::from("trivy")).chain(args.iter().cloned()))?;
    let (command, scan) = match line.command {
        Sub::Image(scan) => (Command::Image, scan),
        Sub::Filesystem(scan) => (Command::Filesystem, scan),
        Sub::Repository(scan) => (Command::Repository, scan),
        Sub::Rootfs(scan) => (Command::Rootfs, scan),
        Sub::Sbom(scan) => (Command::Sbom, scan),
    };
    let mut severities = Vec::new();
    for word in &scan.severity {
        let known = Severity::ALL.iter().find(|severity| severity.upper().eq_ignore_ascii_case(word.trim()));
        severities.push(*known.ok_or_else(|| {
            clap::Error::raw(
                clap::error::ErrorKind::InvalidValue,
                format!("{word:?} is not one of UNKNOWN, LOW, MEDIUM, HIGH, CRITICAL\n"),
            )
        })?);
    }
    if severities.is_empty() {
        severities = super::all_severities();
    }
    let flags = Flags {
        quiet: line.early.quiet,
        no_progress: scan.no_progress,
        cache_dir: line.early.cache_dir,
        targets: scan.targets,
        exit_code: scan.exit_code,
        ignore_unfixed: scan.ignore_unfixed,
        input: scan.input,
        output: scan.output,
        include_dev_deps: scan.include_dev_deps,
        ignorefile: scan.ignorefile,
        db_repository: scan.db_repository,
        download_db_only: scan.download_db_only,
        at: scan.at,
        format: scan.format,
        severities,
        scanners: scan.scanners,
        pkg_types: scan.pkg_types,
        list_all_pkgs: scan.list_all_pkgs,
        platform: scan.platform,
        mirror: scan.mirror,
        timeout: scan.timeout,
    };
    Ok((command, flags))
}

impl Flags {
    pub fn format(&self) -> Format {
        self.format
    }

    pub fn severities(&self) -> Vec<Severity> {
        self.severities.clone()
    }

    /// True when the scanner runs: vulnerabilities unless something else was named.
    pub fn scans(&self, scanner: &str) -> bool {
        if self.scanners.is_empty() { scanner == "vuln" } else { self.scanners.iter().any(|s| s == scanner) }
    }

    /// Scanners that were asked for by name and that this version has not.
    pub fn not_looked_for(&self) -> impl Iterator<Item = &str> {
        self.scanners.iter().map(String::as_str).filter(|scanner| !matches!(*scanner, "vuln" | "none"))
    }

    pub fn wants_os(&self) -> bool {
        self.pkg_types.is_empty() || self.pkg_types.iter().any(|t| t == "os")
    }

    pub fn wants_library(&self) -> bool {
        self.pkg_types.is_empty() || self.pkg_types.iter().any(|t| t == "library")
    }

    /// Trivy lists all packages in JSON unless it was told not to.
    pub fn list_all_packages(&self) -> bool {
        self.list_all_pkgs.unwrap_or(self.format == Format::Json)
    }

    pub fn reach(&self) -> ReachArgs {
        ReachArgs {
            platform: self.platform.clone(),
            mirror: self.mirror.clone(),
            timeout: self.timeout,
            ..ReachArgs::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(line: &str) -> (Command, Flags) {
        parse(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn lines_that_scripts_hold_are_read() {
        let (command, f) = flags("image --severity HIGH,CRITICAL --exit-code 1 --ignore-unfixed nginx:1.21");
        assert_eq!(command, Command::Image);
        assert_eq!(f.severities(), [Severity::High, Severity::Critical]);
        assert!(f.ignore_unfixed);
        assert_eq!((f.exit_code, f.targets), (1, vec!["nginx:1.21".to_owned()]));
        let (command, f) = flags(
            "-q --cache-dir /tmp/c repo --skip-db-update --skip-policy-update --format json --parallel 0 --offline-scan dir --scanners vuln --list-all-pkgs=false",
        );
        assert_eq!(command, Command::Repository);
        assert!(f.quiet && !f.list_all_packages() && f.scans("vuln"));
        assert_eq!(f.not_looked_for().count(), 0);
        let (_, other) = flags("image --security-checks vuln,secret x");
        assert_eq!(other.not_looked_for().collect::<Vec<_>>(), ["secret"]);
        assert_eq!(f.cache_dir, Some(PathBuf::from("/tmp/c")));
        assert_eq!(f.targets, ["dir"]);
    }

    #[test]
    fn severities_that_trivy_has_not_are_refused() {
        let args: Vec<OsString> = ["image", "--severity", "HIGHEST", "x"].map(OsString::from).to_vec();
        assert!(parse(&args).is_err());
    }
}
