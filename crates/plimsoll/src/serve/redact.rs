//! A review without its secrets. In: the JSON of a review. Out: the same, with values taken out that are secrets or look like
//! some, and how many. What it does not do: promise that a password which looks like a word of prose is found.

use std::borrow::Cow;

use plimsoll_checks::secrets::{in_variable, inspect, redact};
use serde_json::{Map, Value};

/// What stands where a value was.
pub const GONE: &str = "[redacted]";
/// The same in base64, as the data of a Secret has it.
const GONE_BASE64: &str = "W3JlZGFjdGVkXQ==";
/// Annotations that repeat the whole object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Levels of a document; no review that is read has more.
const MAX_DEPTH: usize = 160;
/// Parts of names whose values are taken for secrets, whatever the values are.
const NAMES: [&str; 13] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "connectionstring",
    "pwd",
    "signingkey",
    "encryptionkey",
];
/// Ends of the names of fields that hold a secret themselves. Others (`secretName`, `tokenPath`) say where one is.
const FIELDS: [&str; 9] =
    ["token", "password", "passwd", "passphrase", "apikey", "accesskey", "privatekey", "clientsecret", "credentials"];

/// Takes the secrets out of a review; gives how many values went.
pub fn review(review: &mut Value) -> usize {
    let mut gone = 0;
    if let Some(request) = review.get_mut("request").and_then(Value::as_object_mut) {
        if let Some(user) = request.get_mut("userInfo").and_then(Value::as_object_mut) {
            user.remove("extra");
        }
        for key in ["object", "oldObject"] {
            if let Some(of) = request.get_mut(key) {
                gone += object(of);
            }
        }
        if let Some(options) = request.get_mut("options") {
            fields(options, 0, &mut gone);
        }
    }
    if let Some(spec) = review.get_mut("spec") {
        fields(spec, 0, &mut gone);
    }
    gone
}

/// Text that quotes a review, such as a reason.
pub fn words(text: &str) -> Cow<'_, str> {
    redact(text)
}

fn object(object: &mut Value) -> usize {
    let mut gone = 0;
    let is = |kind: &str| object.get("kind").and_then(Value::as_str) == Some(kind);
    if is("Secret") {
        for (key, word) in [("data", GONE_BASE64), ("stringData", GONE)] {
            if let Some(values) = object.get_mut(key) {
                every(values, word, &mut gone);
            }
        }
    } else if is("ConfigMap")
        && let Some(values) = object.get_mut("data").and_then(Value::as_object_mut)
    {
        for (name, value) in values.iter_mut() {
            let secret = value.as_str().is_some_and(|text| {
                telling(name) || !inspect(name, text.as_bytes()).is_empty() || in_variable(name, text).is_some()
            });
            if secret {
                take(value, GONE, &mut gone);
            }
        }
    }
    fields(object, 0, &mut gone);
    gone
}

/// Every value of a mapping, whatever it is.
fn every(values: &mut Value, word: &str, gone: &mut usize) {
    match values {
        Value::Object(map) => map.values_mut().for_each(|value| take(value, word, gone)),
        Value::Null => {}
        other => take(other, word, gone),
    }
}

fn take(value: &mut Value, word: &str, gone: &mut usize) {
    if !value.is_null() && value.as_str() != Some(word) {
        *value = Value::String(word.to_owned());
        *gone += 1;
    }
}

/// What is below a value. What is deeper than any review may be goes as a whole.
fn fields(value: &mut Value, depth: usize, gone: &mut usize) {
    if depth > MAX_DEPTH {
        return take(value, GONE, gone);
    }
    match value {
        Value::Object(map) => mapping(map, depth, gone),
        Value::Array(items) => {
            // `--password` and, after it, the password.
            let mut after_name = false;
            for item in items {
                if let Some(text) = item.as_str() {
                    let names = text.starts_with('-') && !text.contains('=') && telling(text);
                    match after_name && !text.starts_with('-') {
                        true => take(item, GONE, gone),
                        false => masked(item, gone),
                    }
                    after_name = names;
                } else {
                    after_name = false;
                    fields(item, depth + 1, gone);
                }
            }
        }
        Value::String(_) => masked(value, gone),
        _ => {}
    }
}

fn mapping(map: &mut Map<String, Value>, depth: usize, gone: &mut usize) {
    if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove(LAST_APPLIED);
        }
    }
    // `{name: PASSWORD, value: …}`: a variable, a header, a parameter.
    let named = map.get("name").and_then(Value::as_str).map(str::to_owned);
    if let (Some(name), Some(value)) = (named, map.get_mut("value")) {
        variable(&name, value, gone);
    }
    for (key, value) in map.iter_mut() {
        match value {
            Value::String(text) if field(key) || in_variable(key, text).is_some() => take(value, GONE, gone),
            _ => fields(value, depth + 1, gone),
        }
    }
}

fn variable(name: &str, value: &mut Value, gone: &mut usize) {
    let Some(text) = value.as_str() else { return };
    // What only refers to another variable tells nothing.
    let refers = text.starts_with("$(") && text.ends_with(')') && text.matches("$(").count() == 1;
    if !text.is_empty() && !refers && (telling(name) || in_variable(name, text).is_some()) {
        take(value, GONE, gone);
    }
}

/// A text whose secrets are masked, whatever its name.
fn masked(value: &mut Value, gone: &mut usize) {
    if let Value::String(text) = value
        && let Cow::Owned(masked) = redact(text)
    {
        *text = masked;
        *gone += 1;
    }
}

/// A name of which people know that its value is secret.
fn telling(name: &str) -> bool {
    let bare = bare(name);
    // `PASSWORD_FILE` and `SECRET_NAME` say where it is.
    let points = ["file", "path", "name", "url", "dir"].iter().any(|end| bare.ends_with(end));
    !points && NAMES.iter().any(|part| bare.contains(part))
}

fn field(name: &str) -> bool {
    let bare = bare(name);
    FIELDS.iter().any(|end| bare.ends_with(end))
}

fn bare(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn redacted(object: Value) -> (String, usize) {
        let mut whole = json!({"kind": "AdmissionReview", "request": {"object": object, "userInfo": {"username": "ann", "extra": {"k": ["v"]}}}});
        let gone = review(&mut whole);
        (whole.to_string(), gone)
    }

    #[test]
    fn data_of_secrets_goes_and_its_keys_stay() {
        let (text, gone) =
            redacted(json!({"kind": "Secret", "data": {"a": "aHVudGVyMg=="}, "stringData": {"b": "hunter2"}}));
        assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg"), "{text}");
        assert!(text.contains("\"a\":\"W3JlZGFjdGVkXQ==\"") && text.contains("\"b\":\"[redacted]\""), "{text}");
        assert_eq!(gone, 2);
        assert!(!text.contains("extra") && text.contains("ann"), "{text}");
    }

    #[test]
    fn values_go_that_are_named_or_look_like_secrets() {
        // Made of parts, so that no scanner takes this file for a leak.
        let token = ["ghp_", "x7Kq9mW2vR4tY8", "nB3cF6hJ1lP5sD0gZAbCdE"].concat();
        let pod = json!({"kind": "Pod", "metadata": {
            "managedFields": [{"manager": "kubectl"}],
            "annotations": {LAST_APPLIED: "{\"password\":\"hunter2\"}", "note": format!("use {token}"), "keep": "me"}},
            "spec": {"serviceAccountName": "web", "volumes": [{"secret": {"secretName": "database"}}], "containers": [{
                "args": ["--password", "hunter2", "--user", "app", "--token=hunter2hunter2X9"],
                "env": [
                    {"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "PLAIN", "value": "fine"},
                    {"name": "HARMLESS", "value": token}, {"name": "TOKEN_FILE", "value": "/run/token"},
                    {"name": "OTHER_PASSWORD", "value": "$(DB_PASSWORD)"},
                    {"name": "URL", "value": "postgres://app:hunter2x9Q@db/x"}]}]}});
        let (text, gone) = redacted(pod);
        for secret in ["hunter2", token.as_str(), "managedFields", "last-applied"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        for kept in ["fine", "/run/token", "$(DB_PASSWORD)", "database", "\"keep\":\"me\"", "--user", "\"app\""] {
            assert!(text.contains(kept), "{kept}: {text}");
        }
        assert!(gone >= 6, "{gone}");
    }

    #[test]
    fn fields_that_hold_tokens_go() {
        let (text, _) = redacted(json!({"kind": "TokenReview", "spec": {"token": "abc", "tokenPath": "/x"}}));
        assert!(text.contains("\"token\":\"[redacted]\"") && text.contains("/x"), "{text}");
        let (text, _) = redacted(json!({"kind": "ConfigMap", "data": {"password": "abc", "plain": "text"}}));
        assert!(!text.contains("abc") && text.contains("text"), "{text}");
    }
}
