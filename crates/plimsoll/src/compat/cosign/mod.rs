//! Cosign's command line, of its versions 2 and 3. In: its arguments, keys, registries. Out: its formats and exit codes. Whether a
//! signature is true is `plimsoll-trust`'s, registries are `plimsoll-sources`'.
//!
//! What is another way here: both storage forms are always read, and one good signature in either is enough; a signature is wanted
//! where one is demanded, so that an SBOM's attestation is none; a failure has the code of its kind (12 where nothing matches, 1 where
//! that could not be told) in both forms; nothing is fetched that no flag names: no log, and what is trusted by `initialize` alone. A flag of Cosign's that is not built is refused by
//! name.

mod attest;
mod beside;
mod blob;
mod demand;
mod elsewhere;
mod environment;
mod fetch;
mod files;
mod flags;
mod hardware;
mod initialize;
mod installation;
mod key;
mod keys;
mod roots;
mod services;
mod shelf;
mod sign;
mod sign_in;
mod token;
mod transfer;
mod tree;
mod verdict;
mod verify;
mod verify_attestation;

use std::ffi::OsString;
use std::io::Write as _;

use crate::exit::Exit;
use flags::Sub;
pub use services::Keyless;

/// The versions of Cosign whose words and formats these are.
const SPOKEN: &str = "2.6 and 3.1";

/// Why a command ends without success: Cosign's status, and words.
#[derive(Debug)]
struct Failure {
    status: u8,
    why: String,
}

/// The image has no signature.
const NO_SIGNATURE: u8 = 10;
/// There is no such image.
const NO_IMAGE: u8 = 11;
/// Signatures are there, and none is the one that is demanded.
const NO_MATCH: u8 = 12;

impl From<String> for Failure {
    fn from(why: String) -> Failure {
        Failure { status: 1, why }
    }
}

impl From<&str> for Failure {
    fn from(why: &str) -> Failure {
        why.to_owned().into()
    }
}

impl From<plimsoll_trust::Refusal> for Failure {
    fn from(refusal: plimsoll_trust::Refusal) -> Failure {
        refusal.to_string().into()
    }
}

impl From<plimsoll_sources::SourceError> for Failure {
    fn from(error: plimsoll_sources::SourceError) -> Failure {
        let error = anyhow::Error::new(error);
        let hint = crate::message::hint(&error).map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        format!("could not {}{hint}", crate::message::chain(&error)).into()
    }
}

/// Runs the personality.
pub fn run(args: &[OsString]) -> Exit {
    if args.is_empty() {
        return run(&["--help".into()]);
    }
    if let Some(why) = flags::not_built(args) {
        return fail(&why.into());
    }
    let line = match flags::parse(args) {
        Ok(line) => line,
        Err(error) => {
            let failed = error.use_stderr();
            // Nothing can be done when the stream is closed.
            let _ = error.print();
            return if failed { Exit::Other(1) } else { Exit::Allowed };
        }
    };
    let done = match line.command {
        Sub::GenerateKeyPair(asked) => keys::generate(&asked),
        Sub::ImportKeyPair(asked) => keys::import(&asked),
        Sub::PublicKey(asked) => keys::public(&asked),
        Sub::Pkcs11Tool(asked) => hardware::tool(&asked),
        Sub::Sign(asked) => sign::run(&asked),
        Sub::Verify(asked) => verify::run(&asked),
        Sub::SignBlob(asked) => blob::sign(&asked),
        Sub::VerifyBlob(asked) => blob::verify(&asked),
        Sub::Attest(asked) => attest::run(&asked),
        Sub::AttestBlob(asked) => attest::of_blob(&asked),
        Sub::VerifyAttestation(asked) => verify_attestation::run(&asked),
        Sub::VerifyBlobAttestation(asked) => verify_attestation::of_blob(&asked),
        Sub::Copy(asked) => transfer::copy(&asked),
        Sub::Save(asked) => transfer::save(&asked),
        Sub::Load(asked) => transfer::load(&asked),
        Sub::Clean(asked) => transfer::clean(&asked),
        Sub::Download(asked) => shelf::download(&asked),
        Sub::Attach(asked) => shelf::attach(&asked),
        Sub::Manifest(asked) => files::manifest(asked),
        Sub::Dockerfile(asked) => files::dockerfile(asked),
        Sub::Initialize(asked) => initialize::run(&asked),
        Sub::TrustedRoot(asked) => installation::trusted_root(&asked),
        Sub::SigningConfig(asked) => installation::signing_config(&asked),
        Sub::Triangulate(asked) => tree::triangulate(&asked),
        Sub::Tree(asked) => tree::run(&asked),
        Sub::Generate(asked) => sign::generate(&asked),
        Sub::Env(asked) => environment::run(&asked),
        Sub::Version => print(format!("plimsoll {} speaks cosign {SPOKEN}\n", env!("CARGO_PKG_VERSION"))),
    };
    match done {
        Ok(()) => Exit::Allowed,
        Err(failure) => fail(&failure),
    }
}

fn fail(failure: &Failure) -> Exit {
    say(&format!("Error: {}", failure.why));
    Exit::Other(failure.status)
}

/// Writes to standard output; a closed pipe is no success.
fn print(text: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_ref()).and_then(|()| out.flush()).map_err(|error| format!("write output: {error}").into())
}

/// Says something on standard error.
fn say(text: &str) {
    // The words are lost only where there is nobody to read them.
    let _ = writeln!(std::io::stderr().lock(), "{}", super::safe_lines(text));
}

/// Whether somebody agrees to what was said before.
fn agreed() -> Result<bool, Failure> {
    let _ = write!(std::io::stderr().lock(), "Are you sure you would like to continue? [y/N] ");
    let mut line = Vec::new();
    // A line, and no byte more: a password may follow.
    let mut stdin = key::input().map_err(|error| format!("read the answer: {error}"))?;
    while line.len() < 16 && line.last() != Some(&b'\n') {
        let mut byte = [0];
        match std::io::Read::read(&mut stdin, &mut byte) {
            Ok(0) => break,
            Ok(_) => line.push(byte[0]),
            Err(error) => return Err(format!("read the answer: {error}").into()),
        }
    }
    Ok(line.trim_ascii().eq_ignore_ascii_case(b"y") || line.trim_ascii().eq_ignore_ascii_case(b"yes"))
}

/// The bytes of a file, or of standard input for `-`, which are at most so many.
fn read(path: &str, most: u64) -> Result<Vec<u8>, Failure> {
    let path = if path == "-" { "/dev/stdin" } else { path };
    let read = crate::assess::read_bounded(std::path::Path::new(path), most);
    read.map_err(|error| format!("could not {}", crate::message::chain(&error)).into())
}

/// Writes a file that others may read.
fn write(path: &str, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes).map_err(|error| format!("write {path}: {error}").into())
}
