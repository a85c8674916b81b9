//! YAML in, as OPA 1.22 reads it (go-yaml v3, then JSON): YAML 1.2's words for booleans, of equal keys the last one stays, merge
//! keys are followed, only the first document counts but all must be readable. In: hostile bytes, under limits; an alias
//! counts as all that it stands for. Out: a [`Value`] whose keys are strings.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle};

use super::{JsonLimits, Number, Value};

/// What is no YAML, or more of it than is read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("yaml: line {line}: {message}")]
pub struct YamlError {
    pub message: String,
    /// From 1.
    pub line: usize,
}

/// How YAML is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct YamlLayout {
    /// Levels stand at multiples of so many columns.
    pub indent: usize,
    /// A list stands no deeper than its key.
    pub flush_lists: bool,
}

impl Default for YamlLayout {
    /// OPA's own.
    fn default() -> YamlLayout {
        YamlLayout { indent: 2, flush_lists: false }
    }
}

impl YamlLayout {
    /// The column of the next level.
    pub fn deeper(self, indent: usize) -> usize {
        let step = self.indent.max(1);
        (indent / step + 1) * step
    }
}

/// The namespace of `!!str` and its like.
const TAGS: &str = "tag:yaml.org,2002:";

/// A node that an anchor may name, and how many nodes it stands for.
#[derive(Clone)]
struct Counted {
    value: Value,
    nodes: usize,
}

enum Open {
    List { items: Vec<Value>, nodes: usize, anchor: usize },
    Map { pairs: Vec<(Value, Value)>, merged: Vec<Value>, key: Option<Key>, nodes: usize, anchor: usize },
}

enum Key {
    Named(Value),
    Merge,
}

impl Value {
    /// The first document of YAML bytes; null where there is none.
    pub fn from_yaml(bytes: &[u8], limits: &JsonLimits) -> Result<Value, YamlError> {
        Value::first_yaml(bytes, limits, false, &mut 0)
    }

    /// Like [`Value::from_yaml`], where `yes`, `no`, `on`, `off`, `y` and `n` are booleans too, as in YAML 1.1 and in tools that
    /// read Kubernetes' manifests by its libraries. `spent` are nodes that were read before, of the same budget: so has a stream of
    /// documents.
    pub fn from_yaml_1_1(bytes: &[u8], limits: &JsonLimits, spent: &mut usize) -> Result<Value, YamlError> {
        Value::first_yaml(bytes, limits, true, spent)
    }

    fn first_yaml(bytes: &[u8], limits: &JsonLimits, words: bool, spent: &mut usize) -> Result<Value, YamlError> {
        let wrong = |message: String, line: usize| YamlError { message, line };
        if bytes.len() > limits.bytes {
            return Err(wrong(format!("document is larger than {} bytes", limits.bytes), 1));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
            wrong("invalid Unicode character".into(), line)
        })?;
        let mut reader =
            Reader { limits, words, stack: Vec::new(), anchors: HashMap::new(), nodes: *spent, first: None };
        for next in Parser::new_from_str(text) {
            let (event, span) = next.map_err(|error| wrong(error.to_string(), error.marker().line()))?;
            reader.event(event).map_err(|message| wrong(message, span.start.line()))?;
        }
        *spent = reader.nodes;
        Ok(reader.first.unwrap_or(Value::Null))
    }
}

impl Value {
    /// A document as go-yaml writes it.
    pub fn to_yaml(&self, layout: YamlLayout) -> String {
        crate::builtins::write_yaml(self, layout)
    }

    /// What stands behind a key and its colon, the key being indented so far, with the end of the line.
    pub fn write_yaml_field(&self, out: &mut String, indent: usize, layout: YamlLayout) {
        crate::builtins::write_yaml_field(out, self, indent, layout);
    }
}

struct Reader<'a> {
    limits: &'a JsonLimits,
    /// YAML 1.1's words for true and false are booleans.
    words: bool,
    stack: Vec<Open>,
    anchors: HashMap<usize, Counted>,
    nodes: usize,
    first: Option<Value>,
}

impl Reader<'_> {
    fn pay(&mut self, nodes: usize) -> Result<(), String> {
        self.nodes = self.nodes.saturating_add(nodes);
        match self.nodes > self.limits.nodes {
            true => Err(format!("document has more than {} nodes", self.limits.nodes)),
            false => Ok(()),
        }
    }

    fn event(&mut self, event: Event<'_>) -> Result<(), String> {
        let depth = self.stack.len();
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.pay(1)?;
                let tag = tag.as_ref().and_then(|tag| tag.suffix_in_namespace(TAGS));
                let plain = style == ScalarStyle::Plain;
                // `<<` is a merge key only where a key is due.
                if plain && tag.is_none() && text == "<<" && self.key_is_due() {
                    if let Some(Open::Map { key, .. }) = self.stack.last_mut() {
                        *key = Some(Key::Merge);
                    }
                    return Ok(());
                }
                let word = self.words && (plain && tag.is_none() || tag.as_deref() == Some("bool"));
                let value = match truth(&text).filter(|_| word) {
                    Some(truth) => Value::Bool(truth),
                    None => scalar(&text, plain, tag.as_deref())?,
                };
                self.done(Counted { value, nodes: 1 }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.pay(1)?;
                self.deeper(depth)?;
                self.stack.push(Open::List { items: Vec::new(), nodes: 1, anchor });
                Ok(())
            }
            Event::MappingStart(_, anchor, _) => {
                self.pay(1)?;
                self.deeper(depth)?;
                self.stack.push(Open::Map { pairs: Vec::new(), merged: Vec::new(), key: None, nodes: 1, anchor });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => match self.stack.pop() {
                Some(Open::List { items, nodes, anchor }) => {
                    self.done(Counted { value: Value::array(items), nodes }, anchor)
                }
                Some(Open::Map { pairs, merged, nodes, anchor, .. }) => {
                    self.done(Counted { value: mapping(pairs, merged)?, nodes }, anchor)
                }
                None => Err("a collection ends that did not start".into()),
            },
            Event::Alias(id) => {
                let counted = self.anchors.get(&id).cloned();
                let counted = counted.ok_or("an anchor contains itself or is unknown")?;
                self.pay(counted.nodes)?;
                self.done(counted, 0)
            }
            _ => Ok(()),
        }
    }

    fn deeper(&self, depth: usize) -> Result<(), String> {
        match depth >= self.limits.depth as usize {
            true => Err("exceeded max depth".into()),
            false => Ok(()),
        }
    }

    fn key_is_due(&self) -> bool {
        matches!(self.stack.last(), Some(Open::Map { key: None, .. }))
    }

    /// Puts a finished node where it belongs.
    fn done(&mut self, counted: Counted, anchor: usize) -> Result<(), String> {
        if counted.value.depth() > self.limits.depth {
            return Err("exceeded max depth".into());
        }
        if anchor > 0 {
            self.anchors.insert(anchor, counted.clone());
        }
        match self.stack.last_mut() {
            None => {
                self.first.get_or_insert(counted.value);
            }
            Some(Open::List { items, nodes, .. }) => {
                items.push(counted.value);
                *nodes = nodes.saturating_add(counted.nodes);
            }
            Some(Open::Map { pairs, merged, key, nodes, .. }) => {
                *nodes = nodes.saturating_add(counted.nodes);
                match key.take() {
                    None => *key = Some(Key::Named(named(&counted.value)?)),
                    Some(Key::Named(key)) => pairs.push((key, counted.value)),
                    Some(Key::Merge) => match &counted.value {
                        Value::Array(items) => merged.extend(items.items().iter().cloned()),
                        _ => merged.push(counted.value),
                    },
                }
            }
        }
        Ok(())
    }
}

/// A key as JSON has it: whatever it was, a string.
fn named(key: &Value) -> Result<Value, String> {
    Ok(match key {
        Value::String(_) => key.clone(),
        Value::Bool(value) => Value::string(if *value { "true" } else { "false" }),
        Value::Number(number) => Value::string(number.to_string()),
        _ => return Err(format!("unsupported map key of type: {}", key.type_name())),
    })
}

/// Own keys win over merged ones; of merged mappings the first wins.
fn mapping(pairs: Vec<(Value, Value)>, merged: Vec<Value>) -> Result<Value, String> {
    let own = Value::object(pairs);
    if merged.is_empty() {
        return Ok(own);
    }
    // The last of equal keys stays, so what wins comes last.
    let mut entries = Vec::new();
    for below in merged.iter().rev() {
        match below {
            Value::Object(object) => entries.extend(object.entries().iter().cloned()),
            _ => return Err("map merge requires map or sequence of maps as the value".into()),
        }
    }
    if let Value::Object(object) = &own {
        entries.extend(object.entries().iter().cloned());
    }
    Ok(Value::object(entries))
}

/// YAML 1.1's words for true and false that later versions do not have.
fn truth(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

fn scalar(text: &str, plain: bool, tag: Option<&str>) -> Result<Value, String> {
    let resolved = match tag {
        Some("str") => return Ok(Value::string(text)),
        Some("binary") => return binary(text),
        None if !plain => return Ok(Value::string(text)),
        _ => resolved(text)?,
    };
    match (tag, resolved) {
        (Some("null"), value @ (None | Some(Value::Null))) if text.is_empty() || value.is_some() => Ok(Value::Null),
        (Some("bool"), Some(value @ Value::Bool(_))) => Ok(value),
        (Some("int"), Some(Value::Number(number))) if number.as_i64().is_some() => Ok(Value::Number(number)),
        (Some("float"), Some(value @ Value::Number(_))) => Ok(value),
        (Some(tag @ ("null" | "bool" | "int" | "float")), _) => {
            Err(format!("cannot decode !!str `{text}` as a !!{tag}"))
        }
        (_, Some(value)) => Ok(value),
        (_, None) => Ok(Value::string(text)),
    }
}

fn binary(text: &str) -> Result<Value, String> {
    use base64::Engine as _;
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(packed)
        .map_err(|_| "!!binary value contains invalid base64 data".to_owned())?;
    Ok(Value::string(String::from_utf8_lossy(&bytes)))
}

/// What a plain scalar is besides a string.
fn resolved(text: &str) -> Result<Option<Value>, String> {
    Ok(Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf"
        | "-.INF" => return Err(format!("json: unsupported value: {text}")),
        _ => return Ok(number(text)),
    }))
}

/// Whether a text that is written without quotes is read as itself.
pub(crate) fn is_plain_yaml_text(text: &str) -> bool {
    text != "<<" && matches!(resolved(text), Ok(None | Some(Value::String(_))))
}

fn number(text: &str) -> Option<Value> {
    let first = *text.as_bytes().first()?;
    if !matches!(first, b'0'..=b'9' | b'+' | b'-' | b'.') {
        return None;
    }
    let float = |text: &str| {
        let number: f64 = text.parse().ok()?;
        number.is_finite().then(|| Value::Number(Number::from_f64(number)))
    };
    if first == b'.' {
        return if is_float(text) { float(text) } else { None };
    }
    let digits = text.replace('_', "");
    if let Some(number) = integer(&digits) {
        return Some(Value::Number(number));
    }
    if is_float(&digits) { float(&digits) } else { None }
}

/// Go's integers with their prefixes, octal also as `0777`, within 64 bits.
fn integer(text: &str) -> Option<Number> {
    let (negative, magnitude) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let radix = |prefixes: [&str; 2]| prefixes.iter().find_map(|prefix| magnitude.strip_prefix(prefix));
    let (digits, radix) = if let Some(digits) = radix(["0x", "0X"]) {
        (digits, 16)
    } else if let Some(digits) = radix(["0o", "0O"]) {
        (digits, 8)
    } else if let Some(digits) = radix(["0b", "0B"]) {
        (digits, 2)
    } else if magnitude.len() > 1 && magnitude.starts_with('0') {
        (&magnitude[1..], 8)
    } else {
        (magnitude, 10)
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let number = i128::from_str_radix(digits, radix).ok()?;
    let number = if negative { -number } else { number };
    let fits = i64::try_from(number).is_ok() || u64::try_from(number).is_ok() && !text.starts_with('+');
    fits.then(|| Number::parse(&number.to_string())).flatten()
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let good = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && all_digits(fraction),
        Some((whole, fraction)) => all_digits(whole) && all_digits(fraction),
        None => !mantissa.is_empty() && all_digits(mantissa),
    };
    let tail = exponent.map(|exponent| exponent.strip_prefix(['-', '+']).unwrap_or(exponent));
    good && tail.is_none_or(|tail| !tail.is_empty() && all_digits(tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(yaml: &str) -> String {
        match Value::from_yaml(yaml.as_bytes(), &JsonLimits::default()) {
            Ok(value) => value.to_json(),
            Err(error) => error.message,
        }
    }

    #[test]
    fn scalars_are_read_as_go_yaml_reads_them() {
        for (yaml, wanted) in [
            ("yes", r#""yes""#),
            ("on", r#""on""#),
            ("True", "true"),
            ("~", "null"),
            ("", "null"),
            ("0777", "511"),
            ("0o17", "15"),
            ("0x1F", "31"),
            ("1_000", "1000"),
            ("1.0", "1"),
            ("1e3", "1000"),
            (".5", "0.5"),
            ("2023-01-01", r#""2023-01-01""#),
            ("'1'", r#""1""#),
            ("!!str 1", r#""1""#),
            ("18446744073709551615", "18446744073709551615"),
            ("08", "8"),
            ("1.2.3", r#""1.2.3""#),
            ("!!binary aGk=", r#""hi""#),
            ("!!float 1", "1"),
            ("!!int \"3\"", "3"),
        ] {
            assert_eq!(json(yaml), wanted, "{yaml}");
        }
    }

    #[test]
    fn merge_keys_are_followed_and_the_last_of_equal_keys_stays() {
        assert_eq!(json("a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n"), r#"{"a":{"b":1,"c":2},"d":{"b":1,"c":3}}"#);
        assert_eq!(json("a: 1\na: 2\n1: x\ntrue: y\n"), r#"{"1":"x","a":2,"true":"y"}"#);
        assert_eq!(json("<<: [{a: 1}, {a: 2, b: 3}]\n"), r#"{"a":1,"b":3}"#);
    }

    #[test]
    fn keys_that_json_has_no_text_for_are_refused() {
        for yaml in ["~: 1", "null: 1", "? [a]\n: 1"] {
            assert!(json(yaml).starts_with("unsupported map key"), "{yaml}: {}", json(yaml));
        }
    }

    #[test]
    fn only_the_first_document_counts_but_all_must_be_readable() {
        assert_eq!(json("a: 1\n---\nb: 2\n"), r#"{"a":1}"#);
        assert!(json("a: 1\n---\nb: [\n").contains('['), "{}", json("a: 1\n---\nb: [\n"));
    }

    #[test]
    fn layouts_differ_in_depth_and_where_lists_stand() {
        let value = Value::from_json(br#"{"a": [{"b": ["x"], "c": {"d": 1}}]}"#).unwrap();
        let four = YamlLayout { indent: 4, flush_lists: false };
        let wanted = "a:\n    - b:\n        - x\n      c:\n        d: 1\n";
        assert_eq!(value.to_yaml(four), wanted);
        let flush = YamlLayout { indent: 2, flush_lists: true };
        assert_eq!(value.to_yaml(flush), "a:\n- b:\n  - x\n  c:\n    d: 1\n");
        let mut out = "k:".to_owned();
        value.write_yaml_field(&mut out, 2, four);
        assert_eq!(out, "k:\n    a:\n        - b:\n            - x\n          c:\n            d: 1\n");
    }

    #[test]
    fn bombs_end_at_the_limits() {
        let mut bomb = String::from("a0: &a0 [x, x]\n");
        for at in 1..60 {
            bomb.push_str(&format!("a{at}: &a{at} [*a{}, *a{}]\n", at - 1, at - 1));
        }
        assert!(json(&bomb).contains("nodes"), "{}", json(&bomb));
        assert!(!json(&"[".repeat(20_000)).starts_with('['));
        let limits = JsonLimits { bytes: 4, ..JsonLimits::default() };
        assert!(Value::from_yaml(b"abcdef", &limits).is_err());
        assert!(Value::from_yaml(b"a: \xff", &JsonLimits::default()).is_err());
    }
}
