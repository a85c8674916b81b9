//! An image's name to its verdict, each step done once and kept: tag → digest → what is in it → verdict. In: a name,
//! where and by whom it is asked for, and until when. Out: a verdict, always; what could not be found in time is "could
//! not tell", and the finding goes on for whoever asks next. What it does not do: read reviews or write answers.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use plimsoll_model::{Assessment, Digest, ImageReference, Platform, Problem, ProblemKind, SignatureFacts};
use plimsoll_policy::{Request, Standing};
use plimsoll_sources::cluster::RunningImage;
use plimsoll_sources::{Cluster, Sources};
use tokio::sync::Semaphore;

use super::decision;
use super::expiring::Expiring;
use super::failure::{FAILURE, Failure, broken, busy, unreached};
use super::flight::{Flights, Share};
use super::judged::{Judged, bytes_of, is_allowed, judge_looked, standing, weight, whole};
use super::loaded::Loaded;
use super::log::Log;
use super::metrics::Metrics;
use super::signed;
use crate::assess::{self, Looked};
use crate::progress::Meter;
use crate::session;

/// Images that are being found out about at the same time. More wait in nobody's memory: they are "could not tell".
const MOST_AT_ONCE: usize = 256;
/// How many of them may be for one namespace: who may make pods in one must not keep all others waiting.
const MOST_OF_NAMESPACE: usize = MOST_AT_ONCE / 4;
/// How many of them may come from one registry: one that hangs must not keep the others waiting.
const MOST_OF_REGISTRY: usize = MOST_AT_ONCE / 2;
/// How long one image may take before anybody asked for it.
const WARMING: Duration = Duration::from_secs(3600);
/// How long somebody waits in an emergency for the reasons that a break-glass overrules.
const GLASS: Duration = Duration::from_secs(2);
/// What a tag means is a small question: a registry that takes longer has trouble.
const RESOLVING: Duration = Duration::from_secs(30);
/// Verdicts, tags and failures that are kept; a cluster runs some hundreds of images.
const MOST_KEPT: usize = 4096;
/// Bytes of verdicts that are kept by name, as many of those by digest, and as many of what is signed.
const VERDICT_BYTES: u64 = 16 << 20;
/// Parts of a cache: requests seldom wait for one another, and a verdict of megabytes fits one.
const PARTS: usize = 4;
/// Pull secrets of one pod that count, one more than are read, so that it is told. They are part of keys: a list of a
/// megabyte must not be kept with each of a pod's images.
const MOST_SECRETS: usize = 17;
/// Bytes of the name of a secret or service account; Kubernetes has none that are longer.
const MAX_NAME: usize = 253;
/// Namespaces and registries for which a share of the scans is kept apart at a time.
const MOST_SHARES: usize = 512;

/// What is asked of one image.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// As the review writes it.
    pub image: &'a str,
    pub namespace: Option<&'a str>,
    pub request: &'a Request<'a>,
    /// Whose credentials: the pod's service account and pull secrets.
    pub service_account: Option<&'a str>,
    pub pull_secrets: &'a [String],
    pub deadline: Instant,
    /// What to say to somebody who comes too early, in seconds.
    pub retry_after: u32,
}

/// Why a tag could not be pinned, in words for the user, and whether the image may run all the same.
#[derive(Debug)]
pub struct Unpinned {
    pub why: String,
    pub allowed: bool,
}

/// What is known of an image by a deadline.
enum Found {
    Verdict(Arc<Judged>),
    Nothing(Failure),
    /// Too many are being found out about.
    NoRoom,
    /// It goes on.
    NotYet,
}

/// Whose credentials are used, as a key: empty for the server's own.
pub(super) type Scope = String;

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct AnswerKey {
    pub image: String,
    pub namespace: Option<String>,
    pub scope: Scope,
    pub generation: u64,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct VerdictKey {
    digest: Digest,
    image: String,
    namespace: Option<String>,
    generation: u64,
}

type TagKey = (String, Scope);

/// Work on one step, by what it is for.
type Step<K, V> = Arc<Flights<K, Result<V, Failure>>>;

/// Settings of the caches.
#[derive(Debug, Clone, Copy)]
pub struct Keeping {
    pub tags: Duration,
    pub verdicts: Duration,
    /// Bytes for what is known of images.
    pub memory: u64,
    /// Images unpacked at the same time.
    pub scans: usize,
}

pub struct Images {
    sources: Sources,
    platform: Option<Platform>,
    cluster: Option<Arc<Cluster>>,
    keeping: Keeping,
    answers: Expiring<AnswerKey, Arc<Judged>>,
    verdicts: Expiring<VerdictKey, Arc<Judged>>,
    tags: Expiring<TagKey, Digest>,
    looks: Expiring<Digest, Arc<Looked>>,
    pub(super) signed: Expiring<signed::Key, Arc<SignatureFacts>>,
    failures: Expiring<AnswerKey, Failure>,
    judging: Step<AnswerKey, Arc<Judged>>,
    resolving: Step<TagKey, (Digest, Option<Instant>)>,
    looking: Step<(Digest, TagKey), Arc<Looked>>,
    pub(super) scanning: Arc<Semaphore>,
    /// Turns of asking rules over images.
    ruling: Arc<Semaphore>,
    shares: Mutex<HashMap<String, Arc<Semaphore>>>,
    metrics: Arc<Metrics>,
    log: Log,
}

impl Images {
    /// Until when that counts which may be otherwise at the next try.
    pub(super) fn soon(&self) -> Option<Instant> {
        after(FAILURE.min(self.keeping.verdicts))
    }

    pub fn new(
        sources: Sources,
        platform: Option<Platform>,
        cluster: Option<Arc<Cluster>>,
        keeping: Keeping,
        metrics: Arc<Metrics>,
        log: Log,
    ) -> Images {
        Images {
            sources,
            platform,
            cluster,
            answers: Expiring::new(MOST_KEPT, VERDICT_BYTES, PARTS),
            verdicts: Expiring::new(MOST_KEPT, VERDICT_BYTES, PARTS),
            tags: Expiring::new(MOST_KEPT, MOST_KEPT as u64, PARTS),
            signed: Expiring::new(MOST_KEPT, VERDICT_BYTES, PARTS),
            // Seldom asked, and some are large.
            looks: Expiring::new(MOST_KEPT, keeping.memory, 1),
            failures: Expiring::new(MOST_KEPT, MOST_KEPT as u64, PARTS),
            judging: Arc::new(Flights::new(MOST_AT_ONCE)),
            resolving: Arc::new(Flights::new(MOST_AT_ONCE)),
            looking: Arc::new(Flights::new(MOST_AT_ONCE)),
            scanning: Arc::new(Semaphore::new(keeping.scans)),
            ruling: Arc::new(Semaphore::new(keeping.scans)),
            shares: Mutex::default(),
            keeping,
            metrics,
            log,
        }
    }

    /// Images that are being found out about.
    pub fn running(&self) -> usize {
        self.judging.len()
    }

    /// Name, entries and weight of each cache.
    pub fn sizes(&self) -> Vec<(&'static str, usize, u64)> {
        vec![
            ("answers", self.answers.len(), self.answers.weight()),
            ("verdicts", self.verdicts.len(), self.verdicts.weight()),
            ("tags", self.tags.len(), self.tags.weight()),
            ("images", self.looks.len(), self.looks.weight()),
            ("signatures", self.signed.len(), self.signed.weight()),
        ]
    }

    /// Forgets verdicts: policy or data changed. What is in the images stays known.
    pub fn forget_verdicts(&self) {
        self.answers.clear();
        self.verdicts.clear();
        self.signed.clear();
    }

    /// The verdict on one image.
    pub async fn judged(self: &Arc<Self>, loaded: &Arc<Loaded>, ask: &Ask<'_>) -> Arc<Judged> {
        let now = Instant::now();
        let key = self.key(loaded, ask);
        if !loaded.asks_who
            && let Some(kept) = self.answers.get(&key, now)
        {
            self.metrics.answers_cached.add(1);
            return kept;
        }
        let reference: ImageReference = match ask.image.parse() {
            Ok(reference) => reference,
            Err(error) => {
                self.metrics.images_failed.add(1);
                let problem = Problem::unreadable_name(ask.image, &error);
                return self.without_looking(loaded, ask, None, problem, None);
            }
        };
        match standing(loaded, ask, &reference) {
            Standing::Judged { .. } => {
                if let Some(kept) = self.answers.get(&key, now) {
                    self.metrics.answers_cached.add(1);
                    return kept;
                }
            }
            Standing::BreakGlass => return self.behind_glass(loaded, ask, key, reference).await,
            Standing::Exempt | Standing::Refused | Standing::NoEntry => {
                return self.without_looking(loaded, ask, Some(reference), decision::by_name(), None);
            }
        }
        match self.found(loaded, ask, key, &reference, ask.deadline).await {
            Found::Verdict(judged) => judged,
            Found::Nothing(failure) => self.failed(loaded, ask, reference, failure),
            Found::NoRoom => {
                let problem = Problem::undecided(
                    ProblemKind::LimitReached,
                    format!("assess {}: too many images are being assessed already", ask.image),
                );
                self.without_looking(loaded, ask, Some(reference), problem, Some(ask.retry_after))
            }
            Found::NotYet => {
                self.metrics.deadline_passed.add(1);
                let problem = Problem::undecided(
                    ProblemKind::LimitReached,
                    format!("assess {} within the time that the API server waits; it goes on", ask.image),
                );
                self.without_looking(loaded, ask, Some(reference), problem, Some(ask.retry_after))
            }
        }
    }

    /// What is found out by `deadline` of an image whose content decides; the finding goes on after it.
    async fn found(
        self: &Arc<Self>,
        loaded: &Arc<Loaded>,
        ask: &Ask<'_>,
        key: AnswerKey,
        reference: &ImageReference,
        deadline: Instant,
    ) -> Found {
        if let Some(failure) = self.failures.get(&key, Instant::now()) {
            return Found::Nothing(failure);
        }
        let whose = Whose::of(ask);
        let shares = whose.shares(reference);
        let work = {
            let (images, loaded, key, reference) =
                (Arc::clone(self), Arc::clone(loaded), key.clone(), reference.clone());
            move || async move { images.find_and_judge(&loaded, key, reference, whose).await }
        };
        match tokio::time::timeout_at(deadline.into(), self.judging.join(key, shares, work)).await {
            Ok(Some(Ok(judged))) => Found::Verdict(judged),
            Ok(Some(Err(failure))) => Found::Nothing(failure),
            Ok(None) => Found::NoRoom,
            Err(_) => Found::NotYet,
        }
    }

    /// The verdict on an image that a break-glass lets run. Whether the glass had to be broken at all, and what it
    /// overrules, is found out as far as a short while allows: an emergency does not wait for a registry.
    async fn behind_glass(
        self: &Arc<Self>,
        loaded: &Arc<Loaded>,
        ask: &Ask<'_>,
        key: AnswerKey,
        reference: ImageReference,
    ) -> Arc<Judged> {
        let none = BTreeMap::new();
        let calm = Request { annotations: &none, ..*ask.request };
        if matches!(standing(loaded, &Ask { request: &calm, ..*ask }, &reference), Standing::Judged { .. }) {
            let deadline = ask.deadline.min(Instant::now() + GLASS);
            let found = match self.answers.get(&key, Instant::now()) {
                Some(kept) => Found::Verdict(kept),
                None => self.found(loaded, ask, key, &reference, deadline).await,
            };
            if let Found::Verdict(kept) = found {
                if is_allowed(&kept.verdict) {
                    return kept;
                }
                let digest = kept.digest_text.as_deref().and_then(|digest| digest.parse::<Digest>().ok());
                let looked = digest.and_then(|digest| Some((self.looks.get(&digest, Instant::now())?, digest)));
                // The reasons are a courtesy: no time left or no turn, no reasons.
                let turn =
                    loaded.session.policies.ask_of_images().then(|| Arc::clone(&self.ruling).try_acquire_owned());
                let may = Instant::now() < deadline && !matches!(turn, Some(Err(_)));
                if let Some((looked, digest)) = looked.filter(|_| may) {
                    let request = Some(ask.request);
                    let known = (&*looked, kept.signatures.clone());
                    let judge = || judge_looked(loaded, ask.image, ask.namespace, &reference, digest, known, request);
                    return Arc::new(tokio::task::block_in_place(judge));
                }
            }
        }
        let problem = Problem::undecided(ProblemKind::NotExamined, "look into it: a break-glass annotation holds");
        self.without_looking(loaded, ask, Some(reference), problem, None)
    }

    /// The digest that a name leads to now, for pinning.
    ///
    /// # Errors
    /// When it could not be told.
    pub async fn resolved(
        self: &Arc<Self>,
        loaded: &Loaded,
        reference: &ImageReference,
        ask: &Ask<'_>,
    ) -> Result<Digest, Unpinned> {
        let whose = Whose::of(ask);
        let scope = self.scope(ask);
        match tokio::time::timeout_at(ask.deadline.into(), self.resolve(reference, scope, &whose)).await {
            Ok(Ok((digest, _))) => Ok(digest),
            Ok(Err(failure)) => Err(self.unpinned(loaded, ask, reference, *failure.problem)),
            Err(_) => {
                let message = format!("resolve {}: its registry did not answer in time", ask.image);
                let problem = Problem::undecided(ProblemKind::LimitReached, message);
                Err(self.unpinned(loaded, ask, reference, problem))
            }
        }
    }

    fn unpinned(&self, loaded: &Loaded, ask: &Ask<'_>, reference: &ImageReference, problem: Problem) -> Unpinned {
        let why = problem.to_string();
        let judged = self.without_looking(loaded, ask, Some(reference.clone()), problem, None);
        Unpinned { why, allowed: is_allowed(&judged.verdict) }
    }

    /// Finds out about an image ahead of time.
    pub async fn warm(self: &Arc<Self>, loaded: &Arc<Loaded>, image: &RunningImage) {
        let none = BTreeMap::new();
        let request = Request { user: None, groups: &[], annotations: &none };
        let ask = Ask {
            image: &image.image,
            namespace: Some(image.namespace.as_str()).filter(|namespace| !namespace.is_empty()),
            request: &request,
            service_account: None,
            pull_secrets: &image.pull_secrets,
            deadline: Instant::now() + WARMING,
            retry_after: 0,
        };
        self.judged(loaded, &ask).await;
    }

    fn key(&self, loaded: &Loaded, ask: &Ask<'_>) -> AnswerKey {
        AnswerKey {
            image: ask.image.to_owned(),
            namespace: ask.namespace.map(str::to_owned),
            scope: self.scope(ask),
            generation: loaded.generation,
        }
    }

    fn scope(&self, ask: &Ask<'_>) -> Scope {
        if self.cluster.is_some() { Whose::of(ask).scope() } else { Scope::new() }
    }

    fn failed(&self, loaded: &Loaded, ask: &Ask<'_>, reference: ImageReference, failure: Failure) -> Arc<Judged> {
        let seconds = u32::try_from(failure.live.as_secs()).unwrap_or(u32::MAX).max(ask.retry_after);
        self.without_looking(loaded, ask, Some(reference), *failure.problem, Some(seconds))
    }

    /// The verdict on an image that was not looked into. Cheap, and not kept.
    fn without_looking(
        &self,
        loaded: &Loaded,
        ask: &Ask<'_>,
        reference: Option<ImageReference>,
        problem: Problem,
        retry_after: Option<u32>,
    ) -> Arc<Judged> {
        let named = (ask.image, reference);
        let judged = decision::without_looking(loaded, named, ask.namespace, ask.request, problem, session::now());
        Arc::new(Judged { retry_after, ..judged })
    }

    /// What is known of the image of that digest, as databases and rules see it: for a record. All rules count, also those
    /// that the policy in force does not ask for, for another one may; of its signatures nothing, which are known by name.
    pub fn assessment(&self, loaded: &Loaded, digest: &Digest) -> Option<Assessment> {
        let looked = self.looks.get(digest, Instant::now())?;
        let mut session = loaded.session.clone();
        session.at = session::now();
        session.every_rule = true;
        let Looked { subject, inventory, problems } = (*looked).clone();
        Some(assess::assembled(&session, subject, inventory, problems))
    }

    /// The whole way, kept at each step.
    async fn find_and_judge(
        self: Arc<Self>,
        loaded: &Arc<Loaded>,
        key: AnswerKey,
        reference: ImageReference,
        whose: Whose,
    ) -> Result<Arc<Judged>, Failure> {
        match self.find(loaded, &key, &reference, &whose).await {
            Ok((judged, until)) => {
                let weight = weight(&judged) + key.image.len() as u64;
                self.answers.put(key, Arc::clone(&judged), weight, until);
                Ok(judged)
            }
            Err(failure) => {
                self.metrics.images_failed.add(1);
                let fields = [("image", key.image.as_str().into()), ("why", failure.problem.to_string().into())];
                self.log.warn("an image could not be assessed", &fields);
                self.failures.put(key, failure.clone(), 1, after(failure.live));
                Err(failure)
            }
        }
    }

    /// The verdict, and until when the steps that led to it count.
    async fn find(
        self: &Arc<Self>,
        loaded: &Arc<Loaded>,
        key: &AnswerKey,
        reference: &ImageReference,
        whose: &Whose,
    ) -> Result<(Arc<Judged>, Option<Instant>), Failure> {
        let (digest, tag_until) = self.resolve(reference, key.scope.clone(), whose).await?;
        let by_digest = VerdictKey {
            digest: digest.clone(),
            image: key.image.clone(),
            namespace: key.namespace.clone(),
            generation: key.generation,
        };
        if let Some((kept, until)) = self.verdicts.get_until(&by_digest, Instant::now()) {
            self.metrics.verdicts_cached.add(1);
            return Ok((kept, earlier(tag_until, until)));
        }
        let looked = self.look(loaded, reference, &digest, key.scope.clone(), whose).await?;
        let whole = whole(&looked);
        let signed = signed::signed(self, loaded, key, (reference, &digest), &looked, whose).await?;
        let facts = signed.as_ref().map(|signed| Arc::clone(&signed.facts));
        let judged = self.judge_looked(loaded, key, reference, digest, (looked, facts)).await?;
        // A rule that could not tell may have had too little time, and what is not signed may soon be.
        let whole = whole && !judged.rulings_in_doubt() && !judged.lacks_signatures();
        // What is attested may have been in what was not read.
        let partly = judged.signatures.as_ref().is_some_and(|facts| facts.partial) && !is_allowed(&judged.verdict);
        let whole = whole && !partly;
        // A part that could not be had may be there at the next try.
        let until = if whole { after(self.keeping.verdicts) } else { self.soon() };
        // And a yes ends with what it rests on.
        let until = earlier(until, signed.as_ref().and_then(|signed| signed.until));
        if whole {
            if let Some(signed) = &signed {
                signed::keep(self, signed, until);
            }
            let weight = weight(&judged) + key.image.len() as u64;
            self.verdicts.put(by_digest, Arc::clone(&judged), weight, until);
        }
        Ok((judged, earlier(tag_until, until)))
    }

    /// What a name leads to, and until when a tag is taken to mean it.
    async fn resolve(
        self: &Arc<Self>,
        reference: &ImageReference,
        scope: Scope,
        whose: &Whose,
    ) -> Result<(Digest, Option<Instant>), Failure> {
        if let Some(digest) = reference.digest() {
            return Ok((digest.clone(), None));
        }
        let key = (reference.to_string(), scope);
        if let Some(found) = self.tags.get_until(&key, Instant::now()) {
            return Ok(found);
        }
        let work = {
            let (images, key, reference, whose) = (Arc::clone(self), key.clone(), reference.clone(), whose.clone());
            move || async move {
                let sources = images.sources_for(&whose).await.with_deadline(RESOLVING);
                let digest =
                    sources.resolve_async(&reference).await.map_err(|error| unreached(&reference, error))?.digest;
                let until = after(images.keeping.tags);
                images.tags.put(key, digest.clone(), 1, until);
                Ok((digest, until))
            }
        };
        let shares = whose.shares(reference);
        self.resolving.join(key, shares, work).await.unwrap_or_else(|| Err(busy(reference)))
    }

    /// What is in the image of that digest.
    async fn look(
        self: &Arc<Self>,
        loaded: &Arc<Loaded>,
        reference: &ImageReference,
        digest: &Digest,
        scope: Scope,
        whose: &Whose,
    ) -> Result<Arc<Looked>, Failure> {
        if let Some(looked) = self.looks.get(digest, Instant::now()) {
            return Ok(looked);
        }
        // Waited for here and not in the work, which others may join.
        let namespace = self.share_of(whose.namespace_words());
        let _share = namespace.acquire().await;
        if let Some(looked) = self.looks.get(digest, Instant::now()) {
            return Ok(looked);
        }
        let pinned = reference.with_digest(digest.clone());
        // Content is the same whoever fetches it, and whether it can be fetched is not.
        let key = (digest.clone(), (pinned.to_string(), scope));
        let work = {
            let (images, loaded, digest, whose) = (Arc::clone(self), Arc::clone(loaded), digest.clone(), whose.clone());
            move || async move {
                let sources = images.sources_for(&whose).await;
                let host = images.share_of(registry_words(&pinned));
                // The semaphores are never closed.
                let _share = host.acquire().await;
                let _scan = images.scanning.acquire().await;
                let name = pinned.to_string();
                let resolved = sources
                    .open_image_async(&name, images.platform.as_ref())
                    .await
                    .map_err(|error| unreached(&pinned, error))?;
                let session = loaded.session.clone();
                let looked = tokio::task::spawn_blocking(move || {
                    let meter = Meter::new(true, &name);
                    assess::look(&session, resolved, &name, &meter)
                });
                let looked = Arc::new(looked.await.map_err(|error| broken(&pinned, &error))?);
                images.metrics.images_assessed.add(1);
                // What could not be read today may be readable tomorrow: only whole knowledge is kept.
                if whole(&looked) {
                    let weight = bytes_of(&looked.inventory).saturating_mul(2);
                    images.looks.put(digest, Arc::clone(&looked), weight, None);
                }
                Ok(looked)
            }
        };
        // As many as are judged, which have their shares.
        self.looking.join(key, vec![], work).await.unwrap_or_else(|| Err(busy(reference)))
    }

    async fn judge_looked(
        self: &Arc<Self>,
        loaded: &Arc<Loaded>,
        key: &AnswerKey,
        reference: &ImageReference,
        digest: Digest,
        (looked, signed): (Arc<Looked>, Option<Arc<SignatureFacts>>),
    ) -> Result<Arc<Judged>, Failure> {
        let (loaded, key, named) = (Arc::clone(loaded), key.clone(), reference.clone());
        // Rules over images take their time and memory: only so many at once.
        let turn = match loaded.session.policies.ask_of_images() {
            true => Some(Arc::clone(&self.ruling).acquire_owned().await.map_err(|_| busy(reference))?),
            false => None,
        };
        let task = tokio::task::spawn_blocking(move || {
            let known = (&*looked, signed);
            let judged = judge_looked(&loaded, &key.image, key.namespace.as_deref(), &named, digest, known, None);
            drop(turn);
            Arc::new(judged)
        });
        let judged = task.await.map_err(|error| broken(reference, &error))?;
        self.metrics.verdicts_made.add(1);
        Ok(judged)
    }

    /// The sources with the pod's own credentials, where the server may read them.
    pub(super) async fn sources_for(&self, whose: &Whose) -> Sources {
        let (Some(cluster), Some(namespace)) = (&self.cluster, &whose.namespace) else { return self.sources.clone() };
        let found = cluster.pod_credentials(namespace, whose.service_account.as_deref(), &whose.pull_secrets).await;
        for problem in &found.problems {
            // Going on without it ends in the registry's own refusal, or in the server's own credentials.
            let fields = [("namespace", namespace.as_str().into()), ("why", problem.as_str().into())];
            self.log.warn("a pod's credentials could not be read", &fields);
        }
        self.sources.with_credentials(&found.secrets)
    }

    /// At most half of the scans are for one registry, and for one namespace: an image that trickles must not keep the
    /// others waiting. Always the namespace's before the registry's, and that before the scan itself.
    pub(super) fn share_of(&self, of: String) -> Arc<Semaphore> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if shares.len() >= MOST_SHARES {
            shares.retain(|_, share| Arc::strong_count(share) > 1);
        }
        let share = (self.keeping.scans / 2).max(1);
        Arc::clone(shares.entry(of).or_insert_with(|| Arc::new(Semaphore::new(share))))
    }
}

/// Whose credentials a task uses, without the request that it began with.
#[derive(Clone)]
pub(super) struct Whose {
    namespace: Option<String>,
    service_account: Option<String>,
    pull_secrets: Vec<String>,
}

impl Whose {
    fn of(ask: &Ask<'_>) -> Whose {
        // What is too long is the name of nothing, and so is the empty name.
        let name = |text: &str| if text.len() <= MAX_NAME { text.to_owned() } else { String::new() };
        Whose {
            namespace: ask.namespace.map(str::to_owned),
            service_account: ask.service_account.map(name),
            pull_secrets: ask.pull_secrets.iter().take(MOST_SECRETS).map(|secret| name(secret)).collect(),
        }
    }

    fn scope(&self) -> Scope {
        let Some(namespace) = &self.namespace else { return Scope::new() };
        let account = self.service_account.as_deref().unwrap_or("default");
        format!("{namespace}/{account}/{}", self.pull_secrets.join(","))
    }

    pub(super) fn namespace_words(&self) -> String {
        format!("namespace {}", self.namespace.as_deref().unwrap_or(""))
    }

    /// On whose behalf an image is found out about.
    fn shares(&self, reference: &ImageReference) -> Vec<Share> {
        vec![
            Share { of: self.namespace_words(), most: MOST_OF_NAMESPACE },
            Share { of: registry_words(reference), most: MOST_OF_REGISTRY },
        ]
    }
}

pub(super) fn registry_words(reference: &ImageReference) -> String {
    format!("registry {}", reference.registry())
}

/// A moment so far from now; none when that is for ever.
fn after(live: Duration) -> Option<Instant> {
    Instant::now().checked_add(live)
}

/// The earlier of two last moments; none is for ever.
pub(super) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    [one, other].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_credentials_are_used_has_a_bound_whatever_a_pod_names() {
        let none = BTreeMap::new();
        let request = Request { user: None, groups: &[], annotations: &none };
        let ask = |secrets: &[String]| {
            let ask = Ask {
                image: "a",
                namespace: Some("shop"),
                request: &request,
                service_account: None,
                pull_secrets: secrets,
                deadline: Instant::now(),
                retry_after: 0,
            };
            Whose::of(&ask).scope()
        };
        assert_eq!(ask(&["one".into(), "two".into()]), "shop/default/one,two");
        assert!(ask(&vec!["x".repeat(1 << 10); 1 << 10]).len() < 100);
        assert!(ask(&vec!["x".repeat(200); 20_000]).len() < 4 << 10);
    }
}
