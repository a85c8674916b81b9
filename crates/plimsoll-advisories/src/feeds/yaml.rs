//! YAML 1.2 text to a JSON value. In: one document. Out: its tree. Plain scalars stay text unless asked otherwise,
//! because versions look like numbers (`1.10`). Anchors, and so every expansion bomb, are refused: no feed has them.

use granit_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// How plain scalars are read. Empty ones, `~` and `null` are null in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalars {
    /// As text.
    Text,
    /// By YAML's core schema: booleans, integers and floats become such.
    Typed,
}

/// Feeds nest six levels deep; more is not a feed.
const MAX_DEPTH: usize = 64;

/// What is being built.
enum Open {
    List(Vec<Value>),
    Map(Map<String, Value>, Option<String>),
}

/// The value of the first document.
///
/// # Errors
/// A sentence naming line and column: the text is not YAML, nests too deep, uses anchors or has a key that is no text.
/// Of a repeated key both values are kept where they are lists or maps (they are joined), else it is an error.
pub fn value(text: &str, scalars: Scalars) -> Result<Value, String> {
    let mut stack: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|e| e.to_string())?;
        let line = span.start.line();
        let done = match event {
            Event::Scalar(_, _, anchor, _) | Event::SequenceStart(_, anchor, _) | Event::MappingStart(_, anchor, _)
                if anchor != 0 =>
            {
                return Err(format!("line {line}: anchors are not read"));
            }
            Event::Alias(_) => return Err(format!("line {line}: aliases are not read")),
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                if stack.len() >= MAX_DEPTH {
                    return Err(format!("line {line}: nested more than {MAX_DEPTH} deep"));
                }
                stack.push(match event {
                    Event::SequenceStart(..) => Open::List(Vec::new()),
                    _ => Open::Map(Map::new(), None),
                });
                None
            }
            Event::SequenceEnd | Event::MappingEnd => match stack.pop() {
                Some(Open::List(items)) => Some(Value::Array(items)),
                Some(Open::Map(map, _)) => Some(Value::Object(map)),
                None => None,
            },
            Event::Scalar(text, style, _, _) => {
                if let Some(Open::Map(_, key @ None)) = stack.last_mut() {
                    *key = Some(text.into_owned());
                    None
                } else if style == ScalarStyle::Plain {
                    Some(plain(&text, scalars))
                } else {
                    Some(Value::String(text.into_owned()))
                }
            }
            Event::DocumentEnd => return Ok(Value::Null),
            _ => None,
        };
        let Some(done) = done else { continue };
        match stack.last_mut() {
            None => return Ok(done),
            Some(Open::List(items)) => items.push(done),
            Some(Open::Map(map, key)) => {
                let Some(key) = key.take() else { return Err(format!("line {line}: a key that is no text")) };
                insert(map, key, done).map_err(|key| format!("line {line}: key {key:?} stands twice"))?;
            }
        }
    }
    Ok(Value::Null)
}

/// Joins lists and maps of repeated keys (Alpine's secfixes have them); the key itself where that cannot be done.
fn insert(map: &mut Map<String, Value>, key: String, value: Value) -> Result<(), String> {
    match (map.get_mut(&key), value) {
        (None, value) => {
            map.insert(key, value);
        }
        (Some(Value::Array(old)), Value::Array(new)) => old.extend(new),
        (Some(Value::Object(old)), Value::Object(new)) => {
            for (key, value) in new {
                insert(old, key, value)?;
            }
        }
        _ => return Err(key),
    }
    Ok(())
}

fn plain(text: &str, scalars: Scalars) -> Value {
    if matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    if scalars == Scalars::Typed {
        match text {
            "true" | "True" | "TRUE" => return Value::Bool(true),
            "false" | "False" | "FALSE" => return Value::Bool(false),
            _ => {}
        }
        let number = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'))
            && text.bytes().any(|b| b.is_ascii_digit());
        if number {
            if let Ok(int) = text.parse::<i64>() {
                return int.into();
            }
            if let Some(float) = text.parse::<f64>().ok().and_then(serde_json::Number::from_f64) {
                return Value::Number(float);
            }
        }
    }
    Value::String(text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn versions_stay_text_and_quoted_numbers_too() {
        let text = "a: 1.10\nb: '2'\nc: 1:1.1.1g-15.el8_3\nd:\ne: [x, 'null']\n";
        assert_eq!(
            value(text, Scalars::Text).unwrap(),
            json!({"a": "1.10", "b": "2", "c": "1:1.1.1g-15.el8_3", "d": null, "e": ["x", "null"]})
        );
        assert_eq!(
            value("a: 1.0\nb: '2'\nc: 3\nd: 2.35.2-r0\ne: true\nf: 2021-09-01", Scalars::Typed).unwrap(),
            json!({"a": 1.0, "b": "2", "c": 3, "d": "2.35.2-r0", "e": true, "f": "2021-09-01"})
        );
    }

    #[test]
    fn repeated_lists_are_joined_and_repeated_words_refused() {
        assert_eq!(value("a: [1]\na: [2]", Scalars::Text).unwrap(), json!({"a": ["1", "2"]}));
        assert!(value("a: 1\na: 2", Scalars::Text).unwrap_err().contains("twice"));
    }

    #[test]
    fn anchors_and_depth_are_refused() {
        assert!(value("a: &x [1]\nb: *x", Scalars::Text).is_err());
        assert!(value(&"[".repeat(100), Scalars::Text).is_err());
        assert!(value("? [a]\n: b", Scalars::Text).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[-:\\[\\]{}&*?a1 \n'\"#|>]{0,60}") {
            let _ = value(&text, Scalars::Text);
        }
    }
}
