//! What the gate does with one object, again and again: read it, hold it to `restricted` and ten rules. In: a manifest of one
//! object, and how often. Out: the microseconds that one takes. What it does not do: HTTP, JSON of reviews, or verdicts.

use std::error::Error;
use std::time::Instant;

use plimsoll_checks::lint::{Linter, Options, Selection};
use plimsoll_checks::manifest::object::read;
use plimsoll_checks::pod_security::{Level, Version};
use plimsoll_checks::source::Source;

const RULES: [&str; 10] = [
    "privileged-container",
    "host-network",
    "host-path-volume",
    "latest-tag",
    "memory-limit-missing",
    "secret-in-env",
    "writable-root-filesystem",
    "unknown-field",
    "default-namespace",
    "service-account-token-mounted",
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let text = std::fs::read_to_string(args.next().ok_or("which manifest?")?)?;
    let rounds: u32 = args.next().ok_or("how often?")?.parse()?;
    let select = RULES.iter().map(|rule| (*rule).to_owned()).chain(["lint".to_owned()]).collect();
    let selection = Selection { select, ..Selection::default() };
    let pod_security = Some((Level::Restricted, Version::Latest));
    let linter = Linter::new(Options { selection, pod_security, ..Options::default() })?;
    let mut findings = 0;
    let began = Instant::now();
    for _ in 0..rounds {
        let source = Source::new("", &text);
        findings = linter.lint_manifest(&read(&source)).findings.len();
    }
    let each = began.elapsed().as_secs_f64() * 1e6 / f64::from(rounds);
    println!("{} bytes, {findings} findings: {each:.1} µs an object", text.len());
    Ok(())
}
