//! `db`: databases fetched, built, shown and carried. In: flags. Out: files below the cache folder, each replaced whole or
//! not at all.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use plimsoll_advisories::database::{self, build, index, transfer};
use plimsoll_model::{DatabaseInfo, DatabaseKind};

use crate::cli::{DbCommand, Global, ReachArgs};
use crate::dirs;
use crate::exit::Exit;
use crate::progress::Meter;
use crate::session::{SessionOptions, machine_databases};

/// Where Trivy publishes its database, tried in this order.
const REPOSITORIES: [&str; 2] = ["mirror.gcr.io/aquasec/trivy-db:2", "ghcr.io/aquasecurity/trivy-db:2"];

/// A file that is being checked is written once and then read: after an hour its process is gone.
const ABANDONED: std::time::Duration = std::time::Duration::from_secs(3600);

pub fn run(global: &Global, command: &DbCommand) -> anyhow::Result<Exit> {
    let cache = dirs::cache(global.cache_dir.as_deref());
    match command {
        DbCommand::Update { repository, reach } => {
            let options = SessionOptions {
                cache_dir: global.cache_dir.clone(),
                quiet: global.quiet,
                ..SessionOptions::default()
            };
            update(repository, reach, &options)?;
        }
        DbCommand::Build { feeds, output, at } => {
            let out = output.clone().unwrap_or_else(|| dirs::index(&cache));
            built(feeds, &out, at.unwrap_or_else(jiff::Timestamp::now), global.quiet)?;
        }
        DbCommand::Status { verify, db } => return status(&cache, db, *verify),
        DbCommand::Export { file } => {
            let Some(path) = machine_databases(&cache).into_iter().next() else {
                bail!("export a database: there is none on this machine; `plimsoll db update` fetches one")
            };
            let info = transfer::export(&path, file)?;
            println!("wrote {} ({})", file.display(), words(&info));
        }
        DbCommand::Import { file } => {
            let info = import(file, &cache)?;
            println!("took over {} ({})", file.display(), words(&info));
        }
    }
    Ok(Exit::Allowed)
}

/// Fetches the database from the first repository that gives a whole one. What is there already is not fetched again.
pub fn update(repositories: &[String], reach: &ReachArgs, options: &SessionOptions) -> anyhow::Result<()> {
    let cache = dirs::cache(options.cache_dir.as_deref());
    let names: Vec<String> =
        if repositories.is_empty() { REPOSITORIES.map(str::to_owned).to_vec() } else { repositories.to_vec() };
    let folder = dirs::databases(&cache);
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    sweep(&folder);
    let fetched_from = folder.join("fetched");
    let known = known(&fetched_from, &cache);
    let download = folder.join("download");
    let meter = Meter::new(options.quiet, "database");
    let taken = std::cell::RefCell::new(None);
    let check = |path: &Path| {
        let info = import(path, &cache).map_err(|error| crate::message::chain(&error))?;
        taken.replace(Some(info));
        Ok(())
    };
    let artifact = crate::reach::database(&names, &download, known.as_ref(), &check, reach, (&cache, &meter))?;
    meter.finish();
    // The import took what it needs out of it.
    let _ = std::fs::remove_file(&download);
    let taken = taken.into_inner();
    if let Some(info) = &taken {
        std::fs::write(&fetched_from, format!("{} {}\n", artifact.digest, info.digest))
            .with_context(|| format!("write {}", fetched_from.display()))?;
    }
    if !options.quiet {
        match taken {
            Some(info) => println!("{} from {} ({})", info.name, artifact.reference, words(&info)),
            None => println!("the newest of {} is here already", artifact.reference),
        }
    }
    Ok(())
}

/// Takes away what killed updates left, once nobody can be writing to it any more.
fn sweep(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(".tmp")) {
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|at| at.elapsed().ok());
        if age.is_some_and(|age| age > ABANDONED) {
            // What cannot be removed costs room, not the update.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// The manifest digest of what was fetched last, if what came of it is still what lies here: not removed since, damaged,
/// or replaced by an import or a build.
fn known(fetched_from: &Path, cache: &Path) -> Option<plimsoll_model::Digest> {
    let text = std::fs::read_to_string(fetched_from).ok()?;
    let (manifest, content) = text.trim().split_once(' ')?;
    let is_it = |path: &PathBuf| database::open(path).is_ok_and(|database| database.info().digest == content);
    machine_databases(cache).iter().any(is_it).then(|| manifest.parse().ok())?
}

/// Checks the file whole, then puts it where its kind belongs.
fn import(file: &Path, cache: &Path) -> anyhow::Result<DatabaseInfo> {
    std::fs::create_dir_all(dirs::databases(cache))
        .with_context(|| format!("make {}", dirs::databases(cache).display()))?;
    let mut head = Vec::new();
    {
        use std::io::Read;
        let opened = std::fs::File::open(file).with_context(|| format!("open {}", file.display()))?;
        opened.take(64).read_to_end(&mut head).with_context(|| format!("read {}", file.display()))?;
    }
    let to = if index::looks_like(&head) { dirs::index(cache) } else { dirs::trivy(cache) };
    Ok(transfer::import(file, &to)?)
}

fn built(feeds: &[PathBuf], out: &Path, at: jiff::Timestamp, quiet: bool) -> anyhow::Result<()> {
    if let Some(folder) = out.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    // A broken old index must not stop a new one: only its dates are lost, and that is said.
    let previous = build::previous(out).unwrap_or_else(|error| {
        eprintln!("plimsoll: the dates of the old index are lost: could not {error}");
        None
    });
    let inputs: Vec<&Path> = feeds.iter().map(PathBuf::as_path).collect();
    let report = build::build(&inputs, previous.as_deref(), at, out)?;
    for problem in &report.problems {
        eprintln!("plimsoll: could not {}", plimsoll_report::safe(&problem.to_string()));
    }
    if quiet {
        return Ok(());
    }
    println!("{} ({})", out.display(), words(&report.info));
    for feed in report.feeds.iter().filter(|feed| feed.documents > 0) {
        println!(
            "  {:14} {:>7} documents  {:>8} advisories  {:>5} withdrawn  {:>5} skipped",
            feed.id, feed.documents, feed.advisories, feed.withdrawn, feed.skipped
        );
    }
    println!(
        "  {} vulnerabilities, {} known exploited, {} EPSS scores, {} lists, {:.1} MB",
        report.vulnerabilities,
        report.known_exploited,
        report.epss,
        report.spaces,
        report.bytes as f64 / 1e6
    );
    if report.unknown_documents > 0 {
        println!("  {} documents that no feed knows were passed over", report.unknown_documents);
    }
    Ok(())
}

fn status(cache: &Path, named: &[PathBuf], verify: bool) -> anyhow::Result<Exit> {
    let paths = if named.is_empty() { machine_databases(cache) } else { named.to_vec() };
    let mut broken = false;
    for path in &paths {
        match opened(path, verify) {
            Ok(info) => println!("{}\n  {}\n  {}", path.display(), words(&info), info.digest),
            Err(error) => {
                broken = true;
                println!("{}\n  broken: could not {}", path.display(), crate::message::chain(&error));
            }
        }
    }
    let baseline = database::baseline().info();
    println!("embedded baseline\n  {}", words(&baseline));
    if paths.is_empty() {
        println!(
            "\nno database on this machine: with the baseline alone a verdict is never better than \"could not tell\""
        );
        println!("plimsoll db update fetches one; plimsoll db import FILE takes one over");
    }
    Ok(if broken { Exit::Undecided } else { Exit::Allowed })
}

fn opened(path: &Path, verify: bool) -> anyhow::Result<DatabaseInfo> {
    let info = database::open(path)?.info();
    if verify {
        transfer::verify(path)?;
    }
    Ok(info)
}

/// Size and date of a database in words.
pub(super) fn words(info: &DatabaseInfo) -> String {
    let built =
        info.built.map_or_else(|| "date unknown".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string());
    match info.kind {
        // Counting them would read the whole file.
        DatabaseKind::Trivy => format!("Trivy's database, {built}"),
        _ => format!("{} advisories, {built}", info.advisories),
    }
}
