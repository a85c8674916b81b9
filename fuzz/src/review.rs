//! Admission reviews. In: any bytes. Out: nothing; the laws of answers are asserted. What it does not do: judge; the
//! verdicts are made up from the images' texts, so that every kind of them comes up.

use plimsoll_admission::{About, Answer, Asked, Decision, Envelope, Review, Road, decide, pin, read, refuse, render};
use plimsoll_model::loadline::Mode;
use plimsoll_model::{Effect, Outcome, Reason, ReasonCode, Verdict};

const DIGEST: &str = "sha256:abababababababababababababababababababababababababababababababab";

/// Reads the bytes by every road and answers them.
pub fn answered(data: &[u8]) {
    for road in [Road::ImagePolicy, Road::Validate, Road::Mutate, Road::Any] {
        match read(road, data) {
            Ok(review) => {
                let verdicts: Vec<Verdict> = review.images.iter().map(|image| verdict(&image.image)).collect();
                let bad = verdicts.iter().any(|verdict| verdict.effective != Outcome::Allowed);
                let all = decided(&review, &verdicts);
                assert_eq!(all.allowed, !bad, "{verdicts:?}");
                shown(&review.envelope, &all);
                shown(&review.envelope, &pin(&review, &vec![Some(DIGEST); review.images.len()], &[]));
                if let Some(left_out) = verdicts.len().checked_sub(1) {
                    let fewer = decided(&review, &verdicts[..left_out]);
                    assert!(!fewer.allowed || review.envelope.mutating(), "an image was left unjudged");
                    shown(&review.envelope, &fewer);
                }
            }
            Err(error) => {
                assert!(!error.why.is_empty(), "a refusal without words");
                if let Some(envelope) = &error.envelope {
                    shown(envelope, &refuse(&error.why));
                }
            }
        }
    }
}

fn decided(review: &Review, verdicts: &[Verdict]) -> Answer {
    let decisions: Vec<Decision<'_>> = review
        .images
        .iter()
        .zip(verdicts)
        .map(|(image, verdict)| Decision {
            on: Asked::Image(image),
            verdict,
            digest: Some(DIGEST),
            retry_after: (image.image.len() % 5 == 0).then_some(5),
        })
        .collect();
    let about = About { policy: "fuzz", policy_digest: DIGEST, databases: "none", verdict_digest: DIGEST.into() };
    decide(review, &decisions, &about)
}

/// The answer parses and says what was decided.
fn shown(envelope: &Envelope, answer: &Answer) {
    let bytes = render(envelope, answer);
    let value: serde_json::Value = serde_json::from_slice(&bytes).expect("an answer is JSON");
    let place = if *envelope == Envelope::ImageReview { "/status/allowed" } else { "/response/allowed" };
    assert_eq!(value.pointer(place), Some(&serde_json::Value::Bool(answer.allowed)));
    let words = answer.warnings.iter().chain(answer.audit.values()).chain([&answer.message]);
    assert!(words.flat_map(|text| text.chars()).all(|c| !c.is_control()), "a control character is shown");
}

/// A verdict that depends on the text alone.
fn verdict(text: &str) -> Verdict {
    let sum = text.bytes().fold(0u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    let (effect, outcome) = match sum % 4 {
        0 => (Effect::Info, Outcome::Allowed),
        1 => (Effect::Warn, Outcome::Allowed),
        2 => (Effect::Undecided, Outcome::Undecided),
        _ => (Effect::Deny, Outcome::Denied),
    };
    let mode = [Mode::Enforce, Mode::Warn, Mode::Audit][usize::from(sum / 4 % 3)];
    let code = [ReasonCode::Policy, ReasonCode::BreakGlass, ReasonCode::Vulnerability][usize::from(sum / 12 % 3)];
    let reason = Reason {
        effect,
        code,
        message: text.to_owned(),
        clause: None,
        matches: Vec::new(),
        findings: Vec::new(),
        problems: Vec::new(),
    };
    let effective = if mode == Mode::Enforce { outcome } else { Outcome::Allowed };
    Verdict { outcome, mode, effective, ruled_by: None, reasons: vec![reason], hidden: Vec::new(), unused: Vec::new() }
}
