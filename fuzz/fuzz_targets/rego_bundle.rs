//! Archives of any kind are unpacked within their limits or refused, every file at a path inside; a bundle's data is where its
//! manifest lets it be, and what two bundles say together does not depend on which comes first.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::text;
use plimsoll_rego::bundle::{self, Bundle, File, Limits, Manifest, Verification};

const LIMITS: Limits = Limits { file: 1 << 16, total: 1 << 18, entries: 100, plain: false };

fuzz_target!(|data: &[u8]| {
    if let Ok(files) = bundle::unpack(data, &LIMITS) {
        for file in &files {
            assert!(
                file.path.is_empty() || file.path.starts_with('/') && !file.path.split('/').any(|part| part == "..")
            );
            assert!(file.bytes.len() as u64 <= LIMITS.file);
        }
        // What is asked to hold files and folders alone is the same, or refused.
        if let Ok(plain) = bundle::unpack(data, &Limits { plain: true, ..LIMITS }) {
            assert_eq!(plain.len(), files.len(), "nothing is left out");
        }
        let _ = Bundle::read(files, None);
    }
    let _ = Manifest::read(data);
    // Files of one text, cut at its blank lines: a first line is the path.
    let files: Vec<File> = text(data)
        .split("\n\n")
        .filter_map(|part| part.split_once('\n'))
        .map(|(path, content)| File { path: format!("/{path}"), bytes: content.as_bytes().to_vec() })
        .collect();
    assert!(Bundle::read(files.clone(), Some(&Verification::default())).is_err(), "nobody signed it");
    if let Ok(read) = Bundle::read(files, None) {
        let other =
            Bundle::read(vec![File { path: "/data.json".into(), bytes: b"{\"a\": {\"b\": 1}}".to_vec() }], None);
        let other = other.expect("a bundle of our own");
        let (one, two) = (bundle::merge(&read.data, &other.data), bundle::merge(&other.data, &read.data));
        assert_eq!(one, two, "either order");
    }
});
