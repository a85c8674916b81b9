//! Values given to telling names: `password = …`, `API_KEY: …`, `--token …`, `scheme://user:password@host`. In: a text and
//! where a telling word stands. Out: a secret when name, value and context together weigh enough.

use plimsoll_model::Severity;

use super::score::{entropy, is_placeholder, points};
use super::{Context, MAX_LEADS, MAX_PER_FILE, Secret, window};

/// Words that make a name telling, the strong ones first.
pub const WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "api_key",
    "apikey",
    "api-key",
    "access_key",
    "accesskey",
    "access-key",
    "private_key",
    "privatekey",
    "encryption_key",
    "signing_key",
    "master_key",
    "app_key",
    "token",
    "credential",
    "auth_key",
    "authkey",
    "_pass",
    "pwd",
    "bearer ",
];
/// How many of [`WORDS`] are strong: a name with one of them alone says "secret".
const STRONG: usize = 16;
/// Points from which on it is a secret, and from which on it is a grave one.
const ENOUGH: i32 = 4;
const GRAVE: i32 = 5;
/// The longest name that is read, in bytes.
const MAX_NAME: usize = 80;
/// The longest value that is read, in bytes.
const MAX_VALUE: usize = 1024;
/// Bytes after a telling word that are looked at: separators, quotes and a value.
const WINDOW: usize = MAX_VALUE + 128;
/// Bytes before a name in which its line's beginning is looked for.
const LINE_BEFORE: usize = 256;

/// What follows the telling word in names that hold no secret themselves: where it is, how long, what kind.
const ABOUT: &[&str] = &[
    "file",
    "path",
    "dir",
    "url",
    "uri",
    "endpoint",
    "name",
    "id",
    "ids",
    "length",
    "len",
    "size",
    "type",
    "policy",
    "hash",
    "hashed",
    "expiry",
    "expires",
    "expiration",
    "ttl",
    "timeout",
    "lifetime",
    "env",
    "ref",
    "field",
    "prompt",
    "label",
    "header",
    "prefix",
    "suffix",
    "min",
    "max",
    "count",
    "regex",
    "pattern",
    "format",
    "alg",
    "algorithm",
    "method",
    "provider",
    "store",
    "manager",
    "helper",
    "class",
    "required",
    "enabled",
    "reset",
    "version",
    "mode",
    "keyid",
    "arn",
    "command",
    "cmd",
    "service",
    "namespace",
    "fingerprint",
    "checksum",
    "sha256",
    "source",
    "mount",
    "volume",
    "auth",
    "authentication",
    "encryption",
    "storage",
    "warn",
];

/// What goes before it in such names.
const NOT: &[&str] = &[
    "public",
    "csrf",
    "next",
    "no",
    "has",
    "is",
    "use",
    "max",
    "min",
    "allow",
    "forgot",
    "confirm",
    "cancellation",
    "page",
];

/// The secret in the assignment whose name holds the telling word at `start..end`.
pub fn read(text: &str, start: usize, end: usize, context: Context) -> Option<Secret> {
    let bytes = text.as_bytes();
    if bytes.get(start..end)?.eq_ignore_ascii_case(b"bearer ") {
        return bearer(text, end);
    }
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let left = start - bytes[..start].iter().rev().take(MAX_NAME).take_while(|b| in_name(b)).count();
    let right = end + bytes[end..].iter().take(MAX_NAME).take_while(|b| in_name(b)).count();
    let name = text.get(left..right)?;
    // `arn:aws:secretsmanager:…:secret:name`, `AWS::IAM::AccessKey`: a part of a longer name.
    if left > 0 && bytes[left - 1] == b':' || context != Context::Command && is_comment(text, left) {
        return None;
    }
    let (at, value) = value(text, left, right, context)?;
    let mut secret = named(name, value, context)?;
    secret.at = at;
    Some(secret)
}

/// The value under a name, if both together weigh enough.
pub fn named(name: &str, value: &str, context: Context) -> Option<Secret> {
    let strength = name_points(name)?;
    let bonus = match context {
        Context::Variable | Context::Command => 2,
        Context::Config => 1,
        Context::Code | Context::Prose => 0,
    };
    let mut value_points = points(value)?;
    // A weak password is still the password, where the name leaves no doubt that it is one.
    if matches!(context, Context::Variable | Context::Command) && strength == 2 && !value.contains(char::is_whitespace)
    {
        value_points = value_points.max(0);
    }
    // In code a value that speaks of secrets is the name of a type, a field or a message.
    let lower_value = value.to_ascii_lowercase();
    if context == Context::Code && ["secret", "token", "password", "credential"].iter().any(|w| lower_value.contains(w))
    {
        value_points -= 2;
    }
    let total = strength + bonus + value_points;
    if total < ENOUGH {
        return None;
    }
    let severity = if total >= GRAVE { Severity::High } else { Severity::Medium };
    let lower = name.to_ascii_lowercase();
    let what = if lower.contains("pass") || lower.contains("pwd") {
        "a password"
    } else if lower.contains("token") {
        "a token"
    } else if lower.contains("key") {
        "a secret key"
    } else {
        "a secret"
    };
    Some(Secret { what, severity, value: value.to_owned(), at: 0 })
}

/// 2 for a strong name, 1 for a weak one, `None` for one that is about a secret and not one.
fn name_points(name: &str) -> Option<i32> {
    let lower = name.to_ascii_lowercase();
    let (index, at, word) = WORDS
        .iter()
        .enumerate()
        .filter_map(|(index, word)| lower.rfind(word).map(|at| (index, at, *word)))
        .min_by_key(|(index, ..)| *index)?;
    let (before, after) = (&lower[..at], &lower[at + word.len()..]);
    let original_after = name.get(at + word.len()..)?;
    // `tokenizer`, `TOKENIZERS`, `passwords` are other words; `secretKey` is a name of two.
    let last_is_upper = name.get(..at + word.len())?.ends_with(|c: char| c.is_ascii_uppercase());
    let runs_on =
        original_after.starts_with(|c: char| c.is_ascii_alphabetic() && c.is_ascii_uppercase() == last_is_upper);
    if runs_on && after != "key" && !(after == "s" && word == "credential") {
        return None;
    }
    let mut following = after.split(['_', '-', '.']).filter(|part| !part.is_empty());
    if following.any(|part| ABOUT.contains(&part)) {
        return None;
    }
    if before.split(['_', '-', '.']).any(|part| NOT.contains(&part)) {
        return None;
    }
    // `GPG_KEY`-like and `..._secret_name` are gone by now; `pwd` alone is the working folder.
    if word == "pwd" && before.trim_matches(['_', '-', '.']).is_empty() && after.is_empty() && !name.starts_with('-') {
        return (name != "PWD" && name != "OLDPWD").then_some(1);
    }
    if lower == "oldpwd" {
        return None;
    }
    Some(if index < STRONG { 2 } else { 1 })
}

/// The value after a name: past a closing quote, a separator, blanks, and an opening quote.
fn value(text: &str, left: usize, right: usize, context: Context) -> Option<(usize, &str)> {
    let name = text.get(left..right)?;
    let mut rest = window(text, right, WINDOW)?;
    if rest.starts_with('>') && left > 0 && text.as_bytes().get(left - 1) == Some(&b'<') {
        let value = rest[1..].split('<').next()?.trim();
        return sized(text, value);
    }
    rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest).trim_start_matches([' ', '\t']);
    let is_option = name.starts_with('-') && context == Context::Command;
    if let Some(after) = ["=>", ":=", "=", ":"].iter().find_map(|mark| rest.strip_prefix(mark)) {
        if after.starts_with(['=', ':', '~', '/']) {
            return None; // a comparison, a path of a module, the start of a URL
        }
        rest = after;
    } else if !is_option || window(text, right, WINDOW)?.starts_with(|c: char| !c.is_whitespace()) {
        return None;
    }
    rest = rest.trim_start_matches([' ', '\t']);
    let rest = ["b", "r", "u", "f"]
        .iter()
        .find_map(|mark| rest.strip_prefix(mark).filter(|after| after.starts_with(['"', '\''])))
        .unwrap_or(rest);
    let value = match rest.chars().next()? {
        quote @ ('"' | '\'') => {
            let inner = &rest[1..];
            let end = inner.find([quote, '\n'])?;
            if !inner[end..].starts_with(quote) {
                return None;
            }
            &inner[..end]
        }
        _ if context == Context::Code => return None,
        _ => {
            let end = rest.find(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'' | '}' | '|'));
            &rest[..end.unwrap_or(rest.len())]
        }
    };
    sized(text, value)
}

fn sized<'a>(text: &'a str, value: &'a str) -> Option<(usize, &'a str)> {
    (!value.is_empty() && value.len() <= MAX_VALUE).then(|| (offset(text, value), value))
}

/// Where a slice of `text` starts in it.
fn offset(text: &str, part: &str) -> usize {
    part.as_ptr() as usize - text.as_ptr() as usize
}

/// Whether the line up to `at` opens with a comment; a long line is no comment.
fn is_comment(text: &str, at: usize) -> bool {
    let mut start = at.saturating_sub(LINE_BEFORE);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let before = text.get(start..at).unwrap_or_default();
    if start > 0 && !before.contains('\n') {
        return false;
    }
    let line = before.rsplit('\n').next().unwrap_or_default().trim_start();
    ["#", ";", "//", "*", "--", "<!--", "%", "!"].iter().any(|mark| line.starts_with(mark))
}

/// `Authorization: Bearer …`.
fn bearer(text: &str, at: usize) -> Option<Secret> {
    let rest = window(text, at, WINDOW)?;
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-._~+/=".contains(c))).unwrap_or(rest.len());
    let value = &rest[..end];
    let fits = (20..=MAX_VALUE).contains(&value.len())
        && entropy(value) >= 3.5
        && value.bytes().any(|b| b.is_ascii_digit())
        && !is_placeholder(value);
    fits.then(|| Secret { what: "a bearer token", severity: Severity::High, value: value.to_owned(), at })
}

/// The password in the URL whose `://` stands at `at` of a file: examples in comments and of this machine do not count.
pub fn url_in_file(text: &str, at: usize) -> Option<Secret> {
    let secret = url_at(text, at)?;
    let host = window(text, secret.at + secret.value.len() + 1, WINDOW)?;
    let is_sample = ["localhost", "127.0.0.1", "example.", "host"].iter().any(|sample| host.starts_with(sample));
    (!is_sample && !is_comment(text, at)).then_some(secret)
}

/// The password in the URL whose `://` stands at `at`.
pub fn url_at(text: &str, at: usize) -> Option<Secret> {
    let rest = window(text, at + 3, WINDOW)?;
    let end =
        rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '<' | '>' | '`' | ',' | '?' | '#'));
    let authority = &rest[..end.unwrap_or(rest.len()).min(rest.len())];
    let (login, host) = authority.rsplit_once('@')?;
    let (user, password) = login.split_once(':').unwrap_or(("", login));
    if host.is_empty() || login.len() > MAX_VALUE || is_placeholder(login) {
        return None;
    }
    let strength = points(password)?;
    // A lone name before the `@` is a user; a password may be weak and is still one.
    let enough = if user.is_empty() && !login.starts_with(':') {
        strength >= 3
    } else {
        strength >= -2 && !same_words(user, password)
    };
    let severity = if strength >= 1 { Severity::High } else { Severity::Medium };
    enough.then(|| Secret {
        what: "a password in a URL",
        severity,
        value: password.to_owned(),
        at: offset(text, password),
    })
}

/// `user:user@`, `user:password@`, `guest:guest@`: what documentation writes.
fn same_words(user: &str, password: &str) -> bool {
    user.eq_ignore_ascii_case(password) || matches!(password, "password" | "passwd" | "secret" | "passw0rd")
}

/// The passwords of all URLs in a text.
pub fn url_credentials(text: &str) -> Vec<Secret> {
    text.match_indices("://").take(MAX_LEADS).filter_map(|(at, _)| url_at(text, at)).take(MAX_PER_FILE).collect()
}

/// `-u user:password` and `--user user:password`, as curl and its cousins take them.
pub fn arguments(text: &str) -> Vec<Secret> {
    let mut words = text.split_whitespace().map(|word| word.trim_matches(['"', '\'']));
    let mut found = Vec::new();
    while let Some(word) = words.next()
        && found.len() < MAX_PER_FILE
    {
        let login = match word {
            "-u" | "--user" => words.clone().next(),
            _ => word.strip_prefix("--user=").or_else(|| word.strip_prefix("-u")).filter(|rest| rest.contains(':')),
        };
        let Some((_, password)) = login.and_then(|login| login.split_once(':')) else { continue };
        // `docker run -u 1000:1000` and `install -u app:app` name a group.
        let is_group = password.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
        if is_group && password.len() < 16 || points(password).is_none() {
            continue;
        }
        found.push(Secret {
            what: "a login",
            severity: Severity::High,
            value: password.to_owned(),
            at: offset(text, password),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strong_names_end_where_the_weak_ones_begin() {
        assert_eq!((WORDS[STRONG - 1], WORDS[STRONG]), ("app_key", "token"));
    }
}
