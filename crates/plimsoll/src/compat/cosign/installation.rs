//! `trusted-root create` and `signing-config create`. In: what an installation of Sigstore's services has, as flags and PEM files. Out:
//! the file that `--trusted-root` or `--signing-config` names. Nothing is fetched: what is public is not known here but as built in.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use plimsoll_trust::{Certificate, Hash, PublicKey, Scheme, TrustMaterial, signing};
use serde_json::{Value, json};

use super::{Failure, print, read, write};

/// Bytes of a file with keys or certificates.
const MAX_PEM: u64 = 1 << 20;
const TRUSTED_ROOT: &str = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";
const SIGNING_CONFIG: &str = "application/vnd.dev.sigstore.signingconfig.v0.2+json";

#[derive(Debug, Subcommand)]
pub enum TrustedRoot {
    /// Write a trusted root of authorities and logs
    #[command(
        after_help = "Examples:\n  plimsoll cosign trusted-root create --fulcio url=https://fulcio.example.com,certificate-chain=fulcio.pem --rekor url=https://rekor.example.com,public-key=rekor.pub,start-time=2026-01-01T00:00:00Z --out trusted_root.json"
    )]
    Create(Root),
}

#[derive(Debug, Args)]
pub struct Root {
    /// An authority of certificates: url=, certificate-chain=FILE[, start-time=, end-time=] (repeatable)
    #[arg(long, value_name = "SPEC")]
    pub fulcio: Vec<String>,
    /// A log of certificates: url=, public-key=FILE, start-time=[, end-time=, origin=] (repeatable)
    #[arg(long, value_name = "SPEC")]
    pub ctfe: Vec<String>,
    /// A log of signatures: as --ctfe (repeatable)
    #[arg(long, value_name = "SPEC")]
    pub rekor: Vec<String>,
    /// An authority of timestamps: as --fulcio (repeatable)
    #[arg(long, value_name = "SPEC")]
    pub tsa: Vec<String>,
    /// Where it goes, instead of standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum SigningConfig {
    /// Write a signing configuration of services
    #[command(
        after_help = "Examples:\n  plimsoll cosign signing-config create --out none.json\n  plimsoll cosign signing-config create --rekor url=https://rekor.example.com,api-version=1,start-time=2026-01-01T00:00:00Z,operator=example.com --rekor-config ANY --out config.json"
    )]
    Create(Config),
}

#[derive(Debug, Args)]
pub struct Config {
    /// An authority of certificates: url=, api-version=, start-time=, operator=[, end-time=] (repeatable)
    #[arg(long, value_name = "SPEC")]
    pub fulcio: Vec<String>,
    /// Who vouches for identities: as --fulcio (repeatable)
    #[arg(long, value_name = "SPEC")]
    pub oidc_provider: Vec<String>,
    /// A log of signatures: as --fulcio (repeatable)
    #[arg(long, value_name = "SPEC")]
    pub rekor: Vec<String>,
    /// How many of the logs are written to: ANY, ALL or EXACT:COUNT
    #[arg(long, value_name = "MODE")]
    pub rekor_config: Option<String>,
    /// An authority of timestamps: as --fulcio (repeatable)
    #[arg(long, value_name = "SPEC")]
    pub tsa: Vec<String>,
    /// How many of the authorities of timestamps are asked
    #[arg(long, value_name = "MODE")]
    pub tsa_config: Option<String>,
    /// Where it goes, instead of standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<String>,
}

/// `KEY=VALUE,…`, each key known and once.
struct Spec<'a> {
    of: &'a str,
    values: BTreeMap<&'a str, &'a str>,
}

impl<'a> Spec<'a> {
    fn of(of: &'a str, spec: &'a str, known: &[&str]) -> Result<Spec<'a>, Failure> {
        let mut values = BTreeMap::new();
        for pair in spec.split(',') {
            let (key, value) =
                pair.split_once('=').ok_or_else(|| format!("--{of}: {pair:?} is not of the form KEY=VALUE"))?;
            let (key, value) = (key.trim(), value.trim());
            if !known.contains(&key) {
                return Err(format!("--{of}: {key:?} is none of {}", known.join(", ")).into());
            }
            if values.insert(key, value).is_some() {
                return Err(format!("--{of}: {key:?} is given twice").into());
            }
        }
        Ok(Spec { of, values })
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.values.get(key).copied().filter(|value| !value.is_empty())
    }

    fn needs(&self, key: &str) -> Result<&'a str, Failure> {
        self.get(key).ok_or_else(|| format!("--{}: {key}= is missing", self.of).into())
    }

    fn time(&self, key: &str) -> Result<Option<Timestamp>, Failure> {
        let wrong = |text: &str, error: jiff::Error| Failure::from(format!("--{}: {key}={text}: {error}", self.of));
        let read = |text: &str| text.parse::<Timestamp>().map_err(|error: jiff::Error| wrong(text, error));
        self.get(key).map(read).transpose()
    }

    /// From when to when it is to be trusted.
    fn window(&self, start: Option<Timestamp>) -> Result<Value, Failure> {
        let start = self.time("start-time")?.or(start);
        let start = start.ok_or_else(|| format!("--{}: start-time= is missing", self.of))?;
        let mut window = json!({"start": start.to_string()});
        if let Some(end) = self.time("end-time")? {
            if end < start {
                return Err(format!("--{}: it ends before it starts", self.of).into());
            }
            window["end"] = end.to_string().into();
        }
        Ok(window)
    }
}

pub fn trusted_root(asked: &TrustedRoot) -> Result<(), Failure> {
    let TrustedRoot::Create(asked) = asked;
    let each = |of: &str, specs: &[String], make: fn(&str, &str) -> Result<Value, Failure>| {
        specs.iter().map(|spec| make(of, spec)).collect::<Result<Vec<_>, _>>()
    };
    let root = json!({
        "mediaType": TRUSTED_ROOT,
        "tlogs": each("rekor", &asked.rekor, log)?,
        "certificateAuthorities": each("fulcio", &asked.fulcio, authority)?,
        "ctlogs": each("ctfe", &asked.ctfe, log)?,
        "timestampAuthorities": each("tsa", &asked.tsa, authority)?,
    });
    let text = root.to_string();
    // What is written can be read here.
    TrustMaterial::from_json(text.as_bytes())?;
    out(asked.out.as_deref(), &text)
}

fn out(path: Option<&str>, text: &str) -> Result<(), Failure> {
    match path.filter(|path| !path.is_empty()) {
        Some(path) => write(path, text.as_bytes()),
        None => print(format!("{text}\n")),
    }
}

fn log(of: &str, spec: &str) -> Result<Value, Failure> {
    let spec = Spec::of(of, spec, &["url", "public-key", "start-time", "end-time", "origin"])?;
    let (url, path) = (spec.needs("url")?, spec.needs("public-key")?);
    let key = PublicKey::from_pem(&read(path, MAX_PEM)?).map_err(|refusal| format!("read {path}: {refusal}"))?;
    let details = match key.scheme() {
        Scheme::EcdsaP256 => "PKIX_ECDSA_P256_SHA_256",
        Scheme::EcdsaP384 => "PKIX_ECDSA_P384_SHA_384",
        Scheme::Ed25519 => "PKIX_ED25519",
        _ => return Err(format!("{path}: logs with RSA keys are not spoken").into()),
    };
    // A log of tiles is known by its name and key together.
    let id = match (spec.get("origin"), key.scheme()) {
        (Some(origin), Scheme::Ed25519) => {
            let key = key.spki().get(key.spki().len().saturating_sub(32)..).unwrap_or_default();
            Hash::Sha256.of(&[origin.as_bytes(), b"\n\x01", key].concat())
        }
        _ => key.key_id().to_vec(),
    };
    Ok(json!({
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {"rawBytes": STANDARD.encode(key.spki()), "keyDetails": details, "validFor": spec.window(None)?},
        "logId": {"keyId": STANDARD.encode(id)},
    }))
}

fn authority(of: &str, spec: &str) -> Result<Value, Failure> {
    let spec = Spec::of(of, spec, &["url", "certificate-chain", "start-time", "end-time"])?;
    let (url, path) = (spec.needs("url")?, spec.needs("certificate-chain")?);
    let holder = if of == "tsa" { Holder::Authority } else { Holder::Signers };
    let chain = chain(path, holder)?;
    // As Cosign has it: of an authority of timestamps its own certificate says it, of others the root.
    let says = if holder == Holder::Authority { chain.first() } else { chain.last() };
    let start = says.ok_or_else(|| format!("{path} holds no certificate"))?.validity().0;
    let certificates: Vec<_> = chain.iter().map(|one| json!({"rawBytes": STANDARD.encode(one.der())})).collect();
    Ok(json!({"uri": url, "certChain": {"certificates": certificates}, "validFor": spec.window(Some(start))?}))
}

/// Whose certificate stands first in a chain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// That of whoever issues to signers.
    Signers,
    /// The authority's own, which issues none.
    Authority,
}

/// The certificates in a PEM file, at least one.
pub fn certificates(path: &str) -> Result<Vec<Certificate>, Failure> {
    let all = Certificate::all_from_pem(&read(path, MAX_PEM)?).map_err(|why| format!("read {path}: {why}"))?;
    if all.is_empty() {
        return Err(format!("{path} holds no certificate").into());
    }
    Ok(all)
}

/// The chain in a PEM file, each certificate issued by the next. In another order nobody would be believed for its sake, and whoever
/// stands last would be the anchor.
pub fn chain(path: &str, of: Holder) -> Result<Vec<Certificate>, Failure> {
    let chain = certificates(path)?;
    if let Some(at) = chain.windows(2).position(|two| !matches!(two, [below, above] if below.issued_by(above))) {
        let (first, next) = (at + 1, at + 2);
        return Err(format!(
            "{path}: the certificate {first} is not issued by the certificate {next}: write each before the one that issued it, the root last"
        )
        .into());
    }
    if of == Holder::Authority && chain.len() < 2 {
        return Err(format!(
            "{path}: an authority of timestamps has its own certificate first, and that of whoever issued it behind it"
        )
        .into());
    }
    let stamps = |first: &Certificate| matches!(first.claims_authority(), Ok(false));
    if of == Holder::Authority && !chain.first().is_some_and(stamps) {
        return Err(format!(
            "{path}: the first certificate is an authority's over others: before it stands the one that signs timestamps"
        )
        .into());
    }
    Ok(chain)
}

pub fn signing_config(asked: &SigningConfig) -> Result<(), Failure> {
    let SigningConfig::Create(asked) = asked;
    for (specs, mode, name) in [(&asked.rekor, &asked.rekor_config, "rekor"), (&asked.tsa, &asked.tsa_config, "tsa")] {
        if !specs.is_empty() && mode.is_none() {
            return Err(format!("--{name}-config must be provided when --{name} is specified").into());
        }
    }
    let each = |of: &str, specs: &[String]| specs.iter().map(|spec| service(of, spec)).collect::<Result<Vec<_>, _>>();
    let mut config = json!({"mediaType": SIGNING_CONFIG});
    for (name, of, specs) in [
        ("caUrls", "fulcio", &asked.fulcio),
        ("oidcUrls", "oidc-provider", &asked.oidc_provider),
        ("rekorTlogUrls", "rekor", &asked.rekor),
        ("tsaUrls", "tsa", &asked.tsa),
    ] {
        if !specs.is_empty() {
            config[name] = each(of, specs)?.into();
        }
    }
    for (name, mode) in [("rekorTlogConfig", &asked.rekor_config), ("tsaConfig", &asked.tsa_config)] {
        config[name] = mode.as_deref().map_or(Ok(json!({})), selected)?;
    }
    let text = config.to_string();
    // What is written can be read here.
    signing::SigningConfig::from_json(text.as_bytes())?;
    out(asked.out.as_deref(), &text)
}

fn service(of: &str, spec: &str) -> Result<Value, Failure> {
    let spec = Spec::of(of, spec, &["url", "api-version", "start-time", "end-time", "operator"])?;
    let version = spec.needs("api-version")?;
    let version: u32 = version.parse().map_err(|_| format!("--{of}: api-version={version} is no number"))?;
    Ok(json!({
        "url": spec.needs("url")?,
        "majorApiVersion": version,
        "validFor": spec.window(None)?,
        "operator": spec.needs("operator")?,
    }))
}

/// How many of several services are used.
fn selected(mode: &str) -> Result<Value, Failure> {
    let (name, count) = mode.split_once(':').map_or((mode, None), |(name, count)| (name, Some(count)));
    match (name.to_uppercase().as_str(), count) {
        (name @ ("ANY" | "ALL"), None) => Ok(json!({"selector": name})),
        ("EXACT", Some(count)) => {
            let count: u32 = count.parse().map_err(|_| format!("EXACT:{count} is no count"))?;
            Ok(json!({"selector": "EXACT", "count": count}))
        }
        _ => Err(format!("{mode:?}: ANY, ALL and EXACT:COUNT are spoken").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_is_said_to_be_is_known_once_and_whole() {
        let spec = "url=https://a, api-version=1,start-time=2026-01-02T03:04:05Z,operator=x";
        let made = service("rekor", spec).unwrap();
        assert_eq!(made["majorApiVersion"], 1);
        assert_eq!(made["validFor"], json!({"start": "2026-01-02T03:04:05Z"}));
        for bad in [
            "url=https://a",
            "url",
            "url=https://a,url=https://b",
            "url=https://a,nosuch=1",
            &spec.replace("=1,", "=one,"),
            &spec.replace("2026-01-02", "yesterday"),
            &format!("{spec},end-time=2025-01-01T00:00:00Z"),
        ] {
            assert!(service("rekor", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        for (mode, good) in [(None, true), (Some("EXACT:1"), true), (Some("EXACT:0"), false)] {
            let config = Config {
                fulcio: vec![],
                oidc_provider: vec![],
                rekor: vec![],
                rekor_config: mode.map(str::to_owned),
                tsa: vec![],
                tsa_config: None,
                out: Some(folder.path().join("config.json").display().to_string()),
            };
            assert_eq!(signing_config(&SigningConfig::Create(config)).is_ok(), good, "{mode:?}");
        }
    }

    /// A file of the repository, by its name.
    fn key(name: &str) -> String {
        format!("{}/../plimsoll-trust/tests/keys/{name}.pub", env!("CARGO_MANIFEST_DIR"))
    }

    #[test]
    fn logs_have_keys_on_curves_and_one_by_rsa_is_refused_with_words() {
        let spec = |name: &str, more: &str| {
            log("rekor", &format!("url=https://a,public-key={},start-time=2026-01-02T03:04:05Z{more}", key(name)))
        };
        for (name, details) in
            [("p256", "PKIX_ECDSA_P256_SHA_256"), ("p384", "PKIX_ECDSA_P384_SHA_384"), ("ed25519", "PKIX_ED25519")]
        {
            let made = spec(name, "").unwrap();
            assert_eq!(made["publicKey"]["keyDetails"], details);
            assert_eq!(made["publicKey"]["validFor"], json!({"start": "2026-01-02T03:04:05Z"}));
            // A name is of use to logs of tiles alone, whose keys are on Ed25519.
            assert_eq!(spec(name, ",origin=a.example").unwrap()["logId"] != made["logId"], name == "ed25519");
        }
        assert!(spec("rsa2048", "").unwrap_err().why.contains("RSA"));
        assert!(
            log("rekor", &format!("url=https://a,public-key={}", key("p256"))).unwrap_err().why.contains("start-time")
        );
    }

    #[test]
    fn a_root_of_nobody_can_be_written_and_a_file_without_a_certificate_is_no_authority() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let of = |fulcio: Vec<String>| {
            let out = Some(path("root.json"));
            trusted_root(&TrustedRoot::Create(Root { fulcio, ctfe: vec![], rekor: vec![], tsa: vec![], out }))
        };
        of(vec![]).unwrap();
        let nobody = TrustMaterial::from_json(&std::fs::read(path("root.json")).unwrap()).unwrap();
        assert_eq!(nobody, TrustMaterial::default());
        std::fs::remove_file(path("root.json")).unwrap();
        for text in ["", "words", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"] {
            std::fs::write(path("empty.pem"), text).unwrap();
            let refused = of(vec![format!("url=https://a,certificate-chain={}", path("empty.pem"))]).unwrap_err();
            assert!(refused.why.contains("empty.pem"), "{text:?}: {}", refused.why);
            assert!(!std::path::Path::new(&path("root.json")).exists());
        }
    }

    #[test]
    fn how_many_are_used_is_any_all_or_a_count() {
        assert_eq!(selected("any").unwrap(), json!({"selector": "ANY"}));
        assert_eq!(selected("EXACT:2").unwrap(), json!({"selector": "EXACT", "count": 2}));
        for bad in ["", "SOME", "ANY:1", "EXACT", "EXACT:x"] {
            assert!(selected(bad).is_err(), "{bad}");
        }
    }
}
