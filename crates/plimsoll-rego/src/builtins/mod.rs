//! The builtin functions: a visible slice of slices, one family a file. In: values. Out: a value, nothing (undefined), or why
//! not. Builtins touch no network, clock, environment or random source of their own: [`Context`] hands them over.
//!
//! How to add one: write the function in its family's file and its line in that file's `BUILTINS`; a new family's `BUILTINS`
//! goes into [`FAMILIES`].

mod aggregates;
mod aws;
mod base64;
pub mod bytes;
mod civil;
mod crypto;
mod encoding;
pub mod globs;
mod go_text;
mod graphql;
pub mod graphs;
mod http;
mod internals;
mod ip;
mod json_patch;
mod json_paths;
mod json_text;
mod jwk;
mod jwt;
mod net;
mod numbers;
mod objects;
pub(crate) mod operand;
#[cfg(test)]
mod outer_tests;
mod outside;
mod random;
pub mod regexes;
mod schema;
mod semver;
mod sets;
mod sprintf;
mod strings;
mod templates;
#[cfg(test)]
mod tests;
mod time;
mod types;
mod units;
mod url;
mod uuid;
mod want;
mod yaml;

pub(crate) use yaml::{write as write_yaml, write_field as write_yaml_field};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::budget::{Exhausted, Meter};
use crate::value::{ArithmeticError, Value};

/// One builtin function.
pub struct Builtin {
    /// `count`, `io.jwt.decode`, also of infix operators (`plus`, `eq`).
    pub name: &'static str,
    /// `(collection: any<string, array[any], object[any: any], set[any]>) => n: number`; `Type`'s own notation for types,
    /// names before colons, `...T` for a variadic rest, no `=> …` where nothing is given back.
    pub signature: &'static str,
    /// The infix operator it is written as, `+`.
    pub infix: Option<&'static str>,
    /// Gives an array of the tuples that an expression of it iterates over (`walk`).
    pub relation: bool,
    /// Refused by strict mode and in v1.
    pub deprecated: bool,
    /// Another call in the same evaluation may answer otherwise: results are kept per call for the evaluation.
    pub nondeterministic: bool,
    pub run: fn(&mut Context<'_>, &[Value]) -> Result<Option<Value>, Failure>,
}

/// What a builtin gives: a value, nothing (undefined), or why not.
pub type Outcome = Result<Option<Value>, Failure>;

impl Builtin {
    /// A plain one; the methods below say what is special about it.
    pub const fn new(
        name: &'static str,
        signature: &'static str,
        run: fn(&mut Context<'_>, &[Value]) -> Outcome,
    ) -> Builtin {
        Builtin { name, signature, infix: None, relation: false, deprecated: false, nondeterministic: false, run }
    }

    /// It is written as this operator.
    pub const fn infix(mut self, operator: &'static str) -> Builtin {
        self.infix = Some(operator);
        self
    }

    pub const fn relation(mut self) -> Builtin {
        self.relation = true;
        self
    }

    pub const fn deprecated(mut self) -> Builtin {
        self.deprecated = true;
        self
    }

    pub const fn nondeterministic(mut self) -> Builtin {
        self.nondeterministic = true;
        self
    }
}

/// Why a builtin gave no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// What OPA gives as a `BuiltinErr` (`eval_builtin_error`) or type error of an operand (`eval_type_error`): undefined, or
    /// an error where builtin errors are strict.
    Error { kind: FailureKind, message: String },
    /// Ends the evaluation whatever the mode: a limit, or a capability that is not granted.
    Halt(Halt),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// `eval_type_error`
    Operand,
    /// `eval_builtin_error`
    Builtin,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Halt {
    Exhausted(Exhausted),
    /// A builtin that reaches outside was called and no capability allows it.
    Denied(String),
    /// Errors that end an evaluation in OPA too, with its words.
    Fatal(String),
}

impl From<Exhausted> for Failure {
    fn from(limit: Exhausted) -> Failure {
        Failure::Halt(Halt::Exhausted(limit))
    }
}

impl Failure {
    /// OPA's words for a wrong operand, without the builtin's name, which the evaluator puts before them:
    /// `operand 1 must be string but got number`.
    pub fn operand(message: impl Into<String>) -> Failure {
        Failure::Error { kind: FailureKind::Operand, message: message.into() }
    }

    /// OPA's words for what is wrong otherwise, without the builtin's name.
    pub fn builtin(message: impl Into<String>) -> Failure {
        Failure::Error { kind: FailureKind::Builtin, message: message.into() }
    }

    /// Ends the evaluation whatever the mode, with these words.
    pub fn fatal(message: impl Into<String>) -> Failure {
        Failure::Halt(Halt::Fatal(message.into()))
    }
}

impl From<ArithmeticError> for Failure {
    fn from(error: ArithmeticError) -> Failure {
        match error {
            // OPA would go on working; undefined would be a wrong answer.
            ArithmeticError::TooBig => Failure::fatal("number too big"),
            other => Failure::builtin(other.to_string()),
        }
    }
}

impl Context<'_> {
    /// Pays for touching this many values.
    pub(crate) fn pay_values(&mut self, count: usize) -> Result<(), Failure> {
        Ok(self.meter.steps(count as u64)?)
    }

    /// Pays for making this many values.
    pub(crate) fn pay_new_values(&mut self, count: usize) -> Result<(), Failure> {
        self.meter.steps(count as u64)?;
        Ok(self.meter.memory((count as u64).saturating_mul(size_of::<Value>() as u64))?)
    }

    /// Pays for comparing two values, of which the lighter one bounds the work.
    pub(crate) fn pay_compared(&mut self, a: &Value, b: &Value) -> Result<(), Failure> {
        Ok(self.meter.steps(1 + a.weight().min(b.weight()) / 16)?)
    }

    /// Pays for a value to be written as text.
    pub(crate) fn pay_written(&mut self, value: &Value) -> Result<(), Failure> {
        self.meter.steps(value.weight())?;
        Ok(self.meter.memory(value.weight().saturating_mul(16))?)
    }

    /// Pays for reading this many bytes.
    pub(crate) fn pay_text(&mut self, bytes: usize) -> Result<(), Failure> {
        Ok(self.meter.steps(bytes as u64 / 64)?)
    }

    /// Pays for writing this many bytes.
    pub(crate) fn pay_new_text(&mut self, bytes: usize) -> Result<(), Failure> {
        self.meter.steps(bytes as u64 / 64)?;
        Ok(self.meter.memory(bytes as u64)?)
    }
}

/// What is handed to builtins: all of the world that they may see.
pub struct Context<'a> {
    pub meter: &'a mut Meter,
    /// The name it was called by.
    pub name: &'a str,
    pub world: &'a World,
    /// State of this evaluation: compiled patterns, seeds, answers of nondeterministic builtins.
    pub scratch: &'a mut Scratch,
}

/// Time, randomness, environment and the network: parameters, so that one evaluation always gives the same.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// Nanoseconds since 1970.
    pub now_nanoseconds: i128,
    pub seed: u64,
    /// What `opa.runtime()` gives.
    pub runtime: Option<Value>,
    /// Who reaches outside; nobody unless handed over.
    pub fetch: Option<Arc<dyn Fetch>>,
    /// The hosts that a capability file allows (`allow_net`); none unless named.
    pub allowed_hosts: Vec<String>,
}

/// Reaches outside for `http.send` and `net.lookup_ip_addr`, for whom a capability allows it; the crate has none of its own.
pub trait Fetch: std::fmt::Debug + Send + Sync {
    /// The request object as the policy gave it; the response object.
    ///
    /// # Errors
    /// It may not be asked for, or there is no answer.
    fn send(&self, request: &Value) -> Result<Value, Unanswered>;
    /// # Errors
    /// It may not be asked for, or nobody knows an address.
    fn lookup(&self, host: &str) -> Result<Vec<String>, Unanswered>;
}

/// Why there is no answer from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// No capability allows it: ends the evaluation, whatever the policy says of errors.
    Denied(String),
    /// It was allowed and failed: what the policy makes of errors.
    Failed(String),
}

/// What builtins keep for the length of one evaluation.
#[derive(Default)]
pub struct Scratch {
    /// What was refused is kept too: compiling takes long, also in vain.
    pub regexes: BTreeMap<String, Result<Arc<regexes::Pattern>, Failure>>,
    pub globs: BTreeMap<String, globs::Kept>,
    pub random: u64,
    pub kept: BTreeMap<(&'static str, Vec<Value>), Value>,
    /// What `http.send` (by its object) and `net.lookup_ip_addr` (by its text) were answered. Failures are kept too, for each
    /// would take its time again.
    pub answers: BTreeMap<Value, Result<Value, Unanswered>>,
    /// Lines of `print`.
    pub printed: Vec<String>,
    /// The expression that calls a builtin of the embedder's, which may want to know its file.
    pub caller: Option<crate::span::Span>,
}

impl Scratch {
    /// Forgets the evaluation that ended; most leave nothing here, and nothing is made anew for them.
    pub fn clear(&mut self) {
        let Scratch { regexes, globs, random: _, kept, answers, printed, caller } = self;
        let left = [regexes.len(), globs.len(), kept.len(), answers.len(), printed.capacity()];
        *caller = None;
        if left != [0; 5] {
            *self = Scratch::default();
        }
    }
}

/// All families.
pub const FAMILIES: &[&[Builtin]] = &[
    aggregates::BUILTINS,
    aws::BUILTINS,
    numbers::BUILTINS,
    sets::BUILTINS,
    strings::BUILTINS,
    objects::BUILTINS,
    types::BUILTINS,
    units::BUILTINS,
    graphql::BUILTINS,
    graphs::BUILTINS,
    regexes::BUILTINS,
    globs::BUILTINS,
    crypto::BUILTINS,
    encoding::BUILTINS,
    http::BUILTINS,
    json_patch::BUILTINS,
    json_paths::BUILTINS,
    json_text::BUILTINS,
    jwt::BUILTINS,
    net::BUILTINS,
    outside::BUILTINS,
    schema::BUILTINS,
    semver::BUILTINS,
    time::BUILTINS,
    uuid::BUILTINS,
    yaml::BUILTINS,
    internals::BUILTINS,
    templates::BUILTINS,
];

/// The builtin of a name.
pub fn named(name: &str) -> Option<&'static Builtin> {
    FAMILIES.iter().flat_map(|family| family.iter()).find(|builtin| builtin.name == name)
}
