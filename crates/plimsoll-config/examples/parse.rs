//! Reads standard input as of the format named on the command line and prints it as JSON:
//! `cargo run --example parse -p plimsoll-config -- hcl2 <main.tf`.

use std::io::Read as _;

use plimsoll_config::{Around, Messages, Value, named};

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).expect("standard input can be read");
    let format = named(&name).expect("a format's name is the first argument");
    let around = Around { environment: &|name| std::env::var(name).ok(), messages: &Messages::default() };
    match format.bytes(&bytes, &around) {
        Ok(value) => println!("{}", json(&value)),
        Err(fault) => println!("{}:{}: {fault}", fault.line, fault.column),
    }
}

fn json(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Text(text) => quoted(text),
        Value::List(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(",")),
        Value::Map(map) => {
            let entry = |(key, value): (&String, &Value)| format!("{}:{}", quoted(key), json(value));
            format!("{{{}}}", map.iter().map(entry).collect::<Vec<_>>().join(","))
        }
    }
}

fn quoted(text: &str) -> String {
    let escaped = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c < ' ' => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    };
    format!("\"{}\"", text.chars().map(escaped).collect::<String>())
}
