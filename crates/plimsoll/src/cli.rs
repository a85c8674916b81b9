//! The command line as data. In: arguments. Out: one value per command. Help, completions and documentation derive from
//! what stands here; nothing is carried out here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Exit codes, as every command's help shows them.
const EXIT_CODES: &str = "Exit codes: 0 allowed · 1 denied · 2 could not tell, or could not run · 64 wrong usage";

/// Those of `lint`, which makes no verdict.
const LINT_EXIT_CODES: &str = "Exit codes: 0 nothing at or above --fail-on · 1 findings (with --diff: something would change) · 2 could not tell: \
    something was not read, or not understood · 64 wrong usage";

#[derive(Debug, Parser)]
#[command(
    name = "plimsoll",
    version,
    about = "Decides whether a container image may run, and says why",
    long_about = "Plimsoll decides whether a container image may run in a cluster, says why, and gives the same answer \
                  on a laptop, in CI and at the API server. One policy file (LoadLine), one pipeline, one verdict: \
                  allowed, denied, or could not tell.",
    after_help = "Examples:\n  \
        plimsoll check .                          everything below this folder, one verdict\n  \
        plimsoll lint .                           Dockerfiles and manifests, line by line; --fix mends them\n  \
        plimsoll image nginx:1.21                 an image from a registry\n  \
        plimsoll image --input image.tar          an archive of `docker save`, or an OCI layout\n  \
        plimsoll db update                        fetch the vulnerability database\n  \
        plimsoll explain CVE-2021-44228           what it is and what to do\n  \
        plimsoll init                             a first policy and CI file for this project\n  \
        plimsoll install                          the files that put the gate in front of a cluster\n\n\
        Exit codes: 0 allowed · 1 denied · 2 could not tell, or could not run · 64 wrong usage",
    arg_required_else_help = true,
    disable_help_subcommand = true,
    propagate_version = true
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColourChoice {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Colour the output
    #[arg(long, visible_alias = "colour", global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    pub color: ColourChoice,
    /// No progress, no hints; errors and the report only
    #[arg(short, long, global = true, env = "PLIMSOLL_QUIET")]
    pub quiet: bool,
    /// Folder for pulled blobs and databases
    #[arg(long, global = true, env = "PLIMSOLL_CACHE_DIR", value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Judge everything below a path: manifests and the images they name, image layouts, lockfiles, SBOMs
    ///
    /// A loadline.yaml in one of the paths is the policy, unless --policy names another. Passed over: .git, .hg, .svn,
    /// node_modules, target and .venv.
    #[command(after_help = format!("Examples:\n  plimsoll check .\n  plimsoll check --policy prod.yaml --save report.html deploy/\n  plimsoll check --exit-code 0 examples/shop\n\n{EXIT_CODES}"))]
    Check(CheckArgs),
    /// Find faults in Dockerfiles and Kubernetes manifests, line by line, and mend them
    ///
    /// Folders are walked as git sees them: what .gitignore and .ignore name is passed over. A file that is named is linted
    /// whatever its name. `-` is standard input. Nothing is fetched and no image is looked at.
    #[command(after_help = format!("Examples:\n  plimsoll lint .\n  plimsoll lint --fix Dockerfile deploy/\n  plimsoll lint --diff --unsafe-fixes .\n  plimsoll lint --pod-security restricted -f sarif -o lint.sarif deploy/\n  helm template . | plimsoll lint -\n  plimsoll lint --write-baseline known.json . && plimsoll lint --baseline known.json .\n\n{LINT_EXIT_CODES}"))]
    Lint(LintArgs),
    /// Answer an editor: the linter as a language server, on standard input and output
    #[command(
        after_help = "Examples:\n  plimsoll lsp\n  plimsoll lsp --select all --pod-security restricted\n\ndocs/editors.md shows how editors start it."
    )]
    Lsp(LspArgs),
    /// Judge one image: from a registry, an archive, a layout or an engine
    #[command(after_help = format!("Examples:\n  plimsoll image nginx:1.21\n  plimsoll image --input image.tar\n  plimsoll image --platform linux/arm64 ghcr.io/acme/shop:v2\n  plimsoll image --mirror docker.io=127.0.0.1:5000 nginx:1.21\n  plimsoll image -f sarif -o out.sarif acme/shop:v2\n\n{EXIT_CODES}"))]
    Image(ImageArgs),
    /// Judge a project folder by its lockfiles
    #[command(after_help = format!("Examples:\n  plimsoll fs .\n  plimsoll fs -f json services/api\n\n{EXIT_CODES}"))]
    Fs(FolderArgs),
    /// Judge an unpacked root file system
    #[command(after_help = format!("Examples:\n  plimsoll rootfs /mnt/image\n  plimsoll rootfs --as registry.example.com/shop/web:1.4 ./rootfs\n\n{EXIT_CODES}"))]
    Rootfs(FolderArgs),
    /// Write an SBOM of an image or folder, or judge one with --judge
    #[command(after_help = format!("Examples:\n  plimsoll sbom nginx:1.21 -f spdx -o nginx.spdx.json\n  plimsoll sbom --input image.tar\n  plimsoll sbom --judge shop.cdx.json\n\n{EXIT_CODES}"))]
    Sbom(SbomArgs),
    /// Answer an API server: the admission gate of a cluster
    ///
    /// One TLS server. POST /image_policy and /check-image take an ImageReview, /validate and /mutate an AdmissionReview,
    /// and / takes either. GET /healthz, /readyz, /metrics and /policy say how it stands.
    #[command(after_help = format!("Examples:\n  plimsoll serve --cert tls.crt --key tls.key\n  plimsoll serve --cert tls.crt --key tls.key --policy loadline.yaml --client-ca ca.crt --client-auth required\n  plimsoll serve --config serve.yaml --check\n  plimsoll serve -c webhook.pem -k webhook-key.pem -p 1323 --debug --registry-whitelist registry.example.com\n\nEvery setting may stand in the --config file under its long name; a flag wins over the environment, and that over\nthe file.\n\n{EXIT_CODES}"))]
    Serve(Box<ServeArgs>),
    /// Show, check, question and try the policy
    #[command(
        subcommand,
        after_help = "Examples:\n  plimsoll policy check loadline.yaml\n  plimsoll policy why registry.example.com/shop/web:1.4\n  plimsoll policy show\n  plimsoll policy test examples/policy-test\n  plimsoll policy replay record/ --against next.yaml"
    )]
    Policy(PolicyCommand),
    /// Fetch, build and inspect vulnerability databases
    #[command(
        subcommand,
        after_help = "Examples:\n  plimsoll db update\n  plimsoll db build --output plimsoll.idx osv/ kev.json\n  plimsoll db status\n  plimsoll db export air-gap.tar"
    )]
    Db(DbCommand),
    /// Explain a rule, a vulnerability or an exit code
    #[command(
        after_help = "Examples:\n  plimsoll explain runs-as-root\n  plimsoll explain DL3007\n  plimsoll explain CVE-2021-44228"
    )]
    Explain(ExplainArgs),
    /// List the rules
    #[command(
        after_help = "Examples:\n  plimsoll rules\n  plimsoll rules --family dockerfile\n  plimsoll rules --markdown docs\n  plimsoll rules --json"
    )]
    Rules(RulesArgs),
    /// Write a first policy and CI file for a project
    #[command(after_help = "Examples:\n  plimsoll init\n  plimsoll init --ci gitlab services/api")]
    Init(InitArgs),
    /// Write the files that put the gate in front of a cluster; check, renew or take back what is there
    ///
    /// Writes certificates, configurations and manifests into a folder and changes no cluster. Files that are there are
    /// kept. The roads: `webhook` (objects in the cluster: the usual choice), `image-policy` (the ImagePolicyWebhook
    /// plugin, files on the control plane), `static` (webhooks by file on the control plane, Kubernetes 1.36 or newer).
    ///
    /// With --check: reads kubeconfigs, AdmissionConfigurations, kube-apiserver manifests and flags, webhook
    /// configurations and certificates, whoever wrote them. Status 1 when there is an error among the faults.
    #[command(after_help = format!("Examples:\n  plimsoll install --road webhook --image registry.example.com/plimsoll:0.1.0\n  plimsoll install --road image-policy --out gate\n  plimsoll install --check gate /etc/kubernetes/manifests\n  plimsoll install --rotate gate\n  plimsoll install --remove --road webhook > remove.sh\n\n{EXIT_CODES}"))]
    Install(InstallArgs),
    /// Say what is missing (database, credentials, tools) and how to get it
    #[command(after_help = "Examples:\n  plimsoll doctor")]
    Doctor,
    /// Write a completion script for a shell
    #[command(
        after_help = "Examples:\n  plimsoll completions bash > /etc/bash_completion.d/plimsoll\n  plimsoll completions fish > ~/.config/fish/completions/plimsoll.fish"
    )]
    Completions {
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Speak dive's command line: how much of what an image ships is seen, with its thresholds for CI
    #[command(
        disable_help_flag = true,
        after_help = "Examples:\n  plimsoll dive --ci nginx:1.27\n  plimsoll dive --ci --lowestEfficiency 0.95 docker-archive://image.tar"
    )]
    Dive {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
        args: Vec<std::ffi::OsString>,
    },
    /// Speak dockle's command line: image rules, its formats and exit codes
    #[command(
        disable_help_flag = true,
        after_help = "Examples:\n  plimsoll dockle nginx:1.27\n  plimsoll dockle --exit-code 1 -f json --input image.tar"
    )]
    Dockle {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
        args: Vec<std::ffi::OsString>,
    },
    /// Speak Trivy's command line: flags in, our pipeline, its formats and exit codes out
    #[command(
        disable_help_flag = true,
        after_help = "Examples:\n  plimsoll trivy image --severity HIGH,CRITICAL nginx:1.21\n  ln -s plimsoll trivy && ./trivy fs ."
    )]
    Trivy {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
        args: Vec<std::ffi::OsString>,
    },
    /// Speak kubesec's command line: scores for Kubernetes resources
    #[command(
        disable_help_flag = true,
        after_help = "Examples:\n  plimsoll kubesec scan pod.yaml\n  ln -s plimsoll kubesec && ./kubesec http 8080"
    )]
    Kubesec {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
        args: Vec<std::ffi::OsString>,
    },
    /// Speak hadolint's command line: flags and configuration in, our Dockerfile rules, its formats and exit codes out
    #[command(
        disable_help_flag = true,
        after_help = "Examples:\n  plimsoll hadolint Dockerfile\n  ln -s plimsoll hadolint && ./hadolint -f sarif Dockerfile"
    )]
    Hadolint {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
        args: Vec<std::ffi::OsString>,
    },
    /// Speak cosign's command line: images signed and verified, with keys
    #[command(
        disable_help_flag = true,
        after_help = "Examples:\n  plimsoll cosign generate-key-pair\n  ln -s plimsoll cosign && ./cosign verify --key cosign.pub --insecure-ignore-tlog registry.example.com/app:v1"
    )]
    Cosign {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
        args: Vec<std::ffi::OsString>,
    },
    /// Speak gator's command line: Gatekeeper's templates and constraints, tested on files
    #[command(
        disable_help_flag = true,
        after_help = "Examples:\n  plimsoll gator test -f manifests/ -f policies/\n  ln -s plimsoll gator && ./gator verify policies/..."
    )]
    Gator {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
        args: Vec<std::ffi::OsString>,
    },
    /// Speak Notation's command line: signatures of the Notary Project verified, listed and inspected
    #[command(
        disable_help_flag = true,
        after_help = "Examples:\n  plimsoll notation verify registry.example.com/app@sha256:…\n  ln -s plimsoll notation && ./notation ls registry.example.com/app:v1"
    )]
    Notation {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
        args: Vec<std::ffi::OsString>,
    },
    /// Speak OPA's command line: Rego evaluated, tested, checked and formatted
    #[command(
        disable_help_flag = true,
        after_help = "Examples:\n  plimsoll opa eval -d policy.rego -i input.json 'data.main.deny'\n  ln -s plimsoll opa && ./opa test -v policies/"
    )]
    Opa {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
        args: Vec<std::ffi::OsString>,
    },
    /// Speak the protocol of Sigstore's conformance suite
    #[command(hide = true, subcommand)]
    Sigstore(SigstoreCommand),
    /// Write the generated documentation
    #[command(hide = true)]
    Docs {
        /// Folder to write into
        dir: PathBuf,
    },
}

/// What Sigstore's conformance suite asks.
#[derive(Debug, Subcommand)]
pub enum SigstoreCommand {
    /// Verify a bundle without a network: exit 0 when it is true, 1 when it is refused
    #[command(
        after_help = "Example:\n  plimsoll sigstore verify-bundle --bundle app.sigstore.json --certificate-identity someone@example.com --certificate-oidc-issuer https://accounts.google.com app.tar"
    )]
    VerifyBundle(VerifyBundleArgs),
    /// Sign a file, or an in-toto statement, in the name of an identity token: into a bundle
    #[command(
        after_help = "Example:\n  plimsoll sigstore sign-bundle --identity-token token --bundle app.sigstore.json --trusted-root trusted_root.json --signing-config signing_config.json app.tar"
    )]
    SignBundle(SignBundleArgs),
}

#[derive(Debug, Args)]
pub struct SignBundleArgs {
    /// The identity token: itself, or its file
    #[arg(long, value_name = "TOKEN")]
    pub identity_token: String,
    /// Where the bundle goes
    #[arg(long, value_name = "FILE")]
    pub bundle: PathBuf,
    /// What the services' answers are held to; else Sigstore's public production root, as it is built in
    #[arg(long, value_name = "FILE", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub trusted_root: Option<String>,
    /// Where the services are; else Sigstore's public ones
    #[arg(long, value_name = "FILE", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub signing_config: Option<String>,
    /// The file is an in-toto statement, and is signed as that
    #[arg(long)]
    pub in_toto: bool,
    /// Sigstore's staging services: they are named with --trusted-root and --signing-config here
    #[arg(long)]
    pub staging: bool,
    /// What is signed
    #[arg(value_name = "FILE")]
    pub artifact: String,
}

#[derive(Debug, Args)]
pub struct VerifyBundleArgs {
    /// The bundle
    #[arg(long, value_name = "FILE")]
    pub bundle: PathBuf,
    /// Who must have signed, exactly
    #[arg(long, value_name = "IDENTITY")]
    pub certificate_identity: Option<String>,
    /// Who must vouch for that identity, exactly
    #[arg(long, value_name = "URL")]
    pub certificate_oidc_issuer: Option<String>,
    /// The key that must have signed, instead of an identity
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// The trusted root; else Sigstore's public production root, as it is built in
    #[arg(long, value_name = "FILE")]
    pub trusted_root: Option<PathBuf>,
    /// Sigstore's staging services: they are named with --trusted-root here
    #[arg(long)]
    pub staging: bool,
    /// The artifact: a file, or `sha256:` with its digest
    #[arg(value_name = "FILE_OR_DIGEST")]
    pub artifact: String,
}

/// What every judging command takes.
#[derive(Debug, Clone, Args)]
pub struct JudgeArgs {
    /// The policy file; else loadline.yaml beside what is judged, else here, else the embedded default
    #[arg(short, long, env = "PLIMSOLL_POLICY", value_name = "FILE", help_heading = "Policy")]
    pub policy: Option<PathBuf>,
    /// Judge as in this namespace
    #[arg(short, long, value_name = "NAME", help_heading = "Policy")]
    pub namespace: Option<String>,
    /// Judge as at this time (RFC 3339 or a date) instead of now
    #[arg(long, value_name = "TIME", env = "PLIMSOLL_AT", value_parser = parse_time, help_heading = "Policy")]
    pub at: Option<jiff::Timestamp>,
    /// VEX documents to apply (OpenVEX, CSAF, CycloneDX)
    #[arg(long, value_name = "FILE", help_heading = "Policy")]
    pub vex: Vec<PathBuf>,
    /// Exit with N instead of 1 or 2 when the verdict is denied or undecided
    #[arg(long, value_name = "N", help_heading = "Policy")]
    pub exit_code: Option<u8>,
    /// Vulnerability database: trivy.db, a compiled index or a folder of OSV records (repeatable)
    #[arg(long, value_name = "PATH", env = "PLIMSOLL_DB", value_delimiter = ':', help_heading = "Data")]
    pub db: Vec<PathBuf>,
    /// Format of the report
    #[arg(short, long, default_value = "table", value_name = "FORMAT", value_parser = format_names(), help_heading = "Output")]
    pub format: String,
    /// Write the report here instead of standard output
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Write a further report; its format follows from the name (repeatable)
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub save: Vec<PathBuf>,
    /// Width of the table in columns
    #[arg(long, value_name = "N", env = "COLUMNS", help_heading = "Output")]
    pub width: Option<usize>,
    /// Show every match, not only those that decide
    #[arg(short, long, help_heading = "Output")]
    pub verbose: bool,
    /// Do not record the executables of images
    #[arg(long, help_heading = "Data")]
    pub no_executables: bool,
    /// Do not search files for secrets
    #[arg(long, help_heading = "Data")]
    pub no_secrets: bool,
}

/// What becomes of charts and overlays.
#[derive(Debug, Clone, Default, Args)]
pub struct RenderArgs {
    /// Run no helm and no kustomize: charts are left out, overlays looked at as they stand
    #[arg(long, help_heading = "Charts and overlays")]
    pub no_render: bool,
    /// Values for every chart beside its own (repeatable)
    #[arg(long, value_name = "FILE", help_heading = "Charts and overlays")]
    pub values: Vec<PathBuf>,
}

/// How images are reached.
#[derive(Debug, Clone, Default, Args)]
pub struct ReachArgs {
    /// Pick this platform from an index: os/arch[/variant]
    #[arg(long, value_name = "PLATFORM", value_parser = parse_platform, help_heading = "Reaching images")]
    pub platform: Option<plimsoll_model::Platform>,
    /// Fetch a registry's images from another: docker.io=HOST[/PREFIX] (repeatable)
    #[arg(
        long,
        value_name = "REGISTRY=HOST",
        env = "PLIMSOLL_MIRROR",
        value_delimiter = ',',
        help_heading = "Reaching images"
    )]
    pub mirror: Vec<String>,
    /// Speak plain HTTP to this registry host (loopback hosts need no asking; repeatable)
    #[arg(long, value_name = "HOST", help_heading = "Reaching images")]
    pub plain_http: Vec<String>,
    /// Trust this certificate authority too (PEM)
    #[arg(long, value_name = "FILE", help_heading = "Reaching images")]
    pub ca: Vec<PathBuf>,
    /// A containers-registries.conf with mirrors and rewrites
    #[arg(long, value_name = "FILE", help_heading = "Reaching images")]
    pub registries_conf: Option<PathBuf>,
    /// A containerd hosts.d folder with mirrors
    #[arg(long, value_name = "DIR", help_heading = "Reaching images")]
    pub hosts_dir: Option<PathBuf>,
    /// Give up on reaching an image after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600, help_heading = "Reaching images")]
    pub timeout: u64,
    /// Reach nothing over the network
    #[arg(long, env = "PLIMSOLL_OFFLINE", help_heading = "Reaching images")]
    pub offline: bool,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Show the policy's `policies` the objects as the files have them, not as an API server makes them
    #[arg(long)]
    pub no_defaults: bool,
    #[command(flatten)]
    pub render: RenderArgs,
    #[command(flatten)]
    pub judge: JudgeArgs,
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// From which severity on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    Low,
    Medium,
    High,
    Critical,
    Never,
}

impl FailOn {
    /// None for never.
    pub fn severity(self) -> Option<plimsoll_model::Severity> {
        match self {
            FailOn::Low => Some(plimsoll_model::Severity::Low),
            FailOn::Medium => Some(plimsoll_model::Severity::Medium),
            FailOn::High => Some(plimsoll_model::Severity::High),
            FailOn::Critical => Some(plimsoll_model::Severity::Critical),
            FailOn::Never => None,
        }
    }
}

#[derive(Debug, Args)]
pub struct LintArgs {
    /// Files and folders; `-` is standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// What standard input is called: its name says whether it is a Dockerfile
    #[arg(long, value_name = "NAME")]
    pub stdin_path: Option<String>,

    /// Mend what can be mended without changing what a build or workload does
    #[arg(long, help_heading = "Mending")]
    pub fix: bool,
    /// Mend what may change it too
    #[arg(long, help_heading = "Mending")]
    pub unsafe_fixes: bool,
    /// Print what --fix would change, and change nothing
    #[arg(long, conflicts_with = "fix", help_heading = "Mending")]
    pub diff: bool,
    /// Put the digest behind each image's name, as its registry tells it now; the only thing that reaches the network
    #[arg(long, help_heading = "Mending")]
    pub pin_digests: bool,

    #[command(flatten)]
    pub render: RenderArgs,

    #[command(flatten)]
    pub rules: RuleArgs,
    /// Look at scripts with our own rules alone, though shellcheck is on the PATH
    #[arg(long, help_heading = "Rules")]
    pub no_shellcheck: bool,

    /// Exit with 1 where a finding is at or above this severity
    #[arg(long, value_enum, default_value = "medium", value_name = "LEVEL", help_heading = "What counts")]
    pub fail_on: FailOn,
    /// Leave out findings below this severity
    #[arg(long, value_enum, value_name = "LEVEL", help_heading = "What counts")]
    pub min_severity: Option<FailOn>,
    /// Findings that this file knows do not count
    #[arg(long, value_name = "FILE", help_heading = "What counts")]
    pub baseline: Option<PathBuf>,
    /// Write all findings of this run into such a file
    #[arg(long, value_name = "FILE", help_heading = "What counts")]
    pub write_baseline: Option<PathBuf>,

    /// Format of the report
    #[arg(short, long, default_value = "text", value_name = "FORMAT", value_parser = lint_format_names(), help_heading = "Output")]
    pub format: String,
    /// Write the report here instead of standard output
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Width of excerpts in columns
    #[arg(long, value_name = "N", env = "COLUMNS", help_heading = "Output")]
    pub width: Option<usize>,

    #[command(flatten)]
    pub reach: ReachArgs,
}

/// Which rules look at files, for the command and the editor's server alike.
#[derive(Debug, Args)]
pub struct RuleArgs {
    /// The policy whose `workloads` and `waivers` count; else loadline.yaml beside what is linted, or here; else none
    #[arg(short, long, env = "PLIMSOLL_POLICY", value_name = "FILE", help_heading = "Rules")]
    pub policy: Option<PathBuf>,
    /// Rules to run in place of the default ones: ids, other tools' ids (DL3007), their beginnings (DL3), families, `default`, `all`
    #[arg(long, value_name = "RULE", value_delimiter = ',', help_heading = "Rules")]
    pub select: Vec<String>,
    /// Rules not to run
    #[arg(long, value_name = "RULE", value_delimiter = ',', help_heading = "Rules")]
    pub ignore: Vec<String>,
    /// Hold workloads to a level of the Pod Security Standards: baseline or restricted, with :VERSION
    #[arg(long, value_name = "LEVEL[:VERSION]", value_parser = parse_pod_security, help_heading = "Rules")]
    pub pod_security: Option<(plimsoll_checks::pod_security::Level, plimsoll_checks::pod_security::Version)>,
    /// A registry that base images may come from, `*` for any part (repeatable); any when left out
    #[arg(long, value_name = "HOST", value_delimiter = ',', help_heading = "Rules")]
    pub trusted_registry: Vec<String>,
    /// Ignores in the files do not count
    #[arg(long, help_heading = "What counts")]
    pub no_inline_ignores: bool,
    /// Ignores end as at this time (RFC 3339 or a date) instead of now
    #[arg(long, value_name = "TIME", env = "PLIMSOLL_AT", value_parser = parse_time, help_heading = "What counts")]
    pub at: Option<jiff::Timestamp>,
}

#[derive(Debug, Args)]
pub struct LspArgs {
    #[command(flatten)]
    pub rules: RuleArgs,
    /// Editors say that they speak over standard input and output; nothing else is spoken here
    #[arg(long, hide = true)]
    pub stdio: bool,
}

/// Where an image comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Origin {
    Registry,
    /// The Docker-compatible socket (DOCKER_HOST, else Docker's own, else podman's)
    #[value(alias = "podman")]
    Docker,
    /// containerd's socket (CONTAINERD_ADDRESS, else its own)
    Containerd,
}

#[derive(Debug, Args)]
pub struct ImageArgs {
    /// The image's name
    #[arg(value_name = "REF", required_unless_present = "input")]
    pub reference: Option<String>,
    /// Read an archive or OCI layout instead: FILE, FOLDER, or either with :TAG
    #[arg(short, long, value_name = "PATH")]
    pub input: Option<String>,
    /// Where the image is
    #[arg(long, value_enum, default_value = "registry", value_name = "PLACE")]
    pub from: Origin,
    /// Judge under this name instead of the one found
    #[arg(long = "as", value_name = "REF")]
    pub judge_as: Option<String>,
    #[command(flatten)]
    pub judge: JudgeArgs,
    #[command(flatten)]
    pub reach: ReachArgs,
}

#[derive(Debug, Args)]
pub struct FolderArgs {
    /// The folder
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Judge under this image name
    #[arg(long = "as", value_name = "REF")]
    pub judge_as: Option<String>,
    #[command(flatten)]
    pub judge: JudgeArgs,
}

#[derive(Debug, Args)]
pub struct SbomArgs {
    /// An image's name, a folder, or with --judge an SBOM file
    #[arg(value_name = "TARGET", required_unless_present = "input")]
    pub target: Option<String>,
    /// Read an archive or OCI layout
    #[arg(short, long, value_name = "PATH")]
    pub input: Option<String>,
    /// TARGET is an SBOM (CycloneDX or SPDX): judge what it lists
    #[arg(long)]
    pub judge: bool,
    #[command(flatten)]
    pub options: JudgeArgs,
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// Whether clients must show a certificate of `--client-ca`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClientAuth {
    /// One that is shown must be good
    Optional,
    /// Whoever shows none gets a refusal for an answer
    Required,
}

/// How lines of the log look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Json,
    Text,
}

/// Which lines of the log are written; each level holds those above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum LogLevel {
    Error,
    /// Denials too
    Warn,
    /// Every decision
    Info,
    Debug,
}

impl LogLevel {
    pub fn word(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
        }
    }
}

/// Requests, connections or scans of a server at a time: more than any machine has room for.
const MOST_AT_ONCE: i64 = 1 << 20;

#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// The server's certificate chain (PEM)
    #[arg(short, long, env = "BOUNCER_CERT", value_name = "FILE", required_unless_present = "config")]
    pub cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(short, long, env = "BOUNCER_KEY", value_name = "FILE", required_unless_present = "config")]
    pub key: Option<PathBuf>,
    /// Port to listen on
    #[arg(short, long, env = "BOUNCER_PORT", value_name = "PORT", default_value_t = 1323)]
    pub port: u16,
    /// Address to listen on
    #[arg(long, env = "PLIMSOLL_ADDRESS", value_name = "ADDRESS", default_value = "0.0.0.0")]
    pub address: std::net::IpAddr,
    /// Settings in a YAML file, under the long names of these flags
    #[arg(long, env = "PLIMSOLL_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Check certificates, policy, databases and settings, then exit
    #[arg(long)]
    pub check: bool,

    /// The policy file; else the embedded default
    #[arg(long, env = "PLIMSOLL_POLICY", value_name = "FILE", help_heading = "Policy")]
    pub policy: Option<PathBuf>,
    /// Deny images of any other registry, before the policy is asked (repeatable)
    #[arg(
        long,
        env = "BOUNCER_REGISTRY_WHITELIST",
        value_name = "HOST",
        value_delimiter = ',',
        help_heading = "Policy"
    )]
    pub registry_whitelist: Vec<String>,
    /// VEX documents to apply (OpenVEX, CSAF, CycloneDX)
    #[arg(long, value_name = "FILE", help_heading = "Policy")]
    pub vex: Vec<PathBuf>,
    /// Vulnerability database: trivy.db, a compiled index or a folder of OSV records (repeatable)
    #[arg(long, value_name = "PATH", env = "PLIMSOLL_DB", value_delimiter = ':', help_heading = "Policy")]
    pub db: Vec<PathBuf>,

    /// Answer OPA's data API (/v1/data, /v1/policies, /health) from these policies and data (repeatable)
    #[arg(long, env = "PLIMSOLL_REGO", value_name = "PATH", value_delimiter = ',', help_heading = "Data API")]
    pub rego: Vec<String>,
    /// The same from bundles: archives or their folders (repeatable)
    #[arg(long, env = "PLIMSOLL_REGO_BUNDLE", value_name = "PATH", value_delimiter = ',', help_heading = "Data API")]
    pub rego_bundle: Vec<String>,
    /// Read these policies as OPA did before 1.0
    #[arg(long, env = "PLIMSOLL_REGO_V0", value_parser = clap::builder::BoolishValueParser::new(), help_heading = "Data API")]
    pub rego_v0: bool,
    /// Refuse bundles that this key did not sign: a file with the PEM of a public key or certificate, or a secret
    #[arg(long, env = "PLIMSOLL_VERIFICATION_KEY", value_name = "FILE", help_heading = "Data API")]
    pub verification_key: Option<PathBuf>,
    /// The name of that key in signatures
    #[arg(
        long,
        env = "PLIMSOLL_VERIFICATION_KEY_ID",
        value_name = "ID",
        default_value = "default",
        help_heading = "Data API"
    )]
    pub verification_key_id: String,
    /// The algorithm of that key
    #[arg(long, env = "PLIMSOLL_SIGNING_ALG", value_name = "ALG", default_value = "RS256", help_heading = "Data API")]
    pub signing_alg: String,
    /// The scope that signatures must have
    #[arg(long, env = "PLIMSOLL_SCOPE", value_name = "SCOPE", default_value = "", help_heading = "Data API")]
    pub scope: String,
    /// Files of bundles that signatures need not name (repeatable)
    #[arg(
        long,
        env = "PLIMSOLL_EXCLUDE_FILES_VERIFY",
        value_name = "PATTERN",
        value_delimiter = ',',
        help_heading = "Data API"
    )]
    pub exclude_files_verify: Vec<String>,
    /// Write each decision of the data API here as a line of JSON, `-` for standard output, masked by data.system.log.mask
    #[arg(long, env = "PLIMSOLL_DECISION_LOG", value_name = "FILE", help_heading = "Data API")]
    pub decision_log: Option<PathBuf>,

    /// Authorities whose client certificates are believed (PEM)
    #[arg(long, env = "PLIMSOLL_CLIENT_CA", value_name = "FILE", help_heading = "Clients")]
    pub client_ca: Option<PathBuf>,
    /// Whether clients must show a certificate
    #[arg(long, env = "PLIMSOLL_CLIENT_AUTH", value_enum, default_value = "required", help_heading = "Clients")]
    pub client_auth: ClientAuth,
    /// Names that a client certificate may have, `*` for any part (repeatable); any when left out
    #[arg(long, env = "PLIMSOLL_CLIENT_NAME", value_name = "GLOB", value_delimiter = ',', help_heading = "Clients")]
    pub client_name: Vec<String>,

    /// Read the pods' own pull secrets from the cluster
    #[arg(long, env = "PLIMSOLL_PULL_SECRETS", value_parser = clap::builder::BoolishValueParser::new(), help_heading = "Cluster")]
    pub pull_secrets: bool,
    /// How to reach the cluster; else the pod's own service account
    #[arg(long, env = "PLIMSOLL_KUBECONFIG", value_name = "FILE", help_heading = "Cluster")]
    pub kubeconfig: Option<PathBuf>,
    /// Follow in the cluster what policies look at there: namespaces, parameters, and what Gatekeeper's Config syncs
    #[arg(long, env = "PLIMSOLL_FOLLOW_CLUSTER", value_parser = clap::builder::BoolishValueParser::new(), help_heading = "Cluster")]
    pub follow_cluster: bool,
    /// Seconds for which what is followed is believed after the cluster was last heard of
    #[arg(
        long,
        env = "PLIMSOLL_CLUSTER_STALE",
        value_name = "SECONDS",
        default_value_t = 60,
        value_parser = clap::value_parser!(u32).range(10..=3600),
        help_heading = "Cluster"
    )]
    pub cluster_stale: u32,
    /// Text of the objects that are followed, as the API server sends it
    #[arg(
        long,
        env = "PLIMSOLL_CLUSTER_MEMORY",
        value_name = "MIB",
        default_value_t = 64,
        value_parser = clap::value_parser!(u32).range(1..=65536),
        help_heading = "Cluster"
    )]
    pub cluster_memory: u32,
    /// Assess these images at the start: a file with one name a line
    #[arg(long, env = "PLIMSOLL_PREWARM", value_name = "FILE", help_heading = "Cluster")]
    pub prewarm: Option<PathBuf>,
    /// Assess the images of all running pods at the start
    #[arg(long, env = "PLIMSOLL_PREWARM_CLUSTER", value_parser = clap::builder::BoolishValueParser::new(), help_heading = "Cluster")]
    pub prewarm_cluster: bool,

    /// Seconds for which a tag is taken to mean the same digest
    #[arg(
        long,
        env = "PLIMSOLL_TAG_TTL",
        value_name = "SECONDS",
        default_value_t = 30,
        help_heading = "Caches and limits"
    )]
    pub tag_ttl: u64,
    /// Seconds for which a verdict is kept
    #[arg(
        long,
        env = "PLIMSOLL_VERDICT_TTL",
        value_name = "SECONDS",
        default_value_t = 300,
        help_heading = "Caches and limits"
    )]
    pub verdict_ttl: u64,
    /// Memory for what is known of images
    #[arg(long, env = "PLIMSOLL_MEMORY", value_name = "MIB", default_value_t = 64, help_heading = "Caches and limits")]
    pub memory: u64,
    /// Largest image that is pulled, in compressed bytes
    #[arg(
        long,
        env = "PLIMSOLL_IMAGE_LIMIT",
        value_name = "MIB",
        default_value_t = 4096,
        help_heading = "Caches and limits"
    )]
    pub image_limit: u64,
    /// Images that are unpacked at the same time; else one a core
    #[arg(
        long,
        env = "PLIMSOLL_SCANS",
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=MOST_AT_ONCE),
        help_heading = "Caches and limits"
    )]
    pub scans: Option<u32>,
    /// Requests answered at the same time; more are turned away with 503
    #[arg(
        long,
        env = "PLIMSOLL_MAX_IN_FLIGHT",
        value_name = "N",
        default_value_t = 1024,
        value_parser = clap::value_parser!(u32).range(1..=MOST_AT_ONCE),
        help_heading = "Caches and limits"
    )]
    pub max_in_flight: u32,
    /// Connections at the same time
    #[arg(
        long,
        env = "PLIMSOLL_MAX_CONNECTIONS",
        value_name = "N",
        default_value_t = 1024,
        value_parser = clap::value_parser!(u32).range(1..=MOST_AT_ONCE),
        help_heading = "Caches and limits"
    )]
    pub max_connections: u32,
    /// Seconds for which the API server keeps a denial of an ImageReview (its denyTTL); said in reasons
    #[arg(
        long,
        env = "PLIMSOLL_DENY_TTL",
        value_name = "SECONDS",
        default_value_t = 30,
        help_heading = "Caches and limits"
    )]
    pub deny_ttl: u32,
    /// Seconds to go on answering after SIGTERM while clients are told to go elsewhere
    #[arg(
        long,
        env = "PLIMSOLL_SHUTDOWN_DELAY",
        value_name = "SECONDS",
        default_value_t = 3,
        help_heading = "Caches and limits"
    )]
    pub shutdown_delay: u64,
    /// Seconds for open requests to finish after that
    #[arg(
        long,
        env = "PLIMSOLL_DRAIN",
        value_name = "SECONDS",
        default_value_t = 25,
        help_heading = "Caches and limits"
    )]
    pub drain: u64,

    /// Keep reviews with their answers in this folder, secrets taken out, for `plimsoll policy replay`
    #[arg(long, env = "PLIMSOLL_RECORD", value_name = "DIR", help_heading = "Record")]
    pub record: Option<PathBuf>,
    /// Size of one file of the record
    #[arg(
        long,
        env = "PLIMSOLL_RECORD_SIZE",
        value_name = "MIB",
        default_value_t = 64,
        value_parser = clap::value_parser!(u64).range(1..=1024),
        help_heading = "Record"
    )]
    pub record_size: u64,
    /// Files of the record that are kept; the oldest go
    #[arg(
        long,
        env = "PLIMSOLL_RECORD_FILES",
        value_name = "N",
        default_value_t = 8,
        value_parser = clap::value_parser!(u32).range(1..=10_000),
        help_heading = "Record"
    )]
    pub record_files: u32,

    /// Log everything (as --log-level debug)
    #[arg(long, env = "BOUNCER_DEBUG", value_parser = clap::builder::BoolishValueParser::new(), help_heading = "Log")]
    pub debug: bool,
    /// Which lines are written
    #[arg(long, env = "PLIMSOLL_LOG_LEVEL", value_enum, default_value = "info", help_heading = "Log")]
    pub log_level: LogLevel,
    /// How lines look
    #[arg(long, env = "PLIMSOLL_LOG_FORMAT", value_enum, default_value = "json", help_heading = "Log")]
    pub log_format: LogFormat,

    #[command(flatten)]
    pub reach: ReachArgs,
}

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Print the policy in force, includes joined and defaults written out
    Show {
        #[arg(short, long, env = "PLIMSOLL_POLICY", value_name = "FILE")]
        policy: Option<PathBuf>,
    },
    /// Read a policy file and say every fault in it
    Check {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Say which entry rules an image, and why the nearest others do not
    Why {
        #[arg(value_name = "IMAGE")]
        image: String,
        #[arg(short, long, env = "PLIMSOLL_POLICY", value_name = "FILE")]
        policy: Option<PathBuf>,
        #[arg(short, long, value_name = "NAME")]
        namespace: Option<String>,
        #[arg(long, value_name = "TIME", value_parser = parse_time)]
        at: Option<jiff::Timestamp>,
    },
    /// Run the cases that stand beside a policy
    ///
    /// A case has an object, a review or an image, and what should become of it: allowed, warned, undecided or denied. Status 1
    /// when a case fails, 2 when a file cannot be used.
    #[command(
        after_help = "Examples:\n  plimsoll policy test\n  plimsoll policy test examples/policy-test\n  plimsoll policy test loadline-test.yaml --policy next.yaml --run privileged\n  plimsoll policy test --format junit --output policy.xml"
    )]
    Test(crate::policy_test::TestArgs),
    /// Say what a policy would change: judge the reviews that `serve --record` kept by it
    ///
    /// Asks no network: what images hold is in the record. Status 1 when something that ran would be denied, 2 when that could
    /// not be told of something, 0 when neither is so.
    #[command(
        after_help = "Examples:\n  plimsoll policy replay /var/lib/plimsoll/record --against next.yaml\n  plimsoll policy replay record/ --against next.yaml --in-force loadline.yaml\n  plimsoll policy replay record/ --against next.yaml --format html --output changes.html"
    )]
    Replay(crate::replay::ReplayArgs),
    /// Print the JSON Schema of the policy document, for editors
    Schema,
}

#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// Fetch the database from an OCI registry; keeps the old one when the new one is broken
    Update {
        /// Repositories to try, in order
        #[arg(long, value_name = "REF", env = "PLIMSOLL_DB_REPOSITORY", value_delimiter = ',')]
        repository: Vec<String>,
        #[command(flatten)]
        reach: ReachArgs,
    },
    /// Build an index from feeds: OSV, RustSec, Alpine secdb, Debian lists and tracker, KEV, EPSS
    Build {
        /// Folders, zips and files of feeds
        #[arg(required = true, value_name = "FEED")]
        feeds: Vec<PathBuf>,
        /// Where the index goes; else the machine's own
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        #[arg(long, value_name = "TIME", value_parser = parse_time)]
        at: Option<jiff::Timestamp>,
    },
    /// Say which databases there are, how old and how whole
    Status {
        /// Read every byte and compare digests
        #[arg(long)]
        verify: bool,
        #[arg(long, value_name = "PATH", env = "PLIMSOLL_DB", value_delimiter = ':')]
        db: Vec<PathBuf>,
    },
    /// Write the machine's database as one file for an air gap
    Export {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Take over a file that `db export` wrote
    Import {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A rule's id or another tool's name of it (DL3007, KSV-0017), a vulnerability's id, or an exit code
    #[arg(value_name = "WHAT")]
    pub what: String,
    #[arg(long, value_name = "PATH", env = "PLIMSOLL_DB", value_delimiter = ':')]
    pub db: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct RulesArgs {
    /// Only the rules of this family
    #[arg(long, value_name = "FAMILY", value_parser = family_names())]
    pub family: Option<String>,
    /// Write the pages of the documentation into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "family")]
    pub markdown: Option<PathBuf>,
    /// As JSON
    #[arg(long, conflicts_with = "markdown")]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CiKind {
    Github,
    Gitlab,
    None,
}

#[derive(Debug, Args)]
pub struct InitArgs {
    /// The project's folder
    #[arg(default_value = ".", value_name = "DIR")]
    pub dir: PathBuf,
    /// Which CI file to write
    #[arg(long, value_enum, default_value = "github")]
    pub ci: CiKind,
    /// Overwrite files that are there
    #[arg(long)]
    pub force: bool,
}

/// How the API server asks the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoadChoice {
    /// ImagePolicyWebhook, by files on the control plane
    ImagePolicy,
    /// Validating and mutating webhooks, by objects in the cluster
    Webhook,
    /// The same webhooks, by files on the control plane
    Static,
    /// A folder for each
    All,
}

#[derive(Debug, Args)]
pub struct InstallArgs {
    /// Which road to write files for
    #[arg(long, value_enum, default_value = "all", value_name = "ROAD")]
    pub road: RoadChoice,
    /// Where the files go
    #[arg(short, long, default_value = "plimsoll-gate", value_name = "DIR")]
    pub out: PathBuf,
    /// Write files again that are there, with new certificates of the same authority
    #[arg(long)]
    pub force: bool,

    /// Find the faults of files and folders that exist, instead of writing
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with_all = ["rotate", "remove", "force"], help_heading = "Instead of writing")]
    pub check: Vec<PathBuf>,
    /// Renew the certificates of a folder that install wrote, in every file that carries them
    #[arg(long, value_name = "DIR", conflicts_with_all = ["remove", "force"], help_heading = "Instead of writing")]
    pub rotate: Option<PathBuf>,
    /// Print the script that takes all of it back
    #[arg(long, conflicts_with = "force", help_heading = "Instead of writing")]
    pub remove: bool,

    /// The gate's namespace
    #[arg(short, long, default_value = "plimsoll-system", value_name = "NAME", help_heading = "In the cluster")]
    pub namespace: plimsoll_install::Label,
    /// The name of its Service, Deployment and webhooks
    #[arg(long, default_value = "plimsoll", value_name = "NAME", help_heading = "In the cluster")]
    pub name: plimsoll_install::Label,
    /// The server's image; the default is the one that you build with the Dockerfile, in no registry
    #[arg(long, default_value = concat!("plimsoll:", env!("CARGO_PKG_VERSION")), value_name = "REF", help_heading = "In the cluster")]
    pub image: plimsoll_install::ImageName,
    /// Judge pods of kube-system too; left out, DNS and the network come up while the gate is away
    #[arg(long, help_heading = "In the cluster")]
    pub kube_system: bool,
    /// Let the server read the pull secrets of the pods that it judges (get on all Secrets and ServiceAccounts)
    #[arg(long, help_heading = "In the cluster")]
    pub pull_secrets: bool,
    /// Let the server list pods, to assess their images before anyone asks
    #[arg(long, help_heading = "In the cluster")]
    pub prewarm: bool,
    /// Let the server follow in the cluster what the policy's policies look at there (list and watch on those kinds)
    #[arg(long, help_heading = "In the cluster")]
    pub follow_cluster: bool,
    /// Ask about deletions too, though no policy names them, or none of them can be read here
    #[arg(long, help_heading = "In the cluster")]
    pub deletions: bool,
    /// The policy to install instead of a first one
    #[arg(short, long, value_name = "FILE", help_heading = "The server")]
    pub policy: Option<PathBuf>,
    /// The vulnerability database's repository, fetched when the server starts
    #[arg(long, value_name = "REF", help_heading = "The server")]
    pub database: Option<plimsoll_install::ImageName>,
    /// The port that the server listens on
    #[arg(long, default_value_t = 1323, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1024..), help_heading = "The server")]
    pub port: u16,
    /// Where the files will stand on the control plane
    #[arg(long, default_value = "/etc/kubernetes/plimsoll", value_name = "DIR", help_heading = "The server")]
    pub config_dir: plimsoll_install::NodePath,
    /// A further name or address of the server's certificate (repeatable)
    #[arg(long, value_name = "NAME|ADDRESS", help_heading = "Certificates")]
    pub san: Vec<plimsoll_install::San>,
    /// How long a new authority holds
    #[arg(long, default_value_t = 3650, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Certificates")]
    pub authority_days: u16,
    /// How long new certificates hold
    #[arg(long, default_value_t = 365, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Certificates")]
    pub days: u16,
    /// As at this time (RFC 3339 or a date) instead of now
    #[arg(long, value_name = "TIME", value_parser = parse_time, help_heading = "Certificates")]
    pub at: Option<jiff::Timestamp>,
}

fn format_names() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(
        plimsoll_report::FORMATS.iter().map(|format| clap::builder::PossibleValue::new(format.name).help(format.what)),
    )
}

fn family_names() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(plimsoll_checks::lint::names::Family::ALL.map(|family| family.name()))
}

fn lint_format_names() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(
        plimsoll_report::LINT_FORMATS
            .iter()
            .map(|format| clap::builder::PossibleValue::new(format.name).help(format.what)),
    )
}

/// `restricted`, `baseline:v1.30`.
fn parse_pod_security(
    text: &str,
) -> Result<(plimsoll_checks::pod_security::Level, plimsoll_checks::pod_security::Version), String> {
    let (level, version) = text.split_once(':').unwrap_or((text, "latest"));
    let level = level.parse::<plimsoll_checks::pod_security::Level>().map_err(|error| error.to_string())?;
    let version = version.parse::<plimsoll_checks::pod_security::Version>().map_err(|error| error.to_string())?;
    Ok((level, version))
}

fn parse_platform(text: &str) -> Result<plimsoll_model::Platform, String> {
    plimsoll_model::Platform::parse(text).ok_or_else(|| "write it as os/arch or os/arch/variant".to_owned())
}

/// An instant, or a date as its first moment in UTC.
pub fn parse_time(text: &str) -> Result<jiff::Timestamp, String> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(at);
    }
    let date: jiff::civil::Date =
        text.parse().map_err(|_| "write it as 2026-01-31 or 2026-01-31T08:00:00Z".to_owned())?;
    date.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_visible_command_shows_an_example() {
        for command in Cli::command().get_subcommands().filter(|c| !c.is_hide_set()) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:"), "{} has no example", command.get_name());
        }
    }

    #[test]
    fn dates_and_instants_are_read() {
        assert_eq!(parse_time("2026-01-31").unwrap().to_string(), "2026-01-31T00:00:00Z");
        assert_eq!(parse_time("2021-08-25T12:20:30Z").unwrap().to_string(), "2021-08-25T12:20:30Z");
        assert!(parse_time("soon").is_err());
    }
}
