//! What an attestation says. In: the name of a predicate's type, its bytes, and the artifact that it is of. Out: the in-toto statement
//! that is signed, in the form that Cosign gives each type. What it does not do: sign, or read what a predicate means.

use jiff::Timestamp;
use serde_json::Value;

use crate::json;
use crate::public_key::hex;
use crate::refusal::{Reason, Refusal, malformed};
use crate::statement::{STATEMENT_V0_1, predicate_type};

/// Bytes of a predicate: in base64, as a bundle holds it, it has to stay below what a bundle may have.
pub const MAX_PREDICATE: usize = 32 << 20;

/// How a predicate stands in its statement.
#[derive(Clone, Copy)]
enum Form {
    /// Whatever it is, as a text beside the time of signing.
    Data,
    /// As a text, as tag-value documents are.
    Text,
    /// As the object that it is, with these members at least.
    Object(&'static [&'static str]),
}

/// The forms of those types that are called by a short name; others are objects.
const FORMS: &[(&str, Form)] = &[
    ("custom", Form::Data),
    ("spdx", Form::Text),
    ("slsaprovenance", Form::Object(&["builder", "buildType"])),
    ("slsaprovenance02", Form::Object(&["builder", "buildType"])),
    ("slsaprovenance1", Form::Object(&["buildDefinition", "runDetails"])),
    ("link", Form::Object(&["_type", "name", "materials", "products", "byproducts", "command", "environment"])),
];

/// The statement that this is so of the artifact `name` with that digest. `kind` is a short name of the predicate's type, or its URI.
/// A predicate that is an object is stated as it is written, and nothing of it is left out.
///
/// # Errors
/// `unsupported` for a type that is none; `malformed` and `too-large` for a predicate that is not of its type.
pub fn statement(
    kind: &str,
    predicate: &[u8],
    name: &str,
    sha256: &[u8; 32],
    now: Timestamp,
) -> Result<Vec<u8>, Refusal> {
    let uri = predicate_type(kind)?;
    if predicate.len() > MAX_PREDICATE {
        return Err(Refusal::new(Reason::TooLarge, format!("the predicate has more than {MAX_PREDICATE} bytes")));
    }
    let text = || std::str::from_utf8(predicate).map_err(|_| malformed("the predicate is no text in UTF-8"));
    // Who gives that type by its URI means the same form.
    let kind = if uri == predicate_type("custom")? { "custom" } else { kind };
    let form = FORMS.iter().find(|(known, _)| *known == kind).map_or(Form::Object(&[]), |(_, form)| *form);
    let stated = match form {
        Form::Data => {
            let second = Timestamp::from_second(now.as_second()).unwrap_or(now);
            format!(r#"{{"Data":{},"Timestamp":"{second}"}}"#, Value::from(text()?))
        }
        Form::Text => Value::from(text()?).to_string(),
        Form::Object(members) => {
            let value = json::parse(predicate, "the predicate")?;
            let object = value.as_object().ok_or_else(|| malformed("the predicate is no object of JSON"))?;
            if let Some(missing) = members.iter().find(|member| !object.contains_key(**member)) {
                return Err(malformed(format!("the predicate has no {missing:?}, which {kind} needs")));
            }
            text()?.trim().to_owned()
        }
    };
    // Written by hand: what others wrote stays as it is, to the last digit of its numbers.
    Ok(format!(
        r#"{{"_type":"{STATEMENT_V0_1}","subject":[{{"name":{},"digest":{{"sha256":"{}"}}}}],"predicateType":{},"predicate":{stated}}}"#,
        Value::from(name),
        hex(sha256),
        Value::from(uri),
    )
    .into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::{PREDICATE_TYPES, Statement};

    fn stated(kind: &str, predicate: &str) -> Result<Statement, Reason> {
        let made = statement(kind, predicate.as_bytes(), "example.org/a", &[7; 32], Timestamp::UNIX_EPOCH);
        made.map(|bytes| Statement::from_json(&bytes).unwrap()).map_err(|refusal| refusal.reason)
    }

    #[test]
    fn each_type_has_its_form() {
        let link =
            r#"{"_type":"link","name":"a","materials":[],"products":[],"byproducts":{},"command":[],"environment":{}}"#;
        for (kind, predicate, text) in [
            ("custom", "anything", r#"{"Data":"anything","Timestamp":"1970-01-01T00:00:00Z"}"#),
            ("https://cosign.sigstore.dev/attestation/v1", "x", r#"{"Data":"x","Timestamp":"1970-01-01T00:00:00Z"}"#),
            ("spdx", "SPDXVersion: SPDX-2.3\n", r#""SPDXVersion: SPDX-2.3\n""#),
            ("spdxjson", r#" {"spdxVersion":"SPDX-2.3"} "#, r#"{"spdxVersion":"SPDX-2.3"}"#),
            ("https://example.com/x", r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            ("slsaprovenance", r#"{"builder":{},"buildType":"x"}"#, r#"{"buildType":"x","builder":{}}"#),
            (
                "slsaprovenance1",
                r#"{"buildDefinition":{},"runDetails":{}}"#,
                r#"{"buildDefinition":{},"runDetails":{}}"#,
            ),
            ("link", link, link),
        ] {
            let statement = stated(kind, predicate).unwrap();
            let expected: Value = serde_json::from_str(text).unwrap();
            assert_eq!(statement.predicate, expected, "{kind}");
            assert_eq!(statement.predicate_type, predicate_type(kind).unwrap());
            assert_eq!(statement.subjects[0].name, "example.org/a");
            assert_eq!(statement.subjects[0].digests["sha256"], "07".repeat(32));
        }
        assert!(
            PREDICATE_TYPES.iter().all(|(kind, _)| stated(kind, "{").is_ok() == matches!(*kind, "custom" | "spdx"))
        );
    }

    #[test]
    fn what_is_not_of_its_type_is_not_stated() {
        for (kind, predicate, reason) in [
            ("sbom", "{}", Reason::Unsupported),
            ("cyclonedx", "[]", Reason::Malformed),
            ("cyclonedx", "", Reason::Malformed),
            ("openvex", r#"{"a":1,"a":2}"#, Reason::Malformed),
            ("vuln", "{} {}", Reason::Malformed),
            ("slsaprovenance", "{}", Reason::Malformed),
            ("slsaprovenance1", r#"{"buildDefinition":{}}"#, Reason::Malformed),
            ("link", r#"{"_type":"link"}"#, Reason::Malformed),
        ] {
            assert_eq!(stated(kind, predicate), Err(reason), "{kind} {predicate}");
        }
        let bytes = statement("custom", b"\xff", "a", &[7; 32], Timestamp::UNIX_EPOCH);
        assert_eq!(bytes.unwrap_err().reason, Reason::Malformed);
        let large = statement("custom", &vec![b' '; MAX_PREDICATE + 1], "a", &[7; 32], Timestamp::UNIX_EPOCH);
        assert_eq!(large.unwrap_err().reason, Reason::TooLarge);
    }

    #[test]
    fn numbers_stay_as_they_are_written_and_names_are_texts() {
        let made = statement("cyclonedx", b"{\"a\": 1.10}", "a\"b", &[7; 32], Timestamp::UNIX_EPOCH).unwrap();
        let text = String::from_utf8(made).unwrap();
        assert!(text.ends_with(r#""predicate":{"a": 1.10}}"#) && text.contains(r#""name":"a\"b""#), "{text}");
    }
}
