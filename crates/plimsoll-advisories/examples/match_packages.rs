//! Matches packages from standard input, for scripts that hold our answers against others'.
//!
//! `match_packages DATABASE [OS RELEASE]`: reads lines `ecosystem<TAB>name<TAB>version` (the ecosystem as package URLs call
//! it) and prints, for each match, `name<TAB>version<TAB>ids<TAB>affected|not-affected|undecided<TAB>fixes`.

use std::io::BufRead;
use std::path::Path;
use std::process::ExitCode;

use plimsoll_advisories::{database, match_packages};
use plimsoll_model::{Distro, Ecosystem, Family, Inventory, MatchState, Package};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(path) = arguments.first() else {
        eprintln!("usage: match_packages DATABASE [OS RELEASE]");
        return ExitCode::from(64);
    };
    let start = std::time::Instant::now();
    let source = match database::open(Path::new(path)) {
        Ok(source) => source,
        Err(error) => {
            eprintln!("could not {error}");
            return ExitCode::from(2);
        }
    };
    eprintln!("opened in {} µs", start.elapsed().as_micros());
    let mut inventory = Inventory::default();
    if let [_, family, version] = arguments.as_slice() {
        inventory.distro = Some(Distro {
            family: Family::from(family.as_str()),
            version: version.clone(),
            pretty_name: None,
            advisory_release: None,
            content_sets: Vec::new(),
        });
    }
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let mut parts = line.split('\t');
        let (Some(kind), Some(name), Some(version)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let Some(ecosystem) = Ecosystem::from_purl_type(kind) else { continue };
        inventory.packages.push(Package::new(ecosystem, "example", name, version));
    }
    let start = std::time::Instant::now();
    let matched = match_packages(&inventory, &[source.as_ref()], jiff::Timestamp::now());
    eprintln!("{} packages matched in {} µs", inventory.packages.len(), start.elapsed().as_micros());
    for problem in &matched.problems {
        eprintln!("could not {problem}");
    }
    for one in &matched.matches {
        let state = match &one.state {
            MatchState::Affected => "affected",
            MatchState::NotAffected { .. } => "not-affected",
            MatchState::Undecided { .. } => "undecided",
        };
        let ids: Vec<&str> = one.ids().collect();
        println!("{}\t{}\t{}\t{state}\t{}", one.name, one.version, ids.join(" "), one.fix.versions().join(" "));
    }
    ExitCode::SUCCESS
}
