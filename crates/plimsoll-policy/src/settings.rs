//! A flat file of settings beside the policy: one level of keys, each with a value or a list of values. In: YAML. Out:
//! the keys with their values as text, or every fault with its place. What it does not do: know what a value means.

use crate::fault::{Faults, PolicyError, Span, did_you_mean};
use crate::yaml::{self, Value};

/// One key of a settings file. `debug: true` has the one value `true`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub key: String,
    pub values: Vec<String>,
    /// From 1.
    pub line: u32,
}

/// Reads the settings of `bytes`; `name` stands in messages, `known` are the keys that there are.
///
/// # Errors
/// Every fault of the text: unknown keys with what was probably meant, groups where a value belongs, twice the same key.
pub fn settings(name: &str, bytes: &[u8], known: &[&str]) -> Result<Vec<Setting>, PolicyError> {
    let lossy = String::from_utf8_lossy(bytes);
    let text = lossy.strip_prefix('\u{feff}').unwrap_or(&lossy);
    let mut faults = Faults::new(name, text);
    let mut found = Vec::new();
    if std::str::from_utf8(bytes).is_err() {
        faults.add(Span { line: 1, column: 1, width: 1 }, "the file is not UTF-8");
    } else if text.len() > yaml::MAX_BYTES {
        faults.add(Span::default(), format!("the file is larger than {} bytes", yaml::MAX_BYTES));
    } else if let Some(root) = yaml::document(text, &mut faults) {
        if !matches!(root.value, Value::Map(_)) && !root.is_null() {
            faults.add(root.span, format!("settings are a group of keys, and this is {}", root.kind()));
        }
        for (key, value) in root.entries() {
            let word = key.text().unwrap_or("");
            if !known.contains(&word) {
                let hint = did_you_mean(word, known.iter().copied());
                faults.push(key.span, format!("unknown setting `{word}`"), hint);
                continue;
            }
            let single = std::slice::from_ref(value);
            let nodes = if matches!(value.value, Value::List(_)) { value.items() } else { single };
            let mut values = Vec::with_capacity(nodes.len());
            for node in nodes {
                match node.text() {
                    Some(text) => values.push(text.to_owned()),
                    None => {
                        faults.add(node.span, format!("`{word}` takes a value or a list, and this is {}", node.kind()))
                    }
                }
            }
            found.push(Setting { key: word.to_owned(), values, line: key.span.line });
        }
    }
    if faults.list.is_empty() { Ok(found) } else { Err(PolicyError { faults: faults.list }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 3] = ["port", "debug", "mirror"];

    #[test]
    fn values_and_lists_are_read_as_text() {
        let text = "port: 8443\ndebug: true # loud\nmirror: [a=b, 'c=d']\n";
        let read = settings("serve.yaml", text.as_bytes(), &KNOWN).unwrap();
        let of = |key: &str| read.iter().find(|s| s.key == key).unwrap().values.clone();
        assert_eq!((of("port"), of("debug")), (vec!["8443".to_owned()], vec!["true".to_owned()]));
        assert_eq!(of("mirror"), ["a=b", "c=d"]);
    }

    #[test]
    fn faults_have_their_place() {
        for (text, words) in [
            ("prot: 1\n", "serve.yaml:1:1: unknown setting `prot`"),
            ("port: {a: b}\n", "serve.yaml:1:7: `port` takes a value or a list, and this is a group of keys"),
            ("port:\n", "`port` takes a value or a list, and this is nothing"),
            ("", "the file is empty"),
            ("- port\n", "settings are a group of keys, and this is a list"),
            ("port: 1\nport: 2\n", "serve.yaml:2:1"),
        ] {
            let error = settings("serve.yaml", text.as_bytes(), &KNOWN).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert!(settings("x", b"\xff", &KNOWN).unwrap_err().to_string().contains("UTF-8"));
    }
}
