//! Dockle's flags as data (version 0.4). Its parser is Go's own: `-exit-code` is `--exit-code`, and short names may have two
//! letters (`-ak`). A flag that we do not honour is refused by name, unless ignoring it changes nothing that is reported.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Parser, ValueEnum};
use plimsoll_model::Platform;

use super::checkpoints::Level;
use crate::cli::ReachArgs;

/// On or off, as Go's flags are written: `--flag`, `--flag=false`.
const SWITCH: ArgAction = ArgAction::Set;

/// The flags.
#[derive(Debug, Parser)]
#[command(
    name = "dockle",
    bin_name = "plimsoll dockle",
    version,
    disable_version_flag = true,
    about = "Dockle's command line over Plimsoll's image rules",
    after_help = "Examples:\n  plimsoll dockle nginx:1.27\n  plimsoll dockle --exit-code 1 --exit-level fatal shop/web:1.4.2\n  plimsoll dockle -f json -o result.json --input image.tar\n  plimsoll dockle -i CIS-DI-0005 -ak NPM_CONFIG_KEY shop/web:1.4.2\n\nExit codes: 0, what --exit-code says when there are alerts of --exit-level or above, 1 for errors and where the image could not be read whole"
)]
pub struct Flags {
    /// The image's name: looked for in the engine on this machine, then at its registry
    #[arg(value_name = "IMAGE")]
    pub targets: Vec<String>,
    /// Read an archive or OCI layout instead
    #[arg(long, value_name = "PATH")]
    pub input: Option<PathBuf>,
    /// Checkpoints to ignore, dockle's codes or our rules; .dockleignore has more, one a line
    #[arg(short = 'i', long, env = "DOCKLE_IGNORES", value_delimiter = ',', value_name = "CODE")]
    pub ignore: Vec<String>,
    /// Variables that hold no secret (-ak)
    #[arg(long, alias = "ak", env = "DOCKLE_ACCEPT_KEYS", value_delimiter = ',', value_name = "NAME")]
    pub accept_key: Vec<String>,
    /// Words that make a variable's name suspicious (-sw)
    #[arg(long, alias = "sw", env = "DOCKLE_REJECT_KEYS", value_delimiter = ',', value_name = "WORD")]
    pub sensitive_word: Vec<String>,
    /// Files to leave alone, by path or name (-af)
    #[arg(long, alias = "af", env = "DOCKLE_ACCEPT_FILES", value_delimiter = ',', value_name = "FILE")]
    pub accept_file: Vec<String>,
    /// Files that must not be there, by path or name (-sf)
    #[arg(long, alias = "sf", env = "DOCKLE_REJECT_FILES", value_delimiter = ',', value_name = "FILE")]
    pub sensitive_file: Vec<String>,
    /// Ends of names to leave alone (-ae)
    #[arg(long, alias = "ae", env = "DOCKLE_ACCEPT_FILE_EXTENSIONS", value_delimiter = ',', value_name = "END")]
    pub accept_file_extension: Vec<String>,
    /// Ends of names that must not be there (-se)
    #[arg(long, alias = "se", env = "DOCKLE_REJECT_FILE_EXTENSIONS", value_delimiter = ',', value_name = "END")]
    pub sensitive_file_extension: Vec<String>,
    #[arg(short = 'f', long, env = "DOCKLE_OUTPUT_FORMAT", value_parser = format, default_value = "list", value_name = "list|json|sarif")]
    pub format: Format,
    /// Write to this file
    #[arg(short = 'o', long, env = "DOCKLE_OUTPUT_FILE", value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Exit with this status when there are alerts
    #[arg(short = 'c', long, env = "DOCKLE_EXIT_CODE", default_value_t = 0, value_name = "N")]
    pub exit_code: u8,
    /// The lowest level that counts for --exit-code
    #[arg(short = 'l', long, env = "DOCKLE_EXIT_LEVEL", value_parser = level, default_value = "WARN", value_name = "info|warn|fatal")]
    pub exit_level: Level,
    /// Show ignored checkpoints too
    #[arg(short = 'd', long, env = "DOCKLE_DEBUG", action = SWITCH, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub debug: bool,
    #[arg(short = 'q', long, env = "DOCKLE_QUIET", action = SWITCH, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub quiet: bool,
    #[arg(long, num_args = 0..=1, require_equals = true, action = SWITCH, default_value = "false", default_missing_value = "true")]
    pub no_color: bool,
    /// Seconds or 5m0s until an image is given up
    #[arg(short = 't', long, env = "DOCKLE_TIMEOUT", default_value = "90s", value_parser = crate::compat::seconds, value_name = "DURATION")]
    pub timeout: u64,
    /// The engine's socket: unix:///run/docker.sock
    #[arg(long, env = "DOCKLE_HOST", value_name = "ADDRESS")]
    pub host: Option<String>,
    /// Pick this platform from an index: os/arch[/variant]
    #[arg(long, value_name = "PLATFORM", value_parser = |text: &str| Platform::parse(text).ok_or("write it as os/arch"))]
    pub platform: Option<Platform>,
    /// Fetch the image's registry from another: docker.io=HOST
    #[arg(long, env = "PLIMSOLL_MIRROR", value_delimiter = ',', value_name = "REGISTRY=HOST")]
    pub mirror: Vec<String>,
    /// Speak plain HTTP to this registry host
    #[arg(long, value_name = "HOST")]
    pub plain_http: Vec<String>,
    /// Trust this certificate authority too (PEM)
    #[arg(long, value_name = "FILE")]
    pub ca: Vec<PathBuf>,
    #[arg(short = 'v', long, action = ArgAction::Version)]
    version: Option<bool>,
    // Refused by name: see `refused`.
    #[arg(long, env = "DOCKLE_USERNAME", hide = true, hide_env_values = true)]
    username: Option<String>,
    #[arg(long, env = "DOCKLE_PASSWORD", hide = true, hide_env_values = true)]
    password: Option<String>,
    #[arg(long, env = "DOCKLE_INSECURE", hide = true, action = SWITCH, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    insecure: bool,
    // Taken because scripts hold them; dockle itself reads none of the first two, and the rest changes nothing here.
    #[arg(long, env = "DOCKLE_AUTH_URL", hide = true)]
    authurl: Option<String>,
    #[arg(long, env = "DOCKLE_NON_SSL", hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    nonssl: Option<String>,
    #[arg(long, env = "DOCKLE_CERT_PATH", hide = true)]
    cert_path: Option<String>,
    #[arg(long, hide = true)]
    cache_dir: Option<String>,
    #[arg(long, env = "DOCKLE_VERSION_CHECK", hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    version_check: Option<String>,
    #[arg(short = 'x', long, env = "USE_XDG", hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    use_xdg: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    List,
    Json,
    Sarif,
}

fn format(text: &str) -> Result<Format, String> {
    if text.is_empty() {
        return Ok(Format::List);
    }
    Format::from_str(text, true).map_err(|_| format!("{text:?} is not one of list, json, sarif"))
}

fn level(text: &str) -> Result<Level, String> {
    let known = [Level::Info, Level::Warn, Level::Fatal];
    let level = known.into_iter().find(|level| level.label().eq_ignore_ascii_case(text));
    level.ok_or_else(|| format!("{text:?} is not one of info, warn, fatal"))
}

/// Reads the arguments that follow `dockle`.
pub fn parse(args: &[OsString]) -> Result<Flags, clap::Error> {
    let args = std::iter::once(OsString::from("dockle")).chain(args.iter().map(two_dashes));
    Flags::try_parse_from(args)
}

/// Go takes one dash or two for any name; clap takes one for single letters.
fn two_dashes(arg: &OsString) -> OsString {
    let long = arg.to_str().and_then(|text| {
        let name = text.strip_prefix('-').filter(|rest| !rest.starts_with('-'))?;
        let word = name.split('=').next().unwrap_or(name);
        (word.chars().count() > 1).then(|| format!("--{name}"))
    });
    long.map_or_else(|| arg.clone(), OsString::from)
}

impl Flags {
    /// A flag that would change what is reported and that we do not honour: what to do instead.
    pub fn refused(&self) -> Option<&'static str> {
        if self.username.is_some() || self.password.is_some() {
            return Some(
                "take --username and --password: `docker login` first, or name the folder of a config.json in DOCKER_CONFIG",
            );
        }
        self.insecure
            .then_some("skip the check of certificates (--insecure): trust the registry's authority with --ca FILE")
    }

    pub fn reach(&self) -> ReachArgs {
        ReachArgs {
            platform: self.platform.clone(),
            mirror: self.mirror.clone(),
            plain_http: self.plain_http.clone(),
            ca: self.ca.clone(),
            timeout: self.timeout,
            ..ReachArgs::default()
        }
    }

    /// Files whose presence is an alert, as the session names them.
    pub fn sensitive_files(&self) -> Vec<String> {
        let names = self.sensitive_file.iter().map(|name| name.trim_start_matches('/').to_owned());
        let ends = self.sensitive_file_extension.iter().map(|end| format!(".{}", end.trim_start_matches('.')));
        names.chain(ends).filter(|name| name.len() > 1).collect()
    }

    /// Files that are left alone, likewise.
    pub fn accepted_files(&self) -> Vec<String> {
        let names = self.accept_file.iter().map(|name| name.trim_start_matches('/').to_owned());
        let ends = self.accept_file_extension.iter().map(|end| format!(".{}", end.trim_start_matches('.')));
        names.chain(ends).filter(|name| name.len() > 1).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(line: &str) -> Flags {
        parse(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn lines_that_scripts_hold_are_read() {
        let f = flags("-f json -o r.json --exit-code 1 -l fatal -i CIS-DI-0001 -i DKL-DI-0006 nginx:1.27");
        assert_eq!((f.format, f.exit_code, f.exit_level), (Format::Json, 1, Level::Fatal));
        assert_eq!(f.ignore, ["CIS-DI-0001", "DKL-DI-0006"]);
        assert_eq!(f.targets, ["nginx:1.27"]);
        let f = flags("-ak GPG_KEY -af id_rsa -ae pem -sf .git -se pfx -sw salt -c 3 -no-color -t 5m --input a.tar");
        assert_eq!((f.accept_key[0].as_str(), f.sensitive_word[0].as_str()), ("GPG_KEY", "salt"));
        assert_eq!(f.accepted_files(), ["id_rsa", ".pem"]);
        assert_eq!(f.sensitive_files(), [".git", ".pfx"]);
        assert!(f.no_color && f.timeout == 300 && f.exit_code == 3);
    }

    #[test]
    fn what_changes_nothing_is_taken_and_the_rest_refused_by_name() {
        assert!(flags("--authurl https://x --nonssl --version-check -x y:1").refused().is_none());
        assert!(flags("--username u y:1").refused().unwrap().contains("docker login"));
        assert!(flags("--insecure y:1").refused().unwrap().contains("--ca"));
        for line in ["-l loud x", "-f xml x", "--no-such x"] {
            assert!(parse(&line.split(' ').map(OsString::from).collect::<Vec<_>>()).is_err(), "{line}");
        }
    }
}
