//! In-toto statements, versions 1 and 0.1. In: the payload of an envelope. Out: what is stated, of which artifacts. What it does not
//! do: it does not read predicates, and knows nobody who signs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::json;
use crate::public_key::{Hash, hex};
use crate::refusal::{Reason, Refusal};

/// The type of statements that are written.
pub const STATEMENT_V1: &str = "https://in-toto.io/Statement/v1";
/// The type that others wrote before.
pub(crate) const STATEMENT_V0_1: &str = "https://in-toto.io/Statement/v0.1";
/// The predicate of a statement that is a signature of an image and says nothing more.
pub const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";
/// A statement of a release with all of its files has thousands of subjects; nobody's has more.
const MOST_SUBJECTS: usize = 16_384;

/// The short names of predicate types on command lines and in policies, each with its URI. Any other name must be a URI itself.
pub const PREDICATE_TYPES: &[(&str, &str)] = &[
    ("custom", "https://cosign.sigstore.dev/attestation/v1"),
    ("vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"),
    ("openvex", "https://openvex.dev/ns"),
    ("slsaprovenance", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance02", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance1", "https://slsa.dev/provenance/v1"),
    ("spdx", "https://spdx.dev/Document"),
    ("spdxjson", "https://spdx.dev/Document"),
    ("cyclonedx", "https://cyclonedx.org/bom"),
    ("link", "https://in-toto.io/Link/v1"),
];

/// The URI of a predicate type that is called `name`: by its short name, or by itself.
///
/// # Errors
/// `unsupported` for a name that is neither.
pub fn predicate_type(name: &str) -> Result<&str, Refusal> {
    if let Some((_, uri)) = PREDICATE_TYPES.iter().find(|(short, _)| *short == name) {
        return Ok(uri);
    }
    let scheme = name.split_once(':').map_or("", |(scheme, _)| scheme);
    let is_uri = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        && name.len() > scheme.len() + 1
        && !name.contains(|c: char| c.is_whitespace() || c.is_control());
    if is_uri {
        Ok(name)
    } else {
        Err(Refusal::new(Reason::Unsupported, format!("{name:?} is no type of predicate, and no URI")))
    }
}

/// One artifact that is stated about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// What it is called; may be empty.
    pub name: String,
    /// Its digests by algorithm, in lower-case hexadecimal digits for those of the SHA-2 family.
    pub digests: BTreeMap<String, String>,
    /// What is said of it beside that; what is signed of an image along with its digest stands here.
    pub annotations: BTreeMap<String, Value>,
}

impl Subject {
    /// The artifact with this digest, without a name and annotations.
    pub fn of(sha256: &[u8; 32]) -> Self {
        let digests = BTreeMap::from([("sha256".to_owned(), hex(sha256))]);
        Self { name: String::new(), digests, annotations: BTreeMap::new() }
    }

    /// Members in the order of the specification; those that say nothing are left out.
    fn to_json(&self) -> String {
        let mut members = Vec::new();
        if !self.name.is_empty() {
            members.push(format!(r#""name":{}"#, Value::from(self.name.as_str())));
        }
        members.push(format!(r#""digest":{}"#, json!(self.digests)));
        if !self.annotations.is_empty() {
            members.push(format!(r#""annotations":{}"#, json!(self.annotations)));
        }
        format!("{{{}}}", members.join(","))
    }
}

/// What is stated, of what.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// The artifacts, at least one.
    pub subjects: Vec<Subject>,
    /// The URI of the predicate's type.
    pub predicate_type: String,
    /// The predicate; some that wrote before there was a form for theirs have a text here, which holds JSON.
    pub predicate: Value,
}

impl Statement {
    /// The statement in `payload`.
    ///
    /// # Errors
    /// `statement-malformed` for whatever is no statement, members that stand twice included; `too-large`.
    pub fn from_json(payload: &[u8]) -> Result<Self, Refusal> {
        read(payload).map_err(|refusal| match refusal.reason {
            Reason::Malformed => Refusal { reason: Reason::StatementMalformed, ..refusal },
            _ => refusal,
        })
    }

    /// A statement of one artifact, as signers write it: no name, one digest.
    pub fn of(sha256: &[u8; 32], predicate_type: &str, predicate: Value) -> Self {
        let subjects = vec![Subject::of(sha256)];
        Self { subjects, predicate_type: predicate_type.to_owned(), predicate }
    }

    /// Its bytes as they are signed: compact, members in the order of the specification.
    pub fn to_json(&self) -> Vec<u8> {
        let subjects: Vec<_> = self.subjects.iter().map(Subject::to_json).collect();
        // Written by hand, for the order is part of what people compare.
        format!(
            r#"{{"_type":{},"subject":[{}],"predicateType":{},"predicate":{}}}"#,
            Value::from(STATEMENT_V1),
            subjects.join(","),
            Value::from(self.predicate_type.as_str()),
            self.predicate
        )
        .into_bytes()
    }

    /// The first of the subjects that is the artifact with this digest.
    pub fn subject(&self, hash: Hash, digest: &[u8]) -> Option<&Subject> {
        let wanted = hex(digest);
        let of_it =
            |subject: &&Subject| digest.len() == hash.length() && subject.digests.get(hash.name()) == Some(&wanted);
        self.subjects.iter().find(of_it)
    }
}

fn read(payload: &[u8]) -> Result<Statement, Refusal> {
    let wrong = |why: String| Refusal::new(Reason::StatementMalformed, why);
    let value = json::parse(payload, "a statement")?;
    if !value.is_object() {
        return Err(wrong("a statement is no object".into()));
    }
    let kind = json::text(&value, "_type", "a statement")?;
    if kind != STATEMENT_V1 && kind != STATEMENT_V0_1 {
        return Err(wrong(format!("a statement of type {kind:?}")));
    }
    let subjects = value.get("subject").and_then(Value::as_array).filter(|all| !all.is_empty());
    let subjects = subjects.ok_or_else(|| wrong("a statement of no subject".into()))?;
    if subjects.len() > MOST_SUBJECTS {
        return Err(Refusal::new(Reason::TooLarge, format!("a statement of more than {MOST_SUBJECTS} subjects")));
    }
    let predicate_type = json::text(&value, "predicateType", "a statement")?;
    if predicate_type.is_empty() {
        return Err(wrong("a statement whose predicate has no type".into()));
    }
    Ok(Statement {
        subjects: subjects.iter().map(subject).collect::<Result<_, _>>()?,
        predicate_type: predicate_type.to_owned(),
        predicate: value.get("predicate").cloned().unwrap_or(Value::Null),
    })
}

fn subject(value: &Value) -> Result<Subject, Refusal> {
    let wrong = |why: &str| Refusal::new(Reason::StatementMalformed, why);
    let digests = value.get("digest").and_then(Value::as_object).filter(|all| !all.is_empty());
    let digests = digests.ok_or_else(|| wrong("a subject of a statement has no digest"))?;
    let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    let digests: Option<BTreeMap<_, _>> = digests.iter().map(text).collect();
    let name = match json::member(value, "name") {
        None => String::new(),
        Some(_) => json::text(value, "name", "a subject of a statement")?.to_owned(),
    };
    let annotations = match json::member(value, "annotations") {
        None => BTreeMap::new(),
        Some(Value::Object(all)) => all.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        Some(_) => return Err(wrong("the annotations of a subject are no object")),
    };
    Ok(Subject { name, digests: digests.ok_or_else(|| wrong("a digest of a subject is no text"))?, annotations })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Value {
        json!({"_type": STATEMENT_V1, "predicateType": SIGNATURE, "predicate": {},
            "subject": [{"digest": {"sha256": "ab".repeat(32)}}]})
    }

    #[test]
    fn what_is_written_is_read_and_covers_its_artifact_alone() {
        let it = Statement::of(&[0xab; 32], SIGNATURE, json!({}));
        let bytes = it.to_json();
        assert!(
            bytes.starts_with(br#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"abab"#)
        );
        assert_eq!(Statement::from_json(&bytes), Ok(it.clone()));
        assert_eq!(it.subject(Hash::Sha256, &[0xab; 32]), Some(&it.subjects[0]));
        for (hash, digest) in [(Hash::Sha256, &[0xac; 32][..]), (Hash::Sha512, &[0xab; 64]), (Hash::Sha256, &[0xab])] {
            assert_eq!(it.subject(hash, digest), None);
        }
    }

    #[test]
    fn each_subject_keeps_what_is_said_of_it() {
        let mut it = Statement::of(&[1; 32], SIGNATURE, json!({}));
        let annotations = BTreeMap::from([("env".to_owned(), json!("prod")), ("count".to_owned(), json!(3))]);
        it.subjects.push(Subject { name: "b".into(), annotations, ..Subject::of(&[2; 32]) });
        let read = Statement::from_json(&it.to_json()).unwrap();
        assert_eq!(read, it);
        let of = |digest: &[u8]| read.subject(Hash::Sha256, digest).map(|subject| subject.annotations.len());
        assert_eq!((of(&[1; 32]), of(&[2; 32]), of(&[3; 32])), (Some(0), Some(2), None));
        let text = String::from_utf8(it.to_json()).unwrap();
        assert!(text.contains(r#"{"name":"b","digest":{"sha256":"0202"#), "{text}");
        assert!(text.contains(r#""},"annotations":{"count":3,"env":"prod"}}]"#), "{text}");
    }

    #[test]
    fn whatever_is_no_statement_is_refused() {
        let changes: [(&str, Value); 14] = [
            ("/_type", json!("https://in-toto.io/Statement/v2")),
            ("/_type", json!(null)),
            ("/subject", json!([])),
            ("/subject", json!(null)),
            ("/subject", json!({})),
            ("/subject/0", json!(null)),
            ("/subject/0", json!("x")),
            ("/subject/0/digest", json!({})),
            ("/subject/0/digest", json!(null)),
            ("/subject/0/digest/sha256", json!(1)),
            ("/subject/0", json!({"digest": {"sha256": "ab".repeat(32)}, "annotations": ["env"]})),
            ("/predicateType", json!("")),
            ("/predicateType", json!(["https://sigstore.dev/cosign/sign/v1"])),
            ("", json!("a statement as a text")),
        ];
        assert!(Statement::from_json(good().to_string().as_bytes()).is_ok());
        for (place, value) in changes {
            let mut bad = good();
            *bad.pointer_mut(place).unwrap() = value;
            assert_eq!(
                Statement::from_json(bad.to_string().as_bytes()).unwrap_err().reason,
                Reason::StatementMalformed,
                "{bad}"
            );
        }
        let twice = good().to_string().replacen('{', r#"{"predicateType":"https://spdx.dev/Document","#, 1);
        for bad in [twice.as_bytes(), b"", b"null", b"[]", b"{}", b"\xff"] {
            assert_eq!(Statement::from_json(bad).unwrap_err().reason, Reason::StatementMalformed);
        }
    }

    #[test]
    fn predicate_types_have_short_names() {
        assert_eq!(predicate_type("slsaprovenance1"), Ok("https://slsa.dev/provenance/v1"));
        assert_eq!(predicate_type("https://example.com/x"), Ok("https://example.com/x"));
        for bad in ["", "sbom", "https:", ":x", "1a:x", "https://a b"] {
            assert_eq!(predicate_type(bad).unwrap_err().reason, Reason::Unsupported, "{bad}");
        }
    }
}
