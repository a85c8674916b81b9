//! `# METADATA` blocks.

use crate::ast::{Annotations, Comment, Module};
use crate::error::RegoError;
use crate::span::Source;

/// Reads every block among the comments.
pub(super) fn read(_comments: &[Comment], _text: &Source) -> (Vec<Annotations>, Vec<RegoError>) {
    (Vec::new(), Vec::new())
}

/// Gives each block the statement below it and each rule its blocks.
pub(super) fn attach(_module: &mut Module, _text: &Source) -> Vec<RegoError> {
    Vec::new()
}
