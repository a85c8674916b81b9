//! What a registry says when it says no. In: a status and a bounded body, or an address. Out: words for people.
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

/// An address that may be shown: without names and passwords, and without its query, which may have keys. It is read as text,
/// because what is no address has them, too.
pub fn address(text: &str) -> String {
    let scheme = |at: &usize| text[..*at].bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.:".contains(&byte));
    let (scheme, rest) = match text.find("://").filter(scheme) {
        Some(at) => text.split_at(at + 3),
        None => ("", text),
    };
    let (rest, end) = match rest.find(['?', '#']) {
        Some(at) => (&rest[..at], "?…"),
        None => (rest, ""),
    };
    let (host, path) = rest.split_at(rest.find(['/', '\\']).unwrap_or(rest.len()));
    let shown = match host.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}{path}"),
        // Signs that belong into no name cut a password in two: the rest of it is before a later @.
        None => match rest_of(text, host) {
            Some(rest) => format!("…@{}", rest.split(['?', '#']).next().unwrap_or_default()),
            None => format!("{host}{path}"),
        },
    };
    format!("{scheme}{shown}{end}")
}

/// What comes behind a password that goes on where a host would end.
fn rest_of<'a>(text: &'a str, host: &str) -> Option<&'a str> {
    let (before, rest) = text.rsplit_once('@')?;
    let port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let is_host = match host.rsplit_once(':') {
        Some((_, after)) => host.ends_with(']') || port(after),
        None => !host.is_empty() || !before.contains(':'),
    };
    (!is_host).then_some(rest)
}

/// Where an answer sends us, for people.
pub fn place(location: &str) -> String {
    shown(&address(location))
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
    fn no_address_is_shown_with_its_secrets() {
        for (text, wanted) in [
            ("https://x/a", "https://x/a"),
            ("https://x:80/@a/b@c", "https://x:80/@a/b@c"),
            ("https://user:secret@x/a?token=secret", "https://…@x/a?…"),
            ("https://secret@x/a#secret", "https://…@x/a?…"),
            ("https://u:se@cret@x:port/a", "https://…@x:port/a"),
            ("https://u:secret/secret@x/a", "https://…@x/a"),
            ("https://u:secret?secret@x/a?b", "https://…@x/a?…"),
            ("https://u:secret\\@x/", "https://…@x/"),
            ("git::https://secret@x/a.git", "git::https://…@x/a.git"),
            ("secret@x/a", "…@x/a"),
            ("secret@x/a?b=http://y/", "…@x/a?…"),
            ("https:/u:secret@x/a", "…@x/a"),
            ("//u:secret@x/a", "…@x/a"),
            ("/home/a@b.rego", "/home/a@b.rego"),
            ("dir/a@b.rego", "dir/a@b.rego"),
            ("https://[::1]:5000/a@b", "https://[::1]:5000/a@b"),
        ] {
            assert_eq!(address(text), wanted, "{text}");
        }
    }

    #[test]
    fn pages_are_told_by_type_or_first_bytes() {
        assert!(is_html("text/html; charset=utf-8", b""));
        assert!(is_html("application/json", b"\n<!DOCTYPE html>"));
        assert!(!is_html("application/json", b"{}"));
    }
}
