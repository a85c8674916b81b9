//! Keys that two readers read differently. Go's JSON reader, which engines use, takes `"CONFIG"` for `"config"`; ours does
//! not. A document with such keys could show us one image and run another, so it is refused.

use serde_json::Value;

use crate::error::SourceError;

/// Where an object of a document stands, `*` for every item of a list, and the keys that mean something there.
pub type Known = (&'static [&'static str], &'static [&'static str]);

const DESCRIPTOR: &[&str] = &["mediaType", "digest", "size", "platform", "annotations", "urls", "artifactType", "data"];
const PLATFORM: &[&str] = &["os", "architecture", "variant"];

pub const MANIFEST: &[Known] = &[
    (
        &[],
        &[
            "schemaVersion",
            "mediaType",
            "artifactType",
            "config",
            "layers",
            "manifests",
            "annotations",
            "subject",
            "fsLayers",
        ],
    ),
    (&["config"], DESCRIPTOR),
    (&["layers", "*"], DESCRIPTOR),
    (&["manifests", "*"], DESCRIPTOR),
    (&["manifests", "*", "platform"], PLATFORM),
];

pub const CONFIG: &[Known] = &[
    (&[], &["architecture", "os", "variant", "created", "author", "config", "rootfs", "history"]),
    (&["config"], &["User", "Env", "Entrypoint", "Cmd", "WorkingDir", "ExposedPorts", "Volumes", "Labels"]),
    (&["rootfs"], &["type", "diff_ids"]),
    (&["history", "*"], &["created", "created_by", "author", "comment", "empty_layer"]),
];

pub const DOCKER_ARCHIVE: &[Known] = &[(&["*"], &["Config", "RepoTags", "Layers"])];

/// Refuses a document that spells one of the known keys in another case.
///
/// # Errors
/// When it does; the error names the key. What is no JSON is left to its reader to refuse.
pub fn check(what: &str, bytes: &[u8], known: &[Known]) -> Result<(), SourceError> {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return Ok(()) };
    for (path, keys) in known {
        if let Some(odd) = odd_key(&value, path, keys) {
            return Err(SourceError::Malformed {
                what: what.to_owned(),
                why: format!(
                    "its key {odd:?} is spelt in another case than the specification has it; engines and we would read it differently"
                ),
            });
        }
    }
    Ok(())
}

fn odd_key(value: &Value, path: &[&str], keys: &[&str]) -> Option<String> {
    match path {
        [] => value.as_object()?.keys().find(|key| keys.iter().any(|known| known != key && same(known, key))).cloned(),
        ["*", rest @ ..] => value.as_array()?.iter().find_map(|item| odd_key(item, rest, keys)),
        [name, rest @ ..] => odd_key(value.get(*name)?, rest, keys),
    }
}

/// Equal but for case, as Go folds it: `ſ` is an s, the Kelvin sign a k.
fn same(a: &str, b: &str) -> bool {
    let fold = |text: &str| text.to_uppercase().to_lowercase();
    fold(a) == fold(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_spellings_of_known_keys_are_refused() {
        for text in [
            r#"{"config":{},"Config":{}}"#,
            r#"{"config":{"User":"app","user":"root"}}"#,
            r#"{"rootfs":{"Diff_IDs":[]}}"#,
            r#"{"hiſtory":[]}"#,
            r#"{"history":[{"Empty_Layer":true}]}"#,
        ] {
            assert!(check("x", text.as_bytes(), CONFIG).is_err(), "{text}");
        }
        assert!(check("x", br#"{"layers":[{"DIGEST":""}]}"#, MANIFEST).is_err());
    }

    #[test]
    fn labels_may_be_spelt_as_people_like() {
        let text = br#"{"config":{"Labels":{"Maintainer":"a","maintainer":"b","User":"c"},"Healthcheck":{}}}"#;
        assert!(check("x", text, CONFIG).is_ok());
    }
}
