//! What attackers and accidents put into images: never a panic, never clean.

use plimsoll_inventory::{Limits, Options, catalogue_image};
use plimsoll_model::{OpenLayer, ProblemKind};
use proptest::prelude::*;

use crate::build::{Tar, debian, gzip, honest, ids, image, image_with, promised, sha256, undecided};

fn catalogue(layer: OpenLayer, options: &Options<'_>) -> plimsoll_model::Inventory {
    catalogue_image(None, vec![layer], options)
}

#[test]
fn a_layer_whose_digest_or_size_lies_is_not_believed() {
    let tar = debian(&[("bash", "1")]).end();
    let stored = gzip(&tar);
    let other = sha256(b"other");
    let mut long = promised(stored.clone(), Some(sha256(&stored)), None);
    long.layer.size += 1;
    let mut short = promised(stored.clone(), Some(sha256(&stored)), None);
    short.layer.size -= 1;
    for layer in [
        promised(stored.clone(), Some(other.clone()), Some(sha256(&tar))),
        promised(stored.clone(), Some(sha256(&stored)), Some(other.clone())),
        promised(tar.clone(), None, Some(other)),
        long,
        short,
    ] {
        let inventory = catalogue(layer, &Options::default());
        assert_eq!(undecided(&inventory), [ProblemKind::DigestMismatch]);
        assert_eq!(ids(&inventory), Vec::<String>::new());
    }
}

#[test]
fn a_layer_cut_anywhere_is_never_clean() {
    let tar = debian(&[("bash", "1")]).end();
    let stored = gzip(&tar);
    for end in 0..stored.len() {
        // Even when the digest is that of the cut bytes.
        let cut = stored[..end].to_vec();
        let inventory = catalogue(promised(cut.clone(), Some(sha256(&cut)), Some(sha256(&tar))), &Options::default());
        assert!(!undecided(&inventory).is_empty(), "cut at {end}");
        assert_eq!(ids(&inventory), Vec::<String>::new());
    }
    for end in (1..tar.len() - 1024).step_by(11).filter(|end| end % 512 != 0) {
        let inventory = catalogue(honest(tar[..end].to_vec(), &tar[..end]), &Options::default());
        assert!(!undecided(&inventory).is_empty(), "cut at {end}");
    }
}

#[test]
fn rubbish_after_the_gzip_stream_is_told() {
    let tar = debian(&[("bash", "1")]).end();
    let stored = [gzip(&tar), b"rubbish".to_vec()].concat();
    assert!(!undecided(&catalogue(honest(stored, &tar), &Options::default())).is_empty());
}

#[test]
fn bombs_stop_at_a_limit() {
    let zeros = Tar::default().file("zeros", vec![0; 4 << 20]).end();
    for stored in [gzip(&zeros), zstd::encode_all(&zeros[..], 3).unwrap()] {
        let ratio = Limits { ratio: 10, ratio_grace: 1 << 20, ..Limits::default() };
        let total = Limits { layer_unpacked: 1 << 20, ..Limits::default() };
        for limits in [ratio, total] {
            let inventory = catalogue(honest(stored.clone(), &zeros), &Options { limits, ..Options::default() });
            assert_eq!(undecided(&inventory), [ProblemKind::LimitReached]);
        }
        assert_eq!(undecided(&catalogue(honest(stored, &zeros), &Options::default())), []);
    }
}

#[test]
fn entries_beyond_the_limit_are_told() {
    let mut tar = debian(&[("bash", "1")]);
    for i in 0..200 {
        tar = tar.folder(&format!("d{i}"));
    }
    let limits = Limits { entries: 100, ..Limits::default() };
    let inventory = image_with(vec![tar], &Options { limits, ..Options::default() });
    // Once for the entries of the archive, once for the folders that they imply.
    assert_eq!(undecided(&inventory), [ProblemKind::LimitReached, ProblemKind::LimitReached]);
    assert_eq!(ids(&inventory), ["bash@1"]);
}

#[test]
fn names_that_lead_out_of_the_image_are_told_and_still_read() {
    let manifest = r#"{"name":"x","version":"1.0.0"}"#;
    let inventory = image(vec![Tar::default().file("../../node_modules/x/package.json", manifest)]);
    assert_eq!(undecided(&inventory), [ProblemKind::BrokenArchive]);
    assert_eq!(ids(&inventory), ["x@1.0.0"]);
    let inventory = image(vec![Tar::default().file("/node_modules/x/package.json", manifest)]);
    assert_eq!((undecided(&inventory), ids(&inventory)), (vec![], vec!["x@1.0.0".to_owned()]));
}

#[test]
fn a_sparse_file_with_too_many_zeros_is_told() {
    let records = [("GNU.sparse.size", "99999999999"), ("GNU.sparse.map", "0,1")];
    let inventory = image(vec![Tar::default().pax(&records).file("x", "1")]);
    assert_eq!(undecided(&inventory), [ProblemKind::LimitReached]);
}

#[test]
fn a_sparse_map_that_contradicts_itself_is_told() {
    for map in ["0,1,0,1", "5,1", "0,99", "0"] {
        let records = [("GNU.sparse.size", "4"), ("GNU.sparse.map", map)];
        let inventory = image(vec![Tar::default().pax(&records).file("x", "12")]);
        assert_eq!(undecided(&inventory), [ProblemKind::BrokenArchive], "{map}");
    }
}

#[test]
fn a_type_that_nobody_unpacks_is_told() {
    let inventory = image(vec![Tar::default().raw("x", b'M', 0o644, "", 1, b"1")]);
    assert_eq!(undecided(&inventory), [ProblemKind::BrokenArchive]);
}

#[test]
fn a_hard_link_to_nothing_and_a_whiteout_of_nothing_are_told() {
    let inventory = image(vec![Tar::default().hard_link("a", "b").file(".wh.", "").file(".wh.x", "")]);
    assert_eq!(undecided(&inventory), [ProblemKind::BrokenArchive, ProblemKind::BrokenArchive]);
}

#[test]
fn a_layer_that_cannot_be_opened_is_told() {
    let mut layer = honest(Vec::new(), &[]);
    layer.open = Box::new(|| Err(std::io::Error::other("gone")));
    assert_eq!(undecided(&catalogue(layer, &Options::default())), [ProblemKind::Unreachable]);
}

#[test]
fn a_layer_in_bzip2_or_xz_is_told() {
    for magic in [&b"BZh91AY"[..], b"\xfd7zXZ\0\0"] {
        assert!(!undecided(&catalogue(honest(magic.to_vec(), b""), &Options::default())).is_empty());
    }
}

#[test]
fn problems_of_one_layer_are_bounded() {
    let mut tar = Tar::default();
    for i in 0..50 {
        tar = tar.raw(&format!("x{i}"), b'M', 0, "", 0, &[]);
    }
    let limits = Limits { problems: 10, ..Limits::default() };
    assert_eq!(image_with(vec![tar], &Options { limits, ..Options::default() }).problems.len(), 11);
}

#[test]
fn a_configuration_that_names_another_number_of_layers_is_told() {
    let tar = debian(&[("bash", "1")]).end();
    let config = plimsoll_model::ImageConfig { diff_ids: vec![sha256(&tar), sha256(b"")], ..Default::default() };
    let inventory = catalogue_image(Some(config), vec![honest(tar.clone(), &tar)], &Options::default());
    assert_eq!(undecided(&inventory), [ProblemKind::DigestMismatch]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Whatever the bytes of a tar: an answer, and what can be read of it twice is the same.
    #[test]
    fn a_changed_tar_gives_an_answer(changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..6)) {
        let mut tar = debian(&[("bash", "1")]).pax(&[("path", "long")]).file("x", "1").link("a", "b").hard_link("c", "x").end();
        let length = tar.len();
        for (at, byte) in changes {
            tar[at % length] = byte;
        }
        let read = || catalogue(promised(tar.clone(), None, None), &Options::default());
        prop_assert_eq!(read(), read());
    }

    #[test]
    fn any_bytes_as_a_layer_give_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..2000), gz in any::<bool>()) {
        let stored = if gz { gzip(&bytes) } else { bytes };
        let _ = catalogue(promised(stored, None, None), &Options::default());
    }
}
