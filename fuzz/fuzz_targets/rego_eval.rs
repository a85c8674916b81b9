//! Any module on any input: compiled, or refused with words; evaluated within a small budget, twice with the same answer.
//! The parts of the input, parted by `\0`: a module, an input (JSON), data (JSON), another module.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::{parts, text};
use plimsoll_rego::ast::Language;
use plimsoll_rego::budget::Budget;
use plimsoll_rego::compile;
use plimsoll_rego::engine::{Builder, Query};
use plimsoll_rego::eval::{EvalError, RunOptions, Solution};
use plimsoll_rego::parse;
use plimsoll_rego::value::Value;

/// Small enough for thousands of runs a second, of the size that real policies need.
fn budget() -> Budget {
    Budget { steps: 200_000, memory: 32 << 20, depth: 200, ..Budget::default() }
}

fn run(query: &Query, input: Option<&Value>, data: &Value, strict: bool) -> Result<Vec<Solution>, EvalError> {
    let options = RunOptions { budget: budget(), strict_builtin_errors: strict, ..RunOptions::default() };
    let outcome = query.run_with(input, data, &options)?;
    assert!(outcome.metrics.steps <= budget().steps && outcome.metrics.memory <= budget().memory, "within its budget");
    for solution in &outcome.solutions {
        for value in solution.bindings.values().chain(solution.expressions.iter().map(|one| &one.value)) {
            assert!(value.depth() <= plimsoll_rego::value::MAX_DEPTH, "a value that is too deep");
        }
    }
    Ok(outcome.solutions)
}

fuzz_target!(|all: &[u8]| {
    let [module, input, data, other] = parts::<4>(all);
    let json = |bytes: &[u8]| Value::from_json(bytes).ok();
    let input = json(input);
    let data = json(data).filter(|value| value.type_name() == "object").unwrap_or_else(|| Value::object(Vec::new()));
    let compile_options = compile::Options { strict: other.len() % 2 == 1, ..compile::Options::default() };
    for language in [Language::V1, Language::V0] {
        let mut builder = Builder::new()
            .parse_options(parse::Options::of(language))
            .compile_options(compile_options.clone())
            .module("a.rego", text(module));
        if !other.is_empty() {
            builder = builder.module("b.rego", text(other));
        }
        let policy = match builder.build() {
            Ok(policy) => policy,
            Err(refused) => {
                assert!(!refused.errors.is_empty() && !refused.to_string().is_empty(), "refused with words");
                continue;
            }
        };
        let query = policy.query("data").expect("all of data can be asked for");
        for strict in [false, true] {
            let first = run(&query, input.as_ref(), &data, strict);
            let again = policy.query("data").expect("again");
            assert_eq!(first, run(&again, input.as_ref(), &data, strict), "the same answer twice");
            if let Err(error) = first {
                assert!(!error.message.is_empty() && !error.line(query.sources()).is_empty());
            }
        }
    }
});
