//! Lints all files of folders again and again in one process, for profiles: `lint_files ROUNDS THREADS PATH...`. Prints the
//! milliseconds of each round, and what was found. In: folders or files. Out: figures. What it does not do: walk deeper, or
//! print findings.

use std::error::Error;
use std::num::NonZeroUsize;
use std::time::Instant;

use plimsoll_checks::lint::{Input, Linter, Options, guess};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let rounds: usize = args.next().ok_or("how many rounds?")?.parse()?;
    let threads: NonZeroUsize = args.next().ok_or("how many threads?")?.parse()?;
    let mut texts = Vec::new();
    for path in args {
        let path = std::path::PathBuf::from(path);
        let mut files = vec![path.clone()];
        if path.is_dir() {
            files = std::fs::read_dir(&path)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
            files.sort();
        }
        for file in files {
            texts.push((file.display().to_string(), std::fs::read_to_string(&file)?));
        }
    }
    let began = Instant::now();
    let options = Options { threads: Some(threads), inline_ignores: true, ..Options::default() };
    let linter = Linter::new(options)?;
    println!("linter made in {:.3} ms", began.elapsed().as_secs_f64() * 1e3);
    let inputs: Vec<Input<'_>> =
        texts.iter().map(|(path, text)| Input { path, text, kind: guess(path, text) }).collect();
    for _ in 0..rounds {
        let began = Instant::now();
        let linted = linter.lint(&inputs);
        let findings: usize = linted.iter().map(|file| file.findings.len()).sum();
        let took = began.elapsed().as_secs_f64() * 1e3;
        println!("{} files, {findings} findings: {took:.1} ms", inputs.len());
    }
    Ok(())
}
