//! Configuration files: the first byte chooses the format, the rest is the file. Values are finite and bounded in depth, places
//! of faults lie in the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_config::{Around, FORMATS, MAX_DEPTH, Value, jsonc};

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

fuzz_target!(|data: &[u8]| {
    let Some((which, text)) = data.split_first() else { return };
    let Some(format) = FORMATS.get(usize::from(*which) % (FORMATS.len() + 1)) else {
        let plain = jsonc::plain(text);
        assert!(plain.json.len() <= text.len());
        assert!((0..=plain.json.len()).all(|at| plain.origin(at) <= text.len()));
        return;
    };
    let environment = |name: &str| (name.len() < 3).then(|| format!("${name}"));
    match format.bytes(text, &Around { environment: &environment }) {
        // An object of HCL 1 is a list and a map, and each key one more.
        Ok(value) => assert!(looked_at(&value) <= 3 * MAX_DEPTH + 3),
        Err(fault) => {
            // A carriage return by itself ends a line of `.env`.
            let lines = text.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1;
            assert!(!fault.message.is_empty() && fault.line <= lines);
        }
    }
});
