//! Evaluates a [`Program`] under a budget. Recursion follows the program's tree, whose depth the parser bounds; loops are over
//! values.
//!
//! Costs are counted where the API server counts them, so that what it would stop is stopped here.

mod access;
mod folds;
mod make;

use std::sync::Arc;

use crate::budget::{Budget, Failure, Meter, Out, Spent, error};
use crate::library::{self, Registry, cost_of_pair};
use crate::node::{Node, Order, Program};
use crate::value::{MAX_VALUE_DEPTH, Value};

/// What variables are, for one evaluation.
pub trait World {
    /// The variable declared as that number; none where it has no value.
    fn variable(&self, number: usize) -> Option<Value>;

    /// Why a variable without a value is one that cannot be known here: then it is undecided rather than an error.
    fn unknown(&self, _number: usize) -> Option<String> {
        None
    }

    /// A field of a lazy variable.
    fn field(&self, _number: usize, field: &str, _meter: &mut Meter<'_>) -> Result<Value, Box<Failure>> {
        error(format!("no such key: {field}"))
    }
}

/// Values in the order of the variables' declarations.
impl World for [Value] {
    fn variable(&self, number: usize) -> Option<Value> {
        self.get(number).cloned()
    }
}

/// A value or why there is none, and what it cost.
#[derive(Debug)]
pub struct Outcome {
    pub value: Result<Value, Failure>,
    /// In the API server's units.
    pub cost: u64,
}

impl Program {
    pub fn run(&self, world: &(impl World + ?Sized), budget: Budget<'_>) -> Outcome {
        let mut meter = Meter::new(budget);
        let value = self.run_within(&Dynamic(world), &mut meter).map_err(|failure| *failure);
        Outcome { value, cost: meter.cost() }
    }

    pub(crate) fn run_within(&self, world: &dyn World, meter: &mut Meter<'_>) -> Out {
        let locals = vec![Value::Null; self.slots];
        let mut machine =
            Machine { world, meter, locals, failed: Vec::new(), registry: Registry::get(), names: &self.names };
        let value = machine.eval(&self.root)?;
        if value.depth() > MAX_VALUE_DEPTH {
            return Err(Box::new(Failure::Spent(Spent::Depth)));
        }
        Ok(value)
    }
}

struct Dynamic<'a, W: ?Sized>(&'a W);

impl<W: World + ?Sized> World for Dynamic<'_, W> {
    fn variable(&self, number: usize) -> Option<Value> {
        self.0.variable(number)
    }

    fn unknown(&self, number: usize) -> Option<String> {
        self.0.unknown(number)
    }

    fn field(&self, number: usize, field: &str, meter: &mut Meter<'_>) -> Result<Value, Box<Failure>> {
        self.0.field(number, field, meter)
    }
}

pub(crate) struct Machine<'m, 'b> {
    world: &'m dyn World,
    meter: &'m mut Meter<'b>,
    locals: Vec<Value>,
    /// Names bound to what failed: the failure is whose who reads them.
    failed: Vec<(usize, Box<Failure>)>,
    registry: &'static Registry,
    names: &'m [Arc<str>],
}

/// Of two reasons the one that is told: what cannot be known wins over errors, then the first.
fn worse(kept: Option<Box<Failure>>, new: Box<Failure>) -> Box<Failure> {
    match (kept, &*new) {
        (Some(kept), Failure::Undecided(_)) if !matches!(*kept, Failure::Undecided(_)) => new,
        (Some(kept), _) => kept,
        (None, _) => new,
    }
}

impl Machine<'_, '_> {
    fn eval(&mut self, node: &Node) -> Out {
        self.meter.descend()?;
        let made = self.eval_node(node);
        self.meter.ascend();
        made
    }

    fn eval_node(&mut self, node: &Node) -> Out {
        match node {
            Node::Const(value) => Ok(value.clone()),
            Node::Local(slot) => self.local(*slot),
            Node::Variable(number) => self.variable(*number),
            Node::Lazy { variable, field } => self.lazy(*variable, field),
            Node::Select { operand, field } => self.select(operand, field),
            Node::OptionalSelect { operand, field } => self.optional_select(operand, field),
            Node::Has { operand, field } => self.has(operand, field),
            Node::Index(sides) => self.index(sides),
            Node::OptionalIndex(sides) => self.optional_index(sides),
            Node::Call { function, overloads, args } => self.call(*function, overloads, args),
            Node::Arithmetic { operator, sides, known } => self.arithmetic(*operator, sides, *known),
            Node::Equal { sides, negated } => self.equal(sides, *negated),
            Node::Order { order, sides, known } => self.order(*order, sides, *known),
            Node::In { sides, known } => self.contains(sides, *known),
            Node::And(terms) => self.absorbing(terms, false),
            Node::Or(terms) => self.absorbing(terms, true),
            Node::Conditional(parts) => self.conditional(parts),
            Node::List(items) => self.list(items),
            Node::Map(entries) => self.map(entries),
            Node::Struct { name, fields } => self.structure(name, fields),
            Node::Fold(fold) => self.fold(fold),
            Node::Bind { slot, value, body } => self.bind(*slot, value, body),
            Node::OptionalMap { slot, target, body, flat, used } => {
                self.optional_map(*slot, target, body, (*flat, *used))
            }
            Node::OrElse { sides, plain } => self.or_else(sides, *plain),
            Node::Extreme { greatest, args } => self.extreme(*greatest, args),
        }
    }

    fn local(&mut self, slot: usize) -> Out {
        self.meter.charge(1)?;
        if let Some((_, failure)) = self.failed.iter().find(|(failed, _)| *failed == slot) {
            return Err(failure.clone());
        }
        self.locals.get(slot).cloned().ok_or_else(library::no_such_overload)
    }

    fn set(&mut self, slot: usize, value: Value) {
        if let Some(local) = self.locals.get_mut(slot) {
            *local = value;
        }
    }

    /// Both sides. Where one fails the operator is paid for all the same, as there.
    fn pair(&mut self, [a, b]: &[Node; 2]) -> Out<[Value; 2]> {
        let a = self.eval(a);
        let b = self.eval(b);
        if a.is_err() || b.is_err() {
            self.meter.charge(1)?;
        }
        match (a, b) {
            (Ok(a), Ok(b)) => Ok([a, b]),
            (Err(a), Err(b)) if matches!(*b, Failure::Spent(_)) && !matches!(*a, Failure::Spent(_)) => Err(b),
            (Err(a), Err(b)) if matches!(*a, Failure::Error(_)) && matches!(*b, Failure::Undecided(_)) => Err(b),
            (Err(a), _) => Err(a),
            (Ok(_), Err(b)) => Err(b),
        }
    }

    /// Both sides of an operator that goes through texts.
    fn texts(&mut self, sides: &[Node; 2]) -> Out<[Value; 2]> {
        let pair = self.pair(sides)?;
        let bytes = pair.iter().fold(0, |sum: usize, side| sum.saturating_add(side.text_len()));
        if bytes >= 64 {
            self.meter.work(bytes >> 6)?;
        }
        Ok(pair)
    }

    #[inline(never)]
    fn call(&mut self, function: usize, overloads: &[u16], args: &[Node]) -> Out {
        let registry = self.registry;
        let Some(function) = registry.function(function) else { return Err(library::no_such_overload()) };
        match args {
            [one] => {
                let one = [self.eval(one)?];
                function.call(self.meter, overloads, &one)
            }
            [one, two] => {
                let pair = [self.eval(one)?, self.eval(two)?];
                function.call(self.meter, overloads, &pair)
            }
            more => {
                let values = more.iter().map(|arg| self.eval(arg)).collect::<Out<Vec<Value>>>()?;
                function.call(self.meter, overloads, &values)
            }
        }
    }

    #[inline(never)]
    fn arithmetic(&mut self, operator: char, sides: &[Node; 2], known: bool) -> Out {
        let [a, b] = self.texts(sides)?;
        let cost = match (operator, &a) {
            ('+', Value::String(_) | Value::Bytes(_)) if known => cost_of_pair(&a, &b, u64::saturating_add),
            _ => 1,
        };
        self.meter.charge(cost)?;
        library::arithmetic(self.meter, operator, &a, &b)
    }

    #[inline(never)]
    fn equal(&mut self, sides: &[Node; 2], negated: bool) -> Out {
        let [a, b] = self.texts(sides)?;
        let cost = if matches!(a, Value::Opaque(_)) && !negated { 1 } else { cost_of_pair(&a, &b, u64::min) };
        self.meter.charge(cost)?;
        match a.equals(&b, self.meter) {
            // As there: what cannot be held against one another is not equal.
            Err(failure) if negated && matches!(*failure, Failure::Error(_)) => Ok(Value::Bool(true)),
            same => Ok(Value::Bool(same? != negated)),
        }
    }

    #[inline(never)]
    fn order(&mut self, order: Order, sides: &[Node; 2], known: bool) -> Out {
        let [a, b] = self.texts(sides)?;
        let cost = if known { cost_of_pair(&a, &b, u64::min) } else { 1 };
        let Some(found) = a.order(&b) else { return Err(library::no_such_overload()) };
        self.meter.charge(cost)?;
        let Some(found) = found else {
            // Not a number stands in no order.
            return error("NaN values cannot be ordered");
        };
        Ok(Value::Bool(match order {
            Order::Less => found.is_lt(),
            Order::LessOrEqual => found.is_le(),
            Order::Greater => found.is_gt(),
            Order::GreaterOrEqual => found.is_ge(),
        }))
    }

    #[inline(never)]
    fn contains(&mut self, sides: &[Node; 2], known: bool) -> Out {
        let [item, within] = self.pair(sides)?;
        let [_, set] = sides;
        let cost = match (&within, set) {
            // A list that is written out is a set there, which costs nothing to look into.
            (Value::List(_), Node::Const(_)) => 0,
            (Value::List(list), _) if known => list.items().len() as u64,
            _ => 1,
        };
        self.meter.charge(cost)?;
        match within.contains(&item, self.meter) {
            Some(found) => Ok(Value::Bool(found?)),
            None => Err(library::no_such_overload()),
        }
    }

    /// `&&`, and `||` where `decides` is true: one term that decides makes errors of the others not matter.
    #[inline(never)]
    fn absorbing(&mut self, terms: &[Node], decides: bool) -> Out {
        let mut failure: Option<Box<Failure>> = None;
        for term in terms {
            match self.eval(term) {
                Ok(Value::Bool(value)) if value == decides => return Ok(Value::Bool(decides)),
                Ok(Value::Bool(_)) => {}
                Ok(_) => failure = Some(worse(failure, library::no_such_overload())),
                Err(new) if matches!(*new, Failure::Spent(_)) => return Err(new),
                Err(new) => failure = Some(worse(failure, new)),
            }
        }
        failure.map_or(Ok(Value::Bool(!decides)), Err)
    }

    #[inline(never)]
    fn conditional(&mut self, [condition, yes, no]: &[Node; 3]) -> Out {
        let chosen = match self.eval(condition)? {
            Value::Bool(true) => yes,
            Value::Bool(false) => no,
            _ => return Err(library::no_such_overload()),
        };
        let value = self.eval(chosen)?;
        if chosen.is_path() {
            self.meter.refund(1);
        }
        Ok(value)
    }

    #[inline(never)]
    fn bind(&mut self, slot: usize, value: &Node, body: &Node) -> Out {
        let before = self.failed.len();
        match self.eval(value) {
            Ok(value) => self.set(slot, value),
            Err(failure) if matches!(*failure, Failure::Spent(_)) => return Err(failure),
            Err(failure) => self.failed.push((slot, failure)),
        }
        let made = self.eval(body);
        self.failed.truncate(before);
        made
    }

    /// The API server evaluates the target twice where its value is used, once to look whether it has one.
    #[inline(never)]
    fn optional_map(&mut self, slot: usize, target: &Node, body: &Node, (flat, used): (bool, bool)) -> Out {
        let before = self.meter.cost();
        let held = self.eval(target)?;
        let again = self.meter.cost() - before;
        match held {
            Value::Optional(None) => {
                self.meter.charge(2)?;
                Ok(Value::none())
            }
            Value::Optional(Some(inner)) => {
                self.meter.charge(if used { again + 1 } else { 0 } + 1 + u64::from(!flat))?;
                self.set(slot, (*inner).clone());
                let value = self.eval(body)?;
                make::shallow(if flat { value } else { Value::Optional(Some(Arc::new(value))) })
            }
            _ => Err(library::no_such_overload()),
        }
    }

    #[inline(never)]
    fn or_else(&mut self, [first, second]: &[Node; 2], plain: bool) -> Out {
        match self.eval(first)? {
            Value::Optional(Some(inner)) if plain => Ok((*inner).clone()),
            held @ Value::Optional(Some(_)) => Ok(held),
            Value::Optional(None) => self.eval(second),
            _ => Err(library::no_such_overload()),
        }
    }

    #[inline(never)]
    fn extreme(&mut self, greatest: bool, args: &[Node]) -> Out {
        let values = args.iter().map(|arg| self.eval(arg)).collect::<Out<Vec<Value>>>()?;
        self.meter.charge(1)?;
        library::extreme(self.meter, greatest, &values)
    }
}
