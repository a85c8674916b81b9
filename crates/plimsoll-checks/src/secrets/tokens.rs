//! Tokens of known formats. In: a text and where a known prefix stands. Out: the token, when its length, alphabet and,
//! where the format has one, checksum or inner structure hold.

use plimsoll_model::Severity;

use super::score::{base64, entropy, is_placeholder};
use super::{Secret, window};

/// One format.
pub struct Token {
    /// With its article, for a sentence.
    pub what: &'static str,
    pub severity: Severity,
    /// Every token starts with it; upper and lower case as written.
    pub prefix: &'static str,
    /// Characters of the rest.
    pub alphabet: fn(u8) -> bool,
    /// Whether the rest (without the prefix) is one.
    pub check: fn(&str) -> Check,
}

/// What a closer look says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    No,
    /// The form fits; the format's own checksum does not, or its other half is missing: one level lower.
    Maybe,
    Yes,
}

const fn token(
    what: &'static str,
    severity: Severity,
    prefix: &'static str,
    alphabet: fn(u8) -> bool,
    check: fn(&str) -> Check,
) -> Token {
    Token { what, severity, prefix, alphabet, check }
}

/// Every format, grouped by who issues it.
pub const TOKENS: &[Token] = &[
    token("an AWS access key", Severity::Critical, "AKIA", base32, aws_key),
    token("a temporary AWS access key", Severity::High, "ASIA", base32, aws_key),
    token("a GitHub personal access token", Severity::Critical, "ghp_", alnum, crc_36),
    token("a GitHub OAuth token", Severity::Critical, "gho_", alnum, crc_36),
    token("a GitHub user-to-server token", Severity::Critical, "ghu_", alnum, crc_36),
    token("a GitHub server-to-server token", Severity::High, "ghs_", alnum, crc_36),
    token("a GitHub refresh token", Severity::Critical, "ghr_", alnum, crc_36_or_longer),
    token("a GitHub fine-grained token", Severity::Critical, "github_pat_", word, |rest| {
        sure(rest.len() == 82 && rest.as_bytes().get(22) == Some(&b'_'))
    }),
    token("a GitLab access token", Severity::Critical, "glpat-", dotted, |rest| sure((20..=300).contains(&rest.len()))),
    token("a GitLab deploy token", Severity::High, "gldt-", dashed, |rest| sure(rest.len() >= 20)),
    token("a GitLab runner token", Severity::High, "glrt-", dotted, |rest| sure(rest.len() >= 20)),
    token("a GitLab trigger token", Severity::High, "glptt-", alnum, |rest| sure(rest.len() == 40)),
    token("a Slack bot token", Severity::High, "xoxb-", dashed, slack),
    token("a Slack user token", Severity::High, "xoxp-", dashed, slack),
    token("a Slack app token", Severity::High, "xapp-", dashed, slack),
    token("a Slack webhook", Severity::Medium, "hooks.slack.com/services/", slashed, |rest| {
        sure(rest.starts_with('T') && rest.len() >= 40 && rest.matches('/').count() == 2)
    }),
    token("a Stripe live key", Severity::Critical, "sk_live_", alnum, |rest| sure(rest.len() >= 24)),
    token("a Stripe restricted key", Severity::High, "rk_live_", alnum, |rest| sure(rest.len() >= 24)),
    token("a Google API key", Severity::Medium, "AIza", dashed, |rest| sure(rest.len() == 35)),
    token("a Google OAuth client secret", Severity::High, "GOCSPX-", dashed, |rest| sure(rest.len() == 28)),
    token("an Azure storage key", Severity::Critical, "AccountKey=", base64_byte, |rest| {
        sure(rest.len() == 88 && base64(rest, 64).is_some_and(|key| key.len() == 64))
    }),
    token("an Azure shared access key", Severity::High, "SharedAccessKey=", base64_byte, |rest| {
        sure(rest.len() == 44 && base64(rest, 32).is_some_and(|key| key.len() == 32))
    }),
    token("an npm access token", Severity::Critical, "npm_", alnum, crc_36),
    token("a PyPI token", Severity::Critical, "pypi-AgEIcHlwaS5vcmc", dashed, |rest| sure(rest.len() >= 50)),
    token("a Docker Hub token", Severity::Critical, "dckr_pat_", dashed, |rest| sure(rest.len() == 27)),
    token("a crates.io token", Severity::Critical, "cio", alnum, |rest| sure(rest.len() == 32)),
    token("a RubyGems key", Severity::Critical, "rubygems_", hex, |rest| sure(rest.len() == 48)),
    token("a SendGrid key", Severity::High, "SG.", dotted, |rest| {
        sure(rest.len() == 66 && rest.as_bytes().get(22) == Some(&b'.'))
    }),
    token("a DigitalOcean token", Severity::Critical, "dop_v1_", hex, |rest| sure(rest.len() == 64)),
    token("a HashiCorp Vault token", Severity::High, "hvs.", dashed, |rest| sure(rest.len() >= 90)),
    token("a Hugging Face token", Severity::High, "hf_", alnum, |rest| sure(rest.len() == 34)),
    token("an Anthropic key", Severity::High, "sk-ant-", dashed, |rest| sure(rest.len() >= 80)),
    token("an OpenAI key", Severity::High, "sk-proj-", dashed, |rest| sure(rest.len() >= 60)),
    token("a Databricks token", Severity::High, "dapi", hex, |rest| sure(rest.len() == 32)),
    token("a Shopify token", Severity::High, "shpat_", hex, |rest| sure(rest.len() == 32)),
    token("a Linear key", Severity::High, "lin_api_", alnum, |rest| sure(rest.len() == 40)),
    token("an age secret key", Severity::Critical, "AGE-SECRET-KEY-1", alnum, |rest| sure(rest.len() == 58)),
    token("a JSON web token", Severity::Medium, "eyJ", dotted, jwt),
];

/// The least entropy of a token's rest, in bits per character: below that it is an example somebody typed.
const MIN_ENTROPY: f64 = 3.0;
/// Bytes after an AWS access key in which its secret half stands: a neighbouring line or field.
const AWS_SECRET_WITHIN: usize = 300;
/// Characters of a token that are looked at.
const MAX_TOKEN: usize = 4096;

/// The token of this format that starts at `at`, if it is one.
pub fn read(token: &Token, text: &str, at: usize) -> Option<Secret> {
    let bytes = text.as_bytes();
    let start = at + token.prefix.len();
    if bytes.get(at..start)? != token.prefix.as_bytes() {
        return None; // keywords are searched without regard to case, formats have theirs
    }
    let before = at.checked_sub(1).and_then(|before| bytes.get(before));
    // No token starts within a run of its own alphabet; a slash ends the path before it.
    if before
        .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+') || (token.alphabet)(*b) && *b != b'/')
    {
        return None;
    }
    let length = bytes[start..].iter().take(MAX_TOKEN).take_while(|byte| (token.alphabet)(**byte)).count();
    // Sentences end in a full stop and lines in a dash; tokens do not.
    let rest = text.get(start..start + length)?.trim_end_matches(['.', '-', '/']);
    if bytes.get(start + length).is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let severity = match (token.check)(rest) {
        Check::No => return None,
        Check::Maybe => token.severity.min(Severity::Medium),
        Check::Yes => token.severity,
    };
    if entropy(rest) < MIN_ENTROPY || is_placeholder(rest) {
        return None;
    }
    let end = start + rest.len();
    let value = text.get(at..end)?;
    if matches!(token.prefix, "AKIA" | "ASIA") {
        return Some(match aws_secret(text.get(end..).unwrap_or_default()) {
            Some(secret) => {
                Secret { what: token.what, severity: token.severity, value: secret.1.to_owned(), at: end + secret.0 }
            }
            None => Secret {
                what: "an AWS access key id without its secret",
                severity: Severity::Low,
                value: value.to_owned(),
                at,
            },
        });
    }
    Some(Secret { what: token.what, severity, value: value.to_owned(), at })
}

fn sure(holds: bool) -> Check {
    if holds { Check::Yes } else { Check::No }
}

fn alnum(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn word(byte: u8) -> bool {
    alnum(byte) || byte == b'_'
}

fn dashed(byte: u8) -> bool {
    word(byte) || byte == b'-'
}

fn dotted(byte: u8) -> bool {
    dashed(byte) || byte == b'.'
}

fn slashed(byte: u8) -> bool {
    alnum(byte) || byte == b'/'
}

fn hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn base64_byte(byte: u8) -> bool {
    alnum(byte) || matches!(byte, b'+' | b'/' | b'=')
}

fn base32(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'2'..=b'7')
}

/// Sixteen base32 characters whose first bits are an account number of twelve digits.
fn aws_key(rest: &str) -> Check {
    if rest.len() != 16 {
        return Check::No;
    }
    let value = rest.bytes().take(10).fold(0u64, |sum, byte| {
        sum << 5 | u64::from(if byte.is_ascii_digit() { byte - b'2' + 26 } else { byte - b'A' })
    });
    // Ten characters are 50 bits; the first 48 hold the account at bits 7 to 46.
    let account = (value >> 2 & 0x7fff_ffff_ff80) >> 7;
    sure(account <= 999_999_999_999)
}

/// The secret half near an AWS access key: forty base64 characters on their own.
fn aws_secret(after: &str) -> Option<(usize, &str)> {
    let near = window(after, 0, AWS_SECRET_WITHIN)?;
    near.split(|c: char| !(c.is_ascii_alphanumeric() || c == '/' || c == '+'))
        .find(|run| run.len() == 40 && entropy(run) >= 4.0 && !is_placeholder(run))
        .map(|run| (run.as_ptr() as usize - near.as_ptr() as usize, run))
}

/// GitHub's and npm's form: thirty characters and their CRC-32 in six base-62 digits.
fn crc_36(rest: &str) -> Check {
    if rest.len() != 36 {
        return Check::No;
    }
    let (body, sum) = rest.split_at(30);
    if sum == base62(crc32(body.as_bytes())) { Check::Yes } else { Check::Maybe }
}

fn crc_36_or_longer(rest: &str) -> Check {
    if rest.len() > 36 { Check::Maybe } else { crc_36(rest) }
}

fn slack(rest: &str) -> Check {
    sure(rest.len() >= 24 && rest.contains('-') && rest.bytes().any(|b| b.is_ascii_digit()))
}

/// Three parts of base64url, of which the first two are JSON objects and the first names an algorithm (RFC 7519).
fn jwt(rest: &str) -> Check {
    if rest.bytes().filter(|b| *b == b'.').count() != 2 {
        return Check::No;
    }
    let token = format!("eyJ{rest}");
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { return Check::No };
    let object = |part: &str| {
        let bytes = base64(part, MAX_TOKEN)?;
        serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes).ok()
    };
    let named = object(header).is_some_and(|header| header.contains_key("alg"));
    sure(named && object(payload).is_some() && signature.len() >= 20)
}

/// CRC-32 (IEEE 802.3), bit by bit: thirty bytes need no table.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// Six digits, 0-9 A-Z a-z, leading zeros kept.
fn base62(mut number: u32) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut out = [b'0'; 6];
    for digit in out.iter_mut().rev() {
        *digit = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    out.iter().map(|b| char::from(*b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_is_that_of_githubs_published_sample() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc_36("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"), Check::Yes);
        assert_eq!(crc_36("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq18"), Check::Maybe);
    }

    #[test]
    fn prefixes_are_unlike_each_other() {
        for (at, one) in TOKENS.iter().enumerate() {
            for other in &TOKENS[at + 1..] {
                assert!(!other.prefix.starts_with(one.prefix), "{} hides {}", one.prefix, other.prefix);
            }
        }
    }
}
