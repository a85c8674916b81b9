//! Where a browser brings an issuer's answer: a port on loopback (RFC 8252 §7.3). In: what the answer has to prove. Out: one code, or the
//! issuer's reason. What it does not do: believe a request for having come. Any page and any process on this machine can make one; what
//! does not know the state is turned away, and the wait goes on.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, HeaderValue, REFERRER_POLICY,
};
use hyper::http::uri::Authority;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::{TokioIo, TokioTimer};
use plimsoll_sources::registry::answer::shown;
use plimsoll_sources::registry::endpoint::is_loopback;
use plimsoll_sources::service::pairs;
use plimsoll_trust::Hash;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use super::super::Failure;

/// Where the answer comes, as Cosign has it. Issuers know the name `localhost` and not its address.
const HOST_NAME: &str = "localhost";
const PATH: &str = "/auth/callback";
/// Bytes of a request's head: codes of some issuers have kilobytes.
const MAX_HEAD: usize = 16 << 10;
/// How long one connection may last: a browser sends its request at once.
const CONNECTION_TIME: Duration = Duration::from_secs(10);
/// Connections at the same time. Where there are more, the oldest is cut, for somebody's browser is the newest.
const MAX_CONNECTIONS: usize = 64;
/// How long the page may take to go out after the answer is here.
const LAST_PAGE: Duration = Duration::from_secs(1);
/// Ports that are tried, where another program has the same one on one of this machine's addresses.
const PORTS: usize = 32;
/// A connection that cannot be taken: out of files, mostly.
const REST: Duration = Duration::from_millis(50);

/// What an answer has to prove.
pub struct Expected<'a> {
    /// What the issuer was told, and nobody else.
    pub state: &'a str,
    /// Who has to have answered, where the answer says who did (RFC 9207).
    pub issuer: &'a str,
    /// Whether the answer has to say it.
    pub names_issuer: bool,
}

/// An open port.
pub struct Callback {
    /// One for each address that the host's name has.
    listeners: Vec<std::net::TcpListener>,
    address: String,
    port: u16,
    path: String,
}

/// The code, or why there is none.
type Answer = Result<Zeroizing<String>, String>;
/// The same, and what ends when its page has gone out.
type Told = (Answer, oneshot::Receiver<()>);
type Page = Response<Full<Bytes>>;

impl Callback {
    /// Opens the port that an address names, or any that is free.
    ///
    /// # Errors
    /// The address is not on this machine, or the port is taken.
    pub fn at(redirect: Option<&str>) -> Result<Callback, Failure> {
        let (host, port, path) = match redirect {
            None => (HOST_NAME.to_owned(), 0, PATH.to_owned()),
            Some(redirect) => named(redirect).ok_or_else(|| {
                format!(
                    "--oidc-redirect-url {redirect}: the answer comes to this machine, as http://localhost:PORT/PATH or with its address"
                )
            })?,
        };
        let failed = |error| format!("could not listen for the browser's answer on {host}:{port}: {error}");
        let (listeners, port) = match bare(&host).parse::<IpAddr>() {
            Ok(ip) => listening(&[ip], port),
            Err(_) => listening(&addresses(), port),
        }
        .map_err(failed)?;
        // What was named goes to the issuer as it is, for it is compared there.
        let address =
            match redirect.filter(|redirect| redirect.parse::<Uri>().is_ok_and(|uri| uri.port_u16() != Some(0))) {
                Some(redirect) => redirect.to_owned(),
                None => format!("http://{host}:{port}{path}"),
            };
        Ok(Callback { listeners, address, port, path })
    }

    /// Where the browser is to bring the answer.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Waits for the one answer. The port is closed then.
    ///
    /// # Errors
    /// The issuer says that nobody signed in, or there is no answer in time.
    pub fn answer(self, expected: &Expected<'_>, patience: Duration) -> Result<Zeroizing<String>, Failure> {
        let failed = |error| format!("could not listen for the browser's answer: {error}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let waited = runtime.block_on(async { tokio::time::timeout(patience, self.wait(expected)).await });
        match waited {
            Ok(Ok(answer)) => answer.map_err(|why| format!("nobody signed in: {why}").into()),
            Ok(Err(error)) => Err(failed(error).into()),
            Err(_) => Err("nobody signed in in time".into()),
        }
    }

    async fn wait(self, expected: &Expected<'_>) -> std::io::Result<Answer> {
        let Callback { listeners, port, path, .. } = self;
        let mut listeners: Vec<_> = listeners.into_iter().map(TcpListener::from_std).collect::<Result<_, _>>()?;
        let (tell, mut told) = oneshot::channel();
        let desk = Arc::new(Desk {
            port,
            path,
            state: Hash::Sha256.of(expected.state.as_bytes()),
            issuer: expected.issuer.to_owned(),
            names_issuer: expected.names_issuer,
            tell: Mutex::new(Some(tell)),
        });
        let mut open: VecDeque<JoinHandle<()>> = VecDeque::new();
        loop {
            let accepted = tokio::select! {
                told = &mut told => {
                    let (answer, gone) = told.map_err(std::io::Error::other)?;
                    // The page, which is for people alone, is worth no more than a moment.
                    let _ = tokio::time::timeout(LAST_PAGE, gone).await;
                    return Ok(answer);
                }
                accepted = accepted(&listeners) => accepted,
            };
            // Whoever crowds one address does not keep the other from its turn.
            listeners.rotate_left(1);
            let Ok(stream) = accepted else {
                tokio::time::sleep(REST).await;
                continue;
            };
            open.retain(|one| !one.is_finished());
            if open.len() == MAX_CONNECTIONS
                && let Some(oldest) = open.pop_front()
            {
                oldest.abort();
            }
            open.push_back(tokio::spawn(connection(stream, Arc::clone(&desk))));
            // What it brought is read before it could be the oldest.
            tokio::task::yield_now().await;
        }
    }
}

/// What `localhost` means here. Browsers try both, and on the one that is not taken somebody else on this machine could wait for the code.
fn addresses() -> Vec<IpAddr> {
    let v6 = IpAddr::from(Ipv6Addr::LOCALHOST);
    // A machine may have no IPv6 at all.
    let has_v6 = std::net::TcpListener::bind(SocketAddr::new(v6, 0)).is_ok();
    [Some(Ipv4Addr::LOCALHOST.into()), has_v6.then_some(v6)].into_iter().flatten().collect()
}

/// Listens on one port of all these addresses: that one, or any that is free on each.
fn listening(addresses: &[IpAddr], port: u16) -> std::io::Result<(Vec<std::net::TcpListener>, u16)> {
    let try_once = || {
        let (mut listeners, mut port) = (Vec::new(), port);
        for ip in addresses {
            let listener = std::net::TcpListener::bind(SocketAddr::new(*ip, port))?;
            listener.set_nonblocking(true)?;
            port = listener.local_addr()?.port();
            listeners.push(listener);
        }
        Ok::<_, std::io::Error>((listeners, port))
    };
    let mut tried = try_once();
    for _ in 1..PORTS {
        match &tried {
            Err(error) if port == 0 && error.kind() == ErrorKind::AddrInUse => tried = try_once(),
            _ => break,
        }
    }
    tried
}

/// The next connection to any of these.
async fn accepted(listeners: &[TcpListener]) -> std::io::Result<TcpStream> {
    std::future::poll_fn(|context| {
        let ready = listeners.iter().find_map(|listener| match listener.poll_accept(context) {
            Poll::Ready(accepted) => Some(accepted.map(|(stream, _)| stream)),
            Poll::Pending => None,
        });
        ready.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

/// What a redirect's address names: host, port and path. None where it is not this machine's, or more than that.
fn named(redirect: &str) -> Option<(String, u16, String)> {
    let uri = redirect.parse::<Uri>().ok().filter(|_| !redirect.contains(['#', '@']))?;
    let host = uri.host().filter(|host| is_loopback(host))?;
    let is_plain = uri.scheme_str() == Some("http") && uri.query().is_none();
    let port = port(uri.authority()?)?;
    is_plain.then(|| (host.to_owned(), port, uri.path().to_owned()))
}

/// The port of a host: 80 where it names none; none where it names what is no port.
fn port(authority: &Authority) -> Option<u16> {
    // The last colon of an address in brackets is within them.
    let named = authority.as_str().rsplit_once(':').map(|(_, port)| port).filter(|port| !port.ends_with(']'));
    match named.unwrap_or_default() {
        "" => Some(80),
        digits if digits.bytes().all(|digit| digit.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    }
}

/// An address of the network without the brackets that it has in one of the web.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// Who takes answers.
struct Desk {
    port: u16,
    path: String,
    /// The hash of the state. Hashes are compared, so that the time it takes tells nothing of the state.
    state: Vec<u8>,
    issuer: String,
    names_issuer: bool,
    /// Takes one answer.
    tell: Mutex<Option<oneshot::Sender<Told>>>,
}

impl Desk {
    /// The answer in a request; or what it is told instead of being believed.
    fn answer(&self, method: &Method, hosts: &[&[u8]], uri: &Uri) -> Result<Answer, (StatusCode, &'static str)> {
        // A page of another name that was made to lead here (DNS rebinding) names that one.
        let [host] = hosts else { return Err((StatusCode::BAD_REQUEST, "one host is asked")) };
        let host = Authority::try_from(*host)
            .ok()
            .filter(|host| is_loopback(host.host()) && port(host) == Some(self.port) && !host.as_str().contains('@'));
        if host.is_none() || uri.authority().is_some() {
            return Err((StatusCode::MISDIRECTED_REQUEST, "this is not the host that was asked"));
        }
        if uri.path() != self.path {
            return Err((StatusCode::NOT_FOUND, "nothing is here"));
        }
        if method != Method::GET {
            return Err((StatusCode::METHOD_NOT_ALLOWED, "an answer comes by GET"));
        }
        let said = pairs(uri.query().unwrap_or_default());
        let wrong = (StatusCode::BAD_REQUEST, "this is no answer to what was asked");
        let state = once(&said, "state")?.ok_or(wrong)?;
        if Hash::Sha256.of(state.as_bytes()) != self.state {
            return Err(wrong);
        }
        let issuer = once(&said, "iss")?;
        if issuer.is_some_and(|issuer| issuer != self.issuer) || self.names_issuer && issuer.is_none() {
            return Ok(Err("the answer is of another issuer".into()));
        }
        match (once(&said, "error")?, once(&said, "code")?.filter(|code| !code.is_empty())) {
            (Some(why), _) => Ok(Err(shown(why))),
            (None, Some(code)) => Ok(Ok(Zeroizing::new(code.to_owned()))),
            (None, None) => Err(wrong),
        }
    }

    /// The page for a request, whose answer goes to whoever waits.
    fn page(&self, request: &Request<Incoming>, gone: Option<oneshot::Receiver<()>>) -> Page {
        let hosts: Vec<&[u8]> = request.headers().get_all(HOST).iter().map(HeaderValue::as_bytes).collect();
        let answer = match self.answer(request.method(), &hosts, request.uri()) {
            Ok(answer) => answer,
            Err((status, why)) => return page(status, why),
        };
        let said = match &answer {
            Ok(_) => "The answer is here, and the terminal says more. This page can be closed.",
            Err(_) => "Nobody signed in. This page can be closed; the terminal says more.",
        };
        let tell = self.tell.lock().map_or(None, |mut tell| tell.take());
        // Nobody waits any more where that is refused.
        match tell.zip(gone).map(|(tell, gone)| tell.send((answer, gone))) {
            Some(Ok(())) => page(StatusCode::OK, said),
            _ => page(StatusCode::CONFLICT, "the answer is here already"),
        }
    }
}

/// A value that must not be there twice: who reads the first and who the last would disagree.
fn once<'a>(said: &'a [(String, String)], name: &str) -> Result<Option<&'a str>, (StatusCode, &'static str)> {
    let mut all = said.iter().filter(|(one, _)| one == name).map(|(_, value)| value.as_str());
    match (all.next(), all.next()) {
        (_, Some(_)) => Err((StatusCode::BAD_REQUEST, "a part of the answer is there twice")),
        (first, None) => Ok(first),
    }
}

async fn connection(stream: TcpStream, desk: Arc<Desk>) {
    let _ = stream.set_nodelay(true);
    // Dropped with the connection: whoever waits for the page to go out is told by that.
    let (_here, gone) = oneshot::channel();
    let gone = Mutex::new(Some(gone));
    let handler = service_fn(|request: Request<Incoming>| {
        let page = desk.page(&request, gone.lock().map_or(None, |mut gone| gone.take()));
        async move { Ok::<_, Infallible>(page) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(CONNECTION_TIME).keep_alive(false).max_buf_size(MAX_HEAD);
    // What ends a connection from the client's side is the client's affair.
    let _ = tokio::time::timeout(CONNECTION_TIME, builder.serve_connection(TokioIo::new(stream), handler)).await;
}

/// A page that says nothing of what was sent, loads nothing, and lets the address with its code go nowhere.
fn page(status: StatusCode, says: &'static str) -> Page {
    let text = format!("<!doctype html><html lang=\"en\"><title>plimsoll</title><p>{says}</p></html>\n");
    let mut page = Response::new(Full::new(Bytes::from(text)));
    *page.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
    ] {
        page.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    page
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::time::Instant;

    use super::*;

    const STATE: &str = "Zm9vYmFy-state";
    const ISSUER: &str = "https://issuer.example";

    /// An open port, and what its wait ends with.
    struct Waiting {
        port: u16,
        ends: std::thread::JoinHandle<Result<Zeroizing<String>, Failure>>,
    }

    impl Waiting {
        fn new(names_issuer: bool, patience: Duration) -> Waiting {
            let callback = Callback::at(None).unwrap();
            let port = callback.port;
            assert_eq!(callback.address(), format!("http://localhost:{port}/auth/callback"));
            let ends = std::thread::spawn(move || {
                callback.answer(&Expected { state: STATE, issuer: ISSUER, names_issuer }, patience)
            });
            Waiting { port, ends }
        }

        /// The status and the whole answer to a request's head.
        fn sent(&self, head: &str) -> (u16, String) {
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).unwrap();
            // Whoever is cut off while writing still reads what was said.
            let _ = stream.write_all(head.as_bytes());
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            let answer = String::from_utf8(answer).unwrap();
            (answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0), answer)
        }

        fn get(&self, target: &str) -> u16 {
            self.sent(&format!("GET {target} HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", self.port)).0
        }

        fn ends(self) -> Result<String, String> {
            let ended = self.ends.join().unwrap();
            ended.map(|code| code.as_str().to_owned()).map_err(|failure| failure.why)
        }
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn only_an_answer_that_knows_the_state_ends_the_wait() {
        let waiting = Waiting::new(false, LONG);
        let port = waiting.port;
        for (target, status) in [
            ("/", 404),
            ("/favicon.ico", 404),
            ("/auth/callback/", 404),
            ("/auth/callback", 400),
            ("/auth/callback?code=evil", 400),
            ("/auth/callback?code=evil&state=", 400),
            ("/auth/callback?code=evil&state=Zm9vYmFy-stat", 400),
            ("/auth/callback?code=evil&state=Zm9vYmFy-statf", 400),
            ("/auth/callback?error=access_denied", 400),
            ("/auth/callback?error=access_denied&state=x", 400),
            ("/auth/callback?code=evil&state=Zm9vYmFy-state&state=Zm9vYmFy-state", 400),
            ("/auth/callback?code=a&code=evil&state=Zm9vYmFy-state", 400),
            ("/auth/callback?code=&state=Zm9vYmFy-state", 400),
            ("/auth/callback?state=Zm9vYmFy-state", 400),
        ] {
            assert_eq!(waiting.get(target), status, "{target}");
        }
        let target = format!("/auth/callback?code=evil&state={STATE}");
        for (head, status) in [
            // Another name for this machine, or none.
            (format!("GET {target} HTTP/1.1\r\nHost: evil.example:{port}\r\n\r\n"), 421),
            (format!("GET {target} HTTP/1.1\r\nHost: localhost.evil.example:{port}\r\n\r\n"), 421),
            (format!("GET {target} HTTP/1.1\r\nHost: localhost:1\r\n\r\n"), 421),
            (format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"), 421),
            (format!("GET {target} HTTP/1.1\r\nHost: a@localhost:{port}\r\n\r\n"), 421),
            (format!("GET {target} HTTP/1.0\r\n\r\n"), 400),
            (format!("GET {target} HTTP/1.1\r\nHost: localhost:{port}\r\nHost: evil.example\r\n\r\n"), 400),
            (format!("GET http://evil.example{target} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n"), 421),
            (format!("POST {target} HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: 0\r\n\r\n"), 405),
            (format!("HEAD {target} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n"), 405),
            (format!("GET {target}&x={} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n", "a".repeat(MAX_HEAD)), 431),
            ("\u{16}\u{3}\u{1}\r\n\r\n".to_owned(), 400),
        ] {
            let (found, answer) = waiting.sent(&head);
            // Whoever sends more than is read may see the connection end first.
            assert!(found == status || status == 431 && found == 0, "{head:.99}: {answer}");
            assert!(!answer.contains("evil"), "{answer}");
        }
        let (status, page) = waiting
            .sent(&format!("GET /auth/callback?code=c%2B1&state={STATE} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n"));
        assert_eq!(status, 200, "{page}");
        let lower = page.to_ascii_lowercase();
        for part in ["no-store", "no-referrer", "default-src 'none'", "nosniff", "the answer is here"] {
            assert!(lower.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("c+1") && !page.contains(STATE), "{page}");
        assert_eq!(waiting.ends(), Ok("c+1".into()));
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "the port is closed");
    }

    #[test]
    fn an_issuer_that_refuses_ends_the_wait_in_its_own_words() {
        let waiting = Waiting::new(false, LONG);
        assert_eq!(waiting.get(&format!("/auth/callback?error=access_denied%0aVerified&state={STATE}")), 200);
        assert_eq!(waiting.ends(), Err("nobody signed in: access_denied Verified".into()));
    }

    #[test]
    fn the_issuer_that_an_answer_names_is_the_one_that_was_asked() {
        for (names, target, ends) in [
            (false, "&iss=https://issuer.example", Ok("c".to_owned())),
            (true, "&iss=https%3A%2F%2Fissuer.example", Ok("c".to_owned())),
            (false, "&iss=https://other.example", Err("nobody signed in: the answer is of another issuer".to_owned())),
            (true, "", Err("nobody signed in: the answer is of another issuer".to_owned())),
        ] {
            let waiting = Waiting::new(names, LONG);
            assert_eq!(waiting.get(&format!("/auth/callback?code=c&state={STATE}{target}")), 200);
            assert_eq!(waiting.ends(), ends, "{target}");
        }
    }

    #[test]
    fn connections_that_say_nothing_hinder_nobody_and_the_wait_has_an_end() {
        let waiting = Waiting::new(false, LONG);
        let idle: Vec<_> = (0..2 * MAX_CONNECTIONS)
            .map(|_| {
                let mut stream = std::net::TcpStream::connect(("127.0.0.1", waiting.port)).unwrap();
                let _ = stream.write_all(b"GET /auth/callback?code=");
                stream
            })
            .collect();
        let began = Instant::now();
        assert_eq!(waiting.get(&format!("/auth/callback?code=c&state={STATE}")), 200);
        assert_eq!(waiting.ends(), Ok("c".into()));
        assert!(began.elapsed() < CONNECTION_TIME);
        drop(idle);
        let waiting = Waiting::new(false, Duration::from_millis(300));
        let _idle = std::net::TcpStream::connect(("127.0.0.1", waiting.port)).unwrap();
        assert_eq!(waiting.ends(), Err("nobody signed in in time".into()));
    }

    #[test]
    fn whoever_has_the_port_on_one_address_of_this_machine_gets_no_answer() {
        let addresses = addresses();
        let both = Callback::at(None).unwrap();
        for ip in &addresses {
            assert!(std::net::TcpListener::bind(SocketAddr::new(*ip, both.port)).is_err(), "{ip} is ours");
        }
        for ip in &addresses {
            // A named port is not had in part.
            let other = std::net::TcpListener::bind(SocketAddr::new(*ip, 0)).unwrap();
            let port = other.local_addr().unwrap().port();
            let named = Callback::at(Some(&format!("http://localhost:{port}/cb")));
            assert!(named.is_err_and(|failure| failure.why.contains("could not listen")), "{ip}");
            // Where an address is named, nobody is sent to another.
            for alone in addresses.iter().filter(|alone| *alone != ip) {
                let address = format!("http://{}/cb", SocketAddr::new(*alone, port));
                assert_eq!(Callback::at(Some(&address)).unwrap().listeners.len(), 1, "{address}");
            }
        }
        for ip in addresses {
            let waiting = Waiting::new(false, LONG);
            let mut stream = std::net::TcpStream::connect((ip, waiting.port)).unwrap();
            let head =
                format!("GET /auth/callback?code=c&state={STATE} HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", waiting.port);
            stream.write_all(head.as_bytes()).unwrap();
            assert_eq!(waiting.ends(), Ok("c".into()), "{ip}");
        }
    }

    #[test]
    fn an_answer_that_many_connections_follow_at_once_is_read() {
        let callback = Callback::at(None).unwrap();
        let port = callback.port;
        let connected = || std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let mut answer = connected();
        let head = format!("GET /auth/callback?code=c&state={STATE} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
        answer.write_all(head.as_bytes()).unwrap();
        let _idle: Vec<_> = (0..MAX_CONNECTIONS + 32).map(|_| connected()).collect();
        let expected = Expected { state: STATE, issuer: ISSUER, names_issuer: false };
        let answer = callback.answer(&expected, CONNECTION_TIME).map_err(|failure| failure.why);
        assert_eq!(answer.map(|code| code.as_str().to_owned()), Ok("c".into()));
    }

    #[test]
    fn a_redirect_leads_to_this_machine_alone() {
        let named = |text: &str| named(text).map(|(host, port, path)| format!("{host} {port} {path}"));
        for (text, read) in [
            ("http://localhost:8080/a/b", "localhost 8080 /a/b"),
            ("http://127.0.0.1/cb", "127.0.0.1 80 /cb"),
            ("http://localhost:/cb", "localhost 80 /cb"),
            ("http://[::1]/cb", "[::1] 80 /cb"),
            ("http://[::1]:0", "[::1] 0 /"),
        ] {
            assert_eq!(named(text).as_deref(), Some(read));
        }
        for bad in [
            "https://localhost:8080/a",
            "http://0.0.0.0:8080/a",
            "http://example.com:8080/a",
            "http://localhost@example.com/a",
            "http://a@localhost:8080/a",
            "http://localhost:65536/a",
            "http://localhost:99999999999/a",
            "http://localhost:x/a",
            "http://127.0.0.1:+1/a",
            "http://[::1]:70000/a",
            "http://localhost:8080/a?b=c",
            "http://localhost:8080/a#b",
            "localhost:8080",
            "/auth/callback",
            "",
        ] {
            assert_eq!(named(bad), None, "{bad}");
        }
        let free = Callback::at(Some("http://127.0.0.1:0/cb")).unwrap();
        assert_eq!(free.address(), format!("http://127.0.0.1:{}/cb", free.port));
        let taken = format!("http://localhost:{}/cb", free.port);
        assert!(Callback::at(Some(&taken)).is_err_and(|failure| failure.why.contains("could not listen")));
    }
}
