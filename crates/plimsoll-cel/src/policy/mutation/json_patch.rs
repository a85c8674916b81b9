//! JSON patches (RFC 6902), as the API server applies them: an index may be negative, what is not there may be replaced in an
//! object, and a test that fails leaves all as it was.

use serde_json::Value as Json;

use super::Fault;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operation {
    pub op: String,
    pub path: String,
    pub from: String,
    pub value: Option<Json>,
}

/// Bytes that copies may make of an object: each may double it.
const MOST_COPIED: usize = 8 << 20;

/// Moves may put an object into itself, a step deeper each time.
pub(super) const MOST_OPERATIONS: usize = 5_000;

/// Nothing where a test fails.
pub(super) fn patched(object: &Json, operations: &[Operation]) -> Result<Option<Json>, Fault> {
    let mut whole = object.clone();
    let mut copied = 0_usize;
    for operation in operations {
        let Operation { op, path, from, value } = operation;
        let failed = |why: &str| Fault::Failed(format!("JSON Patch: {op} operation does not apply: {why}: {path:?}"));
        let value = || value.clone().unwrap_or(Json::Null);
        match op.as_str() {
            "add" => add(&mut whole, path, value()).map_err(failed)?,
            "remove" => drop(remove(&mut whole, path).map_err(failed)?),
            "replace" if path.is_empty() => {
                whole = value();
                if !(whole.is_object() || whole.is_array()) {
                    return Err(failed("the value must be an object or a list"));
                }
            }
            "replace" => replace(&mut whole, path, value()).map_err(failed)?,
            "move" => {
                let moved = match get(&whole, from).map_err(failed)? {
                    Some(_) => remove(&mut whole, from).map_err(failed)?,
                    None => return Err(failed("nothing is there to move")),
                };
                add(&mut whole, path, moved).map_err(failed)?;
            }
            "copy" => {
                let copy = get(&whole, from).map_err(failed)?.cloned().unwrap_or(Json::Null);
                copied = copied.saturating_add(copy.to_string().len());
                if copied > MOST_COPIED {
                    return Err(Fault::Unknown("a JSON patch copies too much".to_owned()));
                }
                add(&mut whole, path, copy).map_err(failed)?;
            }
            "test" => {
                let found = if path.is_empty() { Some(&whole) } else { get(&whole, path).map_err(failed)? };
                // There, nothing is not even null.
                let holds = match (found, &operation.value) {
                    (None | Some(Json::Null), wanted) => wanted.is_none(),
                    (Some(found), Some(wanted)) => same(found, wanted),
                    (Some(_), None) => false,
                };
                if !holds {
                    return Ok(None);
                }
            }
            other => return Err(Fault::Failed(format!("JSON Patch: unexpected kind: {other}"))),
        }
    }
    Ok(Some(whole))
}

fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

const MISSING: &str = "the object is missing its path";
const NO_INDEX: &str = "there is no such index";

fn unescaped(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

/// An index into so many items; negative ones count from the end.
fn index(part: &str, count: usize) -> Option<usize> {
    let number: i64 = part.parse().ok()?;
    let count = i64::try_from(count).ok()?;
    let number = if number < 0 { number + count } else { number };
    usize::try_from(number).ok().filter(|_| number < count)
}

/// Where something is below what holds it: the parts of the path to that, and the last.
fn split(path: &str) -> Result<(Vec<String>, String), &'static str> {
    let mut parts: Vec<String> = path.split('/').skip(1).map(unescaped).collect();
    let last = parts.pop().ok_or(MISSING)?;
    Ok((parts, last))
}

fn holder<'j>(whole: &'j mut Json, parts: &[String]) -> Result<&'j mut Json, &'static str> {
    let mut here = whole;
    for part in parts {
        here = match here {
            Json::Object(fields) => fields.get_mut(part).ok_or(MISSING)?,
            Json::Array(items) => {
                let number = index(part, items.len()).ok_or(MISSING)?;
                items.get_mut(number).ok_or(MISSING)?
            }
            _ => return Err(MISSING),
        };
    }
    if here.is_object() || here.is_array() { Ok(here) } else { Err(MISSING) }
}

/// What is at a path; nothing where an object does not have it.
fn get<'j>(whole: &'j Json, path: &str) -> Result<Option<&'j Json>, &'static str> {
    let (parts, last) = split(path)?;
    let mut here = whole;
    for part in &parts {
        here = match here {
            Json::Object(fields) => fields.get(part).ok_or(MISSING)?,
            Json::Array(items) => items.get(index(part, items.len()).ok_or(MISSING)?).ok_or(MISSING)?,
            _ => return Err(MISSING),
        };
    }
    match here {
        Json::Object(fields) => Ok(fields.get(&last)),
        Json::Array(items) => Ok(items.get(index(&last, items.len()).ok_or(NO_INDEX)?)),
        _ => Err(MISSING),
    }
}

fn add(whole: &mut Json, path: &str, value: Json) -> Result<(), &'static str> {
    let (parts, last) = split(path)?;
    match holder(whole, &parts)? {
        Json::Object(fields) => drop(fields.insert(last, value)),
        Json::Array(items) if last == "-" => items.push(value),
        Json::Array(items) => {
            let number = index(&last, items.len() + 1).ok_or(NO_INDEX)?;
            items.insert(number, value);
        }
        _ => return Err(MISSING),
    }
    Ok(())
}

fn remove(whole: &mut Json, path: &str) -> Result<Json, &'static str> {
    let (parts, last) = split(path)?;
    match holder(whole, &parts)? {
        Json::Object(fields) => fields.remove(&last).ok_or("unable to remove nonexistent key"),
        Json::Array(items) => {
            let number = index(&last, items.len()).ok_or(NO_INDEX)?;
            Ok(items.remove(number))
        }
        _ => Err(MISSING),
    }
}

fn replace(whole: &mut Json, path: &str, value: Json) -> Result<(), &'static str> {
    let (parts, last) = split(path)?;
    match holder(whole, &parts)? {
        Json::Object(fields) => drop(fields.insert(last, value)),
        Json::Array(items) => {
            let number = index(&last, items.len()).ok_or("the object is missing its key")?;
            if let Some(item) = items.get_mut(number) {
                *item = value;
            }
        }
        _ => return Err(MISSING),
    }
    Ok(())
}
