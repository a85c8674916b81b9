//! What the gate meets in these tests: certificates made on the spot, a client of HTTP over TLS on plain threads, and a
//! loopback registry that serves an OCI layout.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::Value;
use tempfile::TempDir;

/// An authority with what it signs.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// Certificate and key as PEM.
    pub fn sign(&self, name: &str, client: bool) -> (String, String) {
        let hosts = if client { vec![] } else { vec!["localhost".to_owned(), "127.0.0.1".to_owned()] };
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let usage = if client { ExtendedKeyUsagePurpose::ClientAuth } else { ExtendedKeyUsagePurpose::ServerAuth };
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// A running `plimsoll serve`.
pub struct Gate {
    child: Child,
    pub address: SocketAddr,
    pub folder: TempDir,
    pub authority: Authority,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Gate {
    /// Starts with these further arguments; `{dir}` in them is the gate's own folder. `prepare` fills that first.
    pub fn start(args: &[&str], prepare: impl FnOnce(&Path, &Authority)) -> Gate {
        Gate::started(args, prepare, true)
    }

    /// As [`Gate::start`], and nobody reads its log once it serves.
    pub fn unread(args: &[&str], prepare: impl FnOnce(&Path, &Authority)) -> Gate {
        Gate::started(args, prepare, false)
    }

    fn started(args: &[&str], prepare: impl FnOnce(&Path, &Authority), read: bool) -> Gate {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("test authority");
        let (cert, key) = authority.sign("plimsoll", false);
        std::fs::write(folder.path().join("tls.crt"), cert).unwrap();
        std::fs::write(folder.path().join("tls.key"), key).unwrap();
        prepare(folder.path(), &authority);
        let dir = folder.path().display().to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        command.arg("serve").args(["--cert", &format!("{dir}/tls.crt"), "--key", &format!("{dir}/tls.key")]);
        command.args(["--address", "127.0.0.1", "--port", "0", "--shutdown-delay", "0"]);
        command.args(args.iter().map(|arg| arg.replace("{dir}", &dir)));
        command.env_clear().env("HOME", folder.path()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (sender, receiver) = mpsc::channel();
        let kept = Arc::clone(&lines);
        std::thread::spawn(move || {
            let mut stderr = stderr;
            let mut line = String::new();
            while stderr.read_line(&mut line).is_ok_and(|read| read > 0) {
                let serving = serde_json::from_str::<Value>(&line).ok().filter(|event| event["msg"] == "serving");
                kept.lock().unwrap().push(line.trim_end().to_owned());
                line.clear();
                if let Some(event) = serving {
                    let _ = sender.send(event["address"].as_str().unwrap().parse::<SocketAddr>().unwrap());
                    if !read {
                        // Open and full, as behind a collector that stands still.
                        std::mem::forget(stderr);
                        return;
                    }
                }
            }
        });
        let address = match receiver.recv_timeout(Duration::from_secs(60)) {
            Ok(address) => address,
            Err(_) => panic!("the gate did not start: {:?}", lines.lock().unwrap()),
        };
        Gate { child, address, folder, authority, lines }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The lines of the log so far whose `msg` is this.
    pub fn events(&self, message: &str) -> Vec<Value> {
        let lines = self.lines.lock().unwrap();
        lines
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|e: &Value| e["msg"] == message)
            .collect()
    }

    pub fn log(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    pub fn client(&self) -> Client {
        Client::new(self.address, &self.authority.pem, None)
    }

    /// Waits until `holds`, and says so when it never does.
    pub fn wait(&self, what: &str, holds: impl Fn(&Gate) -> bool) {
        let until = Instant::now() + Duration::from_secs(30);
        while !holds(self) {
            assert!(Instant::now() < until, "never: {what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Sends a signal and waits for the end.
    pub fn stop(mut self, signal: &str) -> i32 {
        let pid = self.child.id().to_string();
        Command::new("kill").args([signal, &pid]).status().unwrap();
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    pub fn signal(&self, signal: &str) {
        Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

type Stream = rustls::StreamOwned<rustls::ClientConnection, TcpStream>;

/// A client that keeps its connection.
pub struct Client {
    address: SocketAddr,
    config: Arc<rustls::ClientConfig>,
    stream: Option<Stream>,
}

impl Client {
    pub fn new(address: SocketAddr, authority: &str, identity: Option<(&str, &str)>) -> Client {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => {
                let chain = vec![CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()];
                builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap()
            }
        };
        Client { address, config: Arc::new(config), stream: None }
    }

    /// A connection with its handshake done.
    pub fn connect(&self) -> std::io::Result<Stream> {
        let socket = TcpStream::connect(self.address)?;
        socket.set_read_timeout(Some(Duration::from_secs(60)))?;
        socket.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").unwrap();
        let mut connection = rustls::ClientConnection::new(Arc::clone(&self.config), name).unwrap();
        let mut socket = socket;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(rustls::StreamOwned::new(connection, socket))
    }

    pub fn request(&mut self, method: &str, path: &str, body: &[u8]) -> std::io::Result<Reply> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect()?,
        };
        let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        // A server that refuses a large body may answer before it has all of it.
        let sent = stream.write_all(&bytes).and_then(|()| stream.flush());
        let reply = read_reply(&mut stream, method == "HEAD");
        if sent.is_ok() && reply.as_ref().is_ok_and(|reply| !reply.head.contains("connection: close")) {
            self.stream = Some(stream);
        }
        reply
    }

    pub fn get(&mut self, path: &str) -> Reply {
        self.request("GET", path, b"").unwrap()
    }

    pub fn post(&mut self, path: &str, body: &str) -> Reply {
        self.request("POST", path, body.as_bytes()).unwrap()
    }
}

pub fn read_reply(stream: &mut impl Read, no_body: bool) -> std::io::Result<Reply> {
    let ended = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        let read = stream.read(&mut part)?;
        if read == 0 {
            return Err(ended());
        }
        bytes.extend_from_slice(&part[..read]);
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(ended)?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let length = if no_body { 0 } else { length.unwrap_or(0) };
    let mut body = bytes[end + 4..].to_vec();
    while body.len() < length {
        let read = stream.read(&mut part)?;
        if read == 0 {
            return Err(ended());
        }
        body.extend_from_slice(&part[..read]);
    }
    Ok(Reply { status, head, body: String::from_utf8_lossy(&body).into_owned() })
}

/// A registry of one image, `shop/web`, whose every tag is the image of that OCI layout.
#[derive(Clone)]
pub struct Registry {
    pub address: SocketAddr,
    pub asked: Arc<AtomicUsize>,
    /// Milliseconds before each answer.
    pub delay: Arc<AtomicU64>,
    pub layers: Arc<Mutex<Layers>>,
    /// The digests that tags mean, each time the last of these, which is gone then; the layout's image where there are no more.
    pub moves: Arc<Mutex<Vec<String>>>,
    /// What lies beside an image is not given out.
    pub unsearchable: Arc<AtomicBool>,
}

/// What becomes of requests for layers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Layers {
    Served,
    Missing,
    /// They take a minute.
    Held,
}

impl Registry {
    pub fn start(layout: &Path) -> Registry {
        let index: Value = serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap();
        let digest = index["manifests"][0]["digest"].as_str().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, delay) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
        let (layers, moves) = (Arc::new(Mutex::new(Layers::Served)), Arc::new(Mutex::new(Vec::new())));
        let registry = Registry { address, asked, delay, layers, moves, unsearchable: Arc::default() };
        let (shared, layout) = (registry.clone(), layout.to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (shared, layout, digest) = (shared.clone(), layout.clone(), digest.clone());
                std::thread::spawn(move || serve_registry(stream, &shared, &layout, &digest));
            }
        });
        registry
    }

    pub fn image(&self, tag: &str) -> String {
        format!("{}/shop/web:{tag}", self.address)
    }
}

/// The digest of what the layout has under that name.
fn named(layout: &Path, name: &str) -> Option<String> {
    let index: Value = serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap();
    let all = index["manifests"].as_array().unwrap();
    let one = all.iter().find(|one| one["annotations"]["org.opencontainers.image.ref.name"] == name)?;
    one["digest"].as_str().map(str::to_owned)
}

fn serve_registry(stream: TcpStream, registry: &Registry, layout: &Path, digest: &str) {
    let Registry { asked: count, delay: wait, layers, moves, .. } = registry;
    let manifest = std::fs::read(layout.join("blobs/sha256").join(digest.trim_start_matches("sha256:"))).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let is_layer = |name: &str| manifest["layers"].as_array().unwrap().iter().any(|layer| layer["digest"] == name);
    let Ok(mut out) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut words = line.split(' ');
        let (method, path) = (words.next().unwrap_or("").to_owned(), words.next().unwrap_or("").to_owned());
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header).unwrap_or(0) == 0 || header.trim().is_empty() {
                break;
            }
        }
        if !method.is_ascii() || !path.starts_with('/') {
            // A TLS handshake: this registry speaks plainly.
            return;
        }
        count.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(wait.load(Ordering::SeqCst)));
        let name = path.rsplit('/').next().unwrap_or("");
        // Every tag is the image's, but for those that derive from a digest: these the layout names, and there are no referrers.
        let tagged = match name.starts_with("sha256-") {
            true => Some(named(layout, name).unwrap_or_default()),
            false if path.contains("/manifests/") && !name.starts_with("sha256:") => moves.lock().unwrap().pop(),
            false => None,
        };
        let wanted = if name.starts_with("sha256:") { name } else { tagged.as_deref().unwrap_or(digest) };
        let layers = if is_layer(name) { *layers.lock().unwrap() } else { Layers::Served };
        if layers == Layers::Held {
            std::thread::sleep(Duration::from_secs(60));
        }
        let blob = layout.join("blobs/sha256").join(wanted.trim_start_matches("sha256:"));
        let known = path.starts_with("/v2/shop/web/") && !path.contains("/referrers/") && !wanted.is_empty();
        let (status, body) = match std::fs::read(blob) {
            Ok(body) if known && layers != Layers::Missing => ("200 OK", body),
            _ if path == "/v2/" => ("200 OK", Vec::new()),
            _ if path.contains("/referrers/") && registry.unsearchable.load(Ordering::SeqCst) => {
                ("403 Forbidden", Vec::new())
            }
            _ => ("404 Not Found", b"{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\"}]}".to_vec()),
        };
        let own =
            serde_json::from_slice::<Value>(&body).ok().and_then(|it| it["mediaType"].as_str().map(str::to_owned));
        let kind = match own {
            Some(own) if path.contains("/manifests/") => own,
            None if path.contains("/manifests/") => "application/vnd.oci.image.manifest.v1+json".to_owned(),
            _ => "application/octet-stream".to_owned(),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ndocker-content-digest: {wanted}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let body: &[u8] = if method == "HEAD" { &[] } else { &body };
        if out.write_all(head.as_bytes()).and_then(|()| out.write_all(body)).is_err() {
            return;
        }
    }
}
