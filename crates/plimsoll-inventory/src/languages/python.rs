//! Installed Python packages. In: `METADATA` of a `.dist-info` folder, `PKG-INFO` of an `.egg-info` folder, an
//! `.egg-info` file, a zipped `.egg`. Out: the one package it describes. What it does not do: look at what it requires.
//! Format: <https://packaging.python.org/en/latest/specifications/core-metadata/>.

use plimsoll_model::{Ecosystem, Package};

use super::zip::Archive;
use crate::reader::{Candidate, ReadInput, ReadOutput, Reader, Scope};
use crate::text::{text, unreadable};

pub const READER: Reader = Reader {
    id: "python-dist-info",
    what: "installed Python package",
    ecosystem: Ecosystem::Pypi,
    scope: Scope::Image,
    wants: |file: &Candidate<'_>| {
        let mut parts = file.path.rsplit('/');
        let (name, folder) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        match name {
            "METADATA" => folder.ends_with(".dist-info"),
            "PKG-INFO" => folder.ends_with(".egg-info") || folder == "EGG-INFO",
            name => name.ends_with(".egg-info") || name.ends_with(".egg"),
        }
    },
    markers: &[],
    companion: None,
    max_size: 64 << 20,
    read: |input: &ReadInput<'_>| {
        if input.path.ends_with(".egg") { parse_egg(input.bytes) } else { parse(input.bytes) }
    },
};

/// Metadata with a whole licence text in it stays far below.
const MAX_METADATA: u64 = 4 << 20;

/// The package of a zipped `.egg`: its `EGG-INFO/PKG-INFO`.
pub fn parse_egg(bytes: &[u8]) -> ReadOutput {
    let unpacked = Archive::open(bytes).and_then(|archive| {
        for member in archive.members() {
            let member = member?;
            if member.name == "EGG-INFO/PKG-INFO" {
                return member.unpack(MAX_METADATA);
            }
        }
        Ok(Default::default())
    });
    match unpacked {
        Ok(metadata) => parse(&metadata),
        Err(error) => ReadOutput::problem(unreadable("Python egg", error)),
    }
}

/// The package of a metadata file: header lines up to the first empty one.
pub fn parse(bytes: &[u8]) -> ReadOutput {
    let text = text(bytes);
    let (mut name, mut version, mut license, mut expression) = ("", "", "", "");
    let mut classified = Vec::new();
    // Lines that start with a blank continue the one above: long descriptions, licence texts.
    for line in text.lines().take_while(|line| !line.trim().is_empty()).filter(|line| !line.starts_with([' ', '\t'])) {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match key.to_ascii_lowercase().as_str() {
            "name" if name.is_empty() => name = value,
            "version" if version.is_empty() => version = value,
            "license" => license = value,
            "license-expression" => expression = value,
            "classifier" => classified.extend(value.strip_prefix("License :: ").and_then(|v| v.rsplit(" :: ").next())),
            _ => {}
        }
    }
    if name.is_empty() || version.is_empty() {
        let missing = if name.is_empty() { "name" } else { "version" };
        return ReadOutput::problem(unreadable("metadata of a Python package", format!("it has no {missing}")));
    }
    let mut package = Package::new(Ecosystem::Pypi, READER.id, name, version);
    package.licenses = if !expression.is_empty() {
        vec![expression.to_owned()]
    } else if !classified.is_empty() {
        classified.into_iter().filter(|name| *name != "OSI Approved").map(str::to_owned).collect()
    } else if !license.is_empty() && license != "UNKNOWN" {
        vec![license.to_owned()]
    } else {
        Vec::new()
    };
    ReadOutput::of(vec![package])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_names_the_package() {
        let out = parse(b"Metadata-Version: 2.1\r\nName: Foo.Bar_baz\r\nVersion: 1.2.post1\r\nLicense: MIT\r\nDescription: x\r\n Version: 9\r\n\r\nName: other\r\n");
        assert_eq!(out.packages[0].id(), "Foo.Bar_baz@1.2.post1");
        assert_eq!(out.packages[0].licenses, ["MIT"]);
        let out =
            parse(b"Name: a\nVersion: 1\nLicense: long text\nClassifier: License :: OSI Approved :: BSD License\n");
        assert_eq!(out.packages[0].licenses, ["BSD License"]);
    }

    #[test]
    fn metadata_without_version_is_undecided() {
        assert_eq!(parse(b"Name: a\n\nVersion: 1\n").problems.len(), 1);
        assert_eq!(parse(b"").problems.len(), 1);
    }

    #[test]
    fn zipped_eggs_are_opened() {
        let egg = super::super::zip::tests::archive(&[("EGG-INFO/PKG-INFO", b"Name: a\nVersion: 1\n", true)]);
        assert_eq!(parse_egg(&egg).packages[0].id(), "a@1");
        assert_eq!(parse_egg(b"").problems.len(), 1);
    }

    #[test]
    fn only_metadata_files_are_wanted() {
        let wants = |path| (READER.wants)(&Candidate { path, size: 1, mode: 0o644, head: b"" });
        assert!(wants("usr/lib/python3/dist-packages/six-1.16.dist-info/METADATA"));
        assert!(wants("usr/lib/python3/dist-packages/pip.egg-info/PKG-INFO"));
        assert!(wants("usr/lib/python3/dist-packages/argparse-1.4.egg-info"));
        assert!(!wants("usr/share/METADATA") && !wants("a.dist-info/RECORD"));
    }
}
