//! Kinds that are followed in a cluster, through API servers that keep to the protocol and others that do not.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use plimsoll_sources::cluster::{Access, Cluster, Followed, Following, Unknown, Wanted};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// What one request is answered with, until the connection is closed.
type Handler = dyn Fn(&str, &mut TcpStream) + Send + Sync;

struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(handler: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, handler): (_, Arc<Handler>) = (Arc::clone(&seen), Arc::new(handler));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (log, handler) = (Arc::clone(&log), Arc::clone(&handler));
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap_or(0);
                    let path = line.split_whitespace().nth(1).unwrap_or("").to_owned();
                    while reader.read_line(&mut line).unwrap_or(0) > 2 {}
                    log.lock().unwrap().push(path.clone());
                    handler(&path, &mut stream);
                });
            }
        });
        Server { address, seen }
    }

    fn count(&self, part: &str) -> usize {
        self.seen.lock().unwrap().iter().filter(|path| path.contains(part)).count()
    }
}

/// Writes as far as somebody reads.
fn say(stream: &mut TcpStream, text: &str) -> bool {
    stream.write_all(text.as_bytes()).is_ok()
}

fn head(stream: &mut TcpStream, status: u16) -> bool {
    say(stream, &format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"))
}

fn answer(stream: &mut TcpStream, status: u16, body: &Value) {
    head(stream, status);
    say(stream, &body.to_string());
}

fn resources() -> Value {
    let resource = |name: &str, kind: &str, namespaced: bool| json!({"name": name, "kind": kind, "namespaced": namespaced, "verbs": ["get", "list", "watch"]});
    json!({"kind": "APIResourceList", "resources": [resource("things/status", "Thing", true), resource("things", "Thing", true),
        resource("namespaces", "Namespace", false), {"name": "secretive", "kind": "Unlisted", "namespaced": true, "verbs": ["create"]}]})
}

fn thing(name: &str, version: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop", "resourceVersion": version, "managedFields": [{"manager": "x"}]}, "data": {"v": version}})
}

fn list(items: &[Value]) -> Value {
    json!({"kind": "ThingList", "apiVersion": "toys.example.com/v1", "metadata": {"resourceVersion": "10"}, "items": items})
}

fn event(what: &str, object: &Value) -> String {
    let mut object = object.clone();
    object["apiVersion"] = json!("toys.example.com/v1");
    object["kind"] = json!("Thing");
    json!({"type": what, "object": object}).to_string() + "\n"
}

fn bookmark(version: &str) -> String {
    event("BOOKMARK", &json!({"metadata": {"resourceVersion": version}}))
}

/// A server whose discovery and lists are as they should be; `watch` is told what is asked for.
fn server(items: Vec<Value>, watch: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Server {
    Server::start(move |path, stream| match path {
        "/apis/toys.example.com/v1" => answer(stream, 200, &resources()),
        path if path.contains("watch=true") => watch(path, stream),
        path if path.starts_with("/apis/toys.example.com/v1/things?") => answer(stream, 200, &list(&items)),
        _ => answer(stream, 404, &json!({"kind": "Status", "code": 404})),
    })
}

fn wanted() -> Wanted {
    Wanted { api_version: "toys.example.com/v1".into(), kind: "Thing".into(), namespace: None }
}

struct Run {
    runtime: Runtime,
    following: Following,
}

impl Run {
    fn of(server: &Server, limit: Duration, bytes: usize) -> Run {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let access = Access {
            server: format!("http://{}", server.address),
            ca_pem: None,
            tls_server_name: None,
            token: None,
            identity: None,
        };
        let cluster = Arc::new(Cluster::new(&access).unwrap());
        let following = Following::new(cluster, runtime.handle().clone(), limit, bytes);
        Run { runtime, following }
    }

    fn follow(&self, wanted: Wanted) -> Followed<Option<Value>> {
        self.following.follow(wanted, |json| json)
    }

    fn end(self) {
        self.runtime.shutdown_background();
    }
}

const LIMIT: Duration = Duration::from_secs(8);

fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn names(followed: &Followed<Option<Value>>) -> Vec<String> {
    let Ok(objects) = followed.now() else { return Vec::new() };
    objects.namespaces.values().flat_map(|names| names.keys().map(|name| name.to_string())).collect()
}

#[test]
fn objects_are_listed_and_then_followed_as_they_change() {
    let (go, lists) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (wait, listing) = (Arc::clone(&go), Arc::clone(&lists));
    let watch = move |path: &str, stream: &mut TcpStream| {
        head(stream, 200);
        if !path.contains("resourceVersion=10&") {
            std::thread::sleep(Duration::from_secs(30));
        }
        while !wait.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        // One change comes in two pieces.
        let (first, rest) = (
            event("MODIFIED", &thing("a", "11")),
            event("DELETED", &thing("b", "12")) + &event("ADDED", &thing("c", "13")),
        );
        say(stream, &first[..40]);
        std::thread::sleep(Duration::from_millis(50));
        say(stream, &(first[40..].to_owned() + &rest + "\n" + &bookmark("20")));
        std::thread::sleep(Duration::from_secs(1));
    };
    let server = Server::start(move |path, stream| match path {
        "/apis/toys.example.com/v1" => {
            while !listing.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(5));
            }
            answer(stream, 200, &resources());
        }
        path if path.contains("watch=true") => watch(path, stream),
        _ => answer(stream, 200, &list(&[thing("a", "5"), thing("b", "6")])),
    });
    let run = Run::of(&server, LIMIT, 1 << 20);
    let changes = run.following.changes();
    let followed = run.follow(wanted());
    assert_eq!(followed.now().unwrap_err(), Unknown::NotYet { why: None }, "nothing is known before the list is there");
    lists.store(true, Ordering::Relaxed);
    until("listed", || names(&followed) == ["a", "b"]);
    let before = followed.now().unwrap();
    let a = before.get("shop", "a").unwrap().clone().as_ref().clone().unwrap();
    assert_eq!(
        (&a["kind"], &a["apiVersion"], a["metadata"].get("managedFields")),
        (&json!("Thing"), &json!("toys.example.com/v1"), None)
    );
    assert!(before.namespaced);
    go.store(true, Ordering::Relaxed);
    until("changed", || names(&followed) == ["a", "c"]);
    assert_eq!(followed.now().unwrap().get("shop", "a").unwrap().as_ref().as_ref().unwrap()["data"]["v"], "11");
    assert_eq!(before.count(), 2, "what somebody holds does not change");
    // The next watch goes on where the last one's bookmark was.
    until("goes on", || server.count("resourceVersion=20&") == 1);
    assert_eq!((server.count("limit=500"), followed.state().lists, followed.state().objects), (1, 1, 2));
    assert!(changes.has_changed().unwrap());
    run.end();
}

#[test]
fn pages_are_joined_and_too_large_ones_asked_for_in_smaller_ones() {
    let server = Server::start(|path, stream| match path {
        "/apis/toys.example.com/v1" => answer(stream, 200, &resources()),
        path if path.contains("watch=true") => std::thread::sleep(Duration::from_secs(30)),
        path if path.contains("limit=500") => {
            head(stream, 200);
            let spaces = " ".repeat(1 << 20);
            while say(stream, &spaces) {}
        }
        path if path.contains("continue=a%2Bb") => answer(stream, 200, &list(&[thing("b", "2")])),
        path if path.contains("limit=50") => {
            let mut page = list(&[thing("a", "1")]);
            page["metadata"]["continue"] = json!("a+b");
            answer(stream, 200, &page);
        }
        _ => answer(stream, 404, &json!({})),
    });
    let run = Run::of(&server, LIMIT, 1 << 20);
    let followed = run.follow(wanted());
    until("listed", || names(&followed) == ["a", "b"]);
    run.end();
}

#[test]
fn what_the_server_no_longer_knows_is_listed_anew_and_not_without_end() {
    let server = server(vec![thing("a", "5")], |_, stream| {
        head(stream, 200);
        say(stream, &event("ERROR", &json!({"code": 410, "message": "too old resource version", "metadata": {}})));
    });
    let run = Run::of(&server, LIMIT, 1 << 20);
    let followed = run.follow(wanted());
    until("listed anew", || followed.state().lists >= 3);
    // It is confirmed by each list; pauses grow.
    assert!(followed.now().is_ok());
    std::thread::sleep(Duration::from_secs(3));
    assert!(server.count("limit=500") <= 6, "{:?}", server.seen.lock().unwrap());
    run.end();
}

#[test]
fn what_expires_without_end_is_told() {
    let server = Server::start(|path, stream| match path {
        "/apis/toys.example.com/v1" => answer(stream, 200, &resources()),
        _ => answer(stream, 410, &json!({"kind": "Status", "code": 410})),
    });
    let run = Run::of(&server, LIMIT, 1 << 20);
    let followed = run.follow(wanted());
    until("told", || followed.settled());
    let unknown = followed.now().unwrap_err();
    assert!(matches!(&unknown, Unknown::NotYet { why: Some(why) } if why.contains("410")), "{unknown}");
    run.end();
}

#[test]
fn changes_before_a_fault_are_shown_before_a_later_watch_confirms() {
    // The last one leaves the watch open: an empty line is no change that is on its way.
    let faults = [event("ERROR", &json!({"code": 500, "message": "etcd", "metadata": {}})), "\n".to_owned()];
    for fault in faults {
        let first = event("ADDED", &thing("b", "6")) + &fault;
        let open = fault.trim().is_empty();
        let server = server(vec![thing("a", "5")], move |path, stream| {
            head(stream, 200);
            if path.contains("resourceVersion=10&") {
                say(stream, &first);
            }
            if open || !path.contains("resourceVersion=10&") {
                std::thread::sleep(Duration::from_secs(30));
            }
        });
        let run = Run::of(&server, LIMIT, 1 << 20);
        let (followed, began) = (run.follow(wanted()), Instant::now());
        until(fault.trim(), || names(&followed) == ["a", "b"]);
        assert_eq!(followed.state().lists, 1, "{fault}");
        assert!(began.elapsed() < Duration::from_secs(5), "not only when the watch is cut: {fault}");
        run.end();
    }
}

#[test]
fn what_is_not_confirmed_for_long_is_not_known() {
    let server = server(vec![thing("a", "5")], |_, stream| {
        head(stream, 200);
        // Changes alone confirm nothing: they may be old ones.
        for _ in 0..300 {
            if !say(stream, &event("MODIFIED", &thing("a", "6"))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let run = Run::of(&server, Duration::from_secs(2), 1 << 20);
    let followed = run.follow(wanted());
    until("listed", || names(&followed) == ["a"]);
    let epoch = followed.now().unwrap().epoch;
    until("stale", || matches!(followed.now(), Err(Unknown::Stale { seconds: 2.., .. })));
    // The watch is cut for being too long, and all is listed anew.
    until("known again", || followed.now().is_ok_and(|objects| objects.epoch > epoch));
    run.end();
}

#[test]
fn watches_that_end_as_they_should_confirm() {
    let server = server(vec![thing("a", "5")], |path, stream| {
        assert!(path.contains("timeoutSeconds=2&") || path.ends_with("timeoutSeconds=2"), "{path}");
        head(stream, 200);
        std::thread::sleep(Duration::from_millis(1_200));
    });
    let run = Run::of(&server, LIMIT, 1 << 20);
    let followed = run.follow(wanted());
    until("listed", || followed.now().is_ok());
    let end = Instant::now() + LIMIT + Duration::from_secs(2);
    while Instant::now() < end {
        assert!(followed.now().is_ok(), "{:?}", followed.state());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(server.count("limit=500"), 1);
    run.end();
}

#[test]
fn watches_that_end_at_once_confirm_nothing() {
    let server = server(vec![thing("a", "5")], |_, stream| {
        head(stream, 200);
    });
    let run = Run::of(&server, Duration::from_secs(2), 1 << 20);
    let followed = run.follow(wanted());
    until("listed", || followed.now().is_ok());
    until("stale", || followed.now().is_err());
    assert!(server.count("watch=true") < 20, "and are not asked for in a loop");
    run.end();
}

#[test]
fn bounds_are_told_and_what_is_beyond_is_not_known() {
    let server = server((0..50).map(|n| thing(&format!("t{n}"), "5")).collect(), |_, stream| {
        head(stream, 200);
        std::thread::sleep(Duration::from_secs(30));
    });
    let run = Run::of(&server, LIMIT, 4 << 10);
    let followed = run.follow(wanted());
    until("beyond", || matches!(followed.now(), Err(Unknown::Beyond(_))));
    assert_eq!((followed.state().objects, followed.settled()), (0, true));
    run.end();

    // The one that grows in a watch gives back what it held.
    let growing = self::server(vec![thing("a", "5")], |_, stream| {
        head(stream, 200);
        for number in 0..100 {
            say(stream, &event("ADDED", &thing(&format!("t{number}"), "6")));
        }
        std::thread::sleep(Duration::from_secs(30));
    });
    let run = Run::of(&growing, LIMIT, 8 << 10);
    let followed = run.follow(wanted());
    until("beyond", || matches!(followed.now(), Err(Unknown::Beyond(_))));
    run.end();
}

#[test]
fn an_object_that_is_nested_too_deeply_is_told_of_by_itself() {
    let deep = format!("{}1{}", "[".repeat(300), "]".repeat(300));
    let server = Server::start(move |path, stream| match path {
        "/apis/toys.example.com/v1" => answer(stream, 200, &resources()),
        path if path.contains("watch=true") => std::thread::sleep(Duration::from_secs(30)),
        _ => {
            let item = format!(r#"{{"metadata":{{"name":"deep","namespace":"shop"}},"data":{deep}}}"#);
            let text = format!(
                r#"{{"kind":"ThingList","apiVersion":"toys.example.com/v1","metadata":{{"resourceVersion":"1"}},"items":[{},{item}]}}"#,
                thing("a", "1")
            );
            head(stream, 200);
            say(stream, &text);
        }
    });
    let run = Run::of(&server, LIMIT, 1 << 20);
    let followed = run.follow(wanted());
    until("listed", || names(&followed) == ["a", "deep"]);
    let objects = followed.now().unwrap();
    assert!(objects.get("shop", "deep").unwrap().is_none() && objects.get("shop", "a").unwrap().is_some());
    run.end();
}

#[test]
fn answers_that_are_not_the_protocols_are_never_an_empty_list() {
    let good = list(&[]);
    let with = |pointer: &str, value: Value| {
        let mut changed = list(&[thing("a", "1")]);
        *changed.pointer_mut(pointer).unwrap() = value;
        changed
    };
    let mut other_kind = thing("a", "1");
    other_kind["kind"] = json!("Secret");
    let mut nowhere = thing("a", "1");
    nowhere["metadata"].as_object_mut().unwrap().remove("namespace");
    let bad = [
        json!({}),
        json!([]),
        json!(null),
        json!({"kind": "Status", "metadata": {}, "status": "Failure", "code": 403}),
        with("/metadata", json!({})),
        with("/metadata/resourceVersion", json!("")),
        with("/metadata/resourceVersion", json!("9".repeat(1_000))),
        with("/kind", json!("Status")),
        with("/items", json!([other_kind])),
        with("/items", json!([nowhere])),
        with("/items", json!(["text"])),
        with("/items", json!([{"metadata": {"namespace": "shop"}}])),
        with("/items", json!([{"metadata": {"name": "a", "namespace": "../etc"}}])),
        with("/items", json!({})),
        with("/items", json!(null)),
        with("/kind", json!("Thing")),
        with("/apiVersion", json!("toys.example.com/v2")),
        json!({"kind": "ThingList", "apiVersion": "toys.example.com/v1", "metadata": {"resourceVersion": "10"}}),
    ];
    for body in bad {
        let text = body.to_string();
        let told = text.clone();
        let server = Server::start(move |path, stream| match path {
            "/apis/toys.example.com/v1" => answer(stream, 200, &resources()),
            _ => {
                head(stream, 200);
                say(stream, &text);
            }
        });
        let run = Run::of(&server, LIMIT, 1 << 20);
        let followed = run.follow(wanted());
        until(&told, || followed.settled());
        let unknown = followed.now().unwrap_err();
        assert!(
            matches!(&unknown, Unknown::NotYet { why: Some(why) } if why.contains("could not")),
            "{told}: {unknown}"
        );
        run.end();
    }
    // And an empty one is one.
    let server = Server::start(move |path, stream| match path {
        "/apis/toys.example.com/v1" => answer(stream, 200, &resources()),
        path if path.contains("watch=true") => std::thread::sleep(Duration::from_secs(30)),
        _ => answer(stream, 200, &good),
    });
    let run = Run::of(&server, LIMIT, 1 << 20);
    let followed = run.follow(wanted());
    until("listed", || followed.now().is_ok_and(|objects| objects.count() == 0));
    run.end();
}

#[test]
fn refusals_redirects_and_unknown_kinds_are_told() {
    for (status, body, words) in [
        (403, json!({"kind": "Status", "message": "things is forbidden"}), "forbidden"),
        (401, json!({}), "401"),
        (302, json!({}), "302"),
        (500, json!({}), "500"),
        (404, json!({}), "404"),
    ] {
        let server = Server::start(move |path, stream| match path {
            "/apis/toys.example.com/v1" => answer(stream, 200, &resources()),
            _ => {
                say(
                    stream,
                    &format!(
                        "HTTP/1.1 {status} X\r\nLocation: /apis/toys.example.com/v1\r\nConnection: close\r\n\r\n{body}"
                    ),
                );
            }
        });
        let run = Run::of(&server, LIMIT, 1 << 20);
        let followed = run.follow(wanted());
        until(words, || followed.settled());
        let unknown = followed.now().unwrap_err().to_string();
        assert!(unknown.contains(words), "{status}: {unknown}");
        // A redirect is not followed.
        let paths = server.seen.lock().unwrap().clone();
        assert!(paths.iter().skip(1).step_by(2).all(|path| path.contains("/things?")), "{paths:?}");
        run.end();
    }
    let server = server(Vec::new(), |_, _| {});
    let run = Run::of(&server, LIMIT, 1 << 20);
    for (kind, namespace, version, words) in [
        ("Widget", None, "toys.example.com/v1", "no such kind"),
        ("Thing", None, "toys.example.com/v2", "no such kind"),
        ("Unlisted", None, "toys.example.com/v1", "listed and watched"),
        ("Namespace", Some("shop"), "toys.example.com/v1", "in no namespace"),
        ("Thing", Some("../shop"), "toys.example.com/v1", "no name"),
        ("Thing", None, "../../v1", "apiVersion"),
        ("Thing", None, "", "apiVersion"),
    ] {
        let namespace = namespace.map(str::to_owned);
        let followed = run.follow(Wanted { api_version: version.into(), kind: kind.into(), namespace });
        until(words, || followed.settled());
        let unknown = followed.now().unwrap_err().to_string();
        assert!(unknown.contains(words), "{kind}: {unknown}");
    }
    run.end();
}

#[test]
fn watches_that_lie_break_off_and_all_is_listed_anew() {
    let mut elsewhere = thing("x", "7");
    elsewhere["metadata"]["namespace"] = json!("");
    let lies = [
        "no json\n".to_owned(),
        "{\"type\":\"ADDED\"}\n".to_owned(),
        event("TOLD", &thing("x", "7")),
        event("ADDED", &elsewhere),
        event("BOOKMARK", &json!({"metadata": {}})),
        json!({"type": "ADDED", "object": {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "x", "namespace": "shop"}}}).to_string() + "\n",
        "x".repeat(7 << 20),
        event("ADDED", &thing("x", "7")).trim_end().to_owned(),
    ];
    for lie in lies {
        let told: String = lie.chars().take(60).collect();
        let watches = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&watches);
        let server = server(vec![thing("a", "5")], move |_, stream| {
            head(stream, 200);
            if count.fetch_add(1, Ordering::Relaxed) == 0 {
                say(stream, &lie);
            } else {
                std::thread::sleep(Duration::from_secs(30));
            }
        });
        let run = Run::of(&server, LIMIT, 1 << 20);
        let followed = run.follow(wanted());
        until(&told, || followed.state().lists == 2);
        assert_eq!(names(&followed), ["a"], "{told}");
        run.end();
    }
}

#[test]
fn what_is_no_longer_needed_is_no_longer_followed() {
    let server = server(vec![thing("a", "5")], |_, stream| {
        head(stream, 200);
        std::thread::sleep(Duration::from_millis(1_100));
    });
    let run = Run::of(&server, Duration::from_secs(4), 1 << 20);
    let followed = run.follow(wanted());
    until("listed", || followed.now().is_ok());
    drop(followed);
    std::thread::sleep(Duration::from_millis(500));
    let before = server.seen.lock().unwrap().len();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(server.seen.lock().unwrap().len(), before);
    run.end();
}
