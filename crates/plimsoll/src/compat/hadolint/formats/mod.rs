//! hadolint's ten report formats. In: the files' findings. Out: bytes. Keys and their order, levels and fingerprints are
//! hadolint's; sentences are ours.
//!
//! How to add one: write its file and its line in [`FORMATS`].

mod checkstyle;
mod codeclimate;
mod json;
mod junit;
mod sarif;
mod sonarqube;
mod text;
mod xml;

use super::report::FileReport;

/// What a report says besides its findings.
pub struct Facts<'a> {
    pub reports: &'a [FileReport],
    pub colour: bool,
    /// When it was made.
    pub at: jiff::Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Tty,
    Json,
    Checkstyle,
    CodeClimate,
    GitlabCodeClimate,
    Gnu,
    Codacy,
    Sonarqube,
    Sarif,
    Junit,
}

type Render = fn(&Facts<'_>) -> String;

/// Every format with its name and its writer.
pub const FORMATS: &[(Format, &str, Render)] = &[
    (Format::Tty, "tty", text::tty),
    (Format::Json, "json", json::json),
    (Format::Checkstyle, "checkstyle", checkstyle::checkstyle),
    (Format::CodeClimate, "codeclimate", codeclimate::codeclimate),
    (Format::GitlabCodeClimate, "gitlab_codeclimate", codeclimate::gitlab),
    (Format::Gnu, "gnu", text::gnu),
    (Format::Codacy, "codacy", json::codacy),
    (Format::Sonarqube, "sonarqube", sonarqube::sonarqube),
    (Format::Sarif, "sarif", sarif::sarif),
    (Format::Junit, "junit", junit::junit),
];

impl Format {
    pub fn parse(word: &str) -> Option<Format> {
        FORMATS.iter().find(|(_, name, _)| *name == word).map(|(format, ..)| *format)
    }

    /// The way out for who named none of them.
    pub fn names() -> String {
        let names: Vec<&str> = FORMATS.iter().map(|(_, name, _)| *name).collect();
        format!("write one of {}", names.join(", "))
    }

    pub fn render(self, facts: &Facts<'_>) -> String {
        FORMATS.iter().find(|(format, ..)| *format == self).map_or_else(String::new, |(.., render)| render(facts))
    }

    /// Two formats are for services that read the report and not the exit status: it is 0 whatever was found.
    pub fn always_succeeds(self) -> bool {
        matches!(self, Format::CodeClimate | Format::Codacy)
    }
}

/// One JSON document on one line, keys in the order of the fields.
fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("structs of texts and numbers are JSON")
}

#[cfg(test)]
mod tests;
