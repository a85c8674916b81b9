//! Files of a cluster as documents. In: YAML or JSON text. Out: one [`Document`] for each object, its value read as Kubernetes
//! reads it, its nodes' places kept. What is more than a cluster would take is refused.

use std::collections::HashSet;
use std::sync::Arc;

use plimsoll_rego::value::{Number, Value};
use plimsoll_yaml::{Fault as YamlFault, FaultKind as YamlKind, Node, Value as Yaml};

use crate::fault::{Fault, FaultKind, Place};
use crate::{json, kinds};

/// Which plain words are more than texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Words {
    /// Kubernetes' own: YAML 1.1, where `yes` and `on` are booleans.
    #[default]
    Kubernetes,
    /// YAML 1.2, as suites of tests and what they name are read.
    Core,
}

/// Values of one document, aliases counted as what they stand for.
const MAX_VALUES: usize = 2_000_000;
/// Places in a quoted text that are mended before the text is given up.
const MAX_MENDED: usize = 64;

/// One object of a file.
#[derive(Debug, Clone)]
pub struct Document {
    value: Value,
    origin: Option<Origin>,
}

#[derive(Debug, Clone)]
struct Origin {
    file: Arc<str>,
    text: Arc<str>,
    node: Arc<Node>,
}

impl Document {
    /// An object that is in no file.
    pub fn of(value: Value) -> Document {
        Document { value, origin: None }
    }

    /// The objects of a file. Documents that are empty are left out.
    ///
    /// # Errors
    /// What is wrong with the text, and where.
    pub fn read(file: &str, text: &str, words: Words) -> Result<Vec<Document>, Fault> {
        let file: Arc<str> = file.into();
        let (text, nodes) = nodes(&file, text)?;
        let mut documents = Vec::new();
        for node in nodes {
            let place = || Place { file: file.clone(), line: node.line, column: node.column };
            if node.size() > MAX_VALUES {
                let fault =
                    Fault::new(FaultKind::Unreadable, format!("the document has more than {MAX_VALUES} values"));
                return Err(fault.at(place()).hint("write it without aliases, or divide it"));
            }
            let value = value(&node, words, &file)?;
            match &value {
                Value::Null => continue,
                Value::Object(object) if object.entries().is_empty() => continue,
                Value::Object(_) => {}
                other => {
                    let message = format!("a document is a {}, and no object", other.type_name());
                    let hint = "an object has apiVersion, kind and metadata";
                    return Err(Fault::new(FaultKind::Unreadable, message).at(place()).hint(hint));
                }
            }
            documents.push(Document { value, origin: Some(Origin { file: file.clone(), text: text.clone(), node }) });
        }
        Ok(documents)
    }

    /// The items of a list, as `kubectl get -o yaml` writes it, as documents of their own; what is no list is itself.
    pub fn opened(self) -> Vec<Document> {
        let Some(Value::Array(items)) = json::field(&self.value, "items") else { return vec![self] };
        // A constraint's kind may end so too.
        let own = kinds::is_gatekeepers(self.group()) && !self.name().is_empty();
        if !self.kind().ends_with("List") || own {
            return vec![self];
        }
        let nodes = self.origin.as_ref().and_then(|origin| origin.node.get("items"));
        let item = |(at, value): (usize, &Value)| {
            let node = nodes.and_then(|nodes| nodes.items().get(at)).cloned();
            let origin = node.zip(self.origin.clone()).map(|(node, origin)| Origin { node, ..origin });
            Document { value: value.clone(), origin }
        };
        items.items().iter().enumerate().map(item).flat_map(Document::opened).collect()
    }

    pub fn value(&self) -> &Value {
        &self.value
    }

    pub fn kind(&self) -> &str {
        json::text(&self.value, &["kind"])
    }

    pub fn group(&self) -> &str {
        json::group_and_version(&self.value).0
    }

    pub fn version(&self) -> &str {
        json::group_and_version(&self.value).1
    }

    pub fn name(&self) -> &str {
        json::text(&self.value, &["metadata", "name"])
    }

    pub fn namespace(&self) -> &str {
        json::text(&self.value, &["metadata", "namespace"])
    }

    /// `Kind name`.
    pub fn subject(&self) -> String {
        format!("{} {}", self.kind(), self.name()).trim().to_owned()
    }

    pub fn file(&self) -> Option<&str> {
        self.origin.as_ref().map(|origin| &*origin.file)
    }

    /// The place of what stands at a path, or of the last part of it that is there; list items by their numbers.
    pub fn place<T: AsRef<str>>(&self, path: &[T]) -> Option<Place> {
        let origin = self.origin.as_ref()?;
        let mut node = &origin.node;
        let mut found = (node.line, node.column);
        for part in path {
            let part = part.as_ref();
            let inner = match &node.value {
                Yaml::List(items) => part.parse().ok().and_then(|at: usize| items.get(at)),
                _ => node.get(part),
            };
            let Some(inner) = inner else { break };
            // The key says more than where its value starts.
            let key = node.pairs().iter().find(|(key, _)| key.text() == Some(part)).map(|(key, _)| key);
            let mark = key.unwrap_or(inner);
            found = (mark.line, mark.column);
            node = inner;
        }
        Some(Place { file: origin.file.clone(), line: found.0, column: found.1 })
    }

    /// The place in the file of a row and column of the text that stands at a path. Of a text in a block that is the very
    /// place, of one in quotes the place where it begins.
    pub fn place_in_text<T: AsRef<str>>(&self, path: &[T], row: usize, column: usize) -> Option<Place> {
        let origin = self.origin.as_ref()?;
        let node = path.iter().try_fold(&origin.node, |node, part| match &node.value {
            Yaml::List(items) => items.get(part.as_ref().parse::<usize>().ok()?),
            _ => node.get(part.as_ref()),
        })?;
        let file = origin.file.clone();
        let begin = Place { file: file.clone(), line: node.line, column: node.column };
        let value = node.text()?;
        let bytes = origin.text.get(node.start..node.end).unwrap_or("");
        // The node of a block begins at its indicator, or at its first line.
        let first = match bytes.starts_with(['|', '>']) {
            true => node.line as usize + 1,
            false => node.line as usize,
        };
        let Some(wanted) = value.lines().nth(row.saturating_sub(1)) else { return Some(begin) };
        let line = (first + row).saturating_sub(1);
        let written = origin.text.lines().nth(line.saturating_sub(1)).unwrap_or("");
        let indent = written.len().saturating_sub(wanted.len());
        let same =
            written.get(indent..) == Some(wanted) && written.get(..indent).is_some_and(|rest| rest.trim().is_empty());
        if !same || wanted.is_empty() {
            return Some(begin);
        }
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Some(Place { file, line: narrow(line), column: narrow(indent + column.max(1)) })
    }
}

/// The trees of a text. Kubernetes' reader takes a quoted text whose next line stands no deeper than its key; what stands before
/// that line is dropped by folding, so it may as well stand deeper.
fn nodes(file: &Arc<str>, text: &str) -> Result<(Arc<str>, Vec<Arc<Node>>), Fault> {
    let mut text = text.to_owned();
    for mended in 0.. {
        let (nodes, fault) = plimsoll_yaml::documents(&text);
        let Some(fault) = fault else { return Ok((text.into(), nodes)) };
        let shallow = fault.message.contains("invalid indentation in multiline quoted scalar");
        if !shallow || mended == MAX_MENDED || text.len() > 1 << 20 || !deepen(&mut text, fault.line) {
            return Err(unreadable(file, &fault));
        }
    }
    Ok((text.into(), Vec::new()))
}

fn deepen(text: &mut String, line: u32) -> bool {
    let Some(row) = (line as usize).checked_sub(1) else { return false };
    let start: usize = text.split_inclusive('\n').take(row).map(str::len).sum();
    if start >= text.len() {
        return false;
    }
    text.insert_str(start, "                                ");
    true
}

fn unreadable(file: &Arc<str>, fault: &YamlFault) -> Fault {
    let place = Place { file: file.clone(), line: fault.line, column: fault.column };
    let hint = match fault.kind {
        YamlKind::DuplicateKey => "readers differ on which of the two counts: keep one",
        YamlKind::Bound => "no cluster takes such an object: divide it",
        YamlKind::Syntax | YamlKind::Unread => "mend the YAML; `---` alone on a line divides documents",
    };
    Fault::new(FaultKind::Unreadable, fault.message.clone()).at(place).hint(hint)
}

/// What a node of YAML is to Kubernetes.
///
/// # Errors
/// JSON has no such value, or it has more values than any cluster takes; the fault names no file.
pub fn value_of(node: &Arc<Node>, words: Words) -> Result<Value, Fault> {
    if node.size() > MAX_VALUES {
        return Err(Fault::new(FaultKind::Unreadable, format!("the document has more than {MAX_VALUES} values")));
    }
    value(node, words, &"".into())
}

fn value(node: &Arc<Node>, words: Words, file: &Arc<str>) -> Result<Value, Fault> {
    Ok(match &node.value {
        Yaml::Scalar { text, plain: false } => Value::string(text.as_str()),
        Yaml::Scalar { text, plain: true } => match scalar(text, words) {
            Some(value) => value,
            None => {
                let place = Place { file: file.clone(), line: node.line, column: node.column };
                let fault = Fault::new(FaultKind::Unreadable, format!("json: unsupported value: {text}"));
                return Err(fault.at(place).hint("put it in quotes: JSON has no such number"));
            }
        },
        Yaml::List(items) => Value::array(items.iter().map(|item| value(item, words, file)).collect::<Result<_, _>>()?),
        Yaml::Map(_) => {
            let pairs = node.all_pairs();
            let mut entries = Vec::with_capacity(pairs.len());
            let mut converted = false;
            for (key, inner) in &pairs {
                let Some(text) = key.text() else {
                    return Err(at_key(key, file, "a key is no text", "write the key as a text"));
                };
                let plain = matches!(key.value, Yaml::Scalar { plain: true, .. });
                let name = if plain { key_text(text, words) } else { text.into() };
                converted |= *name != *text;
                entries.push((Value::string(name), value(inner, words, file)?));
            }
            // Keys of different texts may be one in JSON: `yes` and "true", 1 and 0x1.
            if converted {
                let mut seen = HashSet::new();
                for ((key, _), (name, _)) in pairs.iter().zip(&entries) {
                    if !seen.insert(name.as_str()) {
                        let message =
                            format!("the key {} stands twice in one mapping, in different words", name.to_json());
                        return Err(at_key(key, file, &message, "readers differ on which of the two counts: keep one"));
                    }
                }
            }
            Value::object(entries)
        }
    })
}

fn at_key(key: &Node, file: &Arc<str>, message: &str, hint: &str) -> Fault {
    let place = Place { file: file.clone(), line: key.line, column: key.column };
    Fault::new(FaultKind::Unreadable, message).at(place).hint(hint)
}

/// A plain key as JSON has it: a boolean's or number's own text.
fn key_text(text: &str, words: Words) -> Arc<str> {
    match scalar(text, words) {
        Some(Value::Bool(true)) => "true".into(),
        Some(Value::Bool(false)) => "false".into(),
        Some(Value::Number(number)) => number.to_string().into(),
        _ => text.into(),
    }
}

/// What a plain scalar is; `None` for numbers that JSON has none of.
fn scalar(text: &str, words: Words) -> Option<Value> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" if words == Words::Kubernetes => Value::Bool(true),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" if words == Words::Kubernetes => Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf"
        | "-.INF" => return None,
        _ => number(text).map_or_else(|| Value::string(text), Value::Number),
    })
}

/// Go's numbers of YAML: integers with prefixes and underscores, floats.
fn number(text: &str) -> Option<Number> {
    let first = *text.as_bytes().first()?;
    if !matches!(first, b'0'..=b'9' | b'+' | b'-' | b'.') {
        return None;
    }
    let digits = text.replace('_', "");
    integer(&digits).or_else(|| float(if first == b'.' { text } else { &digits }))
}

fn integer(text: &str) -> Option<Number> {
    let (negative, magnitude) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let prefixed = |prefixes: [&str; 2]| prefixes.iter().find_map(|prefix| magnitude.strip_prefix(prefix));
    let (digits, radix) = if let Some(digits) = prefixed(["0x", "0X"]) {
        (digits, 16)
    } else if let Some(digits) = prefixed(["0b", "0B"]) {
        (digits, 2)
    } else if let Some(digits) = prefixed(["0o", "0O"]) {
        (digits, 8)
    } else if magnitude.len() > 1 && magnitude.starts_with('0') {
        (magnitude.get(1..)?, 8)
    } else {
        (magnitude, 10)
    };
    if digits.is_empty() || digits.len() > 64 || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let number = i128::from_str_radix(digits, radix).ok()?;
    let number = if negative { -number } else { number };
    let fits = i64::try_from(number).is_ok() || u64::try_from(number).is_ok();
    fits.then(|| Number::parse(&number.to_string())).flatten()
}

fn float(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (unsigned.get(..at)?, unsigned.get(at + 1..)),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let good = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && digits(fraction),
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let tail = exponent.map(|exponent| exponent.strip_prefix(['-', '+']).unwrap_or(exponent));
    if !good || !tail.is_none_or(|tail| !tail.is_empty() && digits(tail)) {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    number.is_finite().then(|| Number::from_f64(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Document> {
        Document::read("a.yaml", text, Words::Kubernetes).unwrap()
    }

    #[test]
    fn plain_words_are_read_as_kubernetes_reads_them() {
        let text = "a: yes\nb: 0777\nc: 1_000\nd: 1.0\ne: 'yes'\nf: ~\ng: 1e3\nh: 2001-01-01\ni: 0x1f\nj: 1.2.3\nn: n";
        let documents = read(text);
        let wanted =
            r#"{"a":true,"b":511,"c":1000,"d":1,"e":"yes","f":null,"g":1000,"h":"2001-01-01","i":31,"j":"1.2.3"}"#;
        let wanted = wanted.replace(r#""f":null,"#, r#""f":null,"false":false,"#);
        assert_eq!(documents[0].value().to_json(), wanted);
        let core = Document::read("a.yaml", "a: yes", Words::Core).unwrap();
        assert_eq!(core[0].value().to_json(), r#"{"a":"yes"}"#);
        assert!(Document::read("a.yaml", "a: .inf", Words::Core).is_err());
    }

    #[test]
    fn empty_documents_are_left_out() {
        assert_eq!(read("# nothing\n---\na: 1\n---\n---\n{}\n---\nb: 2\n").len(), 2);
    }

    #[test]
    fn a_quoted_text_may_go_on_at_the_depth_of_its_key() {
        let documents = read("a:\n  b: \"x\n  y\"\nc: 1\n");
        assert_eq!(documents[0].value().to_json(), r#"{"a":{"b":"x y"},"c":1}"#);
    }

    #[test]
    fn places_of_fields_and_in_texts_are_those_of_the_file() {
        let text = "kind: X\nspec:\n  code:\n  - rego: |\n      package a\n\n      deny { x }\n    q: \"one\\ntwo\"\n";
        let document = &read(text)[0];
        let of = |place: Option<Place>| place.map(|place| (place.line, place.column));
        assert_eq!(of(document.place(&["spec", "code", "0", "rego"])), Some((4, 5)));
        assert_eq!(of(document.place(&["spec", "nothing"])), Some((2, 1)));
        let rego = ["spec", "code", "0", "rego"];
        assert_eq!(of(document.place_in_text(&rego, 1, 1)), Some((5, 7)));
        assert_eq!(of(document.place_in_text(&rego, 3, 8)), Some((7, 14)));
        assert_eq!(of(document.place_in_text(&["spec", "code", "0", "q"], 2, 1)), Some((8, 8)));
    }

    #[test]
    fn items_of_lists_keep_their_places() {
        let text = "kind: List\nitems:\n- {kind: A, metadata: {name: a}}\n- kind: BList\n  items:\n  - kind: B\n    apiVersion: v1\n";
        let opened: Vec<Document> = read(text).into_iter().flat_map(Document::opened).collect();
        assert_eq!(opened.iter().map(Document::kind).collect::<Vec<_>>(), ["A", "B"]);
        assert_eq!(opened[1].place(&["apiVersion"]).map(|place| place.line), Some(7));
        // A constraint of such a kind is no list.
        let own = "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: DenyList\nmetadata: {name: a}\nitems: []";
        assert_eq!(read(own).remove(0).opened().len(), 1);
        // A name makes a list no other thing.
        let named = "apiVersion: v1\nkind: List\nmetadata: {name: a}\nitems: [{kind: A}, {kind: B}]";
        assert_eq!(read(named).remove(0).opened().len(), 2);
    }

    #[test]
    fn bombs_and_doubles_are_refused_with_their_place() {
        let mut bomb = "a0: &a0 [1]\n".to_owned();
        for at in 1..40 {
            let before = format!("*a{}", at - 1);
            bomb.push_str(&format!("a{at}: &a{at} [{before}, {before}]\n"));
        }
        assert!(Document::read("a.yaml", &bomb, Words::Core).unwrap_err().to_string().contains("values"));
        let twice = Document::read("a.yaml", "a: 1\nb: 2\na: 3\n", Words::Core).unwrap_err();
        assert!(twice.to_string().starts_with("a.yaml:3:1: the key \"a\" stands twice"), "{twice}");
        assert!(Document::read("a.yaml", "- 1\n", Words::Core).is_err());
        for (text, key) in [
            ("a: {yes: 1, 'true': 2}", "true"),
            ("a: {on: 1, y: 2}", "true"),
            ("a: {1: x, 01: y}", "1"),
            ("a: {16: x, 0x10: y}", "16"),
        ] {
            let twice = Document::read("a.yaml", text, Words::Kubernetes).unwrap_err().to_string();
            let wanted = format!("the key \"{key}\" stands twice in one mapping, in different words\n  hint: ");
            assert!(twice.starts_with("a.yaml:1:") && twice.contains(&wanted), "{twice}");
        }
        assert!(Document::read("a.yaml", "a: {yes: 1, 'true': 2}", Words::Core).is_ok());
    }
}
