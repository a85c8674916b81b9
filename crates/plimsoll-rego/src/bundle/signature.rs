//! `.signatures.json`: one JWT whose payload lists every file with its hash. In: the files and the keys that are trusted.
//! Out: nothing, or why the bundle is refused. The algorithm is the key's, never the token's own word.

use std::collections::BTreeMap;

use sha2::Digest as _;

use super::{BundleError, File};
use crate::budget::{Budget, Meter};
use crate::builtins::{self, Context, Failure, Scratch, World};
use crate::value::{JsonLimits, Value};

/// A key that may have signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// PEM of a public key or certificate, or the secret of an HS algorithm.
    pub key: String,
    /// `RS256`, `ES256`, `HS256` …
    pub algorithm: String,
    pub scope: String,
}

/// What a bundle's signature is held to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// By key id.
    pub keys: BTreeMap<String, Key>,
    /// The id to use, whatever the token says; empty: the token's own.
    pub key_id: String,
    pub scope: String,
    /// File names (without the leading slash) that need not be in the signature; `*` and `?` do not cross slashes.
    pub exclude: Vec<String>,
}

fn refused(why: impl Into<String>) -> BundleError {
    BundleError(why.into())
}

/// Checks that the signature holds and that files and signature name the same things.
pub(super) fn verify(files: &[File], verification: &Verification) -> Result<(), BundleError> {
    let signatures = files.iter().find(|file| file.path == "/.signatures.json");
    let signatures = signatures.ok_or_else(|| refused("bundle missing .signatures.json file"))?;
    let mut listed = listed(token(&signatures.bytes)?.as_str(), verification)?;
    for file in files.iter().filter(|file| !file.path.ends_with("/.signatures.json")) {
        let name = file.path.trim_start_matches('/');
        if verification.exclude.iter().any(|pattern| name_matches(pattern, name)) {
            listed.remove(name);
            continue;
        }
        let (hash, algorithm) =
            listed.remove(name).ok_or_else(|| refused(format!("file {name} not included in bundle signature")))?;
        let have = hash_of(file, &algorithm)?;
        if !have.eq_ignore_ascii_case(&hash) {
            return Err(refused(format!("{name}: digest mismatch (want: {hash}, got: {have})")));
        }
    }
    match listed.is_empty() {
        true => Ok(()),
        false => Err(refused(format!(
            "file(s) {:?} specified in bundle signatures but not found in the target bundle",
            listed.keys().collect::<Vec<_>>()
        ))),
    }
}

/// The one JWT of the file.
fn token(bytes: &[u8]) -> Result<String, BundleError> {
    let document = Value::from_json(bytes)
        .map_err(|error| refused(format!("bundle load failed on signatures decode: {error}")))?;
    if document.get(&Value::string("plugin")).and_then(Value::as_str).is_some_and(|plugin| !plugin.is_empty()) {
        return Err(refused("no verifier exists under the plugin id of .signatures.json"));
    }
    let tokens = match document.get(&Value::string("signatures")) {
        Some(Value::Array(tokens)) => tokens.items().to_vec(),
        _ => Vec::new(),
    };
    match tokens.as_slice() {
        [Value::String(token)] => Ok(token.to_string()),
        [] => Err(refused(".signatures.json: missing JWT (expected exactly one)")),
        _ => Err(refused(".signatures.json: multiple JWTs not supported (expected exactly one)")),
    }
}

/// Refuses a token that the key did not sign, by the builtin that policies would ask.
fn holds(token: &str, key: &Key) -> Result<(), BundleError> {
    let unknown = || refused(format!("unknown signature algorithm: {}", key.algorithm));
    let builtin =
        builtins::named(&format!("io.jwt.verify_{}", key.algorithm.to_ascii_lowercase())).ok_or_else(unknown)?;
    let mut meter = Meter::new(&Budget::default());
    let (world, mut scratch) = (World::default(), Scratch::default());
    let mut context = Context { meter: &mut meter, name: builtin.name, world: &world, scratch: &mut scratch };
    match (builtin.run)(&mut context, &[Value::string(token), Value::string(key.key.as_str())]) {
        Ok(Some(Value::Bool(true))) => Ok(()),
        Ok(_) => Err(refused("failed to verify JWT signature: it is of another key or another text")),
        Err(Failure::Error { message, .. }) => Err(refused(format!("failed to verify JWT signature: {message}"))),
        Err(Failure::Halt(halt)) => Err(refused(format!("failed to verify JWT signature: {halt:?}"))),
    }
}

/// Name → (hash, algorithm) of every file that a valid token lists.
fn listed(token: &str, verification: &Verification) -> Result<BTreeMap<String, (String, String)>, BundleError> {
    use base64::Engine as _;
    let decode = |what: &str, text: &str| {
        base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| refused(format!("failed to base64 decode JWT {what}")))
    };
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts.as_slice() else {
        return Err(refused("failed to split compact JWT"));
    };
    let json =
        |what: &str, bytes: &[u8]| Value::from_json(bytes).map_err(|error| refused(format!("JWT {what}: {error}")));
    let text = |document: &Value, field: &str| {
        document.get(&Value::string(field)).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let head = json("header", &decode("header", header)?)?;
    let claims = json("payload", &decode("payload", payload)?)?;
    let ids = [verification.key_id.clone(), text(&head, "kid"), text(&claims, "keyid")];
    let id = ids.iter().find(|id| !id.is_empty()).ok_or_else(|| refused("verification key ID is empty"))?;
    let key = verification
        .keys
        .get(id)
        .ok_or_else(|| refused(format!("verification key corresponding to ID {id} not found")))?;
    // Decoded only to say so in OPA's words.
    decode("signature", signature)?;
    holds(token, key)?;
    let scope = if verification.scope.is_empty() { &key.scope } else { &verification.scope };
    if text(&claims, "scope") != *scope {
        return Err(refused("scope mismatch"));
    }
    let files = match claims.get(&Value::string("files")) {
        Some(Value::Array(files)) => files.items().to_vec(),
        _ => Vec::new(),
    };
    let entry = |file: &Value| (text(file, "name"), (text(file, "hash"), text(file, "algorithm")));
    Ok(files.iter().map(entry).collect())
}

/// JSON without the escapes of `<`, `>` and `&` that Go's encoder makes for web pages: signatures are over text without them.
fn unescaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let pages = [("\\u003c", "<"), ("\\u003e", ">"), ("\\u0026", "&")];
        let (length, plain) = match pages.iter().find(|(escape, _)| rest.starts_with(escape)) {
            Some((escape, plain)) => (escape.len(), *plain),
            // A backslash and the letter that it escapes, which may be a backslash.
            None => (rest.len().min(2), &rest[..rest.len().min(2)]),
        };
        text.push_str(plain);
        rest = &rest[length..];
    }
    text.push_str(rest);
    text
}

/// Lowercase hexadecimal. A bundle's documents are hashed by what they say (keys in order, no white space), all other files,
/// JSON too, by their bytes.
fn hash_of(file: &File, algorithm: &str) -> Result<String, BundleError> {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let structured = ["data.json", "data.yaml", "data.yml", ".manifest"].contains(&name);
    let bytes = if structured {
        let document = match file.path.ends_with(".json") || file.path.ends_with("/.manifest") {
            true => Value::from_json(&file.bytes).map_err(|error| error.to_string()),
            false => Value::from_yaml(&file.bytes, &JsonLimits::default()).map_err(|error| error.to_string()),
        };
        let document = document.map_err(|why| refused(format!("{}: {why}", file.path)))?;
        unescaped(&document.to_json()).into_bytes()
    } else {
        file.bytes.clone()
    };
    let hex = |digest: &[u8]| digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Ok(match algorithm {
        "SHA-224" => hex(&sha2::Sha224::digest(&bytes)),
        "SHA-256" => hex(&sha2::Sha256::digest(&bytes)),
        "SHA-384" => hex(&sha2::Sha384::digest(&bytes)),
        "SHA-512" => hex(&sha2::Sha512::digest(&bytes)),
        "SHA-512-224" => hex(&sha2::Sha512_224::digest(&bytes)),
        "SHA-512-256" => hex(&sha2::Sha512_256::digest(&bytes)),
        // A collision of these lets a signed bundle be exchanged for another.
        "MD5" | "SHA-1" => return Err(refused(format!("{}: hashing algorithm {algorithm} is broken", file.path))),
        "" => return Err(refused(format!("no hashing algorithm provided for file {}", file.path))),
        other => return Err(refused(format!("unsupported hashing algorithm: {other}"))),
    })
}

/// Go's `filepath.Match`: `*` and `?` stop at slashes, `[a-c]` and `[^a-c]` are classes, a backslash takes what follows as it
/// is. What is no pattern matches nothing.
pub fn name_matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // The place to go back to: the last star, and how much of the name it took.
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, n));
            p += 1;
            continue;
        }
        match element(&pattern[p..], name[n]) {
            Some((true, length)) => (p, n) = (p + length, n + 1),
            _ => match star {
                Some((at, taken)) if name[taken] != '/' => {
                    star = Some((at, taken + 1));
                    (p, n) = (at + 1, taken + 1);
                }
                _ => return false,
            },
        }
    }
    pattern[p..].iter().all(|rest| *rest == '*')
}

/// Whether the first element of a pattern, which is no star, matches, and how long it is; `None` where it is no pattern.
fn element(pattern: &[char], c: char) -> Option<(bool, usize)> {
    match pattern.first()? {
        '?' => Some((c != '/', 1)),
        '\\' => Some((*pattern.get(1)? == c, 2)),
        '[' => class(pattern, c),
        other => Some((*other == c, 1)),
    }
}

/// `[a-cx]` or `[^a-cx]`.
fn class(pattern: &[char], c: char) -> Option<(bool, usize)> {
    let negated = pattern.get(1) == Some(&'^');
    let mut at = 1 + usize::from(negated);
    let first = at;
    let mut within = false;
    loop {
        if *pattern.get(at)? == ']' && at > first {
            return Some((within != negated, at + 1));
        }
        let (low, after) = member(pattern, at)?;
        let (high, after) = match pattern.get(after) {
            Some('-') => member(pattern, after + 1)?,
            _ => (low, after),
        };
        within |= (low..=high).contains(&c);
        at = after;
    }
}

/// One end of a class's range, and where it ends.
fn member(pattern: &[char], at: usize) -> Option<(char, usize)> {
    match pattern.get(at)? {
        '-' | ']' => None,
        '\\' => Some((*pattern.get(at + 1)?, at + 2)),
        other => Some((*other, at + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), bytes: text.as_bytes().to_vec() }
    }

    /// A bundle whose signature was made by the builtin that makes tokens.
    fn signed(files: &[File], listed: &[(&str, &str)], secret: &str) -> Vec<File> {
        let entry =
            |(name, hash): &(&str, &str)| format!(r#"{{"name": "{name}", "hash": "{hash}", "algorithm": "SHA-256"}}"#);
        let list = listed.iter().map(entry).collect::<Vec<_>>().join(",");
        let payload = format!(r#"{{"files": [{list}], "scope": "all"}}"#);
        let key = format!(r#"{{"kty": "oct", "k": "{}"}}"#, {
            use base64::Engine as _;
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(secret)
        });
        let builtin = builtins::named("io.jwt.encode_sign_raw").unwrap();
        let mut meter = Meter::new(&Budget::default());
        let (world, mut scratch) = (World::default(), Scratch::default());
        let mut context = Context { meter: &mut meter, name: builtin.name, world: &world, scratch: &mut scratch };
        let header = r#"{"typ": "JWT", "alg": "HS256", "kid": "k"}"#;
        let args = [Value::string(header), Value::string(payload), Value::string(key)];
        let token = (builtin.run)(&mut context, &args).unwrap().unwrap();
        let signatures = format!(r#"{{"signatures": [{}]}}"#, token.to_json());
        files.iter().cloned().chain([file("/.signatures.json", &signatures)]).collect()
    }

    fn trusted(secret: &str, algorithm: &str) -> Verification {
        let key = Key { key: secret.into(), algorithm: algorithm.into(), scope: "all".into() };
        Verification { keys: BTreeMap::from([("k".to_owned(), key)]), ..Verification::default() }
    }

    #[test]
    fn only_what_was_signed_is_let_in() {
        let files = [file("/p.rego", "package p"), file("/data.json", "{\"b\": 1,  \"a\": 2}")];
        let policy = hash_of(&files[0], "SHA-256").unwrap();
        // White space and order mean nothing to the hash of a document.
        let data = hash_of(&file("/data.json", "{\"a\":2,\"b\":1}"), "SHA-256").unwrap();
        let listed = [("p.rego", policy.as_str()), ("data.json", data.as_str())];
        let good = signed(&files, &listed, "secret");
        let why = |files: &[File], verification: &Verification| {
            verify(files, verification).err().map(|error| error.0).unwrap_or_default()
        };
        assert_eq!(why(&good, &trusted("secret", "HS256")), "");
        assert!(why(&good, &trusted("other", "HS256")).contains("another key"));
        assert!(why(&good, &trusted("secret", "HS512")).contains("another key"));
        assert!(why(&good, &trusted("secret", "none")).contains("unknown signature algorithm"));
        assert!(why(&files, &trusted("secret", "HS256")).contains("missing .signatures.json"));
        let mut changed = good.clone();
        changed[0].bytes.push(b'!');
        assert!(why(&changed, &trusted("secret", "HS256")).contains("digest mismatch"));
        let more: Vec<File> = good.iter().cloned().chain([file("/q.rego", "package q")]).collect();
        assert!(why(&more, &trusted("secret", "HS256")).contains("q.rego not included"));
        let excluded = Verification { exclude: vec!["q.*".into()], ..trusted("secret", "HS256") };
        assert_eq!(why(&more, &excluded), "");
        assert!(why(&good[1..], &trusted("secret", "HS256")).contains("not found in the target bundle"));
        let scoped = Verification { scope: "write".into(), ..trusted("secret", "HS256") };
        assert!(why(&good, &scoped).contains("scope mismatch"));
        let unknown = Verification { key_id: "x".into(), ..trusted("secret", "HS256") };
        assert!(why(&good, &unknown).contains("ID x not found"));
    }

    #[test]
    fn documents_are_hashed_as_opa_hashes_them() {
        let digest = |path: &str, text: &str| hash_of(&file(path, text), "SHA-256").unwrap();
        let plain =
            |text: &str| sha2::Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let text = r#"{"a":"<&>\\u003c\n"}"#;
        assert_eq!(digest("/x/data.json", r#"{ "a": "\u003c&>\\u003c\n" }"#), plain(text));
        // Only a bundle's own documents are read: other files are their bytes.
        assert_eq!(digest("/schemas/x.json", "{ }"), plain("{ }"));
        assert_eq!(digest("/x/data.yaml", "a: [1]"), plain(r#"{"a":[1]}"#));
    }

    #[test]
    fn stars_of_excluded_names_stop_at_slashes() {
        assert!(name_matches("*/data.json", "a/data.json"));
        assert!(!name_matches("*/data.json", "a/b/data.json"));
        assert!(name_matches("a?c*", "abcdef"));
        assert!(!name_matches("a?c", "a/c"));
        assert!(name_matches("*_[ab].rego", "q_a.rego") && !name_matches("*_[ab].rego", "q_c.rego"));
        assert!(name_matches("[^a-c]?", "dé") && !name_matches("[^a-c]?", "bé"));
        assert!(name_matches("\\*[\\]]", "*]") && !name_matches("\\*", "a"));
        for broken in ["[", "[]a]", "[a", "[a-]", "a\\", "*["] {
            assert!(!name_matches(broken, "a"), "{broken}");
        }
        assert!(name_matches("", ""));
        assert!(!name_matches("", "a"));
    }
}
