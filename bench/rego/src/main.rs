//! Measures plimsoll-rego beside regorus (interpreter and VM) and the real OPA:
//!
//! ```text
//! plimsoll-bench-rego PEER GATEKEEPER-LIBRARY
//! ```
//!
//! All decide the same policies over the same parsed documents, one after another on one core; each figure is the best of
//! several rounds. Prints the table of docs/performance.md. OPA is measured by its own Go program (e2e/opa/cmd/peer) in a loop
//! over a prepared query.

mod allocations;
mod documents;
mod peer;
mod regorus_side;
mod templates;

use std::path::Path;
use std::time::{Duration, Instant};

use plimsoll_rego::ast::Language;
use plimsoll_rego::engine::{Builder, Policy, Query};
use plimsoll_rego::eval::RunOptions;
use plimsoll_rego::parse;
use plimsoll_rego::value::Value;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// A policy, what is asked of it, and over what.
struct Task {
    name: String,
    module: &'static str,
    rule: &'static str,
    input: String,
    data: String,
}

/// Seconds of one call: the best of several rounds of about a tenth of a second.
fn best(mut call: impl FnMut() -> Outcome<()>) -> Outcome<f64> {
    call()?;
    let started = Instant::now();
    call()?;
    let one = started.elapsed().max(Duration::from_nanos(100));
    let times = (0.1 / one.as_secs_f64()).clamp(1.0, 1e6) as u32;
    let mut best = f64::MAX;
    for _ in 0..7 {
        let started = Instant::now();
        for _ in 0..times {
            call()?;
        }
        best = best.min(started.elapsed().as_secs_f64() / f64::from(times));
    }
    Ok(best)
}

fn policy(modules: &[(String, String)], v0: bool) -> Outcome<Policy> {
    let language = if v0 { Language::V0 } else { Language::V1 };
    let builder = Builder::new().parse_options(parse::Options::of(language));
    Ok(modules.iter().fold(builder, |builder, (name, text)| builder.module(name, text)).build()?)
}

fn query(task: &Task) -> Outcome<Query> {
    Ok(policy(&[("p.rego".into(), task.module.into())], true)?.query(task.rule)?)
}

struct Figures {
    ours: f64,
    ours_allocations: u64,
    interpreter: f64,
    interpreter_allocations: u64,
    vm: Option<f64>,
    opa: f64,
    opa_allocations: f64,
}

fn measured(task: &Task, opa: &mut peer::Peer) -> Outcome<Figures> {
    let query = query(task)?;
    let input = Value::from_json(task.input.as_bytes())?;
    let data = Value::from_json(task.data.as_bytes())?;
    let options = RunOptions::default();
    let run = || -> Outcome<Value> {
        let outcome = query.run_with(Some(&input), &data, &options)?;
        let value = outcome.solutions.first().and_then(|solution| solution.expressions.first());
        Ok(value.map(|value| value.value.clone()).ok_or("undefined")?)
    };
    let value = run()?.to_string();
    let ours = best(|| run().map(drop))?;
    let ours_allocations = allocations::of(|| run().map(drop))?;

    let mut interpreter = regorus_side::Interpreter::new(task)?;
    interpreter.run()?;
    let interpreter_seconds = best(|| interpreter.run().map(drop))?;
    let interpreter_allocations = allocations::of(|| interpreter.run().map(drop))?;
    let vm = match regorus_side::Vm::new(task) {
        Ok(mut vm) => Some(best(|| vm.run().map(drop))?),
        Err(error) => {
            eprintln!("{}: regorus's VM: {error}", task.name);
            None
        }
    };

    let reply = opa.bench(task)?;
    if reply.value != value {
        return Err(format!("{}: ours is {value}, OPA's {}", task.name, reply.value).into());
    }
    Ok(Figures {
        ours,
        ours_allocations,
        interpreter: interpreter_seconds,
        interpreter_allocations,
        vm,
        opa: reply.seconds,
        opa_allocations: reply.allocations,
    })
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.2} µs", s * 1e6),
        s if s < 1.0 => format!("{:.2} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

fn row(name: &str, figures: &Figures) {
    let times = |seconds: f64| format!("{} ({:.1}×)", time(seconds), seconds / figures.ours);
    println!(
        "| {name} | {} | {} | {} | {} | {} / {} / {:.0} |",
        time(figures.ours),
        times(figures.interpreter),
        figures.vm.map_or_else(|| "–".into(), times),
        times(figures.opa),
        figures.ours_allocations,
        figures.interpreter_allocations,
        figures.opa_allocations,
    );
}

fn run(program: &str, library: &Path) -> Outcome<()> {
    let mut opa = peer::Peer::start(program)?;
    println!("| one evaluation | plimsoll-rego | regorus | its VM | OPA | allocations: ours / regorus / OPA |");
    println!("|---|---:|---:|---:|---:|---:|");
    for task in documents::tasks() {
        row(&task.name, &measured(&task, &mut opa)?);
    }

    let templates = templates::all(library)?;
    let load = || -> Outcome<()> {
        for template in &templates {
            std::hint::black_box(policy(&template.modules, template.v0)?);
        }
        Ok(())
    };
    let ours = best(load)?;
    let theirs = best(|| {
        // What it refuses it has read all the same.
        templates.iter().for_each(|template| drop(std::hint::black_box(regorus_side::loaded(template))));
        Ok(())
    })?;
    let opa = opa.load(&templates)?;
    println!();
    println!(
        "Parsed, checked and compiled, the {} templates of gatekeeper-library: {}, regorus {}, OPA {}.",
        templates.len(),
        time(ours),
        time(theirs),
        time(opa)
    );
    Ok(())
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [program, library] = arguments.as_slice() else {
        eprintln!("usage: plimsoll-bench-rego PEER GATEKEEPER-LIBRARY");
        std::process::exit(64);
    };
    if let Err(error) = run(program, Path::new(library)) {
        eprintln!("{error}");
        std::process::exit(2);
    }
}
