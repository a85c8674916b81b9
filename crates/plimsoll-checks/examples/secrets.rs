//! Looks for secrets in an unpacked root file system, to see what real files make of the rules:
//! `cargo run --release -p plimsoll-checks --example secrets -- ROOT [--all]`. With `--all` the files that packages
//! brought are read as well, which an image's check leaves alone: whatever is found there is most likely noise.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use plimsoll_checks::secrets::{MAX_SIZE, inspect, wants};

#[derive(Default)]
struct Count {
    files: u64,
    read: u64,
    bytes: u64,
    findings: u64,
    time: Duration,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let Some(root) = arguments.next() else {
        eprintln!("usage: secrets ROOT [--all]");
        std::process::exit(64);
    };
    let all = arguments.next().as_deref() == Some("--all");
    let mut count = Count::default();
    // A list instead of a recursion: depth is the disk's business.
    let mut folders = vec![Path::new(&root).to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                look(Path::new(&root), &path, all, &mut count);
            }
        }
    }
    let Count { files, read, bytes, findings, time } = count;
    println!("{files} files, {read} read, {bytes} bytes in {time:?}, {findings} findings");
}

fn look(root: &Path, path: &Path, all: bool, count: &mut Count) {
    let relative = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
    let size = path.metadata().map_or(0, |metadata| metadata.len());
    count.files += 1;
    if !(wants(&relative, size) || all && size <= MAX_SIZE) {
        return;
    }
    let Ok(bytes) = fs::read(path) else { return };
    let start = Instant::now();
    let found = inspect(&relative, &bytes);
    count.time += start.elapsed();
    count.read += 1;
    count.bytes += size;
    count.findings += found.len() as u64;
    for finding in found {
        let lines: Vec<_> = finding.locations.iter().filter_map(|place| place.line).collect();
        println!("{} {} {lines:?}", finding.severity, finding.message);
    }
}
