//! Holds files of small programs against the real OPA:
//!
//! ```text
//! corpus PEER FILE…            what the files record is what the peer says: codes, rows, messages, values
//! corpus --record PEER FILE…   writes down what the peer says
//! ```
//!
//! That our own answers are the recorded ones is a test of the crate.

#[allow(dead_code, unused_imports, reason = "each program uses its part")]
#[path = "../../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;

use support::ask::{Answer, Ask};
use support::{cases, peer::Peer};

/// Errors at one place come in any order.
fn in_order(mut answer: Answer) -> Answer {
    if let Answer::Errors(problems) = &mut answer {
        problems.sort();
    }
    answer
}

fn checked(peer: &mut Peer, file: &str, record: bool) -> Result<usize, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let read = cases::read(&text).map_err(|error| format!("{file}: {error}"))?;
    let asks: Vec<Ask> = read.list.iter().map(|case| case.ask.clone()).collect();
    let answers = peer.ask(&asks).map_err(|error| format!("{file}: {error}"))?;
    if record {
        std::fs::write(file, cases::write(&read, &answers)).map_err(|error| format!("{file}: {error}"))?;
    }
    let mut wrong = 0;
    let mut refused = 0;
    for (case, answer) in read.list.iter().zip(&answers) {
        refused += usize::from(!answer.codes().is_empty());
        if !record && case.want.clone().map(in_order) != Some(in_order(answer.clone())) {
            wrong += 1;
            let recorded = case.want.as_ref().map_or_else(|| "nothing".into(), ToString::to_string);
            println!("{file}:{}: {}\n recorded:\n{recorded}\n the peer says:\n{answer}", case.row, case.name);
        }
    }
    println!("say: {file}: {} programs, {refused} of them refused", answers.len());
    Ok(wrong)
}

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let record = arguments.first().is_some_and(|first| first == "--record");
    if record {
        arguments.remove(0);
    }
    let [program, files @ ..] = arguments.as_slice() else {
        println!("usage: corpus [--record] PEER FILE…");
        return ExitCode::from(64);
    };
    let checked = Peer::start(program)
        .map_err(|error| format!("{program}: {error}"))
        .and_then(|mut peer| files.iter().try_fold(0, |wrong, file| Ok(wrong + checked(&mut peer, file, record)?)));
    match checked {
        Ok(0) => ExitCode::SUCCESS,
        Ok(wrong) => {
            println!("{wrong} programs are recorded otherwise than the peer answers");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("{error}");
            ExitCode::from(2)
        }
    }
}
