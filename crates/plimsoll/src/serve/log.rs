//! One line an event. In: a level, a message and fields. Out: JSON or `key=value` text on standard error, whole lines in
//! the order they were written. What it does not do: decide what is secret; callers give no secrets.

use std::borrow::Cow;
use std::io::Write;
use std::sync::{Condvar, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

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

    pub fn error(&self, message: &str, fields: &[(&str, Field<'_>)]) {
        self.line(LogLevel::Error, message, fields);
    }

    pub fn warn(&self, message: &str, fields: &[(&str, Field<'_>)]) {
        self.line(LogLevel::Warn, message, fields);
    }

    pub fn info(&self, message: &str, fields: &[(&str, Field<'_>)]) {
        self.line(LogLevel::Info, message, fields);
    }

    pub fn debug(&self, message: &str, fields: &[(&str, Field<'_>)]) {
        self.line(LogLevel::Debug, message, fields);
    }

    fn line(&self, level: LogLevel, message: &str, fields: &[(&str, Field<'_>)]) {
        if !self.speaks(level) {
            return;
        }
        OUT.put(self.format, written(self.format, Timestamp::now(), level, message, fields).as_bytes());
    }

    /// Waits until all lines so far are written, for the end of the process.
    pub fn flush(&self) {
        OUT.flush();
    }
}

/// Bytes that wait to be written. A reader of the log that stands still costs lines from then on, not memory.
const MAX_WAITING: usize = 4 << 20;
/// How long lines gather before they are written together: a write for each would cost more than the decision it tells of.
const GATHER: Duration = Duration::from_millis(1);

/// Standard error, written by a thread of its own: threads that answer never wait for it.
static OUT: LazyLock<Out> = LazyLock::new(|| {
    // Without the thread, lines gather up to their bound; a process that cannot start one has said so elsewhere.
    let _ = std::thread::Builder::new().name("plimsoll-log".into()).spawn(|| OUT.write());
    Out::default()
});

#[derive(Default)]
struct Out {
    waiting: Mutex<Waiting>,
    came: Condvar,
    written: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// Lines that found no room, and the form in which that is told.
    lost: Option<(LogFormat, u64)>,
    /// The writer has taken bytes and not written them yet.
    busy: bool,
}

impl Out {
    fn put(&self, format: LogFormat, line: &[u8]) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.bytes.len() + line.len() > MAX_WAITING {
            waiting.lost.get_or_insert((format, 0)).1 += 1;
            return;
        }
        let first = waiting.bytes.is_empty();
        waiting.bytes.extend_from_slice(line);
        drop(waiting);
        if first {
            self.came.notify_one();
        }
    }

    fn write(&self) {
        let mut taken = Vec::new();
        loop {
            {
                let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                drop(self.came.wait_while(waiting, |waiting| waiting.bytes.is_empty()));
            }
            std::thread::sleep(GATHER);
            let lost = {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                std::mem::swap(&mut waiting.bytes, &mut taken);
                waiting.busy = true;
                waiting.lost.take()
            };
            let mut out = std::io::stderr().lock();
            // A log that nobody takes must not stop the gate.
            let _ = out.write_all(&taken);
            if let Some((format, lines)) = lost {
                let fields = [("lines", lines.into())];
                let line =
                    written(format, Timestamp::now(), LogLevel::Error, "nobody took the log: lines are lost", &fields);
                let _ = out.write_all(line.as_bytes());
            }
            drop(out);
            taken.clear();
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).busy = false;
            self.written.notify_all();
        }
    }

    fn flush(&self) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let pending = |waiting: &mut Waiting| waiting.busy || !waiting.bytes.is_empty();
        // A reader that takes nothing must not hold the process either.
        drop(self.written.wait_timeout_while(waiting, FLUSH, pending));
    }
}

/// How long the end of the process waits for the log.
const FLUSH: Duration = Duration::from_secs(2);

/// What stands behind a key.
pub enum Field<'a> {
    /// Leaves the key out too.
    Nothing,
    Text(Cow<'a, str>),
    Flag(bool),
    Number(u64),
    /// Groups of keys.
    List(Vec<Vec<(&'static str, Field<'a>)>>),
}

impl<'a> From<&'a str> for Field<'a> {
    fn from(text: &'a str) -> Field<'a> {
        Field::Text(text.into())
    }
}

impl From<String> for Field<'_> {
    fn from(text: String) -> Self {
        Field::Text(text.into())
    }
}

impl From<bool> for Field<'_> {
    fn from(flag: bool) -> Self {
        Field::Flag(flag)
    }
}

impl From<u64> for Field<'_> {
    fn from(number: u64) -> Self {
        Field::Number(number)
    }
}

impl From<usize> for Field<'_> {
    fn from(number: usize) -> Self {
        Field::Number(number as u64)
    }
}

impl<'a, T: Into<Field<'a>>> From<Option<T>> for Field<'a> {
    fn from(value: Option<T>) -> Field<'a> {
        value.map_or(Field::Nothing, Into::into)
    }
}

/// The longest text of a field, in bytes: the words of a refusal, and more than any name that Kubernetes takes. Whoever
/// may ask chooses names of a megabyte.
const MAX_TEXT: usize = 2048;

/// The text as JSON, cut to its bound.
fn quoted(out: &mut Vec<u8>, text: &str) {
    let most = (0..=MAX_TEXT.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    // Writing to memory cannot fail.
    let _ = match text.get(..most).filter(|cut| cut.len() < text.len()) {
        Some(cut) => serde_json::to_writer(&mut *out, &format!("{cut}…")),
        None => serde_json::to_writer(&mut *out, text),
    };
}

/// A key of a JSON object; keys are words of this program.
fn named(out: &mut Vec<u8>, before: &str, key: &str) {
    for part in [before, key, "\":"] {
        out.extend_from_slice(part.as_bytes());
    }
}

impl Field<'_> {
    /// As JSON.
    fn write(&self, out: &mut Vec<u8>) {
        let _ = match self {
            Field::Nothing => write!(out, "null"),
            Field::Text(text) => {
                quoted(out, text);
                Ok(())
            }
            Field::Flag(flag) => write!(out, "{flag}"),
            Field::Number(number) => write!(out, "{number}"),
            Field::List(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    out.extend_from_slice(if at == 0 { b"{" } else { b",{" });
                    let said = item.iter().filter(|(_, value)| !matches!(value, Field::Nothing));
                    for (at, (key, value)) in said.enumerate() {
                        named(out, if at == 0 { "\"" } else { ",\"" }, key);
                        value.write(out);
                    }
                    out.push(b'}');
                }
                out.push(b']');
                Ok(())
            }
        };
    }
}

/// The line with its end. Control characters are escaped in both forms, so that one event stays one line.
fn written(format: LogFormat, at: Timestamp, level: LogLevel, message: &str, fields: &[(&str, Field<'_>)]) -> String {
    let said = fields.iter().filter(|(_, value)| !matches!(value, Field::Nothing));
    let mut line = Vec::with_capacity(1024);
    match format {
        LogFormat::Json => {
            // In the order in which a person reads it.
            let _ = write!(line, "{{\"time\":\"{at:.3}\",\"level\":\"{}\",\"msg\":", level.word());
            quoted(&mut line, message);
            for (key, value) in said {
                named(&mut line, ",\"", key);
                value.write(&mut line);
            }
            line.push(b'}');
        }
        LogFormat::Text => {
            let _ = write!(line, "{at:.3} {:5} {message}", level.word());
            for (key, value) in said {
                let _ = write!(line, " {key}=");
                match value {
                    Field::Text(text) if plain(text) => line.extend_from_slice(text.as_bytes()),
                    other => other.write(&mut line),
                }
            }
        }
    }
    let mut line = String::from_utf8(line).unwrap_or_default();
    if format == LogFormat::Text {
        line = plimsoll_report::safe(&line).into_owned();
    }
    line.push('\n');
    line
}

/// Needs neither quotes nor a cut.
fn plain(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_TEXT && text.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_in_both_forms() {
        let at = "2026-11-28T12:00:00.5Z".parse().unwrap();
        let fields =
            [("image", "a\nb".into()), ("allowed", false.into()), ("none", Field::Nothing), ("plain", "x".into())];
        let json = written(LogFormat::Json, at, LogLevel::Warn, "denied", &fields);
        assert_eq!(json.matches('\n').count(), 1);
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["time"], "2026-11-28T12:00:00.500Z");
        assert_eq!(read["image"], "a\nb");
        assert!(read.get("none").is_none());
        let list = Field::List(vec![vec![("a", 1u64.into()), ("b", Field::Nothing), ("c", "x".into())], vec![]]);
        let json = written(LogFormat::Json, at, LogLevel::Info, "list", &[("list", list)]);
        assert!(json.ends_with("\"list\":[{\"a\":1,\"c\":\"x\"},{}]}\n"), "{json}");
        let text = written(LogFormat::Text, at, LogLevel::Warn, "denied", &fields);
        assert_eq!(text, "2026-11-28T12:00:00.500Z warn  denied image=\"a\\nb\" allowed=false plain=x\n");
    }

    #[test]
    fn lines_beyond_the_bound_are_counted_and_not_kept() {
        let out = Out::default();
        let line = vec![b'x'; MAX_WAITING / 4];
        for _ in 0..6 {
            out.put(LogFormat::Text, &line);
        }
        let waiting = out.waiting.lock().unwrap();
        assert_eq!((waiting.bytes.len(), waiting.lost), (MAX_WAITING, Some((LogFormat::Text, 2))));
    }
}
