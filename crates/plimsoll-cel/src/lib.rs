//! The Common Expression Language as Kubernetes 1.36 speaks it, and the admission policies written in it.
//!
//! An [`Environment`] says what expressions may name; [`Environment::compile`] parses and checks one, in the words of cel-go's
//! checker and with its places; [`Program::run`] evaluates it under a [`Budget`](budget::Budget), as often and from as many
//! threads as one likes:
//!
//! ```
//! use plimsoll_cel::budget::Budget;
//! use plimsoll_cel::types::Type;
//! use plimsoll_cel::value::Value;
//! use plimsoll_cel::Environment;
//!
//! let environment = Environment::new().variable("object", Type::Dyn);
//! let program = environment.compile("object.spec.containers.all(c, c.image.startsWith('ghcr.io/'))").expect("it compiles");
//! let object = serde_json::json!({"spec": {"containers": [{"image": "ghcr.io/a/b:1"}]}});
//! let variables = [Value::from_json(&object).expect("not too deep")];
//! assert!(matches!(program.run(&variables[..], Budget::default()).value, Ok(Value::Bool(true))));
//!
//! let refused = environment.compile("objct.spec == 1").expect_err("nobody declared it");
//! assert_eq!(
//!     refused.to_string(),
//!     "ERROR: <input>:1:1: undeclared reference to 'objct' (in container '')\n | objct.spec == 1\n | ^"
//! );
//! ```
//!
//! # Three outcomes
//!
//! An evaluation gives a value, or ends in a [`Failure`](budget::Failure): one of CEL's own errors, which `&&`, `||`, `all` and
//! `exists` absorb; something that cannot be known here (what the cluster's authorizer would say), which they absorb likewise and
//! which nothing turns into an answer; or a budget that is used up, which nothing absorbs.
//!
//! # Budgets
//!
//! Costs are counted as the API server counts them: what it stops ("actual cost limit exceeded") is stopped here at the same
//! place. Beside that stand two bounds of our own, for its units let some things pass (deep comparison of values that share
//! parts, long texts, regular expressions): work and memory. Length of expressions ([`parse::MAX_SOURCE`]), their depth
//! ([`parse::MAX_DEPTH`]) and that of values ([`value::MAX_VALUE_DEPTH`]) are bounded, so that nothing recurses further than those;
//! a flag ends an evaluation from outside.
//!
//! # The language
//!
//! That of cel-go 0.26 with the libraries of Kubernetes' environment at 1.36, whose own program answered every line of
//! `tests/corpora`. `cel.bind`, `math.*` and `base64.*`, which the API server refuses, are there on demand
//! ([`Environment::with_more`]).
//!
//! | meant to differ from the API server | why |
//! |---|---|
//! | the authorizer's answers are undecided | there is no cluster to ask |
//! | apply configurations for kinds that are not Kubernetes' own are undecided | their schema is the cluster's |
//! | maps are walked in the order of their keys, not at random | one evaluation always gives the same |
//! | a constant conversion that must fail (`int('a')`) has a place in its message | there it is refused without one |
//! | no protobuf messages; keys of maps are bools, ints, uints and texts | nothing in a cluster has others |
//! | regular expressions that need more than 1 MiB compiled, quantities of more than 512 letters, `%.2000f` are refused | bombs |
//! | brackets within one another beyond [`parse::MAX_NESTING`] are refused | there the bound is more than twice that |
//! | what cannot be parsed is told in our words | theirs are a parser generator's |
//!
//! Held against the API server's own libraries (`scripts/peers/build-cel.sh`) by `examples/cel-corpus`, which asks the corpora
//! again, and `examples/cel-differential`, which asks random expressions.
//!
//! # Why an engine of our own
//!
//! `kube-cel` 0.8 (on `cel`) was tried with forty expressions of the kind that clusters use. It lacks `.?f` and `[?i]`,
//! `optional.*`, `variables`, `dyn`, `type`, `cel.bind` and the two-variable macros; it has no static check, so that a misspelt
//! name is met when it is reached, or never; no budget, so that three nested loops over a large object do not end; and no third
//! outcome for the authorizer. Each of these is in its core rather than beside it.

pub mod ast;
pub mod budget;
mod check;
mod environment;
pub mod eval;
mod lex;
mod library;
mod literals;
mod macros;
mod node;
pub mod parse;
pub mod policy;
mod print;
pub mod source;
pub mod types;
pub mod value;

pub use environment::Environment;
pub use macros::Macros;
pub use node::Program;
pub use policy::admission_environment;
