//! A review to the answer's bytes. In: what the API server asks. Out: what it is told, counted and logged. It reads the
//! verdicts and makes none: that is the policy's.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use futures_util::future::join_all;
use jiff::Timestamp;
use plimsoll_admission::{About, Answer, Asked, Decision, Envelope, Operation, Review, Road};
use plimsoll_model::{ImageReference, Outcome, ReasonCode, Verdict};
use plimsoll_policy::{Request, Standing};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::http::word;
use super::images::{Ask, Images, Unpinned};
use super::judged::{Judged, standing};
use super::loaded::{Current, Loaded};
use super::log::{Field, Log};
use super::metrics::{Metrics, Now, Reviews};
use crate::cli::LogLevel;
use crate::{session, workload};

/// When an AdmissionReview that could not be answered in time may be tried again, in seconds: the API server keeps
/// nothing, so only the assessment's own time counts.
const RETRY: u32 = 5;
/// Bytes of an object that is examined at once; a larger one goes to a thread of its own.
const LARGE_OBJECT: usize = 64 << 10;
/// Images of one review that a log line names.
const LOGGED_IMAGES: usize = 32;

pub struct Gate {
    pub current: Current,
    pub images: Arc<Images>,
    pub metrics: Arc<Metrics>,
    pub log: Log,
    /// Seconds for which the API server keeps the denial of an ImageReview.
    pub deny_ttl: u32,
    pub requests: AtomicU64,
}

impl Gate {
    /// The answer to a review that could be read.
    pub async fn answer(
        &self,
        review: &Review,
        object: Option<Judged>,
        loaded: &Arc<Loaded>,
        road: Road,
        deadline: Instant,
        started: Instant,
    ) -> Vec<u8> {
        let answer = match road {
            Road::Mutate => self.pinned(review, loaded, deadline).await,
            _ => self.decided(review, road, loaded, object, deadline, started).await,
        };
        plimsoll_admission::render(&review.envelope, &answer)
    }

    /// The verdict on the object itself, where the policy asks something of objects. Whether a pod may run is asked when it is
    /// validated, and not when its tags are pinned.
    pub async fn object(&self, review: &Review, body: Bytes, loaded: &Arc<Loaded>) -> Option<Judged> {
        let gone = matches!(review.operation, Some(Operation::Delete | Operation::Connect));
        let asked = matches!(review.envelope, Envelope::Admission { mutating: false, .. }) && !gone;
        if loaded.workloads.is_none() || !asked {
            return None;
        }
        let place = review.object.clone();
        let (old, namespace) = (review.old_object.clone(), review.namespace.clone());
        let name = format!("{}/{}", review.resource, review.name.as_deref().unwrap_or_default());
        let examine = {
            let loaded = Arc::clone(loaded);
            move || {
                let text = |place: Range<usize>| std::str::from_utf8(body.get(place)?).ok();
                let both = loaded.workloads.as_ref().zip(place.and_then(text));
                // What cannot be looked at is never let off.
                let Some((linter, object)) = both else { return workload::unread(namespace.as_deref()) };
                workload::of_object(linter, object, old.and_then(text), &name, namespace.as_deref())
            }
        };
        // What people write takes microseconds; what is made to be large may not keep other requests waiting.
        let both = [&review.object, &review.old_object];
        let large = both.into_iter().flatten().any(|place| place.len() > LARGE_OBJECT);
        let assessment = if large {
            tokio::task::spawn_blocking(examine).await.unwrap_or_else(|_| workload::unread(review.namespace.as_deref()))
        } else {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(examine))
                .unwrap_or_else(|_| workload::unread(review.namespace.as_deref()))
        };
        let annotations = plimsoll_policy::relevant_annotations(&loaded.session.policy, &review.annotations);
        let request = request(review, &annotations);
        let mut session = loaded.session.clone();
        session.at = session::now();
        session.namespace.clone_from(&review.namespace);
        Some(super::judged::judge(&session, &assessment, Some(&request), None, None))
    }

    async fn decided(
        &self,
        review: &Review,
        road: Road,
        loaded: &Arc<Loaded>,
        object: Option<Judged>,
        deadline: Instant,
        started: Instant,
    ) -> Answer {
        let annotations = plimsoll_policy::relevant_annotations(&loaded.session.policy, &review.annotations);
        let request = request(review, &annotations);
        // All at once: the slowest, and not their sum, is what the API server waits for.
        let judging = review.images.iter().map(|image| {
            let ask = self.ask(review, &image.image, &request, deadline);
            async move { self.images.judged(loaded, &ask).await }
        });
        let mut judged: Vec<Arc<Judged>> = join_all(judging).await;
        judged.extend(object.map(Arc::new));
        let asked = review.images.iter().map(Asked::Image).chain(std::iter::once(Asked::Object));
        let decisions: Vec<Decision<'_>> = asked
            .zip(&judged)
            .map(|(on, judged)| Decision {
                on,
                verdict: &judged.verdict,
                digest: judged.digest_text.as_deref(),
                retry_after: judged.retry_after.map(|seconds| seconds.max(self.soonest(review))),
            })
            .collect();
        let policy = &loaded.session.policy;
        let about = About {
            policy: &policy.name,
            policy_digest: &policy.digest,
            databases: &loaded.databases,
            verdict_digest: verdict_digest(&judged),
        };
        let answer = plimsoll_admission::decide(review, &decisions, &about);
        self.tell(review, road, &judged, &answer, started);
        answer
    }

    /// Tags to digests, for pods and the entries that ask for it. Whether the image may run is asked when the pod is
    /// validated; a tag that an entry wants pinned and that leads nowhere is refused here, unless the policy lets what
    /// could not be told run, for what runs could not be told later either.
    async fn pinned(&self, review: &Review, loaded: &Arc<Loaded>, deadline: Instant) -> Answer {
        let annotations = plimsoll_policy::relevant_annotations(&loaded.session.policy, &review.annotations);
        let request = request(review, &annotations);
        let pinning = review.images.iter().filter(|_| review.is_pod).map(|image| {
            let ask = self.ask(review, &image.image, &request, deadline);
            async move { self.pin(loaded, &ask).await }
        });
        let pins: Vec<Option<Result<String, Unpinned>>> = join_all(pinning).await;
        let unpinned =
            || pins.iter().zip(&review.images).filter_map(|(pin, image)| Some((pin.as_ref()?.as_ref().err()?, image)));
        let refused = unpinned().any(|(unpinned, _)| !unpinned.allowed);
        let failed: Vec<String> = unpinned()
            .filter(|(unpinned, _)| !refused || !unpinned.allowed)
            .map(|(Unpinned { why, .. }, image)| {
                let image = &image.image;
                format!("image {image}: its entry asks for a digest, and it could not be told: could not {why}")
            })
            .collect();
        let count = pins.iter().filter(|pin| matches!(pin, Some(Ok(_)))).count();
        self.metrics.pinned.add(count as u64);
        let outcome = if refused { Outcome::Undecided } else { Outcome::Allowed };
        self.count(&self.metrics.mutate, outcome);
        let fields = || {
            vec![
                ("road", word(Road::Mutate).into()),
                ("namespace", review.namespace.as_deref().into()),
                ("object", review.name.as_deref().into()),
                ("pinned", count.into()),
                ("why", failed.first().map(String::as_str).into()),
            ]
        };
        if outcome != Outcome::Allowed {
            self.log.warn("not pinned", &fields());
            return plimsoll_admission::refuse(&failed.join("; "));
        }
        self.log.debug("pinned", &fields());
        let digests: Vec<Option<&str>> = pins.iter().map(|pin| pin.as_ref()?.as_deref().ok()).collect();
        plimsoll_admission::pin(review, &digests, &failed)
    }

    /// The digest to write, why it could not be told, or nothing where nobody asks for it.
    async fn pin(&self, loaded: &Arc<Loaded>, ask: &Ask<'_>) -> Option<Result<String, Unpinned>> {
        // A name that cannot be read is refused when the pod is validated.
        let reference: ImageReference = ask.image.parse().ok()?;
        if reference.digest().is_some() || !matches!(standing(loaded, ask, &reference), Standing::Judged { pin: true })
        {
            return None;
        }
        Some(self.images.resolved(loaded, &reference, ask).await.map(|digest| digest.to_string()))
    }

    fn ask<'a>(&'a self, review: &'a Review, image: &'a str, request: &'a Request<'a>, deadline: Instant) -> Ask<'a> {
        Ask {
            image,
            namespace: review.namespace.as_deref(),
            request,
            service_account: review.service_account.as_deref(),
            pull_secrets: &review.pull_secrets,
            deadline,
            retry_after: self.soonest(review),
        }
    }

    /// When the API server asks again at the soonest, in seconds.
    fn soonest(&self, review: &Review) -> u32 {
        if matches!(review.envelope, Envelope::ImageReview) { self.deny_ttl } else { RETRY }
    }

    fn count(&self, reviews: &Reviews, outcome: Outcome) {
        match outcome {
            Outcome::Allowed => reviews.allowed.add(1),
            Outcome::Denied => reviews.denied.add(1),
            Outcome::Undecided => reviews.undecided.add(1),
        }
    }

    /// One decision, one line; what an exemption or a broken glass let through is told louder.
    fn tell(&self, review: &Review, road: Road, judged: &[Arc<Judged>], answer: &Answer, started: Instant) {
        let strongest = judged.iter().map(|one| one.verdict.effective).max().unwrap_or(Outcome::Allowed);
        let outcome = if answer.allowed { Outcome::Allowed } else { strongest.max(Outcome::Undecided) };
        self.count(self.metrics.reviews(road), outcome);
        let has = |code: ReasonCode| {
            judged.iter().filter(|one| one.verdict.reasons.iter().any(|r| r.code == code)).count() as u64
        };
        let (broken, exempt) = (has(ReasonCode::BreakGlass), has(ReasonCode::Exempt));
        self.metrics.break_glass.add(u64::from(broken > 0));
        self.metrics.exemptions.add(exempt);
        let softened = |one: &&Arc<Judged>| one.verdict.effective != one.verdict.outcome;
        self.metrics.softened.add(judged.iter().filter(softened).count() as u64);
        let level = if !answer.allowed || broken > 0 { LogLevel::Warn } else { LogLevel::Info };
        if !self.log.speaks(level) {
            return;
        }
        let uid = match &review.envelope {
            Envelope::Admission { uid, .. } => Some(uid.as_str()),
            Envelope::ImageReview => None,
        };
        let shown = review.images.iter().zip(judged).take(LOGGED_IMAGES);
        let images = Field::List(
            shown
                .map(|(image, one)| {
                    let Verdict { outcome, effective, .. } = &one.verdict;
                    let softened = Some(effective.word()).filter(|_| effective != outcome);
                    vec![
                        ("image", image.image.as_str().into()),
                        ("digest", one.digest_text.as_deref().into()),
                        ("outcome", outcome.word().into()),
                        ("effective", softened.into()),
                    ]
                })
                .collect(),
        );
        let fields = [
            ("road", word(road).into()),
            ("id", self.next_id().into()),
            ("uid", uid.into()),
            ("allowed", answer.allowed.into()),
            ("outcome", outcome.word().into()),
            ("namespace", review.namespace.as_deref().into()),
            ("kind", Some(review.resource.as_str()).filter(|kind| !kind.is_empty()).into()),
            ("object", review.name.as_deref().into()),
            ("operation", review.operation.map(Operation::word).into()),
            ("user", review.user.as_deref().into()),
            ("dryRun", Some(true).filter(|_| review.dry_run).into()),
            ("breakGlass", Some(true).filter(|_| broken > 0).into()),
            ("exempt", Some(exempt).filter(|count| *count > 0).into()),
            ("images", images),
            ("unchanged", Some(review.unchanged).filter(|count| *count > 0).into()),
            ("reason", Some(answer.message.as_str()).filter(|message| !message.is_empty()).into()),
            ("micros", u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX).into()),
        ];
        match level {
            LogLevel::Warn => self.log.warn("decision", &fields),
            _ => self.log.info("decision", &fields),
        }
    }

    /// A name for one request, unique in this process.
    fn next_id(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    /// What `/readyz` says: it is ready when it could start, and owns up to what is old.
    pub fn readiness(&self) -> String {
        let loaded = self.current.get();
        let policy = &loaded.session.policy;
        let mut page = format!("ok\npolicy {} {}\ndatabases {}\n", policy.name, policy.digest, loaded.databases);
        if loaded.baseline_only() {
            page.push_str("no vulnerability database: only the list inside the program is there\n");
        }
        if let Some(why) = self.current.fault() {
            let why = plimsoll_report::safe(&why);
            page.push_str(&format!(
                "stale: the files on disk cannot be used and the last good ones are in force: {why}\n"
            ));
        }
        page
    }

    /// What `/policy` says.
    pub fn policy_page(&self) -> String {
        let loaded = self.current.get();
        let page = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "policy": loaded.session.policy_info(),
            "loadLine": *loaded.session.policy,
            "databases": loaded.session.database_infos,
            "generation": loaded.generation,
            "since": loaded.since(),
            "stale": self.current.fault(),
        });
        format!("{page:#}\n")
    }

    /// What `/metrics` says.
    pub fn metrics_page(&self, certificate_until: i64) -> String {
        let loaded = self.current.get();
        let now = session::now();
        let age = |built: Option<Timestamp>| built.map(|built| now.as_second() - built.as_second());
        self.metrics.page(&Now {
            policy: &loaded.session.policy.name,
            policy_digest: &loaded.session.policy.digest,
            certificate_until,
            databases: loaded.session.database_infos.iter().map(|info| (info.name.clone(), age(info.built))).collect(),
            assessments_running: self.images.running(),
            caches: self.images.sizes(),
        })
    }
}

fn request<'a>(review: &'a Review, annotations: &'a BTreeMap<String, String>) -> Request<'a> {
    Request { user: review.user.as_deref(), groups: &review.groups, annotations }
}

/// One verdict's own digest; of several, the digest over theirs in the review's order.
fn verdict_digest(judged: &[Arc<Judged>]) -> String {
    match judged {
        [one] => one.verdict_digest.clone(),
        many => {
            let mut hash = Sha256::new();
            for one in many {
                hash.update(one.verdict_digest.as_bytes());
            }
            format!("sha256:{:x}", hash.finalize())
        }
    }
}
