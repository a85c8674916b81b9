//! Registries, honest and otherwise.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use plimsoll_model::Platform;
use plimsoll_sources::error::chain;
use plimsoll_sources::registry::error::RegistryError;
use plimsoll_sources::{Environment, ErrorKind, PullSecret, ResolvedImage, SourceError, SourceOptions, Sources};
use serde_json::json;

use crate::make::{OCI_MANIFEST, Store, bytes_of, sha256, tar};
use crate::server::{Reply, Request, Server, reply, serve_store};

fn native() -> String {
    Platform::native().to_string()
}

fn store() -> Store {
    let mut store = Store::default();
    let image = store.image(&native(), &["one", "two"]);
    store.name(image, "1.0");
    store
}

struct Home {
    folder: tempfile::TempDir,
    options: SourceOptions,
}

fn home() -> Home {
    let folder = tempfile::tempdir().unwrap();
    let environment = Environment {
        home: Some(folder.path().to_owned()),
        docker_config: Some(folder.path().to_owned()),
        ..Environment::default()
    };
    let options = SourceOptions {
        cache_dir: Some(folder.path().join("cache")),
        deadline: Duration::from_secs(20),
        environment,
        ..SourceOptions::default()
    };
    Home { folder, options }
}

impl Home {
    fn open(&self, name: &str) -> Result<ResolvedImage, SourceError> {
        Sources::new(&self.options).unwrap().open_image(name, None)
    }

    fn login(&self, host: &str, auth: serde_json::Value) {
        let mut config = json!({"auths": {}});
        config["auths"][host] = auth;
        fs::write(self.folder.path().join("config.json"), config.to_string()).unwrap();
    }

    fn blobs(&self) -> usize {
        fs::read_dir(self.folder.path().join("cache/blobs/sha256")).unwrap().count()
    }

    fn parts(&self) -> usize {
        fs::read_dir(self.folder.path().join("cache/blobs/parts")).unwrap().count()
    }
}

fn fault(error: SourceError) -> RegistryError {
    match error {
        SourceError::Registry { source, .. } => *source,
        other => panic!("not of the registry: {}", chain(&other)),
    }
}

/// The image's layers, or the first reason why not, after all were tried.
fn layers(image: &ResolvedImage) -> Result<Vec<Vec<u8>>, String> {
    let opened: Vec<_> = image.layers.iter().map(|layer| (layer.open)().map(|_| bytes_of(layer))).collect();
    opened.into_iter().map(|layer| layer.map_err(|error| error.to_string())).collect()
}

/// A registry that answers `special` where that says something, and honestly elsewhere.
fn with(store: &Store, special: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> Server {
    let store = store.clone();
    Server::start(move |request| special(request).unwrap_or_else(|| serve_store(&store, request)))
}

#[test]
fn image_is_pulled_and_the_second_time_comes_from_the_cache() {
    let (home, store) = (home(), store());
    let server = Server::registry(&store);
    let name = format!("{}/acme/shop:1.0", server.host());
    let image = home.open(&name).unwrap();
    assert_eq!(image.reference.as_ref().unwrap().to_string(), name);
    assert_eq!(image.digest.as_ref().unwrap().to_string(), store.entries[0]["digest"].as_str().unwrap());
    assert_eq!(image.config.user.as_deref(), Some("app"));
    assert_eq!(image.repo_tags, [name.as_str()]);
    assert_eq!(image.repo_digests, [format!("{}/acme/shop@{}", server.host(), image.digest.as_ref().unwrap())]);
    assert_eq!(server.count("/blobs/"), 1, "layers are not fetched before they are wanted");
    assert_eq!(layers(&image).unwrap(), [tar(&[("file", b"one")]), tar(&[("file", b"two")])]);
    assert_eq!(server.count("/blobs/"), 3);
    let again = home.open(&name).unwrap();
    assert_eq!(layers(&again).unwrap().len(), 2);
    assert_eq!(server.count("/blobs/"), 3);
    assert_eq!(home.blobs(), 4);
    assert_eq!(home.parts(), 0);
    let pinned = format!("{}/acme/shop@{}", server.host(), image.digest.unwrap());
    let before = server.seen.lock().unwrap().len();
    assert!(home.open(&pinned).is_ok());
    assert_eq!(server.seen.lock().unwrap().len(), before, "a digest that is here needs no network");
}

#[test]
fn platform_is_picked_from_an_index() {
    let home = home();
    let mut store = Store::default();
    let (amd, arm) = (store.image("linux/amd64", &["amd"]), store.image("linux/arm64", &["arm"]));
    let index = store.index(&[("linux/amd64", amd), ("linux/arm64", arm.clone())]);
    store.name(index.clone(), "1.0");
    let server = Server::registry(&store);
    let sources = Sources::new(&home.options).unwrap();
    let name = format!("{}/shop:1.0", server.host());
    let image = sources.open_image(&name, Platform::parse("linux/arm64").as_ref()).unwrap();
    assert_eq!(image.digest.unwrap().to_string(), arm["digest"].as_str().unwrap());
    assert_eq!(image.index_digest.unwrap().to_string(), index["digest"].as_str().unwrap());
    assert!(image.repo_digests[0].ends_with(index["digest"].as_str().unwrap()));
    assert!(matches!(
        sources.open_image(&name, Platform::parse("linux/mips").as_ref()),
        Err(SourceError::NoPlatform { .. })
    ));
}

#[test]
fn refusals_have_their_own_words_and_ways_out() {
    let home = home();
    let server = Server::start(|request| {
        let body = r#"{"errors":[{"code":"CODE","message":"the \u001b[31mwords"}]}"#;
        match request.path.rsplit('/').next().unwrap() {
            "401" => reply(401, body).with("WWW-Authenticate", "Basic realm=\"x\""),
            "403" => reply(403, body),
            "404" => reply(404, body),
            "429" => reply(429, body).with("Retry-After", "86400"),
            "500" => reply(500, body).with("Retry-After", "0"),
            "418" => reply(418, body),
            "page" => reply(200, "<!DOCTYPE html><title>Sign in</title>").with("Content-Type", "text/html"),
            "page404" => reply(404, "<html>nothing").with("Content-Type", "text/html"),
            _ => reply(200, "{}").with("Content-Type", OCI_MANIFEST),
        }
    });
    let open = |tag: &str| fault(home.open(&format!("{}/shop:{tag}", server.host())).unwrap_err());
    for (tag, words, way_out) in [
        ("401", "401 (unauthorized) and says \"CODE: the  [31mwords\"", "docker login"),
        ("403", "403 (forbidden)", "right to pull"),
        ("404", "404 (not found)", "typing errors"),
        ("429", "429 (too many requests)", "--mirror"),
        ("500", "answers 500", "try again later"),
        ("page", "web page", "HTTPS_PROXY"),
        ("page404", "404 (not found)", "typing errors"),
    ] {
        let error = open(tag);
        assert!(error.to_string().contains(words) && error.to_string().contains(&server.host()), "{tag}: {error}");
        assert!(error.hint().unwrap().contains(way_out), "{tag}: {:?}", error.hint());
    }
    assert!(matches!(open("418"), RegistryError::Status { status: 418, .. }));
    assert_eq!(server.count("/500"), 5, "what may pass is tried again");
    assert_eq!(server.count("/429"), 1, "a day is not waited for");
    assert_eq!(server.count("/403"), 1);
    let error = home.open(&format!("{}/shop:none", server.host())).unwrap_err();
    assert!(matches!(error, SourceError::Malformed { .. }), "{error}");
}

#[test]
fn what_passes_is_tried_again() {
    let (home, store) = (home(), store());
    let count = AtomicUsize::new(0);
    let server = with(&store, move |request| {
        let busy = request.path.contains("/manifests/") && count.fetch_add(1, Ordering::Relaxed) < 2;
        busy.then(|| reply(429, "").with("Retry-After", "0"))
    });
    assert!(home.open(&format!("{}/shop:1.0", server.host())).is_ok());
    assert_eq!(server.count("/manifests/"), 3);
}

#[test]
fn basic_sign_in_is_used_when_asked_for() {
    let (home, store) = (home(), store());
    let server = with(&store, |request| {
        // user:secret
        (request.header("authorization") != "Basic dXNlcjpzZWNyZXQ=")
            .then(|| reply(401, "").with("WWW-Authenticate", "Basic realm=\"Registry\""))
    });
    let name = format!("{}/shop:1.0", server.host());
    assert!(matches!(fault(home.open(&name).unwrap_err()), RegistryError::Unauthorized { signed_in: false, .. }));
    home.login(&server.host(), json!({"auth": "dXNlcjp3cm9uZw=="}));
    let error = fault(home.open(&name).unwrap_err());
    assert!(error.hint().unwrap().contains("were refused"), "{error}");
    home.login(&server.host(), json!({"auth": "dXNlcjpzZWNyZXQ="}));
    assert_eq!(layers(&home.open(&name).unwrap()).unwrap().len(), 2);
}

#[test]
fn bearer_token_is_fetched_once_and_renewed_when_it_expires() {
    let (home, store) = (home(), store());
    let number = Arc::new(AtomicUsize::new(0));
    let current = Arc::clone(&number);
    let server = with(&store, move |request| {
        if request.path.starts_with("/token?") {
            assert_eq!(request.path, "/token?service=me&scope=repository%3Ashop%3Apull");
            let signed_in = request.header("authorization") == "Basic dXNlcjpzZWNyZXQ=";
            let number = current.fetch_add(1, Ordering::Relaxed) + 1;
            return Some(if signed_in {
                reply(200, json!({"token": format!("t{number}")}).to_string())
            } else {
                reply(401, "")
            });
        }
        let token = format!("Bearer t{}", current.load(Ordering::Relaxed));
        let good = request.header("authorization") == token && token != "Bearer t0";
        // The first token serves for one request only.
        if good && token == "Bearer t1" && request.path.contains("/blobs/") {
            return Some(challenge(request));
        }
        (!good).then(|| challenge(request))
    });
    home.login(&server.host(), json!({"auth": "dXNlcjpzZWNyZXQ="}));
    let image = home.open(&format!("{}/shop:1.0", server.host())).unwrap();
    assert_eq!(layers(&image).unwrap().len(), 2);
    assert_eq!(number.load(Ordering::Relaxed), 2);
}

fn challenge(request: &Request) -> Reply {
    let realm = format!("http://{}/token", request.header("host"));
    reply(401, "")
        .with("WWW-Authenticate", format!("Bearer realm=\"{realm}\",service=\"me\",scope=\"repository:shop:pull\""))
}

#[test]
fn refused_guest_is_told_to_sign_in() {
    let (home, store) = (home(), store());
    let server = with(&store, |request| {
        Some(if request.path.starts_with("/token?") { reply(200, r#"{"token":"guest"}"#) } else { challenge(request) })
    });
    let error = fault(home.open(&format!("{}/shop:1.0", server.host())).unwrap_err());
    assert!(error.hint().unwrap().contains("no credentials"), "{error}");
}

#[test]
fn identity_token_is_exchanged() {
    let (home, store) = (home(), store());
    let server = with(&store, |request| {
        if request.path == "/token" {
            assert_eq!(request.method, "POST");
            assert!(
                request.body.contains("grant_type=refresh_token")
                    && request.body.contains("refresh_token=long%2Flived")
            );
            return Some(reply(200, r#"{"access_token":"fine"}"#));
        }
        (request.header("authorization") != "Bearer fine").then(|| challenge(request))
    });
    home.login(&server.host(), json!({"identitytoken": "long/lived"}));
    assert!(home.open(&format!("{}/shop:1.0", server.host())).is_ok());
}

#[test]
fn credentials_do_not_go_to_a_realm_on_plain_http_elsewhere() {
    let (home, store) = (home(), store());
    for realm in ["http://tokens.example/token", "ftp://127.0.0.1/token", "http://user:pw@127.0.0.1/token", "nonsense"]
    {
        let server =
            with(&store, move |_| Some(reply(401, "").with("WWW-Authenticate", format!("Bearer realm=\"{realm}\""))));
        home.login(&server.host(), json!({"auth": "dXNlcjpzZWNyZXQ="}));
        let error = fault(home.open(&format!("{}/shop:1.0", server.host())).unwrap_err());
        assert!(matches!(error, RegistryError::Realm { .. }), "{realm}: {error}");
    }
}

#[test]
fn redirects_are_followed_without_credentials() {
    let (home, store) = (home(), store());
    let elsewhere = with(&store, |request| {
        assert_eq!(request.header("authorization"), "", "credentials were taken along");
        None
    });
    let target = elsewhere.host();
    let server = with(&store, move |request| {
        if request.header("authorization").is_empty() {
            return Some(reply(401, "").with("WWW-Authenticate", "Basic"));
        }
        request
            .path
            .contains("/blobs/")
            .then(|| reply(307, "").with("Location", format!("http://{target}{}", request.path)))
    });
    home.login(&server.host(), json!({"auth": "dXNlcjpzZWNyZXQ="}));
    let image = home.open(&format!("{}/shop:1.0", server.host())).unwrap();
    assert_eq!(layers(&image).unwrap().len(), 2);
    assert_eq!(elsewhere.count("/blobs/"), 3);
}

#[test]
fn redirects_without_end_or_to_bad_places_are_refused() {
    let home = home();
    let server = Server::start(|request| match request.path.rsplit('/').next().unwrap() {
        "loop" => reply(302, "").with("Location", request.path.clone()),
        "plain" => reply(302, "").with("Location", "http://192.0.2.1/x"),
        _ => reply(302, "").with("Location", "file:///etc/passwd"),
    });
    let open = |tag: &str| fault(home.open(&format!("{}/shop:{tag}", server.host())).unwrap_err());
    assert!(matches!(open("loop"), RegistryError::RedirectLoop { .. }));
    assert!(matches!(open("plain"), RegistryError::Redirect { .. }));
    assert!(matches!(open("file"), RegistryError::Redirect { .. }));
}

#[test]
fn manifests_that_are_not_what_was_promised_are_refused() {
    let (home, store) = (home(), store());
    let server = with(&store, |request| {
        request.path.contains("/manifests/").then(|| {
            let body = r#"{"schemaVersion":2,"manifests":[]}"#;
            match request.path.rsplit('/').next().unwrap() {
                "huge" => reply(200, vec![b' '; 5 << 20]),
                _ => reply(200, body).with("Docker-Content-Digest", sha256(b"other").to_string()),
            }
        })
    });
    let open = |name: &str| fault(home.open(&format!("{}/shop{name}", server.host())).unwrap_err());
    assert!(matches!(open(":1.0"), RegistryError::DigestMismatch { .. }));
    assert!(matches!(open(&format!("@{}", sha256(b"x"))), RegistryError::DigestMismatch { .. }));
    assert!(matches!(open(":huge"), RegistryError::Unreadable { .. }));
}

#[test]
fn index_that_points_on_and_on_ends() {
    let home = home();
    let mut store = Store::default();
    let mut inner = store.image(&native(), &["x"]);
    for _ in 0..6 {
        inner = store.index(&[(&native(), inner)]);
    }
    store.name(inner, "deep");
    let server = Server::registry(&store);
    assert!(matches!(home.open(&format!("{}/shop:deep", server.host())), Err(SourceError::TooDeep { .. })));
    // One that names itself cannot have its own digest: whatever comes for that digest is refused.
    let server = Server::start(move |request| {
        let body = json!({"schemaVersion": 2, "manifests": [{"mediaType": crate::make::OCI_INDEX,
            "digest": sha256(b"me"), "size": 9, "platform": {"os": "linux", "architecture": Platform::native().architecture}}]});
        assert!(request.path.contains("/manifests/"));
        reply(200, body.to_string()).with("Content-Type", crate::make::OCI_INDEX)
    });
    let error = fault(home.open(&format!("{}/shop:self", server.host())).unwrap_err());
    assert!(matches!(error, RegistryError::DigestMismatch { .. }), "{error}");
}

#[test]
fn interrupted_blob_goes_on_where_it_broke_off() {
    let home = home();
    let mut store = Store::default();
    let text = "x".repeat(300_000);
    let image = store.image(&native(), &[&text]);
    store.name(image, "1.0");
    let inner = store.clone();
    let server = Server::start(move |request| {
        let mut reply = serve_store(&inner, request);
        if reply.body.len() > 100_000 {
            reply.cut = Some(100_000);
        }
        reply
    });
    let image = home.open(&format!("{}/shop:1.0", server.host())).unwrap();
    assert_eq!(layers(&image).unwrap(), [tar(&[("file", text.as_bytes())])]);
    assert!(server.count("/blobs/") >= 4);
    assert_eq!(home.parts(), 0);
}

#[test]
fn server_that_knows_no_ranges_is_asked_from_the_start() {
    let (home, mut store) = (home(), Store::default());
    let text = "y".repeat(50_000);
    let image = store.image(&native(), &[&text]);
    store.name(image, "1.0");
    let (inner, count) = (store.clone(), AtomicUsize::new(0));
    let server = Server::start(move |request| {
        let plain = Request {
            method: "GET".into(),
            path: request.path.clone(),
            headers: Default::default(),
            body: String::new(),
        };
        let mut reply = serve_store(&inner, &plain);
        if reply.body.len() > 40_000 && count.fetch_add(1, Ordering::Relaxed) == 0 {
            reply.cut = Some(20_000);
        }
        reply
    });
    let image = home.open(&format!("{}/shop:1.0", server.host())).unwrap();
    assert_eq!(layers(&image).unwrap()[0].len(), tar(&[("file", text.as_bytes())]).len());
}

#[test]
fn blobs_that_lie_are_refused_and_leave_nothing() {
    let (home, store) = (home(), store());
    for (change, words) in [("other", "its digest is"), ("longer", "bytes or more"), ("page", "web page")] {
        let inner = store.clone();
        let server = Server::start(move |request| {
            let mut reply = serve_store(&inner, request);
            if request.path.contains("/blobs/") && reply.body.len() == 2048 {
                match change {
                    "other" => reply.body[600] ^= 1,
                    "longer" => reply.body.extend([0; 10]),
                    _ => {
                        reply.body = b"<html>".to_vec();
                        reply.headers.push(("Content-Type".into(), "text/html".into()));
                    }
                }
            }
            reply
        });
        let image = home.open(&format!("{}/shop:1.0", server.host())).unwrap();
        let error = layers(&image).unwrap_err();
        assert!(error.contains(words), "{error}");
        assert_eq!(home.blobs(), 2, "manifest and configuration");
        assert_eq!(home.parts(), 0);
    }
}

#[test]
fn mirrors_are_asked_first_and_the_name_stays_the_original() {
    let (mut home, store) = (home(), store());
    let empty = Server::start(|_| reply(404, ""));
    let lacks_blobs = with(&store, |request| request.path.contains("/blobs/").then(|| reply(404, "")));
    let full = Server::registry(&store);
    home.options.mirrors = [&empty, &lacks_blobs, &full]
        .iter()
        .map(|server| format!("docker.io=http://{}/hub", server.host()).parse().unwrap())
        .collect();
    let image = home.open("nginx:1.0").unwrap();
    assert_eq!(image.reference.as_ref().unwrap().to_string(), "docker.io/library/nginx:1.0");
    assert_eq!(layers(&image).unwrap().len(), 2);
    assert_eq!(empty.count("/v2/hub/library/nginx/manifests/1.0"), 1);
    assert_eq!(full.count("/manifests/"), 0);
    assert_eq!(full.count("/v2/hub/library/nginx/blobs/"), 3);
}

#[test]
fn registries_conf_and_hosts_toml_lead_to_mirrors() {
    let store = store();
    let server = Server::registry(&store);
    let mut one = home();
    let conf = one.folder.path().join("registries.conf");
    fs::write(&conf, format!("[[registry]]\nprefix='docker.io'\nlocation='{}'\ninsecure=true\n", server.host()))
        .unwrap();
    one.options.registries_conf = Some(conf);
    assert!(one.open("nginx:1.0").is_ok());
    let mut two = home();
    let folder = two.folder.path().join("certs.d/quay.io");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("hosts.toml"), format!("server='http://{}'\n", server.host())).unwrap();
    two.options.hosts_dir = Some(two.folder.path().join("certs.d"));
    assert_eq!(two.open("quay.io/acme/shop:1.0").unwrap().reference.unwrap().registry(), "quay.io");
    two.options.hosts_dir = Some(Path::new("/nowhere").to_owned());
    assert!(Sources::new(&two.options).is_err());
}

#[test]
fn every_place_that_was_asked_is_named_in_the_error() {
    let mut home = home();
    let (first, last) = (Server::start(|_| reply(404, "")), Server::start(|_| reply(403, "")));
    home.options.mirrors = vec![format!("{}=http://{}", last.host(), first.host()).parse().unwrap()];
    let error = home.open(&format!("{}/shop:1.0", last.host())).unwrap_err();
    let words = chain(&error);
    assert!(words.contains(&first.host()) && words.contains("404") && words.contains("403"), "{words}");
}

#[test]
fn slow_registry_ends_at_the_deadline() {
    let (mut home, store) = (home(), store());
    let server = with(&store, |request| {
        let mut slow = reply(200, "");
        slow.delay = Duration::from_secs(8);
        (!request.path.contains("1.0") && !request.path.contains("/blobs/")).then_some(slow)
    });
    home.options.deadline = Duration::from_millis(500);
    let error = fault(home.open(&format!("{}/shop:slow", server.host())).unwrap_err());
    assert!(matches!(error, RegistryError::Deadline { .. }), "{error}");
}

#[test]
fn nobody_there_says_so() {
    let home = home();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = fault(home.open(&format!("{free}/shop:1.0")).unwrap_err());
    assert!(error.to_string().contains(&format!("reach {free}")), "{error}");
    assert!(error.hint().unwrap().contains("--mirror"));
}

#[test]
fn images_can_be_opened_from_a_servers_task() {
    let (home, store) = (home(), store());
    let server = Server::registry(&store);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let name = format!("{}/shop:1.0", server.host());
    runtime.block_on(async {
        let sources = Sources::new(&home.options).unwrap();
        let image = sources.open_image_async(&name, None).await.unwrap();
        drop(sources);
        let count = tokio::task::spawn_blocking(move || layers(&image).unwrap().len()).await.unwrap();
        assert_eq!(count, 2);
    });
}

#[test]
fn a_call_has_its_own_deadline_and_a_busy_registry_is_told_before_it() {
    let (home, store) = (home(), store());
    let server = with(&store, |request| {
        let busy = || reply(429, "").with("Retry-After", "7");
        match request.path.rsplit('/').next() {
            Some("busy") => Some(busy()),
            Some("trouble") => Some(reply(503, "").with("Retry-After", "30")),
            Some("absent") => Some(reply(404, "")),
            Some("secret") => Some(reply(403, "")),
            _ => None,
        }
    });
    let sources = Sources::new(&home.options).unwrap().with_deadline(Duration::from_secs(3));
    let kind = |tag: &str| sources.open_image(&format!("{}/shop:{tag}", server.host()), None).unwrap_err().kind();
    let began = Instant::now();
    assert_eq!(kind("busy"), ErrorKind::Busy { retry_after: Some(Duration::from_secs(7)) });
    assert_eq!(kind("trouble"), ErrorKind::Busy { retry_after: Some(Duration::from_secs(30)) });
    assert!(began.elapsed() < Duration::from_secs(3), "a pause beyond the deadline is not begun");
    assert_eq!(server.count("/busy"), 1);
    assert_eq!(kind("absent"), ErrorKind::Absent);
    assert_eq!(kind("secret"), ErrorKind::Refused);
    assert!(ErrorKind::Late.may_pass() && !ErrorKind::Refused.may_pass());
}

/// A registry that takes connections and never says a word, or has manifests and trickles its layers.
fn hanging(store: &Store) -> (Server, std::net::TcpListener) {
    let trickles = store.clone();
    let server = Server::start(move |request| {
        let mut reply = serve_store(&trickles, request);
        reply.trickle = request.path.contains("/blobs/") && reply.body.len() == 2048;
        reply
    });
    (server, std::net::TcpListener::bind("127.0.0.1:0").unwrap())
}

#[test]
fn registries_that_hang_or_trickle_end_at_the_deadline_and_let_threads_go() {
    let (home, store) = (home(), store());
    let (trickling, silent) = hanging(&store);
    let sources = Sources::new(&home.options).unwrap().with_deadline(Duration::from_millis(700));
    let began = Instant::now();
    let name = format!("{}/shop:1.0", silent.local_addr().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(sources.open_image_async(&name, None)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Late, "{error}");
    let image = sources.open_image(&format!("{}/shop:1.0", trickling.host()), None).unwrap();
    let waiting: Vec<_> =
        image.layers.into_iter().map(|layer| std::thread::spawn(move || (layer.open)().map(drop))).collect();
    for thread in waiting {
        let words = thread.join().unwrap().unwrap_err().to_string();
        assert!(words.contains("finish within"), "{words}");
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn images_larger_than_allowed_are_not_begun() {
    let (mut home, store) = (home(), store());
    let server = Server::registry(&store);
    home.options.image_limit = 3000;
    let error = home.open(&format!("{}/shop:1.0", server.host())).unwrap_err();
    assert!(matches!(error, SourceError::TooLarge { limit: 3000, .. }), "{error}");
    assert_eq!(server.count("/blobs/"), 0);
    home.options.image_limit = 4096;
    assert!(home.open(&format!("{}/shop:1.0", server.host())).is_ok());
}

fn resolved(sources: &Sources, name: &str) -> Result<String, SourceError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(sources.resolve_async(&name.parse().unwrap())).map(|resolved| resolved.digest.to_string())
}

#[test]
fn tag_is_resolved_without_a_pull_and_a_digest_without_the_network() {
    let (home, store) = (home(), store());
    let digest = store.entries[0]["digest"].as_str().unwrap().to_owned();
    let server = Server::registry(&store);
    let sources = Sources::new(&home.options).unwrap();
    assert_eq!(resolved(&sources, &format!("{}/shop:1.0", server.host())).unwrap(), digest);
    assert_eq!((server.count("HEAD /v2/shop/manifests/1.0"), server.count("manifests")), (1, 1));
    let pinned = format!("{}/shop:1.0@{digest}", server.host());
    assert_eq!(resolved(&sources, &pinned).unwrap(), digest);
    assert_eq!(server.count("manifests"), 1);
    let error = resolved(&sources, &format!("{}/shop:none", server.host())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Absent);
    assert!(chain(&error).contains("manifest unknown"), "{}", chain(&error));
}

#[test]
fn tag_is_resolved_by_its_manifest_where_the_short_way_gives_no_digest() {
    let (home, store) = (home(), store());
    let digest = store.entries[0]["digest"].as_str().unwrap().to_owned();
    for case in ["none", "malformed", "405", "404"] {
        let inner = store.clone();
        let server = with(&store, move |request| {
            let mut head = serve_store(&inner, request);
            head.headers.retain(|(name, _)| name != "Docker-Content-Digest");
            (request.method == "HEAD").then(|| match case {
                "none" => head,
                "malformed" => head.with("Docker-Content-Digest", "sha256:short"),
                status => reply(status.parse().unwrap(), ""),
            })
        });
        let sources = Sources::new(&home.options).unwrap();
        assert_eq!(resolved(&sources, &format!("{}/shop:1.0", server.host())).unwrap(), digest, "{case}");
        assert_eq!((server.count("HEAD "), server.count("GET /v2/shop/manifests/1.0")), (1, 1), "{case}");
        let before = server.seen.lock().unwrap().len();
        let image = sources.open_image(&format!("{}/shop@{digest}", server.host()), None).unwrap();
        let asked = server.seen.lock().unwrap()[before..].join(" ");
        assert!(!asked.contains("manifests"), "what was read to resolve is not read again: {asked}");
        assert_eq!(image.digest.unwrap().to_string(), digest);
    }
}

#[test]
fn tag_is_resolved_through_mirrors_and_with_credentials() {
    let (mut home, store) = (home(), store());
    let empty = Server::start(|_| reply(404, ""));
    let full = with(&store, |request| {
        (request.header("authorization") != "Basic dXNlcjpzZWNyZXQ=")
            .then(|| reply(401, "").with("WWW-Authenticate", "Basic realm=\"Registry\""))
    });
    home.login(&full.host(), json!({"auth": "dXNlcjpzZWNyZXQ="}));
    home.options.mirrors = [&empty, &full]
        .iter()
        .map(|server| format!("docker.io=http://{}/hub", server.host()).parse().unwrap())
        .collect();
    let sources = Sources::new(&home.options).unwrap();
    assert_eq!(resolved(&sources, "nginx:1.0").unwrap(), store.entries[0]["digest"].as_str().unwrap());
    assert_eq!(full.count("HEAD /v2/hub/library/nginx/manifests/1.0"), 2);
    assert_eq!(full.count("GET "), 0);
}

/// A registry with Basic sign-in that takes `user:password` alone, and answers others `status`.
fn locked(store: &Store, user: &str, status: u16) -> Server {
    let wanted = format!("Basic {}", base64(&format!("{user}:secret")));
    with(store, move |request| {
        let sent = request.header("authorization");
        if sent.is_empty() {
            return Some(reply(401, "").with("WWW-Authenticate", "Basic realm=\"Registry\""));
        }
        (sent != wanted).then(|| reply(status, "").with("WWW-Authenticate", "Basic realm=\"Registry\""))
    })
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn secret(host: &str, user: &str) -> PullSecret {
    let file = json!({"auths": {host: {"auth": base64(&format!("{user}:secret"))}}, "credsStore": "evil"});
    PullSecret::from_docker_config_json(file.to_string().as_bytes()).unwrap()
}

#[test]
fn given_credentials_are_tried_in_turn_then_the_servers_own() {
    for status in [401, 403] {
        let (home, store) = (home(), store());
        let server = locked(&store, "good", status);
        let name = format!("{}/shop:1.0", server.host());
        let sources = Sources::new(&home.options).unwrap();
        assert_eq!(sources.open_image(&name, None).unwrap_err().kind(), ErrorKind::Refused);
        let secrets = [
            secret("other.example", "x"),
            secret(&server.host(), "bad"),
            secret("127.0.0.*:1", "worse"),
            secret(&server.host(), "good"),
        ];
        let given = sources.with_credentials(&secrets);
        assert_eq!(resolved(&given, &name).unwrap(), store.entries[0]["digest"].as_str().unwrap());
        let image = given.open_image(&name, None).unwrap();
        assert_eq!(layers(&image).unwrap().len(), 2);
        // One of the first session; then a refusal without credentials and one of the bad ones before the good, twice.
        assert_eq!(server.count("manifests"), 1 + 2 * 3);
        assert_eq!(server.count("blobs"), 3, "what the registry took is kept");
        let bad = sources.with_credentials(&[secret(&server.host(), "bad")]);
        let error = fault(bad.open_image(&name, None).unwrap_err());
        assert!(matches!(error, RegistryError::Unauthorized { signed_in: true, .. } | RegistryError::Forbidden { .. }));
        home.login(&server.host(), json!({"auth": base64("good:secret")}));
        assert!(bad.open_image(&name, None).is_ok());
        assert!(sources.open_image(&name, None).is_ok());
    }
}

#[test]
fn given_credentials_reach_token_services_and_the_public_part_needs_none_of_them() {
    let (home, store) = (home(), store());
    let good = format!("Basic {}", base64("good:secret"));
    let server = with(&store, move |request| {
        if request.path.starts_with("/token?") {
            return Some(match request.header("authorization") {
                "" => reply(200, r#"{"token":"guest"}"#),
                sent if sent == good => reply(200, r#"{"token":"member"}"#),
                _ => reply(401, r#"{"details":"incorrect username or password"}"#),
            });
        }
        let public = request.path.contains("/public/");
        match request.header("authorization") {
            "Bearer member" => None,
            "Bearer guest" if public => None,
            _ => Some(challenge(request)),
        }
    });
    let sources = Sources::new(&home.options).unwrap();
    let open = |users: &[&str], repository: &str| {
        let secrets: Vec<PullSecret> = users.iter().map(|user| secret(&server.host(), user)).collect();
        sources.with_credentials(&secrets).open_image(&format!("{}/{repository}:1.0", server.host()), None).map(drop)
    };
    assert!(open(&["bad", "good"], "team/shop").is_ok());
    assert!(open(&["bad"], "public/shop").is_ok(), "an expired secret does not lock a public image");
    assert!(open(&[], "public/shop").is_ok());
    let error = fault(open(&["bad"], "team/shop").unwrap_err());
    assert!(matches!(error, RegistryError::Unauthorized { signed_in: true, .. }), "{error}");
    let before = server.count("/token");
    let many: Vec<String> = (0..20).map(|n| format!("bad{n}")).collect();
    assert!(open(&many.iter().map(String::as_str).collect::<Vec<_>>(), "team/shop").is_err());
    assert!(server.count("/token") - before <= 6, "guessing ends");
}
