//! Writes random expressions and holds our answers against those of the API server's own libraries
//! (`scripts/peers/build-cel.sh`):
//!
//! ```text
//! cel-differential PEER [--seed N] [--count N] [--show N] [--words] [--costs]
//! ```
//!
//! An expression agrees when both give the same value, refuse it, or fail. `--words` also wants the same words and places of
//! refusals and failures, `--costs` the same cost: of random nonsense both differ now and then, and `KNOWN` says what else does.

#[allow(dead_code, reason = "each program uses its part")]
#[path = "../../tests/support/mod.rs"]
mod support;

#[allow(dead_code, reason = "each program uses its part")]
#[path = "../cel-corpus/peer.rs"]
mod peer;

mod templates;

use std::collections::BTreeMap;
use std::process::ExitCode;

use support::{Answer, Case};
use templates::TEMPLATES;

/// A small generator of random numbers: the same seed writes the same expressions everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % (bound.max(1) as u64)).expect("small")
    }
}

/// An expression of a type, which is a letter; now and then of another.
fn expression(random: &mut Random, of: char, depth: usize) -> String {
    let of = if random.below(60) == 0 { TEMPLATES[random.below(TEMPLATES.len())].0 } else { of };
    let (_, plain, made) = TEMPLATES.iter().find(|(name, _, _)| *name == of).expect("a type");
    let template = if depth == 0 || random.below(4) == 0 {
        plain[random.below(plain.len())]
    } else {
        made[random.below(made.len())]
    };
    let mut out = String::new();
    let mut letters = template.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '$' if letters.clone().next().is_some_and(|next| next.is_ascii_uppercase()) => {
                out.push_str(&expression(random, letters.next().expect("a type"), depth.saturating_sub(1)));
            }
            other => out.push(other),
        }
    }
    out
}

fn class(answer: &Answer) -> &'static str {
    match answer {
        Answer::Value(_) => "value",
        Answer::Refused(_) => "refused",
        Answer::Failed(_) => "failed",
        Answer::Nothing => "nothing",
    }
}

/// Words of what is known to differ: the peer's panics, keys that our maps do not have, and how closely `format` and the items of
/// lists are looked at before evaluation, which for types that are nowhere said depends on the order of functions there.
const KNOWN: &[&str] = &[
    "peer: ",
    "internal error",
    "invalid qualifier type",
    "unsupported key type",
    "unsupported comprehension range type",
    "cannot initialize optional",
    "error during formatting",
    "expected type '",
];

fn told(answer: &Answer) -> &str {
    match answer {
        Answer::Value(text) | Answer::Refused(text) | Answer::Failed(text) => text,
        Answer::Nothing => "",
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(peer) = args.first() else {
        eprintln!("usage: cel-differential PEER [--seed N] [--count N] [--show N] [--words] [--costs]");
        return ExitCode::from(64);
    };
    let option = |name: &str, default: u64| {
        let at = args.iter().position(|arg| arg == name);
        at.and_then(|at| args.get(at + 1)).map_or(default, |value| value.parse().expect("a number"))
    };
    let (seed, count, show) = (option("--seed", 1), option("--count", 5_000), option("--show", 20));
    let words = args.iter().any(|arg| arg == "--words");
    let costs = args.iter().any(|arg| arg == "--costs");
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let cases: Vec<Case> = (0..count)
        .map(|_| {
            let of = ['B', 'B', 'I', 'S', 'L', 'X', 'T', 'M', 'O', 'D'][random.below(10)];
            Case {
                line: 0,
                expression: expression(&mut random, of, 4),
                answer: Answer::Nothing,
                cost: None,
                vars: templates::VARIABLES.to_owned(),
                more: false,
                patch: false,
            }
        })
        .collect();
    let answers = peer::answers(peer, &cases);
    let mut kinds: BTreeMap<String, (u64, String)> = BTreeMap::new();
    let mut classes: BTreeMap<&str, u64> = BTreeMap::new();
    for (case, (theirs, cost)) in cases.iter().zip(&answers) {
        let (ours, our_cost) = support::ours(case);
        *classes.entry(class(theirs)).or_default() += 1;
        if KNOWN.iter().any(|known| told(theirs).contains(known) || told(&ours).contains(known)) {
            continue;
        }
        let same =
            support::agree(theirs, &ours) || (!words && class(theirs) != "value" && class(theirs) == class(&ours));
        let kind = if !same {
            format!("{} there, {} here", class(theirs), class(&ours))
        } else if costs && matches!(theirs, Answer::Value(_)) && *cost != our_cost {
            "costs".to_owned()
        } else {
            continue;
        };
        let text = format!("{}\n    peer {theirs:?} {cost:?}\n    ours {ours:?} {our_cost:?}", case.expression);
        let entry = kinds.entry(kind).or_insert((0, String::new()));
        entry.0 += 1;
        if entry.0 <= show {
            entry.1.push_str(&text);
            entry.1.push('\n');
        }
    }
    for (kind, (count, text)) in &kinds {
        println!("{count} × {kind}\n{text}");
    }
    let differ: u64 = kinds.values().map(|(count, _)| count).sum();
    println!("say: {count} random expressions ({classes:?} there): {differ} differ");
    if differ > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
