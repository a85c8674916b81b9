//! JSON with comments, to JSON. In: bytes. Out: the bytes without comments and white space, and where each came from.
//!
//! Conftest's rules are kept: `//`, `#` and `/* */` are comments, line breaks vanish even from strings, and a single `/`
//! outside strings is dropped.

/// The text as JSON.
#[derive(Debug, Default)]
pub struct Plain {
    pub json: Vec<u8>,
    origins: Vec<usize>,
    length: usize,
}

impl Plain {
    /// Where a byte of the JSON stands in the file.
    pub fn origin(&self, offset: usize) -> usize {
        self.origins.get(offset).copied().unwrap_or(self.length)
    }
}

/// What of a comment was seen.
#[derive(Default)]
struct Comment {
    slash: bool,
    inside: bool,
    line: bool,
    star: bool,
}

pub fn plain(bytes: &[u8]) -> Plain {
    let mut out = Plain { json: Vec::with_capacity(bytes.len()), origins: Vec::new(), length: bytes.len() };
    let (mut quoted, mut escaped) = (false, false);
    let mut comment = Comment::default();
    for (at, byte) in bytes.iter().copied().enumerate() {
        let mut keep = || {
            out.json.push(byte);
            out.origins.push(at);
        };
        if byte == b'\\' || escaped {
            if !comment.inside {
                keep();
            }
            escaped = !escaped;
            continue;
        }
        if byte == b'"' {
            quoted = !quoted;
        }
        if matches!(byte, b' ' | b'\t') && !quoted {
            continue;
        }
        if byte == b'\n' {
            if comment.line {
                comment.inside = false;
                comment.slash = false;
            }
            continue;
        }
        if quoted && !comment.inside {
            keep();
            continue;
        }
        if comment.inside {
            if byte == b'*' && !comment.line {
                comment.star = true;
                continue;
            }
            if comment.star && byte == b'/' && !comment.line {
                comment.inside = false;
                comment.slash = false;
                continue;
            }
            comment.star = false;
            continue;
        }
        match byte {
            b'*' | b'/' if comment.slash => {
                comment.inside = true;
                comment.line = byte == b'/';
            }
            b'/' => comment.slash = true,
            b'#' => {
                comment.inside = true;
                comment.line = true;
            }
            _ => keep(),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_white_space_go_and_places_stay() {
        let text = b"{ // one\n \"a/b\": /* two */ [1, # three\n 2]}";
        let plain = plain(text);
        assert_eq!(plain.json, br#"{"a/b":[1,2]}"#);
        assert_eq!(text[plain.origin(plain.json.len() - 2)], b']');
    }
}
