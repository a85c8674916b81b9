//! Lists, maps and objects as they are made.

use std::sync::Arc;

use super::Machine;
use crate::budget::{Failure, Meter, Out, Spent, error};
use crate::library;
use crate::node::Node;
use crate::value::{Key, MAX_VALUE_DEPTH, Value};

/// What the API server counts for making them.
const LIST: u64 = 10;
const MAP: u64 = 30;
const STRUCT: u64 = 40;

/// No value grows deeper than what walks it may go.
pub(super) fn shallow(value: Value) -> Out {
    if value.depth() > MAX_VALUE_DEPTH {
        return Err(Box::new(Failure::Spent(Spent::Depth)));
    }
    Ok(value)
}

/// What an optional item holds; nothing where it is missing.
fn held(value: Value, optional: bool) -> Out<Option<Value>> {
    match value {
        value if !optional => Ok(Some(value)),
        Value::Optional(None) => Ok(None),
        Value::Optional(Some(inner)) => Ok(Some((*inner).clone())),
        _ => Err(library::no_such_overload()),
    }
}

/// Pays for putting entries in the order of their keys.
pub(super) fn pay_for_order(meter: &mut Meter<'_>, entries: &[(Key, Value)]) -> Out<()> {
    let bytes = entries.iter().fold(0, |sum: usize, (key, _)| sum.saturating_add(key.text_len()));
    let rounds = entries.len().checked_ilog2().unwrap_or(0) as usize + 1;
    meter.work((entries.len().saturating_add(bytes >> 6)).saturating_mul(rounds))
}

impl Machine<'_, '_> {
    #[inline(never)]
    pub(super) fn list(&mut self, items: &[(Node, bool)]) -> Out {
        let mut values = Vec::with_capacity(items.len());
        for (item, optional) in items {
            let value = self.eval(item)?;
            values.extend(held(value, *optional)?);
        }
        self.meter.charge(LIST)?;
        self.meter.memory(values.len() * size_of::<Value>())?;
        shallow(Value::list(values))
    }

    #[inline(never)]
    pub(super) fn map(&mut self, entries: &[(Node, Node, bool)]) -> Out {
        let mut made = Vec::with_capacity(entries.len());
        for (key, value, optional) in entries {
            let key = self.eval(key)?;
            let value = self.eval(value)?;
            let Some(value) = held(value, *optional)? else { continue };
            let Some(key) = Key::of(&key) else { return error(format!("unsupported key type: {}", key.type_name())) };
            made.push((key, value));
        }
        self.meter.charge(MAP)?;
        self.meter.memory(made.len() * size_of::<(Key, Value)>())?;
        pay_for_order(self.meter, &made)?;
        shallow(Value::map(made))
    }

    #[inline(never)]
    pub(super) fn structure(&mut self, name: &Arc<str>, fields: &[(Arc<str>, Node, bool)]) -> Out {
        let mut made = Vec::with_capacity(fields.len());
        for (field, value, optional) in fields {
            let value = self.eval(value)?;
            let Some(value) = held(value, *optional)? else { continue };
            made.push((Key::String(field.clone()), value));
        }
        self.meter.charge(STRUCT)?;
        self.meter.memory(made.len() * size_of::<(Key, Value)>())?;
        shallow(Value::structure(name.clone(), made))
    }
}
