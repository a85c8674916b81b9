//! `json.filter` and `json.remove`: what a set of paths picks out of an object or leaves out of it.

use std::collections::BTreeMap;

use super::{Builtin, Context, Failure, want};
use crate::value::{MAX_DEPTH, Value};

type Result<T = Option<Value>> = std::result::Result<T, Failure>;

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new(
        "json.filter",
        "(object: object[any: any], paths: any<array[any<string, array[any]>], set[any<string, array[any]>]>) => filtered: object[any: any]",
        filter,
    ),
    Builtin::new(
        "json.remove",
        "(object: object[any: any], paths: any<array[any<string, array[any]>], set[any<string, array[any]>]>) => output: object[any: any]",
        remove,
    ),
];

/// Paths by their first step.
enum Paths {
    /// A path ends here: all below belongs to it.
    End,
    Steps(BTreeMap<Value, Paths>),
}

/// The steps of a path: a JSON pointer, or an array of keys.
pub(super) fn path(context: &mut Context<'_>, value: &Value) -> Result<Vec<Value>> {
    match value {
        Value::String(text) if text.is_empty() => Ok(Vec::new()),
        Value::String(text) => {
            want::pay_making(context, text.len() * 2)?;
            let steps = text.trim_start_matches('/').split('/');
            Ok(steps
                .map(|step| {
                    context.meter.memory(48)?;
                    Ok(Value::string(step.replace("~1", "/").replace("~0", "~")))
                })
                .collect::<std::result::Result<_, crate::budget::Exhausted>>()?)
        }
        Value::Array(array) => {
            want::pay_making(context, array.items().len() * 16)?;
            Ok(array.items().to_vec())
        }
        other => Err(want::operand(
            2,
            format_args!(
                "must be one of {{set, array}} containing string paths or array of path segments but got {}",
                other.type_name()
            ),
        )),
    }
}

fn paths(context: &mut Context<'_>, value: &Value) -> Result<Paths> {
    let items = match value {
        Value::Array(array) => array.items(),
        Value::Set(set) => set.members(),
        other => return Err(want::wrong(2, other, &["set", "array"])),
    };
    let mut root = BTreeMap::new();
    let all = items.iter().map(|item| path(context, item)).collect::<Result<Vec<_>>>()?;
    for path in all {
        context.meter.steps(path.len() as u64)?;
        context.meter.memory(path.len() as u64 * 64)?;
        add(&mut root, path);
    }
    Ok(Paths::Steps(root))
}

fn add(root: &mut BTreeMap<Value, Paths>, path: Vec<Value>) {
    let last = path.len().saturating_sub(1);
    let mut node = root;
    for (at, step) in path.into_iter().enumerate() {
        if at == last {
            node.insert(step, Paths::End);
            return;
        }
        if at > MAX_DEPTH as usize {
            // No value is that deep: the rest of the path meets nothing.
            return;
        }
        match node.entry(step).or_insert_with(|| Paths::Steps(BTreeMap::new())) {
            Paths::End => return,
            Paths::Steps(steps) => node = steps,
        }
    }
}

/// What an array's index is called in a path.
fn index(at: usize) -> Value {
    Value::string(at.to_string())
}

fn filter(context: &mut Context<'_>, args: &[Value]) -> Result {
    want::object(args, 0, 1)?;
    let paths = paths(context, want::argument(args, 1))?;
    picked(context, want::argument(args, 0), &paths).map(Some)
}

fn picked(context: &mut Context<'_>, value: &Value, paths: &Paths) -> Result<Value> {
    let Paths::Steps(steps) = paths else { return Ok(value.clone()) };
    Ok(match value {
        Value::Array(array) => {
            let mut out = Vec::new();
            for (at, item) in array.items().iter().enumerate() {
                context.meter.steps(1)?;
                if let Some(below) = steps.get(&index(at)) {
                    out.push(picked(context, item, below)?);
                }
            }
            made(context, out.len())?;
            Value::array(out)
        }
        Value::Set(set) => {
            let mut out = Vec::new();
            for (member, below) in steps {
                context.meter.steps(1)?;
                if set.contains(member) {
                    out.push(picked(context, member, below)?);
                }
            }
            made(context, out.len())?;
            Value::set(out)
        }
        Value::Object(object) => {
            let mut out = Vec::new();
            for (key, below) in steps {
                context.meter.steps(1)?;
                if let Some(value) = object.get(key) {
                    out.push((key.clone(), picked(context, value, below)?));
                }
            }
            made(context, out.len() * 2)?;
            Value::object(out)
        }
        scalar => scalar.clone(),
    })
}

fn made(context: &mut Context<'_>, count: usize) -> Result<()> {
    Ok(context.meter.memory(count as u64 * 24 + 48)?)
}

fn remove(context: &mut Context<'_>, args: &[Value]) -> Result {
    want::object(args, 0, 1)?;
    let paths = paths(context, want::argument(args, 1))?;
    left(context, want::argument(args, 0), Some(&paths))
}

fn left(context: &mut Context<'_>, value: &Value, paths: Option<&Paths>) -> Result {
    let steps = match paths {
        None => return Ok(Some(value.clone())),
        Some(Paths::End) => return Ok(None),
        Some(Paths::Steps(steps)) => steps,
    };
    Ok(Some(match value {
        Value::Array(array) => {
            let mut out = Vec::new();
            for (at, item) in array.items().iter().enumerate() {
                context.meter.steps(1)?;
                out.extend(left(context, item, steps.get(&index(at)))?);
            }
            made(context, out.len())?;
            Value::array(out)
        }
        Value::Set(set) => {
            let mut out = Vec::new();
            for member in set.members() {
                context.meter.steps(1)?;
                out.extend(left(context, member, steps.get(member))?);
            }
            made(context, out.len())?;
            Value::set(out)
        }
        Value::Object(object) => {
            let mut out = Vec::new();
            for (key, value) in object.entries() {
                context.meter.steps(1)?;
                if let Some(value) = left(context, value, steps.get(key))? {
                    out.push((key.clone(), value));
                }
            }
            made(context, out.len() * 2)?;
            Value::object(out)
        }
        scalar => scalar.clone(),
    }))
}
