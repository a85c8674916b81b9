//! One YAML 1.2 document with places. In: text. Out: a tree whose every node knows its line and column. What it does
//! not do: know any key, or guess types: a scalar is its text and whether it was quoted.
//!
//! Bounded on purpose: a policy is written by people, so anything large, deep or multiplied by aliases is a fault.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle};

use crate::fault::{Faults, Span};

/// The largest policy file. A hand-written one is a few kilobytes; a generated one of ten thousand entries fits.
pub(crate) const MAX_BYTES: usize = 2 * 1024 * 1024;
/// Nodes after aliases were written out: ten thousand entries of ten values, and no "billion laughs".
const MAX_NODES: usize = 200_000;
/// The document's own keys go seven levels deep.
const MAX_DEPTH: usize = 32;
/// Keys of one group: keeps the search for duplicates cheap. The longest group, `footprint`, has a few dozen.
const MAX_KEYS: usize = 1000;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub span: Span,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Scalar { text: String, quoted: bool },
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// The value of a key; none for other kinds of node.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(k, _)| k.text() == Some(key)).map(|(_, v)| v)
    }

    /// The text of a scalar that is not null.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// `true` or `false` written without quotes.
    pub fn boolean(&self) -> Option<bool> {
        match &self.value {
            Value::Scalar { text, quoted: false } => match text.as_str() {
                "true" | "True" | "TRUE" => Some(true),
                "false" | "False" | "FALSE" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, quoted: false } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The items of a list; empty for other kinds.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The pairs of a map; empty for other kinds.
    pub fn entries(&self) -> &[(Node, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// What it is, for people.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar { .. } if self.is_null() => "nothing",
            Value::Scalar { .. } => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a group of keys",
        }
    }

    fn count(&self) -> usize {
        1 + match &self.value {
            Value::Scalar { .. } => 0,
            Value::List(items) => items.iter().map(Node::count).sum(),
            Value::Map(entries) => entries.iter().map(|(k, v)| k.count() + v.count()).sum(),
        }
    }

    fn depth(&self) -> usize {
        1 + match &self.value {
            Value::Scalar { .. } => 0,
            Value::List(items) => items.iter().map(Node::depth).max().unwrap_or(0),
            Value::Map(entries) => entries.iter().map(|(_, v)| v.depth()).max().unwrap_or(0),
        }
    }
}

/// A list or map that is still open.
struct Open {
    span: Span,
    anchor: usize,
    frame: Frame,
}

enum Frame {
    List(Vec<Node>),
    Map(Vec<(Node, Node)>, Option<Node>),
}

/// The one document of `text`, or none with the faults said.
pub(crate) fn document(text: &str, faults: &mut Faults<'_>) -> Option<Node> {
    let mut anchors: HashMap<usize, (Node, usize)> = HashMap::new();
    let mut open: Vec<Open> = Vec::new();
    let mut root: Option<Node> = None;
    let mut nodes = 0usize;
    let mut documents = 0usize;
    let before = faults.list.len();
    for event in Parser::new_from_str(text) {
        let (event, place) = match event {
            Ok(event) => event,
            Err(error) => {
                let mark = error.marker();
                let span = Span { line: int(mark.line()), column: int(mark.col()) + 1, width: 1 };
                let line = text.lines().nth(mark.line().saturating_sub(1)).unwrap_or("");
                let info = error.info();
                let hint = syntax_hint(line, mark.col(), &info);
                faults.push(span, format!("this is not YAML: {info}"), hint.map(str::to_owned));
                return None;
            }
        };
        let same_line = place.start.line() == place.end.line();
        let width = if same_line { place.end.col().saturating_sub(place.start.col()) } else { 1 };
        let span = Span { line: int(place.start.line()), column: int(place.start.col()) + 1, width: int(width) };
        let (node, anchor) = match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => continue,
            Event::DocumentStart(..) => {
                documents += 1;
                if documents > 1 {
                    faults.suggest(
                        span,
                        "a second document starts here; a file holds one LoadLine",
                        "put it in a file of its own and name it under `include`",
                    );
                    return None;
                }
                continue;
            }
            Event::Alias(id) => match anchors.get(&id) {
                Some((node, size)) => {
                    nodes = nodes.saturating_add(*size);
                    if open.len() + node.depth() > MAX_DEPTH {
                        faults.add(span, format!("nested deeper than {MAX_DEPTH} levels"));
                        return None;
                    }
                    if nodes > MAX_NODES {
                        faults.add(span, format!("more than {MAX_NODES} values, aliases written out"));
                        return None;
                    }
                    (node.clone(), 0)
                }
                None => {
                    faults.add(span, "this alias stands inside of what it names");
                    return None;
                }
            },
            Event::Scalar(text, style, anchor, tag) => {
                if tag.is_some() {
                    faults.add(span, "YAML tags (`!…`) mean nothing here");
                }
                let quoted = !matches!(style, ScalarStyle::Plain);
                nodes += 1;
                (Node { span, value: Value::Scalar { text: text.into_owned(), quoted } }, anchor)
            }
            Event::SequenceStart(_, _, tag) | Event::MappingStart(_, _, tag) if tag.is_some() => {
                faults.add(span, "YAML tags (`!…`) mean nothing here");
                return None;
            }
            Event::SequenceStart(_, anchor, _) => {
                open.push(Open { span, anchor, frame: Frame::List(Vec::new()) });
                nodes += 1;
                if open.len() > MAX_DEPTH {
                    faults.add(span, format!("nested deeper than {MAX_DEPTH} levels"));
                    return None;
                }
                continue;
            }
            Event::MappingStart(_, anchor, _) => {
                open.push(Open { span, anchor, frame: Frame::Map(Vec::new(), None) });
                nodes += 1;
                if open.len() > MAX_DEPTH {
                    faults.add(span, format!("nested deeper than {MAX_DEPTH} levels"));
                    return None;
                }
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let closed = open.pop()?;
                let value = match closed.frame {
                    Frame::List(items) => Value::List(items),
                    Frame::Map(entries, _) => Value::Map(entries),
                };
                (Node { span: closed.span, value }, closed.anchor)
            }
            // Comments and anchors come only when they are asked for; what is new must not pass for nothing.
            _ => {
                faults.add(span, "this kind of YAML is not read here");
                return None;
            }
        };
        if nodes > MAX_NODES {
            faults.add(span, format!("more than {MAX_NODES} values"));
            return None;
        }
        if anchor > 0 {
            let size = node.count();
            anchors.insert(anchor, (node.clone(), size));
        }
        match open.last_mut().map(|o| &mut o.frame) {
            None => root = Some(node),
            Some(Frame::List(items)) => items.push(node),
            Some(Frame::Map(entries, key)) => match key.take() {
                None => *key = Some(node),
                Some(key) => add_pair(entries, key, node, faults),
            },
        }
    }
    if root.is_none() && faults.list.len() == before {
        faults.add(Span { line: 1, column: 1, width: 1 }, "the file is empty");
    }
    root
}

/// What was probably meant where YAML gives up. Stars and `>` mean something of their own to YAML, and this document is
/// full of globs and `>=`.
fn syntax_hint(line: &str, column: usize, info: &str) -> Option<&'static str> {
    let at = line.chars().nth(column).or_else(|| line.chars().nth(column.saturating_sub(1)));
    let unquoted = |sign: &str| line.find(sign).is_some_and(|i| !line[..i].ends_with(['"', '\'']));
    if info.contains("tab") {
        Some("indent with spaces")
    } else if unquoted(">=") {
        Some("put it in quotes: `\">=high\"`")
    } else if at == Some('*') {
        Some("put a word that starts with `*` in quotes: `\"**\"`")
    } else if matches!(at, Some('@' | '%' | '`' | '&' | '!' | '|' | '>')) {
        Some("put a word that starts with this sign in quotes")
    } else if info.contains("mapping values") {
        Some("put a value that has `: ` in it in quotes")
    } else {
        None
    }
}

fn add_pair(entries: &mut Vec<(Node, Node)>, key: Node, value: Node, faults: &mut Faults<'_>) {
    match key.text() {
        None => faults.add(key.span, "a key must be a word"),
        Some("<<") => faults.suggest(key.span, "merge keys (`<<`) are not read", "write the keys out"),
        Some(text) => match entries.iter().find(|(k, _)| k.text() == Some(text)) {
            Some((first, _)) => {
                faults.add(
                    key.span,
                    format!("`{text}` stands here a second time; the first is on line {}", first.span.line),
                );
            }
            None if entries.len() == MAX_KEYS => {
                faults.add(key.span, format!("more than {MAX_KEYS} keys in one group"))
            }
            None => entries.push((key, value)),
        },
    }
}

fn int(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<Node>, Vec<String>) {
        let mut faults = Faults::new("p.yaml", text);
        let node = document(text, &mut faults);
        let said = faults.list.iter().map(|f| format!("{}:{} {}", f.span.line, f.span.column, f.message)).collect();
        (node, said)
    }

    #[test]
    fn nodes_know_their_places() {
        let (node, faults) = read("a: 1\nb:\n  - {c: \"x\"}\n");
        assert!(faults.is_empty());
        let node = node.unwrap();
        let c = node.get("b").unwrap().items()[0].get("c").unwrap();
        assert_eq!(c.span, Span { line: 3, column: 9, width: 3 });
        assert_eq!(c.text(), Some("x"));
    }

    #[test]
    fn duplicate_keys_and_merge_keys_are_faults() {
        assert_eq!(read("a: 1\na: 2\n").1, ["2:1 `a` stands here a second time; the first is on line 1"]);
        assert_eq!(read("b: &x {a: 1}\nc:\n  <<: *x\n").1, ["3:3 merge keys (`<<`) are not read"]);
    }

    #[test]
    fn anchors_are_written_out_and_bombs_are_refused() {
        let (node, faults) = read("a: &x [1, 2]\nb: *x\n");
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(node.unwrap().get("b").unwrap().items().len(), 2);
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..10 {
            let alias = format!("*a{}", i - 1);
            bomb += &format!("a{i}: &a{i} [{}]\n", vec![alias; 10].join(", "));
        }
        let (node, faults) = read(&bomb);
        assert!(node.is_none());
        assert!(faults[0].contains("aliases written out"), "{faults:?}");
        assert!(read("a: &x [*x]\n").0.is_none());
    }

    #[test]
    fn depth_is_bounded_in_both_styles() {
        let block: String = (0..3000).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
        assert!(read(&block).1[0].contains("deeper than 32"));
        assert!(!read(&"[".repeat(15_000)).1.is_empty());
    }

    #[test]
    fn one_file_is_one_document() {
        assert!(read("a: 1\n---\nb: 2\n").1[0].contains("a second document"));
        assert_eq!(read("").1, ["1:1 the file is empty"]);
        assert_eq!(read("# only words\n").1, ["1:1 the file is empty"]);
    }

    #[test]
    fn carriage_returns_are_line_ends_and_tabs_may_separate() {
        let (node, faults) = read("a: 1\r\nb: \t2\t# two\r\n");
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(node.unwrap().get("b").unwrap().text(), Some("2"));
    }

    #[test]
    fn hostile_texts_end_soon() {
        let size = 100_000;
        for unit in [
            "- ",
            "? ",
            "[",
            "{",
            "{a: ",
            "[a, ",
            "\"",
            "'",
            "&a ",
            "*a ",
            "!a ",
            "a: ",
            "|\n",
            ">\n ",
            "# ",
            "---\n",
            "...\n",
            "%YAML 1.2\n",
            "a\n",
            ": ",
            ", ",
            "\t",
            "a:\n",
            "- a\n",
            "\\",
            "[]\n",
            "a: [\n",
        ] {
            let text = unit.repeat(size / unit.len());
            let started = std::time::Instant::now();
            let (node, faults) = read(&text);
            assert!(node.is_some() || !faults.is_empty(), "{unit:?}");
            // Fifty times what the slowest needs in an unoptimised build.
            assert!(started.elapsed().as_secs() < 10, "{unit:?} took {:?}", started.elapsed());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[ -~\\n\\t\\r]{0,200}") {
            let (node, faults) = read(&text);
            proptest::prop_assert!(node.is_some() || !faults.is_empty());
        }
    }
}
