//! SPDX documents in tags and values, versions 2.2 and 2.3. In: text. Out: the document as SPDX's JSON has it.
//! <https://spdx.github.io/spdx-spec/v2.3/>
//!
//! As in conftest, which elements snippets, reviews and annotations are of is checked and left out. SPDX's own JSON is read as
//! JSON: there too, this parser refuses it.

mod parts;

use crate::{Fault, Made, Map, Value};
use parts::{agent, any_element, checksum, element, halves, known_checksum};

/// Where the value of a tag goes.
#[derive(Clone, Copy)]
enum To {
    /// A key that is there whatever its value.
    Must(&'static str),
    /// A key that is left out where its value is empty.
    May(&'static str),
    List(&'static str),
    /// It is read and left out.
    Nowhere,
}

use To::{List, May, Must, Nowhere};

const DOCUMENT: &[(&str, To)] = &[
    ("DocumentComment", May("comment")),
    ("SPDXVersion", Must("spdxVersion")),
    ("DataLicense", Must("dataLicense")),
    ("DocumentName", Must("name")),
    ("DocumentNamespace", Must("documentNamespace")),
];
const CREATION: &[(&str, To)] = &[
    ("LicenseListVersion", May("licenseListVersion")),
    ("Created", Must("created")),
    ("CreatorComment", May("comment")),
];
const PACKAGE: &[(&str, To)] = &[
    ("PackageVersion", May("versionInfo")),
    ("PackageFileName", May("packageFileName")),
    ("PackageDownloadLocation", Must("downloadLocation")),
    ("PackageHomePage", May("homepage")),
    ("PackageSourceInfo", May("sourceInfo")),
    ("PackageLicenseConcluded", May("licenseConcluded")),
    ("PackageLicenseInfoFromFiles", List("licenseInfoFromFiles")),
    ("PackageLicenseDeclared", May("licenseDeclared")),
    ("PackageLicenseComments", May("licenseComments")),
    ("PackageCopyrightText", May("copyrightText")),
    ("PackageSummary", May("summary")),
    ("PackageDescription", May("description")),
    ("PackageComment", May("comment")),
    ("PrimaryPackagePurpose", May("primaryPackagePurpose")),
    ("ReleaseDate", May("releaseDate")),
    ("BuiltDate", May("builtDate")),
    ("ValidUntilDate", May("validUntilDate")),
    ("PackageAttributionText", List("attributionTexts")),
];
/// Tags of packages that version 2.2 does not have.
const SINCE_2_3: &[&str] = &["PrimaryPackagePurpose", "ReleaseDate", "BuiltDate", "ValidUntilDate"];
const FILE: &[(&str, To)] = &[
    ("FileType", List("fileTypes")),
    ("LicenseConcluded", May("licenseConcluded")),
    ("LicenseInfoInFile", List("licenseInfoInFiles")),
    ("LicenseComments", May("licenseComments")),
    ("FileCopyrightText", Must("copyrightText")),
    ("FileComment", May("comment")),
    ("FileNotice", May("noticeText")),
    ("FileContributor", List("fileContributors")),
    ("FileDependency", List("fileDependencies")),
    ("FileAttributionText", List("attributionTexts")),
];
const SNIPPET: &[(&str, To)] = &[
    ("SnippetLicenseConcluded", Nowhere),
    ("LicenseInfoInSnippet", Nowhere),
    ("SnippetLicenseComments", Nowhere),
    ("SnippetCopyrightText", Nowhere),
    ("SnippetComment", Nowhere),
    ("SnippetName", Nowhere),
    ("SnippetAttributionText", Nowhere),
];
const LICENSE: &[(&str, To)] = &[
    ("ExtractedText", Must("extractedText")),
    ("LicenseName", May("name")),
    ("LicenseCrossReference", List("seeAlsos")),
    ("LicenseComment", May("comment")),
];
const REVIEW: &[(&str, To)] = &[("ReviewDate", Nowhere), ("ReviewComment", Nowhere)];
const ANNOTATION: &[(&str, To)] = &[
    ("AnnotationDate", Must("annotationDate")),
    ("AnnotationType", Must("annotationType")),
    ("AnnotationComment", Must("comment")),
];

pub fn read(text: &str) -> Result<Value, Fault> {
    let pairs = pairs(text)?;
    if pairs.is_empty() {
        return Err(Fault::new("no tag values found"));
    }
    let version = pairs.iter().find(|pair| pair.tag == "SPDXVersion").map_or("", |pair| pair.value.as_str());
    let newest = match version {
        "SPDX-2.3" => true,
        "SPDX-2.2" => false,
        "SPDX-2.1" => return Err(Fault::new("SPDX-2.1 is not spoken here: write it as SPDX-2.3")),
        other => return Err(Fault::new(format!("unsupported SPDX version: '{other}'"))),
    };
    let mut reader = Reader {
        newest,
        section: Section::Document,
        document: required(DOCUMENT),
        creation: None,
        packages: Vec::new(),
        files: Vec::new(),
        licenses: Vec::new(),
        relationships: Vec::new(),
        annotations: Vec::new(),
        project: false,
        reference: false,
        here: Here::Nothing,
    };
    for pair in &pairs {
        reader.pair(&pair.tag, &pair.value).map_err(|message| Fault::in_line(pair.line, message))?;
    }
    reader.document().map_err(Fault::new)
}

struct Pair {
    tag: String,
    value: String,
    line: usize,
}

/// Lines `Tag: value`, where a value may be a text of more lines.
fn pairs(text: &str) -> Result<Vec<Pair>, Fault> {
    let mut pairs: Vec<Pair> = Vec::new();
    let mut made = Made::default();
    let mut open: Option<Pair> = None;
    for (at, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if let Some(pair) = &mut open {
            let (more, closed) = line.split_once("</text>").map_or((line, false), |(more, _)| (more, true));
            pair.value.push_str(more);
            if closed {
                pairs.extend(open.take());
            } else {
                pair.value.push('\n');
            }
            continue;
        }
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // A list's entry may be a map of some texts.
        made.some(4).map_err(|message| Fault::in_line(at + 1, message))?;
        let (tag, value) =
            line.split_once(':').ok_or_else(|| Fault::in_line(at + 1, format!("no colon found in '{line}'")))?;
        let pair = |value: &str| Pair { tag: tag.trim().to_owned(), value: value.to_owned(), line: at + 1 };
        match value.split_once("<text>") {
            None => pairs.push(pair(value.trim())),
            Some((_, value)) => match value.split_once("</text>") {
                Some((value, _)) => pairs.push(pair(value)),
                None => open = Some(pair(&format!("{value}\n"))),
            },
        }
    }
    match open {
        Some(pair) => Err(Fault::in_line(pair.line, format!("the text of {} is not closed", pair.tag))),
        None => Ok(pairs),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Section {
    Document,
    Creation,
    Package,
    File,
    Snippet,
    License,
    Review,
}

/// What is being described.
#[derive(Clone, Copy, PartialEq)]
enum Here {
    Nothing,
    Package,
    /// Of the last package.
    PackageFile,
    /// Of no package.
    File,
}

struct Reader {
    newest: bool,
    section: Section,
    document: Map,
    creation: Option<Map>,
    packages: Vec<Map>,
    files: Vec<Map>,
    licenses: Vec<Map>,
    relationships: Vec<Map>,
    annotations: Vec<Map>,
    /// A project's home page may follow.
    project: bool,
    /// An external reference's comment may follow.
    reference: bool,
    here: Here,
}

impl Reader {
    fn pair(&mut self, tag: &str, value: &str) -> Result<(), String> {
        if self.section == Section::Document {
            if self.of_document(tag, value)? {
                return Ok(());
            }
            self.section = Section::Creation;
        }
        self.creation.get_or_insert_with(|| {
            let mut creation = required(CREATION);
            creation.insert("creators".into(), Value::Null);
            creation
        });
        let (project, reference) = (std::mem::take(&mut self.project), std::mem::take(&mut self.reference));
        if self.new_section(tag, value)? || self.of_any(tag, value)? {
            return Ok(());
        }
        let known = match self.section {
            Section::Document => false,
            Section::Creation => self.of_creation(tag, value)?,
            Section::Package => self.of_package(tag, value, reference)?,
            Section::File => self.of_file(tag, value, project)?,
            Section::Snippet => of_snippet(tag, value)?,
            Section::License => put(self.licenses.last_mut(), LICENSE, tag, value),
            Section::Review => put(None, REVIEW, tag, value),
        };
        match known {
            true => Ok(()),
            false => Err(format!("received unknown tag {tag} in this section")),
        }
    }

    fn of_document(&mut self, tag: &str, value: &str) -> Result<bool, String> {
        match tag {
            "SPDXID" => {
                self.document.insert("SPDXID".into(), Value::text(element(value)?));
            }
            "ExternalDocumentRef" => {
                let words: Vec<&str> = value.split(' ').map(str::trim).filter(|word| !word.is_empty()).collect();
                let (id, uri, algorithm, sum) = match words.as_slice() {
                    [id, uri, algorithm, sum] => {
                        let algorithm = algorithm.strip_suffix(':').ok_or("algorithm does not end with colon")?;
                        (*id, *uri, algorithm, *sum)
                    }
                    [id, uri, both] => {
                        let (algorithm, sum) =
                            both.split_once(':').ok_or("missing colon separator between algorithm and checksum")?;
                        (*id, *uri, algorithm, sum)
                    }
                    words => return Err(format!("expected 4 elements, got {}", words.len())),
                };
                if id.strip_prefix("DocumentRef-").is_none_or(str::is_empty) {
                    return Err("expected first element to have DocumentRef- prefix".into());
                }
                let entry = Value::map([
                    ("externalDocumentId", Value::text(id)),
                    ("spdxDocument", Value::text(uri)),
                    ("checksum", checksum(algorithm, sum)),
                ]);
                push(&mut self.document, "externalDocumentRefs", entry);
            }
            _ => return Ok(put(Some(&mut self.document), DOCUMENT, tag, value)),
        }
        Ok(true)
    }

    /// Tags that something begins with, where they may.
    fn new_section(&mut self, tag: &str, value: &str) -> Result<bool, String> {
        use Section::{Creation, File, License, Package, Review, Snippet};
        match (tag, self.section) {
            ("PackageName", Creation | Package | File | Snippet) => {
                self.whole()?;
                let mut package = required(PACKAGE);
                package.insert("name".into(), Value::text(value));
                package.insert("filesAnalyzed".into(), Value::Bool(true));
                if !self.newest {
                    // Conftest makes a document of 2.3 of one of 2.2, and of a code that is not there an empty one.
                    let none = Value::map([("packageVerificationCodeValue", Value::text(""))]);
                    package.insert("packageVerificationCode".into(), none);
                }
                self.packages.push(package);
                (self.section, self.here) = (Package, Here::Package);
            }
            ("FileName", Creation | Package | File | Snippet) => {
                self.whole()?;
                let mut file = required(FILE);
                file.insert("fileName".into(), Value::text(value));
                file.insert("checksums".into(), Value::Null);
                match self.packages.last_mut() {
                    Some(package) => {
                        push(package, "files", Value::Map(file));
                        self.here = Here::PackageFile;
                    }
                    None => {
                        self.files.push(file);
                        self.here = Here::File;
                    }
                }
                self.section = File;
            }
            ("SnippetSPDXID", File | Snippet) => {
                self.whole()?;
                element(value)?;
                self.section = Snippet;
            }
            ("LicenseID", Creation | Package | File | Snippet | License) => {
                let mut license = required(LICENSE);
                license.insert("licenseId".into(), Value::text(value));
                self.licenses.push(license);
                self.section = License;
            }
            ("Reviewer", _) => {
                agent(value, &["Person", "Organization", "Tool"])?;
                self.section = Review;
            }
            ("DocumentComment", Creation) => {
                self.section = Section::Document;
                self.of_document(tag, value)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What was described has an identifier.
    fn whole(&mut self) -> Result<(), String> {
        let here = self.here;
        match self.described() {
            Some(map) if !map.contains_key("SPDXID") => {
                let (what, key) = match here {
                    Here::Package => ("package with PackageName", "name"),
                    _ => ("file with FileName", "fileName"),
                };
                let name = match map.get(key) {
                    Some(Value::Text(name)) => name.as_str(),
                    _ => "",
                };
                Err(format!("{what} {name} does not have SPDX identifier"))
            }
            _ => Ok(()),
        }
    }

    fn described(&mut self) -> Option<&mut Map> {
        match self.here {
            Here::Nothing => None,
            Here::Package => self.packages.last_mut(),
            Here::File => self.files.last_mut(),
            Here::PackageFile => match self.packages.last_mut()?.get_mut("files")? {
                Value::List(files) => match files.last_mut()? {
                    Value::Map(file) => Some(file),
                    _ => None,
                },
                _ => None,
            },
        }
    }

    /// Relationships and annotations, which stand anywhere.
    fn of_any(&mut self, tag: &str, value: &str) -> Result<bool, String> {
        match tag {
            "Relationship" => {
                let words: Vec<&str> = value.split(' ').map(str::trim).filter(|word| !word.is_empty()).collect();
                let [from, kind, to] = words.as_slice() else {
                    return Err(format!("invalid relationship format for {value}"));
                };
                let to = if matches!(*to, "NONE" | "NOASSERTION") { (*to).to_owned() } else { any_element(to)? };
                let entries = [
                    ("spdxElementId", any_element(from)?),
                    ("relationshipType", (*kind).to_owned()),
                    ("relatedSpdxElement", to),
                ];
                self.relationships.push(entries.map(|(key, text)| (key.to_owned(), Value::Text(text))).into());
            }
            "RelationshipComment" => {
                let last = self.relationships.last_mut();
                let last = last.ok_or("a comment of a relationship stands before all of them")?;
                set(last, May("comment"), value);
            }
            "Annotator" => {
                let mut annotation = required(ANNOTATION);
                annotation.insert("annotator".into(), agent(value, &["Person", "Organization", "Tool"])?);
                self.annotations.push(annotation);
            }
            "SPDXREF" | "AnnotationDate" | "AnnotationType" | "AnnotationComment" => {
                let last = self.annotations.last_mut().ok_or("an annotation begins with its Annotator")?;
                if tag == "SPDXREF" {
                    any_element(value)?;
                } else {
                    put(Some(last), ANNOTATION, tag, value);
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn of_creation(&mut self, tag: &str, value: &str) -> Result<bool, String> {
        let Some(creation) = &mut self.creation else { return Ok(false) };
        if tag == "Creator" {
            push(creation, "creators", agent(value, &["Person", "Organization", "Tool"])?);
            return Ok(true);
        }
        Ok(put(Some(creation), CREATION, tag, value))
    }

    fn of_package(&mut self, tag: &str, value: &str, reference: bool) -> Result<bool, String> {
        let newest = self.newest;
        let Some(package) = self.packages.last_mut() else { return Ok(false) };
        let whom = |value: &str| match value {
            "NOASSERTION" => Ok(Value::text(value)),
            value => agent(value, &["Person", "Organization"]),
        };
        match tag {
            "SPDXID" => identify(package, value)?,
            "PackageSupplier" => drop(package.insert("supplier".into(), whom(value)?)),
            "PackageOriginator" => drop(package.insert("originator".into(), whom(value)?)),
            "FilesAnalyzed" => {
                if let Ok(truth) = value.parse() {
                    package.insert("filesAnalyzed".into(), Value::Bool(truth));
                }
            }
            "PackageVerificationCode" => {
                let (code, excluded) = value.split_once("(excludes:").unwrap_or((value, ""));
                let mut entry = Map::new();
                let split = value.contains("(excludes:");
                let code = if split { code.trim() } else { code };
                entry.insert("packageVerificationCodeValue".into(), Value::text(code));
                if split {
                    let file = excluded.split(')').next().unwrap_or_default().trim();
                    push(&mut entry, "packageVerificationCodeExcludedFiles", Value::text(file));
                }
                package.insert("packageVerificationCode".into(), Value::Map(entry));
            }
            "PackageChecksum" => push(package, "checksums", known_checksum(value, newest)?),
            "ExternalRef" => {
                let words: Vec<&str> = value.split(' ').map(str::trim).filter(|word| !word.is_empty()).collect();
                let [category, kind, locator] = words.as_slice() else {
                    return Err(format!("expected 3 elements, got {}", words.len()));
                };
                let entry = Value::map([
                    ("referenceCategory", Value::text(category.replace('_', "-"))),
                    ("referenceType", Value::text(*kind)),
                    ("referenceLocator", Value::text(*locator)),
                ]);
                push(package, "externalRefs", entry);
                self.reference = true;
            }
            "ExternalRefComment" => {
                let last = last(package, "externalRefs").filter(|_| reference);
                set(last.ok_or("no current ExternalRef found")?, May("comment"), value);
            }
            tag if !newest && SINCE_2_3.contains(&tag) => return Ok(false),
            _ => return Ok(put(Some(package), PACKAGE, tag, value)),
        }
        Ok(true)
    }

    fn of_file(&mut self, tag: &str, value: &str, project: bool) -> Result<bool, String> {
        let newest = self.newest;
        let Some(file) = self.described() else { return Ok(false) };
        match tag {
            "SPDXID" => identify(file, value)?,
            "FileChecksum" => push(file, "checksums", known_checksum(value, newest)?),
            "ArtifactOfProjectName" => {
                let entry =
                    [("name", value), ("homePage", ""), ("URI", "")].map(|(key, text)| (key, Value::text(text)));
                push(file, "artifactOfs", Value::map(entry));
                self.project = true;
            }
            "ArtifactOfProjectHomePage" | "ArtifactOfProjectURI" => {
                let key = if tag == "ArtifactOfProjectURI" { Must("URI") } else { Must("homePage") };
                let last = last(file, "artifactOfs").filter(|_| project);
                set(last.ok_or("no current ArtifactOfProject found")?, key, value);
                self.project = true;
            }
            _ => return Ok(put(Some(file), FILE, tag, value)),
        }
        Ok(true)
    }

    fn document(mut self) -> Result<Value, String> {
        self.whole()?;
        let mut out = std::mem::take(&mut self.document);
        out.insert("spdxVersion".into(), Value::text("SPDX-2.3"));
        out.entry("SPDXID".into()).or_insert_with(|| Value::text("SPDXRef-"));
        out.insert("creationInfo".into(), self.creation.map_or(Value::Null, Value::Map));
        for (key, list) in [
            ("packages", self.packages),
            ("files", self.files),
            ("hasExtractedLicensingInfos", self.licenses),
            ("relationships", self.relationships),
            ("annotations", self.annotations),
        ] {
            if !list.is_empty() {
                out.insert(key.into(), Value::List(list.into_iter().map(Value::Map).collect()));
            }
        }
        Ok(Value::Map(out))
    }
}

fn of_snippet(tag: &str, value: &str) -> Result<bool, String> {
    match tag {
        "SnippetFromFileSPDXID" => any_element(value).map(|_| true),
        "SnippetByteRange" | "SnippetLineRange" => {
            let (from, to) = halves(value)?;
            match (from.parse::<i64>(), to.parse::<i64>()) {
                (Ok(_), Ok(_)) => Ok(true),
                _ => Err(format!("{value} is no range")),
            }
        }
        _ => Ok(put(None, SNIPPET, tag, value)),
    }
}

/// A map with the keys that it must have.
fn required(table: &[(&str, To)]) -> Map {
    let keys = table.iter().filter_map(|(_, to)| match to {
        Must(key) => Some((*key).to_owned()),
        _ => None,
    });
    keys.map(|key| (key, Value::text(""))).collect()
}

/// Puts a value where its tag says; whether the table knows the tag.
fn put(map: Option<&mut Map>, table: &[(&str, To)], tag: &str, value: &str) -> bool {
    let found = table.iter().find(|(name, _)| *name == tag);
    if let (Some(map), Some((_, to))) = (map, found) {
        set(map, *to, value);
    }
    found.is_some()
}

fn set(map: &mut Map, to: To, value: &str) {
    match to {
        Must(key) => drop(map.insert(key.to_owned(), Value::text(value))),
        May(key) if value.is_empty() => drop(map.remove(key)),
        May(key) => drop(map.insert(key.to_owned(), Value::text(value))),
        List(key) => push(map, key, Value::text(value)),
        Nowhere => {}
    }
}

fn push(map: &mut Map, key: &str, value: Value) {
    match map.get_mut(key) {
        Some(Value::List(list)) => list.push(value),
        _ => drop(map.insert(key.to_owned(), Value::List(vec![value]))),
    }
}

/// The last map of a list.
fn last<'a>(map: &'a mut Map, key: &str) -> Option<&'a mut Map> {
    match map.get_mut(key)? {
        Value::List(list) => match list.last_mut()? {
            Value::Map(last) => Some(last),
            _ => None,
        },
        _ => None,
    }
}

fn identify(map: &mut Map, value: &str) -> Result<(), String> {
    match map.insert("SPDXID".into(), Value::text(element(value)?)) {
        None => Ok(()),
        Some(_) => Err("a second SPDX identifier".into()),
    }
}
