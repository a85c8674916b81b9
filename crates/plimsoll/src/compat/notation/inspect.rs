//! `inspect`. In: an artifact. Out: what its signatures say, as a tree or as JSON. Nothing of it is believed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use plimsoll_trust::Certificate;
use plimsoll_trust::notation::{ARTIFACT_TYPE, Envelope, SigningScheme};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::registry::{self, Signature};
use super::{Failure, flags, print, say};

/// Members in the order in which Notation writes them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    media_type: String,
    digest: String,
    signature_algorithm: &'static str,
    signed_attributes: BTreeMap<String, String>,
    /// None is `null`, as Go writes a map that was never made.
    user_defined_attributes: Option<BTreeMap<String, String>>,
    unsigned_attributes: BTreeMap<&'static str, Value>,
    certificates: Vec<ShownCertificate>,
    signed_artifact: ShownArtifact,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownCertificate {
    #[serde(rename = "SHA256Fingerprint")]
    fingerprint: String,
    issued_to: String,
    issued_by: String,
    expiry: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownArtifact {
    media_type: String,
    digest: String,
    size: u64,
}

#[derive(Serialize)]
struct ShownAll {
    #[serde(rename = "mediaType")]
    media_type: String,
    #[serde(rename = "Signatures")]
    signatures: Vec<Shown>,
}

pub fn run(asked: &flags::Inspect) -> Result<(), Failure> {
    let json = match asked.output.as_str() {
        "json" => true,
        "text" => false,
        other => return Err(format!("unrecognized output format {other}").into()),
    };
    let artifact = registry::artifact(&asked.registry, &asked.reference, "inspect")?;
    let (mut signatures, mut skipped) = (Vec::new(), false);
    let found = registry::each(&artifact, asked.registry.max_signatures, |one| {
        match shown(&one, json) {
            Ok(shown) => signatures.push(shown),
            Err(why) => {
                say(&format!("Warning: Skipping signature {} because of error: {why}", one.digest));
                skipped = true;
            }
        }
        false
    })?;
    for why in &found.unread {
        say(&format!("Warning: unable to fetch signature due to error: {why}"));
        skipped = true;
    }
    if json {
        let all = ShownAll { media_type: artifact.holding.media_type.clone(), signatures };
        print(&pretty(&all)?)?;
    } else if signatures.is_empty() {
        print(&format!("{} has no associated signature\n", artifact.resolved()))?;
    } else {
        let head = "Inspecting all signatures for signed artifact\n";
        print(&format!("{head}{}", tree(&artifact.resolved(), &signatures)))?;
    }
    if found.more {
        print(&format!("Warning: {}\n", registry::exceeded(asked.registry.max_signatures)))?;
    }
    if skipped { Err(Failure("at least one signature was skipped and not displayed".to_owned())) } else { Ok(()) }
}

fn shown(one: &Signature, json: bool) -> Result<Shown, String> {
    let (media_type, bytes) = one.envelope.as_ref().map_err(|why| why.0.clone())?;
    let envelope = Envelope::read(media_type, bytes).map_err(|why| why.to_string())?;
    let mut signed = BTreeMap::from([
        ("signingScheme".to_owned(), envelope.scheme().name().to_owned()),
        ("signingTime".to_owned(), time(envelope.signing_time(), json)),
    ]);
    signed.extend(envelope.expiry().map(|expiry| ("expiry".to_owned(), time(expiry, json))));
    for (name, value) in envelope.extended() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        signed.insert(name.clone(), text);
    }
    let mut unsigned = BTreeMap::new();
    if let (Some(_), SigningScheme::X509) = (envelope.timestamp(), envelope.scheme()) {
        unsigned.insert("timestampSignature", json!({"present": true}));
    }
    if let Some(agent) = envelope.agent().filter(|agent| !agent.is_empty()) {
        unsigned.insert("signingAgent", agent.into());
    }
    let (artifact_type, digest, size) = envelope.target();
    Ok(Shown {
        media_type: media_type.clone(),
        digest: one.digest.to_string(),
        signature_algorithm: envelope.algorithm(),
        signed_attributes: signed,
        user_defined_attributes: Some(envelope.annotations().clone()).filter(|all| !all.is_empty()),
        unsigned_attributes: unsigned,
        certificates: envelope.chain().iter().map(|one| certificate(one, json)).collect(),
        signed_artifact: ShownArtifact { media_type: artifact_type.to_owned(), digest: digest.to_owned(), size },
    })
}

fn certificate(one: &Certificate, json: bool) -> ShownCertificate {
    ShownCertificate {
        fingerprint: format!("{:x}", Sha256::digest(one.der())),
        issued_to: one.subject_words(),
        issued_by: one.issuer_words(),
        expiry: time(one.validity().1, json),
    }
}

/// Go's RFC 3339 in JSON, and C's form of old for people; both in UTC.
fn time(time: Timestamp, json: bool) -> String {
    let form = if json { "%Y-%m-%dT%H:%M:%SZ" } else { "%a %b %e %H:%M:%S %Y" };
    time.strftime(form).to_string()
}

/// JSON with four spaces, and with what Go escapes.
fn pretty(all: &ShownAll) -> Result<String, Failure> {
    let mut out = Vec::new();
    let form = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut writer = serde_json::Serializer::with_formatter(&mut out, form);
    all.serialize(&mut writer).map_err(|error| Failure(format!("could not write JSON: {error}")))?;
    Ok(format!("{}\n", crate::compat::go_json(&String::from_utf8_lossy(&out))))
}

struct Node(String, Vec<Node>);

fn leaf(name: &str, value: impl std::fmt::Display) -> Node {
    Node(format!("{name}: {value}"), vec![])
}

fn tree(name: &str, signatures: &[Shown]) -> String {
    let pairs = |all: Option<&BTreeMap<String, String>>| match all {
        None => vec![Node("(empty)".to_owned(), vec![])],
        Some(all) => all.iter().map(|(name, value)| leaf(name, value)).collect(),
    };
    let signature = |one: &Shown| {
        let unsigned = one.unsigned_attributes.iter().map(|(name, value)| match value.as_str() {
            Some(text) => leaf(name, text),
            None => Node("timestamp signature".to_owned(), vec![]),
        });
        let certificates = one.certificates.iter().map(|one| {
            let inside =
                vec![leaf("issued to", &one.issued_to), leaf("issued by", &one.issued_by), leaf("expiry", &one.expiry)];
            Node(format!("SHA256 fingerprint: {}", one.fingerprint), inside)
        });
        let artifact = &one.signed_artifact;
        let parts = vec![
            leaf("media type", &one.media_type),
            leaf("signature algorithm", one.signature_algorithm),
            Node("signed attributes".to_owned(), pairs(Some(&one.signed_attributes))),
            Node("user defined attributes".to_owned(), pairs(one.user_defined_attributes.as_ref())),
            Node("unsigned attributes".to_owned(), unsigned.collect()),
            Node("certificates".to_owned(), certificates.collect()),
            Node(
                "signed artifact".to_owned(),
                vec![
                    leaf("media type", &artifact.media_type),
                    leaf("digest", &artifact.digest),
                    leaf("size", artifact.size),
                ],
            ),
        ];
        Node(one.digest.clone(), parts)
    };
    let all = Node(ARTIFACT_TYPE.to_owned(), signatures.iter().map(signature).collect());
    let mut out = format!("{name}\n");
    branches(&[all], "", &mut out);
    out
}

/// As deep as [`tree`] builds it.
fn branches(nodes: &[Node], before: &str, out: &mut String) {
    for (at, Node(text, inside)) in nodes.iter().enumerate() {
        let last = at + 1 == nodes.len();
        let (branch, more) = if last { ("└── ", "    ") } else { ("├── ", "│   ") };
        // Strangers' words draw no branches of their own.
        let text = text.replace(['\n', '\r'], "\u{fffd}");
        out.push_str(&format!("{before}{branch}{text}\n"));
        branches(inside, &format!("{before}{more}"), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_go_does() {
        let at: Timestamp = "2026-01-05T07:01:20Z".parse().unwrap();
        assert_eq!(time(at, true), "2026-01-05T07:01:20Z");
        assert_eq!(time(at, false), "Mon Jan  5 07:01:20 2026");
    }

    #[test]
    fn trees_have_branches() {
        let mut out = String::new();
        let inner = vec![leaf("b", 1), Node("c".to_owned(), vec![leaf("d", 2)])];
        branches(&[Node("a".to_owned(), inner), leaf("e", 3)], "", &mut out);
        assert_eq!(out, "├── a\n│   ├── b: 1\n│   └── c\n│       └── d: 2\n└── e: 3\n");
    }
}
