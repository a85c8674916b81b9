//! Macros over lists and maps, as the loops they are.

use super::{
    Machine,
    make::{pay_for_order, shallow},
    worse,
};
use crate::ast::Gives;
use crate::budget::{Failure, Out, error};
use crate::library::{self, format::go_text};
use crate::node::{FoldNode, Node};
use crate::value::{Key, Value};

/// What a loop has gathered.
#[derive(Default)]
struct Gathered {
    failure: Option<Box<Failure>>,
    count: u64,
    values: Vec<Value>,
    keys: Vec<Value>,
    entries: Vec<(Key, Value)>,
}

/// What the API server counts: for a loop, for a round of it, for a round whose item is taken in, and for looking whether to go
/// on where the answer is clear.
struct Prices {
    whole: u64,
    round: u64,
    taken: u64,
    stop: u64,
}

impl Prices {
    /// After the last item nothing asks whether to go on.
    fn at(&self, last: bool) -> Prices {
        Prices { stop: if last { 0 } else { self.stop }, ..*self }
    }
}

fn prices(gives: Gives) -> Prices {
    let (whole, round, taken, stop) = match gives {
        Gives::All => (1, 3, 0, 2),
        Gives::Exists => (1, 4, 0, 3),
        Gives::ExistsOne => (2, 0, 2, 0),
        Gives::List => (1, 0, 12, 0),
        Gives::Filter => (1, 0, 13, 0),
        Gives::SortBy => (4, 0, 12, 0),
        Gives::Map => (1, 0, 3, 0),
        Gives::MapEntry => (1, 0, 2, 0),
    };
    Prices { whole, round, taken, stop }
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "types.Null",
        Value::Bool(_) => "types.Bool",
        Value::Int(_) => "types.Int",
        Value::Uint(_) => "types.Uint",
        Value::Double(_) => "types.Double",
        Value::String(_) => "types.String",
        Value::Bytes(_) => "types.Bytes",
        Value::Timestamp(_) => "types.Timestamp",
        Value::Duration(_) => "types.Duration",
        Value::Optional(_) => "*types.Optional",
        Value::Type(_) => "*types.Type",
        _ => "ref.Val",
    }
}

impl Machine<'_, '_> {
    #[inline(never)]
    pub(super) fn fold(&mut self, fold: &FoldNode) -> Out {
        let range = self.eval(&fold.range)?;
        let mut prices = prices(fold.gives);
        if fold.gives == Gives::List && matches!(fold.step, Some(Node::Const(_))) {
            // A list of what is written out is made beforehand there.
            prices.taken -= 10;
        }
        let mut gathered = Gathered::default();
        match &range {
            Value::List(list) => {
                for (number, item) in list.items().iter().enumerate() {
                    let last = number + 1 == list.items().len();
                    let index = Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
                    let variables =
                        if fold.second.is_some() { (index.clone(), Some(item.clone())) } else { (item.clone(), None) };
                    if let Some(decided) =
                        self.round(fold, &prices.at(last), &mut gathered, variables, (&index, item))?
                    {
                        return Ok(decided);
                    }
                }
            }
            Value::Map(map) => {
                for (number, (key, item)) in map.entries().iter().enumerate() {
                    let last = number + 1 == map.entries().len();
                    let key = key.value();
                    let variables = (key.clone(), fold.second.is_some().then(|| item.clone()));
                    if let Some(decided) = self.round(fold, &prices.at(last), &mut gathered, variables, (&key, &key))? {
                        return Ok(decided);
                    }
                }
            }
            other => return error(format!("got '{}', expected iterable type", go_type(other))),
        }
        self.meter.charge(prices.whole)?;
        self.gathered(fold, gathered)
    }

    /// One item. A value where it decides the whole.
    fn round(
        &mut self,
        fold: &FoldNode,
        prices: &Prices,
        gathered: &mut Gathered,
        variables: (Value, Option<Value>),
        (index, item): (&Value, &Value),
    ) -> Out<Option<Value>> {
        self.meter.work(1)?;
        self.meter.charge(prices.round)?;
        self.set(fold.first, variables.0);
        if let (Some(slot), Some(value)) = (fold.second, variables.1) {
            self.set(slot, value);
        }
        if let Some(filter) = &fold.filter {
            match self.eval(filter) {
                Ok(Value::Bool(true)) if fold.gives == Gives::Exists => {
                    self.meter.charge(prices.whole + prices.stop)?;
                    return Ok(Some(Value::Bool(true)));
                }
                Ok(Value::Bool(false)) if fold.gives == Gives::All => {
                    self.meter.charge(prices.whole + prices.stop)?;
                    return Ok(Some(Value::Bool(false)));
                }
                Ok(Value::Bool(false)) => return Ok(None),
                Ok(Value::Bool(true)) if matches!(fold.gives, Gives::All) => return Ok(None),
                Ok(Value::Bool(true)) => {}
                Err(failure) if matches!(*failure, Failure::Spent(_)) => return Err(failure),
                other => {
                    let failure = other.err().unwrap_or_else(library::no_such_overload);
                    if !matches!(fold.gives, Gives::All | Gives::Exists) {
                        return Err(failure);
                    }
                    gathered.failure = Some(worse(gathered.failure.take(), failure));
                    return Ok(None);
                }
            }
        }
        self.meter.charge(prices.taken)?;
        self.take(fold, gathered, index, item)?;
        Ok(None)
    }

    fn step(&mut self, step: Option<&Node>, item: &Value) -> Out {
        match step {
            Some(step) => self.eval(step),
            None => Ok(item.clone()),
        }
    }

    fn take(&mut self, fold: &FoldNode, gathered: &mut Gathered, index: &Value, item: &Value) -> Out<()> {
        let step = fold.step.as_ref();
        self.meter.memory(size_of::<Value>())?;
        match fold.gives {
            Gives::All | Gives::Exists => {}
            Gives::ExistsOne => gathered.count += 1,
            Gives::Filter | Gives::List => {
                let value = self.step(step, item)?;
                gathered.values.push(value);
            }
            Gives::SortBy => {
                let key = self.step(step, item)?;
                gathered.keys.push(key);
                gathered.values.push(item.clone());
            }
            Gives::Map => {
                let value = self.step(step, item)?;
                let Some(key) = Key::of(index) else { return Err(library::no_such_overload()) };
                gathered.entries.push((key, value));
            }
            Gives::MapEntry => {
                let Value::Map(made) = self.step(step, item)? else { return Err(library::no_such_overload()) };
                for (key, value) in made.entries() {
                    self.meter.memory(size_of::<(Key, Value)>())?;
                    gathered.entries.push((key.clone(), value.clone()));
                }
            }
        }
        Ok(())
    }

    fn gathered(&mut self, fold: &FoldNode, gathered: Gathered) -> Out {
        if let Some(failure) = gathered.failure {
            return Err(failure);
        }
        let made = match fold.gives {
            Gives::All => Value::Bool(true),
            Gives::Exists => Value::Bool(false),
            Gives::ExistsOne => Value::Bool(gathered.count == 1),
            Gives::List | Gives::Filter => Value::list(gathered.values),
            Gives::SortBy => {
                let count = gathered.keys.len() as u64;
                // Where the keys' type is not known before, sorting counts as any call.
                self.meter.charge(if fold.known { 10 + count.saturating_mul(count).saturating_mul(2) } else { 0 })?;
                library::sorted_by(self.meter, gathered.values, gathered.keys)?
            }
            Gives::Map | Gives::MapEntry => {
                let mut entries = gathered.entries;
                pay_for_order(self.meter, &entries)?;
                entries.sort_by(|a, b| a.0.cmp(&b.0));
                let twice = entries.windows(2).find_map(|pair| match pair {
                    [a, b] if a.0 == b.0 => Some(a.0.value()),
                    _ => None,
                });
                if let Some(key) = twice {
                    return error(format!("insert failed: key {} already exists", go_text(&key)));
                }
                Value::map(entries)
            }
        };
        shallow(made)
    }
}
