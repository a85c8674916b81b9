//! Artifacts that are fetched into a file.

use std::fs;
use std::path::Path;

use plimsoll_sources::error::chain;
use plimsoll_sources::{ArtifactRequest, Environment, SourceOptions, Sources};
use serde_json::json;

use crate::make::{OCI_MANIFEST, Store};
use crate::server::{Server, reply};

const LAYER: &str = "application/vnd.example.db.layer.v1.tar+gzip";

fn store(text: &str) -> Store {
    let mut store = Store::default();
    let config = store.blob("application/vnd.oci.empty.v1+json", b"{}");
    let layer = store.blob(LAYER, text.as_bytes());
    let manifest = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer],
        "artifactType": "application/vnd.example", "annotations": {"made": "today"}});
    let manifest = store.blob(OCI_MANIFEST, manifest.to_string().as_bytes());
    store.name(manifest, "2");
    store
}

fn sources(folder: &Path) -> Sources {
    let options = SourceOptions {
        cache_dir: Some(folder.join("cache")),
        environment: Environment::default(),
        ..SourceOptions::default()
    };
    Sources::new(&options).unwrap()
}

#[test]
fn artifact_is_swapped_in_from_the_first_repository_that_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let dest = folder.path().join("db/db.tar.gz");
    let busy = Server::start(|_| reply(429, "").with("Retry-After", "0"));
    let broken = Server::start(|_| reply(503, "").with("Retry-After", "0"));
    let good = Server::registry(&store("new"));
    let candidates = [&busy, &broken, &good].map(|server| format!("{}/db:2", server.host()).parse().unwrap());
    let sources = sources(folder.path());
    let mut request = ArtifactRequest {
        candidates: &candidates,
        media_types: &[LAYER],
        dest: &dest,
        known: None,
        check: &|_| Ok(()),
    };
    let artifact = sources.pull_artifact(&request).unwrap();
    assert_eq!(fs::read_to_string(&dest).unwrap(), "new");
    assert_eq!(artifact.path.as_deref(), Some(dest.as_path()));
    assert_eq!(artifact.annotations["made"], "today");
    assert_eq!(artifact.reference, candidates[2]);
    request.known = Some(&artifact.digest);
    fs::write(&dest, "mine").unwrap();
    assert_eq!(sources.pull_artifact(&request).unwrap().path, None);
    assert_eq!(fs::read_to_string(&dest).unwrap(), "mine", "what is known is not fetched again");
}

#[test]
fn old_file_stays_when_the_new_one_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let dest = folder.path().join("db.tar.gz");
    fs::write(&dest, "old").unwrap();
    let server = Server::registry(&store("new"));
    let liar = store("new");
    let liar = Server::start(move |request| {
        let mut reply = crate::server::serve_store(&liar, request);
        if reply.body == b"new" {
            reply.body = b"bad".to_vec();
        }
        reply
    });
    let pull = |host: String, media: &str, check: &dyn Fn(&Path) -> Result<(), String>| {
        let candidates = [format!("{host}/db:2").parse().unwrap()];
        let request =
            ArtifactRequest { candidates: &candidates, media_types: &[media], dest: &dest, known: None, check };
        let cache = tempfile::tempdir().unwrap();
        chain(&sources(cache.path()).pull_artifact(&request).unwrap_err())
    };
    assert!(pull(server.host(), LAYER, &|_| Err("no trivy.db in it".into())).contains("no trivy.db in it"));
    assert!(pull(server.host(), "other/type", &|_| Ok(())).contains("no layer of other/type"));
    assert!(pull(liar.host(), LAYER, &|_| Ok(())).contains("its digest is"));
    assert_eq!(fs::read_to_string(&dest).unwrap(), "old");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}
