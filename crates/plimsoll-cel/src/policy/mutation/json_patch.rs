//! JSON patches (RFC 6902), as the API server applies them: an index may be negative, what is not there may be replaced in an
//! object, and a test that fails leaves all as it was.

use serde_json::Value as Json;

use super::{Fault, Options};
use crate::budget::{Failure, Meter};
use crate::value::{MAX_DOCUMENT_BYTES, MAX_DOCUMENT_DEPTH, MAX_DOCUMENT_VALUES};

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

/// How large a document is.
#[derive(Debug, Default)]
pub(super) struct Size {
    depth: usize,
    values: usize,
    /// Of its texts and keys.
    bytes: usize,
}

impl Size {
    /// Without recursion: what is measured may be deeper than a document may be.
    pub fn of(json: &Json) -> Size {
        let mut size = Size::default();
        let mut todo = vec![(json, 1)];
        while let Some((json, depth)) = todo.pop() {
            size.depth = size.depth.max(depth);
            size.values += 1;
            match json {
                Json::String(text) => size.bytes += text.len(),
                Json::Array(items) => todo.extend(items.iter().map(|item| (item, depth + 1))),
                Json::Object(fields) => {
                    size.bytes += fields.keys().map(String::len).sum::<usize>();
                    todo.extend(fields.values().map(|value| (value, depth + 1)));
                }
                Json::Null | Json::Bool(_) | Json::Number(_) => {}
            }
        }
        size
    }

    pub fn is_of_document(&self) -> bool {
        self.depth <= MAX_DOCUMENT_DEPTH && self.values <= MAX_DOCUMENT_VALUES && self.bytes <= MAX_DOCUMENT_BYTES
    }

    /// Whether it may come to a place without making the whole too deep.
    fn fits(&self, path: &str) -> Result<(), Fault> {
        // As many parts as slashes.
        let above = path.bytes().filter(|byte| *byte == b'/').count();
        match above.saturating_add(self.depth) <= MAX_DOCUMENT_DEPTH {
            true => Ok(()),
            false => Err(Fault::Unknown("a JSON patch nests too deeply".to_owned())),
        }
    }
}

/// Nothing where a test fails.
pub(super) fn patched(object: &Json, operations: Vec<Operation>, options: Options<'_>) -> Result<Option<Json>, Fault> {
    let mut whole = object.clone();
    let mut copied = 0_usize;
    let mut meter = Meter::new(options.budget());
    let spent = |failure: Box<Failure>| Fault::Unknown(format!("a JSON patch: {failure}"));
    for Operation { op, path, from, value } in operations {
        let failed = |why: &str| Fault::Failed(format!("JSON Patch: {op} operation does not apply: {why}: {path:?}"));
        meter.work(1 + path.len() + from.len()).map_err(spent)?;
        match op.as_str() {
            "add" | "replace" => {
                let value = value.unwrap_or(Json::Null);
                Size::of(&value).fits(&path)?;
                if op == "add" {
                    meter.work(shifted(&mut whole, &path)).map_err(spent)?;
                    add(&mut whole, &path, value).map_err(failed)?;
                } else if !path.is_empty() {
                    replace(&mut whole, &path, value).map_err(failed)?;
                } else if value.is_object() || value.is_array() {
                    whole = value;
                } else {
                    return Err(failed("the value must be an object or a list"));
                }
            }
            "remove" => {
                meter.work(shifted(&mut whole, &path)).map_err(spent)?;
                drop(remove(&mut whole, &path).map_err(failed)?);
            }
            "move" => {
                let Some(moved) = get(&whole, &from).map_err(failed)? else {
                    return Err(failed("nothing is there to move"));
                };
                let size = Size::of(moved);
                meter.work(size.values.saturating_add(shifted(&mut whole, &from))).map_err(spent)?;
                size.fits(&path)?;
                let moved = remove(&mut whole, &from).map_err(failed)?;
                meter.work(shifted(&mut whole, &path)).map_err(spent)?;
                add(&mut whole, &path, moved).map_err(failed)?;
            }
            "copy" => {
                let copy = get(&whole, &from).map_err(failed)?.unwrap_or(&Json::Null);
                let size = Size::of(copy);
                meter.work(size.values).map_err(spent)?;
                size.fits(&path)?;
                copied =
                    copied.saturating_add(size.values.saturating_mul(size_of::<Json>())).saturating_add(size.bytes);
                if copied > MOST_COPIED {
                    return Err(Fault::Unknown("a JSON patch copies too much".to_owned()));
                }
                let copy = copy.clone();
                meter.work(shifted(&mut whole, &path)).map_err(spent)?;
                add(&mut whole, &path, copy).map_err(failed)?;
            }
            // No more than what is wanted is gone through, which is within a document's bounds for all of them together.
            "test" => {
                let found = if path.is_empty() { Some(&whole) } else { get(&whole, &path).map_err(failed)? };
                // There, nothing is not even null.
                let holds = match (found, &value) {
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

/// At most how many items of a list move when something is put into it there, or taken out.
fn shifted(whole: &mut Json, path: &str) -> usize {
    match split(path).and_then(|(parts, last)| Ok((holder(whole, &parts)?, last))) {
        Ok((Json::Array(items), last)) if last != "-" => items.len() - index(&last, items.len()).unwrap_or(items.len()),
        _ => 0,
    }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use serde_json::json;

    use super::*;

    fn operation(op: &str, from: &str, path: &str, value: Option<Json>) -> Operation {
        Operation { op: op.to_owned(), path: path.to_owned(), from: from.to_owned(), value }
    }

    fn unknown(object: &Json, operations: Vec<Operation>, options: Options<'_>) -> String {
        match patched(object, operations, options) {
            Err(Fault::Unknown(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_comes_to_a_place_that_is_too_deep() {
        let deep = |depth: usize| (1..depth).fold(json!(1), |inner, _| json!([inner]));
        let object = json!({"a": {"b": deep(150)}, "list": []});
        let fits = |op: Operation| patched(&object, vec![op], Options::default());
        let too_deep = "a JSON patch nests too deeply";
        for (op, from) in [("add", ""), ("replace", "")] {
            assert!(matches!(fits(operation(op, from, "/c", Some(deep(199)))), Ok(Some(_))), "{op}");
            assert_eq!(
                unknown(&object, vec![operation(op, from, "/c", Some(deep(200)))], Options::default()),
                too_deep
            );
        }
        assert_eq!(unknown(&object, vec![operation("replace", "", "", Some(deep(201)))], Options::default()), too_deep);
        // Each copy into itself is as deep as what is copied and its place.
        for op in ["copy", "move"] {
            let place = |parts: usize| {
                let mut all = vec![operation("add", "", "/list", Some(deep(parts)))];
                all.push(operation(op, "/a/b", &format!("/list{}/-", "/0".repeat(parts - 2)), None));
                all
            };
            assert!(matches!(patched(&object, place(50), Options::default()), Ok(Some(_))), "{op}");
            assert_eq!(unknown(&object, place(51), Options::default()), too_deep, "{op}");
        }
    }

    #[test]
    fn operations_are_paid_for() {
        let object = json!({"items": vec![0; 1_000], "name": "a"});
        let options = |work| Options { work: Some(work), ..Options::default() };
        let spent = "a JSON patch: operation cancelled: too much work";
        for (op, from, path) in [
            ("add", "", "/items/0"),
            ("remove", "", "/items/0"),
            ("move", "/items/0", "/name"),
            ("move", "/name", "/items/0"),
            ("copy", "/items", "/name"),
            ("copy", "/name", "/items/0"),
        ] {
            let one = || vec![operation(op, from, path, None)];
            assert_eq!(unknown(&object, one(), options(900)), spent, "{op} {from} {path}");
            assert!(matches!(patched(&object, one(), options(1_100)), Ok(Some(_))), "{op} {from} {path}");
        }
        // At the end nothing moves; and the paths count.
        assert!(matches!(patched(&object, vec![operation("add", "", "/items/-", None)], options(20)), Ok(Some(_))));
        let long = "a".repeat(2_000);
        for (from, path) in [(format!("/{long}"), "/b".to_owned()), ("/name".to_owned(), format!("/{long}"))] {
            assert_eq!(unknown(&object, vec![operation("copy", &from, &path, None)], options(1_900)), spent);
        }
    }

    #[test]
    fn a_patch_ends_where_its_caller_ends_it() {
        let flag = AtomicBool::new(true);
        let options = Options { cancel: Some(&flag), ..Options::default() };
        let told = unknown(&json!({}), vec![operation("add", "", "/a", None)], options);
        assert_eq!(told, "a JSON patch: operation interrupted");
    }
}
