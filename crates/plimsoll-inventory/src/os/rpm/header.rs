//! One rpm header as the databases keep it. In: the blob. Out: a package. Follows rpm's "Package File Format", header
//! structure, without the magic: index length, data length, index entries of 16 bytes, data.

use plimsoll_model::{Ecosystem, Package, SourcePackage};

use super::bytes::be32;

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const VENDOR: u32 = 1011;
const LICENSE: u32 = 1014;
const ARCH: u32 = 1022;
const OLD_FILE_NAMES: u32 = 1027;
const SOURCE_RPM: u32 = 1044;
const DIR_INDEXES: u32 = 1116;
const BASE_NAMES: u32 = 1117;
const DIR_NAMES: u32 = 1118;
const MODULARITY_LABEL: u32 = 5096;

const INT32: u32 = 4;
const STRING: u32 = 6;
const STRING_ARRAY: u32 = 8;
const I18N_STRING: u32 = 9;

/// rpm's own bounds on a header: 64 Ki entries of index, 256 MiB of data.
const MAX_ENTRIES: usize = 0xffff;
const MAX_DATA: usize = 256 << 20;
/// Files of one package: kernel sources and TeX have 100,000.
const MAX_FILES: usize = 2_000_000;

struct Header<'a> {
    index: &'a [u8],
    data: &'a [u8],
}

impl<'a> Header<'a> {
    fn parse(blob: &'a [u8]) -> Option<Header<'a>> {
        let entries = usize::try_from(be32(blob, 0)?).ok()?;
        let length = usize::try_from(be32(blob, 4)?).ok()?;
        if entries == 0 || entries > MAX_ENTRIES || length > MAX_DATA {
            return None;
        }
        let start = 8 + entries * 16;
        Some(Header { index: blob.get(8..start)?, data: blob.get(start..start.checked_add(length)?)? })
    }

    /// Type, count and data from its offset on.
    fn find(&self, tag: u32) -> Option<(u32, usize, &'a [u8])> {
        let entry = self.index.chunks_exact(16).find(|entry| be32(entry, 0) == Some(tag))?;
        let offset = usize::try_from(be32(entry, 8)?).ok()?;
        Some((be32(entry, 4)?, usize::try_from(be32(entry, 12)?).ok()?, self.data.get(offset..)?))
    }

    fn string(&self, tag: u32) -> Option<String> {
        let (kind, count, data) = self.find(tag)?;
        if !matches!(kind, STRING | I18N_STRING | STRING_ARRAY) || count == 0 {
            return None;
        }
        let end = data.iter().position(|b| *b == 0)?;
        Some(String::from_utf8_lossy(&data[..end]).into_owned()).filter(|s| !s.is_empty() && s != "(none)")
    }

    fn number(&self, tag: u32) -> Option<u32> {
        let (kind, count, data) = self.find(tag)?;
        if kind == INT32 && count > 0 { be32(data, 0) } else { None }
    }

    fn strings(&self, tag: u32) -> Vec<&'a [u8]> {
        let Some((kind, count, data)) = self.find(tag) else { return Vec::new() };
        if kind != STRING_ARRAY || count > MAX_FILES {
            return Vec::new();
        }
        data.split(|b| *b == 0).take(count).collect()
    }

    fn files(&self) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let relative = |path: String| path.strip_prefix('/').map(str::to_owned).unwrap_or(path);
        let bases = self.strings(BASE_NAMES);
        if bases.is_empty() {
            return self.strings(OLD_FILE_NAMES).into_iter().map(|path| relative(text(path))).collect();
        }
        let folders = self.strings(DIR_NAMES);
        let Some((INT32, count, indexes)) = self.find(DIR_INDEXES) else { return Vec::new() };
        bases
            .iter()
            .take(count)
            .enumerate()
            .filter_map(|(i, base)| {
                let folder = folders.get(usize::try_from(be32(indexes, i * 4)?).ok()?)?;
                Some(relative(text(folder) + &text(base)))
            })
            .collect()
    }
}

/// Reads a header blob. `Ok(None)` for what is no package: the public keys that rpm files as `gpg-pubkey`.
pub fn package(blob: &[u8]) -> Result<Option<Package>, String> {
    let header = Header::parse(blob).ok_or("a package header is cut or too large")?;
    let name = header.string(NAME).ok_or("a package header has no name")?;
    if name == "gpg-pubkey" {
        return Ok(None);
    }
    let missing = |what: &str| format!("the header of {name} has no {what}");
    let version = header.string(VERSION).ok_or_else(|| missing("version"))?;
    let release = header.string(RELEASE).ok_or_else(|| missing("release"))?;
    let epoch = header.number(EPOCH);
    let version = match epoch {
        Some(epoch) => format!("{epoch}:{version}-{release}"),
        None => format!("{version}-{release}"),
    };
    let mut package = Package::new(Ecosystem::Rpm, "rpm", name, version);
    package.arch = header.string(ARCH);
    package.vendor = header.string(VENDOR);
    package.module = header.string(MODULARITY_LABEL);
    package.licenses = header.string(LICENSE).into_iter().collect();
    package.source = header.string(SOURCE_RPM).and_then(|file| source_package(&file, epoch));
    package.files = header.files();
    Ok(Some(package))
}

/// `name-version-release.src.rpm` to its parts; the source has the epoch of its packages, which the name leaves out.
pub fn source_package(file: &str, epoch: Option<u32>) -> Option<SourcePackage> {
    let stem = file.strip_suffix(".rpm")?;
    let stem = stem.strip_suffix(".src").or_else(|| stem.strip_suffix(".nosrc"))?;
    let (rest, release) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    let version = match epoch {
        Some(epoch) if epoch > 0 => format!("{epoch}:{version}-{release}"),
        _ => format!("{version}-{release}"),
    };
    Some(SourcePackage { name: name.to_owned(), version })
}

/// Writes header blobs: what the tests of the databases put into their files.
#[cfg(test)]
pub mod writer {
    /// A blob with the given strings, numbers and string arrays by tag.
    pub fn blob(strings: &[(u32, &str)], numbers: &[(u32, &[u32])], arrays: &[(u32, &[&str])]) -> Vec<u8> {
        let mut index = Vec::new();
        let mut data: Vec<u8> = Vec::new();
        let mut entry = |tag: u32, kind: u32, offset: usize, count: usize| {
            for number in [tag, kind, offset as u32, count as u32] {
                index.extend_from_slice(&number.to_be_bytes());
            }
        };
        for (tag, text) in strings {
            entry(*tag, super::STRING, data.len(), 1);
            data.extend_from_slice(text.as_bytes());
            data.push(0);
        }
        for (tag, texts) in arrays {
            entry(*tag, super::STRING_ARRAY, data.len(), texts.len());
            for text in *texts {
                data.extend_from_slice(text.as_bytes());
                data.push(0);
            }
        }
        for (tag, values) in numbers {
            while !data.len().is_multiple_of(4) {
                data.push(0);
            }
            entry(*tag, super::INT32, data.len(), values.len());
            for value in *values {
                data.extend_from_slice(&value.to_be_bytes());
            }
        }
        let count = (index.len() / 16) as u32;
        [&count.to_be_bytes()[..], &(data.len() as u32).to_be_bytes(), &index, &data].concat()
    }

    /// A package of that name and version with one file.
    pub fn package(name: &str, version: &str, release: &str) -> Vec<u8> {
        blob(
            &[
                (super::NAME, name),
                (super::VERSION, version),
                (super::RELEASE, release),
                (super::ARCH, "x86_64"),
                (super::VENDOR, "Fixture"),
                (super::SOURCE_RPM, &format!("{name}-{version}-{release}.src.rpm")),
            ],
            &[(super::EPOCH, &[1]), (super::DIR_INDEXES, &[0])],
            &[(super::BASE_NAMES, &[name]), (super::DIR_NAMES, &["/usr/bin/"])],
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_header_gives_the_package_and_its_files() {
        let package = package(&writer::package("openssl-libs", "1.1.1k", "9.el8")).unwrap().unwrap();
        assert_eq!(package.id(), "openssl-libs@1:1.1.1k-9.el8");
        assert_eq!(package.files, ["usr/bin/openssl-libs"]);
        assert_eq!(package.source_version(), "1:1.1.1k-9.el8");
    }

    #[test]
    fn public_keys_are_no_packages() {
        assert_eq!(package(&writer::package("gpg-pubkey", "1", "2")).unwrap(), None);
    }

    #[test]
    fn source_names_may_hold_dashes() {
        let source = source_package("perl-Data-Dumper-2.167-399.el8.src.rpm", None).unwrap();
        assert_eq!((source.name.as_str(), source.version.as_str()), ("perl-Data-Dumper", "2.167-399.el8"));
        assert_eq!(source_package("(none)", None), None);
    }

    #[test]
    fn a_header_cut_anywhere_is_an_error_or_has_lost_only_its_tail() {
        let blob = writer::package("a", "1", "2");
        for end in 0..blob.len() {
            assert!(package(&blob[..end]).is_err(), "cut at {end}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = package(&bytes);
        }

        #[test]
        fn a_header_with_changed_bytes_is_read_without_panic(at in 0usize..300, byte in any::<u8>()) {
            let mut blob = writer::package("a", "1", "2");
            let at = at % blob.len();
            blob[at] = byte;
            let _ = package(&blob);
        }
    }
}
