//! Kubesec's server. In: manifests by POST to any path but the pages. Out: their reports as JSON; a low score is answered
//! with 200 all the same. `/healthz` and `/metrics` are pages; GET elsewhere sends people to kubesec's site, as kubesec does.
//! Bounds what strangers can hold: connections, heads, bodies and what is scored at the same time.

use std::convert::Infallible;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};

use super::flags;
use super::report;
use crate::exit::Exit;

/// The largest body: an object that the API server takes is smaller, and so are most rendered charts.
const MAX_BODY: usize = 8 << 20;
/// Reports of one answer, each some hundred bytes.
const MAX_REPORTS: usize = 10_000;
/// Bodies that are in memory at the same time.
const MAX_BODIES: usize = 32;
/// A body that takes longer is cut off, as kubesec does.
const BODY_TIME: Duration = Duration::from_secs(5);
/// A head that takes longer, and an idle connection, are cut off, as kubesec does.
const HEAD_TIME: Duration = Duration::from_secs(15);
/// Bytes of a request's head.
const MAX_HEAD: usize = 16 << 10;
/// Connections at the same time; further ones are closed.
const MAX_CONNECTIONS: usize = 256;
/// How long open requests may take when the server is told to stop.
const DRAIN: Duration = Duration::from_secs(60);
/// Where people read about kubesec.
const SITE: &str = "https://kubesec.io";

type Answer = Response<Full<Bytes>>;

struct Service {
    bodies: Arc<Semaphore>,
    scans: Arc<Semaphore>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    scored: AtomicU64,
    refused: AtomicU64,
    shed: AtomicU64,
    connections_refused: AtomicU64,
}

/// Serves until it is told to stop.
pub fn run(flags: &flags::Http) -> Result<Exit, String> {
    if flags.keypath.is_some() {
        return Err("in-toto links are not signed here: leave --keypath out".into());
    }
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let address = flags.address.clone().or_else(|| set("PORT")).or_else(|| set("KUBESEC_ADDR"));
    let addresses = addresses(address.as_deref().unwrap_or("8080"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("plimsoll-kubesec")
        .enable_all()
        .build()
        .map_err(|error| format!("could not start the server's threads: {error}"))?;
    let done = runtime.block_on(serve(&addresses));
    runtime.shutdown_background();
    done.map(|()| Exit::Allowed)
}

/// The addresses to try, the first that works counts: without an IP those of all interfaces, IPv6 with IPv4 before IPv4
/// alone. Port 0 is a free one.
fn addresses(text: &str) -> Result<Vec<SocketAddr>, String> {
    let wrong = |what: &str| format!("invalid {what}: {}", plimsoll_report::safe(text));
    let (ip, port) = text.rsplit_once(':').unwrap_or(("", text));
    let port = port.parse::<u16>().map_err(|_| wrong("port"))?;
    let ips: Vec<IpAddr> = match ip {
        "" => vec![Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()],
        ip => {
            let bare = ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']'));
            let parsed = match bare {
                Some(six) => six.parse::<Ipv6Addr>().map(IpAddr::from),
                None => ip.parse::<Ipv4Addr>().map(IpAddr::from),
            };
            vec![parsed.map_err(|_| wrong("IP address"))?]
        }
    };
    Ok(ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
}

async fn serve(addresses: &[SocketAddr]) -> Result<(), String> {
    let listener = TcpListener::bind(addresses).await.map_err(|error| format!("could not listen: {error}"))?;
    let bound = listener.local_addr().map_err(|error| format!("could not tell the address: {error}"))?;
    let mut terminated =
        signal(SignalKind::terminate()).map_err(|error| format!("could not listen for SIGTERM: {error}"))?;
    say("info", &format!("Starting HTTP server on {bound}"));
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let service = Arc::new(Service {
        bodies: Arc::new(Semaphore::new(MAX_BODIES)),
        scans: Arc::new(Semaphore::new(cores)),
        counts: Counts::default(),
    });
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let (stop, stopped) = watch::channel(false);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = terminated.recv() => break,
            _ = tokio::signal::ctrl_c() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of files, mostly: the connections that are open will give some back.
                say("warn", &format!("could not take a connection: {error}"));
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            service.counts.connections_refused.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let (service, stopped) = (Arc::clone(&service), stopped.clone());
        tokio::spawn(async move {
            let _permit = permit;
            connection(stream, service, stopped).await;
        });
    }
    drop(listener);
    let _ = stop.send(true);
    let all = u32::try_from(MAX_CONNECTIONS).unwrap_or(u32::MAX);
    if tokio::time::timeout(DRAIN, room.acquire_many(all)).await.is_err() {
        say("warn", "connections were cut: they did not finish in time");
    }
    say("info", "HTTP server stopped");
    Ok(())
}

async fn connection(stream: TcpStream, service: Arc<Service>, mut stopped: watch::Receiver<bool>) {
    // Answers are small and waited for.
    let _ = stream.set_nodelay(true);
    let handler = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(answer(&service, request).await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).keep_alive(true).max_buf_size(MAX_HEAD);
    let served = builder.serve_connection(TokioIo::new(stream), handler);
    tokio::pin!(served);
    // What ends a connection from the client's side is the client's affair.
    tokio::select! {
        _ = served.as_mut() => return,
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    served.as_mut().graceful_shutdown();
    let _ = served.await;
}

async fn answer(service: &Service, request: Request<Incoming>) -> Answer {
    match request.uri().path() {
        "/healthz" => return text(StatusCode::OK, "OK\n".into()),
        "/metrics" => return text(StatusCode::OK, service.counts.page()),
        _ => {}
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut answer = text(StatusCode::SEE_OTHER, "post a manifest here\n".into());
        set(&mut answer, LOCATION, SITE);
        return answer;
    }
    let query = request.uri().query().unwrap_or_default();
    if query.split('&').any(|pair| pair.strip_prefix("in-toto=").is_some_and(|value| !value.is_empty())) {
        return refused(service, StatusCode::INTERNAL_SERVER_ERROR, "in-toto links are not signed here");
    }
    let Ok(room) = Arc::clone(&service.bodies).try_acquire_owned() else {
        service.counts.shed.fetch_add(1, Ordering::Relaxed);
        let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, "too much to do: try again\n".into());
        set(&mut answer, RETRY_AFTER, "1");
        return answer;
    };
    let read = tokio::time::timeout(BODY_TIME, Limited::new(request.into_body(), MAX_BODY).collect()).await;
    let body = match read {
        Err(_) => return refused(service, StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return refused(service, StatusCode::PAYLOAD_TOO_LARGE, "the body has more than 8 MiB");
        }
        Ok(Err(_)) => return refused(service, StatusCode::BAD_REQUEST, "Error reading request body"),
        Ok(Ok(body)) => body.to_bytes(),
    };
    let Ok(scan) = Arc::clone(&service.scans).acquire_owned().await else {
        return refused(service, StatusCode::SERVICE_UNAVAILABLE, "the server stops");
    };
    let work = move || {
        // Held until the work is done, also where the client has gone.
        let _held = (room, scan);
        scored(&body)
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(json)) => {
            service.counts.scored.fetch_add(1, Ordering::Relaxed);
            let mut answer = text(StatusCode::OK, json);
            set(&mut answer, CONTENT_TYPE, "application/json");
            answer
        }
        Ok(Err(why)) => refused(service, StatusCode::BAD_REQUEST, &why),
        Err(_) => refused(service, StatusCode::INTERNAL_SERVER_ERROR, "could not score it"),
    }
}

/// The reports of a body as JSON. A form's field name before the manifest is no part of it.
fn scored(body: &[u8]) -> Result<String, String> {
    let manifest = body.strip_prefix(b"file=").unwrap_or(body);
    let text = std::str::from_utf8(manifest).map_err(|_| "the body is no UTF-8".to_owned())?;
    let reports = report::reports("API", text)?;
    if reports.len() > MAX_REPORTS {
        return Err(format!("the body has more than {MAX_REPORTS} objects"));
    }
    report::json(&reports).map(|json| json + "\n").map_err(|error| format!("could not write the report: {error}"))
}

fn refused(service: &Service, status: StatusCode, why: &str) -> Answer {
    service.counts.refused.fetch_add(1, Ordering::Relaxed);
    text(status, format!("{why}\n"))
}

fn text(status: StatusCode, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    set(&mut answer, CONTENT_TYPE, "text/plain; charset=utf-8");
    answer
}

fn set(answer: &mut Answer, name: HeaderName, value: &'static str) {
    answer.headers_mut().insert(name, HeaderValue::from_static(value));
}

/// One line of JSON on standard error, as kubesec logs.
fn say(severity: &str, message: &str) {
    let line =
        serde_json::json!({ "severity": severity, "timestamp": jiff::Timestamp::now().to_string(), "msg": message });
    // Who reads the log may be gone; the server is not.
    let _ = writeln!(std::io::stderr(), "{line}");
}

impl Counts {
    fn page(&self) -> String {
        let counters = [
            ("scored_requests_total", "Requests whose manifests were scored.", &self.scored),
            ("refused_requests_total", "Requests whose body could not be read or scored.", &self.refused),
            ("shed_requests_total", "Requests turned away because too many bodies were in memory.", &self.shed),
            ("refused_connections_total", "Connections closed because too many were open.", &self.connections_refused),
        ];
        let mut page = String::new();
        for (name, help, count) in counters {
            let count = count.load(Ordering::Relaxed);
            page.push_str(&format!(
                "# HELP plimsoll_kubesec_{name} {help}\n# TYPE plimsoll_kubesec_{name} counter\nplimsoll_kubesec_{name} {count}\n"
            ));
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_kubesec_reads_them() {
        let first = |text: &str| addresses(text).map(|all| all[0].to_string());
        for (text, address) in
            [("8080", "[::]:8080"), (":8080", "[::]:8080"), ("127.0.0.1:81", "127.0.0.1:81"), ("[::1]:82", "[::1]:82")]
        {
            assert_eq!(first(text).as_deref(), Ok(address), "{text}");
        }
        for text in ["", "port", "localhost:80", "1.2.3:80", "::1:80", "70000", ":-1", "[127.0.0.1]:80"] {
            assert!(first(text).is_err(), "{text}");
        }
        assert_eq!(addresses("8080").unwrap()[1].to_string(), "0.0.0.0:8080");
    }
}
