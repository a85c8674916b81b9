//! Our own answer to a question: parsed, compiled and evaluated by this crate. What panics is an answer too, a wrong one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use plimsoll_rego::ast::Language;
use plimsoll_rego::budget::Budget;
use plimsoll_rego::builtins::World;
use plimsoll_rego::engine::{Builder, Refused};
use plimsoll_rego::eval::{EvalError, RunOptions};
use plimsoll_rego::span::{Sources, Span};
use plimsoll_rego::value::Value;
use plimsoll_rego::{compile, parse};

use super::ask::{self, Answer, Ask};

/// As long as the peer gives a program.
const TIME: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
pub struct Solution {
    pub bindings: Vec<(String, Value)>,
    pub expressions: Vec<Value>,
}

/// Like [`ask::Problem`], with its file.
#[derive(Debug, Clone)]
pub struct Problem {
    pub file: String,
    pub row: u64,
    pub code: String,
    pub message: String,
}

fn problem(code: &str, message: impl Into<String>) -> Problem {
    Problem { file: String::new(), row: 0, code: code.into(), message: message.into() }
}

/// The value of a JSON text.
pub fn json(text: &str) -> Result<Value, String> {
    Value::from_json(text.as_bytes()).map_err(|error| error.to_string())
}

fn place(sources: &Sources, span: Span) -> (String, u64) {
    sources.get(span.source).map_or_else(Default::default, |source| {
        (source.name.to_string(), u64::try_from(source.row_column(span.start).0).unwrap_or(0))
    })
}

fn refused(refused: &Refused) -> Vec<Problem> {
    let one = |error: &plimsoll_rego::error::RegoError| {
        let (file, row) = place(&refused.sources, error.span);
        Problem { file, row, ..problem(error.code.as_str(), error.message.as_str()) }
    };
    refused.errors.iter().map(one).collect()
}

fn failed(error: &EvalError, sources: &Sources) -> Vec<Problem> {
    let (file, row) = error.span.map_or_else(Default::default, |span| place(sources, span));
    vec![Problem { file, row, ..problem(error.code.as_str(), error.message.as_str()) }]
}

/// The value of a ground term, asked of the engine itself.
fn term(text: &str) -> Result<Value, Vec<Problem>> {
    let policy = Builder::new().build().map_err(|why| refused(&why))?;
    let query = policy.query(&format!("x = {text}")).map_err(|why| refused(&why))?;
    let outcome = query.run(None, &Value::object(Vec::new())).map_err(|error| failed(&error, query.sources()))?;
    let solution = outcome.solutions.first().and_then(|solution| solution.bindings.get("x").cloned());
    solution.ok_or_else(|| vec![problem("other", format!("no value: {text}"))])
}

fn evaluated(ask: &Ask) -> Result<Vec<Solution>, Vec<Problem>> {
    let other = |message: String| vec![problem("other", message)];
    let parsing = parse::Options::of(if ask.v0 { Language::V0 } else { Language::V1 });
    let compiling = compile::Options { strict: ask.strict, ..compile::Options::default() };
    let mut builder = Builder::new().parse_options(parsing).compile_options(compiling);
    for (name, text) in &ask.modules {
        builder = builder.module(name, text);
    }
    let policy = builder.build().map_err(|why| refused(&why))?;
    let Some(query) = &ask.query else { return Ok(Vec::new()) };
    let query = policy.query(query).map_err(|why| refused(&why))?;
    let input = match (&ask.input_term, &ask.input) {
        (Some(text), _) => Some(term(text)?),
        (None, Some(text)) => Some(json(text).map_err(other)?),
        (None, None) => None,
    };
    let data = ask.data.as_deref().map_or_else(|| Ok(Value::object(Vec::new())), json).map_err(other)?;
    let budget = Budget { deadline: Instant::now().checked_add(TIME), ..Budget::default() };
    let world = World { now_nanoseconds: ask::NOW.into(), ..World::default() };
    let options = RunOptions { budget, world, strict_builtin_errors: ask.strict_builtin_errors };
    let outcome = query.run_with(input.as_ref(), &data, &options).map_err(|error| failed(&error, query.sources()))?;
    let one = |solution: plimsoll_rego::eval::Solution| Solution {
        bindings: solution.bindings.into_iter().map(|(name, value)| (name.to_string(), value)).collect(),
        expressions: solution.expressions.into_iter().map(|expression| expression.value).collect(),
    };
    Ok(outcome.solutions.into_iter().map(one).collect())
}

/// The solutions; none for a question without a query.
pub fn run(ask: &Ask) -> Result<Vec<Solution>, Vec<Problem>> {
    catch_unwind(AssertUnwindSafe(|| evaluated(ask))).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        Err(vec![problem("panic", text.or_else(|| payload.downcast_ref().cloned()).unwrap_or_default())])
    })
}

pub fn answer(ask: &Ask) -> Answer {
    match run(ask) {
        Ok(_) if ask.query.is_none() => Answer::Compiled,
        Ok(solutions) => Answer::Values(
            solutions
                .into_iter()
                .map(|solution| {
                    let bindings = solution.bindings.iter().map(|(name, value)| (name.clone(), value.to_string()));
                    ask::solution(bindings.collect(), solution.expressions.iter().map(Value::to_string).collect())
                })
                .collect(),
        ),
        Err(problems) => Answer::Errors(
            problems
                .into_iter()
                .map(|problem| ask::Problem { code: problem.code, row: problem.row, message: problem.message })
                .collect(),
        ),
    }
}
