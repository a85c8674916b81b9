//! A review without its secrets. In: the JSON of a review. Out: the same, with values taken out that are secrets or look like
//! some, and what was taken. What it does not do: promise that a password which looks like a word of prose is found.

use std::borrow::Cow;

use plimsoll_checks::secrets::{in_command, in_variable, inspect, redact};
use serde_json::{Map, Value};

use super::taken::Taken;

/// What stands where a value was.
pub const GONE: &str = "[redacted]";
/// The same in base64, as the data of a Secret has it.
const GONE_BASE64: &str = "W3JlZGFjdGVkXQ==";
/// Annotations that repeat the whole object, by the ends of their names.
const REPEATED: [&str; 5] = [
    "/last-applied-configuration",
    "/last-handled-configuration",
    "/last-applied",
    "kapp.k14s.io/original",
    "objectset.rio.cattle.io/applied",
];
/// What Kubernetes itself says of a user beside the name begins so.
const KUBERNETES: &str = "authentication.kubernetes.io/";
/// The longest annotation of a Secret that is kept: names, digests and dates are shorter.
const MAX_WORD: usize = 64;
/// Levels of a document; no review that is read has more.
const MAX_DEPTH: usize = 160;
/// Bytes of a name in a text that are looked at.
const MAX_NAME: usize = 80;
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
const FIELDS: [&str; 10] = [
    "token",
    "password",
    "passwd",
    "passphrase",
    "apikey",
    "accesskey",
    "privatekey",
    "clientsecret",
    "secretkey",
    "credentials",
];
/// Ends of the names of headers that say who somebody is. A mapping of such a name is more often a setting.
const HEADERS: [&str; 5] = ["authorization", "cookie", "cookies", "basicauth", "authkey"];
/// Words that end in `pass` and are none.
const NO_PASS: [&str; 7] = ["bypass", "compass", "encompass", "trespass", "surpass", "underpass", "overpass"];
/// Ends of the names of what, in a mapping that holds a secret, is none itself.
const POINTS: [&str; 20] = [
    "file",
    "path",
    "name",
    "url",
    "dir",
    "ref",
    "from",
    "selector",
    "namespace",
    "kind",
    "apiversion",
    "audience",
    "audiences",
    "seconds",
    "mode",
    "type",
    "version",
    "host",
    "port",
    "optional",
];

/// Takes the secrets out of a review; gives what went.
pub fn review(review: &mut Value) -> Taken {
    let mut taken = Taken::default();
    if let Some(request) = review.get_mut("request").and_then(Value::as_object_mut) {
        if let Some(user) = request.get_mut("userInfo").and_then(Value::as_object_mut) {
            extra(user, &mut taken);
        }
        for key in ["object", "oldObject", "options"] {
            if let Some(of) = request.get_mut(key) {
                fields(of, 0, &mut taken);
            }
        }
    }
    if let Some(spec) = review.get_mut("spec") {
        fields(spec, 0, &mut taken);
    }
    // They may repeat a value that went, as a key.
    if taken.count() > 0 {
        managed(review, 0, &mut taken);
    }
    taken
}

/// What else is known of a user: of Kubernetes' own names, such as the pod that a token belongs to, it stays.
fn extra(user: &mut Map<String, Value>, taken: &mut Taken) {
    let Some(Value::Object(values)) = user.get_mut("extra") else {
        // What has another shape than its own goes as a whole.
        if let Some(other) = user.remove("extra").filter(|other| !other.is_null()) {
            taken.value(&other, false);
        }
        return;
    };
    values.retain(|name, value| {
        let stays = name.starts_with(KUBERNETES);
        if !stays {
            taken.value(value, false);
        }
        stays
    });
    if values.is_empty() {
        user.remove("extra");
    }
}

/// Drops who manages which fields.
fn managed(value: &mut Value, depth: usize, taken: &mut Taken) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Object(map) => {
            if let Some(Value::Object(metadata)) = map.get_mut("metadata")
                && metadata.remove("managedFields").is_some()
            {
                taken.one();
            }
            map.values_mut().for_each(|value| managed(value, depth + 1, taken));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| managed(item, depth + 1, taken)),
        _ => {}
    }
}

/// Text that quotes a review, such as a reason.
pub fn words(text: &str) -> Cow<'_, str> {
    redact(text)
}

/// What a Secret holds, also one that another object carries.
fn secret(map: &mut Map<String, Value>, taken: &mut Taken) {
    for (key, word) in [("data", GONE_BASE64), ("stringData", GONE)] {
        if let Some(values) = map.get_mut(key) {
            every(values, word, taken);
        }
    }
    // Tools keep whole objects there, in forms of their own.
    if let Some(Value::Object(annotations)) = map.get_mut("metadata").and_then(|of| of.get_mut("annotations")) {
        for value in annotations.values_mut().filter(|value| !value.as_str().is_some_and(is_word)) {
            take(value, GONE, taken);
        }
    }
}

/// One short word, such as a name, a digest or a date.
fn is_word(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:/-".contains(c);
    text.len() <= MAX_WORD && text.chars().all(plain)
}

fn config_map(map: &mut Map<String, Value>, taken: &mut Taken) {
    if let Some(values) = map.get_mut("binaryData") {
        every(values, GONE_BASE64, taken);
    }
    if let Some(values) = map.get_mut("data").and_then(Value::as_object_mut) {
        for (name, value) in values.iter_mut() {
            let secret = value.as_str().is_some_and(|text| {
                telling(name) || !inspect(name, text.as_bytes()).is_empty() || in_variable(name, text).is_some()
            });
            if secret {
                take(value, GONE, taken);
            }
        }
    }
}

/// Every value of a mapping, whatever it is.
fn every(values: &mut Value, word: &str, taken: &mut Taken) {
    match values {
        Value::Object(map) => map.values_mut().for_each(|value| take(value, word, taken)),
        other => take(other, word, taken),
    }
}

fn take(value: &mut Value, word: &str, taken: &mut Taken) {
    if !value.is_null() && !matches!(value.as_str(), Some("" | GONE | GONE_BASE64)) {
        taken.value(value, word == GONE_BASE64);
        *value = Value::String(word.to_owned());
    }
}

/// What is below a value. What is deeper than any review may be goes as a whole.
fn fields(value: &mut Value, depth: usize, taken: &mut Taken) {
    if depth > MAX_DEPTH {
        return take(value, GONE, taken);
    }
    match value {
        Value::Object(map) => mapping(map, depth, taken),
        Value::Array(items) => {
            // `--password` and, after it, the password.
            let mut after_name = false;
            for item in items {
                match item.as_str() {
                    Some(text) if after_name && !text.starts_with('-') => {
                        take(item, GONE, taken);
                        after_name = false;
                    }
                    Some(text) => {
                        after_name = text.starts_with('-') && !text.contains('=') && telling(text);
                        masked(item, taken);
                    }
                    None if after_name && item.is_number() => {
                        take(item, GONE, taken);
                        after_name = false;
                    }
                    None => {
                        after_name = false;
                        fields(item, depth + 1, taken);
                    }
                }
            }
        }
        Value::String(_) => masked(value, taken),
        _ => {}
    }
}

fn mapping(map: &mut Map<String, Value>, depth: usize, taken: &mut Taken) {
    if let Some(Value::Object(annotations)) = map.get_mut("metadata").and_then(|of| of.get_mut("annotations")) {
        annotations.retain(|name, value| {
            let stays = !repeats(name, value) || is_plain(value, depth);
            if !stays {
                taken.one();
            }
            stays
        });
    }
    match map.get("kind").and_then(Value::as_str) {
        Some("Secret") => secret(map, taken),
        Some("ConfigMap") => config_map(map, taken),
        _ => {}
    }
    // `{name: PASSWORD, value: …}`: a variable, a header, a parameter.
    let named = map.get("name").or_else(|| map.get("key")).and_then(Value::as_str).map(str::to_owned);
    if let (Some(name), Some(value)) = (named, map.get_mut("value")) {
        variable(&name, value, depth, taken);
    }
    let schema = is_schema(map);
    for (key, value) in map.iter_mut() {
        match value {
            Value::String(text) if field(key) || header(key) || in_variable(key, text).is_some() => {
                take(value, GONE, taken);
            }
            Value::Number(_) | Value::Array(_) if field(key) || header(key) => under(value, depth + 1, taken),
            Value::Object(_) if field(key) && !schema => under(value, depth + 1, taken),
            _ => fields(value, depth + 1, taken),
        }
    }
}

/// Whether an annotation holds the object again.
fn repeats(name: &str, value: &Value) -> bool {
    let whole = |text: &str| {
        let has = |key: &str| text.contains(key);
        text.trim_start().starts_with('{')
            && has("\"apiVersion\"")
            && has("\"kind\"")
            && ["\"data\"", "\"stringData\"", "\"spec\""].into_iter().any(has)
    };
    REPEATED.iter().any(|end| name.ends_with(end)) || value.as_str().is_some_and(whole)
}

/// Whether a text is an object of which nothing would be taken out.
fn is_plain(value: &Value, depth: usize) -> bool {
    let Some(Ok(mut object)) = value.as_str().map(serde_json::from_str::<Value>) else { return false };
    let mut taken = Taken::default();
    fields(&mut object, depth + 1, &mut taken);
    managed(&mut object, depth + 1, &mut taken);
    object.is_object() && taken.count() == 0
}

fn variable(name: &str, value: &mut Value, depth: usize, taken: &mut Taken) {
    match value {
        Value::String(text) => {
            // What only refers to another variable tells nothing.
            let refers = text.starts_with("$(") && text.ends_with(')') && text.matches("$(").count() == 1;
            if !refers && (telling(name) || in_variable(name, text).is_some()) {
                take(value, GONE, taken);
            }
        }
        _ if telling(name) => under(value, depth + 1, taken),
        _ => {}
    }
}

/// What is below the name of a secret: all but what says where it is. Yes and no are no secrets.
fn under(value: &mut Value, depth: usize, taken: &mut Taken) {
    if depth > MAX_DEPTH {
        return take(value, GONE, taken);
    }
    match value {
        Value::String(_) | Value::Number(_) => take(value, GONE, taken),
        Value::Array(items) => items.iter_mut().for_each(|item| under(item, depth + 1, taken)),
        Value::Object(map) if is_schema(map) => mapping(map, depth, taken),
        Value::Object(map) => {
            let named = map.contains_key("name");
            for (key, value) in map.iter_mut() {
                let bare = bare(key);
                let points = POINTS.iter().any(|end| bare.ends_with(end)) || named && bare == "key";
                match points && !field(key) {
                    true => fields(value, depth + 1, taken),
                    false => under(value, depth + 1, taken),
                }
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// A mapping that describes values, as a CustomResourceDefinition has them, or the properties of one.
fn is_schema(map: &Map<String, Value>) -> bool {
    let types = ["string", "object", "array", "integer", "number", "boolean"];
    let names = |kind: Option<&Value>| kind.and_then(Value::as_str).is_some_and(|kind| types.contains(&kind));
    names(map.get("type")) || !map.is_empty() && map.values().all(|value| names(value.get("type")))
}

/// A text whose secrets are masked, whatever its name.
fn masked(value: &mut Value, taken: &mut Taken) {
    let Value::String(text) = value else { return };
    let assigned = assigned(text, taken);
    let now = assigned.as_deref().unwrap_or(text);
    let secrets = in_command(now);
    for secret in secrets.iter().filter(|secret| secret.value != GONE) {
        taken.text(&secret.value);
    }
    let without = match secrets.iter().any(|secret| secret.value != GONE) {
        true => Some(redact(now).into_owned()),
        false => assigned,
    };
    if let Some(without) = without {
        *text = without;
        taken.one();
    }
}

/// The text without the values of `NAME=value` whose names say that they hold a secret; none where there is none.
fn assigned(text: &str, taken: &mut Taken) -> Option<String> {
    // An argument by itself ends where it ends; in a command, other words follow.
    let alone = !text.contains(char::is_whitespace) && !text.contains("://");
    let mut out = String::new();
    let mut done = 0;
    for (at, _) in text.match_indices('=') {
        let Some(before) = text.get(done..at) else { continue };
        let length =
            before.bytes().rev().take(MAX_NAME).take_while(|b| b.is_ascii_alphanumeric() || b"_.-".contains(b));
        let length = length.count();
        let name = before.get(before.len() - length..).unwrap_or_default();
        if !holds(name) {
            continue;
        }
        let rest = text.get(at + 1..).unwrap_or_default();
        let whole = alone && length == before.len();
        let quote = rest.chars().next().filter(|first| matches!(first, '"' | '\''));
        let skipped = usize::from(quote.is_some());
        let inner = rest.get(skipped..).unwrap_or_default();
        // Of another variable, and a comparison; told before the end is looked for, which may be far.
        let refers = inner.starts_with(if whole { "$(" } else { "$" });
        if refers || inner.starts_with('=') {
            continue;
        }
        let value = match quote {
            Some(quote) => inner.split(quote).next(),
            None if whole => Some(inner),
            None => inner.split(|c: char| c.is_whitespace() || "\"'`;&".contains(c)).next(),
        };
        let value = value.unwrap_or_default();
        if matches!(value, "" | "true" | "false" | GONE) {
            continue;
        }
        taken.text(value);
        out.push_str(text.get(done..at + 1 + skipped).unwrap_or_default());
        out.push_str(GONE);
        done = at + 1 + skipped + value.len();
    }
    (done > 0).then(|| out + text.get(done..).unwrap_or_default())
}

/// A name, in a text, whose value is a secret.
fn holds(name: &str) -> bool {
    let bare = bare(name);
    FIELDS.iter().any(|end| bare.ends_with(end)) || pass(&bare) || bare.ends_with("pwd") && !is_folder(&bare)
}

/// The shell's own variables of the folder it is in.
fn is_folder(bare: &str) -> bool {
    matches!(bare, "pwd" | "oldpwd")
}

/// A name of which people know that its value is secret.
fn telling(name: &str) -> bool {
    let bare = bare(name);
    // `PASSWORD_FILE` and `SECRET_NAME` say where it is.
    let points = ["file", "path", "name", "url", "dir"].iter().any(|end| bare.ends_with(end));
    let says = NAMES.iter().any(|part| bare.contains(part)) || pass(&bare) || header(&bare);
    !points && !is_folder(&bare) && says
}

fn field(name: &str) -> bool {
    let bare = bare(name);
    FIELDS.iter().any(|end| bare.ends_with(end)) || pass(&bare)
}

fn header(name: &str) -> bool {
    let bare = bare(name);
    HEADERS.iter().any(|end| bare.ends_with(end))
}

fn pass(bare: &str) -> bool {
    bare.ends_with("pass") && !NO_PASS.iter().any(|word| bare.ends_with(word))
}

fn bare(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn redacted(object: Value) -> (String, usize) {
        let mut whole =
            json!({"kind": "AdmissionReview", "request": {"object": object, "userInfo": {"username": "ann"}}});
        let taken = review(&mut whole);
        (whole.to_string(), taken.count())
    }

    #[test]
    fn data_of_secrets_goes_and_its_keys_stay() {
        let (text, gone) =
            redacted(json!({"kind": "Secret", "data": {"a": "aHVudGVyMg=="}, "stringData": {"b": "hunter2"}}));
        assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg"), "{text}");
        assert!(text.contains("\"a\":\"W3JlZGFjdGVkXQ==\"") && text.contains("\"b\":\"[redacted]\""), "{text}");
        assert_eq!(gone, 2);
        assert!(text.contains("ann"), "{text}");
    }

    #[test]
    fn what_is_dropped_is_counted_and_what_holds_no_secret_stays() {
        let own = "authentication.kubernetes.io/pod-name";
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": {}, "metadata": {
            "managedFields": [{"fieldsV1": {"f:metadata": {"f:finalizers": {"v:\"a/b\"": {}}}}}]}});
        let whole = |object: &Value, annotation: &str, extra: Value| {
            let mut object = object.clone();
            object["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": annotation});
            json!({"request": {"object": object, "userInfo": {"username": "ann", "extra": extra}}})
        };
        let copy = r#"{"apiVersion":"v1","kind":"Pod","spec":{}}"#;
        let mut plain = whole(&pod, copy, json!({own: ["web-1"]}));
        let before = plain.clone();
        assert_eq!((review(&mut plain).count(), &plain), (0, &before));
        // A user's scopes, and then the fields that are managed.
        let mut scoped = whole(&pod, copy, json!({own: ["web-1"], "scopes": ["hunter2hunter2"]}));
        let taken = review(&mut scoped);
        assert_eq!(taken.count(), 2, "{scoped}");
        assert_eq!(taken.words().clear("is hunter2hunter2"), "is [redacted]");
        let text = scoped.to_string();
        assert!(!text.contains("hunter2") && !text.contains("managedFields") && text.contains("web-1"), "{text}");
        let managed = pod.to_string();
        for annotation in [r#"{"kind":"Pod","spec":{"token":"hunter2"}}"#, managed.as_str(), "H4sIAAAA", "[]"] {
            let mut held = whole(&pod, annotation, json!({}));
            assert_eq!(review(&mut held).count(), 2, "{held}");
            assert_eq!(held["request"]["object"]["metadata"], json!({"annotations": {}}), "{held}");
        }
    }

    #[test]
    fn values_go_that_are_named_or_look_like_secrets() {
        // Made of parts, so that no scanner takes this file for a leak.
        let token = ["ghp_", "x7Kq9mW2vR4tY8", "nB3cF6hJ1lP5sD0gZAbCdE"].concat();
        let pod = json!({"kind": "Pod", "metadata": {
            "managedFields": [{"manager": "kubectl"}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{\"password\":\"hunter2\"}", "note": format!("use {token}"), "keep": "me"}},
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

    #[test]
    fn binary_data_of_config_maps_goes() {
        let (text, gone) = redacted(json!({"kind": "ConfigMap", "binaryData": {"store.jks": "aHVudGVyMg=="}}));
        assert!(!text.contains("aHVudGVyMg") && text.contains("store.jks"), "{text}");
        assert_eq!(gone, 1);
    }

    #[test]
    fn values_of_any_kind_go_under_a_telling_name() {
        let (text, _) = redacted(json!({"kind": "Database", "spec": {
            "adminPassword": 12_345_678, "password": ["hunter2", {"value": "hunter3"}], "pass": "hunter4",
            "credentials": {"userName": "ann", "password": "hunter5", "secretKeyRef": {"name": "db", "key": "pw"}},
            "env": [{"name": "DB_PASSWORD", "value": 87_654_321}, {"name": "DB_PASS", "value": "hunter6"}],
            "args": ["--db-pass=hunter7,x", "--password", 4711, "sh -c 'export DB_PASS=hunter8; run'", "--bypass=all",
                "PASS=$hunter9", "a_pwd='hunter\"10' b_pass=$OTHER", "--my-token=$(TOKEN)"],
        }}));
        assert!(!text.contains("hunter") && !text.contains("12345678") && !text.contains("87654321"), "{text}");
        assert!(!text.contains("4711"), "{text}");
        for kept in [
            "\"ann\"",
            "\"db\"",
            "\"pw\"",
            "; run'",
            "--bypass=all",
            "--db-pass=[redacted]\"",
            "b_pass=$OTHER",
            "$(TOKEN)",
        ] {
            assert!(text.contains(kept), "{kept}: {text}");
        }
    }

    #[test]
    fn texts_made_to_be_slow_are_read_in_time() {
        for made in ["pass=$", "pass=", "pass='", "pass=x;", "pass=\"$"] {
            let started = std::time::Instant::now();
            redacted(json!({"kind": "Pod", "note": made.repeat(50_000), "more": format!("{} ", made.repeat(50_000))}));
            assert!(started.elapsed().as_secs() < 60, "{made}");
        }
    }

    #[test]
    fn headers_that_say_who_somebody_is_go() {
        let (text, _) =
            redacted(json!({"kind": "Pod", "spec": {"containers": [{"livenessProbe": {"httpGet": {"httpHeaders": [
            {"name": "Authorization", "value": "Basic YTpi"}, {"name": "Cookie", "value": "sid=1"},
            {"name": "X-API-Key", "value": "k1k1"}, {"name": "Accept", "value": "text/html"}]}}}],
            "headers": {"Proxy-Authorization": ["Basic Yzpk"]}, "authorization": {"mode": "Webhook"}}}));
        for secret in ["YTpi", "sid=1", "k1k1", "Yzpk"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        assert!(text.contains("text/html") && text.contains("Webhook"), "{text}");
    }

    #[test]
    fn what_no_secret_is_stays_under_a_telling_name() {
        let object = json!({"kind": "Pod", "metadata": {"annotations": {}}, "spec": {
            "automountServiceAccountToken": false, "serviceAccountName": "a",
            "volumes": [{"projected": {"sources": [{"serviceAccountToken": {
                "audience": "vault", "expirationSeconds": 600, "path": "token"}}]}}],
            "containers": [{"args": ["--use-service-account-credentials=true", "--token-auth-file=/x"],
                "env": [{"name": "PWD", "value": "/app"}, {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "t", "key": "k"}}}]}],
            "schema": {"properties": {"password": {"type": "string", "description": "of the database"}}}}});
        let mut whole = json!({"request": {"object": object.clone()}});
        assert_eq!(review(&mut whole).count(), 0, "{whole}");
        assert_eq!(whole["request"]["object"], object);
    }

    #[test]
    fn annotations_that_hold_the_object_again_go() {
        let copy = "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"data\":{\"a\":\"aHVudGVyMg==\"}}";
        let (text, _) = redacted(json!({"kind": "Secret", "metadata": {"annotations": {
            "kapp.k14s.io/original": copy, "objectset.rio.cattle.io/applied": "H4sIAAAA", "own.example/copy": copy,
            "own.example/packed": "H4sI AAAA hunter2", "kubernetes.io/service-account.name": "build"}}}));
        for gone in ["aHVudGVyMg", "H4sI", "kapp", "rio.cattle", "own.example/copy", "hunter2"] {
            assert!(!text.contains(gone), "{gone}: {text}");
        }
        assert!(text.contains("\"kubernetes.io/service-account.name\":\"build\""), "{text}");
        let (text, _) = redacted(json!({"kind": "Work", "metadata": {"annotations": {"kapp.k14s.io/original": "x1"}},
            "manifests": [{"kind": "Secret", "data": {"a": "aHVudGVyMg=="}}]}));
        assert!(!text.contains("x1") && !text.contains("aHVudGVyMg"), "{text}");
    }

    #[test]
    fn what_went_is_taken_out_of_messages_that_quote_it() {
        let mut whole = json!({"request": {"object": {"kind": "Secret", "data": {"a": "aHVudGVyMmh1bnRlcjI="},
            "stringData": {"b": "plain-enough", "short": "abc"}}}});
        let words = review(&mut whole).words();
        let said = "a is aHVudGVyMmh1bnRlcjI=, that is hunter2hunter2, and b is \"plain-enough\", not abc";
        let cleared = words.clear(said);
        assert_eq!(cleared, "a is [redacted], that is [redacted], and b is \"[redacted]\", not abc");
    }
}
