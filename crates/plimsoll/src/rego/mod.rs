//! Rego as the binary meets it: files to policies and data, errors to words, values to JSON. In: paths. Out: what
//! `plimsoll-rego` compiles and runs. The language itself is that crate's.

pub mod fault;
pub mod json;
pub mod load;
pub mod outside;
pub mod policies;

use std::path::Path;
use std::sync::{Arc, LazyLock};

use plimsoll_rego::builtins::World;
use plimsoll_rego::capabilities::Capabilities;
use plimsoll_rego::compile::DataExists;
use plimsoll_rego::value::Value;

use fault::Fault;

/// The version of OPA whose language, words and formats these are.
pub const SPOKEN: &str = "1.22.4";

/// OPA's capabilities file.
pub fn read_capabilities(path: &str) -> Result<Capabilities, Fault> {
    let content = load::bytes(Path::new(path))?;
    let text = String::from_utf8(content).map_err(|_| Fault::plain(format!("{path}: no UTF-8")))?;
    Capabilities::from_json(&text).map_err(|error| Fault::plain(format!("{path}: {error}")))
}

/// What `opa.runtime()` gives: made once, for an environment does not change, and every evaluation asks for it.
static RUNTIME: LazyLock<Value> = LazyLock::new(|| {
    let environment = std::env::vars_os().filter_map(|(name, value)| {
        Some((Value::string(name.into_string().ok()?), Value::string(value.into_string().ok()?)))
    });
    Value::object(vec![
        (Value::string("commit"), Value::string("")),
        (Value::string("env"), Value::object(environment.collect())),
        (Value::string("version"), Value::string(SPOKEN)),
    ])
});

/// Time and randomness of this machine; no network, and of the environment what OPA shows too.
pub fn world() -> World {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    // Seeds differ from run to run; nothing is kept secret by them.
    let seed = since.subsec_nanos() as u64 ^ u64::from(std::process::id()).rotate_left(32);
    World {
        now_nanoseconds: i128::try_from(since.as_nanos()).unwrap_or(i128::MAX),
        seed,
        runtime: Some(RUNTIME.clone()),
        fetch: None,
        allowed_hosts: Vec::new(),
    }
}

/// Says where data is, so that no rule can be there.
pub fn data_exists(data: Value) -> DataExists {
    Arc::new(move |path: &[&str]| {
        let mut here = &data;
        for (at, part) in path.iter().enumerate() {
            match here.get(&Value::string(*part)) {
                // What is no object ends the way: it lies in it.
                Some(found) if !matches!(found, Value::Object(_)) => return true,
                Some(found) => here = found,
                None => return false,
            }
            if at + 1 == path.len() {
                return true;
            }
        }
        false
    })
}
