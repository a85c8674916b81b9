//! Results that are kept, and others held against them. In: results and a file. Out: the file's content, what it holds, and
//! by how much each figure is another, in gator's measure.

use std::path::Path;
use std::time::Duration;

use plimsoll_gatekeeper::json;
use plimsoll_rego::value::{JsonLimits, Value, YamlLayout};

use super::report::{self, Tree};
use super::{Latencies, Results};
use crate::rego::load;

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Nanoseconds: more is worse.
    Time,
    /// Less is worse.
    PerSecond,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    pub name: &'static str,
    pub measure: Measure,
    pub baseline: f64,
    pub current: f64,
    /// In percent of the baseline.
    pub delta: f64,
    pub passed: bool,
}

/// One engine's results beside those that were kept.
#[derive(Debug)]
pub struct Compared {
    pub engine: String,
    pub metrics: Vec<Metric>,
}

impl Compared {
    pub fn passed(&self) -> bool {
        self.metrics.iter().all(|metric| metric.passed)
    }
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// Results as they are kept: JSON, or YAML where the file's name says so; times are nanoseconds.
pub fn saved(results: &[Results], path: &Path) -> String {
    let nanoseconds = |length: Duration| Value::int(i64::try_from(length.as_nanos()).unwrap_or(i64::MAX));
    let fields = |results: &Results| -> Vec<(&'static str, Tree)> {
        let skipped = |name, names: &[String]| (!names.is_empty()).then(|| (name, report::texts(names)));
        let one = |name, tree| Some((name, tree));
        let all = [
            one("engine", Tree::Plain(Value::string(results.engine.as_str()))),
            one("templateCount", report::number(results.templates)),
            skipped("skippedTemplates", &results.skipped_templates),
            one("constraintCount", report::number(results.constraints)),
            skipped("skippedConstraints", &results.skipped_constraints),
            one("referentialDataSupported", Tree::Plain(Value::Bool(results.referential))),
            one("objectCount", report::number(results.objects)),
            one("iterations", report::number(results.iterations)),
            one("concurrency", report::number(results.concurrency)),
            one("setupDuration", Tree::Plain(nanoseconds(results.setup))),
            one("setupBreakdown", report::durations(&report::phases(results), nanoseconds)),
            one("totalDuration", Tree::Plain(nanoseconds(results.total))),
            one("latencies", report::durations(&report::latencies(results), nanoseconds)),
            one("violationCount", report::number(results.violations)),
            one("reviewsPerSecond", report::float(results.per_second)),
        ];
        all.into_iter().flatten().collect()
    };
    let json = report::json(&results.iter().map(fields).collect::<Vec<_>>());
    match is_yaml(path).then(|| Value::from_json(json.as_bytes())) {
        Some(Ok(value)) => value.to_yaml(YamlLayout { indent: 2, flush_lists: true }),
        _ => json,
    }
}

/// Results that were kept.
///
/// # Errors
/// The file cannot be read, or is none.
pub fn baseline(path: &Path) -> Result<Vec<Results>, String> {
    let content =
        load::bytes(path).map_err(|fault| format!("reading baseline from {}: {}", path.display(), fault.text()))?;
    let wrong = |why: String| format!("unmarshaling baseline: {why}");
    let value = match is_yaml(path) {
        true => Value::from_yaml(&content, &JsonLimits::default()).map_err(|error| wrong(error.to_string()))?,
        false => Value::from_json(&content).map_err(|error| wrong(error.to_string()))?,
    };
    let Value::Array(array) = &value else {
        let have = value.type_name();
        return Err(wrong(format!("json: cannot unmarshal {have} into Go value of type []bench.Results")));
    };
    array.items().iter().map(|one| read(one).map_err(wrong)).collect()
}

fn read(value: &Value) -> Result<Results, String> {
    let number = |path: &[&str]| match json::at(value, path) {
        None | Some(Value::Null) => Ok(0.0),
        Some(Value::Number(number)) => Ok(number.as_f64()),
        Some(other) => {
            let (have, field) = (other.type_name(), path.join("."));
            Err(format!("json: cannot unmarshal {have} into Go struct field Results.{field} of type time.Duration"))
        }
    };
    let time = |name: &str| number(&["latencies", name]).map(|number| Duration::from_nanos(number as u64));
    Ok(Results {
        engine: json::text(value, &["engine"]).to_owned(),
        latencies: Latencies {
            min: time("min")?,
            max: time("max")?,
            mean: time("mean")?,
            p50: time("p50")?,
            p95: time("p95")?,
            p99: time("p99")?,
        },
        per_second: number(&["reviewsPerSecond"])?,
        ..Results::default()
    })
}

/// The engines that stand in both. What is worse by no more than the threshold, or by less than `least`, has passed.
pub fn compared(baseline: &[Results], current: &[Results], threshold: f64, least: Duration) -> Vec<Compared> {
    let both = current.iter().filter_map(|current| {
        let baseline = baseline.iter().rev().find(|baseline| baseline.engine == current.engine)?;
        Some(compare(baseline, current, threshold, least))
    });
    both.collect()
}

fn compare(baseline: &Results, current: &Results, threshold: f64, least: Duration) -> Compared {
    let (before, after) = (&baseline.latencies, &current.latencies);
    let times = [
        ("P50 Latency", before.p50, after.p50),
        ("P95 Latency", before.p95, after.p95),
        ("P99 Latency", before.p99, after.p99),
        ("Mean Latency", before.mean, after.mean),
    ];
    let mut metrics: Vec<Metric> = times
        .into_iter()
        .map(|(name, before, after)| {
            let (baseline, current) = (before.as_nanos() as f64, after.as_nanos() as f64);
            let delta = delta(baseline, current);
            let passed = delta <= threshold || after.saturating_sub(before) < least;
            Metric { name, measure: Measure::Time, baseline, current, delta, passed }
        })
        .collect();
    let (before, after) = (baseline.per_second, current.per_second);
    let delta = delta(before, after);
    // As much less as the least difference of the mean time would make.
    let mean = baseline.latencies.mean.as_nanos() as f64;
    let tolerated = if mean > 0.0 { before * least.as_nanos() as f64 / mean } else { 0.0 };
    let passed = -delta <= threshold || before - after < tolerated;
    let measure = Measure::PerSecond;
    metrics.push(Metric { name: "Throughput", measure, baseline: before, current: after, delta, passed });
    Compared { engine: current.engine.clone(), metrics }
}

/// From nothing to something counts as a hundred.
fn delta(baseline: f64, current: f64) -> f64 {
    match baseline == 0.0 {
        true if current == 0.0 => 0.0,
        true => 100.0,
        false => (current - baseline) / baseline * 100.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(micros: u64, per_second: f64) -> Results {
        let time = Duration::from_micros(micros);
        let latencies = Latencies { min: time, max: time, mean: time, p50: time, p95: time, p99: time };
        Results { engine: "rego".into(), latencies, per_second, ..Results::default() }
    }

    #[test]
    fn what_is_slower_by_more_than_both_thresholds_has_not_passed() {
        let passed = |micros, per_second, least| {
            let compared =
                compared(&[results(100, 1000.0)], &[results(micros, per_second)], 10.0, Duration::from_micros(least));
            compared[0].metrics.iter().map(|metric| metric.passed).collect::<Vec<_>>()
        };
        assert_eq!(passed(110, 900.0, 0), [true; 5]);
        assert_eq!(passed(111, 1000.0, 0), [false, false, false, false, true]);
        assert_eq!(passed(111, 899.0, 20), [true; 5]);
        assert_eq!(passed(50, 700.0, 20), [true, true, true, true, false]);
        assert!(compared(&[], &[results(1, 1.0)], 10.0, Duration::ZERO).is_empty());
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.json", "a.yaml", "a"] {
            let path = folder.path().join(name);
            let kept = saved(&[results(123, 4.5)], &path);
            assert_eq!(kept.starts_with('['), name != "a.yaml", "{kept}");
            std::fs::write(&path, kept).unwrap();
            let read = &baseline(&path).unwrap()[0];
            assert_eq!((read.engine.as_str(), read.latencies.p99.as_micros(), read.per_second), ("rego", 123, 4.5));
        }
        let bad = folder.path().join("bad.json");
        std::fs::write(&bad, "[{\"latencies\": {\"p50\": \"fast\"}}]").unwrap();
        assert!(
            baseline(&bad).unwrap_err().contains("cannot unmarshal string into Go struct field Results.latencies.p50")
        );
    }
}
