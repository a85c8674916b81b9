//! Calls: which function is meant, which of its overloads may be, and what the checker can say before evaluation.

use std::sync::Arc;

use super::{Checker, NOTHING, Phase, Typed};
use crate::ast::{Expr, Kind, Literal};
use crate::literals;
use crate::node::{Node, Order};
use crate::types::Type;
use crate::value::Value;

impl Checker<'_> {
    pub(super) fn call(&mut self, at: usize, target: Option<&Expr>, function: &Arc<str>, args: &[Expr]) -> Typed {
        let format = usize::from(&**function == "format");
        self.formats += format;
        let found = self.call_within(at, target, function, args);
        self.formats -= format;
        found
    }

    /// `'%d'.format([…])` with both written out is looked at before it is evaluated.
    fn format_fault(&mut self, at: usize, target: &Expr, args: &[Expr]) -> Option<(usize, String)> {
        let (Kind::Literal(Literal::String(pattern)), [Expr { kind: Kind::List(_), .. }]) = (&target.kind, args) else {
            return None;
        };
        let items: Vec<(usize, Type)> = self.items.iter().map(|(at, of)| (*at, self.shown(of))).collect();
        let types: Vec<&Type> = items.iter().map(|(_, of)| of).collect();
        let (item, message) = crate::library::format::pattern_fault(pattern, &types)?;
        Some((item.and_then(|item| items.get(item)).map_or(at, |(at, _)| *at), message))
    }

    fn call_within(&mut self, at: usize, target: Option<&Expr>, function: &Arc<str>, args: &[Expr]) -> Typed {
        let mut typed: Vec<Typed> = args.iter().map(|arg| self.expr(arg)).collect();
        if &**function == "format"
            && let Some(target) = target
            && let Some((at, message)) = self.format_fault(at, target, args)
        {
            self.found(Phase::Literals, at, message);
        }
        let Some(target) = target else {
            return self.resolved_call(at, function, false, typed, args);
        };
        if let Some(prefix) = self.qualified(target) {
            let name = format!("{prefix}.{function}");
            if self.is_function(&name) {
                return self.resolved_call(at, &name, false, typed, args);
            }
        }
        typed.insert(0, self.expr(target));
        self.resolved_call(at, function, true, typed, args)
    }

    fn is_function(&self, name: &str) -> bool {
        self.registry
            .number(name)
            .and_then(|number| self.registry.function(number))
            .is_some_and(|function| function.overloads.iter().any(|overload| self.environment.knows(overload.known)))
    }

    fn resolved_call(&mut self, at: usize, name: &str, member: bool, typed: Vec<Typed>, args: &[Expr]) -> Typed {
        if !self.is_function(name) {
            return self.issue(at, format!("undeclared reference to '{name}' (in container '')"));
        }
        let (types, nodes): (Vec<Type>, Vec<Node>) = typed.into_iter().unzip();
        let (of, overloads) = self.resolved(at, name, member, &types);
        let function = self.registry.number(name).unwrap_or_default();
        if let Err((at, message)) = literals::valid(name, args) {
            self.found(Phase::Literals, at, message);
        }
        if !member
            && literals::FOLDED.contains(&name)
            && let [Node::Const(value)] = nodes.as_slice()
        {
            let folded = self.registry.function(function).map(|function| literals::folded(function, &overloads, value));
            return match folded {
                Some(Ok(value)) => (of, Node::Const(value)),
                Some(Err(message)) => {
                    self.found(Phase::Constants, at, message);
                    (of, NOTHING)
                }
                None => (of, NOTHING),
            };
        }
        if let Some(message) = literals::pattern_fault(name, &nodes) {
            self.found(Phase::Constants, at, message);
        }
        (of, lowered(name, member, function, overloads, nodes))
    }

    /// The type that a function gives for these types, and the overloads that may turn out to be meant.
    pub(crate) fn resolved(&mut self, at: usize, name: &str, member: bool, args: &[Type]) -> (Type, Box<[u16]>) {
        let function = self.registry.number(name).and_then(|number| self.registry.function(number));
        let overloads = function.map_or(&[][..], |function| &function.overloads);
        let mut left = Vec::new();
        let mut result: Option<Type> = None;
        for (number, overload) in overloads.iter().enumerate() {
            if overload.member != member || !self.environment.knows(overload.known) {
                continue;
            }
            let fresh: Vec<Type> = (0..overload.params).map(|_| self.bindings.fresh()).collect();
            let wanted: Vec<Type> = overload.args.iter().map(|of| instance(of, &fresh)).collect();
            if !self.bindings.all_assignable(args, &wanted) {
                continue;
            }
            left.extend(u16::try_from(number));
            let of = self.bindings.resolved(&instance(&overload.result, &fresh), false);
            result = Some(match result {
                None => of,
                Some(known) if known.is_dyn() || known == of => known,
                Some(_) => Type::Dyn,
            });
        }
        let Some(result) = result else {
            let shown: Vec<String> = args.iter().map(|of| self.shown(of).to_string()).collect();
            let applied = match (member, shown.split_first()) {
                (true, Some((target, rest))) => format!("{target}.({})", rest.join(", ")),
                _ => format!("({})", shown.join(", ")),
            };
            let (of, _) = self.issue(at, format!("found no matching overload for '{name}' applied to '{applied}'"));
            return (of, Box::default());
        };
        (result, left.into())
    }
}

fn instance(of: &Type, fresh: &[Type]) -> Type {
    match of {
        Type::Param(number) => fresh.get(*number).cloned().unwrap_or(Type::Dyn),
        Type::List(item) => Type::list(instance(item, fresh)),
        Type::Map(pair) => Type::map(instance(&pair.0, fresh), instance(&pair.1, fresh)),
        Type::Optional(item) => Type::optional(instance(item, fresh)),
        Type::Type(Some(item)) => Type::Type(Some(Arc::new(instance(item, fresh)))),
        other => other.clone(),
    }
}

/// Operators have nodes of their own.
fn lowered(name: &str, member: bool, function: usize, overloads: Box<[u16]>, args: Vec<Node>) -> Node {
    let args = match <[Node; 2]>::try_from(args) {
        Ok(pair) => pair,
        Err(args) => return Node::Call { function, overloads, args: args.into() },
    };
    let pair = Box::new(args);
    let known = overloads.len() == 1;
    match (name, member) {
        ("_==_", _) => Node::Equal { sides: pair, negated: false },
        ("_!=_", _) => Node::Equal { sides: pair, negated: true },
        ("_<_", _) => Node::Order { order: Order::Less, sides: pair, known },
        ("_<=_", _) => Node::Order { order: Order::LessOrEqual, sides: pair, known },
        ("_>_", _) => Node::Order { order: Order::Greater, sides: pair, known },
        ("_>=_", _) => Node::Order { order: Order::GreaterOrEqual, sides: pair, known },
        ("@in", _) => match &*pair {
            // As there: nothing is in nothing, whatever it is.
            [_, Node::Const(Value::List(list))] if list.items().is_empty() => Node::Const(Value::Bool(false)),
            _ => Node::In { sides: pair, known },
        },
        ("_+_", _) => Node::Arithmetic { operator: '+', sides: pair, known },
        ("_-_", _) => Node::Arithmetic { operator: '-', sides: pair, known },
        ("_*_", _) => Node::Arithmetic { operator: '*', sides: pair, known },
        ("_/_", _) => Node::Arithmetic { operator: '/', sides: pair, known },
        ("_%_", _) => Node::Arithmetic { operator: '%', sides: pair, known },
        ("or", true) => Node::OrElse { sides: pair, plain: false },
        ("orValue", true) => Node::OrElse { sides: pair, plain: true },
        _ => Node::Call { function, overloads, args: pair },
    }
}
