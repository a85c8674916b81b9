//! Configuration files to documents. In: paths, a parser's name. Out: what policies see, or which file could not be read, where
//! and why. The formats are `plimsoll-config`'s; YAML and JSON are read as Rego's documents are, Dockerfiles by our linter.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use plimsoll_checks::dockerfile;
use plimsoll_checks::source::Source;
use plimsoll_config::{Around, Fault, MAX_VALUES, Messages, jsonc};
use plimsoll_rego::value::{JsonLimits, Number, Value};

use super::protos::Protos;
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

/// What one file may be, whatever its format: a stream of documents has it once.
pub const LIMITS: JsonLimits =
    JsonLimits { bytes: plimsoll_config::MAX_BYTES, depth: plimsoll_config::MAX_DEPTH as u32, nodes: MAX_VALUES };
/// What other formats than textproto may be of.
static NONE: LazyLock<Messages> = LazyLock::new(Messages::default);
/// Lines of a Dockerfile: an instruction is a map of six values.
const MAX_LINES: usize = MAX_VALUES / 6;

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
pub fn read(paths: &[String], parser: Option<&str>, protos: &Protos) -> Result<BTreeMap<String, Value>, String> {
    let one = |path: &String| -> Result<(String, Value), String> {
        let named = |message: String| format!("{message}, path: {path}");
        let parser = match parser {
            Some(parser) if known(parser) => parser.to_owned(),
            Some(parser) => return Err(named(format!("new parser: unknown parser: {parser}"))),
            None => parser_of(path).map_err(|why| named(format!("new parser: {why}")))?,
        };
        if parser == "textproto" {
            protos.messages().map_err(|why| named(format!("new parser: {why}")))?;
        }
        let content = match path.as_str() {
            "-" => load::standard_input(),
            path => load::bytes(&engine::absolute(path)),
        };
        let content =
            content.map_err(|fault| named(format!("get configuration content: open file: {}", fault.text())))?;
        let value = parse(&parser, &content, Some(path), protos)
            .map_err(|fault| format!("parser unmarshal: {}, path: {}", fault.message, fault.place(path)))?;
        Ok((path.clone(), value))
    };
    super::parallel(paths, one).into_iter().collect()
}

/// Reads one file's content.
pub fn parse(parser: &str, content: &[u8], path: Option<&str>, protos: &Protos) -> Result<Value, Fault> {
    if content.len() > LIMITS.bytes {
        return Err(Fault::new(format!("more than {} MiB", LIMITS.bytes >> 20)));
    }
    match parser {
        "yaml" => yaml(content),
        "json" => json(content),
        "jsonc" => {
            let plain = jsonc::plain(content);
            let value = Value::from_json_within(&plain.json, &LIMITS).map_err(|error| {
                Fault::at(content, plain.origin(error.offset), format!("unmarshal jsonc: {}", error.message))
            })?;
            float(value)
        }
        "dockerfile" => docker(content),
        "jsonnet" | "cue" => {
            // What the program said is told whole.
            let told = |message| Fault { message, line: 0, column: 0 };
            external::evaluated(parser, content, path).map_err(told).and_then(float)
        }
        // What begins like JSON is told its fault as such; other texts may be JSON too, if nothing that is a document.
        "cyclonedx" if braced(content) || Value::from_json_within(content, &LIMITS).is_ok() => json(content),
        "groovy" => Err(Fault::new(
            "parse groovy: conftest's tree of a Jenkinsfile is that of one Go library, which is not spoken here",
        )),
        other => of_format(other, content, protos),
    }
}

/// A format of `plimsoll-config`.
pub fn of_format(name: &str, content: &[u8], protos: &Protos) -> Result<Value, Fault> {
    let Some(format) = plimsoll_config::named(name) else {
        let way_out = match name {
            "hocon" => "make JSON of it first (pyhocon -f json) and read that",
            "nginx" => "make JSON of it first (crossplane parse) and read that",
            _ => "docs/conftest.md says which are",
        };
        return Err(Fault::new(format!("{name} files are not spoken here: {way_out}")));
    };
    let environment = |name: &str| std::env::var(name).ok();
    let messages = match name {
        "textproto" => protos.messages().map_err(Fault::new)?,
        _ => &NONE,
    };
    let value = format.bytes(content, &Around { environment: &environment, messages });
    value.map(document).map_err(|fault| fault.under(format.says))
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
    Value::from_json_within(text, &LIMITS)
        .map_err(|error| Fault::at(content, mark + error.offset, error.message))
        .and_then(float)
        .map_err(|fault| fault.under("unmarshal json"))
}

/// True of what is to be an object of JSON.
fn braced(content: &[u8]) -> bool {
    content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content).trim_ascii_start().starts_with(b"{")
}

/// One document, or several between lines of `---`, which are a list.
fn yaml(content: &[u8]) -> Result<Value, Fault> {
    let documents = documents(content);
    let mut spent = 0;
    let mut one = |(start, text): &(usize, &[u8])| {
        let read = Value::from_yaml_1_1(text, &LIMITS, &mut spent).map_err(|error| {
            let above = content.get(..*start).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
            let line = above + error.line;
            let message = format!("error converting YAML to JSON: yaml: line {line}: {}", error.message);
            Fault { line, column: 0, ..Fault::new(message) }
        });
        read.and_then(float)
    };
    match documents.as_slice() {
        [] => one(&(0, content)),
        [whole] => one(whole).map_err(|fault| fault.under("unmarshal yaml")),
        several => {
            let values: Result<Vec<_>, Fault> = several.iter().map(one).collect();
            let words = "unmarshal multiple documents: unmarshal subdocument yaml";
            values.map(Value::array).map_err(|fault| fault.under(words))
        }
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
    let wrong = |fault: Fault| fault.under("parse dockerfile");
    if content.iter().filter(|byte| **byte == b'\n').count() > MAX_LINES {
        return Err(wrong(Fault::new(format!("more than {MAX_LINES} lines"))));
    }
    let text = String::from_utf8_lossy(content);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let source = Source::new("Dockerfile", text);
    let file = dockerfile::parse::parse(&source);
    if let Some(fault) = file.faults.first() {
        return Err(wrong(Fault::at(text, fault.span.start, &fault.message)));
    }
    let json = dockerfile::json::json(&file).to_string();
    Value::from_json_within(json.as_bytes(), &LIMITS).map_err(|error| wrong(Fault::new(error.message)))
}

/// What `--combine` puts together: each document with its path, lists apart.
pub fn apart(documents: &BTreeMap<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    documents.iter().flat_map(|(path, document)| {
        let items = match document {
            Value::Array(array) => array.items(),
            other => std::slice::from_ref(other),
        };
        items.iter().map(|item| (path.as_str(), item))
    })
}

/// The same as one document.
pub fn combined(documents: &BTreeMap<String, Value>) -> Value {
    let entry = |(path, contents): (&str, &Value)| {
        Value::object(vec![(Value::string("contents"), contents.clone()), (Value::string("path"), Value::string(path))])
    };
    Value::array(apart(documents).map(entry).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_of_a_stream_have_one_budget_aliases_counted() {
        // Some million and a half values by aliases.
        let document = (0..10).fold("a0: &a0 x\n".to_owned(), |text, n| {
            text + &format!("a{}: &a{} [*a{n}, *a{n}, *a{n}, *a{n}]\n", n + 1, n + 1)
        });
        assert!(yaml(format!("{document}---\n{document}").as_bytes()).is_ok());
        let fault = yaml([document.as_str(); 4].join("---\n").as_bytes()).unwrap_err();
        assert!(fault.message.contains("more than 4000000") && fault.line > 22, "{fault:?}");
    }

    #[test]
    fn every_format_has_bounds() {
        let many = format!("[{}0]", "0,".repeat(MAX_VALUES));
        for (parser, content) in [
            ("json", many.clone()),
            ("jsonc", many),
            ("dockerfile", "#\n".repeat(MAX_LINES + 1)),
            ("yaml", "\n".repeat(LIMITS.bytes + 1)),
            ("cue", " ".repeat(LIMITS.bytes + 1)),
            ("json", "[".repeat(LIMITS.depth as usize + 1)),
        ] {
            let fault = parse(parser, content.as_bytes(), None, &Protos::default()).unwrap_err();
            let words = ["more than", "deeper than"];
            assert!(words.iter().any(|words| fault.message.contains(words)), "{parser}: {fault:?}");
        }
    }
}
