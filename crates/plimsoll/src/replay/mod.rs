//! `policy replay`: what another policy would have said of the reviews that a gate recorded. In: a record, a policy and, where
//! wanted, another one to compare with. Out: what would change, by workload and rule. It asks no network: what an image
//! holds is in the record, and what is not there is told.

mod judge;
mod lines;
mod tally;

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, bail};
use clap::Args;
use jiff::Timestamp;
use plimsoll_report::{Change, REPLAY_FORMATS, RenderOptions, Replay};

use crate::cli::{Global, parse_time};
use crate::commands;
use crate::exit::Exit;
use crate::serve::loaded::Loaded;
use crate::serve::recorder;
use crate::session::{DataChoice, Session, SessionOptions};
use judge::Judge;
use lines::Lines;
use tally::Tally;
pub use tally::{State, state};

/// Reviews that one thread takes at a time.
const CHUNK: usize = 64;
/// Version of the JSON: it rises when a field changes its meaning.
const SCHEMA_VERSION: u32 = 1;

#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Folders that `serve --record` wrote, or files of them
    #[arg(required = true, value_name = "RECORD")]
    pub records: Vec<PathBuf>,
    /// The policy that is tried
    #[arg(short, long, value_name = "FILE")]
    pub against: PathBuf,
    /// Compare with this policy instead of the recorded answers
    #[arg(long, value_name = "FILE")]
    pub in_force: Option<PathBuf>,
    /// Judge as of this time instead of the time of each review
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub at: Option<Timestamp>,
    /// End with 0 although reviews could not be judged
    #[arg(long)]
    pub ignore_unjudged: bool,
    /// How it is shown: table, json or html
    #[arg(short, long, default_value = "table", value_parser = formats())]
    pub format: String,
    /// Write it to this file
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Columns of the table
    #[arg(long, value_name = "COLUMNS")]
    pub width: Option<usize>,
}

fn formats() -> clap::builder::PossibleValuesParser {
    REPLAY_FORMATS
        .iter()
        .map(|format| clap::builder::PossibleValue::new(format.name).help(format.about))
        .collect::<Vec<_>>()
        .into()
}

pub fn run(global: &Global, args: &ReplayArgs) -> anyhow::Result<Exit> {
    let against = policy(&args.against)?;
    let in_force = args.in_force.as_deref().map(policy).transpose()?;
    let mut sum = Tally::default();
    for (number, file) in files(&args.records)?.iter().enumerate() {
        let bytes = lines::bytes(file)?;
        let read = Lines::of(number, &file.display().to_string(), &bytes);
        sum.add(judged(&read, &against, in_force.as_ref(), args.at));
        sum.unread(read.broken);
    }
    let notes = notes(&sum, args);
    if sum.reviews == 0 {
        bail!(
            "replay anything: there is no review in the record{}",
            notes.first().map_or_else(String::new, |n| format!(" ({n})"))
        );
    }
    let broken = sum.broken > 0;
    let replay = Replay {
        schema_version: SCHEMA_VERSION,
        tool: commands::tool(),
        against: against.session.policy_info(),
        in_force: in_force.as_ref().map(|loaded| loaded.session.policy_info()),
        reviews: sum.reviews,
        unchanged: sum.unchanged,
        first: sum.span.map(|(first, _)| first.to_string()),
        last: sum.span.map(|(_, last)| last.to_string()),
        changes: Change::ALL.into_iter().map(|change| (change, sum.count(change))).collect(),
        workloads: sum.rows(),
        notes,
    };
    show(global, args, &replay)?;
    Ok(exit(&replay, args.ignore_unjudged, broken))
}

/// The policy as a gate would load it, without databases: what they say of images is in the record.
fn policy(path: &Path) -> anyhow::Result<Loaded> {
    let options = SessionOptions {
        policy: Some(path.to_owned()),
        databases: DataChoice::Only(Vec::new()),
        quiet: true,
        ..SessionOptions::default()
    };
    Loaded::new(Session::open(&options)?, 1)
}

/// The files of the records, the oldest first within each folder.
fn files(records: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for record in records {
        if record.is_dir() {
            let found = recorder::files(record).with_context(|| format!("read {}", record.display()))?;
            if found.is_empty() {
                bail!("find a record in {}: there is no file reviews-*.jsonl", record.display());
            }
            files.extend(found);
        } else {
            files.push(record.clone());
        }
    }
    Ok(files)
}

/// All reviews of one file, by as many threads as there are cores.
fn judged(lines: &Lines<'_>, against: &Loaded, in_force: Option<&Loaded>, at: Option<Timestamp>) -> Tally {
    let judges: Vec<(Judge, Option<Judge>)> = lines
        .grounds
        .iter()
        .map(|ground| (Judge::new(against, ground), in_force.map(|loaded| Judge::new(loaded, ground))))
        .collect();
    let next = AtomicUsize::new(0);
    let whole = Mutex::new(Tally::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut tally = Tally::default();
                loop {
                    let from = next.fetch_add(CHUNK, Ordering::Relaxed);
                    let Some(chunk) = lines.reviews.get(from..lines.reviews.len().min(from + CHUNK)) else { break };
                    if chunk.is_empty() {
                        break;
                    }
                    for review in chunk {
                        // A fault of this program costs one review, which is told, and not the replay.
                        let judge = || {
                            let (against, in_force) = &judges[review.ground];
                            tally::compare(review.line, against, in_force.as_ref(), at)
                        };
                        let compared = std::panic::catch_unwind(std::panic::AssertUnwindSafe(judge));
                        match compared.unwrap_or_else(|_| Err("it made this program fail".into())) {
                            Ok(compared) => tally.take(compared),
                            Err(why) => tally.unread(HashMap::from([(why, (1, lines.place(review.number)))])),
                        }
                    }
                }
                whole.lock().unwrap_or_else(PoisonError::into_inner).add(tally);
            });
        }
    });
    whole.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// What bears on the whole.
fn notes(sum: &Tally, args: &ReplayArgs) -> Vec<String> {
    let mut notes = Vec::new();
    let mut faults: Vec<_> = sum.faults.iter().collect();
    faults.sort_by_key(|(_, (count, place))| (Reverse(*count), place));
    for (why, (count, place)) in faults {
        notes.push(format!("{count} lines of the record could not be used, the first is {place}: {why}"));
    }
    if sum.redacted > 0 {
        notes.push(format!(
            "{} reviews have values that were taken out before they were recorded: what a policy says of those very values, other \
             than the rules for secrets, cannot be told",
            sum.redacted
        ));
    }
    if sum.count(Change::NotJudged) > 0 && args.in_force.is_none() {
        notes.push(
            "an image is known to the record once a policy in force had it looked into; one that was decided by its name alone is not"
                .into(),
        );
    }
    notes
}

fn show(global: &Global, args: &ReplayArgs, replay: &Replay) -> anyhow::Result<()> {
    use std::io::IsTerminal as _;
    let format = REPLAY_FORMATS.iter().find(|format| format.name == args.format).context("find the format")?;
    let to_terminal = args.output.is_none() && std::io::stdout().is_terminal();
    let options = RenderOptions {
        colour: commands::coloured(global, to_terminal),
        width: commands::columns(args.width, to_terminal),
        ..RenderOptions::default()
    };
    commands::write_out(args.output.as_deref(), &(format.render)(replay, &options)?)
}

/// 1 when something is newly denied; 2 when that could not be told of something, or something would be refused because it
/// could not be told; else 0.
fn exit(replay: &Replay, ignore_unjudged: bool, broken: bool) -> Exit {
    let has = |change| replay.count(change) > 0;
    if has(Change::NewlyDenied) {
        return Exit::Denied;
    }
    let unjudged = (has(Change::NotJudged) || broken) && !ignore_unjudged;
    if has(Change::NewlyUndecided) || unjudged { Exit::Undecided } else { Exit::Allowed }
}
