//! [`Expr`] → [`Program`]: names are declared, functions take what they are given, as far as types are known before evaluation.
//! Messages are in the words of cel-go's checker.

mod calls;
mod folds;

use std::sync::Arc;

use crate::ast::{Access, Entry, Expr, Field, Item, Kind, Literal};
use crate::environment::Environment;
use crate::library::{Registry, types as named_types};
use crate::node::{Node, Program};
use crate::source::{Issue, Refused};
use crate::types::{Bindings, Type};
use crate::value::{Key, Value};

/// Issues that are told of one expression.
const MAX_ISSUES: usize = 100;

pub(crate) fn program(environment: &Environment, text: &str, tree: &Expr) -> Result<Program, Refused> {
    let mut checker = Checker {
        environment,
        registry: Registry::get(),
        bindings: Bindings::default(),
        locals: Vec::new(),
        slots: 0,
        issues: Vec::new(),
        formats: 0,
        items: Vec::new(),
        literals: Vec::new(),
    };
    let (of, root) = checker.expr(tree);
    checker.same_types();
    let output = checker.bindings.resolved(&of, true);
    // What is found by looking closer is told only where the types are right, as there.
    let first = checker.issues.iter().map(|issue| issue.phase).min();
    checker.issues.retain(|issue| Some(issue.phase) == first);
    if checker.issues.is_empty() {
        return Ok(Program { root, slots: checker.slots, output, text: text.into(), names: environment.names() });
    }
    let mut issues = checker.issues;
    issues.sort_by_key(|issue| issue.at);
    issues.dedup();
    let issues = issues.into_iter().take(MAX_ISSUES).map(|issue| Issue::at(text, issue.at, issue.message)).collect();
    Err(Refused { issues })
}

/// When a fault is found: in checking types, in looking at what is written out, in evaluating it beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Types,
    Literals,
    Constants,
}

#[derive(Debug, PartialEq)]
struct Found {
    phase: Phase,
    at: usize,
    message: String,
}

struct Local {
    name: Arc<str>,
    of: Type,
    slot: usize,
}

pub(crate) struct Checker<'a> {
    environment: &'a Environment,
    registry: &'static Registry,
    pub(crate) bindings: Bindings,
    locals: Vec<Local>,
    slots: usize,
    issues: Vec<Found>,
    /// Calls of `format` around what is looked at: lists within them may hold what they like.
    formats: usize,
    /// Of the list written out last: the places and types of its items.
    items: Vec<(usize, Type)>,
    /// Items that must be of one type.
    literals: Vec<Vec<(usize, Type)>>,
}

pub(crate) type Typed = (Type, Node);

const NOTHING: Node = Node::Const(Value::Null);

impl Checker<'_> {
    pub(crate) fn issue(&mut self, at: usize, message: impl Into<String>) -> Typed {
        self.found(Phase::Types, at, message.into());
        (Type::Error, NOTHING)
    }

    fn found(&mut self, phase: Phase, at: usize, message: String) {
        let of_phase = self.issues.iter().filter(|issue| issue.phase == phase).count();
        // Evaluating beforehand ends with the first fault.
        let most = if phase == Phase::Constants { 1 } else { MAX_ISSUES };
        if of_phase < most {
            self.issues.push(Found { phase, at, message });
        }
    }

    /// As messages show it.
    pub(crate) fn shown(&self, of: &Type) -> Type {
        self.bindings.resolved(of, true)
    }

    pub(crate) fn declare(&mut self, name: &Arc<str>, of: Type) -> usize {
        let slot = self.locals.len();
        self.locals.push(Local { name: name.clone(), of, slot });
        self.slots = self.slots.max(self.locals.len());
        slot
    }

    pub(crate) fn forget(&mut self, count: usize) {
        self.locals.truncate(self.locals.len() - count);
    }

    pub(crate) fn expr(&mut self, expr: &Expr) -> Typed {
        match &expr.kind {
            Kind::Literal(literal) => constant(literal),
            Kind::Ident { name, absolute } => self.ident(expr.at, name, *absolute),
            Kind::Select { operand, field, how } => self.select(expr, operand, field, *how),
            Kind::Index { operand, index, optional } => self.index(expr.at, operand, index, *optional),
            Kind::Call { target, function, args } => self.call(expr.at, target.as_deref(), function, args),
            Kind::And { terms, .. } => self.chain("_&&_", terms),
            Kind::Or { terms, .. } => self.chain("_||_", terms),
            Kind::Conditional(parts) => self.conditional(expr.at, parts),
            Kind::List(items) => self.list(items),
            Kind::Map(entries) => self.map(entries),
            Kind::Struct { name, fields } => self.structure(expr.at, name, fields),
            Kind::Fold(fold) => self.fold(expr.at, fold),
            Kind::Bind { name, value, body } => {
                let (of, value) = self.expr(value);
                let slot = self.declare(name, of);
                let (of, body) = self.expr(body);
                self.forget(1);
                (of, Node::Bind { slot, value: Box::new(value), body: Box::new(body) })
            }
            Kind::OptionalMap { target, name, body, flat } => self.optional_map(expr.at, target, name, body, *flat),
            Kind::Extreme { greatest, args } => self.extreme(*greatest, args),
        }
    }

    fn ident(&mut self, at: usize, name: &Arc<str>, absolute: bool) -> Typed {
        if !absolute && let Some(local) = self.locals.iter().rev().find(|local| local.name == *name) {
            return (local.of.clone(), Node::Local(local.slot));
        }
        match self.global(name) {
            Some(found) => found,
            None => self.issue(at, format!("undeclared reference to '{name}' (in container '')")),
        }
    }

    fn global(&self, name: &str) -> Option<Typed> {
        if let Some((number, variable)) = self.environment.find(name) {
            return Some((variable.of.clone(), Node::Variable(number)));
        }
        let of = named_types::named(name)?;
        Some((Type::Type(Some(Arc::new(of.clone()))), Node::Const(Value::type_of(of))))
    }

    /// The dotted name that an expression is, where its first part is no local.
    fn qualified(&self, expr: &Expr) -> Option<String> {
        match &expr.kind {
            Kind::Ident { name, absolute } => {
                let local = !absolute && self.locals.iter().any(|local| local.name == *name);
                (!local).then(|| name.to_string())
            }
            Kind::Select { operand, field, how: Access::Plain } => {
                Some(format!("{}.{field}", self.qualified(operand)?))
            }
            _ => None,
        }
    }

    fn select(&mut self, expr: &Expr, operand: &Expr, field: &Arc<str>, how: Access) -> Typed {
        if how == Access::Plain
            && let Some(name) = self.qualified(expr)
            && let Some(found) = self.global(&name)
        {
            return found;
        }
        let (of, node) = self.expr(operand);
        let of = self.bindings.resolved(&of, false);
        let (optional, of) = match of {
            Type::Optional(inner) => (true, (*inner).clone()),
            other => (false, other),
        };
        let found = match &of {
            Type::Map(pair) => pair.1.clone(),
            Type::Object(name) => match self.environment.field_of(name, field) {
                Some(of) => of,
                None => return self.issue(expr.at, format!("undefined field '{field}'")),
            },
            Type::Param(_) => {
                self.bindings.fits(&of, &Type::Dyn);
                Type::Dyn
            }
            Type::Dyn => Type::Dyn,
            Type::Error => Type::Error,
            other => {
                let shown = self.shown(other);
                return self.issue(expr.at, format!("type '{shown}' does not support field selection"));
            }
        };
        let field = field.clone();
        if let Node::Variable(variable) = node
            && self.environment.find_lazy(variable)
        {
            return match how {
                Access::Has => (Type::Bool, Node::Const(Value::Bool(true))),
                Access::Plain => (found, Node::Lazy { variable, field }),
                Access::Optional => {
                    let value = Node::Lazy { variable, field };
                    let (function, overloads) = self.named("optional.of");
                    (Type::optional(found), Node::Call { function, overloads, args: Box::new([value]) })
                }
            };
        }
        let operand = Box::new(node);
        match how {
            Access::Has => (Type::Bool, Node::Has { operand, field }),
            Access::Plain if optional => (Type::optional(found), Node::Select { operand, field }),
            Access::Plain => (found, Node::Select { operand, field }),
            Access::Optional => (Type::optional(found), Node::OptionalSelect { operand, field }),
        }
    }

    /// A function known to be there, with all of its overloads.
    fn named(&self, name: &str) -> (usize, Box<[u16]>) {
        let number = self.registry.number(name).unwrap_or_default();
        let count = self.registry.function(number).map_or(0, |function| function.overloads.len());
        (number, (0..u16::try_from(count).unwrap_or(0)).collect())
    }

    fn index(&mut self, at: usize, operand: &Expr, index: &Expr, optional: bool) -> Typed {
        let (a, operand) = self.expr(operand);
        let (b, index) = self.expr(index);
        let name = if optional { "_[?_]" } else { "_[_]" };
        let (of, _) = self.resolved(at, name, false, &[a, b]);
        let sides = Box::new([operand, index]);
        (of, if optional { Node::OptionalIndex(sides) } else { Node::Index(sides) })
    }

    /// What is written out as a list or a map has items of one type: in evaluation nothing would be amiss, but the API server
    /// refuses it.
    fn same_types(&mut self) {
        for items in std::mem::take(&mut self.literals) {
            let shown: Vec<(usize, Type)> = items.iter().map(|(at, of)| (*at, self.shown(of))).collect();
            let Some(((_, first), rest)) = shown.split_first() else { continue };
            if let Some((at, other)) = rest.iter().find(|(_, other)| other != first) {
                let message = format!("expected type '{first}' but found '{other}'");
                self.found(Phase::Literals, *at, message);
            }
        }
    }

    /// What `&&` and `||` take.
    pub(crate) fn is_question(&mut self, at: usize, of: &Type) {
        if !self.bindings.fits(of, &Type::Bool) {
            let shown = self.shown(of);
            self.issue(at, format!("expected type 'bool' but found '{shown}'"));
        }
    }

    fn chain(&mut self, name: &str, terms: &[Expr]) -> Typed {
        let typed: Vec<Typed> = terms.iter().map(|term| self.expr(term)).collect();
        let mut nodes = Vec::with_capacity(typed.len());
        for ((of, node), term) in typed.into_iter().zip(terms) {
            self.is_question(term.at, &of);
            nodes.push(node);
        }
        (Type::Bool, if name == "_&&_" { Node::And(nodes.into()) } else { Node::Or(nodes.into()) })
    }

    fn conditional(&mut self, at: usize, [condition, yes, no]: &[Expr; 3]) -> Typed {
        let (a, condition) = self.expr(condition);
        let (b, yes) = self.expr(yes);
        let (c, no) = self.expr(no);
        let (of, _) = self.resolved(at, "_?_:_", false, &[a, b, c]);
        (of, Node::Conditional(Box::new([condition, yes, no])))
    }

    /// The type of an item among its kind.
    fn joined(&mut self, before: Option<Type>, of: Type) -> Type {
        let Some(before) = before else { return of };
        match self.bindings.joined(&before, &of) {
            Some(general) => general,
            None => Type::Dyn,
        }
    }

    fn kept(&mut self, items: Vec<(usize, Type)>) {
        if self.formats == 0 {
            self.literals.push(items);
        }
    }

    /// What an optional item holds.
    fn held(&mut self, at: usize, of: Type, optional: bool) -> Type {
        if !optional {
            return of;
        }
        match self.bindings.resolved(&of, false) {
            Type::Optional(inner) => (*inner).clone(),
            other if other.is_dyn() => other,
            other => {
                let shown = self.shown(&other);
                self.issue(at, format!("expected type 'optional_type({shown})' but found '{shown}'")).0
            }
        }
    }

    fn list(&mut self, items: &[Item]) -> Typed {
        let mut of: Option<Type> = None;
        let mut nodes = Vec::with_capacity(items.len());
        let mut types = Vec::with_capacity(items.len());
        for item in items {
            let (one, node) = self.expr(&item.value);
            let one = self.held(item.value.at, one, item.optional);
            types.push((item.value.at, one.clone()));
            of = Some(self.joined(of, one));
            nodes.push((node, item.optional));
        }
        self.items.clone_from(&types);
        self.kept(types);
        let of = of.unwrap_or_else(|| self.bindings.fresh());
        let constants: Option<Vec<Value>> = nodes
            .iter()
            .map(|(node, optional)| match node {
                Node::Const(value) if !optional => Some(value.clone()),
                _ => None,
            })
            .collect();
        let node = constants.map_or_else(|| Node::List(nodes.into()), |values| Node::Const(Value::list(values)));
        (Type::list(of), node)
    }

    fn map(&mut self, entries: &[Entry]) -> Typed {
        let (mut key_of, mut value_of): (Option<Type>, Option<Type>) = (None, None);
        let mut nodes = Vec::with_capacity(entries.len());
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for entry in entries {
            let (key, key_node) = self.expr(&entry.key);
            let (value, value_node) = self.expr(&entry.value);
            let value = self.held(entry.value.at, value, entry.optional);
            keys.push((entry.key.at, key.clone()));
            values.push((entry.value.at, value.clone()));
            key_of = Some(self.joined(key_of, key));
            value_of = Some(self.joined(value_of, value));
            nodes.push((key_node, value_node, entry.optional));
        }
        self.kept(keys);
        self.kept(values);
        let key_of = key_of.unwrap_or_else(|| self.bindings.fresh());
        let value_of = value_of.unwrap_or_else(|| self.bindings.fresh());
        let constants: Option<Vec<(Key, Value)>> = nodes
            .iter()
            .map(|node| match node {
                (Node::Const(key), Node::Const(value), false) => Some((Key::of(key)?, value.clone())),
                _ => None,
            })
            .collect();
        let node = constants.map_or_else(|| Node::Map(nodes.into()), |entries| Node::Const(Value::map(entries)));
        (Type::map(key_of, value_of), node)
    }

    /// `Object{…}` of mutating policies, whose fields are whatever the resource has: what they are is seen when it is applied.
    fn structure(&mut self, at: usize, name: &Arc<str>, fields: &[Field]) -> Typed {
        let mut nodes: Vec<(Arc<str>, Node, bool)> = Vec::with_capacity(fields.len());
        let known = self.environment.is_written_out(name);
        for field in fields {
            let (of, node) = self.expr(&field.value);
            let of = self.held(field.value.at, of, field.optional);
            nodes.push((field.name.clone(), node, field.optional));
            if !known {
                continue;
            }
            match self.environment.field_of(name, &field.name) {
                Some(wanted) if self.bindings.fits(&of, &wanted) => {}
                wanted => {
                    let wanted = wanted.map(|wanted| wanted.to_string()).unwrap_or_default();
                    let shown = self.shown(&of);
                    let message =
                        format!("expected type of field '{}' is '{wanted}' but provided type is '{shown}'", field.name);
                    self.issue(field.at, message);
                }
            }
        }
        if !known {
            return self.issue(at, format!("undeclared reference to '{name}' (in container '')"));
        }
        (Type::Object(name.clone()), Node::Struct { name: name.clone(), fields: nodes.into() })
    }

    fn optional_map(&mut self, at: usize, target: &Expr, name: &Arc<str>, body: &Expr, flat: bool) -> Typed {
        let (of, target) = self.expr(target);
        let held = match self.bindings.resolved(&of, false) {
            Type::Optional(inner) => (*inner).clone(),
            other if other.is_dyn() || other == Type::Null => Type::Dyn,
            other => {
                let shown = self.shown(&other);
                return self.issue(at, format!("found no matching overload for 'hasValue' applied to '{shown}.()'"));
            }
        };
        let slot = self.declare(name, held);
        let used = body.mentions(name);
        let (of, body) = self.expr(body);
        self.forget(1);
        let of = match (flat, self.bindings.resolved(&of, false)) {
            (false, of) => Type::optional(of),
            (true, of @ Type::Optional(_)) => of,
            (true, of) if of.is_dyn() => of,
            (true, of) => {
                let shown = self.shown(&of);
                let message =
                    format!("found no matching overload for '_?_:_' applied to '(bool, {shown}, optional_type(dyn))'");
                return self.issue(at, message);
            }
        };
        (of, Node::OptionalMap { slot, target: Box::new(target), body: Box::new(body), flat, used })
    }

    fn extreme(&mut self, greatest: bool, args: &[Expr]) -> Typed {
        let mut result: Option<Type> = None;
        let mut nodes = Vec::new();
        let mut types = Vec::new();
        let name = if greatest { "math.greatest" } else { "math.least" };
        for arg in args {
            let (of, node) = self.expr(arg);
            types.push((arg.at, of.clone()));
            let of = match self.bindings.resolved(&of, false) {
                Type::List(_) if matches!(&arg.kind, Kind::List(items) if items.is_empty()) => Type::Null,
                Type::List(inner) if args.len() == 1 => (*inner).clone(),
                other => other,
            };
            if !of.is_dyn() && !matches!(of, Type::Int | Type::Uint | Type::Double | Type::Param(_)) {
                return self.issue(arg.at, format!("{name}() invalid single argument value"));
            }
            result = Some(match result {
                None => of,
                Some(known) if known == of => known,
                Some(_) => Type::Dyn,
            });
            nodes.push(node);
        }
        if types.len() > 2 {
            self.kept(types);
        }
        (result.unwrap_or(Type::Dyn), Node::Extreme { greatest, args: nodes.into() })
    }
}

fn constant(literal: &Literal) -> Typed {
    let (of, value) = match literal {
        Literal::Null => (Type::Null, Value::Null),
        Literal::Bool(value) => (Type::Bool, Value::Bool(*value)),
        Literal::Int(number) => (Type::Int, Value::Int(*number)),
        Literal::Uint(number) => (Type::Uint, Value::Uint(*number)),
        Literal::Double(number) => (Type::Double, Value::Double(*number)),
        Literal::String(text) => (Type::String, Value::String(text.clone())),
        Literal::Bytes(bytes) => (Type::Bytes, Value::Bytes(bytes.clone())),
    };
    (of, Node::Const(value))
}
