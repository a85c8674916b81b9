//! Configuration files to documents. In: paths, a parser's name. Out: what policies see, or which file could not be read, where
//! and why. The formats are `plimsoll-config`'s; YAML and JSON are read as Rego's documents are, Dockerfiles by our linter.

use std::collections::BTreeMap;

use plimsoll_checks::dockerfile;
use plimsoll_checks::source::Source;
use plimsoll_config::{Around, jsonc};
use plimsoll_rego::value::{JsonLimits, Number, Value};

use super::{engine, external};
use crate::rego::load;

/// What conftest's help lists, in its order.
pub const PARSERS: &[&str] = &[
    "codeowners",
    "cue",
    "cyclonedx",
    "dockerfile",
    "edn",
    "groovy",
    "hcl1",
    "hcl2",
    "hocon",
    "ignore",
    "ini",
    "json",
    "jsonnet",
    "nginx",
    "properties",
    "spdx",
    "textproto",
    "toml",
    "vcl",
    "xml",
    "yaml",
    "dotenv",
];

/// Why a file could not be read.
#[derive(Debug, Clone)]
pub struct Fault {
    pub message: String,
    /// From 1; 0 where the place is not known.
    pub line: usize,
    pub column: usize,
}

impl Fault {
    fn new(message: impl Into<String>) -> Fault {
        Fault { message: message.into(), line: 0, column: 0 }
    }

    /// At a byte of a text.
    fn at(bytes: &[u8], offset: usize, message: impl Into<String>) -> Fault {
        let before = bytes.get(..offset).unwrap_or(bytes);
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
        Fault { message: message.into(), line, column }
    }

    /// `file:3:7`, as far as it is known.
    fn place(&self, path: &str) -> String {
        match (self.line, self.column) {
            (0, _) => path.to_owned(),
            (line, 0) => format!("{path}:{line}"),
            (line, column) => format!("{path}:{line}:{column}"),
        }
    }

    pub fn shown(&self, path: &str) -> String {
        format!("{}: {}", self.place(path), self.message)
    }
}

impl From<plimsoll_config::Fault> for Fault {
    fn from(fault: plimsoll_config::Fault) -> Fault {
        Fault { message: fault.message, line: fault.line, column: fault.column }
    }
}

/// The parser of a path, by its name.
pub fn parser_of(path: &str) -> Result<String, String> {
    if path == "-" {
        return Ok("yaml".into());
    }
    let name = path.rsplit('/').next().unwrap_or_default().to_lowercase();
    let extension = name.rsplit_once('.').map(|(_, extension)| extension).unwrap_or_default();
    let of = |base: &str| name == base || name.strip_prefix(base).is_some_and(|rest| rest.starts_with('.'));
    let parser = match extension {
        _ if of("dockerfile") => "dockerfile",
        "dockerfile" => "dockerfile",
        "yml" | "yaml" => "yaml",
        "hcl" | "tf" | "tfvars" => "hcl2",
        "gitignore" | "dockerignore" => "ignore",
        _ if of(".env") => "dotenv",
        "env" => "dotenv",
        _ if name == "nginx.conf" => "nginx",
        _ if of("jenkinsfile") => "groovy",
        "textproto" | "textpb" => "textproto",
        _ if name == "codeowners" => "codeowners",
        other => other,
    };
    match known(parser) {
        true => Ok(parser.to_owned()),
        false => Err(format!("new: unknown parser: {parser}")),
    }
}

pub fn known(parser: &str) -> bool {
    PARSERS.contains(&parser) || parser == "jsonc"
}

/// Reads files: their documents by their paths.
pub fn read(paths: &[String], parser: Option<&str>) -> Result<BTreeMap<String, Value>, String> {
    let one = |path: &String| -> Result<(String, Value), String> {
        let named = |message: String| format!("{message}, path: {path}");
        let parser = match parser {
            Some(parser) if known(parser) => parser.to_owned(),
            Some(parser) => return Err(named(format!("new parser: unknown parser: {parser}"))),
            None => parser_of(path).map_err(|why| named(format!("new parser: {why}")))?,
        };
        let content = match path.as_str() {
            "-" => load::standard_input(),
            path => load::bytes(&engine::absolute(path)),
        };
        let content =
            content.map_err(|fault| named(format!("get configuration content: open file: {}", fault.text())))?;
        let value = parse(&parser, &content, Some(path))
            .map_err(|fault| format!("parser unmarshal: {}, path: {}", fault.message, fault.place(path)))?;
        Ok((path.clone(), value))
    };
    super::parallel(paths, one).into_iter().collect()
}

/// Reads one file's content.
pub fn parse(parser: &str, content: &[u8], path: Option<&str>) -> Result<Value, Fault> {
    match parser {
        "yaml" => yaml(content),
        "json" => json(content),
        "jsonc" => {
            let plain = jsonc::plain(content);
            let value = Value::from_json(&plain.json).map_err(|error| {
                Fault::at(content, plain.origin(error.offset), format!("unmarshal jsonc: {}", error.message))
            })?;
            float(value)
        }
        "dockerfile" => docker(content),
        "jsonnet" | "cue" => external::evaluated(parser, content, path).map_err(Fault::new).and_then(float),
        "cyclonedx" if Value::from_json(content).is_ok() => json(content),
        "groovy" => Err(Fault::new(
            "parse groovy: conftest's tree of a Jenkinsfile is that of one Go library, which is not spoken here",
        )),
        other => of_format(other, content),
    }
}

/// A format of `plimsoll-config`.
pub fn of_format(name: &str, content: &[u8]) -> Result<Value, Fault> {
    let Some(format) = plimsoll_config::named(name) else {
        return Err(Fault::new(format!("{name} files are not spoken here: docs/conftest.md says which are")));
    };
    let environment = |name: &str| std::env::var(name).ok();
    let value = format.bytes(content, &Around { environment: &environment }).map_err(|fault| {
        let fault = Fault::from(fault);
        Fault { message: format!("{}: {}", format.says, fault.message), ..fault }
    })?;
    Ok(document(value))
}

fn document(value: plimsoll_config::Value) -> Value {
    use plimsoll_config::Value as From;
    match value {
        From::Null => Value::Null,
        From::Bool(truth) => Value::Bool(truth),
        From::Int(number) => Value::int(number),
        From::Float(number) => Value::Number(Number::from_f64(number)),
        From::Text(text) => Value::string(text),
        // At most MAX_DEPTH of them in one another.
        From::List(items) => Value::array(items.into_iter().map(document).collect()),
        From::Map(map) => {
            Value::object(map.into_iter().map(|(key, value)| (Value::string(key), document(value))).collect())
        }
    }
}

/// Conftest reads numbers into 64 bits: so does a policy see them. One that is beyond them is a fault.
fn float(value: Value) -> Result<Value, Fault> {
    Ok(changed(&value)?.unwrap_or(value))
}

/// The value with its numbers as 64-bit floats; none where it is the same.
fn changed(value: &Value) -> Result<Option<Value>, Fault> {
    match value {
        Value::Number(number) => {
            // Where Go's shortest text is that of the whole number.
            let small = number.as_i64().is_some_and(|n| (-999_999..=999_999).contains(&n)) && number.is_integer_text();
            if small {
                return Ok(None);
            }
            let read = number.to_string().parse::<f64>().ok().filter(|read| read.is_finite());
            let beyond = || Fault::new(format!("cannot unmarshal number {number} into Go value of type float64"));
            read.map(|read| Some(Value::Number(Number::from_f64(read)))).ok_or_else(beyond)
        }
        Value::Array(array) => {
            let made: Vec<Option<Value>> = array.items().iter().map(changed).collect::<Result<_, _>>()?;
            if made.iter().all(Option::is_none) {
                return Ok(None);
            }
            let items = array.items().iter().zip(made).map(|(item, made)| made.unwrap_or_else(|| item.clone()));
            Ok(Some(Value::array(items.collect())))
        }
        Value::Object(object) => {
            let made: Vec<Option<Value>> =
                object.entries().iter().map(|(_, value)| changed(value)).collect::<Result<_, _>>()?;
            if made.iter().all(Option::is_none) {
                return Ok(None);
            }
            let entries = object.entries().iter().zip(made);
            let entries = entries.map(|((key, value), made)| (key.clone(), made.unwrap_or_else(|| value.clone())));
            Ok(Some(Value::object(entries.collect())))
        }
        _ => Ok(None),
    }
}

fn json(content: &[u8]) -> Result<Value, Fault> {
    let text = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let mark = content.len() - text.len();
    let value = Value::from_json(text)
        .map_err(|error| Fault::at(content, mark + error.offset, format!("unmarshal json: {}", error.message)))?;
    float(value).map_err(|fault| Fault { message: format!("unmarshal json: {}", fault.message), ..fault })
}

/// One document, or several between lines of `---`, which are a list.
fn yaml(content: &[u8]) -> Result<Value, Fault> {
    let documents = documents(content);
    let one = |(start, text): &(usize, &[u8])| {
        let read = Value::from_yaml_1_1(text, &JsonLimits::default()).map_err(|error| {
            let above = content.get(..*start).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
            let line = above + error.line;
            let message = format!("error converting YAML to JSON: yaml: line {line}: {}", error.message);
            Fault { message, line, column: 0 }
        });
        read.and_then(float)
    };
    match documents.as_slice() {
        [] => one(&(0, content)),
        [whole] => one(whole).map_err(|fault| Fault { message: format!("unmarshal yaml: {}", fault.message), ..fault }),
        several => several.iter().map(one).collect::<Result<Vec<_>, _>>().map(Value::array).map_err(|fault| Fault {
            message: format!("unmarshal multiple documents: unmarshal subdocument yaml: {}", fault.message),
            ..fault
        }),
    }
}

/// The documents with their starts, as conftest parts them: at lines of nothing but `---`, and in a file that begins with a
/// directive not at the first of them.
fn documents(content: &[u8]) -> Vec<(usize, &[u8])> {
    let crlf = content.windows(2).any(|pair| pair == b"\r\n");
    let separator: &[u8] = if crlf { b"\r\n---\r\n" } else { b"\n---\n" };
    let mut parts = Vec::new();
    let mut start = 0;
    let mut from = 0;
    let mut skip = content.starts_with(b"%");
    while let Some(found) =
        content.get(from..).and_then(|rest| rest.windows(separator.len()).position(|at| at == separator))
    {
        let at = from + found;
        from = at + separator.len();
        if std::mem::take(&mut skip) {
            continue;
        }
        parts.push((start, content.get(start..at).unwrap_or_default()));
        start = from;
    }
    parts.push((start, content.get(start..).unwrap_or_default()));
    parts
}

fn docker(content: &[u8]) -> Result<Value, Fault> {
    let text = String::from_utf8_lossy(content);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let source = Source::new("Dockerfile", text);
    let file = dockerfile::parse::parse(&source);
    if let Some(fault) = file.faults.first() {
        let message = format!("parse dockerfile: {}", fault.message);
        return Err(Fault::at(text.as_bytes(), fault.span.start, message));
    }
    let json = dockerfile::json::json(&file).to_string();
    Value::from_json(json.as_bytes()).map_err(|error| Fault::new(format!("parse dockerfile: {}", error.message)))
}

/// What `--combine` gives: each document with its path, lists apart.
pub fn combined(documents: &BTreeMap<String, Value>) -> Value {
    let entry = |path: &str, contents: &Value| {
        Value::object(vec![(Value::string("contents"), contents.clone()), (Value::string("path"), Value::string(path))])
    };
    let mut all = Vec::new();
    for (path, document) in documents {
        match document {
            Value::Array(items) => all.extend(items.items().iter().map(|item| entry(path, item))),
            other => all.push(entry(path, other)),
        }
    }
    Value::array(all)
}
