//! Edits of manifests: whatever the style, the path has its value afterwards and nothing else has changed.

use std::sync::Arc;

use plimsoll_checks::manifest::edit::{Value, push, remove, set};
use plimsoll_checks::source::Source;
use plimsoll_model::TextEdit;
use plimsoll_yaml::{Node, documents};
use proptest::prelude::*;
use serde_json::json;

/// The text after its edits, which must be in order and apart.
pub fn apply(text: &str, edits: &[TextEdit]) -> String {
    let mut out = text.to_owned();
    let mut last = text.len() + 1;
    for edit in edits.iter().rev() {
        assert!(edit.start <= edit.end && edit.end < last, "edits touch: {edits:?}");
        last = edit.start.max(1);
        out.replace_range(edit.start..edit.end, &edit.text);
    }
    out
}

/// A tree as JSON, for comparing and for writing it so.
pub fn value(node: &Arc<Node>) -> serde_json::Value {
    match &node.value {
        plimsoll_yaml::Value::Scalar { text, plain: true } => match text.as_str() {
            "" | "~" | "null" => json!(null),
            "true" => json!(true),
            "false" => json!(false),
            text => text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)),
        },
        plimsoll_yaml::Value::Scalar { text, .. } => json!(text),
        plimsoll_yaml::Value::List(items) => items.iter().map(value).collect(),
        plimsoll_yaml::Value::Map(pairs) => {
            pairs.iter().map(|(k, v)| (k.text().unwrap_or_default().to_owned(), value(v))).collect()
        }
    }
}

/// Sets `path` in the text's one document.
fn edited(text: &str, edit: impl Fn(&Source<'_>, &Arc<Node>) -> Option<Vec<TextEdit>>) -> Option<String> {
    let source = Source::new("m", text);
    let (trees, fault) = documents(text);
    assert_eq!(fault, None, "{text}");
    edit(&source, &trees[0]).map(|edits| apply(text, &edits))
}

#[test]
fn a_value_is_set_in_the_style_that_stands_there() {
    #[rustfmt::skip]
    let table = [
        // before, path, after; none where it is left alone
        ("a: 1\n", "b", Some("a: 1\nb: no-one\n")),
        ("a: 1", "b", Some("a: 1\nb: no-one")),
        ("a: 1 # x\n# end\n", "b.c", Some("a: 1 # x\nb:\n  c: no-one\n# end\n")),
        ("a:\n    x: 1\n", "b.c", Some("a:\n    x: 1\nb:\n    c: no-one\n")),
        ("a:\r\n  x: 1\r\n", "a.z", Some("a:\r\n  x: 1\r\n  z: no-one\r\n")),
        ("- a: 1\n  c:\n  - 2\n", "0.b", None),
        ("a: |\n  t\n\nc: 2\nd: |+\n  t\n\n\n", "b", Some("a: |\n  t\n\nc: 2\nb: no-one\nd: |+\n  t\n\n\n")),
        ("a: |+\n  t\n\n\n", "b", Some("b: no-one\na: |+\n  t\n\n\n")),
        ("a: \"x\n  y\"\n", "b", Some("a: \"x\n  y\"\nb: no-one\n")),
        ("a: x\n  y\n", "b", Some("a: x\n  y\nb: no-one\n")),
        ("a:\n- b: |\n    t\n", "c", Some("c: no-one\na:\n- b: |\n    t\n")),
        ("a:\n- b\n- - c\n", "d", Some("d: no-one\na:\n- b\n- - c\n")),
        ("a: []\n", "b", Some("a: []\nb: no-one\n")),
        ("a:\n- {b: 1} # x\n", "b", Some("a:\n- {b: 1} # x\nb: no-one\n")),
        ("a:\n", "a", Some("a: no-one\n")),
        ("a: # x\n", "a", Some("a: no-one # x\n")),
        ("a: # x\nb: 1\n", "a.c", Some("a: # x\n  c: no-one\nb: 1\n")),
        ("a: null\n", "a.c", Some("a: {c: no-one}\n")),
        ("a: ~ # x\n", "a", Some("a: no-one # x\n")),
        ("a: 'x' # x\n", "a", Some("a: 'no-one' # x\n")),
        ("a: {}\n", "a.b.c", Some("a: {b: {c: no-one}}\n")),
        ("a: {x: 1}\n", "a.b", Some("a: {x: 1, b: no-one}\n")),
        ("a: {x: 1,}\n", "a.b", Some("a: {x: 1, b: no-one,}\n")),
        ("a: {x: , y}\n", "a.b", Some("a: {b: no-one, x: , y}\n")),
        ("a: {x: }\n", "a.x", Some("a: {x: no-one }\n")),
        ("{\"a\": 1}", "b.c", Some("{\"a\": 1, \"b\": {\"c\": \"no-one\"}}")),
        ("{\n\t\"a\": 1\n}\n", "b", Some("{\n\t\"a\": 1,\n\t\"b\": \"no-one\"\n}\n")),
        ("{\n  \"a\": {\n    \"x\": 1\n  }\n}\n", "a.b.c", Some("{\n  \"a\": {\n    \"x\": 1,\n    \"b\": {\n      \"c\": \"no-one\"\n    }\n  }\n}\n")),
        ("x: &s {y: 1}\na: *s\n", "a.b", None),
        ("x: &s {y: 1}\na: *s\n", "x.b", None),
        ("x: &s {y: 1}\na: *s # x\n", "b", Some("x: &s {y: 1}\na: *s # x\nb: no-one\n")),
        ("x: &s {y: 1}\na: {<<: *s}\n", "a.y", None),
        ("x: &s {y: 1}\na: {<<: *s}\n", "a.b", Some("x: &s {y: 1}\na: {b: no-one, <<: *s}\n")),
        ("a: text\n", "a.b", None),
        ("a: [1]\n", "a.b", None),
        ("a: |\n  t\n", "a", None),
        ("? a\n: 1\n", "b", None),
        ("&k a: 1\n", "b", None),
    ];
    for (before, path, after) in table {
        let path: Vec<&str> = path.split('.').collect();
        let got = edited(before, |source, root| set(source, root, &path, Value::Text("no-one")));
        assert_eq!(got.as_deref(), after, "{before:?} {path:?}");
    }
}

#[test]
fn lists_grow_and_entries_go() {
    for (before, after) in [
        ("a: [x]\n", Some("a: [x, ALL]\n")),
        ("a: [\"x\"]\n", Some("a: [\"x\", \"ALL\"]\n")),
        ("a: []\n", Some("a: [ALL]\n")),
        ("a:\n- x # why\n", Some("a:\n- x # why\n- ALL\n")),
        ("a:\r\n  -   'x'\r\n", Some("a:\r\n  -   'x'\r\n  -   'ALL'\r\n")),
        ("a:\n- {b: 1}\n", None),
        ("a: x\n", None),
        ("b: &b [x]\na: *b\n", None),
    ] {
        let got = edited(before, |source, root| push(source, root, &["a"], "ALL"));
        assert_eq!(got.as_deref(), after, "{before:?}");
    }
    for (before, after) in [
        ("a: {x: 1, y: 2}\n", Some("a: {y: 2}\n")),
        ("a: {y: 2, x: 1}\n", Some("a: {y: 2}\n")),
        ("a:\n  x: 1 # gone\n  # stays\n  y: 2\n", Some("a:\n  # stays\n  y: 2\n")),
        ("a:\n  y: 2\n  x:\n  - 1\n", Some("a:\n  y: 2\n")),
        ("a: {x: 1}\n", None),
        ("a:\n  y: 2\n  x: |\n    t\n", None),
    ] {
        let got = edited(before, |source, root| remove(source, root, &["a", "x"]));
        assert_eq!(got.as_deref(), after, "{before:?}");
    }
    let got = edited("a:\n  x: 1\n  y: 2", |source, root| remove(source, root, &["a", "x"]));
    assert_eq!(got.as_deref(), Some("a:\n  y: 2"));
}

/// A tree with the style of each of its collections.
#[derive(Debug, Clone)]
enum Tree {
    Leaf(&'static str, serde_json::Value),
    List(bool, Vec<Tree>),
    Map(bool, Vec<(&'static str, Tree)>),
}

impl Tree {
    fn value(&self) -> serde_json::Value {
        match self {
            Tree::Leaf(_, value) => value.clone(),
            Tree::List(_, items) => items.iter().map(Tree::value).collect(),
            Tree::Map(_, pairs) => {
                pairs.iter().map(|(k, v)| (k.trim_matches(['"', '\'']).to_owned(), v.value())).collect()
            }
        }
    }

    fn flow(&self) -> String {
        match self {
            Tree::Leaf(text, _) if text.starts_with('|') => "\"t\\n\"".into(),
            Tree::Leaf(text, _) => (*text).to_owned(),
            Tree::List(_, items) => {
                let item = |item: &Tree| if let Tree::Leaf("", _) = item { "~".to_owned() } else { item.flow() };
                format!("[{}]", items.iter().map(item).collect::<Vec<_>>().join(", "))
            }
            Tree::Map(_, pairs) => {
                let pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}: {}", v.flow())).collect();
                format!("{{ {} }}", pairs.join(", "))
            }
        }
    }

    /// What stands after `key:` or `-`, at the indent of the collection around it.
    fn after(&self, indent: usize, step: usize, comment: &str) -> String {
        let deeper = indent + step;
        let pad = " ".repeat(deeper);
        match self {
            Tree::Leaf(text, _) if text.starts_with('|') => format!(" {text}\n{pad}t\n"),
            Tree::Leaf("", _) => format!("{comment}\n"),
            Tree::List(true, items) if !items.is_empty() => {
                let items: String =
                    items.iter().map(|item| format!("{pad}-{}", item.after(deeper, step, comment))).collect();
                format!("{comment}\n{items}")
            }
            Tree::Map(true, pairs) if !pairs.is_empty() => {
                let pairs: String =
                    pairs.iter().map(|(k, v)| format!("{pad}{k}:{}", v.after(deeper, step, comment))).collect();
                format!("{comment}\n{pairs}")
            }
            other => format!(" {}{comment}\n", other.flow()),
        }
    }
}

const NAMES: [&str; 5] = ["a", "b", "c", "\"d\"", "'e'"];

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Leaf("1", json!(1))),
        Just(Tree::Leaf("word", json!("word"))),
        Just(Tree::Leaf("\"q # x\"", json!("q # x"))),
        Just(Tree::Leaf("'é: {'", json!("é: {"))),
        Just(Tree::Leaf("", json!(null))),
        Just(Tree::Leaf("~", json!(null))),
        Just(Tree::Leaf("|", json!("t\n"))),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            (any::<bool>(), proptest::collection::vec(inner.clone(), 0..3))
                .prop_map(|(block, items)| Tree::List(block, items)),
            (any::<bool>(), proptest::collection::vec(inner, 0..5), any::<prop::sample::Index>()).prop_map(
                |(block, values, from)| {
                    let from = from.index(NAMES.len());
                    let names = (0..).map(|i| NAMES[(from + i) % NAMES.len()]);
                    Tree::Map(block, names.zip(values).collect())
                }
            ),
        ]
    })
}

/// The value with the path set, if every step to it is a mapping, null or missing.
fn expected(mut tree: serde_json::Value, path: &[&str], new: serde_json::Value) -> Option<serde_json::Value> {
    let mut at = &mut tree;
    for key in path {
        if at.is_null() {
            *at = json!({});
        }
        at = at.as_object_mut()?.entry(*key).or_insert(json!(null));
    }
    if at.is_object() || at.is_array() {
        return None;
    }
    *at = new;
    Some(tree)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn whatever_the_style_the_path_has_its_value_and_nothing_else_changed(
        tree in trees(), more in trees(), path in proptest::collection::vec(proptest::sample::select(&["a", "b", "c", "d", "e", "f"][..]), 1..4),
        step in 1_usize..5, comments in any::<bool>(), crlf in any::<bool>(), ended in any::<bool>(), flow in any::<bool>(),
    ) {
        let root = Tree::Map(true, vec![("a", tree), ("b", more)]);
        let comment = if comments { " # {c: 'x" } else { "" };
        let mut text = if flow { root.flow() } else {
            let Tree::Map(_, pairs) = &root else { unreachable!() };
            pairs.iter().map(|(k, v)| format!("{k}:{}", v.after(0, step, comment))).collect()
        };
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        if !ended {
            text.truncate(text.trim_end().len());
        }
        let (before, fault) = documents(&text);
        prop_assume!(fault.is_none() && before.len() == 1);
        let before_value = value(&before[0]);
        prop_assert!(before_value == root.value(), "{text:?}");
        drop(before);
        let values = [
            (Value::Bool(false), json!(false)),
            (Value::Text("Default"), json!("Default")),
            (Value::Texts(&["ALL"]), json!(["ALL"])),
        ];
        for (new, wanted) in values {
            let got = edited(&text, |source, root| set(source, root, &path, new));
            let wanted = expected(before_value.clone(), &path, wanted);
            match (got, wanted) {
                (Some(after), Some(wanted)) => {
                    let (trees, fault) = documents(&after);
                    prop_assert_eq!(fault, None, "{:?}\n{:?}", text, after);
                    prop_assert_eq!(value(&trees[0]), wanted, "{:?}\n{:?}", text, after);
                    prop_assert!(!crlf || after.matches("\r\n").count() == after.matches('\n').count());
                    prop_assert_eq!(after.matches(" # {c").count(), text.matches(" # {c").count());
                }
                (None, Some(_)) => prop_assert!(text.contains('|'), "{path:?} could be set\n{text:?}"),
                (None, None) => {}
                (Some(after), None) => prop_assert!(false, "{path:?} should be left alone\n{text:?}\n{after:?}"),
            }
        }
    }
}
