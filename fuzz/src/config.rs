//! What holds for every format of configuration files. In: a format's name, a file. Out: nothing; what does not hold panics.

use std::sync::LazyLock;

use plimsoll_config::{Around, MAX_DEPTH, Messages, Value, named};

/// How deep a value is; numbers are finite.
fn looked_at(value: &Value) -> usize {
    match value {
        Value::Float(number) => {
            assert!(number.is_finite());
            0
        }
        Value::List(items) => 1 + items.iter().map(looked_at).max().unwrap_or(0),
        Value::Map(map) => 1 + map.values().map(looked_at).max().unwrap_or(0),
        _ => 0,
    }
}

/// Reads a file of that format: the same twice.
pub fn read(name: &str, file: &[u8]) {
    static NONE: LazyLock<Messages> = LazyLock::new(Messages::default);
    read_with(name, file, &NONE);
}

/// The same with messages that the file may be of.
pub fn read_with(name: &str, file: &[u8], messages: &Messages) {
    let format = named(name).expect("the target names a format");
    // Names of up to two letters are variables, whose values grow with their names.
    let environment = |name: &str| (name.len() < 3).then(|| format!("${name}"));
    let around = Around { environment: &environment, messages };
    let read = format.bytes(file, &around);
    match &read {
        // An object of HCL 1 is a list and a map, and each key one more.
        Ok(value) => assert!(looked_at(value) <= 3 * MAX_DEPTH + 3),
        Err(fault) => {
            // A carriage return by itself ends a line of `.env`.
            let lines = file.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1;
            assert!(!fault.message.is_empty() && fault.line <= lines, "{fault:?}");
        }
    }
    assert_eq!(read, format.bytes(file, &around));
}
