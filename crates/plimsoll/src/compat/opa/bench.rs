//! `opa bench`. In: a query and what it is asked of. Out: how long one evaluation takes, over about a second of them.
//!
//! `B/op` are the bytes of values made, as the engine's meter counts them; allocations are not counted.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::check::Errors;
use super::eval::{self, Ready, Wanted, run_options};
use super::flags::{Bench, Target, TestFormat};
use super::{FAILURE, complain, print, table};
use crate::exit::Exit;
use crate::rego::fault::{self, Fault};

/// How long one measurement goes on.
const TIME: Duration = Duration::from_secs(1);
/// Samples that are kept for the percentiles.
const MAX_SAMPLES: usize = 1 << 22;

/// Go's fields of a benchmark's result.
#[derive(Serialize)]
struct Measured {
    #[serde(rename = "N")]
    rounds: u64,
    #[serde(rename = "T")]
    nanoseconds: u64,
    #[serde(rename = "Bytes")]
    bytes: u64,
    #[serde(rename = "MemBytes")]
    memory: u64,
    #[serde(rename = "Extra")]
    extra: BTreeMap<String, f64>,
}

pub fn run(bench: &Bench) -> Exit {
    if bench.e2e || bench.partial {
        return complain("--e2e and --partial are not spoken here", FAILURE);
    }
    if bench.target == Target::Wasm {
        return complain("WebAssembly (--target wasm) is not spoken here", FAILURE);
    }
    let wanted = Wanted { schema: bench.schema.as_deref(), ..Wanted::default() };
    let ready = match eval::ready(&bench.query, &bench.paths, &bench.dialect, &wanted) {
        Ok(ready) => ready,
        Err(faults) => return refuse(bench, &faults),
    };
    for _ in 0..bench.count.max(1) {
        let measured = match measure(bench, &ready) {
            Ok(measured) => measured,
            Err(fault) => return refuse(bench, &[fault]),
        };
        let printed = print(&shown(bench, &measured));
        if printed != Exit::Allowed {
            return printed;
        }
    }
    Exit::Allowed
}

fn refuse(bench: &Bench, faults: &[Fault]) -> Exit {
    match bench.format {
        TestFormat::Json => complain(crate::rego::json::pretty(&Errors { errors: faults }).trim_end(), FAILURE),
        _ => complain(&fault::text(faults), FAILURE),
    }
}

fn measure(bench: &Bench, ready: &Ready) -> Result<Measured, Fault> {
    let mut samples: Vec<u64> = Vec::new();
    let (mut rounds, mut total, mut memory) = (0u64, Duration::ZERO, 0u64);
    while total < TIME {
        let options = run_options(None, false, &ready.program);
        let began = Instant::now();
        let outcome = ready.prepared.run(ready.input.as_ref(), &ready.data, &options);
        let taken = began.elapsed();
        let outcome = outcome.map_err(|error| Fault::evaluation(&error, &ready.sources))?;
        if outcome.solutions.is_empty() && bench.fail {
            return Err(Fault::plain("undefined result"));
        }
        total += taken;
        rounds += 1;
        memory += outcome.metrics.memory;
        if samples.len() < MAX_SAMPLES {
            samples.push(u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX));
        }
    }
    let nanoseconds = u64::try_from(total.as_nanos()).unwrap_or(u64::MAX);
    let extra = if bench.metrics { histogram(samples) } else { BTreeMap::new() };
    Ok(Measured { rounds, nanoseconds, bytes: 0, memory, extra })
}

fn histogram(mut samples: Vec<u64>) -> BTreeMap<String, f64> {
    samples.sort_unstable();
    let count = samples.len() as f64;
    let rank = |share: f64| {
        let at = ((count * share).ceil() as usize).clamp(1, samples.len()) - 1;
        samples.get(at).copied().unwrap_or_default() as f64
    };
    let mean = samples.iter().map(|sample| *sample as f64).sum::<f64>() / count;
    let spread = samples.iter().map(|sample| (*sample as f64 - mean).powi(2)).sum::<f64>() / count;
    let figures = [
        ("75%", rank(0.75)),
        ("90%", rank(0.9)),
        ("95%", rank(0.95)),
        ("99%", rank(0.99)),
        ("99.9%", rank(0.999)),
        ("99.99%", rank(0.9999)),
        ("count", count),
        ("max", rank(1.0)),
        ("mean", mean),
        ("median", rank(0.5)),
        ("min", rank(0.0)),
        ("stddev", spread.sqrt()),
    ];
    figures.into_iter().map(|(name, value)| (format!("histogram_timer_rego_query_eval_ns_{name}"), value)).collect()
}

fn shown(bench: &Bench, measured: &Measured) -> String {
    let each = measured.nanoseconds / measured.rounds.max(1);
    let bytes = measured.memory / measured.rounds.max(1);
    match bench.format {
        TestFormat::Json => crate::rego::json::pretty(measured),
        TestFormat::Gobench => {
            let extra: String = measured.extra.iter().map(|(name, value)| format!("\t{value:>10.0} {name}")).collect();
            let memory = if bench.benchmem { format!("\t{bytes:>8} B/op") } else { String::new() };
            format!("BenchmarkOPAEval\t{:>8}\t{each:>10} ns/op{extra}{memory}\n", measured.rounds)
        }
        TestFormat::Pretty => {
            let mut rows = vec![
                vec!["samples".to_owned(), measured.rounds.to_string()],
                vec!["ns/op".to_owned(), each.to_string()],
            ];
            if bench.benchmem {
                rows.push(vec!["B/op".to_owned(), bytes.to_string()]);
            }
            rows.extend(measured.extra.iter().map(|(name, value)| vec![name.clone(), format!("{value:.0}")]));
            table::draw_figures(&rows)
        }
    }
}
