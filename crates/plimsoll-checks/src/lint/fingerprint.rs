//! Names of findings that outlive edits elsewhere. In: a finding and its file. Out: a digest of rule, path and the text at
//! fault, blanks aside, with a counter for findings that are alike. Lines and columns have no part in it.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::source::{Found, Source};

/// The text at fault that counts, in bytes: a here-document of a megabyte needs no more to be known again.
const MOST_TEXT: usize = 1 << 10;

/// Counts findings that are alike; one for each file.
pub(super) struct Fingerprints {
    path: String,
    seen: HashMap<[u8; SIZE], usize>,
}

/// Bytes of a digest that are kept: enough that no two findings of a project are ever taken for one.
const SIZE: usize = 16;

impl Fingerprints {
    pub(super) fn new(path: &str) -> Fingerprints {
        Fingerprints { path: normal_path(path), seen: HashMap::new() }
    }

    pub(super) fn of(&mut self, source: &Source<'_>, found: &Found) -> String {
        let mut hash = Sha256::new();
        hash.update(found.rule.id);
        hash.update([0]);
        hash.update(&self.path);
        hash.update([0]);
        for word in lines_at_fault(source, found).split_whitespace() {
            hash.update(word);
            hash.update(b" ");
        }
        let mut digest = [0; SIZE];
        digest.copy_from_slice(&hash.finalize()[..SIZE]);
        let count = self.seen.entry(digest).or_default();
        *count += 1;
        let mut name = String::with_capacity(2 * SIZE);
        for half in digest.iter().flat_map(|byte| [byte >> 4, byte & 0xf]) {
            name.push(char::from_digit(half.into(), 16).unwrap_or_default());
        }
        if *count > 1 {
            name.push_str(&format!("-{count}"));
        }
        name
    }
}

/// The same file from the same folder, however the walk wrote it.
pub(super) fn normal_path(path: &str) -> String {
    let path = path.replace('\\', "/");
    path.strip_prefix("./").unwrap_or(&path).to_owned()
}

/// The whole lines that the span touches, as far as they count.
fn lines_at_fault<'a>(source: &Source<'a>, found: &Found) -> &'a str {
    let (first, last) = (source.line(found.span.start), source.line(found.span.end));
    let start = source.line_span(first).map_or(0, |span| span.start);
    let end = source.line_span(last).map_or(source.text.len(), |span| span.end);
    // Of a line that is longer than what counts, the part around the fault.
    let start = if found.span.start - start > MOST_TEXT { found.span.start } else { start };
    let mut end = end.min(start + 2 * MOST_TEXT);
    while !source.text.is_char_boundary(end) {
        end -= 1;
    }
    source.text.get(start..end).unwrap_or_default()
}
