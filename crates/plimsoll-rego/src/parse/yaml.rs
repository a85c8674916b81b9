//! The YAML of a metadata block as go-yaml understands it. In: text. Out: values with their lines, or go-yaml's words of what
//! is wrong. Aliases share what they stand for; their worth is bounded as a whole.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle};

use crate::value::{Number, Value};

/// Nodes of one block, aliases written out.
const MAX_NODES: usize = 100_000;
const MAX_DEPTH: usize = 64;

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub line: usize,
    pub kind: Kind,
    size: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Scalar { text: String, plain: bool },
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// What is wrong, and the line where that is known.
#[derive(Debug)]
pub(super) struct Fault {
    pub line: Option<usize>,
    pub message: String,
}

/// A fault in the words of go-yaml, which names no line where that is the first.
fn fault(line: usize, message: &str) -> Fault {
    if line <= 1 {
        return Fault { line: None, message: format!("yaml: {message}") };
    }
    Fault { line: Some(line), message: format!("yaml: line {line}: {message}") }
}

/// The reader's fault as go-yaml would have told it, so far as its words are known.
fn misread(text: &str, line: usize, column: usize, info: &str) -> Fault {
    let lines = text.lines().count();
    let unclosed = |close: char| {
        let line = if line <= 1 { lines + 1 } else { line };
        fault_of_parser(line, &format!("did not find expected ',' or '{close}'"))
    };
    match info {
        "unclosed bracket '{'" => unclosed('}'),
        "unclosed bracket '['" => unclosed(']'),
        "simple key expected ':'" => fault(line, "could not find expected ':'"),
        _ if info.ends_with("did not find expected key") => fault_of_parser(line, "did not find expected key"),
        _ if info.ends_with("did not find expected '-' indicator") => {
            fault_of_parser(line, "did not find expected '-' indicator")
        }
        _ if info.starts_with("unexpected character") => fault(line, "found character that cannot start any token"),
        _ if info.contains("quoted scalar") => {
            fault(if line <= 1 { lines + 1 } else { line }, "found unexpected end of stream")
        }
        _ if info.contains("unknown anchor") => {
            let written = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
            let from: String = written.chars().skip(column).skip_while(|c| *c != '*').skip(1).collect();
            let name: String = from.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-')).collect();
            Fault { line: None, message: format!("yaml: unknown anchor '{name}' referenced") }
        }
        _ => fault(line, info),
    }
}

/// Go-yaml's parser, unlike its scanner, counts lines from 0.
fn fault_of_parser(line: usize, message: &str) -> Fault {
    match line.saturating_sub(1) {
        0 => Fault { line: None, message: format!("yaml: {message}") },
        line => Fault { line: Some(line), message: format!("yaml: line {line}: {message}") },
    }
}

impl Node {
    fn new(line: usize, kind: Kind) -> Node {
        let size = 1 + match &kind {
            Kind::Scalar { .. } => 0,
            Kind::List(items) => items.iter().map(|item| item.size).sum::<usize>(),
            Kind::Map(pairs) => pairs.iter().map(|(key, value)| key.size + value.size).sum::<usize>(),
        };
        Node { line, kind, size }
    }

    fn depth(&self) -> usize {
        1 + match &self.kind {
            Kind::Scalar { .. } => 0,
            Kind::List(items) => items.iter().map(Node::depth).max().unwrap_or(0),
            Kind::Map(pairs) => pairs.iter().map(|(key, value)| key.depth().max(value.depth())).max().unwrap_or(0),
        }
    }

    /// go-yaml's short name of what it is.
    pub(super) fn tag(&self) -> &'static str {
        match &self.kind {
            Kind::List(_) => "!!seq",
            Kind::Map(_) => "!!map",
            Kind::Scalar { .. } => match self.value() {
                Some(Value::Null) => "!!null",
                Some(Value::Bool(_)) => "!!bool",
                Some(Value::Number(number)) if number.as_i64().is_some() => "!!int",
                Some(Value::Number(_)) => "!!float",
                _ if self.date().is_some() => "!!timestamp",
                _ => "!!str",
            },
        }
    }

    pub(super) fn is_null(&self) -> bool {
        self.tag() == "!!null"
    }

    fn date(&self) -> Option<String> {
        let Kind::Scalar { text, plain: true } = &self.kind else { return None };
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let digits = |part: &str, most: usize| {
            !part.is_empty() && part.len() <= most && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        let fits = year.len() == 4 && digits(year, 4) && digits(month, 2) && digits(day, 2) && parts.next().is_none();
        fits.then(|| format!("{year}-{month:0>2}-{day:0>2}T00:00:00Z"))
    }

    /// As JSON; nothing where a mapping has a key that is no text.
    pub(super) fn value(&self) -> Option<Value> {
        match &self.kind {
            Kind::Scalar { text, plain: false } => Some(Value::string(text.as_str())),
            Kind::Scalar { text, plain: true } => Some(match text.as_str() {
                "" | "~" | "null" | "Null" | "NULL" => Value::Null,
                "true" | "True" | "TRUE" => Value::Bool(true),
                "false" | "False" | "FALSE" => Value::Bool(false),
                text => match (number(text), self.date()) {
                    (Some(number), _) => Value::Number(number),
                    (None, Some(date)) => Value::string(date),
                    (None, None) => Value::string(text),
                },
            }),
            Kind::List(items) => Some(Value::array(items.iter().map(Node::value).collect::<Option<Vec<_>>>()?)),
            Kind::Map(pairs) => {
                let pair = |(key, value): &(Node, Node)| match key.value()? {
                    key @ Value::String(_) => Some((key, value.value()?)),
                    _ => None,
                };
                Some(Value::object(pairs.iter().map(pair).collect::<Option<Vec<_>>>()?))
            }
        }
    }
}

fn number(text: &str) -> Option<Number> {
    let plain = text.replace('_', "");
    let (sign, digits) = match plain.strip_prefix(['-', '+']) {
        Some(digits) => (if plain.starts_with('-') { -1 } else { 1 }, digits),
        None => (1, plain.as_str()),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let radix = |prefix: &[char], radix: u32| {
        let digits = digits.strip_prefix('0')?.strip_prefix(prefix)?;
        i64::from_str_radix(digits, radix).ok()
    };
    let based = radix(&['x', 'X'], 16).or_else(|| radix(&['o', 'O'], 8)).or_else(|| radix(&['b', 'B'], 2));
    let octal = || {
        let digits = digits.strip_prefix('0').filter(|digits| !digits.is_empty())?;
        i64::from_str_radix(digits, 8).ok()
    };
    if let Some(whole) = based.or_else(octal) {
        return Some(Number::from(whole * sign));
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let written = digits.trim_start_matches('0');
        let written = if written.is_empty() { "0" } else { written };
        return Number::parse(&if sign < 0 && written != "0" { format!("-{written}") } else { written.to_owned() });
    }
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let float = all_digits(whole)
        && all_digits(fraction)
        && whole.len() + fraction.len() > 0
        && !exponent.is_empty()
        && all_digits(exponent);
    let worth = plain.parse::<f64>().ok().filter(|worth| float && worth.is_finite())?;
    Number::parse(&format!("{worth}"))
}

enum Open {
    List(Vec<Node>),
    Map(Vec<(Node, Node)>, Option<Node>),
}

/// The first document of a text; nothing where that is empty.
pub(super) fn document(text: &str) -> Result<Option<Node>, Fault> {
    let mut anchors: HashMap<usize, Node> = HashMap::new();
    let mut open: Vec<(usize, usize, Open)> = Vec::new();
    let mut nodes = 0usize;
    if text
        .lines()
        .find(|line| !line.trim().is_empty())
        .is_some_and(|line| line.trim_start_matches(' ').starts_with('\t'))
    {
        return Err(fault(1, "found character that cannot start any token"));
    }
    for event in Parser::new_from_str(text) {
        let (event, place) = match event {
            Ok(event) => event,
            Err(error) => {
                let mark = error.marker();
                return Err(misread(text, mark.line(), mark.col(), &error.info()));
            }
        };
        let line = place.start.line();
        let (node, anchor) = match event {
            Event::Alias(id) => match anchors.get(&id) {
                Some(node) => (node.clone(), 0),
                None => return Err(Fault { line: None, message: "yaml: anchor contains itself".to_owned() }),
            },
            Event::Scalar(text, style, anchor, tag) => {
                let plain = matches!(style, ScalarStyle::Plain) && tag.is_none();
                (Node::new(line, Kind::Scalar { text: text.into_owned(), plain }), anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                open.push((line, anchor, Open::List(Vec::new())));
                continue;
            }
            Event::MappingStart(_, anchor, _) => {
                open.push((line, anchor, Open::Map(Vec::new(), None)));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some((line, anchor, Open::List(items))) => (Node::new(line, Kind::List(items)), anchor),
                Some((line, anchor, Open::Map(pairs, _))) => (Node::new(line, Kind::Map(pairs)), anchor),
                None => continue,
            },
            Event::DocumentEnd => return Ok(None),
            _ => continue,
        };
        // Each node is counted when it begins; an alias brings all of what it stands for.
        nodes = nodes.saturating_add(if matches!(node.kind, Kind::Scalar { .. }) { 1 } else { node.size });
        if nodes > MAX_NODES {
            return Err(Fault { line: None, message: "yaml: document contains excessive aliasing".to_owned() });
        }
        if open.len() + node.depth() > MAX_DEPTH {
            return Err(fault(line, &format!("exceeded max depth of {MAX_DEPTH}")));
        }
        if anchor > 0 {
            anchors.insert(anchor, node.clone());
        }
        match open.last_mut().map(|(_, _, frame)| frame) {
            None => return Ok(Some(node)),
            Some(Open::List(items)) => items.push(node),
            Some(Open::Map(pairs, key)) => match key.take() {
                None => *key = Some(node),
                Some(key) => pairs.push((key, node)),
            },
        }
    }
    Ok(None)
}
