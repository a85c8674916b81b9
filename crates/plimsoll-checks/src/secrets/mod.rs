//! Secrets in text: tokens of known formats, private keys, credential files, and values assigned to telling names.
//!
//! In: a file's path and bytes, an environment variable, or a history line. Out: findings of `secret-in-image`, or
//! [`Secret`]s for the rules that look at the configuration. A secret is never printed whole. What this does not do: ask
//! a service whether a secret still works.
//!
//! How to add a token format: one entry in [`tokens::TOKENS`]. A credential file: one in [`files::FILES`].

mod assignments;
mod files;
mod paths;
mod pem;
mod score;
mod tokens;

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use plimsoll_model::{Finding, Location, Severity};

pub use paths::{MAX_SIZE, wants};

/// Findings per file: beyond this a file is a list of secrets, which one finding says as well as a thousand.
const MAX_PER_FILE: usize = 50;
/// Telling words that are followed in one text: one in twenty bytes of the largest file. A text beyond that was made to
/// cost time, and is reported as not read to its end.
const MAX_LEADS: usize = 50_000;
/// Of them, private keys: each may be long.
const MAX_KEYS: usize = 200;
/// Bytes looked at for the NUL that tells a binary from a text.
const BINARY_PROBE: usize = 8192;

/// Something that looks like a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// With its article, for a sentence: `a GitHub token`.
    pub what: &'static str,
    pub severity: Severity,
    /// The secret itself: for comparing and masking, never for printing.
    pub value: String,
    /// Byte offset of the value in the text that was read.
    pub at: usize,
}

impl Secret {
    /// Enough to find it again, too little to use it: at most the first four characters, and no more than a quarter.
    pub fn masked(&self) -> String {
        mask(&self.value)
    }
}

fn mask(value: &str) -> String {
    let length = value.chars().count();
    let shown: String = value.chars().take((length / 4).min(4)).filter(|c| !c.is_control()).collect();
    format!("{shown}… ({length} characters)")
}

/// Where a text comes from: it says how much an assignment in it weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Context {
    /// An environment variable of an image.
    Variable,
    /// A command line or build instruction.
    Command,
    /// A file of settings: values may stand without quotes.
    Config,
    /// Source code: only quoted literals are values.
    Code,
    /// Prose: only tokens and keys count, its passwords are examples.
    Prose,
}

/// The two halves of looking into files while layers stream by.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inspector;

impl Inspector {
    /// Whether the file is worth reading, by path (no leading slash) and size in bytes.
    pub fn wants(self, path: &str, size: u64) -> bool {
        wants(path, size)
    }

    /// What its bytes hold.
    pub fn inspect(self, path: &str, bytes: &[u8]) -> Vec<Finding> {
        inspect(path, bytes)
    }
}

/// The inspector of secrets.
pub fn inspector() -> Inspector {
    Inspector
}

/// Secrets in a file's bytes: one finding of `secret-in-image` per kind, with a line for each place.
pub fn inspect(path: &str, bytes: &[u8]) -> Vec<Finding> {
    if bytes.iter().take(BINARY_PROBE).any(|byte| *byte == 0) {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(bytes);
    let mut secrets = files::secrets(path, &text);
    let known = secrets.len();
    for secret in find(&text, paths::context(path)) {
        if !secrets.iter().take(known).any(|other| other.value == secret.value) {
            secrets.push(secret);
        }
    }
    secrets.truncate(MAX_PER_FILE);
    grouped(path, &text, &secrets)
}

fn grouped(path: &str, text: &str, secrets: &[Secret]) -> Vec<Finding> {
    let mut found: Vec<(&Secret, Finding)> = Vec::new();
    for secret in secrets {
        let line = text.as_bytes().iter().take(secret.at).filter(|byte| **byte == b'\n').count() + 1;
        let place = Location::line(path, u32::try_from(line).unwrap_or(u32::MAX));
        if let Some((_, finding)) =
            found.iter_mut().find(|(first, f)| first.what == secret.what && f.severity == secret.severity)
        {
            finding.locations.push(place);
            continue;
        }
        let info = &crate::image::secret_in_image().info;
        let finding = Finding {
            rule: info.id.to_owned(),
            severity: secret.severity,
            message: match secret.value.as_str() {
                "" => format!("/{path} holds {}", secret.what),
                _ => format!("/{path} holds {}: {}", secret.what, secret.masked()),
            },
            remedy: Some(info.remedy.to_owned()),
            locations: vec![place],
            measure: None,
            fix: None,
        };
        found.push((secret, finding));
    }
    found
        .into_iter()
        .map(|(_, mut finding)| {
            if finding.locations.len() > 1 {
                finding.message.push_str(&format!(", and {} more of the kind", finding.locations.len() - 1));
            }
            finding
        })
        .collect()
}

/// What kind of secret one of our own findings is about: `a private key`.
pub fn kind_of(finding: &Finding) -> Option<&str> {
    let path = &finding.locations.first()?.path;
    let rest = finding.message.strip_prefix('/')?.strip_prefix(path.as_str())?.strip_prefix(" holds ")?;
    Some(rest.split(':').next().unwrap_or(rest))
}

/// A secret in an environment variable's value.
pub fn in_variable(name: &str, value: &str) -> Option<Secret> {
    let tokens = find(value, Context::Config).into_iter().filter(|secret| !secret.value.is_empty());
    // A registry login may stand in a variable whole (DOCKER_AUTH_CONFIG).
    let login = if value.contains("\"auths\"") { files::secrets(".docker/config.json", value) } else { Vec::new() };
    let tokens = tokens.chain(assignments::url_credentials(value)).chain(login);
    tokens.max_by_key(|secret| secret.severity).or_else(|| assignments::named(name, value, Context::Variable))
}

/// Secrets in an instruction or command line.
pub fn in_command(text: &str) -> Vec<Secret> {
    let mut found = find(text, Context::Command);
    for secret in assignments::arguments(text) {
        if !found.iter().any(|other| other.at == secret.at || other.value == secret.value) {
            found.push(secret);
        }
    }
    found.sort_by_key(|secret| secret.at);
    found
}

/// The text with its secrets masked, for messages and reports that quote instructions.
pub fn redact(text: &str) -> Cow<'_, str> {
    let secrets = in_command(text);
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    // What has no value of its own (a key that is not closed) may go on to the end.
    let unended = secrets.iter().filter(|secret| secret.value.is_empty()).map(|secret| secret.at).min();
    let mut out = match unended.and_then(|at| text.get(..at)) {
        Some(before) => format!("{before}… (cut: a secret begins here)"),
        None => text.to_owned(),
    };
    for secret in secrets.iter().filter(|secret| !secret.value.is_empty()) {
        out = out.replace(&secret.value, &secret.masked());
    }
    Cow::Owned(out)
}

/// At most `length` bytes of `text` from `start` on, cut between characters.
fn window(text: &str, start: usize, length: usize) -> Option<&str> {
    let mut end = text.len().min(start.saturating_add(length));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(start..end)
}

/// What a keyword leads to.
enum Lead {
    Token(&'static tokens::Token),
    PrivateKey,
    Name,
    Url,
}

/// Every keyword, in the order of its lead: a text without any of them is not looked at twice.
static KEYWORDS: LazyLock<Option<(AhoCorasick, Vec<Lead>)>> = LazyLock::new(|| {
    let mut words: Vec<&str> = Vec::new();
    let mut leads = Vec::new();
    for token in tokens::TOKENS {
        words.push(token.prefix);
        leads.push(Lead::Token(token));
    }
    words.push(pem::BEGIN);
    leads.push(Lead::PrivateKey);
    words.push("://");
    leads.push(Lead::Url);
    for word in assignments::WORDS {
        words.push(word);
        leads.push(Lead::Name);
    }
    let automaton =
        AhoCorasick::builder().ascii_case_insensitive(true).match_kind(MatchKind::LeftmostFirst).build(words).ok()?;
    Some((automaton, leads))
});

/// Secrets in a text, by place.
fn find(text: &str, context: Context) -> Vec<Secret> {
    let mut found: Vec<Secret> = Vec::new();
    // The words are constants, and a test builds the automaton: it is always there.
    let Some((automaton, leads)) = KEYWORDS.as_ref() else { return found };
    let (mut past, mut keys) = (0, 0);
    for (count, hit) in automaton.find_iter(text).enumerate() {
        let at = hit.start();
        if count >= MAX_LEADS || keys > MAX_KEYS {
            let what = "so many words that lead to secrets that it was not read to its end";
            found.push(Secret { what, severity: Severity::Medium, value: String::new(), at });
            break;
        }
        // Inside a secret that was already taken: base64 spells every word in time.
        if at < past {
            continue;
        }
        if found.len() >= MAX_PER_FILE {
            break;
        }
        let secret = match &leads[hit.pattern().as_usize()] {
            Lead::Token(token) => tokens::read(token, text, at),
            Lead::PrivateKey => {
                keys += 1;
                pem::read(text, at)
            }
            Lead::Url if context == Context::Prose => None,
            Lead::Url if context == Context::Command => assignments::url_at(text, at),
            Lead::Url => assignments::url_in_file(text, at),
            Lead::Name if context == Context::Prose => None,
            Lead::Name => assignments::read(text, at, hit.end(), context),
        };
        if let Some(secret) = secret {
            past = secret.at.saturating_add(secret.value.len());
            found.push(secret);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_make_an_automaton() {
        assert!(KEYWORDS.is_some());
    }

    #[test]
    fn mask_shows_no_more_than_a_quarter() {
        assert_eq!(mask("hunter2!"), "hu… (8 characters)");
        assert_eq!(mask(&"x".repeat(40)), "xxxx… (40 characters)");
        assert_eq!(mask("abc"), "… (3 characters)");
    }
}
