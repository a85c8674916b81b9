//! The formats. In: a report. Out: bytes.
//!
//! How to add one: a file beside this one with `pub fn render(report: &Report, options: &RenderOptions<'_>) ->
//! Result<Vec<u8>, ReportError>` that starts from [`canonical`](crate::canonical()), a `mod` line, and an entry in
//! [`FORMATS`]. Help, `docs/formats.md` and the tests that every format must pass (same bytes twice, hostile text made
//! harmless, database, policy and tool named) derive from the slice.

mod cyclonedx;
pub(crate) mod html;
mod json;
mod junit;
mod markdown;
mod sarif;
mod spdx;
mod summary;
mod table;

use plimsoll_model::Report;

pub(crate) use sarif::SCHEMA as SARIF_SCHEMA;
pub(crate) use sarif::place::uri as sarif_uri;

use crate::components::Bill;
use crate::options::{RenderOptions, ReportError};

/// A judged report to bytes.
pub type Render = fn(&Report, &RenderOptions<'_>) -> Result<Vec<u8>, ReportError>;
/// An inventory without a verdict to bytes.
pub type RenderBill = fn(&Bill<'_>, &RenderOptions<'_>) -> Result<Vec<u8>, ReportError>;

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
    pub render: Render,
    /// For formats that can say what is in a subject without a verdict.
    pub bill: Option<RenderBill>,
}

/// All formats, the default first.
pub const FORMATS: &[Format] = &[
    Format {
        name: "table",
        what: "for people in a terminal: the verdict, its reasons, what to do, then everything by layer and fix",
        extension: "txt",
        media_type: "text/plain; charset=utf-8",
        render: table::render,
        bill: None,
    },
    Format {
        name: "summary",
        what: "one line per subject, for logs and loops",
        extension: "txt",
        media_type: "text/plain; charset=utf-8",
        render: summary::render,
        bill: None,
    },
    Format {
        name: "json",
        what: "everything that is known, versioned (schemaVersion 1), described by docs/schemas/report-v1.json",
        extension: "json",
        media_type: "application/json",
        render: json::render,
        bill: None,
    },
    Format {
        name: "sarif",
        what: "SARIF 2.1.0, for code hosts: rules with help, stable fingerprints, manifests with lines",
        extension: "sarif",
        media_type: "application/sarif+json",
        render: sarif::render,
        bill: None,
    },
    Format {
        name: "cyclonedx",
        what: "CycloneDX 1.6 JSON: what is in it, what depends on what, and what is known against it",
        extension: "cdx.json",
        media_type: "application/vnd.cyclonedx+json; version=1.6",
        render: cyclonedx::render,
        bill: Some(cyclonedx::bill),
    },
    Format {
        name: "spdx",
        what: "SPDX 2.3 JSON: what is in it, under which licences",
        extension: "spdx.json",
        media_type: "application/spdx+json",
        render: spdx::render,
        bill: Some(spdx::bill),
    },
    Format {
        name: "junit",
        what: "JUnit XML, for CI servers: what denies is a failure, what could not be told an error",
        extension: "xml",
        media_type: "application/xml",
        render: junit::render,
        bill: None,
    },
    Format {
        name: "markdown",
        what: "Markdown for comments on pull requests: verdict, reasons and what to do; the rest folded",
        extension: "md",
        media_type: "text/markdown; charset=utf-8",
        render: markdown::render,
        bill: None,
    },
    Format {
        name: "html",
        what: "one page by itself with charts: no outside resource, readable without JavaScript, printable",
        extension: "html",
        media_type: "text/html; charset=utf-8",
        render: html::render,
        bill: None,
    },
];

/// The format of that name.
pub fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|f| f.name == name)
}
