//! Named formats of texts: `format.dns1123Label().validate(name)`.

use std::sync::OnceLock;

use regex::Regex;

use super::{Row, cost, opaque::Opaque, priced, row, url::Url};
use crate::budget::{Meter, Out};
use crate::value::Value;

#[derive(Debug)]
pub struct Format {
    pub name: &'static str,
    /// Why a text is not of the format; nothing where it is.
    faults: fn(&str) -> Vec<String>,
    /// How long an expression the API server takes it for, when it counts costs.
    length: u64,
}

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const QUALIFIED: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

fn fault(says: &str, expression: &str, examples: &str) -> String {
    format!("{says} (e.g. {examples}, regex used for validation is '{expression}')")
}

fn longer(text: &str, than: usize) -> Option<String> {
    (text.len() > than).then(|| format!("must be no more than {than} characters"))
}

/// Letters and digits at the ends, dashes too between them.
fn label(text: &str) -> bool {
    let end = |letter: Option<u8>| letter.is_some_and(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit());
    end(text.bytes().next())
        && end(text.bytes().last())
        && text.bytes().all(|letter| end(Some(letter)) || letter == b'-')
}

fn subdomain(text: &str) -> bool {
    text.split('.').all(label)
}

fn qualified(text: &str) -> bool {
    let end = |letter: Option<u8>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    end(text.bytes().next())
        && end(text.bytes().last())
        && text.bytes().all(|letter| end(Some(letter)) || b"-_.".contains(&letter))
}

fn label_faults(text: &str) -> Vec<String> {
    let mut all: Vec<String> = longer(text, 63).into_iter().collect();
    if !label(text) {
        all.push(if subdomain(text) {
            "must not contain dots".to_owned()
        } else {
            let says = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
            fault(says, LABEL, "'my-name',  or '123-abc'")
        });
    }
    all
}

fn subdomain_faults(text: &str) -> Vec<String> {
    let mut all: Vec<String> = longer(text, 253).into_iter().collect();
    if !subdomain(text) {
        let says = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
        all.push(fault(says, SUBDOMAIN, "'example.com'"));
    }
    all
}

fn old_label_faults(text: &str) -> Vec<String> {
    let mut all: Vec<String> = longer(text, 63).into_iter().collect();
    if !label(text) || !text.starts_with(|first: char| first.is_ascii_lowercase()) {
        let says = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
        all.push(fault(says, "[a-z]([-a-z0-9]*[a-z0-9])?", "'my-name',  or 'abc-123'"));
    }
    all
}

fn label_value_faults(text: &str) -> Vec<String> {
    let mut all: Vec<String> = longer(text, 63).into_iter().collect();
    if !text.is_empty() && !qualified(text) {
        let says = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
        all.push(fault(says, &format!("({QUALIFIED})?"), "'MyValue',  or 'my_value',  or '12345'"));
    }
    all
}

fn qualified_faults(text: &str) -> Vec<String> {
    let says = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
    let wrong = |what: &str| fault(&format!("{what}{says}"), QUALIFIED, "'MyName',  or 'my.name',  or '123-abc'");
    let mut all = Vec::new();
    let name = match text.split_once('/') {
        Some((_, name)) if name.contains('/') => {
            return vec![
                wrong("a valid label key ")
                    + " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
            ];
        }
        Some((prefix, name)) => {
            if prefix.is_empty() {
                all.push("prefix part must be non-empty".to_owned());
            } else {
                all.extend(subdomain_faults(prefix).into_iter().map(|fault| format!("prefix part {fault}")));
            }
            name
        }
        None => text,
    };
    if name.is_empty() {
        all.push("name part must be non-empty".to_owned());
    } else {
        all.extend(longer(name, 63).map(|fault| format!("name part {fault}")));
    }
    if !qualified(name) {
        all.push(wrong("name part "));
    }
    all
}

/// A trailing dash stands for what a generated name would have there.
fn prefix(text: &str) -> String {
    match text.strip_suffix('-') {
        Some(rest) if !rest.is_empty() => {
            let kept: String = rest.chars().take(rest.chars().count().saturating_sub(1)).collect();
            kept + "a"
        }
        _ => text.to_owned(),
    }
}

fn only(holds: bool, says: &str) -> Vec<String> {
    if holds { Vec::new() } else { vec![says.to_owned()] }
}

fn uuid(text: &str) -> bool {
    let mut rest = text;
    for (number, length) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        if number > 0 {
            rest = rest.strip_prefix('-').unwrap_or(rest);
        }
        match rest.split_at_checked(length) {
            Some((part, after)) if part.bytes().all(|digit| digit.is_ascii_hexdigit()) => rest = after,
            _ => return false,
        }
    }
    rest.is_empty()
}

fn base64(text: &str) -> bool {
    let bare = text.trim_end_matches('=');
    let padding = text.len() - bare.len();
    !text.is_empty()
        && text.len().is_multiple_of(4)
        && padding <= 2
        && bare.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"+/".contains(&letter))
}

fn date(text: &str) -> bool {
    super::time::read_timestamp(&format!("{text}T00:00:00Z")).is_some()
}

fn date_time(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let Some((day, time)) = lower.split_once('t') else { return false };
    static PATTERN: OnceLock<Option<Regex>> = OnceLock::new();
    let pattern = PATTERN
        .get_or_init(|| Regex::new("^([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))$").ok());
    let part = |at: usize| time.get(at..at + 2).and_then(|digits| digits.parse::<u8>().ok()).unwrap_or(99);
    date(day)
        && pattern.as_ref().is_some_and(|pattern| pattern.is_match(time))
        && part(0) <= 23
        && part(3) <= 59
        && part(6) <= 59
}

macro_rules! formats {
    ($(($function:literal, $name:literal, $length:literal, $faults:expr)),* $(,)?) => {
        const FORMATS: &[Format] = &[$(Format { name: $name, length: $length, faults: $faults }),*];
        pub(super) const ROWS: &[Row] = &[
            $(row(concat!("format.", $function, "() -> format"), |_, _| Ok(named($function).map_or(Value::Null, |format| Value::opaque(Opaque::Format(format))))),)*
            row("format.named(string) -> optional(format)", |_, args| match args {
                [Value::String(name)] => {
                    Ok(named(name).map_or_else(Value::none, |format| Value::some(Value::opaque(Opaque::Format(format)))))
                }
                _ => Err(super::no_such_overload()),
            }),
            priced("format_.validate(string) -> optional(list(string))", validation, validate),
        ];
        const NAMES: &[&str] = &[$($function),*];
    };
}

formats![
    ("dns1123Label", "DNS1123Label", 30, label_faults),
    ("dns1123Subdomain", "DNS1123Subdomain", 60, subdomain_faults),
    ("dns1035Label", "DNS1035Label", 30, old_label_faults),
    ("qualifiedName", "QualifiedName", 60, qualified_faults),
    ("dns1123LabelPrefix", "DNS1123LabelPrefix", 30, |text| label_faults(&prefix(text))),
    ("dns1123SubdomainPrefix", "DNS1123SubdomainPrefix", 60, |text| subdomain_faults(&prefix(text))),
    ("dns1035LabelPrefix", "DNS1035LabelPrefix", 30, |text| old_label_faults(&prefix(text))),
    ("labelValue", "LabelValue", 40, label_value_faults),
    ("uri", "URI", 1_104, |text| Url::request(text).err().into_iter().collect()),
    ("uuid", "uuid", 72, |text| only(uuid(text), "does not match the UUID format")),
    ("byte", "byte", 84, |text| only(base64(text), "invalid base64")),
    ("date", "date", 72, |text| only(date(text), "invalid date")),
    ("datetime", "datetime", 72, |text| only(date_time(text), "invalid datetime")),
];

fn named(name: &str) -> Option<&'static Format> {
    NAMES.iter().position(|known| *known == name).and_then(|at| FORMATS.get(at))
}

fn of(args: &[Value]) -> Option<(&'static Format, &str)> {
    match args {
        [Value::Opaque(opaque), Value::String(text)] => match &**opaque {
            Opaque::Format(format) => Some((format, text)),
            _ => None,
        },
        _ => None,
    }
}

fn validate(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    let Some((format, text)) = of(args) else { return Err(super::no_such_overload()) };
    meter.memory(text.len() + 1_024)?;
    let faults = (format.faults)(text);
    if faults.is_empty() {
        return Ok(Value::none());
    }
    Ok(Value::some(Value::list(faults.into_iter().map(Value::string).collect())))
}

fn validation(args: &[Value], _: &Value) -> u64 {
    of(args).map_or(1, |(format, text)| cost::expression(text.chars().count() as u64, format.length))
}
