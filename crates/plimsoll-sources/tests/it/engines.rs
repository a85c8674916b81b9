//! A Docker-compatible engine on a unix socket. containerd's API is proven against the real one, by hand.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use plimsoll_model::Platform;
use plimsoll_sources::engine::EngineError;
use plimsoll_sources::{Engine, Environment, ResolvedImage, SourceError, SourceOptions, Sources};

use crate::make::{Store, bytes_of, tar};

/// An engine that has one image, as `localhost/shop:1.0`.
fn engine(folder: &Path, archive: Vec<u8>) -> PathBuf {
    let path = folder.join("engine.sock");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let request = lines.next().unwrap().unwrap();
            while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            let (status, body) = match request.split(' ').nth(1).unwrap() {
                "/images/localhost/shop:1.0/json" => {
                    (200, br#"{"RepoTags":["localhost/shop:1.0"],"RepoDigests":null}"#.to_vec())
                }
                "/images/localhost/shop:1.0/get" => (200, archive.clone()),
                "/images/docker.io/library/bad:1/json" => (500, br#"{"message":"out of \u001bluck"}"#.to_vec()),
                _ => (404, br#"{"message":"no such image"}"#.to_vec()),
            };
            let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all(&[head.into_bytes(), body].concat()).unwrap();
        }
    });
    path
}

fn open(socket: PathBuf, name: &str) -> Result<ResolvedImage, SourceError> {
    let options = SourceOptions { environment: Environment::default(), ..SourceOptions::default() };
    Sources::new(&options).unwrap().open_engine(&Engine::Docker { socket: Some(socket) }, name, None)
}

#[test]
fn engine_saves_the_image_that_is_meant() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::default();
    let image = store.image(&Platform::native().to_string(), &["one"]);
    store.name(image, "");
    let socket = engine(folder.path(), store.tar());
    let image = open(socket.clone(), "shop:1.0").unwrap();
    assert_eq!(image.reference.as_ref().unwrap().to_string(), "localhost/shop:1.0");
    assert_eq!(image.repo_tags, ["localhost/shop:1.0"]);
    assert_eq!(bytes_of(&image.layers[0]), tar(&[("file", b"one")]));
    let fault = |name: &str| match open(socket.clone(), name) {
        Err(SourceError::Engine(error)) => *error,
        other => panic!("{other:?}"),
    };
    assert!(matches!(fault("nginx"), EngineError::NoImage { .. }));
    assert!(matches!(fault("../../containers/json"), EngineError::NoImage { .. }));
    assert!(fault("bad:1").to_string().ends_with("it answers 500 out of  luck"));
}

#[test]
fn engine_that_is_not_there_says_where_it_was_looked_for() {
    let error = open("/nowhere/docker.sock".into(), "shop").unwrap_err();
    assert!(error.to_string().contains("/nowhere/docker.sock"), "{error}");
    assert!(error.hint().unwrap().contains("DOCKER_HOST"));
}
