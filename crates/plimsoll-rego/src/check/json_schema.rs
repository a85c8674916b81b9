//! JSON schemas as types, as OPA reads them. In: a schema. Out: the type of what it describes, or why it is none, with OPA's
//! words. References within the schema are followed, also in circles; references to other places are not fetched.
//!
//! What OPA does not look at is not looked at either: `required`, `enum`, `oneOf`, formats and limits say nothing about types.
//! They are read all the same, and a schema that is wrong there is refused.

mod read;
mod reference;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use self::read::{Kind, Sub, SubId, read};
use super::schema::Definitions;
use crate::types::{Recursive, Type};
use crate::value::Value;

/// Schemas nest no deeper, references followed.
const MAX_NESTING: usize = 160;
/// Schemas within one schema, and members that merging makes.
const MAX_PARTS: usize = 200_000;

const TOO_DEEP: &str = "the schema is nested too deep";
const TOO_LARGE: &str = "the schema is too large";

/// The type that a schema describes, and the owner of what it refers to.
pub(super) fn type_of(schema: &Value) -> Result<(Type, Definitions), String> {
    let (subs, root) = read(schema).map_err(|error| format!("unable to compile the schema: {error}"))?;
    let mut typer = Typer { subs, known: HashMap::new(), definitions: Vec::new(), made: 0, depth: 0 };
    let of = typer.of(root, None).map_err(|error| format!("type checking: {error}"))?;
    Ok((of, typer.definitions))
}

enum Known {
    /// Somewhere around: `target` where something refers to it.
    Within(Option<Arc<OnceLock<Type>>>),
    Done(Type),
}

struct Typer {
    subs: Vec<Sub>,
    known: HashMap<String, Known>,
    definitions: Definitions,
    made: usize,
    depth: usize,
}

impl Typer {
    fn sub(&mut self, id: SubId) -> Result<&mut Sub, String> {
        self.subs.get_mut(id).ok_or_else(|| TOO_LARGE.to_owned())
    }

    fn spend(&mut self, count: usize) -> Result<(), String> {
        self.made += count;
        if self.made > MAX_PARTS { Err(TOO_LARGE.to_owned()) } else { Ok(()) }
    }

    /// `name`: the reference by which it was come to.
    fn of(&mut self, id: SubId, name: Option<String>) -> Result<Type, String> {
        self.spend(1)?;
        if self.depth >= MAX_NESTING {
            return Err(TOO_DEEP.to_owned());
        }
        self.depth += 1;
        let result = self.of_within(id, name);
        self.depth -= 1;
        result
    }

    fn of_within(&mut self, id: SubId, name: Option<String>) -> Result<Type, String> {
        if let (Some(target), Some(reference)) = (self.sub(id)?.target, self.sub(id)?.reference.clone()) {
            return match self.known.get_mut(&reference) {
                Some(Known::Done(of)) => Ok(of.clone()),
                Some(Known::Within(slot)) => {
                    let target = slot.get_or_insert_default();
                    let target = Arc::downgrade(target);
                    Ok(Type::Recursive(Arc::new(Recursive { name: reference.into(), target })))
                }
                None => self.of(target, Some(reference)),
            };
        }
        let Some(name) = name else { return self.structure(id) };
        self.known.insert(name.clone(), Known::Within(None));
        let of = self.structure(id);
        let slot = match self.known.remove(&name) {
            Some(Known::Within(slot)) => slot,
            _ => None,
        };
        if let Ok(of) = &of {
            if let Some(slot) = slot {
                let _ = slot.set(of.clone());
                self.definitions.push(slot);
            }
            self.known.insert(name, Known::Done(of.clone()));
        }
        of
    }

    fn structure(&mut self, id: SubId) -> Result<Type, String> {
        let sub = self.sub(id)?;
        if !sub.any_of.is_empty() {
            let any_of = sub.any_of.clone();
            return self.any_of(id, &any_of);
        }
        if !sub.all_of.is_empty() {
            let all_of = sub.all_of.clone();
            return self.all_of(id, &all_of);
        }
        self.core(id)
    }

    /// What `type`, `properties` and `items` say.
    fn core(&mut self, id: SubId) -> Result<Type, String> {
        let sub = self.sub(id)?;
        if sub.kinds.is_empty() {
            // A type that is not said follows from what is.
            if !sub.properties.is_empty() {
                sub.kinds.push(Kind::Object);
            } else if !sub.items.is_empty() {
                sub.kinds.push(Kind::Array);
            }
        }
        let has = |kind: Kind| sub.kinds.contains(&kind);
        if has(Kind::Boolean) {
            Ok(Type::Boolean)
        } else if has(Kind::String) {
            Ok(Type::String)
        } else if has(Kind::Integer) || has(Kind::Number) {
            Ok(Type::Number)
        } else if has(Kind::Object) {
            let properties = sub.properties.clone();
            if properties.is_empty() {
                return Ok(Type::object(Vec::new(), Some((Type::Any, Type::Any))));
            }
            let mut fixed = Vec::with_capacity(properties.len());
            for (name, sub) in properties {
                fixed.push((Value::string(name), self.of(sub, None)?));
            }
            // Of a name that merging made double the first counts; an object keeps the last.
            fixed.reverse();
            Ok(Type::object(fixed, None))
        } else if has(Kind::Array) {
            let (items, single) = (sub.items.clone(), sub.single);
            match items.first() {
                None => Ok(Type::array(Vec::new(), Some(Type::Any))),
                Some(item) if single => Ok(Type::array(Vec::new(), Some(self.of(*item, None)?))),
                Some(_) => {
                    let fixed = items.into_iter().map(|item| self.of(item, None)).collect::<Result<_, _>>()?;
                    Ok(Type::array(fixed, None))
                }
            }
        } else {
            Ok(Type::Any)
        }
    }

    fn any_of(&mut self, id: SubId, any_of: &[SubId]) -> Result<Type, String> {
        let mut of = Type::Unknown;
        if !self.sub(id)?.kinds.is_empty() {
            // Beside `anyOf`, `allOf` and then the type itself count, objects of known members only.
            let all_of = self.sub(id)?.all_of.clone();
            let core = if all_of.is_empty() { self.core(id)? } else { self.all_of(id, &all_of)? };
            if matches!(&core, Type::Object(object) if !object.fixed().is_empty() && object.rest().is_none()) {
                of = core;
            }
        }
        for sub in any_of {
            of = self.of(*sub, None)?.or(&of);
        }
        Ok(of)
    }

    fn all_of(&mut self, id: SubId, all_of: &[SubId]) -> Result<Type, String> {
        let mut parts = Vec::new();
        for part in all_of {
            let mut part = *part;
            let mut steps = 0;
            while let Some(target) = self.sub(part)?.target {
                part = target;
                steps += 1;
                if steps > MAX_NESTING {
                    return Err(TOO_DEEP.to_owned());
                }
            }
            let sub = self.sub(part)?;
            let only_any_of =
                sub.kinds.is_empty() && !sub.any_of.is_empty() && sub.properties.is_empty() && sub.items.is_empty();
            if !only_any_of {
                parts.push(part);
            }
        }
        let Some(merged) = self.merge(&parts)? else { return Ok(Type::Any) };
        let own = self.sub(id)?.kinds.clone();
        if !own.is_empty() {
            let theirs = self.sub(merged)?.kinds.clone();
            let both = |kind: Kind| own.contains(&kind) && theirs.contains(&kind);
            if both(Kind::Object) || both(Kind::Array) {
                return match self.merge(&[merged, id])? {
                    Some(merged) => self.of(merged, None),
                    None => Ok(Type::Any),
                };
            }
            if own != theirs {
                return Err("unable to merge these schemas".to_owned());
            }
        }
        self.of(merged, None)
    }

    /// Puts what the others have into the first.
    fn merge(&mut self, parts: &[SubId]) -> Result<Option<SubId>, String> {
        for part in parts {
            let sub = self.sub(*part)?;
            let kind = match (sub.properties.is_empty(), sub.items.is_empty()) {
                (false, _) => Kind::Object,
                (true, false) => Kind::Array,
                _ => continue,
            };
            if !sub.kinds.contains(&kind) {
                sub.kinds.push(kind);
            }
        }
        let Some((first, others)) = parts.split_first() else { return Ok(None) };
        for other in others {
            let (kinds, properties, items) = {
                let other = self.sub(*other)?;
                (other.kinds.clone(), other.properties.clone(), other.items.clone())
            };
            self.spend(properties.len() + items.len())?;
            let into = self.sub(*first)?;
            if into.kinds != kinds {
                return Err(format!(
                    "unable to merge these schemas: type mismatch: {} and {}",
                    Kind::list(&into.kinds),
                    Kind::list(&kinds)
                ));
            }
            if kinds.contains(&Kind::Object) && !into.properties.is_empty() && !properties.is_empty() {
                into.properties.extend(properties);
            } else if kinds.contains(&Kind::Array) && !into.items.is_empty() && !items.is_empty() {
                let have = into.items.len();
                into.items.extend(items.iter().skip(have));
                let pairs: Vec<(SubId, SubId)> = into.items.iter().copied().zip(items).collect();
                for (a, b) in pairs {
                    if self.sub(a)?.kinds.clone() != self.sub(b)?.kinds {
                        return Err("unable to merge these schemas".to_owned());
                    }
                }
            }
        }
        Ok(Some(*first))
    }
}
