//! What the tree of an object in JSON costs, by the reader of plain JSON and by YAML's. In: a JSON file, and how often. Out: the
//! microseconds that each takes. `cargo run --release -p plimsoll-yaml --example json_time -- deployment.json 3000`

use std::error::Error;
use std::time::Instant;

use plimsoll_yaml::{documents, plain_document};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let text = std::fs::read_to_string(args.next().ok_or("which file?")?)?;
    let rounds: u32 = args.next().ok_or("how often?")?.parse()?;
    let by_json = time(rounds, || documents(&text).0.len());
    let by_yaml = time(rounds, || usize::from(matches!(plain_document(&text), Ok(Some(_)))));
    println!("{} bytes: {by_json:.1} µs as JSON, {by_yaml:.1} µs as YAML", text.len());
    Ok(())
}

/// Microseconds that one reading takes, of which each must give one tree.
fn time(rounds: u32, read: impl Fn() -> usize) -> f64 {
    let began = Instant::now();
    for _ in 0..rounds {
        assert_eq!(read(), 1, "the file is no one document");
    }
    began.elapsed().as_secs_f64() * 1e6 / f64::from(rounds.max(1))
}
