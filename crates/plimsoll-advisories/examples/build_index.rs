//! Builds an index from feeds and says how long it took. In: the file to write, then folders, archives or documents of
//! feeds. Out: the index and an account of it.
//!
//!     cargo run --release -p plimsoll-advisories --example build_index -- OUT FEED…
//!
//! SOURCE_DATE_EPOCH gives the time that the index says it was built at.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use plimsoll_advisories::Space;
use plimsoll_advisories::database::{build, index, open};
use plimsoll_model::Ecosystem;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((out, feeds)) = arguments.split_first().filter(|(_, feeds)| !feeds.is_empty()) else {
        return Err("usage: build_index OUT FEED…".into());
    };
    let out = Path::new(out);
    let inputs: Vec<&Path> = feeds.iter().map(Path::new).collect();
    let previous = build::previous(out)?;
    let begin = Instant::now();
    let at = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(seconds) => jiff::Timestamp::from_second(seconds.parse()?)?,
        Err(_) => jiff::Timestamp::now(),
    };
    let report = build::build(&inputs, previous.as_deref(), at, out)?;
    println!(
        "built in {:.1?}: {} bytes, {} advisories, {} lists, {} vulnerabilities, {} known exploited, {} EPSS",
        begin.elapsed(),
        report.bytes,
        report.info.advisories,
        report.spaces,
        report.vulnerabilities,
        report.known_exploited,
        report.epss
    );
    for feed in &report.feeds {
        println!(
            "  {:<15} {:>6} documents {:>7} advisories {:>4} withdrawn {:>5} left out  newest {}",
            feed.id,
            feed.documents,
            feed.advisories,
            feed.withdrawn,
            feed.skipped,
            feed.dated.map_or("unknown".to_owned(), |at| at.to_string())
        );
    }
    println!("  {} documents of no feed, {} problems", report.unknown_documents, report.problems.len());
    for problem in report.problems.iter().take(10) {
        println!("    {problem}");
    }

    let begin = Instant::now();
    let source = open(out)?;
    println!("opened in {:.0?}", begin.elapsed());
    let begin = Instant::now();
    index::open(out)?.verify()?;
    println!("verified whole in {:.1?}", begin.elapsed());
    let names = ["golang.org/x/net", "stdlib", "github.com/docker/docker", "nothing-of-this-name"];
    let space = Space::Language(Ecosystem::Go);
    let (begin, mut found) = (Instant::now(), 0);
    for name in names.iter().cycle().take(10_000) {
        found += source.advisories(&space, name)?.len();
    }
    println!("10000 look-ups in {:.1?} ({found} advisories)", begin.elapsed());
    Ok(())
}
