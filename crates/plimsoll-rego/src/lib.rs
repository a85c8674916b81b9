//! The Rego policy language, whole: parsed, checked as OPA checks it, compiled to a compact form and evaluated under budgets.
//!
//! Policies are texts; a [`Policy`](engine::Policy) is what became of them; a [`Query`](engine::Query) of it is prepared once
//! and run with many inputs, from as many threads as one likes:
//!
//! ```
//! use plimsoll_rego::engine::Policy;
//! use plimsoll_rego::value::Value;
//!
//! let text = r#"
//! package images
//!
//! allowed if startswith(input.image, data.registry)
//!
//! deny contains sprintf("%s is not from %s", [input.image, data.registry]) if not allowed
//! "#;
//! let policy = Policy::new([("images.rego", text)]).expect("the policy compiles");
//! let query = policy.query("data.images.deny").expect("the query compiles");
//!
//! let data = Value::from_json(br#"{"registry": "ghcr.io/"}"#).expect("data is JSON");
//! let input = Value::from_json(br#"{"image": "quay.io/x:1"}"#).expect("input is JSON");
//! let outcome = query.run(Some(&input), &data).expect("nothing goes wrong");
//! assert_eq!(outcome.solutions[0].expressions[0].value.to_string(), r#"{"quay.io/x:1 is not from ghcr.io/"}"#);
//! ```
//!
//! A text that OPA refuses is refused with its codes and words:
//!
//! ```
//! use plimsoll_rego::engine::Policy;
//!
//! let refused = Policy::new([("a.rego", "package a\n\np if x > 1")]).err().expect("x is nowhere bound");
//! assert_eq!(refused.to_string(), "a.rego:3: rego_unsafe_var_error: var x is unsafe");
//! ```
//!
//! # Three outcomes
//!
//! A query has solutions, or none (it is undefined), or it ends in an [`EvalError`](eval::EvalError): values that contradict one
//! another, a builtin's error where they are strict, a budget that is used up, a builtin that reaches outside without being
//! allowed to. Only the first two are answers. Errors of builtins that made something undefined are listed in
//! [`Outcome::builtin_errors`](eval::Outcome::builtin_errors): a gate that must not fail open looks there, or is strict.
//!
//! # Budgets
//!
//! Every instruction and every builtin pays into a [`Budget`](budget::Budget) of steps, memory, depth and time, which the
//! caller sets and a policy cannot pass; a flag ends an evaluation from outside. Neither the depth of calls nor that of values
//! is taken from the thread's stack.
//!
//! # The world
//!
//! The crate reads no file, clock, environment or network. Time, randomness, `opa.runtime` and the network are
//! [`World`](builtins::World): one evaluation with the same texts, data, input and world always gives the same.
//!
//! # The language
//!
//! That of OPA 1.22.4, v0 and v1, chosen by [`parse::Options::language`] and by a module's own imports (`rego.v1`,
//! `future.keywords`); [`parse::read_module`] reads as v1 and, where that fails, as v0. All 206 builtins of that version are
//! there ([`builtins::FAMILIES`]), those of before 1.0 included. Not there: partial evaluation, WebAssembly, plans.
//!
//! | meant to differ from OPA | why |
//! |---|---|
//! | `http.send` and `net.lookup_ip_addr` end the evaluation unless [`World::fetch`](builtins::World::fetch) is given and the host is allowed | "could not ask" is no answer |
//! | budgets: [`Budget`](budget::Budget), [`parse::MAX_SOURCE`], [`parse::MAX_NESTING`], [`check::MAX_WORK`], [`value::MAX_DEPTH`] | a policy, input or data of a stranger ends, in bounded memory |
//! | numbers beyond [`value::MAX_NUMBER_TEXT`] digits are refused | products of such numbers never end |
//! | places that OPA loses or takes from another use of the same name are the node's own | the message points at the fault |
//! | `fmt` refuses where OPA's layout would drop program text beside a comment | a formatted policy is the same policy |
//!
//! Smaller ones stand in the docs of [`compile`], [`check`], [`parse`] and [`fmt`].
//!
//! # Beside other engines
//!
//! | | this crate | OPA | regorus 0.14 | rego-cpp |
//! |---|---|---|---|---|
//! | written in | Rust, no `unsafe` | Go | Rust | C++ |
//! | v0 and v1 in one program | yes | yes | yes | not tried |
//! | refuses what OPA's compiler refuses | yes, with its codes and words | yes | no: unsafe variables, unknown functions and wrong types are met when reached, or never | not tried |
//! | builtins of OPA 1.22 | all | all | not `crypto.*`, `io.jwt.*`, some `net.*`, nor those of v0 | not tried |
//! | an `http.send` that nobody allowed | an error that no policy can catch | undefined, or an error where strict | a value | not tried |
//! | hostile policies and inputs | end within a budget of steps, memory, depth and time | end at a deadline, memory is not bounded | hang or abort (nesting, recursion, ranges) | not tried |
//! | traces, coverage, profile | yes | yes | coverage | not tried |
//! | formatter, bundles | yes | yes | no | not tried |
//!
//! What regorus does was tried with version 0.14.1. How fast each is: `scripts/bench-rego.sh` of this repository.

pub mod ast;
pub mod budget;
pub mod builtins;
pub mod bundle;
pub mod capabilities;
pub mod check;
pub mod compile;
pub mod engine;
pub mod error;
pub mod eval;
pub mod fmt;
pub mod parse;
mod price;
pub mod span;
pub mod types;
pub mod value;
