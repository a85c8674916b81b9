//! A tiny registry on a loopback port, on threads, that can be told to misbehave.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::make::Store;

pub struct Request {
    pub method: String,
    /// With the query.
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Breaks off after so many bytes of the body.
    pub cut: Option<usize>,
    pub delay: Duration,
    /// Sends the body a byte at a time, and slowly.
    pub trickle: bool,
}

pub fn reply(status: u16, body: impl Into<Vec<u8>>) -> Reply {
    Reply { status, headers: vec![], body: body.into(), cut: None, delay: Duration::ZERO, trickle: false }
}

impl Reply {
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Reply {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

pub struct Server {
    pub address: SocketAddr,
    /// Method and path of every request, in order.
    pub seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(vec![]));
        let (log, handler): (_, Arc<Handler>) = (Arc::clone(&seen), Arc::new(handler));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, handler) = (Arc::clone(&log), Arc::clone(&handler));
                std::thread::spawn(move || serve(stream, &log, handler.as_ref()));
            }
        });
        Server { address, seen }
    }

    /// Over TLS, one connection after another.
    pub fn start_tls(
        config: rustls::ServerConfig,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(vec![]));
        let (log, config) = (Arc::clone(&seen), Arc::new(config));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                let mut tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                if tls.complete_io(&mut stream).is_err() {
                    continue;
                }
                let mut stream = rustls::StreamOwned::new(tls, stream);
                let mut head = vec![];
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read(&mut byte).unwrap_or(0) == 0 {
                        break;
                    }
                    head.push(byte[0]);
                }
                if !head.is_empty() {
                    answer(&head[..], &mut stream, &log, &handler);
                }
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        });
        Server { address, seen }
    }

    /// A registry that has the images of `store` under any repository; names in `index.json` are tags.
    pub fn registry(store: &Store) -> Server {
        let store = store.clone();
        Server::start(move |request| serve_store(&store, request))
    }

    pub fn host(&self) -> String {
        self.address.to_string()
    }

    pub fn count(&self, part: &str) -> usize {
        self.seen.lock().unwrap().iter().filter(|line| line.contains(part)).count()
    }
}

/// What an honest registry answers.
pub fn serve_store(store: &Store, request: &Request) -> Reply {
    let path = request.path.split('?').next().unwrap();
    let Some(name) = path.rsplit('/').next() else { return reply(404, "") };
    if path.contains("/manifests/") {
        let tag = |entry: &&serde_json::Value| entry["annotations"]["org.opencontainers.image.ref.name"] == name;
        let digest = match store.entries.iter().find(tag) {
            Some(entry) => entry["digest"].as_str().unwrap(),
            None => name,
        };
        let Some(bytes) = store.blobs.get(digest) else {
            return reply(404, r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#);
        };
        let value: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        return reply(200, bytes.clone())
            .with("Content-Type", value["mediaType"].as_str().unwrap())
            .with("Docker-Content-Digest", digest);
    }
    let Some(bytes) = store.blobs.get(name) else { return reply(404, "") };
    let from =
        request.header("range").strip_prefix("bytes=").and_then(|r| r.strip_suffix('-')).map(|n| n.parse::<usize>());
    match from {
        Some(Ok(from)) if from < bytes.len() => reply(206, &bytes[from..])
            .with("Content-Range", format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len())),
        Some(_) => reply(416, ""),
        None => reply(200, bytes.clone()),
    }
}

fn serve(mut stream: TcpStream, log: &Mutex<Vec<String>>, handler: &Handler) {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let reader = BufReader::new(stream.try_clone().unwrap());
    answer(reader, &mut stream, log, handler);
}

/// One request and its answer.
fn answer(mut reader: impl BufRead, stream: &mut impl Write, log: &Mutex<Vec<String>>, handler: &Handler) {
    // A TLS client hello, as it is sent to find out: answered as Go's servers do.
    match reader.fill_buf() {
        Ok([first, ..]) if first.is_ascii_uppercase() => {}
        _ => {
            let _ =
                stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTPS request to an HTTP server.\n");
            return;
        }
    }
    let mut line = String::new();
    let mut headers = BTreeMap::new();
    reader.read_line(&mut line).unwrap_or(0);
    let mut words = line.split_whitespace();
    let (method, path) = (words.next().unwrap_or("").to_owned(), words.next().unwrap_or("").to_owned());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    let length = headers.get("content-length").and_then(|n| n.parse().ok()).unwrap_or(0u64);
    let mut body = String::new();
    let _ = reader.take(length).read_to_string(&mut body);
    log.lock().unwrap().push(format!("{method} {path}"));
    let head_only = method == "HEAD";
    let reply = handler(&Request { method, path, headers, body });
    std::thread::sleep(reply.delay);
    let mut head = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", reply.status);
    // Whoever sends it in parts has parted it.
    if reply.headers.iter().all(|(name, _)| name != "Transfer-Encoding") {
        head.push_str(&format!("Content-Length: {}\r\n", reply.body.len()));
    }
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let _ = stream.write_all(head.as_bytes());
    if head_only {
        return;
    }
    let end = reply.cut.unwrap_or(reply.body.len()).min(reply.body.len());
    let step = if reply.trickle { 1 } else { end.max(1) };
    for part in reply.body[..end].chunks(step) {
        if stream.write_all(part).is_err() {
            return;
        }
        if reply.trickle {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
