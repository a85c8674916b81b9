//! `initialize`: what is trusted, renewed from a repository as The Update Framework has it. In: a mirror, and the first root. Out: files
//! where Cosign keeps them, none of them before all of it was verified, none by what is older. It is asked for by name: no other
//! command fetches.

use std::io::{ErrorKind, Read as _};
use std::path::Path;

use clap::Args;
use plimsoll_sources::{ServiceRequest, SourceOptions, Sources};
use plimsoll_trust::signing::SigningConfig;
use plimsoll_trust::tuf::{self, Failed};
use plimsoll_trust::{Hash, TrustMaterial};
use serde_json::json;

use super::roots::{self, Kept, METADATA, REMOTE, SIGNING_CONFIG, TRUSTED_ROOT};
use super::{Failure, keys, read, say};
use crate::compat::truth;

/// Bytes of the first root: as many as any root may have.
const MOST_ROOT: u64 = 512_000;

#[derive(Debug, Args)]
pub struct Initialize {
    /// The repository: its address, or file:///FOLDER [default: Sigstore's public one]
    #[arg(long, value_name = "URL")]
    pub mirror: Option<String>,
    /// Its first root: a file, an address, or env://NAME [default: Sigstore's, as built in]
    #[arg(long, value_name = "ROOT")]
    pub root: Option<String>,
    /// The digest of that root, as hexadecimal: SHA-256, or sha512:DIGEST
    #[arg(long, value_name = "CHECKSUM")]
    pub root_checksum: Option<String>,
    /// Sigstore's staging repository
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub staging: bool,
}

pub fn run(asked: &Initialize) -> Result<(), Failure> {
    let given = |flag: &Option<String>| flag.clone().filter(|value| !value.is_empty());
    let (mirror, root, checksum) = (given(&asked.mirror), given(&asked.root), given(&asked.root_checksum));
    if asked.staging && (mirror.is_some() || root.is_some()) {
        return Err("--staging names a repository and its root: --mirror and --root name others".into());
    }
    if checksum.is_some() && root.is_none() {
        return Err("--root-checksum is of the root that --root names, and none is named".into());
    }
    let built_in = if asked.staging { tuf::STAGING.mirror } else { tuf::PRODUCTION.mirror };
    let mirror = mirror.unwrap_or_else(|| built_in.to_owned());
    let place = roots::place().ok_or("there is no home to keep it in: TUF_ROOT names a folder")?;
    let folder = roots::folder(&place, &mirror)?;
    let sources = Sources::new(&SourceOptions::default())?;
    let first = match &root {
        Some(named) => first(named, checksum.as_deref(), &sources)?,
        None if mirror.trim_end_matches('/') == tuf::STAGING.mirror => tuf::STAGING.root.as_bytes().to_vec(),
        None => tuf::PRODUCTION.root.as_bytes().to_vec(),
    };

    let kept = Kept::of(&folder)?;
    let files = [TRUSTED_ROOT, SIGNING_CONFIG];
    let fetched = tuf::refresh(&first, kept.held(), &files, jiff::Timestamp::now(), |path, most| {
        fetch(&sources, &mirror, path, most as u64)
    });
    let fetched = fetched.map_err(|failed| match failed {
        Failed::Fetch(failure) => failure,
        Failed::Refused(refusal) => {
            let anew = match kept == Kept::default() {
                true => String::new(),
                false => format!(" (what is known of it is in {})", folder.display()),
            };
            format!("what {mirror} has is not believed, and nothing is kept of it: {refusal}{anew}").into()
        }
    })?;
    let mut texts = fetched.files.iter().map(Option::as_deref);
    let (trusted, config) = (texts.next().flatten(), texts.next().flatten());
    let trusted = trusted.ok_or_else(|| {
        format!("{mirror} publishes no {TRUSTED_ROOT}: keys and certificates by themselves, as older repositories have them, are not taken")
    })?;
    TrustMaterial::from_json(trusted).map_err(|refusal| format!("read {TRUSTED_ROOT} of {mirror}: {refusal}"))?;
    match config {
        None => say(&format!(
            "WARNING: Could not fetch {SIGNING_CONFIG} from the TUF mirror (it publishes none). It is recommended to use a signing config file rather than provide service URLs when signing."
        )),
        Some(config) => {
            SigningConfig::from_json(config)
                .map_err(|refusal| format!("read {SIGNING_CONFIG} of {mirror}: {refusal}"))?;
        }
    }

    // Somebody else may have been here since: theirs may be newer.
    if Kept::of(&folder)? != kept {
        return Err(format!("{} was changed meanwhile: try again", folder.display()).into());
    }
    let targets = folder.join("targets");
    make_folder(&targets)?;
    keep(&targets.join(TRUSTED_ROOT), trusted)?;
    if let Some(config) = config {
        keep(&targets.join(SIGNING_CONFIG), config)?;
    }
    for (name, bytes) in
        METADATA.into_iter().zip([&fetched.root, &fetched.timestamp, &fetched.snapshot, &fetched.targets])
    {
        keep(&folder.join(name), bytes)?;
    }
    keep(&place.join(REMOTE), json!({"mirror": mirror}).to_string().as_bytes())?;
    say(&format!("Root version {} of {mirror}: {TRUSTED_ROOT} is good until {}", fetched.version, fetched.until));
    Ok(())
}

/// The first root as it is named, held to its digest where one is.
fn first(named: &str, checksum: Option<&str>, sources: &Sources) -> Result<Vec<u8>, Failure> {
    let wanted = checksum.map(wanted).transpose()?;
    let bytes = match named.split_once("://") {
        Some(("http" | "https", _)) => {
            if wanted.is_none() {
                say(
                    "WARNING: Fetching initial root from URL without providing its checksum is deprecated and will be disallowed in a future Cosign release. Please provide the initial root checksum via the --root-checksum argument.",
                );
            }
            sources.web_file(named, MOST_ROOT)?
        }
        Some(("env", name)) => {
            std::env::var(name).map_err(|_| format!("loading URL: env var ${name} not found"))?.into_bytes()
        }
        Some((scheme, _)) => return Err(format!("loading URL: unrecognized scheme: {scheme}://").into()),
        None => read(named, MOST_ROOT)?,
    };
    if let Some((hash, digest)) = wanted
        && hash.of(&bytes) != digest
    {
        let (digest, found) = (hex(&digest), hex(&hash.of(&bytes)));
        return Err(format!("incorrect checksum for file {named}: expected {digest} but got {found}").into());
    }
    Ok(bytes)
}

fn wanted(checksum: &str) -> Result<(Hash, Vec<u8>), Failure> {
    let (name, digits) = checksum.split_once(':').unwrap_or(("sha256", checksum));
    let hash = match name {
        "sha256" => Hash::Sha256,
        "sha512" => Hash::Sha512,
        _ => return Err(format!("unsupported checksum algorithm: {name}").into()),
    };
    let digest = hash.from_hex(digits).ok_or_else(|| format!("--root-checksum {checksum} is no digest by {name}"))?;
    Ok((hash, digest))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the mirror has at a path; none where it has nothing.
fn fetch(sources: &Sources, mirror: &str, path: &str, most: u64) -> Result<Option<Vec<u8>>, Failure> {
    if let Some(folder) = mirror.strip_prefix("file://") {
        let path = Path::new(folder).join(path);
        let failed = |error: std::io::Error| Failure::from(format!("read {}: {error}", path.display()));
        let file = match crate::input::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file.map_err(failed)?,
        };
        let mut bytes = Vec::new();
        // One more than there may be: whoever reads them refuses what is longer.
        file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
        return Ok(Some(bytes));
    }
    let request = ServiceRequest {
        what: path,
        address: &format!("{}/{path}", mirror.trim_end_matches('/')),
        accept: "*/*",
        bearer: None,
        body: None,
        is_secret: false,
        once: false,
        // Stores that may not be listed say 403 of what is not there. Whoever says so can say 404, too: it ends nothing but the walk.
        statuses: &[200, 403, 404],
        limit: most,
    };
    let answer = sources.ask(&request)?;
    Ok((answer.status == 200).then_some(answer.bytes))
}

/// For its owner alone, as Cosign has it.
fn make_folder(folder: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| format!("make the folder {}: {error}", folder.display()).into())
}

fn keep(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    keys::whole(&path.display().to_string(), bytes, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_of_sha_256_or_as_they_say() {
        let digits = hex(&Hash::Sha256.of(b"a"));
        for good in [&digits, &digits.to_uppercase(), &format!("sha256:{digits}")] {
            assert_eq!(wanted(good).unwrap(), (Hash::Sha256, Hash::Sha256.of(b"a")));
        }
        assert!(wanted(&format!("sha512:{}", hex(&Hash::Sha512.of(b"a")))).is_ok());
        for bad in ["", "00", "md5:00", &format!("sha512:{digits}"), &format!("sha256:sha256:{digits}")] {
            assert!(wanted(bad).is_err(), "{bad}");
        }
    }
}
