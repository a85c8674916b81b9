//! An object against its type. In: a tree and the number of a type. Out: every field that is unknown, missing or of the
//! wrong kind, with its place and, where there is no doubt, the way to mend it. What it does not do: choose the type.

use std::collections::HashSet;
use std::fmt::Write;
use std::sync::Arc;

use plimsoll_model::TextEdit;
use plimsoll_yaml::{Node, Value};

use super::near::nearest;
use super::scalar::{Is, is_base64, is_quantity, meant_quantity, plain};
use super::table::{self, Field, Shape, Type};
use super::{SchemaFault, SchemaFaultKind, SchemaFix};
use crate::manifest::object::span;
use crate::source::{Span, replace};

/// Unknown fields of one object that are compared with the known ones; a thousand more are no slips of the pen.
const MAX_COMPARED: usize = 100;
/// Characters of a value that a message shows.
const MAX_SHOWN: usize = 40;
/// Values of an enumeration that a message lists.
const MAX_LISTED: usize = 8;

/// What strategic merge patches say besides the fields that they set.
const MERGE_WORDS: [&str; 4] = ["$patch", "$retainKeys", "$setElementOrder/", "$deleteFromPrimitiveList/"];
/// What the API server demands beyond the document: of a type, the fields that must be there.
const DEMANDED: &[(&str, &[&str])] = &[
    ("DaemonSet", &["spec"]),
    ("Deployment", &["spec"]),
    ("Ingress", &["spec"]),
    ("IngressClass", &["spec"]),
    ("Job", &["spec"]),
    ("JobTemplateSpec", &["spec"]),
    ("PersistentVolume", &["spec"]),
    ("PersistentVolumeClaim", &["spec"]),
    ("PersistentVolumeClaimSpec", &["accessModes", "resources"]),
    ("PersistentVolumeSpec", &["accessModes", "capacity"]),
    ("Pod", &["spec"]),
    ("PodTemplate", &["template"]),
    ("PodTemplateSpec", &["spec"]),
    ("ReplicaSet", &["spec"]),
    ("ReplicationController", &["spec"]),
    ("ReplicationControllerSpec", &["template"]),
    ("Service", &["spec"]),
    ("StatefulSet", &["spec"]),
];

/// What is looked for beside unknown fields and wrong types.
#[derive(Debug, Clone, Copy)]
pub struct Want {
    pub required: bool,
}

/// Walks an object.
pub fn walk(node: &Arc<Node>, root: usize, want: Want) -> Vec<SchemaFault> {
    let mut walk = Walk {
        want,
        secret: table::of(root).is_some_and(|found| found.name == "Secret"),
        list: table::of(root).is_some_and(|found| found.name.ends_with("List")),
        path: Vec::new(),
        above: Vec::new(),
        seen: HashSet::new(),
        told: HashSet::new(),
        compared: 0,
        template: false,
        status: false,
        faults: Vec::new(),
    };
    walk.visit(node, Shape::Type(root), span(node));
    walk.faults
}

#[derive(Clone, Copy)]
enum Step<'o> {
    Key(&'o str),
    Item(usize),
}

struct Walk<'o> {
    want: Want,
    /// Values are not shown.
    secret: bool,
    /// Members of `items` are objects of their own where they say what they are.
    list: bool,
    path: Vec<Step<'o>>,
    /// The types that the path goes through, each with the length of the path to it.
    above: Vec<(usize, &'static Type)>,
    /// What was walked as what: aliases make one node stand in many places.
    seen: HashSet<(*const Node, Shape)>,
    told: HashSet<(SchemaFaultKind, Span)>,
    compared: usize,
    /// A value that is yet to be filled in was told of.
    template: bool,
    /// Below `status`, which the API server does not take from anybody who applies a file.
    status: bool,
    faults: Vec<SchemaFault>,
}

impl<'o> Walk<'o> {
    /// A value that stands behind `holder`: its key, or what else shows where it is.
    fn visit(&mut self, node: &'o Arc<Node>, shape: Shape, holder: Span) {
        let is = Is::of(node);
        if is == Is::Null {
            return;
        }
        match (shape, is, &node.value) {
            (Shape::Anything, ..) | (Shape::Text | Shape::Time, Is::Text, _) | (Shape::Boolean, Is::Boolean, _) => {}
            (Shape::Integer | Shape::Number | Shape::IntegerOrText | Shape::Quantity, Is::Integer, _)
            | (Shape::Number, Is::Float, _)
            | (Shape::IntegerOrText, Is::Text, _) => {}
            (Shape::Quantity, Is::Text, Value::Scalar { text, .. }) => self.quantity(node, text),
            (Shape::Quantity, Is::Float, Value::Scalar { text, .. }) => {
                // Infinity and what is no number are none.
                if !text.bytes().any(|byte| byte.is_ascii_digit()) {
                    self.quantity(node, text);
                }
            }
            (Shape::Base64, Is::Text, Value::Scalar { text, .. }) => {
                if is_template(node) {
                    self.wrong(node, shape, is);
                } else if !is_base64(text) {
                    let message = format!("`{}` is no base64", self.place());
                    self.tell(SchemaFaultKind::InvalidValue, span(node), message, None, None);
                }
            }
            (Shape::OneOf(values), Is::Text, Value::Scalar { text, plain }) => {
                self.one_of(node, text, *plain, values);
            }
            (Shape::Type(number), Is::Map, _) => {
                if let Some(known) = table::of(number) {
                    self.fields(node, number, known, holder, false);
                }
            }
            (Shape::ListOf(inner), Is::List, _) => {
                let Some(inner) = Shape::of(inner) else { return };
                if !self.seen.insert((Arc::as_ptr(node), shape)) {
                    return;
                }
                let objects = self.list && matches!(self.path[..], [Step::Key("items")]);
                for (at, item) in node.items().iter().enumerate() {
                    if objects && item.get("apiVersion").is_some() && item.get("kind").is_some() {
                        continue;
                    }
                    let first = item.pairs().first().map_or_else(|| span(item), |(key, _)| span(key));
                    self.path.push(Step::Item(at));
                    self.visit(item, inner, first);
                    self.path.pop();
                }
            }
            (Shape::MapOf(inner), Is::Map, _) => {
                let Some(inner) = Shape::of(inner) else { return };
                self.members(node, shape, inner);
            }
            _ => self.wrong(node, shape, is),
        }
    }

    fn members(&mut self, node: &'o Arc<Node>, shape: Shape, inner: Shape) {
        if !self.seen.insert((Arc::as_ptr(node), shape)) {
            return;
        }
        for (key, value) in node.pairs() {
            let name = key.text().unwrap_or_default();
            if key.is_merge() {
                for mapping in merged(value) {
                    self.members(mapping, shape, inner);
                }
                continue;
            }
            self.path.push(Step::Key(name));
            self.visit(value, inner, span(key));
            self.path.pop();
        }
    }

    /// A mapping as a type; `part` of one where it is merged into another.
    fn fields(&mut self, node: &'o Arc<Node>, number: usize, known: &'static Type, holder: Span, part: bool) {
        if !self.seen.insert((Arc::as_ptr(node), Shape::Type(number))) {
            return;
        }
        self.above.push((self.path.len(), known));
        let flat = self.path.is_empty() && !part && self.tell_flat(node, known);
        for (key, value) in node.pairs() {
            let Some(name) = key.text() else {
                let message = format!("a key of `{}` is no text", self.place());
                self.tell(SchemaFaultKind::WrongType, span(key), message, None, None);
                continue;
            };
            if key.is_merge() {
                for mapping in merged(value) {
                    self.fields(mapping, number, known, holder, true);
                }
                continue;
            }
            let Some(field) = known.field(name) else {
                if !flat {
                    self.unknown(node, key, name, known);
                }
                continue;
            };
            let top = self.path.is_empty() && name == "status";
            self.path.push(Step::Key(name));
            self.status |= top;
            if field.deprecated && !self.status {
                let message = format!("`{}` is deprecated", self.place());
                self.tell(SchemaFaultKind::Deprecated, span(key), message, None, None);
            }
            self.visit(value, field.shape, span(key));
            self.status &= !top;
            self.path.pop();
        }
        if !part && !flat && self.want.required && !self.status {
            for field in &known.fields {
                if !self.is_missing(node, known, field) {
                    continue;
                }
                let place =
                    if self.path.is_empty() { format!("the {}", known.name) } else { format!("`{}`", self.place()) };
                let message = format!("{place} has no `{}`", field.name);
                self.tell(SchemaFaultKind::MissingField, holder, message, None, None);
            }
        }
        self.above.pop();
    }

    /// Tells once of an object whose indentation is lost: `metadata:` or `spec:` has nothing below it, and what belongs there
    /// stands beside it.
    fn tell_flat(&mut self, node: &'o Arc<Node>, known: &'static Type) -> bool {
        let is_hollow = |key: &Node, value: &Node| {
            let field = key.text().and_then(|name| known.field(name));
            field.is_some_and(|field| matches!(field.shape, Shape::Type(_))) && Is::of(value) == Is::Null
        };
        let hollow = node.pairs().iter().find(|(key, value)| is_hollow(key, value));
        let mut beside = node
            .pairs()
            .iter()
            .map(|(key, _)| key)
            .filter(|key| key.text().is_some_and(|name| known.field(name).is_none()) && !key.is_merge());
        let (Some((hollow, _)), Some(first), Some(second)) = (hollow, beside.next(), beside.next()) else {
            return false;
        };
        let shown_key = |key: &Node| shown(key.text().unwrap_or_default());
        let message = format!(
            "the indentation is lost: `{}` and `{}` stand beside `{}`, not below it",
            shown_key(first),
            shown_key(second),
            shown_key(hollow)
        );
        self.tell(SchemaFaultKind::UnknownField, span(first), message, None, None);
        true
    }

    /// A field that must be there and is not.
    fn is_missing(&self, node: &Arc<Node>, known: &Type, field: &Field) -> bool {
        let demanded = DEMANDED.iter().any(|(of, fields)| *of == known.name && fields.contains(&field.name));
        // The account of a binding for the whole cluster; elsewhere it is of the binding's namespace.
        let subject = known.name == "Subject"
            && field.name == "namespace"
            && self.above.first().is_some_and(|(_, root)| root.name == "ClusterRoleBinding")
            && node.get("kind").and_then(|kind| kind.text()) == Some("ServiceAccount");
        if !(field.required || demanded || subject) {
            return false;
        }
        match node.get(field.name) {
            // A pod without containers is none.
            Some(value) if field.name == "containers" => matches!(&value.value, Value::List(items) if items.is_empty()),
            Some(value) if Is::of(value) != Is::Null => false,
            // To the API server a `spec` that is not there is an empty one, which some kinds take.
            _ => demanded || subject || field.name != "spec" || inner_type(field).is_none_or(has_required),
        }
    }

    fn unknown(&mut self, node: &Arc<Node>, key: &'o Arc<Node>, name: &'o str, known: &'static Type) {
        // A word to whoever merges the patch, at any depth.
        if MERGE_WORDS.iter().any(|word| name.starts_with(word)) {
            return;
        }
        let place = if self.path.is_empty() { format!("a {}", known.name) } else { format!("`{}`", self.place()) };
        let mut message = format!("`{}` is no field of {place}", shown(name));
        let mut fix = None;
        let mut meant = None;
        if self.compared < MAX_COMPARED {
            self.compared += 1;
            meant = nearest(name, known.fields.iter().map(|field| field.name));
            let elsewhere = meant.is_none().then(|| self.belongs(name, known)).flatten();
            if let Some(meant) = meant {
                let _ = write!(message, "; did you mean `{meant}`");
                if meant.eq_ignore_ascii_case(name) && node.get(meant).is_none() {
                    fix = SchemaFix::new(format!("write `{meant}`"), true, rename(key, name, meant));
                }
            } else if let Some(elsewhere) = elsewhere {
                let _ = write!(message, "; it belongs {elsewhere}");
            }
        }
        self.path.push(Step::Key(name));
        self.tell(SchemaFaultKind::UnknownField, span(key), message, meant, fix);
        self.path.pop();
    }

    /// Where a field that is unknown here is known: above, or right below.
    fn belongs(&self, name: &str, known: &'static Type) -> Option<String> {
        for (length, above) in self.above.iter().rev().skip(1) {
            if above.field(name).is_some() {
                let place = render(&self.path[..*length]);
                let place = if place.is_empty() { "at the top".to_owned() } else { format!("to `{place}`") };
                return Some(place);
            }
        }
        if known.name == "PodSecurityContext" {
            let (_, pod) = self.above.iter().rev().find(|(_, above)| above.name == "PodSpec")?;
            let container = inner_type(pod.field("containers")?)?;
            inner_type(container.field("securityContext")?)?.field(name)?;
            return Some("to the `securityContext` of each container".into());
        }
        let has = |field: &&Field| {
            field.name != "status" && inner_type(field).is_some_and(|inner| inner.field(name).is_some())
        };
        let mut below = known.fields.iter().filter(has);
        let only = below.next()?;
        below.next().is_none().then(|| format!("below `{}`", only.name))
    }

    fn quantity(&mut self, node: &Arc<Node>, text: &str) {
        if is_quantity(text) {
            return;
        }
        if is_template(node) {
            return self.wrong(node, Shape::Quantity, Is::Text);
        }
        let meant = meant_quantity(text);
        let hint = meant.as_ref().map(|meant| format!("; did you mean `{meant}`")).unwrap_or_default();
        let message = format!("`{}`: {} is no quantity{hint}", self.place(), self.value(text));
        let fix = meant
            .as_ref()
            .and_then(|meant| SchemaFix::new(format!("write `{meant}`"), false, rename(node, text, meant)));
        self.tell(SchemaFaultKind::InvalidValue, span(node), message, None, fix);
    }

    fn one_of(&mut self, node: &Arc<Node>, text: &str, plain: bool, values: &'static str) {
        // An empty text is a field that is not set.
        if text.is_empty() || self.status || values.split(',').any(|value| value == text) {
            return;
        }
        if is_template(node) {
            return self.wrong(node, Shape::OneOf(values), Is::Text);
        }
        let count = values.split(',').count();
        let listed = values.split(',').filter(|value| !value.is_empty()).collect::<Vec<_>>();
        let which = if count <= MAX_LISTED {
            format!(" {}", listed.join(", "))
        } else {
            format!(" the {count} that are known")
        };
        let mut message = format!("`{}`: {} is none of{which}", self.place(), self.value(text));
        let meant = nearest(text, values.split(','));
        let mut fix = None;
        if let Some(meant) = meant {
            let _ = write!(message, "; did you mean `{meant}`");
            let same = meant.eq_ignore_ascii_case(text);
            if plain || same {
                fix = SchemaFix::new(format!("write `{meant}`"), same, rename(node, text, meant));
            }
        }
        self.tell(SchemaFaultKind::InvalidValue, span(node), message, meant, fix);
    }

    fn wrong(&mut self, node: &Arc<Node>, shape: Shape, is: Is) {
        if is_template(node) {
            // One says enough: the file as it is is no manifest.
            if !std::mem::replace(&mut self.template, true) {
                let place = self.place();
                let message = format!("`{place}` is a template, not a value; fill it in and check what comes out");
                self.tell(SchemaFaultKind::WrongType, span(node), message, None, None);
            }
            return;
        }
        let mut message = format!("`{}` is {} where {} belongs", self.place(), is.words(), words(shape));
        let text = node.text().unwrap_or_default();
        let quoted = matches!(node.value, Value::Scalar { plain: false, .. });
        let fix = match (shape, is) {
            (Shape::Text | Shape::OneOf(_) | Shape::Time, Is::Boolean | Is::Integer | Is::Float) => {
                SchemaFix::new("put it in quotes", true, Some(replace(span(node), format!("\"{text}\""))))
            }
            (Shape::Boolean, Is::Text) if quoted && plain(text) == Is::Boolean => unquoted(node, text),
            (Shape::Integer, Is::Text) if quoted && plain(text) == Is::Integer => unquoted(node, text),
            (Shape::Number, Is::Text) if quoted && matches!(plain(text), Is::Integer | Is::Float) => {
                unquoted(node, text)
            }
            (Shape::Type(_) | Shape::MapOf(_), Is::Text) if is_mangled(text, '}') => {
                message.push_str("; did you mean `{}`");
                SchemaFix::new("write `{}`", false, Some(replace(span(node), "{}")))
            }
            (Shape::ListOf(_), Is::Text) if is_mangled(text, ']') => {
                message.push_str("; did you mean `[]`");
                SchemaFix::new("write `[]`", false, Some(replace(span(node), "[]")))
            }
            _ => None,
        };
        self.tell(SchemaFaultKind::WrongType, span(node), message, None, fix);
    }

    fn value(&self, text: &str) -> String {
        if self.secret { "the value".into() } else { format!("`{}`", shown(text)) }
    }

    fn place(&self) -> String {
        render(&self.path)
    }

    fn tell(
        &mut self,
        kind: SchemaFaultKind,
        at: Span,
        message: String,
        meant: Option<&'static str>,
        fix: Option<SchemaFix>,
    ) {
        // One missing field beside another has the same place; what an alias brings in twice is one fault.
        if kind == SchemaFaultKind::MissingField || self.told.insert((kind, at)) {
            self.faults.push(SchemaFault { kind, span: at, path: self.place(), message, meant, fix });
        }
    }
}

/// `({`, `(}`, `{)`: brackets that somebody mistyped, or a scanner misread.
fn is_mangled(text: &str, closing: char) -> bool {
    let inner = text.trim();
    inner.len() == 2 && inner.chars().all(|c| "(){}[]".contains(c)) && inner.ends_with([closing, ')'])
}

/// `{{ .Values.port }}`, which is a mapping within a mapping to YAML, `${PORT}`, `$(PORT)`, `__PORT__`.
fn is_template(node: &Node) -> bool {
    match &node.value {
        Value::Scalar { text, .. } => {
            let text = text.trim();
            text.contains("${")
                || text.contains("$(")
                || (text.len() > 4 && text.starts_with("__") && text.ends_with("__"))
        }
        Value::Map(pairs) => pairs.iter().any(|(key, _)| !key.pairs().is_empty()),
        Value::List(_) => false,
    }
}

fn merged(value: &Arc<Node>) -> impl Iterator<Item = &Arc<Node>> {
    value.items().iter().chain(std::iter::once(value)).filter(|mapping| !mapping.pairs().is_empty())
}

fn has_required(known: &Type) -> bool {
    known.fields.iter().any(|field| field.required)
}

/// The type of a field, or of the members of the list that it is.
fn inner_type(field: &Field) -> Option<&'static Type> {
    match field.shape {
        Shape::Type(number) => table::of(number),
        Shape::ListOf(inner) => match Shape::of(inner)? {
            Shape::Type(number) => table::of(number),
            _ => None,
        },
        _ => None,
    }
}

/// The edit that puts another word in the place of a scalar; its quotes stay. None where it is written in another way.
pub(super) fn rename(node: &Node, text: &str, meant: &str) -> Option<TextEdit> {
    let length = node.end.checked_sub(node.start)?;
    let place = match &node.value {
        Value::Scalar { plain: true, .. } if length == text.len() => span(node),
        Value::Scalar { plain: false, .. } if length == text.len() + 2 => Span::new(node.start + 1, node.end - 1),
        _ => return None,
    };
    Some(replace(place, meant))
}

fn unquoted(node: &Node, text: &str) -> Option<SchemaFix> {
    // What JSON takes as well.
    let number = text.strip_prefix('-').unwrap_or(text);
    let number = number.bytes().all(|byte| byte.is_ascii_digit()) && (number.len() == 1 || !number.starts_with('0'));
    if !number && !matches!(text, "true" | "false") {
        return None;
    }
    let edit = (node.end.checked_sub(node.start)? == text.len() + 2).then(|| replace(span(node), text));
    SchemaFix::new("take the quotes away", true, edit)
}

fn words(shape: Shape) -> &'static str {
    match shape {
        Shape::Text | Shape::OneOf(_) => "a text",
        Shape::Integer => "a whole number",
        Shape::Number => "a number",
        Shape::Boolean => "a boolean",
        Shape::Quantity => "a quantity",
        Shape::IntegerOrText => "a whole number or a text",
        Shape::Base64 => "base64",
        Shape::Time => "a time",
        Shape::Anything => "anything",
        Shape::Type(_) | Shape::MapOf(_) => "a mapping",
        Shape::ListOf(_) => "a list",
    }
}

fn shown(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

fn render(path: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(&shown(key));
            }
            Step::Item(at) => {
                let _ = write!(text, "[{at}]");
            }
        }
    }
    text
}
