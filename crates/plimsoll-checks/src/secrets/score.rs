//! How much a value looks like a secret. In: a value. Out: points, and whether it is a mere placeholder or reference.
//! No dictionary is needed: words are letters only, secrets mix.

/// Shannon entropy in bits per character.
pub fn entropy(value: &str) -> f64 {
    let mut counts = [0u32; 256];
    for byte in value.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let total = value.len() as f64;
    counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / total).map(|p| -p * p.log2()).sum()
}

/// Words that say "put yours here".
const PLACEHOLDERS: &[&str] = &[
    "example",
    "changeme",
    "change_me",
    "change-me",
    "changethis",
    "placeholder",
    "replace",
    "your-",
    "your_",
    "yourpass",
    "yoursecret",
    "yourtoken",
    "dummy",
    "sample",
    "redacted",
    "insert",
    "todo",
    "fixme",
    "notset",
    "xxxx",
    "****",
    "...",
    "____",
    "----",
    "aaaaaa",
    "000000",
    "111111",
    "12345678",
    "abcdef",
    "foobar",
    "deadbeef",
    "testtest",
    "fake",
    "mysecret",
    "not-a-real",
    "enter-",
    "null",
    "undefined",
    "<none>",
];

/// Whole values that are no secret.
const EMPTY_WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "true",
    "false",
    "none",
    "default",
    "disabled",
    "enabled",
    "required",
    "optional",
    "string",
    "prompt",
    "ask",
    "auto",
    "generate",
    "secretkey",
    "apikey",
    "admin123",
];

/// True for values that stand for a secret without being one: examples, variables, templates, calls.
pub fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let first = value.chars().next();
    EMPTY_WORDS.contains(&lower.as_str())
        || PLACEHOLDERS.iter().any(|word| lower.contains(word))
        || matches!(first, Some('$' | '<' | '%' | '{' | '(' | '[' | '&' | '*' | '@'))
        || ["${", "{{", "$(", "%(", "#{", "<%", "`", "ENC["].iter().any(|mark| value.contains(mark))
        || value.contains("=$")
        || value.contains('(') && value.contains(')')
        || value.contains('[') && value.contains(']')
        || value.contains("\\u")
        // Base64 may end in equals signs.
        || ["::", "->", "=>", "==", "&&", "||"].iter().any(|mark| value.trim_end_matches('=').contains(mark))
        || one_character(value)
        || is_constant_name(value)
}

/// `aaaaaaa`, `*******`.
fn one_character(value: &str) -> bool {
    let mut chars = value.chars();
    chars.next().is_some_and(|first| chars.all(|c| c == first))
}

/// `MY_SECRET_KEY`: the name of a variable.
fn is_constant_name(value: &str) -> bool {
    value.contains('_')
        && value.bytes().all(|b| b.is_ascii_uppercase() || b == b'_' || b.is_ascii_digit())
        && entropy(value) < 4.0
}

/// Points for a value under a telling name; `None` when it cannot be a secret.
pub fn points(value: &str) -> Option<i32> {
    let length = value.chars().count();
    // Shorter ones are switches and counts; longer ones are documents.
    if !(6..=1024).contains(&length) || is_placeholder(value) || is_path(value) || is_plain_url(value) {
        return None;
    }
    let upper = value.bytes().any(|b| b.is_ascii_uppercase());
    let lower = value.bytes().any(|b| b.is_ascii_lowercase());
    let digit = value.bytes().any(|b| b.is_ascii_digit());
    let other = value.bytes().any(|b| !b.is_ascii_alphanumeric());
    let classes = [upper, lower, digit, other].into_iter().filter(|there| *there).count();
    let hex = value.bytes().all(|b| b.is_ascii_hexdigit());
    let bits = entropy(value);
    if !(upper || lower) && digit && other && value.bytes().all(|b| b.is_ascii_digit() || b".:-/+~,".contains(&b)) {
        return None; // versions, dates, times, addresses
    }
    let mut points = if !(upper || lower || other) {
        0
    } else if is_uuid(value) {
        1 // names a thing more often than it opens one
    } else if hex && length >= 32 && bits >= 3.0 {
        2
    } else if length >= 16 && bits >= 3.5 && digit && (upper || lower) {
        3
    } else if length >= 8 && classes >= 3 && digit {
        2
    } else if length >= 8 && classes >= 2 && digit {
        1
    } else if !digit && length < 32 {
        -2 // words
    } else {
        0
    };
    if value.contains(char::is_whitespace) {
        points -= 3;
    }
    Some(points)
}

/// `/run/secrets/x`, `./key.pem`, `C:\x`, `projects/123/secrets/db`: base64 has slashes too, but mixes between them.
fn is_path(value: &str) -> bool {
    let mixed = |part: &str| {
        part.len() >= 8
            && part.bytes().any(|b| b.is_ascii_digit())
            && part.bytes().any(|b| b.is_ascii_alphabetic())
            && entropy(part) >= 2.8
    };
    ["./", "../", "~/", "C:\\"].iter().any(|start| value.starts_with(start))
        || value.contains('/') && !value.split('/').any(mixed)
        || [".pem", ".key", ".crt", ".txt", ".json", ".yaml", ".yml", ".conf"].iter().any(|end| value.ends_with(end))
}

/// `bcd2f1b8-9a78-44d3-8a7a-4dd07d7cf635`.
fn is_uuid(value: &str) -> bool {
    value.len() == 36
        && value
            .bytes()
            .enumerate()
            .all(|(at, b)| if matches!(at, 8 | 13 | 18 | 23) { b == b'-' } else { b.is_ascii_hexdigit() })
}

/// A URL; one with credentials is found by its own way.
fn is_plain_url(value: &str) -> bool {
    value.contains("://")
}

/// Base64, standard or URL-safe, padded or not; `None` when it is none or gives more than `limit` bytes.
pub fn base64(text: &str, limit: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut bits, mut have) = (0u32, 0u32);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xff_ffff;
        have += 6;
        if have >= 8 {
            have -= 8;
            out.push((bits >> have & 0xff) as u8);
        }
        if out.len() > limit {
            return None;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_in_both_alphabets() {
        assert_eq!(base64("aGk_", 9).unwrap(), b"hi?");
        assert_eq!(base64("aGk/", 9).unwrap(), b"hi?");
        assert_eq!(base64("aGVsbG8=", 9).unwrap(), b"hello");
        assert_eq!(base64("a b", 9), None);
        assert_eq!(base64("aGVsbG8=", 3), None);
    }

    #[test]
    fn placeholders_are_no_secrets() {
        for value in [
            "changeme",
            "${DB_PASSWORD}",
            "$DB_PASSWORD",
            "<password>",
            "xxxxxxxx",
            "{{ .Values.password }}",
            "password",
            "AKIAIOSFODNN7EXAMPLE",
            "MY_SECRET_KEY",
            "get_secret()",
            "/run/secrets/db",
            "https://x/y",
            "*****",
            "true",
        ] {
            assert_eq!(points(value), None, "{value}");
        }
        assert!(points("tK8-pq2.Vw9x").unwrap() >= 2);
        assert!(points("correct horse").unwrap() < 0);
    }
}
