//! `gator bench`. In: templates, constraints and objects. Out: how long a review takes, by engine; results that are kept, and
//! compared with those that were. Allocations are not counted.

mod compare;
mod report;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use plimsoll_gatekeeper::{
    Document, Fault, FaultKind, Inventory, Options, Outcome, Review, ReviewOptions, Set, Source, constraint, json,
    template,
};

use super::test::POINT;
use super::{below, flags, options, print, read, say};
use crate::exit::Exit;

/// Rounds below which the slowest hundredth says little.
const FEW: i64 = 1000;
/// Reviews whose times are kept.
const MAX_REVIEWS: usize = 50_000_000;
/// Threads at once.
const MAX_THREADS: i64 = 1000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    Rego,
    Cel,
}

impl Engine {
    fn word(self) -> &'static str {
        match self {
            Engine::Rego => "rego",
            Engine::Cel => "cel",
        }
    }

    /// Whether a template has code for it.
    fn speaks(self, document: &Document) -> bool {
        let targets = json::items(json::at(document.value(), &["spec", "targets"]));
        let block = |engine: &str| {
            let blocks = targets.iter().flat_map(|target| json::items(json::field(target, "code")));
            blocks.into_iter().any(|block| json::text(block, &["engine"]) == engine)
        };
        match self {
            Engine::Rego => {
                targets.iter().any(|target| !json::text(target, &["rego"]).is_empty()) || block(template::REGO)
            }
            Engine::Cel => block(template::NATIVE),
        }
    }
}

/// What one engine's run gave.
#[derive(Debug, Clone, Default)]
struct Results {
    engine: String,
    templates: usize,
    constraints: usize,
    objects: usize,
    iterations: usize,
    concurrency: usize,
    skipped_templates: Vec<String>,
    skipped_constraints: Vec<String>,
    /// Policies see the other objects.
    referential: bool,
    setup: Duration,
    phases: Phases,
    total: Duration,
    latencies: Latencies,
    violations: usize,
    per_second: f64,
}

/// The parts of the setup.
#[derive(Debug, Clone, Default)]
struct Phases {
    client: Duration,
    templates: Duration,
    constraints: Duration,
    data: Duration,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Latencies {
    min: Duration,
    max: Duration,
    mean: Duration,
    p50: Duration,
    p95: Duration,
    p99: Duration,
}

/// What is given, by its kind.
#[derive(Default)]
struct Given {
    templates: Vec<Document>,
    constraints: Vec<Document>,
    objects: Vec<Document>,
}

pub fn run(asked: &flags::Bench) -> Result<Exit, String> {
    let engines: &[Engine] = match asked.engine.to_lowercase().as_str() {
        "rego" => &[Engine::Rego],
        "cel" => &[Engine::Cel],
        "all" => &[Engine::Rego, Engine::Cel],
        _ => {
            let engine = &asked.engine;
            return Err(format!("invalid engine: invalid engine {engine:?} (valid: rego, cel, all)"));
        }
    };
    let format = report::Format::named(&asked.output)?;
    let least = least(&asked.min_threshold)?;
    check(asked)?;
    if asked.warmup > asked.iterations {
        let (warmup, iterations) = (asked.warmup, asked.iterations);
        say(&format!("Warning: warmup ({warmup}) exceeds iterations ({iterations}). Consider reducing warmup.\n"));
    }
    if let Some(path) = &asked.compare {
        std::fs::metadata(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => format!("baseline file does not exist: {}", path.display()),
            _ => format!("cannot access baseline file: {error}"),
        })?;
    }
    let results = measured(asked, engines).map_err(|why| format!("benchmark failed: {why}"))?;
    print(&report::of(&results, format))?;
    if let Some(path) = &asked.save {
        let failed = |error| format!("saving results: writing results to {}: {error}", path.display());
        std::fs::write(path, compare::saved(&results, path)).map_err(failed)?;
        say(&format!("\nResults saved to: {}", path.display()));
    }
    let Some(path) = &asked.compare else { return Ok(Exit::Allowed) };
    let baseline = compare::baseline(path).map_err(|why| format!("loading baseline: {why}"))?;
    let compared = compare::compared(&baseline, &results, asked.threshold, least);
    if compared.is_empty() {
        say("\nWarning: No matching engines found for comparison");
        return Ok(Exit::Allowed);
    }
    print(&format!("\n{}", report::comparison(&compared, asked.threshold)))?;
    let passed = compared.iter().all(compare::Compared::passed);
    Ok(if passed { Exit::Allowed } else { super::FAILURE })
}

/// What the flags may not be.
fn check(asked: &flags::Bench) -> Result<(), String> {
    let wrong = [
        (asked.memory, "--memory is not spoken here: allocations are not counted"),
        (asked.stats, "--stats is not spoken here; `gator test --stats` says how long each template took"),
        (asked.filename.is_empty() && asked.image.is_empty(), "at least one --filename or --image must be specified"),
        (asked.iterations <= 0, "iterations must be positive"),
        (asked.warmup < 0, "warmup must be non-negative"),
        (asked.threshold.is_nan() || asked.threshold < 0.0, "threshold must be non-negative"),
        (asked.concurrency < 1, "concurrency must be at least 1"),
        (asked.concurrency > MAX_THREADS, "concurrency must be at most 1000 here"),
    ];
    wrong.iter().find(|(wrong, _)| *wrong).map_or(Ok(()), |(_, words)| Err((*words).to_owned()))
}

/// A duration of Go's, which may have a sign.
fn least(text: &str) -> Result<Duration, String> {
    let magnitude = text.trim_start_matches(['+', '-']);
    let length = if magnitude == "0" { Some(Duration::ZERO) } else { crate::duration::read(magnitude) };
    match length {
        None => {
            let why = format!("time: invalid duration {text:?}");
            Err(format!("invalid argument {text:?} for \"--min-threshold\" flag: {why}"))
        }
        Some(length) if text.starts_with('-') && !length.is_zero() => Err("min-threshold must be non-negative".into()),
        Some(length) => Ok(length),
    }
}

fn measured(asked: &flags::Bench, engines: &[Engine]) -> Result<Vec<Results>, String> {
    if asked.iterations < FEW {
        let iterations = asked.iterations;
        say(&format!(
            "Warning: {iterations} iterations may not provide statistically meaningful P99 metrics. Consider using at least {FEW} iterations.\n"
        ));
    }
    let documents =
        read::sources(&asked.filename, &asked.image).map_err(|unread| format!("reading sources: {}", unread.all()))?;
    if documents.is_empty() {
        return Err("no input data identified".into());
    }
    let mut given = Given::default();
    for document in documents {
        match () {
            () if template::is_template(&document) => given.templates.push(document),
            () if constraint::is_constraint(&document) => given.constraints.push(document),
            () => given.objects.push(document),
        }
    }
    for (missing, what) in [
        (given.templates.is_empty(), "no ConstraintTemplates found in input"),
        (given.constraints.is_empty(), "no Constraints found in input"),
        (given.objects.is_empty(), "no objects to review found in input"),
    ] {
        if missing {
            return Err(what.into());
        }
    }
    let (mut results, mut warnings) = (Vec::new(), Vec::new());
    for engine in engines {
        match (bench(*engine, &given, asked), engines) {
            (Ok(result), _) => results.push(result),
            (Err(why), [_]) => return Err(format!("benchmarking {}: {why}", engine.word())),
            (Err(why), _) => warnings.push(format!("{}: {why}", engine.word())),
        }
    }
    if results.is_empty() {
        return Err(format!("no engines could process the templates: [{}]", warnings.join(" ")));
    }
    for warning in warnings {
        say(&format!("Warning: Engine skipped - {warning}"));
    }
    Ok(results)
}

fn bench(engine: Engine, given: &Given, asked: &flags::Bench) -> Result<Results, String> {
    let iterations = usize::try_from(asked.iterations).unwrap_or(usize::MAX);
    let count = iterations.saturating_mul(given.objects.len());
    if count > MAX_REVIEWS {
        return Err(format!("more than {MAX_REVIEWS} reviews"));
    }
    let mut results = Results {
        engine: engine.word().into(),
        objects: given.objects.len(),
        iterations,
        concurrency: usize::try_from(asked.concurrency).unwrap_or(1),
        referential: engine == Engine::Rego,
        ..Results::default()
    };
    let set = set_up(engine, given, &mut results)?;
    for _ in 0..asked.warmup {
        for object in &given.objects {
            review(&set, object)?;
        }
    }
    let began = Instant::now();
    let (mut times, violations) = timed(&set, &given.objects, count, results.concurrency)?;
    results.total = began.elapsed();
    results.violations = violations;
    results.latencies = Latencies::of(&mut times);
    results.per_second = count as f64 / results.total.as_secs_f64().max(f64::MIN_POSITIVE);
    Ok(results)
}

/// Loads what the engine speaks, and says how long that took.
fn set_up(engine: Engine, given: &Given, results: &mut Results) -> Result<Set, String> {
    let began = Instant::now();
    let native = flags::Native {
        enable_k8s_native_validation: engine == Engine::Cel,
        default_k8s_native_validation_failure_policy: "Fail".into(),
    };
    let options = options(&native, false, false)?;
    let name = |document: &Document| document.name().to_owned();
    let (templates, skipped): (Vec<&Document>, Vec<&Document>) =
        given.templates.iter().partition(|document| engine.speaks(document));
    results.skipped_templates = skipped.into_iter().map(name).collect();
    results.templates = templates.len();
    if templates.is_empty() {
        let (engine, all) = (engine.word(), given.templates.len());
        return Err(format!("no templates compatible with {engine} engine (all {all} templates skipped)"));
    }
    results.phases.client = began.elapsed();
    // Templates alone, to know what they take; then all at once.
    let mut documents: Vec<Document> = templates.into_iter().cloned().collect();
    let (alone, of_templates) = load(&documents, &options)?;
    let kinds: HashSet<&str> = alone.templates().iter().map(|one| &*one.kind).collect();
    let of_template = |document: &&Document| kinds.contains(document.kind());
    let (constraints, skipped): (Vec<&Document>, Vec<&Document>) = given.constraints.iter().partition(of_template);
    results.skipped_constraints = skipped.into_iter().map(name).collect();
    results.constraints = constraints.len();
    if constraints.is_empty() {
        let all = given.constraints.len();
        return Err(format!("no constraints loaded (all {all} constraints skipped due to missing templates)"));
    }
    documents.extend(constraints.into_iter().cloned());
    let (set, of_all) = load(&documents, &options)?;
    let began = Instant::now();
    let mut inventory = Inventory::default();
    for document in given.objects.iter().filter(|_| results.referential) {
        inventory.add(document).map_err(|fault| {
            format!("adding data {:?}: {}{}", document.name(), fault.message.trim_end(), below(&fault))
        })?;
    }
    let set = set.with_inventory(inventory);
    results.phases.data = began.elapsed();
    results.phases.templates = of_templates;
    results.phases.constraints = of_all.saturating_sub(of_templates);
    results.setup = results.phases.client + of_all.max(of_templates) + results.phases.data;
    Ok(set)
}

fn load(documents: &[Document], options: &Options) -> Result<(Set, Duration), String> {
    let began = Instant::now();
    let set = Set::load(documents, options).map_err(|faults| faults.first().map(refused).unwrap_or_default())?;
    Ok((set, began.elapsed()))
}

fn refused(fault: &Fault) -> String {
    let name = fault.subject.split_once(' ').map_or("", |(_, name)| name);
    let words = match fault.kind {
        FaultKind::Template if fault.message.starts_with("adding template: ") => {
            format!("converting template {name:?}: {}", fault.message)
        }
        FaultKind::Template => format!("adding template {name:?}: {}", fault.message),
        _ => format!("adding constraint {name:?}: {}", fault.message),
    };
    format!("{}{}", words.trim_end(), below(fault))
}

/// One review, and how many violations it found.
///
/// # Errors
/// A constraint could not tell: what is measured would be no judgement.
fn review(set: &Set, object: &Document) -> Result<(Duration, usize), String> {
    let options = ReviewOptions { point: Some(POINT), world: crate::rego::world(), ..ReviewOptions::default() };
    let began = Instant::now();
    let found = set.review_with(&Review::of_object(object.value(), Source::Original), &options, None);
    let took = began.elapsed();
    match found.iter().find(|one| matches!(one.outcome, Outcome::Undecided { .. })) {
        Some(doubt) => Err(format!("reviewing {:?}: {}", object.name(), doubt.outcome.message())),
        None => Ok((took, found.len())),
    }
}

/// So many reviews of the objects, one after another, by so many threads.
fn timed(set: &Set, objects: &[Document], count: usize, threads: usize) -> Result<(Vec<Duration>, usize), String> {
    let next = AtomicUsize::new(0);
    let work = || {
        let (mut times, mut violations) = (Vec::new(), 0);
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(object) = objects.get(at % objects.len().max(1)).filter(|_| at < count) else { break };
            let (took, found) = review(set, object)?;
            times.push(took);
            violations += found;
        }
        Ok((times, violations))
    };
    if threads <= 1 {
        return work();
    }
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.min(count)).map(|_| scope.spawn(work)).collect();
        let mut all = (Vec::new(), 0);
        for worker in workers {
            let (times, violations) = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            all.0.extend(times);
            all.1 += violations;
        }
        Ok(all)
    })
}

impl Latencies {
    fn of(times: &mut [Duration]) -> Latencies {
        times.sort_unstable();
        let (Some(min), Some(max)) = (times.first().copied(), times.last().copied()) else {
            return Latencies::default();
        };
        let total: Duration = times.iter().sum();
        let count = u32::try_from(times.len()).unwrap_or(u32::MAX);
        // Between the two nearest ranks.
        let percentile = |percent: f64| {
            let rank = percent / 100.0 * (times.len() - 1) as f64;
            let lower = rank as usize;
            let (Some(below), Some(above)) = (times.get(lower), times.get(lower + 1)) else { return max };
            let weight = rank - lower as f64;
            let nanoseconds = below.as_nanos() as f64 * (1.0 - weight) + above.as_nanos() as f64 * weight;
            Duration::from_nanos(nanoseconds as u64)
        };
        Latencies { min, max, mean: total / count, p50: percentile(50.0), p95: percentile(95.0), p99: percentile(99.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_lie_between_the_nearest_ranks() {
        let mut times: Vec<Duration> = (1..=100).rev().map(Duration::from_micros).collect();
        let of = Latencies::of(&mut times);
        let nanos = [of.min, of.max, of.mean, of.p50, of.p95, of.p99].map(|time| time.as_nanos());
        assert_eq!(nanos, [1_000, 100_000, 50_500, 50_500, 95_050, 99_010]);
        assert_eq!(Latencies::of(&mut [Duration::from_nanos(7)]).p99.as_nanos(), 7);
        assert_eq!(Latencies::of(&mut []), Latencies::default());
    }

    #[test]
    fn the_least_difference_is_a_duration_of_gos() {
        assert_eq!(least("1ms"), Ok(Duration::from_millis(1)));
        assert_eq!(least("0"), Ok(Duration::ZERO));
        assert_eq!(least("-1s"), Err("min-threshold must be non-negative".into()));
        assert!(least("soon").is_err());
    }
}
