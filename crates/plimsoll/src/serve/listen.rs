//! Connections. In: a listening socket. Out: requests for the service, one connection a task. Bounds what strangers can
//! hold: connections, handshakes, heads and idle time. What it does not do: look at a request's path or body.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use super::http::Service;
use super::tls::Peer;

/// A client that has not finished its handshake after this is no API server.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// From the first byte of a request's head to its last.
const HEAD: Duration = Duration::from_secs(10);
/// A connection on which nothing is being answered for so long is closed, also when its client keeps it alive or does not
/// take its answers. Go's clients close theirs after 90 seconds: closing first would cut a request that is on its way.
const IDLE: Duration = Duration::from_secs(150);
/// How often a connection is looked at for slowness.
const LOOK: Duration = Duration::from_secs(1);
/// Bytes of a request's head: the API server's has some hundreds.
const MAX_HEAD: usize = 16 << 10;
/// Requests on one HTTP/2 connection at the same time.
const MAX_STREAMS: u32 = 250;

/// Takes connections until `shutdown` says so, then lets the open ones finish within `drain`.
pub async fn listen(
    listener: TcpListener,
    service: Arc<Service>,
    most: u32,
    mut shutdown: watch::Receiver<bool>,
    drain: Duration,
) {
    let room = Arc::new(Semaphore::new(most as usize));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = shutdown.wait_for(|down| *down) => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of files, mostly: the connections that are open will give some back.
                service.log.warn("could not take a connection", &[("error", error.to_string().into())]);
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            service.metrics.connections_refused.add(1);
            continue;
        };
        let (service, shutdown) = (Arc::clone(&service), shutdown.clone());
        tokio::spawn(async move {
            let (_permit, _counted) = (permit, service.metrics.connections.one_more());
            connection(stream, &service, shutdown).await;
        });
    }
    drop(listener);
    // All permits back: every connection is done.
    if tokio::time::timeout(drain, room.acquire_many(most)).await.is_err() {
        service.log.warn("connections were cut: they did not finish in time", &[("seconds", drain.as_secs().into())]);
    }
}

async fn connection(stream: TcpStream, service: &Arc<Service>, mut shutdown: watch::Receiver<bool>) {
    // Answers are small and waited for.
    let _ = stream.set_nodelay(true);
    let address = stream.peer_addr().ok();
    let acceptor = TlsAcceptor::from(service.tls.config());
    let stream = match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            service.metrics.handshake_failures.add(1);
            service.log.debug("handshake failed", &[("error", error.to_string().into())]);
            return;
        }
        Err(_) => {
            service.metrics.slow_clients.add(1);
            return;
        }
    };
    let (_, session) = stream.get_ref();
    let peer = Arc::new(service.tls.peer(session.peer_certificates()));
    if let Peer::Stranger { why } = peer.as_ref() {
        service.log.debug("a stranger connected", &[("why", why.as_str().into())]);
    }
    let two = session.alpn_protocol() == Some(b"h2");
    let pace = Arc::new(Pace::default());
    let io = TokioIo::new(Paced { stream, pace: Arc::clone(&pace) });
    let handler = {
        let (service, pace) = (Arc::clone(service), Arc::clone(&pace));
        service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            // Decision logs say who asked.
            request.extensions_mut().insert(address);
            let (service, peer, pace) = (Arc::clone(&service), Arc::clone(&peer), Arc::clone(&pace));
            async move {
                let _answering = pace.head_is_here();
                Ok::<_, std::convert::Infallible>(service.answer(request, &peer).await)
            }
        })
    };
    let slow = async {
        let mut tick = tokio::time::interval(LOOK);
        loop {
            tick.tick().await;
            // Over HTTP/2 bytes need not be a head's, and the library bounds those itself.
            if pace.is_idle(Pace::now()) || !two && pace.is_slow() {
                return;
            }
        }
    };
    // What ends a connection from the client's side (a reset, a half request) is the client's affair.
    if two {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(Some(Duration::from_secs(30)))
            .keep_alive_timeout(Duration::from_secs(20))
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEAD as u32);
        let served = builder.serve_connection(io, handler);
        tokio::pin!(served);
        tokio::select! {
            _ = served.as_mut() => return,
            () = slow => return,
            _ = shutdown.wait_for(|down| *down) => {}
        }
        served.as_mut().graceful_shutdown();
        let _ = served.await;
    } else {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(IDLE).keep_alive(true).max_buf_size(MAX_HEAD);
        let served = builder.serve_connection(io, handler);
        tokio::pin!(served);
        tokio::select! {
            _ = served.as_mut() => return,
            () = slow => {
                service.metrics.slow_clients.add(u64::from(pace.is_slow()));
                return;
            }
            _ = shutdown.wait_for(|down| *down) => {}
        }
        served.as_mut().graceful_shutdown();
        let _ = served.await;
    }
}

/// Where a connection stands, in milliseconds since the process began.
struct Pace {
    /// When a head began to come, or nought.
    head_since: AtomicU64,
    /// Requests whose answer is being made.
    answering: AtomicU64,
    /// When the last answer was made.
    quiet_since: AtomicU64,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { head_since: AtomicU64::new(0), answering: AtomicU64::new(0), quiet_since: AtomicU64::new(Pace::now()) }
    }
}

/// A request whose answer is being made; its client may leave before it is.
struct Answering(Arc<Pace>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.quiet_since.store(Pace::now(), Ordering::Relaxed);
        self.0.answering.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pace {
    fn now() -> u64 {
        static START: OnceLock<Instant> = OnceLock::new();
        // Never nought, which means "no head is coming".
        u64::try_from(START.get_or_init(Instant::now).elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    fn bytes_came(&self) {
        if self.answering.load(Ordering::Relaxed) == 0 && self.head_since.load(Ordering::Relaxed) == 0 {
            self.head_since.store(Pace::now(), Ordering::Relaxed);
        }
    }

    fn head_is_here(self: &Arc<Pace>) -> Answering {
        self.answering.fetch_add(1, Ordering::Relaxed);
        self.head_since.store(0, Ordering::Relaxed);
        Answering(Arc::clone(self))
    }

    fn is_idle(&self, now: u64) -> bool {
        let quiet = now.saturating_sub(self.quiet_since.load(Ordering::Relaxed));
        self.answering.load(Ordering::Relaxed) == 0 && quiet > IDLE.as_millis() as u64
    }

    fn is_slow(&self) -> bool {
        let since = self.head_since.load(Ordering::Relaxed);
        since != 0 && Pace::now().saturating_sub(since) > HEAD.as_millis() as u64
    }
}

/// A stream that tells when bytes come.
struct Paced<S> {
    stream: S,
    pace: Arc<Pace>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.pace.bytes_came();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_on_which_nothing_is_answered_is_idle_after_a_while() {
        let pace = Arc::new(Pace::default());
        let late = || Pace::now() + IDLE.as_millis() as u64 + 1;
        assert!(!pace.is_idle(Pace::now()) && pace.is_idle(late()));
        let one = pace.head_is_here();
        let other = pace.head_is_here();
        drop(one);
        assert!(!pace.is_idle(late()), "an answer is being made");
        drop(other);
        pace.bytes_came();
        assert!(!pace.is_idle(Pace::now()) && pace.is_idle(late()), "bytes are no request");
    }
}
