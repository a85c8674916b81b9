//! Kubesec's flags as data. In: arguments. Out: what is asked. A flag that we do not honour is refused by name, unless
//! ignoring it changes nothing that is reported.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(
    name = "kubesec",
    bin_name = "plimsoll kubesec",
    disable_version_flag = true,
    about = "Kubesec's command line: scores for Kubernetes resources",
    after_help = "Examples:\n  plimsoll kubesec scan pod.yaml\n  helm template ./chart | plimsoll kubesec scan -\n  plimsoll kubesec http 8080 &\n  curl -sSX POST --data-binary @pod.yaml http://localhost:8080/scan\n\nExit codes: 0 where every score is above 0, else 2 or what --exit-code says; 1 for errors"
)]
pub struct Line {
    #[command(subcommand)]
    pub command: Sub,
}

#[derive(Debug, Subcommand)]
pub enum Sub {
    /// Score the resources of a YAML or JSON file
    Scan(Scan),
    /// Score what is posted to `/` or `/scan`
    Http(Http),
    /// Print every rule with its points
    PrintRules {
        /// json, yaml or table
        #[arg(short, long, default_value = "json")]
        format: String,
    },
    /// Print the version
    Version,
}

#[derive(Debug, Args)]
pub struct Scan {
    /// The file; `-` or `/dev/stdin` for standard input
    #[arg(num_args = 0..)]
    pub files: Vec<PathBuf>,
    /// Turn on debug logs: there are none, so that it changes nothing
    #[arg(long, hide = true)]
    pub debug: bool,
    /// Name the file by its absolute path
    #[arg(long)]
    pub absolute_path: bool,
    /// Output format
    #[arg(short, long, default_value = "json")]
    pub format: String,
    /// A template: not spoken here
    #[arg(short, long, hide = true)]
    pub template: Option<String>,
    /// Write the report to a file too
    #[arg(short, long)]
    pub output: Option<PathBuf>,
    /// Exit with this where a score is not above 0
    #[arg(long, default_value_t = 2, allow_negative_numbers = true)]
    pub exit_code: i32,
    #[command(flatten)]
    pub schema: Schema,
}

/// Where schemas come from: nothing is fetched here.
#[derive(Debug, Args)]
pub struct Schema {
    /// Taken and without effect: what the rules read is checked without a schema
    #[arg(long, hide = true)]
    pub kubernetes_version: Option<String>,
    /// Taken and without effect: what the rules read is checked without a schema
    #[arg(long, hide = true)]
    pub schema_location: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Http {
    /// `8080`, `:8080`, `127.0.0.1:8080` or `[::1]:8080`; KUBESEC_ADDR, else 8080
    pub address: Option<String>,
    /// A key to sign in-toto links with: not spoken here
    #[arg(short, long, hide = true)]
    pub keypath: Option<PathBuf>,
    #[command(flatten)]
    pub schema: Schema,
}

/// What the arguments ask.
pub fn parse(args: &[OsString]) -> Result<Line, clap::Error> {
    let name = std::iter::once(OsString::from("kubesec"));
    Line::try_parse_from(name.chain(args.iter().cloned()))
}
