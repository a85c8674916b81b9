//! One line an event. In: a level, a message and fields. Out: JSON or `key=value` text on standard error, whole lines in
//! the order they were written. What it does not do: decide what is secret; callers give no secrets.

use std::io::Write;

use jiff::Timestamp;
use serde_json::Value;

use crate::cli::{LogFormat, LogLevel};

/// Where the server's lines go and which of them.
#[derive(Debug, Clone, Copy)]
pub struct Log {
    pub format: LogFormat,
    pub level: LogLevel,
}

impl Log {
    /// Whether lines of `level` are written.
    pub fn speaks(&self, level: LogLevel) -> bool {
        level <= self.level
    }

    pub fn error(&self, message: &str, fields: &[(&str, Value)]) {
        self.line(LogLevel::Error, message, fields);
    }

    pub fn warn(&self, message: &str, fields: &[(&str, Value)]) {
        self.line(LogLevel::Warn, message, fields);
    }

    pub fn info(&self, message: &str, fields: &[(&str, Value)]) {
        self.line(LogLevel::Info, message, fields);
    }

    pub fn debug(&self, message: &str, fields: &[(&str, Value)]) {
        self.line(LogLevel::Debug, message, fields);
    }

    fn line(&self, level: LogLevel, message: &str, fields: &[(&str, Value)]) {
        if !self.speaks(level) {
            return;
        }
        let line = written(self.format, Timestamp::now(), level, message, fields);
        // A log that nobody takes must not stop the gate.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

/// The longest text of a field, in bytes: the words of a refusal, and more than any name that Kubernetes takes.
const MAX_TEXT: usize = 2048;

/// The value with its texts cut: whoever may ask chooses names of a megabyte.
fn bounded(value: &Value) -> Value {
    match value {
        Value::String(text) if text.len() > MAX_TEXT => {
            let most = (0..=MAX_TEXT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            format!("{}…", &text[..most]).into()
        }
        Value::Array(items) => items.iter().map(bounded).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), bounded(value))).collect(),
        other => other.clone(),
    }
}

/// The line with its end. Control characters are escaped in both forms, so that one event stays one line.
fn written(format: LogFormat, at: Timestamp, level: LogLevel, message: &str, fields: &[(&str, Value)]) -> String {
    let at = at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
    let mut line = match format {
        LogFormat::Json => {
            // In the order in which a person reads it; a map would sort the keys.
            let mut line =
                format!("{{\"time\":\"{at}\",\"level\":\"{}\",\"msg\":{}", level.word(), Value::from(message));
            for (key, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                line += &format!(",\"{key}\":{}", bounded(value));
            }
            line.push('}');
            line
        }
        LogFormat::Text => {
            let mut line = format!("{at} {:5} {message}", level.word());
            for (key, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                let shown = match bounded(value) {
                    Value::String(text) if plain(&text) => text,
                    other => other.to_string(),
                };
                line += &format!(" {key}={shown}");
            }
            plimsoll_report::safe(&line).into_owned()
        }
    };
    line.push('\n');
    line
}

/// Needs no quotes.
fn plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_in_both_forms() {
        let at = "2026-11-28T12:00:00.5Z".parse().unwrap();
        let fields =
            [("image", "a\nb".into()), ("allowed", false.into()), ("none", Value::Null), ("plain", "x".into())];
        let json = written(LogFormat::Json, at, LogLevel::Warn, "denied", &fields);
        assert_eq!(json.matches('\n').count(), 1);
        let read: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["time"], "2026-11-28T12:00:00.500Z");
        assert_eq!(read["image"], "a\nb");
        assert!(read.get("none").is_none());
        let text = written(LogFormat::Text, at, LogLevel::Warn, "denied", &fields);
        assert_eq!(text, "2026-11-28T12:00:00.500Z warn  denied image=\"a\\nb\" allowed=false plain=x\n");
    }
}
