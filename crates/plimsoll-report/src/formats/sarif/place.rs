//! Places in SARIF. In: locations of the model. Out: relative URIs of files, lines, and full names inside images. Where a
//! manifest names the image, its line comes first: that is what a code host can show.

use plimsoll_model::Location;
use serde_json::{Value, json};

use crate::text::safe::safe;
use crate::view::SubjectView;

/// The subject as a whole.
pub fn of_subject(subject: &SubjectView<'_>) -> Vec<Value> {
    of(subject, None, "")
}

/// All places of a finding, or the subject as a whole.
pub fn of_all(subject: &SubjectView<'_>, locations: &[Location]) -> Vec<Value> {
    match locations {
        [] => of_subject(subject),
        several => {
            let mut list: Vec<Value> = named_at(subject).collect();
            list.extend(several.iter().map(|l| inside(subject, Some(l), "")));
            list
        }
    }
}

/// One place inside the subject; `thing` stands in for the path where there is none.
pub fn of(subject: &SubjectView<'_>, location: Option<&Location>, thing: &str) -> Vec<Value> {
    let mut list: Vec<Value> = named_at(subject).collect();
    list.push(inside(subject, location, thing));
    // What a package is fingerprinted by is its place in the image, not the manifest's.
    if let [first, .., last] = list.as_mut_slice() {
        let logical = last["logicalLocations"].clone();
        first["logicalLocations"] = logical;
    }
    list
}

fn named_at<'a>(subject: &'a SubjectView<'_>) -> impl Iterator<Item = Value> + 'a {
    subject.assessment.subject.named_at.iter().map(physical)
}

/// A file and line by themselves.
pub fn physical(location: &Location) -> Value {
    let region = location.line.filter(|l| *l > 0).map(|line| {
        json!({
            "startLine": line,
            "startColumn": location.column.filter(|c| *c > 0),
            "endLine": location.end_line.filter(|end| *end >= line),
        })
    });
    json!({"physicalLocation": {"artifactLocation": {"uri": uri(&location.path)}, "region": region}})
}

fn inside(subject: &SubjectView<'_>, location: Option<&Location>, thing: &str) -> Value {
    let name = &subject.assessment.subject.name;
    let path = location.map(|l| l.path.as_str()).filter(|p| !p.is_empty());
    let mut value = match location {
        Some(location) if path.is_some() => physical(location),
        // An artifact is wanted everywhere: the image's name stands for the image.
        _ => physical(&Location::path(name.clone())),
    };
    let inner = path.unwrap_or(thing);
    let full = if inner.is_empty() { name.clone() } else { format!("{name}/{inner}") };
    let layer = location.and_then(|l| l.layer).map(|l| format!(" (layer {l})")).unwrap_or_default();
    value["logicalLocations"] = json!([{"fullyQualifiedName": safe(&full), "kind": "resource"}]);
    value["message"] = json!({"text": safe(&format!("{full}{layer}"))});
    value
}

/// A relative URI reference (RFC 3986 §4.2): every byte that is not unreserved is escaped, so that no path can bring a
/// scheme, a query or a control character.
pub fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.trim_start_matches('/').trim_start_matches("./").bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    if out.is_empty() { ".".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_relative_uris() {
        assert_eq!(uri("/etc/a b"), "etc/a%20b");
        assert_eq!(uri("javascript:alert(1)"), "javascript%3Aalert%281%29");
        assert_eq!(uri("nginx:1.21@sha256:ab"), "nginx%3A1.21%40sha256%3Aab");
        assert_eq!(uri(""), ".");
    }
}
