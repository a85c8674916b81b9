//! Objects with the API server's defaults: a JSON object a line comes in, and goes out with them, or as `null` where its kind is
//! not known. `scripts/peers/defaults.py` compares that with a running server.

use std::io::{BufRead, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let mut object = serde_json::from_str(&line?)?;
        let known = plimsoll_defaults::apply(&mut object);
        writeln!(out, "{}", if known { object } else { serde_json::Value::Null })?;
    }
    Ok(())
}
