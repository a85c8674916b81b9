//! API servers of a cluster, honest and otherwise.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_sources::cluster::{Access, Cluster, ClusterError, Identity, RunningImage, Token};
use plimsoll_sources::error::chain;
use plimsoll_sources::{Environment, SourceOptions, Sources};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

use crate::make::Store;
use crate::server::{Reply, Request, Server, reply, serve_store};

fn access(server: &Server) -> Access {
    Access {
        server: format!("http://{}", server.host()),
        ca_pem: None,
        tls_server_name: None,
        token: Some(Token::Literal("t0".into())),
        identity: None,
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// A Secret object as an API server gives it.
fn secret(kind: &str, key: &str, file: &Value) -> String {
    let data = STANDARD.encode(file.to_string());
    json!({"apiVersion": "v1", "kind": "Secret", "type": format!("kubernetes.io/{kind}"), "data": {key: data},
        "metadata": {"name": "x", "managedFields": []}})
    .to_string()
}

fn config(host: &str, user: &str) -> Value {
    json!({"auths": {host: {"auth": STANDARD.encode(format!("{user}:secret"))}}})
}

fn forbidden() -> Reply {
    reply(403, r#"{"kind":"Status","message":"secrets \"locked\" is forbidden: User \"me\" cannot get it","code":403}"#)
}

fn honest(request: &Request) -> Reply {
    if request.header("authorization") != "Bearer t0" {
        return reply(401, r#"{"kind":"Status","message":"Unauthorized","code":401}"#);
    }
    let Some(path) = request.path.strip_prefix("/api/v1/namespaces/shop/") else { return reply(404, "{}") };
    match path {
        "secrets/new" => reply(200, secret("dockerconfigjson", ".dockerconfigjson", &config("a.io", "u"))),
        "secrets/old" => reply(200, secret("dockercfg", ".dockercfg", &config("b.io", "u")["auths"])),
        "secrets/mixed" => reply(200, secret("dockercfg", ".dockerconfigjson", &json!({}))),
        "secrets/broken" => reply(200, secret("dockercfg", ".dockercfg", &json!("hunter2"))),
        "secrets/opaque" => reply(200, json!({"type": "Opaque", "data": {"password": "aHVudGVyMg=="}}).to_string()),
        "secrets/nonsense" => reply(200, "hunter2"),
        "secrets/huge" => reply(200, vec![b' '; 5 << 20]),
        "secrets/locked" => forbidden(),
        "secrets/trouble" => reply(500, "{}"),
        "serviceaccounts/default" => {
            reply(200, json!({"imagePullSecrets": [{"name": "new"}, {"name": "../x"}, {}]}).to_string())
        }
        "serviceaccounts/bare" => reply(200, "{}"),
        _ => reply(404, r#"{"kind":"Status","code":404}"#),
    }
}

#[test]
fn secrets_and_service_accounts_are_read_and_what_is_not_is_told_apart() {
    let server = Server::start(honest);
    let cluster = Cluster::new(&access(&server)).unwrap();
    let secret = |name: &str| run(cluster.pull_secret("shop", name));
    assert!(!secret("new").unwrap().unwrap().is_empty());
    assert!(!secret("old").unwrap().unwrap().is_empty());
    assert!(secret("none").unwrap().is_none());
    assert!(matches!(secret("broken"), Err(ClusterError::PullSecret { .. })));
    for name in ["mixed", "opaque", "nonsense", "huge"] {
        assert!(matches!(secret(name), Err(ClusterError::BadAnswer { .. })), "{name}");
    }
    for name in ["broken", "opaque", "nonsense"] {
        let error = secret(name).unwrap_err();
        assert!(!format!("{} {error:?}", chain(&error)).contains("hunter2"), "{error:?}");
    }
    let error = secret("locked").unwrap_err();
    assert!(matches!(error, ClusterError::Forbidden { .. }) && error.to_string().contains("cannot get it"), "{error}");
    let error = secret("trouble").unwrap_err();
    assert!(matches!(error, ClusterError::Status { status: 500..=599, .. }), "{error}");
    let account = |name: &str| run(cluster.service_account_pull_secrets("shop", name)).unwrap();
    assert_eq!(account("default").unwrap(), ["new"]);
    assert_eq!(account("bare").unwrap(), [""; 0]);
    assert!(account("none").is_none());
}

#[test]
fn names_that_no_object_has_are_not_asked_for() {
    let server = Server::start(honest);
    let cluster = Cluster::new(&access(&server)).unwrap();
    let long = "x".repeat(300);
    for name in ["", ".", "..", "../pods", "a/b", "a?b", "a%2fb", "A", "-a", "a b", "a\n", &*long] {
        assert!(run(cluster.pull_secret("shop", name)).unwrap().is_none(), "{name:?}");
        assert!(run(cluster.pull_secret(name, "new")).unwrap().is_none(), "{name:?}");
        assert!(run(cluster.service_account_pull_secrets("shop", name)).unwrap().is_none(), "{name:?}");
    }
    assert_eq!(server.seen.lock().unwrap().len(), 0);
}

#[test]
fn answers_are_kept_for_a_while_but_not_failures() {
    let count = Arc::new(AtomicUsize::new(0));
    let inner = Arc::clone(&count);
    let server = Server::start(move |request| match inner.fetch_add(1, Ordering::Relaxed) {
        0 => reply(503, ""),
        _ => honest(request),
    });
    let cluster = Cluster::with_ttl(&access(&server), Duration::from_millis(400)).unwrap();
    run(async {
        assert!(matches!(cluster.pull_secret("shop", "new").await, Err(ClusterError::Status { status: 503, .. })));
        for _ in 0..3 {
            assert!(cluster.pull_secret("shop", "new").await.unwrap().is_some());
            assert!(cluster.pull_secret("shop", "none").await.unwrap().is_none());
            assert!(matches!(cluster.pull_secret("shop", "locked").await, Err(ClusterError::Forbidden { .. })));
        }
        assert_eq!(count.load(Ordering::Relaxed), 4);
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(cluster.pull_secret("shop", "new").await.unwrap().is_some());
        assert_eq!(count.load(Ordering::Relaxed), 5, "a change is seen after a while");
    });
}

#[test]
fn pod_credentials_are_its_own_or_its_service_accounts() {
    let server = Server::start(honest);
    let cluster = Cluster::new(&access(&server)).unwrap();
    let of = |account: Option<&str>, secrets: &[&str]| {
        let secrets: Vec<String> = secrets.iter().map(|name| (*name).to_owned()).collect();
        run(cluster.pod_credentials("shop", account, &secrets))
    };
    let found = of(None, &[]);
    assert_eq!((found.secrets.len(), found.problems.len()), (1, 0));
    let found = of(Some("bare"), &[]);
    assert_eq!((found.secrets.len(), found.problems.len()), (0, 0));
    let found = of(None, &["old", "none", "locked", "broken", "new"]);
    assert_eq!((found.secrets.len(), found.problems.len()), (2, 3), "{:?}", found.problems);
    let found = of(None, &[""]);
    assert_eq!((found.secrets.len(), found.problems.len()), (0, 1), "not the account's: the kubelet takes none either");
    let found = of(None, &["none"; 100]);
    assert_eq!(found.problems.len(), 17);
}

#[test]
fn images_of_all_pages_are_listed_once_for_a_namespace() {
    let pod = |namespace: &str, image: &str, init: &str| {
        json!({"metadata": {"namespace": namespace}, "spec": {"containers": [{"image": image}, {"name": "no-image"}],
            "initContainers": [{"image": init}], "ephemeralContainers": [{"image": "debug"}],
            "imagePullSecrets": [{"name": "new"}]}})
    };
    let pages = [
        json!({"metadata": {"continue": "a+b/="}, "items": [pod("one", "web:1", "init:1"), pod("one", "web:1", "init:1")]}),
        json!({"metadata": {}, "items": [pod("two", "web:1", "init:1"), {"metadata": {}}]}),
    ];
    let broken = Arc::new(AtomicUsize::new(0));
    let inner = Arc::clone(&broken);
    let server = Server::start(move |request| {
        assert!(
            request.path.contains("limit=500") && request.path.contains("fieldSelector=status.phase%21%3DSucceeded")
        );
        match (request.path.contains("continue=a%2Bb%2F%3D"), inner.load(Ordering::Relaxed)) {
            (_, 2) => forbidden(),
            (false, _) => reply(200, pages[0].to_string()),
            (true, 0) => reply(200, pages[1].to_string()),
            (true, _) => reply(410, r#"{"reason":"Expired"}"#),
        }
    });
    let cluster = Cluster::new(&access(&server)).unwrap();
    let found = run(cluster.images()).unwrap();
    assert!(found.complete);
    assert_eq!(found.images.len(), 6);
    let first = RunningImage { namespace: "one".into(), image: "debug".into(), pull_secrets: vec!["new".into()] };
    assert_eq!(found.images[0], first);
    broken.store(1, Ordering::Relaxed);
    let found = run(cluster.images()).unwrap();
    assert_eq!((found.complete, found.images.len()), (false, 3));
    broken.store(2, Ordering::Relaxed);
    assert!(matches!(run(cluster.images()), Err(ClusterError::Forbidden { .. })));
}

#[test]
fn listing_without_end_ends() {
    let server = Server::start(|_| reply(200, r#"{"metadata":{"continue":"x"},"items":[]}"#));
    let found = run(Cluster::new(&access(&server)).unwrap().images()).unwrap();
    assert!(!found.complete);
    assert_eq!(server.count("/pods"), 400);
}

#[test]
fn token_is_read_anew_for_each_request() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let server = Server::start(honest);
    let access = Access { token: Some(Token::File(file.clone())), ..access(&server) };
    let cluster = Cluster::new(&access).unwrap();
    fs::write(&file, "old").unwrap();
    assert!(matches!(run(cluster.pull_secret("shop", "new")), Err(ClusterError::Unauthorized { .. })));
    fs::write(&file, "t0\n").unwrap();
    assert!(run(cluster.pull_secret("shop", "new")).unwrap().is_some());
    fs::remove_file(&file).unwrap();
    assert!(matches!(run(cluster.pull_secret("shop", "old")), Err(ClusterError::File { .. })));
}

#[test]
fn server_that_is_not_there_or_silent_is_unreachable_and_nothing_else() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let access = Access {
        server: format!("http://{address}"),
        ca_pem: None,
        tls_server_name: None,
        token: None,
        identity: None,
    };
    let cluster = Cluster::new(&access).unwrap();
    let began = Instant::now();
    let slow =
        run(async { tokio::time::timeout(Duration::from_millis(200), cluster.pull_secret("shop", "new")).await });
    assert!(slow.is_err() && began.elapsed() < Duration::from_secs(2), "the caller's patience counts");
    drop(listener);
    let error = run(cluster.pull_secret("shop", "new")).unwrap_err();
    assert!(matches!(error, ClusterError::Unreachable { .. }), "{error}");
}

#[test]
fn addresses_that_would_give_tokens_away_are_refused() {
    for server in ["http://10.0.0.1", "ftp://x", "https://u:p@x", "https://x/?a", "nonsense", ""] {
        let access = Access { server: server.into(), ca_pem: None, tls_server_name: None, token: None, identity: None };
        assert!(matches!(Cluster::new(&access), Err(ClusterError::Malformed { .. })), "{server}");
    }
}

fn pem(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/tls").join(name)).unwrap()
}

/// An API server over TLS that wants a client certificate of the test's authority.
fn mutual() -> Server {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&pem("ca.pem")).unwrap()).unwrap();
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(&pem("server.pem")).unwrap()],
            PrivateKeyDer::from_pem_slice(&pem("server.key")).unwrap(),
        )
        .unwrap();
    Server::start_tls(config, |_| reply(200, secret("dockerconfigjson", ".dockerconfigjson", &config_of())))
}

fn config_of() -> Value {
    config("a.io", "u")
}

#[test]
fn kubeconfig_leads_to_a_server_with_client_certificates() {
    let server = mutual();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ca.pem"), pem("ca.pem")).unwrap();
    fs::write(folder.path().join("client.pem"), pem("client.pem")).unwrap();
    let file = folder.path().join("config");
    let write = |cluster: &str, user: &str| {
        let text = format!(
            "current-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nclusters:\n- name: c\n  cluster:\n    \
             server: https://{}\n{cluster}users:\n- name: u\n  user:\n{user}    dummy: x\n",
            server.host()
        );
        fs::write(&file, text).unwrap();
    };
    let ask = || {
        let cluster = Cluster::new(&Access::from_kubeconfig(&file, None)?)?;
        run(cluster.pull_secret("shop", "new"))
    };
    let ca = "    certificate-authority: ca.pem\n";
    let user =
        format!("    client-certificate: client.pem\n    client-key-data: {}\n", STANDARD.encode(pem("client.key")));
    write(ca, &user);
    assert!(ask().unwrap().is_some());
    write(&format!("{ca}    tls-server-name: cluster.example\n"), &user);
    assert!(ask().unwrap().is_some());
    write(&format!("{ca}    tls-server-name: other.example\n"), &user);
    assert!(chain(&ask().unwrap_err()).contains("certificate"), "another name is another server");
    write("", &user);
    assert!(matches!(ask(), Err(ClusterError::Unreachable { .. })), "its authority is not the system's");
    write(ca, "");
    assert!(matches!(ask(), Err(ClusterError::Unreachable { .. })), "it wants a certificate of ours");
    write(ca, &user.replace("client.pem", "ca.pem"));
    assert!(matches!(ask(), Err(ClusterError::Tls { .. })), "the key is another certificate's");
    write("    certificate-authority: missing.pem\n", &user);
    assert!(matches!(ask(), Err(ClusterError::File { .. })));
    assert_eq!(server.seen.lock().unwrap().len(), 2);
}

#[test]
fn identities_that_are_no_pem_are_told_without_the_key() {
    let identity = Identity { certificate_pem: pem("client.pem"), key_pem: b"hunter2".to_vec() };
    let access = Access { identity: Some(identity), ..access(&Server::start(honest)) };
    let error = Cluster::new(&access).err().unwrap();
    assert!(error.to_string().contains("client key") && !format!("{error:?}").contains("hunter2"), "{error}");
}

/// From the pod's spec to the image: what a gate does.
#[test]
fn pods_own_secret_opens_its_private_image() {
    let mut store = Store::default();
    let image = store.image(&plimsoll_model::Platform::native().to_string(), &["one"]);
    store.name(image, "1.0");
    let wanted = format!("Basic {}", STANDARD.encode("u:secret"));
    let registry = Server::start(move |request| match request.header("authorization") == wanted {
        true => serve_store(&store, request),
        false => reply(401, "").with("WWW-Authenticate", "Basic realm=\"Registry\""),
    });
    let host = registry.host();
    let api = Server::start(move |request| match request.path.rsplit('/').next() {
        Some("default") => reply(200, r#"{"imagePullSecrets":[{"name":"pull"}]}"#),
        _ => reply(200, secret("dockerconfigjson", ".dockerconfigjson", &config(&host, "u"))),
    });
    let folder = tempfile::tempdir().unwrap();
    let options = SourceOptions {
        cache_dir: Some(folder.path().to_owned()),
        environment: Environment::default(),
        ..SourceOptions::default()
    };
    let (sources, cluster) = (Sources::new(&options).unwrap(), Cluster::new(&access(&api)).unwrap());
    run(async {
        let own = cluster.pod_credentials("shop", None, &[]).await;
        let sources = sources.with_credentials(&own.secrets).with_deadline(Duration::from_secs(10));
        let reference: plimsoll_model::ImageReference = format!("{}/shop:1.0", registry.host()).parse().unwrap();
        let digest = sources.resolve_async(&reference).await.unwrap().digest;
        let image = sources.open_image_async(&reference.with_digest(digest.clone()).to_string(), None).await.unwrap();
        assert_eq!(image.digest, Some(digest));
        let opened = tokio::task::spawn_blocking(move || (image.layers[0].open)().map(drop)).await.unwrap();
        assert!(opened.is_ok());
    });
}
