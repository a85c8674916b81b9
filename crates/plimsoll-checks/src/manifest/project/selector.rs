//! Label selectors. In: a selector of a manifest and the labels of a pod. Out: whether it selects the pod, exactly as the API
//! server reads it. What it does not do: guess; a selector that cannot be read is none.

use std::collections::BTreeMap;
use std::rc::Rc;

use plimsoll_yaml::{Node, Value};

/// Labels of one object that are looked at; the API server takes an object of one megabyte, and nobody writes a thousand.
const MAX_LABELS: usize = 1_000;

/// The labels of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels<'m> {
    pub pairs: BTreeMap<&'m str, &'m str>,
    /// Some could not be read: a template, or no text. What such labels do not match, they may match all the same.
    pub unsure: bool,
}

/// A label selector: every requirement holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector<'m> {
    pub requirements: Vec<Requirement<'m>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement<'m> {
    pub key: &'m str,
    pub operator: Operator,
    pub values: Vec<&'m str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl<'m> Labels<'m> {
    /// The labels of a `metadata`.
    pub fn of(metadata: Option<&'m Rc<Node>>) -> Labels<'m> {
        let mut labels = Labels::default();
        if let Some(node) = metadata.and_then(|metadata| metadata.get("labels")) {
            labels.add(node, 0);
        }
        labels
    }

    fn add(&mut self, node: &'m Rc<Node>, depth: usize) {
        let is_map = matches!(node.value, Value::Map(_));
        if (!is_map && node.string().is_some()) || depth > MAX_MERGES {
            self.unsure = true;
        }
        // A mapping's own pairs win over merged ones.
        for (key, value) in node.pairs() {
            match (key.text(), value.text()) {
                _ if key.is_merge() => {}
                (Some(key), Some(value)) if self.pairs.len() < MAX_LABELS && !value.contains("{{") => {
                    self.pairs.entry(key).or_insert(value);
                }
                _ => self.unsure = true,
            }
        }
        for (_, value) in node.pairs().iter().filter(|(key, _)| key.is_merge() && depth <= MAX_MERGES) {
            for mapping in value.items().iter().chain(std::iter::once(value)).filter(|m| !m.pairs().is_empty()) {
                self.add(mapping, depth + 1);
            }
        }
    }
}

/// Merges within merges of labels that are followed.
const MAX_MERGES: usize = 4;

impl<'m> Selector<'m> {
    /// A `LabelSelector`: `matchLabels` and `matchExpressions`. None where it cannot be read.
    pub fn of(node: &'m Rc<Node>) -> Option<Selector<'m>> {
        let mut selector = match node.get("matchLabels") {
            Some(labels) => Selector::of_pairs(labels)?,
            None => Selector::default(),
        };
        for expression in node.get("matchExpressions").map(|list| list.items()).unwrap_or_default() {
            let operator = match expression.get("operator")?.text()? {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                _ => return None,
            };
            let values = expression.get("values").map(|list| list.items()).unwrap_or_default();
            let values = values.iter().map(|value| value.text()).collect::<Option<Vec<_>>>()?;
            selector.requirements.push(Requirement { key: expression.get("key")?.text()?, operator, values });
        }
        Some(selector)
    }

    /// A mapping of labels, as the selector of a Service is. None where it cannot be read.
    pub fn of_pairs(node: &'m Rc<Node>) -> Option<Selector<'m>> {
        let mut labels = Labels::default();
        labels.add(node, 0);
        if labels.unsure {
            return None;
        }
        let requirement = |(key, value)| Requirement { key, operator: Operator::In, values: vec![value] };
        Some(Selector { requirements: labels.pairs.into_iter().map(requirement).collect() })
    }

    /// It selects everything.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether it selects what has these labels.
    pub fn selects(&self, labels: &Labels<'_>) -> bool {
        self.requirements.iter().all(|requirement| requirement.holds(labels.pairs.get(requirement.key).copied()))
    }

    /// For messages: `app=web,tier in (a, b)`.
    pub fn words(&self) -> String {
        let one = |requirement: &Requirement<'_>| {
            let (key, values) = (requirement.key, requirement.values.join(", "));
            match requirement.operator {
                Operator::In if requirement.values.len() == 1 => format!("{key}={values}"),
                Operator::In => format!("{key} in ({values})"),
                Operator::NotIn => format!("{key} notin ({values})"),
                Operator::Exists => key.to_owned(),
                Operator::DoesNotExist => format!("!{key}"),
            }
        };
        self.requirements.iter().map(one).collect::<Vec<_>>().join(",")
    }
}

impl Requirement<'_> {
    /// Whether it holds for the value of its key, or for none.
    pub fn holds(&self, value: Option<&str>) -> bool {
        match (self.operator, value) {
            (Operator::In, Some(value)) => self.values.contains(&value),
            (Operator::In, None) => false,
            (Operator::NotIn, Some(value)) => !self.values.contains(&value),
            (Operator::NotIn, None) => true,
            (Operator::Exists, value) => value.is_some(),
            (Operator::DoesNotExist, value) => value.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_yaml::documents;
    use proptest::prelude::*;

    use super::*;

    fn selects(selector: &str, labels: &str) -> Option<bool> {
        let (selector, labels) = (documents(selector).0, documents(&format!("labels: {labels}")).0);
        let labels = Labels::of(Some(&labels[0]));
        Selector::of(&selector[0]).map(|selector| selector.selects(&labels))
    }

    #[test]
    fn selectors_are_read_as_the_api_server_reads_them() {
        for (selector, labels, yes) in [
            ("{}", "{}", Some(true)),
            ("{}", "{a: b}", Some(true)),
            ("matchLabels: {a: b}", "{a: b, c: d}", Some(true)),
            ("matchLabels: {a: b}", "{a: c}", Some(false)),
            ("matchLabels: {a: b, c: d}", "{a: b}", Some(false)),
            ("matchExpressions: [{key: a, operator: In, values: [b, c]}]", "{a: c}", Some(true)),
            ("matchExpressions: [{key: a, operator: In, values: []}]", "{a: c}", Some(false)),
            ("matchExpressions: [{key: a, operator: NotIn, values: [b]}]", "{}", Some(true)),
            ("matchExpressions: [{key: a, operator: NotIn, values: [b]}]", "{a: b}", Some(false)),
            ("matchExpressions: [{key: a, operator: Exists}]", "{a: ''}", Some(true)),
            ("matchExpressions: [{key: a, operator: DoesNotExist}]", "{b: a}", Some(true)),
            ("{matchLabels: {a: b}, matchExpressions: [{key: c, operator: Exists}]}", "{a: b}", Some(false)),
            ("matchLabels: &m {a: b}\nmatchExpressions: []", "{<<: {a: b}, c: d}", Some(true)),
            ("matchExpressions: [{key: a, operator: Like, values: [b]}]", "{a: b}", None),
            ("matchExpressions: [{operator: Exists}]", "{a: b}", None),
            ("matchLabels: {a: {{ .Values.a }}}", "{a: b}", None),
        ] {
            assert_eq!(selects(selector, labels), yes, "{selector} {labels}");
        }
    }

    proptest! {
        #[test]
        fn selects_what_a_naive_reading_selects(
            labels in proptest::collection::btree_map("[ab]", "[xy]", 0..3),
            wanted in proptest::collection::btree_map("[ab]", "[xy]", 0..2),
            expressions in proptest::collection::vec(
                ("[abc]", 0usize..4, proptest::collection::btree_set("[xyz]", 0..3)), 0..3),
        ) {
            const NAMES: [&str; 4] = ["In", "NotIn", "Exists", "DoesNotExist"];
            let naive = wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
                && expressions.iter().all(|(key, operator, values)| {
                    let within = labels.get(key).is_some_and(|value| values.contains(value));
                    let there = labels.keys().any(|label| label == key);
                    [within, !within, there, !there][*operator]
                });
            let pairs = |map: &BTreeMap<String, String>| {
                map.iter().map(|(key, value)| format!("{key}: {value}")).collect::<Vec<_>>().join(", ").replace("y", "\"y\"")
            };
            let expressions = expressions.iter().map(|(key, operator, values)| {
                let values = values.iter().map(|value| format!("'{value}'")).collect::<Vec<_>>().join(", ");
                format!("{{key: {key}, operator: {}, values: [{values}]}}", NAMES[*operator])
            });
            let expressions = expressions.collect::<Vec<_>>().join(", ");
            let selector = format!("{{matchLabels: {{{}}}, matchExpressions: [{expressions}]}}", pairs(&wanted));
            prop_assert_eq!(selects(&selector, &format!("{{{}}}", pairs(&labels))), Some(naive), "{}", selector);
        }
    }
}
