//! `graphql.*`: documents become objects, and are judged as objects, so that a tree that a policy made is judged the same way.
//! Fields of the trees are those of the cases that OPA's other engines are held to: operations, variables and fragments have no
//! description. Judging says yes or no; the words of a no name the rule's fault without its place.

mod lexer;
mod parser;
mod query;
mod schema;

use super::{Builtin, Context, Failure, json_text, want};
use crate::value::Value;
use schema::Schema;

type Result<T = Option<Value>> = std::result::Result<T, Failure>;

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new(
        "graphql.is_valid",
        "(query: any<string, object[any: any]>, schema: any<string, object[any: any]>) => output: boolean",
        is_valid,
    ),
    Builtin::new(
        "graphql.parse",
        "(query: any<string, object[any: any]>, schema: any<string, object[any: any]>) => output: array<object[any: any], object[any: any]>",
        parse,
    ),
    Builtin::new(
        "graphql.parse_and_verify",
        "(query: any<string, object[any: any]>, schema: any<string, object[any: any]>) => output: array<boolean, object[any: any], object[any: any]>",
        parse_and_verify,
    ),
    Builtin::new("graphql.parse_query", "(query: string) => output: object[any: any]", parse_query),
    Builtin::new("graphql.parse_schema", "(schema: string) => output: object[any: any]", parse_schema),
    Builtin::new(
        "graphql.schema_is_valid",
        "(schema: any<string, object[any: any]>) => output: boolean",
        schema_is_valid,
    ),
];

/// Where a directive may stand.
const LOCATIONS: [&str; 19] = [
    "QUERY",
    "MUTATION",
    "SUBSCRIPTION",
    "FIELD",
    "FRAGMENT_DEFINITION",
    "FRAGMENT_SPREAD",
    "INLINE_FRAGMENT",
    "VARIABLE_DEFINITION",
    "SCHEMA",
    "SCALAR",
    "OBJECT",
    "FIELD_DEFINITION",
    "ARGUMENT_DEFINITION",
    "INTERFACE",
    "UNION",
    "ENUM",
    "ENUM_VALUE",
    "INPUT_OBJECT",
    "INPUT_FIELD_DEFINITION",
];

fn document(
    context: &mut Context<'_>,
    value: &Value,
    position: usize,
    read: fn(&mut Context<'_>, &str) -> Result<Value>,
) -> Result<Value> {
    match value {
        Value::String(text) => {
            want::pay_reading(context, text.len())?;
            read(context, text)
        }
        Value::Object(_) => {
            json_text::weigh(context.meter, value, None, 0)?;
            Ok(value.clone())
        }
        other => Err(want::wrong(position, other, &["string", "object"])),
    }
}

/// Both documents, judged.
fn judged(context: &mut Context<'_>, args: &[Value]) -> Result<(Value, Value)> {
    let query = document(context, want::argument(args, 0), 0, parser::query)?;
    let schema = document(context, want::argument(args, 1), 1, parser::schema)?;
    let whole = Schema::of(context, &schema)
        .map_err(|failure| told("Error in gqlparser SchemaDocument to Schema conversion: ", failure))?;
    query::check(context, &whole, &query).map_err(|failure| told("GraphQL parse error: ", failure))?;
    Ok((query, schema))
}

fn told(before: &str, failure: Failure) -> Failure {
    match failure {
        Failure::Error { message, .. } => Failure::builtin(format!("{before}input: {message}")),
        halt => halt,
    }
}

/// What is wrong is a no; what is too much is not.
fn verdict<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Failure::Error { .. }) => Ok(None),
        Err(halt) => Err(halt),
    }
}

fn parse(context: &mut Context<'_>, args: &[Value]) -> Result {
    let (query, schema) = judged(context, args)?;
    Ok(Some(Value::array(vec![query, schema])))
}

fn parse_and_verify(context: &mut Context<'_>, args: &[Value]) -> Result {
    let nothing = || Value::object(Vec::new());
    Ok(Some(match verdict(judged(context, args))? {
        Some((query, schema)) => Value::array(vec![Value::Bool(true), query, schema]),
        None => Value::array(vec![Value::Bool(false), nothing(), nothing()]),
    }))
}

fn is_valid(context: &mut Context<'_>, args: &[Value]) -> Result {
    Ok(Some(Value::Bool(verdict(judged(context, args))?.is_some())))
}

fn parse_query(context: &mut Context<'_>, args: &[Value]) -> Result {
    let text = want::string(args, 0, 1)?;
    want::pay_reading(context, text.len())?;
    parser::query(context, text).map(Some)
}

fn parse_schema(context: &mut Context<'_>, args: &[Value]) -> Result {
    let text = want::string(args, 0, 1)?;
    want::pay_reading(context, text.len())?;
    parser::schema(context, text).map(Some)
}

fn schema_is_valid(context: &mut Context<'_>, args: &[Value]) -> Result {
    let read = document(context, want::argument(args, 0), 1, parser::schema);
    let judged = read.and_then(|schema| Schema::of(context, &schema).map(|_| ()));
    Ok(Some(Value::Bool(verdict(judged)?.is_some())))
}
