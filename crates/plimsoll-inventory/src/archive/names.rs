//! Names in archives to paths in an image. In: bytes as a tar header holds them. Out: a path relative to the root without
//! `.`, `..` or empty parts.

/// Linux refuses longer paths (PATH_MAX), so no runtime unpacks one.
pub const MAX_PATH: usize = 4096;

/// A name made safe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// `/` between parts, no leading slash; empty for the root itself. Bytes that are no UTF-8 stand as `\xNN`.
    pub path: String,
    /// True when `..` led out of the root: runtimes differ in what they then do, so the place is not sure.
    pub escapes: bool,
}

/// Takes `./`, a leading `/`, doubled slashes and `..` out of a name, as unpacking below a root would.
pub fn normalise(name: &[u8]) -> Name {
    let text = readable(name);
    let mut parts: Vec<&str> = Vec::new();
    let mut escapes = false;
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => escapes |= parts.pop().is_none(),
            part => parts.push(part),
        }
    }
    Name { path: parts.join("/"), escapes }
}

/// Text of a name: UTF-8 as it is, other bytes as `\xNN`, so that two different names never become one.
pub fn readable(name: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_relative_to_the_root() {
        for (name, path, escapes) in [
            ("./etc/passwd", "etc/passwd", false),
            ("/etc//passwd/", "etc/passwd", false),
            ("a/../b", "b", false),
            ("../evil", "evil", true),
            ("a/../../evil", "evil", true),
            ("./", "", false),
        ] {
            assert_eq!(normalise(name.as_bytes()), Name { path: path.into(), escapes }, "{name}");
        }
    }

    #[test]
    fn names_that_are_no_utf8_stay_apart() {
        assert_eq!(normalise(b"a\xff").path, "a\\xff");
        assert_ne!(normalise(b"a\xff"), normalise(b"a\xfe"));
    }
}
