//! Answers reviews without a policy, to try the protocol: reads one JSON object a line, `{"path": …, "body": …}`, where the
//! body is a review (or a string with its bytes), and prints one answer a line. Every image is allowed but those whose
//! name contains `bad`. `cargo run -p plimsoll-admission --example answer < requests.jsonl`

use std::io::{BufRead, Write};

use plimsoll_admission::{About, Asked, Decision, Envelope, Road, decide, read, refuse, render};
use plimsoll_model::loadline::Mode;
use plimsoll_model::{Effect, Outcome, Reason, ReasonCode, Verdict};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Line<'a> {
    path: String,
    #[serde(borrow)]
    body: &'a RawValue,
}

fn main() {
    let mut out = std::io::stdout().lock();
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let answer = line.map_err(|e| e.to_string()).and_then(|line| answer(&line));
        let written = match answer {
            Ok(bytes) => out.write_all(&bytes).and_then(|()| out.write_all(b"\n")),
            Err(error) => {
                eprintln!("line {}: {error}", number + 1);
                std::process::exit(2);
            }
        };
        if written.is_err() {
            return;
        }
    }
}

fn answer(line: &str) -> Result<Vec<u8>, String> {
    let line: Line<'_> = serde_json::from_str(line).map_err(|e| e.to_string())?;
    let road = match line.path.split('?').next().unwrap_or_default() {
        "/image_policy" | "/check-image" => Road::ImagePolicy,
        "/validate" => Road::Validate,
        "/mutate" => Road::Mutate,
        _ => Road::Any,
    };
    let text: Option<String> = serde_json::from_str(line.body.get()).ok();
    let body = text.as_deref().unwrap_or(line.body.get());
    let review = match read(road, body.as_bytes()) {
        Ok(review) => review,
        Err(error) => return Ok(render(&error.envelope.unwrap_or(Envelope::ImageReview), &refuse(&error.why))),
    };
    let verdicts: Vec<Verdict> = review.images.iter().map(|image| verdict(image.image.contains("bad"))).collect();
    let decisions: Vec<Decision<'_>> = review
        .images
        .iter()
        .zip(&verdicts)
        .map(|(image, verdict)| Decision { on: Asked::Image(image), verdict, digest: None, retry_after: None })
        .collect();
    let about = About { policy: "stub", policy_digest: "none", databases: "none", verdict_digest: "none".into() };
    Ok(render(&review.envelope, &decide(&review, &decisions, &about)))
}

fn verdict(bad: bool) -> Verdict {
    let outcome = if bad { Outcome::Denied } else { Outcome::Allowed };
    let reasons = if bad {
        vec![Reason {
            effect: Effect::Deny,
            code: ReasonCode::Refused,
            message: "its name contains `bad`".into(),
            clause: None,
            matches: Vec::new(),
            findings: Vec::new(),
            problems: Vec::new(),
        }]
    } else {
        Vec::new()
    };
    Verdict {
        outcome,
        mode: Mode::Enforce,
        effective: outcome,
        ruled_by: None,
        reasons,
        hidden: Vec::new(),
        unused: Vec::new(),
    }
}
