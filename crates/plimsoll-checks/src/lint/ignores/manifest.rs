//! Ignores of manifests. In: a file's trees and text. Out: each comment and annotation that keeps rules quiet, with what it
//! covers. A comment covers the field or list item that begins on its own or the next line; before a document, all of it.
//! An annotation covers its object, or the pod template that it stands on. Comments are found in the text, for the reader
//! of YAML drops them; what looks like one inside a text value is none.

use std::collections::HashSet;
use std::sync::Arc;

use plimsoll_yaml::{Node, Value};

use super::Ignore;
use super::dockerfile::whole_line;
use super::words::{Wording, list, ours, reasoned};
use crate::manifest::object::{Manifest, Object, at, span};
use crate::source::{Source, Span};

/// `plimsoll.dev/allow: RULE reason`, several parted by line breaks or `;`.
const ANNOTATION: &str = "plimsoll.dev/allow";

pub(in crate::lint) fn ignores(manifest: &Manifest<'_>) -> Vec<Ignore> {
    let mut ignores = Vec::new();
    if manifest.source.text.contains("limsoll") {
        comments(manifest, &mut ignores);
        annotations(manifest, &mut ignores);
    }
    ignores
}

/// Where things begin in a file.
#[derive(Default)]
struct Places {
    /// Fields (key to end of value) and list items, in the order of the file.
    begin: Vec<Span>,
    /// Text values and keys, in the order of the file, none overlapping.
    scalars: Vec<Span>,
    /// Whole documents, in the order of the file.
    roots: Vec<Span>,
    /// Where lines that part documents (`---`) start.
    markers: Vec<usize>,
}

impl Places {
    fn of(manifest: &Manifest<'_>) -> Places {
        let mut places = Places::default();
        let mut documents = HashSet::new();
        let objects = manifest.objects.iter().filter(|object| documents.insert(object.document));
        let roots: Vec<&Arc<Node>> = objects.map(|object| &object.node).chain(&manifest.others).collect();
        places.roots = roots.iter().map(|root| span(root)).collect();
        places.roots.sort();
        // Each node once, though aliases stand for it in many places: it has the bytes of its anchor.
        let mut seen = HashSet::new();
        let mut left = roots;
        while let Some(node) = left.pop() {
            if !seen.insert(Arc::as_ptr(node)) {
                continue;
            }
            match &node.value {
                Value::Scalar { .. } => places.scalars.push(span(node)),
                Value::List(items) => {
                    places.begin.extend(items.iter().map(|item| span(item)));
                    left.extend(items);
                }
                Value::Map(pairs) => {
                    for (key, value) in pairs {
                        places.begin.push(Span::new(key.start, value.end.max(key.end)));
                        left.extend([key, value]);
                    }
                }
            }
        }
        places.begin.sort();
        places.scalars.sort();
        let text = manifest.source.text;
        let lines = (1..=manifest.source.line_count()).filter_map(|line| manifest.source.line_span(line));
        places.markers = lines.map(|line| line.start).filter(|start| text[*start..].starts_with("---")).collect();
        places
    }

    fn in_scalar(&self, at: usize) -> bool {
        let before = self.scalars.partition_point(|scalar| scalar.start <= at);
        self.scalars[..before].last().is_some_and(|scalar| at < scalar.end)
    }

    fn parted(&self, from: usize, to: usize) -> bool {
        let first = self.markers.partition_point(|marker| *marker < from);
        self.markers.get(first).is_some_and(|marker| *marker < to)
    }

    /// The document that begins after a comment with nothing but comments between.
    fn document_after(&self, comment: Span) -> Option<Span> {
        let next = self.roots.partition_point(|root| root.start < comment.start);
        let root = *self.roots.get(next)?;
        let begun = match next.checked_sub(1).map(|before| self.roots[before]) {
            Some(before) => before.end <= comment.start && self.parted(before.end, comment.start),
            None => true,
        };
        begun.then_some(root)
    }

    /// The widest field or item that begins on the line of the first one at or after a byte, no further than another.
    fn widest(&self, source: &Source<'_>, from: usize, to: usize) -> Option<Span> {
        let first = self.begin.partition_point(|place| place.start < from);
        let line = source.line(self.begin.get(first).filter(|place| place.start < to)?.start);
        let end = source.line_span(line).map_or(to, |span| span.end);
        let on_line = self.begin[first..].iter().take_while(|place| place.start <= end && place.start < to);
        on_line.max_by_key(|place| (place.end, std::cmp::Reverse(place.start))).copied()
    }
}

fn comments(manifest: &Manifest<'_>, ignores: &mut Vec<Ignore>) {
    let source = manifest.source;
    let mut places: Option<Places> = None;
    // Comments above one another lead to the same line, which may be long.
    let mut below: Option<(usize, Option<Span>)> = None;
    for line in (1..=source.line_count()).filter_map(|line| source.line_span(line)) {
        let text = source.slice(line);
        // Most lines have no word of ours: the trees are walked only for a file that has one.
        let before = |(at, _): (usize, &str)| Some(text.get(..at.checked_sub(1)?)?.trim_end().strip_suffix('#')?.len());
        let Some(hash) = text.match_indices("limsoll").find_map(before) else { continue };
        if !text[..hash].is_empty() && !text[..hash].ends_with([' ', '\t']) {
            continue;
        }
        let Some(wording) = ours(&text[hash + 1..]) else { continue };
        let places = places.get_or_insert_with(|| Places::of(manifest));
        let comment = Span::new(line.start + hash, line.end);
        if places.in_scalar(comment.start) {
            continue;
        }
        let own_line = text[..hash].trim().is_empty();
        let (covers, whole) = if own_line {
            let first = places.begin.partition_point(|place| place.start < comment.end);
            let after = places.document_after(comment).or_else(|| match below {
                Some((known, span)) if known == first && !places.parted(comment.start, comment.end) => span,
                _ => {
                    let next = places.markers.partition_point(|marker| *marker < comment.end);
                    let to = places.markers.get(next).copied().unwrap_or(usize::MAX);
                    let span = places.widest(source, comment.end, to);
                    below = Some((first, span));
                    span
                }
            });
            (after, whole_line(source, comment))
        } else {
            let on_line = places.widest(source, line.start, comment.start);
            let before = line.start + text[..hash].trim_end().len();
            (on_line.or(Some(Span::new(line.start, comment.start))), Span::new(before, comment.end))
        };
        ignores.push(Ignore::new(comment, Some(whole), covers, wording));
    }
}

fn annotations(manifest: &Manifest<'_>, ignores: &mut Vec<Ignore>) {
    let mut seen = HashSet::new();
    for object in &manifest.objects {
        annotated(object.at(&["metadata", "annotations"]), span(&object.node), &mut seen, ignores);
        for path in template_paths(object) {
            if let Some(template) = object.at(path) {
                annotated(at(template, &["metadata", "annotations"]), span(template), &mut seen, ignores);
            }
        }
    }
}

/// Where an object has the template of its pods.
fn template_paths(object: &Object) -> &'static [&'static [&'static str]] {
    match object.kind.as_str() {
        "Pod" => &[],
        "PodTemplate" => &[&["template"]],
        "CronJob" => &[&["spec", "jobTemplate"], &["spec", "jobTemplate", "spec", "template"]],
        _ => &[&["spec", "template"]],
    }
}

fn annotated(
    annotations: Option<&Arc<Node>>,
    covers: Span,
    seen: &mut HashSet<(*const Node, usize)>,
    ignores: &mut Vec<Ignore>,
) {
    let pairs = annotations.map(|annotations| annotations.pairs()).unwrap_or_default();
    for (key, value) in pairs {
        let Some(rest) = key.text().and_then(|key| key.strip_prefix(ANNOTATION)) else { continue };
        if !seen.insert((Arc::as_ptr(value), covers.start)) {
            continue;
        }
        let text = value.text().unwrap_or_default();
        let place = Span::new(key.start, value.end.max(key.end));
        if let Some(rule) = rest.strip_prefix('.').filter(|rule| !rule.is_empty()) {
            let wording = Wording { rules: vec![rule.to_owned()], ..reasoned(text) };
            ignores.push(Ignore::new(place, None, Some(covers), wording));
        } else if rest.is_empty() {
            let parts: Vec<&str> = text.split(['\n', ';']).map(str::trim).filter(|part| !part.is_empty()).collect();
            // An empty one is told as an ignore without a rule.
            let parts = if parts.is_empty() { vec![""] } else { parts };
            ignores.extend(parts.into_iter().map(|part| Ignore::new(place, None, Some(covers), list(part))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::object::read;

    fn covered(text: &str) -> Vec<(String, String)> {
        let source = Source::new("m.yaml", text);
        let shown = |ignore: &Ignore| {
            let covers = ignore.covers.map_or("nothing", |span| source.slice(span).trim_end());
            (ignore.rules.join(","), covers.to_owned())
        };
        ignores(&read(&source)).iter().map(shown).collect()
    }

    #[test]
    fn comments_cover_what_begins_on_their_own_or_the_next_line() {
        let text = "# plimsoll: allow top r\n# more words\napiVersion: v1\nkind: Pod\nspec:\n  # plimsoll: allow next r\n\n  # why\n  \
                    hostPID: true\n  hostIPC: true # plimsoll: allow same r\n  containers:\n  # plimsoll: allow item r\n  - name: a\n    \
                    image: b # plimsoll: allow field r\n  - name: c # plimsoll: allow second r\n    image: d\n  # plimsoll: allow dangling r\n";
        let of: Vec<(String, String)> = covered(text);
        let get = |rule: &str| of.iter().find(|(name, _)| name == rule).map(|(_, text)| text.as_str()).unwrap();
        assert!(get("top").starts_with("apiVersion") && get("top").ends_with("image: d"), "{}", get("top"));
        assert_eq!(get("next"), "hostPID: true");
        assert_eq!(get("same"), "hostIPC: true");
        assert!(get("item").starts_with("name: a") || get("item").starts_with("- name: a"), "{}", get("item"));
        assert!(get("item").ends_with("image: b"), "{}", get("item"));
        assert_eq!(get("field"), "image: b");
        assert!(get("second").ends_with("image: d"), "{}", get("second"));
        assert_eq!(get("dangling"), "nothing");
        assert_eq!(of.len(), 7);
    }

    #[test]
    fn documents_are_covered_from_the_comment_before_them_alone() {
        let object = |name: &str| format!("apiVersion: v1\nkind: {name}\n");
        let text = format!(
            "---\n# plimsoll: allow one r\n{}# plimsoll: allow none r\n---\n# plimsoll: allow two r\n\n{}",
            object("A"),
            object("B")
        );
        let of = covered(&text);
        let kinds: Vec<bool> = of.iter().map(|(_, text)| text.contains("kind: A")).collect();
        assert_eq!(kinds, [true, false, false]);
        assert_eq!(of[1].1, "nothing");
        assert!(of[2].1.contains("kind: B"));
    }

    #[test]
    fn comments_in_text_values_are_text() {
        for value in
            ["|\n    # plimsoll: allow a r\n    x", "'b # plimsoll: allow a r'", "\"b\n    # plimsoll: allow a r\""]
        {
            let text = format!("apiVersion: v1\nkind: ConfigMap\ndata:\n  a: {value}\n");
            assert_eq!(covered(&text), [], "{text}");
        }
    }

    #[test]
    fn annotations_cover_their_object_or_their_template() {
        let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  annotations:\n    plimsoll.dev/allow: \"a, b it is so; c until=2027-01-01\"\n    \
                    plimsoll.dev/allow.DL3007: pinned by CI\nspec:\n  template:\n    metadata:\n      annotations:\n        plimsoll.dev/allow.d: r\n    \
                    spec: {}\n";
        let of = covered(text);
        let names: Vec<&str> = of.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a,b", "c", "DL3007", "d"]);
        assert!(of[..3].iter().all(|(_, text)| text.starts_with("apiVersion")));
        assert!(of[3].1.starts_with("metadata:\n      annotations"), "{}", of[3].1);
    }

    #[test]
    fn many_aliases_of_one_tree_are_walked_once() {
        let mut text = "apiVersion: v1\nkind: List\na0: &a0 [x] # plimsoll: allow a r\n".to_owned();
        for i in 1..60 {
            text.push_str(&format!("a{i}: &a{i} [*a{0}, *a{0}, *a{0}]\n", i - 1));
        }
        assert_eq!(covered(&text).len(), 1);
    }
}
