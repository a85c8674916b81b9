//! Dive's flags as data (version 0.13), those of its CI mode and its export. What belongs to the interactive mode is not
//! here: there is none.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Parser};

use crate::cli::ReachArgs;

const SWITCH: ArgAction = ArgAction::Set;

/// The flags.
#[derive(Debug, Parser)]
#[command(
    name = "dive",
    bin_name = "plimsoll dive",
    version,
    disable_version_flag = true,
    about = "Dive's command line for CI: how much of what an image ships is seen",
    after_help = "Examples:\n  plimsoll dive --ci nginx:1.27\n  plimsoll dive --ci --ci-config ci/dive.yaml docker-archive://image.tar\n  plimsoll dive --ci --lowestEfficiency 0.95 --highestWastedBytes 20MB shop/web:1.4.2\n  plimsoll dive --json layers.json --source docker-archive image.tar\n\nExit codes: 0, 1 when a rule failed, for errors, and where a layer could not be read"
)]
pub struct Flags {
    /// The image: NAME, docker://NAME, podman://NAME, registry://NAME, or docker-archive://PATH for an archive or layout
    #[arg(value_name = "IMAGE", required = true)]
    pub image: String,
    /// Check the image against the thresholds (as CI=true does)
    #[arg(long, action = SWITCH, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub ci: bool,
    /// The thresholds as YAML; .dive-ci where it is there
    #[arg(long, value_name = "FILE")]
    pub ci_config: Option<PathBuf>,
    /// docker, podman, docker-archive or registry, where the image does not say
    #[arg(long, env = "DIVE_SOURCE", value_parser = source, default_value = "docker", value_name = "SOURCE")]
    pub source: Source,
    /// The lowest share of bytes that must be seen, 0 to 1, or disabled [default: 0.9]
    #[arg(long = "lowestEfficiency", alias = "lowest-efficiency", value_name = "RATIO")]
    pub lowest_efficiency: Option<String>,
    /// The most bytes in paths that several layers have: 20MB, or disabled [default: disabled]
    #[arg(long = "highestWastedBytes", alias = "highest-wasted-bytes", value_name = "BYTES")]
    pub highest_wasted_bytes: Option<String>,
    /// The same as a share of all bytes above the lowest layer, 0 to 1, or disabled [default: 0.1]
    #[arg(long = "highestUserWastedPercent", alias = "highest-user-wasted-percent", value_name = "RATIO")]
    pub highest_user_wasted_percent: Option<String>,
    /// Write what was measured to this file and check nothing, unless --ci is there too
    #[arg(short, long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Judge by what could be read where a layer could not
    #[arg(short, long, env = "DIVE_IGNORE_ERRORS", action = SWITCH, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub ignore_errors: bool,
    #[command(flatten)]
    pub reach: ReachArgs,
    #[arg(short = 'v', long, action = ArgAction::Version)]
    version: Option<bool>,
    /// Dive's settings of keys and colours: there is nothing here that they would change.
    #[arg(long, hide = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Where an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The engine on this machine, then the registry.
    Engine,
    Archive,
    Registry,
}

fn source(text: &str) -> Result<Source, String> {
    match text {
        "docker" | "podman" => Ok(Source::Engine),
        "docker-archive" | "docker-tar" | "oci" | "oci-archive" => Ok(Source::Archive),
        "registry" => Ok(Source::Registry),
        _ => Err(format!("{text:?} is not one of docker, podman, docker-archive, registry")),
    }
}

/// Reads the arguments that follow `dive`.
pub fn parse(args: &[OsString]) -> Result<Flags, clap::Error> {
    Flags::try_parse_from(std::iter::once(OsString::from("dive")).chain(args.iter().cloned()))
}

impl Flags {
    /// Where the image is, and its name or path there.
    pub fn place(&self) -> (Source, &str) {
        match self.image.split_once("://") {
            Some((scheme, rest)) => match source(scheme) {
                Ok(source) => (source, rest),
                Err(_) => (self.source, &self.image),
            },
            None => (self.source, &self.image),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_say_where_they_are() {
        for (line, place) in [
            ("nginx:1", (Source::Engine, "nginx:1")),
            ("podman://nginx", (Source::Engine, "nginx")),
            ("docker-archive://a/b.tar", (Source::Archive, "a/b.tar")),
            ("--source docker-archive b.tar", (Source::Archive, "b.tar")),
            ("--source docker-tar docker://b", (Source::Engine, "b")),
            ("registry://nginx", (Source::Registry, "nginx")),
        ] {
            let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(parse(&args).unwrap().place(), place, "{line}");
        }
        for line in ["--source tape x", "--ci"] {
            assert!(parse(&line.split(' ').map(OsString::from).collect::<Vec<_>>()).is_err(), "{line}");
        }
    }
}
