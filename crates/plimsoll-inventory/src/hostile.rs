//! Every reader against hostile bytes: a sample of each, cut at every place, with bytes changed, and plain noise. Nothing
//! may panic, and a sample that is cut may not give more packages than it has.

use proptest::prelude::*;

use crate::binaries::cargo_auditable::tests::packed;
use crate::binaries::go_build_info::tests::inline;
use crate::languages::zip::tests::archive;
use crate::reader::{ReadInput, ReadOutput, Reader};
use crate::readers::READERS;
use crate::sboms::read_sbom;

/// A small good file for a reader: (reader's id, path, bytes).
fn samples() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let pom = b"version=1.0\ngroupId=org.a\nartifactId=shop\n";
    let inner = archive(&[("META-INF/maven/org.a/shop/pom.properties", pom, true)]);
    let manifest = b"Manifest-Version: 1.0\nImplementation-Title: x\nBundle-SymbolicName: org.x.\n y\n";
    vec![
        ("cargo-auditable", "bin/x", elf_with_section(&packed(r#"{"packages":[{"name":"a","version":"1.0.0"}]}"#))),
        ("go-binary", "bin/x", inline("go1.22.3", "path\tx\nmod\tx\t(devel)\t\ndep\ta\tv1.0.0\th1:x=\nbuild\t-ldflags=\"-X main.version=1.0.0\"\n")),
        ("bitnami", "opt/bitnami/a/.spdx-a.spdx", br#"{"spdxVersion":"SPDX-2.3","packages":[{"SPDXID":"a","name":"a","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:bitnami/a@1"}]}]}"#.to_vec()),
        ("gemspec", "specifications/a-1.gemspec", b"  s.name = \"a\".freeze\n  s.version = \"1\"\n".to_vec()),
        ("jar", "a-1.0.war", archive(&[("META-INF/MANIFEST.MF", manifest, true), ("lib/b-2.jar", &inner, true), ("lib/c.jar", &inner, false)])),
        ("node-package-json", "node_modules/a/package.json", br#"{"name":"a","version":"1.0.0","license":"MIT"}"#.to_vec()),
        ("python-dist-info", "a.dist-info/METADATA", b"Name: a\nVersion: 1\nLicense: MIT\n\ntext\n".to_vec()),
        ("cargo-lock", "Cargo.lock", b"version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\ndependencies = [\n \"b\",\n]\n\n[[package]]\nname = \"b\"\nversion = \"1.0.0\"\n".to_vec()),
        ("go-mod", "go.mod", b"module m\ngo 1.21\nrequire (\n\ta v1.0.0\n\tb v1.0.0 // indirect\n)\nreplace a => c v2.0.0\n".to_vec()),
        ("npm-lock", "package-lock.json", br#"{"lockfileVersion":3,"packages":{"":{"dependencies":{"a":"1"}},"node_modules/a":{"version":"1.0.0","dependencies":{"b":"1"}},"node_modules/b":{"link":true,"resolved":"b"},"b":{"version":"1.0.0"}}}"#.to_vec()),
        ("npm-lock", "package-lock.json", br#"{"lockfileVersion":1,"dependencies":{"a":{"version":"1","requires":{"b":"1"},"dependencies":{"b":{"version":"1"}}}}}"#.to_vec()),
        ("poetry-lock", "poetry.lock", b"[[package]]\nname = \"a\"\nversion = \"1\"\n[package.dependencies]\nb = [{version = \">=1\"}]\n\n[[package]]\nname = \"b\"\nversion = \"1\"\n".to_vec()),
        ("requirements-txt", "requirements.txt", b"a[x]==1 ; python_version < '3' \\\n  --hash=sha256:00 # c\n-r b.txt\nc>=1\n-e git+https://x\n".to_vec()),
    ]
}

/// The least ELF program that has a `.dep-v0` section: header, names, data, two section headers after the empty one.
fn elf_with_section(data: &[u8]) -> Vec<u8> {
    let names = b"\0.dep-v0\0.shstrtab\0";
    let mut out = b"\x7fELF\x02\x01\x01".to_vec();
    out.resize(64, 0);
    let names_at = out.len() as u64;
    out.extend(names);
    let data_at = out.len() as u64;
    out.extend(data);
    out.resize(out.len().next_multiple_of(8), 0);
    let table = out.len() as u64;
    let sections = [(0u32, 0u32, 0u64, 0u64), (1, 1, data_at, data.len() as u64), (9, 3, names_at, names.len() as u64)];
    for (name, kind, at, size) in sections {
        out.extend(name.to_le_bytes());
        out.extend(kind.to_le_bytes());
        out.extend([0; 16]);
        out.extend(at.to_le_bytes());
        out.extend(size.to_le_bytes());
        out.extend([0; 24]);
    }
    for (at, value, size) in
        [(16, 2, 2), (18, 62, 2), (20, 1, 4), (40, table, 8), (52, 64, 2), (58, 64, 2), (60, 3, 2), (62, 2, 2)]
    {
        out[at..at + size].copy_from_slice(&u64::to_le_bytes(value)[..size]);
    }
    out
}

fn reader(id: &str) -> &'static Reader {
    READERS.iter().find(|reader| reader.id == id).unwrap()
}

/// With the file itself as every companion that the reader may ask for.
fn read(id: &str, path: &str, bytes: &[u8]) -> ReadOutput {
    let companions = ["Cargo.toml", "go.sum", "pyproject.toml"].map(|name| (name, bytes)).into();
    (reader(id).read)(&ReadInput { path, bytes, companions: &companions })
}

#[test]
fn every_reader_has_a_sample_that_it_wants_and_reads() {
    for known in READERS {
        assert!(samples().iter().any(|(id, _, _)| *id == known.id), "{} has no sample", known.id);
    }
    for (id, path, bytes) in samples() {
        let head = &bytes[..bytes.len().min(crate::reader::HEAD)];
        let file = crate::reader::Candidate { path, size: bytes.len() as u64, mode: 0o755, head };
        assert!(id == "go-binary" || (reader(id).wants)(&file), "{id}");
        let out = (reader(id).read)(&ReadInput::alone(path, &bytes));
        assert!(!out.packages.is_empty(), "{id}: {:?}", out.problems);
        let found = |marker: &&[u8]| memchr::memmem::find(&bytes, marker).is_some();
        assert!(reader(id).markers.is_empty() || reader(id).markers.iter().any(found), "{id}");
    }
}

#[test]
fn cut_samples_are_read_or_told() {
    for (id, path, bytes) in samples() {
        for end in 0..bytes.len() {
            read(id, path, &bytes[..end]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn changed_bytes_never_panic(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        for (id, path, mut bytes) in samples() {
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            read(id, path, &bytes);
        }
    }

    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "\\PC{0,200}") {
        for (id, path, _) in samples() {
            read(id, path, &bytes);
            read(id, path, text.as_bytes());
        }
        let _ = read_sbom(&bytes, "x");
        let _ = read_sbom(format!("SPDXVersion: SPDX-2.2\n{text}").as_bytes(), "x");
    }

    /// Shapes of JSON that no schema foresees.
    #[test]
    fn odd_json_never_panics(values in proptest::collection::vec(prop_oneof!["null", "7", "\"x\"", "\\[\\]", "\\{\\}", "true"], 8)) {
        let v = |i: usize| values[i].as_str();
        let bom = format!(r#"{{"bomFormat":"CycloneDX","metadata":{{"component":{}}},"components":[{{"name":{},"purl":{},"properties":{},"licenses":{}}}],"dependencies":[{}]}}"#, v(0), v(1), v(2), v(3), v(4), v(5));
        let _ = read_sbom(bom.as_bytes(), "x");
        let _ = read_sbom(format!(r#"{{"spdxVersion":"SPDX-2.3","packages":[{}],"relationships":{}}}"#, v(0), v(1)).as_bytes(), "x");
        let lock = format!(r#"{{"lockfileVersion":{},"packages":{{"node_modules/a":{{"version":{},"dependencies":{},"link":{},"resolved":{}}}}},"dependencies":{{"a":{}}}}}"#, v(2), v(3), v(4), v(5), v(6), v(7));
        read("npm-lock", "package-lock.json", lock.as_bytes());
        read("node-package-json", "package.json", format!(r#"{{"name":{},"version":{},"license":{},"licenses":{}}}"#, v(0), v(1), v(2), v(3)).as_bytes());
    }
}
