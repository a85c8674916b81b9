//! Places in objects: `spec.containers[name: *].image`. In: text. Out: nodes, or why it is none, in Gatekeeper's words.

use std::fmt;
use std::sync::Arc;

use plimsoll_rego::value::{Number, Value};

/// Parts of a path: none in a cluster is as deep.
const MAX_NODES: usize = 64;

#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    Field(Arc<str>),
    /// An element of a list by the value of a field; every one without a value.
    Element {
        key: Arc<str>,
        value: Option<Value>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Path(pub Vec<Node>);

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    Number(String),
    Sign(char),
    Bad(char),
    End,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Name(text) => write!(f, "IDENT: {text:?}"),
            Token::Number(text) => write!(f, "INT: {text:?}"),
            Token::Sign(c) => {
                let name = match c {
                    '.' => "SEPARATOR",
                    '[' => "LBRACKET",
                    ']' => "RBRACKET",
                    '*' => "GLOB",
                    _ => "COLON",
                };
                write!(f, "{name}: {:?}", c.to_string())
            }
            Token::Bad(c) => write!(f, "ERROR: {:?}", c.to_string()),
            Token::End => f.write_str("EOF"),
        }
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        out.push(match c {
            ' ' | '\t' | '\r' | '\n' => continue,
            '0'..='9' => {
                let mut digits = c.to_string();
                while let Some(next) = rest.next_if(char::is_ascii_digit) {
                    digits.push(next);
                }
                Token::Number(digits)
            }
            'a'..='z' | 'A'..='Z' | '_' | '-' => {
                let mut name = c.to_string();
                while let Some(next) = rest.next_if(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) {
                    name.push(next);
                }
                Token::Name(name)
            }
            '.' | '[' | ']' | '*' | ':' => Token::Sign(c),
            '"' | '\'' => {
                let mut name = String::new();
                let mut closed = false;
                while let Some(next) = rest.next() {
                    match next {
                        '\\' => name.extend(rest.next()),
                        next if next == c => {
                            closed = true;
                            break;
                        }
                        next => name.push(next),
                    }
                }
                if closed { Token::Name(name) } else { Token::Bad(c) }
            }
            other => Token::Bad(other),
        });
    }
    out.push(Token::End);
    out
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Path, String> {
        let tokens = tokens(text);
        let mut at = 0;
        let token = |at: usize| tokens.get(at).unwrap_or(&Token::End);
        let unexpected = |wanted: &str, had: &Token| Err(format!("unexpected token: {wanted}, got: {had}"));
        let mut nodes = Vec::new();
        while let Token::Name(name) = token(at) {
            nodes.push(Node::Field(name.as_str().into()));
            at += 1;
            if *token(at) == Token::Sign('[') {
                let Token::Name(key) = token(at + 1) else {
                    return unexpected("expected keyField in listSpec", token(at + 1));
                };
                if *token(at + 2) != Token::Sign(':') {
                    return unexpected(&format!("expected ':' following keyField {key}"), token(at + 2));
                }
                let value = match token(at + 3) {
                    Token::Sign('*') => None,
                    Token::Name(text) => Some(Value::string(text.as_str())),
                    Token::Number(digits) => match digits.parse::<i64>() {
                        Ok(number) => Some(Value::Number(Number::from(number))),
                        Err(_) => {
                            return Err(format!(
                                "invalid integer: overflow in integer string: {digits}: parsing key value for key: {key}"
                            ));
                        }
                    },
                    other => return unexpected("expected key value or glob in listSpec", other),
                };
                if *token(at + 4) != Token::Sign(']') {
                    return unexpected("expected ']' following listSpec", token(at + 4));
                }
                nodes.push(Node::Element { key: key.as_str().into(), value });
                at += 5;
            }
            match token(at) {
                Token::Sign('.') if *token(at + 1) == Token::End => {
                    return Err("trailing separators are forbidden".into());
                }
                Token::Sign('.') => at += 1,
                Token::End => break,
                other => return unexpected("expected '.' or eof", other),
            }
            if nodes.len() > MAX_NODES {
                return Err(format!("a path has more than {MAX_NODES} parts"));
            }
        }
        match token(at) {
            Token::End => Ok(Path(nodes)),
            other => unexpected("expected field name or eof", other),
        }
    }

    pub fn ends_in_list(&self) -> bool {
        matches!(self.0.last(), Some(Node::Element { .. }))
    }

    pub fn is_of_metadata(&self) -> bool {
        matches!(self.0.first(), Some(Node::Field(name)) if &**name == "metadata")
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, node) in self.0.iter().enumerate() {
            match node {
                Node::Field(name) => write!(f, "{}{name}", if at > 0 { "." } else { "" })?,
                Node::Element { key, value: None } => write!(f, "[{key}: *]")?,
                Node::Element { key, value: Some(value) } => {
                    let text = value.as_str().map_or_else(|| value.to_json(), str::to_owned);
                    write!(f, "[{key}: {text}]")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_and_written_again() {
        for (text, wanted) in [
            ("spec.containers[name: *].image", "spec.containers[name: *].image"),
            ("spec.containers['name': \"a b\"]", "spec.containers[name: a b]"),
            (" spec . x [ port : 80 ] ", "spec.x[port: 80]"),
            ("metadata.labels.\"a.b/c\"", "metadata.labels.a.b/c"),
            ("", ""),
        ] {
            assert_eq!(Path::parse(text).map(|path| path.to_string()), Ok(wanted.into()), "{text}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [
            "a.",
            ".a",
            "a..b",
            "a[b]",
            "a[b: ]",
            "a[b: c",
            "a[*: b]",
            "a b",
            "a[b: 99999999999999999999]",
            "a.'b",
            "1.a",
            "a+b",
        ] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
        assert!(Path::parse(&"a.".repeat(1000)).is_err());
    }
}
