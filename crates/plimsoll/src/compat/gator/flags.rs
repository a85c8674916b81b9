//! Gator's flags as data. In: arguments. Out: what is asked. A flag that we do not honour is refused by name.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(
    name = "gator",
    bin_name = "plimsoll gator",
    version,
    disable_version_flag = true,
    about = "Gator's command line: Gatekeeper's templates and constraints, tested at the desk",
    after_help = "Examples:\n  plimsoll gator test -f manifests/ -f policies/\n  plimsoll gator verify policies/...\n  plimsoll gator expand -n deployment.yaml -n expansion.yaml\n\nExit codes: 0 when nothing is denied and every test passes, 1 otherwise"
)]
pub struct Line {
    #[command(subcommand)]
    pub command: Sub,
}

#[derive(Debug, Subcommand)]
pub enum Sub {
    /// Evaluate objects against the templates and constraints among them
    #[command(
        after_help = "Examples:\n  plimsoll gator test --filename=manifest.yaml\n  plimsoll gator test -f manifests/ -f policies/ -o json\n  cat manifest.yaml | plimsoll gator test\n\nExit codes: 0 when no constraint of the action deny is violated, 1 otherwise"
    )]
    Test(Test),
    /// Run suites of tests
    #[command(
        after_help = "Examples:\n  plimsoll gator verify label-tests.yaml\n  plimsoll gator verify tests/... --run forbid-labels//\n  plimsoll gator verify tests/... --run '//^nginx-deployment$'"
    )]
    Verify(Verify),
    /// Print what objects that make others are expanded to
    #[command(
        after_help = "Examples:\n  plimsoll gator expand --filename=manifest.yaml\n  plimsoll gator expand -n manifests/ -n expansion.yaml --format=json --outputfile=results.json"
    )]
    Expand(Expand),
    /// Measure how long reviews take
    #[command(
        after_help = "Examples:\n  plimsoll gator bench -f policies/ -e rego\n  plimsoll gator bench -f policies/ -e rego -n 500 -c 2 -o json --save=baseline.json\n  plimsoll gator bench -f policies/ -e rego --compare=baseline.json --threshold=10"
    )]
    Bench(Box<Bench>),
    /// Manage SyncSets and Config
    Sync(Sync),
    /// Print the version
    Version,
    /// Install policies from the library: not spoken here
    #[command(hide = true, disable_help_flag = true)]
    Policy {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
        args: Vec<OsString>,
    },
}

/// What `K8sNativeValidation` is judged by.
#[derive(Debug, Args)]
pub struct Native {
    /// Judge templates of the engine K8sNativeValidation
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = true, hide_possible_values = true, action = clap::ArgAction::Set)]
    pub enable_k8s_native_validation: bool,
    /// What a source of K8sNativeValidation without failurePolicy has: Fail or Ignore
    #[arg(long, value_name = "POLICY", default_value = "Fail")]
    pub default_k8s_native_validation_failure_policy: String,
}

#[derive(Debug, Args)]
pub struct Test {
    /// A file or folder with objects, templates and constraints (repeatable)
    #[arg(short, long, value_name = "PATH")]
    pub filename: Vec<PathBuf>,
    /// Output format: json or yaml; text without it
    #[arg(short, long, value_name = "FORMAT", default_value = "", hide_default_value = true)]
    pub output: String,
    /// Show what each evaluation did
    #[arg(short, long)]
    pub trace: bool,
    /// Show how long each template took
    #[arg(long)]
    pub stats: bool,
    #[command(flatten)]
    pub native: Native,
    /// An image with policies: not spoken here
    #[arg(short, long, value_name = "URL", hide = true)]
    pub image: Vec<String>,
    /// Where such images are unpacked
    #[arg(short = 'd', long, value_name = "DIR", hide = true)]
    pub tempdir: Option<PathBuf>,
    /// Show only what is denied
    #[arg(long)]
    pub deny_only: bool,
    /// Show what policies print
    #[arg(short, long)]
    pub verbose: bool,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// A suite, a folder of them, or DIR/... for all below
    pub path: String,
    /// Run only tests and cases whose names match: TEST//CASE, either may be empty
    #[arg(short, long, value_name = "REGEX", default_value = "", hide_default_value = true)]
    pub run: String,
    /// Show every case, and what policies print
    #[arg(short, long)]
    pub verbose: bool,
    /// Show what each evaluation did
    #[arg(short, long)]
    pub trace: bool,
    #[command(flatten)]
    pub native: Native,
}

#[derive(Debug, Args)]
pub struct Expand {
    /// A file or folder with objects, ExpansionTemplates and mutators (repeatable)
    #[arg(short = 'n', long, value_name = "PATH")]
    pub filename: Vec<PathBuf>,
    /// Output format: json or yaml
    #[arg(short, long, default_value = "", hide_default_value = true)]
    pub format: String,
    /// A file to write to
    #[arg(short, long, value_name = "FILE")]
    pub outputfile: Option<PathBuf>,
    /// An image with policies: not spoken here
    #[arg(short, long, value_name = "URL", hide = true)]
    pub image: Vec<String>,
    /// Where such images are unpacked
    #[arg(short = 'd', long, value_name = "DIR", hide = true)]
    pub tempdir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Sync {
    #[command(subcommand)]
    pub command: SyncSub,
}

#[derive(Debug, Subcommand)]
pub enum SyncSub {
    /// Test that SyncSets and Config hold all that templates require
    #[command(after_help = "Examples:\n  plimsoll gator sync test -n policies/ --force-omit-gvk-manifest")]
    Test(SyncTest),
}

#[derive(Debug, Args)]
pub struct SyncTest {
    /// A file or folder with templates, SyncSets, a Config and a GVKManifest (repeatable)
    #[arg(short = 'n', long, value_name = "PATH")]
    pub filename: Vec<PathBuf>,
    /// Take every kind that is named for one that the cluster has
    #[arg(short, long)]
    pub force_omit_gvk_manifest: bool,
    /// An image with policies: not spoken here
    #[arg(short, long, value_name = "URL", hide = true)]
    pub image: Vec<String>,
    /// Where such images are unpacked
    #[arg(short = 'd', long, value_name = "DIR", hide = true)]
    pub tempdir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Bench {
    /// A file or folder with templates, constraints and objects (repeatable)
    #[arg(short, long, value_name = "PATH")]
    pub filename: Vec<PathBuf>,
    /// The engine: rego, cel or all
    #[arg(short, long, default_value = "cel")]
    pub engine: String,
    /// Rounds that are measured
    #[arg(short = 'n', long, default_value_t = 1000)]
    pub iterations: i64,
    /// Rounds before that
    #[arg(long, default_value_t = 10)]
    pub warmup: i64,
    /// Reviews at once
    #[arg(short, long, default_value_t = 1)]
    pub concurrency: i64,
    /// Output format: table, json or yaml
    #[arg(short, long, default_value = "table")]
    pub output: String,
    /// Keep the results in this file
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Compare with results that were kept
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,
    /// By how many percent it may be slower
    #[arg(long, default_value_t = 10.0)]
    pub threshold: f64,
    /// By how long it must be slower to count
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    pub min_threshold: String,
    /// Measure memory: not spoken here
    #[arg(long, hide = true)]
    pub memory: bool,
    /// Gather statistics of templates: not spoken here
    #[arg(long, hide = true)]
    pub stats: bool,
    /// An image with policies: not spoken here
    #[arg(short, long, value_name = "URL", hide = true)]
    pub image: Vec<String>,
    /// Where such images are unpacked
    #[arg(short = 'd', long, value_name = "DIR", hide = true)]
    pub tempdir: Option<PathBuf>,
}

/// What the arguments ask.
pub fn parse(args: &[OsString]) -> Result<Line, clap::Error> {
    let name = std::iter::once(OsString::from("gator"));
    let mut command = Line::command();
    let mut matches = command.try_get_matches_from_mut(name.chain(args.iter().cloned()))?;
    Line::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}
