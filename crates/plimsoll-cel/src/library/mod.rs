//! The functions there are: each family of them is a table of [`Row`]s, listed in [`FAMILIES`]. A row says in one line what the
//! checker must know, and names the function that does it.
//!
//! To add a function, add its row; to add a library, its table below. Notation of a signature: `list(T).indexOf(T) -> int` is a
//! member, `size(list(T)) -> int` is not; a single capital is any type; `@C` stands for each comparable type in turn, `@O` for
//! the same in the order of operators.

mod arithmetic;
mod authorizer;
mod convert;
mod cost;
mod encoders;
pub(crate) mod format;
mod formats;
mod go_text;
mod lists;
mod math;
mod net;
pub(crate) mod opaque;
mod operators;
mod optional;
mod quantity;
mod regex;
mod semver;
mod sets;
mod signature;
mod strings;
pub(crate) mod time;
pub(crate) mod types;
mod url;

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::budget::{Failure, Meter, Out};
use crate::types::Type;
use crate::value::Value;

pub(crate) use arithmetic::arithmetic;
pub(crate) use convert::{index, missing};
pub(crate) use lists::sorted_by;
pub(crate) use math::extreme;
pub(crate) use regex::Patterns;

pub(crate) type Run = fn(&mut Meter<'_>, &[Value]) -> Out;
/// What a call costs in the API server's units.
pub(crate) type Cost = fn(&[Value], &Value) -> u64;

/// Where a function is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Wherever Kubernetes 1.36 speaks CEL.
    Kubernetes,
    /// In cel-go, but not in Kubernetes.
    More,
    /// In mutating policies.
    Patch,
}

pub(crate) struct Row {
    pub signature: &'static str,
    pub run: Run,
    pub cost: Cost,
}

pub(crate) const fn row(signature: &'static str, run: Run) -> Row {
    Row { signature, run, cost: cost::one }
}

pub(crate) const fn priced(signature: &'static str, cost: Cost, run: Run) -> Row {
    Row { signature, run, cost }
}

/// All libraries, and where they are known.
const FAMILIES: &[(Known, &[Row])] = &[
    (Known::Kubernetes, operators::ROWS),
    (Known::Kubernetes, convert::ROWS),
    (Known::Kubernetes, time::ROWS),
    (Known::Kubernetes, strings::ROWS),
    (Known::Kubernetes, format::ROWS),
    (Known::Kubernetes, regex::ROWS),
    (Known::Kubernetes, lists::ROWS),
    (Known::Kubernetes, sets::ROWS),
    (Known::Kubernetes, optional::ROWS),
    (Known::Kubernetes, quantity::ROWS),
    (Known::Kubernetes, url::ROWS),
    (Known::Kubernetes, net::ROWS),
    (Known::Kubernetes, semver::ROWS),
    (Known::Kubernetes, formats::ROWS),
    (Known::Kubernetes, authorizer::ROWS),
    (Known::More, math::ROWS),
    (Known::More, encoders::ROWS),
    (Known::Patch, encoders::PATCH_ROWS),
];

/// What an argument may be at run time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    kinds: u32,
    /// Of a list, what its first item may be.
    items: u32,
}

pub(crate) struct Overload {
    pub known: Known,
    pub member: bool,
    pub args: Vec<Type>,
    pub result: Type,
    /// Unknown types in the signature: `Type::Param(0..params)`.
    pub params: usize,
    wanted: Vec<Wanted>,
    pub run: Run,
    pub cost: Cost,
    /// Its cost goes by its sizes only where it is known which overload is meant.
    sized: bool,
}

pub(crate) struct Function {
    pub overloads: Vec<Overload>,
    lenient: bool,
}

/// Functions that look at what they are given and not at what the checker thought of it, as there.
const LENIENT: &[&str] =
    &["-_", "!_", "size", "int", "uint", "double", "bool", "bytes", "timestamp", "duration", "type", "dyn"];

pub(crate) struct Registry {
    functions: Vec<Function>,
    names: HashMap<String, usize>,
}

const ANY: u32 = u32::MAX;

fn kind_of(value: &Value) -> u32 {
    1 << match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Int(_) => 2,
        Value::Uint(_) => 3,
        Value::Double(_) => 4,
        Value::String(_) => 5,
        Value::Bytes(_) => 6,
        Value::List(_) => 7,
        Value::Map(_) => 8,
        Value::Timestamp(_) => 9,
        Value::Duration(_) => 10,
        Value::Type(_) => 11,
        Value::Optional(_) => 12,
        Value::Opaque(opaque) => return opaque.kind(),
    }
}

fn kinds(of: &Type) -> u32 {
    1 << match of {
        Type::Null => 0,
        Type::Bool => 1,
        Type::Int => 2,
        Type::Uint => 3,
        Type::Double => 4,
        Type::String => 5,
        Type::Bytes => 6,
        Type::List(_) => 7,
        Type::Map(_) | Type::Object(_) => 8,
        Type::Timestamp => 9,
        Type::Duration => 10,
        Type::Type(_) => 11,
        Type::Optional(_) => 12,
        Type::Opaque(name) => return opaque::kind_of_name(name),
        Type::Dyn | Type::Error | Type::Param(_) => return ANY,
    }
}

impl Wanted {
    fn of(of: &Type) -> Wanted {
        let items = match of {
            Type::List(item) => kinds(item),
            _ => ANY,
        };
        Wanted { kinds: kinds(of), items }
    }

    fn takes(self, value: &Value) -> bool {
        if kind_of(value) & self.kinds == 0 {
            return false;
        }
        match value {
            Value::List(list) if self.items != ANY => {
                list.items().first().is_none_or(|first| kind_of(first) & self.items != 0)
            }
            _ => true,
        }
    }
}

impl Overload {
    pub fn takes(&self, args: &[Value]) -> bool {
        self.wanted.len() == args.len() && self.wanted.iter().zip(args).all(|(wanted, arg)| wanted.takes(arg))
    }
}

impl Function {
    /// Runs the first overload that takes the arguments, among those that the checker left. Where it took a type for another,
    /// which it may where nothing says what the items of a list are, any of a [`LENIENT`] function.
    pub fn call(&self, meter: &mut Meter<'_>, left: &[u16], args: &[Value]) -> Out {
        // Most functions go through the texts that they are given, and so does the counting of their costs.
        let texts = args.iter().fold(0, |sum: usize, arg| sum.saturating_add(arg.text_len()));
        meter.work(1 + (texts >> 6))?;
        let mut likely = left.iter().filter_map(|number| self.overloads.get(usize::from(*number)));
        let member = likely.clone().next().is_some_and(|overload| overload.member);
        let found = likely
            .find(|overload| overload.takes(args))
            .or_else(|| self.overloads.iter().find(|one| self.lenient && one.member == member && one.takes(args)));
        let Some(overload) = found else { return Err(no_such_overload()) };
        let made = (overload.run)(meter, args);
        // A call that fails is paid for too; one whose overload was not known before counts as any.
        let price = if left.len() == 1 || !overload.sized { overload.cost } else { cost::one };
        meter.charge(price(args, made.as_ref().unwrap_or(&Value::Null)))?;
        made
    }
}

pub(crate) fn no_such_overload() -> Box<Failure> {
    Box::new(Failure::Error("no such overload".to_owned()))
}

impl Registry {
    pub fn get() -> &'static Registry {
        static REGISTRY: OnceLock<Registry> = OnceLock::new();
        REGISTRY.get_or_init(Registry::build)
    }

    pub fn number(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    pub fn function(&self, number: usize) -> Option<&Function> {
        self.functions.get(number)
    }

    fn build() -> Registry {
        let mut registry = Registry { functions: Vec::new(), names: HashMap::new() };
        for (known, rows) in FAMILIES {
            for row in *rows {
                for signature in signature::read(row.signature) {
                    let number = *registry.names.entry(signature.name.clone()).or_insert_with(|| {
                        registry
                            .functions
                            .push(Function { overloads: Vec::new(), lenient: LENIENT.contains(&&*signature.name) });
                        registry.functions.len() - 1
                    });
                    let wanted = signature.args.iter().map(Wanted::of).collect();
                    let overload = Overload {
                        known: *known,
                        member: signature.member,
                        args: signature.args,
                        result: signature.result,
                        params: signature.params,
                        wanted,
                        run: row.run,
                        cost: row.cost,
                        sized: signature.name == "sort",
                    };
                    if let Some(function) = registry.functions.get_mut(number) {
                        function.overloads.push(overload);
                    }
                }
            }
        }
        registry
    }
}

/// Whether a value written out as a function's last argument can never do.
pub(crate) fn literal_fault(function: &str, args: usize, value: &Value) -> bool {
    match (function, args, value) {
        ("matches", 1 | 2, Value::String(text)) => regex::fault(text).is_some(),
        ("duration", 1, Value::String(text)) => time::read_duration(text).is_none(),
        ("duration", 1, Value::Int(_)) => true,
        ("timestamp", 1, Value::String(text)) => time::read_timestamp(text).is_none(),
        ("timestamp", 1, Value::Int(seconds)) => !time::within(*seconds),
        _ => false,
    }
}

/// What an operator over two values costs by their sizes.
pub(crate) fn cost_of_pair(a: &Value, b: &Value, of: fn(u64, u64) -> u64) -> u64 {
    cost::tenth(of(cost::size(a), cost::size(b)))
}

/// What is wrong with a regular expression.
pub(crate) fn expression_fault(pattern: &str) -> Option<String> {
    regex::fault(pattern)
}

/// `authorizer`; with words for what a request is about, `authorizer.requestResource`.
pub(crate) fn authorizer_of_request(resource: Option<&str>) -> Value {
    let authorizer = resource.map_or_else(authorizer::Authorizer::new, authorizer::Authorizer::resource);
    Value::opaque(opaque::Opaque::Authorizer(authorizer))
}
