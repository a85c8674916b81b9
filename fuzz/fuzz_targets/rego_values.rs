//! JSON and YAML of any kind become values, or are refused with words; a value that is written is read again as the same, in
//! JSON and, YAML having all of JSON, in YAML. Numbers keep what they are through text and arithmetic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::text;
use plimsoll_rego::value::{JsonLimits, MAX_DEPTH, Number, Value};

const LIMITS: JsonLimits = JsonLimits { bytes: 1 << 20, depth: 512, nodes: 100_000 };

fn holds(value: &Value) {
    assert!(value.depth() <= MAX_DEPTH);
    assert!(value.cmp(value).is_eq());
    let compact = value.to_json();
    let again =
        Value::from_json(compact.as_bytes()).unwrap_or_else(|error| panic!("written and not read: {error}\n{compact}"));
    assert_eq!(*value, again, "JSON out and in again");
    assert_eq!(compact, again.to_json());
    let pretty = Value::from_json(value.to_json_pretty().as_bytes()).expect("pretty JSON is JSON");
    assert_eq!(*value, pretty);
}

/// A stream of documents in YAML 1.1, as conftest parts it: all of them have one budget.
fn stream(bytes: &[u8]) {
    let mut spent = 0;
    for document in text(bytes).split("\n---\n") {
        match Value::from_yaml_1_1(document.as_bytes(), &LIMITS, &mut spent) {
            Ok(value) => holds(&value),
            Err(error) => {
                assert!(!error.message.is_empty());
                break;
            }
        }
        assert!(spent <= LIMITS.nodes, "more nodes than all documents may have");
    }
}

fn numbers(bytes: &[u8]) {
    let mut words = text(bytes).split_ascii_whitespace().filter_map(Number::parse);
    let (Some(a), Some(b)) = (words.next(), words.next()) else { return };
    assert_eq!(a.cmp(&b), b.cmp(&a).reverse(), "an order");
    if let (Ok(sum), Ok(other)) = (a.plus(&b), b.plus(&a)) {
        assert_eq!(sum, other, "sums are the same both ways round");
    }
    if let (Ok(product), Ok(other)) = (a.times(&b), b.times(&a)) {
        assert_eq!(product, other, "products are the same both ways round");
    }
    for made in [a.minus(&b), a.divided(&b), a.remainder(&b), a.rounded(), a.ceiling(), a.floored(), a.absolute()] {
        let Ok(number) = made else { continue };
        let written = number.to_string();
        assert_eq!(Number::parse(&written).map(|read| read == number), Some(true), "{written} is read again");
    }
}

fuzz_target!(|data: &[u8]| {
    match Value::from_json_within(data, &LIMITS) {
        Ok(value) => holds(&value),
        Err(error) => assert!(!error.message.is_empty() && error.offset <= data.len().max(LIMITS.bytes)),
    }
    match Value::from_yaml(data, &LIMITS) {
        Ok(value) => holds(&value),
        Err(error) => assert!(!error.message.is_empty()),
    }
    stream(data);
    numbers(data);
});
