//! What a person sees while waiting. In: counts of bytes. Out: bars on a terminal's standard error; nothing in CI, in a
//! pipe, or when asked to be quiet.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use plimsoll_model::Digest;

/// One subject's progress: fetched, unpacked.
pub struct Meter {
    bar: ProgressBar,
}

impl Meter {
    pub fn new(quiet: bool, name: &str) -> Meter {
        let shown = !quiet && std::io::stderr().is_terminal() && std::env::var_os("CI").is_none();
        let target = if shown { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        // The template is fixed and its keys are indicatif's own.
        let style = ProgressStyle::with_template("{msg:30!} {bar:30} {bytes:>10}/{total_bytes:<10} {bytes_per_sec}");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("━╸ "));
        }
        bar.set_message(format!("reach {}", plimsoll_report::safe(name)));
        Meter { bar }
    }

    /// Bytes of layers read so far, of all.
    pub fn unpacked(&self, done: u64, total: u64) {
        self.show("unpack", done, total);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&self, step: &'static str, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        self.bar.set_message(step);
    }
}

/// Adds up the downloads of one image's blobs.
pub struct Fetching {
    bar: ProgressBar,
    blobs: Mutex<HashMap<Digest, (u64, u64)>>,
}

impl Fetching {
    pub fn new(meter: &Meter) -> Fetching {
        Fetching { bar: meter.bar.clone(), blobs: Mutex::new(HashMap::new()) }
    }
}

impl plimsoll_sources::Progress for Fetching {
    fn advanced(&self, blob: &Digest, done: u64, total: u64) {
        if self.bar.is_hidden() {
            return;
        }
        // A poisoned count is only a picture: go on with what is there.
        let mut blobs = self.blobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        blobs.insert(blob.clone(), (done, total));
        let (done, total) = blobs.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        drop(blobs);
        self.bar.set_length(total);
        self.bar.set_position(done);
        self.bar.set_message("pull");
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
