//! The cluster's authorizer. Without a cluster nobody knows its answers: what depends on one is undecided, neither yes nor no.

use super::{Row, cost, opaque::Opaque, priced, row};
use crate::budget::{Failure, Meter, Out, error};
use crate::value::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Authorizer,
    Path,
    Group,
    Resource,
    Decision,
}

/// What is to be asked so far, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorizer {
    stage: Stage,
    asked: String,
}

/// Bytes of a question in words.
const MAX_WORDS: usize = 1_000;

impl Authorizer {
    pub(crate) fn new() -> Authorizer {
        Authorizer { stage: Stage::Authorizer, asked: "the user".to_owned() }
    }

    /// About the resource that a request is about.
    pub(crate) fn resource(words: &str) -> Authorizer {
        Authorizer { stage: Stage::Resource, asked: format!("the user on {words}") }
    }

    pub(super) fn type_name(&self) -> &'static str {
        match self.stage {
            Stage::Authorizer => "kubernetes.authorization.Authorizer",
            Stage::Path => "kubernetes.authorization.PathCheck",
            Stage::Group => "kubernetes.authorization.GroupCheck",
            Stage::Resource => "kubernetes.authorization.ResourceCheck",
            Stage::Decision => "kubernetes.authorization.Decision",
        }
    }
}

fn of(args: &[Value]) -> Out<&Authorizer> {
    match args.first() {
        Some(Value::Opaque(opaque)) => match &**opaque {
            Opaque::Authorizer(authorizer) => Ok(authorizer),
            _ => Err(super::no_such_overload()),
        },
        _ => Err(super::no_such_overload()),
    }
}

fn next(meter: &mut Meter<'_>, args: &[Value], stage: Stage, word: &str) -> Out {
    let mut asked = of(args)?.asked.clone();
    for text in args.iter().skip(1).filter_map(Value::as_str) {
        if asked.len() < MAX_WORDS {
            let shown: String = text.chars().take(100).collect();
            asked.push_str(&format!(" {word} {shown:?}"));
        }
    }
    meter.memory(asked.len())?;
    Ok(Value::opaque(Opaque::Authorizer(Authorizer { stage, asked })))
}

fn path(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    if args.get(1).and_then(Value::as_str) == Some("") {
        return error("path must not be empty");
    }
    next(meter, args, Stage::Path, "path")
}

fn answer(_: &mut Meter<'_>, args: &[Value]) -> Out {
    Err(Box::new(Failure::Undecided(format!("what the cluster's authorizer allows {}", of(args)?.asked))))
}

pub(super) const ROWS: &[Row] = &[
    row("authorizer.path(string) -> pathcheck", path),
    row("authorizer.group(string) -> groupcheck", |meter, args| next(meter, args, Stage::Group, "group")),
    row("authorizer.serviceAccount(string, string) -> authorizer", |meter, args| {
        next(meter, args, Stage::Authorizer, "service account")
    }),
    row("groupcheck.resource(string) -> resourcecheck", |meter, args| next(meter, args, Stage::Resource, "resource")),
    row("resourcecheck.subresource(string) -> resourcecheck", |meter, args| {
        next(meter, args, Stage::Resource, "subresource")
    }),
    row("resourcecheck.namespace(string) -> resourcecheck", |meter, args| {
        next(meter, args, Stage::Resource, "namespace")
    }),
    row("resourcecheck.name(string) -> resourcecheck", |meter, args| next(meter, args, Stage::Resource, "name")),
    row("resourcecheck.fieldSelector(string) -> resourcecheck", |meter, args| {
        next(meter, args, Stage::Resource, "fields")
    }),
    row("resourcecheck.labelSelector(string) -> resourcecheck", |meter, args| {
        next(meter, args, Stage::Resource, "labels")
    }),
    priced("pathcheck.check(string) -> decision", cost::check, |meter, args| next(meter, args, Stage::Decision, "to")),
    priced("resourcecheck.check(string) -> decision", cost::check, |meter, args| {
        next(meter, args, Stage::Decision, "to")
    }),
    row("decision.allowed() -> bool", answer),
    row("decision.reason() -> string", answer),
    row("decision.error() -> string", answer),
    row("decision.errored() -> bool", answer),
];
