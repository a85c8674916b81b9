//! The YAML of kubeconfig files. In: text. Out: a tree of texts, lists and groups. What it does not do: aliases, tags,
//! merge keys, several documents, which no tool writes there; nor guess types.

use granit_parser::{Event, Parser, ScalarStyle};

/// Values of one file: a thousand clusters with their users still fit.
const MAX_NODES: usize = 50_000;
/// Keys of one group: keeps the search for a second one cheap.
const MAX_KEYS: usize = 256;
/// A kubeconfig goes five levels deep.
const MAX_DEPTH: usize = 32;

/// A value. Null is an empty text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Text(String),
    List(Vec<Node>),
    Group(Vec<(String, Node)>),
}

impl Node {
    pub fn get(&self, key: &str) -> Option<&Node> {
        match self {
            Node::Group(pairs) => pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// A text under `key` that is not empty.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Node::Text(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// The items under `key`.
    pub fn list(&self, key: &str) -> &[Node] {
        match self.get(key) {
            Some(Node::List(items)) => items,
            _ => &[],
        }
    }
}

enum Open {
    List(Vec<Node>),
    Group(Vec<(String, Node)>, Option<String>),
}

/// The one document of `text`.
///
/// # Errors
/// In words, when it is not YAML, or of the kinds that are not read here.
pub(crate) fn document(text: &str) -> Result<Node, String> {
    let mut open: Vec<Open> = vec![];
    let mut root = None;
    let (mut nodes, mut documents) = (0usize, 0usize);
    for event in Parser::new_from_str(text) {
        // The parser's own words may quote the file, which has secrets in it: its place is enough.
        let (event, place) = event.map_err(|error| format!("it is not YAML (line {})", error.marker().line()))?;
        let line = place.start.line();
        nodes += 1;
        if nodes > MAX_NODES {
            return Err(format!("it has more than {MAX_NODES} values"));
        }
        let node = match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => continue,
            Event::DocumentStart(..) if documents == 0 => {
                documents = 1;
                continue;
            }
            Event::DocumentStart(..) => return Err(format!("a second document begins on line {line}")),
            Event::Scalar(text, style, _, None) => {
                let null = matches!(style, ScalarStyle::Plain) && matches!(&*text, "~" | "null" | "Null" | "NULL");
                Node::Text(if null { String::new() } else { text.into_owned() })
            }
            Event::SequenceStart(_, _, None) | Event::MappingStart(_, _, None) if open.len() == MAX_DEPTH => {
                return Err(format!("it is nested deeper than {MAX_DEPTH} levels"));
            }
            Event::SequenceStart(_, _, None) => {
                open.push(Open::List(vec![]));
                continue;
            }
            Event::MappingStart(_, _, None) => {
                open.push(Open::Group(vec![], None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(items)) => Node::List(items),
                Some(Open::Group(pairs, _)) => Node::Group(pairs),
                None => return Err(format!("it is not YAML (line {line})")),
            },
            _ => return Err(format!("aliases and tags are not read (line {line})")),
        };
        match (open.last_mut(), node) {
            (None, node) => root = Some(node),
            (Some(Open::List(items)), node) => items.push(node),
            (Some(Open::Group(pairs, key)), node) => match (key.take(), node) {
                (Some(key), node) => pairs.push((key, node)),
                // The first of two would win here and the last elsewhere: better none.
                (None, Node::Text(_)) if pairs.len() == MAX_KEYS => {
                    return Err(format!("more than {MAX_KEYS} keys in one group (line {line})"));
                }
                (None, Node::Text(text)) if pairs.iter().any(|(name, _)| *name == text) => {
                    return Err(format!("a key stands twice in one group (line {line})"));
                }
                (None, Node::Text(text)) => *key = Some(text),
                (None, _) => return Err(format!("a key is no word (line {line})")),
            },
        }
    }
    root.ok_or_else(|| "it is empty".into())
}
