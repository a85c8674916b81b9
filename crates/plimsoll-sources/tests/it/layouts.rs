//! OCI layouts as folders.

use std::fs;
use std::path::Path;

use plimsoll_model::Platform;
use plimsoll_sources::{InputOptions, ResolvedImage, SourceError, layouts_below, open_input};
use serde_json::json;

use crate::make::{self, OCI_MANIFEST, Store, bytes_of, sha256};

fn open(path: &Path) -> Result<ResolvedImage, SourceError> {
    open_input(path, &InputOptions::default())
}

fn options(name: &str, platform: &str) -> InputOptions {
    InputOptions {
        name: Some(name.to_owned()).filter(|n| !n.is_empty()),
        platform: Platform::parse(platform),
        ..InputOptions::default()
    }
}

fn native() -> String {
    Platform::native().to_string()
}

#[test]
fn layout_gives_its_only_image_with_checked_parts() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::default();
    let image = store.image(&native(), &["one", "two"]);
    store.name(image.clone(), "ghcr.io/acme/shop:1.0");
    store.write_folder(folder.path());
    let found = open(folder.path()).unwrap();
    assert_eq!(found.digest.as_ref().unwrap().to_string(), image["digest"].as_str().unwrap());
    assert_eq!(found.index_digest, None);
    assert_eq!(found.reference.as_ref().unwrap().to_string(), "ghcr.io/acme/shop:1.0");
    assert_eq!(found.repo_tags, ["ghcr.io/acme/shop:1.0"]);
    assert_eq!(found.config.user.as_deref(), Some("app"));
    assert_eq!(found.layers.len(), 2);
    assert_eq!(found.layers[1].layer.created_by.as_deref(), Some("RUN step 1"));
    assert_eq!(found.layers[1].layer.diff_id, found.layers[1].layer.digest);
    assert_eq!(bytes_of(&found.layers[0]), make::tar(&[("file", b"one")]));
    assert_eq!(found.size, 2 * 2048);
    assert!(found.problems.is_empty());
}

#[test]
fn platform_picks_from_a_nested_index() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::default();
    let (amd, arm) = (store.image("linux/amd64", &["amd"]), store.image("linux/arm64", &["arm"]));
    let index = store.index(&[("linux/amd64", amd), ("linux/arm64", arm.clone())]);
    store.name(index.clone(), "1.0");
    store.write_folder(folder.path());
    let found = open_input(folder.path(), &options("", "linux/arm64")).unwrap();
    assert_eq!(found.digest.unwrap().to_string(), arm["digest"].as_str().unwrap());
    assert_eq!(found.index_digest.unwrap().to_string(), index["digest"].as_str().unwrap());
    let error = open_input(folder.path(), &options("", "linux/s390x")).unwrap_err();
    assert!(matches!(error, SourceError::NoPlatform { .. }), "{error}");
    assert_eq!(error.hint().unwrap(), "--platform takes linux/amd64, linux/arm64");
}

#[test]
fn platform_that_the_only_image_has_not_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::default();
    let image = store.image("linux/arm64", &["arm"]);
    store.name(image, "");
    store.write_folder(folder.path());
    assert!(open(folder.path()).is_ok());
    let error = open_input(folder.path(), &options("", "linux/amd64")).unwrap_err();
    assert!(matches!(error, SourceError::NoPlatform { .. }), "{error}");
}

#[test]
fn names_choose_among_several_images() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::default();
    for (text, name) in [("a", "1.0"), ("b", "docker.io/library/nginx:1.21")] {
        let image = store.image(&native(), &[text]);
        store.name(image, name);
    }
    store.write_folder(folder.path());
    let text = |name: &str| {
        let path = format!("{}:{name}", folder.path().display());
        open(Path::new(&path)).map(|image| bytes_of(&image.layers[0])[512])
    };
    assert_eq!(text("1.0").unwrap(), b'a');
    assert_eq!(text("nginx:1.21").unwrap(), b'b');
    assert_eq!(text("docker.io/library/nginx:1.21").unwrap(), b'b');
    assert_eq!(text(store.entries[1]["digest"].as_str().unwrap()).unwrap(), b'b');
    let error = text("2.0").unwrap_err();
    assert_eq!(error.hint().unwrap(), "it holds 1.0, docker.io/library/nginx:1.21");
    assert!(matches!(open(folder.path()), Err(SourceError::Ambiguous { .. })));
}

#[test]
fn manifest_that_is_not_what_its_digest_says_is_refused() {
    for broken in [OCI_MANIFEST, make::OCI_CONFIG] {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::default();
        let image = store.image(&native(), &["x"]);
        store.name(image.clone(), "");
        let digest = if broken == OCI_MANIFEST {
            image["digest"].as_str().unwrap().to_owned()
        } else {
            let text = &store.blobs[image["digest"].as_str().unwrap()];
            serde_json::from_slice::<serde_json::Value>(text).unwrap()["config"]["digest"].as_str().unwrap().to_owned()
        };
        let bytes = store.blobs.get_mut(&digest).unwrap();
        *bytes = String::from_utf8(bytes.clone()).unwrap().replace("linux", "LINUX").replace("schema", "SCHEMA").into();
        store.write_folder(folder.path());
        let error = open(folder.path()).unwrap_err();
        assert!(matches!(error, SourceError::DigestMismatch { .. }), "{error}");
        store.blobs.get_mut(&digest).unwrap().push(b' ');
        store.write_folder(folder.path());
        let error = open(folder.path()).unwrap_err();
        assert!(matches!(error, SourceError::SizeMismatch { .. }), "{error}");
    }
}

#[test]
fn indexes_nested_without_end_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::default();
    let mut inner = store.image(&native(), &["x"]);
    for _ in 0..6 {
        inner = store.index(&[(&native(), inner)]);
    }
    store.name(inner, "");
    store.write_folder(folder.path());
    assert!(matches!(open(folder.path()), Err(SourceError::TooDeep { .. })));
}

#[test]
fn huge_manifest_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::default();
    let mut image = store.image(&native(), &["x"]);
    image["size"] = json!(u64::MAX);
    store.name(image, "");
    store.write_folder(folder.path());
    assert!(matches!(open(folder.path()), Err(SourceError::TooLarge { .. })));
}

#[test]
fn missing_or_short_layer_is_an_error_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::default();
    let image = store.image(&native(), &["x", "y"]);
    store.name(image, "");
    store.write_folder(folder.path());
    let found = open(folder.path()).unwrap();
    let blob =
        |at: usize| folder.path().join("blobs/sha256").join(found.layers[at].layer.digest.as_ref().unwrap().hex());
    fs::remove_file(blob(0)).unwrap();
    fs::write(blob(1), b"short").unwrap();
    assert!((found.layers[0].open)().is_err());
    let error = (found.layers[1].open)().err().unwrap().to_string();
    assert!(error.contains("has 5 bytes, not the 2048"), "{error}");
}

#[cfg(unix)]
#[test]
fn link_to_a_place_outside_the_layout_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let mut store = Store::default();
    let image = store.image(&native(), &["x"]);
    store.name(image.clone(), "");
    store.write_folder(folder.path());
    let blob = folder.path().join("blobs").join(image["digest"].as_str().unwrap().replace(':', "/"));
    fs::rename(&blob, outside.path().join("manifest")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("manifest"), &blob).unwrap();
    let error = plimsoll_sources::error::chain(&open(folder.path()).unwrap_err());
    assert!(error.contains("outside the layout"), "{error}");
    fs::remove_file(&blob).unwrap();
    fs::rename(outside.path().join("manifest"), folder.path().join("inside")).unwrap();
    std::os::unix::fs::symlink("../../inside", &blob).unwrap();
    assert!(open(folder.path()).is_ok());
}

#[test]
fn foreign_layer_and_unknown_layer_are_problems_and_a_chart_is_no_image() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::default();
    let config = make::config(&native(), &[vec![], vec![]]);
    let config = store.blob(make::OCI_CONFIG, &config);
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": [
        {"mediaType": foreign, "digest": sha256(b"elsewhere"), "size": 9, "urls": ["http://169.254.169.254/"]},
        store.blob("application/vnd.oci.image.layer.v1.tar+encrypted", b"secret"),
    ]});
    let image = store.blob(OCI_MANIFEST, manifest.to_string().as_bytes());
    store.name(image, "good");
    let config = store.blob("application/vnd.cncf.helm.config.v1+json", b"{}");
    let chart = json!({"schemaVersion": 2, "config": config, "layers": []});
    let chart = store.blob(OCI_MANIFEST, chart.to_string().as_bytes());
    store.name(chart, "chart");
    store.write_folder(folder.path());
    let found = open_input(folder.path(), &options("good", "")).unwrap();
    assert_eq!(found.problems.len(), 2, "{:?}", found.problems);
    assert!((found.layers[0].open)().is_err());
    let error = open_input(folder.path(), &options("chart", "")).unwrap_err();
    assert!(matches!(error, SourceError::NotAnImage { .. }), "{error}");
}

#[test]
fn layers_that_configuration_and_manifest_count_differently_are_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::default();
    let config = make::config(&native(), &[vec![]]);
    let config = store.blob(make::OCI_CONFIG, &config);
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": []});
    let image = store.blob(OCI_MANIFEST, manifest.to_string().as_bytes());
    store.name(image, "");
    store.write_folder(folder.path());
    let found = open(folder.path()).unwrap();
    assert!(found.problems[0].message.contains("names 1 and its manifest 0"), "{:?}", found.problems);
}

#[test]
fn attestations_beside_an_image_are_not_the_image() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::default();
    let image = store.image(&native(), &["x"]);
    let config = store.blob(make::OCI_CONFIG, b"{}");
    let text = json!({"schemaVersion": 2, "config": config, "layers": []}).to_string();
    let attestation = store.blob(OCI_MANIFEST, text.as_bytes());
    let index = store.index(&[("unknown/unknown", attestation), (&native(), image.clone())]);
    store.name(index, "");
    store.write_folder(folder.path());
    assert_eq!(open(folder.path()).unwrap().digest.unwrap().to_string(), image["digest"].as_str().unwrap());
}

#[test]
fn layouts_are_found_below_a_path_and_images_by_name() {
    let root = tempfile::tempdir().unwrap();
    for (folder, name) in [("a/shop", "1.0"), ("b/image", "ghcr.io/acme/web:2"), ("node_modules/x", "nginx:1")] {
        let mut store = Store::default();
        let image = store.image(&native(), &[name]);
        store.name(image, name);
        store.write_folder(&root.path().join(folder));
    }
    fs::create_dir_all(root.path().join("c/blobs")).unwrap();
    fs::write(root.path().join("c/index.json"), "no json").unwrap();
    let (entries, problems) = layouts_below(root.path());
    assert_eq!(entries.len(), 2);
    assert_eq!(problems.len(), 1, "{problems:?}");
    let find = |name: &str| entries.iter().position(|entry| entry.is(&name.parse().unwrap()));
    assert_eq!(find("registry.local/team/shop:1.0"), Some(0));
    assert_eq!(find("nginx:1.0"), None, "a bare tag does not name any image of that tag");
    assert_eq!(find("ghcr.io/acme/web:2"), Some(1));
    assert_eq!(find("ghcr.io/acme/web:3"), None);
    let digest = &entries[1].descriptor.digest;
    assert_eq!(find(&format!("ghcr.io/acme/web:2@{digest}")), Some(1));
    assert_eq!(find(&format!("ghcr.io/acme/web:2@{}", sha256(b"other"))), None);
    assert_eq!(entries[1].open(None).unwrap().reference.unwrap().to_string(), "ghcr.io/acme/web:2");
}

#[test]
fn index_json_that_is_a_manifest_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::default();
    let image = store.image(&native(), &["x"]);
    store.name(image.clone(), "");
    store.write_folder(folder.path());
    fs::write(folder.path().join("index.json"), &store.blobs[image["digest"].as_str().unwrap()]).unwrap();
    assert!(matches!(open(folder.path()), Err(SourceError::Malformed { .. })));
}
