//! Labels: their names, which must be there, and what their values look like.

pub mod forms;
pub mod keys;
pub mod schema;

use crate::dockerfile::Dockerfile;
use crate::dockerfile::ast::{Body, Instruction, Pair};

/// Every label with its instruction, those under ONBUILD not.
fn labels<'a>(file: &'a Dockerfile<'_>) -> impl Iterator<Item = (&'a Instruction, &'a Pair)> {
    file.instructions.iter().flat_map(|instruction| {
        let pairs = match &instruction.body {
            Body::Label(pairs) => pairs.as_slice(),
            _ => &[],
        };
        pairs.iter().map(move |pair| (instruction, pair))
    })
}
