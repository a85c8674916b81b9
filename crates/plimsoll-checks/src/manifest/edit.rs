//! Small edits of manifests. In: a file's text, a mapping in it and a path of keys. Out: the insertions and replacements that
//! give the path its value and leave every other byte, in the style that stands there: block or flow, quoted or not, the
//! file's own indent and line breaks. What it does not do: edit what an alias or a merge shares with other places, or text
//! that it does not see through: there it gives nothing, and the finding stays without a fix.

use std::sync::Arc;

use plimsoll_model::TextEdit;
use plimsoll_yaml::{Node, Value as Tree};

use crate::source::{Source, Span, insert, remove as take, replace};

/// Bytes at the start of a file from which its indent and style are told: the first mapping of a manifest stands in them.
const PROBE: usize = 4096;

/// What a path is set to.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    Bool(bool),
    Int(i64),
    Text(&'a str),
    /// A list of texts, written on one line.
    Texts(&'a [&'a str]),
}

/// The pair of a key that stands in this mapping itself: none that is merged in.
pub fn own<'n>(node: &'n Arc<Node>, key: &str) -> Option<(&'n Arc<Node>, &'n Arc<Node>)> {
    node.pairs().iter().find(|(k, _)| k.text() == Some(key)).map(|(k, v)| (k, v))
}

/// True where nothing else of the document shares the node: it is no alias, and no alias stands for it.
pub fn unshared(node: &Arc<Node>) -> bool {
    Arc::strong_count(node) == 1
}

/// Sets the value at a path below a mapping, making the mappings between where there are none. `base` itself must stand
/// where it is used: see [`unshared`].
pub fn set(source: &Source<'_>, base: &Arc<Node>, path: &[&str], value: Value<'_>) -> Option<Vec<TextEdit>> {
    let (key, below) = path.split_first()?;
    let Some((name, child)) = own(base, key) else {
        // A merged key would be hidden by one of its own.
        return if base.get(key).is_some() { None } else { put(source, base, path, value).map(|edit| vec![edit]) };
    };
    if !unshared(child) || child.start < name.end {
        return None;
    }
    if child.is_null() {
        return fill(source, base, name, child, below, value).map(|edit| vec![edit]);
    }
    match &child.value {
        Tree::Map(_) if !below.is_empty() => set(source, child, below, value),
        Tree::Scalar { .. } if below.is_empty() && !is_block_scalar(source, name, child) => {
            let old = source.slice(Span::new(child.start, child.end));
            let quote = old.chars().next().filter(|c| matches!(c, '"' | '\''));
            let quoted = json(source, name);
            let text = match (value, quote) {
                (Value::Text(text), Some(quote)) if plain(text) => format!("{quote}{text}{quote}"),
                _ => written(value, quoted),
            };
            Some(vec![replace(Span::new(child.start, child.end), text)])
        }
        _ => None,
    }
}

/// Adds a text to the end of the list at a path.
pub fn push(source: &Source<'_>, base: &Arc<Node>, path: &[&str], text: &str) -> Option<Vec<TextEdit>> {
    let mut list = base;
    for key in path {
        let (name, child) = own(list, key)?;
        if !unshared(child) || child.start < name.end {
            return None;
        }
        list = child;
    }
    let Tree::List(items) = &list.value else { return None };
    let bytes = source.text.as_bytes();
    let Some(last) = items.last() else {
        // Only `[]` is an empty list.
        let quoted = opens_with_brace(source);
        return Some(vec![insert(list.start + 1, written(Value::Text(text), quoted))]);
    };
    if !is_direct(items, items.len() - 1, list) || !matches!(last.value, Tree::Scalar { .. }) || last.end <= last.start
    {
        return None;
    }
    let text = match bytes.get(last.start) {
        Some(quote @ (b'"' | b'\'')) if plain(text) => format!("{0}{text}{0}", *quote as char),
        _ => written(Value::Text(text), false),
    };
    if list.end > last.end {
        return Some(vec![insert(last.end, format!(", {text}"))]);
    }
    let prefix = line_prefix(source, last.start);
    let dash = prefix.trim_start_matches(' ');
    if !dash.starts_with("- ") || !dash[1..].bytes().all(|b| b == b' ') {
        return None;
    }
    let at = line_rest(source, last.end)?;
    Some(vec![insert(at, format!("{}{prefix}{text}", line_break(source)))])
}

/// Takes the entry at a path away; nothing where its mapping would be empty then.
pub fn remove(source: &Source<'_>, base: &Arc<Node>, path: &[&str]) -> Option<Vec<TextEdit>> {
    let (key, parents) = path.split_last()?;
    let mut mapping = base;
    for parent in parents {
        let (name, child) = own(mapping, parent)?;
        if !unshared(child) || child.start < name.end {
            return None;
        }
        mapping = child;
    }
    let pairs = mapping.pairs();
    let at = pairs.iter().position(|(name, _)| name.text() == Some(key))?;
    if pairs.len() < 2 {
        return None;
    }
    let (name, value) = &pairs[at];
    let real = |(name, value): &(Arc<Node>, Arc<Node>)| value.start >= name.end && value.end > value.start;
    if is_flow(source, mapping)? {
        let span = match pairs.get(at + 1) {
            Some((next, _)) => Span::new(name.start, next.start),
            None if real(&pairs[at - 1]) && real(&pairs[at]) => Span::new(pairs[at - 1].1.end, value.end),
            None => return None,
        };
        return Some(vec![take(span)]);
    }
    let prefix = line_prefix(source, name.start);
    if prefix.bytes().all(|b| b == b' ') {
        let end = tail(source, name, value)?;
        let start = name.start - prefix.len();
        let after = &source.text[end..];
        let line_end = if after.starts_with("\r\n") { 2 } else { usize::from(after.starts_with('\n')) };
        return Some(vec![take(Span::new(start, end + line_end))]);
    }
    let (next, _) = pairs.get(at + 1)?;
    let indent = indent(source, name)?;
    (line_prefix(source, next.start).len() == indent).then(|| vec![take(Span::new(name.start, next.start))])
}

/// A mapping gets a new entry.
fn put(source: &Source<'_>, mapping: &Arc<Node>, path: &[&str], value: Value<'_>) -> Option<TextEdit> {
    let Tree::Map(pairs) = &mapping.value else { return None };
    if is_flow(source, mapping)? {
        return Some(put_in_flow(source, mapping, pairs, path, value));
    }
    let (first, _) = pairs.first()?;
    let indent = indent(source, first)?;
    let quoted = json(source, first);
    let entry = block(source, path, value, indent, quoted);
    let line = format!("{}{}", line_break(source), " ".repeat(indent));
    // After the last entry whose end is sure; a block scalar's is not, for blank lines after it may belong to it.
    match pairs.iter().rev().find_map(|(name, value)| tail(source, name, value)) {
        Some(at) => Some(insert(at, format!("{line}{entry}"))),
        None => Some(insert(first.start, format!("{entry}{line}"))),
    }
}

fn put_in_flow(
    source: &Source<'_>,
    mapping: &Arc<Node>,
    pairs: &[(Arc<Node>, Arc<Node>)],
    path: &[&str],
    value: Value<'_>,
) -> TextEdit {
    let quoted = match pairs.first() {
        Some((first, _)) => json(source, first),
        None => opens_with_brace(source),
    };
    // Each entry on a line of its own, as JSON is printed.
    let spread = pairs.first().map(|(first, _)| line_prefix(source, first.start)).filter(|prefix| {
        let first = pairs.first().map_or(0, |(first, _)| first.start);
        prefix.bytes().all(|b| matches!(b, b' ' | b'\t')) && first > mapping.start + 1
    });
    let line = spread.map(|prefix| format!("{}{prefix}", line_break(source)));
    let entry = flow(source, path, value, quoted, line.as_deref());
    let (between, front) = (line.as_deref().unwrap_or(" "), line.as_deref().unwrap_or(""));
    match pairs.last() {
        None => insert(mapping.start + 1, entry),
        Some((name, value)) if value.start >= name.end && value.end > value.start => {
            insert(value.end, format!(",{between}{entry}"))
        }
        Some(_) => {
            let after = if line.is_some() { "" } else { " " };
            insert(mapping.start + 1, format!("{front}{entry},{after}"))
        }
    }
}

/// A key that has no value gets one.
fn fill(
    source: &Source<'_>,
    mapping: &Arc<Node>,
    name: &Arc<Node>,
    child: &Arc<Node>,
    below: &[&str],
    value: Value<'_>,
) -> Option<TextEdit> {
    let quoted = json(source, name);
    let inline = if below.is_empty() {
        written(value, quoted)
    } else {
        format!("{{{}}}", flow(source, below, value, quoted, None))
    };
    if child.end > child.start {
        return Some(replace(Span::new(child.start, child.end), inline));
    }
    let after = &source.text[name.end..];
    let colon = name.end + (after.len() - after.trim_start_matches(' ').len());
    if source.text.as_bytes().get(colon) != Some(&b':') {
        return None;
    }
    if is_flow(source, mapping)? {
        return Some(insert(colon + 1, format!(" {inline}")));
    }
    let end = line_rest(source, colon + 1)?;
    if below.is_empty() {
        return Some(insert(colon + 1, format!(" {inline}")));
    }
    let indent = indent(source, name)? + unit(source);
    let entry = block(source, below, value, indent, quoted);
    Some(insert(end, format!("{}{}{entry}", line_break(source), " ".repeat(indent))))
}

/// `a:`, `  b: value` on lines of their own.
fn block(source: &Source<'_>, path: &[&str], value: Value<'_>, indent: usize, quoted: bool) -> String {
    let (step, line) = (unit(source), line_break(source));
    let mut out = String::new();
    for (depth, key) in path.iter().enumerate() {
        if depth > 0 {
            out.push_str(line);
            out.push_str(&" ".repeat(indent + depth * step));
        }
        out.push_str(&written(Value::Text(key), quoted));
        out.push(':');
    }
    out.push(' ');
    out.push_str(&written(value, quoted));
    out
}

/// `a: {b: value}`, spread over lines where the mapping around it is.
fn flow(source: &Source<'_>, path: &[&str], value: Value<'_>, quoted: bool, line: Option<&str>) -> String {
    let Some((key, below)) = path.split_first() else { return String::new() };
    let key = written(Value::Text(key), quoted);
    if below.is_empty() {
        return format!("{key}: {}", written(value, quoted));
    }
    match line {
        Some(line) => {
            let deeper = format!("{line}{}", " ".repeat(unit(source)));
            format!("{key}: {{{deeper}{}{line}}}", flow(source, below, value, quoted, Some(&deeper)))
        }
        None => format!("{key}: {{{}}}", flow(source, below, value, quoted, None)),
    }
}

fn written(value: Value<'_>, quoted: bool) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Text(text) if !quoted && plain(text) => text.to_owned(),
        // A JSON string is a YAML one.
        Value::Text(text) => serde_json::Value::from(text).to_string(),
        Value::Texts(texts) => {
            let texts: Vec<String> = texts.iter().map(|text| written(Value::Text(text), quoted)).collect();
            format!("[{}]", texts.join(", "))
        }
    }
}

/// A text that stays itself without quotes, in block and in flow.
fn plain(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'/' | b'-' | b'@' | b':');
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'/');
    let last = text.bytes().next_back().is_some_and(|b| b != b':');
    let lower = text.to_ascii_lowercase();
    let other = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"].contains(&lower.as_str());
    first && last && !other && text.bytes().all(word)
}

/// Keys are quoted as in JSON, so what is added is too.
fn json(source: &Source<'_>, key: &Node) -> bool {
    source.text.as_bytes().get(key.start) == Some(&b'"')
}

/// `{…}`; none where the mapping cannot be told.
fn is_flow(source: &Source<'_>, mapping: &Arc<Node>) -> Option<bool> {
    let brace = source.text.as_bytes().get(mapping.start) == Some(&b'{');
    match mapping.pairs().first() {
        None => brace.then_some(true),
        // A block mapping whose first key is a flow mapping.
        Some((first, _)) if brace => (first.start > mapping.start).then_some(true),
        Some(_) => Some(false),
    }
}

/// A scalar after `|` or `>`.
fn is_block_scalar(source: &Source<'_>, name: &Node, value: &Node) -> bool {
    matches!(value.value, Tree::Scalar { plain: false, .. })
        && !matches!(source.text.as_bytes().get(value.end.wrapping_sub(1)), Some(b'"' | b'\''))
        || source.slice(Span::new(name.end, value.start)).contains(['|', '>'])
}

/// The columns before a key that opens its line, a list's dashes counted; none where other things stand there.
fn indent(source: &Source<'_>, key: &Node) -> Option<usize> {
    let prefix = line_prefix(source, key.start);
    prefix.bytes().all(|b| matches!(b, b' ' | b'-')).then_some(prefix.len())
}

/// From the start of its line to a byte.
fn line_prefix<'a>(source: &Source<'a>, at: usize) -> &'a str {
    let line = source.line_span(source.line(at)).unwrap_or_default();
    source.slice(Span::new(line.start, at))
}

/// The end of a byte's line, when nothing but a comment follows.
fn line_rest(source: &Source<'_>, at: usize) -> Option<usize> {
    let line = source.line_span(source.line(at))?;
    let rest = source.slice(Span::new(at, line.end));
    let words = rest.trim_start_matches([' ', '\t']);
    (words.is_empty() || (words.starts_with('#') && words.len() < rest.len())).then_some(line.end)
}

/// Where the lines of a block mapping's entry end; none where that is not sure.
fn tail(source: &Source<'_>, name: &Arc<Node>, value: &Arc<Node>) -> Option<usize> {
    if value.start < name.end {
        // An alias: its bytes are elsewhere.
        let line = source.line_span(source.line(name.end))?;
        let rest = source.slice(Span::new(name.end, line.end));
        let after = rest.trim_start_matches(' ').strip_prefix(':')?.trim_start_matches(' ');
        let word = after.strip_prefix('*')?.find([' ', '\t']).map_or(after.len(), |end| end + 1);
        return line_rest(source, line.end - (after.len() - word));
    }
    if value.start == value.end {
        let rest = source.slice(Span::new(name.end, source.line_span(source.line(name.end))?.end));
        let colon = rest.len() - rest.trim_start_matches(' ').len();
        return rest[colon..].starts_with(':').then(|| line_rest(source, name.end + colon + 1)).flatten();
    }
    let last = match &value.value {
        Tree::Scalar { .. } if is_block_scalar(source, name, value) => return None,
        Tree::Scalar { .. } => None,
        Tree::List(items) => items.last().map(|last| (last, is_direct(items, items.len() - 1, value))),
        Tree::Map(pairs) => pairs.last().map(|(_, last)| (last, true)),
    };
    match (last, &value.value) {
        (None, _) => line_rest(source, value.end),
        // A closing bracket of its own.
        (Some((last, _)), _) if value.end > last.end && is_bracket(source, value) => line_rest(source, value.end),
        (Some(_), Tree::Map(pairs)) => {
            let (name, value) = pairs.last()?;
            tail(source, name, value)
        }
        (Some((_, false)), _) => None,
        (Some((last, true)), _) => match &last.value {
            Tree::Map(pairs) if !is_bracket(source, last) => {
                let (name, value) = pairs.last()?;
                tail(source, name, value)
            }
            // A list in a list, or a block scalar as an item.
            Tree::List(_) if !is_bracket(source, last) => None,
            Tree::Scalar { plain: false, .. }
                if !matches!(source.text.as_bytes().get(last.start), Some(b'"' | b'\'')) =>
            {
                None
            }
            _ if last.end > last.start => line_rest(source, last.end),
            _ => None,
        },
    }
}

fn is_bracket(source: &Source<'_>, node: &Node) -> bool {
    let bytes = source.slice(Span::new(node.start, node.end)).as_bytes();
    matches!((bytes.first(), bytes.last()), (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')))
}

/// An item that stands in its list: none that an alias brings from before.
fn is_direct(items: &[Arc<Node>], at: usize, list: &Node) -> bool {
    let before = if at == 0 { list.start } else { items[at - 1].end };
    unshared(&items[at]) && items[at].start >= before
}

/// The file's line break, as its first line has it.
fn line_break(source: &Source<'_>) -> &'static str {
    match source.line_span(1) {
        Some(first) if source.text[first.end..].starts_with("\r\n") => "\r\n",
        _ => "\n",
    }
}

/// The start of the file, for what is told from it.
fn head<'a>(source: &Source<'a>) -> &'a str {
    let mut end = source.text.len().min(PROBE);
    while !source.text.is_char_boundary(end) {
        end -= 1;
    }
    &source.text[..end]
}

/// The file is JSON by the look of it.
fn opens_with_brace(source: &Source<'_>) -> bool {
    head(source).trim_start().starts_with('{')
}

/// The file's indent, as its first indented mapping has it.
fn unit(source: &Source<'_>) -> usize {
    let widths = head(source).lines().filter_map(|line| {
        let words = line.trim_start_matches(' ');
        let width = line.len() - words.len();
        (width > 0 && width <= 8 && !words.starts_with(['#', '-']) && !words.is_empty()).then_some(width)
    });
    widths.take(1).next().unwrap_or(2)
}
