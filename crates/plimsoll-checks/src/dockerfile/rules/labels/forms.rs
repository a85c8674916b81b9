//! What the values of labels look like, where the project's schema says so. A value with a variable in it may have any form.

use plimsoll_model::{RuleInfo, Severity};

use super::labels;
use crate::dockerfile::{Dockerfile, LabelForm, Options, Rule};
use crate::source::Found;

macro_rules! form {
    ($name:ident, $id:literal, $code:literal, $form:ident, $what:literal, $why:literal, $bad:literal, $good:literal) => {
        pub const $name: Rule = Rule {
            info: RuleInfo {
                id: $id,
                severity: Severity::Medium,
                aliases: &[$code],
                opt_in: false,
                title: concat!("a label's value is no ", $what),
                why: concat!("The project's label schema asks for ", $what, " here. ", $why),
                remedy: concat!("write the value as ", $what),
                bad: concat!("# with a schema of: it\nFROM debian:12\nLABEL it=\"", $bad, "\"\n"),
                good: concat!("# with a schema of: it\nFROM debian:12\nLABEL it=\"", $good, "\"\n"),
            },
            check: |file, options, found| of_form(file, options, found, LabelForm::$form, &$name.info, $what),
        };
    };
}

pub const EMPTY: Rule = Rule {
    info: RuleInfo {
        id: "empty-label",
        severity: Severity::Medium,
        aliases: &["DL3051"],
        opt_in: false,
        title: "a label of the schema is empty",
        why: "An empty label says nothing, and whoever asks for it gets an answer that looks like one.",
        remedy: "give the label a value",
        bad: "# with a schema of: it\nFROM debian:12\nLABEL it=\n",
        good: "# with a schema of: it\nFROM debian:12\nLABEL it=1\n",
    },
    check: empty,
};

form!(URL, "label-no-url", "DL3052", Url, "URL", "Tools make a link of it.", "example com", "https://example.com/shop");
form!(
    TIME,
    "label-no-time",
    "DL3053",
    Rfc3339,
    "RFC 3339 time",
    "Any other way to write a time is read differently by different programs.",
    "31 Jan 2026",
    "2026-01-31T12:00:00Z"
);
form!(
    LICENCE,
    "label-no-licence",
    "DL3054",
    Spdx,
    "SPDX licence expression",
    "Programs that check licences know no other names.",
    "Apache 2",
    "Apache-2.0"
);
form!(
    HASH,
    "label-no-git-hash",
    "DL3055",
    Hash,
    "git hash",
    "With it the source of an image is found again.",
    "main",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709"
);
form!(
    VERSION,
    "label-no-semantic-version",
    "DL3056",
    Semver,
    "semantic version",
    "Programs put versions in order by it.",
    "v1",
    "1.2.3"
);
form!(
    EMAIL,
    "label-no-email",
    "DL3058",
    Email,
    "e-mail address",
    "Somebody will write to it.",
    "the shop team",
    "shop@example.com"
);

fn empty(file: &Dockerfile<'_>, options: &Options, found: &mut Vec<Found>) {
    for (_, pair) in labels(file) {
        let is_empty = pair.value.as_ref().is_none_or(|value| value.text.is_empty());
        if is_empty && options.label_schema.contains_key(&pair.key.text) {
            found.push(Found::new(&EMPTY.info, pair.span, format!("the label `{}` is empty", pair.key.text)));
        }
    }
}

fn of_form(
    file: &Dockerfile<'_>,
    options: &Options,
    found: &mut Vec<Found>,
    form: LabelForm,
    rule: &'static RuleInfo,
    what: &str,
) {
    for (_, pair) in labels(file) {
        if options.label_schema.get(&pair.key.text) != Some(&form) {
            continue;
        }
        let text = pair.value.as_ref().map_or("", |value| value.text.as_str());
        if !text.contains('$') && !has_form(form, text) {
            let span = pair.value.as_ref().map_or(pair.span, |value| value.span);
            found.push(Found::new(rule, span, format!("the label `{}` holds no {what}", pair.key.text)));
        }
    }
}

fn has_form(form: LabelForm, text: &str) -> bool {
    match form {
        LabelForm::Text => true,
        LabelForm::Url => is_url(text),
        LabelForm::Rfc3339 => is_time(text),
        LabelForm::Spdx => spdx::Expression::parse(text).is_ok(),
        LabelForm::Hash => is_hash(text),
        LabelForm::Semver => is_semantic_version(text),
        LabelForm::Email => is_email(text),
    }
}

/// A scheme and what RFC 3986 allows behind it.
fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let scheme_ok = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    let escapes_ok = rest
        .split('%')
        .skip(1)
        .all(|after| after.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)));
    scheme_ok && rest.bytes().all(allowed) && escapes_ok
}

fn is_time(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', 't']) else { return false };
    let clock = time.get(..8).unwrap_or_default();
    let number = |text: &str| if text.bytes().all(|b| b.is_ascii_digit()) { text.parse::<u8>().ok() } else { None };
    let parts: Option<Vec<u8>> = clock.split(':').map(number).collect();
    let clock_ok =
        matches!(parts.as_deref(), Some([hour, minute, second]) if *hour < 24 && *minute < 60 && *second <= 60);
    let rest = time.get(8..).unwrap_or_default();
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 {
                return false;
            }
            &fraction[digits..]
        }
        None => rest,
    };
    let zone_ok = match zone.strip_prefix(['+', '-']) {
        Some(offset) => matches!(offset.as_bytes(), [a, b, b':', c, d]
            if [a, b, c, d].iter().all(|digit| digit.is_ascii_digit()) && number(&offset[..2]).is_some_and(|hour| hour < 24)
                && number(&offset[3..]).is_some_and(|minute| minute < 60)),
        None => matches!(zone, "Z" | "z"),
    };
    let day = date.len() == 10 && date.parse::<jiff::civil::Date>().is_ok();
    day && clock_ok && zone_ok
}

/// Seven digits or more, up to those of SHA-1, or all of SHA-256.
fn is_hash(text: &str) -> bool {
    (matches!(text.len(), 7..=40) || text.len() == 64)
        && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// <https://semver.org/spec/v2.0.0.html>
fn is_semantic_version(text: &str) -> bool {
    let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
    let (core, pre) = text.split_once('-').map_or((text, None), |(core, pre)| (core, Some(pre)));
    let number = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) && (part == "0" || !part.starts_with('0'))
    };
    let word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let pre_word = |part: &str| word(part) && (number(part) || !part.bytes().all(|b| b.is_ascii_digit()));
    core.split('.').count() == 3
        && core.split('.').all(number)
        && pre.is_none_or(|pre| pre.split('.').all(pre_word))
        && build.is_none_or(|build| build.split('.').all(word))
}

/// An address as people have them, not all that RFC 5322 allows.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    let dotted = |text: &str, allowed: &dyn Fn(u8) -> bool| {
        text.split('.').all(|part| !part.is_empty() && part.bytes().all(allowed))
    };
    let quoted =
        local.len() > 2 && local.starts_with('"') && local.ends_with('"') && !local[1..local.len() - 1].contains('"');
    let literal = domain.len() > 2 && domain.starts_with('[') && domain.ends_with(']');
    (dotted(local, &atom) || (quoted && local.is_ascii()))
        && (literal || dotted(domain, &|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_forms_or_not() {
        for (form, good, bad) in [
            (
                LabelForm::Url,
                &["http://x", "https://x.org/a?b#c", "mailto:a@b", "git+ssh://x", "urn:a:b", "http://x/%2f"][..],
                &["", "x", "//x", "http://a b", "git@github.com:a/b", "http://x/%zz", "http://é", "http://x/%4"][..],
            ),
            (
                LabelForm::Rfc3339,
                &[
                    "2020-01-01T00:00:00Z",
                    "2020-01-01T00:00:00.123+01:00",
                    "2020-01-01t00:00:00z",
                    "2020-01-01T00:00:60Z",
                ],
                &[
                    "",
                    "2020-01-01",
                    "2020-01-01 00:00:00Z",
                    "2020-01-01T00:00:00",
                    "2020-13-01T00:00:00Z",
                    "2020-02-30T00:00:00Z",
                    "2020-01-01T24:00:00Z",
                    "2020-1-1T00:00:00Z",
                    "2020-01-01T00:00:00+0100",
                    "2020-01-01T00:00:00.Z",
                    "é",
                ],
            ),
            (
                LabelForm::Spdx,
                &["MIT", "MIT OR Apache-2.0", "(MIT AND BSD-3-Clause)", "GPL-2.0-or-later", "0BSD"],
                &["", "Foo", "Apache 2.0", "MIT/Apache-2.0"],
            ),
            (
                LabelForm::Hash,
                &["abcdef1", "da39a3ee5e6b4b0d3255bfef95601890afd80709"],
                &["", "abcdef", "ABCDEF1", "abcdefg", "da39a3ee5e6b4b0d3255bfef95601890afd807090"],
            ),
            (
                LabelForm::Semver,
                &["1.2.3", "1.2.3-rc.1+b", "0.0.0", "99999999999999999999999.1.1", "1.2.3-a-b", "1.2.3+001"],
                &["", "1.2", "v1.2.3", "1.2.3-", "1.2.3.4", "1.2.3-a_b", "01.2.3", "1.2.3-01", "1.2.3+"],
            ),
            (
                LabelForm::Email,
                &["a@b.c", "a@b", "a+b@c.de", "a.b@c-d.ef", "\"a b\"@c.de", "a@[1.2.3.4]"],
                &["", "a", "A <a@b.c>", "a@@b.c", "a b@c.de", "@b.c", "a@", "a@b..c", "ü@b.de"],
            ),
        ] {
            for text in good {
                assert!(has_form(form, text), "{form:?} {text}");
            }
            for text in bad {
                assert!(!has_form(form, text), "{form:?} {text}");
            }
        }
    }
}
