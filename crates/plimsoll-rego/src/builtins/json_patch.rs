//! `json.patch`: RFC 6902 as OPA applies it, on sets too. The target is unfolded along the paths only; what is copied is paid for
//! by its nodes, so that patches that double end with the budget.

use std::collections::BTreeMap;

use super::{Builtin, Context, Failure, json_paths, json_text, want};
use crate::budget::Exhausted;
use crate::value::{Array, MAX_DEPTH, Number, Value};

type Result<T = Option<Value>> = std::result::Result<T, Failure>;

pub(super) const BUILTINS: &[Builtin] = &[Builtin::new(
    "json.patch",
    "(target: any, patches: array[object<op: string, path: any>[any: any]]) => output: any",
    patch,
)];

/// A value under edit.
enum Node {
    Whole(Value),
    /// `None`: was deleted.
    Object {
        before: Value,
        fields: BTreeMap<Value, Option<Node>>,
    },
    Array {
        before: Array,
        items: Vec<Item>,
    },
}

/// OPA looks an element that was not edited up by its place of now in the array of before: after deletions that is another one.
/// Its results are kept, so the two are told apart.
enum Item {
    Before(usize),
    Edited(Node),
}

fn error(message: impl Into<String>) -> Failure {
    Failure::builtin(message)
}

fn patch(context: &mut Context<'_>, args: &[Value]) -> Result {
    let operations = want::array(args, 1, 2)?;
    let mut root = Some(Node::Whole(want::argument(args, 0).clone()));
    for operation in operations.items() {
        context.meter.steps(1)?;
        apply(context, &mut root, operation)?;
    }
    // OPA falls over where nothing is left; here the result is undefined.
    root.map(|root| rendered(context, &root, 0)).transpose()
}

fn apply(context: &mut Context<'_>, root: &mut Option<Node>, operation: &Value) -> Result<()> {
    let Value::Object(operation) = operation else {
        return Err(error("must be an array of JSON-Patch objects, but at least one element is not an object"));
    };
    let missing = |name: &str| error(format!("missing required attribute '{name}'"));
    let path = operation.get_str("path").ok_or_else(|| missing("path"))?;
    let op = operation.get_str("op").ok_or_else(|| missing("op"))?;
    let Value::String(op) = op else {
        return Err(error(format!("attribute 'op' must be a string but found: {}", op.type_name())));
    };
    let path = json_paths::path(context, path)?;
    let value = || operation.get_str("value").cloned().ok_or_else(|| missing("value"));
    match &**op {
        "add" => insert_at(context, root, &path, value()?),
        "remove" => delete_at(context, root, &path),
        "replace" => {
            delete_at(context, root, &path)?;
            insert_at(context, root, &path, value()?)
        }
        "move" | "copy" => {
            let from = operation.get_str("from").ok_or_else(|| missing("from"))?;
            let from = json_paths::path(context, from)?;
            let chunk = value_at(context, root, &from)?;
            if &**op == "move" {
                delete_at(context, root, &from)?;
            } else {
                json_text::weigh(context.meter, &chunk, None, 0)?;
            }
            insert_at(context, root, &path, chunk)
        }
        "test" => {
            let chunk = value_at(context, root, &path)?;
            let value = value()?;
            json_text::weigh(context.meter, &value, None, 0)?;
            if chunk == value {
                Ok(())
            } else {
                Err(error(format!("value from EditTree != patch value.\n\nExpected: {value}\n\nFound: {chunk}")))
            }
        }
        other => Err(error(format!("unrecognized op: '{other}'"))),
    }
}

fn rendered(context: &mut Context<'_>, node: &Node, depth: u32) -> Result<Value> {
    if depth >= MAX_DEPTH {
        return Err(Exhausted::Depth.into());
    }
    let value = match node {
        Node::Whole(value) => value.clone(),
        Node::Object { before, fields } => {
            let Value::Object(old) = before else { return Ok(before.clone()) };
            context.meter.steps((old.entries().len() + fields.len()) as u64)?;
            context.meter.memory((old.entries().len() + fields.len()) as u64 * 48)?;
            let mut entries = Vec::with_capacity(old.entries().len() + fields.len());
            for (key, value) in old.entries() {
                if !fields.contains_key(key) {
                    entries.push((key.clone(), value.clone()));
                }
            }
            for (key, field) in fields {
                if let Some(field) = field {
                    entries.push((key.clone(), rendered(context, field, depth + 1)?));
                }
            }
            Value::object(entries)
        }
        Node::Array { before, items } => {
            context.meter.steps(items.len() as u64)?;
            context.meter.memory(items.len() as u64 * 24)?;
            let mut out = Vec::with_capacity(items.len());
            for item in items {
                out.push(match item {
                    Item::Before(at) => before.items().get(*at).cloned().unwrap_or(Value::Null),
                    Item::Edited(node) => rendered(context, node, depth + 1)?,
                });
            }
            Value::array(out)
        }
    };
    if value.depth() >= MAX_DEPTH { Err(Exhausted::Depth.into()) } else { Ok(value) }
}

/// A place in an array; one past the end for `-`.
fn place(length: usize, key: &Value) -> Result<i64> {
    match key {
        Value::Number(number) => number.as_i64().ok_or_else(|| error("invalid number type for indexing")),
        Value::String(text) if &**text == "-" => Ok(length as i64),
        Value::String(text) => {
            let number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
            let digits = if number { text.trim_start_matches('0') } else { "" };
            let digits =
                if digits.starts_with(|first: char| first == '-' || first.is_ascii_digit()) { digits } else { "0" };
            let number = if number { Number::parse(digits).and_then(|number| number.as_i64()) } else { None };
            let number = number.ok_or_else(|| error("invalid string for indexing"))?;
            if &**text != "0" && text.starts_with('0') {
                return Err(error("leading zeros are not allowed in JSON paths"));
            }
            Ok(number)
        }
        _ => Err(error("invalid type for indexing")),
    }
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "ast.Null",
        Value::Bool(_) => "ast.Boolean",
        Value::Number(_) => "ast.Number",
        Value::String(_) => "ast.String",
        Value::Array(_) => "*ast.Array",
        Value::Object(_) => "*ast.object",
        Value::Set(_) => "*ast.set",
    }
}

/// Opens a whole value, so that it can be edited; sets stay whole.
fn open(node: &mut Node) {
    let Node::Whole(value) = node else { return };
    *node = match value {
        Value::Object(_) => Node::Object { before: value.clone(), fields: BTreeMap::new() },
        Value::Array(array) => {
            Node::Array { before: array.clone(), items: (0..array.items().len()).map(Item::Before).collect() }
        }
        _ => return,
    };
}

/// One step down. A set's member is taken out, and put back by [`descend`] as what became of it.
fn child<'n>(context: &mut Context<'_>, node: &'n mut Node, key: &Value) -> Result<&'n mut Node> {
    if let Node::Whole(Value::Array(array)) = node {
        let length = array.items().len() as u64;
        context.meter.steps(length / 16)?;
        context.meter.memory(length * 40)?;
    }
    open(node);
    match node {
        Node::Object { before, fields } => {
            if !fields.contains_key(key) {
                let found = match before {
                    Value::Object(object) => object.get(key).cloned(),
                    _ => None,
                };
                let Some(found) = found else {
                    return Err(error(format!("path {key} does not exist in object term {before}")));
                };
                context.meter.memory(96)?;
                fields.insert(key.clone(), Some(Node::Whole(found)));
            }
            match fields.get_mut(key) {
                Some(Some(field)) => Ok(field),
                _ => Err(error(format!("cannot unfold the already deleted scalar node for key {key}"))),
            }
        }
        Node::Array { before, items } => {
            let at = place(items.len(), key)?;
            let missing = || error(format!("path {at} does not exist in array term {}", Value::Array(before.clone())));
            let index = usize::try_from(at).map_err(|_| missing())?;
            if !matches!(items.get(index), Some(Item::Edited(_))) {
                let found = before.items().get(index).cloned().ok_or_else(missing)?;
                let slot = items.get_mut(index).ok_or_else(|| error("index for array delete out of bounds"))?;
                *slot = Item::Edited(Node::Whole(found));
            }
            match items.get_mut(index) {
                Some(Item::Edited(node)) => Ok(node),
                _ => Err(missing()),
            }
        }
        Node::Whole(other) => Err(error(format!(
            "expected composite type for path {key}, found value: {other} (type: {})",
            go_type(other)
        ))),
    }
}

/// Does something to the node at a path, opening all above it.
fn descend<T>(
    context: &mut Context<'_>,
    root: &mut Option<Node>,
    path: &[Value],
    act: impl FnOnce(&mut Context<'_>, &mut Node) -> Result<T>,
) -> Result<T> {
    let Some(mut node) = root.as_mut() else {
        return Err(error("nil value encountered where composite value was expected"));
    };
    // Sets are keyed by what they hold: from the first on, members are taken out one in another and put back from within.
    let mut at = 0;
    while let Some(key) = path.get(at) {
        if at >= MAX_DEPTH as usize {
            return Err(Exhausted::Depth.into());
        }
        if matches!(node, Node::Whole(Value::Set(_))) {
            return in_set(context, node, path.get(at..).unwrap_or_default(), 0, act);
        }
        node = child(context, node, key)?;
        at += 1;
    }
    act(context, node)
}

fn in_set<T>(
    context: &mut Context<'_>,
    node: &mut Node,
    path: &[Value],
    depth: u32,
    act: impl FnOnce(&mut Context<'_>, &mut Node) -> Result<T>,
) -> Result<T> {
    let Node::Whole(Value::Set(set)) = &*node else {
        let value = rendered(context, node, 0)?;
        let mut inner = Some(Node::Whole(value));
        let out = descend(context, &mut inner, path, act)?;
        if let Some(inner) = inner {
            *node = inner;
        }
        return Ok(out);
    };
    let Some((key, rest)) = path.split_first() else { return act(context, node) };
    if depth >= MAX_DEPTH {
        return Err(Exhausted::Depth.into());
    }
    let set = set.clone();
    context.meter.steps(set.members().len() as u64)?;
    context.meter.memory(set.members().len() as u64 * 24)?;
    if !set.contains(key) {
        return Err(error(format!("path [{key}] does not exist in set term {}", Value::Set(set.clone()))));
    }
    let mut members: Vec<Value> = set.members().iter().filter(|member| *member != key).cloned().collect();
    let mut inner = Some(Node::Whole(key.clone()));
    let out = descend_boxed(context, &mut inner, rest, Box::new(act))?;
    if let Some(inner) = inner {
        members.push(rendered(context, &inner, 0)?);
    }
    *node = Node::Whole(Value::set(members));
    Ok(out)
}

type Act<'a, T> = Box<dyn FnOnce(&mut Context<'_>, &mut Node) -> Result<T> + 'a>;

/// [`descend`] with one type of action, so that going through sets in sets does not make types in types.
fn descend_boxed<T>(context: &mut Context<'_>, root: &mut Option<Node>, path: &[Value], act: Act<'_, T>) -> Result<T> {
    descend(context, root, path, act)
}

fn value_at(context: &mut Context<'_>, root: &mut Option<Node>, path: &[Value]) -> Result<Value> {
    descend(context, root, path, |context, node| rendered(context, node, 0))
}

fn insert_at(context: &mut Context<'_>, root: &mut Option<Node>, path: &[Value], value: Value) -> Result<()> {
    let Some((key, above)) = path.split_last() else {
        *root = Some(Node::Whole(value));
        return Ok(());
    };
    if root.is_none() {
        return Err(error("deleted node encountered during insert operation"));
    }
    descend(context, root, above, |context, node| insert(context, node, key, value))
}

fn insert(context: &mut Context<'_>, node: &mut Node, key: &Value, value: Value) -> Result<()> {
    context.meter.memory(96)?;
    if let Node::Whole(Value::Set(set)) = &*node {
        if *key != value {
            return Err(error(format!("set key {key} does not equal value to be inserted {value}")));
        }
        context.meter.steps(set.members().len() as u64)?;
        context.meter.memory(set.members().len() as u64 * 24)?;
        let mut members = set.members().to_vec();
        members.push(value);
        *node = Node::Whole(Value::set(members));
        return Ok(());
    }
    if let Node::Whole(Value::Array(array)) = &*node {
        context.meter.memory(array.items().len() as u64 * 40)?;
    }
    open(node);
    match node {
        Node::Object { fields, .. } => {
            fields.insert(key.clone(), Some(Node::Whole(value)));
            Ok(())
        }
        Node::Array { items, .. } => {
            let at = place(items.len(), key)?;
            let index = usize::try_from(at).ok().filter(|index| *index <= items.len());
            let index = index.ok_or_else(|| error("index for array insertion out of bounds"))?;
            context.meter.steps(items.len() as u64 / 16)?;
            items.insert(index, Item::Edited(Node::Whole(value)));
            Ok(())
        }
        Node::Whole(other) => {
            Err(error(format!("expected composite type, found value: {other} (type: {})", go_type(other))))
        }
    }
}

fn delete_at(context: &mut Context<'_>, root: &mut Option<Node>, path: &[Value]) -> Result<()> {
    let Some((key, above)) = path.split_last() else {
        return match root.take() {
            Some(_) => Ok(()),
            None => Err(error("deleted node encountered during delete operation")),
        };
    };
    if root.is_none() {
        return Err(error("deleted node encountered during delete operation"));
    }
    descend(context, root, above, |context, node| delete(context, node, key))
}

fn delete(context: &mut Context<'_>, node: &mut Node, key: &Value) -> Result<()> {
    if let Node::Whole(Value::Set(set)) = &*node {
        if !set.contains(key) {
            return Err(error(format!("cannot delete child key {key} that does not exist")));
        }
        context.meter.steps(set.members().len() as u64)?;
        context.meter.memory(set.members().len() as u64 * 24)?;
        let members = set.members().iter().filter(|member| *member != key).cloned().collect();
        *node = Node::Whole(Value::set(members));
        return Ok(());
    }
    if let Node::Whole(Value::Array(array)) = &*node {
        context.meter.memory(array.items().len() as u64 * 40)?;
    }
    open(node);
    match node {
        Node::Object { before, fields } => match fields.get_mut(key) {
            Some(slot @ Some(_)) => {
                *slot = None;
                Ok(())
            }
            Some(None) => Err(error(format!("cannot delete the already deleted scalar node for key {key}"))),
            None if matches!(before, Value::Object(object) if object.get(key).is_some()) => {
                context.meter.memory(64)?;
                fields.insert(key.clone(), None);
                Ok(())
            }
            None => Err(error(format!("cannot delete child key {key} that does not exist"))),
        },
        Node::Array { items, .. } => {
            let at = place(items.len(), key)?;
            let index = usize::try_from(at).ok().filter(|index| *index < items.len());
            let index = index.ok_or_else(|| error("index for array delete out of bounds"))?;
            context.meter.steps(items.len() as u64 / 16)?;
            items.remove(index);
            Ok(())
        }
        Node::Whole(other) => {
            Err(error(format!("expected composite type, found value: {other} (type: {})", go_type(other))))
        }
    }
}
