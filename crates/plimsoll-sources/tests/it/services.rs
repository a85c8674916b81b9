//! Services that are asked one thing: what they answer is bounded, and no secret goes where it should not.

use std::sync::atomic::{AtomicUsize, Ordering};

use plimsoll_sources::{ErrorKind, ServiceRequest, SourceOptions, Sources};

use crate::server::{Server, reply};

fn sources(folder: &std::path::Path) -> Sources {
    let options = SourceOptions { cache_dir: Some(folder.to_owned()), ..SourceOptions::default() };
    Sources::new(&options).unwrap()
}

fn request<'a>(address: &'a str, bearer: Option<&'a str>) -> ServiceRequest<'a> {
    ServiceRequest {
        what: "a certificate",
        address,
        accept: "application/json",
        bearer,
        body: Some(("application/json", b"{}")),
        is_secret: false,
        once: false,
        statuses: &[200, 409],
        limit: 100,
    }
}

#[test]
fn what_is_sent_arrives_and_what_is_answered_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path());
    let server = Server::start(|request| match request.path.as_str() {
        "/asked" => {
            let seen = ["authorization", "content-type", "accept"].map(|name| request.header(name).to_owned());
            reply(200, format!("{} {} {}", request.method, seen.join(" "), request.body))
        }
        "/large" => reply(200, " ".repeat(101)),
        "/refused" => reply(400, r#"{"code":3,"message":"no\u001b[2J"}"#),
        "/elsewhere" => reply(302, "").with("Location", "/asked"),
        "/held" => reply(409, "").with("Location", "/entries/7"),
        _ => reply(409, "").with("Location", "http://192.0.2.1/entries/7"),
    });
    let ask = |path: &str| sources.ask(&request(&format!("http://{}{path}", server.address), Some("secret")));
    let answer = ask("/asked").unwrap();
    let text = String::from_utf8(answer.bytes).unwrap();
    assert_eq!((answer.status, text.as_str()), (200, "POST Bearer secret application/json application/json {}"));
    for (path, why) in [("/large", "more than 100 bytes"), ("/refused", "no [2J"), ("/elsewhere", "302")] {
        let error = ask(path).unwrap_err();
        let words = plimsoll_sources::error::chain(&error);
        assert!(words.contains(why) && words.contains("a certificate") && !words.contains("secret"), "{words}");
    }
    assert_eq!(ask("/held").unwrap().place, Some(format!("http://{}/entries/7", server.address)));
    assert_eq!(ask("/moved").unwrap().place, None, "what lies at another service is not that one's word");
}

#[test]
fn a_secret_goes_to_no_other_machine_in_the_open() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path());
    for (address, why) in [
        ("http://192.0.2.1/x", "HTTPS alone"),
        ("http://localhost.example.com/x", "HTTPS alone"),
        ("ftp://127.0.0.1/x", "HTTPS or HTTP"),
        ("nowhere", "no address"),
    ] {
        let error = sources.ask(&request(address, Some("secret"))).unwrap_err();
        let words = plimsoll_sources::error::chain(&error);
        assert!(words.contains(why), "{words}");
        let error = sources.ask(&ServiceRequest { is_secret: true, ..request(address, None) }).unwrap_err();
        assert!(plimsoll_sources::error::chain(&error).contains(why));
    }
    // Nor does one that could not be a header.
    let server = Server::start(|_| reply(200, "{}"));
    let address = format!("http://{}/", server.address);
    assert!(sources.ask(&request(&address, Some("a\r\nX: b"))).is_err());
    assert!(server.seen.lock().unwrap().is_empty());
}

#[test]
fn a_service_in_trouble_is_asked_once_more() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path());
    let asked = std::sync::Arc::new(AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&asked);
    let server = Server::start(move |request| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        match (request.path.as_str(), number) {
            ("/recovers", 0) | ("/down", _) => reply(503, ""),
            ("/patience", _) => reply(429, "").with("Retry-After", "3600"),
            _ => reply(200, "{}"),
        }
    });
    let ask = |path: &str| sources.ask(&request(&format!("http://{}{path}", server.address), None));
    assert_eq!(ask("/recovers").unwrap().status, 200);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert!(matches!(ask("/down").unwrap_err().kind(), ErrorKind::Busy { .. }));
    assert_eq!(asked.load(Ordering::SeqCst), 4);
    // What is worth nothing the second time is sent once.
    let address = format!("http://{}/down", server.address);
    assert!(sources.ask(&ServiceRequest { once: true, ..request(&address, None) }).is_err());
    assert_eq!(asked.load(Ordering::SeqCst), 5);
    // An hour is not waited for.
    assert!(matches!(ask("/patience").unwrap_err().kind(), ErrorKind::Busy { .. }));
    assert_eq!(asked.load(Ordering::SeqCst), 6);
}
