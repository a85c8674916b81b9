//! Conftest's own builtins. In: `parse_config(parser, text)`, `parse_config_file(path)`, `parse_combined_config_files(paths)`;
//! paths are those of files beside the policy that calls. Out: what the parser makes of them.

use std::path::Path;
use std::sync::Arc;

use plimsoll_rego::builtins::{Context, Failure, Halt};
use plimsoll_rego::capabilities::Function;
use plimsoll_rego::eval::Custom;
use plimsoll_rego::span::Sources;
use plimsoll_rego::types::{Signature, Type};
use plimsoll_rego::value::Value;

use super::configs;
use super::protos::Protos;
use crate::rego::load;

/// Their signatures.
pub fn functions() -> Vec<Function> {
    let one = |name: &str, signature: &str| Function {
        name: name.into(),
        decl: Type::function(Signature::parse(signature).unwrap_or_default()),
        infix: None,
        relation: false,
        deprecated: false,
        nondeterministic: false,
    };
    vec![
        one("parse_config", "(string, string) => object[string: any]"),
        one("parse_config_file", "(string) => object[string: any]"),
        one("parse_combined_config_files", "(array[string]) => object[string: any]"),
    ]
}

/// What they do; the sources are those of the policies.
pub fn all(sources: &Sources, protos: &Arc<Protos>) -> Vec<(&'static str, Custom)> {
    let names: Arc<Vec<String>> = Arc::new(sources.iter().map(|source| source.name.to_string()).collect());
    let beside = move |context: &Context<'_>, path: &str| -> Result<String, Failure> {
        let caller = context.scratch.caller.and_then(|span| names.get(usize::try_from(span.source).ok()?));
        beside(caller.map_or("", String::as_str), path)
    };
    let of_one = beside.clone();
    let protos_of = || Arc::clone(protos);
    let (of_file, of_all, of_text) = (protos_of(), protos_of(), protos_of());
    let file: Custom = Arc::new(move |context, args| {
        let path = of_one(context, text(args, 0)?)?;
        parse_file(context, &path, &of_file)
    });
    let combined: Custom = Arc::new(move |context, args| {
        let Some(Value::Array(paths)) = args.first() else { return Err(Failure::operand("operand 1 must be array")) };
        let path = |item: &Value| match item.as_str() {
            Some(path) => beside(context, path),
            None => Err(Failure::operand("operand 1 must be array of strings")),
        };
        let paths: Vec<String> = paths.items().iter().map(path).collect::<Result<_, _>>()?;
        let mut size = 0u64;
        for path in &paths {
            size = size.saturating_add(std::fs::metadata(path).map_or(0, |found| found.len()));
        }
        pay(context, size)?;
        let documents = configs::read(&paths, None, &of_all)
            .map_err(|why| Failure::builtin(format!("parse combine configurations: {why}")))?;
        Ok(Some(configs::combined(&documents)))
    });
    vec![
        ("parse_config", Arc::new(move |context, args| parse_config(context, args, &of_text))),
        ("parse_config_file", file),
        ("parse_combined_config_files", combined),
    ]
}

/// A path from the folder of the policy that calls.
fn beside(policy: &str, path: &str) -> Result<String, Failure> {
    let path = path.trim_start_matches('/');
    // Before the slash of a policy in the root nothing stands.
    let Some((folder, _)) = policy.rsplit_once('/') else { return Ok(path.to_owned()) };
    // What stands there for bytes that are no text would lead elsewhere.
    if folder.contains('\u{fffd}') {
        return Err(Failure::builtin(format!("{folder}: the name of this folder is no UTF-8")));
    }
    Ok(format!("{folder}/{path}"))
}

fn text(args: &[Value], at: usize) -> Result<&str, Failure> {
    let wrong = || Failure::operand(format!("operand {} must be string", at + 1));
    args.get(at).and_then(Value::as_str).ok_or_else(wrong)
}

/// A document is some dozen times its text.
fn pay(context: &mut Context<'_>, bytes: u64) -> Result<(), Failure> {
    let paid = context.meter.steps(bytes / 8 + 1).and_then(|()| context.meter.memory(bytes.saturating_mul(32)));
    paid.map_err(|limit| Failure::Halt(Halt::Exhausted(limit)))
}

fn parse_file(context: &mut Context<'_>, path: &str, protos: &Protos) -> Result<Option<Value>, Failure> {
    let parser = configs::parser_of(path).map_err(|why| Failure::builtin(format!("create config parser: {why}")))?;
    let content = load::bytes(Path::new(path))
        .map_err(|fault| Failure::builtin(format!("read config file {path}: {}", fault.text())))?;
    pay(context, u64::try_from(content.len()).unwrap_or(u64::MAX))?;
    let value = configs::parse(&parser, &content, Some(path), protos);
    value.map(Some).map_err(|fault| Failure::builtin(format!("unmarshal config: {}", fault.message)))
}

fn parse_config(context: &mut Context<'_>, args: &[Value], protos: &Protos) -> Result<Option<Value>, Failure> {
    let (parser, config) = (text(args, 0)?, text(args, 1)?);
    pay(context, u64::try_from(config.len()).unwrap_or(u64::MAX))?;
    if !configs::known(parser) {
        return Err(Failure::builtin(format!("create config parser: unknown parser: {parser}")));
    }
    let value = configs::parse(parser, config.as_bytes(), None, protos);
    value.map(Some).map_err(|fault| Failure::builtin(format!("unmarshal config: {}", fault.message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_beside_the_policy_that_calls() {
        for (policy, path, found) in [
            ("policy/a.rego", "b.json", "policy/b.json"),
            ("/in/policy/a.rego", "/b.json", "/in/policy/b.json"),
            ("a.rego", "b.json", "b.json"),
            ("/a.rego", "b.json", "/b.json"),
            ("", "b.json", "b.json"),
        ] {
            assert_eq!(beside(policy, path).unwrap(), found, "{policy}");
        }
        assert!(beside("\u{fffd}/a.rego", "b.json").is_err());
    }
}
