//! Trivy's JSON report, schema 2, field for field. In: one assessment. Out: the bytes that Trivy would print. What it does
//! not do: match or filter; the rows come from [`super::rows`].

use std::collections::BTreeMap;

use plimsoll_model::{
    Assessment, Cvss, DataSource, Family, Layer, Match, Package, Relationship, Severity, SubjectKind, purl,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::rows::{ResultGroup, Row};

/// Trivy's report document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Document {
    pub schema_version: u32,
    pub trivy: Tool,
    #[serde(rename = "ReportID")]
    pub report_id: String,
    pub created_at: String,
    #[serde(rename = "ArtifactID", skip_serializing_if = "String::is_empty")]
    pub artifact_id: String,
    pub artifact_name: String,
    pub artifact_type: &'static str,
    #[serde(skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<ResultDoc>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tool {
    pub version: String,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Metadata {
    #[serde(skip_serializing_if = "is_zero")]
    pub size: u64,
    #[serde(rename = "OS", skip_serializing_if = "Option::is_none")]
    pub os: Option<Os>,
    #[serde(rename = "ImageID", skip_serializing_if = "String::is_empty")]
    pub image_id: String,
    #[serde(rename = "DiffIDs", skip_serializing_if = "Vec::is_empty")]
    pub diff_ids: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub repo_tags: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub repo_digests: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_config: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerDoc>,
}

impl Metadata {
    fn is_empty(&self) -> bool {
        self.os.is_none() && self.image_id.is_empty() && self.diff_ids.is_empty() && self.layers.is_empty()
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Os {
    pub family: String,
    pub name: String,
    #[serde(rename = "EOSL", skip_serializing_if = "std::ops::Not::not")]
    pub eosl: bool,
}

#[derive(Debug, Default, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LayerDoc {
    #[serde(skip_serializing_if = "is_zero")]
    pub size: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub digest: String,
    #[serde(rename = "DiffID", skip_serializing_if = "String::is_empty")]
    pub diff_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub created_by: String,
}

impl LayerDoc {
    fn is_empty(&self) -> bool {
        *self == LayerDoc::default()
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResultDoc {
    pub target: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub class: String,
    #[serde(rename = "Type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<PackageDoc>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vulnerabilities: Vec<VulnerabilityDoc>,
}

#[derive(Debug, Default, Serialize)]
pub struct Identifier {
    #[serde(rename = "PURL", skip_serializing_if = "String::is_empty")]
    pub purl: String,
    #[serde(rename = "UID")]
    pub uid: String,
    #[serde(rename = "BOMRef", skip_serializing_if = "String::is_empty")]
    pub bom_ref: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LinesDoc {
    pub start_line: u32,
    pub end_line: u32,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PackageDoc {
    #[serde(rename = "ID", skip_serializing_if = "String::is_empty")]
    pub id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    pub identifier: Identifier,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub release: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub epoch: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub arch: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dev: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub src_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub src_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub src_release: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub src_epoch: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub maintainer: String,
    #[serde(rename = "Modularitylabel", skip_serializing_if = "String::is_empty")]
    pub modularity_label: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub indirect: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub relationship: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    #[serde(skip_serializing_if = "LayerDoc::is_empty")]
    pub layer: LayerDoc,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub file_path: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<LinesDoc>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub installed_files: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub analyzed_by: String,
}

#[derive(Debug, Serialize)]
pub struct DataSourceDoc {
    #[serde(rename = "ID", skip_serializing_if = "String::is_empty")]
    pub id: String,
    #[serde(rename = "Name", skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(rename = "URL", skip_serializing_if = "String::is_empty")]
    pub url: String,
    #[serde(rename = "BaseID", skip_serializing_if = "Option::is_none")]
    pub base_id: Option<String>,
}

#[derive(Debug, Default, Serialize)]
pub struct CvssDoc {
    #[serde(rename = "V2Vector", skip_serializing_if = "Option::is_none")]
    v2_vector: Option<String>,
    #[serde(rename = "V3Vector", skip_serializing_if = "Option::is_none")]
    v3_vector: Option<String>,
    #[serde(rename = "V40Vector", skip_serializing_if = "Option::is_none")]
    v40_vector: Option<String>,
    #[serde(rename = "V2Score", skip_serializing_if = "Option::is_none")]
    v2_score: Option<serde_json::Number>,
    #[serde(rename = "V3Score", skip_serializing_if = "Option::is_none")]
    v3_score: Option<serde_json::Number>,
    #[serde(rename = "V40Score", skip_serializing_if = "Option::is_none")]
    v40_score: Option<serde_json::Number>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct VulnerabilityDoc {
    #[serde(rename = "VulnerabilityID")]
    pub vulnerability_id: String,
    #[serde(rename = "VendorIDs", skip_serializing_if = "Vec::is_empty")]
    pub vendor_ids: Vec<String>,
    #[serde(rename = "PkgID", skip_serializing_if = "String::is_empty")]
    pub pkg_id: String,
    pub pkg_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pkg_path: String,
    pub pkg_identifier: Identifier,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub installed_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fixed_version: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub status: &'static str,
    #[serde(skip_serializing_if = "LayerDoc::is_empty")]
    pub layer: LayerDoc,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub severity_source: String,
    #[serde(rename = "PrimaryURL", skip_serializing_if = "String::is_empty")]
    pub primary_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_source: Option<DataSourceDoc>,
    pub fingerprint: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    pub severity: &'static str,
    #[serde(rename = "CweIDs", skip_serializing_if = "Vec::is_empty")]
    pub cwe_ids: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub vendor_severity: BTreeMap<String, u8>,
    #[serde(rename = "CVSS", skip_serializing_if = "BTreeMap::is_empty")]
    pub cvss: BTreeMap<String, CvssDoc>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified_date: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde's skip_serializing_if asks for")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// What the caller knows beside the assessment.
#[derive(Debug)]
pub struct DocumentFacts<'a> {
    /// As the user named the artifact.
    pub artifact_name: &'a str,
    pub artifact_type: &'static str,
    pub at: jiff::Timestamp,
    pub repo_tags: &'a [String],
    pub repo_digests: &'a [String],
}

/// The whole document.
pub fn document(assessment: &Assessment, groups: &[ResultGroup], facts: &DocumentFacts) -> Document {
    let artifact_id = artifact_id(assessment);
    let results = groups
        .iter()
        .map(|group| ResultDoc {
            target: group.target.clone(),
            class: group.class.to_owned(),
            kind: group.kind.clone(),
            packages: group.packages.iter().map(|&i| package(assessment, i, group)).collect(),
            vulnerabilities: group.rows.iter().map(|row| vulnerability(assessment, row, group, &artifact_id)).collect(),
        })
        .collect();
    let seed = Sha256::digest(format!("{}\n{}\n{artifact_id}", facts.artifact_name, facts.at));
    Document {
        schema_version: 2,
        trivy: Tool { version: format!("plimsoll-{}", env!("CARGO_PKG_VERSION")) },
        report_id: uuid_v7(facts.at, &seed),
        created_at: facts.at.to_string(),
        artifact_id,
        artifact_name: facts.artifact_name.to_owned(),
        artifact_type: facts.artifact_type,
        metadata: metadata(assessment, facts),
        results,
    }
}

/// The document as Go's encoder writes it: two spaces, `<`, `>` and `&` escaped, a newline at the end.
pub fn bytes(document: &Document) -> Result<Vec<u8>, serde_json::Error> {
    let text = crate::compat::go_json(&serde_json::to_string_pretty(document)?);
    Ok((text + "\n").into_bytes())
}

/// sha256 over the image's id and its repository; the id alone for an image without a name; empty for anything else.
fn artifact_id(assessment: &Assessment) -> String {
    let subject = &assessment.subject;
    match (&subject.kind, &subject.image_id) {
        (SubjectKind::Image, Some(id)) => match &subject.reference {
            Some(reference) => format!("sha256:{:x}", Sha256::digest(format!("{id}:{}", trivy_name(reference)))),
            None => id.to_string(),
        },
        _ => String::new(),
    }
}

/// Trivy writes Docker Hub's host as `index.docker.io` in the text that it hashes.
fn trivy_name(reference: &plimsoll_model::ImageReference) -> String {
    let host = if reference.registry() == "docker.io" { "index.docker.io" } else { reference.registry() };
    format!("{host}/{}", reference.repository())
}

/// A version 7 UUID (RFC 9562 §5.7) whose random part is taken from `seed`, so that the same inputs give the same id.
fn uuid_v7(at: jiff::Timestamp, seed: &[u8]) -> String {
    let millis = u64::try_from(at.as_millisecond()).unwrap_or(0) & 0xffff_ffff_ffff;
    let part = |from: usize, mask: u16, or: u16| {
        let pair = [seed.get(from).copied().unwrap_or(0), seed.get(from + 1).copied().unwrap_or(0)];
        (u16::from_be_bytes(pair) & mask) | or
    };
    let tail: String = seed.iter().skip(4).take(6).map(|b| format!("{b:02x}")).collect();
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{tail}",
        millis >> 16,
        millis & 0xffff,
        part(0, 0x0fff, 0x7000),
        part(2, 0x3fff, 0x8000)
    )
}

fn metadata(assessment: &Assessment, facts: &DocumentFacts) -> Metadata {
    let inventory = &assessment.inventory;
    let config = inventory.config.as_ref();
    let today = facts.at.to_zoned(jiff::tz::TimeZone::UTC).date();
    let image = assessment.subject.kind == SubjectKind::Image;
    let raw_config = config.filter(|_| image).and_then(|c| serde_json::from_slice(&c.raw).ok());
    Metadata {
        size: if image { inventory.layers.iter().map(|l| l.unpacked_size).sum() } else { 0 },
        os: inventory.distro.as_ref().map(|distro| Os {
            family: distro.family.name().to_owned(),
            name: distro.version.clone(),
            eosl: plimsoll_advisories::maintained_until(distro).is_some_and(|last| last < today),
        }),
        image_id: assessment.subject.image_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        diff_ids: diff_ids(assessment),
        repo_tags: facts.repo_tags.to_vec(),
        repo_digests: facts.repo_digests.to_vec(),
        reference: match (&assessment.subject.reference, image) {
            (Some(reference), true) => reference.to_string(),
            _ => String::new(),
        },
        image_config: raw_config.map(trimmed_config),
        layers: if image { inventory.layers.iter().map(|l| layer(l, true)).collect() } else { Vec::new() },
    }
}

/// The configuration's, in its order; an SBOM names layers in no order, and Trivy sorts them.
fn diff_ids(assessment: &Assessment) -> Vec<String> {
    if let Some(config) = &assessment.inventory.config {
        return config.diff_ids.iter().map(ToString::to_string).collect();
    }
    let mut ids: Vec<String> = assessment
        .inventory
        .layers
        .iter()
        .filter_map(|layer| layer.diff_id.as_ref())
        .map(ToString::to_string)
        .collect();
    ids.sort();
    ids
}

/// Trivy shows the OCI configuration in a fixed order and without Docker's private fields.
fn trimmed_config(raw: serde_json::Value) -> serde_json::Value {
    const KEPT: [&str; 9] =
        ["architecture", "author", "container", "created", "docker_version", "history", "os", "rootfs", "config"];
    let serde_json::Value::Object(mut fields) = raw else { return serde_json::Value::Null };
    let mut out = serde_json::Map::new();
    for key in KEPT {
        if let Some(value) = fields.remove(key) {
            out.insert(key.to_owned(), value);
        }
    }
    serde_json::Value::Object(out)
}

fn layer(layer: &Layer, sized: bool) -> LayerDoc {
    LayerDoc {
        size: if sized { layer.unpacked_size } else { 0 },
        digest: layer.digest.as_ref().map(ToString::to_string).unwrap_or_default(),
        diff_id: layer.diff_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        created_by: if sized { String::new() } else { layer.created_by.clone().unwrap_or_default() },
    }
}

fn layer_of(assessment: &Assessment, package: &Package) -> LayerDoc {
    package.location.layer.and_then(|i| assessment.inventory.layers.get(i)).map(|l| layer(l, false)).unwrap_or_default()
}

fn identifier(assessment: &Assessment, package: &Package) -> Identifier {
    let purl = package
        .given_purl
        .clone()
        .unwrap_or_else(|| purl::package_url(package, assessment.inventory.distro.as_ref()).to_string());
    let hash = Sha256::digest(format!("{}\n{purl}", package.location.path));
    let uid = hash.iter().take(8).map(|b| format!("{b:02x}")).collect();
    Identifier { purl, uid, bom_ref: package.bom_ref.clone().unwrap_or_default() }
}

/// Epoch, version and release of an operating-system package's full version.
fn split_version(package: &Package, full: &str) -> (u64, String, String) {
    use plimsoll_model::Ecosystem;
    if !matches!(package.ecosystem, Ecosystem::Dpkg | Ecosystem::Rpm) {
        return (0, full.to_owned(), String::new());
    }
    let (epoch, rest) = match full.split_once(':') {
        Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
        None => (0, full),
    };
    match rest.rsplit_once('-') {
        Some((version, release)) => (epoch, version.to_owned(), release.to_owned()),
        None => (epoch, rest.to_owned(), String::new()),
    }
}

fn package(assessment: &Assessment, index: usize, group: &ResultGroup) -> PackageDoc {
    let Some(package) = assessment.inventory.packages.get(index) else { return PackageDoc::default() };
    let (epoch, version, release) = split_version(package, &package.version);
    let (src_epoch, src_version, src_release) = match &package.source {
        Some(source) => split_version(package, &source.version),
        None => (0, String::new(), String::new()),
    };
    PackageDoc {
        id: group.package_id(package),
        name: package.name.clone(),
        identifier: identifier(assessment, package),
        version,
        release,
        epoch,
        arch: package.arch.clone().unwrap_or_default(),
        dev: package.dev,
        src_name: package.source.as_ref().map(|s| s.name.clone()).unwrap_or_default(),
        src_version,
        src_release,
        src_epoch,
        licenses: package.licenses.clone(),
        maintainer: package.vendor.clone().unwrap_or_default(),
        modularity_label: package.module.clone().unwrap_or_default(),
        indirect: package.relationship == Relationship::Indirect,
        relationship: match package.relationship {
            Relationship::Unknown => "",
            Relationship::Root => "root",
            Relationship::Workspace => "workspace",
            Relationship::Direct => "direct",
            Relationship::Indirect => "indirect",
        },
        depends_on: package.depends_on.clone(),
        layer: layer_of(assessment, package),
        file_path: group.shown_path(package).to_owned(),
        locations: package.lines.iter().map(|&(start_line, end_line)| LinesDoc { start_line, end_line }).collect(),
        installed_files: package.files.iter().map(|f| format!("/{f}")).collect(),
        analyzed_by: group.analyzer(package),
    }
}

fn vulnerability(assessment: &Assessment, row: &Row, group: &ResultGroup, artifact_id: &str) -> VulnerabilityDoc {
    let found = row.matched;
    let package = row.package;
    let pkg_id = group.package_id(package);
    let details = &found.vulnerability;
    let family =
        assessment.inventory.distro.as_ref().map(|distro| &distro.family).filter(|_| package.ecosystem.is_os());
    // Trivy shows no source for Red Hat's own data, and no advisory ids for Rocky's.
    let sourced = !matches!(family, Some(Family::RedHat | Family::CentOs));
    let vendor_named = !matches!(family, Some(Family::Rocky));
    let mut vendor_severity: BTreeMap<String, u8> =
        details.vendor_severity.iter().map(|(source, severity)| (source.clone(), severity.rank())).collect();
    if let Some(source) = &found.severity_source
        && found.severity != Severity::Unknown
    {
        vendor_severity.entry(source.clone()).or_insert(found.severity.rank());
    }
    VulnerabilityDoc {
        vulnerability_id: found.id.clone(),
        vendor_ids: if vendor_named { found.vendor_ids.clone() } else { Vec::new() },
        pkg_name: package.name.clone(),
        pkg_path: group.shown_path(package).to_owned(),
        pkg_identifier: identifier(assessment, package),
        installed_version: package.version.clone(),
        fixed_version: row.fixed_version(),
        status: row.status(),
        layer: layer_of(assessment, package),
        severity_source: found.severity_source.clone().unwrap_or_default(),
        primary_url: primary_url(found),
        data_source: found.data_source.as_ref().filter(|_| sourced).map(data_source),
        fingerprint: format!(
            "sha256:{:x}",
            Sha256::digest(format!("{artifact_id}:{}:{pkg_id}:{}", group.target, found.id))
        ),
        pkg_id,
        title: details.title.clone(),
        description: details.description.clone(),
        severity: found.severity.upper(),
        cwe_ids: details.cwes.clone(),
        vendor_severity,
        cvss: details.cvss.iter().map(|c| (c.source.clone(), cvss(c))).collect(),
        references: details.references.clone(),
        published_date: details.published.map(|t| t.to_string()),
        last_modified_date: details.modified.map(|t| t.to_string()),
    }
}

fn data_source(source: &DataSource) -> DataSourceDoc {
    DataSourceDoc {
        id: source.id.clone(),
        name: source.name.clone(),
        url: source.url.clone(),
        base_id: source.base_id.clone(),
    }
}

fn cvss(cvss: &Cvss) -> CvssDoc {
    CvssDoc {
        v2_vector: cvss.v2_vector.clone(),
        v3_vector: cvss.v3_vector.clone(),
        v40_vector: cvss.v40_vector.clone(),
        v2_score: cvss.v2_score.and_then(number),
        v3_score: cvss.v3_score.and_then(number),
        v40_score: cvss.v40_score.and_then(number),
    }
}

/// Go prints a whole float without a fraction.
fn number(value: f64) -> Option<serde_json::Number> {
    if value.fract() == 0.0 && (0.0..=10.0).contains(&value) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number from 0 to 10")]
        return Some(serde_json::Number::from(value as u64));
    }
    serde_json::Number::from_f64(value)
}

/// Where a reader goes first, by Trivy's rule: by the id's prefix, else the first reference of the vendor's own.
pub fn primary_url(found: &Match) -> String {
    const VENDORS: &[(&str, &[&str])] = &[
        ("debian", &["http://www.debian.org", "https://www.debian.org"]),
        ("ubuntu", &["http://www.ubuntu.com", "https://usn.ubuntu.com"]),
        ("redhat", &["https://access.redhat.com"]),
        ("suse-cvrf", &["http://lists.opensuse.org", "https://lists.opensuse.org"]),
        ("oracle-oval", &["http://linux.oracle.com/errata", "https://linux.oracle.com/errata"]),
        ("nodejs-security-wg", &["https://www.npmjs.com", "https://hackerone.com"]),
        ("ruby-advisory-db", &["https://groups.google.com"]),
    ];
    let id = &found.id;
    if id.starts_with("CVE-") {
        return format!("https://avd.aquasec.com/nvd/{}", id.to_ascii_lowercase());
    }
    if id.starts_with("RUSTSEC-") {
        return format!("https://osv.dev/vulnerability/{id}");
    }
    if id.starts_with("GHSA-") {
        return format!("https://github.com/advisories/{id}");
    }
    if id.starts_with("TEMP-") {
        return format!("https://security-tracker.debian.org/tracker/{id}");
    }
    let source = found.data_source.as_ref().map_or("", |s| s.id.as_str());
    let prefixes = VENDORS.iter().find(|(vendor, _)| *vendor == source).map_or(&[][..], |(_, prefixes)| prefixes);
    found
        .vulnerability
        .references
        .iter()
        .find(|reference| prefixes.iter().any(|prefix| reference.starts_with(prefix)))
        .cloned()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_carry_time_version_and_variant() {
        let id = uuid_v7("2021-08-25T12:20:30Z".parse().unwrap(), &[0xff; 32]);
        assert_eq!(&id[..13], "017b7d41-32b0");
        assert_eq!(&id[14..15], "7");
        assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"));
    }

    #[test]
    fn go_numbers_and_escapes() {
        assert_eq!(number(7.0).unwrap().to_string(), "7");
        assert_eq!(number(7.5).unwrap().to_string(), "7.5");
        assert!(number(f64::NAN).is_none());
    }
}
