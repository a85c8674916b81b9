//! Conftest's flags as data. In: arguments. Out: what is asked; a flag that was not given is none, for the environment and the
//! configuration file come after it ([`super::settings`]).

use std::ffi::OsString;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::compat::truth;

#[derive(Debug, Parser)]
#[command(
    name = "conftest",
    bin_name = "plimsoll conftest",
    disable_version_flag = true,
    about = "Conftest's command line: configuration files tested by policies in Rego",
    after_help = "Examples:\n  plimsoll conftest test deployment.yaml\n  plimsoll conftest test -p policies/ -o github manifests/\n  plimsoll conftest verify -p policies/\n  plimsoll conftest parse Dockerfile\n\nExit codes: 0 when nothing failed; 1 when something did, or nothing could be told; with --fail-on-warn 1 for warnings and 2 for failures"
)]
pub struct Line {
    /// Configuration file (conftest.toml or conftest.yaml of this folder where nothing is said)
    #[arg(short, long, value_name = "FILE", global = true)]
    pub config_file: Option<String>,
    /// Print the version
    #[arg(short = 'v', long)]
    pub version: bool,
    #[command(subcommand)]
    pub command: Option<Sub>,
}

#[derive(Debug, Subcommand)]
pub enum Sub {
    /// Test configuration files
    #[command(
        after_help = "Examples:\n  plimsoll conftest test deployment.yaml\n  plimsoll conftest test -p policies/ -d data/ --all-namespaces manifests/\n  plimsoll conftest test --combine -o json *.yaml\n  kubectl get deploy -o yaml | plimsoll conftest test -"
    )]
    Test(Box<Test>),
    /// Run the tests of policies (rules named test_…)
    #[command(
        after_help = "Examples:\n  plimsoll conftest verify -p policies/\n  plimsoll conftest verify -p policies/ --report full"
    )]
    Verify(Box<Verify>),
    /// Print files as policies see them
    #[command(
        after_help = "Examples:\n  plimsoll conftest parse Dockerfile\n  plimsoll conftest parse --parser toml settings.conf"
    )]
    Parse(Parse),
    /// Format policies in place
    #[command(after_help = "Examples:\n  plimsoll conftest fmt policies/\n  plimsoll conftest fmt --check policies/")]
    Fmt(Fmt),
    /// Write the documentation of policies from their annotations
    #[command(visible_alias = "document", after_help = "Examples:\n  plimsoll conftest doc policies/ -o docs/")]
    Doc(Doc),
    /// Write a report in another format
    #[command(
        after_help = "Examples:\n  plimsoll conftest test -o json app.yaml | plimsoll conftest reformat -o table"
    )]
    Reformat(Reformat),
    /// Fetch policies from a registry, a file or a web server
    #[command(
        after_help = "Examples:\n  plimsoll conftest pull oci://ghcr.io/acme/policies:v1\n  plimsoll conftest pull -p policies/ https://example.org/base.rego"
    )]
    Pull(Pull),
    /// Put policies into a registry
    #[command(
        after_help = "Examples:\n  plimsoll conftest push ghcr.io/acme/policies:v1\n  plimsoll conftest push -p policies/ localhost:5000/policies"
    )]
    Push(Push),
}

/// What policies are written in.
#[derive(Debug, Args, Default)]
pub struct Language {
    /// Policy files or folders (repeatable) [default: policy]
    #[arg(short, long, value_name = "PATH", value_delimiter = ',')]
    pub policy: Vec<String>,
    /// Data files or folders (repeatable)
    #[arg(short, long, value_name = "PATH", value_delimiter = ',')]
    pub data: Vec<String>,
    /// A capabilities file: which builtins and features policies may use
    #[arg(long, value_name = "FILE")]
    pub capabilities: Option<String>,
    /// The version of Rego: v0 or v1 [default: v1]
    #[arg(long, value_name = "VERSION")]
    pub rego_version: Option<String>,
    /// Refuse unused variables, imports and arguments, and deprecated builtins
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub strict: Option<bool>,
    /// Stop where a builtin fails
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub show_builtin_errors: Option<bool>,
    /// Say on standard error how policies were evaluated
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub trace: Option<bool>,
    /// Folders with Protocol Buffers definitions (repeatable)
    #[arg(long, value_name = "PATH", value_delimiter = ',')]
    pub proto_file_dirs: Vec<String>,
}

/// How a report is written.
#[derive(Debug, Args, Default)]
pub struct Report {
    /// stdout, json, tap, table, junit, github, azuredevops or sarif [default: stdout]
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<String>,
    /// No colours
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub no_color: Option<bool>,
    /// Nothing where nothing failed
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub quiet: Option<bool>,
    /// JUnit: leave messages out of the tests' names
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub junit_hide_message: Option<bool>,
    /// GitHub: leave out files that passed
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub github_hide_passed: Option<bool>,
}

#[derive(Debug, Args)]
pub struct Test {
    /// Files and folders; `-` is standard input
    #[arg(value_name = "PATH")]
    pub files: Vec<String>,
    #[command(flatten)]
    pub language: Language,
    #[command(flatten)]
    pub report: Report,
    /// Namespaces of the rules, with * ? and [] (repeatable) [default: main]
    #[arg(short, long, value_name = "NAME", value_delimiter = ',')]
    pub namespace: Vec<String>,
    /// The rules of all namespaces
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub all_namespaces: Option<bool>,
    /// All files as one input
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub combine: Option<bool>,
    /// Read all files as of this format
    #[arg(long, value_name = "FORMAT")]
    pub parser: Option<String>,
    /// Leave out paths that match this pattern
    #[arg(long, value_name = "REGEX")]
    pub ignore: Option<String>,
    /// What standard input is called in the report
    #[arg(long, value_name = "NAME")]
    pub stdin_filename: Option<String>,
    /// Exit with 1 for warnings and 2 for failures
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub fail_on_warn: Option<bool>,
    /// Exit with 0 whatever is found
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub no_fail: Option<bool>,
    /// Leave exceptions out of the report
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub suppress_exceptions: Option<bool>,
    /// Fetch policies from here first (repeatable)
    #[arg(short, long, value_name = "URL", value_delimiter = ',')]
    pub update: Vec<String>,
    /// Talk TLS with the registry
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub tls: Option<bool>,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// Conftest takes and ignores them
    #[arg(value_name = "PATH", hide = true)]
    pub files: Vec<String>,
    #[command(flatten)]
    pub language: Language,
    #[command(flatten)]
    pub shown: Report,
    /// A report of the tests as opa's: full, notes or fails
    #[arg(long, value_name = "WHAT")]
    pub report: Option<String>,
    /// Show what the variables of failing expressions were
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub var_values: Option<bool>,
    /// Only tests of these namespaces, with * ? and [] (repeatable)
    #[arg(short, long, value_name = "NAME", value_delimiter = ',')]
    pub namespace: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Parse {
    /// Files; `-` is standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<String>,
    /// Read all files as of this format
    #[arg(long, value_name = "FORMAT")]
    pub parser: Option<String>,
    /// All files as one input
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub combine: Option<bool>,
}

#[derive(Debug, Args)]
pub struct Fmt {
    /// Policy files and folders
    #[arg(value_name = "PATH")]
    pub files: Vec<String>,
    /// Change nothing, fail where something would change
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub check: Option<bool>,
    /// The version of Rego: v0 or v1 [default: v1]
    #[arg(long, value_name = "VERSION")]
    pub rego_version: Option<String>,
}

#[derive(Debug, Args)]
pub struct Doc {
    /// Folders of policies
    #[arg(value_name = "FOLDER")]
    pub folders: Vec<String>,
    /// Where the pages go
    #[arg(short, long = "outDir", value_name = "FOLDER", default_value = ".")]
    pub out_dir: String,
    /// A template of Go's: not spoken here
    #[arg(short, long, value_name = "FILE")]
    pub template: Option<String>,
}

#[derive(Debug, Args)]
pub struct Reformat {
    /// A report in JSON; standard input where none is named
    #[arg(value_name = "FILE")]
    pub files: Vec<String>,
    /// stdout, json, tap, table, junit, github, azuredevops or sarif [default: stdout]
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<String>,
}

#[derive(Debug, Args)]
pub struct Pull {
    /// Where policies are
    #[arg(value_name = "URL")]
    pub urls: Vec<String>,
    /// The folder they go to [default: policy]
    #[arg(short, long, value_name = "FOLDER")]
    pub policy: Option<String>,
    /// Talk TLS with the registry
    #[arg(short = 's', long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub tls: Option<bool>,
    /// An absolute path of --policy is one; otherwise it is taken from here
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub absolute_paths: Option<bool>,
}

#[derive(Debug, Args)]
pub struct Push {
    /// The repository and, perhaps, its tag
    #[arg(value_name = "REPOSITORY")]
    pub to: Vec<String>,
    /// The folder of policies [default: policy]
    #[arg(short, long, value_name = "FOLDER")]
    pub policy: Option<String>,
    /// The folder of data [default: that of the policies]
    #[arg(short, long, value_name = "FOLDER")]
    pub data: Option<String>,
    /// Talk TLS with the registry
    #[arg(short = 's', long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub tls: Option<bool>,
    /// The version of Rego: v0 or v1 [default: v1]
    #[arg(long, value_name = "VERSION")]
    pub rego_version: Option<String>,
}

/// What the arguments ask.
pub fn parse(args: &[OsString]) -> Result<Line, clap::Error> {
    let name = std::iter::once(OsString::from("conftest"));
    let mut command = Line::command();
    let mut matches = command.try_get_matches_from_mut(name.chain(args.iter().cloned()))?;
    Line::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}
