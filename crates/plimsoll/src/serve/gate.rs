//! A review to the answer's bytes. In: what the API server asks. Out: what it is told, counted and logged. It reads the
//! verdicts and makes none: that is the policy's.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use jiff::Timestamp;
use plimsoll_admission::{Answer, Envelope, Operation, Review, Road};
use plimsoll_model::{ImageReference, Outcome, ReasonCode, Verdict};
use plimsoll_policy::{Request, Standing};
use serde_json::json;
use tokio::sync::Semaphore;

use super::decision::{self, Changed};
use super::haste::{Haste, ThreadTime};
use super::http::word;
use super::images::{Ask, Images, Unpinned};
use super::judged::{Judged, standing};
use super::loaded::{Current, Loaded};
use super::log::{Field, Log};
use super::metrics::{Metrics, Now, Reviews};
use super::recorder::Recorder;
use super::redact;
use super::surroundings::PATIENCE;
use crate::cli::LogLevel;
use crate::session;

/// When an AdmissionReview that could not be answered in time may be tried again, in seconds: the API server keeps
/// nothing, so only the assessment's own time counts.
const RETRY: u32 = 5;
/// Bytes of an object, or for policies in other languages of a review, that is examined at once; a larger one goes to a thread of
/// its own.
const LARGE_OBJECT: usize = 64 << 10;
/// How long a review waits for its namespace, where the cluster has not told of that one: as the API server's own policies wait
/// for what they follow.
const NEW_NAMESPACE: Duration = Duration::from_secs(1);
/// The kind of namespaces, as reviews have it.
const NAMESPACE: &str = "Namespace";
/// Letters of what a mutator says that are told on.
const MAX_WHY: usize = 180;
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
    /// When it began.
    pub started: Instant,
    /// Turns of looking into objects that may take long.
    pub examining: Arc<Semaphore>,
    /// Whether policies in other languages are quick enough to be asked where the review was read.
    pub haste: Haste,
    /// Keeps reviews for a replay, where that is asked for.
    pub recorder: Option<Recorder>,
}

impl Gate {
    /// The answer to a review that could be read. `body` is what it was read from, where [`Gate::keeps`] says so.
    pub async fn answer(
        &self,
        review: &Review,
        (object, body): (Option<Judged>, Option<Bytes>),
        loaded: &Arc<Loaded>,
        road: Road,
        deadline: Instant,
        started: Instant,
    ) -> Vec<u8> {
        if road == Road::Mutate {
            let answer = self.changed(review, body, loaded, deadline).await;
            return plimsoll_admission::render(&review.envelope, &answer);
        }
        let (answer, judged) = self.decided(review, road, loaded, object, deadline, started).await;
        let bytes = plimsoll_admission::render(&review.envelope, &answer);
        if let (Some(recorder), Some(body)) = (&self.recorder, body) {
            recorder.offer(review, road, Arc::clone(loaded), body, answer, judged);
        }
        bytes
    }

    /// Whether a review's body is needed to answer it: to change its object, and to record it. Recorded are those whose answer
    /// says whether something may run; what is changed is validated afterwards.
    pub fn keeps(&self, road: Road, loaded: &Loaded) -> bool {
        match road {
            Road::Mutate => loaded.session.policies.mutate(),
            _ => self.recorder.is_some(),
        }
    }

    /// The verdict on the object itself, where the policy asks something of objects.
    pub async fn object(
        &self,
        review: &Review,
        body: Bytes,
        loaded: &Arc<Loaded>,
        deadline: Instant,
    ) -> Option<Judged> {
        if !decision::asks_of_object(loaded, review) {
            return None;
        }
        self.until_namespace_is_told(loaded, review, deadline).await;
        let at = session::now();
        // What people write takes microseconds; what is made to be large may not keep other requests waiting.
        let both = [&review.object, &review.old_object];
        let large = both.into_iter().flatten().any(|place| place.len() > LARGE_OBJECT);
        if !large && !loaded.session.policies.ask_of_objects() {
            let judge = || decision::object(loaded, review, &body, at);
            let judged = catch_unwind(AssertUnwindSafe(judge)).ok();
            return Some(judged.unwrap_or_else(|| decision::object_unread(loaded, review, at)));
        }
        // Policies in other languages take what they take: where that may be long, away from the threads that answer, and only so
        // many at a time. All of the review is read for them, and reading is not stopped.
        if body.len() <= LARGE_OBJECT && self.haste.may_hurry() {
            let (time, end) = (ThreadTime::begin(), Haste::end(deadline));
            let judge = || decision::object_until(loaded, review, &body, Some(&[]), at, Some(end));
            let judged = catch_unwind(AssertUnwindSafe(judge)).ok();
            self.haste.took(time.elapsed());
            // What was not stopped by the clock is what it would be with all the time that there is.
            if end == deadline || Instant::now() < end {
                return Some(judged.unwrap_or_else(|| decision::object_unread(loaded, review, at)));
            }
        }
        let turn = Arc::clone(&self.examining).acquire_owned();
        let Ok(Ok(turn)) = tokio::time::timeout_at(deadline.into(), turn).await else {
            return Some(decision::object_unread(loaded, review, at));
        };
        let (copy, in_force) = (review.clone(), Arc::clone(loaded));
        let judge = move || {
            let judged = decision::object_until(&in_force, &copy, &body, Some(&[]), at, Some(deadline));
            drop(turn);
            judged
        };
        let judged = tokio::task::spawn_blocking(judge).await.ok();
        Some(judged.unwrap_or_else(|| decision::object_unread(loaded, review, at)))
    }

    /// Waits a moment for a namespace that policies look at and that the cluster has not told of: whoever makes one and at once
    /// something in it is quicker than the watch.
    async fn until_namespace_is_told(&self, loaded: &Loaded, review: &Review, deadline: Instant) {
        // The request for a Namespace names that one, and its watch tells of it when it is there.
        let Some(name) = review.namespace.as_deref().filter(|_| review.resource != NAMESPACE) else { return };
        let policies = &loaded.session.policies;
        let Some(followers) = self.current.followers().filter(|_| policies.lack_namespace(name)) else { return };
        let mut changes = followers.changes();
        let until = deadline.min(Instant::now() + NEW_NAMESPACE);
        while policies.lack_namespace(name) {
            let told = tokio::time::timeout_at(until.into(), changes.changed()).await;
            if !matches!(told, Ok(Ok(()))) {
                return;
            }
        }
    }

    async fn decided(
        &self,
        review: &Review,
        road: Road,
        loaded: &Arc<Loaded>,
        object: Option<Judged>,
        deadline: Instant,
        started: Instant,
    ) -> (Answer, Vec<Arc<Judged>>) {
        let annotations = plimsoll_policy::relevant_annotations(&loaded.session.policy, &review.annotations);
        let request = decision::request(review, &annotations);
        // All at once: the slowest, and not their sum, is what the API server waits for.
        let judging = review.images.iter().map(|image| {
            let ask = self.ask(review, &image.image, &request, deadline);
            async move { self.images.judged(loaded, &ask).await }
        });
        let mut judged: Vec<Arc<Judged>> = join_all(judging).await;
        judged.extend(object.map(Arc::new));
        let answer = decision::answer(loaded, review, &judged, self.soonest(review));
        self.tell(review, road, &judged, &answer, started);
        (answer, judged)
    }

    /// What mutators make of the object, and then tags to digests. Mutators that fail leave a doubt, and the policy says what
    /// becomes of those: like a verdict, for what runs would not be what was meant to.
    async fn changed(&self, review: &Review, body: Option<Bytes>, loaded: &Arc<Loaded>, deadline: Instant) -> Answer {
        let brings = matches!(review.operation, Some(Operation::Create | Operation::Update));
        let Some(body) = body.filter(|_| brings) else { return self.pinned(review, loaded, deadline).await };
        self.until_namespace_is_told(loaded, review, deadline).await;
        let turn = Arc::clone(&self.examining).acquire_owned();
        let mutated = match tokio::time::timeout_at(deadline.into(), turn).await {
            Ok(Ok(turn)) => {
                let in_force = Arc::clone(loaded);
                let mutate = move || {
                    let changed = decision::changed(&in_force, &body, deadline);
                    drop(turn);
                    changed
                };
                tokio::task::spawn_blocking(mutate).await.unwrap_or_else(|_| Err("the mutators broke off".to_owned()))
            }
            _ => Err("there was no time to ask the mutators".to_owned()),
        };
        match mutated {
            Ok(None) => self.pinned(review, loaded, deadline).await,
            Ok(Some(Changed { review, operations })) => {
                let answer = self.pinned(&review, loaded, deadline).await;
                plimsoll_admission::change(operations, answer)
            }
            Err(why) => self.unchanged(review, &why, loaded, deadline).await,
        }
    }

    /// The answer where mutators could not change the object.
    async fn unchanged(&self, review: &Review, why: &str, loaded: &Arc<Loaded>, deadline: Instant) -> Answer {
        // What a mutator says may quote the object.
        let why: String = redact::words(why).chars().take(MAX_WHY).collect();
        let why = format!("could not change the object as Gatekeeper's mutators would: {why}");
        let judged = decision::object_undecided(loaded, review, &why, session::now());
        let allowed = judged.verdict.effective == Outcome::Allowed;
        let fields = [
            ("namespace", review.namespace.as_deref().into()),
            ("object", review.name.as_deref().into()),
            ("allowed", allowed.into()),
            ("why", why.as_str().into()),
        ];
        self.log.warn("not changed", &fields);
        if allowed {
            self.metrics.softened.add(1);
            let mut answer = self.pinned(review, loaded, deadline).await;
            answer.warnings.push(why);
            return answer;
        }
        self.count(&self.metrics.mutate, Outcome::Undecided);
        plimsoll_admission::refuse(&why)
    }

    /// Tags to digests, for pods and the entries that ask for it. Whether the image may run is asked when the pod is
    /// validated; a tag that an entry wants pinned and that leads nowhere is refused here, unless the policy lets what
    /// could not be told run, for what runs could not be told later either.
    async fn pinned(&self, review: &Review, loaded: &Arc<Loaded>, deadline: Instant) -> Answer {
        let annotations = plimsoll_policy::relevant_annotations(&loaded.session.policy, &review.annotations);
        let request = decision::request(review, &annotations);
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
        let remarks = answer.audit.get("remarks");
        self.metrics.remarks.add(u64::from(remarks.is_some()));
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
        // What a policy quotes of the object is in its message.
        let reason = redact::words(&answer.message);
        let remarks = remarks.map(|remarks| redact::words(remarks));
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
            ("reason", Some(&*reason).filter(|message| !message.is_empty()).into()),
            ("policies", answer.audit.get("policies").map(String::as_str).into()),
            ("remarks", remarks.as_deref().into()),
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

    /// Whether `/readyz` still waits for the first lists of what policies look at in the cluster, or for policies to see them.
    pub fn is_looking_around(&self) -> bool {
        let loaded = self.current.get();
        let policies = &loaded.session.policies;
        let waits = policies.around().is_some_and(|around| !around.settled() || !policies.caught_up());
        waits && self.started.elapsed() < PATIENCE
    }

    /// What `/readyz` says: it is ready when it could start, and owns up to what is old or not known.
    pub fn readiness(&self) -> String {
        let loaded = self.current.get();
        let policy = &loaded.session.policy;
        let mut page = format!("ok\npolicy {} {}\ndatabases {}\n", policy.name, policy.digest, loaded.databases);
        if loaded.baseline_only() {
            page.push_str("no vulnerability database: only the list inside the program is there\n");
        }
        for (wanted, state) in loaded.session.policies.around().into_iter().flat_map(|around| around.states()) {
            let line = match state.unknown {
                Some(why) => format!("unknown: {wanted}, which policies look at in the cluster: {why}"),
                None => format!("cluster {wanted}: {} objects", state.objects),
            };
            page.push_str(&plimsoll_report::safe(&line));
            page.push('\n');
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
            cluster: loaded
                .session
                .policies
                .around()
                .into_iter()
                .flat_map(|around| around.states())
                .map(|(wanted, state)| (wanted.to_string(), state))
                .collect(),
        })
    }
}
