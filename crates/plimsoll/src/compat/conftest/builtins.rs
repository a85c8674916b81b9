//! Conftest's own builtins. In: `parse_config(parser, text)`. Out: what the parser makes of it. `parse_config_file` and
//! `parse_combined_config_files` read files next to the policy that calls them.

use std::sync::Arc;

use plimsoll_rego::builtins::{Context, Failure};
use plimsoll_rego::capabilities::Function;
use plimsoll_rego::eval::Custom;
use plimsoll_rego::types::{Signature, Type};
use plimsoll_rego::value::Value;

use super::configs;

/// Their signatures and what they do.
pub fn all() -> Vec<(Function, Custom)> {
    let one = |name: &str, signature: &str, run: Custom| {
        let function = Function {
            name: name.into(),
            decl: Type::function(Signature::parse(signature).unwrap_or_default()),
            infix: None,
            relation: false,
            deprecated: false,
            nondeterministic: false,
        };
        (function, run)
    };
    vec![one("parse_config", "(string, string) => object[string: any]", Arc::new(parse_config))]
}

fn parse_config(context: &mut Context<'_>, args: &[Value]) -> Result<Option<Value>, Failure> {
    let (Some(parser), Some(text)) = (args.first().and_then(Value::as_str), args.get(1).and_then(Value::as_str)) else {
        return Err(Failure::operand("operands must be strings"));
    };
    // A document is some dozen times its text.
    let size = u64::try_from(text.len()).unwrap_or(u64::MAX);
    context
        .meter
        .steps(size / 8 + 1)
        .and_then(|()| context.meter.memory(size.saturating_mul(32)))
        .map_err(exhausted)?;
    if !configs::known(parser) {
        return Err(Failure::builtin(format!("create config parser: unknown parser: {parser}")));
    }
    let value = configs::parse(parser, text.as_bytes(), None);
    value.map(Some).map_err(|fault| Failure::builtin(format!("unmarshal config: {}", fault.message)))
}

fn exhausted(limit: plimsoll_rego::budget::Exhausted) -> Failure {
    Failure::Halt(plimsoll_rego::builtins::Halt::Exhausted(limit))
}
