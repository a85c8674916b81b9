//! What is said on standard error. In: errors and problems. Out: text with the cause and the way out, safe for a terminal.

use std::error::Error;

use plimsoll_sources::{ClusterError, SourceError};

use crate::policies::Faults;

/// An error with its causes on one line, without saying the same words twice.
pub fn chain(error: &anyhow::Error) -> String {
    causes(error, Faults::one_line)
}

/// The same; the faults of policies each on a line of its own. Other words are on one line whatever is in them: they may quote names
/// that somebody else chose.
fn lines(error: &anyhow::Error) -> String {
    causes(error, Faults::lines)
}

fn causes(error: &anyhow::Error, told: fn(&Faults) -> String) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let words = match cause.downcast_ref::<Faults>() {
            Some(faults) => told(faults),
            None => plimsoll_report::safe(&cause.to_string()).into_owned(),
        };
        if !text.ends_with(&words) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&words);
        }
    }
    text
}

/// The hint that an error of the sources carries somewhere in its chain.
pub fn hint(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause: &(dyn Error + 'static)| {
        let of_source = cause.downcast_ref::<SourceError>().and_then(SourceError::hint);
        of_source.or_else(|| cause.downcast_ref::<ClusterError>().and_then(ClusterError::hint))
    })
}

/// Says why the command could not run, and the way out.
pub fn fail(error: &anyhow::Error) {
    // A policy's faults come with their own lines and excerpts.
    if let Some(policy) = error.chain().find_map(|cause| cause.downcast_ref::<plimsoll_policy::PolicyError>()) {
        eprintln!("{policy}");
        return;
    }
    eprintln!("plimsoll: could not {}", lines(error));
    if let Some(hint) = hint(error) {
        eprintln!("hint: {}", plimsoll_report::safe(&hint));
    }
}
