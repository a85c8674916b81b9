//! Reviews and their answers, kept for a replay. In: what was asked and answered. Out: files of lines in a folder, a bounded
//! number of bounded ones, without secrets. What it does not do: delay or change an answer: what finds no room is counted and
//! missing, and so is what cannot be written.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write as _;
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use jiff::Timestamp;
use plimsoll_admission::{
    Answer, Decided, Given, Head, KnownImage, Line, RECORD_VERSION, Recorded, RecordedRoad, Review, Road, Why,
};
use plimsoll_checks::lint::Linter;
use plimsoll_model::{Assessment, Digest, Inventory};
use serde_json::value::RawValue;

use super::images::Images;
use super::judged::Judged;
use super::loaded::Loaded;
use super::log::Log;
use super::metrics::Metrics;
use super::redact;
use super::taken::Words;
use crate::workload;

/// Reviews that wait to be written.
const MAX_WAITING: usize = 1024;
/// Bytes of them.
const MAX_WAITING_BYTES: usize = 16 << 20;
/// Reasons of one verdict that are kept.
const MAX_REASONS: usize = 64;
/// Characters of a reason or message that are kept.
const MAX_WORDS: usize = 600;
/// How long the end of the process waits for what is still to be written.
const FAREWELL: Duration = Duration::from_secs(5);
/// What a record's files are called: `reviews-` and the time, so that their names are in the order of their age.
const PREFIX: &str = "reviews-";
const SUFFIX: &str = ".jsonl";

/// Where and how much.
#[derive(Debug, Clone)]
pub struct Keeping {
    pub folder: PathBuf,
    /// Bytes of one file.
    pub size: u64,
    /// Files that are kept; the oldest go.
    pub files: usize,
}

enum Message {
    Reviewed(Box<Reviewed>),
    /// Answered when all before it is written.
    Flush(SyncSender<()>),
}

struct Reviewed {
    at: Timestamp,
    road: RecordedRoad,
    loaded: Arc<Loaded>,
    body: Bytes,
    images: Vec<String>,
    /// Where the object and the old one stand in the body.
    objects: [Option<Range<usize>>; 2],
    answer: Answer,
    judged: Vec<Arc<Judged>>,
}

/// The way to the thread that writes.
pub struct Recorder {
    sender: SyncSender<Message>,
    waiting: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
}

impl Recorder {
    /// Starts to keep a record. A folder that cannot be written does not keep the gate from serving: it is told, and tried
    /// again with each review.
    ///
    /// # Errors
    /// When the thread cannot be started, or what is taken out could not be looked into first.
    pub fn start(keeping: Keeping, images: Arc<Images>, metrics: Arc<Metrics>, log: Log) -> anyhow::Result<Recorder> {
        let (sender, receiver) = sync_channel(MAX_WAITING);
        let waiting = Arc::new(AtomicUsize::new(0));
        let values = workload::linter_of_values()?;
        let mut writer =
            Writer { keeping, images, metrics: Arc::clone(&metrics), log, open: None, values, failing: false };
        if let Err(error) = writer.probe() {
            writer.failed(&error);
        }
        let weighed = Arc::clone(&waiting);
        let thread = std::thread::Builder::new().name("plimsoll-record".into());
        thread.spawn(move || writer.run(&receiver, &weighed)).context("start the thread that records")?;
        Ok(Recorder { sender, waiting, metrics })
    }

    /// Takes a review and its answer, when there is room.
    pub fn offer(
        &self,
        review: &Review,
        road: Road,
        loaded: Arc<Loaded>,
        body: Bytes,
        answer: Answer,
        judged: Vec<Arc<Judged>>,
    ) {
        let road = match road {
            Road::ImagePolicy => RecordedRoad::ImagePolicy,
            _ => RecordedRoad::Validate,
        };
        let weight = body.len();
        let before = self.waiting.fetch_add(weight, Ordering::Relaxed);
        let reviewed = || {
            let images = review.images.iter().map(|image| image.image.clone()).collect();
            let objects = [review.object.clone(), review.old_object.clone()];
            Box::new(Reviewed { at: Timestamp::now(), road, loaded, body, images, objects, answer, judged })
        };
        let fits = before.saturating_add(weight) <= MAX_WAITING_BYTES;
        if !fits || self.sender.try_send(Message::Reviewed(reviewed())).is_err() {
            self.waiting.fetch_sub(weight, Ordering::Relaxed);
            self.metrics.not_recorded.add(1);
        }
    }

    /// Waits, for a while, until all so far is written.
    pub fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.sender.try_send(Message::Flush(done)).is_ok() {
            let _ = written.recv_timeout(FAREWELL);
        }
    }
}

/// Why a folder cannot be written, where that is so: for `--check`.
pub fn fault(folder: &Path) -> Option<std::io::Error> {
    made(folder).and_then(|()| tempfile::tempfile_in(folder).map(drop)).err()
}

fn made(folder: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

struct Writer {
    keeping: Keeping,
    images: Arc<Images>,
    metrics: Arc<Metrics>,
    log: Log,
    open: Option<Open>,
    /// Rules that look at what is taken out.
    values: Linter,
    /// It was told that nothing can be written.
    failing: bool,
}

/// The file that is written.
struct Open {
    file: File,
    size: u64,
    /// Digest and names of the policy and data that its last head tells; none before there is a head.
    ground: Option<(String, String)>,
    /// Images that were told since that head.
    images: HashSet<String>,
}

impl Writer {
    fn run(mut self, receiver: &Receiver<Message>, waiting: &AtomicUsize) {
        while let Ok(message) = receiver.recv() {
            match message {
                Message::Reviewed(reviewed) => {
                    let weight = reviewed.body.len();
                    // A fault of this thread costs one line and not the record.
                    let write = std::panic::AssertUnwindSafe(|| self.take(&reviewed));
                    if std::panic::catch_unwind(write).is_err() {
                        self.metrics.not_recorded.add(1);
                    }
                    drop(reviewed);
                    waiting.fetch_sub(weight, Ordering::Relaxed);
                }
                Message::Flush(done) => {
                    let _ = done.try_send(());
                }
            }
        }
    }

    fn probe(&self) -> std::io::Result<()> {
        fault(&self.keeping.folder).map_or(Ok(()), Err)
    }

    fn take(&mut self, reviewed: &Reviewed) {
        // What was read as a review is JSON; what is left out here is counted all the same.
        let Some(line) = line(reviewed, &self.values) else { return self.metrics.not_recorded.add(1) };
        match self.write(reviewed, &line) {
            Ok(()) => {
                self.metrics.recorded.add(1);
                if std::mem::take(&mut self.failing) {
                    self.log.info("the record of reviews is written again", &[]);
                }
            }
            Err(error) => {
                self.metrics.not_recorded.add(1);
                self.failed(&error);
            }
        }
    }

    /// Counts, and says so once until it works again.
    fn failed(&mut self, error: &std::io::Error) {
        self.metrics.record_failures.add(1);
        if !std::mem::replace(&mut self.failing, true) {
            let folder = self.keeping.folder.display().to_string();
            let fields = [("folder", folder.into()), ("why", error.to_string().into())];
            self.log.error("could not write the record of reviews; answers are given without it", &fields);
        }
    }

    fn write(&mut self, reviewed: &Reviewed, line: &[u8]) -> std::io::Result<()> {
        let most = self.keeping.size;
        if self.open.as_ref().is_some_and(|open| open.size > 0 && open.size + line.len() as u64 > most) {
            self.open = None;
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.next()?,
        };
        let mut text = Vec::with_capacity(line.len() + 4096);
        let mut told = Vec::new();
        let (policy, databases) = (&reviewed.loaded.session.policy.digest, &reviewed.loaded.databases);
        let fresh = open.ground.as_ref().is_none_or(|ground| (&ground.0, &ground.1) != (policy, databases));
        if fresh {
            put(&mut text, &head(&reviewed.loaded))?;
        }
        for digest in reviewed.judged.iter().filter_map(|judged| judged.digest_text.as_deref()) {
            if !fresh && open.images.contains(digest) || told.contains(&digest) {
                continue;
            }
            if let Some(image) = self.image(&reviewed.loaded, digest) {
                put(&mut text, &Line::Image(Box::new(image)))?;
                told.push(digest);
            }
        }
        text.extend_from_slice(line);
        let written = open.file.write_all(&text);
        if written.is_ok() {
            open.size += text.len() as u64;
            if fresh {
                open.ground = Some((policy.clone(), databases.clone()));
                open.images.clear();
            }
            open.images.extend(told.into_iter().map(str::to_owned));
        } else {
            // Half a line would spoil the next one. A file that cannot even be cut is left as it is.
            if open.file.set_len(open.size).is_err() {
                return written;
            }
        }
        self.open = Some(open);
        written
    }

    /// A new file, and one of the oldest less.
    fn next(&self) -> std::io::Result<Open> {
        let folder = &self.keeping.folder;
        made(folder)?;
        let now = Timestamp::now();
        let mut attempt = 0;
        let file = loop {
            let millis = now.as_millisecond().saturating_add(attempt);
            let path = folder.join(format!("{PREFIX}{millis:015}{SUFFIX}"));
            match File::options().append(true).create_new(true).mode(0o600).open(path) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && attempt < 1000 => attempt += 1,
                other => break other?,
            }
        };
        let mut files = files(folder)?;
        let spare = files.len().saturating_sub(self.keeping.files);
        for old in files.drain(..spare) {
            std::fs::remove_file(old)?;
        }
        Ok(Open { file, size: 0, ground: None, images: HashSet::new() })
    }

    fn image(&self, loaded: &Loaded, digest: &str) -> Option<KnownImage> {
        let known: Digest = digest.parse().ok()?;
        let assessment = self.images.assessment(loaded, &known)?;
        Some(KnownImage { digest: digest.to_owned(), assessment: slim(assessment) })
    }
}

/// The files of a record, the oldest first.
pub fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX)) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// What a policy asks of an assessment: packages, matches, findings, problems. Layers, settings and files are in reports alone.
fn slim(assessment: Assessment) -> Assessment {
    let Inventory { distro, packages, .. } = assessment.inventory;
    Assessment { inventory: Inventory { distro, packages, ..Inventory::default() }, verdict: None, ..assessment }
}

fn head(loaded: &Loaded) -> Line<'static> {
    Line::Head(Head {
        version: RECORD_VERSION,
        program: format!("plimsoll {}", env!("CARGO_PKG_VERSION")),
        at: Timestamp::now().to_string(),
        policy: loaded.session.policy_info(),
        databases: loaded.session.database_infos.clone(),
    })
}

fn put(text: &mut Vec<u8>, line: &Line<'_>) -> std::io::Result<()> {
    serde_json::to_writer(&mut *text, line)?;
    text.push(b'\n');
    Ok(())
}

/// The line of a review, with its break; nothing when its JSON cannot be read as a whole.
fn line(reviewed: &Reviewed, values: &Linter) -> Option<Vec<u8>> {
    let mut review: serde_json::Value = serde_json::from_slice(&reviewed.body).ok()?;
    let taken = redact::review(&mut review);
    let redacted = taken.count();
    let review = RawValue::from_string(review.to_string()).ok()?;
    let text = |place: &Option<Range<usize>>| std::str::from_utf8(reviewed.body.get(place.clone()?)?).ok();
    let [object, old] = &reviewed.objects;
    let found = match text(object) {
        Some(object) if redacted > 0 => workload::rules_of_values(values, object, text(old)),
        _ => Some(Vec::new()),
    };
    let recorded = Recorded {
        at: reviewed.at.to_string(),
        road: reviewed.road,
        redacted,
        unexamined: found.is_none(),
        secrets: found.unwrap_or_default(),
        answer: given_without(&taken.words(), &reviewed.images, &reviewed.answer, &reviewed.judged),
        review: &review,
    };
    let mut text = Vec::with_capacity(review.get().len() + 1024);
    put(&mut text, &Line::Review(Box::new(recorded))).ok()?;
    Some(text)
}

/// An answer in short.
pub fn given(images: &[String], answer: &Answer, judged: &[Arc<Judged>]) -> Given {
    given_without(&Words::default(), images, answer, judged)
}

/// The same without what was taken out of the review: policies quote what they see.
fn given_without(taken: &Words, images: &[String], answer: &Answer, judged: &[Arc<Judged>]) -> Given {
    let clear = |text: &str| redact::words(&taken.clear(text)).into_owned();
    let named = images.iter().map(Some).chain(std::iter::once(None));
    let decided = named.zip(judged).map(|(image, judged)| {
        let verdict = &judged.verdict;
        let reasons = verdict.reasons.iter().take(MAX_REASONS).map(|reason| Why {
            effect: reason.effect,
            code: reason.code,
            clause: reason.clause.clone(),
            message: short(&clear(&reason.message)),
        });
        Decided {
            image: image.cloned(),
            digest: judged.digest_text.clone(),
            outcome: verdict.outcome,
            effective: verdict.effective,
            mode: verdict.mode,
            reasons: reasons.collect(),
            problems: judged.problems.clone(),
        }
    });
    Given {
        allowed: answer.allowed,
        message: clear(&answer.message),
        warnings: answer.warnings.iter().map(|warning| clear(warning)).collect(),
        decided: decided.collect(),
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(MAX_WORDS) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}
