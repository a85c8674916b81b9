//! Our own answer to a question: parsed, compiled and evaluated by this crate. What panics is an answer too, a wrong one.

use super::ask::{Answer, Ask};

pub fn answer(ask: &Ask) -> Answer {
    let _ = ask;
    Answer::refused("not_yet", "the stages are not joined yet")
}
