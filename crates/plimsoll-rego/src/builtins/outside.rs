//! What the evaluation was handed of the world, and the builtins that the compiler writes: `opa.runtime`, `rego.metadata.*`,
//! `rego.parse_module`, `internal.template_string`, `internal.test_case`.

use super::{Builtin, Context, Failure, json_text, want};
use crate::ast::{Language, json};
use crate::parse;
use crate::span::Sources;
use crate::value::Value;

type Result<T = Option<Value>> = std::result::Result<T, Failure>;

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("internal.template_string", "(array[any]) => string", template_string),
    Builtin::new("internal.test_case", "(array[any])", test_case),
    Builtin::new("opa.runtime", "() => output: object[string: any]", runtime).nondeterministic(),
    Builtin::new("rego.metadata.chain", "() => chain: array[any]", metadata),
    Builtin::new("rego.metadata.rule", "() => output: any", metadata),
    Builtin::new("rego.parse_module", "(filename: string, rego: string) => output: object[string: any]", parse_module),
];

/// The parts of a template in one text; a part that is undefined says so.
fn template_string(context: &mut Context<'_>, args: &[Value]) -> Result {
    let parts = want::array(args, 0, 1)?;
    let mut out = String::new();
    for part in parts.items() {
        let one = match part {
            Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => part,
            Value::Set(set) => match set.members() {
                [] => {
                    out.push_str("<undefined>");
                    continue;
                }
                [one] => one,
                _ => return Err(Failure::fatal("template-strings must not produce multiple outputs")),
            },
            other => return Err(Failure::fatal(format!("illegal argument type: {}", other.type_name()))),
        };
        json_text::weigh(context.meter, one, None, 0)?;
        match one {
            Value::String(text) => out.push_str(text),
            other => out.push_str(&other.to_string()),
        }
    }
    Ok(Some(Value::string(out)))
}

/// Marks a case of a table of tests; whoever traces sees the call.
fn test_case(_: &mut Context<'_>, _: &[Value]) -> Result {
    Ok(Some(Value::Bool(true)))
}

/// What was handed over, without the credentials of its configuration.
fn runtime(context: &mut Context<'_>, _: &[Value]) -> Result {
    let Some(runtime) = &context.world.runtime else { return Ok(Some(Value::object(Vec::new()))) };
    let Value::Object(fields) = runtime else { return Ok(Some(runtime.clone())) };
    let Some(Value::Object(config)) = fields.get_str("config") else { return Ok(Some(runtime.clone())) };
    let entries = config.entries().iter().map(|(key, value)| {
        let value = match key.as_str() {
            Some("services") => each_without(value, &["credentials"]),
            Some("keys") => each_without(value, &["key", "private_key"]),
            _ => value.clone(),
        };
        (key.clone(), value)
    });
    let config = Value::object(entries.collect());
    let mut fields = fields.entries().to_vec();
    fields.push((Value::string("config"), config));
    Ok(Some(Value::object(fields)))
}

fn each_without(all: &Value, names: &[&str]) -> Value {
    let without = |one: &Value| match one {
        Value::Object(object) => Value::object(
            object
                .entries()
                .iter()
                .filter(|(key, _)| !key.as_str().is_some_and(|key| names.contains(&key)))
                .cloned()
                .collect(),
        ),
        other => other.clone(),
    };
    match all {
        Value::Array(array) => Value::array(array.items().iter().map(without).collect()),
        Value::Object(object) => {
            Value::object(object.entries().iter().map(|(key, value)| (key.clone(), without(value))).collect())
        }
        other => other.clone(),
    }
}

/// The compiler writes what a rule's annotations say in place of these; a query has none.
fn metadata(context: &mut Context<'_>, _: &[Value]) -> Result {
    Err(Failure::builtin(format!("the {} function must only be called within the scope of a rule", context.name)))
}

fn parse_module(context: &mut Context<'_>, args: &[Value]) -> Result {
    let (name, text) = (want::string(args, 0, 1)?, want::string(args, 1, 1)?);
    // A tree is some fifty times its text.
    want::pay_making(context, text.len().saturating_mul(64))?;
    let mut sources = Sources::default();
    let parsed = parse::parse_module(&mut sources, name, text.as_bytes(), &parse::Options::of(Language::V1));
    if !parsed.errors.is_empty() {
        let lines: Vec<String> = parsed.errors.iter().map(|error| error.line(&sources)).collect();
        return Err(Failure::builtin(match &*lines {
            [one] => format!("1 error occurred: {one}"),
            many => format!("{} errors occurred:\n{}", many.len(), many.join("\n")),
        }));
    }
    let Some(module) = parsed.module else { return Err(Failure::builtin("empty module")) };
    let text = json::module(&module, &sources, json::Options::default());
    json_text::read(context.meter, &text).map(Some)
}
