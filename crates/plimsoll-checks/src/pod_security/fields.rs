//! Reading a pod's fields. In: a workload. Out: values of the type that the API server takes; what is of another type is
//! said to be a fault. What it does not do: know any check.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;

use plimsoll_yaml::{Node, Value};

use crate::manifest::object::{self, Workload};
use crate::source::Span;

/// Containers and list items that one check looks at: aliases can make a small file large. The API server takes no object
/// that comes near it.
const MAX_STEPS: usize = 200_000;
/// Faults of one check in one pod: more teach nobody anything.
const MAX_FAULTS: usize = 1_000;
/// Characters of a name or value that a message quotes.
const MAX_QUOTED: usize = 80;

/// A workload under one check, and what the check found.
pub(super) struct Pod<'o> {
    workload: &'o Workload<'o>,
    steps: Cell<usize>,
    faults: RefCell<Vec<(Span, String)>>,
}

/// Who sets a field: the pod or one of its containers.
pub(super) struct Holder<'o> {
    node: &'o Arc<Node>,
    /// None for the pod.
    container: Option<(&'static str, &'o str)>,
}

/// A field that is set.
pub(super) struct Field<'o> {
    parent: &'o Arc<Node>,
    key: &'static str,
    pub node: &'o Arc<Node>,
}

/// What stands at a path.
pub(super) enum Read<'o> {
    /// Nothing, or null.
    Unset,
    Set(Field<'o>),
    /// This field on the way is no mapping.
    Wrong(Field<'o>),
}

/// A boolean.
pub(super) enum Flag<'o> {
    Unset,
    Is(bool, Field<'o>),
    /// Of another type, which has been said.
    Wrong,
}

impl<'o> Pod<'o> {
    pub(super) fn new(workload: &'o Workload<'o>) -> Pod<'o> {
        Pod { workload, steps: Cell::new(0), faults: RefCell::default() }
    }

    /// False for a spec that is neither a mapping nor nothing, which is said.
    pub(super) fn is_readable(&self) -> bool {
        let spec = self.workload.spec;
        let is = spec.is_null() || matches!(spec.value, Value::Map(_));
        if !is {
            self.say(self.whole(), "the pod's spec is no mapping, so that it cannot be checked");
        }
        is
    }

    /// What was said, in the order of the file, nothing twice.
    pub(super) fn into_faults(self) -> Vec<(Span, String)> {
        if self.steps.get() > MAX_STEPS {
            let message = format!("the pod has more than {MAX_STEPS} containers and items: the rest was not looked at");
            self.say(self.whole(), message);
        }
        let mut faults = self.faults.into_inner();
        faults.sort();
        faults.dedup();
        faults
    }

    pub(super) fn say(&self, span: Span, message: impl Into<String>) {
        let mut faults = self.faults.borrow_mut();
        match faults.len() {
            ..MAX_FAULTS => faults.push((span, message.into())),
            MAX_FAULTS => {
                faults.push((self.whole(), format!("the pod breaks this check in more than {MAX_FAULTS} places")))
            }
            _ => {}
        }
    }

    /// The pod as one that sets fields.
    pub(super) fn holder(&self) -> Holder<'o> {
        Holder { node: self.workload.spec, container: None }
    }

    /// Every container; lists and items that are none are said.
    pub(super) fn containers(&self) -> Vec<Holder<'o>> {
        let lists = [
            ("containers", "container"),
            ("initContainers", "init container"),
            ("ephemeralContainers", "ephemeral container"),
        ];
        let mut all = Vec::new();
        for (key, kind) in lists {
            for node in self.objects(read(self.workload.spec, &[key]), &self.holder()) {
                let name = node.get("name").and_then(|name| name.string()).unwrap_or_default();
                all.push(Holder { node, container: Some((kind, name)) });
            }
        }
        all
    }

    /// The pod, then every container.
    pub(super) fn holders(&self) -> Vec<Holder<'o>> {
        std::iter::once(self.holder()).chain(self.containers()).collect()
    }

    /// The items of a list that are mappings; what is none is said.
    pub(super) fn objects(&self, read: Read<'o>, holder: &Holder<'_>) -> Vec<&'o Arc<Node>> {
        let mut objects = self.items(read, holder);
        objects.retain(|node| {
            let is = matches!(node.value, Value::Map(_));
            if !is {
                self.say(
                    object::span(node),
                    format!("an item in {holder} is no mapping, so that it cannot be checked"),
                );
            }
            is
        });
        objects
    }

    /// The items of a list; what is no list is said.
    pub(super) fn items(&self, read: Read<'o>, holder: &Holder<'_>) -> Vec<&'o Arc<Node>> {
        let Some(field) = self.set(read, holder) else { return Vec::new() };
        let Value::List(items) = &field.node.value else {
            self.say(field.span(), format!("`{}` of {holder} is no list, so that it cannot be checked", field.key));
            return Vec::new();
        };
        let left = MAX_STEPS.saturating_sub(self.steps.get());
        self.steps.set(self.steps.get().saturating_add(items.len()));
        items.iter().take(left).collect()
    }

    /// The field where it is set; what cannot be read is said.
    pub(super) fn set(&self, read: Read<'o>, holder: &Holder<'_>) -> Option<Field<'o>> {
        match read {
            Read::Unset => None,
            Read::Set(field) => Some(field),
            Read::Wrong(field) => {
                self.say(
                    field.span(),
                    format!("`{}` of {holder} is no mapping, so that it cannot be checked", field.key),
                );
                None
            }
        }
    }

    /// A boolean; one in quotes is none.
    pub(super) fn flag(&self, holder: &Holder<'o>, path: &[&'static str]) -> Flag<'o> {
        match holder.read(path) {
            Read::Unset => Flag::Unset,
            Read::Set(field) => match object::boolean(field.node) {
                Some(is) => Flag::Is(is, field),
                None => {
                    let message =
                        format!("`{}` of {holder} is no boolean, so that the API server refuses it", field.key);
                    self.say(field.span(), message);
                    Flag::Wrong
                }
            },
            wrong @ Read::Wrong(_) => {
                self.set(wrong, holder);
                Flag::Wrong
            }
        }
    }

    /// Each annotation of the pod.
    pub(super) fn annotations(&self) -> Vec<(&'o str, &'o str, Span)> {
        let holder = self.holder();
        let Some(metadata) = self.workload.metadata.filter(|node| !node.is_null()) else { return Vec::new() };
        let Some(field) = self.set(read(metadata, &["annotations"]), &holder) else {
            if !matches!(metadata.value, Value::Map(_)) {
                self.say(object::span(metadata), "`metadata` of the pod is no mapping, so that it cannot be checked");
            }
            return Vec::new();
        };
        if !matches!(field.node.value, Value::Map(_)) {
            self.say(field.span(), "`annotations` of the pod is no mapping, so that it cannot be checked");
            return Vec::new();
        }
        let texts = field.node.all_pairs().into_iter().filter_map(|(key, value)| {
            let text = if value.is_null() { "" } else { value.text().unwrap_or("no string") };
            Some((key.text()?, text, Span::new(key.start, value.end.max(key.end))))
        });
        texts.collect()
    }

    pub(super) fn is_windows(&self) -> bool {
        self.workload.is_windows()
    }

    /// The pod has a user namespace of its own: root in it is nobody on the node.
    pub(super) fn has_own_users(&self) -> bool {
        self.workload.at(&["hostUsers"]).and_then(|node| object::boolean(node)) == Some(false)
    }

    fn whole(&self) -> Span {
        object::span(self.workload.spec)
    }
}

impl<'o> Holder<'o> {
    pub(super) fn read(&self, path: &[&'static str]) -> Read<'o> {
        read(self.node, path)
    }

    /// Where something is missing: the security context it should stand in, else the name, else the whole.
    pub(super) fn lacking(&self) -> Span {
        ["securityContext", "name"]
            .into_iter()
            .find_map(|name| object::key(self.node, name).map(|key| (name, key)))
            .map_or_else(
                || object::span(self.node),
                |(name, key)| match name {
                    "name" => object::entry(self.node, name),
                    _ => object::span(key),
                },
            )
    }

    /// Its name, where it is a container.
    pub(super) fn name(&self) -> &'o str {
        self.container.map_or("", |(_, name)| name)
    }
}

impl fmt::Display for Holder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.container {
            None => f.write_str("the pod"),
            Some((kind, "")) => write!(f, "a nameless {kind}"),
            Some((kind, name)) => write!(f, "{kind} {}", quoted(name)),
        }
    }
}

impl<'o> Field<'o> {
    /// From the key to the end of the value.
    pub(super) fn span(&self) -> Span {
        object::entry(self.parent, self.key)
    }

    /// The text of a scalar, also where it is another type than a string; empty for collections.
    pub(super) fn text(&self) -> &'o str {
        self.node.text().unwrap_or_default()
    }

    pub(super) fn read(&self, path: &[&'static str]) -> Read<'o> {
        match self.node.value {
            Value::Map(_) => read(self.node, path),
            _ => Read::Wrong(Field { parent: self.parent, key: self.key, node: self.node }),
        }
    }
}

/// What stands at a path below a node.
pub(super) fn read<'o>(node: &'o Arc<Node>, path: &[&'static str]) -> Read<'o> {
    let mut at = node;
    let mut last: Option<Field<'o>> = None;
    for key in path {
        if let (Some(field), false) = (&last, matches!(at.value, Value::Map(_))) {
            return Read::Wrong(Field { parent: field.parent, key: field.key, node: field.node });
        }
        let Some(next) = at.get(key).filter(|next| !next.is_null()) else { return Read::Unset };
        last = Some(Field { parent: at, key, node: next });
        at = next;
    }
    last.map_or(Read::Unset, Read::Set)
}

/// A name or value for a message: in backticks, on one line, not too long.
pub(super) fn quoted(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_QUOTED).collect();
    let rest = if text.chars().nth(MAX_QUOTED).is_some() { "…" } else { "" };
    format!("`{line}{rest}`")
}
