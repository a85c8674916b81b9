//! Colours of a terminal. In: text that was already made safe and cut to width. Out: the same between ANSI SGR codes, or
//! untouched when colours are off. Colour never carries meaning alone: words and symbols stand beside it.

use plimsoll_model::{Effect, Outcome, Severity};

/// What a piece of text is; each has one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    Plain,
    Strong,
    Faint,
    Good,
    Bad,
    /// White on red: what must not be overlooked.
    Alarm,
    Doubt,
    Warn,
    Link,
}

impl Ink {
    fn code(self) -> &'static str {
        match self {
            Ink::Plain => "",
            Ink::Strong => "1",
            Ink::Faint => "2",
            Ink::Good => "1;32",
            Ink::Bad => "1;31",
            Ink::Alarm => "1;97;41",
            Ink::Doubt => "1;35",
            Ink::Warn => "33",
            Ink::Link => "36",
        }
    }
}

/// Paints or does not.
#[derive(Debug, Clone, Copy)]
pub struct Painter {
    pub on: bool,
}

impl Painter {
    pub fn paint(self, ink: Ink, text: &str) -> String {
        if !self.on || ink == Ink::Plain || text.is_empty() {
            text.to_owned()
        } else {
            format!("\u{1b}[{}m{text}\u{1b}[0m", ink.code())
        }
    }
}

pub fn severity_ink(severity: Severity) -> Ink {
    match severity {
        Severity::Critical => Ink::Alarm,
        Severity::High => Ink::Bad,
        Severity::Medium => Ink::Warn,
        Severity::Low => Ink::Link,
        Severity::Unknown => Ink::Faint,
    }
}

pub fn outcome_ink(outcome: Outcome) -> Ink {
    match outcome {
        Outcome::Allowed => Ink::Good,
        Outcome::Undecided => Ink::Doubt,
        Outcome::Denied => Ink::Bad,
    }
}

pub fn effect_ink(effect: Effect) -> Ink {
    match effect {
        Effect::Deny => Ink::Bad,
        Effect::Undecided => Ink::Doubt,
        Effect::Warn => Ink::Warn,
        Effect::Info => Ink::Faint,
    }
}

/// One sign per effect, told apart without colour.
pub fn effect_sign(effect: Effect) -> &'static str {
    match effect {
        Effect::Deny => "✗",
        Effect::Undecided => "?",
        Effect::Warn => "!",
        Effect::Info => "·",
    }
}

pub fn outcome_sign(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Allowed => "✓",
        Outcome::Undecided => "?",
        Outcome::Denied => "✗",
    }
}
