//! The configuration of an image. In: JSON bytes. Out: the model's `ImageConfig`.
//! <https://github.com/opencontainers/image-spec/blob/main/config.md>

use std::collections::BTreeMap;

use plimsoll_model::{Digest, HistoryEntry, ImageConfig, Platform};
use serde::Deserialize;

use crate::error::SourceError;
use crate::limits::MAX_CONFIG;
use crate::oci::spelling;

#[derive(Deserialize)]
struct Raw {
    architecture: Option<String>,
    os: Option<String>,
    variant: Option<String>,
    created: Option<String>,
    author: Option<String>,
    config: Option<Run>,
    rootfs: Option<RootFs>,
    history: Option<Vec<RawHistory>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Run {
    user: Option<String>,
    env: Option<Vec<String>>,
    entrypoint: Option<Words>,
    cmd: Option<Words>,
    working_dir: Option<String>,
    exposed_ports: Option<BTreeMap<String, serde::de::IgnoredAny>>,
    volumes: Option<BTreeMap<String, serde::de::IgnoredAny>>,
    labels: Option<BTreeMap<String, Option<String>>>,
    /// Docker's addition to the specification: whatever is odd about it makes no image unreadable.
    healthcheck: Option<serde_json::Value>,
}

/// Old builders wrote a command as one string.
#[derive(Deserialize)]
#[serde(untagged)]
enum Words {
    Many(Vec<String>),
    One(String),
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Option<Vec<Digest>>,
}

#[derive(Deserialize)]
struct RawHistory {
    created: Option<String>,
    created_by: Option<String>,
    author: Option<String>,
    comment: Option<String>,
    empty_layer: Option<bool>,
}

fn words(words: Option<Words>) -> Vec<String> {
    match words {
        Some(Words::Many(words)) => words,
        Some(Words::One(word)) => vec![word],
        None => vec![],
    }
}

/// The command of a health check; what is no word is left out.
fn test_of(healthcheck: &serde_json::Value) -> Vec<String> {
    let test = healthcheck.get("Test").and_then(serde_json::Value::as_array);
    test.into_iter().flatten().filter_map(|word| word.as_str()).map(str::to_owned).collect()
}

/// Reads an image configuration.
///
/// # Errors
/// When the bytes are too many or not what a configuration is.
pub fn image_config(what: &str, bytes: &[u8]) -> Result<ImageConfig, SourceError> {
    if bytes.len() as u64 > MAX_CONFIG {
        return Err(SourceError::TooLarge { what: what.to_owned(), limit: MAX_CONFIG });
    }
    spelling::check(what, bytes, spelling::CONFIG)?;
    let raw: Raw =
        serde_json::from_slice(bytes).map_err(|source| SourceError::Json { what: what.to_owned(), source })?;
    let run = raw.config.unwrap_or_default();
    let text = |value: Option<String>| value.filter(|v| !v.is_empty());
    let platform = match (text(raw.os), text(raw.architecture)) {
        (Some(os), Some(architecture)) => Some(Platform { os, architecture, variant: text(raw.variant) }),
        _ => None,
    };
    let history = raw.history.unwrap_or_default().into_iter().map(|entry| HistoryEntry {
        created: entry.created,
        created_by: entry.created_by,
        author: entry.author,
        comment: entry.comment,
        empty_layer: entry.empty_layer.unwrap_or(false),
    });
    Ok(ImageConfig {
        platform,
        created: text(raw.created),
        author: text(raw.author),
        user: text(run.user),
        env: run.env.unwrap_or_default(),
        entrypoint: words(run.entrypoint),
        cmd: words(run.cmd),
        working_dir: text(run.working_dir),
        exposed_ports: run.exposed_ports.unwrap_or_default().into_keys().collect(),
        volumes: run.volumes.unwrap_or_default().into_keys().collect(),
        healthcheck: run.healthcheck.as_ref().map(test_of).unwrap_or_default(),
        labels: run.labels.unwrap_or_default().into_iter().map(|(k, v)| (k, v.unwrap_or_default())).collect(),
        history: history.collect(),
        diff_ids: raw.rootfs.and_then(|rootfs| rootfs.diff_ids).unwrap_or_default(),
        raw: bytes.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_and_old_forms_are_read() {
        let text = br#"{"architecture":"amd64","os":"linux","config":{"User":"","Env":null,"Entrypoint":"/run",
            "Cmd":["a","b"],"ExposedPorts":{"80/tcp":{}},"Labels":{"a":null},"Healthcheck":{"Test":["CMD","/up"],"Interval":30}},"rootfs":{"type":"layers","diff_ids":null},
            "history":[{"created_by":"RUN x","empty_layer":true}]}"#;
        let config = image_config("x", text).unwrap();
        assert_eq!(config.user, None);
        assert_eq!(config.entrypoint, ["/run"]);
        assert_eq!(config.exposed_ports, ["80/tcp"]);
        assert_eq!(config.healthcheck, ["CMD", "/up"]);
        assert_eq!(config.platform.unwrap().to_string(), "linux/amd64");
        assert!(config.history[0].empty_layer);
        assert_eq!(config.raw, text);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = image_config("x", &bytes);
        }
    }
}
