//! Archives: OCI layouts in a tar, and what `docker save` writes, old and new.

use std::fs;

use plimsoll_model::Platform;
use plimsoll_sources::{InputOptions, ResolvedImage, SourceError, open_input};
use serde_json::json;

use crate::make::{self, Store, bytes_of, gzip, member, sha256, tar};

fn open(bytes: &[u8], name: &str) -> Result<ResolvedImage, SourceError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tar");
    fs::write(&path, bytes).unwrap();
    let options = InputOptions { name: Some(name.to_owned()).filter(|n| !n.is_empty()), ..InputOptions::default() };
    open_input(&path, &options)
}

fn native() -> String {
    Platform::native().to_string()
}

/// A legacy `docker save` archive of one image: configuration named by its digest, layers in folders.
fn saved(layers: &[&str], layer_paths: &[&str]) -> Vec<(String, Vec<u8>)> {
    let contents: Vec<Vec<u8>> = layers.iter().map(|text| tar(&[("file", text.as_bytes())])).collect();
    let config = make::config(&native(), &contents);
    let config_path = format!("{}.json", sha256(&config).hex());
    let manifest = json!([{"Config": config_path, "RepoTags": ["nginx:1.21"], "Layers": layer_paths}]);
    let mut files = vec![(config_path, config), ("manifest.json".into(), manifest.to_string().into_bytes())];
    files.extend(layer_paths.iter().zip(contents).map(|(path, bytes)| ((*path).to_owned(), bytes)));
    files
}

fn packed(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    tar(&files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect::<Vec<_>>())
}

#[test]
fn layout_in_a_tar_gives_the_same_image_as_the_folder_plain_or_gzipped() {
    let mut store = Store::default();
    let image = store.image(&native(), &["one", "two"]);
    store.name(image.clone(), "acme/shop:1");
    for bytes in [store.tar(), gzip(&store.tar())] {
        let found = open(&bytes, "").unwrap();
        assert_eq!(found.digest.as_ref().unwrap().to_string(), image["digest"].as_str().unwrap());
        assert_eq!(found.reference.as_ref().unwrap().to_string(), "docker.io/acme/shop:1");
        assert_eq!(bytes_of(&found.layers[1]), tar(&[("file", b"two")]));
        assert_eq!(bytes_of(&found.layers[1]).len(), 2048, "a layer can be opened again");
        assert!(found.problems.is_empty(), "{:?}", found.problems);
    }
}

#[test]
fn legacy_docker_archive_is_read_and_named_by_its_configuration() {
    let files = saved(&["one", "two"], &["aa/layer.tar", "bb/layer.tar"]);
    let found = open(&packed(&files), "").unwrap();
    assert_eq!(found.digest, None);
    assert_eq!(found.image_id.as_ref().unwrap(), &sha256(&files[0].1));
    assert_eq!(found.reference.as_ref().unwrap().to_string(), "docker.io/library/nginx:1.21");
    assert_eq!(found.layers[0].layer.digest, None);
    assert_eq!(found.layers[1].layer.diff_id.as_ref().unwrap(), &sha256(&bytes_of(&found.layers[1])));
    assert_eq!(found.layers[1].layer.created_by.as_deref(), Some("RUN step 1"));
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    assert!(open(&packed(&files), "nginx:1.21").is_ok());
    assert!(open(&packed(&files), "docker.io/library/nginx:1.21").is_ok());
    let mut latest = saved(&["one"], &["aa/layer.tar"]);
    latest[1].1 = String::from_utf8(latest[1].1.clone()).unwrap().replace("nginx:1.21", "nginx:latest").into_bytes();
    assert!(open(&packed(&latest), "nginx").is_ok(), "a tag that was left away is latest");
    let error = open(&packed(&files), "nginx:1.22").unwrap_err();
    assert_eq!(error.hint().unwrap(), "it holds nginx:1.21");
}

#[test]
fn layer_that_is_a_link_to_another_member_is_followed() {
    let mut files = saved(&["one", "one"], &["aa/layer.tar", "bb/layer.tar"]);
    files.pop();
    let mut bytes = packed(&files);
    bytes.truncate(bytes.len() - 1024);
    bytes.extend(member(b'2', "bb/layer.tar", "../aa/layer.tar", b""));
    bytes.extend([0u8; 1024]);
    let found = open(&bytes, "").unwrap();
    assert_eq!(bytes_of(&found.layers[1]), bytes_of(&found.layers[0]));
}

#[test]
fn paths_that_lead_out_of_the_archive_are_refused() {
    for evil in ["../../etc/passwd", "/etc/passwd", "aa/../../x"] {
        let files = saved(&["one"], &[evil]);
        let found = open(&packed(&files), "").unwrap();
        assert!(found.problems.iter().any(|p| p.message.contains("out of the archive")), "{:?}", found.problems);
        assert!((found.layers[0].open)().is_err());
    }
    let mut files = saved(&["one"], &["aa/layer.tar"]);
    files.pop();
    for (kind, link) in [(b'2', "/etc/passwd"), (b'2', "../../etc/passwd"), (b'1', "../x"), (b'2', "layer.tar")] {
        let mut bytes = packed(&files);
        bytes.truncate(bytes.len() - 1024);
        bytes.extend(member(kind, "aa/layer.tar", link, b""));
        let found = open(&bytes, "").unwrap();
        assert!((found.layers[0].open)().is_err(), "{link}");
        assert_eq!(found.problems.len(), 1, "{link}");
    }
}

#[test]
fn configuration_whose_name_lies_is_refused() {
    let mut files = saved(&["one"], &["aa/layer.tar"]);
    files[0].1.push(b' ');
    assert!(matches!(open(&packed(&files), ""), Err(SourceError::DigestMismatch { .. })));
}

#[test]
fn archive_of_both_forms_must_hold_one_image() {
    let mut store = Store::default();
    let image = store.image(&native(), &["one"]);
    store.name(image.clone(), "1.21");
    let manifest: serde_json::Value = serde_json::from_slice(&store.blobs[image["digest"].as_str().unwrap()]).unwrap();
    let path = |value: &serde_json::Value| format!("blobs/{}", value.as_str().unwrap().replace(':', "/"));
    let docker = json!([{
        "Config": path(&manifest["config"]["digest"]), "RepoTags": ["nginx:1.21"],
        "Layers": [path(&manifest["layers"][0]["digest"])],
    }]);
    let mut files = store.files();
    files.push(("manifest.json".into(), docker.to_string().into_bytes()));
    let found = open(&packed(&files), "").unwrap();
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    assert_eq!(found.reference.unwrap().to_string(), "docker.io/library/nginx:1.21");

    let other = saved(&["other"], &["x/layer.tar"]);
    files.pop();
    files.extend(other);
    let found = open(&packed(&files), "").unwrap();
    assert!(found.problems.iter().any(|p| p.message.contains("different images")), "{:?}", found.problems);
}

#[test]
fn long_names_and_pax_names_are_read() {
    let long = format!("{}/layer.tar", "d".repeat(150));
    assert!(open(&packed(&saved(&["one"], &[&long])), "").unwrap().problems.is_empty());
    let mut files = saved(&["one"], &["aa/layer.tar"]);
    let (_, layer) = files.pop().unwrap();
    let mut bytes = packed(&files);
    bytes.truncate(bytes.len() - 1024);
    bytes.extend(member(b'x', "pax", "", b"21 path=aa/layer.tar\n"));
    bytes.extend(member(b'0', "short", "", &layer));
    assert!(open(&bytes, "").unwrap().problems.is_empty());
}

#[test]
fn truncated_archive_is_an_error_at_any_byte() {
    let mut store = Store::default();
    let image = store.image(&native(), &["one"]);
    store.name(image, "");
    let whole = store.tar();
    for end in (0..whole.len() - 2048).step_by(97) {
        // Cut after the last manifest, what is missing is a layer, which is found out when it is opened.
        let cut = open(&whole[..end], "").map_or(true, |image| image.layers.iter().any(|l| (l.open)().is_err()));
        assert!(cut, "{end}");
    }
    let zipped = gzip(&whole);
    for end in (0..zipped.len()).step_by(29) {
        assert!(open(&zipped[..end], "").is_err(), "{end}");
    }
}

#[test]
fn what_is_no_archive_says_what_it_should_be() {
    let error = open(b"<html>sign in</html>", "").unwrap_err();
    assert!(error.to_string().contains("neither"), "{error}");
    let error = open(&gzip(&[0; 4096]), "").unwrap_err();
    assert!(error.to_string().contains("no tar archive"), "{error}");
    let error = open(&tar(&[("hello", b"x")]), "").unwrap_err();
    assert!(error.to_string().contains("docker save"), "{error}");
}

#[test]
fn member_names_that_lead_out_are_noted() {
    let mut store = Store::default();
    let image = store.image(&native(), &["one"]);
    store.name(image, "");
    let mut files = store.files();
    files.push(("../evil".into(), b"x".to_vec()));
    let found = open(&packed(&files), "").unwrap();
    assert!(found.problems[0].message.contains("1 members"), "{:?}", found.problems);
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]
    #[test]
    fn archive_with_any_changed_bytes_never_panics(changes: Vec<(u16, u8)>) {
        let mut store = Store::default();
        let image = store.image(&native(), &["one"]);
        store.name(image, "");
        let mut bytes = store.tar();
        let length = bytes.len();
        for (at, value) in changes {
            bytes[usize::from(at) % length] = value;
        }
        if let Ok(found) = open(&bytes, "") {
            for layer in &found.layers {
                let _ = (layer.open)();
            }
        }
    }
}
