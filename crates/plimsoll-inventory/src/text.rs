//! Text out of bytes, and places in it. In: a file's bytes. Out: text whatever the bytes, and line numbers of offsets.

use std::borrow::Cow;

use plimsoll_model::{Problem, ProblemKind};

/// The bytes as text: a byte order mark is obeyed and dropped (Windows tools write UTF-16), what is no UTF-8 is replaced.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    let utf16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        Cow::Owned(String::from_utf16_lossy(&units))
    };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes),
    }
}

/// Where lines start, to turn offsets into line numbers.
#[derive(Default)]
pub struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    pub fn of(text: &str) -> Lines {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Lines { starts: std::iter::once(0).chain(newlines).collect() }
    }

    /// The line, from 1, that holds the byte at `offset`.
    pub fn line(&self, offset: usize) -> u32 {
        u32::try_from(self.starts.partition_point(|start| *start <= offset)).unwrap_or(u32::MAX)
    }
}

/// The problem of a file that its reader could not understand: nothing is known of its packages.
pub fn unreadable(what: &str, cause: impl std::fmt::Display) -> Problem {
    let cause = cause.to_string();
    // Parser messages may span lines and quote the input; one short line is enough here.
    let line: String = cause.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" ");
    let line: String = line.chars().take(300).collect();
    Problem::undecided(ProblemKind::UnreadableMetadata, format!("read {what}: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_order_marks_are_obeyed() {
        assert_eq!(text(b"\xff\xfea\0b\0"), "ab");
        assert_eq!(text(b"\xfe\xff\0a\0b"), "ab");
        assert_eq!(text(b"\xef\xbb\xbfab"), "ab");
        assert_eq!(text(b"\xff\xfea"), "");
    }

    #[test]
    fn lines_are_counted_from_one() {
        let lines = Lines::of("a\nbc\n");
        assert_eq!([0, 1, 2, 4, 5, 99].map(|at| lines.line(at)), [1, 1, 2, 2, 3, 3]);
    }
}
