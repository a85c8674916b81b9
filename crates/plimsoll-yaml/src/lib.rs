//! YAML with places, as a tree. In: text (YAML 1.2, of which JSON is a part). Out: one tree per document; aliases share
//! their anchor's node, so that a "billion laughs" costs nothing until it is walked.

mod json;

use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, Span};

/// Nodes of one file: a real manifest of 10,000 documents stays below it, a bomb does not.
const MAX_NODES: usize = 1_000_000;
/// Nesting: the API server itself refuses deeper objects.
const MAX_DEPTH: usize = 128;
/// Keys of a mapping that are looked through one by one; larger ones have an index, so that a mapping of a million keys which
/// a thousand aliases share is not walked a thousand times.
const UNINDEXED: usize = 16;
/// Mappings merged into one, with those merged into them: each look-up may go through all. More are in no manifest.
const MAX_MERGED: usize = 64;

/// A node and the line and column where it starts, both from 1.
#[derive(Debug)]
pub struct Node {
    pub value: Value,
    pub line: u32,
    pub column: u32,
    /// Its bytes in the text: of a scalar with its quotes, of a collection from its first byte to its last member's end
    /// (to the closing bracket where it has one). A node that an alias stands for has the bytes of its anchor.
    pub start: usize,
    pub end: usize,
    /// Levels below this node, aliases counted as what they stand for: who walks the tree goes as deep.
    depth: usize,
    /// Mappings that a look-up here may go through besides this one.
    merged: usize,
    /// Where each key stands among the pairs of a large mapping, and where its merge keys do.
    index: Option<Box<Index>>,
    /// Nodes of the tree below and this one, aliases counted as what they stand for.
    size: usize,
}

#[derive(Debug, Default)]
struct Index {
    keys: HashMap<Box<str>, usize>,
    merges: Vec<usize>,
}

#[derive(Debug)]
pub enum Value {
    /// The text, and whether it was written plain: unquoted, and without a tag that makes a text of it.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Arc<Node>>),
    Map(Vec<(Arc<Node>, Arc<Node>)>),
}

impl Node {
    fn new(value: Value, start: Start, end: usize) -> Arc<Node> {
        let Start { line, column, byte: start } = start;
        let below = match &value {
            Value::Scalar { .. } => None,
            Value::List(items) => items.iter().map(|item| item.depth).max(),
            Value::Map(pairs) => pairs.iter().map(|(key, value)| key.depth.max(value.depth)).max(),
        };
        let size = match &value {
            Value::Scalar { .. } => 1,
            Value::List(items) => items.iter().fold(1, |sum: usize, item| sum.saturating_add(item.size)),
            Value::Map(pairs) => {
                pairs.iter().fold(1, |sum: usize, (key, value)| sum.saturating_add(key.size).saturating_add(value.size))
            }
        };
        let depth = below.map_or(0, |below| below + 1);
        let mut node = Node { value, line, column, start, end, depth, merged: 0, index: None, size };
        node.index = Index::of(node.pairs());
        node.merged = node.merges().map(|mapping| 1 + mapping.merged).sum();
        Arc::new(node)
    }

    /// How many nodes who walks this tree meets, aliases counted as what they stand for: a small text may hold a tree that
    /// nobody comes to the end of.
    pub fn size(&self) -> usize {
        self.size
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
            Value::Scalar { text, plain } => {
                let null = *plain && matches!(text.as_str(), "~" | "null" | "Null" | "NULL");
                (!null && !text.is_empty()).then_some(text)
            }
            _ => None,
        }
    }

    /// Nothing, `~` or `null`: as if the key were not there. In quotes, even an empty text is one.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Scalar { plain: true, .. }) && self.string().is_none()
    }

    /// The value of a key, also where it comes in by a merge (`<<: *base`), which the tools that send manifests follow.
    pub fn get(&self, key: &str) -> Option<&Arc<Node>> {
        let own = match &self.index {
            Some(index) => index.keys.get(key).and_then(|at| self.pairs().get(*at)),
            None => self.pairs().iter().find(|(k, _)| k.text() == Some(key)),
        };
        // Most mappings have nothing merged into them: no need to look for it.
        let found = own.map(|(_, v)| v);
        if self.merged == 0 { found } else { found.or_else(|| self.merges().find_map(|mapping| mapping.get(key))) }
    }

    /// A merge key. In quotes it is a key like any other.
    pub fn is_merge(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if text == "<<")
    }

    /// What is merged into this mapping, one or a list of them.
    fn merges(&self) -> impl Iterator<Item = &Arc<Node>> {
        let (few, indexed) = match &self.index {
            Some(index) => (&[][..], index.merges.as_slice()),
            None => (self.pairs(), &[][..]),
        };
        let large = indexed.iter().filter_map(|at| self.pairs().get(*at));
        let values = few.iter().filter(|(k, _)| k.is_merge()).chain(large).map(|(_, v)| v);
        values.flat_map(|v| v.items().iter().chain(std::iter::once(v)))
    }

    pub fn pairs(&self) -> &[(Arc<Node>, Arc<Node>)] {
        match &self.value {
            Value::Map(pairs) => pairs,
            _ => &[],
        }
    }

    /// The mapping's own pairs, then those merged into it, each key of a text once: what [`Node::get`] finds. As few mappings
    /// can be merged as a manifest may need, so that this ends.
    pub fn all_pairs(&self) -> Vec<(&Arc<Node>, &Arc<Node>)> {
        fn take<'n>(
            node: &'n Node,
            seen: &mut std::collections::HashSet<&'n str>,
            all: &mut Vec<(&'n Arc<Node>, &'n Arc<Node>)>,
        ) {
            let own = node.pairs().iter().filter(|(key, _)| !key.is_merge());
            all.extend(
                own.filter(|(key, _)| key.text().is_none_or(|key| seen.insert(key))).map(|(key, value)| (key, value)),
            );
            node.merges().for_each(|merged| take(merged, seen, all));
        }
        let mut all = Vec::new();
        take(self, &mut std::collections::HashSet::new(), &mut all);
        all
    }

    pub fn items(&self) -> &[Arc<Node>] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }
}

impl Index {
    /// The index of a large mapping; the first of equal keys counts, as it does without one.
    fn of(pairs: &[(Arc<Node>, Arc<Node>)]) -> Option<Box<Index>> {
        if pairs.len() <= UNINDEXED {
            return None;
        }
        let mut index = Index::default();
        for (at, (key, _)) in pairs.iter().enumerate() {
            match key.text() {
                Some(_) if key.is_merge() => index.merges.push(at),
                Some(key) => drop(index.keys.entry(key.into()).or_insert(at)),
                None => {}
            }
        }
        Some(Box::new(index))
    }
}

/// A fault of the text, with its line and column from 1 where known.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    /// May quote the text, but for [`FaultKind::Bound`] and [`FaultKind::Unread`].
    pub message: String,
    pub line: u32,
    pub column: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    Syntax,
    DuplicateKey,
    /// It is larger or deeper than is read.
    Bound,
    /// YAML that [`plain_document`] does not take.
    Unread,
}

/// Where a node starts.
#[derive(Clone, Copy)]
struct Start {
    line: u32,
    column: u32,
    byte: usize,
}

enum Open {
    List { items: Vec<Arc<Node>>, start: Start, anchor: usize },
    Map { pairs: Vec<(Arc<Node>, Arc<Node>)>, key: Option<Arc<Node>>, start: Start, anchor: usize },
}

/// The documents of `text`, and the fault that ended the reading, if one did. A duplicate key is a fault: readers differ
/// on which of the two counts.
pub fn documents(text: &str) -> (Vec<Arc<Node>>, Option<Fault>) {
    match json::document(text) {
        Some(document) => (vec![document], None),
        None => read(text, false),
    }
}

/// The one document of a file that only programs write. Aliases, tags, merge keys and a second document stand in none, and
/// are faults here. `None` when there is nothing in it.
///
/// # Errors
/// The fault that ended the reading.
pub fn plain_document(text: &str) -> Result<Option<Arc<Node>>, Fault> {
    match read(text, true) {
        (_, Some(fault)) => Err(fault),
        (documents, None) => Ok(documents.into_iter().next()),
    }
}

fn read(text: &str, plain: bool) -> (Vec<Arc<Node>>, Option<Fault>) {
    let mut done = Vec::new();
    let mut stack: Vec<Open> = Vec::new();
    let mut anchors: HashMap<usize, Arc<Node>> = HashMap::new();
    let mut nodes = 0usize;
    for next in Parser::new_from_str(text) {
        let (event, span) = match next {
            Ok(pair) => pair,
            Err(error) => {
                let mark = error.marker();
                let (line, column) = (number(mark.line()), number(mark.col() + 1));
                return (done, Some(Fault { kind: FaultKind::Syntax, message: error.to_string(), line, column }));
            }
        };
        let start = place(&span);
        let (line, column) = (start.line, start.column);
        // A closing bracket is the collection's own; where there is none, it ends with its last member.
        let closed = span.end.byte_offset().filter(|end| *end > start.byte);
        let fault = |kind, message: String| Some(Fault { kind, message, line, column });
        nodes += 1;
        if nodes > MAX_NODES {
            return (done, fault(FaultKind::Bound, format!("more than {MAX_NODES} nodes")));
        }
        if plain && let Some(what) = unread(&event, done.len()) {
            return (done, fault(FaultKind::Unread, what.into()));
        }
        let finished = match event {
            Event::Scalar(value, style, anchor, tag) => {
                let text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix() == "str");
                let value = Value::Scalar { text: value.into_owned(), plain: style == ScalarStyle::Plain && !text };
                Some((Node::new(value, start, closed.unwrap_or(start.byte)), anchor))
            }
            Event::SequenceStart(_, anchor, _) => {
                stack.push(Open::List { items: Vec::new(), start, anchor });
                None
            }
            Event::MappingStart(_, anchor, _) => {
                stack.push(Open::Map { pairs: Vec::new(), key: None, start, anchor });
                None
            }
            Event::SequenceEnd => match stack.pop() {
                Some(Open::List { items, start, anchor }) => {
                    let end = closed.or_else(|| items.last().map(|item| item.end)).unwrap_or(start.byte);
                    Some((Node::new(Value::List(items), start, end.max(start.byte)), anchor))
                }
                _ => return (done, fault(FaultKind::Syntax, "a list ends that did not start".into())),
            },
            Event::MappingEnd => match stack.pop() {
                Some(Open::Map { pairs, start, anchor, .. }) => {
                    if let Some(key) = twice(&pairs) {
                        let text = key.text().unwrap_or_default();
                        let message = format!("the key {text:?} stands twice in one mapping");
                        let (kind, line, column) = (FaultKind::DuplicateKey, key.line, key.column);
                        return (done, Some(Fault { kind, message, line, column }));
                    }
                    let end = closed.or_else(|| pairs.last().map(|(_, value)| value.end)).unwrap_or(start.byte);
                    Some((Node::new(Value::Map(pairs), start, end.max(start.byte)), anchor))
                }
                _ => return (done, fault(FaultKind::Syntax, "a mapping ends that did not start".into())),
            },
            Event::Alias(id) => match anchors.get(&id) {
                Some(node) => Some((Arc::clone(node), 0)),
                None => return (done, fault(FaultKind::Syntax, "an alias stands inside its own anchor".into())),
            },
            _ => None,
        };
        if stack.len() > MAX_DEPTH {
            return (done, fault(FaultKind::Bound, format!("nested deeper than {MAX_DEPTH}")));
        }
        if let Some((node, anchor)) = finished {
            // A chain of aliases nests without the text nesting.
            if node.depth > MAX_DEPTH {
                return (done, fault(FaultKind::Bound, format!("aliases nest deeper than {MAX_DEPTH}")));
            }
            if node.merged > MAX_MERGED {
                let message = format!("more than {MAX_MERGED} mappings are merged into one");
                let (kind, line, column) = (FaultKind::Bound, node.line, node.column);
                return (done, Some(Fault { kind, message, line, column }));
            }
            if anchor > 0 {
                anchors.insert(anchor, Arc::clone(&node));
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

/// The first key that stands in a mapping for the second time.
fn twice(pairs: &[(Arc<Node>, Arc<Node>)]) -> Option<&Arc<Node>> {
    // A few are compared sooner than they are put into a set.
    let few = pairs.len() <= UNINDEXED;
    let mut seen = std::collections::HashSet::new();
    pairs.iter().enumerate().find_map(|(at, (key, _))| {
        let text = key.text().filter(|_| !key.is_merge())?;
        let again =
            if few { pairs[..at].iter().any(|(other, _)| other.text() == Some(text)) } else { !seen.insert(text) };
        again.then_some(key)
    })
}

/// What a file that only programs write does not have, after so many `documents`.
fn unread(event: &Event<'_>, documents: usize) -> Option<&'static str> {
    match event {
        Event::Alias(_) => Some("aliases are not read"),
        Event::Scalar(.., Some(_)) | Event::SequenceStart(.., Some(_)) | Event::MappingStart(.., Some(_)) => {
            Some("tags are not read")
        }
        Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<" => Some("merge keys are not read"),
        Event::DocumentStart(..) if documents > 0 => Some("a second document begins"),
        _ => None,
    }
}

fn place(span: &Span) -> Start {
    let mark = &span.start;
    Start { line: number(mark.line()), column: number(mark.col() + 1), byte: mark.byte_offset().unwrap_or_default() }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_programs_write_has_neither_aliases_nor_tags_nor_merges_nor_a_second_document() {
        for (text, words, line) in [
            ("a: &a 1\nb: *a", "aliases", 2),
            ("a: !!str 1", "tags", 1),
            ("a: !t [1]", "tags", 1),
            ("a: !t {b: 1}", "tags", 1),
            ("<<: {a: 1}", "merge keys", 1),
            ("a: 1\n---\nb: 1", "second document", 2),
        ] {
            let fault = plain_document(text).unwrap_err();
            assert_eq!((fault.kind, fault.line), (FaultKind::Unread, line), "{text}");
            assert!(fault.message.contains(words), "{text}: {}", fault.message);
        }
        assert_eq!(plain_document("a: 1\na: 2").unwrap_err().kind, FaultKind::DuplicateKey);
        assert_eq!(plain_document("a: [").unwrap_err().kind, FaultKind::Syntax);
        let deep = format!("{}{}", "[".repeat(MAX_DEPTH + 1), "]".repeat(MAX_DEPTH + 1));
        assert_eq!(plain_document(&deep).unwrap_err().kind, FaultKind::Bound);
        assert!(plain_document("# nothing\n").unwrap().is_none());
        let read = plain_document("a: &a '<<'\nb: NULL\nc: \"null\"").unwrap().unwrap();
        let string = |key| read.get(key).and_then(|node| node.string());
        assert_eq!((string("a"), string("b"), string("c")), (Some("<<"), None, Some("null")));
    }

    #[test]
    fn nodes_know_their_bytes() {
        let text = "é: {a: [1, 'x y'], b: }\nc:\n  - \"q\"\n  - d: |\n      t\n# end\ne: [ ]\n";
        let (read, fault) = documents(text);
        assert_eq!(fault, None);
        let root = &read[0];
        let bytes = |node: &Node| &text[node.start..node.end];
        let at = |key: &str| root.get(key).unwrap();
        assert_eq!(bytes(at("é")), "{a: [1, 'x y'], b: }");
        assert_eq!(bytes(at("é").get("a").unwrap()), "[1, 'x y']");
        assert_eq!(bytes(&at("é").get("a").unwrap().items()[1]), "'x y'");
        assert_eq!(bytes(at("é").get("b").unwrap()), "");
        assert_eq!(bytes(&at("c").items()[0]), "\"q\"");
        assert_eq!(bytes(&root.pairs()[1].0), "c");
        assert!(bytes(at("c")).starts_with("- \"q\""), "{:?}", bytes(at("c")));
        assert!(bytes(at("c")).trim_end().ends_with('t'), "{:?}", bytes(at("c")));
        assert_eq!(bytes(at("e")), "[ ]");
        assert_eq!((root.start, &text[root.end..]), (0, "\n"));
    }

    #[test]
    fn tag_makes_a_text_of_what_is_unquoted() {
        let (read, fault) = documents("- 1\n- !!str 1\n- !!int 1\n- '1'\n");
        assert_eq!(fault, None);
        let plain = read[0].items().iter().map(|item| matches!(item.value, Value::Scalar { plain: true, .. }));
        assert_eq!(plain.collect::<Vec<_>>(), [true, false, true, false]);
    }

    #[test]
    fn merge_key_in_quotes_is_a_key() {
        let many: String = (0..UNINDEXED).map(|i| format!(", k{i}: 1")).collect();
        for more in ["", &many] {
            let (read, fault) = documents(&format!("{{\"<<\": {{a: 1}}{more}}}"));
            assert_eq!(fault, None);
            assert!(read[0].get("a").is_none());
            assert!(read[0].get("<<").is_some());
        }
        let fault = documents("{\"<<\": {a: 1}, '<<': {a: 2}}").1.unwrap();
        assert_eq!(fault.kind, FaultKind::DuplicateKey);
        assert!(documents("{<<: {a: 1}, <<: {b: 2}}").0[0].get("b").is_some());
    }

    #[test]
    fn the_size_of_a_tree_counts_aliases_as_what_they_stand_for() {
        let size = |text: &str| documents(text).0[0].size();
        assert_eq!((size("a"), size("a: [1, 2]"), size("a: &x [1, 2]\nb: *x")), (1, 5, 9));
        let mut bomb = "a0: &a0 [1]\n".to_owned();
        for i in 1..80 {
            let alias = format!("*a{}", i - 1);
            bomb.push_str(&format!("a{i}: &a{i} [{alias}, {alias}, {alias}]\n"));
        }
        assert_eq!(size(&bomb), usize::MAX);
    }

    #[test]
    fn merges_of_merges_are_bounded_and_none_is_left_out() {
        let mut text = "a0: &a0 {k: 1}\n".to_owned();
        for i in 1..40 {
            let before = format!("*a{}", i - 1);
            text.push_str(&format!("a{i}: &a{i} {{<<: [{before}, {before}, {before}]}}\n"));
        }
        let fault = documents(&text).1.unwrap();
        assert_eq!((fault.kind, fault.line), (FaultKind::Bound, 5));
        assert!(fault.message.contains("merged"), "{}", fault.message);

        // A large mapping has an index, and merges all the same.
        let large: String = (0..40).map(|i| format!("k{i}: {i}\n")).collect();
        let (read, fault) = documents(&format!("<<: {{a: merged, k1: not own}}\n{large}"));
        assert_eq!(fault, None);
        let text = |key| read[0].get(key).and_then(|node| node.text());
        assert_eq!((text("k39"), text("k1"), text("a"), text("b")), (Some("39"), Some("1"), Some("merged"), None));

        let many: String = (0..20).map(|i| format!("- {{k{i}: {i}}}\n")).collect();
        let (read, fault) = documents(&format!("<<:\n{many}k0: own\n"));
        assert_eq!(fault, None);
        let text = |key| read[0].get(key).and_then(|node| node.text());
        assert_eq!((text("k0"), text("k19"), text("k20")), (Some("own"), Some("19"), None));
    }
}
