//! What a registry says when it says no. In: a status and a bounded body. Out: words for people.
//! <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes>

use serde::Deserialize;

/// Error bodies are read no further.
pub const MAX_ERROR_BODY: u64 = 64 << 10;
/// What of a stranger's words is shown.
const MAX_SHOWN: usize = 200;

#[derive(Deserialize)]
struct Body {
    errors: Option<Vec<Entry>>,
    details: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    code: Option<String>,
    message: Option<String>,
}

/// The registry's own words, `CODE: message`; empty when the body has none.
pub fn words(body: &[u8]) -> String {
    let Ok(body) = serde_json::from_slice::<Body>(body) else { return String::new() };
    let first = body.errors.into_iter().flatten().next();
    let text = match first {
        Some(entry) => [entry.code, entry.message].into_iter().flatten().collect::<Vec<_>>().join(": "),
        None => body.details.unwrap_or_default(),
    };
    shown(&text)
}

/// A stranger's text, short and without control characters, so that it can move neither cursor nor log line.
pub fn shown(text: &str) -> String {
    let cleaned: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_SHOWN).collect();
    cleaned.trim().to_owned()
}

/// True when a body is a web page: a captive portal, a proxy's sign-in, a wrong address.
pub fn is_html(content_type: &str, body: &[u8]) -> bool {
    let start: String = String::from_utf8_lossy(&body[..body.len().min(64)]).trim_start().to_ascii_lowercase();
    content_type.trim().to_ascii_lowercase().starts_with("text/html")
        || start.starts_with("<!doctype html")
        || start.starts_with("<html")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_become_words() {
        assert_eq!(
            words(br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{}}]}"#),
            "MANIFEST_UNKNOWN: manifest unknown"
        );
        assert_eq!(words(br#"{"details":"incorrect username or password"}"#), "incorrect username or password");
        assert_eq!(words(b"<html>"), "");
        assert_eq!(shown("a\x1b[2Jb\n"), "a [2Jb");
    }

    #[test]
    fn pages_are_told_by_type_or_first_bytes() {
        assert!(is_html("text/html; charset=utf-8", b""));
        assert!(is_html("application/json", b"\n<!DOCTYPE html>"));
        assert!(!is_html("application/json", b"{}"));
    }
}
