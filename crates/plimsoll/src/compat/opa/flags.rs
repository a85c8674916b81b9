//! OPA's flags as data. In: arguments. Out: what is asked. A flag that we do not honour is refused by name, unless ignoring
//! it changes nothing that is reported.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use plimsoll_rego::bundle::Verification;

use crate::rego::fault::Fault;
use crate::rego::load;

#[derive(Debug, Parser)]
#[command(
    name = "opa",
    bin_name = "plimsoll opa",
    disable_version_flag = true,
    about = "OPA's command line: Rego evaluated, tested, checked and formatted",
    after_help = "Examples:\n  plimsoll opa eval -d policy.rego -i input.json 'data.main.deny'\n  plimsoll opa test -v policies/\n  plimsoll opa check --strict policies/\n  plimsoll opa fmt -w policies/\n\nExit codes: 0 when it worked; 1 where --fail or --fail-defined asks, a check fails or a file would change; 2 for errors and failed tests"
)]
pub struct Line {
    #[command(subcommand)]
    pub command: Sub,
}

#[derive(Debug, Subcommand)]
pub enum Sub {
    /// Evaluate a Rego query
    #[command(
        after_help = "Examples:\n  plimsoll opa eval -d policy.rego -i input.json 'data.main.deny'\n  plimsoll opa eval -f pretty 'x := [1, 2, 3][_]'\n  cat review.json | plimsoll opa eval -I -b bundle.tar.gz --fail-defined 'data.main.deny[_]'"
    )]
    Eval(Box<Eval>),
    /// Run the tests of policies (rules named test_…)
    #[command(
        after_help = "Examples:\n  plimsoll opa test -v .\n  plimsoll opa test --coverage --threshold 80 policies/"
    )]
    Test(Box<Test>),
    /// Check policies for errors
    #[command(
        after_help = "Examples:\n  plimsoll opa check --strict policies/\n  plimsoll opa check -s schemas/ policies/"
    )]
    Check(Check),
    /// Format policies
    #[command(
        after_help = "Examples:\n  plimsoll opa fmt policy.rego\n  plimsoll opa fmt -l --fail policies/\n  plimsoll opa fmt -w policies/"
    )]
    Fmt(Fmt),
    /// Print the tree of a policy
    Parse(Parse),
    /// Say which documents a query rests on
    Deps(Deps),
    /// Say what a bundle or a folder of policies holds
    Inspect(Inspect),
    /// Measure how long a query takes
    Bench(Box<Bench>),
    /// Print what the engine can do, as a capabilities file
    Capabilities(Capabilities),
    /// Print the version
    Version(Version),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EvalFormat {
    Json,
    Values,
    Bindings,
    Pretty,
    Source,
    Raw,
    Discard,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Explain {
    Off,
    Full,
    Notes,
    Fails,
    Debug,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TestFormat {
    Pretty,
    Json,
    Gobench,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Pretty {
    Pretty,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Order {
    None,
    Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    Rego,
    Wasm,
}

/// Where policies and data come from.
#[derive(Debug, Args, Default)]
pub struct Paths {
    /// Policy or data file or folder, with `prefix:` to place data (repeatable)
    #[arg(short, long, value_name = "PATH")]
    pub data: Vec<String>,
    /// Bundle file or folder (repeatable)
    #[arg(short, long, value_name = "PATH")]
    pub bundle: Vec<String>,
    /// File and folder names to leave out (repeatable)
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub ignore: Vec<String>,
    /// Refuse bundles that this key did not sign: PEM of a public key, a secret, or a file with one
    #[arg(long, value_name = "KEY")]
    pub verification_key: Option<String>,
    /// The name of that key in signatures
    #[arg(long, value_name = "ID", default_value = "default")]
    pub verification_key_id: String,
    /// The algorithm of that key
    #[arg(long, value_name = "ALG", default_value = "RS256")]
    pub signing_alg: String,
    /// The scope that signatures must have
    #[arg(long, value_name = "SCOPE", default_value = "")]
    pub scope: String,
    /// Files that signatures need not name (repeatable)
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub exclude_files_verify: Vec<String>,
}

impl Paths {
    /// What signatures of bundles are held to, where a key was given.
    pub fn verification(&self) -> Result<Option<Verification>, Fault> {
        let Some(given) = &self.verification_key else { return Ok(None) };
        let key = match std::path::Path::new(given).is_file() {
            true => load::text(std::path::Path::new(given))?,
            false => given.clone(),
        };
        let signing = load::Signing {
            key_id: self.verification_key_id.clone(),
            algorithm: self.signing_alg.clone(),
            scope: self.scope.clone(),
            exclude: self.exclude_files_verify.clone(),
        };
        Ok(Some(signing.by(key)))
    }
}

/// Which language, and what it may do.
#[derive(Debug, Args, Default)]
pub struct Dialect {
    /// Read policies as OPA did before 1.0
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub v0_compatible: bool,
    /// Read policies as Rego v1, which is the default
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub v1_compatible: bool,
    /// A capabilities file: which builtins, features and hosts there are
    #[arg(long, value_name = "FILE")]
    pub capabilities: Option<String>,
}

/// What a query is about.
#[derive(Debug, Args, Default)]
pub struct Query {
    /// The query
    #[arg(num_args = 0..)]
    pub query: Vec<String>,
    /// Read the query from standard input
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub stdin: bool,
    /// Input document
    #[arg(short, long, value_name = "FILE")]
    pub input: Option<String>,
    /// Read the input document from standard input
    #[arg(short = 'I', long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub stdin_input: bool,
    /// An import of the query (repeatable)
    #[arg(long, value_name = "REF")]
    pub import: Vec<String>,
    /// The package that the query is in
    #[arg(long, value_name = "PATH")]
    pub package: Option<String>,
}

#[derive(Debug, Args)]
pub struct Eval {
    #[command(flatten)]
    pub query: Query,
    #[command(flatten)]
    pub paths: Paths,
    #[command(flatten)]
    pub dialect: Dialect,
    /// Output format
    #[arg(short, long, default_value = "json")]
    pub format: EvalFormat,
    /// Schema file of the input, or a folder of schemas
    #[arg(short, long, value_name = "PATH")]
    pub schema: Option<PathBuf>,
    /// Exit with 1 where the result is undefined or empty
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub fail: bool,
    /// Exit with 1 where the result is defined
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub fail_defined: bool,
    /// Refuse what strict mode refuses: unused variables and imports, duplicate imports
    #[arg(short = 'S', long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub strict: bool,
    /// End with the first error of a builtin
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub strict_builtin_errors: bool,
    /// Report errors of builtins beside the result
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub show_builtin_errors: bool,
    /// Report which expressions were evaluated
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub coverage: bool,
    /// Further coverage runs of OPA that say why a place is not covered: taken and without effect
    #[arg(long, hide = true, value_delimiter = ',')]
    pub coverage_runs: Vec<String>,
    /// Report what each expression costs
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub profile: bool,
    /// Rows of the profile
    #[arg(long, default_value_t = 10)]
    pub profile_limit: i32,
    /// total_time_ns, num_eval, num_redo, num_gen_expr, file, line (repeatable)
    #[arg(long, value_delimiter = ',')]
    pub profile_sort: Vec<String>,
    /// Report timers
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub metrics: bool,
    /// Report more timers
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub instrument: bool,
    /// Explain the evaluation
    #[arg(long, default_value = "off", num_args = 0..=1, default_missing_value = "full", require_equals = false)]
    pub explain: Explain,
    /// Show the values of local variables in the explanation
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub var_values: bool,
    /// Columns after which pretty values are cut
    #[arg(long, default_value_t = 80)]
    pub pretty_limit: usize,
    /// End the evaluation after this time: 300ms, 10s, 1m
    #[arg(long, value_parser = duration)]
    pub timeout: Option<Duration>,
    /// Repeat the evaluation
    #[arg(long, default_value_t = 1)]
    pub count: u32,
    /// Evaluate in part: not spoken here
    #[arg(short, long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub partial: bool,
    /// For partial evaluation: not spoken here
    #[arg(short, long, hide = true)]
    pub unknowns: Vec<String>,
    /// For partial evaluation: not spoken here
    #[arg(long, hide = true)]
    pub disable_inlining: Vec<String>,
    /// For partial evaluation: not spoken here
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub shallow_inlining: bool,
    /// Of no effect on results
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub disable_indexing: bool,
    /// Of no effect on results
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub disable_early_exit: bool,
    /// Of no effect on results
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub optimize_store_for_read_speed: bool,
    /// Of no effect on results
    #[arg(short = 'O', long, hide = true, default_value_t = 0)]
    pub optimize: u8,
    /// For optimisation: of no effect on results
    #[arg(short, long, hide = true)]
    pub entrypoint: Vec<String>,
    /// rego; wasm is not spoken here
    #[arg(short, long, default_value = "rego")]
    pub target: Target,
}

#[derive(Debug, Args)]
pub struct Test {
    /// Policy and data files and folders
    #[arg(required = true)]
    pub files: Vec<String>,
    #[command(flatten)]
    pub dialect: Dialect,
    /// The paths are bundles
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub bundle: bool,
    /// File and folder names to leave out (repeatable)
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub ignore: Vec<String>,
    /// Show every test
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub verbose: bool,
    /// Only tests whose name matches this regular expression
    #[arg(short, long, value_name = "REGEX")]
    pub run: Option<String>,
    /// Report coverage instead of the tests
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub coverage: bool,
    /// Further coverage runs of OPA that say why a place is not covered: taken and without effect
    #[arg(long, hide = true, value_delimiter = ',')]
    pub coverage_runs: Vec<String>,
    /// Fail where coverage is less than this many per cent
    #[arg(long, default_value_t = 0.0)]
    pub threshold: f64,
    /// Output format
    #[arg(short, long, default_value = "pretty")]
    pub format: TestFormat,
    /// Explain failures
    #[arg(long, default_value = "fails")]
    pub explain: Explain,
    /// Show the values of local variables of failed tests
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub var_values: bool,
    /// Measure the tests
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub bench: bool,
    /// Report the memory that measured tests take
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = true, action = clap::ArgAction::Set)]
    pub benchmem: bool,
    /// Repeat each test
    #[arg(long, default_value_t = 1)]
    pub count: u32,
    /// Skipped tests leave the status at 0
    #[arg(short = 'z', long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub exit_zero_on_skipped: bool,
    /// Fail where no test was run
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub fail_on_empty: bool,
    /// Errors after which the compiler stops
    #[arg(short, long, default_value_t = 10)]
    pub max_errors: usize,
    /// Tests at one time: they run one after another here
    #[arg(short, long, hide = true, default_value_t = 1)]
    pub parallel: usize,
    /// Schema file of the input, or a folder of schemas
    #[arg(short, long, value_name = "PATH")]
    pub schema: Option<PathBuf>,
    /// Order of the JSON report
    #[arg(long, default_value = "none")]
    pub sort: Order,
    /// Time that one test may take: 5s, and 30s when measuring
    #[arg(long, value_parser = duration)]
    pub timeout: Option<Duration>,
    /// rego; wasm is not spoken here
    #[arg(short, long, default_value = "rego")]
    pub target: Target,
    /// Watch the files: not spoken here
    #[arg(short, long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub watch: bool,
}

#[derive(Debug, Args)]
pub struct Check {
    /// Policy and data files and folders
    #[arg(required = true)]
    pub files: Vec<String>,
    #[command(flatten)]
    pub dialect: Dialect,
    /// The paths are bundles
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub bundle: bool,
    /// Output format
    #[arg(short, long, default_value = "pretty")]
    pub format: Pretty,
    /// File and folder names to leave out (repeatable)
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub ignore: Vec<String>,
    /// Errors after which the compiler stops
    #[arg(short, long, default_value_t = 10)]
    pub max_errors: usize,
    /// Schema file of the input, or a folder of schemas
    #[arg(short, long, value_name = "PATH")]
    pub schema: Option<PathBuf>,
    /// Refuse what strict mode refuses: unused variables and imports, duplicate imports
    #[arg(short = 'S', long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub strict: bool,
    /// Policies must be right in v0 and v1
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub v0_v1: bool,
}

#[derive(Debug, Args)]
pub struct Fmt {
    /// Files and folders; standard input without one
    pub files: Vec<String>,
    #[command(flatten)]
    pub dialect: Dialect,
    /// Show what would change
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub diff: bool,
    /// Name the files that would change
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub list: bool,
    /// Write the files
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub write: bool,
    /// Fail where a file would change
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub fail: bool,
    /// Parse what was formatted, to be sure
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = true, action = clap::ArgAction::Set)]
    pub check_result: bool,
    /// Drop imports of `rego.v1` and `future.keywords`
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub drop_v0_imports: bool,
    /// Format so that the policy is right in v0 and v1
    #[arg(long, alias = "rego-v1", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub v0_v1: bool,
}

#[derive(Debug, Args)]
pub struct Parse {
    pub file: String,
    #[command(flatten)]
    pub dialect: Dialect,
    /// Output format
    #[arg(short, long, default_value = "pretty")]
    pub format: Pretty,
    /// What the JSON holds beside the tree: locations, comments; `-comments` leaves them out, and other words mean nothing
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true)]
    pub json_include: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Deps {
    /// The query
    #[arg(num_args = 1)]
    pub query: String,
    #[command(flatten)]
    pub paths: Paths,
    #[command(flatten)]
    pub dialect: Dialect,
    /// Output format
    #[arg(short, long, default_value = "pretty")]
    pub format: Pretty,
}

#[derive(Debug, Args)]
pub struct Inspect {
    /// A bundle file or folder
    #[arg(num_args = 1)]
    pub path: String,
    #[command(flatten)]
    pub dialect: Dialect,
    /// Output format
    #[arg(short, long, default_value = "pretty")]
    pub format: Pretty,
    /// List annotations
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub annotations: bool,
}

#[derive(Debug, Args)]
pub struct Bench {
    #[command(flatten)]
    pub query: Query,
    #[command(flatten)]
    pub paths: Paths,
    #[command(flatten)]
    pub dialect: Dialect,
    /// Output format
    #[arg(short, long, default_value = "pretty")]
    pub format: TestFormat,
    /// Report memory: bytes and values made, as the engine's meter counts them
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = true, action = clap::ArgAction::Set)]
    pub benchmem: bool,
    /// Repeat the measurement
    #[arg(long, default_value_t = 1)]
    pub count: u32,
    /// Exit with 1 where the result is undefined or empty
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = true, action = clap::ArgAction::Set)]
    pub fail: bool,
    /// Report timers
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = true, action = clap::ArgAction::Set)]
    pub metrics: bool,
    /// Schema file of the input, or a folder of schemas
    #[arg(short, long, value_name = "PATH")]
    pub schema: Option<PathBuf>,
    /// rego; wasm is not spoken here
    #[arg(short, long, default_value = "rego")]
    pub target: Target,
    /// A server of OPA's: not spoken here
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub e2e: bool,
    /// Evaluate in part: not spoken here
    #[arg(short, long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub partial: bool,
}

#[derive(Debug, Args)]
pub struct Capabilities {
    /// Those of this engine, which is the default
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = true, action = clap::ArgAction::Set)]
    pub current: bool,
    /// A capabilities file to print
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<String>,
}

#[derive(Debug, Args)]
pub struct Version {
    /// Ask for a newer release: nothing is asked here
    #[arg(short, long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    pub check: bool,
}

/// Go's durations: `300ms`, `1.5h`, `2m3s`.
fn duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("{text:?} is no duration; write 300ms, 10s or 1m30s");
    if text == "0" { Ok(Duration::ZERO) } else { crate::duration::read(text).ok_or_else(bad) }
}

/// What the arguments ask.
pub fn parse(args: &[OsString]) -> Result<Line, clap::Error> {
    let name = std::iter::once(OsString::from("opa"));
    let mut command = command();
    let mut matches = command.try_get_matches_from_mut(name.chain(args.iter().cloned()))?;
    Line::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// The commands; of a flag that is on or off the help does not say so.
fn command() -> clap::Command {
    let mut line = Line::command();
    for sub in line.get_subcommands_mut() {
        *sub = std::mem::take(sub).mut_args(|arg| {
            let boolean = arg.get_possible_values().iter().map(|value| value.get_name()).eq(["true", "false"]);
            let off = arg.get_default_values().iter().all(|value| value == "false");
            let arg = arg.hide_possible_values(boolean).hide_default_value(boolean && off);
            if boolean { arg.value_name("BOOL") } else { arg }
        });
    }
    line
}
