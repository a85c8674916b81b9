//! Reviews and their answers, kept for a replay. In: what was asked and answered. Out: files of lines in a folder, a bounded
//! number of bounded ones, without secrets. What it does not do: delay or change an answer: what finds no room is counted and
//! missing, and so is what cannot be written.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::File;
use std::io::Write as _;
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use jiff::Timestamp;
use plimsoll_admission::{
    Answer, Decided, Given, Head, KnownBy, KnownImage, Line, MAX_LINE, RECORD_VERSION, Recorded, RecordedRoad, Review,
    Road, Why,
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
/// Bytes of what is in force and known of images that one review adds: as much as the longest line.
const MAX_GROUND: usize = MAX_LINE;
/// How long the end of the process waits for what is still to be written.
const FAREWELL: Duration = Duration::from_secs(5);
/// How often the end of the process looks whether there is room to ask.
const PAUSE: Duration = Duration::from_millis(10);
/// What a record's files are called: `reviews-` and a number, the time or one more than the last has, so that their names are in
/// the order of their age.
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
    waiting: Arc<Waiting>,
    metrics: Arc<Metrics>,
    log: Log,
}

/// What is still to be written.
#[derive(Default)]
struct Waiting {
    reviews: AtomicUsize,
    bytes: AtomicUsize,
}

impl Waiting {
    /// One more of so many bytes; gives how many bytes waited before it.
    fn add(&self, bytes: usize) -> usize {
        self.reviews.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed)
    }

    fn sub(&self, bytes: usize) {
        self.reviews.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Recorder {
    /// Starts to keep a record. A folder that cannot be written does not keep the gate from serving: it is told, and tried
    /// again with each review.
    ///
    /// # Errors
    /// When the thread cannot be started, or what is taken out could not be looked into first.
    pub fn start(keeping: Keeping, images: Arc<Images>, metrics: Arc<Metrics>, log: Log) -> anyhow::Result<Recorder> {
        let (sender, receiver) = sync_channel(MAX_WAITING);
        let waiting = Arc::new(Waiting::default());
        let values = workload::linter_of_values()?;
        let mut writer =
            Writer { keeping, images, metrics: Arc::clone(&metrics), log, open: None, values, failing: false };
        if let Err(error) = writer.probe() {
            writer.failed(&error);
        }
        let weighed = Arc::clone(&waiting);
        let thread = std::thread::Builder::new().name("plimsoll-record".into());
        thread.spawn(move || writer.run(&receiver, &weighed)).context("start the thread that records")?;
        Ok(Recorder { sender, waiting, metrics, log })
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
        let before = self.waiting.add(weight);
        let reviewed = || {
            let images = review.images.iter().map(|image| image.image.clone()).collect();
            let objects = [review.object.clone(), review.old_object.clone()];
            Box::new(Reviewed { at: Timestamp::now(), road, loaded, body, images, objects, answer, judged })
        };
        let fits = before.saturating_add(weight) <= MAX_WAITING_BYTES;
        if !fits || self.sender.try_send(Message::Reviewed(reviewed())).is_err() {
            self.waiting.sub(weight);
            self.metrics.not_recorded.add(1);
        }
    }

    /// Waits, for a while, until all so far is written. What is not by then is counted, and told.
    pub fn flush(&self) {
        let lost = self.unwritten_after(FAREWELL);
        if lost > 0 {
            self.metrics.not_recorded.add(lost);
            let fields = [("reviews", lost.into())];
            self.log.error("the end did not wait any longer for reviews that were still to be recorded", &fields);
        }
    }

    /// How many reviews of those so far are not written after so long.
    fn unwritten_after(&self, time: Duration) -> u64 {
        let started = Instant::now();
        let left = || time.saturating_sub(started.elapsed());
        let (done, written) = sync_channel(1);
        let mut message = Message::Flush(done);
        // A way that is full has room once one more is written.
        while let Err(error) = self.sender.try_send(message) {
            match error {
                TrySendError::Full(back) if !left().is_zero() => message = back,
                _ => return self.waiting.reviews.load(Ordering::Relaxed) as u64,
            }
            std::thread::sleep(PAUSE.min(left()));
        }
        match written.recv_timeout(left()) {
            Ok(()) => 0,
            Err(_) => self.waiting.reviews.load(Ordering::Relaxed) as u64,
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

/// What a review adds to a file.
struct Lines {
    text: Vec<u8>,
    /// Digest and names of the policy and data that a head among them tells.
    ground: Option<(String, String)>,
    /// Images that they tell.
    images: Vec<KnownBy>,
}

/// The file that is written.
struct Open {
    file: File,
    size: u64,
    /// Digest and names of the policy and data that its last head tells; none before there is a head.
    ground: Option<(String, String)>,
    /// Images that were told since that head.
    images: HashSet<KnownBy>,
}

impl Writer {
    fn run(mut self, receiver: &Receiver<Message>, waiting: &Waiting) {
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
                    waiting.sub(weight);
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
        let held = match self.open.take() {
            Some(open) => {
                let lines = self.lines(&open, reviewed, line)?;
                let fits = open.size.saturating_add(lines.text.len() as u64) <= self.keeping.size;
                // Of an empty file nothing is gained by another one.
                (fits || open.size == 0).then_some((open, lines))
            }
            None => None,
        };
        let (mut open, lines) = match held {
            Some(held) => held,
            None => {
                let open = self.next()?;
                let lines = self.lines(&open, reviewed, line)?;
                (open, lines)
            }
        };
        let written = open.file.write_all(&lines.text);
        if written.is_ok() {
            open.size += lines.text.len() as u64;
            if let Some(ground) = lines.ground {
                open.ground = Some(ground);
                open.images.clear();
            }
            open.images.extend(lines.images);
        } else {
            // Half a line would spoil the next one. A file that cannot even be cut is left as it is.
            if open.file.set_len(open.size).is_err() {
                return written;
            }
        }
        self.open = Some(open);
        written
    }

    /// All that a review adds to a file: what is in force and known, as far as the file does not say it, and the review's own
    /// line.
    fn lines(&self, open: &Open, reviewed: &Reviewed, line: &[u8]) -> std::io::Result<Lines> {
        let (policy, databases) = (&reviewed.loaded.session.policy.digest, &reviewed.loaded.databases);
        let fresh = open.ground.as_ref().is_none_or(|ground| (&ground.0, &ground.1) != (policy, databases));
        let mut text = Vec::with_capacity(line.len() + 4096);
        if fresh {
            put(&mut text, &head(&reviewed.loaded), MAX_LINE)?;
        }
        let mut images = Vec::new();
        // The object's own verdict has no digest.
        for judged in &reviewed.judged {
            let Some(digest) = &judged.digest_text else { continue };
            let key = (digest.clone(), judged.signed.clone());
            if !fresh && open.images.contains(&key) || images.contains(&key) {
                continue;
            }
            let Some(image) = self.image(&reviewed.loaded, digest, judged) else { continue };
            // What finds no room is not known to a replay, which says so.
            let room = MAX_GROUND.saturating_sub(text.len());
            if put(&mut text, &Line::Image(Box::new(image)), room).is_ok() {
                images.push(key);
            }
        }
        text.extend_from_slice(line);
        let ground = fresh.then(|| (policy.clone(), databases.clone()));
        Ok(Lines { text, ground, images })
    }

    /// A new file, after the oldest of those that were there made room for it.
    fn next(&self) -> std::io::Result<Open> {
        let folder = &self.keeping.folder;
        made(folder)?;
        let written: Vec<PathBuf> = files(folder)?.into_iter().filter(|file| is_regular(file)).collect();
        // A clock that was set back makes no file the oldest that is the newest.
        let last = written.iter().filter_map(|file| number(file)).max();
        let spare = (written.len() + 1).saturating_sub(self.keeping.files);
        for old in written.iter().take(spare) {
            std::fs::remove_file(old)?;
        }
        let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        let first = now.max(last.map_or(0, |last| last.saturating_add(1)));
        let mut attempt = 0;
        let file = loop {
            let number = first.saturating_add(attempt);
            let path = folder.join(format!("{PREFIX}{number:015}{SUFFIX}"));
            match created(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && attempt < 1000 => attempt += 1,
                other => break other?,
            }
        };
        Ok(Open { file, size: 0, ground: None, images: HashSet::new() })
    }

    /// What is known of the image of that digest, and what that verdict rests on of its signatures.
    fn image(&self, loaded: &Loaded, digest: &str, judged: &Judged) -> Option<KnownImage> {
        let known: Digest = digest.parse().ok()?;
        let mut assessment = self.images.assessment(loaded, &known)?;
        assessment.signatures = judged.signatures.as_deref().cloned();
        Some(KnownImage { digest: digest.to_owned(), signed: judged.signed.clone(), assessment: slim(assessment) })
    }
}

/// A file of a record, which this makes: whatever is at its place already, a link that leads elsewhere too, stays as it is.
fn created(path: &Path) -> std::io::Result<File> {
    File::options().append(true).create_new(true).mode(0o600).open(path)
}

/// Whether it is a file itself: what is a link, a folder or a device no gate wrote, and none removes.
fn is_regular(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_file())
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
    // What has no number is none that a gate wrote.
    found.sort_by_cached_key(|file| (number(file).unwrap_or(u64::MAX), file.clone()));
    Ok(found)
}

/// The number in the name of a file of a record.
fn number(file: &Path) -> Option<u64> {
    file.file_name()?.to_str()?.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok()
}

/// What the clauses of a policy ask of an assessment: packages, matches, findings, problems. Rules over images may ask for
/// layers, settings and files too: a replay judges no image by them.
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

/// Adds a line with its break, when it has at most so many bytes.
///
/// # Errors
/// When it has more: then nothing is added.
fn put(text: &mut Vec<u8>, line: &Line<'_>, most: usize) -> std::io::Result<()> {
    let before = text.len();
    let written = serde_json::to_writer(Bounded { text, left: most.min(MAX_LINE) }, line);
    match written {
        Ok(()) => text.push(b'\n'),
        Err(_) => text.truncate(before),
    }
    Ok(written?)
}

/// Takes so many bytes more.
struct Bounded<'a> {
    text: &'a mut Vec<u8>,
    left: usize,
}

impl std::io::Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.left = self.left.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::FileTooLarge)?;
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The line of a review, with its break; nothing when its JSON cannot be read as a whole, or the line is longer than one that
/// is read.
fn line(reviewed: &Reviewed, values: &Linter) -> Option<Vec<u8>> {
    let mut review: serde_json::Value = serde_json::from_slice(&reviewed.body).ok()?;
    let taken = redact::review(&mut review);
    let redacted = taken.count();
    let review = RawValue::from_string(review.to_string()).ok()?;
    let words = taken.words();
    let images = match redacted {
        0 => Cow::Borrowed(reviewed.images.as_slice()),
        _ => Cow::Owned(images_without(&words, reviewed, review.get())),
    };
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
        answer: given_without(&words, &images, &reviewed.answer, &reviewed.judged),
        review: &review,
    };
    let mut text = Vec::with_capacity(review.get().len() + 1024);
    put(&mut text, &Line::Review(Box::new(recorded)), MAX_LINE).ok()?;
    Some(text)
}

/// The names of the images as the recorded review has them, so that a replay finds each with its verdict.
fn images_without(taken: &Words, reviewed: &Reviewed, review: &str) -> Vec<String> {
    match plimsoll_admission::read(reviewed.road.into(), review.as_bytes()) {
        Ok(read) if read.images.len() == reviewed.images.len() => {
            read.images.into_iter().map(|image| image.image).collect()
        }
        _ => reviewed.images.iter().map(|image| cleared(taken, image)).collect(),
    }
}

/// A text without what was taken out, and without what looks like a secret in it.
fn cleared(taken: &Words, text: &str) -> String {
    redact::words(&taken.clear(text)).into_owned()
}

/// An answer in short.
pub fn given(images: &[String], answer: &Answer, judged: &[Arc<Judged>]) -> Given {
    given_without(&Words::default(), images, answer, judged)
}

/// The same without what was taken out of the review: policies quote what they see.
fn given_without(taken: &Words, images: &[String], answer: &Answer, judged: &[Arc<Judged>]) -> Given {
    let clear = |text: &str| cleared(taken, text);
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
            signed: judged.signed.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_a_new_one_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("old"), "old").unwrap();
        std::os::unix::fs::symlink("old", at("link")).unwrap();
        std::os::unix::fs::symlink("gone", at("dangling")).unwrap();
        for name in ["old", "link", "dangling"] {
            assert_eq!(created(&at(name)).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists, "{name}");
            assert_eq!(is_regular(&at(name)), name == "old");
        }
        assert!(!at("gone").exists() && created(&at("new")).is_ok());
    }

    #[test]
    fn what_the_end_does_not_wait_for_is_known() {
        let log = Log { format: crate::cli::LogFormat::Text, level: crate::cli::LogLevel::Error };
        let (sender, receiver) = sync_channel(1);
        let recorder = Recorder { sender, waiting: Arc::default(), metrics: Arc::default(), log };
        recorder.waiting.add(10);
        recorder.waiting.add(20);
        // Nobody writes, with room to ask and without; and nobody is there.
        let time = Duration::from_millis(30);
        assert_eq!([recorder.unwritten_after(time), recorder.unwritten_after(time)], [2, 2]);
        drop(receiver);
        recorder.flush();
        assert_eq!(recorder.metrics.not_recorded.get(), 2);
        let (sender, receiver) = sync_channel(1);
        let recorder = Recorder { sender, ..recorder };
        let answers = std::thread::spawn(move || match receiver.recv() {
            Ok(Message::Flush(done)) => done.send(()).is_ok(),
            _ => false,
        });
        assert_eq!(recorder.unwritten_after(FAREWELL), 0);
        assert!(answers.join().unwrap());
    }

    #[test]
    fn a_line_that_is_too_long_leaves_no_trace() {
        let known = KnownImage { digest: "d".repeat(500), signed: None, assessment: workload::unread(None) };
        let line = Line::Image(Box::new(known));
        let mut text = b"before\n".to_vec();
        assert!(put(&mut text, &line, 400).is_err());
        assert_eq!(text, b"before\n");
        put(&mut text, &line, MAX_LINE).unwrap();
        let length = text.len() - b"before\n".len() - 1;
        assert!(put(&mut text, &line, length - 1).is_err() && put(&mut text, &line, length).is_ok());
        assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 3);
    }
}
