//! YAML with places, as a tree. In: text (YAML 1.2, of which JSON is a part). Out: one tree per document; aliases share
//! their anchor's node, so that a "billion laughs" costs nothing until it is walked.

use std::collections::HashMap;
use std::rc::Rc;

use granit_parser::{Event, Parser, ScalarStyle, Span};

/// Nodes of one file: a real manifest of 10,000 documents stays below it, a bomb does not.
const MAX_NODES: usize = 1_000_000;
/// Nesting: the API server itself refuses deeper objects.
const MAX_DEPTH: usize = 128;
/// Mappings merged into one. More are in no manifest.
const MAX_MERGED: usize = 8;

/// A node and the line and column where it starts, both from 1.
#[derive(Debug)]
pub struct Node {
    pub value: Value,
    pub line: u32,
    pub column: u32,
    /// Levels below this node, aliases counted as what they stand for: who walks the tree goes as deep.
    depth: usize,
}

#[derive(Debug)]
pub enum Value {
    /// The text, and whether it was written plain (unquoted).
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Rc<Node>>),
    Map(Vec<(Rc<Node>, Rc<Node>)>),
}

impl Node {
    fn new(value: Value, line: u32, column: u32) -> Rc<Node> {
        let below = match &value {
            Value::Scalar { .. } => None,
            Value::List(items) => items.iter().map(|item| item.depth).max(),
            Value::Map(pairs) => pairs.iter().map(|(key, value)| key.depth.max(value.depth)).max(),
        };
        Rc::new(Node { value, line, column, depth: below.map_or(0, |below| below + 1) })
    }

    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// A string that is set: not `null`, not empty.
    pub fn string(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, plain } if !(text.is_empty() || *plain && matches!(text.as_str(), "~" | "null")) => {
                Some(text)
            }
            _ => None,
        }
    }

    /// The value of a key, also where it comes in by a merge (`<<: *base`), which the tools that send manifests follow.
    pub fn get(&self, key: &str) -> Option<&Rc<Node>> {
        let own = self.pairs().iter().find(|(k, _)| k.text() == Some(key)).map(|(_, v)| v);
        own.or_else(|| {
            let merged = self.pairs().iter().filter(|(k, _)| k.text() == Some("<<")).map(|(_, v)| v);
            merged.flat_map(|v| v.items().iter().chain(std::iter::once(v))).take(MAX_MERGED).find_map(|v| v.get(key))
        })
    }

    pub fn pairs(&self) -> &[(Rc<Node>, Rc<Node>)] {
        match &self.value {
            Value::Map(pairs) => pairs,
            _ => &[],
        }
    }

    pub fn items(&self) -> &[Rc<Node>] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }
}

/// A fault of the text, with its line and column from 1 where known.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    pub message: String,
    pub line: u32,
    pub column: u32,
}

enum Open {
    List { items: Vec<Rc<Node>>, line: u32, column: u32, anchor: usize },
    Map { pairs: Vec<(Rc<Node>, Rc<Node>)>, key: Option<Rc<Node>>, line: u32, column: u32, anchor: usize },
}

/// The documents of `text`, and the fault that ended the reading, if one did. A duplicate key is a fault: readers differ
/// on which of the two counts.
pub fn documents(text: &str) -> (Vec<Rc<Node>>, Option<Fault>) {
    let mut done = Vec::new();
    let mut stack: Vec<Open> = Vec::new();
    let mut anchors: HashMap<usize, Rc<Node>> = HashMap::new();
    let mut nodes = 0usize;
    for next in Parser::new_from_str(text) {
        let (event, span) = match next {
            Ok(pair) => pair,
            Err(error) => {
                let mark = error.marker();
                let (line, column) = (number(mark.line()), number(mark.col() + 1));
                return (done, Some(Fault { message: error.to_string(), line, column }));
            }
        };
        let (line, column) = place(&span);
        let fault = |message: String| Some(Fault { message, line, column });
        nodes += 1;
        if nodes > MAX_NODES {
            return (done, fault(format!("more than {MAX_NODES} nodes")));
        }
        let finished = match event {
            Event::Scalar(value, style, anchor, _) => {
                let value = Value::Scalar { text: value.into_owned(), plain: style == ScalarStyle::Plain };
                Some((Node::new(value, line, column), anchor))
            }
            Event::SequenceStart(_, anchor, _) => {
                stack.push(Open::List { items: Vec::new(), line, column, anchor });
                None
            }
            Event::MappingStart(_, anchor, _) => {
                stack.push(Open::Map { pairs: Vec::new(), key: None, line, column, anchor });
                None
            }
            Event::SequenceEnd => match stack.pop() {
                Some(Open::List { items, line, column, anchor }) => {
                    Some((Node::new(Value::List(items), line, column), anchor))
                }
                _ => return (done, fault("a list ends that did not start".into())),
            },
            Event::MappingEnd => match stack.pop() {
                Some(Open::Map { pairs, line, column, anchor, .. }) => {
                    let mut seen = std::collections::HashSet::new();
                    for (key, _) in &pairs {
                        if let Some(text) = key.text()
                            && text != "<<"
                            && !seen.insert(text)
                        {
                            let message = format!("the key {text:?} stands twice in one mapping");
                            return (done, Some(Fault { message, line: key.line, column: key.column }));
                        }
                    }
                    Some((Node::new(Value::Map(pairs), line, column), anchor))
                }
                _ => return (done, fault("a mapping ends that did not start".into())),
            },
            Event::Alias(id) => match anchors.get(&id) {
                Some(node) => Some((Rc::clone(node), 0)),
                None => return (done, fault("an alias stands inside its own anchor".into())),
            },
            _ => None,
        };
        if stack.len() > MAX_DEPTH {
            return (done, fault(format!("nested deeper than {MAX_DEPTH}")));
        }
        if let Some((node, anchor)) = finished {
            // A chain of aliases nests without the text nesting.
            if node.depth > MAX_DEPTH {
                return (done, fault(format!("aliases nest deeper than {MAX_DEPTH}")));
            }
            if anchor > 0 {
                anchors.insert(anchor, Rc::clone(&node));
            }
            match stack.last_mut() {
                Some(Open::List { items, .. }) => items.push(node),
                Some(Open::Map { pairs, key, .. }) => match key.take() {
                    Some(key) => pairs.push((key, node)),
                    None => *key = Some(node),
                },
                None => done.push(node),
            }
        }
    }
    (done, None)
}

fn place(span: &Span) -> (u32, u32) {
    (number(span.start.line()), number(span.start.col() + 1))
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
