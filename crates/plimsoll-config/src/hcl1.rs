//! HCL 1. In: text. Out: maps; objects are lists of maps, for a key may come more than once, and keys behind the first nest.

use std::collections::{HashMap, HashSet};

use crate::cursor::Cursor;
use crate::{Fault, MAX_EXPANDED, Made, Map, Value, deep};

#[derive(Debug, Clone)]
struct Node {
    at: usize,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    List(Vec<Node>),
    Object(Vec<Item>),
}

#[derive(Debug, Clone)]
struct Item {
    keys: Vec<String>,
    value: Node,
}

pub fn read(text: &str) -> Result<Value, Fault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('{') {
        return Err(Fault::at(text, 0, "this is JSON: read it with --parser json"));
    }
    let mut parser = Parser { cursor: Cursor::new(text), made: Made::default() };
    let items = parser.items(false, 0)?;
    Maker { cursor: &parser.cursor, copying: false, left: MAX_EXPANDED }.object(&items).map(Value::Map)
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    made: Made,
}

impl Parser<'_> {
    fn space(&mut self) -> Result<(), Fault> {
        loop {
            self.cursor.take_while(|c| matches!(c, ' ' | '\t' | '\r' | '\n'));
            let start = self.cursor.at;
            let rest = self.cursor.rest();
            if rest.starts_with('#') || rest.starts_with("//") {
                self.cursor.take_while(|c| c != '\n');
            } else if self.cursor.take("/*") {
                let end = self.cursor.rest().find("*/");
                let end = end.ok_or_else(|| self.cursor.fault_at(start, "comment not terminated"))?;
                self.cursor.at += end + 2;
            } else {
                return Ok(());
            }
        }
    }

    fn items(&mut self, inner: bool, depth: usize) -> Result<Vec<Item>, Fault> {
        deep(depth).map_err(|message| self.cursor.fault(message))?;
        let mut items = Vec::new();
        loop {
            self.space()?;
            if inner && self.cursor.take("}") {
                return Ok(items);
            }
            if self.cursor.ended() {
                return match inner {
                    true => Err(self.cursor.fault("object expected closing RBRACE got: EOF")),
                    false => Ok(items),
                };
            }
            items.push(self.item(depth)?);
            self.space()?;
            self.cursor.take(",");
        }
    }

    fn item(&mut self, depth: usize) -> Result<Item, Fault> {
        let mut keys = Vec::new();
        loop {
            self.space()?;
            deep(depth + keys.len()).and_then(|()| self.made.one()).map_err(|message| self.cursor.fault(message))?;
            match self.cursor.peek() {
                Some('=') if keys.len() == 1 => {
                    self.cursor.next();
                    let value = self.value(depth)?;
                    return Ok(Item { keys, value });
                }
                Some('{') if !keys.is_empty() => {
                    // Each key nests what is in the object.
                    let value = self.value(depth + keys.len())?;
                    return Ok(Item { keys, value });
                }
                Some('"') => keys.push(self.string()?),
                Some(c) if c.is_alphabetic() || c == '_' => {
                    keys.push(
                        self.cursor.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')).to_owned(),
                    );
                }
                _ if keys.len() > 1 => return Err(self.cursor.fault("nested object expected: LBRACE")),
                _ if keys.is_empty() => return Err(self.cursor.fault("expected: IDENT | STRING")),
                _ => return Err(self.cursor.fault("expected start of object ('{') or assignment ('=')")),
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, Fault> {
        self.space()?;
        self.made.one().map_err(|message| self.cursor.fault(message))?;
        let at = self.cursor.at;
        let kind = match self.cursor.peek() {
            Some('"') => Kind::Text(self.string()?),
            Some('<') => Kind::Text(self.heredoc()?),
            Some('{') => {
                self.cursor.next();
                Kind::Object(self.items(true, depth + 1)?)
            }
            Some('[') => {
                self.cursor.next();
                Kind::List(self.list(depth + 1)?)
            }
            Some('-' | '0'..='9' | '.') => self.number()?,
            Some(c) if c.is_alphabetic() => {
                match self.cursor.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')) {
                    "true" => Kind::Bool(true),
                    "false" => Kind::Bool(false),
                    word => return Err(self.cursor.fault_at(at, format!("Unknown token: IDENT {word}"))),
                }
            }
            _ => return Err(self.cursor.fault("Unknown token: a value is expected")),
        };
        Ok(Node { at, kind })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Fault> {
        deep(depth).map_err(|message| self.cursor.fault(message))?;
        let mut list = Vec::new();
        loop {
            self.space()?;
            if self.cursor.take("]") {
                return Ok(list);
            }
            list.push(self.value(depth)?);
            self.space()?;
            if !self.cursor.take(",") && !self.cursor.rest().starts_with(']') {
                return Err(self.cursor.fault("error parsing list, expected comma or list end"));
            }
        }
    }

    fn number(&mut self) -> Result<Kind, Fault> {
        let at = self.cursor.at;
        let bad = |cursor: &Cursor<'_>| cursor.fault_at(at, "illegal number");
        let negative = self.cursor.take("-");
        let digits = self.cursor.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-'));
        let based = |digits: &str, base: u32| i64::from_str_radix(digits, base);
        let whole = match digits {
            _ if digits.starts_with("0x") || digits.starts_with("0X") => based(&digits[2..], 16),
            _ if digits.contains(['.', 'e', 'E', '+', '-']) => {
                let number: f64 = digits.parse().map_err(|_| bad(&self.cursor))?;
                if !number.is_finite() {
                    return Err(bad(&self.cursor));
                }
                return Ok(Kind::Float(if negative { -number } else { number }));
            }
            _ if digits.len() > 1 && digits.starts_with('0') => based(&digits[1..], 8),
            _ => based(digits, 10),
        };
        let number = whole.map_err(|_| bad(&self.cursor))?;
        Ok(Kind::Int(if negative { -number } else { number }))
    }

    fn string(&mut self) -> Result<String, Fault> {
        let start = self.cursor.at;
        self.cursor.next();
        let mut out = String::new();
        let mut braces = 0usize;
        loop {
            let Some(c) = self.cursor.next() else { return Err(self.cursor.fault_at(start, "literal not terminated")) };
            match c {
                '"' if braces == 0 => return Ok(out),
                '\n' if braces == 0 => return Err(self.cursor.fault_at(start, "literal not terminated")),
                '$' if braces == 0 && self.cursor.rest().starts_with('{') => {
                    self.cursor.next();
                    out.push_str("${");
                    braces = 1;
                }
                '{' if braces > 0 => {
                    braces += 1;
                    out.push(c);
                }
                '}' if braces > 0 => {
                    braces -= 1;
                    out.push(c);
                }
                '\\' if braces == 0 => self.escape(&mut out)?,
                c => out.push(c),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), Fault> {
        let at = self.cursor.at;
        let c = match self.cursor.next() {
            Some('a') => Some('\u{7}'),
            Some('b') => Some('\u{8}'),
            Some('f') => Some('\u{c}'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('v') => Some('\u{b}'),
            Some(c @ ('\\' | '"')) => Some(c),
            Some('x') => self.cursor.hexadecimal(2),
            Some('u') => self.cursor.hexadecimal(4),
            Some('U') => self.cursor.hexadecimal(8),
            _ => None,
        };
        out.push(c.ok_or_else(|| self.cursor.fault_at(at, "illegal char escape"))?);
        Ok(())
    }

    fn heredoc(&mut self) -> Result<String, Fault> {
        let start = self.cursor.at;
        if !self.cursor.take("<<") {
            return Err(self.cursor.fault("heredoc expected second '<'"));
        }
        let flush = self.cursor.take("-");
        let marker = self.cursor.take_while(|c| c.is_alphanumeric() || c == '_');
        self.cursor.take("\r");
        if marker.is_empty() || !self.cursor.take("\n") {
            return Err(self.cursor.fault("invalid characters in heredoc anchor"));
        }
        let mut lines: Vec<&str> = Vec::new();
        loop {
            let rest = self.cursor.rest();
            if rest.is_empty() {
                return Err(self.cursor.fault_at(start, "heredoc not terminated"));
            }
            let line = rest.split_inclusive('\n').next().unwrap_or_default();
            if line.trim_start().trim_end_matches(['\n', '\r']) == marker {
                let indent = &line[..line.len() - line.trim_start().len()];
                self.cursor.at += line.trim_end_matches(['\n', '\r']).len();
                let whole = flush && lines.iter().all(|line| line.starts_with(indent) || line.trim().is_empty());
                let cut = |line: &&str| match whole {
                    true => line.strip_prefix(indent).unwrap_or(line).to_owned(),
                    false => (*line).to_owned(),
                };
                return Ok(lines.iter().map(cut).collect());
            }
            lines.push(line);
            self.cursor.at += line.len();
        }
    }
}

/// Makes values of items.
struct Maker<'a> {
    cursor: &'a Cursor<'a>,
    /// What is made is a copy for another spelling of a key.
    copying: bool,
    /// Bytes that such copies may still take.
    left: usize,
}

/// What a value takes besides its text.
const VALUE: usize = 64;

impl Maker<'_> {
    fn object(&mut self, items: &[Item]) -> Result<Map, Fault> {
        self.map(&items.iter().map(|item| (item.keys.as_slice(), &item.value)).collect::<Vec<_>>())
    }

    /// Keys and values as one map. Objects below a key are those of its other spellings too (`a "x" {}` and `A "y" {}` are two of
    /// each); what that makes again is bounded, so that many spellings of one key do not make the square of them.
    fn map(&mut self, items: &[(&[String], &Node)]) -> Result<Map, Fault> {
        // Where each key's items are, whatever the case of its letters; and whether they were made once.
        let mut alike: HashMap<String, (Vec<usize>, bool)> = HashMap::new();
        for (at, (keys, _)) in items.iter().enumerate() {
            if let Some(first) = keys.first() {
                alike.entry(first.to_lowercase()).or_default().0.push(at);
            }
        }
        let mut out = Map::new();
        let mut done: HashSet<&str> = HashSet::new();
        for (keys, node) in items {
            let Some((first, rest)) = keys.split_first() else { continue };
            if done.contains(first.as_str()) {
                continue;
            }
            let old = out.remove(first);
            if rest.is_empty() {
                out.insert(first.clone(), self.value(node, old)?);
                continue;
            }
            // An object with more keys: all of them at once.
            done.insert(first);
            let mut list = match old {
                None => Vec::new(),
                Some(Value::List(list)) => list,
                Some(_) => return Err(self.cursor.fault_at(node.at, format!("{first}: a value and an object"))),
            };
            let Some((places, made)) = alike.get_mut(&first.to_lowercase()) else { continue };
            let copying = self.copying;
            self.copying = copying || std::mem::replace(made, true);
            for at in places {
                let Some((keys, node)) = items.get(*at) else { continue };
                match keys.split_first() {
                    Some((_, rest)) if !rest.is_empty() => {
                        self.pay(node, rest.iter().map(String::len).sum())?;
                        list.push(Value::Map(self.map(&[(rest, node)])?));
                    }
                    _ => return Err(self.cursor.fault_at(node.at, "map must have string keys")),
                }
            }
            self.copying = copying;
            out.insert(first.clone(), Value::List(list));
        }
        Ok(out)
    }

    fn pay(&mut self, node: &Node, bytes: usize) -> Result<(), Fault> {
        if self.copying {
            self.left = self.left.checked_sub(bytes + VALUE).ok_or_else(|| {
                let most = MAX_EXPANDED >> 20;
                self.cursor.fault_at(node.at, format!("spellings of its keys make more than {most} MiB again"))
            })?;
        }
        Ok(())
    }

    /// A value below a key, where one may have been before.
    fn value(&mut self, node: &Node, old: Option<Value>) -> Result<Value, Fault> {
        let text = match &node.kind {
            Kind::Text(text) => text.len(),
            Kind::Object(items) => items.iter().flat_map(|item| &item.keys).map(String::len).sum(),
            _ => 0,
        };
        self.pay(node, text)?;
        let unlike = || self.cursor.fault_at(node.at, "a key has values of different kinds");
        match (&node.kind, old) {
            (Kind::Object(items), None) => Ok(Value::List(vec![Value::Map(self.object(items)?)])),
            (Kind::Object(items), Some(Value::List(mut list))) => {
                list.push(Value::Map(self.object(items)?));
                Ok(Value::List(list))
            }
            (Kind::List(items), None) => self.listed(items, Vec::new()),
            (Kind::List(items), Some(Value::List(list))) => self.listed(items, list),
            (Kind::Int(number), Some(Value::Float(_))) => Ok(Value::Float(*number as f64)),
            (Kind::Int(number), None | Some(Value::Int(_))) => Ok(Value::Int(*number)),
            (Kind::Int(number), Some(Value::Text(_))) => Ok(Value::Text(number.to_string())),
            (Kind::Float(number), None | Some(Value::Float(_))) => Ok(Value::Float(*number)),
            (Kind::Bool(truth), None | Some(Value::Bool(_))) => Ok(Value::Bool(*truth)),
            (Kind::Text(text), None | Some(Value::Text(_))) => Ok(Value::Text(text.clone())),
            (Kind::Text(text), Some(Value::Int(_))) => text.parse().map(Value::Int).map_err(|_| unlike()),
            _ => Err(unlike()),
        }
    }

    fn listed(&mut self, items: &[Node], mut list: Vec<Value>) -> Result<Value, Fault> {
        for item in items {
            list.push(match &item.kind {
                // Directly in a list an object is a map.
                Kind::Object(items) => Value::Map(self.object(items)?),
                _ => self.value(item, None)?,
            });
        }
        Ok(Value::List(list))
    }
}
