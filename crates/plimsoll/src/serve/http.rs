//! Requests to answers. In: an HTTP request and who sent it. Out: an HTTP response; a review always gets an answer of its
//! protocol where one can be formed. What it does not do: decide about images; that is the gate's.
//!
//! An ImageReview is never answered with an error where a denial can be given: an API server that is set to
//! `defaultAllow` would let the pod in. An AdmissionReview's answer must repeat a uid, so what cannot be read gets an error
//! status, and the API server refuses under `failurePolicy: Fail`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use plimsoll_admission::{Envelope, Road};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::data::{self, DataApi};
use super::gate::Gate;
use super::log::Log;
use super::metrics::{Metrics, Reviews};
use super::tls::{Peer, Tls};
use crate::duration;

/// The largest review.
const MAX_BODY: usize = plimsoll_admission::MAX_REVIEW;
/// Bytes of bodies, and of what was read of them, that are held at the same time, in units of [`BODY_UNIT`].
const BODY_UNITS: usize = 64 << 10;
/// One unit of the bodies' memory.
const BODY_UNIT: usize = 1 << 10;
/// Bytes of a body that is too large which are still read, and thrown away.
const MAX_PASSED_OVER: usize = 32 << 20;
/// A body that takes longer is cut off: on the loopback or a cluster's network 8 MiB take some hundredths of a second.
const BODY_TIME: Duration = Duration::from_secs(10);
/// Reviews of strangers that are read at the same time, only to be refused in their own form: with bodies of the largest
/// size they leave half of the memory for bodies to those who may ask.
const MAX_STRANGERS: usize = 4;
/// Queries of the data API that are evaluated at the same time, for each core: each may take seconds and much memory, and
/// reviews of images must go on beside them.
const QUERIES_A_CORE: usize = 4;
/// How long a query waits for its turn.
const TURN: Duration = Duration::from_secs(5);
/// What the API server waits for when it does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// The API server's longest patience, for either kind of webhook.
const MAX_TIMEOUT: Duration = Duration::from_secs(30);

/// All that answers requests.
pub struct Service {
    pub gate: Arc<Gate>,
    /// OPA's data API, where policies for it were named.
    pub data: Option<Arc<DataApi>>,
    pub tls: Tls,
    pub log: Log,
    pub metrics: Arc<Metrics>,
    in_flight: Arc<Semaphore>,
    strangers: Semaphore,
    bodies: Arc<Semaphore>,
    queries: Arc<Semaphore>,
    draining: AtomicBool,
}

type Answer = Response<Full<Bytes>>;

/// Paths that take a review.
const ROADS: [(&str, Road); 5] = [
    ("/image_policy", Road::ImagePolicy),
    ("/check-image", Road::ImagePolicy),
    ("/validate", Road::Validate),
    ("/mutate", Road::Mutate),
    ("/", Road::Any),
];
const PAGES: [&str; 5] = ["/healthz", "/livez", "/readyz", "/metrics", "/policy"];

impl Service {
    pub fn new(
        gate: Arc<Gate>,
        data: Option<Arc<DataApi>>,
        tls: Tls,
        log: Log,
        metrics: Arc<Metrics>,
        max_in_flight: u32,
    ) -> Service {
        Service {
            gate,
            data,
            tls,
            log,
            metrics,
            in_flight: Arc::new(Semaphore::new(max_in_flight as usize)),
            strangers: Semaphore::new(MAX_STRANGERS),
            bodies: Arc::new(Semaphore::new(BODY_UNITS)),
            queries: Arc::new(Semaphore::new(
                QUERIES_A_CORE * std::thread::available_parallelism().map_or(2, usize::from),
            )),
            draining: AtomicBool::new(false),
        }
    }

    /// From now on `/readyz` says no.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// The answer to one request.
    pub async fn answer(&self, request: Request<Incoming>, peer: &Peer) -> Answer {
        let path = request.uri().path();
        let path = if path.len() > 1 { path.strip_suffix('/').unwrap_or(path) } else { path };
        if let Some((_, road)) = ROADS.iter().find(|(known, _)| *known == path) {
            if request.method() != Method::POST {
                // People open the address in a browser to see whether something is there.
                return wrong_method("POST", "this path takes a review by POST");
            }
            return self.review(*road, request, peer).await;
        }
        if PAGES.contains(&path) {
            if !matches!(*request.method(), Method::GET | Method::HEAD) {
                return wrong_method("GET, HEAD", "this page is read by GET");
            }
            return self.page(path, peer);
        }
        if let Some(api) = self.data.as_ref().filter(|_| data::is_ours(path)) {
            let path = path.to_owned();
            return self.asked(Arc::clone(api), &path, request, peer).await;
        }
        let known: Vec<&str> = ROADS.iter().map(|(path, _)| *path).chain(PAGES).collect();
        fault(StatusCode::NOT_FOUND, &format!("no such path; known are {}", known.join(", ")))
    }

    fn page(&self, path: &str, peer: &Peer) -> Answer {
        match path {
            "/healthz" | "/livez" => text(StatusCode::OK, "ok\n".into()),
            "/readyz" => {
                let draining = self.draining.load(Ordering::Relaxed);
                let looking = self.gate.is_looking_around();
                let mut page = self.gate.readiness();
                if looking {
                    page.push_str("waiting for the first lists of what policies look at in the cluster\n");
                }
                if let Some(why) = self.tls.fault() {
                    let why = plimsoll_report::safe(&why);
                    page.push_str(&format!(
                        "stale: the certificates on disk cannot be used and the last good ones serve on: {why}\n"
                    ));
                }
                if let Some(why) = self.data.as_ref().and_then(|data| data.fault()) {
                    let why = plimsoll_report::safe(&why);
                    page.push_str(&format!(
                        "stale: the data API's policies on disk cannot be used and the last good ones serve on: {why}\n"
                    ));
                }
                if draining {
                    page.push_str("shutting down\n");
                }
                text(if draining || looking { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }, page)
            }
            "/metrics" => {
                let page = self.gate.metrics_page(self.tls.until());
                let mut answer = text(StatusCode::OK, page);
                let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
                answer.headers_mut().insert(CONTENT_TYPE, kind);
                answer
            }
            _ => match peer {
                Peer::Welcome => json_answer(StatusCode::OK, self.gate.policy_page().into()),
                Peer::Stranger { why } => {
                    self.metrics.unauthorised.add(1);
                    fault(StatusCode::FORBIDDEN, why)
                }
            },
        }
    }

    /// One request of the data API.
    async fn asked(&self, api: Arc<DataApi>, path: &str, request: Request<Incoming>, peer: &Peer) -> Answer {
        if let (Peer::Stranger { why }, false) = (peer, path == "/health") {
            self.metrics.unauthorised.add(1);
            return fault(StatusCode::FORBIDDEN, why);
        }
        let busy = || {
            self.metrics.shed.add(1);
            let mut answer = fault(StatusCode::SERVICE_UNAVAILABLE, "the server has too much to do: try again");
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            answer
        };
        let Ok(permit) = Arc::clone(&self.in_flight).try_acquire_owned() else { return busy() };
        let announced =
            request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let (method, query) = (request.method().clone(), request.uri().query().unwrap_or("").to_owned());
        if request.headers().contains_key(CONTENT_ENCODING) {
            return fault(StatusCode::UNSUPPORTED_MEDIA_TYPE, "compressed bodies are not taken");
        }
        let address = request.extensions().get::<Option<std::net::SocketAddr>>().copied().flatten();
        let by = address.map(|address| address.to_string()).unwrap_or_default();
        let until = Instant::now() + BODY_TIME;
        let mut incoming = request.into_body();
        let (body, room) = match self.body(&mut incoming, announced, until).await {
            Ok(read) => read,
            Err(Unread::TooLarge) => {
                self.metrics.too_large.add(1);
                pass_over(&mut incoming, until).await;
                return fault(StatusCode::PAYLOAD_TOO_LARGE, "the body has more than the 8 MiB that are allowed");
            }
            Err(Unread::NoRoom) => return busy(),
            Err(Unread::TooSlow) => return fault(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
            Err(Unread::Broken) => return fault(StatusCode::BAD_REQUEST, "the body broke off"),
        };
        let turn = tokio::time::timeout(TURN, Arc::clone(&self.queries).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return busy() };
        let path = path.to_owned();
        // Evaluation takes its time on a thread of its own, and goes on when the client does not wait: until then it counts.
        let answered = tokio::task::spawn_blocking(move || {
            let _counted = (permit, room, turn);
            api.answer(&data::Asked { method: &method, path: &path, query: &query, body, by })
        })
        .await;
        match answered {
            Ok(answer) => json_answer(answer.status, answer.body.into()),
            Err(_) => fault(StatusCode::INTERNAL_SERVER_ERROR, "the evaluation broke off"),
        }
    }

    async fn review(&self, road: Road, request: Request<Incoming>, peer: &Peer) -> Answer {
        let started = Instant::now();
        let room = match peer {
            Peer::Welcome => &self.in_flight,
            Peer::Stranger { .. } => &self.strangers,
        };
        let Ok(_permit) = room.try_acquire() else { return self.shed(road) };
        let _counted = self.metrics.in_flight.one_more();
        let answer = self.reviewed(road, request, peer, started).await;
        self.reviews(road).took(started.elapsed());
        answer
    }

    async fn reviewed(&self, road: Road, request: Request<Incoming>, peer: &Peer, started: Instant) -> Answer {
        let deadline = started + patience(request.uri().query().unwrap_or(""));
        let announced =
            request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let body_until = started + BODY_TIME.min(deadline.saturating_duration_since(started));
        let mut incoming = request.into_body();
        let (body, room) = match self.body(&mut incoming, announced, body_until).await {
            Ok(read) => read,
            Err(Unread::TooLarge) => {
                self.metrics.too_large.add(1);
                // Who is still sending does not read: a connection closed now would lose the answer.
                pass_over(&mut incoming, body_until).await;
                return self.unread(road, StatusCode::PAYLOAD_TOO_LARGE, "it has more than the 8 MiB that are allowed");
            }
            Err(Unread::NoRoom) => return self.shed(road),
            Err(Unread::TooSlow) => {
                self.metrics.slow_clients.add(1);
                return self.unread(road, StatusCode::REQUEST_TIMEOUT, "it did not come in time");
            }
            Err(Unread::Broken) => return self.unread(road, StatusCode::BAD_REQUEST, "it broke off"),
        };
        let review = match (plimsoll_admission::read(road, &body), peer) {
            (Ok(review), Peer::Welcome) => review,
            (Ok(review), Peer::Stranger { why }) => {
                self.metrics.unauthorised.add(1);
                self.log.warn("refused a stranger", &[("why", why.as_str().into())]);
                self.reviews(road).denied.add(1);
                let refusal = plimsoll_admission::refuse(&format!("not answered: {why}"));
                return json_answer(StatusCode::OK, plimsoll_admission::render(&review.envelope, &refusal).into());
            }
            (Err(error), _) => match error.envelope {
                Some(envelope) => {
                    self.malformed(road, &error.why);
                    let refusal = plimsoll_admission::refuse(&unreadable(&error.why));
                    return json_answer(StatusCode::OK, plimsoll_admission::render(&envelope, &refusal).into());
                }
                None => return self.unread(road, StatusCode::BAD_REQUEST, &error.why),
            },
        };
        let loaded = self.gate.current.get();
        let road = self.road_of(road, &review.envelope);
        let recorded = self.gate.keeps(road, &loaded).then(|| body.clone());
        let object = self.gate.object(&review, body, &loaded, deadline).await;
        // An image may take as long as the deadline: meanwhile only what was read counts, not all that was sent.
        let _room = kept_of(room, review.size() + recorded.as_ref().map_or(0, Bytes::len));
        let bytes = self.gate.answer(&review, (object, recorded), &loaded, road, deadline, started).await;
        json_answer(StatusCode::OK, bytes.into())
    }

    /// Counts and tells of a review that nobody could read.
    fn malformed(&self, road: Road, why: &str) {
        self.reviews(road).malformed.add(1);
        self.log.warn("a review could not be read", &[("road", word(road).into()), ("why", why.into())]);
    }

    /// The answer to a review that does not say of which kind it is.
    fn unread(&self, road: Road, status: StatusCode, why: &str) -> Answer {
        self.malformed(road, why);
        anonymous(road, status, &unreadable(why))
    }

    /// Turned away before memory is spent on it.
    fn shed(&self, road: Road) -> Answer {
        self.metrics.shed.add(1);
        let why = "the image policy server has too much to do: try again";
        let mut answer = anonymous(road, StatusCode::SERVICE_UNAVAILABLE, why);
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        answer
    }

    /// The body, and the room in memory that it holds.
    async fn body(
        &self,
        body: &mut Incoming,
        announced: Option<u64>,
        until: Instant,
    ) -> Result<(Bytes, Vec<OwnedSemaphorePermit>), Unread> {
        if announced.is_some_and(|length| length > MAX_BODY as u64) || body.size_hint().lower() > MAX_BODY as u64 {
            return Err(Unread::TooLarge);
        }
        let mut room = Vec::new();
        let mut reserved = 0;
        let mut reserve = |wanted: usize| {
            while reserved < wanted {
                let units = (wanted - reserved).div_ceil(BODY_UNIT).max(4);
                let permit =
                    Arc::clone(&self.bodies).try_acquire_many_owned(units as u32).map_err(|_| Unread::NoRoom)?;
                reserved += units * BODY_UNIT;
                room.push(permit);
            }
            Ok(())
        };
        reserve(announced.map_or(0, |length| length as usize))?;
        let mut first = Bytes::new();
        let mut rest: Option<BytesMut> = None;
        loop {
            let frame = match tokio::time::timeout_at(until.into(), body.frame()).await {
                Err(_) => return Err(Unread::TooSlow),
                Ok(None) => break,
                Ok(Some(Err(_))) => return Err(Unread::Broken),
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(data) = frame.into_data() else { continue };
            let length = rest.as_ref().map_or(first.len(), BytesMut::len) + data.len();
            if length > MAX_BODY {
                return Err(Unread::TooLarge);
            }
            reserve(length)?;
            match &mut rest {
                Some(rest) => rest.extend_from_slice(&data),
                // Nearly every review comes in one piece and is read where it is.
                None if first.is_empty() => first = data,
                None => {
                    let mut joined = BytesMut::with_capacity(announced.map_or(length * 2, |l| l as usize));
                    joined.extend_from_slice(&first);
                    joined.extend_from_slice(&data);
                    rest = Some(joined);
                }
            }
        }
        Ok((rest.map_or(first, BytesMut::freeze), room))
    }

    fn road_of(&self, road: Road, envelope: &Envelope) -> Road {
        match (road, envelope) {
            (Road::Any, Envelope::ImageReview) => Road::ImagePolicy,
            (Road::Any, Envelope::Admission { .. }) => Road::Validate,
            (road, _) => road,
        }
    }

    fn reviews(&self, road: Road) -> &Reviews {
        self.metrics.reviews(road)
    }
}

impl Metrics {
    /// The counts of a road. What came to `/` and could not be told apart counts as validation.
    pub fn reviews(&self, road: Road) -> &Reviews {
        match road {
            Road::ImagePolicy => &self.image_policy,
            Road::Validate | Road::Any => &self.validate,
            Road::Mutate => &self.mutate,
        }
    }
}

/// As much of the room as `bytes` need; the rest is given back.
fn kept_of(room: Vec<OwnedSemaphorePermit>, bytes: usize) -> Option<OwnedSemaphorePermit> {
    let mut all = room.into_iter().reduce(|mut all, one| {
        all.merge(one);
        all
    })?;
    let units = bytes.div_ceil(BODY_UNIT).min(all.num_permits());
    all.split(units)
}

fn unreadable(why: &str) -> String {
    format!("the review could not be read: {why}")
}

/// A refusal of nobody knows which review: the denial of an ImageReview wherever it may be one, because an error would be
/// a yes under `defaultAllow`. To whoever sent an AdmissionReview that denial is as much an error as the status is.
fn anonymous(road: Road, status: StatusCode, why: &str) -> Answer {
    let refusal = plimsoll_admission::refuse(why);
    match road {
        Road::ImagePolicy | Road::Any => {
            json_answer(StatusCode::OK, plimsoll_admission::render(&Envelope::ImageReview, &refusal).into())
        }
        Road::Validate | Road::Mutate => fault(status, &refusal.message),
    }
}

/// The road's name in logs.
pub fn word(road: Road) -> &'static str {
    match road {
        Road::ImagePolicy => "image-policy",
        Road::Validate => "validate",
        Road::Mutate => "mutate",
        Road::Any => "any",
    }
}

/// Reads what is left of a body that nobody wants, up to a bound.
async fn pass_over(body: &mut Incoming, until: Instant) {
    let mut passed = 0;
    while let Ok(Some(Ok(frame))) = tokio::time::timeout_at(until.into(), body.frame()).await {
        passed += frame.data_ref().map_or(0, Bytes::len);
        if passed > MAX_PASSED_OVER {
            return;
        }
    }
}

enum Unread {
    TooLarge,
    NoRoom,
    TooSlow,
    Broken,
}

/// How long the answer may take: what the API server says in `?timeout=`, less what the way back takes.
fn patience(query: &str) -> Duration {
    let asked = query.split('&').find_map(|pair| pair.strip_prefix("timeout=")).and_then(duration::read);
    let whole = asked.filter(|time| !time.is_zero()).unwrap_or(DEFAULT_TIMEOUT).min(MAX_TIMEOUT);
    let margin = (whole / 10).clamp(Duration::from_millis(50), Duration::from_secs(1));
    whole.saturating_sub(margin).max(whole / 2)
}

fn json_answer(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn text(status: StatusCode, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}

fn fault(status: StatusCode, why: &str) -> Answer {
    json_answer(status, json!({ "error": why }).to_string().into())
}

fn wrong_method(allowed: &'static str, why: &str) -> Answer {
    let mut answer = fault(StatusCode::METHOD_NOT_ALLOWED, why);
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_leave_time_for_the_way_back() {
        for (query, millis) in [
            ("timeout=10s", 9_000),
            ("timeout=30s", 29_000),
            ("timeout=1s", 900),
            ("timeout=100ms", 50),
            ("a=b&timeout=1m30s", 29_000),
            ("timeout=2.5s", 2_250),
            ("", 9_000),
            ("timeout=", 9_000),
            ("timeout=soon", 9_000),
            ("timeout=-5s", 9_000),
            ("timeout=0s", 9_000),
            ("timeout=1e300h", 9_000),
        ] {
            assert_eq!(patience(query).as_millis(), millis, "{query}");
        }
    }
}
