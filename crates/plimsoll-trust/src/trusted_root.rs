//! What is trusted: logs, authorities of certificates and of timestamps, each for a time. In: a trusted root (JSON,
//! `application/vnd.dev.sigstore.trustedroot+json;version=0.1`). Out: them. What it does not do: it fetches nothing, and judges nothing.

use jiff::Timestamp;
use serde_json::Value;

use crate::certificate::Certificate;
use crate::json;
use crate::public_key::PublicKey;
use crate::refusal::{Reason, Refusal, malformed};

/// Sigstore's public production root as its TUF repository has published it, as of the target that sigstore-trust-root 0.15.1 (crates.io)
/// and sigstore 4.5.1 (PyPI) both ship, byte for byte. It is data, under Apache-2.0.
const PRODUCTION: &str = include_str!("../data/sigstore-trusted-root.json");

const MEDIA_TYPES: &[&str] = &[
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot.v0.2+json",
];
/// Roots have a dozen entries of each kind.
const MOST_ENTRIES: usize = 256;

/// A time with both ends included; without an end it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its first instant.
    pub start: Timestamp,
    /// Its last.
    pub end: Option<Timestamp>,
}

impl Window {
    /// Whether `time` is within it.
    pub fn contains(&self, time: Timestamp) -> bool {
        self.start <= time && self.end.is_none_or(|end| time <= end)
    }
}

/// A log of entries or of certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Where it is.
    pub base_url: String,
    /// What it is known by.
    pub id: Vec<u8>,
    /// Its key; none where it is of a kind that is not supported: nothing such a log says is believed.
    pub key: Option<PublicKey>,
    /// When it is to be trusted.
    pub valid_for: Window,
}

impl Log {
    /// Whether a log that is there calls itself so: by its host, with or without its port.
    pub(crate) fn is_origin(&self, name: &str) -> bool {
        let rest = self.base_url.split_once("://").map_or(self.base_url.as_str(), |(_, rest)| rest);
        let host = rest.split('/').next().unwrap_or(rest);
        let is_port = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        let bare = host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(bare, _)| bare);
        !name.is_empty() && (name == host || name == bare)
    }
}

/// An authority of certificates or of timestamps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Its certificates, nearest to the holder first, its anchor last; for timestamps the first is the holder's own. Empty where one
    /// of them is of a kind that is not supported: nobody is believed for its sake.
    pub chain: Vec<Certificate>,
    /// When it is to be trusted.
    pub valid_for: Window,
}

/// All that is trusted.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TrustMaterial {
    /// Transparency logs of signatures.
    pub logs: Vec<Log>,
    /// Transparency logs of certificates.
    pub certificate_logs: Vec<Log>,
    /// Authorities that issue to signers.
    pub authorities: Vec<Authority>,
    /// Authorities of timestamps.
    pub timestamp_authorities: Vec<Authority>,
}

impl TrustMaterial {
    /// The trusted root in `bytes`.
    ///
    /// # Errors
    /// `trust-window-missing` for whatever does not say from when it is to be trusted; `malformed`, `unsupported`, `too-large`.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Refusal> {
        let value = json::parse(bytes, "a trusted root")?;
        let kind = json::text(&value, "mediaType", "a trusted root")?;
        if !MEDIA_TYPES.contains(&kind) {
            return Err(Refusal::new(Reason::Unsupported, format!("a trusted root of type {kind:?}")));
        }
        Ok(Self {
            logs: each(&value, "tlogs", log)?,
            certificate_logs: each(&value, "ctlogs", log)?,
            authorities: each(&value, "certificateAuthorities", authority)?,
            timestamp_authorities: each(&value, "timestampAuthorities", authority)?,
        })
    }

    /// Sigstore's public production root, as it is built in.
    ///
    /// # Errors
    /// None: a test reads it.
    pub fn production() -> Result<Self, Refusal> {
        Self::from_json(PRODUCTION.as_bytes())
    }
}

fn each<T>(value: &Value, name: &str, read: fn(&Value) -> Result<T, Refusal>) -> Result<Vec<T>, Refusal> {
    let Some(list) = json::member(value, name) else { return Ok(Vec::new()) };
    let list = list.as_array().ok_or_else(|| malformed(format!("{name:?} of a trusted root is no list")))?;
    if list.len() > MOST_ENTRIES {
        return Err(Refusal::new(Reason::TooLarge, format!("a trusted root with more than {MOST_ENTRIES} {name}")));
    }
    list.iter().map(read).collect()
}

fn window(value: &Value, what: &str) -> Result<Window, Refusal> {
    let missing = || {
        Refusal::new(
            Reason::TrustWindowMissing,
            format!("{what} of a trusted root does not say from when it is to be trusted"),
        )
    };
    let window = json::member(value, "validFor").ok_or_else(missing)?;
    let instant = |value: &Value| {
        let text = value.as_str().ok_or_else(|| malformed(format!("a time of {what} is no text")))?;
        text.parse::<Timestamp>().map_err(|e| malformed(format!("a time of {what}: {e}")))
    };
    let start = instant(json::member(window, "start").ok_or_else(missing)?)?;
    Ok(Window { start, end: json::member(window, "end").map(instant).transpose()? })
}

fn log(value: &Value) -> Result<Log, Refusal> {
    let what = "a log";
    let key = json::member(value, "publicKey").ok_or_else(|| malformed("a log of a trusted root has no key"))?;
    let id = json::member(value, "logId").ok_or_else(|| malformed("a log of a trusted root has no id"))?;
    Ok(Log {
        base_url: json::member(value, "baseUrl").and_then(Value::as_str).unwrap_or_default().to_owned(),
        id: json::bytes(id, "keyId", what)?,
        // Old logs have keys in forms that nobody uses any more; they vouch for nothing here.
        key: PublicKey::from_spki(&json::bytes(key, "rawBytes", what)?).ok(),
        valid_for: window(key, what)?,
    })
}

fn authority(value: &Value) -> Result<Authority, Refusal> {
    let what = "an authority";
    let chain = value.pointer("/certChain/certificates").and_then(Value::as_array).filter(|all| !all.is_empty());
    let chain = chain.ok_or_else(|| malformed("an authority of a trusted root has no certificates"))?;
    if chain.len() > MOST_ENTRIES {
        return Err(Refusal::new(Reason::TooLarge, "an authority with too many certificates"));
    }
    let mut certificates = Vec::new();
    for certificate in chain {
        match Certificate::from_der(&json::bytes(certificate, "rawBytes", what)?) {
            Ok(certificate) => certificates.push(certificate),
            Err(refusal) if refusal.reason == Reason::Unsupported => {
                certificates.clear();
                break;
            }
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(Authority { chain: certificates, valid_for: window(value, what)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_called_by_their_host_with_or_without_its_port() {
        let is = |url: &str, name: &str| {
            let valid_for = Window { start: Timestamp::UNIX_EPOCH, end: None };
            Log { base_url: url.into(), id: vec![], key: None, valid_for }.is_origin(name)
        };
        assert!(is("https://log.example", "log.example") && is("https://log.example:8443/a", "log.example:8443"));
        assert!(
            is("http://127.0.0.1:80", "127.0.0.1") && is("https://[::1]:80", "[::1]") && is("https://[::1]", "[::1]")
        );
        for (url, name) in [
            ("https://log.example", "log.example:443"),
            ("https://log.example:8443", "log.example:"),
            ("https://log.example", ""),
            ("", ""),
            ("https://log.example", "example"),
            ("https://log.example/a", "log.example/a"),
        ] {
            assert!(!is(url, name), "{url} {name}");
        }
    }

    #[test]
    fn the_root_that_is_built_in_can_be_used() {
        let root = TrustMaterial::production().unwrap();
        assert_eq!(
            root.logs.iter().map(|log| log.base_url.as_str()).collect::<Vec<_>>(),
            ["https://rekor.sigstore.dev", "https://log2025-1.rekor.sigstore.dev"]
        );
        assert!(root.logs.iter().chain(&root.certificate_logs).all(|log| log.key.is_some()));
        assert!(root.authorities.iter().chain(&root.timestamp_authorities).all(|a| !a.chain.is_empty()));
        // An id of this kind is the key's own digest.
        assert_eq!(root.logs[0].id, root.logs[0].key.as_ref().unwrap().key_id());
    }

    #[test]
    fn times_have_a_start_and_include_both_ends() {
        let change = |from: &str, to: &str| TrustMaterial::from_json(PRODUCTION.replacen(from, to, 1).as_bytes());
        let missing = change(r#""start": "2021-01-12T11:53:27Z""#, r#""end": "2031-01-12T11:53:27Z""#);
        assert_eq!(missing.unwrap_err().reason, Reason::TrustWindowMissing);
        assert_eq!(change("validFor", "validfor").unwrap_err().reason, Reason::TrustWindowMissing);
        assert_eq!(change("2021-01-12T11:53:27Z", "2021-01-12").unwrap_err().reason, Reason::Malformed);
        assert_eq!(change("version=0.1", "version=9").unwrap_err().reason, Reason::Unsupported);
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let window = Window { start: at("2025-01-01T00:00:00Z"), end: Some(at("2025-01-02T00:00:00Z")) };
        assert!(window.contains(window.start) && window.contains(at("2025-01-02T00:00:00Z")));
        assert!(!window.contains(at("2024-12-31T23:59:59Z")) && !window.contains(at("2025-01-02T00:00:01Z")));
    }
}
