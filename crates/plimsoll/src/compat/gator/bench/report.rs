//! Results of measurements in gator's formats. In: results, or a comparison of them. Out: tables, JSON, YAML.

use std::fmt::Write as _;
use std::time::Duration;

use plimsoll_rego::value::{JsonStyle, Number, Value, YamlLayout, json_string};

use super::Results;
use super::compare::{Compared, Measure};
use crate::compat::safe_lines;
use crate::duration::written;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Table,
    Json,
    Yaml,
}

impl Format {
    pub fn named(name: &str) -> Result<Format, String> {
        match name.to_lowercase().as_str() {
            "" | "table" => Ok(Format::Table),
            "json" => Ok(Format::Json),
            "yaml" => Ok(Format::Yaml),
            _ => Err(format!("invalid output format: invalid output format: {name:?} (valid: table, json, yaml)")),
        }
    }
}

pub fn of(results: &[Results], format: Format) -> String {
    match format {
        Format::Table => {
            let mut tables: Vec<String> = results.iter().map(table).collect();
            if results.len() > 1 {
                tables.push(engines(results));
            }
            safe_lines(&tables.join("\n"))
        }
        Format::Json => json(&results.iter().map(fields).collect::<Vec<_>>()),
        Format::Yaml => yaml(&results.iter().map(fields).collect::<Vec<_>>()),
    }
}

/// A result's value: fields in their order, or whatever JSON has.
pub enum Tree {
    Plain(Value),
    Fields(Vec<(&'static str, Tree)>),
}

pub fn number(number: usize) -> Tree {
    Tree::Plain(Value::int(i64::try_from(number).unwrap_or(i64::MAX)))
}

pub fn float(number: f64) -> Tree {
    Tree::Plain(Value::Number(Number::from_f64(number)))
}

pub fn texts(texts: &[String]) -> Tree {
    Tree::Plain(Value::array(texts.iter().map(|text| Value::string(text.as_str())).collect()))
}

pub fn durations(named: &[(&'static str, Duration)], show: impl Fn(Duration) -> Value) -> Tree {
    Tree::Fields(named.iter().map(|(name, length)| (*name, Tree::Plain(show(*length)))).collect())
}

pub fn phases(results: &Results) -> [(&'static str, Duration); 4] {
    let phases = &results.phases;
    [
        ("clientCreation", phases.client),
        ("templateCompilation", phases.templates),
        ("constraintLoading", phases.constraints),
        ("dataLoading", phases.data),
    ]
}

pub fn latencies(results: &Results) -> [(&'static str, Duration); 6] {
    let of = &results.latencies;
    [("min", of.min), ("max", of.max), ("mean", of.mean), ("p50", of.p50), ("p95", of.p95), ("p99", of.p99)]
}

fn fields(results: &Results) -> Vec<(&'static str, Tree)> {
    let show = |length: Duration| Value::string(written(length));
    let mut fields = vec![
        ("engine", Tree::Plain(Value::string(results.engine.as_str()))),
        ("templateCount", number(results.templates)),
        ("constraintCount", number(results.constraints)),
        ("objectCount", number(results.objects)),
        ("iterations", number(results.iterations)),
        ("concurrency", number(results.concurrency)),
        ("totalReviews", number(results.iterations * results.objects)),
        ("setupDuration", Tree::Plain(show(results.setup))),
        ("setupBreakdown", durations(&phases(results), show)),
        ("totalDuration", Tree::Plain(show(results.total))),
        ("latencies", durations(&latencies(results), show)),
        ("violationCount", number(results.violations)),
        ("reviewsPerSecond", float(results.per_second)),
    ];
    for (name, skipped) in
        [("skippedTemplates", &results.skipped_templates), ("skippedConstraints", &results.skipped_constraints)]
    {
        if !skipped.is_empty() {
            fields.push((name, texts(skipped)));
        }
    }
    fields.push(("referentialDataSupported", Tree::Plain(Value::Bool(results.referential))));
    fields
}

/// A list of objects, as `json.MarshalIndent` lays it out.
pub fn json(list: &[Vec<(&'static str, Tree)>]) -> String {
    fn object(out: &mut String, fields: &[(&'static str, Tree)], prefix: &str) {
        let inner = format!("{prefix}  ");
        out.push('{');
        for (at, (name, tree)) in fields.iter().enumerate() {
            let _ = write!(out, "{}\n{inner}", if at > 0 { "," } else { "" });
            json_string(out, name, true);
            out.push_str(": ");
            match tree {
                Tree::Fields(fields) => object(out, fields, &inner),
                Tree::Plain(value) => {
                    value.write_json(out, &JsonStyle { escape_html: true, indent: Some((&inner, "  ")) });
                }
            }
        }
        let _ = write!(out, "\n{prefix}}}");
    }
    let mut out = String::from("[");
    for (at, fields) in list.iter().enumerate() {
        out.push_str(if at > 0 { ",\n  " } else { "\n  " });
        object(&mut out, fields, "  ");
    }
    out.push_str("\n]");
    out
}

fn yaml(list: &[Vec<(&'static str, Tree)>]) -> String {
    fn write(out: &mut String, fields: &[(&'static str, Tree)], column: usize, first: &str) {
        let layout = YamlLayout { indent: 4, flush_lists: false };
        for (at, (name, tree)) in fields.iter().enumerate() {
            let first = if at == 0 { first } else { "" };
            let _ = write!(out, "{}{first}{name}:", " ".repeat(column.saturating_sub(first.len())));
            match tree {
                Tree::Plain(value) => value.write_yaml_field(out, column, layout),
                Tree::Fields(fields) => {
                    out.push('\n');
                    write(out, fields, layout.deeper(column), "");
                }
            }
        }
    }
    let mut out = String::new();
    list.iter().for_each(|fields| write(&mut out, fields, 2, "- "));
    out
}

fn table(results: &Results) -> String {
    let mut rows = String::from("Configuration:\n");
    let row = |rows: &mut String, name: &str, value: &str| {
        let _ = writeln!(rows, "  {name}:\t{value}");
    };
    let counts = [
        ("Templates", results.templates),
        ("Constraints", results.constraints),
        ("Objects", results.objects),
        ("Iterations", results.iterations),
        ("Concurrency", results.concurrency),
        ("Total Reviews", results.iterations * results.objects),
    ];
    for (name, count) in counts.into_iter().filter(|(name, count)| *name != "Concurrency" || *count > 1) {
        row(&mut rows, name, &count.to_string());
    }
    rows.push('\n');
    let skipped =
        [("Skipped Templates", &results.skipped_templates), ("Skipped Constraints", &results.skipped_constraints)];
    if skipped.iter().any(|(_, names)| !names.is_empty()) {
        rows.push_str("Warnings:\n");
        for (name, names) in skipped.iter().filter(|(_, names)| !names.is_empty()) {
            row(&mut rows, name, &format!("{} ({})", names.len(), names.join(", ")));
        }
        rows.push('\n');
    }
    if !results.referential {
        rows.push_str("Note:\n");
        row(&mut rows, "Referential Data", &format!("Not supported by {} engine", results.engine));
        rows.push_str("  \t(Referential constraints cannot be exercised with this engine)\n\n");
    }
    rows.push_str("Timing:\n");
    row(&mut rows, "Setup Duration", &shown(results.setup));
    let names = ["Client Creation", "Template Compilation", "Constraint Loading", "Data Loading"];
    for (name, (_, length)) in names.iter().zip(phases(results)) {
        row(&mut rows, &format!("  └─ {name}"), &shown(length));
    }
    row(&mut rows, "Total Duration", &shown(results.total));
    row(&mut rows, "Throughput", &format!("{:.2} reviews/sec", results.per_second));
    rows.push_str("\nLatency (per review):\n");
    for (name, (_, length)) in ["Min", "Max", "Mean", "P50", "P95", "P99"].iter().zip(latencies(results)) {
        row(&mut rows, name, &shown(length));
    }
    rows.push_str("\nResults:\n");
    row(&mut rows, "Violations Found", &results.violations.to_string());
    format!("=== Benchmark Results: {} Engine ===\n\n{}", results.engine.to_uppercase(), aligned(&rows))
}

/// Engines beside one another.
fn engines(results: &[Results]) -> String {
    let mut rows = String::new();
    let mut row = |name: &str, cell: &dyn Fn(&Results) -> String| {
        let cells: String = results.iter().map(|results| format!("\t{}", cell(results))).collect();
        let _ = writeln!(rows, "{name}{cells}");
    };
    row("Metric", &|results| results.engine.to_uppercase());
    row("------", &|_| "------".into());
    row("Templates", &|results| results.templates.to_string());
    row("Constraints", &|results| results.constraints.to_string());
    row("Setup Time", &|results| shown(results.setup));
    row("Throughput", &|results| format!("{:.2}/sec", results.per_second));
    row("Mean Latency", &|results| shown(results.latencies.mean));
    row("P95 Latency", &|results| shown(results.latencies.p95));
    row("P99 Latency", &|results| shown(results.latencies.p99));
    row("Violations", &|results| results.violations.to_string());
    let mut text = format!("=== Engine Comparison ===\n\n{}", aligned(&rows));
    if let [one, other] = results {
        let (fast, slow) = if one.per_second >= other.per_second { (one, other) } else { (other, one) };
        let names = [fast, slow].map(|results| results.engine.to_uppercase());
        let _ = match fast.per_second > slow.per_second {
            true => {
                let ratio = fast.per_second / slow.per_second;
                writeln!(text, "\nPerformance: {} is {ratio:.2}x faster than {}", names[0], names[1])
            }
            false => writeln!(text, "\nPerformance: Both engines have similar throughput"),
        };
    }
    text
}

/// Results beside those that were kept.
pub fn comparison(compared: &[Compared], threshold: f64) -> String {
    let tables = compared.iter().map(|compared| {
        let mut rows =
            String::from("Metric\tBaseline\tCurrent\tDelta\tStatus\n------\t--------\t-------\t-----\t------\n");
        for metric in &compared.metrics {
            let show = |value: f64| match metric.measure {
                Measure::Time => shown(Duration::from_nanos(value as u64)),
                Measure::PerSecond => format!("{value:.2}/sec"),
            };
            let status = if metric.passed { "✓" } else { "✗ REGRESSION" };
            let (name, baseline, current) = (metric.name, show(metric.baseline), show(metric.current));
            let _ = writeln!(rows, "{name}\t{baseline}\t{current}\t{:+.1}%\t{status}", metric.delta);
        }
        let failed: Vec<&str> =
            compared.metrics.iter().filter(|metric| !metric.passed).map(|metric| metric.name).collect();
        let verdict = match failed.is_empty() {
            true => "✓ No significant regressions".to_owned(),
            false => format!("✗ Regressions detected in: {}", failed.join(", ")),
        };
        let engine = compared.engine.to_uppercase();
        let rows = aligned(&rows);
        format!("=== Baseline Comparison: {engine} Engine ===\n\n{rows}\n{verdict} (threshold: {threshold:.1}%)\n")
    });
    safe_lines(&tables.collect::<Vec<_>>().join("\n"))
}

/// A time, in the unit that it is read best in.
fn shown(length: Duration) -> String {
    let nanoseconds = length.as_nanos();
    match nanoseconds {
        0..1_000 => format!("{nanoseconds}ns"),
        1_000..1_000_000 => format!("{:.2}µs", nanoseconds as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2}ms", nanoseconds as f64 / 1e6),
        _ => format!("{:.3}s", length.as_secs_f64()),
    }
}

/// Lines whose cells end with tabs, each column of consecutive lines as wide as its widest cell and two more, as Go's
/// `text/tabwriter` lays them out.
fn aligned(text: &str) -> String {
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    let width = |cell: &str| cell.chars().count();
    let mut widths: Vec<Vec<usize>> = lines.iter().map(|cells| vec![0; cells.len() - 1]).collect();
    let columns = widths.iter().map(Vec::len).max().unwrap_or(0);
    for column in 0..columns {
        let mut at = 0;
        while at < lines.len() {
            let block = widths.iter().skip(at).take_while(|widths| widths.len() > column).count();
            let lines = lines.iter().skip(at).take(block);
            let widest = lines.filter_map(|cells| cells.get(column)).map(|cell| width(cell) + 2).max().unwrap_or(0);
            for widths in widths.iter_mut().skip(at).take(block) {
                if let Some(place) = widths.get_mut(column) {
                    *place = widest;
                }
            }
            at += block + 1;
        }
    }
    let mut out = String::new();
    for (cells, widths) in lines.iter().zip(&widths) {
        for (column, cell) in cells.iter().enumerate() {
            out.push_str(cell);
            if let Some(wanted) = widths.get(column) {
                out.push_str(&" ".repeat(wanted.saturating_sub(width(cell))));
            }
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_consecutive_lines_are_as_wide_as_their_widest_cell() {
        let text = "a\tb\tc\nlonger\tx\nno cells\n  µ:\t1\n  \t(2)\n";
        assert_eq!(aligned(text), "a       b  c\nlonger  x\nno cells\n  µ:  1\n      (2)\n");
    }

    #[test]
    fn times_are_shown_in_the_unit_that_fits() {
        let of = |nanoseconds| shown(Duration::from_nanos(nanoseconds));
        assert_eq!([of(7), of(1_500), of(2_345_678), of(1_234_567_890)], ["7ns", "1.50µs", "2.35ms", "1.235s"]);
    }

    #[test]
    fn results_have_gators_fields() {
        let results = Results {
            engine: "cel".into(),
            templates: 1,
            objects: 2,
            iterations: 3,
            concurrency: 1,
            skipped_templates: vec!["a<b".into()],
            per_second: 1.5,
            ..Results::default()
        };
        let json = of(std::slice::from_ref(&results), Format::Json);
        assert!(json.starts_with("[\n  {\n    \"engine\": \"cel\",\n    \"templateCount\": 1,\n"), "{json}");
        assert!(json.contains("    \"latencies\": {\n      \"min\": \"0s\",\n"), "{json}");
        assert!(json.contains("\"skippedTemplates\": [\n      \"a\\u003cb\"\n    ],\n"), "{json}");
        assert!(json.ends_with("    \"referentialDataSupported\": false\n  }\n]"), "{json}");
        let yaml = of(std::slice::from_ref(&results), Format::Yaml);
        assert!(yaml.starts_with("- engine: cel\n  templateCount: 1\n"), "{yaml}");
        assert!(
            yaml.contains("  totalReviews: 6\n  setupDuration: 0s\n  setupBreakdown:\n    clientCreation: 0s\n"),
            "{yaml}"
        );
        let table = of(&[results.clone(), results], Format::Table);
        assert!(
            table
                .contains("  Skipped Templates:  1 (a<b)\n\nNote:\n  Referential Data:  Not supported by cel engine\n"),
            "{table}"
        );
        assert!(table.ends_with("\nPerformance: Both engines have similar throughput\n"), "{table}");
    }
}
