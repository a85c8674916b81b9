//! A bill of materials, whatever its format. In: inventories. Out: components with package URLs, unique references and
//! their dependencies. What it does not do: write a format.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use plimsoll_model::purl::{PackageUrl, package_url};
use plimsoll_model::{Inventory, Package, Subject, SubjectKind, ToolInfo};
use sha2::{Digest as _, Sha256};

/// An inventory that nobody judged: what `sbom` writes.
#[derive(Debug, Clone, Copy)]
pub struct Bill<'a> {
    pub subject: &'a Subject,
    pub inventory: &'a Inventory,
    pub tool: &'a ToolInfo,
    /// The time to write into the document; an input, so that the same inputs give the same bytes.
    pub at: Timestamp,
}

/// Hands out references: the text itself the first time, then with a number.
#[derive(Debug, Default)]
pub struct References {
    used: BTreeMap<String, usize>,
}

impl References {
    pub fn take(&mut self, wanted: &str) -> String {
        let count = self.used.entry(wanted.to_owned()).or_insert(0);
        *count += 1;
        // Blank before the number: no package URL has one, so that a numbered reference is never another's text.
        if *count == 1 { wanted.to_owned() } else { format!("{wanted} {count}") }
    }
}

#[derive(Debug)]
pub struct Component<'a> {
    pub package: &'a Package,
    pub purl: PackageUrl,
    pub purl_text: String,
    /// Unique in the document.
    pub reference: String,
    /// References of what it depends on, sorted, once each.
    pub depends_on: Vec<String>,
}

/// One subject's components, in the order of the inventory's packages.
#[derive(Debug)]
pub struct Parts<'a> {
    pub reference: String,
    pub purl: Option<String>,
    /// The distribution's reference.
    pub system: Option<String>,
    pub components: Vec<Component<'a>>,
    /// References that no other component depends on.
    pub top: Vec<String>,
}

pub fn parts<'a>(subject: &Subject, inventory: &'a Inventory, references: &mut References) -> Parts<'a> {
    let purl = image_url(subject, inventory).map(|u| u.to_string());
    let reference = references.take(purl.as_deref().unwrap_or(&subject.name));
    let system = inventory.distro.as_ref().map(|d| references.take(&format!("os:{d}")));
    let mut components: Vec<Component<'a>> = inventory
        .packages
        .iter()
        .map(|package| {
            let purl = package
                .given_purl
                .as_deref()
                .and_then(PackageUrl::parse)
                .unwrap_or_else(|| package_url(package, inventory.distro.as_ref()));
            let purl_text = purl.to_string();
            let reference = references.take(&purl_text);
            Component { package, purl, purl_text, reference, depends_on: Vec::new() }
        })
        .collect();
    link(&mut components);
    let depended: BTreeSet<&String> = components.iter().flat_map(|c| &c.depends_on).collect();
    let top = components.iter().map(|c| &c.reference).filter(|r| !depended.contains(r)).cloned().collect();
    Parts { reference, purl, system, components, top }
}

/// Names `name@version` are looked for in the same file first (one lockfile), then in the same ecosystem.
fn link(components: &mut [Component<'_>]) {
    let mut by_file = BTreeMap::new();
    let mut by_ecosystem = BTreeMap::new();
    for (index, component) in components.iter().enumerate() {
        let p = component.package;
        by_file.entry((p.ecosystem, p.location.path.as_str(), p.id())).or_insert(index);
        by_ecosystem.entry((p.ecosystem, p.id())).or_insert(index);
    }
    let found: Vec<Vec<String>> = components
        .iter()
        .enumerate()
        .map(|(own, component)| {
            let p = component.package;
            let wanted: BTreeSet<usize> = p
                .depends_on
                .iter()
                .filter_map(|id| {
                    by_file
                        .get(&(p.ecosystem, p.location.path.as_str(), id.clone()))
                        .or_else(|| by_ecosystem.get(&(p.ecosystem, id.clone())))
                        .copied()
                })
                .filter(|index| *index != own)
                .collect();
            let mut list: Vec<String> = wanted.into_iter().map(|i| components[i].reference.clone()).collect();
            list.sort();
            list
        })
        .collect();
    for (component, depends_on) in components.iter_mut().zip(found) {
        component.depends_on = depends_on;
    }
}

/// `pkg:oci/name@digest?…` (package-url specification, type `oci`), for an image whose digest is known.
fn image_url(subject: &Subject, inventory: &Inventory) -> Option<PackageUrl> {
    let (reference, digest) = (subject.reference.as_ref()?, subject.digest.as_ref()?);
    if subject.kind != SubjectKind::Image {
        return None;
    }
    let name = reference.repository().rsplit('/').next()?;
    let mut qualifiers = Vec::new();
    if let Some(platform) = inventory.config.as_ref().and_then(|c| c.platform.as_ref()) {
        qualifiers.push(("arch".to_owned(), platform.architecture.clone()));
    }
    qualifiers.push(("repository_url".into(), format!("{}/{}", reference.registry(), reference.repository())));
    if let Some(tag) = reference.tag() {
        qualifiers.push(("tag".into(), tag.to_owned()));
    }
    Some(PackageUrl {
        kind: "oci".into(),
        name: name.to_owned(),
        version: Some(digest.to_string()),
        qualifiers,
        ..PackageUrl::default()
    })
}

/// A UUID (RFC 9562, version 8) from the SHA-256 of a document's bytes: the same document, the same name.
pub fn uuid(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let mut id = [0u8; 16];
    id.copy_from_slice(&hash[..16]);
    id[6] = (id[6] & 0x0f) | 0x80;
    id[8] = (id[8] & 0x3f) | 0x80;
    let hex = hex(&id);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// SHA-256 in hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Whole seconds in UTC, the one writing of time that all SBOM formats take.
pub fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The text when it is a web address that needs no escaping: anything else in a feed's references is no link.
pub fn web_address(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?#@!$&()*+,;=".contains(&b);
    let bytes = rest.as_bytes();
    let escaped = |at: usize| bytes.get(at + 1..at + 3).is_some_and(|h| h.iter().all(u8::is_ascii_hexdigit));
    let good = bytes.iter().enumerate().all(|(at, b)| plain(*b) || (*b == b'%' && escaped(at)));
    // One fragment at most; a host must be there.
    let one_fragment = rest.matches('#').count() <= 1;
    (good && one_fragment && bytes.first().is_some_and(u8::is_ascii_alphanumeric)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_unique() {
        let mut references = References::default();
        assert_eq!(references.take("pkg:npm/a@1"), "pkg:npm/a@1");
        assert_eq!(references.take("pkg:npm/a@1"), "pkg:npm/a@1 2");
    }

    #[test]
    fn only_plain_web_addresses_become_links() {
        assert!(web_address("https://example.com/a?b=%20#c").is_some());
        for bad in ["javascript:alert(1)", "https://a\" onx=", "https://", "https://a b", "https://a%zz", "data:,x"] {
            assert!(web_address(bad).is_none(), "{bad}");
        }
    }
}
