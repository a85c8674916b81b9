//! Variables, fields and indexes.

use super::Machine;
use crate::budget::{Failure, Out, error};
use crate::library;
use crate::node::Node;
use crate::value::Value;

/// A field: none where it is not there.
fn field_of(value: &Value, field: &str) -> Out<Option<Value>> {
    match value {
        Value::Map(map) => Ok(map.get_text(field).cloned()),
        Value::Optional(None) => Ok(None),
        Value::Optional(Some(inner)) => field_of(inner, field),
        Value::List(_) => error("unsupported index type 'string' in list"),
        _ => Ok(None),
    }
}

impl Machine<'_, '_> {
    /// What may be missing; only what is there counts.
    fn found(&mut self, found: Option<Value>) -> Out {
        match found {
            Some(value) => {
                self.meter.charge(1)?;
                Ok(Value::some(value))
            }
            None => Ok(Value::none()),
        }
    }

    /// What fields and indexes are of: where that is no name itself, its value counts as one.
    fn base(&mut self, operand: &Node) -> Out {
        let value = self.eval(operand)?;
        if !operand.is_path() {
            self.meter.charge(1)?;
        }
        Ok(value)
    }

    /// An index, whose own name does not count beside it.
    fn at(&mut self, at: &Node) -> Out {
        let value = self.eval(at)?;
        if at.is_path() {
            self.meter.refund(1);
        }
        Ok(value)
    }

    pub(super) fn variable(&mut self, number: usize) -> Out {
        self.meter.charge(1)?;
        match self.world.variable(number) {
            Some(value) => Ok(value),
            None => match self.world.unknown(number) {
                Some(why) => Err(Box::new(Failure::Undecided(why))),
                None => error(format!("no such attribute(s): {}", self.names.get(number).map_or("", |name| name))),
            },
        }
    }

    #[inline(never)]
    pub(super) fn lazy(&mut self, variable: usize, field: &str) -> Out {
        self.meter.charge(2)?;
        self.world.field(variable, field, self.meter)
    }

    #[inline(never)]
    pub(super) fn select(&mut self, operand: &Node, field: &str) -> Out {
        let value = self.base(operand)?;
        self.meter.work(1)?;
        if matches!(value, Value::Optional(_)) {
            return self.found(field_of(&value, field)?);
        }
        self.meter.charge(1)?;
        match &value {
            Value::Map(map) => match map.get_text(field) {
                Some(found) => Ok(found.clone()),
                None => error(format!("no such key: {field}")),
            },
            other => match field_of(other, field)? {
                Some(found) => Ok(found),
                None => error(format!("no such key: {field}")),
            },
        }
    }

    #[inline(never)]
    pub(super) fn optional_select(&mut self, operand: &Node, field: &str) -> Out {
        let value = self.base(operand)?;
        // A struct that was written out has none of its fields there, when it is asked in this way.
        if matches!(&value, Value::Map(map) if map.name().is_some_and(|name| name != "JSONPatch")) {
            return self.found(None);
        }
        let found = field_of(&value, field)?;
        self.found(found)
    }

    #[inline(never)]
    pub(super) fn has(&mut self, operand: &Node, field: &str) -> Out {
        let value = self.base(operand)?;
        if matches!(value, Value::Optional(None)) {
            self.meter.refund(1);
        }
        Ok(Value::Bool(field_of(&value, field)?.is_some()))
    }

    #[inline(never)]
    pub(super) fn index(&mut self, sides: &[Node; 2]) -> Out {
        let [operand, at] = sides;
        let value = self.base(operand)?;
        // Below what is missing nothing is looked at.
        if matches!(value, Value::Optional(None)) {
            return Ok(value);
        }
        let at = self.at(at)?;
        self.meter.work(1 + (at.text_len() >> 6))?;
        if let Value::Optional(held) = &value {
            let found = held.as_ref().map_or(Ok(None), |inner| library::index(inner, &at))?;
            return self.found(found);
        }
        self.meter.charge(1)?;
        library::index(&value, &at)?.ok_or_else(|| library::missing(&value, &at))
    }

    #[inline(never)]
    pub(super) fn optional_index(&mut self, sides: &[Node; 2]) -> Out {
        let [operand, at] = sides;
        let value = self.base(operand)?;
        // Below what is missing nothing is looked at.
        if matches!(value, Value::Optional(None)) {
            return Ok(value);
        }
        let at = self.at(at)?;
        self.meter.work(1 + (at.text_len() >> 6))?;
        let of: &Value = match &value {
            Value::Optional(None) => return Ok(Value::none()),
            Value::Optional(Some(inner)) => inner,
            other => other,
        };
        let found = library::index(of, &at)?;
        self.found(found)
    }
}
