//! Walking values and graphs. In: a value, or an object of edges. Out: what is reached. Explicit stacks; every step is paid.

use std::collections::BTreeSet;

use super::operand::{any, object, wrong_type};
use super::{Builtin, Context, Failure, Outcome};
use crate::price::{search_price, sort_price};
use crate::value::{Object, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("walk", "(x: any) => output: array<array[any], any>", walk).relation(),
    Builtin::new(
        "graph.reachable",
        "(graph: object[any: any<array[any], set[any]>], initial: any<array[any], set[any]>) => output: set[any]",
        reachable,
    ),
    Builtin::new(
        "graph.reachable_paths",
        "(graph: object[any: any<array[any], set[any]>], initial: any<array[any], set[any]>) => output: set[array[any]]",
        reachable_paths,
    ),
];

/// All pairs of path and value, parents before children. Who evaluates may ask [`walk_values`] for less.
fn walk(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let mut pairs = Vec::new();
    let mut open: Vec<(Vec<Value>, &Value)> = vec![(Vec::new(), any(args, 0)?)];
    while let Some((path, value)) = open.pop() {
        // The pair, the path and its copy for each child.
        context.pay_new_values(path.len() + 4)?;
        let below =
            |key: Value, child, open: &mut Vec<(Vec<Value>, _)>, context: &mut Context<'_>| -> Result<(), Failure> {
                context.pay_new_values(path.len() + 1)?;
                let mut longer = Vec::with_capacity(path.len() + 1);
                longer.extend_from_slice(&path);
                longer.push(key);
                open.push((longer, child));
                Ok(())
            };
        match value {
            Value::Array(array) => {
                for (at, item) in array.items().iter().enumerate().rev() {
                    below(Value::Number(at.into()), item, &mut open, context)?;
                }
            }
            Value::Object(object) => {
                for (key, item) in object.entries().iter().rev() {
                    below(key.clone(), item, &mut open, context)?;
                }
            }
            Value::Set(set) => {
                for member in set.members().iter().rev() {
                    below(member.clone(), member, &mut open, context)?;
                }
            }
            _ => {}
        }
        pairs.push(Value::array(vec![Value::array(path), value.clone()]));
    }
    Ok(Some(Value::array(pairs)))
}

/// All values within one, itself first, for walks whose path is a wildcard.
pub fn walk_values(context: &mut Context<'_>, root: &Value) -> Result<Vec<Value>, Failure> {
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(value) = open.pop() {
        context.pay_new_values(1)?;
        match value {
            Value::Array(array) => open.extend(array.items().iter().rev()),
            Value::Object(object) => open.extend(object.entries().iter().rev().map(|(_, item)| item)),
            Value::Set(set) => open.extend(set.members().iter().rev()),
            _ => {}
        }
        found.push(value.clone());
    }
    Ok(found)
}

/// The pairs that `walk` gives below a path that is known: those whose paths begin with it.
pub fn walk_below(context: &mut Context<'_>, root: &Value, path: &[Value]) -> Outcome {
    let Some(start) = path.iter().try_fold(root, |value, key| value.get(key)) else {
        return Ok(Some(Value::array(Vec::new())));
    };
    let Some(Value::Array(pairs)) = walk(context, std::slice::from_ref(start))? else { return Ok(None) };
    let mut longer = Vec::with_capacity(pairs.items().len());
    for pair in pairs.items() {
        let (Some(Value::Array(rest)), Some(value)) = (pair.get(&Value::int(0)), pair.get(&Value::int(1))) else {
            continue;
        };
        context.pay_new_values(path.len() + rest.items().len())?;
        longer.push(Value::array(vec![Value::array([path, rest.items()].concat()), value.clone()]));
    }
    Ok(Some(Value::array(longer)))
}

/// The vertices of a collection; none where it is neither array nor set.
fn vertices(collection: &Value) -> &[Value] {
    match collection {
        Value::Array(array) => array.items(),
        Value::Set(set) => set.members(),
        _ => &[],
    }
}

fn graph(args: &[Value]) -> Result<(&Object, &[Value]), Failure> {
    let graph = object(args, 0)?;
    match any(args, 1)? {
        initial @ (Value::Array(_) | Value::Set(_)) => Ok((graph, vertices(initial))),
        other => Err(wrong_type(1, other, &["{array, set}"])),
    }
}

fn reachable(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (graph, initial) = graph(args)?;
    let mut reached: BTreeSet<&Value> = BTreeSet::new();
    context.pay_new_values(initial.len())?;
    let mut open: Vec<&Value> = initial.iter().rev().collect();
    while let Some(node) = open.pop() {
        context.pay_new_values(1)?;
        context.meter.steps(search_price(graph.entries().len(), node).saturating_mul(2))?;
        if let Some(edges) = graph.get(node)
            && reached.insert(node)
        {
            let edges = vertices(edges);
            context.pay_new_values(edges.len())?;
            let price = |sum: u64, neighbour| sum.saturating_add(search_price(reached.len(), neighbour));
            context.meter.steps(edges.iter().fold(0, price))?;
            open.extend(edges.iter().filter(|neighbour| !reached.contains(neighbour)));
        }
    }
    Ok(Some(Value::set(reached.into_iter().cloned().collect())))
}

/// A vertex whose edges are being followed.
struct Step<'a> {
    edges: &'a [Value],
    next: usize,
    /// The vertex, where it was not on the path before.
    added: Option<&'a Value>,
    /// OPA goes to a root's neighbours without asking whether one is the root itself.
    root: bool,
}

fn reachable_paths(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (graph, initial) = graph(args)?;
    let mut found = Vec::new();
    for root in initial {
        context.pay_values(1)?;
        context.meter.steps(search_price(graph.entries().len(), root))?;
        let Some(edges) = graph.get(root).map(vertices) else { continue };
        let mut path = vec![root.clone()];
        if edges.is_empty() {
            found.push(Value::array(path));
            continue;
        }
        let mut on_path: BTreeSet<&Value> = BTreeSet::from([root]);
        let mut steps = vec![Step { edges, next: 0, added: None, root: true }];
        while let Some(step) = steps.last_mut() {
            context.pay_new_values(1)?;
            let Some(neighbour) = step.edges.get(step.next) else {
                if let Some(vertex) = step.added {
                    on_path.remove(vertex);
                }
                steps.pop();
                path.pop();
                continue;
            };
            step.next += 1;
            // Looked for on the path, in the graph, put on the path and taken off.
            let among = graph.entries().len().max(on_path.len());
            context.meter.steps(search_price(among, neighbour).saturating_mul(4))?;
            let cycle = !step.root && on_path.contains(neighbour);
            let edges = if cycle { None } else { graph.get(neighbour).map(vertices) };
            let Some(edges) = edges else {
                // A cycle, or a vertex that the graph does not have: the path ends before it.
                context.pay_new_values(path.len())?;
                found.push(Value::array(path.clone()));
                continue;
            };
            path.push(neighbour.clone());
            if edges.is_empty() {
                context.pay_new_values(path.len())?;
                found.push(Value::array(path.clone()));
                path.pop();
                continue;
            }
            let added = on_path.insert(neighbour).then_some(neighbour);
            steps.push(Step { edges, next: 0, added, root: false });
        }
    }
    let rounds = found.len().checked_ilog2().unwrap_or(0) as usize + 1;
    context.pay_values(found.len().saturating_mul(rounds))?;
    context.meter.steps(sort_price(found.iter()))?;
    Ok(Some(Value::set(found)))
}
