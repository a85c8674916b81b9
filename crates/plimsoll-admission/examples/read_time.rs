//! How long one review takes to read: `cargo run --release -p plimsoll-admission --example read_time -- REVIEW.json`.

use std::hint::black_box;
use std::time::Instant;

use plimsoll_admission::{Road, read};

const STRETCHES: u32 = 1000;
const RUNS: u32 = 50;

fn main() {
    let Some(file) = std::env::args().nth(1) else {
        eprintln!("usage: read_time REVIEW.json");
        std::process::exit(64);
    };
    let bytes = match std::fs::read(&file) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("could not read {file}: {error}");
            std::process::exit(2);
        }
    };
    match read(Road::Any, &bytes) {
        Ok(review) => println!("{} images to judge, {} unchanged", review.images.len(), review.unchanged),
        Err(error) => println!("refused: {error}"),
    }
    // The best of many short stretches: what the machine does besides is not the reader's time.
    let stretch = || {
        let start = Instant::now();
        for _ in 0..RUNS {
            let _ = black_box(read(Road::Any, black_box(&bytes)));
        }
        start.elapsed().as_secs_f64() * 1e6 / f64::from(RUNS)
    };
    let best = (0..STRETCHES).map(|_| stretch()).fold(f64::INFINITY, f64::min);
    println!("{} bytes: {best:.2} µs a review", bytes.len());
}
