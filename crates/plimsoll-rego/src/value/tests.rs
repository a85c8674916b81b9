//! Facts about values; the real OPA's answers were asked for when these were written.

use super::*;

fn number(text: &str) -> Number {
    Number::parse(text).unwrap()
}

#[test]
fn numbers_of_one_worth_are_equal_whatever_their_texts() {
    for (a, b) in [
        ("1", "1.0"),
        ("1e3", "1000"),
        ("-0", "0"),
        ("0.0", "0e5"),
        ("100e-2", "1"),
        ("12345678901234567890", "12345678901234567890.0"),
    ] {
        assert_eq!(number(a), number(b), "{a} {b}");
    }
    for (a, b) in [
        ("1", "1.0000000000000000000000000000001"),
        ("-1", "-0.9"),
        ("0.1", "1e3"),
        ("9007199254740992", "9007199254740993"),
    ] {
        assert!(number(a) < number(b), "{a} {b}");
    }
    assert!(Number::parse("01").is_none() && Number::parse("1.").is_none() && Number::parse("+1").is_none());
    assert_eq!(Number::read(b"1e99999"), Err(NumberError::TooBig));
    assert_eq!(Number::read(b"1e99999999999999999999999"), Err(NumberError::TooBig));
}

#[test]
fn arithmetic_rounds_as_opa_does() {
    let text = |number: Result<Number, ArithmeticError>| number.unwrap().to_string();
    assert_eq!(text(number("0.1").plus(&number("0.2"))), "0.3");
    assert_eq!(text(number("1").divided(&number("3"))), "0.33333333333333333334");
    assert_eq!(text(number("0").divided(&number("-3"))), "-0");
    assert_eq!(text(number("9223372036854775807").plus(&number("1"))), "9223372036854775808");
    assert_eq!(number("1").divided(&number("0.0")), Err(ArithmeticError::DivideByZero));
    assert_eq!(text(number("-0.5").ceiling()), "1");
    assert_eq!(text(number("1e2").remainder(&number("7"))), "2");
}

#[test]
fn json_keeps_numbers_and_the_last_of_equal_keys() {
    let value = Value::from_json(br#"{"b": 1.0, "a": [1e3, "\ud83d\ude00\ud83d x", {}], "b": -0}"#).unwrap();
    assert_eq!(value.to_string(), "{\"a\": [1e3, \"\u{1f600}\u{fffd} x\", {}], \"b\": -0}");
    assert_eq!(value.to_json(), "{\"a\":[1e3,\"\u{1f600}\u{fffd} x\",{}],\"b\":-0}");
    assert_eq!(Value::from_json(b"\"a\xff\xfeb\"").unwrap(), Value::string("a\u{fffd}\u{fffd}b"));
    assert_eq!(
        value.to_json_pretty(),
        "{\n  \"a\": [\n    1e3,\n    \"\u{1f600}\u{fffd} x\",\n    {}\n  ],\n  \"b\": -0\n}"
    );
}

#[test]
fn json_that_is_none_is_refused_with_its_place() {
    for (text, message) in [
        ("", "EOF at byte 0"),
        ("{", "unexpected EOF at byte 1"),
        ("[1,]", "invalid character ']' looking for beginning of value at byte 3"),
        ("nul", "unexpected EOF at byte 3"),
        ("nulx", "invalid character 'x' in literal null (expecting 'l') at byte 3"),
        ("1 2", "invalid character '2' after top-level value at byte 2"),
        ("01", "invalid character '1' after top-level value at byte 1"),
        ("\"\n\"", "invalid character '\\n' in string literal at byte 1"),
        ("{\"a\" 1}", "invalid character '1' after object key at byte 5"),
        ("-x", "invalid character 'x' in numeric literal at byte 1"),
    ] {
        assert_eq!(Value::from_json(text.as_bytes()).unwrap_err().to_string(), message, "{text}");
    }
    let deep = "[".repeat(2_000_000);
    assert!(Value::from_json(deep.as_bytes()).unwrap_err().message.contains("deeper"));
}

#[test]
fn values_are_written_as_rego_writes_them() {
    let set = Value::set(vec![Value::int(2), Value::string("a\n\u{7f}\u{200b}é"), Value::Null]);
    assert_eq!(set.to_string(), "{null, 2, \"a\\n\\x7f\\u200bé\"}");
    assert_eq!(Value::set(Vec::new()).to_string(), "set()");
    let keys = Value::object(vec![
        (Value::int(1), Value::Null),
        (Value::string("<"), Value::Null),
        (Value::array(vec![]), Value::Null),
    ]);
    assert_eq!(keys.to_json(), "{\"1\":null,\"\\u003c\":null,\"[]\":null}");
}

#[test]
fn a_value_is_three_words_with_and_without_a_place_for_none() {
    assert_eq!((size_of::<Value>(), size_of::<Option<Value>>()), (24, 24));
}

#[test]
fn another_value_for_a_key_changes_no_other_holder() {
    let made = |text: &str| match Value::from_json(text.as_bytes()).unwrap() {
        Value::Object(object) => object,
        other => panic!("{other:?}"),
    };
    let mut own = made(r#"{"a": 1, "b": [2]}"#);
    own.set_value("a", Value::from_json(b"[[3.0]]").unwrap());
    let other = own.clone();
    own.set_value("a", Value::Null);
    own.set_value("c", Value::Null);
    assert_eq!(Value::Object(own.clone()).to_json(), r#"{"a":null,"b":[2]}"#);
    assert_eq!(Value::Object(other.clone()).to_json(), r#"{"a":[[3.0]],"b":[2]}"#);
    // What it knows of itself is as if it were made anew.
    for (object, depth, spelt) in [(own, 2, false), (other, 3, true)] {
        let anew = Value::object(object.entries().to_vec());
        let object = Value::Object(object);
        assert_eq!((object.depth(), object.weight()), (anew.depth(), anew.weight()));
        assert_eq!((object.depth(), object.has_other_spellings()), (depth, spelt));
    }
}
