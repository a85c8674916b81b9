//! The formats. In: a report. Out: bytes.
//!
//! How to add one: a file beside this one with `pub fn render(report: &Report, options: &RenderOptions<'_>) ->
//! Result<Vec<u8>, ReportError>` that starts from [`canonical`](crate::canonical()), a `mod` line, and an entry in
//! [`FORMATS`]. Help, `docs/formats.md` and the tests that every format must pass (same bytes twice, hostile text made
//! harmless, database, policy and tool named) derive from the slice.

mod json;
mod summary;
mod table;

use plimsoll_model::Report;

use crate::options::{RenderOptions, ReportError};

/// One format.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// What `--format` takes.
    pub name: &'static str,
    /// One line for help and documentation.
    pub what: &'static str,
    /// Of a file, without the dot.
    pub extension: &'static str,
    pub media_type: &'static str,
    pub render: fn(&Report, &RenderOptions<'_>) -> Result<Vec<u8>, ReportError>,
}

/// All formats, the default first.
pub const FORMATS: &[Format] = &[
    Format {
        name: "table",
        what: "for people in a terminal: the verdict, its reasons, what to do, then everything by layer and fix",
        extension: "txt",
        media_type: "text/plain; charset=utf-8",
        render: table::render,
    },
    Format {
        name: "summary",
        what: "one line per subject, for logs and loops",
        extension: "txt",
        media_type: "text/plain; charset=utf-8",
        render: summary::render,
    },
    Format {
        name: "json",
        what: "everything that is known, versioned (schemaVersion 1), described by a JSON Schema in docs/schemas",
        extension: "json",
        media_type: "application/json",
        render: json::render,
    },
];

/// The format of that name.
pub fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|f| f.name == name)
}
