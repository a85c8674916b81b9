//! SPDX 2.2 and 2.3 in their tag-value form: one `Tag: value` a line. In: the text. Out: what the JSON form gives.
//! Format: <https://spdx.github.io/spdx-spec/v2.3/conformance/#44-standard-data-format-requirements>.

use plimsoll_model::{Problem, ProblemKind};

use super::document::Document;
use super::spdx::{Annotation, Element, ExternalRef, gathered};

/// Packages of a tag-value document.
pub fn document(text: &str) -> Document {
    let mut elements: Vec<Element> = Vec::new();
    let mut relations = Vec::new();
    // Files and snippets come between packages; what is said of them is not of a package.
    let mut in_package = false;
    let (pairs, cut) = pairs(text);
    for (tag, value) in pairs {
        match tag {
            "PackageName" => {
                in_package = true;
                elements.push(Element { name: value.to_owned(), ..Element::default() });
                continue;
            }
            "FileName" | "SnippetSPDXID" | "LicenseID" => in_package = false,
            "Relationship" => {
                let mut words = value.split_whitespace();
                if let (Some(from), Some(kind), Some(to)) = (words.next(), words.next(), words.next()) {
                    relations.push((from.to_owned(), kind.to_owned(), to.to_owned()));
                }
                continue;
            }
            _ => {}
        }
        let Some(element) = elements.last_mut().filter(|_| in_package) else { continue };
        let text = || Some(value.to_owned());
        match tag {
            "SPDXID" => value.clone_into(&mut element.id),
            "PackageVersion" => element.version_info = text(),
            "PackageLicenseDeclared" => element.license_declared = text(),
            "PackageLicenseConcluded" => element.license_concluded = text(),
            "PrimaryPackagePurpose" => element.primary_package_purpose = text(),
            "PackageSourceInfo" => element.source_info = text(),
            "PackageAttributionText" => element.attribution_texts.push(value.to_owned()),
            "AnnotationComment" => element.annotations.push(Annotation { comment: value.to_owned() }),
            "ExternalRef" => {
                let mut words = value.split_whitespace().skip(1);
                if let (Some(kind), Some(locator)) = (words.next(), words.next()) {
                    element
                        .external_refs
                        .push(ExternalRef { reference_type: kind.to_owned(), reference_locator: locator.to_owned() });
                }
            }
            _ => {}
        }
    }
    let mut out = gathered(elements, relations);
    if cut {
        let message = "read the SPDX document to its end: a <text> is not closed";
        out.problems.push(Problem::undecided(ProblemKind::UnreadableMetadata, message));
    }
    out
}

/// Tags with their values, `<text>…</text>` across lines taken together; and whether one of those has no end.
fn pairs(text: &str) -> (Vec<(&str, &str)>, bool) {
    let mut out = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let pair = line.split_once(':').filter(|(tag, _)| !tag.starts_with('#'));
        let Some((tag, value)) = pair else {
            rest = after;
            continue;
        };
        match value.trim_start().strip_prefix("<text>") {
            None => {
                out.push((tag.trim(), value.trim()));
                rest = after;
            }
            Some(_) => {
                let start = rest.find("<text>").map_or(rest.len(), |at| at + "<text>".len());
                let Some(end) = rest[start..].find("</text>") else { return (out, true) };
                out.push((tag.trim(), rest[start..start + end].trim()));
                rest = &rest[start + end + "</text>".len()..];
            }
        }
    }
    (out, false)
}
