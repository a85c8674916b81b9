//! Cosign's flags as data. In: arguments. Out: what is asked. Help derives from what stands here.
//!
//! How to build a flag that is refused so far: take its name out of [`NOT_BUILT`], and give it a field.

use std::ffi::OsString;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use super::attest::{Attest, AttestBlob};
use super::beside::Beside;
use super::environment::Variables;
use super::files::{Dockerfile, Manifest};
use super::hardware::Tool;
use super::initialize::Initialize;
use super::installation::{SigningConfig, TrustedRoot};
use super::shelf::{Attach, Download};
use super::transfer::{Clean, Copy, Load, Save};
use super::verify_attestation::{VerifyAttestation, VerifyBlobAttestation};
use crate::compat::truth;

#[derive(Debug, Parser)]
#[command(
    name = "cosign",
    bin_name = "plimsoll cosign",
    about = "Cosign's command line: sign and verify container images",
    after_help = "Examples:\n  plimsoll cosign generate-key-pair\n  plimsoll cosign sign --key cosign.key --tlog-upload=false registry.example.com/app@sha256:…\n  plimsoll cosign verify --key cosign.pub --insecure-ignore-tlog registry.example.com/app:v1\n\nExit codes: 0 done, verified; 10 no signature; 11 no such image; 12 no signature matches; 1 whatever else"
)]
pub struct Line {
    /// Taken and without meaning: nothing more is told
    #[arg(short = 'd', long, global = true, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub verbose: bool,
    #[command(subcommand)]
    pub command: Sub,
}

#[derive(Debug, Subcommand)]
pub enum Sub {
    /// Make a key pair: cosign.key, encrypted under a password, and cosign.pub
    #[command(
        after_help = "Examples:\n  plimsoll cosign generate-key-pair\n  COSIGN_PASSWORD=… plimsoll cosign generate-key-pair --output-key-prefix release\n  VAULT_ADDR=https://… plimsoll cosign generate-key-pair --kms hashivault://release"
    )]
    GenerateKeyPair(GenerateKeyPair),
    /// Encrypt a PEM key under a password: RSA, EC and PKCS#8
    #[command(after_help = "Examples:\n  plimsoll cosign import-key-pair --key openssl.pem")]
    ImportKeyPair(ImportKeyPair),
    /// Print the public half of a key
    #[command(
        after_help = "Examples:\n  plimsoll cosign public-key --key cosign.key > cosign.pub\n  VAULT_ADDR=https://… plimsoll cosign public-key --key hashivault://release > release.pub"
    )]
    PublicKey(PublicKey),
    /// Show what is in tokens of hardware
    #[command(subcommand, name = "pkcs11-tool")]
    Pkcs11Tool(Tool),
    /// Sign images in their registry
    #[command(
        after_help = "Examples:\n  plimsoll cosign sign --key cosign.key --tlog-upload=false registry.example.com/app@sha256:…\n  plimsoll cosign sign --key cosign.key --tlog-upload=false -a build=7 --recursive registry.example.com/app:v1\n  VAULT_ADDR=https://… plimsoll cosign sign --key hashivault://release --tlog-upload=false registry.example.com/app@sha256:…\n  plimsoll cosign sign --yes registry.example.com/app@sha256:…      (in a CI that gives identity tokens; else at a browser)\n  plimsoll cosign sign --yes --signing-config signing_config.json --trusted-root trusted_root.json --identity-token token registry.example.com/app@sha256:…"
    )]
    Sign(Box<Sign>),
    /// Verify the signatures of images
    #[command(
        after_help = "Examples:\n  plimsoll cosign verify --key cosign.pub --insecure-ignore-tlog registry.example.com/app:v1\n  plimsoll cosign verify --key cosign.pub --insecure-ignore-tlog -a build=7 registry.example.com/app:v1"
    )]
    Verify(Box<Verify>),
    /// Sign a file
    #[command(
        after_help = "Examples:\n  plimsoll cosign sign-blob --key cosign.key --tlog-upload=false --bundle app.sigstore.json app.tar.gz\n  plimsoll cosign sign-blob --yes --bundle app.sigstore.json app.tar.gz      (in a CI that gives identity tokens)"
    )]
    SignBlob(Box<SignBlob>),
    /// Verify the signature of a file
    #[command(
        after_help = "Examples:\n  plimsoll cosign verify-blob --key cosign.pub --insecure-ignore-tlog --bundle app.sigstore.json app.tar.gz\n  plimsoll cosign verify-blob --certificate app.pem --signature app.sig --rfc3161-timestamp app.tsr --insecure-ignore-tlog --certificate-identity https://… --certificate-oidc-issuer https://… app.tar.gz"
    )]
    VerifyBlob(Box<VerifyBlob>),
    /// Sign a statement about images, and put it beside them: an SBOM, a report, provenance
    #[command(
        after_help = "Examples:\n  plimsoll sbom -f cyclonedx registry.example.com/app@sha256:… > sbom.json\n  plimsoll cosign attest --key cosign.key --tlog-upload=false --type cyclonedx --predicate sbom.json registry.example.com/app@sha256:…"
    )]
    Attest(Box<Attest>),
    /// Sign a statement about a file
    #[command(
        after_help = "Examples:\n  plimsoll cosign attest-blob --key cosign.key --tlog-upload=false --type slsaprovenance1 --predicate provenance.json --bundle app.att.json app.tar.gz"
    )]
    AttestBlob(Box<AttestBlob>),
    /// Verify what is attested of images, its type, and what policies say of it
    #[command(
        after_help = "Examples:\n  plimsoll cosign verify-attestation --key cosign.pub --insecure-ignore-tlog --type cyclonedx registry.example.com/app:v1\n  plimsoll cosign verify-attestation --key cosign.pub --insecure-ignore-tlog --type vuln --policy no-critical.rego registry.example.com/app:v1"
    )]
    VerifyAttestation(Box<VerifyAttestation>),
    /// Verify what is attested of a file
    #[command(
        after_help = "Examples:\n  plimsoll cosign verify-blob-attestation --key cosign.pub --insecure-ignore-tlog --type slsaprovenance1 --bundle app.att.json app.tar.gz"
    )]
    VerifyBlobAttestation(Box<VerifyBlobAttestation>),
    /// Copy an image with its signatures, attestations, SBOM and what else refers to it
    #[command(
        after_help = "Examples:\n  plimsoll cosign copy registry.example.com/app:v1 mirror.example.com/app:v1\n  plimsoll cosign copy --only=sig,att registry.example.com/app:v1 mirror.example.com/app:v1"
    )]
    Copy(Box<Copy>),
    /// Write an image with its signatures and attestations into a folder, as an OCI layout
    #[command(after_help = "Examples:\n  plimsoll cosign save --dir app registry.example.com/app:v1")]
    Save(Save),
    /// Put such a folder's image, signatures and attestations into a registry
    #[command(after_help = "Examples:\n  plimsoll cosign load --dir app mirror.example.com/app:v1")]
    Load(Load),
    /// Remove an image's signatures, attestations and SBOM, after a question
    #[command(after_help = "Examples:\n  plimsoll cosign clean --type signature registry.example.com/app:v1")]
    Clean(Clean),
    /// Print what lies beside an image
    #[command(subcommand)]
    Download(Download),
    /// Put something beside an image that was made elsewhere
    #[command(subcommand)]
    Attach(Attach),
    /// Verify what a Kubernetes manifest names
    #[command(subcommand)]
    Manifest(Manifest),
    /// Verify what a Dockerfile names
    #[command(subcommand)]
    Dockerfile(Dockerfile),
    /// Renew what is trusted from a repository of The Update Framework: no other command fetches it
    #[command(
        after_help = "Examples:\n  plimsoll cosign initialize\n  plimsoll cosign initialize --mirror https://tuf.example.com --root root.json\n  plimsoll cosign initialize --mirror https://tuf.example.com --root https://tuf.example.com/1.root.json --root-checksum 9f86d0…\n  plimsoll cosign initialize --mirror file:///srv/tuf --root root.json      (a copy, without a network)\n\nIt is kept in $TUF_ROOT, or ~/.sigstore/root, as Cosign keeps it. What verifies takes --trusted-root FILE first, then what is kept, then what is built in."
    )]
    Initialize(Initialize),
    /// Write a file of what is trusted
    #[command(subcommand)]
    TrustedRoot(TrustedRoot),
    /// Write a file of the services that signatures go to
    #[command(subcommand)]
    SigningConfig(SigningConfig),
    /// Print the tag where an image's signatures, attestations or SBOM lie
    #[command(after_help = "Examples:\n  plimsoll cosign triangulate registry.example.com/app:v1")]
    Triangulate(Triangulate),
    /// Show what is attached to an image
    #[command(after_help = "Examples:\n  plimsoll cosign tree registry.example.com/app:v1")]
    Tree(Tree),
    /// Print what is signed of an image in the classic form, for a program that signs it
    #[command(
        after_help = "Examples:\n  plimsoll cosign generate registry.example.com/app@sha256:… > payload.json\n  plimsoll cosign attach signature --payload payload.json --signature payload.sig registry.example.com/app@sha256:…"
    )]
    Generate(Generate),
    /// Print the variables of the environment that are read here
    #[command(after_help = "Examples:\n  plimsoll cosign env --show-descriptions")]
    Env(Variables),
    /// Print the version
    Version,
}

/// How registries are spoken to.
#[derive(Debug, Args, Default)]
pub struct Registry {
    /// Speak plain HTTP where the registry does
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub allow_http_registry: bool,
    /// Believe any certificate of the registry, and speak plain HTTP where it does
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub allow_insecure_registry: bool,
    /// Trust this authority for registries, besides the system's
    #[arg(long, value_name = "FILE")]
    pub registry_cacert: Option<String>,
    /// Taken and without meaning: both forms are always read, and the registry tells how it lists referrers
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub experimental_oci11: bool,
    /// How long all of it may take
    #[arg(short, long, value_name = "DURATION", default_value = "3m0s", value_parser = super::super::seconds)]
    pub timeout: u64,
}

/// How a registry is told what belongs to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ReferrersMode {
    /// By a tag.
    Legacy,
    /// By the manifest itself, which names the image.
    #[value(name = "oci-1-1")]
    Oci11,
}

#[derive(Debug, Args)]
pub struct GenerateKeyPair {
    /// Where else the key should be: not spoken here
    #[arg(value_name = "PLACE", hide = true)]
    pub places: Vec<String>,
    /// Make the key where it stays, and write its public half: hashivault://NAME
    #[arg(long, value_name = "KEY")]
    pub kms: Option<String>,
    /// What the files' names begin with
    #[arg(long, value_name = "PREFIX", default_value = "cosign")]
    pub output_key_prefix: String,
}

#[derive(Debug, Args)]
pub struct ImportKeyPair {
    /// The key, as PEM
    #[arg(short, long, value_name = "FILE")]
    pub key: String,
    /// What the files' names begin with
    #[arg(short, long, value_name = "PREFIX", default_value = "import-cosign")]
    pub output_key_prefix: String,
    /// Overwrite without a question
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct PublicKey {
    /// The key: a file, env://NAME, hashivault://NAME, or pkcs11:URI
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// Where the public half goes, instead of standard output
    #[arg(long, value_name = "FILE")]
    pub outfile: Option<String>,
}

/// Who vouches for a signature, and for whom.
#[derive(Debug, Args, Default)]
pub struct Services {
    /// Put the signature into a transparency log [default: true]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub tlog_upload: Option<bool>,
    /// A signing configuration: where the services are; one that names none signs without any
    #[arg(long, value_name = "FILE", env = "COSIGN_SIGNING_CONFIG")]
    pub signing_config: Option<String>,
    /// Take the signing configuration that `initialize` fetched last
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub use_signing_config: bool,
    /// The transparency log, Rekor [default: Sigstore's public one]
    #[arg(long, value_name = "URL", env = "COSIGN_REKOR_URL")]
    pub rekor_url: Option<String>,
    /// The certificate authority, Fulcio, for signing without a key [default: Sigstore's public one]
    #[arg(long, value_name = "URL", env = "COSIGN_FULCIO_URL")]
    pub fulcio_url: Option<String>,
    /// An authority of timestamps (RFC 3161), with its path
    #[arg(long, value_name = "URL", env = "COSIGN_TIMESTAMP_SERVER_URL")]
    pub timestamp_server_url: Option<String>,
    /// Authorities and logs that are trusted: what services answer is held to them [default: what `initialize` fetched last, else Sigstore's public ones, as built in]
    #[arg(long, value_name = "FILE", env = "COSIGN_TRUSTED_ROOT")]
    pub trusted_root: Option<String>,
    /// The identity token, for signing without a key: itself, or its file
    #[arg(long, value_name = "TOKEN", env = "COSIGN_IDENTITY_TOKEN", hide_env_values = true)]
    pub identity_token: Option<String>,
    /// Who issues identity tokens where somebody signs in [default: Sigstore's public one]
    #[arg(long, value_name = "URL", env = "COSIGN_OIDC_ISSUER")]
    pub oidc_issuer: Option<String>,
    /// What this program is called there [default: sigstore]
    #[arg(long, value_name = "ID", env = "COSIGN_OIDC_CLIENT_ID")]
    pub oidc_client_id: Option<String>,
    /// What it proves that with there, where it has a secret
    #[arg(long, value_name = "FILE", env = "COSIGN_OIDC_CLIENT_SECRET_FILE")]
    pub oidc_client_secret_file: Option<String>,
    /// Where a browser brings the issuer's answer, on this machine [default: http://localhost:PORT/auth/callback, a port that is free]
    #[arg(long, value_name = "URL", env = "COSIGN_OIDC_REDIRECT_URL")]
    pub oidc_redirect_url: Option<String>,
    /// Where an identity token comes from: envvar, filesystem or github-actions [default: whichever there is]
    #[arg(long, value_name = "NAME", env = "COSIGN_OIDC_PROVIDER")]
    pub oidc_provider: Option<String>,
    /// Take no identity token from the environment
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub oidc_disable_ambient_providers: bool,
    /// How somebody signs in: normal (a browser on this machine), device (a code for any browser), client_credentials (a program, with its secret), or token (not at all) [default: normal at a terminal, else device]
    #[arg(long, value_name = "FLOW")]
    pub fulcio_auth_flow: Option<String>,
    /// No questions
    #[arg(short, long, env = "COSIGN_YES", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub yes: bool,
}

/// How a signature lies beside its image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// A bundle, as a referrer.
    Bundle,
    /// A layer at a tag.
    Classic,
    /// Once each.
    Both,
}

#[derive(Debug, Args)]
pub struct Sign {
    /// Images
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,
    /// The private key: a file, env://NAME, hashivault://NAME, or pkcs11:URI
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// Annotations that are signed, KEY=VALUE (repeatable)
    #[arg(short, long, value_name = "KEY=VALUE", value_delimiter = ',')]
    pub annotations: Vec<String>,
    /// Sign the images of an index, too
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub recursive: bool,
    /// Put the signature into the registry
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_parser = truth)]
    pub upload: bool,
    #[command(flatten)]
    pub services: Services,
    /// Write a bundle (true, the default), or the classic form
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub new_bundle_format: Option<bool>,
    /// The form: bundle, classic or both
    #[arg(long, value_name = "FORM", conflicts_with = "new_bundle_format")]
    pub format: Option<Form>,
    /// Write the bundle to a file, too
    #[arg(long, value_name = "FILE")]
    pub bundle: Option<String>,
    /// A certificate for --key that is put beside the signature, as PEM (classic form)
    #[arg(long, value_name = "FILE", requires = "key")]
    pub certificate: Option<String>,
    /// Those above it, as PEM: from the one that issued it to its root
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub certificate_chain: Option<String>,
    /// Write the signature to a file, too (classic form)
    #[arg(long, value_name = "FILE")]
    pub output_signature: Option<String>,
    /// Write what was signed to a file, too (classic form)
    #[arg(long, value_name = "FILE")]
    pub output_payload: Option<String>,
    /// What the signature calls the image, instead of its repository (classic form)
    #[arg(long, value_name = "NAME")]
    pub sign_container_identity: Option<String>,
    /// Bundles are referrers (oci-1-1) whatever is said, the classic form is at a tag (legacy)
    #[arg(long, value_name = "MODE")]
    pub registry_referrers_mode: Option<ReferrersMode>,
    #[command(flatten)]
    pub registry: Registry,
}

/// What a verification demands of a signature.
#[derive(Debug, Args, Default)]
pub struct Demand {
    /// The public key: a file, env://NAME, hashivault://NAME, or pkcs11:URI; a private key's file serves, too
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// Take signatures without an entry in a transparency log
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub insecure_ignore_tlog: bool,
    /// Take certificates that no certificate transparency log knows
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub insecure_ignore_sct: bool,
    /// As --insecure-ignore-tlog, for services of one's own
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub private_infrastructure: bool,
    /// Ask nobody: nothing here ever does
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub offline: bool,
    /// Taken as Cosign's: the images of a request are looked at one after another
    #[arg(long, hide = true, value_name = "N")]
    pub max_workers: Option<u32>,
    /// The identity of the signer's certificate
    #[arg(long, value_name = "IDENTITY")]
    pub certificate_identity: Option<String>,
    /// A regular expression for it
    #[arg(long, value_name = "REGEX")]
    pub certificate_identity_regexp: Option<String>,
    /// Who vouches for the identity
    #[arg(long, value_name = "URL")]
    pub certificate_oidc_issuer: Option<String>,
    /// A regular expression for them
    #[arg(long, value_name = "REGEX")]
    pub certificate_oidc_issuer_regexp: Option<String>,
    /// The name of the GitHub workflow
    #[arg(long, value_name = "NAME")]
    pub certificate_github_workflow_name: Option<String>,
    /// Its ref
    #[arg(long, value_name = "REF")]
    pub certificate_github_workflow_ref: Option<String>,
    /// Its repository
    #[arg(long, value_name = "REPOSITORY")]
    pub certificate_github_workflow_repository: Option<String>,
    /// Its commit
    #[arg(long, value_name = "SHA")]
    pub certificate_github_workflow_sha: Option<String>,
    /// What started it
    #[arg(long, value_name = "EVENT")]
    pub certificate_github_workflow_trigger: Option<String>,
    /// What is trusted: authorities and logs [default: what `initialize` fetched last, else Sigstore's public ones, as built in]
    #[arg(long, value_name = "FILE", env = "COSIGN_TRUSTED_ROOT")]
    pub trusted_root: Option<String>,
    /// Authorities of signers' certificates, as PEM, in place of those that are trusted otherwise
    #[arg(long, value_name = "FILE", conflicts_with = "certificate_chain")]
    pub ca_roots: Option<String>,
    /// Authorities between those and signers, as PEM
    #[arg(long, value_name = "FILE", requires = "ca_roots")]
    pub ca_intermediates: Option<String>,
    /// The same as one chain, as PEM: from the one that issues to signers to its root
    #[arg(long, value_name = "FILE")]
    pub certificate_chain: Option<String>,
    /// Demand a timestamp of this authority, as PEM: its own certificate, and those above it to its root
    #[arg(long, value_name = "FILE")]
    pub timestamp_certificate_chain: Option<String>,
    /// Demand a timestamp of an authority
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub use_signed_timestamps: bool,
    /// Read bundles alone (true), or the classic form alone (false); both where nothing is said
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub new_bundle_format: Option<bool>,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// Images
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,
    #[command(flatten)]
    pub demand: Demand,
    /// Hold what was signed to the image
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_parser = truth)]
    pub check_claims: bool,
    /// Annotations that have to be signed, KEY=VALUE (repeatable)
    #[arg(short, long, value_name = "KEY=VALUE", value_delimiter = ',')]
    pub annotations: Vec<String>,
    /// json or text
    #[arg(short, long, value_name = "FORMAT", default_value = "json")]
    pub output: String,
    /// The images are folders that `save` wrote
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub local_image: bool,
    #[command(flatten)]
    pub registry: Registry,
}

#[derive(Debug, Args)]
pub struct SignBlob {
    /// The file; `-` is standard input
    #[arg(value_name = "FILE")]
    pub blob: String,
    /// The private key: a file, env://NAME, hashivault://NAME, or pkcs11:URI
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// Where the bundle goes
    #[arg(long, value_name = "FILE")]
    pub bundle: Option<String>,
    /// Where a bare signature goes, instead of standard output
    #[arg(long, value_name = "FILE", alias = "output")]
    pub output_signature: Option<String>,
    /// A bare signature is written in base64
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_parser = truth)]
    pub b64: bool,
    #[command(flatten)]
    pub services: Services,
    /// Write a bundle (true, the default), or a bare signature
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth)]
    pub new_bundle_format: Option<bool>,
}

#[derive(Debug, Args)]
pub struct VerifyBlob {
    /// The file; `-` is standard input
    #[arg(value_name = "FILE")]
    pub blob: String,
    /// The bundle
    #[arg(long, value_name = "FILE")]
    pub bundle: Option<String>,
    /// The bare signature: a file, or it itself in base64
    #[arg(long, value_name = "SIGNATURE")]
    pub signature: Option<String>,
    /// Taken and without meaning: no registry is asked
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub experimental_oci11: bool,
    #[command(flatten)]
    pub beside: Beside,
    #[command(flatten)]
    pub demand: Demand,
}

#[derive(Debug, Args)]
pub struct Triangulate {
    /// The image
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// signature, attestation, sbom or digest
    #[arg(long, value_name = "KIND", default_value = "signature")]
    pub r#type: String,
    #[command(flatten)]
    pub registry: Registry,
}

#[derive(Debug, Args)]
pub struct Generate {
    /// The image
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// Annotations that are signed, KEY=VALUE (repeatable)
    #[arg(short, long, value_name = "KEY=VALUE", value_delimiter = ',')]
    pub annotations: Vec<String>,
    #[command(flatten)]
    pub registry: Registry,
}

#[derive(Debug, Args)]
pub struct Tree {
    /// The image
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// Taken and without meaning: both are always shown
    #[arg(long, hide = true, value_name = "MODE")]
    pub registry_referrers_mode: Option<ReferrersMode>,
    #[command(flatten)]
    pub registry: Registry,
}

/// What a flag is given. An empty text is nothing, as in Cosign.
pub fn given(flag: &Option<String>) -> Option<&str> {
    flag.as_deref().filter(|text| !text.is_empty())
}

/// What the arguments ask.
pub fn parse(args: &[OsString]) -> Result<Line, clap::Error> {
    let name = std::iter::once(OsString::from("cosign"));
    let mut command = Line::command();
    let mut matches = command.try_get_matches_from_mut(name.chain(args.iter().cloned()))?;
    Line::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// Flags of Cosign's that nothing here answers to.
struct Refused {
    /// The last words of the commands that it is said of; all, where there are none.
    of: &'static [&'static str],
    names: &'static [&'static str],
    /// What to do instead.
    instead: &'static str,
}

const VERIFYING: &[&str] = &["verify", "verify-attestation", "verify-blob", "verify-blob-attestation"];
/// `trusted-root create` and `signing-config create`.
const CREATING: &[&str] = &["create"];

/// What is refused by name, and the way out. The first that fits counts; what a command has itself is built.
const NOT_BUILT: &[Refused] = &[
    Refused { of: &[], names: &["sk", "slot"], instead: "name a key in a token of hardware with --key pkcs11:URI" },
    Refused {
        of: VERIFYING,
        names: &["certificate"],
        instead: "a certificate is read where its signature lies, beside the image: `attach signature --certificate` puts it there",
    },
    Refused {
        of: VERIFYING,
        names: &["sct"],
        instead: "the proof that a certificate was logged is read in the certificate itself; --insecure-ignore-sct demands none",
    },
    Refused {
        of: VERIFYING,
        names: &["rekor-url"],
        instead: "verifying asks no log, for the entry lies with the signature: the log's key is named in --trusted-root",
    },
    Refused {
        of: VERIFYING,
        names: &["signature-digest-algorithm"],
        instead: "leave it away: the key says the hash, and on P-384 SHA-256 is taken, too",
    },
    Refused {
        of: VERIFYING,
        names: &["allow-certificate-chain"],
        instead: "leave it away: in a bundle a chain that holds no root is read, and its holder is held to the trusted root",
    },
    Refused {
        of: VERIFYING,
        names: &["signature", "payload"],
        instead: "`attach signature` puts them beside the image, where they are read",
    },
    Refused {
        of: VERIFYING,
        names: &["attachment"],
        instead: "`verify-attestation` holds an SBOM that is attested to its image",
    },
    Refused { of: &[], names: &["attachment"], instead: "`attest --type cyclonedx` or `spdxjson` signs an SBOM" },
    Refused {
        of: CREATING,
        names: &[
            "with-default-services",
            "with-default-rekor-v2",
            "no-default-ctfe",
            "no-default-fulcio",
            "no-default-oidc",
            "no-default-rekor",
            "no-default-tsa",
        ],
        instead: "the file holds what flags name alone; what is public `initialize` keeps, and without a file that is taken",
    },
    Refused { of: CREATING, names: &["base-config"], instead: "name each service" },
    Refused {
        of: CREATING,
        names: &[
            "certificate-chain",
            "fulcio-uri",
            "ctfe-key",
            "ctfe-start-time",
            "ctfe-end-time",
            "ctfe-url",
            "rekor-key",
            "rekor-start-time",
            "rekor-end-time",
            "rekor-url",
            "timestamp-certificate-chain",
            "timestamp-uri",
        ],
        instead: "write it as --fulcio, --ctfe, --rekor and --tsa have it: url=…,certificate-chain=FILE or url=…,public-key=FILE,start-time=…",
    },
    Refused {
        of: &["attest", "attest-blob", "sign-blob"],
        names: &["certificate", "certificate-chain"],
        instead: "leave --key away: then a certificate is issued and lies in the bundle; or sign with the key alone",
    },
    Refused {
        of: &[],
        names: &["certificate", "certificate-chain"],
        instead: "`sign --new-bundle-format=false` takes one, and `attach signature` puts one beside a signature that is there",
    },
    Refused {
        of: &[],
        names: &["issue-certificate"],
        instead: "leave --key away: then a key is made and a certificate issued for it",
    },
    Refused { of: &[], names: &["output-certificate"], instead: "the certificate is in the bundle: --bundle FILE" },
    Refused {
        of: &[],
        names: &["rfc3161-timestamp", "rfc3161-timestamp-bundle"],
        instead: "the timestamp is in the bundle: --bundle FILE",
    },
    Refused {
        of: &[],
        names: &["insecure-skip-verify"],
        instead: "what a service answers is always verified: name what is trusted with --trusted-root",
    },
    Refused {
        of: &[],
        names: &["signing-algorithm"],
        instead: "a key that is made for one signature is on P-256; --key names another",
    },
    Refused {
        of: &[],
        names: &["timestamp-client-cacert", "timestamp-client-cert", "timestamp-client-key", "timestamp-server-name"],
        instead: "an authority of timestamps is asked without a certificate, as the system trusts it",
    },
    Refused {
        of: &[],
        names: &["record-creation-timestamp"],
        instead: "a bundle's manifest says when it was made, and the classic form keeps no time",
    },
    Refused {
        of: &[],
        names: &["payload"],
        instead: "what is signed is made of the image, as `generate` prints it; `attach signature` takes another",
    },
    Refused {
        of: &[],
        names: &["attachment-tag-prefix"],
        instead: "tags are looked for without a prefix; COSIGN_REPOSITORY names another repository",
    },
    Refused { of: &[], names: &["output-file"], instead: "standard output can go to a file" },
    Refused { of: &[], names: &["timeout"], instead: "it is how long registries may take, and this command asks none" },
    Refused {
        of: &[],
        names: &[
            "k8s-keychain",
            "registry-client-cert",
            "registry-client-key",
            "registry-password",
            "registry-server-name",
            "registry-token",
            "registry-username",
        ],
        instead: "sign in with docker login, or name an authority with --registry-cacert",
    },
];

/// Commands of Cosign's that nothing here answers to, and what to do instead.
const NO_COMMANDS: &[(&str, &str)] = &[
    (
        "bundle",
        "`sign-blob` and `attest-blob` write bundles with --bundle FILE, and `download` prints those of an image",
    ),
    ("completion", "`plimsoll cosign COMMAND --help` lists the flags"),
    ("login", "`docker login` signs in, and its credentials are taken"),
    ("piv-tool", "`pkcs11-tool` speaks to tokens"),
    ("upload", "put files into a registry with a program for artifacts, and sign what its digest names"),
];

/// Why a line is refused that Cosign would take: nothing of what it asks is passed over. What the command itself has is built.
pub fn not_built(args: &[OsString]) -> Option<String> {
    // What goes for all commands may stand before one.
    let global = |word: &&str| matches!(word.split('=').next(), Some("-d" | "--verbose"));
    let mut words = args.iter().filter_map(|word| word.to_str()).skip_while(global);
    let command = words.next()?;
    if let Some(name) =
        ["--timeout", "-t", "--output-file"].into_iter().find(|name| command.split('=').next() == Some(name))
    {
        return Some(format!("{name} stands behind the command"));
    }
    if let Some((_, instead)) = NO_COMMANDS.iter().find(|(name, _)| *name == command) {
        return Some(format!("cosign's command {command} is not taken: {instead}"));
    }
    let line = Line::command();
    let mut asked = line.find_subcommand(command);
    for word in words {
        let Some(inner) = asked.and_then(|asked| asked.find_subcommand(word)) else { break };
        asked = Some(inner);
    }
    let asked = asked?;
    let is_built =
        |name: &str| asked.get_arguments().chain(line.get_arguments()).any(|one| one.get_long() == Some(name));
    let names = args.iter().filter_map(|arg| arg.to_str()?.strip_prefix("--"));
    let mut names = names.take_while(|name| !name.is_empty()).map(|name| name.split('=').next().unwrap_or_default());
    names.find_map(|name| {
        let of = |one: &&Refused| one.of.is_empty() || one.of.contains(&asked.get_name());
        let refused = NOT_BUILT.iter().filter(of).find(|one| one.names.contains(&name) && !is_built(name))?;
        Some(format!("--{name} is a flag of cosign's that is not taken: {}", refused.instead))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &str) -> Vec<OsString> {
        words.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_command_line_is_sound() {
        Line::command().debug_assert();
    }

    #[test]
    fn flags_that_are_not_built_are_refused_by_name_and_no_other() {
        for words in [
            "sign --sk a",
            "sign --rfc3161-timestamp=x a",
            "verify --sct r a",
            "manifest verify --sct r a",
            "bundle create --key k",
            "attach sbom --certificate c a",
            "-d verify --sct r a",
            "--verbose=true verify --sct r a",
            "--timeout 3m verify a",
            "verify-blob --timeout 3m a",
        ] {
            assert!(not_built(&line(words)).is_some(), "{words}");
        }
        for words in [
            "sign --key k a",
            "verify --key k -- --sk",
            "verify",
            "attach signature --certificate c a",
            "-d verify a",
            "verify --timeout 3m a",
            "nosuch --sk",
        ] {
            assert_eq!(not_built(&line(words)), None, "{words}");
        }
        let line = Line::command();
        assert!(NO_COMMANDS.iter().all(|(name, _)| line.find_subcommand(name).is_none()), "what is built is refused");
    }

    /// Flags that commands have together.
    const OF_REGISTRIES: &str = "allow-http-registry allow-insecure-registry k8s-keychain registry-cacert registry-client-cert \
                                 registry-client-key registry-password registry-server-name registry-token registry-username \
                                 attachment-tag-prefix timeout verbose";
    const OF_SIGNERS: &str = "key sk slot fulcio-auth-flow fulcio-url identity-token insecure-skip-verify issue-certificate \
                              new-bundle-format oidc-client-id oidc-client-secret-file oidc-disable-ambient-providers oidc-issuer \
                              oidc-provider oidc-redirect-url rekor-url signing-config timestamp-client-cacert timestamp-client-cert \
                              timestamp-client-key timestamp-server-name timestamp-server-url tlog-upload trusted-root \
                              use-signing-config yes bundle verbose timeout certificate certificate-chain";
    const OF_VERIFIERS: &str = "key sk slot allow-certificate-chain ca-intermediates ca-roots certificate certificate-chain \
                                certificate-github-workflow-name certificate-github-workflow-ref \
                                certificate-github-workflow-repository certificate-github-workflow-sha \
                                certificate-github-workflow-trigger certificate-identity certificate-identity-regexp \
                                certificate-oidc-issuer certificate-oidc-issuer-regexp experimental-oci11 insecure-ignore-sct \
                                insecure-ignore-tlog max-workers new-bundle-format offline private-infrastructure rekor-url sct \
                                signature-digest-algorithm timestamp-certificate-chain trusted-root use-signed-timestamps verbose \
                                timeout";
    /// What verifies images has besides.
    const OF_VERIFIED_IMAGES: &str = "annotations attachment check-claims local-image output payload signature";

    /// Commands of Cosign's two versions, and their flags beside those of the groups that are named.
    const SPOKEN: &[(&str, &[&str], &str)] = &[
        ("generate-key-pair", &[], "kms output-key-prefix"),
        ("import-key-pair", &[], "key output-key-prefix yes"),
        ("public-key", &[], "key outfile sk slot"),
        (
            "sign",
            &[OF_SIGNERS, OF_REGISTRIES],
            "annotations attachment output-certificate output-payload output-signature payload record-creation-timestamp recursive \
             registry-referrers-mode sign-container-identity upload",
        ),
        ("verify", &[OF_VERIFIERS, OF_REGISTRIES, OF_VERIFIED_IMAGES], ""),
        ("manifest verify", &[OF_VERIFIERS, OF_REGISTRIES, OF_VERIFIED_IMAGES], ""),
        ("dockerfile verify", &[OF_VERIFIERS, OF_REGISTRIES, OF_VERIFIED_IMAGES], "base-image-only"),
        (
            "attest",
            &[OF_SIGNERS, OF_REGISTRIES],
            "no-upload predicate record-creation-timestamp rekor-entry-type replace statement type",
        ),
        ("verify-attestation", &[OF_VERIFIERS, OF_REGISTRIES], "check-claims local-image output policy type"),
        (
            "sign-blob",
            &[OF_SIGNERS],
            "b64 output output-certificate output-signature rfc3161-timestamp signing-algorithm",
        ),
        ("verify-blob", &[OF_VERIFIERS], "bundle rfc3161-timestamp signature"),
        (
            "attest-blob",
            &[OF_SIGNERS],
            "hash output-attestation output-certificate output-signature predicate rekor-entry-type rfc3161-timestamp-bundle \
             statement type",
        ),
        (
            "verify-blob-attestation",
            &[OF_VERIFIERS],
            "bundle check-claims digest digestAlg rfc3161-timestamp signature type",
        ),
        ("tree", &[OF_REGISTRIES], "experimental-oci11 registry-referrers-mode"),
        ("triangulate", &[OF_REGISTRIES], "type"),
        ("copy", &[OF_REGISTRIES], "force only platform sig-only"),
        ("save", &[OF_REGISTRIES], "dir"),
        ("load", &[OF_REGISTRIES], "dir"),
        ("clean", &[OF_REGISTRIES], "force type"),
        ("attach signature", &[OF_REGISTRIES], "certificate certificate-chain payload rekor-response signature tsr"),
        ("attach attestation", &[OF_REGISTRIES], "attestation"),
        ("attach sbom", &[OF_REGISTRIES], "input-format registry-referrers-mode sbom type"),
        ("download signature", &[OF_REGISTRIES], ""),
        ("download attestation", &[OF_REGISTRIES], "platform predicate-type"),
        ("download sbom", &[OF_REGISTRIES], "platform"),
        ("generate", &[OF_REGISTRIES], "annotations"),
        ("upload blob", &[], "annotation ct files"),
        ("initialize", &[], "mirror root root-checksum staging"),
        (
            "trusted-root create",
            &[],
            "ctfe fulcio out rekor tsa no-default-ctfe no-default-fulcio no-default-rekor no-default-tsa with-default-services",
        ),
        (
            "signing-config create",
            &[],
            "fulcio oidc-provider out rekor rekor-config tsa tsa-config base-config no-default-fulcio no-default-oidc \
             no-default-rekor no-default-tsa with-default-rekor-v2 with-default-services",
        ),
        ("bundle create", &[], "artifact out signature"),
        ("bundle inspect", &[], ""),
        ("bundle upgrade", &[], "out rekor-url"),
        ("env", &[], "show-descriptions show-sensitive-values"),
        ("login", &[], "password password-stdin username"),
    ];

    #[test]
    fn every_flag_of_cosigns_is_built_or_refused_by_name() {
        for (command, groups, own) in SPOKEN {
            let words: Vec<&str> = command.split(' ').collect();
            let root = Line::command();
            let built = words.iter().try_fold(&root, |at, word| at.find_subcommand(word));
            if built.is_none() {
                assert!(not_built(&line(command)).is_some_and(|why| why.contains(words[0])), "{command}");
            }
            for flag in groups.iter().copied().chain([*own]).flat_map(str::split_whitespace) {
                let asked = line(&format!("{command} --{flag}=x --help"));
                if let Some(why) = not_built(&asked) {
                    let named = why.contains(&format!("--{flag} ")) || built.is_none();
                    assert!(named && why.contains(": "), "{command} --{flag}: {why}");
                    continue;
                }
                // Whatever its value is worth, the flag is known.
                let unknown = parse(&asked).is_err_and(|error| error.kind() == clap::error::ErrorKind::UnknownArgument);
                assert!(!unknown, "{command} --{flag}");
            }
        }
    }

    #[test]
    fn each_refusal_is_of_a_flag_that_some_command_would_have() {
        for refused in NOT_BUILT {
            for name in refused.names {
                let of = |command: &str| {
                    let last = command.rsplit(' ').next().unwrap_or_default();
                    (refused.of.is_empty() || refused.of.contains(&last))
                        && not_built(&line(&format!("{command} --{name} a")))
                            .is_some_and(|why| why.ends_with(refused.instead))
                };
                assert!(
                    SPOKEN.iter().any(|(command, ..)| of(command)),
                    "--{name} is never refused with {:?}",
                    refused.instead
                );
            }
        }
    }

    #[test]
    fn a_flag_that_nobody_knows_is_an_error() {
        assert!(parse(&line("verify --nosuch a")).is_err());
        assert!(parse(&line("verify --key k -a a=b,c=d a b")).is_ok());
        assert!(parse(&line("sign --key k --tlog-upload=maybe a")).is_err());
    }
}
