//! `strings.render_template`: Go's `text/template` over an object. In: a template and an object. Out: text, with `<undefined>`
//! where a value is missing. Numbers of the object are Go's `json.Number`, which is a string there: they print as written,
//! are true unless empty, and compare with no number of the template.

mod parse;

use std::collections::BTreeMap;
use std::fmt::Write;

use super::operand::{any, object, string};
use super::{Builtin, Context, Failure, Outcome};
use crate::value::Value;
use parse::{Base, DEEPEST, Node, Operand, Pipeline};

pub(super) const BUILTINS: &[Builtin] =
    &[Builtin::new("strings.render_template", "(value: string, vars: object[string: any]) => result: string", render)];

/// What a pipeline gives.
#[derive(Debug, Clone)]
enum Datum {
    /// Go's nil, and what a map does not have.
    Nothing,
    /// Of the object; its numbers are texts to Go.
    Json(Value),
    Int(i64),
    Float(f64),
}

impl Datum {
    fn of(value: Value) -> Datum {
        if matches!(value, Value::Null) { Datum::Nothing } else { Datum::Json(value) }
    }

    fn text(text: impl Into<crate::value::Text>) -> Datum {
        Datum::Json(Value::string(text))
    }

    fn holds(&self) -> bool {
        match self {
            Datum::Nothing => false,
            Datum::Int(number) => *number != 0,
            Datum::Float(number) => *number != 0.0,
            Datum::Json(value) => match value {
                Value::Bool(holds) => *holds,
                Value::String(text) => !text.is_empty(),
                Value::Array(array) => !array.items().is_empty(),
                Value::Object(object) => !object.entries().is_empty(),
                Value::Set(set) => !set.members().is_empty(),
                Value::Number(_) => true,
                Value::Null => false,
            },
        }
    }

    fn type_name(&self) -> &'static str {
        match self {
            Datum::Nothing => "<nil>",
            Datum::Int(_) => "int",
            Datum::Float(_) => "float64",
            Datum::Json(value) => match value {
                Value::Null => "<nil>",
                Value::Bool(_) => "bool",
                Value::Number(_) => "json.Number",
                Value::String(_) => "string",
                Value::Array(_) | Value::Set(_) => "[]interface {}",
                Value::Object(_) => "map[string]interface {}",
            },
        }
    }
}

/// How a run of nodes ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct Machine<'c, 'm> {
    context: &'c mut Context<'m>,
    out: String,
    variables: Vec<(String, Datum)>,
    defined: BTreeMap<String, Vec<Node>>,
    calls: usize,
}

fn render(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let template = string(args, 0)?;
    object(args, 1)?;
    let root = any(args, 1)?;
    context.pay_new_text(template.len().saturating_mul(8))?;
    context.pay_written(root)?;
    // OPA hands the values over as their own text read as JSON, which no set is.
    let root = Value::from_json(root.to_string().as_bytes()).map_err(|error| Failure::builtin(error.message))?;
    let wrong = |message: String| Failure::builtin(format!("template: template:{message}"));
    let parsed = parse::parsed(template).map_err(wrong)?;
    let mut machine = Machine {
        context,
        out: String::new(),
        variables: vec![("$".to_owned(), Datum::Json(root.clone()))],
        defined: parsed.defined,
        calls: 0,
    };
    machine.run(&parsed.nodes, &Datum::Json(root))?;
    let text = machine.out.replace("<no value>", "<undefined>");
    context.pay_new_text(text.len())?;
    Ok(Some(Value::string(text)))
}

fn failed<T>(message: impl std::fmt::Display) -> Result<T, Failure> {
    Err(Failure::builtin(format!("template: template: executing \"template\": {message}")))
}

impl Machine<'_, '_> {
    fn run(&mut self, nodes: &[Node], dot: &Datum) -> Result<Flow, Failure> {
        let scope = self.variables.len();
        for node in nodes {
            self.context.pay_values(1)?;
            let flow = self.node(node, dot)?;
            if flow != Flow::On {
                self.variables.truncate(scope);
                return Ok(flow);
            }
        }
        self.variables.truncate(scope);
        Ok(Flow::On)
    }

    fn node(&mut self, node: &Node, dot: &Datum) -> Result<Flow, Failure> {
        match node {
            Node::Text(text) => self.push(text)?,
            Node::Action(pipeline) => {
                let datum = self.pipeline(pipeline, dot)?;
                if pipeline.variables.is_empty() {
                    self.print(&datum, "<no value>")?;
                }
            }
            Node::If { test, then, otherwise } | Node::With { test, then, otherwise } => {
                let scope = self.variables.len();
                let datum = self.pipeline(test, dot)?;
                let inner = if matches!(node, Node::With { .. }) { &datum } else { dot };
                let flow = if datum.holds() { self.run(then, inner)? } else { self.run(otherwise, dot)? };
                self.variables.truncate(scope);
                return Ok(flow);
            }
            Node::Range { over, each, none } => return self.range(over, each, none, dot),
            Node::Template { name, with } => {
                let inner = match with {
                    Some(pipeline) => self.pipeline(pipeline, dot)?,
                    None => Datum::Nothing,
                };
                let Some(body) = self.defined.get(name).cloned() else {
                    return failed(format!("template {name:?} not defined"));
                };
                self.context.pay_values(body.len() * 8)?;
                self.calls += 1;
                if self.calls > DEEPEST {
                    return failed("exceeded maximum template depth");
                }
                let mut outer = std::mem::replace(&mut self.variables, vec![("$".to_owned(), inner.clone())]);
                self.run(&body, &inner)?;
                std::mem::swap(&mut self.variables, &mut outer);
                self.calls -= 1;
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn range(&mut self, over: &Pipeline, each: &[Node], none: &[Node], dot: &Datum) -> Result<Flow, Failure> {
        let scope = self.variables.len();
        let bare = Pipeline { variables: Vec::new(), assigns: false, commands: over.commands.clone() };
        let datum = self.pipeline(&bare, dot)?;
        let pairs: Vec<(Datum, Datum)> = match &datum {
            Datum::Nothing => Vec::new(),
            Datum::Int(count) => {
                self.context.pay_new_values(usize::try_from(*count).unwrap_or(0))?;
                (0..*count).map(|number| (Datum::Int(number), Datum::Int(number))).collect()
            }
            Datum::Json(Value::Array(array)) => {
                self.context.pay_new_values(array.items().len())?;
                let indices = (0_i64..).map(Datum::Int);
                indices.zip(array.items().iter().cloned().map(Datum::of)).collect()
            }
            Datum::Json(Value::Object(object)) => {
                self.context.pay_new_values(object.entries().len())?;
                object.entries().iter().map(|(key, value)| (Datum::of(key.clone()), Datum::of(value.clone()))).collect()
            }
            other => return failed(format!("range can't iterate over {}", self.shown(other)?)),
        };
        if pairs.is_empty() {
            return self.run(none, dot);
        }
        for (key, value) in pairs {
            self.context.pay_values(1)?;
            match over.variables.as_slice() {
                [] => {}
                [one] => self.set(one, value.clone(), over.assigns)?,
                [first, second, ..] => {
                    self.set(first, key, over.assigns)?;
                    self.set(second, value.clone(), over.assigns)?;
                }
            }
            let flow = self.run(each, &value)?;
            self.variables.truncate(scope);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn set(&mut self, name: &str, datum: Datum, assigns: bool) -> Result<(), Failure> {
        if !assigns {
            self.variables.push((name.to_owned(), datum));
            return Ok(());
        }
        match self.variables.iter_mut().rev().find(|(have, _)| have == name) {
            Some((_, slot)) => *slot = datum,
            None => return failed(format!("undefined variable {name:?}")),
        }
        Ok(())
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Datum) -> Result<Datum, Failure> {
        let mut last = None;
        for command in &pipeline.commands {
            self.context.pay_values(1)?;
            last = Some(self.command(command, dot, last)?);
        }
        let datum = last.unwrap_or(Datum::Nothing);
        if let Some(name) = pipeline.variables.first() {
            self.set(name, datum.clone(), pipeline.assigns)?;
        }
        Ok(datum)
    }

    fn command(&mut self, command: &[Operand], dot: &Datum, piped: Option<Datum>) -> Result<Datum, Failure> {
        let Some((first, rest)) = command.split_first() else { return Ok(Datum::Nothing) };
        if let Base::Function(name) = &first.base {
            if matches!(name.as_str(), "and" | "or") {
                return self.short_circuit(name == "or", rest, dot, piped);
            }
            let mut args = Vec::with_capacity(rest.len() + 1);
            for operand in rest {
                args.push(self.operand(operand, dot)?);
            }
            args.extend(piped);
            let datum = self.call(name, &args)?;
            return self.along(datum, &first.fields);
        }
        if !rest.is_empty() || piped.is_some() {
            return failed("can't give argument to non-function");
        }
        if matches!(first.base, Base::Nil) {
            return failed("nil is not a command");
        }
        self.operand(first, dot)
    }

    fn short_circuit(
        &mut self,
        stop: bool,
        operands: &[Operand],
        dot: &Datum,
        piped: Option<Datum>,
    ) -> Result<Datum, Failure> {
        let mut last = None;
        for operand in operands {
            let datum = self.operand(operand, dot)?;
            if datum.holds() == stop {
                return Ok(datum);
            }
            last = Some(datum);
        }
        match piped.or(last) {
            Some(datum) => Ok(datum),
            None => failed("wrong number of args for and: want at least 1 got 0"),
        }
    }

    fn operand(&mut self, operand: &Operand, dot: &Datum) -> Result<Datum, Failure> {
        let base = match &operand.base {
            Base::Dot => dot.clone(),
            Base::Nil => Datum::Nothing,
            Base::Bool(value) => Datum::Json(Value::Bool(*value)),
            Base::Int(number) => Datum::Int(*number),
            Base::Float(number) => Datum::Float(*number),
            Base::Text(text) => Datum::text(text.as_str()),
            Base::Variable(name) => match self.variables.iter().rev().find(|(have, _)| have == name) {
                Some((_, datum)) => datum.clone(),
                None => return failed(format!("undefined variable {name:?}")),
            },
            Base::Function(name) => self.call(name, &[])?,
            Base::Group(pipeline) => self.pipeline(pipeline, dot)?,
        };
        self.along(base, &operand.fields)
    }

    fn along(&mut self, mut datum: Datum, fields: &[String]) -> Result<Datum, Failure> {
        for field in fields {
            self.context.pay_values(1)?;
            datum = match &datum {
                Datum::Json(Value::Object(object)) => {
                    object.get_str(field).map_or(Datum::Nothing, |value| Datum::of(value.clone()))
                }
                Datum::Nothing => Datum::Nothing,
                _ => return failed(format!("can't evaluate field {field} in type interface {{}}")),
            };
        }
        Ok(datum)
    }

    fn call(&mut self, name: &str, args: &[Datum]) -> Result<Datum, Failure> {
        let first = || args.first().cloned().map_or_else(|| failed(format!("wrong number of args for {name}")), Ok);
        Ok(match name {
            "not" => Datum::Json(Value::Bool(!first()?.holds())),
            "len" => Datum::Int(match first()? {
                Datum::Json(Value::String(text)) => text.len(),
                Datum::Json(Value::Number(number)) => number.to_string().len(),
                Datum::Json(Value::Array(array)) => array.items().len(),
                Datum::Json(Value::Object(object)) => object.entries().len(),
                other => return failed(format!("error calling len: len of type {}", other.type_name())),
            } as i64),
            "index" => {
                let mut datum = first()?;
                for key in args.iter().skip(1) {
                    datum = index(&datum, key)?;
                }
                datum
            }
            "slice" => slice(&first()?, args.get(1..).unwrap_or_default())?,
            "eq" | "ne" | "lt" | "le" | "gt" | "ge" => Datum::Json(Value::Bool(self.compared(name, args)?)),
            "print" | "println" | "html" | "js" | "urlquery" => {
                let mut text = String::new();
                let spaced = name == "println";
                for (at, datum) in args.iter().enumerate() {
                    let is_text = |datum: &Datum| matches!(datum, Datum::Json(Value::String(_) | Value::Number(_)));
                    let between = at.checked_sub(1).and_then(|before| args.get(before));
                    if between.is_some_and(|before| spaced || (!is_text(before) && !is_text(datum))) {
                        text.push(' ');
                    }
                    text.push_str(&self.shown(datum)?);
                }
                match name {
                    "println" => text.push('\n'),
                    "html" => text = escaped_html(&text),
                    "js" => text = escaped_js(&text),
                    "urlquery" => text = escaped_query(&text),
                    _ => {}
                }
                self.context.pay_new_text(text.len())?;
                Datum::text(text)
            }
            "printf" => {
                let Datum::Json(Value::String(format)) = first()? else {
                    return failed("wrong type for value; expected string");
                };
                let args: Vec<super::sprintf::Arg> = args
                    .iter()
                    .skip(1)
                    .map(|datum| {
                        Ok(match datum {
                            Datum::Int(number) => super::sprintf::Arg::Int(*number),
                            Datum::Float(number) => super::sprintf::Arg::Float(*number),
                            other => super::sprintf::Arg::Text(self.shown(other)?),
                        })
                    })
                    .collect::<Result<_, Failure>>()?;
                Datum::text(super::sprintf::printed(self.context, &format, &args)?)
            }
            _ => return failed(format!("error calling {name}: non-function")),
        })
    }

    fn compared(&mut self, name: &str, args: &[Datum]) -> Result<bool, Failure> {
        let [first, others @ ..] = args else { return failed(format!("wrong number of args for {name}")) };
        let Some(second) = others.first() else {
            return failed(format!("error calling {name}: missing argument for comparison"));
        };
        let order = |a: &Datum, b: &Datum| {
            let number = |datum: &Datum| match datum {
                Datum::Json(Value::Number(number)) => Some(number.to_string()),
                Datum::Json(Value::String(text)) => Some(text.to_string()),
                _ => None,
            };
            match (a, b) {
                (Datum::Int(a), Datum::Int(b)) => Ok(Some(a.cmp(b))),
                (Datum::Float(a), Datum::Float(b)) => Ok(a.partial_cmp(b)),
                (Datum::Json(Value::Bool(a)), Datum::Json(Value::Bool(b))) => Ok(Some(a.cmp(b))),
                (Datum::Nothing, Datum::Nothing) => Ok(Some(std::cmp::Ordering::Equal)),
                _ => match (number(a), number(b)) {
                    (Some(a), Some(b)) => Ok(Some(a.cmp(&b))),
                    _ if matches!(a, Datum::Nothing) || matches!(b, Datum::Nothing) => Ok(None),
                    _ => failed(format!(
                        "error calling {name}: incompatible types for comparison: {} and {}",
                        a.type_name(),
                        b.type_name()
                    )),
                },
            }
        };
        if name == "eq" {
            for other in others {
                if order(first, other)? == Some(std::cmp::Ordering::Equal) {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        let order = order(first, second)?;
        Ok(match name {
            "ne" => order != Some(std::cmp::Ordering::Equal),
            "lt" => order.is_some_and(std::cmp::Ordering::is_lt),
            "le" => order.is_some_and(std::cmp::Ordering::is_le),
            "gt" => order.is_some_and(std::cmp::Ordering::is_gt),
            _ => order.is_some_and(std::cmp::Ordering::is_ge),
        })
    }

    fn push(&mut self, text: &str) -> Result<(), Failure> {
        self.context.pay_new_text(text.len())?;
        self.out.push_str(text);
        Ok(())
    }

    fn print(&mut self, datum: &Datum, nothing: &str) -> Result<(), Failure> {
        let text = match datum {
            Datum::Nothing => nothing.to_owned(),
            other => self.shown(other)?,
        };
        self.push(&text)
    }

    /// Go's `%v`.
    fn shown(&mut self, datum: &Datum) -> Result<String, Failure> {
        let mut out = String::new();
        match datum {
            Datum::Nothing => out.push_str("<nil>"),
            Datum::Int(number) => {
                let _ = write!(out, "{number}");
            }
            Datum::Float(number) => out.push_str(&crate::value::go_float::shortest(*number)),
            Datum::Json(value) => {
                self.context.pay_written(value)?;
                show(&mut out, value);
            }
        }
        Ok(out)
    }
}

fn show(out: &mut String, value: &Value) {
    let list = |out: &mut String, items: &[Value]| {
        out.push('[');
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.push(' ');
            }
            show(out, item);
        }
        out.push(']');
    };
    match value {
        Value::Null => out.push_str("<nil>"),
        Value::String(text) => out.push_str(text),
        Value::Array(array) => list(out, array.items()),
        Value::Set(set) => list(out, set.members()),
        Value::Object(object) => {
            out.push_str("map[");
            for (at, (key, item)) in object.entries().iter().enumerate() {
                if at > 0 {
                    out.push(' ');
                }
                show(out, key);
                out.push(':');
                show(out, item);
            }
            out.push(']');
        }
        scalar => {
            let _ = write!(out, "{scalar}");
        }
    }
}

fn index(datum: &Datum, key: &Datum) -> Result<Datum, Failure> {
    match (datum, key) {
        (Datum::Json(Value::Array(array)), Datum::Int(at)) => {
            match usize::try_from(*at).ok().and_then(|at| array.items().get(at)) {
                Some(item) => Ok(Datum::of(item.clone())),
                None => failed(format!("error calling index: index out of range: {at}")),
            }
        }
        (Datum::Json(Value::Object(object)), Datum::Json(Value::String(key))) => {
            Ok(object.get_str(key).map_or(Datum::Nothing, |value| Datum::of(value.clone())))
        }
        (Datum::Nothing, _) => failed("error calling index: index of untyped nil"),
        _ => failed(format!("error calling index: cannot index {} with {}", datum.type_name(), key.type_name())),
    }
}

fn slice(datum: &Datum, bounds: &[Datum]) -> Result<Datum, Failure> {
    let length = match datum {
        Datum::Json(Value::String(text)) => text.len(),
        Datum::Json(Value::Array(array)) => array.items().len(),
        _ => return failed(format!("error calling slice: can't slice item of type {}", datum.type_name())),
    };
    let bound = |at: usize, default: usize| match bounds.get(at) {
        None => Ok(default),
        Some(Datum::Int(number)) => match usize::try_from(*number) {
            Ok(number) if number <= length => Ok(number),
            _ => failed(format!("error calling slice: index out of range: {number}")),
        },
        Some(_) => failed("error calling slice: cannot index slice/array with type that is no integer"),
    };
    let (start, end) = (bound(0, 0)?, bound(1, length)?);
    match datum {
        Datum::Json(Value::String(text)) => match text.get(start..end) {
            Some(part) => Ok(Datum::text(part)),
            None => failed("error calling slice: invalid slice index"),
        },
        Datum::Json(Value::Array(array)) => match array.items().get(start..end) {
            Some(part) => Ok(Datum::Json(Value::array(part.to_vec()))),
            None => failed("error calling slice: invalid slice index"),
        },
        _ => Ok(Datum::Nothing),
    }
}

fn escaped_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '\0' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn escaped_js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '\'' | '"' => {
                out.push('\\');
                out.push(c);
            }
            '<' | '>' | '&' | '=' => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c if c < ' ' || !crate::value::text::is_printable(c) => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

fn escaped_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            byte => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}
