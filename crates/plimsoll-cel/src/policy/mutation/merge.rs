//! An apply configuration and an object → the object with it, as the API server merges them (structured merge, version 6): maps
//! and structs field by field, items of lists by their keys, all else replaced; what is one whole is refused.

use std::collections::{HashMap, HashSet, VecDeque};

use serde_json::{Map, Value as Json};

use super::Fault;
use super::schema::{Items, Scalar, Schema, Shape};

struct Merger {
    schema: &'static Schema,
}

/// A step of a path, which becomes text where something is wrong there.
enum Step<'j> {
    Field(&'j str),
    Item(usize),
}

/// Which side is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// No item stands twice in it, and nothing is null.
    Patch,
    Object,
}

/// The object with the patch in it. Both are of the kind that the object says.
pub(super) fn merged(live: &Json, patch: &Json) -> Result<Json, Fault> {
    let shape = shape_of_kind(live).ok_or_else(|| {
        let (version, kind) = (word(live, "apiVersion"), word(live, "kind"));
        Fault::Unknown(format!("how objects of the kind {kind} of {version} are merged is not known"))
    })?;
    let merger = Merger { schema: Schema::get() };
    let path = &mut Vec::new();
    merger.check(&shape, patch, path, Of::Patch).map_err(|why| {
        Fault::Failed(format!("error applying patch: failed to convert patch object to typed object: {why}"))
    })?;
    let mut wholes = Vec::new();
    merger.wholes(&shape, patch, path, &mut wholes);
    if !wholes.is_empty() {
        return Err(Fault::Failed(format!(
            "error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: {}",
            wholes.join(", ")
        )));
    }
    // The server would have refused the object before any policy saw it.
    merger
        .check(&shape, live, path, Of::Object)
        .map_err(|why| Fault::Unknown(format!("the object is not what its kind says: {why}")))?;
    Ok(merger.merge(&shape, Some(live), Some(patch)).unwrap_or(Json::Null))
}

/// Why the server would not read an object that it was patched to; nothing where it would, or where its kind is not known. Whether
/// numbers fit into 32 bits, and whether texts are the quantities, times and names that they are meant to be, is not looked at: the
/// schema does not tell. Such an object counts as read here, and the server refuses it.
pub(super) fn unreadable(object: &Json) -> Option<String> {
    let shape = shape_of_kind(object)?;
    Merger { schema: Schema::get() }.fits(&shape, object, &mut Vec::new()).err()
}

/// Whether objects of its kind are typed here.
pub(super) fn is_known(object: &Json) -> bool {
    shape_of_kind(object).is_some()
}

fn shape_of_kind(object: &Json) -> Option<Shape> {
    Schema::get().kind(word(object, "apiVersion"), word(object, "kind"))
}

fn word<'j>(object: &'j Json, name: &str) -> &'j str {
    object.get(name).and_then(Json::as_str).unwrap_or("")
}

fn at(path: &[Step<'_>]) -> String {
    path.iter()
        .map(|step| match step {
            Step::Field(name) => format!(".{name}"),
            Step::Item(number) => format!("[{number}]"),
        })
        .collect()
}

fn is_scalar(of: Scalar, value: &Json) -> bool {
    match of {
        Scalar::Text => value.is_string(),
        Scalar::Number => value.is_number(),
        Scalar::Bool => value.is_boolean(),
        Scalar::Any => value.is_string() || value.is_number() || value.is_boolean(),
    }
}

fn named(of: Scalar) -> &'static str {
    match of {
        Scalar::Text => "string",
        Scalar::Number => "numeric",
        Scalar::Bool => "boolean",
        Scalar::Any => "scalar",
    }
}

impl Merger {
    /// A list's item as what it is known by; why it is none.
    fn identity(&self, items: &Items, of: &Shape, item: &Json) -> Result<String, String> {
        match (items, item) {
            (Items::Keyed(keys), Json::Object(fields)) => {
                let mut known = Map::new();
                for key in keys {
                    let default = match of {
                        Shape::Struct { number, .. } => {
                            self.schema.field(*number, key).and_then(|field| field.key.as_ref())
                        }
                        _ => None,
                    };
                    if let Some(value) = fields.get(key).or(default) {
                        known.insert(key.clone(), value.clone());
                    }
                }
                if known.is_empty() {
                    return Err(format!("an item of the list has none of its keys {keys:?}"));
                }
                Ok(Json::Object(known).to_string())
            }
            (Items::Keyed(_), _) => Err("an item of the list is no map".to_owned()),
            (_, Json::Object(_) | Json::Array(_) | Json::Null) => Err("an item of the set is no scalar".to_owned()),
            (_, scalar) => Ok(scalar.to_string()),
        }
    }

    /// Whether a value has the fields and the forms that its shape has.
    fn check<'j>(&self, shape: &Shape, value: &'j Json, path: &mut Vec<Step<'j>>, side: Of) -> Result<(), String> {
        match (shape, value) {
            // CEL's null is none of the server's.
            (_, Json::Null) if side == Of::Patch => Err(format!("{}: null", at(path))),
            (_, Json::Null) | (Shape::Anything, _) => Ok(()),
            (Shape::Scalar(of), value) if is_scalar(*of, value) => Ok(()),
            (Shape::Scalar(of), _) => Err(format!("{}: expected {}", at(path), named(*of))),
            (Shape::List { items, of }, Json::Array(values)) => {
                let mut met = HashSet::new();
                for (number, item) in values.iter().enumerate() {
                    path.push(Step::Item(number));
                    if *items != Items::Whole {
                        let identity = self.identity(items, of, item).map_err(|why| format!("{}: {why}", at(path)))?;
                        if !met.insert(identity) && side == Of::Patch {
                            return Err(format!("{}: duplicate entry", at(path)));
                        }
                    }
                    self.check(of, item, path, side)?;
                    path.pop();
                }
                Ok(())
            }
            (Shape::List { .. }, _) => Err(format!("{}: expected list", at(path))),
            (Shape::Map { .. } | Shape::Struct { .. }, Json::Object(fields)) => {
                for (name, value) in fields {
                    path.push(Step::Field(name));
                    let of = self.shape_of(shape, name);
                    let of = of.ok_or_else(|| format!("{}: field not declared in schema", at(path)))?;
                    self.check(of, value, path, side)?;
                    path.pop();
                }
                Ok(())
            }
            (Shape::Map { .. } | Shape::Struct { .. }, _) => Err(format!("{}: expected map", at(path))),
        }
    }

    fn shape_of<'s>(&'s self, shape: &'s Shape, name: &str) -> Option<&'s Shape> {
        match shape {
            Shape::Map { of, .. } => Some(of),
            Shape::Struct { number, .. } => self.schema.field(*number, name).map(|field| &field.shape),
            _ => None,
        }
    }

    /// As [`Merger::check`], but as a typed object is read: lists are not told apart by keys, numbers are whole.
    fn fits<'j>(&self, shape: &Shape, value: &'j Json, path: &mut Vec<Step<'j>>) -> Result<(), String> {
        match (shape, value) {
            (Shape::Scalar(Scalar::Number), Json::Number(number)) if !number.is_i64() => {
                Err(format!("{}: not a whole number", at(path)))
            }
            (Shape::List { of, .. }, Json::Array(values)) => {
                for (number, item) in values.iter().enumerate() {
                    path.push(Step::Item(number));
                    self.fits(of, item, path)?;
                    path.pop();
                }
                Ok(())
            }
            (Shape::Map { .. } | Shape::Struct { .. }, Json::Object(fields)) => {
                for (name, value) in fields {
                    path.push(Step::Field(name));
                    let of = self.shape_of(shape, name).ok_or_else(|| format!("unknown field {:?}", at(path)))?;
                    self.fits(of, value, path)?;
                    path.pop();
                }
                Ok(())
            }
            (shape, value) => self.check(shape, value, path, Of::Object),
        }
    }

    /// Where a patch would change a part of something that is one whole.
    fn wholes<'j>(&self, shape: &Shape, value: &'j Json, path: &mut Vec<Step<'j>>, found: &mut Vec<String>) {
        match (shape, value) {
            (Shape::List { items, of }, Json::Array(values)) => {
                if *items == Items::Whole {
                    found.push(at(path));
                }
                for (number, item) in values.iter().enumerate() {
                    path.push(Step::Item(number));
                    self.wholes(of, item, path, found);
                    path.pop();
                }
            }
            (Shape::Map { whole, .. } | Shape::Struct { whole, .. }, Json::Object(fields)) => {
                if *whole {
                    found.push(at(path));
                }
                // The items of a map are not looked into there.
                let Shape::Struct { number, .. } = shape else { return };
                for (name, value) in fields {
                    path.push(Step::Field(name));
                    if let Some(field) = self.schema.field(*number, name) {
                        self.wholes(&field.shape, value, path, found);
                    }
                    path.pop();
                }
            }
            _ => {}
        }
    }

    /// One of the two sides is there.
    fn merge(&self, shape: &Shape, live: Option<&Json>, patch: Option<&Json>) -> Option<Json> {
        let (Some(left), Some(right)) = (live, patch) else { return live.or(patch).cloned() };
        match (shape, left, right) {
            (Shape::List { items, of }, Json::Array(live), Json::Array(patch))
                if *items != Items::Whole && !(live.is_empty() && patch.is_empty()) =>
            {
                let made = self.lists(items, of, live, patch);
                (!made.is_empty()).then_some(Json::Array(made))
            }
            (
                Shape::Map { whole: false, .. } | Shape::Struct { whole: false, .. },
                Json::Object(live),
                Json::Object(patch),
            ) if !(live.is_empty() && patch.is_empty()) => {
                let mut made = Map::new();
                let added = patch.keys().filter(|name| !live.contains_key(*name));
                for name in live.keys().chain(added) {
                    let of = self.shape_of(shape, name)?;
                    if let Some(value) = self.merge(of, live.get(name), patch.get(name)) {
                        made.insert(name.clone(), value);
                    }
                }
                (!made.is_empty()).then_some(Json::Object(made))
            }
            _ => Some(right.clone()),
        }
    }

    /// Items stay in their order as far as the patch does not say otherwise; its own come where it has them.
    fn lists(&self, items: &Items, of: &Shape, live: &[Json], patch: &[Json]) -> Vec<Json> {
        let identities = |list: &[Json]| -> Vec<String> {
            list.iter().map(|item| self.identity(items, of, item).unwrap_or_default()).collect()
        };
        let (left, right) = (identities(live), identities(patch));
        // Of an item that stands there twice none is merged with the patch's.
        let mut by_left: HashMap<&str, Option<&Json>> = HashMap::new();
        for (identity, item) in left.iter().zip(live) {
            by_left.entry(identity).and_modify(|held| *held = None).or_insert(Some(item));
        }
        let by_right: HashMap<&str, &Json> = right.iter().map(String::as_str).zip(patch).collect();
        let mut shared: VecDeque<&str> =
            right.iter().map(String::as_str).filter(|identity| by_left.contains_key(identity)).collect();
        let mut next = shared.pop_front();
        let mut done: HashSet<&str> = HashSet::new();
        let mut made = Vec::with_capacity(live.len().max(patch.len()));
        let (mut l, mut r) = (0, 0);
        let both =
            |identity: &str| self.merge(of, by_left.get(identity).copied().flatten(), by_right.get(identity).copied());
        loop {
            let (here, there) = (left.get(l).map(String::as_str), right.get(r).map(String::as_str));
            if let (Some(here), Some(there)) = (here, there) {
                if here == there {
                    done.insert(here);
                    made.extend(both(here));
                    (l, r) = (l + 1, r + 1);
                    next = shared.pop_front();
                    continue;
                }
                if by_right.contains_key(here) && next.is_some_and(|next| next != here) {
                    l += 1;
                    continue;
                }
            }
            if let Some(here) = here {
                if !by_right.contains_key(here) {
                    made.extend(live.get(l).cloned());
                    l += 1;
                    continue;
                }
                if done.contains(here) {
                    l += 1;
                }
            }
            match there {
                Some(there) => {
                    done.insert(there);
                    made.extend(both(there));
                    r += 1;
                    if next == Some(there) {
                        next = shared.pop_front();
                    }
                }
                None if left.get(l).is_none() => return made,
                None => {}
            }
        }
    }
}
