//! Artifacts that are fetched into a file.

use std::fs;
use std::path::Path;

use plimsoll_sources::error::chain;
use plimsoll_sources::{ArtifactFile, ArtifactRequest, Environment, SourceOptions, Sources};
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

#[test]
fn files_are_pushed_as_layers_with_their_titles() {
    let folder = tempfile::tempdir().unwrap();
    // Uploads go to another host, which is told nothing of who we are.
    let uploads = Server::start(|request| match (&*request.method, request.header("authorization")) {
        ("PUT", "") => reply(201, ""),
        _ => reply(400, ""),
    });
    let place = format!("http://{}/u/1?state=x", uploads.host());
    let registry = Server::start(move |request| {
        if request.path.starts_with("/token") {
            assert!(request.path.contains("pull,push") || request.path.contains("pull%2Cpush"), "{}", request.path);
            return reply(200, r#"{"token":"t"}"#);
        }
        if request.header("authorization") != "Bearer t" {
            let way =
                format!("Bearer realm=\"http://{}/token\",scope=\"repository:a/b:pull,push\"", request.header("host"));
            return reply(401, "").with("WWW-Authenticate", way);
        }
        match &*request.method {
            "POST" => reply(202, "").with("Location", place.clone()),
            "PUT" => {
                let manifest: serde_json::Value = serde_json::from_str(&request.body).unwrap();
                assert_eq!(manifest["config"]["mediaType"], "application/vnd.unknown.config.v1+json");
                assert_eq!(manifest["layers"][0]["annotations"]["org.opencontainers.image.title"], "policy/a.rego");
                assert_eq!(request.header("content-type"), OCI_MANIFEST);
                reply(201, "")
            }
            _ => reply(404, ""),
        }
    });
    let file = |title: &str| ArtifactFile { title: title.into(), media_type: LAYER.into(), bytes: b"x".to_vec() };
    let reference = format!("{}/a/b:v1", registry.host()).parse().unwrap();
    sources(folder.path()).push_artifact(&reference, &[file("policy/a.rego")]).unwrap();
    assert_eq!(registry.count("PUT /v2/a/b/manifests/v1"), 1);
    assert_eq!(uploads.count("PUT /u/1?state=x&digest=sha256"), 2);
    // A registry that takes nothing is no success.
    let closed = Server::start(|request| if request.method == "HEAD" { reply(404, "") } else { reply(403, "") });
    let reference = format!("{}/a/b:v1", closed.host()).parse().unwrap();
    let error = sources(folder.path()).push_artifact(&reference, &[file("a.rego")]).unwrap_err();
    assert!(chain(&error).starts_with("push ") && chain(&error).contains("403"), "{}", chain(&error));
}

#[test]
fn only_a_registry_that_says_to_have_it_has_what_is_pushed() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path());
    let file = ArtifactFile { title: "a.rego".into(), media_type: LAYER.into(), bytes: b"x".to_vec() };
    let push = |server: &Server| {
        let reference = format!("{}/a/b:v1", server.host()).parse().unwrap();
        chain(&sources.push_artifact(&reference, std::slice::from_ref(&file)).unwrap_err())
    };
    let page = Server::start(|_| reply(200, "<html>"));
    assert!(push(&page).contains("web page"));
    let typed = Server::start(|_| reply(200, "").with("Content-Type", "text/html").with("Location", "/u"));
    assert!(push(&typed).contains("web page"));
    let registry = |post: u16, blob: u16, manifest: u16, digest: String| {
        Server::start(move |request| match (&*request.method, request.path.contains("/manifests/")) {
            ("POST", _) => reply(post, "").with("Location", "/u"),
            ("PUT", false) => reply(blob, ""),
            ("PUT", true) => reply(manifest, "").with("Docker-Content-Digest", digest.clone()),
            _ => reply(404, ""),
        })
    };
    let other = format!("sha256:{}", "0".repeat(64));
    for (server, words) in [
        (registry(200, 201, 201, String::new()), "it answers 200"),
        (registry(202, 202, 201, String::new()), "it answers 202"),
        (registry(202, 201, 204, String::new()), "it answers 204"),
        (registry(202, 201, 201, other), "its digest is"),
    ] {
        let error = push(&server);
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn an_upload_that_elsewhere_leads_back_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = Server::start(|request| {
        let back = request.path.split_once('?').map_or("", |(_, host)| host);
        reply(202, "").with("Location", format!("http://{back}/v2/other/blobs/uploads/1"))
    });
    let away = elsewhere.host();
    let registry = Server::start(move |request| match (&*request.method, request.header("authorization")) {
        _ if request.path.starts_with("/token") => reply(200, r#"{"token":"t"}"#),
        (_, "") => {
            let realm = format!("Bearer realm=\"http://{}/token\"", request.header("host"));
            reply(401, "").with("WWW-Authenticate", realm)
        }
        ("POST", _) => reply(307, "").with("Location", format!("http://{away}/u?{}", request.header("host"))),
        ("HEAD", _) => reply(404, ""),
        _ => reply(201, ""),
    });
    let file = ArtifactFile { title: "a.rego".into(), media_type: LAYER.into(), bytes: b"x".to_vec() };
    let reference = format!("{}/a/b:v1", registry.host()).parse().unwrap();
    let error = chain(&sources(folder.path()).push_artifact(&reference, &[file]).unwrap_err());
    assert!(error.contains("the registry again, from elsewhere"), "{error}");
    assert_eq!((elsewhere.count("POST /u?"), registry.count("PUT ")), (1, 0));
}

#[test]
fn a_file_of_a_web_server_is_fetched_within_its_bound() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request| match &*request.path {
        "/old" => reply(302, "").with("Location", "/new?a=b"),
        "/new?a=b" => reply(200, "text"),
        "/loop" => reply(302, "").with("Location", "/loop"),
        "/away" => reply(302, "").with("Location", "http://192.0.2.1/x"),
        "/key" => reply(302, "").with("Location", "http://u:secret@192.0.2.1/x?key=secret"),
        "/part" => reply(206, "text"),
        _ => reply(404, "text"),
    });
    let sources = sources(folder.path());
    let get = |path: &str, limit| sources.web_file(&format!("http://u:secret@{}{path}", server.host()), limit);
    assert_eq!(get("/old", 4).unwrap(), b"text");
    for (path, limit, words) in [
        ("/old", 3, "more than 3 bytes"),
        ("/loop", 4, "without end"),
        ("/away", 4, "plain HTTP on another host"),
        ("/key", 4, "plain HTTP on another host"),
        ("/none", 4, "404"),
        ("/part", 4, "206"),
    ] {
        let error = chain(&get(path, limit).unwrap_err());
        assert!(error.contains(words) && !error.contains("secret"), "{path}: {error}");
    }
}
