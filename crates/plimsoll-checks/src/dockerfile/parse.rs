//! The parser. In: a file's text. Out: the tree and what was not understood. It never fails.

use super::ast::Dockerfile;
use crate::source::Source;

/// Reads a whole file.
pub fn parse<'a>(source: &'a Source<'a>) -> Dockerfile<'a> {
    Dockerfile {
        source,
        escape: '\\',
        directives: Vec::new(),
        instructions: Vec::new(),
        comments: Vec::new(),
        stages: Vec::new(),
        faults: Vec::new(),
    }
}
