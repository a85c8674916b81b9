//! The value of a partial rule while it grows. In: paths with values, or members of sets. Out: one nested value, or that two
//! of them cannot both be.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::same::search_price;
use crate::budget::{Exhausted, Meter};
use crate::value::{MAX_DEPTH, Value};

pub(super) enum Growing {
    Object(BTreeMap<Value, Growing>),
    Set(BTreeSet<Value>),
    Leaf(Value),
}

/// Why something could not be added.
pub(super) enum Refusal {
    Conflict,
    Exhausted(Exhausted),
}

impl From<Exhausted> for Refusal {
    fn from(limit: Exhausted) -> Refusal {
        Refusal::Exhausted(limit)
    }
}

/// A map's or set's entry, with its share of the tree.
const ENTRY: u64 = 96;

impl Growing {
    pub fn new(set: bool) -> Growing {
        if set { Growing::Set(BTreeSet::new()) } else { Growing::Object(BTreeMap::new()) }
    }

    /// Adds a value at a path, or where `member` is set adds it to the set at the path. `Ok(true)`: it was there already.
    pub fn add(&mut self, path: &[Value], value: Value, member: bool, meter: &mut Meter) -> Result<bool, Refusal> {
        let mut at = self;
        let mut rest = path;
        if rest.len() >= MAX_DEPTH as usize {
            return Err(Exhausted::Depth.into());
        }
        while let Some((key, below)) = rest.split_first() {
            let Growing::Object(entries) = at else { return Err(Refusal::Conflict) };
            meter.steps(search_price(entries.len(), key))?;
            rest = below;
            let last = below.is_empty();
            at = match entries.entry(key.clone()) {
                Entry::Occupied(entry) => {
                    let have = entry.into_mut();
                    if last && !member {
                        meter.steps(search_price(1, &value))?;
                        return if have.equals(&value) { Ok(true) } else { Err(Refusal::Conflict) };
                    }
                    have
                }
                Entry::Vacant(entry) => {
                    meter.memory(ENTRY)?;
                    if last && !member {
                        entry.insert(Growing::Leaf(value));
                        return Ok(false);
                    }
                    entry.insert(Growing::new(last))
                }
            };
        }
        let Growing::Set(members) = at else { return Err(Refusal::Conflict) };
        meter.steps(search_price(members.len(), &value))?;
        let new = members.insert(value);
        if new {
            meter.memory(ENTRY)?;
        }
        Ok(!new)
    }

    fn equals(&self, value: &Value) -> bool {
        match (self, value) {
            (Growing::Leaf(have), value) => have == value,
            (Growing::Set(members), Value::Set(set)) => members.iter().eq(set.members()),
            (Growing::Object(entries), Value::Object(object)) => {
                entries.len() == object.entries().len()
                    && entries
                        .iter()
                        .zip(object.entries())
                        .all(|((key, have), (other, value))| key == other && have.equals(value))
            }
            _ => false,
        }
    }

    pub fn finish(self) -> Value {
        match self {
            Growing::Leaf(value) => value,
            Growing::Set(members) => Value::set(members.into_iter().collect()),
            Growing::Object(entries) => {
                Value::object(entries.into_iter().map(|(key, value)| (key, value.finish())).collect())
            }
        }
    }
}
